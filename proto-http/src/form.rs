//! `application/x-www-form-urlencoded`, of queries and of bodies (WHATWG URL §5.1).
//!
//! Decoding never fails: a `%` that encodes nothing stands for itself, and bytes that are not
//! UTF-8 become U+FFFD, as in every browser. What is bounded is how many pairs there are and how
//! long a name is. Knows nothing of brackets in names, or of what the names mean.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use crate::chars::hex_value;
use crate::limits::FORM_NAME_BYTES_MAX;
use crate::sabotage;

/// A name and its value.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The pairs of a query or of a form, decoded, in order. Empty pieces between `&` are skipped, and
/// a piece without `=` has an empty value. The caller bounds how many it takes.
pub fn pairs(raw: &[u8]) -> impl Iterator<Item = Pair<'_>> {
    raw_pairs(raw).map(|(name, value)| (decode(name), decode(value)))
}

/// The pairs of a form, at most `pairs_max`.
///
/// # Errors
/// [`FormError::TooManyPairs`], or [`FormError::NameTooLong`] if an encoded name has more than
/// [`FORM_NAME_BYTES_MAX`] bytes.
pub fn read_form(raw: &[u8], pairs_max: usize) -> Result<Vec<Pair<'_>>, FormError> {
    let mut found = Vec::new();
    for (name, value) in raw_pairs(raw) {
        if found.len() == pairs_max && !sabotage::is_off("form/fields-max") {
            return Err(FormError::TooManyPairs { pairs_max });
        }
        if name.len() > FORM_NAME_BYTES_MAX && !sabotage::is_off("form/name-max") {
            return Err(FormError::NameTooLong);
        }
        found.push((decode(name), decode(value)));
    }
    Ok(found)
}

fn raw_pairs(raw: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    raw.split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match memchr(b'=', piece) {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &[][..]),
        })
}

/// Decodes a name or a value. Borrows when nothing is encoded.
fn decode(raw: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', raw).is_none() || sabotage::is_off("parameter/decoding") {
        return String::from_utf8_lossy(raw);
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => first,
            },
            _ => first,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

/// Why a form cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormError {
    /// More pairs than are taken.
    TooManyPairs {
        /// How many are.
        pairs_max: usize,
    },
    /// A name of more than [`FORM_NAME_BYTES_MAX`] bytes.
    NameTooLong,
}

impl fmt::Display for FormError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyPairs { pairs_max } => {
                write!(out, "The form has more than {pairs_max} fields")
            }
            Self::NameTooLong => write!(
                out,
                "A form field's name has more than {FORM_NAME_BYTES_MAX} bytes"
            ),
        }
    }
}

impl std::error::Error for FormError {}
