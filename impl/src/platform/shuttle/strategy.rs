//! Who goes next: the strategies that drive an execution.
//!
//! They see threads by their index and only those that can go on, so they are plain data structures, tested without an
//! engine. Shuttle has schedulers of its own with the same names. These are written anew because shuttle's take their
//! seed from an environment variable if it is set, print the seed of passing runs, panic when a program has no
//! concurrency (PCT), and do not enumerate choices (depth-first).

use super::super::Bounds;
use super::PendingStep;
use super::schedule::{Decision, Schedule};

/// A moment at which one of several threads may take a step.
pub struct Moment<'a> {
    /// The threads that can go on, in ascending order; never empty.
    pub enabled: &'a [usize],
    /// The thread that took the last step, if any has.
    pub current: Option<usize>,
    /// Whether that thread asks to let others go first.
    pub yields: bool,
}

/// Why a schedule cannot be followed.
pub type Divergence = String;

/// Decides who goes next.
pub trait Strategy {
    /// Prepares the next execution. Returns whether there is one.
    fn begin(&mut self) -> bool;
    /// The thread that takes the next step: one of `moment.enabled`, or nothing to give up the rest of the execution,
    /// which then counts as explored elsewhere.
    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence>;
    /// One of `0..alternatives`.
    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence>;
    /// Nothing can move. Those who are blocked leave, or those who yield look again: whatever comes next comes after
    /// all that was.
    fn at_rest(&mut self) {}
    /// The execution has come to its end.
    fn end(&mut self) -> Result<(), Divergence> {
        Ok(())
    }
    /// Whether [`Strategy::begin`] answers no only when everything has been explored.
    fn is_exhaustive(&self) -> bool;
}

/// A small generator of random numbers (SplitMix64): the same draws on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..below`.
    fn below(&mut self, below: usize) -> usize {
        ((u128::from(self.next()) * below as u128) >> 64) as usize
    }
}

/// Draws each step evenly from the threads that can take one.
pub(super) struct Random(Dice);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(Dice(seed))
    }
}

impl Strategy for Random {
    fn begin(&mut self) -> bool {
        true
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let drawn = match moment.enabled {
            [only] => *only,
            several => several[self.0.below(several.len())],
        };
        Ok(Some(drawn))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        Ok(self.0.below(alternatives))
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010): random priorities, and `depth - 1` random steps at
/// which the running thread's falls below all others. Finds a bug of that depth with a probability of at least
/// 1 / (threads × steps ^ (depth - 1)). A thread that yields falls as well, or it would spin for ever.
pub(super) struct Pct {
    dice: Dice,
    depth: usize,
    /// By thread; the highest goes first.
    priorities: Vec<i64>,
    /// Lower than every priority given so far.
    lowest: i64,
    falls: Vec<usize>,
    steps: usize,
    /// The longest execution so far, in steps at which there was a choice: where falls are worth placing.
    longest: usize,
}

impl Pct {
    pub(super) fn new(seed: u64, depth: usize) -> Self {
        Self { dice: Dice(seed), depth, priorities: Vec::new(), lowest: 0, falls: Vec::new(), steps: 0, longest: 0 }
    }

    fn priority(&mut self, thread: usize) -> i64 {
        while self.priorities.len() <= thread {
            // 63 random bits: two threads are as good as never equal, and all start above every fallen one.
            let drawn = (self.dice.next() >> 1) as i64;
            self.priorities.push(drawn.max(1));
        }
        self.priorities[thread]
    }

    fn fall(&mut self, thread: usize) {
        self.priority(thread);
        self.lowest -= 1;
        self.priorities[thread] = self.lowest;
    }
}

impl Strategy for Pct {
    fn begin(&mut self) -> bool {
        self.longest = self.longest.max(self.steps);
        self.priorities.clear();
        self.lowest = 0;
        self.steps = 0;
        self.falls.clear();
        for _ in 1..self.depth {
            let step = self.dice.below(self.longest.max(1));
            self.falls.push(step);
        }
        true
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        if let [only] = moment.enabled {
            return Ok(Some(*only));
        }
        if let (true, Some(current)) = (moment.yields, moment.current) {
            self.fall(current);
        }
        let highest = |pct: &mut Self| {
            let mut best = moment.enabled[0];
            for &thread in moment.enabled {
                if pct.priority(thread) > pct.priority(best) {
                    best = thread;
                }
            }
            best
        };
        let mut thread = highest(self);
        if self.falls.contains(&self.steps) {
            self.fall(thread);
            thread = highest(self);
        }
        self.steps += 1;
        Ok(Some(thread))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        Ok(self.dice.below(alternatives))
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Uniform random walk (Zhao et al., ASPLOS 2025): draws each thread in proportion to the steps that it still has to
/// take, as the executions before suggest, so that interleavings rather than steps are drawn about evenly.
pub(super) struct Urw {
    dice: Dice,
    /// By thread: the steps it took in the longest execution so far.
    expected: Vec<u64>,
    taken: Vec<u64>,
}

impl Urw {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), expected: Vec::new(), taken: Vec::new() }
    }

    /// At least one: a thread that can take a step has one to take.
    fn remaining(&self, thread: usize) -> u64 {
        let of = |counts: &[u64]| counts.get(thread).copied().unwrap_or(0);
        of(&self.expected).saturating_sub(of(&self.taken)).max(1)
    }
}

impl Strategy for Urw {
    fn begin(&mut self) -> bool {
        for (thread, &taken) in self.taken.iter().enumerate() {
            if self.expected.len() <= thread {
                self.expected.push(0);
            }
            self.expected[thread] = self.expected[thread].max(taken);
        }
        self.taken.clear();
        true
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let total: u64 = moment.enabled.iter().map(|&thread| self.remaining(thread)).sum();
        let mut ball = self.dice.below(total as usize) as u64;
        let mut drawn = moment.enabled[0];
        for &thread in moment.enabled {
            let weight = self.remaining(thread);
            if ball < weight {
                drawn = thread;
                break;
            }
            ball -= weight;
        }
        if self.taken.len() <= drawn {
            self.taken.resize(drawn + 1, 0);
        }
        self.taken[drawn] += 1;
        Ok(Some(drawn))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        Ok(self.dice.below(alternatives))
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Partial order sampling (Yuan, Yang and Gu, CAV 2018): the pending step with the highest random priority goes first, and
/// those that depend on it draw anew. Executions are drawn more evenly by equivalence class than by drawing threads.
pub(super) struct Pos {
    dice: Dice,
    /// By thread: the priority of its pending step, if one was drawn.
    priorities: Vec<Option<u64>>,
    /// What the threads are about to do.
    pending: fn() -> Vec<PendingStep>,
}

impl Pos {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), priorities: Vec::new(), pending: super::pending }
    }

    fn priority(&mut self, thread: usize) -> u64 {
        if self.priorities.len() <= thread {
            self.priorities.resize(thread + 1, None);
        }
        match self.priorities[thread] {
            Some(priority) => priority,
            None => *self.priorities[thread].insert(self.dice.next()),
        }
    }
}

impl Strategy for Pos {
    fn begin(&mut self) -> bool {
        self.priorities.clear();
        true
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let mut first = moment.enabled[0];
        for &thread in moment.enabled {
            if self.priority(thread) > self.priority(first) {
                first = thread;
            }
        }
        self.priorities[first] = None;
        if moment.enabled.len() > 1 {
            let pending = (self.pending)();
            let touches = |thread: usize| {
                pending.iter().filter(move |step| step.thread == thread).flat_map(|step| step.touches.iter())
            };
            for &other in moment.enabled.iter().filter(|&&other| other != first) {
                let depends = touches(first).any(|one| {
                    touches(other)
                        .any(|another| one.object == another.object && !one.access.commutes_with(another.access))
                });
                if depends {
                    self.priorities[other] = None;
                }
            }
        }
        Ok(Some(first))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        Ok(self.dice.below(alternatives))
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

/// Depth-first search over every decision, choices included, without any reduction. The number of executions grows with
/// the number of interleavings of visible steps: exponentially.
pub(super) struct Dfs {
    preemptions_max: Option<usize>,
    /// The decisions of the current execution: what there was to decide, and which of it comes next.
    stack: Vec<Node>,
    depth: usize,
    preemptions: usize,
    begun: bool,
}

struct Node {
    /// Threads, or `0..n` of a choice.
    alternatives: Vec<usize>,
    is_choice: bool,
    taken: usize,
}

impl Dfs {
    pub(super) fn new(bounds: &Bounds) -> Self {
        Self { preemptions_max: bounds.preemptions, stack: Vec::new(), depth: 0, preemptions: 0, begun: false }
    }

    fn decide(&mut self, is_choice: bool, alternatives: impl FnOnce() -> Vec<usize>) -> Result<usize, Divergence> {
        if self.depth == self.stack.len() {
            self.stack.push(Node { alternatives: alternatives(), is_choice, taken: 0 });
        }
        let node = &self.stack[self.depth];
        if node.is_choice != is_choice {
            return Err(format!(
                "decision {}: the program does something else than it did before the same decisions",
                self.depth
            ));
        }
        self.depth += 1;
        Ok(node.alternatives[node.taken])
    }
}

impl Strategy for Dfs {
    fn begin(&mut self) -> bool {
        self.depth = 0;
        self.preemptions = 0;
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        while let Some(last) = self.stack.last_mut() {
            last.taken += 1;
            if last.taken < last.alternatives.len() {
                return true;
            }
            self.stack.pop();
        }
        false
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let could_go_on = moment.current.filter(|current| moment.enabled.contains(current) && !moment.yields);
        let must_go_on = could_go_on.filter(|_| self.preemptions_max.is_some_and(|max| self.preemptions >= max));
        let thread = match (moment.enabled, must_go_on) {
            ([only], _) => *only,
            (_, Some(current)) => current,
            // The running thread first: executions with few switches are the easiest to read.
            (several, None) => self.decide(false, || {
                let is_current = |thread: &usize| Some(*thread) == moment.current;
                let first = several.iter().copied().filter(is_current);
                first.chain(several.iter().copied().filter(|thread| !is_current(thread))).collect()
            })?,
        };
        if !moment.enabled.contains(&thread) {
            return Err(format!(
                "decision {}: thread {thread} could go on the last time, after the same decisions",
                self.depth
            ));
        }
        if could_go_on.is_some_and(|current| thread != current) {
            self.preemptions += 1;
        }
        Ok(Some(thread))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        self.decide(true, || (0..alternatives).collect())
    }

    fn is_exhaustive(&self) -> bool {
        true
    }
}

/// A thread, and where in the source its step is.
fn place(thread: usize) -> String {
    match super::pending_step(thread) {
        Some(step) => format!("thread {thread} at {}", step.location),
        None => format!("thread {thread}"),
    }
}

/// Follows a recorded schedule, once, and refuses to leave it.
pub(super) struct Replay {
    schedule: Schedule,
    position: usize,
    begun: bool,
}

impl Replay {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self { schedule, position: 0, begun: false }
    }

    fn next(&mut self, found: impl FnOnce() -> String) -> Result<Decision, Divergence> {
        let position = self.position;
        let Some(&decision) = self.schedule.decisions().get(position) else {
            return Err(format!("decision {position}: the schedule is over, but there is {}", found()));
        };
        self.position += 1;
        Ok(decision)
    }
}

impl Strategy for Replay {
    fn begin(&mut self) -> bool {
        !std::mem::replace(&mut self.begun, true)
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let found = || {
            let places: Vec<String> = moment.enabled.iter().map(|&thread| place(thread)).collect();
            format!("a step of {}", places.join(" or "))
        };
        match self.next(found)? {
            Decision::Thread(thread) if moment.enabled.contains(&thread) => Ok(Some(thread)),
            other => Err(format!("decision {}: recorded `{other}`, found {}", self.position - 1, found())),
        }
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        let found = || format!("a choice out of {alternatives}");
        match self.next(found)? {
            Decision::Choice { chosen, alternatives: recorded } if recorded == alternatives => Ok(chosen),
            other => Err(format!("decision {}: recorded `{other}`, found {}", self.position - 1, found())),
        }
    }

    fn end(&mut self) -> Result<(), Divergence> {
        match self.schedule.decisions().get(self.position) {
            None => Ok(()),
            Some(left) => Err(format!("decision {}: recorded `{left}`, found the end of the execution", self.position)),
        }
    }

    fn is_exhaustive(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Threads 1..=n, each with the given number of steps; returns the interleavings seen, and how often.
    fn interleavings(strategy: &mut dyn Strategy, steps: &[usize], executions: usize) -> BTreeMap<Vec<usize>, usize> {
        let mut seen = BTreeMap::new();
        for _ in 0..executions {
            if !strategy.begin() {
                break;
            }
            let mut left = steps.to_vec();
            let mut current = None;
            let mut taken = Vec::new();
            loop {
                let enabled: Vec<usize> = (0..left.len()).filter(|&thread| left[thread] > 0).collect();
                if enabled.is_empty() {
                    break;
                }
                let moment = Moment { enabled: &enabled, current, yields: false };
                let thread = strategy.next_thread(&moment).unwrap().unwrap();
                left[thread] -= 1;
                taken.push(thread);
                current = Some(thread);
            }
            *seen.entry(taken).or_insert(0) += 1;
        }
        seen
    }

    #[test]
    fn depth_first_search_visits_every_interleaving_once() {
        let seen = interleavings(&mut Dfs::new(&Bounds::default()), &[2, 2, 1], usize::MAX);
        assert_eq!(seen.len(), 30, "5! / (2! 2! 1!)");
        assert!(seen.values().all(|&times| times == 1));
    }

    #[test]
    fn a_preemption_bound_leaves_the_interleavings_within_it() {
        let preemptions = |run: &Vec<usize>| {
            let mut left = [3, 3];
            let mut count = 0;
            for pair in run.windows(2) {
                left[pair[0]] -= 1;
                count += usize::from(pair[0] != pair[1] && left[pair[0]] > 0);
            }
            count
        };
        let all = interleavings(&mut Dfs::new(&Bounds::default()), &[3, 3], usize::MAX);
        for max in 0..3 {
            let bounds = Bounds { preemptions: Some(max), ..Bounds::default() };
            let seen = interleavings(&mut Dfs::new(&bounds), &[3, 3], usize::MAX);
            let expected: Vec<_> = all.keys().filter(|run| preemptions(run) <= max).collect();
            assert_eq!(seen.keys().collect::<Vec<_>>(), expected, "at most {max}");
        }
    }

    #[test]
    fn random_and_urw_reach_everything_and_urw_does_so_more_evenly() {
        let spread = |seen: &BTreeMap<Vec<usize>, usize>| {
            let most = *seen.values().max().unwrap() as f64;
            most / *seen.values().min().unwrap() as f64
        };
        let random = interleavings(&mut Random::new(7), &[1, 4], 20_000);
        let urw = interleavings(&mut Urw::new(7), &[1, 4], 20_000);
        assert_eq!((random.len(), urw.len()), (5, 5));
        assert!(spread(&urw) < 1.3, "{urw:?}");
        assert!(spread(&random) > 5.0, "{random:?}");
    }

    #[test]
    fn pct_makes_few_switches() {
        let seen = interleavings(&mut Pct::new(7, 2), &[4, 4], 2_000);
        let switches = |run: &Vec<usize>| run.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(seen.keys().all(|run| switches(run) <= 2), "{seen:?}");
        assert_eq!(seen.len(), 2 * 4, "each thread first, with a fall before each of its steps or none");
        assert_eq!(interleavings(&mut Pct::new(7, 3), &[3], 3).len(), 1, "no concurrency is no error");
    }

    #[test]
    fn sampling_partial_orders_gives_each_of_them_its_share() {
        use super::super::{Access, Mention, ObjectId, Openness};
        // Thread 0 takes one step on an object that nobody else touches, threads 1 and 2 two each on another one.
        fn pending() -> Vec<PendingStep> {
            (0..3)
                .map(|thread| {
                    let object = ObjectId { maker: 0, number: u32::from(thread > 0) };
                    let touch = Mention { object, access: Access::Write, needs: Openness::CLOSED };
                    PendingStep {
                        thread,
                        touches: vec![touch],
                        cells: Vec::new(),
                        enabled: true,
                        yields: false,
                        is_opaque: false,
                        location: std::panic::Location::caller(),
                    }
                })
                .collect()
        }
        let mut pos = Pos { pending, ..Pos::new(7) };
        let seen = interleavings(&mut pos, &[1, 2, 2], 6_000);
        let mut orders: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        for (run, times) in seen {
            let order = run.into_iter().filter(|&thread| thread > 0).collect();
            *orders.entry(order).or_default() += times;
        }
        assert_eq!(orders.len(), 6, "4! / (2! 2!) orders that differ");
        let most = *orders.values().max().unwrap() as f64;
        assert!(most / *orders.values().min().unwrap() as f64 <= 2.3, "{orders:?}");
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let draws = |seed| interleavings(&mut Random::new(seed), &[3, 3], 50);
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
    }

    #[test]
    fn replay_names_the_first_decision_that_does_not_fit() {
        let mut replay = Replay::new("s0.1.c0/2.0".parse().unwrap());
        let moment = |enabled| Moment { enabled, current: Some(0), yields: false };
        assert!(replay.begin());
        assert_eq!(replay.next_thread(&moment(&[0, 1])), Ok(Some(0)));
        assert!(replay.next_thread(&moment(&[0, 2])).unwrap_err().starts_with("decision 1: recorded `1`"));
        assert!(replay.choose(3).unwrap_err().contains("found a choice out of 3"));
        assert!(replay.end().unwrap_err().contains("found the end"));
        assert!(!replay.begin());
    }
}
