//! The toy register, right and wrong: it keeps the engines and the history mode honest.
//!
//! A subject that fetches its value before its call returns values that were current once, only not during the call. No
//! look at outcomes finds it; an engine whose calls and returns are scheduling points does.

use selvedge::platform::loom::Loom;
use selvedge::platform::shuttle::Shuttle;
use selvedge::platform::{Atomic, Ordering, Platform, Std};
use selvedge_model::Thread;
use selvedge_model::toy::register::{Op, RegisterSpec, Ret};

use super::{Stop, Subject};
use crate::litmus;
use crate::suite::{Drivers, System};

/// How the register goes wrong, as a constant parameter of [`AtomicRegister`].
pub type Flaw = u8;
/// It does not.
pub const NONE: Flaw = 0;
/// A read returns what the previous operation of the same thread fetched on its way out.
pub const PREFETCHES: Flaw = 1;
/// A write stores something else.
pub const STORES_WRONG: Flaw = 2;

/// A register made of one atomic.
pub struct AtomicRegister<P: Platform, const FLAW: Flaw>(P::AtomicU32);

impl<P: Platform, const FLAW: Flaw> Subject<RegisterSpec> for AtomicRegister<P, FLAW> {
    type Platform = P;
    /// What the thread has fetched ahead.
    type Local<'a> = Option<u32>;

    fn create(_: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        let value = initial.last().map_or(0, |(_, value)| *value);
        let value = u32::try_from(value).map_err(|_| format!("a register holds 32 bits and cannot hold {value}"))?;
        Ok(AtomicRegister(Atomic::new(value)))
    }

    fn perform<'a>(&'a self, _: Thread, ahead: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        let ret = match op {
            Op::Read => Ret::Value(ahead.take().unwrap_or_else(|| self.0.load(Ordering::SeqCst))),
            Op::Write(value) => {
                self.0.store(if FLAW == STORES_WRONG { value ^ 4 } else { *value }, Ordering::SeqCst);
                Ret::Ok
            }
        };
        if FLAW == PREFETCHES {
            *ahead = Some(self.0.load(Ordering::SeqCst));
        }
        Ok(ret)
    }
}

/// The register's entry for the suite.
pub fn system() -> System<RegisterSpec> {
    System::new("register", litmus::corpus::REGISTER)
        .primitive("atomic", register::<NONE>())
        .mutant("prefetches", "a read returns what was fetched before its call", "REG-01", register::<PREFETCHES>())
        .canary("stores-wrong", "a write stores another value than it was given", register::<STORES_WRONG>())
}

fn register<const FLAW: Flaw>() -> Drivers<RegisterSpec> {
    Drivers::everywhere::<AtomicRegister<Loom, FLAW>, AtomicRegister<Shuttle, FLAW>, AtomicRegister<Std, FLAW>>()
}
