//! What it costs to look at everything: the exhaustive engine and loom, each until it has nothing left, on the same program
//! written for its own types. Shuttle's depth-first search is no peer here: one search of the smaller program takes a minute.
//!
//! One iteration is one whole search. The searches see different amounts: ours every outcome under sequential consistency,
//! loom weak memory as well, but one waiter order only. How many executions each takes is printed first.
//!
//! - `exhaustive-mutex`: three threads take a lock twice each.
//! - `exhaustive-buffer`: three items go through a buffer with room for one, two condition variables.
//!
//! Run with `cargo bench -p selvedge-verify --bench exhaustive && scripts/bench-ratios`. `SELVEDGE_BENCH_PASSES` is how often all are
//! measured in turn, 3 unless told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use selvedge::platform::{Body, Bounds, Platform, PlatformCondvar, PlatformMutex, Shuttle};
use selvedge_verify::engine::exhaustive::{self, Options};

/// Three threads, two critical sections each.
macro_rules! mutex_by_hand {
    ($engine:ident) => {{
        let total = Arc::new($engine::sync::Mutex::new(0));
        let threads = [(); 3].map(|()| {
            let total = total.clone();
            $engine::thread::spawn(move || (0..2).for_each(|_| *total.lock().unwrap() += 1))
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }};
}

/// A producer and a consumer of three items.
macro_rules! buffer_by_hand {
    ($engine:ident) => {{
        let shared =
            Arc::new(($engine::sync::Mutex::new(None), $engine::sync::Condvar::new(), $engine::sync::Condvar::new()));
        let theirs = shared.clone();
        let producer = $engine::thread::spawn(move || {
            let (slot, not_empty, not_full) = &*theirs;
            for item in 0..3 {
                let mut slot = slot.lock().unwrap();
                while slot.is_some() {
                    slot = not_full.wait(slot).unwrap();
                }
                *slot = Some(item);
                not_empty.notify_one();
            }
        });
        let consumer = $engine::thread::spawn(move || {
            let (slot, not_empty, not_full) = &*shared;
            for _ in 0..3 {
                let mut slot = slot.lock().unwrap();
                while slot.is_none() {
                    slot = not_empty.wait(slot).unwrap();
                }
                *slot = None;
                not_full.notify_one();
            }
        });
        producer.join().unwrap();
        consumer.join().unwrap();
    }};
}

fn mutex() {
    let total = Arc::new(<Shuttle as Platform>::Mutex::new(0));
    let thread = |_| {
        let total = total.clone();
        Box::new(move || (0..2).for_each(|_| *total.lock() += 1)) as Body
    };
    Shuttle::run_to_rest((0..3).map(thread).collect());
}

fn buffer() {
    type Condvar = <Shuttle as Platform>::Condvar;
    let shared = Arc::new((<Shuttle as Platform>::Mutex::new(None), Condvar::new(), Condvar::new()));
    let theirs = shared.clone();
    let producer = move || {
        let (slot, not_empty, not_full) = &*theirs;
        for item in 0..3 {
            let mut slot = slot.lock();
            while slot.is_some() {
                slot = not_full.wait(slot);
            }
            *slot = Some(item);
            not_empty.notify_one();
        }
    };
    let consumer = move || {
        let (slot, not_empty, not_full) = &*shared;
        for _ in 0..3 {
            let mut slot = slot.lock();
            while slot.is_none() {
                slot = not_empty.wait(slot);
            }
            *slot = None;
            not_full.notify_one();
        }
    };
    Shuttle::run_to_rest(vec![Box::new(producer), Box::new(consumer)]);
}

/// The executions of one whole search of ours.
fn ours(program: fn()) -> u64 {
    let explored = exhaustive::explore(&Bounds::default(), Options::default(), program);
    assert!(explored.run.complete, "{:?}", explored.run);
    explored.run.executions
}

/// The executions of one whole search by loom.
fn by_loom(program: fn()) -> u64 {
    let executions = Arc::new(AtomicU64::new(0));
    let counted = executions.clone();
    loom::model::Builder::new().check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        program();
    });
    executions.load(Ordering::Relaxed)
}

fn compare(c: &mut Criterion, name: &str, searches: [(&str, &dyn Fn() -> u64); 2]) {
    let passes = std::env::var("SELVEDGE_BENCH_PASSES").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    for (engine, search) in searches {
        println!("{name}: {engine} takes {} executions", search());
    }
    let mut group = c.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    for pass in 1..=passes {
        for (engine, search) in searches {
            group.bench_function(BenchmarkId::new(engine, pass), |b| b.iter(search));
        }
    }
    group.finish();
}

fn searches(c: &mut Criterion) {
    compare(c, "exhaustive-mutex", [("selvedge", &|| ours(mutex)), ("loom", &|| by_loom(|| mutex_by_hand!(loom)))]);
    compare(c, "exhaustive-buffer", [("selvedge", &|| ours(buffer)), ("loom", &|| by_loom(|| buffer_by_hand!(loom)))]);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    targets = searches
}
criterion_main!(benches);
