//! Threads: spawn, join, park, and running to rest.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::quiet;
use super::super::{Body, End, Failure, Join, Race, Timeouts, Unpark};
use super::{
    Access, Confined, Doom, Engine, Execution, Luck, Mention, Object, ObjectId, Openness, Shape, Told, Touch, reads,
    step, step_told, writes,
};

/// The payload with which a doomed thread leaves.
pub struct Abandoned;

/// What others know of a thread.
pub(super) struct Shared<E: Engine> {
    index: usize,
    token: E::Object,
    has_token: Confined<E, bool>,
    end: E::Object,
}

impl<E: Engine> Shared<E> {
    /// How many objects a thread has before it makes its first.
    pub(super) const OBJECTS: u32 = 2;

    pub(super) fn new(index: usize, execution: u64, first: ObjectId) -> Self {
        Self {
            index,
            token: E::Object::new(first, Shape::Channel),
            has_token: Confined::of(execution, false),
            end: E::Object::new(ObjectId { number: first.number + 1, ..first }, Shape::Once),
        }
    }
}

/// A handle by which a thread is unparked.
pub struct Handle<E: Engine>(pub(super) Arc<Shared<E>>);

impl<E: Engine> Clone for Handle<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Engine> fmt::Debug for Handle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "thread {}", self.0.index)
    }
}

impl<E: Engine> Unpark for Handle<E> {
    #[track_caller]
    fn unpark(&self) {
        let thread = &*self.0;
        step(Location::caller(), &[writes::<E>(&thread.token)], None);
        thread.has_token.with(|token| *token = true);
        E::opens(thread.token.id(), Openness::OPEN);
        E::release(&thread.token, 0);
        E::changed(&Execution::current());
    }
}

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Woken {
    Event,
    Time,
    Luck,
}

/// What a wait is about.
pub(super) struct Wait<'a, E: Engine> {
    /// Must be free in any case; the step takes it.
    pub lock: Option<&'a E::Object>,
    /// Where the event is told. Whoever goes on without the event changes it.
    pub source: &'a E::Object,
    /// What opens when the event happens, if that is finer than `source`.
    pub event: Option<ObjectId>,
    /// Whether it may end without a reason: see [`Profile::spurious_budget`](super::super::Profile::spurious_budget).
    pub may_be_lucky: bool,
    /// Whether `lock` is free.
    pub may_act: &'a dyn Fn() -> bool,
    /// Whether the event has happened.
    pub happened: &'a dyn Fn() -> bool,
}

/// A wait for an event, with an end in time if there is a `deadline`.
pub(super) fn wait_for<E: Engine>(
    location: &'static Location<'static>,
    wait: &Wait<'_, E>,
    deadline: Option<Duration>,
) -> Woken {
    let Wait { may_act, happened, .. } = *wait;
    let execution = Execution::<E>::current();
    let me = execution.running();
    let clocked = execution.profile().timeouts == Timeouts::Clocked;
    let time_is_over = || deadline.is_some_and(|deadline| !clocked || execution.time() >= deadline);
    // Asked first, not once the attempt has been scheduled: a choice may be a scheduling point of its own.
    let by_luck = wait.may_be_lucky && execution.is_lucky(me, Luck::Wakeup);
    // Without a deadline and without luck only the event lets the thread go on.
    let needs = if deadline.is_none() && !by_luck { Openness::OPEN } else { Openness::CLOSED };
    let mut touches: [Option<Touch<'_, E>>; 3] = [None, None, None];
    touches[0] = wait.lock.map(|lock| writes(lock).needing(Openness::OPEN));
    touches[1] = Some(match wait.event {
        Some(_) if needs == Openness::OPEN => writes(wait.source).hidden(),
        Some(_) => writes(wait.source),
        None => writes(wait.source).needing(needs),
    });
    touches[2] = (deadline.is_some() && clocked).then(|| reads(execution.clock()));
    let touches: Vec<Touch<'_, E>> = touches.into_iter().flatten().collect();
    let also = wait.event.map(|object| Mention { object, access: Access::Write, needs });
    let told = Told { also, is_opaque: deadline.is_some() && clocked && !by_luck };
    if by_luck {
        step_told(location, &touches, told, Some(may_act));
        return if happened() { Woken::Event } else { Woken::Luck };
    }
    step_told(location, &touches, told, Some(&|| may_act() && (happened() || time_is_over())));
    if happened() { Woken::Event } else { Woken::Time }
}

/// When a timed wait that begins now is over. The step that has just been taken read the clock.
pub(super) fn deadline<E: Engine>(execution: &Execution<E>, timeout: Duration) -> Duration {
    execution.time().saturating_add(timeout)
}

/// Waits for a token; returns whether it took one.
pub(super) fn park<E: Engine>(location: &'static Location<'static>, timeout: Option<Duration>) -> bool {
    let deadline = timeout.map(|timeout| {
        let execution = Execution::<E>::current();
        if execution.profile().timeouts == Timeouts::Clocked {
            step(location, &[reads::<E>(execution.clock())], None);
        }
        deadline(&execution, timeout)
    });
    park_until::<E>(location, deadline)
}

/// Waits for a token, until the deadline if there is one; returns whether it took one.
pub(super) fn park_until<E: Engine>(location: &'static Location<'static>, deadline: Option<Duration>) -> bool {
    let execution = Execution::<E>::current();
    let Handle(me) = execution.handle(execution.running());
    let has_token = || me.has_token.with(|token| *token);
    // A timed park that ends without a token says that its time has come.
    let may_be_lucky = deadline.is_none();
    let wait =
        Wait { lock: None, source: &me.token, event: None, may_be_lucky, may_act: &|| true, happened: &has_token };
    let woken = wait_for::<E>(location, &wait, deadline);
    if woken == Woken::Event {
        me.has_token.with(|token| *token = false);
        E::opens(me.token.id(), Openness::CLOSED);
        E::acquire(&me.token, 0);
    }
    woken == Woken::Event
}

/// A handle by which a thread is joined.
pub struct JoinHandle<E: Engine, T> {
    thread: Arc<Shared<E>>,
    value: Arc<Mutex<Option<T>>>,
}

impl<E: Engine, T: Send> Join<T> for JoinHandle<E, T> {
    #[track_caller]
    fn join(self) -> T {
        let execution = Execution::<E>::current();
        let index = self.thread.index;
        step::<E>(Location::caller(), &[], Some(&|| execution.has_ended(index)));
        E::noted(self.thread.end.id(), Access::Read, Openness::OPEN);
        E::acquire(&self.thread.end, 0);
        let value = self.value.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        match value {
            Some(value) => value,
            None => match execution.take_end(index) {
                End::Panicked(message) => panic!("the joined thread panicked: {message}"),
                end => panic!("the joined thread did not return: {end:?}"),
            },
        }
    }

    fn is_current(&self) -> bool {
        Execution::<E>::current().running() == self.thread.index
    }
}

pub(super) fn spawn<E: Engine, T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<E, T> {
    let execution = Execution::<E>::current();
    let value = Arc::new(Mutex::new(None));
    let result = Arc::clone(&value);
    let index = enter(&execution, None);
    let body = move || {
        let value = body();
        *result.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(value);
    };
    E::start(&execution, index, Box::new(body));
    let Handle(thread) = execution.handle(index);
    JoinHandle { thread, value }
}

/// Makes a thread known that is about to start.
fn enter<E: Engine>(execution: &Execution<E>, scope: Option<usize>) -> usize {
    if !std::thread::panicking() {
        execution.leave_if_doomed(execution.running());
    }
    E::admit(execution.thread_count());
    let index = execution.enter(scope);
    let Handle(thread) = execution.handle(index);
    E::opens(thread.token.id(), Openness::CLOSED);
    E::opens(thread.end.id(), Openness::CLOSED);
    index
}

/// Contains a panic of the program's. One of ours or of the engine's goes on: it is how the thread ends.
pub(super) fn contain<E: Engine, R>(body: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let execution = Execution::<E>::current();
    let me = execution.running();
    let was_contained = execution.set_contained(me, true);
    let result = catch_unwind(AssertUnwindSafe(body));
    execution.set_contained(me, was_contained);
    result.map_err(|payload| {
        let is_ours = payload.is::<Abandoned>() || payload.is::<Race>();
        if is_ours || E::expels(&*payload) || E::is_internal(&quiet::message(&*payload)) {
            resume_unwind(payload);
        }
        payload
    })
}

/// What a coroutine does: the body of thread `index`, then its end.
pub fn thread_body<E: Engine>(index: usize, body: Box<dyn FnOnce() + Send>) {
    let execution = Execution::<E>::current();
    execution.begin_thread(index);
    let run = || {
        execution.leave_if_doomed(index);
        body();
    };
    let end = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => End::Returned,
        Err(payload) if payload.is::<Abandoned>() || E::expels(&*payload) => doomed_end(&execution, index),
        Err(payload) => match payload.downcast::<Race>() {
            Ok(race) => {
                execution.give_up_after_race(index);
                End::Raced(*race)
            }
            Err(payload) => {
                let message = quiet::message(&*payload);
                if E::is_internal(&message) {
                    execution.fail(Failure::Panic(message.clone()));
                }
                End::Panicked(message)
            }
        },
    };
    conclude_thread(&execution, index, end);
    E::ended(&execution, index);
}

/// Thread `index`, which is running, has come to its end.
pub(super) fn conclude_thread<E: Engine>(execution: &Execution<E>, index: usize, end: End) {
    let Handle(shared) = execution.handle(index);
    E::noted(shared.end.id(), Access::Write, Openness::CLOSED);
    E::opens(shared.end.id(), Openness::OPEN);
    E::release(&shared.end, 0);
    execution.end_thread(index, end);
}

pub(super) fn doomed_end<E: Engine>(execution: &Execution<E>, index: usize) -> End {
    match execution.doom_of(index) {
        Some(Doom::Blocked) => End::Blocked,
        Some(Doom::Abandoned) | None => End::Abandoned,
    }
}

pub fn run_to_rest<E: Engine>(location: &'static Location<'static>, bodies: Vec<Body>) -> Vec<End> {
    let execution = Execution::<E>::current();
    let scope = execution.open_scope();
    let first = execution.thread_count();
    let threads = first..first + bodies.len();
    // Refused before anybody is known: who is known and never starts would be waited for.
    if let Some(last) = threads.end.checked_sub(1) {
        E::admit(last);
    }
    // Everybody is known before anybody starts: a handle may be passed on outside the engine's view, and what the
    // engine keeps about a thread must be older than whoever uses it.
    for index in threads.clone() {
        let entered = enter(&execution, Some(scope));
        debug_assert_eq!(entered, index, "nobody else enters meanwhile");
    }
    for (index, body) in threads.clone().zip(bodies) {
        E::start(&execution, index, body);
    }
    step::<E>(location, &[], Some(&|| execution.scope_has_ended(scope)));
    threads
        .map(|index| {
            let Handle(thread) = execution.handle(index);
            E::noted(thread.end.id(), Access::Read, Openness::OPEN);
            E::acquire(&thread.end, 0);
            execution.take_end(index)
        })
        .collect()
}

/// The body of a search: runs `body` as thread 0, then waits for what it left behind.
pub fn settle<E: Engine>(execution: &Execution<E>, body: impl FnOnce()) {
    let first = execution.enter(None);
    execution.begin_thread(first);
    execution.make_clock(super::object::<E>(Shape::Silent));
    execution.make_foreign(|| super::object::<E>(Shape::Silent));
    let failed = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(()) => false,
        Err(payload) if payload.is::<Abandoned>() => true,
        Err(payload) => {
            execution.fail(match payload.downcast::<Race>() {
                Ok(race) => Failure::Race(*race),
                Err(payload) => Failure::Panic(quiet::message(&*payload)),
            });
            true
        }
    };
    execution.begin_settling(failed);
    E::changed(execution);
    step::<E>(Location::caller(), &[], Some(&|| execution.others_have_ended(first)));
    execution.end_thread(first, End::Returned);
}
