//! The executor as its users see it: built, given tasks, and shut down.

use std::fmt;
use std::panic::resume_unwind;
use std::time::Duration;

use super::context::Context;
use super::join::{JoinHandle, task};
use super::lifetime::Lifetime;
use super::machine::Machine;
use super::monitor::Monitor;
#[cfg(feature = "planted-bugs")]
use super::plant::Bug;
use super::plant::Planted;
use super::scheduler::Scheduler;
use super::snapshot::Snapshot;
use crate::platform::{Arc, Platform, Std};
use crate::waiter::muted;

/// Tasks that may block, run on few processors: see the [module's documentation](super).
///
/// There are never more tasks at work than processors. A task that is in a [call](Context::blocking) is not at work, so
/// that a thread is started for its processor if there is other work; threads stay until the executor is shut down.
///
/// ```
/// use std::time::Duration;
/// use selvedge::proc::Executor;
///
/// let executor = Executor::builder().processors(1).build();
/// let slow = executor.spawn(|task| task.blocking(|| std::thread::sleep(Duration::from_millis(50))));
/// // There is one processor, and yet this one does not wait for the other.
/// let quick = executor.spawn(|task| {
///     let parts: Vec<_> = (1..=10_u64).map(|part| task.spawn(move |_| part * part)).collect();
///     parts.into_iter().map(|part| task.join(part).expect("it does not panic")).sum::<u64>()
/// });
/// assert_eq!(quick.join()?, 385);
/// slow.join()?;
/// executor.shutdown();
/// # Ok::<(), selvedge::proc::JoinError>(())
/// ```
///
/// # The end
///
/// | | tasks that have begun | tasks that have not | waits |
/// |---|---|---|---|
/// | [`shutdown`](Executor::shutdown), or dropping the executor | end | begin and end | until all have ended |
/// | [`shutdown_now`](Executor::shutdown_now) | end | are [cancelled](super::JoinError::Cancelled) | until all have ended |
/// | [`shutdown_timeout`](Executor::shutdown_timeout), in time | end | begin and end | until all have ended |
/// | the same, too late | go on | are cancelled | no longer |
/// | dropping it inside one of its tasks or while panicking | go on | begin and end | no |
///
/// After a wait none of the executor's threads is left. Where nobody waits they end by themselves, after the last task.
/// A task that is parked has begun: if nobody unparks it, a shutdown waits for ever.
#[must_use = "an executor that is dropped is shut down"]
pub struct Executor<P: Platform = Std> {
    scheduler: Arc<Scheduler<P>>,
    /// This handle is no reason to go on any more.
    is_released: bool,
}

/// What an [`Executor`] is to be like.
///
/// ```
/// use selvedge::proc::Executor;
///
/// let executor = Executor::builder().processors(2).processors_max(8).thread_name("tasks").build();
/// executor.set_processors(8);
/// assert_eq!(executor.processors(), 8);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder builds nothing by itself"]
pub struct Builder {
    processors: Option<usize>,
    processors_max: Option<usize>,
    thread_name: String,
    has_monitor: bool,
    planted: Planted,
}

/// The least capacity that is not asked for.
const PROCESSORS_MAX: usize = 64;

impl Builder {
    fn new() -> Self {
        Builder {
            processors: None,
            processors_max: None,
            thread_name: "selvedge".to_owned(),
            has_monitor: true,
            planted: Planted::default(),
        }
    }

    /// How many tasks can be at work at once. By default what [`std::thread::available_parallelism`] says.
    pub fn processors(mut self, count: usize) -> Self {
        self.processors = Some(count);
        self
    }

    /// How many processors there can ever be; see [`Executor::set_processors`]. By default 64, or as many as there are.
    pub fn processors_max(mut self, count: usize) -> Self {
        self.processors_max = Some(count);
        self
    }

    /// The name of its threads, which those get on whose platform threads have names. The monitor's ends in `-monitor`.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// Whether there is a monitor, without which a call keeps its processor for as long as it lasts.
    #[doc(hidden)]
    pub fn monitor(mut self, has_monitor: bool) -> Self {
        self.has_monitor = has_monitor;
        self
    }

    /// Plants a mistake.
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    pub fn bug(mut self, bug: Bug) -> Self {
        self.planted = Planted::new(Some(bug));
        self
    }

    /// Builds it, and starts its monitor. Workers are started when they are needed.
    ///
    /// # Panics
    ///
    /// If there are no processors or more than there can be, or if the system has no thread left.
    pub fn build(self) -> Executor {
        self.build_on()
    }

    /// The same on any platform.
    ///
    /// # Panics
    ///
    /// As [`Builder::build`].
    pub fn build_on<P: Platform>(self) -> Executor<P> {
        let count = self.processors.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let capacity = self.processors_max.unwrap_or(count.max(PROCESSORS_MAX));
        assert!((1..=capacity).contains(&count), "{count} processors, of 1 to {capacity}");
        let scheduler = Arc::new(Scheduler::new(count, capacity, Lifetime::new(self.thread_name), self.planted));
        if self.has_monitor {
            let monitor = Monitor::new(scheduler.clone());
            let started = scheduler.lifetime.start_thread("-monitor", move || monitor.run());
            started.expect("the system can start one more thread");
        }
        Executor { scheduler, is_released: false }
    }
}

impl Executor {
    /// One with a processor for each core.
    ///
    /// # Panics
    ///
    /// If the system has no thread left.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// For one that is otherwise.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Platform> Executor<P> {
    /// Starts a task: on an idle processor, or after all others. What the caller did happens before it. A panic in the
    /// task is [its handle's](JoinHandle::join), and a call that it was in is over.
    ///
    /// If a thread is needed and the system has none left, the task waits for one of those that there are, or until there is one
    /// again.
    pub fn spawn<T: Send + 'static>(
        &self,
        body: impl FnOnce(&mut Context<P>) -> T + Send + 'static,
    ) -> JoinHandle<T, P> {
        let (job, handle) = task(body);
        self.scheduler.lifetime.begin_task();
        self.scheduler.submit(job);
        handle
    }

    /// Runs `body` as a task on the calling thread. Waits for a processor first, like a call that returns, and gives it
    /// back at the end, also if `body` panics.
    ///
    /// Not for the code of a task of this executor's, unless it is in a [call](Context::blocking): the thread would wait for
    /// a second processor while it keeps the first.
    ///
    /// ```
    /// use selvedge::proc::Executor;
    ///
    /// let executor = Executor::builder().processors(1).build();
    /// let mut greeting = String::from("hello");
    /// executor.run(|task| {
    ///     let name = task.spawn(|_| "world");
    ///     greeting += ", ";
    ///     greeting += task.join(name).expect("it does not panic");
    /// });
    /// assert_eq!(greeting, "hello, world");
    /// ```
    pub fn run<R>(&self, body: impl FnOnce(&mut Context<P>) -> R) -> R {
        self.scheduler.lock().machines += 1;
        let mut visit = Visit(Context::new(self.scheduler.clone(), Machine::new(), None));
        visit.0.get_processor();
        let result = P::contain(|| body(&mut visit.0));
        // Before a panic goes on: a thread that unwinds does not wait on all platforms.
        drop(visit);
        result.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Sets the number of processors, for which the world stops: returns once it is so. See [`Context::stop_the_world`].
    ///
    /// Not for the code of a task of this executor's, which would wait for itself as in [`Executor::run`]: there it is
    /// `context.stop_the_world().start_with_processors(count)`.
    ///
    /// # Panics
    ///
    /// If `count` is 0 or more than [`Builder::processors_max`].
    pub fn set_processors(&self, count: usize) {
        self.run(|context| context.stop_the_world().start_with_processors(count));
    }

    /// How many processors there are.
    pub fn processors(&self) -> usize {
        self.scheduler.processor_count()
    }

    /// What the executor looks like now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.scheduler)
    }

    /// Waits until all tasks have ended, and those that they started, and ends the executor's threads. Everything that tasks did
    /// happens before it returns.
    ///
    /// # Panics
    ///
    /// If one of the executor's tasks calls it. Such a task may drop the executor instead.
    pub fn shutdown(mut self) {
        self.refuse_own_thread();
        self.release();
        self.scheduler.await_closing(None);
        self.scheduler.lifetime.join_threads();
    }

    /// The same, for tasks that have begun only: the others are [cancelled](super::JoinError::Cancelled), their closures dropped.
    ///
    /// # Panics
    ///
    /// As [`Executor::shutdown`].
    pub fn shutdown_now(self) {
        self.refuse_own_thread();
        self.scheduler.lifetime.cancel();
        self.shutdown();
    }

    /// The same as [`Executor::shutdown`], if all tasks end within `timeout`. If not, it says `false`: tasks that have
    /// not begun are cancelled, and the executor's threads end when the others have ended.
    ///
    /// # Panics
    ///
    /// As [`Executor::shutdown`].
    pub fn shutdown_timeout(mut self, timeout: Duration) -> bool {
        self.refuse_own_thread();
        let deadline = P::now().saturating_add(timeout);
        self.release();
        let is_closing = self.scheduler.await_closing(Some(deadline));
        if is_closing {
            self.scheduler.lifetime.join_threads();
        } else {
            self.scheduler.lifetime.cancel();
        }
        is_closing
    }

    fn refuse_own_thread(&self) {
        assert!(!self.scheduler.lifetime.is_own_thread(), "a task waits for the end of its own executor");
    }

    fn release(&mut self) {
        self.is_released = true;
        self.scheduler.end_task();
    }
}

impl<P: Platform> Drop for Executor<P> {
    fn drop(&mut self) {
        if self.is_released {
            return;
        }
        let may_wait = !std::thread::panicking() && !self.scheduler.lifetime.is_own_thread();
        self.release();
        if may_wait {
            self.scheduler.await_closing(None);
            self.scheduler.lifetime.join_threads();
        }
    }
}

impl<P: Platform> fmt::Debug for Executor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("processors", &self.processors()).finish_non_exhaustive()
    }
}

/// A thread that is a machine for a while.
struct Visit<P: Platform>(Context<P>);

impl<P: Platform> Drop for Visit<P> {
    fn drop(&mut self) {
        // Where nothing waits any more there is nothing to give back.
        if !muted::<P>() {
            self.0.start_if_stopped();
            self.0.end();
            self.0.scheduler.lock().machines -= 1;
        }
    }
}
