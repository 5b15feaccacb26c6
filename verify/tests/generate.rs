//! Generated programs: well-formed by an independent check, varied, the same for the same seed, and shrinking well.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use selvedge::platform::{Arc, Shuttle};
use selvedge_model::Spec;
use selvedge_model::cond::CondSpec;
use selvedge_model::toy::{DaemonSpec, LockSpec, RegisterSpec, lock};
use selvedge_verify::conformance::{Goal, Job, Target, on_shuttle};
use selvedge_verify::engine::{Budget, Engine};
use selvedge_verify::evidence::Mode;
use selvedge_verify::generate::{Shape, generate, is_well_formed, programs, save_regression, shrink};
use selvedge_verify::litmus::{self, Access, Expr, Program, Statement};
use selvedge_verify::mutant::cond as mutant;
use selvedge_verify::subject::Variant;
use selvedge_verify::subject::cond::Ticket;

/// The operations a thread may turn out to perform, one sequence for each way its loops and conditions may go.
fn ways<Op: Clone>(statements: &[Statement<Op>], turns_max: usize) -> Vec<Vec<Op>> {
    let mut ways = vec![Vec::new()];
    for statement in statements {
        let turns: Vec<usize> = match statement {
            Statement::Operation { .. } => vec![1],
            Statement::If { .. } => vec![0, 1],
            Statement::While { .. } => (0..=turns_max).collect(),
            _ => continue,
        };
        let op = statement.op().unwrap();
        ways = ways
            .iter()
            .flat_map(|way| turns.iter().map(move |turns| [&way[..], &vec![op.clone(); *turns]].concat()))
            .collect();
    }
    ways
}

/// The rules of the spec's author, asked directly.
fn assert_well_formed<S: Spec>(spec: &S, program: &Program<S::Op>) {
    for thread in &program.threads {
        assert!(!thread.statements.is_empty(), "{program}");
        for way in ways(&thread.statements, 3) {
            for at in 0..way.len() {
                let offered = spec.next_ops(&way[..at]);
                assert!(offered.contains(&way[at]), "{} is not offered after {:?}:\n{program}", way[at], &way[..at]);
            }
            assert!(spec.may_end(&way), "{way:?} is no end:\n{program}");
        }
    }
    let texts: Vec<String> = program.threads.iter().map(|thread| thread.name.clone()).collect();
    assert_eq!(texts, (1..=texts.len()).map(|number| format!("T{number}")).collect::<Vec<_>>());
    let accesses = [Access::SeqCst, Access::Plain];
    assert!(program.variables.iter().all(|variable| accesses.contains(&variable.access) && variable.initial == 0));
}

/// It prints as a litmus test that reads back as the same program.
fn assert_prints<S: Spec>(program: &Program<S::Op>) {
    let text = program.to_string();
    let read = litmus::parse(&program.name, &text).and_then(|source| source.program::<S>());
    assert_eq!(&read.unwrap_or_else(|problems| panic!("{text}{problems:?}")), program, "{text}");
}

fn generated<S: Spec>(spec: &S) -> Vec<Program<S::Op>> {
    let shape = Shape { variables_max: 2, ..Shape::default() };
    let (programs, report) = generate(spec, &shape, 11, 400);
    assert_eq!((programs.len(), report.produced), (400, 400));
    assert!(report.discarded_share() < 0.1, "{report}");
    for program in &programs {
        assert_well_formed(spec, program);
        assert!(is_well_formed(spec, program), "{program}");
        assert_prints::<S>(program);
        assert!((shape.threads_min..=shape.threads_max).contains(&program.threads.len()));
    }
    programs
}

/// How often each form of operation, and each kind of statement, occurs.
fn frequencies<Op: std::fmt::Display>(programs: &[Program<Op>]) -> BTreeMap<String, usize> {
    let mut frequencies = BTreeMap::new();
    for statement in programs.iter().flat_map(|program| &program.threads).flat_map(|thread| &thread.statements) {
        let kind = match statement {
            Statement::Operation { .. } => "operation",
            Statement::While { .. } => "while",
            Statement::If { .. } => "if",
            Statement::Write { .. } => "write",
            Statement::Add { .. } => "add",
            Statement::Set { .. } => "set",
            Statement::Await { .. } => "await",
        };
        *frequencies.entry(kind.to_owned()).or_default() += 1;
        if let Some(op) = statement.op() {
            *frequencies.entry(op.to_string()).or_default() += 1;
        }
    }
    frequencies
}

#[track_caller]
fn assert_all_occur(frequencies: &BTreeMap<String, usize>, wanted: &[&str]) {
    for wanted in wanted {
        assert!(frequencies.get(*wanted).is_some_and(|times| *times >= 10), "{wanted}: {frequencies:?}");
    }
}

#[test]
fn condition_variables() {
    let found = frequencies(&generated(&CondSpec::default()));
    let ops = ["lock", "unlock", "wait", "wait-timeout 10", "wait-timeout 20", "signal", "broadcast", "advance 10"];
    assert_all_occur(&found, &ops);
    assert_all_occur(&found, &["while", "if", "write", "add", "await"]);
    for parameters in [("locker", "rwmutex"), ("spurious", "allowed"), ("timeouts", "free")] {
        let spec = CondSpec::configure(&[(parameters.0.to_owned(), parameters.1.to_owned())]).unwrap();
        for program in generated(&spec) {
            assert_eq!(program.parameters, [(parameters.0.to_owned(), parameters.1.to_owned())]);
        }
    }
}

/// Most programs should be about something: here, a wait that another thread may end.
#[test]
fn waits_meet_signals() {
    let programs = generated(&CondSpec::default());
    let meets = |program: &&Program<_>| {
        let performed = |thread: usize| program.threads[thread].statements.iter().filter_map(Statement::op);
        let has = |thread, words: [&str; 2]| {
            performed(thread)
                .any(|op: &selvedge_model::cond::Op| words.iter().any(|word| op.to_string().starts_with(word)))
        };
        (0..program.threads.len()).any(|waiter| {
            has(waiter, ["wait", "wait"])
                && (0..program.threads.len()).any(|waker| waker != waiter && has(waker, ["signal", "broadcast"]))
        })
    };
    let share = programs.iter().filter(meets).count() as f64 / programs.len() as f64;
    assert!(share > 0.4, "{share}");
}

/// Plain variables are guarded by the lock: no program has a data race of its own, and many use one.
fn assert_guarded<S: Spec>(spec: &S, guarded_min: usize) {
    let mut guarded = 0;
    let (programs, _) = generate(spec, &Shape { operations_max: 3, ..Shape::default() }, 23, 150);
    for program in programs {
        let accesses_plain = program.variables.iter().any(|variable| variable.access == Access::Plain)
            && program.threads.iter().flat_map(|thread| &thread.statements).any(|statement| {
                matches!(
                    statement,
                    Statement::While { .. } | Statement::If { .. } | Statement::Write { .. } | Statement::Add { .. }
                )
            });
        guarded += usize::from(accesses_plain);
        let target = Target::<S>::new(program).unwrap();
        assert!(target.allowed.complete && !target.is_racy(), "{}", target.program);
    }
    assert!(guarded >= guarded_min, "{guarded} programs access a plain variable");
}

#[test]
fn plain_variables_are_guarded() {
    assert_guarded(&CondSpec::default(), 25);
    assert_guarded(&CondSpec::configure(&[("locker".to_owned(), "rwmutex".to_owned())]).unwrap(), 15);
    // A `try-lock` may fail: nothing plain is accessed after one.
    assert_guarded(&LockSpec, 25);
    // Without a lock there is nothing to guard a plain variable with.
    for program in generated(&RegisterSpec) {
        assert!(program.variables.iter().all(|variable| variable.access == Access::SeqCst), "{program}");
    }
}

/// Half of a critical section is never left behind: a smaller program is guarded as well.
#[test]
fn shrinking_keeps_plain_variables_guarded() {
    let (programs, _) = generate(&LockSpec, &Shape::default(), 31, 60);
    let writes_plain = |program: &Program<lock::Op>| {
        program.threads.iter().flat_map(|thread| &thread.statements).any(|statement| {
            matches!(statement, Statement::Write { variable, .. } if program.variables[*variable].access == Access::Plain)
        })
    };
    let mut shrunk = 0;
    for program in programs.iter().filter(|program| writes_plain(program)) {
        let smallest = shrink(&LockSpec, program, writes_plain);
        let ops: Vec<String> = smallest.ops().map(ToString::to_string).collect();
        assert_eq!(ops, ["lock", "unlock"], "{smallest}");
        shrunk += 1;
    }
    assert!(shrunk > 5, "{shrunk}");
}

/// A failure of what callers must not do is small only if they go on doing it.
#[test]
fn what_is_not_well_formed_shrinks_to_something_that_need_not_be() {
    let text = "spec lock\nthread A\n  unlock\n  lock\n  unlock\nthread B\n  lock\n";
    let program = litmus::parse("p", text).and_then(|source| source.program::<LockSpec>()).unwrap();
    assert!(!is_well_formed(&LockSpec, &program));
    let smallest = shrink(&LockSpec, &program, |program| program.ops().any(|op| op.to_string() == "unlock"));
    assert_eq!(smallest.ops().map(ToString::to_string).collect::<Vec<_>>(), ["unlock"], "{smallest}");
}

#[test]
fn locks() {
    let found = frequencies(&generated(&LockSpec));
    assert_all_occur(&found, &["lock", "unlock", "try-lock"]);
    // A lock is got by whoever is alone: no loop around it.
    assert_eq!(found.get("while"), None);
}

#[test]
fn registers() {
    let found = frequencies(&generated(&RegisterSpec));
    assert_all_occur(&found, &["read", "write 1", "write 2", "if", "await"]);
    assert_eq!(found.get("while"), None);
}

#[test]
fn post_offices() {
    assert_all_occur(&frequencies(&generated(&DaemonSpec::default())), &["post 1", "post 2", "collect", "draw"]);
}

#[test]
fn loops_are_made_of_operations_that_nobody_finishes_alone() {
    let mut loops = 0;
    for program in generated(&CondSpec::default()) {
        for statement in program.threads.iter().flat_map(|thread| &thread.statements) {
            if let Statement::While { op, .. } = statement {
                // Even a timed wait blocks alone: nobody advances the clock.
                assert!(op.to_string().starts_with("wait"), "{program}");
                loops += 1;
            }
        }
    }
    assert!(loops > 20);
    // Where a wait may wake spuriously or give up at any time, a loop could turn for ever.
    for choice in [("spurious", "allowed"), ("timeouts", "free")] {
        let spec = CondSpec::configure(&[(choice.0.to_owned(), choice.1.to_owned())]).unwrap();
        for program in generated(&spec) {
            for statement in program.threads.iter().flat_map(|thread| &thread.statements) {
                if let Statement::While { op, .. } = statement {
                    assert!(choice.0 == "timeouts" && op.to_string() == "wait", "{program}");
                }
            }
        }
    }
}

#[test]
fn awaits_wait_for_what_somebody_else_writes() {
    for program in generated(&RegisterSpec) {
        for (index, thread) in program.threads.iter().enumerate() {
            for statement in &thread.statements {
                let Statement::Await { condition: Expr::Binary(_, variable, value) } = statement else { continue };
                let (Expr::Variable(variable), value) = (&**variable, &**value) else { panic!("{program}") };
                let write = Statement::Write { variable: *variable, value: value.clone() };
                let others = program.threads.iter().enumerate().filter(|(other, _)| *other != index);
                assert!(others.flat_map(|(_, other)| &other.statements).any(|other| *other == write), "{program}");
            }
        }
    }
}

#[test]
fn a_seed_stands_for_its_programs() {
    let texts = |seed| -> Vec<String> {
        let (programs, _) = generate(&CondSpec::default(), &Shape::default(), seed, 20);
        programs.iter().map(ToString::to_string).collect()
    };
    assert_eq!(texts(3), texts(3));
    assert_ne!(texts(3), texts(4));
    // Pinned: a seed in a bug report must mean the same program tomorrow.
    let (programs, _) = generate(&CondSpec::default(), &Shape::default(), 3, 1);
    insta::assert_snapshot!(programs[0].to_string(), @r"
    spec cond
    atomic x0 = 0 seqcst

    thread T1
      advance-if 10 : x0 != 2
      lock
      r0 = unlock

    thread T2
      lock
      signal-if x0 != 0
      wait-while x0 == 1
      unlock

    thread T3
      lock
      r0 = unlock
      x0 += 1
    ");
}

fn has<Op: std::fmt::Display>(program: &Program<Op>, wanted: &str) -> bool {
    program.ops().any(|op| op.to_string() == wanted)
}

#[test]
fn shrinking_reaches_the_known_minimum() {
    let spec = CondSpec::default();
    let mut shrunk = 0;
    // A thread that waits, and another one that broadcasts.
    let fails = |program: &Program<_>| {
        let with = |wanted: &str| {
            let performs = |op: &selvedge_model::cond::Op| op.to_string() == wanted;
            program.threads.iter().position(|thread| thread.statements.iter().filter_map(Statement::op).any(performs))
        };
        matches!((with("wait"), with("broadcast")), (Some(waits), Some(wakes)) if waits != wakes)
    };
    for program in generated(&spec).iter().filter(|program| fails(program)) {
        let smallest = shrink(&spec, program, |smaller| {
            assert_well_formed(&spec, smaller);
            fails(smaller)
        });
        let mut threads: Vec<String> =
            smallest.to_string().split("\nthread ").skip(1).map(|thread| thread[3..].trim().to_owned()).collect();
        threads.sort();
        assert_eq!(threads, ["broadcast", "lock\n  wait\n  unlock"], "from\n{program}\nto\n{smallest}");
        shrunk += 1;
    }
    assert!(shrunk > 20);
}

#[test]
fn shrinking_makes_values_smaller_and_drops_what_nothing_uses() {
    let shape = Shape { variables_max: 2, ..Shape::default() };
    let (programs, _) = generate(&RegisterSpec, &shape, 5, 200);
    let writes = |program: &Program<_>| {
        let statements = || program.threads.iter().flat_map(|thread| &thread.statements);
        has(program, "write 2") && statements().any(|statement| matches!(statement, Statement::Write { .. }))
    };
    let mut shrunk = 0;
    for program in programs.iter().filter(|program| writes(program)) {
        let smallest = shrink(&RegisterSpec, program, writes);
        let text = smallest.to_string();
        assert_eq!(smallest.variables.len(), 1, "{text}");
        assert!(smallest.threads.iter().all(|thread| thread.registers.is_empty()), "{text}");
        let mut lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  ")).collect();
        lines.sort_unstable();
        assert_eq!(lines, ["  write 2", "  x0 = 0"], "{text}");
        shrunk += 1;
    }
    assert!(shrunk > 10);
}

/// Whether a variant of the ticket condition variable does something that the spec does not allow.
fn is_caught(target: &Arc<Target<CondSpec>>, variant: Variant, executions: u64) -> bool {
    let job = Job {
        target: target.clone(),
        engine: Engine::Portfolio,
        mode: Mode::Histories,
        budget: Budget { executions, seed: 7, ..Budget::once() },
        weak: Some(Default::default()),
        variant,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    };
    on_shuttle::<CondSpec, Ticket<Shuttle>>(&Arc::new(job)).violation.is_some()
}

/// The first bound says how many of the generated programs it takes, the second how small shrinking makes the one found.
#[test]
fn generated_programs_alone_catch_planted_bugs() {
    const PROGRAMS: usize = 120;
    const EXECUTIONS: u64 = 60;
    let spec = CondSpec::default();
    let (programs, _) = generate(&spec, &Shape::default(), 5, PROGRAMS);
    let target = |program: &Program<_>| Arc::new(Target::<CondSpec>::new(program.clone()).unwrap());
    let targets: Vec<_> = programs.iter().map(target).collect();
    let sound = targets.iter().position(|target| is_caught(target, mutant::NONE, EXECUTIONS));
    assert_eq!(sound, None, "without a planted bug there is nothing to catch");

    let mut caught = Vec::new();
    let mut missed = Vec::new();
    for planted in mutant::MUTANTS {
        let Some(found) = targets.iter().position(|target| is_caught(target, planted.bug, EXECUTIONS)) else {
            missed.push(planted.name);
            continue;
        };
        let smallest =
            shrink(&spec, &programs[found], |smaller| is_caught(&target(smaller), planted.bug, 5 * EXECUTIONS));
        let statements: usize = smallest.threads.iter().map(|thread| thread.statements.len()).sum();
        caught.push((planted.name, found, statements));
    }
    assert!(caught.len() >= 8, "caught {caught:?}, missed {missed:?}");
    for (name, _, statements) in &caught {
        assert!(*statements <= 10, "{name}: {statements} statements are left");
    }
}

#[test]
fn proptest_shrinks_to_the_minimum_too() {
    let config = Config { cases: 400, rng_seed: RngSeed::Fixed(2), failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&programs(LockSpec, Shape::default()), |program| {
        assert_well_formed(&LockSpec, &program);
        let locks = program.ops().filter(|op| **op == lock::Op::Lock).count();
        prop_assert!(locks < 2 || !has(&program, "try-lock"));
        Ok(())
    });
    let Err(TestError::Fail(_, smallest)) = outcome else { panic!("{outcome:?}") };
    let mut ops: Vec<String> = smallest.ops().map(ToString::to_string).collect();
    assert_eq!(ops.len(), 5, "{smallest}");
    ops.sort();
    assert_eq!(ops, ["lock", "lock", "try-lock", "unlock", "unlock"], "{smallest}");
    assert!(smallest.variables.is_empty() && smallest.threads.iter().all(|thread| thread.registers.is_empty()));
}

#[test]
fn what_is_not_well_formed_is_told_apart() {
    let read = |text: &str| litmus::parse("p", text).and_then(|source| source.program::<LockSpec>()).unwrap();
    for (body, expected) in [
        ("lock\n unlock", true),
        ("try-lock", true),
        ("unlock", false),
        ("lock", false),
        ("lock-if x == 0\n unlock", false),
        ("try-lock-while x == 0", true),
    ] {
        let program = read(&format!("spec lock\natomic x = 0 seqcst\nthread T1\n {body}\n"));
        assert_eq!(is_well_formed(&LockSpec, &program), expected, "{body}");
    }
}

#[test]
fn a_regression_is_saved_once_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("regressions");
    let (programs, _) = generate(&CondSpec::default(), &Shape::default(), 1, 2);
    let paths: Vec<_> =
        [&programs[0], &programs[0], &programs[1]].map(|program| save_regression(&dir, program).unwrap()).to_vec();
    assert_eq!(paths[0], paths[1]);
    let mut files: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut expected = vec![paths[0].clone(), paths[2].clone()];
    expected.sort();
    assert_eq!(files, expected, "nothing half-written is left");
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    let read = litmus::parse(&programs[0].name, &text).and_then(|source| source.program::<CondSpec>()).unwrap();
    assert_eq!(read, programs[0]);
}
