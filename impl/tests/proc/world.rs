//! The world stops, starts with other numbers of processors, and comes by safe points.

use selvedge::platform::Arc;
use selvedge::platform::host::Mutex;
use selvedge::platform::host::atomic::{AtomicUsize, Ordering};
use selvedge::proc::{Context, JoinHandle, Status};

use crate::{Flag, builder, until, watched};

/// Beside tasks that run and come by safe points. No monitor helps.
#[test]
fn a_stop_does_not_wait_for_a_call_that_does_not_return() {
    watched(|| {
        let executor = builder().processors(5).monitor(false).build();
        let over = Arc::new(Flag::default());
        let inside = Arc::new(AtomicUsize::new(0));
        let turns = Arc::new(AtomicUsize::new(0));
        let calls: Vec<JoinHandle<()>> = (0..2)
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
        let busy: Vec<JoinHandle<()>> = (0..2)
            .map(|_| {
                let (over, turns) = (over.clone(), turns.clone());
                executor.spawn(move |context| {
                    while !over.is_raised() {
                        turns.fetch_add(1, Ordering::Relaxed);
                        context.checkpoint();
                    }
                })
            })
            .collect();
        until(|| inside.load(Ordering::SeqCst) == 2 && turns.load(Ordering::Relaxed) > 0);
        for _ in 0..20 {
            executor.run(|context| {
                let stopped = context.stop_the_world();
                let statuses = executor.snapshot().processors;
                assert!(statuses[..5].iter().all(|processor| processor.status == Status::Halted), "{statuses:?}");
                let before = turns.load(Ordering::Relaxed);
                (0..100).for_each(|_| std::thread::yield_now());
                assert_eq!(turns.load(Ordering::Relaxed), before, "a task runs although the world has stopped");
                drop(stopped);
            });
        }
        over.raise();
        calls.into_iter().chain(busy).for_each(|task| task.join().expect("it does not panic"));
    });
}

/// It reaches no safe point, but gives its processor away.
#[test]
fn a_processor_handed_off_during_a_stop_halts() {
    watched(|| {
        let executor = Arc::new(builder().processors(2).build());
        let (begun, over) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        let (raise, wait, watch) = (begun.clone(), over.clone(), executor.clone());
        let task = executor.spawn(move |context| {
            raise.raise();
            until(|| watch.snapshot().stop_wait == 1);
            context.blocking_long(|| wait.wait());
        });
        begun.wait();
        executor.run(|context| drop(context.stop_the_world()));
        over.raise();
        task.join().expect("it does not panic");
    });
}

/// A task gets its processor back out of another task's call, and knows from the tick.
#[test]
fn a_task_is_told_that_others_had_its_processor() {
    watched(|| {
        // No monitor: only the stop takes the processor.
        let executor = builder().processors(2).monitor(false).build();
        let [first_in, second_in, first_over, second_over] = std::array::from_fn(|_| Arc::new(Flag::default()));
        let in_call = |is_in: &Arc<Flag>, is_over: &Arc<Flag>| {
            let (raise, wait) = (is_in.clone(), is_over.clone());
            move |context: &mut Context| {
                let index = context.processor();
                context.enter_call();
                raise.raise();
                wait.wait();
                let was_away = context.exit_call();
                (index, was_away, context.processor())
            }
        };
        let first = executor.spawn(in_call(&first_in, &first_over));
        first_in.wait();
        let second = executor.run(|context| {
            drop(context.stop_the_world());
            let second = context.spawn(in_call(&second_in, &second_over));
            second_in.spin();
            second
        });
        first_over.raise();
        let (before, was_away, after) = first.join().expect("it does not panic");
        assert_eq!(before, after, "it got its own processor back");
        assert!(was_away, "another task had it meanwhile");
        second_over.raise();
        let (before, was_away, _) = second.join().expect("it does not panic");
        assert_eq!((before, was_away), (after, true), "it had the same processor and lost it");
    });
}

/// Calls return while the world has stopped: their tasks wait until it goes on.
#[test]
fn calls_that_return_during_a_stop_wait() {
    watched(|| {
        let executor = builder().processors(3).build();
        for _ in 0..20 {
            let over = Arc::new(Flag::default());
            let (inside, back) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let calls: Vec<JoinHandle<()>> = (0..2)
                .map(|_| {
                    let (over, inside, back) = (over.clone(), inside.clone(), back.clone());
                    executor.spawn(move |context| {
                        context.blocking(|| {
                            inside.fetch_add(1, Ordering::SeqCst);
                            over.wait();
                        });
                        back.fetch_add(1, Ordering::SeqCst);
                    })
                })
                .collect();
            until(|| inside.load(Ordering::SeqCst) == 2);
            executor.run(|context| {
                let stopped = context.stop_the_world();
                over.raise();
                until(|| executor.snapshot().global == 2);
                assert_eq!(back.load(Ordering::SeqCst), 0, "a task runs although the world has stopped");
                drop(stopped);
            });
            calls.into_iter().for_each(|call| call.join().expect("it does not panic"));
        }
    });
}

/// Tasks enter and leave calls all the time while the world stops: each stop must come to its end.
#[test]
fn stops_amid_calls_come_to_an_end() {
    watched(|| {
        let executor = builder().processors(2).build();
        let over = Arc::new(Flag::default());
        let busy: Vec<JoinHandle<u64>> = (0..2)
            .map(|_| {
                let over = over.clone();
                executor.spawn(move |context| {
                    let mut calls = 0;
                    while !over.is_raised() {
                        context.blocking(|| calls += 1);
                    }
                    calls
                })
            })
            .collect();
        for _ in 0..300 {
            executor.run(|context| drop(context.stop_the_world()));
        }
        over.raise();
        assert!(busy.into_iter().all(|task| task.join().expect("it does not panic") > 0));
    });
}

/// Work that is queued on a processor outlives it.
#[test]
fn a_smaller_executor_keeps_what_was_queued() {
    watched(|| {
        let executor = builder().processors(2).build();
        for _ in 0..20 {
            executor.set_processors(2);
            until(|| executor.snapshot().idle == 2);
            let (ready, queued) = (Arc::new(AtomicUsize::new(0)), Arc::new(Flag::default()));
            let tasks: Vec<JoinHandle<Vec<JoinHandle<()>>>> = (0..2)
                .map(|_| {
                    let (ready, queued) = (ready.clone(), queued.clone());
                    executor.spawn(move |context| {
                        // Both are at work, so that nobody steals.
                        ready.fetch_add(1, Ordering::SeqCst);
                        while ready.load(Ordering::SeqCst) < 2 {
                            std::thread::yield_now();
                        }
                        if context.processor() == Some(1) {
                            let children = (0..10).map(|_| context.spawn(|_| ())).collect();
                            queued.raise();
                            while executor_is_wide(context) {
                                context.checkpoint();
                            }
                            return children;
                        }
                        queued.spin();
                        context.stop_the_world().start_with_processors(1);
                        Vec::new()
                    })
                })
                .collect();
            let children: Vec<JoinHandle<()>> =
                tasks.into_iter().flat_map(|task| task.join().expect("it does not panic")).collect();
            assert_eq!(children.len(), 10);
            children.into_iter().for_each(|child| child.join().expect("it does not panic"));
        }
    });

    /// The second processor is the task's as long as there are two.
    fn executor_is_wide(context: &Context) -> bool {
        context.processor() == Some(1)
    }
}

#[test]
fn more_processors_let_more_tasks_work() {
    watched(|| {
        let executor = builder().processors(1).processors_max(4).build();
        let over = Arc::new(Flag::default());
        let at_work = Arc::new(AtomicUsize::new(0));
        let (stop, arrive) = (over.clone(), at_work.clone());
        let first = executor.spawn(move |context| {
            arrive.fetch_add(1, Ordering::SeqCst);
            while !stop.is_raised() {
                context.checkpoint();
            }
        });
        until(|| at_work.load(Ordering::SeqCst) == 1);
        executor.set_processors(4);
        assert_eq!(executor.processors(), 4);
        let more: Vec<JoinHandle<()>> = (0..3)
            .map(|_| {
                let (over, at_work) = (over.clone(), at_work.clone());
                // It gives no processor away.
                executor.spawn(move |_| {
                    at_work.fetch_add(1, Ordering::SeqCst);
                    over.spin();
                })
            })
            .collect();
        until(|| at_work.load(Ordering::SeqCst) == 4);
        over.raise();
        more.into_iter().chain([first]).for_each(|task| task.join().expect("it does not panic"));
    });
}

/// Idle processors, one in a call that does not return, and one that is at work. No monitor helps.
#[test]
fn a_safe_point_function_runs_once_on_each_processor() {
    watched(|| {
        let executor = builder().processors(4).monitor(false).build();
        let over = Arc::new(Flag::default());
        let (inside, begun) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        let (wait, raise) = (over.clone(), inside.clone());
        let call = executor.spawn(move |context| {
            context.blocking(|| {
                raise.raise();
                wait.wait();
            });
        });
        let (stop, raise) = (over.clone(), begun.clone());
        let busy = executor.spawn(move |context| {
            raise.raise();
            while !stop.is_raised() {
                context.checkpoint();
            }
        });
        inside.wait();
        begun.wait();
        for _ in 0..50 {
            let ran = Arc::new(Mutex::new(Vec::new()));
            let push = ran.clone();
            executor.run(|context| {
                context.on_each_processor(move |index| push.lock().expect("nobody panics with it").push(index));
            });
            let mut ran = ran.lock().expect("nobody panics with it").clone();
            ran.sort_unstable();
            assert_eq!(ran, [0, 1, 2, 3]);
        }
        over.raise();
        call.join().expect("it does not panic");
        busy.join().expect("it does not panic");
    });
}

#[test]
fn several_who_stop_the_world_take_turns() {
    watched(|| {
        let executor = builder().processors(4).build();
        let inside = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<JoinHandle<()>> = (0..8)
            .map(|_| {
                let inside = inside.clone();
                executor.spawn(move |context| {
                    for _ in 0..20 {
                        let stopped = context.stop_the_world();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two have stopped the world");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(stopped);
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().expect("it does not panic"));
    });
}

/// The machine that looks for work comes by the safe point of a round that is still under way.
#[test]
fn nobody_waits_for_a_task_beside_an_idle_processor_during_a_round() {
    watched(|| {
        let executor = builder().processors(4).build();
        let over = Arc::new(Flag::default());
        let computes = over.clone();
        let busy = executor.spawn(move |_| computes.wait());
        until(|| executor.snapshot().idle == 3);
        let runs = Arc::new(AtomicUsize::new(0));
        let counts = runs.clone();
        let round = executor.spawn(move |context| {
            context.on_each_processor(move |_| _ = counts.fetch_add(1, Ordering::SeqCst));
        });
        // On all but the one that computes.
        until(|| runs.load(Ordering::SeqCst) == 3 && executor.snapshot().idle == 2);
        for _ in 0..20 {
            let both = Arc::new(Flag::default());
            let raises = both.clone();
            // The first ends only once the second has run.
            let first = executor.spawn(move |_| both.wait());
            let second = executor.spawn(move |_| raises.raise());
            first.join().expect("it does not panic");
            second.join().expect("it does not panic");
        }
        over.raise();
        busy.join().expect("it does not panic");
        round.join().expect("it does not panic");
    });
}

/// Whoever runs the function last has nothing to do with what it owns.
#[test]
fn what_the_function_of_a_round_owns_panics_where_the_round_was_asked_for() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::resume_unwind(Box::new("bad"));
            }
        }
    }
    watched(|| {
        let executor = builder().processors(2).build();
        let over = Arc::new(Flag::default());
        let inside = over.clone();
        let innocent = executor.spawn(move |context| {
            while !inside.is_raised() {
                context.checkpoint();
            }
        });
        for _ in 0..200 {
            let asks = executor.spawn(|context| {
                let bad = Bad;
                context.on_each_processor(move |_| _ = &bad);
            });
            assert!(asks.join().is_err(), "somebody else has had the panic");
        }
        over.raise();
        innocent.join().expect("it has nothing to do with it");
    });
}

#[test]
fn nobody_freezes_the_world_in_a_call() {
    watched(|| {
        let executor = builder().processors(1).build();
        let frozen = executor.spawn(|context| {
            context.enter_call();
            context.freeze();
        });
        assert!(frozen.join().is_err());
        executor.shutdown();
    });
}
