//! The check of an oracle: a real system is asked, and the record says who answered, how much, and where they differ.

use std::time::Instant;

use super::record::{self, Found};
use super::{Options, Planned};
use crate::evidence::{Comparison, Evidence, Kind, Verdict};
use crate::oracle::{Inquiry, Oracle};

/// The name of the technique in check ids: the same input to two that must agree.
pub(super) const DIFFERENTIAL: &str = "differential";

/// The check that holds the spec against this oracle.
///
/// # Panics
///
/// If the oracle's name is not of the form `SYSTEM/NAME`.
pub(super) fn planned(oracle: &dyn Oracle) -> Planned {
    let (system, name) = oracle.name().split_once('/').expect("an oracle is called SYSTEM/NAME");
    Planned {
        id: [system, Kind::Oracle.name(), name, DIFFERENTIAL].join("/"),
        kind: Kind::Oracle,
        system: system.to_owned(),
        program: None,
        subject: Some(name.to_owned()),
        engine: DIFFERENTIAL.to_owned(),
        mode: None,
    }
}

/// Asks, in this process.
pub(super) fn run(oracle: &dyn Oracle, planned: &Planned, options: &Options) -> Evidence {
    let started = Instant::now();
    let found = match oracle.respondent() {
        Err(reason) => Found::skipped(&reason),
        Ok(respondent) => {
            let questions = oracle.questions(options.profile);
            let mut inquiry = Inquiry::new(questions, options.profile, options.seed);
            let end = oracle.ask(&mut inquiry);
            compared(oracle, inquiry, questions, respondent, end)
        }
    };
    record::evidence(planned, options, found, started.elapsed())
}

fn compared(
    oracle: &dyn Oracle,
    inquiry: Inquiry,
    questions: u64,
    respondent: String,
    end: Result<(), String>,
) -> Found {
    let (asked, is_done) = (inquiry.asked(), inquiry.is_done());
    let note = [&[oracle.about().to_owned()], inquiry.notes()].concat().join(" ");
    let comparison = inquiry.into_comparison(respondent);
    let (verdict, reason) = judge(&comparison, asked, questions, is_done, end);
    let mut found = Found::new(verdict, reason);
    let all = if is_done { "all " } else { "" };
    found.technique = format!("differential against {}, {all}{asked} questions", comparison.respondent);
    found.complete = is_done;
    found.executions = asked;
    found.clauses = comparison.clauses.iter().map(|answers| answers.clause.clone()).collect();
    found.note = Some(note);
    found.comparison = Some(comparison);
    found
}

fn judge(
    comparison: &Comparison,
    asked: u64,
    questions: u64,
    is_done: bool,
    end: Result<(), String>,
) -> (Verdict, String) {
    let Comparison { respondent, differing, differences, .. } = comparison;
    if let Some(shortest) = differences.first() {
        let clause = shortest.clause.as_ref().map_or(String::new(), |clause| format!(" ({clause})"));
        let reason = format!(
            "{differing} of {asked} answers of {respondent} are not what the spec allows; the shortest: `{}` gives `{}`, \
             the spec allows `{}`{clause}",
            shortest.input, shortest.answer, shortest.spec
        );
        return (Verdict::Fail, reason);
    }
    match end {
        Err(reason) => (Verdict::Error, format!("after {asked} questions: {reason}")),
        // Whoever asks nothing agrees with everybody.
        Ok(()) if asked == 0 => (Verdict::Error, "it asked nothing".to_owned()),
        Ok(()) if !is_done => (Verdict::Inconclusive, format!("more than the {questions} questions that it may ask")),
        Ok(()) => (Verdict::Pass, format!("{respondent} answers as the spec allows, {asked} questions")),
    }
}
