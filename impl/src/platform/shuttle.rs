//! The platform under shuttle: sequentially consistent, any number of threads, every decision in the hands of a
//! [`Strategy`].
//!
//! Shuttle provides coroutines and a hook before each switch, and nothing else of it is used: no thread ever blocks
//! inside shuttle. A step publishes what it is about to touch and under which condition it can go on, and switches; the
//! hook picks among the threads whose condition holds. So a lock that is not free is never attempted, and "nothing can
//! move" is simply that no condition holds.
//!
//! Of the moments at which shuttle asks, only those are decisions at which two or more steps are pending. A thread that
//! has just started another one goes on; a new thread first runs up to its first step, which nobody can see; a doomed
//! thread leaves. A thread that comes to a switch in the middle of local code otherwise has used shuttle behind our back:
//! that was no step, no strategy knows what it touched, and the search ends with [`Failure::Unpublished`]; unless the
//! search allows foreign code and the thread has said that it enters such code (see `foreign`).
//!
//! **At rest** doomed threads unwind and the execution ends as any other. The alternative, to let shuttle stop the
//! execution and forget its stacks, was measured on a million executions of two threads that take two mutexes in opposite
//! orders, half of which end blocked (2 cores, shared; `EXECUTIONS=1000000 cargo test -p selvedge --all-features --test
//! platform_memory -- --nocapture`): unwinding 29,000 executions a second and no growth of the process, stopping 17,000
//! executions a second and 1.5 KB of growth with each.
//!
//! **Races.** Atomics are cells with one step per access, all sequentially consistent, so a value is always the newest.
//! Vector clocks follow the orderings that the program declares, not those that the engine grants: a relaxed flag does
//! not order the data that it guards, and the access to the data is reported. A release sequence consists of
//! read-modify-writes; a plain store ends it. Accesses to a [`TrackedCell`] are not steps: racing ones are found whatever
//! their order, and others commute.
//!
//! **Spinning.** A thread that yields can go on once something is changed that it has looked at since it yielded last:
//! until then a spin loop would only repeat itself. If nothing can move, those who yield may look once more, in case that
//! they did not spin and only were polite; who looks in vain again before anything is changed is blocked.
//!
//! [`pending`] tells a strategy what every thread is about to do. Object names do not depend on the schedule. What a step
//! touches beyond that, or does not change after all, is known once it has been taken: [`take_notes`].

mod clock;
mod crew;
mod foreign;
mod ledger;
#[doc(hidden)]
pub mod native;
mod schedule;
mod strategy;

use std::cell::{Cell as StdCell, RefCell, UnsafeCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use shuttle::scheduler::{Schedule as ShuttleSchedule, Scheduler, Task, TaskId};

use self::clock::{Knowledge, VectorClock};
#[doc(hidden)]
pub use self::foreign::location as foreign_location;
use self::ledger::Ledger;
#[doc(hidden)]
pub use self::ledger::Noted;
pub use self::schedule::{BadSchedule, Decision, Schedule};
use self::strategy::{Dfs, Pct, Pos, Random, Replay, Urw};
#[doc(hidden)]
pub use self::strategy::{Divergence, Moment, Strategy};
use super::quiet::{self, Quiet};
#[doc(hidden)]
pub use super::simulated::{Access, Mention, ObjectId, Openness};
use super::simulated::{
    Confined, Engine, Execution, Local, Object as EngineObject, Shape, Touch, conclude, reads, settle, step, writes,
};
use super::{Atomic, AtomicInteger, Bounds, Failure, Ordering, Race, RacingAccess, Run, Stop, TrackedCell};

/// Shuttle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Shuttle;

/// How the next thread is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchedulerKind {
    /// Evenly at random, at each step.
    Random {
        /// The same seed, the same run.
        seed: u64,
    },
    /// Probabilistic concurrency testing: random priorities with `depth - 1` changes.
    Pct {
        /// The same seed, the same run.
        seed: u64,
        /// How many ordering constraints a bug may need.
        depth: usize,
    },
    /// Uniform random walk: interleavings about evenly at random.
    Urw {
        /// The same seed, the same run.
        seed: u64,
    },
    /// Partial order sampling: equivalence classes of interleavings about evenly at random.
    Pos {
        /// The same seed, the same run.
        seed: u64,
    },
    /// All of them, without reduction.
    Dfs,
    /// One recorded execution.
    Replay(Schedule),
}

/// Runs `body` under the strategy until it has nothing left or a limit is reached.
///
/// Without limits a random strategy runs for ever.
///
/// ```
/// use selvedge::platform::shuttle::{self, SchedulerKind};
/// use selvedge::platform::{Arc, Body, Bounds, End, Platform, PlatformMutex, Shuttle};
///
/// let run = shuttle::explore(SchedulerKind::Dfs, &Bounds::default(), || {
///     let locks = Arc::new([(); 2].map(|()| <Shuttle as Platform>::Mutex::<()>::new(())));
///     let thread = |first: usize| {
///         let locks = Arc::clone(&locks);
///         Box::new(move || {
///             let _outer = locks[first].lock();
///             let _inner = locks[1 - first].lock();
///         }) as Body
///     };
///     let ends = Shuttle::run_to_rest(vec![thread(0), thread(1)]);
///     if ends.iter().any(|end| matches!(end, End::Blocked)) {
///         panic!("deadlock after {}", shuttle::recorded());
///     }
/// });
/// assert_eq!(run.failure.unwrap().to_string(), "panicked: deadlock after s1.2.0");
/// ```
pub fn explore(scheduler: SchedulerKind, bounds: &Bounds, body: impl Fn() + Send + Sync + 'static) -> Run {
    explore_with(strategy(scheduler, bounds), bounds, body)
}

/// The strategy by which [`explore`] finds the next thread, for a strategy that adds something to it.
#[doc(hidden)]
pub fn strategy(scheduler: SchedulerKind, bounds: &Bounds) -> Box<dyn Strategy + Send> {
    match scheduler {
        SchedulerKind::Random { seed } => Box::new(Random::new(seed)),
        SchedulerKind::Pct { seed, depth } => Box::new(Pct::new(seed, depth)),
        SchedulerKind::Urw { seed } => Box::new(Urw::new(seed)),
        SchedulerKind::Pos { seed } => Box::new(Pos::new(seed)),
        SchedulerKind::Dfs => Box::new(Dfs::new(bounds)),
        SchedulerKind::Replay(schedule) => Box::new(Replay::new(schedule)),
    }
}

/// Like [`explore`], with a strategy of the caller's.
#[doc(hidden)]
pub fn explore_with(
    strategy: Box<dyn Strategy + Send>,
    bounds: &Bounds,
    body: impl Fn() + Send + Sync + 'static,
) -> Run {
    assert!(Execution::<Shuttle>::try_current().is_none(), "a search cannot be part of an execution of another");
    let _quiet = Quiet::new();
    let run = Arc::new(Mutex::new(Run {
        executions: 0,
        truncated: 0,
        exhaustive: strategy.is_exhaustive(),
        complete: false,
        stopped: None,
        failure: None,
    }));
    let driver = Driver {
        strategy,
        deadline: bounds.max_duration.map(|duration| Instant::now() + duration),
        bounds: bounds.clone(),
        run: Arc::clone(&run),
        enabled: Vec::new(),
        last: None,
        switches: 0,
        is_over: false,
    };
    let record = Arc::clone(&run);
    let searched = catch_unwind(AssertUnwindSafe(|| {
        shuttle::Runner::new(driver, config()).run(move || {
            crew::host(|| {
                let execution = Execution::<Shuttle>::current();
                settle(&execution, &body);
                conclude(&mut record.lock().unwrap_or_else(PoisonError::into_inner), execution.incident());
            });
        });
    }));
    EXECUTION.with(RefCell::take);
    NUMBER.set(None);
    let mut run = run.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Err(payload) = searched {
        run.failure.get_or_insert(Failure::Panic(quiet::message(&*payload)));
    }
    run.complete &= run.failure.is_none() && run.truncated == 0;
    run
}

/// The decisions of the execution that is running, or ran last, on this thread.
pub fn recorded() -> Schedule {
    RECORDED.with_borrow(Clone::clone)
}

/// Runs a search in which no fence does anything. For the harness that shows that under sequential consistency nobody
/// would notice that one is missing.
#[doc(hidden)]
pub fn without_fences<R>(search: impl FnOnce() -> R) -> R {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            WITHOUT_FENCES.set(false);
        }
    }
    WITHOUT_FENCES.set(true);
    let _restore = Restore;
    search()
}

/// What a thread is about to do.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingStep {
    /// Which thread.
    pub thread: usize,
    /// Which objects, and how. A thread that [yields](PendingStep::yields) looks at what it has looked at before.
    pub touches: Vec<Mention>,
    /// Which cells it has accessed since its last step, and how. They belong to that step.
    pub cells: Vec<(ObjectId, Access)>,
    /// Whether it can go on.
    pub enabled: bool,
    /// Whether it lets others go first.
    pub yields: bool,
    /// Whether more than what the step [needs](Mention::needs) decides if it can be taken.
    pub is_opaque: bool,
    /// Where in the source.
    pub location: &'static Location<'static>,
}

/// What every thread with a pending step is about to do, for a [`Strategy`] that asks while it decides.
#[doc(hidden)]
pub fn pending() -> Vec<PendingStep> {
    let Some(execution) = Execution::<Shuttle>::try_current() else {
        return Vec::new();
    };
    (0..execution.thread_count()).filter_map(|thread| pending_of(&execution, thread)).collect()
}

/// What one thread is about to do, if it is about to take a step.
#[doc(hidden)]
pub fn pending_step(thread: usize) -> Option<PendingStep> {
    let execution = Execution::<Shuttle>::try_current()?;
    (thread < execution.thread_count()).then(|| pending_of(&execution, thread)).flatten()
}

fn pending_of(execution: &Execution<Shuttle>, thread: usize) -> Option<PendingStep> {
    let mut touches = Vec::new();
    let Published { is_opaque, location } = touches_of(execution, thread, &mut touches)?;
    // Whether a thread inside shuttle's own primitives can go on is shuttle's to say.
    let is_native = native::inside(thread).is_some() || foreign::is_stopped(execution, thread);
    Some(PendingStep {
        thread,
        touches,
        cells: execution.with_engine(thread, |thread| thread.cells.clone()),
        enabled: if is_native { is_runnable(thread) } else { can_go_on(execution, thread) },
        yields: execution.yields(thread),
        is_opaque,
        location,
    })
}

/// The part of a [`PendingStep`] that does not change until it is taken.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// See [`PendingStep::is_opaque`].
    pub is_opaque: bool,
    /// See [`PendingStep::location`].
    pub location: &'static Location<'static>,
}

/// Like [`pending_step`] for who asks at every step: tells less, and appends [`PendingStep::touches`] to `touches`.
#[doc(hidden)]
pub fn published_step(thread: usize, touches: &mut Vec<Mention>) -> Option<Published> {
    let execution = Execution::<Shuttle>::try_current()?;
    if thread < execution.thread_count() { touches_of(&execution, thread, touches) } else { None }
}

fn touches_of(execution: &Execution<Shuttle>, thread: usize, touches: &mut Vec<Mention>) -> Option<Published> {
    if let Some((object, location)) = native::inside(thread) {
        // All that it can touch there is one object.
        touches.push(Mention { object, access: Access::Write, needs: Openness::CLOSED });
        return Some(Published { is_opaque: true, location });
    }
    foreign::mention(execution, thread, touches);
    if foreign::is_stopped(execution, thread) {
        return Some(Published { is_opaque: true, location: foreign::location() });
    }
    let (published, yields) = execution.with_pending(thread, |pending| {
        let pending = pending?;
        touches.extend(pending.touches.iter().flatten());
        Some((Published { is_opaque: pending.is_opaque, location: pending.location }, pending.yields))
    })?;
    if yields {
        let looks = |object| Mention { object, access: Access::Read, needs: Openness::CLOSED };
        execution.with_engine(thread, |thread| touches.extend(thread.seen.iter().map(|(object, _)| looks(*object))));
    }
    Some(published)
}

/// Whether the execution that ran last on this thread was cut short: by a data race, or by a limit.
#[doc(hidden)]
pub fn was_cut() -> bool {
    Execution::<Shuttle>::try_current().is_some_and(|execution| execution.was_cut())
}

/// The number of threads that the running execution has had so far.
#[doc(hidden)]
pub fn thread_count() -> usize {
    Execution::<Shuttle>::try_current().map_or(0, |execution| execution.thread_count())
}

/// How far an object of the running execution is open now.
#[doc(hidden)]
pub fn openness(object: ObjectId) -> Openness {
    LEDGER.with_borrow(|ledger| ledger.openness(object))
}

/// What has become known since the last call about the step that was taken last, and the code that followed it.
#[doc(hidden)]
pub fn take_notes(into: &mut Vec<Noted>) {
    LEDGER.with_borrow_mut(|ledger| ledger.take_notes(into));
}

/// Whether a thread that is about to take a step can take it.
fn can_go_on(execution: &Execution<Shuttle>, thread: usize) -> bool {
    // What foreign code changes is not known: whoever waits for that by spinning has to look.
    if execution.yields(thread) && !foreign::is_inside(execution, thread) {
        execution.with_engine(thread, |thread| !thread.sees_nothing_new())
    } else {
        execution.is_ready(thread)
    }
}

thread_local! {
    static EXECUTION: RefCell<Option<Rc<Execution<Shuttle>>>> = const { RefCell::new(None) };
    /// Its number, which every access to an object asks for.
    static NUMBER: StdCell<Option<u64>> = const { StdCell::new(None) };
    static RECORDED: RefCell<Schedule> = RefCell::new(Schedule::default());
    /// Out of how many is being chosen.
    static DOMAIN: StdCell<usize> = const { StdCell::new(0) };
    /// The threads that shuttle calls runnable, if any of them may be blocked inside shuttle; see `native`.
    static RUNNABLE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// Whether the body must let doomed threads come out of shuttle's own primitives.
    static RESCUE: StdCell<bool> = const { StdCell::new(false) };
    /// Whether the running thread is starting another one.
    static STARTS: StdCell<bool> = const { StdCell::new(false) };
    /// Whether fences do nothing; see [`without_fences`].
    static WITHOUT_FENCES: StdCell<bool> = const { StdCell::new(false) };
    static LEDGER: RefCell<Ledger> = RefCell::new(Ledger::default());
}

fn config() -> shuttle::Config {
    let mut config = shuttle::Config::new();
    config.stack_size = 256 << 10;
    config.failure_persistence = shuttle::FailurePersistence::None;
    // The limits are kept by the execution itself.
    config.max_steps = shuttle::MaxSteps::None;
    config.silence_warnings = true;
    config
}

/// Makes shuttle install its panic hook, which it does with its first execution.
pub(super) fn provoke_hook() {
    struct Once(bool);
    impl Scheduler for Once {
        fn new_execution(&mut self) -> Option<ShuttleSchedule> {
            (!std::mem::replace(&mut self.0, true)).then(|| ShuttleSchedule::new(0))
        }
        fn next_task(&mut self, runnable: &[&Task], _: Option<TaskId>, _: bool) -> Option<TaskId> {
            runnable.first().map(|task| task.id())
        }
        fn next_u64(&mut self) -> u64 {
            0
        }
    }
    shuttle::Runner::new(Once(false), config()).run(|| ());
}

/// Whether shuttle calls a thread runnable that is inside one of its primitives.
fn is_runnable(thread: usize) -> bool {
    RUNNABLE.with_borrow(|runnable| runnable.contains(&thread))
}

/// Between shuttle and the strategy: finds out who can go on, asks, and records the answer.
struct Driver {
    strategy: Box<dyn Strategy + Send>,
    bounds: Bounds,
    deadline: Option<Instant>,
    run: Arc<Mutex<Run>>,
    /// The threads that can go on; kept for its memory.
    enabled: Vec<usize>,
    /// The thread that took the last step of this execution.
    last: Option<usize>,
    /// How often shuttle has asked since its execution began, which hosts many of ours.
    switches: u32,
    /// There is no further execution.
    is_over: bool,
}

/// After so many switches shuttle's execution ends with the one of ours that it hosts, for shuttle keeps a record of them all.
const SWITCHES_MAX: u32 = 1 << 13;

impl Driver {
    /// Begins the next execution. Returns whether there is one.
    fn begin(&mut self) -> bool {
        let mut run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let went_through = run.executions > 0 && run.failure.is_none() && run.truncated == 0;
        if went_through && let Err(divergence) = self.strategy.end() {
            run.failure = Some(Failure::Diverged(divergence));
        }
        if run.failure.is_some() {
            return false;
        }
        // First asked whether there is more, so that a limit that coincides with the end does not hide the end.
        let has_more = self.strategy.begin();
        let old = EXECUTION.with(RefCell::take);
        NUMBER.set(None);
        if !has_more {
            run.complete = self.strategy.is_exhaustive();
            return false;
        }
        if self.bounds.max_executions.is_some_and(|max| run.executions >= max) {
            run.stopped = Some(Stop::Executions);
            return false;
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            run.stopped = Some(Stop::Duration);
            return false;
        }
        run.executions += 1;
        self.last = None;
        RECORDED.with_borrow_mut(Schedule::clear);
        LEDGER.with_borrow_mut(Ledger::clear);
        RESCUE.set(false);
        STARTS.set(false);
        foreign::begin_execution();
        native::begin_execution();
        let execution = match old {
            Some(old) => Execution::again(old, &self.bounds, self.deadline),
            None => Execution::new(&self.bounds, self.deadline),
        };
        NUMBER.set(Some(execution.number()));
        EXECUTION.with(|slot| slot.replace(Some(execution)));
        true
    }

    /// Answers task 0, which has ended its execution, and says who goes on.
    fn serve(&mut self, runnable: &[&Task]) -> Option<TaskId> {
        match crew::request() {
            Some(crew::Request::Begin) => {
                // What foreign code leaves with shuttle must not reach the next execution.
                let begun = self.switches < SWITCHES_MAX && !self.bounds.foreign && {
                    self.is_over = !self.begin();
                    !self.is_over
                };
                crew::answer(begun);
            }
            // The hands first: what shuttle's execution leaves behind unfinished costs memory. Task 0 is the last.
            Some(crew::Request::Dismiss) if foreign::has_forgotten() => return None,
            Some(crew::Request::Dismiss) => return runnable.last().map(|task| task.id()),
            None => {}
        }
        runnable.first().map(|task| task.id())
    }

    /// What is wrong, if the thread that is running has come here from a switch that is not ours.
    ///
    /// Shuttle asks who goes on at every switch. Ours are steps, which are published; the start of a thread, which finds
    /// the starter in the middle of local code and is announced; the end of one, which finds it ended; and whatever happens inside shuttle's
    /// own primitives as peers, which is published too (see `native`).
    fn unpublished(execution: &Execution<Shuttle>) -> Option<String> {
        let current = execution.running();
        let is_known = STARTS.get() || native::inside(current).is_some() || foreign::is_stopped(execution, current);
        // What an unwinding thread does means nothing any more.
        if execution.local(current) != Local::Running || is_known || foreign::is_unwinding(execution) {
            return None;
        }
        let place = match execution.place(current) {
            Some(place) => format!("after the step at {place}"),
            None => "before its first step".to_owned(),
        };
        Some(format!("{place} thread {current} did something visible that the platform does not know of"))
    }

    /// The thread that must go on without a question, if there is one.
    fn forced(&self, execution: &Execution<Shuttle>) -> Option<usize> {
        let current = execution.running();
        let is_stopped = native::inside(current).is_some() || !STARTS.get() && foreign::is_stopped(execution, current);
        if execution.local(current) == Local::Running && !is_stopped {
            return Some(current);
        }
        let (newcomer, is_any_doomed) = execution.newcomer();
        if is_any_doomed {
            let is_doomed =
                |thread: usize| execution.local(thread) != Local::Ended && execution.doom_of(thread).is_some();
            let can_leave = |thread: usize| native::inside(thread).is_none() || is_runnable(thread);
            let doomed = (0..execution.thread_count()).find(|&thread| is_doomed(thread) && can_leave(thread));
            // The body is the one that lets the others come out.
            RESCUE.set(doomed.is_none());
            return Some(doomed.unwrap_or(0));
        }
        newcomer
    }

    fn find_enabled(&mut self, execution: &Execution<Shuttle>) {
        self.enabled.clear();
        let is_native_used = native::is_used();
        for thread in 0..execution.thread_count() {
            let is_enabled = match execution.local(thread) {
                Local::Pending => can_go_on(execution, thread),
                Local::Running if foreign::is_stopped(execution, thread) => is_runnable(thread),
                Local::Running => is_native_used && native::inside(thread).is_some() && is_runnable(thread),
                Local::New | Local::Ended => false,
            };
            if is_enabled {
                self.enabled.push(thread);
            }
        }
    }

    /// Nothing can move: lets those look again who only wait for others to change something. Returns whether there
    /// are any who have not looked in vain since the last change.
    fn let_yielders_go(&mut self, execution: &Execution<Shuttle>) -> bool {
        let changes = LEDGER.with_borrow(Ledger::changes);
        for thread in 0..execution.thread_count() {
            let yields = execution.yields(thread);
            let is_live = execution.local(thread) == Local::Pending && execution.doom_of(thread).is_none();
            if yields && is_live && execution.with_engine(thread, |thread| thread.look_again(changes)) {
                self.enabled.push(thread);
            }
        }
        !self.enabled.is_empty()
    }

    fn refuse(&self, execution: &Execution<Shuttle>, divergence: Divergence) {
        execution.fail(Failure::Diverged(divergence));
        execution.abandon();
    }

    /// Who goes on after an execution was given up.
    fn leave(&mut self, execution: &Execution<Shuttle>) -> Option<usize> {
        foreign::forget_doomed(execution);
        self.forced(execution).or_else(|| {
            self.find_enabled(execution);
            self.enabled.first().copied()
        })
    }

    fn decide(&mut self, execution: &Execution<Shuttle>, is_yielding: bool) -> Option<usize> {
        foreign::forget_doomed(execution);
        if let Some(forced) = self.forced(execution) {
            return Some(forced);
        }
        self.find_enabled(execution);
        if self.enabled.is_empty() && !execution.is_settling() {
            self.strategy.at_rest();
        }
        if self.enabled.is_empty() && !self.let_yielders_go(execution) {
            execution.rest();
            foreign::forget_doomed(execution);
            if let Some(doomed) = self.forced(execution) {
                return Some(doomed);
            }
            self.find_enabled(execution);
        }
        let current = self.last;
        let yields = current
            .is_some_and(|current| execution.yields(current) || is_yielding && foreign::is_stopped(execution, current));
        let moment = Moment { enabled: &self.enabled, current, yields };
        if execution.is_settling() || execution.is_beyond_limits() {
            // The body has told what it saw, or a limit has ended the execution somewhere, a limit of time anywhere: nothing that
            // is left is worth a decision.
            return moment.enabled.first().copied();
        }
        if moment.enabled.is_empty() {
            return None;
        }
        match self.strategy.next_thread(&moment) {
            Ok(Some(thread)) => {
                RECORDED.with_borrow_mut(|schedule| schedule.push(Decision::Thread(thread)));
                self.last = Some(thread);
                Some(thread)
            }
            Ok(None) => {
                execution.abandon();
                self.leave(execution)
            }
            Err(divergence) => {
                self.refuse(execution, divergence);
                self.leave(execution)
            }
        }
    }
}

impl Scheduler for Driver {
    fn new_execution(&mut self) -> Option<ShuttleSchedule> {
        crew::clear();
        self.switches = 0;
        self.is_over = self.is_over || !self.begin();
        (!self.is_over).then(|| ShuttleSchedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], _current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        self.switches = self.switches.saturating_add(1);
        // Before the body has begun, and after it has ended, there is nothing to decide.
        let execution = Execution::<Shuttle>::try_current().filter(|execution| execution.is_under_way());
        let Some(execution) = execution else { return self.serve(runnable) };
        if native::is_used() || execution.is_foreign() {
            RUNNABLE.with_borrow_mut(|known| {
                known.clear();
                known.extend(runnable.iter().map(|task| usize::from(task.id())));
            });
        }
        let unpublished = Self::unpublished(&execution);
        if let Some(text) = unpublished.or_else(|| foreign::refused(&execution, runnable.iter().map(|task| task.id())))
        {
            // Nobody knows whether the thread can go on, and when it would be done. The execution ends here and now.
            self.run.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(Failure::Unpublished(text));
            return None;
        }
        // Shuttle numbers its tasks in the order of their creation, as we do.
        if foreign::is_unwinding(&execution) {
            return Some(TaskId::from(execution.running()));
        }
        foreign::count_step(&execution);
        let next = self.decide(&execution, is_yielding)?;
        if let Some(text) = foreign::go_on(&execution, next) {
            self.run.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(Failure::Blocked(text));
            return None;
        }
        Some(TaskId::from(next))
    }

    fn next_u64(&mut self) -> u64 {
        let alternatives = DOMAIN.take();
        if alternatives == 0 {
            let execution = Execution::<Shuttle>::current();
            execution.fail(Failure::Unpublished("shuttle was asked for a random number".to_owned()));
            execution.abandon();
            return 0;
        }
        let chosen = match self.strategy.choose(alternatives) {
            Ok(chosen) => chosen,
            Err(divergence) => {
                self.refuse(&Execution::current(), divergence);
                return 0;
            }
        };
        RECORDED.with_borrow_mut(|schedule| schedule.push(Decision::Choice { chosen, alternatives }));
        chosen as u64
    }
}

/// An object as the driver sees it.
pub struct Object {
    id: ObjectId,
    channels: Confined<Shuttle, [VectorClock; 2]>,
}

impl EngineObject<Shuttle> for Object {
    fn new(id: ObjectId, _shape: Shape) -> Self {
        Self { id, channels: Confined::new(Default::default()) }
    }

    fn id(&self) -> ObjectId {
        self.id
    }
}

/// What is kept about a thread.
#[derive(Default)]
pub struct PerThread {
    knowledge: Knowledge,
    /// The cells it has accessed since its last step.
    cells: Vec<(ObjectId, Access)>,
    /// Whether it is inside foreign code.
    is_foreign: bool,
    /// What it has looked at since it yielded last, and which change of it was the newest then.
    seen: Vec<(ObjectId, u32)>,
    /// When nothing could move and it was last allowed to look again: the number of changes until then.
    looked_again: Option<u64>,
    /// It may take its pending step although nothing that it has looked at is changed.
    may_look: bool,
}

impl PerThread {
    /// For the next thread. Keeps its memory.
    fn clear(&mut self) {
        self.knowledge.clear();
        self.cells.clear();
        self.is_foreign = false;
        self.seen.clear();
        self.looked_again = None;
        self.may_look = false;
    }

    /// Whether all that it has looked at is as it was.
    fn sees_nothing_new(&self) -> bool {
        let is_old =
            |(object, change): &(ObjectId, u32)| LEDGER.with_borrow(|ledger| ledger.change(*object)) == *change;
        !self.may_look && !self.seen.is_empty() && self.seen.iter().all(is_old)
    }

    /// Allows one more look, unless there was one since the last change of anything.
    fn look_again(&mut self, changes: u64) -> bool {
        self.may_look = self.looked_again.replace(changes) != Some(changes);
        self.may_look
    }

    fn saw(&mut self, object: ObjectId, change: u32) {
        match self.seen.iter_mut().find(|(seen, _)| *seen == object) {
            Some((_, newest)) => *newest = change,
            None => self.seen.push((object, change)),
        }
    }
}

/// What the running thread knows.
fn with_knowledge<R>(use_it: impl FnOnce(usize, &mut Knowledge) -> R) -> R {
    Execution::<Shuttle>::with_current(|execution| {
        let me = execution.running();
        execution.with_engine(me, |thread| use_it(me, &mut thread.knowledge))
    })
}

impl Engine for Shuttle {
    const NAME: &'static str = "shuttle";
    const SPINNING_WAITS: bool = true;

    type Object = Object;
    type PerThread = PerThread;
    type AtomicBool = SteppedAtomic<bool>;
    type AtomicU32 = SteppedAtomic<u32>;
    type AtomicU64 = SteppedAtomic<u64>;
    type AtomicUsize = SteppedAtomic<usize>;
    type AtomicI64 = SteppedAtomic<i64>;
    type Cell<T: Send> = Cell<T>;

    fn forget(thread: &mut PerThread) {
        thread.clear();
    }

    fn slot<R>(use_it: impl FnOnce(&RefCell<Option<Rc<Execution<Self>>>>) -> R) -> R {
        EXECUTION.with(use_it)
    }

    fn running_number() -> Option<u64> {
        NUMBER.get()
    }

    fn pass(execution: &Execution<Self>, me: usize, touches: &[Touch<'_, Self>], _ready: Option<&dyn Fn() -> bool>) {
        crew::switch();
        let mut rescues = 0;
        while me == 0 && RESCUE.replace(false) {
            // Each brings out one thread at least.
            assert!(
                rescues <= execution.thread_count(),
                "a thread that is blocked inside shuttle's own primitives does not come out"
            );
            rescues += 1;
            native::rescue(execution);
            crew::switch();
        }
        execution.with_engine(me, |thread| {
            thread.cells.clear();
            LEDGER.with_borrow(|ledger| {
                for touch in touches {
                    thread.saw(touch.object.id, ledger.change(touch.object.id));
                }
            });
        });
    }

    fn opens(object: ObjectId, openness: Openness) {
        if LEDGER.with_borrow_mut(|ledger| ledger.open(object, openness)) {
            Self::altered(object);
        }
    }

    fn altered(object: ObjectId) {
        let change = LEDGER.with_borrow_mut(|ledger| ledger.alter(object));
        // Its own changes are nothing new to a thread.
        Execution::<Self>::with_current(|execution| {
            execution.with_engine(execution.running(), |thread| {
                if let Some((_, newest)) = thread.seen.iter_mut().find(|(seen, _)| *seen == object) {
                    *newest = change;
                }
            });
        });
    }

    fn noted(object: ObjectId, access: Access, needs: Openness) {
        LEDGER.with_borrow_mut(|ledger| ledger.note(Mention { object, access, needs }));
    }

    fn only_looked(object: ObjectId) {
        LEDGER.with_borrow_mut(|ledger| ledger.note_look(object));
    }

    fn acquire(object: &Object, channel: usize) {
        with_knowledge(|_, me| object.channels.with(|channels| me.now.join(&channels[channel])));
    }

    fn release(object: &Object, channel: usize) {
        with_knowledge(|index, me| {
            object.channels.with(|channels| channels[channel].join(&me.now));
            me.now.tick(index);
        });
    }

    fn changed(_execution: &Execution<Self>) {}

    fn admit(_index: usize) {}

    fn start(execution: &Execution<Self>, index: usize, body: Box<dyn FnOnce() + Send>) {
        let spawner = execution.running();
        let known = execution.with_engine(spawner, |spawner_state| {
            let mut known = VectorClock::default();
            known.assign(&spawner_state.knowledge.now);
            spawner_state.knowledge.now.tick(spawner);
            known
        });
        execution.with_engine(index, |thread| {
            thread.knowledge.now = known;
            thread.knowledge.now.tick(index);
        });
        if let Err(body) = crew::call(index, body) {
            STARTS.set(true);
            crew::engage(index, body);
            STARTS.set(false);
        }
    }

    fn ended(_execution: &Execution<Self>, _me: usize) {}

    fn given_up() {}

    fn fence(order: Ordering) {
        if WITHOUT_FENCES.get() {
            return;
        }
        with_knowledge(|index, me| {
            if matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst) {
                me.now.join(&me.read);
            }
            // The one order of `SeqCst` fences passes nothing on by itself: to be earlier in it is not to happen before.
            if matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst) {
                me.fenced.assign(&me.now);
                me.now.tick(index);
            }
        });
    }

    fn choose(execution: &Execution<Self>, alternatives: usize) -> usize {
        use shuttle::rand::RngCore;
        DOMAIN.set(alternatives);
        let chosen = shuttle::rand::thread_rng().next_u64() as usize;
        execution.leave_if_doomed(execution.running());
        chosen
    }

    /// Always: what commutes is for the strategy to decide.
    fn unlock_is_a_step() -> bool {
        true
    }

    fn try_lock_is_used() {}

    fn is_internal(_message: &str) -> bool {
        false
    }

    fn crosses(location: &'static Location<'static>, enters: bool) {
        foreign::crosses(location, enters);
    }

    fn pass_yielding(execution: &Execution<Self>, me: usize) {
        Self::pass(execution, me, &[], None);
        execution.with_engine(me, |thread| {
            thread.seen.clear();
            thread.may_look = false;
        });
    }
}

/// An atomic: one step per access, always the newest value.
pub struct SteppedAtomic<T> {
    object: Object,
    state: Confined<Shuttle, Stored<T>>,
}

/// The newest value, and what reading it with acquire ordering tells.
struct Stored<T> {
    value: T,
    released: VectorClock,
}

impl<T> fmt::Debug for SteppedAtomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value is not read: that would be a step.
        write!(f, "SteppedAtomic({:?})", self.object.id)
    }
}

fn acquires(order: Ordering) -> bool {
    matches!(order, Ordering::Acquire | Ordering::AcqRel | Ordering::SeqCst)
}

fn releases(order: Ordering) -> bool {
    matches!(order, Ordering::Release | Ordering::AcqRel | Ordering::SeqCst)
}

impl<T> Stored<T> {
    fn read(&self, order: Ordering, me: &mut Knowledge) {
        if acquires(order) {
            me.now.join(&self.released);
        }
        me.read.join(&self.released);
    }

    fn write(&mut self, value: T, order: Ordering, continues: bool, index: usize, me: &mut Knowledge) {
        self.value = value;
        let told = if releases(order) { &me.now } else { &me.fenced };
        if continues {
            self.released.join(told);
        } else {
            self.released.assign(told);
        }
        if releases(order) {
            me.now.tick(index);
        }
    }
}

impl<T: Copy + PartialEq + Send + 'static> SteppedAtomic<T> {
    fn modify(
        &self,
        location: &'static Location<'static>,
        success: Ordering,
        failure: Ordering,
        change: impl FnOnce(T) -> Option<T>,
    ) -> Result<T, T> {
        step(location, &[writes::<Shuttle>(&self.object)], None);
        with_knowledge(|index, me| {
            self.state.with(|stored| {
                let old = stored.value;
                match change(old) {
                    Some(new) => {
                        stored.read(success, me);
                        stored.write(new, success, true, index, me);
                        Ok(old)
                    }
                    None => {
                        stored.read(failure, me);
                        Err(old)
                    }
                }
            })
        })
        .inspect(|_| Shuttle::altered(self.object.id))
        .inspect_err(|_| Shuttle::only_looked(self.object.id))
    }

    fn replace(&self, location: &'static Location<'static>, order: Ordering, change: impl FnOnce(T) -> T) -> T {
        match self.modify(location, order, order, |old| Some(change(old))) {
            Ok(old) | Err(old) => old,
        }
    }
}

impl<T: Copy + PartialEq + Send + 'static> Atomic<T> for SteppedAtomic<T> {
    fn new(value: T) -> Self {
        let object = super::simulated::object::<Shuttle>(Shape::Silent);
        // Whoever can reach the atomic was told of it by its maker; reading the first value tells nothing more.
        let released = VectorClock::default();
        Self { object, state: Confined::new(Stored { value, released }) }
    }

    #[track_caller]
    fn load(&self, order: Ordering) -> T {
        step(Location::caller(), &[reads::<Shuttle>(&self.object)], None);
        with_knowledge(|_, me| {
            self.state.with(|stored| {
                stored.read(order, me);
                stored.value
            })
        })
    }

    #[track_caller]
    fn store(&self, value: T, order: Ordering) {
        step(Location::caller(), &[writes::<Shuttle>(&self.object)], None);
        with_knowledge(|index, me| self.state.with(|stored| stored.write(value, order, false, index, me)));
        Shuttle::altered(self.object.id);
    }

    #[track_caller]
    fn swap(&self, value: T, order: Ordering) -> T {
        self.replace(Location::caller(), order, |_| value)
    }

    #[track_caller]
    fn compare_exchange(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        self.modify(Location::caller(), success, failure, |old| (old == current).then_some(new))
    }

    #[track_caller]
    fn compare_exchange_weak(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        self.compare_exchange(current, new, success, failure)
    }
}

macro_rules! stepped_integers {
    ($($value:ty),*) => {$(
        impl AtomicInteger<$value> for SteppedAtomic<$value> {
            #[track_caller]
            fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                self.replace(Location::caller(), order, |old| old.wrapping_add(value))
            }
            #[track_caller]
            fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                self.replace(Location::caller(), order, |old| old.wrapping_sub(value))
            }
            #[track_caller]
            fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                self.replace(Location::caller(), order, |old| old | value)
            }
            #[track_caller]
            fn fetch_and(&self, value: $value, order: Ordering) -> $value {
                self.replace(Location::caller(), order, |old| old & value)
            }
        }
    )*};
}

stepped_integers!(u32, u64, usize, i64);

/// A cell whose accesses are watched.
pub struct Cell<T> {
    id: ObjectId,
    history: Confined<Shuttle, Accesses>,
    value: UnsafeCell<T>,
}

// SAFETY: the contents are reached only through the raw pointers of `with` and `with_mut`, whose users promise that
// reads and writes do not overlap.
unsafe impl<T: Send> Sync for Cell<T> {}

/// The accesses that a new one could race with.
#[derive(Default)]
struct Accesses {
    write: Option<Accessed>,
    /// Since that write, the last one of each thread.
    reads: Vec<Accessed>,
}

#[derive(Clone, Copy)]
struct Accessed {
    thread: usize,
    /// That thread's own time.
    time: u32,
    location: &'static Location<'static>,
}

impl Accessed {
    fn describe(&self, writes: bool) -> RacingAccess {
        RacingAccess { thread: self.thread, writes, location: self.location.to_string() }
    }
}

impl<T> Cell<T> {
    /// Notes an access; leaves if it races.
    fn watch(&self, access: Access, location: &'static Location<'static>) {
        let execution = Execution::<Shuttle>::current();
        if std::thread::panicking() || execution.has_raced() {
            return;
        }
        let me = execution.running();
        let race = execution.with_engine(me, |thread| {
            thread.cells.push((self.id, access));
            let known = &thread.knowledge.now;
            let accessed = Accessed { thread: me, time: known.get(me), location };
            let is_unordered = |other: &Accessed| other.thread != me && other.time > known.get(other.thread);
            self.history.with(|history| {
                let write = history.write.filter(is_unordered).map(|write| write.describe(true));
                let writes = access == Access::Write;
                let read =
                    history.reads.iter().find(|read| writes && is_unordered(read)).map(|read| read.describe(false));
                if writes {
                    history.write = Some(accessed);
                    history.reads.clear();
                } else {
                    history.reads.retain(|read| read.thread != me);
                    history.reads.push(accessed);
                }
                write.or(read).map(|earlier| Race { earlier, later: accessed.describe(writes) })
            })
        });
        if let Some(race) = race {
            // The execution ends with it.
            execution.set_contained(execution.running(), false);
            std::panic::resume_unwind(Box::new(race));
        }
    }
}

impl<T: Send> TrackedCell<T> for Cell<T> {
    fn new(value: T) -> Self {
        let cell = Self {
            id: Execution::<Shuttle>::current().next_object(),
            history: Confined::new(Accesses::default()),
            value: UnsafeCell::new(value),
        };
        // Making it is a write: who gets to know of it in a way that orders nothing must not touch it.
        cell.watch(Access::Write, Location::caller());
        cell
    }

    #[track_caller]
    fn with<R>(&self, access: impl FnOnce(*const T) -> R) -> R {
        self.watch(Access::Read, Location::caller());
        let result = access(self.value.get());
        self.watch(Access::Read, Location::caller());
        result
    }

    #[track_caller]
    fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
        self.watch(Access::Write, Location::caller());
        let result = access(self.value.get());
        self.watch(Access::Write, Location::caller());
        result
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, Join, Platform, PlatformMutex};
    use super::*;

    /// The line of the call of this.
    #[track_caller]
    fn here() -> u32 {
        Location::caller().line()
    }

    /// Runs two threads that do the same under every strategy, and returns the text of the failure that each of them ends
    /// with. The threads are given an atomic.
    fn unpublished(
        act: impl Fn(&SteppedAtomic<u32>, &shuttle::sync::Mutex<u32>) + Copy + Send + Sync + 'static,
    ) -> String {
        let body = move || {
            let shared = Arc::new((SteppedAtomic::<u32>::new(0), shuttle::sync::Mutex::new(0)));
            let bodies = [(); 2].map(|()| {
                let shared = Arc::clone(&shared);
                Box::new(move || act(&shared.0, &shared.1)) as Body
            });
            Shuttle::run_to_rest(bodies.into());
            panic!("nobody notices");
        };
        let kinds =
            [SchedulerKind::Dfs, SchedulerKind::Random { seed: 7 }, SchedulerKind::Replay("s1x9".parse().unwrap())];
        let mut texts: Vec<String> = Vec::new();
        for kind in kinds {
            let run = explore(kind, &Bounds::default(), body);
            assert_eq!((run.executions, run.complete), (1, false));
            let Some(Failure::Unpublished(text)) = run.failure else { panic!("{:?}", run.failure) };
            texts.push(text);
        }
        let thread_less = |text: &str| text.replace("thread 2", "thread 1");
        assert!(texts.iter().all(|text| thread_less(text) == thread_less(&texts[0])), "{texts:?}");
        texts.swap_remove(0)
    }

    #[test]
    fn a_switch_that_is_no_step_is_an_error_that_names_the_step_before() {
        let text = unpublished(|atomic, _| {
            atomic.load(Ordering::SeqCst);
            shuttle::thread::yield_now();
        });
        let line = here() - 3;
        let file = file!();
        assert_eq!(
            text,
            format!(
                "after the step at {file}:{line}:20 thread 1 did something visible that the platform does not know of"
            )
        );
        let failure = Failure::Unpublished(text.clone()).to_string();
        assert_eq!(failure, format!("the engine was used behind the platform's back: {text}"));
    }

    #[test]
    fn whatever_switches_is_noticed() {
        let first = "before its first step thread 1 did something visible that the platform does not know of";
        assert_eq!(unpublished(|_, _| shuttle::thread::yield_now()), first);
        assert_eq!(unpublished(|_, mutex| *mutex.lock().unwrap() += 1), first);
        assert_eq!(unpublished(|_, _| drop(shuttle::thread::spawn(|| ()))), first);
        assert_eq!(unpublished(|_, _| shuttle::thread::park()), first, "it would be blocked");
        let atomic = || shuttle::sync::atomic::AtomicU32::new(0).load(Ordering::SeqCst);
        assert_eq!(unpublished(move |_, _| while atomic() == 0 {}), first, "it would never end");
    }

    #[test]
    fn the_body_of_the_search_is_watched_too() {
        let run = explore(SchedulerKind::Dfs, &Bounds::default(), shuttle::thread::yield_now);
        let Some(Failure::Unpublished(text)) = run.failure else { panic!("{:?}", run.failure) };
        assert!(text.starts_with("before its first step thread 0 did"), "{text}");
    }

    #[test]
    fn the_switches_of_the_platform_itself_are_no_errors() {
        let run = explore(SchedulerKind::Dfs, &Bounds::default(), || {
            let choose = || <Shuttle as Platform>::choose(2);
            // A start in the middle of local code, also by a thread that was started; a choice; an end.
            let outer = Shuttle::spawn(move || {
                let inner = Shuttle::spawn(choose);
                choose() + inner.join()
            });
            assert!(outer.join() <= 2);
        });
        assert_eq!((run.failure, run.complete), (None, true));
    }

    /// Executions per second of three threads that lock a mutex three times each, with a random scheduler: here, with
    /// recording, and written by hand on shuttle's types.
    ///
    /// Run with `cargo test -p selvedge --all-features --release --lib -- --ignored --nocapture shuttle`.
    #[test]
    #[ignore = "measures; its result depends on the machine"]
    fn speed_against_a_program_written_by_hand() {
        const EXECUTIONS: u64 = 40_000;
        let ours = || {
            let lock = Arc::new(<Shuttle as Platform>::Mutex::<u32>::new(0));
            let bodies = (0..3).map(|_| {
                let lock = Arc::clone(&lock);
                Box::new(move || {
                    for _ in 0..3 {
                        *lock.lock() += 1;
                    }
                }) as Body
            });
            Shuttle::run_to_rest(bodies.collect());
            assert_eq!(*lock.lock(), 9);
        };
        let by_hand = || {
            let lock = Arc::new(shuttle::sync::Mutex::new(0));
            let threads = (0..3).map(|_| {
                let lock = Arc::clone(&lock);
                shuttle::thread::spawn(move || {
                    for _ in 0..3 {
                        *lock.lock().unwrap() += 1;
                    }
                })
            });
            for thread in threads.collect::<Vec<_>>() {
                thread.join().unwrap();
            }
            assert_eq!(*lock.lock().unwrap(), 9);
        };
        let mut best = [0f64; 2];
        for _ in 0..5 {
            let start = Instant::now();
            let bounds = Bounds { max_executions: Some(EXECUTIONS), ..Bounds::default() };
            let run = explore(SchedulerKind::Random { seed: 1 }, &bounds, ours);
            assert_eq!(run.executions, EXECUTIONS);
            best[0] = best[0].max(EXECUTIONS as f64 / start.elapsed().as_secs_f64());
            let start = Instant::now();
            shuttle::check_random(by_hand, EXECUTIONS as usize);
            best[1] = best[1].max(EXECUTIONS as f64 / start.elapsed().as_secs_f64());
        }
        println!(
            "shuttle, mutex 3x3, random: {:.0}/s here, {:.0}/s by hand: {:.0}%",
            best[0],
            best[1],
            100.0 * best[0] / best[1]
        );
    }
}
