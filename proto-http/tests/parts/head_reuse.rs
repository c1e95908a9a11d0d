//! One `Head` for many requests: what stays, what goes, and what a wrong caller gets.

use spikard_proto_http::limits::RETAINED_BYTES_MAX;
use spikard_proto_http::{BodyLength, Head, HeadError, HeadLimits, Method, Progress};

const LIMITS: HeadLimits = HeadLimits {
    request_line_bytes_max: 8192,
    head_bytes_max: 65_536,
    fields_max: 100,
};

fn complete(head: &mut Head, input: &[u8]) {
    let consumed = input.len();
    assert_eq!(
        head.parse(input, &LIMITS),
        Ok(Progress::Complete { consumed })
    );
}

#[test]
fn the_default_limits_are_those_of_the_manual() {
    assert_eq!(HeadLimits::default(), LIMITS);
}

#[test]
fn nothing_of_the_previous_request_shines_through() {
    let mut head = Head::new();
    complete(
        &mut head,
        b"POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Type: a/b\r\n\
          Connection: upgrade\r\nUpgrade: x\r\nExpect: 100-continue\r\n\r\n",
    );
    assert!(head.expects_continue() && head.upgrade().is_some());
    complete(&mut head, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        (head.method(), head.path(), head.query()),
        (Method::Get, &b"/"[..], None)
    );
    assert_eq!(
        (head.body_length(), head.content_type()),
        (BodyLength::None, None)
    );
    assert!(!head.expects_continue() && head.upgrade().is_none() && !head.keep_alive());
    assert_eq!((head.host(), head.fields().len()), (&b""[..], 0));
}

#[test]
fn a_refused_or_cleared_head_is_empty() {
    let mut head = Head::new();
    complete(&mut head, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        head.parse(b"GET / HTTP/1.1\r\n\r\n", &LIMITS),
        Err(HeadError::MissingHost)
    );
    assert!(head.path().is_empty() && head.host().is_empty() && head.bytes().is_empty());
    complete(&mut head, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    head.clear();
    assert!(head.path().is_empty() && head.method() == Method::Other && head.bytes().is_empty());
}

#[test]
fn other_bytes_after_partial_are_refused_or_read_but_never_mixed() {
    let mut head = Head::new();
    assert_eq!(
        head.parse(b"GET / HTTP/1.1\r\nHost: a\r\n", &LIMITS),
        Ok(Progress::Partial)
    );
    let other = b"GET /\x00 HTTP/1.1\r\nHost: b\r\n\r\n";
    assert!(head.parse(other, &LIMITS).is_err());
    assert_eq!(
        head.parse(b"GET / HTTP/1.1\r\nHost: a\r\n", &LIMITS),
        Ok(Progress::Partial)
    );
    // Shorter than what was read: it can only be another request.
    complete(&mut head, b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(head.path(), b"/");
}

#[test]
fn all_values_of_a_name_are_reachable() {
    let mut head = Head::new();
    complete(
        &mut head,
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nY: 2\r\nx: 3\r\n\r\n",
    );
    assert_eq!(head.field(b"x"), Some(&b"1"[..]));
    assert_eq!(head.field_all(b"X").collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!(head.field(b"z"), None);
    for (row, (name, value)) in head.table().iter().zip(head.fields()) {
        assert_eq!(
            (row.name.of(head.bytes()), row.value.of(head.bytes())),
            (name, value)
        );
    }
}

#[test]
fn the_configured_count_of_fields_may_exceed_the_default() {
    let limits = HeadLimits {
        fields_max: 1000,
        ..LIMITS
    };
    let head_of = |count: usize| {
        [
            b"GET / HTTP/1.1\r\nHost: a\r\n",
            "X: 1\r\n".repeat(count - 1).as_bytes(),
            b"\r\n",
        ]
        .concat()
    };
    assert!(matches!(
        Head::new().parse(&head_of(256), &limits),
        Ok(Progress::Complete { .. })
    ));
    let refused = Head::new().parse(&head_of(257), &limits);
    assert_eq!(refused, Err(HeadError::TooManyFields { fields_max: 256 }));
}

#[test]
fn a_large_head_does_not_disturb_the_next() {
    let mut head = Head::new();
    let value = "v".repeat(3 * RETAINED_BYTES_MAX);
    complete(
        &mut head,
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n").as_bytes(),
    );
    assert_eq!(head.field(b"x").map(<[u8]>::len), Some(value.len()));
    head.clear();
    complete(&mut head, b"GET / HTTP/1.0\r\n\r\n");
}
