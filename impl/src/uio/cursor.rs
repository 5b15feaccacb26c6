//! Cursors over memory of this program: nothing faults, so nothing can fail.
//!
//! The account is one for all cursors, [`Account`]: which element, how far into it, how much is left, where the transfer
//! stands. The elements themselves are never changed; that is what lets [`Gather`] borrow them shared.

use std::io::{IoSlice, IoSliceMut};

/// Where a transfer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Account {
    /// The first element that is not known to be used up.
    pub element: usize,
    /// How many bytes of it are moved. May be all: it is skipped when the next byte is wanted.
    pub within: usize,
    /// Bytes left, in all elements.
    pub resid: usize,
    /// Where in the device or file the transfer stands.
    pub offset: i64,
}

impl Account {
    /// The account before anything is moved.
    pub fn new(resid: usize, offset: i64) -> Self {
        Account { element: 0, within: 0, resid, offset }
    }

    /// Skips elements that are used up. Returns how long the next chunk can be, at most `wanted`. There must be one:
    /// `wanted` and `resid` are not zero.
    #[inline]
    pub fn chunk(&mut self, wanted: usize, len_of: impl Fn(usize) -> usize) -> usize {
        loop {
            let left = len_of(self.element) - self.within;
            if left > 0 {
                return left.min(wanted);
            }
            self.element += 1;
            self.within = 0;
        }
    }

    /// Goes through `total` bytes, at most `resid`, chunk by chunk, and accounts them. `step` gets the element, how far into
    /// it and how far into the `total`, and says how many bytes there are: all of the element or all that is wanted. The
    /// last element that it comes to is not skipped, even if it is used up. The account is in registers meanwhile, for
    /// nothing can go wrong here.
    #[inline]
    fn walk(&mut self, total: usize, mut step: impl FnMut(usize, usize, usize) -> usize) {
        if total == 0 {
            return;
        }
        let (mut element, mut within, mut at) = (self.element, self.within, 0);
        loop {
            let count = step(element, within, at);
            at += count;
            within += count;
            if at == total {
                break;
            }
            element += 1;
            within = 0;
        }
        (self.element, self.within) = (element, within);
        self.resid -= total;
        self.offset = self.offset.wrapping_add(total as i64);
    }

    /// Accounts a chunk.
    #[inline]
    pub fn moved(&mut self, count: usize) {
        self.within += count;
        self.resid -= count;
        // A position wraps around as the kernel's does; no file is that long.
        self.offset = self.offset.wrapping_add(count as i64);
    }
}

/// What every cursor can tell.
macro_rules! tell {
    () => {
        /// How many bytes are left.
        #[inline]
        pub fn resid(&self) -> usize {
            self.account.resid
        }

        /// Where in the device or file the transfer stands: what it was set to, plus what was moved since.
        #[inline]
        pub fn offset(&self) -> i64 {
            self.account.offset
        }

        /// Says where in the device or file the transfer stands.
        pub fn set_offset(&mut self, offset: i64) {
            self.account.offset = offset;
        }
    };
}
pub(super) use tell;

/// A cursor that moves bytes out of a vector of slices.
#[derive(Clone, Debug)]
pub struct Gather<'a> {
    slices: &'a [IoSlice<'a>],
    account: Account,
}

impl<'a> Gather<'a> {
    /// A cursor at the beginning of these slices. Costs a pass over their lengths.
    ///
    /// # Panics
    ///
    /// If the lengths add up to more than `usize::MAX`: only slices that overlap can.
    #[inline]
    pub fn new(slices: &'a [IoSlice<'a>]) -> Self {
        Gather { slices, account: Account::new(sum(slices.iter().map(|slice| slice.len())), 0) }
    }

    tell!();

    /// How many elements are left, the one that the cursor is in included, even if it is used up.
    pub fn elements_left(&self) -> usize {
        self.slices.len() - self.account.element
    }

    /// Moves bytes into `buffer`, as many as it holds and as are left, and returns how many.
    #[inline]
    pub fn copy_to(&mut self, buffer: &mut [u8]) -> usize {
        let total = buffer.len().min(self.account.resid);
        let slices = self.slices;
        self.account.walk(total, |element, within, at| {
            let piece = &slices[element][within..];
            let count = piece.len().min(total - at);
            buffer[at..][..count].copy_from_slice(&piece[..count]);
            count
        });
        total
    }

    /// The bytes of the current element that are left; empty only if nothing is.
    pub fn peek(&mut self) -> &'a [u8] {
        if self.account.resid == 0 {
            return &[];
        }
        let count = self.account.chunk(usize::MAX, |element| self.slices[element].len());
        &self.slices[self.account.element][self.account.within..][..count]
    }

    /// Accounts `count` bytes as moved, or as many as are left, and copies nothing. Returns how many.
    #[inline]
    pub fn advance(&mut self, count: usize) -> usize {
        advance(&mut self.account, count, |element| self.slices[element].len())
    }
}

/// A cursor that moves bytes into a vector of slices.
#[derive(Debug)]
pub struct Scatter<'a, 'b> {
    slices: &'a mut [IoSliceMut<'b>],
    account: Account,
}

impl<'a, 'b> Scatter<'a, 'b> {
    /// A cursor at the beginning of these slices. Costs a pass over their lengths.
    #[inline]
    pub fn new(slices: &'a mut [IoSliceMut<'b>]) -> Self {
        // Slices that can be written do not overlap: the sum fits.
        let resid = slices.iter().map(|slice| slice.len()).sum();
        Scatter { slices, account: Account::new(resid, 0) }
    }

    tell!();

    /// How many elements are left, the one that the cursor is in included, even if it is used up.
    pub fn elements_left(&self) -> usize {
        self.slices.len() - self.account.element
    }

    /// Moves bytes out of `data`, as many as it has and as there is room for, and returns how many.
    #[inline]
    pub fn copy_from(&mut self, data: &[u8]) -> usize {
        let total = data.len().min(self.account.resid);
        let slices = &mut *self.slices;
        self.account.walk(total, |element, within, at| {
            let piece = &mut slices[element][within..];
            let count = piece.len().min(total - at);
            piece[..count].copy_from_slice(&data[at..][..count]);
            count
        });
        total
    }

    /// Moves one byte, if there is room for it, and says whether there was.
    pub fn push(&mut self, byte: u8) -> bool {
        self.copy_from(&[byte]) == 1
    }

    /// Accounts `count` bytes as moved, or as many as there is room for, and copies nothing. Returns how many.
    #[inline]
    pub fn advance(&mut self, count: usize) -> usize {
        advance(&mut self.account, count, |element| self.slices[element].len())
    }
}

pub(super) fn advance(account: &mut Account, count: usize, len_of: impl Fn(usize) -> usize) -> usize {
    let total = count.min(account.resid);
    account.walk(total, |element, within, at| (len_of(element) - within).min(total - at));
    total
}

fn sum(lens: impl Iterator<Item = usize>) -> usize {
    lens.fold(0_usize, |sum, len| sum.checked_add(len).expect("the lengths add up to more than can be counted"))
}
