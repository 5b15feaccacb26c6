//! One search by the exhaustive engine, for as many executions as are wanted, in parts side by side, and gone on with later.
//!
//! Each part runs in a child process of its own. What comes back is put together by [`parts`](crate::parts): the record of a
//! search is the same however it was split.

use std::collections::VecDeque;
use std::time::Duration;

use selvedge::platform::host::atomic::{AtomicBool, Ordering};
use selvedge::platform::host::{Mutex, PoisonError};
use serde::{Deserialize, Serialize};

use super::{Job, Options, Suite, plan, record};
use crate::engine::Engine;
use crate::engine::exhaustive::Frontier;
use crate::evidence::{Evidence, Mode, Verdict};
use crate::isolate;
use crate::litmus::Diagnostics;
use crate::parts::{self, Search};

/// How a search is run.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// What is judged.
    pub mode: Mode,
    /// Executions at most, in each part; the profile's where absent.
    pub executions: Option<u64>,
    /// Only that part, counted from 1, of so many.
    pub part: Option<(u32, u32)>,
    /// Processes at a time. Where no part is named the search is split into as many.
    pub jobs: u32,
    /// A record that a search of the same program, spec, subject and mode has left, to go on with.
    pub resume: Option<Evidence>,
}

/// Why a search was not begun.
#[derive(Debug)]
pub enum Refusal {
    /// Something is wrong with the program.
    Program(Diagnostics),
    /// The record cannot be gone on with.
    Resume(String),
}

impl From<Diagnostics> for Refusal {
    fn from(diagnostics: Diagnostics) -> Self {
        Refusal::Program(diagnostics)
    }
}

/// One leg of one part of a search, which a process makes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Leg {
    pub mode: Mode,
    pub executions: Option<u64>,
    /// Which part, from 1.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// How it is split; found out where absent.
    pub split_steps: Option<usize>,
    /// How many legs of the part were made before.
    pub legs: u32,
    /// What the last of them has left.
    pub from: Option<Frontier>,
}

impl Suite {
    /// Searches all executions of a litmus text over a subject by the exhaustive engine, in child processes.
    ///
    /// The record of a search that was cut short, or is only a part, holds what it takes to go on with it
    /// ([`SearchOptions::resume`]) and to put it together with the rest ([`parts::join`]). Once `stop` is set the search ends
    /// as one that was cut short there.
    ///
    /// # Errors
    ///
    /// If something is wrong with the text, or the record to go on with belongs to something else.
    pub fn search(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        search: &SearchOptions,
        options: &Options,
        stop: &AtomicBool,
    ) -> Result<Evidence, Refusal> {
        let limits = self.limits.unwrap_or(isolate::Limits { duration: CHILD_DURATION, ..options.child_limits() });
        let mut found = self.search_by(file, text, subject, search, |leg| {
            let planned = plan::planned_for_file(file, subject, Engine::Exhaustive);
            let job = Job::Leg {
                file: file.into(),
                text: text.into(),
                subject: subject.into(),
                leg: Box::new(leg),
                options: *options,
            };
            let job = serde_json::to_string(&job).expect("a job is plain data");
            self.in_child_within(&job, &planned, options, limits, Some(stop))
        })?;
        if stop.load(Ordering::Relaxed) {
            found.reason = found.reason.replacen(parts::USED_UP, "the search was stopped", 1);
        }
        Ok(found)
    }

    /// Like [`Suite::search`], in this process.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn search_here(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        search: &SearchOptions,
        options: &Options,
    ) -> Result<Evidence, Refusal> {
        self.search_by(file, text, subject, search, |leg| {
            let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let found = self.leg_here(file, text, subject, &leg, options);
            drop(turn);
            found.expect("the text has been read before")
        })
    }

    /// Runs one leg in this process.
    pub(super) fn leg_here(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        leg: &Leg,
        options: &Options,
    ) -> Result<Evidence, Diagnostics> {
        self.system_of(file, text)?.leg(file, text, subject, leg, options)
    }

    fn search_by(
        &self,
        file: &str,
        text: &str,
        subject: &str,
        search: &SearchOptions,
        run: impl Fn(Leg) -> Evidence + Sync,
    ) -> Result<Evidence, Refusal> {
        let system = self.system_of(file, text)?;
        // Bad input is found here, where its diagnostics can still be pointed at the text.
        let expectations = system.expectations(file, text)?;
        let identity = system.identity(file, text, subject, search.mode)?;
        let earlier = match &search.resume {
            Some(record) => Some((record, resumable(record, &identity)?)),
            None => None,
        };
        let legs = match &earlier {
            Some((_, earlier)) => legs_left(earlier, search)?,
            None => first_legs(search),
        };
        let found = side_by_side(legs, search.jobs, run);
        let maker = record::maker();
        let whole = match earlier {
            None => parts::join(&found).unwrap_or_else(|| worst(found)),
            Some((record, _)) => parts::conclude(found.into_iter().fold(record.clone(), parts::follow)),
        };
        Ok(Evidence { maker, expectations, ..whole })
    }
}

/// A guard that no search is meant to meet.
const CHILD_DURATION: Duration = Duration::from_secs(8 * 24 * 3600);

/// Searches of one process take turns.
static TURN: Mutex<()> = Mutex::new(());

/// The legs of a search that begins.
fn first_legs(search: &SearchOptions) -> Vec<Leg> {
    let leg = |index, count| Leg {
        mode: search.mode,
        executions: search.executions,
        index,
        count,
        split_steps: None,
        legs: 0,
        from: None,
    };
    match search.part {
        Some((index, count)) => vec![leg(index, count)],
        None => (1..=search.jobs.max(1)).map(|index| leg(index, search.jobs.max(1))).collect(),
    }
}

/// What a record has left to go on with, if it belongs to this search.
fn resumable<'a>(record: &'a Evidence, identity: &parts::Identity) -> Result<&'a Search, Refusal> {
    let Some(search) = &record.search else {
        return Err(Refusal::Resume(format!(
            "{} has nothing left to go on with: its verdict is {}",
            record.check,
            if record.complete { "that of a complete search" } else { "not that of a search that was cut short" }
        )));
    };
    let differences = search.identity.differences(identity);
    if differences.is_empty() {
        return Ok(search);
    }
    Err(Refusal::Resume(format!("the record belongs to another search: {}", differences.join("; "))))
}

/// The legs that go on with what a record has left.
fn legs_left(earlier: &Search, search: &SearchOptions) -> Result<Vec<Leg>, Refusal> {
    let is_wanted = |part: &&parts::Part| {
        search.part.is_none_or(|(index, count)| (index, count) == (part.index, earlier.count)) && part.left.is_some()
    };
    let legs: Result<Vec<Leg>, Refusal> = earlier
        .parts
        .iter()
        .filter(is_wanted)
        .map(|part| {
            let left = part.left.clone().unwrap_or_default();
            let from = serde_json::from_value(left)
                .map_err(|error| Refusal::Resume(format!("what the record has left cannot be read: {error}")))?;
            Ok(Leg {
                mode: search.mode,
                executions: search.executions,
                index: part.index,
                count: earlier.count,
                split_steps: usize::try_from(earlier.split_steps).ok(),
                legs: part.legs,
                from: Some(from),
            })
        })
        .collect();
    match legs?.as_slice() {
        [] => {
            let held: Vec<String> = earlier.parts.iter().map(|part| part.index.to_string()).collect();
            Err(Refusal::Resume(format!(
                "the record has nothing left to go on with: it holds part {} of {}",
                held.join(" and "),
                earlier.count
            )))
        }
        legs => Ok(legs.to_vec()),
    }
}

/// Runs legs, so many at a time. The records are in the order of the legs.
fn side_by_side(legs: Vec<Leg>, jobs: u32, run: impl Fn(Leg) -> Evidence + Sync) -> Vec<Evidence> {
    let workers = (jobs.max(1) as usize).min(legs.len());
    let waiting: Mutex<VecDeque<(usize, Leg)>> = Mutex::new(legs.into_iter().enumerate().collect());
    let found: Mutex<Vec<(usize, Evidence)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some((position, leg)) = next else { return };
                    let evidence = run(leg);
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((position, evidence));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(position, _)| *position);
    found.into_iter().map(|(_, evidence)| evidence).collect()
}

/// Of records that do not fit together, because a process died over one of them: that one, unless another has a violation, which
/// is there whatever happened elsewhere.
fn worst(found: Vec<Evidence>) -> Evidence {
    let badness = |record: &Evidence| (record.verdict == Verdict::Fail, record.verdict, record.search.is_none());
    found.into_iter().max_by_key(badness).expect("there is a leg")
}
