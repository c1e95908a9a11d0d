//! Invariants of cookies, read and written.

use spikard_proto_http::cookie::Cookies;
use spikard_proto_http::limits::COOKIE_PAIRS_MAX;
use spikard_proto_http::{Fields, SetCookie};

/// Reads `data` as a `Cookie` field; then sets a cookie made of it and reads that back.
pub fn fuzz_cookie(data: &[u8]) {
    let mut pairs = 0;
    for (name, value) in Cookies::new(data) {
        pairs += 1;
        assert!(!name.is_empty());
        assert!(!name.contains(&b'=') && !name.contains(&b';') && !value.contains(&b';'));
    }
    assert!(pairs <= COOKIE_PAIRS_MAX);
    let text = String::from_utf8_lossy(data);
    let (name, value) = text.split_once('=').unwrap_or((&text, ""));
    let cookie = SetCookie::new(name, value);
    let Ok(field) = cookie.to_field() else { return };
    assert!(Fields::new().push(b"set-cookie", field.as_bytes()).is_ok());
    let read = Cookies::new(field.as_bytes()).next();
    assert_eq!(read, Some((name.as_bytes(), value.as_bytes())));
}
