//! What memory holds before a call, and what it may hold after it.
//!
//! Bytes that the kernel says it has moved are there, in order, and where elements overlap the last of them stands. Of
//! what it began to move before a fault and did not account, each byte is there or is not. Everything else is as it was.

use std::collections::BTreeMap;

use selvedge_model::uio::Iovec;

use super::arena::Arena;

/// Memory as it should be.
pub struct Image<'a> {
    memory: &'a Arena,
    bytes: Vec<u8>,
    /// What may be there instead, by place.
    instead: BTreeMap<usize, Vec<u8>>,
}

impl<'a> Image<'a> {
    /// Memory as it is now.
    pub fn of(memory: &'a Arena) -> Self {
        Image { memory, bytes: memory.all(), instead: BTreeMap::new() }
    }

    /// Bytes of `source` were moved into these elements: the first `count` surely, the rest of it perhaps.
    ///
    /// # Panics
    ///
    /// If one of them would be outside of memory.
    pub fn moved(&mut self, elements: &[Iovec], count: u64, source: &[u8]) {
        for (number, (address, byte)) in addresses(elements).zip(source).enumerate() {
            let place = self.place(address);
            if (number as u64) < count {
                self.bytes[place] = *byte;
            } else {
                self.instead.entry(place).or_default().push(*byte);
            }
        }
    }

    /// The bytes of these elements, one after the other, as far as `len` bytes.
    ///
    /// # Panics
    ///
    /// As [`Image::moved`].
    pub fn gathered(&self, elements: &[Iovec], len: u64) -> Vec<u8> {
        addresses(elements).take(len as usize).map(|address| self.bytes[self.place(address)]).collect()
    }

    /// The address of a byte of these elements, counted through all of them, if there is one that can be touched.
    pub fn address(&self, elements: &[Iovec], number: u64) -> Option<u64> {
        let address = addresses(elements).nth(usize::try_from(number).ok()?)?;
        self.memory.read(address, 1).map(|_| address)
    }

    /// An address that can be touched and that none of these elements has.
    pub fn beside(&self, elements: &[Iovec]) -> Option<u64> {
        let has = |element: &Iovec, address| address >= element.base && address - element.base < element.len;
        let mut all = self.memory.mapped().0.into_iter().flat_map(|(from, to)| from..to);
        all.find(|address| !elements.iter().any(|element| has(element, *address)))
    }

    /// The first byte that is not as it should be, in words.
    pub fn wrong(&self) -> Option<String> {
        let found = self.memory.all();
        let is_wrong = |place: &usize| {
            let instead = || self.instead.get(place).is_some_and(|bytes| bytes.contains(&found[*place]));
            found[*place] != self.bytes[*place] && !instead()
        };
        (0..found.len())
            .find(is_wrong)
            .map(|place| format!("byte {place} of memory is {} and not {}", found[place], self.bytes[place]))
    }

    fn place(&self, address: u64) -> usize {
        let place = address.checked_sub(self.memory.start()).and_then(|place| usize::try_from(place).ok());
        place.filter(|place| *place < self.bytes.len()).expect("what is moved is inside of memory")
    }
}

/// Every address of these elements, in order.
fn addresses(elements: &[Iovec]) -> impl Iterator<Item = u64> {
    elements.iter().flat_map(|element| element.base..element.base.saturating_add(element.len))
}
