//! Panics that a search catches are not printed; all others are, as before.

mod platform_programs;

use std::process::Command;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{Bounds, Loom, Shuttle, Std, loom};

use platform_programs as programs;

const CHILD: &str = "PLATFORM_QUIET_CHILD";

/// Panics everywhere, in the child process.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let within = Bounds { max_executions: Some(20), ..Bounds::default() };
    assert_eq!(programs::panic_with_lock::<Std>(), "PR 2");
    loom::explore(&within, || assert_eq!(programs::panic_with_lock::<Loom>(), "PR 2"));
    shuttle::explore(SchedulerKind::Dfs, &within, || {
        assert_eq!(programs::panic_with_lock::<Shuttle>(), "PR 2");
    });
    let run = loom::explore(&within, || panic!("on purpose, in the body"));
    assert!(run.failure.is_some());
    let run = shuttle::explore(SchedulerKind::Dfs, &within, || panic!("on purpose, in the body"));
    assert!(run.failure.is_some());
    std::thread::spawn(|| panic!("for all to hear")).join().unwrap_err();
}

#[test]
fn only_other_panics_are_printed() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{printed}");
    assert!(printed.contains("for all to hear"), "{printed}");
    for noise in ["on purpose", "Task failed", "schedule", "deadlock", "test panicked in task"] {
        assert!(!printed.contains(noise), "{printed}");
    }
}
