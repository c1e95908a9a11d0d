//! Texts that the engine writes or checks for JavaScript: cookies, entity tags, locations.

use napi_derive::napi;

use crate::engine::{Failure, failed};

/// Writes a cookie document as the value of a `Set-Cookie` field. Throws for a cookie that browsers
/// would drop.
#[napi]
pub(crate) fn set_cookie(document: String) -> Result<String, Failure> {
    spikard_host::set_cookie(&document).map_err(failed)
}

/// Writes an `ETag` value from a bare text. Throws for a text that is no tag.
#[napi]
pub(crate) fn etag(opaque: String, is_weak: bool) -> Result<String, Failure> {
    spikard_host::etag(&opaque, is_weak).map_err(failed)
}

/// Writes an `ETag` value that names these bytes.
#[napi]
pub(crate) fn etag_of(content: &[u8], is_weak: bool) -> Result<String, Failure> {
    spikard_host::etag_of(content, is_weak).map_err(failed)
}

/// Throws for a redirect that cannot be sent.
#[napi]
pub(crate) fn check_redirect(status: u32, location: String) -> Result<(), Failure> {
    spikard_host::check_redirect(status.into(), &location).map_err(failed)
}

/// Whether a text may name a request.
#[napi]
pub(crate) fn is_request_id(id: String) -> bool {
    spikard_host::is_request_id(id.as_bytes())
}

/// The cookies of a `Cookie` field: name, value, name, value.
#[napi]
pub(crate) fn cookies(field: String) -> Vec<String> {
    let pairs = spikard_host::cookies(field.as_bytes()).into_iter();
    pairs
        .flat_map(|(name, value)| [name, value])
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}
