//! Where visited states are kept: equal-sized tuples of small numbers, end to end, with a hash table over them.
//!
//! A tuple is compared in full when its hash is met again, so no state is ever taken for another one.

use std::hash::Hasher;

use rustc_hash::FxHasher;

/// Nothing in this place of the table.
const VACANT: u32 = u32::MAX;

/// A set of tuples, numbered in the order in which they came.
pub(super) struct Store {
    width: usize,
    tuples: Vec<u32>,
    /// Open addressing, linear probing; the length is a power of two, at most half of it in use.
    table: Vec<u32>,
}

impl Store {
    pub(super) fn new(width: usize) -> Self {
        Self { width, tuples: Vec::new(), table: vec![VACANT; 1 << 10] }
    }

    pub(super) fn len(&self) -> usize {
        self.tuples.len() / self.width
    }

    pub(super) fn get(&self, index: usize) -> &[u32] {
        &self.tuples[index * self.width..(index + 1) * self.width]
    }

    /// The tuple's number, and whether it is new.
    pub(super) fn insert(&mut self, tuple: &[u32]) -> (u32, bool) {
        let index = self.len();
        let place = self.place(tuple);
        if self.table[place] != VACANT {
            return (self.table[place], false);
        }
        let number = u32::try_from(index).expect("the limit on states is below 2^32");
        self.table[place] = number;
        self.tuples.extend_from_slice(tuple);
        if (index + 1) * 2 > self.table.len() {
            self.grow();
        }
        (number, true)
    }

    /// Whether the tuple is in the set.
    pub(super) fn contains(&self, tuple: &[u32]) -> bool {
        self.table[self.place(tuple)] != VACANT
    }

    /// Bytes in use, spare room included.
    pub(super) fn bytes(&self) -> usize {
        (self.tuples.capacity() + self.table.capacity()) * size_of::<u32>()
    }

    /// Where the tuple is in the table, or where it belongs.
    fn place(&self, tuple: &[u32]) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash(tuple) & mask;
        while self.table[place] != VACANT && self.get(self.table[place] as usize) != tuple {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let larger = vec![VACANT; self.table.len() * 2];
        let numbers = std::mem::replace(&mut self.table, larger);
        for number in numbers.into_iter().filter(|number| *number != VACANT) {
            let place = self.place(self.get(number as usize));
            self.table[place] = number;
        }
    }
}

fn hash(tuple: &[u32]) -> usize {
    let mut hasher = FxHasher::default();
    for pair in tuple.chunks(2) {
        hasher.write_u64(pair.iter().fold(0, |word, half| word << 32 | u64::from(*half)));
    }
    hasher.finish() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_found_again() {
        let mut store = Store::new(3);
        for number in 0..5_000 {
            assert_eq!(store.insert(&[number, number % 7, 1]), (number, true));
        }
        for number in 0..5_000 {
            assert_eq!(store.insert(&[number, number % 7, 1]), (number, false));
            assert_eq!(store.get(number as usize), [number, number % 7, 1]);
        }
        assert_eq!(store.len(), 5_000);
    }
}
