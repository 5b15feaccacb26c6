//! What `--out` replaces, what it adds to, and what it never touches; which records make one report.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use selvedge_reports::report::Report;
use serde_json::Value;

use super::{Ran, check_under, command, file, litmus, read_report, records, selvedge};

/// `check` of a small program, searched to the end, with these words behind it.
fn check(program: &Path, more: &[&dyn AsRef<OsStr>]) -> Ran {
    Ran::of(&mut checking(program, more))
}

fn checking(program: &Path, more: &[&dyn AsRef<OsStr>]) -> Command {
    let common: [&dyn AsRef<OsStr>; 6] = [&"check", &program, &"--subject", &"atomic", &"--engine", &"exhaustive"];
    let words: Vec<&OsStr> = common.iter().chain(more).map(AsRef::as_ref).collect();
    command(&words)
}

fn two_writers() -> PathBuf {
    litmus("register/two-writers.litmus")
}

/// Makes the report of these directories, which ends with `code`.
#[track_caller]
fn report_of(directories: &[&Path], out: &Path, code: i32) -> Report {
    let mut words = vec![OsStr::new("report")];
    words.extend(directories.iter().map(|directory| directory.as_os_str()));
    words.extend([OsStr::new("--out"), out.as_os_str()]);
    Ran::of(&mut command(&words)).exits(code);
    read_report(out)
}

fn set(path: &Path, pointer: &str, to: impl Into<Value>) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    *value.pointer_mut(pointer).expect("it is there") = to.into();
    std::fs::write(path, value.to_string()).unwrap();
}

#[test]
fn checks_of_one_directory_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    let program = two_writers();
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    let before = records(&out).len();
    check(&program, &[&"--part", &"1/2", &"--out", &out]).exits(3);
    report_of(&[&out], &merged, 3);
    check(&program, &[&"--part", &"2/2", &"--out", &out]).exits(3);
    check(&program, &[&"--mode", &"outcomes", &"--out", &out]).exits(0);
    check(&program, &[&"--mode", &"outcomes", &"--out", &out]).exits(0);
    assert_eq!(records(&out).len(), before + 3, "{:?}", records(&out));
    let report = report_of(&[&out], &merged, 0);
    assert_eq!((report.evidence.len(), report.duplicates.len()), (before + 2, 0));
    let plan = report.runs[0].plan.as_ref().unwrap();
    assert_eq!((report.runs.len(), plan.selected, report.not_run.len()), (1, before + 2, 0));
    assert!(plan.selected < plan.known, "what the filter left out is still said to be left out");
    for part in ["selvedge verify register/spec", "--part 1/2", "--part 2/2", "--mode outcomes"] {
        assert_eq!(plan.command.matches(part).count(), 1, "{part} in {}", plan.command);
    }
    // What was planned and is lost is missed, whoever planned it.
    std::fs::remove_file(records(&out).into_iter().find(|path| path.to_string_lossy().contains("spec")).unwrap())
        .unwrap();
    assert_eq!(report_of(&[&out], &merged, 3).not_run.len(), 1);

    // A run that begins there replaces them all.
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    assert_eq!(records(&out).len(), before);
}

#[test]
fn an_expectation_that_does_not_hold_fails_the_report_too() {
    let (folder, program) =
        file("wrong.litmus", &format!("{}\nforall done T1\nforall done T2\n", super::LOCK_AND_WAIT));
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    selvedge([&"check", &program, &"--subject", &"cond", &"--engine", &"exhaustive", &"--out", &out]).exits(1);
    let ran = selvedge([&"report", &out, &"--out", &merged]).exits(1);
    assert!(ran.stdout.contains("does not hold in the spec: forall done T1."), "{}", ran.stdout);
    let page = std::fs::read_to_string(merged.join("report.html")).unwrap();
    assert!(page.contains("expectation does not hold") && page.contains("in the spec: forall done T1."));
    let junit = std::fs::read_to_string(merged.join("junit.xml")).unwrap();
    assert!(junit.contains("failures=\"1\"") && junit.contains("in the spec: forall done T1."), "{junit}");
}

#[test]
fn a_file_that_was_changed_is_another_check() {
    let first = std::fs::read_to_string(two_writers()).unwrap();
    let (folder, program) = file("t.litmus", &first);
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    check(&program, &[&"--part", &"1/2", &"--out", &out]).exits(3);
    std::fs::copy(litmus("register/two-reads.litmus"), &program).unwrap();
    check(&program, &[&"--part", &"2/2", &"--out", &out]).exits(3);
    assert_eq!(records(&out).len(), 1, "half of one program and half of another are nothing");
    assert_eq!(report_of(&[&out], &merged, 3).evidence[0].reason, "part 1 of 2 is missing");
}

#[test]
fn a_file_under_two_semantics_is_two_checks() {
    let folder = tempfile::tempdir().unwrap();
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    let program = litmus("cond/any-order.litmus");
    for semantics in ["go", "posix"] {
        // Whatever the file expects of its own semantics.
        let ran = check_under(&program, semantics, &[&"--out", &out]);
        assert!(matches!(ran.code, Some(0 | 1)), "{semantics}");
    }
    selvedge([&"report", &out, &"--out", &merged]);
    let report = read_report(&merged);
    assert_eq!((report.evidence.len(), report.duplicates.len()), (2, 0));
    let named = |name: &str| report.systems[0].programs.iter().any(|it| it.name.as_ref().unwrap().ends_with(name));
    assert!(named("any-order.litmus (go)") && named("any-order.litmus (posix)"));
}

#[test]
fn programs_of_one_name_are_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = |name: &str, program: &str, more: &[&dyn AsRef<OsStr>], code: i32| {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).unwrap();
        std::fs::copy(litmus(program), place.join("t.litmus")).unwrap();
        let mut words: Vec<&dyn AsRef<OsStr>> = vec![&"--out", &"o"];
        words.extend(more);
        Ran::of(checking(Path::new("t.litmus"), &words).current_dir(&place)).exits(code);
        place.join("o")
    };
    let one = here("c1", "register/two-writers.litmus", &[], 0);
    let same = here("c2", "register/two-writers.litmus", &[], 0);
    let other = here("c3", "register/two-reads.litmus", &[], 0);
    let merged = folder.path().join("merged");
    assert_eq!(report_of(&[&one, &same], &merged, 0).evidence.len(), 1);
    let (said_one, said_other) = (one.display().to_string(), other.display().to_string());
    let ran = selvedge([&"report", &one, &other, &"--out", &folder.path().join("never")]).exits(2);
    ran.explains(&["different programs", "another name"]);
    // A path is broken into lines where it is long.
    let said: String = ran.stderr.split_whitespace().filter(|word| *word != "│").collect();
    assert!(said.contains(&said_one) && said.contains(&said_other), "{}", ran.stderr);
    assert!(!folder.path().join("never").exists());

    // Records alone, without what their run says.
    let part = here("c4", "register/two-writers.litmus", &[&"--part", &"1/2"], 3);
    let part_of_other = here("c5", "register/two-reads.litmus", &[&"--part", &"2/2"], 3);
    for place in [&part, &part_of_other] {
        std::fs::remove_file(place.join("run.json")).unwrap();
    }
    selvedge([&"report", &part, &part_of_other, &"--out", &merged]).exits(2).explains(&["different programs"]);
}

#[test]
fn what_is_not_ours_is_never_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let program = two_writers();
    let refused = |name: &str, files: &[(&str, &str)], commands: &[&str]| {
        let out = folder.path().join(name);
        for (file, text) in files {
            std::fs::create_dir_all(out.join(file).parent().unwrap()).unwrap();
            std::fs::write(out.join(file), text).unwrap();
        }
        for command in commands {
            let ran = match *command {
                "check" => check(&program, &[&"--out", &out]),
                command => selvedge([&command, &"register", &"--out", &out]),
            };
            ran.exits(2).explains(&["no run of ours has left", "nothing was deleted: name another directory"]);
        }
        for (file, text) in files {
            assert_eq!(std::fs::read_to_string(out.join(file)).unwrap(), *text, "{name}: {file}");
        }
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), files.iter().filter(|it| it.0 != "evidence/y").count());
    };
    let all = ["verify", "table", "check"];
    refused("theirs", &[("run.json", "{\"run\": \"of a race\"}"), ("evidence/photograph.jpg", "x")], &all);
    refused("loose", &[("evidence/x.json", "{}")], &all);
    refused("page", &[("report.html", "<p>quarterly</p>"), ("junit.xml", "<x/>")], &["verify", "table"]);

    // A run of ours with something else among its records.
    let out = folder.path().join("mixed");
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    let before = records(&out);
    let stranger = out.join("evidence/register/notes.txt");
    std::fs::write(&stranger, "mine").unwrap();
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(2).explains(&["notes.txt"]);
    assert_eq!(records(&out).len(), before.len() + 1);
    assert!(out.join("report.html").is_file());
    // What a writer that was killed has left is ours.
    std::fs::rename(&stranger, out.join("evidence/register/.x.json.4711")).unwrap();
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    assert_eq!(records(&out), before);
    // So is a report without a run.
    let merged = folder.path().join("merged");
    report_of(&[&out], &merged, 0);
    selvedge([&"verify", &"register/spec", &"--out", &merged]).exits(0);
}

#[test]
fn each_part_of_a_run_has_a_directory_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let part =
        |part: &str, more: &str| selvedge([&"verify", &"register", &more, &"--partition", &part, &"--out", &out]);
    part("hash:1/2", "register").exits(0);
    let before = records(&out);
    part("hash:2/2", "register").exits(2).explains(&["holds part 1 of 2 of this run", "a directory for each part"]);
    assert_eq!(records(&out), before);
    part("hash:1/2", "register").exits(0);
    assert_eq!(records(&out), before);
    // Of another run it is no part.
    part("hash:2/2", "two-writers").exits(0);
}

#[test]
fn a_run_that_dies_leaves_no_report_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    selvedge([&"verify", &"register", &"--out", &out]).exits(0);
    let kept = records(&out).len();
    let mut run = command(&["verify", "register", "--jobs", "1", "--out"].map(OsStr::new));
    let mut child =
        run.arg(&out).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    while records(&out).len() >= kept && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(records(&out).len() < kept, "it was not killed in the middle");
    for name in ["report.html", "report.json", "junit.xml"] {
        assert!(!out.join(name).exists(), "{name}");
    }
    let report = report_of(&[&out], &folder.path().join("merged"), 3);
    assert!(!report.not_run.is_empty());
}

#[test]
fn evidence_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (out, merged) = (folder.path().join("out"), folder.path().join("merged"));
    let said = ["is of version 0.0.9 of the suite", concat!("this is version ", env!("CARGO_PKG_VERSION"))];
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
    let record = records(&out).remove(0);
    let read = std::fs::read(&record).unwrap();
    set(&record, "/maker/suite", "0.0.9");
    selvedge([&"report", &out, &"--out", &merged]).exits(2).explains(&said);
    selvedge([&"replay", &record]).exits(2).explains(&said);
    let name = record.file_name().unwrap().to_string_lossy().into_owned();
    selvedge([&"replay", &record]).exits(2).explains(&[&name]);
    std::fs::write(&record, read).unwrap();
    set(&out.join("run.json"), "/maker/suite", "0.0.9");
    selvedge([&"report", &out, &"--out", &merged]).exits(2).explains(&said);
    assert!(!merged.exists());
    // Nor are records of this version put beside it.
    let ran = check(&two_writers(), &[&"--out", &out]).exits(2);
    ran.explains(&["holds evidence of version 0.0.9", "name another directory"]);
    // Whoever has a new version runs again where the old one ran.
    selvedge([&"verify", &"register/spec", &"--out", &out]).exits(0);
}

#[test]
fn parts_that_overlap_and_legs_beside_what_they_led_to_are_one_search() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let merged = path("merged");
    let program = litmus("cond/any-order.litmus");
    let check = |out: &Path, code: i32, more: &[&dyn AsRef<OsStr>]| {
        let common: [&dyn AsRef<OsStr>; 8] =
            [&"check", &program, &"--subject", &"cond", &"--engine", &"exhaustive", &"--out", &out];
        let words: Vec<&OsStr> = common.iter().chain(more).map(AsRef::as_ref).collect();
        Ran::of(&mut command(&words)).exits(code);
    };
    let record = |name: &str| records(&path(name)).remove(0);
    let (many, few) = ("100000", "50");
    check(&path("whole"), 0, &[&"--mode", &"histories", &"--executions", &many]);
    check(&path("leg1"), 3, &[&"--executions", &few]);
    check(&path("leg2"), 3, &[&"--executions", &few, &"--resume", &record("leg1")]);
    check(&path("leg3"), 0, &[&"--executions", &many, &"--resume", &record("leg2")]);
    check(&path("a1"), 3, &[&"--part", &"1/2", &"--executions", &few]);
    check(&path("a2"), 3, &[&"--executions", &many, &"--resume", &record("a1")]);
    check(&path("b"), 3, &[&"--part", &"2/2", &"--executions", &many]);
    let executions = super::read_record(&record("whole")).executions;
    let joined = |names: &[&str], code: i32| {
        let places: Vec<PathBuf> = names.iter().map(|name| path(name)).collect();
        let report = report_of(&places.iter().map(PathBuf::as_path).collect::<Vec<_>>(), &merged, code);
        assert_eq!((report.evidence.len(), report.duplicates.len()), (1, 0), "{names:?}");
        report.evidence[0].clone()
    };
    for names in [
        &["a2", "b", "a2"][..],
        &["a1", "a2", "b"],
        &["b", "a2", "a1", "b"],
        &["leg1", "leg3"],
        &["leg3", "leg2", "leg1"],
        &["a1", "whole"],
        &["leg2", "a2", "b"],
    ] {
        let record = joined(names, 0);
        assert!(record.complete && record.executions == executions, "{names:?}: {}", record.technique);
    }
    let cut = joined(&["leg1", "leg2"], 3);
    assert_eq!(cut.executions, super::read_record(&record("leg2")).executions);
    assert_eq!(joined(&["a2", "a2"], 3).reason, "part 2 of 2 is missing");

    // A search that is short of many parts says so shortly.
    check(&path("few"), 3, &[&"--part", &"3/60000", &"--executions", &many]);
    assert_eq!(joined(&["few"], 3).reason, "parts 1 to 2, 4 to 60000 of 60000 are missing");
}
