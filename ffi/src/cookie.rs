//! `spk_set_cookie`: a cookie as the value of a `Set-Cookie` field.

use spikard_contract::{cookie::CookieDocument, status::Status};
use spikard_proto_http::{SameSite, SetCookie};

use crate::{
    boundary::{Checked, Failure, text},
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
        cookie(json)?
            .to_field()
            .map_err(|error| Failure::new(Status::InvalidArgument, error.to_string()))
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(field, field_length, write) }
}

fn cookie(json: &str) -> Checked<SetCookie> {
    let document: CookieDocument = serde_json::from_str(json)
        .map_err(|error| Failure::new(Status::InvalidJson, error.to_string()))?;
    let same_site = match document.same_site {
        None => None,
        Some(name) => Some(SameSite::from_name(&name).ok_or_else(|| {
            let message = format!("SameSite is strict, lax or none, not {name:?}");
            Failure::new(Status::InvalidArgument, message)
        })?),
    };
    let mut cookie = if document.ends {
        SetCookie::ending(document.name)
    } else {
        let mut cookie = SetCookie::new(document.name, document.value);
        cookie.expires = document.expires;
        cookie.max_age = document.max_age;
        cookie
    };
    cookie.domain = document.domain;
    cookie.path = document.path.or(cookie.path);
    cookie.secure |= document.secure;
    cookie.http_only = document.http_only;
    cookie.same_site = same_site;
    cookie.partitioned = document.partitioned;
    Ok(cookie)
}
