//! Condition variables side by side: std's, parking_lot's, and ours, each with its own mutex, ours on std's as well.
//!
//! `cargo bench -p selvedge --bench cond`, then `scripts/bench-ratios` prints ours ÷ the better peer.
//!
//! What is measured:
//!
//! - `signal-no-waiter`, `broadcast-no-waiter`: eight calls in a row, and nobody waits.
//! - `ping-pong`: two threads take turns; one iteration is there and back.
//! - `signal/N`: N threads wait; from the call until the one that was woken holds the lock again.
//! - `broadcast/N`: N threads wait; from the call until the last of them has held the lock again.
//!
//! The caller does not hold the lock when it notifies, except in ping-pong. Before each timed call every waiter is
//! asleep, by the kernel's account, and the caller is the only thread that runs. The threads live as long as the
//! benchmark. The end is the time that the last waiter read while it held the lock, so that waking the measuring thread
//! is no part of it.
//!
//! Peers are compared within a pass, and the passes follow one another (`SELVEDGE_BENCH_PASSES`, 3 unless told), so that
//! a machine that gets slower or faster over time treats all alike.

mod passes;

use std::cell::Cell;
use std::fs::File;
use std::hint::black_box;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use selvedge::{Cond, Mutex, StdGuard};

/// A condition variable and a mutex over a value, as a program would use them.
trait Peer: Send + Sync + 'static {
    const NAME: &'static str;
    fn new() -> Self;
    /// Holds the mutex, works, and frees it.
    fn with<R>(&self, work: impl FnOnce(&mut Round) -> R) -> R;
    /// Holds the mutex, works, waits while the condition holds, works again, and frees the mutex.
    fn wait_while<R>(
        &self,
        before: impl FnOnce(&Self, &mut Round),
        condition: impl FnMut(&mut Round) -> bool,
        after: impl FnOnce(&mut Round) -> R,
    ) -> R;
    fn notify_one(&self);
    fn notify_all(&self);
}

/// What the mutex protects.
#[derive(Default)]
struct Round {
    /// Counts the rounds. Each waiter goes on once in a round at most.
    number: u64,
    /// So many waiters may go on.
    permits: usize,
    /// So many waiters wait or have said that they will.
    waiting: usize,
    /// The waiters are to end.
    over: bool,
    /// Whose turn it is, in ping-pong.
    turn: usize,
}

struct Std(std::sync::Mutex<Round>, std::sync::Condvar);

impl Peer for Std {
    const NAME: &'static str = "std";

    fn new() -> Self {
        Self(Default::default(), Default::default())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Round) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    fn wait_while<R>(
        &self,
        before: impl FnOnce(&Self, &mut Round),
        condition: impl FnMut(&mut Round) -> bool,
        after: impl FnOnce(&mut Round) -> R,
    ) -> R {
        let mut guard = self.0.lock().unwrap();
        before(self, &mut guard);
        after(&mut self.1.wait_while(guard, condition).unwrap())
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

struct ParkingLot(parking_lot::Mutex<Round>, parking_lot::Condvar);

impl Peer for ParkingLot {
    const NAME: &'static str = "parking_lot";

    fn new() -> Self {
        Self(Default::default(), Default::default())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Round) -> R) -> R {
        work(&mut self.0.lock())
    }

    fn wait_while<R>(
        &self,
        before: impl FnOnce(&Self, &mut Round),
        condition: impl FnMut(&mut Round) -> bool,
        after: impl FnOnce(&mut Round) -> R,
    ) -> R {
        let mut guard = self.0.lock();
        before(self, &mut guard);
        self.1.wait_while(&mut guard, condition);
        after(&mut guard)
    }

    fn notify_one(&self) {
        self.1.notify_one();
    }

    fn notify_all(&self) {
        self.1.notify_all();
    }
}

struct Ours(Mutex<Round>, Cond);

impl Peer for Ours {
    const NAME: &'static str = "selvedge";

    fn new() -> Self {
        Self(Default::default(), Cond::new())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Round) -> R) -> R {
        work(&mut self.0.lock())
    }

    fn wait_while<R>(
        &self,
        before: impl FnOnce(&Self, &mut Round),
        condition: impl FnMut(&mut Round) -> bool,
        after: impl FnOnce(&mut Round) -> R,
    ) -> R {
        let mut guard = self.0.lock();
        before(self, &mut guard);
        self.1.wait_while(&mut guard, condition);
        after(&mut guard)
    }

    fn notify_one(&self) {
        self.1.signal();
    }

    fn notify_all(&self) {
        self.1.broadcast();
    }
}

struct OursOnStd(std::sync::Mutex<Round>, Cond);

impl Peer for OursOnStd {
    const NAME: &'static str = "selvedge-on-std-mutex";

    fn new() -> Self {
        Self(Default::default(), Cond::new())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Round) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    fn wait_while<R>(
        &self,
        before: impl FnOnce(&Self, &mut Round),
        condition: impl FnMut(&mut Round) -> bool,
        after: impl FnOnce(&mut Round) -> R,
    ) -> R {
        let mut guard = StdGuard::new(&self.0, self.0.lock().unwrap());
        before(self, &mut guard);
        self.1.wait_while(&mut guard, condition);
        after(&mut guard)
    }

    fn notify_one(&self) {
        self.1.signal();
    }

    fn notify_all(&self) {
        self.1.broadcast();
    }
}

/// Threads that wait, over and over.
struct Crew<P: Peer> {
    peer: Arc<P>,
    /// Tells when the last permit was used.
    used_up: mpsc::Receiver<Instant>,
    members: Vec<Member>,
}

struct Member {
    thread: JoinHandle<()>,
    stat: Option<File>,
}

impl<P: Peer> Crew<P> {
    fn new(size: usize) -> Self {
        let peer = Arc::new(P::new());
        let (report, used_up) = mpsc::channel();
        let members = (0..size)
            .map(|_| {
                let (peer, report) = (peer.clone(), report.clone());
                let (tell, told) = mpsc::channel();
                let thread = thread::spawn(move || {
                    tell.send(File::open("/proc/thread-self/stat").ok()).expect("we were just started");
                    let done = Cell::new(0);
                    loop {
                        let (end, over) = peer.wait_while(
                            |_, round| round.waiting += 1,
                            |round| (round.permits == 0 || round.number == done.get()) && !round.over,
                            |round| {
                                done.set(round.number);
                                round.waiting -= 1;
                                round.permits = round.permits.saturating_sub(1);
                                ((round.permits == 0).then(Instant::now), round.over)
                            },
                        );
                        if over {
                            break;
                        }
                        if let Some(end) = end {
                            report.send(end).expect("the measuring thread waits");
                        }
                    }
                });
                Member { thread, stat: told.recv().expect("the thread tells") }
            })
            .collect();
        Self { peer, used_up, members }
    }

    /// Measures from `call` until `permits` waiters hold or have held the lock again.
    fn measure(&self, permits: usize, call: impl Fn(&P)) -> Duration {
        while self.peer.with(|round| round.waiting) < self.members.len() {
            thread::sleep(Duration::from_micros(20));
        }
        self.members.iter().for_each(Member::until_asleep);
        self.peer.with(|round| {
            round.number += 1;
            round.permits = permits;
        });
        let start = Instant::now();
        call(&self.peer);
        self.used_up.recv().expect("the crew lives") - start
    }
}

impl<P: Peer> Drop for Crew<P> {
    fn drop(&mut self) {
        self.peer.with(|round| round.over = true);
        self.peer.notify_all();
        for member in self.members.drain(..) {
            member.thread.join().expect("the crew does not panic");
        }
    }
}

impl Member {
    /// Waits until the kernel says that the thread sleeps. Where it does not say, waits a while.
    fn until_asleep(&self) {
        while !self.asleep() {
            thread::yield_now();
        }
    }

    #[cfg(target_os = "linux")]
    fn asleep(&self) -> bool {
        use std::os::unix::fs::FileExt;
        let mut text = [0; 64];
        let Some(Ok(length)) = self.stat.as_ref().map(|stat| stat.read_at(&mut text, 0)) else {
            thread::sleep(Duration::from_millis(1));
            return true;
        };
        // The state follows the name, which is in parentheses.
        let text = &text[..length];
        text.iter().rposition(|&byte| byte == b')').is_some_and(|end| text.get(end + 2) == Some(&b'S'))
    }

    #[cfg(not(target_os = "linux"))]
    fn asleep(&self) -> bool {
        thread::sleep(Duration::from_millis(1));
        true
    }
}

/// Two threads that take turns, each notifying the other while it holds the lock.
struct PingPong<P: Peer> {
    peer: Arc<P>,
    partner: Option<JoinHandle<()>>,
}

impl<P: Peer> PingPong<P> {
    fn new() -> Self {
        let peer = Arc::new(P::new());
        let partner = thread::spawn({
            let peer = peer.clone();
            move || while !Self::take_turn(&peer, 1) {}
        });
        Self { peer, partner: Some(partner) }
    }

    /// Waits for the turn and passes it on. Returns whether the game is over.
    fn take_turn(peer: &P, player: usize) -> bool {
        peer.wait_while(
            |_, _| (),
            |round| round.turn != player && !round.over,
            |round| {
                round.turn = 1 - player;
                peer.notify_one();
                round.over
            },
        )
    }

    fn play(&self) {
        Self::take_turn(&self.peer, 0);
    }
}

impl<P: Peer> Drop for PingPong<P> {
    fn drop(&mut self) {
        self.peer.with(|round| round.over = true);
        self.peer.notify_all();
        self.partner.take().expect("started with it").join().expect("the partner does not panic");
    }
}

fn without_waiters<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize, call: impl Fn(&P)) {
    let peer = P::new();
    // One call is so short that a loop around it measures where the loop happens to lie: across two lines of the cache it
    // takes a cycle more. Eight calls in a row lie across as many lines for everybody.
    let one = || call(black_box(&peer));
    let two = || (one(), one());
    let four = || (two(), two());
    group.bench_function(BenchmarkId::new(P::NAME, pass), |bench| bench.iter(|| (four(), four())));
}

fn ping_pong<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize) {
    let game = PingPong::<P>::new();
    group.bench_function(BenchmarkId::new(P::NAME, pass), |bench| bench.iter(|| game.play()));
}

fn with_waiters<P: Peer>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    pass: usize,
    waiters: usize,
    permits: usize,
    call: impl Fn(&P) + Copy,
) {
    let crew = Crew::<P>::new(waiters);
    group.bench_function(BenchmarkId::new(P::NAME, pass), |bench| {
        bench.iter_custom(|rounds| (0..rounds).map(|_| crew.measure(permits, call)).sum());
    });
}

fn pass(criterion: &mut Criterion, pass: usize) {
    let mut group = criterion.benchmark_group("signal-no-waiter");
    without_waiters(&mut group, pass, Std::notify_one);
    without_waiters(&mut group, pass, ParkingLot::notify_one);
    without_waiters(&mut group, pass, Ours::notify_one);
    group.finish();

    let mut group = criterion.benchmark_group("broadcast-no-waiter");
    without_waiters(&mut group, pass, Std::notify_all);
    without_waiters(&mut group, pass, ParkingLot::notify_all);
    without_waiters(&mut group, pass, Ours::notify_all);
    group.finish();

    let mut group = criterion.benchmark_group("ping-pong");
    ping_pong::<Std>(&mut group, pass);
    ping_pong::<ParkingLot>(&mut group, pass);
    ping_pong::<OursOnStd>(&mut group, pass);
    ping_pong::<Ours>(&mut group, pass);
    group.finish();

    for waiters in [1, 10, 100] {
        let mut group = criterion.benchmark_group(format!("signal-{waiters}"));
        with_waiters(&mut group, pass, waiters, 1, Std::notify_one);
        with_waiters(&mut group, pass, waiters, 1, ParkingLot::notify_one);
        with_waiters(&mut group, pass, waiters, 1, OursOnStd::notify_one);
        with_waiters(&mut group, pass, waiters, 1, Ours::notify_one);
        group.finish();
    }

    for waiters in [1, 10, 100] {
        let mut group = criterion.benchmark_group(format!("broadcast-{waiters}"));
        with_waiters(&mut group, pass, waiters, waiters, Std::notify_all);
        with_waiters(&mut group, pass, waiters, waiters, ParkingLot::notify_all);
        with_waiters(&mut group, pass, waiters, waiters, OursOnStd::notify_all);
        with_waiters(&mut group, pass, waiters, waiters, Ours::notify_all);
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(1000))
        .configure_from_args();
    for number in passes::passes() {
        pass(&mut criterion, number);
    }
    criterion.final_summary();
}
