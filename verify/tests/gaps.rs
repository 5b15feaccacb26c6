//! What loom and shuttle are known not to show, each gap asserted to be there still.
//!
//! When this fails, a version of the engine has closed a gap. That is good news: take the gap out of `verify/src/gaps.rs`
//! and its check out of here, and look for what stands only because of it. The gap's own text says what we do instead.

use std::collections::BTreeSet;

use selvedge::platform::host::Mutex;
use selvedge::platform::{Arc, Atomic, AtomicInteger, Body, Bounds, Loom, Ordering, Platform, Shuttle, loom, shuttle};
use selvedge_model::cond::CondSpec;
use selvedge_verify::conformance::{Findings, Goal, Job, Target, on_loom, on_shuttle};
use selvedge_verify::engine::{Budget, Engine, exhaustive};
use selvedge_verify::evidence::Mode;
use selvedge_verify::gaps::KNOWN;
use selvedge_verify::subject::cond::Guarded;
use selvedge_verify::suite::Suite;
use selvedge_verify::{explore, litmus};

type Check = fn() -> Result<(), String>;

/// A check for each gap, by its name.
const CHECKS: &[(&str, Check)] = &[
    ("loom-condvar-wakes-in-order", || never(Engine::Loom, "any-order", "blocked T1, done T2")),
    ("loom-condvar-never-wakes-spuriously", || never(Engine::Loom, "spurious-wait", "done W")),
    ("loom-condvar-never-times-out", || never(Engine::Loom, "free-timeouts", "W:r == timeout")),
    ("shuttle-condvar-never-wakes-spuriously", || never(Engine::Exhaustive, "spurious-wait", "done W")),
    ("shuttle-condvar-never-times-out", || never(Engine::Exhaustive, "free-timeouts", "W:r == timeout")),
    ("loom-takes-seqcst-for-acqrel", seqcst_is_weak),
    ("loom-has-no-load-buffering", no_load_buffering),
    ("loom-misses-executions", a_load_hides_executions),
    ("shuttle-is-sequentially-consistent", shuttle_is_strong),
];

#[test]
fn each_known_gap_is_there_still() {
    for gap in KNOWN {
        let check = CHECKS.iter().find(|(id, _)| *id == gap.id);
        let (_, check) = check.unwrap_or_else(|| panic!("{} is claimed and not shown", gap.id));
        if let Err(found) = check() {
            panic!(
                "{} is closed: {found}. Take it out of verify/src/gaps.rs and out of this test, and look for what stands \
                 only because of it: {}",
                gap.id, gap.consequence
            );
        }
    }
    assert_eq!(CHECKS.len(), KNOWN.len(), "a check belongs to no gap");
}

#[test]
fn a_gap_that_names_a_check_of_the_suite_names_one_that_there_is() {
    let plan = Suite::standard().plan(&selvedge_verify::suite::Options::quick());
    for gap in KNOWN {
        let Some((subject, program)) = gap.shown_by else { continue };
        let id = format!("cond/peer/{program}/{subject}/{}", gap.engine);
        assert!(plan.iter().any(|planned| planned.id == id), "{}: there is no {id}", gap.id);
    }
}

/// The engine's own condition variable never comes to what the condition says, which the spec allows, although every
/// execution was looked at.
fn never(engine: Engine, program: &str, condition: &str) -> Result<(), String> {
    let file = litmus::corpus::COND.iter().find(|file| file.name == program).expect("it is of the corpus");
    // The condition is the program's only expectation: what the explorer says of it is what the spec allows.
    let text: String = file
        .text
        .lines()
        .filter(|line| !line.starts_with("exists") && !line.starts_with("forall"))
        .fold(String::new(), |text, line| text + line + "\n");
    let condition = condition.replace(", ", " && ");
    let text = format!("{text}\nexists {condition}\n");
    let parsed = litmus::parse(program, &text).and_then(|source| source.program::<CondSpec>());
    let target = Arc::new(Target::<CondSpec>::new(parsed.expect("it is well-formed")).expect("as above"));
    let expectation = &target.program.expectations[0];
    assert_eq!(explore::judge(expectation, &target.allowed).held, Some(true), "the spec does not allow {condition}");
    let found = run(engine, &target);
    assert!(found.complete && found.violation.is_none() && found.refused.is_none(), "{engine}: {found:?}");
    assert!(found.executions > 0 && !found.outcomes.is_empty());
    let mut seen = target.allowed.clone();
    seen.outcomes.retain(|outcome, _| found.outcomes.contains_key(outcome));
    match explore::judge(expectation, &seen).held {
        Some(true) => Err(format!("{program} comes to {condition}")),
        _ => Ok(()),
    }
}

fn run(engine: Engine, target: &Arc<Target<CondSpec>>) -> Findings<CondSpec> {
    let job = Arc::new(Job {
        target: target.clone(),
        engine,
        mode: Mode::Outcomes,
        // Who is woken, and whether, is no matter of preemptions.
        budget: Budget { executions: 50_000, preemptions: Some(2), ..Budget::once() },
        weak: None,
        variant: 0,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    });
    match engine {
        Engine::Loom => on_loom::<_, Guarded<loom::native::Cond>>(&job),
        _ => on_shuttle::<_, Guarded<shuttle::native::Cond>>(&job),
    }
}

/// What two threads may read, each in a pair that `body` fills.
type Seen = BTreeSet<(usize, usize)>;

/// Everything that a search comes to, whether it looked at everything.
fn reached<P: Platform>(
    search: impl FnOnce(Box<dyn Fn() + Send + Sync>) -> bool,
    first: fn(&[P::AtomicUsize; 2]) -> Option<usize>,
    second: fn(&[P::AtomicUsize; 2]) -> (usize, usize),
) -> Seen
where
    P::AtomicUsize: Send + Sync + 'static,
{
    reached_on::<P, P::AtomicUsize>(search, Atomic::new, first, second)
}

/// The same with any kind of atomics, for instance an engine's own.
fn reached_on<P: Platform, A: Send + Sync + 'static>(
    search: impl FnOnce(Box<dyn Fn() + Send + Sync>) -> bool,
    new: fn(usize) -> A,
    first: fn(&[A; 2]) -> Option<usize>,
    second: fn(&[A; 2]) -> (usize, usize),
) -> Seen {
    let seen = Arc::new(Mutex::new(Seen::new()));
    let record = seen.clone();
    let complete = search(Box::new(move || {
        let shared = Arc::new([0; 2].map(new));
        let found = Arc::new(Mutex::new((9, (9, 9))));
        let (ours, theirs) = (shared.clone(), shared);
        let (one, other) = (found.clone(), found.clone());
        P::run_to_rest(vec![
            Box::new(move || {
                let value = first(&ours);
                one.lock().unwrap().0 = value.unwrap_or(9);
            }) as Body,
            Box::new(move || {
                let values = second(&theirs);
                other.lock().unwrap().1 = values;
            }),
        ]);
        if exhaustive::is_pruned() {
            return;
        }
        let (first, second) = *found.lock().unwrap();
        // Where the first thread reads nothing, the second one's two reads are what is to be seen.
        record.lock().unwrap().insert(if first == 9 { second } else { (first, second.0) });
    }));
    assert!(complete, "not everything was looked at");
    std::mem::take(&mut *seen.lock().unwrap())
}

fn under_loom(body: Box<dyn Fn() + Send + Sync>) -> bool {
    loom::explore(&Bounds::default(), body).complete
}

fn exhaustively(body: Box<dyn Fn() + Send + Sync>) -> bool {
    exhaustive::explore(&Bounds::default(), exhaustive::Options::default(), body).run.complete
}

/// Stores to one variable, then loads the other.
fn store_then_load<A: AtomicInteger<usize>>(shared: &[A; 2], own: usize, ordering: (Ordering, Ordering)) -> usize {
    shared[own].store(1, ordering.0);
    shared[1 - own].load(ordering.1)
}

const SEQCST: (Ordering, Ordering) = (Ordering::SeqCst, Ordering::SeqCst);
const RELAXED: (Ordering, Ordering) = (Ordering::Relaxed, Ordering::Relaxed);

/// Store buffering on loom's own types: with sequentially consistent accesses somebody sees a store.
fn seqcst_is_weak() -> Result<(), String> {
    fn read(shared: &[loom::native::AtomicUsize; 2], own: usize) -> usize {
        shared[own].store(1, Ordering::SeqCst);
        shared[1 - own].load(Ordering::SeqCst)
    }
    let seen = reached_on::<Loom, _>(
        under_loom,
        loom::native::AtomicUsize::new,
        |shared| Some(read(shared, 0)),
        |shared| (read(shared, 1), 0),
    );
    if seen.contains(&(0, 0)) { Ok(()) } else { Err(format!("store buffering comes to {seen:?}")) }
}

/// The same on our platform, which knows better.
#[test]
fn what_is_sequentially_consistent_is_so_on_our_platform() {
    let seen = reached::<Loom>(
        under_loom,
        |shared| Some(store_then_load(shared, 0, SEQCST)),
        |shared| (store_then_load(shared, 1, SEQCST), 0),
    );
    assert_eq!(seen, [(0, 1), (1, 0), (1, 1)].into());
    // An update and a store of one variable, and what each thread reads of it then: no order has 1 behind 2.
    fn add<A: AtomicInteger<usize>>(shared: &[A; 2]) -> Option<usize> {
        shared[0].fetch_add(1, Ordering::SeqCst);
        Some(shared[0].load(Ordering::SeqCst))
    }
    fn store<A: AtomicInteger<usize>>(shared: &[A; 2]) -> (usize, usize) {
        shared[0].store(2, Ordering::SeqCst);
        (shared[0].load(Ordering::SeqCst), 0)
    }
    let all = [(1, 2), (2, 2), (3, 2), (3, 3)].into();
    assert_eq!(reached::<Shuttle>(exhaustively, add, store), all);
    assert_eq!(reached::<Loom>(under_loom, add, store), all);
}

/// Store buffering: with relaxed accesses perhaps nobody does.
fn shuttle_is_strong() -> Result<(), String> {
    let weak = reached::<Loom>(
        under_loom,
        |shared| Some(store_then_load(shared, 0, RELAXED)),
        |shared| (store_then_load(shared, 1, RELAXED), 0),
    );
    assert!(weak.contains(&(0, 0)), "it is there to be seen: {weak:?}");
    let seen = reached::<Shuttle>(
        exhaustively,
        |shared| Some(store_then_load(shared, 0, RELAXED)),
        |shared| (store_then_load(shared, 1, RELAXED), 0),
    );
    if seen.contains(&(0, 0)) { Err(format!("store buffering comes to {seen:?}")) } else { Ok(()) }
}

/// Load buffering: each thread loads one variable, then stores to the other. Relaxed, both may see the other's store.
fn no_load_buffering() -> Result<(), String> {
    fn load_then_store<A: AtomicInteger<usize>>(shared: &[A; 2], own: usize) -> usize {
        let found = shared[own].load(Ordering::Relaxed);
        shared[1 - own].store(1, Ordering::Relaxed);
        found
    }
    let seen = reached::<Loom>(
        under_loom,
        |shared| Some(load_then_store(shared, 0)),
        |shared| (load_then_store(shared, 1), 0),
    );
    assert!(seen.len() == 3 || seen.contains(&(1, 1)), "{seen:?}");
    if seen.contains(&(1, 1)) { Err(format!("load buffering comes to {seen:?}")) } else { Ok(()) }
}

/// A thread writes a key, a value, the value again, and the key; another one reads both. A load between the last two
/// writes changes nothing that the other could see.
fn a_load_hides_executions() -> Result<(), String> {
    // The two kinds of atomic have no trait in common.
    type Ours = <Shuttle as Platform>::AtomicUsize;
    type Theirs = loom::native::AtomicUsize;
    macro_rules! write {
        () => {
            |shared| {
                shared[0].store(1, Ordering::SeqCst);
                shared[1].store(1, Ordering::SeqCst);
                shared[1].store(0, Ordering::SeqCst);
                shared[0].load(Ordering::SeqCst);
                shared[0].store(0, Ordering::SeqCst);
                None
            }
        };
    }
    macro_rules! read {
        () => {
            |shared| {
                let value = shared[1].load(Ordering::SeqCst);
                (value, shared[0].load(Ordering::SeqCst))
            }
        };
    }
    let all = reached_on::<Shuttle, Ours>(exhaustively, Atomic::new, write!(), read!());
    assert_eq!(all.len(), 4, "{all:?}");
    let seen = reached_on::<Loom, Theirs>(under_loom, Theirs::new, write!(), read!());
    if all.is_subset(&seen) { Err("it shows all that there is".to_owned()) } else { Ok(()) }
}
