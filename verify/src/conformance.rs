//! Does a subject do only what the spec allows? One program, one subject, one engine.
//!
//! The explorer says once what the program may come to. The engine then runs it again and again, and every execution is
//! held against that: its outcome must be one of those, and in [`Mode::Histories`] its history must be one that the
//! spec can follow, up to who is blocked at the end. Equal histories are judged once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use selvedge::platform::host::{Mutex, MutexGuard, PoisonError};
use selvedge::platform::shuttle::{self, SchedulerKind, Strategy};
use selvedge::platform::{Arc, Bounds, Failure, Loom, Platform, Profile, Run, Shuttle, Std, Stop, Timeouts, loom};
use selvedge_model::spec::rule;
use selvedge_model::{Spec, Unknown};

use crate::check::{self, Allowed, At, Checker, Judge, Judgement};
use crate::engine::census::{self, Census};
use crate::engine::jitter::Jitter;
use crate::engine::{Budget, Engine, exhaustive};
use crate::evidence::{Mode, Relation};
use crate::execute::{Ending, Execution, execute_in};
use crate::explore::{self, Exploration, explore};
use crate::history::{Close, EventOf, History, HistoryOf};
use crate::litmus::{Access, Observed, Outcome, Program};
use crate::shrink::Simplicity;
use crate::shrink::trace::{Interruption, Trace, Tracing};
use crate::subject::{Subject, Variant};

/// A program, its spec, and everything that the spec lets the program come to.
#[derive(Debug)]
pub struct Target<S: Spec> {
    /// The spec, with the program's parameters.
    pub spec: S,
    /// The program.
    pub program: Arc<Program<S::Op>>,
    /// What the explorer found.
    pub allowed: Exploration,
}

impl<S: Spec> Target<S> {
    /// Explores the program under its spec.
    ///
    /// # Errors
    ///
    /// If the program sets a parameter or an initial value that the spec does not have.
    pub fn new(program: Program<S::Op>) -> Result<Self, Unknown> {
        let spec = S::configure(&program.parameters)?;
        let allowed = explore(&spec, &program, &explore::Limits::default())?;
        Ok(Target { spec, program: Arc::new(program), allowed })
    }

    /// Whether the program has a data race of its own, whatever subject runs it.
    pub fn is_racy(&self) -> bool {
        self.allowed.outcomes.keys().any(|outcome| matches!(outcome, Outcome::Race { .. }))
    }

    /// Whether a timed wait of the program may give up at any time.
    pub fn timeouts_are_free(&self) -> bool {
        self.spec.configuration().contains(&("timeouts", "free"))
    }

    /// Whether weak memory can show through the program's own variables: the platform keeps what is sequentially consistent so.
    pub fn has_weak_atomics(&self) -> bool {
        self.program.variables.iter().any(|variable| matches!(variable.access, Access::Relaxed | Access::AcqRel))
    }
}

/// The outcomes that subject `X` reaches under loom within the budget.
pub fn reach<S: Spec, X: Subject<S, Platform = Loom>>(target: &Arc<Target<S>>, budget: &Budget) -> BTreeSet<Outcome> {
    let job = Job {
        target: target.clone(),
        engine: Engine::Loom,
        mode: Mode::Outcomes,
        budget: budget.clone(),
        weak: None,
        variant: 0,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    };
    on_loom::<S, X>(&Arc::new(job)).outcomes.into_keys().collect()
}

/// What an engine found.
#[derive(Debug)]
pub struct Findings<S: Spec> {
    /// Executions run.
    pub executions: u64,
    /// Executions cut short because a loop took more than [`TURNS_MAX`](crate::execute::TURNS_MAX) turns; judged up to there.
    pub endless: u64,
    /// Executions that the engine gave up, and why the last of them.
    pub truncated: (u64, Option<String>),
    /// The outcomes and how often each was seen.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Outcomes among them that sequential consistency does not allow and weak memory does: the reference subject reaches
    /// them too. Where loom has no room for the reference subject they are not compared; see
    /// [`Findings::weak_compared`].
    pub weak: BTreeSet<Outcome>,
    /// Whether [`Findings::weak`] was compared with what the reference subject reaches.
    pub weak_compared: bool,
    /// Distinct histories judged.
    pub histories: u64,
    /// A fingerprint of each of them; see [`Judge::fingerprints`].
    pub fingerprints: Vec<u64>,
    /// In how many executions each rule was taken for certain, whatever the explanation, by name.
    pub rules: BTreeMap<&'static str, u64>,
    /// The violation that [`Job::goal`] asks for, if there was one.
    pub violation: Option<Violation<S>>,
    /// A history that no budget sufficed to judge.
    pub unjudged: Option<String>,
    /// How many of the executions differed, where they were drawn.
    pub census: Option<Census>,
    /// What the exhaustive engine did.
    pub account: Option<exhaustive::Account>,
    /// What it left to explore, if its executions were used up.
    pub left: Option<exhaustive::Frontier>,
    /// Whether the engine looked at everything within its bound.
    pub complete: bool,
    /// Why it stopped before that.
    pub stopped: Option<String>,
    /// What broke the engine's run: the subject is not the same each time, or used the engine behind the platform's back.
    /// What was seen until then proves nothing but violations.
    pub broken: Option<String>,
    /// Why the subject could not run at all.
    pub refused: Option<String>,
}

/// An execution that the spec does not allow.
#[derive(Clone, Debug)]
pub struct Violation<S: Spec> {
    /// The execution.
    pub execution: Execution<S>,
    /// Which execution it was, counted from 1.
    pub number: u64,
    /// Where in its history the violation shows.
    pub at: At,
    /// The clause to blame, if there is one.
    pub clause: Option<&'static str>,
    /// What is wrong, one sentence.
    pub sentence: String,
    /// What the spec allowed there.
    pub allowed: Vec<String>,
    /// What was seen there.
    pub seen: String,
    /// What replays it: see [`Job::replay`].
    pub schedule: Option<String>,
    /// Where threads were interrupted inside an operation; known only where a schedule was followed in
    /// [`Mode::Histories`].
    pub interruptions: Vec<Interruption>,
}

/// What kind of failure a violation is: what stays the same while a failure is made smaller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symptom {
    /// A clause is to blame.
    Clause(&'static str),
    /// Somebody is blocked for ever who must not be.
    Blocked,
    /// Everybody came to their end, with values that the spec does not allow.
    Values,
    /// The program died.
    Aborted,
    /// A data race on a variable of the program.
    Raced,
    /// A data race inside the subject.
    RacedInside,
    /// The subject panicked.
    Panicked,
    /// A loop had not ended when the execution was cut.
    Endless,
}

/// Which violation a search is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Goal {
    /// The first.
    #[default]
    First,
    /// The first with that symptom; others are passed over.
    FirstOf(Symptom),
    /// Of all those with that symptom within the bounds, the one with the [simplest](crate::shrink::Simplicity) schedule.
    SimplestOf(Symptom),
    /// What that execution shows, counted from 1; the ones before it only lead there.
    At(u64),
}

impl<S: Spec> Violation<S> {
    /// What kind of failure it is.
    pub fn symptom(&self) -> Symptom {
        match (self.clause, &self.execution.ending) {
            (Some(clause), _) => Symptom::Clause(clause),
            (None, Ending::Outcome(Outcome::Abort { .. })) => Symptom::Aborted,
            (None, Ending::Outcome(Outcome::Race { .. })) => Symptom::Raced,
            (None, Ending::Outcome(outcome)) if is_blocked(outcome) => Symptom::Blocked,
            (None, Ending::Outcome(Outcome::Final(_))) => Symptom::Values,
            (None, Ending::Raced(_)) => Symptom::RacedInside,
            (None, Ending::Panicked { .. }) => Symptom::Panicked,
            (None, Ending::Endless | Ending::Truncated(_)) => Symptom::Endless,
        }
    }

    /// Lets the checker say what is wrong.
    fn blame(&mut self, found: check::Violation) {
        (self.at, self.clause) = (found.at, found.clause);
        (self.sentence, self.allowed, self.seen) = (found.sentence, found.allowed, found.seen);
    }
}

impl<S: Spec> Findings<S> {
    fn new() -> Self {
        Findings {
            executions: 0,
            endless: 0,
            truncated: (0, None),
            outcomes: BTreeMap::new(),
            weak: BTreeSet::new(),
            weak_compared: true,
            histories: 0,
            fingerprints: Vec::new(),
            rules: BTreeMap::new(),
            violation: None,
            unjudged: None,
            census: None,
            account: None,
            left: None,
            complete: false,
            stopped: None,
            broken: None,
            refused: None,
        }
    }

    /// The outcomes seen compared with those that the spec allows.
    pub fn relation(&self, target: &Target<S>) -> Relation {
        let allowed = &target.allowed.outcomes;
        if self.violation.is_some() {
            Relation::Wider
        } else if allowed.keys().all(|outcome| self.outcomes.contains_key(outcome)) {
            Relation::Equal
        } else {
            Relation::Narrower
        }
    }
}

/// How a subject runs under one of the three platforms; see [`on_loom`], [`on_shuttle`] and [`on_threads`].
pub type Driver<S> = fn(&Arc<Job<S>>) -> Findings<S>;

/// What to run.
#[derive(Debug)]
pub struct Job<S: Spec> {
    /// The program and what it may come to.
    pub target: Arc<Target<S>>,
    /// The engine.
    pub engine: Engine,
    /// What is judged. loom can judge outcomes only.
    pub mode: Mode,
    /// How far to look.
    pub budget: Budget,
    /// Outcomes beyond sequential consistency that the reference subject reached under this engine. `None` where it is
    /// not known which there are: whatever the program's own atomics could explain is then let pass.
    pub weak: Option<BTreeSet<Outcome>>,
    /// The variant of the subject to make.
    pub variant: Variant,
    /// A schedule to follow instead of searching; see [`Violation::schedule`].
    pub replay: Option<String>,
    /// Which violation to look for.
    pub goal: Goal,
    /// For the exhaustive engine: where its search begins, and which part of it is wanted.
    pub scope: exhaustive::Scope,
}

/// Runs subject `X` under loom.
pub fn on_loom<S: Spec, X: Subject<S, Platform = Loom>>(job: &Arc<Job<S>>) -> Findings<S> {
    let observer = Observer::new(job.clone());
    if let Err(reason) = X::supports(&job.target.spec, &job.target.program) {
        return observer.refuse(reason);
    }
    let mut bounds = job.bounds::<X>(1);
    (bounds.profile.spurious_budget, bounds.profile.steal_retries) = (0, 0);
    if X::CHOOSES && job.target.program.threads.len() <= loom::MAX_ACTORS_WITH_CHOICES {
        bounds.choice_bits = CHOICE_BITS;
    }
    let run = loom::explore(&bounds, observer.body::<X>(|number| Some(format!("execution={number}"))));
    observer.finish(Search::of(&run))
}

/// Runs subject `X` under the engines that stand on shuttle: the exhaustive one, depth-first search, and those that draw.
pub fn on_shuttle<S: Spec, X: Subject<S, Platform = Shuttle>>(job: &Arc<Job<S>>) -> Findings<S> {
    let observer = Observer::new(job.clone());
    if let Err(reason) = X::supports(&job.target.spec, &job.target.program) {
        return observer.refuse(reason);
    }
    let seed = job.budget.seed;
    let pct = SchedulerKind::Pct { seed, depth: job.budget.pct_depth };
    let (schedulers, share): (Vec<SchedulerKind>, u64) = match job.engine {
        _ if job.replay.is_some() => match job.replay.as_deref().unwrap_or_default().parse() {
            Ok(schedule) => (vec![SchedulerKind::Replay(schedule)], 1),
            Err(error) => return observer.refuse(format!("the schedule cannot be read: {error}")),
        },
        Engine::Dfs | Engine::Exhaustive => (vec![SchedulerKind::Dfs], 1),
        Engine::Random => (vec![SchedulerKind::Random { seed }], 1),
        Engine::Pct => (vec![pct], 1),
        Engine::Urw => (vec![SchedulerKind::Urw { seed }], 1),
        Engine::Pos => (vec![SchedulerKind::Pos { seed }], 1),
        _ => (vec![SchedulerKind::Random { seed }, pct, SchedulerKind::Urw { seed }, SchedulerKind::Pos { seed }], 4),
    };
    let bounds = job.bounds::<X>(share);
    let body = || observer.body::<X>(|_| Some(shuttle::recorded().to_string()));
    if job.engine == Engine::Exhaustive && job.replay.is_none() {
        let options = exhaustive::Options { part: job.scope.part, ..exhaustive::Options::default() };
        let explored = exhaustive::explore_classes(&bounds, options, job.scope.from.clone(), body(), |_| ());
        let is_over = observer.is_over();
        let findings = observer.finish(Search::of(&explored.run));
        let left = explored.left.filter(|_| !is_over && findings.broken.is_none());
        return Findings { account: Some(explored.account), left, ..findings };
    }
    let mut search = Search { complete: true, stopped: None, broken: None };
    let mut census = None;
    let trace = Trace::default();
    for scheduler in schedulers {
        let run = match scheduler {
            SchedulerKind::Replay(_) if job.mode == Mode::Histories => {
                let strategy = Tracing::new(shuttle::strategy(scheduler, &bounds), trace.clone());
                shuttle::explore_with(Box::new(strategy), &bounds, body())
            }
            SchedulerKind::Dfs | SchedulerKind::Replay(_) => shuttle::explore(scheduler, &bounds, body()),
            drawn => {
                let (run, counted) = census::explore(drawn, &bounds, body());
                census.get_or_insert_with(Census::default).add(counted);
                run
            }
        };
        search = Search::of(&run);
        if observer.is_over() || search.stopped.is_some() {
            break;
        }
    }
    let mut findings = observer.finish(search);
    if let Some(violation) = &mut findings.violation {
        violation.interruptions = std::mem::take(&mut *trace.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Findings { census, ..findings }
}

/// Runs subject `X` under a strategy of the caller's, for as many executions as that asks for. The engine and the schedule
/// that the job names do not matter.
pub fn on_shuttle_with<S: Spec, X: Subject<S, Platform = Shuttle>>(
    job: &Arc<Job<S>>,
    strategy: Box<dyn Strategy + Send>,
) -> Findings<S> {
    let observer = Observer::new(job.clone());
    if let Err(reason) = X::supports(&job.target.spec, &job.target.program) {
        return observer.refuse(reason);
    }
    let body = observer.body::<X>(|_| Some(shuttle::recorded().to_string()));
    let run = shuttle::explore_with(strategy, &job.bounds::<X>(1), body);
    observer.finish(Search::of(&run))
}

/// Runs subject `X` on real threads.
///
/// Nothing controls the schedule: each execution starts its threads together, lets each pause now and then by
/// [`Jitter`], and sees what happens. A schedule cannot be replayed, and a thread counts as blocked when every thread left
/// has been asleep without progress for [`selvedge::platform::QUIET`]. That takes its time, so that such an execution is
/// counted as [`BLOCKED_COST`]; and because a slow machine can look like that, a blocked end that the spec does not allow
/// counts only if it happens twice. Until then as many executions again are made, and if it stays alone the search proves
/// nothing. What was returned until then is judged in any case.
pub fn on_threads<S: Spec, X: Subject<S, Platform = Std>>(job: &Arc<Job<S>>) -> Findings<S> {
    let observer = Observer::new(job.clone());
    if let Err(reason) = X::supports(&job.target.spec, &job.target.program) {
        return observer.refuse(reason);
    }
    let started = Std::now();
    let (mut stopped, mut spent) = (None, 0);
    for number in 0.. {
        let granted = if observer.seen().suspect.is_some() { 2 } else { 1 } * job.budget.executions;
        if spent >= granted {
            break;
        }
        if Std::now() - started > job.budget.duration {
            stopped = Some(format!("{:?} were over", job.budget.duration));
            break;
        }
        let jitter = Jitter::new(job.budget.seed, number);
        let Job { target, variant, mode, .. } = &**job;
        let execution = execute_in::<S, X>(Vec::new(), &target.spec, &target.program, *variant, *mode, Some(jitter));
        let ends_blocked =
            matches!(&execution, Ok(Execution { ending: Ending::Outcome(outcome), .. }) if is_blocked(outcome));
        spent += if ends_blocked { BLOCKED_COST } else { 1 };
        if observer.observe(execution.map(comparable::<S, X>), || None) {
            break;
        }
    }
    observer.finish(Search { complete: false, stopped, broken: None })
}

/// As how many executions one counts, on real threads, that ends with somebody blocked.
pub const BLOCKED_COST: u64 = 20;

/// The execution without a state that must not be compared.
fn comparable<S: Spec, X: Subject<S>>(mut execution: Execution<S>) -> Execution<S> {
    if !X::SHOWS_STATE {
        execution.observed.clear();
    }
    execution
}

/// How an engine is told that it need not look further.
const OVER: &str = "the search is over";

/// The binary choices that a subject which chooses may make in one execution under loom.
const CHOICE_BITS: u32 = 6;

impl<S: Spec> Job<S> {
    /// The bounds of one of `share` searches with subject `X`.
    fn bounds<X: Subject<S>>(&self, share: u64) -> Bounds {
        let timeouts = if self.target.timeouts_are_free() { Timeouts::Free } else { Timeouts::Clocked };
        Bounds {
            preemptions: self.budget.preemptions,
            max_executions: Some(self.budget.executions.div_ceil(share)),
            max_duration: Some(self.budget.duration),
            foreign: X::FOREIGN,
            profile: Profile {
                timeouts,
                spurious_budget: self.budget.spurious_wakeups,
                steal_retries: self.budget.spurious_wakeups,
                spawn_failures: 0,
            },
            ..Bounds::default()
        }
    }
}

impl Search {
    fn of(run: &Run) -> Self {
        let broken = match &run.failure {
            Some(Failure::Panic(message)) if message == OVER => None,
            failure => failure.as_ref().map(|failure| {
                let is_foreign = match failure {
                    Failure::Unpublished(_) => true,
                    Failure::Panic(message) => message.starts_with("deadlock"),
                    _ => false,
                };
                let hint =
                    if is_foreign { "; code on the engine's own types says so with `Subject::FOREIGN`" } else { "" };
                format!("{failure}{hint}")
            }),
        };
        let stopped = match (&run.failure, run.stopped) {
            (Some(_), _) => broken.clone(),
            (None, Some(_)) if !run.exhaustive => None,
            (None, Some(stop)) => Some(
                match stop {
                    Stop::Executions => "the executions granted were used up",
                    Stop::Duration => "the time granted was over",
                    Stop::Branches => "an execution took more steps than are granted",
                    Stop::Truncated => "an execution made more choices than are granted",
                }
                .to_owned(),
            ),
            (None, None) => None,
        };
        Search { complete: run.complete, stopped, broken }
    }
}

/// How a search ended.
struct Search {
    complete: bool,
    /// Why it is not, if a limit or a failure of the run is the reason.
    stopped: Option<String>,
    /// The failure, if one is.
    broken: Option<String>,
}

/// Sees every execution of a job.
struct Observer<S: Spec> {
    job: Arc<Job<S>>,
    seen: Mutex<Seen<S>>,
}

struct Seen<S: Spec> {
    findings: Findings<S>,
    judge: Judge<S>,
    /// On real threads: a rest that the spec does not allow, seen once.
    suspect: Option<Outcome>,
    over: bool,
    /// The memory of the last history.
    events: Vec<EventOf<S>>,
}

impl<S: Spec> Observer<S> {
    fn new(job: Arc<Job<S>>) -> Arc<Self> {
        let target = &job.target;
        let initial = target.spec.initial(&target.program.initial).expect("the explorer started from it");
        let names = target.program.threads.iter().map(|thread| thread.name.as_str());
        let checker = Checker::new(target.spec.clone(), initial).thread_names(names);
        let judge = match job.engine {
            // The order in which loom's threads are recorded means nothing.
            Engine::Loom => Judge::unordered(checker),
            _ => Judge::new(checker),
        };
        let seen = Seen { findings: Findings::new(), judge, suspect: None, over: false, events: Vec::new() };
        Arc::new(Observer { job, seen: Mutex::new(seen) })
    }

    /// What an engine repeats: one execution, observed. Once the search is over it panics with [`OVER`], which is how
    /// an engine is told to stop.
    fn body<X: Subject<S>>(
        self: &Arc<Self>,
        schedule: impl Fn(u64) -> Option<String> + Send + Sync + 'static,
    ) -> impl Fn() + Send + Sync + 'static {
        let observer = self.clone();
        move || {
            let job = &observer.job;
            let events = std::mem::take(&mut observer.seen().events);
            let execution =
                execute_in::<S, X>(events, &job.target.spec, &job.target.program, job.variant, job.mode, None);
            let execution = execution.map(comparable::<S, X>);
            if exhaustive::is_pruned() {
                return;
            }
            let number = observer.seen().findings.executions + 1;
            if observer.observe(execution, || schedule(number)) {
                panic!("{OVER}");
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen<S>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.seen().over
    }

    /// Takes in one execution. Returns whether the search has found what it was looking for.
    fn observe(&self, execution: Result<Execution<S>, String>, schedule: impl FnOnce() -> Option<String>) -> bool {
        let mut seen = self.seen();
        let seen = &mut *seen;
        seen.findings.executions += 1;
        let mut execution = match execution {
            Ok(execution) => execution,
            Err(reason) => {
                seen.findings.refused = Some(reason);
                seen.over = true;
                return true;
            }
        };
        let violation = self.judge(seen, &execution);
        execution.history.events.clear();
        seen.events = execution.history.events;
        let Some(mut violation) = violation else { return seen.over };
        let is_wanted = match self.job.goal {
            Goal::First => true,
            Goal::FirstOf(symptom) | Goal::SimplestOf(symptom) => violation.symptom() == symptom,
            Goal::At(number) => violation.number == number,
        };
        if is_wanted {
            violation.schedule = schedule();
            seen.over = !matches!(self.job.goal, Goal::SimplestOf(_));
            let known = seen.findings.violation.as_ref();
            if known.is_none_or(|known| Simplicity::of(&violation) < Simplicity::of(known)) {
                seen.findings.violation = Some(violation);
            }
        }
        seen.over
    }

    fn judge(&self, seen: &mut Seen<S>, execution: &Execution<S>) -> Option<Violation<S>> {
        let job = &self.job;
        let violation = |sentence: String, saw: String| Violation {
            execution: execution.clone(),
            number: seen.findings.executions,
            at: At::End,
            clause: None,
            sentence,
            allowed: Vec::new(),
            seen: saw,
            schedule: None,
            interruptions: Vec::new(),
        };
        let outcome = match &execution.ending {
            Ending::Outcome(outcome) => &*self.named(outcome, &mut seen.judge, &execution.history),
            Ending::Endless => {
                seen.findings.endless += 1;
                return match seen.judge.judge(&execution.history) {
                    Judgement::Violation(found) => {
                        let mut violation = violation(String::new(), String::new());
                        violation.blame(found.clone());
                        Some(violation)
                    }
                    _ => None,
                };
            }
            Ending::Truncated(reason) => {
                seen.findings.truncated.0 += 1;
                seen.findings.truncated.1 = Some(reason.clone());
                return None;
            }
            Ending::Raced(race) => return Some(violation(format!("inside the subject: {race}"), race.clone())),
            Ending::Panicked { thread, message } => {
                // Beyond the program's threads are those that accompany it.
                let thread = job.target.program.threads.get(*thread).map_or("a companion", |thread| &thread.name);
                return Some(violation(format!("{thread} panicked: {message}"), message.clone()));
            }
        };
        // After a race of the program's own, nothing that happens means anything.
        let anything_goes = job.target.is_racy();
        let is_allowed = job.target.allowed.outcomes.contains_key(outcome) || anything_goes;
        let is_weak = !is_allowed
            && match &job.weak {
                Some(weak) => weak.contains(outcome),
                None => job.target.has_weak_atomics() && matches!(outcome, Outcome::Final(_)),
            };
        match seen.findings.outcomes.get_mut(outcome) {
            Some(times) => *times += 1,
            None => drop(seen.findings.outcomes.insert(outcome.clone(), 1)),
        }
        if is_weak {
            // The operations must still be explicable, whatever the variables did.
            if let Judgement::Violation(found) = seen.judge.judge(&execution.history) {
                let mut violation = violation(String::new(), String::new());
                violation.blame(found.clone());
                return Some(violation);
            }
            seen.findings.weak.insert(outcome.clone());
            return None;
        }
        if !is_allowed {
            if job.engine == Engine::Threads && is_blocked(outcome) {
                // Only that nobody goes on needs to be seen twice; what was returned is so.
                let until_then = History { events: execution.history.events.clone(), close: Close::Cut };
                if let Judgement::Violation(found) = seen.judge.judge(&until_then) {
                    let mut violation = violation(String::new(), String::new());
                    violation.blame(found.clone());
                    return Some(violation);
                }
                seen.suspect.replace(outcome.clone())?;
            }
            let mut violation = violation(
                format!(
                    "the outcome is none of the {} that the spec allows: {}",
                    job.target.allowed.outcomes.len(),
                    explore::describe(&job.target.program, outcome)
                ),
                explore::describe(&job.target.program, outcome),
            );
            if let (Outcome::Race { .. }, Some(clause)) = (outcome, S::happens_before()) {
                violation.clause = Some(clause);
                violation.sentence.push_str(&format!(" ({})", check::quoted::<S>(clause)));
            }
            violation.allowed = job
                .target
                .allowed
                .outcomes
                .keys()
                .take(8)
                .map(|outcome| explore::describe(&job.target.program, outcome))
                .collect();
            if let Judgement::Violation(found) = seen.judge.judge(&execution.history) {
                violation.blame(found.clone());
            }
            return Some(violation);
        }
        if matches!(outcome, Outcome::Race { .. }) {
            return None;
        }
        match seen.judge.judge(&execution.history) {
            Judgement::Allowed(_) if anything_goes => None,
            Judgement::Allowed(_) => {
                let wrong = self.wrong_state(outcome, &execution.observed)?;
                Some(violation(
                    format!("the outcome is allowed, but not in the state that the subject shows: {wrong}"),
                    wrong,
                ))
            }
            Judgement::Inconclusive { reason } => {
                seen.findings.unjudged = Some(reason.clone());
                None
            }
            Judgement::Malformed(disordered) => {
                seen.findings.unjudged = Some(disordered.to_string());
                None
            }
            Judgement::Violation(found) => {
                let found = found.clone();
                if job.engine == Engine::Threads
                    && found.at == At::End
                    && seen.suspect.replace(outcome.clone()).is_none()
                {
                    return None;
                }
                let mut violation = violation(String::new(), String::new());
                violation.blame(found);
                Some(violation)
            }
        }
    }

    /// What of the state that the subject shows in the end no state of the spec with this outcome has.
    fn wrong_state(&self, outcome: &Outcome, observed: &Observed) -> Option<String> {
        // What weak memory did to the variables of a program may have changed what it did to the subject, with the same outcome.
        if matches!(self.job.engine, Engine::Loom | Engine::Threads) && self.job.target.has_weak_atomics() {
            return None;
        }
        let differing = |allowed: &Observed| -> Vec<String> {
            let differs = |(name, value): (&String, &i64)| {
                let expected = allowed.get(name).filter(|expected| *expected != value)?;
                Some(format!("{name} is {value} and not {expected}"))
            };
            observed.iter().filter_map(differs).collect()
        };
        let nearest = self.job.target.allowed.outcomes.get(outcome)?.iter().map(differing).min_by_key(Vec::len)?;
        (!nearest.is_empty()).then(|| nearest.join(", "))
    }

    /// A subject that dies says why in its own words; the clause is the spec's: the one that demands it of this history, or, if none
    /// does, one by which the thread may die in other executions.
    fn named<'a>(&'a self, outcome: &'a Outcome, judge: &mut Judge<S>, history: &HistoryOf<S>) -> Cow<'a, Outcome> {
        let Outcome::Abort { thread: died, .. } = outcome else {
            return Cow::Borrowed(outcome);
        };
        if let Judgement::Allowed(Allowed { aborted: Some(clause), .. }) = judge.peek(history) {
            return Cow::Owned(Outcome::Abort { thread: *died, clause: (*clause).to_owned() });
        }
        let allowed = self.job.target.allowed.outcomes.keys();
        let same =
            allowed.into_iter().find(|allowed| matches!(allowed, Outcome::Abort { thread, .. } if thread == died));
        Cow::Borrowed(same.unwrap_or(outcome))
    }

    fn refuse(&self, reason: String) -> Findings<S> {
        self.seen().findings.refused = Some(reason);
        self.finish(Search { complete: false, stopped: None, broken: None })
    }

    fn finish(&self, search: Search) -> Findings<S> {
        let mut seen = self.seen();
        let mut findings = std::mem::replace(&mut seen.findings, Findings::new());
        findings.histories = seen.judge.judged().len() as u64;
        let certain = seen.judge.certain().into_iter();
        findings.fingerprints = seen.judge.fingerprints();
        findings.rules = certain.map(|(id, count)| (rule::<S>(id).name, count)).collect();
        findings.weak_compared = self.job.weak.is_some();
        findings.complete = search.complete && !seen.over;
        findings.stopped = search.stopped;
        findings.broken = search.broken;
        if let (Some(suspect), None) = (&seen.suspect, &findings.violation) {
            findings.unjudged = Some(format!(
                "one of {} executions came to rest as the spec does not allow, and none of the others: {}",
                findings.executions,
                explore::describe(&self.job.target.program, suspect)
            ));
        }
        findings
    }
}

fn is_blocked(outcome: &Outcome) -> bool {
    use crate::litmus::ThreadEnd::Blocked;
    matches!(outcome, Outcome::Final(ended) if ended.threads.iter().any(|end| matches!(end, Blocked(_))))
}
