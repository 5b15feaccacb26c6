//! The platform under shuttle.

mod platform_programs;
mod platform_searches;

use std::collections::BTreeSet;

use selvedge::platform::shuttle::{self, Decision, Schedule, SchedulerKind};
use selvedge::platform::{
    Arc, Atomic, Bounds, End, Failure, Ordering, Platform, Run, Shuttle, Stop, TrackedCell, host,
};

use Ordering::{Acquire, Relaxed, Release, SeqCst};
use platform_programs::{self as programs, Order, Outcomes, outcomes};
use platform_searches::all;

/// The platform of the searches that are shared.
type Here = Shuttle;

/// Explores a program depth-first; what came out of it, each outcome once.
fn explore(bounds: &Bounds, program: impl Fn() -> String + Send + Sync + 'static) -> (Run, Outcomes) {
    explore_by(SchedulerKind::Dfs, bounds, program)
}

fn explore_by(
    scheduler: SchedulerKind,
    bounds: &Bounds,
    program: impl Fn() -> String + Send + Sync + 'static,
) -> (Run, Outcomes) {
    let seen = Arc::new(host::Mutex::new(BTreeSet::new()));
    let kept = Arc::clone(&seen);
    let run = shuttle::explore(scheduler, bounds, move || {
        let outcome = program();
        kept.lock().unwrap().insert(outcome);
    });
    let seen = seen.lock().unwrap().clone();
    (run, seen)
}

/// A run of a drawn kind, and what came out of it.
fn draw(
    scheduler: SchedulerKind,
    executions: u64,
    program: impl Fn() -> String + Send + Sync + 'static,
) -> (Run, Outcomes) {
    let bounds = Bounds { max_executions: Some(executions), ..Bounds::default() };
    explore_by(scheduler, &bounds, program)
}

#[test]
fn atomics_are_sequentially_consistent() {
    let strong = outcomes(["0 1", "1 0", "1 1"]);
    assert_eq!(all(|| programs::store_buffering::<Shuttle>(false)), strong);
    assert_eq!(all(|| programs::store_buffering::<Shuttle>(true)), strong);
}

/// Data passed under a flag that is relaxed, between two fences.
fn message_between_fences() -> String {
    let shared = Arc::new((<Shuttle as Platform>::AtomicBool::new(false), <Shuttle as Platform>::Cell::new(0)));
    let other = Arc::clone(&shared);
    let ends = Shuttle::run_to_rest(vec![
        Box::new(move || {
            // SAFETY: the other thread looks once it has seen the flag; the platform says so if that is not enough.
            shared.1.with_mut(|data| unsafe { *data = 42 });
            Shuttle::fence(Release);
            shared.0.store(true, Relaxed);
        }),
        Box::new(move || {
            if other.0.load(Relaxed) {
                Shuttle::fence(Acquire);
                // SAFETY: as above.
                assert_eq!(other.1.with(|data| unsafe { *data }), 42);
            }
        }),
    ]);
    if ends.iter().any(|end| matches!(end, End::Raced(_))) { "race".to_owned() } else { "order".to_owned() }
}

#[test]
fn fences_can_be_left_out() {
    assert_eq!(all(message_between_fences), outcomes(["order"]));
    assert!(shuttle::without_fences(|| all(message_between_fences)).contains("race"));
    assert_eq!(all(message_between_fences), outcomes(["order"]));
}

/// Whichever is first in their one order: nothing is read in between.
#[test]
fn sequentially_consistent_fences_order_nothing_by_themselves() {
    let raced = all(|| {
        let shared = Arc::new(<Shuttle as Platform>::Cell::new(0));
        let other = Arc::clone(&shared);
        let ends = Shuttle::run_to_rest(vec![
            Box::new(move || {
                // SAFETY: it is not; the platform says so.
                shared.with_mut(|data| unsafe { *data = 42 });
                Shuttle::fence(SeqCst);
            }),
            Box::new(move || {
                Shuttle::fence(SeqCst);
                // SAFETY: as above.
                _ = other.with(|data| unsafe { *data });
            }),
        ]);
        if ends.iter().any(|end| matches!(end, End::Raced(_))) { "race".to_owned() } else { "order".to_owned() }
    });
    assert_eq!(raced, outcomes(["race"]));
}

#[test]
fn release_sequences_go_on_through_modifications_only() {
    let goes_on = all(|| programs::release_sequence::<Shuttle>(true));
    assert_eq!(goes_on, outcomes(["RRR ", "RRR 42"]));
    let ends = all(|| programs::release_sequence::<Shuttle>(false));
    assert!(ends.contains("RRX ") && !ends.contains("RRR 42"), "{ends:?}");
}

#[test]
fn a_notification_alone_orders_nothing() {
    let ends = all(|| programs::two_accesses::<Shuttle>(Order::NotifyOnly));
    assert!(ends.contains("XR"), "{ends:?}");
}

#[test]
fn choices_are_enumerated_exactly() {
    for k in [2, 3, 5, 7] {
        let (run, seen) = explore(&Bounds::default(), move || Shuttle::choose(k).to_string());
        assert_eq!((run.complete, run.executions, seen.len()), (true, k as u64, k));
    }
    let (run, pairs) = explore(&Bounds::default(), || programs::two_choices::<Shuttle>(3));
    // Threads that only choose take no steps, so that there is nothing to interleave.
    assert_eq!((run.complete, run.executions, pairs.len()), (true, 9, 9));
}

#[test]
fn depth_first_search_counts_the_interleavings() {
    // Each thread takes a load and a store: 4! / (2! 2!) interleavings.
    let (run, _) = explore(&Bounds::default(), programs::lost_update::<Shuttle>);
    assert_eq!((run.complete, run.exhaustive, run.executions), (true, true, 6));
    let (bounded, seen) =
        explore(&Bounds { preemptions: Some(0), ..Bounds::default() }, programs::lost_update::<Shuttle>);
    assert_eq!((bounded.complete, bounded.executions, seen), (true, 2, outcomes(["2"])));
}

#[test]
fn random_strategies_find_what_there_is() {
    for scheduler in [
        SchedulerKind::Random { seed: 7 },
        SchedulerKind::Pct { seed: 7, depth: 3 },
        SchedulerKind::Urw { seed: 7 },
        SchedulerKind::Pos { seed: 7 },
    ] {
        let (run, seen) = draw(scheduler.clone(), 300, programs::opposite_orders::<Shuttle>);
        assert_eq!(seen, outcomes(["BB", "RR"]), "{scheduler:?}");
        assert_eq!(
            (run.executions, run.exhaustive, run.complete, run.stopped, run.failure),
            (300, false, false, Some(Stop::Executions), None)
        );
        let (_, seen) = draw(scheduler.clone(), 300, programs::lost_update::<Shuttle>);
        assert_eq!(seen, outcomes(["1", "2"]), "{scheduler:?}");
        let (_, seen) = draw(scheduler.clone(), 300, programs::notify_one_of_two::<Shuttle>);
        assert_eq!(seen, outcomes(["BBR ", "BRR 1", "BRR 2", "RBR 1", "RBR 2"]), "{scheduler:?}");
        // No concurrency is no error.
        assert_eq!(draw(scheduler, 5, programs::lock_twice::<Shuttle>).1, outcomes(["B"]));
    }
}

#[test]
fn a_thread_that_spins_does_not_starve_the_others() {
    let program = || {
        let flag = Arc::new(<Shuttle as Platform>::AtomicBool::new(false));
        let theirs = Arc::clone(&flag);
        let ends = Shuttle::run_to_rest(vec![
            programs::body(&flag, |flag| {
                while !flag.load(Acquire) {
                    Shuttle::spin_loop();
                }
            }),
            Box::new(move || theirs.store(true, Release)),
        ]);
        programs::letters(&ends)
    };
    for scheduler in [
        SchedulerKind::Random { seed: 1 },
        SchedulerKind::Pct { seed: 1, depth: 3 },
        SchedulerKind::Urw { seed: 1 },
        SchedulerKind::Pos { seed: 1 },
    ] {
        let (run, seen) = draw(scheduler, 100, program);
        assert_eq!((run.truncated, seen), (0, outcomes(["RR"])));
    }
}

#[test]
fn every_execution_can_be_replayed_from_its_text() {
    let program = || format!("{} {}", programs::notify_one_of_two::<Shuttle>(), programs::two_choices::<Shuttle>(3));
    let seen = Arc::new(host::Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let bounds = Bounds { max_executions: Some(60), ..Bounds::default() };
    shuttle::explore(SchedulerKind::Random { seed: 3 }, &bounds, move || {
        let outcome = program();
        kept.lock().unwrap().push((outcome, shuttle::recorded().to_string()));
    });
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 60);
    for (outcome, text) in seen {
        let schedule: Schedule = text.parse().unwrap();
        let (run, again) = explore_by(SchedulerKind::Replay(schedule), &Bounds::default(), program);
        assert_eq!((run.executions, &run.failure, run.stopped), (1, &None, None), "{text}");
        assert_eq!(again, BTreeSet::from([outcome]), "{text}");
    }
}

#[test]
fn a_schedule_of_another_program_is_refused() {
    let replay = |text: &str| {
        let schedule: Schedule = text.parse().unwrap();
        let (run, _) =
            explore_by(SchedulerKind::Replay(schedule), &Bounds::default(), programs::lost_update::<Shuttle>);
        run.failure
    };
    assert_eq!(replay("s1x2.2x2.0x2"), None);
    for (text, place, found) in [
        ("s1x2.3", "decision 2: recorded `3`", "a step of thread 2 at "),
        ("s1x3", "decision 2: recorded `1`", "a step of thread 2 at "),
        ("s1.c0/2", "decision 1: recorded `c0/2`", "a step of thread 1 at "),
        ("s1x2", "decision 2: the schedule is over", "a step of thread 2 at "),
        ("s1x2.2x2.0x2.1", "decision 6: recorded `1`", "found the end of the execution"),
    ] {
        let Some(Failure::Diverged(message)) = replay(text) else {
            panic!("{text} was followed");
        };
        assert!(message.starts_with(place) && message.contains(found), "{text}: {message}");
    }
}

#[test]
fn what_is_recorded_says_who_took_each_step() {
    let (_, seen) = explore(&Bounds { max_executions: Some(1), ..Bounds::default() }, || {
        programs::lost_update::<Shuttle>();
        shuttle::recorded().to_string()
    });
    let schedule: Schedule = seen.first().unwrap().parse().unwrap();
    let steps = |thread| schedule.decisions().iter().filter(|step| **step == Decision::Thread(thread)).count();
    assert_eq!((steps(1), steps(2)), (2, 2), "{schedule}");
}

/// Notes what is pending at each decision, and takes the first thread.
struct Spy(Arc<host::Mutex<Vec<Vec<shuttle::PendingStep>>>>, bool);

impl shuttle::Strategy for Spy {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.1, true)
    }
    fn next_thread(&mut self, moment: &shuttle::Moment<'_>) -> Result<Option<usize>, String> {
        self.0.lock().unwrap().push(shuttle::pending());
        Ok(moment.enabled.first().copied())
    }
    fn choose(&mut self, _alternatives: usize) -> Result<usize, String> {
        Ok(0)
    }
    fn is_exhaustive(&self) -> bool {
        false
    }
}

#[test]
fn pending_steps_are_published() {
    use selvedge::platform::{PlatformMutex, TrackedCell};
    use shuttle::Access;
    let seen = Arc::new(host::Mutex::new(Vec::new()));
    let strategy = Box::new(Spy(Arc::clone(&seen), false));
    shuttle::explore_with(strategy, &Bounds::default(), || {
        let shared = Arc::new((
            <Shuttle as Platform>::Mutex::<()>::new(()),
            <Shuttle as Platform>::Cell::<u32>::new(0),
            <Shuttle as Platform>::AtomicU32::new(0),
        ));
        Shuttle::run_to_rest(vec![
            programs::body(&shared, |shared| {
                let _held = shared.0.lock();
                programs::write::<Shuttle>(&shared.1, 1);
                shared.2.load(Relaxed);
            }),
            programs::body(&shared, |shared| drop(shared.0.lock())),
        ]);
    });
    let seen = seen.lock().unwrap();
    // The body waits for both, which neither has ended; both are about to lock the same mutex.
    let first: Vec<_> = seen[0].iter().map(|step| (step.thread, step.touches.len(), step.enabled)).collect();
    assert_eq!(first, [(0, 0, false), (1, 1, true), (2, 1, true)]);
    assert_eq!(seen[0][1].touches, seen[0][2].touches);
    assert_eq!(seen[0][1].touches[0].access, Access::Write);
    assert!(seen[0][1].location.file().ends_with("platform_shuttle.rs"), "{}", seen[0][1].location);
    // Thread 1 holds it, has written to the cell, and is about to read the atomic; thread 2 cannot go on.
    let second: Vec<_> = seen[1].iter().map(|step| (step.thread, step.enabled)).collect();
    assert_eq!(second, [(0, false), (1, true), (2, false)]);
    assert_eq!(seen[1][1].touches[0].access, Access::Read);
    assert!(seen[1][1].cells.iter().all(|(_, access)| *access == Access::Write) && !seen[1][1].cells.is_empty());
    let names: BTreeSet<_> = [seen[1][1].touches[0].object, seen[1][1].cells[0].0, seen[0][1].touches[0].object].into();
    assert_eq!(names.len(), 3, "three objects, three names");
}

/// A limit of time ends an execution anywhere. What comes behind it is nothing that a search meets again.
#[test]
fn no_strategy_is_asked_behind_a_limit() {
    struct Asked(bool);
    impl shuttle::Strategy for Asked {
        fn begin(&mut self) -> bool {
            !std::mem::replace(&mut self.0, true)
        }
        fn next_thread(&mut self, moment: &shuttle::Moment<'_>) -> Result<Option<usize>, String> {
            if shuttle::was_cut() { Err("asked".to_owned()) } else { Ok(moment.enabled.first().copied()) }
        }
        fn choose(&mut self, _alternatives: usize) -> Result<usize, String> {
            if shuttle::was_cut() { Err("asked".to_owned()) } else { Ok(0) }
        }
        fn is_exhaustive(&self) -> bool {
            true
        }
    }
    for max_steps in 1..7 {
        let bounds = Bounds { max_steps, ..Bounds::default() };
        let run = shuttle::explore_with(Box::new(Asked(false)), &bounds, || {
            programs::lost_update::<Shuttle>();
        });
        assert_eq!((run.failure, run.truncated), (None, 1), "after {max_steps} steps");
    }
}

#[test]
fn a_strategy_may_cut_an_execution_short() {
    struct Cut(u32);
    impl shuttle::Strategy for Cut {
        fn begin(&mut self) -> bool {
            self.0 += 1;
            self.0 <= 3
        }
        fn next_thread(&mut self, moment: &shuttle::Moment<'_>) -> Result<Option<usize>, String> {
            Ok(if moment.enabled == [0] { Some(0) } else { None })
        }
        fn choose(&mut self, _alternatives: usize) -> Result<usize, String> {
            Ok(0)
        }
        fn is_exhaustive(&self) -> bool {
            true
        }
    }
    let run = shuttle::explore_with(Box::new(Cut(0)), &Bounds::default(), || {
        assert_eq!(programs::lost_update::<Shuttle>(), "0");
    });
    assert_eq!((run.executions, run.complete, run.truncated, run.failure), (3, true, 0, None));
}

#[test]
fn the_size_of_a_search_is_known() {
    let size = |threads, each| {
        let (run, _) = explore(&Bounds::default(), move || programs::count_under_mutex::<Shuttle>(threads, each));
        assert!(run.complete);
        run.executions
    };
    // Pinned: one execution for each order of the critical sections, (threads × each)! / each! ^ threads.
    assert_eq!([size(2, 1), size(2, 2), size(3, 1), size(3, 2)], [2, 6, 6, 90]);
}
