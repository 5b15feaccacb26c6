//! What the harness costs: executions of one condition-variable program through the whole machine (platform, interpreter,
//! recording, judging), and of the same program written by hand on the engine's own types, without any of it.
//!
//! Both use the engine's own condition variable and mutex, so that only the harness differs. The time is that of one
//! execution: "twice the time" is half the executions per second. `scripts/bench-ratios` prints the ratio.
//!
//! - `overhead-loom`: loom, outcomes.
//! - `overhead-shuttle`: shuttle's random scheduler, outcomes: the program takes as many steps as by hand.
//! - `overhead-shuttle-histories`: the same with each call and each return a step of its own, as checks have it. Some of the
//!   ratio is then not overhead but the price of seeing more.
//!
//! Run with `cargo bench -p selvedge-verify --bench overhead && scripts/bench-ratios`.
//!
//! On a noisy machine instructions say more than time: `scripts/overhead-instructions` counts them. It runs this program under
//! valgrind with the environment variable `OVERHEAD` set to who is to run how often: `selvedge 1000`, say.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group};
use selvedge::platform::{self, Arc};
use selvedge_model::cond::CondSpec;
use selvedge_verify::conformance::{Driver, Goal, Job, Target, on_loom, on_shuttle};
use selvedge_verify::engine::{Budget, Engine};
use selvedge_verify::evidence::Mode;
use selvedge_verify::litmus;
use selvedge_verify::subject::cond::Guarded;

/// Nobody is ever left blocked: by hand that would be the end of the search.
const PROGRAM: &str = "\
spec cond
parameter order any
var ready = 0

thread W1
  lock
  wait-while ready == 0
  unlock

thread W2
  lock
  wait-while ready == 0
  unlock

thread Waker
  lock
  ready = 1
  broadcast
  unlock
";

/// The program by hand.
macro_rules! by_hand {
    ($engine:ident) => {{
        let shared = std::sync::Arc::new(($engine::sync::Mutex::new(0), $engine::sync::Condvar::new()));
        let waiters = [shared.clone(), shared.clone()].map(|shared| {
            $engine::thread::spawn(move || {
                let (ready, changed) = &*shared;
                let mut ready = ready.lock().unwrap();
                while *ready == 0 {
                    ready = changed.wait(ready).unwrap();
                }
            })
        });
        let waker = $engine::thread::spawn(move || {
            let (ready, changed) = &*shared;
            let mut ready = ready.lock().unwrap();
            *ready = 1;
            changed.notify_all();
        });
        for thread in waiters {
            thread.join().unwrap();
        }
        waker.join().unwrap();
    }};
}

/// The time of so many executions of the machine.
fn machine(driver: Driver<CondSpec>, engine: Engine, mode: Mode, executions: u64) -> Duration {
    let program = litmus::parse("overhead", PROGRAM).and_then(|source| source.program::<CondSpec>());
    let target = Arc::new(Target::<CondSpec>::new(program.expect("it is a program")).expect("it sets what there is"));
    let budget = Budget { executions, duration: Duration::from_secs(600), seed: 1, ..Budget::once() };
    let weak = Some(Default::default());
    let job = Arc::new(Job {
        target,
        engine,
        mode,
        budget,
        weak,
        variant: 0,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    });
    let started = Instant::now();
    let mut run = 0;
    while run < executions {
        let findings = driver(&job);
        assert!(findings.violation.is_none(), "{:?}", findings.violation);
        assert_eq!((findings.refused, findings.truncated.0), (None, 0));
        run += findings.executions;
    }
    per_execution(started.elapsed(), run, executions)
}

/// A search ends when it ends: the time of `wanted` executions if `run` took `time`.
fn per_execution(time: Duration, run: u64, wanted: u64) -> Duration {
    time.mul_f64(wanted as f64 / run as f64)
}

fn loom_by_hand(executions: u64) -> Duration {
    let run = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let count = || run.load(std::sync::atomic::Ordering::Relaxed);
    let started = Instant::now();
    while count() < executions {
        let run = run.clone();
        let mut builder = loom::model::Builder::new();
        // It counts the one that it is about to begin.
        builder.max_permutations = Some((executions - count()) as usize + 1);
        // The limits are looked at only so often.
        builder.checkpoint_interval = 1;
        builder.check(move || {
            run.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            by_hand!(loom);
        });
    }
    per_execution(started.elapsed(), count(), executions)
}

fn shuttle_by_hand(executions: u64) -> Duration {
    let started = Instant::now();
    shuttle::check_random(|| by_hand!(shuttle), executions as usize);
    started.elapsed()
}

/// What shuttle itself takes for an execution with as many threads.
fn shuttle_without_a_program(executions: u64) -> Duration {
    let started = Instant::now();
    let body = || {
        let threads = [(); 3].map(|()| shuttle::thread::spawn(|| ()));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    };
    shuttle::check_random(body, executions as usize);
    started.elapsed()
}

fn compare(c: &mut Criterion, name: &str, ours: impl Fn(u64) -> Duration, by_hand: impl Fn(u64) -> Duration) {
    let mut group = c.benchmark_group(name);
    // A search has a beginning of its own, which must weigh the same in every sample.
    group.sampling_mode(SamplingMode::Flat);
    for pass in 1..=3 {
        group.bench_function(BenchmarkId::new("selvedge", pass), |b| b.iter_custom(&ours));
        group.bench_function(BenchmarkId::new("by-hand", pass), |b| b.iter_custom(&by_hand));
    }
    group.finish();
}

const ON_LOOM: Driver<CondSpec> = on_loom::<CondSpec, Guarded<platform::loom::native::Cond>>;
const ON_SHUTTLE: Driver<CondSpec> = on_shuttle::<CondSpec, Guarded<platform::shuttle::native::Cond>>;

fn overhead(c: &mut Criterion) {
    let through = |driver, engine, mode| move |executions| machine(driver, engine, mode, executions);
    compare(c, "overhead-loom", through(ON_LOOM, Engine::Loom, Mode::Outcomes), loom_by_hand);
    compare(c, "overhead-shuttle", through(ON_SHUTTLE, Engine::Random, Mode::Outcomes), shuttle_by_hand);
    compare(c, "overhead-shuttle-histories", through(ON_SHUTTLE, Engine::Random, Mode::Histories), shuttle_by_hand);
}

/// Runs what the words ask for, for others to count what it takes.
fn run_once(words: &str) {
    let (who, executions) = words.split_once(' ').expect("who, and how often");
    let executions = executions.parse().expect("how often");
    match who {
        "selvedge" => machine(ON_SHUTTLE, Engine::Random, Mode::Outcomes, executions),
        "selvedge-histories" => machine(ON_SHUTTLE, Engine::Random, Mode::Histories, executions),
        "by-hand" => shuttle_by_hand(executions),
        "nothing-by-hand" => shuttle_without_a_program(executions),
        _ => panic!("there is no `{who}`"),
    };
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(1)).warm_up_time(Duration::from_millis(300));
    targets = overhead
}

fn main() {
    match std::env::var("OVERHEAD") {
        Ok(words) => run_once(&words),
        Err(_) => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
    }
}
