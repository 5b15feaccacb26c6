//! How the command ends: one code a reason, so that a script can tell them apart.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What came out, over all checks. The number is the process's exit code.
///
/// Where several apply, the first of this order decides: the harness failed, a violation, inconclusive, nothing ran,
/// pass. A harness that failed comes first because nothing that it says can then be relied on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Exit {
    /// Every check that ran passed, within the bound that it states.
    Pass = 0,
    /// A check found a violation of the spec, or a planted bug survived.
    Violation = 1,
    /// The input is at fault: a litmus file, a history, evidence of another version, an unknown name.
    BadInput = 2,
    /// A budget ran out, the run was interrupted, or planned checks were not run.
    Inconclusive = 3,
    /// No check ran: the filter matched nothing, or every check was skipped.
    NothingRan = 4,
    /// The harness itself failed, or a canary survived: the alarm cannot be relied on. Or what was found could not be written.
    HarnessFailed = 5,
}

impl Exit {
    /// Every way to end, in the order of the codes.
    pub const ALL: [Exit; 6] =
        [Exit::Pass, Exit::Violation, Exit::BadInput, Exit::Inconclusive, Exit::NothingRan, Exit::HarnessFailed];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Two or three words for headings.
    pub fn words(self) -> &'static str {
        match self {
            Exit::Pass => "no violation found",
            Exit::Violation => "violation found",
            Exit::BadInput => "bad input",
            Exit::Inconclusive => "inconclusive",
            Exit::NothingRan => "nothing ran",
            Exit::HarnessFailed => "the harness failed",
        }
    }
}
