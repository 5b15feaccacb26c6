//! The explorer: the condition variable's litmus tests with their outcomes, pinned numbers, the reduction held against
//! the unreduced exploration, and specs that are broken on purpose.

mod sketch;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use selvedge_model::cond::{self, CondSpec};
use selvedge_model::toy::{DaemonSpec, LockSpec, RegisterSpec};
use selvedge_model::{
    Broken, Clause, Commutation, Exclusion, Form, Parameter, Rule, RuleId, Spec, StepOf, Thread, Unknown,
};
use selvedge_verify::explore::{
    Exploration, Limits, Reduction, ViolationKind, describe, explore, judge, shortest_path,
};
use selvedge_verify::litmus::{Binary, Condition, Expectation, Outcome, Program, Quantifier};
use sketch::Sketch;

const UNREDUCED: Limits = Limits { states: 10_000_000, reduction: Reduction::None };
const REDUCED: Limits = Limits { states: 10_000_000, reduction: Reduction::Commuting };

/// Explores with and without reduction, compares the two, and returns the unreduced exploration.
fn explored<S: Spec>(spec: &S, program: &Program<S::Op>) -> Exploration {
    let reduced = explore(spec, program, &REDUCED).unwrap();
    let unreduced = explore(spec, program, &UNREDUCED).unwrap();
    assert!(reduced.complete && unreduced.complete);
    assert_eq!(reduced.outcomes, unreduced.outcomes);
    assert!(reduced.states <= unreduced.states);
    assert_eq!(reduced.endless.is_some(), unreduced.endless.is_some());
    let taken = |found: &Exploration| -> BTreeSet<_> {
        found.rules.iter().filter(|(_, count)| **count > 0).map(|(rule, _)| *rule).collect()
    };
    assert_eq!(taken(&reduced), taken(&unreduced));
    assert_eq!(unreduced.violations, []);
    unreduced
}

/// All outcomes in words, without the variables and registers unless they are asked for.
fn outcomes_of(sketch: Sketch, parameters: &[(&str, &str)]) -> Vec<String> {
    let given: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let spec = CondSpec::configure(&given).unwrap();
    let program = sketch.program::<CondSpec>();
    explored(&spec, &program).outcomes.keys().map(|outcome| describe(&program, outcome)).collect()
}

fn outcomes(sketch: Sketch) -> Vec<String> {
    outcomes_of(sketch, &[])
}

const WAIT: [&str; 3] = ["lock", "wait", "unlock"];

#[test]
fn l01_a_signal_may_come_before_the_ticket() {
    let program = Sketch::cond().thread("T1", &WAIT).thread("T2", &["signal"]);
    assert_eq!(outcomes(program), ["T1 done, T2 done", "T1 blocked at \"wait\" (line 2), T2 done"]);
}

#[test]
fn l02_a_predicate_written_under_the_lock_always_ends() {
    let program = Sketch::cond()
        .plain("p", 0)
        .thread("T1", &["lock", "wait-while p == 0", "unlock"])
        .thread("T2", &["lock", "p = 1", "unlock", "signal"]);
    assert_eq!(outcomes(program), ["T1 done, T2 done; p=1"]);
}

#[test]
fn l03_a_predicate_written_without_the_lock_may_lose_the_wakeup() {
    let threads = |sketch: Sketch| {
        sketch.thread("T1", &["lock", "wait-while p == 0", "unlock"]).thread("T2", &["p = 1", "signal"])
    };
    let expected = ["T1 done, T2 done; p=1", "T1 blocked at \"wait-while\" (line 2), T2 done; p=1"];
    assert_eq!(outcomes(threads(Sketch::cond().atomic("p", 0))), expected);
    // On a plain variable it is a data race as well.
    let racing = [&expected[..], &["data race on p"]].concat();
    assert_eq!(outcomes(threads(Sketch::cond().plain("p", 0))), racing);
}

#[test]
fn l04_a_signal_goes_to_the_older_ticket() {
    let program = || {
        Sketch::cond()
            .atomic("turn", 0)
            .thread("T1", &["lock", "turn = 1", "wait", "unlock"])
            .thread("T2", &["await turn == 1", "lock", "turn = 2", "wait", "unlock"])
            // Whoever gets the lock after T2 said that it is in finds both asleep.
            .thread("T3", &["await turn == 2", "lock", "unlock", "signal"])
    };
    assert_eq!(outcomes(program()), ["T1 done, T2 blocked at \"wait\" (line 4), T3 done; turn=2"]);
    let any = [("order", "any")];
    assert_eq!(
        outcomes_of(program(), &any),
        [
            "T1 done, T2 blocked at \"wait\" (line 4), T3 done; turn=2",
            "T1 blocked at \"wait\" (line 3), T2 done, T3 done; turn=2"
        ]
    );
}

/// Whether a ticket's owner sleeps already is nothing that the spec knows, so L5 is L4 but for the instant of the signal:
/// here it can only come between the ticket and the release of the lock, and T1 goes on all the same.
#[test]
fn l05_a_signal_finds_a_ticket_whose_owner_does_not_sleep_yet() {
    let early_signals = Altered {
        keep: |state, _, rule| {
            rule != "signal.wake" || CondSpec::default().exclusion(state, Thread(0)) != Exclusion::Nothing
        },
        ..Altered::default()
    };
    let program = Sketch::cond().thread("T1", &WAIT).thread("T2", &["signal"]).program::<CondSpec>();
    let found = explore(&early_signals, &program, &UNREDUCED).unwrap();
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    assert!(words.contains(&"T1 done, T2 done".to_owned()), "{words:?}");
}

#[test]
fn l06_a_broadcast_covers_whoever_has_a_ticket() {
    let program = Sketch::cond()
        .atomic("asleep", 0)
        .thread("T1", &["lock", "asleep += 1", "wait", "unlock"])
        .thread("T2", &["lock", "asleep += 1", "wait", "unlock"])
        .thread("T3", &WAIT)
        .thread("T4", &["await asleep == 2", "lock", "unlock", "broadcast"]);
    assert_eq!(
        outcomes(program),
        [
            "T1 done, T2 done, T3 done, T4 done; asleep=2",
            "T1 done, T2 done, T3 blocked at \"wait\" (line 2), T4 done; asleep=2"
        ]
    );
}

#[test]
fn l07_one_leaves_the_loop_and_spoils_the_predicate() {
    let waiter = ["lock", "asleep += 1", "wait-while n != 1", "n += 1", "unlock"];
    let program = Sketch::cond()
        .plain("n", 0)
        .atomic("asleep", 0)
        .thread("T1", &waiter)
        .thread("T2", &waiter)
        .thread("main", &["await asleep == 2", "lock", "n = 1", "unlock", "broadcast"]);
    assert_eq!(
        outcomes(program),
        [
            "T1 done, T2 blocked at \"wait-while\" (line 3), main done; n=2, asleep=2",
            "T1 blocked at \"wait-while\" (line 3), T2 done, main done; n=2, asleep=2"
        ]
    );
}

#[test]
fn l08_with_if_both_leave() {
    let waiter = ["lock", "asleep += 1", "wait-if n != 1", "n += 1", "unlock"];
    let program = Sketch::cond()
        .plain("n", 0)
        .atomic("asleep", 0)
        .thread("T1", &waiter)
        .thread("T2", &waiter)
        .thread("main", &["await asleep == 2", "lock", "n = 1", "unlock", "broadcast"]);
    assert_eq!(outcomes(program), ["T1 done, T2 done, main done; n=3, asleep=2"]);
}

#[test]
fn l09_the_last_ticket_before_the_wrap() {
    let program = Sketch::cond()
        .initial("wait", 0xffff_ffff)
        .initial("notify", 0xffff_ffff)
        .atomic("in", 0)
        .thread("T1", &["lock", "in = 1", "wait", "unlock"])
        .thread("T2", &["await in == 1", "lock", "unlock", "signal"])
        .program::<CondSpec>();
    let found = explored(&CondSpec::default(), &program);
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    assert_eq!(words, ["T1 done, T2 done; in=1"]);
    let state = |name: &str, value| equals(Condition::State(name.to_owned()), value);
    let wrapped = Condition::Binary(Binary::And, Box::new(state("wait", 0)), Box::new(state("notify", 0)));
    assert_eq!(judge(&expect(Quantifier::Forall, wrapped), &found).held, Some(true));
}

#[test]
fn l10_a_copy_of_a_used_condition_variable_ends_the_program() {
    let used = Sketch::cond().thread("T1", &["signal", "copy", "lock", "wait-copy", "unlock"]);
    assert_eq!(outcomes(used), ["T1 aborts (COND-16)"]);
    let unused = Sketch::cond().thread("T1", &["copy", "signal", "lock", "wait-copy", "unlock"]);
    assert_eq!(outcomes(unused), ["T1 blocked at \"wait-copy\" (line 4)"]);
}

#[test]
fn l11_a_second_signal_is_not_remembered() {
    let program = Sketch::cond()
        .atomic("in", 0)
        .thread("T1", &["lock", "in = 1", "wait", "wait", "unlock"])
        .thread("T2", &["await in == 1", "lock", "signal", "signal", "unlock"]);
    assert_eq!(outcomes(program), ["T1 blocked at \"wait\" (line 4), T2 done; in=1"]);
}

#[test]
fn l12_two_readers_wait_at_once() {
    let program = Sketch::cond()
        .atomic("in", 0)
        .thread("T1", &["lock", "in += 1", "wait", "unlock"])
        .thread("T2", &["lock", "in += 1", "wait", "unlock"])
        .thread("T3", &["await in == 2", "write-lock", "broadcast", "write-unlock"]);
    assert_eq!(outcomes_of(program, &[("locker", "rwmutex")]), ["T1 done, T2 done, T3 done; in=2"]);
}

/// The trap of the fast path: T3's signal found T1 waiting, T2 came, T4's signal woke T1, and T3 returns without effect.
#[test]
fn l13_a_signal_without_effect_although_somebody_was_always_waiting() {
    let program = || {
        Sketch::cond()
            .atomic("in", 0)
            .thread("T1", &["lock", "in = 1", "wait", "unlock"])
            .thread("T2", &["await in == 1", "lock", "in = 2", "wait", "unlock"])
            .thread("T3", &["await in >= 1", "lock", "unlock", "signal"])
            .thread("T4", &["await in == 2", "lock", "unlock", "signal"])
    };
    assert_eq!(
        outcomes(program()),
        [
            "T1 done, T2 done, T3 done, T4 done; in=2",
            "T1 done, T2 blocked at \"wait\" (line 4), T3 done, T4 done; in=2"
        ]
    );
    // A spec in which a signal wakes one "if there is any" does not allow the second one.
    let too_strict =
        Altered { keep: |state, _, rule| rule != "signal.none" || outstanding(state) == 0, ..Altered::default() };
    let program = program().program::<CondSpec>();
    let found = explore(&too_strict, &program, &UNREDUCED).unwrap();
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    assert_eq!(words, ["T1 done, T2 done, T3 done, T4 done; in=2"]);
}

fn outstanding(state: &cond::State) -> i64 {
    let observe = |name| CondSpec::default().observe(state, name).unwrap();
    observe("wait") - observe("notify")
}

fn equals(left: Condition, right: i64) -> Condition {
    Condition::Binary(Binary::Equal, Box::new(left), Box::new(Condition::Int(right)))
}

fn expect(quantifier: Quantifier, condition: Condition) -> Expectation {
    Expectation { quantifier, condition, observation: None }
}

fn done(thread: usize) -> Condition {
    Condition::Done(thread)
}

// ---------------------------------------------------------------------------------------------------------------------
// Pinned numbers
// ---------------------------------------------------------------------------------------------------------------------

/// Waiters and signallers as in the benchmark.
fn producers_and_consumers(each: usize) -> Program<cond::Op> {
    let names: Vec<String> = (0..each).map(|index| index.to_string()).collect();
    let mut sketch = Sketch::cond().plain("n", 0);
    for name in &names {
        sketch = sketch.thread(&format!("W{name}"), &["lock", "wait-while n == 0", "n += -1", "unlock"]);
    }
    for name in &names {
        sketch = sketch.thread(&format!("S{name}"), &["lock", "n += 1", "unlock", "signal"]);
    }
    sketch.program::<CondSpec>()
}

#[test]
fn numbers_of_states_are_what_they_were() {
    let numbers = |each, limits: &Limits| {
        let found = explore(&CondSpec::default(), &producers_and_consumers(each), limits).unwrap();
        (found.states, found.transitions, found.depth, found.outcomes.len())
    };
    assert_eq!(numbers(1, &UNREDUCED), (38, 47, 16, 1));
    assert_eq!(numbers(2, &UNREDUCED), (1_131, 2_170, 32, 1));
    assert_eq!(numbers(3, &UNREDUCED), (34_008, 88_986, 48, 1));
    assert_eq!(numbers(1, &REDUCED), (9, 33, 4, 1));
    assert_eq!(numbers(2, &REDUCED), (120, 900, 8, 1));
    assert_eq!(numbers(3, &REDUCED), (1_965, 22_176, 12, 1));
    assert_eq!(numbers(4, &REDUCED), (40_130, 596_856, 16, 1));
}

/// Three threads of two steps each on an atomic variable: 6! / (2! 2! 2!) interleavings, but a state is only who has
/// done how much and what they have read.
#[test]
fn plain_increments_are_two_steps_and_atomic_ones_are_one() {
    let counters = |sketch: Sketch| {
        let program = sketch.thread("T1", &["x += 1"]).thread("T2", &["x += 1"]).program::<RegisterSpec>();
        let found = explored(&RegisterSpec, &program);
        found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect::<Vec<_>>()
    };
    assert_eq!(counters(Sketch::new("register").atomic("x", 0)), ["T1 done, T2 done; x=2"]);
    assert_eq!(
        counters(Sketch::new("register").plain("x", 0)),
        ["T1 done, T2 done; x=1", "T1 done, T2 done; x=2", "data race on x"]
    );
}

#[test]
fn expressions_read_each_variable_on_its_own() {
    let program = Sketch::new("register")
        .atomic("x", 0)
        .atomic("y", 0)
        .thread("T1", &["r0 = x + y"])
        .thread("T2", &["x = 1", "y = 2"])
        .program::<RegisterSpec>();
    let found = explored(&RegisterSpec, &program);
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    // 2 comes from reading x before it is written and y after.
    let read = |sum| format!("T1 done, T2 done; x=1, y=2; T1:r0={sum}");
    assert_eq!(words, [read(0), read(1), read(2), read(3)]);
}

#[test]
fn a_register_that_never_changes_blocks_an_await_for_ever() {
    let program = Sketch::new("register")
        .atomic("x", 0)
        .thread("T1", &["r0 = 0", "await r0 == x", "await x == 2", "x = 5"])
        .thread("T2", &["x += 1"])
        .program::<RegisterSpec>();
    let found = explored(&RegisterSpec, &program);
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    assert_eq!(
        words,
        [
            "T1 blocked at \"await\" (line 2), T2 done; x=1; T1:r0=0",
            "T1 blocked at \"await\" (line 3), T2 done; x=1; T1:r0=0"
        ]
    );
}

// ---------------------------------------------------------------------------------------------------------------------
// May steps, daemons, answers out of many
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn an_execution_may_end_before_a_may_step_and_go_on_after_it() {
    let program = || Sketch::cond().thread("T1", &WAIT);
    assert_eq!(outcomes(program()), ["T1 blocked at \"wait\" (line 2)"]);
    assert_eq!(outcomes_of(program(), &[("spurious", "allowed")]), ["T1 done", "T1 blocked at \"wait\" (line 2)"]);
}

#[test]
fn a_waiting_loop_under_spurious_wakeups_has_finitely_many_states() {
    let program = Sketch::cond()
        .plain("p", 0)
        .thread("T1", &["lock", "wait-while p == 0", "unlock"])
        .thread("T2", &["lock", "wait-while p == 0", "unlock"])
        .thread("T3", &["lock", "p = 1", "unlock", "signal"]);
    assert_eq!(
        outcomes_of(program, &[("spurious", "allowed"), ("order", "any")]),
        [
            "T1 done, T2 done, T3 done; p=1",
            "T1 done, T2 blocked at \"wait-while\" (line 2), T3 done; p=1",
            "T1 blocked at \"wait-while\" (line 2), T2 done, T3 done; p=1"
        ]
    );
}

#[test]
fn a_timed_wait_ends_by_the_clock_or_by_the_signal() {
    let program = Sketch::cond()
        .thread("T1", &["lock", "r0 = wait-timeout 10", "unlock"])
        .thread("T2", &["signal"])
        .thread("clock", &["advance 10"]);
    assert_eq!(
        outcomes(program),
        [
            "T1 done, T2 done, clock done; T1:r0=notified",
            "T1 done, T2 done, clock done; T1:r0=timeout",
            // The clock advanced before the wait began.
            "T1 blocked at \"wait-timeout 10\" (line 2), T2 done, clock done; T1:r0=0",
        ]
    );
}

#[test]
fn daemons_move_and_answers_come_from_a_bounded_domain() {
    let program = Sketch::new("daemon")
        .thread("T1", &["post 7"])
        .thread("T2", &["r0 = collect", "r1 = draw"])
        .program::<DaemonSpec>();
    let found = explored(&DaemonSpec::default(), &program);
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    let both = |collected: &str, lot: &str| format!("T1 done, T2 done; T2:r0={collected}, T2:r1={lot}");
    let lots = ["0", "1", "999999"];
    let expected: Vec<String> = ["7", "empty"].iter().flat_map(|c| lots.map(|lot| both(c, lot))).collect();
    assert_eq!(words, expected);
    let path = shortest_path(&DaemonSpec::default(), &program, 1_000, |outcome, _| {
        equals(Condition::Register(1, 0), 7).holds(outcome, None) == Some(true)
    });
    let path = path.unwrap().unwrap();
    assert_eq!(path.threads, ["T1", "T2", "daemon"]);
    assert_eq!(
        path.rows.iter().filter(|row| row.thread == 2).map(|row| row.text.as_str()).collect::<Vec<_>>(),
        ["carry"]
    );
}

// ---------------------------------------------------------------------------------------------------------------------
// Paths, words, judgements, limits
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn a_shortest_path_shows_how_an_outcome_comes_about() {
    let program = Sketch::cond()
        .plain("p", 0)
        .thread("T1", &["lock", "wait-while p == 0", "unlock"])
        .thread("T2", &["p = 1", "signal"])
        .program::<CondSpec>();
    let blocked = Condition::Blocked(0);
    let path =
        shortest_path(&CondSpec::default(), &program, 1_000, |outcome, _| blocked.holds(outcome, None) == Some(true));
    let path = path.unwrap().unwrap();
    let rendered = path.render();
    let lines: Vec<&str> = rendered.lines().collect();
    assert_eq!(
        lines,
        [
            "  T1            T2",
            "  ------------  ----------------",
            "  lock → ok",
            "  reads p = 0",
            "                writes p = 1",
            "                signal.begin",
            "  wait.enqueue",
            "  wait.release",
            ">               signal.none → ok",
        ]
    );
    assert_eq!(
        describe(&program, path.outcome.as_ref().unwrap()),
        "T1 blocked at \"wait-while\" (line 2), T2 done; p=1"
    );
    let nowhere = shortest_path(&CondSpec::default(), &program, 1_000, |outcome, _| {
        Condition::Blocked(1).holds(outcome, None) == Some(true)
    });
    assert_eq!(nowhere, Ok(None));
}

#[test]
fn a_path_shows_a_race_and_an_abort() {
    let racing = Sketch::new("lock").plain("x", 0).thread("T1", &["lock", "x = 1"]).thread("T2", &["r0 = x"]);
    let racing = racing.program::<LockSpec>();
    let path = shortest_path(&LockSpec, &racing, 1_000, |outcome, _| matches!(outcome, Outcome::Race { .. }));
    assert_eq!(path.unwrap().unwrap().render(), "  T1         T2\n  ---------  --\n> lock → ok\n");

    let dying = Sketch::new("lock").thread("T1", &["unlock"]).program::<LockSpec>();
    let path = shortest_path(&LockSpec, &dying, 1_000, |outcome, _| matches!(outcome, Outcome::Abort { .. }));
    let path = path.unwrap().unwrap();
    assert_eq!(path.render(), "  T1\n  -------------------------------\n> unlock.abort → aborts (LOCK-03)\n");
    assert_eq!(describe(&dying, &path.outcome.unwrap()), "T1 aborts (LOCK-03)");
}

#[test]
fn expectations_are_judged() {
    let program = Sketch::cond().thread("T1", &WAIT).thread("T2", &["signal"]).program::<CondSpec>();
    let found = explored(&CondSpec::default(), &program);
    let verdict = |quantifier, condition| {
        let judgement = judge(&expect(quantifier, condition), &found);
        (judgement.held, judgement.witness.map(|witness| describe(&program, &witness)))
    };
    let (ends, sleeps) = ("T1 done, T2 done".to_owned(), "T1 blocked at \"wait\" (line 2), T2 done".to_owned());
    assert_eq!(verdict(Quantifier::Exists, done(0)), (Some(true), Some(ends.clone())));
    assert_eq!(verdict(Quantifier::Exists, Condition::Blocked(1)), (Some(false), None));
    assert_eq!(verdict(Quantifier::Forall, done(1)), (Some(true), None));
    assert_eq!(verdict(Quantifier::Forall, done(0)), (Some(false), Some(sleeps)));
    assert_eq!(verdict(Quantifier::Never, Condition::Blocked(1)), (Some(true), None));
    assert_eq!(verdict(Quantifier::Never, done(0)), (Some(false), Some(ends)));
    let state = |name: &str, value| equals(Condition::State(name.to_owned()), value);
    assert_eq!(verdict(Quantifier::Forall, state("wait", 1)), (Some(true), None));
    assert_eq!(verdict(Quantifier::Forall, state("no such thing", 1)), (None, None));
}

#[test]
fn what_never_ends_is_shown_and_leaves_a_forall_open() {
    let found = |sketch: Sketch| {
        let program = sketch.program::<CondSpec>();
        let found = explored(&CondSpec::default(), &program);
        let path = found.endless.as_ref().map(selvedge_verify::explore::Path::render);
        let held = |quantifier| judge(&expect(quantifier, done(0)), &found).held;
        (found.outcomes.len(), path, held(Quantifier::Forall), held(Quantifier::Exists), held(Quantifier::Never))
    };
    let spins = found(Sketch::cond().thread("A", &["signal-while 1"]));
    assert!(matches!(spins, (0, Some(_), None, Some(false), Some(true))), "{spins:?}");
    // Whoever has read 0 once goes on for ever, whatever the other does.
    let reads_once = Sketch::cond().atomic("p", 0).thread("A", &["r = p", "signal-while r == 0"]);
    let (outcomes, path, forall, exists, _) = found(reads_once.thread("B", &["p = 1"]));
    assert_eq!((outcomes, forall, exists), (1, None, Some(true)));
    assert!(path.is_some_and(|path| path.contains("reads p = 0")));
    // This one goes on until the other has written.
    let reads_anew = Sketch::cond().atomic("p", 0).thread("A", &["signal-while p == 0"]);
    assert_eq!(found(reads_anew.thread("B", &["p = 1"])), (1, None, Some(true), Some(true), Some(false)));
}

#[test]
fn an_exploration_that_was_cut_short_says_so() {
    let program = producers_and_consumers(2);
    for reduction in [Reduction::None, Reduction::Commuting] {
        let found = explore(&CondSpec::default(), &program, &Limits { states: 50, reduction }).unwrap();
        assert_eq!((found.complete, found.states), (false, 50));
        assert_eq!(judge(&expect(Quantifier::Forall, done(0)), &found).held, None);
        // Exactly as many as there are is enough.
        let states = explore(&CondSpec::default(), &program, &Limits { reduction, ..REDUCED }).unwrap().states;
        assert!(explore(&CondSpec::default(), &program, &Limits { states, reduction }).unwrap().complete);
    }
}

#[test]
fn programs_that_cannot_be_explored_are_refused() {
    let names: Vec<String> = (0..17).map(|index| format!("T{index}")).collect();
    let crowd = names.iter().fold(Sketch::cond(), |sketch, name| sketch.thread(name, &["signal"]));
    let refused = |sketch: Sketch| explore(&CondSpec::default(), &sketch.program::<CondSpec>(), &REDUCED).unwrap_err();
    assert_eq!(refused(crowd).message, "17 threads are too many for the explorer");
    assert_eq!(refused(Sketch::cond().initial("listen", 1)).message, "unknown initial value `listen`");
    let awaits_plain = Sketch::cond().plain("x", 0).thread("T1", &["await x == 1"]);
    assert_eq!(refused(awaits_plain).message, "`await` reads the plain variable `x`: it would race with every write");
}

// ---------------------------------------------------------------------------------------------------------------------
// Specs that are broken on purpose
// ---------------------------------------------------------------------------------------------------------------------

/// A condition variable with some steps taken away.
#[derive(Clone, Debug)]
struct Altered {
    within: CondSpec,
    /// Whether the step by this rule is kept.
    keep: fn(&cond::State, Thread, &str) -> bool,
    /// What explorers are told.
    commutation: fn(&cond::Op) -> Commutation,
}

impl Default for Altered {
    fn default() -> Self {
        Self { within: CondSpec::default(), keep: |_, _, _| true, commutation: |_| Commutation::Unknown }
    }
}

impl Spec for Altered {
    type State = cond::State;
    type Op = cond::Op;
    type Phase = cond::Phase;
    type Ret = cond::Ret;

    fn name(&self) -> &'static str {
        "altered"
    }
    fn configure(parameters: &[(String, String)]) -> Result<Self, Unknown> {
        CondSpec::configure(parameters).map(|within| Self { within, ..Self::default() })
    }
    fn parameters() -> &'static [Parameter] {
        CondSpec::parameters()
    }
    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        self.within.configuration()
    }
    fn clauses() -> &'static [Clause] {
        CondSpec::clauses()
    }
    fn rules() -> &'static [Rule] {
        CondSpec::rules()
    }
    fn aborts() -> &'static [&'static str] {
        CondSpec::aborts()
    }
    fn forms() -> &'static [Form] {
        CondSpec::forms()
    }
    fn observables() -> &'static [&'static str] {
        CondSpec::observables()
    }
    fn initial(&self, set: &[(String, i64)]) -> Result<cond::State, Unknown> {
        self.within.initial(set)
    }
    fn observe(&self, state: &cond::State, name: &str) -> Option<i64> {
        self.within.observe(state, name)
    }
    fn steps(
        &self,
        state: &cond::State,
        thread: Thread,
        op: &cond::Op,
        phase: &cond::Phase,
        seen: Option<&cond::Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        let mut steps = Vec::new();
        self.within.steps(state, thread, op, phase, seen, &mut steps);
        let rule = |step: &StepOf<CondSpec>| CondSpec::rules()[usize::from(step.rule.0)].name;
        out.extend(steps.into_iter().filter(|step| (self.keep)(state, thread, rule(step))));
    }
    fn invariants(&self, state: &cond::State) -> Vec<Broken> {
        self.within.invariants(state)
    }
    fn at_rest(&self, state: &cond::State, running: &[(Thread, &cond::Op, &cond::Phase)]) -> Vec<Broken> {
        self.within.at_rest(state, running)
    }
    fn commutation(&self, _: &cond::State, _: Thread, op: &cond::Op, _: &cond::Phase) -> Commutation {
        (self.commutation)(op)
    }
    fn next_ops(&self, done: &[cond::Op]) -> Vec<cond::Op> {
        self.within.next_ops(done)
    }
}

#[test]
fn whoever_goes_alone_in_a_circle_does_not_keep_the_others_out() {
    let program = Sketch::cond()
        .thread("T1", &["advance 0-while 1 == 1"])
        .thread("T2", &["signal", "copy", "signal-copy"])
        .program::<CondSpec>();
    let commutation: fn(&cond::Op) -> Commutation =
        |op| if *op == (cond::Op::Advance { by_ms: 0 }) { Commutation::Independent } else { Commutation::Unknown };
    let found = explore(&Altered { commutation, ..Altered::default() }, &program, &REDUCED).unwrap();
    let words: Vec<String> = found.outcomes.keys().map(|outcome| describe(&program, outcome)).collect();
    assert_eq!(words, ["T2 aborts (COND-16)"]);
}

#[test]
fn a_missing_must_rule_shows_in_the_expectations_and_at_rest() {
    let program = Sketch::cond()
        .plain("p", 0)
        .thread("T1", &["lock", "wait-while p == 0", "unlock"])
        .thread("T2", &["lock", "p = 1", "unlock", "signal"])
        .program::<CondSpec>();
    for (dropped, clause) in [("wait.notified", "COND-03"), ("wait.release", "COND-02"), ("wait.relock", "COND-04")] {
        let keep: fn(&cond::State, Thread, &str) -> bool = match dropped {
            "wait.notified" => |_, _, rule| rule != "wait.notified",
            "wait.release" => |_, _, rule| rule != "wait.release",
            _ => |_, _, rule| rule != "wait.relock",
        };
        let found = explore(&Altered { keep, ..Altered::default() }, &program, &REDUCED).unwrap();
        let judgement = judge(&expect(Quantifier::Forall, done(0)), &found);
        assert_eq!(judgement.held, Some(false), "{dropped}");
        let [violation] = &found.violations[..] else { panic!("{dropped}: {:?}", found.violations) };
        assert_eq!((violation.kind, violation.broken.clause), (ViolationKind::AtRest, clause));
        assert!(violation.path.as_ref().unwrap().rows.last().unwrap().here);
    }
}

#[test]
fn a_weakened_rule_shows_in_the_expectations() {
    let program = Sketch::cond()
        .atomic("turn", 0)
        .thread("T1", &["lock", "turn = 1", "wait", "unlock"])
        .thread("T2", &["await turn == 1", "lock", "turn = 2", "wait", "unlock"])
        .thread("T3", &["await turn == 2", "lock", "unlock", "signal"])
        .program::<CondSpec>();
    let expected = expect(Quantifier::Forall, done(0));
    let held = |within: CondSpec| {
        let spec = Altered { within, ..Altered::default() };
        judge(&expected, &explore(&spec, &program, &REDUCED).unwrap()).held
    };
    assert_eq!(held(CondSpec::default()), Some(true));
    assert_eq!(held(CondSpec { order: cond::Order::Any, ..CondSpec::default() }), Some(false));
}

#[test]
fn a_clock_that_nobody_heeds_shows_at_rest() {
    let program = Sketch::cond()
        .atomic("in", 0)
        .thread("T1", &["lock", "in = 1", "wait-timeout 10", "unlock"])
        .thread("clock", &["await in == 1", "lock", "unlock", "advance 10"])
        .program::<CondSpec>();
    let deaf = Altered { keep: |_, _, rule| rule != "timeout.due", ..Altered::default() };
    let found = explore(&deaf, &program, &REDUCED).unwrap();
    let clauses: Vec<_> = found.violations.iter().map(|violation| violation.broken.clause).collect();
    assert_eq!(clauses, ["COND-T01"]);
    assert_eq!(explored(&CondSpec::default(), &program).outcomes.len(), 1);
}

/// A post office that breaks its own clauses.
#[derive(Clone, Debug)]
struct BadPost {
    daemon_sleeps: bool,
}

impl Spec for BadPost {
    type State = <DaemonSpec as Spec>::State;
    type Op = <DaemonSpec as Spec>::Op;
    type Phase = <DaemonSpec as Spec>::Phase;
    type Ret = <DaemonSpec as Spec>::Ret;

    fn name(&self) -> &'static str {
        "bad-post"
    }
    fn configure(_: &[(String, String)]) -> Result<Self, Unknown> {
        Ok(Self { daemon_sleeps: true })
    }
    fn parameters() -> &'static [Parameter] {
        &[]
    }
    fn configuration(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    fn clauses() -> &'static [Clause] {
        DaemonSpec::clauses()
    }
    fn rules() -> &'static [Rule] {
        DaemonSpec::rules()
    }
    fn forms() -> &'static [Form] {
        DaemonSpec::forms()
    }
    fn observables() -> &'static [&'static str] {
        DaemonSpec::observables()
    }
    fn initial(&self, set: &[(String, i64)]) -> Result<Self::State, Unknown> {
        DaemonSpec::default().initial(set)
    }
    fn observe(&self, state: &Self::State, name: &str) -> Option<i64> {
        DaemonSpec::default().observe(state, name)
    }
    fn steps(
        &self,
        state: &Self::State,
        thread: Thread,
        op: &Self::Op,
        phase: &Self::Phase,
        seen: Option<&Self::Ret>,
        out: &mut Vec<StepOf<Self>>,
    ) {
        // It lets more letters in than there is room for.
        let mut steps = Vec::new();
        DaemonSpec { room: 3 }.steps(state, thread, op, phase, seen, &mut steps);
        out.extend(steps);
    }
    fn internal(&self, state: &Self::State, out: &mut Vec<(RuleId, Self::State)>) {
        if !self.daemon_sleeps {
            DaemonSpec::default().internal(state, out);
        }
    }
    fn invariants(&self, state: &Self::State) -> Vec<Broken> {
        DaemonSpec::default().invariants(state)
    }
    fn at_rest(&self, state: &Self::State, running: &[(Thread, &Self::Op, &Self::Phase)]) -> Vec<Broken> {
        DaemonSpec::default().at_rest(state, running)
    }
    fn next_ops(&self, done: &[Self::Op]) -> Vec<Self::Op> {
        DaemonSpec::default().next_ops(done)
    }
    fn threads_max() -> usize {
        2
    }
}

#[test]
fn more_threads_than_a_spec_has_room_for_are_refused() {
    let two = Sketch::new("daemon").thread("T1", &["post 1"]).thread("T2", &["post 2"]);
    let three = two.clone().thread("T3", &["post 3"]);
    let spec = BadPost { daemon_sleeps: false };
    assert!(explore(&spec, &two.program::<DaemonSpec>(), &REDUCED).is_ok());
    let refusal = explore(&spec, &three.program::<DaemonSpec>(), &REDUCED).unwrap_err();
    assert_eq!(refusal.message, "3 threads are too many for the spec `bad-post`");
    assert_eq!(refusal.expected, ["at most 2 threads"]);
}

#[test]
fn a_broken_invariant_is_found_with_a_shortest_path() {
    let program = Sketch::new("daemon").thread("T1", &["post 1", "post 2", "post 3"]).program::<DaemonSpec>();
    let found = explore(&BadPost { daemon_sleeps: true }, &program, &REDUCED).unwrap();
    let kinds: Vec<_> = found.violations.iter().map(|violation| (violation.kind, violation.broken.clause)).collect();
    assert_eq!(kinds, [(ViolationKind::Invariant, "POST-01"), (ViolationKind::AtRest, "POST-02")]);
    for violation in &found.violations {
        assert_eq!(violation.path.as_ref().unwrap().rows.len(), 3);
    }
    let awake = explore(&BadPost { daemon_sleeps: false }, &program, &REDUCED).unwrap();
    let clauses: Vec<_> = awake.violations.iter().map(|violation| violation.broken.clause).collect();
    assert_eq!(clauses, ["POST-01"]);
}

// ---------------------------------------------------------------------------------------------------------------------
// The reduction against the unreduced exploration, on generated programs
// ---------------------------------------------------------------------------------------------------------------------

/// Decisions drawn beforehand; when they run out, the first choice is taken.
struct Draws(std::vec::IntoIter<u16>);

impl Draws {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().unwrap_or(0)) % count
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// Which operations the threads of a program perform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Discipline {
    /// As the spec allows them in a thread.
    Kept,
    /// Whichever there are, in any order.
    None,
}

/// Every operation that the spec has, each with one argument.
fn all_ops<S: Spec>() -> Vec<S::Op> {
    let text = |form: &Form| format!("{} {}", form.name, if form.arguments.is_empty() { "" } else { "1" });
    S::forms().iter().filter_map(|form| text(form).trim().parse().ok()).collect()
}

/// A program: operations in each thread, statements on variables strewn among them.
fn generate<S: Spec>(spec: &S, discipline: Discipline, mut draws: Draws) -> Sketch {
    let mut sketch = Sketch::new(spec.name()).plain("x", 0).plain("z", 0).atomic("y", 0);
    let threads = 2 + draws.below(2);
    for thread in 0..threads {
        let mut done: Vec<S::Op> = Vec::new();
        let mut lines: Vec<String> = Vec::new();
        let wanted = 1 + draws.below(if threads == 2 { 4 } else { 3 });
        let must_go_on = |done: &[S::Op]| discipline == Discipline::Kept && !spec.may_end(done) && done.len() < 8;
        while done.len() < wanted || must_go_on(&done) {
            if draws.below(2) == 1 {
                let around = ["x += 1", "x = 2", "r1 = x", "y += 1", "y = 2", "r1 = y", "z = x + y", "await y != 0"];
                lines.push(draws.one_of(&around).to_owned());
            }
            let op = draws.one_of(&match discipline {
                Discipline::Kept => spec.next_ops(&done),
                Discipline::None => all_ops::<S>(),
            });
            // Others go round for ever, if nobody writes; and those that count something would never come to an end of states.
            let loops = match discipline {
                Discipline::Kept => op.to_string().starts_with("wait"),
                Discipline::None => op.to_string().starts_with("signal"),
            };
            lines.push(match (loops, draws.below(4)) {
                (true, 0) => format!("{op}-while x == 0"),
                (true, 1) => format!("{op}-if y == 0"),
                (_, 2) => format!("r0 = {op}"),
                _ => op.to_string(),
            });
            done.push(op);
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        sketch = sketch.thread(&format!("T{}", thread + 1), &lines);
    }
    sketch
}

fn reduced_equals_unreduced<S: Spec>(spec: &S, discipline: Discipline, draws: Vec<u16>) {
    let program = generate(spec, discipline, Draws(draws.into_iter())).program::<S>();
    let found = explored(spec, &program);
    // Every outcome has an execution, and it leads there.
    for wanted in found.outcomes.keys() {
        let path = shortest_path(spec, &program, UNREDUCED.states, |outcome, _| outcome == wanted);
        assert_eq!(path.unwrap().unwrap().outcome.as_ref(), Some(wanted));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        rng_seed: proptest::test_runner::RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_reduction_loses_no_outcome_of_the_condition_variable(
        draws in prop::collection::vec(any::<u16>(), 64),
        configuration in any::<Index>(),
        discipline in prop::sample::select(vec![Discipline::Kept, Discipline::None]),
    ) {
        let configurations = [
            vec![],
            vec![("order", "any")],
            vec![("locker", "rwmutex")],
            vec![("spurious", "allowed"), ("order", "any")],
            vec![("timeouts", "free")],
        ];
        let given: Vec<_> = configurations[configuration.index(configurations.len())]
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        reduced_equals_unreduced(&CondSpec::configure(&given).unwrap(), discipline, draws);
    }

    #[test]
    fn the_reduction_loses_no_outcome_of_the_toys(
        draws in prop::collection::vec(any::<u16>(), 64),
        discipline in prop::sample::select(vec![Discipline::Kept, Discipline::None]),
    ) {
        reduced_equals_unreduced(&LockSpec, discipline, draws.clone());
        reduced_equals_unreduced(&RegisterSpec, discipline, draws.clone());
        reduced_equals_unreduced(&DaemonSpec::default(), discipline, draws);
    }
}
