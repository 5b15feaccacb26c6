//! Taking in an array of `(base, len)` that somebody else has written.
//!
//! The array is copied once, in one piece, and then checked: whoever owns it may change it at any time.
//!
//! Beyond the copy, all lengths are looked at together first ([`Lengths`]), several at a time. Only where that does not show
//! that they are fine, each is looked at by itself, to say what is wrong with which. Ranges are looked at one by one.

use std::fmt;
use std::slice;

use super::address_space::{AddressSpace, Fault};
use super::user::{Iovec, Lengths, Uio};

/// How an element lies in memory, in the byte order of this machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Layout {
    /// Two words of this machine: `struct iovec`.
    Native,
    /// Two words of 32 bits: what a 32-bit process has.
    Compat32,
}

/// What the lengths may add up to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Sum {
    /// More than `max` is an error, as in FreeBSD.
    Reject {
        /// The most, in bytes.
        max: usize,
    },
    /// Anything: the lengths are not looked at, as in FreeBSD's `copyiniov`.
    Any,
    /// What goes beyond `max` is cut off, element by element, as in Linux. A length that is negative as a signed number
    /// is an error all the same.
    Clamp {
        /// The most, in bytes.
        max: usize,
    },
}

/// What is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    /// The most elements.
    pub elements_max: usize,
    /// What the lengths may add up to.
    pub sum: Sum,
    /// Whether each range is held against [`AddressSpace::admits`].
    pub checks_ranges: bool,
}

/// `UIO_MAXIOV` of both kernels.
const UIO_MAXIOV: usize = 1024;
/// `INT_MAX` rounded down to a page, the most that Linux moves in one call.
const MAX_RW_COUNT: usize = 0x7fff_f000;

impl Limits {
    /// FreeBSD's `copyinuio`: `IOSIZE_MAX` is `SSIZE_MAX`.
    pub const FREEBSD: Limits =
        Limits { elements_max: UIO_MAXIOV, sum: Sum::Reject { max: isize::MAX as usize }, checks_ranges: false };
    /// The same for a 32-bit process, or with `debug.iosize_max_clamp`: `IOSIZE_MAX` is `INT_MAX`.
    pub const FREEBSD_32: Limits = Limits { sum: Sum::Reject { max: i32::MAX as usize }, ..Limits::FREEBSD };
    /// Linux's `import_iovec`.
    pub const LINUX: Limits =
        Limits { elements_max: UIO_MAXIOV, sum: Sum::Clamp { max: MAX_RW_COUNT }, checks_ranges: true };
}

/// Why a vector was not taken in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ImportError {
    /// More elements than there may be, or than there is memory for.
    TooMany {
        /// How many.
        count: usize,
    },
    /// The array itself cannot be read.
    Unreadable(Fault),
    /// A length that is negative as a signed number.
    Negative {
        /// Which element.
        element: usize,
    },
    /// With this element the lengths add up to too much.
    Overflow {
        /// Which element.
        element: usize,
    },
    /// A range that is not one of the address space.
    OutOfRange {
        /// Which element.
        element: usize,
    },
}

impl ImportError {
    /// The error number that a kernel answers with: `EFAULT` (14) or `EINVAL` (22).
    pub fn errno(self) -> i32 {
        match self {
            ImportError::Unreadable(_) | ImportError::OutOfRange { .. } => 14,
            ImportError::TooMany { .. } | ImportError::Negative { .. } | ImportError::Overflow { .. } => 22,
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::TooMany { count } => write!(f, "{count} elements are too many"),
            ImportError::Unreadable(fault) => write!(f, "the vector cannot be read: {fault}"),
            ImportError::Negative { element } => write!(f, "element {element} has a negative length"),
            ImportError::Overflow { element } => write!(f, "with element {element} the lengths add up to too much"),
            ImportError::OutOfRange { element } => write!(f, "element {element} is outside the address space"),
        }
    }
}

impl std::error::Error for ImportError {}

/// Takes in a vector of `count` elements at the address `vector` and makes a transfer of it, at offset -1: nobody has
/// said yet where it stands.
///
/// ```
/// use selvedge::uio::{AddressSpace, ImportError, Layout, Limits, Paged, import};
///
/// let space = Paged::new(0, 4096, 1);
/// space.copyout(&[0_u32, 7, 64, u32::MAX].map(u32::to_ne_bytes).concat(), 256).unwrap();
/// assert_eq!(import(&space, 256, 1, Layout::Compat32, Limits::FREEBSD_32).unwrap().resid(), 7);
/// let two = import(&space, 256, 2, Layout::Compat32, Limits::FREEBSD_32);
/// assert_eq!(two.unwrap_err(), ImportError::Overflow { element: 1 });
/// ```
///
/// # Errors
///
/// See [`ImportError`]. What is wrong first is found first, but for the whole array's being read before the ranges are
/// looked at.
pub fn import(
    space: &(impl AddressSpace + ?Sized),
    vector: usize,
    count: usize,
    layout: Layout,
    limits: Limits,
) -> Result<Uio, ImportError> {
    if count > limits.elements_max {
        return Err(ImportError::TooMany { count });
    }
    let mut elements = take(space, vector, count, layout)?;
    let lengths = Lengths::of(&elements);
    let mut sum = lengths.sum;
    match limits.sum {
        Sum::Any => check_ranges(space, &elements, limits)?,
        Sum::Reject { max } => {
            if !lengths.are_within(max) {
                find_overflow(&elements, max)?;
            }
            check_ranges(space, &elements, limits)?;
        }
        Sum::Clamp { max } => {
            // A sign is a bit: one of the lengths has it, or none has.
            if is_negative(lengths.bits, layout) {
                find_negative(&elements, layout)?;
            }
            // Linux clamps a single element before it looks at the range, and several after.
            if let [only] = &mut elements[..] {
                only.len = only.len.min(max);
            }
            check_ranges(space, &elements, limits)?;
            if !lengths.are_within(max) {
                sum = Some(clamp(&mut elements, max));
            }
        }
    }
    Ok(Uio::summed(elements, sum, -1))
}

fn find_overflow(elements: &[Iovec], max: usize) -> Result<(), ImportError> {
    let mut left = max;
    for (element, Iovec { len, .. }) in elements.iter().enumerate() {
        left = left.checked_sub(*len).ok_or(ImportError::Overflow { element })?;
    }
    Ok(())
}

fn is_negative(len: usize, layout: Layout) -> bool {
    match layout {
        Layout::Native => (len as isize) < 0,
        Layout::Compat32 => (len as u32 as i32) < 0,
    }
}

fn find_negative(elements: &[Iovec], layout: Layout) -> Result<(), ImportError> {
    match elements.iter().position(|element| is_negative(element.len, layout)) {
        Some(element) => Err(ImportError::Negative { element }),
        None => Ok(()),
    }
}

/// Returns what the lengths add up to then.
fn clamp(elements: &mut [Iovec], max: usize) -> usize {
    let mut left = max;
    for element in elements {
        element.len = element.len.min(left);
        left -= element.len;
    }
    max - left
}

fn check_ranges(space: &(impl AddressSpace + ?Sized), elements: &[Iovec], limits: Limits) -> Result<(), ImportError> {
    if !limits.checks_ranges {
        return Ok(());
    }
    match elements.iter().position(|element| !space.admits(element.base, element.len)) {
        Some(element) => Err(ImportError::OutOfRange { element }),
        None => Ok(()),
    }
}

fn take(
    space: &(impl AddressSpace + ?Sized),
    vector: usize,
    count: usize,
    layout: Layout,
) -> Result<Vec<Iovec>, ImportError> {
    let mut elements = Vec::new();
    elements.try_reserve_exact(count).map_err(|_| ImportError::TooMany { count })?;
    elements.resize(count, Iovec::default());
    if count == 0 {
        // There is no array then, and nothing to be read at its address.
        return Ok(elements);
    }
    match layout {
        Layout::Native => space.copyin(vector, bytes_of(&mut elements)).map_err(ImportError::Unreadable)?,
        Layout::Compat32 => {
            // A smaller array goes to the end of the room that it takes once it is spread out. Element by element, the
            // front never overtakes what is still to be read.
            const ELEMENT_LEN: usize = 8;
            let start = size_of_val(&elements[..]) - count * ELEMENT_LEN;
            space.copyin(vector, &mut bytes_of(&mut elements)[start..]).map_err(ImportError::Unreadable)?;
            for index in 0..count {
                let element = &bytes_of(&mut elements)[start + index * ELEMENT_LEN..][..ELEMENT_LEN];
                let (base, len) = element.split_at(4);
                elements[index] = Iovec { base: half(base), len: half(len) };
            }
        }
    }
    Ok(elements)
}

/// Elements as the bytes that they lie in.
fn bytes_of(elements: &mut [Iovec]) -> &mut [u8] {
    // SAFETY: an `Iovec` is two words side by side, without a byte between or after them; whatever bytes are written are
    // words. The bytes are borrowed as the elements were.
    unsafe { slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), size_of_val(elements)) }
}

#[inline]
fn half(bytes: &[u8]) -> usize {
    u32::from_ne_bytes(bytes.try_into().expect("four bytes")) as usize
}
