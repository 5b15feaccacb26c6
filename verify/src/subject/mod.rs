//! Subjects: something real that performs a spec's operations.

pub mod cond;
pub mod getopt;
pub mod locker;
#[doc(hidden)]
pub mod objects;
pub mod proc;
pub mod reference;
pub mod register;
pub mod uio;

use selvedge::platform::Platform;
use selvedge_model::{Spec, Thread};

use crate::litmus::{Observed, Program};

/// Why an operation did not return.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A fatal error that ends the program, with what the subject said.
    Abort(String),
}

/// Which of its planted bugs a subject has; 0 for none. See [`Subject::create_variant`].
pub type Variant = u8;

/// An adapter between a spec's operations and something real: a primitive of ours, a peer, a mutant.
///
/// One subject is created for each execution and shared by its threads.
pub trait Subject<S: Spec>: Send + Sync + Sized + 'static {
    /// The world that it runs in.
    type Platform: Platform;
    /// What a thread keeps between its operations, for instance a guard.
    type Local<'a>: Default
    where
        Self: 'a;

    /// Whether the subject itself makes free choices ([`Platform::choose`]), which some engines must pay for.
    const CHOOSES: bool = false;

    /// Whether it stands on the engine's own types: `loom::sync` under [`Loom`](selvedge::platform::Loom), `shuttle::sync` under
    /// [`Shuttle`](selvedge::platform::Shuttle). The platform then lets threads switch inside all that is defined here, and takes
    /// that for steps of which it does not know what they touch ([`Platform::foreign`]).
    const FOREIGN: bool = false;

    /// Whether what it [shows](Subject::observe) in the end is held against the states that the spec has with the same outcome.
    /// Not for one whose blocked threads change it as they are unwound, which they have been by then.
    const SHOWS_STATE: bool = false;

    /// A new subject in the initial state that the program asks for. An error says why it cannot have that state.
    fn create(spec: &S, initial: &[(String, i64)]) -> Result<Self, String>;

    /// A new subject in one of its variants: for a subject that can be made with one of several planted bugs. The one
    /// numbered 0 is the one that [`Subject::create`] makes, and the only one of most subjects.
    fn create_variant(spec: &S, initial: &[(String, i64)], _variant: Variant) -> Result<Self, String> {
        Self::create(spec, initial)
    }

    /// Whether the subject can perform the program at all. An error says why not: the check is then skipped.
    fn supports(_spec: &S, _program: &Program<S::Op>) -> Result<(), String> {
        Ok(())
    }

    /// Performs an operation and returns what it returned. Blocks as the operation blocks.
    fn perform<'a>(&'a self, thread: Thread, local: &mut Self::Local<'a>, op: &S::Op) -> Result<S::Ret, Stop>;

    /// How many threads of its own the subject has for this program, beside the program's: what its users' code goes on to
    /// do while the program does nothing, for instance. Asked once, before any thread starts. How they end is no part of the
    /// outcome, unless they panic.
    fn companions(&self, _program: &Program<S::Op>) -> usize {
        0
    }

    /// What such a thread does.
    fn accompany(&self, _companion: usize) {}

    /// The thread has performed its last operation, and ends.
    fn leave<'a>(&'a self, _thread: Thread, _local: Self::Local<'a>) {}

    /// The observables that the subject can show once nothing moves any more.
    fn observe(&self) -> Observed {
        Observed::new()
    }
}
