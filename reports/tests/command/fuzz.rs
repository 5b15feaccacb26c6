//! `selvedge fuzz`, without a fuzzer.
//!
//! cargo-fuzz and the targets are stood in for by two scripts beside this file, which print what the real ones print; that
//! these print it is what `scripts/nightly` shows. Everything between is the real command.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use selvedge_reports::exit::Exit;
use selvedge_reports::fuzz::{CANARY, Targets};
use selvedge_reports::report::{About, FailureKind, Report};
use selvedge_verify::evidence::{Evidence, Fuzzing, Kind, Verdict};
use tempfile::TempDir;

use super::{Ran, command, read_report, selvedge};

/// A checkout with these fuzz targets.
struct Checkout {
    folder: TempDir,
}

impl Checkout {
    fn with(targets: &[&str]) -> Self {
        let checkout = Checkout { folder: tempfile::tempdir().unwrap() };
        let fuzz = checkout.folder.path().join("fuzz");
        fs::create_dir_all(fuzz.join("seeds/fine")).unwrap();
        fs::create_dir_all(fuzz.join("regressions/fine")).unwrap();
        fs::write(fuzz.join("seeds/fine/one"), "1").unwrap();
        fs::write(fuzz.join("regressions/fine/two"), "2").unwrap();
        fs::write(fuzz.join("main.rs"), "").unwrap();
        let binary = |name: &&str| format!("[[bin]]\nname = \"{name}\"\npath = \"main.rs\"\n");
        let binaries: String = targets.iter().map(binary).collect();
        let head = "[workspace]\n[package]\nname = \"targets\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
        fs::write(fuzz.join("Cargo.toml"), format!("{head}{binaries}")).unwrap();
        checkout
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let out = self.out();
        let all: Vec<&OsStr> =
            [&["fuzz"], arguments, &["--out"]].concat().into_iter().map(OsStr::new).chain([out.as_os_str()]).collect();
        let mut command = command(&all);
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/command/cargo");
        let real = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        command.env("CARGO", stand_in).env("REAL_CARGO", real).env_remove("RUSTC_BOOTSTRAP");
        command.current_dir(self.folder.path());
        command
    }

    fn fuzz(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    fn report(&self) -> Report {
        read_report(&self.out())
    }
}

fn record<'a>(report: &'a Report, target: &str) -> &'a Evidence {
    let check = format!("fuzz/{target}");
    report.evidence.iter().find(|record| record.check == check).unwrap_or_else(|| panic!("no record of {check}"))
}

fn fuzzing(record: &Evidence) -> &Fuzzing {
    record.fuzzing.as_ref().unwrap_or_else(|| panic!("{}: {}", record.check, record.reason))
}

#[test]
fn every_target_is_found_run_and_recorded_and_a_crash_is_made_small() {
    let checkout = Checkout::with(&["fine", "crashes", "canary"]);
    let ran = checkout.fuzz(&["--minutes", "0.05", "--jobs", "2"]).exits(1);
    let report = checkout.report();
    assert_eq!(report.evidence.len(), 3);
    assert_eq!(report.conclusion.outcome, Exit::Violation);
    let systems: Vec<&str> = report.systems.iter().map(|system| system.name.as_str()).collect();
    assert_eq!(systems, ["fuzz"], "of specs that nothing was asked of there is nothing to say");

    let canary = record(&report, "canary");
    assert_eq!((canary.kind, canary.verdict, canary.killed_after), (Kind::Canary, Verdict::Pass, Some(901)));

    let fine = record(&report, "fine");
    assert_eq!((fine.kind, fine.verdict, fine.executions), (Kind::Fuzz, Verdict::Pass, 900), "{}", fine.reason);
    assert_eq!((fine.seed, fine.engine.as_str()), (Some(1_234_567), "libfuzzer"));
    let numbers = fuzzing(fine);
    assert_eq!((numbers.inputs_before, numbers.inputs_after, numbers.new_units), (2, 1, 4));
    assert_eq!((numbers.edges, numbers.features), (17, 31));
    // 900 in the time that a script takes.
    assert!(numbers.executions_per_second > 0, "{numbers:?}");
    // Three seconds for two targets, two at a time.
    assert_eq!((numbers.granted_ms, numbers.peak_rss_mib), (3_000, 31));

    let crashes = record(&report, "crashes");
    assert_eq!(crashes.verdict, Verdict::Fail);
    assert_eq!(report.failures.iter().map(|failure| failure.what).collect::<Vec<_>>(), [FailureKind::Crash]);
    let [crash] = &fuzzing(crashes).crashes[..] else { panic!("one crash: {crashes:?}") };
    assert_eq!((crash.found_bytes, crash.bytes), (10, 1));
    assert_eq!(crash.message, "src/lib.rs:12:9\nthe small one");
    assert_eq!(crash.input, "artifacts/crashes/small-crash-01");
    assert!(checkout.out().join(&crash.input).is_file());
    let run = crash.reproduce.find("cargo fuzz run --target ").expect("the command that runs the input again");
    assert!(crash.reproduce[run..].contains(" --sanitizer none crashes /"), "{}", crash.reproduce);

    assert!(ran.stdout.contains("1 fuzz target crashed. 2 of 3 checks passed."), "{}", ran.stdout);
    assert!(ran.stdout.contains("the small one"), "{}", ran.stdout);
    let page = fs::read_to_string(checkout.out().join("report.html")).unwrap();
    assert!(page.contains("the small one") && page.contains("went off"));
    let junit = fs::read_to_string(checkout.out().join("junit.xml")).unwrap();
    assert!(junit.contains("name=\"fuzz/crashes\"") && junit.matches("<failure ").count() == 1, "{junit}");
}

/// What nobody describes nobody looks at.
#[test]
fn our_own_targets_are_described_and_have_a_canary_and_inputs() {
    let targets = Targets::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let readme = fs::read_to_string(targets.folder.join("README.md")).unwrap();
    for target in &targets.all {
        assert!(readme.contains(&format!("\n| `{}` |", target.name)), "{} is not in fuzz/README.md", target.name);
        assert_eq!(target.inputs.is_empty(), target.name == CANARY, "{}: {:?}", target.name, target.inputs);
    }
    let parse = targets.all.iter().find(|target| target.name == "litmus_parse").expect("it is defined");
    assert_eq!((parse.max_len, parse.dictionary.is_some(), parse.inputs.len()), (Some(4_096), true, 3));
    assert_eq!(targets.select(std::slice::from_ref(&parse.name)).unwrap()[0].name, CANARY, "named or not");
}

#[test]
fn a_canary_that_is_not_found_or_not_there_exits_with_5() {
    let checkout = Checkout::with(&["fine", "canary"]);
    let silent = Ran::of(checkout.command(&["--minutes", "0.02"]).env("CANARY_IS_SILENT", "1")).exits(5);
    assert!(silent.stdout.contains("1 canary stayed silent"), "{}", silent.stdout);
    assert!(record(&checkout.report(), "canary").reason.starts_with("the fuzzer did not find"));

    let checkout = Checkout::with(&["fine"]);
    checkout.fuzz(&["--minutes", "0.02"]).exits(5);
    let report = checkout.report();
    assert_eq!(record(&report, "canary").reason, "the manifest defines no such target");
    assert_eq!(record(&report, "fine").verdict, Verdict::Pass);
}

#[test]
fn a_target_that_was_left_out_is_shown_as_not_run() {
    let checkout = Checkout::with(&["fine", "crashes", "canary"]);
    let ran = checkout.fuzz(&["fine", "--minutes", "0.02"]).exits(0);
    assert!(ran.stdout.contains("note: The fuzz target crashes is defined and did not run"), "{}", ran.stdout);
    let merged = checkout.folder.path().join("merged");
    selvedge([&"report", &checkout.out(), &"--out", &merged]).exits(0);
    for report in [checkout.report(), read_report(&merged)] {
        let system = report.systems.iter().find(|system| system.name == "fuzz").unwrap();
        let rows: Vec<(&str, bool)> =
            system.fuzzing.iter().map(|row| (row.target.as_str(), row.evidence.is_some())).collect();
        assert_eq!(rows, [("crashes", false), ("canary", true), ("fine", true)]);
        assert!(report.notices.iter().any(|notice| notice.about == About::NotFuzzed));
    }
    let page = fs::read_to_string(merged.join("report.html")).unwrap();
    assert!(page.contains("<span class=\"chip fail\"><span aria-hidden=\"true\">✗ </span>not run</span>"));
}

#[test]
fn a_target_that_does_not_build_or_dies_is_an_error_and_the_others_run() {
    let checkout = Checkout::with(&["fine", "broken", "dies", "blind", "idle", "canary"]);
    checkout.fuzz(&["--minutes", "0.1"]).exits(5);
    let report = checkout.report();
    for (target, reason) in [("blind", "the target is not instrumented"), ("idle", "the fuzzer executed nothing")] {
        let nothing = record(&report, target);
        assert_eq!(nothing.verdict, Verdict::Error, "{target}");
        assert!(nothing.reason.starts_with(reason), "{}", nothing.reason);
    }
    let broken = record(&report, "broken");
    assert_eq!(broken.verdict, Verdict::Error);
    assert!(broken.reason.contains("broken cannot be built: error: it does not compile"), "{}", broken.reason);
    let dies = record(&report, "dies");
    assert_eq!(dies.verdict, Verdict::Error);
    assert!(dies.reason.contains("without an input to show for it") && dies.reason.contains("no reason"));
    assert_eq!(record(&report, "fine").verdict, Verdict::Pass);
}

#[test]
fn making_small_loses_neither_a_crash_nor_the_corpus() {
    let checkout = Checkout::with(&["fickle", "unmergeable", "canary"]);
    checkout.fuzz(&["--minutes", "0.05"]).exits(1);
    let report = checkout.report();
    // The smaller input does not crash it.
    let [crash] = &fuzzing(record(&report, "fickle")).crashes[..] else { panic!("one crash") };
    assert_eq!((crash.input.as_str(), crash.bytes), ("artifacts/fickle/crash-01", 10));
    assert!(crash.message.ends_with("the one that was found"), "{}", crash.message);
    assert_eq!(fuzzing(record(&report, "unmergeable")).inputs_after, 2);
}

#[test]
fn planted_bugs_are_looked_for_each_with_a_record_and_a_survivor_exits_with_1() {
    let checkout = Checkout::with(&["fine", "iovec_import", "canary"]);
    let ran = Ran::of(checkout.command(&["--mutants", "--seconds", "7"]).env("SURVIVES", "U15-clamp-each")).exits(1);
    let report = checkout.report();
    let bugs = selvedge_verify::fuzz::planted("iovec_import");
    assert_eq!(report.evidence.len(), bugs.len(), "ours is not fuzzed, and the canary is not asked");
    for bug in &bugs {
        let record = record(&report, &format!("iovec_import/{}", bug.name));
        let is_found = bug.name != "U15-clamp-each";
        let verdict = if is_found { Verdict::Pass } else { Verdict::Fail };
        assert_eq!((record.kind, record.verdict), (Kind::Mutant, verdict), "{}", record.reason);
        assert_eq!((record.executions, record.killed_after.is_some()), (if is_found { 901 } else { 900 }, is_found));
        assert_eq!((record.note.as_deref(), &record.clauses[..]), (Some(bug.planted), &[bug.breaks.to_owned()][..]));
        assert!(record.technique.starts_with("libFuzzer, at most 7 s, from an empty corpus, "), "{}", record.technique);
        let run_again = format!("fuzz --mutants iovec_import/{} --seconds 7", bug.name);
        assert!(record.reproduce.ends_with(&run_again), "{}", record.reproduce);
        let crashes = &fuzzing(record).crashes;
        assert_eq!(crashes.len(), usize::from(is_found));
        for crash in crashes {
            assert!(checkout.out().join(&crash.input).is_file(), "{}", crash.input);
            assert!(crash.reproduce.starts_with(&format!("SELVEDGE_FUZZ_MUTANT={} ", bug.name)), "{}", crash.reproduce);
        }
    }
    assert!(ran.stdout.contains("1 planted bug survived"), "{}", ran.stdout);
    let system = report.systems.iter().find(|system| system.name == "fuzz").unwrap();
    assert_eq!((system.summary.mutants, system.summary.killed), (bugs.len() as u64, bugs.len() as u64 - 1));
    assert_eq!((system.mutants[0].name.as_str(), system.fuzzing.len()), ("U15-clamp-each", 0));
    assert!(report.notices.iter().all(|notice| notice.about != About::NotFuzzed), "{:?}", report.notices);

    // With the record of a run that fuzzed ours it makes one report.
    let fuzzed = checkout.folder.path().join("fuzzed");
    fs::rename(checkout.out(), checkout.folder.path().join("hunted")).unwrap();
    checkout.fuzz(&["--minutes", "0.02"]).exits(0);
    fs::rename(checkout.out(), &fuzzed).unwrap();
    let merged = checkout.folder.path().join("merged");
    selvedge([&"report", &fuzzed, &checkout.folder.path().join("hunted"), &"--out", &merged]).exits(1);
    let report = read_report(&merged);
    let system = report.systems.iter().find(|system| system.name == "fuzz").unwrap();
    let rows: Vec<_> = system.fuzzing.iter().map(|row| (row.target.as_str(), row.planted, row.found)).collect();
    assert_eq!(rows, [("canary", 0, 0), ("fine", 0, 0), ("iovec_import", 4, 3)]);
    assert!(system.fuzzing.iter().all(|row| row.evidence.is_some_and(|it| report.evidence[it].kind != Kind::Mutant)));
}

#[test]
fn one_planted_bug_is_looked_for_by_name_and_found_exits_with_0() {
    let checkout = Checkout::with(&["iovec_import"]);
    checkout.fuzz(&["--mutants", "iovec_import/U13"]).exits(0);
    let report = checkout.report();
    let checks: Vec<&str> = report.evidence.iter().map(|record| record.check.as_str()).collect();
    assert_eq!(checks, ["fuzz/iovec_import/U13-count-off-by-one"]);
    let left: Vec<_> = fs::read_dir(checkout.out().join("corpora/iovec_import")).unwrap().collect();
    assert!(left.is_empty(), "a corpus that is kept would make it easy: {left:?}");
}

/// A crash that has nothing to do with the bug is no kill.
#[test]
fn a_target_that_does_not_know_the_bug_or_does_not_build_is_an_error() {
    let checkout = Checkout::with(&["iovec_import"]);
    let mut command = checkout.command(&["--mutants", "iovec_import/U13"]);
    Ran::of(command.env("KNOWS_NO_BUG", "1")).exits(5);
    let report = checkout.report();
    assert_eq!(report.evidence[0].verdict, Verdict::Error);
    assert!(report.evidence[0].reason.starts_with("the target does not know the bug"), "{}", report.evidence[0].reason);

    let checkout = Checkout::with(&["iovec_import"]);
    Ran::of(checkout.command(&["--mutants"]).env("BUILDS_NOTHING", "1")).exits(5);
    let report = checkout.report();
    assert_eq!(report.evidence.len(), 4);
    for record in &report.evidence {
        assert_eq!((record.kind, record.verdict), (Kind::Mutant, Verdict::Error), "{}", record.check);
        assert!(
            record.reason.contains("iovec_import cannot be built: error: it does not compile"),
            "{}",
            record.reason
        );
    }
}

/// A target that takes a planted bug's name is one that `--mutants` knows, and nothing else is.
#[test]
fn bugs_are_planted_for_exactly_those_of_our_targets_that_take_one() {
    let targets = Targets::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    for target in &targets.all {
        let source = targets.folder.join("fuzz_targets").join(format!("{}.rs", target.name));
        let takes_one = fs::read_to_string(source).unwrap().contains("by_environment(");
        assert_eq!(!selvedge_verify::fuzz::planted(&target.name).is_empty(), takes_one, "{}", target.name);
    }
    assert!(targets.hunts(&[]).unwrap().len() >= 6);
}

#[test]
fn bad_input_exits_with_2_and_leaves_nothing() {
    let checkout = Checkout::with(&["litmus_parse", "canary"]);
    let ran = checkout.fuzz(&["litmus_prase"]).exits(2);
    ran.explains(&["there is no fuzz target `litmus_prase`", "did you mean `litmus_parse`?"]);
    for minutes in ["0", "-1", "soon", "inf"] {
        checkout.fuzz(&[&format!("--minutes={minutes}")]).exits(2).explains(&["expected a number above 0"]);
    }
    for (arguments, complaint) in [
        (&["--mutants", "litmus_parse"][..], "no bug is planted for `litmus_parse`"),
        (&["--mutants", "litmus_prase/U01"], "did you mean `litmus_parse`?"),
        (&["--mutants", "--minutes", "1"], "cannot be used with"),
        (&["--seconds", "1"], "--mutants"),
        (&["--mutants", "--seconds", "0"], "0 is not in 1.."),
    ] {
        checkout.fuzz(arguments).exits(2).explains(&[complaint]);
    }
    checkout.fuzz(&["--mutants"]).exits(4).explains(&["no bug is planted for any fuzz target"]);
    let manifest = checkout.folder.path().join("fuzz/Cargo.toml");
    let sound = fs::read_to_string(&manifest).unwrap();
    for (settings, complaint) in [
        ("litmus_prase = {}", "there are settings of `litmus_prase`, which is no target"),
        ("litmus_parse = { seeds = [\"../nowhere\"] }", "which is no folder"),
        ("litmus_parse = { maxlen = 1 }", "unknown field `maxlen`"),
    ] {
        fs::write(&manifest, format!("{sound}\n[package.metadata.selvedge]\n{settings}\n")).unwrap();
        checkout.fuzz(&[]).exits(2).explains(&[complaint]);
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let ran = Ran::of(checkout.command(&[]).current_dir(elsewhere.path())).exits(2);
    ran.explains(&["there is no fuzz/Cargo.toml in"]);
    assert!(!checkout.out().exists());
}

#[test]
fn without_cargo_fuzz_it_says_how_to_get_it_and_exits_with_4() {
    let checkout = Checkout::with(&["fine", "canary"]);
    let ran = Ran::of(checkout.command(&["--minutes", "0.02"]).env("NO_CARGO_FUZZ", "1")).exits(4);
    ran.explains(&["cargo-fuzz is not installed", "cargo install cargo-fuzz --locked"]);
    assert!(!checkout.out().exists());
}

#[test]
fn ctrl_c_keeps_what_the_fuzzer_had_found() {
    let checkout = Checkout::with(&["canary", "lasts", "never_begun"]);
    let mut command = checkout.command(&["--minutes", "10"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let log = checkout.out().join("logs/lasts-run.log");
    let began = Instant::now();
    // Only then has the stand-in said what to do when it is interrupted.
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("READY")) {
        assert!(began.elapsed() < Duration::from_secs(60), "the target never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let signalled = Command::new("sh").arg("-c").arg(format!("kill -INT {}", child.id())).status().unwrap();
    assert!(signalled.success());
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(3);
    ran.explains(&["stopping: what was found is kept"]);

    let report = checkout.report();
    let lasts = record(&report, "lasts");
    assert_eq!((lasts.verdict, lasts.executions), (Verdict::Inconclusive, 555), "{}", lasts.reason);
    assert!(lasts.reason.contains("it was stopped after"), "{}", lasts.reason);
    assert_eq!(record(&report, "canary").verdict, Verdict::Pass);
    let missing: Vec<&str> = report.not_run.iter().map(|missing| missing.check.id.as_str()).collect();
    assert_eq!(missing, ["fuzz/never_begun"]);
}
