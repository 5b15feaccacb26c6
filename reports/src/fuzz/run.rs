//! Building one target, fuzzing it, and making what it found small.
//!
//! Compiler and fuzzer are child processes, each in a process group of its own: Ctrl-C reaches them through us, so that a
//! fuzzer has told its sums when the command ends.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge_verify::evidence::{Crash, Evidence, FORMAT, Fuzzing, Maker, Verdict};
use selvedge_verify::fuzz::MUTANT;
use selvedge_verify::mutant::Planted;

use super::libfuzzer::Said;
use super::targets::{CANARY, Target, Targets, cargo};
use super::{Toolchain, planned, planned_mutant};
use crate::suite::Planned;

/// The name of the fuzzer in records.
pub const LIBFUZZER: &str = "libfuzzer";

/// How long one input may take before it counts as a crash.
const INPUT_SECONDS_MAX: u64 = 10;

/// Memory that a target may use.
const MEMORY_MIB_MAX: u64 = 2_048;

/// How long an input that crashes is made smaller, and how often: whichever comes first.
const SHRINK_SECONDS_MAX: u64 = 10;
const SHRINK_EXECUTIONS_MAX: u64 = 100_000;

/// What the build of one target may take.
const BUILD_MAX: Duration = Duration::from_secs(3_600);

/// What a fuzzer may take beyond its time before it is given up: it looks at the clock between inputs.
const GRACE: Duration = Duration::from_secs(60);

/// The seed of libFuzzer where a planted bug is looked for: fixed, so that two runs find the same.
const SEED: u32 = 1;

/// What the canary plants.
const PLANTED: &str = "a panic behind a word that only feedback spells out";

/// One run of the command, for the targets of it.
#[derive(Debug)]
pub struct Session {
    /// The targets that there are.
    pub targets: Targets,
    /// What builds them.
    pub toolchain: Toolchain,
    /// Where records, logs and crashes go; an absolute path.
    pub out: PathBuf,
    /// What each target may take.
    pub granted: Duration,
    /// Who makes the records.
    pub maker: Maker,
}

/// What a target came to.
struct Found {
    verdict: Verdict,
    reason: String,
    said: Said,
    fuzzing: Option<Fuzzing>,
}

impl Session {
    /// Builds a target, by way of cargo-fuzz.
    ///
    /// # Errors
    ///
    /// The end of what the build said.
    pub fn build(&self, target: &Target, stop: &AtomicBool) -> Result<(), String> {
        let log = self.log_of(&target.name, "build");
        let mut build = self.toolchain.command(cargo());
        build.args(["fuzz", "build", "--fuzz-dir"]).arg(&self.targets.folder);
        build.arg("--target-dir").arg(&self.targets.target_directory).args(self.toolchain.options()).arg(&target.name);
        // cargo-fuzz looks for a manifest where it stands.
        match run_until(build.current_dir(&self.targets.folder), &log, BUILD_MAX, stop) {
            Ok(End::Exited(status)) if status.success() => Ok(()),
            Ok(End::Exited(_)) => Err(format!("{} cannot be built: {}", target.name, tail(&read(&log)))),
            Ok(End::Stopped) => Err("the build was stopped".to_owned()),
            Ok(End::Overdue) => Err(format!("{} cannot be built within {} s", target.name, BUILD_MAX.as_secs())),
            Err(error) => Err(format!("{} cannot be built: {error}", target.name)),
        }
    }

    /// The record of a check whose target could not be built.
    pub fn unbuilt(&self, planned: &Planned, reason: String) -> Evidence {
        let found = Found { verdict: Verdict::Error, reason, said: Said::default(), fuzzing: None };
        self.evidence(planned.clone(), found, Duration::ZERO)
    }

    /// Fuzzes a target until its time is over, it crashes, or the user stops it.
    pub fn fuzz(&self, target: &Target, stop: &AtomicBool) -> Evidence {
        let started = Instant::now();
        let found = self.found(target, None, stop);
        let is_sung = target.name == CANARY && found.verdict == Verdict::Pass;
        let executions = found.said.executions;
        Evidence {
            note: (target.name == CANARY).then(|| PLANTED.to_owned()),
            killed_after: is_sung.then_some(executions),
            ..self.evidence(planned(&target.name), found, started.elapsed())
        }
    }

    /// Fuzzes a target that runs a planted bug, from an empty corpus, until the bug is found or the time is over.
    pub fn hunt(&self, target: &Target, bug: &Planted<()>, stop: &AtomicBool) -> Evidence {
        let started = Instant::now();
        let found = self.found(target, Some(bug), stop);
        let is_killed = found.verdict == Verdict::Pass;
        let executions = found.said.executions;
        let name = format!("{}/{}", target.name, bug.name);
        Evidence {
            note: Some(bug.planted.to_owned()),
            clauses: vec![bug.breaks.to_owned()],
            killed_after: is_killed.then_some(executions),
            reproduce: format!("cargo run --release -- fuzz --mutants {name} --seconds {}", self.granted.as_secs()),
            ..self.evidence(planned_mutant(&target.name, bug), found, started.elapsed())
        }
    }

    fn found(&self, target: &Target, bug: Option<&Planted<()>>, stop: &AtomicBool) -> Found {
        self.find(target, bug, stop).unwrap_or_else(|error| Found {
            verdict: Verdict::Error,
            reason: format!("the fuzzer could not be run: {error}"),
            said: Said::default(),
            fuzzing: None,
        })
    }

    fn find(&self, target: &Target, bug: Option<&Planted<()>>, stop: &AtomicBool) -> io::Result<Found> {
        let is_canary = target.name == CANARY;
        let name = bug.map_or_else(|| target.name.clone(), |bug| format!("{}/{}", target.name, bug.name));
        let corpus = match bug {
            None => self.targets.folder.join("corpus").join(&name),
            Some(_) => self.out.join("corpora").join(&name),
        };
        if (is_canary || bug.is_some()) && corpus.is_dir() {
            // What an earlier run had nearly found would make it easy.
            fs::remove_dir_all(&corpus)?;
        }
        let artifacts = self.out.join("artifacts").join(&name);
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&artifacts)?;
        let inputs = if bug.is_some() { &[][..] } else { &target.inputs };
        let inputs_before = inputs.iter().chain([&corpus]).map(|folder| count_files(folder)).sum();

        let mut fuzzer = self.fuzzer(target);
        if let Some(bug) = bug {
            fuzzer.env(MUTANT, bug.name).arg(format!("-seed={SEED}"));
        }
        // libFuzzer keeps what it finds in the first folder and only reads the others.
        fuzzer.arg(&corpus).args(inputs);
        fuzzer.arg(format!("-max_total_time={}", self.granted.as_secs().max(1)));
        fuzzer.arg("-print_final_stats=1").arg(format!("-artifact_prefix={}/", artifacts.display()));
        fuzzer.args(target.max_len.map(|bytes| format!("-max_len={bytes}")));
        fuzzer.args(target.dictionary.iter().map(|path| format!("-dict={}", path.display())));
        let log = self.log_of(&name.replace('/', "-"), "run");
        let started = Instant::now();
        let end = run_until(&mut fuzzer, &log, self.granted + GRACE, stop)?;
        let took = started.elapsed();

        let said = Said::read(&read(&log));
        let mut crashes = Vec::new();
        if let Some(path) = &said.crash {
            let crash = self.crash(target, bug, path, said.message.as_deref());
            // Of a planted bug it is enough to know that it was found.
            crashes.push(if bug.is_some() { crash } else { self.made_small(target, path, crash, stop)? });
        }
        if !is_canary && bug.is_none() && !stop.load(Ordering::Relaxed) {
            self.minimise(target, &corpus, stop)?;
        }
        let (verdict, reason) = self.judge(&said, &crashes, end, took, &log);
        let fuzzing = Fuzzing {
            granted_ms: milliseconds(self.granted),
            inputs_before,
            inputs_after: count_files(&corpus),
            new_units: said.new_units,
            // libFuzzer's own number counts whole seconds, and is 0 for a run of less than one.
            executions_per_second: u64::try_from(u128::from(said.executions) * 1_000 / took.as_millis().max(1))
                .unwrap_or(u64::MAX),
            edges: said.edges,
            features: said.features,
            peak_rss_mib: said.peak_rss_mib,
            crashes,
        };
        let (verdict, reason) = match bug {
            Some(_) if said.message.as_ref().is_some_and(|message| message.contains(MUTANT)) => {
                (Verdict::Error, format!("the target does not know the bug: {reason}"))
            }
            Some(bug) => must_be_found(bug.planted, verdict, reason),
            None if is_canary => must_be_found(PLANTED, verdict, reason),
            None => (verdict, reason),
        };
        if bug.is_some() {
            fs::remove_dir_all(&corpus)?;
        }
        Ok(Found { verdict, reason, said, fuzzing: Some(fuzzing) })
    }

    fn judge(&self, said: &Said, crashes: &[Crash], end: End, took: Duration, log: &Path) -> (Verdict, String) {
        if let Some(crash) = crashes.first() {
            let first_line = crash.message.lines().nth(1).unwrap_or(&crash.message);
            return (Verdict::Fail, format!("an input of {} bytes crashes it: {first_line}", crash.bytes));
        }
        let said_last = || tail(&read(log));
        match end {
            End::Overdue => (Verdict::Error, format!("it did not end {} s after its time", GRACE.as_secs())),
            End::Stopped => {
                let reason =
                    format!("it was stopped after {} of {} seconds", took.as_secs(), self.granted.as_secs().max(1));
                (Verdict::Inconclusive, reason)
            }
            End::Exited(status) if !status.success() => (
                Verdict::Error,
                format!("the fuzzer failed ({status}) without an input to show for it: {}", said_last()),
            ),
            End::Exited(_) if said.executions == 0 => {
                (Verdict::Error, format!("the fuzzer executed nothing: {}", said_last()))
            }
            // Without feedback it draws blindly, and nobody would know.
            End::Exited(_) if said.edges == 0 => {
                (Verdict::Error, "the target is not instrumented: the fuzzer saw no edge of it".to_owned())
            }
            End::Exited(_) => {
                (Verdict::Pass, format!("no input crashed it: {} executions, {} edges", said.executions, said.edges))
            }
        }
    }

    /// The input that crashes, as it was found.
    fn crash(&self, target: &Target, bug: Option<&Planted<()>>, found: &Path, message: Option<&str>) -> Crash {
        let variable = bug.map(|bug| format!("{MUTANT}={} ", bug.name)).unwrap_or_default();
        Crash {
            input: self.named(found),
            found_bytes: size(found),
            bytes: size(found),
            message: message.unwrap_or("it said nothing").to_owned(),
            reproduce: variable + &self.reproduce_crash(target, found),
        }
    }

    /// The input that crashes, as small as it gets in little time; it must crash still.
    fn made_small(&self, target: &Target, found: &Path, mut crash: Crash, stop: &AtomicBool) -> io::Result<Crash> {
        // An input that hangs or eats memory would do so at every attempt.
        let name = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if !name.starts_with("crash-") || stop.load(Ordering::Relaxed) {
            return Ok(crash);
        }
        let smaller = found.with_file_name(format!("small-{name}"));
        let mut shrink = self.fuzzer(target);
        shrink.arg("-minimize_crash=1").arg(format!("-max_total_time={SHRINK_SECONDS_MAX}"));
        shrink.arg(format!("-runs={SHRINK_EXECUTIONS_MAX}"));
        shrink.arg(format!("-exact_artifact_path={}", smaller.display())).arg(found);
        let limit = Duration::from_secs(SHRINK_SECONDS_MAX) + GRACE;
        run_until(&mut shrink, &self.log_of(&target.name, "shrink"), limit, stop)?;
        if smaller.is_file() && size(&smaller) < crash.found_bytes {
            let log = self.log_of(&target.name, "crash");
            let end = run_until(self.fuzzer(target).arg(&smaller), &log, GRACE, stop)?;
            if matches!(end, End::Exited(status) if !status.success()) {
                crash.bytes = size(&smaller);
                crash.message = Said::read(&read(&log)).message.unwrap_or(crash.message);
                crash.input = self.named(&smaller);
                crash.reproduce = self.reproduce_crash(target, &smaller);
            }
        }
        Ok(crash)
    }

    /// Leaves only those inputs in the corpus that reach what no other does.
    fn minimise(&self, target: &Target, corpus: &Path, stop: &AtomicBool) -> io::Result<()> {
        let before = count_files(corpus);
        if before == 0 {
            return Ok(());
        }
        let kept = corpus.with_file_name(format!(".{}-kept", target.name));
        if kept.is_dir() {
            fs::remove_dir_all(&kept)?;
        }
        fs::create_dir_all(&kept)?;
        let mut merge = self.fuzzer(target);
        merge.arg("-merge=1").arg(&kept).arg(corpus);
        let limit = self.granted + 10 * GRACE;
        let end = run_until(&mut merge, &self.log_of(&target.name, "merge"), limit, stop)?;
        // A merge that failed or was stopped must not cost what was found.
        if matches!(end, End::Exited(status) if status.success()) && count_files(&kept) > 0 {
            fs::remove_dir_all(corpus)?;
            fs::rename(&kept, corpus)
        } else {
            fs::remove_dir_all(&kept)
        }
    }

    /// The built target, with the limits that each of its runs has.
    fn fuzzer(&self, target: &Target) -> Command {
        let mut fuzzer =
            Command::new(self.targets.target_directory.join(&self.toolchain.host).join("release").join(&target.name));
        fuzzer.arg(format!("-timeout={INPUT_SECONDS_MAX}")).arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"));
        // A planted bug is run where it is to be found, and a backtrace is not the message.
        fuzzer.env_remove(MUTANT).env("RUST_BACKTRACE", "0").current_dir(&self.targets.folder);
        fuzzer
    }

    fn log_of(&self, target: &str, what: &str) -> PathBuf {
        self.out.join("logs").join(format!("{target}-{what}.log"))
    }

    /// A path as a reader of the report finds it: below the folder of the run, if it is there.
    fn named(&self, path: &Path) -> String {
        path.strip_prefix(&self.out).unwrap_or(path).display().to_string()
    }

    fn reproduce_crash(&self, target: &Target, input: &Path) -> String {
        let bootstrap = if self.toolchain.is_stable { "RUSTC_BOOTSTRAP=1 " } else { "" };
        let options = self.toolchain.options().join(" ");
        format!("{bootstrap}cargo fuzz run {options} {} {}", target.name, input.display())
    }

    fn evidence(&self, planned: Planned, found: Found, took: Duration) -> Evidence {
        let Found { verdict, reason, said, fuzzing } = found;
        let seconds = self.granted.as_secs().max(1);
        let from = match fuzzing.as_ref().map_or(0, |fuzzing| fuzzing.inputs_before) {
            0 => "an empty corpus".to_owned(),
            inputs => format!("{inputs} inputs"),
        };
        let minutes = self.granted.as_secs_f64() / 60.0;
        let name = planned.subject.clone().unwrap_or_default();
        Evidence {
            format: FORMAT,
            check: planned.id,
            kind: planned.kind,
            system: planned.system,
            program: planned.program,
            subject: planned.subject,
            engine: planned.engine,
            verdict,
            reason,
            mode: None,
            technique: format!("libFuzzer, at most {seconds} s, from {from}, {} executions", said.executions),
            complete: false,
            preemptions: None,
            executions: said.executions,
            histories: 0,
            states: 0,
            outcomes: Vec::new(),
            relation: None,
            rules: Default::default(),
            clauses: Vec::new(),
            expectations: Vec::new(),
            observations: Vec::new(),
            graphs: Vec::new(),
            note: None,
            killed_after: None,
            counterexample: None,
            comparison: None,
            fuzzing,
            search: None,
            reproduce: format!("cargo run --release -- fuzz {name} --minutes {minutes:.2}"),
            seed: said.seed,
            duration_ms: milliseconds(took),
            maker: self.maker.clone(),
        }
    }
}

/// What has something planted passes by crashing.
fn must_be_found(planted: &str, verdict: Verdict, reason: String) -> (Verdict, String) {
    match verdict {
        Verdict::Fail => (Verdict::Pass, format!("found: {reason}")),
        Verdict::Pass => (Verdict::Fail, format!("the fuzzer did not find what is planted ({planted}): {reason}")),
        other => (other, reason),
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug)]
enum End {
    Exited(ExitStatus),
    /// The user wished it.
    Stopped,
    /// It took longer than it may.
    Overdue,
}

/// Runs a child with its output in a log. Where the user stops us it is asked to end, and has time to tell its sums.
fn run_until(command: &mut Command, log: &Path, limit: Duration, stop: &AtomicBool) -> io::Result<End> {
    let file = fs::File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // It may have ended just now; then there is nobody to tell.
    let tell = |signal| group.map(|group| kill_process_group(group, signal));
    let started = Instant::now();
    let mut is_asked = false;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if is_asked { End::Stopped } else { End::Exited(status) });
        }
        if !is_asked && stop.load(Ordering::Relaxed) {
            is_asked = true;
            tell(Signal::INT);
        }
        if started.elapsed() > limit {
            tell(Signal::KILL);
            child.wait()?;
            return Ok(if is_asked { End::Stopped } else { End::Overdue });
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A log as text, whatever is in it; nothing, if it is not there.
fn read(log: &Path) -> String {
    fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The last lines: where the reason is.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// The files below a folder, those in folders of it too.
fn count_files(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let paths = entries.flatten().map(|entry| entry.path());
    paths.map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
