//! One leg of a search, in the process that makes it.

use std::collections::BTreeSet;
use std::time::Duration;

use selvedge::platform::Arc;
use selvedge_model::Spec;

use super::drive::{Run, shrunk};
use super::legs::Leg;
use super::record::{self, Found};
use super::run::REFERENCE;
use super::system::Drivers;
use super::{Options, System};
use crate::conformance::{Goal, Job, Target};
use crate::engine::{Engine, exhaustive};
use crate::info::spec_in_words;
use crate::litmus::Program;
use crate::parts::Identity;

impl<S: Spec> System<S> {
    /// A leg of one search by the exhaustive engine, and nothing else.
    pub(super) fn search(
        &self,
        program: Program<S::Op>,
        drivers: &Drivers<S>,
        subject: &str,
        leg: &Leg,
        options: &Options,
    ) -> Result<Found, String> {
        let target = Arc::new(Target::<S>::new(program).map_err(|unknown| unknown.message)?);
        let Some(driver) = drivers.of(Engine::Exhaustive) else {
            let reason = format!("the subject does not stand on a platform that {} drives", Engine::Exhaustive);
            return Ok(Found::skipped(&reason));
        };
        let search = |executions: u64, scope: exhaustive::Scope| {
            // How long it takes is not asked: a leg ends with its executions, or when its user ends it.
            let mut budget = options.profile.budget(Engine::Exhaustive, options.seed);
            (budget.executions, budget.duration) = (executions, LEG_DURATION);
            let job = Job {
                target: target.clone(),
                engine: Engine::Exhaustive,
                mode: leg.mode,
                budget: budget.clone(),
                weak: Some(BTreeSet::new()),
                variant: drivers.variant,
                replay: None,
                goal: Goal::First,
                scope,
            };
            (driver(&Arc::new(job)), budget)
        };
        let pieces = |split_steps| {
            // Nothing belongs to a part behind the last one: each piece is come by, and left at once.
            let nobody = exhaustive::Part { index: leg.count, count: leg.count, split_steps };
            let scope = exhaustive::Scope { part: Some(nobody), from: None };
            let findings = search(PIECES_MAX, scope).0;
            // An execution that ends before the pieces begin belongs to no part, and would be counted in each.
            let has_short = findings.executions > 0 || findings.violation.is_some();
            findings.account.filter(|_| !has_short).map(|account| account.elsewhere)
        };
        let split_steps = match leg.split_steps {
            Some(known) => known,
            None if leg.count > 1 => split_steps(leg.count, pieces),
            None => 0,
        };
        let part = (leg.count > 1).then(|| exhaustive::Part { index: leg.index - 1, count: leg.count, split_steps });
        let executions = leg.executions.unwrap_or(options.profile.budget(Engine::Exhaustive, 0).executions);
        let from = leg.from.clone();
        let (findings, budget) = search(executions, exhaustive::Scope { part, from });
        let run = Run {
            subject: drivers.subject,
            findings,
            engine: Engine::Exhaustive,
            mode: leg.mode,
            budget,
            cut: None,
            luckless: None,
        };
        let mut found = record::conformance(&target, Engine::Exhaustive, &run, subject == REFERENCE);
        if subject != REFERENCE
            && let Some(shrunk) = shrunk(&target, drivers, Engine::Exhaustive, &run, options)
        {
            found.shrink(drivers.subject, &shrunk);
        }
        let identity = Identity::new(target.program.to_string(), spec_in_words(&target.spec), subject, leg.mode);
        found.search = Some(record::search(identity, leg, split_steps, &run.findings));
        Ok(found)
    }
}

/// A guard that no search of a leg is meant to meet.
const LEG_DURATION: Duration = Duration::from_secs(7 * 24 * 3600);

/// As many pieces as are counted at most, and made executions for.
const PIECES_MAX: u64 = 10_000;

/// After how many steps a search is split into that many parts: as few as make at least eight pieces a part, or as many as
/// there are. The same in each process, for it depends on nothing but the program and the subject. `pieces` counts them, if no
/// execution is shorter.
fn split_steps(parts: u32, pieces: impl Fn(usize) -> Option<u64>) -> usize {
    let wanted = u64::from(parts) * 8;
    let (mut best, mut most) = (0, 0);
    // The first steps of a program start its threads: there is nothing to share out yet.
    for steps in 1..=SPLIT_STEPS_MAX {
        let Some(found) = pieces(steps) else { break };
        if found > most {
            (best, most) = (steps, found);
        }
        if most >= wanted {
            break;
        }
    }
    best
}

/// Behind so many steps even small programs have pieces to share out.
const SPLIT_STEPS_MAX: usize = 24;
