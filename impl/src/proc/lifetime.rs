//! When an executor ends: its threads, and what keeps them.

use std::io;
use std::time::Duration;

use super::scheduler::Scheduler;
use crate::platform::{Arc, Atomic, AtomicInteger, Join, Ordering, Platform, PlatformMutex, Unpark};

/// What keeps an executor going, and what is left to do when nothing does any more.
pub(super) struct Lifetime<P: Platform> {
    reasons: Reasons<P>,
    /// Tasks that have not begun are not to begin any more.
    cancelling: P::AtomicBool,
    /// The executor's threads. Locked while one is started, so that it is here before it does anything.
    threads: P::Mutex<Vec<P::JoinHandle<()>>>,
    /// The threads' name.
    thread_name: String,
}

/// How many reasons there are to go on: tasks that have not ended, and the executor's handle. On a cache line of its own,
/// because every task writes it.
#[repr(align(128))]
struct Reasons<P: Platform>(P::AtomicUsize);

impl<P: Platform> Lifetime<P> {
    /// That of an executor whose handle exists.
    pub(super) fn new(thread_name: String) -> Self {
        Lifetime {
            reasons: Reasons(P::AtomicUsize::new(1)),
            cancelling: P::AtomicBool::new(false),
            threads: P::Mutex::new(Vec::new()),
            thread_name,
        }
    }

    /// There is one more task. The caller is a reason itself, or holds the executor's handle.
    pub(super) fn begin_task(&self) {
        self.reasons.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Tasks that have not begun are not to begin any more.
    pub(super) fn cancel(&self) {
        self.cancelling.store(true, Ordering::Relaxed);
    }

    /// Whether tasks are not to begin any more.
    pub(super) fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Relaxed)
    }

    /// Starts a thread of the executor's; what it is besides a worker is a part of its name.
    pub(super) fn start_thread(&self, role: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut threads = self.threads.lock();
        threads.push(P::spawn_named(&format!("{}{role}", self.thread_name), body)?);
        Ok(())
    }

    /// Whether the calling thread is one of them.
    pub(super) fn is_own_thread(&self) -> bool {
        self.threads.lock().iter().any(Join::is_current)
    }

    /// Waits for the threads' ends, which must be near.
    pub(super) fn join_threads(&self) {
        loop {
            let last = self.threads.lock().pop();
            match last {
                Some(thread) => thread.join(),
                None => return,
            }
        }
    }
}

impl<P: Platform> Scheduler<P> {
    /// A task has ended, or the executor's handle is gone. The last of them closes the executor.
    pub(super) fn end_task(self: &Arc<Self>) {
        // Relaxed: it only counts. Whoever waits for the close joins the threads, so that all that tasks did happens before.
        if self.lifetime.reasons.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.close();
        }
    }

    /// Ends the machines without a task, which all are, and the monitor.
    fn close(&self) {
        let (sleepers, told) = {
            let mut lists = self.lock();
            lists.closing = true;
            self.wake_monitor(&mut lists);
            (std::mem::take(&mut lists.idle_machines), std::mem::take(&mut lists.told_of_closing))
        };
        sleepers.into_iter().for_each(super::machine::Sleeper::dismiss);
        told.iter().for_each(Unpark::unpark);
    }

    /// The calling thread is to be unparked when the executor closes. Says whether it has not yet.
    pub(super) fn tell_of_closing(&self) -> bool {
        let mut lists = self.lock();
        if !lists.closing {
            lists.told_of_closing.push(P::current());
        }
        !lists.closing
    }

    /// Waits until the executor closes, or until `deadline`; says whether it has.
    pub(super) fn await_closing(&self, deadline: Option<Duration>) -> bool {
        if !self.tell_of_closing() {
            return true;
        }
        loop {
            let is_late = match deadline {
                Some(deadline) => !P::park_until(deadline) && P::now() >= deadline,
                None => {
                    P::park();
                    false
                }
            };
            if self.lock().closing {
                return true;
            }
            if is_late {
                return false;
            }
        }
    }
}
