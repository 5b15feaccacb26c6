//! Code that stands on loom's or shuttle's own types, written by somebody who does not know the platform.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use selvedge::platform::host::Mutex as HostMutex;
use selvedge::platform::{Arc, Atomic, AtomicInteger, Body, Bounds, End, Failure, Loom, Ordering, Platform, Shuttle};
use selvedge_model::Thread;
use selvedge_model::cond::{CondSpec, Op, Ret};
use selvedge_verify::conformance::{Findings, Goal, Job, Symptom, Target, on_loom, on_shuttle};
use selvedge_verify::engine::exhaustive::{self, Class, Options as Search, Reduction};
use selvedge_verify::engine::{Budget, Engine};
use selvedge_verify::evidence::{Evidence, Mode, Relation, Verdict};
use selvedge_verify::litmus::corpus::{self, CorpusFile};
use selvedge_verify::litmus::{self, Outcome, ThreadEnd};
use selvedge_verify::subject::cond::{Guarded, GuardedCond};
use selvedge_verify::subject::locker::UNLOCK_OF_UNLOCKED;
use selvedge_verify::subject::{Stop, Subject};
use selvedge_verify::suite::{Drivers, Options, Suite, System};

// What somebody else wrote.

const RIGHT: u8 = 0;
/// A signal wakes every waiter.
const WAKES_ALL: u8 = 1;
/// The lock is released before the waiter is known.
const RELEASES_FIRST: u8 = 2;
/// Who comes second does not wait for the lock.
const LETS_ALL_IN: u8 = 3;
/// A signal is a bug.
const PANICS: u8 = 4;

/// A lock and a condition variable with a queue of its own, on an engine's types.
macro_rules! queued {
    ($name:ident, $engine:ident, $platform:ty) => {
        struct $name<const BUG: u8> {
            held: $engine::sync::Mutex<bool>,
            freed: $engine::sync::Condvar,
            waiting: $engine::sync::Mutex<VecDeque<Arc<($engine::sync::Mutex<bool>, $engine::sync::Condvar)>>>,
        }

        impl<const BUG: u8> Subject<CondSpec> for $name<BUG> {
            type Platform = $platform;
            type Local<'a> = ();

            const FOREIGN: bool = true;

            fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
                Ok($name {
                    held: $engine::sync::Mutex::new(false),
                    freed: $engine::sync::Condvar::new(),
                    waiting: $engine::sync::Mutex::new(VecDeque::new()),
                })
            }

            fn perform(&self, thread: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
                match op {
                    Op::Lock => {
                        let mut held = self.held.lock().unwrap();
                        while *held && BUG != LETS_ALL_IN {
                            held = self.freed.wait(held).unwrap();
                        }
                        *held = true;
                    }
                    Op::Unlock => {
                        let mut held = self.held.lock().unwrap();
                        if !*held && BUG != LETS_ALL_IN {
                            return Err(Stop::Abort(UNLOCK_OF_UNLOCKED.into()));
                        }
                        *held = false;
                        drop(held);
                        self.freed.notify_one();
                    }
                    Op::Wait(_) => {
                        let ticket = Arc::new(($engine::sync::Mutex::new(false), $engine::sync::Condvar::new()));
                        if BUG == RELEASES_FIRST {
                            self.perform(thread, &mut (), &Op::Unlock)?;
                        }
                        self.waiting.lock().unwrap().push_back(ticket.clone());
                        if BUG != RELEASES_FIRST {
                            self.perform(thread, &mut (), &Op::Unlock)?;
                        }
                        let mut is_called = ticket.0.lock().unwrap();
                        while !*is_called {
                            is_called = ticket.1.wait(is_called).unwrap();
                        }
                        drop(is_called);
                        self.perform(thread, &mut (), &Op::Lock)?;
                    }
                    Op::Signal(_) | Op::Broadcast(_) => {
                        let mut waiting = self.waiting.lock().unwrap();
                        assert!(BUG != PANICS, "nobody waits for this");
                        let everybody = BUG == WAKES_ALL || matches!(op, Op::Broadcast(_));
                        let count = if everybody { waiting.len() } else { waiting.len().min(1) };
                        for ticket in waiting.drain(..count) {
                            *ticket.0.lock().unwrap() = true;
                            ticket.1.notify_one();
                        }
                    }
                    other => unreachable!("{other} is in none of the programs"),
                }
                Ok(Ret::Ok)
            }
        }
    };
}

queued!(OnLoom, loom, Loom);
queued!(OnShuttle, shuttle, Shuttle);

/// The engine's own condition variable, used as a reader would and not as the platform's peers are.
macro_rules! bare {
    ($name:ident, $engine:ident, $platform:ty) => {
        struct $name($engine::sync::Mutex<()>, $engine::sync::Condvar);

        impl GuardedCond for $name {
            type Platform = $platform;
            type Guard<'a> = $engine::sync::MutexGuard<'a, ()>;

            const FOREIGN: bool = true;

            fn new() -> Self {
                $name($engine::sync::Mutex::new(()), $engine::sync::Condvar::new())
            }
            fn lock(&self) -> Self::Guard<'_> {
                self.0.lock().unwrap()
            }
            fn wait<'a>(&'a self, guard: Self::Guard<'a>) -> Self::Guard<'a> {
                self.1.wait(guard).unwrap()
            }
            fn wait_timeout<'a>(&'a self, guard: Self::Guard<'a>, timeout: Duration) -> (Self::Guard<'a>, bool) {
                let (guard, result) = self.1.wait_timeout(guard, timeout).unwrap();
                (guard, result.timed_out())
            }
            fn notify_one(&self) {
                self.1.notify_one();
            }
            fn notify_all(&self) {
                self.1.notify_all();
            }
        }
    };
}

bare!(BareLoom, loom, Loom);
bare!(BareShuttle, shuttle, Shuttle);

/// A lock that spins, on an engine's types; with a bug, releasing it orders nothing, or does not happen.
macro_rules! spinning {
    ($name:ident, $engine:ident, $platform:ty) => {
        struct $name<const ORDERS: bool, const RELEASES: bool>($engine::sync::atomic::AtomicBool);

        impl<const ORDERS: bool, const RELEASES: bool> Subject<CondSpec> for $name<ORDERS, RELEASES> {
            type Platform = $platform;
            type Local<'a> = ();

            const FOREIGN: bool = true;

            fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
                Ok($name($engine::sync::atomic::AtomicBool::new(false)))
            }

            fn perform(&self, _: Thread, _: &mut (), op: &Op) -> Result<Ret, Stop> {
                match op {
                    Op::Lock => {
                        while self.0.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
                            $engine::thread::yield_now();
                        }
                    }
                    Op::Unlock => {
                        self.0.store(!RELEASES, if ORDERS { Ordering::Release } else { Ordering::Relaxed });
                    }
                    other => unreachable!("{other} is in none of the programs"),
                }
                Ok(Ret::Ok)
            }
        }
    };
}

spinning!(SpinOnLoom, loom, Loom);
spinning!(SpinOnShuttle, shuttle, Shuttle);

/// A lock whose guard is kept, which lets all in.
struct GuardEach([shuttle::sync::Mutex<()>; 2]);

impl Subject<CondSpec> for GuardEach {
    type Platform = Shuttle;
    type Local<'a> = Option<shuttle::sync::MutexGuard<'a, ()>>;

    const FOREIGN: bool = true;

    fn create(_: &CondSpec, _: &[(String, i64)]) -> Result<Self, String> {
        Ok(GuardEach([(); 2].map(shuttle::sync::Mutex::new)))
    }

    fn perform<'a>(&'a self, thread: Thread, guard: &mut Self::Local<'a>, op: &Op) -> Result<Ret, Stop> {
        *guard = matches!(op, Op::Lock).then(|| self.0[usize::from(thread.0)].lock().unwrap());
        Ok(Ret::Ok)
    }
}

// What is run.

const EXCLUSION: CorpusFile = CorpusFile {
    name: "exclusion",
    text: "
        spec cond
        clauses COND-11
        var n = 0

        thread A
          lock
          n += 1
          unlock

        thread B
          lock
          n += 1
          unlock

        forall done A && done B && n == 2
    ",
};

fn two_waiters() -> CorpusFile {
    *corpus::COND.iter().find(|file| file.name == "one-signal-two-waiters").expect("it is in the corpus")
}

const ONE_SIGNAL: CorpusFile = CorpusFile {
    name: "one-signal",
    text: "
        spec cond
        clauses COND-05

        thread Waiter
          lock
          wait
          unlock

        thread Signaller
          lock
          signal
          unlock

        exists done Waiter
        exists blocked Waiter
    ",
};

const LOCK_TWICE: CorpusFile = CorpusFile {
    name: "lock-twice",
    text: "
        spec cond
        clauses COND-11

        thread A
          lock
          lock

        thread B
          lock
          unlock

        forall blocked A
        exists done B
        exists blocked B
    ",
};

fn target(text: &str) -> Arc<Target<CondSpec>> {
    let program = litmus::parse("program.litmus", text).and_then(|source| source.program::<CondSpec>());
    Arc::new(Target::new(program.expect("it is a program")).expect("the spec has what it sets"))
}

fn job(text: &str, engine: Engine, executions: u64) -> Arc<Job<CondSpec>> {
    let mode = if engine == Engine::Loom { Mode::Outcomes } else { Mode::Histories };
    Arc::new(Job {
        target: target(text),
        engine,
        mode,
        budget: Budget { executions, duration: Duration::from_secs(600), ..Budget::once() },
        weak: Some(BTreeSet::new()),
        variant: 0,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    })
}

/// What was found, by whom nothing broke.
fn sound(findings: Findings<CondSpec>) -> Findings<CondSpec> {
    assert_eq!((&findings.broken, &findings.refused, findings.truncated.0), (&None, &None, 0));
    findings
}

fn conforms(findings: Findings<CondSpec>) -> Findings<CondSpec> {
    let findings = sound(findings);
    assert!(findings.violation.is_none(), "{:?}", findings.violation);
    findings
}

fn sentence(findings: Findings<CondSpec>) -> String {
    let violation = sound(findings).violation.expect("it does not conform");
    format!("{} {:?}", violation.sentence, violation.clause)
}

fn symptom(findings: Findings<CondSpec>) -> Symptom {
    sound(findings).violation.expect("it does not conform").symptom()
}

fn is_blocked(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Final(last) if last.threads.iter().any(|end| matches!(end, ThreadEnd::Blocked(_))))
}

const DRAWN: [Engine; 5] = [Engine::Random, Engine::Pct, Engine::Urw, Engine::Pos, Engine::Portfolio];

#[test]
fn a_right_one_reaches_under_loom_all_that_the_spec_allows_blocked_ends_included() {
    for (program, blocked) in [(EXCLUSION, 0), (ONE_SIGNAL, 1), (LOCK_TWICE, 2)] {
        let job = job(program.text, Engine::Loom, 200_000);
        let findings = conforms(on_loom::<_, OnLoom<RIGHT>>(&job));
        assert!(findings.complete, "{}: {findings:?}", program.name);
        assert_eq!(findings.relation(&job.target), Relation::Equal, "{}", program.name);
        assert_eq!(findings.outcomes.keys().filter(|outcome| is_blocked(outcome)).count(), blocked, "{}", program.name);
    }
}

#[test]
fn a_right_one_conforms_under_the_engines_that_draw() {
    for engine in DRAWN {
        for program in [EXCLUSION, ONE_SIGNAL, two_waiters(), LOCK_TWICE] {
            let job = job(program.text, engine, 400);
            let findings = conforms(on_shuttle::<_, OnShuttle<RIGHT>>(&job));
            assert_eq!(findings.executions, 400);
            assert_eq!(findings.relation(&job.target), Relation::Equal, "{} under {engine}", program.name);
        }
    }
}

#[test]
fn the_engines_that_enumerate_agree_on_it() {
    for program in [EXCLUSION, LOCK_TWICE] {
        let job = job(program.text, Engine::Exhaustive, 100_000);
        let job = Arc::new(Job { mode: Mode::Outcomes, ..Arc::into_inner(job).expect("nobody else has it") });
        let findings = conforms(on_shuttle::<_, OnShuttle<RIGHT>>(&job));
        assert!(findings.complete && findings.relation(&job.target) == Relation::Equal, "{findings:?}");
    }
    let job = job(EXCLUSION.text, Engine::Dfs, 100_000);
    let budget = Budget { preemptions: Some(1), ..job.budget.clone() };
    let job = Arc::new(Job { budget, ..Arc::into_inner(job).expect("nobody else has it") });
    assert!(conforms(on_shuttle::<_, OnShuttle<RIGHT>>(&job)).complete);
}

#[test]
fn a_signal_that_wakes_all_is_found() {
    for engine in DRAWN.into_iter().chain([Engine::Exhaustive]) {
        let found = sentence(on_shuttle::<_, OnShuttle<WAKES_ALL>>(&job(two_waiters().text, engine, 20_000)));
        assert!(found.contains("COND-05") || found.contains("COND-17"), "{engine}: {found}");
    }
    let found = sentence(on_loom::<_, OnLoom<WAKES_ALL>>(&job(two_waiters().text, Engine::Loom, 100_000)));
    assert!(found.contains("COND-05") || found.contains("COND-17"), "{found}");
}

#[test]
fn a_wait_that_forgets_a_signal_is_found_blocked() {
    // The signal comes when the lock is free and nobody is known to wait: Waiter is blocked, which the spec allows only if
    // the signal came before its lock.
    let text = "spec cond\natomic s = 0 seqcst\nthread Waiter\n  lock\n  s = 1\n  wait\n  unlock\n\
                thread Signaller\n  await s == 1\n  lock\n  signal\n  unlock\nforall done Waiter && done Signaller\n";
    let found = sentence(on_loom::<_, OnLoom<RELEASES_FIRST>>(&job(text, Engine::Loom, 100_000)));
    assert!(found.contains("COND-06") || found.contains("COND-05") || found.contains("blocked"), "{found}");
    for engine in DRAWN {
        let findings = sound(on_shuttle::<_, OnShuttle<RELEASES_FIRST>>(&job(text, engine, 20_000)));
        let violation = findings.violation.expect("it does not conform");
        assert!(format!("{:?}", violation.execution.ending).contains("Blocked"), "{violation:?}");
    }
}

/// A race on a variable of the program breaks the spec's clause about what happens before what.
const RACED: Symptom = Symptom::Clause("COND-18");

#[test]
fn a_lock_that_lets_all_in_is_a_race() {
    let job_of_loom = job(EXCLUSION.text, Engine::Loom, 100_000);
    assert_eq!(symptom(on_loom::<_, OnLoom<LETS_ALL_IN>>(&job_of_loom)), RACED);
    for engine in [Engine::Portfolio, Engine::Exhaustive] {
        // In histories mode the checker may be first.
        let job = Arc::into_inner(job(EXCLUSION.text, engine, 20_000)).expect("nobody else has it");
        let job = Arc::new(Job { mode: Mode::Outcomes, ..job });
        assert_eq!(symptom(on_shuttle::<_, OnShuttle<LETS_ALL_IN>>(&job)), RACED);
        // The thread that races unwinds through a guard, which switches.
        assert_eq!(symptom(on_shuttle::<_, GuardEach>(&job)), RACED);
    }
}

#[test]
fn loom_sees_that_a_release_orders_nothing() {
    let job = job(EXCLUSION.text, Engine::Loom, 100_000);
    assert!(conforms(on_loom::<_, SpinOnLoom<true, true>>(&job)).complete);
    assert_eq!(symptom(on_loom::<_, SpinOnLoom<false, true>>(&job)), RACED);
}

#[test]
fn a_spin_that_nobody_ends_is_given_up_and_neither_blocked_nor_a_pass() {
    let on_loom = on_loom::<_, SpinOnLoom<true, false>>(&job(EXCLUSION.text, Engine::Loom, 3));
    let on_shuttle = on_shuttle::<_, SpinOnShuttle<true, false>>(&job(EXCLUSION.text, Engine::Random, 3));
    for findings in [on_loom, on_shuttle] {
        assert!(findings.truncated.0 > 0 && findings.truncated.0 == findings.executions, "{findings:?}");
        assert!(findings.violation.is_none() && findings.broken.is_none() && !findings.complete, "{findings:?}");
    }
}

#[test]
fn a_panic_inside_is_the_subjects() {
    let on_loom = sentence(on_loom::<_, OnLoom<PANICS>>(&job(ONE_SIGNAL.text, Engine::Loom, 1_000)));
    let on_shuttle = sentence(on_shuttle::<_, OnShuttle<PANICS>>(&job(ONE_SIGNAL.text, Engine::Portfolio, 1_000)));
    for found in [on_loom, on_shuttle] {
        assert!(found.contains("Signaller panicked: nobody waits for this"), "{found}");
    }
}

/// What the platform's own wrapping of the engines' condition variables reaches, which shares nothing with the way that is
/// tested here but the engine.
#[test]
fn the_engines_own_condition_variables_do_what_they_do_as_peers() {
    let names =
        ["L01-signal-has-no-memory", "L04-fifo", "L05-signal-before-sleep", "one-signal-two-waiters", "L07-loop"];
    for name in names {
        let file = corpus::COND.iter().find(|file| file.name == name).unwrap_or_else(|| panic!("there is no {name}"));
        let bounded = |engine: Engine, executions: u64, preemptions: Option<usize>| {
            let job = Arc::into_inner(job(file.text, engine, executions)).expect("nobody else has it");
            let budget = Budget { preemptions, ..job.budget.clone() };
            // Whatever they do is looked at: what the spec does not allow as well.
            Arc::new(Job { mode: Mode::Outcomes, budget, goal: Goal::SimplestOf(NEVER), ..job })
        };
        let job = bounded(Engine::Loom, 100_000, Some(2));
        let (peer, bare) = (
            on_loom::<_, Guarded<selvedge::platform::loom::native::Cond>>(&job),
            on_loom::<_, Guarded<BareLoom>>(&job),
        );
        assert_eq!(
            sound(peer).outcomes.keys().collect::<Vec<_>>(),
            sound(bare).outcomes.keys().collect::<Vec<_>>(),
            "{name}"
        );
        let job = bounded(Engine::Random, 3_000, None);
        let peer = on_shuttle::<_, Guarded<selvedge::platform::shuttle::native::Cond>>(&job);
        let bare = on_shuttle::<_, Guarded<BareShuttle>>(&job);
        assert_eq!(
            sound(peer).outcomes.keys().collect::<Vec<_>>(),
            sound(bare).outcomes.keys().collect::<Vec<_>>(),
            "{name}"
        );
    }
}

/// A symptom that nothing has.
const NEVER: Symptom = Symptom::Clause("no clause");

// The exhaustive engine.

/// The classes of equivalent executions of a program on shuttle's types, by the search, and what they came to.
fn classes(reduction: Reduction, program: fn() -> Vec<Body>) -> (Vec<Class>, BTreeSet<String>) {
    let classes = Arc::new(HostMutex::new(Vec::new()));
    let outcomes = Arc::new(HostMutex::new(BTreeSet::new()));
    let bounds = Bounds { foreign: true, ..Bounds::default() };
    let told = (classes.clone(), outcomes.clone());
    let explored = exhaustive::explore_classes(
        &bounds,
        Search { reduction, ..Search::default() },
        None,
        move || {
            let ends = Shuttle::run_to_rest(program());
            if !exhaustive::is_pruned() {
                told.1.lock().unwrap().insert(format!("{ends:?}"));
            }
        },
        move |class| told.0.lock().unwrap().push(class),
    );
    assert!(explored.run.complete, "{:?}", explored.run);
    let mut classes = std::mem::take(&mut *classes.lock().unwrap());
    classes.sort_unstable();
    (classes, std::mem::take(&mut *outcomes.lock().unwrap()))
}

#[test]
fn exactly_the_classes_of_all_interleavings_are_explored_once_each() {
    fn locks_crosswise() -> Vec<Body> {
        let locks = Arc::new([(); 2].map(|()| shuttle::sync::Mutex::new(())));
        let free = Arc::new(<Shuttle as Platform>::AtomicU32::new(0));
        let thread = |first: usize| {
            let (locks, free) = (locks.clone(), free.clone());
            Box::new(move || {
                // Something besides that the engine knows of.
                free.fetch_add(1, Ordering::SeqCst);
                Shuttle::foreign(|| {
                    let _outer = locks[first].lock().unwrap();
                    let _inner = locks[1 - first].lock().unwrap();
                });
            }) as Body
        };
        vec![thread(0), thread(1)]
    }
    fn waits_for_a_flag() -> Vec<Body> {
        let shared = Arc::new((shuttle::sync::Mutex::new(false), shuttle::sync::Condvar::new()));
        let (waiter, notifier) = (shared.clone(), shared);
        let waits = move || {
            Shuttle::foreign(|| {
                let mut is_set = waiter.0.lock().unwrap();
                if !*is_set {
                    is_set = waiter.1.wait(is_set).unwrap();
                }
                assert!(*is_set);
            });
        };
        let notifies = move || {
            Shuttle::foreign(|| notifier.1.notify_one());
            Shuttle::foreign(|| *notifier.0.lock().unwrap() = true);
        };
        vec![Box::new(waits), Box::new(notifies)]
    }
    for program in [locks_crosswise, waits_for_a_flag] {
        let (mut all, all_outcomes) = classes(Reduction::None, program);
        all.dedup();
        let (optimal, outcomes) = classes(Reduction::Optimal, program);
        assert_eq!(optimal, all);
        assert_eq!(outcomes, all_outcomes);
        assert!(outcomes.len() > 1 && outcomes.iter().any(|ends| ends.contains("Blocked")), "{outcomes:?}");
    }
}

// What is refused.

#[test]
fn who_does_not_say_so_is_told_and_no_pass() {
    struct Unsaid<X>(X);
    macro_rules! unsaid {
        ($inner:ty, $platform:ty) => {
            impl Subject<CondSpec> for Unsaid<$inner> {
                type Platform = $platform;
                type Local<'a> = ();
                fn create(spec: &CondSpec, initial: &[(String, i64)]) -> Result<Self, String> {
                    <$inner>::create(spec, initial).map(Unsaid)
                }
                fn perform(&self, thread: Thread, local: &mut (), op: &Op) -> Result<Ret, Stop> {
                    self.0.perform(thread, local, op)
                }
            }
        };
    }
    unsaid!(OnLoom<RIGHT>, Loom);
    unsaid!(OnShuttle<RIGHT>, Shuttle);
    let suite = Suite::empty().with(
        System::new("cond", &[ONE_SIGNAL])
            .primitive("loom", Drivers::NONE.loom::<Unsaid<OnLoom<RIGHT>>>())
            .primitive("shuttle", Drivers::NONE.shuttle::<Unsaid<OnShuttle<RIGHT>>>()),
    );
    for (id, why) in [("loom/loom", "deadlock"), ("shuttle/exhaustive", "behind the platform's back")] {
        let evidence = run(&suite, &format!("cond/conformance/one-signal/{id}"));
        assert_eq!(evidence.verdict, Verdict::Error, "{}", evidence.reason);
        assert!(evidence.reason.contains(why) && evidence.reason.contains("FOREIGN"), "{}", evidence.reason);
    }
}

fn run(suite: &Suite, id: &str) -> Evidence {
    let plan = suite.plan(&Options::quick());
    let planned = plan.iter().find(|planned| planned.id == id).unwrap_or_else(|| panic!("{id} is not planned"));
    suite.run_here(planned, &Options::quick())
}

#[test]
fn what_the_platform_cannot_follow_ends_the_search() {
    fn failure(inside: fn()) -> String {
        let bounds = Bounds { foreign: true, ..Bounds::default() };
        let run = selvedge::platform::shuttle::explore(
            selvedge::platform::shuttle::SchedulerKind::Random { seed: 1 },
            &bounds,
            move || {
                let ends = Shuttle::run_to_rest(vec![Box::new(move || Shuttle::foreign(inside))]);
                assert!(!matches!(ends[..], [End::Returned]), "nobody notices");
            },
        );
        match run.failure {
            Some(Failure::Unpublished(text)) => text,
            other => panic!("{other:?}"),
        }
    }
    let thread = failure(|| drop(shuttle::thread::spawn(|| ())));
    assert_eq!(thread, "inside foreign code thread 1 started a thread that the platform does not know of");
    use shuttle::rand::RngCore;
    assert_eq!(
        failure(|| assert_eq!(shuttle::rand::thread_rng().next_u64(), 0)),
        "shuttle was asked for a random number"
    );
    let outside = {
        let bounds = Bounds { foreign: true, ..Bounds::default() };
        let kind = selvedge::platform::shuttle::SchedulerKind::Random { seed: 1 };
        selvedge::platform::shuttle::explore(kind, &bounds, shuttle::thread::yield_now).failure
    };
    assert!(matches!(outside, Some(Failure::Unpublished(_))), "{outside:?}");
}
