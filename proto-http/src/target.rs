//! Percent-decoding of paths and queries (RFC 3986 §2.1).
//!
//! A path is split at `/` before its segments are decoded, so that an encoded slash stays data.
//! Knows nothing of routes. Pairs of names and values are read in `form`.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memchr2};

use crate::chars::hex_value;

/// Why an encoded text cannot be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetError {
    /// A `%` that two hexadecimal digits do not follow. A request target cannot contain it; a
    /// form body can.
    Percent,
    /// The decoded bytes are not UTF-8.
    Utf8,
}

impl fmt::Display for TargetError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Percent => "A '%' lacks two hexadecimal digits",
            Self::Utf8 => "The decoded text is not UTF-8",
        })
    }
}

impl std::error::Error for TargetError {}

/// Appends the decoded bytes of `raw`.
///
/// # Errors
/// [`TargetError::Percent`]; what came before the fault has been appended.
pub fn percent_decode_into(
    out: &mut Vec<u8>,
    raw: &[u8],
    plus_is_space: bool,
) -> Result<(), TargetError> {
    let mut rest = raw;
    while let Some(at) = next_encoded(rest, plus_is_space) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if rest[0] == b'+' {
            out.push(b' ');
            rest = &rest[1..];
            continue;
        }
        let [_, high, low, behind @ ..] = rest else {
            return Err(TargetError::Percent);
        };
        let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low)) else {
            return Err(TargetError::Percent);
        };
        out.push(high << 4 | low);
        rest = behind;
    }
    out.extend_from_slice(rest);
    Ok(())
}

#[inline]
fn next_encoded(raw: &[u8], plus_is_space: bool) -> Option<usize> {
    if plus_is_space {
        memchr2(b'%', b'+', raw)
    } else {
        memchr(b'%', raw)
    }
}

/// Decodes one path segment. Borrows when nothing is encoded.
///
/// # Errors
/// [`TargetError`].
pub fn decode_segment(raw: &[u8]) -> Result<Cow<'_, str>, TargetError> {
    if next_encoded(raw, false).is_none() {
        return std::str::from_utf8(raw)
            .map(Cow::Borrowed)
            .map_err(|_| TargetError::Utf8);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    percent_decode_into(&mut decoded, raw, false)?;
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| TargetError::Utf8)
}
