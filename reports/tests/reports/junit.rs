//! The JUnit file: every check once, and counts that agree with the report's.

use std::collections::BTreeSet;

use scraper::{Html, Selector};
use selvedge_reports::junit::render;
use selvedge_reports::report::Report;
use selvedge_reports::store::Source;
use selvedge_verify::evidence::{Evidence, Expected, Kind, Verdict};

use crate::support;

#[test]
fn every_check_is_a_test_case_and_the_counts_are_those_of_the_report() {
    let report = support::report();
    let xml = render(&report).unwrap();
    let is_surveyed = |kind, verdict| kind == Kind::Peer && matches!(verdict, Verdict::Fail | Verdict::Inconclusive);
    let ended = |wanted: &[Verdict]| {
        let ended =
            report.evidence.iter().filter(|it| !is_surveyed(it.kind, it.verdict) && wanted.contains(&it.verdict));
        ended.count()
    };
    let inconclusive_peers = report
        .evidence
        .iter()
        .filter(|record| record.kind == Kind::Peer && record.verdict == Verdict::Inconclusive)
        .count();
    assert!(inconclusive_peers > 0);
    // What a record's verdict does not say has a case of its own.
    let beside = report.failures.iter().filter(|failure| failure.said.is_some()).count();
    let cases = report.evidence.len() + beside + report.not_run.len();
    let failures = ended(&[Verdict::Fail, Verdict::Inconclusive]) + beside;
    let skipped = ended(&[Verdict::Skipped]) + inconclusive_peers;
    assert!(failures > 0 && skipped > inconclusive_peers && !report.not_run.is_empty());
    assert_eq!(xml.matches("<testcase ").count(), cases);
    assert_eq!(xml.matches("<failure ").count(), failures);
    assert_eq!(xml.matches("<error ").count(), ended(&[Verdict::Error]) + report.not_run.len());
    assert_eq!(xml.matches("<skipped ").count(), skipped);

    let document = Html::parse_fragment(&xml);
    let all = |selector: &str| document.select(&Selector::parse(selector).unwrap()).collect::<Vec<_>>();
    let number = |value: Option<&str>| value.unwrap().parse::<usize>().unwrap();
    let total = all("testsuites")[0].value();
    assert_eq!(number(total.attr("tests")), cases);
    assert_eq!(number(total.attr("failures")), failures);
    let of_suites: usize = all("testsuite").iter().map(|suite| number(suite.value().attr("tests"))).sum();
    assert_eq!(of_suites, cases);
    let mut names: Vec<_> = all("testsuite").iter().map(|suite| suite.value().attr("name").unwrap()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a suite twice: {names:?}");
}

#[test]
fn the_file_is_well_formed_whatever_the_records_say() {
    let mut report = support::report();
    let hostile = "<b>&\"']]>\u{0}\u{1b}[31m\u{fffe}";
    for record in &mut report.evidence {
        record.reason = hostile.to_owned();
        record.technique = hostile.to_owned();
        record.reproduce = hostile.to_owned();
        record.check = hostile.to_owned();
        record.system = hostile.to_owned();
    }
    for missing in &mut report.not_run {
        missing.check.id = hostile.to_owned();
    }
    let xml = render(&report).unwrap();
    assert!(!xml.contains("<b>") && !xml.contains(['\u{0}', '\u{1b}', '\u{fffe}']));
    // Tags nest: what a parser of XML would check first.
    let mut open: Vec<&str> = Vec::new();
    for tag in xml.split('<').skip(1).map(|piece| piece.split('>').next().unwrap()) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') && !tag.starts_with(['?', '!']) {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

/// A report in which only these records are, all of them planned besides those that are left out.
fn report_from(records: Vec<Evidence>, also_planned: &[Evidence]) -> Report {
    let planned = records.iter().chain(also_planned).map(support::planned).collect();
    let run = Some(support::run_record(planned, None));
    let source = Source { directory: "report".to_owned(), run, evidence: records };
    Report::assemble(vec![source], &support::systems(), support::GENERATED_AT.to_owned())
}

#[test]
fn whenever_the_report_does_not_pass_something_fails_here() {
    let all = support::evidence;
    let with = |verdict| -> Vec<Evidence> { all().into_iter().filter(|record| record.verdict == verdict).collect() };
    let ours = |verdict| -> Vec<Evidence> {
        with(verdict).into_iter().filter(|record| record.kind == Kind::Conformance).collect()
    };
    let expecting = |held| {
        let mut records = ours(Verdict::Pass);
        records[0].expectations = vec![Expected { text: "forall done T1".to_owned(), held, leans: None }];
        records
    };
    let peers =
        |verdict| -> Vec<Evidence> { with(verdict).into_iter().filter(|record| record.kind == Kind::Peer).collect() };
    let reports = [
        ("all", support::report()),
        ("passing", report_from(ours(Verdict::Pass), &[])),
        ("not run", report_from(ours(Verdict::Pass), &ours(Verdict::Fail))),
        ("peers not run", report_from(ours(Verdict::Pass), &peers(Verdict::Fail))),
        ("nothing", report_from(vec![], &[])),
        ("nothing of all", report_from(vec![], &all())),
        ("skipped", report_from(with(Verdict::Skipped), &[])),
        ("inconclusive", report_from(with(Verdict::Inconclusive), &[])),
        ("failing", report_from(with(Verdict::Fail), &[])),
        ("broken", report_from(with(Verdict::Error), &[])),
        ("peers", report_from(peers(Verdict::Fail), &[])),
        ("expectation", report_from(expecting(Some(false)), &[])),
        ("expectation unknown", report_from(expecting(None), &[])),
    ];
    let mut codes = BTreeSet::new();
    for (name, report) in reports {
        let code = report.conclusion.exit_code;
        let xml = render(&report).unwrap();
        let failed = xml.matches("<failure ").count() + xml.matches("<error ").count();
        assert_eq!(code != 0, failed > 0, "{name}: {code}, {}", report.conclusion.sentence);
        codes.insert(code);
    }
    assert_eq!(codes, [0, 1, 3, 4, 5].into());
}
