//! A search of the exhaustive engine that was split or cut short: what its records say besides the rest, and how they are put
//! together again.
//!
//! A search may be split into **parts**, which need nothing of each other, and each part may be run in several **legs**, one
//! after the other, each going on with the frontier that the one before has left. Every class of executions is explored in
//! exactly one leg of one part, so that counts add up, and the records of all parts together are the record of the whole.
//! Only distinct histories are no sum: the records keep a fingerprint of each until everything is together.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;
use crate::engine::exhaustive::Frontier;
use crate::evidence::{Evidence, Kind, Mode, Relation, Verdict};

/// What a search belongs to. One that belongs to something else cannot be gone on with, nor be put together with this one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Version of the suite.
    pub suite: String,
    /// Version of the engine's way of searching.
    pub engine: u32,
    /// The program in litmus syntax.
    pub program: String,
    /// The spec, with its parameters.
    pub spec: String,
    /// The subject.
    pub subject: String,
    /// What is judged.
    pub mode: Mode,
}

impl Identity {
    /// A search by this version of the suite.
    pub fn new(program: String, spec: String, subject: &str, mode: Mode) -> Self {
        let suite = env!("CARGO_PKG_VERSION").to_owned();
        Identity { suite, engine: Frontier::VERSION, program, spec, subject: subject.to_owned(), mode }
    }

    /// In what the two differ, for people; nothing if in nothing.
    pub fn differences(&self, other: &Identity) -> Vec<String> {
        let mut found = Vec::new();
        let mut compare = |what: &str, one: &str, other: &str| {
            if one != other {
                found.push(format!("its {what} is {one}, and this is {other}"));
            }
        };
        compare("suite's version", &self.suite, &other.suite);
        compare("engine's version", &self.engine.to_string(), &other.engine.to_string());
        compare("subject", &self.subject, &other.subject);
        compare("spec", &self.spec, &other.spec);
        compare("mode", self.mode.name(), other.mode.name());
        if self.program != other.program {
            found.push(format!("its program is\n\n{}\nand this is\n\n{}", self.program, other.program));
        }
        found
    }
}

/// A search, or as much of it as a record holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Search {
    /// What it belongs to.
    pub identity: Identity,
    /// Into how many parts it is split.
    pub count: u32,
    /// After how many steps the pieces begin that the parts share out.
    pub split_steps: u64,
    /// The parts that the record holds, in order.
    pub parts: Vec<Part>,
    /// Executions cut because of a loop without end.
    pub endless: u64,
    /// What could not be judged, if something could not.
    pub unresolved: Option<String>,
    /// A fingerprint of each distinct history, in ascending order.
    pub histories: Vec<u64>,
}

/// A part of a search.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Which, from 1.
    pub index: u32,
    /// In how many legs it was run so far.
    pub legs: u32,
    /// Executions given up because all that could follow had been explored.
    pub blocked: u64,
    /// What is left to explore: the engine's own, to be handed back to it.
    pub left: Option<serde_json::Value>,
}

impl Search {
    /// The parts that the record does not hold.
    fn missing(&self) -> Vec<u32> {
        (1..=self.count).filter(|index| self.parts.iter().all(|part| part.index != *index)).collect()
    }

    /// About which share of what the record holds has been explored.
    fn share_done(&self) -> f64 {
        let of_part = |part: &Part| match &part.left {
            None => 1.0,
            Some(left) => left.pointer("/account/share_done").and_then(serde_json::Value::as_f64).unwrap_or(0.0),
        };
        self.parts.iter().map(of_part).sum::<f64>() / f64::from(self.count.max(1))
    }
}

/// The record of an earlier leg, or of several, and of the one that went on with it: what they are together.
///
/// Of each part that both have, `leg` has what is left.
pub fn follow(earlier: Evidence, leg: Evidence) -> Evidence {
    let is_replaced = |part: &Part| {
        let later = leg.search.iter().flat_map(|search| &search.parts);
        later.into_iter().any(|later| later.index == part.index)
    };
    let mut earlier = earlier;
    if let Some(search) = &mut earlier.search {
        search.parts.retain(|part| !is_replaced(part));
    }
    add(earlier, leg)
}

/// The records of different parts of one search: what they are together. `None` if they are not that.
pub fn join(records: &[Evidence]) -> Option<Evidence> {
    let mut records: Vec<&Evidence> = records.iter().collect();
    records.sort_by_key(|record| record.search.as_ref().and_then(|search| Some(search.parts.first()?.index)));
    let mut seen = BTreeSet::new();
    for record in &records {
        let (search, first) = (record.search.as_ref()?, records[0].search.as_ref()?);
        let is_same = (&search.identity, search.count, search.split_steps)
            == (&first.identity, first.count, first.split_steps)
            && record.check == records[0].check;
        if !is_same || !search.parts.iter().all(|part| seen.insert(part.index)) {
            return None;
        }
    }
    let whole = records.into_iter().cloned().reduce(add)?;
    Some(conclude(whole))
}

/// Adds up two records that have no execution in common.
fn add(one: Evidence, other: Evidence) -> Evidence {
    let mut sum = one;
    if sum.counterexample.is_none() {
        sum.counterexample = other.counterexample;
    }
    // The first that found something, or could not, says what.
    if rank(other.verdict) > rank(sum.verdict) {
        (sum.verdict, sum.reason) = (other.verdict, other.reason);
    }
    sum.executions += other.executions;
    sum.duration_ms += other.duration_ms;
    for (rule, count) in other.rules {
        *sum.rules.entry(rule).or_default() += count;
    }
    for witness in other.outcomes {
        match sum.outcomes.iter_mut().find(|known| known.outcome == witness.outcome) {
            Some(known) => known.seen += witness.seen,
            None => sum.outcomes.push(witness),
        }
    }
    if let (Some(search), Some(theirs)) = (&mut sum.search, other.search) {
        search.parts.extend(theirs.parts);
        search.parts.sort_by_key(|part| part.index);
        search.endless += theirs.endless;
        search.unresolved = search.unresolved.take().or(theirs.unresolved);
        let histories: BTreeSet<u64> = search.histories.iter().copied().chain(theirs.histories).collect();
        search.histories = histories.into_iter().collect();
    }
    sum
}

/// How much a verdict says against going on.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass | Verdict::Inconclusive => 0,
        Verdict::Skipped => 1,
        Verdict::Fail => 2,
        Verdict::Error => 3,
    }
}

/// Says what a record comes to, from what it holds of its search. A record that holds all of it no longer says that it was
/// split.
pub fn conclude(record: Evidence) -> Evidence {
    let mut record = record;
    let Some(search) = record.search.take() else { return record };
    let missing = search.missing();
    let is_cut = search.parts.iter().any(|part| part.left.is_some());
    let all = record.outcomes.iter().filter(|witness| witness.allowed).count();
    let seen = record.outcomes.iter().filter(|witness| witness.allowed && witness.seen > 0).count();
    record.histories = search.histories.len() as u64;
    record.complete = missing.is_empty() && !is_cut && rank(record.verdict) == 0;
    let blocked = search.parts.iter().map(|part| part.blocked).sum();
    record.technique = technique(search.identity.mode, record.complete, record.executions, blocked);
    if search.endless > 0 {
        record.technique.push_str(&endless(search.endless));
    }
    let legs = search.parts.iter().map(|part| part.legs).max().unwrap_or(1);
    let word = |count: u32, word: &str| if count > 1 { format!(", in {count} {word}") } else { String::new() };
    record.technique.push_str(&word(search.count, "parts"));
    record.technique.push_str(&word(legs, "legs"));
    if rank(record.verdict) > 0 {
        // What was found stands, whatever else there may be; there is nothing to go on with.
        record.search = (!missing.is_empty()).then_some(search);
        return record;
    }
    record.relation = Some(if seen == all { Relation::Equal } else { Relation::Narrower });
    let is_whole = missing.is_empty() && !is_cut;
    (record.verdict, record.reason) = if let Some(reason) = &search.unresolved {
        (Verdict::Inconclusive, reason.clone())
    } else if is_whole {
        (Verdict::Pass, passed(record.kind, all, seen))
    } else {
        let named: Vec<String> = missing.iter().map(u32::to_string).collect();
        let (parts, are) = if missing.len() == 1 { ("part", "is") } else { ("parts", "are") };
        let reason = match (is_cut, named.is_empty()) {
            (false, _) => format!("{parts} {} of {} {are} missing", named.join(", "), search.count),
            (true, _) => format!(
                "{USED_UP}: about {:.1}% of all were looked at{}",
                // What is not done is not rounded to all.
                (search.share_done() * 100.0).min(99.9),
                if named.is_empty() {
                    String::new()
                } else {
                    format!(", and {parts} {} of {} {are} missing", named.join(", "), search.count)
                }
            ),
        };
        (Verdict::Inconclusive, reason)
    };
    // What is together needs no more to be put together.
    record.search = (!is_whole).then_some(search);
    record
}

/// Why a search was cut short, if nobody says otherwise.
pub(crate) const USED_UP: &str = "the executions granted were used up";

/// Why a search to the end passes.
pub(crate) fn passed(kind: Kind, all: usize, seen: usize) -> String {
    if kind == Kind::Reference && seen < all {
        return format!("{} misses {} of the {all} outcomes that the spec allows", Engine::Exhaustive, all - seen);
    }
    format!("nothing but what the spec allows: {seen} of {all} outcomes witnessed")
}

/// The technique of a search by the exhaustive engine.
pub(crate) fn technique(mode: Mode, is_complete: bool, executions: u64, blocked: u64) -> String {
    let blocked = match blocked {
        0 => String::new(),
        blocked => format!(", {blocked} more given up as equivalent to others"),
    };
    let all = if is_complete { "all " } else { "" };
    format!("exhaustive, {}, {all}{executions} inequivalent executions{blocked}", mode.name())
}

/// What is added of a search that had to cut executions.
pub(crate) fn endless(executions: u64) -> String {
    format!("; {executions} of them cut after {} turns of a loop", crate::execute::TURNS_MAX)
}
