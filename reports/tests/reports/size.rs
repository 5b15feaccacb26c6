//! The page stays small: what many checks have in common is said once.
//!
//! A page is mailed and opened on a telephone. It once took 4,200 bytes a check, most of them the same outcomes, rules and
//! clauses again for every engine.

use std::collections::BTreeMap;

use selvedge_reports::html::render;
use selvedge_reports::report::Report;
use selvedge_reports::store::Source;
use selvedge_verify::evidence::{Evidence, Expected, Kind, Relation, Witness};

use crate::support;

/// What one more check may take. Measured here: 1,410 bytes. (A `verify` of 953 checks comes to 1,540 with everything
/// else on its page and the executions of 24 mutants and canaries.) The rest is room for a longer sentence or one more
/// column, and not for a list a check: three outcomes alone would take 1,000.
const BYTES_PER_CHECK: usize = 1_600;

/// What one more execution that is shown may take, picture and table. Measured here: 9,010 bytes for 16 steps.
const BYTES_PER_EXECUTION: usize = 10_000;

#[test]
fn a_page_grows_by_few_bytes_a_check() {
    let (few, many) = (page(checks(20)), page(checks(60)));
    let each = (many.1 - few.1) / (many.0 - few.0);
    assert!(many.0 > 500, "{} checks are not several hundred", many.0);
    assert!(each <= BYTES_PER_CHECK, "one more check takes {each} bytes");
}

#[test]
fn a_page_grows_by_few_bytes_an_execution() {
    let killed = support::evidence().into_iter().find(|record| record.check.ends_with("L04-fifo/cond/pct")).unwrap();
    let with = |count: usize| {
        let mutants = (0..count).map(|position| {
            let mut record = support::passing(Kind::Mutant, "L04-fifo", Some(&format!("M{position:02}")), "pct");
            record.counterexample.clone_from(&killed.counterexample);
            record
        });
        page(mutants.collect()).1
    };
    let each = (with(30) - with(10)) / 20;
    assert!(each <= BYTES_PER_EXECUTION, "one more execution takes {each} bytes");
}

/// How many checks, and how many bytes their page has.
fn page(evidence: Vec<Evidence>) -> (usize, usize) {
    let run = support::run_record(evidence.iter().map(support::planned).collect(), None);
    let source = Source { directory: "report".to_owned(), run: Some(run), evidence };
    let report = Report::assemble(vec![source], &support::systems(), support::GENERATED_AT.to_owned());
    (report.evidence.len(), render(&report).len())
}

/// What a run makes of so many programs: the spec alone, two subjects of ours and the reference under several engines,
/// two peers.
fn checks(programs: usize) -> Vec<Evidence> {
    let ours = ["cond", "ticket"].into_iter().flat_map(|subject| {
        ["dfs", "loom", "portfolio", "threads"].map(|engine| (Kind::Conformance, Some(subject), engine))
    });
    let reference = ["dfs", "loom"].map(|engine| (Kind::Reference, Some("reference"), engine));
    let peers = ["std", "parking_lot"].map(|peer| (Kind::Peer, Some(peer), "threads"));
    let of_a_program: Vec<_> =
        [(Kind::Spec, None, "explorer")].into_iter().chain(ours).chain(reference).chain(peers).collect();
    (0..programs)
        .flat_map(|position| {
            let name = format!("{position:02}-a-program-with-a-long-name");
            of_a_program.iter().map(move |(kind, subject, engine)| record(*kind, &name, *subject, engine))
        })
        .collect()
}

fn record(kind: Kind, program: &str, subject: Option<&str>, engine: &str) -> Evidence {
    let mut record = support::passing(kind, program, subject, engine);
    record.clauses = ["COND-01", "COND-03", "COND-04"].map(str::to_owned).to_vec();
    let outcomes = [
        ("W1 done, W2 blocked at \"wait\" (line 4), S done; queued=2; W1:r=notified", 7_020),
        ("W1 blocked at \"wait\" (line 2), W2 done, S done; queued=2; W2:r=notified", 2_980),
        ("W1 done, W2 done, S done; queued=2, returned=1; W1:r=timeout", 0),
    ];
    record.outcomes = outcomes
        .map(|(outcome, seen)| Witness {
            outcome: outcome.to_owned(),
            seen: seen.min(record.executions),
            allowed: true,
        })
        .to_vec();
    let rules = ["wait.enqueue", "wait.notified", "wait.relock", "signal.oldest", "signal.none", "broadcast.all"];
    record.rules = rules.into_iter().map(|rule| (rule.to_owned(), record.executions)).collect::<BTreeMap<_, _>>();
    match subject {
        Some(_) => record.relation = Some(Relation::Narrower),
        None => {
            // Drawn once, however many programs record it.
            record.graphs = support::evidence()[0].graphs.clone();
            assert!(!record.graphs.is_empty());
            record.expectations =
                vec![Expected { text: "exists done W1 && blocked W2".to_owned(), held: Some(true), leans: None }];
        }
    }
    record
}
