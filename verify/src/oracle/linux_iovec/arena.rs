//! Memory for the kernel to copy into and out of: pages of our own, some of which cannot be touched.

use std::ptr::{NonNull, slice_from_raw_parts_mut};

use selvedge_model::iovec::calls::{Mapped, PAGE};
use selvedge_model::uio::Iovec;

/// Pages that belong to nobody else, with a page that faults after them.
///
/// Nothing in this program holds a reference into them: they are touched by the kernel and through raw pointers.
#[derive(Debug)]
pub struct Arena {
    start: NonNull<u8>,
    pages: usize,
    /// Pages that fault, by number.
    holes: Vec<usize>,
}

impl Arena {
    /// So many pages of zeroes, of which these fault.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn new(pages: usize, holes: &[usize]) -> std::io::Result<Self> {
        let len = (pages + 1) * PAGE as usize;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping wherever the kernel likes takes nothing from anybody.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("a mapping is not at zero");
        let arena = Arena { start, pages, holes: holes.to_vec() };
        for page in holes.iter().copied().chain([pages]) {
            let address = arena.start.as_ptr().wrapping_add(page * PAGE as usize).cast();
            // SAFETY: the page is part of the mapping that was just made, and nothing refers to it.
            if unsafe { libc::mprotect(address, PAGE as usize, libc::PROT_NONE) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
        }
        Ok(arena)
    }

    /// The first address.
    pub fn start(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }

    /// The end: from here on a page faults.
    pub fn end(&self) -> u64 {
        self.start() + self.pages as u64 * PAGE
    }

    /// What does not fault.
    pub fn mapped(&self) -> Mapped {
        let mut mapped = Mapped(vec![(self.start(), self.end())]);
        for page in &self.holes {
            let from = self.start() + *page as u64 * PAGE;
            mapped.unmap(from, from + PAGE);
        }
        mapped
    }

    /// Copies bytes out, or `None` if one of them cannot be touched.
    pub fn read(&self, address: u64, len: usize) -> Option<Vec<u8>> {
        let from = self.reach(address, len)?;
        let mut bytes = vec![0; len];
        // SAFETY: the range is inside the mapping and readable, and nobody else touches it while we do.
        unsafe { std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), len) };
        Some(bytes)
    }

    /// Copies bytes in.
    ///
    /// # Panics
    ///
    /// If one of them cannot be touched.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let to = self.reach(address, bytes.len()).expect("the range can be touched");
        // SAFETY: the range is inside the mapping and writable, and nobody else touches it while we do.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Fills everything that can be touched with bytes that look random, others for each `salt`: a byte that was moved to
    /// the wrong place, or not at all, is mostly a wrong byte.
    pub fn fill(&self, salt: u64) {
        let byte =
            |address: u64| ((address - self.start() + (salt << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        for (from, to) in self.mapped().0 {
            self.write(from, &(from..to).map(byte).collect::<Vec<u8>>());
        }
    }

    /// Every byte from the first address to the end; what faults is zero.
    pub fn all(&self) -> Vec<u8> {
        let mut all = vec![0; self.pages * PAGE as usize];
        for (from, to) in self.mapped().0 {
            let bytes = self.read(from, (to - from) as usize).expect("what is mapped can be touched");
            all[(from - self.start()) as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        all
    }

    /// Makes another byte of one that can be touched.
    ///
    /// # Panics
    ///
    /// If it cannot.
    pub fn flip(&self, address: u64) {
        let bytes = self.read(address, 1).expect("the byte can be touched");
        self.write(address, &[!bytes[0]]);
    }

    /// Puts elements at the end, so that the first that is not there cannot be read. Returns the address of the first.
    pub fn put_vector(&self, elements: &[Iovec]) -> u64 {
        let bytes: Vec<u8> = elements.iter().flat_map(|it| [it.base, it.len]).flat_map(u64::to_ne_bytes).collect();
        let address = self.end() - bytes.len() as u64;
        self.write(address, &bytes);
        address
    }

    fn reach(&self, address: u64, len: usize) -> Option<*mut u8> {
        let end = address.checked_add(len as u64)?;
        let inside = self.mapped().0.iter().any(|(from, to)| *from <= address && end <= *to);
        inside.then(|| self.start.as_ptr().wrapping_add((address - self.start()) as usize))
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let all = slice_from_raw_parts_mut(self.start.as_ptr(), (self.pages + 1) * PAGE as usize);
        // SAFETY: the mapping is ours, and nothing refers to it.
        let unmapped = unsafe { libc::munmap(all.cast(), all.len()) };
        debug_assert_eq!(unmapped, 0, "a mapping of ours can be unmapped");
    }
}
