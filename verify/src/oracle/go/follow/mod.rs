//! Follows a trace with the spec: a path of its rules on which the trace's events occur in an order that the trace allows.
//!
//! # What is followed
//!
//! The spec itself, [`ProcSpec`], on a state as large as the trace needs: every step is one that [`Spec::steps`] or
//! [`Spec::internal`] offers, and after each the invariants are asked. An event calls for certain rules of certain parties
//! (`events.rs`); what the trace does not show in between, they take as internal steps. So whatever is accepted has a
//! path. What is rejected has none among those that we try, which the trace's neighbours must tell from a real difference.
//!
//! # What is left open
//!
//! No trace shows the run queues, the order of the idle lists, who is spinning, what the monitor remembers, virtual time,
//! which processors owe a safe-point function, which goroutines have been asked to leave and which are locked to their
//! threads. These parts of the state are
//! set, before a step, to whatever lets it happen (`open.rs`): in the words of abstraction, there is a step if there is one
//! for some values of what nobody saw. Clauses about them are not judged here ([`UNJUDGED`]), nor is what must hold when
//! nothing moves any more, for a trace ends anywhere. For the same reason a machine that gets an idle processor is woken by
//! the network poller, who readies a goroutine that does not exist: why it was woken the trace does not say.
//!
//! # The order
//!
//! Events of one stream, one machine, one processor or one goroutine stay as they are. Others may change places, up to
//! [`AHEAD_MAX`] events, where the spec does not allow the order by time: clocks are read before or after what they time.

mod events;
mod locked;
mod open;
mod stands;
mod start;

use std::collections::BTreeMap;
use std::fmt;

use selvedge_model::proc::{Bug, Gid, Mid, Op, Phase, ProcSpec, State, Version};
use selvedge_model::spec::rule;
use selvedge_model::{Progress, RuleId, Spec, Thread};

use super::trace::{Event, Trace, What};

/// Clauses about what no trace shows: what is queued where, who looks for work, what the monitor remembers.
pub const UNJUDGED: &[&str] =
    &["PROC-G05", "PROC-G13", "PROC-I05", "PROC-I09", "PROC-I12", "PROC-L01", "PROC-L02", "PROC-L07", "PROC-Q08"];

/// How many events may be overtaken.
pub const AHEAD_MAX: usize = 48;

/// The thread of the monitor, which is no goroutine.
const MONITOR: u8 = 255;
/// The thread of the network poller.
const POLLER: u8 = 254;

/// What following a trace came to.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Events accepted.
    pub accepted: u64,
    /// How often each rule was taken.
    pub rules: BTreeMap<&'static str, u64>,
    /// How often a goroutine went to the global queue although, in the order followed, a processor was idle.
    pub queued_beside_idle: u64,
    /// Events that were followed before an earlier one.
    pub overtaken: u64,
    /// The first event that the spec does not allow.
    pub rejected: Option<Rejected>,
}

/// An event that the spec does not allow, and its neighbours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its place in the trace's order.
    pub at: usize,
    /// What the spec says: the clause, if one is broken, else what was not possible.
    pub why: Stuck,
    /// It and its neighbours, one a line, the event marked.
    pub neighbours: String,
}

/// Why the spec does not go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// The clause that is broken, or that the event's rules stand for.
    pub clause: &'static str,
    /// In words.
    pub text: String,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.clause, self.text)
    }
}

/// Follows the trace's events, or others in their place.
pub fn follow(trace: &Trace, events: &[Event]) -> Followed {
    follow_with(trace, events, None)
}

/// The same with a mistake planted in the spec, to see whether the trace notices.
pub fn follow_with(trace: &Trace, events: &[Event], bug: Option<Bug>) -> Followed {
    let spec = ProcSpec { version: trace.version(), bug };
    Follower::new(trace, spec, events).run(trace)
}

/// A goroutine that stops the world.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stopper {
    g: Gid,
    m: Mid,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It has said so; when the spec's stop begins is open.
    Begun,
    /// Every processor has halted.
    Stopped,
    /// The world has been started again.
    Started,
}

/// Everything that a step may change.
#[derive(Clone)]
struct Now {
    state: State,
    /// The operation of each thread, by goroutine, then the outside.
    running: Vec<Option<(Op, Phase)>>,
    stopper: Option<Stopper>,
    /// A stopper whose processor was destroyed: what the trace shows of his change to the first, still to come.
    pretends: Option<(Mid, Vec<What>)>,
    /// Somebody has stopped the world since tracing began.
    has_stopped: bool,
    /// Machines that took their old processor out of somebody else's call: the trace will say that it starts.
    takers: Vec<Mid>,
    /// Machines whose goroutine has left a call with a processor: the trace will say that it starts.
    restarts: Vec<Mid>,
    /// How often each was taken.
    rules: Vec<u64>,
    queued_beside_idle: u64,
    /// The last event of each machine that was taken.
    last: Vec<Option<usize>>,
    /// The goroutine that ran on each machine last, if it has not run on another one since.
    left: Vec<Option<Gid>>,
}

struct Follower<'a> {
    spec: ProcSpec,
    events: &'a [Event],
    /// The first event of each machine.
    first_of_machine: BTreeMap<Mid, usize>,
    /// The next event of the same machine, for each event.
    next_of_machine: Vec<Option<usize>>,
    /// The next event of the same processor, for each event.
    next_of_processor: Vec<Option<usize>>,
    /// Where each goroutine is said to start.
    starts: BTreeMap<Gid, Vec<usize>>,
    /// The goroutine that the network poller readies where the trace does not say why a machine was woken.
    phantom: Gid,
    now: Now,
}

type Outcome = Result<(), Stuck>;

fn stuck<T>(clause: &'static str, text: impl Into<String>) -> Result<T, Stuck> {
    Err(Stuck { clause, text: text.into() })
}

impl<'a> Follower<'a> {
    fn new(trace: &Trace, spec: ProcSpec, events: &'a [Event]) -> Self {
        let (mut next_of_machine, mut next_of_processor) = (vec![None; events.len()], vec![None; events.len()]);
        let mut last_of_processor = BTreeMap::new();
        let (mut first_of_machine, mut last) = (BTreeMap::new(), BTreeMap::new());
        let mut starts: BTreeMap<Gid, Vec<usize>> = BTreeMap::new();
        for (index, event) in events.iter().enumerate() {
            if let (What::GoStart, Some(g)) = (event.what, event.g) {
                starts.entry(g).or_default().push(index);
            }
            if let Some(p) = event.p
                && let Some(before) = last_of_processor.insert(p, index)
            {
                next_of_processor[before] = Some(index);
            }
            let Some(m) = event.m else { continue };
            first_of_machine.entry(m).or_insert(index);
            if let Some(before) = last.insert(m, index) {
                next_of_machine[before] = Some(index);
            }
        }
        let state = start::state(&spec, trace);
        let phantom = (state.gs.len() - 1) as Gid;
        let now = Now {
            state,
            running: vec![None; 256],
            stopper: None,
            pretends: None,
            has_stopped: false,
            takers: Vec::new(),
            restarts: Vec::new(),
            rules: vec![0; ProcSpec::rules().len()],
            queued_beside_idle: 0,
            last: vec![None; trace.names.machines()],
            left: vec![None; trace.names.machines()],
        };
        Self { spec, events, first_of_machine, next_of_machine, next_of_processor, starts, phantom, now }
    }

    fn run(mut self, trace: &Trace) -> Followed {
        let mut done = vec![false; self.events.len()];
        let (mut from, mut accepted, mut overtaken) = (0, 0, 0);
        let mut rejected = None;
        while from < self.events.len() {
            if done[from] {
                from += 1;
                continue;
            }
            let window: Vec<usize> = (from..self.events.len()).filter(|index| !done[*index]).take(AHEAD_MAX).collect();
            match self.step_over(&window) {
                Ok(index) => {
                    done[index] = true;
                    accepted += 1;
                    overtaken += u64::from(index != from);
                }
                Err(why) => {
                    rejected = Some(Rejected { at: from, why, neighbours: neighbours(trace, self.events, from) });
                    break;
                }
            }
        }
        let rules = ProcSpec::rules().iter().zip(&self.now.rules);
        Followed {
            accepted,
            rules: rules.filter(|(_, count)| **count > 0).map(|(rule, count)| (rule.name, *count)).collect(),
            queued_beside_idle: self.now.queued_beside_idle,
            overtaken,
            rejected,
        }
    }

    /// The first of the pending events that may come now; or why the very first may not.
    ///
    /// Whoever stops the world begins as late as can be, and what others do until he goes on comes before that. Some of it may need
    /// the stop to have looked at everything: whoever waits for the lock gets it only then.
    fn step_over(&mut self, window: &[usize]) -> Result<usize, Stuck> {
        let stops = self.now.stopper.is_some_and(|stopper| stopper.stage == Stage::Begun);
        if !stops {
            return self.first_of(window, 0..window.len());
        }
        let is_over = |index: &usize| {
            let event = &self.events[*index];
            self.is_stoppers(event) && event.what != What::ProcSteal
        };
        let others = window.iter().position(is_over).unwrap_or(window.len());
        // What needs the stop comes after what the stopper takes.
        let (early, late): (Vec<usize>, _) = (0..others).partition(|place| !self.needs_the_stop(window[*place]));
        let (taken, late): (Vec<usize>, _) =
            late.into_iter().partition(|place| self.is_stoppers(&self.events[window[*place]]));
        let takes_more = !taken.is_empty();
        let order = [early, taken, late].concat();
        if let Ok(index) = self.first_of(window, order.iter().copied()) {
            return Ok(index);
        }
        let all = 0..window.len();
        if takes_more {
            return self.first_of(window, all.clone()).or_else(|why| self.after_the_look(window, all).ok_or(why));
        }
        match self.after_the_look(window, order.into_iter()) {
            Some(index) => Ok(index),
            None => self.first_of(window, all),
        }
    }

    /// The first that may come after the stop has looked at everything, if it has the lock: it takes nothing more then.
    fn after_the_look(&mut self, window: &[usize], places: impl Iterator<Item = usize>) -> Option<usize> {
        let before = self.now.clone();
        if self.now.state.lock.is_some()
            && self.stop_waits().is_ok()
            && let Ok(index) = self.first_of(window, places)
        {
            return Some(index);
        }
        self.now = before;
        None
    }

    /// The first of these places of the window whose event may come now; or why that at its very beginning may not.
    fn first_of(&mut self, window: &[usize], places: impl Iterator<Item = usize>) -> Result<usize, Stuck> {
        let mut first = None;
        for place in places {
            let event = &self.events[window[place]];
            if window[..place].iter().any(|earlier| depends(&self.events[*earlier], event)) {
                continue;
            }
            let before = self.now.clone();
            match self.take(window[place]) {
                Ok(()) => return Ok(window[place]),
                Err(why) => {
                    self.now = before;
                    if place == 0 {
                        first = Some(why);
                    }
                }
            }
        }
        Err(first.unwrap_or_else(|| Stuck { clause: "PROC-W01", text: "no event can come next".to_owned() }))
    }

    /// Whether it is of a machine whose goroutine is about to stop the world.
    fn is_stoppers(&self, event: &Event) -> bool {
        self.now.stopper.is_some_and(|stopper| stopper.stage == Stage::Begun && event.m == Some(stopper.m))
    }

    /// Whether the stop must have begun for it: it is the stopper's, or a machine halts its processor on the way into a call, or
    /// lets go of it for one to which something must happen first for which the stop must have begun.
    fn needs_the_stop(&self, index: usize) -> bool {
        let event = &self.events[index];
        let enters = |m: Mid| {
            let g = self.now.state.ms[usize::from(m)].g;
            let phase = g.and_then(|g| self.now.running[usize::from(g)]);
            matches!(phase, Some((Op::EnterCall, _))) || self.may_read_of_the_stop(phase)
        };
        let halts = matches!(event.what, What::ProcSteal | What::ProcStop) && event.m.is_some_and(enters);
        halts || self.is_stoppers(event) || self.lets_go_for_a_busy_one(index)
    }

    /// Whether a call that lets go of its processor, of which not one step was taken, may be one that reads of the stop: the stop
    /// began after the call did.
    fn may_read_of_the_stop(&self, phase: Option<(Op, Phase)>) -> bool {
        let is_stopping = self.now.stopper.is_some_and(|stopper| stopper.stage == Stage::Begun);
        self.spec.version == Version::Go1_26 && is_stopping && phase == Some((Op::EnterBlock, Phase::Start))
    }

    /// Takes the thread's step by one of these rules, if that is the one that it can take.
    fn thread(&mut self, thread: u8, names: &[&str]) -> Result<&'static str, Stuck> {
        let mut out = Vec::new();
        let Some((op, phase)) = self.now.running[usize::from(thread)] else {
            return stuck("PROC-G04", format!("thread {thread} is in no operation"));
        };
        self.spec.steps(&self.now.state, Thread(thread), &op, &phase, None, &mut out);
        let offered: Vec<&str> = out.iter().map(|step| rule::<ProcSpec>(step.rule).name).collect();
        let Some(index) = offered.iter().position(|name| names.contains(name)) else {
            let clause =
                ProcSpec::rules().iter().find(|rule| names.contains(&rule.name)).map_or("PROC-G04", |rule| rule.clause);
            return stuck(
                clause,
                format!("`{}` is not possible in `{op}` at {phase:?}, only {offered:?}", names.join("` or `")),
            );
        };
        let step = out.swap_remove(index);
        self.now.running[usize::from(thread)] = match step.progress {
            Progress::Next(phase) => Some((op, phase)),
            Progress::Return(_) => None,
            Progress::Abort { clause, text } => return stuck(clause, text),
        };
        self.stepped(step.rule, step.state)
    }

    /// Begins the operation and takes these steps, each by one of the rules of its place.
    fn perform(&mut self, thread: u8, op: Op, rules: &[&[&str]]) -> Outcome {
        self.begin(thread, op)?;
        self.go_on(thread, rules)
    }

    fn begin(&mut self, thread: u8, op: Op) -> Outcome {
        match self.now.running[usize::from(thread)].replace((op, Phase::Start)) {
            None => Ok(()),
            Some((busy, phase)) => {
                stuck("PROC-G04", format!("thread {thread} calls `{op}` within `{busy}` at {phase:?}"))
            }
        }
    }

    fn go_on(&mut self, thread: u8, rules: &[&[&str]]) -> Outcome {
        rules.iter().try_for_each(|names| self.thread(thread, names).map(|_| ()))
    }

    /// Takes the machine's step by this rule.
    fn machine(&mut self, m: Mid, name: &'static str) -> Outcome {
        let mut out = Vec::new();
        self.spec.machine_steps(&self.now.state, m, &mut out);
        let before = &self.now.state.ms[usize::from(m)];
        let moved = out.into_iter().find(|(id, _)| rule::<ProcSpec>(*id).name == name);
        match moved {
            Some((id, state)) => self.stepped(id, state).map(|_| ()),
            None => {
                let clause =
                    ProcSpec::rules().iter().find(|rule| rule.name == name).map_or("PROC-M01", |rule| rule.clause);
                let standing = before.standing;
                stuck(clause, format!("`{name}` is not possible for a machine that {standing:?}, with {:?}", before.p))
            }
        }
    }

    fn stepped(&mut self, id: RuleId, state: State) -> Result<&'static str, Stuck> {
        let name = rule::<ProcSpec>(id).name;
        self.now.state = state;
        self.now.rules[usize::from(id.0)] += 1;
        let broken = self.spec.invariants(&self.now.state);
        match broken.into_iter().find(|broken| !UNJUDGED.contains(&broken.clause)) {
            None => Ok(name),
            Some(broken) => stuck(broken.clause, format!("after `{name}`: {}", broken.text)),
        }
    }

    /// The machine's next event.
    fn next_of(&self, m: Mid) -> Option<&'a Event> {
        let next = match self.now.last[usize::from(m)] {
            Some(last) => self.next_of_machine[last],
            None => self.first_of_machine.get(&m).copied(),
        };
        next.map(|index| &self.events[index])
    }

    /// Where the goroutine is said to start next.
    fn next_start(&self, g: Gid, index: usize) -> Option<usize> {
        let starts = self.starts.get(&g)?;
        starts.get(starts.partition_point(|start| *start <= index)).copied()
    }

    /// The machine's next event after this one, and the next but one.
    fn next_after(&self, index: usize) -> [Option<&'a Event>; 2] {
        let next = self.next_of_machine[index];
        [next, next.and_then(|next| self.next_of_machine[next])].map(|index| index.map(|index| &self.events[index]))
    }
}

/// Whether two events must stay in their order.
fn depends(earlier: &Event, later: &Event) -> bool {
    let same = |one: Option<u8>, other: Option<u8>| one.is_some() && one == other;
    earlier.stream == later.stream || same(earlier.m, later.m) || same(earlier.p, later.p) || same(earlier.g, later.g)
}

fn neighbours(trace: &Trace, events: &[Event], at: usize) -> String {
    let from = at.saturating_sub(6);
    let lines = events.iter().enumerate().skip(from).take(at - from + 5).map(|(index, event)| {
        let mark = if index == at { '>' } else { ' ' };
        format!("{mark} {index} {} {}", event.time, trace.show(event))
    });
    lines.collect::<Vec<_>>().join("\n")
}
