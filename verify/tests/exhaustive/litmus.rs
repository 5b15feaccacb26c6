//! The corpus under the exhaustive engine, reduced and not.

use std::collections::BTreeSet;

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds, Profile, Shuttle, Timeouts};
use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_model::toy::register::RegisterSpec;
use selvedge_verify::conformance::Target;
use selvedge_verify::engine::exhaustive::{Account, Options, Reduction, explore, is_pruned};
use selvedge_verify::evidence::Mode;
use selvedge_verify::execute::{Ending, execute};
use selvedge_verify::litmus::corpus::{COND, CorpusFile, REGISTER};
use selvedge_verify::litmus::{self, Outcome};
use selvedge_verify::subject::cond::{Ours, Ticket};
use selvedge_verify::subject::Subject;
use selvedge_verify::subject::reference::Reference;

/// What a subject came to under the engine.
pub struct Reached {
    pub endings: BTreeSet<String>,
    pub account: Account,
    pub complete: bool,
}

pub fn target<S: Spec>(file: &CorpusFile) -> Arc<Target<S>> {
    let program = litmus::parse(file.name, file.text).unwrap().program::<S>().unwrap();
    Arc::new(Target::new(program).unwrap())
}

/// Everything that a subject comes to. In histories mode an ending is told with its history.
pub fn reach<S: Spec, X: Subject<S, Platform = Shuttle>>(
    target: &Arc<Target<S>>,
    mode: Mode,
    options: Options,
    max_executions: u64,
) -> Reached {
    let endings = Arc::new(Mutex::new(BTreeSet::new()));
    let (seen, theirs) = (endings.clone(), target.clone());
    let timeouts = if target.timeouts_are_free() { Timeouts::Free } else { Timeouts::Clocked };
    let bounds = Bounds {
        max_executions: Some(max_executions),
        profile: Profile { timeouts, ..Profile::default() },
        ..Bounds::default()
    };
    let (run, account) = explore(&bounds, options, move || {
        let execution = execute::<S, X>(&theirs.spec, &theirs.program, 0, mode).unwrap();
        if is_pruned() {
            return;
        }
        let ending = match execution.ending {
            Ending::Outcome(Outcome::Abort { thread, .. }) => format!("thread {thread} aborts"),
            Ending::Outcome(Outcome::Race { .. }) | Ending::Raced(_) => "race".to_owned(),
            other => format!("{other:?}"),
        };
        let history = if mode == Mode::Histories { format!(" {:?}", order(&execution.history.events)) } else { String::new() };
        seen.lock().unwrap().insert(ending + &history);
    });
    assert_eq!(run.failure, None, "{}", target.program.name);
    let endings = endings.lock().unwrap().clone();
    Reached { endings, account, complete: run.complete }
}

/// What a checker takes from a history: of each call, what had returned before it.
fn order<Op: ToString, Ret: ToString>(events: &[selvedge_verify::history::Event<Op, Ret>]) -> Vec<String> {
    use selvedge_verify::history::Event;
    let mut returned = Vec::new();
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Call { thread, op } => {
                returned.sort();
                lines.push(format!("{thread} calls {} after {}", op.to_string(), returned.join(" ")));
            }
            Event::Return { thread, ret } => {
                lines.push(format!("{thread} returns {}", ret.to_string()));
                returned.push(format!("{thread}"));
            }
            Event::Abort { thread, .. } => lines.push(format!("{thread} aborts")),
            Event::Read { .. } | Event::Write { .. } => {}
        }
    }
    lines.sort();
    lines
}

fn survey<S: Spec, X: Subject<S, Platform = Shuttle>>(corpus: &[CorpusFile], name: &str, mode: Mode, cap: u64) {
    for file in corpus {
        let target = target::<S>(file);
        if X::supports(&target.spec, &target.program).is_err() {
            continue;
        }
        let run = |reduction| {
            let start = std::time::Instant::now();
            let reached = reach::<S, X>(&target, mode, Options { reduction, ..Options::default() }, cap);
            (reached, start.elapsed())
        };
        let (optimal, time) = run(Reduction::Optimal);
        let (sleep, _) = run(Reduction::Sleep);
        let (none, _) = run(Reduction::None);
        let verdict = |one: &Reached, other: &Reached| match (one.complete, other.complete) {
            (true, true) if one.endings == other.endings => "equal",
            (true, true) => "DIFFERENT",
            _ => "-",
        };
        if optimal.complete && none.complete && optimal.endings != none.endings {
            println!("MISSED {:#?}", none.endings.difference(&optimal.endings).take(3).collect::<Vec<_>>());
        }
        println!(
            "{name} {mode:?} {}: optimal {:?} {}{} {time:?}; sleep {}+{} {}; none {} {}",
            file.name,
            optimal.account,
            optimal.endings.len(),
            if optimal.complete { "" } else { " CUT" },
            sleep.account.complete,
            sleep.account.blocked,
            verdict(&optimal, &sleep),
            none.account.complete,
            verdict(&optimal, &none),
        );
    }
}

#[test]
fn survey_ticket() {
    survey::<CondSpec, Ticket<Shuttle>>(COND, "ticket", Mode::Outcomes, 5_000);
}

#[test]
fn survey_all() {
    for mode in [Mode::Outcomes, Mode::Histories] {
        survey::<CondSpec, Reference<CondSpec, Shuttle>>(COND, "reference", mode, 20_000);
        survey::<RegisterSpec, Reference<RegisterSpec, Shuttle>>(REGISTER, "reference", mode, 20_000);
        survey::<CondSpec, Ours<Shuttle>>(COND, "ours", mode, 20_000);
        survey::<CondSpec, Ticket<Shuttle>>(COND, "ticket", mode, 20_000);
    }
}

#[test]
fn debug_small() {
    let file = COND.iter().find(|file| file.name == "L06-broadcast-and-a-newcomer-small").unwrap();
    let target = target::<CondSpec>(file);
    for reduction in [Reduction::Optimal, Reduction::Sleep] {
        println!("== {reduction:?}");
        let theirs = target.clone();
        explore(&Bounds::default(), Options { reduction, ..Options::default() }, move || {
            let execution = execute::<CondSpec, Reference<CondSpec, Shuttle>>(&theirs.spec, &theirs.program, 0, Mode::Outcomes).unwrap();
            let ending = match execution.ending { Ending::Outcome(Outcome::Final(f)) => format!("{:?}", f.threads), other => format!("{other:?}") };
            println!("{}{} {ending}", if is_pruned() { "PRUNED " } else { "" }, selvedge::platform::shuttle::recorded());
        });
    }
}
