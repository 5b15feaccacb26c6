//! Condition variables as subjects: ours, the textbook ticket protocol with and without bugs, and the peers.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use selvedge::platform::{Loom, Platform, Shuttle, Std, host, loom, shuttle};
use selvedge::{Mutex, MutexGuard, RawMutex, RwMutex, go};
use selvedge_model::Thread;
use selvedge_model::cond::{CondSpec, Locker, Op, Ret, Timeouts, Which};

use super::locker::Side;
use super::{Stop, Subject, Variant};
use crate::gaps;
use crate::litmus;
use crate::litmus::{Observed, Program, Statement};
use crate::mutant::cond::{self as bug, TicketCond, Woken};
use crate::suite::{Drivers, NotPromised, System};

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

/// Subjects that are values of Rust cannot be copied in use.
fn refuse_copies(program: &Program<Op>) -> Result<(), String> {
    let copies =
        |op: &Op| matches!(op, Op::Copy | Op::Wait(Which::Copy) | Op::Signal(Which::Copy) | Op::Broadcast(Which::Copy));
    if program.ops().any(copies) { Err(NO_COPY.to_owned()) } else { Ok(()) }
}

/// A program with clocked timeouts says when time passes; a real clock does not listen.
fn refuse_standing_clocks(spec: &CondSpec, program: &Program<Op>, follows: bool) -> Result<(), String> {
    let is_timed = program.ops().any(|op| matches!(op, Op::WaitTimeout { .. }));
    if is_timed && spec.timeouts == Timeouts::Clocked && !follows {
        return Err("the program moves a virtual clock, which the subject does not look at".to_owned());
    }
    Ok(())
}

/// Our condition variable, used as Go's is.
pub enum Ours<P: Platform> {
    /// With a mutex.
    Mutex(go::Cond<RawMutex<P>, P>),
    /// With the read side of a readers-writer lock.
    Readers(go::Cond<ReadSide<P>, P>),
}

/// The read side of a lock that the subject also writes through.
pub struct ReadSide<P: Platform>(RwMutex<P>);

impl<P: Platform> selvedge::Locker<P> for ReadSide<P> {
    fn lock(&self) {
        self.0.rlock();
    }

    fn unlock(&self) {
        self.0.runlock();
    }
}

/// Both kinds of `Ours` have the same methods.
macro_rules! on_cond {
    ($ours:expr, $cond:ident => $call:expr) => {
        match $ours {
            Ours::Mutex($cond) => $call,
            Ours::Readers($cond) => $call,
        }
    };
}

impl<P: Platform> Subject<CondSpec> for Ours<P> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &CondSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        let (wait, notify) = counters(initial)?;
        if wait != notify {
            return Err("its counters start equal: there are no waiters before it exists".to_owned());
        }
        Ok(match spec.locker {
            Locker::Mutex => Ours::Mutex(go::Cond::starting_at(RawMutex::default(), wait)),
            Locker::RwMutex => Ours::Readers(go::Cond::starting_at(ReadSide(RwMutex::default()), wait)),
        })
    }

    fn supports(spec: &CondSpec, program: &Program<Op>) -> Result<(), String> {
        refuse_copies(program)?;
        refuse_standing_clocks(spec, program, P::VIRTUAL_TIME)
    }

    fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Lock => on_cond!(self, cond => selvedge::Locker::lock(&cond.l)),
            Op::Unlock => fatal(|| on_cond!(self, cond => selvedge::Locker::unlock(&cond.l)))?,
            Op::WriteLock => match self {
                Ours::Mutex(cond) => cond.l.lock(),
                Ours::Readers(cond) => cond.l.0.lock(),
            },
            Op::WriteUnlock => fatal(|| match self {
                Ours::Mutex(cond) => cond.l.unlock(),
                Ours::Readers(cond) => cond.l.0.unlock(),
            })?,
            Op::Wait(_) => fatal(|| on_cond!(self, cond => cond.wait()))?,
            Op::WaitTimeout { timeout_ms } => {
                let timeout = Duration::from_millis(u64::from(*timeout_ms));
                let result = fatal(|| on_cond!(self, cond => cond.wait_timeout(timeout)))?;
                return Ok(if result.is_ok() { Ret::Notified } else { Ret::Timeout });
            }
            Op::Signal(_) => on_cond!(self, cond => cond.signal()),
            Op::Broadcast(_) => on_cond!(self, cond => cond.broadcast()),
            Op::Advance { by_ms } => P::advance(Duration::from_millis(u64::from(*by_ms))),
            Op::Copy => unreachable!("refused by `supports`"),
        }
        Ok(Ret::Ok)
    }

    fn observe(&self) -> Observed {
        shown(on_cond!(self, cond => cond.tickets()))
    }
}

/// Performs a call of ours. What is a fatal error in Go is a panic with Go's own words in ours.
fn fatal<R>(call: impl FnOnce() -> R) -> Result<R, Stop> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| {
        let words = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
        match words.and_then(|words| words.strip_prefix("fatal error: ")) {
            Some(words) => Stop::Abort(words.to_owned()),
            None => resume_unwind(payload),
        }
    })
}

/// The ticket protocol as a subject; its variants are the planted bugs.
pub struct Ticket<P: Platform> {
    cond: TicketCond<P>,
    side: Side,
}

impl<P: Platform> Subject<CondSpec> for Ticket<P> {
    type Platform = P;
    type Local<'a> = ();

    fn create(spec: &CondSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, bug::NONE)
    }

    fn create_variant(spec: &CondSpec, initial: &[(String, i64)], bug: Variant) -> Result<Self, String> {
        let (wait, notify) = counters(initial)?;
        Ok(Ticket { cond: TicketCond::new(bug, wait, notify), side: side(spec) })
    }

    fn supports(spec: &CondSpec, program: &Program<Op>) -> Result<(), String> {
        refuse_copies(program)?;
        refuse_standing_clocks(spec, program, P::VIRTUAL_TIME)
    }

    fn perform(&self, thread: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Lock => self.cond.lock(self.side),
            Op::Unlock => self.cond.unlock(self.side)?,
            Op::WriteLock => self.cond.lock(Side::Write),
            Op::WriteUnlock => self.cond.unlock(Side::Write)?,
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

/// A condition variable with the shape of std's together with its mutex: ours, and every peer.
pub trait GuardedCond: Send + Sync + 'static {
    /// The world that it runs in.
    type Platform: Platform;
    /// Whether its timed wait looks at that world's virtual clock. No peer's does.
    const FOLLOWS_CLOCK: bool = false;
    /// Holding it is holding the mutex.
    type Guard<'a>
    where
        Self: 'a;
    /// Whether it stands on the engine's own types; see [`Subject::FOREIGN`].
    const FOREIGN: bool = false;
    /// A new one.
    fn new() -> Self;
    /// Takes the mutex.
    fn lock(&self) -> Self::Guard<'_>;
    /// Waits to be notified.
    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a>;
    /// Waits, but not longer than `timeout`: the guard, and whether the time was over first.
    fn wait_timeout<'a>(&'a self, guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool);
    /// Wakes one waiter.
    fn notify_one(&self);
    /// Wakes all waiters.
    fn notify_all(&self);
}

/// A condition variable with guards as a subject: holding the lock is keeping its guard.
pub struct Guarded<C>(C);

impl<C: GuardedCond> Subject<CondSpec> for Guarded<C> {
    type Platform = C::Platform;
    type Local<'a> = Option<C::Guard<'a>>;

    const FOREIGN: bool = C::FOREIGN;

    fn create(spec: &CondSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        if spec.locker == Locker::RwMutex {
            return Err("it works with a mutex only".to_owned());
        }
        if initial.iter().any(|(_, value)| *value != 0) {
            return Err("its counters, if it has any, cannot be set".to_owned());
        }
        Ok(Guarded(C::new()))
    }

    fn supports(spec: &CondSpec, program: &Program<Op>) -> Result<(), String> {
        refuse_copies(program)?;
        refuse_standing_clocks(spec, program, C::FOLLOWS_CLOCK)?;
        for thread in &program.threads {
            let mut is_held = false;
            for op in thread.statements.iter().filter_map(Statement::op) {
                match op {
                    Op::Lock | Op::WriteLock => is_held = true,
                    Op::Unlock | Op::WriteUnlock if is_held => is_held = false,
                    Op::Unlock | Op::WriteUnlock | Op::Wait(_) | Op::WaitTimeout { .. } if !is_held => {
                        return Err(format!("`{op}` without the lock cannot be written with guards"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn perform<'a>(&'a self, _: Thread, guard: &mut Self::Local<'a>, op: &Op) -> Result<Ret, Stop> {
        const HELD: &str = "`supports` has seen to it that the lock is held";
        match op {
            Op::Lock | Op::WriteLock => *guard = Some(self.0.lock()),
            Op::Unlock | Op::WriteUnlock => *guard = None,
            Op::Wait(_) => *guard = Some(self.0.wait(guard.take().expect(HELD))),
            Op::WaitTimeout { timeout_ms } => {
                let timeout = Duration::from_millis(u64::from(*timeout_ms));
                let (held, timed_out) = self.0.wait_timeout(guard.take().expect(HELD), timeout);
                *guard = Some(held);
                return Ok(if timed_out { Ret::Timeout } else { Ret::Notified });
            }
            Op::Signal(_) => self.0.notify_one(),
            Op::Broadcast(_) => self.0.notify_all(),
            Op::Advance { by_ms } => C::Platform::advance(Duration::from_millis(u64::from(*by_ms))),
            Op::Copy => unreachable!("refused by `supports`"),
        }
        Ok(Ret::Ok)
    }

    /// A thread that ends inside the lock leaves it locked: to give the guard back would be an operation of its own.
    fn leave<'a>(&'a self, _: Thread, guard: Self::Local<'a>) {
        std::mem::forget(guard);
    }
}

/// Our condition variable, used as std's is, with our mutex.
pub struct InGuards<P: Platform>(Mutex<(), P>, selvedge::Cond<P>);

impl<P: Platform> GuardedCond for InGuards<P> {
    type Platform = P;
    const FOLLOWS_CLOCK: bool = P::VIRTUAL_TIME;
    type Guard<'a> = MutexGuard<'a, (), P>;

    fn new() -> Self {
        InGuards(Mutex::default(), selvedge::Cond::default())
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock()
    }

    fn wait<'a>(&'a self, mut guard: Self::Guard<'a>) -> Self::Guard<'a> {
        self.1.wait(&mut guard);
        guard
    }

    fn wait_timeout<'a>(&'a self, mut guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
        let result = self.1.wait_timeout(&mut guard, timeout);
        (guard, result.is_err())
    }

    fn notify_one(&self) {
        self.1.signal();
    }

    fn notify_all(&self) {
        self.1.broadcast();
    }
}

/// `std::sync::Condvar` with its mutex.
#[derive(Default)]
pub struct StdCond(host::Mutex<()>, host::Condvar);

impl GuardedCond for StdCond {
    type Platform = Std;
    type Guard<'a> = host::MutexGuard<'a, ()>;

    fn new() -> Self {
        StdCond::default()
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock().unwrap_or_else(host::PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
        self.1.wait(guard).unwrap_or_else(host::PoisonError::into_inner)
    }

    fn wait_timeout<'a>(&'a self, guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
        let (guard, result) = self.1.wait_timeout(guard, timeout).unwrap_or_else(host::PoisonError::into_inner);
        (guard, result.timed_out())
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

/// `parking_lot::Condvar` with its mutex.
#[derive(Default)]
pub struct ParkingLotCond(parking_lot::Mutex<()>, parking_lot::Condvar);

impl GuardedCond for ParkingLotCond {
    type Platform = Std;
    type Guard<'a> = parking_lot::MutexGuard<'a, ()>;

    fn new() -> Self {
        ParkingLotCond::default()
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock()
    }

    fn wait<'a>(&'a self, mut guard: Self::Guard<'a>) -> Self::Guard<'a> {
        self.1.wait(&mut guard);
        guard
    }

    fn wait_timeout<'a>(&'a self, mut guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
        let result = self.1.wait_for(&mut guard, timeout);
        (guard, result.timed_out())
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

/// The engines' own condition variables have the shape of std's without the poison.
macro_rules! engines_own {
    ($cond:ty, $engine:ident, $platform:ty) => {
        impl GuardedCond for $cond {
            type Platform = $platform;
            type Guard<'a> = $engine::native::Guard<'a>;

            fn new() -> Self {
                <$cond>::new()
            }

            fn lock(&self) -> Self::Guard<'_> {
                self.lock()
            }

            fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
                self.wait(guard)
            }

            fn wait_timeout<'a>(&'a self, guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
                self.wait_timeout(guard, timeout)
            }

            fn notify_one(&self) {
                self.notify_one();
            }

            fn notify_all(&self) {
                self.notify_all();
            }
        }
    };
}

engines_own!(loom::native::Cond, loom, Loom);
engines_own!(shuttle::native::Cond, shuttle, Shuttle);

/// The condition variable's entry for the suite.
pub fn system() -> System<CondSpec> {
    let ticket = Drivers::everywhere::<Ticket<Loom>, Ticket<Shuttle>, Ticket<Std>>();
    let mut system = System::new("cond", litmus::corpus::COND)
        .gaps(gaps::KNOWN)
        .primitive("cond", Drivers::everywhere::<Ours<Loom>, Ours<Shuttle>, Ours<Std>>())
        // The other shape of the same thing, and what the planted bugs are planted in: under the engine that shows most.
        .primitive("guards", Drivers::NONE.shuttle::<Guarded<InGuards<Shuttle>>>())
        .primitive("ticket", Drivers::NONE.shuttle::<Ticket<Shuttle>>())
        .canary(
            "sleepless",
            "wait does not wait: it releases the lock and takes it again",
            ticket.variant(bug::SLEEPLESS),
        )
        .peer(
            "std",
            format!("Condvar of std, {RUST_VERSION}"),
            STD_DOES_NOT_PROMISE,
            Drivers::NONE.threads::<Guarded<StdCond>>(),
        )
        .peer(
            "parking_lot",
            "parking_lot::Condvar 0.13".to_owned(),
            PARKING_LOT_DOES_NOT_PROMISE,
            Drivers::NONE.threads::<Guarded<ParkingLotCond>>(),
        )
        .peer(
            "loom",
            "Condvar of loom 0.7.2".to_owned(),
            LOOM_DOES_NOT_PROMISE,
            Drivers::NONE.loom::<Guarded<loom::native::Cond>>(),
        )
        .peer(
            "shuttle",
            "Condvar of shuttle 0.9.9".to_owned(),
            SHUTTLE_DOES_NOT_PROMISE,
            Drivers::NONE.shuttle::<Guarded<shuttle::native::Cond>>(),
        );
    for mutant in bug::MUTANTS {
        system = system.mutant(mutant.name, mutant.planted, mutant.breaks, ticket.variant(mutant.bug));
    }
    system
        .program_mutant("M10-if-for-while", "the caller waits in an `if` instead of a loop", bug::if_for_while)
        .program_mutant("M11-predicate-unlocked", "the predicate is changed without the lock", bug::predicate_unlocked)
        .program_mutant(
            "M14-broadcast-for-signal",
            "broadcast is used as signal, by callers that wait in an `if`",
            bug::broadcast_for_signal,
        )
}

/// The minimum version that the workspace declares.
const RUST_VERSION: &str = concat!("Rust ", env!("CARGO_PKG_RUST_VERSION"), " or later");

const STD_DOCUMENTATION: &str = "https://doc.rust-lang.org/std/sync/struct.Condvar.html";

/// "A call may return spuriously", it says; and nothing of whom a notification wakes.
const STD_DOES_NOT_PROMISE: &[NotPromised] = &[
    NotPromised { clause: "COND-05", source: STD_DOCUMENTATION },
    NotPromised { clause: "COND-17", source: STD_DOCUMENTATION },
];

const PARKING_LOT_DOES_NOT_PROMISE: &[NotPromised] =
    &[NotPromised { clause: "COND-05", source: "https://docs.rs/parking_lot/0.13.0/parking_lot/struct.Condvar.html" }];

const LOOM_DOCUMENTATION: &str = "https://docs.rs/loom/0.7.2/loom/sync/struct.Condvar.html";

/// It is documented as a mock of std's: what std does not promise, it does not either.
const LOOM_DOES_NOT_PROMISE: &[NotPromised] = &[
    NotPromised { clause: "COND-05", source: LOOM_DOCUMENTATION },
    NotPromised { clause: "COND-17", source: LOOM_DOCUMENTATION },
];

const SHUTTLE_DOCUMENTATION: &str = "https://docs.rs/shuttle/0.9.9/shuttle/sync/struct.Condvar.html";

/// It stands in for std's; which waiter a notification wakes is the scheduler's choice.
const SHUTTLE_DOES_NOT_PROMISE: &[NotPromised] = &[
    NotPromised { clause: "COND-05", source: SHUTTLE_DOCUMENTATION },
    NotPromised { clause: "COND-17", source: SHUTTLE_DOCUMENTATION },
];
