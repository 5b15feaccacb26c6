//! The reference subject: any spec, executed rule by rule.
//!
//! It takes one enabled step of the spec at a time, each as one visible step of the platform, and leaves every choice
//! to the engine. By construction it can reach exactly what the spec allows. What an engine reaches on it is therefore
//! the engine's own reach: outcomes that the spec allows and that never show up here are the engine's gap, not the
//! subject's virtue.

use selvedge::platform::{Platform, Region};
use selvedge_model::{Obligation, Progress, Spec, StepOf, Thread, spec};

use super::{Stop, Subject};
use crate::litmus::Observed;

/// Spec `S` itself as a subject on platform `P`.
pub struct Reference<S: Spec, P: Platform> {
    spec: S,
    shared: P::Region<Shared<S>>,
}

struct Shared<S: Spec> {
    state: S::State,
    /// Counts the steps taken, so that a thread that declined every may-step looks again only after a change.
    version: u64,
    /// A thread is choosing among several steps. Making a choice may itself be visible to the engine, so it happens
    /// outside the region, and nobody else moves meanwhile: look, choose and step are one step of the spec.
    choosing: bool,
}

/// What a thread found when it could move.
enum Turn<S: Spec> {
    /// It moved.
    Moved(Move<S>),
    /// There are that many ways to go on.
    Choose(usize),
}

/// Something, and whether its step is ordered with the others that are: see [`Spec::orders`].
type Ordered<T> = (T, bool);

/// What a thread did.
enum Move<S: Spec> {
    Took(Progress<S::Phase, S::Ret>),
    /// A daemon's step, taken by whoever was next.
    Helped,
    /// Only may-steps were enabled and the thread took none of them.
    Declined {
        version: u64,
    },
}

impl<S: Spec, P: Platform> Subject<S> for Reference<S, P> {
    type Platform = P;
    type Local<'a> = ();
    const CHOOSES: bool = true;

    fn create(spec: &S, initial: &[(String, i64)]) -> Result<Self, String> {
        let state = spec.initial(initial).map_err(|unknown| unknown.message)?;
        Ok(Reference { spec: spec.clone(), shared: Region::new(Shared { state, version: 0, choosing: false }) })
    }

    fn perform(&self, thread: Thread, _: &mut (), op: &S::Op) -> Result<S::Ret, Stop> {
        let mut phase = S::Phase::default();
        let mut declined = None;
        loop {
            let turn = self.shared.when_ordered(
                |shared| !shared.choosing && self.is_ready(shared, thread, op, &phase, declined),
                |shared| self.turn(shared, thread, op, &phase),
            );
            let moved = match turn {
                Turn::Moved(moved) => moved,
                Turn::Choose(alternatives) => {
                    let choice = P::choose(alternatives);
                    let go_on = |shared: &mut Shared<S>| {
                        shared.choosing = false;
                        self.take(shared, thread, op, &phase, choice)
                    };
                    self.shared.when_ordered(|_| true, go_on)
                }
            };
            declined = None;
            match moved {
                Move::Took(Progress::Next(next)) => phase = next,
                Move::Took(Progress::Return(ret)) => return Ok(ret),
                Move::Took(Progress::Abort { text, .. }) => return Err(Stop::Abort(text)),
                Move::Helped => {}
                Move::Declined { version } => declined = Some(version),
            }
        }
    }

    fn observe(&self) -> Observed {
        self.shared.with(|shared| {
            self.settle(shared);
            S::observables()
                .iter()
                .filter_map(|name| Some((name.to_string(), self.spec.observe(&shared.state, name)?)))
                .collect()
        })
    }
}

impl<S: Spec, P: Platform> Reference<S, P> {
    fn is_ready(
        &self,
        shared: &Shared<S>,
        thread: Thread,
        op: &S::Op,
        phase: &S::Phase,
        declined: Option<u64>,
    ) -> bool {
        if declined == Some(shared.version) {
            return false;
        }
        let (own, daemons) = self.enabled(shared, thread, op, phase);
        !own.is_empty() || !daemons.is_empty()
    }

    /// Nobody performs an operation any more, so nobody takes the daemons' steps either: what they still owe is done in
    /// the order in which the spec offers it.
    fn settle(&self, shared: &mut Shared<S>) {
        let mut daemons = Vec::new();
        loop {
            daemons.clear();
            self.spec.internal(&shared.state, &mut daemons);
            let owed = daemons.drain(..).find(|step| spec::rule::<S>(step.0).obligation == Obligation::Must);
            match owed {
                Some((_, state)) => shared.state = state,
                None => return,
            }
        }
    }

    #[allow(clippy::type_complexity)] // A named pair would say less.
    fn enabled(
        &self,
        shared: &Shared<S>,
        thread: Thread,
        op: &S::Op,
        phase: &S::Phase,
    ) -> (Vec<StepOf<S>>, Vec<(selvedge_model::RuleId, S::State)>) {
        let mut own = Vec::new();
        self.spec.steps(&shared.state, thread, op, phase, None, &mut own);
        let mut daemons = Vec::new();
        self.spec.internal(&shared.state, &mut daemons);
        (own, daemons)
    }

    fn turn(&self, shared: &mut Shared<S>, thread: Thread, op: &S::Op, phase: &S::Phase) -> Ordered<Turn<S>> {
        let (own, daemons) = self.enabled(shared, thread, op, phase);
        let mut rules = own.iter().map(|step| step.rule).chain(daemons.iter().map(|step| step.0));
        let may_decline = rules.all(|rule| spec::rule::<S>(rule).obligation == Obligation::May);
        let alternatives = own.len() + daemons.len() + usize::from(may_decline);
        if alternatives == 1 {
            let (moved, is_ordered) = self.take(shared, thread, op, phase, 0);
            return (Turn::Moved(moved), is_ordered);
        }
        shared.choosing = true;
        (Turn::Choose(alternatives), false)
    }

    /// Takes one of the thread's own steps, then the daemons', by number; declines past the last.
    fn take(
        &self,
        shared: &mut Shared<S>,
        thread: Thread,
        op: &S::Op,
        phase: &S::Phase,
        choice: usize,
    ) -> Ordered<Move<S>> {
        let (mut own, mut daemons) = self.enabled(shared, thread, op, phase);
        if choice >= own.len() + daemons.len() {
            return (Move::Declined { version: shared.version }, false);
        }
        shared.version += 1;
        if choice < own.len() {
            let step = own.swap_remove(choice);
            shared.state = step.state;
            (Move::Took(step.progress), S::orders(step.rule))
        } else {
            let (rule, state) = daemons.swap_remove(choice - own.len());
            shared.state = state;
            (Move::Helped, S::orders(rule))
        }
    }
}
