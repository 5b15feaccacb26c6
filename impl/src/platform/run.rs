//! What a search is given and what it returns: the words that the runners of `loom` and `shuttle` share.

use std::fmt;
use std::time::Duration;

/// How far a search may go, and under which rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Explore only executions with at most so many preemptions (a switch away from a thread that could go on).
    /// Kept by loom and by depth-first search; the random strategies ignore it.
    pub preemptions: Option<usize>,
    /// Stop after so many executions.
    pub max_executions: Option<u64>,
    /// Stop after so long. An execution that is under way is given up when its time is over.
    pub max_duration: Option<Duration>,
    /// Give up an execution, and count it as truncated, after so many visible steps. Loom takes no more than 8,191.
    pub max_steps: u64,
    /// How many binary choices one execution may make through [`Platform::choose`](super::Platform::choose) under
    /// loom, where they cost one of its threads. Not needed elsewhere.
    pub choice_bits: u32,
    /// Whether threads may use the engine's own types (`loom::sync`, `shuttle::sync`), which the platform sees nothing of
    /// but that threads switch. It costs executions: see [`Platform::foreign`](super::Platform::foreign).
    pub foreign: bool,
    /// What time and luck may do.
    pub profile: Profile,
}

impl Default for Bounds {
    /// No limit but 2,000 steps an execution; no choices under loom; nothing foreign; clocked timeouts, no spurious wakeups.
    fn default() -> Self {
        Self {
            preemptions: None,
            max_executions: None,
            max_duration: None,
            max_steps: 2_000,
            choice_bits: 0,
            foreign: false,
            profile: Profile::default(),
        }
    }
}

/// What time and luck may do in an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Profile {
    /// When a timed wait may end without its event.
    pub timeouts: Timeouts,
    /// How often each thread may wake spuriously, from a wait on the reference condition variable or from a park without an
    /// end in time.
    pub spurious_budget: u32,
    /// How often each thread's `steal` from a `RunQueue` (feature `proc`) may answer `Steal::Retry`, which on the machine it does
    /// when it meets with another operation.
    pub steal_retries: u32,
    /// How often each thread's [`spawn_named`](super::Platform::spawn_named) may answer that the system has no thread left.
    pub spawn_failures: u32,
}

/// When a timed wait may end without its event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timeouts {
    /// Only when the virtual clock has reached the deadline, which some thread must bring about.
    #[default]
    Clocked,
    /// At any moment. A timed wait is then never blocked: the schedule decides when it fires.
    Free,
}

/// What came out of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many executions were run, whole or in part.
    pub executions: u64,
    /// How many of them were given up before their end: [`Bounds::max_steps`], [`Bounds::choice_bits`] or the time
    /// did not suffice.
    pub truncated: u64,
    /// Whether the engine enumerates (loom, depth-first) rather than draws.
    pub exhaustive: bool,
    /// Whether it enumerated everything within the bounds, none of it truncated.
    pub complete: bool,
    /// Why it is not complete, if a limit is the reason.
    pub stopped: Option<Stop>,
    /// What went wrong in the body itself. The search ends with the first failure; what goes wrong in a thread of
    /// [`Platform::run_to_rest`](super::Platform::run_to_rest) is an [`End`](super::End) and not a failure.
    pub failure: Option<Failure>,
}

/// The limit that ended a search, or that left a hole in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// [`Bounds::max_executions`].
    Executions,
    /// [`Bounds::max_duration`].
    Duration,
    /// Some execution made more than [`Bounds::max_steps`] steps; the search went on without its rest.
    Branches,
    /// Some execution wanted more than [`Bounds::choice_bits`]; the search went on without its rest.
    Truncated,
}

/// What went wrong in the body of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A data race.
    Race(Race),
    /// A panic, with its message.
    Panic(String),
    /// The body itself can never go on; the text says where each thread waits.
    Blocked(String),
    /// After the same steps the program did not do the same: a recorded schedule is that of another program, or the
    /// program depends on something that the engine does not control. The text names the first step that differs.
    Diverged(String),
    /// A thread did something visible that the platform does not know of: it used the engine's own primitives, or
    /// something that does, and was not [allowed](Bounds::foreign) to. Nothing that the search says is worth anything then.
    /// The text names the last step before it.
    Unpublished(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Race(race) => race.fmt(f),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Blocked(place) => write!(f, "can never go on: {place}"),
            Self::Diverged(step) => write!(f, "the schedule does not fit: {step}"),
            Self::Unpublished(place) => write!(f, "the engine was used behind the platform's back: {place}"),
        }
    }
}

/// Two accesses to a [`TrackedCell`](super::TrackedCell), one of them a write, that nothing orders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Race {
    /// The access that came first in this execution.
    pub earlier: RacingAccess,
    /// The access that found the race. It was not carried out.
    pub later: RacingAccess,
}

/// One side of a [`Race`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RacingAccess {
    /// The thread, in order of creation; 0 is the body of the search.
    pub thread: usize,
    /// Whether it writes.
    pub writes: bool,
    /// `file:line:column` of the access.
    pub location: String,
}

impl fmt::Display for Race {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "data race: {} is not ordered with {}", self.later, self.earlier)
    }
}

impl std::error::Error for Race {}

impl fmt::Display for RacingAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.writes { "write" } else { "read" };
        write!(f, "the {kind} by thread {} at {}", self.thread, self.location)
    }
}
