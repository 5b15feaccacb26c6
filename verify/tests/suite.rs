//! The suite itself: what it must notice, what it must refuse, and what its records say.
//!
//! Checks run here in the test's own process ([`Suite::run_here`]): [`Suite::run`] starts the current executable again,
//! and an ordinary test program cannot be told what to do there. `conformance.rs` and the example do it that way.

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::{Arc, Loom, Platform, PlatformCondvar, PlatformMutex, Shuttle, Std, host};
use selvedge_model::cond::CondSpec;
use selvedge_model::toy::LockSpec;
use selvedge_model::toy::register::{Op, RegisterSpec, Ret};
use selvedge_model::{Spec, Thread};
use selvedge_verify::conformance::{Findings, Goal, Job, Target, on_loom, on_shuttle};
use selvedge_verify::engine::{Budget, Engine, Profile};
use selvedge_verify::evidence::{Arrow, Evidence, Kind, Mode, Relation, Verdict};
use selvedge_verify::litmus::corpus::CorpusFile;
use selvedge_verify::litmus::{self, Program, corpus};
use selvedge_verify::mutant;
use selvedge_verify::subject::cond::{Guarded, GuardedCond};
use selvedge_verify::subject::register::{AtomicRegister, PREFETCHES, STORES_WRONG};
use selvedge_verify::subject::{Stop, Subject};
use selvedge_verify::suite::{Drivers, Options, Planned, Suite, System};

/// The register with one sound subject, one planted bug and one canary.
fn register() -> System<RegisterSpec> {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    System::new("register", corpus::REGISTER)
        .primitive("atomic", atomic)
        .mutant("prefetches", "a read returns what was fetched before its call", "REG-01", atomic.variant(PREFETCHES))
        .canary("stores-wrong", "a write stores another value", atomic.variant(STORES_WRONG))
}

fn suite() -> Suite {
    Suite::empty().with(register())
}

/// The checks that are wanted; there are some.
fn planned(suite: &Suite, is_wanted: impl Fn(&Planned) -> bool) -> Vec<Planned> {
    let plan: Vec<Planned> = suite.plan(&Options::quick()).into_iter().filter(is_wanted).collect();
    assert!(!plan.is_empty(), "nothing is planned");
    plan
}

/// Runs the only check with that id.
fn run(suite: &Suite, id: &str) -> Evidence {
    match &planned(suite, |planned| planned.id == id)[..] {
        [only] => suite.run_here(only, &Options::quick()),
        several => panic!("{} checks are called {id}", several.len()),
    }
}

// What engines and modes can see.

#[test]
fn the_exhaustive_engine_reaches_on_the_reference_subject_exactly_what_the_spec_allows() {
    let suite = suite();
    for planned in planned(&suite, |planned| planned.kind == Kind::Reference && planned.engine == "exhaustive") {
        let evidence = suite.run_here(&planned, &Options::quick());
        assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
        assert_eq!(evidence.relation, Some(Relation::Equal), "{}: {:#?}", evidence.check, evidence.outcomes);
        assert!(evidence.complete, "{}: {}", evidence.check, evidence.technique);
        assert!(evidence.outcomes.iter().all(|witness| witness.seen > 0 && witness.allowed));
    }
}

#[test]
fn every_check_of_the_sound_register_passes_and_the_planted_bugs_are_noticed() {
    let suite = suite();
    for planned in suite.plan(&Options::quick()) {
        let evidence = suite.run_here(&planned, &Options::quick());
        assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
        let must_be_noticed = matches!(evidence.kind, Kind::Mutant | Kind::Canary);
        assert_eq!(evidence.counterexample.is_some(), must_be_noticed, "{}", evidence.check);
        assert_eq!(evidence.reason.starts_with("killed: "), must_be_noticed, "{}", evidence.reason);
    }
}

/// Runs a variant of the register over a program of the corpus.
fn findings(program: &str, variant: u8, engine: Engine, mode: Mode) -> Findings<RegisterSpec> {
    let file = corpus::REGISTER.iter().find(|file| file.name == program).expect("the corpus has it");
    let program = litmus::parse(file.name, file.text).and_then(|source| source.program::<RegisterSpec>()).unwrap();
    let target = Arc::new(Target::<RegisterSpec>::new(program).unwrap());
    let budget = Budget { executions: 50_000, seed: 7, ..Budget::once() };
    let job = Arc::new(Job {
        target,
        engine,
        mode,
        budget,
        weak: None,
        variant,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    });
    match engine {
        Engine::Loom => on_loom::<_, AtomicRegister<Loom>>(&job),
        _ => on_shuttle::<_, AtomicRegister<Shuttle>>(&job),
    }
}

#[test]
fn a_value_fetched_before_the_call_shows_in_histories_only() {
    for engine in [Engine::Random, Engine::Dfs] {
        let outcomes = findings("two-reads", PREFETCHES, engine, Mode::Outcomes);
        assert!(outcomes.violation.is_none(), "{engine}: {:?}", outcomes.violation);
        assert!(outcomes.executions >= 10, "{engine}: {}", outcomes.executions);
        assert_eq!(outcomes.complete, engine == Engine::Dfs, "{engine}");

        let histories = findings("two-reads", PREFETCHES, engine, Mode::Histories);
        let violation = histories.violation.unwrap_or_else(|| panic!("{engine} sees nothing"));
        assert_eq!(violation.clause, Some("REG-01"), "{engine}: {violation:?}");
        assert!(violation.schedule.is_some(), "{engine}");

        let sound = findings("two-reads", 0, engine, Mode::Histories);
        assert!(sound.violation.is_none(), "{engine}: {:?}", sound.violation);
    }
}

#[test]
fn a_wrong_value_shows_in_outcomes() {
    for engine in [Engine::Random, Engine::Dfs, Engine::Loom] {
        let found = findings("two-writers", STORES_WRONG, engine, Mode::Outcomes);
        assert!(found.violation.is_some(), "{engine}");
    }
}

// What records say.

#[test]
fn the_record_of_a_killed_mutant_says_what_killed_it() {
    let evidence = run(&suite(), "register/mutant/prefetches/hunters");
    assert_eq!((evidence.kind, evidence.verdict), (Kind::Mutant, Verdict::Pass), "{}", evidence.reason);
    let program = evidence.program.as_deref().expect("the program that killed it");
    assert!(corpus::REGISTER.iter().any(|file| file.name == program), "{program}");
    assert!(evidence.engine.parse::<Engine>().is_ok(), "{} is no engine", evidence.engine);
    let killed_after = evidence.killed_after.expect("the executions until then");
    assert!(killed_after >= 1 && killed_after == evidence.executions, "{killed_after} of {}", evidence.executions);
    assert_eq!(evidence.clauses, ["REG-01"]);
    assert_eq!(evidence.note.as_deref(), Some("a read returns what was fetched before its call"));
    let counterexample = evidence.counterexample.expect("the execution that killed it");
    assert_eq!(counterexample.clause.as_deref(), Some("REG-01"));
    assert!(counterexample.rows.iter().any(|row| row.here), "no row is marked: {counterexample}");
    assert_eq!(
        counterexample.threads.len(),
        litmus::parse("again", &counterexample.program).unwrap().program::<RegisterSpec>().unwrap().threads.len()
    );
}

/// The platform's own condition variable, which wakes without a reason where the platform does.
struct Plain(<Shuttle as Platform>::Mutex<()>, <Shuttle as Platform>::Condvar);

impl GuardedCond for Plain {
    type Platform = Shuttle;
    type Guard<'a> = <<Shuttle as Platform>::Mutex<()> as PlatformMutex<()>>::Guard<'a>;

    fn new() -> Self {
        Plain(PlatformMutex::new(()), PlatformCondvar::new())
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.0.lock()
    }

    fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
        self.1.wait(guard)
    }

    fn wait_timeout<'a>(&'a self, guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
        let (guard, is_notified) = self.1.wait_timeout(guard, timeout);
        (guard, !is_notified)
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

/// Where a subject fails only because the platform wakes threads without a reason, the record says so, and its schedule
/// can be followed. Where the spec allows that, nothing fails.
#[test]
fn what_fails_only_with_spurious_wakeups_says_so() {
    static CORPUS: &[CorpusFile] = &[
        CorpusFile { name: "go", text: "spec cond\nthread W\n  lock\n  wait\n  unlock\nexists blocked W\n" },
        CorpusFile {
            name: "posix",
            text: "spec cond\nparameter spurious allowed\nthread W\n  lock\n  wait\n  unlock\nexists blocked W\n",
        },
    ];
    let system = System::new("cond", CORPUS).primitive("plain", Drivers::NONE.shuttle::<Guarded<Plain>>());
    let suite = Suite::empty().with(system);
    let go = run(&suite, "cond/conformance/go/plain/portfolio");
    assert_eq!(go.verdict, Verdict::Fail, "{}", go.reason);
    assert!(
        go.reason.contains("it fails only if spurious wakeups (or steals to be tried again) exist: without them all"),
        "{}",
        go.reason
    );
    assert!(go.technique.contains("a spurious wakeup a thread"), "{}", go.technique);
    let token = go.counterexample.as_ref().and_then(|found| found.token.clone()).expect("it can be followed");
    assert!(token.contains(":spurious=1,"), "{token}");
    assert_eq!(suite.replay_here(&go).expect("it can be followed").verdict, Verdict::Fail);
    let posix = run(&suite, "cond/conformance/posix/plain/portfolio");
    assert_eq!(posix.verdict, Verdict::Pass, "{}", posix.reason);
    assert!(posix.technique.contains("as many again with a spurious wakeup a thread"), "{}", posix.technique);

    // Exhaustively they are searched in the full profile.
    let exhaustive = |program, profile| {
        let options = Options { profile, ..Options::quick() };
        let id = format!("cond/conformance/{program}/plain/exhaustive");
        let planned = suite.plan(&options).into_iter().find(|planned| planned.id == id).expect("it is planned");
        suite.run_here(&planned, &options)
    };
    for program in ["go", "posix"] {
        let quick = exhaustive(program, Profile::Quick);
        assert_eq!(quick.verdict, Verdict::Pass, "{}", quick.reason);
        assert!(!quick.technique.contains("spurious"), "{}", quick.technique);
    }
    let (go, posix) = (exhaustive("go", Profile::Full), exhaustive("posix", Profile::Full));
    assert_eq!((go.verdict, posix.verdict), (Verdict::Fail, Verdict::Pass), "{}, {}", go.reason, posix.reason);
    assert!(go.reason.contains("it fails only if spurious wakeups"), "{}", go.reason);
    assert!(posix.technique.contains("a spurious wakeup a thread"), "{}", posix.technique);
}

/// A lock of the toy spec, which says its statuses and nothing else for this.
fn lock_suite() -> Suite {
    static CORPUS: &[CorpusFile] = &[
        CorpusFile {
            name: "never-unlocked",
            text: "spec lock\nthread A\n  lock\nthread B\n  lock\n
                   exists blocked B\nobservation somebody-starves\nobservation \"One\"\nobservation \"of them.\"
                   never blocked A && blocked B\nobservation both-starve\n",
        },
        CorpusFile {
            name: "unlocked",
            text: "spec lock\nthread A\n  lock\n  unlock\nthread B\n  try-lock\n
                   exists blocked B\nobservation somebody-starves\n",
        },
    ];
    Suite::empty().with(System::<LockSpec>::new("lock", CORPUS))
}

#[test]
fn an_observation_is_recorded_with_the_shortest_way_to_it() {
    let found = run(&lock_suite(), "lock/spec/never-unlocked/explorer");
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.reason);
    let [starves, both] = &found.observations[..] else { panic!("{:?}", found.observations) };
    assert_eq!((starves.name.as_str(), starves.text.as_str()), ("somebody-starves", "One of them."));
    assert_eq!((starves.allowed, starves.spec.as_str()), (Some(true), "lock"));
    assert_eq!((starves.threads.join(" "), starves.condition.as_str()), ("A B".to_owned(), "blocked B"));
    let steps: Vec<(usize, &str, bool)> =
        starves.rows.iter().map(|row| (row.thread, row.text.as_str(), row.here)).collect();
    assert_eq!(steps, [(0, "lock → ok", false)]);
    assert!(starves.outcome.as_ref().is_some_and(|outcome| outcome.contains("B blocked at")), "{:?}", starves.outcome);
    assert_eq!(starves.command, None, "there is no file to print it of");
    assert!(starves.program.contains("thread B\n  lock\n") && !starves.program.contains("One"), "{}", starves.program);
    // That it is expected not to exist is no reason to say so: it was looked for.
    assert_eq!((both.allowed, both.outcome.as_ref(), both.rows.len()), (Some(false), None, 0));
}

/// What an author claims and the spec does not allow is not found, and fails its check.
#[test]
fn an_observation_that_the_spec_does_not_allow_is_not_found() {
    let found = run(&lock_suite(), "lock/spec/unlocked/explorer");
    assert_eq!(found.verdict, Verdict::Fail, "{}", found.reason);
    assert_eq!((found.observations[0].allowed, found.observations[0].rows.len()), (Some(false), 0));
}

#[test]
fn a_spec_that_says_its_statuses_has_its_graphs_recorded() {
    let arrow = |from: &str, to: &str, rules: &[&str]| Arrow {
        from: Some(from.to_owned()),
        to: to.to_owned(),
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    let found = run(&lock_suite(), "lock/spec/unlocked/explorer");
    let [graph] = &found.graphs[..] else { panic!("{:?}", found.graphs) };
    assert_eq!((graph.things.as_str(), graph.spec.as_str(), graph.complete), ("locks", "lock", true));
    assert_eq!(graph.arrows, [arrow("free", "held", &["lock", "try-lock"]), arrow("held", "free", &["unlock"])]);
    // Nobody unlocks there.
    let found = run(&lock_suite(), "lock/spec/never-unlocked/explorer");
    assert_eq!(found.graphs[0].arrows, [arrow("free", "held", &["lock"])]);
    // A register has no statuses, and nothing to draw.
    assert!(run(&suite(), "register/spec/two-reads/explorer").graphs.is_empty());
}

#[test]
fn a_mutant_that_nothing_notices_fails_as_survived() {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    let system = System::new("register", corpus::REGISTER)
        .mutant("harmless", "nothing at all is wrong", "REG-01", atomic)
        .canary("silent", "nothing at all is wrong", atomic);
    let suite = Suite::empty().with(system);
    let survived = run(&suite, "register/mutant/harmless/hunters");
    assert_eq!(survived.verdict, Verdict::Fail);
    assert_eq!(survived.reason, "survived: nothing notices that nothing at all is wrong");
    assert_eq!(survived.killed_after, None);
    for planned in planned(&suite, |planned| planned.kind == Kind::Canary) {
        let silent = suite.run_here(&planned, &Options::quick());
        assert_eq!((silent.verdict, silent.counterexample), (Verdict::Fail, None), "{}", silent.check);
    }
}

#[test]
fn a_record_survives_being_written_and_read() {
    let evidence = run(&suite(), "register/mutant/prefetches/hunters");
    let text = serde_json::to_string(&evidence).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), evidence);
}

// The plan.

#[test]
fn the_id_of_a_check_is_unique_and_made_of_its_parts() {
    let suite = Suite::standard();
    let plan = suite.plan(&Options::quick());
    let mut ids = BTreeSet::new();
    for planned in &plan {
        assert!(ids.insert(planned.id.as_str()), "two checks are called {}", planned.id);
        let kind = serde_json::to_value(planned.kind).unwrap();
        let mut parts = vec![planned.system.as_str(), kind.as_str().unwrap()];
        parts.extend(planned.program.as_deref());
        parts.extend(planned.subject.as_deref());
        parts.push(&planned.engine);
        parts.extend(planned.mode.map(Mode::name));
        assert_eq!(planned.id, parts.join("/"));
        for part in parts {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            assert!(!part.is_empty() && part.chars().all(is_plain), "`{part}` in {} needs quoting", planned.id);
        }
    }
    assert_eq!(plan, Suite::standard().plan(&Options::quick()), "the order is stable");
    // Reports, bookmarks and nightly comparisons hold on to ids: one of each form is pinned here.
    for id in [
        "cond/spec/L04-fifo/explorer",
        "cond/reference/L04-fifo/reference/exhaustive",
        "cond/conformance/L04-fifo/cond/loom",
        "cond/peer/L04-fifo/parking_lot/threads",
        "cond/peer/L04-fifo/loom/loom",
        "cond/peer/L04-fifo/shuttle/exhaustive",
        "cond/mutant/M01-ticket-after-unlock/hunters",
        "cond/mutant/M10-if-for-while/explorer",
        "cond/canary/sleepless/portfolio",
        "cond/canary/sleepless/exhaustive/outcomes",
        "cond/generated/cond/portfolio",
        "register/conformance/two-reads/atomic/exhaustive",
    ] {
        assert!(ids.contains(id), "no check is called {id} any more");
    }
}

#[test]
fn the_full_profile_fills_the_table_and_the_quick_one_leaves_some_of_it_to_who_asks() {
    let suite = Suite::standard();
    let ids = |plan: Vec<Planned>| plan.into_iter().map(|planned| planned.id).collect::<BTreeSet<_>>();
    let table = ids(suite.plan_table());
    let full = ids(suite.plan(&Options { profile: Profile::Full, ..Options::quick() }));
    let quick = ids(suite.plan(&Options::quick()));
    assert!(table.is_subset(&full), "{:?}", table.difference(&full).next());
    for engine in ["random", "pct", "urw", "pos"] {
        for id in [
            format!("cond/reference/L04-fifo/reference/{engine}"),
            format!("cond/conformance/L04-fifo/cond/{engine}"),
            format!("cond/canary/sleepless/{engine}"),
        ] {
            assert!(table.contains(&id) && !quick.contains(&id), "{id}");
        }
    }
    assert!(table.contains("cond/reference/L04-fifo/reference/threads"));
    assert!(!quick.contains("cond/reference/L04-fifo/reference/threads"));
    assert!(
        table.contains("cond/conformance/L04-fifo/cond/threads")
            && quick.contains("cond/conformance/L04-fifo/cond/threads")
    );
    // The command that a record gives runs it again.
    let planned =
        suite.plan_table().into_iter().find(|it| it.id == "register/reference/two-reads/reference/pos").unwrap();
    let evidence = suite.run_here(&planned, &Options::quick());
    assert!(evidence.reproduce.ends_with("table register/reference/two-reads/reference/pos"), "{}", evidence.reproduce);
    let full = suite.run_here(&planned, &Options { profile: Profile::Full, ..Options::quick() });
    assert!(
        full.reproduce.contains("verify register/") && full.reproduce.contains("--profile full"),
        "{}",
        full.reproduce
    );
}

#[test]
fn the_reference_subject_under_loom_is_searched_without_a_bound_where_that_ends() {
    let reference = run(&suite(), "register/reference/two-reads/reference/loom");
    assert!(reference.complete && reference.preemptions.is_none(), "{}", reference.technique);
    assert_eq!(reference.verdict, Verdict::Pass, "{}", reference.reason);
    let ours = run(&suite(), "register/conformance/two-reads/atomic/loom");
    assert_eq!(ours.preemptions, Some(2), "{}", ours.technique);
}

// Generated programs.

#[test]
fn programs_are_generated_for_every_setting_and_for_weak_memory() {
    let suite = Suite::standard();
    for (engine, mode) in [("portfolio", Mode::Histories), ("loom", Mode::Outcomes)] {
        let evidence = run(&suite, &format!("cond/generated/cond/{engine}"));
        assert_eq!((evidence.verdict, evidence.mode), (Verdict::Pass, Some(mode)), "{}", evidence.reason);
        for setting in ["the defaults", "order any", "spurious allowed", "locker rwmutex", "timeouts free"] {
            assert!(evidence.technique.contains(setting), "{}", evidence.technique);
        }
        // What is the matter with time, and with the lock's other side, has been exercised.
        for rule in ["signal.wake", "timeout.due", "timeout.free", "wait.notified", "broadcast.wake"] {
            assert!(evidence.rules.contains_key(rule), "{engine}: {rule} in {:?}", evidence.rules);
        }
    }
    let on_threads = |profile| {
        let plan = suite.plan(&Options { profile, ..Options::quick() });
        plan.iter()
            .filter(|planned| {
                planned.system == "cond" && planned.kind == Kind::Generated && planned.engine == "threads"
            })
            .count()
    };
    assert_eq!((on_threads(Profile::Quick), on_threads(Profile::Full)), (0, 1), "nobody's time, and ours at night");
}

#[test]
fn generated_programs_that_a_subject_declines_are_counted() {
    let declining = Drivers::everywhere::<Declining<false, Loom>, Declining<false, Shuttle>, Declining<false, Std>>();
    let some = run(&suite_of("declining", declining), "register/generated/declining/portfolio");
    assert_eq!(some.verdict, Verdict::Pass, "{}", some.reason);
    assert!(some.note.is_some_and(|note| note.contains("did not run: it can be written once")));
    let unmakeable = Drivers::everywhere::<Declining<true, Loom>, Declining<true, Shuttle>, Declining<true, Std>>();
    let none = run(&suite_of("unmakeable", unmakeable), "register/generated/unmakeable/portfolio");
    assert_eq!((none.verdict, none.executions), (Verdict::Skipped, 0), "{}", none.reason);
}

// Peers.

/// A blocked end is one of the outcomes also where it is the engine's own primitive that blocks.
#[test]
fn the_engines_own_condition_variables_are_surveyed_to_the_end() {
    let suite = Suite::standard();
    for peer in ["loom/loom", "shuttle/exhaustive", "shuttle/portfolio"] {
        for program in ["L01-signal-has-no-memory", "L11-second-signal", "lock-twice"] {
            let evidence = run(&suite, &format!("cond/peer/{program}/{peer}"));
            assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
            assert_eq!(evidence.relation, Some(Relation::Equal), "{}: {:#?}", evidence.check, evidence.outcomes);
        }
    }
    let blocked = run(&suite, "cond/peer/L01-signal-has-no-memory/loom/loom");
    assert!(blocked.outcomes.iter().any(|witness| witness.outcome.contains("blocked") && witness.seen > 0));

    let in_order = run(&suite, "cond/peer/L04-fifo/loom/loom");
    assert_eq!(in_order.verdict, Verdict::Pass, "{}", in_order.reason);
    for engine in ["exhaustive", "portfolio"] {
        let out_of_order = run(&suite, &format!("cond/peer/L04-fifo/shuttle/{engine}"));
        assert_eq!(out_of_order.verdict, Verdict::Fail, "{}", out_of_order.reason);
        let note = out_of_order.note.expect("what the documentation promises");
        assert!(note.contains("not promised: COND-05") && note.contains("docs.rs/shuttle"), "{note}");
        let any_order = run(&suite, &format!("cond/peer/any-order/shuttle/{engine}"));
        assert_eq!(any_order.relation, Some(Relation::Equal), "{}", any_order.reason);
    }
}

/// Also under the schedulers that only the full profile runs by themselves.
#[test]
fn every_alarm_of_the_table_goes_off() {
    let suite = Suite::standard();
    for planned in suite.plan_table().into_iter().filter(|planned| planned.kind == Kind::Canary) {
        let evidence = suite.run_here(&planned, &Options::quick());
        assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
    }
}

/// A clause that no planted bug breaks might as well not be checked.
#[test]
fn every_clause_of_the_condition_variable_is_broken_by_a_planted_bug() {
    const UNBROKEN: &[(&str, &str)] = &[
        ("COND-13", "it permits"),
        ("COND-T02", "it permits"),
        ("COND-14", "what COND-05 is in any order; the survey shows who breaks it"),
        ("COND-15", "copying does not compile: doc tests of `selvedge::go::Cond`"),
        ("COND-16", "copying does not compile: doc tests of `selvedge::go::Cond`"),
    ];
    let alarm = run(&Suite::standard(), "cond/canary/sleepless/portfolio");
    let alarm = alarm.counterexample.and_then(|found| found.clause).expect("it names a clause");
    let mut broken: BTreeSet<&str> = mutant::cond::MUTANTS.iter().map(|planted| planted.breaks).collect();
    broken.insert(&alarm);
    let unbroken: BTreeSet<&str> =
        CondSpec::clauses().iter().map(|clause| clause.id).filter(|id| !broken.contains(id)).collect();
    assert_eq!(unbroken, UNBROKEN.iter().map(|(clause, _)| *clause).collect());
}

#[test]
fn what_a_peer_does_not_promise_is_said_of_what_it_breaks_or_else_of_all_that_was_asked() {
    let suite = Suite::standard();
    let note = |id: &str, verdict| {
        let evidence = run(&suite, id);
        assert_eq!(evidence.verdict, verdict, "{id}: {}", evidence.reason);
        evidence.note.expect("which peer it is")
    };
    // The program is about both.
    let broken = note("cond/peer/one-signal-two-waiters/shuttle/portfolio", Verdict::Fail);
    assert!(broken.starts_with("not promised: COND-05; Condvar of shuttle"), "{broken}");
    let unbroken = note("cond/peer/one-signal-two-waiters/loom/loom", Verdict::Pass);
    assert!(unbroken.starts_with("not promised: COND-05, COND-17; Condvar of loom"), "{unbroken}");
}

/// Whom a notification wakes has seen what its caller did before. What the adapter does not pass on would be taken for a race.
#[test]
fn the_engines_own_condition_variables_are_not_accused_of_races() {
    for program in ["message-passing-by-signal", "message-passing-by-broadcast"] {
        for peer in ["shuttle/exhaustive", "shuttle/portfolio", "loom/loom"] {
            let evidence = run(&Suite::standard(), &format!("cond/peer/{program}/{peer}"));
            assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
        }
    }
}

#[test]
fn only_what_an_implementation_has_shown_for_certain_counts() {
    let suite = Suite::standard();
    // Each of these waits may have woken without a reason, as far as anybody can tell. Ours never does.
    let evidence = run(&suite, "cond/conformance/spurious-while/cond/exhaustive");
    assert_eq!(evidence.verdict, Verdict::Pass, "{}", evidence.reason);
    let rules: Vec<&str> = evidence.rules.keys().map(String::as_str).collect();
    assert!(rules.contains(&"wait.enqueue") && !rules.contains(&"wait.spurious"), "{rules:?}");
}

#[test]
fn an_abort_is_one_by_the_clause_that_its_history_breaks() {
    let reached = run(&Suite::standard(), "cond/reference/two-ways-to-abort/reference/exhaustive");
    assert_eq!(reached.reason, "nothing but what the spec allows: 2 of 2 outcomes witnessed");
}

#[test]
fn a_program_of_which_no_execution_ends_passes_nowhere() {
    let text = "spec cond\nthread A\n  signal-while 1\nthread B\n  lock\nexists done B\n";
    for engine in [Engine::Exhaustive, Engine::Loom, Engine::Portfolio, Engine::Threads] {
        let found = Suite::standard().check_here("spins", text, "cond", engine, &Options::quick()).expect("it runs");
        assert_eq!(found.verdict, Verdict::Inconclusive, "{engine}: {}", found.reason);
        assert!(found.reason.starts_with("none of ") && found.reason.ends_with(" came to an end"), "{}", found.reason);
    }
}

/// Two threads that a lost wakeup needs, beside four that have nothing to do with them and leave no time for it.
#[test]
fn who_asks_for_everything_is_told_that_not_all_was_looked_at() {
    let counts = "\n  p += 1\n  p += 1\n  p += 1\n";
    let text = format!(
        "spec cond\nvar n = 0\natomic p = 0 seqcst\nthread W\n  lock\n  wait-while n == 0\n  unlock\nthread S\n  lock\n  n = 1\n  \
         unlock\n  signal\nthread A{counts}thread B{counts}thread C{counts}thread D{counts}forall done W\n"
    );
    let found = Suite::standard().check_here("crowd", &text, "cond", Engine::Exhaustive, &Options::quick());
    let found = found.expect("it runs");
    assert_eq!(found.verdict, Verdict::Inconclusive, "{}: {}", found.technique, found.reason);
    assert!(found.reason.starts_with("not everything could be looked at; up to "), "{}", found.reason);
    // The suite's own check says how far it came, and passes as far as that.
    let planned = run(&Suite::standard(), "cond/conformance/L13-overtaken-signal/cond/exhaustive");
    assert_eq!(planned.verdict, Verdict::Pass, "{}", planned.reason);
    assert!(planned.reason.starts_with("up to 0 preemptions, nothing but "), "{}", planned.reason);
}

#[test]
fn a_mistake_in_programs_is_recorded_with_the_program_that_shows_it() {
    let evidence = run(&Suite::standard(), "cond/mutant/M10-if-for-while/explorer");
    assert_eq!((evidence.verdict, evidence.engine.as_str()), (Verdict::Pass, "explorer"), "{}", evidence.reason);
    let program = evidence.program.expect("the program whose expectation fails");
    assert!(corpus::COND.iter().any(|file| file.name == program), "{program}");
    assert_eq!((evidence.killed_after, evidence.clauses.len()), (None, 0), "nothing ran, and no clause is broken");
}

#[test]
fn what_a_search_looked_at_beyond_the_bound_that_it_finished_is_told() {
    let suite = Suite::standard();
    let bounded = run(&suite, "cond/conformance/L04-fifo/cond/loom");
    let told = bounded.technique.contains("; ") && bounded.technique.contains(" more with ");
    assert!(told && bounded.verdict == Verdict::Pass, "{}: {}", bounded.technique, bounded.reason);
    // What it came to there counts, and what it did not look at is no gap of the engine's.
    let further = run(&suite, "cond/reference/L13-overtaken-signal/reference/exhaustive");
    assert!(further.technique.contains(" more with "), "{}", further.technique);
    assert_eq!(further.reason, "up to 0 preemptions, nothing but what the spec allows: 2 of 2 outcomes witnessed");
    let cut = run(&suite, "proc/reference/three-stops/reference/exhaustive");
    assert!(cut.reason.starts_with("exhaustive did not come to "), "{}", cut.reason);
    // Nor is what a data race leaves without a meaning.
    let racy = run(&suite, "cond/reference/seed-two-waiters/reference/exhaustive");
    assert_eq!(
        (racy.complete, &racy.reason[..]),
        (true, "nothing but what the spec allows: 1 of 3 outcomes witnessed")
    );
    let whole = run(&suite, "cond/reference/L04-fifo/reference/exhaustive");
    assert!(whole.complete && !whole.technique.contains(" more with "), "{}", whole.technique);
}

// Replay.

/// A recorded failure of the wrong register under that engine.
fn recorded(engine: Engine) -> Evidence {
    // The exhaustive engine's alarm is tried in both modes.
    let mode = if engine == Engine::Exhaustive { "/histories" } else { "" };
    let evidence = run(&suite(), &format!("register/canary/stores-wrong/{engine}{mode}"));
    assert!(evidence.counterexample.is_some(), "{engine}: {}", evidence.reason);
    evidence
}

fn token(evidence: &mut Evidence) -> &mut String {
    evidence.counterexample.as_mut().and_then(|found| found.token.as_mut()).expect("it can be replayed")
}

#[test]
fn a_recorded_counterexample_fails_again() {
    for engine in [Engine::Portfolio, Engine::Exhaustive, Engine::Loom, Engine::Threads] {
        let evidence = recorded(engine);
        let replay = suite().replay_here(&evidence).unwrap_or_else(|reason| panic!("{engine}: {reason}"));
        assert_eq!(replay.verdict, Verdict::Fail, "{engine}: {}", replay.text);
        let told = &evidence.counterexample.expect("it was found").sentence;
        assert!(engine != Engine::Threads || replay.text.contains(told), "{told}\n{}", replay.text);
    }
    let mutant = run(&suite(), "register/mutant/prefetches/hunters");
    let replay = suite().replay_here(&mutant).expect("it belongs to this suite");
    assert_eq!(replay.verdict, Verdict::Fail, "{}", replay.text);
}

#[test]
fn a_repaired_subject_no_longer_fails_on_replay() {
    let atomic = Drivers::everywhere::<AtomicRegister<Loom>, AtomicRegister<Shuttle>, AtomicRegister<Std>>();
    let repaired = Suite::empty().with(System::new("register", corpus::REGISTER).canary(
        "stores-wrong",
        "nothing is wrong any more",
        atomic,
    ));
    for engine in [Engine::Portfolio, Engine::Exhaustive, Engine::Loom] {
        let replay = repaired.replay_here(&recorded(engine)).expect("it belongs to this suite");
        assert_eq!(replay.verdict, Verdict::Pass, "{engine}: {}", replay.text);
    }
}

/// Wherever weak memory could show through the program's own variables, too.
#[test]
fn what_loom_finds_in_a_program_with_atomics_fails_again() {
    let suite = Suite::standard();
    for (name, subject) in [("L04-fifo", "M03-signal-pops-head"), ("L05-signal-before-sleep", "M02-park-unchecked")] {
        let file = corpus::COND.iter().find(|file| file.name == name).expect("it is in the corpus");
        let evidence = suite.check_here(name, file.text, subject, Engine::Loom, &Options::quick()).expect("it runs");
        let program = litmus::parse(name, file.text).unwrap().program::<CondSpec>().unwrap();
        assert!(Target::<CondSpec>::new(program).unwrap().has_weak_atomics(), "{name} is to have an atomic variable");
        assert_eq!(evidence.verdict, Verdict::Fail, "{name}: {}", evidence.reason);
        let replay = suite.replay_here(&evidence).expect("it belongs to this suite");
        assert_eq!(replay.verdict, Verdict::Fail, "{name}: {}", replay.text);
    }
}

#[test]
fn a_schedule_that_cannot_be_followed_proves_nothing() {
    for engine in [Engine::Exhaustive, Engine::Loom] {
        let mut evidence = recorded(engine);
        let token = token(&mut evidence);
        let (head, _) = token.rsplit_once(if engine == Engine::Loom { '=' } else { ':' }).expect("there is a schedule");
        *token = if engine == Engine::Loom { format!("{head}=1000000") } else { format!("{head}:s9") };
        let replay = suite().replay_here(&evidence).expect("it belongs to this suite");
        assert_eq!(replay.verdict, Verdict::Inconclusive, "{engine}: {}", replay.text);
    }
    let mut unreadable = recorded(Engine::Exhaustive);
    token(&mut unreadable).push_str("gibberish");
    assert!(suite().replay_here(&unreadable).is_err_and(|reason| reason.contains("cannot be read")));
}

#[test]
fn a_token_that_belongs_to_something_else_is_refused() {
    let sound = recorded(Engine::Exhaustive);

    let mut other_digest = sound.clone();
    let token = token(&mut other_digest);
    let digest = token.split(':').nth(1).expect("ENGINE:DIGEST:SCHEDULE").to_owned();
    *token = token.replace(&digest, "0123456789abcdef");
    let refusal = suite().replay_here(&other_digest).expect_err("the digest is wrong");
    assert!(refusal.contains("belongs to something else") && refusal.contains(&digest), "{refusal}");

    let mut other_program = sound.clone();
    let program = &mut other_program.counterexample.as_mut().unwrap().program;
    assert!(program.contains("write 1"), "{program}");
    *program = program.replace("write 1", "write 7");
    assert!(suite().replay_here(&other_program).is_err_and(|reason| reason.contains("belongs to something else")));

    let mut other_subject = sound.clone();
    other_subject.subject = Some("atomic".to_owned());
    assert!(suite().replay_here(&other_subject).is_err_and(|reason| reason.contains("belongs to something else")));

    let mut other_mode = sound.clone();
    other_mode.mode = Some(Mode::Outcomes);
    assert!(suite().replay_here(&other_mode).is_err_and(|reason| reason.contains("belongs to something else")));
}

#[test]
fn evidence_that_cannot_be_replayed_says_why() {
    let refusal = |change: fn(&mut Evidence)| {
        let mut evidence = recorded(Engine::Exhaustive);
        change(&mut evidence);
        suite().replay_here(&evidence).expect_err("it cannot be replayed")
    };
    assert_eq!(refusal(|evidence| evidence.system = "semaphore".into()), "this suite has no system `semaphore`");
    let unknown_subject = refusal(|evidence| evidence.subject = Some("atomik".into()));
    assert!(unknown_subject.contains("atomik") && unknown_subject.contains("stores-wrong"), "{unknown_subject}");
    assert!(refusal(|evidence| evidence.counterexample = None).contains("nothing to replay"));
    assert!(refusal(|evidence| *token(evidence) = "exhaustive".into()).contains("ENGINE:DIGEST:SCHEDULE"));
    assert!(refusal(|evidence| *token(evidence) = "exhaustiv:0:0".into()).contains("did you mean `exhaustive`?"));
}

// Subjects that misbehave, and subjects that decline.

/// Panics in every write.
struct Panicking<P: Platform>(AtomicRegister<P>);

impl<P: Platform> Subject<RegisterSpec> for Panicking<P> {
    type Platform = P;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        AtomicRegister::create(spec, initial).map(Panicking)
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        match op {
            Op::Write(value) => panic!("no ink left for {value}"),
            Op::Read => self.0.perform(thread, local, op),
        }
    }
}

/// Takes one step more in every other execution.
struct Fickle<P: Platform>(AtomicRegister<P>, bool);

impl<P: Platform> Subject<RegisterSpec> for Fickle<P> {
    type Platform = P;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        static EXECUTIONS: host::atomic::AtomicU64 = host::atomic::AtomicU64::new(0);
        let number = EXECUTIONS.fetch_add(1, host::atomic::Ordering::Relaxed);
        AtomicRegister::create(spec, initial).map(|register| Fickle(register, number.is_multiple_of(2)))
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        if self.1 {
            P::now();
        }
        self.0.perform(thread, local, op)
    }
}

#[test]
fn a_subject_that_is_not_the_same_each_time_is_an_error_and_no_pass() {
    let suite = suite_of("fickle", Drivers::NONE.shuttle::<Fickle<Shuttle>>());
    let evidence = run(&suite, "register/conformance/two-writers/fickle/exhaustive");
    assert_eq!(evidence.verdict, Verdict::Error, "{}: {}", evidence.technique, evidence.reason);
    assert!(evidence.reason.contains("does not fit") && evidence.reason.contains(".rs:"), "{}", evidence.reason);
}

/// Sleeps for ever in its first so many writes, all executions together; and in those, reads a value that nobody wrote.
struct Sleepy<const WRITES: u64, const LIES: bool>(AtomicRegister<Std>, host::atomic::AtomicBool);

impl<const WRITES: u64, const LIES: bool> Subject<RegisterSpec> for Sleepy<WRITES, LIES> {
    type Platform = Std;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        // One static for all: what is generic has none of its own.
        static EXECUTIONS: [host::atomic::AtomicU64; 6] = [const { host::atomic::AtomicU64::new(0) }; 6];
        let executions = &EXECUTIONS[WRITES as usize * 2 + usize::from(LIES)];
        let sleeps = executions.fetch_add(1, host::atomic::Ordering::Relaxed) < WRITES;
        AtomicRegister::create(spec, initial).map(|register| Sleepy(register, sleeps.into()))
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        let sleeps = self.1.load(host::atomic::Ordering::Relaxed);
        match op {
            Op::Write(_) if sleeps => loop {
                Std::park();
            },
            Op::Read if LIES && sleeps => Ok(Ret::Value(77)),
            _ => self.0.perform(thread, local, op),
        }
    }
}

#[test]
fn on_real_threads_rest_counts_if_it_is_seen_twice_and_an_answer_at_once() {
    let judged = |drivers| run(&suite_of("sleepy", drivers), "register/conformance/two-reads/sleepy/threads");

    let once = judged(Drivers::NONE.threads::<Sleepy<1, false>>());
    assert_eq!(once.verdict, Verdict::Inconclusive, "{}", once.reason);
    assert!(once.reason.contains("one of ") && once.reason.contains("blocked"), "{}", once.reason);
    let granted = Profile::Quick.budget(Engine::Threads, 0).executions;
    assert!(once.executions > granted, "{} executions look for a second one, of {granted}", once.executions);

    let twice = judged(Drivers::NONE.threads::<Sleepy<2, false>>());
    assert_eq!((twice.verdict, twice.executions), (Verdict::Fail, 2), "{}", twice.reason);

    let wrong = judged(Drivers::NONE.threads::<Sleepy<1, true>>());
    assert_eq!((wrong.verdict, wrong.executions), (Verdict::Fail, 1), "{}", wrong.reason);
    assert!(wrong.reason.contains("77"), "{}", wrong.reason);
}

/// Declines what the program or its initial state asks for.
struct Declining<const AT_CREATION: bool, P: Platform>(AtomicRegister<P>);

impl<const AT_CREATION: bool, P: Platform> Subject<RegisterSpec> for Declining<AT_CREATION, P> {
    type Platform = P;
    type Local<'a> = Option<u32>;

    fn create(spec: &RegisterSpec, initial: &[(String, i64)]) -> Result<Self, String> {
        if AT_CREATION {
            return Err("it cannot be made today".to_owned());
        }
        AtomicRegister::create(spec, initial).map(Declining)
    }

    fn supports(_: &RegisterSpec, program: &Program<Op>) -> Result<(), String> {
        let writes = program.ops().filter(|op| matches!(op, Op::Write(_))).count();
        if writes > 1 { Err(format!("it can be written once, not {writes} times")) } else { Ok(()) }
    }

    fn perform(&self, thread: Thread, local: &mut Option<u32>, op: &Op) -> Result<Ret, Stop> {
        self.0.perform(thread, local, op)
    }
}

/// A suite with that one subject.
fn suite_of(name: &'static str, drivers: Drivers<RegisterSpec>) -> Suite {
    Suite::empty().with(System::new("register", corpus::REGISTER).primitive(name, drivers))
}

#[test]
fn a_subject_that_panics_fails_with_its_own_words() {
    let suite = suite_of("panicking", Drivers::everywhere::<Panicking<Loom>, Panicking<Shuttle>, Panicking<Std>>());
    for planned in planned(&suite, |planned| planned.kind == Kind::Conformance) {
        let evidence = suite.run_here(&planned, &Options::quick());
        assert_eq!(evidence.verdict, Verdict::Fail, "{}: {}", evidence.check, evidence.reason);
        assert!(evidence.reason.contains("panicked: no ink left for "), "{}: {}", evidence.check, evidence.reason);
        assert!(evidence.counterexample.is_some(), "{}", evidence.check);
    }
}

#[test]
fn a_subject_that_declines_is_skipped_with_its_reason() {
    let declining = Drivers::everywhere::<Declining<false, Loom>, Declining<false, Shuttle>, Declining<false, Std>>();
    let suite = suite_of("declining", declining);
    for planned in planned(&suite, |planned| planned.kind == Kind::Conformance) {
        let evidence = suite.run_here(&planned, &Options::quick());
        if planned.program.as_deref() == Some("two-writers") {
            assert_eq!(evidence.verdict, Verdict::Skipped, "{}", evidence.check);
            assert_eq!(evidence.reason, "it can be written once, not 2 times", "{}", evidence.check);
            assert_eq!((evidence.executions, evidence.relation), (0, None), "{}", evidence.check);
        } else {
            assert_eq!(evidence.verdict, Verdict::Pass, "{}: {}", evidence.check, evidence.reason);
        }
    }
    let unmakeable = Drivers::everywhere::<Declining<true, Loom>, Declining<true, Shuttle>, Declining<true, Std>>();
    let suite = suite_of("unmakeable", unmakeable);
    for planned in
        planned(&suite, |planned| planned.program.as_deref() == Some("two-reads") && planned.kind == Kind::Conformance)
    {
        let evidence = suite.run_here(&planned, &Options::quick());
        assert_eq!((evidence.verdict, evidence.reason.as_str()), (Verdict::Skipped, "it cannot be made today"));
    }
}

// What users type.

#[test]
fn a_misspelt_engine_or_profile_is_answered_with_names() {
    let refused = |text: &str| text.parse::<Engine>().expect_err("there is no such engine");
    assert_eq!(refused("lom"), "there is no engine `lom`; did you mean `loom`?");
    let listed = refused("exhaustive-search");
    assert!(Engine::ALL.iter().all(|engine| listed.contains(engine.name())), "{listed}");
    for engine in Engine::ALL {
        assert_eq!(engine.to_string().parse(), Ok(engine));
    }
    let refused = "ful".parse::<Profile>().expect_err("there is no such profile");
    assert!(refused.contains("`ful`") && refused.contains("quick") && refused.contains("full"), "{refused}");
    for profile in [Profile::Quick, Profile::Full] {
        assert_eq!(profile.name().parse(), Ok(profile));
    }
}

#[test]
fn a_misspelt_spec_is_answered_with_a_name() {
    let diagnostics = suite().outcomes("slip.litmus", "spec regster\n\nthread T\n  read\n").expect_err("no such spec");
    assert!(diagnostics.to_string().contains("register"), "{diagnostics}");
    assert_eq!(RegisterSpec::configure(&[]).unwrap().name(), "register");
}
