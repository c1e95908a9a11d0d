//! Written reply heads, byte for byte, and read back by the client's half.

use spikard_proto_http::date::format_date;
use spikard_proto_http::h1::encode::reason_phrase;
use spikard_proto_http::{
    CONTINUE_100, Fields, Method, ReplyHead, ReplyLength, Version, decode_reply, encode_chunk,
    encode_head, encode_last_chunk, status_forbids_body,
};

const DATE_LINE: &str = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

struct Case {
    status: u16,
    length: ReplyLength,
    keep_alive: bool,
    version: Version,
}

const PLAIN: Case = Case {
    status: 200,
    length: ReplyLength::Known(2),
    keep_alive: true,
    version: Version::Http11,
};

fn encoded(case: &Case, rows: &[(&str, &str)]) -> String {
    let mut fields = Fields::new();
    for (name, value) in rows {
        fields.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut out = Vec::new();
    let head = ReplyHead {
        status: case.status,
        fields: &fields,
        length: case.length,
        date: &format_date(784_111_777),
        keep_alive: case.keep_alive,
        request_version: case.version,
    };
    encode_head(&mut out, &head);
    let decoded = decode_reply(&out, Method::Get).expect("own heads are strict");
    let (reply, consumed) = decoded.expect("own heads are complete");
    assert_eq!((reply.status, consumed), (case.status, out.len()));
    String::from_utf8(out).unwrap()
}

#[test]
fn plain_reply() {
    let expected = format!("HTTP/1.1 200 OK\r\n{DATE_LINE}A: b\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(encoded(&PLAIN, &[("A", "b")]), expected);
}

#[test]
fn the_engine_owns_framing_fields() {
    let rows = [
        ("Content-Length", "99"),
        ("transfer-encoding", "chunked"),
        ("Connection", "close"),
        ("Keep-Alive", "timeout=5"),
        ("keep-alivf", "kept"),
    ];
    let expected =
        format!("HTTP/1.1 200 OK\r\n{DATE_LINE}keep-alivf: kept\r\ncontent-length: 2\r\n\r\n");
    assert_eq!(encoded(&PLAIN, &rows), expected);
}

#[test]
fn the_applications_date_wins() {
    let expected = "HTTP/1.1 200 OK\r\nDate: mine\r\ncontent-length: 2\r\n\r\n";
    assert_eq!(encoded(&PLAIN, &[("Date", "mine")]), expected);
}

#[test]
fn connection_says_what_the_version_needs() {
    let tail = |keep_alive, version, length| {
        let text = encoded(
            &Case {
                keep_alive,
                version,
                length,
                ..PLAIN
            },
            &[],
        );
        text.split_once(DATE_LINE).unwrap().1.to_owned()
    };
    use ReplyLength::{Chunked, Known, UntilClose};
    use Version::{Http10, Http11};
    let known = "content-length: 2\r\n";
    assert_eq!(
        tail(false, Http11, Known(2)),
        format!("{known}connection: close\r\n\r\n")
    );
    assert_eq!(
        tail(true, Http10, Known(2)),
        format!("{known}connection: keep-alive\r\n\r\n")
    );
    assert_eq!(
        tail(false, Http10, Known(2)),
        format!("{known}connection: close\r\n\r\n")
    );
    assert_eq!(
        tail(true, Http11, Chunked),
        "transfer-encoding: chunked\r\n\r\n"
    );
    assert_eq!(tail(true, Http10, Chunked), "connection: close\r\n\r\n");
    assert_eq!(tail(true, Http11, UntilClose), "connection: close\r\n\r\n");
    assert_eq!(ReplyLength::unknown_for(Http10), UntilClose);
    assert_eq!(ReplyLength::unknown_for(Http11), Chunked);
}

#[test]
fn statuses_without_body_declare_nothing() {
    for (status, length, declared) in [
        (204, ReplyLength::None, false),
        (204, ReplyLength::Known(0), false),
        (103, ReplyLength::Known(0), false),
        (304, ReplyLength::None, false),
        (304, ReplyLength::Known(7), true),
    ] {
        let text = encoded(
            &Case {
                status,
                length,
                ..PLAIN
            },
            &[],
        );
        assert_eq!(
            text.contains("content-length"),
            declared,
            "{status} {length:?}"
        );
        assert!(status_forbids_body(status));
    }
    assert!(!status_forbids_body(200) && !status_forbids_body(205) && !status_forbids_body(404));
}

#[test]
fn upgrades_name_their_field() {
    let case = Case {
        status: 101,
        length: ReplyLength::None,
        ..PLAIN
    };
    let text = encoded(&case, &[("upgrade", "websocket")]);
    assert!(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(
        text.ends_with("upgrade: websocket\r\nconnection: upgrade\r\n\r\n"),
        "{text}"
    );
    let case = Case {
        status: 426,
        keep_alive: false,
        ..PLAIN
    };
    assert!(encoded(&case, &[]).ends_with("connection: upgrade, close\r\n\r\n"));
}

#[test]
fn every_status_has_a_line() {
    for status in 100..=999 {
        let length = if status_forbids_body(status) {
            ReplyLength::None
        } else {
            PLAIN.length
        };
        let text = encoded(
            &Case {
                status,
                length,
                ..PLAIN
            },
            &[],
        );
        let line = format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status));
        assert!(text.starts_with(&line), "{text}");
    }
    assert_eq!(
        (reason_phrase(422), reason_phrase(299)),
        ("Unprocessable Content", "")
    );
}

#[test]
fn lengths_are_decimal() {
    for length in [0, 7, 10, 1_048_576, i64::MAX as u64] {
        let text = encoded(
            &Case {
                length: ReplyLength::Known(length),
                ..PLAIN
            },
            &[],
        );
        assert!(
            text.ends_with(&format!("content-length: {length}\r\n\r\n")),
            "{text}"
        );
    }
}

#[test]
fn chunks() {
    let mut out = Vec::new();
    encode_chunk(&mut out, b"");
    assert!(out.is_empty(), "an empty chunk would end the body");
    encode_chunk(&mut out, &[b'x'; 0x1a]);
    encode_last_chunk(&mut out);
    assert_eq!(
        out,
        [b"1a\r\n", &[b'x'; 0x1a][..], b"\r\n0\r\n\r\n"].concat()
    );
}

#[test]
fn the_interim_reply_is_a_head() {
    let (reply, consumed) = decode_reply(CONTINUE_100, Method::Post).unwrap().unwrap();
    assert_eq!((reply.status, consumed), (100, CONTINUE_100.len()));
}
