//! Where visited states are kept: equal-sized tuples of small numbers, end to end, with a hash table over them.
//!
//! A tuple is compared in full when its hash is met again, so no state is ever taken for another one. The table keeps
//! 32 bits of each hash beside the tuple's number: a tuple is looked at only when these agree, and never when the table
//! grows.

/// Nothing in this place of the table.
const VACANT: u64 = u64::MAX;

/// A set of tuples, numbered in the order in which they came.
pub(super) struct Store {
    width: usize,
    tuples: Vec<u32>,
    /// Hash and number of each tuple. Open addressing, linear probing; the length is a power of two, at most half of it
    /// in use.
    table: Vec<u64>,
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
        let hash = hash(tuple);
        let place = self.place(tuple, hash);
        if self.table[place] != VACANT {
            return (number(self.table[place]), false);
        }
        let fresh = u32::try_from(index).expect("the limit on states is below 2^32");
        self.table[place] = u64::from(hash) << 32 | u64::from(fresh);
        self.tuples.extend_from_slice(tuple);
        if (index + 1) * 2 > self.table.len() {
            self.grow();
        }
        (fresh, true)
    }

    /// Whether the tuple is in the set.
    pub(super) fn contains(&self, tuple: &[u32]) -> bool {
        self.table[self.place(tuple, hash(tuple))] != VACANT
    }

    /// Bytes in use, spare room included.
    pub(super) fn bytes(&self) -> usize {
        self.tuples.capacity() * size_of::<u32>() + self.table.capacity() * size_of::<u64>()
    }

    /// Where the tuple is in the table, or where it belongs.
    fn place(&self, tuple: &[u32], hash: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let entry = self.table[place];
            let is_it = || (entry >> 32) as u32 == hash && self.get(number(entry) as usize) == tuple;
            if entry == VACANT || is_it() {
                return place;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let larger = vec![VACANT; self.table.len() * 2];
        let mask = larger.len() - 1;
        let entries = std::mem::replace(&mut self.table, larger);
        for entry in entries.into_iter().filter(|entry| *entry != VACANT) {
            let mut place = (entry >> 32) as usize & mask;
            while self.table[place] != VACANT {
                place = (place + 1) & mask;
            }
            self.table[place] = entry;
        }
    }
}

/// The number in an entry of the table: its lower half.
fn number(entry: u64) -> u32 {
    entry as u32
}

/// Multiply and fold, twice as wide as a word: each bit of the tuple reaches each bit of the hash.
fn hash(tuple: &[u32]) -> u32 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 divided by the golden ratio, as in Fibonacci hashing.
    let folded = tuple.chunks(2).fold(ODD, |hash, pair| {
        let word = pair.iter().fold(0, |word, half| word << 32 | u64::from(*half));
        let product = u128::from(hash ^ word) * u128::from(ODD);
        (product ^ (product >> 64)) as u64
    });
    (folded >> 32) as u32
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
