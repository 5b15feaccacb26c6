//! The memory of this very process, by address, with faults as errors instead of signals.
//!
//! The kernel does the copying (`process_vm_readv` and `process_vm_writev` on the process's own id), because it survives
//! a bad address and this process would not. That costs a system call for each chunk.

use super::address_space::{AddressSpace, Fault};

/// The memory of this process: for addresses that come from foreign code in it, such as a guest or a plugin.
#[derive(Debug)]
pub struct OwnMemory(());

impl OwnMemory {
    /// Access to the memory of this process.
    ///
    /// # Safety
    ///
    /// A copy reads and writes any address that it is given. Whoever uses the value must give it only addresses of memory
    /// that is theirs to read, and for [`AddressSpace::copyout`] to write, by raw pointer: no reference of Rust's to it
    /// may be live that forbids the access, and no other thread may access it at the same time in a way that races.
    /// Addresses where nothing is mapped are fine.
    pub const unsafe fn new() -> Self {
        OwnMemory(())
    }
}

/// Where the addresses of a process end on 64-bit machines with four levels of page tables, and on 32-bit machines at
/// the latest.
#[cfg(target_pointer_width = "64")]
const USER_END: usize = 0x7fff_ffff_f000;
#[cfg(target_pointer_width = "32")]
const USER_END: usize = usize::MAX;

impl AddressSpace for OwnMemory {
    /// As the trait has it. A kernel that refuses the call altogether, for instance by a seccomp filter, looks like a fault
    /// at the first address.
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: the call never fails.
        let process = unsafe { libc::getpid() };
        let (address, len) = (to.as_mut_ptr(), to.len());
        whole(from, len, |done| {
            let local = libc::iovec { iov_base: address.wrapping_add(done).cast(), iov_len: len - done };
            let remote = libc::iovec { iov_base: from.wrapping_add(done) as *mut libc::c_void, iov_len: len - done };
            // SAFETY: the local side is the rest of a buffer that may be written. The remote side is only read, and
            // whoever made this value vouches for that; the kernel reports what cannot be read.
            unsafe { libc::process_vm_readv(process, &local, 1, &remote, 1, 0) }
        })
    }

    /// As the trait has it, and [`OwnMemory::copyin`] here.
    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        // SAFETY: the call never fails.
        let process = unsafe { libc::getpid() };
        whole(to, from.len(), |done| {
            let rest = &from[done..];
            let local = libc::iovec { iov_base: rest.as_ptr().cast_mut().cast(), iov_len: rest.len() };
            let remote = libc::iovec { iov_base: to.wrapping_add(done) as *mut libc::c_void, iov_len: rest.len() };
            // SAFETY: the local side is only read. The remote side is written, and whoever made this value vouches for
            // that; the kernel reports what cannot be written.
            unsafe { libc::process_vm_writev(process, &local, 1, &remote, 1, 0) }
        })
    }

    fn admits(&self, base: usize, len: usize) -> bool {
        base.checked_add(len).is_some_and(|end| end <= USER_END)
    }
}

/// Copies `len` bytes at `base` by as many calls as it takes: `copy` is told how many are done, and answers as the kernel
/// does. A call that comes to less than was asked for has met a fault or the most that the kernel moves at once (2 GiB less
/// a page); the next one tells which.
fn whole(base: usize, len: usize, mut copy: impl FnMut(usize) -> isize) -> Result<(), Fault> {
    let mut done = 0;
    while done < len {
        match usize::try_from(copy(done)) {
            Ok(copied) if copied > 0 => done += copied,
            _ => return Err(Fault { address: base.wrapping_add(done) }),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel that moves at most so many bytes a call, and faults behind so many.
    fn copied(len: usize, most: usize, good: usize) -> (Result<(), Fault>, Vec<usize>) {
        let mut calls = Vec::new();
        let result = whole(1000, len, |done| {
            calls.push(done);
            match (len - done).min(most).min(good - done) {
                0 => -1,
                count => count as isize,
            }
        });
        (result, calls)
    }

    #[test]
    fn a_short_count_is_gone_on_from() {
        assert_eq!(copied(10, 100, 100), (Ok(()), vec![0]));
        assert_eq!(copied(10, 4, 100), (Ok(()), vec![0, 4, 8]));
        assert_eq!(copied(10, 4, 6), (Err(Fault { address: 1006 }), vec![0, 4, 6]));
        assert_eq!(copied(10, 4, 0), (Err(Fault { address: 1000 }), vec![0]));
        assert_eq!(copied(0, 4, 0), (Ok(()), vec![]));
    }
}
