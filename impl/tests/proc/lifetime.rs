//! The ends of an executor: who waits, what is cancelled, and that no thread is left.

use std::fs;
use std::thread;
use std::time::Duration;

use selvedge::platform::Arc;
use selvedge::platform::host::atomic::{AtomicUsize, Ordering};
use selvedge::platform::host::{Mutex, mpsc};
use selvedge::proc::{Executor, JoinError, JoinHandle};

use crate::{Flag, builder, until, watched};

/// How many threads of this process have a name that begins so. The kernel keeps 15 bytes.
fn threads(name: &str) -> usize {
    assert!(name.len() <= 15, "{name} is too long to be told from others");
    let tasks = fs::read_dir("/proc/self/task").expect("this is Linux");
    tasks
        .filter_map(|task| fs::read_to_string(task.expect("it can be read").path().join("comm")).ok())
        .filter(|comm| comm.starts_with(name))
        .count()
}

/// Makes it have many threads.
fn grow(executor: &Executor) {
    let over = Arc::new(Flag::default());
    let calls: Vec<JoinHandle<()>> = (0..8)
        .map(|_| {
            let over = over.clone();
            executor.spawn(move |context| context.blocking_long(|| over.wait()))
        })
        .collect();
    until(|| executor.snapshot().machines >= 8);
    over.raise();
    calls.into_iter().for_each(|call| call.join().expect("it does not panic"));
}

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_after_any_shutdown() {
    watched(|| {
        type End = fn(Executor);
        let ends: [(&str, End); 4] = [
            ("end-shutdown", Executor::shutdown),
            ("end-now", Executor::shutdown_now),
            ("end-timeout", |executor| assert!(executor.shutdown_timeout(Duration::from_secs(60)))),
            ("end-drop", drop),
        ];
        for (name, end) in ends {
            let executor = builder().processors(4).thread_name(name).build();
            grow(&executor);
            assert!(threads(name) >= 9, "eight workers and the monitor, of which are seen {}", threads(name));
            end(executor);
            // Who joins a thread learns of its end a moment before the kernel forgets it.
            until(|| threads(name) == 0);
        }
    });
}

/// Its threads have ended when it returns: also what they do at their very end.
#[test]
fn shutdown_joins_the_threads() {
    struct AtTheEnd(Arc<Flag>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(20));
            self.0.raise();
        }
    }
    thread_local! {
        static KEPT: std::cell::RefCell<Option<AtTheEnd>> = const { std::cell::RefCell::new(None) };
    }
    watched(|| {
        let ends: [fn(Executor); 4] = [
            Executor::shutdown,
            Executor::shutdown_now,
            |executor| assert!(executor.shutdown_timeout(Duration::from_secs(60))),
            drop,
        ];
        for end in ends {
            let executor = builder().processors(1).build();
            let ended = Arc::new(Flag::default());
            let at_the_end = AtTheEnd(ended.clone());
            let task = executor.spawn(|_| KEPT.set(Some(at_the_end)));
            task.join().expect("it does not panic");
            end(executor);
            assert!(ended.is_raised(), "a thread is left");
        }
    });
}

#[test]
fn shutdown_waits_for_what_tasks_spawn() {
    watched(|| {
        let executor = builder().processors(2).build();
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        drop(executor.spawn(move |context| {
            for _ in 0..10 {
                let count = count.clone();
                drop(context.spawn(move |context| {
                    context.blocking(|| thread::sleep(Duration::from_millis(1)));
                    drop(context.spawn(move |_| count.fetch_add(1, Ordering::Relaxed)));
                }));
            }
        }));
        executor.shutdown();
        assert_eq!(ended.load(Ordering::Relaxed), 10);
    });
}

/// The closures of tasks that never begin are dropped, and their handles say so.
#[test]
fn shutdown_now_cancels_what_has_not_begun() {
    watched(|| {
        let executor = builder().processors(1).build();
        let begun = Arc::new(Flag::default());
        let over = Arc::new(Flag::default());
        let (raise, stop) = (begun.clone(), over.clone());
        // It gives no processor away until the shutdown has begun: what it spawns then is too late as well.
        let running = executor.spawn(move |context| {
            raise.raise();
            stop.spin();
            context.spawn(|_| ())
        });
        begun.wait();
        let owned = Arc::new(());
        let queued: Vec<JoinHandle<()>> = (0..10)
            .map(|_| {
                let owned = owned.clone();
                executor.spawn(move |_| drop(owned))
            })
            .collect();
        let (say, hear) = mpsc::channel();
        let waiter = thread::spawn(move || {
            say.send(()).expect("the test hears");
            executor.shutdown_now();
        });
        hear.recv().expect("the thread says");
        // Long enough for the call to get there; if it does not, the test shows less but is not wrong.
        thread::sleep(Duration::from_millis(50));
        over.raise();
        waiter.join().expect("it does not panic");
        let late = running.join().expect("it had begun");
        for handle in queued {
            assert!(matches!(handle.join(), Err(JoinError::Cancelled)));
        }
        assert!(matches!(late.join(), Err(JoinError::Cancelled)));
        assert_eq!(Arc::strong_count(&owned), 1, "closures were dropped");
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_shutdown_that_gives_up_cancels_and_leaves_nobody_behind() {
    watched(|| {
        let name = "end-too-late";
        let executor = builder().processors(1).thread_name(name).build();
        let begun = Arc::new(Flag::default());
        let over = Arc::new(Flag::default());
        let (raise, stop) = (begun.clone(), over.clone());
        let running = executor.spawn(move |_| {
            raise.raise();
            stop.spin();
        });
        begun.wait();
        let queued = executor.spawn(|_| ());
        assert!(!executor.shutdown_timeout(Duration::from_millis(10)));
        assert!(!running.is_finished());
        over.raise();
        running.join().expect("it had begun");
        assert!(matches!(queued.join(), Err(JoinError::Cancelled)));
        until(|| threads(name) == 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_executor_may_be_dropped_by_its_own_task() {
    watched(|| {
        let name = "end-own-task";
        let executor = Arc::new(builder().processors(2).thread_name(name).build());
        let own = executor.clone();
        let (gone, child) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
        let (wait, raise) = (gone.clone(), child.clone());
        let task = executor.spawn(move |context| {
            context.blocking(|| wait.wait());
            drop(own);
            // What is spawned then still runs.
            drop(context.spawn(move |_| raise.raise()));
        });
        drop(executor);
        gone.raise();
        task.join().expect("it does not panic");
        child.wait();
        until(|| threads(name) == 0);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_task_that_shuts_its_own_executor_down_panics_and_all_ends() {
    watched(|| {
        let name = "end-own-panic";
        let slot = Arc::new(Mutex::new(None));
        let executor = builder().processors(1).thread_name(name).build();
        let own = slot.clone();
        let filled = Arc::new(Flag::default());
        let wait = filled.clone();
        let task = executor.spawn(move |_| {
            wait.wait();
            let executor: Executor = own.lock().expect("nobody panics with it").take().expect("the test fills it");
            executor.shutdown();
        });
        *slot.lock().expect("nobody panics with it") = Some(executor);
        filled.raise();
        let error = task.join().expect_err("it panics").to_string();
        assert_eq!(error, "the task panicked: a task waits for the end of its own executor");
        until(|| threads(name) == 0);
    });
}

/// The panic goes on although a task never ends.
#[test]
fn a_drop_in_a_panic_does_not_wait() {
    watched(|| {
        let over = Arc::new(Flag::default());
        let stop = over.clone();
        let end = thread::spawn(move || {
            let executor = builder().processors(1).build();
            let _task = executor.spawn(move |_| stop.wait());
            panic!("with an executor");
        });
        assert!(end.join().is_err());
        over.raise();
    });
}

#[test]
fn handles_outlive_their_executor() {
    watched(|| {
        let executor = builder().processors(1).build();
        let handle = executor.spawn(|_| 1);
        executor.shutdown();
        assert!(handle.is_finished());
        assert_eq!(handle.join().expect("it does not panic"), 1);
    });
}

#[test]
fn an_executor_that_had_nothing_to_do_ends() {
    watched(|| {
        (0..50).for_each(|_| builder().processors(2).build().shutdown());
    });
}
