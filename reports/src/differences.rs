//! Why an engine or a subject did not come to what the spec allows, or came to more: the classes of difference.
//!
//! A class is computed from sets of outcomes alone: what the spec allows, and what each engine made each subject do, with
//! whether it looked everywhere. Nobody writes one by hand, so that two reports of the same records agree.
//!
//! After a data race nothing that a program does means anything, so that differences of racy programs have no class.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use selvedge_verify::engine::Engine;
use serde::{Deserialize, Serialize};

/// Why an outcome is missing, or is one too many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The subject does what the spec forbids, and nobody else does.
    Bug,
    /// The spec forbids what is done by the reference subject, which executes the spec's own rules, or by each of several
    /// implementations.
    SpecTooStrong,
    /// The spec allows what nobody does, not even the reference subject where it was searched to the end.
    SpecTooWeak,
    /// The engine looked at everything and does not show what the subject can do.
    EnginesGap,
    /// The subject never does what the spec allows it to: a legal refinement.
    NarrowerSubject,
    /// Only an engine with weak memory shows it, and the program's own atomics explain it.
    WeakMemoryOnly,
    /// The engine did not look at everything: more executions or a wider bound may show it.
    Budget,
}

impl Class {
    /// Every class, the gravest first.
    pub const ALL: [Class; 7] = [
        Class::Bug,
        Class::SpecTooStrong,
        Class::SpecTooWeak,
        Class::EnginesGap,
        Class::NarrowerSubject,
        Class::WeakMemoryOnly,
        Class::Budget,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Class::Bug => "bug",
            Class::SpecTooStrong => "spec too strong",
            Class::SpecTooWeak => "spec too weak",
            Class::EnginesGap => "engine’s gap",
            Class::NarrowerSubject => "narrower subject",
            Class::WeakMemoryOnly => "weak memory only",
            Class::Budget => "budget",
        }
    }

    /// What it means, in a sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Class::Bug => "The subject does what the spec forbids, and the reference subject does not.",
            Class::SpecTooStrong => {
                "The spec forbids what is done by the reference subject, which executes its own rules, or by each of \
                 several implementations."
            }
            Class::SpecTooWeak => {
                "The spec allows what nobody does, not even the reference subject where it was searched to the end."
            }
            Class::EnginesGap => "The engine looked at everything and does not show what the subject can do.",
            Class::NarrowerSubject => "The subject never does what the spec allows it to: a legal refinement.",
            Class::WeakMemoryOnly => {
                "Only an engine with weak memory shows it, and the program’s own atomics explain it; the spec is \
                 sequentially consistent."
            }
            Class::Budget => {
                "The engine did not look at everything: more executions, or a wider bound, may show it. Engines that draw \
                 and real threads never look at everything."
            }
        }
    }
}

/// What one engine made one subject of a program do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach<'a> {
    /// The subject; `None` is the reference subject.
    pub subject: Option<&'a str>,
    /// The engine's name.
    pub engine: &'a str,
    /// The outcomes seen.
    pub seen: BTreeSet<&'a str>,
    /// Those among them that the run itself put down to weak memory.
    pub weak: BTreeSet<&'a str>,
    /// Whether it looked at everything, with no bound.
    pub looked_everywhere: bool,
}

impl Reach<'_> {
    fn has_weak_memory(&self) -> bool {
        [Engine::Loom, Engine::Threads].iter().any(|weak| weak.name() == self.engine)
    }

    fn is_of_reference(&self) -> bool {
        self.subject.is_none()
    }
}

/// Everything that is known of a program's outcomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sets<'a> {
    /// What the spec allows.
    pub allowed: BTreeSet<&'a str>,
    /// What was reached. At most one for each subject and engine.
    pub reached: Vec<Reach<'a>>,
}

impl<'a> Sets<'a> {
    /// The outcomes by which `reach`, one of [`Sets::reached`], differs from the spec, each with its class.
    pub fn differences(&self, reach: &Reach<'a>) -> Vec<(&'a str, Class)> {
        let missing = self.allowed.difference(&reach.seen).map(|outcome| (*outcome, self.missing(reach, outcome)));
        let beyond = reach.seen.difference(&self.allowed).map(|outcome| (*outcome, self.beyond(reach, outcome)));
        missing.chain(beyond).collect()
    }

    /// Why the spec allows the outcome and it was not seen.
    fn missing(&self, reach: &Reach<'_>, outcome: &str) -> Class {
        let shows = |other: &&Reach<'_>| other.seen.contains(outcome);
        let of_subject = || self.reached.iter().filter(|other| other.subject == reach.subject);
        let of_reference = || self.reached.iter().filter(|other| other.is_of_reference());
        let searched_to_the_end = |other: &&Reach<'_>| other.looked_everywhere && !other.has_weak_memory();
        if self.reached.iter().all(|other| !shows(&other)) {
            let is_decided = of_reference().any(|other| searched_to_the_end(&other));
            return if is_decided { Class::SpecTooWeak } else { Class::Budget };
        }
        // The subject can do it: it was seen elsewhere. (Or what it can do is what the spec allows: the reference subject.)
        if of_subject().any(|other| shows(&other)) || reach.is_of_reference() {
            return if reach.looked_everywhere { Class::EnginesGap } else { Class::Budget };
        }
        if of_subject().any(|other| searched_to_the_end(&other)) {
            return Class::NarrowerSubject;
        }
        if !reach.looked_everywhere {
            return Class::Budget;
        }
        // Only this engine looked everywhere. Would it have seen it?
        let on_reference = of_reference().find(|other| other.engine == reach.engine);
        match on_reference.map(|other| shows(&other)) {
            Some(false) => Class::EnginesGap,
            Some(true) | None => Class::NarrowerSubject,
        }
    }

    /// Why the outcome was seen and the spec does not allow it.
    fn beyond(&self, reach: &Reach<'_>, outcome: &str) -> Class {
        let is_strong = |other: &&Reach<'_>| !other.has_weak_memory() && other.seen.contains(outcome);
        if reach.weak.contains(outcome) && reach.has_weak_memory() && !self.reached.iter().any(|it| is_strong(&it)) {
            return Class::WeakMemoryOnly;
        }
        if self.reached.iter().any(|other| other.is_of_reference() && is_strong(&other)) {
            return Class::SpecTooStrong;
        }
        let implementations: BTreeSet<&str> = self.reached.iter().filter_map(|other| other.subject).collect();
        let doing: BTreeSet<&str> = self
            .reached
            .iter()
            .filter(|other| other.seen.contains(outcome))
            .filter_map(|other| other.subject)
            .collect();
        if doing.len() > 1 && doing == implementations { Class::SpecTooStrong } else { Class::Bug }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an engine reached; `!` behind its name says that it looked everywhere, and `~` behind an outcome that the run
    /// put it down to weak memory.
    fn reach(subject: Option<&'static str>, engine: &'static str, seen: &[&'static str]) -> Reach<'static> {
        let name = |outcome: &&'static str| outcome.trim_end_matches('~');
        Reach {
            subject,
            engine: engine.trim_end_matches('!'),
            seen: seen.iter().map(name).collect(),
            weak: seen.iter().filter(|outcome| outcome.ends_with('~')).map(name).collect(),
            looked_everywhere: engine.ends_with('!'),
        }
    }

    /// The differences of the first, each with its class, where the spec allows `a` and `b`.
    fn differences(reached: &[Reach<'static>]) -> Vec<(&'static str, Class)> {
        let sets = Sets { allowed: BTreeSet::from(["a", "b"]), reached: reached.to_vec() };
        sets.differences(&sets.reached[0])
    }

    const REFERENCE: Option<&str> = None;
    const COND: Option<&str> = Some("cond");
    const OTHER: Option<&str> = Some("other");

    #[test]
    fn what_is_as_the_spec_says_differs_in_nothing() {
        assert_eq!(differences(&[reach(REFERENCE, "exhaustive!", &["a", "b"])]), []);
    }

    #[test]
    fn an_engine_that_looked_everywhere_and_shows_less_than_another_has_a_gap() {
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        assert_eq!(differences(&[reach(REFERENCE, "loom!", &["a"]), all.clone()]), [("b", Class::EnginesGap)]);
        // On a subject that is known to do it.
        let ours = reach(COND, "random", &["a", "b"]);
        assert_eq!(differences(&[reach(COND, "loom!", &["a"]), all.clone(), ours]), [("b", Class::EnginesGap)]);
        // On a subject of which nothing else is known, but the engine does not show it on the reference subject either.
        let blind = reach(REFERENCE, "loom", &["a"]);
        assert_eq!(differences(&[reach(COND, "loom!", &["a"]), all, blind]), [("b", Class::EnginesGap)]);
    }

    #[test]
    fn an_engine_that_did_not_look_everywhere_lacks_budget() {
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        for engine in ["loom", "random", "pct", "urw", "pos", "threads"] {
            assert_eq!(differences(&[reach(REFERENCE, engine, &["b"]), all.clone()]), [("a", Class::Budget)]);
            let ours = reach(COND, "exhaustive!", &["a", "b"]);
            assert_eq!(differences(&[reach(COND, engine, &["b"]), all.clone(), ours]), [("a", Class::Budget)]);
            assert_eq!(differences(&[reach(COND, engine, &["b"]), all.clone()]), [("a", Class::Budget)]);
        }
        // Nobody has shown it, and nobody has looked everywhere.
        assert_eq!(differences(&[reach(REFERENCE, "exhaustive", &["a"])]), [("b", Class::Budget)]);
    }

    #[test]
    fn a_subject_that_was_searched_to_the_end_and_does_less_is_narrower() {
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        let ours = reach(COND, "exhaustive!", &["a"]);
        assert_eq!(differences(&[ours.clone(), all.clone()]), [("b", Class::NarrowerSubject)]);
        // Then more executions of another engine would not show it either.
        for engine in ["loom!", "random", "threads"] {
            let cell = reach(COND, engine, &["a"]);
            assert_eq!(differences(&[cell, all.clone(), ours.clone()]), [("b", Class::NarrowerSubject)], "{engine}");
        }
        // Of a subject that only loom can run: loom would have shown it.
        let loom = reach(REFERENCE, "loom!", &["a", "b"]);
        assert_eq!(differences(&[reach(COND, "loom!", &["a"]), all, loom]), [("b", Class::NarrowerSubject)]);
    }

    #[test]
    fn what_only_weak_memory_shows_is_neither_bug_nor_gap() {
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        let weak = reach(REFERENCE, "loom!", &["a", "b", "c~"]);
        assert_eq!(differences(&[weak.clone(), all.clone()]), [("c", Class::WeakMemoryOnly)]);
        let cond = reach(COND, "threads", &["a", "b", "c~"]);
        assert_eq!(differences(&[cond, all.clone(), weak.clone()]), [("c", Class::WeakMemoryOnly)]);
        // The run did not put it down to weak memory.
        let cond = reach(COND, "loom!", &["a", "b", "d"]);
        assert_eq!(differences(&[cond, all.clone(), weak]), [("d", Class::Bug)]);
        // An engine without weak memory shows it too.
        let strong = reach(COND, "random", &["c"]);
        let cond = reach(COND, "loom!", &["a", "b", "c~"]);
        assert_eq!(differences(&[cond, all, strong]), [("c", Class::Bug)]);
    }

    #[test]
    fn a_subject_that_alone_does_what_is_forbidden_has_a_bug() {
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        let wrong = reach(COND, "random", &["a", "b", "c"]);
        assert_eq!(differences(&[wrong.clone(), all.clone()]), [("c", Class::Bug)]);
        let right = reach(OTHER, "exhaustive!", &["a", "b"]);
        assert_eq!(differences(&[wrong, all, right]), [("c", Class::Bug)]);
    }

    #[test]
    fn a_spec_that_forbids_what_its_own_rules_or_everybody_does_is_too_strong() {
        let more = reach(REFERENCE, "exhaustive!", &["a", "b", "c"]);
        assert_eq!(differences(std::slice::from_ref(&more)), [("c", Class::SpecTooStrong)]);
        assert_eq!(differences(&[reach(COND, "pos", &["a", "b", "c"]), more]), [("c", Class::SpecTooStrong)]);
        let all = reach(REFERENCE, "exhaustive!", &["a", "b"]);
        let (one, other) = (reach(COND, "pos", &["a", "b", "c"]), reach(OTHER, "threads", &["a", "c"]));
        assert_eq!(differences(&[one, all, other]), [("c", Class::SpecTooStrong)]);
    }

    #[test]
    fn a_spec_that_allows_what_nobody_does_is_too_weak() {
        let less = reach(REFERENCE, "exhaustive!", &["a"]);
        assert_eq!(differences(std::slice::from_ref(&less)), [("b", Class::SpecTooWeak)]);
        assert_eq!(differences(&[reach(COND, "random", &["a"]), less.clone()]), [("b", Class::SpecTooWeak)]);
        // Somebody does: then the engine that did not show it is at fault.
        let random = reach(REFERENCE, "random", &["a", "b"]);
        assert_eq!(differences(&[less, random]), [("b", Class::EnginesGap)]);
    }

    #[test]
    fn no_two_classes_have_the_same_words() {
        let words: BTreeSet<&str> = Class::ALL.iter().map(|class| class.words()).collect();
        assert_eq!(words.len(), Class::ALL.len());
        assert!(Class::ALL.is_sorted(), "the gravest first");
    }
}
