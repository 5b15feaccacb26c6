//! What the spec would have had happen, and where a subject departed from it.
//!
//! Of the ways in which the spec explains a history up to a violation, one is told: the one that takes the fewest steps
//! to where the operation that departed stands, furthest on its own way. Each step keeps the states before and after it,
//! so that a spec can say who was notified, who holds a lock, and so on.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use selvedge_model::{Departure, RuleId, Spec, Story, Taken};

use super::search::{CallIndex, Config, ConfigOf, Obstacle, Run, Slot, thread_id};
use super::{At, Checker};
use crate::history::{Close, Event, HistoryOf};
use crate::litmus::ThreadIndex;

/// With more configurations than this no story is told.
const PLACES_MAX: usize = 50_000;

/// The story of a violation that [`Checker::check`] found in the history; `None` if it would take too long to find.
pub(super) fn story<'c, S: Spec>(
    checker: &'c Checker<S>,
    history: &HistoryOf<S>,
    at: At,
    clause: Option<&'static str>,
) -> Option<Story<'c, S>> {
    let (events, departure) = match at {
        At::Event(at) => {
            let departure = match &history.events[at] {
                Event::Return { thread, ret } => Departure::Returned(thread_id(*thread), ret.clone()),
                Event::Abort { thread, .. } => Departure::Died(thread_id(*thread)),
                Event::Call { .. } | Event::Read { .. } | Event::Write { .. } => return None,
            };
            (&history.events[..at], departure)
        }
        At::End => (&history.events[..], Departure::Stuck),
    };
    let mut run = Run::ordered(checker, events, Close::Cut);
    run.watch();
    let mut map = Map { run: &run, places: Vec::new() };
    let last = map.follow()?;
    let here = match &departure {
        Departure::Returned(thread, _) | Departure::Died(thread) => map.where_stands(&last, usize::from(thread.0)),
        Departure::Stuck => map.where_stuck(&last, clause),
    }?;
    let config = &map.places[here].config;
    let running = config.slots.iter().enumerate().filter_map(|(thread, slot)| match slot {
        Slot::Running { call, phase } => {
            Some((thread_id(thread), run.calls[*call].op.clone().into_owned(), phase.clone()))
        }
        Slot::Idle | Slot::Finished(_) => None,
    });
    Some(Story {
        names: &checker.names,
        steps: map.way_to(here),
        state: config.state.clone(),
        running: running.collect(),
        departure,
    })
}

/// A configuration and the step that led there.
struct Place<S: Spec> {
    config: ConfigOf<S>,
    from: Option<usize>,
    /// Whose step and of which call (`None` for a daemon's), and its rule. No step where a call or a return led here.
    step: Option<(Option<(ThreadIndex, CallIndex)>, RuleId)>,
}

/// The configurations that fit a history, with the ways there.
struct Map<'r, 'h, S: Spec> {
    run: &'r Run<'h, S>,
    places: Vec<Place<S>>,
}

impl<S: Spec> Map<'_, '_, S> {
    /// Follows all events. Returns the places that fit, with all that steps lead to from there, those that take the
    /// fewest steps first.
    fn follow(&mut self) -> Option<Vec<usize>> {
        let run = self.run;
        let slots = vec![Slot::Idle; run.calls_of.len()];
        self.places.push(Place {
            config: Config { state: run.checker.initial.clone(), slots },
            from: None,
            step: None,
        });
        let mut fitting = vec![0];
        let mut next_call = 0;
        for event in run.events {
            match event {
                Event::Call { thread, .. } => {
                    let slot = Slot::Running { call: next_call, phase: S::Phase::default() };
                    fitting = self.with_slot(fitting, *thread, &slot);
                    next_call += 1;
                }
                Event::Return { thread, .. } => {
                    let finished = |config: &ConfigOf<S>| matches!(config.slots[*thread], Slot::Finished(_));
                    let mut reached = self.close(&fitting, finished)?;
                    reached.retain(|place| finished(&self.places[*place].config));
                    fitting = self.with_slot(reached, *thread, &Slot::Idle);
                }
                // Nothing that follows an abort can depart from the spec.
                Event::Abort { .. } => return None,
                Event::Read { .. } | Event::Write { .. } => {}
            }
        }
        self.close(&fitting, |_| false)
    }

    fn with_slot(&mut self, places: Vec<usize>, thread: ThreadIndex, slot: &Slot<S::Phase, S::Ret>) -> Vec<usize> {
        let changed = places.into_iter().map(|from| {
            let mut config = self.places[from].config.clone();
            config.slots[thread] = slot.clone();
            self.places.push(Place { config, from: Some(from), step: None });
            self.places.len() - 1
        });
        changed.collect()
    }

    fn close(&mut self, start: &[usize], stop: impl Fn(&ConfigOf<S>) -> bool) -> Option<Vec<usize>> {
        let mut known: FxHashMap<ConfigOf<S>, usize> = FxHashMap::default();
        let mut reached = Vec::new();
        let mut unfinished = VecDeque::new();
        for place in start {
            if known.insert(self.places[*place].config.clone(), *place).is_none() {
                reached.push(*place);
                unfinished.push_back(*place);
            }
        }
        let mut moves = Vec::new();
        while let Some(from) = unfinished.pop_front() {
            let config = self.places[from].config.clone();
            if stop(&config) {
                continue;
            }
            self.run.moves(&config, &mut moves);
            for step in moves.drain(..) {
                let taken = (step.by.as_ref().map(|(thread, call, _)| (*thread, *call)), step.rule);
                let Some(next) = self.run.apply(&config, step) else { continue };
                if known.contains_key(&next) {
                    continue;
                }
                let place = self.places.len();
                if place >= PLACES_MAX {
                    return None;
                }
                known.insert(next.clone(), place);
                self.places.push(Place { config: next, from: Some(from), step: Some(taken) });
                reached.push(place);
                unfinished.push_back(place);
            }
        }
        Some(reached)
    }

    /// Where the thread's operation has not finished, is as far as it can get, and as little else as possible has happened.
    fn where_stands(&self, reached: &[usize], thread: ThreadIndex) -> Option<usize> {
        let running = |place: &usize| match &self.places[*place].config.slots[thread] {
            Slot::Running { call, .. } => Some(*call),
            Slot::Idle | Slot::Finished(_) => None,
        };
        let own_steps = |place: &usize| {
            let call = running(place).or_else(|| self.run.calls_of[thread].last().copied());
            self.way_back(*place)
                .filter(|at| matches!(self.places[*at].step, Some((Some((_, of)), _)) if Some(of) == call))
                .count()
        };
        let unfinished: Vec<usize> = reached.iter().copied().filter(|place| running(place).is_some()).collect();
        let candidates = if unfinished.is_empty() { reached } else { &unfinished };
        // The first of the furthest.
        candidates.iter().rev().copied().max_by_key(own_steps)
    }

    /// Where the clause is broken if nothing moves any more, and as little else as possible would have to move.
    fn where_stuck(&self, reached: &[usize], clause: Option<&'static str>) -> Option<usize> {
        let candidates = reached.iter().filter_map(|place| {
            let obstacles = self.run.obstacles(&self.places[*place].config);
            let is_blamed = |one: &Obstacle<S>| match one {
                Obstacle::Rule { rule, .. } => Some(rule.clause) == clause,
                Obstacle::Broken(broken) => Some(broken.clause) == clause,
                Obstacle::Return { .. } => clause.is_none(),
            };
            obstacles.iter().any(is_blamed).then_some((obstacles.len(), *place))
        });
        candidates.min().map(|(_, place)| place)
    }

    fn way_back(&self, place: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(place), |at| self.places[*at].from)
    }

    fn way_to(&self, place: usize) -> Vec<Taken<S>> {
        let taken = self.way_back(place).filter_map(|at| {
            let Place { config, from, step } = &self.places[at];
            let (by, rule) = step.as_ref()?;
            let before = self.places[(*from)?].config.state.clone();
            let by = by.map(|(thread, call)| (thread_id(thread), self.run.calls[call].op.clone().into_owned()));
            Some(Taken { by, rule: *rule, before, after: config.state.clone() })
        });
        let mut steps: Vec<_> = taken.collect();
        steps.reverse();
        steps
    }
}
