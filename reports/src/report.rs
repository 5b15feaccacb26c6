//! The report: everything that the page, the JUnit file and the terminal's table show, as plain data.
//!
//! It is assembled from records alone, so that it can be made anywhere, later, from the records of several machines. The
//! renderers only lay it out: a number that a reader meets in any of them stands in `report.json` too, which is what the
//! tests hold them to.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use selvedge_verify::diagram;
use selvedge_verify::engine::Engine;
use selvedge_verify::evidence::{self, Evidence, Kind, Maker, Mode, PeerAnswers, Relation, StateGraph, Verdict};
use selvedge_verify::explore::RACE;
use selvedge_verify::gaps::GapInfo;
use selvedge_verify::info::{ObligationInfo, ParameterInfo, RuleInfo, SystemInfo};
use selvedge_verify::parts;
use serde::{Deserialize, Serialize};

use crate::differences::{Class, Reach, Sets};
use crate::exit::Exit;
use crate::fuzz;
use crate::store::{RunRecord, Source};
use crate::suite::{Partition, Planned, Profile};

mod observations;

pub use self::observations::{Look, ObservationRow, Sight};

/// The version of the report's format.
pub const SCHEMA_VERSION: u32 = 2;

/// A conformance report.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// When it was made, RFC 3339, UTC.
    pub generated_at: String,
    /// The version of the command that made it.
    pub generated_by: String,
    /// What came out.
    pub conclusion: Conclusion,
    /// How many checks ended how.
    pub counts: Counts,
    /// The runs that the records come from.
    pub runs: Vec<Run>,
    /// Which suite, compiler and machine made how many of the records.
    pub makers: Vec<MakerCount>,
    /// What a reader should know about the records before believing them.
    pub notices: Vec<Notice>,
    /// The checks that failed, the gravest first.
    pub failures: Vec<Failure>,
    /// Why checks that ran, or were to run, say nothing: the reasons, inconclusive ones first, then the most frequent.
    pub unanswered: Vec<Unanswered>,
    /// What the records say of each system.
    pub systems: Vec<System>,
    /// The checks that were planned and have no record.
    pub not_run: Vec<NotRun>,
    /// The checks of which several records were found.
    pub duplicates: Vec<Duplicate>,
    /// The records, by check id. Indices elsewhere in the report point here.
    pub evidence: Vec<Evidence>,
}

/// What came out, over all checks that decide: all but those of peers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Conclusion {
    /// What came out.
    pub outcome: Exit,
    /// The exit code that goes with it.
    pub exit_code: u8,
    /// The same in a sentence or two, with numbers.
    pub sentence: String,
}

/// How many checks ended how. The unit is the check: one program, one subject, one engine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// The checks that decide: all but those of peers.
    pub deciding: Tally,
    /// Every kind of check.
    pub by_kind: Vec<KindTally>,
    /// Executions, over all checks.
    pub executions: u64,
    /// The checks' own wall times added up. Checks run side by side, so that a run takes less.
    pub checking_ms: u64,
}

/// Checks by the way they ended.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// All of them, those that were not run included.
    pub checks: u64,
    /// [`Verdict::Pass`].
    pub pass: u64,
    /// [`Verdict::Fail`].
    pub fail: u64,
    /// [`Verdict::Error`].
    pub error: u64,
    /// [`Verdict::Inconclusive`].
    pub inconclusive: u64,
    /// [`Verdict::Skipped`].
    pub skipped: u64,
    /// Planned, without a record.
    pub not_run: u64,
}

/// The checks of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct KindTally {
    /// The kind.
    pub kind: Kind,
    /// How they ended. For a peer, `fail` says that it differs from the spec, which is a finding and decides nothing.
    pub tally: Tally,
}

/// A run that records come from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Run {
    /// Its directory, as the user named it.
    pub directory: String,
    /// How many records were found there.
    pub records: usize,
    /// What it set out to do; absent where only loose records were found.
    pub plan: Option<RunPlan>,
}

/// What a run set out to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunPlan {
    /// The command line.
    pub command: String,
    /// How much work a check may do; absent for fuzzing.
    pub profile: Option<Profile>,
    /// The filters that were given.
    pub filters: Vec<String>,
    /// The engine that was asked for, if only one was.
    pub engine: Option<String>,
    /// The seed that was given.
    pub seed: Option<u64>,
    /// How many checks ran at a time.
    pub jobs: usize,
    /// The part that was run, if only a part was.
    pub partition: Option<Partition>,
    /// How many checks there are under the profile.
    pub known: usize,
    /// How many of them the filters selected.
    pub selected: usize,
    /// How many of those belong to the part that was run.
    pub planned: usize,
    /// When it began, RFC 3339, UTC.
    pub started_at: String,
    /// When it ended; absent if it never came to its end.
    pub finished_at: Option<String>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Wall time from begin to end; absent if it never came to its end.
    pub duration_ms: Option<u64>,
    /// Processors that it could use.
    pub processors: usize,
    /// The processor's name, where the system tells.
    pub processor: Option<String>,
}

/// A maker and how many records it made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MakerCount {
    /// The maker.
    pub maker: Maker,
    /// How many records it made.
    pub records: usize,
}

/// Something to know before believing the records.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// What it is about.
    pub about: About,
    /// A sentence.
    pub text: String,
}

/// What a notice is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Parts of a partitioned run are not there.
    MissingPartition,
    /// A run was stopped, or never came to its end.
    Unfinished,
    /// Several records of one check.
    Duplicate,
    /// Records of several versions or commits of the suite.
    MixedMakers,
    /// Records without a plan: what is missing cannot be known.
    NoPlan,
    /// Filters selected only some of the checks.
    Filtered,
    /// A record names a system, a rule or a clause that this suite does not know.
    Unknown,
    /// The suite that made records was not one that a commit holds.
    UnknownCommit,
    /// Nothing shows that the alarm of an engine works.
    NoCanary,
    /// A fuzz target that is defined did not run.
    NotFuzzed,
}

/// A check that failed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// Index into [`Report::evidence`].
    pub evidence: usize,
    /// In what way.
    pub what: FailureKind,
    /// What is wrong, where the record's own verdict does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// A reason for which checks say nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Unanswered {
    /// [`Verdict::Inconclusive`] or [`Verdict::Skipped`].
    pub verdict: Verdict,
    /// The reason.
    pub reason: String,
    /// How many checks that decide have it.
    pub deciding: u64,
    /// How many checks of peers have it.
    pub peers: u64,
    /// Which: indices into [`Report::evidence`].
    pub checks: Vec<usize>,
}

/// In what way a check failed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// A canary did not make the alarm go off.
    SilentCanary,
    /// The spec is violated.
    Violation,
    /// The spec does not meet what the program expects of it, whatever the subject does.
    Expectation,
    /// A real system does what the spec does not allow.
    Difference,
    /// An input crashed a fuzz target.
    Crash,
    /// A planted bug was not found.
    SurvivingMutant,
    /// The harness itself failed.
    HarnessError,
}

/// What the records say of one system.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct System {
    /// Its name.
    pub name: String,
    /// What the tables below come to.
    pub summary: Summary,
    /// The choices of semantics that its spec offers.
    pub parameters: Vec<ParameterInfo>,
    /// Its clauses: uncovered ones first, then violated ones, then by strength of coverage.
    pub clauses: Vec<Clause>,
    /// What was observed about its spec, by name.
    #[serde(default)]
    pub observations: Vec<ObservationRow>,
    /// Its spec's state graphs, over the programs of all records: a graph a setting of the spec and kind of thing.
    #[serde(default)]
    pub graphs: Vec<StateGraph>,
    /// The outcomes that the reference subject and subjects of ours reached under each engine, program by program, the
    /// reference subject first: it shows how far each engine sees.
    pub outcomes: Vec<OutcomeRow>,
    /// In what way those differ from what the spec allows: each class that there is.
    pub differences: Vec<ClassCount>,
    /// What engines are known not to show.
    pub gaps: Vec<Gap>,
    /// The planted bugs: survivors first.
    pub mutants: Vec<Mutant>,
    /// The canaries: silent ones first.
    pub canaries: Vec<Canary>,
    /// The real systems that were asked: those that differ first.
    pub oracles: Vec<OracleRow>,
    /// The peers' names, in the order of [`SurveyRow::cells`].
    pub peers: Vec<String>,
    /// What the peers do: a row a clause, or a program where a record names no clause.
    pub survey: Vec<SurveyRow>,
    /// The fuzz targets: those that did not run first, then those that crashed.
    pub fuzzing: Vec<FuzzRow>,
    /// The programs by name, and last what belongs to no single program.
    pub programs: Vec<Program>,
}

/// How much of a system was looked at, and whether looking would have found anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Clauses that the spec has.
    pub clauses: u64,
    /// How many of them are [`Coverage::Covered`].
    pub covered: u64,
    /// Planted bugs.
    pub mutants: u64,
    /// How many of them a check found.
    pub killed: u64,
    /// Canaries.
    pub canaries: u64,
    /// How many of them made the alarm go off.
    pub went_off: u64,
    /// Real systems that were to be asked.
    pub oracles: u64,
    /// How many of them answered as the spec allows.
    pub agree: u64,
}

/// A litmus program and the checks of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Program {
    /// Its name; absent for the checks that are not of one program.
    pub name: Option<String>,
    /// The clauses that it bears on.
    pub clauses: Vec<String>,
    /// How the checks that decide ended.
    pub deciding: Tally,
    /// How the checks of peers ended.
    pub survey: Tally,
    /// Everything that the spec allows or that a check compared in [`Program::compared`] came to.
    pub outcomes: Vec<ProgramOutcome>,
    /// The checks that ran it and whose outcomes are compared: indices into [`Report::evidence`]. Mutants and canaries
    /// are not among them: what they come to is meant to be wrong.
    pub compared: Vec<usize>,
    /// Every check of it that has a record, kind by kind: indices into [`Report::evidence`].
    pub checks: Vec<usize>,
}

/// An outcome of a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProgramOutcome {
    /// The outcome in words.
    pub outcome: String,
    /// Who allows it.
    pub standing: Standing,
}

/// Who allows an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The spec.
    Allowed,
    /// Only some of the records: those of an engine with weak memory, which the spec does not have.
    WeakMemory,
    /// Nobody.
    NotAllowed,
}

/// A clause and what touched it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Clause {
    /// Stable id.
    pub id: String,
    /// The requirement.
    pub text: String,
    /// Where it comes from.
    pub source: String,
    /// An extension of ours.
    pub extension: bool,
    /// How far it is covered.
    pub coverage: Coverage,
    /// The rules that name it, with how often each engine took it.
    pub rules: Vec<RuleCount>,
    /// How often its rules were taken, by engine.
    pub exercised: BTreeMap<String, u64>,
    /// The checks that bear on it and came to a verdict: indices into [`Report::evidence`].
    pub checks: Vec<usize>,
    /// The checks that found it broken: indices into [`Report::evidence`].
    pub violations: Vec<usize>,
}

/// How far a clause is covered. Mutants, canaries, peers and the reference subject cover nothing: they say something of
/// the suite, or of somebody else's code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// No rule that names it was taken, and no check that bears on it came to a verdict.
    Uncovered,
    /// Explored in the spec, or real systems were asked about it; no implementation of ours was held against it.
    SpecOnly,
    /// It only permits something, and no implementation of ours was seen to make use of that. Nothing is missing.
    NotUsed,
    /// An implementation has shown a rule that names it; or it demands something, and a check of an implementation that bears on it came
    /// to a verdict.
    Covered,
}

/// A rule and how often it was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RuleCount {
    /// Name.
    pub name: String,
    /// What the step does.
    pub text: String,
    /// Must or may.
    pub obligation: ObligationInfo,
    /// How often it was taken, by engine.
    pub exercised: BTreeMap<String, u64>,
}

/// The outcomes of one program on one subject.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeRow {
    /// The program.
    pub program: String,
    /// The subject.
    pub subject: String,
    /// Each engine's, by name.
    pub cells: Vec<OutcomeCell>,
}

impl OutcomeRow {
    /// The cell that says how many outcomes the spec allows: the one that says the least, for engines with weak memory
    /// allow more. `None` if no check of the row ran.
    pub fn spec(&self) -> Option<usize> {
        let said = self.cells.iter().enumerate().filter(|(_, cell)| cell.allowed > 0);
        said.min_by_key(|(_, cell)| cell.allowed).map(|(place, _)| place)
    }
}

/// The outcomes that one engine saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OutcomeCell {
    /// The engine.
    pub engine: String,
    /// Index into [`Report::evidence`].
    pub evidence: usize,
    /// How many outcomes the spec allows.
    pub allowed: usize,
    /// How many of those were seen.
    pub witnessed: usize,
    /// How many were seen that the spec does not allow.
    pub not_allowed: usize,
    /// What was reached compared with the spec.
    pub relation: Option<Relation>,
    /// Whether the engine looked at everything, with no bound.
    pub looked_everywhere: bool,
    /// The outcomes that are missing or one too many, by class. Nothing of a program with a data race: after one, nothing
    /// means anything.
    pub differences: Vec<Difference>,
}

/// Outcomes by which a cell differs from the spec, for one and the same reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The reason.
    pub class: Class,
    /// How many outcomes.
    pub count: usize,
    /// Which: indices into the outcomes of the cell's record.
    pub outcomes: Vec<usize>,
}

/// How often a class of difference occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClassCount {
    /// The class.
    pub class: Class,
    /// In how many cells.
    pub cells: usize,
    /// Outcomes, added up over cells.
    pub outcomes: usize,
}

/// What an engine is known not to show, and where these records have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// What it is.
    #[serde(flatten)]
    pub info: GapInfo,
    /// The check in which it shows: index into [`Report::evidence`].
    pub evidence: Option<usize>,
}

/// A planted bug.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Mutant {
    /// The subject that carries it, or the program, where the bug is in the program.
    pub name: String,
    /// What is planted.
    pub planted: String,
    /// The clauses that it was planted against. None where it is a mistake of the caller's.
    pub breaks: Vec<String>,
    /// The clauses that were blamed when it was found: what shows outside need not be what is wrong inside.
    pub noticed_as: Vec<String>,
    /// What became of it.
    pub fate: Fate,
    /// Who killed it, the fastest first.
    pub kills: Vec<Kill>,
    /// The checks that did not kill it: indices into [`Report::evidence`].
    pub misses: Vec<usize>,
}

/// What became of a planted bug.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// No check found it.
    Survived,
    /// No check came to a verdict.
    Undecided,
    /// A check found it.
    Killed,
}

/// A check that found a planted bug.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Kill {
    /// Index into [`Report::evidence`].
    pub evidence: usize,
    /// The program.
    pub program: Option<String>,
    /// The engine.
    pub engine: String,
    /// The executions until then, where they were counted.
    pub executions: Option<u64>,
    /// Wall time of the check.
    pub duration_ms: u64,
}

/// A check that must fail.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// Index into [`Report::evidence`].
    pub evidence: usize,
    /// The engine whose alarm it tests.
    pub engine: String,
    /// The mode that it tests.
    pub mode: Option<Mode>,
    /// What the alarm did.
    pub alarm: Alarm,
    /// The executions until the alarm went off, where they were counted.
    pub executions: Option<u64>,
}

/// What the alarm did.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// It stayed silent: nothing that this engine passes can be relied on.
    Silent,
    /// The check came to no verdict.
    Undecided,
    /// It went off, as it must.
    WentOff,
}

/// A real system that was asked what the spec is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OracleRow {
    /// Index into [`Report::evidence`].
    pub evidence: usize,
    /// Its name.
    pub name: String,
    /// How the check ended.
    pub verdict: Verdict,
    /// Questions asked.
    pub questions: u64,
    /// Questions to which the answer was not one that the spec allows; absent if nobody answered.
    pub differing: Option<u64>,
}

/// A fuzz target that is defined.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FuzzRow {
    /// Its name.
    pub target: String,
    /// Index into [`Report::evidence`]; absent if it did not run.
    pub evidence: Option<usize>,
    /// Bugs that were planted for it and looked for.
    pub planted: u64,
    /// How many of them it found.
    pub found: u64,
}

/// One question to all peers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SurveyRow {
    /// The clause's id, or the program's name where the records name no clause.
    pub question: String,
    /// The clause's text; absent where the question is a program.
    pub text: Option<String>,
    /// The answers, in the order of [`System::peers`].
    pub cells: Vec<SurveyCell>,
}

/// One peer's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SurveyCell {
    /// What was found.
    pub finding: Finding,
    /// The executions, or the questions, behind it.
    pub executions: u64,
    /// A question that it answers differently, where an oracle asked.
    pub example: Option<evidence::Difference>,
    /// The checks behind it: indices into [`Report::evidence`], a witness of a violation first.
    pub evidence: Vec<usize>,
    /// What the peer's documentation says, where the records say it. By convention it begins with `promised:` or
    /// `not promised:`, names the clause that it is about, if it is about one, up to the next `;`, then version and link.
    pub documentation: Vec<String>,
    /// Whether the documentation promises it, where the records say.
    pub promised: Option<bool>,
}

/// What was found of a peer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// An execution breaks the clause.
    Violated,
    /// No execution broke it.
    NotSeen,
    /// No check came to a verdict.
    Undecided,
    /// No check asked.
    NotAsked,
}

/// A planned check without a record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct NotRun {
    /// The check.
    pub check: Planned,
    /// Why there is no record.
    pub reason: String,
}

/// Several records of one check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Duplicate {
    /// The check's id.
    pub check: String,
    /// The verdict of the record that was kept: a violation before everything, or else the worst.
    pub kept: Verdict,
    /// Every record, the kept one first.
    pub records: Vec<Sighting>,
}

/// One of several records of a check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Sighting {
    /// Where it was found.
    pub directory: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its reason.
    pub reason: String,
}

impl Report {
    /// Puts the records of all sources together.
    ///
    /// Grows with the number of records, and with clauses times records for the clause tables.
    ///
    /// Where parts of a partitioned run are missing, so are their checks.
    pub fn assemble(sources: Vec<Source>, systems: &[SystemInfo], generated_at: String) -> Self {
        Self::judge(sources, systems, generated_at, None)
    }

    /// Judges one part of a run by what was planned for that part: the others are somebody else's.
    pub fn of_part(source: Source, part: Partition, systems: &[SystemInfo], generated_at: String) -> Self {
        Self::judge(vec![source], systems, generated_at, Some(part))
    }

    fn judge(sources: Vec<Source>, systems: &[SystemInfo], generated_at: String, part: Option<Partition>) -> Self {
        let mut notices = Vec::new();
        let runs: Vec<Run> = sources.iter().map(run_summary).collect();
        let plans: Vec<RunRecord> = sources.iter().filter_map(|source| source.run.clone()).collect();
        notices_about_runs(&runs, &mut notices);
        if part.is_none() {
            notices.extend(notices_about_partitions(&runs));
        }
        let (evidence, duplicates) = merge(sources);
        notices.extend(duplicates.iter().map(notice_about_duplicate));
        let makers = count_makers(&evidence);
        notices.extend(notice_about_makers(&makers));
        notices.extend(makers.iter().filter_map(notice_about_commit));
        let mut not_run = find_not_run(&plans, &evidence);
        not_run.retain(|missing| part.is_none_or(|part| part.holds(&missing.check.id)));
        let targets: BTreeSet<&str> = plans.iter().flat_map(|plan| &plan.targets).map(String::as_str).collect();
        let counts = count(&evidence, &not_run);
        let failures = find_failures(&evidence, &duplicates);
        notices_about_unknown_names(&evidence, systems, &mut notices);
        notices_about_canaries(&evidence, &mut notices);
        notices.extend(notice_about_systems(&evidence, systems));
        let systems = describe_systems(&evidence, &not_run, &targets, systems);
        notices.extend(systems.iter().flat_map(|system| &system.fuzzing).filter_map(notice_about_target));
        Report {
            schema_version: SCHEMA_VERSION,
            generated_at,
            generated_by: concat!("selvedge ", env!("CARGO_PKG_VERSION")).to_owned(),
            conclusion: conclude(&counts, &failures, unclear_expectations(&evidence).len() as u64, part),
            counts,
            runs,
            makers,
            notices,
            failures,
            unanswered: find_unanswered(&evidence),
            systems,
            not_run,
            duplicates,
            evidence,
        }
    }
}

impl Tally {
    /// Checks that came to say something: passed, failed, or ran out of budget.
    pub fn ran(&self) -> u64 {
        self.pass + self.fail + self.error + self.inconclusive
    }

    fn add(&mut self, verdict: Verdict) {
        self.checks += 1;
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Error => &mut self.error,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::Skipped => &mut self.skipped,
        } += 1;
    }

    fn add_not_run(&mut self) {
        self.checks += 1;
        self.not_run += 1;
    }
}

/// The kinds in the order in which reports list them.
pub const KINDS: [Kind; 9] = [
    Kind::Spec,
    Kind::Oracle,
    Kind::Conformance,
    Kind::Generated,
    Kind::Fuzz,
    Kind::Reference,
    Kind::Mutant,
    Kind::Canary,
    Kind::Peer,
];

/// A number with its noun: `1 check`, `2 checks`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn run_summary(source: &Source) -> Run {
    let plan = source.run.as_ref().map(|run| RunPlan {
        command: run.command.clone(),
        profile: run.profile,
        filters: run.filters.clone(),
        engine: run.engine.clone(),
        seed: run.seed,
        jobs: run.jobs,
        partition: run.partition,
        known: run.known,
        selected: run.selected.len(),
        planned: run.selected.iter().filter(|check| belongs(run, &check.id)).count(),
        started_at: run.started_at.clone(),
        finished_at: run.finished_at.clone(),
        interrupted: run.interrupted,
        duration_ms: run.finished_at.as_deref().and_then(|end| milliseconds_between(&run.started_at, end)),
        processors: run.processors,
        processor: run.processor.clone(),
    });
    Run { directory: source.directory.clone(), records: source.evidence.len(), plan }
}

fn milliseconds_between(start: &str, end: &str) -> Option<u64> {
    let start = chrono::DateTime::parse_from_rfc3339(start).ok()?;
    let end = chrono::DateTime::parse_from_rfc3339(end).ok()?;
    u64::try_from((end - start).num_milliseconds()).ok()
}

fn belongs(run: &RunRecord, id: &str) -> bool {
    run.partition.is_none_or(|partition| partition.holds(id))
}

fn notices_about_runs(runs: &[Run], notices: &mut Vec<Notice>) {
    for run in runs {
        let Some(plan) = &run.plan else {
            let text = format!("{} has records and no plan: which checks are missing cannot be known.", run.directory);
            notices.push(Notice { about: About::NoPlan, text });
            continue;
        };
        let missing = plan.planned.saturating_sub(run.records);
        if plan.interrupted || plan.finished_at.is_none() {
            let how = if plan.interrupted { "was stopped by its user" } else { "never came to its end" };
            let text =
                format!("The run in {} {how}: {missing} of {} checks have no record.", run.directory, plan.planned);
            notices.push(Notice { about: About::Unfinished, text });
        }
        if plan.selected < plan.known {
            let mut by: Vec<String> = plan.filters.iter().map(|filter| format!("filter `{filter}`")).collect();
            by.extend(plan.engine.iter().map(|engine| format!("engine {engine}")));
            let text = format!(
                "The run in {} selected {} of {} checks ({}); the others are not part of this report.",
                run.directory,
                plan.selected,
                plan.known,
                by.join(", ")
            );
            notices.push(Notice { about: About::Filtered, text });
        }
    }
}

/// One notice a partition, however many of its parts are missing.
fn notices_about_partitions(runs: &[Run]) -> Vec<Notice> {
    let present: BTreeSet<Partition> = runs.iter().filter_map(|run| run.plan.as_ref()?.partition).collect();
    let counts: BTreeSet<u64> = present.iter().map(|partition| partition.count).collect();
    let notice = |count: u64| {
        let of_count = present.iter().filter(|part| part.count == count).map(|part| part.index).collect();
        let missing = parts::missing(&of_count, count);
        let text = match missing.as_slice() {
            [] => return None,
            [(first, last)] if first == last => {
                format!("Part {first} of {count} is missing: its run left no records here.")
            }
            several => {
                format!("Parts {} of {count} are missing: their runs left no records here.", parts::in_words(several))
            }
        };
        Some(Notice { about: About::MissingPartition, text })
    };
    counts.into_iter().filter_map(notice).collect()
}

/// One record a check, by id. Records of one search are put together. Of several others, a violation is kept before
/// everything, for no error elsewhere takes back what was found; then the worst verdict, and of equally bad ones the one with the
/// most executions: what one machine found, no other machine's luck takes away.
fn merge(sources: Vec<Source>) -> (Vec<Evidence>, Vec<Duplicate>) {
    let mut by_check: BTreeMap<String, Vec<(String, Evidence)>> = BTreeMap::new();
    for source in sources {
        for evidence in source.evidence {
            by_check.entry(evidence.check.clone()).or_default().push((source.directory.clone(), evidence));
        }
    }
    let mut kept = Vec::new();
    let mut duplicates = Vec::new();
    for (check, records) in by_check {
        let mut records = joined(records);
        // A stable sort: the order of the command line decides between equals.
        records.sort_by_key(|(_, record)| {
            std::cmp::Reverse((record.verdict == Verdict::Fail, record.verdict, record.executions))
        });
        if records.len() > 1 {
            duplicates.push(Duplicate {
                check,
                kept: records[0].1.verdict,
                records: records
                    .iter()
                    .map(|(directory, evidence)| Sighting {
                        directory: directory.clone(),
                        verdict: evidence.verdict,
                        reason: evidence.reason.clone(),
                    })
                    .collect(),
            });
        }
        kept.extend(records.into_iter().next().map(|(_, evidence)| evidence));
    }
    (kept, duplicates)
}

/// Records of one check: parts of one search are no duplicates, together they are the search. One of a harness that failed is no
/// part of it, and stands beside.
fn joined(records: Vec<(String, Evidence)>) -> Vec<(String, Evidence)> {
    let (errors, others): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(_, record)| record.verdict == Verdict::Error);
    let parts: Vec<Evidence> = others.iter().map(|(_, record)| record.clone()).collect();
    let whole = (parts.len() > 1).then(|| parts::join(&parts)).flatten();
    let others = match whole {
        Some(whole) => {
            let directories: BTreeSet<String> = others.into_iter().map(|(directory, _)| directory).collect();
            vec![(directories.into_iter().collect::<Vec<_>>().join(", "), whole)]
        }
        None => others,
    };
    others.into_iter().chain(errors).collect()
}

fn notice_about_duplicate(duplicate: &Duplicate) -> Notice {
    let verdicts: BTreeSet<Verdict> = duplicate.records.iter().map(|record| record.verdict).collect();
    let found = counted(duplicate.records.len() as u64, "record", "records");
    let text = if verdicts.len() == 1 {
        format!("{} has {found}, all {}: one was kept.", duplicate.check, verdict_word(duplicate.kept))
    } else {
        let words: Vec<&str> = verdicts.into_iter().map(verdict_word).collect();
        let kept = match duplicate.kept {
            Verdict::Fail if words.contains(&verdict_word(Verdict::Error)) => {
                "the violation was kept, and the error counts besides".to_owned()
            }
            kept => format!("the worst was kept, {}", verdict_word(kept)),
        };
        format!("{} has {found} that disagree ({}): {kept}.", duplicate.check, words.join(", "))
    };
    Notice { about: About::Duplicate, text }
}

/// A verdict as the reports write it.
pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Skipped => "skipped",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
        Verdict::Error => "error",
    }
}

/// A mode as the reports write it.
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Outcomes => "outcomes",
        Mode::Histories => "histories",
    }
}

fn count_makers(evidence: &[Evidence]) -> Vec<MakerCount> {
    let mut makers: Vec<MakerCount> = Vec::new();
    for record in evidence {
        match makers.iter_mut().find(|known| known.maker == record.maker) {
            Some(known) => known.records += 1,
            None => makers.push(MakerCount { maker: record.maker.clone(), records: 1 }),
        }
    }
    makers.sort_by_key(|maker| std::cmp::Reverse(maker.records));
    makers
}

fn notice_about_makers(makers: &[MakerCount]) -> Option<Notice> {
    let versions: BTreeSet<(&str, &str)> =
        makers.iter().map(|known| (known.maker.suite.as_str(), known.maker.commit.as_str())).collect();
    if versions.len() < 2 {
        return None;
    }
    let named: Vec<String> = versions.iter().map(|(suite, commit)| format!("{suite} at {commit}")).collect();
    let text = format!(
        "The records come from {} versions of the suite ({}): they do not describe one state of the code.",
        versions.len(),
        named.join("; ")
    );
    Some(Notice { about: About::MixedMakers, text })
}

fn notice_about_commit(known: &MakerCount) -> Option<Notice> {
    let records = counted(known.records as u64, "record comes", "records come");
    let commit = &known.maker.commit;
    let text = if let Some(commit) = commit.strip_suffix('+') {
        format!(
            "{records} from a checkout of commit {commit} with changes that no commit holds: what ran cannot be \
             had again from the commit alone."
        )
    } else if commit == "unknown" {
        format!("{records} from a suite whose commit is not known: what ran cannot be had again for certain.")
    } else {
        return None;
    };
    Some(Notice { about: About::UnknownCommit, text })
}

/// An engine whose alarm was not tried passes whatever it is given.
fn notices_about_canaries(evidence: &[Evidence], notices: &mut Vec<Notice>) {
    let kept = |kinds: &[Kind]| -> BTreeSet<(&str, &str, Option<Mode>)> {
        let of_kinds = evidence.iter().filter(|record| kinds.contains(&record.kind) && record.mode.is_some());
        let said = of_kinds.filter(|record| matches!(record.verdict, Verdict::Pass | Verdict::Fail));
        said.map(|record| (record.system.as_str(), record.engine.as_str(), record.mode)).collect()
    };
    let relied_on = kept(&[Kind::Conformance, Kind::Generated]);
    for (system, engine, mode) in relied_on.difference(&kept(&[Kind::Canary])) {
        let mode = mode.map_or("", mode_word);
        let text = format!(
            "No canary of {system} ran under {engine} judging {mode}: nothing here shows that its alarm works."
        );
        notices.push(Notice { about: About::NoCanary, text });
    }
}

fn notices_about_unknown_names(evidence: &[Evidence], systems: &[SystemInfo], notices: &mut Vec<Notice>) {
    let mut unknown: BTreeSet<String> = BTreeSet::new();
    // Fuzz targets have no spec of their own.
    for record in evidence.iter().filter(|record| record.system != fuzz::SYSTEM) {
        let Some(system) = systems.iter().find(|system| system.name == record.system) else {
            unknown.insert(format!("This command knows no spec of `{}`: its clauses cannot be listed.", record.system));
            continue;
        };
        let broken = record.counterexample.iter().filter_map(|found| found.clause.as_ref());
        for id in record.clauses.iter().chain(broken) {
            if !system.clauses.iter().any(|clause| clause.id == *id) {
                unknown.insert(format!("Records name clause {id}, which the spec of `{}` does not have.", system.name));
            }
        }
        for name in record.rules.keys() {
            if !system.rules.iter().any(|rule| rule.name == *name) {
                unknown
                    .insert(format!("Records name rule `{name}`, which the spec of `{}` does not have.", system.name));
            }
        }
    }
    notices.extend(unknown.into_iter().map(|text| Notice { about: About::Unknown, text }));
}

/// Which systems the records say nothing of. A run that only fuzzed asked nothing of any spec.
fn notice_about_systems(evidence: &[Evidence], systems: &[SystemInfo]) -> Option<Notice> {
    let ran: BTreeSet<&str> = evidence.iter().map(|record| record.system.as_str()).collect();
    let others = systems.iter().map(|system| system.name.as_str()).filter(|name| !ran.contains(name));
    let others: Vec<&str> = others.collect();
    let only_fuzzed = ran.iter().all(|name| *name == fuzz::SYSTEM);
    let text = match others.as_slice() {
        _ if only_fuzzed => return None,
        [] => return None,
        [other] => format!("Nothing of {other} was run."),
        [first @ .., last] => format!("Nothing of {} and {last} was run.", first.join(", ")),
    };
    Some(Notice { about: About::Filtered, text })
}

fn find_not_run(plans: &[RunRecord], evidence: &[Evidence]) -> Vec<NotRun> {
    let recorded: BTreeSet<&str> = evidence.iter().map(|record| record.check.as_str()).collect();
    let mut missing: BTreeMap<&str, NotRun> = BTreeMap::new();
    for check in plans.iter().flat_map(|plan| &plan.selected) {
        if !recorded.contains(check.id.as_str()) {
            missing
                .entry(&check.id)
                .or_insert_with(|| NotRun { check: check.clone(), reason: why_not_run(plans, &check.id) });
        }
    }
    missing.into_values().collect()
}

fn why_not_run(plans: &[RunRecord], id: &str) -> String {
    let selecting = || plans.iter().filter(|plan| plan.selected.iter().any(|check| check.id == id));
    if let Some(plan) = selecting().find(|plan| belongs(plan, id)) {
        return match (plan.interrupted, &plan.finished_at) {
            (true, _) => "the run was stopped before the check ended".to_owned(),
            (false, None) => "the run never came to its end".to_owned(),
            (false, Some(_)) => "the run ended and left no record of it: its file was lost".to_owned(),
        };
    }
    let parts: BTreeSet<String> = selecting()
        .filter_map(|plan| plan.partition)
        .map(|partition| Partition::of(id, partition.count))
        .map(|partition| format!("part {} of {}", partition.index, partition.count))
        .collect();
    format!("it belongs to {}, which is missing", parts.into_iter().collect::<Vec<_>>().join(" and to "))
}

fn count(evidence: &[Evidence], not_run: &[NotRun]) -> Counts {
    let mut by_kind: BTreeMap<Kind, Tally> = BTreeMap::new();
    for record in evidence {
        by_kind.entry(record.kind).or_default().add(record.verdict);
    }
    for missing in not_run {
        by_kind.entry(missing.check.kind).or_default().add_not_run();
    }
    let mut deciding = Tally::default();
    for tally in by_kind.iter().filter(|(kind, _)| **kind != Kind::Peer).map(|(_, tally)| tally) {
        deciding.checks += tally.checks;
        deciding.pass += tally.pass;
        deciding.fail += tally.fail;
        deciding.error += tally.error;
        deciding.inconclusive += tally.inconclusive;
        deciding.skipped += tally.skipped;
        deciding.not_run += tally.not_run;
    }
    Counts {
        deciding,
        by_kind: KINDS
            .into_iter()
            .filter_map(|kind| by_kind.get(&kind).map(|tally| KindTally { kind, tally: *tally }))
            .collect(),
        executions: evidence.iter().map(|record| record.executions).sum(),
        checking_ms: evidence.iter().map(|record| record.duration_ms).sum(),
    }
}

fn find_failures(evidence: &[Evidence], duplicates: &[Duplicate]) -> Vec<Failure> {
    let mut failures: Vec<Failure> = evidence
        .iter()
        .enumerate()
        .filter_map(|(index, record)| {
            let what = match (record.verdict, record.kind) {
                (Verdict::Error, _) => FailureKind::HarnessError,
                (Verdict::Fail, Kind::Canary) => FailureKind::SilentCanary,
                (Verdict::Fail, Kind::Mutant) => FailureKind::SurvivingMutant,
                (Verdict::Fail, Kind::Peer) => return None,
                (Verdict::Fail, Kind::Oracle) => FailureKind::Difference,
                (Verdict::Fail, Kind::Fuzz) => FailureKind::Crash,
                (Verdict::Fail, _) => FailureKind::Violation,
                _ => return None,
            };
            Some(Failure { evidence: index, what, said: None })
        })
        .collect();
    for (index, record) in evidence.iter().enumerate() {
        let broken: Vec<&str> = expectations_beside(record, Some(false)).collect();
        if !broken.is_empty() {
            let said = format!("What the file expects does not hold in the spec: {}.", broken.join("; "));
            failures.push(Failure { evidence: index, what: FailureKind::Expectation, said: Some(said) });
        }
    }
    // Where the violation of one machine was kept the error of another still says that a harness failed.
    for duplicate in duplicates.iter().filter(|duplicate| duplicate.kept != Verdict::Error) {
        let Some(index) = evidence.iter().position(|record| record.check == duplicate.check) else { continue };
        for record in duplicate.records.iter().filter(|record| record.verdict == Verdict::Error) {
            let said = format!("The record in {}: {}", record.directory, record.reason);
            failures.push(Failure { evidence: index, what: FailureKind::HarnessError, said: Some(said) });
        }
    }
    failures.sort_by_key(|failure| failure.what);
    failures
}

/// The expectations of which a record says this, and its verdict nothing. What a planted bug or its program expects is not asked.
fn expectations_beside(record: &Evidence, held: Option<bool>) -> impl Iterator<Item = &str> {
    let is_asked = matches!(record.kind, Kind::Conformance | Kind::Reference | Kind::Generated);
    let expected = record.expectations.iter().filter(move |expected| is_asked && expected.held == held);
    expected.map(|expected| expected.text.as_str())
}

/// The records with expectations of which nobody knows whether they hold, if all others do.
fn unclear_expectations(evidence: &[Evidence]) -> Vec<usize> {
    let is_unclear = |record: &Evidence| {
        // One that is inconclusive already is not so twice.
        record.verdict != Verdict::Inconclusive
            && expectations_beside(record, Some(false)).next().is_none()
            && expectations_beside(record, None).next().is_some()
    };
    (0..evidence.len()).filter(|&index| is_unclear(&evidence[index])).collect()
}

fn find_unanswered(evidence: &[Evidence]) -> Vec<Unanswered> {
    let mut reasons: Vec<Unanswered> = Vec::new();
    let unclear = unclear_expectations(evidence);
    if !unclear.is_empty() {
        reasons.push(Unanswered {
            verdict: Verdict::Inconclusive,
            reason: "whether what the file expects holds in the spec is not known".to_owned(),
            deciding: unclear.len() as u64,
            peers: 0,
            checks: unclear,
        });
    }
    for (index, record) in evidence.iter().enumerate() {
        if !matches!(record.verdict, Verdict::Inconclusive | Verdict::Skipped) {
            continue;
        }
        let known = reasons.iter().position(|it| it.verdict == record.verdict && it.reason == record.reason);
        let place = known.unwrap_or(reasons.len());
        if known.is_none() {
            let (verdict, reason) = (record.verdict, record.reason.clone());
            reasons.push(Unanswered { verdict, reason, deciding: 0, peers: 0, checks: vec![] });
        }
        let reason = &mut reasons[place];
        *if record.kind == Kind::Peer { &mut reason.peers } else { &mut reason.deciding } += 1;
        reason.checks.push(index);
    }
    reasons.sort_by_key(|it| std::cmp::Reverse((it.verdict, it.deciding, it.peers)));
    reasons
}

fn conclude(counts: &Counts, failures: &[Failure], unclear: u64, part: Option<Partition>) -> Conclusion {
    let of_kind = |what| failures.iter().filter(|failure| failure.what == what).count() as u64;
    let (canaries, violations) = (of_kind(FailureKind::SilentCanary), of_kind(FailureKind::Violation));
    let (mutants, errors) = (of_kind(FailureKind::SurvivingMutant), of_kind(FailureKind::HarnessError));
    let (differences, crashes) = (of_kind(FailureKind::Difference), of_kind(FailureKind::Crash));
    let expectations = of_kind(FailureKind::Expectation);
    let tally = &counts.deciding;
    let surveyed: u64 =
        counts.by_kind.iter().filter(|known| known.kind == Kind::Peer).map(|known| known.tally.ran()).sum();
    let outcome = if canaries + errors > 0 {
        Exit::HarnessFailed
    } else if violations + expectations + differences + crashes + mutants > 0 {
        Exit::Violation
    } else if tally.inconclusive + tally.not_run + unclear > 0 {
        Exit::Inconclusive
    } else if tally.ran() + surveyed == 0 {
        Exit::NothingRan
    } else {
        Exit::Pass
    };

    let mut found = Vec::new();
    let mut say = |count: u64, one: &str, many: &str| {
        if count > 0 {
            found.push(counted(count, one, many));
        }
    };
    say(canaries, "canary stayed silent", "canaries stayed silent");
    say(errors, "check broke down in the harness", "checks broke down in the harness");
    say(violations, "check found a violation of the spec", "checks found a violation of the spec");
    say(
        expectations,
        "check is of a program whose spec does not meet what it expects",
        "checks are of programs whose specs do not meet what they expect",
    );
    say(differences, "real system does what its spec does not allow", "real systems do what their specs do not allow");
    say(crashes, "fuzz target crashed", "fuzz targets crashed");
    say(mutants, "planted bug survived", "planted bugs survived");
    let found = found.join(", ");

    let mut open = Vec::new();
    let mut leave = |count: u64, words: &str| {
        if count > 0 {
            open.push(format!("{count} {words}"));
        }
    };
    leave(tally.inconclusive, "inconclusive");
    leave(tally.skipped, "skipped");
    leave(tally.not_run, "not run");
    leave(unclear, "with expectations of which nothing is known");
    let open = if open.is_empty() { String::new() } else { format!("; {}", open.join(", ")) };
    let passed = format!("{} of {} passed", tally.pass, counted(tally.checks, "check", "checks"));

    let sentence = match outcome {
        Exit::HarnessFailed => {
            format!("The harness failed, so that nothing here can be relied on: {found}. {passed}{open}.")
        }
        Exit::Violation => format!("{found}. {passed}{open}."),
        Exit::Inconclusive => format!("No violation found, but not everything was looked at: {passed}{open}."),
        Exit::NothingRan => format!("Nothing ran{open}."),
        _ if tally.ran() == 0 => {
            let peers = counted(surveyed, "check", "checks");
            format!("Only peers were surveyed ({peers}): nothing of ours was judged{open}.")
        }
        _ => format!("No violation found: {passed}, each within the bound that it states{open}."),
    };
    let part = part.map_or_else(String::new, |part| format!("Part {} of {} alone. ", part.index, part.count));
    Conclusion { outcome, exit_code: outcome.code(), sentence: part + &sentence }
}

fn describe_systems(
    evidence: &[Evidence],
    not_run: &[NotRun],
    targets: &BTreeSet<&str>,
    infos: &[SystemInfo],
) -> Vec<System> {
    // Of a system without a record there is nothing to say but that.
    let mut named: BTreeSet<&str> = evidence.iter().map(|record| record.system.as_str()).collect();
    // A target that was left out is shown as that.
    named.extend(not_run.iter().map(|missing| missing.check.system.as_str()).filter(|name| *name == fuzz::SYSTEM));
    let known = infos.iter().filter(|info| named.contains(info.name.as_str())).cloned();
    let unknown = named.iter().filter(|name| !infos.iter().any(|info| info.name == **name)).map(|name| SystemInfo {
        name: (*name).to_owned(),
        clauses: vec![],
        rules: vec![],
        parameters: vec![],
        gaps: vec![],
    });
    known.chain(unknown).map(|info| describe_system(evidence, not_run, targets, info)).collect()
}

fn describe_system(evidence: &[Evidence], not_run: &[NotRun], targets: &BTreeSet<&str>, info: SystemInfo) -> System {
    let records: Vec<(usize, &Evidence)> =
        evidence.iter().enumerate().filter(|(_, record)| record.system == info.name).collect();
    let (peers, survey) = survey(&records, &info);
    let outcomes = outcome_rows(&records);
    let (clauses, mutants, canaries) = (clauses(&records, &info), mutants(&records), canaries(&records));
    let covered = clauses.iter().filter(|clause| clause.coverage == Coverage::Covered).count();
    let killed = mutants.iter().filter(|mutant| mutant.fate == Fate::Killed).count();
    let went_off = canaries.iter().filter(|canary| canary.alarm == Alarm::WentOff).count();
    let oracles = oracles(&records);
    let agree = oracles.iter().filter(|oracle| oracle.verdict == Verdict::Pass).count();
    System {
        summary: Summary {
            clauses: clauses.len() as u64,
            covered: covered as u64,
            mutants: mutants.len() as u64,
            killed: killed as u64,
            canaries: canaries.len() as u64,
            went_off: went_off as u64,
            oracles: oracles.len() as u64,
            agree: agree as u64,
        },
        clauses,
        gaps: info.gaps.iter().map(|gap| find_gap(gap, &records)).collect(),
        observations: observations::observations(&records),
        graphs: diagram::merged(records.iter().flat_map(|(_, record)| &record.graphs)),
        differences: count_classes(&outcomes),
        outcomes,
        mutants,
        canaries,
        oracles,
        peers,
        survey,
        fuzzing: if info.name == fuzz::SYSTEM { fuzzing(&records, targets) } else { Vec::new() },
        programs: programs(&records, not_run, &info.name),
        name: info.name,
        parameters: info.parameters,
    }
}

/// Whether a clause only permits something: it cannot be violated, and need not be made use of.
fn is_permission(info: &SystemInfo, clause: &str) -> bool {
    let mut rules = info.rules.iter().filter(|rule| rule.clause == clause).peekable();
    rules.peek().is_some() && rules.all(|rule| rule.obligation == ObligationInfo::May)
}

fn clauses(records: &[(usize, &Evidence)], info: &SystemInfo) -> Vec<Clause> {
    let covering: Vec<(usize, &Evidence)> = records
        .iter()
        .copied()
        .filter(|(_, record)| matches!(record.kind, Kind::Spec | Kind::Conformance | Kind::Generated | Kind::Oracle))
        .collect();
    // A real system that answers as the spec allows speaks for the spec, and not for an implementation of ours.
    let is_ours = |record: &Evidence| record.subject.is_some() && record.kind != Kind::Oracle;
    let exercised = |rule: &RuleInfo| {
        let mut by_engine: BTreeMap<String, u64> = BTreeMap::new();
        for (_, record) in &covering {
            match record.rules.get(&rule.name) {
                Some(&count) if count > 0 => *by_engine.entry(record.engine.clone()).or_default() += count,
                _ => {}
            }
        }
        by_engine
    };
    let by_an_implementation = |rule: &RuleInfo| {
        covering
            .iter()
            .any(|(_, record)| is_ours(record) && record.rules.get(&rule.name).is_some_and(|&count| count > 0))
    };
    let mut clauses: Vec<Clause> = info
        .clauses
        .iter()
        .map(|clause| {
            let named: Vec<&RuleInfo> = info.rules.iter().filter(|rule| rule.clause == clause.id).collect();
            let rules: Vec<RuleCount> = named
                .iter()
                .map(|rule| RuleCount {
                    name: rule.name.clone(),
                    text: rule.text.clone(),
                    obligation: rule.obligation,
                    exercised: exercised(rule),
                })
                .collect();
            let mut total: BTreeMap<String, u64> = BTreeMap::new();
            for (engine, count) in rules.iter().flat_map(|rule| &rule.exercised) {
                *total.entry(engine.clone()).or_default() += count;
            }
            let bearing: Vec<(usize, &Evidence)> = covering
                .iter()
                .copied()
                .filter(|(_, record)| record.clauses.contains(&clause.id))
                .filter(|(_, record)| matches!(record.verdict, Verdict::Pass | Verdict::Fail))
                .collect();
            let held_against_code = bearing.iter().any(|(_, record)| is_ours(record));
            let is_shown = named.iter().any(|rule| by_an_implementation(rule));
            let is_permission = is_permission(info, &clause.id);
            let coverage = if is_shown || (held_against_code && !is_permission) {
                Coverage::Covered
            } else if is_permission && held_against_code {
                Coverage::NotUsed
            } else if bearing.is_empty() && total.is_empty() {
                Coverage::Uncovered
            } else {
                Coverage::SpecOnly
            };
            let broken = |record: &Evidence| record.verdict == Verdict::Fail && record.blames(&clause.id);
            Clause {
                id: clause.id.clone(),
                text: clause.text.clone(),
                source: clause.source.clone(),
                extension: clause.extension,
                coverage,
                rules,
                exercised: total,
                checks: bearing.iter().map(|(index, _)| *index).collect(),
                violations: covering.iter().filter(|(_, record)| broken(record)).map(|(index, _)| *index).collect(),
            }
        })
        .collect();
    // A stable sort: within a group the spec's own order stays.
    clauses
        .sort_by_key(|clause| (clause.coverage != Coverage::Uncovered, clause.violations.is_empty(), clause.coverage));
    clauses
}

/// One table over all engines.
fn outcome_rows(records: &[(usize, &Evidence)]) -> Vec<OutcomeRow> {
    let mut by_program: BTreeMap<&str, Vec<(usize, &Evidence)>> = BTreeMap::new();
    for (index, record) in records {
        let is_compared = matches!(record.kind, Kind::Conformance | Kind::Reference) && record.subject.is_some();
        if let (Some(program), true) = (&record.program, is_compared) {
            by_program.entry(program).or_default().push((*index, record));
        }
    }
    by_program.into_iter().flat_map(|(program, records)| rows_of_program(program, &records)).collect()
}

fn rows_of_program(program: &str, records: &[(usize, &Evidence)]) -> Vec<OutcomeRow> {
    // A check that could not run lists no outcomes.
    let sets = sets_of(records.iter().map(|(_, record)| *record).filter(|record| !record.outcomes.is_empty()));
    let is_racy = sets.allowed.iter().any(|outcome| outcome.starts_with(RACE));
    let mut rows: BTreeMap<(bool, &str), Vec<OutcomeCell>> = BTreeMap::new();
    for (index, record) in records {
        let counting = |allowed: bool, seen: bool| {
            record.outcomes.iter().filter(|outcome| outcome.allowed == allowed && (!seen || outcome.seen > 0)).count()
        };
        let reach = reach_of(record).filter(|_| !is_racy);
        let found = reach.as_ref().map(|reach| sets.differences(reach)).unwrap_or_default();
        let subject = record.subject.as_deref().unwrap_or_default();
        rows.entry((record.kind != Kind::Reference, subject)).or_default().push(OutcomeCell {
            engine: record.engine.clone(),
            evidence: *index,
            allowed: counting(true, false),
            witnessed: counting(true, true),
            not_allowed: counting(false, true),
            relation: record.relation,
            looked_everywhere: looked_everywhere(record),
            differences: by_class(record, &found),
        });
    }
    rows.into_iter()
        .map(|((_, subject), mut cells)| {
            cells.sort_by_key(|cell| (column(&cell.engine), cell.evidence));
            OutcomeRow { program: program.to_owned(), subject: subject.to_owned(), cells }
        })
        .collect()
}

/// The place of an engine among the columns of the table.
pub fn column(engine: &str) -> usize {
    let compared = Engine::COMPARED.iter().position(|known| known.name() == engine);
    compared.unwrap_or(Engine::COMPARED.len())
}

/// What is known of a program's outcomes. The spec allows what every record that lists its outcomes says it does: those
/// of engines with weak memory allow more.
fn sets_of<'a>(records: impl Iterator<Item = &'a Evidence> + Clone) -> Sets<'a> {
    let allowed_by = |record: &'a Evidence| -> BTreeSet<&'a str> {
        let allowed = record.outcomes.iter().filter(|witness| witness.allowed);
        allowed.map(|witness| witness.outcome.as_str()).collect()
    };
    let allowed = records.clone().map(allowed_by).reduce(|one, other| &one & &other).unwrap_or_default();
    let mut reached: Vec<Reach<'a>> = records.filter_map(reach_of).collect();
    for reach in &mut reached {
        reach.weak.retain(|outcome| !allowed.contains(outcome));
    }
    Sets { allowed, reached }
}

/// What a record's check reached; nothing if it did not run.
fn reach_of(record: &Evidence) -> Option<Reach<'_>> {
    if record.executions == 0 || matches!(record.verdict, Verdict::Skipped | Verdict::Error) {
        return None;
    }
    let seen = || record.outcomes.iter().filter(|witness| witness.seen > 0);
    Some(Reach {
        subject: record.subject.as_deref().filter(|_| record.kind != Kind::Reference),
        engine: &record.engine,
        seen: seen().map(|witness| witness.outcome.as_str()).collect(),
        weak: seen().filter(|witness| witness.allowed).map(|witness| witness.outcome.as_str()).collect(),
        looked_everywhere: looked_everywhere(record),
    })
}

fn looked_everywhere(record: &Evidence) -> bool {
    record.complete && record.preemptions.is_none()
}

fn by_class(record: &Evidence, found: &[(&str, Class)]) -> Vec<Difference> {
    let index = |outcome: &str| record.outcomes.iter().position(|witness| witness.outcome == outcome);
    let mut classes: BTreeMap<Class, Vec<usize>> = BTreeMap::new();
    for (outcome, class) in found {
        classes.entry(*class).or_default().extend(index(outcome));
    }
    classes.into_iter().map(|(class, outcomes)| Difference { class, count: outcomes.len(), outcomes }).collect()
}

fn find_gap(gap: &GapInfo, records: &[(usize, &Evidence)]) -> Gap {
    let shows = |record: &Evidence| {
        let has_run = record.executions > 0 && record.program.is_some() && record.subject.is_some();
        has_run && (&record.program, &record.subject, &record.engine) == (&gap.program, &gap.subject, &gap.engine)
    };
    let evidence = records.iter().find(|(_, record)| shows(record)).map(|(index, _)| *index);
    Gap { info: gap.clone(), evidence }
}

fn count_classes(rows: &[OutcomeRow]) -> Vec<ClassCount> {
    let all = || rows.iter().flat_map(|row| &row.cells).flat_map(|cell| &cell.differences);
    Class::ALL
        .into_iter()
        .map(|class| {
            let of_class = || all().filter(|difference| difference.class == class);
            ClassCount { class, cells: of_class().count(), outcomes: of_class().map(|known| known.count).sum() }
        })
        .filter(|count| count.cells > 0)
        .collect()
}

fn programs(records: &[(usize, &Evidence)], not_run: &[NotRun], system: &str) -> Vec<Program> {
    let mut by_name: BTreeMap<Option<&str>, Vec<(usize, &Evidence)>> = BTreeMap::new();
    for &(index, record) in records {
        by_name.entry(record.program.as_deref()).or_default().push((index, record));
    }
    let missing = || not_run.iter().map(|missing| &missing.check).filter(|check| check.system == system);
    for check in missing() {
        by_name.entry(check.program.as_deref()).or_default();
    }
    let mut programs: Vec<Program> = by_name
        .into_iter()
        .map(|(name, of_it)| {
            let mut program = program(name, &of_it);
            for check in missing().filter(|check| check.program.as_deref() == name) {
                let is_peer = check.kind == Kind::Peer;
                if is_peer { &mut program.survey } else { &mut program.deciding }.add_not_run();
            }
            program
        })
        .collect();
    // A stable sort: `None` comes first in a map.
    programs.sort_by_key(|program| program.name.is_none());
    programs
}

fn program(name: Option<&str>, records: &[(usize, &Evidence)]) -> Program {
    let (mut deciding, mut survey) = (Tally::default(), Tally::default());
    for (_, record) in records {
        if record.kind == Kind::Peer { &mut survey } else { &mut deciding }.add(record.verdict);
    }
    let is_planted = |record: &Evidence| matches!(record.kind, Kind::Mutant | Kind::Canary);
    let mut checks: Vec<(usize, &Evidence)> = records.to_vec();
    let place = |kind: Kind| KINDS.iter().position(|known| *known == kind);
    checks.sort_by_key(|(index, record)| (place(record.kind), *index));
    let honest: Vec<(usize, &Evidence)> =
        checks.iter().copied().filter(|(_, record)| name.is_some() && !is_planted(record)).collect();
    let clauses: BTreeSet<String> = honest.iter().flat_map(|(_, record)| record.clauses.clone()).collect();
    let listing: Vec<&Evidence> =
        honest.iter().map(|(_, record)| *record).filter(|record| !record.outcomes.is_empty()).collect();
    let mut outcomes: Vec<ProgramOutcome> = Vec::new();
    for witness in listing.iter().flat_map(|record| &record.outcomes) {
        if outcomes.iter().all(|known| known.outcome != witness.outcome) {
            let allows = |record: &&&Evidence| {
                record.outcomes.iter().any(|other| other.allowed && other.outcome == witness.outcome)
            };
            let standing = match listing.iter().filter(allows).count() {
                0 => Standing::NotAllowed,
                count if count == listing.len() => Standing::Allowed,
                _ => Standing::WeakMemory,
            };
            outcomes.push(ProgramOutcome { outcome: witness.outcome.clone(), standing });
        }
    }
    let is_compared = |record: &Evidence| record.subject.is_some() && record.executions > 0;
    Program {
        name: name.map(str::to_owned),
        clauses: clauses.into_iter().collect(),
        deciding,
        survey,
        compared: honest
            .iter()
            .filter(|(_, record)| is_compared(record) && !record.outcomes.is_empty())
            .map(|(index, _)| *index)
            .collect(),
        outcomes,
        checks: checks.into_iter().map(|(index, _)| index).collect(),
    }
}

fn mutants(records: &[(usize, &Evidence)]) -> Vec<Mutant> {
    // What is planted is the mutant's identity: several programs and engines may hunt the same one.
    let mut hunts: BTreeMap<String, Vec<(usize, &Evidence)>> = BTreeMap::new();
    for &(index, record) in records.iter().filter(|(_, record)| record.kind == Kind::Mutant) {
        let planted = record.note.clone().unwrap_or_else(|| record.check.clone());
        hunts.entry(planted).or_default().push((index, record));
    }
    let mut mutants: Vec<Mutant> = hunts
        .into_iter()
        .map(|(planted, hunt)| {
            // A check of a mutant passes by killing it.
            let killed = |record: &Evidence| record.verdict == Verdict::Pass;
            let mut kills: Vec<Kill> = hunt
                .iter()
                .filter(|(_, record)| killed(record))
                .map(|(index, record)| Kill {
                    evidence: *index,
                    program: record.program.clone(),
                    engine: record.engine.clone(),
                    executions: record.killed_after,
                    duration_ms: record.duration_ms,
                })
                .collect();
            kills.sort_by_key(|kill| (kill.executions.unwrap_or(u64::MAX), kill.evidence));
            let fate = if !kills.is_empty() {
                Fate::Killed
            } else if hunt.iter().any(|(_, record)| record.verdict == Verdict::Fail) {
                Fate::Survived
            } else {
                Fate::Undecided
            };
            let noticed_as: BTreeSet<String> =
                hunt.iter().filter_map(|(_, record)| blamed(record)).map(str::to_owned).collect();
            let breaks: BTreeSet<String> = hunt.iter().flat_map(|(_, record)| record.clauses.clone()).collect();
            let names = |record: &Evidence| record.subject.clone().or_else(|| record.program.clone());
            let first = hunt[0].1;
            Mutant {
                name: names(first).unwrap_or_else(|| first.check.clone()),
                planted,
                breaks: breaks.into_iter().collect(),
                noticed_as: noticed_as.into_iter().collect(),
                fate,
                kills,
                misses: hunt.iter().filter(|(_, record)| !killed(record)).map(|(index, _)| *index).collect(),
            }
        })
        .collect();
    mutants.sort_by(|a, b| (a.fate, &a.name).cmp(&(b.fate, &b.name)));
    mutants
}

fn canaries(records: &[(usize, &Evidence)]) -> Vec<Canary> {
    let mut canaries: Vec<Canary> = records
        .iter()
        .filter(|(_, record)| record.kind == Kind::Canary)
        .map(|(index, record)| Canary {
            evidence: *index,
            engine: record.engine.clone(),
            mode: record.mode,
            alarm: match record.verdict {
                Verdict::Pass => Alarm::WentOff,
                Verdict::Fail => Alarm::Silent,
                Verdict::Error | Verdict::Inconclusive | Verdict::Skipped => Alarm::Undecided,
            },
            executions: record.killed_after,
        })
        .collect();
    canaries.sort_by(|a, b| (a.alarm, &a.engine, a.mode).cmp(&(b.alarm, &b.engine, b.mode)));
    canaries
}

fn oracles(records: &[(usize, &Evidence)]) -> Vec<OracleRow> {
    let mut oracles: Vec<OracleRow> = records
        .iter()
        .filter(|(_, record)| record.kind == Kind::Oracle)
        .map(|(index, record)| OracleRow {
            evidence: *index,
            name: record.subject.clone().unwrap_or_else(|| record.check.clone()),
            verdict: record.verdict,
            questions: record.executions,
            differing: record.comparison.as_ref().map(|comparison| comparison.differing),
        })
        .collect();
    oracles.sort_by(|a, b| (b.verdict, &a.name).cmp(&(a.verdict, &b.name)));
    oracles
}

fn fuzzing(records: &[(usize, &Evidence)], targets: &BTreeSet<&str>) -> Vec<FuzzRow> {
    let (hunts, own): (Vec<_>, Vec<_>) = records.iter().partition(|(_, record)| record.kind == Kind::Mutant);
    let record_of = |target: &str| own.iter().find(|(_, record)| record.subject.as_deref() == Some(target));
    let recorded = own.iter().filter_map(|(_, record)| record.subject.as_deref());
    let count = |target: &str, is_wanted: fn(&Evidence) -> bool| {
        let is_its = |record: &Evidence| record.program.as_deref() == Some(target) && is_wanted(record);
        hunts.iter().filter(|(_, record)| is_its(record)).count() as u64
    };
    let names: BTreeSet<&str> = targets.iter().copied().chain(recorded).collect();
    let mut rows: Vec<FuzzRow> = names
        .into_iter()
        .map(|name| FuzzRow {
            target: name.to_owned(),
            evidence: record_of(name).map(|(index, _)| *index),
            planted: count(name, |_| true),
            found: count(name, |record| record.verdict == Verdict::Pass),
        })
        .collect();
    // A stable sort: by name within a group.
    let verdict_of = |row: &FuzzRow| record_of(&row.target).map(|(_, record)| std::cmp::Reverse(record.verdict));
    rows.sort_by_key(verdict_of);
    rows
}

fn notice_about_target(row: &FuzzRow) -> Option<Notice> {
    let text = format!("The fuzz target {} is defined and did not run: what it would find is not known.", row.target);
    row.evidence.is_none().then_some(Notice { about: About::NotFuzzed, text })
}

fn survey(records: &[(usize, &Evidence)], info: &SystemInfo) -> (Vec<String>, Vec<SurveyRow>) {
    let asked: Vec<(usize, &Evidence)> =
        records.iter().copied().filter(|(_, record)| record.kind == Kind::Peer && record.subject.is_some()).collect();
    let answers: Vec<(usize, &PeerAnswers)> = records
        .iter()
        .flat_map(|(index, record)| {
            record.comparison.iter().flat_map(|comparison| &comparison.peers).map(move |answers| (*index, answers))
        })
        .collect();
    let peers = asked.iter().filter_map(|(_, record)| record.subject.clone());
    let peers: BTreeSet<String> = peers.chain(answers.iter().map(|(_, answers)| answers.peer.clone())).collect();
    let questions_of = |record: &Evidence| -> Vec<String> {
        let mut questions = match (record.clauses.is_empty(), &record.program) {
            (false, _) => record.clauses.iter().filter(|clause| !is_permission(info, clause)).cloned().collect(),
            (true, Some(program)) => vec![program.clone()],
            (true, None) => vec![record.check.clone()],
        };
        if record.verdict == Verdict::Fail {
            // A program may show more than it was written for.
            let blamed = blamed(record).unwrap_or(NO_CLAUSE).to_owned();
            if !record.clauses.is_empty() && !questions.contains(&blamed) {
                questions.push(blamed);
            }
        }
        questions
    };
    let questions = asked.iter().flat_map(|(_, record)| questions_of(record));
    let questions: BTreeSet<String> =
        questions.chain(answers.iter().map(|(_, answers)| answers.clause.clone())).collect();
    let cell = |peer: &String, question: &String| {
        let here = asked
            .iter()
            .copied()
            .filter(|(_, record)| record.subject.as_ref() == Some(peer) && questions_of(record).contains(question));
        let mut cell = survey_cell(&here.collect::<Vec<_>>(), question, info);
        for (index, answers) in answers.iter().filter(|(_, it)| it.peer == *peer && it.clause == *question) {
            cell.take_in(*index, answers);
        }
        cell
    };
    let rows = questions
        .into_iter()
        .map(|question| SurveyRow {
            text: match question.as_str() {
                NO_CLAUSE => Some("Failures that no clause accounts for: a panic, a loop without end.".to_owned()),
                _ => info.clauses.iter().find(|clause| clause.id == question).map(|clause| clause.text.clone()),
            },
            cells: peers.iter().map(|peer| cell(peer, &question)).collect(),
            question,
        })
        .collect();
    (peers.into_iter().collect(), rows)
}

impl SurveyCell {
    /// Takes in what an oracle heard from the peer.
    fn take_in(&mut self, evidence: usize, answers: &PeerAnswers) {
        if answers.questions == 0 {
            return;
        }
        self.executions += answers.questions;
        if answers.differing == 0 {
            if self.finding != Finding::Violated {
                self.finding = Finding::NotSeen;
            }
            self.evidence.push(evidence);
        } else {
            // A witness of a violation comes first.
            self.finding = Finding::Violated;
            self.evidence.insert(0, evidence);
            self.example.clone_from(&answers.example);
        }
    }
}

/// The question that a failure answers which breaks no clause.
const NO_CLAUSE: &str = "no clause";

fn blamed(record: &Evidence) -> Option<&str> {
    record.counterexample.as_ref().and_then(|found| found.clause.as_deref())
}

fn survey_cell(asked: &[(usize, &Evidence)], question: &str, info: &SystemInfo) -> SurveyCell {
    let breaks = |record: &Evidence| {
        let answer = blamed(record).unwrap_or(if record.clauses.is_empty() { question } else { NO_CLAUSE });
        record.verdict == Verdict::Fail && answer == question
    };
    // A record that broke another clause stopped there: of this one it says nothing.
    let telling = |record: &Evidence| record.verdict == Verdict::Pass || breaks(record);
    let finding = if asked.iter().any(|(_, record)| breaks(record)) {
        Finding::Violated
    } else if asked.iter().any(|(_, record)| telling(record)) {
        Finding::NotSeen
    } else if asked.is_empty() {
        Finding::NotAsked
    } else {
        Finding::Undecided
    };
    let mut behind: Vec<(usize, &Evidence)> = asked.to_vec();
    behind.sort_by_key(|(index, record)| (!breaks(record), !telling(record), *index));
    // A record bears on several clauses; what its note says of one of them says nothing of the others.
    let is_of_this = |note: &&String| {
        let about = promise(note).map_or("", |(_, about)| about);
        let words: Vec<&str> = about.split(|letter: char| !letter.is_alphanumeric() && letter != '-').collect();
        let mut named = info.clauses.iter().filter(|clause| words.contains(&clause.id.as_str())).peekable();
        named.peek().is_none() || named.any(|clause| clause.id == question)
    };
    let notes = asked.iter().filter_map(|(_, record)| record.note.as_ref()).filter(is_of_this);
    let documentation: BTreeSet<String> = notes.cloned().collect();
    let promised = documentation.iter().find_map(|note| promise(note)).map(|(promised, _)| promised);
    SurveyCell {
        finding,
        executions: asked.iter().filter(|(_, record)| telling(record)).map(|(_, record)| record.executions).sum(),
        example: None,
        evidence: behind.into_iter().map(|(index, _)| index).collect(),
        documentation: documentation.into_iter().collect(),
        promised,
    }
}

/// Whether a note says that something is promised, and of what: `not promised: COND-05; ...`.
fn promise(note: &str) -> Option<(bool, &str)> {
    let (head, rest) = note.split_once(':')?;
    let about = rest.split(';').next().unwrap_or_default();
    match head.trim().to_lowercase().as_str() {
        "promised" => Some((true, about)),
        "not promised" => Some((false, about)),
        _ => None,
    }
}
