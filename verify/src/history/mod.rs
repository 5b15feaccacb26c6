//! What was seen: calls, returns and variable accesses, in order, and who was left blocked.

pub mod jsonl;

use std::fmt;

use crate::litmus::{ThreadIndex, Value, VariableIndex};

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Event<Op, Ret> {
    /// A thread called an operation.
    Call {
        /// The thread.
        thread: ThreadIndex,
        /// The operation.
        op: Op,
    },
    /// The operation that the thread last called returned.
    Return {
        /// The thread.
        thread: ThreadIndex,
        /// The value.
        ret: Ret,
    },
    /// The operation that the thread last called ended the program.
    Abort {
        /// The thread.
        thread: ThreadIndex,
        /// What it said.
        text: String,
    },
    /// A thread read a shared variable. For the reader's eyes: no spec judges it.
    Read {
        /// The thread.
        thread: ThreadIndex,
        /// The variable.
        variable: VariableIndex,
        /// The value.
        value: Value,
    },
    /// A thread wrote a shared variable. For the reader's eyes: no spec judges it.
    Write {
        /// The thread.
        thread: ThreadIndex,
        /// The variable.
        variable: VariableIndex,
        /// The value.
        value: Value,
    },
}

impl<Op, Ret> Event<Op, Ret> {
    /// The thread that it happened in.
    pub fn thread(&self) -> ThreadIndex {
        match self {
            Event::Call { thread, .. }
            | Event::Return { thread, .. }
            | Event::Abort { thread, .. }
            | Event::Read { thread, .. }
            | Event::Write { thread, .. } => *thread,
        }
    }
}

/// Why a history has no more events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Close {
    /// Nothing could move any more: quiescence is judged. Operations called and not returned are blocked.
    AtRest,
    /// The recording stopped: only safety is judged.
    Cut,
}

/// A recorded execution.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct History<Op, Ret> {
    /// The events, in an order that respects real time.
    pub events: Vec<Event<Op, Ret>>,
    /// Why it ends.
    pub close: Close,
}

/// The histories of spec `S`.
pub type HistoryOf<S> = History<<S as selvedge_model::Spec>::Op, <S as selvedge_model::Spec>::Ret>;
/// The events of spec `S`.
pub type EventOf<S> = Event<<S as selvedge_model::Spec>::Op, <S as selvedge_model::Spec>::Ret>;

/// What makes a sequence of events no history at all: a defect of whoever recorded it, not of what was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disorder {
    /// A thread called an operation before its last one had returned, or after the abort that ended it.
    CallWhileRunning,
    /// A thread returned from, or died in, an operation that it had not called.
    NothingRunning,
    /// A thread number above 255.
    ThreadTooLarge,
}

impl fmt::Display for Disorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Disorder::CallWhileRunning => "a call although the thread's last operation has not returned",
            Disorder::NothingRunning => "a return although the thread is running no operation",
            Disorder::ThreadTooLarge => "a thread number above 255",
        })
    }
}

/// A sequence of events that is no history: what is wrong, and at which event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Disordered {
    /// Index of the event.
    pub at: usize,
    /// What is wrong with it.
    pub disorder: Disorder,
}

impl fmt::Display for Disordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}", self.at, self.disorder)
    }
}

impl std::error::Error for Disordered {}

impl<Op, Ret> History<Op, Ret> {
    /// One more than the largest thread number that occurs; 0 for an empty history.
    pub fn threads(&self) -> usize {
        self.events.iter().map(|event| event.thread() + 1).max().unwrap_or(0)
    }

    /// Checks that in each thread calls and returns alternate, and that nothing follows an abort in the same thread.
    ///
    /// # Errors
    ///
    /// The first event that is out of place.
    pub fn ordered(&self) -> Result<(), Disordered> {
        let mut running = [false; 256];
        for (at, event) in self.events.iter().enumerate() {
            let Some(running) = running.get_mut(event.thread()) else {
                return Err(Disordered { at, disorder: Disorder::ThreadTooLarge });
            };
            match event {
                Event::Call { .. } if *running => return Err(Disordered { at, disorder: Disorder::CallWhileRunning }),
                Event::Call { .. } => *running = true,
                Event::Return { .. } | Event::Abort { .. } if !*running => {
                    return Err(Disordered { at, disorder: Disorder::NothingRunning });
                }
                Event::Return { .. } => *running = false,
                // The thread stays in its last operation for ever.
                Event::Abort { .. } => {}
                Event::Read { .. } | Event::Write { .. } => {}
            }
        }
        Ok(())
    }
}
