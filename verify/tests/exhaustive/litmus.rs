//! The corpus, and generated programs, under the engine: reduced, reduced less, and not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds, Profile, Shuttle, Timeouts};
use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_model::toy::register::RegisterSpec;
use selvedge_verify::conformance::Target;
use selvedge_verify::engine::exhaustive::{
    Account, Class, Explored, Fault, Options, Part, Reduction, explore_classes, is_pruned,
};
use selvedge_verify::evidence::Mode;
use selvedge_verify::execute::{Ending, execute};
use selvedge_verify::generate;
use selvedge_verify::history::Event;
use selvedge_verify::litmus::corpus::{COND, CorpusFile, REGISTER};
use selvedge_verify::litmus::{self, Outcome};
use selvedge_verify::subject::Subject;
use selvedge_verify::subject::cond::{Ours, Ticket};
use selvedge_verify::subject::reference::Reference;

const OPTIMAL: Options = Options { reduction: Reduction::Optimal, part: None, fault: None };
const SLEEP: Options = Options { reduction: Reduction::Sleep, part: None, fault: None };
const NONE: Options = Options { reduction: Reduction::None, part: None, fault: None };

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
    let Explored { run, account, .. } = explore_classes(&bounds, options, None, body, move |class| {
        *counted.lock().unwrap().entry(class).or_default() += 1;
    });
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
    let name = format!("{} ({mode:?}, {})", target.program, std::any::type_name::<X>());
    let optimal = reach::<S, X>(target, mode, OPTIMAL, max_executions);
    let sleep = reach::<S, X>(target, mode, SLEEP, max_executions);
    let none = reach::<S, X>(target, mode, NONE, max_executions);
    for split_steps in [1, 5] {
        let part = Some(Part { index: 0, count: 1, split_steps });
        let split = reach::<S, X>(target, mode, Options { part, ..OPTIMAL }, max_executions);
        if optimal.complete && split.complete && !target.is_racy() {
            assert_eq!(split.classes, optimal.classes, "split after {split_steps} steps: {name}");
        }
    }
    if optimal.complete {
        assert!(sleep.ends.is_subset(&optimal.ends) && none.ends.is_subset(&optimal.ends), "{name}");
        assert!(optimal.classes.values().all(|&times| times == 1), "a class was explored twice: {name}");
    }
    if optimal.complete && sleep.complete {
        assert_eq!(optimal.ends, sleep.ends, "{name}");
        // More programs are small enough for sleep sets than for every interleaving, those with waiting loops above all.
        if !target.is_racy() {
            assert!(optimal.classes.keys().eq(sleep.classes.keys()), "the classes that sleep sets leave: {name}");
        }
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
    println!("{mode:?}, {max_executions} executions: {compared:?}");
    compared
}

/// So many executions, unless the environment grants more.
fn granted(executions: u64) -> u64 {
    std::env::var("SELVEDGE_EXHAUSTIVE_EXECUTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(executions)
}

#[test]
fn the_reference_subject_loses_nothing_to_the_reduction() {
    let max = granted(300);
    for (mode, at_least) in [(Mode::Outcomes, 40), (Mode::Histories, 20)] {
        let compared = compare_corpus::<CondSpec, Reference<CondSpec, Shuttle>>(COND, mode, max);
        assert!(compared.with_all >= at_least, "{compared:?}");
        let compared = compare_corpus::<RegisterSpec, Reference<RegisterSpec, Shuttle>>(REGISTER, mode, max);
        assert_eq!((compared.with_all + compared.with_sleep, compared.not.len()), (REGISTER.len(), 0));
    }
}

#[test]
fn our_condition_variable_loses_nothing_to_the_reduction() {
    for (mode, at_least) in [(Mode::Outcomes, 30), (Mode::Histories, 25)] {
        let compared = compare_corpus::<CondSpec, Ours<Shuttle>>(COND, mode, granted(300));
        assert!(compared.with_all + compared.with_sleep >= at_least, "{compared:?}");
    }
}

#[test]
fn the_textbook_condition_variable_loses_nothing_to_the_reduction() {
    for (mode, at_least) in [(Mode::Outcomes, 40), (Mode::Histories, 30)] {
        let compared = compare_corpus::<CondSpec, Ticket<Shuttle>>(COND, mode, granted(300));
        assert!(compared.with_all + compared.with_sleep >= at_least, "{compared:?}");
    }
}

#[test]
fn generated_programs_lose_nothing_to_the_reduction() {
    let spec = CondSpec::configure(&[]).unwrap();
    let (programs, _) = generate::generate(&spec, &generate::Shape::default(), 11, 150);
    let mut compared = Compared::default();
    for program in programs {
        let target = Arc::new(Target::<CondSpec>::new(program).unwrap());
        compare::<CondSpec, Reference<CondSpec, Shuttle>>(&target, Mode::Outcomes, granted(300), &mut compared);
        compare::<CondSpec, Ours<Shuttle>>(&target, Mode::Outcomes, granted(300), &mut compared);
    }
    println!("{} with every interleaving, {} with sleep sets", compared.with_all, compared.with_sleep);
    assert!(compared.with_all >= 100 && compared.with_all + compared.with_sleep >= 150, "{compared:?}");
}

/// The programs that the reference subject needs more than 5,000 executions for.
const TOO_LONG: &[&str] = &[
    "L06-broadcast-and-a-newcomer",
    "L12-read-lock",
    "L13-overtaken-broadcast",
    "L13-overtaken-signal",
    "broadcast-wakes-both-sides",
    "free-timeouts-loop",
    "free-timeouts-take-no-signal",
    "signal-wakes-the-wrong-side",
    "spurious-keeps-the-signal",
    "spurious-while",
    "two-signallers",
];

/// Reaches with the reference subject what the spec allows, no more and no less.
fn reference_equals_spec<S: Spec>(corpus: &[CorpusFile], max_executions: u64) -> (usize, Vec<&'static str>) {
    let (mut equal, mut unfinished) = (0, Vec::new());
    for file in corpus {
        let target = target::<S>(file);
        if target.is_racy() {
            // After a race nothing means anything: what else is reached is not compared.
            continue;
        }
        let reached = reach::<S, Reference<S, Shuttle>>(&target, Mode::Outcomes, OPTIMAL, max_executions);
        let allowed: BTreeSet<String> = target
            .allowed
            .outcomes
            .keys()
            .map(|outcome| match outcome {
                Outcome::Abort { thread, .. } => format!("thread {thread} aborts"),
                other => format!("{:?}", Ending::Outcome(other.clone())),
            })
            .collect();
        // A loop that a free timeout turns for ever has no outcome.
        let ends: BTreeSet<String> = reached.ends.into_iter().filter(|end| end != "Endless").collect();
        assert!(ends.is_subset(&allowed), "{}", file.name);
        if reached.complete {
            assert_eq!(ends, allowed, "{}", file.name);
            equal += 1;
        } else {
            unfinished.push(file.name);
        }
    }
    (equal, unfinished)
}

#[test]
fn the_engine_reaches_all_that_the_spec_allows() {
    let (equal, unfinished) = reference_equals_spec::<CondSpec>(COND, granted(5_000));
    println!("{equal} equal, unfinished: {unfinished:?}");
    let too_long = unfinished.iter().filter(|name| !TOO_LONG.contains(name)).collect::<Vec<_>>();
    assert!(too_long.is_empty(), "{too_long:?} do not end any more");
    let racy = COND.iter().filter(|file| target::<CondSpec>(file).is_racy()).count();
    assert_eq!(equal + unfinished.len() + racy, COND.len());
    assert_eq!(reference_equals_spec::<RegisterSpec>(REGISTER, 5_000), (REGISTER.len(), vec![]));
}

/// Facts 1.9: what the too strong contract of `signal` would forbid happens, with the reference subject and with the textbook
/// protocol that reads its two counters one after the other.
#[test]
fn a_signal_that_was_overtaken_is_reached() {
    let file = COND.iter().find(|file| file.name == "L13-overtaken-signal").expect("it is in the corpus");
    let target = target::<CondSpec>(file);
    let allowed = target.allowed.outcomes.keys().map(|outcome| format!("{:?}", Ending::Outcome(outcome.clone())));
    let allowed: BTreeSet<String> = allowed.collect();
    assert_eq!(allowed.len(), 2);
    let reference = reach::<CondSpec, Reference<CondSpec, Shuttle>>(&target, Mode::Outcomes, OPTIMAL, 100_000);
    let textbook = reach::<CondSpec, Ticket<Shuttle>>(&target, Mode::Outcomes, OPTIMAL, 100_000);
    for reached in [reference, textbook] {
        assert!(reached.complete);
        assert_eq!(reached.ends.into_iter().collect::<BTreeSet<_>>(), allowed);
    }
}

#[test]
fn planted_faults_are_seen_in_the_corpus() {
    for fault in [Fault::MissedRace, Fault::SleepTooLong, Fault::BlockedForgotten] {
        let seen = COND.iter().find(|file| {
            let target = target::<CondSpec>(file);
            if target.is_racy() || Ticket::<Shuttle>::supports(&target.spec, &target.program).is_err() {
                return false;
            }
            let faulty = Options { fault: Some(fault), ..OPTIMAL };
            let faulty = reach::<CondSpec, Ticket<Shuttle>>(&target, Mode::Outcomes, faulty, 300);
            let sleep = reach::<CondSpec, Ticket<Shuttle>>(&target, Mode::Outcomes, SLEEP, 2_000);
            faulty.complete && sleep.complete && faulty.classes.keys().ne(sleep.classes.keys())
        });
        println!("{fault:?}: seen with {}", seen.unwrap_or_else(|| panic!("nothing shows {fault:?}")).name);
    }
}

/// What each program of the corpus costs. A change of the engine, the platform or a subject shows here.
#[test]
fn the_cost_of_the_corpus_is_pinned() {
    let mut table = String::new();
    for file in COND {
        let target = target::<CondSpec>(file);
        let cost = |supported: bool, reach: &dyn Fn(Mode) -> Reached| {
            if !supported {
                return "–".to_owned();
            }
            let cost = |mode| {
                let reached = reach(mode);
                let Account { complete, blocked, .. } = reached.account;
                match (reached.complete, blocked) {
                    (false, _) => "more".to_owned(),
                    (true, 0) => complete.to_string(),
                    (true, blocked) => format!("{complete}+{blocked}"),
                }
            };
            format!("{} / {}", cost(Mode::Outcomes), cost(Mode::Histories))
        };
        let reference =
            cost(true, &|mode| reach::<CondSpec, Reference<CondSpec, Shuttle>>(&target, mode, OPTIMAL, 1_000));
        let ours = cost(Ours::<Shuttle>::supports(&target.spec, &target.program).is_ok(), &|mode| {
            reach::<CondSpec, Ours<Shuttle>>(&target, mode, OPTIMAL, 1_000)
        });
        writeln!(table, "{:<40} {reference:<20} {ours}", file.name).unwrap();
    }
    insta::assert_snapshot!(table);
}
