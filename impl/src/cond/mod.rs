//! A condition variable with the semantics of Go's `sync.Cond`.
//!
//! [`Cond`] is the Rust-shaped core: it waits with a lock that the caller holds ([`Held`]), usually a guard of
//! [`Mutex`](crate::Mutex). [`go::Cond`] is the same with its lock in a public field, as Go programs write it.
//!
//! # What holds
//!
//! - Each wait takes a **ticket** before it lets go of the lock. Tickets are numbered in the order in which they are taken.
//! - `signal` notifies the **oldest** ticket that was not notified or abandoned, whether or not its thread sleeps already.
//! - `broadcast` notifies exactly the tickets that were taken before it looked, in one step.
//! - A notification without a ticket to take it is **forgotten**.
//! - A wait returns only after its ticket was notified (**no spurious wakeups**), and only with the lock held again. Its
//!   condition may have changed back by then: loop, or use `wait_while`.
//! - Everything before a notification happens before the return of the waits that it ends.
//! - The caller of `signal` or `broadcast` need not hold the lock. The order in which notified threads take the lock again
//!   is not promised.
//!
//! Extensions that Go does not have: a wait may give up at a deadline. Its ticket is then **abandoned**, unless it was
//! notified already, in which case the wait reports the notification. An abandoned ticket takes no notification and no
//! memory, and the order among the others stays.
//!
//! The counters that Go calls `wait` (the next ticket) and `notify` (the oldest that can still be notified) are shown by
//! [`Cond::tickets`] as 32-bit numbers that wrap around, as Go's do. Go compares them by the sign of their wrapped
//! difference, which is right up to 2³¹ − 1 tickets between the two. Inside, tickets have 64 bits and do not wrap in any
//! program's life, so that this bound is none for us: it matters for whoever compares the numbers shown.
//!
//! # How it works
//!
//! A waiter is a node on its thread's stack (`waiter.rs`). The nodes of those who wait form the **line**, in the order of
//! their tickets, under a small lock; `anyone` tells without the lock whether the line is empty. In place of Go's two
//! steps, taking a ticket and later joining the list, one step does both, so that the line is always in order: a signal
//! takes the first, nobody is searched for, and an abandoned ticket simply leaves. It is a refinement: Go allows every
//! behaviour in which a thread joins the list at once.
//!
//! Memory events:
//!
//! | event | who | what |
//! |---|---|---|
//! | TakeTicket | waiter, holding L | under the line's lock: ticket := wait++, stand in line, `anyone` := true (`SeqCst`) |
//! | ReleaseL | waiter | lets go of L (`Release`) |
//! | Commit | waiter | compare-and-swap of its node's state from running to parked; fails if woken |
//! | LoadAnyone | notifier | `SeqCst` load of `anyone`; false ends the call |
//! | AdvanceNotify | notifier | under the line's lock: takes the first out (`signal`) or all (`broadcast`), sets `anyone` |
//! | Move | notifier | instead of Wake, if L is a mutex of ours and taken: into its queue, whose `unlock` does Wake |
//! | Wake | notifier, unlocker or another waiter | swaps the node's state to woken (`Release`), and unparks if it was parked |
//! | Abandon | timed waiter | under the line's lock: leaves the line, unless it was taken out |
//! | RetakeL | waiter | takes L again (`Acquire`) |
//!
//! **No lost wakeup.** Let a notifier change the condition while it holds L, and notify then or later. A waiter that found
//! the condition unchanged did TakeTicket in its critical section, which came before the notifier's: TakeTicket happens
//! before ReleaseL, before the notifier's taking of L, before LoadAnyone. By coherence the load sees that `true` or
//! something later; a later `false` means that the line was emptied after TakeTicket, so that the ticket was notified.
//! This is where **the fast path leans on L's ordering**: for who keeps to that, `Relaxed` would suffice. Others may know of the
//! ticket as well, and tell the notifier by an atomic variable, or be told by it and not find it: in Go, all of whose
//! atomics are sequentially consistent, the notifier must see the ticket then. Therefore `anyone` is set and read `SeqCst`: in the
//! one order of all such accesses TakeTicket comes before LoadAnyone. (A load of that kind costs no more than another on
//! x86-64.) A notifier to whom neither applies may read an older value: its call then counts as one before TakeTicket, which is
//! allowed. If the load says `true`, AdvanceNotify finds the waiter in line or notified, by the line's lock. Once taken out, the waiter is
//! woken exactly once: the one who took it out wakes it, or gives it to one who will (Move: see the proof in
//! [`lock`](crate::lock); `rest`: see below). And a Wake is not missed: Commit and the swap in Wake are read-modify-writes
//! of one word, so either Commit sees woken, and the thread does not park, or Wake sees parked, and unparks.
//!
//! **No spurious wakeup.** The only way out of the sleep is the state woken (or Abandon). Only Wake sets it, once, on a
//! waiter that AdvanceNotify took out. A token that somebody else left for the thread ends `park` and not the sleep.
//!
//! **First in, first out.** TakeTicket appends with a rising number under the line's lock, AdvanceNotify takes from the
//! front under the same lock.
//!
//! **Who timed out takes no signal.** Abandon and AdvanceNotify exclude each other. If Abandon is first, the waiter is no
//! longer in line and `signal` takes the next. If AdvanceNotify is first, Abandon finds its ticket below `notify`, and the
//! wait sleeps on until its Wake, and returns as notified. No notification falls between.
//!
//! **Stronger than Go's contract.** In Go, `Signal` loads `wait` and then `notify`, and may return without waking anyone
//! although some ticket was outstanding at every instant. It promises that it woke one or that all tickets it saw as taken
//! were notified. Here the emptiness that the fast path sees is one word: at the instant to which the load belongs nobody
//! stood in line. `signal` notifies one if there is one; so it is linearisable with respect to everything ordered before it.
//!
//! **The rest.** `broadcast` with a lock that is not ours wakes a few, and leaves the others in `rest`; everybody who is
//! woken wakes the next, before it takes its lock. Whoever is woken while `rest` is not empty sees `errand` set, because it
//! was set before the Wake; and each one woken is replaced by one that it wakes, until `rest` is empty. So one of those
//! who were woken and have not looked yet exists as long as `rest` is not empty.
//!
//! **Whose mutex it is.** While a notifier moves waiters it touches their mutex, which nobody but these waiters keeps
//! alive. One of them may be woken by the mutex's `unlock` before the notifier is done. So `errand` is set before the first
//! is moved and taken back when the mutex is no longer touched; a waiter that sees it takes the line's lock, which the
//! notifier holds meanwhile, before it returns.

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

/// A condition variable with the semantics of Go's `sync.Cond`, and timed waits.
///
/// What it promises, and why it keeps it, is said in the [module](self)'s documentation.
///
/// ```
/// use selvedge::{Cond, Mutex};
/// use std::collections::VecDeque;
///
/// static QUEUE: Mutex<VecDeque<u32>> = Mutex::new(VecDeque::new());
/// static NOT_EMPTY: Cond = Cond::new();
///
/// std::thread::scope(|scope| {
///     let consumer = scope.spawn(|| {
///         let mut queue = QUEUE.lock();
///         NOT_EMPTY.wait_while(&mut queue, |queue| queue.is_empty());
///         queue.pop_front()
///     });
///     QUEUE.lock().push_back(7);
///     NOT_EMPTY.signal();
///     assert_eq!(consumer.join().unwrap(), Some(7));
/// });
/// ```
///
/// It cannot be copied, and not moved while a thread waits: see [`go`](go#copies).
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
    ///
    /// Everything before the notification happens before the return. The condition that the caller waits for may be
    /// false again by then: wait in a loop, or with [`wait_while`](Self::wait_while).
    ///
    /// A thread's park token may be used meanwhile: one that somebody leaves for the thread during the wait may be taken
    /// together with our own, as with every blocking call that parks. Test a condition around `park`, as its
    /// documentation asks.
    ///
    /// # Panics
    ///
    /// If `held` does, when it lets go of the lock or takes it again. The ticket is spent then.
    pub fn wait<'l>(&self, held: &mut impl Held<'l, P>) {
        let notified = self.wait_until(held, None);
        debug_assert_eq!(notified, Ok(()), "without a deadline nothing times out");
    }

    /// Waits while the condition holds: the loop that should be around every [`wait`](Self::wait).
    ///
    /// The lock is held whenever the condition is asked, and when this returns. Not in Go.
    pub fn wait_while<'l, H>(&self, held: &mut H, mut condition: impl FnMut(&mut H::Target) -> bool)
    where
        H: Held<'l, P> + DerefMut,
    {
        while condition(held) {
            self.wait(held);
        }
    }

    /// Like [`wait`](Self::wait), but gives up after `timeout`. Not in Go.
    ///
    /// The lock is let go and taken again in any case, even if `timeout` is zero. Taking it again is not timed.
    ///
    /// ```
    /// use selvedge::{Cond, Mutex, TimedOut};
    /// use std::time::Duration;
    ///
    /// let (lock, cond) = (Mutex::new(()), Cond::new());
    /// assert_eq!(cond.wait_timeout(&mut lock.lock(), Duration::from_millis(1)), Err(TimedOut));
    /// ```
    ///
    /// # Errors
    ///
    /// [`TimedOut`], if the ticket was not notified in time. It is abandoned then, and takes no notification: a `signal`
    /// goes to the next in line. A notification that comes together with the end of the time counts.
    pub fn wait_timeout<'l>(&self, held: &mut impl Held<'l, P>, timeout: Duration) -> Result<(), TimedOut> {
        self.wait_until(held, Self::deadline(timeout))
    }

    /// Like [`wait_while`](Self::wait_while), but gives up after `timeout` in all. Not in Go.
    ///
    /// # Errors
    ///
    /// [`TimedOut`], if the condition still holds when the time has passed.
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

    /// Notifies the oldest ticket, if there is any: wakes the thread that has waited longest.
    ///
    /// Without waiters this is one load: no lock and no system call. The caller need not hold the lock; if it is to wake
    /// whoever saw the old condition, it must have held the lock since it changed the condition.
    ///
    /// If a mutex of ours is taken that the thread waits with, the thread is not woken before it can have the mutex.
    #[inline]
    pub fn signal(&self) {
        if self.anyone.load(Ordering::SeqCst) {
            self.signal_one();
        }
    }

    /// Notifies all tickets that have been taken: wakes all waiting threads.
    ///
    /// Without waiters this is one load: no lock and no system call. Otherwise its cost in this thread does not grow with
    /// the number of waiters, beyond the first few: those who are woken wake the others. See also
    /// [`signal`](Self::signal).
    #[inline]
    pub fn broadcast(&self) {
        if self.anyone.load(Ordering::SeqCst) {
            self.signal_all();
        }
    }

    /// Go's counters: `wait`, the next ticket, and `notify`, the oldest that can still be notified. Both wrap around.
    ///
    /// They are equal exactly if nobody waits. Their wrapped difference is the number of waiters, more if tickets between
    /// them were abandoned. For tests and for the curious; it takes a lock.
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
            self.anyone.store(true, Ordering::SeqCst);
        } else if mutex.is_none_or(|mutex| !ptr::eq(mutex, line.mutex)) {
            line.mutex = ptr::null();
        }
        line.wait += 1;
        // SAFETY: `in_line` keeps the rule of life: it ends only after the waiter was woken or taken out.
        unsafe { line.queue.enlist(&waiter, ticket) };
        // Before the line is let go: an execution may be given up there.
        let in_line = InLine { cond: self, mutex, ticket, waiter: &waiter, left: Cell::new(false) };
        drop(line);
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
