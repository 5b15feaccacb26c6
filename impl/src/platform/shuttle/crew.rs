//! Coroutines that outlive executions.
//!
//! To begin an execution and a thread in it costs shuttle more than to run them: of the 65,000 instructions that a program of three
//! threads takes by hand, more than half (`scripts/overhead-instructions`). So one execution of shuttle's hosts many
//! of ours, one after the other. Its task 0 runs the body again and again; each other task is a *hand*, which runs the thread of its
//! own number in every execution that has one, and in between waits to be called. Whoever waits is runnable as far as
//! shuttle knows, but the driver alone says who goes on, and does not name it.
//!
//! Nothing of an execution may reach the next one through that. What the platform keeps begins anew with each, and whatever else
//! a thread might do with shuttle is refused (`Failure::Unpublished`), but for shuttle's own primitives as peers (`native`): they leave
//! behind that a task was woken, which [`rest`] takes away.
//!
//! The body must ask the driver, which has the strategy, whether there is a next execution. It does so by a switch: the driver is
//! asked who goes on, sees the [`Request`], and answers.

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
    // What is left was never run, because shuttle's last execution was broken off. What such a body owns would be dropped
    // outside of the execution that it belongs to.
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

/// What task 0 asks, if it has ended its execution; heard once or, if it is [`Request::Dismiss`], until it is done.
pub(super) fn request() -> Option<Request> {
    REQUEST.get()
}

pub(super) fn answer(is_granted: bool) {
    REQUEST.set(None);
    ANSWER.set(is_granted);
}

/// Lets the hand of that number run a body. Returns whether there is one.
pub(super) fn call(thread: usize, body: Body) -> Result<(), Body> {
    HANDS.with_borrow_mut(|hands| match hands.get_mut(thread - 1) {
        Some(hand) => {
            *hand = Some(body);
            Ok(())
        }
        None => Err(body),
    })
}

/// Makes the next hand, whose first body that is. Shuttle switches.
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

/// Switches, between two executions. A task of shuttle's that is woken while it runs remembers that, and does not sleep the next time:
/// to yield makes it forget.
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
