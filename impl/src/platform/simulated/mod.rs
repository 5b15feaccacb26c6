//! What loom and shuttle share: every object's behaviour, written once.
//!
//! Both engines run all threads of an execution as coroutines of one thread of the machine and switch between them only
//! inside [`step`]. So an object's state can live outside the engine's view, in a [`Confined`] cell: between two steps
//! nothing interferes, and a step is atomic. An operation is
//!
//! 1. a [`step`], which says which objects it touches, and under which condition it can go on at all;
//! 2. the change of the hidden state;
//! 3. the happens-before edges that the operation promises, no more: [`Engine::acquire`], [`Engine::release`];
//! 4. [`Engine::changed`], when the change may let another thread go on.
//!
//! Nothing can come between 1 and 4. A failed attempt leaves no edge.
//!
//! **Waiting** is a step whose condition does not hold. Shuttle never runs such a thread. Loom has no conditions, so
//! there the attempt is a visible operation of its own (or loom would never learn that the order of the attempt and the
//! release matters), and the thread then sleeps until a change makes its condition true.
//!
//! **Rest.** When no thread can go on, the threads of the innermost [`run_to_rest`] are *doomed*: each is resumed once,
//! leaves by an unwind that prints nothing, and ends as [`End::Blocked`]. Unwinding rather than forgetting the stack
//! frees what it owns and releases its locks, so that the body can look at what was left. A data race or an exhausted
//! limit dooms in the same way, as [`End::Abandoned`]. While a thread unwinds, its operations are *muted*: they take
//! effect at once, without a switch and without waiting, whether or not their condition holds; nothing that could
//! notice goes on.
//!
//! **Timeouts and spurious wakeups** need no choice of their own where the schedule decides already: a *free* timeout is
//! a wait whose condition always holds, so that it ends before or after the event as the wait is scheduled. A spurious
//! wakeup is the answer to "wake without the event?", asked through [`Platform::choose`] before each wait as long as the
//! budget lasts; likewise a steal that must be tried again.

mod execution;
mod objects;
#[cfg(feature = "proc")]
mod run_queue;
mod table;
mod thread;

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::hash::Hash;
use std::io;
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use self::execution::Luck;
pub(super) use self::execution::{Doom, Execution, Local, conclude};
pub(super) use self::objects::{Condvar, Mutex, Region, RwLock};
#[cfg(feature = "proc")]
pub(super) use self::run_queue::RunQueue;
pub(super) use self::thread::{Handle, JoinHandle, run_to_rest, settle, thread_body};
use super::{Atomic, AtomicInteger, Body, End, Ordering, Platform, TrackedCell};

/// Names an object for one execution, independently of the schedule: the thread that made it, and how many it had made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// The thread that made the object.
    pub maker: u32,
    /// How many objects that thread had made before.
    pub number: u32,
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.maker, self.number)
    }
}

/// What a step does with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It looks. Two reads commute.
    Read,
    /// It may change it.
    Write,
    /// It may change it, in a way that commutes with others of the same group.
    Group(u8),
}

impl Access {
    /// Whether two such accesses to one object may be swapped, and nobody can tell.
    pub fn commutes_with(self, other: Self) -> bool {
        self != Access::Write && self == other
    }
}

/// How far an object is open to steps that wait for it: a lock that is free, a token that is there.
///
/// A step that [needs](Mention::needs) an object to be open can be taken only while it is. For an object that never makes
/// anybody wait it stays [`Openness::OPEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Openness(pub u8);

impl Openness {
    /// Nobody who needs it can go on; as a need: nothing is needed.
    pub const CLOSED: Self = Self(0);
    /// Open to those who share it.
    pub const SHARED: Self = Self(1);
    /// Open to all.
    pub const OPEN: Self = Self(2);
}

/// What an engine must provide. Everything else is built on it.
pub trait Engine: Copy + Default + Eq + Hash + fmt::Debug + Send + Sync + Sized + 'static {
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    const SPINNING_WAITS: bool;

    /// The engine's side of an object.
    #[doc(hidden)]
    type Object: Object<Self>;
    /// What the engine keeps about a thread.
    #[doc(hidden)]
    type PerThread: Default;
    #[doc(hidden)]
    type AtomicBool: Atomic<bool>;
    #[doc(hidden)]
    type AtomicU32: AtomicInteger<u32>;
    #[doc(hidden)]
    type AtomicU64: AtomicInteger<u64>;
    #[doc(hidden)]
    type AtomicUsize: AtomicInteger<usize>;
    #[doc(hidden)]
    type AtomicI64: AtomicInteger<i64>;
    #[doc(hidden)]
    type Cell<T: Send>: TrackedCell<T>;

    /// What is kept about a thread is to serve for another one, of the next execution.
    #[doc(hidden)]
    fn forget(thread: &mut Self::PerThread) {
        *thread = Self::PerThread::default();
    }
    /// Where the execution that this thread of the machine runs is found.
    #[doc(hidden)]
    fn slot<R>(use_it: impl FnOnce(&RefCell<Option<Rc<Execution<Self>>>>) -> R) -> R;
    /// The number of that execution.
    #[doc(hidden)]
    fn running_number() -> Option<u64> {
        Self::slot(|slot| slot.borrow().as_ref().map(|execution| execution.number()))
    }
    /// Lets the engine switch. Returns when it is the calling thread's turn and `ready` holds, or the thread is doomed.
    #[doc(hidden)]
    fn pass(execution: &Execution<Self>, me: usize, touches: &[Touch<'_, Self>], ready: Option<&dyn Fn() -> bool>);
    /// How far an object is open from now on.
    #[doc(hidden)]
    fn opens(_object: ObjectId, _openness: Openness) {}
    /// The object has been changed for all who look at it: whoever spins on it should look again.
    #[doc(hidden)]
    fn altered(_object: ObjectId) {}
    /// The step that was taken last also touched this object, as is known only now.
    #[doc(hidden)]
    fn noted(_object: ObjectId, _access: Access, _needs: Openness) {}
    /// The step that was taken last has not changed this object, as is known only now.
    #[doc(hidden)]
    fn only_looked(_object: ObjectId) {}
    /// Joins what was released through the object's channel into what the calling thread has seen.
    #[doc(hidden)]
    fn acquire(object: &Self::Object, channel: usize);
    /// Lets later acquirers of the object's channel see what the calling thread has seen.
    #[doc(hidden)]
    fn release(object: &Self::Object, channel: usize);
    /// The hidden state has changed: others may be able to go on.
    #[doc(hidden)]
    fn changed(execution: &Execution<Self>);
    /// # Panics
    ///
    /// If there is no room for a thread with that index.
    #[doc(hidden)]
    fn admit(index: usize);
    /// Starts a coroutine.
    #[doc(hidden)]
    fn start(execution: &Execution<Self>, index: usize, body: Box<dyn FnOnce() + Send>);
    /// The last thing a thread does.
    #[doc(hidden)]
    fn ended(execution: &Execution<Self>, me: usize);
    /// Every thread but the body's is about to unwind: nothing is worth exploring any more.
    #[doc(hidden)]
    fn given_up();
    #[doc(hidden)]
    #[track_caller]
    fn fence(order: Ordering);
    #[doc(hidden)]
    fn choose(execution: &Execution<Self>, alternatives: usize) -> usize;
    /// Whether giving back a mutex must be a step of its own.
    ///
    /// It need not, as long as nobody asks with `try_lock`: until the mutex is given back, no other step on it can be
    /// taken, so that giving it back later than at once changes nothing that anyone could see.
    #[doc(hidden)]
    fn unlock_is_a_step() -> bool;
    /// Somebody is about to ask with `try_lock`.
    #[doc(hidden)]
    fn try_lock_is_used();
    /// Whether the engine itself panicked with that message.
    #[doc(hidden)]
    fn is_internal(message: &str) -> bool;
    /// Whether it is by that payload that the engine makes a doomed thread leave foreign code.
    #[doc(hidden)]
    fn expels(_payload: &(dyn Any + Send)) -> bool {
        false
    }
    /// The running thread is about to enter foreign code, or has left it.
    #[doc(hidden)]
    fn crosses(_location: &'static Location<'static>, _enters: bool) {}
    #[doc(hidden)]
    fn pass_yielding(execution: &Execution<Self>, me: usize);
}

/// How an object orders what its users do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Not at all.
    Silent,
    /// One user after the other: an acquire, then a release, and so on.
    Turns,
    /// It is released once.
    Once,
    /// Through the channel 0, in any order.
    Channel,
    /// Through the channels 0 and 1.
    TwoChannels,
}

/// The engine's side of an object.
pub trait Object<E>: Send + Sync + 'static {
    #[doc(hidden)]
    fn new(id: ObjectId, shape: Shape) -> Self;
    #[doc(hidden)]
    fn id(&self) -> ObjectId;
}

/// One object that a step touches.
pub struct Touch<'a, E: Engine> {
    pub(super) object: &'a E::Object,
    pub(super) access: Access,
    /// How far the object must be open for the step to be taken at all.
    pub(super) needs: Openness,
    /// Strategies are not told: a [`Mention`] of a finer object says what this one would.
    pub(super) is_hidden: bool,
}

impl<E: Engine> Touch<'_, E> {
    pub(super) fn needing(self, needs: Openness) -> Self {
        Touch { needs, ..self }
    }

    pub(super) fn hidden(self) -> Self {
        Touch { is_hidden: true, ..self }
    }
}

/// A touch that may change the object.
pub(super) fn writes<E: Engine>(object: &E::Object) -> Touch<'_, E> {
    Touch { object, access: Access::Write, needs: Openness::CLOSED, is_hidden: false }
}

/// A touch that only looks.
pub(super) fn reads<E: Engine>(object: &E::Object) -> Touch<'_, E> {
    Touch { access: Access::Read, ..writes(object) }
}

/// A touch that commutes with those of the same group.
pub(super) fn joins_in<E: Engine>(object: &E::Object, group: u8) -> Touch<'_, E> {
    Touch { access: Access::Group(group), ..writes(object) }
}

/// An object as strategies are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Which.
    pub object: ObjectId,
    /// What is done with it.
    pub access: Access,
    /// How far it must be open for that.
    pub needs: Openness,
}

/// The one place that every visible operation of an object goes through.
///
/// Returns when the calling thread may act: it is its turn, and `ready`, if given, holds. Muted while the thread unwinds.
///
/// # Panics
///
/// Unwinds, without a message, if the thread is doomed.
pub(super) fn step<E: Engine>(
    location: &'static Location<'static>,
    touches: &[Touch<'_, E>],
    ready: Option<&dyn Fn() -> bool>,
) {
    step_told(location, touches, Told::default(), ready);
}

/// What only strategies are told of a step.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// Another object that it touches.
    pub also: Option<Mention>,
    /// Its condition says more than what the objects that it needs are open for.
    pub is_opaque: bool,
}

/// Like [`step`], with something that only strategies are told.
pub(super) fn step_told<E: Engine>(
    location: &'static Location<'static>,
    touches: &[Touch<'_, E>],
    told: Told,
    ready: Option<&dyn Fn() -> bool>,
) {
    if std::thread::panicking() {
        return;
    }
    let execution = Execution::<E>::current();
    let me = execution.running();
    execution.begin_step(me);
    {
        let _published = execution.publish(me, touches, told, ready, location);
        E::pass(&execution, me, touches, ready);
        execution.resume(me);
    }
    execution.leave_if_doomed(me);
}

/// A new object of the calling thread.
pub(super) fn object<E: Engine>(shape: Shape) -> E::Object {
    E::Object::new(Execution::<E>::with_current(Execution::next_object), shape)
}

/// State that only the threads of one execution touch, which all run on one thread of the machine.
pub(super) struct Confined<E, S> {
    execution: u64,
    state: RefCell<S>,
    engine: PhantomData<fn() -> E>,
}

// SAFETY: `state` is reached through a shared reference only by `try_with`, which first checks that the machine's thread
// that calls it is running the execution that made the cell. An execution runs on a single thread, and no two have the
// same number. What remains is moving and dropping the whole cell elsewhere, for which `S: Send` suffices.
unsafe impl<E, S: Send> Sync for Confined<E, S> {}

impl<E: Engine, S> Confined<E, S> {
    pub(super) fn new(state: S) -> Self {
        Self::of(Execution::<E>::with_current(Execution::number), state)
    }

    /// In the execution of that number.
    pub(super) fn of(execution: u64, state: S) -> Self {
        Self { execution, state: RefCell::new(state), engine: PhantomData }
    }

    /// # Panics
    ///
    /// Outside the execution that made it, and inside another `with` on the same cell.
    pub(super) fn with<R>(&self, use_it: impl FnOnce(&mut S) -> R) -> R {
        match self.try_with(use_it) {
            Some(result) => result,
            None => panic!("an object of the platform `{}` was used outside the execution that made it", E::NAME),
        }
    }

    /// Like [`Confined::with`], but does nothing outside the execution that made the cell.
    pub(super) fn try_with<R>(&self, use_it: impl FnOnce(&mut S) -> R) -> Option<R> {
        if E::running_number() != Some(self.execution) {
            return None;
        }
        let mut state = self.state.try_borrow_mut().expect("an action on a region must not use the region itself");
        Some(use_it(&mut state))
    }
}

impl<E: Engine> Platform for E {
    const NAME: &'static str = <E as Engine>::NAME;
    const DETECTS_RACES: bool = true;
    const VIRTUAL_TIME: bool = true;
    const SPINNING_WAITS: bool = E::SPINNING_WAITS;

    type AtomicBool = <E as Engine>::AtomicBool;
    type AtomicU32 = <E as Engine>::AtomicU32;
    type AtomicU64 = <E as Engine>::AtomicU64;
    type AtomicUsize = <E as Engine>::AtomicUsize;
    type AtomicI64 = <E as Engine>::AtomicI64;
    type Cell<T: Send> = <E as Engine>::Cell<T>;
    type Mutex<T: Send> = Mutex<E, T>;
    type RwLock<T: Send + Sync> = RwLock<E, T>;
    type Condvar = Condvar<E>;
    type Region<T: Send> = Region<E, T>;
    #[cfg(feature = "proc")]
    type RunQueue<T: Send> = RunQueue<E, T>;
    type Thread = Handle<E>;
    type JoinHandle<T: Send + 'static> = JoinHandle<E, T>;

    #[track_caller]
    fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<E, T> {
        thread::spawn(body)
    }

    #[track_caller]
    fn spawn_named<T: Send + 'static>(
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<JoinHandle<E, T>> {
        let execution = Execution::<E>::current();
        if execution.is_lucky(execution.running(), Luck::NoThread) {
            return Err(io::Error::other(format!("the system has no thread left for `{name}`")));
        }
        Ok(thread::spawn(body))
    }

    fn contain<R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
        thread::contain::<E, R>(body)
    }

    fn current() -> Handle<E> {
        let execution = Execution::<E>::current();
        execution.handle(execution.running())
    }

    #[track_caller]
    fn park() {
        thread::park::<E>(Location::caller(), None);
    }

    #[track_caller]
    fn park_timeout(timeout: Duration) -> bool {
        thread::park::<E>(Location::caller(), Some(timeout))
    }

    #[track_caller]
    fn park_until(deadline: Duration) -> bool {
        thread::park_until::<E>(Location::caller(), Some(deadline))
    }

    #[track_caller]
    fn yield_now() {
        if std::thread::panicking() {
            return;
        }
        let execution = Execution::<E>::current();
        let me = execution.running();
        execution.begin_step(me);
        {
            let _published = execution.publish_yield(me, Location::caller());
            E::pass_yielding(&execution, me);
            execution.resume(me);
        }
        execution.leave_if_doomed(me);
    }

    #[track_caller]
    fn spin_loop() {
        <Self as Platform>::yield_now();
    }

    #[track_caller]
    fn fence(order: Ordering) {
        <E as Engine>::fence(order);
    }

    #[track_caller]
    fn now() -> Duration {
        let execution = Execution::<E>::current();
        step(Location::caller(), &[reads::<E>(execution.clock())], None);
        execution.time()
    }

    #[track_caller]
    fn advance(duration: Duration) {
        let execution = Execution::<E>::current();
        step(Location::caller(), &[writes::<E>(execution.clock())], None);
        execution.let_pass(duration);
        E::altered(execution.clock().id());
        E::changed(&execution);
    }

    #[track_caller]
    fn foreign<R>(code: impl FnOnce() -> R) -> R {
        <E as Engine>::crosses(Location::caller(), true);
        let result = code();
        <E as Engine>::crosses(Location::caller(), false);
        result
    }

    fn choose(alternatives: usize) -> usize {
        assert!(alternatives > 0, "there must be something to choose from");
        if alternatives == 1 || std::thread::panicking() {
            return 0;
        }
        <E as Engine>::choose(&Execution::<E>::current(), alternatives)
    }

    #[track_caller]
    fn run_to_rest(bodies: Vec<Body>) -> Vec<End> {
        run_to_rest::<E>(Location::caller(), bodies)
    }
}
