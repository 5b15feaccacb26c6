//! What happens before what: vector clocks.

/// How many threads have room in a clock itself: more than nearly any program has.
const INLINE: usize = 8;

/// By thread: how much of what it did is known.
///
/// Clocks are made, copied and joined at every step, so those of few threads need no memory besides their own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VectorClock {
    first: [u32; INLINE],
    /// Of the threads from [`INLINE`] on; missing entries are 0.
    others: Vec<u32>,
}

impl VectorClock {
    pub(super) fn get(&self, thread: usize) -> u32 {
        match self.first.get(thread) {
            Some(time) => *time,
            None => self.others.get(thread - INLINE).copied().unwrap_or(0),
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.first.iter_mut().zip(&other.first) {
            *mine = (*mine).max(*theirs);
        }
        if self.others.len() < other.others.len() {
            self.others.resize(other.others.len(), 0);
        }
        for (mine, theirs) in self.others.iter_mut().zip(&other.others) {
            *mine = (*mine).max(*theirs);
        }
    }

    pub(super) fn tick(&mut self, thread: usize) {
        match self.first.get_mut(thread) {
            Some(time) => *time += 1,
            None => self.tick_other(thread - INLINE),
        }
    }

    #[cold]
    fn tick_other(&mut self, index: usize) {
        if self.others.len() <= index {
            self.others.resize(index + 1, 0);
        }
        self.others[index] += 1;
    }

    pub(super) fn assign(&mut self, other: &Self) {
        self.first = other.first;
        self.others.clone_from(&other.others);
    }

    /// Forgets everything. Keeps its memory.
    pub(super) fn clear(&mut self) {
        self.first = [0; INLINE];
        self.others.clear();
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

impl Knowledge {
    /// Forgets everything. Keeps its memory.
    pub(super) fn clear(&mut self) {
        self.now.clear();
        self.read.clear();
        self.fenced.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_with_and_without_room_of_their_own_are_told_apart() {
        let (few, many) = (INLINE - 1, INLINE + 3);
        let (mut one, mut other) = (VectorClock::default(), VectorClock::default());
        one.tick(few);
        one.tick(many);
        one.tick(many);
        other.tick(few);
        other.tick(few);
        other.tick(INLINE);
        one.join(&other);
        assert_eq!([few, many, INLINE, many - 1, many + 1].map(|thread| one.get(thread)), [2, 2, 1, 0, 0]);
        other.assign(&one);
        assert_eq!(other, one);
        other.join(&VectorClock::default());
        assert_eq!(other, one, "joining less changes nothing");
        other.clear();
        assert_eq!([few, many].map(|thread| other.get(thread)), [0, 0]);
    }
}
