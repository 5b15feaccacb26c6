//! Evidence: one record a check, the only thing that reports read.
//!
//! A record is complete in itself: what ran, how far it got, what it found, and how to run it again.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::parts::Search;

/// The version of the record's format. A record of another version is refused, not guessed at.
pub const FORMAT: u32 = 2;

/// What a check is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The spec alone: do the program's expectations hold of everything that the spec allows?
    Spec,
    /// An implementation of ours against the spec.
    Conformance,
    /// The reference subject under an engine: how much of the spec can the engine reach?
    Reference,
    /// A subject or a program with a planted bug: it must be killed.
    Mutant,
    /// A check that must fail, to prove that the alarm works.
    Canary,
    /// Somebody else's primitive against the spec.
    Peer,
    /// Generated programs.
    Generated,
    /// A real system asked what the spec is asked.
    Oracle,
    /// A fuzz target that must not crash.
    Fuzz,
}

impl Kind {
    /// The name in check ids and in words.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Spec => "spec",
            Kind::Conformance => "conformance",
            Kind::Reference => "reference",
            Kind::Mutant => "mutant",
            Kind::Canary => "canary",
            Kind::Peer => "peer",
            Kind::Generated => "generated",
            Kind::Oracle => "oracle",
            Kind::Fuzz => "fuzz",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// What the technique could see, within its bound, is what the spec allows.
    Pass,
    /// It did not run; the reason says why.
    Skipped,
    /// A budget ran out before there was anything to say.
    Inconclusive,
    /// The spec is violated, or a planted bug survived.
    Fail,
    /// The harness itself failed.
    Error,
}

/// Whether the real-time order of calls and returns was judged, or only the outcomes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Values returned, final state, who is blocked.
    Outcomes,
    /// Real-time order of calls and returns as well.
    Histories,
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let modes = [Mode::Outcomes, Mode::Histories];
        let known = modes.into_iter().find(|mode| mode.name() == text);
        known.ok_or_else(|| format!("there is no mode `{text}`; there are {}", modes.map(Mode::name).join(" and ")))
    }
}

impl Mode {
    /// The name in check ids and in words.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Outcomes => "outcomes",
            Mode::Histories => "histories",
        }
    }
}

/// What a subject reached, compared with what the spec allows or with what the reference subject reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    /// The same outcomes.
    Equal,
    /// Fewer outcomes: a legal refinement, or an engine that did not look everywhere.
    Narrower,
    /// An outcome that is not allowed: a violation.
    Wider,
}

/// An outcome and how often it was seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// The outcome in words, as `selvedge outcomes` prints it.
    pub outcome: String,
    /// In how many executions it was seen; 0 if it is allowed and was never seen.
    pub seen: u64,
    /// Whether the spec allows it.
    pub allowed: bool,
}

/// One line of a counterexample's table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// The column: an index into [`Counterexample::threads`].
    pub thread: usize,
    /// What the thread did.
    pub text: String,
    /// Whether this is where the violation shows.
    pub here: bool,
}

/// An execution that the spec does not allow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Counterexample {
    /// The broken clause's id, if one clause is to blame.
    pub clause: Option<String>,
    /// What is wrong, one sentence.
    pub sentence: String,
    /// The threads' names, a column each.
    pub threads: Vec<String>,
    /// What happened, in order.
    pub rows: Vec<Row>,
    /// What the spec allowed at the point of the violation.
    pub allowed: Vec<String>,
    /// What was seen there.
    pub seen: String,
    /// The program in litmus syntax.
    pub program: String,
    /// The recorded history as JSON lines, as `selvedge history` reads it; empty where none was recorded.
    #[serde(default)]
    pub history: String,
    /// Replays the schedule, where the engine can.
    pub token: Option<String>,
}

impl std::fmt::Display for Counterexample {
    /// The sentence, then what happened with a column a thread.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n", self.sentence)?;
        f.write_str(&crate::columns::render(&self.threads, &self.rows))
    }
}

/// An expectation of the program and whether it held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// The expectation as the file states it.
    pub text: String,
    /// Whether it held; absent if this engine could not tell.
    pub held: Option<bool>,
    /// Under which semantics it holds: `fails only if spurious wakeups exist`. Absent if that was not asked, or is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leans: Option<String>,
}

/// Something seen in a spec that its author may not have meant, and that the real system may or may not share: that a
/// program can come to certain outcomes, or cannot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Its name. Checks of several programs that name the same one belong together.
    pub name: String,
    /// What the program's author says of it; may be empty.
    pub text: String,
    /// The spec, with the parameters under which it was explored: `proc (version go1.26)`.
    pub spec: String,
    /// Which outcomes it is about, as a condition of the litmus language.
    pub condition: String,
    /// Whether the spec allows such an outcome; absent if its states were too many to say.
    pub allowed: Option<bool>,
    /// The outcome that the path comes to, in words.
    pub outcome: Option<String>,
    /// The threads' names, and `daemon` behind them if one takes part: the columns of the path.
    pub threads: Vec<String>,
    /// A shortest execution to such an outcome; empty if the spec allows none.
    pub rows: Vec<Row>,
    /// The program in litmus syntax.
    pub program: String,
    /// The command that prints it, if the program lies in a file.
    pub command: Option<String>,
}

/// Which rules of a spec take a thing from which status to which, in every execution of a program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StateGraph {
    /// The things, in the plural: `processors`.
    pub things: String,
    /// The spec, with the parameters under which the program was taken.
    pub spec: String,
    /// Whether every execution was looked at.
    pub complete: bool,
    /// The changes of status, sorted.
    pub arrows: Vec<Arrow>,
}

/// A change of status.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Arrow {
    /// The status before; absent where the thing was not there.
    pub from: Option<String>,
    /// The status after.
    pub to: String,
    /// The rules that make the change, by name.
    pub rules: Vec<String>,
}

/// A real system's answers beside the spec's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// Who answered, with the version that was found: `glibc 2.36`.
    pub respondent: String,
    /// Questions to which the answer was not one that the spec allows.
    pub differing: u64,
    /// Some of those, the shortest inputs first.
    pub differences: Vec<Difference>,
    /// How many questions bore on each clause, by id.
    pub clauses: Vec<ClauseAnswers>,
    /// What peers answered: a cell of the survey each.
    pub peers: Vec<PeerAnswers>,
}

/// The questions that bear on one clause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClauseAnswers {
    /// The clause's id.
    pub clause: String,
    /// How many questions bear on it.
    pub questions: u64,
    /// For how many differences it is to blame.
    pub differing: u64,
}

/// A question to which spec and real system give different answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// The clause that it bears on, if one is to blame.
    pub clause: Option<String>,
    /// What was asked.
    pub input: String,
    /// What the spec allows.
    pub spec: String,
    /// What was answered.
    pub answer: String,
}

/// What a peer answered to the questions that bear on one clause.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PeerAnswers {
    /// The peer, with its version.
    pub peer: String,
    /// The clause's id.
    pub clause: String,
    /// How many questions there were.
    pub questions: u64,
    /// How many of its answers the spec does not allow.
    pub differing: u64,
    /// The shortest question among those.
    pub example: Option<Difference>,
}

/// What fuzzing one target came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Fuzzing {
    /// The time that it was given.
    pub granted_ms: u64,
    /// Inputs that it began with: seeds, regressions, and what an earlier run had kept.
    pub inputs_before: u64,
    /// Inputs that it keeps, after minimisation.
    pub inputs_after: u64,
    /// Inputs that reached something new.
    pub new_units: u64,
    /// Executions a second, over the fuzzer's whole wall time: reading what it began with is part of it.
    pub executions_per_second: u64,
    /// Edges of the instrumented code that were reached.
    pub edges: u64,
    /// Pairs of edge and count that were reached.
    pub features: u64,
    /// Peak memory, in MiB.
    pub peak_rss_mib: u64,
    /// Inputs that crashed.
    pub crashes: Vec<Crash>,
}

/// An input that crashed a fuzz target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Crash {
    /// Where the input lies, made small.
    pub input: String,
    /// Its size as found.
    pub found_bytes: u64,
    /// Its size, made small.
    pub bytes: u64,
    /// What the target said.
    pub message: String,
    /// The command that runs it again.
    pub reproduce: String,
}

/// What made the record.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Maker {
    /// Version of the suite.
    pub suite: String,
    /// Git commit of the suite, `unknown` outside a checkout; `+` behind it if the tree had changes.
    pub commit: String,
    /// Compiler.
    pub rustc: String,
    /// Operating system and processor.
    pub target: String,
    /// The machine's kernel release.
    pub kernel: String,
}

impl Maker {
    /// Nobody yet: a child process leaves the field to its parent.
    pub fn unknown() -> Self {
        let unknown = || "unknown".to_owned();
        Maker { suite: unknown(), commit: unknown(), rustc: unknown(), target: unknown(), kernel: unknown() }
    }
}

/// The record of one check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: u32,
    /// The check's stable id, for instance `cond/conformance/L04-fifo/cond/loom`.
    pub check: String,
    /// What the check is for.
    pub kind: Kind,
    /// The system, for instance `cond`.
    pub system: String,
    /// The program's name, if the check is about one program.
    pub program: Option<String>,
    /// The subject's name, if one ran.
    pub subject: Option<String>,
    /// The engine's name: `explorer`, `exhaustive`, `loom`, `dfs`, `random`, `pct`, `urw`, `pos`, `portfolio`,
    /// or `threads`; `differential` where a real system was asked, `libfuzzer` where it was that.
    pub engine: String,
    /// How the check ended.
    pub verdict: Verdict,
    /// Why, one sentence.
    pub reason: String,
    /// What was judged, where executions were judged.
    pub mode: Option<Mode>,
    /// Technique and bound in words, for instance `loom, outcomes, at most 2 preemptions`.
    pub technique: String,
    /// Whether the engine finished everything within its bound.
    pub complete: bool,
    /// The preemption bound within which it looked, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preemptions: Option<u64>,
    /// Executions run; of an oracle, questions asked.
    pub executions: u64,
    /// Distinct histories among them.
    pub histories: u64,
    /// Spec states visited by the explorer or tracked by the checker.
    pub states: u64,
    /// The outcomes, allowed and seen.
    pub outcomes: Vec<Witness>,
    /// What was reached compared with the spec.
    pub relation: Option<Relation>,
    /// In how many executions the subject has shown each rule of the spec, by name: no explanation does without it. For the explorer:
    /// how often it took each.
    pub rules: BTreeMap<String, u64>,
    /// The clauses that the check bears on, by id.
    pub clauses: Vec<String>,
    /// The program's expectations.
    pub expectations: Vec<Expected>,
    /// What the program's author has observed about the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// The spec's state graphs, as far as the program's executions show them, under each value of each parameter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graphs: Vec<StateGraph>,
    /// For a mutant: what is planted. For a peer: what its documentation promises.
    pub note: Option<String>,
    /// For a mutant: the executions until it was killed.
    pub killed_after: Option<u64>,
    /// The violation, if there is one; for a mutant or a canary, the kill.
    pub counterexample: Option<Counterexample>,
    /// The answers, where a real system was asked.
    pub comparison: Option<Comparison>,
    /// What fuzzing came to, where a fuzz target ran.
    pub fuzzing: Option<Fuzzing>,
    /// If the record holds only a part or a leg of a search: what it takes to go on with it, and to put it together with the
    /// rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
    /// The command that runs this check again.
    pub reproduce: String,
    /// The seed, where the engine draws.
    pub seed: Option<u64>,
    /// Wall time.
    pub duration_ms: u64,
    /// What made the record.
    pub maker: Maker,
}

impl Evidence {
    /// Whether the record blames this clause for what it found.
    pub fn blames(&self, clause: &str) -> bool {
        let by_execution = self.counterexample.as_ref().and_then(|found| found.clause.as_deref()) == Some(clause);
        let answers = self.comparison.iter().flat_map(|comparison| &comparison.clauses);
        by_execution || answers.filter(|answers| answers.clause == clause).any(|answers| answers.differing > 0)
    }
}
