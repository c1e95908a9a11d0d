//! Conditional requests: one row per rule of RFC 9110 §13.

use spikard_proto_http::{Fields, Head, HeadLimits, Validators, Verdict};

const OLD: &str = "Sat, 05 Nov 1994 08:49:37 GMT";
const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

use Verdict::{Failed, NotModified, Proceed};

fn verdict(method: &str, reply: &[(&str, &str)], request: &[(&str, &str)]) -> Verdict {
    let mut fields = Fields::new();
    for (name, value) in reply {
        fields.push(name.as_bytes(), value.as_bytes()).unwrap();
    }
    let mut text = format!("{method} / HTTP/1.1\r\nhost: a\r\n");
    for (name, value) in request {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut head = Head::new();
    head.parse(text.as_bytes(), &HeadLimits::default()).unwrap();
    Validators::of(&fields).map_or(Proceed, |validators| validators.judge(&head))
}

fn check(reply: &[(&str, &str)], rows: &[(&[(&str, &str)], Verdict)]) {
    for (request, wanted) in rows {
        for method in ["GET", "HEAD"] {
            assert_eq!(verdict(method, reply, request), *wanted, "{request:?}");
        }
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
            assert_eq!(verdict(method, reply, request), Proceed, "{request:?}");
        }
    }
}

#[test]
fn judges_tags() {
    let reply: &[_] = &[("ETag", "\"v1\"")];
    check(
        reply,
        &[
            (&[("if-none-match", "\"v1\"")], NotModified),
            (&[("If-None-Match", "W/\"v1\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"v0\", \"v1\"")], NotModified),
            (&[("if-none-match", "\"v0\"")], Proceed),
            (&[("if-none-match", "v1")], Proceed),
            (&[("if-none-match", "")], Proceed),
            (&[("if-none-match", "\"v1\" \"v2\"")], Proceed),
            (
                &[("if-none-match", "\"v0\""), ("if-none-match", "\"v1\"")],
                NotModified,
            ),
            (
                &[("if-none-match", "*"), ("if-none-match", "\"v1\"")],
                Proceed,
            ),
            (&[("if-match", "\"v1\"")], Proceed),
            (&[("if-match", "*")], Proceed),
            (&[("if-match", "\"v0\"")], Failed),
            (&[("if-match", "W/\"v1\"")], Failed),
            (&[("if-match", "\"v0\""), ("if-match", "\"v1\"")], Proceed),
            (&[("if-match", "v0")], Proceed),
            (&[("if-match", ",")], Proceed),
            // RFC 9110 §13.2.2: a failed precondition is told before an old state.
            (
                &[("if-none-match", "\"v1\""), ("if-match", "\"v0\"")],
                Failed,
            ),
            (
                &[("if-none-match", "\"v1\""), ("if-match", "\"v1\"")],
                NotModified,
            ),
            // Without a date of its own the reply has nothing to compare dates with.
            (&[("if-modified-since", NEW)], Proceed),
            (&[("if-unmodified-since", OLD)], Proceed),
        ],
    );
    check(
        &[("etag", "W/\"v1\"")],
        &[
            (&[("if-none-match", "\"v1\"")], NotModified),
            (&[("if-match", "\"v1\"")], Failed),
            (&[("if-match", "W/\"v1\"")], Failed),
        ],
    );
}

#[test]
fn judges_dates() {
    check(
        &[("last-modified", NOW)],
        &[
            (&[("if-modified-since", OLD)], Proceed),
            (&[("if-modified-since", NOW)], NotModified),
            (&[("if-modified-since", NEW)], NotModified),
            (
                &[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")],
                NotModified,
            ),
            (
                &[("if-modified-since", "Sun Nov  6 08:49:37 1994")],
                NotModified,
            ),
            (&[("if-modified-since", "1994-11-06T08:49:37Z")], Proceed),
            (
                &[("if-modified-since", NEW), ("if-modified-since", NEW)],
                Proceed,
            ),
            (&[("if-unmodified-since", OLD)], Failed),
            (&[("if-unmodified-since", NOW)], Proceed),
            (&[("if-unmodified-since", NEW)], Proceed),
            (&[("if-unmodified-since", "yesterday")], Proceed),
            // There is content, but no tag that a list could name.
            (&[("if-none-match", "*")], NotModified),
            (&[("if-match", "*")], Proceed),
            (&[("if-none-match", "\"v1\"")], Proceed),
            (&[("if-match", "\"v1\"")], Failed),
        ],
    );
}

#[test]
fn tags_win_over_dates() {
    check(
        &[("etag", "\"v1\""), ("last-modified", NOW)],
        &[
            (
                &[("if-none-match", "\"v0\""), ("if-modified-since", NOW)],
                Proceed,
            ),
            (
                &[("if-none-match", "v1"), ("if-modified-since", NOW)],
                Proceed,
            ),
            (
                &[("if-none-match", "\"v1\""), ("if-modified-since", OLD)],
                NotModified,
            ),
            (
                &[("if-match", "\"v1\""), ("if-unmodified-since", OLD)],
                Proceed,
            ),
            (&[("if-match", "v1"), ("if-unmodified-since", OLD)], Proceed),
        ],
    );
}

#[test]
fn a_validator_that_is_none_names_nothing() {
    let conditions: &[_] = &[("if-none-match", "\"v1\""), ("if-modified-since", NEW)];
    for reply in [
        &[("etag", "v1")][..],
        &[("last-modified", "today")],
        &[("date", NOW), ("content-encod", NOW)],
        &[],
    ] {
        check(reply, &[(conditions, Proceed)]);
    }
    // Where `*` asks for content, there is some.
    check(
        &[("etag", "v1")],
        &[(&[("if-none-match", "*")], NotModified)],
    );
}
