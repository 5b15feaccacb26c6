//! The executor on real threads: what it promises, as far as a machine can show it.
//!
//! Nothing here is decided by the clock, but for one thing: a test that has not come to its end when a generous time is over
//! fails. Where a test waits for something that must come, it waits without an end of its own.
//!
//! With the feature `planted-bugs`, `planted.rs` runs tests again with a classic mistake in the executor, and each must fail.

#![cfg(not(miri))]

mod lifetime;
#[cfg(feature = "planted-bugs")]
mod planted;
mod stress;
mod tasks;
mod world;

use std::thread;
use std::time::Duration;

use selvedge::platform::host::atomic::{AtomicBool, AtomicUsize, Ordering};
use selvedge::platform::host::mpsc;
use selvedge::proc::{Builder, Executor};

/// The environment variable with the name of the mistake to plant.
#[cfg(feature = "planted-bugs")]
const PLANTED: &str = "SELVEDGE_PLANTED";

/// Starts an executor's description; with a mistake, if one is to be planted.
fn builder() -> Builder {
    let builder = Executor::builder();
    #[cfg(feature = "planted-bugs")]
    if let Ok(name) = std::env::var(PLANTED) {
        return builder.bug(planted::bug(&name));
    }
    builder
}

/// Runs a test's body, and fails if it takes for ever.
fn watched(body: impl FnOnce() + Send + 'static) {
    #[cfg(feature = "planted-bugs")]
    let limit_s = if std::env::var_os(PLANTED).is_some() { 5 } else { 120 };
    #[cfg(not(feature = "planted-bugs"))]
    let limit_s = 120;
    let (say, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        say.send(()).expect("the test waits");
    });
    match end.recv_timeout(Duration::from_secs(limit_s)) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("no end after {limit_s} s"),
        Ok(()) => thread.join().expect("it has said that it is over"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(thread.join().expect_err("it has said nothing"));
        }
    }
}

/// Something that threads wait for without an executor's knowledge.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Keeps the thread until it is raised. What a call that lasts does.
    fn wait(&self) {
        while !self.is_raised() {
            thread::sleep(Duration::from_micros(100));
        }
    }

    /// The same without ever sleeping: what a task that computes does.
    fn spin(&self) {
        while !self.is_raised() {
            thread::yield_now();
        }
    }
}

/// How many are somewhere at once.
#[derive(Default)]
struct Presence {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Presence {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// Waits until `condition` holds, which it must come to.
fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::sleep(Duration::from_micros(100));
    }
}
