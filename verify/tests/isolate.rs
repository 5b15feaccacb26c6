//! Child processes: whatever a body does to its process, the parent lives on and says how the child ended.

use std::time::Duration;

use selvedge_verify::isolate::{ChildEnd, Limits, in_child, in_child_or_end, set_children};

/// How the child ended that ran the test `name`. Only the parent gets an answer.
fn end_of(name: &str, limits: Limits, body: fn()) -> ChildEnd {
    in_child_or_end(name, limits, body).expect("the child never comes back from its body")
}

/// How a child died, and what it wrote last.
fn death(end: ChildEnd) -> (String, String) {
    match end {
        ChildEnd::Died { how, stderr } => (how, stderr),
        other => panic!("the child did not die: {other:?}"),
    }
}

#[test]
fn a_body_that_returns_has_answered() {
    let end = end_of("a_body_that_returns_has_answered", Limits::default(), || {});
    assert_eq!(end, ChildEnd::Answered("done".to_owned()));
    in_child("a_body_that_returns_has_answered", Limits::default(), || {});
}

#[test]
fn a_panic_ends_its_own_process_only() {
    let end = end_of("a_panic_ends_its_own_process_only", Limits::default(), || panic!("the reel has come off"));
    let (how, stderr) = death(end);
    // The exit code of a test program in which a test failed.
    assert_eq!(how, "exited with code 101");
    assert!(stderr.contains("the reel has come off"), "{stderr}");
}

#[test]
fn an_abort_ends_its_own_process_only() {
    let end = end_of("an_abort_ends_its_own_process_only", Limits::default(), || {
        eprintln!("about to abort");
        std::process::abort();
    });
    let (how, stderr) = death(end);
    assert_eq!(how, "aborted (signal 6)");
    assert!(stderr.contains("about to abort"), "{stderr}");
}

#[test]
fn an_exit_on_its_own_is_no_answer() {
    let end = end_of("an_exit_on_its_own_is_no_answer", Limits::default(), || std::process::exit(0));
    assert_eq!(death(end).0, "exited without an answer");
}

#[test]
fn a_hang_ends_when_its_time_is_over() {
    let limits = Limits { duration: Duration::from_secs(2), ..Limits::default() };
    let end = end_of("a_hang_ends_when_its_time_is_over", limits, || {
        loop {
            std::thread::park();
        }
    });
    assert_eq!(end, ChildEnd::TimedOut(Duration::from_secs(2)));
}

#[cfg(target_os = "linux")]
#[test]
fn children_share_the_memory_of_the_machine_and_may_reserve_more() {
    // So many that each of them is granted the least there is. For the other tests here that is enough.
    set_children(1 << 20);
    let end = end_of("children_share_the_memory_of_the_machine_and_may_reserve_more", Limits::default(), || {
        // The allocator reserves much for each of these threads.
        let threads: Vec<_> = (0..12).map(|_| std::thread::spawn(|| vec![0_u8; 1 << 10].len())).collect();
        for thread in threads {
            thread.join().expect("it had room");
        }
        std::hint::black_box(vec![1_u8; 700 << 20]);
    });
    let (how, stderr) = death(end);
    assert_eq!(how, "aborted (signal 6)");
    assert!(stderr.contains("memory allocation of 734003200 bytes failed"), "{stderr}");
}

#[test]
fn allocating_without_end_ends_at_the_memory_limit() {
    // Enough for the test program itself, little enough to be reached at once.
    let limits = Limits { memory_bytes: 1 << 30, ..Limits::default() };
    let end = end_of("allocating_without_end_ends_at_the_memory_limit", limits, || {
        // Touched nowhere: it is the address space that is limited.
        let mut kept: Vec<Vec<u8>> = Vec::new();
        // Sixteen times the limit: a machine whose limit does not hold still ends the test.
        while kept.len() < 1 << 10 {
            kept.push(Vec::with_capacity(1 << 24));
        }
        std::hint::black_box(&kept);
    });
    let (how, stderr) = death(end);
    assert_eq!(how, "aborted (signal 6)");
    assert!(stderr.contains("memory allocation"), "{stderr}");
}

#[test]
fn the_parent_is_told_in_a_panic_how_the_child_died() {
    let told = std::panic::catch_unwind(|| {
        in_child("the_parent_is_told_in_a_panic_how_the_child_died", Limits::default(), || std::process::abort());
    });
    let message = *told.expect_err("the child aborted").downcast::<String>().expect("a formatted message");
    assert!(message.starts_with("the child process aborted (signal 6)"), "{message}");
}
