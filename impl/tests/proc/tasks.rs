//! Tasks: how they start, give way, block, wait for each other, and panic.

use std::thread;
use std::time::Duration;

use selvedge::platform::Arc;
use selvedge::platform::host::atomic::{AtomicUsize, Ordering};
use selvedge::proc::{Context, Executor, JoinError, JoinHandle};

use crate::{Flag, Presence, builder, until, watched};

#[test]
fn results_and_nested_tasks_come_back() {
    watched(|| {
        fn sum(context: &mut Context, from: u64, to: u64) -> u64 {
            if to - from < 4 {
                return (from..to).sum();
            }
            let middle = (from + to) / 2;
            let left = context.spawn(move |context| sum(context, from, middle));
            let right = sum(context, middle, to);
            right + context.join(left).expect("it does not panic")
        }
        for processors in [1, 2, 4] {
            let executor = builder().processors(processors).build();
            let result = executor.spawn(|context| sum(context, 0, 2000));
            assert_eq!(result.join().expect("it does not panic"), 1_999_000);
            executor.shutdown();
        }
    });
}

/// A task that waits for another leaves its processor; with one processor nothing would move otherwise.
#[test]
fn a_chain_of_joins_needs_one_processor() {
    watched(|| {
        fn deep(context: &mut Context, depth: u32) -> u32 {
            if depth == 0 {
                return 0;
            }
            let below = context.spawn(move |context| deep(context, depth - 1));
            context.join(below).expect("it does not panic") + 1
        }
        let executor = builder().processors(1).build();
        assert_eq!(executor.spawn(|context| deep(context, 50)).join().expect("it does not panic"), 50);
    });
}

/// The parent never gives way: somebody else must be woken for the child.
#[test]
fn a_task_starts_beside_the_busy_one_that_spawned_it() {
    watched(|| {
        let executor = builder().processors(2).build();
        for _ in 0..50 {
            // All at rest, so that nobody looks for work already.
            until(|| executor.snapshot().idle == 2);
            let parent = executor.spawn(|context| {
                let begun = Arc::new(Flag::default());
                let raise = begun.clone();
                let child = context.spawn(move |_| raise.raise());
                begun.spin();
                child
            });
            parent.join().expect("it does not panic").join().expect("it does not panic");
        }
    });
}

/// As many calls as processors last, and a new task starts all the same: the monitor sees to it.
#[test]
fn a_ready_task_starts_while_all_processors_are_in_calls() {
    watched(|| {
        for processors in [1, 2, 4] {
            let executor = builder().processors(processors).build();
            let over = Arc::new(Flag::default());
            let inside = Arc::new(AtomicUsize::new(0));
            let calls: Vec<JoinHandle<()>> = (0..processors)
                .map(|_| {
                    let (over, inside) = (over.clone(), inside.clone());
                    executor.spawn(move |context| {
                        context.blocking(|| {
                            inside.fetch_add(1, Ordering::SeqCst);
                            over.wait();
                        });
                    })
                })
                .collect();
            until(|| inside.load(Ordering::SeqCst) == processors);
            // From outside, and from inside: what it spawns starts, too.
            let ready = executor.spawn(|context| context.spawn(|_| ()));
            ready.join().expect("it does not panic").join().expect("it does not panic");
            over.raise();
            calls.into_iter().for_each(|call| call.join().expect("it does not panic"));
        }
    });
}

/// What was queued behind a call that lasts goes where its processor goes.
#[test]
fn work_behind_a_call_starts_elsewhere() {
    watched(|| {
        for is_long in [false, true] {
            let executor = builder().processors(1).build();
            let task = executor.spawn(move |context| {
                let begun = Arc::new(Flag::default());
                let raise = begun.clone();
                let child = context.spawn(move |_| raise.raise());
                if is_long {
                    context.blocking_long(|| begun.wait());
                } else {
                    context.blocking(|| begun.wait());
                }
                child
            });
            task.join().expect("it does not panic").join().expect("it does not panic");
        }
    });
}

/// Also if nobody has a use for it: the monitor spares it for a while only.
#[test]
fn a_call_that_lasts_loses_its_processor() {
    watched(|| {
        let executor = builder().processors(2).build();
        let (inside, over) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        let (raise, wait) = (inside.clone(), over.clone());
        let call = executor.spawn(move |context| {
            let index = context.processor().expect("it is in no call");
            context.enter_call();
            raise.raise();
            wait.wait();
            (index, context.exit_call())
        });
        inside.wait();
        until(|| executor.snapshot().idle == 2);
        over.raise();
        let (index, was_away) = call.join().expect("it does not panic");
        assert!(was_away, "processor {index} was taken");
    });
}

/// Each of its calls is too short for the monitor to see it twice, and it never gives way otherwise.
#[test]
fn a_task_of_short_calls_does_not_starve_others() {
    watched(|| {
        let executor = builder().processors(1).build();
        let over = Arc::new(Flag::default());
        let begun = Arc::new(Flag::default());
        let (stop, raise) = (over.clone(), begun.clone());
        let busy = executor.spawn(move |context| {
            raise.raise();
            while !stop.is_raised() {
                context.blocking(|| thread::sleep(Duration::from_micros(50)));
            }
        });
        begun.wait();
        executor.spawn(move |_| over.raise()).join().expect("it does not panic");
        busy.join().expect("it does not panic");
    });
}

/// A task that computes gives way at its checkpoints once the monitor asks for it.
#[test]
fn a_task_with_checkpoints_does_not_starve_others() {
    watched(|| {
        let executor = builder().processors(1).build();
        let over = Arc::new(Flag::default());
        let stop = over.clone();
        let busy = executor.spawn(move |context| {
            while !stop.is_raised() {
                context.checkpoint();
            }
        });
        executor.spawn(move |_| over.raise()).join().expect("it does not panic");
        busy.join().expect("it does not panic");
    });
}

/// Whoever is woken comes next, so neither queue would ever be served if each had a turn of its own.
#[test]
fn tasks_that_wake_each_other_do_not_starve_others() {
    fn wakes(context: &mut Context, over: &Flag, other: &selvedge::proc::Unparker, comes_by: bool) {
        while !over.is_raised() {
            if comes_by {
                context.checkpoint();
            }
            context.unpark(other);
            context.park();
        }
        context.unpark(other);
    }
    watched(|| {
        for (comes_by, is_local) in [(false, false), (false, true), (true, false), (true, true)] {
            let executor = builder().processors(1).build();
            let over = Arc::new(Flag::default());
            let begun = Arc::new(Flag::default());
            let (stop, raise, third) = (over.clone(), begun.clone(), over.clone());
            let one = executor.spawn(move |context| {
                let (say, hear) = selvedge::platform::host::mpsc::channel();
                let (own, until) = (context.unparker(), stop.clone());
                let other = context.spawn(move |context| {
                    say.send(context.unparker()).expect("the other one hears");
                    wakes(context, &until, &own, comes_by);
                });
                let unparker = context.blocking(|| hear.recv()).expect("the other one says");
                let third = is_local.then(|| context.spawn(move |_| third.raise()));
                raise.raise();
                wakes(context, &stop, &unparker, comes_by);
                for task in [Some(other), third].into_iter().flatten() {
                    context.join(task).expect("it does not panic");
                }
            });
            begun.wait();
            if !is_local {
                executor.spawn(move |_| over.raise()).join().expect("it does not panic");
            }
            one.join().expect("it does not panic");
        }
    });
}

/// Calls return while others have their processors. They must wait, however many come back at once.
#[test]
fn tasks_at_work_never_outnumber_the_processors() {
    watched(|| {
        for processors in [1, 2] {
            let executor = builder().processors(processors).build();
            let at_work = Arc::new(Presence::default());
            let tasks: Vec<JoinHandle<()>> = (0..8)
                .map(|task| {
                    let at_work = at_work.clone();
                    executor.spawn(move |context| {
                        at_work.enter();
                        for round in 0..20 {
                            at_work.leave();
                            context.blocking(|| thread::sleep(Duration::from_micros(50 * ((task * round) % 7))));
                            at_work.enter();
                            (0..20).for_each(|_| thread::yield_now());
                        }
                        at_work.leave();
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| task.join().expect("it does not panic"));
            assert!(at_work.most() <= processors, "{} tasks at work on {processors} processors", at_work.most());
        }
    });
}

#[test]
fn yielding_lets_all_others_come_first() {
    watched(|| {
        let executor = builder().processors(1).build();
        let order = executor.run(|context| {
            let order = Arc::new(AtomicUsize::new(0));
            let children: Vec<JoinHandle<usize>> = (0..10)
                .map(|_| {
                    let order = order.clone();
                    context.spawn(move |_| order.fetch_add(1, Ordering::Relaxed))
                })
                .collect();
            while order.load(Ordering::Relaxed) < 10 {
                context.yield_now();
            }
            children.into_iter().map(|child| context.join(child).expect("it does not panic")).collect::<Vec<usize>>()
        });
        assert_eq!(order, (0..10).collect::<Vec<usize>>(), "the queue is first in, first out");
    });
}

#[test]
fn a_token_left_before_the_park_ends_it() {
    watched(|| {
        let executor = builder().processors(1).build();
        executor.run(|context| {
            context.unparker().unpark();
            context.park();
        });
    });
}

#[test]
fn parked_tasks_go_on_when_unparked_from_inside_and_outside() {
    watched(|| {
        let executor = builder().processors(2).build();
        for from_inside in [false, true] {
            let (say, hear) = selvedge::platform::host::mpsc::channel();
            let sleepers: Vec<JoinHandle<()>> = (0..10)
                .map(|_| {
                    let say = say.clone();
                    executor.spawn(move |context| {
                        say.send(context.unparker()).expect("the test hears");
                        context.park();
                    })
                })
                .collect();
            let unparkers: Vec<_> = (0..10).map(|_| hear.recv().expect("the tasks say")).collect();
            until(|| unparkers.iter().all(selvedge::proc::Unparker::is_parked));
            if from_inside {
                executor.run(|context| unparkers.iter().for_each(|unparker| context.unpark(unparker)));
            } else {
                unparkers.iter().for_each(selvedge::proc::Unparker::unpark);
            }
            sleepers.into_iter().for_each(|sleeper| sleeper.join().expect("it does not panic"));
        }
    });
}

#[test]
fn an_unpark_out_of_a_call_wakes() {
    watched(|| {
        let executor = builder().processors(1).build();
        let (say, hear) = selvedge::platform::host::mpsc::channel();
        let sleeper = executor.spawn(move |context| {
            say.send(context.unparker()).expect("the test hears");
            context.park();
        });
        let unparker = hear.recv().expect("the task says");
        until(|| unparker.is_parked());
        executor.run(|context| {
            context.enter_call();
            context.unpark(&unparker);
            context.exit_call();
        });
        sleeper.join().expect("it does not panic");
    });
}

/// Wherever it panics, the payload is the handle's, and the only processor goes on.
#[test]
fn panics_are_contained() {
    watched(|| {
        let executor = builder().processors(1).build();
        let places: [fn(&mut Context); 7] = [
            |_| panic!("here"),
            |context| context.blocking(|| panic!("here")),
            |context| context.blocking_long(|| panic!("here")),
            |context| {
                context.enter_call();
                panic!("here")
            },
            |context| {
                context.enter_long_call();
                panic!("here")
            },
            |context| {
                let _stopped = context.stop_the_world();
                panic!("here")
            },
            |context| context.on_each_processor(|_| panic!("here")),
        ];
        for (place, body) in places.into_iter().enumerate() {
            let payload = match executor.spawn(body).join() {
                Err(error @ JoinError::Panicked(_)) => error.to_string(),
                other => panic!("place {place}: {other:?}"),
            };
            assert_eq!(payload, "the task panicked: here", "place {place}");
            let after = executor.spawn(|context| context.processor());
            assert_eq!(after.join().expect("it does not panic"), Some(0), "place {place}");
        }
        let inner = executor.run(|context| {
            let child = context.spawn(|_| std::panic::panic_any(7_u8));
            context.join::<()>(child)
        });
        let payload = inner.expect_err("it panicked").into_panic().expect("it panicked");
        assert_eq!(payload.downcast_ref(), Some(&7_u8));
    });
}

/// A result that nobody asks for is dropped by the executor.
#[test]
fn a_panic_of_a_dropped_result_is_contained() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("in the destructor of a result");
        }
    }
    watched(|| {
        let executor = builder().processors(1).build();
        let after = executor.run(|context| {
            drop(context.spawn(|_| Bad));
            let after = context.spawn(|_| 1);
            context.join(after)
        });
        assert_eq!(after.expect("it does not panic"), 1);
    });
}

/// A task that forgets to leave its call ends it by ending.
#[test]
fn a_call_left_open_ends_with_the_task() {
    watched(|| {
        let executor = builder().processors(1).build();
        for body in [Context::enter_call as fn(&mut Context), Context::enter_long_call] {
            executor.spawn(body).join().expect("it does not panic");
            assert_eq!(executor.spawn(|context| context.processor()).join().expect("it does not panic"), Some(0));
        }
    });
}

#[test]
fn run_waits_for_a_processor_and_gives_it_back() {
    watched(|| {
        let executor = Arc::new(builder().processors(1).build());
        let over = Arc::new(Flag::default());
        let (stop, other) = (over.clone(), executor.clone());
        let (begun, arrived) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        let (raise, arrive) = (begun.clone(), arrived.clone());
        let busy = executor.spawn(move |_| {
            raise.raise();
            stop.spin();
        });
        begun.wait();
        let visitor = thread::spawn(move || {
            other.run(|context| {
                arrive.raise();
                context.processor()
            })
        });
        until(|| executor.snapshot().global == 1);
        assert!(!arrived.is_raised(), "two tasks at work on one processor");
        over.raise();
        assert_eq!(visitor.join().expect("it does not panic"), Some(0));
        busy.join().expect("it does not panic");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            executor.run(|_| -> () { panic!("a visitor panics") });
        }));
        assert!(panicked.is_err());
        assert_eq!(executor.run(|context| context.processor()), Some(0));
        // No thread of the executor's own is left over from visits.
        assert_eq!(Executor::snapshot(&executor).processors[0].queued, 0);
    });
}

#[test]
fn dropped_handles_let_their_tasks_go_on() {
    watched(|| {
        let executor = builder().processors(2).build();
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let ended = ended.clone();
            drop(executor.spawn(move |context| {
                context.yield_now();
                ended.fetch_add(1, Ordering::Relaxed);
            }));
        }
        executor.shutdown();
        assert_eq!(ended.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn is_finished_tells() {
    watched(|| {
        let executor = builder().processors(1).build();
        let over = Arc::new(Flag::default());
        let wait = over.clone();
        let task = executor.spawn(move |context| context.blocking(|| wait.wait()));
        assert!(!task.is_finished());
        over.raise();
        until(|| task.is_finished());
        task.join().expect("it does not panic");
    });
}
