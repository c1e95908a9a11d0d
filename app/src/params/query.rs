//! The pairs of a query string, decoded as browsers decode them (WHATWG URL §5.1).
//!
//! Decoding never fails: bytes that are not UTF-8 become U+FFFD.
//! Knows nothing of what the names mean.

use std::borrow::Cow;

use spikard_proto_http::target::{decode_query_part, percent_decode_into};

/// The pairs of a query, in order; empty pieces between `&` are skipped, and a piece without `=`
/// has an empty value.
pub fn pairs(query: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split(|byte| *byte == b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| match memchr::memchr(b'=', piece) {
            Some(at) => (decode(&piece[..at]), decode(&piece[at + 1..])),
            None => (decode(piece), Cow::Borrowed("")),
        })
}

fn decode(raw: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = decode_query_part(raw) {
        return text;
    }
    let mut bytes = Vec::with_capacity(raw.len());
    match percent_decode_into(&mut bytes, raw, true) {
        Ok(()) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        // The head parser refuses a '%' that encodes nothing; elsewhere it stands for itself.
        Err(_) => String::from_utf8_lossy(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_split_then_decoded() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("a=1&&a=2&", &[("a", "1"), ("a", "2")]),
            ("flag", &[("flag", "")]),
            ("=x", &[("", "x")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a+b=c%20d", &[("a b", "c d")]),
            ("a=%26%3D%2B", &[("a", "&=+")]),
            ("a=b%ffc", &[("a", "b\u{fffd}c")]),
            ("%C3%A9=%E2%82%AC", &[("é", "€")]),
        ];
        for (query, expected) in cases {
            let found: Vec<_> = pairs(query.as_bytes()).collect();
            let found: Vec<_> = found
                .iter()
                .map(|(n, v)| (n.as_ref(), v.as_ref()))
                .collect();
            assert_eq!(found, *expected, "{query}");
        }
    }
}
