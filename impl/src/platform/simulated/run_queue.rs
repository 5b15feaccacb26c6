//! The run queue: each operation one step on one object.
//!
//! What a push promises to whoever takes its value is carried by an edge of that value alone. One for the whole queue would
//! also order takes with pushes that they need not have seen, and hide the races of a scheduler that relies on it.
//!
//! That the owners follow each other is watched on a cell that they all write to. It is asked before the edge of a value that is
//! popped is taken, so that a queue does not lend its own order to those who misuse it.

use std::collections::VecDeque;
use std::panic::Location;

use super::super::{RunQueue as RunQueueTrait, Steal, TrackedCell};
use super::{Confined, Engine, Execution, Luck, Object as _, Shape, object, reads, step, writes};

/// A queue of runnable work that others steal from.
pub struct RunQueue<E: Engine, T> {
    object: E::Object,
    /// Written to by every operation of an owner.
    owner: E::Cell<()>,
    values: Confined<E, VecDeque<Queued<E, T>>>,
}

/// A value with what its push has released.
struct Queued<E: Engine, T> {
    value: T,
    pushed: E::Object,
}

impl<E: Engine, T: Send> RunQueue<E, T> {
    /// Takes the first value; the step has been taken.
    fn take(&self) -> Option<T> {
        let Some(Queued { value, pushed }) = self.values.with(VecDeque::pop_front) else {
            E::only_looked(self.object.id());
            return None;
        };
        E::altered(self.object.id());
        E::acquire(&pushed, 0);
        Some(value)
    }
}

impl<E: Engine, T: Send> RunQueueTrait<T> for RunQueue<E, T> {
    #[track_caller]
    fn new() -> Self {
        Self { object: object::<E>(Shape::Silent), owner: TrackedCell::new(()), values: Confined::new(VecDeque::new()) }
    }

    #[track_caller]
    unsafe fn push(&self, value: T) {
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        self.owner.with_mut(|_| ());
        let pushed = object::<E>(Shape::Once);
        E::release(&pushed, 0);
        self.values.with(|values| values.push_back(Queued { value, pushed }));
        E::altered(self.object.id());
    }

    #[track_caller]
    unsafe fn pop(&self) -> Option<T> {
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        self.owner.with_mut(|_| ());
        self.take()
    }

    #[track_caller]
    fn steal(&self) -> Steal<T> {
        let execution = Execution::<E>::current();
        // Asked first: a choice may be a scheduling point of its own.
        if execution.is_lucky(execution.running(), Luck::Retry) {
            step(Location::caller(), &[reads::<E>(&self.object)], None);
            return Steal::Retry;
        }
        step(Location::caller(), &[writes::<E>(&self.object)], None);
        self.take().map_or(Steal::Empty, Steal::Success)
    }

    #[track_caller]
    fn len(&self) -> usize {
        step(Location::caller(), &[reads::<E>(&self.object)], None);
        self.values.with(|values| values.len())
    }
}
