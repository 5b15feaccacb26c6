//! A cursor over addresses that somebody else named.

use std::{fmt, vec};

use super::account::{Account, Nowhere};
use super::address_space::{AddressSpace, Fault};
use super::cursor::tell;

/// One element of a vector: so many bytes from this address on, in an [`AddressSpace`]. It lies in memory as `struct iovec`
/// does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(C)]
pub struct Iovec {
    /// The first address.
    pub base: usize,
    /// How many bytes.
    pub len: usize,
}

/// A transfer to or from the memory of somebody else.
///
/// ```
/// use selvedge::uio::{AddressSpace, Iovec, Paged, Uio};
///
/// let mut space = Paged::new(0, 16, 4);
/// space.unmap(32);
/// let mut uio = Uio::new(vec![Iovec { base: 0, len: 4 }, Iovec { base: 30, len: 4 }], 0);
/// let interrupted = uio.copy_out(&space, b"12345678").unwrap_err();
/// // The first element is accounted. Nothing of the second is, although two bytes of it may have been copied.
/// assert_eq!((interrupted.moved, interrupted.fault.address), (4, 32));
/// assert_eq!((uio.resid(), uio.offset()), (4, 4));
/// ```
#[derive(Clone, Debug)]
pub struct Uio {
    account: Account<Iovec, vec::IntoIter<Iovec>>,
}

/// A transfer that a fault has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Interrupted {
    /// How many bytes this call moved before the chunk that faulted. They are accounted.
    pub moved: usize,
    /// The fault.
    pub fault: Fault,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes", self.fault, self.moved)
    }
}

impl std::error::Error for Interrupted {}

/// Why a transfer at its offset moved nothing, or not everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum AtOffset {
    /// The offset is negative: `EINVAL`.
    Negative,
    /// A fault: `EFAULT`.
    Interrupted(Interrupted),
}

impl fmt::Display for AtOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtOffset::Negative => f.write_str("the offset is negative"),
            AtOffset::Interrupted(interrupted) => interrupted.fmt(f),
        }
    }
}

impl std::error::Error for AtOffset {}

/// There is no room for another byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room for another byte")
    }
}

impl std::error::Error for Full {}

impl Uio {
    /// A transfer over all of a vector. A sum of lengths beyond `usize::MAX` counts as `usize::MAX`; an
    /// [imported](super::import()) vector never comes near.
    pub fn new(vector: Vec<Iovec>, offset: i64) -> Self {
        let sum = Lengths::of(&vector).sum;
        Uio::summed(vector, sum, offset)
    }

    /// The same, where the sum of the lengths may be known.
    #[inline]
    pub(super) fn summed(vector: Vec<Iovec>, sum: Option<usize>, offset: i64) -> Self {
        let one_by_one = || vector.iter().fold(0_usize, |sum, element| sum.saturating_add(element.len));
        let resid = sum.unwrap_or_else(one_by_one);
        Uio { account: Account::new(vector.into_iter(), resid, offset) }
    }

    tell!();

    /// What is left of the vector, the current element first, even if it is used up.
    pub fn left(&self) -> impl ExactSizeIterator<Item = Iovec> + '_ {
        let (current, rest) = self.account.left();
        (0..self.account.elements_left())
            .map(|index| index.checked_sub(1).map_or(*current, |after| rest.as_slice()[after]))
    }

    /// Moves bytes out of `data` into the vector, as many as it has and as there is room for, and returns how many.
    /// This is `uiomove` with `UIO_READ`.
    ///
    /// # Errors
    ///
    /// A fault, and how much was moved before.
    pub fn copy_out(&mut self, space: &(impl AddressSpace + ?Sized), data: &[u8]) -> Result<usize, Interrupted> {
        let total = data.len().min(self.account.resid());
        self.each_chunk(total, |at, Iovec { base, len }| space.copyout(&data[at..][..len], base))
    }

    /// Moves bytes out of the vector into `buffer`, as many as it holds and as are left, and returns how many. This is
    /// `uiomove` with `UIO_WRITE`.
    ///
    /// # Errors
    ///
    /// A fault, and how much was moved before.
    pub fn copy_in(&mut self, space: &(impl AddressSpace + ?Sized), buffer: &mut [u8]) -> Result<usize, Interrupted> {
        let total = buffer.len().min(self.account.resid());
        self.each_chunk(total, |at, Iovec { base, len }| space.copyin(base, &mut buffer[at..][..len]))
    }

    /// Moves what `data`, a whole file in memory, has at the offset: nothing at its end and beyond. This is
    /// `uiomove_frombuf` with `UIO_READ`.
    ///
    /// # Errors
    ///
    /// A negative offset, and as [`Uio::copy_out`].
    pub fn copy_out_at(&mut self, space: &(impl AddressSpace + ?Sized), data: &[u8]) -> Result<usize, AtOffset> {
        let from = self.position()?;
        self.copy_out(space, data.get(from..).unwrap_or_default()).map_err(AtOffset::Interrupted)
    }

    /// The other way: moves into `data`, a whole file in memory, from the offset to its end.
    ///
    /// # Errors
    ///
    /// A negative offset, and as [`Uio::copy_in`].
    pub fn copy_in_at(&mut self, space: &(impl AddressSpace + ?Sized), data: &mut [u8]) -> Result<usize, AtOffset> {
        let from = self.position()?;
        self.copy_in(space, data.get_mut(from..).unwrap_or_default()).map_err(AtOffset::Interrupted)
    }

    /// The offset as a position in memory; one that no memory has is beyond every end.
    fn position(&self) -> Result<usize, AtOffset> {
        match self.account.offset() {
            ..0 => Err(AtOffset::Negative),
            offset => Ok(usize::try_from(offset).unwrap_or(usize::MAX)),
        }
    }

    /// Moves one byte into the vector: `ureadc`.
    ///
    /// # Errors
    ///
    /// A fault. The outer error is that there is no room; FreeBSD panics then.
    pub fn push(&mut self, space: &(impl AddressSpace + ?Sized), byte: u8) -> Result<Result<(), Fault>, Full> {
        match self.copy_out(space, &[byte]) {
            Ok(0) => Err(Full),
            Ok(_) => Ok(Ok(())),
            Err(interrupted) => Ok(Err(interrupted.fault)),
        }
    }

    /// Accounts `count` bytes as moved, or as many as are left, and copies nothing: `UIO_NOCOPY`. Returns how many.
    pub fn advance(&mut self, count: usize) -> usize {
        // Lengths whose sum was cut off add up to more than is left.
        self.account.transfer(Nowhere(count.min(self.account.resid())), |_, _| ())
    }

    /// Moves `total` bytes chunk by chunk: each is accounted once it is copied.
    fn each_chunk(
        &mut self,
        total: usize,
        mut copy: impl FnMut(usize, Iovec) -> Result<(), Fault>,
    ) -> Result<usize, Interrupted> {
        let mut moved = 0;
        while moved < total {
            let Iovec { base, len } = *self.account.chunk();
            let len = len.min(total - moved);
            copy(moved, Iovec { base, len }).map_err(|fault| Interrupted { moved, fault })?;
            moved += self.account.transfer(Nowhere(len), |_, _| ());
        }
        Ok(total)
    }
}

/// What all lengths of a vector show at one look. No addition needs the one before it to be checked, so that the compiler
/// adds several at a time.
pub(super) struct Lengths {
    /// Each bit that some length has.
    pub bits: usize,
    /// What they add up to, if that is certain to be no more than `usize::MAX`.
    pub sum: Option<usize>,
}

impl Lengths {
    #[inline]
    pub fn of(elements: &[Iovec]) -> Self {
        let add = |(sum, bits): (usize, usize), element: &Iovec| (sum.wrapping_add(element.len), bits | element.len);
        let (sum, bits) = elements.iter().fold((0, 0), add);
        // No length is more than all bits together: if those fit that many times, so does the sum.
        Lengths { bits, sum: bits.checked_mul(elements.len()).map(|_| sum) }
    }

    /// Whether they are certain to add up to at most `max`.
    pub fn are_within(&self, max: usize) -> bool {
        self.sum.is_some_and(|sum| sum <= max)
    }
}
