//! One execution: which threads there are, what each is about to do, and what happens when none can go on.

use std::cell::{Cell, OnceCell, RefCell};
use std::panic::{Location, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::super::{Bounds, End, Failure, Profile, Stop};
use super::table::{State, Threads};
use super::thread::Abandoned;
use super::{Engine, Handle, Mention, Object, ObjectId, Told, Touch};

/// The state of one execution that the engine must not see.
pub struct Execution<E: Engine> {
    number: u64,
    running: Cell<usize>,
    threads: RefCell<Threads<E>>,
    /// The thread that waits in each `run_to_rest`; the scope of the body itself is 0 and has no owner.
    owners: RefCell<Vec<usize>>,
    /// Whether the body is over and only waits for what it left behind.
    settling: Cell<bool>,
    clock: OnceCell<E::Object>,
    /// What foreign code touches, if any is allowed.
    foreign: Option<OnceCell<E::Object>>,
    now: Cell<Duration>,
    profile: Profile,
    steps_left: Cell<u64>,
    max_steps: u64,
    deadline: Option<Instant>,
    stop: Cell<Option<Stop>>,
    failure: RefCell<Option<Failure>>,
    raced: Cell<bool>,
}

/// What may happen to a thread for no reason, as often as the [`Profile`] says. The order is that of `Entry::luck_left`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Luck {
    /// A wait ends.
    Wakeup,
    /// A steal must be tried again.
    #[cfg_attr(not(feature = "proc"), allow(dead_code, reason = "nobody steals then"))]
    Retry,
    /// The system has no thread left.
    NoThread,
}

/// Where a thread stands, as far as a scheduler is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Local {
    /// It has not run yet.
    New,
    /// It runs code that no other thread can see.
    Running,
    /// It is about to take a step.
    Pending,
    /// Its body is over.
    Ended,
}

/// What a thread is about to do.
pub struct Pending {
    /// The objects, and what it does with them.
    pub touches: [Option<Mention>; MENTIONS_MAX],
    /// Whether it lets others go first.
    pub yields: bool,
    /// Whether what it needs of the objects says less than its condition.
    pub is_opaque: bool,
    /// Where in the source.
    pub location: &'static Location<'static>,
    /// Under which condition; see [`Execution::is_ready`].
    ready: Option<*const (dyn Fn() -> bool + 'static)>,
}

/// How many objects one step touches at most.
const MENTIONS_MAX: usize = 4;

/// Why a thread must leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doom {
    /// It can never go on.
    Blocked,
    /// Its execution was given up.
    Abandoned,
}

/// What became of an execution.
#[derive(Default)]
pub struct Incident {
    /// What went wrong in the body.
    pub failure: Option<Failure>,
    /// Which limit cut it short.
    pub stop: Option<Stop>,
}

impl<E: Engine> Execution<E> {
    pub(in crate::platform) fn new(bounds: &Bounds, deadline: Option<Instant>) -> Rc<Self> {
        Rc::new(Self::with(Threads::new(), Vec::new(), bounds, deadline))
    }

    /// Like [`Execution::new`], in the memory of one that is over.
    pub(in crate::platform) fn again(mut old: Rc<Self>, bounds: &Bounds, deadline: Option<Instant>) -> Rc<Self> {
        let Some(unshared) = Rc::get_mut(&mut old) else {
            if !old.is_foreign() {
                return Self::new(bounds, deadline);
            }
            // Stacks that never run again have kept it, and need nothing of it.
            let mut threads = old.threads.take();
            threads.clear();
            return Rc::new(Self::with(threads, Vec::new(), bounds, deadline));
        };
        let mut threads = std::mem::take(unshared.threads.get_mut());
        threads.clear();
        let owners = std::mem::take(unshared.owners.get_mut());
        *unshared = Self::with(threads, owners, bounds, deadline);
        old
    }

    fn with(threads: Threads<E>, mut owners: Vec<usize>, bounds: &Bounds, deadline: Option<Instant>) -> Self {
        static EXECUTIONS: AtomicU64 = AtomicU64::new(1);
        owners.clear();
        owners.push(usize::MAX);
        Self {
            number: EXECUTIONS.fetch_add(1, Ordering::Relaxed),
            running: Cell::new(0),
            threads: RefCell::new(threads),
            owners: RefCell::new(owners),
            settling: Cell::new(false),
            clock: OnceCell::new(),
            foreign: bounds.foreign.then(OnceCell::new),
            now: Cell::new(Duration::ZERO),
            profile: bounds.profile,
            steps_left: Cell::new(bounds.max_steps),
            max_steps: bounds.max_steps,
            deadline,
            stop: Cell::new(None),
            failure: RefCell::new(None),
            raced: Cell::new(false),
        }
    }

    /// The execution that this thread of the machine is running.
    ///
    /// # Panics
    ///
    /// If it is running none.
    pub(in crate::platform) fn current() -> Rc<Self> {
        Self::try_current().unwrap_or_else(|| Self::refuse())
    }

    /// Like [`Execution::current`], for what needs it for a moment, in which nothing switches.
    pub(in crate::platform) fn with_current<R>(use_it: impl FnOnce(&Self) -> R) -> R {
        E::slot(|slot| match &*slot.borrow() {
            Some(execution) => use_it(execution),
            None => Self::refuse(),
        })
    }

    #[cold]
    fn refuse() -> ! {
        panic!("the platform `{}` works only inside its `explore`", <E as Engine>::NAME)
    }

    pub(in crate::platform) fn try_current() -> Option<Rc<Self>> {
        E::slot(|slot| slot.borrow().clone())
    }

    pub(in crate::platform) fn number(&self) -> u64 {
        self.number
    }

    /// The thread whose code is running.
    pub(in crate::platform) fn running(&self) -> usize {
        self.running.get()
    }

    /// The engine has switched back to `me`.
    pub(in crate::platform) fn resume(&self, me: usize) {
        self.running.set(me);
    }

    pub(in crate::platform) fn profile(&self) -> Profile {
        self.profile
    }

    pub(in crate::platform) fn next_object(&self) -> ObjectId {
        let mut threads = self.threads.borrow_mut();
        let maker = self.running.get();
        let entry = &mut threads[maker];
        let number = entry.objects;
        entry.objects += 1;
        ObjectId { maker: maker as u32, number }
    }

    // Threads.

    /// Registers a thread and returns its index. The first one is the body itself.
    pub(super) fn enter(&self, scope: Option<usize>) -> usize {
        let mut threads = self.threads.borrow_mut();
        let index = threads.len();
        let scope = match scope {
            Some(scope) => scope,
            None if index == 0 => 0,
            None => threads[self.running.get()].scope,
        };
        let Profile { spurious_budget, steal_retries, spawn_failures, .. } = self.profile;
        threads.enter(self.number, scope, [spurious_budget, steal_retries, spawn_failures]);
        index
    }

    pub(super) fn open_scope(&self) -> usize {
        let mut owners = self.owners.borrow_mut();
        owners.push(self.running.get());
        owners.len() - 1
    }

    pub(super) fn begin_thread(&self, index: usize) {
        self.running.set(index);
        self.threads.borrow_mut()[index].state = State::Started;
    }

    pub(super) fn end_thread(&self, index: usize, end: End) {
        let mut threads = self.threads.borrow_mut();
        threads[index].state = State::Ended;
        threads[index].end = Some(end);
    }

    pub(super) fn take_end(&self, index: usize) -> End {
        self.threads.borrow_mut()[index].end.take().unwrap_or(End::Abandoned)
    }

    /// Whether the body has begun and not ended.
    pub(in crate::platform) fn is_under_way(&self) -> bool {
        self.threads.borrow().first().is_some_and(|body| body.state != State::Ended)
    }

    pub(in crate::platform) fn has_ended(&self, index: usize) -> bool {
        self.threads.borrow()[index].state == State::Ended
    }

    pub(super) fn scope_has_ended(&self, scope: usize) -> bool {
        let threads = self.threads.borrow();
        threads.iter().all(|thread| thread.scope != scope || thread.state == State::Ended)
    }

    pub(super) fn others_have_ended(&self, me: usize) -> bool {
        let threads = self.threads.borrow();
        threads.iter().enumerate().all(|(index, thread)| index == me || thread.state == State::Ended)
    }

    pub(in crate::platform) fn handle(&self, index: usize) -> Handle<E> {
        Handle(Arc::clone(&self.threads.borrow()[index].shared))
    }

    pub(in crate::platform) fn thread_count(&self) -> usize {
        self.threads.borrow().len()
    }

    /// Where a thread stands.
    pub(in crate::platform) fn local(&self, index: usize) -> Local {
        let threads = self.threads.borrow();
        match (threads[index].state, &threads[index].pending) {
            (State::New, _) => Local::New,
            (State::Ended, _) => Local::Ended,
            (_, None) => Local::Running,
            (_, Some(_)) => Local::Pending,
        }
    }

    /// The first thread that has not run yet, and whether any must leave.
    pub(in crate::platform) fn newcomer(&self) -> (Option<usize>, bool) {
        let (mut newcomer, mut is_any_doomed) = (None, false);
        for (index, thread) in self.threads.borrow().iter().enumerate() {
            if newcomer.is_none() && thread.state == State::New {
                newcomer = Some(index);
            }
            is_any_doomed |= thread.doom.is_some() && thread.state != State::Ended;
        }
        (newcomer, is_any_doomed)
    }

    /// What the engine keeps about a thread.
    pub(in crate::platform) fn with_engine<R>(&self, index: usize, use_it: impl FnOnce(&mut E::PerThread) -> R) -> R {
        use_it(&mut self.threads.borrow_mut()[index].engine)
    }

    /// Whether `me` has that luck now, as the engine chooses. It has it once less then.
    pub(super) fn is_lucky(&self, me: usize, luck: Luck) -> bool {
        let has_left = self.threads.borrow()[me].luck_left[luck as usize] > 0;
        let is_lucky = has_left && <E as super::super::Platform>::choose(2) == 1;
        if is_lucky {
            self.threads.borrow_mut()[me].luck_left[luck as usize] -= 1;
        }
        is_lucky
    }

    // Steps.

    /// Counts a step, and leaves if the thread must.
    pub(in crate::platform) fn begin_step(&self, me: usize) {
        self.count_step();
        self.leave_if_doomed(me);
    }

    /// Counts a step, and gives the execution up if it was one too many.
    pub(in crate::platform) fn count_step(&self) {
        let left = self.steps_left.get();
        if left == 0 {
            self.give_up(Stop::Branches);
        } else {
            self.steps_left.set(left - 1);
            // Asking the time is slower than a step.
            if left.is_multiple_of(64) && self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.give_up(Stop::Duration);
            }
        }
    }

    /// Publishes what `me` is about to do until the result is dropped.
    pub(super) fn publish<'a>(
        &'a self,
        me: usize,
        touches: &[Touch<'_, E>],
        told: Told,
        ready: Option<&'a dyn Fn() -> bool>,
        location: &'static Location<'static>,
    ) -> Published<'a, E> {
        let mut named = [None; MENTIONS_MAX];
        let shown = touches.iter().filter(|touch| !touch.is_hidden);
        let mentions =
            shown.map(|touch| Mention { object: touch.object.id(), access: touch.access, needs: touch.needs });
        for (name, mention) in named.iter_mut().zip(mentions.chain(told.also)) {
            *name = Some(mention);
        }
        debug_assert!(touches.len() < named.len(), "there is room for all of them");
        let ready = ready.map(|ready| {
            let ready: *const (dyn Fn() -> bool + 'a) = ready;
            // SAFETY: this only forgets the lifetime. The pointer is followed by `is_ready` alone, while it is
            // published, and `Published` withdraws it before `'a` can end.
            unsafe { std::mem::transmute::<*const (dyn Fn() -> bool + 'a), *const (dyn Fn() -> bool + 'static)>(ready) }
        });
        let mut threads = self.threads.borrow_mut();
        threads[me].place = Some(location);
        threads[me].pending =
            Some(Pending { touches: named, yields: false, is_opaque: told.is_opaque, location, ready });
        Published { execution: self, me }
    }

    pub(super) fn publish_yield(&self, me: usize, location: &'static Location<'static>) -> Published<'_, E> {
        let published = self.publish(me, &[], Told { is_opaque: true, ..Told::default() }, None, location);
        if let Some(pending) = &mut self.threads.borrow_mut()[me].pending {
            pending.yields = true;
        }
        published
    }

    /// Where a thread's last step is, or the one that it is about to take.
    pub(in crate::platform) fn place(&self, index: usize) -> Option<&'static Location<'static>> {
        self.threads.borrow()[index].place
    }

    /// Looks at what a thread is about to do.
    pub(in crate::platform) fn with_pending<R>(&self, index: usize, look: impl FnOnce(Option<&Pending>) -> R) -> R {
        look(self.threads.borrow()[index].pending.as_ref())
    }

    /// Whether a thread is about to let others go first.
    pub(in crate::platform) fn yields(&self, index: usize) -> bool {
        self.threads.borrow()[index].pending.as_ref().is_some_and(|pending| pending.yields)
    }

    /// Whether the condition of a thread's pending step holds, or there is none.
    pub(in crate::platform) fn is_ready(&self, index: usize) -> bool {
        let ready = self.threads.borrow()[index].pending.as_ref().and_then(|pending| pending.ready);
        match ready {
            None => true,
            // SAFETY: the pointer was published by a `step` that has not returned, for `Published` withdraws it when it
            // does, also by an unwind. That step's stack holds what the closure borrows: it is a coroutine's, which is
            // kept while it is suspended. All of it happens on one thread of the machine.
            Some(ready) => unsafe { (*ready)() },
        }
    }

    pub(in crate::platform) fn doom_of(&self, index: usize) -> Option<Doom> {
        self.threads.borrow()[index].doom
    }

    pub(in crate::platform) fn leave_if_doomed(&self, me: usize) {
        if self.doom_of(me).is_some() {
            resume_unwind(Box::new(Abandoned));
        }
    }

    // Sleep, for engines that cannot leave a thread unscheduled.

    pub(in crate::platform) fn fall_asleep(&self, index: usize) {
        self.threads.borrow_mut()[index].state = State::Asleep;
    }

    /// Wakes the sleepers that can go on or must leave, and returns them.
    pub(in crate::platform) fn wake(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.thread_count()).filter(|&index| {
            let asleep = self.threads.borrow()[index].state == State::Asleep;
            let wakes = asleep && (self.doom_of(index).is_some() || self.is_ready(index));
            if wakes {
                self.threads.borrow_mut()[index].state = State::Started;
            }
            wakes
        })
    }

    pub(in crate::platform) fn is_asleep(&self, index: usize) -> bool {
        self.threads.borrow()[index].state == State::Asleep
    }

    pub(in crate::platform) fn someone_is_awake(&self) -> bool {
        let threads = self.threads.borrow();
        threads.iter().any(|thread| matches!(thread.state, State::New | State::Started))
    }

    pub(in crate::platform) fn someone_is_asleep(&self) -> bool {
        self.threads.borrow().iter().any(|thread| thread.state == State::Asleep)
    }

    // Foreign code.

    /// Whether threads may use the engine's own types.
    pub(in crate::platform) fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// What all that foreign code does is said to touch, in an execution that allows such code.
    pub(in crate::platform) fn foreign(&self) -> Option<&E::Object> {
        self.foreign.as_ref()?.get()
    }

    pub(super) fn make_foreign(&self, make: impl FnOnce() -> E::Object) {
        if let Some(foreign) = &self.foreign {
            foreign.get_or_init(make);
        }
    }

    /// A doomed thread that cannot leave has come to its end where it stands. It must never run again.
    #[cfg(feature = "shuttle")]
    pub(in crate::platform) fn forget_thread(&self, index: usize) {
        self.threads.borrow_mut()[index].pending = None;
        super::thread::conclude_thread(self, index, super::thread::doomed_end(self, index));
    }

    // Time.

    pub(super) fn make_clock(&self, clock: E::Object) {
        let _ = self.clock.set(clock);
    }

    pub(super) fn clock(&self) -> &E::Object {
        self.clock.get().expect("the clock is made before the body starts")
    }

    pub(super) fn time(&self) -> Duration {
        self.now.get()
    }

    pub(super) fn let_pass(&self, duration: Duration) {
        self.now.set(self.now.get().saturating_add(duration));
    }

    // Ends.

    /// No thread can go on: dooms those that wait in vain.
    ///
    /// These are the threads of each `run_to_rest` that has no other one running inside it, so that its caller goes on
    /// with what was left; if there is none, all threads.
    pub(in crate::platform) fn rest(&self) {
        let threads = self.threads.borrow();
        let owners = self.owners.borrow();
        let is_live = |scope: usize| threads.iter().any(|thread| thread.scope == scope && thread.state != State::Ended);
        let live: Vec<usize> = (1..owners.len()).filter(|&scope| is_live(scope)).collect();
        let is_innermost = |scope: usize| !live.iter().any(|&inner| threads[owners[inner]].scope == scope);
        let mut innermost: Vec<usize> = live.iter().copied().filter(|&scope| is_innermost(scope)).collect();
        if innermost.is_empty() {
            innermost.push(0);
        }
        let victims: Vec<usize> = (0..threads.len())
            .filter(|&index| innermost.contains(&threads[index].scope) && !(index == 0 && self.settling.get()))
            .collect();
        drop((threads, owners));
        if victims.contains(&0) {
            self.fail(Failure::Blocked(self.waiting_places()));
        }
        self.doom(&victims, Doom::Blocked);
    }

    /// Where each thread that has not ended waits.
    fn waiting_places(&self) -> String {
        let threads = self.threads.borrow();
        let places: Vec<String> = threads
            .iter()
            .enumerate()
            .filter_map(|(index, thread)| {
                let pending = thread.pending.as_ref()?;
                Some(format!("thread {index} waits at {}", pending.location))
            })
            .collect();
        places.join(", ")
    }

    /// Gives up the rest of the execution: a limit is reached.
    pub(in crate::platform) fn give_up(&self, stop: Stop) {
        if self.stop.get().is_none() {
            self.stop.set(Some(stop));
        }
        // The body gets as many steps again to tell what it saw.
        self.steps_left.set(self.max_steps);
        self.abandon();
    }

    /// Abandons every thread but the body, or the body too if it is alone or has been told before.
    pub(in crate::platform) fn abandon(&self) {
        let (all, inner): (Vec<usize>, Vec<usize>) = {
            let threads = self.threads.borrow();
            let live = |index: &usize| {
                let over = *index == 0 && self.settling.get();
                !over && threads[*index].state != State::Ended && threads[*index].doom.is_none()
            };
            (
                (0..threads.len()).filter(live).collect(),
                (0..threads.len()).filter(|index| live(index) && threads[*index].scope != 0).collect(),
            )
        };
        E::given_up();
        self.doom(if inner.is_empty() { &all } else { &inner }, Doom::Abandoned);
    }

    /// A thread has found a data race: what the others would do means nothing.
    pub(super) fn give_up_after_race(&self, finder: usize) {
        self.raced.set(true);
        let victims: Vec<usize> = {
            let threads = self.threads.borrow();
            let owners = self.owners.borrow();
            let scope = threads[finder].scope;
            let is_inside = |mut inner: usize| loop {
                if inner == scope {
                    break true;
                }
                if inner == 0 {
                    break false;
                }
                inner = threads[owners[inner]].scope;
            };
            (0..threads.len()).filter(|&index| index != finder && is_inside(threads[index].scope)).collect()
        };
        E::given_up();
        self.doom(&victims, Doom::Abandoned);
    }

    /// Says whether a panic of the thread's is contained from here on, so that the execution goes on after it, and answers whether it
    /// was before.
    pub(in crate::platform) fn set_contained(&self, me: usize, is_contained: bool) -> bool {
        std::mem::replace(&mut self.threads.borrow_mut()[me].is_contained, is_contained)
    }

    /// Whether a panic of the thread's is contained.
    pub(super) fn is_contained(&self, me: usize) -> bool {
        self.threads.borrow()[me].is_contained
    }

    /// Whether cells are no longer watched, because a race was found.
    pub(in crate::platform) fn has_raced(&self) -> bool {
        self.raced.get()
    }

    /// Whether the execution was given up because of a race or a limit.
    pub(in crate::platform) fn was_cut(&self) -> bool {
        self.raced.get() || self.is_beyond_limits()
    }

    /// Whether it was given up because of a limit.
    pub(in crate::platform) fn is_beyond_limits(&self) -> bool {
        self.stop.get().is_some()
    }

    pub(super) fn doom(&self, victims: &[usize], doom: Doom) {
        let mut threads = self.threads.borrow_mut();
        for &victim in victims {
            let thread = &mut threads[victim];
            if thread.state != State::Ended && thread.doom.is_none() {
                thread.doom = Some(doom);
            }
        }
    }

    /// The body is over. What it left behind is given up if the body failed, and runs to rest otherwise.
    pub(super) fn begin_settling(&self, failed: bool) {
        self.settling.set(true);
        let mut threads = self.threads.borrow_mut();
        threads[0].doom = None;
        let others = 1..threads.len();
        drop(threads);
        if failed {
            self.doom(&others.collect::<Vec<_>>(), Doom::Abandoned);
        }
    }

    /// Whether the body is over.
    pub(in crate::platform) fn is_settling(&self) -> bool {
        self.settling.get()
    }

    pub(in crate::platform) fn fail(&self, failure: Failure) {
        self.failure.borrow_mut().get_or_insert(failure);
    }

    pub(in crate::platform) fn incident(&self) -> Incident {
        Incident { failure: self.failure.borrow_mut().take(), stop: self.stop.get() }
    }
}

/// What is published until it is dropped.
pub(super) struct Published<'a, E: Engine> {
    execution: &'a Execution<E>,
    me: usize,
}

impl<E: Engine> Drop for Published<'_, E> {
    fn drop(&mut self) {
        self.execution.threads.borrow_mut()[self.me].pending = None;
    }
}

/// Adds what became of an execution to what is known of the search.
pub fn conclude(run: &mut super::super::Run, incident: Incident) {
    if let Some(stop) = incident.stop {
        run.truncated += 1;
        run.stopped.get_or_insert(stop);
    }
    if run.failure.is_none() {
        run.failure = incident.failure;
    }
}
