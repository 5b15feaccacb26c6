//! Many histories of one program: equal ones are checked once.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::mem;

use rustc_hash::{FxHashMap, FxHasher};
use selvedge_model::{RuleId, Spec};

use super::{Allowed, Checker, Judgement};
use crate::history::{Event, History, HistoryOf};

/// Whether the order between threads means anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Order {
    RealTime,
    WithinThreads,
}

/// A distinct history, its judgement, and how often it was seen.
#[derive(Clone, Debug)]
pub struct Judged<S: Spec> {
    /// The first history of its kind.
    pub history: HistoryOf<S>,
    /// What the checker says of it.
    pub judgement: Judgement,
    /// How often it, or one equal to it, was judged.
    pub seen: u64,
}

/// Judges histories and remembers them: equal ones are checked once.
///
/// Two histories are equal if their calls, returns, aborts and ends are; reads and writes of variables do not count, and
/// the order between threads counts only where it means something. Memory grows with the number of distinct histories,
/// which an engine's hundreds of thousands of executions keep small.
#[derive(Clone, Debug)]
pub struct Judge<S: Spec> {
    checker: Checker<S>,
    order: Order,
    judged: Vec<Judged<S>>,
    index: FxHashMap<u64, Vec<usize>>,
}

impl<S: Spec> Judge<S> {
    /// Judges histories in real-time order, by [`Checker::check`].
    pub fn new(checker: Checker<S>) -> Self {
        Judge { checker, order: Order::RealTime, judged: Vec::new(), index: FxHashMap::default() }
    }

    /// Judges histories in which only the order within each thread counts, by [`Checker::check_unordered`].
    pub fn unordered(checker: Checker<S>) -> Self {
        Judge { order: Order::WithinThreads, ..Judge::new(checker) }
    }

    /// Judges a history.
    pub fn judge(&mut self, history: &HistoryOf<S>) -> &Judgement {
        let index = self.find(history);
        self.judged[index].seen += 1;
        &self.judged[index].judgement
    }

    /// The same, of a history that is going to be judged, and counts then.
    pub fn peek(&mut self, history: &HistoryOf<S>) -> &Judgement {
        let index = self.find(history);
        &self.judged[index].judgement
    }

    fn find(&mut self, history: &HistoryOf<S>) -> usize {
        let threads = history.threads();
        let mut hasher = FxHasher::default();
        history.close.hash(&mut hasher);
        let events = judged_events(self.order, threads, history);
        events.iter().for_each(|event| event.hash(&mut hasher));
        let candidates = self.index.entry(hasher.finish()).or_default();
        let same = |known: &usize| {
            let known = &self.judged[*known].history;
            known.close == history.close && judged_events(self.order, known.threads(), known) == events
        };
        let found = candidates.iter().copied().find(same);
        found.unwrap_or_else(|| {
            let judgement = match self.order {
                Order::RealTime => self.checker.check(history),
                Order::WithinThreads => self.checker.check_unordered(history),
            };
            candidates.push(self.judged.len());
            self.judged.push(Judged { history: history.clone(), judgement, seen: 0 });
            self.judged.len() - 1
        })
    }

    /// The distinct histories, in the order in which they were first seen.
    pub fn judged(&self) -> &[Judged<S>] {
        &self.judged
    }

    /// A number for each distinct history, the same in every process of one build.
    pub fn fingerprints(&self) -> Vec<u64> {
        self.index.keys().copied().collect()
    }

    /// How many histories were judged, equal ones included.
    pub fn seen(&self) -> u64 {
        self.judged.iter().map(|judged| judged.seen).sum()
    }

    /// The first history that is not allowed, malformed ones and those without an answer included.
    pub fn first_not_allowed(&self) -> Option<&Judged<S>> {
        self.judged.iter().find(|judged| !judged.judgement.is_allowed())
    }

    /// For each rule that the histories exercise, how many of those judged exercise it. See [`Allowed::exercised`].
    pub fn exercised(&self) -> BTreeMap<RuleId, u64> {
        self.count(|allowed| allowed.exercised.iter().collect())
    }

    /// For each rule that the histories show for certain, how many of those judged show it. See [`Allowed::certain`].
    pub fn certain(&self) -> BTreeMap<RuleId, u64> {
        self.count(|allowed| allowed.certain.iter().collect())
    }

    fn count(&self, rules: impl Fn(&Allowed) -> Vec<RuleId>) -> BTreeMap<RuleId, u64> {
        let mut counts = BTreeMap::new();
        for judged in &self.judged {
            if let Judgement::Allowed(allowed) = &judged.judgement {
                for rule in rules(allowed) {
                    *counts.entry(rule).or_default() += judged.seen;
                }
            }
        }
        counts
    }
}

/// The events that count, in an order that is the same for equal histories. Which of two calls was first means nothing, nor which of
/// two returns, if nothing was between them.
fn judged_events<Op, Ret>(order: Order, threads: usize, history: &History<Op, Ret>) -> Vec<&Event<Op, Ret>> {
    let counts = |event: &&Event<Op, Ret>| !matches!(event, Event::Read { .. } | Event::Write { .. });
    let events = || history.events.iter().filter(counts);
    match order {
        Order::RealTime => {
            let mut events: Vec<_> = events().collect();
            let is_alike =
                |one: &&Event<Op, Ret>, other: &&Event<Op, Ret>| mem::discriminant(*one) == mem::discriminant(*other);
            for alike in events.chunk_by_mut(is_alike) {
                alike.sort_by_key(|event| event.thread());
            }
            events
        }
        Order::WithinThreads => {
            (0..threads).flat_map(|pass| events().filter(move |event| event.thread() == pass)).collect()
        }
    }
}
