//! The Go scheduler, by what its own execution traces show: trace validation.
//!
//! A program of ours ([`toolchain`]) makes system calls, short and long, stops the world and changes GOMAXPROCS under the real
//! toolchain, and records its own execution trace. [`trace`] reads the file in either of the two formats, [`follow`](mod@follow)
//! looks for a path of the spec of that version on which the events occur, and [`shows`] says which rules a format shows at
//! all. Any program's trace can be followed; ours asks for nothing but the standard library.
//!
//! Each event is a question: does the spec allow it now? After the first that it does not allow nothing is asked, for
//! nothing is known. That following means something is shown by traces recorded earlier and made wrong on purpose
//! ([`mutate`], `verify/tests/go.rs`).

pub mod follow;
mod format_1_11;
mod format_1_22;
pub mod mutate;
pub mod shows;
pub mod toolchain;
pub mod trace;

use std::collections::BTreeSet;

use selvedge_model::Spec;
use selvedge_model::proc::ProcSpec;

use self::follow::{Followed, follow};
use self::toolchain::Toolchain;
use self::trace::{Trace, What};
use super::{Inquiry, Oracle};
use crate::engine::Profile;

/// The oracle.
pub struct GoScheduler;

impl Oracle for GoScheduler {
    fn name(&self) -> &'static str {
        "proc/go"
    }

    fn about(&self) -> &'static str {
        "Every event of execution traces that the real Go records of a program that makes system calls, stops the world and \
         changes GOMAXPROCS. Run queues, spinning machines, the monitor's memory and time are in no trace: there the spec \
         may assume what it likes."
    }

    fn respondent(&self) -> Result<String, String> {
        Toolchain::find().map(|toolchain| format!("Go {}", toolchain.version.trim_start_matches("go")))
    }

    fn questions(&self, profile: Profile) -> u64 {
        match profile {
            Profile::Quick => 1_000_000,
            Profile::Full => 20_000_000,
        }
    }

    fn ask(&self, inquiry: &mut Inquiry) -> Result<(), String> {
        let program = Toolchain::find()?.build()?;
        let runs = match inquiry.profile() {
            Profile::Quick => 3,
            Profile::Full => 40,
        };
        let (mut all, mut format) = (BTreeSet::new(), 0);
        for run in 0..runs {
            let trace = Trace::read(&program.record(&arguments(run))?)?;
            if inquiry.left() < trace.events.len() as u64 {
                return Ok(());
            }
            format = trace.format;
            let followed = follow(&trace, &trace.events);
            tell(inquiry, &trace, &followed);
            all.extend(followed.rules.keys().copied());
        }
        inquiry.note(&told(format, &all));
        inquiry.that_was_all();
        Ok(())
    }
}

/// What the program is to do in this run: the same every time.
pub fn arguments(run: u32) -> Vec<String> {
    let counts = [
        ("callers", 2 + run % 5),
        ("calls", 60 + 40 * (run % 7)),
        ("sleepers", 1 + run % 4),
        ("sleeps", 8 + run % 5),
        ("sleep-us", 100 + 70 * (run % 6)),
        ("pipes", run % 3),
        ("bytes", 12),
        ("locked", run % 4),
        ("stops", 4 + run % 4),
        // What sweeps after a collection may yield tens of thousands of times.
        ("collections", u32::from(run % 3 == 2)),
    ];
    let procs = ["2,4,1,3", "4,1,2", "1,8,3", "3,2"][run as usize % 4];
    let counts = counts.iter().map(|(name, count)| format!("-{name}={count}"));
    counts.chain([format!("-procs={procs}")]).collect()
}

/// The clauses that an event bears on: those of the rules that it shows, but for what is not judged.
fn clauses(format: u8, what: What) -> Vec<&'static str> {
    let rules = match what {
        What::StopBegin => &["stop.announce"][..],
        What::StopEnd => &["start.go"],
        What::ProcIs(_) => return vec!["PROC-I01"],
        What::GoIs(_) => return vec!["PROC-G04"],
        _ => shows::rules(format, what),
    };
    let clause = |name: &&str| ProcSpec::rules().iter().find(|rule| rule.name == *name).map(|rule| rule.clause);
    let mut clauses: Vec<&str> = Vec::new();
    for clause in rules.iter().filter_map(clause) {
        if !clauses.contains(&clause) && !follow::UNJUDGED.contains(&clause) {
            clauses.push(clause);
        }
    }
    clauses
}

fn tell(inquiry: &mut Inquiry, trace: &Trace, followed: &Followed) {
    let asked = followed.rejected.as_ref().map_or(trace.events.len(), |rejected| rejected.at);
    for event in &trace.events[..asked] {
        inquiry.answered(&clauses(trace.format, event.what), true, || unreachable!("it was followed"));
    }
    if let Some(rejected) = &followed.rejected {
        inquiry.answered(&[rejected.why.clause], false, || {
            let spec = rejected.why.text.clone();
            (rejected.neighbours.clone(), spec, trace.show(&trace.events[rejected.at]))
        });
    }
}

/// Which rules the traces showed, which were taken as internal steps, and which were not called for.
pub fn told(format: u8, taken: &BTreeSet<&'static str>) -> String {
    let shown: BTreeSet<&str> = shows::table(format).iter().flat_map(|shows| shows.rules).copied().collect();
    let list = |rules: Vec<&str>| if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
    let seen = list(taken.iter().copied().filter(|rule| shown.contains(rule)).collect());
    let internal = list(taken.iter().copied().filter(|rule| !shown.contains(rule)).collect());
    let idle = ProcSpec::rules().len() - taken.len();
    format!(
        "The trace format of Go 1.{format} shows, and these traces showed: {seen}. Taken as internal steps: {internal}. \
         {idle} of the spec's {} rules were not called for. Not judged: {}.",
        ProcSpec::rules().len(),
        follow::UNJUDGED.join(", ")
    )
}
