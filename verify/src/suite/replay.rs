//! Replaying a counterexample, and refusing to replay what belongs to something else.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use selvedge::platform::Arc;
use selvedge_model::Spec;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::drive::{incapable, weak_outcomes};
use super::{Options, System};
use crate::check::{Checker, Judgement};
use crate::conformance::{Goal, Job, Target, Violation};
use crate::engine::{Budget, Engine, Profile};
use crate::evidence::{Evidence, Mode, Verdict};
use crate::execute::Ending;
use crate::history::jsonl;
use crate::info::spec_in_words;
use crate::isolate::ChildEnd;
use crate::litmus;
use crate::shrink;

/// How a counterexample was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Searched<'a> {
    /// The name of the subject that was run.
    pub subject: &'a str,
    pub engine: Engine,
    pub mode: Mode,
    /// The preemption bound, if there was one.
    pub preemptions: Option<usize>,
    /// How often each thread could wake without a reason.
    pub spurious_wakeups: u32,
}

/// A schedule together with what it belongs to: printed as one word, refused when it belongs to something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The engine.
    engine: Engine,
    /// A digest of the suite's version, the program, the spec with its parameters, the subject, the mode and the engine.
    digest: String,
    /// What the engine needs to make the same decisions; empty on real threads.
    schedule: String,
}

impl Token {
    pub(super) fn new<S: Spec>(target: &Target<S>, search: &Searched<'_>, schedule: &str) -> Self {
        let Searched { subject, engine, mode, preemptions, spurious_wakeups } = *search;
        let schedule = match (engine, preemptions, spurious_wakeups) {
            (Engine::Loom, Some(preemptions), _) => format!("preemptions={preemptions},{schedule}"),
            (Engine::Loom, None, _) | (_, _, 0) => schedule.to_owned(),
            (_, _, wakeups) => format!("spurious={wakeups},{schedule}"),
        };
        Token { engine, digest: digest(target, subject, engine, mode), schedule }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.engine, self.digest, self.schedule)
    }
}

impl FromStr for Token {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(engine), Some(digest), Some(schedule)) => {
                Ok(Token { engine: engine.parse()?, digest: digest.to_owned(), schedule: schedule.to_owned() })
            }
            _ => Err("a replay token reads ENGINE:DIGEST:SCHEDULE".to_owned()),
        }
    }
}

/// What a token belongs to, in 64 bits.
fn digest<S: Spec>(target: &Target<S>, subject: &str, engine: Engine, mode: Mode) -> String {
    let mut hasher = Sha256::new();
    for part in [
        env!("CARGO_PKG_VERSION"),
        &target.program.to_string(),
        &spec_in_words(&target.spec),
        subject,
        engine.name(),
        &format!("{mode:?}"),
    ] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What came of a replay.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Replay {
    /// `Fail` if the violation showed again, `Pass` if the same schedule was followed without it, `Inconclusive` if it could not
    /// be followed.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
}

impl Replay {
    /// What it means that the process in which it ran did not answer.
    pub(super) fn ended(end: &ChildEnd) -> Self {
        let (verdict, text) = match end {
            ChildEnd::Answered(_) => (Verdict::Error, "it answered something unreadable".to_owned()),
            ChildEnd::Died { how, stderr } => (Verdict::Fail, format!("the process {how}: {stderr}")),
            ChildEnd::Killed(signal) => (Verdict::Error, format!("somebody killed the process, by signal {signal}")),
            ChildEnd::TimedOut(limit) => (
                Verdict::Inconclusive,
                format!("it did not end within {limit:?}: it hangs, or this machine is too slow for it"),
            ),
        };
        Replay { verdict, text }
    }

    pub(super) fn run<S: Spec>(system: &System<S>, evidence: &Evidence) -> Result<Self, String> {
        let counterexample =
            evidence.counterexample.as_ref().ok_or("the record has no counterexample: there is nothing to replay")?;
        let token: Token = counterexample.token.as_deref().ok_or("the record has no replay token")?.parse()?;
        let name = evidence.program.as_deref().unwrap_or("counterexample");
        let program = litmus::parse(name, &counterexample.program)
            .and_then(|source| source.program::<S>())
            .map_err(|diagnostics| diagnostics.to_string())?;
        let target = Arc::new(Target::<S>::new(program).map_err(|unknown| unknown.message)?);
        let mode = evidence.mode.unwrap_or(Mode::Histories);
        let subject = evidence.subject.as_deref().ok_or("the record names no subject")?;
        let drivers = system.drivers(subject)?;
        let expected = digest(&target, subject, token.engine, mode);
        if token.digest != expected {
            return Err(format!(
                "the token belongs to something else: its digest is {}, and the program, spec, subject, engine \
                 and version of this record give {expected}",
                token.digest
            ));
        }
        if token.engine == Engine::Threads {
            return recheck(&target, &counterexample.history);
        }
        let driver =
            drivers.of(token.engine).ok_or_else(|| format!("{subject} does not run under {}", token.engine))?;
        let mut budget = Budget { seed: evidence.seed.unwrap_or(0), ..Budget::once() };
        let (mut replay, mut goal) = (None, Goal::First);
        let mut weak = Some(BTreeSet::new());
        if token.engine == Engine::Loom {
            (budget.preemptions, budget.executions) = loom_schedule(&token.schedule)?;
            goal = Goal::At(budget.executions);
            if target.has_weak_atomics() && incapable(&target, Engine::Loom, true).is_some() {
                weak = None;
            }
        } else {
            let (spurious_wakeups, schedule) = lucky_schedule(&token.schedule)?;
            budget.spurious_wakeups = spurious_wakeups;
            replay = Some(schedule.to_owned());
        }
        let job = Job {
            target: target.clone(),
            engine: token.engine,
            mode,
            budget,
            weak,
            variant: drivers.variant,
            replay,
            goal,
            scope: Default::default(),
        };
        let findings = driver(&Arc::new(job));
        if let Some(reason) = findings.refused {
            return Err(reason);
        }
        let not_reached = || match goal {
            // loom counts its executions, and stops at the last one in any case.
            Goal::At(number) => (findings.executions < number)
                .then(|| format!("all {} executions are fewer than the {number} that lead there", findings.executions)),
            _ => findings.stopped.clone(),
        };
        let violation =
            findings.violation.as_ref().filter(|violation| !only_weak(&target, token.engine, violation, evidence));
        Ok(match (violation, not_reached()) {
            (Some(violation), _) => {
                // A failure that was made small is recorded in the words of the spec, others in the checker's.
                let told = shrink::told(&target, violation).filter(|told| *told == counterexample.sentence);
                let sentence = told.unwrap_or_else(|| violation.sentence.clone());
                Replay { verdict: Verdict::Fail, text: format!("it fails again: {sentence}") }
            }
            (None, Some(reason)) => {
                Replay { verdict: Verdict::Inconclusive, text: format!("the schedule could not be followed: {reason}") }
            }
            (None, None) => Replay { verdict: Verdict::Pass, text: "the same schedule no longer fails".to_owned() },
        })
    }
}

/// Whether nothing is wrong but an outcome which weak memory allows: the subject is not the one any more that failed.
fn only_weak<S: Spec>(target: &Arc<Target<S>>, engine: Engine, violation: &Violation<S>, evidence: &Evidence) -> bool {
    let Ending::Outcome(outcome) = &violation.execution.ending else { return false };
    if engine != Engine::Loom || violation.clause.is_some() || !target.has_weak_atomics() {
        return false;
    }
    // As far as was looked when the record was made.
    let profile = if evidence.reproduce.contains("--profile full") { Profile::Full } else { Profile::Quick };
    weak_outcomes(target, &Options { profile, ..Options::quick() }).is_some_and(|weak| weak.contains(outcome))
}

/// Real threads cannot be made to run the same way again; the history that they left can be judged again.
fn recheck<S: Spec>(target: &Target<S>, history: &str) -> Result<Replay, String> {
    let recorded = jsonl::read::<S>("counterexample", history).map_err(|diagnostics| diagnostics.to_string())?;
    let initial = target.spec.initial(&target.program.initial).map_err(|unknown| unknown.message)?;
    let cannot = "real threads cannot be replayed; the recorded history was judged again";
    let checker = Checker::new(target.spec.clone(), initial).thread_names(recorded.header.threads);
    Ok(match checker.check(&recorded.history) {
        Judgement::Violation(violation) => {
            Replay { verdict: Verdict::Fail, text: format!("{cannot}: {}", violation.sentence) }
        }
        Judgement::Allowed(_) => Replay { verdict: Verdict::Pass, text: format!("{cannot}: the spec allows it") },
        Judgement::Malformed(disordered) => Replay { verdict: Verdict::Error, text: format!("{cannot}: {disordered}") },
        Judgement::Inconclusive { reason } => {
            Replay { verdict: Verdict::Inconclusive, text: format!("{cannot}: {reason}") }
        }
    })
}

/// How often threads may wake without a reason, and the schedule, which has to be followed with as many.
fn lucky_schedule(text: &str) -> Result<(u32, &str), String> {
    let Some((wakeups, schedule)) = text.strip_prefix("spurious=").and_then(|text| text.split_once(',')) else {
        return Ok((0, text));
    };
    let wakeups = wakeups.parse().map_err(|_| format!("`{wakeups}` is no number of spurious wakeups"))?;
    Ok((wakeups, schedule))
}

/// loom's search is deterministic: the same bound and the number of the execution, counted from 1, lead to the same place.
fn loom_schedule(text: &str) -> Result<(Option<usize>, u64), String> {
    let (mut preemptions, mut execution) = (None, None);
    for part in text.split(',') {
        let wrong =
            || format!("`{part}` has no place in a loom schedule: it reads [preemptions=BOUND,]execution=NUMBER");
        let (name, number) = part.split_once('=').ok_or_else(wrong)?;
        let place = match name {
            "preemptions" if execution.is_none() => &mut preemptions,
            "execution" => &mut execution,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        if place.replace(number).is_some() || (name == "execution" && number == 0) {
            return Err(wrong());
        }
    }
    let preemptions = preemptions.map(usize::try_from).transpose().map_err(|error| error.to_string())?;
    Ok((preemptions, execution.ok_or("the loom schedule names no execution")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loom_schedule_says_each_thing_once() {
        assert_eq!(loom_schedule("preemptions=2,execution=17"), Ok((Some(2), 17)));
        assert_eq!(loom_schedule("execution=1"), Ok((None, 1)));
        for wrong in [
            "",
            "preemptions=2",
            "execution=0",
            "execution=x",
            "execution=1,execution=1",
            "execution=1,preemptions=2",
            "preemptions=2,preemptions=2,execution=1",
            "preemptions=,execution=1",
            "preemptions=-1,execution=1",
            "turns=3,execution=1",
        ] {
            assert!(loom_schedule(wrong).is_err(), "{wrong}");
        }
    }
}
