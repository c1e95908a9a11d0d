//! The fields the engine itself obeys, found in one pass over the table (RFC 9110 §7 - §10).
//!
//! Every later decision looks here instead of searching names again.
//! Knows nothing of what the values mean.

use crate::span::FieldSpan;

/// Where one notable field first stands, and how often it occurs.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Place {
    count: u16,
    first: u16,
}

impl Place {
    #[inline]
    fn note(&mut self, index: usize) {
        if self.count == 0 {
            self.first = index as u16;
        }
        self.count += 1;
    }

    #[inline]
    pub(crate) fn is_absent(self) -> bool {
        self.count == 0
    }

    #[inline]
    pub(crate) fn is_repeated(self) -> bool {
        self.count > 1
    }

    /// Index of the first occurrence.
    #[inline]
    pub(crate) fn first(self) -> Option<usize> {
        (self.count > 0).then_some(self.first as usize)
    }
}

/// The places of all notable fields of one head.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Notable {
    pub(crate) host: Place,
    pub(crate) content_length: Place,
    pub(crate) transfer_encoding: Place,
    pub(crate) content_type: Place,
    pub(crate) connection: Place,
    pub(crate) expect: Place,
    pub(crate) upgrade: Place,
}

impl Notable {
    /// Finds them. The table has at most `FIELDS_CEILING` rows, so 16 bits count them.
    #[inline]
    pub(crate) fn find(bytes: &[u8], table: &[FieldSpan]) -> Self {
        let mut found = Self::default();
        for (index, field) in table.iter().enumerate() {
            let (place, wanted): (_, &[u8]) = match field.name.length {
                4 => (&mut found.host, b"host"),
                6 => (&mut found.expect, b"expect"),
                7 => (&mut found.upgrade, b"upgrade"),
                10 => (&mut found.connection, b"connection"),
                12 => (&mut found.content_type, b"content-type"),
                14 => (&mut found.content_length, b"content-length"),
                17 => (&mut found.transfer_encoding, b"transfer-encoding"),
                _ => continue,
            };
            if field.name.of(bytes).eq_ignore_ascii_case(wanted) {
                place.note(index);
            }
        }
        found
    }
}
