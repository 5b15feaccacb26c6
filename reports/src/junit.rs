//! JUnit, for dashboards that read nothing else: a test case a check, in the dialect that Jenkins reads.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report as Junit, TestCase, TestCaseStatus, TestSuite, XmlString};
use selvedge_verify::evidence::{Evidence, Kind, Verdict};

use crate::report::Report;
use crate::table;

/// The report as JUnit XML. Characters that XML cannot hold are left out.
///
/// A suite is a system and a kind. A peer's violation is a property and not a failure: it decides nothing.
///
/// # Errors
///
/// If the XML cannot be written.
pub fn render(report: &Report) -> Result<String, quick_junit::SerializeError> {
    let mut junit = Junit::new("selvedge");
    let mut suites: Vec<(String, TestSuite)> = Vec::new();
    for record in &report.evidence {
        let name = format!("{}.{}", record.system, record.kind.name());
        let at = suites.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
            suites.push((name.clone(), TestSuite::new(name.as_str())));
            suites.len() - 1
        });
        suites[at].1.add_test_case(case(record, &name));
    }
    if !report.not_run.is_empty() {
        let mut suite = TestSuite::new("not-run");
        for missing in &report.not_run {
            let mut status = TestCaseStatus::skipped();
            status.set_message(legal(&missing.reason));
            suite.add_test_case(TestCase::new(missing.check.id.as_str(), status));
        }
        suites.push(("not-run".to_owned(), suite));
    }
    junit.add_test_suites(suites.into_iter().map(|(_, suite)| suite));
    junit.to_string()
}

fn case(record: &Evidence, suite: &str) -> TestCase {
    let is_finding = record.kind == Kind::Peer && record.verdict == Verdict::Fail;
    let failing = |kind| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(legal(&record.reason)).set_description(legal(&table::failure_in_words(record)));
        status
    };
    let status = match record.verdict {
        _ if is_finding => TestCaseStatus::success(),
        Verdict::Pass => TestCaseStatus::success(),
        // Neither a failure nor a finding; the verdict is among the properties.
        Verdict::Inconclusive if record.kind == Kind::Peer => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(legal(&format!("inconclusive: {}", record.reason)));
            status
        }
        Verdict::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(legal(&record.reason));
            status
        }
        Verdict::Inconclusive | Verdict::Fail => failing(NonSuccessKind::Failure),
        Verdict::Error => failing(NonSuccessKind::Error),
    };
    let mut case = TestCase::new(record.check.as_str(), status);
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
