//! How the checker's work grows: with the number of operations that overlap, not with the length of the history.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use selvedge_model::Spec;
use selvedge_model::cond::{self, CondSpec, Which};
use selvedge_model::toy::RegisterSpec;
use selvedge_model::toy::register::{Op, Ret};
use selvedge_verify::check::{Checker, Judge};
use selvedge_verify::history::{Close, Event, EventOf, History, HistoryOf};

/// Rounds in each of which every thread writes a value of its own, all at once, and one of them reads the last.
fn register(threads: usize, rounds: usize) -> HistoryOf<RegisterSpec> {
    let mut events: Vec<EventOf<RegisterSpec>> = Vec::new();
    for _ in 0..rounds {
        events.extend((0..threads).map(|thread| Event::Call { thread, op: Op::Write(thread as u32) }));
        events.extend((0..threads).map(|thread| Event::Return { thread, ret: Ret::Ok }));
        events.push(Event::Call { thread: 0, op: Op::Read });
        events.push(Event::Return { thread: 0, ret: Ret::Value(threads as u32 - 1) });
    }
    History { events, close: Close::AtRest }
}

/// Rounds in each of which all but one thread wait, and the last one wakes them one by one.
fn condvar(threads: usize, rounds: usize) -> HistoryOf<CondSpec> {
    let ok = |thread| Event::Return { thread, ret: cond::Ret::Ok };
    let waker = threads - 1;
    let mut events: Vec<EventOf<CondSpec>> = Vec::new();
    for _ in 0..rounds {
        for thread in 0..waker {
            events.extend([Event::Call { thread, op: cond::Op::Lock }, ok(thread)]);
            events.push(Event::Call { thread, op: cond::Op::Wait(Which::Original) });
        }
        events.extend([Event::Call { thread: waker, op: cond::Op::Lock }, ok(waker)]);
        for _ in 0..waker {
            events.extend([Event::Call { thread: waker, op: cond::Op::Signal(Which::Original) }, ok(waker)]);
        }
        events.extend([Event::Call { thread: waker, op: cond::Op::Unlock }, ok(waker)]);
        for thread in 0..waker {
            events.extend([ok(thread), Event::Call { thread, op: cond::Op::Unlock }, ok(thread)]);
        }
    }
    History { events, close: Close::AtRest }
}

fn growth(c: &mut Criterion) {
    let register_checker = Checker::new(RegisterSpec, 0);
    let spec = CondSpec::default();
    let initial = spec.initial(&[]).expect("nothing is set");
    let cond_checker = Checker::new(spec, initial);

    let mut group = c.benchmark_group("check/threads");
    for threads in [2, 3, 4, 6] {
        let history = register(threads, 4);
        assert!(register_checker.check(&history).is_allowed());
        group.bench_with_input(BenchmarkId::new("register", threads), &history, |b, history| {
            b.iter(|| register_checker.check(history));
        });
        let history = condvar(threads, 4);
        assert!(cond_checker.check(&history).is_allowed());
        group.bench_with_input(BenchmarkId::new("cond", threads), &history, |b, history| {
            b.iter(|| cond_checker.check(history));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("check/rounds");
    for rounds in [4, 16, 64] {
        let history = register(3, rounds);
        group.bench_with_input(BenchmarkId::new("register", rounds), &history, |b, history| {
            b.iter(|| register_checker.check(history));
        });
        let history = condvar(3, rounds);
        group.bench_with_input(BenchmarkId::new("cond", rounds), &history, |b, history| {
            b.iter(|| cond_checker.check(history));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("check/unordered");
    for rounds in [1, 2, 3] {
        let history = condvar(3, rounds);
        assert!(cond_checker.check_unordered(&history).is_allowed());
        group.bench_with_input(BenchmarkId::new("cond", rounds), &history, |b, history| {
            b.iter(|| cond_checker.check_unordered(history));
        });
    }
    group.finish();

    // What an engine pays for a history that it has produced before.
    let mut judge = Judge::new(cond_checker);
    let history = condvar(3, 1);
    c.bench_function("check/known-history", |b| b.iter(|| judge.judge(&history).is_allowed()));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = growth
}
criterion_main!(benches);
