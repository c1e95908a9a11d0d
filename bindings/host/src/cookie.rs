//! A cookie as the value of a `Set-Cookie` field.

use std::{ptr, slice};

use spikard_ffi::cookie::spk_set_cookie;

use crate::error::{Error, check};

/// Writes a cookie document (`contract/src/cookie.rs`, as JSON) as the value of a `Set-Cookie`
/// field.
///
/// # Errors
/// Why browsers would drop the cookie.
pub fn set_cookie(json: &str) -> Result<String, Error> {
    let (mut field, mut length) = (ptr::null(), 0);
    // SAFETY: the text is valid for its length; both outputs are valid for a write.
    check(unsafe { spk_set_cookie(json.as_ptr(), json.len(), &mut field, &mut length) })?;
    // SAFETY: valid until the next call on this thread, and copied before.
    let bytes = unsafe { slice::from_raw_parts(field, length) };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}
