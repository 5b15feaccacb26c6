//! FreeBSD's `struct uio` and what moves bytes through it: `uiomove` and its relatives.
//!
//! # What it models
//!
//! A `uio` is half of a transfer: a vector of memory segments that are filled or emptied in order, how much is still to
//! be moved (`resid`), and where in the device or file the transfer stands (`offset`). A driver calls
//! [`uiomove`](movement::uiomove) with the other half, a kernel buffer, once or many times, and the header keeps the
//! account. A user address may fault; then what was moved before stays moved, and nothing of the chunk that faulted is
//! accounted, although some of it may have been copied.
//!
//! [`movement`] is the semantics as plain functions on plain data, to be called directly; one turn of the kernel's loop
//! is one call of [`Movement::turn`](movement::Movement::turn). [`spec`] makes a [`Spec`](crate::Spec) of it, in which a
//! turn is an atomic step: a thread that stores into its process's memory while another is inside `uiomove` may come
//! between any two. [`device`] is a byte queue whose reads and writes move through `uiomove` under a lock.
//!
//! # Contracts
//!
//! The kernel trusts its callers. What happens when a driver breaks the contract is an outcome of its own, a
//! [`Violation`](movement::Violation), and depends on the version and on whether assertions are compiled in: see
//! [`Assertions`](movement::Assertions).
//!
//! # Limits
//!
//! `uio_rw` is one of two values by its type; the assertion that it is cannot fail here. Yielding to other threads and
//! the warning about locks held have no effect that a caller could see.

pub mod device;
pub mod memory;
pub mod movement;
pub mod spec;
mod vocabulary;

use std::fmt;
use std::str::FromStr;

pub use device::DeviceSpec;
pub use memory::Memory;
pub use movement::{Direction, Iovec, Segment, Uio};
pub use spec::UioSpec;

use crate::spec::Unreadable;
use crate::text;

/// The most elements that a vector may have.
pub const UIO_MAXIOV: i64 = 1024;

/// An error number, by the value that Linux and FreeBSD share unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const EPERM: Errno = Errno(1);
    /// No such process.
    pub const ESRCH: Errno = Errno(3);
    /// Bad file descriptor.
    pub const EBADF: Errno = Errno(9);
    /// Nothing there, or no room, and the caller does not want to wait. Linux's number; FreeBSD's is 35.
    pub const EAGAIN: Errno = Errno(11);
    /// Bad address.
    pub const EFAULT: Errno = Errno(14);
    /// Invalid argument.
    pub const EINVAL: Errno = Errno(22);
    /// File too large.
    pub const EFBIG: Errno = Errno(27);
    /// Not seekable.
    pub const ESPIPE: Errno = Errno(29);
    /// Nobody reads the pipe.
    pub const EPIPE: Errno = Errno(32);
    /// Message too long. FreeBSD's number; Linux's is 90.
    pub const EMSGSIZE: Errno = Errno(40);
    /// Operation not supported. Linux's number; FreeBSD's is 45.
    pub const EOPNOTSUPP: Errno = Errno(95);

    const NAMES: [(&'static str, Errno); 11] = [
        ("EPERM", Errno::EPERM),
        ("ESRCH", Errno::ESRCH),
        ("EBADF", Errno::EBADF),
        ("EAGAIN", Errno::EAGAIN),
        ("EFAULT", Errno::EFAULT),
        ("EINVAL", Errno::EINVAL),
        ("EFBIG", Errno::EFBIG),
        ("ESPIPE", Errno::ESPIPE),
        ("EPIPE", Errno::EPIPE),
        ("EMSGSIZE", Errno::EMSGSIZE),
        ("EOPNOTSUPP", Errno::EOPNOTSUPP),
    ];
}

/// The name, or `errno-7` for a number that no rule of ours names.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Errno::NAMES.iter().find(|(_, errno)| errno == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "errno-{}", self.0),
        }
    }
}

impl FromStr for Errno {
    type Err = Unreadable;

    fn from_str(text: &str) -> Result<Self, Unreadable> {
        match text.trim().strip_prefix("errno-").map(str::parse) {
            Some(Ok(number)) => Ok(Errno(number)),
            _ => text::one_of(text, "error", &Errno::NAMES),
        }
    }
}
