//! Everything at once, thousands of times, with sums that must be right at the end.

use std::thread;
use std::time::Duration;

use selvedge::platform::Arc;
use selvedge::platform::host::atomic::{AtomicUsize, Ordering};
use selvedge::proc::{Context, JoinError, JoinHandle};

use crate::{builder, watched};

/// What tasks did, counted as they did it.
#[derive(Default)]
struct Done {
    begun: AtomicUsize,
    ended: AtomicUsize,
    panicked: AtomicUsize,
    stopped: AtomicUsize,
    safe_points: AtomicUsize,
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn of(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// A task of the kind that its number says. Returns how many tasks it and its children were.
fn act(context: &mut Context, number: usize, depth: usize, done: &Arc<Done>) -> usize {
    count(&done.begun);
    let mut tasks = 1;
    match number % 10 {
        0 => context.yield_now(),
        1 => context.blocking(|| ()),
        2 => context.blocking(|| thread::sleep(Duration::from_micros(number as u64 % 300))),
        3 => context.blocking_long(|| thread::sleep(Duration::from_micros(number as u64 % 100))),
        4 => (0..20).for_each(|_| context.blocking(|| ())),
        5 if depth > 0 => {
            let children: Vec<JoinHandle<usize>> = (0..3)
                .map(|child| {
                    let done = done.clone();
                    context.spawn(move |context| act(context, number / 10 + child, depth - 1, &done))
                })
                .collect();
            for child in children {
                match context.join(child) {
                    Ok(more) => tasks += more,
                    Err(JoinError::Panicked(_)) => tasks += 1,
                    Err(JoinError::Cancelled) => panic!("nobody cancels"),
                }
            }
        }
        6 => {
            // One that sleeps until the other has begun.
            let unparker = context.unparker();
            let done = done.clone();
            let other = context.spawn(move |context| {
                count(&done.begun);
                context.unpark(&unparker);
                count(&done.ended);
            });
            context.park();
            context.join(other).expect("it does not panic");
            tasks += 1;
        }
        7 if number % 100 == 7 => {
            drop(context.stop_the_world());
            count(&done.stopped);
        }
        7 if number % 100 == 17 => {
            let done = done.clone();
            context.on_each_processor(move |_| count(&done.safe_points));
        }
        8 if number % 20 == 8 => {
            count(&done.panicked);
            if number % 40 == 8 {
                context.enter_call();
            }
            std::panic::resume_unwind(Box::new(number));
        }
        _ => context.checkpoint(),
    }
    count(&done.ended);
    tasks
}

#[test]
fn everything_at_once() {
    watched(|| {
        const ROUNDS: usize = 12;
        const TASKS: usize = 500;
        let executor = Arc::new(builder().processors(2).processors_max(4).build());
        let done = Arc::new(Done::default());
        let resizer = {
            let executor = executor.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS * 4 {
                    executor.set_processors(1 + round % 4);
                    thread::sleep(Duration::from_millis(1));
                }
            })
        };
        let (mut returned, mut panics) = (0, 0);
        for round in 0..ROUNDS {
            let tasks: Vec<JoinHandle<usize>> = (0..TASKS)
                .map(|task| {
                    let done = done.clone();
                    executor.spawn(move |context| act(context, round * TASKS + task, 3, &done))
                })
                .collect();
            for (task, handle) in tasks.into_iter().enumerate() {
                match handle.join() {
                    Ok(tasks) => returned += tasks,
                    Err(error) => {
                        let payload = error.into_panic().expect("nobody cancels");
                        assert_eq!(payload.downcast_ref(), Some(&(round * TASKS + task)), "its own payload");
                        panics += 1;
                    }
                }
            }
        }
        resizer.join().expect("it does not panic");
        assert_eq!(of(&done.begun), of(&done.ended) + of(&done.panicked));
        assert_eq!(returned + panics, of(&done.begun), "each task is counted by who joined it");
        assert!(of(&done.stopped) >= ROUNDS * TASKS / 100);
        assert!(of(&done.safe_points) >= ROUNDS * TASKS / 100);
        let left = executor.snapshot();
        assert_eq!((left.global, left.stop_wait), (0, 0));
        assert!(left.processors.iter().all(|processor| processor.queued == 0), "{left:?}");
        Arc::into_inner(executor).expect("the other one has ended").shutdown();
    });
}

/// Many short-lived executors: the race of the last task with the shutdown.
#[test]
fn executors_come_and_go() {
    watched(|| {
        for round in 0..100 {
            let executor = builder().processors(1 + round % 3).build();
            let ended = Arc::new(AtomicUsize::new(0));
            for _ in 0..round % 10 {
                let ended = ended.clone();
                drop(executor.spawn(move |context| {
                    let inner = ended.clone();
                    drop(context.spawn(move |_| count(&inner)));
                    context.blocking(|| ());
                    count(&ended);
                }));
            }
            executor.shutdown();
            assert_eq!(of(&ended), 2 * (round % 10));
        }
    });
}

/// Sleepers and those who wake them, in pairs that nothing else helps along: a wakeup that is lost ends it.
#[test]
fn no_wakeup_is_lost() {
    watched(|| {
        for processors in [1, 2, 3] {
            let executor = builder().processors(processors).build();
            let pairs: Vec<JoinHandle<usize>> = (0..4)
                .map(|_| {
                    executor.spawn(|context| {
                        let ball = Arc::new(AtomicUsize::new(0));
                        let me = context.unparker();
                        let (theirs, say) = (ball.clone(), ball.clone());
                        let partner = context.spawn(move |context| {
                            me.unpark();
                            for turn in 0..500 {
                                while theirs.load(Ordering::Acquire) <= 2 * turn {
                                    context.yield_now();
                                }
                                theirs.fetch_add(1, Ordering::AcqRel);
                                context.unpark(&me);
                            }
                        });
                        for turn in 0..500 {
                            say.store(2 * turn + 1, Ordering::Release);
                            while say.load(Ordering::Acquire) != 2 * turn + 2 {
                                context.park();
                            }
                        }
                        context.join(partner).expect("it does not panic");
                        ball.load(Ordering::Relaxed)
                    })
                })
                .collect();
            assert!(pairs.into_iter().all(|pair| pair.join().expect("it does not panic") == 1000));
        }
    });
}

/// Bursts of tasks with rests between them: machines go to sleep while work arrives.
#[test]
fn bursts_after_rests_are_all_done() {
    watched(|| {
        let executor = builder().processors(2).build();
        for round in 0..2000 {
            let parent = executor.spawn(move |context| {
                let children: Vec<JoinHandle<usize>> =
                    (0..3).map(|child| context.spawn(move |_| child + round)).collect();
                children.into_iter().map(|child| context.join(child).expect("it does not panic")).sum::<usize>()
            });
            assert_eq!(parent.join().expect("it does not panic"), 3 + 3 * round);
        }
    });
}
