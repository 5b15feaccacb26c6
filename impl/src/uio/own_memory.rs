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
    fn copyin(&self, from: usize, to: &mut [u8]) -> Result<(), Fault> {
        let local = libc::iovec { iov_base: to.as_mut_ptr().cast(), iov_len: to.len() };
        let remote = libc::iovec { iov_base: from as *mut libc::c_void, iov_len: to.len() };
        // SAFETY: the call never fails.
        let process = unsafe { libc::getpid() };
        // SAFETY: the local side is a buffer that may be written. The remote side is only read, and whoever made this
        // value vouches for that; the kernel reports what cannot be read.
        let copied = unsafe { libc::process_vm_readv(process, &local, 1, &remote, 1, 0) };
        whole(copied, from, to.len())
    }

    fn copyout(&self, from: &[u8], to: usize) -> Result<(), Fault> {
        let local = libc::iovec { iov_base: from.as_ptr().cast_mut().cast(), iov_len: from.len() };
        let remote = libc::iovec { iov_base: to as *mut libc::c_void, iov_len: from.len() };
        // SAFETY: the call never fails.
        let process = unsafe { libc::getpid() };
        // SAFETY: the local side is only read. The remote side is written, and whoever made this value vouches for that;
        // the kernel reports what cannot be written.
        let copied = unsafe { libc::process_vm_writev(process, &local, 1, &remote, 1, 0) };
        whole(copied, to, from.len())
    }

    fn admits(&self, base: usize, len: usize) -> bool {
        base.checked_add(len).is_some_and(|end| end <= USER_END)
    }
}

/// The kernel stops at the first address that faults and says how far it came.
fn whole(copied: isize, base: usize, len: usize) -> Result<(), Fault> {
    let copied = usize::try_from(copied).unwrap_or(0);
    if copied == len { Ok(()) } else { Err(Fault { address: base.wrapping_add(copied) }) }
}
