//! Planning and running the checks of one system.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use selvedge::platform::{Arc, Loom, Shuttle, Std, loom};
use selvedge_model::{Semantics, Spec, Unknown};

use super::legs::Leg;
use super::observe::observations;
use super::record::{self, Found};
use super::replay::Replay;
use super::system::{Drivers, Entry, Role};
use super::{AllowedOutcome, AnySystem, JudgedHistory, Options, Outcomes, Planned, System};
use crate::check::{Checker, Judgement};
use crate::conformance::{Driver, Findings, Goal, Job, Target};
use crate::diagram;
use crate::engine::{Budget, Engine, Profile, exhaustive};
use crate::evidence::{Evidence, Expected, Kind, Mode, Verdict};
use crate::explore::{self, leanings};
use crate::gaps::GapInfo;
use crate::generate;
use crate::history::jsonl;
use crate::info::{SystemInfo, spec_in_words};
use crate::litmus::corpus::CorpusFile;
use crate::litmus::{self, Diagnostics, Program};
use crate::parts::Identity;
use crate::shrink::{self, Failure, Shrunk};
use crate::subject::reference::Reference;

/// The name under which a spec runs as its own reference subject.
pub(super) const REFERENCE: &str = "reference";

/// The engines that every primitive runs under.
const ENGINES: [Engine; 4] = [Engine::Portfolio, Engine::Exhaustive, Engine::Loom, Engine::Threads];

/// The engines that a mutant is sent through, cheapest first, until one kills it.
const HUNTERS: [Engine; 3] = [Engine::Portfolio, Engine::Exhaustive, Engine::Loom];

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
        let mut plan = Vec::new();
        for file in self.corpus {
            plan.push(self.planned(Kind::Spec, Some(file.name), None, "explorer"));
        }
        for file in self.corpus {
            for engine in self.reference_engines {
                plan.push(self.planned(Kind::Reference, Some(file.name), Some(REFERENCE), engine.name()));
            }
        }
        plan.extend(self.plan_table().into_iter().filter(|planned| {
            planned.kind == Kind::Reference && options.profile == Profile::Full && is_for_the_table(planned)
        }));
        for entry in &self.subjects {
            match &entry.role {
                Role::Primitive | Role::Peer { .. } => {
                    let kind = if entry.role == Role::Primitive { Kind::Conformance } else { Kind::Peer };
                    for file in self.corpus {
                        for engine in ENGINES.into_iter().filter(|engine| entry.drivers.of(*engine).is_some()) {
                            plan.push(self.planned(kind, Some(file.name), Some(entry.name), engine.name()));
                        }
                    }
                    if entry.role == Role::Primitive {
                        plan.extend(self.plan_table().into_iter().filter(|planned| {
                            planned.subject.as_deref() == Some(entry.name)
                                && options.profile == Profile::Full
                                && is_for_the_table(planned)
                        }));
                        let engines = [Engine::Portfolio, Engine::Loom, Engine::Threads].into_iter();
                        let engines = engines.filter(|engine| {
                            // Real threads need time that the quick profile does not have.
                            entry.drivers.of(*engine).is_some()
                                && (*engine != Engine::Threads || options.profile == Profile::Full)
                        });
                        for engine in engines {
                            plan.push(self.planned(Kind::Generated, None, Some(entry.name), engine.name()));
                        }
                    }
                }
                Role::Mutant { .. } => plan.push(self.planned(Kind::Mutant, None, Some(entry.name), "hunters")),
                Role::Canary { .. } => {
                    plan.extend(self.plan_canary(entry, &ENGINES));
                    if options.profile == Profile::Full {
                        plan.extend(self.plan_canary(entry, &Engine::COMPARED).into_iter().filter(is_for_the_table));
                    }
                }
            }
        }
        for mutant in &self.program_mutants {
            plan.push(self.planned(Kind::Mutant, None, Some(mutant.name), "explorer"));
        }
        plan
    }

    fn plan_table(&self) -> Vec<Planned> {
        let primitives = self.subjects.iter().filter(|entry| entry.role == Role::Primitive);
        let subjects: Vec<(Kind, &str, Drivers<S>)> =
            std::iter::once((Kind::Reference, REFERENCE, reference_drivers()))
                .chain(primitives.map(|entry| (Kind::Conformance, entry.name, entry.drivers)))
                .collect();
        let mut plan = Vec::new();
        for file in self.corpus {
            for (kind, subject, drivers) in &subjects {
                let runs = |engine: &Engine| {
                    let has_room =
                        *subject != REFERENCE || *engine != Engine::Loom || self.reference_engines.contains(engine);
                    has_room && drivers.of(*engine).is_some()
                };
                for engine in Engine::COMPARED.into_iter().filter(runs) {
                    plan.push(self.planned(*kind, Some(file.name), Some(subject), engine.name()));
                }
            }
        }
        // What an engine does not show is worth something only if it can raise the alarm.
        let canaries = self.subjects.iter().filter(|entry| matches!(entry.role, Role::Canary { .. }));
        plan.extend(canaries.flat_map(|entry| self.plan_canary(entry, &Engine::COMPARED)));
        plan
    }

    fn run(&self, planned: &Planned, options: &Options) -> Evidence {
        let started = Instant::now();
        let found = self.find(planned, options).unwrap_or_else(Found::error);
        record::evidence(planned, options, found, started.elapsed())
    }

    fn outcomes(&self, file: &str, text: &str) -> Result<Outcomes, Diagnostics> {
        let source = litmus::parse(file, text)?;
        let program = source.program::<S>()?;
        let target = Target::<S>::new(program).map_err(|unknown| source.refuse(&unknown))?;
        let program = &target.program;
        let outcomes = target
            .allowed
            .outcomes
            .keys()
            .map(|outcome| AllowedOutcome {
                outcome: explore::describe(program, outcome),
                path: record::path_to(&target, outcome).map(|path| path.render()).unwrap_or_default(),
            })
            .collect();
        Ok(Outcomes {
            program: program.name.clone(),
            spec: spec_in_words(&target.spec),
            outcomes,
            expectations: expectations(&target).map_err(|unknown| source.refuse(&unknown))?,
            observations: observations(&target, None),
            states: target.allowed.states as u64,
            transitions: target.allowed.transitions,
            depth: target.allowed.depth as u64,
            complete: target.allowed.complete,
            rules: record::rules_by_name(&target.allowed),
        })
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
        let found = self
            .drivers(subject)
            .and_then(|drivers| self.conform(program, &drivers, engine, options, role))
            .unwrap_or_else(Found::error);
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

/// Whether the quick profile leaves a check to those who ask for the table of outcomes: how far each scheduler of the
/// portfolio sees by itself, and what real threads make of the reference subject.
pub(super) fn is_for_the_table(planned: &Planned) -> bool {
    let is_compared = matches!(planned.kind, Kind::Reference | Kind::Conformance | Kind::Canary);
    let engine = planned.engine.parse::<Engine>();
    is_compared
        && engine
            .is_ok_and(|engine| engine.is_drawn_alone() || engine == Engine::Threads && planned.kind == Kind::Reference)
}

/// The check that `selvedge check FILE --subject NAME --engine E` stands for.
pub(super) fn planned_for_file(file: &str, subject: &str, engine: Engine) -> Planned {
    Planned {
        id: format!("file/{file}/{subject}/{engine}"),
        kind: if subject == REFERENCE { Kind::Reference } else { Kind::Conformance },
        system: String::new(),
        program: Some(file.to_owned()),
        subject: Some(subject.to_owned()),
        engine: engine.name().to_owned(),
        mode: None,
    }
}

impl<S: Spec> System<S> {
    fn planned(&self, kind: Kind, program: Option<&str>, subject: Option<&str>, engine: &str) -> Planned {
        let mut parts = vec![self.name, kind.name()];
        parts.extend(program);
        parts.extend(subject);
        parts.push(engine);
        Planned {
            id: parts.join("/"),
            kind,
            system: self.name.to_owned(),
            program: program.map(str::to_owned),
            subject: subject.map(str::to_owned),
            engine: engine.to_owned(),
            mode: None,
        }
    }

    /// The alarm must go off under each engine, in each mode that it is relied on in.
    fn plan_canary(&self, entry: &Entry<S>, engines: &[Engine]) -> Vec<Planned> {
        let mut plan = Vec::new();
        for engine in engines.iter().copied().filter(|engine| entry.drivers.of(*engine).is_some()) {
            let alarm = self.planned(Kind::Canary, None, Some(entry.name), engine.name());
            match modes_of(engine) {
                [_] => plan.push(alarm),
                several => plan.extend(several.iter().map(|&mode| {
                    let id = format!("{}/{}", alarm.id, mode.name());
                    Planned { id, mode: Some(mode), ..alarm.clone() }
                })),
            }
        }
        plan
    }

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
        let expectations = expectations(&target).map_err(|unknown| unknown.message)?;
        let mut found = record::spec(&target, expectations);
        let command = self.file(planned)?.path().map(|path| format!("cargo run --release -- outcomes {path}"));
        found.observations = observations(&target, command.as_deref());
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
        let with_luck = role == Tested::Own && engine.draws();
        let has_passed = run.findings.violation.is_none() && run.findings.refused.is_none();
        if with_luck
            && has_passed
            && let Some(lucky) = run_with_luck(&target, drivers, engine, options, &budget)
        {
            run = lucky;
        }
        let mut found = record::conformance(&target, engine, &run, role == Tested::Reference);
        if with_luck && found.verdict == Verdict::Pass {
            found.technique.push_str("; as many again with a spurious wakeup a thread");
        }
        if role == Tested::Own
            && let Some(shrunk) = shrunk(&target, drivers, engine, &run, options)
        {
            found.shrink(&shrunk);
        }
        Ok(found)
    }

    /// A leg of one search by the exhaustive engine, and nothing else.
    fn search(
        &self,
        program: Program<S::Op>,
        drivers: &Drivers<S>,
        subject: &str,
        leg: &Leg,
        options: &Options,
    ) -> Result<Found, String> {
        let target = Arc::new(Target::<S>::new(program).map_err(|unknown| unknown.message)?);
        let Some(driver) = drivers.of(Engine::Exhaustive) else {
            let reason = format!("the subject does not stand on a platform that {} drives", Engine::Exhaustive);
            return Ok(Found::skipped(&reason));
        };
        let search = |executions: u64, scope: exhaustive::Scope| {
            // How long it takes is not asked: a leg ends with its executions, or when its user ends it.
            let mut budget = options.profile.budget(Engine::Exhaustive, options.seed);
            (budget.executions, budget.duration) = (executions, LEG_DURATION);
            let job = Job {
                target: target.clone(),
                engine: Engine::Exhaustive,
                mode: leg.mode,
                budget: budget.clone(),
                weak: Some(BTreeSet::new()),
                variant: drivers.variant,
                replay: None,
                goal: Goal::First,
                scope,
            };
            (driver(&Arc::new(job)), budget)
        };
        let pieces = |split_steps| {
            // Nothing belongs to a part behind the last one: each piece is come by, and left at once.
            let nobody = exhaustive::Part { index: leg.count, count: leg.count, split_steps };
            let scope = exhaustive::Scope { part: Some(nobody), from: None };
            let findings = search(PIECES_MAX, scope).0;
            // An execution that ends before the pieces begin belongs to no part, and would be counted in each.
            let has_short = findings.executions > 0 || findings.violation.is_some();
            findings.account.filter(|_| !has_short).map(|account| account.elsewhere)
        };
        let split_steps = match leg.split_steps {
            Some(known) => known,
            None if leg.count > 1 => split_steps(leg.count, pieces),
            None => 0,
        };
        let part = (leg.count > 1).then(|| exhaustive::Part { index: leg.index - 1, count: leg.count, split_steps });
        let executions = leg.executions.unwrap_or(options.profile.budget(Engine::Exhaustive, 0).executions);
        let from = leg.from.clone();
        let (findings, budget) = search(executions, exhaustive::Scope { part, from });
        let run = Run { findings, engine: Engine::Exhaustive, mode: leg.mode, budget, cut: None, luckless: None };
        let mut found = record::conformance(&target, Engine::Exhaustive, &run, subject == REFERENCE);
        if subject != REFERENCE
            && let Some(shrunk) = shrunk(&target, drivers, Engine::Exhaustive, &run, options)
        {
            found.shrink(&shrunk);
        }
        let identity = Identity::new(target.program.to_string(), spec_in_words(&target.spec), subject, leg.mode);
        found.search = Some(record::search(identity, leg, split_steps, &run.findings));
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
        let broken = found.counterexample.as_ref().and_then(|counterexample| counterexample.clause.as_deref());
        let not_promised = does_not_promise
            .iter()
            .find(|clause| broken == Some(clause.clause) || clauses.iter().any(|id| id == clause.clause));
        found.note = Some(match not_promised {
            Some(clause) => format!("not promised: {}; {version}; {}", clause.clause, clause.source),
            None => version.clone(),
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
        for engine in HUNTERS {
            for target in &targets {
                if incapable(target, engine, false).is_some() {
                    continue;
                }
                let mut budget = options.profile.budget(engine, options.seed);
                if options.profile == Profile::Quick {
                    budget.executions = budget.executions.min(3_000);
                }
                let Some(mut run) = run(target, &entry.drivers, engine, options, budget) else { continue };
                executions += run.findings.executions;
                run.findings.executions = executions;
                if run.findings.violation.is_some() {
                    let mut found = record::killed(target, engine, &run, entry);
                    if let Some(shrunk) = shrunk(target, &entry.drivers, engine, &run, options) {
                        found.shrink(&shrunk);
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

    /// Programs from nothing, under every setting of the spec. A failure is shrunk to a small program before it is
    /// reported.
    fn generated(&self, drivers: &Drivers<S>, engine: Engine, options: &Options) -> Result<Found, String> {
        let effort = self.effort(engine, options.profile);
        let mut tally = record::Tally::default();
        for (setting, parameters) in (0u64..).zip(settings::<S>()) {
            let spec = S::configure(&parameters).map_err(|unknown| unknown.message)?;
            let seed = options.seed.wrapping_add(setting);
            let (programs, report) = generate::generate(&spec, &self.shape, seed, effort.programs);
            tally.begin(&parameters, report);
            for program in programs {
                let attempt = |program: &Program<S::Op>, executions: u64| -> Result<Attempt<S>, String> {
                    if let Some(reason) = drivers.refuses(engine, &spec, program) {
                        return Ok(Attempt::Declined(reason));
                    }
                    let target = Arc::new(Target::<S>::new(program.clone()).map_err(|unknown| unknown.message)?);
                    if let Some(reason) = incapable(&target, engine, false) {
                        return Ok(Attempt::Declined(reason));
                    }
                    let budget = Budget { executions, ..options.profile.budget(engine, options.seed) };
                    // What weak memory can do to the variables of so many programs is not compared: that would cost more
                    // than all the rest.
                    Ok(match run_beside(&target, drivers, engine, None, budget, || None) {
                        None => {
                            Attempt::Declined(format!("the subject does not stand on a platform that {engine} drives"))
                        }
                        Some(Run { findings: Findings { refused: Some(reason), .. }, .. }) => Attempt::Declined(reason),
                        Some(run) => Attempt::Ran(target, Box::new(run)),
                    })
                };
                match attempt(&program, effort.executions)? {
                    Attempt::Declined(reason) => tally.decline(reason),
                    Attempt::Ran(target, run) if run.findings.violation.is_none() => tally.add(&target, &run),
                    Attempt::Ran(target, run) => {
                        if let Some(shrunk) = shrunk(&target, drivers, engine, &run, options) {
                            let mut found = record::conformance(&target, engine, &run, false);
                            found.shrink(&shrunk);
                            return Ok(self.saved(found, &shrunk.target.program));
                        }
                        let executions = 5 * effort.executions;
                        let smallest = generate::shrink(
                            &spec,
                            &program,
                            |candidate| matches!(attempt(candidate, executions), Ok(Attempt::Ran(_, run)) if run.findings.violation.is_some()),
                        );
                        return self.fails(&smallest, attempt(&smallest, executions)?, engine);
                    }
                }
            }
        }
        Ok(tally.found(engine))
    }

    fn effort(&self, engine: Engine, profile: Profile) -> Effort {
        let (programs, executions) = match (profile, engine) {
            (Profile::Quick, Engine::Loom) => (20, 100),
            (Profile::Quick, _) => (60, 60),
            (Profile::Full, Engine::Loom) => (500, 2_000),
            // Programs that end blocked take their time on real threads.
            (Profile::Full, Engine::Threads) => (200, 10),
            (Profile::Full, _) => (5_000, 60),
        };
        let most = if profile == Profile::Quick { self.generated_quick } else { usize::MAX };
        Effort { programs: programs.min(most), executions }
    }

    /// The record of a generated program that fails, saved if there is a folder for it.
    fn fails(&self, smallest: &Program<S::Op>, attempt: Attempt<S>, engine: Engine) -> Result<Found, String> {
        let Attempt::Ran(target, run) = attempt else { return Err("the subject no longer runs".into()) };
        Ok(self.saved(record::conformance(&target, engine, &run, false), smallest))
    }

    fn saved(&self, mut found: Found, smallest: &Program<S::Op>) -> Found {
        // Where no folder is named, the record alone holds the program.
        found.note = self.regressions.as_deref().map(|folder| match generate::save_regression(folder, smallest) {
            Ok(path) => path.display().to_string(),
            Err(error) => format!("the program could not be saved in {}: {error}", folder.display()),
        });
        found
    }
}

/// A guard that no search of a leg is meant to meet.
const LEG_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// As many pieces as are counted at most, and made executions for.
const PIECES_MAX: u64 = 10_000;

/// After how many steps a search is split into that many parts: as few as make at least eight pieces a part, or as many as
/// there are. The same in each process, for it depends on nothing but the program and the subject. `pieces` counts them, if no
/// execution is shorter.
fn split_steps(parts: u32, pieces: impl Fn(usize) -> Option<u64>) -> usize {
    let wanted = u64::from(parts) * 8;
    let (mut best, mut most) = (0, 0);
    // The first steps of a program start its threads: there is nothing to share out yet.
    for steps in 1..=SPLIT_STEPS_MAX {
        let Some(found) = pieces(steps) else { break };
        if found > most {
            (best, most) = (steps, found);
        }
        if most >= wanted {
            break;
        }
    }
    best
}

/// Behind so many steps even small programs have pieces to share out.
const SPLIT_STEPS_MAX: usize = 24;

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

/// What became of a generated program.
enum Attempt<S: Spec> {
    /// It ran.
    Ran(Arc<Target<S>>, Box<Run<S>>),
    /// The engine or the subject does not take such programs.
    Declined(String),
}

/// How much is done with generated programs.
struct Effort {
    /// Programs for each setting of the spec.
    programs: usize,
    /// Executions of each at most.
    executions: u64,
}

/// The settings under which programs are generated: the defaults, and each other value of each parameter by itself.
fn settings<S: Spec>() -> Vec<Vec<(String, String)>> {
    let others = S::parameters().iter().flat_map(|parameter| {
        let others = parameter.values.iter().skip(1);
        others.map(|value| vec![(parameter.name.to_owned(), (*value).to_owned())])
    });
    std::iter::once(Vec::new()).chain(others).collect()
}

fn reference_drivers<S: Spec>() -> Drivers<S> {
    Drivers::everywhere::<Reference<S, Loom>, Reference<S, Shuttle>, Reference<S, Std>>()
}

/// What an engine made of a target.
pub(super) struct Run<S: Spec> {
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

/// Why the engine cannot run the program, if it cannot.
fn incapable<S: Spec>(target: &Target<S>, engine: Engine, chooses: bool) -> Option<String> {
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

/// Runs a target under an engine; `None` if the subject does not stand on the engine's platform.
///
/// The engines that enumerate are run with no preemption first, then one, and so on up to the budget's bound: what they
/// find, they find with the fewest preemptions, and when executions run out the bound that was finished is a result.
fn run<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    options: &Options,
    budget: Budget,
) -> Option<Run<S>> {
    run_beside(target, drivers, engine, None, budget, || weak_outcomes(target, options))
}

/// What an engine can judge, what it judges best last. The exhaustive one is relied on in both modes.
fn modes_of(engine: Engine) -> &'static [Mode] {
    match engine {
        Engine::Loom => &[Mode::Outcomes],
        Engine::Exhaustive => &[Mode::Outcomes, Mode::Histories],
        _ => &[Mode::Histories],
    }
}

/// Like [`run`], in a certain mode if one is wanted, and beside the weak outcomes that `weak_outcomes` names, if the engine
/// and the program have such.
fn run_beside<S: Spec>(
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
        Engine::Loom if target.has_atomics() => weak_outcomes(),
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
        return Some(run_exhaustively(job, driver, &budget));
    }
    let Some(bound) = budget.preemptions.filter(|_| matches!(engine, Engine::Loom | Engine::Dfs)) else {
        return Some(Run {
            findings: driver(&job(engine, mode, &budget)),
            engine,
            mode,
            budget,
            cut: None,
            luckless: None,
        });
    };
    Some(run_bounded(|left| driver(&job(engine, mode, left)), engine, mode, &budget, bound))
}

/// What fails in as many executions again if threads may wake without a reason, where none failed without. `None` if
/// nothing does.
fn run_with_luck<S: Spec>(
    target: &Arc<Target<S>>,
    drivers: &Drivers<S>,
    engine: Engine,
    options: &Options,
    budget: &Budget,
) -> Option<Run<S>> {
    let lucky = Budget { spurious_wakeups: 1, ..budget.clone() };
    let run_again = run(target, drivers, engine, options, lucky)?;
    run_again.findings.violation.as_ref()?;
    // Drawing proves nothing: whether it fails without luck is the exhaustive engine's to say.
    let budget = options.profile.budget(Engine::Exhaustive, options.seed);
    let without = run_beside(target, drivers, Engine::Exhaustive, Some(run_again.mode), budget, || None)?;
    if without.findings.violation.is_some() {
        return Some(without);
    }
    let (executions, complete) = (without.findings.executions, without.findings.complete);
    Some(Run { luckless: Some(Luckless { executions, complete }), ..run_again })
}

/// Runs with no preemption first, then one, and so on.
fn run_bounded<S: Spec>(
    search: impl Fn(&Budget) -> Findings<S>,
    engine: Engine,
    mode: Mode,
    budget: &Budget,
    bound: usize,
) -> Run<S> {
    let mut left = budget.clone();
    let mut best: Option<Run<S>> = None;
    let mut executions = 0;
    for preemptions in 0..=bound {
        left.preemptions = Some(preemptions);
        left.executions = budget.executions - executions;
        let findings = search(&left);
        executions += findings.executions;
        let is_over = findings.violation.is_some() || findings.refused.is_some();
        let finished = findings.complete;
        if finished || is_over || best.is_none() {
            best = Some(Run { findings, engine, mode, budget: left.clone(), cut: None, luckless: None });
        }
        if is_over || !finished || executions >= budget.executions {
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
    budget: &Budget,
) -> Run<S> {
    let exhaustively = |mode| Run {
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
    let mut bounded = run_bounded(search, Engine::Dfs, Mode::Histories, budget, bound);
    if !is_decided(&bounded) {
        return outcomes;
    }
    let account = outcomes.findings.account.unwrap_or_default();
    bounded.cut = Some(format!(
        "the exhaustive search was cut after {} executions, about {} of all",
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
fn weak_outcomes<S: Spec>(target: &Arc<Target<S>>, options: &Options) -> Option<BTreeSet<litmus::Outcome>> {
    if incapable(target, Engine::Loom, true).is_some() {
        return None;
    }
    let budget = options.profile.budget(Engine::Loom, options.seed);
    let reached = crate::conformance::reach::<S, Reference<S, Loom>>(target, &budget);
    Some(reached.into_iter().filter(|outcome| !target.allowed.outcomes.contains_key(outcome)).collect())
}

/// The failure that a run has found, made small. `None` where that cannot be done: what only weak memory shows, and what
/// real threads have done, happens under no engine that follows a schedule.
fn shrunk<S: Spec>(
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

/// The program's expectations, whether they hold, and what they lean on.
fn expectations<S: Spec>(target: &Target<S>) -> Result<Vec<Expected>, Unknown> {
    let leanings = leanings::<S>(&target.program, &explore::Limits::default())?;
    let expected = target.program.expectations.iter().zip(leanings).map(|(expectation, leaning)| Expected {
        text: record::expectation_in_words(&target.program, expectation),
        held: explore::judge(expectation, &target.allowed).held,
        leans: leaning.map(|leaning| leaning.to_string()),
    });
    Ok(expected.collect())
}
