//! `Cond` and its locks under loom (weak memory, data races) and shuttle (every interleaving of small programs, random
//! ones of larger).
//!
//! A program is one execution, generic over the platform; it ends when nothing moves any more. Its outcome is one letter a
//! thread (**R**eturned, **B**locked for ever, **P**anicked) and whatever the threads noted. What a test asserts is the set
//! of all outcomes: one that is missing is as wrong as one too many.

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{
    Arc, Body, Bounds, End, Loom, Platform, Profile, Region, Run, Shuttle, Timeouts, Unpark, host, loom,
};
use selvedge::{Cond, Locker, Mutex, MutexGuard, RwMutex, TimedOut, go};

type Outcomes = BTreeSet<String>;

fn outcomes<const N: usize>(texts: [&str; N]) -> Outcomes {
    texts.map(str::to_owned).into()
}

// How programs are explored.

fn collect(explore: impl FnOnce(Box<dyn Fn(String) + Send + Sync>) -> Run) -> (Run, Outcomes) {
    let seen = Arc::new(host::Mutex::new(Outcomes::new()));
    let kept = Arc::clone(&seen);
    let run = explore(Box::new(move |outcome| {
        kept.lock().expect("unpoisoned").insert(outcome);
    }));
    assert!(run.failure.is_none() && run.truncated == 0, "{run:?}");
    let seen = seen.lock().expect("unpoisoned").clone();
    (run, seen)
}

type Program = fn() -> String;

/// Every execution that loom distinguishes, with at most so many preemptions.
fn under_loom(preemptions: Option<usize>, timeouts: Timeouts, program: Program) -> Outcomes {
    let profile = Profile { timeouts, ..Profile::default() };
    let bounds = Bounds { preemptions, profile, ..Bounds::default() };
    let (run, seen) = collect(|keep| loom::explore(&bounds, move || keep(program())));
    assert!(run.complete, "{run:?}");
    eprintln!("loom, preemptions {preemptions:?}: {} executions, {seen:?}", run.executions);
    seen
}

/// Random schedules of each kind, from fixed seeds.
fn under_shuttle(executions: u64, timeouts: Timeouts, program: Program) -> Outcomes {
    let profile = Profile { timeouts, ..Profile::default() };
    let bounds = Bounds { max_executions: Some(executions), max_steps: 20_000, profile, ..Bounds::default() };
    let kinds = [
        SchedulerKind::Random { seed: 1 },
        SchedulerKind::Pct { seed: 1, depth: 3 },
        SchedulerKind::Urw { seed: 1 },
        SchedulerKind::Pos { seed: 1 },
    ];
    let mut all = Outcomes::new();
    for kind in kinds {
        let (_, seen) = collect(|keep| shuttle::explore(kind, &bounds, move || keep(program())));
        all.extend(seen);
    }
    all
}

/// Under both, which must agree.
fn everywhere(preemptions: Option<usize>, executions: u64, on_loom: Program, on_shuttle: Program) -> Outcomes {
    let under_loom = under_loom(preemptions, Timeouts::Clocked, on_loom);
    let under_shuttle = under_shuttle(executions, Timeouts::Clocked, on_shuttle);
    assert_eq!(under_loom, under_shuttle, "loom and shuttle differ");
    under_loom
}

// What programs are made of.

/// A value under a mutex with a condition variable, and a region by which threads wait for a stage of the program.
struct Shared<P: Platform> {
    value: Mutex<u32, P>,
    cond: Cond<P>,
    stage: P::Region<u32>,
    notes: host::Mutex<Vec<(usize, String)>>,
}

impl<P: Platform> Shared<P> {
    fn new() -> Arc<Self> {
        Self::starting_at(0)
    }

    fn starting_at(ticket: u32) -> Arc<Self> {
        Arc::new(Self {
            value: Mutex::default(),
            cond: Cond::starting_at(ticket),
            stage: P::Region::new(0),
            notes: host::Mutex::default(),
        })
    }

    /// Takes the lock, and lets the next stage begin for whoever can have the lock: those come after our `wait`.
    fn lock_and_begin(&self, stage: u32) -> MutexGuard<'_, u32, P> {
        self.stage.when(|now| *now + 1 == stage, |_| ());
        let guard = self.value.lock();
        self.stage.with(|now| *now = stage);
        guard
    }

    /// Returns when the stage has begun and whoever began it waits.
    fn await_wait(&self, stage: u32) {
        self.stage.when(|now| *now == stage, |_| ());
        drop(self.value.lock());
    }

    fn note(&self, thread: usize, text: impl ToString) {
        self.notes.lock().expect("unpoisoned").push((thread, text.to_string()));
    }
}

/// Runs the threads to rest and says how they ended and what they noted.
fn run<P: Platform, const N: usize>(shared: &Arc<Shared<P>>, threads: [fn(&Shared<P>); N]) -> String {
    let bodies = threads.map(|thread| {
        let shared = Arc::clone(shared);
        Box::new(move || thread(&shared)) as Body
    });
    let letters: String = P::run_to_rest(bodies.into())
        .iter()
        .map(|end| match end {
            End::Returned => 'R',
            End::Blocked => 'B',
            End::Panicked(_) => 'P',
            End::Raced(race) => panic!("{race}"),
            End::Abandoned => 'A',
        })
        .collect();
    let mut notes = std::mem::take(&mut *shared.notes.lock().expect("unpoisoned"));
    notes.sort();
    notes.into_iter().fold(letters, |text, (_, note)| text + " " + &note)
}

/// Takes part in a program whose order does not matter.
fn plain_wait<P: Platform>(shared: &Shared<P>) {
    shared.cond.wait(&mut shared.value.lock());
}

fn wait_for_value<P: Platform>(shared: &Shared<P>) {
    shared.cond.wait_while(&mut shared.value.lock(), |value| *value == 0);
}

// The programs.

/// L1.
fn wait_beside_signal<P: Platform>() -> String {
    run(&Shared::<P>::new(), [plain_wait, |shared| shared.cond.signal()])
}

#[test]
fn a_signal_before_the_wait_is_lost_and_one_after_it_is_not() {
    let found = everywhere(None, 300, wait_beside_signal::<Loom>, wait_beside_signal::<Shuttle>);
    assert_eq!(found, outcomes(["BR", "RR"]));
    let (dfs, seen) = collect(|keep| {
        shuttle::explore(SchedulerKind::Dfs, &Bounds::default(), move || keep(wait_beside_signal::<Shuttle>()))
    });
    assert!(dfs.complete);
    assert_eq!(seen, found);
}

/// L2, with the signal after the critical section.
fn signal_after_unlock<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [wait_for_value, |shared| {
            *shared.value.lock() = 1;
            shared.cond.signal();
        }],
    )
}

/// L2, with the signal inside the critical section: the waiter is moved into the mutex's queue.
fn signal_before_unlock<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [wait_for_value, |shared| {
            let mut value = shared.value.lock();
            *value = 1;
            shared.cond.signal();
        }],
    )
}

#[test]
fn a_change_under_the_lock_and_a_signal_wake_the_waiter() {
    let found = everywhere(None, 300, signal_after_unlock::<Loom>, signal_after_unlock::<Shuttle>);
    assert_eq!(found, outcomes(["RR"]));
    let found = everywhere(None, 300, signal_before_unlock::<Loom>, signal_before_unlock::<Shuttle>);
    assert_eq!(found, outcomes(["RR"]));
}

/// L4 and L5, and L9 if the counters start at their end.
fn two_waiters_one_signal<P: Platform, const START: u32>() -> String {
    let shared = Shared::<P>::starting_at(START);
    let text = run(
        &shared,
        [
            |shared| shared.cond.wait(&mut shared.lock_and_begin(1)),
            |shared| shared.cond.wait(&mut shared.lock_and_begin(2)),
            |shared| {
                shared.await_wait(2);
                shared.cond.signal();
            },
        ],
    );
    let (wait, notify) = shared.cond.tickets();
    format!("{text} {} {}", wait.wrapping_sub(START), notify.wrapping_sub(START))
}

#[test]
fn a_signal_wakes_the_oldest_ticket() {
    // The second waiter leaves the line when the engine unwinds it at the end: so `notify` has passed its ticket too.
    let found = everywhere(Some(2), 1_000, two_waiters_one_signal::<Loom, 0>, two_waiters_one_signal::<Shuttle, 0>);
    assert_eq!(found, outcomes(["RBR 2 2"]));
    let found = everywhere(
        Some(2),
        1_000,
        two_waiters_one_signal::<Loom, { u32::MAX }>,
        two_waiters_one_signal::<Shuttle, { u32::MAX }>,
    );
    assert_eq!(found, outcomes(["RBR 2 2"]));
}

/// L11.
fn two_signals_one_waiter<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| {
                shared.cond.wait(&mut shared.lock_and_begin(1));
                shared.note(0, "woken");
                shared.cond.wait(&mut shared.value.lock());
            },
            |shared| {
                shared.await_wait(1);
                shared.cond.signal();
                shared.cond.signal();
            },
        ],
    )
}

#[test]
fn a_signal_is_spent_on_one_wait() {
    let found = everywhere(Some(3), 1_000, two_signals_one_waiter::<Loom>, two_signals_one_waiter::<Shuttle>);
    assert_eq!(found, outcomes(["BR woken", "RR woken"]));
}

/// Two waiters and a broadcast outside the lock: with a lock of ours they queue at the mutex.
fn broadcast_to_two<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [wait_for_value, wait_for_value, |shared| {
            *shared.value.lock() = 1;
            shared.cond.broadcast();
        }],
    )
}

fn broadcast_under_the_lock<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [wait_for_value, wait_for_value, |shared| {
            let mut value = shared.value.lock();
            *value = 1;
            shared.cond.broadcast();
        }],
    )
}

#[test]
fn a_broadcast_wakes_all() {
    let found = everywhere(Some(2), 2_000, broadcast_to_two::<Loom>, broadcast_to_two::<Shuttle>);
    assert_eq!(found, outcomes(["RRR"]));
    let found = everywhere(Some(2), 2_000, broadcast_under_the_lock::<Loom>, broadcast_under_the_lock::<Shuttle>);
    assert_eq!(found, outcomes(["RRR"]));
}

/// A lock that the condition variable knows nothing of.
struct Stranger<P: Platform>(P::Region<bool>);

impl<P: Platform> Locker<P> for Stranger<P> {
    fn lock(&self) {
        self.0.when(|taken| !*taken, |taken| *taken = true);
    }

    fn unlock(&self) {
        self.0.with(|taken| *taken = false);
    }
}

/// L6: a broadcast beside a wait, with two waiters that wake each other.
fn broadcast_beside_a_wait<P: Platform>() -> String {
    let cond = Arc::new(go::Cond::<_, P>::from(Stranger::<P>(P::Region::new(false))));
    let stage = Arc::new(P::Region::new(0));
    let wait = |stages: Option<u32>| {
        let (cond, stage) = (Arc::clone(&cond), Arc::clone(&stage));
        Box::new(move || {
            if let Some(mine) = stages {
                stage.when(|now| *now == mine, |_| ());
            }
            cond.l.lock();
            if stages.is_some() {
                stage.with(|now| *now += 1);
            }
            cond.wait();
            cond.l.unlock();
        }) as Body
    };
    let mut bodies = vec![wait(Some(0)), wait(Some(1)), wait(None)];
    bodies.push(Box::new(move || {
        stage.when(|now| *now == 2, |_| ());
        cond.l.lock();
        cond.l.unlock();
        cond.broadcast();
    }));
    P::run_to_rest(bodies)
        .iter()
        .map(|end| match end {
            End::Returned => 'R',
            End::Blocked => 'B',
            end => panic!("{end:?}"),
        })
        .collect()
}

#[test]
fn a_broadcast_covers_the_tickets_before_it() {
    let found = everywhere(Some(1), 3_000, broadcast_beside_a_wait::<Loom>, broadcast_beside_a_wait::<Shuttle>);
    assert_eq!(found, outcomes(["RRBR", "RRRR"]));
}

/// L7, the program of the two waiters.
fn two_waiters_who_count<P: Platform>() -> String {
    fn wait<P: Platform>(shared: &Shared<P>) {
        let mut value = shared.value.lock();
        shared.cond.wait_while(&mut value, |value| *value != 1);
        *value += 1;
    }
    run(
        &Shared::<P>::new(),
        [wait, wait, |shared| {
            *shared.value.lock() += 1;
            shared.cond.broadcast();
        }],
    )
}

#[test]
fn of_two_who_wait_for_one_value_one_waits_on() {
    let found = everywhere(Some(2), 2_000, two_waiters_who_count::<Loom>, two_waiters_who_count::<Shuttle>);
    assert_eq!(found, outcomes(["BRR", "RBR"]));
}

/// A signal, a timed waiter and, after it, one who waits without end.
fn timeout_beside_signal<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| {
                let result = shared.cond.wait_timeout(&mut shared.lock_and_begin(1), Duration::from_millis(1));
                shared.note(0, if result == Err(TimedOut) { "timed out" } else { "notified" });
            },
            |shared| shared.cond.wait(&mut shared.lock_and_begin(2)),
            |shared| {
                shared.await_wait(2);
                shared.cond.signal();
            },
        ],
    )
}

/// The same with the signal under the lock, so that the waiter is moved, and a broadcast.
fn timeout_beside_broadcast<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| {
                let result = shared.cond.wait_timeout(&mut shared.lock_and_begin(1), Duration::from_millis(1));
                shared.note(0, if result == Err(TimedOut) { "timed out" } else { "notified" });
            },
            |shared| shared.cond.wait(&mut shared.lock_and_begin(2)),
            |shared| {
                shared.await_wait(2);
                let _held = shared.value.lock();
                shared.cond.broadcast();
            },
        ],
    )
}

#[test]
fn who_timed_out_takes_no_signal() {
    let signal = outcomes(["RBR notified", "RRR timed out"]);
    assert_eq!(under_loom(Some(2), Timeouts::Free, timeout_beside_signal::<Loom>), signal);
    assert_eq!(under_shuttle(3_000, Timeouts::Free, timeout_beside_signal::<Shuttle>), signal);
    let broadcast = outcomes(["RRR notified", "RRR timed out"]);
    assert_eq!(under_loom(Some(2), Timeouts::Free, timeout_beside_broadcast::<Loom>), broadcast);
    assert_eq!(under_shuttle(3_000, Timeouts::Free, timeout_beside_broadcast::<Shuttle>), broadcast);
}

/// Three tickets of which the one in the middle is abandoned.
fn an_abandoned_ticket_in_the_middle<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| shared.cond.wait(&mut shared.lock_and_begin(1)),
            |shared| {
                let result = shared.cond.wait_timeout(&mut shared.lock_and_begin(2), Duration::from_millis(1));
                shared.note(1, if result == Err(TimedOut) { "timed out" } else { "notified" });
            },
            |shared| shared.cond.wait(&mut shared.lock_and_begin(3)),
            |shared| {
                shared.await_wait(3);
                shared.cond.signal();
                shared.cond.signal();
            },
        ],
    )
}

#[test]
fn a_signal_skips_an_abandoned_ticket() {
    let expected = outcomes(["RRBR notified", "RRRR timed out"]);
    // Four threads are many for loom: with one preemption it need not reach everything.
    let on_loom = under_loom(Some(1), Timeouts::Free, an_abandoned_ticket_in_the_middle::<Loom>);
    assert!(!on_loom.is_empty() && on_loom.is_subset(&expected), "{on_loom:?}");
    assert_eq!(under_shuttle(3_000, Timeouts::Free, an_abandoned_ticket_in_the_middle::<Shuttle>), expected);
}

/// A deadline on the virtual clock.
fn deadline<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| {
                let mut value = shared.value.lock();
                let result = shared.cond.wait_timeout_while(&mut value, Duration::from_millis(5), |value| *value == 0);
                shared.note(0, if result == Err(TimedOut) { "timed out" } else { "in time" });
            },
            |shared| {
                shared.cond.broadcast();
                P::advance(Duration::from_millis(3));
                shared.cond.broadcast();
                P::advance(Duration::from_millis(2));
            },
        ],
    )
}

#[test]
fn one_deadline_covers_the_whole_loop() {
    // Blocked: the waiter began after the clock stood still.
    let expected = outcomes(["BR", "RR timed out"]);
    assert_eq!(under_loom(Some(2), Timeouts::Clocked, deadline::<Loom>), expected);
    assert_eq!(under_shuttle(2_000, Timeouts::Clocked, deadline::<Shuttle>), expected);
}

/// A waiter whose thread is unparked by a stranger, and parks itself afterwards.
fn tokens<P: Platform, const STRANGER: bool>() -> String {
    let shared = Shared::<P>::new();
    let thread = Arc::new(P::Region::new(None));
    let (waiter, notifier) = ((Arc::clone(&shared), Arc::clone(&thread)), Arc::clone(&shared));
    let mut bodies: Vec<Body> = vec![
        Box::new(move || {
            let (shared, thread) = waiter;
            thread.with(|thread| *thread = Some(P::current()));
            {
                let mut value = shared.value.lock();
                shared.stage.with(|stage| *stage = 1);
                shared.cond.wait(&mut value);
                shared.note(0, if *value == 1 { "notified" } else { "spurious" });
            }
            P::park();
            shared.note(1, "unparked");
        }),
        Box::new(move || {
            notifier.stage.when(|stage| *stage == 1, |_| ());
            *notifier.value.lock() = 1;
            notifier.cond.signal();
        }),
    ];
    if STRANGER {
        bodies.push(Box::new(move || {
            let thread: P::Thread = thread.when(Option::is_some, |thread| thread.clone().expect("some"));
            thread.unpark();
        }));
    }
    let letters: String =
        P::run_to_rest(bodies).iter().map(|end| if matches!(end, End::Returned) { 'R' } else { 'B' }).collect();
    let mut notes = std::mem::take(&mut *shared.notes.lock().expect("unpoisoned"));
    notes.sort();
    notes.into_iter().fold(letters, |text, (_, note)| text + " " + &note)
}

#[test]
fn a_wait_leaves_no_token_behind_and_takes_none_for_a_notification() {
    let found = everywhere(None, 1_000, tokens::<Loom, false>, tokens::<Shuttle, false>);
    assert_eq!(found, outcomes(["BR notified"]));
    // Where the stranger's token falls together with ours, the two are one, and `wait` takes it.
    let found = everywhere(Some(2), 3_000, tokens::<Loom, true>, tokens::<Shuttle, true>);
    assert_eq!(found, outcomes(["BRR notified", "RRR notified unparked"]));
}

/// A timed wait beside a signal, after which the thread parks itself.
fn timed_tokens<P: Platform>() -> String {
    run(
        &Shared::<P>::new(),
        [
            |shared| {
                let result = shared.cond.wait_timeout(&mut shared.lock_and_begin(1), Duration::from_millis(1));
                shared.note(0, if result == Err(TimedOut) { "timed out" } else { "notified" });
                P::park();
            },
            |shared| {
                shared.await_wait(1);
                shared.cond.signal();
            },
        ],
    )
}

#[test]
fn a_timed_wait_leaves_no_token_behind() {
    let expected = outcomes(["BR notified", "BR timed out"]);
    assert_eq!(under_loom(Some(3), Timeouts::Free, timed_tokens::<Loom>), expected);
    assert_eq!(under_shuttle(3_000, Timeouts::Free, timed_tokens::<Shuttle>), expected);
}

/// A wait without the lock, beside a signal that may already have taken the waiter out of line.
fn fatal_wait_beside_signal<P: Platform>() -> String {
    let cond = Arc::new(go::Cond::<selvedge::RawMutex<P>, P>::default());
    let (waiter, signaller) = (Arc::clone(&cond), Arc::clone(&cond));
    let ends = P::run_to_rest(vec![Box::new(move || waiter.wait()), Box::new(move || signaller.signal())]);
    let [End::Panicked(message), End::Returned] = &*ends else { panic!("{ends:?}") };
    assert!(message.starts_with(selvedge::lock::UNLOCK_OF_UNLOCKED_MUTEX), "{message}");
    format!("{:?}", cond.tickets())
}

#[test]
fn a_wait_without_the_lock_is_fatal() {
    let found = everywhere(None, 300, fatal_wait_beside_signal::<Loom>, fatal_wait_beside_signal::<Shuttle>);
    assert_eq!(found, outcomes(["(1, 1)"]));
}

/// L12.
fn two_readers<P: Platform>() -> String {
    let lock = Arc::new(RwMutex::<P>::default());
    let cond = Arc::new(Cond::<P>::default());
    let stage = Arc::new(P::Region::new(0));
    let reader = || {
        let (lock, cond, stage) = (Arc::clone(&lock), Arc::clone(&cond), Arc::clone(&stage));
        Box::new(move || {
            let reader = ReadHeld(&lock);
            lock.rlock();
            stage.with(|stage| *stage += 1);
            cond.wait(&mut { reader });
            lock.runlock();
        }) as Body
    };
    let mut bodies = vec![reader(), reader()];
    bodies.push(Box::new(move || {
        stage.when(|stage| *stage == 2, |_| ());
        lock.lock();
        cond.broadcast();
        lock.unlock();
    }));
    P::run_to_rest(bodies).iter().map(|end| if matches!(end, End::Returned) { 'R' } else { 'B' }).collect()
}

struct ReadHeld<'l, P: Platform>(&'l RwMutex<P>);

impl<'l, P: Platform> selvedge::Held<'l, P> for ReadHeld<'l, P> {
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        self.0.runlock();
        let result = body();
        self.0.rlock();
        result
    }
}

#[test]
fn readers_take_tickets_at_once() {
    let found = everywhere(Some(1), 2_000, two_readers::<Loom>, two_readers::<Shuttle>);
    assert_eq!(found, outcomes(["RRR"]));
}

/// Threads that count together; the mutex watches its value, so that a second holder is a race.
fn count<P: Platform, const THREADS: usize, const EACH: usize>() -> String {
    let total = Arc::new(Mutex::<usize, P>::default());
    let bodies = (0..THREADS).map(|_| {
        let total = Arc::clone(&total);
        Box::new(move || (0..EACH).for_each(|_| *total.lock() += 1)) as Body
    });
    let ends = P::run_to_rest(bodies.collect());
    assert!(ends.iter().all(|end| matches!(end, End::Returned)), "{ends:?}");
    total.lock().to_string()
}

#[test]
fn the_mutex_excludes_and_wakes_everybody() {
    let found = everywhere(Some(3), 1_000, count::<Loom, 2, 2>, count::<Shuttle, 2, 2>);
    assert_eq!(found, outcomes(["4"]));
    let found = everywhere(Some(2), 3_000, count::<Loom, 3, 1>, count::<Shuttle, 3, 1>);
    assert_eq!(found, outcomes(["3"]));
    assert_eq!(under_shuttle(1_000, Timeouts::Clocked, count::<Shuttle, 4, 3>), outcomes(["12"]));
}
