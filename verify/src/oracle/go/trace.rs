//! What a trace shows, in one form for both formats: events of machines, processors and goroutines, in an order that the
//! trace's own sequence numbers allow.

use std::collections::HashMap;
use std::fmt;

use selvedge_model::proc::{Gid, Mid, Pid, Version};

use super::{format_1_11, format_1_22};

/// A trace, read and put in order.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The format, by the minor version of Go that introduced it: 19 for the one of Go 1.19.
    pub format: u8,
    /// The order: that of each stream, sequence numbers across streams, and time where both leave a choice.
    pub events: Vec<Event>,
    /// What exists, with what the trace calls it.
    pub names: Names,
    /// How it was when the trace began.
    pub start: Start,
    /// Events that say nothing of processors, machines or goroutines: the heap, the collector's phases, annotations.
    pub passed_over: u64,
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// In ticks of the trace's clock.
    pub time: u64,
    /// The part of the trace in which its events are in order: a machine's, or in the older format a processor's.
    pub stream: u16,
    /// The machine that it happened on. The older format does not always say.
    pub m: Option<Mid>,
    /// The processor concerned.
    pub p: Option<Pid>,
    /// The goroutine concerned.
    pub g: Option<Gid>,
    /// What happened.
    pub what: What,
    /// The trace does not have this event: an event that it has is possible only after this one.
    pub inferred: bool,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum What {
    /// The machine got the processor.
    ProcStart,
    /// The machine let go of the processor.
    ProcStop,
    /// The processor was taken out of a call, by this machine.
    ProcSteal,
    /// The goroutine runs.
    GoStart,
    /// It lets others run.
    GoYield,
    /// It was asked to leave, and did.
    GoPreempt,
    /// It sleeps.
    GoBlock,
    /// It ended.
    GoEnd,
    /// This goroutine was made, runnable.
    GoCreate,
    /// This goroutine was readied.
    GoUnblock,
    /// It enters a system call.
    CallBegin,
    /// It left the call, and its processor had waited.
    CallEnd,
    /// It left the call, and its processor had been taken.
    CallEndBlocked,
    /// It begins to stop the world.
    StopBegin,
    /// GOMAXPROCS is this; the world, if it was stopped, starts.
    Procs(u8),
    /// The world has been started.
    StopEnd,
    /// The processor, said to stand so when a part of the trace begins.
    ProcIs(PStand),
    /// The goroutine, said to stand so when a part of the trace begins.
    GoIs(GStand),
}

/// How a trace says that a processor stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PStand {
    /// A machine has it.
    Running,
    /// Nobody has it.
    Idle,
    /// Its machine is in a call.
    Syscall,
    /// It is about to be taken out of a call that the trace does not name.
    Abandoned,
}

/// How a trace says that a goroutine stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GStand {
    /// It could run.
    Runnable,
    /// It runs.
    Running,
    /// It is in a call.
    Syscall,
    /// It sleeps.
    Waiting,
}

/// How it was when the trace began. What is not listed: goroutines that do not exist yet sleep, machines are parked.
#[derive(Clone, Default, Debug)]
pub struct Start {
    /// GOMAXPROCS.
    pub procs: u8,
    /// Processors that are not idle, and whose they are.
    pub ps: Vec<(Pid, PStand, Mid)>,
    /// Goroutines that exist, and on which machine they are, if they are on any.
    pub gs: Vec<(Gid, GStand, Option<Mid>)>,
}

/// The trace's numbers of what the spec numbers from 0.
#[derive(Clone, Default, Debug)]
pub struct Names {
    machines: Numbers,
    goroutines: Numbers,
    /// The highest processor that occurs.
    processor_max: Pid,
}

#[derive(Clone, Default, Debug)]
struct Numbers {
    known: HashMap<u64, u8>,
    names: Vec<u64>,
}

/// The spec numbers goroutines and machines in a byte, and the last few stand for the outside.
const NUMBERS_MAX: usize = 240;

impl Numbers {
    fn number(&mut self, name: u64, what: &str) -> Result<u8, String> {
        if let Some(number) = self.known.get(&name) {
            return Ok(*number);
        }
        if self.names.len() == NUMBERS_MAX {
            return Err(format!("more than {NUMBERS_MAX} {what}"));
        }
        let number = self.names.len() as u8;
        self.known.insert(name, number);
        self.names.push(name);
        Ok(number)
    }
}

impl Names {
    /// The machine of this thread.
    pub(super) fn machine(&mut self, thread: u64) -> Result<Mid, String> {
        self.machines.number(thread, "machines")
    }

    pub(super) fn goroutine(&mut self, id: u64) -> Result<Gid, String> {
        self.goroutines.number(id, "goroutines")
    }

    pub(super) fn processor(&mut self, id: u64) -> Result<Pid, String> {
        let processor = u8::try_from(id).ok().filter(|id| usize::from(*id) < NUMBERS_MAX);
        let processor = processor.ok_or_else(|| format!("processor {id} of at most {NUMBERS_MAX}"))?;
        self.processor_max = self.processor_max.max(processor);
        Ok(processor)
    }

    /// How many machines occur.
    pub fn machines(&self) -> usize {
        self.machines.names.len()
    }

    /// How many goroutines occur.
    pub fn goroutines(&self) -> usize {
        self.goroutines.names.len()
    }

    /// How many processors occur.
    pub fn processors(&self) -> usize {
        usize::from(self.processor_max) + 1
    }
}

impl Trace {
    /// Reads a trace file of Go 1.11 to 1.21, or 1.22 and later.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, and at which byte.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let (format, body) = header(bytes)?;
        match format {
            11..=21 => format_1_11::read(format, body),
            22..=26 => format_1_22::read(format, body),
            other => Err(format!("a trace of format 1.{other}: formats 1.11 to 1.26 are known")),
        }
    }

    /// The version of the spec that this trace is held against. The oldest format is that of Go 1.11 and of all up to
    /// 1.18; what sets 1.11 apart, a link that stays, no trace shows.
    pub fn version(&self) -> Version {
        if self.format < 26 { Version::Go1_12 } else { Version::Go1_26 }
    }

    /// The event in words, as the trace names things.
    pub fn show(&self, event: &Event) -> String {
        let name = |names: &Numbers, number: u8| names.names[usize::from(number)];
        let m = event.m.map(|m| format!("M{}", name(&self.names.machines, m)));
        let p = event.p.map(|p| format!("P{p}"));
        let g = event.g.map(|g| format!("G{}", name(&self.names.goroutines, g)));
        let who: Vec<String> = [m, p, g].into_iter().flatten().collect();
        let inferred = if event.inferred { " (inferred)" } else { "" };
        format!("{} {}{inferred}", who.join(" "), event.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Procs(procs) => write!(f, "gomaxprocs {procs}"),
            What::ProcIs(stand) => write!(f, "proc-is {stand:?}"),
            What::GoIs(stand) => write!(f, "go-is {stand:?}"),
            _ => f.write_str(self.name()),
        }
    }
}

impl What {
    /// Its kind, without numbers.
    pub fn name(&self) -> &'static str {
        match self {
            What::ProcStart => "proc-start",
            What::ProcStop => "proc-stop",
            What::ProcSteal => "proc-steal",
            What::GoStart => "go-start",
            What::GoYield => "go-yield",
            What::GoPreempt => "go-preempt",
            What::GoBlock => "go-block",
            What::GoEnd => "go-end",
            What::GoCreate => "go-create",
            What::GoUnblock => "go-unblock",
            What::CallBegin => "call-begin",
            What::CallEnd => "call-end",
            What::CallEndBlocked => "call-end-blocked",
            What::StopBegin => "stop-begin",
            What::Procs(_) => "gomaxprocs",
            What::StopEnd => "stop-end",
            What::ProcIs(_) => "proc-is",
            What::GoIs(_) => "go-is",
        }
    }
}

/// `go 1.NN trace` and zeros, 16 bytes in all.
fn header(bytes: &[u8]) -> Result<(u8, &[u8]), String> {
    let wrong = || "no execution trace of Go: it does not begin with `go 1.NN trace`".to_owned();
    let (head, body) = bytes.split_at_checked(16).ok_or_else(wrong)?;
    let head = std::str::from_utf8(head).map_err(|_| wrong())?;
    let minor = head.trim_end_matches('\0').strip_prefix("go 1.").and_then(|rest| rest.strip_suffix(" trace"));
    let minor = minor.and_then(|minor| minor.parse().ok()).ok_or_else(wrong)?;
    Ok((minor, body))
}

/// Reads numbers of seven bits a byte, the lowest first.
pub(super) struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.all.len()
    }

    /// Where the next byte stands in the file, whose header is not in these bytes.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        let byte = *self.all.get(self.at).ok_or_else(|| format!("it ends at byte {}, within an event", self.at))?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(format!("a number of more than 64 bits at byte {}", self.at))
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count));
        let taken = end.and_then(|end| self.all.get(self.at..end));
        let taken = taken.ok_or_else(|| format!("{count} bytes are announced at byte {}, and not there", self.at))?;
        self.at += taken.len();
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_is_said_to_be_none() {
        for bytes in [&b""[..], b"go 1.19 trace", b"go 2.19 trace\0\0\0", b"go 1.xx trace\0\0\0"] {
            assert!(Trace::read(bytes).unwrap_err().contains("no execution trace"), "{bytes:?}");
        }
        assert!(Trace::read(b"go 1.99 trace\0\0\0").unwrap_err().contains("1.99"));
    }

    #[test]
    fn numbers_have_seven_bits_a_byte() {
        let mut bytes = Bytes::new(&[0x05, 0x80, 0x01, 0xff]);
        assert_eq!((bytes.number(), bytes.number()), (Ok(5), Ok(128)));
        assert!(bytes.number().is_err() && bytes.is_empty());
        assert!(Bytes::new(&[0xff; 12]).number().unwrap_err().contains("64 bits"));
        assert!(Bytes::new(&[1, 2]).take(3).is_err());
    }
}
