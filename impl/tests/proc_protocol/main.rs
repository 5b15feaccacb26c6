//! The lock-free part of `selvedge::proc` under loom, and the same programs where memory is sequentially consistent.
//!
//! That each fence is needed under weak memory is shown elsewhere, by leaving it out: see docs/orderings.md.

mod programs;

use selvedge::platform::shuttle::SchedulerKind;
use selvedge::platform::{Arc, Body, Bounds, Loom, Shuttle, loom, shuttle};
use selvedge::proc::lab::Lab;

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
    let crowded = programs::Named { name: "stop-beside-a-spinner", body: stop_beside_a_spinner };
    for program in programs::all::<Shuttle>().into_iter().chain([crowded]) {
        let run = shuttle::explore(SchedulerKind::Dfs, &bounds(2), program.body);
        println!("{}: {} executions", program.name, run.executions);
        assert_eq!(run.failure, None, "{}", program.name);
        assert!(run.complete, "{}: {run:?}", program.name);
    }
}

/// The world stops and starts while a machine looks for work and a sleeper is unparked from outside: the sleeper gets the
/// processor that nobody needs. It takes more threads than loom has.
fn stop_beside_a_spinner() {
    let lab = Arc::new(Lab::<Shuttle>::new(2, 2));
    let mut stops = lab.running(0, Vec::new());
    let mut sleeping = lab.sleeping();
    let unparker = sleeping.unparker();
    let bodies: Vec<Body> = vec![
        Box::new(move || {
            stops.stop_world();
            stops.start_world(None);
        }),
        Box::new(move || unparker.unpark()),
        Box::new(move || {
            sleeping.sleep_from_the_start();
            sleeping.end_task();
        }),
        Box::new(move || lab.work()),
    ];
    programs::run::<Shuttle>(bodies, 1);
}
