//! HTTP dates against known days, and against each other over three centuries.

use spikard_proto_http::date::{UNIX_SECONDS_MAX, format_date, format_rfc3339, parse_date};

fn written(seconds: u64) -> String {
    String::from_utf8(format_date(seconds).to_vec()).unwrap()
}

#[test]
fn formats_known_days() {
    for (seconds, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
        (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (UNIX_SECONDS_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        assert_eq!(written(seconds), text);
    }
}

#[test]
fn formats_moments() {
    for (ms, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (784_111_777_042, "1994-11-06T08:49:37.042Z"),
        (951_868_799_999, "2000-02-29T23:59:59.999Z"),
    ] {
        assert_eq!(format_rfc3339(ms), text);
    }
}

#[test]
fn reads_what_it_writes() {
    // A step of a prime number of seconds, a bit over ten days, visits all hours and months.
    for seconds in (0..10_000_000_000).step_by(900_001) {
        assert_eq!(parse_date(&format_date(seconds)), Some(seconds));
    }
    assert_eq!(
        parse_date(&format_date(UNIX_SECONDS_MAX)),
        Some(UNIX_SECONDS_MAX)
    );
}

#[test]
fn reads_all_three_forms() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse_date(text.as_bytes()), Some(784_111_777), "{text}");
    }
    assert_eq!(
        parse_date(b"Saturday, 01-Jan-00 00:00:00 GMT"),
        Some(946_684_800)
    );
    assert_eq!(parse_date(b"Thu Dec 31 23:59:59 1998"), Some(915_148_799));
    assert_eq!(
        parse_date(b"Thu, 31 Dec 1998 23:59:60 GMT"),
        Some(915_148_800)
    );
}

#[test]
fn refuses_what_is_no_date() {
    for text in [
        "",
        "Sun",
        "Sun,",
        "0",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06-Nov-1994 08:49:37 GMT",
        "Sonntag, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun, +6 Nov 1994 08:49:37 GMT",
    ] {
        assert_eq!(parse_date(text.as_bytes()), None, "{text}");
    }
}
