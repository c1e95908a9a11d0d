//! Pairs of queries and of url-encoded forms, and how many are taken.

use std::borrow::Cow;

use spikard_proto_http::form::{FormError, pairs, read_form};
use spikard_proto_http::limits::FORM_NAME_BYTES_MAX;

#[test]
fn pairs_are_split_then_decoded() {
    type Case = (&'static [u8], &'static [(&'static str, &'static str)]);
    let cases: &[Case] = &[
        (b"", &[]),
        (b"&&&", &[]),
        (b"a=1&&a=2&", &[("a", "1"), ("a", "2")]),
        (b"flag", &[("flag", "")]),
        (b"=x", &[("", "x")]),
        (b"=", &[("", "")]),
        (b"a=b=c", &[("a", "b=c")]),
        (b"a+b=c%20d", &[("a b", "c d")]),
        (b"a%26b=c%3Dd", &[("a&b", "c=d")]),
        (b"a=%26%3D%2B+%2b", &[("a", "&=+ +")]),
        (b"%C3%A9=%E2%82%AC", &[("é", "€")]),
        (b"a=%00", &[("a", "\0")]),
        (b"a=1;b=2", &[("a", "1;b=2")]),
    ];
    for (raw, expected) in cases {
        let found: Vec<_> = pairs(raw).collect();
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_ref()))
            .collect();
        assert_eq!(found, *expected, "{}", raw.escape_ascii());
    }
}

#[test]
fn what_does_not_decode_stands_for_itself() {
    for (raw, value) in [
        (&b"a=100%"[..], "100%"),
        (b"a=%zz+%4", "%zz %4"),
        (b"a=x%+y", "x% y"),
        (b"a=b%ffc", "b\u{fffd}c"),
        (b"a=\xff", "\u{fffd}"),
        (b"a=%ED%A0%80", "\u{fffd}\u{fffd}\u{fffd}"),
    ] {
        let found: Vec<_> = pairs(raw).collect();
        assert_eq!(
            found,
            [(Cow::Borrowed("a"), Cow::Borrowed(value))],
            "{}",
            raw.escape_ascii()
        );
    }
}

#[test]
fn nothing_is_copied_that_is_not_encoded() {
    let pair = pairs(b"name=value").next();
    assert!(matches!(
        pair,
        Some((Cow::Borrowed("name"), Cow::Borrowed("value")))
    ));
}

#[test]
fn forms_are_bounded() {
    assert_eq!(read_form(b"a&b", 2).map(|pairs| pairs.len()), Ok(2));
    assert_eq!(
        read_form(b"a&b&c", 2),
        Err(FormError::TooManyPairs { pairs_max: 2 })
    );
    let longest = vec![b'n'; FORM_NAME_BYTES_MAX];
    assert!(read_form(&longest, 1).is_ok());
    let longer = vec![b'n'; FORM_NAME_BYTES_MAX + 1];
    assert_eq!(read_form(&longer, 1), Err(FormError::NameTooLong));
}
