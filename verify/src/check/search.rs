//! Following the spec: configurations, their steps, and the closure under steps.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use selvedge_model::{Progress, RuleId, Spec, Step, Thread};

use super::rules::Coverage;
use super::{Allowed, Checker};
use crate::history::{Close, Event, EventOf};
use crate::litmus::ThreadIndex;

/// Index of a call in [`Run::calls`].
pub(super) type CallIndex = usize;

/// What the history says became of a call.
#[derive(Clone, Debug)]
pub(super) enum Fate<'h, Ret> {
    /// It returned this value.
    Returns(&'h Ret),
    /// It ended the program.
    Aborts,
    /// It is not known to have returned: it may stand anywhere, and it may have finished.
    Open,
    /// Like open; keeps the answers with which the operation may have finished, for explanations.
    Watched,
    /// It never returns: it has not finished.
    Blocked,
}

/// One call of an operation.
#[derive(Clone, Debug)]
pub(super) struct Call<'h, S: Spec> {
    pub op: Cow<'h, S::Op>,
    pub fate: Fate<'h, S::Ret>,
    /// Without order between threads: the thread's next call, which starts when this one has returned.
    pub next: Option<CallIndex>,
}

/// How an operation may have finished.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Answer<Ret> {
    pub ret: Ret,
    pub rule: RuleId,
}

/// What a thread is doing.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Slot<Phase, Ret> {
    /// It runs no operation.
    Idle,
    /// It runs an operation that stands at this phase.
    Running { call: CallIndex, phase: Phase },
    /// Its operation has finished and not returned. The answer is kept for a watched call only: elsewhere it is known
    /// from the history, or it does not matter.
    Finished(Option<Answer<Ret>>),
}

/// A spec state and what each thread is doing in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Config<State, Phase, Ret> {
    pub state: State,
    pub slots: Vec<Slot<Phase, Ret>>,
}

pub(super) type ConfigOf<S> = Config<<S as Spec>::State, <S as Spec>::Phase, <S as Spec>::Ret>;

/// Whose step it is, and how the call goes on.
type By<S> = (ThreadIndex, CallIndex, Progress<<S as Spec>::Phase, <S as Spec>::Ret>);

/// Phases of calls.
type Standings<S> = FxHashSet<(CallIndex, <S as Spec>::Phase)>;

/// An enabled step, of a thread's operation or of a daemon.
#[derive(Debug)]
pub(super) struct Move<S: Spec> {
    /// The thread, its call and how the call goes on; `None` for a daemon's step.
    pub by: Option<By<S>>,
    pub rule: RuleId,
    pub state: S::State,
}

/// A budget ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Interrupt {
    Steps,
    Configurations,
}

/// What following a history came to.
#[derive(Debug)]
pub(super) enum Tracked {
    /// The spec allows it.
    Fits(Allowed),
    /// It does not: no configuration is left after this event, or (`None`) none is acceptable at the end.
    Fails { at: Option<usize> },
}

/// Configurations that fit, each with the rules of the ways that lead to it.
pub(super) type Fitting<S> = Vec<(Rc<ConfigOf<S>>, Coverage)>;

/// One history being followed.
#[derive(Clone, Debug)]
pub(super) struct Run<'h, S: Spec> {
    pub checker: &'h Checker<S>,
    pub events: &'h [EventOf<S>],
    pub close: Close,
    pub calls: Vec<Call<'h, S>>,
    /// For each thread, its calls in order.
    pub calls_of: Vec<Vec<CallIndex>>,
    pub aborted: Option<ThreadIndex>,
    steps: Cell<u64>,
    configurations_max: Cell<usize>,
    keep_broken: bool,
    /// Phases at which an operation was seen unable to take a step; noted for explanations only.
    stuck: Option<RefCell<Standings<S>>>,
}

impl<'h, S: Spec> Run<'h, S> {
    /// Prepares to follow events in real-time order, up to the first abort.
    pub fn ordered(checker: &'h Checker<S>, events: &'h [EventOf<S>], close: Close) -> Self {
        let abort = events.iter().position(|event| matches!(event, Event::Abort { .. }));
        Run::prepare(checker, &events[..abort.map_or(events.len(), |at| at + 1)], close)
    }

    /// Prepares to follow events of which only the order within each thread counts.
    pub fn unordered(checker: &'h Checker<S>, events: &'h [EventOf<S>], close: Close) -> Self {
        let mut run = Run::prepare(checker, events, close);
        for calls in &run.calls_of {
            for pair in calls.windows(2) {
                run.calls[pair[0]].next = Some(pair[1]);
            }
        }
        run
    }

    /// Prepares to follow calls that nobody made.
    pub fn what_if(checker: &'h Checker<S>, calls: Vec<Call<'h, S>>) -> Self {
        Run { calls, ..Run::prepare(checker, &[], Close::Cut) }
    }

    fn prepare(checker: &'h Checker<S>, events: &'h [EventOf<S>], close: Close) -> Self {
        let threads = events.iter().map(|event| event.thread() + 1).max().unwrap_or(0);
        let mut run = Run {
            checker,
            events,
            close,
            calls: Vec::new(),
            calls_of: vec![Vec::new(); threads],
            aborted: None,
            steps: Cell::new(0),
            configurations_max: Cell::new(1),
            keep_broken: false,
            stuck: None,
        };
        for event in events {
            match event {
                Event::Call { thread, op } => {
                    run.calls_of[*thread].push(run.calls.len());
                    run.calls.push(Call { op: Cow::Borrowed(op), fate: Fate::Open, next: None });
                }
                Event::Return { thread, ret } => run.last_call_mut(*thread).fate = Fate::Returns(ret),
                Event::Abort { thread, .. } => {
                    run.last_call_mut(*thread).fate = Fate::Aborts;
                    run.aborted = run.aborted.or(Some(*thread));
                }
                Event::Read { .. } | Event::Write { .. } => {}
            }
        }
        if close == Close::AtRest && run.aborted.is_none() {
            for call in &mut run.calls {
                if matches!(call.fate, Fate::Open) {
                    call.fate = Fate::Blocked;
                }
            }
        }
        run
    }

    fn last_call_mut(&mut self, thread: ThreadIndex) -> &mut Call<'h, S> {
        let call = *self.calls_of[thread].last().expect("a history in order calls before it returns");
        &mut self.calls[call]
    }

    /// Keeps the answers with which operations that have not returned may have finished, and notes the phases at which
    /// an operation was blocked.
    pub fn watch(&mut self) {
        for call in &mut self.calls {
            if matches!(call.fate, Fate::Open) {
                call.fate = Fate::Watched;
            }
        }
        self.stuck = Some(RefCell::default());
    }

    /// Whether the call was seen blocked at the phase.
    pub fn was_stuck(&self, call: CallIndex, phase: &S::Phase) -> bool {
        self.stuck.as_ref().is_some_and(|stuck| stuck.borrow().contains(&(call, phase.clone())))
    }

    fn note_stuck(&self, config: &ConfigOf<S>, moves: &[Move<S>]) {
        let Some(stuck) = &self.stuck else { return };
        for (thread, slot) in config.slots.iter().enumerate() {
            let moved = || moves.iter().any(|step| matches!(step.by, Some((by, ..)) if by == thread));
            if let Slot::Running { call, phase } = slot
                && !moved()
            {
                stuck.borrow_mut().insert((*call, phase.clone()));
            }
        }
    }

    /// Keeps configurations that break an invariant, for explanations.
    pub fn keep_broken(&mut self) {
        self.keep_broken = true;
    }

    /// Follows all events and judges the end.
    pub fn track(&self) -> Result<Tracked, Interrupt> {
        let mut closure = Closure::default();
        let (fitting, abort) = match self.follow(&mut closure)? {
            Followed::Fitting { fitting, abort } => (fitting, abort),
            Followed::Lost { at, .. } => return Ok(Tracked::Fails { at: Some(at) }),
        };
        if self.close == Close::Cut || abort.is_some() {
            return Ok(self.fits(fitting.iter().map(|(_, coverage)| coverage), abort));
        }
        closure.close(self, fitting, |_| false)?;
        let resting: Vec<_> = closure.nodes.iter().filter(|node| self.obstacles(&node.config).is_empty()).collect();
        if resting.is_empty() {
            return Ok(Tracked::Fails { at: None });
        }
        Ok(self.fits(resting.into_iter().map(|node| &node.coverage), None))
    }

    /// Follows all events.
    pub fn follow(&self, closure: &mut Closure<S>) -> Result<Followed<S>, Interrupt> {
        let initial = Config { state: self.checker.initial.clone(), slots: vec![Slot::Idle; self.calls_of.len()] };
        let mut fitting: Fitting<S> = vec![(Rc::new(initial), Coverage::START)];
        let mut next_call = 0;
        // What fitted since the call was made that aborts.
        let mut since: Vec<Fitting<S>> = Vec::new();
        let dying = self.aborted.and_then(|thread| {
            self.events.iter().rposition(|event| matches!(event, Event::Call { thread: by, .. } if *by == thread))
        });
        for (at, event) in self.events.iter().enumerate() {
            if dying.is_some_and(|call| call < at) && matches!(event, Event::Return { .. } | Event::Abort { .. }) {
                since.push(fitting.clone());
            }
            match event {
                Event::Call { thread, .. } => {
                    for (config, _) in &mut fitting {
                        Rc::make_mut(config).slots[*thread] =
                            Slot::Running { call: next_call, phase: S::Phase::default() };
                    }
                    next_call += 1;
                }
                Event::Return { thread, .. } => {
                    let finished = |config: &ConfigOf<S>| matches!(config.slots[*thread], Slot::Finished(_));
                    closure.close(self, fitting.iter().cloned(), finished)?;
                    // Configurations stay distinct: each loses the same finished operation.
                    let survivors: Fitting<S> = closure
                        .nodes
                        .drain(..)
                        .filter(|node| finished(&node.config))
                        .map(|node| (node.config, node.coverage))
                        .collect();
                    closure.clear();
                    if survivors.is_empty() {
                        let ended = self.abort_among(since, closure)?;
                        return Ok(ended.unwrap_or(Followed::Lost { at, before: fitting }));
                    }
                    fitting = survivors;
                    for (config, _) in &mut fitting {
                        Rc::make_mut(config).slots[*thread] = Slot::Idle;
                    }
                }
                Event::Abort { .. } => {
                    let ended = self.abort_among(since, closure)?;
                    return Ok(ended.unwrap_or(Followed::Lost { at, before: fitting }));
                }
                Event::Read { .. } | Event::Write { .. } => {}
            }
        }
        Ok(Followed::Fitting { fitting, abort: None })
    }

    /// The abort, if it could come to it wherever one of these fits.
    ///
    /// A program that aborts has ended at some instant between the call and the moment at which somebody has noted it. What
    /// the other threads are recorded to have returned in the meantime may have happened before that instant, or after it: then
    /// it does not count. The latest instant is tried first: what is explained by it is explained best.
    fn abort_among(&self, since: Vec<Fitting<S>>, closure: &mut Closure<S>) -> Result<Option<Followed<S>>, Interrupt> {
        for fitting in since.into_iter().rev() {
            closure.close(self, fitting, |_| false)?;
            if let Some((fitting, clause)) = self.abort_in(&closure.nodes) {
                return Ok(Some(Followed::Fitting { fitting, abort: Some(clause) }));
            }
        }
        Ok(None)
    }

    /// The configurations in which the abort of the history is due, and the clause that demands it.
    fn abort_in(&self, nodes: &[Node<S>]) -> Option<(Fitting<S>, &'static str)> {
        let (thread, text) = self.events.iter().find_map(|event| match event {
            Event::Abort { thread, text } => Some((*thread, text.as_str())),
            _ => None,
        })?;
        let mut aborts = Aborts::default();
        let mut fitting = Vec::new();
        for node in nodes {
            if let Some(coverage) = self.abort_of(&node.config, &node.coverage, thread, text, &mut aborts) {
                fitting.push((Rc::clone(&node.config), coverage));
            }
        }
        aborts.clause().map(|clause| (fitting, clause))
    }

    /// Follows each thread's events, in whatever order between the threads, and judges the end.
    pub fn track_unordered(&self) -> Result<Tracked, Interrupt> {
        let mut closure = Closure::default();
        // Under a cut nothing is left to explain once every answer is; under an abort the abort is.
        let stop =
            |config: &ConfigOf<S>| self.close == Close::Cut && self.aborted.is_none() && self.all_answered(config);
        closure.close(self, [(Rc::new(self.unordered_start()), Coverage::START)], stop)?;
        if self.aborted.is_some() {
            // What others returned counts as far as it was before the abort, and nobody knows how far.
            return Ok(match self.abort_in(&closure.nodes) {
                Some((fitting, clause)) => self.fits(fitting.iter().map(|(_, coverage)| coverage), Some(clause)),
                None => Tracked::Fails { at: None },
            });
        }
        let answered = closure.nodes.iter().filter(|node| self.all_answered(&node.config));
        let accepted: Vec<_> =
            answered.filter(|node| self.close == Close::Cut || self.obstacles(&node.config).is_empty()).collect();
        if accepted.is_empty() {
            return Ok(Tracked::Fails { at: None });
        }
        Ok(self.fits(accepted.into_iter().map(|node| &node.coverage), None))
    }

    /// Where an unordered search starts: every thread has called its first operation.
    pub fn unordered_start(&self) -> ConfigOf<S> {
        let first = |calls: &Vec<CallIndex>| self.slot_of(calls.first().copied());
        Config { state: self.checker.initial.clone(), slots: self.calls_of.iter().map(first).collect() }
    }

    /// Whether nothing that returned is still to be explained.
    pub fn all_answered(&self, config: &ConfigOf<S>) -> bool {
        config.slots.iter().all(|slot| match slot {
            Slot::Running { call, .. } => !matches!(self.calls[*call].fate, Fate::Returns(_)),
            Slot::Idle | Slot::Finished(_) => true,
        })
    }

    /// Pushes every enabled step, and counts them.
    pub fn moves(&self, config: &ConfigOf<S>, out: &mut Vec<Move<S>>) {
        let spec = &self.checker.spec;
        let before = out.len();
        let mut steps = Vec::new();
        for (thread, slot) in config.slots.iter().enumerate() {
            let Slot::Running { call, phase } = slot else { continue };
            let seen = match self.calls[*call].fate {
                Fate::Returns(ret) => Some(ret),
                _ => None,
            };
            spec.steps(&config.state, thread_id(thread), &self.calls[*call].op, phase, seen, &mut steps);
            out.extend(steps.drain(..).map(|Step { rule, state, progress }| Move {
                by: Some((thread, *call, progress)),
                rule,
                state,
            }));
        }
        let mut daemons = Vec::new();
        spec.internal(&config.state, &mut daemons);
        out.extend(daemons.into_iter().map(|(rule, state)| Move { by: None, rule, state }));
        self.steps.set(self.steps.get() + 1 + (out.len() - before) as u64);
    }

    /// The configuration after a step, unless the history or an invariant rules it out.
    pub fn apply(&self, config: &ConfigOf<S>, step: Move<S>) -> Option<ConfigOf<S>> {
        let Move { by, rule, state } = step;
        let changed = match by {
            None => None,
            Some((thread, call, Progress::Next(phase))) => Some((thread, Slot::Running { call, phase })),
            Some((thread, call, Progress::Return(ret))) => {
                let Call { fate, next, .. } = &self.calls[call];
                let slot = match fate {
                    Fate::Returns(seen) if **seen != ret => return None,
                    Fate::Returns(_) if next.is_some() => self.slot_of(*next),
                    Fate::Returns(_) | Fate::Open => Slot::Finished(None),
                    Fate::Watched => Slot::Finished(Some(Answer { ret, rule })),
                    Fate::Blocked | Fate::Aborts => return None,
                };
                Some((thread, slot))
            }
            Some((_, _, Progress::Abort { .. })) => return None,
        };
        if !self.keep_broken && !self.checker.spec.invariants(&state).is_empty() {
            return None;
        }
        let mut slots = config.slots.clone();
        if let Some((thread, slot)) = changed {
            slots[thread] = slot;
        }
        Some(Config { state, slots })
    }

    /// The coverage of the ways that end with an abort of the thread here, if there are any.
    fn abort_of(
        &self,
        config: &ConfigOf<S>,
        coverage: &Coverage,
        thread: ThreadIndex,
        text: &str,
        aborts: &mut Aborts,
    ) -> Option<Coverage> {
        let mut moves = Vec::new();
        self.moves(config, &mut moves);
        let mut all: Option<Coverage> = None;
        for step in moves {
            let Some((by, call, Progress::Abort { clause, text: expected })) = step.by else { continue };
            if by != thread || !matches!(self.calls[call].fate, Fate::Aborts) {
                continue;
            }
            aborts.add(clause, expected == text);
            let coverage = coverage.then(step.rule);
            match &mut all {
                Some(all) => {
                    all.merge(&coverage);
                }
                None => all = Some(coverage),
            }
        }
        all
    }

    /// Why the configuration is not at rest; empty if it is.
    pub fn obstacles(&self, config: &ConfigOf<S>) -> Vec<Obstacle<S>> {
        let mut obstacles = Vec::new();
        for (thread, slot) in config.slots.iter().enumerate() {
            if matches!(slot, Slot::Finished(_)) && matches!(self.last_fate(thread), Fate::Open | Fate::Watched) {
                obstacles.push(Obstacle::Return { thread });
            }
        }
        let mut moves = Vec::new();
        self.moves(config, &mut moves);
        for step in moves {
            let rule = selvedge_model::spec::rule::<S>(step.rule);
            if rule.obligation != selvedge_model::Obligation::Must {
                continue;
            }
            let by = step.by.map(|(thread, call, _)| {
                let Slot::Running { phase, .. } = &config.slots[thread] else { unreachable!("it takes a step") };
                (thread, call, phase.clone())
            });
            let known = |one: &Obstacle<S>| matches!(one, Obstacle::Rule { by: other, rule: same } if *other == by && same.name == rule.name);
            if !obstacles.iter().any(known) {
                obstacles.push(Obstacle::Rule { by, rule });
            }
        }
        if obstacles.is_empty() {
            let running: Vec<_> = config
                .slots
                .iter()
                .enumerate()
                .filter_map(|(thread, slot)| match slot {
                    Slot::Running { call, phase } => Some((thread_id(thread), &*self.calls[*call].op, phase)),
                    Slot::Idle | Slot::Finished(_) => None,
                })
                .collect();
            let spec = &self.checker.spec;
            obstacles.extend(spec.at_rest(&config.state, &running).into_iter().map(Obstacle::Broken));
            obstacles.extend(spec.invariants(&config.state).into_iter().map(Obstacle::Broken));
        }
        obstacles
    }

    fn last_fate(&self, thread: ThreadIndex) -> &Fate<'h, S::Ret> {
        let call = self.calls_of[thread].last().expect("a finished operation was called");
        &self.calls[*call].fate
    }

    fn slot_of(&self, call: Option<CallIndex>) -> Slot<S::Phase, S::Ret> {
        call.map_or(Slot::Idle, |call| Slot::Running { call, phase: S::Phase::default() })
    }

    fn fits<'c>(&self, coverages: impl Iterator<Item = &'c Coverage>, aborted: Option<&'static str>) -> Tracked {
        let mut all: Option<Coverage> = None;
        for coverage in coverages {
            match &mut all {
                Some(all) => {
                    all.merge(coverage);
                }
                None => all = Some(*coverage),
            }
        }
        let all = all.unwrap_or(Coverage::START);
        Tracked::Fits(Allowed {
            configurations_max: self.configurations_max.get(),
            steps: self.steps.get(),
            exercised: all.some,
            certain: all.every,
            aborted,
        })
    }
}

/// What following the events came to.
#[derive(Debug)]
pub(super) enum Followed<S: Spec> {
    /// These configurations fit. If the history ends with an abort, the clause that demands it.
    Fitting { fitting: Fitting<S>, abort: Option<&'static str> },
    /// None fits this event; those that fitted before it.
    Lost { at: usize, before: Fitting<S> },
}

/// Why a configuration is not at rest.
#[derive(Clone, Debug)]
pub(super) enum Obstacle<S: Spec> {
    /// A must-rule is enabled, for an operation that stands at a phase or for a daemon.
    Rule { by: Option<(ThreadIndex, CallIndex, S::Phase)>, rule: &'static selvedge_model::Rule },
    /// An operation has finished and has not returned.
    Return { thread: ThreadIndex },
    /// Nothing must move, and a clause is broken if nothing does.
    Broken(selvedge_model::Broken),
}

/// The clauses that demand an abort; the one that fits what was said comes first.
#[derive(Default)]
struct Aborts {
    same_text: Option<&'static str>,
    any: Option<&'static str>,
}

impl Aborts {
    fn add(&mut self, clause: &'static str, same_text: bool) {
        self.any = self.any.or(Some(clause));
        if same_text {
            self.same_text = self.same_text.or(Some(clause));
        }
    }

    fn clause(&self) -> Option<&'static str> {
        self.same_text.or(self.any)
    }
}

/// A step from one node of a closure to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub to: usize,
    pub rule: RuleId,
}

/// A configuration in a closure.
#[derive(Debug)]
pub(super) struct Node<S: Spec> {
    pub config: Rc<ConfigOf<S>>,
    pub coverage: Coverage,
    /// Its steps, once they were computed.
    pub edges: Option<Vec<Edge>>,
    queued: bool,
}

/// All configurations that steps lead to, breadth first.
#[derive(Debug)]
pub(super) struct Closure<S: Spec> {
    pub nodes: Vec<Node<S>>,
    index: FxHashMap<Rc<ConfigOf<S>>, usize>,
    queue: VecDeque<usize>,
}

impl<S: Spec> Default for Closure<S> {
    fn default() -> Self {
        Closure { nodes: Vec::new(), index: FxHashMap::default(), queue: VecDeque::new() }
    }
}

impl<S: Spec> Closure<S> {
    /// Computes the closure of the given configurations. No step is taken from those at which to stop.
    ///
    /// A node is visited again when more is learnt about the ways that lead to it, so that in the end its coverage is
    /// exact; its steps are computed once.
    pub fn close(
        &mut self,
        run: &Run<'_, S>,
        start: impl IntoIterator<Item = (Rc<ConfigOf<S>>, Coverage)>,
        stop: impl Fn(&ConfigOf<S>) -> bool,
    ) -> Result<(), Interrupt> {
        self.clear();
        for (config, coverage) in start {
            let node = self.find_or_add(config, coverage, run)?;
            self.learn(node, &coverage);
        }
        let mut moves = Vec::new();
        while let Some(node) = self.queue.pop_front() {
            self.nodes[node].queued = false;
            if stop(&self.nodes[node].config) {
                continue;
            }
            if self.nodes[node].edges.is_none() {
                self.expand(node, run, &mut moves)?;
            }
            let coverage = self.nodes[node].coverage;
            let edges = self.nodes[node].edges.take().unwrap_or_default();
            for edge in &edges {
                self.learn(edge.to, &coverage.then(edge.rule));
            }
            self.nodes[node].edges = Some(edges);
        }
        Ok(())
    }

    /// Forgets everything but the memory it took.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.index.clear();
        self.queue.clear();
    }

    fn expand(&mut self, node: usize, run: &Run<'_, S>, moves: &mut Vec<Move<S>>) -> Result<(), Interrupt> {
        let config = Rc::clone(&self.nodes[node].config);
        let coverage = self.nodes[node].coverage;
        run.moves(&config, moves);
        if run.steps.get() > run.checker.budget.steps_max {
            return Err(Interrupt::Steps);
        }
        run.note_stuck(&config, moves);
        let mut edges = Vec::with_capacity(moves.len());
        for step in moves.drain(..) {
            let rule = step.rule;
            if let Some(next) = run.apply(&config, step) {
                let to = self.find_or_add(Rc::new(next), coverage.then(rule), run)?;
                edges.push(Edge { to, rule });
            }
        }
        self.nodes[node].edges = Some(edges);
        Ok(())
    }

    fn find_or_add(
        &mut self,
        config: Rc<ConfigOf<S>>,
        coverage: Coverage,
        run: &Run<'_, S>,
    ) -> Result<usize, Interrupt> {
        if let Some(node) = self.index.get(&config) {
            return Ok(*node);
        }
        let node = self.nodes.len();
        self.index.insert(Rc::clone(&config), node);
        self.nodes.push(Node { config, coverage, edges: None, queued: true });
        self.queue.push_back(node);
        run.configurations_max.set(run.configurations_max.get().max(self.nodes.len()));
        if self.nodes.len() > run.checker.budget.configurations_max {
            return Err(Interrupt::Configurations);
        }
        Ok(node)
    }

    fn learn(&mut self, node: usize, coverage: &Coverage) {
        if self.nodes[node].coverage.merge(coverage) && !self.nodes[node].queued {
            self.nodes[node].queued = true;
            self.queue.push_back(node);
        }
    }
}

/// The spec's name for a thread.
pub(super) fn thread_id(thread: ThreadIndex) -> Thread {
    Thread(u8::try_from(thread).expect("a history in order has at most 256 threads"))
}
