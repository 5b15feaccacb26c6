//! The exhaustive engine: every inequivalent execution under sequential consistency, and every choice, once.
//!
//! Two executions are *equivalent* (Mazurkiewicz) if one comes from the other by swapping neighbouring steps of different
//! threads that do not depend on each other. Nobody can tell them apart: each thread goes through the same, and so do
//! outcome, history (as a checker reads it), data races and who is blocked at the end. So one execution of each class is
//! enough. This engine finds them by *optimal dynamic partial-order reduction* with source sets, sleep sets and wakeup
//! trees (Abdulla, Aronis, Jonsson and Sagonas, POPL 2014 and JACM 2017), with an extension for steps that wait.
//!
//! # What the platform tells
//!
//! Each step is published before it is taken: the objects that it touches, how (two accesses *commute* if both read, or
//! both belong to one group), and how far each object must be *open* for it: a lock free, a token there, a notification
//! given. A step whose condition says more than that is *opaque*. What a step touches besides (who was notified, that a
//! thread has ended) or leaves as it was (a failed compare-exchange) is known once it has been taken. Two steps *depend*
//! on each other if they touch one object and their accesses to it do not commute. *Happens-before* is the least order
//! that has the steps of each thread, each dependence in the order in which it occurred, and the start of threads.
//!
//! A step that waits is not taken before it can be: there are no attempts that merely block. If nothing can move, the
//! threads that are left are blocked, which is an end like any other. A thread that yields is enabled once something is
//! changed that it has looked at since it yielded last; so a spin loop is a wait, and one that nobody ends is a blocked
//! thread. (If nothing else can move, those who yield may look once more; that step comes after everything before it.)
//! `choose` is enumerated at the step that it follows.
//!
//! # How it searches
//!
//! The stack holds the decisions of the current execution. At the end of an execution each pair of steps (*e*, *f*) of
//! different threads is looked at in which *f* depends on *e*, *e* did not happen before the step before *f* in *f*'s
//! thread, and *f* could have been taken before *e*: a *race*. (Also for an *f* that is pending and blocked at the end.)
//! Let *v* be the steps after *e* that did not happen after *e*. Then *v f* can be taken in place of *e*, and leads to
//! another class. It is planned there, unless a class that begins so is explored or planned already:
//!
//! - The **sleep set** of a decision holds threads whose next step has been explored there, or before and nothing since
//!   depends on it. If one of them could come first in *v f* (is a *weak initial* of it), its exploration covers *v f*.
//! - The **wakeup tree** of a decision holds what is planned there. If a branch agrees with *v f* so far as it goes, that
//!   branch covers it; otherwise what is missing is added where they part.
//!
//! So each execution is steered clear of sleep sets as far as a plan reaches. Blocked executions, those in which only
//! sleeping threads can move, remain possible where a plan did not foresee a choice or an opaque condition; the
//! [`Account`] counts them.
//!
//! # Why nothing is missed
//!
//! Proof sketch. Let *E* be a decision all of whose alternatives *P* have been explored, each completely (induction over
//! the tree, deepest first), and let *w* be an execution from *E* on that is equivalent to none explored. Then no thread
//! of *P* or of the sleep set is a weak initial of *w*. Take *p* in *P* with step *e* such that the beginning *u* of *w*
//! whose steps do not depend on *e* is longest, and let *f* be the step of *w* after *u*: it depends on *e*. The steps *u*
//! can be taken after *E e*, and then there are two cases.
//!
//! - **_f_ can be taken after _E e u_.** The class of *E e u f* … has been explored, below *p*. In it (*e*, *f*) is a
//!   race, and its *v* contains *u*; what it has besides neither depends on *f* nor happens after *e*, so that *v f* can be
//!   taken after *E*.
//! - **_f_ is not enabled there: _e_ closed something.** *f* waits at the end, or comes after whoever opened it again;
//!   choose an execution in which it comes at once. In it (*e*, *f*) is a race too, if races are sought as follows: from
//!   *f* back through the steps on each of its objects, past those before which the object was closed to *f* (as
//!   releases are: **a release is never swapped with the step that waits for it**, which makes it a left mover; with
//!   `try_lock` it is, because that needs nothing), up to the first that certainly qualifies.
//!
//! In both cases *v f* was planned at *E* or found covered, so that *P* or the sleep set holds a weak initial of *v f*:
//! either one of *w*, a contradiction, or one whose step is independent of a longer beginning of *w*, a contradiction to the
//! choice of *p*.
//!
//! The second case uses that what can become closed to *f* again is at most one object, all of whose steps depend on each
//! other, and that for the rest enabledness only grows, but by steps of *f*'s own thread: mutex or reader-writer lock,
//! region; token, notification, end, clock. Then "could *f* be taken after *E v*?" is answered exactly for what is
//! published (the object's openness just before the first step on it that happened after *e*), and for an opaque step on a
//! single object that was pending at *E* by whether it was enabled there. Otherwise the answer is unknown: *v f* is tried,
//! and the search for races goes on behind *e*. A trial that fails ([`Account::misled`]) goes on as an ordinary execution,
//! or is given up if only sleepers can move. One that fails at its first step covers nothing: whoever is awake there is
//! tried instead, for other plans may have been left out on its account.
//!
//! An execution that is cut short, by a data race or by a limit, does not show all races. At each of its decisions every
//! thread is then explored that does not sleep: sleep sets alone miss nothing (Godefroid 1996). After a data race nothing
//! that the program does means anything, so "all outcomes" means nothing beyond it.
//!
//! Where every thread is tried (after such an execution, after a trial that failed, at the first steps of a search that is
//! split) no plans are kept, and so a sleeper from there must not stand for one. In the first case of the proof, let *q*
//! sleep at *E*, take no step in *v f* and depend on none of it. To drop *v f* relies on this: if *d*, which comes later,
//! depends on *q*'s step, then (*q*, *d*) is a race where *q* went first, and is planned *there*. Without plans there, *v f*
//! is tried here, with *q* asleep until *d* wakes it. Then it may also come to this that only sleepers can move and others
//! wait: the races of such an execution are looked for like those of any other, those of its pending steps included.
//!
//! The tests do not rely on this proof: see `verify/tests/exhaustive`.
//!
//! # What it costs
//!
//! One execution a class, as far as plans foresee. Within an execution of *n* steps and *t* threads: *n* clocks of *t*
//! numbers, and for each race up to *n* steps to plan and the sleepers and branches to compare them with. Memory grows with
//! the longest execution and what is planned on the stack, not with the number of executions.
//!
//! # Limits
//!
//! At most 64 threads. Threads that are started by [`Platform::spawn`](selvedge::platform::Platform::spawn) from several
//! threads at a time are numbered as they start, so that two such starts in the other order are not recognised: the search
//! then ends with a failure that names the step. [`run_to_rest`](selvedge::platform::Platform::run_to_rest) has no such
//! limit. Readers of a reader-writer lock count as depending on each other.

mod recorder;
mod search;
mod trace;
mod wakeup;

use std::cell::Cell;

use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::{Arc, Bounds, Run, Stop, shuttle};
use serde::{Deserialize, Serialize};

pub(super) use self::recorder::Recorder;
pub use self::search::Frontier;
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
    /// Only the nearest conflicting steps are looked at, whether or not they can change places.
    MissedRace,
    /// A thread stays asleep although a step that its own depends on was taken.
    SleepTooLong,
    /// A release is never swapped with anything, not even with a `try_lock`.
    ReleaseMovesTooFar,
    /// What waits at the end of an execution is not looked at.
    BlockedForgotten,
}

/// How to search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What is left out.
    pub reduction: Reduction,
    /// Explore a part only.
    pub part: Option<Part>,
    #[doc(hidden)]
    pub fault: Option<Fault>,
}

impl Options {
    /// At so many first steps all threads are tried, so that what follows them can be shared out.
    fn split_steps(&self) -> usize {
        self.part.map_or(0, |part| part.split_steps)
    }
}

/// One of the parts into which a search is split. The parts of a split need nothing of each other, and together they
/// explore each class once, as the whole does.
///
/// All threads that can go on are tried at each of the first `split_steps` steps, and what follows is dealt out in turn.
/// Each part makes one execution for each piece of the others, which it gives up at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which part, from 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// After how many steps the pieces begin. The number of pieces grows with it exponentially.
    pub split_steps: usize,
}

/// Where a search begins, and which part of it is wanted.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// One of the parts of a search that is split; all of it where absent.
    pub part: Option<Part>,
    /// What an earlier leg of the search has left; its beginning where absent.
    pub from: Option<Frontier>,
}

/// A name for a class of equivalent executions, as good as unique within a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u64);

/// What a search has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Executions that came to their end.
    pub complete: u64,
    /// Executions given up because all that could follow has been explored.
    pub blocked: u64,
    /// Executions given up because they belong to another part of the search.
    pub elsewhere: u64,
    /// Plans that rested on an assumption about an opaque condition which turned out wrong.
    pub misled: u64,
    /// About which share of all executions these are, between 0 and 1: exactly 1 if the search came to its end, and else
    /// an estimate, which assumes that what is left is like what has been explored (Knuth 1975).
    pub share_done: f64,
}

thread_local! {
    /// The running execution was given up because all that could follow has been explored.
    static PRUNED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the running execution is given up because all that could follow has been explored: what it comes to is no
/// outcome of the search, only one more of a class that has been counted.
pub fn is_pruned() -> bool {
    PRUNED.get()
}

/// Runs `body` once for each class of equivalent executions within the bounds; [`Bounds::preemptions`] is none of them.
///
/// ```
/// use selvedge::platform::{Arc, Body, Bounds, Platform, PlatformMutex, Shuttle};
/// use selvedge_verify::engine::exhaustive::{self, Options};
///
/// let explored = exhaustive::explore(&Bounds::default(), Options::default(), || {
///     let lock = Arc::new(<Shuttle as Platform>::Mutex::<u32>::new(0));
///     let bodies = (0..3).map(|_| {
///         let lock = lock.clone();
///         Box::new(move || (0..3).for_each(|_| *lock.lock() += 1)) as Body
///     });
///     Shuttle::run_to_rest(bodies.collect());
/// });
/// // 9! / (3! 3! 3!) orders of the critical sections.
/// assert!(explored.run.complete);
/// assert_eq!((explored.account.complete, explored.account.blocked), (1_680, 0));
/// ```
pub fn explore(bounds: &Bounds, options: Options, body: impl Fn() + Send + Sync + 'static) -> Explored {
    explore_classes(bounds, options, None, body, |_| ())
}

/// Ends every search of this process after the execution that it is at, as if no more were granted: what is left can be gone
/// on with.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

fn is_stopped() -> bool {
    STOPPED.load(Ordering::Relaxed)
}

static STOPPED: AtomicBool = AtomicBool::new(false);

/// What a search came to.
#[derive(Debug)]
pub struct Explored {
    /// As of any engine.
    pub run: Run,
    /// What was done, in the searches before as well if this one went on with one.
    pub account: Account,
    /// What is left to explore, if a limit cut the search short.
    pub left: Option<Frontier>,
}

/// Like [`explore`]. Goes on with what an earlier search of the same program left, and tells the class of each execution
/// that came to its end, once it has.
pub fn explore_classes(
    bounds: &Bounds,
    options: Options,
    frontier: Option<Frontier>,
    body: impl Fn() + Send + Sync + 'static,
    ended: impl FnMut(Class) + Send + 'static,
) -> Explored {
    let account = Arc::new(Mutex::new(Account::default()));
    let search = match frontier {
        None => Search::new(options, Arc::clone(&account), Box::new(ended)),
        Some(frontier) => Search::resume(options, frontier, Arc::clone(&account), Box::new(ended)),
    };
    let left = search.left();
    let mut run = shuttle::explore_with(Box::new(search), bounds, body);
    PRUNED.set(false);
    let account = *account.lock().unwrap_or_else(PoisonError::into_inner);
    let left = left.lock().unwrap_or_else(PoisonError::into_inner).take();
    if run.complete && left.is_some() {
        // It was told to stop: to the platform that looks like the end of the search.
        (run.complete, run.stopped) = (false, Some(Stop::Executions));
    }
    Explored { run, account, left }
}
