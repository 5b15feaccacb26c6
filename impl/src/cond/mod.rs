//! A condition variable with the semantics of Go's `sync.Cond`.

pub mod go;
mod held;

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::ops::DerefMut;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::time::Duration;

pub use self::held::{Held, StdGuard};
use crate::lock::RawMutex;
use crate::platform::{Atomic, Ordering, Platform, PlatformMutex, Std};
use crate::waiter::{Queue, Waiter, awake_at_once};

/// A condition variable with the semantics of Go's `sync.Cond`.
///
pub struct Cond<P: Platform = Std> {
    /// Whether somebody stands in line. Changed only under `line`; read without it on the fast path.
    anyone: P::AtomicBool,
    /// Who has been woken must take the lock of the line: a notifier is moving waiters into the queue of a mutex, or
    /// `Line::rest` is not empty. Changed only under `line`.
    errand: P::AtomicBool,
    line: P::Mutex<Line<P>>,
}

/// The waiters, and the tickets by which they stand.
///
/// **Invariant.** The tickets in `queue` ascend, and all are below `wait`. The first of them is Go's `notify`; if nobody
/// stands in line, that is `wait`.
struct Line<P: Platform> {
    queue: Queue<P>,
    /// Those that a broadcast has notified and not woken. Everybody who is woken wakes the next of them.
    rest: Queue<P>,
    /// The next ticket to hand out.
    wait: u64,
    /// The one mutex of ours that all waiters in line hold while they are awake; null if there is no such mutex.
    ///
    /// # Safety
    ///
    /// Followed only under the lock of the line, and only while a waiter that stood in line under it is asleep. That
    /// waiter borrows the mutex until it has been woken, and, if it was moved into the mutex's queue, until it has held
    /// the lock of the line once more.
    mutex: *const RawMutex<P>,
}

// SAFETY: what `mutex` points to is `Sync`, and is followed only as `Line::mutex` says, whichever thread does it.
unsafe impl<P: Platform> Send for Line<P> {}

impl Cond<Std> {
    /// A new condition variable.
    pub const fn new() -> Self {
        Self {
            anyone: <Std as Platform>::AtomicBool::new(false),
            errand: <Std as Platform>::AtomicBool::new(false),
            line: <Std as Platform>::Mutex::<Line<Std>>::new(Line::new(0)),
        }
    }
}

impl<P: Platform> Default for Cond<P> {
    /// A new condition variable, on any platform.
    fn default() -> Self {
        Self::starting_at(0)
    }
}

impl<P: Platform> Cond<P> {
    /// A new condition variable, on any platform, with both of Go's counters at `ticket`: to test what happens when
    /// they wrap around.
    pub fn starting_at(ticket: u32) -> Self {
        Self {
            anyone: P::AtomicBool::new(false),
            errand: P::AtomicBool::new(false),
            line: P::Mutex::new(Line::new(ticket.into())),
        }
    }

    /// Takes a ticket, lets go of the lock, sleeps until the ticket is notified, and takes the lock again.
    pub fn wait<'l>(&self, held: &mut impl Held<'l, P>) {
        let notified = self.wait_until(held, None);
        debug_assert_eq!(notified, Ok(()), "without a deadline nothing times out");
    }

    /// Waits while the condition holds.
    pub fn wait_while<'l, H>(&self, held: &mut H, mut condition: impl FnMut(&mut H::Target) -> bool)
    where
        H: Held<'l, P> + DerefMut,
    {
        while condition(held) {
            self.wait(held);
        }
    }

    /// Like [`wait`](Self::wait), but gives up after `timeout`.
    pub fn wait_timeout<'l>(&self, held: &mut impl Held<'l, P>, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_until(held, Self::deadline(timeout))
    }

    /// Like [`wait_while`](Self::wait_while), but gives up after `timeout` in all.
    pub fn wait_timeout_while<'l, H>(
        &self,
        held: &mut H,
        timeout: Duration,
        mut condition: impl FnMut(&mut H::Target) -> bool,
    ) -> Result<(), TimedOut>
    where
        H: Held<'l, P> + DerefMut,
    {
        let deadline = Self::deadline(timeout);
        while condition(held) {
            if self.wait_until(held, deadline).is_err() {
                return if condition(held) { Err(TimedOut) } else { Ok(()) };
            }
        }
        Ok(())
    }

    /// Wakes the longest waiting thread, if there is any.
    #[inline]
    pub fn signal(&self) {
        if self.anyone.load(Ordering::Relaxed) {
            self.signal_one();
        }
    }

    /// Wakes all waiting threads.
    #[inline]
    pub fn broadcast(&self) {
        if self.anyone.load(Ordering::Relaxed) {
            self.signal_all();
        }
    }

    /// Go's counters: `wait`, the next ticket, and `notify`, the oldest that can still be notified.
    pub fn tickets(&self) -> (u32, u32) {
        let line = self.line.lock();
        (line.wait as u32, line.notify() as u32)
    }

    #[cold]
    fn signal_one(&self) {
        let mut line = self.line.lock();
        let Some(waiter) = line.queue.pop_front() else { return };
        self.note_leaving(&line);
        // SAFETY: the line is locked, and `waiter` is not woken here.
        let asleep = match unsafe { line.mutex() } {
            Some(mutex) => self.moving(&line, || mutex.adopt(waiter)),
            None => Some(waiter),
        };
        drop(line);
        if let Some(waiter) = asleep {
            waiter.wake();
        }
    }

    #[cold]
    fn signal_all(&self) {
        let mut line = self.line.lock();
        let mut waiters = mem::replace(&mut line.queue, Queue::new());
        if waiters.is_empty() {
            return;
        }
        self.note_leaving(&line);
        // SAFETY: the line is locked, and `waiters` are not woken here.
        if let Some(mutex) = unsafe { line.mutex() } {
            waiters = self.moving(&line, || mutex.adopt_all(waiters));
        } else {
            // Those that are left from an earlier broadcast go first.
            line.rest.append(waiters);
            waiters = line.rest.split_front(awake_at_once::<P>());
            self.errand.store(!line.rest.is_empty(), Ordering::Release);
        }
        drop(line);
        while let Some(waiter) = waiters.pop_front() {
            waiter.wake();
        }
    }

    /// `timeout` from now. A time beyond all reckoning is no deadline.
    pub(crate) fn deadline(timeout: Duration) -> Option<Duration> {
        P::now().checked_add(timeout)
    }

    /// The whole of a wait.
    pub(crate) fn wait_until<'l>(
        &self,
        held: &mut impl Held<'l, P>,
        deadline: Option<Duration>,
    ) -> Result<(), TimedOut> {
        let mutex = held.raw_mutex();
        let waiter = Waiter::new();
        let mut line = self.line.lock();
        let ticket = line.wait;
        if line.queue.is_empty() {
            line.mutex = mutex.map_or(ptr::null(), ptr::from_ref);
            self.anyone.store(true, Ordering::Relaxed);
        } else if mutex.is_none_or(|mutex| !ptr::eq(mutex, line.mutex)) {
            line.mutex = ptr::null();
        }
        line.wait += 1;
        // SAFETY: `in_line` keeps the rule of life: it ends only after the waiter was woken or taken out.
        unsafe { line.queue.enlist(&waiter, ticket) };
        drop(line);
        let in_line = InLine { cond: self, mutex, ticket, waiter: &waiter, left: Cell::new(false) };
        catch_unwind(AssertUnwindSafe(|| held.unlocked(|| in_line.sleep(deadline)))).unwrap_or_else(|panic| {
            // The lock could not be let go. Leave now: once we unwind we may not be able to wait.
            in_line.withdraw();
            resume_unwind(panic)
        })
    }

    /// Moves waiters into the queue of a mutex that they keep alive. The caller holds the line.
    fn moving<R>(&self, line: &Line<P>, body: impl FnOnce() -> R) -> R {
        self.errand.store(true, Ordering::Relaxed);
        let result = body();
        // Release: to see this is to know that we no longer touch the mutex.
        self.errand.store(!line.rest.is_empty(), Ordering::Release);
        result
    }

    /// What a waiter does first when it has been woken: sees a notifier off, and wakes one of the rest.
    fn run_errand(&self) {
        if !self.errand.load(Ordering::Acquire) {
            return;
        }
        let mut line = self.line.lock();
        let next = line.rest.pop_front();
        self.errand.store(!line.rest.is_empty(), Ordering::Release);
        drop(line);
        if let Some(next) = next {
            next.wake();
        }
    }

    /// Tells the fast path, after waiters left the line.
    fn note_leaving(&self, line: &Line<P>) {
        if line.queue.is_empty() {
            self.anyone.store(false, Ordering::Relaxed);
        }
    }
}

impl<P: Platform> fmt::Debug for Cond<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wait, notify) = self.tickets();
        f.debug_struct("Cond").field("wait", &wait).field("notify", &notify).finish()
    }
}

/// A timed wait was not notified in time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not notified in time")
    }
}

impl std::error::Error for TimedOut {}

impl<P: Platform> Line<P> {
    const fn new(ticket: u64) -> Self {
        Self { queue: Queue::new(), rest: Queue::new(), wait: ticket, mutex: ptr::null() }
    }

    /// The oldest ticket that can still be notified: every ticket below was notified or abandoned.
    fn notify(&self) -> u64 {
        self.queue.first_ticket().unwrap_or(self.wait)
    }

    /// The one mutex of ours that all in line hold while they are awake, if there is such a mutex.
    ///
    /// # Safety
    ///
    /// While the reference is used, the line stays locked, and a waiter that was in line is not woken.
    unsafe fn mutex(&self) -> Option<&RawMutex<P>> {
        // SAFETY: that waiter borrows the mutex: see `Line::mutex`.
        unsafe { self.mutex.as_ref() }
    }
}

/// A waiter in line, while its thread waits.
struct InLine<'a, P: Platform> {
    cond: &'a Cond<P>,
    mutex: Option<&'a RawMutex<P>>,
    ticket: u64,
    waiter: &'a Waiter<P>,
    /// The waiter was woken, or taken out of the line.
    left: Cell<bool>,
}

impl<P: Platform> InLine<'_, P> {
    /// Sleeps until the ticket is notified, or abandons it at the deadline.
    fn sleep(&self, deadline: Option<Duration>) -> Result<(), TimedOut> {
        match deadline {
            None => self.waiter.sleep(),
            Some(deadline) if !self.waiter.sleep_until(deadline) => {
                if self.abandon() {
                    return Err(TimedOut);
                }
                self.waiter.oversleep();
            }
            Some(_) => {}
        }
        self.cond.run_errand();
        self.left.set(true);
        Ok(())
    }

    /// Gives up the ticket, unless it was notified already. Returns whether it was given up.
    fn abandon(&self) -> bool {
        let mut line = self.cond.line.lock();
        if self.ticket < line.notify() {
            return false;
        }
        // SAFETY: whose ticket was not notified stands in line.
        unsafe { line.queue.unlink(self.waiter) };
        self.cond.note_leaving(&line);
        self.left.set(true);
        true
    }

    /// Leaves if it has not left, wherever the waiter stands.
    fn withdraw(&self) {
        if self.left.get() {
            return;
        }
        let mut line = self.cond.line.lock();
        let found = line.queue.find_and_remove(self.waiter) || line.rest.find_and_remove(self.waiter);
        self.cond.note_leaving(&line);
        drop(line);
        if !found && !self.mutex.is_some_and(|mutex| mutex.withdraw(self.waiter)) {
            self.waiter.outlast();
            // Others may count on us, as on everybody who has been woken.
            self.cond.run_errand();
            if let Some(mutex) = self.mutex {
                mutex.lock();
                mutex.unlock();
            }
        }
        self.left.set(true);
    }
}

impl<P: Platform> Drop for InLine<'_, P> {
    fn drop(&mut self) {
        // It has not left if an engine gives up an execution: the thread unwinds out of its sleep.
        self.withdraw();
        self.waiter.retire();
    }
}

#[cfg(test)]
mod tests;
