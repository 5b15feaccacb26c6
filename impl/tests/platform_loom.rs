//! The platform under loom.

mod platform_programs;
mod platform_searches;

use std::collections::BTreeSet;

use selvedge::platform::loom::{self, MAX_ACTORS, MAX_ACTORS_WITH_CHOICES};
use selvedge::platform::{Arc, Bounds, Failure, Loom, Platform, PlatformRwLock, Run, Stop, host};

use platform_programs::{self as programs, Outcomes, outcomes};
use platform_searches::{all, all_within, bits};

/// The platform of the searches that are shared.
type Here = Loom;

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

#[test]
fn memory_is_weak_and_fences_order_it() {
    assert_eq!(all(|| programs::store_buffering::<Loom>(false)), outcomes(["0 0", "0 1", "1 0", "1 1"]));
    assert_eq!(all(|| programs::store_buffering::<Loom>(true)), outcomes(["0 1", "1 0", "1 1"]));
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
