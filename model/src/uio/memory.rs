//! Memory as a transfer sees it: bytes at addresses, some of which fault.

use std::ops::Range;

/// A stretch of memory. Every address outside it faults, and so do the holes in it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Memory {
    start: u64,
    bytes: Vec<u8>,
    /// What faults, as pairs of first address and end.
    holes: Vec<(u64, u64)>,
}

impl Memory {
    /// These bytes, from this address on.
    pub fn new(start: u64, bytes: Vec<u8>) -> Self {
        Memory { start, bytes, holes: Vec::new() }
    }

    /// Makes the addresses of a range fault from now on.
    pub fn punch(&mut self, range: Range<u64>) {
        self.holes.push((range.start, range.end));
    }

    /// The first of `len` addresses from `base` on that faults. Addresses wrap around, as a kernel's arithmetic does.
    pub fn first_fault(&self, base: u64, len: u64) -> Option<u64> {
        // The addresses that do not fault are few: nothing beyond the end has to be looked at one by one.
        if base < self.start && len > 0 {
            return Some(base);
        }
        // The end may be the end of all addresses, which has none itself: what is compared are distances.
        let present = (self.bytes.len() as u64).saturating_sub(base.saturating_sub(self.start)).min(len);
        let hole =
            self.holes.iter().filter(|(from, to)| from < to && from.saturating_sub(base) < present && *to > base);
        let in_hole = hole.map(|(from, _)| (*from).max(base)).min();
        in_hole.or_else(|| (present < len).then(|| base.wrapping_add(present)))
    }

    /// The bytes of a range.
    ///
    /// # Panics
    ///
    /// If it is not inside: ask [`Memory::first_fault`] first. Holes do not matter here: they are a matter of access,
    /// not of content.
    pub fn bytes(&self, base: u64, len: u64) -> &[u8] {
        &self.bytes[self.range(base, len)]
    }

    /// The bytes of a range, to be changed.
    ///
    /// # Panics
    ///
    /// As [`Memory::bytes`].
    pub fn bytes_mut(&mut self, base: u64, len: u64) -> &mut [u8] {
        let range = self.range(base, len);
        &mut self.bytes[range]
    }

    /// Every byte, from the first address on.
    pub fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// A range of no bytes is inside wherever it begins.
    fn range(&self, base: u64, len: u64) -> Range<usize> {
        if len == 0 {
            return 0..0;
        }
        let from = usize::try_from(base - self.start).expect("the range is inside");
        from..from + usize::try_from(len).expect("the range is inside")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_the_first() {
        let mut memory = Memory::new(16, vec![0; 16]);
        assert_eq!(memory.first_fault(16, 16), None);
        assert_eq!(memory.first_fault(20, 13), Some(32));
        assert_eq!(memory.first_fault(15, 1), Some(15));
        assert_eq!(memory.first_fault(40, 1), Some(40));
        assert_eq!(memory.first_fault(0, 0), None, "no address, no fault");
        assert_eq!(memory.first_fault(u64::MAX, 2), Some(u64::MAX));
        memory.punch(24..26);
        memory.punch(22..23);
        assert_eq!(memory.first_fault(16, 16), Some(22));
        assert_eq!(memory.first_fault(23, 1), None);
        assert_eq!(memory.first_fault(23, 2), Some(24));
        assert_eq!(memory.first_fault(25, 4), Some(25));
    }

    #[test]
    fn memory_may_end_where_all_addresses_end() {
        let mut memory = Memory::new(u64::MAX - 3, vec![0; 4]);
        assert_eq!(memory.first_fault(u64::MAX - 3, 4), None);
        assert_eq!(memory.first_fault(u64::MAX - 1, 3), Some(0), "addresses wrap around");
        assert_eq!(memory.first_fault(8, 1), Some(8));
        memory.punch(u64::MAX - 1..u64::MAX);
        assert_eq!(memory.first_fault(u64::MAX - 3, 4), Some(u64::MAX - 1));
        assert_eq!(memory.first_fault(u64::MAX, 1), None);
    }

    #[test]
    fn no_bytes_are_inside_wherever_they_begin() {
        let mut memory = Memory::new(16, vec![0; 16]);
        for base in [0, 16, 32, 70, u64::MAX] {
            assert_eq!((memory.bytes(base, 0), memory.first_fault(base, 0)), (&[][..], None));
            assert!(memory.bytes_mut(base, 0).is_empty());
        }
    }
}
