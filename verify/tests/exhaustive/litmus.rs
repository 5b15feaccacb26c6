//! The corpus, and generated programs, under the engine: reduced, reduced less, and not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds, Profile, Shuttle, Timeouts};
use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_model::toy::register::RegisterSpec;
use selvedge_verify::conformance::Target;
use selvedge_verify::engine::exhaustive::{Account, Class, Fault, Options, Reduction, explore_classes, is_pruned};
use selvedge_verify::evidence::Mode;
use selvedge_verify::execute::{Ending, execute};
use selvedge_verify::generate;
use selvedge_verify::history::Event;
use selvedge_verify::litmus::corpus::{COND, CorpusFile, REGISTER};
use selvedge_verify::litmus::{self, Outcome};
use selvedge_verify::subject::Subject;
use selvedge_verify::subject::cond::{Ours, Ticket};
use selvedge_verify::subject::reference::Reference;

const OPTIMAL: Options = Options { reduction: Reduction::Optimal, fault: None };
const SLEEP: Options = Options { reduction: Reduction::Sleep, fault: None };
const NONE: Options = Options { reduction: Reduction::None, fault: None };

/// What a subject came to under the engine.
struct Reached {
    /// The ends: outcomes, and in histories mode the order of calls and returns as well.
    ends: BTreeSet<String>,
    classes: BTreeMap<Class, u64>,
    account: Account,
    complete: bool,
}

fn target<S: Spec>(file: &CorpusFile) -> Arc<Target<S>> {
    let program = litmus::parse(file.name, file.text).unwrap().program::<S>().unwrap();
    Arc::new(Target::new(program).unwrap())
}

/// Everything that a subject comes to.
fn reach<S: Spec, X: Subject<S, Platform = Shuttle>>(
    target: &Arc<Target<S>>,
    mode: Mode,
    options: Options,
    max_executions: u64,
) -> Reached {
    let ends = Arc::new(Mutex::new(BTreeSet::new()));
    let classes = Arc::new(Mutex::new(BTreeMap::new()));
    let (seen, counted, theirs) = (ends.clone(), classes.clone(), target.clone());
    let timeouts = if target.timeouts_are_free() { Timeouts::Free } else { Timeouts::Clocked };
    let bounds = Bounds {
        max_executions: Some(max_executions),
        profile: Profile { timeouts, ..Profile::default() },
        ..Bounds::default()
    };
    let body = move || {
        let execution = execute::<S, X>(&theirs.spec, &theirs.program, 0, mode).unwrap();
        if is_pruned() {
            return;
        }
        let mut end = match execution.ending {
            Ending::Outcome(Outcome::Abort { thread, .. }) => format!("thread {thread} aborts"),
            Ending::Outcome(Outcome::Race { .. }) | Ending::Raced(_) => "race".to_owned(),
            other => format!("{other:?}"),
        };
        if mode == Mode::Histories {
            write!(end, " {:?}", order(&execution.history.events)).unwrap();
        }
        seen.lock().unwrap().insert(end);
    };
    let (run, account) =
        explore_classes(&bounds, options, body, move |class| *counted.lock().unwrap().entry(class).or_default() += 1);
    assert_eq!(run.failure, None, "{}", target.program.name);
    let (ends, classes) = (ends.lock().unwrap().clone(), classes.lock().unwrap().clone());
    Reached { ends, classes, account, complete: run.complete }
}

/// What a checker takes from a history: before each call, what had returned.
fn order<Op: ToString, Ret: ToString>(events: &[Event<Op, Ret>]) -> Vec<String> {
    let mut returned = Vec::new();
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Call { thread, op } => {
                returned.sort_unstable();
                lines.push(format!("{thread} calls {} after {returned:?}", op.to_string()));
            }
            Event::Return { thread, ret } => {
                lines.push(format!("{thread} returns {}", ret.to_string()));
                returned.push(*thread);
            }
            Event::Abort { thread, .. } => lines.push(format!("{thread} aborts")),
            Event::Read { .. } | Event::Write { .. } => {}
        }
    }
    lines.sort();
    lines
}

/// How far programs were compared.
#[derive(Debug, Default, PartialEq, Eq)]
struct Compared {
    /// With every interleaving.
    with_all: usize,
    /// With sleep sets alone: there are too many interleavings.
    with_sleep: usize,
    /// With neither, by name.
    not: Vec<String>,
}

/// Holds the reduced searches of one program against each other.
fn compare<S: Spec, X: Subject<S, Platform = Shuttle>>(
    target: &Arc<Target<S>>,
    mode: Mode,
    max_executions: u64,
    compared: &mut Compared,
) {
    if X::supports(&target.spec, &target.program).is_err() {
        return;
    }
    let name = format!("{} ({mode:?})", target.program);
    let optimal = reach::<S, X>(target, mode, OPTIMAL, max_executions);
    let sleep = reach::<S, X>(target, mode, SLEEP, max_executions);
    let none = reach::<S, X>(target, mode, NONE, max_executions);
    if optimal.complete {
        assert!(sleep.ends.is_subset(&optimal.ends) && none.ends.is_subset(&optimal.ends), "{name}");
        assert!(optimal.classes.values().all(|&times| times == 1), "a class was explored twice: {name}");
    }
    if optimal.complete && sleep.complete {
        assert_eq!(optimal.ends, sleep.ends, "{name}");
    }
    if optimal.complete && none.complete {
        assert_eq!(optimal.ends, none.ends, "{name}");
        if !target.is_racy() {
            assert_eq!(
                optimal.classes.keys().collect::<Vec<_>>(),
                none.classes.keys().collect::<Vec<_>>(),
                "the classes of all interleavings: {name}"
            );
        }
        compared.with_all += 1;
    } else if optimal.complete && sleep.complete {
        compared.with_sleep += 1;
    } else {
        compared.not.push(target.program.name.clone());
    }
}

fn compare_corpus<S: Spec, X: Subject<S, Platform = Shuttle>>(
    corpus: &[CorpusFile],
    mode: Mode,
    max_executions: u64,
) -> Compared {
    let mut compared = Compared::default();
    for file in corpus {
        compare::<S, X>(&target(file), mode, max_executions, &mut compared);
    }
    println!("{mode:?}: {compared:?}");
    compared
}

#[test]
fn probe() {
    for mode in [Mode::Outcomes, Mode::Histories] {
        compare_corpus::<CondSpec, Reference<CondSpec, Shuttle>>(COND, mode, 1_000);
        compare_corpus::<CondSpec, Ours<Shuttle>>(COND, mode, 1_000);
        compare_corpus::<CondSpec, Ticket<Shuttle>>(COND, mode, 1_000);
        compare_corpus::<RegisterSpec, Reference<RegisterSpec, Shuttle>>(REGISTER, mode, 1_000);
    }
}
