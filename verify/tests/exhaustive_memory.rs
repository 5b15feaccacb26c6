//! The exhaustive engine's memory does not grow with the number of executions.
//!
//! Alone in its process: what is looked at is the most that the process has needed.
#![cfg(target_os = "linux")]

use selvedge::platform::{Arc, AtomicInteger, Body, Bounds, Ordering, Platform, Shuttle};
use selvedge_verify::engine::exhaustive::{Options, explore};

type Counter = <Shuttle as Platform>::AtomicUsize;

/// Five threads add to one counter, three times each: 168,168,000 classes.
fn counters() {
    let counter = Arc::new(<Counter as selvedge::platform::Atomic<usize>>::new(0));
    let bodies = (0..5).map(|_| {
        let counter = counter.clone();
        Box::new(move || {
            for _ in 0..3 {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        }) as Body
    });
    Shuttle::run_to_rest(bodies.collect());
}

/// What the process has needed at most, in KiB.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The peak after so many executions.
fn peak_after(executions: u64) -> u64 {
    let bounds = Bounds { max_executions: Some(executions), ..Bounds::default() };
    let done = explore(&bounds, Options::default(), counters);
    assert_eq!(done.account.complete + done.account.blocked, executions);
    peak_memory_kib()
}

/// `SELVEDGE_MEMORY_EXECUTIONS` says how many, 200,000 unless told; the nightly run asks for ten million. A leak of 100 bytes
/// an execution would show in either.
#[test]
fn many_executions_need_no_more_memory_than_few() {
    let asked = std::env::var("SELVEDGE_MEMORY_EXECUTIONS").ok().and_then(|text| text.parse().ok());
    let many = asked.unwrap_or(200_000);
    let (before, after) = (peak_after(10_000), peak_after(many));
    println!("peak memory: {before} KiB after 10,000 executions, {after} KiB after {many}");
    assert!(after < before + 8 * 1024, "{before} KiB, then {after} KiB");
}
