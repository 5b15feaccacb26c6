//! The platform under shuttle.

mod platform_programs;

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::shuttle::{self, Decision, Schedule, SchedulerKind};
use selvedge::platform::{
    Arc, Atomic, Bounds, Failure, Ordering, Platform, Profile, Run, Shuttle, Stop, Timeouts, host,
};

use Ordering::{Acquire, Relaxed, Release};
use platform_programs::{self as programs, Order, Outcomes, outcomes};

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

/// Everything, which must be complete.
fn all(program: impl Fn() -> String + Send + Sync + 'static) -> Outcomes {
    all_within(&Bounds::default(), program)
}

fn all_within(bounds: &Bounds, program: impl Fn() -> String + Send + Sync + 'static) -> Outcomes {
    let (run, seen) = explore(bounds, program);
    assert!(run.complete, "{run:?}, {seen:?}");
    seen
}

#[test]
fn mutexes_exclude() {
    assert_eq!(all(|| programs::count_under_mutex::<Shuttle>(2, 2)), outcomes(["RR 4"]));
    assert_eq!(all(|| programs::value_in_mutex::<Shuttle>(2)), outcomes(["RR 2"]));
}

#[test]
fn without_a_mutex_an_update_is_lost() {
    assert_eq!(all(programs::lost_update::<Shuttle>), outcomes(["1", "2"]));
}

#[test]
fn atomics_compute() {
    assert_eq!(all(programs::atomic_arithmetic::<Shuttle>), outcomes(["2 true -2"]));
}

#[test]
fn a_wait_beside_a_notification_returns_or_is_blocked() {
    assert_eq!(all(programs::wait_beside_notify::<Shuttle>), outcomes(["BR", "RR"]));
}

#[test]
fn either_of_two_waiters_is_woken() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(
        all_within(&within, programs::notify_one_of_two::<Shuttle>),
        outcomes(["BBR ", "BRR 1", "BRR 2", "RBR 1", "RBR 2"])
    );
}

#[test]
fn a_notified_waiter_waits_for_the_lock() {
    assert_eq!(all(programs::notify_under_lock::<Shuttle>), outcomes(["RR"]));
}

#[test]
fn a_broadcast_wakes_all() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::notify_all_of_two::<Shuttle>), outcomes(["RRR"]));
}

#[test]
fn deadlocks_are_outcomes() {
    assert_eq!(all(programs::opposite_orders::<Shuttle>), outcomes(["BB", "RR"]));
    assert_eq!(all(programs::lock_twice::<Shuttle>), outcomes(["B"]));
    assert_eq!(all(programs::look_after_lock_twice::<Shuttle>), outcomes(["B 1"]));
    assert_eq!(all(programs::opposite_orders_beside_a_third::<Shuttle>), outcomes(["BBR 2", "RRR 2"]));
    assert_eq!(all(programs::nested_rest::<Shuttle>), outcomes(["RR B other"]));
}

#[test]
fn a_try_lock_sees_the_lock_taken_and_free() {
    assert_eq!(all(programs::try_beside_lock::<Shuttle>), outcomes(["RR 0", "RR 1", "RR taken"]));
}

#[test]
fn readers_share_and_writers_do_not() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::readers_and_writer::<Shuttle>), outcomes(["RRR apart", "RRR together"]));
}

#[test]
fn tokens_are_not_lost() {
    assert_eq!(all(programs::token_before_park::<Shuttle>), outcomes(["R"]));
    assert_eq!(all(programs::two_parks_one_unpark::<Shuttle>), outcomes(["BR first"]));
}

#[test]
fn races_are_found_and_order_is_honoured() {
    let pass =
        |store, load, before, after| all(move || programs::message_passing::<Shuttle>(store, load, before, after));
    let ordered = outcomes(["RR 42", "RR unset"]);
    assert_eq!(pass(Release, Acquire, false, false), ordered);
    assert_eq!(pass(Relaxed, Relaxed, true, true), ordered);
    for unordered in [
        pass(Relaxed, Acquire, false, false),
        pass(Release, Relaxed, false, false),
        pass(Relaxed, Relaxed, true, false),
    ] {
        assert!(unordered.contains("RX "), "{unordered:?}");
    }
    for order in [Order::Nothing, Order::NothingReadFirst] {
        let race = all(move || programs::two_accesses::<Shuttle>(order));
        // Either finds the race, after which the other means nothing.
        assert!(race.is_subset(&outcomes(["RX", "XR", "XA", "AX"])) && !race.is_empty(), "{order:?}: {race:?}");
    }
}

#[test]
fn every_order_that_is_promised_is_kept() {
    for order in [
        Order::Mutex,
        Order::WriteThenRead,
        Order::ReadThenWrite,
        Order::Region,
        Order::Park,
        Order::ParkTimeout,
        Order::Join,
        Order::Rest,
        Order::Spawn,
    ] {
        let ends = all(move || programs::two_accesses::<Shuttle>(order));
        // Nobody lets the time of the timed park pass.
        assert_eq!(ends.len(), 1, "{order:?}: {ends:?}");
        assert!(ends.iter().all(|ends| ends.chars().all(|end| end == 'R')), "{order:?}: {ends:?}");
    }
}

#[test]
fn no_other_order_hides_a_race() {
    for order in [Order::FailedTryLock, Order::ReadersOnly, Order::ReadersInTurn] {
        let ends = all(move || programs::two_accesses::<Shuttle>(order));
        assert!(ends.iter().any(|ends| ends.contains('X')), "{order:?}: {ends:?}");
    }
}

#[test]
fn clocked_timeouts_fire_when_their_time_has_come() {
    assert_eq!(all(|| programs::timed_park::<Shuttle>(10, 9)), outcomes(["BR "]));
    // The deadline counts from the start of the wait, which may be before or after the time passed.
    assert_eq!(all(|| programs::timed_park::<Shuttle>(10, 10)), outcomes(["BR ", "RR false"]));
    assert_eq!(all(|| programs::timed_wait::<Shuttle>(4)), outcomes(["RR ", "RR true"]));
    assert_eq!(all(|| programs::timed_wait::<Shuttle>(5)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn free_timeouts_fire_at_any_time() {
    let free = Bounds { profile: Profile { timeouts: Timeouts::Free, ..Profile::default() }, ..Bounds::default() };
    assert_eq!(all_within(&free, || programs::timed_park::<Shuttle>(10, 0)), outcomes(["RR false"]));
    assert_eq!(all_within(&free, || programs::timed_wait::<Shuttle>(0)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn spurious_wakeups_stay_within_their_budget() {
    let budget =
        |spurious_budget| Bounds { profile: Profile { spurious_budget, ..Profile::default() }, ..Bounds::default() };
    assert_eq!(all_within(&budget(0), || programs::lonely_wait::<Shuttle>(2)), outcomes(["B "]));
    assert_eq!(all_within(&budget(1), || programs::lonely_wait::<Shuttle>(2)), outcomes(["B ", "B woke"]));
    assert_eq!(
        all_within(&budget(2), || programs::lonely_wait::<Shuttle>(2)),
        outcomes(["B ", "B woke", "R woke woke"])
    );
}

#[test]
fn a_panic_ends_its_own_thread() {
    assert_eq!(all(programs::panic_with_lock::<Shuttle>), outcomes(["PR 2"]));
    assert_eq!(all(programs::destructors_that_synchronise::<Shuttle>), outcomes(["BP 2 2"]));
}

#[test]
fn joining_returns_the_values() {
    assert_eq!(all(programs::join_values::<Shuttle>), outcomes(["1 2"]));
}

#[test]
fn limits_are_kept() {
    let long = || programs::count_under_mutex::<Shuttle>(3, 3);
    let (run, _) = explore(&Bounds { max_executions: Some(17), ..Bounds::default() }, long);
    assert_eq!((run.executions, run.complete, run.stopped), (17, false, Some(Stop::Executions)));
    let no_time = Bounds { max_duration: Some(Duration::ZERO), ..Bounds::default() };
    let (run, _) = explore(&no_time, long);
    assert_eq!((run.executions, run.complete, run.stopped), (0, false, Some(Stop::Duration)));
    // A single execution that would take for ever is cut short too: each of its steps takes a while.
    let little_time =
        Bounds { max_duration: Some(Duration::from_millis(20)), max_steps: u64::MAX, ..Bounds::default() };
    let (run, seen) = explore(&little_time, || {
        let ends = Shuttle::run_to_rest(vec![Box::new(|| {
            loop {
                let _now = Shuttle::now();
                std::thread::sleep(Duration::from_millis(1));
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.executions, run.complete, run.stopped), (1, false, Some(Stop::Duration)));
    assert_eq!(seen, outcomes(["A"]));
    // An execution that never ends by itself.
    let (run, seen) = explore(&Bounds { max_steps: 100, max_executions: Some(3), ..Bounds::default() }, || {
        let ends = Shuttle::run_to_rest(vec![Box::new(|| {
            loop {
                Shuttle::spin_loop();
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.complete, run.stopped, run.failure), (false, Some(Stop::Branches), None));
    assert_eq!(seen, outcomes(["A"]));
}

#[test]
fn a_limit_that_is_not_reached_does_not_hide_the_end() {
    let program = || programs::count_under_mutex::<Shuttle>(2, 1);
    let (all, _) = explore(&Bounds::default(), program);
    let (run, _) = explore(&Bounds { max_executions: Some(all.executions), ..Bounds::default() }, program);
    assert_eq!(run, all);
}

#[test]
fn what_goes_wrong_in_the_body_is_a_failure() {
    let (run, _) = explore(&Bounds::default(), || panic!("in the body"));
    assert_eq!(run.failure, Some(Failure::Panic("in the body".into())));
    let (run, _) = explore(&Bounds::default(), || {
        Shuttle::park();
        String::new()
    });
    let Some(Failure::Blocked(places)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(places.starts_with("thread 0 waits at impl/tests/platform_shuttle.rs:"), "{places}");
}

#[test]
fn a_race_in_the_body_names_both_places() {
    use selvedge::platform::TrackedCell;
    let (run, _) = explore(&Bounds::default(), || {
        let cell = Arc::new(<Shuttle as Platform>::Cell::<u32>::new(0));
        let theirs = Arc::clone(&cell);
        let _running = Shuttle::spawn(move || programs::write::<Shuttle>(&theirs, 1));
        // A step lets the thread run first.
        Shuttle::yield_now();
        cell.with_mut(|_| ());
        String::new()
    });
    let Some(Failure::Race(race)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(race.later.location.contains("platform_shuttle.rs"), "{race}");
    assert!(race.earlier.location.contains("platform_programs"), "{race}");
    assert!(race.earlier.writes && race.later.writes);
}

#[test]
fn outside_of_a_search_there_is_nothing() {
    let outside = std::panic::catch_unwind(Shuttle::current);
    let message = *outside.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(message, "the platform `shuttle` works only inside its `explore`");
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
