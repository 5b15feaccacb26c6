//! The same tests with a mistake in the executor, each in a process of its own, because what goes wrong may be anything:
//! each must fail.
//!
//! Only mistakes that a machine shows without luck are here. The others are races of a few nanoseconds, or make something
//! late and no more; those are for the model checkers and their virtual time.

use std::process::{Command, Stdio};

use selvedge::proc::Bug;

use crate::PLANTED;

/// Each mistake with a test that it must not survive.
const DEADLY: &[(Bug, &str)] = &[
    (Bug::ReclaimByStore, "tasks::tasks_at_work_never_outnumber_the_processors"),
    (Bug::LinkStays, "tasks::tasks_at_work_never_outnumber_the_processors"),
    (Bug::SparedForEver, "tasks::a_call_that_lasts_loses_its_processor"),
    (Bug::QueuesSilently, "tasks::a_task_starts_beside_the_busy_one_that_spawned_it"),
    (Bug::QueueDies, "world::a_smaller_executor_keeps_what_was_queued"),
    (Bug::SafePointMissesCalls, "world::a_safe_point_function_runs_once_on_each_processor"),
    (Bug::SafePointUnclaimed, "world::a_safe_point_function_runs_once_on_each_processor"),
    (Bug::HandOffIgnoresStop, "world::a_processor_handed_off_during_a_stop_halts"),
    (Bug::TakenWithoutTick, "world::a_task_is_told_that_others_had_its_processor"),
    (Bug::NextStays, "stress::everything_at_once"),
];

/// The mistake of this name.
pub fn bug(name: &str) -> Bug {
    let named = DEADLY.iter().find(|(bug, _)| format!("{bug:?}") == name);
    named.unwrap_or_else(|| panic!("no mistake is called {name}")).0
}

#[test]
fn each_planted_mistake_is_noticed() {
    // Not inside the very processes that it starts.
    assert!(std::env::var_os(PLANTED).is_none(), "{PLANTED} is for the tests that this one starts");
    let own = std::env::current_exe().expect("a test knows its file");
    let survivors: Vec<String> = DEADLY
        .iter()
        .filter(|(bug, test)| {
            let mut command = Command::new(&own);
            command.args(["--exact", test, "--test-threads=1"]).env(PLANTED, format!("{bug:?}"));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().expect("a test can be started").success()
        })
        .map(|(bug, test)| format!("{bug:?} survives {test}"))
        .collect();
    assert!(survivors.is_empty(), "{survivors:#?}");
}
