//! Saying what is wrong with a history that the spec does not allow.
//!
//! Nothing here decides a verdict: the search has done that. An explanation that runs out of budget says less.

use std::borrow::Cow;
use std::rc::Rc;

use selvedge_model::spec::{clause, rule};
use selvedge_model::{Freedom, Progress, Rule, Spec};

use super::rules::Coverage;
use super::search::{
    Answer, Call, CallIndex, Closure, ConfigOf, Fate, Fitting, Followed, Interrupt, Node, Obstacle, Run, Slot,
};
use super::{At, Budget, Checker, Violation};
use crate::history::{Close, Event, EventOf};
use crate::litmus::ThreadIndex;

/// How far to look for the call that an operation was waiting for.
const MISSING_CALLS_MAX: usize = 3;
const MISSING_BUDGET: Budget = Budget { steps_max: 20_000, configurations_max: 5_000 };
/// With fewer threads than this, the missing call may be one that another thread would make. A spec may have room for a
/// limited number of threads only.
const THREADS_WITH_A_STRANGER_MAX: usize = 8;

/// Explains a history whose last event fits nothing.
pub(super) fn event<S: Spec>(checker: &Checker<S>, events: &[EventOf<S>]) -> Violation {
    let Some((last, before)) = events.split_last() else { unreachable!("the history of nothing is always allowed") };
    let answer = Unexplained::of(last);
    let at = At::Event(before.len());
    let mut run = Run::ordered(checker, before, Close::Cut);
    run.watch();
    let start = followed(&run);
    if let Some(violation) = broken_invariant(&run, &answer, at) {
        return violation;
    }
    answer.explain(&run, start, at, "")
}

/// Explains a history whose events are fine but whose end is not at rest.
pub(super) fn unrest<S: Spec>(checker: &Checker<S>, events: &[EventOf<S>]) -> Violation {
    let mut run = Run::ordered(checker, events, Close::Cut);
    run.watch();
    let start = followed(&run);
    let mut closure = Closure::default();
    let _ = closure.close(&run, start, |_| false);
    restless(&run, closure.nodes.iter())
}

/// Explains answers that no interleaving gives.
pub(super) fn unordered_answers<S: Spec>(checker: &Checker<S>, events: &[EventOf<S>]) -> Violation {
    let mut run = Run::unordered(checker, events, Close::Cut);
    run.watch();
    let mut closure = Closure::default();
    let _ = closure.close(&run, [(Rc::new(run.unordered_start()), Coverage::START)], |_| false);
    let explained = |node: &Node<S>| -> usize {
        let done = |(thread, slot): (ThreadIndex, &Slot<S::Phase, S::Ret>)| match slot {
            Slot::Running { call, .. } => run.calls_of[thread].iter().take_while(|other| *other != call).count(),
            Slot::Idle | Slot::Finished(_) => run.calls_of[thread].len(),
        };
        node.config.slots.iter().enumerate().map(done).sum()
    };
    // The first of the furthest: breadth first, so it takes the fewest steps.
    let furthest = closure.nodes.iter().rev().max_by_key(|node| explained(node)).expect("the start is a node");
    let config = Rc::clone(&furthest.config);
    let pending: Vec<_> = config
        .slots
        .iter()
        .enumerate()
        .filter_map(|(thread, slot)| match slot {
            Slot::Running { call, .. } => match run.calls[*call].fate {
                Fate::Returns(ret) => {
                    Some((*call, Unexplained { thread, call: Some(*call), ret: Some(ret), died: None }))
                }
                Fate::Aborts => {
                    Some((*call, Unexplained { thread, call: Some(*call), ret: None, died: said(events, thread) }))
                }
                _ => None,
            },
            Slot::Idle | Slot::Finished(_) => None,
        })
        .collect();
    let mut there = run.clone();
    for (call, _) in &pending {
        there.calls[*call].fate = Fate::Watched;
    }
    let lead = "no order of the threads' operations gives these answers: where they can be followed furthest, ";
    let mut explained = pending.into_iter().map(|(_, answer)| {
        let start = vec![(Rc::clone(&config), Coverage::START)];
        answer.explain(&there, start, At::End, lead)
    });
    let first = explained.next().expect("an answer is unexplained, or the search would have accepted");
    if first.clause.is_some() { first } else { explained.find(|other| other.clause.is_some()).unwrap_or(first) }
}

/// Explains answers that some interleaving gives, but none that ends at rest.
pub(super) fn unordered_unrest<S: Spec>(checker: &Checker<S>, events: &[EventOf<S>]) -> Violation {
    let mut run = Run::unordered(checker, events, Close::Cut);
    run.watch();
    let mut closure = Closure::default();
    let _ = closure.close(&run, [(Rc::new(run.unordered_start()), Coverage::START)], |_| false);
    restless(&run, closure.nodes.iter().filter(|node| run.all_answered(&node.config)))
}

fn followed<S: Spec>(run: &Run<'_, S>) -> Fitting<S> {
    match run.follow(&mut Closure::default()) {
        Ok(Followed::Fitting { fitting, .. }) => fitting,
        Ok(Followed::Lost { before, .. }) => before,
        Err(_) => Vec::new(),
    }
}

fn said<Op, Ret>(events: &[Event<Op, Ret>], thread: ThreadIndex) -> Option<&str> {
    events.iter().find_map(|event| match event {
        Event::Abort { thread: by, text } if *by == thread => Some(text.as_str()),
        _ => None,
    })
}

/// How an operation ended, which nothing explains.
struct Unexplained<'h, Ret> {
    thread: ThreadIndex,
    /// Its call, if it is not the thread's last.
    call: Option<CallIndex>,
    /// What it returned, if it returned.
    ret: Option<&'h Ret>,
    /// What it said when it died, if it died.
    died: Option<&'h str>,
}

impl<'h, Ret: Clone + Eq + std::fmt::Display> Unexplained<'h, Ret> {
    fn of<Op>(event: &'h Event<Op, Ret>) -> Self {
        let thread = event.thread();
        match event {
            Event::Return { ret, .. } => Unexplained { thread, call: None, ret: Some(ret), died: None },
            Event::Abort { text, .. } => Unexplained { thread, call: None, ret: None, died: Some(text) },
            Event::Call { .. } | Event::Read { .. } | Event::Write { .. } => {
                unreachable!("such an event excludes no configuration")
            }
        }
    }

    /// Explains it, given what fitted before it.
    fn explain<S: Spec<Ret = Ret>>(&self, run: &Run<'_, S>, start: Fitting<S>, at: At, lead: &str) -> Violation {
        let mut closure = Closure::default();
        let _ = closure.close(run, start, |_| false);
        let possible = possible(run, &closure.nodes);
        let mine: Vec<&Possible<Ret>> = possible.iter().filter(|possible| possible.thread == self.thread).collect();
        let seen = self.seen(run);
        let (broken, because): (Option<&'static str>, String) = if self.never_answers(run) {
            (None, "which it never does".to_owned())
        } else if let Some(first) = mine.first() {
            let id = first.clause::<S>();
            match &first.end {
                End::Return(_) => (Some(id), format!("against {}", quoted::<S>(id))),
                End::Abort { .. } => (Some(id), format!("but it must end the program ({})", quoted::<S>(id))),
            }
        } else if let Some((rule, calls)) = missing(run, &closure.nodes, self) {
            let would = match calls.is_empty() {
                true => "it has still to go on by".to_owned(),
                false => format!("it would take {} to enable", calls.join(" and ")),
            };
            (Some(rule.clause), format!("but {would} {} ({})", rule.name, quoted::<S>(rule.clause)))
        } else {
            (None, "and no step of the spec leads there".to_owned())
        };
        let mut allowed: Vec<String> = Vec::new();
        let listed = if mine.is_empty() { possible.iter().collect() } else { mine };
        for text in listed.iter().map(|possible| possible.text(run)) {
            if !allowed.contains(&text) {
                allowed.push(text);
            }
        }
        let sentence = format!("{lead}{seen}, {because}; the spec allowed: {}", instead(&allowed));
        Violation { at, clause: broken, sentence, allowed, seen }
    }

    /// Whether such an operation returns no such value anywhere: no clause is broken by that, whoever recorded it was wrong.
    fn never_answers<S: Spec<Ret = Ret>>(&self, run: &Run<'_, S>) -> bool {
        let call = self.call.or_else(|| run.calls_of.get(self.thread)?.last().copied());
        matches!((self.ret, call), (Some(ret), Some(call)) if !run.checker.spec.answers(&run.calls[call].op, ret))
    }

    fn seen<S: Spec<Ret = Ret>>(&self, run: &Run<'_, S>) -> String {
        let operation = operation(run, self.thread, self.call);
        match (self.ret, self.died) {
            (Some(ret), _) => format!("{operation} returned {ret}"),
            (None, Some(text)) => format!("{operation} ended the program with \"{text}\""),
            (None, None) => format!("{operation} ended the program"),
        }
    }
}

/// The violation, blamed on what the spec withholds, if the history fits where one freedom more is given. Who is woken out of
/// turn looks like somebody woken without reason, and only that tells them apart.
pub(super) fn withheld<S: Spec>(
    checker: &Checker<S>,
    violation: Violation,
    fits: impl Fn(&Checker<S>) -> Result<bool, Interrupt>,
) -> Violation {
    let set: Vec<(String, String)> =
        checker.spec.configuration().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let gives = |freedom: &Freedom| {
        let mut freer = set.clone();
        let Some((_, value)) = freer.iter_mut().find(|(name, _)| name == freedom.parameter) else { return false };
        if value == freedom.value {
            return false;
        }
        freedom.value.clone_into(value);
        let Ok(spec) = S::configure(&freer) else { return false };
        fits(&Checker { spec, ..checker.clone() }).unwrap_or(false)
    };
    let mut withheld = S::freedoms().iter().filter_map(|freedom| Some((freedom, freedom.withheld_by?)));
    let Some((freedom, clause)) = withheld.find(|(freedom, _)| gives(freedom)) else { return violation };
    let Violation { at, sentence, allowed, seen, .. } = violation;
    let lead = sentence.split_once(&seen).map_or("", |(lead, _)| lead);
    let sentence = format!(
        "{lead}{seen}, which is so only where {} ({}); the spec allowed: {}",
        freedom.text,
        quoted::<S>(clause),
        instead(&allowed)
    );
    Violation { at, clause: Some(clause), sentence, allowed, seen }
}

fn instead(allowed: &[String]) -> String {
    match allowed {
        [] => "nothing, every running operation is blocked".to_owned(),
        _ => allowed.join(" or "),
    }
}

/// The history would be allowed if invariants did not count: names the one that is broken.
fn broken_invariant<S: Spec>(run: &Run<'_, S>, answer: &Unexplained<'_, S::Ret>, at: At) -> Option<Violation> {
    let mut lax = run.clone();
    lax.keep_broken();
    let mut closure = Closure::default();
    closure.close(&lax, followed(&lax), |_| false).ok()?;
    let explains = |node: &&Node<S>| match &node.config.slots[answer.thread] {
        Slot::Finished(Some(Answer { ret, .. })) => Some(ret) == answer.ret,
        _ => false,
    };
    let mut explaining = closure.nodes.iter().filter(explains);
    let spec = &run.checker.spec;
    let broken = explaining.find_map(|node| spec.invariants(&node.config.state).into_iter().next())?;
    let seen = answer.seen(run);
    let sentence = format!("{seen}, which needs a state that breaks {}: {}", broken.clause, bare(&broken.text));
    Some(Violation { at, clause: Some(broken.clause), sentence, allowed: Vec::new(), seen })
}

/// A way in which a running operation can end.
struct Possible<Ret> {
    thread: ThreadIndex,
    call: Option<usize>,
    end: End<Ret>,
}

enum End<Ret> {
    Return(Answer<Ret>),
    Abort { clause: &'static str, text: String },
}

impl<Ret: std::fmt::Display> Possible<Ret> {
    fn clause<S: Spec>(&self) -> &'static str {
        match &self.end {
            End::Return(answer) => rule::<S>(answer.rule).clause,
            End::Abort { clause, .. } => clause,
        }
    }

    fn text<S: Spec<Ret = Ret>>(&self, run: &Run<'_, S>) -> String {
        let operation = operation(run, self.thread, self.call);
        match &self.end {
            End::Return(answer) => format!("{operation} to return {}", answer.ret),
            End::Abort { clause, text } => format!("{operation} to end the program with \"{text}\" ({clause})"),
        }
    }
}

/// How the running operations can end, in the order in which steps lead there.
fn possible<S: Spec>(run: &Run<'_, S>, nodes: &[Node<S>]) -> Vec<Possible<S::Ret>> {
    let mut possible = Vec::new();
    let mut moves = Vec::new();
    for node in nodes {
        for (thread, slot) in node.config.slots.iter().enumerate() {
            if let Slot::Finished(Some(answer)) = slot {
                possible.push(Possible { thread, call: None, end: End::Return(answer.clone()) });
            }
        }
        run.moves(&node.config, &mut moves);
        for step in moves.drain(..) {
            if let Some((thread, call, Progress::Abort { clause, text })) = step.by {
                possible.push(Possible { thread, call: Some(call), end: End::Abort { clause, text } });
            }
        }
    }
    possible
}

/// The rule that a blocked operation was waiting for, and the calls that would have enabled it: preferably so that it
/// ends as it was seen to.
fn missing<S: Spec>(
    run: &Run<'_, S>,
    nodes: &[Node<S>],
    answer: &Unexplained<'_, S::Ret>,
) -> Option<(&'static Rule, Vec<String>)> {
    let thread = answer.thread;
    let stuck = |node: &&Node<S>| match &node.config.slots[thread] {
        Slot::Running { call, phase } => run.was_stuck(*call, phase),
        Slot::Idle | Slot::Finished(_) => false,
    };
    // Breadth first: the last one is furthest on its way.
    let blocked = &nodes.iter().rev().find(stuck)?.config;
    let mut done: Vec<Vec<S::Op>> = run
        .calls_of
        .iter()
        .map(|calls| calls.iter().map(|call| run.calls[*call].op.clone().into_owned()).collect())
        .collect();
    let mut from = ConfigOf::<S>::clone(blocked);
    if from.slots.len() < THREADS_WITH_A_STRANGER_MAX {
        from.slots.push(Slot::Idle);
        done.push(Vec::new());
    }
    let Slot::Running { call, .. } = from.slots[thread] else { unreachable!("it is blocked") };
    let checker = run.checker.clone().budget(MISSING_BUDGET);
    [true, false].into_iter().find_map(|as_seen| {
        let mut calls = run.calls.clone();
        calls[call].fate = match answer.ret {
            Some(ret) if as_seen => Fate::Returns(ret),
            _ => Fate::Open,
        };
        let run = Run::what_if(&checker, calls);
        let mut what_if = WhatIf { run, thread, done: done.clone(), as_seen };
        (0..=MISSING_CALLS_MAX).find_map(|calls_max| what_if.called(&from, calls_max))
    })
}

/// Looks for calls that would let a blocked operation go on.
struct WhatIf<'h, S: Spec> {
    run: Run<'h, S>,
    /// The thread whose operation is blocked.
    thread: ThreadIndex,
    /// What each thread has called.
    done: Vec<Vec<S::Op>>,
    /// Whether the operation must then finish as it was seen to.
    as_seen: bool,
}

impl<S: Spec> WhatIf<'_, S> {
    /// The rule by which the operation goes on, and the calls, at most so many.
    fn called(&mut self, from: &ConfigOf<S>, calls_max: usize) -> Option<(&'static Rule, Vec<String>)> {
        let mut closure = Closure::default();
        closure.close(&self.run, [(Rc::new(from.clone()), Coverage::START)], |_| false).ok()?;
        let thread = self.thread;
        let still_blocked = closure.nodes.iter().filter(|node| node.config.slots[thread] == from.slots[thread]);
        if let Some(rule) = still_blocked.clone().find_map(|node| self.goes_on(&node.config)) {
            return Some((rule, Vec::new()));
        }
        if calls_max == 0 {
            return None;
        }
        for node in still_blocked {
            for caller in 0..node.config.slots.len() {
                if matches!(node.config.slots[caller], Slot::Running { .. }) {
                    continue;
                }
                for op in self.run.checker.spec.next_ops(&self.done[caller]) {
                    let mut config = ConfigOf::<S>::clone(&node.config);
                    config.slots[caller] = Slot::Running { call: self.run.calls.len(), phase: S::Phase::default() };
                    self.run.calls.push(Call { op: Cow::Owned(op.clone()), fate: Fate::Open, next: None });
                    self.done[caller].push(op);
                    let found = self.called(&config, calls_max - 1);
                    self.run.calls.pop();
                    let op = self.done[caller].pop().expect("pushed above");
                    if let Some((rule, mut calls)) = found {
                        calls.insert(0, format!("`{op}`"));
                        return Some((rule, calls));
                    }
                }
            }
        }
        None
    }

    /// The rule by which the operation goes on here, if it can.
    fn goes_on(&self, config: &ConfigOf<S>) -> Option<&'static Rule> {
        let mut moves = Vec::new();
        self.run.moves(config, &mut moves);
        moves.into_iter().filter(|step| matches!(step.by, Some((by, ..)) if by == self.thread)).find_map(|step| {
            let rule = rule::<S>(step.rule);
            if !self.as_seen {
                return Some(rule);
            }
            let after = self.run.apply(config, step)?;
            let finished = |config: &ConfigOf<S>| matches!(config.slots[self.thread], Slot::Finished(_));
            let mut closure = Closure::default();
            closure.close(&self.run, [(Rc::new(after), Coverage::START)], finished).ok()?;
            closure.nodes.iter().any(|node| finished(&node.config)).then_some(rule)
        })
    }
}

/// Explains why none of the configurations is at rest.
fn restless<'n, S: Spec>(run: &Run<'_, S>, nodes: impl Iterator<Item = &'n Node<S>>) -> Violation {
    let restless: Vec<Vec<Obstacle<S>>> = nodes.map(|node| run.obstacles(&node.config)).collect();
    // In order of how much it says: nothing must move and yet a clause is broken; an operation that was blocked is so no
    // longer; the fewest things left to do.
    let late = restless.iter().find(|all| all.iter().all(|one| matches!(one, Obstacle::Broken(_))));
    let unblocked = |one: &Obstacle<S>| match one {
        Obstacle::Rule { by: Some((_, call, phase)), .. } => run.was_stuck(*call, phase),
        _ => false,
    };
    let lost = || {
        let all = restless.iter().find(|all| all.iter().any(unblocked))?;
        let mut all = all.clone();
        all.sort_by_key(|one| !unblocked(one));
        Some(all)
    };
    let least = || restless.iter().min_by_key(|all| all.len()).cloned().unwrap_or_default();
    let obstacles = late.cloned().or_else(lost).unwrap_or_else(least);
    let running: Vec<String> = (0..run.calls_of.len())
        .filter(|thread| {
            let last = run.calls_of[*thread].last();
            last.is_some_and(|call| matches!(run.calls[*call].fate, Fate::Watched | Fate::Open))
        })
        .map(|thread| operation(run, thread, None))
        .collect();
    let seen = if running.is_empty() {
        "nothing moved any more".to_owned()
    } else {
        format!("nothing moved any more, with {} blocked", running.join(" and "))
    };
    let allowed: Vec<String> = obstacles
        .iter()
        .map(|obstacle| match obstacle {
            Obstacle::Rule { by: Some((thread, call, _)), rule } => {
                format!("{} to go on by {}", operation(run, *thread, Some(*call)), rule.name)
            }
            Obstacle::Rule { by: None, rule } => format!("the daemon's step {}", rule.name),
            Obstacle::Return { thread } => format!("{} to return", operation(run, *thread, None)),
            Obstacle::Broken(broken) => format!("more to happen ({})", broken.clause),
        })
        .collect();
    let (clause, sentence) = match obstacles.first() {
        Some(Obstacle::Rule { by: Some((thread, call, _)), rule }) => (
            Some(rule.clause),
            format!(
                "nothing can move, yet {} must go on by {} ({})",
                operation(run, *thread, Some(*call)),
                rule.name,
                quoted::<S>(rule.clause)
            ),
        ),
        Some(Obstacle::Rule { by: None, rule }) => (
            Some(rule.clause),
            format!(
                "nothing can move, yet the daemon's step {} must be taken ({})",
                rule.name,
                quoted::<S>(rule.clause)
            ),
        ),
        Some(Obstacle::Return { thread }) => {
            (None, format!("nothing can move, yet {} is done and must return", operation(run, *thread, None)))
        }
        Some(Obstacle::Broken(broken)) => (
            Some(broken.clause),
            format!("nothing can move any more, against {}: {}", broken.clause, bare(&broken.text)),
        ),
        None => (None, "nothing can move any more, and the spec is at rest nowhere".to_owned()),
    };
    Violation { at: At::End, clause, sentence, allowed, seen }
}

/// ``T1's `wait` ``: a call, by default the thread's last.
fn operation<S: Spec>(run: &Run<'_, S>, thread: ThreadIndex, call: Option<usize>) -> String {
    let name = run.checker.thread_name(thread);
    match call.or_else(|| run.calls_of.get(thread)?.last().copied()) {
        Some(call) => format!("{name}'s `{}`", run.calls[call].op),
        None => name,
    }
}

/// The clause's id and text.
pub(crate) fn quoted<S: Spec>(id: &'static str) -> String {
    match clause::<S>(id) {
        Some(clause) => format!("{id}: {}", bare(clause.text)),
        None => id.to_owned(),
    }
}

fn bare(sentence: &str) -> &str {
    sentence.strip_suffix('.').unwrap_or(sentence)
}
