//! How a task ends, and who waits for that.

use std::any::Any;
use std::fmt;

use super::context::Context;
use super::job::{Body, Job, Run};
use super::machine::Sleeper;
use super::scheduler::Scheduler;
use crate::platform::{Arc, MutexGuard, Platform, PlatformMutex, Std, Unpark};

/// The right to a task's result. Dropping it lets the task go on by itself.
#[must_use = "dropping the handle drops the task's result, or its panic, unseen"]
pub struct JoinHandle<T: Send, P: Platform = Std> {
    task: Arc<dyn Awaited<T, P>>,
}

/// Why a task has no result.
pub enum JoinError {
    /// It panicked, with this payload.
    Panicked(Box<dyn Any + Send>),
    /// It never began: its executor was told to begin no more.
    Cancelled,
}

/// What becomes of a task.
struct Outcome<T: Send, P: Platform>(P::Mutex<State<T, P>>);

enum State<T, P: Platform> {
    /// The task has not ended.
    Pending,
    /// It has not, and somebody waits for that.
    Awaited(Waiting<P>),
    /// It has.
    Over(Result<T, JoinError>),
    /// It has, and its handle has had the result.
    Taken,
}

/// Who waits for the end of a task.
enum Waiting<P: Platform> {
    /// A thread that is no machine, or does not act as one.
    Thread(P::Thread),
    /// A machine, which has left its processor: one of that scheduler's, which need not be the task's.
    Machine(Arc<Scheduler<P>>, Sleeper<P>),
}

impl<T: Send, P: Platform> JoinHandle<T, P> {
    /// Waits until the task has ended, and returns what it returned. Everything in the task happens before that.
    ///
    /// Inside a task use [`Context::join`]: this here blocks the thread, and with it the processor of the calling task.
    ///
    /// # Errors
    ///
    /// If the task panicked or never began.
    pub fn join(self) -> Result<T, JoinError> {
        loop {
            {
                let mut state = self.task.state();
                if let Some(result) = state.take() {
                    return result;
                }
                *state = State::Awaited(Waiting::Thread(P::current()));
            }
            P::park();
        }
    }

    /// Whether the task has ended, so that [`JoinHandle::join`] would not wait. Says nothing about what happened before.
    pub fn is_finished(&self) -> bool {
        matches!(*self.task.state(), State::Over(_))
    }
}

impl<T, P: Platform> State<T, P> {
    fn take(&mut self) -> Option<Result<T, JoinError>> {
        match std::mem::replace(self, State::Taken) {
            State::Over(result) => Some(result),
            other => {
                *self = other;
                None
            }
        }
    }
}

impl<P: Platform> Context<P> {
    /// Starts a task, last on this task's processor, where others may steal it. Everything so far happens before it.
    ///
    /// The task may outlive this one. In a [call](Context::blocking) it comes last of all that wait.
    pub fn spawn<T: Send + 'static>(
        &mut self,
        body: impl FnOnce(&mut Context<P>) -> T + Send + 'static,
    ) -> JoinHandle<T, P> {
        let (job, handle) = task(body);
        self.scheduler.lifetime.begin_task();
        self.submit(job);
        handle
    }

    /// Waits until another task has ended, of this executor or of another one, and returns what it returned; others have the
    /// processor meanwhile. Everything in that task happens before this returns.
    ///
    /// # Errors
    ///
    /// If that task panicked or never began.
    pub fn join<T: Send>(&mut self, handle: JoinHandle<T, P>) -> Result<T, JoinError> {
        if self.processor().is_none() {
            return handle.join();
        }
        let mut state = handle.task.state();
        if let Some(result) = state.take() {
            return result;
        }
        let scheduler = self.scheduler.clone();
        self.wait_in_line(|sleeper| {
            *state = State::Awaited(Waiting::Machine(scheduler, sleeper));
            drop(state);
        });
        let result = handle.task.state().take();
        result.expect("whoever wakes the one that waits has left the result")
    }
}

/// A task out of its body, and the right to its result.
pub(super) fn task<T: Send + 'static, P: Platform>(
    body: impl FnOnce(&mut Context<P>) -> T + Send + 'static,
) -> (Job<P>, JoinHandle<T, P>) {
    let task = Arc::new(Task { body: Body::new(body), outcome: Outcome(P::Mutex::new(State::Pending)) });
    (Job::new(task.clone()), JoinHandle { task })
}

/// A task, shared by its job and its handle.
struct Task<F: Send, T: Send, P: Platform> {
    body: Body<F, P>,
    outcome: Outcome<T, P>,
}

impl<F, T, P> Run<P> for Task<F, T, P>
where
    F: FnOnce(&mut Context<P>) -> T + Send,
    T: Send,
    P: Platform,
{
    fn run(self: Arc<Self>, context: &mut Context<P>) {
        // SAFETY: this is the run, of the only job.
        let body = unsafe { self.body.take() }.expect("a task is run once");
        let result = if context.scheduler.lifetime.is_cancelling() {
            P::contain(|| drop(body)).map_err(JoinError::Panicked).and(Err(JoinError::Cancelled))
        } else {
            P::contain(|| body(context)).map_err(JoinError::Panicked)
        };
        context.tidy_up();
        match self.outcome.settle(result) {
            Some(Waiting::Machine(scheduler, sleeper)) => context.ready(&scheduler, sleeper),
            Some(Waiting::Thread(thread)) => thread.unpark(),
            None => {}
        }
        // A result that nobody asks for is dropped here, and its destructor may panic. So may that of the payload.
        if let Err(payload) = P::contain(|| drop(self)) {
            std::mem::forget(payload);
        }
        context.scheduler.end_task();
    }

    fn never_begins(&self) {
        // SAFETY: this takes the place of the run.
        drop(unsafe { self.body.take() });
        // The scheduler is gone, with its queues. A machine that waits is another one's, or it would have kept this one.
        match self.outcome.settle(Err(JoinError::Cancelled)) {
            Some(Waiting::Thread(thread)) => thread.unpark(),
            Some(Waiting::Machine(scheduler, sleeper)) => scheduler.ready(sleeper, None),
            None => {}
        }
    }
}

/// A task as its handle sees it.
trait Awaited<T: Send, P: Platform>: Send + Sync {
    fn state(&self) -> MutexGuard<'_, P, State<T, P>>;
}

impl<F: Send, T: Send, P: Platform> Awaited<T, P> for Task<F, T, P> {
    fn state(&self) -> MutexGuard<'_, P, State<T, P>> {
        self.outcome.0.lock()
    }
}

impl<T: Send, P: Platform> Outcome<T, P> {
    /// Leaves the result, and says who waits for it.
    fn settle(&self, result: Result<T, JoinError>) -> Option<Waiting<P>> {
        match std::mem::replace(&mut *self.0.lock(), State::Over(result)) {
            State::Awaited(waiting) => Some(waiting),
            State::Pending => None,
            State::Over(_) | State::Taken => unreachable!("a task ends once"),
        }
    }
}

impl JoinError {
    /// What the task panicked with, if it did.
    ///
    /// # Errors
    ///
    /// The error itself, if the task never began.
    pub fn into_panic(self) -> Result<Box<dyn Any + Send>, Self> {
        match self {
            JoinError::Panicked(payload) => Ok(payload),
            JoinError::Cancelled => Err(JoinError::Cancelled),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Panicked(payload) => {
                let text = payload.downcast_ref::<&str>().copied();
                match text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)) {
                    Some(text) => write!(f, "the task panicked: {text}"),
                    None => write!(f, "the task panicked"),
                }
            }
            JoinError::Cancelled => write!(f, "the task was cancelled before it began"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

impl<T: Send, P: Platform> fmt::Debug for JoinHandle<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("is_finished", &self.is_finished()).finish()
    }
}
