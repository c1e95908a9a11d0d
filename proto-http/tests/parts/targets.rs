//! Percent-decoding of segments, queries and forms.

use std::borrow::Cow;

use spikard_proto_http::target::{
    QueryPairs, TargetError, decode_query_part, decode_segment, percent_decode_into,
};

#[test]
fn segments_decode_and_keep_plus() {
    assert_eq!(decode_segment(b"a%2Fb+c").unwrap(), "a/b+c");
    assert_eq!(decode_segment("%C3%a9".as_bytes()).unwrap(), "é");
    assert_eq!(decode_segment(b"%2525").unwrap(), "%25", "decoded once");
    assert!(matches!(
        decode_segment(b"plain"),
        Ok(Cow::Borrowed("plain"))
    ));
    assert_eq!(decode_segment(b"").unwrap(), "");
}

#[test]
fn faults_are_named() {
    for raw in [&b"%"[..], b"%4", b"a%zz", b"%%41", b"%+1", b"% 41"] {
        assert_eq!(decode_segment(raw), Err(TargetError::Percent), "{raw:?}");
    }
    for raw in [&b"%ff"[..], b"\xff", b"%c3", b"%c0%80", b"%ed%a0%80"] {
        assert_eq!(decode_segment(raw), Err(TargetError::Utf8), "{raw:?}");
    }
}

#[test]
fn bytes_need_not_be_utf8() {
    let mut out = b"x".to_vec();
    percent_decode_into(&mut out, b"%ff+%00", true).unwrap();
    assert_eq!(out, b"x\xff \0");
}

#[test]
fn query_pairs() {
    let pairs: Vec<_> = QueryPairs::new(b"&a=1&&b&=c&d=e=f&a=+%2B%20&")
        .map(Result::unwrap)
        .collect();
    let expected = [("a", "1"), ("b", ""), ("", "c"), ("d", "e=f"), ("a", " + ")]
        .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)));
    assert_eq!(pairs, expected);
    assert_eq!(QueryPairs::new(b"").count(), 0);
    assert_eq!(QueryPairs::new(b"&&&").count(), 0);
}

#[test]
fn separators_may_be_encoded() {
    let pair = QueryPairs::new(b"a%26b=c%3Dd").next().unwrap().unwrap();
    assert_eq!(pair, (Cow::Borrowed("a&b"), Cow::Borrowed("c=d")));
}

#[test]
fn a_fault_does_not_hide_later_pairs() {
    let mut pairs = QueryPairs::new(b"a=%zz&b=1&%ff=2");
    assert_eq!(pairs.next(), Some(Err(TargetError::Percent)));
    assert!(matches!(pairs.next(), Some(Ok(_))));
    assert_eq!(pairs.next(), Some(Err(TargetError::Utf8)));
    assert_eq!(pairs.next(), None);
    assert_eq!(decode_query_part(b"a+b").unwrap(), "a b");
}
