//! What was observed about specs, and their state graphs: the page shows what the records say and finds nothing else.

use scraper::{Html, Selector};
use selvedge_reports::html::render;
use selvedge_reports::report::{Report, Sight};
use selvedge_reports::store::Source;
use selvedge_verify::evidence::{Arrow, Evidence};

use crate::support;

fn report_with(change: impl FnMut(&mut Evidence)) -> Report {
    let mut sources = support::sources();
    sources.iter_mut().flat_map(|source: &mut Source| &mut source.evidence).for_each(change);
    Report::assemble(sources, &support::systems(), support::GENERATED_AT.to_owned())
}

/// The texts of all elements that a selector finds, spaces made one.
fn texts(page: &Html, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    page.select(&selector).map(|element| words(element.text().collect())).collect()
}

#[test]
fn an_observation_stands_with_its_sentence_program_path_and_command_and_beside_who_does_not_allow_it() {
    let report = support::report();
    let [row] = &report.systems[0].observations[..] else { panic!("one observation is in the records") };
    let programs: Vec<_> = row.looks.iter().map(|look| report.evidence[look.evidence].program.as_deref()).collect();
    let sights: Vec<Sight> = row.looks.iter().map(|look| look.sight).collect();
    assert_eq!((row.name.as_str(), row.sight), ("signal-is-lost", Sight::Allowed));
    assert_eq!(sights, [Sight::Allowed, Sight::Unknown, Sight::NotAllowed]);
    assert_eq!(programs, [Some("L01-signal-no-lock"), Some("L13-late-signal"), Some("L02-loop")]);

    let page = Html::parse_document(&render(&report));
    let [whole] = &texts(&page, "article.observation")[..] else { panic!("it stands on the page once") };
    for words in ["the spec allows it", "not known: too many states", "not allowed", "blocked T1", "cond (order fifo)"]
    {
        assert!(whole.contains(words), "no `{words}` in {whole}");
    }
    assert_eq!(
        texts(&page, "article.observation .sentence"),
        ["A signal that nobody waits for is lost in this model."]
    );
    assert_eq!(texts(&page, ".observation .columns tbody td"), ["", "signal.none", "wait.enqueue", ""]);
    assert_eq!(texts(&page, ".observation > .command"), ["selvedge outcomes verify/litmus/cond/L01.litmus"]);
    assert!(texts(&page, ".observation .program")[0].starts_with("spec cond"));
    // Nothing went wrong there, and nobody is told that it did.
    assert!(!whole.contains("← here") && page.select(&Selector::parse(".observation tr.here").unwrap()).count() == 0);
    let beside = texts(&page, ".observation .beside tbody tr");
    assert!(
        beside[1].contains("L02-loop") && beside[1].contains("○ not allowed") && beside[1].contains("412"),
        "{beside:?}"
    );
}

#[test]
fn what_no_spec_allows_is_not_reported_as_found() {
    for (unknown, words, sight) in [
        (false, "not found: nothing allows it", Sight::NotAllowed),
        (true, "not found, and not ruled out", Sight::Unknown),
    ] {
        let report = report_with(|record| {
            for observed in &mut record.observations {
                (observed.allowed, observed.outcome) = ((!unknown).then_some(false), None);
                observed.rows.clear();
            }
        });
        assert_eq!(report.systems[0].observations[0].sight, sight);
        let page = Html::parse_document(&render(&report));
        let whole = &texts(&page, "article.observation")[0];
        assert!(whole.contains(words), "{whole}");
        assert!(!whole.contains("the spec allows it") && !whole.contains("there is an outcome"), "{whole}");
        assert!(texts(&page, ".observation .columns").is_empty() && texts(&page, ".observation .sentence").is_empty());
    }
}

#[test]
fn state_graphs_are_put_together_and_drawn_with_a_number_for_each_row_of_their_table() {
    let report = support::report();
    let graphs = &report.systems[0].graphs;
    let of = |graph: usize| (graphs[graph].things.as_str(), graphs[graph].spec.as_str(), graphs[graph].arrows.len());
    assert_eq!((graphs.len(), of(0), of(1)), (2, ("waiters", "cond", 3), ("waiters", "cond (order any)", 1)));
    let rules = |arrow: &Arrow| arrow.rules.join(" ");
    assert_eq!(
        graphs[0].arrows.iter().map(rules).collect::<Vec<_>>(),
        ["wait.enqueue", "wait.relock", "broadcast.all signal.oldest"]
    );

    let page = Html::parse_document(&render(&report));
    assert_eq!(texts(&page, ".states .label text"), ["1", "2", "3", "1"]);
    assert_eq!(
        texts(&page, ".states .status + text"),
        ["(new)", "notified", "parked", "running", "notified", "parked"]
    );
    let rows = texts(&page, ".arrows tbody tr");
    assert_eq!(rows.len(), 4);
    assert!(rows[0].starts_with("1(new)parkedwait.enqueue (COND-01)"), "{rows:?}");
    assert!(rows[2].starts_with("3parkednotifiedbroadcast.all (COND-06)"), "{rows:?}");
    assert!(rows[2].contains("), signal.oldest (COND-04"), "{rows:?}");
    let arrows = page.select(&Selector::parse(".states .arrow[marker-end]").unwrap()).count();
    assert_eq!(arrows, rows.len(), "each row is drawn");
}

#[test]
fn a_graph_that_is_not_complete_says_so() {
    let page = |report: &Report| texts(&Html::parse_document(&render(report)), ".arrows caption").join(";");
    assert!(!page(&support::report()).contains("not every execution"));
    let cut = report_with(|record| record.graphs.iter_mut().for_each(|graph| graph.complete = false));
    assert_eq!(page(&cut).matches("not every execution was looked at").count(), 2);
}

#[test]
fn a_record_from_before_observations_is_still_read() {
    let mut record = serde_json::to_value(&support::evidence()[0]).unwrap();
    let members = record.as_object_mut().unwrap();
    assert!(members.remove("observations").is_some() && members.remove("graphs").is_some());
    let read: Evidence = serde_json::from_value(record).unwrap();
    assert!(read.observations.is_empty() && read.graphs.is_empty());
    let whole = report_with(|record| {
        record.observations.clear();
        record.graphs.clear();
    });
    let page = render(&whole);
    assert!(!page.contains("Observations about specs") && !page.contains("State graphs"));
}
