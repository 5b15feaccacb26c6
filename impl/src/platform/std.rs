//! The machine itself.
//!
//! Wrappers without a cost over what `std` has, with `const` constructors, so that a primitive in a `static` needs no
//! lazy initialisation. Two things are ours:
//!
//! - **Parking.** `std::thread::park_timeout` does not say whether it took a token, so the token is kept here, one
//!   atomic beside the thread's own parker. Leaving a token for a thread that runs, and taking one that is there, are
//!   one swap each and never reach `std`; only a thread that must sleep goes on to `std::thread::park`.
//! - **Rest.** Whether a real thread can ever go on is undecidable. On Linux `run_to_rest` reads each thread's state and
//!   its count of context switches in `/proc`: it takes a thread for blocked when all that are left have been asleep,
//!   without being scheduled once, for [`QUIET`]. Elsewhere it has only the time since the last thread ended. Threads
//!   in a timed wait or a sleep of this module are never taken for blocked.

#[cfg(feature = "proc")]
mod run_queue;

use std::cell::{Cell as StdCell, RefCell, UnsafeCell};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{self, AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::quiet::{self, Quiet};
use super::{
    Atomic, AtomicInteger, Body, End, Join, Ordering, Platform, PlatformCondvar, PlatformMutex, PlatformRwLock, QUIET,
    Region as RegionTrait, TrackedCell, Unpark,
};

/// The machine's own synchronisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Std;

impl Platform for Std {
    const NAME: &'static str = "std";
    const DETECTS_RACES: bool = false;
    const VIRTUAL_TIME: bool = false;
    const SPINNING_WAITS: bool = false;

    type AtomicBool = AtomicBool;
    type AtomicU32 = AtomicU32;
    type AtomicU64 = AtomicU64;
    type AtomicUsize = atomic::AtomicUsize;
    type AtomicI64 = atomic::AtomicI64;
    type Cell<T: Send> = Cell<T>;
    type Mutex<T: Send> = Mutex<T>;
    type RwLock<T: Send + Sync> = RwLock<T>;
    type Condvar = Condvar;
    type Region<T: Send> = Region<T>;
    #[cfg(feature = "proc")]
    type RunQueue<T: Send> = run_queue::RunQueue<T>;
    type Thread = Thread;
    type JoinHandle<T: Send + 'static> = JoinHandle<T>;

    #[inline]
    fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        JoinHandle(thread::spawn(body))
    }

    fn spawn_named<T: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<T>> {
        thread::Builder::new().name(name.to_owned()).spawn(body).map(JoinHandle)
    }

    #[inline]
    fn current() -> Thread {
        PARKER.with(|parker| Thread(Arc::clone(parker)))
    }

    #[inline]
    fn park() {
        PARKER.with(|parker| parker.park());
    }

    fn park_timeout(timeout: Duration) -> bool {
        let _timed = Timed::begin();
        PARKER.with(|parker| parker.park_timeout(timeout))
    }

    #[inline]
    fn yield_now() {
        thread::yield_now();
    }

    #[inline]
    fn spin_loop() {
        std::hint::spin_loop();
    }

    #[inline]
    fn fence(order: Ordering) {
        atomic::fence(order);
    }

    fn now() -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn advance(duration: Duration) {
        let _timed = Timed::begin();
        thread::sleep(duration);
    }

    fn choose(alternatives: usize) -> usize {
        assert!(alternatives > 0, "there must be something to choose from");
        DICE.with(|dice| {
            let mut state = dice.get();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            dice.set(state);
            // The high half of a product maps the draw onto the range without a division.
            ((u128::from(state) * alternatives as u128) >> 64) as usize
        })
    }

    fn run_to_rest(bodies: Vec<Body>) -> Vec<End> {
        rest::run(bodies)
    }
}

/// `UnsafeCell` that may be shared; nothing watches it.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Cell<T>(UnsafeCell<T>);

// SAFETY: the contents are reached only through the raw pointers of `with` and `with_mut`, whose users promise that
// reads and writes do not overlap; so threads take turns with the value, which is what `Send` allows.
unsafe impl<T: Send> Sync for Cell<T> {}

impl<T> Cell<T> {
    /// A new cell.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }
}

impl<T: Send> TrackedCell<T> for Cell<T> {
    #[inline]
    fn new(value: T) -> Self {
        Cell::new(value)
    }

    #[inline]
    fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        access(self.0.get())
    }

    #[inline]
    fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        access(self.0.get())
    }
}

/// `std::sync::Mutex` without poisoning.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Mutex<T>(std::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// A new mutex.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }
}

impl<T: Send> PlatformMutex<T> for Mutex<T> {
    type Guard<'a>
        = std::sync::MutexGuard<'a, T>
    where
        T: 'a;

    #[inline]
    fn new(value: T) -> Self {
        Mutex::new(value)
    }

    #[inline]
    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn try_lock(&self) -> Option<Self::Guard<'_>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => None,
        }
    }
}

/// `std::sync::RwLock` without poisoning.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct RwLock<T>(std::sync::RwLock<T>);

impl<T> RwLock<T> {
    /// A new lock.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(std::sync::RwLock::new(value))
    }
}

impl<T: Send + Sync> PlatformRwLock<T> for RwLock<T> {
    type ReadGuard<'a>
        = std::sync::RwLockReadGuard<'a, T>
    where
        T: 'a;
    type WriteGuard<'a>
        = std::sync::RwLockWriteGuard<'a, T>
    where
        T: 'a;

    #[inline]
    fn new(value: T) -> Self {
        RwLock::new(value)
    }

    #[inline]
    fn read(&self) -> Self::ReadGuard<'_> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn write(&self) -> Self::WriteGuard<'_> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `std::sync::Condvar`.
#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Condvar(std::sync::Condvar);

impl Condvar {
    /// A new condition variable.
    #[inline]
    pub const fn new() -> Self {
        Self(std::sync::Condvar::new())
    }
}

impl PlatformCondvar<Std> for Condvar {
    #[inline]
    fn new() -> Self {
        Condvar::new()
    }

    #[inline]
    fn wait<'a, T: Send + 'a>(&self, guard: std::sync::MutexGuard<'a, T>) -> std::sync::MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_timeout<'a, T: Send + 'a>(
        &self,
        guard: std::sync::MutexGuard<'a, T>,
        timeout: Duration,
    ) -> (std::sync::MutexGuard<'a, T>, bool) {
        let _timed = Timed::begin();
        let (guard, result) = self.0.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner);
        (guard, !result.timed_out())
    }

    #[inline]
    fn notify_one(&self) {
        self.0.notify_one();
    }

    #[inline]
    fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// A conditional critical region: a mutex, and a condition variable that every action notifies.
#[derive(Debug, Default)]
pub struct Region<T> {
    value: Mutex<T>,
    acted: Condvar,
}

impl<T> Region<T> {
    /// A new region.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self { value: Mutex::new(value), acted: Condvar::new() }
    }
}

impl<T: Send> RegionTrait<T> for Region<T> {
    fn new(value: T) -> Self {
        Region::new(value)
    }

    fn when<R>(&self, ready: impl Fn(&T) -> bool, act: impl FnOnce(&mut T) -> R) -> R {
        let mut value = self.value.lock();
        while !ready(&value) {
            value = self.acted.wait(value);
        }
        let result = act(&mut value);
        drop(value);
        self.acted.notify_all();
        result
    }
}

/// A handle by which a thread is unparked.
#[derive(Clone, Debug)]
pub struct Thread(Arc<Parker>);

impl Unpark for Thread {
    #[inline]
    fn unpark(&self) {
        self.0.unpark();
    }
}

/// A handle by which a thread is joined.
#[derive(Debug)]
pub struct JoinHandle<T>(thread::JoinHandle<T>);

impl<T: Send> Join<T> for JoinHandle<T> {
    fn join(self) -> T {
        self.0.join().unwrap_or_else(|payload| resume_unwind(payload))
    }

    fn is_current(&self) -> bool {
        self.0.thread().id() == thread::current().id()
    }
}

macro_rules! forward_atomic {
    ($($atomic:ident: $value:ty),*) => {$(
        impl Atomic<$value> for atomic::$atomic {
            #[inline]
            fn new(value: $value) -> Self {
                atomic::$atomic::new(value)
            }
            #[inline]
            fn load(&self, order: Ordering) -> $value {
                self.load(order)
            }
            #[inline]
            fn store(&self, value: $value, order: Ordering) {
                self.store(value, order);
            }
            #[inline]
            fn swap(&self, value: $value, order: Ordering) -> $value {
                self.swap(value, order)
            }
            #[inline]
            fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange(current, new, success, failure)
            }
            #[inline]
            fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.compare_exchange_weak(current, new, success, failure)
            }
        }
    )*};
}

macro_rules! forward_integer {
    ($($atomic:ident: $value:ty),*) => {$(
        impl AtomicInteger<$value> for atomic::$atomic {
            #[inline]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.fetch_add(value, order)
            }
            #[inline]
            fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.fetch_sub(value, order)
            }
            #[inline]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.fetch_or(value, order)
            }
            #[inline]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.fetch_and(value, order)
            }
        }
    )*};
}

forward_atomic!(AtomicBool: bool, AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize, AtomicI64: i64);
forward_integer!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize, AtomicI64: i64);

thread_local! {
    static PARKER: Arc<Parker> = Arc::new(Parker::new());
    static DICE: StdCell<u64> = {
        static THREADS: AtomicU64 = AtomicU64::new(1);
        // An odd multiple of the golden ratio: never zero, and far from the neighbours' seeds.
        StdCell::new((THREADS.fetch_add(1, Ordering::Relaxed) * 2 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    };
    static WATCHED: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// One thread's token.
///
/// `state` goes EMPTY → TOKEN (unpark), TOKEN → EMPTY (the owner takes it), EMPTY → ASLEEP → EMPTY (the owner sleeps and
/// wakes), ASLEEP → TOKEN (unpark, which then wakes the owner). Only the owner leaves TOKEN or enters ASLEEP. Each
/// unpark's swap releases and the owner's acquires, so that what came before an unpark is seen after the park that
/// took its token.
#[derive(Debug)]
struct Parker {
    state: AtomicU32,
    owner: thread::Thread,
}

const EMPTY: u32 = 0;
const TOKEN: u32 = 1;
const ASLEEP: u32 = 2;

impl Parker {
    fn new() -> Self {
        Self { state: AtomicU32::new(EMPTY), owner: thread::current() }
    }

    #[inline]
    fn unpark(&self) {
        if self.state.swap(TOKEN, Ordering::Release) == ASLEEP {
            self.owner.unpark();
        }
    }

    #[inline]
    fn park(&self) {
        if !self.take_or_lie_down() {
            while self.state.load(Ordering::Relaxed) == ASLEEP {
                thread::park();
            }
            self.state.swap(EMPTY, Ordering::Acquire);
        }
    }

    fn park_timeout(&self, timeout: Duration) -> bool {
        if self.take_or_lie_down() {
            return true;
        }
        let start = Instant::now();
        while self.state.load(Ordering::Relaxed) == ASLEEP {
            let Some(left) = timeout.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else {
                break;
            };
            thread::park_timeout(left);
        }
        // A token that came together with the end of the time is taken, not left behind.
        self.state.swap(EMPTY, Ordering::Acquire) == TOKEN
    }

    /// Takes the token if there is one; otherwise says that the owner sleeps.
    #[inline]
    fn take_or_lie_down(&self) -> bool {
        if self.state.compare_exchange(EMPTY, ASLEEP, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return false;
        }
        self.state.swap(EMPTY, Ordering::Acquire);
        true
    }
}

/// While it lives, the thread sleeps no longer than it said and is not blocked.
struct Timed(Option<Arc<AtomicBool>>);

impl Timed {
    fn begin() -> Self {
        let watched = WATCHED.with_borrow(Option::clone);
        if let Some(timed) = &watched {
            timed.store(true, Ordering::Relaxed);
        }
        Self(watched)
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        if let Some(timed) = &self.0 {
            timed.store(false, Ordering::Relaxed);
        }
    }
}

/// [`Platform::run_to_rest`] on real threads.
mod rest {
    use super::*;

    /// How often the threads are looked at.
    const LOOK: Duration = Duration::from_millis(1);

    struct Watched {
        /// The kernel's number of the thread, where it is known.
        kernel_id: Option<String>,
        /// Whether it is in a timed wait.
        timed: Arc<AtomicBool>,
        end: Option<End>,
    }

    pub(super) fn run(bodies: Vec<Body>) -> Vec<End> {
        let (say, news) = mpsc::channel();
        let mut threads: Vec<Watched> = Vec::with_capacity(bodies.len());
        for (index, body) in bodies.into_iter().enumerate() {
            let timed = Arc::new(AtomicBool::new(false));
            let (flag, say) = (Arc::clone(&timed), say.clone());
            thread::spawn(move || {
                WATCHED.set(Some(flag));
                let _ = say.send((index, News::Started(kernel_id())));
                let _quiet = Quiet::new();
                let end = match catch_unwind(AssertUnwindSafe(body)) {
                    Ok(()) => End::Returned,
                    Err(payload) => End::Panicked(quiet::message(&*payload)),
                };
                let _ = say.send((index, News::Ended(end)));
            });
            threads.push(Watched { kernel_id: None, timed, end: None });
        }
        let mut started = 0;
        let mut asleep = Vec::new();
        let mut asleep_since = Instant::now();
        while threads.iter().any(|thread| thread.end.is_none()) {
            match news.recv_timeout(LOOK) {
                Ok((index, News::Started(kernel_id))) => {
                    threads[index].kernel_id = kernel_id;
                    started += 1;
                    asleep_since = Instant::now();
                }
                Ok((index, News::Ended(end))) => {
                    threads[index].end = Some(end);
                    asleep_since = Instant::now();
                }
                Err(_) => {
                    let now_asleep = (started == threads.len()).then(|| sleepers(&threads)).flatten();
                    match now_asleep {
                        Some(now_asleep) if now_asleep == asleep => {}
                        changed => {
                            asleep = changed.unwrap_or_default();
                            asleep_since = Instant::now();
                        }
                    }
                    if asleep_since.elapsed() >= QUIET {
                        break;
                    }
                }
            }
        }
        threads.into_iter().map(|thread| thread.end.unwrap_or(End::Blocked)).collect()
    }

    enum News {
        Started(Option<String>),
        Ended(End),
    }

    /// What each thread that has not ended looks like asleep, or nothing if one of them is awake. Two equal answers
    /// mean that none was scheduled in between.
    fn sleepers(threads: &[Watched]) -> Option<Vec<String>> {
        threads
            .iter()
            .filter(|thread| thread.end.is_none())
            .map(|thread| {
                if thread.timed.load(Ordering::Relaxed) {
                    return None;
                }
                let Some(id) = &thread.kernel_id else {
                    return Some(String::new());
                };
                let status = std::fs::read_to_string(format!("/proc/self/task/{id}/status")).ok()?;
                let line = |name: &str| status.lines().find(|line| line.starts_with(name));
                line("State:").filter(|state| state.contains('S') && state.contains("(sleeping)"))?;
                Some(format!("{:?} {:?}", line("voluntary_ctxt_switches"), line("nonvoluntary_ctxt_switches")))
            })
            .collect()
    }

    fn kernel_id() -> Option<String> {
        let path = std::fs::read_link("/proc/thread-self").ok()?;
        Some(path.file_name()?.to_str()?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timed_park_says_whether_it_took_a_token() {
        assert!(!Std::park_timeout(Duration::from_millis(1)));
        let me = Std::current();
        let waker = thread::spawn(move || me.unpark());
        assert!(Std::park_timeout(Duration::from_secs(600)));
        waker.join().unwrap();
        assert!(!Std::park_timeout(Duration::ZERO), "it took it");
    }

    #[test]
    fn a_park_is_not_ended_by_a_token_of_the_thread_underneath() {
        let me = Std::current();
        thread::current().unpark();
        let waker = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            me.unpark();
        });
        let start = Instant::now();
        Std::park();
        assert!(start.elapsed() >= Duration::from_millis(4));
        waker.join().unwrap();
    }

    /// Two threads that unpark each other in turn: here, and with std's own tokens. Best of several, interleaved.
    ///
    /// Run with `cargo test -p selvedge --release --lib -- --ignored --nocapture std`.
    #[test]
    #[ignore = "measures; its result depends on the machine"]
    fn speed_of_a_park_against_the_standard_library() {
        const TURNS: u32 = 20_000;
        let ping_pong = |start_other: &dyn Fn() -> Box<dyn Fn()>, park: &dyn Fn()| {
            let wake_other = start_other();
            let start = Instant::now();
            for _ in 0..TURNS {
                wake_other();
                park();
            }
            start.elapsed().as_nanos() as f64 / f64::from(TURNS)
        };
        let with_ours = || -> Box<dyn Fn()> {
            let main = Std::current();
            let (say, told) = mpsc::channel();
            thread::spawn(move || {
                say.send(Std::current()).unwrap();
                for _ in 0..TURNS {
                    Std::park();
                    main.unpark();
                }
            });
            let other = told.recv().unwrap();
            Box::new(move || other.unpark())
        };
        let with_std = || -> Box<dyn Fn()> {
            let main = thread::current();
            let other = thread::spawn(move || {
                for _ in 0..TURNS {
                    thread::park();
                    main.unpark();
                }
            });
            let other = other.thread().clone();
            Box::new(move || other.unpark())
        };
        let (mut best_ours, mut best_std) = (f64::MAX, f64::MAX);
        for _ in 0..15 {
            best_ours = best_ours.min(ping_pong(&with_ours, &Std::park));
            best_std = best_std.min(ping_pong(&with_std, &thread::park));
        }
        let token = |unpark: &dyn Fn(), park: &dyn Fn()| {
            let start = Instant::now();
            for _ in 0..1_000_000 {
                unpark();
                park();
            }
            start.elapsed().as_nanos() as f64 / 1e6
        };
        let (me, std_me) = (Std::current(), thread::current());
        let token_ours = token(&|| me.unpark(), &Std::park);
        let token_std = token(&|| std_me.unpark(), &thread::park);
        println!(
            "a round trip: {best_ours:.0} ns here, {best_std:.0} ns with std; \
             a token left and taken: {token_ours:.1} ns here, {token_std:.1} ns with std"
        );
    }
}
