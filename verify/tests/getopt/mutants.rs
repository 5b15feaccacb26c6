//! Each planted bug is found by cases drawn from a fixed seed, within a stated number of them.

use selvedge_model::getopt::Function;
use selvedge_model::getopt::profile::GLIBC;
use selvedge_verify::fuzz::getopt::drawn;
use selvedge_verify::mutant::getopt::{Bug, Flawed, MUTANTS};
use selvedge_verify::oracle::getopt::{Case, Difference, SpecRun, check_safety, compare};

const SEED: u64 = 7;
const CASES_MAX: u64 = 20_000;

/// Cases until the bug shows.
fn cases_to_kill(bug: Bug) -> Option<(u64, Box<Difference>)> {
    (0..CASES_MAX).find_map(|number| {
        let mut case = drawn(SEED, number);
        // The environment counts for the spec as for the mutant: no process is asked.
        case.posixly_correct = number % 4 == 0;
        let agreed = compare(&case, &mut SpecRun::new(&GLIBC, &case), &mut [&mut Flawed::new(bug, &case)]);
        agreed.err().map(|difference| (number + 1, difference))
    })
}

#[test]
fn every_planted_bug_is_killed() {
    assert_eq!(MUTANTS.len(), 20);
    for planted in MUTANTS {
        let cases = cases_to_kill(planted.bug);
        println!("{:<32} {}", planted.name, cases.as_ref().map_or(0, |(cases, _)| *cases));
        assert!(cases.is_some(), "{} survives {CASES_MAX} cases", planted.name);
    }
}

#[test]
fn without_a_bug_the_same_code_agrees() {
    assert_eq!(cases_to_kill(Bug::None), None);
}

/// What is drawn must not be one case again and again, nor mostly undefined.
#[test]
fn cases_are_various() {
    let cases: Vec<Case> = (0..1000).map(|number| drawn(SEED, number)).collect();
    let share = |holds: &dyn Fn(&Case) -> bool| cases.iter().filter(|case| holds(case)).count();
    for function in [Function::Getopt, Function::GetoptLong, Function::GetoptLongOnly] {
        assert!(share(&|case| case.function == function) > 250);
    }
    assert!(share(&|case| case.argv.is_empty()) > 2);
    assert!(share(&|case| case.argv.len() > 4) > 300);
    assert!(share(&|case| !case.interventions.is_empty()) > 150);
    let calls = |case: &Case| compare(case, &mut SpecRun::new(&GLIBC, case), &mut []).expect("it ends");
    let total: usize = cases.iter().map(calls).sum();
    assert!(total > 4000, "{total} calls in 1000 cases");
}

/// Without any spec to compare with, the safety clauses alone see some of them, each by its own clause.
#[test]
fn safety_alone_kills_some() {
    let expected = [
        (Bug::LongindexSetOnError, "GETOPT-S7"),
        (Bug::UnstableExchange, "GETOPT-S2"),
        (Bug::StaleOptarg, "GETOPT-S6"),
        (Bug::NoExchangeAtTerminator, "GETOPT-S5"),
        (Bug::LoneDashEnds, "GETOPT-S5"),
    ];
    for (bug, clause) in expected {
        let is_seen = (0..CASES_MAX).any(|number| {
            let mut case = drawn(SEED, number);
            case.interventions.clear();
            let broken = check_safety(&case, &GLIBC, &mut Flawed::new(bug, &case)).err();
            broken.is_some_and(|text| text.contains(&format!("{clause}:")))
        });
        assert!(is_seen, "{bug:?} breaks {clause}");
    }
}
