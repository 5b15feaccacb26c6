//! Scatter/gather transfers that keep their account: FreeBSD's `struct uio` and `uiomove`, for Rust.
//!
//! One side of a transfer is a vector of memory segments, the other a buffer that may come in pieces. What lies between
//! is a cursor that knows how much is left ([`resid`](Gather::resid)), where in the device or file the transfer stands
//! ([`offset`](Gather::offset)), and in which element it is. There are three:
//!
//! | cursor | the vector is | bytes go |
//! |---|---|---|
//! | [`Gather`] | `&[IoSlice]`, memory of this program | out of it |
//! | [`Scatter`] | `&mut [IoSliceMut]`, memory of this program | into it |
//! | [`Uio`] | addresses that somebody else named, in an [`AddressSpace`] | either way, and they may fault |
//!
//! The first two are `UIO_SYSSPACE` and cannot fail; the third is `UIO_USERSPACE`. `UIO_NOCOPY` is
//! [`advance`](Gather::advance), which keeps the account and copies nothing. [`import`](import()) takes an untrusted
//! array of `(base, len)` in, with the limits of FreeBSD or of Linux.
//!
//! ```
//! use std::io::IoSlice;
//! use selvedge::uio::Gather;
//!
//! let pieces = [IoSlice::new(b"scatter"), IoSlice::new(b""), IoSlice::new(b" and gather")];
//! let mut gather = Gather::new(&pieces);
//! let mut packet = [0; 10];
//! assert_eq!(gather.copy_to(&mut packet), 10);
//! assert_eq!(&packet, b"scatter an");
//! assert_eq!((gather.resid(), gather.offset()), (8, 10));
//! assert_eq!(gather.advance(2), 2);
//! assert_eq!(gather.copy_to(&mut packet), 6);
//! assert_eq!(&packet[..6], b"gather");
//! ```
//!
//! # What holds
//!
//! What was moved and what is left always add up; the offset moves by what was moved; bytes go in order, each once; an
//! element of no length is skipped; of a chunk that faults nothing is accounted, and everything before it is. The spec
//! that says so is `selvedge_model::uio`. Where FreeBSD relies on its callers (a `resid` that is the sum of the lengths,
//! a buffer of `n` bytes) the types leave nothing to rely on: `resid` is counted when the cursor is made, and buffers
//! know their length.

mod account;
mod address_space;
mod cursor;
pub mod device;
mod import;
#[cfg(all(target_os = "linux", feature = "process-vm"))]
mod own_memory;
#[cfg(test)]
mod tests;
mod user;

pub use address_space::{AddressSpace, Fault, Paged};
pub use cursor::{Gather, Scatter};
pub use import::{ImportError, Layout, Limits, Sum, import};
#[cfg(all(target_os = "linux", feature = "process-vm"))]
pub use own_memory::OwnMemory;
pub use user::{AtOffset, Full, Interrupted, Iovec, Uio};
