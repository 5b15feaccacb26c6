//! A litmus program and its schedule out of bytes, run over a condition variable and judged.
//!
//! The subject is ours; for showing that a fuzzer finds what is to be found it may be one of the planted bugs
//! ([`mutant::cond`](crate::mutant::cond)) instead.

use rustc_hash::FxHashMap;
use selvedge::platform::{Arc, Shuttle};
use selvedge_model::cond::{CondSpec, Op};

use crate::conformance::{Findings, Target, Violation};
use crate::engine::bytes;
use crate::generate::{self, Shape};
use crate::litmus::{self, Program, corpus};
use crate::mutant::{Planted, cond as bug};
use crate::subject::cond::{Ours, Ticket};
use crate::subject::{Subject, Variant};

/// In the first byte of an input that decides a program: the last ticket before zero is the first to be given.
const BEFORE_WRAP: u8 = 0x80;

/// Programs whose outcomes are kept at most. An entry takes a few KB.
const KEPT_MAX: usize = 10_000;

/// How one program is run under one schedule.
type Run = fn(&Arc<Target<CondSpec>>, Variant, &[u8]) -> Findings<CondSpec>;

/// What a fuzz target holds from one input to the next.
pub struct Oracle {
    run: Run,
    variant: Variant,
    corpus: Vec<Arc<Target<CondSpec>>>,
    /// Generated programs by their text. The expensive part of a program is what the spec allows it.
    generated: FxHashMap<String, Arc<Target<CondSpec>>>,
}

/// An execution that the spec does not allow.
#[derive(Debug)]
pub struct Found {
    /// The program.
    pub program: Arc<Program<Op>>,
    /// The execution.
    pub violation: Violation<CondSpec>,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let schedule = self.violation.schedule.as_deref().unwrap_or("unknown");
        write!(f, "{}\n\n{}\nprogram {}\nschedule {schedule}", self.violation.sentence, self.program, self.program.name)
    }
}

impl Oracle {
    /// An oracle over our condition variable, or over the ticket protocol with a planted bug, named as it is in
    /// [`bug::MUTANTS`] or by the part before its first hyphen, or without any if the name is `none`.
    ///
    /// # Errors
    ///
    /// If no planted bug has that name; the message lists those that there are.
    pub fn new(mutant: Option<&str>) -> Result<Self, String> {
        let (run, variant): (Run, _) = match mutant {
            None => (bytes::run::<CondSpec, Ours<Shuttle>>, 0),
            Some(name) => (bytes::run::<CondSpec, Ticket<Shuttle>>, planted(name)?),
        };
        let is_supported = |target: &Target<CondSpec>| {
            <Ours<Shuttle> as Subject<CondSpec>>::supports(&target.spec, &target.program).is_ok()
        };
        let corpus = corpus::COND.iter().map(|file| {
            let source = litmus::parse(file.name, file.text).expect("the corpus can be read");
            let program = source.program::<CondSpec>().expect("the corpus is about the condition variable");
            Arc::new(Target::new(program).expect("the corpus uses the spec's own settings"))
        });
        let corpus = corpus.filter(|target| is_supported(target) && target.allowed.complete).collect();
        Ok(Oracle { run, variant, corpus, generated: FxHashMap::default() })
    }

    /// The programs of the corpus that [`Oracle::schedule`] selects from.
    pub fn programs(&self) -> usize {
        self.corpus.len()
    }

    /// The first byte selects a program of the corpus, the others are decisions (see [`bytes`]). Returns what is wrong.
    ///
    /// Which byte selects which program changes when the corpus does: what must last is kept as a litmus file.
    ///
    /// # Panics
    ///
    /// If the harness fails: the subject cannot run the program, or the execution came to no end.
    pub fn schedule(&self, input: &[u8]) -> Option<Found> {
        let (first, decisions) = input.split_first()?;
        self.judge(&self.corpus[usize::from(*first) % self.corpus.len()], decisions)
    }

    /// The first byte says how many bytes follow that decide a program (see [`generate::from_bytes`]), and with its highest bit
    /// that tickets begin just before they wrap around; the rest are decisions. Returns what is wrong. A program too large
    /// for the explorer is passed over.
    ///
    /// # Panics
    ///
    /// As [`Oracle::schedule`] does.
    pub fn program(&mut self, input: &[u8]) -> Option<Found> {
        let (first, rest) = input.split_first()?;
        let (program, decisions) = rest.split_at(rest.len().min(usize::from(*first & !BEFORE_WRAP)));
        let mut program = generate::from_bytes(&CondSpec::default(), &Shape::default(), program);
        program.name = "fuzzed".to_owned();
        if *first & BEFORE_WRAP != 0 {
            program.initial = ["wait", "notify"].map(|counter| (counter.to_owned(), u32::MAX.into())).into();
        }
        if self.generated.len() >= KEPT_MAX {
            self.generated.clear();
        }
        let target = self.generated.entry(program.to_string()).or_insert_with(|| {
            Arc::new(Target::new(program).expect("a generated program uses the spec's own settings"))
        });
        let target = target.clone();
        if target.allowed.complete { self.judge(&target, decisions) } else { None }
    }

    fn judge(&self, target: &Arc<Target<CondSpec>>, decisions: &[u8]) -> Option<Found> {
        let findings = (self.run)(target, self.variant, decisions);
        if let Some(violation) = findings.violation {
            return Some(Found { program: target.program.clone(), violation });
        }
        let name = &target.program.name;
        let refused = findings.refused.filter(|_| !starts_unequal(target));
        assert_eq!(refused, None, "{name} cannot run");
        assert_eq!(findings.stopped, None, "{name} was given up");
        assert_eq!(findings.unjudged, None, "{name} was not judged");
        None
    }
}

/// Ours starts with no waiters; a program that says otherwise is refused when it is made.
fn starts_unequal(target: &Target<CondSpec>) -> bool {
    let initial =
        |name: &str| target.program.initial.iter().find(|(known, _)| known == name).map_or(0, |known| known.1);
    initial("wait") != initial("notify")
}

fn planted(name: &str) -> Result<Variant, String> {
    match name {
        "none" => Ok(bug::NONE),
        _ => Planted::find(bug::MUTANTS, name).map(|planted| planted.bug),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Goal, Job, on_shuttle};
    use crate::engine::{Budget, Engine};
    use crate::evidence::Mode;

    /// Deterministic bytes of a stated seed: no feedback, what a fuzzer without coverage would try.
    fn inputs(seed: u64) -> impl Iterator<Item = Vec<u8>> {
        let mut state = seed;
        let mut next = move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^ (mixed >> 31)
        };
        std::iter::repeat_with(move || (0..40).map(|_| (next() >> 24) as u8).collect())
    }

    /// Executions until `oracle` finds something, at most `executions_max`.
    fn executions_to_find(
        executions_max: usize,
        mut oracle: impl FnMut(&[u8]) -> Option<Found>,
    ) -> Option<(usize, Vec<u8>, Found)> {
        let mut tried = inputs(1).take(executions_max).zip(1..);
        tried.find_map(|(input, number)| oracle(&input).map(|found| (number, input, found)))
    }

    #[test]
    fn nearly_all_planted_bugs_are_found_without_feedback() {
        const EXECUTIONS_MAX: usize = 3_000;
        let mut killed = 0;
        for planted in bug::MUTANTS {
            let oracle = Oracle::new(Some(planted.name)).unwrap();
            let found = executions_to_find(EXECUTIONS_MAX, |input| oracle.schedule(input));
            println!("{}: {:?}", planted.name, found.as_ref().map(|(number, ..)| number));
            let Some((_, input, found)) = found else { continue };
            killed += 1;

            let again = oracle.schedule(&input).expect("the same bytes");
            assert_eq!(again.violation.schedule, found.violation.schedule);
            let target = Arc::new(Target::new((*found.program).clone()).unwrap());
            let replayed = on_shuttle::<CondSpec, Ticket<Shuttle>>(&Arc::new(Job {
                target,
                engine: Engine::Dfs,
                mode: Mode::Histories,
                budget: Budget::once(),
                weak: Some(Default::default()),
                variant: planted.bug,
                replay: found.violation.schedule.clone(),
                goal: Goal::First,
                scope: Default::default(),
            }));
            assert_eq!(replayed.violation.expect("it fails again").sentence, found.violation.sentence);
        }
        assert!(killed >= 10, "{killed} were found");
    }

    #[test]
    fn program_and_schedule_together_find_planted_bugs() {
        for (name, first) in [("M01", 24), ("M04", 24), ("M09", 24), ("M08", 24 | BEFORE_WRAP)] {
            let mut oracle = Oracle::new(Some(name)).unwrap();
            let found = executions_to_find(3_000, |input| oracle.program(&[&[first], input].concat()));
            assert!(found.is_some(), "{name} survives");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_is_planted() {
        for mutant in [None, Some("none")] {
            let mut oracle = Oracle::new(mutant).unwrap();
            assert!(oracle.programs() > 50, "{} programs", oracle.programs());
            for input in inputs(2).take(1_000) {
                let found = oracle.schedule(&input).or_else(|| oracle.program(&[&[24], &input[..]].concat()));
                assert!(found.is_none(), "{mutant:?}: {}", found.unwrap());
            }
            assert!(oracle.schedule(&[]).is_none() && oracle.program(&[]).is_none());
        }
    }

    #[test]
    fn an_unknown_bug_is_refused_by_name() {
        let error = Oracle::new(Some("M99")).err().unwrap();
        assert!(error.starts_with("there is no planted bug `M99`; there are M01-"), "{error}");
    }
}
