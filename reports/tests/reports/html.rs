//! The page: what it shows is what `report.json` holds, it stands alone, and its links lead somewhere.

use std::collections::BTreeSet;

use scraper::{ElementRef, Html, Selector};
use selvedge_reports::html::render;
use selvedge_reports::report::{Report, Standing, mode_word};
use selvedge_verify::evidence::{Evidence, Kind, Verdict, Witness};
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
            let at = &pointer(number);
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

/// The whole pointer: what stands around the number, then its own part.
fn pointer(number: ElementRef<'_>) -> String {
    let own = number.value().attr("data-at").unwrap();
    if own.starts_with('/') {
        return own.to_owned();
    }
    let base = number.ancestors().filter_map(ElementRef::wrap).find_map(|around| around.value().attr("data-base"));
    format!("{}/{own}", base.expect("something to continue"))
}

#[test]
fn every_count_of_an_outcome_stands_in_its_row_and_below_its_check() {
    let report = support::report();
    let page = Html::parse_document(&render(&report));
    let mut cells = 0;
    for table in page.select(&selector("table.seen")) {
        let words = |it: ElementRef<'_>| it.text().collect::<String>();
        let engines: Vec<String> = table.select(&selector("thead tr:nth-child(2) th")).map(words).collect();
        let subjects: Vec<String> = table
            .select(&selector("thead tr:first-child th[colspan]"))
            .flat_map(|it| vec![words(it); it.value().attr("colspan").unwrap().parse().unwrap()])
            .collect();
        assert_eq!(engines.len(), subjects.len());
        for row in table.select(&selector("tbody tr")) {
            let outcome = words(row.select(&selector("th")).next().unwrap());
            let columns: Vec<ElementRef<'_>> = row.select(&selector("td")).skip(1).collect();
            assert_eq!(columns.len(), engines.len());
            for (column, cell) in columns.into_iter().enumerate() {
                let Some(number) = cell.select(&selector("data")).next() else { continue };
                let at = pointer(number);
                let parts: Vec<&str> = at.split('/').collect();
                let record = &report.evidence[parts[2].parse::<usize>().unwrap()];
                assert_eq!(record.outcomes[parts[4].parse::<usize>().unwrap()].outcome, outcome);
                assert_eq!(record.engine, engines[column]);
                assert!(subjects[column].starts_with(record.subject.as_deref().unwrap()), "{}", record.check);
                cells += 1;
            }
        }
    }
    let is_planted = |record: &Evidence| matches!(record.kind, Kind::Mutant | Kind::Canary | Kind::Spec);
    let expected = report.evidence.iter().filter(|it| !is_planted(it) && it.executions > 0);
    assert_eq!(cells, expected.map(|record| record.outcomes.len()).sum::<usize>());
}

#[test]
fn who_allows_an_outcome_is_what_the_records_say_together() {
    let mut sources = support::sources();
    let weak = "T1 done, T2 reads what was before";
    for record in sources.iter_mut().flat_map(|source| &mut source.evidence) {
        if record.check.ends_with("conformance/L01-signal-no-lock/cond/loom") {
            record.outcomes.push(Witness { outcome: weak.to_owned(), seen: 3, allowed: true });
        }
    }
    let report = Report::assemble(sources, &support::systems(), support::GENERATED_AT.to_owned());
    let standing = |program: &str, outcome: &str| {
        let found = report.systems[0].programs.iter().find(|it| it.name.as_deref() == Some(program)).unwrap();
        found.outcomes.iter().find(|it| it.outcome == outcome).unwrap().standing
    };
    assert_eq!(standing("L01-signal-no-lock", "T1 done"), Standing::Allowed);
    assert_eq!(standing("L01-signal-no-lock", weak), Standing::WeakMemory);
    assert_eq!(standing("L04-fifo", "T1 blocked in wait, T2 done"), Standing::NotAllowed);
    let text = render(&report);
    for words in ["by weak memory only", "✗ not allowed"] {
        assert!(text.contains(words), "{words}");
    }
}

#[test]
fn every_check_has_its_verdict_its_bound_and_its_command() {
    let report = support::report();
    let page = Html::parse_document(&render(&report));
    let words = |it: ElementRef<'_>| it.text().collect::<String>();
    let commands: Vec<String> = page.select(&selector(".commands code")).map(words).collect();
    let mut expected: Vec<&str> = report.evidence.iter().map(|it| it.reproduce.as_str()).collect();
    expected.sort_unstable();
    let mut found: Vec<&str> = commands.iter().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    for line in page.select(&selector("tr.check")) {
        let index: usize = line.value().attr("data-base").unwrap().rsplit_once('/').unwrap().1.parse().unwrap();
        let record = &report.evidence[index];
        let text = words(line);
        let mode = record.mode.map_or("", mode_word);
        let finished = if record.complete { "; complete" } else { "; not complete" };
        for part in [record.technique.as_str(), mode, finished] {
            assert!(text.contains(part), "{}: no `{part}` in `{text}`", record.check);
        }
        if let Some(seed) = record.seed {
            assert!(text.contains(&format!("seed {seed}")), "{}", record.check);
        }
        assert_eq!(line.select(&selector(".chip")).count(), 1, "{}", record.check);
    }
}

#[test]
fn every_text_is_one_of_the_json() {
    let report = support::report();
    let mut held = BTreeSet::new();
    collect(&serde_json::to_value(&report).unwrap(), &mut held);
    let page = Html::parse_document(&render(&report));
    for text in page.select(&selector(".t, code:not(.own, .t *)")) {
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
    assert_eq!(page.select(&selector("#checks .check")).count(), support::report().evidence.len());
    assert_eq!(page.select(&selector("#checks details.program .check")).count(), support::report().evidence.len());
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

#[test]
fn what_is_not_answered_is_said_with_its_reason() {
    let report = support::report();
    let page = Html::parse_document(&render(&report));
    let words = |it: ElementRef<'_>| it.text().collect::<String>();
    let rows: Vec<String> = page.select(&selector("#unanswered tbody tr")).map(words).collect();
    let silent = |record: &&Evidence| matches!(record.verdict, Verdict::Skipped | Verdict::Inconclusive);
    for record in report.evidence.iter().filter(silent) {
        assert!(rows.iter().any(|row| row.contains(&record.reason.replace('`', ""))), "{}", record.check);
    }
    let deciding: u64 = report.unanswered.iter().map(|it| it.deciding).sum();
    assert_eq!(deciding, report.counts.deciding.skipped + report.counts.deciding.inconclusive);
    assert!(report.unanswered.iter().any(|it| it.peers > 0), "the fixture has a peer without an answer");
}
