//! The condition variable in the shape that Go gives it: with its lock in the public field `l`.
//!
//! Where a Go program says `c.L.Lock()`, `c.Wait()`, `c.Signal()`, this one says `c.l.lock()`, `c.wait()`,
//! `c.signal()`. The lock is any [`Locker`]: [`RawMutex`], [`RwMutex`](crate::RwMutex), its
//! [`rlocker`](crate::RwMutex::rlocker), a reference to one of them, or your own.
//!
//! # Example
//!
//! Two waiters, one broadcast. The first to take the lock again changes the number, so that the second finds its
//! condition false, and waits on: that is why `wait` belongs in a loop.
//!
//! ```
//! use selvedge::{RawMutex, go::Cond, platform::Arc};
//! use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
//! use std::{thread, time::Duration};
//!
//! // Number and log stand for what `l` protects: in Go nothing ties data to a lock.
//! let c = Arc::new(Cond::new(RawMutex::new()));
//! let number = Arc::new(AtomicU32::new(0));
//! let exited = Arc::new(AtomicU32::new(0));
//!
//! for id in 1..=2 {
//!     let (c, number, exited) = (c.clone(), number.clone(), exited.clone());
//!     thread::spawn(move || {
//!         c.l.lock();
//!         while number.load(SeqCst) != 1 {
//!             println!("Enter loop: Thread ID: {id}");
//!             c.wait();
//!             println!("Exit loop: Thread ID: {id}");
//!         }
//!         number.fetch_add(1, SeqCst);
//!         c.l.unlock();
//!         println!("Exit Thread ID: {id}");
//!         exited.fetch_add(1, SeqCst);
//!     });
//! }
//!
//! // Both have their tickets: Go's program sleeps for a second here, and hopes.
//! while c.tickets() != (2, 0) {
//!     thread::yield_now();
//! }
//! c.l.lock();
//! number.store(1, SeqCst);
//! c.l.unlock();
//! c.broadcast();
//!
//! // One thread left the loop. The other is back in line, with the third ticket, for ever.
//! while exited.load(SeqCst) != 1 || c.tickets() != (3, 2) {
//!     thread::yield_now();
//! }
//! assert_eq!(number.load(SeqCst), 2);
//! ```
//!
//! # Copies
//!
//! Go's `Cond` must not be copied after first use, and panics when it finds that it was. Here the types rule it out
//! before the program runs. A `Cond` is neither `Clone` nor `Copy`:
//!
//! ```compile_fail,E0599
//! let c = selvedge::go::Cond::new(selvedge::RawMutex::new());
//! c.signal();
//! let d = c.clone();
//! ```
//!
//! and while a thread waits, its borrow keeps the `Cond` where it is:
//!
//! ```compile_fail,E0505
//! let c = selvedge::go::Cond::new(selvedge::RawMutex::new());
//! std::thread::scope(|scope| {
//!     scope.spawn(|| {
//!         c.l.lock();
//!         c.wait();
//!         c.l.unlock();
//!     });
//!     let d = c; // cannot move out of `c` because it is borrowed
//!     d.signal();
//! });
//! ```
//!
//! Moving it when nobody waits is harmless, since waiters are all that it points to.

use std::fmt;
use std::time::Duration;

use super::held::HeldLocker;
use super::{Cond as Core, TimedOut};
use crate::lock::{Locker, RawMutex};
use crate::platform::{Platform, Std};

/// A condition variable with its lock: Go's `sync.Cond`.
///
/// Everything that [`selvedge::Cond`](crate::Cond) promises holds here. See the [module](self) for an example.
pub struct Cond<L = RawMutex, P: Platform = Std> {
    /// Held while the condition is observed or changed.
    pub l: L,
    core: Core<P>,
}

impl<L: Locker> Cond<L> {
    /// A condition variable for a lock: Go's `sync.NewCond`.
    pub const fn new(l: L) -> Self {
        Self { l, core: Core::new() }
    }
}

impl<L: Locker<P>, P: Platform> Cond<L, P> {
    /// Like [`From`], with both of Go's counters at `ticket`: see [`selvedge::Cond`](crate::Cond::starting_at).
    pub fn starting_at(l: L, ticket: u32) -> Self {
        Self { l, core: Core::starting_at(ticket) }
    }

    /// Takes a ticket, unlocks `l`, sleeps until the ticket is notified, and locks `l` again.
    ///
    /// # Panics
    ///
    /// If `l` does, notably because it is not locked. The ticket is spent then, as it is in Go.
    pub fn wait(&self) {
        self.core.wait(&mut HeldLocker(&self.l));
    }

    /// Waits while the condition holds: the loop that should be around every [`wait`](Self::wait). Not in Go.
    ///
    /// `l` is held whenever the condition is asked.
    pub fn wait_while(&self, mut condition: impl FnMut() -> bool) {
        while condition() {
            self.wait();
        }
    }

    /// Like [`wait`](Self::wait), but gives up after `timeout`. Not in Go.
    ///
    /// # Errors
    ///
    /// [`TimedOut`], if the ticket was not notified in time: see [`selvedge::Cond`](crate::Cond::wait_timeout).
    pub fn wait_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.core.wait_timeout(&mut HeldLocker(&self.l), timeout)
    }

    /// Like [`wait_while`](Self::wait_while), but gives up after `timeout` in all. Not in Go.
    ///
    /// # Errors
    ///
    /// [`TimedOut`], if the condition still holds when the time has passed.
    pub fn wait_timeout_while(&self, mut condition: impl FnMut() -> bool, timeout: Duration) -> Result<(), TimedOut> {
        let deadline = Core::<P>::deadline(timeout);
        while condition() {
            if self.core.wait_until(&mut HeldLocker(&self.l), deadline).is_err() {
                return if condition() { Err(TimedOut) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Wakes the longest waiting thread, if there is any.
    #[inline]
    pub fn signal(&self) {
        self.core.signal();
    }

    /// Wakes all waiting threads.
    #[inline]
    pub fn broadcast(&self) {
        self.core.broadcast();
    }

    /// Go's counters `wait` and `notify`: see [`selvedge::Cond`](crate::Cond::tickets).
    pub fn tickets(&self) -> (u32, u32) {
        self.core.tickets()
    }
}

impl<L: Locker<P>, P: Platform> From<L> for Cond<L, P> {
    /// A condition variable for a lock, on any platform.
    fn from(l: L) -> Self {
        Self { l, core: Core::default() }
    }
}

impl<L: Locker<P> + Default, P: Platform> Default for Cond<L, P> {
    /// A condition variable with a lock of its own, on any platform.
    fn default() -> Self {
        Self::from(L::default())
    }
}

impl<L: fmt::Debug, P: Platform> fmt::Debug for Cond<L, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cond").field("l", &self.l).field("core", &self.core).finish()
    }
}
