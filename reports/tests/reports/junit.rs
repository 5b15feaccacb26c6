//! The JUnit file: every check once, and counts that agree with the report's.

use scraper::{Html, Selector};
use selvedge_reports::junit::render;
use selvedge_verify::evidence::{Kind, Verdict};

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
    let failures = ended(&[Verdict::Fail, Verdict::Inconclusive]);
    let skipped = ended(&[Verdict::Skipped]) + inconclusive_peers + report.not_run.len();
    assert!(failures > 0 && skipped > inconclusive_peers + report.not_run.len() && !report.not_run.is_empty());
    assert_eq!(xml.matches("<testcase ").count(), report.evidence.len() + report.not_run.len());
    assert_eq!(xml.matches("<failure ").count(), failures);
    assert_eq!(xml.matches("<error ").count(), ended(&[Verdict::Error]));
    assert_eq!(xml.matches("<skipped ").count(), skipped);

    let document = Html::parse_fragment(&xml);
    let all = |selector: &str| document.select(&Selector::parse(selector).unwrap()).collect::<Vec<_>>();
    let number = |value: Option<&str>| value.unwrap().parse::<usize>().unwrap();
    let total = all("testsuites")[0].value();
    assert_eq!(number(total.attr("tests")), report.evidence.len() + report.not_run.len());
    assert_eq!(number(total.attr("failures")), failures);
    let of_suites: usize = all("testsuite").iter().map(|suite| number(suite.value().attr("tests"))).sum();
    assert_eq!(of_suites, report.evidence.len() + report.not_run.len());
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
