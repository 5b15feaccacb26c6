//! Condition variables as subjects: ours, the textbook ticket protocol with and without bugs, and the peers.

use std::time::Duration;

use selvedge::platform::loom::Loom;
use selvedge::platform::shuttle::Shuttle;
use selvedge::platform::{Platform, Std};
use selvedge_model::Thread;
use selvedge_model::cond::{CondSpec, Locker, Op, Ret, Which};

use super::locker::Side;
use super::{Stop, Subject};
use crate::litmus::Observed;
use crate::mutant::cond::{Bug, TicketCond, Woken};

/// Why subjects of ours cannot copy a condition variable.
const NO_COPY: &str = "its type is neither `Clone` nor `Copy`: a program that copies it does not compile";

/// The side of the lock that `lock`, `unlock` and `wait` are about.
fn side(spec: &CondSpec) -> Side {
    match spec.locker {
        Locker::Mutex => Side::Write,
        Locker::RwMutex => Side::Read,
    }
}

/// The initial value of a counter.
fn counter(initial: &[(String, i64)], name: &str) -> Result<u32, String> {
    let set = initial.iter().rev().find(|(set, _)| set == name);
    let value = set.map_or(0, |(_, value)| *value);
    u32::try_from(value).map_err(|_| format!("{name} is a 32-bit counter and cannot be {value}"))
}

/// Initial counters, where one that is not set is as the other.
fn counters(initial: &[(String, i64)]) -> Result<(u32, u32), String> {
    let is_set = |name: &str| initial.iter().any(|(set, _)| set == name);
    let (wait, notify) = (counter(initial, "wait")?, counter(initial, "notify")?);
    Ok(match (is_set("wait"), is_set("notify")) {
        (true, false) => (wait, wait),
        (false, true) => (notify, notify),
        _ => (wait, notify),
    })
}

fn shown((wait, notify): (u32, u32)) -> Observed {
    Observed::from([("wait".to_owned(), i64::from(wait)), ("notify".to_owned(), i64::from(notify))])
}

fn refuse_copies(op: &Op) -> Result<(), String> {
    match op {
        Op::Copy | Op::Wait(Which::Copy) | Op::Signal(Which::Copy) | Op::Broadcast(Which::Copy) => {
            Err(NO_COPY.to_owned())
        }
        _ => Ok(()),
    }
}

/// The ticket protocol with the planted bug `BUG` as a subject.
pub struct Ticket<P: Platform, const BUG: Bug> {
    cond: TicketCond<P, BUG>,
    side: Side,
}

impl<P: Platform, const BUG: Bug> Subject<CondSpec> for Ticket<P, BUG> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &CondSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        let (wait, notify) = counters(initial)?;
        Ok(Ticket { cond: TicketCond::new(wait, notify), side: side(spec) })
    }

    fn supports(_: &CondSpec, op: &Op) -> Result<(), String> {
        refuse_copies(op)
    }

    fn perform<'a>(&'a self, thread: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
        let locker = self.cond.locker();
        match op {
            Op::Lock => locker.lock(self.side),
            Op::Unlock => locker.unlock(self.side)?,
            Op::WriteLock => locker.lock(Side::Write),
            Op::WriteUnlock => locker.unlock(Side::Write)?,
            Op::Wait(_) => {
                self.cond.wait(thread, self.side, None)?;
            }
            Op::WaitTimeout { timeout_ms } => {
                let timeout = Duration::from_millis(u64::from(*timeout_ms));
                return Ok(match self.cond.wait(thread, self.side, Some(timeout))? {
                    Woken::Notified => Ret::Notified,
                    Woken::TimedOut => Ret::Timeout,
                });
            }
            Op::Signal(_) => self.cond.signal(),
            Op::Broadcast(_) => self.cond.broadcast(),
            Op::Advance { by_ms } => P::advance(Duration::from_millis(u64::from(*by_ms))),
            Op::Copy => unreachable!("refused by `supports`"),
        }
        Ok(Ret::Ok)
    }

    fn observe(&self) -> Observed {
        shown(self.cond.counters())
    }
}

type _Unused = (Loom, Shuttle, Std);
