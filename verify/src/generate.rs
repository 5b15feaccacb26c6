//! Random programs for any spec, and smaller programs that still fail.
//!
//! A generated program is *well-formed*: each thread's operations are ones that [`Spec::next_ops`] offers, whichever
//! turns its loops and conditions take, and it ends where [`Spec::may_end`] lets it. So it never unlocks what it did not
//! lock. It is built that way, one operation at a time, not drawn and then sifted; what cannot be completed is discarded
//! and counted ([`GenerationReport`]).
//!
//! Shared variables hold 0, 1 or 2. Some are atomic. Where the spec has a lock ([`Spec::exclusion`]) others are plain, and
//! are read only where a thread surely holds the lock and written only where it surely holds it alone: so a program has no
//! data race of its own, and one that is found is the subject's. A loop (`wait-while`) is made only of an operation that nobody
//! finishes alone, so that each turn needs another thread's step and the number of turns is bounded by what the others
//! do. An `await` waits for a value that another thread writes.
//!
//! Three ways to use it: [`generate`] for a number of programs from a seed, [`programs`] as a proptest strategy that
//! shrinks, [`shrink`] for a program that fails under something slower than a property test.
//!
//! ```
//! use selvedge_model::cond::CondSpec;
//! use selvedge_verify::generate::{Shape, generate, shrink};
//!
//! let spec = CondSpec::default();
//! let (programs, report) = generate(&spec, &Shape::default(), 7, 50);
//! assert_eq!((programs.len(), report.produced), (50, 50));
//!
//! // The smallest program in which somebody broadcasts.
//! let broadcasts = |program: &selvedge_verify::litmus::Program<_>| {
//!     program.ops().any(|op: &selvedge_model::cond::Op| op.to_string() == "broadcast")
//! };
//! let found = programs.iter().find(|program| broadcasts(program)).expect("one of fifty broadcasts");
//! assert_eq!(shrink(&spec, found, broadcasts).to_string(), "spec cond\n\nthread T1\n  broadcast\n");
//! ```

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::Rng;
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rustc_hash::FxHashSet;
use selvedge_model::{Exclusion, Progress, Spec, Thread};
use sha2::{Digest, Sha256};

use crate::litmus::{Access, Binary, Expr, Program, Statement, ThreadBody, Variable};

/// How large generated programs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// At least this many threads.
    pub threads_min: usize,
    /// At most this many threads.
    pub threads_max: usize,
    /// At most about this many operations a thread; what it takes to end well (an unlock) comes on top.
    pub operations_max: usize,
    /// At most this many shared variables; 0 for operations only.
    pub variables_max: usize,
}

impl Default for Shape {
    /// Two or three threads of up to four operations, up to one variable: what every engine can exhaust.
    fn default() -> Self {
        Shape { threads_min: 2, threads_max: 3, operations_max: 4, variables_max: 1 }
    }
}

/// The largest value that a generated program writes.
const VALUE_MAX: i64 = 2;
/// How many operations may be added to a thread so that it may end.
const ENDING_MAX: usize = 4;
/// The most configurations looked at to find out whether an operation finishes alone.
const ALONE_MAX: usize = 10_000;

/// How generating went.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GenerationReport {
    /// Programs made.
    pub produced: usize,
    /// Candidates given up because a thread could not be completed.
    pub discarded: usize,
}

impl GenerationReport {
    /// The discarded share of all candidates, from 0 to 1.
    pub fn discarded_share(&self) -> f64 {
        let candidates = self.produced + self.discarded;
        if candidates == 0 { 0.0 } else { self.discarded as f64 / candidates as f64 }
    }
}

impl Display for GenerationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.discarded_share();
        write!(f, "{} programs, {} candidates discarded ({share:.1}%)", self.produced, self.discarded)
    }
}

/// Makes `count` programs. The same spec, shape, seed and count give the same programs, on every machine.
///
/// # Panics
///
/// If a thousand candidates in a row must be discarded: then the spec offers no program that may end.
pub fn generate<S: Spec>(spec: &S, shape: &Shape, seed: u64, count: usize) -> (Vec<Program<S::Op>>, GenerationReport) {
    let mut report = GenerationReport::default();
    let mut draw = Draw::seeded(seed);
    let programs = (0..count)
        .map(|index| {
            let (mut program, discarded) = Builder { spec, shape, draw: &mut draw }.program();
            program.name = format!("generated-{seed}-{index}");
            report.produced += 1;
            report.discarded += discarded;
            program
        })
        .collect();
    (programs, report)
}

/// Makes the program that `bytes` decide: each choice takes one of them, and once they are used up the rest is drawn from
/// a fixed seed. Any bytes give a program, and one byte changed leaves what was decided before it as it was, which is what a
/// fuzzer needs.
///
/// # Panics
///
/// As [`generate`] does.
pub fn from_bytes<S: Spec>(spec: &S, shape: &Shape, bytes: &[u8]) -> Program<S::Op> {
    let mut draw = Draw { bytes: bytes.to_vec().into(), state: 0 };
    let (program, _) = Builder { spec, shape, draw: &mut draw }.program();
    program
}

/// A proptest strategy for programs. They shrink as [`shrink`] does, and stay well-formed.
pub fn programs<S: Spec>(spec: S, shape: Shape) -> Programs<S> {
    Programs { spec, shape }
}

/// See [`programs`].
#[derive(Clone, Debug)]
pub struct Programs<S> {
    spec: S,
    shape: Shape,
}

impl<S: Spec> Strategy for Programs<S> {
    type Tree = ProgramTree<S>;
    type Value = Program<S::Op>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let mut draw = Draw::seeded(runner.rng().next_u64());
        let (program, discarded) = Builder { spec: &self.spec, shape: &self.shape, draw: &mut draw }.program();
        for _ in 0..discarded {
            runner.reject_local("a thread that cannot end")?;
        }
        Ok(ProgramTree { spec: self.spec.clone(), smallest: program.clone(), current: program, smaller: None })
    }
}

/// A program being shrunk by proptest.
#[derive(Clone, Debug)]
pub struct ProgramTree<S: Spec> {
    spec: S,
    /// The smallest program known to fail.
    smallest: Program<S::Op>,
    current: Program<S::Op>,
    /// What is still to be tried in place of the smallest.
    smaller: Option<std::vec::IntoIter<Program<S::Op>>>,
}

impl<S: Spec> ProgramTree<S> {
    fn next(&mut self) -> bool {
        let (spec, smallest) = (&self.spec, &self.smallest);
        let smaller = self.smaller.get_or_insert_with(|| smaller(spec, smallest).into_iter());
        let next = smaller.next();
        let found = next.is_some();
        self.current = next.unwrap_or_else(|| self.smallest.clone());
        found
    }
}

impl<S: Spec> ValueTree for ProgramTree<S> {
    type Value = Program<S::Op>;

    fn current(&self) -> Self::Value {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        if self.current != self.smallest {
            self.smallest = self.current.clone();
            self.smaller = None;
        }
        self.next()
    }

    fn complicate(&mut self) -> bool {
        self.next()
    }
}

/// The smallest program found that still fails: with fewer threads, statements, variables and registers, and with
/// simpler statements and smaller values. Every program that `still_fails` is asked about is well-formed, if `program` is; the
/// first one that fails is taken, until none does.
///
/// A program of n statements has at most about n² smaller ones, and each success removes something, so `still_fails` is
/// called about n³ times at worst, for a dozen statements a few hundred times.
///
/// Threads, registers and variables of a program that has expectations keep their places, because expectations name
/// them by place; only its statements shrink. Generated programs have none.
pub fn shrink<S: Spec>(
    spec: &S,
    program: &Program<S::Op>,
    mut still_fails: impl FnMut(&Program<S::Op>) -> bool,
) -> Program<S::Op> {
    let mut smallest = program.clone();
    while let Some(next) = smaller(spec, &smallest).into_iter().find(&mut still_fails) {
        smallest = next;
    }
    smallest
}

/// Whether each thread's operations are ones that the spec offers, whichever turns its loops and conditions take, and
/// whether it may end after them.
///
/// A loop is unrolled up to twice: after the second turn a thread has been everywhere where a third can bring it, for a
/// spec that does not count.
pub fn is_well_formed<S: Spec>(spec: &S, program: &Program<S::Op>) -> bool {
    program.threads.iter().all(|thread| thread_is_well_formed(spec, &thread.statements))
}

/// Saves a program in litmus syntax and says where. The file is named after its contents, so that saving a program
/// twice saves it once; it appears whole or not at all.
///
/// # Errors
///
/// Where the folder cannot be made or the file not be written.
pub fn save_regression<Op: Display>(dir: &Path, program: &Program<Op>) -> io::Result<PathBuf> {
    let text = program.to_string();
    let digest: String = Sha256::digest(text.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let path = dir.join(format!("{}-{digest}.litmus", program.spec));
    fs::create_dir_all(dir)?;
    let unfinished = dir.join(format!(".{}-{digest}.{}", program.spec, std::process::id()));
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// A source of choices: given bytes, then SplitMix64, the same on every machine and in every release.
struct Draw {
    bytes: VecDeque<u8>,
    state: u64,
}

impl Draw {
    fn seeded(seed: u64) -> Self {
        Draw { bytes: VecDeque::new(), state: seed }
    }

    fn next(&mut self) -> u64 {
        if let Some(byte) = self.bytes.pop_front() {
            return u64::from(byte);
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below the bound, which is not 0. The bounds are tiny, so the bias is too.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn between(&mut self, min: usize, max: usize) -> usize {
        min + self.below(max.saturating_sub(min) + 1)
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    fn value(&mut self) -> i64 {
        self.below(VALUE_MAX as usize + 1) as i64
    }
}

/// Makes one program.
struct Builder<'b, S: Spec> {
    spec: &'b S,
    shape: &'b Shape,
    draw: &'b mut Draw,
}

impl<S: Spec> Builder<'_, S> {
    /// A program, and how many candidates were discarded for it.
    fn program(&mut self) -> (Program<S::Op>, usize) {
        (0..1_000)
            .find_map(|discarded| Some((self.candidate()?, discarded)))
            .expect("the spec offers no program that may end")
    }

    /// A program, unless one of its threads cannot be completed.
    fn candidate(&mut self) -> Option<Program<S::Op>> {
        let threads = self.draw.between(self.shape.threads_min, self.shape.threads_max);
        let variables = self.draw.between(0, self.shape.variables_max);
        let bodies: Option<Vec<Vec<S::Op>>> = (0..threads).map(|_| self.ops()).collect();
        let bodies = bodies?;
        let held: Vec<Vec<Exclusion>> = bodies.iter().map(|ops| exclusions(self.spec, ops)).collect();
        let can_guard = held.iter().flatten().any(|held| *held == Exclusion::Exclusive);
        let variables: Vec<Access> = (0..variables)
            .map(|_| if can_guard && self.draw.one_in(2) { Access::Plain } else { Access::SeqCst })
            .collect();
        let mut bodies: Vec<Vec<Statement<S::Op>>> =
            bodies.into_iter().zip(held).map(|(ops, held)| self.statements(ops, held, &variables)).collect();
        if !variables.is_empty() {
            self.add_awaits(&mut bodies, &variables);
        }
        Some(program_of(self.spec, variables, bodies))
    }

    /// A thread's operations, or `None` if it cannot be completed.
    fn ops(&mut self) -> Option<Vec<S::Op>> {
        let length = self.draw.between(1, self.shape.operations_max);
        let mut done = Vec::new();
        while done.len() < length {
            let Some(op) = self.choose(&done) else { break };
            done.push(op);
        }
        let ending = ending(self.spec, &done)?;
        done.extend(ending);
        (!done.is_empty()).then_some(done)
    }

    /// An operation to follow `done`. First its form is chosen, so that it does not matter how many arguments are offered
    /// for it. Chosen more often is what makes the better tests: what leads to, or stays in, a state in which a thread can
    /// do what it cannot do at its start (inside a lock, say), and what can only be done there.
    fn choose(&mut self, done: &[S::Op]) -> Option<S::Op> {
        let offered = self.spec.next_ops(done);
        let at_start: Vec<String> = self.spec.next_ops(&[]).iter().map(form).collect();
        let is_new = |form: &String| !at_start.contains(form);
        let mut lots: Vec<String> = Vec::new();
        for op in &offered {
            let form = form(op);
            if !lots.contains(&form) {
                let after = self.spec.next_ops(&[done, std::slice::from_ref(op)].concat());
                let leads_on = after.iter().map(self::form).any(|form| is_new(&form));
                let weight = if leads_on { 3 } else { 1 } * if is_new(&form) { 2 } else { 1 };
                lots.extend(std::iter::repeat_n(form, weight));
            }
        }
        if lots.is_empty() {
            return None;
        }
        let drawn = &lots[self.draw.below(lots.len())];
        let of_form: Vec<&S::Op> = offered.iter().filter(|op| form(*op) == *drawn).collect();
        Some(of_form[self.draw.below(of_form.len())].clone())
    }

    /// A thread's statements: its operations, some of them under a condition, and accesses to variables between them.
    /// `held` says for the place before each operation, and for the end, what exclusion the thread has there.
    fn statements(&mut self, ops: Vec<S::Op>, mut held: Vec<Exclusion>, variables: &[Access]) -> Vec<Statement<S::Op>> {
        let mut statements: Vec<Statement<S::Op>> =
            ops.into_iter().map(|op| Statement::Operation { register: self.draw.one_in(2).then_some(0), op }).collect();
        if variables.is_empty() {
            return statements;
        }
        for at in 0..statements.len() {
            if !self.draw.one_in(2) {
                continue;
            }
            let Some(op) = statements[at].op().cloned() else { continue };
            let Some(condition) = self.condition(variables, held[at]) else { continue };
            let before: Vec<S::Op> = statements[..at].iter().filter_map(Statement::op).cloned().collect();
            let guarded = if blocks_alone(self.spec, &before, &op) && !self.draw.one_in(4) {
                Statement::While { op, condition }
            } else {
                Statement::If { op, condition }
            };
            let plain = std::mem::replace(&mut statements[at], guarded);
            if !thread_is_well_formed(self.spec, &statements) {
                statements[at] = plain;
            }
        }
        for _ in 0..self.draw.between(0, 2) {
            let variable = self.draw.below(variables.len());
            let access = if self.draw.one_in(3) {
                Statement::Add { variable, value: Expr::Int(1) }
            } else {
                Statement::Write { variable, value: Expr::Int(self.draw.value()) }
            };
            let places: Vec<usize> =
                (0..held.len()).filter(|at| may_access(variables[variable], held[*at], Exclusion::Exclusive)).collect();
            if !places.is_empty() {
                let at = places[self.draw.below(places.len())];
                statements.insert(at, access);
                held.insert(at, held[at]);
            }
        }
        statements
    }

    /// A condition on a variable that may be read where a thread has this exclusion.
    fn condition(&mut self, variables: &[Access], held: Exclusion) -> Option<Expr> {
        let readable: Vec<usize> =
            (0..variables.len()).filter(|variable| may_access(variables[*variable], held, Exclusion::Shared)).collect();
        if readable.is_empty() {
            return None;
        }
        let comparison = if self.draw.one_in(2) { Binary::Equal } else { Binary::NotEqual };
        Some(compare(comparison, readable[self.draw.below(readable.len())], self.draw.value()))
    }

    /// Lets some threads await a value that another one writes, of an atomic variable: nobody else could write a plain one
    /// while a thread that may read it waits.
    fn add_awaits(&mut self, bodies: &mut [Vec<Statement<S::Op>>], variables: &[Access]) {
        for thread in 0..bodies.len() {
            if !self.draw.one_in(4) {
                continue;
            }
            let written: Vec<(usize, i64)> = bodies
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != thread)
                .flat_map(|(_, body)| body)
                .filter_map(|statement| match statement {
                    Statement::Write { variable, value: Expr::Int(value) } => Some((*variable, *value)),
                    _ => None,
                })
                .filter(|(variable, _)| variables[*variable] != Access::Plain)
                .collect();
            if !written.is_empty() {
                let (variable, value) = written[self.draw.below(written.len())];
                let at = self.draw.between(0, bodies[thread].len());
                bodies[thread].insert(at, Statement::Await { condition: compare(Binary::Equal, variable, value) });
            }
        }
    }
}

fn compare(comparison: Binary, variable: usize, value: i64) -> Expr {
    Expr::Binary(comparison, Box::new(Expr::Variable(variable)), Box::new(Expr::Int(value)))
}

/// The word that an operation's text starts with.
fn form<Op: Display>(op: &Op) -> String {
    let text = op.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// A program of these threads, with names of its own for everything.
fn program_of<S: Spec>(spec: &S, variables: Vec<Access>, bodies: Vec<Vec<Statement<S::Op>>>) -> Program<S::Op> {
    let defaults = S::parameters().iter().map(|parameter| parameter.values[0]);
    let chosen = spec.configuration().into_iter().zip(defaults);
    Program {
        name: "generated".to_owned(),
        about: Vec::new(),
        spec: spec.name().to_owned(),
        parameters: chosen
            .filter(|((_, value), default)| value != default)
            .map(|((name, value), _)| (name.to_owned(), value.to_owned()))
            .collect(),
        initial: spec.initial_for(bodies.len()),
        clauses: Vec::new(),
        variables: variables
            .into_iter()
            .enumerate()
            .map(|(index, access)| Variable { name: format!("x{index}"), access, initial: 0 })
            .collect(),
        threads: bodies
            .into_iter()
            .enumerate()
            .map(|(index, statements)| {
                let mut thread = ThreadBody { name: format!("T{}", index + 1), registers: Vec::new(), statements };
                name_registers(&mut thread);
                thread
            })
            .collect(),
        expectations: Vec::new(),
    }
}

/// Gives each operation that keeps its answer a register of its own, in the order of the statements.
fn name_registers<Op>(thread: &mut ThreadBody<Op>) {
    thread.registers.clear();
    for statement in &mut thread.statements {
        if let Statement::Operation { register: Some(register), .. } = statement {
            *register = thread.registers.len();
            thread.registers.push(format!("r{register}"));
        }
    }
}

/// The fewest operations after which a thread may end.
fn ending<S: Spec>(spec: &S, done: &[S::Op]) -> Option<Vec<S::Op>> {
    let mut unfinished = VecDeque::from([Vec::new()]);
    while let Some(ending) = unfinished.pop_front() {
        let all = [done, &ending].concat();
        if spec.may_end(&all) {
            return Some(ending);
        }
        if ending.len() < ENDING_MAX {
            unfinished.extend(spec.next_ops(&all).into_iter().map(|op| [&ending[..], &[op]].concat()));
        }
    }
    None
}

/// Whether no path of the thread alone finishes the operation, after `done`. Operations of `done` that it would not
/// finish alone either are left out: somebody else has let them go on.
fn blocks_alone<S: Spec>(spec: &S, done: &[S::Op], op: &S::Op) -> bool {
    let Ok(initial) = spec.initial(&[]) else { return false };
    let mut states = FxHashSet::from_iter([initial]);
    for before in done {
        if let Some(after) = alone(spec, &states, Thread(0), before)
            && !after.is_empty()
        {
            states = after;
        }
    }
    alone(spec, &states, Thread(0), op).is_some_and(|after| after.is_empty())
}

/// The exclusion that a thread surely has before each of its operations, and at its end, whatever others do.
///
/// It is the one that it has when it is alone; an operation that it does not finish alone brings it back as it went. But
/// one that would also end without it while somebody else is inside (a `try-lock`) does not surely give it.
fn exclusions<S: Spec>(spec: &S, ops: &[S::Op]) -> Vec<Exclusion> {
    let mut surely = vec![Exclusion::Nothing];
    let Ok(initial) = spec.initial(&[]) else { return vec![Exclusion::Nothing; ops.len() + 1] };
    let initial = FxHashSet::from_iter([initial]);
    let mut states = initial.clone();
    let has = |states: &FxHashSet<S::State>| states.iter().map(|state| spec.exclusion(state, Thread(0))).min();
    for op in ops {
        if let Some(after) = alone(spec, &states, Thread(0), op)
            && !after.is_empty()
        {
            states = after;
        }
        let (before, now) = (surely[surely.len() - 1], has(&states).unwrap_or(Exclusion::Nothing));
        let is_given = || {
            let beside = alone(spec, &initial, Thread(1), op).and_then(|inside| alone(spec, &inside, Thread(0), op));
            beside.is_some_and(|after| has(&after).is_none_or(|beside| beside >= now))
        };
        surely.push(if now <= before || is_given() { now } else { before });
    }
    surely
}

/// Whether a variable may be accessed by a thread with this exclusion, where plain data needs `needed`.
fn may_access(access: Access, held: Exclusion, needed: Exclusion) -> bool {
    access != Access::Plain || held >= needed
}

/// Whether plain variables are accessed only where a thread surely has the exclusion for it.
fn is_guarded<S: Spec>(spec: &S, program: &Program<S::Op>) -> bool {
    if program.variables.iter().all(|variable| variable.access != Access::Plain) {
        return true;
    }
    let may = |variable: usize, held, needed| may_access(program.variables[variable].access, held, needed);
    program.threads.iter().all(|thread| {
        let ops: Vec<S::Op> = thread.statements.iter().filter_map(Statement::op).cloned().collect();
        let held = exclusions(spec, &ops);
        let mut done = 0;
        thread.statements.iter().all(|statement| {
            let here = held[done];
            done += usize::from(statement.op().is_some());
            let reads_well = |expr: &Expr, held| every_read(expr, &|read| may(read, held, Exclusion::Shared));
            match statement {
                Statement::Operation { .. } => true,
                Statement::While { condition, .. } | Statement::If { condition, .. } => reads_well(condition, here),
                Statement::Await { condition } => reads_well(condition, Exclusion::Nothing),
                Statement::Set { value, .. } => reads_well(value, here),
                Statement::Write { variable, value } | Statement::Add { variable, value } => {
                    may(*variable, here, Exclusion::Exclusive) && reads_well(value, here)
                }
            }
        })
    })
}

/// Whether something holds of every variable that an expression reads.
fn every_read(expr: &Expr, holds: &impl Fn(usize) -> bool) -> bool {
    match expr {
        Expr::Variable(variable) => holds(*variable),
        Expr::Not(operand) => every_read(operand, holds),
        Expr::Binary(_, left, right) => every_read(left, holds) && every_read(right, holds),
        Expr::Int(_) | Expr::Word(_) | Expr::Register(_) => true,
    }
}

/// The states in which a thread's operation ends if nobody else does anything; `None` if there are too many to tell. An abort
/// is an end too, after which the state stands as it was.
fn alone<S: Spec>(spec: &S, from: &FxHashSet<S::State>, thread: Thread, op: &S::Op) -> Option<FxHashSet<S::State>> {
    let mut ended = FxHashSet::default();
    let mut known: FxHashSet<(S::State, S::Phase)> =
        from.iter().map(|state| (state.clone(), S::Phase::default())).collect();
    let mut unfinished: Vec<(S::State, S::Phase)> = known.iter().cloned().collect();
    let (mut steps, mut internal) = (Vec::new(), Vec::new());
    while let Some((state, phase)) = unfinished.pop() {
        spec.steps(&state, thread, op, &phase, None, &mut steps);
        spec.internal(&state, &mut internal);
        let daemons = internal.drain(..).map(|(_, state)| (state, Progress::Next(phase.clone())));
        for (state, progress) in steps.drain(..).map(|step| (step.state, step.progress)).chain(daemons) {
            match progress {
                Progress::Next(phase) => {
                    if known.insert((state.clone(), phase.clone())) {
                        unfinished.push((state, phase));
                    }
                }
                Progress::Return(_) | Progress::Abort { .. } => {
                    ended.insert(state);
                }
            }
        }
        if known.len() > ALONE_MAX {
            return None;
        }
    }
    Some(ended)
}

fn thread_is_well_formed<S: Spec>(spec: &S, statements: &[Statement<S::Op>]) -> bool {
    let mut unfinished = vec![(Vec::<S::Op>::new(), statements)];
    while let Some((done, rest)) = unfinished.pop() {
        let Some((statement, rest)) = rest.split_first() else {
            if !spec.may_end(&done) {
                return false;
            }
            continue;
        };
        let turns = match statement {
            Statement::Operation { .. } => 1..=1,
            Statement::While { .. } => 0..=2,
            Statement::If { .. } => 0..=1,
            _ => 0..=0,
        };
        let mut done = done;
        for turn in 0..=*turns.end() {
            if turn > 0 {
                let op = statement.op().expect("only a statement with an operation has turns");
                if !spec.next_ops(&done).contains(op) {
                    return false;
                }
                done.push(op.clone());
            }
            if turns.contains(&turn) {
                unfinished.push((done.clone(), rest));
            }
        }
    }
    true
}

/// Programs that are a little smaller, well-formed ones of those that are, the much smaller ones first.
fn smaller<S: Spec>(spec: &S, program: &Program<S::Op>) -> Vec<Program<S::Op>> {
    let mut candidates = Vec::new();
    if program.threads.len() > 1 && program.expectations.is_empty() {
        for thread in 0..program.threads.len() {
            let mut candidate = program.clone();
            candidate.threads.remove(thread);
            candidates.push(candidate);
        }
    }
    for (thread, body) in program.threads.iter().enumerate() {
        let statements = body.statements.len();
        // A precondition and what rests on it go together: any run of statements, any two.
        for length in (1..=statements).rev() {
            for start in 0..=statements - length {
                if length < statements || program.threads.len() == 1 {
                    candidates.push(without(program, thread, |at| (start..start + length).contains(&at)));
                }
            }
        }
        for second in 2..statements {
            for first in 0..second - 1 {
                candidates.push(without(program, thread, |at| at == first || at == second));
            }
        }
    }
    for thread in 0..program.threads.len() {
        for at in 0..program.threads[thread].statements.len() {
            for statement in simpler(spec, &program.threads[thread].statements, at) {
                let mut candidate = program.clone();
                candidate.threads[thread].statements[at] = statement;
                candidates.push(candidate);
            }
        }
    }
    for candidate in &mut candidates {
        tidy(candidate);
    }
    let mut tidied = program.clone();
    tidy(&mut tidied);
    candidates.push(tidied);
    let loops_are_bounded = loops_are_bounded(spec, program);
    let is_guarded = is_guarded(spec, program);
    let must_be_well_formed = is_well_formed(spec, program);
    candidates.retain(|candidate| {
        let says_something = candidate.threads.iter().any(|thread| !thread.statements.is_empty());
        candidate != program
            && says_something
            && (!must_be_well_formed || is_well_formed(spec, candidate))
            && (!loops_are_bounded || self::loops_are_bounded(spec, candidate))
            && (!is_guarded || self::is_guarded(spec, candidate))
    });
    candidates
}

/// Whether every loop is made of an operation that nobody finishes alone, so that its turns are bounded by what others do.
fn loops_are_bounded<S: Spec>(spec: &S, program: &Program<S::Op>) -> bool {
    program.threads.iter().all(|thread| {
        thread.statements.iter().enumerate().all(|(at, statement)| match statement {
            Statement::While { op, .. } => {
                let before: Vec<S::Op> = thread.statements[..at].iter().filter_map(Statement::op).cloned().collect();
                blocks_alone(spec, &before, op)
            }
            _ => true,
        })
    })
}

fn without<Op: Clone>(program: &Program<Op>, thread: usize, gone: impl Fn(usize) -> bool) -> Program<Op> {
    let mut candidate = program.clone();
    let mut at = 0..;
    candidate.threads[thread].statements.retain(|_| !at.next().is_some_and(&gone));
    candidate
}

/// What could stand in place of a statement.
fn simpler<S: Spec>(spec: &S, statements: &[Statement<S::Op>], at: usize) -> Vec<Statement<S::Op>> {
    let plain = |op: &S::Op| Statement::Operation { register: None, op: op.clone() };
    let mut simpler = Vec::new();
    match &statements[at] {
        Statement::Operation { register, op } => {
            if register.is_some() {
                simpler.push(plain(op));
            }
            // Smaller arguments: those of the same form that the spec offers earlier.
            let done: Vec<S::Op> = statements[..at].iter().filter_map(Statement::op).cloned().collect();
            let offered = spec.next_ops(&done);
            let earlier = offered.into_iter().take_while(|other| other != op).filter(|other| form(other) == form(op));
            simpler.extend(earlier.map(|op| Statement::Operation { register: *register, op }));
        }
        Statement::While { op, condition } => {
            simpler.push(plain(op));
            simpler.push(Statement::If { op: op.clone(), condition: condition.clone() });
            simpler.extend(smaller_values(condition).map(|condition| Statement::While { op: op.clone(), condition }));
        }
        Statement::If { op, condition } => {
            simpler.push(plain(op));
            simpler.extend(smaller_values(condition).map(|condition| Statement::If { op: op.clone(), condition }));
        }
        Statement::Write { variable, value } => {
            simpler.extend(smaller_values(value).map(|value| Statement::Write { variable: *variable, value }));
        }
        Statement::Add { variable, value } => {
            simpler.push(Statement::Write { variable: *variable, value: value.clone() });
        }
        Statement::Set { .. } => {}
        Statement::Await { condition } => {
            simpler.extend(smaller_values(condition).map(|condition| Statement::Await { condition }));
        }
    }
    simpler
}

/// The expression with its number, if it is or compares with one, made smaller.
fn smaller_values(expr: &Expr) -> impl Iterator<Item = Expr> + '_ {
    let number = match expr {
        Expr::Int(number) => *number,
        Expr::Binary(_, _, right) => match **right {
            Expr::Int(number) => number,
            _ => 0,
        },
        _ => 0,
    };
    (0..number).map(move |smaller| match expr {
        Expr::Binary(comparison, left, _) => Expr::Binary(*comparison, left.clone(), Box::new(Expr::Int(smaller))),
        _ => Expr::Int(smaller),
    })
}

/// Drops what nothing uses any more: empty threads, unused variables and registers; and names threads and registers
/// anew.
fn tidy<Op>(program: &mut Program<Op>) {
    if !program.expectations.is_empty() {
        return;
    }
    if program.threads.iter().any(|thread| !thread.statements.is_empty()) {
        program.threads.retain(|thread| !thread.statements.is_empty());
    }
    // A computation names registers by their place.
    if program.threads.iter().flat_map(|thread| &thread.statements).any(|one| matches!(one, Statement::Set { .. })) {
        return;
    }
    let mut used = vec![false; program.variables.len()];
    for_each_variable(program, &mut |variable| used[*variable] = true);
    let place = |variable: usize| used[..variable].iter().filter(|used| **used).count();
    for_each_variable(program, &mut |variable| *variable = place(*variable));
    let mut keep = used.iter();
    program.variables.retain(|_| keep.next().copied().unwrap_or_default());
    for (index, thread) in program.threads.iter_mut().enumerate() {
        thread.name = format!("T{}", index + 1);
        name_registers(thread);
    }
    for (index, variable) in program.variables.iter_mut().enumerate() {
        variable.name = format!("x{index}");
    }
}

fn for_each_variable<Op>(program: &mut Program<Op>, visit: &mut impl FnMut(&mut usize)) {
    fn within(expr: &mut Expr, visit: &mut impl FnMut(&mut usize)) {
        match expr {
            Expr::Variable(variable) => visit(variable),
            Expr::Not(operand) => within(operand, visit),
            Expr::Binary(_, left, right) => {
                within(left, visit);
                within(right, visit);
            }
            Expr::Int(_) | Expr::Word(_) | Expr::Register(_) => {}
        }
    }
    for statement in program.threads.iter_mut().flat_map(|thread| &mut thread.statements) {
        match statement {
            Statement::Operation { .. } => {}
            Statement::While { condition, .. } | Statement::If { condition, .. } | Statement::Await { condition } => {
                within(condition, visit);
            }
            Statement::Write { variable, value } | Statement::Add { variable, value } => {
                visit(variable);
                within(value, visit);
            }
            Statement::Set { value, .. } => within(value, visit),
        }
    }
}
