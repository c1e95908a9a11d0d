//! Percent-decoding of segments, queries and forms.

use std::borrow::Cow;

use spikard_proto_http::target::{TargetError, decode_segment, percent_decode_into};

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
