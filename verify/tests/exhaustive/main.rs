//! The exhaustive engine: what it costs, and that it misses nothing.

mod litmus;
mod programs;

use std::collections::{BTreeMap, BTreeSet};

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Bounds, Stop};
use selvedge_verify::engine::exhaustive::{
    Account, Class, Explored as Done, Fault, Frontier, Options, Part, Reduction, explore, explore_classes, is_pruned,
};

/// What a search came to.
struct Explored {
    outcomes: BTreeSet<String>,
    /// How often each class was explored.
    classes: BTreeMap<Class, u64>,
    account: Account,
}

/// Explores a program to the end.
fn explored(options: Options, program: impl Fn() -> String + Send + Sync + 'static) -> Explored {
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let classes = Arc::new(Mutex::new(BTreeMap::new()));
    let (seen, counted) = (outcomes.clone(), classes.clone());
    let body = move || {
        let outcome = program();
        if !is_pruned() {
            seen.lock().unwrap().insert(outcome);
        }
    };
    let Done { run, account, .. } = explore_classes(&Bounds::default(), options, None, body, move |class| {
        *counted.lock().unwrap().entry(class).or_default() += 1;
    });
    assert!(run.complete, "{run:?}");
    assert_eq!(run.executions, account.complete + account.blocked + account.elsewhere);
    let (outcomes, classes) = (outcomes.lock().unwrap().clone(), classes.lock().unwrap().clone());
    assert_eq!(classes.values().sum::<u64>(), account.complete);
    Explored { outcomes, classes, account }
}

fn with(reduction: Reduction) -> Options {
    Options { reduction, ..Options::default() }
}

/// Executions that ended, executions given up, outcomes.
fn cost(program: impl Fn() -> String + Send + Sync + 'static) -> (u64, u64, usize) {
    let explored = explored(Options::default(), program);
    assert!(explored.classes.values().all(|&times| times == 1), "a class was explored twice");
    (explored.account.complete, explored.account.blocked, explored.outcomes.len())
}

#[test]
fn one_execution_for_each_order_of_critical_sections() {
    // (threads × each)! / each! ^ threads.
    assert_eq!(cost(|| programs::mutexes(2, 2)), (6, 0, 6));
    assert_eq!(cost(|| programs::mutexes(3, 2)), (90, 0, 90));
    assert_eq!(cost(|| programs::mutexes(3, 3)), (1_680, 0, 1_680));
}

#[test]
fn one_execution_for_each_order_of_additions() {
    assert_eq!(cost(|| programs::counters(3, 3)), (1_680, 0, 1_680));
    assert_eq!(cost(|| programs::counters(4, 2)), (2_520, 0, 2_520));
    assert_eq!(cost(|| programs::counters(6, 1)), (720, 0, 720));
}

#[test]
fn one_execution_for_each_of_many_orders() {
    assert_eq!(cost(|| programs::counters(4, 3)), (369_600, 0, 369_600));
    assert_eq!(cost(|| programs::counters(5, 2)), (113_400, 0, 113_400));
}

#[test]
fn one_execution_where_nothing_is_shared() {
    assert_eq!(cost(|| programs::disjoint_counters(4, 3)), (1, 0, 1));
    assert_eq!(cost(|| programs::disjoint_counters(8, 3)), (1, 0, 1));
}

#[test]
fn a_buffer_costs_as_much_as_it_has_outcomes() {
    assert_eq!(cost(|| programs::buffer(3)), (32, 0, 32));
    assert_eq!(cost(|| programs::buffer(4)), (128, 0, 128));
    assert_eq!(cost(|| programs::buffer(5)), (512, 0, 512));
}

#[test]
fn consumers_cost_little_more_than_they_have_outcomes() {
    assert_eq!(cost(|| programs::consumers(2)), (30, 0, 26));
    assert_eq!(cost(|| programs::consumers(3)), (1_572, 0, 936));
}

#[test]
fn our_own_condition_variable() {
    assert_eq!(cost(|| programs::broadcast(1)), (15, 0, 1));
    assert_eq!(cost(|| programs::broadcast(2)), (7_480, 0, 1));
}

#[test]
fn small_programs_have_the_outcomes_that_they_should() {
    let outcomes = |program: fn() -> String| explored(Options::default(), program).outcomes;
    let are = |outcomes: &[&str]| outcomes.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(outcomes(programs::store_buffering), are(&["[0, 1]", "[1, 0]", "[1, 1]"]));
    assert_eq!(outcomes(programs::opposite_orders), are(&["BB", "RR"]));
    assert_eq!(outcomes(programs::blocked_for_ever), are(&["BB", "BR"]));
    assert_eq!(outcomes(programs::spinning), are(&["RR"]));
    assert_eq!(outcomes(programs::spinning_in_vain), are(&["BR"]));
    assert_eq!(outcomes(programs::choices).len(), 2 * 2 * 3);
    let tried = ["RRR Some((0, false))", "RRR Some((0, true))", "RRR Some((1, false))", "RRR Some((1, true))"];
    assert_eq!(outcomes(programs::try_lock), are(&tried));
}

type Named = (&'static str, fn() -> String);

/// Small enough for every interleaving.
const SMALL: [Named; 14] = [
    ("mutexes", || programs::mutexes(2, 2)),
    ("counters", || programs::counters(2, 3)),
    ("disjoint counters", || programs::disjoint_counters(2, 3)),
    ("buffer", || programs::buffer(2)),
    ("consumers", || programs::consumers(2)),
    ("broadcast", || programs::broadcast(1)),
    ("store buffering", programs::store_buffering),
    ("try-lock", programs::try_lock),
    ("spinning", programs::spinning),
    ("spinning in vain", programs::spinning_in_vain),
    ("choices", programs::choices),
    ("opposite orders", programs::opposite_orders),
    ("blocked for ever", programs::blocked_for_ever),
    ("three counters", || programs::counters(3, 2)),
];

#[test]
fn every_class_of_all_interleavings_once() {
    for (name, program) in SMALL {
        let none = explored(with(Reduction::None), program);
        let sleep = explored(with(Reduction::Sleep), program);
        let optimal = explored(with(Reduction::Optimal), program);
        assert_eq!(none.outcomes, optimal.outcomes, "{name}");
        assert_eq!(none.outcomes, sleep.outcomes, "{name}");
        assert!(none.classes.keys().eq(optimal.classes.keys()), "{name}");
        assert!(none.classes.keys().eq(sleep.classes.keys()), "{name}");
        assert!(optimal.classes.values().all(|&times| times == 1), "{name}");
        assert!(sleep.classes.values().all(|&times| times == 1), "{name}");
    }
}

#[test]
fn planted_faults_in_the_reduction_are_seen() {
    for fault in [Fault::MissedRace, Fault::SleepTooLong, Fault::ReleaseMovesTooFar, Fault::BlockedForgotten] {
        let options = Options { fault: Some(fault), ..Options::default() };
        let differs = SMALL.iter().find(|(_, program)| {
            let faulty = explored(options, *program);
            let none = explored(with(Reduction::None), *program);
            !none.classes.keys().eq(faulty.classes.keys())
        });
        println!("{fault:?}: seen with {}", differs.expect("nothing shows the fault").0);
    }
}

#[test]
fn a_search_that_is_cut_short_says_so_and_how_far_it_came() {
    let bounds = Bounds { max_executions: Some(840), ..Bounds::default() };
    let Done { run, account, .. } = explore(&bounds, Options::default(), || drop(programs::mutexes(3, 3)));
    assert_eq!((run.complete, run.stopped, account.complete), (false, Some(Stop::Executions), 840));
    // Half of it is done, and the estimate says so.
    assert!((0.4..0.6).contains(&account.share_done), "{account:?}");
}

#[test]
fn a_program_that_something_else_decides_is_found_out() {
    let turn = Arc::new(Mutex::new(0));
    let Done { run, .. } = explore(&Bounds::default(), Options::default(), move || {
        let mut turn = turn.lock().unwrap();
        *turn += 1;
        drop(if *turn % 2 == 0 { programs::mutexes(3, 2) } else { programs::counters(3, 2) });
    });
    let failure = run.failure.expect("the program is not the same each time").to_string();
    assert!(failure.contains("step") && failure.contains("programs.rs:"), "{failure}");
}

/// The classes of a search, and how often each was explored.
type Classes = BTreeMap<Class, u64>;

/// One leg of a search: so many executions, from what the leg before has left.
fn leg(
    options: Options,
    from: Option<Frontier>,
    max: u64,
    program: fn() -> String,
    classes: &Arc<Mutex<Classes>>,
) -> Done {
    let bounds = Bounds { max_executions: Some(max), ..Bounds::default() };
    let counted = classes.clone();
    explore_classes(
        &bounds,
        options,
        from,
        move || drop(program()),
        move |class| {
            *counted.lock().unwrap().entry(class).or_default() += 1;
        },
    )
}

#[test]
fn a_search_in_many_legs_is_the_search_in_one() {
    for (name, program) in SMALL.into_iter().chain([("three mutexes", (|| programs::mutexes(3, 2)) as fn() -> String)])
    {
        let whole = explored(Options::default(), program);
        let classes = Arc::default();
        let mut frontier: Option<Frontier> = None;
        let (mut legs, mut last);
        legs = 0;
        loop {
            last = leg(Options::default(), frontier.take(), 7, program, &classes);
            legs += 1;
            assert_eq!(last.run.failure, None, "{name}");
            let Some(left) = last.left else { break };
            // As another process would read it.
            let text = serde_json::to_string(&left).unwrap();
            frontier = Some(serde_json::from_str(&text).unwrap());
        }
        assert_eq!(*classes.lock().unwrap(), whole.classes, "{name}");
        assert_eq!(last.account, whole.account, "{name}");
        assert_eq!(legs, (whole.account.complete + whole.account.blocked).div_ceil(7).max(1), "{name}");
    }
}

#[test]
fn a_frontier_of_another_version_is_refused() {
    let left = leg(Options::default(), None, 3, || programs::mutexes(3, 2), &Arc::default()).left.unwrap();
    let (ours, other) = (Frontier::VERSION, Frontier::VERSION + 1);
    let version = |number: u32| format!("\"version\":{number}");
    let text = serde_json::to_string(&left).unwrap().replacen(&version(ours), &version(other), 1);
    let refusal = serde_json::from_str::<Frontier>(&text).unwrap_err().to_string();
    let expected = format!("the frontier has version {other}, and this engine goes on from version {ours}");
    assert!(refusal.starts_with(&expected), "{refusal}");
}

#[test]
fn the_parts_of_a_search_are_the_whole() {
    for (name, program) in SMALL {
        let whole = explored(Options::default(), program);
        for (count, split_steps) in [(2, 2), (3, 5)] {
            let mut classes = Classes::new();
            let mut complete = 0;
            for index in 0..count {
                let part = Some(Part { index, count, split_steps });
                let of_part = explored(Options { part, ..Options::default() }, program);
                complete += of_part.account.complete;
                for (class, times) in of_part.classes {
                    *classes.entry(class).or_default() += times;
                }
            }
            assert_eq!(classes, whole.classes, "{name}, {count} parts");
            assert_eq!(complete, whole.account.complete, "{name}, {count} parts");
        }
    }
}
