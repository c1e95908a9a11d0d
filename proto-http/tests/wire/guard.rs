//! Memory whose neighbours must not be touched: one byte too far and the process dies.
//!
//! The only unsafe code of this crate's tests. Knows nothing of what is read.

use std::ptr;

/// Readable pages between two that are not.
pub(crate) struct GuardedPages {
    base: *mut u8,
    mapped_bytes: usize,
    page_bytes: usize,
}

impl GuardedPages {
    /// Room for `capacity` bytes between guard pages.
    pub(crate) fn new(capacity: usize) -> Self {
        // SAFETY: sysconf has no preconditions.
        let page_bytes = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
        let inner_bytes = capacity.next_multiple_of(page_bytes).max(page_bytes);
        let mapped_bytes = inner_bytes + 2 * page_bytes;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh private mapping at an address the kernel chooses touches no other memory.
        let base =
            unsafe { libc::mmap(ptr::null_mut(), mapped_bytes, libc::PROT_NONE, flags, -1, 0) };
        assert_ne!(base, libc::MAP_FAILED);
        let base = base.cast::<u8>();
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range lies inside the mapping made above.
        let opened = unsafe { libc::mprotect(base.add(page_bytes).cast(), inner_bytes, access) };
        assert_eq!(opened, 0);
        Self {
            base,
            mapped_bytes,
            page_bytes,
        }
    }

    /// A copy of `bytes` that ends where the upper guard page begins.
    pub(crate) fn flush_with_end(&mut self, bytes: &[u8]) -> &[u8] {
        let end = self.mapped_bytes - self.page_bytes;
        self.place(end - bytes.len(), bytes)
    }

    /// A copy of `bytes` that begins where the lower guard page ends.
    pub(crate) fn flush_with_start(&mut self, bytes: &[u8]) -> &[u8] {
        self.place(self.page_bytes, bytes)
    }

    fn place(&mut self, offset: usize, bytes: &[u8]) -> &[u8] {
        assert!(offset >= self.page_bytes);
        assert!(offset + bytes.len() <= self.mapped_bytes - self.page_bytes);
        // SAFETY: the asserts keep the range inside the readable pages; `&mut self` excludes other
        // views of them, and the returned slice keeps that borrow.
        unsafe {
            let place = self.base.add(offset);
            ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
            std::slice::from_raw_parts(place, bytes.len())
        }
    }
}

impl Drop for GuardedPages {
    fn drop(&mut self) {
        // SAFETY: base and length are those of the mapping; no slice outlives `self`.
        unsafe { libc::munmap(self.base.cast(), self.mapped_bytes) };
    }
}
