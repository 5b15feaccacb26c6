//! A lock: an operation that blocks, one that answers, and a fatal error.

use std::fmt;
use std::str::FromStr;

use crate::spec::{
    Broken, Clause, Commutation, Exclusion, Form, Parameter, Progress, Rule, Spec, Statuses, Step, StepOf, Thread,
    Unknown, Unreadable,
};
use crate::text;

/// The spec. It has no parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LockSpec;

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Takes the lock, as soon as it is free.
    Lock,
    /// Releases it.
    Unlock,
    /// Takes the lock if it is free.
    TryLock,
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// The lock was not free.
    Busy,
}

/// Who holds the lock.
pub type State = Option<Thread>;

crate::rules! {
    LOCK = "lock", "LOCK-01", Must, "Takes the lock, once it is free.";
    UNLOCK = "unlock", "LOCK-02", Must, "Releases the lock.";
    UNLOCK_ABORT = "unlock.abort", "LOCK-03", Must, "Ends the program: the caller does not hold the lock.";
    TRY_LOCK = "try-lock", "LOCK-04", Must, "Takes the lock if it is free.";
    TRY_LOCK_BUSY = "try-lock.busy", "LOCK-04", Must, "Answers `busy`: somebody holds the lock.";
}

const SOURCE: &str = "Selvedge: toy lock";

static CLAUSES: &[Clause] = &[
    Clause::new(
        "LOCK-01",
        SOURCE,
        "At most one thread holds the lock, and whoever waits for it gets it once it is free.",
    ),
    Clause::new("LOCK-02", SOURCE, "The holder's unlock frees the lock."),
    Clause::new("LOCK-03", SOURCE, "An unlock by anybody else ends the program."),
    Clause::new(
        "LOCK-04",
        SOURCE,
        "A try-lock never blocks: it takes the lock if it is free and answers `busy` if not.",
    ),
];

static FORMS: &[Form] = &[
    Form::new("lock", "", "Takes the lock."),
    Form::new("unlock", "", "Releases the lock."),
    Form::new("try-lock", "", "Takes the lock if it is free; returns `ok` or `busy`."),
];

impl Spec for LockSpec {
    type State = State;
    type Op = Op;
    type Phase = ();
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "lock"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        text::choices(parameters, Self::parameters()).map(|_| Self)
    }

    fn parameters() -> &'static [Parameter] {
        &[]
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }

    fn clauses() -> &'static [Clause] {
        CLAUSES
    }

    fn rules() -> &'static [Rule] {
        RULES
    }

    fn aborts() -> &'static [&'static str] {
        &["LOCK-03"]
    }

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        &["held"]
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        match set.first() {
            None => Ok(None),
            Some((name, _)) if name == "held" => Err(Unknown {
                message: "`held` cannot be set: a lock that is held needs a holder".to_owned(),
                expected: Vec::new(),
            }),
            Some((name, _)) => Err(text::unknown_name("initial value", name, [])),
        }
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        (name == "held").then(|| i64::from(state.is_some()))
    }

    fn steps(&self, state: &State, thread: Thread, op: &Op, (): &(), _: Option<&Ret>, out: &mut Vec<StepOf<Self>>) {
        let (rule, state, progress) = match (op, *state) {
            (Op::Lock, None) => (LOCK, Some(thread), Progress::Return(Ret::Ok)),
            (Op::Lock, Some(_)) => return,
            (Op::Unlock, Some(holder)) if holder == thread => (UNLOCK, None, Progress::Return(Ret::Ok)),
            (Op::Unlock, held) => {
                let text = "unlock of a lock that the caller does not hold".to_owned();
                (UNLOCK_ABORT, held, Progress::Abort { clause: "LOCK-03", text })
            }
            (Op::TryLock, None) => (TRY_LOCK, Some(thread), Progress::Return(Ret::Ok)),
            (Op::TryLock, held) => (TRY_LOCK_BUSY, held, Progress::Return(Ret::Busy)),
        };
        out.push(Step { rule, state, progress });
    }

    fn at_rest(&self, state: &State, running: &[(Thread, &Op, &())]) -> Vec<Broken> {
        let waits = running.iter().find(|(_, op, ())| **op == Op::Lock);
        match (state, waits) {
            (None, Some((thread, ..))) => vec![Broken {
                clause: "LOCK-01",
                text: format!("thread {} never gets the lock although it is free", thread.0),
            }],
            _ => Vec::new(),
        }
    }

    /// An unlock is not `Independent`: a try-lock before it answers `busy`, one after it `ok`.
    fn commutation(&self, state: &State, thread: Thread, op: &Op, (): &()) -> Commutation {
        match op {
            Op::Unlock if *state != Some(thread) => Commutation::Undisciplined,
            _ => Commutation::Unknown,
        }
    }

    fn exclusion(&self, state: &State, thread: Thread) -> Exclusion {
        if *state == Some(thread) { Exclusion::Exclusive } else { Exclusion::Nothing }
    }

    /// After a try-lock nobody knows whether the lock is held: such a thread may only try again, or end.
    fn next_ops(&self, done: &[Op]) -> Vec<Op> {
        match done.last() {
            None | Some(Op::Unlock) => vec![Op::Lock, Op::TryLock],
            Some(Op::Lock) => vec![Op::Unlock],
            Some(Op::TryLock) => vec![Op::TryLock],
        }
    }

    fn statuses(&self, state: &State) -> Vec<Statuses> {
        let status = if state.is_some() { "held" } else { "free" };
        vec![Statuses { things: "locks", statuses: vec![status] }]
    }

    fn may_end(&self, done: &[Op]) -> bool {
        done.last() != Some(&Op::Lock)
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::Lock => "lock",
            Op::Unlock => "unlock",
            Op::TryLock => "try-lock",
        })
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        Ok(match text::call(text, FORMS)?.name {
            "lock" => Op::Lock,
            "unlock" => Op::Unlock,
            _ => Op::TryLock,
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ret::Ok => "ok",
            Ret::Busy => "busy",
        })
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        text::one_of(text, "answer", &[("ok", Ret::Ok), ("busy", Ret::Busy)])
    }
}
