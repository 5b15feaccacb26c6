//! Schedules that are bytes: each decision takes one. What a fuzzer mutates, steered by what its inputs reach.
//!
//! A decision with a single alternative takes no byte, so that every byte matters. Of several threads the one that took the
//! last step is alternative 0, unless it yields; the others follow in ascending order. A zero byte is thus "go on", and an
//! input is short if its schedule has few preemptions: once the bytes are used up everything goes on with alternative 0.
//! So every byte string is a schedule, and a fuzzer that makes an input shorter makes its schedule simpler.

use std::collections::VecDeque;

use selvedge::platform::shuttle::{Divergence, Moment, Strategy};
use selvedge::platform::{Arc, Shuttle};
use selvedge_model::Spec;

use super::{Budget, Engine};
use crate::conformance::{Findings, Goal, Job, Target, on_shuttle_with};
use crate::evidence::Mode;
use crate::subject::{Subject, Variant};

/// One execution, decided by bytes.
#[derive(Clone, Debug)]
pub struct Bytes {
    bytes: VecDeque<u8>,
    begun: bool,
}

impl Bytes {
    /// The execution that `bytes` decide.
    pub fn new(bytes: &[u8]) -> Self {
        Bytes { bytes: bytes.iter().copied().collect(), begun: false }
    }

    fn decide(&mut self, alternatives: usize) -> usize {
        if alternatives < 2 {
            return 0;
        }
        self.bytes.pop_front().map_or(0, |byte| usize::from(byte) % alternatives)
    }
}

impl Strategy for Bytes {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let mut threads = moment.enabled.to_vec();
        if let Some(at) = threads.iter().position(|thread| Some(*thread) == moment.current) {
            let current = threads.remove(at);
            // One who asks to let others go first comes last.
            let place = if moment.yields { threads.len() } else { 0 };
            threads.insert(place, current);
        }
        Ok(Some(threads[self.decide(threads.len())]))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        Ok(self.decide(alternatives))
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Runs the program once over subject `X`, under the schedule that `bytes` decide, and judges outcome and history.
///
/// What is wrong, if something is, is [`Findings::violation`]; its schedule replays it ([`Job::replay`]) without the bytes.
pub fn run<S: Spec, X: Subject<S, Platform = Shuttle>>(
    target: &Arc<Target<S>>,
    variant: Variant,
    bytes: &[u8],
) -> Findings<S> {
    let job = Job {
        target: target.clone(),
        engine: Engine::Random,
        mode: Mode::Histories,
        budget: Budget::once(),
        // Under sequential consistency there is no outcome that only weak memory explains.
        weak: Some(Default::default()),
        variant,
        replay: None,
        goal: Goal::First,
        scope: Default::default(),
    };
    on_shuttle_with::<S, X>(&Arc::new(job), Box::new(Bytes::new(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
    use proptest::test_runner::RngSeed;
    use selvedge::platform::shuttle::{self, SchedulerKind};
    use selvedge::platform::{Body, Bounds, Platform, PlatformMutex};

    use super::*;

    fn next(strategy: &mut Bytes, enabled: &[usize], current: Option<usize>, yields: bool) -> usize {
        strategy.next_thread(&Moment { enabled, current, yields }).unwrap().unwrap()
    }

    #[test]
    fn a_zero_goes_on_and_so_does_the_end() {
        for bytes in [&[][..], &[0, 0, 0]] {
            let mut strategy = Bytes::new(bytes);
            assert_eq!(next(&mut strategy, &[1, 2, 3], Some(2), false), 2);
            assert_eq!(next(&mut strategy, &[1, 2, 3], Some(2), true), 1, "one that yields comes last");
            assert_eq!(next(&mut strategy, &[1, 3], Some(2), false), 1);
            assert_eq!(strategy.choose(4), Ok(0));
        }
    }

    #[test]
    fn a_byte_selects_among_several_and_none_is_spent_on_one() {
        let mut strategy = Bytes::new(&[1, 2, 2, 7]);
        assert_eq!(next(&mut strategy, &[4], None, false), 4);
        assert_eq!(strategy.choose(1), Ok(0));
        assert_eq!(next(&mut strategy, &[1, 2, 3], Some(2), false), 1);
        assert_eq!(next(&mut strategy, &[1, 2, 3], Some(2), false), 3);
        assert_eq!(next(&mut strategy, &[1, 2, 3], Some(2), true), 2);
        assert_eq!(strategy.choose(5), Ok(2));
    }

    /// Three threads that each take a lock twice and choose once under it. What they came to, and by which decisions.
    fn schedule(strategy: Box<dyn Strategy + Send>) -> (Vec<(usize, usize)>, shuttle::Schedule) {
        let log = Arc::new(selvedge::platform::host::Mutex::new(Vec::new()));
        let seen = log.clone();
        let run =
            shuttle::explore_with(strategy, &Bounds { max_executions: Some(1), ..Bounds::default() }, move || {
                let lock = Arc::new(<Shuttle as Platform>::Mutex::<()>::new(()));
                let bodies = (0..3).map(|thread| {
                    let (lock, seen) = (lock.clone(), seen.clone());
                    Box::new(move || {
                        drop(lock.lock());
                        let _guard = lock.lock();
                        seen.lock().unwrap().push((thread, Shuttle::choose(3)));
                    }) as Body
                });
                Shuttle::run_to_rest(bodies.collect());
            });
        assert_eq!((run.executions, run.failure, run.truncated), (1, None, 0));
        let log = log.lock().unwrap().clone();
        (log, shuttle::recorded())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

        /// Legal is what the platform's own replay, which refuses a thread that cannot go on, follows to the end.
        #[test]
        fn any_bytes_are_a_legal_schedule_and_always_the_same(bytes in vec(any::<u8>(), 0..40)) {
            let first = schedule(Box::new(Bytes::new(&bytes)));
            prop_assert_eq!(&schedule(Box::new(Bytes::new(&bytes))), &first);
            let replay = shuttle::strategy(SchedulerKind::Replay(first.1.clone()), &Bounds::default());
            prop_assert_eq!(&schedule(replay), &first);
        }
    }

    #[test]
    fn bytes_reach_different_executions() {
        let reached: std::collections::BTreeSet<_> = (0..=255)
            .map(|byte: u8| schedule(Box::new(Bytes::new(&[byte, byte / 3, byte / 7, byte / 11]))).0)
            .collect();
        assert!(reached.len() > 10, "{reached:?}");
    }
}
