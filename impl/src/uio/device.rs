//! A device behind transfers: a queue of bytes that threads write into and read out of.
//!
//! It is what a driver does with a `uio`, in small, and the subject by which the suite looks at transfers under loom and
//! shuttle. One lock is held for a whole operation, copies included: so no operation sees half of another's, and what a
//! transfer accounts is exactly what the queue gains or loses. The price is that a slow address space keeps others out.

use std::fmt;

use super::address_space::{AddressSpace, Fault};
use super::user::{Interrupted, Uio};
use crate::platform::{Platform, PlatformMutex, Std};

/// A queue of bytes with a fixed capacity. Nothing waits: what cannot be done at once is refused.
///
/// ```
/// use selvedge::uio::device::{ByteQueue, Refused};
/// use selvedge::uio::{AddressSpace, Iovec, Paged, Uio};
///
/// let space = Paged::new(0, 64, 1);
/// space.copyout(b"ping", 8).unwrap();
/// let queue: ByteQueue = ByteQueue::new(16);
/// let at = |base| Uio::new(vec![Iovec { base, len: 4 }], 0);
/// assert_eq!(queue.write(&space, &mut at(8)), Ok(4));
/// assert_eq!(queue.read(&space, &mut at(32)), Ok(4));
/// assert_eq!(queue.read(&space, &mut at(32)), Err(Refused::WouldBlock));
/// ```
pub struct ByteQueue<P: Platform = Std> {
    ring: P::Mutex<Ring>,
}

/// Why an operation moved nothing, or not everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refused {
    /// There is nothing to read, or no room: `EAGAIN`.
    WouldBlock,
    /// The other side faulted: `EFAULT`. What the transfer accounts before it is moved all the same.
    Fault(Fault),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::WouldBlock => f.write_str("it would have to wait"),
            Refused::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

impl<P: Platform> fmt::Debug for ByteQueue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteQueue").finish_non_exhaustive()
    }
}

impl<P: Platform> ByteQueue<P> {
    /// An empty queue with room for `capacity` bytes.
    pub fn new(capacity: usize) -> Self {
        ByteQueue { ring: PlatformMutex::new(Ring { bytes: vec![0; capacity].into(), first: 0, len: 0 }) }
    }

    /// How many bytes are in it.
    pub fn len(&self) -> usize {
        self.ring.lock().len
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the oldest bytes into the transfer's vector, as many as there are and as it wants, and returns how many.
    ///
    /// # Errors
    ///
    /// If there are none although some are wanted, and if the vector faults: the queue then keeps all that the transfer
    /// did not account.
    pub fn read(&self, space: &(impl AddressSpace + ?Sized), uio: &mut Uio) -> Result<usize, Refused> {
        let mut ring = self.ring.lock();
        if ring.len == 0 && uio.resid() > 0 {
            return Err(Refused::WouldBlock);
        }
        let mut total = 0;
        while ring.len > 0 && uio.resid() > 0 {
            let result = uio.copy_out(space, ring.oldest());
            let moved = result.unwrap_or_else(|interrupted| interrupted.moved);
            ring.remove(moved);
            total += moved;
            result.map_err(refused)?;
        }
        Ok(total)
    }

    /// Moves bytes out of the transfer's vector, as many as there is room for, and returns how many.
    ///
    /// # Errors
    ///
    /// If there is no room although bytes are to be written, and if the vector faults: what the transfer accounted before
    /// is in the queue.
    pub fn write(&self, space: &(impl AddressSpace + ?Sized), uio: &mut Uio) -> Result<usize, Refused> {
        let mut ring = self.ring.lock();
        if ring.len == ring.bytes.len() && uio.resid() > 0 {
            return Err(Refused::WouldBlock);
        }
        let mut total = 0;
        while ring.len < ring.bytes.len() && uio.resid() > 0 {
            let result = uio.copy_in(space, ring.room());
            let moved = result.unwrap_or_else(|interrupted| interrupted.moved);
            ring.len += moved;
            total += moved;
            result.map_err(refused)?;
        }
        Ok(total)
    }
}

fn refused(interrupted: Interrupted) -> Refused {
    Refused::Fault(interrupted.fault)
}

/// Bytes in a circle.
pub struct Ring {
    bytes: Box<[u8]>,
    /// Where the oldest is.
    first: usize,
    /// How many there are.
    len: usize,
}

impl Ring {
    /// The oldest bytes that lie side by side.
    fn oldest(&self) -> &[u8] {
        let end = (self.first + self.len).min(self.bytes.len());
        &self.bytes[self.first..end]
    }

    /// Room that lies side by side, for the bytes that come next.
    fn room(&mut self) -> &mut [u8] {
        let capacity = self.bytes.len();
        let end = self.first + self.len;
        if end < capacity { &mut self.bytes[end..] } else { &mut self.bytes[end - capacity..self.first] }
    }

    fn remove(&mut self, count: usize) {
        self.first = (self.first + count) % self.bytes.len();
        self.len -= count;
    }
}
