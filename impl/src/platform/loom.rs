//! The platform under loom: C11 weak memory and data races, every interleaving, up to four threads beside the body.
//!
//! Atomics, fences and race detection are loom's own. Everything that waits is ours (see `simulated`), because loom's
//! answer to a thread that can never go on is a panic that ends the search, and its condition variable is first-in
//! first-out, never wakes spuriously and never times out.
//!
//! - A visible step on one of our objects is a scheduling point that loom knows as an access to that object (a
//!   notification of a loom condition variable that nobody waits on: it has no other effect). A failed attempt is such a
//!   step too, and leaves no trace in what happens before what.
//! - Edges are read-modify-writes of a loom atomic of the object, with the ordering that the operation promises, inside a
//!   section that loom does not explore: together with the scheduling point before it, one indivisible step.
//! - Giving a mutex back, and ending, are no scheduling points, and their edges are such that loom takes them for no
//!   access (see `Edges`). Nobody could tell them from later ones, unless with `try_lock`: a search that meets its first
//!   `try_lock` begins anew, with a scheduling point before each unlock. Both together made the search for three threads
//!   that lock a mutex twice each 14 times smaller than loom's own with loom's own mutex (539 executions, 7,847).
//! - Waiting is loom's `park`; who sleeps, and on what, is kept outside loom's view. The last thread that would fall
//!   asleep, or end while all others sleep, sets the rest in motion that `simulated` describes, so that loom never sees
//!   a deadlock.
//! - `choose` reads atomics that an oracle thread wrote before exploration began, each written once and read at most
//!   once: loom explores both values. `k` alternatives are a binary decision tree with exactly `k` leaves, so that none is
//!   explored twice and none rejected. An execution that wants more bits than [`Bounds::choice_bits`] is given up.
//!
//! loom takes a `SeqCst` access for `AcqRel` (`fence(SeqCst)` is right). Here such loads and stores are updates, which loom keeps in
//! order: so there is one order of all `SeqCst` accesses, in which each load sees the last store. That is what is promised, and
//! a little more is given: a store goes on with the release sequence of the one before it, and where weaker stores go to the same
//! variable a load sees no old one of those either.
//!
//! What else loom does not do is not done here: no load buffering; a compare-exchange never fails spuriously. Waking a sleeper orders what the waker did
//! before it; only for the reference condition variable is that more than promised, and there it is said.

mod foreign;
#[doc(hidden)]
pub mod native;
#[doc(hidden)]
pub mod weaken;

use std::any::Any;
use std::cell::{Cell as StdCell, RefCell, UnsafeCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use loom::sync::atomic as loom_atomic;

use self::weaken::Purpose;

use super::quiet::{self, Quiet};
use super::simulated::{
    Confined, Engine, Execution, Object as EngineObject, ObjectId, Shape, Touch, conclude, settle, thread_body,
};
use super::{Atomic, AtomicInteger, Bounds, Failure, Ordering, Race, RacingAccess, Run, Stop, TrackedCell};

/// How many threads the body of a search may start, in all.
pub const MAX_ACTORS: usize = loom::MAX_THREADS - 1;

/// How many threads the body may start if the search allows choices: they cost one.
pub const MAX_ACTORS_WITH_CHOICES: usize = MAX_ACTORS - 1;

/// The longest execution: loom counts a thread's operations in 16 bits, and a step is up to eight of them. A larger
/// [`Bounds::max_steps`] is taken for this.
pub const MAX_STEPS: u64 = u16::MAX as u64 / OPERATIONS_PER_STEP as u64;

/// A step is at most a scheduling point for each of three objects, and two entries of loom's path for each edge.
const OPERATIONS_PER_STEP: usize = 8;

/// Loom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Loom;

/// Runs `body` in every execution that loom distinguishes, within the bounds.
///
/// Everything that the body shares between threads must be made inside it. The cost grows with the number of
/// inequivalent interleavings of visible steps, times the values that each relaxed load may see: exponential in the
/// length of the program. [`Bounds::preemptions`] tames it.
///
/// Loom's stack for the body itself is 32 KiB: keep what runs there small, or start it as a thread.
///
/// ```
/// use selvedge::platform::{Arc, Atomic, Body, Bounds, Loom, Ordering, Platform, loom};
///
/// let run = loom::explore(&Bounds::default(), || {
///     let count = Arc::new(<Loom as Platform>::AtomicU32::new(0));
///     let adder = || {
///         let count = Arc::clone(&count);
///         Box::new(move || count.store(count.load(Ordering::SeqCst) + 1, Ordering::SeqCst)) as Body
///     };
///     Loom::run_to_rest(vec![adder(), adder()]);
///     assert_eq!(count.load(Ordering::SeqCst), 2, "an update was lost");
/// });
/// assert!(run.failure.unwrap().to_string().contains("an update was lost"));
/// ```
pub fn explore(bounds: &Bounds, body: impl Fn() + Send + Sync + 'static) -> Run {
    assert!(Execution::<Loom>::try_current().is_none(), "a search cannot be part of an execution of another");
    let _quiet = Quiet::new();
    let run = Arc::new(Mutex::new(Run {
        executions: 0,
        truncated: 0,
        exhaustive: true,
        complete: false,
        stopped: None,
        failure: None,
    }));
    let mut builder = loom::model::Builder::new();
    builder.max_threads = loom::MAX_THREADS;
    let bounds = &Bounds { max_steps: bounds.max_steps.min(MAX_STEPS), ..bounds.clone() };
    builder.max_branches = MAX_STEPS as usize * OPERATIONS_PER_STEP;
    builder.preemption_bound = bounds.preemptions.filter(|&bound| bound <= usize::from(u8::MAX));
    // The limits are kept here, before each execution and within it.
    builder.max_permutations = None;
    builder.max_duration = None;
    builder.checkpoint_file = None;
    builder.checkpoint_interval = usize::MAX;
    builder.expect_explicit_explore = false;
    builder.location = false;
    builder.log = false;

    let deadline = bounds.max_duration.map(|duration| Instant::now() + duration);
    let (record, limits) = (Arc::clone(&run), bounds.clone());
    let body = Arc::new(body);
    TRY_LOCK.set(TryLock::Unused);
    let searched = loop {
        let (record, limits, body) = (Arc::clone(&record), limits.clone(), Arc::clone(&body));
        let searched = catch_unwind(AssertUnwindSafe(|| {
            builder.check(move || execute(&record, &limits, deadline, &*body));
        }));
        if TRY_LOCK.get() != TryLock::Found {
            break searched;
        }
        TRY_LOCK.set(TryLock::Used);
    };
    let last = EXECUTION.with(|slot| slot.replace(None));
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match searched {
        Ok(()) => run.complete = run.failure.is_none() && run.truncated == 0,
        Err(payload) if payload.is::<EndSearch>() => {}
        Err(payload) => {
            // What went wrong first says more than what that led to.
            let first = last.and_then(|execution| execution.incident().failure);
            run.failure.get_or_insert_with(|| first.unwrap_or_else(|| Failure::Panic(quiet::message(&*payload))));
        }
    }
    run
}

/// The payload that ends a search.
struct EndSearch;

/// One execution, as loom's main thread; or the end of the search.
fn execute(run: &Mutex<Run>, bounds: &Bounds, deadline: Option<Instant>, body: &impl Fn()) {
    {
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        let executions_over = bounds.max_executions.is_some_and(|max| run.executions >= max);
        let time_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if run.failure.is_some() || executions_over || time_over {
            if executions_over {
                run.stopped = Some(Stop::Executions);
            } else if time_over {
                run.stopped = Some(Stop::Duration);
            }
            TRY_LOCK.set(TryLock::Used);
            drop(run);
            resume_unwind(Box::new(EndSearch));
        }
        if TRY_LOCK.get() == TryLock::Found {
            drop(run);
            resume_unwind(Box::new(EndSearch));
        }
        run.executions += 1;
    }
    let execution = Execution::new(bounds, deadline);
    native::begin_execution();
    EXECUTION.with(|slot| slot.replace(Some(Rc::clone(&execution))));
    CHOICES.set(Choices::ask(bounds.choice_bits));
    settle(&execution, || {
        execution.with_engine(0, |thread| *thread = Some(loom::thread::current()));
        body();
    });
    CHOICES.set(Choices::default());
    conclude(&mut run.lock().unwrap_or_else(PoisonError::into_inner), execution.incident());
    EXECUTION.with(|slot| slot.replace(None));
}

thread_local! {
    static EXECUTION: RefCell<Option<Rc<Execution<Loom>>>> = const { RefCell::new(None) };
    static TRY_LOCK: StdCell<TryLock> = const { StdCell::new(TryLock::Unused) };
    static CHOICES: RefCell<Choices> = const { RefCell::new(Choices { bits: Vec::new(), threads: 0 }) };
}

/// Whether the program uses `try_lock`, as far as this search knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TryLock {
    Unused,
    /// Since this execution: the search has begun without the scheduling points that it takes, and must begin anew.
    Found,
    Used,
}

/// The bits that are still to be read.
#[derive(Default)]
struct Choices {
    bits: Vec<Arc<loom_atomic::AtomicBool>>,
    /// How many threads the choices cost.
    threads: usize,
}

impl Choices {
    /// Lets an oracle thread write each bit before exploration begins. It wakes the body first, so that its stores
    /// happen before nothing the body does, and a load may see them or not.
    fn ask(count: u32) -> Self {
        if count == 0 {
            return Self::default();
        }
        let bits: Vec<_> = (0..count).map(|_| Arc::new(loom_atomic::AtomicBool::new(false))).collect();
        let (written, asker) = (bits.clone(), loom::thread::current());
        loom::stop_exploring();
        drop(loom::thread::spawn(move || {
            asker.unpark();
            for bit in written {
                bit.store(true, Ordering::Relaxed);
            }
        }));
        loom::thread::park();
        loom::explore();
        Self { bits, threads: 1 }
    }
}

/// An object as loom sees it.
pub struct Object {
    id: ObjectId,
    /// The scheduling point.
    gate: loom::sync::Condvar,
    edges: Edges,
}

/// What carries an object's edges.
enum Edges {
    /// Read-modify-writes.
    Channels(Vec<loom_atomic::AtomicUsize>),
    /// A lock that is held for reading, and given back to release. Other than a read-modify-write, giving it back is no
    /// access that loom would want to reorder, so that it needs no scheduling point before it. (For reading, because the
    /// others are poisoned by an unwind.)
    Lock(Confined<Loom, HeldLock>),
}

/// A loom lock and its guard.
struct HeldLock {
    /// Of `lock`; it is gone before `lock` is, for it comes first.
    guard: Option<loom::sync::RwLockReadGuard<'static, ()>>,
    lock: Arc<loom::sync::RwLock<()>>,
}

// SAFETY: it is used only through `Confined`, on the thread of the machine that runs its execution. Elsewhere it can only
// be dropped, which forgets the guard and frees the lock.
unsafe impl Send for HeldLock {}

impl HeldLock {
    fn new() -> Self {
        Self { guard: None, lock: Arc::new(loom::sync::RwLock::new(())) }
    }

    fn acquire(&mut self) {
        let guard = critical(|| self.lock.try_read().ok());
        self.guard = guard.map(|guard| {
            // SAFETY: this only forgets the lifetime. The guard stays beside the lock it borrows, which is on the heap
            // and not replaced.
            unsafe {
                std::mem::transmute::<loom::sync::RwLockReadGuard<'_, ()>, loom::sync::RwLockReadGuard<'static, ()>>(
                    guard,
                )
            }
        });
    }

    fn release(&mut self) {
        self.guard = None;
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // Perhaps outside the execution, where loom is not there to be told.
        std::mem::forget(self.guard.take());
    }
}

impl EngineObject<Loom> for Object {
    fn new(id: ObjectId, shape: Shape) -> Self {
        let channels = |count: usize| {
            let channels = (0..count).map(|_| loom_atomic::AtomicUsize::new(0));
            Edges::Channels(channels.collect())
        };
        let edges = match shape {
            Shape::Silent => channels(0),
            Shape::Channel => channels(1),
            Shape::TwoChannels => channels(2),
            Shape::Turns => Edges::Lock(Confined::new(HeldLock::new())),
            Shape::Once => {
                // Held from the start, to be given back by whoever releases.
                let mut lock = HeldLock::new();
                lock.acquire();
                Edges::Lock(Confined::new(lock))
            }
        };
        Self { id, gate: loom::sync::Condvar::new(), edges }
    }

    fn id(&self) -> ObjectId {
        self.id
    }
}

/// Runs operations of loom without a switch and without exploring alternatives.
fn critical<R>(operate: impl FnOnce() -> R) -> R {
    loom::stop_exploring();
    let result = operate();
    loom::explore();
    result
}

/// Runs a visible operation of loom's own.
fn visible<R>(operate: impl FnOnce() -> R) -> R {
    if std::thread::panicking() {
        return critical(operate);
    }
    let execution = Execution::<Loom>::current();
    let me = execution.running();
    execution.begin_step(me);
    let result = operate();
    execution.resume(me);
    execution.leave_if_doomed(me);
    result
}

fn wake_others(execution: &Execution<Loom>) {
    for index in execution.wake() {
        if index != execution.running() {
            execution.with_engine(index, |thread| {
                if let Some(thread) = thread {
                    thread.unpark();
                }
            });
        }
    }
}

/// How the body waits while threads may be blocked inside loom's own primitives, where nobody but loom sees it; see
/// `native`.
fn watch(execution: &Execution<Loom>) {
    /// A call passes three scheduling points at most before it says so, for each of four threads; and one yield more.
    const SILENT_MAX: usize = 3 * MAX_ACTORS + 1;
    /// Each brings out one thread at least.
    const RESCUES_MAX: usize = 4 * MAX_ACTORS;
    let (mut silent, mut rescues) = (0, 0);
    while execution.is_asleep(0) {
        loom::thread::yield_now();
        silent = if execution.running() == 0 { silent + 1 } else { 0 };
        execution.resume(0);
        if silent > SILENT_MAX {
            assert!(rescues < RESCUES_MAX, "a thread that is blocked inside loom's own primitives does not come out");
            execution.rest();
            wake_others(execution);
            critical(|| native::rescue(execution));
            (silent, rescues) = (0, rescues + 1);
        }
    }
}

impl Engine for Loom {
    const NAME: &'static str = "loom";
    const SPINNING_WAITS: bool = false;

    type Object = Object;
    type PerThread = Option<loom::thread::Thread>;
    type AtomicBool = AtomicBool;
    type AtomicU32 = AtomicU32;
    type AtomicU64 = AtomicU64;
    type AtomicUsize = AtomicUsize;
    type AtomicI64 = AtomicI64;
    type Cell<T: Send> = Cell<T>;

    fn slot<R>(use_it: impl FnOnce(&RefCell<Option<Rc<Execution<Self>>>>) -> R) -> R {
        EXECUTION.with(use_it)
    }

    fn pass(execution: &Execution<Self>, me: usize, touches: &[Touch<'_, Self>], ready: Option<&dyn Fn() -> bool>) {
        let mut tokens = foreign::Tokens::default();
        loop {
            if let [first, rest @ ..] = touches {
                first.object.gate.notify_one();
                execution.resume(me);
                for touch in rest {
                    critical(|| touch.object.gate.notify_one());
                }
            }
            if execution.doom_of(me).is_some() || ready.is_none_or(|ready| ready()) {
                return;
            }
            execution.fall_asleep(me);
            if !execution.someone_is_awake() {
                execution.rest();
                wake_others(execution);
            }
            if me == 0 && execution.is_foreign() {
                foreign::watch(execution);
            } else if me == 0 && native::is_used() {
                watch(execution);
            } else if execution.is_asleep(me) {
                loom::thread::park();
                execution.resume(me);
                tokens.took(execution.is_asleep(me));
            }
        }
    }

    fn acquire(object: &Object, channel: usize) {
        match &object.edges {
            // A failed compare-exchange reads the newest value and writes nothing.
            Edges::Channels(channels) => {
                let _ = critical(|| {
                    channels[channel].compare_exchange(usize::MAX, 0, Ordering::Relaxed, Ordering::Acquire)
                });
            }
            Edges::Lock(lock) => lock.with(HeldLock::acquire),
        }
    }

    fn release(object: &Object, channel: usize) {
        match &object.edges {
            Edges::Channels(channels) => {
                critical(|| channels[channel].swap(0, Ordering::Release));
            }
            Edges::Lock(lock) => lock.with(HeldLock::release),
        }
    }

    fn changed(execution: &Execution<Self>) {
        wake_others(execution);
    }

    fn admit(index: usize) {
        let allowed = MAX_ACTORS - CHOICES.with_borrow(|choices| choices.threads);
        assert!(
            index <= allowed,
            "loom runs at most {allowed} threads beside the body here, and this would be one more"
        );
    }

    fn start(execution: &Execution<Self>, index: usize, body: Box<dyn FnOnce() + Send>) {
        // In words; loom's default of 32 KiB is too little for formatting in a build that is not optimised.
        let words = (256 << 10) / size_of::<usize>();
        let builder = loom::thread::Builder::new();
        let thread = match execution.is_foreign() {
            true => builder.spawn(move || foreign::carry(words, index, body)),
            false => builder.stack_size(words).spawn(move || thread_body::<Self>(index, body)),
        };
        let thread = thread.expect("loom starts every thread that it has room for");
        execution.with_engine(index, |slot| *slot = Some(thread.thread().clone()));
    }

    fn ended(execution: &Execution<Self>, _me: usize) {
        wake_others(execution);
        if !execution.someone_is_awake() && execution.someone_is_asleep() {
            execution.rest();
            wake_others(execution);
        }
    }

    fn given_up() {
        loom::skip_branch();
    }

    #[track_caller]
    fn fence(order: Ordering) {
        if let Some(order) = weaken::fence(Location::caller(), order) {
            loom_atomic::fence(order);
        }
    }

    fn choose(execution: &Execution<Self>, alternatives: usize) -> usize {
        let me = execution.running();
        let (mut low, mut high) = (0, alternatives);
        while high - low > 1 {
            let Some(bit) = CHOICES.with_borrow_mut(|choices| choices.bits.pop()) else {
                execution.give_up(Stop::Truncated);
                execution.leave_if_doomed(me);
                return low;
            };
            let middle = low.midpoint(high);
            if bit.load(Ordering::Relaxed) {
                low = middle;
            } else {
                high = middle;
            }
            execution.resume(me);
        }
        execution.leave_if_doomed(me);
        low
    }

    fn unlock_is_a_step() -> bool {
        TRY_LOCK.get() != TryLock::Unused
    }

    fn try_lock_is_used() {
        if TRY_LOCK.get() == TryLock::Unused {
            TRY_LOCK.set(TryLock::Found);
        }
    }

    fn is_internal(message: &str) -> bool {
        message.starts_with("deadlock; threads = ")
            || message.contains("Is the model fully deterministic?")
            || message.contains("[loom internal bug]")
            || message.contains("Model exceeded maximum number of branches")
    }

    fn expels(payload: &(dyn Any + Send)) -> bool {
        foreign::expels(payload)
    }

    fn pass_yielding(_execution: &Execution<Self>, _me: usize) {
        loom::thread::yield_now();
    }
}

/// A cell whose accesses loom watches.
///
/// Loom watches a cell without contents; the contents are beside it. A race is then found before the access takes place.
pub struct Cell<T> {
    watched: loom::cell::UnsafeCell<()>,
    last: Confined<Loom, Accesses>,
    value: UnsafeCell<T>,
}

// SAFETY: the contents are reached only through the raw pointers of `with` and `with_mut`, whose users promise that
// reads and writes do not overlap. Loom's part is touched only by the threads of one execution, on one thread of the
// machine: `access` asks `last` first, which is confined to it.
unsafe impl<T: Send> Sync for Cell<T> {}
// SAFETY: as above; what moves to another thread of the machine is `T: Send` and numbers.
unsafe impl<T: Send> Send for Cell<T> {}

/// Who accessed a cell last, for the message; loom says only that there was a race.
#[derive(Default)]
struct Accesses {
    write: Option<(usize, &'static Location<'static>)>,
    reads: Vec<(usize, &'static Location<'static>)>,
}

impl<T> Cell<T> {
    fn watch(&self, writes: bool, location: &'static Location<'static>) {
        let execution = Execution::<Loom>::current();
        if std::thread::panicking() || execution.has_raced() {
            return;
        }
        let me = execution.running();
        let earlier = self.last.with(|last| {
            let reads = last.reads.iter().rfind(|(thread, _)| *thread != me).filter(|_| writes);
            let earlier = reads.map(|&(thread, place)| (thread, false, place));
            let write = last.write.filter(|(thread, _)| *thread != me).map(|(thread, place)| (thread, true, place));
            if writes {
                last.reads.clear();
                last.write = Some((me, location));
            } else {
                last.reads.retain(|(thread, _)| *thread != me);
                last.reads.push((me, location));
            }
            earlier.or(write)
        });
        let watched = catch_unwind(AssertUnwindSafe(|| {
            if writes {
                self.watched.with_mut(|_| ());
            } else {
                self.watched.with(|_| ());
            }
        }));
        if let Err(payload) = watched {
            let (thread, earlier_writes, place) = match earlier {
                Some(earlier) => earlier,
                // Not a race after all: loom's own trouble.
                None => resume_unwind(payload),
            };
            if execution.is_foreign() {
                // What foreign code does while the thread unwinds must not let others run.
                loom::skip_branch();
            }
            // The execution ends with it.
            execution.set_contained(me, false);
            resume_unwind(Box::new(Race {
                earlier: RacingAccess { thread, writes: earlier_writes, location: place.to_string() },
                later: RacingAccess { thread: me, writes, location: location.to_string() },
            }));
        }
    }
}

impl<T: Send> TrackedCell<T> for Cell<T> {
    fn new(value: T) -> Self {
        Self {
            watched: loom::cell::UnsafeCell::new(()),
            last: Confined::new(Accesses::default()),
            value: UnsafeCell::new(value),
        }
    }

    #[track_caller]
    fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        self.watch(false, Location::caller());
        let result = access(self.value.get());
        self.watch(false, Location::caller());
        result
    }

    #[track_caller]
    fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        self.watch(true, Location::caller());
        let result = access(self.value.get());
        self.watch(true, Location::caller());
        result
    }
}

macro_rules! loom_atomics {
    ($($atomic:ident: $value:ty = $rare:expr),*) => {$(
        /// Loom's own, with its weak memory.
        pub struct $atomic(loom_atomic::$atomic);

        impl fmt::Debug for $atomic {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // The value is not read: that would be an access.
                f.debug_struct(stringify!($atomic)).finish_non_exhaustive()
            }
        }

        impl Atomic<$value> for $atomic {
            fn new(value: $value) -> Self {
                Self(loom_atomic::$atomic::new(value))
            }
            #[track_caller]
            fn load(&self, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Load, order);
                visible(|| match order {
                    // It sees the newest store, like an update, and stores nothing itself, or what is there.
                    Ordering::SeqCst => {
                        let seen = self.0.compare_exchange($rare, $rare, Ordering::Acquire, Ordering::Acquire);
                        seen.unwrap_or_else(|seen| seen)
                    }
                    _ => self.0.load(order),
                })
            }
            #[track_caller]
            fn store(&self, value: $value, order: Ordering) {
                let order = weaken::ordering(Location::caller(), Purpose::Store, order);
                visible(|| match order {
                    Ordering::SeqCst => drop(self.0.swap(value, Ordering::Release)),
                    _ => self.0.store(value, order),
                });
            }
            #[track_caller]
            fn swap(&self, value: $value, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Update, order);
                visible(|| self.0.swap(value, order))
            }
            #[track_caller]
            fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let success = weaken::ordering(Location::caller(), Purpose::Success, success);
                let failure = weaken::ordering(Location::caller(), Purpose::Failure, failure);
                visible(|| self.0.compare_exchange(current, new, success, failure))
            }
            #[track_caller]
            fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let success = weaken::ordering(Location::caller(), Purpose::Success, success);
                let failure = weaken::ordering(Location::caller(), Purpose::Failure, failure);
                visible(|| self.0.compare_exchange(current, new, success, failure))
            }
        }
    )*};
}

macro_rules! loom_integers {
    ($($atomic:ident: $value:ty),*) => {$(
        impl AtomicInteger<$value> for $atomic {
            #[track_caller]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Update, order);
                visible(|| self.0.fetch_add(value, order))
            }
            #[track_caller]
            fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Update, order);
                visible(|| self.0.fetch_sub(value, order))
            }
            #[track_caller]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Update, order);
                visible(|| self.0.fetch_or(value, order))
            }
            #[track_caller]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                let order = weaken::ordering(Location::caller(), Purpose::Update, order);
                visible(|| self.0.fetch_and(value, order))
            }
        }
    )*};
}

loom_atomics!(
    AtomicBool: bool = true,
    AtomicU32: u32 = u32::MAX,
    AtomicU64: u64 = u64::MAX,
    AtomicUsize: usize = usize::MAX,
    AtomicI64: i64 = i64::MAX
);
loom_integers!(AtomicU32: u32, AtomicU64: u64, AtomicUsize: usize, AtomicI64: i64);

#[cfg(test)]
mod tests {
    use super::super::{Body, Platform, PlatformMutex};
    use super::*;

    /// Executions per second of two threads that lock a mutex twice each: here, and written by hand on loom's types.
    ///
    /// Run with `cargo test -p selvedge --all-features --release --lib -- --ignored --nocapture loom`.
    #[test]
    #[ignore = "measures; its result depends on the machine"]
    fn speed_against_a_program_written_by_hand() {
        let ours = || {
            let lock = Arc::new(<Loom as Platform>::Mutex::<u32>::new(0));
            let bodies = (0..2).map(|_| {
                let lock = Arc::clone(&lock);
                Box::new(move || {
                    for _ in 0..2 {
                        *lock.lock() += 1;
                    }
                }) as Body
            });
            Loom::run_to_rest(bodies.collect());
            assert_eq!(*lock.lock(), 4);
        };
        let by_hand = || {
            let lock = Arc::new(loom::sync::Mutex::new(0));
            let threads = (0..2).map(|_| {
                let lock = Arc::clone(&lock);
                loom::thread::spawn(move || {
                    for _ in 0..2 {
                        *lock.lock().unwrap() += 1;
                    }
                })
            });
            for thread in threads.collect::<Vec<_>>() {
                thread.join().unwrap();
            }
            assert_eq!(*lock.lock().unwrap(), 4);
        };
        let mut best = [0f64; 2];
        let mut counts = [0, 0];
        for _ in 0..5 {
            let start = Instant::now();
            for _ in 0..20 {
                counts[0] = explore(&Bounds::default(), ours).executions;
            }
            best[0] = best[0].max(20.0 * counts[0] as f64 / start.elapsed().as_secs_f64());
            let start = Instant::now();
            let executions = Arc::new(std::sync::atomic::AtomicU64::new(0));
            for _ in 0..20 {
                let count = Arc::clone(&executions);
                loom::model::Builder::new().check(move || {
                    count.fetch_add(1, Ordering::Relaxed);
                    by_hand();
                });
            }
            counts[1] = executions.load(Ordering::Relaxed) / 20;
            best[1] = best[1].max(20.0 * counts[1] as f64 / start.elapsed().as_secs_f64());
        }
        println!(
            "loom, mutex 2x2: {} executions here at {:.0}/s, {} by hand at {:.0}/s: {:.0}%",
            counts[0],
            best[0],
            counts[1],
            best[1],
            100.0 * best[0] / best[1]
        );
    }
}
