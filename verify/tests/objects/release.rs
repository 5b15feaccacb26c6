//! The engine never tries to take a lock before the release that it waited for: it could not be taken then. A try-lock
//! could, and comes to something else.

use selvedge_verify::engine::exhaustive::Reduction;

use super::lockstep::walk_generated;
use super::{CLOCKED, End, allowed, ops, program, reached, show_all};

/// Every way in which a step lets another thread's go on is met in [`lockstep`](super::lockstep), which asserts for each
/// state that the needs that the platform publishes hold exactly when the model lets the thread go on. So "was the object
/// open enough before the release" is "could the step have come before the release".
#[test]
fn each_release_is_met_with_an_acquire_that_waits_for_it() {
    let met = walk_generated(20);
    for (release, acquire) in [
        ("unlock", "lock"),
        ("unlock", "wait"),
        ("wait", "lock"),
        ("wait", "wait"),
        ("notify-one", "wait"),
        ("notify-all", "wait"),
        ("notify-one", "wait-timeout"),
        ("advance", "wait-timeout"),
        ("release", "read"),
        ("release", "write"),
        ("unpark", "park"),
        ("unpark", "park-until"),
        ("advance", "park-until"),
    ] {
        let times = met.freed.get(&(release, acquire)).copied().unwrap_or(0);
        assert!(times >= 5, "{release} let {acquire} go on {times} times: {:#?}", met.freed);
    }
    assert!(met.freed.keys().all(|(_, acquire)| *acquire != "try-lock"), "{:#?}", met.freed);
}

/// What the program comes to: by the model, by every interleaving, and with the reduction.
fn ends(threads: &[&str]) -> Vec<End> {
    let threads: Vec<_> = threads.iter().map(|thread| ops(thread)).collect();
    let program = program("try-lock", &threads);
    let allowed = allowed(CLOCKED, &program, 100_000).unwrap();
    for reduction in [Reduction::None, Reduction::Sleep, Reduction::Optimal] {
        let reached = reached(CLOCKED, &program, reduction, 100_000);
        assert!(reached.complete, "{program}");
        let differ: Vec<_> = allowed.symmetric_difference(&reached.ends).collect();
        assert!(differ.is_empty(), "{reduction:?}\n{program}\nonly the model, or only the engine:{}", show_all(differ));
    }
    allowed.into_iter().collect()
}

#[test]
fn a_try_lock_comes_before_an_unlock_as_well_as_after_it() {
    // First, and the lock never gets it; in the middle; last.
    assert_eq!(ends(&["lock; unlock", "try-lock"]).len(), 3);
    // The lock has been taken before the third thread can ask: what it finds depends on the unlock alone.
    assert_eq!(ends(&["lock; unpark 1; unlock", "park; try-lock"]).len(), 2);
    // The same behind a lock that was waited for, and with a wait in place of the unlock.
    assert!(ends(&["lock; unlock", "lock; unlock", "try-lock; try-lock"]).len() >= 3);
    assert!(ends(&["lock; wait; unlock", "try-lock; notify-one"]).len() >= 3);
    // Neighbours of the release that depend on the answer.
    assert!(ends(&["lock; store 0 1; unlock; load 1", "try-lock; load 0; store 1 1"]).len() >= 4);
}

#[test]
fn a_release_without_a_try_lock_costs_no_execution() {
    for threads in [["lock; unlock", "lock; unlock"], ["write; release", "read; release"], ["unpark 1", "park"]] {
        let program = program("release", &threads.map(ops));
        let reached = reached(CLOCKED, &program, Reduction::Optimal, 100_000);
        let orders = if threads[1] == "park" { 1 } else { 2 };
        assert_eq!((reached.account.complete, reached.account.blocked), (orders, 0), "{program}");
    }
}
