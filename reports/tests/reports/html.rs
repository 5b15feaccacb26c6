//! The page: what it shows is what `report.json` holds, it stands alone, and its links lead somewhere.

use std::collections::BTreeSet;

use scraper::{Html, Selector};
use selvedge_reports::html::render;
use selvedge_reports::report::Report;
use selvedge_verify::evidence::Verdict;
use serde_json::Value;

use crate::support;

fn reports() -> Vec<(&'static str, Report)> {
    let only = |verdict| support::report_of(move |record| record.verdict == verdict);
    vec![("all", support::report()), ("pass", only(Verdict::Pass)), ("fail", only(Verdict::Fail))]
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

#[test]
fn every_number_is_the_one_of_the_json() {
    for (name, report) in reports() {
        let json = serde_json::to_value(&report).unwrap();
        let page = Html::parse_document(&render(&report));
        let mut pointers = BTreeSet::new();
        for number in page.select(&selector("data[data-at]")) {
            let at = number.value().attr("data-at").unwrap();
            let value: u64 = number.value().attr("value").unwrap().parse().unwrap();
            let held = json.pointer(at).unwrap_or_else(|| panic!("{name}: nothing at {at}"));
            assert_eq!(held.as_u64(), Some(value), "{name}: {at}");
            let shown: String = number.text().collect();
            if !number.value().classes().any(|class| class == "ms") {
                assert_eq!(shown.replace(',', ""), value.to_string(), "{name}: {at}");
            }
            pointers.insert(at.to_owned());
        }
        for verdict in ["pass", "fail", "error", "inconclusive", "skipped", "not_run", "checks"] {
            let at = format!("/counts/deciding/{verdict}");
            assert!(pointers.contains(&at), "{name}: {at} is not shown");
        }
        for index in 0..report.evidence.len() {
            let at = format!("/evidence/{index}/executions");
            assert!(pointers.contains(&at), "{name}: {at} is not shown");
        }
    }
}

#[test]
fn every_text_is_one_of_the_json() {
    let report = support::report();
    let mut held = BTreeSet::new();
    collect(&serde_json::to_value(&report).unwrap(), &mut held);
    let page = Html::parse_document(&render(&report));
    for text in page.select(&selector(".t")) {
        let shown: String = text.text().collect();
        assert!(held.contains(&shown), "nothing in report.json says `{shown}`");
    }
}

/// Every string and key, without the backticks that become markup.
fn collect(value: &Value, held: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            held.insert(text.clone());
            held.insert(text.replace('`', ""));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, held)),
        Value::Object(members) => members.iter().for_each(|(key, item)| {
            held.insert(key.clone());
            collect(item, held);
        }),
        _ => {}
    }
}

#[test]
fn the_page_stands_alone_and_its_links_lead_somewhere() {
    for (name, report) in reports() {
        let text = render(&report);
        let page = Html::parse_document(&text);
        for forbidden in ["script", "link", "img", "iframe", "object", "form", "[onclick]", "[src]"] {
            assert_eq!(page.select(&selector(forbidden)).count(), 0, "{name}: {forbidden}");
        }
        // A picture may refer to a pattern of its own page.
        let fetching = text.replace("url(#", "");
        assert!(!fetching.contains("@import") && !fetching.contains("url("), "{name}: the page fetches something");
        let ids: Vec<&str> = page.select(&selector("[id]")).map(|it| it.value().attr("id").unwrap()).collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), unique.len(), "{name}: an id stands twice");
        for link in page.select(&selector("a[href]")) {
            let target = link.value().attr("href").unwrap();
            match target.strip_prefix('#') {
                Some(id) => assert!(unique.contains(id), "{name}: nothing at {target}"),
                None => assert!(target.starts_with("https://") || target.starts_with("http://"), "{name}: {target}"),
            }
        }
        for missing in &report.not_run {
            assert!(text.contains(&missing.check.id), "{name}: {} is not listed", missing.check.id);
        }
    }
}

#[test]
fn what_failed_comes_before_what_passed_and_long_lists_are_folded() {
    let text = render(&support::report());
    let at = |needle: &str| text.find(needle).unwrap_or_else(|| panic!("{needle}"));
    assert!(at("id=\"verdict\"") < at("id=\"failures\""));
    assert!(at("id=\"failures\"") < at("id=\"clauses-0\""));
    assert!(at("id=\"clauses-0\"") < at("id=\"checks\""));
    let page = Html::parse_document(&text);
    let coverage: Vec<String> =
        page.select(&selector(".clauses .chip")).map(|chip| chip.text().collect::<String>()).collect();
    let place =
        |chip: &String| ["uncovered", "violated", "spec only", "covered"].iter().position(|it| chip.ends_with(it));
    let first_other = coverage.iter().position(|chip| !chip.ends_with("uncovered")).unwrap();
    assert!(first_other > 0 && coverage.iter().all(|chip| place(chip).is_some()), "{coverage:?}");
    assert!(coverage[first_other..].iter().all(|chip| !chip.ends_with(" uncovered")), "{coverage:?}");
    // Every check's line stands in a fold.
    assert_eq!(page.select(&selector("#checks > .check")).count(), 0);
    assert!(page.select(&selector("#checks details.kind .check")).count() > 0);
}

#[test]
fn hostile_text_stays_text() {
    let mut report = support::report();
    for record in &mut report.evidence {
        record.reason = "</script><script>alert(1)</script><img src=x onerror=alert(1)>".to_owned();
    }
    let page = Html::parse_document(&render(&report));
    assert_eq!(page.select(&selector("script, img")).count(), 0);
}
