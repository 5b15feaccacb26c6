//! Locks that are held, as a condition variable sees them.

use std::ops::{Deref, DerefMut};

use crate::lock::{Locker, MutexGuard, RawMutex};
use crate::platform::{Platform, Std, host};

/// A lock that the caller holds, and can let go of for a while.
///
/// This is all that [`Cond`](crate::Cond) asks of a lock. It is implemented by the guard of our own
/// [`Mutex`](crate::Mutex), by [`StdGuard`] for `std::sync::Mutex`, and with feature `lock_api` by the guard of every
/// `lock_api` mutex, parking_lot's for one. `'l` is how long the lock itself lives.
///
/// For a lock of your own:
///
/// ```
/// use selvedge::{Cond, Held};
///
/// struct MyHeld<'a>(&'a selvedge::RawMutex);
///
/// impl<'l> Held<'l> for MyHeld<'l> {
///     fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
///         self.0.unlock();
///         let result = body();
///         self.0.lock();
///         result
///     }
/// }
/// # let (lock, cond) = (selvedge::RawMutex::new(), Cond::new());
/// # lock.lock();
/// # assert!(cond.wait_timeout(&mut MyHeld(&lock), std::time::Duration::ZERO).is_err());
/// # lock.unlock();
/// ```
pub trait Held<'l, P: Platform = Std> {
    /// Lets go of the lock, runs `body`, and takes the lock again.
    ///
    /// Everything before the call happens before whatever the next holder does, and what the holders in between did
    /// happens before the return: the lock's own `Release` and `Acquire`. [`Cond`](crate::Cond)'s `body` does not panic.
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R;

    /// The mutex that [`unlocked`](Self::unlocked) takes at the end, if it is one of ours.
    ///
    /// A notification then moves a waiter straight into the queue of this mutex if the mutex is taken: the waiter would
    /// wake only to wait again. The default, `None`, is right for every lock.
    fn raw_mutex(&self) -> Option<&'l RawMutex<P>> {
        None
    }
}

impl<'l, T: ?Sized, P: Platform> Held<'l, P> for MutexGuard<'l, T, P> {
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        let raw = self.raw();
        raw.unlock();
        // The guard frees the mutex when it is dropped, after a panic too: so take it again in any case.
        let _again = LockOnDrop(raw);
        body()
    }

    fn raw_mutex(&self) -> Option<&'l RawMutex<P>> {
        Some(self.raw())
    }
}

/// Takes the mutex when dropped.
struct LockOnDrop<'a, P: Platform>(&'a RawMutex<P>);

impl<P: Platform> Drop for LockOnDrop<'_, P> {
    fn drop(&mut self) {
        self.0.lock();
    }
}

/// A held [`Locker`], for the Go-shaped [`Cond`](crate::go::Cond).
pub(crate) struct HeldLocker<'l, L>(pub(crate) &'l L);

impl<'l, P: Platform, L: Locker<P>> Held<'l, P> for HeldLocker<'l, L> {
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        self.0.unlock();
        let result = body();
        self.0.lock();
        result
    }

    fn raw_mutex(&self) -> Option<&'l RawMutex<P>> {
        self.0.raw_mutex()
    }
}

/// The guard of a [`std::sync::Mutex`], together with the mutex, which std's guard does not tell.
///
/// It dereferences to the value, as std's guard does.
///
/// ```
/// use selvedge::{Cond, StdGuard};
/// use std::sync::Mutex;
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static COND: Cond = Cond::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         *READY.lock().unwrap() = true;
///         COND.signal();
///     });
///     let mut ready = StdGuard::new(&READY, READY.lock().unwrap());
///     COND.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// ```
#[derive(Debug)]
#[must_use = "the mutex is freed when the guard is dropped"]
pub struct StdGuard<'l, T: ?Sized> {
    mutex: &'l host::Mutex<T>,
    /// Missing only while the lock is let go.
    guard: Option<host::MutexGuard<'l, T>>,
}

impl<'l, T: ?Sized> StdGuard<'l, T> {
    /// Puts a guard together with its mutex.
    ///
    /// `guard` must be `mutex`'s: a wait lets go of the first and takes the second.
    pub fn new(mutex: &'l host::Mutex<T>, guard: host::MutexGuard<'l, T>) -> Self {
        Self { mutex, guard: Some(guard) }
    }

    /// std's guard again.
    pub fn into_inner(self) -> host::MutexGuard<'l, T> {
        self.guard.expect(HELD)
    }
}

const HELD: &str = "the lock is let go only during a wait, which borrows the guard";

impl<'l, T: ?Sized, P: Platform> Held<'l, P> for StdGuard<'l, T> {
    /// # Panics
    ///
    /// If the mutex was poisoned meanwhile, as `lock().unwrap()` would. The lock is held then as well.
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        self.guard = None;
        let result = body();
        match self.mutex.lock() {
            Ok(guard) => self.guard = Some(guard),
            Err(poisoned) => {
                self.guard = Some(poisoned.into_inner());
                panic!("the mutex was poisoned during a wait: a thread that held it has panicked");
            }
        }
        result
    }
}

impl<T: ?Sized> Deref for StdGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect(HELD)
    }
}

impl<T: ?Sized> DerefMut for StdGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect(HELD)
    }
}

/// Every `lock_api` mutex, for instance parking_lot's.
///
/// ```
/// use parking_lot::Mutex;
/// use selvedge::Cond;
///
/// static READY: Mutex<bool> = Mutex::new(false);
/// static COND: Cond = Cond::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| {
///         *READY.lock() = true;
///         COND.signal();
///     });
///     let mut ready = READY.lock();
///     COND.wait_while(&mut ready, |ready| !*ready);
///     assert!(*ready);
/// });
/// ```
#[cfg(feature = "lock_api")]
impl<'l, R: lock_api::RawMutex, T: ?Sized, P: Platform> Held<'l, P> for lock_api::MutexGuard<'l, R, T> {
    fn unlocked<U>(&mut self, body: impl FnOnce() -> U) -> U {
        lock_api::MutexGuard::unlocked(self, body)
    }
}
