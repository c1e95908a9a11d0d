//! Texts that the engine writes or checks for a host: cookies, entity tags, locations, forms.

use std::{ptr, slice};

use spikard_ffi::{
    cookie::spk_set_cookie,
    field::{spk_check_redirect, spk_etag, spk_etag_of},
    form::spk_form_read,
    json::spk_json_check,
};

use crate::{
    app::App,
    error::{Error, check},
};

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

/// Reads a whole body as a form: the document of `spk_form_read`.
///
/// # Errors
/// None that a caller could make; a body that is no form is a document, too.
pub fn read_form(app: &App, content_type: Option<&[u8]>, body: &[u8]) -> Result<String, Error> {
    let media = content_type.map_or(ptr::null(), <[u8]>::as_ptr);
    let media_length = content_type.map_or(0, <[u8]>::len);
    let (bytes, length) = (body.as_ptr(), body.len());
    // SAFETY: the handle is live, the inputs are valid for their lengths, both outputs for a write.
    written(|field, out| unsafe {
        spk_form_read(app.raw(), media, media_length, bytes, length, field, out)
    })
}

/// Judges a whole body as JSON text: the document of `spk_json_check`, empty if it is sound.
///
/// # Errors
/// None that a caller could make.
pub fn check_json(app: &App, body: &[u8]) -> Result<String, Error> {
    let (bytes, length) = (body.as_ptr(), body.len());
    // SAFETY: the handle is live, the body is valid for its length, both outputs for a write.
    written(|field, out| unsafe { spk_json_check(app.raw(), bytes, length, field, out) })
}

/// The field that `write` lends.
pub(crate) fn written(
    write: impl FnOnce(*mut *const u8, *mut usize) -> u32,
) -> Result<String, Error> {
    let (mut field, mut length) = (ptr::null(), 0);
    check(write(&mut field, &mut length))?;
    // SAFETY: valid until the next field is written on this thread, and copied before.
    let bytes = unsafe { slice::from_raw_parts(field, length) };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
