//! What was seen: calls, returns and variable accesses, in order, and who was left blocked.

use std::fmt::Debug;

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
