//! What happens before what: vector clocks.

/// By thread: how much of what it did is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VectorClock(Vec<u32>);

impl VectorClock {
    pub(super) fn get(&self, thread: usize) -> u32 {
        self.0.get(thread).copied().unwrap_or(0)
    }

    pub(super) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    pub(super) fn tick(&mut self, thread: usize) {
        if self.0.len() <= thread {
            self.0.resize(thread + 1, 0);
        }
        self.0[thread] += 1;
    }

    pub(super) fn assign(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }
}

/// What a thread knows.
#[derive(Debug, Default)]
pub struct Knowledge {
    /// What happens before its next operation.
    pub(super) now: VectorClock,
    /// What an acquire fence would add: what was released through values that it read without acquiring.
    pub(super) read: VectorClock,
    /// What happened before its last release fence: its relaxed stores release that much.
    pub(super) fenced: VectorClock,
}
