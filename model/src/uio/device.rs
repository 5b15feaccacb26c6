//! A device: a queue of bytes that threads write into and read out of, all through `uiomove` under one lock.
//!
//! The simplest thing for which the account of a transfer matters to somebody else: what a reader has moved out is gone
//! for others, what a writer has moved in is there for them. An operation is one step, for the lock is held throughout:
//! no operation sees half of another's. Nothing waits; what cannot be done at once is `EAGAIN`.
//!
//! A fault in the middle is the caller's loss, as in FreeBSD: the answer is `EFAULT`, and what was moved before it stays
//! moved. Nothing of the chunk that faulted is, in either direction.

use std::fmt;
use std::str::FromStr;

use super::Errno;
use crate::spec::{Broken, Clause, Form, Parameter, Progress, Spec, Step, StepOf, Thread, Unknown, Unreadable};
use crate::text;

/// The most bytes in one operation.
pub const LEN_MAX: u8 = 16;

/// The spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceSpec {
    /// How many bytes the device holds.
    pub room: usize,
}

impl Default for DeviceSpec {
    fn default() -> Self {
        DeviceSpec { room: 4 }
    }
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Writes bytes that count up from the first.
    Write {
        /// The first byte.
        first: u8,
        /// How many.
        len: u8,
    },
    /// The same, out of two elements of which the second faults.
    WriteFault {
        /// The first byte.
        first: u8,
        /// How many.
        len: u8,
        /// The length of the first element.
        good: u8,
    },
    /// Reads.
    Read {
        /// At most this many.
        len: u8,
    },
    /// The same, into two elements of which the second faults.
    ReadFault {
        /// At most this many.
        len: u8,
        /// The length of the first element.
        good: u8,
    },
}

/// What an operation returns.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// How many bytes were written.
    Count(u8),
    /// The bytes read.
    Bytes(Vec<u8>),
    /// An error number.
    Error(Errno),
}

crate::rules! {
    WRITE = "write", "DEV-01", Must, "Appends as many of the bytes as there is room for.";
    WRITE_FULL = "write.full", "DEV-03", Must, "There is no room: nothing happens.";
    WRITE_FAULT = "write.fault", "DEV-04", Must, "What could be read from the caller is appended; the caller gets the error.";
    READ = "read", "DEV-02", Must, "Takes the oldest bytes out, as many as are wanted and there.";
    READ_EMPTY = "read.empty", "DEV-03", Must, "There is nothing: nothing happens.";
    READ_FAULT = "read.fault", "DEV-05", Must, "What could be given to the caller is gone; the rest stays.";
}

const SOURCE: &str = "Selvedge: a byte queue behind uiomove";
const FAULT: &str = "FreeBSD sys/kern/sys_generic.c: an error after progress is masked unless it is EFAULT";

static CLAUSES: &[Clause] = &[
    Clause::extension("DEV-01", SOURCE, "A write appends its bytes in order and at one instant, never more than fit."),
    Clause::extension("DEV-02", SOURCE, "A read takes the oldest bytes at one instant, in order, each once."),
    Clause::extension("DEV-03", SOURCE, "What cannot be done at all at once is EAGAIN and changes nothing."),
    Clause::extension(
        "DEV-04",
        FAULT,
        "A write that faults is EFAULT, and what came before the fault is in the device.",
    ),
    Clause::extension("DEV-05", FAULT, "A read that faults is EFAULT, and the device keeps what it could not give."),
    Clause::extension("DEV-06", SOURCE, "The device never holds more bytes than it has room for."),
];

static FORMS: &[Form] = &[
    Form::new("write", "FIRST LEN", "Writes LEN bytes that count up from FIRST; returns how many."),
    Form::new("write-fault", "FIRST LEN GOOD", "The same; after GOOD bytes the caller's memory faults."),
    Form::new("read", "LEN", "Reads at most LEN bytes; returns them, for instance as `b1_2`."),
    Form::new("read-fault", "LEN GOOD", "The same; after GOOD bytes the caller's memory faults."),
];

static PARAMETERS: &[Parameter] =
    &[Parameter { name: "room", values: &["4", "2", "8"], text: "How many bytes the device holds." }];

impl Spec for DeviceSpec {
    /// The bytes, oldest first.
    type State = Vec<u8>;
    type Op = Op;
    type Phase = ();
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "uio-device"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(DeviceSpec { room: chosen[0].parse().expect("the values are numbers") })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        let values = PARAMETERS[0].values.iter().copied();
        let room = values.into_iter().find(|value| *value == self.room.to_string());
        vec![("room", room.expect("the room is one of the values"))]
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
        &["held"]
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<Vec<u8>, Unknown> {
        match set.first() {
            None => Ok(Vec::new()),
            Some((name, _)) => Err(text::unknown_name("initial value", name, [])),
        }
    }

    fn observe(&self, state: &Vec<u8>, name: &str) -> Option<i64> {
        (name == "held").then_some(state.len() as i64)
    }

    fn steps(&self, state: &Vec<u8>, _: Thread, op: &Op, (): &(), _: Option<&Ret>, out: &mut Vec<StepOf<Self>>) {
        let mut after = state.clone();
        let (rule, ret) = match *op {
            Op::Write { first, len } => self.write(&mut after, first, len, len),
            Op::WriteFault { first, len, good } => self.write(&mut after, first, len, good),
            Op::Read { len } => read(&mut after, len, len),
            Op::ReadFault { len, good } => read(&mut after, len, good),
        };
        out.push(Step { rule, state: after, progress: Progress::Return(ret) });
    }

    fn invariants(&self, state: &Vec<u8>) -> Vec<Broken> {
        if state.len() <= self.room {
            return Vec::new();
        }
        vec![Broken { clause: "DEV-06", text: format!("{} bytes are in room for {}", state.len(), self.room) }]
    }

    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        // Bytes of different operations differ, so that each says whose it is.
        let first = 10 + 10 * done.len() as u8 % 200;
        vec![
            Op::Write { first, len: 2 },
            Op::Write { first, len: 3 },
            Op::WriteFault { first, len: 3, good: 1 },
            Op::Read { len: 1 },
            Op::Read { len: 3 },
            Op::ReadFault { len: 2, good: 1 },
        ]
    }
}

impl DeviceSpec {
    /// A write of `len` bytes of which the first `good` can be read from the caller.
    fn write(&self, queue: &mut Vec<u8>, first: u8, len: u8, good: u8) -> (crate::spec::RuleId, Ret) {
        let fits = (self.room - queue.len()).min(usize::from(len));
        if fits == 0 && len > 0 {
            return (WRITE_FULL, Ret::Error(Errno::EAGAIN));
        }
        let moved = fits.min(usize::from(good));
        queue.extend((0..moved).map(|index| first.wrapping_add(index as u8)));
        if moved < fits { (WRITE_FAULT, Ret::Error(Errno::EFAULT)) } else { (WRITE, Ret::Count(moved as u8)) }
    }
}

/// A read of at most `len` bytes of which the first `good` can be given to the caller.
fn read(queue: &mut Vec<u8>, len: u8, good: u8) -> (crate::spec::RuleId, Ret) {
    let wanted = queue.len().min(usize::from(len));
    if wanted == 0 && len > 0 {
        return (READ_EMPTY, Ret::Error(Errno::EAGAIN));
    }
    let moved = wanted.min(usize::from(good));
    let bytes = queue.drain(..moved).collect();
    if moved < wanted { (READ_FAULT, Ret::Error(Errno::EFAULT)) } else { (READ, Ret::Bytes(bytes)) }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Write { first, len } => write!(f, "write {first} {len}"),
            Op::WriteFault { first, len, good } => write!(f, "write-fault {first} {len} {good}"),
            Op::Read { len } => write!(f, "read {len}"),
            Op::ReadFault { len, good } => write!(f, "read-fault {len} {good}"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        let byte = |at| call.number(at, 0..=u8::MAX);
        let len = |at| call.number(at, 0..=LEN_MAX);
        Ok(match call.name {
            "write" => Op::Write { first: byte(0)?, len: len(1)? },
            "write-fault" => Op::WriteFault { first: byte(0)?, len: len(1)?, good: len(2)? },
            "read" => Op::Read { len: len(0)? },
            _ => Op::ReadFault { len: len(0)?, good: len(1)? },
        })
    }
}

/// Bytes read as `b1_2`, so that one of them is not mistaken for a count.
impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Count(count) => write!(f, "{count}"),
            Ret::Error(errno) => write!(f, "{errno}"),
            Ret::Bytes(bytes) => {
                f.write_str("b")?;
                for (index, byte) in bytes.iter().enumerate() {
                    write!(f, "{}{byte}", if index == 0 { "" } else { "_" })?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let word = text.trim();
        if let Ok(count) = word.parse() {
            return Ok(Ret::Count(count));
        }
        if word == "b" {
            return Ok(Ret::Bytes(Vec::new()));
        }
        let bytes = word.strip_prefix('b').map(|bytes| bytes.split('_').map(str::parse).collect());
        match bytes {
            Some(Ok(bytes)) => Ok(Ret::Bytes(bytes)),
            _ => word.parse().map(Ret::Error),
        }
    }
}
