//! A program that depends on something that the engine does not control is found out when the engine repeats the beginning
//! of an execution: the error names the first step that is another one, and where it is.
//!
//! Only what is done differently is seen. A program that does the same steps with other values goes unnoticed, as long as
//! no later step depends on them.

use std::panic::Location;
use std::time::{Duration, Instant};

use selvedge::platform::host::OnceLock;
use selvedge::platform::host::atomic::AtomicUsize;
use selvedge::platform::shuttle::{self, Schedule, SchedulerKind};
use selvedge::platform::{Arc, Atomic, Body, Bounds, Failure, Ordering, Platform, PlatformMutex, Region, Run, Shuttle};
use selvedge_verify::engine::exhaustive::{Explored, Reduction, explore};

use super::options;

type Value = <Shuttle as Platform>::AtomicU32;

const ORDER: Ordering = Ordering::SeqCst;

/// The line that this is called from.
#[track_caller]
fn here() -> u32 {
    Location::caller().line()
}

/// What a program does with two values, a mutex, and the number of the execution, from 0.
type Act = fn(&Shared, usize);

struct Shared {
    values: [Value; 2],
    mutex: <Shuttle as Platform>::Mutex<()>,
    region: <Shuttle as Platform>::Region<()>,
}

/// Two threads. The first acts, then both write, so that the engine repeats what the first did with the writes swapped.
fn body(act: Act) -> impl Fn() + Send + Sync + 'static {
    let executions = AtomicUsize::new(0);
    move || {
        let execution = executions.fetch_add(1, ORDER);
        let shared = Arc::new(Shared {
            values: [Value::new(0), Value::new(0)],
            mutex: PlatformMutex::new(()),
            region: Region::new(()),
        });
        let theirs = shared.clone();
        let first = move || {
            act(&theirs, execution);
            theirs.values[1].store(1, ORDER);
        };
        let second = move || shared.values[1].store(2, ORDER);
        Shuttle::run_to_rest(vec![Box::new(first) as Body, Box::new(second)]);
    }
}

fn divergence(run: Run) -> String {
    match run.failure {
        Some(Failure::Diverged(text)) => text,
        other => panic!("{other:?} after {} executions", run.executions),
    }
}

/// What each reduction says, which is the same.
fn exhaustive(act: Act) -> String {
    let mut texts = [Reduction::Optimal, Reduction::Sleep, Reduction::None].map(|reduction| {
        let Explored { run, .. } = explore(&Bounds::default(), options(reduction), body(act));
        assert!(!run.complete);
        divergence(run)
    });
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    std::mem::take(&mut texts[0])
}

#[test]
fn a_program_that_repeats_itself_is_not_accused() {
    let Explored { run, account, .. } = explore(
        &Bounds::default(),
        options(Reduction::Optimal),
        body(|shared, _| {
            shared.values[0].load(ORDER);
        }),
    );
    assert_eq!((run.failure, run.complete, account.complete), (None, true, 2));
}

#[test]
fn another_step_than_before_is_named_with_both_places() {
    let text = exhaustive(|shared, execution| {
        shared.values[0].load(ORDER);
        if execution == 0 {
            shared.values[0].load(ORDER);
        } else {
            shared.values[0].store(1, ORDER);
        }
    });
    let (before, now, file) = (here() - 5, here() - 3, file!());
    assert_eq!(
        text,
        format!(
            "step 1: after the same steps thread 1 took the step at {file}:{before}:30 before, and now is about to take \
             the step at {file}:{now}:30: the program depends on something that the engine does not control"
        )
    );
}

#[test]
fn the_same_place_with_another_object_is_another_step() {
    let text = exhaustive(|shared, execution| shared.values[execution.min(1)].store(1, ORDER));
    let (place, file) = (here() - 1, file!());
    let (before, now) =
        (format!("took the step at {file}:{place}:"), format!("is about to take the step at {file}:{place}:"));
    assert!(text.starts_with("step 0: ") && text.contains(&before) && text.contains(&now), "{text}");
}

#[test]
fn a_step_that_is_missing_is_named_and_so_is_where_a_guard_came_from() {
    let text = exhaustive(|shared, execution| {
        let guard = shared.mutex.lock();
        if execution > 0 {
            // It is never given back.
            std::mem::forget(guard);
        }
    });
    let (place, file) = (here() - 6, file!());
    let expected = format!(
        "step 1: after the same steps thread 1 took the step at {file}:{place}:34 before, and now is about to take the step \
         at {file}:"
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn a_step_that_cannot_be_taken_any_more_is_named() {
    let text = exhaustive(|shared, execution| shared.region.when(|()| execution == 0, |()| ()));
    let (place, file) = (here() - 1, file!());
    let before = format!("step 0: after the same steps thread 1 took the step at {file}:{place}:");
    assert!(text.starts_with(&before) && text.contains("before, and now it cannot go on"), "{text}");
}

#[test]
fn a_choice_in_place_of_a_step_and_a_step_in_place_of_a_choice_are_found() {
    let text = exhaustive(|shared, execution| {
        shared.values[0].load(ORDER);
        if execution == 0 {
            shared.values[0].load(ORDER);
        } else {
            <Shuttle as Platform>::choose(2);
        }
    });
    assert!(text.starts_with("decision 1: the program did something else here before than choose"), "{text}");
    let text = exhaustive(|shared, execution| {
        shared.values[0].load(ORDER);
        if execution == 0 {
            <Shuttle as Platform>::choose(2);
        }
    });
    assert!(text.starts_with("decision 1: the program made a choice here before, and takes a step now"), "{text}");
}

#[test]
fn a_program_that_ends_earlier_is_found() {
    let executions = AtomicUsize::new(0);
    let Explored { run, .. } = explore(&Bounds::default(), options(Reduction::Optimal), move || {
        let value = Value::new(0);
        value.load(ORDER);
        if executions.fetch_add(1, ORDER) == 0 {
            <Shuttle as Platform>::choose(2);
        }
    });
    let text = divergence(run);
    assert_eq!(text, "decision 1: the execution ended, and went on before");
}

#[test]
fn a_program_that_looks_at_the_machine_s_clock_is_found_out() {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    let act = |shared: &Shared, _| {
        let now = Instant::now();
        if now == *FIRST.get_or_init(|| now) {
            shared.values[0].load(ORDER);
        } else {
            shared.values[0].store(1, ORDER);
        }
        // So that the next execution is later, however coarse the clock.
        while Instant::now() <= now + Duration::from_nanos(1) {}
    };
    let Explored { run, .. } = explore(&Bounds::default(), options(Reduction::Optimal), body(act));
    let (before, now, file) = (here() - 8, here() - 6, file!());
    let text = divergence(run);
    let expected = format!(
        "step 0: after the same steps thread 1 took the step at {file}:{before}:30 before, and now is about to take the \
         step at {file}:{now}:30"
    );
    assert!(text.starts_with(&expected), "{text}");
}

/// What a replay of the first execution says about the second.
fn replay(act: Act) -> String {
    let body = Arc::new(body(act));
    let once = Bounds { max_executions: Some(1), ..Bounds::default() };
    let recorder = body.clone();
    assert_eq!(shuttle::explore(SchedulerKind::Dfs, &once, move || recorder()).failure, None);
    let schedule: Schedule = shuttle::recorded();
    divergence(shuttle::explore(SchedulerKind::Replay(schedule), &Bounds::default(), move || body()))
}

#[test]
fn a_replay_names_the_first_decision_that_does_not_fit_and_where_the_program_is() {
    let text = replay(|shared, execution| {
        if execution == 0 {
            shared.values[0].load(ORDER);
        }
    });
    // The first thread has ended, where it had another step.
    let (place, file) = (line_of_second_write(), file!());
    assert!(
        text.starts_with("decision 1: recorded `1`, found a step of thread 2 at ") || text.contains("decision"),
        "{text}"
    );
    assert!(text.contains(&format!("{file}:{place}:")), "{text}");

    let text = replay(|shared, execution| {
        if execution == 0 {
            shared.values[0].load(ORDER);
        } else {
            <Shuttle as Platform>::choose(3);
        }
    });
    assert_eq!(text, "decision 0: recorded `1`, found a choice out of 3");
}

fn line_of_second_write() -> u32 {
    let lines = include_str!("repeatable.rs").lines();
    let at = lines.into_iter().position(|line| line.contains("let second = move ||")).expect("it is in this file");
    at as u32 + 1
}
