//! What a search for all executions must come to, whichever platform it is on.
//!
//! Included by the tests of each platform that has one: there `Here` is the platform, and `explore` its search.

use std::time::Duration;

use selvedge::platform::{Arc, Bounds, Failure, Ordering, Platform, Profile, Stop, Timeouts, TrackedCell};

use super::platform_programs::{self as programs, Order, Outcomes, outcomes};
use super::{Here, explore};
use Ordering::{Acquire, Relaxed, Release};

/// Everything, which must be complete.
pub fn all(program: impl Fn() -> String + Send + Sync + 'static) -> Outcomes {
    all_within(&Bounds::default(), program)
}

pub fn all_within(bounds: &Bounds, program: impl Fn() -> String + Send + Sync + 'static) -> Outcomes {
    let (run, seen) = explore(bounds, program);
    assert!(run.complete, "{run:?}, {seen:?}");
    seen
}

/// Bounds with room for so many bits of choices, which a search without such a bound has anyway.
pub fn bits(choice_bits: u32) -> Bounds {
    Bounds { choice_bits, ..Bounds::default() }
}

#[test]
fn mutexes_exclude() {
    assert_eq!(all(|| programs::count_under_mutex::<Here>(2, 2)), outcomes(["RR 4"]));
    assert_eq!(all(|| programs::value_in_mutex::<Here>(2)), outcomes(["RR 2"]));
}

#[test]
fn without_a_mutex_an_update_is_lost() {
    assert_eq!(all(programs::lost_update::<Here>), outcomes(["1", "2"]));
}

#[test]
fn atomics_compute() {
    assert_eq!(all(programs::atomic_arithmetic::<Here>), outcomes(["2 true -2"]));
}

#[test]
fn a_wait_beside_a_notification_returns_or_is_blocked() {
    assert_eq!(all_within(&bits(1), programs::wait_beside_notify::<Here>), outcomes(["BR", "RR"]));
}

#[test]
fn either_of_two_waiters_is_woken() {
    let within = Bounds { preemptions: Some(2), ..bits(1) };
    assert_eq!(
        all_within(&within, programs::notify_one_of_two::<Here>),
        outcomes(["BBR ", "BRR 1", "BRR 2", "RBR 1", "RBR 2"])
    );
}

#[test]
fn a_notified_waiter_waits_for_the_lock() {
    assert_eq!(all_within(&bits(1), programs::notify_under_lock::<Here>), outcomes(["RR"]));
}

#[test]
fn a_broadcast_wakes_all() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::notify_all_of_two::<Here>), outcomes(["RRR"]));
}

#[test]
fn deadlocks_are_outcomes() {
    assert_eq!(all(programs::opposite_orders::<Here>), outcomes(["BB", "RR"]));
    assert_eq!(all(programs::lock_twice::<Here>), outcomes(["B"]));
    assert_eq!(all(programs::look_after_lock_twice::<Here>), outcomes(["B 1"]));
    assert_eq!(all(programs::opposite_orders_beside_a_third::<Here>), outcomes(["BBR 2", "RRR 2"]));
    assert_eq!(all(programs::nested_rest::<Here>), outcomes(["RR B other"]));
}

#[test]
fn a_try_lock_sees_the_lock_taken_and_free() {
    assert_eq!(all(programs::try_beside_lock::<Here>), outcomes(["RR 0", "RR 1", "RR taken"]));
}

#[test]
fn readers_share_and_writers_do_not() {
    let within = Bounds { preemptions: Some(2), ..Bounds::default() };
    assert_eq!(all_within(&within, programs::readers_and_writer::<Here>), outcomes(["RRR apart", "RRR together"]));
}

#[test]
fn tokens_are_not_lost() {
    assert_eq!(all(programs::token_before_park::<Here>), outcomes(["R"]));
    assert_eq!(all(programs::two_parks_one_unpark::<Here>), outcomes(["BR first"]));
}

#[test]
fn races_are_found_and_order_is_honoured() {
    let pass = |store, load, before, after| all(move || programs::message_passing::<Here>(store, load, before, after));
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
        let race = all(move || programs::two_accesses::<Here>(order));
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
        let ends = all(move || programs::two_accesses::<Here>(order));
        // Nobody lets the time of the timed park pass.
        assert_eq!(ends.len(), 1, "{order:?}: {ends:?}");
        assert!(ends.iter().all(|ends| ends.chars().all(|end| end == 'R')), "{order:?}: {ends:?}");
    }
}

#[test]
fn no_other_order_hides_a_race() {
    for order in [Order::FailedTryLock, Order::ReadersOnly, Order::ReadersInTurn] {
        let ends = all(move || programs::two_accesses::<Here>(order));
        assert!(ends.iter().any(|ends| ends.contains('X')), "{order:?}: {ends:?}");
    }
}

#[test]
fn clocked_timeouts_fire_when_their_time_has_come() {
    assert_eq!(all(|| programs::timed_park::<Here>(10, 9)), outcomes(["BR "]));
    // The deadline counts from the start of the wait, which may be before or after the time passed.
    assert_eq!(all(|| programs::timed_park::<Here>(10, 10)), outcomes(["BR ", "RR false"]));
    assert_eq!(all_within(&bits(1), || programs::timed_wait::<Here>(4)), outcomes(["RR ", "RR true"]));
    assert_eq!(all_within(&bits(1), || programs::timed_wait::<Here>(5)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn free_timeouts_fire_at_any_time() {
    let free = Bounds { profile: Profile { timeouts: Timeouts::Free, ..Profile::default() }, ..bits(1) };
    assert_eq!(all_within(&free, || programs::timed_park::<Here>(10, 0)), outcomes(["RR false"]));
    assert_eq!(all_within(&free, || programs::timed_wait::<Here>(0)), outcomes(["RR ", "RR false", "RR true"]));
}

#[test]
fn spurious_wakeups_stay_within_their_budget() {
    let budget = |spurious_budget| Bounds { profile: Profile { spurious_budget, ..Profile::default() }, ..bits(3) };
    assert_eq!(all_within(&budget(0), || programs::lonely_wait::<Here>(2)), outcomes(["B "]));
    assert_eq!(all_within(&budget(1), || programs::lonely_wait::<Here>(2)), outcomes(["B ", "B woke"]));
    assert_eq!(all_within(&budget(2), || programs::lonely_wait::<Here>(2)), outcomes(["B ", "B woke", "R woke woke"]));
}

#[test]
fn threads_fail_to_start_only_as_often_as_granted() {
    let budget = |spawn_failures| Bounds { profile: Profile { spawn_failures, ..Profile::default() }, ..bits(3) };
    let starts = programs::two_named_threads::<Here>;
    assert_eq!(all_within(&budget(0), starts), outcomes(["started started"]));
    let at_most_one = outcomes(["started started", "failed started", "started failed"]);
    assert_eq!(all_within(&budget(1), starts), at_most_one);
    assert_eq!(all_within(&budget(2), starts).len(), 4);
}

#[test]
fn a_panic_ends_its_own_thread() {
    assert_eq!(all(programs::panic_with_lock::<Here>), outcomes(["PR 2"]));
    assert_eq!(all(programs::destructors_that_synchronise::<Here>), outcomes(["BP 2 2"]));
}

#[test]
fn joining_returns_the_values() {
    assert_eq!(all(programs::join_values::<Here>), outcomes(["1 2"]));
}

#[test]
fn limits_are_kept() {
    let long = || programs::count_under_mutex::<Here>(3, 3);
    let (run, _) = explore(&Bounds { max_executions: Some(17), ..Bounds::default() }, long);
    assert_eq!((run.executions, run.complete, run.stopped), (17, false, Some(Stop::Executions)));
    let no_time = Bounds { max_duration: Some(Duration::ZERO), ..Bounds::default() };
    let (run, _) = explore(&no_time, long);
    assert_eq!((run.executions, run.complete, run.stopped), (0, false, Some(Stop::Duration)));
    // A single execution that would take for ever is cut short too: each of its steps takes a while.
    let little_time =
        Bounds { max_duration: Some(Duration::from_millis(20)), max_steps: u64::MAX, ..Bounds::default() };
    let (run, seen) = explore(&little_time, || {
        let ends = Here::run_to_rest(vec![Box::new(|| {
            loop {
                let _now = Here::now();
                std::thread::sleep(Duration::from_millis(1));
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.executions, run.complete, run.stopped), (1, false, Some(Stop::Duration)));
    assert_eq!(seen, outcomes(["A"]));
    // An execution that never ends by itself.
    let (run, seen) = explore(&Bounds { max_steps: 100, max_executions: Some(3), ..Bounds::default() }, || {
        let ends = Here::run_to_rest(vec![Box::new(|| {
            loop {
                Here::spin_loop();
            }
        })]);
        programs::letters(&ends)
    });
    assert_eq!((run.complete, run.stopped, run.failure), (false, Some(Stop::Branches), None));
    assert_eq!(seen, outcomes(["A"]));
}

#[test]
fn a_limit_that_is_not_reached_does_not_hide_the_end() {
    let program = || programs::count_under_mutex::<Here>(2, 1);
    let (all, _) = explore(&Bounds::default(), program);
    let (run, _) = explore(&Bounds { max_executions: Some(all.executions), ..Bounds::default() }, program);
    assert_eq!(run, all);
}

#[test]
fn what_goes_wrong_in_the_body_is_a_failure() {
    let (run, _) = explore(&Bounds::default(), || panic!("in the body"));
    assert_eq!(run.failure, Some(Failure::Panic("in the body".into())));
    let (run, _) = explore(&Bounds::default(), || {
        Here::park();
        String::new()
    });
    let Some(Failure::Blocked(places)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(places.starts_with("thread 0 waits at impl/tests/platform_searches/mod.rs:"), "{places}");
}

#[test]
fn a_race_in_the_body_names_both_places() {
    let (run, _) = explore(&Bounds::default(), || {
        let cell = Arc::new(<Here as Platform>::Cell::<u32>::new(0));
        let theirs = Arc::clone(&cell);
        let _running = Here::spawn(move || programs::write::<Here>(&theirs, 1));
        // A step lets the thread run first.
        Here::yield_now();
        cell.with_mut(|_| ());
        String::new()
    });
    let Some(Failure::Race(race)) = run.failure else {
        panic!("{run:?}");
    };
    assert!(race.later.location.contains("platform_searches"), "{race}");
    assert!(race.earlier.location.contains("platform_programs"), "{race}");
    assert!(race.earlier.writes && race.later.writes);
}

#[test]
fn outside_of_a_search_there_is_nothing() {
    let outside = std::panic::catch_unwind(Here::current);
    let message = *outside.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(message, format!("the platform `{}` works only inside its `explore`", Here::NAME));
}
