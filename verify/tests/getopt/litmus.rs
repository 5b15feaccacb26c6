//! The litmus tests of getopt: what they expect holds, and between them they take every decision and name every clause.

use std::collections::BTreeSet;

use selvedge_model::Spec;
use selvedge_model::getopt::GetoptSpec;
use selvedge_verify::litmus::corpus;
use selvedge_verify::suite::Suite;

#[test]
fn every_expectation_holds_and_every_rule_is_taken() {
    let suite = Suite::standard();
    let mut rules = BTreeSet::new();
    for file in corpus::GETOPT {
        let found = suite.outcomes(file.name, file.text).unwrap_or_else(|problems| panic!("{problems}"));
        for expectation in &found.expectations {
            assert_eq!(expectation.held, Some(true), "{}: {expectation:?}\n{:?}", file.name, found.outcomes);
        }
        assert!(!found.expectations.is_empty() && found.outcomes.len() == 1, "{}", file.name);
        rules.extend(found.rules.into_iter().filter(|(_, count)| *count > 0).map(|(rule, _)| rule));
    }
    let idle: Vec<&str> =
        GetoptSpec::rules().iter().map(|rule| rule.name).filter(|rule| !rules.contains(*rule)).collect();
    assert!(idle.is_empty(), "rules that no litmus test takes: {idle:?}");
}

#[test]
fn every_clause_is_named() {
    let named: BTreeSet<&str> = corpus::GETOPT
        .iter()
        .flat_map(|file| file.text.lines().filter_map(|line| line.strip_prefix("clauses ")))
        .flat_map(str::split_whitespace)
        .collect();
    let bare: Vec<&str> =
        GetoptSpec::clauses().iter().map(|clause| clause.id).filter(|id| !named.contains(id)).collect();
    assert!(bare.is_empty(), "clauses without a litmus test: {bare:?}");
}
