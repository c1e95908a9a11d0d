//! Values of reply fields that the engine writes or checks: cookies, entity tags, locations.

use std::{ptr, slice};

use spikard_ffi::{
    cookie::spk_set_cookie,
    field::{spk_check_redirect, spk_etag, spk_etag_of},
};

use crate::error::{Error, check};

/// Writes a cookie document (`contract/src/cookie.rs`, as JSON) as the value of a `Set-Cookie`
/// field.
///
/// # Errors
/// Why browsers would drop the cookie.
pub fn set_cookie(json: &str) -> Result<String, Error> {
    // SAFETY: the text is valid for its length; both outputs are valid for a write.
    written(|field, length| unsafe { spk_set_cookie(json.as_ptr(), json.len(), field, length) })
}

/// Writes the value of an `ETag` field from a bare text.
///
/// # Errors
/// The text has more than visible ASCII without quotes.
pub fn etag(opaque: &str, is_weak: bool) -> Result<String, Error> {
    let (text, length) = (opaque.as_ptr(), opaque.len());
    // SAFETY: the text is valid for its length; both outputs are valid for a write.
    written(|field, out| unsafe { spk_etag(text, length, is_weak.into(), field, out) })
}

/// Writes the value of an `ETag` field that names these bytes.
///
/// # Errors
/// None that a caller could make.
pub fn etag_of(content: &[u8], is_weak: bool) -> Result<String, Error> {
    let (bytes, length) = (content.as_ptr(), content.len());
    // SAFETY: the bytes are valid for their length; both outputs are valid for a write.
    written(|field, out| unsafe { spk_etag_of(bytes, length, is_weak.into(), field, out) })
}

/// Checks that a redirect of this status and to this location can be sent.
///
/// # Errors
/// Why it cannot.
pub fn check_redirect(status: u64, location: &str) -> Result<(), Error> {
    // SAFETY: the text is valid for its length.
    check(unsafe { spk_check_redirect(status, location.as_ptr(), location.len()) })
}

/// The field that `write` lends.
fn written(write: impl FnOnce(*mut *const u8, *mut usize) -> u32) -> Result<String, Error> {
    let (mut field, mut length) = (ptr::null(), 0);
    check(write(&mut field, &mut length))?;
    // SAFETY: valid until the next field is written on this thread, and copied before.
    let bytes = unsafe { slice::from_raw_parts(field, length) };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
