//! Executions that end blocked leave no memory behind. A process of its own, for what it measures.

mod platform_programs;

use std::time::Instant;

use selvedge::platform::shuttle::{self, SchedulerKind};
use selvedge::platform::{Arc, Bounds, Ordering, Shuttle, host};

use platform_programs as programs;

#[test]
fn blocked_executions_leave_no_memory_behind() {
    /// What the process has in memory, in kilobytes.
    fn resident_kib() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
    let executions: u64 = std::env::var("EXECUTIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(200_000);
    let run = |count| {
        let bounds = Bounds { max_executions: Some(count), ..Bounds::default() };
        let blocked = Arc::new(host::atomic::AtomicU64::new(0));
        let count_blocked = Arc::clone(&blocked);
        shuttle::explore(SchedulerKind::Random { seed: 1 }, &bounds, move || {
            let ended_blocked = programs::opposite_orders::<Shuttle>() == "BB";
            count_blocked.fetch_add(u64::from(ended_blocked), Ordering::Relaxed);
        });
        blocked.load(Ordering::Relaxed)
    };
    run(5_000);
    let before = resident_kib();
    let start = Instant::now();
    let blocked = run(executions);
    assert!(blocked > executions / 10, "{blocked} of {executions}");
    let (Some(before), Some(after)) = (before, resident_kib()) else {
        eprintln!("skipped: this system does not tell how much memory a process has");
        return;
    };
    println!(
        "{executions} executions, {blocked} of them blocked, {:.0}/s, {before} KiB before, {after} KiB after",
        executions as f64 / start.elapsed().as_secs_f64()
    );
    // A leak of 10 bytes an execution would be 2 MiB.
    assert!(after < before + 1024, "{before} KiB before, {after} KiB after");
}
