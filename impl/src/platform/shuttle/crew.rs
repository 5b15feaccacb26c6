//! Coroutines that outlive executions.
//!
//! Beginning an execution and its threads costs shuttle more than running them: 43,000 of the 65,000 instructions that
//! a program of three threads takes by hand (`scripts/overhead-instructions`). So one execution of shuttle's hosts
//! many of ours, one after the other. Its task 0 runs the body again and again; each other task is a *hand*, which
//! runs the thread of its own number in every execution that has one, and in between waits to be called. Whoever waits
//! is runnable as far as shuttle knows, but the driver alone says who goes on, and does not name it.
//!
//! Nothing of an execution may reach the next one through that. What the platform keeps begins anew with each, and
//! whatever switches that is not the platform's is refused (`Failure::Unpublished`), but for shuttle's own primitives
//! as peers (`native`): they leave behind that a task was woken, which [`rest`] takes away. What shuttle keeps for a
//! task or an execution without a switch (its `thread_local!` and `lazy_static!`) lives on; no subject of ours uses
//! it.
//!
//! The body must ask the driver, which has the strategy, whether there is a next execution. It does so by a switch:
//! the driver is asked who goes on, sees the [`Request`], and answers.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::super::simulated::thread_body;
use super::{Shuttle, native};

/// What the body of a thread is.
type Body = Box<dyn FnOnce() + Send>;

/// What task 0 asks of the driver between two executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// To begin the next execution, if there is one.
    Begin,
    /// To let the hands end, before task 0 does.
    Dismiss,
}

thread_local! {
    /// By hand, the first of which runs thread 1: what it is to run.
    static HANDS: RefCell<Vec<Option<Body>>> = const { RefCell::new(Vec::new()) };
    static REQUEST: Cell<Option<Request>> = const { Cell::new(None) };
    static ANSWER: Cell<bool> = const { Cell::new(false) };
}

/// A new execution of shuttle's begins, with task 0 alone.
pub(super) fn clear() {
    // What is left was never run, because shuttle's last execution was broken off. What such a body owns would be
    // dropped outside of the execution that it belongs to.
    HANDS.take().into_iter().for_each(std::mem::forget);
    REQUEST.set(None);
}

/// What task 0 does: one execution after the other, as long as the driver begins another one.
pub(super) fn host(execution: impl Fn()) {
    loop {
        execution();
        if !ask(Request::Begin) {
            break;
        }
    }
    ask(Request::Dismiss);
}

fn ask(request: Request) -> bool {
    REQUEST.set(Some(request));
    rest();
    ANSWER.get()
}

/// What task 0 asks, if it does.
pub(super) fn request() -> Option<Request> {
    REQUEST.get()
}

pub(super) fn answer(is_granted: bool) {
    REQUEST.set(None);
    ANSWER.set(is_granted);
}

/// Lets a hand run the body of that thread. Returns the body if there is no such hand yet.
pub(super) fn call(thread: usize, body: Body) -> Result<(), Body> {
    HANDS.with_borrow_mut(|hands| match hands.get_mut(thread - 1) {
        Some(hand) => {
            *hand = Some(body);
            Ok(())
        }
        None => Err(body),
    })
}

/// Makes the next hand, whose first body that is. Shuttle switches on the way.
pub(super) fn engage(thread: usize, body: Body) {
    HANDS.with_borrow_mut(|hands| {
        // Shuttle numbers its tasks in the order of their creation, as we do.
        assert_eq!(thread, hands.len() + 1, "threads start in the order of their numbers");
        hands.push(Some(body));
    });
    drop(shuttle::thread::spawn(move || {
        while let Some(body) = HANDS.with_borrow_mut(|hands| hands[thread - 1].take()) {
            thread_body::<Shuttle>(thread, body);
            rest();
        }
    }));
}

/// Switches, between two executions. A task of shuttle's that is woken while it runs remembers that, and does not sleep
/// the next time: to yield makes it forget.
fn rest() {
    if native::is_used() {
        shuttle::future::block_on(shuttle::future::yield_now());
    } else {
        switch();
    }
}

/// Shuttle's sleep is a switch and nothing else.
pub(super) fn switch() {
    shuttle::thread::sleep(Duration::ZERO);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::super::{Atomic, AtomicInteger, Body, Bounds, End, Platform, TrackedCell};
    use super::super::{SWITCHES_MAX, SchedulerKind, SteppedAtomic, explore};
    use super::*;

    #[test]
    fn each_execution_has_threads_of_its_own_whatever_came_before() {
        // Each takes several switches: more than one execution of shuttle's is needed to host them.
        const EXECUTIONS: usize = SWITCHES_MAX as usize;
        let begun = Arc::new(AtomicUsize::new(0));
        let bounds = Bounds { max_executions: Some(EXECUTIONS as u64), ..Bounds::default() };
        let run = explore(SchedulerKind::Random { seed: 3 }, &bounds, {
            let begun = Arc::clone(&begun);
            move || {
                let threads = begun.fetch_add(1, Ordering::Relaxed) * 7 % 5;
                let sum = Arc::new(SteppedAtomic::<usize>::new(0));
                let add = |thread: usize| {
                    let sum = Arc::clone(&sum);
                    // The last one is left blocked: its hand must come back all the same.
                    Box::new(move || match thread {
                        3 => Shuttle::park(),
                        _ => assert!(sum.fetch_add(1, Ordering::SeqCst) < 3),
                    }) as Body
                };
                let ends = Shuttle::run_to_rest((0..threads).map(add).collect());
                let blocked = ends.iter().filter(|end| matches!(end, End::Blocked)).count();
                assert_eq!((ends.len(), blocked), (threads, usize::from(threads == 4)));
                assert_eq!(sum.load(Ordering::SeqCst), threads.min(3));
            }
        });
        assert_eq!((run.failure, run.executions, run.truncated), (None, EXECUTIONS as u64, 0));
        assert_eq!(begun.load(Ordering::Relaxed), EXECUTIONS);
    }

    #[test]
    fn what_an_execution_knew_hides_no_race_in_the_next() {
        let begun = Arc::new(AtomicUsize::new(0));
        let bounds = Bounds { max_executions: Some(40), ..Bounds::default() };
        let run = explore(SchedulerKind::Random { seed: 3 }, &bounds, move || {
            let is_ordered = begun.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            let shared = Arc::new((SteppedAtomic::<usize>::new(0), <Shuttle as Platform>::Cell::new(())));
            let ends = Shuttle::run_to_rest(Vec::from([(); 2].map(|()| {
                let shared = Arc::clone(&shared);
                // The first kind reads what others released; if the second still knew of that, its fence would order it.
                Box::new(move || match is_ordered {
                    true => (0..9).for_each(|_| assert!(shared.0.fetch_add(1, Ordering::SeqCst) < 18)),
                    false => {
                        Shuttle::fence(Ordering::Acquire);
                        shared.1.with_mut(|_| ());
                    }
                }) as Body
            })));
            let has_raced = ends.iter().any(|end| matches!(end, End::Raced(_)));
            assert_eq!(has_raced, !is_ordered, "{ends:?}");
        });
        assert_eq!((run.failure, run.executions), (None, 40));
    }
}
