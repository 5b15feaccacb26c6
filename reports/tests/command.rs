//! The command as a user meets it: the real binary, its exit codes, what it says and what it leaves behind.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use selvedge_reports::differences::Class;
use selvedge_reports::report::Report;
use selvedge_reports::suite::{Partition, Planned};
use selvedge_verify::evidence::Evidence;
use serde_json::Value;

// Files of their own beside this one, and no test programs of their own.
#[path = "command/directories.rs"]
mod directories;
#[path = "command/ends.rs"]
mod ends;
#[cfg(unix)]
#[path = "command/fuzz.rs"]
mod fuzz;

/// What one run of the command came to.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ran {
    fn of(command: &mut Command) -> Self {
        command.output().expect("the command starts").into()
    }

    #[track_caller]
    fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// That standard error, its lines joined, says all of this.
    #[track_caller]
    fn explains(&self, parts: &[&str]) {
        // A long message is wrapped, and each line begins with a bar.
        let said = self.stderr.split_whitespace().filter(|word| *word != "│" && *word != "|").collect::<Vec<_>>();
        let said = said.join(" ");
        for part in parts {
            assert!(said.contains(part), "`{part}` is not in:\n{}", self.stderr);
        }
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in:\n{}", self.stdout))
    }
}

fn command(arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn selvedge<const N: usize>(arguments: [&dyn AsRef<OsStr>; N]) -> Ran {
    Ran::of(&mut command(&arguments.map(AsRef::as_ref)))
}

/// Checks the reference subject under that semantics.
fn check_under(program: &Path, semantics: &str, more: &[&dyn AsRef<OsStr>]) -> Ran {
    let mut command = command(&[OsStr::new("check"), program.as_os_str()]);
    command.args(["--subject", "reference", "--engine", "exhaustive", "--semantics", semantics]);
    Ran::of(command.args(more.iter().map(AsRef::as_ref)))
}

fn litmus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/litmus").join(name)
}

fn read_report(directory: &Path) -> Report {
    let text = std::fs::read(directory.join("report.json")).expect("report.json was written");
    serde_json::from_slice(&text).expect("report.json is a report")
}

/// A folder of our own, with one file in it.
fn file(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    (folder, path)
}

const LOCK_AND_WAIT: &str = "spec cond\n\nthread T1\n  lock\n  wait\n  unlock\n\nthread T2\n  lock\n  unlock\n";

#[test]
fn verify_writes_evidence_and_reports_that_agree_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = selvedge([&"verify", &"register", &"--out", &out]).exits(0);
    let report = read_report(&out);
    assert!(ran.stdout.contains(&report.conclusion.sentence), "{}", ran.stdout);
    assert!(ran.stdout.contains(&out.join("report.html").display().to_string()), "{}", ran.stdout);
    assert_eq!(report.counts.deciding.checks, report.counts.deciding.pass);
    // Of what was not asked for it says nothing, and says so once.
    assert_eq!(report.systems.iter().map(|system| system.name.as_str()).collect::<Vec<_>>(), ["register"]);
    assert_eq!(ran.stdout.matches("note: Nothing of cond, getopt, proc, ").count(), 1, "{}", ran.stdout);

    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("Conformance report: <span class=\"t\">register</span></h1>"));
    assert_eq!(page.matches("getopt").count(), 1, "in the notice");
    assert!(page.contains(&report.conclusion.sentence));
    let junit = std::fs::read_to_string(out.join("junit.xml")).unwrap();
    assert_eq!(junit.matches("<testcase ").count(), report.evidence.len());
    for record in &report.evidence {
        let path = out.join("evidence").join(format!("{}.json", record.check));
        let alone: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(alone, serde_json::to_value(record).unwrap());
    }

    let schema: Value = serde_json::from_str(include_str!("../schema/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut instance: Value = serde_json::to_value(&report).unwrap();
    validator.validate(&instance).expect("a real report satisfies the schema");
    instance["conclusion"]["exit_code"] = "0".into();
    assert!(!validator.is_valid(&instance), "a schema that takes anything says nothing");

    // The record of an earlier run must not look like this one's.
    selvedge([&"verify", &"register/spec", &"--out", &out, &"--json"]).exits(0);
    assert_eq!(read_report(&out).evidence.len(), 2);
}

#[test]
fn verify_alone_has_the_options_that_its_help_names() {
    let help = selvedge([&"verify", &"--help"]).exits(0);
    for option in ["--engine", "--profile", "--seed", "--jobs", "--partition", "--out", "--json"] {
        assert!(help.stdout.contains(option), "{option}");
    }
    selvedge([&"verify", &"--profile", &"quik"]).exits(2).explains(&["possible values: quick, full"]);
    selvedge([&"verify", &"--partition", &"hash:3/2"]).exits(2).explains(&["expected hash:M/N"]);
    selvedge([&"verfy"]).exits(2).explains(&["'verify'"]);
}

#[test]
fn a_filter_that_matches_nothing_exits_with_4_and_suggests() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = selvedge([&"verify", &"registr", &"--out", &out]).exits(4);
    ran.explains(&["no check's id contains registr", "did you mean `register`?", "selvedge list"]);
    assert!(!out.exists(), "nothing ran, yet something was written");
    selvedge([&"list", &"registr"]).exits(4);
    selvedge([&"verify", &"--engine", &"random", &"--out", &out]).exits(4).explains(&["no check runs under random"]);
}

#[test]
fn a_filter_that_matches_nothing_beside_one_that_does_is_pointed_out() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = selvedge([&"verify", &"register/spec", &"registr", &"--out", &out]).exits(0);
    ran.explains(&["no check's id contains registr", "did you mean `register`?"]);
    assert!(!ran.stderr.contains("contains register/spec"), "{}", ran.stderr);
}

#[test]
fn who_leaves_the_command_out_is_pointed_at_verify() {
    selvedge([&"cond"]).exits(2).explains(&["did you mean `selvedge verify cond`?"]);
    selvedge([&"--engine", &"loom"]).exits(2).explains(&["did you mean `selvedge verify --engine loom`?"]);
    for wrong in [&["verfy"][..], &["list", "--engine", "loom"], &["check", "--what"], &["--what"]] {
        let ran = Ran::of(&mut command(&wrong.iter().map(OsStr::new).collect::<Vec<_>>())).exits(2);
        assert!(!ran.stderr.contains("selvedge verify "), "{wrong:?}\n{}", ran.stderr);
    }
}

#[test]
fn who_names_no_record_is_asked_for_one() {
    let program = litmus("cond/any-order.litmus");
    let resume: [&dyn AsRef<OsStr>; 8] =
        [&"check", &program, &"--subject", &"cond", &"--engine", &"exhaustive", &"--resume", &"nowhere.json"];
    for ran in [selvedge([&"replay", &"nowhere.json"]), selvedge(resume)] {
        ran.exits(2).explains(&["cannot read nowhere.json", "name one record: a file below the evidence/"]);
    }
    let folder = tempfile::tempdir().unwrap();
    selvedge([&"replay", &folder.path()]).exits(2).explains(&["name one record"]);
}

#[test]
fn names_in_messages_are_not_broken() {
    let program = litmus("cond/any-order.litmus");
    let ran = selvedge([&"check", &program, &"--subject", &"zzzzzzzz", &"--engine", &"loom"]).exits(2);
    assert!(ran.stderr.lines().count() > 4 && ran.stderr.contains("there are:"), "{}", ran.stderr);
    for line in ran.stderr.lines() {
        assert!(!line.trim_end().ends_with('-'), "{}", ran.stderr);
    }
}

#[test]
fn list_names_the_checks() {
    let text = selvedge([&"list", &"register"]).exits(0).stdout;
    let json = selvedge([&"list", &"register", &"--json"]).exits(0).json();
    let planned: Vec<Planned> = serde_json::from_value(json).unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), planned.iter().map(|it| it.id.as_str()).collect::<Vec<_>>());
    assert!(planned.iter().any(|it| it.id == "register/conformance/two-writers/atomic/loom"));
    assert!(planned.iter().all(|it| it.id.contains("register")));
}

#[test]
fn table_shows_every_engine_side_by_side_with_a_class_for_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ran = selvedge([&"table", &"any-order/", &"--out", &out]).exits(0);
    let head = ran.stdout.lines().find(|line| line.starts_with("program")).expect("a heading").to_owned();
    let columns: Vec<&str> = head.split_whitespace().collect();
    let engines = ["exhaustive", "loom", "random", "pct", "urw", "pos", "threads"];
    assert_eq!(columns, [&["program", "spec", "subject"][..], &engines].concat());
    // Either waiter may be woken, and ours wakes the one that came first.
    assert!(ran.stdout.contains("n narrower subject"), "{}", ran.stdout);
    let report = read_report(&out);
    let cond = report.systems.iter().find(|system| system.name == "cond").unwrap();
    for row in &cond.outcomes {
        for cell in &row.cells {
            assert!(engines.contains(&cell.engine.as_str()), "{}", cell.engine);
            let classes: Vec<Class> = cell.differences.iter().map(|known| known.class).collect();
            match row.subject.as_str() {
                "reference" if cell.engine != "threads" => assert_eq!(classes, [], "{}", cell.engine),
                "cond" => assert_eq!(classes, [Class::NarrowerSubject], "{}", cell.engine),
                _ => {}
            }
        }
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("One table, all engines") && page.contains("narrower subject"));
    let json = selvedge([&"table", &"any-order/reference", &"--out", &out, &"--json"]).exits(0).json();
    assert_eq!(json["cond"][0]["cells"].as_array().map(Vec::len), Some(engines.len()), "{json:#}");
    selvedge([&"table", &"anyorder", &"--out", &out]).exits(4).explains(&["did you mean `any-order`?"]);
}

#[test]
fn every_program_is_a_file_where_the_report_says_that_it_is() {
    let planned: Vec<Planned> = serde_json::from_value(selvedge([&"list", &"--json"]).exits(0).json()).unwrap();
    let programs: BTreeSet<(&str, &str)> =
        planned.iter().filter_map(|check| Some((check.system.as_str(), check.program.as_deref()?))).collect();
    assert!(programs.len() > 50, "{} programs", programs.len());
    for (system, program) in programs {
        let path = litmus(&format!("{system}/{program}.litmus"));
        assert!(path.is_file(), "{} is not there", path.display());
    }
}

#[test]
fn outcomes_says_what_is_allowed_and_exits_with_1_if_an_expectation_fails() {
    let ran = selvedge([&"outcomes", &litmus("register/two-writers.litmus")]).exits(0);
    assert_eq!(ran.stdout.matches("holds  ").count(), 5, "{}", ran.stdout);
    assert!(ran.stdout.contains("3 outcomes;"), "{}", ran.stdout);

    let (_folder, path) = file("wrong.litmus", &format!("{LOCK_AND_WAIT}\nforall done T1\n"));
    let ran = selvedge([&"outcomes", &path]).exits(1);
    assert!(ran.stdout.contains("DOES NOT HOLD  forall done T1"), "{}", ran.stdout);
    let json = selvedge([&"outcomes", &path, &"--json"]).exits(1).json();
    assert_eq!(json["expectations"][0]["held"], Value::Bool(false));
}

/// So many threads that nobody waits for all of their interleavings.
fn crowd() -> String {
    let threads = (0..10).map(|thread| format!("thread T{thread}\n  lock\n  wait\n  wait\n  unlock\n\n"));
    format!("spec cond\n\n{}never done T0\n", threads.collect::<String>())
}

#[test]
fn outcomes_stops_at_its_bound_and_says_what_it_has_left_out() {
    let program = litmus("cond/L04-fifo.litmus");
    let ran = selvedge([&"outcomes", &program, &"--states", &"5"]).exits(3);
    assert!(ran.stdout.contains("NOT COMPLETE, there may be more outcomes: more than 5 states"), "{}", ran.stdout);
    assert!(ran.stdout.contains("unknown        forall"), "{}", ran.stdout);
    let json = selvedge([&"outcomes", &program, &"--states", &"5", &"--json"]).exits(3).json();
    assert_eq!((&json["complete"], &json["cut"]), (&Value::Bool(false), &Value::from("more than 5 states")));
    selvedge([&"outcomes", &program, &"--states", &"0"]).exits(2).explains(&["from 1 on"]);

    // What was found by then counts, and so does the way there.
    let (_folder, path) = file(
        "aborts.litmus",
        "spec cond\n\nthread T1\n  unlock\n\nthread T2\n  lock\n  wait\n  unlock\n\nthread T3\n  lock\n  wait\n  unlock\n\nexists abort COND-12\n",
    );
    let ran = selvedge([&"outcomes", &path, &"--states", &"3"]).exits(3);
    assert!(ran.stdout.contains("unlock.abort") && ran.stdout.contains("NOT COMPLETE"), "{}", ran.stdout);
    assert!(ran.stdout.contains("holds          exists abort COND-12"), "{}", ran.stdout);
}

#[test]
fn outcomes_shows_the_way_to_where_nothing_ends_any_more() {
    let text = "spec cond\natomic p = 0 seqcst\n\nthread B\n  p = 1\n\nthread A\n  r = p\n  signal-while r == 0\n\nforall done A\n";
    let (_folder, path) = file("spins.litmus", text);
    let ran = selvedge([&"outcomes", &path]).exits(3);
    assert!(ran.stdout.contains("some executions never end"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("reads p = 0") && ran.stdout.contains("unknown        forall done A"),
        "{}",
        ran.stdout
    );
}

#[cfg(target_os = "linux")]
#[test]
fn outcomes_says_how_far_it_is_and_ctrl_c_leaves_with_what_was_found() {
    let (_folder, path) = file("crowd.litmus", &crowd());
    let arguments = [OsStr::new("outcomes"), path.as_os_str()];
    let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().expect("a line while it goes on").unwrap();
    assert!(first.starts_with("exploring: ") && first.contains("states so far, 10000000 at most"), "{first}");
    let signalled = Command::new("sh").arg("-c").arg(format!("kill -s INT {}", child.id())).status().unwrap();
    assert!(signalled.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(rest.iter().any(|line| line.contains("stopping: what was found is kept")), "{rest:?}");
    let ran = Ran::from(child.wait_with_output().unwrap()).exits(3);
    assert!(ran.stdout.contains("NOT COMPLETE, there may be more outcomes: stopped"), "{}", ran.stdout);
}

#[test]
fn a_named_semantics_takes_the_place_of_the_files_own() {
    let program = litmus("cond/L08-if.litmus");
    let ran = selvedge([&"outcomes", &program]).exits(0);
    assert!(ran.stdout.contains("(fails only if spurious wakeups exist)"), "{}", ran.stdout);
    let ran = selvedge([&"outcomes", &program, &"--semantics", &"posix"]).exits(1);
    assert!(ran.stdout.contains("DOES NOT HOLD"), "{}", ran.stdout);
    assert!(ran.stdout.contains("spurious allowed"), "{}", ran.stdout);
    selvedge([&"outcomes", &program, &"--semantics", &"fifo"]).exits(1);
    selvedge([&"outcomes", &program, &"--semantics", &"posx"]).exits(2).explains(&["no semantics `posx`", "`posix`"]);
    let register = litmus("register/two-writers.litmus");
    selvedge([&"outcomes", &register, &"--semantics", &"posix"]).exits(2).explains(&["it has none with a name"]);
    let check = |semantics: &str| check_under(&program, semantics, &[&"--json"]);
    let outcomes = |ran: Ran| ran.json()["outcomes"].as_array().map(Vec::len);
    assert!(outcomes(check("go").exits(0)) < outcomes(check("posix").exits(1)));
}

#[test]
fn a_litmus_file_with_a_mistake_is_shown_with_line_column_and_caret() {
    let (_folder, path) = file("bad.litmus", "spec cond (\n\nthread T1\n  lock\n");
    let ran = selvedge([&"outcomes", &path]).exits(2);
    ran.explains(&["bad.litmus:1:11", "spec cond (", "expected the end of the line, found `(`"]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let shown = lines.iter().position(|line| line.ends_with("spec cond (")).expect("the line itself");
    let caret = lines[shown + 1].chars().count() - 1;
    assert_eq!(lines[shown].chars().nth(caret), Some('('), "the caret points elsewhere:\n{}", ran.stderr);

    let (_folder, path) = file("bad.litmus", "spec cond\n\nthread T1\n  lock\n  brodcast\n");
    selvedge([&"outcomes", &path]).exits(2).explains(&["bad.litmus:5:3", "unknown operation `brodcast`", "broadcast"]);
    selvedge([&"outcomes", &"no-such.litmus"]).exits(2).explains(&["cannot read no-such.litmus"]);
}

#[test]
fn check_runs_one_program_on_one_subject() {
    let path = litmus("cond/L01-signal-has-no-memory.litmus");
    let ran = selvedge([&"check", &path, &"--subject", &"cond", &"--engine", &"loom"]).exits(0);
    assert!(ran.stdout.contains("2 of 2 outcomes witnessed"), "{}", ran.stdout);
    assert!(ran.stdout.contains("loom, outcomes, up to"), "{}", ran.stdout);

    let check = |subject: &str, engine: &str| selvedge([&"check", &path, &"--subject", &subject, &"--engine", &engine]);
    check("tiket", "loom").exits(2).explains(&["has no subject `tiket`", "did you mean `ticket`?"]);
    check("cond", "lom").exits(2).explains(&["no engine `lom`", "did you mean `loom`?"]);
    selvedge([&"verify", &"--engine", &"lom"]).exits(2).explains(&["no engine `lom`", "did you mean `loom`?"]);
}

#[test]
fn check_says_first_which_expectations_the_spec_itself_does_not_meet() {
    let (folder, path) = file("wrong.litmus", &format!("{LOCK_AND_WAIT}\nforall done T1\nforall done T2\n"));
    let out = folder.path().join("out");
    let check = |more: &[&dyn AsRef<OsStr>]| {
        let mut arguments: Vec<&OsStr> = vec!["check".as_ref(), path.as_ref(), "--subject".as_ref(), "cond".as_ref()];
        arguments.extend(["--engine", "exhaustive"].map(OsStr::new));
        arguments.extend(more.iter().map(AsRef::as_ref));
        Ran::of(&mut command(&arguments)).exits(1)
    };
    let ran = check(&[&"--out", &out]);
    let expectation = ran.stdout.find("DOES NOT HOLD  forall done T1\n").unwrap_or_else(|| panic!("{}", ran.stdout));
    let verdict = ran.stdout.find("pass: ").unwrap_or_else(|| panic!("the subject is not at fault\n{}", ran.stdout));
    assert!(expectation < verdict, "{}", ran.stdout);
    assert!(ran.stdout.contains("(fails under every semantics)"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("forall done T2"), "{}", ran.stdout);
    assert_eq!(read_record(&only_record(&out)).expectations[0].held, Some(false));

    for more in [&[&"--json" as &dyn AsRef<OsStr>][..], &[&"--json", &"--mode", &"outcomes", &"--jobs", &"2"]] {
        let json = check(more).json();
        assert_eq!(json["verdict"], "pass", "{json:#}");
        let held: Vec<&Value> = json["expectations"].as_array().unwrap().iter().map(|it| &it["held"]).collect();
        assert_eq!(held, [&Value::Bool(false), &Value::Bool(true)], "{json:#}");
    }
}

#[test]
fn the_command_that_a_check_prints_comes_to_the_same_again() {
    // Who does not sleep is right where wakeups need no reason, as in the file, and wrong under the semantics of Go.
    let text =
        "spec cond\nparameter spurious allowed\n\nthread T1\n  lock\n  wait\n  unlock\n\nthread T2\n  lock\n  unlock\n";
    let (folder, path) = file("it's a program.litmus", text);
    let out = folder.path().join("the record");
    let check: [&dyn AsRef<OsStr>; 10] =
        [&"check", &path, &"--subject", &"sleepless", &"--engine", &"random", &"--semantics", &"go", &"--out", &out];
    let ran = selvedge(check).exits(1);
    let again = ran.stdout.lines().find_map(|line| line.trim().strip_prefix("again: ")).expect("a command");
    assert!(again.ends_with(" --semantics go"), "{again}");
    let record = read_record(&only_record(&out));
    assert_eq!(again, record.reproduce);
    let in_a_shell = |words: &str| {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{} {words}", env!("CARGO_BIN_EXE_selvedge"))).env("NO_COLOR", "1");
        Ran::of(shell.stdin(Stdio::null()))
    };
    let second = in_a_shell(&format!("{} --json", again.strip_prefix("cargo run --release -- ").unwrap())).exits(1);
    let second: Evidence = serde_json::from_value(second.json()).unwrap();
    let said = |record: &Evidence| (record.verdict, record.reason.clone(), record.outcomes.clone());
    assert_eq!(said(&second), said(&record));

    // So does the command line that the run's record has.
    let run: Value = serde_json::from_slice(&std::fs::read(out.join("run.json")).unwrap()).unwrap();
    let words = run["command"].as_str().unwrap().strip_prefix("selvedge ").unwrap().to_owned();
    in_a_shell(&words).exits(1);
}

#[test]
fn nothing_at_a_time_is_refused() {
    let (folder, path) = file("program.litmus", &format!("{LOCK_AND_WAIT}\nexists done T2\n"));
    let out = folder.path().join("never");
    for command in ["verify", "table"] {
        selvedge([&command, &"register", &"--jobs", &"0", &"--out", &out]).exits(2).explains(&["from 1 on"]);
    }
    selvedge([&"fuzz", &"--jobs", &"0", &"--out", &out]).exits(2).explains(&["from 1 on"]);
    let check =
        [&"check" as &dyn AsRef<OsStr>, &path, &"--subject", &"cond", &"--engine", &"exhaustive", &"--jobs", &"0"];
    selvedge(check).exits(2).explains(&["from 1 on"]);
    assert!(!out.exists());
}

#[test]
fn an_unknown_engine_is_answered_with_all_that_can_be_asked_for() {
    let ran = selvedge([&"verify", &"--engine", &"foo"]).exits(2);
    let planned: Vec<Planned> = serde_json::from_value(selvedge([&"list", &"--json"]).exits(0).json()).unwrap();
    let engines: BTreeSet<&str> = planned.iter().map(|it| it.engine.as_str()).collect();
    assert!(engines.contains("hunters") && engines.contains("differential"), "{engines:?}");
    let said = |engine: &str| ran.stderr.split(|c: char| !c.is_alphanumeric()).any(|word| word == engine);
    for engine in engines.iter().copied().chain(["explorer", "loom", "dfs", "random", "threads"]) {
        assert!(said(engine), "{engine} is not in:\n{}", ran.stderr);
    }
    selvedge([&"verify", &"--engine", &"huntres"]).exits(2).explains(&["did you mean `hunters`?"]);
}

#[test]
fn a_reader_who_has_gone_is_no_reason_to_stop() {
    let (folder, program) = file("program.litmus", &format!("{LOCK_AND_WAIT}\nexists done T2\n"));
    let out = |name: &str| folder.path().join(name).display().to_string();
    let unread = |arguments: &[&str]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let status = command(&arguments).stdout(writer.try_clone().unwrap()).stderr(writer).status();
        status.expect("the command starts").code()
    };
    assert_eq!(unread(&["verify", "register", "--out", &out("run")]), Some(0));
    let report = read_report(&folder.path().join("run"));
    assert!(report.not_run.is_empty() && report.failures.is_empty());
    assert!(folder.path().join("run/report.html").is_file() && folder.path().join("run/junit.xml").is_file());
    assert_eq!(unread(&["verify", "register/spec", "--out", &out("json"), "--json"]), Some(0));
    assert_eq!(unread(&["table", "any-order/reference", "--out", &out("table")]), Some(0));
    assert_eq!(unread(&["report", &out("run"), "--out", &out("merged")]), Some(0));
    assert!(folder.path().join("merged/report.json").is_file());

    let program = program.display().to_string();
    let check = ["check", &program, "--subject", "sleepless", "--engine", "random", "--out", &out("check")];
    assert_eq!(unread(&check), Some(1));
    let record = only_record(&folder.path().join("check")).display().to_string();
    assert_eq!(unread(&["replay", &record]), Some(1));
    assert_eq!(unread(&["outcomes", &program]), Some(0));
    assert_eq!(unread(&["list"]), Some(0));
    assert_eq!(unread(&["list", "--json"]), Some(0));
    assert_eq!(unread(&["--help"]), Some(0));
    let header = "{\"selvedge_history\": 1, \"spec\": \"cond\", \"threads\": [\"T1\"]}\n{\"close\": \"cut\"}\n";
    let (_folder, history) = file("history.jsonl", header);
    assert_eq!(unread(&["history", &history.display().to_string()]), Some(0));

    // And who speaks of a mistake to nobody ends as if he had been heard.
    assert_eq!(unread(&["verify", "registr"]), Some(4));
    assert_eq!(unread(&["outcomes", "no-such.litmus"]), Some(2));
    assert_eq!(unread(&["verfy"]), Some(2));
}

/// The files among a directory's records, sorted.
fn records(directory: &Path) -> Vec<PathBuf> {
    let mut folders = vec![directory.join("evidence")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        // It may be replaced at this moment.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    files
}

/// The only record below a directory.
fn only_record(directory: &Path) -> PathBuf {
    let mut files = records(directory);
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// What a record says was found, whatever way its search went.
fn content(record: &Evidence) -> Evidence {
    let mut content = record.clone();
    (content.duration_ms, content.technique, content.reproduce) = Default::default();
    content
}

fn read_record(path: &Path) -> Evidence {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_search_that_is_cut_goes_on_where_it_stopped_and_parts_merge_to_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let program = litmus("cond/any-order.litmus");
    let check = |more: &[&dyn AsRef<OsStr>], out: &Path| {
        let mut arguments: Vec<&OsStr> = ["check".as_ref(), program.as_ref(), "--subject".as_ref()].to_vec();
        arguments.extend([
            "cond".as_ref(),
            "--engine".as_ref(),
            "exhaustive".as_ref(),
            "--out".as_ref(),
            out.as_os_str(),
        ] as [&OsStr; 5]);
        arguments.extend(more.iter().map(AsRef::as_ref));
        Ran::of(&mut command(&arguments))
    };
    check(&[&"--mode", &"histories", &"--executions", &"100000"], &path("whole")).exits(0);
    let whole = read_record(&only_record(&path("whole")));
    assert!(whole.complete && whole.search.is_none() && whole.executions > 100, "{}", whole.technique);

    // In legs.
    let cut = check(&[&"--executions", &"300"], &path("leg")).exits(3);
    assert!(cut.stdout.contains("go on with it by: --resume"), "{}", cut.stdout);
    let (mut legs, mut last) = (1, only_record(&path("leg")));
    loop {
        let out = path(&format!("leg{legs}"));
        let ran = check(&[&"--executions", &"300", &"--resume", &last], &out);
        legs += 1;
        last = only_record(&out);
        if ran.code == Some(0) {
            break;
        }
        ran.exits(3);
    }
    assert!(legs >= whole.executions.div_ceil(300), "{legs} legs");
    assert_eq!(content(&read_record(&last)), content(&whole));

    // In parts, on as many machines.
    for part in ["1/2", "2/2"] {
        check(&[&"--part", &part, &"--executions", &"100000"], &path(&part.replace('/', "of"))).exits(3);
    }
    let (one, two, both) = (path("1of2"), path("2of2"), path("both"));
    selvedge([&"report", &one, &two, &"--out", &both]).exits(0);
    let report = read_report(&both);
    assert_eq!((report.evidence.len(), report.duplicates.len(), report.not_run.len()), (1, 0, 0));
    assert_eq!(content(&report.evidence[0]), content(&whole));
    selvedge([&"report", &one, &"--out", &both]).exits(3);
    assert_eq!(read_report(&both).evidence[0].reason, "part 2 of 2 is missing");

    // Side by side.
    check(&[&"--jobs", &"2", &"--executions", &"100000"], &path("jobs")).exits(0);
    assert_eq!(content(&read_record(&only_record(&path("jobs")))), content(&whole));

    // What belongs to something else.
    let left = only_record(&path("leg"));
    let other = litmus("cond/L04-fifo.litmus");
    let resume = |file: &Path, subject: &str, engine: &str| {
        selvedge([&"check", &file, &"--subject", &subject, &"--engine", &engine, &"--resume", &left])
    };
    resume(&other, "cond", "exhaustive").exits(2).explains(&["belongs to another search", "its program is"]);
    resume(&program, "ticket", "exhaustive").exits(2).explains(&["its subject is cond, and this is ticket"]);
    resume(&program, "cond", "loom").exits(2).explains(&["only the exhaustive engine's search can be split"]);
    let text = std::fs::read_to_string(&left).unwrap();
    let commit = format!("\"commit\": \"{}\"", read_record(&left).maker.commit);
    assert!(text.contains(&commit), "{text}");
    std::fs::write(&left, text.replace(&commit, "\"commit\": \"deadbeefdead\"")).unwrap();
    resume(&program, "cond", "exhaustive").exits(2).explains(&["is of commit deadbeefdead"]);
    let version = format!("\"suite\": \"{}\",\n      \"engine\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    std::fs::write(&left, text.replace(&version, "\"suite\": \"0.0.1\",\n      \"engine\"")).unwrap();
    resume(&program, "cond", "exhaustive").exits(2).explains(&["its suite's version is 0.0.1"]);
    let done = path("whole");
    let done = only_record(&done);
    selvedge([&"check", &program, &"--subject", &"cond", &"--engine", &"exhaustive", &"--resume", &done])
        .exits(2)
        .explains(&["nothing left to go on with"]);
    check(&[&"--part", &"3/2"], &path("never")).exits(2).explains(&["expected M/N"]);
    check(&[&"--mode", &"outcome"], &path("never")).exits(2).explains(&["there are outcomes and histories"]);
    check(&[&"--jobs", &"0"], &path("never")).exits(2).explains(&["from 1 on"]);
    assert!(!path("never").exists());
}

/// Runs `check` with these arguments, asks it to stop once a check runs in a process of its own and the command has said what it
/// is at, and says how the command ended. It is asked as `timeout` does it: the process, and then its whole group.
#[cfg(target_os = "linux")]
fn check_stopped_by_ctrl_c(arguments: &[OsString]) -> Ran {
    use std::os::unix::process::CommandExt;
    let mut child = command(&[OsStr::new("check")]);
    let mut child =
        child.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("waiters.litmus on cond under exhaustive, ")), "it says nothing");
    assert!(!children_of(child.id()).is_empty(), "no check was begun");
    let signals = format!("kill -s INT {0}; sleep 0.02; kill -s INT -- -{0}", child.id());
    let signalled = Command::new("sh").arg("-c").arg(signals).status().unwrap();
    assert!(signalled.success());
    let rest: Vec<String> = lines.collect();
    let mut ran = Ran::from(child.wait_with_output().unwrap()).exits(3);
    ran.stderr = rest.join("\n");
    ran.explains(&["stopping: what was found is kept"]);
    ran
}

/// A program of which nobody waits for all executions.
#[cfg(target_os = "linux")]
fn waiters() -> String {
    let waiters = (1..=3).map(|thread| format!("thread T{thread}\n  lock\n  wait\n  unlock\n\n")).collect::<String>();
    format!("spec cond\n\nthread T0\n  lock\n  broadcast\n  unlock\n\n{waiters}")
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_leaves_a_search_that_can_be_gone_on_with() {
    let (folder, program) = file("waiters.litmus", &waiters());
    let path = |name: &str| folder.path().join(name);
    let (left, more, whole) = (path("left"), path("more"), path("plain"));
    let search = |more: &[&dyn AsRef<OsStr>]| -> Vec<OsString> {
        let common: [&dyn AsRef<OsStr>; 5] = [&program, &"--subject", &"cond", &"--engine", &"exhaustive"];
        common.iter().chain(more).map(|word| word.as_ref().to_owned()).collect()
    };
    let ran = check_stopped_by_ctrl_c(&search(&[&"--executions", &"1000000000", &"--jobs", &"2", &"--out", &left]));
    assert!(ran.stdout.contains("inconclusive: the search was stopped: about"), "{}", ran.stdout);
    assert!(ran.stdout.contains("go on with it by: --resume"), "{}", ran.stdout);
    let record = only_record(&left);
    let found = read_record(&record);
    let parts = &found.search.as_ref().expect("a frontier").parts;
    assert!(parts.len() == 2 && parts.iter().all(|part| part.left.is_some()), "{parts:?}");
    assert!(found.executions > 0, "{}", found.technique);
    let run: Value = serde_json::from_slice(&std::fs::read(left.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["interrupted"], Value::Bool(true));

    let resume = search(&[&"--executions", &"100", &"--resume", &record, &"--out", &more]);
    Ran::of(command(&[OsStr::new("check")]).args(resume)).exits(3);
    let further = read_record(&only_record(&more)).executions;
    assert!((found.executions + 1..=found.executions + 200).contains(&further), "{} {further}", found.executions);

    // Where nothing can be gone on with there is nothing to write.
    check_stopped_by_ctrl_c(&search(&[&"--profile", &"full", &"--out", &whole]))
        .explains(&["the check was stopped before it came to a verdict"]);
    assert!(!whole.exists());
}

#[test]
fn a_failing_record_replays_to_the_same_sentence_and_to_nothing_else() {
    let (folder, program) = file("lock-and-wait.litmus", LOCK_AND_WAIT);
    let ran = selvedge([&"check", &program, &"--subject", &"sleepless", &"--engine", &"random", &"--json"]).exits(1);
    let record = ran.json();
    let sentence = record["counterexample"]["sentence"].as_str().unwrap();
    assert!(sentence.contains("COND-17"), "{sentence}");
    let path = folder.path().join("record.json");
    let replay = |record: &Value| {
        std::fs::write(&path, record.to_string()).unwrap();
        selvedge([&"replay", &path])
    };
    let again = replay(&record).exits(1);
    assert!(again.stdout.contains(sentence), "{}", again.stdout);

    let token = record["counterexample"]["token"].as_str().unwrap();
    let digest_at = token.find(':').unwrap() + 1;
    let other = if &token[digest_at..=digest_at] == "0" { "1" } else { "0" };
    let mut edited = record.clone();
    edited["counterexample"]["token"] = format!("{}{other}{}", &token[..digest_at], &token[digest_at + 1..]).into();
    replay(&edited).exits(2).explains(&["the token belongs to something else"]);

    let mut changed = record.clone();
    let text = record["counterexample"]["program"].as_str().unwrap();
    assert!(text.contains("  wait\n"));
    changed["counterexample"]["program"] = text.replace("  wait\n", "  wait\n  signal\n").into();
    replay(&changed).exits(2).explains(&["the token belongs to something else"]);

    let mut older = record.clone();
    older["format"] = 999.into();
    replay(&older).exits(2).explains(&["has format 999", "refused, not guessed at"]);
    std::fs::create_dir(folder.path().join("evidence")).unwrap();
    std::fs::copy(&path, folder.path().join("evidence/record.json")).unwrap();
    let out = folder.path().join("merged");
    selvedge([&"report", &folder.path().join("evidence"), &"--out", &out]).exits(2).explains(&["has format 999"]);
    assert!(!out.exists());

    std::fs::write(&path, "{").unwrap();
    selvedge([&"replay", &path]).exits(2).explains(&["is not a record of ours"]);
}

#[test]
fn histories_are_judged_and_malformed_ones_refused() {
    let header = r#"{"selvedge_history": 1, "spec": "cond", "threads": ["T1", "T2"]}"#;
    let locked = |thread: &str| {
        format!("{{\"thread\": \"{thread}\", \"call\": \"lock\"}}\n{{\"thread\": \"{thread}\", \"return\": \"ok\"}}\n")
    };
    let close = r#"{"close": "cut"}"#;
    let judge = |text: String| {
        let (_folder, path) = file("history.jsonl", &text);
        selvedge([&"history", &path])
    };
    let ran = judge(format!("{header}\n{}{close}\n", locked("T1"))).exits(0);
    assert!(ran.stdout.contains("the spec allows this history: 2 events"), "{}", ran.stdout);
    let ran = judge(format!("{header}\n{}{}{close}\n", locked("T1"), locked("T2"))).exits(1);
    assert!(ran.stdout.contains("T2's `lock` returned ok") && ran.stdout.contains("COND-11"), "{}", ran.stdout);

    let slip = locked("T1").replace("return", "retrun");
    judge(format!("{header}\n{slip}{close}\n")).exits(2).explains(&[
        "history.jsonl:3:",
        "unknown key `retrun`",
        "did you mean `return`?",
    ]);
    judge(format!("{header}\n{}", locked("T1"))).exits(2).explains(&["does not say how it ends"]);
    let unknown = header.replace("cond", "con");
    judge(format!("{unknown}\n{close}\n")).exits(2).explains(&["no spec `con`", "did you mean `cond`?"]);
}

#[test]
fn parts_of_a_run_merge_to_the_whole_with_every_check_once() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, merged, half] = ["first", "second", "merged", "half"].map(|name| folder.path().join(name));
    let ran = selvedge([&"verify", &"register", &"--partition", &"hash:1/2", &"--out", &first]).exits(0);
    assert!(ran.stdout.contains("Part 1 of 2 alone. No violation found: "), "{}", ran.stdout);
    let report = read_report(&first);
    assert!(report.not_run.is_empty(), "what belongs to the other part was never to be run here");
    assert_eq!(report.counts.deciding.checks, report.counts.deciding.pass);
    selvedge([&"verify", &"register", &"--partition", &"hash:2/2", &"--out", &second]).exits(0);
    let ran = selvedge([&"report", &first, &second, &"--out", &merged]).exits(0);
    assert!(!ran.stdout.contains(" of 2 alone"), "{}", ran.stdout);
    let listed = selvedge([&"list", &"register"]).exits(0).stdout;
    let mut expected: Vec<&str> = listed.lines().collect();
    expected.sort_unstable();
    let report = read_report(&merged);
    let mut found: Vec<&str> = report.evidence.iter().map(|record| record.check.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(report.not_run.is_empty() && report.duplicates.is_empty());

    // A part alone is not the whole, and says so.
    selvedge([&"report", &first, &"--out", &half]).exits(3);
    let report = read_report(&half);
    assert_eq!(report.evidence.len() + report.not_run.len(), expected.len());
    assert!(!report.evidence.is_empty() && !report.not_run.is_empty());

    selvedge([&"report", &folder.path().join("nowhere"), &"--out", &merged]).exits(2).explains(&["cannot read"]);

    // A part with nothing in it.
    let listed: Vec<Planned> = serde_json::from_value(selvedge([&"list", &"register/spec", &"--json"]).json()).unwrap();
    let nobodys = (1..=400).map(|index| Partition { index, count: 400 });
    let empty = nobodys.into_iter().find(|part| listed.iter().all(|check| !part.holds(&check.id))).unwrap();
    let ran = selvedge([&"verify", &"register/spec", &"--partition", &empty.to_string(), &"--out", &half]).exits(4);
    assert!(ran.stdout.contains(&format!("Part {} of 400 alone. Nothing ran.", empty.index)), "{}", ran.stdout);
    let ran = selvedge([&"report", &half, &"--out", &merged]).exits(3);
    assert_eq!(ran.stdout.matches("missing").count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("to 400 of 400 are missing: their runs left no records here."), "{}", ran.stdout);
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_keeps_what_was_found_and_lists_what_was_not_run() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = ["verify", "cond/conformance", "--jobs", "1", "--out"].map(OsStr::new);
    let mut child = command(&[&arguments[..], &[out.as_os_str()]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().expect("a line a check").unwrap();
    let id = first.split_whitespace().nth(1).unwrap().to_owned();
    // As a terminal does: to the whole group.
    let signalled = Command::new("sh").arg("-c").arg(format!("kill -s INT -- -{}", child.id())).status().unwrap();
    assert!(signalled.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("stopping: what was found is kept")), "{rest:?}");

    let report = read_report(&out);
    assert!(report.evidence.iter().any(|record| record.check == id), "{id} had ended");
    assert!(!report.not_run.is_empty(), "the run was over before it could be stopped");
    assert!(report.runs[0].plan.as_ref().unwrap().interrupted);
    // A child that Ctrl-C killed would look like one that died of its check.
    assert_eq!(report.failures.len(), 0, "{:?}", report.failures);
    let began = Instant::now();
    while !children_of(child.id()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?} still run", children_of(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    }
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    for missing in &report.not_run {
        assert!(page.contains(&missing.check.id), "{}", missing.check.id);
    }
}

/// The processes that run checks for a command: the file for their answer is named after it.
#[cfg(target_os = "linux")]
fn children_of(command: u32) -> Vec<String> {
    let answer = format!("selvedge-{command}-");
    let processes = std::fs::read_dir("/proc").expect("Linux has it").flatten();
    let environments = processes.filter_map(|process| {
        let environment = std::fs::read(process.path().join("environ")).ok()?;
        let is_child = String::from_utf8_lossy(&environment).contains(&answer);
        is_child.then(|| process.file_name().to_string_lossy().into_owned())
    });
    environments.collect()
}
