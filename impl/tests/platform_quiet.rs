//! Panics that a search catches are not printed; all others are, as before, and so is what ends the process.

mod platform_programs;

use std::process::Command;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{Arc, Body, Bounds, Loom, Platform, PlatformMutex, Shuttle, Std, loom};

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

/// While a panic of its own unwinds that is contained, a thread wants what another holds for good.
fn wants_a_taken_lock<P: Platform>() {
    struct Locks<'a, M: PlatformMutex<()>>(&'a M);
    impl<M: PlatformMutex<()>> Drop for Locks<'_, M> {
        fn drop(&mut self) {
            drop(self.0.lock());
        }
    }
    let taken = Arc::new((P::Mutex::new(()), P::Mutex::new(())));
    let (holds, wants) = (taken.clone(), taken);
    let bodies: Vec<Body> = vec![
        Box::new(move || {
            let _first = holds.0.lock();
            drop(holds.1.lock());
            P::park();
        }),
        Box::new(move || {
            drop(wants.1.lock());
            let _ = P::contain(|| {
                let _locks = Locks(&wants.0);
                std::panic::resume_unwind(Box::new(1_u8));
            });
        }),
    ];
    drop(P::run_to_rest(bodies));
}

/// The platform on which a child process gives out a lock twice.
const TWICE: &str = "PLATFORM_TWICE_CHILD";

#[test]
fn child_that_locks_twice() {
    match std::env::var(TWICE).as_deref() {
        Ok("loom") => drop(loom::explore(&Bounds::default(), wants_a_taken_lock::<Loom>)),
        Ok("shuttle") => drop(shuttle::explore(SchedulerKind::Dfs, &Bounds::default(), wants_a_taken_lock::<Shuttle>)),
        _ => {}
    }
}

#[test]
fn a_lock_that_is_taken_is_given_to_nobody_while_a_contained_panic_unwinds() {
    for platform in ["loom", "shuttle"] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_locks_twice", "--nocapture"])
            .env(TWICE, platform)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&child.stderr);
        assert!(!child.status.success(), "{platform}: {printed}");
        let why = "while a thread unwinds it cannot wait on this platform, and the lock that it wants is taken";
        assert!(printed.contains(why), "{platform}: {printed}");
    }
}
