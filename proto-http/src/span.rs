//! Offsets into a message's bytes, in the layout that also crosses the C ABI.
//!
//! A span stays valid when the buffer it points into moves, which a slice would not.
//! Knows nothing of what the bytes mean.

/// A range of bytes: `start` and `length`, both in bytes, in one buffer known to the holder.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub length: u32,
}

impl Span {
    /// The bytes of this span in `bytes`.
    ///
    /// # Panics
    /// If the span does not lie inside `bytes`, that is, if it belongs to another buffer.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..][..self.length as usize]
    }

    /// Offset of the first byte after the span.
    #[inline]
    pub fn end(self) -> u32 {
        self.start + self.length
    }

    /// The span of `start..end`. Both must fit `u32`, which every limit in this crate ensures.
    #[inline]
    pub(crate) fn between(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= u32::MAX as usize);
        Self {
            start: start as u32,
            length: (end - start) as u32,
        }
    }

    /// Where `part` lies in `whole`, of which it must be a subslice.
    #[inline]
    pub(crate) fn locate(part: &[u8], whole: &[u8]) -> Self {
        let start = part.as_ptr() as usize - whole.as_ptr() as usize;
        debug_assert!(start + part.len() <= whole.len());
        Self::between(start, start + part.len())
    }
}

/// One header field: its name and its value without surrounding whitespace.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct FieldSpan {
    /// The name as sent.
    pub name: Span,
    /// The value, trimmed of spaces and tabs.
    pub value: Span,
}
