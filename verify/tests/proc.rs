//! The spec of Go's scheduler around system calls: its litmus tests, the mistakes that its clauses must notice, and the
//! page of its graphs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use selvedge_model::Spec;
use selvedge_model::proc::{Bug, Op, ProcSpec};
use selvedge_verify::diagram;
use selvedge_verify::evidence::{Evidence, Kind, StateGraph};
use selvedge_verify::explore::{Exploration, Limits, describe, explore, judge, shortest_path};
use selvedge_verify::litmus::corpus;
use selvedge_verify::litmus::{Outcome, Program, Source, ThreadEnd, parse};
use selvedge_verify::mutant::proc::{MUTANTS, Notices};
use selvedge_verify::suite::{Options, Planned, Suite};

/// States that a program of the corpus may have at most: exploring one must take no time worth mentioning. But for
/// `told-early-and-stop` with 83,000 and `stale-read-1.26` with 36,000 they have a few thousand.
const STATES_MAX: usize = 100_000;

fn read(name: &str) -> (Source, Program<Op>) {
    let file = corpus::PROC.iter().find(|file| file.name == name);
    let file = file.unwrap_or_else(|| panic!("the corpus has no {name}"));
    let source = parse(file.name, file.text).unwrap_or_else(|problems| panic!("{problems}"));
    let program = source.program::<ProcSpec>().unwrap_or_else(|problems| panic!("{problems}"));
    (source, program)
}

fn found(program: &Program<Op>, bug: Option<Bug>) -> Exploration {
    let spec = ProcSpec { bug, ..ProcSpec::configure(&program.parameters).expect("it has been read") };
    let limits = Limits { states: STATES_MAX, ..Limits::default() };
    let found = explore(&spec, program, &limits).expect("it has been read");
    assert!(found.complete, "{} has more than {STATES_MAX} states", program.name);
    found
}

/// The expectations that do not hold.
fn disappointments(source: &Source, program: &Program<Op>, found: &Exploration) -> Vec<String> {
    let expectations = program.expectations.iter().enumerate();
    let disappointed = expectations.filter(|(_, expectation)| judge(expectation, found).held != Some(true));
    disappointed.map(|(index, _)| source.expectation_text(index).to_owned()).collect()
}

#[test]
fn every_expectation_holds_and_no_clause_is_broken() {
    for file in corpus::PROC {
        let (source, program) = read(file.name);
        let found = found(&program, None);
        assert!(found.violations.is_empty(), "{}: {:#?}", file.name, found.violations);
        let outcomes: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
        assert_eq!(disappointments(&source, &program, &found), [""; 0], "{}: {outcomes:#?}", file.name);
    }
}

/// Whichever version a program was written for: what holds always holds under the others too.
#[test]
fn no_version_breaks_a_clause_in_any_program() {
    for version in ["go1.11", "go1.12", "go1.26"] {
        for file in corpus::PROC {
            let (_, program) = read(file.name);
            let program = Program { parameters: vec![("version".to_owned(), version.to_owned())], ..program };
            let found = found(&program, None);
            assert!(found.violations.is_empty(), "{} under {version}: {:#?}", file.name, found.violations);
        }
    }
}

/// A clause that a program names is one that its executions take a rule of, or one without rules: an invariant.
#[test]
fn every_rule_is_taken_and_every_clause_is_named() {
    let mut rules: BTreeSet<&str> = ProcSpec::rules().iter().map(|rule| rule.name).collect();
    let mut clauses: BTreeSet<&str> = ProcSpec::clauses().iter().map(|clause| clause.id).collect();
    let mut idle_claims = Vec::new();
    for file in corpus::PROC {
        let (_, program) = read(file.name);
        let found = found(&program, None);
        let taken: BTreeSet<&str> =
            found.rules.iter().filter(|(_, count)| **count > 0).map(|(rule, _)| *rule).collect();
        rules.retain(|rule| !taken.contains(rule));
        for clause in &program.clauses {
            clauses.remove(clause.as_str());
            let of_clause = || ProcSpec::rules().iter().filter(|rule| rule.clause == clause);
            if of_clause().next().is_some() && !of_clause().any(|rule| taken.contains(rule.name)) {
                idle_claims.push(format!("{} names {clause} and takes no rule of it", file.name));
            }
        }
        assert!(!program.about.is_empty(), "{} does not say what it is about", file.name);
    }
    assert!(idle_claims.is_empty(), "{idle_claims:#?}");
    assert!(rules.is_empty(), "rules that no program takes: {rules:?}");
    assert!(clauses.is_empty(), "clauses that no program names: {clauses:?}");
}

/// The same program has nothing to complain of under the spec as it is (see above): so it is the mistake that is noticed.
#[test]
fn every_planted_mistake_is_noticed() {
    for mutant in MUTANTS {
        let (source, program) = read(mutant.program);
        let found = found(&program, Some(mutant.bug));
        let broken: BTreeSet<&str> = found.violations.iter().map(|violation| violation.broken.clause).collect();
        match mutant.notices {
            Notices::Clause(clause) => {
                assert!(ProcSpec::clauses().iter().any(|known| known.id == clause), "{clause}");
                assert!(broken.contains(clause), "{}: {clause} is not among {broken:?}", mutant.name);
            }
            Notices::Expectation => {
                let disappointed = disappointments(&source, &program, &found);
                assert!(!disappointed.is_empty(), "{}: every expectation holds", mutant.name);
            }
        }
    }
}

#[test]
fn every_clause_of_progress_can_be_broken() {
    let broken: BTreeSet<Notices> = MUTANTS.iter().map(|mutant| mutant.notices).collect();
    for clause in ProcSpec::clauses().iter().filter(|clause| clause.id.starts_with("PROC-L")) {
        assert!(broken.contains(&Notices::Clause(clause.id)), "no planted mistake breaks {}", clause.id);
    }
}

/// Facts 2.12: the same program under each version. Up to Go 1.25 every stop ends; under the model of Go 1.26 one need
/// not, and this is the shortest way there.
#[test]
fn a_stop_that_a_call_escapes_exists_from_go_1_26_on_only() {
    let stuck = |name: &str| {
        let (_, program) = read(name);
        let stopper = program.threads.iter().position(|thread| thread.name == "Stopper").expect("it has a stopper");
        let spec = ProcSpec::configure(&program.parameters).expect("it has been read");
        let is_stuck = |outcome: &Outcome| match outcome {
            Outcome::Final(end) => end.threads[stopper] != ThreadEnd::Done,
            _ => true,
        };
        shortest_path(&spec, &program, STATES_MAX, |outcome, _| is_stuck(outcome)).expect("it has been read")
    };
    assert_eq!(stuck("S04-stop-and-enter"), None);
    assert_eq!(stuck("S04-stop-and-enter-1.11"), None);
    let path = stuck("S04-stop-and-enter-1.26").expect("the stop need not end");
    let steps: Vec<(usize, &str)> = path.rows.iter().map(|row| (row.thread, row.text.as_str())).collect();
    let expected = [
        (0, "enter-call: enter.owes-nothing"),
        (0, "enter-call: enter.reads-early-no-stop"),
        (1, "stop: world.take"),
        (1, "stop.announce"),
        (1, "stop.own"),
        (1, "stop.pass"),
        (0, "enter-call: enter.call-last → ok"),
        (1, "stop.pass"),
        (1, "stop.wait"),
    ];
    assert_eq!(steps, expected);
    assert_eq!(stuck("S04-then-a-return-1.26"), None);
    assert_eq!(stuck("S04-then-a-look-1.26"), None);
}

/// The records of the spec's checks, by program.
fn records() -> BTreeMap<String, Evidence> {
    let suite = Suite::standard();
    let is_spec = |planned: &Planned| planned.system == "proc" && planned.kind == Kind::Spec;
    let planned = suite.plan(&Options::quick()).into_iter().filter(is_spec);
    planned
        .map(|planned| {
            let record = suite.run_here(&planned, &Options::quick());
            (planned.program.expect("it is of one program"), record)
        })
        .collect()
}

/// What the report shows of facts 2.12: allowed from Go 1.26 on, along the path above, and nowhere else; and its graphs
/// are those of `docs/proc.md`.
#[test]
fn the_records_hold_the_observation_and_the_graphs() {
    let records = records();
    let observed: BTreeMap<(&str, Option<bool>), usize> = records
        .iter()
        .flat_map(|(program, record)| record.observations.iter().map(move |observed| (program, observed)))
        .inspect(|(_, observed)| assert_eq!(observed.name, "stop-escapes"))
        .map(|(program, observed)| ((program.as_str(), observed.allowed), observed.rows.len()))
        .collect();
    let expected = BTreeMap::from([
        (("S04-stop-and-enter", Some(false)), 0),
        (("S04-stop-and-enter-1.11", Some(false)), 0),
        (("S04-stop-and-enter-1.26", Some(true)), 9),
        (("S04-then-a-look-1.26", Some(false)), 0),
        (("S04-then-a-return-1.26", Some(false)), 0),
    ]);
    assert_eq!(observed, expected);
    let found = &records["S04-stop-and-enter-1.26"].observations[0];
    assert_eq!(found.spec, "proc (version go1.26)");
    let command = found.command.as_deref().unwrap_or_default();
    let file = command.strip_prefix("cargo run --release -- outcomes ").expect("it prints the outcomes");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file).is_file(), "{file}");
    for careful in ["In this model", "it is a hypothesis", "no report of it upstream"] {
        assert!(found.text.contains(careful), "{}", found.text);
    }

    let recorded = diagram::merged(records.values().flat_map(|record| &record.graphs));
    let drawn = diagram::of_corpus::<ProcSpec>(corpus::PROC).unwrap_or_else(|error| panic!("{error}"));
    assert!(recorded == drawn, "the records' graphs are not those of the page");
    assert_eq!(recorded.len(), 6, "processors and goroutines of three versions");
}

/// The programs of S4 differ in the version and in what they expect, and in nothing else.
#[test]
fn the_programs_of_the_escaping_stop_are_one_program() {
    let bare = |name: &str| {
        let (_, program) = read(name);
        let (name, about, parameters, clauses, expectations) = Default::default();
        Program { name, about, parameters, clauses, expectations, ..program }
    };
    assert_eq!(bare("S04-stop-and-enter"), bare("S04-stop-and-enter-1.26"));
    assert_eq!(bare("S04-stop-and-enter"), bare("S04-stop-and-enter-1.11"));
}

#[test]
fn the_page_of_graphs_is_up_to_date() {
    let page: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/proc.md");
    let drawn = diagram::document().unwrap_or_else(|error| panic!("{error}"));
    if std::env::var_os("PROC_DOCUMENT").is_some_and(|wish| wish == "write") {
        std::fs::write(&page, &drawn).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&page).expect("the page is committed");
    assert!(committed == drawn, "docs/proc.md is out of date: PROC_DOCUMENT=write writes it anew");
}

/// The table of the fact sheet, as far as it is about a change of status: each row has its arrow, and nothing else leads
/// out of a call up to Go 1.25.
#[test]
fn the_graph_of_processors_is_the_table_of_transitions() {
    let graphs = diagram::of_corpus::<ProcSpec>(corpus::PROC).unwrap_or_else(|error| panic!("{error}"));
    let is_wanted = |graph: &&StateGraph| graph.things == "processors" && graph.spec == "proc (version go1.12)";
    let processors = graphs.iter().find(is_wanted).expect("it has processors");
    let arrows: BTreeMap<(&str, &str), BTreeSet<&str>> = processors
        .arrows
        .iter()
        .map(|arrow| {
            let ends = (arrow.from.as_deref().unwrap_or("[*]"), arrow.to.as_str());
            (ends, arrow.rules.iter().map(String::as_str).collect())
        })
        .collect();
    for (from, to, rule) in [
        ("idle", "running", "m.wake"),
        ("running", "idle", "block.release"),
        ("running", "syscall", "enter.publish"),
        ("syscall", "idle", "exit.reclaim"),
        ("syscall", "idle", "look.retake"),
        ("syscall", "idle", "round.call"),
        ("syscall", "gcstop", "stop.call"),
        ("syscall", "gcstop", "enter.halts"),
        ("running", "gcstop", "m.halt"),
        ("running", "gcstop", "stop.own"),
        ("idle", "gcstop", "stop.idle"),
        ("idle", "gcstop", "hand-off.halt"),
        ("gcstop", "running", "start.keep"),
        ("gcstop", "idle", "start.idle"),
        ("gcstop", "dead", "start.destroy"),
        ("dead", "gcstop", "start.grow"),
        ("[*]", "gcstop", "start.grow"),
    ] {
        assert!(arrows.get(&(from, to)).is_some_and(|rules| rules.contains(rule)), "{from} to {to} by {rule}");
    }
    let out_of_calls: Vec<&str> = arrows
        .iter()
        .filter(|((from, _), _)| *from == "syscall")
        .flat_map(|(_, rules)| rules.iter().copied())
        .collect();
    assert_eq!(out_of_calls, ["enter.halts", "stop.call", "exit.reclaim", "look.retake", "round.call"]);
}
