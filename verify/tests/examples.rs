//! The example for other people's code is compiled with the tests; here it is run and its words are looked at.

use std::path::PathBuf;
use std::process::{Command, Output};

/// The compiled example. `cargo test` builds examples beside the tests: `target/PROFILE/examples` is a neighbour of the
/// folder that this test program is in.
fn example(name: &str) -> PathBuf {
    let here = std::env::current_exe().expect("a running program knows where it is");
    let found = here.ancestors().skip(1).map(|folder| folder.join("examples").join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{name} is not compiled; `cargo test` without `--test` does it, and so does `cargo build --examples`")
    })
}

fn run(name: &str) -> Output {
    Command::new(example(name)).output().expect("it can be started")
}

/// The lines that tell about a check, its counterexample included.
fn about<'a>(output: &'a str, check: &str) -> &'a str {
    let start = output.find(check).unwrap_or_else(|| panic!("nothing about {check} in:\n{output}"));
    let rest = &output[start..];
    let end = rest.find("\nFail  ").into_iter().chain(rest.find("\nPass  ")).min();
    &rest[..end.unwrap_or(rest.len())]
}

#[test]
fn bring_your_own_tells_what_is_wrong_with_each_subject() {
    let output = run("bring-your-own");
    let stdout = String::from_utf8(output.stdout).expect("it prints text");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stdout}\n{stderr}");

    let flag = about(&stdout, "cond/conformance/two-waiters-one-signal/flag-cond/threads");
    // Which of the two depends on who comes back first: one that was not signalled, or the younger of the two.
    assert!(flag.contains("(COND-17: ") || flag.contains("(COND-05: "), "{flag}");
    // A column a thread.
    assert!(["First", "Second", "Signaller"].iter().all(|thread| flag.contains(thread)), "{flag}");

    let unordered = about(&stdout, "lock/conformance/two-count/spins-unordered/loom");
    assert!(unordered.contains("data race") && unordered.contains('n'), "{unordered}");

    for check in [
        "lock/conformance/two-count/spins/loom",
        "cond/conformance/two-waiters-one-signal/ticket-cond/portfolio",
        "cond/conformance/two-waiters-one-signal/ticket-cond/exhaustive",
    ] {
        let right = about(&stdout, check);
        assert!(right.contains("nothing but what the spec allows"), "{right}");
    }

    let careless = about(&stdout, "gate/conformance/one-opens-one-passes/does-not-wait/exhaustive");
    assert!(careless.contains("GATE-02"), "{careless}");

    for engine in ["portfolio", "exhaustive"] {
        let fatal = about(&stdout, &format!("gate/conformance/one-opens-one-passes/aborts/{engine}"));
        assert!(fatal.contains("aborted (signal 6)"), "{fatal}");
    }
    // The checks before and after the one that took its process down have all been made.
    assert_eq!(stdout.lines().filter(|line| line.starts_with("Pass  ")).count(), 5, "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with("Fail  ")).count(), 6, "{stdout}");
}
