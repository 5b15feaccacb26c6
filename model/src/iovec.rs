//! Linux's vectored system calls: `readv`, `writev` and their relatives with an offset, and `process_vm_readv`.
//!
//! # What it models
//!
//! Which answers the kernel may give to a vector of the process, in the order in which it looks at things: the
//! descriptor, the vector, the lengths, the ranges, the position, and at last what the file does. [`calls`] is the
//! semantics as plain functions on plain data; [`spec`] makes a [`Spec`](crate::Spec) of it.
//!
//! # Sets of answers
//!
//! A fault in the middle of a transfer is a short count or `EFAULT` depending on how finely the file's code copies: by
//! the byte, the page, or the buffer of a pipe. Linux promises none of them. So an answer is
//! [`Allowed`]: a range of counts and a set of errors, and a kernel conforms if it gives a member. What
//! is promised is kept exact: a count never goes beyond the last byte before the fault, and the position of the file
//! moves by exactly the count.
//!
//! # Limits
//!
//! Files are regular files, pipes, stream sockets, `/dev/null` and `/dev/zero`, all non-blocking, with room on the
//! disk. The page has 4096 bytes. Signals do not come.

pub mod calls;
pub mod spec;

pub use calls::{Allowed, Call, File, FileKind, MAX_RW_COUNT, Vector};
pub use spec::IovecSpec;
