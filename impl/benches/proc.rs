//! The executor beside tokio and rayon, in one run: what a call costs that does not block, when a ready task starts while
//! workers block, and how fast many short tasks are done.
//!
//! `cargo bench -p selvedge --features proc --bench proc && scripts/bench-ratios` prints ours ÷ the better peer for each group. Three
//! passes follow each other, so that what the machine does besides falls on all of them; `SELVEDGE_BENCH_PASSES` changes that.
//!
//! - `call-*`: into a call and out of it, with nothing in between. *bare* is the store, fence, load and compare-and-swap
//!   that it cannot do without, on one word. *block_in_place-with-core* is tokio's, by a task that still holds its worker's
//!   core: the time of the call alone, with a yield after each, which gives the task a core again.
//!   *block_in_place-without-core* is called by a task that has given its core up before. *getpid* is the raw system call.
//! - `ready-K-of-N`: from the spawn of a task to its start, while K of N workers have just entered calls that last. rayon has
//!   no way to block without its worker, so that it is not there where all block: it would wait for the call.
//!   `tokio-block_in_place` blocks workers; with `tokio-spawn_blocking` no worker blocks. In `ready-N-of-N-late` the
//!   workers were at work for so long before that our monitor looks every 10 ms only, which is its worst case.
//! - `spawn-outside`, `spawn-inside`: 10,000 tasks that count themselves, from the spawn of the first to the end of the last.

mod passes;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion};
use selvedge::proc::{Context, Executor};

/// How many short tasks there are.
const TASKS: usize = 10_000;
/// How long workers are at work before they block, where the monitor is to be caught asleep: it doubles its sleep with
/// each look in vain after the first 50.
const AT_WORK: Duration = Duration::from_millis(60);

/// How many workers everybody has.
fn workers() -> usize {
    thread::available_parallelism().map_or(2, usize::from).max(2)
}

/// Who runs tasks.
trait Peer {
    const NAME: &'static str;
    /// Whether a ready task starts although all workers block.
    const STARTS_WHEN_ALL_BLOCK: bool = true;

    fn new() -> Self;
    fn spawn(&self, body: impl FnOnce() + Send + 'static);
    /// A task that works first, and is then in a call that blocks.
    fn spawn_call(&self, work: impl FnOnce() + Send + 'static, call: impl FnOnce() + Send + 'static);
    /// A task that spawns so many.
    fn spawn_many(&self, count: usize, body: impl Fn() + Clone + Send + 'static);
}

struct Ours(Executor);

impl Peer for Ours {
    const NAME: &'static str = "selvedge";

    fn new() -> Self {
        Self(Executor::builder().processors(workers()).build())
    }

    fn spawn(&self, body: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(|_| body()));
    }

    fn spawn_call(&self, work: impl FnOnce() + Send + 'static, call: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(|context| {
            work();
            context.blocking(call);
        }));
    }

    fn spawn_many(&self, count: usize, body: impl Fn() + Clone + Send + 'static) {
        drop(self.0.spawn(move |context: &mut Context| {
            for _ in 0..count {
                let body = body.clone();
                drop(context.spawn(move |_| body()));
            }
        }));
    }
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(workers()).build().expect("threads can be started")
}

struct TokioInPlace(tokio::runtime::Runtime);

impl Peer for TokioInPlace {
    const NAME: &'static str = "tokio-block_in_place";

    fn new() -> Self {
        Self(tokio_runtime())
    }

    fn spawn(&self, body: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(async { body() }));
    }

    fn spawn_call(&self, work: impl FnOnce() + Send + 'static, call: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(async {
            work();
            tokio::task::block_in_place(call);
        }));
    }

    fn spawn_many(&self, count: usize, body: impl Fn() + Clone + Send + 'static) {
        drop(self.0.spawn(async move {
            for _ in 0..count {
                let body = body.clone();
                drop(tokio::spawn(async move { body() }));
            }
        }));
    }
}

struct TokioBlocking(tokio::runtime::Runtime);

impl Peer for TokioBlocking {
    const NAME: &'static str = "tokio-spawn_blocking";

    fn new() -> Self {
        Self(tokio_runtime())
    }

    fn spawn(&self, body: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn(async { body() }));
    }

    fn spawn_call(&self, work: impl FnOnce() + Send + 'static, call: impl FnOnce() + Send + 'static) {
        drop(self.0.spawn_blocking(|| {
            work();
            call();
        }));
    }

    fn spawn_many(&self, _: usize, _: impl Fn() + Clone + Send + 'static) {
        unreachable!("as the other one");
    }
}

struct Rayon(rayon::ThreadPool);

impl Peer for Rayon {
    const NAME: &'static str = "rayon";
    const STARTS_WHEN_ALL_BLOCK: bool = false;

    fn new() -> Self {
        Self(rayon::ThreadPoolBuilder::new().num_threads(workers()).build().expect("threads can be started"))
    }

    fn spawn(&self, body: impl FnOnce() + Send + 'static) {
        self.0.spawn(body);
    }

    fn spawn_call(&self, work: impl FnOnce() + Send + 'static, call: impl FnOnce() + Send + 'static) {
        self.0.spawn(|| {
            work();
            call();
        });
    }

    fn spawn_many(&self, count: usize, body: impl Fn() + Clone + Send + 'static) {
        self.0.spawn(move || {
            for _ in 0..count {
                rayon::spawn(body.clone());
            }
        });
    }
}

/// The words that a call touches, on a line of their own.
#[repr(align(128))]
#[derive(Default)]
struct Words {
    status: AtomicU32,
    attention: AtomicU32,
}

impl Words {
    fn enter_and_exit(&self) -> bool {
        self.status.store(2, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.attention.load(Ordering::Relaxed) != 0 {
            return false;
        }
        self.status.compare_exchange(2, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

fn ours_in_call(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize) {
    let Ours(executor) = Ours::new();
    executor.run(|context| {
        group.bench_function(BenchmarkId::new(Ours::NAME, pass), |bench| {
            bench.iter(|| context.blocking(|| black_box(())));
        });
    });
}

/// Calls of `block_in_place`, timed one by one.
fn tokio_in_call(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize, name: &str, has_core: bool) {
    let runtime = tokio_runtime();
    group.bench_function(BenchmarkId::new(name, pass), |bench| {
        bench.iter_custom(|rounds| {
            let task = runtime.spawn(async move {
                if has_core {
                    let mut total = Duration::ZERO;
                    for _ in 0..rounds {
                        let start = Instant::now();
                        tokio::task::block_in_place(|| black_box(()));
                        total += start.elapsed();
                        tokio::task::yield_now().await;
                    }
                    return total;
                }
                tokio::task::block_in_place(|| {
                    let start = Instant::now();
                    for _ in 0..rounds {
                        tokio::task::block_in_place(|| black_box(()));
                    }
                    start.elapsed()
                })
            });
            runtime.block_on(task).expect("it does not panic")
        });
    });
}

fn calls(criterion: &mut Criterion, pass: usize) {
    let mut group = criterion.benchmark_group("call-bare");
    ours_in_call(&mut group, pass);
    let words = Words::default();
    group.bench_function(BenchmarkId::new("bare", pass), |bench| bench.iter(|| black_box(&words).enter_and_exit()));
    group.finish();

    let mut group = criterion.benchmark_group("call-core");
    ours_in_call(&mut group, pass);
    tokio_in_call(&mut group, pass, "block_in_place-with-core", true);
    group.finish();

    let mut group = criterion.benchmark_group("call-no-core");
    ours_in_call(&mut group, pass);
    tokio_in_call(&mut group, pass, "block_in_place-without-core", false);
    group.finish();

    let mut group = criterion.benchmark_group("call-getpid");
    ours_in_call(&mut group, pass);
    group.bench_function(BenchmarkId::new("getpid", pass), |bench| {
        // SAFETY: it has no arguments, and no effects.
        bench.iter(|| unsafe { libc::syscall(libc::SYS_getpid) });
    });
    group.finish();
}

/// From the spawn of a task to its start, with so many workers in calls that have just begun and last.
fn ready<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize, blocked: usize, at_work: Duration) {
    if blocked >= workers() && !P::STARTS_WHEN_ALL_BLOCK {
        return;
    }
    let peer = P::new();
    let round = || {
        let (over, inside) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (say_end, ends) = mpsc::channel();
        for _ in 0..blocked {
            let (over, inside, say_end) = (over.clone(), inside.clone(), say_end.clone());
            let work = move || {
                let start = Instant::now();
                while start.elapsed() < at_work {
                    thread::yield_now();
                }
            };
            let call = move || {
                inside.fetch_add(1, Ordering::SeqCst);
                while !over.load(Ordering::Acquire) {
                    thread::park_timeout(Duration::from_micros(200));
                }
                say_end.send(()).expect("the measuring thread waits");
            };
            peer.spawn_call(work, call);
        }
        while inside.load(Ordering::SeqCst) < blocked {
            thread::sleep(Duration::from_micros(20));
        }
        let (say_start, started) = mpsc::channel();
        let start = Instant::now();
        peer.spawn(move || say_start.send(Instant::now()).expect("the measuring thread waits"));
        let latency = started.recv().expect("it starts") - start;
        over.store(true, Ordering::Release);
        (0..blocked).for_each(|_| ends.recv().expect("calls end"));
        latency
    };
    group.bench_function(BenchmarkId::new(P::NAME, pass), |bench| {
        bench.iter_custom(|rounds| (0..rounds).map(|_| round()).sum());
    });
}

fn latency(criterion: &mut Criterion, pass: usize) {
    for (blocked, suffix, at_work) in (0..=workers())
        .map(|blocked| (blocked, "", Duration::ZERO))
        .filter(|(blocked, ..)| *blocked < 2 || *blocked + 1 >= workers())
        .chain([(workers(), "-late", AT_WORK)])
    {
        let mut group = criterion.benchmark_group(format!("ready-{blocked}-of-{}{suffix}", workers()));
        group.sample_size(10);
        ready::<Ours>(&mut group, pass, blocked, at_work);
        ready::<TokioInPlace>(&mut group, pass, blocked, at_work);
        ready::<TokioBlocking>(&mut group, pass, blocked, at_work);
        ready::<Rayon>(&mut group, pass, blocked, at_work);
        group.finish();
    }
}

/// What a short task does, and who is told of the last.
fn counting(say_end: mpsc::Sender<()>) -> impl Fn() + Clone + Send + 'static {
    let left = Arc::new(AtomicUsize::new(TASKS));
    move || {
        if left.fetch_sub(1, Ordering::AcqRel) == 1 {
            say_end.send(()).expect("the measuring thread waits");
        }
    }
}

fn many<P: Peer>(group: &mut BenchmarkGroup<'_, WallTime>, pass: usize, from_inside: bool) {
    let peer = P::new();
    group.bench_function(BenchmarkId::new(P::NAME, pass), |bench| {
        bench.iter(|| {
            let (say_end, end) = mpsc::channel();
            let body = counting(say_end);
            if from_inside {
                peer.spawn_many(TASKS, body);
            } else {
                (0..TASKS).for_each(|_| peer.spawn(body.clone()));
            }
            end.recv().expect("they end");
        });
    });
}

fn throughput(criterion: &mut Criterion, pass: usize) {
    for (name, from_inside) in [("spawn-outside", false), ("spawn-inside", true)] {
        let mut group = criterion.benchmark_group(name);
        many::<Ours>(&mut group, pass, from_inside);
        many::<TokioInPlace>(&mut group, pass, from_inside);
        many::<Rayon>(&mut group, pass, from_inside);
        group.finish();
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .configure_from_args();
    for pass in passes::passes() {
        calls(&mut criterion, pass);
        latency(&mut criterion, pass);
        throughput(&mut criterion, pass);
    }
    criterion.final_summary();
}
