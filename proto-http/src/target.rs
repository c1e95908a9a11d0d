//! Percent-decoding of paths and queries (RFC 3986 §2.1, WHATWG URL §5 for forms).
//!
//! A path is split at `/` before its segments are decoded, so that an encoded slash stays data.
//! Knows nothing of routes, brackets in names, or how many pairs are too many.

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
    decode(raw, false)
}

/// Decodes a name or value of a query or an `application/x-www-form-urlencoded` body, where `+` is
/// a space. Borrows when nothing is encoded.
///
/// # Errors
/// [`TargetError`].
pub fn decode_query_part(raw: &[u8]) -> Result<Cow<'_, str>, TargetError> {
    decode(raw, true)
}

#[inline]
fn decode(raw: &[u8], plus_is_space: bool) -> Result<Cow<'_, str>, TargetError> {
    if next_encoded(raw, plus_is_space).is_none() {
        return std::str::from_utf8(raw)
            .map(Cow::Borrowed)
            .map_err(|_| TargetError::Utf8);
    }
    let mut decoded = Vec::with_capacity(raw.len());
    percent_decode_into(&mut decoded, raw, plus_is_space)?;
    String::from_utf8(decoded)
        .map(Cow::Owned)
        .map_err(|_| TargetError::Utf8)
}

/// The `name=value` pairs of a raw query or form body, decoded, in order.
///
/// Pairs are separated by `&`; empty ones are skipped; a pair without `=` has an empty value. The
/// caller bounds how many it takes. After an error the iterator continues with the next pair.
#[derive(Clone, Debug)]
pub struct QueryPairs<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> QueryPairs<'a> {
    /// Pairs of `raw`, which is what stands behind the `?`.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { rest: Some(raw) }
    }
}

impl<'a> Iterator for QueryPairs<'a> {
    type Item = Result<(Cow<'a, str>, Cow<'a, str>), TargetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.rest?;
            let pair = match memchr(b'&', rest) {
                Some(at) => {
                    self.rest = Some(&rest[at + 1..]);
                    &rest[..at]
                }
                None => {
                    self.rest = None;
                    rest
                }
            };
            if !pair.is_empty() {
                return Some(decode_pair(pair));
            }
        }
    }
}

fn decode_pair(pair: &[u8]) -> Result<(Cow<'_, str>, Cow<'_, str>), TargetError> {
    let (name, value) = match memchr(b'=', pair) {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &pair[pair.len()..]),
    };
    Ok((decode_query_part(name)?, decode_query_part(value)?))
}
