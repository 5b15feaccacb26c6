//! Code on shuttle's own types, written by somebody who does not know the platform.
//!
//! A thread says when it enters such code and when it has left it ([`crosses`]). In between, each switch of shuttle's
//! begins a step of which nothing is known but that it is taken inside. So there is one object that stands for all that
//! foreign code has, and each such step, the entering included, may change it: no two of them commute. Whether a thread
//! that has stopped inside can go on is shuttle's to say, and what decides that is only changed inside. A step of ours that
//! is taken inside touches the object as well, for what follows it until the next switch.
//!
//! **Order.** Under sequential consistency all that came before in foreign code has been seen, and the clocks say so: a
//! step inside is ordered after each one before it. A lock that lets two threads in is noticed, for what they do next to each
//! other is not ordered; one that uses orderings that are too weak is not.
//!
//! **Rest.** A doomed thread cannot be made to come out of shuttle. It has come to its end where it stands, and nobody runs
//! it again: shuttle forgets its stack together with its own execution, which hosts one of ours only. What that stack owns
//! is never freed. A thread that unwinds by itself goes on alone until it is out, because all threads share one flag that
//! says so.
//!
//! A spin loop is no wait here: if nobody ends it, the execution is given up when its steps are used up.

use std::cell::Cell;
use std::panic::Location;

use shuttle::scheduler::TaskId;

use super::super::simulated::{Access, Engine, Execution, Local, Mention, Object as _, Openness, step};
use super::{Shuttle, is_runnable, native};

thread_local! {
    /// Whether a thread of this execution has come to its end where it stood.
    static HAS_FORGOTTEN: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn begin_execution() {
    HAS_FORGOTTEN.set(false);
}

pub(super) fn has_forgotten() -> bool {
    HAS_FORGOTTEN.get()
}

/// What stands for a place in foreign code.
pub fn location() -> &'static Location<'static> {
    Location::caller()
}

/// See [`Engine::crosses`].
pub(super) fn crosses(location: &'static Location<'static>, enters: bool) {
    if std::thread::panicking() {
        return;
    }
    let execution = Execution::<Shuttle>::current();
    if !execution.is_foreign() {
        return;
    }
    let me = execution.running();
    execution.with_engine(me, |thread| thread.is_foreign = enters);
    if enters {
        step::<Shuttle>(location, &[], None);
        order(&execution);
    }
}

/// The running thread takes a step inside.
fn order(execution: &Execution<Shuttle>) {
    if let Some(object) = execution.foreign() {
        Shuttle::acquire(object, 0);
        Shuttle::release(object, 0);
    }
}

pub(super) fn is_inside(execution: &Execution<Shuttle>, thread: usize) -> bool {
    execution.is_foreign() && execution.with_engine(thread, |thread| thread.is_foreign)
}

/// Whether the thread has stopped at a switch of shuttle's, as seen from a switch.
pub(super) fn is_stopped(execution: &Execution<Shuttle>, thread: usize) -> bool {
    is_inside(execution, thread) && execution.local(thread) == Local::Running
}

/// What the thread's next step touches because it is inside.
pub(super) fn mention(execution: &Execution<Shuttle>, thread: usize, touches: &mut Vec<Mention>) {
    if is_inside(execution, thread)
        && let Some(object) = execution.foreign()
    {
        touches.push(Mention { object: object.id(), access: Access::Write, needs: Openness::CLOSED });
    }
}

/// What is wrong with the switch that the running thread has come to, if it is one that not even foreign code may make.
pub(super) fn refused(execution: &Execution<Shuttle>, tasks: impl Iterator<Item = TaskId>) -> Option<String> {
    if !execution.is_foreign() {
        return None;
    }
    let running = execution.running();
    if tasks.map(usize::from).any(|task| task >= execution.thread_count()) {
        return Some(format!(
            "inside foreign code thread {running} started a thread that the platform does not know of"
        ));
    }
    let waits = std::thread::panicking() && native::inside(running).is_none() && !is_runnable(running);
    waits.then(|| format!("thread {running} waits inside foreign code while it unwinds"))
}

/// Whether the running thread unwinds.
pub(super) fn is_unwinding(execution: &Execution<Shuttle>) -> bool {
    execution.is_foreign() && std::thread::panicking()
}

/// Counts the step that the running thread has come to, if it is one inside: steps of ours count themselves.
pub(super) fn count_step(execution: &Execution<Shuttle>) {
    if is_stopped(execution, execution.running()) {
        execution.count_step();
    }
}

/// Doomed threads come to their end where they stand.
pub(super) fn forget_doomed(execution: &Execution<Shuttle>) {
    if !execution.is_foreign() {
        return;
    }
    let running = execution.running();
    for thread in 1..execution.thread_count() {
        if execution.doom_of(thread).is_some() && !execution.has_ended(thread) {
            execution.resume(thread);
            execution.forget_thread(thread);
            HAS_FORGOTTEN.set(true);
        }
    }
    execution.resume(running);
}

/// The thread goes on. Returns why it cannot, if it is the body of the search and stuck inside.
pub(super) fn go_on(execution: &Execution<Shuttle>, thread: usize) -> Option<String> {
    if !execution.is_foreign() {
        return None;
    }
    execution.resume(thread);
    if is_stopped(execution, thread) {
        if !is_runnable(thread) {
            return Some("the body waits inside foreign code".to_owned());
        }
        order(execution);
    }
    None
}
