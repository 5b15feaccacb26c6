//! `uiomove` and its relatives as a [`Spec`]: threads of a process that are in the kernel, each with a transfer of its
//! own, over the memory that they share.
//!
//! A thread says what its vector is (`element`), makes a transfer of it (`start`, or `copyinuio` as system calls do),
//! and moves. One turn of the kernel's loop is one step, so that the threads' stores and loads come between chunks.
//!
//! Memory has [`MEMORY_LEN`] bytes from address 0 on, and the byte at address *a* begins as *a*; each thread has a kernel
//! buffer of [`BUFFER_LEN`] bytes of its own, whose byte *i* begins as 128 + *i*. So every byte says where it came from.
//! The observables are those of the first thread's transfer.

use super::Errno;
use super::memory::Memory;
use super::movement::{self, Assertions, Direction, Failure, Flags, Iovec, Movement, Segment, Turn, Uio, Violation};
use super::vocabulary::FORMS;
pub use super::vocabulary::{Field, Op, Ret};
use crate::spec::{Broken, Clause, Form, Parameter, Progress, Spec, Step, StepOf, Thread, Unknown};
use crate::text;

/// The most threads that a state has room for.
pub const THREADS_MAX: usize = 4;
/// Bytes of the memory that the threads share.
pub const MEMORY_LEN: u8 = 64;
/// Bytes of a thread's kernel buffer.
pub const BUFFER_LEN: u8 = 32;

/// The spec: a choice of semantics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UioSpec {
    /// Where the vectors point.
    pub segment: Segment,
    /// Which way bytes go.
    pub direction: Direction,
    /// What the kernel checks of its callers.
    pub assertions: Assertions,
    /// The most bytes in one transfer, `IOSIZE_MAX`.
    pub iosize_max: i64,
}

impl Default for UioSpec {
    fn default() -> Self {
        UioSpec {
            segment: Segment::User,
            direction: Direction::Read,
            assertions: Assertions { compiled_in: true, recent: true },
            iosize_max: i64::MAX,
        }
    }
}

/// Where a running operation stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// Not begun.
    #[default]
    Start,
    /// Between two turns.
    Moving(Movement),
}

/// What changes as operations proceed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    memory: Memory,
    threads: Vec<Kernel>,
}

/// What a thread has in the kernel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Kernel {
    /// The vector as the process wrote it down, and how much of it can be read.
    vector: Vec<Iovec>,
    readable: usize,
    transfer: Transfer,
    clone: Option<Transfer>,
    buffer: Vec<u8>,
    flags: Flags,
}

/// A transfer, and what it was before anything was moved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Transfer {
    uio: Uio,
    resid: i64,
    offset: i64,
    iovcnt: usize,
    moved: i128,
    /// Whether `resid` was the sum of the lengths.
    matched: bool,
}

impl From<Uio> for Transfer {
    fn from(uio: Uio) -> Self {
        let matched = i128::try_from(uio.left()) == Ok(i128::from(uio.resid));
        Transfer { resid: uio.resid, offset: uio.offset, iovcnt: uio.iovcnt, moved: 0, matched, uio }
    }
}

crate::rules! {
    PREPARE = "prepare", "UIO-20", Must, "Writes down a vector, its end, a hole, or a byte of a kernel buffer.";
    STORE = "store", "UIO-20", Must, "The process stores a byte.";
    LOAD = "load", "UIO-20", Must, "The process loads a byte.";
    PEEK = "buffer.get", "UIO-20", Must, "Looks at a byte of the kernel buffer.";
    RESID = "resid", "UIO-01", Must, "Returns what is still to be moved.";
    OFFSET = "offset", "UIO-02", Must, "Returns where the transfer stands.";
    ELEMENTS = "iovcnt", "UIO-04", Must, "Returns how many elements are left.";
    FIRST = "first", "UIO-11", Must, "Returns what is left of the first of them.";
    START = "start", "UIO-03", Must, "Makes a transfer whose resid is the sum of the lengths.";
    SET = "set", "UIO-20", Must, "Sets resid or offset by hand.";
    COPYINIOV = "copyiniov", "UIO-17", Must, "Takes the vector in, or says why not.";
    COPYINUIO = "copyinuio", "UIO-16", Must, "Makes a transfer of the vector, or says why not.";
    SKIP = "uiomove.skip", "UIO-09", Must, "Skips an element of no length.";
    MOVE = "uiomove.copy", "UIO-06", Must, "Copies a chunk and accounts it.";
    NOCOPY = "uiomove.account", "UIO-12", Must, "Accounts a chunk and copies nothing.";
    FAULT = "uiomove.fault", "UIO-05", Must, "The chunk faults: nothing of it is accounted, some of it may be copied.";
    NOFAULT = "uiomove-nofault.fault", "UIO-19", Must, "The chunk faults where no fault may be served: the same.";
    DONE = "uiomove.return", "UIO-07", Must, "Returns: all that was wanted is moved, or all that there was.";
    NOTHING = "uiomove.nothing", "UIO-10", Must, "Returns at once: nothing was wanted, or nothing is left.";
    FROMBUF_BEGIN = "uiomove-frombuf.begin", "UIO-14", Must, "Finds the part of the buffer that begins at the offset.";
    FROMBUF = "uiomove-frombuf.refuse", "UIO-14", Must, "Refuses an offset or a length that cannot be.";
    FROMBUF_END = "uiomove-frombuf.end", "UIO-14", Must, "Returns: the offset is at the end of the buffer or beyond.";
    UREADC = "ureadc", "UIO-15", Must, "Puts the byte and accounts it, or faults and accounts nothing.";
    CLONE = "cloneuio", "UIO-18", Must, "Copies the transfer, vector and all.";
    SWAP = "swap", "UIO-18", Must, "Goes on with the copy.";
    NEGATIVE_RESID = "die.resid", "UIO-C1", Must, "The kernel stops: resid is negative.";
    RAN_OUT = "die.vector", "UIO-C2", Must, "The kernel stops, or reads beyond the vector: resid promised more than it has.";
    WRONG_THREAD = "die.thread", "UIO-C3", Must, "The kernel stops: the transfer is another thread's.";
    NOFAULT_SYSTEM = "die.nofault", "UIO-C4", Must, "The kernel stops: a segment without faults needs no care for them.";
    NO_ROOM = "die.ureadc", "UIO-C5", Must, "The kernel stops: there is no room for the byte.";
    KERNEL_FAULT = "die.fault", "UIO-C6", Must, "The kernel stops: its own memory faults.";
}

const UIOMOVE: &str = "FreeBSD sys/kern/subr_uio.c, uiomove_faultflag; uio(9)";
const CHECKS: &str = "FreeBSD sys/kern/subr_uio.c, uiomove_faultflag: assertions";
const BUILD: &str = "FreeBSD sys/kern/subr_uio.c and sys/sys/uio.h: copyiniov, copyinuio, cloneuio";

static CLAUSES: &[Clause] = &[
    Clause::new("UIO-01", UIOMOVE, "On every exit resid and what was moved add up to the resid at the start."),
    Clause::new("UIO-02", UIOMOVE, "The offset advances by exactly what was moved, also where nothing is copied."),
    Clause::new("UIO-03", UIOMOVE, "The lengths that are left add up to resid, if they did at the start."),
    Clause::new(
        "UIO-04",
        UIOMOVE,
        "The count of elements never grows nor falls below zero, and the vector's end stays where it is.",
    ),
    Clause::new("UIO-05", UIOMOVE, "A fault is EFAULT; nothing of its chunk is accounted, and all before it stays."),
    Clause::new("UIO-06", UIOMOVE, "Bytes go in the order of the elements, each to its place once."),
    Clause::new("UIO-07", UIOMOVE, "No call moves more than n bytes, nor more than resid if that was the sum."),
    Clause::new("UIO-08", UIOMOVE, "The thread's flags are on every exit what they were on entry."),
    Clause::new("UIO-09", UIOMOVE, "An element of no length is skipped and changes nothing else."),
    Clause::new(
        "UIO-10",
        UIOMOVE,
        "For n of zero or less, and for a resid of zero, the call returns 0 and does nothing.",
    ),
    Clause::new("UIO-11", UIOMOVE, "A used-up element stays in place with length 0 until a later turn skips it."),
    Clause::new("UIO-12", UIOMOVE, "With UIO_NOCOPY the account is kept and no byte is touched."),
    Clause::new("UIO-13", UIOMOVE, "UIO_READ moves from the kernel buffer into the vector, UIO_WRITE the other way."),
    Clause::new(
        "UIO-14",
        "FreeBSD sys/kern/subr_uio.c, uiomove_frombuf",
        "Moving out of a buffer begins at the offset; beyond the end it is 0, and what cannot be is EINVAL.",
    ),
    Clause::new("UIO-15", "FreeBSD sys/kern/subr_uio.c, ureadc", "One byte is put like a move of one byte."),
    Clause::new(
        "UIO-16",
        BUILD,
        "A vector of the process makes a transfer of offset -1; more than 1024 elements or more bytes than IOSIZE_MAX \
         are EINVAL, an unreadable vector EFAULT.",
    ),
    Clause::new("UIO-17", BUILD, "More than 1024 elements are the caller's error; the lengths are not looked at."),
    Clause::new("UIO-18", BUILD, "A clone shares nothing: moving by one leaves the other as it was."),
    Clause::new("UIO-19", "FreeBSD uio(9), uiomove_nofault", "Without faulting it is the same, and a fault is EFAULT."),
    Clause::extension("UIO-20", "Selvedge: the scaffolding of a litmus test", "What is written down is what is there."),
    Clause::new("UIO-C1", CHECKS, "A negative resid stops a recent kernel with assertions; others go on below zero."),
    Clause::new("UIO-C2", CHECKS, "A resid beyond the sum runs off the vector: an assertion, or anything at all."),
    Clause::new("UIO-C3", CHECKS, "A user segment is moved by its own thread only."),
    Clause::new("UIO-C4", CHECKS, "A recent kernel with assertions takes uiomove_nofault for user segments only."),
    Clause::new("UIO-C5", "FreeBSD sys/kern/subr_uio.c, ureadc", "A byte without room for it is a panic."),
    Clause::new("UIO-C6", UIOMOVE, "Kernel memory that faults ends everything: SYSSPACE has no errors."),
];

static PARAMETERS: &[Parameter] = &[
    Parameter { name: "segment", values: &["user", "system", "nocopy"], text: "Where the vectors point: uio_segflg." },
    Parameter { name: "direction", values: &["read", "write"], text: "Which way bytes go: uio_rw." },
    Parameter { name: "assertions", values: &["on", "off"], text: "Whether the kernel checks its callers." },
    Parameter {
        name: "checks",
        values: &["recent", "old"],
        text: "Whether the checks that came after FreeBSD 9 are among them.",
    },
    Parameter {
        name: "iosize-max",
        values: &["ssize", "int"],
        text: "The most bytes in one transfer: SSIZE_MAX, or INT_MAX as with the clamp or in a 32-bit process.",
    },
];

static OBSERVABLES: &[&str] = &["resid", "offset", "iovcnt", "element", "base", "len", "moved", "flags"];

impl Spec for UioSpec {
    type State = State;
    type Op = Op;
    type Phase = Phase;
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "uio"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(UioSpec {
            segment: match chosen[0] {
                "system" => Segment::System,
                "nocopy" => Segment::NoCopy,
                _ => Segment::User,
            },
            direction: if chosen[1] == "write" { Direction::Write } else { Direction::Read },
            assertions: Assertions { compiled_in: chosen[2] == "on", recent: chosen[3] == "recent" },
            iosize_max: if chosen[4] == "int" { i64::from(i32::MAX) } else { i64::MAX },
        })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        let segment = match self.segment {
            Segment::User => "user",
            Segment::System => "system",
            Segment::NoCopy => "nocopy",
        };
        vec![
            ("segment", segment),
            ("direction", if self.direction == Direction::Write { "write" } else { "read" }),
            ("assertions", if self.assertions.compiled_in { "on" } else { "off" }),
            ("checks", if self.assertions.recent { "recent" } else { "old" }),
            ("iosize-max", if self.iosize_max == i64::MAX { "ssize" } else { "int" }),
        ]
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [crate::spec::Rule] {
        RULES
    }

    fn aborts() -> &'static [&'static str] {
        &["UIO-C1", "UIO-C2", "UIO-C3", "UIO-C4", "UIO-C5", "UIO-C6"]
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        OBSERVABLES
    }

    fn threads_max() -> usize {
        THREADS_MAX
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        if let Some((name, _)) = set.first() {
            return Err(text::unknown_name("initial value", name, []));
        }
        let threads = (0..THREADS_MAX as u8).map(|thread| Kernel {
            vector: Vec::new(),
            readable: usize::MAX,
            transfer: Uio::new(Vec::new(), 0, self.segment, self.direction, thread).into(),
            clone: None,
            buffer: (0..BUFFER_LEN).map(|index| 128 + index).collect(),
            flags: Flags::default(),
        });
        Ok(State { memory: Memory::new(0, (0..MEMORY_LEN).collect()), threads: threads.collect() })
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        let Kernel { transfer: Transfer { uio, moved, .. }, flags, .. } = &state.threads[0];
        Some(match name {
            "resid" => look(uio, Field::Resid),
            "offset" => look(uio, Field::Offset),
            "iovcnt" => look(uio, Field::Iovcnt),
            "base" => look(uio, Field::Base),
            "len" => look(uio, Field::Len),
            "element" => uio.element as i64,
            "moved" => *moved as i64,
            "flags" => i64::from(*flags != Flags::default()),
            _ => return None,
        })
    }

    fn steps(
        &self,
        state: &State,
        Thread(thread): Thread,
        op: &Op,
        phase: &Phase,
        _seen: Option<&Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let mut after = state.clone();
        let State { memory, threads } = &mut after;
        let own = &mut threads[usize::from(thread)];
        let (rule, ret) = match *op {
            Op::Uiomove(n) => return self.uiomove(state, thread, thread, n, false, phase, out),
            Op::UiomoveOf(of, n) => return self.uiomove(state, thread, of, n, false, phase, out),
            Op::UiomoveNofault(n) => return self.uiomove(state, thread, thread, n, true, phase, out),
            Op::UiomoveFrombuf(len) => return self.frombuf(state, thread, len, phase, out),
            Op::Element(element) => {
                own.vector.push(element);
                (PREPARE, Ret::Ok)
            }
            Op::VectorEnd(count) => {
                own.readable = usize::from(count);
                (PREPARE, Ret::Ok)
            }
            Op::Hole(address, len) => {
                memory.punch(address..address.saturating_add(u64::from(len)));
                (PREPARE, Ret::Ok)
            }
            Op::BufferSet(index, value) => {
                own.buffer[usize::from(index)] = value;
                (PREPARE, Ret::Ok)
            }
            Op::BufferGet(index) => {
                let byte = own.buffer[usize::from(index)];
                (PEEK, Ret::Value(i64::from(byte)))
            }
            Op::Store(address, value) => {
                memory.bytes_mut(u64::from(address), 1)[0] = value;
                (STORE, Ret::Ok)
            }
            Op::Load(address) => {
                let byte = memory.bytes(u64::from(address), 1)[0];
                (LOAD, Ret::Value(i64::from(byte)))
            }
            Op::Start { offset } => {
                let uio = Uio::new(own.vector.clone(), offset, self.segment, self.direction, thread);
                own.transfer = uio.into();
                (START, Ret::Ok)
            }
            Op::SetResid(resid) => {
                own.transfer = Uio { resid, ..own.transfer.uio.clone() }.into();
                (SET, Ret::Ok)
            }
            Op::SetOffset(offset) => {
                own.transfer = Uio { offset, ..own.transfer.uio.clone() }.into();
                (SET, Ret::Ok)
            }
            Op::Copyiniov { count, too_many } => {
                let copied = movement::copyiniov(&own.vector, own.readable, count, too_many);
                (COPYINIOV, copied.map_or_else(Ret::Error, |_| Ret::Ok))
            }
            Op::Copyinuio { count } => {
                let (max, direction) = (self.iosize_max, self.direction);
                let made = movement::copyinuio(&own.vector, own.readable, count, max, direction, thread);
                let ret = match made {
                    Ok(uio) => {
                        own.transfer = uio.into();
                        Ret::Ok
                    }
                    Err(errno) => Ret::Error(errno),
                };
                (COPYINUIO, ret)
            }
            Op::Ureadc(byte) => {
                let put = movement::ureadc(byte, &mut own.transfer.uio, memory);
                own.transfer.moved += i128::from(put.is_ok());
                match put {
                    Ok(()) => (UREADC, Ret::Ok),
                    Err(Failure::Error(errno)) => (UREADC, Ret::Error(errno)),
                    Err(Failure::Violation(violation)) => return out.push(die(state, violation)),
                }
            }
            Op::Look(field) => {
                let rule = match field {
                    Field::Resid => RESID,
                    Field::Offset => OFFSET,
                    Field::Iovcnt => ELEMENTS,
                    Field::Base | Field::Len => FIRST,
                };
                (rule, Ret::Value(look(&own.transfer.uio, field)))
            }
            Op::Cloneuio => {
                own.clone = Some(own.transfer.clone());
                (CLONE, Ret::Ok)
            }
            Op::Swap => {
                if let Some(clone) = &mut own.clone {
                    std::mem::swap(clone, &mut own.transfer);
                }
                (SWAP, Ret::Ok)
            }
        };
        out.push(Step { rule, state: after, progress: Progress::Return(ret) });
    }

    fn invariants(&self, state: &State) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut check = |clause, holds: bool, transfer: &Transfer| {
            if !holds {
                broken.push(Broken { clause, text: format!("the account is wrong: {transfer:?}") });
            }
        };
        for transfer in state.threads.iter().flat_map(|own| std::iter::once(&own.transfer).chain(&own.clone)) {
            let Transfer { uio, resid, offset, iovcnt, moved, matched } = transfer;
            check("UIO-01", uio.resid.wrapping_add(*moved as i64) == *resid, transfer);
            check("UIO-02", offset.wrapping_add(*moved as i64) == uio.offset, transfer);
            check("UIO-03", !matched || i128::try_from(uio.left()) == Ok(i128::from(uio.resid)), transfer);
            let end_stays = uio.element + uio.iovcnt == uio.vector.len();
            check("UIO-04", uio.iovcnt <= *iovcnt && end_stays, transfer);
            check("UIO-07", !matched || *moved <= i128::from(*resid), transfer);
        }
        broken
    }

    /// First the vector, then a transfer over it, then moves. A byte is put only where there surely is room.
    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        let mut ops = vec![Op::Load(0), Op::Store(1, 200), Op::Load(17)];
        let element = |base, len| Op::Element(Iovec { base, len });
        let Some(start) = done.iter().position(|op| matches!(op, Op::Start { .. } | Op::Copyinuio { .. })) else {
            ops.extend([element(0, 2), element(16, 3), element(8, 0), Op::Start { offset: 0 }]);
            ops.push(Op::Copyinuio { count: done.len().min(3) as i64 });
            return ops;
        };
        let sum: u64 = done.iter().map(|op| if let Op::Element(element) = op { element.len } else { 0 }).sum();
        let taken = done[start..].iter().map(|op| match *op {
            Op::Uiomove(n) | Op::UiomoveNofault(n) => n as u64,
            Op::UiomoveFrombuf(_) => u64::from(MEMORY_LEN),
            Op::Ureadc(_) => 1,
            _ => 0,
        });
        if matches!(done[start], Op::Start { .. }) && taken.sum::<u64>() < sum {
            ops.push(Op::Ureadc(99));
        }
        ops.extend([Op::Uiomove(1), Op::Uiomove(4), Op::UiomoveFrombuf(4), Op::BufferGet(2), Op::Cloneuio, Op::Swap]);
        ops.extend([Field::Resid, Field::Offset, Field::Iovcnt, Field::Base, Field::Len].map(Op::Look));
        if self.segment == Segment::User {
            ops.extend([Op::Hole(17, 1), Op::UiomoveNofault(3)]);
        }
        ops
    }
}

impl UioSpec {
    /// One turn of the loop, or what ends it.
    #[allow(clippy::too_many_arguments, reason = "the kernel's arguments, and who, where and whereto")]
    fn uiomove(
        &self,
        state: &State,
        thread: u8,
        of: u8,
        n: i64,
        nofault: bool,
        phase: &Phase,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let mut after = state.clone();
        let (me, of) = (usize::from(thread), usize::from(of));
        let mut transfer = after.threads[of].transfer.clone();
        let mut movement = match phase {
            Phase::Moving(movement) => movement.clone(),
            Phase::Start => {
                let flags = &mut after.threads[me].flags;
                match Movement::enter(&transfer.uio, n, nofault, thread, self.assertions, flags) {
                    Ok(movement) => movement,
                    Err(violation) => return out.push(die(state, violation)),
                }
            }
        };
        let chunk = transfer.uio.vector.get(transfer.uio.element).copied();
        let State { memory, threads } = &mut after;
        let turn = match movement.turn(&mut threads[me].buffer, &mut transfer.uio, memory) {
            Ok(turn) => turn,
            Err(violation) => return out.push(die(state, violation)),
        };
        if let Turn::Moved(count) = turn {
            transfer.moved += i128::from(count);
        }
        threads[of].transfer = transfer;
        let leave = |movement: Movement, mut state: State| {
            movement.leave(&mut state.threads[me].flags);
            state
        };
        match turn {
            Turn::Done => {
                let rule = if *phase == Phase::Start { NOTHING } else { DONE };
                out.push(Step { rule, state: leave(movement, after), progress: Progress::Return(Ret::Ok) });
            }
            Turn::Skipped => {
                out.push(Step { rule: SKIP, state: after, progress: Progress::Next(Phase::Moving(movement)) });
            }
            Turn::Moved(_) => {
                let rule = if self.segment == Segment::NoCopy { NOCOPY } else { MOVE };
                out.push(Step { rule, state: after, progress: Progress::Next(Phase::Moving(movement)) });
            }
            Turn::Faulted { copied_max, .. } => {
                let chunk = chunk.expect("what faults is a chunk of an element");
                let rule = if nofault { NOFAULT } else { FAULT };
                for copied in 0..=copied_max {
                    let mut state = leave(movement.clone(), after.clone());
                    let State { memory, threads } = &mut state;
                    let buffer = &mut threads[me].buffer[movement.at..][..copied as usize];
                    movement::copy(self.direction, buffer, memory, chunk.base);
                    out.push(Step { rule, state, progress: Progress::Return(Ret::Error(Errno::EFAULT)) });
                }
            }
        }
    }

    fn frombuf(&self, state: &State, thread: u8, len: i64, phase: &Phase, out: &mut Vec<StepOf<Self>>) {
        let transfer = &state.threads[usize::from(thread)].transfer;
        if *phase != Phase::Start {
            // How much was wanted, and from where on, is in the phase.
            return self.uiomove(state, thread, thread, 0, false, phase, out);
        }
        let refuse = |rule, ret| Step { rule, state: state.clone(), progress: Progress::Return(ret) };
        match movement::frombuf(len, &transfer.uio, self.iosize_max) {
            Err(errno) => out.push(refuse(FROMBUF, Ret::Error(errno))),
            Ok(None) => out.push(refuse(FROMBUF_END, Ret::Ok)),
            Ok(Some((at, n))) => {
                let mut after = state.clone();
                let flags = &mut after.threads[usize::from(thread)].flags;
                match Movement::enter(&transfer.uio, n, false, thread, self.assertions, flags) {
                    Err(violation) => out.push(die(state, violation)),
                    Ok(movement) => {
                        let begun = Phase::Moving(movement.from(at));
                        out.push(Step { rule: FROMBUF_BEGIN, state: after, progress: Progress::Next(begun) });
                    }
                }
            }
        }
    }
}

fn look(uio: &Uio, field: Field) -> i64 {
    let first = (uio.iovcnt > 0).then(|| uio.vector[uio.element]);
    match field {
        Field::Resid => uio.resid,
        Field::Offset => uio.offset,
        Field::Iovcnt => uio.iovcnt as i64,
        Field::Base => first.map_or(-1, |element| element.base as i64),
        Field::Len => first.map_or(-1, |element| element.len as i64),
    }
}

fn die(state: &State, violation: Violation) -> StepOf<UioSpec> {
    let (rule, text) = match violation {
        Violation::NegativeResid => (NEGATIVE_RESID, "panic: uiomove: resid below zero"),
        Violation::VectorRanOut => (RAN_OUT, "panic: uiomove: no element left and bytes still to move"),
        Violation::WrongThread => (WRONG_THREAD, "panic: uiomove: user memory of another thread"),
        Violation::NofaultWithoutUser => (NOFAULT_SYSTEM, "panic: uiomove_nofault: not a user segment"),
        Violation::NoRoom => (NO_ROOM, "panic: ureadc: no room"),
        Violation::KernelFault => (KERNEL_FAULT, "panic: page fault in the kernel"),
    };
    let clause = RULES[usize::from(rule.0)].clause;
    Step { rule, state: state.clone(), progress: Progress::Abort { clause, text: text.to_owned() } }
}
