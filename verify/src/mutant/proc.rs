//! The scheduler's spec with one classic mistake each: a clause, or an expectation of the corpus, must notice.
//!
//! Those that concern code below the grain of the spec, such as taking an idle processor without the scheduler's lock, are
//! planted in implementations only.

use selvedge::proc::Bug as Planted;
use selvedge_model::proc::Bug;

use crate::subject::Variant;

/// A mistake planted in the spec, and what notices it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SpecMutant {
    /// The mistake.
    pub bug: Bug,
    /// Its name.
    pub name: &'static str,
    /// What is planted.
    pub planted: &'static str,
    /// The program of the corpus in which it shows.
    pub program: &'static str,
    /// What notices.
    pub notices: Notices,
}

/// What notices a mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Notices {
    /// A clause: an invariant, or one that is judged when nothing moves any more.
    Clause(&'static str),
    /// An expectation of the program, and no clause.
    Expectation,
}

const fn mutant(
    bug: Bug,
    name: &'static str,
    planted: &'static str,
    program: &'static str,
    notices: Notices,
) -> SpecMutant {
    SpecMutant { bug, name, planted, program, notices }
}

/// Every mistake that the spec can carry.
pub const MUTANTS: &[SpecMutant] = &[
    mutant(
        Bug::StopReadFirst,
        "m01-stop-read-first",
        "gcwaiting is read before the processor is published as in a call",
        "S04-stop-and-enter",
        Notices::Clause("PROC-L03"),
    ),
    mutant(
        Bug::TakenWithoutTick,
        "m02-taken-without-tick",
        "whoever takes a processor out of a call does not move its tick",
        "S03-another-ones-call",
        Notices::Clause("PROC-I11"),
    ),
    mutant(
        Bug::ReclaimByStore,
        "m03-reclaim-by-store",
        "a machine that leaves a call stores the status instead of comparing and swapping it",
        "S08-exit-and-retake",
        Notices::Clause("PROC-I02"),
    ),
    mutant(
        Bug::ReclaimWithoutTick,
        "m04-reclaim-without-tick",
        "a processor got back out of another's call does not move the tick once more",
        "S03-another-ones-call",
        Notices::Expectation,
    ),
    mutant(
        Bug::SparedForEver,
        "m05-spared-for-ever",
        "the ten milliseconds are forgotten when a processor without work is spared",
        "spared",
        Notices::Clause("PROC-L07"),
    ),
    mutant(
        Bug::SparedWithWork,
        "m05-spared-with-work",
        "a processor is spared if it has no work or others could do some, instead of both",
        "exit-finds-another",
        Notices::Clause("PROC-L01"),
    ),
    mutant(
        Bug::HandOffIgnoresStop,
        "m06-hand-off-ignores-stop",
        "handing a processor off does not look whether the world is to stop",
        "retake-and-stop",
        Notices::Clause("PROC-L03"),
    ),
    mutant(
        Bug::IdleWithWork,
        "m07-idle-with-work",
        "a processor is put on the idle list although its queue has work",
        "S01-long-call",
        Notices::Clause("PROC-I04"),
    ),
    mutant(
        Bug::IdleWithWork,
        "m07-work-lost",
        "a processor is put on the idle list although its queue has work",
        "S01-long-call",
        Notices::Clause("PROC-L05"),
    ),
    mutant(
        Bug::IdReservedLate,
        "m08-id-reserved-late",
        "a machine that is being made is not counted until it runs",
        "polled",
        Notices::Clause("PROC-I15"),
    ),
    mutant(
        Bug::PretendsLate,
        "m09-pretends-late",
        "the monitor pretends that one more machine runs only after it has taken the processor",
        "retake-and-return",
        Notices::Clause("PROC-I15"),
    ),
    mutant(
        Bug::SafePointMissesCalls,
        "m11-safe-point-misses-calls",
        "a safe-point round does not look at processors in calls",
        "safe-point-in-call",
        Notices::Expectation,
    ),
    mutant(
        Bug::SafePointUnclaimed,
        "m11-safe-point-twice",
        "the function of an idle processor is run without claiming the flag",
        "safe-point-idle",
        Notices::Clause("PROC-I09"),
    ),
    mutant(
        Bug::SafePointUnclaimed,
        "m11-safe-point-for-ever",
        "the function of an idle processor is run without claiming the flag",
        "safe-point-in-call",
        Notices::Clause("PROC-L06"),
    ),
    mutant(
        Bug::NoSecondLook,
        "m12-no-second-look",
        "whoever has set the scan bit does not look again whose processor it is",
        "stale-read-1.26",
        Notices::Clause("PROC-I06"),
    ),
    mutant(
        Bug::ScanBitStays,
        "m13-scan-bit-stays",
        "whoever has set the scan bit in vain leaves it set",
        "stale-read-1.26",
        Notices::Clause("PROC-L04"),
    ),
    mutant(
        Bug::QueueDies,
        "m14-queue-dies",
        "a processor that is destroyed takes its queue with it",
        "S07-fewer-processors",
        Notices::Clause("PROC-I05"),
    ),
    mutant(
        Bug::NextStays,
        "m15-next-stays",
        "a machine that wakes does not consume nextp",
        "S01-long-call",
        Notices::Clause("PROC-I10"),
    ),
    mutant(
        Bug::ShortCallsSpared,
        "m16-short-calls-spared",
        "a goroutine's long turn does not count against the calls it makes",
        "short-calls",
        Notices::Clause("PROC-L02"),
    ),
    mutant(
        Bug::LinkStays,
        "m17-link-stays",
        "the machine keeps its link to the processor during the call and trusts it afterwards",
        "S08-exit-and-retake",
        Notices::Clause("PROC-I01"),
    ),
    mutant(
        Bug::NoteForgotten,
        "m18-note-forgotten",
        "a machine that goes to sleep for its locked goroutine does not see that it has been woken already",
        "locked-told-early",
        Notices::Clause("PROC-I10"),
    ),
    mutant(
        Bug::WaiterForgotten,
        "m19-waiter-forgotten",
        "whoever lets go of worldsema readies nobody",
        "two-stops",
        Notices::Clause("PROC-L08"),
    ),
    mutant(
        Bug::HandedBlindly,
        "m20-handed-blindly",
        "whoever hands worldsema over does not look whether somebody has taken it meanwhile",
        "three-stops",
        Notices::Clause("PROC-I08"),
    ),
];

/// A mistake planted in the executor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExecutorMutant {
    /// The mistake.
    pub bug: Planted,
    /// Its name.
    pub name: &'static str,
    /// What is planted.
    pub planted: &'static str,
    /// The clause that it breaks.
    pub breaks: &'static str,
}

/// The executor without a mistake.
pub const NONE: Variant = 0;

/// The variant of the executor with a mistake.
pub fn variant(bug: Planted) -> Variant {
    1 + bug as Variant
}

/// The mistake of a variant of the executor.
pub fn planted(variant: Variant) -> Option<Planted> {
    EXECUTOR_MUTANTS
        .iter()
        .map(|mutant| mutant.bug)
        .chain([Planted::IdleWithWork])
        .find(|bug| self::variant(*bug) == variant)
}

const fn executor(bug: Planted, name: &'static str, planted: &'static str, breaks: &'static str) -> ExecutorMutant {
    ExecutorMutant { bug, name, planted, breaks }
}

/// Every mistake that the executor can carry.
pub const EXECUTOR_MUTANTS: &[ExecutorMutant] = &[
    executor(
        Planted::StopReadFirst,
        "stop-read-first",
        "the attention word is read before the processor is published as in a call",
        "PROC-L03",
    ),
    executor(
        Planted::TakenWithoutTick,
        "taken-without-tick",
        "whoever takes a processor out of a call does not move its tick",
        "PROC-I11",
    ),
    executor(
        Planted::ReclaimByStore,
        "reclaim-by-store",
        "a machine that leaves a call stores the status instead of comparing and swapping it",
        "PROC-I02",
    ),
    executor(
        Planted::ReclaimWithoutTick,
        "reclaim-without-tick",
        "a processor got back out of another's call does not move the tick once more",
        "PROC-P06",
    ),
    executor(
        Planted::SparedForEver,
        "spared-for-ever",
        "the ten milliseconds are forgotten when a processor without work is spared",
        "PROC-L07",
    ),
    executor(
        Planted::SparedWithWork,
        "spared-with-work",
        "a processor is spared if it has no work or others could do some, instead of both",
        "PROC-L01",
    ),
    executor(
        Planted::HandOffIgnoresStop,
        "hand-off-ignores-stop",
        "handing a processor off does not look whether the world is to stop",
        "PROC-L03",
    ),
    executor(
        Planted::IdleWithWork,
        "idle-with-work",
        "a processor is put on the idle list although its queue has work",
        "PROC-I04",
    ),
    executor(
        Planted::IdleWithoutLock,
        "idle-without-lock",
        "a call that returns takes an idle processor that it looked up under an earlier holding of the lock",
        "PROC-P04",
    ),
    executor(
        Planted::SafePointMissesCalls,
        "safe-point-misses-calls",
        "a safe-point round does not look at processors in calls",
        "PROC-P08",
    ),
    executor(
        Planted::SafePointUnclaimed,
        "safe-point-unclaimed",
        "the function of an idle processor is run without clearing what it owes",
        "PROC-I09",
    ),
    executor(Planted::QueueDies, "queue-dies", "a processor that is destroyed takes its queue with it", "PROC-P17"),
    executor(
        Planted::NextStays,
        "next-stays",
        "a machine that wakes does not consume the processor that it was given",
        "PROC-I10",
    ),
    executor(
        Planted::ShortCallsSpared,
        "short-calls-spared",
        "a task's long turn does not count against the calls it makes",
        "PROC-L02",
    ),
    executor(
        Planted::LinkStays,
        "link-stays",
        "the machine trusts its link to the processor after the call",
        "PROC-I01",
    ),
    executor(
        Planted::RetiresBlindly,
        "retires-blindly",
        "whoever retires a processor does not look at the queues once more",
        "PROC-L05",
    ),
    executor(
        Planted::QueuesSilently,
        "queues-silently",
        "whoever queues work does not see to it that somebody looks for it",
        "PROC-L05",
    ),
];
