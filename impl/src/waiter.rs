//! Waiters and the queues that they stand in: what [`Cond`](crate::Cond) and [`RawMutex`](crate::RawMutex) share.
//!
//! A waiter is a node on the stack of the thread that waits. It stands in at most one queue at a time; whoever takes it
//! out holds it as a [`Detached`], the one permission to wake it or to put it into another queue. A condition variable
//! can therefore hand its waiters over to a lock without allocating and without waking them.
//!
//! # Life of a waiter
//!
//! ```text
//!             stand in line                 taken out                 wake
//!   (created) ────────────▶ in a queue ──────────────────▶ Detached ───────▶ woken ──▶ (dropped by its own thread)
//!                               ▲   │ taken out by its own thread: timeout, unwinding   ▲
//!                               │   └───────────────────────────────────────────────────┘
//!                               └── put into another queue ── Detached
//! ```
//!
//! The rule on which every `unsafe` block here rests, called **the rule of life** below: *the waiting thread keeps the
//! node alive and in place until the node has been woken, or until that thread has itself taken it out of its queue
//! under the lock that guards the queue.* [`Queue::enlist`] makes it the caller's promise. The store that wakes is
//! the last access that anybody else makes.
//!
//! # Tokens
//!
//! Parking uses the thread's one token, which the thread's other code may use as well. Three rules keep them apart.
//! A waker unparks only a waiter that had committed to park, so a waiter that is notified before leaves no token behind.
//! A waiter that had committed, and was woken, takes a token before it goes on, even if its deadline came first. And a
//! waiter that took a token without having been woken sleeps on, and puts a token back at the end. So a wait leaves a
//! token behind only in the place of one that somebody else had left. What remains is inherent in a token that counts to
//! one: if somebody leaves one while ours is pending, the two are one, and the wait takes it. `std::thread::park` asks its
//! callers to test a condition of their own around it, who then lose nothing.

use std::marker::PhantomData;
use std::ptr;
use std::time::Duration;

use crate::platform::{Atomic, Ordering, Platform, TrackedCell, Unpark};

/// Neither woken nor parked.
const RUNNING: u32 = 0;
/// Parked, or committed to park: whoever wakes the waiter must unpark its thread.
const PARKED: u32 = 1;
/// Woken.
const WOKEN: u32 = 2;

/// How many of the waiters that are to go on at once are woken at once; each of them then sees to another.
///
/// Waking all would set them all on one lock, and leave one thread to make every call. Waking one after the other would
/// leave cores idle, and an idle core takes its time to wake. Measured on two cores, where 4 and 8 make no difference: a
/// broadcast to 100 waiters takes a fifth less than with all at once, and one to 10 a third less than with one by one.
/// On the checking platforms it is one, so that few threads suffice to see waiters wake each other.
pub(crate) const fn awake_at_once<P: Platform>() -> usize {
    if P::VIRTUAL_TIME { 1 } else { 8 }
}

/// A thread that waits. See the module's documentation for its life.
pub(crate) struct Waiter<P: Platform> {
    /// [`RUNNING`], [`PARKED`] or [`WOKEN`].
    state: P::AtomicU32,
    /// The waiter's place in its queue.
    ///
    /// # Safety
    ///
    /// In a queue: accessed only under the lock that guards the queue. Detached: only by the holder of the
    /// [`Detached`]. Otherwise: only by the waiting thread.
    link: P::Cell<Link<P>>,
}

struct Link<P: Platform> {
    /// Meaningless for the first in a queue.
    previous: *const Waiter<P>,
    /// Null for the last in a queue.
    next: *const Waiter<P>,
    /// Its number in the queue of a condition variable.
    ticket: u64,
    /// Taken by the waker.
    thread: Option<P::Thread>,
}

// SAFETY: the pointers are followed only under the conditions stated at `Waiter::link`, whichever thread does it.
unsafe impl<P: Platform> Send for Link<P> {}

impl<P: Platform> Waiter<P> {
    /// A waiter for the calling thread.
    pub(crate) fn new() -> Self {
        let thread = Some(P::current());
        Self {
            state: P::AtomicU32::new(RUNNING),
            link: P::Cell::new(Link { previous: ptr::null(), next: ptr::null(), ticket: 0, thread }),
        }
    }

    /// Sleeps until woken. Returns at once, woken or not, if the thread is [`muted`].
    pub(crate) fn sleep(&self) {
        if self.commit() {
            self.park();
        }
    }

    /// Sleeps until woken or until `deadline`, and returns whether it was woken.
    ///
    /// After `false` it may be woken still: take the waiter out of its queue or [`oversleep`](Self::oversleep).
    pub(crate) fn sleep_until(&self, deadline: Duration) -> bool {
        if !self.commit() {
            return true;
        }
        let mut strangers = 0;
        let woken = loop {
            let token = P::park_until(deadline);
            if self.is_woken() {
                if !token {
                    self.park();
                }
                break true;
            }
            if !token {
                break false;
            }
            strangers += 1;
        };
        Self::put_back(strangers);
        woken
    }

    /// Sleeps on after the deadline, for a waiter that was found to be notified.
    pub(crate) fn oversleep(&self) {
        self.park();
    }

    /// Commits the thread to park, unless the waiter is woken already.
    ///
    /// From here on the waker leaves a token, so that the thread must take one: park before looking again.
    fn commit(&self) -> bool {
        // Acquire: what the waker did before it woke us happens before we go on.
        self.state.compare_exchange(RUNNING, PARKED, Ordering::Relaxed, Ordering::Acquire).is_ok()
    }

    /// Waits for a wake that is under way: the waiter stands in no queue any more.
    ///
    /// Returns at once if the thread is [`muted`]: so is then whoever took the waiter out, and will not touch it again.
    pub(crate) fn outlast(&self) {
        while !self.is_woken() && !muted::<P>() {
            P::yield_now();
        }
    }

    /// Ends the waiter's life: nobody else may touch it any more. Race-detecting platforms check that.
    pub(crate) fn retire(&self) {
        self.link.with_mut(|_| ());
    }

    /// Whether somebody has woken it.
    pub(crate) fn is_woken(&self) -> bool {
        // Acquire: what the waker did before it woke us happens before we go on.
        self.state.load(Ordering::Acquire) == WOKEN
    }

    /// Takes tokens until one came with or after the wake.
    fn park(&self) {
        let mut strangers = 0;
        loop {
            P::park();
            if self.is_woken() || muted::<P>() {
                break;
            }
            strangers += 1;
        }
        Self::put_back(strangers);
    }

    /// Puts back the tokens that were not for us: however many there were, a thread has one.
    fn put_back(strangers: usize) {
        if strangers > 0 {
            P::current().unpark();
        }
    }
}

/// Whether nothing that the calling thread does waits any more.
///
/// On the checking platforms an execution that is given up unwinds all of its threads, and while a thread unwinds its
/// operations take effect at once, whether or not their condition holds. Our own operations must then do likewise. On
/// the machine a thread that unwinds waits like any other.
pub(crate) fn muted<P: Platform>() -> bool {
    P::VIRTUAL_TIME && std::thread::panicking()
}

/// A waiter that stands in no queue and sleeps: the one permission to wake it or to let it stand in line again.
#[must_use = "a detached waiter that is not woken sleeps for ever"]
pub(crate) struct Detached<P: Platform>(*const Waiter<P>);

impl<P: Platform> Detached<P> {
    /// Wakes the waiter.
    pub(crate) fn wake(self) {
        // SAFETY: the waiter is alive until it is woken (rule of life), and detached: its link is ours.
        let thread = unsafe { with_link(self.0, |link| link.thread.take()) };
        // SAFETY: as above; the waiter is woken by this very store and not touched after it.
        // Release: what we did happens before the waiter goes on.
        let before = unsafe { (*self.0).state.swap(WOKEN, Ordering::Release) };
        debug_assert!(before == RUNNING || before == PARKED, "a waiter is woken once");
        if before == PARKED {
            thread.expect("a waiter keeps its thread until it is woken").unpark();
        }
    }
}

/// A first-in, first-out queue of waiters. A lock guards it, or one thread owns it.
pub(crate) struct Queue<P: Platform> {
    /// Null if the queue is empty.
    first: *const Waiter<P>,
    /// Meaningless if the queue is empty.
    last: *const Waiter<P>,
    waiters: PhantomData<P>,
}

// SAFETY: the pointers are followed only under the conditions stated at `Waiter::link`, whichever thread does it.
unsafe impl<P: Platform> Send for Queue<P> {}

impl<P: Platform> Queue<P> {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Self { first: ptr::null(), last: ptr::null(), waiters: PhantomData }
    }

    /// Whether nobody stands in the queue.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_null()
    }

    /// Whether more than one stands in the queue.
    pub(crate) fn has_several(&self) -> bool {
        !ptr::eq(self.first, self.last)
    }

    /// The ticket of the first waiter.
    pub(crate) fn first_ticket(&self) -> Option<u64> {
        // SAFETY: a waiter in our queue is alive (rule of life), and its link is ours by `&self`.
        (!self.is_empty()).then(|| unsafe { with_link(self.first, |link| link.ticket) })
    }

    /// Lets the calling thread's waiter stand in line, last, under a ticket.
    ///
    /// # Safety
    ///
    /// The caller keeps the rule of life: from now on `waiter` stays alive and in place until it has been woken or
    /// taken out again. It stands in no queue yet.
    pub(crate) unsafe fn enlist(&mut self, waiter: &Waiter<P>, ticket: u64) {
        // SAFETY: alive, as we have a reference; in no queue, so that its link is its own thread's, the caller's.
        unsafe { with_link(waiter, |link| link.ticket = ticket) };
        self.push_back(Detached(waiter));
    }

    /// Lets a waiter stand in line, last.
    pub(crate) fn push_back(&mut self, Detached(waiter): Detached<P>) {
        // SAFETY: a detached waiter is alive (rule of life), and its link is the holder's.
        unsafe { with_link(waiter, |link| link.next = ptr::null()) };
        self.append(Self { first: waiter, last: waiter, waiters: PhantomData });
    }

    /// Lets all waiters of another queue stand in line, in their order. Takes constant time.
    pub(crate) fn append(&mut self, other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other;
            return;
        }
        // SAFETY: both waiters are alive (rule of life) and stand in queues that we hold.
        unsafe {
            with_link(self.last, |link| link.next = other.first);
        }
        // SAFETY: as above.
        unsafe {
            with_link(other.first, |link| link.previous = self.last);
        }
        self.last = other.last;
    }

    /// Takes the first waiters out, so many or all.
    pub(crate) fn split_front(&mut self, count: usize) -> Self {
        let mut front = Self::new();
        for _ in 0..count {
            match self.pop_front() {
                Some(waiter) => front.push_back(waiter),
                None => break,
            }
        }
        front
    }

    /// Takes the first waiter out.
    pub(crate) fn pop_front(&mut self) -> Option<Detached<P>> {
        if self.is_empty() {
            return None;
        }
        let first = self.first;
        // SAFETY: the first waiter stands in this queue.
        unsafe { self.unlink(first) };
        Some(Detached(first))
    }

    /// Takes a waiter out, if it stands in this queue. Takes time linear in the length of the queue.
    pub(crate) fn find_and_remove(&mut self, waiter: &Waiter<P>) -> bool {
        let mut each = self.first;
        while !each.is_null() {
            if ptr::eq(each, waiter) {
                // SAFETY: we have just found it in this queue.
                unsafe { self.unlink(each) };
                return true;
            }
            // SAFETY: a waiter in our queue is alive (rule of life), and its link is ours by `&mut self`.
            each = unsafe { with_link(each, |link| link.next) };
        }
        false
    }

    /// Takes a waiter out that stands in this queue. Takes constant time.
    ///
    /// # Safety
    ///
    /// It does stand in this queue.
    pub(crate) unsafe fn unlink(&mut self, waiter: *const Waiter<P>) {
        // SAFETY: a waiter in our queue is alive (rule of life), and its link is ours by `&mut self`.
        let (previous, next) = unsafe { with_link(waiter, |link| (link.previous, link.next)) };
        if ptr::eq(waiter, self.first) {
            // Touches no neighbour, whose memory another core may have.
            self.first = next;
            return;
        }
        // SAFETY: a neighbour stands in the same queue; there is one before all but the first.
        unsafe { with_link(previous, |link| link.next = next) };
        if next.is_null() {
            self.last = previous;
        } else {
            // SAFETY: as above.
            unsafe { with_link(next, |link| link.previous = previous) };
        }
    }
}

/// Reads or changes a waiter's link.
///
/// # Safety
///
/// The waiter is alive, and the caller may access its link: see [`Waiter::link`].
unsafe fn with_link<P: Platform, R>(waiter: *const Waiter<P>, access: impl FnOnce(&mut Link<P>) -> R) -> R {
    // SAFETY: alive, as the caller promises.
    let waiter = unsafe { &*waiter };
    // SAFETY: ours alone for now, as the caller promises; `access` is not handed any other way to the link.
    waiter.link.with_mut(|link| access(unsafe { &mut *link }))
}

#[cfg(all(test, feature = "shuttle"))]
mod tests {
    use super::*;
    use crate::platform::shuttle::{SchedulerKind, explore};
    use crate::platform::{Arc, Body, Bounds, End, Region, Shuttle};

    /// A thread that has a token already sleeps as a waiter until its deadline, and parks.
    fn token_before_a_sleep() {
        let began = Arc::new(<Shuttle as Platform>::Region::new(false));
        let stage = Arc::clone(&began);
        let bodies: Vec<Body> = vec![
            Box::new(move || {
                Shuttle::current().unpark();
                let deadline = Shuttle::now() + Duration::from_millis(5);
                stage.with(|began| *began = true);
                let waiter = Waiter::<Shuttle>::new();
                assert!(!waiter.sleep_until(deadline), "nobody wakes it");
                waiter.retire();
                Shuttle::park();
            }),
            Box::new(move || {
                began.when(|began| *began, |_| ());
                Shuttle::advance(Duration::from_millis(5));
            }),
        ];
        let ends = Shuttle::run_to_rest(bodies);
        assert!(matches!(&*ends, [End::Returned, End::Returned]), "the token is gone: {ends:?}");
    }

    #[test]
    fn a_strangers_token_is_put_back() {
        let run = explore(SchedulerKind::Dfs, &Bounds::default(), token_before_a_sleep);
        assert!(run.complete, "{run:?}");
    }
}
