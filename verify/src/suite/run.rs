//! Running the checks of one system, each kind in its way.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Instant;

use selvedge::platform::{Arc, Loom, Shuttle, Std};
use selvedge_model::{Semantics, Spec, Unknown};

use super::drive::{Luck, incapable, run, run_beside, run_with_luck, shrunk, weak_outcomes};
use super::legs::Leg;
use super::observe::observations;
use super::plan::planned_for_file;
use super::record::{self, Found};
use super::replay::Replay;
use super::system::{Drivers, Entry, NotPromised, Role};
use super::{AllowedOutcome, AnySystem, JudgedHistory, Look, Options, Outcomes, Planned, System};
use crate::check::{Checker, Judgement};
use crate::conformance::Target;
use crate::diagram;
use crate::engine::{Budget, Engine, Profile};
use crate::evidence::{Evidence, Expected, Kind, Mode, Verdict};
use crate::explore::{self, explore_watched, leanings_watched};
use crate::gaps::GapInfo;
use crate::history::jsonl;
use crate::info::{SystemInfo, spec_in_words};
use crate::litmus::corpus::CorpusFile;
use crate::litmus::{self, Diagnostics, Program};
use crate::parts::Identity;
use crate::subject::reference::Reference;

/// The name under which a spec runs as its own reference subject.
pub(super) const REFERENCE: &str = "reference";

/// The engines that a mutant is sent through, cheapest first, until one kills it.
const HUNTERS: [Engine; 3] = [Engine::Portfolio, Engine::Exhaustive, Engine::Loom];

/// How deep a planted bug is looked for, one after the other: what a short look at each program finds is not looked for at
/// length in those before it.
const fn depths(profile: Profile) -> &'static [Profile] {
    match profile {
        Profile::Quick => &[Profile::Quick],
        Profile::Full => &[Profile::Quick, Profile::Full],
    }
}

/// The executions that a peer gets at most in the quick profile.
const PEER_EXECUTIONS_QUICK: u64 = 1_000;

impl<S: Spec> AnySystem for System<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn info(&self) -> SystemInfo {
        SystemInfo { gaps: self.gaps.iter().map(GapInfo::from).collect(), ..SystemInfo::of::<S>() }
    }

    fn semantics(&self) -> &'static [Semantics] {
        S::semantics()
    }

    fn subjects(&self) -> Vec<&'static str> {
        std::iter::once(REFERENCE).chain(self.subjects.iter().map(|entry| entry.name)).collect()
    }

    fn plan(&self, options: &Options) -> Vec<Planned> {
        self.plan_checks(options)
    }

    fn plan_table(&self) -> Vec<Planned> {
        self.plan_outcomes()
    }

    fn run(&self, planned: &Planned, options: &Options) -> Evidence {
        let started = Instant::now();
        let found = self.find(planned, options).unwrap_or_else(Found::error);
        record::evidence(planned, options, found, started.elapsed())
    }

    fn outcomes(&self, file: &str, text: &str, states: usize, look: &mut Look<'_>) -> Result<Outcomes, Diagnostics> {
        let source = litmus::parse(file, text)?;
        let program = source.program::<S>()?;
        let refuse = |unknown: Unknown| source.refuse(&unknown);
        let spec = S::configure(&program.parameters).map_err(refuse)?;
        let limits = explore::Limits { states, ..explore::Limits::default() };
        let mut is_stopped = false;
        let mut look = |doing, met| {
            is_stopped |= look(doing, met).is_break();
            if is_stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let allowed = explore_watched(&spec, &program, &limits, &mut |met| look("exploring", met)).map_err(refuse)?;
        let target = Target::<S> { spec, program: Arc::new(program), allowed };
        let program = &target.program;
        let watch = &mut |met| look("looking for ways there", met);
        let wanted = target.allowed.outcomes.keys();
        let paths = explore::shortest_paths(&target.spec, program, states, watch, wanted).map_err(refuse)?;
        let outcomes = target
            .allowed
            .outcomes
            .keys()
            .map(|outcome| AllowedOutcome {
                outcome: explore::describe(program, outcome),
                path: paths.get(outcome).map(explore::Path::render).unwrap_or_default(),
            })
            .collect();
        let expectations = if target.allowed.complete {
            expectations(&target, &mut |met| look("exploring other semantics", met)).map_err(refuse)?
        } else {
            // What is too much under one semantics is not looked at under all.
            expectations(&target, &mut |_| ControlFlow::Break(())).map_err(refuse)?
        };
        let cut = match (is_stopped, target.allowed.complete) {
            (true, _) => Some("stopped".to_owned()),
            (false, false) => Some(format!("more than {states} states")),
            (false, true) => None,
        };
        Ok(Outcomes {
            program: program.name.clone(),
            spec: spec_in_words(&target.spec),
            outcomes,
            expectations,
            observations: observations(&target, states, None),
            states: target.allowed.states as u64,
            transitions: target.allowed.transitions,
            depth: target.allowed.depth as u64,
            complete: target.allowed.complete,
            cut,
            endless: target.allowed.endless.as_ref().map(explore::Path::render),
            rules: record::rules_by_name(&target.allowed),
        })
    }

    fn expectations(&self, file: &str, text: &str) -> Result<Vec<Expected>, Diagnostics> {
        let source = litmus::parse(file, text)?;
        let target = Target::<S>::new(source.program::<S>()?).map_err(|unknown| source.refuse(&unknown))?;
        expectations(&target, &mut |_| ControlFlow::Continue(())).map_err(|unknown| source.refuse(&unknown))
    }

    fn check_text(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        engine: Engine,
        options: &Options,
    ) -> Result<Evidence, Diagnostics> {
        let started = Instant::now();
        let program = litmus::parse(file, text)?.program::<S>()?;
        let mut planned = planned_for_file(file, subject, engine);
        planned.system = self.name.to_owned();
        let role = if subject == REFERENCE { Tested::Reference } else { Tested::Own };
        let mut found = self
            .drivers(subject)
            .and_then(|drivers| self.conform(program, &drivers, engine, options, role))
            .unwrap_or_else(Found::error);
        if engine == Engine::Exhaustive && found.verdict == Verdict::Pass && found.preemptions.is_some() {
            // Whoever asks for everything is told that it was not looked at.
            found.verdict = Verdict::Inconclusive;
            found.reason = format!("not everything could be looked at; {}", found.reason);
        }
        Ok(record::evidence(&planned, options, found, started.elapsed()))
    }

    fn identity(&self, file: &str, text: &str, subject: &str, mode: Mode) -> Result<Identity, Diagnostics> {
        let source = litmus::parse(file, text)?;
        let program = source.program::<S>()?;
        let spec = S::configure(&program.parameters).map_err(|unknown| source.refuse(&unknown))?;
        Ok(Identity::new(program.to_string(), spec_in_words(&spec), subject, mode))
    }

    fn leg(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        leg: &Leg,
        options: &Options,
    ) -> Result<Evidence, Diagnostics> {
        let started = Instant::now();
        let program = litmus::parse(file, text)?.program::<S>()?;
        let mut planned = planned_for_file(file, subject, Engine::Exhaustive);
        planned.system = self.name.to_owned();
        let found = self
            .drivers(subject)
            .and_then(|drivers| self.search(program, &drivers, subject, leg, options))
            .unwrap_or_else(Found::error);
        let mut evidence = record::evidence(&planned, options, found, started.elapsed());
        evidence.reproduce.push_str(&format!(" --mode {}", leg.mode.name()));
        if let Some(executions) = leg.executions {
            evidence.reproduce.push_str(&format!(" --executions {executions}"));
        }
        Ok(evidence)
    }

    fn replay(&self, evidence: &Evidence) -> Result<Replay, String> {
        Replay::run(self, evidence)
    }

    fn history(&self, file: &str, text: &str) -> Result<JudgedHistory, Diagnostics> {
        let recording = jsonl::read::<S>(file, text)?;
        let checker = Checker::new(recording.spec, recording.initial).thread_names(recording.header.threads);
        let (verdict, clause, sentence) = match checker.check(&recording.history) {
            Judgement::Allowed(allowed) => {
                let (events, at_most) = (recording.history.events.len(), allowed.configurations_max);
                let sentence = format!(
                    "the spec allows this history: {events} events, at most {at_most} configurations at one time"
                );
                (Verdict::Pass, None, sentence)
            }
            Judgement::Violation(violation) => (Verdict::Fail, violation.clause, violation.sentence),
            Judgement::Inconclusive { reason } => (Verdict::Inconclusive, None, reason),
            // The reader has seen to it that the events are in order.
            Judgement::Malformed(disordered) => (Verdict::Error, None, disordered.to_string()),
        };
        Ok(JudgedHistory { history: file.to_owned(), verdict, clause, sentence })
    }
}

impl<S: Spec> System<S> {
    fn find(&self, planned: &Planned, options: &Options) -> Result<Found, String> {
        let engine = || planned.engine.parse::<Engine>();
        let subject = planned.subject.as_deref().unwrap_or_default();
        match planned.kind {
            Kind::Spec => self.judge_spec(planned),
            Kind::Reference => {
                let mut budget = options.profile.budget(engine()?, options.seed);
                if options.profile == Profile::Quick {
                    budget.executions = budget.executions.min(self.reference_executions_quick);
                }
                let program = self.program(planned)?;
                self.conform_within(program, &reference_drivers(), engine()?, options, budget, Tested::Reference)
            }
            Kind::Conformance => {
                self.conform(self.program(planned)?, &self.drivers(subject)?, engine()?, options, Tested::Own)
            }
            Kind::Peer => self.survey(self.program(planned)?, self.entry(subject)?, engine()?, options),
            Kind::Canary => self.sing(self.entry(subject)?, engine()?, planned.mode, options),
            Kind::Mutant if planned.engine == "explorer" => self.hunt_program_mutant(subject),
            Kind::Mutant => self.hunt(self.entry(subject)?, options),
            Kind::Generated => self.generated(&self.drivers(subject)?, engine()?, options),
            Kind::Oracle | Kind::Fuzz => Err(format!("{} does not run over a system", planned.id)),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry<S>, String> {
        self.subjects
            .iter()
            .find(|entry| entry.name == name)
            .ok_or_else(|| format!("{} has no subject `{name}`; it has {}", self.name, self.subjects().join(", ")))
    }

    /// How a subject runs, the reference subject included.
    pub(super) fn drivers(&self, name: &str) -> Result<Drivers<S>, String> {
        if name == REFERENCE { Ok(reference_drivers()) } else { self.entry(name).map(|entry| entry.drivers) }
    }

    pub(super) fn program(&self, planned: &Planned) -> Result<Program<S::Op>, String> {
        let file = self.file(planned)?;
        self.parse(file.name, file.text)
    }

    fn file(&self, planned: &Planned) -> Result<&'static CorpusFile, String> {
        let name = planned.program.as_deref().ok_or("the check names no program")?;
        let file = self.corpus.iter().find(|file| file.name == name);
        file.ok_or_else(|| format!("the corpus of {} has no program `{name}`", self.name))
    }

    fn parse(&self, name: &str, text: &str) -> Result<Program<S::Op>, String> {
        litmus::parse(name, text)
            .and_then(|source| source.program::<S>())
            .map_err(|diagnostics| diagnostics.to_string())
    }

    fn corpus_targets(&self) -> impl Iterator<Item = Result<Arc<Target<S>>, String>> {
        self.corpus.iter().map(|file| {
            let program = self.parse(file.name, file.text)?;
            Target::new(program).map(Arc::new).map_err(|unknown| unknown.message)
        })
    }

    /// The program's expectations against everything that its spec allows, what its author has observed there, and the
    /// spec's state graphs.
    fn judge_spec(&self, planned: &Planned) -> Result<Found, String> {
        let target = Target::<S>::new(self.program(planned)?).map_err(|unknown| unknown.message)?;
        let expectations =
            expectations(&target, &mut |_| ControlFlow::Continue(())).map_err(|unknown| unknown.message)?;
        let mut found = record::spec(&target, expectations);
        let command = self.file(planned)?.path().map(|path| format!("cargo run --release -- outcomes {path}"));
        found.observations = observations(&target, explore::Limits::default().states, command.as_deref());
        found.graphs = diagram::of_program::<S>(&target.program).map_err(|unknown| unknown.message)?;
        Ok(found)
    }

    /// A subject must do only what the spec allows; for the reference subject it is counted how much of that it did.
    fn conform(
        &self,
        program: Program<S::Op>,
        drivers: &Drivers<S>,
        engine: Engine,
        options: &Options,
        role: Tested,
    ) -> Result<Found, String> {
        let budget = options.profile.budget(engine, options.seed);
        self.conform_within(program, drivers, engine, options, budget, role)
    }

    fn conform_within(
        &self,
        program: Program<S::Op>,
        drivers: &Drivers<S>,
        engine: Engine,
        options: &Options,
        budget: Budget,
        role: Tested,
    ) -> Result<Found, String> {
        let target = Arc::new(Target::<S>::new(program).map_err(|unknown| unknown.message)?);
        if let Some(reason) = incapable(&target, engine, role == Tested::Reference) {
            return Ok(Found::skipped(&reason));
        }
        let unbounded = (role == Tested::Reference).then(|| Budget { preemptions: None, ..budget.clone() });
        let Some(mut run) = run(&target, drivers, engine, options, budget.clone()) else {
            return Ok(Found::skipped(&format!("the subject does not stand on a platform that {engine} drives")));
        };
        if let (Engine::Loom, true, Some(unbounded)) = (engine, run.findings.complete, unbounded)
            && let Some(mut further) = run_beside(&target, drivers, engine, None, unbounded, || None)
            && further.findings.complete
        {
            // How far the engine sees is told apart from how far the bound lets it. What it reaches by weak memory it
            // reaches as the reference subject: there is nothing else to compare that with.
            further.findings.weak_compared = true;
            run = further;
        }
        // An exhaustive search with spurious wakeups is for the night.
        let is_worth_it = engine.draws() || engine == Engine::Exhaustive && options.profile == Profile::Full;
        let has_passed = run.findings.violation.is_none() && run.findings.refused.is_none();
        let mut passed_with_luck = None;
        if role == Tested::Own && is_worth_it && has_passed {
            match run_with_luck(&target, drivers, engine, options, &budget) {
                Some(Luck::Decides(lucky)) => run = lucky,
                Some(Luck::Passes(lucky)) if engine == Engine::Exhaustive => {
                    passed_with_luck = Some(record::conformance(&target, engine, &lucky, false).technique);
                }
                Some(Luck::Passes(_)) => {
                    passed_with_luck = Some("as many again with a spurious wakeup a thread".to_owned());
                }
                None => {}
            }
        }
        let mut found = record::conformance(&target, engine, &run, role == Tested::Reference);
        if let (Some(further), Verdict::Pass) = (passed_with_luck, found.verdict) {
            found.technique.push_str(&format!("; {further}"));
        }
        if role == Tested::Own
            && let Some(shrunk) = shrunk(&target, drivers, engine, &run, options)
        {
            found.shrink(drivers.subject, &shrunk);
        }
        Ok(found)
    }

    /// A peer's violations of clauses that it does not promise are findings about it.
    fn survey(
        &self,
        program: Program<S::Op>,
        entry: &Entry<S>,
        engine: Engine,
        options: &Options,
    ) -> Result<Found, String> {
        let Role::Peer { version, does_not_promise } = &entry.role else {
            return Err(format!("{} is not a peer", entry.name));
        };
        let clauses = program.clauses.clone();
        let mut budget = options.profile.budget(engine, options.seed);
        if options.profile == Profile::Quick {
            // A finding about somebody else's is worth less of everybody's time.
            budget.executions = budget.executions.min(PEER_EXECUTIONS_QUICK);
        }
        let mut found = self.conform_within(program, &entry.drivers, engine, options, budget, Tested::Peer)?;
        // A failure is about the clause that it breaks, and a pass about all that the program was written for.
        let broken = found.counterexample.as_ref().and_then(|counterexample| counterexample.clause.as_deref());
        let is_about = |clause: &&NotPromised| match found.verdict {
            Verdict::Fail => broken == Some(clause.clause),
            _ => clauses.iter().any(|id| id == clause.clause),
        };
        let (ids, sources): (Vec<&str>, BTreeSet<&str>) =
            does_not_promise.iter().filter(is_about).map(|clause| (clause.clause, clause.source)).unzip();
        found.note = Some(match ids.is_empty() {
            true => version.clone(),
            false => {
                let sources: Vec<&str> = sources.into_iter().collect();
                format!("not promised: {}; {version}; {}", ids.join(", "), sources.join(", "))
            }
        });
        Ok(found)
    }

    /// The alarm must go off at once.
    fn sing(&self, entry: &Entry<S>, engine: Engine, mode: Option<Mode>, options: &Options) -> Result<Found, String> {
        for target in self.corpus_targets() {
            let target = target?;
            if incapable(&target, engine, false).is_some() {
                continue;
            }
            let budget = options.profile.budget(engine, options.seed);
            let weak = || weak_outcomes(&target, options);
            let found = run_beside(&target, &entry.drivers, engine, mode, budget, weak);
            let Some(run) = found else { continue };
            if run.findings.violation.is_some() {
                return Ok(record::killed(&target, engine, &run, entry));
            }
        }
        Ok(Found::silent(format!("no program makes {engine} notice that {}", entry.planted())))
    }

    /// A mutant must die of some program under some engine.
    fn hunt(&self, entry: &Entry<S>, options: &Options) -> Result<Found, String> {
        let targets = self.corpus_targets().collect::<Result<Vec<_>, _>>()?;
        let mut executions = 0;
        for (depth, engine) in depths(options.profile).iter().flat_map(|depth| HUNTERS.map(|engine| (depth, engine))) {
            for target in &targets {
                if incapable(target, engine, false).is_some() {
                    continue;
                }
                let budget = depth.budget(engine, options.seed);
                let Some(mut run) = run(target, &entry.drivers, engine, options, budget) else { continue };
                executions += run.findings.executions;
                run.findings.executions = executions;
                if run.findings.violation.is_some() {
                    let mut found = record::killed(target, engine, &run, entry);
                    if let Some(shrunk) = shrunk(target, &entry.drivers, engine, &run, options) {
                        found.shrink(entry.name, &shrunk);
                    }
                    return Ok(found);
                }
            }
        }
        Ok(record::survived(entry.planted(), executions))
    }

    /// A mistake in programs must break an expectation.
    fn hunt_program_mutant(&self, name: &str) -> Result<Found, String> {
        let mutant = self.program_mutants.iter().find(|mutant| mutant.name == name);
        let mutant = mutant.ok_or_else(|| format!("{} has no mutant `{name}`", self.name))?;
        let mut tried = 0;
        for target in self.corpus_targets() {
            let target = target?;
            let Some(rewritten) = (mutant.rewrite)(&target.program) else { continue };
            let rewritten = Target::<S>::new(rewritten).map_err(|unknown| unknown.message)?;
            tried += 1;
            if let Some(found) = record::program_killed(&target, &rewritten, mutant.planted, tried) {
                return Ok(found);
            }
        }
        Ok(record::survived(mutant.planted, tried))
    }
}

/// What a program is run over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tested {
    /// A subject of ours, or one that the user names: a failure of it is made small.
    Own,
    /// Somebody else's, whose many findings are left as they are met.
    Peer,
    /// The spec as its own subject.
    Reference,
}

pub(super) fn reference_drivers<S: Spec>() -> Drivers<S> {
    Drivers::everywhere::<Reference<S, Loom>, Reference<S, Shuttle>, Reference<S, Std>>().named(REFERENCE)
}

/// The program's expectations, whether they hold, and what they lean on.
fn expectations<S: Spec>(target: &Target<S>, watch: &mut explore::Watch<'_>) -> Result<Vec<Expected>, Unknown> {
    let leanings = leanings_watched::<S>(&target.program, &explore::Limits::default(), watch)?;
    let expected = target.program.expectations.iter().zip(leanings).map(|(expectation, leaning)| Expected {
        text: record::expectation_in_words(&target.program, expectation),
        held: explore::judge(expectation, &target.allowed).held,
        leans: leaning.map(|leaning| leaning.to_string()),
    });
    Ok(expected.collect())
}
