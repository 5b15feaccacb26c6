//! The lock-free part of `selvedge::proc` under loom, and the same programs where memory is sequentially consistent.
//!
//! That each fence is needed under weak memory is shown elsewhere, by leaving it out: see docs/orderings.md.

mod programs;

use selvedge::platform::shuttle::SchedulerKind;
use selvedge::platform::{Bounds, Loom, Shuttle, loom, shuttle};

fn bounds(preemptions: usize) -> Bounds {
    Bounds { preemptions: Some(preemptions), max_executions: Some(200_000), ..Bounds::default() }
}

#[test]
fn nothing_is_wrong_under_weak_memory() {
    for program in programs::all::<Loom>() {
        let run = loom::explore(&bounds(2), program.body);
        println!("{}: {} executions", program.name, run.executions);
        assert_eq!(run.failure, None, "{}", program.name);
        assert!(run.complete, "{}: {run:?}", program.name);
    }
}

#[test]
fn nothing_is_wrong_where_memory_is_sequentially_consistent() {
    explore_all_under_sequential_consistency();
}

/// Why loom is needed: without any of the fences, each of which weak memory needs, nothing goes wrong there.
#[test]
fn sequential_consistency_hides_that_fences_are_missing() {
    shuttle::without_fences(explore_all_under_sequential_consistency);
}

fn explore_all_under_sequential_consistency() {
    let crowded = programs::Named { name: "stop-beside-a-spinner", body: programs::stop_beside_a_spinner::<Shuttle> };
    for program in programs::all::<Shuttle>().into_iter().chain([crowded]) {
        let run = shuttle::explore(SchedulerKind::Dfs, &bounds(2), program.body);
        println!("{}: {} executions", program.name, run.executions);
        assert_eq!(run.failure, None, "{}", program.name);
        assert!(run.complete, "{}: {run:?}", program.name);
    }
}
