//! Invariants of request heads.

use spikard_proto_http::{Head, HeadError, HeadLimits, Progress, Span};

use crate::cuts;

/// Limits so tight that mutated inputs reach them.
const TIGHT: HeadLimits = HeadLimits {
    request_line_bytes_max: 64,
    head_bytes_max: 256,
    fields_max: 4,
};

/// The verdict does not depend on how the bytes are cut; spans lie in bounds; a head written again
/// reads the same.
pub fn fuzz_head(data: &[u8]) {
    for limits in [HeadLimits::default(), TIGHT] {
        let mut whole = Head::new();
        let verdict = whole.parse(data, &limits);
        check_cuts(data, &limits, &verdict);
        match verdict {
            Ok(Progress::Complete { consumed }) => {
                assert!(consumed <= data.len());
                check_spans(&whole);
                check_facts(&whole);
                check_rewritten(&whole, &limits);
            }
            Ok(Progress::Partial) => assert!(data.len() < limits.head_bytes_max + 2),
            Err(error) => check_error(&error),
        }
    }
}

fn check_cuts(data: &[u8], limits: &HeadLimits, verdict: &Result<Progress, HeadError>) {
    let mut resumed = Head::new();
    for length in cuts(data.len()) {
        let outcome = resumed.parse(&data[..length], limits);
        if outcome != Ok(Progress::Partial) {
            assert_eq!(outcome, *verdict, "cut at {length}");
            assert_eq!(
                Head::new().parse(&data[..length], limits),
                *verdict,
                "without memory"
            );
            return;
        }
    }
    assert_eq!(*verdict, Ok(Progress::Partial));
}

fn check_spans(head: &Head) {
    let bytes = head.bytes();
    let inside = |span: Span| span.end() as usize <= bytes.len();
    assert!(
        head.table()
            .iter()
            .all(|row| inside(row.name) && inside(row.value))
    );
    for span in [
        head.method_span(),
        head.target_span(),
        head.path_span(),
        head.host_span(),
    ] {
        assert!(inside(span));
    }
    assert!(head.query_span().is_none_or(inside));
    for (name, value) in head.fields() {
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        assert!(
            !value
                .first()
                .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        );
        assert!(
            !value
                .last()
                .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        );
        assert!(head.field(name).is_some());
    }
}

fn check_facts(head: &Head) {
    assert!(head.path().starts_with(b"/") || head.path() == b"*");
    assert!(head.target().iter().all(u8::is_ascii_graphic));
    assert!(
        !head
            .host()
            .iter()
            .any(|byte| matches!(byte, b'/' | b'@' | b',' | b' ' | b'"'))
    );
    let lengths = head.field_all(b"content-length").count();
    let codings = head.field_all(b"transfer-encoding").count();
    match head.body_length() {
        spikard_proto_http::BodyLength::None => assert_eq!((lengths, codings), (0, 0)),
        spikard_proto_http::BodyLength::Known(_) => assert_eq!((lengths, codings), (1, 0)),
        spikard_proto_http::BodyLength::Chunked => assert_eq!((lengths, codings), (0, 1)),
    }
}

/// Writes the head again from its parts. Whitespace around values is lost, so it never grows.
fn check_rewritten(head: &Head, limits: &HeadLimits) {
    let version = match head.version() {
        spikard_proto_http::Version::Http10 => "1.0",
        spikard_proto_http::Version::Http11 => "1.1",
    };
    let mut text = [head.method_bytes(), b" ", head.target(), b" HTTP/"].concat();
    text.extend_from_slice(version.as_bytes());
    text.extend_from_slice(b"\r\n");
    for (name, value) in head.fields() {
        text.extend_from_slice(&[name, b":", value, b"\r\n"].concat());
    }
    text.extend_from_slice(b"\r\n");
    let mut again = Head::new();
    let consumed = text.len();
    assert_eq!(
        again.parse(&text, limits),
        Ok(Progress::Complete { consumed })
    );
    assert!(again.fields().eq(head.fields()));
    assert_eq!(again.path(), head.path());
    assert_eq!(again.query(), head.query());
    assert_eq!(again.host(), head.host());
    assert_eq!(again.body_length(), head.body_length());
    assert_eq!(again.keep_alive(), head.keep_alive());
    assert_eq!(again.expects_continue(), head.expects_continue());
    assert_eq!(again.upgrade(), head.upgrade());
    assert_eq!(again.content_type(), head.content_type());
}

fn check_error(error: &HeadError) {
    assert_ne!(*error, HeadError::Unreadable, "the two readers disagree");
    assert!(matches!(error.status(), 400 | 414 | 417 | 431 | 501 | 505));
    let detail = error.detail();
    assert!(
        detail
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    );
}
