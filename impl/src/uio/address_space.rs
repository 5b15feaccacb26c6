//! Memory that belongs to somebody else: copying in and out of it may fault.

use std::cell::Cell;
use std::fmt;

/// An address that could not be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fault {
    /// The first such address of the copy.
    pub address: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad address {:#x}", self.address)
    }
}

impl std::error::Error for Fault {}

/// The memory of somebody else, by address: what `copyin` and `copyout` work on.
///
/// A copy that faults may have copied what comes before the fault.
pub trait AddressSpace {
    /// Fills `to` from the addresses from `from` on.
    ///
    /// # Errors
    ///
    /// The first address that cannot be read.
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault>;

    /// Writes `from` to the addresses from `to` on.
    ///
    /// # Errors
    ///
    /// The first address that cannot be written.
    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault>;

    /// Whether a range can be one of this space at all, mapped or not. [`import`](super::import()) asks, where the limits
    /// want it, also of ranges of no length. The default refuses ranges that wrap around.
    fn admits(&self, base: usize, len: usize) -> bool {
        base.checked_add(len).is_some()
    }
}

/// An address space of pages, some of which are missing: for tests, and for whoever simulates a machine.
///
/// ```
/// use selvedge::uio::{AddressSpace, Fault, Paged};
///
/// let mut space = Paged::new(0x1000, 4096, 3);
/// space.unmap(0x2000);
/// assert_eq!(space.copyout(b"abcdef", 0x1ffd), Err(Fault { address: 0x2000 }));
/// let mut found = [0; 3];
/// space.copyin(0x1ffd, &mut found).unwrap();
/// assert_eq!(&found, b"abc", "what came before the fault is there");
/// ```
#[derive(Clone, Debug)]
pub struct Paged {
    start: usize,
    page_len: usize,
    pages: Vec<Option<Box<[Cell<u8>]>>>,
}

impl Paged {
    /// Pages of zeroes, from this address on.
    ///
    /// # Panics
    ///
    /// If a page has no length, or the last one ends beyond the last address.
    pub fn new(start: usize, page_len: usize, pages: usize) -> Self {
        assert!(page_len > 0, "a page has bytes");
        let len = page_len.checked_mul(pages).and_then(|len| start.checked_add(len));
        assert!(len.is_some(), "the pages end beyond the last address");
        let page = vec![Cell::new(0); page_len].into_boxed_slice();
        Paged { start, page_len, pages: vec![Some(page); pages] }
    }

    /// Takes the page of this address away. Without one there, nothing changes.
    pub fn unmap(&mut self, address: usize) {
        let page = address.checked_sub(self.start).and_then(|at| self.pages.get_mut(at / self.page_len));
        if let Some(page) = page {
            *page = None;
        }
    }

    /// Goes through the range in pieces, each of one page: a piece's first position in the range and its bytes.
    fn walk(&self, base: usize, len: usize, mut piece: impl FnMut(usize, &[Cell<u8>])) -> Result<(), Fault> {
        let mut at = 0;
        while at < len {
            let address = base.wrapping_add(at);
            let fault = Fault { address };
            let position = address.checked_sub(self.start).ok_or(fault)?;
            let page = self.pages.get(position / self.page_len).and_then(Option::as_ref).ok_or(fault)?;
            let bytes = &page[position % self.page_len..];
            let bytes = &bytes[..bytes.len().min(len - at)];
            piece(at, bytes);
            at += bytes.len();
        }
        Ok(())
    }
}

impl AddressSpace for Paged {
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        self.walk(from, to.len(), |at, bytes| {
            to[at..].iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte.get());
        })
    }

    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        self.walk(to, from.len(), |at, bytes| from[at..].iter().zip(bytes).for_each(|(from, byte)| byte.set(*from)))
    }
}
