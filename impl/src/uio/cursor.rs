//! Cursors over memory of this program: nothing faults, so nothing can fail.
//!
//! The account is one for all cursors, [`Account`]. The elements themselves are never changed; that is what lets
//! [`Gather`] borrow them shared.

use std::io::{IoSlice, IoSliceMut};
use std::slice;

use super::account::{Account, Nowhere};

/// What every cursor can tell.
macro_rules! tell {
    () => {
        /// How many bytes are left.
        #[inline]
        pub fn resid(&self) -> usize {
            self.account.resid()
        }

        /// Where in the device or file the transfer stands: what it was set to, plus what was moved since.
        #[inline]
        pub fn offset(&self) -> i64 {
            self.account.offset()
        }

        /// Says where in the device or file the transfer stands.
        pub fn set_offset(&mut self, offset: i64) {
            self.account.set_offset(offset);
        }
    };
}
pub(super) use tell;

/// A cursor that moves bytes out of a vector of slices.
#[derive(Clone, Debug)]
pub struct Gather<'a> {
    account: Account<&'a [u8], slice::Iter<'a, IoSlice<'a>>>,
}

impl<'a> Gather<'a> {
    /// A cursor at the beginning of these slices. Costs a pass over their lengths.
    ///
    /// # Panics
    ///
    /// If the lengths add up to more than `usize::MAX`: only slices that overlap can.
    #[inline]
    pub fn new(slices: &'a [IoSlice<'a>]) -> Self {
        Gather { account: Account::new(slices.iter(), sum(slices), 0) }
    }

    tell!();

    /// How many elements are left, the one that the cursor is in included, even if it is used up.
    pub fn elements_left(&self) -> usize {
        self.account.elements_left()
    }

    /// Moves bytes into `buffer`, as many as it holds and as are left, and returns how many.
    #[inline]
    pub fn copy_to(&mut self, buffer: &mut [u8]) -> usize {
        self.account.transfer(buffer, copy)
    }

    /// The bytes of the current element that are left; empty only if nothing is.
    pub fn peek(&mut self) -> &'a [u8] {
        self.account.chunk()
    }

    /// Accounts `count` bytes as moved, or as many as are left, and copies nothing. Returns how many.
    #[inline]
    pub fn advance(&mut self, count: usize) -> usize {
        self.account.transfer(Nowhere(count), |_, _| ())
    }
}

/// A cursor that moves bytes into a vector of slices.
#[derive(Debug)]
pub struct Scatter<'a, 'b> {
    account: Account<&'a mut [u8], slice::IterMut<'a, IoSliceMut<'b>>>,
}

impl<'a, 'b> Scatter<'a, 'b> {
    /// A cursor at the beginning of these slices. Costs a pass over their lengths.
    #[inline]
    pub fn new(slices: &'a mut [IoSliceMut<'b>]) -> Self {
        // Slices that can be written do not overlap: the sum fits.
        let resid = slices.iter().map(|slice| slice.len()).sum();
        Scatter { account: Account::new(slices.iter_mut(), resid, 0) }
    }

    tell!();

    /// How many elements are left, the one that the cursor is in included, even if it is used up.
    pub fn elements_left(&self) -> usize {
        self.account.elements_left()
    }

    /// Moves bytes out of `data`, as many as it has and as there is room for, and returns how many.
    #[inline]
    pub fn copy_from(&mut self, data: &[u8]) -> usize {
        self.account.transfer(data, |piece, data| copy(data, piece))
    }

    /// Moves one byte, if there is room for it, and says whether there was.
    pub fn push(&mut self, byte: u8) -> bool {
        self.copy_from(&[byte]) == 1
    }

    /// Accounts `count` bytes as moved, or as many as there is room for, and copies nothing. Returns how many.
    #[inline]
    pub fn advance(&mut self, count: usize) -> usize {
        self.account.transfer(Nowhere(count), |_, _| ())
    }
}

/// The sum of the lengths. A slice has at most `isize::MAX` bytes, so that two of them always add up: what has to be looked
/// at is the sum of pairs only.
#[inline]
fn sum(slices: &[IoSlice<'_>]) -> usize {
    let (pairs, last) = slices.as_chunks();
    let pairs = pairs.iter().map(|[one, other]| one.len() + other.len());
    let lens = pairs.chain(last.iter().map(|slice| slice.len()));
    lens.fold(0_usize, |sum, len| sum.checked_add(len).expect("the lengths add up to more than can be counted"))
}

/// Copies a slice into one of the same length. Headers are short, and a call of `memcpy` costs more than to copy them: what
/// fits into two registers goes through them, and in the middle twice.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8]) {
    const REGISTER: usize = 16;
    match (from.first_chunk::<REGISTER>(), from.last_chunk::<REGISTER>()) {
        (Some(first), Some(last)) if from.len() <= 2 * REGISTER => {
            to[..REGISTER].copy_from_slice(first);
            to[from.len() - REGISTER..].copy_from_slice(last);
        }
        _ => to.copy_from_slice(from),
    }
}
