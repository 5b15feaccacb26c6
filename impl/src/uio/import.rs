//! Taking in an array of `(base, len)` that somebody else has written.
//!
//! The array is copied once and then checked: whoever owns it may change it at any time.

use std::fmt;

use super::address_space::{AddressSpace, Fault};
use super::user::{Iovec, Uio};

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
    /// More elements than there may be.
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
    match limits.sum {
        Sum::Reject { max } => {
            let mut left = max;
            for (element, Iovec { len, .. }) in elements.iter().enumerate() {
                left = left.checked_sub(*len).ok_or(ImportError::Overflow { element })?;
            }
            check_ranges(space, &elements, limits)?;
        }
        Sum::Any => check_ranges(space, &elements, limits)?,
        Sum::Clamp { max } => {
            for (element, Iovec { len, .. }) in elements.iter().enumerate() {
                let is_negative = match layout {
                    Layout::Native => (*len as isize) < 0,
                    Layout::Compat32 => (*len as u32 as i32) < 0,
                };
                if is_negative {
                    return Err(ImportError::Negative { element });
                }
            }
            // Linux clamps a single element before it looks at the range, and several after.
            if let [only] = &mut elements[..] {
                only.len = only.len.min(max);
            }
            check_ranges(space, &elements, limits)?;
            let mut left = max;
            for element in &mut elements {
                element.len = element.len.min(left);
                left -= element.len;
            }
        }
    }
    Ok(Uio::new(elements, -1))
}

fn check_ranges(space: &(impl AddressSpace + ?Sized), elements: &[Iovec], limits: Limits) -> Result<(), ImportError> {
    let outside = elements.iter().position(|element| !space.admits(element.base, element.len));
    match outside.filter(|_| limits.checks_ranges) {
        Some(element) => Err(ImportError::OutOfRange { element }),
        None => Ok(()),
    }
}

/// Elements that are copied at a time: enough to make a copy worth its call, and little on the stack.
const BATCH: usize = 64;
const WORD: usize = size_of::<usize>();

fn take(
    space: &(impl AddressSpace + ?Sized),
    vector: usize,
    count: usize,
    layout: Layout,
) -> Result<Vec<Iovec>, ImportError> {
    let element_len = match layout {
        Layout::Native => 2 * WORD,
        Layout::Compat32 => 8,
    };
    let mut elements = Vec::with_capacity(count);
    let mut raw = [0; BATCH * 2 * WORD];
    while elements.len() < count {
        let batch = (count - elements.len()).min(BATCH);
        let raw = &mut raw[..batch * element_len];
        let from = vector.wrapping_add(elements.len() * element_len);
        space.copyin(from, raw).map_err(ImportError::Unreadable)?;
        // Two loops, so that neither asks of each element what it is.
        match layout {
            Layout::Native => elements.extend(raw.chunks_exact(2 * WORD).map(|element| {
                let (base, len) = element.split_at(WORD);
                Iovec { base: word(base), len: word(len) }
            })),
            Layout::Compat32 => elements.extend(raw.chunks_exact(8).map(|element| {
                let (base, len) = element.split_at(4);
                Iovec { base: half(base), len: half(len) }
            })),
        }
    }
    Ok(elements)
}

fn word(bytes: &[u8]) -> usize {
    usize::from_ne_bytes(bytes.try_into().expect("a word has that many bytes"))
}

fn half(bytes: &[u8]) -> usize {
    u32::from_ne_bytes(bytes.try_into().expect("four bytes")) as usize
}
