//! The search: a strategy that decides each execution so that it differs from all before it, up to equivalence.
//!
//! The stack holds the decisions of the running execution. An execution follows the stack as far as it goes, and decides
//! for itself from there on; at its end, races between its steps are turned into sequences that are to be explored from
//! earlier decisions, and the last decision with something left to explore starts the next execution.

use selvedge::platform::Arc;
use selvedge::platform::host::{Mutex, PoisonError};
use selvedge::platform::shuttle::{self, Access, Divergence, Moment, Openness, Strategy};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::recorder::{Pending, Recorder};
use super::trace::{Names, Touch, Touches, dependent};
use super::wakeup::{Branch, Kept, Planned, Wakeup, insert, keep, restore, weak_initial};
use super::{Account, Class, Fault, Options, Reduction};

/// What is left of a search that was cut short. Another process may go on with it, if it has the same program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Frontier {
    /// Of this format and of the engine's way of searching. Another version cannot be read.
    #[serde(deserialize_with = "known_version")]
    version: u32,
    /// What was done so far.
    account: Account,
    names: Names,
    /// How many pieces the search came by, if it explores a part of them.
    items: u64,
    stack: Vec<StoredNode>,
}

/// Reads the version, if it is this one.
fn known_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u32::deserialize(deserializer)?;
    if version == Frontier::VERSION {
        return Ok(version);
    }
    let expected = Frontier::VERSION;
    Err(D::Error::custom(format!(
        "the frontier has version {version}, and this engine goes on from version {expected}"
    )))
}

impl Frontier {
    /// The version of the format and of the engine's way of searching.
    pub const VERSION: u32 = 3;

    /// What had been done.
    pub fn account(&self) -> Account {
        self.account
    }
}

/// A decision as it is kept: what was about to be done is found out again.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum StoredNode {
    Thread {
        step: usize,
        enabled: u64,
        sleep: Vec<Sleeper>,
        wakeups: Vec<Kept>,
        current: usize,
        /// As those of a single step.
        branches: Vec<Kept>,
        tries_all: bool,
        explored: u32,
    },
    Choice(ChoiceNode),
}

impl StoredNode {
    fn of(node: &Node) -> Option<Self> {
        Some(match node {
            Node::Thread(node) => StoredNode::Thread {
                step: node.step,
                enabled: node.enabled,
                sleep: node.sleep.clone(),
                wakeups: keep(&node.wakeups),
                current: match &node.current {
                    Current::Taken(pending) => pending.thread,
                    Current::Planned(thread) => *thread,
                    Current::Impossible => return None,
                },
                branches: keep(&[Wakeup { branches: node.branches.clone(), ..Wakeup::leaf(0, Vec::new().into()) }]),
                tries_all: node.tries_all,
                explored: node.explored,
            },
            Node::Choice(node) => StoredNode::Choice(node.clone()),
        })
    }
}

impl From<StoredNode> for Node {
    fn from(stored: StoredNode) -> Self {
        match stored {
            StoredNode::Thread { step, enabled, sleep, wakeups, current, branches, tries_all, explored } => {
                let current = Current::Planned(current);
                let wakeups = restore(wakeups);
                let branches = restore(branches).pop().map(|root| root.branches).unwrap_or_default();
                Node::Thread(ThreadNode { step, enabled, sleep, wakeups, current, branches, tries_all, explored })
            }
            StoredNode::Choice(node) => Node::Choice(node),
        }
    }
}

/// The strategy.
pub struct Search {
    options: Options,
    stack: Vec<Node>,
    recorder: Recorder,
    /// How many decisions of the stack the execution has followed.
    followed: usize,
    has_begun: bool,
    is_pruned: bool,
    /// It was given up because whoever could go on is asleep. Its beginning is no other execution's, and its races count.
    is_asleep: bool,
    /// The execution belongs to another part of the search.
    is_foreign: bool,
    /// How many pieces the search has come by.
    items: u64,
    /// Where what is left is put when the search is dropped.
    left: Arc<Mutex<Option<Frontier>>>,
    /// There is something left.
    goes_on: bool,
    account: Arc<Mutex<Account>>,
    /// Is told of every execution that came to its end.
    ended: Box<dyn FnMut(Class) + Send>,
}

/// A decision.
#[derive(Clone)]
enum Node {
    Thread(ThreadNode),
    Choice(ChoiceNode),
}

/// A thread whose step has been explored.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sleeper {
    thread: usize,
    touches: Touches,
    /// It fell asleep where every thread is tried and no plans are kept; see [`Search::is_explored`].
    tried_with_all: bool,
}

/// Who takes the next step.
#[derive(Clone)]
struct ThreadNode {
    /// The step that is decided.
    step: usize,
    /// A bit for each thread that can go on.
    enabled: u64,
    /// Whose steps need not come first: what begins with them has been explored.
    sleep: Vec<Sleeper>,
    /// Who is left to explore.
    wakeups: Vec<Wakeup>,
    /// Who it is, and what it was about to do; the latter is unknown until it has been taken once.
    current: Current,
    /// What is to come after that.
    branches: Vec<Branch>,
    /// Everybody who can go on is tried, whether or not a race asks for it.
    tries_all: bool,
    /// How many have been explored to the end.
    explored: u32,
}

/// Whose step it is.
#[derive(Clone)]
enum Current {
    /// It has been taken.
    Taken(Pending),
    /// It is planned, and the next execution tries it.
    Planned(usize),
    /// It was planned, and could not be taken.
    Impossible,
}

/// A step that was taken or is pending, and might have been taken earlier.
struct Candidate {
    thread: usize,
    /// What it may touch, wherever it is taken.
    published: Touches,
    /// What it touches where it stands.
    touches: Touches,
    is_opaque: bool,
    /// What came before it in its thread.
    predecessor: Option<usize>,
    /// It comes after so many of the first steps, whatever they are.
    rested: usize,
    /// Its place in the trace; the trace's length if it is pending.
    at: usize,
}

/// The answer to a `choose`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ChoiceNode {
    /// The step that it follows.
    step: usize,
    /// Out of how many.
    alternatives: usize,
    current: usize,
    /// Which are left to explore, last first.
    left: Vec<usize>,
}

impl Search {
    /// A search that keeps the account as it goes.
    pub fn new(options: Options, account: Arc<Mutex<Account>>, ended: Box<dyn FnMut(Class) + Send>) -> Self {
        Search {
            options,
            stack: Vec::new(),
            recorder: Recorder::default(),
            followed: 0,
            has_begun: false,
            is_pruned: false,
            is_asleep: false,
            is_foreign: false,
            items: 0,
            left: Arc::default(),
            goes_on: true,
            account,
            ended,
        }
    }

    fn account(&self, change: impl FnOnce(&mut Account)) {
        change(&mut self.account.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A search that goes on where another one stopped.
    pub fn resume(
        options: Options,
        frontier: Frontier,
        account: Arc<Mutex<Account>>,
        ended: Box<dyn FnMut(Class) + Send>,
    ) -> Self {
        *account.lock().unwrap_or_else(PoisonError::into_inner) = frontier.account;
        let mut search = Search::new(options, account, ended);
        search.recorder.set_names(frontier.names);
        search.items = frontier.items;
        search.stack = frontier.stack.into_iter().map(Node::from).collect();
        search
    }

    /// Where what is left can be found once the search is over.
    pub fn left(&self) -> Arc<Mutex<Option<Frontier>>> {
        Arc::clone(&self.left)
    }

    /// What is left to explore; nothing if the search has not begun.
    fn frontier(&self) -> Option<Frontier> {
        (!self.stack.is_empty()).then(|| Frontier {
            version: Frontier::VERSION,
            account: *self.account.lock().unwrap_or_else(PoisonError::into_inner),
            names: self.recorder.names().clone(),
            items: self.items,
            stack: self.stack.iter().filter_map(StoredNode::of).collect(),
        })
    }

    // Deciding.

    /// Makes a decision of the stack again, or one that was planned there. `None` if what was planned cannot be done.
    fn repeat(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        let Node::Thread(node) = &mut self.stack[self.followed] else {
            return Err(format!(
                "decision {}: the program made a choice here before, and takes a step now",
                self.followed
            ));
        };
        if let Current::Planned(thread) = node.current {
            if moment.enabled.contains(&thread) {
                let pending = self.recorder.pending(thread).cloned().expect("who can go on is about to take a step");
                node.current = Current::Taken(pending);
                return Ok(Some(thread));
            }
            node.current = Current::Impossible;
            node.tries_all = true;
            // Other plans may have counted as covered by this one, which covers nothing: whoever is awake is tried.
            let is_known = |thread: usize, node: &ThreadNode| {
                node.sleep.iter().any(|sleeper| sleeper.thread == thread)
                    || node.wakeups.iter().any(|wakeup| wakeup.thread == thread)
            };
            for &thread in moment.enabled {
                if let (false, Some(pending)) = (is_known(thread, node), self.recorder.pending(thread)) {
                    node.wakeups.push(Wakeup::leaf(thread, pending.touches.clone()));
                }
            }
            self.account(|account| account.misled += 1);
            return Ok(None);
        }
        let Current::Taken(expected) = &node.current else { unreachable!("it is not repeated") };
        let thread = expected.thread;
        let found = self.recorder.pending(thread);
        let is_same = found.is_some_and(|found| {
            let same = |(one, other): (&Touch, &Touch)| (one.object, one.access) == (other.object, other.access);
            found.touches.len() == expected.touches.len()
                && found.touches.iter().zip(expected.touches.iter()).all(same)
                && std::ptr::eq(found.location, expected.location)
        });
        if is_same && moment.enabled.contains(&thread) {
            return Ok(Some(thread));
        }
        Err(format!(
            "step {}: after the same steps thread {thread} took the step at {} before, and now {}: the program depends on \
             something that the engine does not control",
            self.recorder.steps(),
            expected.location,
            match found {
                _ if is_same => "it cannot go on".to_owned(),
                Some(found) => format!("is about to take the step at {}", found.location),
                None => "takes none".to_owned(),
            }
        ))
    }

    /// Makes a new decision. `None` if all that could follow has been explored.
    fn decide(&mut self, moment: &Moment<'_>) -> Option<usize> {
        let enabled = moment.enabled.iter().fold(0u64, |set, thread| set | 1 << thread);
        let (sleep, mut wakeups) = self.inherit();
        let is_asleep = |thread: usize| sleep.iter().any(|sleeper| sleeper.thread == thread);
        let pending =
            |thread: usize| self.recorder.pending(thread).cloned().expect("who can go on is about to take a step");
        let mut awake = moment.enabled.iter().copied().filter(|&thread| !is_asleep(thread));
        let is_split = self.recorder.steps() < self.options.split_steps();
        if self.options.reduction == Reduction::Optimal && !is_split {
            let is_possible = |wakeup: &Wakeup| enabled & 1 << wakeup.thread != 0 && !is_asleep(wakeup.thread);
            if wakeups.first().is_some_and(|first| !is_possible(first)) {
                // The plan was made under an assumption that does not hold: a condition that only the program knows.
                self.account(|account| account.misled += 1);
                wakeups.clear();
            }
            if wakeups.is_empty() {
                let goes_on = moment.current.filter(|current| enabled & 1 << current != 0 && !is_asleep(*current));
                let thread = goes_on.or_else(|| awake.next())?;
                wakeups.push(Wakeup::leaf(thread, pending(thread).touches));
            }
        } else {
            wakeups = awake.map(|thread| Wakeup::leaf(thread, pending(thread).touches)).collect();
            // Executions with few switches are the easiest to read.
            if let Some(at) = wakeups.iter().position(|wakeup| Some(wakeup.thread) == moment.current) {
                wakeups[..=at].rotate_right(1);
            }
        }
        if wakeups.is_empty() {
            return None;
        }
        let first = wakeups.remove(0);
        self.stack.push(Node::Thread(ThreadNode {
            step: self.recorder.steps(),
            enabled,
            sleep,
            wakeups,
            current: Current::Taken(pending(first.thread)),
            branches: first.branches,
            tries_all: is_split,
            explored: 0,
        }));
        Some(first.thread)
    }

    /// What the last decision leaves to the next: who sleeps, and what is planned.
    fn inherit(&mut self) -> (Vec<Sleeper>, Vec<Wakeup>) {
        let Some(parent) = self.last_thread_node() else {
            return (Vec::new(), Vec::new());
        };
        let Node::Thread(parent) = &mut self.stack[parent] else { unreachable!("as looked for") };
        let event = &self.recorder.trace.events()[parent.step];
        let sleep = match self.options.reduction {
            Reduction::None => Vec::new(),
            _ => {
                let keeps = |sleeper: &&Sleeper| {
                    sleeper.thread != event.thread
                        && (!dependent(&sleeper.touches, &event.touches)
                            || self.options.fault == Some(Fault::SleepTooLong))
                };
                parent.sleep.iter().filter(keeps).cloned().collect()
            }
        };
        let branch = parent.branches.iter_mut().find(|branch| branch.choices == event.choices);
        (sleep, branch.map(|branch| std::mem::take(&mut branch.next)).unwrap_or_default())
    }

    fn last_thread_node(&self) -> Option<usize> {
        self.stack.iter().rposition(|node| matches!(node, Node::Thread(_)))
    }

    // Between executions.

    /// An execution is over: learns from it, and finds the next.
    fn conclude(&mut self) {
        self.recorder.finish();
        if !self.is_pruned && self.recorder.steps() <= self.options.split_steps() {
            self.pass_item();
        }
        let (is_pruned, is_foreign) = (self.is_pruned, self.is_foreign);
        self.account(|account| match (is_foreign, is_pruned) {
            (true, _) => account.elsewhere += 1,
            (false, true) => account.blocked += 1,
            (false, false) => account.complete += 1,
        });
        if !is_pruned && !is_foreign {
            (self.ended)(Class(self.recorder.trace.class()));
        }
        if self.options.reduction == Reduction::Optimal && (!is_pruned || self.is_asleep) {
            if shuttle::was_cut() && !is_pruned { self.plan_everything() } else { self.plan() }
        }
        self.goes_on = self.backtrack();
        let share_done = if self.goes_on { self.share_done() } else { 1.0 };
        self.account(|account| account.share_done = share_done);
    }

    /// The execution has come to a piece of the search: is it ours?
    fn pass_item(&mut self) {
        if let Some(part) = self.options.part {
            self.is_foreign = self.items % u64::from(part.count.max(1)) != u64::from(part.index);
            self.items += 1;
        }
    }

    /// Turns the races of the execution into plans.
    fn plan(&mut self) {
        for later in 0..self.recorder.trace.len() {
            let event = &self.recorder.trace.events()[later];
            let candidate = Candidate {
                thread: event.thread,
                published: event.published.clone(),
                touches: event.touches.clone(),
                is_opaque: event.is_opaque,
                predecessor: self.recorder.trace.predecessor(later),
                rested: event.rested,
                at: later,
            };
            self.plan_for(&candidate);
        }
        let blocked = self.recorder.take_blocked();
        if self.options.fault == Some(Fault::BlockedForgotten) {
            return;
        }
        for pending in blocked {
            let candidate = Candidate {
                predecessor: self.recorder.trace.last_of(pending.thread),
                thread: pending.thread,
                published: pending.touches.clone(),
                touches: pending.touches,
                is_opaque: pending.is_opaque,
                rested: 0,
                at: self.recorder.trace.len(),
            };
            self.plan_for(&candidate);
        }
    }

    /// Plans executions in which the candidate comes earlier.
    fn plan_for(&mut self, candidate: &Candidate) {
        let mut earlier = Vec::new();
        self.races(candidate, &mut earlier);
        for earlier in earlier {
            self.reverse(earlier, candidate);
        }
    }

    /// The steps that are in a race with the candidate: those that it could come before, as far as can be told.
    ///
    /// For each object the newest that certainly qualify are enough; see the module's documentation.
    fn races(&self, candidate: &Candidate, races: &mut Vec<usize>) {
        let is_ordered = |event: usize| {
            event < candidate.rested
                || candidate
                    .predecessor
                    .is_some_and(|predecessor| self.recorder.trace.happened_before(event, predecessor))
        };
        for touch in candidate.touches.iter() {
            self.recorder.trace.visit_conflicts(touch, candidate.at, |group| {
                let mut is_over = false;
                for &earlier in group {
                    if self.recorder.trace.events()[earlier].thread == candidate.thread || is_ordered(earlier) {
                        is_over = true;
                        continue;
                    }
                    let reversible = self.is_reversible(earlier, candidate);
                    is_over |= reversible == Some(true);
                    if reversible != Some(false) && !races.contains(&earlier) {
                        races.push(earlier);
                    }
                }
                is_over || self.options.fault == Some(Fault::MissedRace)
            });
        }
    }

    /// Whether the candidate could be taken before `earlier`, after all that does not depend on `earlier`. `None` if that
    /// cannot be told.
    fn is_reversible(&self, earlier: usize, candidate: &Candidate) -> Option<bool> {
        let is_open = candidate.touches.iter().all(|touch| {
            let openness =
                self.recorder.trace.openness_without(earlier, touch.object, candidate.at).unwrap_or(touch.before);
            openness >= touch.needs
        });
        let releases = || {
            let touches = &self.recorder.trace.events()[earlier].touches;
            touches.iter().any(|touch| touch.before == Openness::CLOSED && touch.access == Access::Write)
        };
        if !is_open || self.options.fault == Some(Fault::ReleaseMovesTooFar) && releases() {
            return Some(false);
        }
        if !candidate.is_opaque {
            return Some(true);
        }
        // A step on one object that was pending before `earlier`: all other steps on the object that are left out or in
        // are so on both sides, so whether it could be taken then decides.
        if let [touch] = &*candidate.touches
            && touch.access == Access::Write
            && candidate.predecessor.is_none_or(|predecessor| predecessor < earlier)
            && let Node::Thread(node) = &self.stack[self.recorder.trace.events()[earlier].node]
        {
            return Some(node.enabled & 1 << candidate.thread != 0);
        }
        None
    }

    /// Plans an execution in which the candidate comes before `earlier`, unless one is known.
    fn reverse(&mut self, earlier: usize, candidate: &Candidate) {
        let mut sequence: Vec<Planned> = (earlier + 1..self.recorder.trace.len())
            .filter(|&event| event != candidate.at && !self.recorder.trace.happened_before(earlier, event))
            .map(|event| {
                let event = &self.recorder.trace.events()[event];
                Planned { thread: event.thread, touches: event.touches.clone(), choices: Some(event.choices.clone()) }
            })
            .collect();
        sequence.push(Planned { thread: candidate.thread, touches: candidate.published.clone(), choices: None });
        let node = self.recorder.trace.events()[earlier].node;
        let Node::Thread(node) = &mut self.stack[node] else { unreachable!("steps are decided by thread nodes") };
        if !node.tries_all && !node.sleep.iter().any(|sleeper| Self::is_explored(sleeper, &sequence)) {
            insert(&mut node.wakeups, sequence);
        }
    }

    /// Whether what begins with the sequence has been explored where the sleeper went first, or is planned there.
    ///
    /// A sleeper that takes a step in the sequence, and could take it first, has explored it. One that does not, and on which
    /// nothing in the sequence depends, may still come after a later step that depends on its own. That is a race where it
    /// went first, and planned there; but where all are tried no plans are kept, and it must be looked for here.
    fn is_explored(sleeper: &Sleeper, sequence: &[Planned]) -> bool {
        match weak_initial(sleeper.thread, &sleeper.touches, sequence) {
            None => false,
            Some(None) => !sleeper.tried_with_all,
            Some(Some(_)) => true,
        }
    }

    /// After an execution that was given up in the middle its races are not all known: whoever could have taken a step
    /// instead of who did, is to be tried. Sleep sets alone lose nothing.
    fn plan_everything(&mut self) {
        for node in &mut self.stack {
            let Node::Thread(node) = node else { continue };
            let Current::Taken(current) = &node.current else { continue };
            node.tries_all = true;
            for thread in (0..64).filter(|&thread| thread != current.thread && node.enabled & 1 << thread != 0) {
                let is_planned = node.wakeups.iter().any(|wakeup| wakeup.thread == thread)
                    || node.sleep.iter().any(|sleeper| sleeper.thread == thread);
                let next = self.recorder.trace.events()[node.step..].iter().find(|event| event.thread == thread);
                let pending = || self.recorder.pending(thread).map(|pending| &pending.touches);
                if let (false, Some(touches)) = (is_planned, next.map(|event| &event.touches).or_else(pending)) {
                    node.wakeups.push(Wakeup::leaf(thread, touches.clone()));
                }
            }
        }
    }

    /// About which share of all executions has been explored: the share that it would be if the alternatives of each
    /// decision led to equally many executions and none were planned from now on (Knuth 1975).
    fn share_done(&self) -> f64 {
        let (mut done, mut weight) = (0.0, 1.0);
        for node in &self.stack {
            let (explored, left) = match node {
                Node::Thread(node) => (node.explored as usize, node.wakeups.len()),
                Node::Choice(node) => (node.alternatives - 1 - node.left.len(), node.left.len()),
            };
            let share = weight / (explored + 1 + left) as f64;
            done += share * explored as f64;
            weight = share;
        }
        done
    }

    /// Finds the last decision with something left to explore, and makes it. Returns whether there is one.
    fn backtrack(&mut self) -> bool {
        while let Some(node) = self.stack.last_mut() {
            match node {
                Node::Thread(node) => {
                    if !node.wakeups.is_empty() {
                        let next = node.wakeups.remove(0);
                        let explored = std::mem::replace(&mut node.current, Current::Planned(next.thread));
                        if let Current::Taken(explored) = explored {
                            // What it left as it was, it leaves so as long as nothing that it depends on is taken.
                            let event = &self.recorder.trace.events()[node.step];
                            let touches = narrowed(&explored.touches, &event.touches);
                            let tried_with_all = node.tries_all;
                            node.sleep.push(Sleeper { thread: explored.thread, touches, tried_with_all });
                            node.explored += 1;
                        }
                        node.branches = next.branches;
                        let step = node.step;
                        self.recorder.trace.truncate(step);
                        return true;
                    }
                    self.recorder.trace.truncate(node.step);
                }
                Node::Choice(node) => {
                    if let Some(next) = node.left.pop() {
                        node.current = next;
                        let step = node.step;
                        self.recorder.trace.truncate(step);
                        return true;
                    }
                }
            }
            self.stack.pop();
        }
        false
    }
}

/// What a step was about to touch, but only looking at what it turned out only to look at.
fn narrowed(published: &Touches, touches: &Touches) -> Touches {
    let only_looked = |touch: &Touch| {
        touches.iter().filter(|other| other.object == touch.object).all(|other| other.access == Access::Read)
    };
    if !published.iter().any(|touch| touch.access != Access::Read && only_looked(touch)) {
        return published.clone();
    }
    published
        .iter()
        .map(|touch| if only_looked(touch) { Touch { access: Access::Read, ..*touch } } else { *touch })
        .collect()
}

impl Drop for Search {
    fn drop(&mut self) {
        if self.goes_on {
            *self.left.lock().unwrap_or_else(PoisonError::into_inner) = self.frontier();
        }
    }
}

impl Strategy for Search {
    fn begin(&mut self) -> bool {
        // Between executions nothing is half done. One at least is made: what is left of no execution cannot be gone on with.
        // Those of other parts only count pieces, and are soon over.
        let may_stop = self.has_begun && !self.is_foreign;
        if std::mem::replace(&mut self.has_begun, true) {
            self.conclude();
        }
        self.recorder.begin();
        self.is_pruned = false;
        self.is_asleep = false;
        super::PRUNED.set(false);
        self.is_foreign = false;
        self.followed = 0;
        self.goes_on && !(may_stop && super::is_stopped())
    }

    fn next_thread(&mut self, moment: &Moment<'_>) -> Result<Option<usize>, Divergence> {
        if self.is_pruned {
            // It goes on as it likes, to an end that nobody looks at. To stop it in the middle would cost less, and would
            // unwind the program's threads out of places at which no program expects to be unwound.
            return Ok(moment.enabled.first().copied());
        }
        self.recorder.look_around()?;
        let node = self.followed;
        let is_new = node == self.stack.len();
        if is_new && self.recorder.steps() == self.options.split_steps() {
            self.pass_item();
        }
        let decided = match is_new {
            false => self.repeat(moment)?,
            true if self.is_foreign => None,
            true => self.decide(moment),
        };
        let Some(thread) = decided else {
            self.is_pruned = true;
            self.is_asleep = is_new && !self.is_foreign;
            if self.is_asleep {
                self.recorder.give_up();
            }
            super::PRUNED.set(true);
            return Ok(moment.enabled.first().copied());
        };
        self.followed += 1;
        self.recorder.open_step(thread, node);
        Ok(Some(thread))
    }

    fn choose(&mut self, alternatives: usize) -> Result<usize, Divergence> {
        if self.is_pruned {
            return Ok(0);
        }
        let at = self.followed;
        self.followed += 1;
        let chosen = match self.stack.get(at) {
            Some(Node::Choice(node)) if node.alternatives == alternatives => node.current,
            Some(_) => {
                return Err(format!("decision {at}: the program did something else here before than choose"));
            }
            None => {
                let planned = self.last_thread_node().and_then(|node| match &self.stack[node] {
                    Node::Thread(node) => node
                        .branches
                        .iter()
                        .find(|branch| branch.choices.starts_with(self.recorder.choices()))
                        .and_then(|branch| branch.choices.get(self.recorder.choices().len()).copied()),
                    Node::Choice(_) => None,
                });
                let current = planned.filter(|&planned| planned < alternatives).unwrap_or(0);
                let left = (0..alternatives).rev().filter(|&other| other != current).collect();
                let step = self.recorder.steps().saturating_sub(1);
                self.stack.push(Node::Choice(ChoiceNode { step, alternatives, current, left }));
                current
            }
        };
        self.recorder.chose(chosen);
        Ok(chosen)
    }

    fn at_rest(&mut self) {
        if self.is_pruned {
            return;
        }
        self.recorder.rest();
    }

    fn end(&mut self) -> Result<(), Divergence> {
        if !self.is_pruned && self.followed < self.stack.len() {
            return Err(format!("decision {}: the execution ended, and went on before", self.followed));
        }
        Ok(())
    }

    fn is_exhaustive(&self) -> bool {
        true
    }
}
