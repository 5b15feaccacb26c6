//! Is each memory ordering in the source needed? Under loom, one is weakened at a time, and something must then fail.
//!
//! A [`Trial`] is something that loom can run over a subject: a litmus test with the outcomes that its spec allows, or a
//! small program written for the purpose. [`collect`] runs every trial as the source is, and so finds the places that ask
//! for an ordering. [`Collected::survey`] runs, for each such place and each immediately weaker ordering, the trials that
//! come by there, cheapest first, until one fails. That one is the [`Witness`]: with the weaker ordering the source would be
//! wrong. If none fails within the [`Bound`], the ordering is a candidate to relax, or a trial is missing; the table says
//! so and claims nothing more.
//!
//! A trial that did not come by a place within the bound as the source is cannot come by there with the place weakened:
//! up to the first visit both searches are the same. So leaving such trials out loses nothing.
//!
//! What loom cannot decide is not decided here: it takes a `SeqCst` store or update for `AcqRel`, so that the step between
//! these two is [`Finding::Undecidable`] (a `SeqCst` load our platform makes see the newest store); and it never lets a load see a value
//! before it was stored.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use selvedge::platform::loom::weaken::{self, Purpose, Site};
use selvedge::platform::{Arc, Bounds, Failure, Loom, Ordering, loom};
use selvedge_model::Spec;

use crate::conformance::{Goal, Job, Target, on_loom};
use crate::engine::{Budget, Engine};
use crate::evidence::Mode;
use crate::subject::Subject;

/// How far each trial looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound {
    /// Preemptions at most. None are tried first, then one, and so on, so that a witness has the fewest.
    pub preemptions: usize,
    /// Executions at most for each number of preemptions.
    pub executions: u64,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} preemptions and {} executions at each number of them", self.preemptions, self.executions)
    }
}

/// What a trial came to within a bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// Executions run.
    pub executions: u64,
    /// What went wrong, if anything did.
    pub violation: Option<String>,
}

/// Something that loom can run, and that says what is wrong.
pub struct Trial {
    name: String,
    run: Box<dyn Fn(usize, u64) -> Tried>,
}

impl Trial {
    /// A program over subject `X`; the spec says what is wrong. If the subject refuses the program, nothing runs, and the
    /// trial comes by no place.
    pub fn litmus<S: Spec, X: Subject<S, Platform = Loom>>(target: Arc<Target<S>>) -> Self {
        let name = target.program.name.clone();
        let run = move |preemptions, executions| {
            let budget = Budget { executions, preemptions: Some(preemptions), ..GUARDED };
            let job = Job {
                target: target.clone(),
                engine: Engine::Loom,
                mode: Mode::Outcomes,
                budget,
                // Lets pass whatever the program's own atomics could explain: a failure is the subject's.
                weak: None,
                variant: 0,
                replay: None,
                goal: Goal::First,
                scope: Default::default(),
            };
            let findings = on_loom::<S, X>(&Arc::new(job));
            let violation = findings.violation.map(|violation| violation.sentence);
            Tried { executions: findings.executions, violation }
        };
        Trial { name, run: Box::new(run) }
    }

    /// A body that panics where something is wrong; a data race is wrong in any case.
    pub fn body(name: &str, body: fn()) -> Self {
        let run = move |preemptions, executions| {
            let bounds = Bounds {
                preemptions: Some(preemptions),
                max_executions: Some(executions),
                max_duration: Some(GUARDED.duration),
                ..Bounds::default()
            };
            let run = loom::explore(&bounds, body);
            Tried { executions: run.executions, violation: run.failure.as_ref().map(in_words) }
        };
        Trial { name: name.to_owned(), run: Box::new(run) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it with no preemption, then one, and so on, until something is wrong.
    ///
    /// # Panics
    ///
    /// If one number of preemptions takes two minutes: what it came to would depend on the machine.
    pub fn run(&self, bound: &Bound) -> Tried {
        let mut executions = 0;
        for preemptions in 0..=bound.preemptions {
            let started = Instant::now();
            let tried = (self.run)(preemptions, bound.executions);
            assert!(
                started.elapsed() < GUARDED.duration,
                "{}: cut short by the clock, which must decide nothing",
                self.name
            );
            executions += tried.executions;
            if tried.violation.is_some() {
                return Tried { executions, violation: tried.violation };
            }
        }
        Tried { executions, violation: None }
    }
}

/// The time is a guard: what is found depends on the executions alone.
const GUARDED: Budget = Budget {
    executions: 0,
    duration: Duration::from_secs(120),
    preemptions: None,
    pct_depth: 3,
    seed: 0,
    spurious_wakeups: 0,
};

fn in_words(failure: &Failure) -> String {
    match failure {
        // The body's own words say it best.
        Failure::Panic(message) => message.clone(),
        other => other.to_string(),
    }
}

/// The trial that fails once an ordering is weakened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Witness {
    /// The trial.
    pub trial: String,
    /// What went wrong.
    pub sentence: String,
    /// How many executions of the trial it took.
    pub executions: u64,
}

/// What is known of an ordering with respect to a weaker one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Finding {
    /// With the weaker one a trial fails.
    Necessary(Witness),
    /// No trial fails within the bound.
    NotShown {
        /// Trials that come by there.
        trials: usize,
        /// Executions of all of them together.
        executions: u64,
    },
    /// loom takes the two for the same.
    Undecidable,
}

/// An ordering, and a weaker one in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Where it is asked for.
    pub site: Site,
    /// What is asked for there.
    pub ordering: Ordering,
    /// What was put in its place; `None` leaves a fence out.
    pub weaker: Option<Ordering>,
    /// What came of it.
    pub finding: Finding,
}

/// The places that trials come by, each trial's own.
pub struct Collected<'t> {
    /// Cheapest first, each with the places it comes by.
    trials: Vec<(&'t Trial, BTreeMap<Site, Ordering>)>,
    bound: Bound,
}

/// Runs every trial as the source is, and tells which trial comes by which places that `concerns` is true of.
///
/// # Errors
///
/// If a trial fails: then it cannot be a witness for anything.
pub fn collect<'t>(
    trials: &'t [Trial],
    bound: Bound,
    concerns: impl Fn(&Site) -> bool,
) -> Result<Collected<'t>, String> {
    let mut collected = Vec::new();
    for trial in trials {
        let (tried, mut sites) = weaken::collect(|| trial.run(&bound));
        if let Some(violation) = tried.violation {
            return Err(format!("{} fails with every ordering as it is: {violation}", trial.name));
        }
        sites.retain(|site, _| concerns(site));
        collected.push((tried.executions, trial, sites));
    }
    collected.sort_by_key(|&(executions, ..)| executions);
    Ok(Collected { trials: collected.into_iter().map(|(_, trial, sites)| (trial, sites)).collect(), bound })
}

impl Collected<'_> {
    /// How many trials come by any place at all.
    pub fn trials(&self) -> usize {
        self.trials.iter().filter(|(_, sites)| !sites.is_empty()).count()
    }

    /// Every place, with the ordering that it asks for.
    pub fn sites(&self) -> BTreeMap<Site, Ordering> {
        self.trials.iter().flat_map(|(_, sites)| sites).map(|(&site, &ordering)| (site, ordering)).collect()
    }

    /// Weakens each place that is not relaxed already to each immediately weaker ordering.
    ///
    /// Costs, for each, at most the bound for every trial that comes by there, and little where a witness is found.
    pub fn survey(&self) -> Vec<Row> {
        self.sites().into_iter().flat_map(|(site, ordering)| self.rows(site, ordering)).collect()
    }

    /// The rows of one place.
    pub fn rows(&self, site: Site, ordering: Ordering) -> Vec<Row> {
        let weaker = immediately_weaker(site.purpose, ordering);
        weaker
            .into_iter()
            .map(|weaker| Row { site, ordering, weaker, finding: self.find(site, ordering, weaker) })
            .collect()
    }

    fn find(&self, site: Site, ordering: Ordering, weaker: Option<Ordering>) -> Finding {
        if ordering == Ordering::SeqCst && !matches!(site.purpose, Purpose::Fence | Purpose::Load) {
            return Finding::Undecidable;
        }
        let (mut trials, mut executions) = (0, 0);
        for (trial, _) in self.trials.iter().filter(|(_, sites)| sites.contains_key(&site)) {
            let tried = weaken::weakened(site, weaker, || trial.run(&self.bound));
            if let Some(sentence) = tried.violation {
                let trial = trial.name.clone();
                return Finding::Necessary(Witness { trial, sentence, executions: tried.executions });
            }
            trials += 1;
            executions += tried.executions;
        }
        Finding::NotShown { trials, executions }
    }
}

/// The next weaker orderings that make sense for such an access; `None` stands for no fence at all.
pub fn immediately_weaker(purpose: Purpose, ordering: Ordering) -> Vec<Option<Ordering>> {
    use Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
    match (purpose, ordering) {
        // There is no relaxed fence.
        (Purpose::Fence, Acquire | Release) => vec![None],
        (Purpose::Fence, SeqCst) => vec![Some(AcqRel), None],
        (Purpose::Load | Purpose::Failure, SeqCst) => vec![Some(Acquire)],
        (Purpose::Store, SeqCst) => vec![Some(Release)],
        (_, SeqCst) => vec![Some(AcqRel)],
        (_, AcqRel) => vec![Some(Acquire), Some(Release)],
        (_, Acquire | Release) => vec![Some(Relaxed)],
        _ => Vec::new(),
    }
}
