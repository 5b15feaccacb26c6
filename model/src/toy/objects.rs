//! The objects that primitives are built of, as their platform promises them: two atomics, a mutex, a reader-writer
//! lock, a condition variable that waits with the mutex, a park token for each thread, a virtual clock, and a run queue.
//!
//! One step an operation, two for a wait. It is small enough to be obviously right, and there to hold an engine against
//! that decides by itself which steps commute and which can be taken when. For the same reason everything is total: an
//! unlock of what the caller does not hold answers `not-held` and touches nothing, so that any sequence of operations is
//! a program; and a thread may wait for itself. The run queue belongs to the first thread: an owner that never changes.

use std::fmt;
use std::str::FromStr;

use crate::spec::{Clause, Form, Parameter, Progress, Rule, RuleId, Spec, Step, StepOf, Thread, Unknown, Unreadable};
use crate::text;

/// The number of atomics.
pub const ATOMICS: usize = 2;
/// The most threads that a program may have.
pub const THREADS_MAX: usize = 4;
/// The thread that may push to the run queue and pop from it.
pub const QUEUE_OWNER: Thread = Thread(0);

/// When a wait that has a deadline may end without its event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Timeouts {
    /// Once the clock has reached the deadline.
    #[default]
    Clocked,
    /// At any time.
    Free,
}

/// The spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ObjectsSpec {
    /// What deadlines mean.
    pub timeouts: Timeouts,
    /// Whether each thread may wake once without reason, from a park or a wait, and once be told to try a steal again.
    pub spurious: bool,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Returns the value of an atomic.
    Load(u8),
    /// Replaces it.
    Store(u8, u32),
    /// Adds to it and returns the old value.
    Add(u8, u32),
    /// Replaces it if it has the first of the two values; returns the old value.
    CompareExchange(u8, u32, u32),
    /// Takes the mutex, as soon as it is free.
    Lock,
    /// Takes it if it is free.
    TryLock,
    /// Gives it back.
    Unlock,
    /// Takes the reader-writer lock for reading, as soon as nobody has it for writing.
    Read,
    /// Takes it for writing, as soon as nobody has it.
    Write,
    /// Gives it back, whichever way the caller has it.
    Release,
    /// Takes the caller's token, as soon as it is there.
    Park,
    /// The same, but gives up when the clock reads so much.
    ParkUntil(u32),
    /// Puts down a thread's token.
    Unpark(u8),
    /// Gives the mutex back and waits to be notified, then takes the mutex again.
    Wait,
    /// The same, but gives up after so long.
    WaitTimeout(u32),
    /// Notifies one waiter, whichever.
    NotifyOne,
    /// Notifies all waiters.
    NotifyAll,
    /// Returns the time.
    Now,
    /// Moves the clock.
    Advance(u32),
    /// Appends a value to the run queue, whose owner is the first thread.
    Push(u32),
    /// Takes the queue's first value, as its owner.
    Pop,
    /// Takes the queue's first value.
    Steal,
    /// Returns the number of values in the queue.
    Len,
    /// Returns 1 if the queue is empty, and 0 otherwise.
    IsEmpty,
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// The mutex was not free.
    Busy,
    /// The caller does not hold what it wants to give back, or does not own the queue; nothing was done.
    NotHeld,
    /// The time was over first.
    Timeout,
    /// The queue was empty.
    Empty,
    /// The steal is to be tried again.
    Retry,
    /// The value, the number, or the time.
    Value(u32),
}

/// Where a running operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// Not begun.
    #[default]
    Start,
    /// It waits, until the clock reads so much if there is a number.
    Waiting(Option<u32>),
}

/// A thread that waits with the condition variable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Waiter {
    /// Which.
    pub thread: Thread,
    /// Whether it has been notified.
    pub is_notified: bool,
}

/// The objects.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct State {
    /// The values of the atomics.
    pub atomics: [u32; ATOMICS],
    /// Who holds the mutex.
    pub holder: Option<Thread>,
    /// How often each thread has the reader-writer lock for reading.
    pub readers: [u8; THREADS_MAX],
    /// Who has it for writing.
    pub writer: Option<Thread>,
    /// Whose token is there.
    pub tokens: [bool; THREADS_MAX],
    /// Who waits, in the order of the waits.
    pub waiters: Vec<Waiter>,
    /// The time.
    pub now: u32,
    /// Who has woken without reason.
    pub has_been_lucky: [bool; THREADS_MAX],
    /// What is in the run queue, the oldest first.
    pub queue: Vec<u32>,
    /// Who was told to try a steal again.
    pub has_retried: [bool; THREADS_MAX],
}

crate::rules! {
    LOAD = "load", "OBJ-01", Must, "Returns the value.";
    STORE = "store", "OBJ-01", Must, "Replaces the value.";
    ADD = "add", "OBJ-01", Must, "Adds, and returns the old value.";
    EXCHANGE = "compare-exchange", "OBJ-01", Must, "Replaces the expected value, and returns it.";
    EXCHANGE_OTHER = "compare-exchange.other", "OBJ-01", Must, "Returns the value: it is not the expected one.";
    LOCK = "lock", "OBJ-02", Must, "Takes the mutex, once it is free.";
    TRY_LOCK = "try-lock", "OBJ-02", Must, "Takes the mutex: it is free.";
    TRY_LOCK_BUSY = "try-lock.busy", "OBJ-02", Must, "Answers `busy`: somebody holds the mutex.";
    UNLOCK = "unlock", "OBJ-02", Must, "Frees the mutex.";
    READ = "read", "OBJ-03", Must, "Takes the lock for reading, once nobody writes.";
    WRITE = "write", "OBJ-03", Must, "Takes the lock for writing, once nobody reads or writes.";
    RELEASE = "release", "OBJ-03", Must, "Gives the lock back.";
    PARK = "park", "OBJ-04", Must, "Takes the token, once it is there.";
    PARK_TIMEOUT = "park.timeout", "OBJ-04", Must, "Gives up: the time is over and there is no token.";
    PARK_LUCK = "park.luck", "OBJ-07", May, "Returns for no reason.";
    UNPARK = "unpark", "OBJ-04", Must, "Puts down the token.";
    WAIT = "wait", "OBJ-05", Must, "Frees the mutex and enters the caller among the waiters.";
    WAIT_NOTIFIED = "wait.notified", "OBJ-05", Must, "Takes the mutex, once it is free: the caller was notified.";
    WAIT_TIMEOUT = "wait.timeout", "OBJ-05", Must, "Takes the mutex, once it is free: the time is over.";
    WAIT_LUCK = "wait.luck", "OBJ-07", May, "Takes the mutex, once it is free, for no other reason.";
    NOTIFY_ONE = "notify-one", "OBJ-05", Must, "Notifies one waiter that is not notified yet.";
    NOTIFY_ALL = "notify-all", "OBJ-05", Must, "Notifies all waiters.";
    NOTIFY_NOBODY = "notify.nobody", "OBJ-05", Must, "Finds nobody to notify.";
    NOW = "now", "OBJ-06", Must, "Returns the time.";
    ADVANCE = "advance", "OBJ-06", Must, "Moves the clock.";
    NOT_HELD = "not-held", "OBJ-08", Must, "Answers `not-held`, and does nothing.";
    PUSH = "push", "OBJ-09", Must, "Appends the value to the run queue.";
    POP = "pop", "OBJ-09", Must, "Takes the oldest value of the run queue.";
    STEAL = "steal", "OBJ-09", Must, "Takes the oldest value of the run queue.";
    TAKE_NOTHING = "take-nothing", "OBJ-09", Must, "Answers `empty`: there is no value in the run queue.";
    STEAL_RETRY = "steal.retry", "OBJ-07", May, "Answers `retry`, and takes nothing.";
    LEN = "len", "OBJ-09", Must, "Returns how many values there are in the run queue.";
    IS_EMPTY = "is-empty", "OBJ-09", Must, "Returns whether the run queue is empty.";
}

const SOURCE: &str = "Selvedge: the platform that primitives stand on";

static CLAUSES: &[Clause] = &[
    Clause::new("OBJ-01", SOURCE, "Each access to an atomic is one step, and reads the newest value."),
    Clause::new("OBJ-02", SOURCE, "At most one thread holds the mutex; an attempt to take it never blocks."),
    Clause::new("OBJ-03", SOURCE, "Many threads read, or one writes."),
    Clause::new("OBJ-04", SOURCE, "A park takes a token, of which there is at most one a thread."),
    Clause::new(
        "OBJ-05",
        SOURCE,
        "A wait frees the mutex and enters the waiters in one step; a notification reaches one of those who wait then.",
    ),
    Clause::new("OBJ-06", SOURCE, "Time stands still unless a thread moves it."),
    Clause::new(
        "OBJ-07",
        SOURCE,
        "If spurious wakeups are allowed, each thread has one, and one steal that is to be tried again.",
    ),
    Clause::new(
        "OBJ-08",
        SOURCE,
        "Giving back what one does not hold, and using as owner what one does not own, does nothing.",
    ),
    Clause::new(
        "OBJ-09",
        SOURCE,
        "What is pushed to the run queue is taken once, by its owner or by a thief, first in, first out.",
    ),
];

static FORMS: &[Form] = &[
    Form::new("load", "ATOMIC", "Returns the value."),
    Form::new("store", "ATOMIC VALUE", "Replaces the value."),
    Form::new("add", "ATOMIC VALUE", "Adds; returns the old value."),
    Form::new(
        "compare-exchange",
        "ATOMIC EXPECTED NEW",
        "Replaces the value if it is EXPECTED; returns the old value.",
    ),
    Form::new("lock", "", "Takes the mutex."),
    Form::new("try-lock", "", "Takes the mutex if it is free; returns `ok` or `busy`."),
    Form::new("unlock", "", "Gives the mutex back; returns `not-held` if the caller does not hold it."),
    Form::new("read", "", "Takes the reader-writer lock for reading."),
    Form::new("write", "", "Takes the reader-writer lock for writing."),
    Form::new("release", "", "Gives the reader-writer lock back; returns `not-held` if the caller does not have it."),
    Form::new("park", "", "Takes the caller's token."),
    Form::new("park-until", "TIME", "Takes the caller's token, or returns `timeout` at TIME."),
    Form::new("unpark", "THREAD", "Puts down the token of the THREAD of that number, from 0."),
    Form::new("wait", "", "Waits with the mutex; returns `not-held` if the caller does not hold it."),
    Form::new("wait-timeout", "SPAN", "Like `wait`, but returns `timeout` after SPAN."),
    Form::new("notify-one", "", "Notifies one waiter."),
    Form::new("notify-all", "", "Notifies all waiters."),
    Form::new("now", "", "Returns the time."),
    Form::new("advance", "SPAN", "Moves the clock."),
    Form::new("push", "VALUE", "Appends to the run queue; returns `not-held` if the caller is not the first thread."),
    Form::new("pop", "", "Takes the queue's first value, or returns `empty`; `not-held` as for `push`."),
    Form::new("steal", "", "Takes the queue's first value, or returns `empty` or `retry`."),
    Form::new("len", "", "Returns the number of values in the queue."),
    Form::new("is-empty", "", "Returns 1 if the queue is empty, and 0 otherwise."),
];

static PARAMETERS: &[Parameter] = &[
    Parameter { name: "timeouts", values: &["clocked", "free"], text: "When a wait with a deadline may give up." },
    Parameter {
        name: "spurious",
        values: &["none", "once"],
        text: "How often each thread may wake without reason, and be told to try a steal again.",
    },
];

impl State {
    /// Whether nobody has the reader-writer lock.
    fn is_unread(&self) -> bool {
        self.readers.iter().all(|count| *count == 0)
    }

    fn has_mutex(&self, thread: Thread) -> bool {
        self.holder == Some(thread)
    }

    fn is_notified(&self, thread: Thread) -> bool {
        self.waiters.iter().any(|waiter| waiter.thread == thread && waiter.is_notified)
    }
}

/// The steps of an operation, as they are found.
struct Found<'s, 'o> {
    state: &'s State,
    out: &'o mut Vec<StepOf<ObjectsSpec>>,
}

impl Found<'_, '_> {
    fn returns(&mut self, rule: RuleId, ret: Ret, change: impl FnOnce(&mut State)) {
        let mut state = self.state.clone();
        change(&mut state);
        self.out.push(Step { rule, state, progress: Progress::Return(ret) });
    }
}

impl ObjectsSpec {
    /// When a wait is over that begins now. Where timeouts are free nobody looks at the clock.
    fn deadline(self, state: &State, span: Option<u32>) -> Option<u32> {
        span.map(|span| match self.timeouts {
            Timeouts::Clocked => state.now.saturating_add(span),
            Timeouts::Free => 0,
        })
    }

    /// How a thread that waits for an event may go on, if it may: the event first, then time, then luck.
    fn wakeups(self, state: &State, thread: Thread, happened: bool, deadline: Option<u32>) -> Vec<Woken> {
        let is_over = deadline.is_some_and(|deadline| self.timeouts == Timeouts::Free || state.now >= deadline);
        if happened {
            return vec![Woken::Event];
        }
        let mut wakeups = Vec::new();
        if is_over {
            wakeups.push(Woken::Time);
        }
        if self.spurious && !state.has_been_lucky[usize::from(thread.0)] {
            wakeups.push(Woken::Luck);
        }
        wakeups
    }

    fn park(self, thread: Thread, deadline: Option<u32>, found: &mut Found<'_, '_>) {
        let me = usize::from(thread.0);
        let has_token = found.state.tokens[me];
        for woken in self.wakeups(found.state, thread, has_token, deadline) {
            match woken {
                // Who has a deadline and is told that there was no token may rely on it that the time has come.
                Woken::Luck if deadline.is_some() => {}
                Woken::Event => found.returns(PARK, Ret::Ok, |state| state.tokens[me] = false),
                Woken::Time => found.returns(PARK_TIMEOUT, Ret::Timeout, |_| ()),
                Woken::Luck => found.returns(PARK_LUCK, Ret::Ok, |state| state.has_been_lucky[me] = true),
            }
        }
    }

    fn wait(self, thread: Thread, span: Option<u32>, found: &mut Found<'_, '_>) {
        if !found.state.has_mutex(thread) {
            return found.returns(NOT_HELD, Ret::NotHeld, |_| ());
        }
        let mut state = found.state.clone();
        state.holder = None;
        state.waiters.push(Waiter { thread, is_notified: false });
        let phase = Phase::Waiting(self.deadline(&state, span));
        found.out.push(Step { rule: WAIT, state, progress: Progress::Next(phase) });
    }

    fn wake(self, thread: Thread, deadline: Option<u32>, has_span: bool, found: &mut Found<'_, '_>) {
        if found.state.holder.is_some() {
            return;
        }
        let take = |state: &mut State| {
            state.holder = Some(thread);
            state.waiters.retain(|waiter| waiter.thread != thread);
        };
        let without = if has_span { Ret::Timeout } else { Ret::Ok };
        for woken in self.wakeups(found.state, thread, found.state.is_notified(thread), deadline) {
            match woken {
                Woken::Event => found.returns(WAIT_NOTIFIED, Ret::Ok, take),
                Woken::Time => found.returns(WAIT_TIMEOUT, Ret::Timeout, take),
                Woken::Luck => found.returns(WAIT_LUCK, without, |state| {
                    take(state);
                    state.has_been_lucky[usize::from(thread.0)] = true;
                }),
            }
        }
    }

    fn atomic(op: Op, found: &mut Found<'_, '_>) {
        let (Op::Load(at) | Op::Store(at, _) | Op::Add(at, _) | Op::CompareExchange(at, ..)) = op else { return };
        let at = usize::from(at);
        let old = found.state.atomics[at];
        match op {
            Op::Store(_, new) => found.returns(STORE, Ret::Ok, |state| state.atomics[at] = new),
            Op::Add(_, more) => found.returns(ADD, Ret::Value(old), |state| {
                state.atomics[at] = old.wrapping_add(more);
            }),
            Op::CompareExchange(_, expected, new) if old == expected => {
                found.returns(EXCHANGE, Ret::Value(old), |state| state.atomics[at] = new);
            }
            Op::CompareExchange(..) => found.returns(EXCHANGE_OTHER, Ret::Value(old), |_| ()),
            _ => found.returns(LOAD, Ret::Value(old), |_| ()),
        }
    }

    fn lock(op: Op, thread: Thread, found: &mut Found<'_, '_>) {
        let me = usize::from(thread.0);
        let state = found.state;
        match op {
            Op::Lock if state.holder.is_none() => found.returns(LOCK, Ret::Ok, |state| state.holder = Some(thread)),
            Op::TryLock if state.holder.is_none() => {
                found.returns(TRY_LOCK, Ret::Ok, |state| state.holder = Some(thread));
            }
            Op::TryLock => found.returns(TRY_LOCK_BUSY, Ret::Busy, |_| ()),
            Op::Unlock if state.has_mutex(thread) => found.returns(UNLOCK, Ret::Ok, |state| state.holder = None),
            Op::Read if state.writer.is_none() => found.returns(READ, Ret::Ok, |state| state.readers[me] += 1),
            Op::Write if state.writer.is_none() && state.is_unread() => {
                found.returns(WRITE, Ret::Ok, |state| state.writer = Some(thread));
            }
            Op::Release if state.writer == Some(thread) => {
                found.returns(RELEASE, Ret::Ok, |state| state.writer = None);
            }
            Op::Release if state.readers[me] > 0 => {
                found.returns(RELEASE, Ret::Ok, |state| state.readers[me] -= 1);
            }
            Op::Unlock | Op::Release => found.returns(NOT_HELD, Ret::NotHeld, |_| ()),
            _ => {}
        }
    }

    fn queue(self, op: Op, thread: Thread, found: &mut Found<'_, '_>) {
        let me = usize::from(thread.0);
        let queue = &found.state.queue;
        match op {
            Op::Push(_) | Op::Pop if thread != QUEUE_OWNER => found.returns(NOT_HELD, Ret::NotHeld, |_| ()),
            Op::Push(value) => found.returns(PUSH, Ret::Ok, |state| state.queue.push(value)),
            Op::Len => found.returns(LEN, Ret::Value(queue.len() as u32), |_| ()),
            Op::IsEmpty => found.returns(IS_EMPTY, Ret::Value(queue.is_empty().into()), |_| ()),
            _ => {
                let rule = if op == Op::Pop { POP } else { STEAL };
                match queue.first().copied() {
                    Some(oldest) => found.returns(rule, Ret::Value(oldest), |state| {
                        state.queue.remove(0);
                    }),
                    None => found.returns(TAKE_NOTHING, Ret::Empty, |_| ()),
                }
                if op == Op::Steal && self.spurious && !found.state.has_retried[me] {
                    found.returns(STEAL_RETRY, Ret::Retry, |state| state.has_retried[me] = true);
                }
            }
        }
    }

    fn notify(op: Op, found: &mut Found<'_, '_>) {
        let waiting: Vec<usize> =
            (0..found.state.waiters.len()).filter(|&at| !found.state.waiters[at].is_notified).collect();
        if waiting.is_empty() {
            return found.returns(NOTIFY_NOBODY, Ret::Ok, |_| ());
        }
        if op == Op::NotifyAll {
            return found.returns(NOTIFY_ALL, Ret::Ok, |state| {
                for waiter in &mut state.waiters {
                    waiter.is_notified = true;
                }
            });
        }
        for at in waiting {
            found.returns(NOTIFY_ONE, Ret::Ok, |state| state.waiters[at].is_notified = true);
        }
    }
}

/// Why a waiting thread goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Woken {
    Event,
    Time,
    Luck,
}

impl Spec for ObjectsSpec {
    type State = State;
    type Op = Op;
    type Phase = Phase;
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "objects"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        let timeouts = if chosen[0] == "free" { Timeouts::Free } else { Timeouts::Clocked };
        Ok(Self { timeouts, spurious: chosen[1] == "once" })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        let timeouts = match self.timeouts {
            Timeouts::Clocked => "clocked",
            Timeouts::Free => "free",
        };
        vec![("timeouts", timeouts), ("spurious", if self.spurious { "once" } else { "none" })]
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [Rule] {
        RULES
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        &["a0", "a1", "held", "now", "queued"]
    }

    fn threads_max() -> usize {
        THREADS_MAX
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        set.iter().try_fold(State::default(), |mut state, (name, value)| {
            match name.as_str() {
                "a0" => state.atomics[0] = text::initial_value(name, *value, 0..=u32::MAX)?,
                "a1" => state.atomics[1] = text::initial_value(name, *value, 0..=u32::MAX)?,
                _ => return Err(text::unknown_name("initial value", name, ["a0", "a1"])),
            }
            Ok(state)
        })
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        match name {
            "a0" => Some(i64::from(state.atomics[0])),
            "a1" => Some(i64::from(state.atomics[1])),
            "held" => Some(i64::from(state.holder.is_some())),
            "now" => Some(i64::from(state.now)),
            "queued" => Some(state.queue.len() as i64),
            _ => None,
        }
    }

    fn steps(
        &self,
        state: &State,
        thread: Thread,
        op: &Op,
        phase: &Phase,
        _seen: Option<&Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let found = &mut Found { state, out };
        match (*op, *phase) {
            (Op::Wait | Op::WaitTimeout(_), Phase::Waiting(deadline)) => {
                self.wake(thread, deadline, deadline.is_some(), found);
            }
            (Op::Wait, Phase::Start) => self.wait(thread, None, found),
            (Op::WaitTimeout(span), Phase::Start) => self.wait(thread, Some(span), found),
            (Op::Park, _) => self.park(thread, None, found),
            (Op::ParkUntil(time), _) => self.park(thread, Some(time), found),
            (Op::Unpark(other), _) => {
                found.returns(UNPARK, Ret::Ok, |state| state.tokens[usize::from(other)] = true);
            }
            (Op::NotifyOne | Op::NotifyAll, _) => Self::notify(*op, found),
            (Op::Now, _) => found.returns(NOW, Ret::Value(state.now), |_| ()),
            (Op::Advance(span), _) => {
                found.returns(ADVANCE, Ret::Ok, |state| state.now = state.now.saturating_add(span));
            }
            (Op::Load(_) | Op::Store(..) | Op::Add(..) | Op::CompareExchange(..), _) => Self::atomic(*op, found),
            (Op::Push(_) | Op::Pop | Op::Steal | Op::Len | Op::IsEmpty, _) => self.queue(*op, thread, found),
            _ => Self::lock(*op, thread, found),
        }
    }

    /// A thread takes no lock that it surely holds, and waits only where it may hold the mutex.
    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        let mut ops = vec![
            Op::Load(0),
            Op::Store(0, 1),
            Op::Add(0, 2),
            Op::CompareExchange(0, 0, 1),
            Op::CompareExchange(0, 1, 2),
            Op::Load(1),
            Op::Store(1, 1),
            Op::Add(1, 1),
            Op::Park,
            Op::ParkUntil(1),
            Op::Unpark(0),
            Op::Unpark(1),
            Op::NotifyOne,
            Op::NotifyAll,
            Op::Now,
            Op::Advance(1),
            Op::Push(done.iter().filter(|op| matches!(op, Op::Push(_))).count() as u32),
            Op::Pop,
            Op::Steal,
            Op::Len,
            Op::IsEmpty,
        ];
        match may_hold_mutex(done) {
            true => ops.extend([Op::Unlock, Op::Wait, Op::WaitTimeout(1)]),
            false => ops.extend([Op::Lock, Op::TryLock]),
        }
        match may_hold_lock(done) {
            true => ops.push(Op::Release),
            false => ops.extend([Op::Read, Op::Write]),
        }
        ops
    }

    fn may_end(&self, done: &[Op]) -> bool {
        !may_hold_mutex(done) && !may_hold_lock(done)
    }
}

/// Whether a thread may hold the mutex after these operations.
fn may_hold_mutex(done: &[Op]) -> bool {
    matches!(done.iter().rfind(|op| matches!(op, Op::Lock | Op::TryLock | Op::Unlock)), Some(Op::Lock | Op::TryLock))
}

/// Whether a thread has the reader-writer lock after these operations.
fn may_hold_lock(done: &[Op]) -> bool {
    matches!(done.iter().rfind(|op| matches!(op, Op::Read | Op::Write | Op::Release)), Some(Op::Read | Op::Write))
}

/// Whether a step by this rule touches none of the objects: it answers `not-held`.
pub fn is_without_effect(rule: RuleId) -> bool {
    rule == NOT_HELD
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Load(atomic) => write!(f, "load {atomic}"),
            Op::Store(atomic, value) => write!(f, "store {atomic} {value}"),
            Op::Add(atomic, value) => write!(f, "add {atomic} {value}"),
            Op::CompareExchange(atomic, expected, new) => write!(f, "compare-exchange {atomic} {expected} {new}"),
            Op::Lock => f.write_str("lock"),
            Op::TryLock => f.write_str("try-lock"),
            Op::Unlock => f.write_str("unlock"),
            Op::Read => f.write_str("read"),
            Op::Write => f.write_str("write"),
            Op::Release => f.write_str("release"),
            Op::Park => f.write_str("park"),
            Op::ParkUntil(time) => write!(f, "park-until {time}"),
            Op::Unpark(thread) => write!(f, "unpark {thread}"),
            Op::Wait => f.write_str("wait"),
            Op::WaitTimeout(span) => write!(f, "wait-timeout {span}"),
            Op::NotifyOne => f.write_str("notify-one"),
            Op::NotifyAll => f.write_str("notify-all"),
            Op::Now => f.write_str("now"),
            Op::Advance(span) => write!(f, "advance {span}"),
            Op::Push(value) => write!(f, "push {value}"),
            Op::Pop => f.write_str("pop"),
            Op::Steal => f.write_str("steal"),
            Op::Len => f.write_str("len"),
            Op::IsEmpty => f.write_str("is-empty"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        let atomic = || call.number(0, 0..=ATOMICS as u8 - 1);
        let number = |at| call.number(at, 0..=u32::MAX);
        Ok(match call.name {
            "load" => Op::Load(atomic()?),
            "store" => Op::Store(atomic()?, number(1)?),
            "add" => Op::Add(atomic()?, number(1)?),
            "compare-exchange" => Op::CompareExchange(atomic()?, number(1)?, number(2)?),
            "lock" => Op::Lock,
            "try-lock" => Op::TryLock,
            "unlock" => Op::Unlock,
            "read" => Op::Read,
            "write" => Op::Write,
            "release" => Op::Release,
            "park" => Op::Park,
            "park-until" => Op::ParkUntil(number(0)?),
            "unpark" => Op::Unpark(call.number(0, 0..=THREADS_MAX as u8 - 1)?),
            "wait" => Op::Wait,
            "wait-timeout" => Op::WaitTimeout(number(0)?),
            "notify-one" => Op::NotifyOne,
            "notify-all" => Op::NotifyAll,
            "now" => Op::Now,
            "push" => Op::Push(number(0)?),
            "pop" => Op::Pop,
            "steal" => Op::Steal,
            "len" => Op::Len,
            "is-empty" => Op::IsEmpty,
            _ => Op::Advance(number(0)?),
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Busy => f.write_str("busy"),
            Ret::NotHeld => f.write_str("not-held"),
            Ret::Timeout => f.write_str("timeout"),
            Ret::Empty => f.write_str("empty"),
            Ret::Retry => f.write_str("retry"),
            Ret::Value(value) => write!(f, "{value}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        if let Ok(value) = text.trim().parse() {
            return Ok(Ret::Value(value));
        }
        let words = [
            ("ok", Ret::Ok),
            ("busy", Ret::Busy),
            ("not-held", Ret::NotHeld),
            ("timeout", Ret::Timeout),
            ("empty", Ret::Empty),
            ("retry", Ret::Retry),
        ];
        text::one_of(text, "answer", &words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Thread = Thread(0);
    const T1: Thread = Thread(1);

    /// The only step of an operation that begins, if there is one.
    fn step(spec: ObjectsSpec, state: &State, thread: Thread, op: &str) -> Option<StepOf<ObjectsSpec>> {
        let mut out = Vec::new();
        spec.steps(state, thread, &op.parse().unwrap(), &Phase::Start, None, &mut out);
        assert!(out.len() <= 1, "{op}: {out:?}");
        out.pop()
    }

    /// The state after operations of one step each, and what the last of them returned.
    fn after(ops: &[(Thread, &str)]) -> (State, Option<Ret>) {
        ops.iter().fold((State::default(), None), |(state, _), (thread, op)| {
            match step(ObjectsSpec::default(), &state, *thread, op) {
                Some(Step { state, progress: Progress::Return(ret), .. }) => (state, Some(ret)),
                other => panic!("{op}: {other:?}"),
            }
        })
    }

    fn is_enabled(state: &State, thread: Thread, op: &str) -> bool {
        step(ObjectsSpec::default(), state, thread, op).is_some()
    }

    #[test]
    fn the_vocabulary_round_trips() {
        for op in ObjectsSpec::default()
            .next_ops(&[])
            .into_iter()
            .chain(ObjectsSpec::default().next_ops(&[Op::Lock, Op::Write]))
        {
            assert_eq!(op.to_string().parse(), Ok(op));
        }
        for ret in [Ret::Ok, Ret::Busy, Ret::NotHeld, Ret::Timeout, Ret::Empty, Ret::Retry, Ret::Value(7)] {
            assert_eq!(ret.to_string().parse(), Ok(ret));
        }
        assert!("load 2".parse::<Op>().is_err(), "there are two atomics");
        assert!(RULES.iter().all(|rule| (rule.obligation == crate::Obligation::Must) == (rule.clause != "OBJ-07")));
    }

    #[test]
    fn atomics_return_what_was_there() {
        let (state, ret) = after(&[(T0, "add 0 2"), (T1, "compare-exchange 0 2 5"), (T0, "compare-exchange 0 2 9")]);
        assert_eq!((state.atomics, ret), ([5, 0], Some(Ret::Value(5))));
    }

    #[test]
    fn locks_exclude() {
        let (held, _) = after(&[(T0, "lock")]);
        assert!(!is_enabled(&held, T1, "lock") && !is_enabled(&held, T0, "lock"));
        assert_eq!(after(&[(T0, "lock"), (T1, "try-lock")]).1, Some(Ret::Busy));
        assert_eq!(after(&[(T0, "lock"), (T1, "unlock")]), (held, Some(Ret::NotHeld)));
        let (read, _) = after(&[(T0, "read")]);
        assert!(is_enabled(&read, T1, "read") && !is_enabled(&read, T1, "write") && !is_enabled(&read, T0, "write"));
        let (written, _) = after(&[(T0, "write")]);
        assert!(!is_enabled(&written, T1, "read") && !is_enabled(&written, T1, "write"));
        assert_eq!(after(&[(T0, "read"), (T0, "read"), (T0, "release"), (T0, "release")]).0, State::default());
    }

    #[test]
    fn a_park_needs_a_token_or_time_or_luck() {
        assert!(!is_enabled(&State::default(), T0, "park"));
        assert_eq!(after(&[(T1, "unpark 0"), (T1, "unpark 0"), (T0, "park")]).0, State::default());
        assert!(!is_enabled(&State::default(), T0, "park-until 1"));
        assert_eq!(after(&[(T1, "advance 1"), (T0, "park-until 1")]).1, Some(Ret::Timeout));
        assert_eq!(after(&[(T1, "advance 1"), (T1, "unpark 0"), (T0, "park-until 1")]).1, Some(Ret::Ok));
        let free = ObjectsSpec { timeouts: Timeouts::Free, spurious: false };
        assert!(step(free, &State::default(), T0, "park-until 1").is_some());
        let lucky = ObjectsSpec { spurious: true, ..ObjectsSpec::default() };
        let woken = step(lucky, &State::default(), T0, "park").unwrap();
        assert!(step(lucky, &woken.state, T0, "park").is_none(), "once");
    }

    #[test]
    fn a_queue_gives_the_oldest_value_once_and_to_anybody() {
        let (state, ret) = after(&[(T0, "push 5"), (T0, "push 6"), (T1, "push 7"), (T1, "steal")]);
        assert_eq!((&state.queue[..], ret), (&[6][..], Some(Ret::Value(5))));
        assert_eq!(step(ObjectsSpec::default(), &state, T0, "pop").unwrap().progress, Progress::Return(Ret::Value(6)));
        assert_eq!(after(&[(T0, "push 5"), (T1, "pop")]).1, Some(Ret::NotHeld), "only the first thread is the owner");
        assert_eq!(after(&[(T0, "push 5"), (T0, "pop"), (T1, "steal")]).1, Some(Ret::Empty));
        assert_eq!(after(&[(T0, "push 5"), (T1, "len")]).1, Some(Ret::Value(1)));
        assert_eq!(after(&[(T0, "push 5"), (T1, "is-empty")]).1, Some(Ret::Value(0)));
    }

    #[test]
    fn a_steal_is_to_be_tried_again_once_if_there_is_luck() {
        let lucky = ObjectsSpec { spurious: true, ..ObjectsSpec::default() };
        let mut steps = Vec::new();
        lucky.steps(&State::default(), T1, &Op::Steal, &Phase::Start, None, &mut steps);
        let answers: Vec<_> = steps.iter().map(|step| step.progress.clone()).collect();
        assert_eq!(answers, [Progress::Return(Ret::Empty), Progress::Return(Ret::Retry)]);
        let again = step(lucky, &steps[1].state, T1, "steal").unwrap();
        assert_eq!(again.progress, Progress::Return(Ret::Empty));
    }

    #[test]
    fn a_notification_reaches_one_of_those_who_wait_and_any() {
        let spec = ObjectsSpec::default();
        let mut state = State::default();
        for thread in [T0, T1] {
            state = step(spec, &state, thread, "lock").unwrap().state;
            let waits = step(spec, &state, thread, "wait").unwrap();
            assert_eq!(waits.progress, Progress::Next(Phase::Waiting(None)));
            state = waits.state;
        }
        let mut notified = Vec::new();
        spec.steps(&state, Thread(2), &Op::NotifyOne, &Phase::Start, None, &mut notified);
        assert_eq!(notified.len(), 2);
        let state = &notified[1].state;
        let wakes = |thread| {
            let mut out = Vec::new();
            spec.steps(state, thread, &Op::Wait, &Phase::Waiting(None), None, &mut out);
            out.pop()
        };
        assert_eq!(wakes(T0), None);
        let woken = wakes(T1).unwrap();
        assert_eq!((woken.state.holder, woken.progress), (Some(T1), Progress::Return(Ret::Ok)));
        assert_eq!(after(&[(T0, "notify-one"), (T0, "wait")]).1, Some(Ret::NotHeld), "nobody remembers it");
    }
}
