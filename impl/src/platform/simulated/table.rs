//! The table of an execution's threads.

use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::Arc;

use super::super::End;
use super::execution::{Doom, Pending};
use super::thread::Shared;
use super::{Engine, ObjectId};

/// The threads of an execution, and behind them entries of the one before, kept for their memory.
pub(super) struct Threads<E: Engine> {
    entries: Vec<Entry<E>>,
    count: usize,
}

impl<E: Engine> Deref for Threads<E> {
    type Target = [Entry<E>];

    fn deref(&self) -> &[Entry<E>] {
        &self.entries[..self.count]
    }
}

impl<E: Engine> DerefMut for Threads<E> {
    fn deref_mut(&mut self) -> &mut [Entry<E>] {
        &mut self.entries[..self.count]
    }
}

impl<E: Engine> Default for Threads<E> {
    fn default() -> Self {
        Self { entries: Vec::new(), count: 0 }
    }
}

impl<E: Engine> Threads<E> {
    pub(super) fn new() -> Self {
        // Growing would copy each thread several times.
        Self { entries: Vec::with_capacity(8), count: 0 }
    }

    /// For the next execution. Keeps its memory.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds a thread that has done nothing yet.
    pub(super) fn enter(&mut self, execution: u64, scope: usize, luck_left: [u32; 3]) {
        let index = self.count;
        self.count += 1;
        // The body makes its own objects: there is nobody before it who could.
        let first = ObjectId { maker: index as u32, number: 0 };
        let shared = Shared::new(index, execution, first);
        let Some(old) = self.entries.get_mut(index) else {
            self.entries.push(Entry {
                shared: Arc::new(shared),
                scope,
                state: State::New,
                pending: None,
                place: None,
                doom: None,
                is_contained: false,
                end: None,
                objects: Shared::<E>::OBJECTS,
                luck_left,
                engine: E::PerThread::default(),
            });
            return;
        };
        match Arc::get_mut(&mut old.shared) {
            Some(unshared) => *unshared = shared,
            None => old.shared = Arc::new(shared),
        }
        old.scope = scope;
        old.state = State::New;
        old.pending = None;
        old.place = None;
        old.doom = None;
        old.is_contained = false;
        old.end = None;
        old.objects = Shared::<E>::OBJECTS;
        old.luck_left = luck_left;
        E::forget(&mut old.engine);
    }
}

/// What an execution knows of a thread.
pub(super) struct Entry<E: Engine> {
    pub(super) shared: Arc<Shared<E>>,
    pub(super) scope: usize,
    pub(super) state: State,
    pub(super) pending: Option<Pending>,
    /// Where its last step is, or the one that it is about to take.
    pub(super) place: Option<&'static Location<'static>>,
    pub(super) doom: Option<Doom>,
    /// Whether its panics are contained.
    pub(super) is_contained: bool,
    pub(super) end: Option<End>,
    pub(super) objects: u32,
    /// How often it may still have each kind of [`Luck`](super::execution::Luck).
    pub(super) luck_left: [u32; 3],
    pub(super) engine: E::PerThread,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It has not run yet.
    New,
    /// It is somewhere in its body.
    Started,
    /// The engine has put it to sleep until its condition holds.
    Asleep,
    /// Its body is over.
    Ended,
}
