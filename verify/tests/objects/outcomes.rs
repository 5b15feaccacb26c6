//! What the engine reaches on the platform's objects is what the model allows, blocked ends included: no more, so that
//! what a step needs and returns is right; no less, so that nothing is left out that matters.

use selvedge_model::toy::ObjectsSpec;
use selvedge_model::toy::objects::Op;
use selvedge_verify::engine::exhaustive::Reduction;
use selvedge_verify::litmus::Program;

use super::{CLOCKED, FREE, LUCKY, allowed, generated, is_supported, ops, program, reached, show_all, themed};

/// For a program of a test.
const STATES_MAX: usize = 100_000;
const EXECUTIONS_MAX: u64 = 1_500;

/// How many programs were compared, and which were not.
#[derive(Default)]
struct Compared {
    equal: usize,
    ends: usize,
    too_large: Vec<String>,
}

impl Compared {
    /// Holds the engine's ends against the model's.
    fn compare(&mut self, spec: ObjectsSpec, program: &Program<Op>) {
        assert!(is_supported(spec, program), "{program}");
        let Some(allowed) = allowed(spec, program, STATES_MAX) else {
            self.too_large.push(program.name.clone());
            return;
        };
        let reached = reached(spec, program, Reduction::Optimal, EXECUTIONS_MAX);
        let wrong: Vec<_> = reached.ends.difference(&allowed).collect();
        assert!(wrong.is_empty(), "{spec:?}\n{program}\nmust not happen:{}", show_all(wrong));
        if !reached.complete {
            self.too_large.push(program.name.clone());
            return;
        }
        let missed: Vec<_> = allowed.difference(&reached.ends).collect();
        assert!(missed.is_empty(), "{spec:?}\n{program}\nnever happened:{}", show_all(missed));
        self.equal += 1;
        self.ends += allowed.len();
    }
}

/// What a thread of a small program does: each operation, with what must come before and after it.
const FRAGMENTS: [&str; 28] = [
    "load 0",
    "store 0 1",
    "add 0 2",
    "compare-exchange 0 0 3",
    "compare-exchange 0 1 4",
    "load 0; store 1 1",
    "load 1; store 0 1",
    "lock; unlock",
    "lock",
    "try-lock; unlock",
    "try-lock; try-lock",
    "read; release",
    "read; read; release",
    "write; release",
    "write",
    "park",
    "park-until 2",
    "unpark 0; unpark 1",
    "lock; wait; unlock",
    "lock; wait-timeout 2; unlock",
    "notify-one",
    "lock; notify-all; unlock",
    "now; now",
    "advance 2",
    "push 5; push 6; pop",
    "push 5; is-empty",
    "steal; steal",
    "steal; len",
];

#[test]
fn every_pair_of_operations_reaches_what_the_model_allows() {
    let mut compared = Compared::default();
    for spec in [CLOCKED, FREE, LUCKY] {
        for (at, one) in FRAGMENTS.iter().enumerate() {
            for other in &FRAGMENTS[at..] {
                compared.compare(spec, &program(&format!("{one} | {other}"), &[ops(one), ops(other)]));
            }
        }
    }
    assert_eq!(compared.too_large, Vec::<String>::new());
    assert_eq!(compared.equal, 3 * 28 * 29 / 2);
    assert!(compared.ends > compared.equal, "{} ends of {} programs", compared.ends, compared.equal);
}

/// Each pair again, with a third thread that looks at all that the two have in common.
#[test]
fn every_pair_of_operations_and_a_third_thread_reach_what_the_model_allows() {
    let mut compared = Compared::default();
    let thirds = ["try-lock; notify-one; steal; unpark 0", "add 0 1; advance 1; read; unpark 1"];
    for third in thirds {
        for (at, one) in FRAGMENTS.iter().enumerate() {
            for other in &FRAGMENTS[at..] {
                let name = format!("{one} | {other} | {third}");
                compared.compare(CLOCKED, &program(&name, &[ops(one), ops(other), ops(third)]));
            }
        }
    }
    assert_eq!(compared.too_large, Vec::<String>::new());
}

#[test]
fn more_waiters_reach_what_the_model_allows() {
    let mut compared = Compared::default();
    let waiter = "lock; wait; unlock";
    let timed = "lock; wait-timeout 1; unlock";
    for spec in [CLOCKED, FREE, LUCKY] {
        for notifier in ["notify-one", "notify-one; notify-one", "lock; notify-one; unlock; notify-one", "notify-all"] {
            for second in [waiter, timed] {
                let threads = [ops(waiter), ops(second), ops(notifier)];
                compared.compare(spec, &program(&format!("2 waiters | {notifier}"), &threads));
            }
        }
    }
    for notifier in ["notify-one", "notify-one; notify-all"] {
        let threads = [ops(waiter), ops(waiter), ops(waiter), ops(notifier)];
        compared.compare(CLOCKED, &program(&format!("3 waiters | {notifier}"), &threads));
    }
    assert!(compared.too_large.is_empty(), "{:?}", compared.too_large);
}

#[test]
fn generated_programs_reach_what_the_model_allows() {
    let mut compared = Compared::default();
    for (spec, seed) in [(CLOCKED, 1), (CLOCKED, 2), (FREE, 3), (LUCKY, 4)] {
        for program in generated(spec, 5, seed, 100).into_iter().chain(themed(2, seed, 200)) {
            compared.compare(spec, &program);
        }
    }
    let Compared { equal, ends, too_large } = compared;
    println!("{equal} equal with {ends} ends, too large: {too_large:?}");
    assert_eq!(equal + too_large.len(), 1_200);
    assert!(equal >= 1_140, "only {equal} of 1,200 programs were compared; too large: {too_large:?}");
    assert!(ends > 3 * equal, "{ends} ends of {equal} programs");
}
