//! The platform under loom.

mod platform_programs;

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::loom::{self, MAX_ACTORS, MAX_ACTORS_WITH_CHOICES};
use selvedge::platform::{
    Arc, Bounds, Failure, Loom, Ordering, Platform, PlatformRwLock, Profile, Run, Stop, Timeouts, host,
};

use Ordering::{Acquire, Relaxed, Release};
use platform_programs::{self as programs, Order, Outcomes, outcomes};

/// Explores a program; what came out of it, each outcome once.
fn explore(bounds: &Bounds, program: impl Fn() -> String + Send + Sync + 'static) -> (Run, Outcomes) {
    let seen = Arc::new(host::Mutex::new(BTreeSet::new()));
    let kept = Arc::clone(&seen);
    let run = loom::explore(bounds, move || {
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

fn bits(choice_bits: u32) -> Bounds {
    Bounds { choice_bits, ..Bounds::default() }
}

#[test]
fn mutexes_exclude() {
    assert_eq!(all(|| programs::count_under_mutex::<Loom>(2, 2)), outcomes(["RR 4"]));
    assert_eq!(all(|| programs::value_in_mutex::<Loom>(2)), outcomes(["RR 2"]));
}

#[test]
fn without_a_mutex_an_update_is_lost() {
    assert_eq!(all(programs::lost_update::<Loom>), outcomes(["1", "2"]));
}

#[test]
fn atomics_compute() {
    assert_eq!(all(programs::atomic_arithmetic::<Loom>), outcomes(["2 true -2"]));
}

#[test]
fn a_wait_beside_a_notification_returns_or_is_blocked() {
    assert_eq!(all_within(&bits(1), programs::wait_beside_notify::<Loom>), outcomes(["BR", "RR"]));
}

#[test]
fn either_of_two_waiters_is_woken() {
    let within = Bounds { preemptions: Some(2), ..bits(1) };
    assert_eq!(
        all_within(&within, programs::notify_one_of_two::<Loom>),
        outcomes(["BBR ", "BRR 1", "BRR 2", "RBR 1", "RBR 2"])
    );
}

#[test]
fn a_notified_waiter_waits_for_the_lock() {
    assert_eq!(all_within(&bits(1), programs::notify_under_lock::<Loom>), outcomes(["RR"]));
}

#[test]
fn a_broadcast_wakes_all() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::notify_all_of_two::<Loom>), outcomes(["RRR"]));
}

#[test]
fn deadlocks_are_outcomes() {
    assert_eq!(all(programs::opposite_orders::<Loom>), outcomes(["BB", "RR"]));
    assert_eq!(all(programs::lock_twice::<Loom>), outcomes(["B"]));
    assert_eq!(all(programs::look_after_lock_twice::<Loom>), outcomes(["B 1"]));
    assert_eq!(all(programs::opposite_orders_beside_a_third::<Loom>), outcomes(["BBR 2", "RRR 2"]));
    assert_eq!(all(programs::nested_rest::<Loom>), outcomes(["RR B other"]));
}

#[test]
fn a_try_lock_sees_the_lock_taken_and_free() {
    assert_eq!(all(programs::try_beside_lock::<Loom>), outcomes(["RR 0", "RR 1", "RR taken"]));
}

#[test]
fn readers_share_and_writers_do_not() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::readers_and_writer::<Loom>), outcomes(["RRR apart", "RRR together"]));
}

#[test]
fn tokens_are_not_lost() {
    assert_eq!(all(programs::token_before_park::<Loom>), outcomes(["R"]));
    assert_eq!(all(programs::two_parks_one_unpark::<Loom>), outcomes(["BR first"]));
}

#[test]
fn memory_is_weak_and_fences_order_it() {
    assert_eq!(all(|| programs::store_buffering::<Loom>(false)), outcomes(["0 0", "0 1", "1 0", "1 1"]));
    assert_eq!(all(|| programs::store_buffering::<Loom>(true)), outcomes(["0 1", "1 0", "1 1"]));
}

#[test]
fn races_are_found_and_order_is_honoured() {
    let pass = |store, load, before, after| all(move || programs::message_passing::<Loom>(store, load, before, after));
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
        let race = all(move || programs::two_accesses::<Loom>(order));
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
        let ends = all(move || programs::two_accesses::<Loom>(order));
        // Nobody lets the time of the timed park pass.
        assert_eq!(ends.len(), 1, "{order:?}: {ends:?}");
        assert!(ends.iter().all(|ends| ends.chars().all(|end| end == 'R')), "{order:?}: {ends:?}");
    }
}

#[test]
fn no_other_order_hides_a_race() {
    for order in [Order::FailedTryLock, Order::ReadersOnly, Order::ReadersInTurn] {
        let ends = all(move || programs::two_accesses::<Loom>(order));
        assert!(ends.iter().any(|ends| ends.contains('X')), "{order:?}: {ends:?}");
    }
}

#[test]
fn choices_are_enumerated_exactly() {
    for (k, bits_each) in [(2, 1), (3, 2), (4, 2), (5, 3)] {
        let (run, seen) = explore(&bits(bits_each), move || Loom::choose(k).to_string());
        assert!(run.complete);
        assert_eq!(run.executions, k as u64, "one execution an alternative");
        assert_eq!(seen.len(), k);
    }
    let pairs = all_within(&bits(4), || programs::two_choices::<Loom>(3));
    assert_eq!(pairs.len(), 9);
}

#[test]
fn too_few_bits_are_told() {
    let (run, _) = explore(&bits(1), || Loom::choose(3).to_string());
    assert_eq!((run.complete, run.stopped), (false, Some(Stop::Truncated)));
    assert!(run.truncated > 0 && run.truncated < run.executions, "{run:?}");
    let (run, _) = explore(&bits(0), || programs::two_choices::<Loom>(2));
    assert_eq!((run.complete, run.stopped), (false, Some(Stop::Truncated)));
}

#[test]
fn clocked_timeouts_fire_when_their_time_has_come() {
    assert_eq!(all(|| programs::timed_park::<Loom>(10, 9)), outcomes(["BR "]));
    // The deadline counts from the start of the wait, which may be before or after the time passed.
    assert_eq!(all(|| programs::timed_park::<Loom>(10, 10)), outcomes(["BR ", "RR false"]));
    assert_eq!(all_within(&bits(1), || programs::timed_wait::<Loom>(4)), outcomes(["RR ", "RR true"]));
    assert_eq!(all_within(&bits(1), || programs::timed_wait::<Loom>(5)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn free_timeouts_fire_at_any_time() {
    let free = Bounds { profile: Profile { timeouts: Timeouts::Free, ..Profile::default() }, ..bits(1) };
    assert_eq!(all_within(&free, || programs::timed_park::<Loom>(10, 0)), outcomes(["RR false"]));
    assert_eq!(all_within(&free, || programs::timed_wait::<Loom>(0)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn spurious_wakeups_stay_within_their_budget() {
    let budget = |spurious_budget| Bounds { profile: Profile { spurious_budget, ..Profile::default() }, ..bits(3) };
    assert_eq!(all_within(&budget(0), || programs::lonely_wait::<Loom>(2)), outcomes(["B "]));
    assert_eq!(all_within(&budget(1), || programs::lonely_wait::<Loom>(2)), outcomes(["B ", "B woke"]));
    assert_eq!(all_within(&budget(2), || programs::lonely_wait::<Loom>(2)), outcomes(["B ", "B woke", "R woke woke"]));
}

#[test]
fn a_panic_ends_its_own_thread() {
    assert_eq!(all(programs::panic_with_lock::<Loom>), outcomes(["PR 2"]));
    assert_eq!(all(programs::destructors_that_synchronise::<Loom>), outcomes(["BP 2 2"]));
}

#[test]
fn joining_returns_the_values() {
    assert_eq!(all(programs::join_values::<Loom>), outcomes(["1 2"]));
}

#[test]
fn limits_are_kept() {
    let long = || programs::count_under_mutex::<Loom>(3, 3);
    let (run, _) = explore(&Bounds { max_executions: Some(17), ..Bounds::default() }, long);
    assert_eq!((run.executions, run.complete, run.stopped), (17, false, Some(Stop::Executions)));
    let no_time = Bounds { max_duration: Some(Duration::ZERO), ..Bounds::default() };
    let (run, _) = explore(&no_time, long);
    assert_eq!((run.executions, run.complete, run.stopped), (0, false, Some(Stop::Duration)));
    // A single execution that would take for ever is cut short too: each of its steps takes a while.
    let little_time =
        Bounds { max_duration: Some(Duration::from_millis(20)), max_steps: u64::MAX, ..Bounds::default() };
    let (run, seen) = explore(&little_time, || {
        let ends = Loom::run_to_rest(vec![Box::new(|| {
            loop {
                let _now = Loom::now();
                std::thread::sleep(Duration::from_millis(1));
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.executions, run.complete, run.stopped), (1, false, Some(Stop::Duration)));
    assert_eq!(seen, outcomes(["A"]));
    // An execution that never ends by itself.
    let (run, seen) = explore(&Bounds { max_steps: 100, max_executions: Some(3), ..Bounds::default() }, || {
        let ends = Loom::run_to_rest(vec![Box::new(|| {
            loop {
                Loom::spin_loop();
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.complete, run.stopped, run.failure), (false, Some(Stop::Branches), None));
    assert_eq!(seen, outcomes(["A"]));
}

#[test]
fn the_longest_execution_is_not_too_long_for_loom() {
    let endless = Bounds { max_steps: u64::MAX, ..Bounds::default() };
    let (run, seen) = explore(&endless, || {
        let lock = Arc::new(<Loom as Platform>::RwLock::<u32>::new(0));
        let ends = Loom::run_to_rest(vec![programs::body(&lock, |lock| {
            loop {
                *lock.write() += 1;
            }
        })]);
        format!("{} {}", programs::letters(&ends), *lock.read() >= 1_000)
    });
    assert_eq!((run.executions, run.truncated, run.failure), (1, 1, None));
    assert_eq!(seen, outcomes(["A true"]));
}

#[test]
fn a_limit_that_is_not_reached_does_not_hide_the_end() {
    let program = || programs::count_under_mutex::<Loom>(2, 1);
    let (all, _) = explore(&Bounds::default(), program);
    let (run, _) = explore(&Bounds { max_executions: Some(all.executions), ..Bounds::default() }, program);
    assert_eq!(run, all);
}

#[test]
fn what_goes_wrong_in_the_body_is_a_failure() {
    let (run, _) = explore(&Bounds::default(), || panic!("in the body"));
    assert_eq!(run.failure, Some(Failure::Panic("in the body".into())));
    let (run, _) = explore(&Bounds::default(), || {
        Loom::park();
        String::new()
    });
    let Some(Failure::Blocked(places)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(places.starts_with("thread 0 waits at impl/tests/platform_loom.rs:"), "{places}");
}

#[test]
fn a_race_in_the_body_names_both_places() {
    use selvedge::platform::TrackedCell;
    let (run, _) = explore(&Bounds::default(), || {
        let cell = Arc::new(<Loom as Platform>::Cell::<u32>::new(0));
        let theirs = Arc::clone(&cell);
        let _running = Loom::spawn(move || programs::write::<Loom>(&theirs, 1));
        // A step lets the thread run first.
        Loom::yield_now();
        cell.with_mut(|_| ());
        String::new()
    });
    let Some(Failure::Race(race)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(race.later.location.contains("platform_loom.rs"), "{race}");
    assert!(race.earlier.location.contains("platform_programs"), "{race}");
    assert!(race.earlier.writes && race.later.writes);
}

#[test]
fn more_threads_than_loom_has_are_refused() {
    let threads = |count: usize, bounds: &Bounds| {
        explore(bounds, move || {
            let bodies = (0..count).map(|_| Box::new(|| ()) as Box<dyn FnOnce() + Send>);
            programs::letters(&Loom::run_to_rest(bodies.collect()))
        })
        .0
    };
    assert!(threads(MAX_ACTORS, &Bounds::default()).complete);
    assert!(threads(MAX_ACTORS_WITH_CHOICES, &bits(1)).complete);
    for run in [threads(MAX_ACTORS + 1, &Bounds::default()), threads(MAX_ACTORS_WITH_CHOICES + 1, &bits(1))] {
        let Some(Failure::Panic(message)) = &run.failure else {
            panic!("{run:?}");
        };
        assert!(message.contains("loom runs at most"), "{message}");
    }
}

#[test]
fn outside_of_a_search_there_is_nothing() {
    let outside = std::panic::catch_unwind(Loom::current);
    let message = *outside.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(message, "the platform `loom` works only inside its `explore`");
}

#[test]
fn the_size_of_a_search_is_known() {
    let size = |threads, each| {
        let (run, _) = explore(&Bounds::default(), move || programs::count_under_mutex::<Loom>(threads, each));
        assert!(run.complete);
        run.executions
    };
    // Pinned: a change of these is a change of the engine. The same with loom's own mutex takes 30 and 7,847 executions
    // for (2, 2) and (3, 2).
    assert_eq!([size(2, 1), size(2, 2), size(3, 1), size(3, 2)], [3, 10, 26, 539]);
}
