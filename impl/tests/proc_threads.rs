//! An executor where the system has no thread left for a while. In a process of its own, whose memory it limits.

#![cfg(all(target_os = "linux", not(miri)))]

use std::process::Command;
use std::time::Duration;

use selvedge::platform::host::mpsc;
use selvedge::proc::{Executor, JoinHandle};

/// The bytes of address space that this process may have; `None` for any number. Says whether that could be set.
fn limit(bytes: Option<u64>) -> bool {
    let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let arguments = [format!("--pid={}", std::process::id()), format!("--as={limit}:unlimited")];
    Command::new("prlimit").args(arguments).status().is_ok_and(|status| status.success())
}

/// What it has now.
fn used_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    4096 * pages.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).expect("the first is a number")
}

#[test]
fn an_executor_outlives_a_time_without_threads() {
    let executor = Executor::builder().processors(2).processors_max(2).build();
    if !limit(None) {
        println!("skipped: prlimit cannot be run");
        return;
    }
    // Less than the stack of a thread.
    assert!(limit(Some(used_bytes() + 600_000)));
    let is_short = std::thread::Builder::new().spawn(|| ()).is_err();
    let first = executor.spawn(|_| 0);
    let waits = !first.is_finished();
    assert!(limit(None));
    assert!(is_short && waits, "the limit had no effect");
    // The monitor tries again.
    assert_eq!(first.join().expect("it does not panic"), 0);
    let next: Vec<JoinHandle<i32>> = (1..4).map(|number| executor.spawn(move |_| number)).collect();
    for (task, number) in next.into_iter().zip(1..) {
        assert_eq!(task.join().expect("it does not panic"), number);
    }
    let (say, hear) = mpsc::channel();
    std::thread::spawn(move || {
        executor.shutdown();
        say.send(()).expect("the test waits");
    });
    hear.recv_timeout(Duration::from_secs(60)).expect("the executor shuts down");
}
