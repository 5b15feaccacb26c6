//! The semantics of `uiomove` and its relatives as plain functions on plain data.

use super::memory::Memory;
use super::{Errno, UIO_MAXIOV};

/// One element of a vector.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Iovec {
    /// The first address.
    pub base: u64,
    /// How many bytes.
    pub len: u64,
}

/// Where the addresses of a vector point: `uio_segflg`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Segment {
    /// `UIO_USERSPACE`: into the memory of the calling process, which may fault.
    #[default]
    User,
    /// `UIO_SYSSPACE`: into the kernel's own, which may not.
    System,
    /// `UIO_NOCOPY`: nowhere; the account is kept and nothing is copied.
    NoCopy,
}

/// Which way bytes go: `uio_rw`, seen from the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Direction {
    /// `UIO_READ`: from the kernel buffer into the vector.
    #[default]
    Read,
    /// `UIO_WRITE`: from the vector into the kernel buffer.
    Write,
}

/// A transfer that is under way: `struct uio`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Uio {
    /// The vector, its used-up elements included. The kernel has a pointer into it instead of an index.
    pub vector: Vec<Iovec>,
    /// `uio_iov`, as an index: the first element that is not known to be used up. It may be empty already.
    pub element: usize,
    /// `uio_iovcnt`: how many elements there are from there on.
    pub iovcnt: usize,
    /// `uio_offset`: where in the device or file the transfer stands; -1 if nobody has said so yet.
    pub offset: i64,
    /// `uio_resid`: how many bytes are still to be moved.
    pub resid: i64,
    /// `uio_segflg`.
    pub segment: Segment,
    /// `uio_rw`.
    pub direction: Direction,
    /// `uio_td`: whose memory a user segment is.
    pub owner: u8,
}

impl Uio {
    /// A transfer over all of a vector, with the `resid` that the contract demands.
    pub fn new(vector: Vec<Iovec>, offset: i64, segment: Segment, direction: Direction, owner: u8) -> Self {
        let iovcnt = vector.len();
        let resid = vector.iter().fold(0_i64, |sum, element| sum.wrapping_add(element.len as i64));
        Uio { vector, element: 0, iovcnt, offset, resid, segment, direction, owner }
    }

    /// The sum of the lengths that are left.
    pub fn left(&self) -> u128 {
        self.vector.iter().skip(self.element).take(self.iovcnt).map(|element| u128::from(element.len)).sum()
    }
}

/// What the kernel checks of its callers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Assertions {
    /// Whether assertions are compiled in (`options INVARIANTS`).
    pub compiled_in: bool,
    /// Whether those that came after FreeBSD 9 are there: `resid` is not negative, the vector does not run out, and
    /// the variant that must not fault is for user segments only.
    pub recent: bool,
}

impl Assertions {
    fn recent(self) -> bool {
        self.compiled_in && self.recent
    }
}

/// What a driver must never do, done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Violation {
    /// `resid` was negative on entry: an assertion stops the kernel.
    NegativeResid,
    /// `resid` promised more than the vector has: an assertion stops the kernel, or it reads beyond the vector.
    VectorRanOut,
    /// A user segment of another thread: an assertion stops the kernel.
    WrongThread,
    /// The variant that must not fault was called for a segment that has no faults: an assertion stops the kernel.
    NofaultWithoutUser,
    /// `ureadc` had nowhere to put the byte: the kernel panics.
    NoRoom,
    /// The kernel's own memory faulted, or the kernel buffer ended before `n`: nothing catches that.
    KernelFault,
}

/// How a transfer failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failure {
    /// The caller gets an error number.
    Error(Errno),
    /// The kernel stops, or anything may happen.
    Violation(Violation),
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Failure::Error(errno)
    }
}

impl From<Violation> for Failure {
    fn from(violation: Violation) -> Self {
        Failure::Violation(violation)
    }
}

/// The flags of a thread that page faults obey.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Flags {
    /// Locks are to be treated as if waiting for them could deadlock.
    pub deadlock_treatment: bool,
    /// A page fault that needs the virtual memory system is an error.
    pub no_faulting: bool,
    /// The count of spurious faults begins anew.
    pub reset_spurious: bool,
}

/// One call of `uiomove` that is under way: the kernel's local variables.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Movement {
    /// Bytes of the kernel buffer that are still wanted.
    pub wanted: i64,
    /// Where in the kernel buffer the next byte goes to or comes from.
    pub at: usize,
    /// The thread's flags, to be restored.
    saved: Flags,
}

/// How one turn of the loop ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// There is nothing left to do.
    Done,
    /// An empty element was skipped.
    Skipped,
    /// This many bytes were moved, or accounted as if they were.
    Moved(u64),
    /// The chunk faulted. Nothing of it is accounted.
    Faulted {
        /// The first address of the chunk that faults.
        address: u64,
        /// How many bytes of the chunk come before it and may have been copied, or not.
        copied_max: u64,
    },
}

impl Movement {
    /// Enters `uiomove`, or `uiomove_nofault`, for `n` bytes of the kernel buffer. `thread` is who calls.
    ///
    /// # Errors
    ///
    /// What an assertion finds wrong with the call.
    pub fn enter(
        uio: &Uio,
        n: i64,
        nofault: bool,
        thread: u8,
        assertions: Assertions,
        flags: &mut Flags,
    ) -> Result<Self, Violation> {
        if assertions.compiled_in && uio.segment == Segment::User && uio.owner != thread {
            return Err(Violation::WrongThread);
        }
        if assertions.recent() && uio.resid < 0 {
            return Err(Violation::NegativeResid);
        }
        if assertions.recent() && nofault && uio.segment != Segment::User {
            return Err(Violation::NofaultWithoutUser);
        }
        let saved = *flags;
        // Only what may fault has use for them.
        if uio.segment == Segment::User {
            flags.deadlock_treatment = true;
            flags.no_faulting |= nofault;
            flags.reset_spurious |= nofault;
        }
        Ok(Movement { wanted: n, at: 0, saved })
    }

    /// The same, from this byte of the kernel buffer on.
    pub fn from(self, at: usize) -> Self {
        Movement { at, ..self }
    }

    /// One turn of the loop. After [`Turn::Done`] and [`Turn::Faulted`] comes [`Movement::leave`].
    ///
    /// # Errors
    ///
    /// A broken contract that shows only now.
    pub fn turn(&mut self, buffer: &mut [u8], uio: &mut Uio, memory: &mut Memory) -> Result<Turn, Violation> {
        // A resid below zero counts as one that is left: the loop asks only whether it is zero.
        if self.wanted <= 0 || uio.resid == 0 {
            return Ok(Turn::Done);
        }
        // With an assertion the kernel stops here; without one it reads beyond the vector, and anything may follow.
        if uio.iovcnt == 0 {
            return Err(Violation::VectorRanOut);
        }
        let Iovec { base, len } = uio.vector[uio.element];
        if len == 0 {
            uio.element += 1;
            uio.iovcnt -= 1;
            return Ok(Turn::Skipped);
        }
        let count = len.min(self.wanted as u64);
        if uio.segment != Segment::NoCopy {
            let Some(buffer) =
                usize::try_from(count).ok().and_then(|count| buffer.get_mut(self.at..)?.get_mut(..count))
            else {
                return Err(Violation::KernelFault);
            };
            if let Some(address) = memory.first_fault(base, count) {
                if uio.segment == Segment::System {
                    return Err(Violation::KernelFault);
                }
                return Ok(Turn::Faulted { address, copied_max: address.wrapping_sub(base) });
            }
            copy(uio.direction, buffer, memory, base);
        }
        let element = &mut uio.vector[uio.element];
        element.base = base.wrapping_add(count);
        element.len -= count;
        uio.resid = uio.resid.wrapping_sub(count as i64);
        uio.offset = uio.offset.wrapping_add(count as i64);
        self.at = self.at.wrapping_add(count as usize);
        self.wanted -= count as i64;
        Ok(Turn::Moved(count))
    }

    /// Leaves, whether something went wrong or not.
    pub fn leave(self, flags: &mut Flags) {
        *flags = self.saved;
    }
}

/// Copies between a part of the kernel buffer and the memory from `base` on.
pub fn copy(direction: Direction, buffer: &mut [u8], memory: &mut Memory, base: u64) {
    let segment = memory.bytes_mut(base, buffer.len() as u64);
    match direction {
        Direction::Read => segment.copy_from_slice(buffer),
        Direction::Write => buffer.copy_from_slice(segment),
    }
}

/// The whole of `uiomove` by the thread that owns the transfer, with every assertion there is. Of a chunk that faults
/// nothing is copied; a kernel may copy what [`Turn::Faulted`] says. The answer is how many bytes are accounted by this
/// call.
///
/// ```
/// use selvedge_model::uio::{Direction, Errno, Iovec, Memory, Segment, Uio, movement};
///
/// let mut memory = Memory::new(0, vec![0; 8]);
/// let vector = vec![Iovec { base: 2, len: 3 }, Iovec { base: 0, len: 0 }, Iovec { base: 6, len: 9 }];
/// let mut uio = Uio::new(vector, 100, Segment::User, Direction::Read, 0);
/// let (moved, end) = movement::uiomove(&mut b"abcdefgh".to_owned(), 8, &mut uio, &mut memory);
/// // The third element begins inside the memory and ends outside it: nothing of it is accounted.
/// assert_eq!((moved, end), (3, Err(Errno::EFAULT.into())));
/// assert_eq!((uio.resid, uio.offset, uio.iovcnt), (9, 103, 1));
/// assert_eq!(memory.all(), b"\0\0abc\0\0\0");
/// ```
pub fn uiomove(buffer: &mut [u8], n: i64, uio: &mut Uio, memory: &mut Memory) -> (u64, Result<(), Failure>) {
    let mut flags = Flags::default();
    let assertions = Assertions { compiled_in: true, recent: true };
    let mut movement = match Movement::enter(uio, n, false, uio.owner, assertions, &mut flags) {
        Ok(movement) => movement,
        Err(violation) => return (0, Err(violation.into())),
    };
    let mut moved = 0;
    let end = loop {
        match movement.turn(buffer, uio, memory) {
            Ok(Turn::Done) => break Ok(()),
            Ok(Turn::Skipped) => {}
            Ok(Turn::Moved(count)) => moved += count,
            Ok(Turn::Faulted { .. }) => break Err(Errno::EFAULT.into()),
            Err(violation) => break Err(violation.into()),
        }
    };
    movement.leave(&mut flags);
    (moved, end)
}

/// What `uiomove_frombuf` decides before it moves: which part of a buffer of `buffer_len` bytes, from where on and how
/// many bytes. `None` is the end of the file: nothing is moved and that is no error.
///
/// # Errors
///
/// `EINVAL` for an offset or a `resid` that is negative, and for more than `iosize_max` bytes.
pub fn frombuf(buffer_len: i64, uio: &Uio, iosize_max: i64) -> Result<Option<(usize, i64)>, Errno> {
    if uio.offset < 0 || uio.resid < 0 {
        return Err(Errno::EINVAL);
    }
    let Ok(offset) = usize::try_from(uio.offset) else {
        return Err(Errno::EINVAL);
    };
    if buffer_len <= 0 || uio.offset >= buffer_len {
        return Ok(None);
    }
    let n = buffer_len - uio.offset;
    if n > iosize_max {
        return Err(Errno::EINVAL);
    }
    Ok(Some((offset, n)))
}

/// `ureadc`: puts one byte into the vector.
///
/// # Errors
///
/// `EFAULT`, with nothing accounted; a panic if there is no room.
pub fn ureadc(byte: u8, uio: &mut Uio, memory: &mut Memory) -> Result<(), Failure> {
    loop {
        if uio.iovcnt == 0 || uio.resid == 0 {
            return Err(Violation::NoRoom.into());
        }
        if uio.vector[uio.element].len > 0 {
            break;
        }
        uio.element += 1;
        uio.iovcnt -= 1;
    }
    let element = &mut uio.vector[uio.element];
    if uio.segment != Segment::NoCopy {
        if memory.first_fault(element.base, 1).is_some() {
            return Err(match uio.segment {
                Segment::System => Violation::KernelFault.into(),
                _ => Errno::EFAULT.into(),
            });
        }
        memory.bytes_mut(element.base, 1)[0] = byte;
    }
    element.base = element.base.wrapping_add(1);
    element.len -= 1;
    uio.resid = uio.resid.wrapping_sub(1);
    uio.offset = uio.offset.wrapping_add(1);
    Ok(())
}

/// `copyiniov`: takes a vector of `count` elements out of the memory of a process, where `readable` of them can be read.
///
/// # Errors
///
/// `too_many`, the caller's choice, if there are more than [`UIO_MAXIOV`]; `EFAULT` if one cannot be read.
pub fn copyiniov(vector: &[Iovec], readable: usize, count: i64, too_many: Errno) -> Result<Vec<Iovec>, Errno> {
    // The kernel's count is unsigned: a negative one is a large one.
    if !(0..=UIO_MAXIOV).contains(&count) {
        return Err(too_many);
    }
    let count = count as usize;
    match vector.get(..count) {
        Some(elements) if count <= readable => Ok(elements.to_vec()),
        _ => Err(Errno::EFAULT),
    }
}

/// `copyinuio`: a transfer over a vector of `count` elements in the memory of a process.
///
/// The direction is the caller's to set; here it is given.
///
/// # Errors
///
/// `EINVAL` for more than [`UIO_MAXIOV`] elements and for more than `iosize_max` bytes in all; `EFAULT` if an element
/// cannot be read.
pub fn copyinuio(
    vector: &[Iovec],
    readable: usize,
    count: i64,
    iosize_max: i64,
    direction: Direction,
    owner: u8,
) -> Result<Uio, Errno> {
    let vector = copyiniov(vector, readable, count, Errno::EINVAL)?;
    let total: u128 = vector.iter().map(|element| u128::from(element.len)).sum();
    if total > iosize_max as u128 {
        return Err(Errno::EINVAL);
    }
    Ok(Uio::new(vector, -1, Segment::User, direction, owner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uio(lens: &[(u64, u64)], segment: Segment) -> Uio {
        let vector = lens.iter().map(|&(base, len)| Iovec { base, len }).collect();
        Uio::new(vector, 0, segment, Direction::Read, 0)
    }

    #[test]
    fn empty_elements_are_skipped_and_a_used_up_one_stays() {
        let mut memory = Memory::new(0, vec![0; 16]);
        let mut uio = uio(&[(9, 0), (0, 3), (9, 0), (4, 5)], Segment::User);
        assert_eq!(uiomove(&mut [7; 8], 4, &mut uio, &mut memory), (4, Ok(())));
        assert_eq!((uio.element, uio.iovcnt, uio.resid, uio.vector[3].len), (3, 1, 4, 4));
        assert_eq!(uiomove(&mut [7; 8], 4, &mut uio, &mut memory), (4, Ok(())));
        assert_eq!((uio.element, uio.iovcnt, uio.resid, uio.vector[3].len), (3, 1, 0, 0));
    }

    #[test]
    fn a_resid_that_lies_goes_below_zero_or_off_the_vector() {
        let mut memory = Memory::new(0, vec![0; 16]);
        let mut short = Uio { resid: 3, ..uio(&[(0, 10)], Segment::User) };
        assert_eq!(uiomove(&mut [0; 10], 10, &mut short, &mut memory), (10, Ok(())));
        assert_eq!(short.resid, -7);
        let again = uiomove(&mut [0; 10], 1, &mut short, &mut memory);
        assert_eq!(again, (0, Err(Violation::NegativeResid.into())));
        let mut long = Uio { resid: 12, ..uio(&[(0, 10)], Segment::User) };
        let ran_out = uiomove(&mut [0; 12], 12, &mut long, &mut memory);
        assert_eq!(ran_out, (10, Err(Violation::VectorRanOut.into())));
    }

    #[test]
    fn flags_are_set_while_user_memory_is_moved() {
        let assertions = Assertions { compiled_in: true, recent: false };
        let entered = |segment, nofault| {
            let mut flags = Flags::default();
            let movement = Movement::enter(&uio(&[(0, 4)], segment), 4, nofault, 0, assertions, &mut flags).unwrap();
            let during = flags;
            movement.leave(&mut flags);
            assert_eq!(flags, Flags::default());
            (during.deadlock_treatment, during.no_faulting, during.reset_spurious)
        };
        assert_eq!(entered(Segment::User, false), (true, false, false));
        assert_eq!(entered(Segment::User, true), (true, true, true));
        for segment in [Segment::System, Segment::NoCopy] {
            assert_eq!([false, true].map(|nofault| entered(segment, nofault)), [(false, false, false); 2]);
        }
    }

    #[test]
    fn a_resid_that_lies_wraps_around() {
        let mut memory = Memory::new(0, vec![0; 16]);
        let mut least = Uio { resid: i64::MIN, ..uio(&[(0, 4)], Segment::User) };
        assert_eq!(ureadc(7, &mut least, &mut memory), Ok(()));
        assert_eq!(least.resid, i64::MAX);
    }

    #[test]
    fn a_buffer_is_read_from_the_offset_on() {
        let at = |offset| Uio { offset, ..uio(&[(0, 4)], Segment::User) };
        assert_eq!(frombuf(10, &at(4), 6), Ok(Some((4, 6))));
        assert_eq!(frombuf(10, &at(4), 5), Err(Errno::EINVAL));
        assert_eq!(frombuf(10, &at(10), 5), Ok(None));
        assert_eq!(frombuf(-1, &at(0), 5), Ok(None));
        assert_eq!(frombuf(10, &at(-1), 5), Err(Errno::EINVAL));
        assert_eq!(frombuf(10, &Uio { resid: -1, ..at(0) }, 5), Err(Errno::EINVAL));
    }

    #[test]
    fn a_vector_is_limited_in_count_and_sum() {
        let element = |len| Iovec { base: 0, len };
        let of = |vector: &[Iovec], count, max| {
            copyinuio(vector, vector.len(), count, max, Direction::Read, 0).map(|uio| uio.resid)
        };
        assert_eq!(of(&[element(1); 1024], 1024, i64::MAX), Ok(1024));
        assert_eq!(of(&[element(1); 1025], 1025, i64::MAX), Err(Errno::EINVAL));
        assert_eq!(of(&[], 0, i64::MAX), Ok(0));
        assert_eq!(of(&[element(i64::MAX as u64), element(0)], 2, i64::MAX), Ok(i64::MAX));
        assert_eq!(of(&[element(i64::MAX as u64), element(1)], 2, i64::MAX), Err(Errno::EINVAL));
        assert_eq!(of(&[element(u64::MAX), element(2)], 2, i64::MAX), Err(Errno::EINVAL), "no sum wraps around");
        assert_eq!(of(&[element(1)], 2, i64::MAX), Err(Errno::EFAULT));
        assert_eq!(copyiniov(&[], 0, 1025, Errno::EMSGSIZE), Err(Errno::EMSGSIZE));
    }
}
