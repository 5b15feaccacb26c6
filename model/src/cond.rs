//! Go's condition variable, `sync.Cond`, together with its Locker.
//!
//! # What it models
//!
//! A condition variable is a queue of tickets. `wait` takes the next ticket while the lock is still held, releases the
//! lock, sleeps until its ticket is notified, and takes the lock again. `signal` notifies the oldest ticket,
//! `broadcast` all of them; neither needs the lock. A ticket counts from the moment it is taken, whether or not its
//! owner sleeps already; that is why no wakeup is lost between the release of the lock and the sleep.
//!
//! The state is the abstract queue of outstanding tickets. Go keeps it as two counters (`wait`, the next ticket, and
//! `notify`, the next to be notified) and a list of sleepers; the queue is what those stand for, the tickets in
//! `[notify, wait)`.
//!
//! # What `signal` promises
//!
//! "Signal wakes one waiter if there is any" is more than Go keeps. Its fast path reads `wait` first and `notify`
//! second; between the two a new waiter may arrive and another signal may notify the old one, so that the two values
//! read are equal although at no instant the queue was empty. What Go does keep: when `signal` returns, either it
//! notified a ticket, or every ticket that was taken before it began has been notified. So `signal` begins by noting
//! who is outstanding (`owed`); it notifies a ticket as long as there is one, and returns without effect only if nobody
//! whom it noted is outstanding any more. The same holds for `broadcast`. It is enough for callers: whoever takes a
//! ticket later has tested the predicate after it was changed.
//!
//! # Choices
//!
//! POSIX, std and others differ in who is woken, in spurious wakeups and in timed waits; the parameters say which
//! semantics is meant. Timed waits are an extension (clauses `COND-T..`): Go has none.
//!
//! With spurious wakeups or free timeouts a waiting loop may take tickets without end, so the two counters stand still
//! then and are not shown; otherwise no exploration would ever end.
//!
//! # Limits
//!
//! At most [`THREADS_MAX`] threads. The read-write lock is taken at its weakest: while a writer waits for readers to leave,
//! another reader may get in past it, and may as well wait for it, as Go's documentation of `RWMutex` says. So may one who is
//! inside already: Go forbids recursive read locking in words only. Sixteen times at once, then it blocks.

mod tell;

use std::fmt;
use std::str::FromStr;

use crate::spec::{
    Broken, Clause, Commutation, Exclusion, Form, Freedom, Parameter, Progress, RuleId, Semantics, Spec, Step, StepOf,
    Story, Thread, Unknown, Unreadable,
};
use crate::text;

/// The most threads that a state has room for.
pub const THREADS_MAX: usize = 16;

/// The spec: a choice of semantics.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CondSpec {
    /// Which outstanding ticket `signal` notifies.
    pub order: Order,
    /// Whether a wait may end without having been notified.
    pub spurious: Spurious,
    /// What the lock is.
    pub locker: Locker,
    /// When a timed wait may give up.
    pub timeouts: Timeouts,
}

/// Which outstanding ticket `signal` notifies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// The oldest.
    #[default]
    Fifo,
    /// Any.
    Any,
}

/// Whether a wait may end without having been notified.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Spurious {
    /// Never, as in Go.
    #[default]
    Never,
    /// At any time, as under POSIX.
    Allowed,
}

/// What the lock is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Locker {
    /// A mutex; `write-lock` and `lock` are the same.
    #[default]
    Mutex,
    /// The read side of a read-write lock; `write-lock` takes its write side.
    RwMutex,
}

/// When a timed wait may give up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Timeouts {
    /// Once virtual time has reached its deadline, and then it must.
    #[default]
    Clocked,
    /// At any time, or never.
    Free,
}

/// Which of two condition variables an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Which {
    /// The one the program starts with.
    Original,
    /// The one that `copy` made.
    Copy,
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Takes the lock.
    Lock,
    /// Releases the lock.
    Unlock,
    /// Takes the write side of the lock.
    WriteLock,
    /// Releases the write side of the lock.
    WriteUnlock,
    /// Waits to be notified.
    Wait(Which),
    /// Waits to be notified, but not for ever.
    WaitTimeout {
        /// How long, in milliseconds of virtual time.
        timeout_ms: u32,
    },
    /// Notifies one waiter.
    Signal(Which),
    /// Notifies all waiters.
    Broadcast(Which),
    /// Lets virtual time pass.
    Advance {
        /// How much, in milliseconds.
        by_ms: u32,
    },
    /// Makes a copy of the condition variable, bit by bit: Go's `d := *c`.
    Copy,
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// A timed wait that did not time out.
    Notified,
    /// A timed wait that did.
    Timeout,
}

/// Where a running operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// Not begun.
    #[default]
    Start,
    /// A timed wait that knows when it gives up and has no ticket yet.
    Timed {
        /// When it gives up.
        deadline_ms: u64,
    },
    /// A wait that has its ticket and still holds the lock.
    Queued {
        /// When it gives up, if its timeout is clocked.
        deadline_ms: Option<u64>,
    },
    /// A wait that sleeps.
    Parked {
        /// When it gives up, if its timeout is clocked.
        deadline_ms: Option<u64>,
    },
    /// A wait that is about to take the lock again.
    Relocking {
        /// Whether it gave up.
        timed_out: bool,
    },
    /// A signal or broadcast that has noted who is outstanding.
    Begun,
    /// A writer that has said that it wants the lock.
    Wanting,
}

/// What changes as operations proceed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct State {
    lock: Lock,
    original: Waiters,
    copy: Option<Box<Duplicate>>,
    now_ms: u64,
}

/// A set of threads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Threads(u16);

impl Threads {
    fn has(self, thread: Thread) -> bool {
        self.0 & (1 << thread.0) != 0
    }

    fn insert(&mut self, thread: Thread) {
        self.0 |= 1 << thread.0;
    }

    fn remove(&mut self, thread: Thread) {
        self.0 &= !(1 << thread.0);
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn len(self) -> u32 {
        self.0.count_ones()
    }
}

/// The lock: who is inside, whether by the side that shares it with nobody, and which writers wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Lock {
    holders: Threads,
    /// How often each of them has taken the read side once more.
    again: Counts,
    exclusive: bool,
    wanting: Threads,
}

/// A small number for each thread: four bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Counts(u64);

impl Counts {
    const MAX: u64 = 0xf;

    fn of(self, thread: Thread) -> u64 {
        (self.0 >> (4 * thread.0)) & Self::MAX
    }

    /// One more, or one less.
    fn add(&mut self, thread: Thread, more: bool) {
        let one = 1 << (4 * thread.0);
        if more { self.0 += one } else { self.0 -= one }
    }
}

/// One condition variable: its counters and its outstanding tickets.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Waiters {
    /// The next ticket. Wraps around.
    wait: u32,
    /// As many tickets have been notified or given up as this has advanced. Wraps around.
    notify: u32,
    /// The outstanding tickets, oldest first, each by its owner, who has no other.
    queue: Queue,
    /// For each thread with a signal or broadcast that has begun: whose tickets it found and are still outstanding.
    owed: [Threads; THREADS_MAX],
    /// Whether it was ever used: Go's copy checker knows its address since then.
    used: bool,
    /// Who is about to be the first to use it, by a signal or broadcast that has begun: at some time before that returns.
    first: Threads,
}

/// What `copy` made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Duplicate {
    /// A copy of a condition variable that was not yet used: a condition variable like any other.
    Fresh(Waiters),
    /// A copy of one that was used: it remembers the address of the other.
    Stale,
}

/// Threads in line, oldest first: four bits each, so that a state stays small.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
struct Queue {
    owners: u64,
    len: u8,
}

impl Queue {
    const BITS: usize = 4;

    fn iter(self) -> impl Iterator<Item = Thread> {
        (0..usize::from(self.len)).map(move |at| Thread(((self.owners >> (at * Self::BITS)) & 0xf) as u8))
    }

    fn has(self, thread: Thread) -> bool {
        self.iter().any(|owner| owner == thread)
    }

    fn threads(self) -> Threads {
        let mut threads = Threads::default();
        self.iter().for_each(|owner| threads.insert(owner));
        threads
    }

    fn push(&mut self, thread: Thread) {
        self.owners |= u64::from(thread.0) << (usize::from(self.len) * Self::BITS);
        self.len += 1;
    }

    fn remove(&mut self, thread: Thread) {
        let line = std::mem::take(self);
        line.iter().filter(|owner| *owner != thread).for_each(|owner| self.push(owner));
    }
}

impl Waiters {
    fn new(counter: u32) -> Self {
        Self {
            wait: counter,
            notify: counter,
            queue: Queue::default(),
            owed: [Threads::default(); THREADS_MAX],
            used: false,
            first: Threads::default(),
        }
    }

    /// A signal or broadcast notes who is outstanding.
    fn begin(&mut self, thread: Thread) {
        self.owed[usize::from(thread.0)] = self.queue.threads();
        if !self.used {
            self.first.insert(thread);
        }
    }

    fn note_use(&mut self) {
        self.used = true;
        self.first = Threads::default();
    }

    /// Takes the next ticket.
    fn enqueue(&mut self, thread: Thread, counted: bool) {
        self.note_use();
        self.queue.push(thread);
        if counted {
            self.wait = self.wait.wrapping_add(1);
        }
    }

    /// Settles the ticket of `owner`: it was notified, or its owner has given it up.
    fn settle(&mut self, owner: Thread, counted: bool) {
        self.queue.remove(owner);
        self.owed.iter_mut().for_each(|owed| owed.remove(owner));
        if counted {
            self.notify = self.notify.wrapping_add(1);
        }
    }
}

impl State {
    /// The waiters of one of the two condition variables, if it exists and is one.
    fn waiters(&self, which: Which) -> Option<&Waiters> {
        match (which, self.copy.as_deref()) {
            (Which::Original, _) => Some(&self.original),
            (Which::Copy, Some(Duplicate::Fresh(waiters))) => Some(waiters),
            (Which::Copy, _) => None,
        }
    }

    /// Whether the thread's ticket is neither notified nor given up.
    fn is_outstanding(&self, thread: Thread, which: Which) -> bool {
        self.waiters(which).is_some_and(|waiters| waiters.queue.has(thread))
    }

    /// Whether nobody is outstanding of those whom the thread's signal or broadcast found when it began.
    fn owes_nobody(&self, thread: Thread, which: Which) -> bool {
        self.waiters(which).is_none_or(|waiters| waiters.owed[usize::from(thread.0)].is_empty())
    }

    /// The state with the waiters of one condition variable changed; unchanged if there is no such one.
    fn with_waiters(&self, which: Which, change: impl FnOnce(&mut Waiters)) -> Self {
        let mut after = self.clone();
        match (which, after.copy.as_deref_mut()) {
            (Which::Original, _) => change(&mut after.original),
            (Which::Copy, Some(Duplicate::Fresh(waiters))) => change(waiters),
            (Which::Copy, _) => {}
        }
        after
    }
}

crate::rules! {
    LOCK = "lock", "COND-11", Must, "Takes the lock, once nobody is inside (read side: no writer, and none waits).";
    LOCK_WANT = "lock.want", "COND-11", Must, "Says that it wants the write side.";
    LOCK_PAST = "lock.past-writer", "COND-11", May, "Takes the read side, or takes it again, past a writer that waits.";
    UNLOCK = "unlock", "COND-11", Must, "Releases the lock.";
    UNLOCK_ABORT = "unlock.abort", "COND-12", Must, "Ends the program: the lock is not locked.";
    WAIT_ENQUEUE = "wait.enqueue", "COND-01", Must, "Takes the next ticket; the lock is still held.";
    WAIT_RELEASE = "wait.release", "COND-02", Must, "Releases the lock.";
    WAIT_ABORT = "wait.abort", "COND-12", Must, "Ends the program: the lock to release is not locked.";
    WAIT_NOTIFIED = "wait.notified", "COND-03", Must, "Stops sleeping: the ticket has been notified.";
    WAIT_SPURIOUS = "wait.spurious", "COND-13", May, "Stops sleeping without having been notified; gives the ticket up.";
    WAIT_RELOCK = "wait.relock", "COND-04", Must, "Takes the lock again and returns.";
    SIGNAL_BEGIN = "signal.begin", "COND-06", Must, "Notes whose tickets are outstanding.";
    SIGNAL_WAKE = "signal.wake", "COND-05", Must, "Notifies the oldest outstanding ticket and returns.";
    SIGNAL_WAKE_ANY = "signal.wake-any", "COND-14", Must, "Notifies some outstanding ticket and returns.";
    SIGNAL_NONE = "signal.none", "COND-06", Must, "Returns without effect: no ticket that it found is outstanding.";
    BROADCAST_BEGIN = "broadcast.begin", "COND-08", Must, "Notes whose tickets are outstanding.";
    BROADCAST_WAKE = "broadcast.wake", "COND-07", Must, "Notifies every outstanding ticket and returns.";
    BROADCAST_NONE = "broadcast.none", "COND-08", Must, "Returns without effect: no ticket that it found is outstanding.";
    COPY = "copy", "COND-15", Must, "Copies the condition variable.";
    COPIED_ABORT = "copied.abort", "COND-16", Must, "Ends the program: the condition variable is a copy of a used one.";
    TIMEOUT_SET = "timeout.set", "COND-T05", Must, "Reads the clock; the timeout counts from here.";
    TIMEOUT_DUE = "timeout.due", "COND-T01", Must, "Gives the ticket up: the deadline has passed.";
    TIMEOUT_FREE = "timeout.free", "COND-T02", May, "Gives the ticket up, at any time.";
    TIMEOUT_RELOCK = "timeout.relock", "COND-T03", Must, "Takes the lock again and returns `timeout`.";
    ADVANCE = "advance", "COND-T04", Must, "Lets virtual time pass.";
}

const DOCUMENTATION: &str = "Go sync.Cond documentation";
const SOURCE: &str = "runtime/sema.go notifyList as of Go 1.25";
const TIMED: &str = "Selvedge: timed waits, after POSIX pthread_cond_timedwait";

static CLAUSES: &[Clause] = &[
    Clause::new(
        "COND-01",
        SOURCE,
        "Wait takes its ticket before it releases the lock, so that whatever is signalled after the release finds it.",
    ),
    Clause::new("COND-02", DOCUMENTATION, "Wait releases the lock before it sleeps."),
    Clause::new(
        "COND-03",
        DOCUMENTATION,
        "Wait goes on once its ticket is notified, whether or not it slept already; no notification is lost.",
    ),
    Clause::new("COND-04", DOCUMENTATION, "Wait holds the lock again when it returns."),
    Clause::new(
        "COND-05",
        SOURCE,
        "Signal notifies the oldest outstanding ticket, and no other; the order is that in which tickets were taken.",
    ),
    Clause::new(
        "COND-06",
        SOURCE,
        "Signal returns without effect only if every ticket taken before it began has been notified: every ticket of which the \
         caller can know, because it was taken happens-before or by the order of sequentially consistent atomics.",
    ),
    Clause::new("COND-07", DOCUMENTATION, "Broadcast notifies every outstanding ticket at once."),
    Clause::new(
        "COND-08",
        SOURCE,
        "Broadcast returns without effect only if every ticket taken before it began, as Signal means it, has been notified.",
    ),
    Clause::new("COND-09", SOURCE, "Each ticket is notified at most once, and nobody has two tickets outstanding."),
    Clause::new(
        "COND-10",
        SOURCE,
        "The counters wrap around modulo 2^32, and their difference is the number of outstanding tickets.",
    ),
    Clause::new(
        "COND-11",
        "Go sync.Mutex and sync.RWMutex documentation",
        "Whoever is inside the lock exclusively is alone there; the lock goes on to somebody who wants it once it is free.",
    ),
    Clause::new(
        "COND-12",
        "Go sync.Mutex and sync.RWMutex documentation",
        "Unlocking a lock that is not locked ends the program; a Wait without the lock has taken its ticket by then.",
    ),
    Clause::extension(
        "COND-13",
        "POSIX pthread_cond_wait",
        "With `spurious allowed`, a Wait may end without having been notified.",
    ),
    Clause::extension(
        "COND-14",
        "Go sync.Cond documentation: \"Signal wakes one goroutine\"",
        "With `order any`, Signal notifies exactly one of the outstanding tickets, no matter which.",
    ),
    Clause::new(
        "COND-15",
        DOCUMENTATION,
        "A condition variable that has not been used may be copied; the copy has waiters of its own.",
    ),
    Clause::new(
        "COND-16",
        DOCUMENTATION,
        "A copy of a condition variable that has been used ends the program at its first use.",
    ),
    Clause::new(
        "COND-17",
        DOCUMENTATION,
        "Wait does not return before its ticket has been notified: there is no spurious wakeup.",
    ),
    Clause::new(
        "COND-18",
        DOCUMENTATION,
        "What precedes a Signal, a Broadcast or the release of the lock happens before what follows the Wait or Lock that goes on because of it.",
    ),
    Clause::extension(
        "COND-T01",
        TIMED,
        "A timed wait that is not notified when its deadline passes gives its ticket up then and not before, so that no later signal is spent on it.",
    ),
    Clause::extension(
        "COND-T02",
        TIMED,
        "With `timeouts free`, a timed wait may give its ticket up at any time, or never.",
    ),
    Clause::extension(
        "COND-T03",
        TIMED,
        "A timed wait that gave up holds the lock again when it returns, and returns `timeout`; one that was notified never does.",
    ),
    Clause::extension("COND-T04", TIMED, "Virtual time only moves forward, and only by `advance`."),
    Clause::extension(
        "COND-T05",
        TIMED,
        "The timeout of a wait counts from its call, not from when it took its ticket.",
    ),
];

static FORMS: &[Form] = &[
    Form::new("lock", "", "Takes the lock (with `locker rwmutex`: its read side)."),
    Form::new("unlock", "", "Releases the lock (with `locker rwmutex`: its read side)."),
    Form::new("write-lock", "", "Takes the write side of the lock."),
    Form::new("write-unlock", "", "Releases the write side of the lock."),
    Form::new("wait", "", "Releases the lock, sleeps until notified, takes the lock again."),
    Form::new("signal", "", "Notifies one waiter."),
    Form::new("broadcast", "", "Notifies all waiters."),
    Form::new("wait-timeout", "MS", "Waits, but not longer; returns `notified` or `timeout`."),
    Form::new("advance", "MS", "Lets virtual time pass."),
    Form::new("copy", "", "Copies the condition variable: d := *c."),
    Form::new("wait-copy", "", "Waits on the copy."),
    Form::new("signal-copy", "", "Notifies one who waits on the copy."),
    Form::new("broadcast-copy", "", "Notifies all who wait on the copy."),
];

static PARAMETERS: &[Parameter] = &[
    Parameter { name: "order", values: &["fifo", "any"], text: "Which outstanding ticket signal notifies." },
    Parameter {
        name: "spurious",
        values: &["never", "allowed"],
        text: "Whether a wait may end without being notified.",
    },
    Parameter {
        name: "locker",
        values: &["mutex", "rwmutex"],
        text: "What the lock is: a mutex, or a read-write lock of which wait uses the read side.",
    },
    Parameter {
        name: "timeouts",
        values: &["clocked", "free"],
        text: "Whether a timed wait gives up when virtual time reaches its deadline, or at any time.",
    },
];

static FREEDOMS: &[Freedom] = &[
    Freedom {
        parameter: "order",
        value: "any",
        text: "waiters may be woken out of order",
        withheld_by: Some("COND-05"),
    },
    Freedom { parameter: "spurious", value: "allowed", text: "spurious wakeups exist", withheld_by: Some("COND-17") },
    // A timeout that may come at any time may stay away as well: whoever is late is not excused by that.
    Freedom { parameter: "timeouts", value: "free", text: "a timeout may come at any time", withheld_by: None },
];

static SEMANTICS: &[Semantics] = &[
    Semantics {
        name: "go",
        settings: &[("order", "fifo"), ("spurious", "never"), ("timeouts", "clocked")],
        text: "Go's sync.Cond: waiters in the order of their tickets, nobody without having been notified.",
    },
    Semantics {
        name: "posix",
        settings: &[("order", "any"), ("spurious", "allowed"), ("timeouts", "free")],
        text: "pthread_cond_wait, and std's: any waiter, spurious wakeups, a timeout that may come early or late.",
    },
    Semantics {
        name: "fifo",
        settings: &[("order", "fifo"), ("spurious", "allowed"), ("timeouts", "free")],
        text: "POSIX with a queue: as `posix`, but whoever has waited longest is woken first.",
    },
];

impl Spec for CondSpec {
    type State = State;
    type Op = Op;
    type Phase = Phase;
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "cond"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(Self {
            order: if chosen[0] == "any" { Order::Any } else { Order::Fifo },
            spurious: if chosen[1] == "allowed" { Spurious::Allowed } else { Spurious::Never },
            locker: if chosen[2] == "rwmutex" { Locker::RwMutex } else { Locker::Mutex },
            timeouts: if chosen[3] == "free" { Timeouts::Free } else { Timeouts::Clocked },
        })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn freedoms() -> &'static [Freedom] {
        FREEDOMS
    }

    fn happens_before() -> Option<&'static str> {
        Some("COND-18")
    }

    /// The lock orders, and a notification. A ticket is taken under the lock, and a call that finds nobody tells nobody.
    fn orders(rule: RuleId) -> bool {
        ![WAIT_ENQUEUE, SIGNAL_BEGIN, SIGNAL_NONE, BROADCAST_BEGIN, BROADCAST_NONE, TIMEOUT_SET, ADVANCE, COPY]
            .contains(&rule)
    }

    fn semantics() -> &'static [Semantics] {
        SEMANTICS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        let chosen = [self.order as usize, self.spurious as usize, self.locker as usize, self.timeouts as usize];
        PARAMETERS.iter().zip(chosen).map(|(parameter, value)| (parameter.name, parameter.values[value])).collect()
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [crate::Rule] {
        RULES
    }

    fn aborts() -> &'static [&'static str] {
        &["COND-12", "COND-16"]
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    /// `wait` and `notify` are Go's counters: tickets taken, and tickets settled (notified or given up). `now` is
    /// virtual time in milliseconds.
    fn observables() -> &'static [&'static str] {
        &["wait", "notify", "now"]
    }

    fn threads_max() -> usize {
        THREADS_MAX
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        let (mut wait, mut notify, mut now_ms) = (0, 0, 0);
        for (name, value) in set {
            match name.as_str() {
                "wait" => wait = text::initial_value(name, *value, 0..=u32::MAX)?,
                "notify" => notify = text::initial_value(name, *value, 0..=u32::MAX)?,
                "now" => now_ms = u64::from(text::initial_value(name, *value, 0..=u32::MAX)?),
                _ => {
                    return Err(text::unknown_name("initial value", name, Self::observables().iter().copied()));
                }
            }
        }
        if wait != notify {
            return Err(Unknown {
                message: format!("`wait` is {wait} and `notify` is {notify}: the tickets between would have no owner"),
                expected: vec![format!("wait = {wait} and notify = {wait}")],
            });
        }
        Ok(State { lock: Lock::default(), original: Waiters::new(wait), copy: None, now_ms })
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        match name {
            "wait" if self.counts_tickets() => Some(i64::from(state.original.wait)),
            "notify" if self.counts_tickets() => Some(i64::from(state.original.notify)),
            "now" => i64::try_from(state.now_ms).ok(),
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
        assert!(usize::from(thread.0) < THREADS_MAX, "a condvar state has room for {THREADS_MAX} threads");
        match *op {
            Op::Lock => self.lock(state, thread, Side::OfLocker, (LOCK, Ret::Ok), out),
            Op::WriteLock if self.locker == Locker::RwMutex && *phase == Phase::Start => {
                let mut after = state.clone();
                after.lock.wanting.insert(thread);
                out.push(goes_on(LOCK_WANT, after, Phase::Wanting));
            }
            Op::WriteLock => self.lock(state, thread, Side::Write, (LOCK, Ret::Ok), out),
            Op::Unlock => self.unlock(state, thread, Side::OfLocker, out),
            Op::WriteUnlock => self.unlock(state, thread, Side::Write, out),
            Op::Wait(which) | Op::Signal(which) | Op::Broadcast(which) if state.waiters(which).is_none() => {
                // Nothing can be done with a copy before there is one.
                if state.copy.is_some() {
                    out.push(abort(COPIED_ABORT, state.clone(), "sync.Cond is copied"));
                }
            }
            Op::Wait(which) => self.wait(state, thread, which, None, phase, out),
            Op::WaitTimeout { timeout_ms } => {
                self.wait(state, thread, Which::Original, Some(timeout_ms), phase, out);
            }
            Op::Signal(which) => self.signal(state, thread, which, phase, out),
            Op::Broadcast(which) => self.broadcast(state, thread, which, phase, out),
            Op::Advance { by_ms } => {
                let mut after = state.clone();
                after.now_ms += u64::from(by_ms);
                out.push(returns(ADVANCE, after, Ret::Ok));
            }
            Op::Copy => {
                let mut copies = |copy| {
                    let mut after = state.clone();
                    after.copy = Some(Box::new(copy));
                    out.push(returns(COPY, after, Ret::Ok));
                };
                let Waiters { wait, used, first, .. } = state.original;
                if !used {
                    copies(Duplicate::Fresh(Waiters::new(wait)));
                }
                if used || !first.is_empty() {
                    copies(Duplicate::Stale);
                }
            }
        }
    }

    fn answers(&self, op: &Op, ret: &Ret) -> bool {
        matches!(op, Op::WaitTimeout { .. }) != (*ret == Ret::Ok)
    }

    fn invariants(&self, state: &State) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut require = |clause: &'static str, holds: bool, text: &dyn Fn() -> String| {
            if !holds {
                broken.push(Broken { clause, text: text() });
            }
        };
        let lock = state.lock;
        require("COND-11", !lock.exclusive || lock.holders.len() == 1, &|| {
            format!("{} threads are inside a lock that one of them holds exclusively", lock.holders.len())
        });
        for waiters in [Which::Original, Which::Copy].into_iter().filter_map(|which| state.waiters(which)) {
            let outstanding = u32::from(waiters.queue.len);
            require("COND-09", waiters.queue.threads().len() == outstanding, &|| {
                format!("{outstanding} tickets are outstanding, of {} threads", waiters.queue.threads().len())
            });
            require(
                "COND-10",
                !self.counts_tickets() || waiters.wait.wrapping_sub(waiters.notify) == outstanding,
                &|| format!("wait is {}, notify is {}, outstanding are {outstanding}", waiters.wait, waiters.notify),
            );
            for owed in waiters.owed {
                require("COND-06", owed.0 & !waiters.queue.threads().0 == 0, &|| {
                    "a signal still owes a wakeup to somebody who is not waiting".to_owned()
                });
            }
        }
        broken
    }

    fn at_rest(&self, state: &State, running: &[(Thread, &Op, &Phase)]) -> Vec<Broken> {
        let mut broken = Vec::new();
        for (thread, op, phase) in running {
            let which = if **op == Op::Wait(Which::Copy) { Which::Copy } else { Which::Original };
            match **phase {
                Phase::Parked { .. } if !state.is_outstanding(*thread, which) => broken.push(Broken {
                    clause: "COND-03",
                    text: format!("thread {} sleeps for ever although its ticket has been notified", thread.0),
                }),
                Phase::Parked { deadline_ms: Some(deadline_ms) } if deadline_ms <= state.now_ms => {
                    broken.push(Broken {
                        clause: "COND-T01",
                        text: format!(
                            "thread {} sleeps for ever although its deadline {deadline_ms} ms has passed: it is {} ms",
                            thread.0, state.now_ms
                        ),
                    });
                }
                Phase::Queued { .. } => broken.push(Broken {
                    clause: "COND-02",
                    text: format!("thread {} has its ticket and never releases the lock", thread.0),
                }),
                Phase::Relocking { .. } if state.lock.holders.is_empty() => broken.push(Broken {
                    clause: "COND-04",
                    text: format!("thread {} never takes the lock again although it is free", thread.0),
                }),
                Phase::Start | Phase::Wanting
                    if matches!(op, Op::Lock | Op::WriteLock) && state.lock.holders.is_empty() =>
                {
                    broken.push(Broken {
                        clause: "COND-11",
                        text: format!("thread {} never takes the lock although it is free", thread.0),
                    });
                }
                _ => {}
            }
        }
        broken
    }

    fn commutation(&self, state: &State, thread: Thread, op: &Op, phase: &Phase) -> Commutation {
        let releases = |side: Side| {
            // While this thread is inside, the others can neither take the lock from it nor be let in by anybody else.
            let inside = state.lock.holders.has(thread) && state.lock.exclusive == self.is_exclusive(side);
            if inside { Commutation::Independent } else { Commutation::Undisciplined }
        };
        match (op, phase) {
            (Op::Unlock, _) => releases(Side::OfLocker),
            (Op::WriteUnlock, _) => releases(Side::Write),
            (_, Phase::Queued { .. }) => releases(Side::OfLocker),
            // A reader who comes before or after a writer says that it waits: that is not the same.
            (Op::WriteLock, Phase::Start) | (Op::Lock, _) | (_, Phase::Relocking { .. })
                if self.locker == Locker::RwMutex =>
            {
                Commutation::Unknown
            }
            // With the lock taken the others can do less than before, and nothing that would notice.
            (Op::Lock | Op::WriteLock, _) | (_, Phase::Relocking { .. }) => Commutation::RightMover,
            // Once notified, it stays so, and going on changes nothing that others see.
            (Op::Wait(Which::Original) | Op::WaitTimeout { .. }, Phase::Parked { .. })
                if !state.is_outstanding(thread, Which::Original) =>
            {
                Commutation::Independent
            }
            // To begin early loses nothing: the fewer it finds, the sooner it may return, and it may notify whoever is
            // there in the end. A copy may be taken as one from before it all the same.
            (Op::Signal(Which::Original) | Op::Broadcast(Which::Original), Phase::Start) => Commutation::Independent,
            _ => Commutation::Unknown,
        }
    }

    fn exclusion(&self, state: &State, thread: Thread) -> Exclusion {
        match (state.lock.holders.has(thread), state.lock.exclusive) {
            (false, _) => Exclusion::Nothing,
            (true, false) => Exclusion::Shared,
            (true, true) => Exclusion::Exclusive,
        }
    }

    /// A thread locks, does something inside, and unlocks; it signals inside or outside. Time advances outside.
    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        match held(done) {
            Some(side) => {
                let mut ops = vec![Op::Signal(Which::Original), Op::Broadcast(Which::Original)];
                match side {
                    Side::OfLocker => ops.extend([
                        Op::Unlock,
                        Op::Wait(Which::Original),
                        Op::WaitTimeout { timeout_ms: 10 },
                        Op::WaitTimeout { timeout_ms: 20 },
                    ]),
                    Side::Write => ops.push(Op::WriteUnlock),
                }
                ops
            }
            None => {
                let mut ops = vec![Op::Lock, Op::Signal(Which::Original), Op::Broadcast(Which::Original)];
                if self.locker == Locker::RwMutex {
                    ops.push(Op::WriteLock);
                }
                if self.timeouts == Timeouts::Clocked {
                    ops.push(Op::Advance { by_ms: 10 });
                }
                ops
            }
        }
    }

    fn may_end(&self, done: &[Op]) -> bool {
        held(done).is_none()
    }

    fn tell(&self, story: &Story<'_, Self>) -> Option<String> {
        tell::tell(story)
    }
}

/// The side of the lock that an operation is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// The side that `lock`, `unlock` and `wait` use: the whole mutex, or the read side.
    OfLocker,
    /// The write side.
    Write,
}

/// The side of the lock that a thread holds after the operations that it has done.
fn held(done: &[Op]) -> Option<Side> {
    done.iter().fold(None, |held, op| match op {
        Op::Lock => Some(Side::OfLocker),
        Op::WriteLock => Some(Side::Write),
        Op::Unlock | Op::WriteUnlock => None,
        _ => held,
    })
}

fn goes_on(rule: RuleId, state: State, phase: Phase) -> StepOf<CondSpec> {
    Step { rule, state, progress: Progress::Next(phase) }
}

fn returns(rule: RuleId, state: State, ret: Ret) -> StepOf<CondSpec> {
    Step { rule, state, progress: Progress::Return(ret) }
}

fn abort(rule: RuleId, state: State, text: &str) -> StepOf<CondSpec> {
    let clause = RULES[usize::from(rule.0)].clause;
    Step { rule, state, progress: Progress::Abort { clause, text: text.to_owned() } }
}

impl CondSpec {
    /// Whether the counters move: see the note on choices at the head of this module.
    fn counts_tickets(&self) -> bool {
        self.spurious == Spurious::Never && self.timeouts == Timeouts::Clocked
    }

    fn is_exclusive(&self, side: Side) -> bool {
        side == Side::Write || self.locker == Locker::Mutex
    }

    /// Takes the lock once it is free, and returns.
    fn lock(&self, state: &State, thread: Thread, side: Side, then: (RuleId, Ret), out: &mut Vec<StepOf<Self>>) {
        let exclusive = self.is_exclusive(side);
        let Lock { holders, again, wanting, .. } = state.lock;
        let is_shared = !exclusive && !state.lock.exclusive && again.of(thread) < Counts::MAX;
        if holders.is_empty() || is_shared {
            let mut after = state.clone();
            if holders.has(thread) {
                after.lock.again.add(thread, true);
            }
            after.lock.holders.insert(thread);
            after.lock.wanting.remove(thread);
            after.lock.exclusive = exclusive;
            let rule = if exclusive || wanting.is_empty() { then.0 } else { LOCK_PAST };
            out.push(returns(rule, after, then.1));
        }
    }

    fn unlock(&self, state: &State, thread: Thread, side: Side, out: &mut Vec<StepOf<Self>>) {
        out.push(match self.released(state, thread, side) {
            Ok(after) => returns(UNLOCK, after, Ret::Ok),
            Err(text) => abort(UNLOCK_ABORT, state.clone(), text),
        });
    }

    /// The state after `thread` has released the lock, or the fatal error if it is not locked on that side. A Go lock
    /// does not belong to a goroutine: somebody else may release it.
    fn released(&self, state: &State, thread: Thread, side: Side) -> Result<State, &'static str> {
        let Lock { mut holders, mut again, exclusive, wanting } = state.lock;
        if holders.is_empty() || exclusive != self.is_exclusive(side) {
            return Err(match (self.locker, side) {
                (Locker::Mutex, _) => "sync: unlock of unlocked mutex",
                (Locker::RwMutex, Side::OfLocker) => "sync: RUnlock of unlocked RWMutex",
                (Locker::RwMutex, Side::Write) => "sync: Unlock of unlocked RWMutex",
            });
        }
        let leaver = if holders.has(thread) { thread } else { Thread(holders.0.trailing_zeros() as u8) };
        match again.of(leaver) {
            0 => holders.remove(leaver),
            _ => again.add(leaver, false),
        }
        let mut after = state.clone();
        after.lock = Lock { holders, again, exclusive: false, wanting };
        Ok(after)
    }

    fn wait(
        &self,
        state: &State,
        thread: Thread,
        which: Which,
        timeout_ms: Option<u32>,
        phase: &Phase,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let counted = self.counts_tickets();
        let without_ticket = || state.with_waiters(which, |waiters| waiters.settle(thread, counted));
        match *phase {
            Phase::Start if timeout_ms.is_some() && self.timeouts == Timeouts::Clocked => {
                let deadline_ms = state.now_ms + u64::from(timeout_ms.unwrap_or_default());
                out.push(goes_on(TIMEOUT_SET, state.clone(), Phase::Timed { deadline_ms }));
            }
            Phase::Start | Phase::Timed { .. } => {
                let after = state.with_waiters(which, |waiters| waiters.enqueue(thread, counted));
                let deadline_ms = match *phase {
                    Phase::Timed { deadline_ms } => Some(deadline_ms),
                    _ => None,
                };
                out.push(goes_on(WAIT_ENQUEUE, after, Phase::Queued { deadline_ms }));
            }
            Phase::Queued { deadline_ms } => out.push(match self.released(state, thread, Side::OfLocker) {
                Ok(after) => goes_on(WAIT_RELEASE, after, Phase::Parked { deadline_ms }),
                Err(text) => abort(WAIT_ABORT, state.clone(), text),
            }),
            Phase::Parked { deadline_ms } => {
                if !state.is_outstanding(thread, which) {
                    out.push(goes_on(WAIT_NOTIFIED, state.clone(), Phase::Relocking { timed_out: false }));
                    return;
                }
                if self.spurious == Spurious::Allowed {
                    out.push(goes_on(WAIT_SPURIOUS, without_ticket(), Phase::Relocking { timed_out: false }));
                }
                if deadline_ms.is_some_and(|deadline_ms| deadline_ms <= state.now_ms) {
                    out.push(goes_on(TIMEOUT_DUE, without_ticket(), Phase::Relocking { timed_out: true }));
                }
                if timeout_ms.is_some() && self.timeouts == Timeouts::Free {
                    out.push(goes_on(TIMEOUT_FREE, without_ticket(), Phase::Relocking { timed_out: true }));
                }
            }
            Phase::Relocking { timed_out } => {
                let then = match (timeout_ms, timed_out) {
                    (_, true) => (TIMEOUT_RELOCK, Ret::Timeout),
                    (Some(_), false) => (WAIT_RELOCK, Ret::Notified),
                    (None, false) => (WAIT_RELOCK, Ret::Ok),
                };
                self.lock(state, thread, Side::OfLocker, then, out);
            }
            Phase::Begun | Phase::Wanting => {}
        }
    }

    fn signal(&self, state: &State, thread: Thread, which: Which, phase: &Phase, out: &mut Vec<StepOf<Self>>) {
        if *phase == Phase::Start {
            out.push(begins(SIGNAL_BEGIN, state, thread, which));
            return;
        }
        if state.owes_nobody(thread, which) {
            out.push(returns(SIGNAL_NONE, state.with_waiters(which, Waiters::note_use), Ret::Ok));
        }
        let (rule, candidates) = match self.order {
            Order::Fifo => (SIGNAL_WAKE, 1),
            Order::Any => (SIGNAL_WAKE_ANY, THREADS_MAX),
        };
        let outstanding = state.waiters(which).into_iter().flat_map(|waiters| waiters.queue.iter());
        for owner in outstanding.take(candidates) {
            let after = state.with_waiters(which, |waiters| {
                waiters.settle(owner, self.counts_tickets());
                waiters.owed[usize::from(thread.0)] = Threads::default();
            });
            out.push(returns(rule, after, Ret::Ok));
        }
    }

    fn broadcast(&self, state: &State, thread: Thread, which: Which, phase: &Phase, out: &mut Vec<StepOf<Self>>) {
        if *phase == Phase::Start {
            out.push(begins(BROADCAST_BEGIN, state, thread, which));
            return;
        }
        if state.owes_nobody(thread, which) {
            out.push(returns(BROADCAST_NONE, state.with_waiters(which, Waiters::note_use), Ret::Ok));
        }
        if state.waiters(which).is_some_and(|waiters| waiters.queue.len > 0) {
            let after = state.with_waiters(which, |waiters| {
                for owner in waiters.queue.iter() {
                    waiters.settle(owner, self.counts_tickets());
                }
            });
            out.push(returns(BROADCAST_WAKE, after, Ret::Ok));
        }
    }
}

/// A signal or broadcast notes who is outstanding.
fn begins(rule: RuleId, state: &State, thread: Thread, which: Which) -> StepOf<CondSpec> {
    goes_on(rule, state.with_waiters(which, |waiters| waiters.begin(thread)), Phase::Begun)
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Lock => f.write_str("lock"),
            Op::Unlock => f.write_str("unlock"),
            Op::WriteLock => f.write_str("write-lock"),
            Op::WriteUnlock => f.write_str("write-unlock"),
            Op::Wait(Which::Original) => f.write_str("wait"),
            Op::Wait(Which::Copy) => f.write_str("wait-copy"),
            Op::WaitTimeout { timeout_ms } => write!(f, "wait-timeout {timeout_ms}"),
            Op::Signal(Which::Original) => f.write_str("signal"),
            Op::Signal(Which::Copy) => f.write_str("signal-copy"),
            Op::Broadcast(Which::Original) => f.write_str("broadcast"),
            Op::Broadcast(Which::Copy) => f.write_str("broadcast-copy"),
            Op::Advance { by_ms } => write!(f, "advance {by_ms}"),
            Op::Copy => f.write_str("copy"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        Ok(match call.name {
            "lock" => Op::Lock,
            "unlock" => Op::Unlock,
            "write-lock" => Op::WriteLock,
            "write-unlock" => Op::WriteUnlock,
            "wait" => Op::Wait(Which::Original),
            "wait-copy" => Op::Wait(Which::Copy),
            "wait-timeout" => Op::WaitTimeout { timeout_ms: call.number(0, 0..=u32::MAX)? },
            "signal" => Op::Signal(Which::Original),
            "signal-copy" => Op::Signal(Which::Copy),
            "broadcast" => Op::Broadcast(Which::Original),
            "broadcast-copy" => Op::Broadcast(Which::Copy),
            "advance" => Op::Advance { by_ms: call.number(0, 0..=u32::MAX)? },
            "copy" => Op::Copy,
            other => unreachable!("`{other}` is a form that nobody reads"),
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ret::Ok => "ok",
            Ret::Notified => "notified",
            Ret::Timeout => "timeout",
        })
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        text::one_of(text, "answer", &[("ok", Ret::Ok), ("notified", Ret::Notified), ("timeout", Ret::Timeout)])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::{Obligation, rule};

    /// Threads that each run one operation at a time, moved rule by rule.
    struct Stage {
        spec: CondSpec,
        state: State,
        running: Vec<Option<(Op, Phase)>>,
    }

    impl Stage {
        fn new(spec: CondSpec) -> Self {
            Self::with(spec, &[])
        }

        fn with(spec: CondSpec, set: &[(&str, i64)]) -> Self {
            let set: Vec<_> = set.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            Self { state: spec.initial(&set).unwrap(), spec, running: vec![None; THREADS_MAX] }
        }

        fn enabled(&self, thread: u8) -> Vec<StepOf<CondSpec>> {
            let mut out = Vec::new();
            if let Some((op, phase)) = &self.running[usize::from(thread)] {
                self.spec.steps(&self.state, Thread(thread), op, phase, None, &mut out);
            }
            out
        }

        /// The names of the rules that the thread can take.
        fn rules(&self, thread: u8) -> Vec<&'static str> {
            self.enabled(thread).iter().map(|step| rule::<CondSpec>(step.rule).name).collect()
        }

        fn call(&mut self, thread: u8, op: &str) {
            assert!(self.running[usize::from(thread)].is_none(), "thread {thread} is busy");
            self.running[usize::from(thread)] = Some((op.parse().unwrap(), Phase::default()));
        }

        /// Takes the one step of the thread that goes by this rule. Returns what the operation returned or died of.
        fn take(&mut self, thread: u8, name: &str) -> Option<String> {
            let mut steps = self.enabled(thread);
            steps.retain(|step| rule::<CondSpec>(step.rule).name == name);
            assert_eq!(steps.len(), 1, "{name} of thread {thread}: {:?}", self.rules(thread));
            let step = steps.remove(0);
            self.state = step.state;
            assert_eq!(self.spec.invariants(&self.state), []);
            let running = &mut self.running[usize::from(thread)];
            match step.progress {
                Progress::Next(phase) => {
                    running.as_mut().unwrap().1 = phase;
                    None
                }
                Progress::Return(ret) => {
                    *running = None;
                    Some(ret.to_string())
                }
                Progress::Abort { clause, text } => Some(format!("{clause}: {text}")),
            }
        }

        /// Runs an operation as far as it must go and has no choice.
        fn run(&mut self, thread: u8, op: &str) -> Option<String> {
            self.call(thread, op);
            loop {
                let [ref only] = self.enabled(thread)[..] else {
                    return None;
                };
                let only = rule::<CondSpec>(only.rule);
                if only.obligation == Obligation::May {
                    return None;
                }
                if let Some(ended) = self.take(thread, only.name) {
                    return Some(ended);
                }
            }
        }

        /// Locks and waits until it sleeps.
        fn park(&mut self, thread: u8, op: &str) {
            assert_eq!(self.run(thread, "lock").as_deref(), Some("ok"));
            assert_eq!(self.run(thread, op), None);
        }

        /// Whether the thread sleeps on, not notified.
        fn sleeps(&self, thread: u8) -> bool {
            matches!(self.running[usize::from(thread)], Some((_, Phase::Parked { .. })))
                && self.rules(thread).is_empty()
        }

        fn observe(&self, name: &str) -> i64 {
            self.spec.observe(&self.state, name).unwrap()
        }
    }

    fn configured(parameters: &[(&str, &str)]) -> CondSpec {
        let given: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        CondSpec::configure(&given).unwrap()
    }

    #[test]
    fn a_signal_before_the_ticket_is_lost() {
        let mut stage = Stage::new(CondSpec::default());
        stage.run(1, "signal");
        stage.park(0, "wait");
        assert!(stage.sleeps(0));
    }

    #[test]
    fn a_signal_between_ticket_and_sleep_is_kept_and_wakes_nobody_else() {
        let mut stage = Stage::new(CondSpec::default());
        stage.run(0, "lock");
        stage.call(0, "wait");
        stage.take(0, "wait.enqueue");
        stage.run(2, "signal");
        stage.take(0, "wait.release");
        stage.park(1, "wait");
        assert_eq!(stage.rules(0), ["wait.notified"]);
        assert!(stage.sleeps(1));
    }

    #[test]
    fn signals_notify_in_ticket_order() {
        let mut stage = Stage::new(CondSpec::default());
        for thread in [2, 0, 1] {
            stage.park(thread, "wait");
        }
        for woken in [2, 0, 1] {
            assert!(stage.sleeps(woken));
            stage.run(5, "signal");
            assert_eq!(stage.rules(woken), ["wait.notified"]);
        }
    }

    #[test]
    fn with_any_order_a_signal_notifies_exactly_one_of_all() {
        let mut stage = Stage::new(configured(&[("order", "any")]));
        for thread in 0..3 {
            stage.park(thread, "wait");
        }
        stage.call(5, "signal");
        stage.take(5, "signal.begin");
        let woken: Vec<usize> = stage
            .enabled(5)
            .iter()
            .map(|step| {
                (0..3).find(|thread| !step.state.is_outstanding(Thread(*thread), Which::Original)).unwrap().into()
            })
            .collect();
        assert_eq!(woken, [0, 1, 2]);
        assert!(stage.enabled(5).iter().all(|step| step.state.original.queue.len == 2));
    }

    #[test]
    fn a_broadcast_covers_the_tickets_outstanding_when_it_acts() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.call(5, "broadcast");
        stage.take(5, "broadcast.begin");
        stage.park(1, "wait");
        stage.take(5, "broadcast.wake");
        stage.park(2, "wait");
        assert_eq!((stage.rules(0), stage.rules(1)), (vec!["wait.notified"], vec!["wait.notified"]));
        assert!(stage.sleeps(2));
    }

    /// The interleaving of the fast path's two loads (litmus L13).
    #[test]
    fn a_signal_may_return_without_effect_although_somebody_was_always_waiting() {
        for slow in ["signal", "broadcast"] {
            let mut stage = Stage::new(CondSpec::default());
            stage.park(0, "wait");
            stage.call(4, slow);
            stage.take(4, &format!("{slow}.begin"));
            stage.park(1, "wait");
            stage.run(5, "signal");
            assert_eq!(stage.take(4, &format!("{slow}.none")).as_deref(), Some("ok"));
            assert_eq!(stage.rules(0), ["wait.notified"]);
            assert!(stage.sleeps(1));
        }
    }

    #[test]
    fn a_signal_never_returns_without_effect_while_a_ticket_that_it_found_is_outstanding() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.park(1, "wait");
        stage.call(4, "signal");
        stage.take(4, "signal.begin");
        stage.run(5, "signal");
        assert_eq!(stage.rules(4), ["signal.wake"]);
    }

    #[test]
    fn a_second_signal_for_one_waiter_has_no_effect() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.run(5, "signal");
        let after_first = stage.state.clone();
        stage.run(5, "signal");
        assert_eq!(stage.state, after_first);
    }

    #[test]
    fn a_wait_returns_only_with_the_lock() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.run(1, "lock");
        stage.run(1, "signal");
        stage.take(0, "wait.notified");
        assert_eq!(stage.rules(0), Vec::<&str>::new());
        stage.run(1, "unlock");
        assert_eq!(stage.take(0, "wait.relock").as_deref(), Some("ok"));
        stage.call(1, "lock");
        assert_eq!(stage.rules(1), Vec::<&str>::new());
    }

    #[test]
    fn whoever_is_notified_may_take_the_lock_in_any_order() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.park(1, "wait");
        stage.run(5, "broadcast");
        stage.take(0, "wait.notified");
        stage.take(1, "wait.notified");
        assert_eq!((stage.rules(0), stage.rules(1)), (vec!["wait.relock"], vec!["wait.relock"]));
    }

    #[test]
    fn waiting_without_the_lock_consumes_a_ticket_and_ends_the_program() {
        let mut stage = Stage::new(CondSpec::default());
        assert_eq!(stage.run(0, "wait").as_deref(), Some("COND-12: sync: unlock of unlocked mutex"));
        assert_eq!((stage.observe("wait"), stage.observe("notify")), (1, 0));
        let mut stage = Stage::new(CondSpec::default());
        assert_eq!(stage.run(0, "unlock").as_deref(), Some("COND-12: sync: unlock of unlocked mutex"));
    }

    #[test]
    fn tickets_wrap_around() {
        let mut stage = Stage::with(CondSpec::default(), &[("wait", 0xffff_ffff), ("notify", 0xffff_ffff)]);
        stage.park(0, "wait");
        assert_eq!((stage.observe("wait"), stage.observe("notify")), (0, 0xffff_ffff));
        stage.park(1, "wait");
        stage.run(5, "signal");
        assert_eq!((stage.observe("wait"), stage.observe("notify")), (1, 0));
        assert_eq!(stage.rules(0), ["wait.notified"]);
        assert!(stage.sleeps(1));
    }

    #[test]
    fn two_readers_wait_on_the_read_side() {
        let mut stage = Stage::new(configured(&[("locker", "rwmutex")]));
        stage.run(0, "lock");
        stage.call(1, "lock");
        assert_eq!(stage.rules(1), ["lock"]);
        stage.take(1, "lock");
        stage.call(5, "write-lock");
        stage.take(5, "lock.want");
        assert_eq!(stage.rules(5), Vec::<&str>::new());
        stage.call(2, "lock");
        assert_eq!(stage.rules(2), ["lock.past-writer"]);
        stage.take(2, "lock.past-writer");
        stage.run(2, "unlock");
        stage.run(0, "wait");
        stage.run(1, "wait");
        stage.take(5, "lock");
        stage.run(5, "broadcast");
        stage.take(0, "wait.notified");
        stage.take(1, "wait.notified");
        assert_eq!(stage.rules(0), Vec::<&str>::new());
        stage.run(5, "write-unlock");
        stage.take(0, "wait.relock");
        stage.take(1, "wait.relock");
        assert_eq!(stage.run(2, "write-unlock").as_deref(), Some("COND-12: sync: Unlock of unlocked RWMutex"));
    }

    #[test]
    fn waits_end_spuriously_only_where_that_is_allowed() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        assert!(stage.sleeps(0));
        let mut stage = Stage::new(configured(&[("spurious", "allowed")]));
        stage.park(0, "wait");
        stage.park(1, "wait");
        assert_eq!(stage.rules(0), ["wait.spurious"]);
        stage.take(0, "wait.spurious");
        stage.run(5, "signal");
        assert_eq!(stage.rules(1), ["wait.notified"]);
        assert_eq!(stage.spec.observe(&stage.state, "wait"), None);
    }

    #[test]
    fn a_timed_wait_gives_up_at_its_deadline_and_swallows_no_signal() {
        let mut stage = Stage::new(CondSpec::default());
        stage.run(4, "advance 5");
        stage.park(0, "wait-timeout 10");
        stage.park(1, "wait");
        stage.run(4, "advance 9");
        assert!(stage.sleeps(0));
        stage.run(4, "advance 1");
        assert_eq!(stage.rules(0), ["timeout.due"]);
        stage.take(0, "timeout.due");
        stage.run(5, "signal");
        assert_eq!(stage.take(0, "timeout.relock").as_deref(), Some("timeout"));
        assert_eq!(stage.rules(1), ["wait.notified"]);
    }

    #[test]
    fn a_timed_wait_that_was_notified_does_not_time_out_any_more() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait-timeout 10");
        stage.run(5, "signal");
        stage.run(5, "advance 10");
        stage.take(0, "wait.notified");
        assert_eq!(stage.take(0, "wait.relock").as_deref(), Some("notified"));
    }

    #[test]
    fn with_free_timeouts_the_clock_does_not_matter() {
        let mut stage = Stage::new(configured(&[("timeouts", "free")]));
        stage.park(0, "wait-timeout 10");
        assert_eq!(stage.rules(0), ["timeout.free"]);
        stage.run(5, "advance 10");
        assert_eq!(stage.rules(0), ["timeout.free"]);
    }

    #[test]
    fn a_copy_made_before_the_first_use_is_a_condition_variable_of_its_own() {
        let mut stage = Stage::new(CondSpec::default());
        stage.call(0, "signal-copy");
        assert_eq!(stage.rules(0), Vec::<&str>::new());
        stage.run(1, "copy");
        stage.take(0, "signal.begin");
        stage.take(0, "signal.none");
        stage.park(0, "wait-copy");
        stage.run(1, "broadcast");
        assert!(stage.sleeps(0));
        stage.run(1, "broadcast-copy");
        assert_eq!(stage.rules(0), ["wait.notified"]);
    }

    #[test]
    fn a_copy_made_after_the_first_use_ends_the_program() {
        for first_use in ["signal", "broadcast", "wait"] {
            for on_the_copy in ["signal-copy", "broadcast-copy", "wait-copy"] {
                let mut stage = Stage::new(CondSpec::default());
                stage.run(0, "lock");
                stage.run(0, first_use);
                stage.run(1, "copy");
                assert_eq!(stage.run(1, on_the_copy).as_deref(), Some("COND-16: sync.Cond is copied"));
            }
        }
    }

    #[test]
    fn whoever_is_notified_or_late_must_not_be_left_asleep() {
        let mut stage = Stage::new(CondSpec::default());
        stage.park(0, "wait");
        stage.park(1, "wait-timeout 10");
        let at_rest = |stage: &Stage| -> Vec<&'static str> {
            let running: Vec<_> = (0_u8..)
                .zip(&stage.running)
                .filter_map(|(thread, running)| running.as_ref().map(|(op, phase)| (Thread(thread), op, phase)))
                .collect();
            stage.spec.at_rest(&stage.state, &running).iter().map(|broken| broken.clause).collect()
        };
        assert_eq!(at_rest(&stage), Vec::<&str>::new());
        stage.run(5, "signal");
        assert_eq!(at_rest(&stage), ["COND-03"]);
        stage.run(5, "advance 10");
        assert_eq!(at_rest(&stage), ["COND-03", "COND-T01"]);
        stage.take(0, "wait.notified");
        stage.take(1, "timeout.due");
        assert_eq!(at_rest(&stage), ["COND-04", "COND-04"]);
    }

    #[test]
    fn invariants_notice_a_broken_state() {
        let spec = CondSpec::default();
        let broken = |damage: &dyn Fn(&mut State)| -> Vec<&'static str> {
            let mut state = spec.initial(&[]).unwrap();
            damage(&mut state);
            spec.invariants(&state).iter().map(|broken| broken.clause).collect()
        };
        assert_eq!(broken(&|_| {}), Vec::<&str>::new());
        assert_eq!(broken(&|state| state.original.wait = 1), ["COND-10"]);
        assert_eq!(broken(&|state| state.original.notify = 1), ["COND-10"]);
        assert_eq!(
            broken(&|state| {
                state.original.wait = 2;
                state.original.queue.push(Thread(3));
                state.original.queue.push(Thread(3));
            }),
            ["COND-09"]
        );
        assert_eq!(
            broken(&|state| state.lock = Lock { holders: Threads(0b11), exclusive: true, ..Lock::default() }),
            ["COND-11"]
        );
        assert_eq!(broken(&|state| state.original.owed[2].insert(Thread(1))), ["COND-06"]);
    }

    #[test]
    fn every_clause_is_carried_by_a_rule_an_invariant_a_demand_at_rest_or_what_is_withheld() {
        let known: BTreeSet<&str> = CLAUSES.iter().map(|clause| clause.id).collect();
        assert_eq!(known.len(), CLAUSES.len(), "clause ids are unique");
        let mut carried: BTreeSet<&str> = RULES.iter().map(|rule| rule.clause).collect();
        assert!(carried.is_subset(&known), "rules name known clauses");
        // The invariants that `invariants_notice_a_broken_state` trips.
        carried.extend(["COND-06", "COND-09", "COND-10", "COND-11"]);
        carried.extend(FREEDOMS.iter().filter_map(|freedom| freedom.withheld_by));
        carried.extend(CondSpec::happens_before());
        assert_eq!(carried, known);
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len(), "rule names are unique");
        let may: Vec<_> =
            RULES.iter().filter(|rule| rule.obligation == Obligation::May).map(|rule| rule.name).collect();
        assert_eq!(may, ["lock.past-writer", "wait.spurious", "timeout.free"]);
    }

    #[test]
    fn texts_round_trip() {
        for form in FORMS {
            let text = form.arguments.split_whitespace().fold(form.name.to_owned(), |text, _| text + " 4294967295");
            assert_eq!(text.parse::<Op>().unwrap().to_string(), text);
        }
        for ret in [Ret::Ok, Ret::Notified, Ret::Timeout] {
            assert_eq!(ret.to_string().parse(), Ok(ret));
        }
        let unknown = "wiat".parse::<Op>().unwrap_err();
        assert_eq!(unknown.message, "unknown operation `wiat`; did you mean `wait`?");
        let unknown = "listen".parse::<Op>().unwrap_err();
        assert_eq!(unknown.message, "unknown operation `listen`");
        let unknown = "signall".parse::<Op>().unwrap_err();
        assert_eq!(unknown.message, "unknown operation `signall`; did you mean `signal`?");
        assert!("wait-timeout -1".parse::<Op>().is_err());
    }

    #[test]
    fn parameters_and_initial_values_are_checked() {
        let spec = configured(&[("order", "any"), ("locker", "rwmutex")]);
        assert_eq!(
            spec.configuration(),
            [("order", "any"), ("spurious", "never"), ("locker", "rwmutex"), ("timeouts", "clocked")]
        );
        assert_eq!(configured(&[]), CondSpec::default());
        let set = |name: &str, value| CondSpec::default().initial(&[(name.to_owned(), value)]).unwrap_err().message;
        assert_eq!(set("wiat", 0), "unknown initial value `wiat`; did you mean `wait`?");
        assert_eq!(set("listen", 0), "unknown initial value `listen`");
        assert_eq!(set("wait", -1), "-1 is out of range for `wait`");
        assert_eq!(set("wait", 3), "`wait` is 3 and `notify` is 0: the tickets between would have no owner");
        let stage = Stage::with(CondSpec::default(), &[("now", 7)]);
        assert_eq!(stage.observe("now"), 7);
    }

    #[test]
    fn generated_threads_hold_the_lock_where_they_must() {
        for parameters in [&[][..], &[("locker", "rwmutex")], &[("timeouts", "free")]] {
            let spec = configured(parameters);
            let mut unfinished = vec![Vec::new()];
            let mut finished = 0;
            while let Some(done) = unfinished.pop() {
                let mut stage = Stage::new(spec);
                for op in &done {
                    // Alone, a thread sleeps in its first wait; up to there nothing may go wrong.
                    match stage.run(0, &Op::to_string(op)) {
                        Some(ended) => assert_eq!(ended, "ok", "{done:?}"),
                        None => break,
                    }
                }
                if spec.may_end(&done) {
                    finished += 1;
                }
                if done.len() < 3 {
                    unfinished.extend(spec.next_ops(&done).into_iter().map(|op| [&done[..], &[op]].concat()));
                }
            }
            assert!(finished > 20);
        }
    }
}
