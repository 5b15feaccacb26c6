//! What a primitive stands on.
//!
//! A primitive of this crate is generic over [`Platform`] and names neither `std::sync` nor a model checker. The same
//! source then runs on the machine ([`Std`], at no cost), under loom (`Loom`, feature `loom`: C11 weak memory and data
//! races) and under shuttle (`Shuttle`, feature `shuttle`: every scheduling point in the hands of a scheduler), all in
//! one build and without RUSTFLAGS.
//!
//! On the two checking platforms every visible operation goes through one place that knows which object it touches and
//! whether it reads or writes. A thread that can never go on again is *blocked*, which is an outcome and not an error:
//! [`Platform::run_to_rest`] reports it.
//!
//! Three things have no counterpart in `std` and exist for verification: [`Region`], an atomic step that waits for its
//! condition; [`Platform::choose`], a free choice that an engine enumerates or draws; and the virtual clock, which
//! moves only when a thread moves it.

mod quiet;
mod run;
#[cfg(feature = "proc")]
mod run_queue;
mod std;

#[cfg(any(feature = "loom", feature = "shuttle"))]
#[cfg_attr(
    not(all(feature = "loom", feature = "shuttle")),
    allow(dead_code, unused_imports, reason = "each engine uses its share")
)]
mod simulated;

#[cfg(any(feature = "loom", feature = "shuttle"))]
mod native;

#[cfg(feature = "loom")]
pub mod loom;
#[cfg(feature = "shuttle")]
pub mod shuttle;

use ::std::any::Any;
use ::std::fmt;
use ::std::hash::Hash;
use ::std::io;
use ::std::ops::{Deref, DerefMut};
use ::std::panic::{AssertUnwindSafe, catch_unwind};
use ::std::time::Duration;

#[cfg(feature = "loom")]
pub use self::loom::Loom;
pub use self::run::{Bounds, Failure, Profile, Race, RacingAccess, Run, Stop, Timeouts};
#[cfg(feature = "proc")]
pub use self::run_queue::{RunQueue, Steal};
#[cfg(feature = "shuttle")]
pub use self::shuttle::Shuttle;
pub use self::std::Std;
pub use ::std::sync::Arc;
pub use ::std::sync::atomic::Ordering;

/// The machine's own synchronisation, for a harness's bookkeeping that no engine should see.
///
/// Never use it inside a primitive: an engine cannot interleave what it cannot see.
pub mod host {
    pub use ::std::sync::atomic;
    pub use ::std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
}

/// How a thread that [`Platform::run_to_rest`] started has ended.
#[derive(Debug)]
pub enum End {
    /// Its body returned.
    Returned,
    /// It can never go on again: everything that could wake it is itself blocked or has ended.
    Blocked,
    /// Its body panicked. The other threads go on, as they do on the machine.
    Panicked(String),
    /// It was about to race on a [`TrackedCell`]. The execution means nothing from there on, so that the other threads
    /// are [`End::Abandoned`].
    Raced(Race),
    /// The execution was given up (a limit, another thread's abort) before it ended.
    Abandoned,
}

/// A thread body for [`Platform::run_to_rest`].
pub type Body = Box<dyn FnOnce() + Send + 'static>;

/// A set of the building blocks that a primitive needs, all from one world.
pub trait Platform: Copy + Default + Eq + Hash + fmt::Debug + Send + Sync + 'static {
    /// `std`, `loom` or `shuttle`.
    const NAME: &'static str;
    /// Whether a data race on a [`TrackedCell`] is found and reported. Where it is not, a race is undefined behaviour.
    const DETECTS_RACES: bool;
    /// Whether time is virtual: it stands still until [`Platform::advance`].
    const VIRTUAL_TIME: bool;
    /// Whether a thread that [spins](Platform::spin_loop) is asleep until something that it has looked at since it
    /// spun last is changed, so that a spin loop is no busy loop and one that nobody ends is a blocked thread.
    const SPINNING_WAITS: bool;

    /// `AtomicBool`.
    type AtomicBool: Atomic<bool>;
    /// `AtomicU32`.
    type AtomicU32: AtomicInteger<u32>;
    /// `AtomicU64`.
    type AtomicU64: AtomicInteger<u64>;
    /// `AtomicUsize`.
    type AtomicUsize: AtomicInteger<usize>;
    /// `AtomicI64`.
    type AtomicI64: AtomicInteger<i64>;
    /// `UnsafeCell` that finds data races where the platform can.
    type Cell<T: Send>: TrackedCell<T>;
    /// `Mutex`, without poisoning.
    type Mutex<T: Send>: PlatformMutex<T>;
    /// `RwLock`, without poisoning.
    type RwLock<T: Send + Sync>: PlatformRwLock<T>;
    /// The reference condition variable: obviously right, no more.
    type Condvar: PlatformCondvar<Self>;
    /// A conditional critical region.
    type Region<T: Send>: Region<T>;
    /// A queue of runnable work that others steal from.
    #[cfg(feature = "proc")]
    type RunQueue<T: Send>: RunQueue<T>;
    /// A handle by which a thread is unparked.
    type Thread: Unpark;
    /// A handle by which a thread is joined.
    type JoinHandle<T: Send + 'static>: Join<T>;

    /// Starts a thread.
    #[track_caller]
    fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> Self::JoinHandle<T>;
    /// Starts a thread with a name, where threads have names.
    ///
    /// # Errors
    ///
    /// If the system has none left; `body` is dropped then. On the checking platforms as often as [`Profile::spawn_failures`]
    /// says; where they themselves can run no more they panic, as [`Platform::spawn`] does.
    #[track_caller]
    fn spawn_named<T: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Self::JoinHandle<T>> {
        _ = name;
        Ok(Self::spawn(body))
    }
    /// Runs `body` and answers with the payload if it panics. An unwind by which the platform itself ends a thread goes on.
    fn contain<R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
        catch_unwind(AssertUnwindSafe(body))
    }
    /// The calling thread.
    fn current() -> Self::Thread;
    /// Waits for a token and takes it. Like `std::thread::park` it may return without one: on the checking platforms as often as
    /// [`Profile::spurious_budget`] says. Callers loop.
    #[track_caller]
    fn park();
    /// Waits for a token until `timeout` has passed, and no shorter. Returns whether a token was taken.
    #[track_caller]
    fn park_timeout(timeout: Duration) -> bool;
    /// Like [`Platform::park_timeout`], with the end of the time as [`Platform::now`] tells it: so that it does not move
    /// if the virtual clock does between a look at the clock and the park.
    #[track_caller]
    fn park_until(deadline: Duration) -> bool {
        Self::park_timeout(deadline.saturating_sub(Self::now()))
    }
    /// Lets others run first: under shuttle, until one of them changes something that the caller has looked at since it
    /// yielded last, or none of them can go on.
    #[track_caller]
    fn yield_now();
    /// Says that the caller spins.
    #[track_caller]
    fn spin_loop();
    /// An atomic fence.
    #[track_caller]
    fn fence(order: Ordering);
    /// Time since an arbitrary start.
    #[track_caller]
    fn now() -> Duration;
    /// Lets time pass: moves the virtual clock, or sleeps on the real one.
    #[track_caller]
    fn advance(duration: Duration);
    /// Runs code that stands on types of the engine's own (`loom::sync`, `shuttle::sync`), in a search whose
    /// bounds allow that. An engine that must know what steps have in common takes all that happens inside for steps on
    /// one object. What it shares with code outside goes by way of the platform.
    #[track_caller]
    fn foreign<R>(code: impl FnOnce() -> R) -> R {
        code()
    }
    /// One of `0..alternatives`, enumerated or drawn by the engine; pseudo-random per thread on [`Std`].
    fn choose(alternatives: usize) -> usize;
    /// Runs the bodies as threads until each has ended or can never go on, and says how each ended, in order.
    ///
    /// On [`Std`] "never" is undecidable: it means that every thread left has been asleep for
    /// [`QUIET`] without progress; such threads are leaked.
    #[track_caller]
    fn run_to_rest(bodies: Vec<Body>) -> Vec<End>;
}

/// How long every remaining thread must be asleep on [`Std`] before it counts as blocked.
pub const QUIET: Duration = Duration::from_millis(20);

/// What all atomics do.
pub trait Atomic<T>: Send + Sync + fmt::Debug {
    /// A new atomic.
    fn new(value: T) -> Self;
    /// As in `std`.
    #[track_caller]
    fn load(&self, order: Ordering) -> T;
    /// As in `std`.
    #[track_caller]
    fn store(&self, value: T, order: Ordering);
    /// As in `std`.
    #[track_caller]
    fn swap(&self, value: T, order: Ordering) -> T;
    /// As in `std`.
    #[track_caller]
    fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T>;
    /// As in `std`; fails spuriously where the machine does.
    #[track_caller]
    fn compare_exchange_weak(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T>;
}

/// What integer atomics do besides.
pub trait AtomicInteger<T>: Atomic<T> {
    /// Adds, wrapping around, and returns the old value.
    #[track_caller]
    fn fetch_add(&self, value: T, order: Ordering) -> T;
    /// Subtracts, wrapping around, and returns the old value.
    #[track_caller]
    fn fetch_sub(&self, value: T, order: Ordering) -> T;
    /// Bitwise or; returns the old value.
    #[track_caller]
    fn fetch_or(&self, value: T, order: Ordering) -> T;
    /// Bitwise and; returns the old value.
    #[track_caller]
    fn fetch_and(&self, value: T, order: Ordering) -> T;
}

/// A cell whose accesses the platform watches for data races.
pub trait TrackedCell<T>: Send + Sync {
    /// A new cell.
    fn new(value: T) -> Self;
    /// Reads through a pointer.
    ///
    /// The pointer is valid for reads during `access`. Reading through it is sound only while no other thread writes:
    /// say in a `SAFETY:` comment why none does.
    #[track_caller]
    fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R;
    /// Writes through a pointer.
    ///
    /// The pointer is valid for reads and writes during `access`. Using it is sound only while no other thread
    /// accesses the cell: say in a `SAFETY:` comment why none does.
    #[track_caller]
    fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R;
}

/// A mutex without poisoning.
pub trait PlatformMutex<T>: Send + Sync {
    /// Holding it is holding the lock.
    type Guard<'a>: DerefMut<Target = T>
    where
        Self: 'a,
        T: 'a;
    /// A new mutex.
    fn new(value: T) -> Self;
    /// Waits for the lock.
    #[track_caller]
    fn lock(&self) -> Self::Guard<'_>;
    /// Takes the lock if it is free.
    #[track_caller]
    fn try_lock(&self) -> Option<Self::Guard<'_>>;
}

/// A reader-writer lock without poisoning.
pub trait PlatformRwLock<T>: Send + Sync {
    /// Holding it is holding the lock for reading.
    type ReadGuard<'a>: Deref<Target = T>
    where
        Self: 'a,
        T: 'a;
    /// Holding it is holding the lock for writing.
    type WriteGuard<'a>: DerefMut<Target = T>
    where
        Self: 'a,
        T: 'a;
    /// A new lock.
    fn new(value: T) -> Self;
    /// Waits until no writer holds the lock.
    #[track_caller]
    fn read(&self) -> Self::ReadGuard<'_>;
    /// Waits until nobody holds the lock.
    #[track_caller]
    fn write(&self) -> Self::WriteGuard<'_>;
}

/// The guard of platform `P`'s mutex.
pub type MutexGuard<'a, P, T> = <<P as Platform>::Mutex<T> as PlatformMutex<T>>::Guard<'a>;

/// The reference condition variable: each half of a wait is one visible step, and which waiter a notification wakes is
/// [`Platform::choose`]'s choice.
pub trait PlatformCondvar<P: Platform>: Send + Sync {
    /// A new condition variable.
    fn new() -> Self;
    /// Releases the lock and waits for a notification, then takes the lock again.
    #[track_caller]
    fn wait<'a, T: Send + 'a>(&self, guard: MutexGuard<'a, P, T>) -> MutexGuard<'a, P, T>;
    /// Like `wait`, but may also return when `timeout` has passed. Returns whether it was notified.
    #[track_caller]
    fn wait_timeout<'a, T: Send + 'a>(
        &self,
        guard: MutexGuard<'a, P, T>,
        timeout: Duration,
    ) -> (MutexGuard<'a, P, T>, bool);
    /// Wakes one waiter, if there is any.
    #[track_caller]
    fn notify_one(&self);
    /// Wakes every waiter.
    #[track_caller]
    fn notify_all(&self);
}

/// A conditional critical region: an atomic step on a value, enabled when a condition on the value holds.
pub trait Region<T>: Send + Sync {
    /// A new region.
    fn new(value: T) -> Self;
    /// Waits until `ready` holds, then acts, all in one visible step.
    #[track_caller]
    fn when<R>(&self, ready: impl Fn(&T) -> bool, act: impl FnOnce(&mut T) -> R) -> R;
    /// Like [`Region::when`], and the action says whether it is ordered with others that are: one that is not neither
    /// happens after anything nor before anything because of it.
    #[track_caller]
    fn when_ordered<R>(&self, ready: impl Fn(&T) -> bool, act: impl FnOnce(&mut T) -> (R, bool)) -> R {
        self.when(ready, |value| act(value).0)
    }
    /// Acts at once, in one visible step.
    #[track_caller]
    fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        self.when(|_| true, act)
    }
    /// Acts at once, in one visible step that commutes with the others of the same group: the caller promises that
    /// nobody who looks cares for the order of two such actions. An engine may then try one order only, and neither action
    /// happens before anything else because of it.
    #[track_caller]
    fn with_others(&self, _group: u8, act: impl FnOnce(&mut T)) {
        self.with(act);
    }
}

/// Unparking a thread.
pub trait Unpark: Clone + Send + Sync + fmt::Debug {
    /// Leaves a token for the thread.
    #[track_caller]
    fn unpark(&self);
}

/// Joining a thread.
pub trait Join<T>: Send {
    /// Waits for the thread's end.
    ///
    /// # Panics
    ///
    /// If the thread panicked.
    #[track_caller]
    fn join(self) -> T;
    /// Whether it is the calling thread that this joins.
    fn is_current(&self) -> bool;
}
