//! Code on loom's own types, written by somebody who does not know the platform.
//!
//! What such code does is loom's to order, and loom knows its objects, so that nothing of the search is lost. What the
//! platform has to find out is when nothing can go on, and how a thread that waits inside loom comes out again.
//!
//! - **Rest.** Loom answers a deadlock with a panic that ends the search, so the body of the search never sleeps: it
//!   yields, again and again. Loom lets a thread that yields go on at once only if every other one is blocked or has ended,
//!   so a yield without a switch is the proof that nothing moves. Whether there was a switch shows because the body yields
//!   on a stack of its own ([`Probe`]): a switch leaves that stack, and a return does not.
//! - **Coming out.** Each thread runs on a stack within its stack ([`carry`]). Loom's switch leaves the inner stack, and
//!   the outer one passes it on. So when loom comes back to a thread that is doomed, the outer stack has the say, and
//!   unwinds the inner one from where it stands, as the thread that loom takes for the running one: guards are given back
//!   in the ordinary way. Loom explores nothing any more then, so that nobody else runs meanwhile.
//!
//! A spin loop is no wait under loom: if nobody ends it, the execution is given up after as many switches as it is granted
//! steps. A thread that foreign code itself starts is run by loom, but must not be left blocked: it has one stack only, and
//! loom reports its deadlock.

// Loom uses the same interface, and what is called here must meet what it calls. Its successor cannot be left from a
// function that does not know of it.
#![allow(deprecated)]

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use generator::{Generator, Gn};

use super::super::simulated::{Execution, thread_body};
use super::{Loom, wake_others};

/// What a thread of loom's runs: the body of thread `index`, on an inner stack of so many words.
pub(super) fn carry(words: usize, index: usize, body: Box<dyn FnOnce() + Send>) {
    let execution = Execution::<Loom>::current();
    let mut thread = Gn::<()>::new_opt(words, move || thread_body::<Loom>(index, body));
    loop {
        thread.resume();
        if thread.is_done() {
            return;
        }
        generator::yield_with(());
        execution.resume(index);
        if execution.doom_of(index).is_some() && !execution.has_ended(index) {
            loom::skip_branch();
            thread.cancel();
            return;
        }
    }
}

/// Whether it is with that payload that a thread is unwound.
pub(super) fn expels(payload: &(dyn Any + Send)) -> bool {
    matches!(payload.downcast_ref(), Some(generator::Error::Cancel))
}

/// How the body waits.
pub(super) fn watch(execution: &Execution<Loom>) {
    let mut probe = Probe::new();
    let mut rests = 0;
    while execution.is_asleep(0) {
        let has_switched = probe.yield_now();
        execution.resume(0);
        if !execution.is_asleep(0) {
            break;
        }
        if has_switched {
            execution.count_step();
        } else {
            // Each ends one thread at least.
            assert!(rests < execution.thread_count(), "a thread that is blocked inside loom does not come out");
            rests += 1;
            execution.rest();
        }
        if !has_switched || execution.was_cut() {
            loom::skip_branch();
            wake_others(execution);
            expel(execution);
        }
    }
}

/// What a thread that waits for something of the platform's took although it was meant for foreign code: loom has one token a
/// thread. It is given back when the wait is over.
#[derive(Default)]
pub(super) struct Tokens {
    is_owed: bool,
}

impl Tokens {
    /// A park of the platform's has ended; in vain, if the platform did not end it.
    pub(super) fn took(&mut self, in_vain: bool) {
        self.is_owed |= in_vain;
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if self.is_owed && !std::thread::panicking() {
            loom::thread::current().unpark();
        }
    }
}

/// Lets loom run the doomed threads, wherever they wait.
fn expel(execution: &Execution<Loom>) {
    for index in 1..execution.thread_count() {
        if execution.doom_of(index).is_some() && !execution.has_ended(index) {
            execution.with_engine(index, |thread| {
                if let Some(thread) = thread {
                    thread.unpark();
                }
            });
        }
    }
}

/// Yields, and knows whether others ran.
struct Probe {
    inner: Generator<'static, (), ()>,
    has_returned: Arc<AtomicBool>,
    is_dismissed: Arc<AtomicBool>,
}

impl Probe {
    /// In words.
    const STACK: usize = (64 << 10) / size_of::<usize>();

    fn new() -> Self {
        let flags = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        let [has_returned, is_dismissed] = flags.clone();
        let inner = Gn::<()>::new_opt(Self::STACK, move || {
            let [has_returned, is_dismissed] = flags;
            while !is_dismissed.load(Ordering::Relaxed) {
                loom::thread::yield_now();
                has_returned.store(true, Ordering::Relaxed);
                generator::yield_with(());
            }
        });
        Self { inner, has_returned, is_dismissed }
    }

    /// Returns whether there was a switch.
    fn yield_now(&mut self) -> bool {
        self.has_returned.store(false, Ordering::Relaxed);
        self.inner.resume();
        let has_switched = !self.has_returned.load(Ordering::Relaxed);
        while !self.has_returned.load(Ordering::Relaxed) {
            generator::yield_with(());
            self.inner.resume();
        }
        has_switched
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.is_dismissed.store(true, Ordering::Relaxed);
        self.inner.resume();
    }
}
