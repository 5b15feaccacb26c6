//! What can be seen of the condition variable on real threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;
use crate::lock::{self, Locker, Mutex, RwMutex};
use crate::platform::host::mpsc;
use crate::platform::{Arc, host};

/// Waits until so many tickets have been handed out.
fn until_tickets_taken(cond: &Cond, wait: u32) {
    while cond.tickets().0 != wait {
        thread::yield_now();
    }
}

/// No test waits that long unless something is lost.
const FOR_EVER: Duration = Duration::from_secs(60);
const AT_ONCE: Duration = Duration::from_millis(1);

/// Waiters of one condition variable that report, each by its number, when they have been woken.
struct Waiters {
    cond: Arc<Cond>,
    lock: Arc<Mutex<()>>,
    woken: mpsc::Receiver<(usize, Result<(), TimedOut>)>,
    wake: mpsc::Sender<(usize, Result<(), TimedOut>)>,
}

impl Waiters {
    fn new() -> Self {
        Self::starting_at(0)
    }

    fn starting_at(ticket: u32) -> Self {
        let (wake, woken) = mpsc::channel();
        Self { cond: Arc::new(Cond::starting_at(ticket)), lock: Arc::default(), woken, wake }
    }

    /// Starts a waiter and returns once it has its ticket.
    fn start(&self, number: usize, timeout: Option<Duration>) {
        let (cond, lock, wake) = (self.cond.clone(), self.lock.clone(), self.wake.clone());
        let (before, _) = self.cond.tickets();
        thread::spawn(move || {
            let mut guard = lock.lock();
            let result = match timeout {
                None => {
                    cond.wait(&mut guard);
                    Ok(())
                }
                Some(timeout) => cond.wait_timeout(&mut guard, timeout),
            };
            wake.send((number, result)).expect("the test waits");
        });
        until_tickets_taken(&self.cond, before.wrapping_add(1));
    }

    fn next(&self) -> (usize, Result<(), TimedOut>) {
        self.woken.recv_timeout(FOR_EVER).expect("nobody was woken")
    }

    /// Nobody has been woken, though everybody had a chance to wake by mistake.
    fn assert_nobody_else(&self) {
        thread::sleep(AT_ONCE);
        assert_eq!(self.woken.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
}

#[test]
fn can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Cond>();
    shared::<go::Cond>();
    shared::<go::Cond<&RwMutex>>();
    shared::<Mutex<Cell<u8>>>();
    shared::<RwMutex>();
}

#[test]
fn a_static_needs_no_initialisation() {
    static LOCK: Mutex<bool> = Mutex::new(false);
    static COND: Cond = Cond::new();
    static GO: go::Cond<RawMutex> = go::Cond::new(RawMutex::new());
    let other = thread::spawn(|| COND.wait_while(&mut LOCK.lock(), |ready| !*ready));
    *LOCK.lock() = true;
    COND.broadcast();
    other.join().expect("woken");
    GO.broadcast();
    assert_eq!(GO.tickets(), (0, 0));
}

#[test]
fn a_signal_without_waiters_is_forgotten() {
    let waiters = Waiters::new();
    waiters.cond.signal();
    waiters.cond.broadcast();
    assert_eq!(waiters.cond.tickets(), (0, 0));
    waiters.start(0, None);
    waiters.assert_nobody_else();
    assert_eq!(waiters.cond.tickets(), (1, 0));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (0, Ok(())));
    assert_eq!(waiters.cond.tickets(), (1, 1));
}

#[test]
fn signals_wake_in_the_order_of_tickets() {
    let waiters = Waiters::new();
    (0..6).for_each(|number| waiters.start(number, None));
    for number in 0..6 {
        waiters.cond.signal();
        assert_eq!(waiters.next(), (number, Ok(())));
    }
    assert_eq!(waiters.cond.tickets(), (6, 6));
}

#[test]
fn one_signal_wakes_one() {
    let waiters = Waiters::new();
    (0..3).for_each(|number| waiters.start(number, None));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (0, Ok(())));
    waiters.assert_nobody_else();
    waiters.cond.broadcast();
    let mut rest = [waiters.next().0, waiters.next().0];
    rest.sort_unstable();
    assert_eq!(rest, [1, 2]);
}

#[test]
fn a_broadcast_covers_the_tickets_taken_before_it() {
    let waiters = Waiters::new();
    (0..10).for_each(|number| waiters.start(number, None));
    waiters.cond.broadcast();
    waiters.start(10, None);
    let mut woken: Vec<_> = (0..10).map(|_| waiters.next().0).collect();
    woken.sort_unstable();
    assert_eq!(woken, Vec::from_iter(0..10));
    waiters.assert_nobody_else();
    assert_eq!(waiters.cond.tickets(), (11, 10));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (10, Ok(())));
}

#[test]
fn the_counters_wrap_around() {
    let waiters = Waiters::starting_at(u32::MAX);
    assert_eq!(waiters.cond.tickets(), (u32::MAX, u32::MAX));
    (0..3).for_each(|number| waiters.start(number, None));
    assert_eq!(waiters.cond.tickets(), (2, u32::MAX));
    for (number, notify) in [(0, 0), (1, 1), (2, 2)] {
        waiters.cond.signal();
        assert_eq!(waiters.next(), (number, Ok(())));
        assert_eq!(waiters.cond.tickets(), (2, notify));
    }
}

#[test]
fn an_abandoned_ticket_takes_no_signal() {
    let waiters = Waiters::new();
    waiters.start(0, Some(AT_ONCE));
    assert_eq!(waiters.next(), (0, Err(TimedOut)));
    assert_eq!(waiters.cond.tickets(), (1, 1), "nobody stands in line");
    waiters.start(1, None);
    waiters.start(2, Some(AT_ONCE));
    waiters.start(3, None);
    assert_eq!(waiters.next(), (2, Err(TimedOut)));
    assert_eq!(waiters.cond.tickets(), (4, 1));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (1, Ok(())));
    assert_eq!(waiters.cond.tickets(), (4, 3), "the abandoned ticket is skipped");
    waiters.cond.signal();
    assert_eq!(waiters.next(), (3, Ok(())));
}

#[test]
fn a_timed_wait_is_notified_in_time() {
    let waiters = Waiters::new();
    waiters.start(0, Some(FOR_EVER * 60));
    waiters.start(1, Some(Duration::MAX));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (0, Ok(())));
    waiters.cond.signal();
    assert_eq!(waiters.next(), (1, Ok(())));
}

#[test]
fn notifications_and_timeouts_at_once() {
    // Each waiter either times out or takes exactly one signal, so that so many signals wake so many.
    const ROUNDS: u32 = 500;
    let lock = Mutex::new(());
    let cond = Cond::new();
    let (notified, timed_out) = (host::Mutex::new(0), host::Mutex::new(0));
    thread::scope(|scope| {
        for thread in 0..3 {
            let (lock, cond, notified, timed_out) = (&lock, &cond, &notified, &timed_out);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let timeout = Duration::from_micros(u64::from((round + thread * 7) % 60));
                    let count = match cond.wait_timeout(&mut lock.lock(), timeout) {
                        Ok(()) => notified,
                        Err(TimedOut) => timed_out,
                    };
                    *count.lock().expect("unpoisoned") += 1;
                }
            });
        }
        for _ in 0..ROUNDS {
            cond.signal();
            thread::sleep(Duration::from_micros(20));
        }
    });
    let (notified, timed_out) =
        (notified.into_inner().expect("unpoisoned"), timed_out.into_inner().expect("unpoisoned"));
    assert_eq!(notified + timed_out, 3 * ROUNDS);
    assert!(notified <= ROUNDS, "{ROUNDS} signals woke {notified}");
    assert_eq!(cond.tickets(), (3 * ROUNDS, 3 * ROUNDS));
}

#[test]
fn one_deadline_covers_the_whole_loop() {
    let lock = Mutex::new(true);
    let cond = Cond::new();
    let over = host::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        // Were the time to start anew with each notification, this would not end.
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                cond.broadcast();
                thread::yield_now();
            }
        });
        let mut guard = lock.lock();
        assert_eq!(cond.wait_timeout_while(&mut guard, AT_ONCE * 5, |waiting| *waiting), Err(TimedOut));
        drop(guard);
        let go = go::Cond::new(RawMutex::new());
        go.l.lock();
        assert_eq!(go.wait_timeout_while(|| true, AT_ONCE), Err(TimedOut));
        assert_eq!(go.wait_timeout_while(|| false, AT_ONCE), Ok(()));
        go.l.unlock();
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn the_condition_decides_when_the_time_is_over() {
    let cond = Cond::new();
    let lock = Mutex::new(0);
    let mut guard = lock.lock();
    let asked_twice = |times: &mut u32| {
        *times += 1;
        *times < 2
    };
    assert_eq!(cond.wait_timeout_while(&mut guard, Duration::ZERO, asked_twice), Ok(()));
    assert_eq!(*guard, 2);
}

#[test]
fn a_wait_without_the_lock_is_fatal_and_spends_its_ticket() {
    let cond = go::Cond::new(RawMutex::new());
    let panic = catch_unwind(AssertUnwindSafe(|| cond.wait())).expect_err("the lock is not held");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(message.starts_with(lock::UNLOCK_OF_UNLOCKED_MUTEX), "{message}");
    assert_eq!(cond.tickets(), (1, 1), "the ticket is spent, and nobody stands in line");
    // It works on: the node that the panic left behind would be dangling now.
    cond.l.lock();
    assert_eq!(cond.wait_timeout(Duration::ZERO), Err(TimedOut));
    cond.l.unlock();
}

#[test]
fn every_lock_will_do() {
    let (ours, std, api) = (Mutex::new(()), host::Mutex::new(()), parking_lot::Mutex::new(()));
    let cond = Cond::new();
    thread::scope(|scope| {
        // Waiters with different locks may even share a condition variable.
        scope.spawn(|| cond.wait(&mut ours.lock()));
        scope.spawn(|| cond.wait(&mut StdGuard::new(&std, std.lock().expect("unpoisoned"))));
        #[cfg(feature = "lock_api")]
        scope.spawn(|| cond.wait(&mut api.lock()));
        #[cfg(not(feature = "lock_api"))]
        scope.spawn(|| cond.wait(&mut parking(&api)));
        until_tickets_taken(&cond, 3);
        let _held = ours.lock();
        cond.broadcast();
    });
    assert_eq!(cond.tickets(), (3, 3));
}

/// A lock of somebody else's.
#[cfg(not(feature = "lock_api"))]
struct Parking<'l>(Option<parking_lot::MutexGuard<'l, ()>>);

#[cfg(not(feature = "lock_api"))]
fn parking(mutex: &parking_lot::Mutex<()>) -> Parking<'_> {
    Parking(Some(mutex.lock()))
}

#[cfg(not(feature = "lock_api"))]
impl<'l> Held<'l> for Parking<'l> {
    fn unlocked<R>(&mut self, body: impl FnOnce() -> R) -> R {
        parking_lot::MutexGuard::unlocked(self.0.as_mut().expect("held"), body)
    }
}

#[test]
fn a_poisoned_std_mutex_panics_the_waiter() {
    let lock = host::Mutex::new(());
    let cond = Cond::new();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut guard = StdGuard::new(&lock, lock.lock().expect("unpoisoned"));
            catch_unwind(AssertUnwindSafe(|| cond.wait(&mut guard))).expect_err("poisoned");
            let _still_held = guard.into_inner();
            assert!(lock.try_lock().is_err());
        });
        until_tickets_taken(&cond, 1);
        let poison = scope.spawn(|| {
            let _guard = lock.lock();
            panic!("as planned");
        });
        assert!(poison.join().is_err());
        cond.signal();
        waiter.join().expect("the panic was caught");
    });
}

#[test]
fn two_readers_wait_with_their_read_locks() {
    let lock = RwMutex::default();
    let cond = go::Cond::new(lock.rlocker());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                cond.l.lock();
                cond.wait();
                cond.l.unlock();
            });
        }
        while cond.tickets() != (2, 0) {
            thread::yield_now();
        }
        lock.lock();
        cond.broadcast();
        lock.unlock();
    });
}

/// A waiter is moved to its mutex and woken there, and at once ends the mutex, which nobody else keeps alive.
#[cfg(feature = "shuttle")]
#[test]
fn a_notifier_is_done_with_a_mutex_before_it_ends() {
    use crate::platform::shuttle::{SchedulerKind, explore};
    use crate::platform::{Body, Bounds, End, Region, Shuttle};

    fn program(broadcast: bool) {
        let cond = Arc::new(Cond::<Shuttle>::default());
        let mutex = Arc::new(Mutex::<u32, Shuttle>::default());
        let stage = Arc::new(<Shuttle as Platform>::Region::<u32>::new(0));
        let [waiter, holder] = [0, 1].map(|_| (cond.clone(), mutex.clone(), stage.clone()));
        let bodies: Vec<Body> = vec![
            Box::new(move || {
                let (cond, mutex, stage) = waiter;
                let mut guard = mutex.lock();
                stage.with(|stage| *stage = 1);
                cond.wait(&mut guard);
                drop(guard);
                // The holder is done by its borrow, in a real program. The notifier never had one.
                stage.when(|stage| *stage == 3, |_| ());
                mutex.raw.retire();
            }),
            Box::new(move || {
                let (_, mutex, stage) = holder;
                stage.when(|stage| *stage == 1, |_| ());
                let guard = mutex.lock();
                stage.with(|stage| *stage = 2);
                drop(guard);
                stage.with(|stage| *stage = 3);
            }),
            Box::new(move || {
                stage.when(|stage| *stage == 2, |_| ());
                if broadcast { cond.broadcast() } else { cond.signal() }
            }),
        ];
        for end in Shuttle::run_to_rest(bodies) {
            assert!(matches!(end, End::Returned | End::Blocked), "{end:?}");
        }
    }
    for broadcast in [false, true] {
        // The notifier must fall asleep in the one place, and everybody else overtake it: a matter of priorities.
        let bounds = Bounds { max_executions: Some(10_000), ..Bounds::default() };
        let run = explore(SchedulerKind::Pct { seed: 1, depth: 3 }, &bounds, move || program(broadcast));
        assert_eq!(run.failure, None);
    }
}
