//! The exhaustive engine: every inequivalent execution under sequential consistency, once.

mod recorder;
mod search;
mod trace;
mod wakeup;

use std::cell::Cell;

use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::{Arc, Bounds, Run, shuttle};

use self::search::Search;

/// What is left out because it is equivalent to something that is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Nothing: every interleaving. What the others are held against.
    None,
    /// Executions that begin with a step that has been explored already and that nothing since depends on.
    Sleep,
    /// Everything but one execution of each equivalence class, as far as that can be known beforehand.
    #[default]
    Optimal,
}

/// A bug planted in the reduction, to show that the tests see it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Only the nearest conflicting step is looked at, whether or not the two can change places.
    MissedRace,
    /// A thread stays asleep although a step that its own depends on was taken.
    SleepTooLong,
}

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is left out.
    pub reduction: Reduction,
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

/// A name for a class of equivalent executions, as good as unique within a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u64);

/// What a search has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Executions that came to their end.
    pub complete: u64,
    /// Executions given up because all that could follow has been explored.
    pub blocked: u64,
    /// Plans that rested on an assumption about the program's own conditions which turned out wrong.
    pub misled: u64,
}

thread_local! {
    /// The running execution was given up because all that could follow has been explored.
    static PRUNED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the running execution is given up because all that could follow has been explored: what it came to is no
/// outcome.
pub fn is_pruned() -> bool {
    PRUNED.get()
}

/// Runs `body` once for each class of equivalent executions within the bounds.
pub fn explore(bounds: &Bounds, options: Options, body: impl Fn() + Send + Sync + 'static) -> (Run, Account) {
    explore_classes(bounds, options, body, |_| ())
}

/// Like [`explore`], and tells the class of each execution that came to its end, once it has.
pub fn explore_classes(
    bounds: &Bounds,
    options: Options,
    body: impl Fn() + Send + Sync + 'static,
    ended: impl FnMut(Class) + Send + 'static,
) -> (Run, Account) {
    let account = Arc::new(Mutex::new(Account::default()));
    let search = Search::new(options, Arc::clone(&account), Box::new(ended));
    let run = shuttle::explore_with(Box::new(search), bounds, body);
    PRUNED.set(false);
    let account = *account.lock().unwrap_or_else(PoisonError::into_inner);
    (run, account)
}
