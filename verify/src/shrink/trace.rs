//! Where in its source a thread was stopped: what a history does not tell, and what makes a schedule a bug.
//!
//! A history knows calls and returns. Which of the subject's own steps another thread got in between is known to the
//! schedule only, so it is followed once more, and at each switch away from a thread inside an operation it is noted
//! where that thread stands.

use selvedge::platform::Arc;
use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::shuttle::{self, Access, Divergence, Moment, ObjectId, PendingStep, Strategy};

use crate::execute;
use crate::litmus::ThreadIndex;

/// A thread that another one took over from, inside an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interruption {
    /// The events of the history before it.
    pub after_events: usize,
    /// The thread.
    pub thread: ThreadIndex,
    /// The source line of the step that it was about to take, as `folder/file.rs:line`; where code on shuttle's own types
    /// stands, nobody knows.
    pub place: String,
    /// Whether it could not take that step; otherwise it was preempted.
    pub is_blocked: bool,
}

impl std::fmt::Display for Interruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = if self.is_blocked { "sleeps at" } else { "stopped before" };
        write!(f, "· {how} {}", self.place)
    }
}

/// Where a `Tracing` strategy leaves what it finds.
pub(crate) type Trace = Arc<Mutex<Vec<Interruption>>>;

/// Follows another strategy and notes interruptions.
pub(crate) struct Tracing {
    inner: Box<dyn Strategy + Send>,
    /// The object on which the harness records the history, once it is known.
    history: Option<ObjectId>,
    /// Events recorded so far.
    events: usize,
    /// The program has died: what happens now is not recorded.
    is_over: bool,
    trace: Trace,
}

impl Tracing {
    pub fn new(inner: Box<dyn Strategy + Send>, trace: Trace) -> Self {
        Tracing { inner, history: None, events: 0, is_over: false, trace }
    }

    /// Counts the step if it records an event. The first event of all is a call, and calls are recorded in a group of
    /// their own; an abort is recorded alone.
    fn count(&mut self, step: &PendingStep) {
        for touch in step.touches.iter().filter(|_| is_harness(step)) {
            if self.history.is_none() && matches!(touch.access, Access::Group(_)) {
                self.history = Some(touch.object);
            }
            if self.history == Some(touch.object) {
                self.events += 1;
                self.is_over |= touch.access == Access::Write;
            }
        }
    }

    fn note(&self, thread: usize) {
        // Thread 0 is the one that starts the others.
        let Some((thread, step)) = thread.checked_sub(1).zip(shuttle::pending_step(thread)) else { return };
        if is_harness(&step) || self.is_over {
            return;
        }
        let is_foreign = step.location == shuttle::foreign_location();
        // The folder tells systems and planted bugs apart; the rest of the path differs between machines.
        let parts: Vec<&str> = step.location.file().split(['/', '\\']).collect();
        let place = match is_foreign {
            true => "a step of shuttle's".to_owned(),
            false => format!("{}:{}", parts[parts.len().saturating_sub(2)..].join("/"), step.location.line()),
        };
        let interruption = Interruption { after_events: self.events, thread, place, is_blocked: !step.enabled };
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).push(interruption);
    }
}

/// Whether the step is the harness's: a call, a return, an access to a variable of the program.
fn is_harness(step: &PendingStep) -> bool {
    step.location.file() == execute::SOURCE
}

impl Strategy for Tracing {
    fn begin(&mut self) -> bool {
        (self.history, self.events, self.is_over) = (None, 0, false);
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.inner.begin()
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let next = self.inner.next_thread(moment)?;
        if let (Some(last), Some(next)) = (moment.current, next) {
            // A thread that yields has asked for it.
            if last != next && !moment.yields {
                self.note(last);
            }
        }
        if let Some(step) = next.and_then(shuttle::pending_step) {
            self.count(&step);
        }
        Ok(next)
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        self.inner.choose(alternatives)
    }

    fn at_rest(&mut self) {
        self.inner.at_rest();
    }

    fn end(&mut self) -> Result<(), Divergence> {
        self.inner.end()
    }

    fn is_exhaustive(&self) -> bool {
        self.inner.is_exhaustive()
    }
}
