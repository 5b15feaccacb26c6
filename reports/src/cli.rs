//! The command line: what each subcommand does with the suite, and how the command ends.
//!
//! Exit codes are [`Exit`]'s. Bad input is explained on standard error with what was expected, and leaves nothing half
//! done. Every record is written as its check ends; stopping a run with Ctrl-C leaves what was found, and a report that
//! lists what was not run.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, CommandFactory, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, WrapErr, miette};
use selvedge::platform::Arc;
use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge::platform::host::{Mutex, PoisonError, mpsc};
use selvedge_model::spec::nearest;
use selvedge_verify::engine::Engine;
use selvedge_verify::evidence::{Evidence, FORMAT, Verdict};

use crate::exit::Exit;
use crate::report::Report;
use crate::store::{self, RunRecord};
use crate::suite::{Answer, Options, Partition, Planned, Profile, Suite};
use crate::{html, junit, table};

/// Hold concurrency primitives against their executable specs.
#[derive(Debug, Parser)]
#[command(name = "selvedge", version, after_help = EXIT_CODES)]
struct Cli {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_CODES: &str = "Exit codes: 0 every check passed, 1 a violation, 2 bad input, 3 inconclusive or stopped, \
                          4 nothing ran, 5 the harness failed or a canary stayed silent.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the checks and write evidence and a report (the default).
    Verify(Verify),
    /// List the checks there are.
    List {
        /// Only checks whose id contains one of these.
        filter: Vec<String>,
    },
    /// Print everything that the spec lets a litmus test come to, and a shortest way there.
    Outcomes {
        /// The litmus file.
        file: PathBuf,
        #[command(flatten)]
        under: Under,
    },
    /// Run a litmus test over a subject.
    Check {
        /// The litmus file.
        file: PathBuf,
        /// The subject, for instance `cond`, `ticket`, `std` or `reference`.
        #[arg(long)]
        subject: String,
        /// The engine: exhaustive, loom, dfs, random, pct, urw, pos, portfolio or threads.
        #[arg(long)]
        engine: String,
        #[command(flatten)]
        depth: Depth,
        #[command(flatten)]
        under: Under,
    },
    /// Run the counterexample of a record again.
    Replay {
        /// The record, a file below `evidence/`.
        evidence: PathBuf,
    },
    /// Merge the evidence of one or several runs into a report.
    Report {
        /// Directories that `verify --out` wrote.
        #[arg(required = true)]
        directories: Vec<PathBuf>,
        /// Where the report goes.
        #[arg(short, long)]
        out: PathBuf,
    },
    /// Judge a history that any program recorded, in JSON lines.
    History {
        /// The history file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Verify {
    /// Only checks whose id contains one of these.
    filter: Vec<String>,
    /// Only checks under this engine.
    #[arg(long)]
    engine: Option<String>,
    #[command(flatten)]
    depth: Depth,
    /// Checks at a time; by default one a processor.
    #[arg(long)]
    jobs: Option<usize>,
    /// Only part M of N, by a hash of the check's id that is the same on every machine.
    #[arg(long, value_name = "hash:M/N")]
    partition: Option<Partition>,
    /// Where evidence and report go.
    #[arg(long, default_value = "report")]
    out: PathBuf,
}

#[derive(Debug, Args, Default, Clone, Copy)]
struct Depth {
    /// How deep to look.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Seed for the engines that draw; fixed by default.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Debug, Args)]
struct Under {
    /// Take the file under a named semantics (`go`, `posix` or `fifo` for `cond`) instead of the parameters that it sets.
    #[arg(long, value_name = "NAME")]
    semantics: Option<String>,
}

impl Depth {
    fn options(self) -> Options {
        Options { profile: self.profile, seed: self.seed, semantics: None, stop: Arc::new(AtomicBool::new(false)) }
    }
}

impl Under {
    fn options(self, depth: Depth) -> Options {
        Options { semantics: self.semantics, ..depth.options() }
    }
}

/// What the command takes, for whoever documents it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command with the given arguments, the program's name first.
pub fn run<S: Suite>(suite: S, arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let is_answer = !error.use_stderr();
            // The message is all there is to say; where it cannot be printed nothing can.
            let _ = error.print();
            return if is_answer { Exit::Pass } else { Exit::BadInput };
        }
    };
    let json = cli.json;
    let suite = Arc::new(suite);
    let ended = match cli.command {
        // `selvedge` alone is `selvedge verify`.
        None => {
            let arguments = Verify {
                filter: Vec::new(),
                engine: None,
                depth: Depth::default(),
                jobs: None,
                partition: None,
                out: PathBuf::from("report"),
            };
            verify(&suite, &arguments, &arguments_in_words(&[]), json)
        }
        Some(Command::Verify(verifying)) => {
            verify(&suite, &verifying, &arguments_in_words(arguments.get(1..).unwrap_or_default()), json)
        }
        Some(Command::List { filter }) => list(&*suite, &filter, json),
        Some(Command::Outcomes { file, under }) => {
            suite.outcomes(&file, &under.options(Depth::default())).map(|answer| say(&answer, json))
        }
        Some(Command::Check { file, subject, engine, depth, under }) => {
            suite.check(&file, &subject, &engine, &under.options(depth)).map(|answer| say(&answer, json))
        }
        Some(Command::Replay { evidence }) => replay(&*suite, &evidence, json),
        Some(Command::Report { directories, out }) => merge(&*suite, &directories, &out, json),
        Some(Command::History { file }) => suite.history(&file, &Depth::default().options()).map(|it| say(&it, json)),
    };
    ended.unwrap_or_else(|problem| {
        eprintln!("{problem:?}");
        Exit::BadInput
    })
}

/// The command line, for the record.
fn arguments_in_words(arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once("selvedge".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Prints an answer; the verdict decides how the command ends.
fn say(answer: &Answer, json: bool) -> Exit {
    if json {
        print_json(&answer.json);
    } else {
        print(&answer.text);
    }
    match answer.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Violation,
        Verdict::Inconclusive => Exit::Inconclusive,
        Verdict::Skipped => Exit::NothingRan,
        Verdict::Error => Exit::HarnessFailed,
    }
}

/// Prints, and does not mind a reader who has gone.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn print_json(value: &serde_json::Value) {
    print(&format!("{value:#}\n"));
}

fn list<S: Suite>(suite: &S, filter: &[String], json: bool) -> miette::Result<Exit> {
    let plan = selected(suite.plan(&Depth::default().options())?, filter, None)?;
    if json {
        print_json(&serde_json::to_value(&plan).into_diagnostic()?);
    } else {
        for planned in &plan {
            print(&format!("{}\n", planned.id));
        }
    }
    Ok(if plan.is_empty() { Exit::NothingRan } else { Exit::Pass })
}

/// The checks that filters and engine select, in order.
fn selected(plan: Vec<Planned>, filter: &[String], engine: Option<&str>) -> miette::Result<Vec<Planned>> {
    if let Some(name) = engine {
        let is_known = name == "explorer" || name.parse::<Engine>().is_ok() || plan.iter().any(|it| it.engine == name);
        if !is_known {
            let message = name.parse::<Engine>().err().unwrap_or_default();
            return Err(miette!("{message}"));
        }
    }
    let is_wanted = |planned: &Planned| {
        let by_filter = filter.is_empty() || filter.iter().any(|part| planned.id.contains(part));
        by_filter && engine.is_none_or(|engine| planned.engine == engine)
    };
    Ok(plan.into_iter().filter(is_wanted).collect())
}

fn verify<S: Suite>(suite: &Arc<S>, arguments: &Verify, command: &str, json: bool) -> miette::Result<Exit> {
    let options = arguments.depth.options();
    let plan = suite.plan(&options)?;
    let known = plan.len();
    let ids: Vec<String> = plan.iter().map(|planned| planned.id.clone()).collect();
    let wanted = selected(plan, &arguments.filter, arguments.engine.as_deref())?;
    if wanted.is_empty() {
        say_nothing_matches(&arguments.filter, arguments.engine.as_deref(), &ids);
        return Ok(Exit::NothingRan);
    }
    let in_part = |planned: &&Planned| arguments.partition.is_none_or(|part| part.holds(&planned.id));
    let ours: VecDeque<Planned> = wanted.iter().filter(in_part).cloned().collect();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or(processors).max(1);
    let out = &arguments.out;
    store::begin(out).into_diagnostic().wrap_err_with(|| format!("cannot write to {}", out.display()))?;
    let mut record = RunRecord {
        format: FORMAT,
        command: command.to_owned(),
        profile: options.profile,
        filters: arguments.filter.clone(),
        engine: arguments.engine.clone(),
        seed: options.seed,
        jobs,
        partition: arguments.partition,
        known,
        selected: wanted,
        started_at: now(),
        finished_at: None,
        interrupted: false,
        processors,
        processor: processor_name(),
        maker: suite.maker(),
    };
    store::write_run(out, &record).into_diagnostic()?;
    stop_on_ctrl_c(&options);
    work(suite, ours, &options, jobs, out)?;
    record.interrupted = options.stop.load(Ordering::Relaxed);
    record.finished_at = Some(now());
    store::write_run(out, &record).into_diagnostic()?;
    let report = assemble(&**suite, std::slice::from_ref(out))?;
    write_report(&report, out)?;
    if json {
        print_json(&serde_json::to_value(&report.conclusion).into_diagnostic()?);
    } else {
        print(&table::render(&report));
        print(&format!("report: {}\n", out.join("report.html").display()));
    }
    Ok(report.conclusion.outcome)
}

fn say_nothing_matches(filter: &[String], engine: Option<&str>, ids: &[String]) {
    match (filter.is_empty(), engine) {
        (true, Some(engine)) => eprintln!("no check runs under {engine}"),
        (false, Some(engine)) => eprintln!("no check's id contains {} and runs under {engine}", filter.join(" or ")),
        (_, None) => eprintln!("no check's id contains {}", filter.join(" or ")),
    }
    let parts = || ids.iter().flat_map(|id| id.split('/'));
    for word in filter {
        if let Some(near) = nearest(word, parts()) {
            eprintln!("  did you mean `{near}`?");
        }
    }
    eprintln!("  `selvedge list` prints the {} checks there are", ids.len());
}

/// Runs the checks, `jobs` at a time, and writes each record as its check ends.
fn work<S: Suite>(
    suite: &Arc<S>,
    checks: VecDeque<Planned>,
    options: &Options,
    jobs: usize,
    out: &Path,
) -> miette::Result<()> {
    let progress = Progress::new(checks.len());
    let waiting = Arc::new(Mutex::new(checks));
    let (sender, receiver) = mpsc::channel::<Evidence>();
    for _ in 0..jobs {
        let (suite, waiting, sender, options) = (suite.clone(), waiting.clone(), sender.clone(), options.clone());
        thread::spawn(move || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some(planned) = next.filter(|_| !options.stop.load(Ordering::Relaxed)) else { return };
                // The receiver is gone only if writing a record failed, which has been reported.
                if sender.send(suite.run(&planned, &options)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    loop {
        match receiver.recv_timeout(Duration::from_millis(100)) {
            Ok(evidence) => {
                store::write_evidence(out, &evidence)
                    .into_diagnostic()
                    .wrap_err_with(|| format!("cannot write to {}", out.display()))?;
                progress.ended(&evidence);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            // Stopped: what is still running in child processes is not waited for.
            Err(mpsc::RecvTimeoutError::Timeout) if options.stop.load(Ordering::Relaxed) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    progress.finish();
    Ok(())
}

/// A bar with throughput and time left on a terminal, plain lines elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    executions: std::cell::Cell<u64>,
}

impl Progress {
    fn new(checks: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(checks as u64);
            let style = "{bar:30} {pos}/{len} checks, {per_sec}, {eta} left  {msg}";
            bar.set_style(ProgressStyle::with_template(style).expect("the template is well-formed"));
            bar
        });
        Progress { bar, started: Instant::now(), executions: std::cell::Cell::new(0) }
    }

    fn ended(&self, evidence: &Evidence) {
        self.executions.set(self.executions.get() + evidence.executions);
        let line = table::line(evidence);
        match &self.bar {
            Some(bar) => {
                if matches!(evidence.verdict, Verdict::Fail | Verdict::Error) {
                    bar.println(line);
                }
                let seconds = self.started.elapsed().as_secs_f64().max(0.001);
                bar.set_message(format!("{:.0} executions/s", self.executions.get() as f64 / seconds));
                bar.inc(1);
            }
            None => eprintln!("{line}"),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn stop_on_ctrl_c(options: &Options) {
    let stop = options.stop.clone();
    let installed = ctrlc::set_handler(move || {
        // The second time the user means it.
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(Exit::Inconclusive.code()));
        }
        eprintln!("stopping: what was found is kept");
    });
    if let Err(error) = installed {
        eprintln!("note: Ctrl-C will not leave a report: {error}");
    }
}

fn replay<S: Suite>(suite: &S, path: &Path, json: bool) -> miette::Result<Exit> {
    let evidence = store::read_evidence(path)?;
    suite.replay(&evidence, &Depth::default().options()).map(|answer| say(&answer, json))
}

fn merge<S: Suite>(suite: &S, directories: &[PathBuf], out: &Path, json: bool) -> miette::Result<Exit> {
    let report = assemble(suite, directories)?;
    std::fs::create_dir_all(out).into_diagnostic()?;
    write_report(&report, out)?;
    if json {
        print_json(&serde_json::to_value(&report.conclusion).into_diagnostic()?);
    } else {
        print(&table::render(&report));
        print(&format!("report: {}\n", out.join("report.html").display()));
    }
    Ok(report.conclusion.outcome)
}

fn assemble<S: Suite>(suite: &S, directories: &[PathBuf]) -> miette::Result<Report> {
    let mut sources = Vec::new();
    for directory in directories {
        sources.extend(store::read_directory(directory)?);
    }
    Ok(Report::assemble(sources, &suite.systems(), now()))
}

fn write_report(report: &Report, out: &Path) -> miette::Result<()> {
    let write = |name: &str, content: &[u8]| {
        store::write_whole(&out.join(name), content)
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot write {}", out.join(name).display()))
    };
    write("report.json", &store::json(report))?;
    write("report.html", html::render(report).as_bytes())?;
    write("junit.xml", junit::render(report).into_diagnostic()?.as_bytes())
}

fn now() -> String {
    chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The processor's name as Linux tells it.
fn processor_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
