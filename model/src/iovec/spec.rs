//! Linux's vectored system calls as a [`Spec`]: threads of a process, each with vectors of its own, over one open file.
//!
//! A thread says what its vectors are (`element`, `remote`) and makes calls. A call is one step. Memory is mapped from
//! [`MAPPED_START`] to [`MAPPED_END`], but for holes; addresses below zero are the kernel's.

use std::fmt;
use std::str::FromStr;

use super::calls::{self, Allowed, Call, File, FileKind, Mapped, Target, Vector};
use crate::spec::{Clause, Form, Parameter, Progress, RuleId, Spec, Step, StepOf, Thread, Unknown, Unreadable};
use crate::text;
use crate::uio::movement::Iovec;
use crate::uio::{Direction, Errno};

/// The most threads that a state has room for.
pub const THREADS_MAX: usize = 4;
/// The first address that is mapped.
pub const MAPPED_START: u64 = 0x10000;
/// The end of what is mapped.
pub const MAPPED_END: u64 = 0x40000;

/// The spec: what the file is, whether its descriptor is open, and who is on the other side of `process_vm_readv`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IovecSpec {
    /// What the file is.
    pub file: FileKind,
    /// Whether its descriptor is open.
    pub is_open: bool,
    /// The other process.
    pub target: Target,
}

impl Default for IovecSpec {
    fn default() -> Self {
        IovecSpec { file: FileKind::Regular, is_open: true, target: Target::Open }
    }
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Appends an element to the thread's vector.
    Element(Iovec),
    /// Appends an element to the thread's remote vector.
    Remote(Iovec),
    /// From this element on neither vector can be read.
    VectorEnd(u16),
    /// Unmaps addresses.
    Hole(u64, u32),
    /// Puts bytes into the file.
    Fill(u32),
    /// Moves the position.
    Seek(i64),
    /// A vectored call on the file.
    Call(Call, i64),
    /// `process_vm_readv` (the local vector is filled) or `process_vm_writev`.
    ProcessVm {
        /// Which.
        direction: Direction,
        /// Elements of the local vector.
        local: i64,
        /// Elements of the remote one.
        remote: i64,
        /// Flags.
        flags: i64,
    },
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// So many bytes were moved.
    Count(u64),
    /// An error number.
    Error(Errno),
}

/// What changes as operations proceed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    file: File,
    mapped: Mapped,
    threads: Vec<Vectors>,
}

/// A thread's vectors, and how much of each can be read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Vectors {
    local: Vec<Iovec>,
    remote: Vec<Iovec>,
    readable: usize,
}

crate::rules! {
    PREPARE = "prepare", "IOV-16", Must, "Writes down a vector or its end, a hole, or the file's content or position.";
    BAD_DESCRIPTOR = "descriptor", "IOV-01", Must, "Refuses a descriptor that is not open.";
    TOO_MANY = "elements", "IOV-02", Must, "Refuses more elements than there may be.";
    UNREADABLE = "vector", "IOV-03", Must, "Refuses a vector that cannot be read.";
    NEGATIVE = "length", "IOV-04", Must, "Refuses a length that is negative as a signed number.";
    RANGE = "range", "IOV-05", Must, "Refuses a range that is not the process's.";
    MOVED = "moved", "IOV-06", Must, "Moves all that was wanted and there.";
    NOTHING = "nothing", "IOV-07", Must, "Returns 0: the lengths add up to nothing.";
    POSITION = "position", "IOV-08", Must, "Refuses a position.";
    FLAGS = "flags", "IOV-09", Must, "Refuses a flag.";
    DEVICE = "device", "IOV-10", Must, "Takes everything, or has nothing, and looks at no byte.";
    SHORT = "fault.short", "IOV-11", Must, "Returns what was moved before the fault, or EFAULT if nothing was.";
    BUFFERS = "fault.buffers", "IOV-12", Must, "Returns the whole buffers before the fault, or EFAULT.";
    ROOM = "wait", "IOV-13", Must, "Would have to wait, for bytes or for room.";
    PROCESS = "process", "IOV-14", Must, "Refuses flags or the process, or there is nothing to move.";
    GROWN = "fault.grown", "IOV-18", May, "Returns EFAULT, and the file ends where the write began: there are zeros before.";
    TOO_LARGE = "too large", "IOV-19", Must, "Writes as much as the file may grow by, or returns EFBIG.";
    PROCESS_SHORT = "process.short", "IOV-15", Must, "Returns what was moved before a fault on either side, else EFAULT.";
}

const IMPORT: &str = "Linux 6.12 lib/iov_iter.c, __import_iovec and iovec_from_user";
const CALLS: &str = "Linux 6.12 fs/read_write.c; readv(2)";
const REMOTE: &str = "Linux 6.12 mm/process_vm_access.c; process_vm_readv(2)";

static CLAUSES: &[Clause] = &[
    Clause::new("IOV-01", CALLS, "A descriptor that is not open is EBADF, whatever the vector."),
    Clause::new("IOV-02", IMPORT, "No element is a call that moves nothing; more than 1024 are EINVAL."),
    Clause::new("IOV-03", IMPORT, "A vector that cannot be read is EFAULT."),
    Clause::new("IOV-04", IMPORT, "A length that is negative as a signed number is EINVAL, and nothing is moved."),
    Clause::new(
        "IOV-05",
        IMPORT,
        "A range outside the process's addresses is EFAULT, also one of no length, and nothing is moved.",
    ),
    Clause::new(
        "IOV-06",
        IMPORT,
        "The sum is capped at MAX_RW_COUNT, and the answer is never more than that or the sum.",
    ),
    Clause::new("IOV-07", CALLS, "Lengths that add up to nothing are 0, and the file is not asked."),
    Clause::new(
        "IOV-08",
        CALLS,
        "A negative position is EINVAL before the descriptor is looked at, but for -1 of preadv2; \
        a position on what cannot seek is ESPIPE.",
    ),
    Clause::new("IOV-09", "preadv2(2)", "An unknown flag is EOPNOTSUPP."),
    Clause::new("IOV-10", "null(4)", "/dev/null takes everything and has nothing, without looking at memory."),
    Clause::new("IOV-11", CALLS, "A fault after progress on a file is a short count up to the fault, else EFAULT."),
    Clause::new(
        "IOV-12",
        "Linux 6.12 fs/pipe.c",
        "A fault on a pipe may be EFAULT after progress; what was not returned stays.",
    ),
    Clause::new(
        "IOV-13",
        "pipe(7)",
        "What would have to wait is EAGAIN; up to PIPE_BUF bytes are written whole or not at all.",
    ),
    Clause::new(
        "IOV-14",
        REMOTE,
        "Flags are EINVAL first, then the local vector, then the remote one, then the process.",
    ),
    Clause::new("IOV-15", REMOTE, "A fault on either side is a short count up to it, else EFAULT."),
    Clause::extension("IOV-16", "Selvedge: the scaffolding of a litmus test", "What is written down is what is there."),
    Clause::new("IOV-17", CALLS, "The position moves by exactly what is returned, and not at all on an error."),
    Clause::new(
        "IOV-18",
        "Linux 6.18 mm/filemap.c, generic_perform_write; seen on ext4 and tmpfs",
        "A write to a file that faults at its first byte may leave it longer: what was missing up to there is zeros.",
    ),
    Clause::new(
        "IOV-19",
        "write(2); Linux 6.12 fs/read_write.c, generic_write_check_limits",
        "A write whose end is beyond what a file may grow to is short or EFBIG; every file may have 4 GiB less a byte.",
    ),
];

static FORMS: &[Form] = &[
    Form::new("element", "BASE LEN", "Appends an element to the thread's vector."),
    Form::new("remote", "BASE LEN", "Appends an element to the thread's remote vector."),
    Form::new("vector-end", "COUNT", "Makes the vectors unreadable from this element on."),
    Form::new("hole", "ADDRESS LEN", "Unmaps addresses."),
    Form::new("fill", "COUNT", "Puts bytes into the file."),
    Form::new("seek", "POSITION", "Moves the position."),
    Form::new("readv", "COUNT", "Reads at the position."),
    Form::new("writev", "COUNT", "Writes at the position."),
    Form::new("preadv", "COUNT POSITION", "Reads at a position of its own."),
    Form::new("pwritev", "COUNT POSITION", "Writes at a position of its own."),
    Form::new("preadv2", "COUNT POSITION FLAGS", "Reads with flags; -1 is the file's position."),
    Form::new("pwritev2", "COUNT POSITION FLAGS", "Writes with flags; -1 is the file's position."),
    Form::new("process-vm-readv", "LOCAL REMOTE FLAGS", "Fills the vector from the remote one."),
    Form::new("process-vm-writev", "LOCAL REMOTE FLAGS", "Fills the remote vector from this one."),
];

static PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "file",
        values: &["regular", "pipe", "socket", "null", "zero"],
        text: "What the descriptor is open for.",
    },
    Parameter { name: "descriptor", values: &["open", "closed"], text: "Whether the descriptor is open." },
    Parameter {
        name: "process",
        values: &["open", "forbidden", "unknown"],
        text: "Whether the process on the other side may be looked into, and whether it exists.",
    },
];

const FILES: [FileKind; 5] = [FileKind::Regular, FileKind::Pipe, FileKind::Socket, FileKind::Null, FileKind::Zero];
const TARGETS: [Target; 3] = [Target::Open, Target::Forbidden, Target::Unknown];

/// The position of a value among those of its parameter, which are in the same order.
fn place<T: PartialEq>(values: &[T], value: &T) -> usize {
    values.iter().position(|candidate| candidate == value).expect("every value has a name")
}

impl Spec for IovecSpec {
    type State = State;
    type Op = Op;
    type Phase = ();
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "iovec"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(IovecSpec {
            file: FILES[place(PARAMETERS[0].values, &chosen[0])],
            is_open: chosen[1] == "open",
            target: TARGETS[place(PARAMETERS[2].values, &chosen[2])],
        })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("file", PARAMETERS[0].values[place(&FILES, &self.file)]),
            ("descriptor", if self.is_open { "open" } else { "closed" }),
            ("process", PARAMETERS[2].values[place(&TARGETS, &self.target)]),
        ]
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [crate::spec::Rule] {
        RULES
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        &["held", "position"]
    }

    fn threads_max() -> usize {
        THREADS_MAX
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        if let Some((name, _)) = set.first() {
            return Err(text::unknown_name("initial value", name, []));
        }
        let vectors = Vectors { local: Vec::new(), remote: Vec::new(), readable: usize::MAX };
        Ok(State {
            file: File::empty(self.file),
            mapped: Mapped(vec![(MAPPED_START, MAPPED_END)]),
            threads: vec![vectors; THREADS_MAX],
        })
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        match name {
            "held" => i64::try_from(state.file.held).ok(),
            "position" => Some(state.file.position),
            _ => None,
        }
    }

    fn steps(&self, state: &State, thread: Thread, op: &Op, (): &(), seen: Option<&Ret>, out: &mut Vec<StepOf<Self>>) {
        let own = &state.threads[usize::from(thread.0)];
        let vector = |elements, count| Vector { elements, readable: own.readable, count };
        match *op {
            Op::Call(call, count) => {
                let file = self.is_open.then_some(&state.file);
                let allowed = calls::allowed(call, file, vector(&own.local, count), &state.mapped);
                answer(state, Some(call), &allowed, seen, out);
            }
            Op::ProcessVm { local, remote, flags, .. } => {
                let (local, remote) = (vector(&own.local, local), vector(&own.remote, remote));
                let allowed = calls::process_vm(local, remote, flags, self.target, &state.mapped, &state.mapped);
                answer(state, None, &allowed, seen, out);
            }
            _ => {
                let mut after = state.clone();
                let own = &mut after.threads[usize::from(thread.0)];
                match *op {
                    Op::Element(element) => own.local.push(element),
                    Op::Remote(element) => own.remote.push(element),
                    Op::VectorEnd(count) => own.readable = usize::from(count),
                    Op::Hole(address, len) => after.mapped.unmap(address, address.saturating_add(u64::from(len))),
                    Op::Seek(position) => after.file.position = position,
                    Op::Fill(count) => after.file.fill(u64::from(count)),
                    Op::Call(..) | Op::ProcessVm { .. } => unreachable!("answered above"),
                }
                out.push(Step { rule: PREPARE, state: after, progress: Progress::Return(Ret::Ok) });
            }
        }
    }

    fn next_ops(&self, _done: &[Op]) -> Vec<Op> {
        let call = |direction| Op::Call(Call { direction, position: None, flags: None }, 1);
        let at = |direction| Op::Call(Call { direction, position: Some(2), flags: None }, 1);
        vec![
            Op::Element(Iovec { base: MAPPED_START, len: 3 }),
            Op::Element(Iovec { base: MAPPED_START + 8, len: 0 }),
            Op::Remote(Iovec { base: MAPPED_START + 16, len: 2 }),
            Op::Fill(2),
            call(Direction::Read),
            call(Direction::Write),
            at(Direction::Read),
            at(Direction::Write),
            Op::ProcessVm { direction: Direction::Read, local: 1, remote: 1, flags: 0 },
        ]
    }
}

/// The steps to what is allowed: to what was seen, if that is known, else to the least and the greatest count and to
/// each error.
fn answer(state: &State, call: Option<Call>, allowed: &Allowed, seen: Option<&Ret>, out: &mut Vec<StepOf<IovecSpec>>) {
    let rule = rule_of(allowed.clause);
    let mut push = |answer: Result<u64, Errno>| {
        let file = call.map_or_else(|| state.file.clone(), |call| calls::after(call, &state.file, answer));
        let grown = call.and_then(|call| calls::grown(call, &state.file, answer, allowed));
        for (rule, file) in [(rule, file)].into_iter().chain(grown.map(|file| (GROWN, file))) {
            let state = State { file, mapped: state.mapped.clone(), threads: state.threads.clone() };
            let ret = answer.map_or_else(Ret::Error, Ret::Count);
            out.push(Step { rule, state, progress: Progress::Return(ret) });
        }
    };
    let seen = match seen {
        Some(Ret::Count(count)) => Some(Ok(*count)),
        Some(Ret::Error(errno)) => Some(Err(*errno)),
        Some(Ret::Ok) => return,
        None => None,
    };
    if let Some(seen) = seen {
        if allowed.has(seen) {
            push(seen);
        }
        return;
    }
    if let Some(counts) = &allowed.counts {
        push(Ok(*counts.start()));
        if counts.end() > counts.start() {
            push(Ok(*counts.end()));
        }
    }
    let mut errors = allowed.errors.clone();
    errors.sort();
    errors.dedup();
    errors.into_iter().for_each(|errno| push(Err(errno)));
}

/// The rule that a deciding clause stands for.
fn rule_of(clause: &str) -> RuleId {
    match clause {
        "IOV-01" => BAD_DESCRIPTOR,
        "IOV-02" => TOO_MANY,
        "IOV-03" => UNREADABLE,
        "IOV-04" => NEGATIVE,
        "IOV-05" => RANGE,
        "IOV-07" => NOTHING,
        "IOV-08" => POSITION,
        "IOV-09" => FLAGS,
        "IOV-10" => DEVICE,
        "IOV-11" => SHORT,
        "IOV-12" => BUFFERS,
        "IOV-13" => ROOM,
        "IOV-14" => PROCESS,
        "IOV-15" => PROCESS_SHORT,
        "IOV-19" => TOO_LARGE,
        _ => MOVED,
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Element(Iovec { base, len }) => write!(f, "element {} {}", *base as i64, *len as i64),
            Op::Remote(Iovec { base, len }) => write!(f, "remote {} {}", *base as i64, *len as i64),
            Op::VectorEnd(count) => write!(f, "vector-end {count}"),
            Op::Hole(address, len) => write!(f, "hole {} {len}", *address as i64),
            Op::Fill(count) => write!(f, "fill {count}"),
            Op::Seek(position) => write!(f, "seek {position}"),
            Op::Call(Call { direction, position, flags }, count) => {
                let word = if *direction == Direction::Read { "readv" } else { "writev" };
                match (position, flags) {
                    (Some(position), Some(flags)) => write!(f, "p{word}2 {count} {position} {flags}"),
                    (Some(position), None) => write!(f, "p{word} {count} {position}"),
                    _ => write!(f, "{word} {count}"),
                }
            }
            Op::ProcessVm { direction, local, remote, flags } => {
                let word = if *direction == Direction::Read { "readv" } else { "writev" };
                write!(f, "process-vm-{word} {local} {remote} {flags}")
            }
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        let any = |at| call.number(at, i64::MIN..=i64::MAX);
        let element = || Ok::<_, Unreadable>(Iovec { base: any(0)? as u64, len: any(1)? as u64 });
        let direction = if call.name.contains("read") { Direction::Read } else { Direction::Write };
        Ok(match call.name {
            "element" => Op::Element(element()?),
            "remote" => Op::Remote(element()?),
            "vector-end" => Op::VectorEnd(call.number(0, 0..=1024)?),
            "hole" => Op::Hole(any(0)? as u64, call.number(1, 0..=u32::MAX)?),
            "fill" => Op::Fill(call.number(0, 0..=65536)?),
            "seek" => Op::Seek(call.number(0, 0..=i64::MAX)?),
            "readv" | "writev" => Op::Call(Call { direction, position: None, flags: None }, any(0)?),
            "preadv" | "pwritev" => Op::Call(Call { direction, position: Some(any(1)?), flags: None }, any(0)?),
            "preadv2" | "pwritev2" => {
                Op::Call(Call { direction, position: Some(any(1)?), flags: Some(any(2)?) }, any(0)?)
            }
            _ => Op::ProcessVm { direction, local: any(0)?, remote: any(1)?, flags: any(2)? },
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Count(count) => write!(f, "{count}"),
            Ret::Error(errno) => write!(f, "{errno}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim() {
            "ok" => Ok(Ret::Ok),
            text => text.parse().map(Ret::Count).or_else(|_| text.parse().map(Ret::Error)),
        }
    }
}
