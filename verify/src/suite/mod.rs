//! The suite: which checks there are, and running one.
//!
//! A check has a stable id, `SYSTEM/KIND/PROGRAM/SUBJECT/ENGINE` with the parts that it has. Planning lists the checks;
//! running one gives one record of evidence. Whatever goes wrong while a check runs is part of its record: a subject that
//! aborts, hangs or allocates without end does so in a child process.

mod ask;
mod drive;
mod generated;
mod legs;
mod observe;
mod plan;
mod record;
mod replay;
mod run;
mod search;
mod system;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge_model::iovec::IovecSpec;
use selvedge_model::{Semantics, Spec};
use serde::{Deserialize, Serialize};

pub use crate::litmus::corpus::CorpusFile;
use legs::Leg;
pub use legs::{Refusal, SearchOptions};
pub use record::{maker, quoted};
pub use replay::{Replay, Token};
pub use system::{Drivers, NotPromised, Rewrite, System};

use crate::engine::{Engine, Profile, exhaustive};
use crate::evidence::{Evidence, Expected, Kind, Mode, Verdict};
use crate::explore;
use crate::history::jsonl;
use crate::info::SystemInfo;
use crate::isolate::{self, ChildEnd};
use crate::litmus::{Diagnostics, corpus};
use crate::oracle::{self, Oracle};
use crate::parts::Identity;
use crate::subject;

/// A check that can be run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// Its stable id.
    pub id: String,
    /// What it is for.
    pub kind: Kind,
    /// The system.
    pub system: String,
    /// The program's name, if it is about one program.
    pub program: Option<String>,
    /// The subject's name, if one runs.
    pub subject: Option<String>,
    /// The engine's name; `explorer` where only the spec is asked.
    pub engine: String,
    /// What is to be judged, where the check is about judging that; otherwise what the engine judges best.
    pub mode: Option<Mode>,
}

/// What a user may choose about a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Options {
    /// How deep to look.
    pub profile: Profile,
    /// For the engines that draw.
    pub seed: u64,
}

impl Options {
    /// The seed of `cargo test` and of the quick profile: fixed, so that two runs find the same.
    pub const SEED: u64 = 0x5e1_7ed6e;

    /// The options of `cargo test`.
    pub const fn quick() -> Self {
        Options { profile: Profile::Quick, seed: Self::SEED }
    }

    /// How long a child process may take.
    fn child_limits(&self) -> isolate::Limits {
        let duration = match self.profile {
            Profile::Quick => Duration::from_secs(120),
            Profile::Full => Duration::from_secs(3600),
        };
        isolate::Limits { duration, ..isolate::Limits::default() }
    }
}

/// A set of systems and everything that is held against their specs.
pub struct Suite {
    systems: Vec<Box<dyn AnySystem>>,
    oracles: Vec<Box<dyn Oracle>>,
    limits: Option<isolate::Limits>,
}

/// A [`System`] whatever its spec.
trait AnySystem: Send + Sync {
    fn name(&self) -> &'static str;
    fn info(&self) -> SystemInfo;
    fn semantics(&self) -> &'static [Semantics];
    fn subjects(&self) -> Vec<&'static str>;
    fn plan(&self, options: &Options) -> Vec<Planned>;
    fn plan_table(&self) -> Vec<Planned>;
    fn run(&self, planned: &Planned, options: &Options) -> Evidence;
    fn outcomes(&self, file: &str, text: &str, states: usize, look: &mut Look<'_>) -> Result<Outcomes, Diagnostics>;
    fn expectations(&self, file: &str, text: &str) -> Result<Vec<Expected>, Diagnostics>;
    fn check_text(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        engine: Engine,
        options: &Options,
    ) -> Result<Evidence, Diagnostics>;
    fn identity(&self, file: &str, text: &str, subject: &str, mode: Mode) -> Result<Identity, Diagnostics>;
    fn leg(&self, file: &str, text: &str, subject: &str, leg: &Leg, options: &Options)
    -> Result<Evidence, Diagnostics>;
    fn replay(&self, evidence: &Evidence) -> Result<Replay, String>;
    fn history(&self, file: &str, text: &str) -> Result<JudgedHistory, Diagnostics>;
}

/// Who looks on while outcomes are looked for: told now and then what is done, and how many states it has met so far; may
/// stop it. What was found by then is the answer.
pub type Look<'a> = dyn FnMut(&'static str, usize) -> ControlFlow<()> + 'a;

/// Why a text cannot be taken under a named semantics.
#[derive(Debug)]
pub enum UnderError {
    /// The text is wrong.
    Text(Diagnostics),
    /// Its spec has no semantics of that name.
    NoSuchSemantics {
        /// The spec.
        spec: String,
        /// The name.
        semantics: String,
        /// The names that the spec knows.
        known: Vec<&'static str>,
    },
}

/// What the checker says of a history that somebody recorded.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct JudgedHistory {
    /// The history's name.
    pub history: String,
    /// `Pass` if the spec allows it.
    pub verdict: Verdict,
    /// The broken clause, if one is to blame.
    pub clause: Option<&'static str>,
    /// In one sentence.
    pub sentence: String,
}

/// What a spec allows a program to come to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Outcomes {
    /// The program's name.
    pub program: String,
    /// The spec, with its parameters.
    pub spec: String,
    /// Each outcome in words, with the observables of the spec's final state.
    pub outcomes: Vec<AllowedOutcome>,
    /// The expectations and whether they hold.
    pub expectations: Vec<Expected>,
    /// What the program's author has observed about the spec, and whether it is so.
    pub observations: Vec<crate::evidence::Observation>,
    /// States visited.
    pub states: u64,
    /// Transitions taken.
    pub transitions: u64,
    /// Length of the longest path.
    pub depth: u64,
    /// Whether everything was visited.
    pub complete: bool,
    /// Why not all that was asked for was looked at, if it was not.
    pub cut: Option<String>,
    /// A shortest way to where no execution ends any more, if there is one: not everything comes to an outcome then.
    pub endless: Option<String>,
    /// How often each rule was taken.
    pub rules: std::collections::BTreeMap<String, u64>,
}

/// An outcome that a spec allows, and how to get there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AllowedOutcome {
    /// In words.
    pub outcome: String,
    /// A shortest path, a column per thread.
    pub path: String,
}

impl Suite {
    /// A suite without systems.
    pub fn empty() -> Self {
        Suite { systems: Vec::new(), oracles: Vec::new(), limits: None }
    }

    /// Our own: every system of this repository. In a checkout, generated programs that make a primitive fail are saved
    /// in `verify/litmus/regressions`.
    pub fn standard() -> Self {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cond = subject::cond::system();
        let getopt = subject::getopt::system();
        let proc = subject::proc::system();
        let register = subject::register::system();
        let (uio, device) = (subject::uio::system(), subject::uio::device_system());
        let iovec = System::<IovecSpec>::new("iovec", corpus::IOVEC);
        // The folder comes with the checkout; an installed command has no sources to write into.
        let folder = crate_folder.join("litmus/regressions");
        let suite = Suite { oracles: oracle::all(), ..Suite::empty() };
        if folder.is_dir() {
            suite
                .with(cond.regressions(&folder))
                .with(getopt.regressions(&folder))
                .with(proc.regressions(&folder))
                .with(register.regressions(&folder))
                .with(uio.regressions(&folder))
                .with(device.regressions(&folder))
                .with(iovec)
        } else {
            suite.with(cond).with(getopt).with(proc).with(register).with(uio).with(device).with(iovec)
        }
    }

    /// With one more system.
    pub fn with<S: Spec>(mut self, system: System<S>) -> Self {
        self.systems.push(Box::new(system));
        self
    }

    /// With one more real system to ask.
    pub fn oracle(mut self, oracle: impl Oracle + 'static) -> Self {
        self.oracles.push(Box::new(oracle));
        self
    }

    /// With limits of its own for each child process, instead of what the profile grants.
    pub fn within(mut self, limits: isolate::Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// Must be the first line of a `main` that runs checks: in a child process it does the child's work and never
    /// returns.
    pub fn intercept(&self) {
        isolate::intercept(|job| {
            let job: Job = serde_json::from_str(job).expect("the parent wrote it");
            let evidence = match job {
                Job::Planned { planned, options } => Ok(self.run_here(&planned, &options)),
                Job::File { file, text, subject, engine, options } => {
                    self.check_here(&file, &text, &subject, engine, &options)
                }
                Job::Leg { file, text, subject, leg, options } => {
                    isolate::at_stop(exhaustive::stop);
                    self.leg_here(&file, &text, &subject, &leg, &options)
                }
                Job::Replay { evidence } => {
                    return serde_json::to_string(&self.replay_here(&evidence)).expect("an answer is plain data");
                }
            };
            serde_json::to_string(&evidence.map_err(|diagnostics| diagnostics.to_string()))
                .expect("evidence is plain data")
        });
    }

    /// The systems, described.
    pub fn systems(&self) -> Vec<SystemInfo> {
        self.systems.iter().map(|system| system.info()).collect()
    }

    /// The names of a system's subjects.
    pub fn subjects(&self, system: &str) -> Vec<&'static str> {
        self.system(system).map(AnySystem::subjects).unwrap_or_default()
    }

    /// Every check there is, in a stable order.
    pub fn plan(&self, options: &Options) -> Vec<Planned> {
        let systems = self.systems.iter().flat_map(|system| system.plan(options));
        systems.chain(self.oracles.iter().map(|oracle| ask::planned(&**oracle))).collect()
    }

    /// The checks that fill the table of outcomes: the reference subject and each primitive over every program, under each
    /// of [`Engine::COMPARED`] that runs them, and those engines' canaries. The full profile has them all, the quick one has not.
    pub fn plan_table(&self) -> Vec<Planned> {
        self.systems.iter().flat_map(|system| system.plan_table()).collect()
    }

    /// Runs a check: in a child process if a subject runs.
    pub fn run(&self, planned: &Planned, options: &Options) -> Evidence {
        let evidence = if planned.kind == Kind::Spec {
            self.run_here(planned, options)
        } else {
            self.in_child(&Job::Planned { planned: planned.clone(), options: *options }, planned, options)
        };
        Evidence { maker: maker(), ..evidence }
    }

    /// Runs a check in this process.
    ///
    /// # Panics
    ///
    /// If the check belongs to no system and no oracle of this suite.
    pub fn run_here(&self, planned: &Planned, options: &Options) -> Evidence {
        if planned.kind == Kind::Oracle {
            let oracle = self.oracles.iter().find(|oracle| ask::planned(&***oracle).id == planned.id);
            return ask::run(&**oracle.expect("a planned check belongs to an oracle"), planned, options);
        }
        self.system(&planned.system).expect("a planned check belongs to a system").run(planned, options)
    }

    /// What the spec that a litmus text names allows.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn outcomes(&self, file: &str, text: &str) -> Result<Outcomes, Diagnostics> {
        self.outcomes_within(file, text, explore::Limits::default().states, &mut |_, _| ControlFlow::Continue(()))
    }

    /// The same, as far as so many states show, with somebody who looks on.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn outcomes_within(
        &self,
        file: &str,
        text: &str,
        states: usize,
        look: &mut Look<'_>,
    ) -> Result<Outcomes, Diagnostics> {
        self.system_of(file, text)?.outcomes(file, text, states, look)
    }

    /// A litmus text with the parameters of a named semantics instead of its own. Other parameters stay.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, or that its spec knows no semantics of that name.
    pub fn under(&self, file: &str, text: &str, semantics: &str) -> Result<String, UnderError> {
        let known = self.system_of(file, text).map_err(UnderError::Text)?.semantics();
        let mut program = crate::litmus::parse(file, text).map_err(UnderError::Text)?.untyped().clone();
        let Some(found) = known.iter().find(|known| known.name == semantics) else {
            let known = known.iter().map(|known| known.name).collect();
            return Err(UnderError::NoSuchSemantics { spec: program.spec, semantics: semantics.to_owned(), known });
        };
        program.parameters.retain(|(name, _)| found.settings.iter().all(|(set, _)| set != name));
        program.parameters.extend(found.settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Ok(program.to_string())
    }

    /// Runs a litmus text over a subject: in a child process. The record says of the text's expectations whether they hold in
    /// the spec; its verdict is about the subject alone.
    pub fn check(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        engine: Engine,
        options: &Options,
    ) -> Result<Evidence, Diagnostics> {
        // Bad input is found here, where its diagnostics can still be pointed at the text.
        let expectations = self.system_of(file, text)?.expectations(file, text)?;
        let job =
            Job::File { file: file.into(), text: text.into(), subject: subject.into(), engine, options: *options };
        let planned = plan::planned_for_file(file, subject, engine);
        Ok(Evidence { maker: maker(), expectations, ..self.in_child(&job, &planned, options) })
    }

    /// Runs a litmus text over a subject in this process.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn check_here(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        engine: Engine,
        options: &Options,
    ) -> Result<Evidence, Diagnostics> {
        self.system_of(file, text)?.check_text(file, text, subject, engine, options)
    }

    /// Runs the counterexample of a record again: in a child process.
    ///
    /// # Errors
    ///
    /// If the record has nothing to replay, or was made of another program, spec, subject, engine or version.
    pub fn replay(&self, evidence: &Evidence) -> Result<Replay, String> {
        let job = serde_json::to_string(&Job::Replay { evidence: Box::new(evidence.clone()) });
        // loom has to go all the way there again, however far it was.
        let deepest = Options { profile: Profile::Full, ..Options::quick() };
        let limits = self.limits.unwrap_or_else(|| deepest.child_limits());
        match isolate::run(&job.expect("a job is plain data"), &[], limits) {
            Ok(ChildEnd::Answered(answer)) => {
                let unreadable = |_| Ok(Replay::ended(&ChildEnd::Answered(answer.clone())));
                serde_json::from_str(&answer).unwrap_or_else(unreadable)
            }
            Ok(end) => Ok(Replay::ended(&end)),
            Err(error) => {
                let text = format!("no child process could be started: {error}");
                Ok(Replay { verdict: Verdict::Error, text })
            }
        }
    }

    /// Runs the counterexample of a record again, in this process.
    ///
    /// # Errors
    ///
    /// As [`Suite::replay`].
    pub fn replay_here(&self, evidence: &Evidence) -> Result<Replay, String> {
        let system =
            self.system(&evidence.system).ok_or_else(|| format!("this suite has no system `{}`", evidence.system))?;
        system.replay(evidence)
    }

    /// Judges a history in JSON lines, whoever recorded it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text, an unknown spec included.
    pub fn history(&self, file: &str, text: &str) -> Result<JudgedHistory, Diagnostics> {
        let header = jsonl::header(file, text)?;
        match self.system(&header.spec) {
            Some(system) => system.history(file, text),
            None => Err(jsonl::unknown_spec(file, text, &header.spec, &self.names())),
        }
    }

    fn names(&self) -> Vec<&'static str> {
        self.systems.iter().map(|system| system.name()).collect()
    }

    fn in_child(&self, job: &Job, planned: &Planned, options: &Options) -> Evidence {
        let job = serde_json::to_string(job).expect("a job is plain data");
        let limits = self.limits.unwrap_or_else(|| options.child_limits());
        self.in_child_within(&job, planned, options, limits, None)
    }

    fn in_child_within(
        &self,
        job: &str,
        planned: &Planned,
        options: &Options,
        limits: isolate::Limits,
        stop: Option<&AtomicBool>,
    ) -> Evidence {
        let mut end = isolate::run_until(job, &[], limits, stop);
        if matches!(end, Ok(ChildEnd::Killed(_))) && stop.is_some_and(is_set_soon) {
            // A child that is being started while Ctrl-C is pressed does not lead a process group yet, and dies of it. The
            // next one is asked to stop at once, and answers what there is to go on with.
            end = isolate::run_until(job, &[], limits, stop);
        }
        let answer = match end {
            Ok(ChildEnd::Answered(answer)) => answer,
            Ok(end) => return record::died(planned, options, &end),
            Err(error) => {
                return record::failed(planned, options, &format!("no child process could be started: {error}"));
            }
        };
        match serde_json::from_str::<Result<Evidence, String>>(&answer) {
            Ok(Ok(evidence)) => evidence,
            Ok(Err(message)) => record::failed(planned, options, &message),
            Err(error) => {
                record::failed(planned, options, &format!("the child process answered something unreadable: {error}"))
            }
        }
    }

    fn system(&self, name: &str) -> Option<&dyn AnySystem> {
        self.systems.iter().find(|system| system.name() == name).map(AsRef::as_ref)
    }

    fn system_of(&self, file: &str, text: &str) -> Result<&dyn AnySystem, Diagnostics> {
        let source = crate::litmus::parse(file, text)?;
        self.system(&source.untyped().spec).ok_or_else(|| source.unknown_spec(&self.names()))
    }
}

/// Whether somebody has asked to stop. A child that died of the same signal may be seen before the flag is.
fn is_set_soon(stop: &AtomicBool) -> bool {
    std::thread::sleep(Duration::from_millis(100));
    stop.load(Ordering::Relaxed)
}

/// What a child process is asked to do.
#[derive(Serialize, Deserialize)]
enum Job {
    Planned { planned: Planned, options: Options },
    File { file: String, text: String, subject: String, engine: Engine, options: Options },
    Leg { file: String, text: String, subject: String, leg: Box<Leg>, options: Options },
    Replay { evidence: Box<Evidence> },
}
