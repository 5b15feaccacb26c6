//! Go's scheduler around system calls: so far the spec alone, which runs as its own reference subject.

use selvedge_model::proc::ProcSpec;

use crate::engine::Engine;
use crate::litmus;
use crate::suite::System;

/// The executions that the reference subject gets at most in the quick profile. All its steps are on one object, so that
/// hardly any two are equivalent and only small programs are finished at all; more would cost time and show little.
const REFERENCE_EXECUTIONS_QUICK: u64 = 500;

/// The scheduler's entry for the suite. Its reference subject does not run under loom: the spec keeps all it knows in one
/// object, and weak memory has nothing to show there.
pub fn system() -> System<ProcSpec> {
    System::new("proc", litmus::corpus::PROC)
        .reference(&[Engine::Exhaustive, Engine::Portfolio], REFERENCE_EXECUTIONS_QUICK)
}
