//! For the suite that verifies this scheduler, and for nobody else: a scheduler without a monitor of its own and in a
//! state of the caller's choice, whose tasks are the caller's threads.

use super::context::{Context, Unparker, worker};
use super::job::Job;
use super::lifetime::Lifetime;
use super::machine::Machine;
use super::monitor::Monitor;
#[cfg(feature = "planted-bugs")]
use super::plant::Bug;
use super::plant::Planted;
use super::protocol::Status;
pub use super::protocol::{Absent, Held, Protocol, Reclaimed, STOP};
use super::scheduler::{Scheduler, Work};
use super::snapshot::Snapshot;
use crate::platform::{Arc, Platform, PlatformMutex};

/// A scheduler for experiments.
pub struct Lab<P: Platform> {
    scheduler: Arc<Scheduler<P>>,
    monitor: P::Mutex<Monitor<P>>,
}

impl<P: Platform> Lab<P> {
    /// A scheduler with so many processors, of `capacity` at most. Nothing runs yet.
    pub fn new(processors: usize, capacity: usize) -> Self {
        Self::with(processors, capacity, Planted::default())
    }

    /// The same with a planted bug.
    #[cfg(feature = "planted-bugs")]
    pub fn with_bug(processors: usize, capacity: usize, bug: Bug) -> Self {
        Self::with(processors, capacity, Planted::new(Some(bug)))
    }

    fn with(processors: usize, capacity: usize, planted: Planted) -> Self {
        let scheduler = Arc::new(Scheduler::new(processors, capacity, Lifetime::new(String::new()), planted));
        let monitor = P::Mutex::new(Monitor::new(scheduler.clone()));
        Lab { scheduler, monitor }
    }

    /// A machine whose task runs on the first idle processor, with `tick`, and with tasks queued behind it.
    pub fn running(&self, tick: u32, queued: Vec<Task<P>>) -> Context<P> {
        let mut lists = self.scheduler.lock();
        lists.machines += 1;
        let held = self.scheduler.take_idle(&mut lists).expect("there is a processor for each that runs");
        drop(lists);
        self.scheduler.protocol.set(&held, Status::Running);
        self.scheduler.protocol.set_tick(&held, tick);
        for job in queued {
            self.scheduler.push_local(&held, Work::Task(Job::bare(job)));
        }
        Context::new(self.scheduler.clone(), Machine::new(), Some(held))
    }

    /// A machine whose task will be [asleep](Context::sleep_from_the_start).
    pub fn sleeping(&self) -> Context<P> {
        Context::new(self.scheduler.clone(), Machine::new(), None)
    }

    /// Sets the tick of an idle processor.
    pub fn set_tick(&self, processor: usize, tick: u32) {
        let lists = self.scheduler.lock();
        if let Some(held) = lists.idle(processor) {
            self.scheduler.protocol.set_tick(held, tick);
        }
    }

    /// The monitor looks once; returns how many processors it took.
    pub fn look(&self) -> usize {
        self.monitor.lock().look()
    }

    /// The calling thread becomes a machine that looks for work with an idle processor, as one that has been woken for that.
    /// It does not come back.
    pub fn work(&self) {
        let machine = Machine::new();
        let idle = self.scheduler.take_idle(&mut self.scheduler.lock());
        if let Some(held) = idle {
            self.scheduler.start_spinning();
            machine.sleeper().give(held, true);
            worker(self.scheduler.clone(), machine);
        }
    }

    /// A machine without a task rests. It keeps for ever whatever processor it is woken with.
    pub fn rests(&self) {
        self.scheduler.lock().idle_machines.push(Machine::new().sleeper());
    }

    /// A machine that looks for work, and will find some of which nothing is seen here.
    pub fn spinner(&self) -> Spinner<P> {
        self.scheduler.start_spinning();
        Spinner(self.scheduler.clone())
    }

    /// Whether the unparker's task waits for its turn to stop the world, or to run a round of safe points.
    pub fn is_in_line(&self, task: &Unparker<P>) -> bool {
        self.scheduler.lock().world.is_in_line(&task.machine)
    }

    /// Whether the unparker's task waits for the world to stop.
    pub fn is_stopper(&self, task: &Unparker<P>) -> bool {
        self.scheduler.lock().world.is_stopper(&task.machine)
    }

    /// What there is now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.scheduler)
    }
}

/// See [`Lab::spinner`].
pub struct Spinner<P: Platform>(Arc<Scheduler<P>>);

impl<P: Platform> Spinner<P> {
    /// It has found its work.
    pub fn finds_work(self) {
        self.0.found_work();
    }
}

/// The status words alone, with the permissions to `count` processors.
pub fn protocol<P: Platform>(count: usize) -> (Protocol<P>, Vec<Held>) {
    Protocol::new(count, Planted::default())
}

impl<P: Platform> Protocol<P> {
    /// Passes the processor on to whoever runs with it.
    pub fn runs(&self, held: &Held) {
        self.set(held, Status::Running);
    }
}

/// What is queued.
pub type Task<P> = Box<dyn FnOnce(&mut Context<P>) + Send>;

impl<P: Platform> Context<P> {
    /// A machine that [`Lab::sleeping`] made sleeps until it is unparked.
    pub fn sleep_from_the_start(&mut self) {
        if self.machine.may_be_unparked() {
            self.wait_for_processor();
        } else {
            self.get_processor();
        }
    }

    /// See [`Context::stop_the_world`]; [`Context::start_world`] is the other end.
    pub fn stop_world(&mut self) {
        self.stop();
    }

    /// Starts the world again, with as many processors as before, or with so many.
    pub fn start_world(&mut self, count: Option<usize>) {
        let count = count.unwrap_or_else(|| self.scheduler.processor_count());
        self.start(count);
    }

    /// The task is over: the processor goes to others.
    pub fn end_task(&mut self) {
        self.end();
    }

    /// The machine leaves, as what it was; a vacant one stays.
    pub fn take(&mut self) -> Self {
        let vacant = Context::new(self.scheduler.clone(), Machine::new(), None);
        std::mem::replace(self, vacant)
    }
}

impl<P: Platform> std::fmt::Debug for Spinner<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spinner").finish_non_exhaustive()
    }
}

impl<P: Platform> std::fmt::Debug for Unparker<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unparker").finish_non_exhaustive()
    }
}
