//! Locks that stand on the [`Platform`] alone, and so run on the machine and under every engine.
//!
//! - [`Mutex`] protects a value and is used through a guard; [`RawMutex`] is the bare lock in it, with `lock` and
//!   `unlock` as in Go.
//! - [`RwMutex`] is a readers-writer lock after Go's `sync.RWMutex`, with [`RwMutex::rlocker`].
//! - [`Locker`] is what they have in common, after Go's `sync.Locker`.
//!
//! # How the mutex works
//!
//! One word holds two bits: `LOCKED` and `QUEUED`. Without contention `lock` and `unlock` are one compare-and-swap
//! each. A thread that finds the lock taken spins briefly, then stands in the lock's queue (guarded by a platform
//! mutex) and parks. `unlock` with `QUEUED` set opens the lock and wakes the first in line, who competes with whoever
//! comes along: a running thread may overtake a sleeping one, which is what keeps the lock fast under contention.
//! No thread is promised the lock within any number of turns.
//!
//! **Invariants.** (1) While nobody holds the queue's lock, `QUEUED` is set exactly if the queue is not empty: both
//! change together under it. (2) If `QUEUED` is set and `LOCKED` is not, then some woken thread is on its way to take
//! the lock: `unlock` woke one when it left the lock in this state, and so did the condition variable that moved its
//! waiters here. **No lost wakeup** follows: a sleeper in the queue implies `QUEUED`; then either the lock is taken, and
//! its `unlock` cannot take the short way, or by (2) somebody will take it. **Mutual exclusion**: only a
//! compare-and-swap from a word without `LOCKED` sets it.
//!
//! **Orderings.** Taking the lock is an `Acquire` operation on the word and opening it is a `Release` operation, so that
//! everything in one critical section happens before the next one. Changes of `QUEUED` may be `Relaxed`: what they
//! announce lies under the queue's own lock.
//!
//! A condition variable that finds a waiter's mutex taken moves the waiter into the mutex's queue instead of waking it
//! (`adopt`). The waiter would only have to park again.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use crate::cond::Cond;
use crate::platform::{Arc, Atomic, AtomicInteger, Ordering, Platform, PlatformMutex, Std, TrackedCell};
use crate::waiter::{Detached, Queue, Waiter, awake_at_once, muted};

/// What the panic says when an unlocked mutex is unlocked.
///
/// In Go this ends the program and cannot be recovered from. Here it is a panic whose message starts with these words,
/// which are Go's own.
pub const UNLOCK_OF_UNLOCKED_MUTEX: &str = "fatal error: sync: unlock of unlocked mutex";
/// What the panic says when an [`RwMutex`] is unlocked that nobody has locked for writing.
pub const UNLOCK_OF_UNLOCKED_RW_MUTEX: &str = "fatal error: sync: Unlock of unlocked RWMutex";
/// What the panic says when an [`RwMutex`] is unlocked that nobody has locked for reading.
pub const RUNLOCK_OF_UNLOCKED_RW_MUTEX: &str = "fatal error: sync: RUnlock of unlocked RWMutex";

/// Something that can be locked and unlocked: Go's `sync.Locker`.
///
/// It is not tied to a value or to a thread: one thread may lock it and another unlock it.
///
/// ```
/// use selvedge::{Locker, RawMutex};
///
/// fn critical(lock: &impl Locker, section: impl FnOnce()) {
///     lock.lock();
///     section();
///     lock.unlock();
/// }
/// critical(&RawMutex::new(), || println!("alone"));
/// ```
pub trait Locker<P: Platform = Std> {
    /// Waits until the lock is free and takes it.
    fn lock(&self);

    /// Opens the lock.
    ///
    /// # Panics
    ///
    /// Ours do if the lock is not taken, with a message that starts with [`UNLOCK_OF_UNLOCKED_MUTEX`] or its like.
    fn unlock(&self);

    /// The mutex that [`lock`](Self::lock) takes, if it is one of ours.
    ///
    /// A condition variable then moves waiters straight into the queue of this mutex. The default, `None`, is right for
    /// every lock; it costs a wakeup here and there.
    fn raw_mutex(&self) -> Option<&RawMutex<P>> {
        None
    }
}

impl<P: Platform, L: Locker<P> + ?Sized> Locker<P> for &L {
    fn lock(&self) {
        (**self).lock();
    }

    fn unlock(&self) {
        (**self).unlock();
    }

    fn raw_mutex(&self) -> Option<&RawMutex<P>> {
        (**self).raw_mutex()
    }
}

impl<P: Platform, L: Locker<P> + ?Sized> Locker<P> for Arc<L> {
    fn lock(&self) {
        (**self).lock();
    }

    fn unlock(&self) {
        (**self).unlock();
    }

    fn raw_mutex(&self) -> Option<&RawMutex<P>> {
        (**self).raw_mutex()
    }
}

/// Somebody holds the lock.
const LOCKED: u32 = 1;
/// Somebody stands in the queue: `unlock` must look.
const QUEUED: u32 = 2;

/// How often a thread looks again before it stands in line. About a microsecond: less than a trip to sleep and back.
const SPINS_MAX: u32 = 40;

/// A mutex without a value and without a guard: Go's `sync.Mutex`.
///
/// See the [module](self) for how it works.
///
/// ```
/// use selvedge::RawMutex;
///
/// static LOCK: RawMutex = RawMutex::new();
/// LOCK.lock();
/// assert!(!LOCK.try_lock());
/// LOCK.unlock();
/// ```
pub struct RawMutex<P: Platform = Std> {
    /// [`LOCKED`] and [`QUEUED`].
    state: P::AtomicU32,
    /// Those who wait for the lock.
    queue: P::Mutex<Queue<P>>,
    /// Accessed by who moves waiters here, when done: so that a platform that detects races can tell whether that
    /// happens before the mutex's end.
    life: P::Cell<()>,
}

impl RawMutex<Std> {
    /// A new, unlocked mutex.
    pub const fn new() -> Self {
        Self {
            state: <Std as Platform>::AtomicU32::new(0),
            queue: <Std as Platform>::Mutex::<Queue<Std>>::new(Queue::new()),
            life: <Std as Platform>::Cell::<()>::new(()),
        }
    }
}

impl<P: Platform> Default for RawMutex<P> {
    /// A new, unlocked mutex, on any platform.
    fn default() -> Self {
        Self { state: P::AtomicU32::new(0), queue: P::Mutex::new(Queue::new()), life: P::Cell::new(()) }
    }
}

impl<P: Platform> RawMutex<P> {
    /// Waits until the mutex is free and takes it. Everything before the `unlock` that freed it happens before.
    #[inline]
    pub fn lock(&self) {
        if self.state.compare_exchange_weak(0, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_contended();
        }
    }

    /// Takes the mutex if it is free, and says whether it did.
    #[inline]
    pub fn try_lock(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & LOCKED == 0 {
            match self.state.compare_exchange_weak(state, state | LOCKED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Frees the mutex, and wakes one who waits for it.
    ///
    /// # Panics
    ///
    /// With [`UNLOCK_OF_UNLOCKED_MUTEX`], if the mutex is not locked.
    #[inline]
    pub fn unlock(&self) {
        if let Err(state) = self.state.compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed) {
            self.unlock_queued(state);
        }
    }

    #[cold]
    fn lock_contended(&self) {
        if self.spin() {
            return;
        }
        loop {
            let waiter = Waiter::new();
            let mut queue = self.queue.lock();
            if self.take_or_mark() {
                return;
            }
            // SAFETY: `in_line` keeps the rule of life: it ends only after the waiter was woken or withdrawn.
            unsafe { queue.enlist(&waiter, 0) };
            // Before the queue is let go: an execution may be given up there.
            let in_line = InLine { mutex: self, waiter: &waiter };
            drop(queue);
            waiter.sleep();
            drop(in_line);
            if muted::<P>() {
                return;
            }
        }
    }

    /// Looks again for a little while. Returns whether the mutex was taken.
    fn spin(&self) -> bool {
        // Where time is virtual nothing is gained by waiting, and every look would be another step to explore.
        if P::VIRTUAL_TIME {
            return false;
        }
        for _ in 0..SPINS_MAX {
            if self.state.load(Ordering::Relaxed) & LOCKED == 0 && self.try_lock() {
                return true;
            }
            P::spin_loop();
        }
        false
    }

    /// Takes the mutex if it is free, and returns true; otherwise sees to it that `QUEUED` is set. The caller holds the
    /// queue.
    fn take_or_mark(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let free = state & LOCKED == 0;
            let wanted = if free { state | LOCKED } else { state | QUEUED };
            if wanted == state {
                return false;
            }
            match self.state.compare_exchange_weak(state, wanted, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return free,
                Err(now) => state = now,
            }
        }
    }

    #[cold]
    fn unlock_queued(&self, mut state: u32) {
        if state & LOCKED != 0 {
            let mut queue = self.queue.lock();
            let left = if queue.has_several() { QUEUED } else { 0 };
            // `QUEUED` changes only under the queue. `LOCKED` is still set, unless two unlock what was locked once.
            state = self.state.load(Ordering::Relaxed);
            while state & LOCKED != 0 {
                // Release: what the critical section did happens before the next one.
                match self.state.compare_exchange_weak(state, left, Ordering::Release, Ordering::Relaxed) {
                    Ok(_) => {
                        let next = queue.pop_front();
                        drop(queue);
                        if let Some(next) = next {
                            next.wake();
                        }
                        return;
                    }
                    Err(now) => state = now,
                }
            }
        }
        // A lock that did not wait was perhaps not taken.
        assert!(muted::<P>(), "{UNLOCK_OF_UNLOCKED_MUTEX}");
    }

    /// Moves a notified waiter into the queue, if the mutex is taken; gives it back if the mutex is free.
    ///
    /// The waiter's thread will take this mutex once it is woken.
    pub(crate) fn adopt(&self, waiter: Detached<P>) -> Option<Detached<P>> {
        let mut queue = self.queue.lock();
        let given_back = if self.mark_if_locked() {
            queue.push_back(waiter);
            None
        } else {
            Some(waiter)
        };
        drop(queue);
        self.life.with(|_| ());
        given_back
    }

    /// Moves notified waiters into the queue. If the mutex is free, the first few are given back: wake them, so that they
    /// take the mutex and by their unlocks wake the others.
    ///
    /// The waiters' threads will take this mutex once they are woken. The cost does not grow with their number.
    pub(crate) fn adopt_all(&self, mut waiters: Queue<P>) -> Queue<P> {
        let mut queue = self.queue.lock();
        let given_back = if self.mark_if_locked() { Queue::new() } else { waiters.split_front(awake_at_once::<P>()) };
        if !waiters.is_empty() {
            self.state.fetch_or(QUEUED, Ordering::Relaxed);
            queue.append(waiters);
        }
        drop(queue);
        self.life.with(|_| ());
        given_back
    }

    /// Sets `QUEUED` if the mutex is locked, and says whether it is. The caller holds the queue.
    fn mark_if_locked(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & LOCKED != 0 {
            if state & QUEUED != 0 {
                return true;
            }
            match self.state.compare_exchange_weak(state, state | QUEUED, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The mutex is about to end: everybody is done with it. Race-detecting platforms check that.
    #[doc(hidden)]
    #[cfg(any(feature = "loom", feature = "shuttle"))]
    pub fn retire(&self) {
        self.life.with_mut(|_| ());
    }

    /// Takes a waiter out of the queue, if it stands there.
    pub(crate) fn withdraw(&self, waiter: &Waiter<P>) -> bool {
        let mut queue = self.queue.lock();
        let found = queue.find_and_remove(waiter);
        if found && queue.is_empty() {
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        found
    }
}

/// A waiter in the queue of a mutex, while its thread sleeps.
struct InLine<'a, P: Platform> {
    mutex: &'a RawMutex<P>,
    waiter: &'a Waiter<P>,
}

impl<P: Platform> Drop for InLine<'_, P> {
    fn drop(&mut self) {
        // Not woken: an engine gives up this execution, and the thread unwinds out of its sleep.
        if !self.waiter.is_woken() && !self.mutex.withdraw(self.waiter) {
            self.waiter.outlast();
        }
        self.waiter.retire();
    }
}

impl<P: Platform> Locker<P> for RawMutex<P> {
    fn lock(&self) {
        RawMutex::lock(self);
    }

    fn unlock(&self) {
        RawMutex::unlock(self);
    }

    fn raw_mutex(&self) -> Option<&RawMutex<P>> {
        Some(self)
    }
}

impl<P: Platform> fmt::Debug for RawMutex<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("RawMutex").field("locked", &(state & LOCKED != 0)).finish_non_exhaustive()
    }
}

/// A value that one thread at a time may use.
///
/// Unlike std's it has no poison: when a holder panics, the mutex is freed and the next one finds the value as it is.
/// [`Cond`] works best with this mutex: see the [module](self).
///
/// ```
/// use selvedge::Mutex;
///
/// static TOTAL: Mutex<u64> = Mutex::new(0);
/// std::thread::scope(|scope| {
///     for _ in 0..4 {
///         scope.spawn(|| *TOTAL.lock() += 1);
///     }
/// });
/// assert_eq!(*TOTAL.lock(), 4);
/// ```
pub struct Mutex<T: ?Sized, P: Platform = Std> {
    pub(crate) raw: RawMutex<P>,
    /// Accessed like the value, so that a platform that detects races watches over the value, wherever it lies.
    watch: P::Cell<()>,
    /// # Safety
    ///
    /// Accessed only by whoever holds `raw`.
    value: UnsafeCell<T>,
}

// SAFETY: the value is handed to one thread at a time, so that it must be `Send` but need not be `Sync`.
unsafe impl<T: ?Sized + Send, P: Platform> Sync for Mutex<T, P> {}

impl<T> Mutex<T> {
    /// A new, unlocked mutex.
    pub const fn new(value: T) -> Self {
        Self { raw: RawMutex::new(), watch: <Std as Platform>::Cell::<()>::new(()), value: UnsafeCell::new(value) }
    }
}

impl<T, P: Platform> Mutex<T, P> {
    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Platform> Mutex<T, P> {
    /// Waits until the mutex is free and takes it. Dropping the guard frees it.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T, P> {
        self.raw.lock();
        MutexGuard { mutex: self, value: PhantomData }
    }

    /// Takes the mutex if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T, P>> {
        self.raw.try_lock().then(|| MutexGuard { mutex: self, value: PhantomData })
    }

    /// The value: `&mut self` says that nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T, P: Platform> From<T> for Mutex<T, P> {
    /// A new, unlocked mutex, on any platform.
    fn from(value: T) -> Self {
        Self { raw: RawMutex::default(), watch: P::Cell::new(()), value: UnsafeCell::new(value) }
    }
}

impl<T: Default, P: Platform> Default for Mutex<T, P> {
    /// A new, unlocked mutex, on any platform.
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T: ?Sized + fmt::Debug, P: Platform> fmt::Debug for Mutex<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => f.debug_struct("Mutex").field("value", &&*guard).finish(),
            None => f.debug_struct("Mutex").field("value", &format_args!("<locked>")).finish(),
        }
    }
}

/// Holding it is holding a [`Mutex`].
#[must_use = "the mutex is freed when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized, P: Platform = Std> {
    mutex: &'a Mutex<T, P>,
    value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized, P: Platform> MutexGuard<'a, T, P> {
    /// The mutex under the guard.
    pub(crate) fn raw(&self) -> &'a RawMutex<P> {
        &self.mutex.raw
    }
}

impl<T: ?Sized, P: Platform> Deref for MutexGuard<'_, T, P> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.mutex.watch.with(|_| ());
        // SAFETY: we hold the mutex.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized, P: Platform> DerefMut for MutexGuard<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.mutex.watch.with_mut(|_| ());
        // SAFETY: we hold the mutex, and the guard is borrowed for writing.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized, P: Platform> Drop for MutexGuard<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<T: ?Sized + fmt::Debug, P: Platform> fmt::Debug for MutexGuard<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A readers-writer lock without a value: Go's `sync.RWMutex`.
///
/// As in Go, a waiting writer holds back readers that come after it, and the readers that have gathered while a writer
/// held the lock go before the next writer. It is a monitor of this crate's own mutex and condition variables, made to
/// be plainly right; it is not the fastest of its kind.
///
/// ```
/// use selvedge::{Locker, RwMutex};
///
/// let lock: RwMutex = RwMutex::default();
/// lock.rlock();
/// lock.rlocker().lock(); // a second reader
/// lock.runlock();
/// lock.rlocker().unlock();
/// lock.lock();
/// lock.unlock();
/// ```
pub struct RwMutex<P: Platform = Std> {
    holders: Mutex<Holders, P>,
    readers: Cond<P>,
    writers: Cond<P>,
}

/// Who holds an [`RwMutex`], and who waits for it.
#[derive(Default)]
struct Holders {
    /// A writer holds the lock.
    writing: bool,
    /// So many readers hold the lock.
    reading: u32,
    /// So many writers wait.
    writers_waiting: u32,
    /// So many readers wait for `admissions` to change.
    readers_waiting: u32,
    /// So often have the waiting readers been admitted, all at once.
    admissions: u64,
}

impl<P: Platform> Default for RwMutex<P> {
    /// A new, unlocked lock, on any platform.
    fn default() -> Self {
        Self { holders: Mutex::default(), readers: Cond::default(), writers: Cond::default() }
    }
}

impl<P: Platform> RwMutex<P> {
    /// Waits until nobody holds the lock and takes it for writing.
    pub fn lock(&self) {
        let mut holders = self.holders.lock();
        holders.writers_waiting += 1;
        self.writers.wait_while(&mut holders, |holders| holders.writing || holders.reading > 0);
        holders.writers_waiting -= 1;
        holders.writing = true;
    }

    /// Frees the lock from its writer.
    ///
    /// # Panics
    ///
    /// With [`UNLOCK_OF_UNLOCKED_RW_MUTEX`], if no writer holds it.
    pub fn unlock(&self) {
        let mut holders = self.holders.lock();
        if !holders.writing {
            panic!("{UNLOCK_OF_UNLOCKED_RW_MUTEX}");
        }
        holders.writing = false;
        if holders.readers_waiting > 0 {
            holders.reading = holders.readers_waiting;
            holders.readers_waiting = 0;
            holders.admissions += 1;
            self.readers.broadcast();
        } else {
            self.writers.signal();
        }
    }

    /// Waits until no writer holds the lock or waits for it, and takes it for reading.
    pub fn rlock(&self) {
        let mut holders = self.holders.lock();
        if holders.writing || holders.writers_waiting > 0 {
            holders.readers_waiting += 1;
            let admissions = holders.admissions;
            // Whoever admits us counts us in.
            self.readers.wait_while(&mut holders, |holders| holders.admissions == admissions);
        } else {
            holders.reading += 1;
        }
    }

    /// Frees the lock from one of its readers.
    ///
    /// # Panics
    ///
    /// With [`RUNLOCK_OF_UNLOCKED_RW_MUTEX`], if no reader holds it.
    pub fn runlock(&self) {
        let mut holders = self.holders.lock();
        if holders.reading == 0 {
            panic!("{RUNLOCK_OF_UNLOCKED_RW_MUTEX}");
        }
        holders.reading -= 1;
        if holders.reading == 0 {
            self.writers.signal();
        }
    }

    /// The lock's reading half, as a [`Locker`].
    pub fn rlocker(&self) -> ReadLocker<'_, P> {
        ReadLocker(self)
    }
}

impl<P: Platform> Locker<P> for RwMutex<P> {
    fn lock(&self) {
        RwMutex::lock(self);
    }

    fn unlock(&self) {
        RwMutex::unlock(self);
    }
}

impl<P: Platform> fmt::Debug for RwMutex<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("RwMutex");
        if let Some(holders) = self.holders.try_lock() {
            fields.field("writing", &holders.writing).field("reading", &holders.reading);
        }
        fields.finish_non_exhaustive()
    }
}

/// The reading half of an [`RwMutex`]: Go's `RWMutex.RLocker`.
#[derive(Clone, Copy, Debug)]
pub struct ReadLocker<'a, P: Platform = Std>(&'a RwMutex<P>);

impl<P: Platform> Locker<P> for ReadLocker<'_, P> {
    fn lock(&self) {
        self.0.rlock();
    }

    fn unlock(&self) {
        self.0.runlock();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::thread;

    use super::*;

    fn fatal(misuse: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(misuse)).expect_err("fatal");
        *panic.downcast::<String>().expect("a message")
    }

    #[test]
    fn to_unlock_what_is_not_locked_is_fatal() {
        let mutex = RawMutex::new();
        assert_eq!(fatal(|| mutex.unlock()), UNLOCK_OF_UNLOCKED_MUTEX);
        mutex.lock();
        mutex.unlock();
        assert_eq!(fatal(|| mutex.unlock()), UNLOCK_OF_UNLOCKED_MUTEX);
        let lock: RwMutex = RwMutex::default();
        lock.rlock();
        assert_eq!(fatal(|| lock.unlock()), UNLOCK_OF_UNLOCKED_RW_MUTEX);
        lock.runlock();
        assert_eq!(fatal(|| lock.rlocker().unlock()), RUNLOCK_OF_UNLOCKED_RW_MUTEX);
        // Both work on.
        mutex.lock();
        lock.lock();
        assert!(!mutex.try_lock());
    }

    #[test]
    fn one_thread_may_unlock_what_another_has_locked() {
        let mutex = RawMutex::new();
        mutex.lock();
        thread::scope(|scope| {
            scope.spawn(|| mutex.lock());
            scope.spawn(|| mutex.unlock());
        });
        assert!(!mutex.try_lock());
    }

    #[test]
    fn threads_take_turns() {
        let total = Mutex::new(0);
        let raw = RawMutex::new();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..2_000 {
                        raw.lock();
                        *total.try_lock().expect("nobody is here but us") += 1;
                        if round % 64 == 0 {
                            thread::yield_now();
                        }
                        raw.unlock();
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 8_000);
        assert!(raw.queue.lock().is_empty());
        assert_eq!(raw.state.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_panic_frees_the_mutex() {
        let mutex = Mutex::new(1);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            *mutex.lock() += 1;
            let _guard = mutex.lock();
            panic!("as planned");
        }));
        assert!(panic.is_err());
        assert_eq!(*mutex.try_lock().expect("free"), 2);
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let lock: RwMutex = RwMutex::default();
        let readers = Mutex::new((0, 0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        lock.rlock();
                        readers.lock().0 += 1;
                        assert_eq!(readers.lock().1, 0, "a writer is here");
                        readers.lock().0 -= 1;
                        lock.runlock();
                    }
                });
                scope.spawn(|| {
                    for _ in 0..500 {
                        lock.lock();
                        readers.lock().1 += 1;
                        assert_eq!(*readers.lock(), (0, 1), "somebody else is here");
                        readers.lock().1 -= 1;
                        lock.unlock();
                    }
                });
            }
        });
        lock.rlock();
        lock.rlock();
    }

    #[test]
    fn a_waiting_writer_goes_before_later_readers() {
        let lock: RwMutex = RwMutex::default();
        lock.rlock();
        let order = Mutex::new(Vec::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                lock.lock();
                order.lock().push("writer");
                lock.unlock();
            });
            while lock.holders.lock().writers_waiting == 0 {
                thread::yield_now();
            }
            scope.spawn(|| {
                lock.rlock();
                order.lock().push("reader");
                lock.runlock();
            });
            while lock.holders.lock().readers_waiting == 0 {
                thread::yield_now();
            }
            lock.runlock();
        });
        assert_eq!(order.into_inner(), ["writer", "reader"]);
    }
}
