//! The toy register, right and wrong: it keeps the engines and the history mode honest.
//!
//! A subject that fetches its value before its call returns values that were current once, only not during the call. No
//! look at outcomes finds it; an engine whose calls and returns are scheduling points does.

use selvedge::platform::{Atomic, Loom, Ordering, Platform, Shuttle, Std};
use selvedge_model::Thread;
use selvedge_model::toy::register::{Op, RegisterSpec, Ret};

use super::{Stop, Subject, Variant};
use crate::litmus;
use crate::suite::{Drivers, System};

/// A read returns what the previous operation of the same thread fetched on its way out.
pub const PREFETCHES: Variant = 1;
/// A write stores something else.
pub const STORES_WRONG: Variant = 2;

/// A register made of one atomic, right or in one of its variants.
pub struct AtomicRegister<P: Platform> {
    value: P::AtomicU32,
    flaw: Variant,
}

impl<P: Platform> Subject<RegisterSpec> for AtomicRegister<P> {
    type Platform = P;
    /// What the thread has fetched ahead.
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        Self::create_variant(spec, initial, 0)
    }

    fn create_variant(_: &RegisterSpec, initial: &[(String, i64)], flaw: Variant) -> Result<Self, String> {
        let value = initial.last().map_or(0, |(_, value)| *value);
        let value = u32::try_from(value).map_err(|_| format!("a register holds 32 bits and cannot hold {value}"))?;
        Ok(AtomicRegister { value: Atomic::new(value), flaw })
    }

    fn perform(&self, _: Thread, ahead: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        let ret = match op {
            Op::Read => Ret::Value(ahead.take().unwrap_or_else(|| self.value.load(Ordering::SeqCst))),
            Op::Write(value) => {
                self.value.store(if self.flaw == STORES_WRONG { value ^ 4 } else { *value }, Ordering::SeqCst);
                Ret::Ok
            }
        };
        if self.flaw == PREFETCHES {
            *ahead = Some(self.value.load(Ordering::SeqCst));
        }
        Ok(ret)
    }
}

/// The register's entry for the suite.
pub fn system() -> System<RegisterSpec> {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    System::new("register", litmus::corpus::REGISTER)
        .primitive("atomic", atomic)
        .mutant("prefetches", "a read returns what was fetched before its call", "REG-01", atomic.variant(PREFETCHES))
        .canary("stores-wrong", "a write stores another value than it was given", atomic.variant(STORES_WRONG))
}
