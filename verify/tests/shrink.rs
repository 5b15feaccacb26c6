//! Joint shrinking: what it promises, and what it makes of the planted bugs.
//!
//! The counterexamples of the planted bugs are golden files in `verify/tests/golden`. To write them anew:
//!
//! ```text
//! INSTA_UPDATE=always cargo test -p selvedge-verify --test shrink
//! ```

use selvedge::platform::{Arc, Shuttle};
use selvedge_model::cond::CondSpec;
use selvedge_model::{Spec, cond};
use selvedge_verify::conformance::{Findings, Goal, Job, Symptom, Target, on_shuttle};
use selvedge_verify::engine::{Budget, Engine};
use selvedge_verify::evidence::{Evidence, Kind, Mode, Verdict};
use selvedge_verify::generate::{self, Shape};
use selvedge_verify::litmus::{self, Program, Statement, ThreadBody, corpus};
use selvedge_verify::mutant::cond as bug;
use selvedge_verify::shrink::{Effort, Failure, Shrunk, shrink};
use selvedge_verify::subject::Variant;
use selvedge_verify::subject::cond::Ticket;
use selvedge_verify::suite::{Options, Suite};

/// What the suite records about a planted bug.
fn recorded(suite: &Suite, mutant: &str) -> Evidence {
    let id = format!("cond/mutant/{mutant}/hunters");
    let planned = suite.plan(&Options::quick()).into_iter().find(|planned| planned.id == id);
    suite.run_here(&planned.expect("it is planned"), &Options::quick())
}

fn program(name: &str, text: &str) -> Program<cond::Op> {
    litmus::parse(name, text).and_then(|source| source.program::<CondSpec>()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn search(
    target: &Arc<Target<CondSpec>>,
    variant: Variant,
    engine: Engine,
    executions: u64,
    replay: Option<&str>,
) -> Findings<CondSpec> {
    on_shuttle::<CondSpec, Ticket<Shuttle>>(&Arc::new(Job {
        target: target.clone(),
        engine,
        mode: Mode::Histories,
        budget: Budget { executions, ..Budget::once() },
        weak: Some(Default::default()),
        variant,
        replay: replay.map(str::to_owned),
        goal: Goal::First,
        scope: Default::default(),
    }))
}

fn shrunk(target: &Arc<Target<CondSpec>>, variant: Variant, symptom: Symptom) -> Shrunk<CondSpec> {
    shrunk_with(&Effort::QUICK, target, variant, symptom)
}

fn shrunk_with(
    effort: &Effort,
    target: &Arc<Target<CondSpec>>,
    variant: Variant,
    symptom: Symptom,
) -> Shrunk<CondSpec> {
    let failure = Failure {
        target: target.clone(),
        driver: on_shuttle::<CondSpec, Ticket<Shuttle>>,
        variant,
        mode: Mode::Histories,
        symptom,
        spurious_wakeups: 0,
    };
    shrink(&failure, effort).expect("the failure shows again")
}

/// The symptom that a schedule shows.
fn symptom_of(target: &Arc<Target<CondSpec>>, variant: Variant, schedule: &str) -> Option<Symptom> {
    search(target, variant, Engine::Dfs, 1, Some(schedule)).violation.map(|violation| violation.symptom())
}

/// Threads and statements.
fn size(program: &Program<cond::Op>) -> (usize, usize) {
    (program.threads.len(), program.threads.iter().map(|thread| thread.statements.len()).sum())
}

// The planted bugs.

/// Sentence, program, table and token of each planted bug are what they were; and the token shows the failure again.
#[test]
fn the_counterexample_of_each_planted_bug_is_golden() {
    let suite = Suite::standard();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("golden");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let planned = suite.plan(&Options::quick());
    let mutants: Vec<_> =
        planned.iter().filter(|planned| planned.kind == Kind::Mutant && planned.engine == "hunters").collect();
    assert!(mutants.len() > bug::MUTANTS.len(), "the condition variable's and the register's");
    for planned in mutants {
        let evidence = suite.run_here(planned, &Options::quick());
        assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", planned.id, evidence.reason);
        let replay = suite.replay_here(&evidence).unwrap_or_else(|reason| panic!("{}: {reason}", planned.id));
        assert_eq!(replay.verdict, Verdict::Fail, "{}: {}", planned.id, replay.text);
        let found = evidence.counterexample.expect("a mutant that was killed");
        assert!(evidence.reason.contains(&found.sentence), "{}: {}", planned.id, evidence.reason);
        assert!(found.rows.iter().any(|row| row.here), "{}: no row is marked\n{found}", planned.id);
        let golden = format!(
            "Planted: {}.\nKilled by {}.\n\n{found}\n{}\n{}\n",
            evidence.note.expect("what is planted"),
            evidence.program.expect("the program that killed it"),
            found.program,
            found.token.as_deref().expect("it can be replayed"),
        );
        settings.bind(|| insta::assert_snapshot!(planned.subject.as_deref().expect("its name"), golden));
    }
}

/// What the suite records shrinks to itself, is no larger than the program that killed, and says where it comes from.
#[test]
fn what_the_suite_records_is_small() {
    let suite = Suite::standard();
    for mutant in bug::MUTANTS {
        let evidence = recorded(&suite, mutant.name);
        let name = evidence.program.as_deref().expect("the program that killed it");
        let original = corpus::COND.iter().find(|file| file.name == name).expect("it is of the corpus");
        let original = program(name, original.text);
        let found = evidence.counterexample.expect("a mutant that was killed");
        let smallest = program(name, &found.program);
        assert_eq!(smallest.to_string(), found.program, "{}: it is read back as it was written", mutant.name);
        assert!(smallest.expectations.is_empty() && found.program.contains(name), "{}", found.program);
        let (threads, statements) = size(&smallest);
        assert!(threads <= size(&original).0 && statements <= size(&original).1, "{}", mutant.name);

        let schedule = found.token.as_deref().and_then(|token| token.splitn(3, ':').last()).expect("a token");
        let target = Arc::new(Target::new(smallest).unwrap());
        let symptom = symptom_of(&target, mutant.bug, schedule).expect("it fails again");
        if let Symptom::Clause(clause) = symptom {
            assert_eq!(found.clause.as_deref(), Some(clause), "{}", mutant.name);
        }
        let again = shrunk(&target, mutant.bug, symptom);
        assert_eq!(again.target.program, target.program, "{}", mutant.name);
        assert_eq!(again.violation.schedule.as_deref(), Some(schedule), "{}", mutant.name);
        assert_eq!(again.violation.sentence, found.sentence, "{}", mutant.name);
    }
}

// Any failure.

/// Failures of generated programs: what comes out has the same symptom when its schedule is followed, is no larger, and
/// shrinks to itself.
#[test]
fn shrinking_keeps_the_symptom_never_grows_and_is_idempotent() {
    let mut tried = 0;
    for (seed, parameters) in (100..).zip([&[][..], &[("order", "any")], &[("locker", "rwmutex")]]) {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let spec = CondSpec::configure(&parameters).unwrap();
        let (programs, _) = generate::generate(&spec, &Shape::default(), seed, 60);
        let targets: Vec<_> = programs.into_iter().map(|program| Arc::new(Target::new(program).unwrap())).collect();
        for mutant in bug::MUTANTS {
            let failing = targets.iter().find_map(|target| {
                let violation = search(target, mutant.bug, Engine::Portfolio, 30, None).violation?;
                Some((target, violation.symptom()))
            });
            let Some((target, symptom)) = failing else { continue };
            tried += 1;
            let once = shrunk(target, mutant.bug, symptom);
            let program = &once.target.program;
            let (threads, statements) = size(program);
            assert!(threads <= size(&target.program).0 && statements <= size(&target.program).1, "{program}");
            assert!(generate::is_well_formed(&once.target.spec, program), "{program}");
            let schedule = once.violation.schedule.as_deref().expect("shuttle's executions have one");
            assert_eq!(once.violation.symptom(), symptom, "{}\n{program}", mutant.name);
            assert_eq!(symptom_of(&once.target, mutant.bug, schedule), Some(symptom), "{}\n{program}", mutant.name);
            let twice = shrunk(&once.target, mutant.bug, symptom);
            assert_eq!(&twice.target.program, program, "{}", mutant.name);
            assert_eq!(twice.violation.schedule.as_deref(), Some(schedule), "{}\n{program}", mutant.name);
        }
    }
    assert!(tried >= 20, "only {tried} failures");
}

/// Where the misuse is what fails, the program without it does not; only the full profile looks for a smaller one with it.
#[test]
fn a_program_that_is_not_well_formed_gets_smaller_in_the_full_profile() {
    let misuse = program("misuse", "spec cond\n\nthread T1\n  signal\n  unlock\n\nthread T2\n  broadcast\n");
    assert!(!generate::is_well_formed(&CondSpec::default(), &misuse));
    let target = Arc::new(Target::new(misuse).unwrap());
    let symptom =
        search(&target, bug::UNLOCKS_UNCHECKED, Engine::Portfolio, 30, None).violation.expect("it fails").symptom();
    assert_eq!(symptom, Symptom::Clause("COND-12"));
    let statements = |effort| size(&shrunk_with(effort, &target, bug::UNLOCKS_UNCHECKED, symptom).target.program);
    assert_eq!(statements(&Effort::QUICK), (2, 3));
    assert_eq!(statements(&Effort::FULL), (1, 1));
}

/// What has no failure has none to shrink.
#[test]
fn a_symptom_that_does_not_show_is_not_made_up() {
    let target = Arc::new(Target::new(program("sound", corpus::COND[0].text)).unwrap());
    let failure = Failure {
        target,
        driver: on_shuttle::<CondSpec, Ticket<Shuttle>>,
        variant: bug::NONE,
        mode: Mode::Histories,
        symptom: Symptom::Clause("COND-03"),
        spurious_wakeups: 0,
    };
    assert!(shrink(&failure, &Effort::QUICK).is_none());
}

// Minima that are known.

/// Every program of up to `statements_max` operations without timeouts, up to the order of its threads: well-formed
/// bodies, sorted, in all combinations.
fn programs_of(statements_max: usize) -> Vec<Program<cond::Op>> {
    let spec = CondSpec::default();
    let mut bodies: Vec<Vec<cond::Op>> = Vec::new();
    let mut unfinished = vec![Vec::new()];
    while let Some(done) = unfinished.pop() {
        if !done.is_empty() && spec.may_end(&done) {
            bodies.push(done.clone());
        }
        if done.len() < statements_max {
            let untimed = |op: &cond::Op| !matches!(op, cond::Op::WaitTimeout { .. } | cond::Op::Advance { .. });
            unfinished.extend(spec.next_ops(&done).into_iter().filter(untimed).map(|op| [&done[..], &[op]].concat()));
        }
    }
    // Nothing can go wrong in a program where nobody waits.
    let mut programs = Vec::new();
    let mut chosen: Vec<(usize, Vec<usize>)> = vec![(0, Vec::new())];
    while let Some((length, threads)) = chosen.pop() {
        if threads.iter().any(|body| bodies[*body].iter().any(|op| matches!(op, cond::Op::Wait(_)))) {
            programs.push(program_of(threads.iter().map(|body| &bodies[*body])));
        }
        for (at, body) in bodies.iter().enumerate().skip(threads.last().copied().unwrap_or(0)) {
            if length + body.len() <= statements_max {
                chosen.push((length + body.len(), [&threads[..], &[at]].concat()));
            }
        }
    }
    programs
}

fn program_of<'b>(bodies: impl Iterator<Item = &'b Vec<cond::Op>>) -> Program<cond::Op> {
    let threads = bodies.enumerate().map(|(index, body)| ThreadBody {
        name: format!("T{}", index + 1),
        registers: Vec::new(),
        statements: body.iter().map(|op| Statement::Operation { register: None, op: *op }).collect(),
    });
    Program { threads: threads.collect(), ..program("all", "spec cond\n\nthread T\n  signal\n") }
}

/// The smallest failure of four planted bugs, found by trying every smaller program (without timeouts).
///
/// * M01, M04, M06: a wakeup is lost only if the waiter is known to have its ticket. Nobody but itself knows until
///   somebody else gets the lock that it has released: hence `lock; unlock` before the `signal`, six operations. One
///   preemption: the waiter must be stopped after it has let go of the lock.
/// * M09: one who returns from `wait` without the lock dies of the next `unlock`: four operations.
#[test]
fn the_known_minima_are_reached() {
    let suite = Suite::standard();
    let waker = |op: &str| format!("thread T1\n  lock\n  wait\n  unlock\n\nthread T2\n  lock\n  unlock\n  {op}\n");
    let unlocked = "thread T1\n  lock\n  wait\n  unlock\n\nthread T2\n  signal\n".to_owned();
    let smaller = programs_of(5);
    assert!(smaller.len() > 50, "only {} programs", smaller.len());
    let targets: Vec<_> = smaller.into_iter().map(|program| Arc::new(Target::new(program).unwrap())).collect();
    for (mutant, minimum, preemptions) in [
        (bug::TICKET_AFTER_UNLOCK, waker("signal"), 1),
        (bug::SIGNAL_FORGETS_UNPARKED, waker("signal"), 1),
        (bug::BROADCAST_COUNTS_LIST, waker("broadcast"), 1),
        (bug::EARLY_RETURN_UNLOCKED, unlocked, 1),
    ] {
        let mutant = bug::MUTANTS.iter().find(|planted| planted.bug == mutant).expect("it is planted");
        let evidence = recorded(&suite, mutant.name);
        let found = evidence.counterexample.expect("a mutant that was killed");
        assert!(found.program.ends_with(&minimum), "{}: {}", mutant.name, found.program);

        let target = Arc::new(Target::new(program("smallest", &found.program)).unwrap());
        let schedule = found.token.as_deref().and_then(|token| token.splitn(3, ':').last()).expect("a token");
        let symptom = symptom_of(&target, mutant.bug, schedule).expect("it fails again");
        let again = shrunk(&target, mutant.bug, symptom);
        assert_eq!((again.preemptions, again.is_least), (Some(preemptions), true), "{}", mutant.name);

        let size = size(&target.program).1;
        for target in targets.iter().filter(|target| self::size(&target.program).1 < size) {
            let findings = search(target, mutant.bug, Engine::Exhaustive, 50_000, None);
            assert!(findings.complete || findings.violation.is_some(), "{}: {:?}", target.program, findings.stopped);
            let fails = findings.violation.map(|violation| violation.symptom());
            assert_ne!(fails, Some(symptom), "{} fails sooner:\n{}", mutant.name, target.program);
        }
    }
}
