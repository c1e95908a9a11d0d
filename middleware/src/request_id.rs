//! The name of one exchange: kept from the client when sane, else a random UUID (RFC 9562 §5.4).
//!
//! It is echoed to the client and written to logs, so only a short visible name is accepted.

/// Longest client-sent id that is kept, in bytes. A UUID has 36, a W3C trace id 55.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// An id of 1 to [`REQUEST_ID_BYTES_MAX`] visible ASCII characters, or none yet.
#[derive(Debug, Clone)]
pub struct RequestId {
    bytes: [u8; REQUEST_ID_BYTES_MAX],
    length: u8,
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestId {
    /// No id yet.
    pub const fn new() -> Self {
        Self {
            bytes: [0; REQUEST_ID_BYTES_MAX],
            length: 0,
        }
    }

    /// Forgets the id.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// The id, empty if there is none.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Keeps a client's id. Returns false, and keeps nothing, when it is empty, longer than
    /// [`REQUEST_ID_BYTES_MAX`], or has anything but visible ASCII.
    pub fn keep(&mut self, id: &[u8]) -> bool {
        let sane = !id.is_empty()
            && id.len() <= REQUEST_ID_BYTES_MAX
            && id.iter().all(u8::is_ascii_graphic);
        if sane {
            self.bytes[..id.len()].copy_from_slice(id);
            self.length = id.len() as u8;
        }
        sane
    }

    /// Makes a version 4 UUID of 128 random bits.
    pub fn generate(&mut self, random: [u64; 2]) {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&random[0].to_be_bytes());
        octets[8..].copy_from_slice(&random[1].to_be_bytes());
        octets[6] = octets[6] & 0x0f | 0x40;
        octets[8] = octets[8] & 0x3f | 0x80;
        let mut at = 0;
        for (index, octet) in octets.into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                self.bytes[at] = b'-';
                at += 1;
            }
            self.bytes[at] = HEX[usize::from(octet >> 4)];
            self.bytes[at + 1] = HEX[usize::from(octet & 15)];
            at += 2;
        }
        self.length = at as u8;
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generates_a_version_4_uuid() {
        let mut id = RequestId::new();
        id.generate([u64::MAX, u64::MAX]);
        assert_eq!(id.as_bytes(), b"ffffffff-ffff-4fff-bfff-ffffffffffff");
        id.generate([0, 0]);
        assert_eq!(id.as_bytes(), b"00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn keeps_only_short_visible_ids() {
        let mut id = RequestId::new();
        assert!(id.keep(b"abc-1"));
        assert_eq!(id.as_bytes(), b"abc-1");
        for bad in [&b""[..], b"a b", b"a\tb", "\u{e9}".as_bytes(), &[b'x'; 129]] {
            assert!(!id.keep(bad));
        }
        assert!(id.keep(&[b'x'; 128]));
    }
}
