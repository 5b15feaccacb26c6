//! Joint shrinking: a failure made small in program, schedule and choices together.
//!
//! A failure is a program, a subject and an execution that the spec does not allow. What stays the same while it
//! shrinks is its [symptom](Symptom): the clause that it breaks, or, where no clause is to blame, what kind of failure it
//! is. In this order:
//!
//! 1. **The program**: expectations go, then settings, threads, statements, operations and values
//!    ([`generate::shrink`]), as long as the exhaustive engine finds an execution with the same symptom. That engine
//!    decides both ways, and fast: a program that it has gone through without finding one has none.
//! 2. **The schedule** of the smallest program: depth-first search with no preemption, then one, and so on. At the first
//!    bound that shows the symptom the search goes on to its end, and of all executions with the symptom it keeps the
//!    one with the simplest schedule: the fewest switches, then the smallest choices, then the fewest steps
//!    ([`Simplicity`]).
//! 3. **The program once more**, now by depth-first search within that bound: what the exhaustive engine did not reach
//!    within its executions may be found where there are few preemptions. If it got smaller, back to 1.
//!
//! Each round but the last makes the program smaller, so there is an end, and the result shrinks to itself.
//!
//! **Cost.** A program of n statements is tried in at most about n³ smaller versions ([`generate::shrink`]); each costs
//! what the explorer and the engine take for it, which grows exponentially with its visible steps. Both are bounded, by
//! counts and not by time ([`Effort`]), so that the same failure shrinks to the same thing on every machine. Where a
//! bound was reached, the result says so: see [`Shrunk::is_least`].
//!
//! What only weak memory shows and what happened on real threads cannot be shrunk here: all of this stands on shuttle.

pub mod trace;

use std::cmp::Ordering;

use rustc_hash::FxHashMap;
use selvedge::platform::Arc;
use selvedge::platform::shuttle::{Decision, Schedule};
use selvedge_model::Spec;

use crate::check::Checker;
use crate::conformance::{Driver, Findings, Goal, Job, Symptom, Target, Violation};
use crate::engine::{Budget, Engine, Profile};
use crate::evidence::Mode;
use crate::generate;
use crate::litmus::Program;
use crate::subject::Variant;
use trace::Interruption;

/// How much is done to make a failure small.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effort {
    /// Programs tried at most, over all rounds.
    pub programs: usize,
    /// Executions of each of them at most.
    pub executions: u64,
    /// Executions at most in the search for a schedule, for each preemption bound.
    pub schedules: u64,
    /// The largest preemption bound that is tried.
    pub preemptions: usize,
    /// Programs that are not well-formed are tried too, where the one that fails is not: there are many more of them, and what they
    /// come to may take long to find out.
    pub tries_misuse: bool,
}

impl Effort {
    /// A fraction of a second for a litmus test.
    pub const QUICK: Effort =
        Effort { programs: 400, executions: 500, schedules: 5_000, preemptions: 3, tries_misuse: false };
    /// Seconds for a litmus test.
    pub const FULL: Effort =
        Effort { programs: 5_000, executions: 20_000, schedules: 200_000, preemptions: 5, tries_misuse: true };

    /// The effort that goes with a profile.
    pub fn of(profile: Profile) -> Self {
        match profile {
            Profile::Quick => Effort::QUICK,
            Profile::Full => Effort::FULL,
        }
    }
}

/// A failure to be made small.
#[derive(Debug)]
pub struct Failure<S: Spec> {
    /// The program.
    pub target: Arc<Target<S>>,
    /// The subject, on shuttle.
    pub driver: Driver<S>,
    /// Its variant.
    pub variant: Variant,
    /// What is judged.
    pub mode: Mode,
    /// What must stay the same.
    pub symptom: Symptom,
    /// How often each thread may wake without a reason. What fails without that is better looked for without.
    pub spurious_wakeups: u32,
}

/// A failure made small.
#[derive(Debug)]
pub struct Shrunk<S: Spec> {
    /// The program: without expectations, with a comment that says where it comes from.
    pub target: Arc<Target<S>>,
    /// The execution. Its sentence is the spec's own, where the spec has words for it ([`Spec::tell`]).
    pub violation: Violation<S>,
    /// The engine that found it; any that stands on shuttle follows its schedule.
    pub engine: Engine,
    /// The preemptions of the schedule; `None` if no bound that was tried shows the symptom, and the schedule is the
    /// exhaustive engine's.
    pub preemptions: Option<usize>,
    /// Whether everything was searched: no smaller program that [`generate::shrink`] knows of has the symptom, no schedule
    /// of this one has fewer preemptions, and none with as many is simpler. Otherwise a bound of the effort was reached.
    pub is_least: bool,
    /// How often each thread could wake without a reason, as in the failure.
    pub spurious_wakeups: u32,
    /// Programs tried.
    pub programs: usize,
    /// Executions run.
    pub executions: u64,
}

/// How simple a violation's schedule is; the smaller the simpler.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Simplicity {
    /// How often the next step is another thread's.
    pub switches: usize,
    /// The sum of all choices: 0 if the first of the alternatives is always taken.
    pub choices: usize,
    /// Steps.
    pub steps: usize,
}

impl Simplicity {
    /// The simplicity of a violation's schedule; `None` if it has none that can be read.
    pub fn of<S: Spec>(violation: &Violation<S>) -> Option<Self> {
        violation.schedule.as_deref()?.parse().ok().map(|schedule| Simplicity::of_schedule(&schedule))
    }

    /// The simplicity of a schedule.
    pub fn of_schedule(schedule: &Schedule) -> Self {
        let mut simplicity = Simplicity { switches: 0, choices: 0, steps: 0 };
        let mut last = None;
        for decision in schedule.decisions() {
            match *decision {
                Decision::Thread(thread) => {
                    simplicity.steps += 1;
                    simplicity.switches += usize::from(last.replace(thread).is_some_and(|last| last != thread));
                }
                Decision::Choice { chosen, .. } => simplicity.choices += chosen,
            }
        }
        simplicity
    }
}

impl Ord for Simplicity {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |one: &Self| (one.switches, one.choices, one.steps);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Simplicity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Makes a failure small. `None` if within the effort no engine shows the failure again.
pub fn shrink<S: Spec>(failure: &Failure<S>, effort: &Effort) -> Option<Shrunk<S>> {
    let mut shrinker = Shrinker { failure, effort, programs: 0, executions: 0, is_least: true };
    let mut program = bare(&failure.target.program, failure.symptom);
    loop {
        program = shrinker.smaller(program, Engine::Exhaustive, None);
        let target = Arc::new(Target::new(program.clone()).ok()?);
        let found = shrinker.simplest(&target)?;
        let smaller = match found.preemptions {
            Some(_) => shrinker.smaller(program.clone(), Engine::Dfs, found.preemptions),
            None => program.clone(),
        };
        if smaller != program {
            program = smaller;
            continue;
        }
        let mut violation = found.violation;
        violation.interruptions = shrinker.interruptions(&target, &violation);
        if let Some(sentence) = told(&target, &violation) {
            violation.sentence = sentence;
        }
        return Some(Shrunk {
            target,
            violation,
            engine: found.engine,
            preemptions: found.preemptions,
            is_least: shrinker.is_least && found.is_least,
            spurious_wakeups: failure.spurious_wakeups,
            programs: shrinker.programs,
            executions: shrinker.executions,
        });
    }
}

/// The program without what says something about the original only.
fn bare<Op: Clone>(program: &Program<Op>, symptom: Symptom) -> Program<Op> {
    let clauses = match symptom {
        Symptom::Clause(clause) => vec![clause.to_owned()],
        _ => Vec::new(),
    };
    let about = vec![format!("Shrunk from {}.", program.name)];
    Program { about, clauses, expectations: Vec::new(), ..program.clone() }
}

/// The violation in the words of the spec.
pub(crate) fn told<S: Spec>(target: &Target<S>, violation: &Violation<S>) -> Option<String> {
    let initial = target.spec.initial(&target.program.initial).ok()?;
    let names = target.program.threads.iter().map(|thread| thread.name.as_str());
    let checker = Checker::new(target.spec.clone(), initial).thread_names(names);
    checker.tell(&violation.execution.history, violation.at, violation.clause)
}

/// A schedule that was found.
struct Found<S: Spec> {
    violation: Violation<S>,
    engine: Engine,
    preemptions: Option<usize>,
    is_least: bool,
}

struct Shrinker<'f, S: Spec> {
    failure: &'f Failure<S>,
    effort: &'f Effort,
    programs: usize,
    executions: u64,
    /// No bound was reached so far that could have hidden something smaller.
    is_least: bool,
}

impl<S: Spec> Shrinker<'_, S> {
    fn job(
        &self,
        target: &Arc<Target<S>>,
        engine: Engine,
        goal: Goal,
        preemptions: Option<usize>,
        executions: u64,
    ) -> Job<S> {
        Job {
            target: target.clone(),
            engine,
            mode: self.failure.mode,
            budget: Budget {
                executions,
                preemptions,
                spurious_wakeups: self.failure.spurious_wakeups,
                ..Budget::once()
            },
            weak: Some(Default::default()),
            variant: self.failure.variant,
            replay: None,
            goal,
            scope: Default::default(),
        }
    }

    fn search(
        &mut self,
        target: &Arc<Target<S>>,
        engine: Engine,
        goal: Goal,
        preemptions: Option<usize>,
        executions: u64,
    ) -> Findings<S> {
        let findings = (self.failure.driver)(&Arc::new(self.job(target, engine, goal, preemptions, executions)));
        self.executions += findings.executions;
        findings
    }

    /// Where threads are interrupted on the way to the violation.
    fn interruptions(&self, target: &Arc<Target<S>>, violation: &Violation<S>) -> Vec<Interruption> {
        let findings = (self.failure.driver)(&Arc::new(Job {
            replay: violation.schedule.clone(),
            ..self.job(target, Engine::Dfs, Goal::First, None, 1)
        }));
        findings.violation.map(|violation| violation.interruptions).unwrap_or_default()
    }

    /// The smallest program found that still has the symptom, under that engine within that bound.
    fn smaller(&mut self, program: Program<S::Op>, engine: Engine, preemptions: Option<usize>) -> Program<S::Op> {
        let mut known: FxHashMap<Program<S::Op>, bool> = FxHashMap::default();
        let mut fails = |shrinker: &mut Self, candidate: &Program<S::Op>| match known.get(candidate) {
            Some(fails) => *fails,
            None => {
                let fails = shrinker.fails(candidate, engine, preemptions);
                known.insert(candidate.clone(), fails);
                fails
            }
        };
        let mut smallest = program;
        loop {
            if let Some(plainer) = plainer::<S>(&smallest).into_iter().find(|plainer| fails(self, plainer)) {
                smallest = plainer;
            }
            let Ok(spec) = S::configure(&smallest.parameters) else { return smallest };
            let smaller = generate::shrink(&spec, &smallest, |candidate| fails(self, candidate));
            if smaller == smallest {
                return smallest;
            }
            smallest = smaller;
        }
    }

    fn fails(&mut self, program: &Program<S::Op>, engine: Engine, preemptions: Option<usize>) -> bool {
        if self.programs == self.effort.programs {
            self.is_least = false;
            return false;
        }
        if !self.effort.tries_misuse && !generate::is_well_formed(&self.failure.target.spec, program) {
            self.is_least = false;
            return false;
        }
        self.programs += 1;
        let Ok(target) = Target::new(program.clone()) else { return false };
        let goal = Goal::FirstOf(self.failure.symptom);
        let findings = self.search(&Arc::new(target), engine, goal, preemptions, self.effort.executions);
        let fails = findings.violation.is_some();
        self.is_least &= fails || findings.complete || findings.refused.is_some();
        fails
    }

    /// The simplest schedule with the fewest preemptions.
    fn simplest(&mut self, target: &Arc<Target<S>>) -> Option<Found<S>> {
        let symptom = self.failure.symptom;
        let mut is_least = true;
        for bound in 0..=self.effort.preemptions {
            let goal = Goal::SimplestOf(symptom);
            let findings = self.search(target, Engine::Dfs, goal, Some(bound), self.effort.schedules);
            is_least &= findings.complete;
            if let Some(violation) = findings.violation {
                return Some(Found { violation, engine: Engine::Dfs, preemptions: Some(bound), is_least });
            }
        }
        let goal = Goal::FirstOf(symptom);
        let findings = self.search(target, Engine::Exhaustive, goal, None, self.effort.schedules);
        let violation = findings.violation?;
        Some(Found { violation, engine: Engine::Exhaustive, preemptions: None, is_least: false })
    }
}

/// The same threads under plainer settings: without parameters and initial values, without one of them, the plainest
/// first. What is well-formed stays so: settings decide what a thread may do.
fn plainer<S: Spec>(program: &Program<S::Op>) -> Vec<Program<S::Op>> {
    let is_well_formed = |program: &Program<S::Op>| {
        S::configure(&program.parameters).is_ok_and(|spec| generate::is_well_formed(&spec, program))
    };
    let must_be_well_formed = is_well_formed(program);
    let mut plainer = Vec::new();
    for parameters in fewer(&program.parameters) {
        for initial in fewer(&program.initial) {
            plainer.push(Program { parameters: parameters.clone(), initial, ..program.clone() });
        }
    }
    // Last comes the program as it is.
    plainer.pop();
    plainer.retain(|plainer| !must_be_well_formed || is_well_formed(plainer));
    plainer
}

/// None of them, all but one, all; each once.
fn fewer<T: Clone>(all: &[T]) -> Vec<Vec<T>> {
    let mut fewer = Vec::new();
    if all.len() > 1 {
        fewer.push(Vec::new());
    }
    for at in 0..all.len() {
        let mut rest = all.to_vec();
        rest.remove(at);
        fewer.push(rest);
    }
    fewer.push(all.to_vec());
    fewer
}
