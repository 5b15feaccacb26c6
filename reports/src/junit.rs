//! JUnit, for dashboards that read nothing else: a test case a check, in the dialect that Jenkins reads.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report as Junit, TestCase, TestCaseStatus, TestSuite, XmlString};
use selvedge_verify::evidence::{Evidence, Kind, Verdict};

use crate::exit::Exit;
use crate::report::{FailureKind, Report};
use crate::table;

/// The report as JUnit XML. Characters that XML cannot hold are left out.
///
/// A suite is a system and a kind. Whenever the conclusion is not that everything passed, something here has failed. A peer's violation is a property and not a failure: it decides nothing.
///
/// # Errors
///
/// If the XML cannot be written.
pub fn render(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Junit::new("selvedge");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    let mut add = |name: String, case: TestCase| {
        let at = suites.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            suites.push((name.clone(), TestSuite::new(name.as_str())));
            suites.len() - 1
        });
        suites[at].1.add_test_case(case);
    };
    let suite_of = |record: &Evidence| legal(&format!("{}.{}", record.system, record.kind.name()));
    for record in &report.evidence {
        add(suite_of(record), case(record, &suite_of(record)));
    }
    for failure in &report.failures {
        // What the record's own verdict says stands in its case.
        let Some(said) = &failure.said else { continue };
        let record = &report.evidence[failure.evidence];
        let (kind, what) = match failure.what {
            FailureKind::HarnessError => (NonSuccessKind::Error, "elsewhere"),
            _ => (NonSuccessKind::Failure, "expectation"),
        };
        let mut case = TestCase::new(legal(&format!("{} ({what})", record.check)), with_message(kind, said));
        case.set_classname(suite_of(record));
        add(suite_of(record), case);
    }
    for missing in &report.not_run {
        let status = match missing.check.kind {
            // What peers do decides nothing, whether it is known or not.
            Kind::Peer => skipped(&missing.reason),
            _ => with_message(NonSuccessKind::Error, &missing.reason),
        };
        add("not-run".to_owned(), TestCase::new(legal(&missing.check.id), status));
    }
    // What is not of a single check: that none ran, say.
    let is_said = suites.iter().any(|(_, suite)| suite.failures + suite.errors > 0);
    if report.conclusion.outcome != Exit::Pass && !is_said {
        let mut suite = TestSuite::new("conclusion");
        let status = with_message(NonSuccessKind::Error, &report.conclusion.sentence);
        suite.add_test_case(TestCase::new(report.conclusion.outcome.words(), status));
        suites.push(("conclusion".to_owned(), suite));
    }
    junit.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    junit.to_string()
}

fn with_message(kind: NonSuccessKind, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(legal(message));
    status
}

fn skipped(reason: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(legal(reason));
    status
}

fn case(record: &Evidence, suite: &str) -> TestCase {
    let is_finding = record.kind == Kind::Peer && record.verdict == Verdict::Fail;
    let failing = |kind| {
        let mut status = with_message(kind, &record.reason);
        status.set_description(legal(&table::failure_in_words(record)));
        status
    };
    let status = match record.verdict {
        _ if is_finding => TestCaseStatus::success(),
        Verdict::Pass => TestCaseStatus::success(),
        // Neither a failure nor a finding; the verdict is among the properties.
        Verdict::Inconclusive if record.kind == Kind::Peer => skipped(&format!("inconclusive: {}", record.reason)),
        Verdict::Skipped => skipped(&record.reason),
        Verdict::Inconclusive | Verdict::Fail => failing(NonSuccessKind::Failure),
        Verdict::Error => failing(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(legal(&record.check), status);
    case.set_classname(suite).set_time(Duration::from_millis(record.duration_ms));
    let verdict = serde_json::to_value(record.verdict).expect("a verdict is plain data");
    let verdict = if is_finding { "finding" } else { verdict.as_str().expect("a verdict is a word") };
    for (name, value) in
        [("verdict", verdict), ("technique", record.technique.as_str()), ("reproduce", record.reproduce.as_str())]
    {
        case.add_property(Property::new(name, XmlString::new(legal(value))));
    }
    case
}

/// The text without what XML 1.0 cannot hold, not even escaped.
fn legal(text: &str) -> String {
    let is_legal = |letter: &char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(is_legal).collect()
}
