//! The quick profile, a test a check: what `cargo test` model-checks.
//!
//! `cargo test --test conformance -- L04` runs the checks whose id contains L04; nextest works as well. A check that an
//! engine cannot run is ignored with its reason; one that ran out of budget fails, because the quick profile is chosen
//! so that none does. A peer that ran out of it is ignored with that reason: it gets less.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use selvedge::platform::Arc;
use selvedge_verify::evidence::{Evidence, Kind, Verdict};
use selvedge_verify::suite::{Options, Suite};

fn main() -> ExitCode {
    let suite = Arc::new(Suite::standard());
    // In a child process this is where the work is done.
    suite.intercept();
    let arguments = Arguments::from_args();
    let options = Options::quick();
    let trials = suite
        .plan(&options)
        .into_iter()
        .map(|planned| {
            let suite = suite.clone();
            Trial::ignorable_test(planned.id.clone(), move || judge(&suite.run(&planned, &options)))
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn judge(evidence: &Evidence) -> Result<Completion, Failed> {
    match evidence.verdict {
        Verdict::Pass => Ok(Completion::Completed),
        // A finding about somebody else's primitive: the report says so, and nothing of ours depends on it.
        Verdict::Fail if evidence.kind == Kind::Peer => Ok(Completion::Completed),
        Verdict::Inconclusive if evidence.kind == Kind::Peer => {
            Ok(Completion::ignored_with(format!("inconclusive: {}", evidence.reason)))
        }
        Verdict::Skipped => Ok(Completion::ignored_with(evidence.reason.clone())),
        Verdict::Inconclusive | Verdict::Fail | Verdict::Error => {
            let table = evidence.counterexample.as_ref().map(ToString::to_string).unwrap_or_default();
            Err(Failed::from(format!("{}\n\n{table}\n{}", evidence.reason, evidence.reproduce)))
        }
    }
}
