//! The platform on the machine itself: the programs of `platform_programs`, where they race nowhere and time decides
//! nothing.

mod platform_programs;

use std::time::Duration;

use selvedge::platform::{Platform, Std};

use platform_programs as programs;

#[test]
fn mutexes_exclude() {
    assert_eq!(programs::count_under_mutex::<Std>(4, 500), "RRRR 2000");
    assert_eq!(programs::value_in_mutex::<Std>(4), "RRRR 4");
}

#[test]
fn atomics_compute() {
    assert_eq!(programs::atomic_arithmetic::<Std>(), "2 true -2");
}

#[test]
fn a_lost_wakeup_and_a_deadlock_end_blocked() {
    let waited = programs::wait_beside_notify::<Std>();
    assert!(["RR", "BR"].contains(&waited.as_str()), "{waited}");
    assert_eq!(programs::lock_twice::<Std>(), "B");
    assert_eq!(programs::notify_all_of_two::<Std>(), "RRR");
    assert_eq!(programs::notify_under_lock::<Std>(), "RR");
}

#[test]
fn tokens_are_not_lost() {
    for _ in 0..50 {
        assert_eq!(programs::token_before_park::<Std>(), "R");
    }
    assert_eq!(programs::two_parks_one_unpark::<Std>(), "BR first");
}

#[test]
fn a_timed_wait_is_not_blocked_however_long() {
    assert_eq!(programs::timed_park::<Std>(60, 0), "RR false");
}

#[test]
fn a_panic_ends_its_own_thread_and_poisons_nothing() {
    assert_eq!(programs::panic_with_lock::<Std>(), "PR 2");
}

#[test]
fn a_released_lock_can_be_read_and_written() {
    let outcome = programs::readers_and_writer::<Std>();
    assert!(outcome.starts_with("RRR "), "{outcome}");
}

#[test]
fn joining_returns_the_values() {
    assert_eq!(programs::join_values::<Std>(), "1 2");
}

#[test]
fn choices_are_in_range_and_reach_everything() {
    let mut seen = [0; 3];
    for _ in 0..300 {
        seen[Std::choose(3)] += 1;
    }
    assert!(seen.iter().all(|&times| times > 50), "{seen:?}");
    assert_eq!(Std::choose(1), 0);
}

#[test]
fn time_passes() {
    let before = Std::now();
    Std::advance(Duration::from_millis(2));
    assert!(Std::now() - before >= Duration::from_millis(2));
}

#[test]
fn constructors_are_const() {
    static LOCK: <Std as Platform>::Mutex<u32> = <Std as Platform>::Mutex::<u32>::new(1);
    static CELL: <Std as Platform>::Cell<u32> = <Std as Platform>::Cell::<u32>::new(1);
    static CONDVAR: <Std as Platform>::Condvar = <Std as Platform>::Condvar::new();
    use selvedge::platform::{PlatformCondvar as _, PlatformMutex as _, TrackedCell as _};
    CONDVAR.notify_all();
    assert_eq!(*LOCK.lock(), 1);
    // SAFETY: nobody writes to it.
    assert_eq!(CELL.with(|value| unsafe { *value }), 1);
}
