//! String formats that JSON Schema names and parameters share, each as one check over the text.
//!
//! They are ours because a format must mean the same in a path segment, in a query value and in a
//! body: one function per format serves the router's hints, the parameter converter and the schema
//! validator. Each follows the living standard and looks at every byte at most twice.
//! Knows nothing of schemas, locations or messages.

/// The pattern that `format: email` means here; error rows quote it, and [`email`] decides by it.
pub const EMAIL_PATTERN: &str = r"^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$";

/// A check of one format over one text.
pub type Check = fn(&str) -> bool;

/// The formats decided here rather than by the schema validator's own rules.
pub const CHECKS: &[(&str, Check)] = &[
    ("uuid", uuid),
    ("date", date),
    ("time", time),
    ("date-time", date_time),
    ("duration", duration),
    ("email", email),
    ("ipv4", ipv4),
    ("ipv6", ipv6),
];

/// The check of a format by its JSON Schema name, if it is one of [`CHECKS`].
#[must_use]
pub fn check_of(name: &str) -> Option<Check> {
    CHECKS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, check)| *check)
}

/// `8-4-4-4-12` hexadecimal digits in either case (RFC 9562 §4).
#[must_use]
pub fn uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// `full-date` of RFC 3339 §5.6: `YYYY-MM-DD`, a day that the month has.
#[must_use]
pub fn date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let (Some(year), Some(month), Some(day)) = (
        digits(&bytes[..4]),
        digits(&bytes[5..7]),
        digits(&bytes[8..]),
    ) else {
        return false;
    };
    (1..=days_in(year, month)).contains(&day)
}

/// `full-time` of RFC 3339 §5.6: `hh:mm:ss`, optional fraction, `Z` or a numeric offset.
///
/// Second 60 is a leap second and exists only where it is 23:59 in UTC.
#[must_use]
pub fn time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some((hour, minute, second)) = clock(bytes) else {
        return false;
    };
    let rest = &bytes[8..];
    let rest = match rest.first() {
        Some(b'.') => {
            let length = rest[1..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if length == 0 {
                return false;
            }
            &rest[1 + length..]
        }
        _ => rest,
    };
    let Some(offset_minutes) = offset(rest) else {
        return false;
    };
    if second < 60 {
        return true;
    }
    let day_minutes = i64::from(hour) * 60 + i64::from(minute) - i64::from(offset_minutes);
    day_minutes.rem_euclid(24 * 60) == 23 * 60 + 59
}

/// `date-time` of RFC 3339 §5.6, separated by `T` or `t`.
#[must_use]
pub fn date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 11 || !matches!(bytes[10], b'T' | b't') {
        return false;
    }
    // Byte 10 is ASCII, so both halves are cut at character boundaries.
    date(&text[..10]) && time(&text[11..])
}

/// `duration` of RFC 3339 appendix A: `P3D`, `PT1H30M`, `P2W`; units in order, none left out
/// between two that are given, at least one; seconds may carry a fraction as ISO 8601 allows.
#[must_use]
pub fn duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else {
        return false;
    };
    if let Some(weeks) = rest.strip_suffix('W') {
        return !weeks.is_empty() && weeks.bytes().all(|byte| byte.is_ascii_digit());
    }
    let (days, clock) = match rest.split_once('T') {
        Some((_, "")) => return false,
        Some((days, clock)) => (days, clock),
        None => (rest, ""),
    };
    !(days.is_empty() && clock.is_empty())
        && units(days, b"YMD", false)
        && units(clock, b"HMS", true)
}

/// Exactly [`EMAIL_PATTERN`]: no quoting, no comments, a dot in the domain.
#[must_use]
pub fn email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let Some((name, rest)) = domain.split_once('.') else {
        return false;
    };
    let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !local.is_empty()
        && local
            .bytes()
            .all(|byte| label(byte) || matches!(byte, b'_' | b'.' | b'+'))
        && !name.is_empty()
        && name.bytes().all(label)
        && !rest.is_empty()
        && rest.bytes().all(|byte| label(byte) || byte == b'.')
}

/// Four decimal octets without leading zeros (RFC 2673 §3.2).
#[must_use]
pub fn ipv4(text: &str) -> bool {
    text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// An address of RFC 4291 §2.2, without a zone.
#[must_use]
pub fn ipv6(text: &str) -> bool {
    text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// The number that all of `bytes` spell; callers pass at most four.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u32::from(byte - b'0'))
    })
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

/// `hh:mm:ss` at the start of `bytes`.
fn clock(bytes: &[u8]) -> Option<(u32, u32, u32)> {
    if bytes.len() < 8 || bytes[2] != b':' || bytes[5] != b':' {
        return None;
    }
    let parts = (
        digits(&bytes[..2])?,
        digits(&bytes[3..5])?,
        digits(&bytes[6..8])?,
    );
    (parts.0 <= 23 && parts.1 <= 59 && parts.2 <= 60).then_some(parts)
}

/// Minutes east of UTC; all of `bytes` must be the offset.
fn offset(bytes: &[u8]) -> Option<i32> {
    let sign = match bytes {
        [b'Z' | b'z'] => return Some(0),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    if bytes.len() != 6 || bytes[3] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(&bytes[1..3])?, digits(&bytes[4..6])?);
    // Both fit: two digits each.
    (hours <= 23 && minutes <= 59).then_some(sign * (hours as i32 * 60 + minutes as i32))
}

/// Whether `text` is numbers each followed by a unit, the units consecutive in `order`.
fn units(text: &str, order: &[u8], fraction: bool) -> bool {
    let mut last: Option<usize> = None;
    let mut bytes = text.as_bytes();
    while !bytes.is_empty() {
        let whole = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let mut length = whole;
        if fraction && bytes.get(whole) == Some(&b'.') {
            let part = bytes[whole + 1..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            if part == 0 || bytes.get(whole + 1 + part) != Some(&b'S') {
                return false;
            }
            length += 1 + part;
        }
        let unit = bytes
            .get(length)
            .and_then(|byte| order.iter().position(|known| known == byte));
        match (whole, unit, last) {
            (0, _, _) | (_, None, _) => return false,
            (_, Some(unit), Some(before)) if unit != before + 1 => return false,
            (_, unit, _) => last = unit,
        }
        bytes = &bytes[length + 1..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_check(check: Check, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(check(text), "{text:?} is refused");
        }
        for text in bad {
            assert!(!check(text), "{text:?} is accepted");
        }
    }

    #[test]
    fn uuids_have_five_hyphenated_groups() {
        assert_check(
            uuid,
            &[
                "123e4567-e89b-12d3-a456-426614174000",
                "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            ],
            &[
                "",
                "123e4567e89b12d3a456426614174000",
                "123e4567-e89b-12d3-a456-42661417400",
                "123e4567-e89b-12d3-a456-42661417400g",
                "{123e4567-e89b-12d3-a456-426614174000}",
                "123e4567-e89b-12d3-a456-4266141740é",
            ],
        );
    }

    #[test]
    fn dates_exist_in_the_calendar() {
        assert_check(
            date,
            &["2024-02-29", "2000-02-29", "1999-12-31", "0000-01-01"],
            &[
                "2023-02-29",
                "1900-02-29",
                "2024-13-01",
                "2024-00-10",
                "2024-04-31",
                "2024-1-01",
            ],
        );
        assert_check(
            date,
            &[],
            &[
                "",
                "2024-01-00",
                "2024/01/01",
                "24-01-01",
                "2024-01-011",
                "２０２４",
            ],
        );
    }

    #[test]
    fn times_carry_an_offset_and_leap_seconds_are_at_midnight_utc() {
        assert_check(
            time,
            &[
                "10:30:00Z",
                "10:30:00z",
                "00:00:00.000001+05:30",
                "23:59:60Z",
                "01:29:60+01:30",
            ],
            &[
                "10:30",
                "10:30:00",
                "24:00:00Z",
                "10:60:00Z",
                "10:30:61Z",
                "10:30:60Z",
                "10:30:00.",
            ],
        );
        assert_check(
            time,
            &["15:59:60-08:00"],
            &["10:30:00+24:00", "10:30:00+0530", "1:30:00Z", "€"],
        );
    }

    #[test]
    fn date_times_join_both_with_a_t() {
        assert_check(
            date_time,
            &["2024-01-15T10:30:00Z", "2024-01-15t10:30:00.5+02:00"],
            &[
                "2024-01-15 10:30:00Z",
                "2024-01-15",
                "2024-01-15T",
                "2024-02-30T10:30:00Z",
                "nope",
            ],
        );
    }

    #[test]
    fn durations_name_their_units_in_order() {
        assert_check(
            duration,
            &[
                "P1D",
                "P1Y2M3D",
                "PT1H30M",
                "P1DT2H30M",
                "P2W",
                "PT0S",
                "PT1.5S",
                "P1M",
            ],
            &[
                "", "P", "PT", "P1", "1D", "P1S", "PT1D", "P1H", "P1Y3D", "PT1H3S", "P1W2D", "PW",
            ],
        );
        assert_check(
            duration,
            &[],
            &["PT1.S", "PT1.5M", "P1.5D", "P-1D", "P1D2D", "PD", "p1d"],
        );
    }

    #[test]
    fn emails_match_the_pattern_that_rows_quote() {
        assert_check(
            email,
            &["a@b.c", "first.last+tag@sub.example.com", "a_b@x-y.z"],
            &[
                "", "a", "a@b", "@b.c", "a@.c", "a@b.", "a b@c.d", "a@b@c.d", "ü@b.c", "a@b.c ",
            ],
        );
    }

    #[test]
    fn addresses_are_textual_forms_of_their_standards() {
        assert_check(
            ipv4,
            &["127.0.0.1", "255.255.255.255"],
            &["256.0.0.1", "1.2.3", "01.2.3.4"],
        );
        assert_check(
            ipv6,
            &["::1", "2001:db8::8a2e:370:7334"],
            &["::1%eth0", "1::2::3", "12345::"],
        );
    }
}
