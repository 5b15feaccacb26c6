//! The whole executor under shuttle, from its making to its shutdown, with drawn schedules; and that containing a panic
//! does not contain what a checking platform ends a thread with.
//!
//! The monitor's sleeps do not end by themselves here, because nobody moves the clock: it only looks when it is woken.

use std::collections::BTreeMap;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{
    Arc, Body, Bounds, End, Failure, Join, Loom, Ordering, Platform, PlatformMutex, Profile, Shuttle, TrackedCell, loom,
};
use selvedge::proc::{Builder, Context, Executor, JoinError, JoinHandle};

/// What an executor's users do, each from the making of one to its end.
const PROGRAMS: [(&str, Program); 8] = [
    ("tasks are done", tasks_are_done),
    ("a shutdown waits for everybody", a_shutdown_waits_for_everybody),
    ("a panic ends its task alone", a_panic_ends_its_task_alone),
    ("a panic while the world has stopped starts it", a_panic_while_the_world_has_stopped_starts_it),
    ("tasks outlive their processor", tasks_outlive_their_processor),
    ("what is cancelled does not begin", what_is_cancelled_does_not_begin_and_what_begins_ends),
    ("its own task may drop it", its_own_task_may_drop_it),
    ("calls beside stops", calls_beside_stops),
];

type Program = fn(Builder);

/// Runs a program under each strategy so often, until something is wrong: it panics, or is blocked for ever.
fn draw(builder: &Builder, program: Program, executions: u64) -> Option<Failure> {
    draw_with(0, builder, program, executions)
}

/// The same, where so many of the threads that each thread starts may be more than the system has.
fn draw_with(spawn_failures: u32, builder: &Builder, program: Program, executions: u64) -> Option<Failure> {
    let strategies = [
        SchedulerKind::Random { seed: 11 },
        SchedulerKind::Pct { seed: 11, depth: 3 },
        SchedulerKind::Urw { seed: 11 },
        SchedulerKind::Pos { seed: 11 },
    ];
    strategies.into_iter().find_map(|scheduler| {
        let profile = Profile { spurious_budget: 1, steal_retries: 1, spawn_failures, ..Profile::default() };
        let bounds = Bounds { max_executions: Some(executions), max_steps: 20_000, profile, ..Bounds::default() };
        let builder = builder.clone();
        let run = shuttle::explore(scheduler.clone(), &bounds, move || program(builder.clone()));
        let is_whole = run.executions == executions && run.truncated == 0;
        assert!(is_whole || run.failure.is_some(), "{scheduler:?}: {run:?}");
        run.failure
    })
}

#[test]
fn all_programs_come_to_their_end() {
    for (name, program) in PROGRAMS {
        assert_eq!(draw(&Executor::builder(), program, 300), None, "{name}");
    }
}

/// A processor for which no thread can be started is not lost, does its part of a round that began meanwhile, and goes to a task
/// that can go on without a new one.
#[test]
fn work_goes_on_where_the_system_has_no_thread_left() {
    // The monitor would try again later. What goes on without that is what is asked here.
    let builder = Executor::builder().monitor(false);
    let programs: [(&str, Program); 4] = [
        ("rounds", rounds_beside_tasks),
        ("all wait", all_wait_behind_a_task),
        ("sleepers", sleepers_behind_a_task_of_their_processor),
        ("the next task", the_next_task_finds_a_machine),
    ];
    for (name, program) in programs {
        for spawn_failures in [0, 1] {
            assert_eq!(draw_with(spawn_failures, &builder, program, 2000), None, "{name}, {spawn_failures} failures");
        }
    }
}

/// Lost wakeups and two holders of a processor, which a machine shows hardly ever. (Not `IdleWithWork`: who puts the processor
/// there looks at all queues afterwards, so that only states show it; the suite's litmus tests look at those.)
#[cfg(feature = "planted-bugs")]
#[test]
fn planted_mistakes_are_noticed() {
    use selvedge::proc::Bug;
    let bugs = [
        Bug::RetiresBlindly,
        Bug::QueuesSilently,
        Bug::IdleWithoutLock,
        Bug::ReclaimByStore,
        Bug::LinkStays,
        Bug::NextStays,
        Bug::QueueDies,
    ];
    for bug in bugs {
        let found = PROGRAMS.iter().find(|(_, program)| draw(&Executor::builder().bug(bug), *program, 2000).is_some());
        println!("{bug:?}: {:?}", found.map(|(name, _)| name));
        assert!(found.is_some(), "{bug:?} survives");
    }
}

fn executor(builder: &Builder, processors: usize) -> Executor<Shuttle> {
    builder.clone().processors(processors).processors_max(2).build_on()
}

fn tasks_are_done(builder: Builder) {
    for processors in [1, 2] {
        let executor = executor(&builder, processors);
        let outer = executor.spawn(|context| {
            let inner = context.spawn(|context| context.blocking(|| 1));
            let other = context.spawn(|context| {
                context.yield_now();
                2
            });
            context.join(inner).expect("it does not panic") + context.join(other).expect("it does not panic")
        });
        assert_eq!(outer.join().expect("it does not panic"), 3);
        executor.shutdown();
    }
}

fn a_shutdown_waits_for_everybody(builder: Builder) {
    let executor = executor(&builder, 2);
    let done = Arc::new(<Shuttle as Platform>::Mutex::new(0));
    for _ in 0..2 {
        let done = done.clone();
        drop(executor.spawn(move |context| {
            let inner = done.clone();
            drop(context.spawn(move |_| *inner.lock() += 1));
            context.blocking_long(|| *done.lock() += 1);
        }));
    }
    executor.shutdown();
    assert_eq!(*done.lock(), 4);
}

fn a_panic_ends_its_task_alone(builder: Builder) {
    let executor = executor(&builder, 1);
    let bad = executor.spawn(|context| context.blocking(|| std::panic::resume_unwind(Box::new(7_u8))));
    let good = executor.spawn(|_| 1);
    let payload = bad.join().expect_err("it panics").into_panic().expect("it panics");
    assert_eq!(payload.downcast_ref(), Some(&7_u8));
    assert_eq!(good.join().expect("it does not panic"), 1);
    executor.shutdown();
}

fn a_panic_while_the_world_has_stopped_starts_it(builder: Builder) {
    let executor = executor(&builder, 2);
    let bad = executor.spawn(|context| {
        let _stopped = context.stop_the_world();
        std::panic::resume_unwind(Box::new(7_u8))
    });
    let round = executor.spawn(|context| context.on_each_processor(|_| ()));
    let visit = Shuttle::contain(|| {
        executor.run(|context| {
            let _stopped = context.stop_the_world();
            std::panic::resume_unwind(Box::new(8_u8))
        });
    });
    assert_eq!(visit.map_err(|payload| payload.downcast_ref().copied()), Err::<(), _>(Some(8_u8)));
    assert!(matches!(bad.join(), Err::<(), _>(JoinError::Panicked(_))));
    round.join().expect("it does not panic");
    executor.shutdown();
}

fn tasks_outlive_their_processor(builder: Builder) {
    let executor = executor(&builder, 2);
    let tasks: Vec<JoinHandle<(), Shuttle>> = (0..2)
        .map(|_| {
            executor.spawn(|context| {
                let child = context.spawn(|context| context.blocking(|| ()));
                context.checkpoint();
                context.join(child).expect("it does not panic");
            })
        })
        .collect();
    executor.set_processors(1);
    executor.set_processors(2);
    tasks.into_iter().for_each(|task| task.join().expect("it does not panic"));
    executor.shutdown();
}

fn what_is_cancelled_does_not_begin_and_what_begins_ends(builder: Builder) {
    let executor = executor(&builder, 1);
    let begun = Arc::new(<Shuttle as Platform>::Mutex::new(0));
    let tasks: Vec<JoinHandle<(), Shuttle>> = (0..3)
        .map(|_| {
            let begun = begun.clone();
            executor.spawn(move |context| {
                *begun.lock() += 1;
                context.yield_now();
            })
        })
        .collect();
    executor.shutdown_now();
    let ended = tasks.into_iter().filter_map(|task| match task.join() {
        Ok(()) => Some(()),
        Err(JoinError::Cancelled) => None,
        Err(error) => panic!("{error}"),
    });
    assert_eq!(ended.count(), *begun.lock());
}

fn its_own_task_may_drop_it(builder: Builder) {
    let executor = Arc::new(executor(&builder, 1));
    let own = executor.clone();
    let task = executor.spawn(move |_| drop(own));
    drop(executor);
    task.join().expect("it does not panic");
}

/// Two tasks go in and out of calls while a third stops the world, and the tasks at work are counted.
fn calls_beside_stops(builder: Builder) {
    let executor = executor(&builder, 2);
    let at_work = Arc::new(<Shuttle as Platform>::Mutex::new(0));
    let tasks: Vec<JoinHandle<(), Shuttle>> = (0..2)
        .map(|_| {
            let at_work = at_work.clone();
            executor.spawn(move |context| {
                for is_long in [false, true] {
                    *at_work.lock() += 1;
                    assert!(*at_work.lock() <= 2, "more tasks at work than processors");
                    *at_work.lock() -= 1;
                    if is_long {
                        context.blocking_long(|| ());
                    } else {
                        context.blocking(|| ());
                    }
                }
            })
        })
        .collect();
    executor.run(|context| {
        let stopped = context.stop_the_world();
        let before = *at_work.lock();
        assert_eq!(before, *at_work.lock(), "a task is at work although the world has stopped");
        drop(stopped);
        context.blocking(|| ());
    });
    tasks.into_iter().for_each(|task| task.join().expect("it does not panic"));
    executor.shutdown();
}

/// Who starts no thread for one task starts one for the next, and who leaves hands the processor on: no thread fails twice.
fn rounds_beside_tasks(builder: Builder) {
    let executor = Arc::new(executor(&builder, 2));
    let visitor = Shuttle::spawn({
        let executor = executor.clone();
        move || {
            let done = Arc::new(<Shuttle as Platform>::Mutex::new(0));
            executor.run(|context| {
                for _ in 0..2 {
                    let done = done.clone();
                    context.on_each_processor(move |_| *done.lock() += 1);
                }
                context.yield_now();
            });
            assert_eq!(*done.lock(), 4, "twice on each of two processors");
        }
    });
    let tasks = [1, 2].map(|number| executor.spawn(move |_| number));
    visitor.join();
    executor.run(Context::yield_now);
    assert_eq!(tasks.map(|task| task.join().expect("it does not panic")), [1, 2]);
    Arc::into_inner(executor).expect("the visitor has gone").shutdown();
}

/// One processor, and a task that nobody runs until the two who are there have gone.
fn all_wait_behind_a_task(builder: Builder) {
    let executor = Arc::new(executor(&builder, 1));
    let visit = |executor: &Executor<Shuttle>| executor.run(Context::yield_now);
    let visitor = Shuttle::spawn({
        let executor = executor.clone();
        move || visit(&executor)
    });
    let task = executor.spawn(|_| 1);
    visit(&executor);
    visitor.join();
    visit(&executor);
    assert_eq!(task.join().expect("it does not panic"), 1);
    Arc::into_inner(executor).expect("the visitor has gone").shutdown();
}

/// One processor, in whose own queue the one who wakes all others is behind a task.
fn sleepers_behind_a_task_of_their_processor(builder: Builder) {
    let executor = Arc::new(executor(&builder, 1));
    let unparkers = Arc::new(<Shuttle as Platform>::Mutex::new(BTreeMap::new()));
    let visitors = ["wakes all", "sleeps twice"].map(|name| {
        let (executor, unparkers) = (executor.clone(), unparkers.clone());
        Shuttle::spawn(move || {
            executor.run(|context| {
                unparkers.lock().insert(name, context.unparker());
                context.park();
                if name == "sleeps twice" {
                    return context.park();
                }
                for name in ["spawns", "sleeps twice"] {
                    let unparker = unparkers.lock().remove(name).expect("it has put it there");
                    context.unpark(&unparker);
                }
            });
        })
    });
    let task = executor.run(|context| {
        while unparkers.lock().len() < 2 {
            Shuttle::yield_now();
            context.yield_now();
        }
        unparkers.lock().insert("spawns", context.unparker());
        let task = context.spawn(|_| 1);
        for name in ["wakes all", "sleeps twice"] {
            let unparker = unparkers.lock().get(name).expect("it is there").clone();
            // What was to come next comes last then: behind the task.
            context.unpark(&unparker);
        }
        context.park();
        task
    });
    visitors.into_iter().for_each(Join::join);
    executor.run(Context::yield_now);
    assert_eq!(task.join().expect("it does not panic"), 1);
    Arc::into_inner(executor).expect("the visitors have gone").shutdown();
}

/// Where there was no machine for a task, the next one that comes finds it one.
fn the_next_task_finds_a_machine(builder: Builder) {
    let executor = executor(&builder, 2);
    let first = executor.spawn(|_| 1);
    let snapshot = executor.snapshot();
    let is_alone = snapshot.machines == 0;
    if is_alone {
        assert_eq!((snapshot.global, snapshot.idle, snapshot.spinning), (1, 2, 0));
    }
    let second = executor.spawn(|_| 2);
    if !is_alone {
        // There may be no machine for this one.
        executor.run(Context::yield_now);
    }
    assert_eq!([first, second].map(|task| task.join().expect("it does not panic")), [1, 2]);
    executor.shutdown();
}

/// A thread that can never go on, and one that races, are still what they were.
fn contained<P: Platform>() {
    let cell = Arc::new(P::Cell::new(0));
    let race = |cell: &Arc<P::Cell<i32>>| -> Body {
        let cell = cell.clone();
        Box::new(move || {
            // SAFETY: the platform ends one of the two threads before it can race.
            P::contain(|| cell.with_mut(|value| unsafe { *value += 1 })).expect("a race is no panic of the program's");
        })
    };
    let ends = P::run_to_rest(vec![race(&cell), race(&cell)]);
    assert!(ends.iter().any(|end| matches!(end, End::Raced(_))), "{ends:?}");

    let ends = P::run_to_rest(vec![
        Box::new(|| P::contain(P::park).expect("nobody unparks it")),
        Box::new(|| {
            let payload = P::contain(|| std::panic::resume_unwind(Box::new(1_u8))).expect_err("it panics");
            P::fence(Ordering::SeqCst);
            assert_eq!(payload.downcast_ref(), Some(&1_u8));
        }),
    ]);
    assert!(matches!(ends[..], [End::Blocked, End::Returned]), "{ends:?}");
}

#[test]
fn containing_a_panic_contains_nothing_of_the_platforms() {
    let run = loom::explore(&Bounds::default(), contained::<Loom>);
    assert_eq!((run.failure, run.complete), (None, true));
    let run = shuttle::explore(SchedulerKind::Dfs, &Bounds::default(), contained::<Shuttle>);
    assert_eq!((run.failure, run.complete), (None, true));
}
