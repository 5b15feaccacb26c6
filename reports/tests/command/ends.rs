//! How the command ends where it has no answer, or nobody to give it to; and what it does not even begin.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Ran, command, file, litmus, read_report, records, selvedge};

fn run(words: &[&str]) -> Ran {
    Ran::of(&mut command(&words.iter().map(OsStr::new).collect::<Vec<_>>()))
}

#[test]
fn numbers_that_nobody_means_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("never").display().to_string();
    let program = litmus("register/two-writers.litmus").display().to_string();
    let check = ["check", &program, "--subject", "atomic", "--engine", "exhaustive"];
    let jobs = "from 1 on, 1024 at most";
    for words in [
        &["verify", "register", "--jobs", "18446744073709551615"][..],
        &["verify", "register", "--jobs", "1025"],
        &["table", "register", "--jobs", "4000000000"],
        &["fuzz", "--jobs", "4000000000"],
        &[&check[..], &["--jobs", "4000000000"]].concat(),
        &[&check[..], &["--jobs", "4294967297"]].concat(),
    ] {
        run(&[words, &["--out", &out]].concat()).exits(2).explains(&[jobs]);
    }
    let parts = "1 <= M <= N <= 65536";
    run(&[&check[..], &["--part", "1/4000000000", "--out", &out]].concat()).exits(2).explains(&[parts]);
    run(&["verify", "register", "--partition", "hash:1/10000000000", "--out", &out]).exits(2).explains(&[parts]);
    assert!(!Path::new(&out).exists());
}

#[test]
fn no_more_checks_run_at_a_time_than_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    selvedge([&"verify", &"register/spec", &"--jobs", &"1024", &"--out", &out]).exits(0);
    let run: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["jobs"], run["selected"].as_array().unwrap().len());
}

#[test]
fn a_record_that_names_endless_parts_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    selvedge([&"verify", &"register", &"--partition", &"hash:1/2", &"--out", &out]).exits(0);
    let path = out.join("run.json");
    let mut run: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    run["partition"]["count"] = 10_000_000_000_u64.into();
    std::fs::write(&path, run.to_string()).unwrap();
    let ran = selvedge([&"report", &out, &"--out", &merged]).exits(3);
    assert!(ran.stdout.contains("Parts 2 to 10000000000 of 10000000000 are missing"), "{}", ran.stdout);
}

#[test]
fn the_checks_that_a_hint_counts_are_those_that_its_command_prints() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("never").display().to_string();
    let mut counts = Vec::new();
    for words in [&["verify"][..], &["verify", "--profile", "full"], &["table"], &["table", "--profile", "full"]] {
        let ran = run(&[words, &["no-such-check", "--out", &out]].concat()).exits(4);
        let (before, after) = ran.stderr.split_once("` prints the ").expect("a hint");
        let listing = before.rsplit_once("`selvedge ").expect("a command").1;
        let count: usize = after.split(' ').next().unwrap().parse().unwrap();
        let listed = run(&listing.split(' ').collect::<Vec<_>>()).exits(0).stdout;
        assert_eq!(listed.lines().count(), count, "{listing}");
        counts.push(count);
    }
    assert!(counts[0] != counts[1] && counts[1] != counts[2] && counts[2] == counts[3], "{counts:?}");
    let listed = run(&["list", "--table", "any-order", "--json"]).exits(0).json();
    assert!(listed.as_array().unwrap().iter().any(|check| check["engine"] == "pos"), "{listed:#}");
    run(&["list", "--table", "--profile", "full"]).exits(2);
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let program = litmus("register/two-writers.litmus").display().to_string();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["--help"],
        &["outcomes", &program],
        &["check", &program, "--subject", "atomic", "--engine", "exhaustive", "--json"],
        &["outcomes", "no-such.litmus", "--json"],
        &["outcomes", "--json"],
    ] {
        let mut command = command(&words.iter().map(OsStr::new).collect::<Vec<_>>());
        let ran = Ran::of(command.stdout(File::create("/dev/full").unwrap())).exits(5);
        ran.explains(&["cannot write to standard output: No space left"]);
        assert_eq!(ran.stderr.matches("standard output").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_and_is_no_bad_input() {
    let folder = tempfile::tempdir().unwrap();
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    std::fs::create_dir_all(merged.join("report.html/taken")).unwrap();
    let ran = selvedge([&"report", &out, &"--out", &merged]).exits(5);
    ran.explains(&["cannot write", "report.html"]);
    assert!(ran.stdout.contains("No violation found"), "{}", ran.stdout);
    let json = selvedge([&"report", &out, &"--out", &merged, &"--json"]).exits(5).json();
    assert_eq!((&json["exit_code"], &json["outcome"]), (&Value::from(5), &Value::from("harness-failed")));
    // A directory that cannot be had at all is a mistake.
    let (_other, taken) = file("taken", "");
    for out in [taken.clone(), taken.join("below")] {
        selvedge([&"verify", &"register/spec", &"--out", &out]).exits(2).explains(&["cannot write to"]);
        selvedge([&"report", &merged, &"--out", &out]).exits(2);
    }
}

/// The command where no file may grow beyond so many KiB: a disk that fills up.
#[cfg(target_os = "linux")]
fn within(kib: u32, words: &[&str]) -> Ran {
    let mut shell = Command::new("bash");
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"")).arg("bash");
    shell.arg(env!("CARGO_BIN_EXE_selvedge")).args(words).env("NO_COLOR", "1");
    Ran::of(&mut shell)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_a_run_and_what_can_be_said_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // The page has no room.
    let ran = within(20, &["verify", "register/spec", "--out", &path("page")]).exits(5);
    ran.explains(&["report.html: File too large"]);
    assert!(
        ran.stdout.contains("report.html: File too large") && ran.stdout.contains("2 of 2 checks"),
        "{}",
        ran.stdout
    );
    assert_eq!(records(&folder.path().join("page")).len(), 2);
    let report = read_report(&folder.path().join("page"));
    assert_eq!(report.conclusion.exit_code, 0, "what it says was true before the page was tried");

    // The first record has none, the second would have: nobody goes on, and nobody says that the user stopped it.
    let ran = within(
        2,
        &["verify", "cond/spec/overtaken-if", "cond/spec/signal-in-the-gap", "--jobs", "1", "--out", &path("record")],
    )
    .exits(5);
    ran.explains(&["evidence: File too large"]);
    assert!(!ran.stderr.contains("stopped"), "{}", ran.stderr);
    assert_eq!(records(&folder.path().join("record")), Vec::<std::path::PathBuf>::new());
    assert!(ran.stdout.contains("evidence: File too large") && ran.stdout.contains("not run"), "{}", ran.stdout);
    let json = within(2, &["verify", "cond/spec/overtaken-if", "--out", &path("json"), "--json"]).exits(5).json();
    assert_eq!(json["outcome"], "harness-failed");

    // Not even the plan.
    within(0, &["verify", "register/spec", "--out", &path("plan")]).exits(5).explains(&["cannot write to"]);
}

#[test]
fn the_verdict_of_a_check_does_not_need_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let program = litmus("register/two-writers.litmus");
    let check = |more: &[&dyn AsRef<OsStr>]| {
        let common: [&dyn AsRef<OsStr>; 8] =
            [&"check", &program, &"--subject", &"atomic", &"--engine", &"exhaustive", &"--out", &folder.path()];
        Ran::of(&mut command(&common.iter().chain(more).map(AsRef::as_ref).collect::<Vec<_>>()))
    };
    check(&[]).exits(0);
    let record = records(folder.path()).remove(0);
    std::fs::remove_file(&record).unwrap();
    std::fs::create_dir(&record).unwrap();
    let ran = check(&[]).exits(5);
    ran.explains(&["cannot write"]);
    assert!(ran.stdout.contains("pass: ") && !ran.stdout.contains("record: "), "{}", ran.stdout);
    assert_eq!(check(&[&"--json"]).exits(5).json()["verdict"], "pass");
}

#[test]
fn who_reads_json_is_told_how_it_ended_whatever_happened() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (_program, wrong) = file("wrong.litmus", "spec cond (\n");
    let (wrong, out) = (wrong.display().to_string(), path("never"));
    let program = litmus("register/two-writers.litmus").display().to_string();
    std::fs::create_dir_all(folder.path().join("theirs/evidence")).unwrap();
    std::fs::write(folder.path().join("theirs/evidence/x"), "x").unwrap();
    for (code, outcome, words) in [
        (4, "nothing-ran", &["verify", "nomatch", "--out", &out][..]),
        (4, "nothing-ran", &["table", "nomatch", "--out", &out]),
        (2, "bad-input", &["verify", "--engine", "lom", "--out", &out]),
        (2, "bad-input", &["verify", "register/spec", "--out", &path("theirs")]),
        (2, "bad-input", &["verify", "--profile", "quik"]),
        (2, "bad-input", &["verfy"]),
        (2, "bad-input", &["check", &program]),
        (2, "bad-input", &["check", &program, "--subject", "tomic", "--engine", "loom"]),
        (2, "bad-input", &["check", &program, "--subject", "atomic", "--engine", "loom", "--out", &path("theirs")]),
        (2, "bad-input", &["outcomes", &wrong]),
        (2, "bad-input", &["replay", "nowhere.json"]),
        (2, "bad-input", &["report", "nowhere", "--out", &out]),
        (2, "bad-input", &["history", "nowhere.jsonl"]),
        (2, "bad-input", &["fuzz", "no-such-target", "--out", &out]),
    ] {
        let ran = run(&[words, &["--json"]].concat()).exits(code);
        let said = ran.json();
        assert_eq!(said["exit_code"], code, "{words:?}");
        assert_eq!(said["outcome"], outcome, "{words:?}");
        let sentence = said["sentence"].as_str().expect("a sentence");
        assert!(!sentence.is_empty() && !sentence.starts_with("error"), "{words:?}: {sentence}");
        assert!(!ran.stderr.is_empty(), "{words:?}");
        let silent = run(words).exits(code);
        assert_eq!(silent.stdout, "", "{words:?}");
    }
    assert_eq!(run(&["list", "nomatch", "--json"]).exits(4).json(), Value::Array(vec![]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_check_that_ctrl_c_stops_says_so_to_who_reads_json() {
    let (_folder, program) = file("waiters.litmus", &super::waiters());
    let words = ["--subject", "cond", "--engine", "exhaustive", "--profile", "full", "--json"].map(Into::into);
    let words: Vec<std::ffi::OsString> = [program.into_os_string()].into_iter().chain(words).collect();
    let said = super::check_stopped_by_ctrl_c(&words).json();
    assert_eq!((&said["exit_code"], &said["outcome"]), (&Value::from(3), &Value::from("inconclusive")));
}
