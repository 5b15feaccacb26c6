//! A post office: everything that a spec can say, on one page.
//!
//! Letters are posted into an inbox of limited room; a daemon carries them, one by one, to an outbox, from where they
//! are collected. Collecting from an empty outbox may fail at once or wait, as it likes. Drawing a lot may return any
//! number below a million.

use std::fmt;
use std::str::FromStr;

use crate::spec::{
    Broken, Clause, Form, Parameter, Progress, Rule, RuleId, Spec, Step, StepOf, Thread, Unknown, Unreadable,
};
use crate::text;

/// A lot is below this.
pub const LOTS: u32 = 1_000_000;

/// The lots that are enumerated where nobody says which one was drawn: the least, one inside, and the greatest.
pub const LOTS_ENUMERATED: [u32; 3] = [0, 1, LOTS - 1];

/// The spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DaemonSpec {
    /// How many letters the inbox holds.
    pub room: usize,
}

impl Default for DaemonSpec {
    fn default() -> Self {
        Self { room: 2 }
    }
}

/// An operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// Puts a letter into the inbox, as soon as there is room.
    Post(u8),
    /// Takes the next letter out of the outbox.
    Collect,
    /// Draws a lot.
    Draw,
}

/// What an operation returns.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ret {
    /// It is done.
    Ok,
    /// There was nothing to collect.
    Empty,
    /// The letter or lot.
    Number(u32),
}

/// Where a running operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Phase {
    /// Not begun.
    #[default]
    Start,
    /// It holds the letter that it is about to return.
    Holding(u8),
}

/// The letters, each in posting order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct State {
    /// Posted, not carried yet.
    pub inbox: Vec<u8>,
    /// Carried, not collected yet.
    pub outbox: Vec<u8>,
}

crate::rules! {
    POST = "post", "POST-01", Must, "Puts the letter into the inbox, once there is room.";
    CARRY = "carry", "POST-02", Must, "The daemon carries the oldest letter to the outbox.";
    COLLECT_TAKE = "collect.take", "POST-03", Must, "Takes the oldest letter out of the outbox.";
    COLLECT_RETURN = "collect.return", "POST-03", Must, "Returns it.";
    COLLECT_EMPTY = "collect.empty", "POST-04", May, "Gives up: the outbox is empty.";
    DRAW = "draw", "POST-05", Must, "Returns a lot.";
}

const SOURCE: &str = "Selvedge: toy post office";

static CLAUSES: &[Clause] = &[
    Clause::new("POST-01", SOURCE, "The inbox never holds more letters than it has room for."),
    Clause::new("POST-02", SOURCE, "No letter stays in the inbox for ever."),
    Clause::new("POST-03", SOURCE, "Letters are collected in the order in which they were posted, each once."),
    Clause::new("POST-04", SOURCE, "Collecting may fail while the outbox is empty; it need not."),
    Clause::new("POST-05", SOURCE, "A lot is any number below a million."),
];

static FORMS: &[Form] = &[
    Form::new("post", "LETTER", "Posts a letter."),
    Form::new("collect", "", "Collects a letter; returns it, or `empty`."),
    Form::new("draw", "", "Draws a lot."),
];

static PARAMETERS: &[Parameter] =
    &[Parameter { name: "room", values: &["2", "1"], text: "How many letters the inbox holds." }];

impl Spec for DaemonSpec {
    type State = State;
    type Op = Op;
    type Phase = Phase;
    type Ret = Ret;

    fn name(&self) -> &'static str {
        "daemon"
    }

    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        let chosen = text::choices(parameters, PARAMETERS)?;
        Ok(Self { room: if chosen[0] == "1" { 1 } else { 2 } })
    }

    fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        vec![("room", if self.room == 1 { "1" } else { "2" })]
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
        &["inbox", "outbox"]
    }

    fn initial(&self, set: &[(String, i64)]) -> Result<State, Unknown> {
        match set.first() {
            None => Ok(State::default()),
            Some((name, _)) if Self::observables().contains(&name.as_str()) => Err(Unknown {
                message: format!("`{name}` cannot be set: it is a number of letters, not the letters"),
                expected: Vec::new(),
            }),
            Some((name, _)) => Err(text::unknown_name("initial value", name, [])),
        }
    }

    fn observe(&self, state: &State, name: &str) -> Option<i64> {
        match name {
            "inbox" => i64::try_from(state.inbox.len()).ok(),
            "outbox" => i64::try_from(state.outbox.len()).ok(),
            _ => None,
        }
    }

    fn steps(
        &self,
        state: &State,
        _thread: Thread,
        op: &Op,
        phase: &Phase,
        seen: Option<&Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let returns = |rule, state: State, ret| Step { rule, state, progress: Progress::Return(ret) };
        match (op, phase) {
            (Op::Post(letter), _) => {
                if state.inbox.len() < self.room {
                    let mut after = state.clone();
                    after.inbox.push(*letter);
                    out.push(returns(POST, after, Ret::Ok));
                }
            }
            (Op::Collect, Phase::Holding(letter)) => {
                out.push(returns(COLLECT_RETURN, state.clone(), Ret::Number(u32::from(*letter))));
            }
            (Op::Collect, Phase::Start) => match state.outbox.split_first() {
                None => out.push(returns(COLLECT_EMPTY, state.clone(), Ret::Empty)),
                Some((oldest, others)) => out.push(Step {
                    rule: COLLECT_TAKE,
                    state: State { inbox: state.inbox.clone(), outbox: others.to_vec() },
                    progress: Progress::Next(Phase::Holding(*oldest)),
                }),
            },
            (Op::Draw, _) => match seen {
                Some(Ret::Number(lot)) if *lot < LOTS => out.push(returns(DRAW, state.clone(), Ret::Number(*lot))),
                Some(_) => {}
                None => out.extend(LOTS_ENUMERATED.map(|lot| returns(DRAW, state.clone(), Ret::Number(lot)))),
            },
        }
    }

    fn internal(&self, state: &State, out: &mut Vec<(RuleId, State)>) {
        if let Some((oldest, others)) = state.inbox.split_first() {
            let mut outbox = state.outbox.clone();
            outbox.push(*oldest);
            out.push((CARRY, State { inbox: others.to_vec(), outbox }));
        }
    }

    fn invariants(&self, state: &State) -> Vec<Broken> {
        if state.inbox.len() <= self.room {
            return Vec::new();
        }
        let text = format!("{} letters are in an inbox for {}", state.inbox.len(), self.room);
        vec![Broken { clause: "POST-01", text }]
    }

    fn at_rest(&self, state: &State, _running: &[(Thread, &Op, &Phase)]) -> Vec<Broken> {
        if state.inbox.is_empty() {
            return Vec::new();
        }
        let text = format!("{} letters stay in the inbox for ever", state.inbox.len());
        vec![Broken { clause: "POST-02", text }]
    }

    fn next_ops(&self, _done: &[Op]) -> Vec<Op> {
        vec![Op::Post(1), Op::Post(2), Op::Collect, Op::Draw]
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Post(letter) => write!(f, "post {letter}"),
            Op::Collect => f.write_str("collect"),
            Op::Draw => f.write_str("draw"),
        }
    }
}

impl FromStr for Op {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        let call = text::call(text, FORMS)?;
        Ok(match call.name {
            "post" => Op::Post(call.number(0, 0..=u8::MAX)?),
            "collect" => Op::Collect,
            _ => Op::Draw,
        })
    }
}

impl fmt::Display for Ret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ret::Ok => f.write_str("ok"),
            Ret::Empty => f.write_str("empty"),
            Ret::Number(number) => write!(f, "{number}"),
        }
    }
}

impl FromStr for Ret {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim().parse() {
            Ok(number) => Ok(Ret::Number(number)),
            Err(_) => text::one_of(text, "answer", &[("ok", Ret::Ok), ("empty", Ret::Empty)]),
        }
    }
}
