//! From a cookie document, as hosts write it, to the cookie of a reply.
//!
//! Which cookies browsers drop is `proto-http`'s to say, when the field is written.
//! Knows nothing of hosts.

use std::fmt;

use spikard_contract::cookie::CookieDocument;
use spikard_proto_http::{SameSite, SetCookie};

/// `same_site` is none of `strict`, `lax` and `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSameSite(pub String);

impl fmt::Display for UnknownSameSite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SameSite is strict, lax or none, not {:?}", self.0)
    }
}

impl std::error::Error for UnknownSameSite {}

/// The cookie that a document describes. One that ends has no value, and no time but the past.
///
/// # Errors
/// See [`UnknownSameSite`].
pub fn cookie_of(document: CookieDocument) -> Result<SetCookie, UnknownSameSite> {
    let same_site = match document.same_site {
        None => None,
        Some(name) => Some(SameSite::from_name(&name).ok_or(UnknownSameSite(name))?),
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
