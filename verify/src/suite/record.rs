//! From what was found to a record of evidence.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use selvedge::platform::Arc;
use selvedge::platform::host::OnceLock;
use selvedge_model::Spec;

use super::drive::{Luckless, Run};
use super::legs::Leg;
use super::replay::{Searched, Token};
use super::system::{Entry, Role};
use super::{Options, Planned};
use crate::check::At;
use crate::conformance::{Findings, Target, Violation};
use crate::engine::{Engine, Profile};
use crate::evidence::{
    Comparison, Counterexample, Evidence, Expected, FORMAT, Kind, Maker, Mode, Observation, Relation, Row, StateGraph,
    Verdict, Witness,
};
use crate::execute::Ending;
use crate::explore::{self, Exploration};
use crate::generate::GenerationReport;
use crate::history::{Event, jsonl};
use crate::info::spec_in_words;
use crate::isolate::ChildEnd;
use crate::litmus::{Outcome, Program, ThreadEnd};
use crate::parts::{self, Identity, Part, Search};
use crate::shrink::Shrunk;

/// What a check found: a record without the data that every check has.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Found {
    pub verdict: Verdict,
    pub reason: String,
    pub mode: Option<Mode>,
    pub technique: String,
    pub complete: bool,
    pub preemptions: Option<u64>,
    pub executions: u64,
    pub histories: u64,
    pub states: u64,
    pub outcomes: Vec<Witness>,
    pub relation: Option<Relation>,
    pub rules: BTreeMap<String, u64>,
    pub clauses: Vec<String>,
    pub expectations: Vec<Expected>,
    pub observations: Vec<Observation>,
    pub graphs: Vec<StateGraph>,
    pub note: Option<String>,
    /// The program that killed a planted bug, and the engine, if the bug is in a subject.
    pub killed_by: Option<(String, Option<Engine>)>,
    pub counterexample: Option<Counterexample>,
    pub comparison: Option<Comparison>,
    pub search: Option<Search>,
}

impl Found {
    /// A verdict and nothing else yet.
    pub fn new(verdict: Verdict, reason: String) -> Self {
        Found {
            verdict,
            reason,
            mode: None,
            technique: String::new(),
            complete: false,
            preemptions: None,
            executions: 0,
            histories: 0,
            states: 0,
            outcomes: Vec::new(),
            relation: None,
            rules: BTreeMap::new(),
            clauses: Vec::new(),
            expectations: Vec::new(),
            observations: Vec::new(),
            graphs: Vec::new(),
            note: None,
            killed_by: None,
            counterexample: None,
            comparison: None,
            search: None,
        }
    }

    /// The check did not run.
    pub fn skipped(reason: &str) -> Self {
        Found::new(Verdict::Skipped, reason.to_owned())
    }

    /// An alarm that did not go off.
    pub fn silent(reason: String) -> Self {
        Found::new(Verdict::Fail, reason)
    }

    /// The harness failed.
    pub fn error(reason: String) -> Self {
        Found::new(Verdict::Error, reason)
    }
}

/// The record of a check.
pub(super) fn evidence(planned: &Planned, options: &Options, found: Found, duration: Duration) -> Evidence {
    let killed_after = matches!(found.killed_by, Some((_, Some(_)))).then_some(found.executions);
    let (program, engine) = match found.killed_by {
        Some((program, engine)) => {
            (Some(program), engine.map_or_else(|| planned.engine.clone(), |engine| engine.name().to_owned()))
        }
        None => (planned.program.clone(), planned.engine.clone()),
    };
    let draws = !matches!(engine.as_str(), "explorer" | "loom" | "exhaustive" | "dfs" | "threads");
    Evidence {
        format: FORMAT,
        check: planned.id.clone(),
        kind: planned.kind,
        system: planned.system.clone(),
        program,
        subject: planned.subject.clone(),
        engine,
        verdict: found.verdict,
        reason: found.reason,
        mode: found.mode,
        technique: found.technique,
        complete: found.complete,
        preemptions: found.preemptions,
        executions: found.executions,
        histories: found.histories,
        states: found.states,
        outcomes: found.outcomes,
        relation: found.relation,
        rules: found.rules,
        clauses: found.clauses,
        expectations: found.expectations,
        observations: found.observations,
        graphs: found.graphs,
        note: found.note,
        killed_after,
        counterexample: found.counterexample,
        comparison: found.comparison,
        fuzzing: None,
        search: found.search,
        reproduce: reproduce(planned, options),
        seed: draws.then_some(options.seed),
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        maker: Maker::unknown(),
    }
}

/// The record of a check whose child process could not be used.
pub(super) fn failed(planned: &Planned, options: &Options, message: &str) -> Evidence {
    evidence(planned, options, Found::error(message.to_owned()), Duration::ZERO)
}

/// The record of a check whose child process did not answer.
///
/// If it died, that is a mutant's kill: a planted bug that makes the process abort has been noticed. Where the time was over
/// nothing is known, whatever ran: the machine may have been slow.
pub(super) fn died(planned: &Planned, options: &Options, end: &ChildEnd) -> Evidence {
    let (how, duration) = match end {
        ChildEnd::Died { how, stderr } if stderr.is_empty() => (format!("the process {how}"), Duration::ZERO),
        ChildEnd::Died { how, stderr } => (format!("the process {how}: {stderr}"), Duration::ZERO),
        ChildEnd::TimedOut(limit) => {
            (format!("it did not end within {limit:?}: it hangs, or this machine is too slow for it"), *limit)
        }
        ChildEnd::Killed(signal) => (format!("somebody killed the process, by signal {signal}"), Duration::ZERO),
        ChildEnd::Answered(_) => ("the process answered something unreadable".to_owned(), Duration::ZERO),
    };
    let mut found = match planned.kind {
        _ if matches!(end, ChildEnd::TimedOut(_)) => Found::new(Verdict::Inconclusive, how),
        _ if matches!(end, ChildEnd::Killed(_)) => Found::error(how),
        Kind::Mutant | Kind::Canary => Found::new(Verdict::Pass, format!("killed: {how}")),
        // Whose fault it is cannot be told, and a finding about somebody else's must be one.
        Kind::Peer | Kind::Oracle => Found::error(how),
        _ => Found::new(Verdict::Fail, how),
    };
    found.technique = planned.engine.clone();
    evidence(planned, options, found, duration)
}

/// What a leg of a search leaves beside its record.
pub(super) fn search<S: Spec>(identity: Identity, leg: &Leg, split_steps: usize, findings: &Findings<S>) -> Search {
    let unresolved = match (&findings.unjudged, &findings.truncated) {
        (Some(reason), _) => Some(reason.clone()),
        (None, (1.., Some(reason))) => {
            Some(format!("{} executions without an outcome: {reason}", findings.truncated.0))
        }
        _ => None,
    };
    let mut histories = findings.fingerprints.clone();
    histories.sort_unstable();
    let left = findings.left.as_ref();
    Search {
        identity,
        count: leg.count,
        split_steps: split_steps as u64,
        parts: vec![Part {
            index: leg.index,
            legs: leg.legs + 1,
            blocked: findings.account.map_or(0, |account| account.blocked),
            left: left.map(|left| serde_json::to_value(left).expect("a frontier is plain data")),
        }],
        endless: findings.endless,
        unresolved,
        histories,
    }
}

/// The command that runs a check again.
fn reproduce(planned: &Planned, options: &Options) -> String {
    let mut words = vec!["cargo run --release --".to_owned()];
    match planned.id.strip_prefix("file/") {
        Some(_) => {
            let file = quoted(planned.program.as_deref().unwrap_or_default());
            let subject = planned.subject.as_deref().unwrap_or_default();
            words.push(format!("check {file} --subject {subject} --engine {}", planned.engine));
        }
        // What only the table asks for is no check of the quick profile.
        None if options.profile == Profile::Quick && super::plan::is_for_the_table(planned) => {
            words.push(format!("table {}", planned.id));
        }
        None => words.push(format!("verify {}", planned.id)),
    }
    if options.profile != Profile::Quick {
        words.push(format!("--profile {}", options.profile.name()));
    }
    if options.seed != Options::SEED {
        words.push(format!("--seed {}", options.seed));
    }
    words.join(" ")
}

/// A word as a shell takes it for one.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// How often the explorer took each rule, by name.
pub(super) fn rules_by_name(exploration: &Exploration) -> BTreeMap<String, u64> {
    exploration.rules.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The shortest way to an outcome.
pub(super) fn path_to<S: Spec>(target: &Target<S>, outcome: &Outcome) -> Option<explore::Path> {
    let states = explore::Limits::default().states;
    explore::shortest_path(&target.spec, &target.program, states, |reached, _| reached == outcome).ok().flatten()
}

/// An expectation as the language writes it.
pub(super) fn expectation_in_words<Op: std::fmt::Display>(
    program: &Program<Op>,
    expectation: &crate::litmus::Expectation,
) -> String {
    format!("{} {}", expectation.quantifier, program.condition(&expectation.condition))
}

/// The spec alone.
pub(super) fn spec<S: Spec>(target: &Target<S>, expectations: Vec<Expected>) -> Found {
    let allowed = &target.allowed;
    let broken: Vec<&Expected> = expectations.iter().filter(|expected| expected.held == Some(false)).collect();
    let unknown = expectations.iter().find(|expected| expected.held.is_none());
    let mut found = if let Some(explore::Violation { broken, .. }) = allowed.violations.first() {
        Found::new(Verdict::Fail, format!("the spec breaks its own clause {}: {}", broken.clause, broken.text))
    } else if let Some(expected) = broken.first() {
        let leans = expected.leans.as_ref().map(|leans| format!("; it {leans}")).unwrap_or_default();
        Found::new(Verdict::Fail, format!("the expectation does not hold: {}{leans}", expected.text))
    } else if !allowed.complete {
        Found::new(Verdict::Inconclusive, format!("more than {} states", allowed.states))
    } else if let (Some(expected), Some(_)) = (unknown, &allowed.endless) {
        Found::new(
            Verdict::Inconclusive,
            format!("some executions never end, and come to no outcome: {}", expected.text),
        )
    } else if let Some(expected) = unknown {
        Found::new(Verdict::Inconclusive, format!("it is unknown whether the expectation holds: {}", expected.text))
    } else {
        Found::new(Verdict::Pass, format!("{} outcomes, every expectation holds", allowed.outcomes.len()))
    };
    found.technique = format!("explorer, all {} states of {}", allowed.states, spec_in_words(&target.spec));
    found.complete = allowed.complete;
    found.states = allowed.states as u64;
    found.rules = rules_by_name(allowed);
    found.clauses = target.program.clauses.clone();
    found.expectations = expectations;
    found.outcomes = allowed
        .outcomes
        .keys()
        .map(|outcome| Witness { outcome: explore::describe(&target.program, outcome), seen: 0, allowed: true })
        .collect();
    found
}

/// A subject under an engine.
pub(super) fn conformance<S: Spec>(target: &Target<S>, engine: Engine, run: &Run<S>, is_reference: bool) -> Found {
    let findings = &run.findings;
    let is_exhaustive = matches!(engine, Engine::Loom | Engine::Dfs | Engine::Exhaustive);
    let relation = findings.relation(target);
    let missed = target.allowed.outcomes.keys().filter(|outcome| !findings.outcomes.contains_key(*outcome)).count();
    let (verdict, reason) = if let Some(reason) = &findings.refused {
        (Verdict::Skipped, reason.clone())
    } else if let Some(violation) = &findings.violation {
        (if is_reference { Verdict::Error } else { Verdict::Fail }, violation.sentence.clone())
    } else if let Some(reason) = &findings.broken {
        (Verdict::Error, reason.clone())
    } else if let Some(reason) = &findings.unjudged {
        (Verdict::Inconclusive, reason.clone())
    } else if let (1.., Some(reason), false) = (findings.truncated.0, &findings.truncated.1, is_reference) {
        (Verdict::Inconclusive, format!("{} executions without an outcome: {reason}", findings.truncated.0))
    } else if is_exhaustive && !findings.complete && !is_reference {
        (Verdict::Inconclusive, findings.stopped.clone().unwrap_or_else(|| "it stopped early".into()))
    } else if findings.outcomes.is_empty() {
        (Verdict::Inconclusive, parts::none_ended(findings.executions))
    } else if is_reference && missed > 0 && !target.is_racy() {
        // Beyond a data race the explorer goes on as if there were none, and no engine does: that is no gap.
        let all = target.allowed.outcomes.len();
        // What a search that was cut, or kept within a bound, has not seen may lie further on.
        let is_bounded = matches!(run.engine, Engine::Loom | Engine::Dfs) && run.budget.preemptions.is_some();
        let misses = if findings.complete && !is_bounded { "misses" } else { "did not come to" };
        (Verdict::Pass, format!("{engine} {misses} {missed} of the {all} outcomes that the spec allows"))
    } else {
        let all = target.allowed.outcomes.len();
        let seen = all - missed;
        let weak = match findings.weak.len() {
            0 => String::new(),
            weak if findings.weak_compared => format!(", and {weak} that only weak memory allows"),
            weak => format!(", and {weak} that weak memory may allow: loom has no room for the reference subject here"),
        };
        // Where a bounded search had to do for one of everything.
        let bound = match (engine, run.engine) {
            (Engine::Exhaustive, Engine::Dfs) => format!("{}, ", up_to_preemptions(run.budget.preemptions)),
            _ => String::new(),
        };
        (Verdict::Pass, format!("{bound}nothing but what the spec allows: {seen} of {all} outcomes witnessed{weak}"))
    };
    let reason = match &run.luckless {
        Some(Luckless { executions, complete: true }) => format!(
            "{reason}; it fails only if spurious wakeups (or steals to be tried again) exist: without them all {executions} inequivalent executions pass"
        ),
        Some(Luckless { executions, complete: false }) => {
            format!(
                "{reason}; without spurious wakeups (and steals to be tried again) none of {executions} executions failed"
            )
        }
        None => reason,
    };
    let mut found = Found::new(verdict, reason);
    found.mode = Some(run.mode);
    found.technique = technique(run, findings);
    if run.budget.spurious_wakeups > 0 {
        found.technique.push_str(", a spurious wakeup a thread");
    }
    if let Some(cut) = &run.cut {
        found.technique = format!("{}; {cut}", found.technique);
    }
    found.complete = findings.complete;
    if matches!(run.engine, Engine::Loom | Engine::Dfs) {
        found.preemptions = run.budget.preemptions.map(|bound| bound as u64);
    }
    found.executions = findings.executions;
    found.histories = findings.histories;
    found.states = target.allowed.states as u64;
    found.outcomes = witnesses(target, findings);
    found.relation = findings.refused.is_none().then_some(relation);
    found.rules = findings.rules.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    found.clauses = target.program.clauses.clone();
    found.counterexample = findings.violation.as_ref().map(|violation| {
        let searched = Searched {
            subject: run.subject,
            engine: run.engine,
            mode: run.mode,
            preemptions: run.budget.preemptions,
            spurious_wakeups: run.budget.spurious_wakeups,
        };
        counterexample(target, &searched, violation)
    });
    found
}

impl Found {
    /// The record tells the failure made small instead of the one that was met first.
    pub fn shrink<S: Spec>(&mut self, subject: &str, shrunk: &Shrunk<S>) {
        let Some(mode) = self.mode else { return };
        let searched = Searched {
            subject,
            engine: shrunk.engine,
            mode,
            preemptions: shrunk.preemptions,
            spurious_wakeups: shrunk.spurious_wakeups,
        };
        let smaller = counterexample(&shrunk.target, &searched, &shrunk.violation);
        if let Some(before) = self.counterexample.replace(smaller) {
            self.reason = self.reason.replace(&before.sentence, &shrunk.violation.sentence);
        }
    }
}

fn up_to_preemptions(bound: Option<usize>) -> String {
    match bound {
        Some(1) => "up to 1 preemption".to_owned(),
        Some(preemptions) => format!("up to {preemptions} preemptions"),
        None => "no preemption bound".to_owned(),
    }
}

/// What a search did, and its bound.
fn technique<S: Spec>(run: &Run<S>, findings: &Findings<S>) -> String {
    let mode = run.mode.name();
    let executions = findings.executions;
    let budget = &run.budget;
    let all = if findings.complete { "all " } else { "" };
    let searched = match run.engine {
        Engine::Loom | Engine::Dfs => {
            let bound = up_to_preemptions(budget.preemptions);
            let name = if run.engine == Engine::Loom { "loom" } else { "depth-first" };
            format!("{name}, {mode}, {bound}, {all}{executions} executions")
        }
        Engine::Exhaustive => {
            let blocked = findings.account.map_or(0, |account| account.blocked);
            parts::technique(run.mode, findings.complete, executions, blocked)
        }
        Engine::Random => format!("random, {mode}, {executions} executions, seed {}", budget.seed),
        Engine::Pct => {
            format!("PCT depth {}, {mode}, {executions} executions, seed {}", budget.pct_depth, budget.seed)
        }
        Engine::Urw => format!("URW, {mode}, {executions} executions, seed {}", budget.seed),
        Engine::Pos => format!("POS, {mode}, {executions} executions, seed {}", budget.seed),
        Engine::Portfolio => format!(
            "random, PCT depth {}, URW and POS, {mode}, {executions} executions, seed {}",
            budget.pct_depth, budget.seed
        ),
        Engine::Threads => format!(
            "real threads with jitter, {mode}, {executions} executions; blocked means asleep for {} ms, twice",
            selvedge::platform::QUIET.as_millis()
        ),
    };
    let searched = match &findings.census {
        Some(census) if census.classes() > 0 => {
            let of_which = match census.executions() {
                all if all == findings.executions => "of them".to_owned(),
                counted => format!("of {counted} counted"),
            };
            format!(
                "{searched}, {} {of_which} inequivalent, {:.0}% of what such a run draws not seen (Good–Turing)",
                census.classes(),
                census.unseen_share() * 100.0
            )
        }
        _ => searched,
    };
    match findings.endless {
        0 => searched,
        endless => format!("{searched}{}", parts::endless(endless)),
    }
}

fn witnesses<S: Spec>(target: &Target<S>, findings: &Findings<S>) -> Vec<Witness> {
    let words = |outcome: &Outcome| explore::describe(&target.program, outcome);
    let allowed = target.allowed.outcomes.keys().map(|outcome| Witness {
        outcome: words(outcome),
        seen: findings.outcomes.get(outcome).copied().unwrap_or(0),
        allowed: true,
    });
    let others = findings.outcomes.iter().filter(|(outcome, _)| !target.allowed.outcomes.contains_key(*outcome));
    let others = others.map(|(outcome, seen)| Witness {
        outcome: words(outcome),
        seen: *seen,
        allowed: findings.weak.contains(outcome),
    });
    allowed.chain(others).collect()
}

/// The violation, for people.
fn counterexample<S: Spec>(target: &Target<S>, searched: &Searched<'_>, violation: &Violation<S>) -> Counterexample {
    let program = &target.program;
    let execution = &violation.execution;
    let mut rows = Vec::new();
    let mut interruptions = violation.interruptions.iter().peekable();
    for events in 0..=execution.history.events.len() {
        while let Some(interruption) = interruptions.next_if(|interruption| interruption.after_events == events) {
            // Threads beyond the program's are the subject's own.
            if interruption.thread < program.threads.len() {
                rows.push(Row { thread: interruption.thread, text: interruption.to_string(), here: false });
            }
        }
        if let Some(event) = execution.history.events.get(events) {
            rows.push(Row {
                thread: event.thread(),
                text: event_in_words(program, event),
                here: violation.at == At::Event(events),
            });
        }
    }
    if let Ending::Outcome(Outcome::Final(ended)) = &execution.ending {
        let is_end = violation.at == At::End;
        for (thread, end) in ended.threads.iter().enumerate() {
            if let ThreadEnd::Blocked(statement) = end {
                let what = program.threads[thread].statements[*statement].op();
                let what = what.map_or_else(|| "await".to_owned(), ToString::to_string);
                rows.push(Row { thread, text: format!("blocked for ever in {what}"), here: is_end });
            }
        }
    }
    if let Ending::Panicked { thread, message } = &execution.ending
        && *thread < program.threads.len()
    {
        rows.push(Row { thread: *thread, text: format!("✗ panicked: {message}"), here: violation.at == At::End });
    }
    // Where everybody has returned, and only the state is wrong, it shows after the last step.
    if let (Some(last), false) = (rows.len().checked_sub(1), rows.iter().any(|row| row.here)) {
        rows[last].here = true;
    }
    let schedule = violation.schedule.as_deref().unwrap_or("");
    Counterexample {
        clause: violation.clause.map(str::to_owned),
        sentence: violation.sentence.clone(),
        threads: program.threads.iter().map(|thread| thread.name.clone()).collect(),
        rows,
        allowed: violation.allowed.clone(),
        seen: violation.seen.clone(),
        program: program.to_string(),
        history: jsonl::write(&header(target), &execution.history),
        token: Some(Token::new(target, searched, schedule).to_string()),
    }
}

/// What a recorded history of the program begins with.
fn header<S: Spec>(target: &Target<S>) -> jsonl::Header {
    let program = &target.program;
    jsonl::Header {
        spec: program.spec.clone(),
        parameters: program.parameters.clone(),
        initial: program.initial.clone(),
        threads: program.threads.iter().map(|thread| thread.name.clone()).collect(),
        variables: program.variables.iter().map(|variable| variable.name.clone()).collect(),
    }
}

fn event_in_words<Op: std::fmt::Display, Ret: std::fmt::Display>(
    program: &Program<Op>,
    event: &Event<Op, Ret>,
) -> String {
    match event {
        Event::Call { op, .. } => op.to_string(),
        Event::Return { ret, .. } => format!("→ {ret}"),
        Event::Abort { text, .. } => format!("✗ {text}"),
        Event::Read { variable, value, .. } => format!("reads {} = {value}", program.variables[*variable].name),
        Event::Write { variable, value, .. } => format!("{} := {value}", program.variables[*variable].name),
    }
}

/// A planted bug in a subject that was found.
pub(super) fn killed<S: Spec>(target: &Arc<Target<S>>, engine: Engine, run: &Run<S>, entry: &Entry<S>) -> Found {
    let mut found = conformance(target, engine, run, false);
    found.verdict = Verdict::Pass;
    found.reason = format!("killed: {}", found.reason);
    found.killed_by = Some((target.program.name.clone(), Some(engine)));
    found.note = Some(entry.planted().to_owned());
    if let Role::Mutant { breaks, .. } = &entry.role {
        found.clauses = vec![(*breaks).to_owned()];
    }
    found
}

/// A mistake in a program that an expectation noticed, if one did.
pub(super) fn program_killed<S: Spec>(
    original: &Target<S>,
    rewritten: &Target<S>,
    planted: &str,
    tried: u64,
) -> Option<Found> {
    let expectation = rewritten
        .program
        .expectations
        .iter()
        .find(|expectation| explore::judge(expectation, &rewritten.allowed).held == Some(false))?;
    let text = expectation_in_words(&rewritten.program, expectation);
    let witness = explore::judge(expectation, &rewritten.allowed).witness;
    let mut found = Found::new(Verdict::Pass, format!("killed: the expectation no longer holds: {text}"));
    found.technique = format!("explorer, all {} states", rewritten.allowed.states);
    found.complete = rewritten.allowed.complete;
    found.states = rewritten.allowed.states as u64;
    found.executions = tried;
    found.note = Some(planted.to_owned());
    let path = witness.as_ref().and_then(|witness| path_to(rewritten, witness));
    found.counterexample = path.map(|path| Counterexample {
        clause: None,
        sentence: format!("{planted}: `{text}` no longer holds"),
        threads: path.threads,
        rows: path.rows,
        allowed: original
            .allowed
            .outcomes
            .keys()
            .map(|outcome| explore::describe(&original.program, outcome))
            .collect(),
        seen: witness.map(|witness| explore::describe(&rewritten.program, &witness)).unwrap_or_default(),
        program: rewritten.program.to_string(),
        history: String::new(),
        token: None,
    });
    found.outcomes = Vec::new();
    found.killed_by = Some((original.program.name.clone(), None));
    Some(found)
}

/// A planted bug that nothing found.
pub(super) fn survived(planted: &str, tried: u64) -> Found {
    let mut found = Found::new(Verdict::Fail, format!("survived: nothing notices that {planted}"));
    found.executions = tried;
    found.note = Some(planted.to_owned());
    found
}

/// What many generated programs came to.
#[derive(Default)]
pub(super) struct Tally {
    settings: Vec<String>,
    generation: GenerationReport,
    programs: u64,
    executions: u64,
    histories: u64,
    inconclusive: u64,
    /// Programs with outcomes that weak memory may allow and that nothing was compared with.
    weak: u64,
    /// How many programs did not run, and why the last of them.
    declined: (u64, String),
    rules: BTreeMap<String, u64>,
}

impl Tally {
    /// From here on programs are of that setting.
    pub fn begin(&mut self, parameters: &[(String, String)], generation: GenerationReport) {
        let set: Vec<String> = parameters.iter().map(|(name, value)| format!("{name} {value}")).collect();
        self.settings.push(if set.is_empty() { "the defaults".to_owned() } else { set.join(", ") });
        self.generation.produced += generation.produced;
        self.generation.discarded += generation.discarded;
    }

    /// Takes in a program that did not run.
    pub fn decline(&mut self, reason: String) {
        self.declined = (self.declined.0 + 1, reason);
    }

    /// Takes in a program without a violation.
    pub fn add<S: Spec>(&mut self, target: &Target<S>, run: &Run<S>) {
        let findings = &run.findings;
        self.programs += 1;
        self.executions += findings.executions;
        self.histories += findings.histories;
        let unjudged = findings.unjudged.is_some()
            || findings.broken.is_some()
            || findings.truncated.0 > 0
            || !target.allowed.complete;
        self.inconclusive += u64::from(unjudged);
        self.weak += u64::from(!findings.weak_compared && !findings.weak.is_empty());
        for (rule, count) in &findings.rules {
            *self.rules.entry((*rule).to_owned()).or_default() += count;
        }
    }

    /// The record.
    pub fn found(self, engine: Engine) -> Found {
        let (declined, why) = &self.declined;
        if self.programs == 0 {
            return Found::skipped(why);
        }
        let mut found = if self.inconclusive > 0 {
            Found::new(
                Verdict::Inconclusive,
                format!("{} of {} programs could not be judged to the end", self.inconclusive, self.programs),
            )
        } else {
            let weak = match self.weak {
                0 => String::new(),
                weak => format!(", but for outcomes of {weak} programs that weak memory may allow"),
            };
            let reason = format!("{} generated programs, nothing but what the spec allows{weak}", self.programs);
            Found::new(Verdict::Pass, reason)
        };
        let (mode, mode_name) = match engine {
            Engine::Loom => (Mode::Outcomes, "outcomes"),
            _ => (Mode::Histories, "histories"),
        };
        found.mode = Some(mode);
        found.technique = format!(
            "{} generated programs ({:.1}% of candidates discarded), {engine}, {mode_name}, with {}",
            self.programs,
            100.0 * self.generation.discarded_share(),
            self.settings.join("; "),
        );
        found.note = (*declined > 0).then(|| format!("{declined} more programs did not run: {why}"));
        found.executions = self.executions;
        found.histories = self.histories;
        found.rules = self.rules;
        found
    }
}

impl<S: Spec> Entry<S> {
    /// What is planted in the subject.
    pub fn planted(&self) -> &str {
        match &self.role {
            Role::Mutant { planted, .. } | Role::Canary { planted } => planted,
            Role::Primitive | Role::Peer { .. } => "nothing is planted",
        }
    }
}

/// What makes the records of this process.
pub fn maker() -> Maker {
    static MAKER: OnceLock<Maker> = OnceLock::new();
    MAKER
        .get_or_init(|| {
            let ask = |program: &str, arguments: &[&str]| {
                let output = Command::new(program).args(arguments).output().ok()?;
                let text = String::from_utf8(output.stdout).ok()?;
                (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
            };
            let folder = env!("CARGO_MANIFEST_DIR");
            let commit = ask("git", &["-C", folder, "rev-parse", "--short=12", "HEAD"]);
            let changes = ask("git", &["-C", folder, "status", "--porcelain", "--untracked-files=no"]);
            Maker {
                suite: env!("CARGO_PKG_VERSION").to_owned(),
                commit: commit.map_or_else(|| "unknown".to_owned(), |id| id + if changes.is_some() { "+" } else { "" }),
                rustc: ask("rustc", &["--version"]).unwrap_or_else(|| "unknown".to_owned()),
                target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
                kernel: ask("uname", &["-r"]).unwrap_or_else(|| "unknown".to_owned()),
            }
        })
        .clone()
}
