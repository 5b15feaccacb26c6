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
    fn missing(&self) -> Vec<Span> {
        missing(&self.parts.iter().map(|part| u64::from(part.index)).collect(), u64::from(self.count))
    }

    /// About which share of what the record holds has been explored.
    fn share_done(&self) -> f64 {
        self.parts.iter().map(Part::share_done).sum::<f64>() / f64::from(self.count.max(1))
    }
}

impl Part {
    /// About which share of it has been explored.
    fn share_done(&self) -> f64 {
        match &self.left {
            None => 1.0,
            Some(left) => left.pointer("/account/share_done").and_then(serde_json::Value::as_f64).unwrap_or(0.0),
        }
    }

    /// Whether it is the same part, explored as far as `other` or further.
    fn is_as_far_as(&self, other: &Part) -> bool {
        let is_further = || (self.executions_done(), self.legs) >= (other.executions_done(), other.legs);
        self.index == other.index && (self.left.is_none() || other.left.is_some() && is_further())
    }

    /// How many executions an unfinished part has tried: unlike the estimate of its share that only grows.
    fn executions_done(&self) -> u64 {
        let count = |name: &str| {
            let left = self.left.as_ref()?;
            left.pointer(&format!("/account/{name}"))?.as_u64()
        };
        ["complete", "blocked", "elsewhere"].into_iter().filter_map(count).sum()
    }
}

/// Neighbouring numbers, from the first to the last.
pub type Span = (u64, u64);

/// The numbers from 1 to `count` that are not there. However many they are, it takes no more than those that are.
pub fn missing(present: &BTreeSet<u64>, count: u64) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut next = 1;
    for &index in present.iter().filter(|index| (1..=count).contains(*index)) {
        if next < index {
            spans.push((next, index - 1));
        }
        next = index + 1;
    }
    if next <= count {
        spans.push((next, count));
    }
    spans
}

/// Numbers for people: `1, 3 to 5`.
pub fn in_words(spans: &[Span]) -> String {
    let words = spans.iter().map(|&(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    words.collect::<Vec<_>>().join(", ")
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

/// The records of one search: what they are together. `None` if they are not that.
///
/// They may be of different parts, and of earlier and later legs: of those that hold the same parts the one that is furthest on
/// counts, and so does a record of the whole search instead of all that hold less.
pub fn join(records: &[Evidence]) -> Option<Evidence> {
    let (wholes, pieces): (Vec<&Evidence>, Vec<&Evidence>) = records.iter().partition(|record| record.search.is_none());
    let (first, of_first) = pieces.first().and_then(|first| Some((*first, first.search.as_ref()?)))?;
    let is_same = |record: &&Evidence| {
        let identity = record.search.as_ref().map_or(&of_first.identity, |search| &search.identity);
        // Other code may take other steps.
        record.check == first.check && *identity == of_first.identity && record.maker.commit == first.maker.commit
    };
    if !records.iter().all(|record| is_same(&record)) {
        return None;
    }
    let has_found = pieces.iter().any(|piece| rank(piece.verdict) > 0);
    if let Some(whole) = wholes.first() {
        let is_all = !has_found && wholes.iter().all(|whole| is_whole_of(whole, first, &of_first.identity));
        return is_all.then(|| (*whole).clone());
    }
    let split = |record: &Evidence| record.search.as_ref().map(|search| (search.count, search.split_steps));
    let splits: BTreeSet<_> = pieces.iter().map(|piece| split(piece)).collect();
    let joined = splits.iter().map(|wanted| {
        let of_split: Vec<&Evidence> = pieces.iter().copied().filter(|piece| split(piece) == *wanted).collect();
        add_up(of_split)
    });
    let mut joined: Vec<Evidence> = joined.collect::<Option<_>>()?;
    // Searches that were split in different ways have nothing to give one another.
    match joined.iter().position(|sum| sum.complete && !has_found) {
        Some(finished) => Some(joined.swap_remove(finished)),
        None if joined.len() == 1 => joined.pop(),
        None => None,
    }
}

/// Whether a record that holds no search is that of the whole search of which `piece` is one. It no longer holds what it
/// belongs to, so that everything that must be the same is compared.
fn is_whole_of(whole: &Evidence, piece: &Evidence, identity: &Identity) -> bool {
    let allowed = |record: &Evidence| -> BTreeSet<String> {
        record.outcomes.iter().filter(|witness| witness.allowed).map(|witness| witness.outcome.clone()).collect()
    };
    whole.complete
        && whole.mode == Some(identity.mode)
        && whole.maker.suite == identity.suite
        && (&whole.subject, &whole.engine, whole.states) == (&piece.subject, &piece.engine, piece.states)
        && allowed(whole) == allowed(piece)
}

/// The records of parts of one search that was split in one way. `None` if two have something in common and neither has all
/// that the other has.
fn add_up(records: Vec<&Evidence>) -> Option<Evidence> {
    let mut kept: Vec<&Evidence> = Vec::new();
    for record in records {
        if !kept.iter().any(|other| covers(other, record)) {
            kept.retain(|other| !covers(record, other));
            kept.push(record);
        }
    }
    kept.sort_by_key(|record| record.search.as_ref().and_then(|search| Some(search.parts.first()?.index)));
    let mut seen = BTreeSet::new();
    let mut parts = kept.iter().flat_map(|record| &record.search).flat_map(|search| &search.parts);
    if !parts.all(|part| seen.insert(part.index)) {
        return None;
    }
    kept.into_iter().cloned().reduce(add).map(conclude)
}

/// Whether a record makes another one needless: it has each part of it, as far on, and what was found does not go with it.
fn covers(one: &Evidence, other: &Evidence) -> bool {
    let (Some(mine), Some(theirs)) = (&one.search, &other.search) else { return false };
    rank(other.verdict) <= rank(one.verdict)
        && theirs.parts.iter().all(|part| mine.parts.iter().any(|known| known.is_as_far_as(part)))
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
    } else if is_whole && record.outcomes.iter().all(|witness| witness.seen == 0) {
        (Verdict::Inconclusive, none_ended(record.executions))
    } else if is_whole {
        (Verdict::Pass, passed(record.kind, all, seen))
    } else {
        let named = in_words(&missing);
        let is_one = matches!(missing.as_slice(), [(first, last)] if first == last);
        let (parts, are) = if is_one { ("part", "is") } else { ("parts", "are") };
        let reason = match is_cut {
            false => format!("{parts} {named} of {} {are} missing", search.count),
            true => format!(
                "{USED_UP}: about {:.1}% of all were looked at{}",
                // What is not done is not rounded to all.
                (search.share_done() * 100.0).min(99.9),
                if named.is_empty() {
                    String::new()
                } else {
                    format!(", and {parts} {named} of {} {are} missing", search.count)
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

/// Why a search to the end says nothing.
pub(crate) fn none_ended(executions: u64) -> String {
    format!("none of {executions} executions came to an end")
}

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
