//! The explorer: everything that a program can come to under a spec.
//!
//! # What a step is
//!
//! A state is the spec's state, the values of the shared variables, and where each thread stands. One thread (or a
//! daemon) at a time takes one step: a rule of the spec, a read or a write of a shared variable, or an `await` whose
//! condition has come true. Reads and writes are sequentially consistent whatever their declared ordering; what only
//! weak memory allows is for other engines to find. `x = EXPR` reads the variables of the expression from left to
//! right, a step each, and then writes; `x += EXPR` on an atomic variable reads those of the expression and is then one
//! step, on a plain one a read and a write. Work on registers alone is no step, and neither is the beginning of an
//! operation. A word written to a variable counts as 0 there.
//!
//! An execution ends in a state where no *must* step is enabled for anybody, or with an abort. A *may* step leaves both
//! open: the execution may end where it is the only one left, and may go on.
//!
//! Two threads whose next steps are conflicting accesses to one plain variable are a data race: the outcome
//! [`Outcome::Race`]. The outcomes of the executions through that state count as well, as if the accesses were atomic.
//!
//! An execution that goes on for ever comes to no outcome. That it could have ended, had another step been taken, is no
//! reason to mention it; but from some states nothing leads to an end any more, for instance where a thread goes round a loop whose
//! condition nobody will change. [`Exploration::endless`] shows one of those if there are any.
//!
//! # How it is fast
//!
//! States are compressed and steps looked up, see `system.rs`; visited states are compared exactly, and visited breadth
//! first, so that the depth means something. With [`Reduction::Commuting`] interleavings are left out that lead to the
//! same ends as others. Two kinds of step allow that.
//!
//! *Independent* steps are taken at once, alone, and the state before them is not kept. Independent are
//!
//! 1. an access to a variable that no other thread touches, or that nobody writes;
//! 2. an access to a plain variable by a thread that the spec says is alone with it ([`Exclusion`]): shared for a read,
//!    exclusive for a write;
//! 3. a step of an operation that the spec says is ([`Commutation::Independent`]).
//!
//! After a *right mover* ([`Commutation::RightMover`], for instance the taking of a lock) its thread goes on alone, through
//! accesses of kinds 1 and 2 up to and including the first other step. It stops before a step that is not its only one,
//! that it need not take, that ends the program, or that may be part of a data race.
//!
//! *Why no outcome is lost.* Let step `a` of thread `t` be independent in state `s`, and take any execution from `s`. If
//! it contains a step of `t`, the first of these is `a` (it is `t`'s only one and nobody disables it), and moving it to the
//! front gives an execution to the same end. If it contains none, `a` is still enabled at its end; `a` is a must step,
//! so that is no end. Now let `t` have taken a right mover `r`, and others some steps before `t` goes on: each of these
//! could have come before `r`, so that execution is found from the state before `r`, where everybody has his turn.
//! Aborts stay, for a step that ends the program does so before or after `a`. Races stay: an access that may race is
//! never taken with anything else, so in a state where two threads are about to race neither has been moved, and moving the
//! independent steps of others to the front leads to a state where the two still are. And nobody runs alone for ever: a
//! chain of steps is cut at a fixed length, and a state whose one independent step leads to a known state is explored in
//! full.
//!
//! 1 is read off the program. 2 and 3 hold only where everybody keeps to a discipline (plain data under the lock,
//! nobody unlocks what somebody else holds), and that is *checked on the way*: in every state visited, for every thread.
//! The first breach of the discipline in the full system is also met in the reduced one, by the same argument applied to
//! the execution up to it, along which the discipline was kept. A breach starts the exploration again without the trust that
//! it broke: in that one variable, or in the spec's promises. So the reduction needs no cooperation from the program, and
//! costs nothing but a second run where there is none.
//!
//! What does change: fewer states are visited, so counts of states, and of transitions by each rule, differ. Invariants
//! are looked at in each spec state met, states in the middle of a chain included; only the unreduced exploration meets
//! them all.
//!
//! # What it costs
//!
//! Time and memory grow with the number of states, and that grows exponentially with the number of threads and, for a
//! fixed number of threads, like a polynomial of that degree with the operations of each. The benchmark `explore`
//! measures both.

mod code;
mod freedom;
mod path;
mod steps;
mod store;
mod system;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::ops::ControlFlow;

pub use freedom::{Leaning, leanings, leanings_watched};
pub use path::{Path, shortest_path, shortest_paths};
pub use steps::every_step;
pub use system::THREADS_MAX;

use selvedge_model::{Broken, Obligation, Spec, Unknown};

use crate::litmus::{
    Expectation, Observed, Outcome, Program, Quantifier, Statement, ThreadBody, ThreadEnd, VariableIndex,
};
use store::Store;
use system::{Breach, Event, Mobility, Move, System, Trust, Tuple};

#[cfg(doc)]
use selvedge_model::{Commutation, Exclusion};

/// How far to explore, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most states to keep. An exploration that meets more stops and is not complete.
    pub states: usize,
    /// Which interleavings to leave out.
    pub reduction: Reduction,
}

impl Default for Limits {
    /// Ten million states, reduced.
    fn default() -> Self {
        Self { states: 10_000_000, reduction: Reduction::Commuting }
    }
}

/// Which interleavings to leave out. No outcome is lost by either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reduction {
    /// None: every step of every thread in every order.
    None,
    /// Those that differ only in the order of steps that commute.
    Commuting,
}

/// What an exploration found.
#[derive(Clone, PartialEq, Debug)]
pub struct Exploration {
    /// Every outcome, with the observables that the spec's state can have then. After an abort or a race there are
    /// none to speak of: the one entry is empty.
    pub outcomes: BTreeMap<Outcome, BTreeSet<Observed>>,
    /// Whether everything within the spec was visited. If not, there may be more outcomes.
    pub complete: bool,
    /// States visited and kept.
    pub states: usize,
    /// Steps taken, to new states or known ones.
    pub transitions: u64,
    /// Distance of the farthest state from the initial one. A chain of steps that one thread takes alone counts as one.
    pub depth: usize,
    /// How many of the transitions were by each rule of the spec; every rule is listed.
    pub rules: BTreeMap<&'static str, u64>,
    /// Bytes in use at the end, all tables counted, divided by the states.
    pub bytes_per_state: usize,
    /// Clauses that the spec itself breaks, each once. A correct spec breaks none.
    pub violations: Vec<Violation>,
    /// A shortest way to a state from which no execution ends, if there is one: the outcomes are then not all that can happen.
    /// Looked for only if the exploration is complete.
    pub endless: Option<Path>,
}

/// A clause that a spec breaks by its own rules.
#[derive(Clone, PartialEq, Debug)]
pub struct Violation {
    /// Whether it shows in a single state or only because nothing moves any more.
    pub kind: ViolationKind,
    /// The clause and what is wrong.
    pub broken: Broken,
    /// A shortest execution that leads there.
    pub path: Option<Path>,
}

/// How a clause is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ViolationKind {
    /// By a state.
    Invariant,
    /// By a state in which everything has ended or is blocked.
    AtRest,
}

/// All outcomes of a program under a spec.
///
/// ```
/// use selvedge_model::toy::RegisterSpec;
/// use selvedge_verify::explore::{Limits, describe, explore};
/// use selvedge_verify::litmus::{Program, Statement, ThreadBody};
///
/// let thread = |name: &str, op: &str| ThreadBody {
///     name: name.to_owned(),
///     registers: vec!["r0".to_owned()],
///     statements: vec![Statement::Operation { register: Some(0), op: op.parse().unwrap() }],
/// };
/// let program = Program {
///     name: "read against write".to_owned(),
///     about: vec![],
///     spec: "register".to_owned(),
///     parameters: vec![],
///     initial: vec![],
///     clauses: vec![],
///     variables: vec![],
///     threads: vec![thread("T1", "read"), thread("T2", "write 1")],
///     expectations: vec![],
/// };
/// let found = explore(&RegisterSpec, &program, &Limits::default())?;
/// let outcomes: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
/// assert_eq!(outcomes, ["T1 done, T2 done; T1:r0=0, T2:r0=ok", "T1 done, T2 done; T1:r0=1, T2:r0=ok"]);
/// assert!(found.complete);
/// # Ok::<(), selvedge_model::Unknown>(())
/// ```
///
/// # Errors
///
/// If the program has more threads than [`THREADS_MAX`] or [`Spec::threads_max`], sets initial values that the spec does not have, or awaits a
/// plain variable.
pub fn explore<S: Spec>(spec: &S, program: &Program<S::Op>, limits: &Limits) -> Result<Exploration, Unknown> {
    explore_watched(spec, program, limits, &mut |_| ControlFlow::Continue(()))
}

/// Who looks on: told now and then how many states were met so far, and may break off the search, which then is not complete.
pub type Watch<'a> = dyn FnMut(usize) -> ControlFlow<()> + 'a;

/// How many states are looked at between two looks.
const WATCHED_EVERY: usize = 1 << 10;

/// Like [`explore`], with somebody who looks on.
///
/// # Errors
///
/// As there.
pub fn explore_watched<S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    limits: &Limits,
    watch: &mut Watch<'_>,
) -> Result<Exploration, Unknown> {
    let (mut system, initial) = System::new(spec, program)?;
    let mut trust = system.trust();
    if limits.reduction == Reduction::None {
        trust = Trust::none(program.variables.len());
    }
    let mut search = loop {
        let mut search = Search::new(&mut system, limits, trust.clone());
        match search.run(&initial, watch) {
            Ok(()) => break search,
            Err(Breach::Variable(variable)) => trust.protected[variable] = false,
            Err(Breach::Discipline) => {
                trust.spec = false;
                trust.protected.fill(false);
            }
        }
    };
    search.add_violations(&initial);
    let may_be_endless = search.found.complete && search.goes_back;
    let mut found = search.finish();
    if may_be_endless {
        found.endless = way_to_a_trap(&mut system, &initial, limits, trust, watch);
    }
    Ok(found)
}

/// A shortest way to a state from which no execution ends.
fn way_to_a_trap<S: Spec>(
    system: &mut System<'_, S>,
    initial: &Tuple,
    limits: &Limits,
    trust: Trust,
    watch: &mut Watch<'_>,
) -> Option<Path> {
    let mut search = Search { edges: Some(Vec::new()), ..Search::new(system, limits, trust) };
    // It keeps the same discipline as before.
    search.run(initial, watch).ok().filter(|()| search.found.complete)?;
    let trap = search.trap()?;
    path::to_state(system, initial, limits.states, |at| at == trap)
}

/// Steps that a thread may take alone in one go. A chain that is longer goes on from a state that is kept, where
/// everybody else gets a turn.
const CHAIN_MAX: usize = 1_000;

struct Search<'s, 'a, S: Spec> {
    system: &'s mut System<'a, S>,
    limits: &'s Limits,
    trust: Trust,
    reduces: bool,
    store: Store,
    rules: Vec<u64>,
    found: Exploration,
    /// The steps of the thread that runs alone.
    chain: Vec<Move>,
    /// Clauses broken at rest, with the state.
    broken_at_rest: Vec<(Tuple, Broken)>,
    /// The state whose steps are taken.
    from: u32,
    /// Whether a step has led to a state that was met before this one: otherwise there is no circle.
    goes_back: bool,
    /// Which states have a step to which, if that is to be kept.
    edges: Option<Vec<(u32, u32)>>,
    /// The states in which an execution may end.
    ends: Vec<u32>,
}

impl<'s, 'a, S: Spec> Search<'s, 'a, S> {
    fn new(system: &'s mut System<'a, S>, limits: &'s Limits, trust: Trust) -> Self {
        let threads = system.program.threads.len();
        Self {
            reduces: trust.spec || trust.protected.contains(&true) || trust.unshared.contains(&true),
            system,
            limits,
            trust,
            store: Store::new(threads + 2),
            rules: vec![0; S::rules().len()],
            found: Exploration {
                outcomes: BTreeMap::new(),
                complete: true,
                states: 0,
                transitions: 0,
                depth: 0,
                rules: BTreeMap::new(),
                bytes_per_state: 0,
                violations: Vec::new(),
                endless: None,
            },
            chain: Vec::new(),
            broken_at_rest: Vec::new(),
            from: 0,
            goes_back: false,
            edges: None,
            ends: Vec::new(),
        }
    }

    /// Breadth first: the store's order is the queue.
    fn run(&mut self, initial: &Tuple, watch: &mut Watch<'_>) -> Result<(), Breach> {
        let (mut at, mut to) = (Tuple::new(), initial.clone());
        let mut moves = Vec::new();
        let mut races = Vec::new();
        self.store.insert(&to);
        let mut level_end = 1;
        let mut index = 0;
        while index < self.store.len() {
            if index == level_end {
                self.found.depth += 1;
                level_end = self.store.len();
            }
            at.clear();
            at.extend_from_slice(self.store.get(index));
            self.from = index as u32;
            index += 1;
            self.note_races(&at, &mut races);
            self.system_moves(&at, &mut moves)?;
            if !moves.iter().any(|step| step.obligation == Obligation::Must) {
                self.note_rest(&at);
            }
            let is_alone = self.reduce(&mut moves);
            let is_new = self.follow(&at, &moves, &mut to)?;
            if is_alone && !is_new {
                // Whoever goes alone in a circle must not keep the others out.
                self.system_moves(&at, &mut moves)?;
                self.follow(&at, &moves, &mut to)?;
            }
            if index.is_multiple_of(WATCHED_EVERY) && watch(self.store.len()).is_break() {
                self.found.complete = false;
            }
            if !self.found.complete {
                break;
            }
        }
        Ok(())
    }

    /// Takes the steps after `first` that may be taken at once, alone: those of the thread that moved, then those of
    /// operations that its steps have let go on.
    fn chase(&mut self, at: &mut Tuple, first: &Move) -> Result<(), Breach> {
        let moved = first.thread;
        if let Some(thread) = moved {
            self.run_alone(at, thread, first.mobility == Mobility::Right)?;
        }
        for thread in 0..self.system.program.threads.len() {
            if moved != Some(thread) && self.system.is_inside(at, thread) {
                self.run_alone(at, thread, false)?;
            }
        }
        Ok(())
    }

    /// Takes the thread's steps as long as it is alone in having to.
    fn run_alone(&mut self, at: &mut Tuple, thread: usize, mut after_right_mover: bool) -> Result<(), Breach> {
        for _ in 0..CHAIN_MAX {
            self.chain.clear();
            self.system.moves_of(at, thread, &self.trust, &mut self.chain)?;
            let [step] = &self.chain[..] else { break };
            let may_go = match step.mobility {
                Mobility::Independent | Mobility::Both => true,
                Mobility::Right | Mobility::Unknown => after_right_mover,
                // The state before it must be looked at for races.
                Mobility::Racy => false,
            };
            if !may_go || !step.goes_on() {
                break;
            }
            after_right_mover = match step.mobility {
                Mobility::Right => true,
                Mobility::Both => after_right_mover,
                Mobility::Unknown | Mobility::Racy | Mobility::Independent => false,
            };
            self.system.apply(at, step);
            let step = step.clone();
            self.count(&step);
        }
        Ok(())
    }

    fn system_moves(&mut self, at: &Tuple, moves: &mut Vec<Move>) -> Result<(), Breach> {
        moves.clear();
        self.system.moves(at, &self.trust, moves)
    }

    /// Keeps only the step of a thread that may go alone, if there is such a thread.
    fn reduce(&self, moves: &mut Vec<Move>) -> bool {
        let alone = moves.iter().position(|step| {
            let is_free = matches!(step.mobility, Mobility::Independent | Mobility::Both);
            is_free && step.goes_on() && moves.iter().filter(|other| other.thread == step.thread).count() == 1
        });
        if let Some(index) = alone {
            moves.swap(0, index);
            moves.truncate(1);
        }
        alone.is_some()
    }

    /// Takes each of the steps. Returns whether one of them led to a new state.
    fn follow(&mut self, at: &Tuple, moves: &[Move], to: &mut Tuple) -> Result<bool, Breach> {
        let mut is_new = false;
        for step in moves {
            self.count(step);
            if let Some(outcome) = step.abort() {
                self.found.outcomes.entry(outcome).or_default().insert(Observed::new());
                self.ends.push(self.from);
            }
            if !self.system.after(at, step, to) {
                continue;
            }
            if self.reduces {
                self.chase(to, step)?;
            }
            if self.store.len() < self.limits.states {
                let (number, is_unknown) = self.store.insert(to);
                is_new |= is_unknown;
                self.goes_back |= number <= self.from;
                if let Some(edges) = &mut self.edges {
                    edges.push((self.from, number));
                }
            } else if !self.store.contains(to) {
                self.found.complete = false;
            }
        }
        Ok(is_new)
    }

    fn count(&mut self, step: &Move) {
        self.found.transitions += 1;
        if let Some(rule) = step.rule() {
            self.rules[usize::from(rule.0)] += 1;
        }
    }

    fn note_races(&mut self, at: &Tuple, races: &mut Vec<VariableIndex>) {
        races.clear();
        self.system.races(at, races);
        for variable in races.drain(..) {
            self.found.outcomes.entry(Outcome::Race { variable }).or_default().insert(Observed::new());
        }
    }

    fn note_rest(&mut self, at: &Tuple) {
        let (ended, broken) = self.system.rest(at);
        let observed = self.system.observed(at);
        self.found.outcomes.entry(Outcome::Final(ended)).or_default().insert(observed);
        self.ends.push(self.from);
        for broken in broken {
            if self.broken_at_rest.iter().all(|(_, known)| known.clause != broken.clause) {
                self.broken_at_rest.push((at.clone(), broken));
            }
        }
    }

    /// The first state from which no end can be reached. Time and memory grow with the steps.
    fn trap(&mut self) -> Option<Tuple> {
        let mut edges = self.edges.take()?;
        edges.sort_unstable_by_key(|(_, to)| *to);
        let mut has_end = vec![false; self.store.len()];
        let mut reached = std::mem::take(&mut self.ends);
        while let Some(state) = reached.pop() {
            if !std::mem::replace(&mut has_end[state as usize], true) {
                let first = edges.partition_point(|(_, to)| *to < state);
                reached.extend(edges[first..].iter().take_while(|(_, to)| *to == state).map(|(from, _)| *from));
            }
        }
        has_end.iter().position(|has_end| !has_end).map(|state| self.store.get(state).to_vec())
    }

    fn add_violations(&mut self, initial: &Tuple) {
        let mut clauses = BTreeSet::new();
        for (state, broken) in self.system.broken.clone() {
            if clauses.insert(broken.clause) {
                let path =
                    path::to_state(self.system, initial, self.limits.states, |at| System::<S>::spec_of(at) == state);
                self.found.violations.push(Violation { kind: ViolationKind::Invariant, broken, path });
            }
        }
        for (state, broken) in std::mem::take(&mut self.broken_at_rest) {
            let path = path::to_state(self.system, initial, self.limits.states, |at| at == state);
            self.found.violations.push(Violation { kind: ViolationKind::AtRest, broken, path });
        }
    }

    fn finish(mut self) -> Exploration {
        let names = S::rules().iter().map(|rule| rule.name);
        self.found.rules = names.zip(self.rules).collect();
        self.found.states = self.store.len();
        self.found.bytes_per_state = (self.store.bytes() + self.system.bytes()) / self.store.len();
        self.found
    }
}

/// Whether an expectation holds of everything that was explored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// Whether it holds. `None` if that is unknown: the exploration is not complete, or the condition asks for an
    /// observable that the spec does not have; and of a `forall` that no outcome breaks, if some execution never comes to one.
    pub held: Option<bool>,
    /// The outcome that decides: one that satisfies an `exists`, breaks a `forall`, or is the `never` that happened.
    pub witness: Option<Outcome>,
}

/// Judges an expectation by what was explored. A condition on the spec's state is judged for each state that an outcome
/// can have.
pub fn judge(expectation: &Expectation, exploration: &Exploration) -> Judgement {
    // What decides at once: a condition that comes true, or for `forall` one that comes out false.
    let deciding = expectation.quantifier != Quantifier::Forall;
    let is_endless = expectation.quantifier == Quantifier::Forall && exploration.endless.is_some();
    let mut known = exploration.complete && !is_endless;
    for (outcome, observations) in &exploration.outcomes {
        for observed in observations {
            match expectation.condition.holds(outcome, Some(observed)) {
                Some(holds) if holds == deciding => {
                    let held = expectation.quantifier == Quantifier::Exists;
                    return Judgement { held: Some(held), witness: Some(outcome.clone()) };
                }
                Some(_) => {}
                None => known = false,
            }
        }
    }
    let held = expectation.quantifier != Quantifier::Exists;
    Judgement { held: known.then_some(held), witness: None }
}

/// How the words for a data race begin. See [`describe`].
pub const RACE: &str = "data race on ";

/// An outcome in words: how each thread ended, then the variables, then the registers.
///
/// `T1 done, T2 blocked at "wait" (line 3); n=2; T1:r0=notified`. Lines are counted within the thread's body.
pub fn describe<Op: Display>(program: &Program<Op>, outcome: &Outcome) -> String {
    let ended = match outcome {
        Outcome::Abort { thread, clause } => {
            let name = &program.threads[*thread].name;
            return if clause.is_empty() { format!("{name} aborts") } else { format!("{name} aborts ({clause})") };
        }
        Outcome::Race { variable } => return format!("{RACE}{}", program.variables[*variable].name),
        Outcome::Final(ended) => ended,
    };
    let threads = program.threads.iter().zip(&ended.threads).map(|(body, end)| match end {
        ThreadEnd::Done => format!("{} done", body.name),
        ThreadEnd::Blocked(statement) => {
            format!("{} blocked at \"{}\" (line {})", body.name, blocker(&body.statements[*statement]), statement + 1)
        }
    });
    let variables =
        program.variables.iter().zip(&ended.variables).map(|(variable, value)| format!("{}={value}", variable.name));
    let registers = program.threads.iter().zip(&ended.registers).flat_map(|(body, values)| {
        let ThreadBody { name, registers, .. } = body;
        registers.iter().zip(values).map(move |(register, value)| format!("{name}:{register}={value}"))
    });
    let parts: [Vec<String>; 3] = [threads.collect(), variables.collect(), registers.collect()];
    parts.iter().filter(|part| !part.is_empty()).map(|part| part.join(", ")).collect::<Vec<_>>().join("; ")
}

/// The word at which a blocked thread stands, as the litmus file writes it.
fn blocker<Op: Display>(statement: &Statement<Op>) -> String {
    match statement {
        Statement::Operation { op, .. } => op.to_string(),
        Statement::While { op, .. } => format!("{op}-while"),
        Statement::If { op, .. } => format!("{op}-if"),
        Statement::Await { .. } => "await".to_owned(),
        Statement::Write { .. } | Statement::Add { .. } | Statement::Set { .. } => {
            unreachable!("an assignment never blocks")
        }
    }
}

/// A step in words, for a reader who knows the program.
fn narrate<S: Spec>(system: &System<'_, S>, at: &[u32], step: &Move) -> String {
    let name = |variable: VariableIndex| &system.program.variables[variable].name;
    let by_rule = |rule: selvedge_model::RuleId| {
        let rule = selvedge_model::spec::rule::<S>(rule).name;
        let op = step.thread.and_then(|thread| system.op_at(at, thread)).map(ToString::to_string);
        match op {
            // `wait.enqueue` says already that it is a wait; `read`, of `read 3 bytes`, does not say of what.
            Some(op) if op != rule && rule.split('.').next() != Some(op.as_str()) => format!("{op}: {rule}"),
            _ => rule.to_owned(),
        }
    };
    match step.event {
        Event::Rule(rule) => match system.returned(step) {
            Some(ret) => format!("{} → {ret}", by_rule(rule)),
            None => by_rule(rule),
        },
        Event::Abort { rule, clause } => format!("{} → aborts ({clause})", by_rule(rule)),
        Event::Read { variable, value } => format!("reads {} = {value}", name(variable)),
        Event::Write { variable, value } => format!("writes {} = {value}", name(variable)),
        Event::Await => "await: true".to_owned(),
    }
}
