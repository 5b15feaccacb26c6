//! The command line: what each subcommand does with the suite, and how the command ends.
//!
//! Exit codes are [`Exit`]'s. Bad input is explained on standard error with what was expected, and leaves nothing half
//! done. Every record is written as its check ends; stopping a run with Ctrl-C leaves what was found, and a report that
//! lists what was not run.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::error::{ContextKind, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, MietteHandlerOpts, WrapErr, miette};
use selvedge::platform::Arc;
use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge::platform::host::{Mutex, PoisonError, mpsc};
use selvedge_model::spec::nearest;
use selvedge_verify::engine::Engine;
use selvedge_verify::evidence::{Evidence, Expected, FORMAT, Kind, Maker, Mode, Verdict};
use selvedge_verify::explore::Limits;
use selvedge_verify::isolate;
use selvedge_verify::mutant::Planted;
use selvedge_verify::suite::{SearchOptions, quoted};
use textwrap::WordSplitter;

use crate::exit::Exit;
use crate::fuzz::{self, Hunt, Target, Targets, Toolchain};
use crate::report::{Conclusion, Report};
use crate::store::{self, RunRecord};
use crate::suite::{Answer, Checked, Options, Partition, Planned, Profile, SearchPart, Suite};
use crate::{html, junit, say, table};

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
    /// Fill the table of outcomes: every program over the reference subject and ours, under each engine.
    Table {
        #[command(flatten)]
        run: Run,
        /// Where evidence and report go.
        #[arg(long, default_value = "table")]
        out: PathBuf,
    },
    /// List the checks there are.
    List {
        /// Only checks whose id contains one of these.
        filter: Vec<String>,
        /// The checks of that profile.
        #[arg(long, value_enum, default_value_t, conflicts_with = "table")]
        profile: Profile,
        /// The checks that fill the table of outcomes.
        #[arg(long)]
        table: bool,
    },
    /// Print everything that the spec lets a litmus test come to, and a shortest way there.
    Outcomes {
        /// The litmus file.
        file: PathBuf,
        #[command(flatten)]
        under: Under,
        /// States of the program to look at, at most.
        #[arg(long, value_name = "N", default_value_t = Limits::default().states, value_parser = from_one)]
        states: usize,
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
        #[command(flatten)]
        search: Search,
        /// Where the record goes, as `verify` writes it; `report` reads it there.
        #[arg(long)]
        out: Option<PathBuf>,
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
    /// Fuzz for a while, in a checkout: needs cargo-fuzz.
    Fuzz(Fuzz),
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    run: Run,
    /// Where evidence and report go.
    #[arg(long, default_value = "report")]
    out: PathBuf,
}

/// Which checks are run, and how.
#[derive(Debug, Args, Default)]
struct Run {
    /// Only checks whose id contains one of these.
    filter: Vec<String>,
    /// Only checks under this engine.
    #[arg(long)]
    engine: Option<String>,
    #[command(flatten)]
    depth: Depth,
    /// Checks at a time; by default one a processor.
    #[arg(long, value_parser = at_a_time)]
    jobs: Option<usize>,
    /// Only part M of N, by a hash of the check's id that is the same on every machine.
    #[arg(long, value_name = "hash:M/N")]
    partition: Option<Partition>,
}

/// One search of the exhaustive engine, in place of all that a check does.
#[derive(Debug, Args)]
struct Search {
    /// What is judged: outcomes or histories. For the exhaustive engine, as the options that follow; histories by default.
    #[arg(long)]
    mode: Option<Mode>,
    /// Executions at most, in each part; a search that is cut there can be gone on with.
    #[arg(long, value_name = "N")]
    executions: Option<u64>,
    /// Only part M of N of the search: `report` puts the parts' records together.
    #[arg(long, value_name = "M/N")]
    part: Option<SearchPart>,
    /// Processes at a time: the search is split into as many parts.
    #[arg(long, value_parser = at_a_time)]
    jobs: Option<usize>,
    /// Go on with what the search of that record has left.
    #[arg(long, value_name = "EVIDENCE.json")]
    resume: Option<PathBuf>,
}

impl Search {
    /// What is asked for of `maker`; `None` if nothing is.
    fn options(&self, maker: &Maker) -> miette::Result<Option<SearchOptions>> {
        let Search { mode, executions, part, jobs, resume } = self;
        if mode.is_none() && executions.is_none() && part.is_none() && jobs.is_none() && resume.is_none() {
            return Ok(None);
        }
        if executions == &Some(0) {
            return Err(miette!("--executions takes a number from 1 on"));
        }
        let resume = resume.as_deref().map(store::read_evidence).transpose()?;
        if let Some(Maker { commit, .. }) = resume.as_ref().map(|record| &record.maker)
            && *commit != maker.commit
        {
            // Other code may take other steps, and the frontier would lead elsewhere.
            return Err(miette!("the record is of commit {commit}, and this is {}: begin anew", maker.commit));
        }
        let recorded = resume.as_ref().and_then(|record| Some(record.search.as_ref()?.identity.mode));
        Ok(Some(SearchOptions {
            mode: mode.or(recorded).unwrap_or(Mode::Histories),
            executions: *executions,
            part: part.map(|part| (part.index, part.count)),
            jobs: jobs.map_or(1, |jobs| u32::try_from(jobs).expect("so many were let through")),
            resume,
        }))
    }
}

#[derive(Debug, Args)]
struct Fuzz {
    /// Only these targets, and the canary; with `--mutants` also TARGET/BUG.
    target: Vec<String>,
    /// Minutes altogether, shared among the targets; 0.5 is half a minute.
    #[arg(long, default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// Look for the bugs that are planted for each target, from an empty corpus, instead of fuzzing ours.
    #[arg(long, conflicts_with = "minutes")]
    mutants: bool,
    /// With `--mutants`: seconds that each planted bug may take to be found.
    #[arg(long, default_value_t = 60, requires = "mutants", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Targets at a time.
    #[arg(long, default_value_t = 1, value_parser = at_a_time)]
    jobs: usize,
    /// Where evidence, crashes, logs and report go.
    #[arg(long, default_value = "fuzz-report")]
    out: PathBuf,
}

/// Who asks for more at a time has mistyped, and would have as many threads.
const JOBS_MAX: usize = 1_024;

/// How many of something there are at a time.
fn at_a_time(text: &str) -> Result<usize, String> {
    let number = from_one(text).ok().filter(|number| *number <= JOBS_MAX);
    number.ok_or_else(|| format!("expected a number from 1 on, {JOBS_MAX} at most"))
}

/// How many there are of something that there must be.
fn from_one(text: &str) -> Result<usize, String> {
    let number: Option<usize> = text.parse().ok();
    number.filter(|number| *number > 0).ok_or_else(|| "expected a number from 1 on".to_owned())
}

/// A time that can be given to somebody.
fn minutes(text: &str) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number.filter(|minutes| *minutes > 0.0 && *minutes < 1e6).ok_or_else(|| "expected a number above 0".to_owned())
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
    // Names of checks and subjects have hyphens, and are to be copied. If somebody else has chosen, that stands.
    let _ = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().word_splitter(WordSplitter::NoHyphenation).build())
    }));
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let is_answer = !error.use_stderr();
            let printed = error.print();
            if is_answer {
                return say::has_said(printed, Exit::Pass);
            }
            hint_at_verify(&error, &arguments);
            let text = error.to_string();
            // Behind the first paragraph stands how the command is used.
            let first = text.strip_prefix("error: ").unwrap_or(&text).split("\n\n").next().unwrap_or_default();
            let sentence = first.split_whitespace().collect::<Vec<_>>().join(" ");
            let json = arguments.iter().any(|word| word == "--json");
            return say::all_was_said(end_without_answer(Exit::BadInput, sentence, json));
        }
    };
    let json = cli.json;
    let words = || arguments_in_words(arguments.get(1..).unwrap_or_default());
    let suite = Arc::new(suite);
    let ended = match cli.command {
        // `selvedge` alone is `selvedge verify`.
        None => verify(&suite, &Run::default(), Path::new("report"), Shown::Summary, &arguments_in_words(&[]), json),
        Some(Command::Verify(Verify { run, out })) => verify(&suite, &run, &out, Shown::Summary, &words(), json),
        Some(Command::Table { run, out }) => verify(&suite, &run, &out, Shown::Outcomes, &words(), json),
        Some(Command::List { filter, profile, table }) => {
            let shown = if table { Shown::Outcomes } else { Shown::Summary };
            list(&*suite, &filter, shown, Depth { profile, seed: None }, json)
        }
        Some(Command::Outcomes { file, under, states }) => {
            outcomes(&*suite, &file, states, &under.options(Depth::default()), json)
        }
        Some(Command::Check { file, subject, engine, depth, under, search, out }) => {
            let options = under.options(depth);
            search
                .options(&suite.maker())
                .and_then(|search| {
                    // Before it takes long.
                    out.iter().try_for_each(|out| store::may_go_on(out, &suite.maker()))?;
                    Ok(search)
                })
                .and_then(|search| check_until_stopped(&suite, file, subject, engine, search, &options))
                .and_then(|found| match found {
                    Some(found) => checked(&*suite, &found, &options, out.as_deref(), &words(), json),
                    None => Ok(end_without_answer(Exit::Inconclusive, STOPPED.to_owned(), json)),
                })
        }
        Some(Command::Replay { evidence }) => replay(&*suite, &evidence, json),
        Some(Command::Report { directories, out }) => merge(&*suite, &directories, &out, json),
        Some(Command::Fuzz(fuzzing)) => {
            fuzz_targets(&suite, &fuzzing, &arguments_in_words(arguments.get(1..).unwrap_or_default()), json)
        }
        Some(Command::History { file }) => {
            suite.history(&file, &Depth::default().options()).map(|it| end_with(&it, json))
        }
    };
    let exit = ended.unwrap_or_else(|problem| {
        say::note(&format!("{problem:?}"));
        end_without_answer(exit_of(&problem), problem.to_string(), json)
    });
    say::all_was_said(exit)
}

/// A disk that is full is no mistake of whoever named a directory on it, as one is that cannot be had at all.
fn exit_of(problem: &miette::Report) -> Exit {
    let is_full = problem.downcast_ref::<store::BeginError>().is_some_and(store::BeginError::is_full);
    if is_full { Exit::HarnessFailed } else { Exit::BadInput }
}

/// Where there is no answer, somebody who reads JSON is still told how it ended; everybody else has been.
fn end_without_answer(outcome: Exit, sentence: String, json: bool) -> Exit {
    if json {
        let conclusion = Conclusion { outcome, exit_code: outcome.code(), sentence };
        print_json(&serde_json::to_value(conclusion).expect("a conclusion is plain data"));
    }
    outcome
}

/// Who leaves the command out may mean the one that `selvedge` alone is.
fn hint_at_verify(error: &clap::Error, arguments: &[OsString]) {
    let has_command = arguments.iter().skip(1).any(|word| Cli::command().find_subcommand(word).is_some());
    let is_mistyped = error.get(ContextKind::SuggestedSubcommand).is_some();
    let [program, rest @ ..] = arguments else { return };
    let inserted = [program.clone(), "verify".into()].into_iter().chain(rest.iter().cloned());
    let is_refused = matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument);
    if is_refused && !has_command && !is_mistyped && Cli::try_parse_from(inserted).is_ok() {
        let rest: Vec<String> = rest.iter().map(|word| quoted(&word.to_string_lossy())).collect();
        say::note(&format!(
            "\nonly `selvedge` alone is `selvedge verify`; did you mean `selvedge verify {}`?",
            rest.join(" ")
        ));
    }
}

/// The command line, for the record, as a shell takes it.
fn arguments_in_words(arguments: &[OsString]) -> String {
    let words = arguments.iter().map(|argument| quoted(&argument.to_string_lossy()));
    std::iter::once("selvedge".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Prints what a spec allows. It can take long, and says how far it is.
fn outcomes<S: Suite>(suite: &S, file: &Path, states: usize, options: &Options, json: bool) -> miette::Result<Exit> {
    stop_on_ctrl_c(&options.stop);
    let mut progress = Doing::new();
    let mut look =
        |doing: &'static str, met| progress.show(|| format!("{doing}: {met} states so far, {states} at most"));
    let answer = suite.outcomes(file, states, &mut look, options);
    drop(progress);
    Ok(end_with(&answer?, json))
}

/// Runs a single check. `None` if the user stopped it, and it has nothing to tell: only a search says what it has found by then.
fn check_until_stopped<S: Suite>(
    suite: &Arc<S>,
    file: PathBuf,
    subject: String,
    engine: String,
    search: Option<SearchOptions>,
    options: &Options,
) -> miette::Result<Option<Checked>> {
    stop_on_ctrl_c(&options.stop);
    let is_search = search.is_some();
    isolate::set_children(search.as_ref().map_or(1, |search| search.jobs as usize));
    let what = format!("{} on {subject} under {engine}", file.display());
    let mut progress = Doing::new();
    let (sender, receiver) = mpsc::channel();
    let (running, working) = (suite.clone(), options.clone());
    thread::spawn(move || {
        // Nobody is left to hear it if the user did not wait.
        let _ = sender.send(running.check(&file, &subject, &engine, search.as_ref(), &working));
    });
    let mut stopped: Option<Instant> = None;
    loop {
        match receiver.recv_timeout(Duration::from_millis(50)) {
            Ok(checked) => return checked.map(Some),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(miette!("the check broke down")),
            Err(mpsc::RecvTimeoutError::Timeout) if options.stop.load(Ordering::Relaxed) => {
                let stopped = stopped.get_or_insert_with(Instant::now);
                if !is_search || stopped.elapsed() > STOPPING {
                    say::note(STOPPED);
                    return Ok(None);
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => progress.show(|| what.clone()),
        }
    }
}

const STOPPED: &str = "the check was stopped before it came to a verdict";

/// How long a search may take to say what it has found, once it is to stop. One that has not begun, because its spec is still
/// being explored, has nothing to say.
const STOPPING: Duration = Duration::from_secs(60);

/// Writes the record of a single check, if it is wanted, and prints what it came to.
fn checked<S: Suite>(
    suite: &S,
    found: &Checked,
    options: &Options,
    out: Option<&Path>,
    command: &str,
    json: bool,
) -> miette::Result<Exit> {
    let evidence = &found.evidence;
    let unmet: Vec<&Expected> = evidence.expectations.iter().filter(|expected| expected.held != Some(true)).collect();
    let in_spec = if unmet.iter().any(|expected| expected.held.is_some()) {
        Verdict::Fail
    } else if unmet.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Inconclusive
    };
    let mut text = String::new();
    if !unmet.is_empty() {
        let lines: String = unmet.into_iter().map(table::expectation).collect();
        text.push_str(&format!("what the file expects, and does not find in the spec:\n{lines}\n"));
    }
    text.push_str(&table::answer_in_words(evidence));
    let mut unwritten = None;
    if let Some(out) = out {
        let run = RunRecord {
            profile: Some(options.profile),
            seed: options.seed,
            texts: BTreeMap::from([(evidence.check.clone(), found.text.clone())]),
            finished_at: Some(now()),
            interrupted: options.stop.load(Ordering::Relaxed),
            ..record_of(command, 1, vec![Planned::from(evidence)], suite.maker())
        };
        let written = store::go_on(out, run).map_err(miette::Report::from);
        match written.and_then(|()| write_evidence(out, evidence, found.part)) {
            Ok(path) => {
                text.push_str(&format!("record: {}\n", path.display()));
                if evidence.search.as_ref().is_some_and(|search| search.parts.iter().any(|part| part.left.is_some())) {
                    text.push_str(&format!("go on with it by: --resume {}\n", path.display()));
                }
            }
            Err(problem) => unwritten = Some(problem),
        }
    } else if evidence.search.is_some() && !json {
        text.push_str(
            "with --out DIR or --json the record is kept, to go on with and to be put together with other parts\n",
        );
    }
    let json_value = serde_json::to_value(evidence).into_diagnostic()?;
    // The record's verdict is about the subject. Whoever runs one file has the file looked at as well.
    let exit = end_with(&Answer { text, json: json_value, verdict: evidence.verdict.max(in_spec) }, json);
    Ok(unwritten.map_or(exit, |problem| {
        say::note(&format!("{problem:?}"));
        Exit::HarnessFailed
    }))
}

/// Prints an answer; the verdict decides how the command ends.
fn end_with(answer: &Answer, json: bool) -> Exit {
    if json {
        print_json(&answer.json);
    } else {
        say::answer(&answer.text);
    }
    match answer.verdict {
        Verdict::Pass => Exit::Pass,
        Verdict::Fail => Exit::Violation,
        Verdict::Inconclusive => Exit::Inconclusive,
        Verdict::Skipped => Exit::NothingRan,
        Verdict::Error => Exit::HarnessFailed,
    }
}

fn print_json(value: &serde_json::Value) {
    say::answer(&format!("{value:#}\n"));
}

fn list<S: Suite>(suite: &S, filter: &[String], shown: Shown, depth: Depth, json: bool) -> miette::Result<Exit> {
    let plan = selected(shown.plan(suite, depth)?, filter, None)?;
    if json {
        print_json(&serde_json::to_value(&plan).into_diagnostic()?);
    } else {
        for planned in &plan {
            say::answer(&format!("{}\n", planned.id));
        }
    }
    Ok(if plan.is_empty() { Exit::NothingRan } else { Exit::Pass })
}

/// The checks that filters and engine select, in order.
fn selected(plan: Vec<Planned>, filter: &[String], engine: Option<&str>) -> miette::Result<Vec<Planned>> {
    if let Some(name) = engine {
        // What is planned may also name the explorer, real systems that are asked, and whoever hunts planted bugs.
        let mut known: Vec<&str> = Engine::ALL.map(Engine::name).to_vec();
        for engine in std::iter::once("explorer").chain(plan.iter().map(|planned| planned.engine.as_str())) {
            if !known.contains(&engine) {
                known.push(engine);
            }
        }
        if !known.contains(&name) {
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", known.join(", ")),
            };
            return Err(miette!("there is no engine `{name}`; {help}"));
        }
    }
    let is_wanted = |planned: &Planned| {
        let by_filter = filter.is_empty() || filter.iter().any(|part| planned.id.contains(part));
        by_filter && engine.is_none_or(|engine| planned.engine == engine)
    };
    Ok(plan.into_iter().filter(is_wanted).collect())
}

/// Which checks a run is about, and what it prints.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// All checks; how they ended.
    Summary,
    /// The checks that fill the table of outcomes; the table.
    Outcomes,
}

impl Shown {
    /// All checks that there are to choose from.
    fn plan<S: Suite>(self, suite: &S, depth: Depth) -> miette::Result<Vec<Planned>> {
        match self {
            Shown::Summary => suite.plan(&depth.options()),
            Shown::Outcomes => suite.plan_table(),
        }
    }

    /// The command that prints their ids.
    fn listing(self, profile: Profile) -> &'static str {
        match (self, profile) {
            (Shown::Outcomes, _) => "selvedge list --table",
            (Shown::Summary, Profile::Quick) => "selvedge list",
            (Shown::Summary, Profile::Full) => "selvedge list --profile full",
        }
    }
}

fn verify<S: Suite>(
    suite: &Arc<S>,
    arguments: &Run,
    out: &Path,
    shown: Shown,
    command: &str,
    json: bool,
) -> miette::Result<Exit> {
    let options = arguments.depth.options();
    let plan = shown.plan(&**suite, arguments.depth)?;
    let known = plan.len();
    let ids: Vec<String> = plan.iter().map(|planned| planned.id.clone()).collect();
    let wanted = selected(plan, &arguments.filter, arguments.engine.as_deref())?;
    let listing = shown.listing(options.profile);
    if wanted.is_empty() {
        let sentence = say_nothing_matches(&arguments.filter, arguments.engine.as_deref(), &ids, listing);
        return Ok(end_without_answer(Exit::NothingRan, sentence, json));
    }
    let matches_none = |word: &&String| wanted.iter().all(|planned| !planned.id.contains(*word));
    let unmatched: Vec<String> = arguments.filter.iter().filter(matches_none).cloned().collect();
    if !unmatched.is_empty() {
        say_nothing_matches(&unmatched, arguments.engine.as_deref(), &ids, listing);
    }
    let in_part = |planned: &&Planned| arguments.partition.is_none_or(|part| part.holds(&planned.id));
    let ours: VecDeque<Planned> = wanted.iter().filter(in_part).cloned().collect();
    let jobs = arguments.jobs.unwrap_or(processors()).min(ours.len().max(1));
    isolate::set_children(jobs);
    let record = RunRecord {
        profile: Some(options.profile),
        filters: arguments.filter.clone(),
        engine: arguments.engine.clone(),
        seed: options.seed,
        partition: arguments.partition,
        known,
        ..record_of(command, jobs, wanted, suite.maker())
    };
    begin(out, &record, &options.stop)?;
    let running = suite.clone();
    let working = options.clone();
    let run = move |planned: &Planned| running.run(planned, &working);
    // What is still running in child processes is not waited for.
    let worked = Work { jobs, stop: options.stop.clone(), leaves: true, out }.run(ours, run);
    finish(&**suite, out, record, worked, &options.stop, shown, json)
}

fn fuzz_targets<S: Suite>(suite: &Arc<S>, arguments: &Fuzz, command: &str, json: bool) -> miette::Result<Exit> {
    let targets = Targets::find(&std::env::current_dir().into_diagnostic()?)?;
    let work = if arguments.mutants { hunting(&targets, arguments)? } else { fuzzing(&targets, arguments)? };
    if work.is_empty() {
        let sentence = "no bug is planted for any fuzz target";
        say::note(sentence);
        return Ok(end_without_answer(Exit::NothingRan, sentence.to_owned(), json));
    }
    if !fuzz::is_installed() {
        let sentence = format!("cargo-fuzz is not installed, and builds the targets; get it with: {}", fuzz::INSTALL);
        say::note(&sentence);
        return Ok(end_without_answer(Exit::NothingRan, sentence, json));
    }
    let toolchain = Toolchain::find()?;
    let jobs = arguments.jobs.min(work.len());
    let selected: Vec<Planned> = work.iter().map(|work| work.planned.clone()).collect();
    let record = RunRecord {
        filters: arguments.target.clone(),
        known: if arguments.mutants { targets.hunts(&[])?.len() } else { targets.all.len() },
        // Where planted bugs are looked for, ours is not fuzzed, and nobody may miss it.
        targets: targets.all.iter().filter(|_| !arguments.mutants).map(|target| target.name.clone()).collect(),
        ..record_of(command, jobs, selected, suite.maker())
    };
    let stop = Arc::new(AtomicBool::new(false));
    begin(&arguments.out, &record, &stop)?;
    let out = arguments.out.canonicalize().into_diagnostic()?;
    for folder in ["logs", "artifacts"] {
        std::fs::create_dir_all(out.join(folder)).into_diagnostic()?;
    }
    // The canary ends as soon as it is found, and takes nobody's time.
    let sharing = work.iter().filter(|work| work.planned.kind != Kind::Canary).count().max(1);
    let granted = if arguments.mutants {
        Duration::from_secs(arguments.seconds)
    } else {
        Duration::from_secs_f64(arguments.minutes * 60.0 * jobs.min(sharing) as f64 / sharing as f64)
    };
    let session = fuzz::Session { targets, toolchain, out, granted, maker: suite.maker() };

    let mut built = VecDeque::new();
    let mut last: Option<(String, Result<(), String>)> = None;
    let mut worked = Ok(());
    for work in work {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let building = match (&work.target, &last) {
            (None, _) => Err("the manifest defines no such target".to_owned()),
            // The bugs of one target stand together.
            (Some(target), Some((name, building))) if *name == target.name => building.clone(),
            (Some(target), _) => {
                say::note(&format!("building {}", target.name));
                let building = session.build(target, &stop);
                last = Some((target.name.clone(), building.clone()));
                building
            }
        };
        match building {
            Ok(()) => built.push_back(work),
            // Ctrl-C stops the compiler too: that is no failure of the target.
            Err(_) if stop.load(Ordering::Relaxed) => {}
            Err(reason) => {
                worked = write_evidence(&arguments.out, &session.unbuilt(&work.planned, reason), None).map(drop);
                if worked.is_err() {
                    built.clear();
                    break;
                }
            }
        }
    }
    if !built.is_empty() {
        let what = if arguments.mutants { "planted bug" } else { "target" };
        say::note(&format!("fuzzing: {} s a {what}, {jobs} at a time", granted.as_secs().max(1)));
    }
    let stopped = stop.clone();
    let checks = built.iter().map(|work| work.planned.clone()).collect();
    let run = move |planned: &Planned| {
        let work = built.iter().find(|work| work.planned.id == planned.id).expect("it was built");
        let target = work.target.as_ref().expect("it was built");
        match &work.bug {
            None => session.fuzz(target, &stopped),
            Some(bug) => session.hunt(target, bug, &stopped),
        }
    };
    // A fuzzer that is stopped tells what it found.
    let worked =
        worked.and_then(|()| Work { jobs, stop: stop.clone(), leaves: false, out: &arguments.out }.run(checks, run));
    finish(&**suite, &arguments.out, record, worked, &stop, Shown::Summary, json)
}

/// One check of a fuzzer.
struct FuzzWork {
    planned: Planned,
    /// Absent for a canary that nobody wrote.
    target: Option<Target>,
    /// What is to be found instead of nothing.
    bug: Option<Planted<()>>,
}

/// The targets that are asked for, the canary first.
fn fuzzing(targets: &Targets, arguments: &Fuzz) -> miette::Result<Vec<FuzzWork>> {
    let wanted = targets.select(&arguments.target)?;
    let has_canary = wanted.iter().any(|target| target.name == fuzz::CANARY);
    // Also where nobody wrote one: its record then says so.
    let missing = (!has_canary).then(|| FuzzWork { planned: fuzz::planned(fuzz::CANARY), target: None, bug: None });
    let works = wanted.into_iter().map(|target| FuzzWork {
        planned: fuzz::planned(&target.name),
        target: Some(target),
        bug: None,
    });
    Ok(missing.into_iter().chain(works).collect())
}

/// The planted bugs that are asked for. Each of them is a canary; there is no other.
fn hunting(targets: &Targets, arguments: &Fuzz) -> miette::Result<Vec<FuzzWork>> {
    let hunts = targets.hunts(&arguments.target)?.into_iter().map(|Hunt { target, bug }| FuzzWork {
        planned: fuzz::planned_mutant(&target.name, &bug),
        target: Some(target),
        bug: Some(bug),
    });
    Ok(hunts.collect())
}

/// The record of a run that begins now.
fn record_of(command: &str, jobs: usize, selected: Vec<Planned>, maker: Maker) -> RunRecord {
    RunRecord {
        format: FORMAT,
        command: command.to_owned(),
        profile: None,
        filters: Vec::new(),
        engine: None,
        seed: None,
        jobs,
        partition: None,
        known: selected.len(),
        selected,
        targets: Vec::new(),
        texts: BTreeMap::new(),
        started_at: now(),
        finished_at: None,
        interrupted: false,
        processors: processors(),
        processor: processor_name(),
        maker,
    }
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Makes the directory ready and says what is planned, before anything runs.
fn begin(out: &Path, record: &RunRecord, stop: &Arc<AtomicBool>) -> miette::Result<()> {
    store::begin(out, record)?;
    stop_on_ctrl_c(stop);
    Ok(())
}

/// The run is over, or was stopped: its report, of what there is.
fn finish<S: Suite>(
    suite: &S,
    out: &Path,
    mut record: RunRecord,
    worked: miette::Result<()>,
    stop: &AtomicBool,
    shown: Shown,
    json: bool,
) -> miette::Result<Exit> {
    record.interrupted = worked.is_ok() && stop.load(Ordering::Relaxed);
    record.finished_at = worked.is_ok().then(now);
    let recorded = write_run(out, &record);
    let mut report = match record.partition {
        // A machine that runs a part answers for that part; `report` over all of them judges the whole.
        Some(part) => {
            let mut sources = store::read_directory(out)?;
            Report::of_part(sources.remove(0), part, &suite.systems(), now())
        }
        None => assemble(suite, &[out.to_owned()])?,
    };
    for written in [worked, recorded] {
        note_unwritten(&mut report, written);
    }
    write_and_say(report, out, shown, json)
}

/// Says that something could not be written; the report then says so too.
fn note_unwritten(report: &mut Report, written: miette::Result<()>) {
    let Err(problem) = written else { return };
    say::note(&format!("{problem:?}"));
    let conclusion = &mut report.conclusion;
    (conclusion.outcome, conclusion.exit_code) = (Exit::HarnessFailed, Exit::HarnessFailed.code());
    conclusion.sentence = format!("{problem}. {}", conclusion.sentence);
}

fn write_and_say(mut report: Report, out: &Path, shown: Shown, json: bool) -> miette::Result<Exit> {
    let written = write_report(&report, out);
    note_unwritten(&mut report, written);
    say_report(&report, out, shown, json)
}

fn say_report(report: &Report, out: &Path, shown: Shown, json: bool) -> miette::Result<Exit> {
    match (shown, json) {
        (Shown::Summary, true) => print_json(&serde_json::to_value(&report.conclusion).into_diagnostic()?),
        (Shown::Outcomes, true) => {
            let rows = report.systems.iter().map(|system| (system.name.as_str(), &system.outcomes));
            print_json(&serde_json::to_value(rows.collect::<BTreeMap<_, _>>()).into_diagnostic()?);
        }
        (_, false) => {
            if shown == Shown::Outcomes {
                report.systems.iter().for_each(|system| say::answer(&table::outcomes(system)));
            }
            say::answer(&table::render(report));
            say::answer(&format!("report: {}\n", out.join("report.html").display()));
        }
    }
    Ok(report.conclusion.outcome)
}

/// Says that nothing matches, and what might have been meant; the first of it is handed back.
fn say_nothing_matches(filter: &[String], engine: Option<&str>, ids: &[String], listing: &str) -> String {
    let sentence = match (filter.is_empty(), engine) {
        (true, Some(engine)) => format!("no check runs under {engine}"),
        (false, Some(engine)) => format!("no check's id contains {} and runs under {engine}", filter.join(" or ")),
        (_, None) => format!("no check's id contains {}", filter.join(" or ")),
    };
    say::note(&sentence);
    let parts = || ids.iter().flat_map(|id| id.split('/'));
    for word in filter {
        if let Some(near) = nearest(word, parts()) {
            say::note(&format!("  did you mean `{near}`?"));
        }
    }
    say::note(&format!("  `{listing}` prints the {} checks there are", ids.len()));
    sentence
}

/// How checks are worked off.
struct Work<'a> {
    /// Checks at a time.
    jobs: usize,
    /// Set once the user has asked to stop.
    stop: Arc<AtomicBool>,
    /// Whether checks that still run are left to themselves then.
    leaves: bool,
    /// Where records go.
    out: &'a Path,
}

impl Work<'_> {
    /// Runs the checks, and writes each record as its check ends.
    fn run(
        &self,
        mut checks: VecDeque<Planned>,
        run: impl Fn(&Planned) -> Evidence + Send + Sync + 'static,
    ) -> miette::Result<()> {
        let progress = Progress::new(checks.len());
        let workers = self.jobs.min(checks.len());
        // The checks that take longest come first, so that the last one does not keep everybody waiting.
        checks.make_contiguous().sort_by_key(|planned| !matches!(planned.kind, Kind::Generated | Kind::Oracle));
        let waiting = Arc::new(Mutex::new(checks));
        let run = Arc::new(run);
        let (sender, receiver) = mpsc::channel::<Evidence>();
        for _ in 0..workers {
            let (run, waiting, sender, stop) = (run.clone(), waiting.clone(), sender.clone(), self.stop.clone());
            let leaves = self.leaves;
            thread::spawn(move || {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(planned) = next.filter(|_| !stop.load(Ordering::Relaxed)) else { return };
                    let evidence = run(&planned);
                    // A child that is being started while Ctrl-C is pressed does not lead a process group yet, and dies of it:
                    // that check was stopped, and did not break down. Its end may be seen before the flag is.
                    if leaves && evidence.verdict == Verdict::Error {
                        thread::sleep(Duration::from_millis(100));
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                    }
                    // The receiver is gone only if writing a record failed, which has been reported.
                    if sender.send(evidence).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut written = Ok(());
        loop {
            match receiver.recv_timeout(Duration::from_millis(100)) {
                Ok(evidence) => {
                    progress.ended(&evidence);
                    written = write_evidence(self.out, &evidence, None).map(drop);
                    if written.is_err() {
                        // What is found from now on is lost: nobody looks any further.
                        self.stop.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) if self.leaves && self.stop.load(Ordering::Relaxed) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
        progress.finish();
        written
    }
}

fn write_evidence(out: &Path, evidence: &Evidence, part: Option<SearchPart>) -> miette::Result<PathBuf> {
    store::write_evidence(out, evidence, part).map_err(|error| unwritten(&out.join(store::EVIDENCE_FOLDER), &error))
}

fn write_run(out: &Path, run: &RunRecord) -> miette::Result<()> {
    store::write_run(out, run).map_err(|error| unwritten(&out.join(store::RUN_FILE), &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> miette::Report {
    miette!("cannot write {}: {error}", path.display())
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
            None => say::note(&line),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What one long piece of work is at: on a terminal a line that changes, elsewhere a line now and then, ever more rarely.
struct Doing {
    bar: Option<ProgressBar>,
    started: Instant,
    next: Duration,
}

impl Doing {
    /// What takes less time than this needs no line.
    const FIRST: Duration = Duration::from_secs(1);
    /// There is a line at least that often.
    const LAST: Duration = Duration::from_secs(60);

    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {msg}, {elapsed}").expect("the template is well-formed");
            ProgressBar::new_spinner().with_style(style)
        });
        Doing { bar, started: Instant::now(), next: Self::FIRST }
    }

    fn show(&mut self, what: impl FnOnce() -> String) {
        let elapsed = self.started.elapsed();
        match &self.bar {
            Some(bar) => {
                bar.set_message(what());
                bar.tick();
            }
            None if elapsed >= self.next => {
                say::note(&format!("{}, {} s", what(), elapsed.as_secs()));
                self.next = elapsed + self.next.min(Self::LAST);
            }
            None => {}
        }
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Signals that come so close to one another are not from two presses of a key.
const SAME_WISH: Duration = Duration::from_millis(200);

fn stop_on_ctrl_c(stop: &Arc<AtomicBool>) {
    let stop = stop.clone();
    let mut asked: Option<Instant> = None;
    let installed = ctrlc::set_handler(move || match asked {
        None => {
            asked = Some(Instant::now());
            stop.store(true, Ordering::Relaxed);
            say::note("stopping: what was found is kept");
        }
        // `timeout` signals the process and its group: that is one wish.
        Some(first) if first.elapsed() < SAME_WISH => {}
        // The second time the user means it.
        Some(_) => std::process::exit(i32::from(Exit::Inconclusive.code())),
    });
    if let Err(error) = installed {
        say::note(&format!("note: Ctrl-C will not leave a report: {error}"));
    }
}

fn replay<S: Suite>(suite: &S, path: &Path, json: bool) -> miette::Result<Exit> {
    let evidence = store::read_evidence(path)?;
    suite.replay(&evidence, &Depth::default().options()).map(|answer| end_with(&answer, json))
}

fn merge<S: Suite>(suite: &S, directories: &[PathBuf], out: &Path, json: bool) -> miette::Result<Exit> {
    let report = assemble(suite, directories)?;
    std::fs::create_dir_all(out).into_diagnostic().wrap_err_with(|| format!("cannot write to {}", out.display()))?;
    write_and_say(report, out, Shown::Summary, json)
}

fn assemble<S: Suite>(suite: &S, directories: &[PathBuf]) -> miette::Result<Report> {
    let mut sources = Vec::new();
    for directory in directories {
        sources.extend(store::read_directory(directory)?);
    }
    store::tell_programs_apart(&sources)?;
    Ok(Report::assemble(sources, &suite.systems(), now()))
}

fn write_report(report: &Report, out: &Path) -> miette::Result<()> {
    let write = |name: &str, content: &[u8]| {
        let path = out.join(name);
        store::write_whole(&path, content).map_err(|error| unwritten(&path, &error))
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
