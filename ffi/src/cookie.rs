//! `spk_set_cookie`: a cookie as the value of a `Set-Cookie` field.

use spikard_contract::{cookie::CookieDocument, status::Status};
use spikard_middleware::cookie::cookie_of;

use crate::{
    boundary::{Failure, text},
    field::write_field,
};

/// Writes a cookie as the value of a `Set-Cookie` field (RFC 6265bis §4.1), or refuses one that
/// browsers would drop.
///
/// `json` is an object with `name`, and optionally `value`, `expires` (Unix seconds), `max_age`
/// (seconds), `domain`, `path`, `secure`, `http_only`, `same_site` (`strict`, `lax`, `none`),
/// `partitioned`, and `ends`: true for a cookie that is to end. Fails with `SPK_INVALID_JSON` or
/// `SPK_INVALID_ARGUMENT`; `spk_last_error` says why in words for the application's author.
///
/// The field is ASCII, not NUL-terminated, owned by the library, and valid until the next field is
/// written on this thread. Any thread. Does not block.
///
/// # Safety
/// `json` is valid for `length` bytes; `field` and `field_length` for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_set_cookie(
    json: *const u8,
    length: usize,
    field: *mut *const u8,
    field_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let json = unsafe { text(json, length, "json")? };
        let document: CookieDocument = serde_json::from_str(json)
            .map_err(|error| Failure::new(Status::InvalidJson, error.to_string()))?;
        let cookie = cookie_of(document).map_err(misused)?;
        cookie.to_field().map_err(misused)
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(field, field_length, write) }
}

/// The application's author gave what is no cookie.
fn misused(error: impl std::fmt::Display) -> Failure {
    Failure::new(Status::InvalidArgument, error.to_string())
}
