//! Body length of a request, decided once (RFC 9112 §6.3).
//!
//! Wrong answers here are request smuggling, so every ambiguous message is refused, never repaired.
//! Knows nothing of sockets or limits; callers bound the length it returns.

use crate::chars::{is_token, list_members};
use crate::error::HeadError;
use crate::h1::notable::Notable;
use crate::head::{BodyLength, Version};
use crate::span::FieldSpan;

/// Greatest length that can be declared: what a signed 64-bit number holds, because some host
/// languages have no other.
const LENGTH_MAX: u64 = i64::MAX as u64;

/// Decides the body length from `Content-Length` and `Transfer-Encoding`.
///
/// # Errors
/// Every way in which the two fields are malformed, repeated or contradict each other or the
/// version; see [`HeadError`].
#[inline]
pub(crate) fn body_length(
    bytes: &[u8],
    table: &[FieldSpan],
    notable: &Notable,
    version: Version,
) -> Result<BodyLength, HeadError> {
    if !notable.transfer_encoding.is_absent() {
        if !notable.content_length.is_absent() {
            return Err(HeadError::AmbiguousLength);
        }
        if version == Version::Http10 {
            return Err(HeadError::TransferEncodingOnHttp10);
        }
        let values = table
            .iter()
            .filter(|field| {
                field
                    .name
                    .of(bytes)
                    .eq_ignore_ascii_case(b"transfer-encoding")
            })
            .map(|field| field.value.of(bytes));
        return check_codings(values).map(|()| BodyLength::Chunked);
    }
    let Some(index) = notable.content_length.first() else {
        return Ok(BodyLength::None);
    };
    if notable.content_length.is_repeated() {
        return Err(HeadError::RepeatedContentLength);
    }
    parse_length(table[index].value.of(bytes)).map(BodyLength::Known)
}

/// `Content-Length = 1*DIGIT` (RFC 9110 §8.6). A list is refused even if its members agree, which
/// RFC 9112 §6.3 permits.
pub(crate) fn parse_length(value: &[u8]) -> Result<u64, HeadError> {
    if value.contains(&b',') {
        return Err(HeadError::RepeatedContentLength);
    }
    // 2^63 - 1 has 19 digits, and 19 digits always fit 64 bits.
    let valid = matches!(value.len(), 1..=19) && value.iter().all(u8::is_ascii_digit);
    let length = value.iter().take(19).fold(0_u64, |sum, &digit| {
        sum * 10 + u64::from(digit.wrapping_sub(b'0') % 10)
    });
    if valid && length <= LENGTH_MAX {
        Ok(length)
    } else {
        Err(HeadError::InvalidContentLength)
    }
}

/// The only list of transfer codings this server reads is `chunked`, alone.
///
/// The order of the checks is that of RFC 9112 §6.3: without `chunked` at the end the length is
/// unknowable and the answer must be 400, whatever the other codings are.
pub(crate) fn check_codings<'v>(values: impl Iterator<Item = &'v [u8]>) -> Result<(), HeadError> {
    let (mut chunked, mut others, mut last_is_chunked) = (0, 0, false);
    for coding in values.flat_map(list_members) {
        // Parameters are refused with their coding: `chunked` has none (RFC 9112 §7.1).
        let name = coding
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default();
        if !is_token(crate::chars::trim(name)) || name.eq_ignore_ascii_case(b"identity") {
            return Err(HeadError::InvalidTransferEncoding);
        }
        last_is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        if last_is_chunked {
            chunked += 1;
        } else {
            others += 1;
        }
    }
    match (chunked, last_is_chunked, others) {
        (_, false, _) => Err(HeadError::ChunkedNotLast),
        (1, true, 0) => Ok(()),
        (1, true, _) => Err(HeadError::UnknownTransferCoding),
        _ => Err(HeadError::ChunkedTwice),
    }
}
