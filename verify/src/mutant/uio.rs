//! Transfers and a device with one planted bug, or none.
//!
//! `uiomove` is written down here a second time, plainly, so that each classic mistake can be made in it by turning one
//! switch. With [`NONE`] it is itself a subject that must pass: what kills a mutant is then the planted bug and nothing
//! else.

use selvedge::platform::{Platform, PlatformMutex};
use selvedge::uio::{AddressSpace, Fault, Iovec};
use selvedge_model::uio::Direction;

use super::Planted;
use crate::subject::Variant;

/// A planted bug: a variant.
pub type Bug = Variant;
/// No bug.
pub const NONE: Bug = 0;
/// On a fault what this call moved before is not taken off resid.
pub const RESID_KEPT_ON_FAULT: Bug = 1;
/// The offset is advanced before the copy.
pub const OFFSET_BEFORE_COPY: Bug = 2;
/// A chunk is bounded by resid instead of by what is wanted.
pub const CHUNK_BY_RESID: Bug = 3;
/// An element of no length ends the move.
pub const EMPTY_NOT_SKIPPED: Bug = 4;
/// The count of elements is not decremented.
pub const IOVCNT_KEPT: Bug = 5;
/// A used-up element is skipped at once, and the next one by the next call.
pub const SKIPPED_TWICE: Bug = 6;
/// Bytes go the other way.
pub const DIRECTION_SWAPPED: Bug = 7;
/// Without copying nothing is accounted.
pub const NOCOPY_UNACCOUNTED: Bug = 8;
/// The chunk that faults is accounted.
pub const FAULT_ACCOUNTED: Bug = 9;
/// The base of an element that is used in part stays.
pub const BASE_KEPT: Bug = 10;
/// Every chunk begins at the start of the buffer.
pub const BUFFER_FROM_START: Bug = 11;
/// A fault after progress is a success.
pub const FAULT_MASKED: Bug = 12;
/// A count of 1024 elements is too many.
pub const COUNT_OFF_BY_ONE: Bug = 13;
/// The sum of lengths wraps around.
pub const SUM_WRAPS: Bug = 14;
/// Linux: each length is clamped by itself, and not the sum.
pub const CLAMP_EACH: Bug = 15;
/// Linux: ranges are looked at before lengths.
pub const RANGE_FIRST: Bug = 16;

const fn planted(bug: Bug, name: &'static str, breaks: &'static str, planted: &'static str) -> Planted<Bug> {
    Planted { bug, name, planted, breaks }
}

/// The bugs of [`Plain`].
pub const MUTANTS: &[Planted<Bug>] = &[
    planted(RESID_KEPT_ON_FAULT, "U01-resid-kept-on-fault", "UIO-01", "a fault forgets what was moved before it"),
    planted(OFFSET_BEFORE_COPY, "U02-offset-before-copy", "UIO-05", "the offset is advanced before the copy"),
    planted(CHUNK_BY_RESID, "U03-chunk-by-resid", "UIO-07", "a chunk is bounded by resid and not by what is wanted"),
    planted(EMPTY_NOT_SKIPPED, "U04-empty-not-skipped", "UIO-09", "an element of no length ends the move"),
    planted(IOVCNT_KEPT, "U05-iovcnt-kept", "UIO-04", "the count of elements is not decremented"),
    planted(SKIPPED_TWICE, "U06-skipped-twice", "UIO-11", "a used-up element is skipped at once, and again later"),
    planted(DIRECTION_SWAPPED, "U07-direction-swapped", "UIO-13", "bytes go the other way"),
    planted(NOCOPY_UNACCOUNTED, "U08-nocopy-unaccounted", "UIO-12", "without copying nothing is accounted"),
    planted(FAULT_ACCOUNTED, "U09-fault-accounted", "UIO-05", "the chunk that faults is accounted"),
    planted(BASE_KEPT, "U10-base-kept", "UIO-06", "the base of an element that is used in part stays"),
    planted(BUFFER_FROM_START, "U11-buffer-from-start", "UIO-06", "every chunk begins at the start of the buffer"),
    planted(FAULT_MASKED, "U12-fault-masked", "UIO-05", "a fault after progress is a success"),
];

/// The bugs of [`import`].
pub const IMPORT_MUTANTS: &[Planted<Bug>] = &[
    planted(COUNT_OFF_BY_ONE, "U13-count-off-by-one", "UIO-16", "1024 elements are too many"),
    planted(SUM_WRAPS, "U14-sum-wraps", "UIO-16", "the sum of the lengths wraps around"),
    planted(CLAMP_EACH, "U15-clamp-each", "IOV-06", "each length is clamped by itself, and not the sum"),
    planted(RANGE_FIRST, "U16-range-first", "IOV-04", "ranges are looked at before lengths"),
];

/// A transfer, written down plainly.
#[derive(Clone, Debug)]
pub struct Plain {
    vector: Vec<Iovec>,
    element: usize,
    iovcnt: usize,
    offset: i64,
    resid: i64,
    /// Whether the call before ended with an element.
    skipped_early: bool,
    bug: Bug,
}

impl Plain {
    /// A transfer over all of a vector.
    pub fn new(vector: Vec<Iovec>, offset: i64, bug: Bug) -> Self {
        let resid = vector.iter().map(|element| element.len as i64).sum();
        Plain { iovcnt: vector.len(), vector, element: 0, offset, resid, skipped_early: false, bug }
    }

    /// `uio_resid`.
    pub fn resid(&self) -> i64 {
        self.resid
    }

    /// `uio_offset`.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Sets `uio_offset`.
    pub fn set_offset(&mut self, offset: i64) {
        self.offset = offset;
    }

    /// `uio_iovcnt` elements from `uio_iov` on, as many as there are.
    pub fn left(&self) -> Vec<Iovec> {
        self.vector.iter().skip(self.element).copied().collect()
    }

    /// `uio_iovcnt`.
    pub fn iovcnt(&self) -> usize {
        self.iovcnt
    }

    /// `uiomove` of the whole buffer; without an address space nothing is copied.
    ///
    /// # Errors
    ///
    /// The fault.
    pub fn uiomove(
        &mut self,
        direction: Direction,
        buffer: &mut [u8],
        space: Option<&dyn AddressSpace>,
    ) -> Result<(), Fault> {
        let (mut at, resid_before) = (0, self.resid);
        if self.skipped_early && self.iovcnt > 0 && self.element + 1 < self.vector.len() {
            self.element += 1;
        }
        self.skipped_early = false;
        while at < buffer.len() && self.resid > 0 {
            let Some(&Iovec { base, len }) = self.vector.get(self.element) else { break };
            if len == 0 {
                if self.bug == EMPTY_NOT_SKIPPED {
                    break;
                }
                self.skip();
                continue;
            }
            let wanted = if self.bug == CHUNK_BY_RESID { self.resid as usize } else { buffer.len() - at };
            let count = len.min(wanted);
            if self.bug == OFFSET_BEFORE_COPY {
                self.offset += count as i64;
            }
            let copied = match space {
                None => Ok(()),
                Some(space) => {
                    let from = if self.bug == BUFFER_FROM_START { 0 } else { at };
                    let end = (from + count).min(buffer.len());
                    let chunk = &mut buffer[from..end];
                    match (direction, self.bug == DIRECTION_SWAPPED) {
                        (Direction::Read, false) | (Direction::Write, true) => space.copyout(chunk, base),
                        _ => space.copyin(base, chunk),
                    }
                }
            };
            if let Err(fault) = copied {
                match self.bug {
                    RESID_KEPT_ON_FAULT => self.resid = resid_before,
                    FAULT_ACCOUNTED => self.account(count),
                    FAULT_MASKED if at > 0 => return Ok(()),
                    _ => {}
                }
                return Err(fault);
            }
            at += count;
            if space.is_none() && self.bug == NOCOPY_UNACCOUNTED {
                continue;
            }
            self.account(count);
        }
        let ends_with_element = self.vector.get(self.element).is_some_and(|element| element.len == 0);
        if self.bug == SKIPPED_TWICE && at > 0 && ends_with_element && self.element + 1 < self.vector.len() {
            self.skip();
            self.skipped_early = true;
        }
        Ok(())
    }

    fn skip(&mut self) {
        self.element += 1;
        if self.bug != IOVCNT_KEPT {
            self.iovcnt -= 1;
        }
    }

    fn account(&mut self, count: usize) {
        let element = &mut self.vector[self.element];
        if self.bug != BASE_KEPT {
            element.base = element.base.wrapping_add(count);
        }
        element.len -= count;
        self.resid -= count as i64;
        if self.bug != OFFSET_BEFORE_COPY {
            self.offset += count as i64;
        }
    }
}

/// The elements that a kernel takes in, or the error number: FreeBSD's `copyinuio`, or Linux's `import_iovec` if there is
/// an end of user addresses.
///
/// # Errors
///
/// `EINVAL` (22) or `EFAULT` (14).
pub fn import(elements: &[Iovec], count: usize, user_end: Option<usize>, bug: Bug) -> Result<Vec<Iovec>, i32> {
    const CAP: usize = 0x7fff_f000;
    if count > 1024 || bug == COUNT_OFF_BY_ONE && count >= 1024 {
        return Err(22);
    }
    let mut taken = elements.get(..count).ok_or(14)?.to_vec();
    let Some(user_end) = user_end else {
        let mut sum = 0_usize;
        for element in &taken {
            let max = isize::MAX as usize;
            let too_much = if bug == SUM_WRAPS { sum.wrapping_add(element.len) > max } else { element.len > max - sum };
            if too_much {
                return Err(22);
            }
            sum = sum.wrapping_add(element.len);
        }
        return Ok(taken);
    };
    let negative = taken.iter().any(|element| (element.len as isize) < 0);
    if negative && bug != RANGE_FIRST {
        return Err(22);
    }
    if let [only] = &mut taken[..] {
        only.len = only.len.min(CAP);
    }
    let is_outside = |element: &Iovec| element.base.checked_add(element.len).is_none_or(|end| end > user_end);
    if taken.iter().any(is_outside) {
        return Err(14);
    }
    if negative {
        return Err(22);
    }
    let mut left = CAP;
    for element in &mut taken {
        element.len = element.len.min(left);
        if bug != CLAMP_EACH {
            left -= element.len;
        }
    }
    Ok(taken)
}

/// The lock is released between the elements.
pub const LOCK_PER_ELEMENT: Bug = 1;
/// A read that faults takes out all that was wanted.
pub const DROPS_ON_FAULT: Bug = 2;
/// A read copies under the lock, and takes out under the lock again.
pub const LOOKS_THEN_TAKES: Bug = 3;
/// For the canary: a write answers and writes nothing.
pub const WRITES_NOTHING: Bug = 255;

/// The bugs of [`PlainQueue`].
pub const DEVICE_MUTANTS: &[Planted<Bug>] = &[
    planted(LOCK_PER_ELEMENT, "D01-lock-per-element", "DEV-01", "a write releases the lock between two elements"),
    planted(DROPS_ON_FAULT, "D02-drops-on-fault", "DEV-05", "a read that faults takes out all that was wanted"),
    planted(
        LOOKS_THEN_TAKES,
        "D03-looks-then-takes",
        "DEV-02",
        "a read releases the lock before it takes out what it copied",
    ),
];

/// A device, written down plainly.
pub struct PlainQueue<P: Platform> {
    bytes: P::Mutex<Vec<u8>>,
    room: usize,
    bug: Bug,
}

impl<P: Platform> PlainQueue<P> {
    /// An empty one.
    pub fn new(room: usize, bug: Bug) -> Self {
        PlainQueue { bytes: PlatformMutex::new(Vec::new()), room, bug }
    }

    /// How many bytes are in it.
    pub fn len(&self) -> usize {
        self.bytes.lock().len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes elements of which all but the first `good` bytes fault: how many bytes were written, and whether it
    /// faulted. `None` if there was no room.
    pub fn write(&self, elements: &[&[u8]], good: usize) -> Option<(usize, bool)> {
        let wanted: usize = elements.iter().map(|element| element.len()).sum();
        let mut written = 0;
        let mut bytes = self.bytes.lock();
        if bytes.len() == self.room && wanted > 0 {
            return None;
        }
        let fits = (self.room - bytes.len()).min(wanted);
        if self.bug == WRITES_NOTHING {
            return Some((fits, false));
        }
        for element in elements {
            let count = element.len().min(self.room - bytes.len());
            if written + count > good && count > 0 {
                return Some((written, true));
            }
            bytes.extend_from_slice(&element[..count]);
            written += count;
            if self.bug == LOCK_PER_ELEMENT {
                drop(bytes);
                bytes = self.bytes.lock();
            }
        }
        Some((written, false))
    }

    /// Reads at most `len` bytes, of which the caller can take `good`: the bytes, and whether it faulted. `None` if there
    /// was nothing.
    pub fn read(&self, len: usize, good: usize) -> Option<(Vec<u8>, bool)> {
        let mut bytes = self.bytes.lock();
        if bytes.is_empty() && len > 0 {
            return None;
        }
        let wanted = bytes.len().min(len);
        let moved = wanted.min(good);
        let found = bytes[..moved].to_vec();
        if self.bug == LOOKS_THEN_TAKES {
            drop(bytes);
            bytes = self.bytes.lock();
        }
        let gone = if self.bug == DROPS_ON_FAULT { wanted } else { moved };
        let gone = gone.min(bytes.len());
        bytes.drain(..gone);
        Some((found, moved < wanted))
    }
}
