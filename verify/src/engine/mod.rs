//! Engines: who decides which thread runs next, and for how long they may look.

pub mod bytes;
pub mod census;
pub mod exhaustive;
pub mod jitter;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use selvedge_model::spec::nearest;
use serde::{Deserialize, Serialize};

/// A way of running a program over a subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// loom: C11 weak memory and data races, every schedule up to a preemption bound. Outcomes only.
    Loom,
    /// One schedule of each equivalence class, and every choice, under sequential consistency.
    Exhaustive,
    /// Every schedule and every choice under sequential consistency, one after the other, without reduction.
    Dfs,
    /// A uniformly drawn thread at each step.
    Random,
    /// Probabilistic concurrency testing: priorities with a few change points.
    Pct,
    /// Uniform random walk over schedules, weighted by the steps a thread has left.
    Urw,
    /// Partial order sampling: random priorities of pending steps, drawn anew by those that depend on the step taken.
    Pos,
    /// [`Engine::Random`], [`Engine::Pct`], [`Engine::Urw`] and [`Engine::Pos`], a quarter of the executions each: none of
    /// them dominates.
    Portfolio,
    /// Real threads on the machine at hand.
    Threads,
}

impl Engine {
    /// All of them.
    pub const ALL: [Engine; 9] = [
        Engine::Loom,
        Engine::Exhaustive,
        Engine::Dfs,
        Engine::Random,
        Engine::Pct,
        Engine::Urw,
        Engine::Pos,
        Engine::Portfolio,
        Engine::Threads,
    ];

    /// Those that the table of outcomes compares, in its order: what looks everywhere first, the real thing last.
    pub const COMPARED: [Engine; 7] =
        [Engine::Exhaustive, Engine::Loom, Engine::Random, Engine::Pct, Engine::Urw, Engine::Pos, Engine::Threads];

    /// Whether it is one of the schedulers that the portfolio is made of.
    pub fn is_drawn_alone(self) -> bool {
        matches!(self, Engine::Random | Engine::Pct | Engine::Urw | Engine::Pos)
    }

    /// The name on the command line and in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Loom => "loom",
            Engine::Exhaustive => "exhaustive",
            Engine::Dfs => "dfs",
            Engine::Random => "random",
            Engine::Pct => "pct",
            Engine::Urw => "urw",
            Engine::Pos => "pos",
            Engine::Portfolio => "portfolio",
            Engine::Threads => "threads",
        }
    }

    /// Whether it draws its schedules, on a platform that could enumerate them.
    pub fn draws(self) -> bool {
        matches!(self, Engine::Random | Engine::Pct | Engine::Urw | Engine::Pos | Engine::Portfolio)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Engine::ALL.into_iter().find(|engine| engine.name() == text).ok_or_else(|| {
            let names = Engine::ALL.map(Engine::name);
            match nearest(text, names) {
                Some(name) => format!("there is no engine `{text}`; did you mean `{name}`?"),
                None => format!("there is no engine `{text}`; there are {}", names.join(", ")),
            }
        })
    }
}

/// How far an engine may look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Executions at most.
    pub executions: u64,
    /// Wall time at most. A guard: verdicts are meant to depend on the executions alone.
    pub duration: Duration,
    /// For the engines that enumerate: preemptions at most; `None` for no bound.
    pub preemptions: Option<usize>,
    /// For PCT: the number of priority change points, plus one.
    pub pct_depth: usize,
    /// For the engines that draw.
    pub seed: u64,
    /// How often each thread may wake from a park, or from the platform's own condition variable, without a reason. Real
    /// parks may. As often its steals from the platform's run queue may have to be tried again. loom has no room for the choice
    /// and takes it for 0.
    pub spurious_wakeups: u32,
}

impl Budget {
    /// One execution, for a replay.
    pub fn once() -> Self {
        Budget {
            executions: 1,
            duration: Duration::from_secs(60),
            preemptions: None,
            pct_depth: 3,
            seed: 0,
            spurious_wakeups: 0,
        }
    }
}

/// How much a run of the whole suite looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Everything, shallowly: ends within a minute on two cores. What `cargo test` runs.
    Quick,
    /// Everything, far deeper: hours on two cores, for the nightly run.
    Full,
}

impl Profile {
    /// The name on the command line and in evidence.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Full => "full",
        }
    }

    /// The budget that the profile gives an engine.
    pub fn budget(self, engine: Engine, seed: u64) -> Budget {
        let (executions, preemptions) = match (self, engine) {
            (Profile::Quick, Engine::Loom) => (750, Some(2)),
            (Profile::Quick, Engine::Dfs) => (2_000, Some(2)),
            (Profile::Quick, Engine::Exhaustive) => (2_000, None),
            (Profile::Quick, Engine::Threads) => (80, None),
            (Profile::Quick, _) => (300, None),
            (Profile::Full, Engine::Loom | Engine::Dfs) => (200_000, Some(8)),
            (Profile::Full, Engine::Exhaustive) => (2_000_000, None),
            (Profile::Full, Engine::Threads) => (4_000, None),
            (Profile::Full, _) => (20_000, None),
        };
        let duration = match self {
            Profile::Quick => Duration::from_secs(30),
            Profile::Full => Duration::from_secs(60),
        };
        Budget { executions, duration, preemptions, pct_depth: 3, seed, spurious_wakeups: 0 }
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "quick" => Ok(Profile::Quick),
            "full" => Ok(Profile::Full),
            _ => Err(format!("there is no profile `{text}`; there are quick and full")),
        }
    }
}
