//! A program under a spec as one transition system, its states compressed.
//!
//! A state of the whole is a tuple of numbers: one for the spec's state, one for the shared variables, one a thread.
//! Each number names a component met before. There are far fewer components than states, so a tuple is small, and what
//! a thread can do next depends on two or three components only: it is computed once for these and looked up ever
//! after. The spec's rules run once per (thread's standing, spec state), however many states share the two.

use std::hash::Hash;
use std::ops::Range;

use rustc_hash::FxHashMap;
use selvedge_model::{Broken, Commutation, Exclusion, Obligation, Progress, RuleId, Spec, Thread, Unknown, spec::rule};

use super::code::{Code, Instruction, compile, evaluate, number};
use crate::litmus::{Access, Final, Observed, Outcome, Program, ThreadEnd, ThreadIndex, Value, VariableIndex};

/// The most threads that a program may have here.
pub const THREADS_MAX: usize = 16;

/// Positions in a state's tuple.
const SPEC: usize = 0;
const MEMORY: usize = 1;
const THREADS: usize = 2;

/// A state of the whole: the spec's state, the variables, then each thread's standing, all by number.
pub(super) type Tuple = Vec<u32>;

/// How a thread stands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Standing<Phase> {
    thread: ThreadIndex,
    instruction: usize,
    /// Registers, then temporaries.
    registers: Box<[Value]>,
    /// Of the operation that the thread is executing; the default if it executes none.
    phase: Phase,
}

/// What a thread does next: an instruction that is a step, with everything worked out that its standing decides.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Next {
    Load { variable: VariableIndex },
    Store { variable: VariableIndex, value: i64, standing: u32 },
    Add { variable: VariableIndex, value: i64, standing: u32 },
    Await { standing: u32 },
    Perform,
    Done,
}

/// An access to a shared variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Touch {
    variable: VariableIndex,
    writes: bool,
}

impl Next {
    fn touch(&self) -> Option<Touch> {
        match self {
            Next::Load { variable } => Some(Touch { variable: *variable, writes: false }),
            Next::Store { variable, .. } | Next::Add { variable, .. } => {
                Some(Touch { variable: *variable, writes: true })
            }
            Next::Await { .. } | Next::Perform | Next::Done => None,
        }
    }
}

/// One step of the whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Move {
    /// Whose step; `None` for a daemon.
    pub(super) thread: Option<ThreadIndex>,
    pub(super) obligation: Obligation,
    pub(super) mobility: Mobility,
    pub(super) event: Event,
    /// The components after it. None if it ends the program.
    after: Option<After>,
    /// The edge that it is, if it belongs to an operation.
    edge: Option<usize>,
}

/// How a step stands to those of other threads, as far as that is trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mobility {
    /// Nothing is known.
    Unknown,
    /// An access with which another one may race.
    Racy,
    /// A right mover: what others do right after it they could have done before it.
    Right,
    /// It may be taken at once, alone.
    Independent,
    /// It may be taken at once, alone, and is a right mover as well: others cannot notice when it happens.
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct After {
    spec: u32,
    memory: u32,
    standing: u32,
}

/// What a step is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    Rule(RuleId),
    Read { variable: VariableIndex, value: i64 },
    Write { variable: VariableIndex, value: i64 },
    Await,
    Abort { rule: RuleId, clause: &'static str },
}

/// An operation's steps from a spec state, shared by all states that have both.
///
/// Numbers of edges, from `start` to before `end`: half the size of a range of positions, and turns are looked up more
/// often than anything else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Turn {
    start: u32,
    end: u32,
    commutation: Commutation,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Edge {
    obligation: Obligation,
    event: Event,
    /// The spec's state and the thread's standing after it.
    after: Option<(u32, u32)>,
}

/// What is known about a spec state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Held {
    shared: u16,
    exclusive: u16,
}

/// Why a reduction must not be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Breach {
    /// Somebody may touch the plain variable without the exclusion that the access needs.
    Variable(VariableIndex),
    /// Somebody may take a step that breaks the spec's discipline.
    Discipline,
}

/// Which steps are taken to commute with everything that others may do before them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trust {
    /// The spec's promises.
    pub(super) spec: bool,
    /// For each variable, accesses under sufficient exclusion.
    pub(super) protected: Vec<bool>,
    /// For each variable, all accesses: only one thread touches it, or nobody writes it.
    pub(super) unshared: Vec<bool>,
}

impl Trust {
    /// No trust at all: every step is just a step.
    pub(super) fn none(variables: usize) -> Self {
        Self { spec: false, protected: vec![false; variables], unshared: vec![false; variables] }
    }
}

pub(super) struct System<'a, S: Spec> {
    pub(super) spec: &'a S,
    pub(super) program: &'a Program<S::Op>,
    code: Vec<Code<S::Op>>,
    specs: Interned<S::State>,
    held: Vec<Held>,
    memories: Interned<Box<[i64]>>,
    standings: Interned<Standing<S::Phase>>,
    nexts: Vec<Option<Next>>,
    /// For each standing, whether it is in the middle of an operation.
    inside: Vec<bool>,
    loads: FxHashMap<(u32, i64), u32>,
    turns: FxHashMap<(u32, u32), Turn>,
    edges: Vec<Edge>,
    /// What the operation returned, beside each edge.
    returned: Vec<Option<S::Ret>>,
    daemons: FxHashMap<u32, Range<usize>>,
    daemon_edges: Vec<(RuleId, u32)>,
    /// Invariants found broken, with the spec state.
    pub(super) broken: Vec<(u32, Broken)>,
    plain: Vec<bool>,
}

impl<'a, S: Spec> System<'a, S> {
    /// The system and its initial state.
    pub(super) fn new(spec: &'a S, program: &'a Program<S::Op>) -> Result<(Self, Tuple), Unknown> {
        let (who, limit) = match S::threads_max() {
            limit if limit < THREADS_MAX => (format!("spec `{}`", spec.name()), limit),
            _ => ("explorer".to_owned(), THREADS_MAX),
        };
        if program.threads.len() > limit {
            return Err(Unknown {
                message: format!("{} threads are too many for the {who}", program.threads.len()),
                expected: vec![format!("at most {limit} threads")],
            });
        }
        let mut system = Self {
            spec,
            program,
            code: compile(program)?,
            specs: Interned::new(),
            held: Vec::new(),
            memories: Interned::new(),
            standings: Interned::new(),
            nexts: Vec::new(),
            inside: Vec::new(),
            loads: FxHashMap::default(),
            turns: FxHashMap::default(),
            edges: Vec::new(),
            returned: Vec::new(),
            daemons: FxHashMap::default(),
            daemon_edges: Vec::new(),
            broken: Vec::new(),
            plain: program.variables.iter().map(|variable| variable.access == Access::Plain).collect(),
        };
        let state = spec.initial(&program.initial)?;
        let memory: Vec<i64> = program.variables.iter().map(|variable| variable.initial).collect();
        let mut initial = vec![system.spec_number(state), system.memories.number(memory.into_boxed_slice())];
        for thread in 0..program.threads.len() {
            let registers = system.code[thread].registers + system.code[thread].temporaries;
            let standing = system.settled(Standing {
                thread,
                instruction: 0,
                registers: vec![Value::Int(0); registers].into_boxed_slice(),
                phase: S::Phase::default(),
            });
            initial.push(standing);
        }
        Ok((system, initial))
    }

    /// What the program's text alone says about its variables.
    pub(super) fn trust(&self) -> Trust {
        let touches = |thread: &Code<S::Op>, variable: VariableIndex, writes_only: bool| {
            thread.instructions.iter().any(|instruction| match instruction {
                Instruction::Load { variable: read, .. } => !writes_only && *read == variable,
                Instruction::Store { variable: written, .. } | Instruction::Add { variable: written, .. } => {
                    *written == variable
                }
                Instruction::Await { condition } => !writes_only && mentions(condition, variable),
                Instruction::Set { .. } | Instruction::SkipUnless { .. } | Instruction::Perform { .. } => false,
            })
        };
        let count =
            |variable, writes_only| self.code.iter().filter(|thread| touches(thread, variable, writes_only)).count();
        Trust {
            spec: true,
            protected: self.plain.clone(),
            unshared: (0..self.plain.len())
                .map(|variable| count(variable, true) == 0 || count(variable, false) == 1)
                .collect(),
        }
    }

    /// Pushes every step that is enabled in the state.
    pub(super) fn moves(&mut self, at: &[u32], trust: &Trust, out: &mut Vec<Move>) -> Result<(), Breach> {
        for thread in 0..self.program.threads.len() {
            self.moves_of(at, thread, trust, out)?;
        }
        let (spec, memory) = (at[SPEC], at[MEMORY]);
        for index in self.daemon_steps(spec) {
            let (rule_id, after) = self.daemon_edges[index];
            out.push(Move {
                thread: None,
                obligation: rule::<S>(rule_id).obligation,
                mobility: Mobility::Unknown,
                event: Event::Rule(rule_id),
                after: Some(After { spec: after, memory, standing: 0 }),
                edge: None,
            });
        }
        Ok(())
    }

    /// Pushes every enabled step of one thread, or says what in them goes against what is trusted.
    pub(super) fn moves_of(
        &mut self,
        at: &[u32],
        thread: ThreadIndex,
        trust: &Trust,
        out: &mut Vec<Move>,
    ) -> Result<(), Breach> {
        let (spec, memory, number) = (at[SPEC], at[MEMORY], at[THREADS + thread]);
        let must = |event, mobility, memory, standing| Move {
            thread: Some(thread),
            obligation: Obligation::Must,
            mobility,
            event,
            after: Some(After { spec, memory, standing }),
            edge: None,
        };
        match *self.next(number) {
            Next::Done => {}
            Next::Load { variable } => {
                let mobility = self.access(spec, thread, Touch { variable, writes: false }, trust)?;
                let value = self.memories.get(memory)[variable];
                let standing = self.loaded(number, value);
                out.push(must(Event::Read { variable, value }, mobility, memory, standing));
            }
            Next::Store { variable, value, standing } => {
                let mobility = self.access(spec, thread, Touch { variable, writes: true }, trust)?;
                let memory = self.written(memory, variable, value);
                out.push(must(Event::Write { variable, value }, mobility, memory, standing));
            }
            Next::Add { variable, value, standing } => {
                let mobility = self.access(spec, thread, Touch { variable, writes: true }, trust)?;
                let value = self.memories.get(memory)[variable].wrapping_add(value);
                let memory = self.written(memory, variable, value);
                out.push(must(Event::Write { variable, value }, mobility, memory, standing));
            }
            Next::Await { standing } => {
                let here = self.standings.get(number);
                let Instruction::Await { condition } = &self.code[thread].instructions[here.instruction] else {
                    unreachable!("the next step was worked out from the instruction");
                };
                if evaluate(condition, &here.registers, self.memories.get(memory)).is_true() {
                    out.push(must(Event::Await, Mobility::Unknown, memory, standing));
                }
            }
            Next::Perform => {
                let turn = self.turn(number, spec);
                let mobility = match turn.commutation {
                    _ if !trust.spec => Mobility::Unknown,
                    Commutation::Undisciplined => return Err(Breach::Discipline),
                    Commutation::Unknown => Mobility::Unknown,
                    Commutation::RightMover => Mobility::Right,
                    Commutation::Independent => Mobility::Independent,
                };
                for index in turn.start as usize..turn.end as usize {
                    let Edge { obligation, event, after } = self.edges[index];
                    let after = after.map(|(spec, standing)| After { spec, memory, standing });
                    out.push(Move { thread: Some(thread), obligation, mobility, event, after, edge: Some(index) });
                }
            }
        }
        Ok(())
    }

    /// Whether the thread is in the middle of an operation.
    pub(super) fn is_inside(&self, at: &[u32], thread: ThreadIndex) -> bool {
        self.inside[at[THREADS + thread] as usize]
    }

    /// How an access to a variable stands to those of others.
    fn access(&self, spec: u32, thread: ThreadIndex, touch: Touch, trust: &Trust) -> Result<Mobility, Breach> {
        let Touch { variable, writes } = touch;
        if trust.unshared[variable] {
            return Ok(Mobility::Both);
        }
        if trust.protected[variable] {
            let Held { shared, exclusive } = self.held[spec as usize];
            let enough = if writes { exclusive } else { exclusive | shared };
            let is_protected = enough & (1 << thread) != 0;
            return if is_protected { Ok(Mobility::Both) } else { Err(Breach::Variable(variable)) };
        }
        Ok(if self.plain[variable] { Mobility::Racy } else { Mobility::Unknown })
    }

    /// The plain variables on which two threads race: their next steps are conflicting accesses.
    pub(super) fn races(&self, at: &[u32], out: &mut Vec<VariableIndex>) {
        let standings = &at[THREADS..];
        for (thread, standing) in standings.iter().enumerate() {
            let Some(touch) = self.next(*standing).touch().filter(|touch| self.plain[touch.variable]) else { continue };
            for other in &standings[thread + 1..] {
                let conflicts = self
                    .next(*other)
                    .touch()
                    .is_some_and(|other| other.variable == touch.variable && (other.writes || touch.writes));
                if conflicts && !out.contains(&touch.variable) {
                    out.push(touch.variable);
                }
            }
        }
    }

    /// Makes `to` the state after a step. False if the step ends the program.
    pub(super) fn after(&self, at: &[u32], step: &Move, to: &mut Tuple) -> bool {
        to.clear();
        to.extend_from_slice(at);
        self.apply(to, step);
        step.after.is_some()
    }

    /// Takes a step, unless it is one that ends the program.
    pub(super) fn apply(&self, at: &mut [u32], step: &Move) {
        let Some(after) = step.after else { return };
        at[SPEC] = after.spec;
        at[MEMORY] = after.memory;
        if let Some(thread) = step.thread {
            at[THREADS + thread] = after.standing;
        }
    }

    /// The outcome and the clauses broken if nothing moves any more from this state.
    pub(super) fn rest(&self, at: &[u32]) -> (Final, Vec<Broken>) {
        let mut ended =
            Final { threads: Vec::new(), variables: self.memories.get(at[MEMORY]).to_vec(), registers: Vec::new() };
        let mut running = Vec::new();
        for (thread, number) in at[THREADS..].iter().enumerate() {
            let (standing, code) = (self.standings.get(*number), &self.code[thread]);
            ended.threads.push(match self.next(*number) {
                Next::Done => ThreadEnd::Done,
                _ => ThreadEnd::Blocked(code.statements[standing.instruction]),
            });
            ended.registers.push(standing.registers[..code.registers].to_vec());
            if let Some(op) = self.op(*number) {
                running.push((Thread(thread as u8), op, &standing.phase));
            }
        }
        let broken = self.spec.at_rest(self.specs.get(at[SPEC]), &running);
        (ended, broken)
    }

    /// The spec's state.
    pub(super) fn spec_state(&self, at: &[u32]) -> &S::State {
        self.specs.get(at[SPEC])
    }

    /// Every observable of the state that the spec shows.
    pub(super) fn observed(&self, at: &[u32]) -> Observed {
        let state = self.specs.get(at[SPEC]);
        S::observables().iter().filter_map(|name| Some(((*name).to_owned(), self.spec.observe(state, name)?))).collect()
    }

    /// The spec state's number in a state.
    pub(super) fn spec_of(at: &[u32]) -> u32 {
        at[SPEC]
    }

    /// The operation that a thread is at.
    pub(super) fn op_at(&self, at: &[u32], thread: ThreadIndex) -> Option<&S::Op> {
        self.op(at[THREADS + thread])
    }

    /// What the step made the thread's operation return.
    pub(super) fn returned(&self, step: &Move) -> Option<&S::Ret> {
        self.returned[step.edge?].as_ref()
    }

    /// Numbers of components, and roughly the bytes that these and the steps between them take.
    pub(super) fn bytes(&self) -> usize {
        self.specs.bytes()
            + self.memories.bytes()
            + self.standings.bytes()
            + self.nexts.capacity() * size_of::<Option<Next>>()
            + self.turns.capacity() * size_of::<((u32, u32), Turn)>()
            + self.edges.capacity() * size_of::<Edge>()
            + self.loads.capacity() * size_of::<((u32, i64), u32)>()
    }

    fn next(&self, standing: u32) -> &Next {
        self.nexts[standing as usize].as_ref().expect("worked out when the standing was numbered")
    }

    fn op(&self, standing: u32) -> Option<&S::Op> {
        let standing = self.standings.get(standing);
        match self.code[standing.thread].instructions.get(standing.instruction) {
            Some(Instruction::Perform { op, .. }) => Some(op),
            _ => None,
        }
    }

    fn spec_number(&mut self, state: S::State) -> u32 {
        let number = self.specs.number(state);
        if number as usize == self.held.len() {
            let state = self.specs.get(number);
            let mut held = Held::default();
            for thread in 0..self.program.threads.len() {
                match self.spec.exclusion(state, Thread(thread as u8)) {
                    Exclusion::Nothing => {}
                    Exclusion::Shared => held.shared |= 1 << thread,
                    Exclusion::Exclusive => held.exclusive |= 1 << thread,
                }
            }
            self.held.push(held);
            self.broken.extend(self.spec.invariants(state).into_iter().map(|broken| (number, broken)));
        }
        number
    }

    fn written(&mut self, memory: u32, variable: VariableIndex, value: i64) -> u32 {
        let before = self.memories.get(memory);
        if before[variable] == value {
            return memory;
        }
        let mut after = before.clone();
        after[variable] = value;
        self.memories.number(after)
    }

    /// The number of the standing after a load of this value.
    fn loaded(&mut self, number: u32, value: i64) -> u32 {
        if let Some(after) = self.loads.get(&(number, value)) {
            return *after;
        }
        let mut standing = self.standings.get(number).clone();
        if let Instruction::Load { into, .. } = self.code[standing.thread].instructions[standing.instruction] {
            standing.registers[into] = Value::Int(value);
        }
        standing.instruction += 1;
        let after = self.settled(standing);
        self.loads.insert((number, value), after);
        after
    }

    fn turn(&mut self, number: u32, spec: u32) -> Turn {
        if let Some(turn) = self.turns.get(&(number, spec)) {
            return *turn;
        }
        let turn = self.work_out_turn(number, spec);
        self.turns.insert((number, spec), turn);
        turn
    }

    fn work_out_turn(&mut self, number: u32, spec: u32) -> Turn {
        let standing = self.standings.get(number).clone();
        let Instruction::Perform { op, then, register } =
            &self.code[standing.thread].instructions[standing.instruction]
        else {
            unreachable!("only an operation has a turn");
        };
        let (op, then, register) = (op.clone(), *then, *register);
        let thread = Thread(standing.thread as u8);
        let mut steps = Vec::new();
        self.spec.steps(self.specs.get(spec), thread, &op, &standing.phase, None, &mut steps);
        let commutation = self.spec.commutation(self.specs.get(spec), thread, &op, &standing.phase);
        let start = self.edges.len();
        for step in steps {
            let at_phase = |phase| Standing { phase, ..standing.clone() };
            let (event, after, returned) = match step.progress {
                Progress::Next(phase) => (Event::Rule(step.rule), Some(at_phase(phase)), None),
                Progress::Return(ret) => {
                    let mut after = at_phase(S::Phase::default());
                    after.instruction = then;
                    if let Some(register) = register {
                        after.registers[register] = Value::of_text(&ret.to_string());
                    }
                    (Event::Rule(step.rule), Some(after), Some(ret))
                }
                Progress::Abort { clause, .. } => {
                    debug_assert!(S::aborts().contains(&clause), "{clause} aborts and is not one of `Spec::aborts`");
                    (Event::Abort { rule: step.rule, clause }, None, None)
                }
            };
            let after = after.map(|after| {
                let after = self.settled(after);
                (self.spec_number(step.state), after)
            });
            let obligation = rule::<S>(step.rule).obligation;
            self.edges.push(Edge { obligation, event, after });
            self.returned.push(returned);
        }
        let edge_number = |index: usize| u32::try_from(index).expect("fewer edges than states");
        Turn { start: edge_number(start), end: edge_number(self.edges.len()), commutation }
    }

    fn daemon_steps(&mut self, spec: u32) -> Range<usize> {
        if let Some(steps) = self.daemons.get(&spec) {
            return steps.clone();
        }
        let mut found = Vec::new();
        self.spec.internal(self.specs.get(spec), &mut found);
        let start = self.daemon_edges.len();
        for (rule, state) in found {
            let after = self.spec_number(state);
            self.daemon_edges.push((rule, after));
        }
        let steps = start..self.daemon_edges.len();
        self.daemons.insert(spec, steps.clone());
        steps
    }

    /// Executes what is no step and returns the number of the standing where the thread's next step, or its end, is.
    fn settled(&mut self, mut standing: Standing<S::Phase>) -> u32 {
        let Code { instructions, registers: own, .. } = &self.code[standing.thread];
        let own = *own;
        loop {
            match instructions.get(standing.instruction) {
                Some(Instruction::Set { register, value }) => {
                    standing.registers[*register] = evaluate(value, &standing.registers, &[]);
                    standing.instruction += 1;
                }
                Some(Instruction::SkipUnless { condition, to }) => {
                    let holds = evaluate(condition, &standing.registers, &[]).is_true();
                    standing.instruction = if holds { standing.instruction + 1 } else { *to };
                }
                _ => break,
            }
            standing.registers[own..].fill(Value::Int(0));
        }
        let is_inside = standing.phase != S::Phase::default();
        let number = self.standings.number(standing);
        if number as usize == self.nexts.len() {
            self.nexts.push(None);
            self.inside.push(is_inside);
            let next = self.work_out_next(number);
            self.nexts[number as usize] = Some(next);
        }
        number
    }

    fn work_out_next(&mut self, number: u32) -> Next {
        let standing = self.standings.get(number).clone();
        let code = &self.code[standing.thread];
        let used = |standing: &Standing<S::Phase>| {
            let mut after = standing.clone();
            after.registers[code.registers..].fill(Value::Int(0));
            after.instruction += 1;
            after
        };
        match code.instructions.get(standing.instruction) {
            None => Next::Done,
            Some(Instruction::Load { variable, .. }) => Next::Load { variable: *variable },
            Some(Instruction::Store { variable, value }) => {
                let (variable, value) = (*variable, number_of(value, &standing.registers));
                let after = used(&standing);
                Next::Store { variable, value, standing: self.settled(after) }
            }
            Some(Instruction::Add { variable, value }) => {
                let (variable, value) = (*variable, number_of(value, &standing.registers));
                let after = used(&standing);
                Next::Add { variable, value, standing: self.settled(after) }
            }
            Some(Instruction::Await { .. }) => {
                let after = used(&standing);
                Next::Await { standing: self.settled(after) }
            }
            Some(Instruction::Perform { .. }) => Next::Perform,
            Some(Instruction::Set { .. } | Instruction::SkipUnless { .. }) => {
                unreachable!("a settled thread is at a step")
            }
        }
    }
}

impl Move {
    /// Whether the step must be taken in the end, and something comes after it.
    pub(super) fn goes_on(&self) -> bool {
        self.obligation == Obligation::Must && self.after.is_some()
    }

    /// The outcome, if the step ends the program.
    pub(super) fn abort(&self) -> Option<Outcome> {
        match self.event {
            Event::Abort { clause, .. } => {
                Some(Outcome::Abort { thread: self.thread.unwrap_or_default(), clause: clause.to_owned() })
            }
            _ => None,
        }
    }

    /// The rule that the step is by, if it is the spec's.
    pub(super) fn rule(&self) -> Option<RuleId> {
        match self.event {
            Event::Rule(rule) | Event::Abort { rule, .. } => Some(rule),
            Event::Read { .. } | Event::Write { .. } | Event::Await => None,
        }
    }
}

fn number_of(value: &crate::litmus::Expr, registers: &[Value]) -> i64 {
    number(&evaluate(value, registers, &[]))
}

fn mentions(expression: &crate::litmus::Expr, variable: VariableIndex) -> bool {
    use crate::litmus::Expr;
    match expression {
        Expr::Int(_) | Expr::Word(_) | Expr::Register(_) => false,
        Expr::Variable(mentioned) => *mentioned == variable,
        Expr::Not(operand) => mentions(operand, variable),
        Expr::Binary(_, left, right) => mentions(left, variable) || mentions(right, variable),
    }
}

/// Values numbered in the order in which they came.
struct Interned<T> {
    numbers: FxHashMap<T, u32>,
    values: Vec<T>,
}

impl<T: Clone + Eq + Hash> Interned<T> {
    fn new() -> Self {
        Self { numbers: FxHashMap::default(), values: Vec::new() }
    }

    fn number(&mut self, value: T) -> u32 {
        if let Some(number) = self.numbers.get(&value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).expect("fewer components than states");
        self.values.push(value.clone());
        self.numbers.insert(value, number);
        number
    }

    fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    fn bytes(&self) -> usize {
        self.numbers.capacity() * size_of::<(T, u32)>() + self.values.capacity() * size_of::<T>()
    }
}
