//! What a drawn run is worth: how many different executions it saw, and how much it probably has not seen.
//!
//! Two executions of one equivalence class (see [`exhaustive`](super::exhaustive)) are one to whoever looks at the program. So
//! the classes among a run's executions say how much of it was repetition. The share of executions whose class was seen
//! once estimates how probable it is that the next one is of a class that was never seen (Good and Turing, 1953).

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::shuttle::{self, Divergence, Moment, SchedulerKind, Strategy};
use selvedge::platform::{Arc, Bounds, Run};

use super::exhaustive::Recorder;

/// How many executions of a run are counted: the first ones. What a run is worth shows early, and telling classes apart costs as
/// much as an execution.
pub const COUNTED_MAX: u64 = 1_000;

/// The different executions among the first of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// How often each schedule was seen, by a hash of it.
    schedules: HashMap<u64, u64, FxBuildHasher>,
    /// How often each class was seen.
    classes: HashMap<u64, u64, FxBuildHasher>,
}

impl Census {
    /// How many executions were counted.
    pub fn executions(&self) -> u64 {
        self.classes.values().sum()
    }

    /// How many different schedules.
    pub fn schedules(&self) -> u64 {
        self.schedules.len() as u64
    }

    /// How many classes of equivalent executions.
    pub fn classes(&self) -> u64 {
        self.classes.len() as u64
    }

    /// An estimate of the probability that one more execution, drawn in the same way, is of a class that was never seen;
    /// 1 if there was none at all.
    pub fn unseen_share(&self) -> f64 {
        let once = self.classes.values().filter(|&&times| times == 1).count();
        if self.classes.is_empty() { 1.0 } else { once as f64 / self.executions() as f64 }
    }

    /// Counts what another run saw as well.
    pub fn add(&mut self, other: Census) {
        for (schedule, times) in other.schedules {
            *self.schedules.entry(schedule).or_default() += times;
        }
        for (class, times) in other.classes {
            *self.classes.entry(class).or_default() += times;
        }
    }
}

/// Runs `body` under a scheduler, and counts the different ones among the first [`COUNTED_MAX`] executions.
///
/// What is counted is built beside what the scheduler does and changes nothing of it.
pub fn explore(scheduler: SchedulerKind, bounds: &Bounds, body: impl Fn() + Send + Sync + 'static) -> (Run, Census) {
    let census = Arc::new(Mutex::new(Census::default()));
    let counting = Counting {
        inner: shuttle::strategy(scheduler, bounds),
        recorder: Recorder::default(),
        schedule: 0,
        begun: 0,
        census: census.clone(),
    };
    let run = shuttle::explore_with(Box::new(counting), bounds, body);
    let census = std::mem::take(&mut *census.lock().unwrap_or_else(PoisonError::into_inner));
    (run, census)
}

/// Lets another strategy decide, and looks on.
struct Counting {
    inner: Box<dyn Strategy + Send>,
    recorder: Recorder,
    /// A hash of the decisions so far.
    schedule: u64,
    /// How many executions have begun.
    begun: u64,
    census: Arc<Mutex<Census>>,
}

impl Counting {
    /// Whether the execution that began last is counted.
    fn counts(&self) -> bool {
        (1..=COUNTED_MAX).contains(&self.begun)
    }

    fn count(&mut self) {
        self.recorder.finish();
        let mut census = self.census.lock().unwrap_or_else(PoisonError::into_inner);
        *census.schedules.entry(self.schedule).or_default() += 1;
        *census.classes.entry(self.recorder.trace.class()).or_default() += 1;
    }

    fn note(&mut self, decision: usize) {
        self.schedule = (self.schedule.rotate_left(5) ^ decision as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Strategy for Counting {
    fn begin(&mut self) -> bool {
        if self.counts() {
            self.count();
        }
        self.begun += 1;
        if self.counts() {
            self.recorder.trace.truncate(0);
            self.recorder.begin();
            self.schedule = 0;
        }
        self.inner.begin()
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        if !self.counts() {
            return self.inner.next_thread(moment);
        }
        self.recorder.look_around()?;
        let thread = self.inner.next_thread(moment)?;
        if let Some(thread) = thread {
            self.note(thread);
            self.recorder.open_step(thread, 0);
        }
        Ok(thread)
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        let chosen = self.inner.choose(alternatives)?;
        if self.counts() {
            self.note(chosen);
            self.recorder.chose(chosen);
        }
        Ok(chosen)
    }

    fn at_rest(&mut self) {
        if self.counts() {
            self.recorder.rest();
        }
        self.inner.at_rest();
    }

    fn end(&mut self) -> Result<(), Divergence> {
        self.inner.end()
    }

    fn is_exhaustive(&self) -> bool {
        self.inner.is_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use selvedge::platform::{Body, Platform, PlatformMutex, Shuttle};

    use super::*;

    /// Three threads that each take a lock so often.
    fn locks(each: usize) {
        let lock = Arc::new(<Shuttle as Platform>::Mutex::<()>::new(()));
        let bodies = (0..3).map(|_| {
            let lock = lock.clone();
            Box::new(move || (0..each).for_each(|_| drop(lock.lock()))) as Body
        });
        Shuttle::run_to_rest(bodies.collect());
    }

    fn census(scheduler: SchedulerKind, executions: u64, each: usize) -> Census {
        let bounds = Bounds { max_executions: Some(executions), ..Bounds::default() };
        let (run, census) = explore(scheduler, &bounds, move || locks(each));
        assert_eq!((run.executions.min(COUNTED_MAX), run.failure), (census.executions(), None));
        census
    }

    #[test]
    fn a_long_run_sees_all_classes_of_a_small_program_and_a_short_one_knows_that_it_does_not() {
        for scheduler in
            [SchedulerKind::Random { seed: 5 }, SchedulerKind::Urw { seed: 5 }, SchedulerKind::Pos { seed: 5 }]
        {
            let long = census(scheduler.clone(), 1_000, 2);
            assert_eq!(long.classes(), 90, "{scheduler:?}: all there are");
            assert!(long.unseen_share() < 0.01, "{scheduler:?}: {}", long.unseen_share());
            let short = census(scheduler.clone(), 60, 3);
            assert!(short.classes() > 50 && short.unseen_share() > 0.8, "{scheduler:?}: {short:?}");
        }
    }

    #[test]
    fn depth_first_search_counts_what_there_is() {
        let all = census(SchedulerKind::Dfs, 1_000, 2);
        assert_eq!((all.executions(), all.schedules(), all.classes()), (90, 90, 90));
    }

    #[test]
    fn two_runs_are_counted_together() {
        let mut one = census(SchedulerKind::Random { seed: 1 }, 40, 2);
        let other = census(SchedulerKind::Random { seed: 2 }, 40, 2);
        let most = one.classes() + other.classes();
        one.add(other);
        assert_eq!(one.executions(), 80);
        assert!(one.classes() <= most && one.classes() <= one.schedules());
        assert_eq!(Census::default().unseen_share(), 1.0);
    }
}
