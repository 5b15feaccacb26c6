//! Running one target under one engine: which engine stands in for one that cannot finish, in which mode, and with how many
//! preemptions.

use std::collections::BTreeSet;
use std::time::Instant;

use selvedge::platform::{Arc, Loom, loom};
use selvedge_model::Spec;

use super::Options;
use super::system::Drivers;
use crate::conformance::{Driver, Findings, Goal, Job, Target};
use crate::engine::{Budget, Engine};
use crate::evidence::Mode;
use crate::litmus;
use crate::shrink::{self, Failure, Shrunk};
use crate::subject::reference::Reference;

/// What an engine made of a target.
pub(super) struct Run<S: Spec> {
    /// The subject's name.
    pub subject: &'static str,
    pub findings: Findings<S>,
    /// The engine that found it: not always the one that was asked for.
    pub engine: Engine,
    pub mode: Mode,
    pub budget: Budget,
    /// How far the engine came that was asked for, if another one ran in its place.
    pub cut: Option<String>,
    /// What passed without spurious wakeups, if it failed with them.
    pub luckless: Option<Luckless>,
}

/// A search in which no thread woke without a reason, and nothing failed.
pub(super) struct Luckless {
    pub executions: u64,
    /// Whether these are all there are, but for equivalent ones.
    pub complete: bool,
}

/// Runs a target under an engine; `None` if the subject does not stand on the engine's platform.
///
/// The engines that enumerate are run with no preemption first, then one, and so on up to the budget's bound: what they
/// find, they find with the fewest preemptions, and when executions run out the bound that was finished is a result.
pub(super) fn run<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    options: &Options,
    budget: Budget,
) -> Option<Run<S>> {
    run_beside(target, drivers, engine, None, budget, || weak_outcomes(target, options))
}

/// Like [`run`], in a certain mode if one is wanted, and beside the weak outcomes that `weak_outcomes` names, if the engine
/// and the program have such.
pub(super) fn run_beside<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    wanted: Option<Mode>,
    budget: Budget,
    weak_outcomes: impl FnOnce() -> Option<BTreeSet<litmus::Outcome>>,
) -> Option<Run<S>> {
    let driver = drivers.of(engine)?;
    let mode = wanted.or(modes_of(engine).last().copied()).unwrap_or(Mode::Outcomes);
    let weak = match engine {
        Engine::Loom if target.has_weak_atomics() => weak_outcomes(),
        _ => Some(Default::default()),
    };
    let job = |engine: Engine, mode: Mode, budget: &Budget| {
        Arc::new(Job {
            target: target.clone(),
            engine,
            mode,
            budget: budget.clone(),
            weak: weak.clone(),
            variant: drivers.variant,
            replay: None,
            goal: Goal::First,
            scope: Default::default(),
        })
    };
    if engine == Engine::Exhaustive && wanted.is_none() {
        return Some(run_exhaustively(job, driver, drivers.subject, &budget));
    }
    let Some(bound) = budget.preemptions.filter(|_| matches!(engine, Engine::Loom | Engine::Dfs)) else {
        return Some(Run {
            subject: drivers.subject,
            findings: driver(&job(engine, mode, &budget)),
            engine,
            mode,
            budget,
            cut: None,
            luckless: None,
        });
    };
    let search = |left: &Budget| driver(&job(engine, mode, left));
    Some(run_bounded(search, drivers.subject, engine, mode, &budget, bound))
}

/// What came of running again where threads may wake without a reason.
pub(super) enum Luck<S: Spec> {
    /// It is told instead: something failed, or broke the search.
    Decides(Run<S>),
    /// Nothing failed, as far as that was looked for.
    Passes(Run<S>),
}

/// Runs again, where nothing failed, with threads that may wake without a reason.
pub(super) fn run_with_luck<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    options: &Options,
    budget: &Budget,
) -> Option<Luck<S>> {
    let lucky = Budget { spurious_wakeups: 1, ..budget.clone() };
    let run_again = run(target, drivers, engine, options, lucky)?;
    if run_again.findings.broken.is_some() {
        return Some(Luck::Decides(run_again));
    }
    if run_again.findings.violation.is_none() {
        return Some(Luck::Passes(run_again));
    }
    // Drawing proves nothing: whether it fails without luck is the exhaustive engine's to say.
    let budget = options.profile.budget(Engine::Exhaustive, options.seed);
    let without = run_beside(target, drivers, Engine::Exhaustive, Some(run_again.mode), budget, || None)?;
    if without.findings.violation.is_some() {
        return Some(Luck::Decides(without));
    }
    let (executions, complete) = (without.findings.executions, without.findings.complete);
    Some(Luck::Decides(Run { luckless: Some(Luckless { executions, complete }), ..run_again }))
}

/// Runs with no preemption first, then one, and so on. All bounds share the executions and the time granted.
fn run_bounded<S: Spec>(
    search: impl Fn(&Budget) -> Findings<S>,
    subject: &'static str,
    engine: Engine,
    mode: Mode,
    budget: &Budget,
    bound: usize,
) -> Run<S> {
    let started = Instant::now();
    let mut left = budget.clone();
    let mut best: Option<Run<S>> = None;
    let mut executions = 0;
    for preemptions in 0..=bound {
        left.preemptions = Some(preemptions);
        left.executions = budget.executions - executions;
        left.duration = budget.duration.saturating_sub(started.elapsed());
        if let (true, Some(best)) = (left.executions == 0 || left.duration.is_zero(), &mut best) {
            let granted = if left.executions == 0 { "executions" } else { "time" };
            best.cut = Some(format!("for more preemptions none of the {granted} granted was left"));
            break;
        }
        let findings = search(&left);
        executions += findings.executions;
        // What breaks a search is told, whatever was found with fewer preemptions.
        let is_over = findings.violation.is_some() || findings.refused.is_some() || findings.broken.is_some();
        let finished = findings.complete;
        if let (false, false, Some(best)) = (finished, is_over, &mut best) {
            let more = findings.executions;
            let when = findings.stopped.as_deref().unwrap_or("it stopped");
            best.cut = Some(format!("{more} more with {preemptions} preemptions and less, when {when}"));
            // They were judged, too.
            for (outcome, times) in &findings.outcomes {
                *best.findings.outcomes.entry(outcome.clone()).or_default() += times;
            }
            best.findings.weak.extend(findings.weak.iter().cloned());
        }
        if finished || is_over || best.is_none() {
            best = Some(Run { subject, findings, engine, mode, budget: left.clone(), cut: None, luckless: None });
        }
        if is_over || !finished {
            break;
        }
    }
    best.expect("no preemption at all is a bound too")
}

/// Runs exhaustively, as far as the executions granted suffice: all outcomes, and all histories if there are not too
/// many. Where there are too many outcomes already, every schedule of few preemptions is looked at instead: a bound that
/// was finished is a result.
fn run_exhaustively<S: Spec>(
    job: impl Fn(Engine, Mode, &Budget) -> Arc<Job<S>>,
    driver: Driver<S>,
    subject: &'static str,
    budget: &Budget,
) -> Run<S> {
    let exhaustively = |mode| Run {
        subject,
        findings: driver(&job(Engine::Exhaustive, mode, budget)),
        engine: Engine::Exhaustive,
        mode,
        budget: budget.clone(),
        cut: None,
        luckless: None,
    };
    let is_decided = |run: &Run<S>| {
        let findings = &run.findings;
        findings.complete || findings.violation.is_some() || findings.refused.is_some() || findings.broken.is_some()
    };
    let outcomes = exhaustively(Mode::Outcomes);
    if is_decided(&outcomes) {
        if outcomes.findings.refused.is_some() || outcomes.findings.broken.is_some() {
            return outcomes;
        }
        // In histories mode a violation is told in the order in which things happened.
        let histories = exhaustively(Mode::Histories);
        let violates = |run: &Run<S>| run.findings.violation.is_some();
        let is_better = is_decided(&histories) && (violates(&histories) || !violates(&outcomes));
        return if is_better { histories } else { outcomes };
    }
    // More outcomes than executions: the schedules of few preemptions, in histories mode.
    let bound = budget.preemptions.unwrap_or(PREEMPTIONS_INSTEAD);
    let search = |left: &Budget| driver(&job(Engine::Dfs, Mode::Histories, left));
    let mut bounded = run_bounded(search, subject, Engine::Dfs, Mode::Histories, budget, bound);
    if !is_decided(&bounded) {
        return outcomes;
    }
    let account = outcomes.findings.account.unwrap_or_default();
    let further = bounded.cut.map(|cut| format!("{cut}; ")).unwrap_or_default();
    bounded.cut = Some(format!(
        "{further}the exhaustive search was cut after {} executions, about {} of all",
        account.complete + account.blocked,
        percent(account.share_done)
    ));
    bounded
}

/// The preemptions that are looked at where an exhaustive search would take too long.
const PREEMPTIONS_INSTEAD: usize = 2;

/// A share for people: the small ones not as nothing, the large ones not as everything.
fn percent(share: f64) -> String {
    match share * 100.0 {
        small if small < 0.01 => "less than 0.01%".to_owned(),
        large if large > 99.0 => "99%".to_owned(),
        percent => format!("{percent:.2}%"),
    }
}

/// The outcomes beyond sequential consistency that the program's own atomics allow: those that the reference subject
/// reaches under loom and the explorer does not. `None` if loom has no room for the reference subject.
pub(super) fn weak_outcomes<S: Spec>(target: &Arc<Target<S>>, options: &Options) -> Option<BTreeSet<litmus::Outcome>> {
    if incapable(target, Engine::Loom, true).is_some() {
        return None;
    }
    let budget = options.profile.budget(Engine::Loom, options.seed);
    let reached = crate::conformance::reach::<S, Reference<S, Loom>>(target, &budget);
    Some(reached.into_iter().filter(|outcome| !target.allowed.outcomes.contains_key(outcome)).collect())
}

/// Why the engine cannot run the program, if it cannot.
pub(super) fn incapable<S: Spec>(target: &Target<S>, engine: Engine, chooses: bool) -> Option<String> {
    let threads = target.program.threads.len();
    match engine {
        Engine::Loom => {
            let chooses = chooses || target.timeouts_are_free();
            let limit = if chooses { loom::MAX_ACTORS_WITH_CHOICES } else { loom::MAX_ACTORS };
            (threads > limit).then(|| {
                let why = if chooses { ", one of its five being spent on choices" } else { "" };
                format!("{threads} threads, and loom has room for {limit}{why}")
            })
        }
        Engine::Threads if target.is_racy() => {
            Some("the program has a data race of its own: on real threads that is undefined behaviour".into())
        }
        _ => None,
    }
}

/// What an engine can judge, what it judges best last. The exhaustive one is relied on in both modes.
pub(super) fn modes_of(engine: Engine) -> &'static [Mode] {
    match engine {
        Engine::Loom => &[Mode::Outcomes],
        Engine::Exhaustive => &[Mode::Outcomes, Mode::Histories],
        _ => &[Mode::Histories],
    }
}

/// The failure that a run has found, made small. `None` where that cannot be done: what only weak memory shows, and what
/// real threads have done, happens under no engine that follows a schedule.
pub(super) fn shrunk<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    run: &Run<S>,
    options: &Options,
) -> Option<Shrunk<S>> {
    if matches!(engine, Engine::Loom | Engine::Threads) {
        return None;
    }
    let failure = Failure {
        target: target.clone(),
        driver: drivers.of(engine)?,
        variant: drivers.variant,
        mode: run.mode,
        symptom: run.findings.violation.as_ref()?.symptom(),
        spurious_wakeups: run.budget.spurious_wakeups,
    };
    shrink::shrink(&failure, &shrink::Effort::of(options.profile))
}
