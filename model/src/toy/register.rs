//! A register: every operation is one step. The smallest useful spec, and the one to start a new spec from.

use std::fmt;
use std::str::FromStr;

use crate::spec::{Clause, Form, Parameter, Progress, Rule, Spec, Step, StepOf, Thread, Unknown, Unreadable};
use crate::text;

/// The spec. It has no parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RegisterSpec;

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Returns the value.
    Read,
    /// Replaces the value.
    Write(u32),
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// The write is done.
    Ok,
    /// The value read.
    Value(u32),
}

crate::rules! {
    READ = "read", "REG-01", Must, "Returns the value.";
    WRITE = "write", "REG-02", Must, "Replaces the value.";
}

const SOURCE: &str = "Lamport, On interprocess communication: atomic register";

static CLAUSES: &[Clause] = &[
    Clause::new("REG-01", SOURCE, "A read returns the value of the last write."),
    Clause::new("REG-02", SOURCE, "A write takes effect at one instant between its call and its return."),
];

static FORMS: &[Form] =
    &[Form::new("read", "", "Returns the value."), Form::new("write", "VALUE", "Replaces the value.")];

impl Spec for RegisterSpec {
    type State = u32;
    type Op = Op;
    type Phase = ();
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "register"
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

    fn forms() -> &'static [Form] {
        FORMS
    }

    fn observables() -> &'static [&'static str] {
        &["value"]
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<u32, Unknown> {
        set.iter().try_fold(0, |_, (name, value)| match name.as_str() {
            "value" => text::initial_value(name, *value, 0..=u32::MAX),
            _ => Err(text::unknown_name("initial value", name, ["value"])),
        })
    }

    fn observe(&self, state: &u32, name: &str) -> Option<i64> {
        (name == "value").then(|| i64::from(*state))
    }

    fn steps(&self, state: &u32, _: Thread, op: &Op, (): &(), _seen: Option<&Ret>, out: &mut Vec<StepOf<Self>>) {
        let (rule, state, ret) = match op {
            Op::Read => (READ, *state, Ret::Value(*state)),
            Op::Write(value) => (WRITE, *value, Ret::Ok),
        };
        out.push(Step { rule, state, progress: Progress::Return(ret) });
    }

    fn next_ops(&self, _done: &[Op]) -> Vec<Op> {
        vec![Op::Read, Op::Write(1), Op::Write(2)]
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Read => f.write_str("read"),
            Op::Write(value) => write!(f, "write {value}"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        Ok(match call.name {
            "read" => Op::Read,
            _ => Op::Write(call.number(0, 0..=u32::MAX)?),
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Value(value) => write!(f, "{value}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim().parse() {
            Ok(value) => Ok(Ret::Value(value)),
            Err(_) => text::one_of(text, "answer", &[("ok", Ret::Ok)]),
        }
    }
}
