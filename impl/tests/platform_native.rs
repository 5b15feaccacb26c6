//! The engines' own condition variables under their own engines: that blocked ends are found, and only where they are.

use selvedge::platform::host::Mutex;
use std::collections::BTreeMap;

use selvedge::platform::shuttle::SchedulerKind;
use selvedge::platform::{
    Arc, Atomic, AtomicInteger, Body, Bounds, End, Loom, Ordering, Platform, PlatformMutex, Run, Shuttle, TrackedCell,
    Unpark, loom, shuttle,
};

/// How the threads of each execution ended, a letter each: returned, blocked, or something else; and how often.
type Ends = BTreeMap<String, u64>;

fn letters(ends: &[End]) -> String {
    ends.iter()
        .map(|end| match end {
            End::Returned => 'r',
            End::Blocked => 'b',
            End::Panicked(_) => 'p',
            End::Raced(_) => 'R',
            End::Abandoned => 'a',
        })
        .collect()
}

/// Runs a program under both engines; returns what each saw.
fn under_both(on_loom: fn() -> Vec<Body>, on_shuttle: fn() -> Vec<Body>) -> [Ends; 2] {
    fn collect<P: Platform>(
        explore: impl FnOnce(Box<dyn Fn() + Send + Sync>) -> Run,
        bodies: fn() -> Vec<Body>,
    ) -> Ends {
        let ends = Arc::new(Mutex::new(Ends::new()));
        let seen = Arc::clone(&ends);
        let run = explore(Box::new(move || {
            let ended = letters(&P::run_to_rest(bodies()));
            *seen.lock().unwrap().entry(ended).or_default() += 1;
        }));
        assert_eq!(run.failure, None);
        assert!(run.complete, "{run:?}");
        let ends = ends.lock().unwrap().clone();
        assert_eq!(ends.values().sum::<u64>(), run.executions);
        ends
    }
    let bounds = Bounds::default();
    [
        collect::<Loom>(|body| loom::explore(&bounds, body), on_loom),
        collect::<Shuttle>(|body| shuttle::explore(SchedulerKind::Dfs, &bounds, body), on_shuttle),
    ]
}

/// The same program on loom's types and on shuttle's.
macro_rules! under_both {
    (|$cond:ident, $platform:ident| $bodies:expr) => {{
        fn on_loom() -> Vec<Body> {
            type $platform = Loom;
            let $cond = Arc::new(loom::native::Cond::new());
            $bodies
        }
        fn on_shuttle() -> Vec<Body> {
            type $platform = Shuttle;
            let $cond = Arc::new(shuttle::native::Cond::new());
            $bodies
        }
        under_both(on_loom, on_shuttle)
    }};
}

macro_rules! thread {
    ($($shared:ident),*; $body:block) => {{
        $(let $shared = Arc::clone(&$shared);)*
        Box::new(move || $body) as Body
    }};
}

fn keys(ends: &Ends) -> Vec<&str> {
    ends.keys().map(String::as_str).collect()
}

#[test]
fn a_signal_comes_in_time_or_too_late() {
    for ends in under_both!(|cond, P| {
        let _ = <P as Platform>::NAME;
        vec![thread!(cond; { drop(cond.wait(cond.lock())) }), thread!(cond; { drop(cond.lock()); cond.notify_one(); })]
    }) {
        assert_eq!(keys(&ends), ["br", "rr"]);
    }
}

#[test]
fn one_of_two_waiters_is_left_behind() {
    let [loom, shuttle] = under_both!(|cond, P| {
        let _ = <P as Platform>::NAME;
        let waiter = || thread!(cond; { drop(cond.wait(cond.lock())) });
        vec![waiter(), waiter(), thread!(cond; { cond.notify_one(); })]
    });
    assert_eq!(keys(&loom), ["bbr", "brr", "rbr"]);
    assert_eq!(keys(&shuttle), ["bbr", "brr", "rbr"]);
}

#[test]
fn everybody_is_woken_and_nobody_is_called_blocked() {
    for ends in under_both!(|cond, P| {
        let waiting = Arc::new(<P as Platform>::AtomicU32::new(0));
        let waiter = || {
            thread!(cond, waiting; {
                let held = cond.lock();
                waiting.store(waiting.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                drop(cond.wait(held));
            })
        };
        let waker = thread!(cond, waiting; {
            let held = cond.lock();
            if waiting.load(Ordering::Relaxed) == 2 {
                cond.notify_all();
            } else {
                // Too early: without this nobody would wake them.
                drop(held);
                panic!("too early");
            }
        });
        vec![waiter(), waiter(), waker]
    }) {
        assert_eq!(keys(&ends), ["bbp", "rrr"]);
    }
}

/// Woken threads that find the mutex taken block again without a word; whoever holds it goes on all the same.
#[test]
fn who_meets_a_taken_mutex_is_not_called_blocked() {
    let bounds = Bounds { preemptions: Some(2), ..Bounds::default() };
    let run = loom::explore(&bounds, || {
        let cond = Arc::new(loom::native::Cond::new());
        let turns = Arc::new(<Loom as Platform>::AtomicU32::new(0));
        let locker = || {
            thread!(cond, turns; {
                let held = cond.lock();
                turns.fetch_add(1, Ordering::Relaxed);
                turns.fetch_add(1, Ordering::Relaxed);
                drop(held);
            })
        };
        let ends = Loom::run_to_rest(vec![locker(), locker(), locker()]);
        assert_eq!(letters(&ends), "rrr");
    });
    assert_eq!(run.failure, None);
    assert!(run.complete, "{run:?}");
}

/// Releases order what follows the next acquisition; without the mutex the accesses race.
#[test]
fn the_mutex_orders_plain_accesses() {
    for ends in under_both!(|cond, P| {
        let cell = Arc::new(<P as Platform>::Cell::<u32>::new(0));
        let adder = || {
            thread!(cond, cell; {
                let held = cond.lock();
                // SAFETY: the mutex is held.
                cell.with_mut(|value| unsafe { *value += 1 });
                drop(held);
            })
        };
        vec![adder(), adder()]
    }) {
        assert_eq!(keys(&ends), ["rr"]);
    }
}

#[test]
fn who_locks_twice_blocks_and_takes_the_others_along() {
    for ends in under_both!(|cond, P| {
        let _ = <P as Platform>::NAME;
        vec![thread!(cond; { let _held = cond.lock(); drop(cond.lock()); }), thread!(cond; { drop(cond.lock()) })]
    }) {
        assert_eq!(keys(&ends), ["bb", "br"]);
    }
}

#[test]
fn who_sleeps_with_the_lock_takes_the_others_along() {
    for ends in under_both!(|cond, P| {
        vec![
            thread!(cond; { let _held = cond.lock(); <P as Platform>::park(); }),
            thread!(cond; { drop(cond.lock()) }),
            thread!(cond; { drop(cond.wait(cond.lock())) }),
        ]
    }) {
        assert_eq!(keys(&ends), ["bbb", "brb"]);
    }
}

#[test]
fn a_token_from_outside_lets_all_go_on() {
    for ends in under_both!(|cond, P| {
        let sleeper = Arc::new(<P as Platform>::Mutex::<Option<<P as Platform>::Thread>>::new(None));
        vec![
            thread!(cond, sleeper; {
                let _held = cond.lock();
                *sleeper.lock() = Some(<P as Platform>::current());
                <P as Platform>::park();
            }),
            thread!(cond; { drop(cond.lock()) }),
            thread!(sleeper; {
                let thread = sleeper.lock().clone();
                if let Some(thread) = thread { thread.unpark() } else { panic!("too early") }
            }),
        ]
    }) {
        assert_eq!(keys(&ends), ["bbp", "brp", "rrr"]);
    }
}

#[test]
fn an_execution_that_is_given_up_is_cleaned_up() {
    let bounds = Bounds { max_steps: 12, max_executions: Some(200), preemptions: Some(1), ..Bounds::default() };
    macro_rules! endless {
        ($cond:ty) => {
            || {
                let cond = Arc::new(<$cond>::new());
                let waiter = || thread!(cond; { drop(cond.wait(cond.lock())) });
                let spinner = thread!(cond; { for _ in 0..1_000 { drop(cond.lock()) } });
                vec![waiter(), waiter(), spinner]
            }
        };
    }
    let on_loom = loom::explore(&bounds, move || {
        let bodies = endless!(loom::native::Cond);
        assert!(Loom::run_to_rest(bodies()).iter().all(|end| matches!(end, End::Abandoned)));
    });
    let on_shuttle = shuttle::explore(SchedulerKind::Dfs, &bounds, move || {
        let bodies = endless!(shuttle::native::Cond);
        assert!(Shuttle::run_to_rest(bodies()).iter().all(|end| matches!(end, End::Abandoned)));
    });
    for run in [on_loom, on_shuttle] {
        assert_eq!(run.failure, None);
        assert!(run.executions > 1 && run.truncated == run.executions, "{run:?}");
    }
}
