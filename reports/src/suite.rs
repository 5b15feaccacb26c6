//! What the command needs of the suite: a seam thin enough that tests put a fake behind it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use schemars::JsonSchema;
use selvedge::platform::Arc;
use selvedge::platform::host::atomic::AtomicBool;
use selvedge_verify::evidence::{Evidence, Kind, Maker, Mode, Verdict};
use selvedge_verify::info::SystemInfo;
use selvedge_verify::suite::SearchOptions;
use serde::{Deserialize, Serialize};

/// The suite behind the command.
pub trait Suite: Send + Sync + 'static {
    /// Who makes the records: the suite's version and commit, the compiler, the machine.
    fn maker(&self) -> Maker;

    /// Every system that the suite holds a spec of.
    fn systems(&self) -> Vec<SystemInfo>;

    /// Every check there is under the profile, in a stable order. Filters and partitions are the command's business.
    fn plan(&self, options: &Options) -> miette::Result<Vec<Planned>>;

    /// The checks that fill the table of outcomes, in a stable order. The full profile has them all, the quick one has not.
    fn plan_table(&self) -> miette::Result<Vec<Planned>>;

    /// Runs one check. Whatever goes wrong is part of the record.
    fn run(&self, planned: &Planned, options: &Options) -> Evidence;

    /// What the spec allows of a litmus program, as far as so many states show. `look` is told now and then what is done, and how
    /// many states it has met so far; it ends early once the options say to stop.
    fn outcomes(
        &self,
        file: &Path,
        states: usize,
        look: &mut dyn FnMut(&'static str, usize),
        options: &Options,
    ) -> miette::Result<Answer>;

    /// One litmus program on one subject under one engine; as one search of the exhaustive engine, if that is asked for.
    fn check(
        &self,
        file: &Path,
        subject: &str,
        engine: &str,
        search: Option<&SearchOptions>,
        options: &Options,
    ) -> miette::Result<Checked>;

    /// Runs the recorded counterexample again.
    fn replay(&self, evidence: &Evidence, options: &Options) -> miette::Result<Answer>;

    /// Judges a history that some other program recorded.
    fn history(&self, file: &Path, options: &Options) -> miette::Result<Answer>;
}

/// What one litmus program on one subject came to.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The record.
    pub evidence: Evidence,
    /// The program's text, under the semantics that was chosen.
    pub text: String,
    /// Which part of a search it was, if it was only one.
    pub part: Option<SearchPart>,
}

/// A check that could run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Planned {
    /// The check's stable id: [`Evidence::check`] of the record it makes.
    pub id: String,
    /// What the check is for.
    pub kind: Kind,
    /// The system.
    pub system: String,
    /// The program's name, if the check is about one program.
    pub program: Option<String>,
    /// The subject's name, if one runs.
    pub subject: Option<String>,
    /// The engine's name.
    pub engine: String,
    /// What is to be judged, where the check is about judging that.
    pub mode: Option<Mode>,
}

impl From<&Evidence> for Planned {
    /// The check that made the record.
    fn from(evidence: &Evidence) -> Self {
        Planned {
            id: evidence.check.clone(),
            kind: evidence.kind,
            system: evidence.system.clone(),
            program: evidence.program.clone(),
            subject: evidence.subject.clone(),
            engine: evidence.engine.clone(),
            mode: None,
        }
    }
}

/// What a user may choose about how checks run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much work a check may do.
    pub profile: Profile,
    /// The seed for engines that draw; the profile's own where absent.
    pub seed: Option<u64>,
    /// The semantics under whose name a litmus file is to be taken, in place of the parameters that it sets.
    pub semantics: Option<String>,
    /// Set once the user has asked to stop: a check that runs long may look at it and end early.
    pub stop: Arc<AtomicBool>,
}

/// How much work a check may do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize, JsonSchema, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// For every change: ends within a minute on two cores.
    #[default]
    Quick,
    /// For the night: wider bounds, more schedules.
    Full,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Quick => "quick",
            Profile::Full => "full",
        })
    }
}

/// What the commands that ask one question answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// For people.
    pub text: String,
    /// For machines.
    pub json: serde_json::Value,
    /// Decides the exit code.
    pub verdict: Verdict,
}

/// Into how many parts a run or a search may be split. Nobody has as many machines, and each search finds out for itself where it
/// can be split.
const PARTS_MAX: u32 = 65_536;

/// Part `index` of `count`, by a hash of the check's id: every check belongs to exactly one part, and to the same one on
/// every machine and in every version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Partition {
    /// From 1 to `count`.
    pub index: u64,
    /// How many parts there are.
    pub count: u64,
}

impl Partition {
    /// The part of `count` that a check belongs to.
    pub fn of(id: &str, count: u64) -> Self {
        Partition { index: stable_hash(id) % count.max(1) + 1, count }
    }

    /// Whether a check belongs to this part.
    pub fn holds(self, id: &str) -> bool {
        Partition::of(id, self.count) == self
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash:{}/{}", self.index, self.count)
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.strip_prefix("hash:").and_then(|rest| rest.split_once('/'));
        let parsed = numbers.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parsed {
            Some((index, count)) if 1 <= index && index <= count && count <= u64::from(PARTS_MAX) => {
                Ok(Partition { index, count })
            }
            _ => Err(format!("expected hash:M/N with 1 <= M <= N <= {PARTS_MAX}, for instance hash:1/3")),
        }
    }
}

/// Part `index` of `count` of one search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SearchPart {
    /// From 1 to `count`.
    pub index: u32,
    /// How many parts there are.
    pub count: u32,
}

impl FromStr for SearchPart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parsed {
            Some((index, count)) if 1 <= index && index <= count && count <= PARTS_MAX => {
                Ok(SearchPart { index, count })
            }
            _ => Err(format!("expected M/N with 1 <= M <= N <= {PARTS_MAX}, for instance 1/3")),
        }
    }
}

/// FNV-1a, then a finalizer that spreads its weak low bits. Frozen: machines of one night must agree.
fn stable_hash(text: &str) -> u64 {
    let mut hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_belongs_to_exactly_one_part_and_parts_are_of_like_size() {
        let ids: Vec<String> = (0..3000).map(|number| format!("cond/conformance/P{number}/cond/loom")).collect();
        for count in [1, 2, 3, 7] {
            let mut sizes = vec![0_u64; usize::try_from(count).unwrap()];
            for id in &ids {
                let holding = (1..=count).filter(|&index| Partition { index, count }.holds(id)).collect::<Vec<_>>();
                assert_eq!(holding.len(), 1, "{id} of {count}");
                sizes[usize::try_from(holding[0] - 1).unwrap()] += 1;
            }
            let fair = 3000 / count;
            assert!(sizes.iter().all(|size| size.abs_diff(fair) < fair / 5 + 1), "{count}: {sizes:?}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        assert_eq!(stable_hash(""), 0x8570_e254_50bb_d481_u64);
    }

    #[test]
    fn a_part_of_a_search_reads_as_two_numbers() {
        assert_eq!("2/3".parse(), Ok(SearchPart { index: 2, count: 3 }));
        assert_eq!("1/65536".parse(), Ok(SearchPart { index: 1, count: 65_536 }));
        for wrong in ["", "2", "0/3", "4/3", "hash:1/3", "1/", "-1/2", "1/65537", "1/4000000000"] {
            assert!(wrong.parse::<SearchPart>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn partitions_read_as_they_print() {
        let part: Partition = "hash:2/3".parse().unwrap();
        assert_eq!(part, Partition { index: 2, count: 3 });
        assert_eq!(part.to_string(), "hash:2/3");
        for wrong in [
            "",
            "2/3",
            "hash:0/3",
            "hash:4/3",
            "hash:1",
            "slice:1/2",
            "hash:-1/2",
            "hash:1/65537",
            "hash:1/10000000000",
        ] {
            assert!(wrong.parse::<Partition>().is_err(), "{wrong}");
        }
    }
}
