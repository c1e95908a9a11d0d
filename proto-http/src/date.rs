//! HTTP dates (RFC 9110 §5.6.7): written as IMF-fixdate, read in all three forms.
//!
//! The caller brings the time; the same second is formatted once and reused by every reply.
//! Knows no clock.

/// Last second that fits a year of four digits: 9999-12-31T23:59:59Z.
pub const UNIX_SECONDS_MAX: u64 = 253_402_300_799;

const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const LONG_DAYS: [&[u8]; 7] = [
    b"Monday",
    b"Tuesday",
    b"Wednesday",
    b"Thursday",
    b"Friday",
    b"Saturday",
    b"Sunday",
];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Formats seconds since 1970 as `Sun, 06 Nov 1994 08:49:37 GMT`. Times beyond
/// [`UNIX_SECONDS_MAX`] are written as that.
pub fn format_date(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(UNIX_SECONDS_MAX);
    let days = seconds / 86_400;
    let (year, month, day) = civil_of_days(days);
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    // 1970-01-01 was a Thursday, the fourth day of a week that begins with Monday.
    out[..3].copy_from_slice(DAYS[((days + 3) % 7) as usize]);
    put_two(&mut out[5..7], day);
    out[8..11].copy_from_slice(MONTHS[month as usize - 1]);
    put_two(&mut out[12..14], year / 100);
    put_two(&mut out[14..16], year % 100);
    put_two(&mut out[17..19], seconds / 3600 % 24);
    put_two(&mut out[20..22], seconds / 60 % 60);
    put_two(&mut out[23..25], seconds % 60);
    out
}

/// A moment as RFC 3339 has it, in UTC with milliseconds: `1994-11-06T08:49:37.000Z`.
#[must_use]
pub fn format_rfc3339(unix_ms: u64) -> String {
    let mut text = String::new();
    push_rfc3339(&mut text, unix_ms);
    text
}

/// The same at the end of a text: logs write one for every request.
pub fn push_rfc3339(text: &mut String, unix_ms: u64) {
    let (seconds, ms) = (unix_ms / 1000, unix_ms % 1000);
    let (year, month, day) = civil_of_days(seconds / 86_400);
    let time = seconds % 86_400;
    let mut out = *b"0000-00-00T00:00:00.000Z";
    put_two(&mut out[0..], year / 100 % 100);
    put_two(&mut out[2..], year % 100);
    put_two(&mut out[5..], month);
    put_two(&mut out[8..], day);
    put_two(&mut out[11..], time / 3600);
    put_two(&mut out[14..], time / 60 % 60);
    put_two(&mut out[17..], time % 60);
    put_two(&mut out[20..], ms / 10);
    out[22] = b'0' + (ms % 10) as u8;
    text.extend(out.map(char::from));
}

fn put_two(out: &mut [u8], number: u64) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

/// Reads an HTTP date as seconds since 1970; `None` if it has none of the three forms, names an
/// impossible day or one before 1970. The weekday must be one but is not compared with the date.
/// A year of two digits (RFC 850) is 1970 to 2069. A leap second counts as the next second.
pub fn parse_date(text: &[u8]) -> Option<u64> {
    let (head, rest) = text.split_at_checked(3)?;
    match rest {
        [b',', ..] if is_day(head) => parse_imf(rest),
        [b' ', ..] if is_day(head) => parse_asctime(rest),
        _ => parse_rfc850(text),
    }
}

fn is_day(name: &[u8]) -> bool {
    DAYS.iter().any(|day| day.as_slice() == name)
}

/// `, 06 Nov 1994 08:49:37 GMT`
fn parse_imf(rest: &[u8]) -> Option<u64> {
    if rest.len() != 26
        || !rest.starts_with(b", ")
        || [rest[4], rest[8], rest[13]] != *b"   "
        || !rest.ends_with(b" GMT")
    {
        return None;
    }
    let year = digits(&rest[9..13])?;
    seconds_of(
        year,
        month_of(&rest[5..8])?,
        digits(&rest[2..4])?,
        time_of(&rest[14..22])?,
    )
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn parse_rfc850(text: &[u8]) -> Option<u64> {
    let (name, rest) = text.split_at(memchr::memchr(b',', text)?);
    if !LONG_DAYS.contains(&name)
        || rest.len() != 24
        || !rest.starts_with(b", ")
        || [rest[4], rest[8], rest[11]] != *b"-- "
        || !rest.ends_with(b" GMT")
    {
        return None;
    }
    let short_year = digits(&rest[9..11])?;
    let year = if short_year < 70 {
        2000 + short_year
    } else {
        1900 + short_year
    };
    seconds_of(
        year,
        month_of(&rest[5..8])?,
        digits(&rest[2..4])?,
        time_of(&rest[12..20])?,
    )
}

/// ` Nov  6 08:49:37 1994`
fn parse_asctime(rest: &[u8]) -> Option<u64> {
    if rest.len() != 21 || rest[4] != b' ' || rest[7] != b' ' || rest[16] != b' ' {
        return None;
    }
    let day = match rest[5] {
        b' ' => digits(&rest[6..7])?,
        _ => digits(&rest[5..7])?,
    };
    seconds_of(
        digits(&rest[17..])?,
        month_of(&rest[1..4])?,
        day,
        time_of(&rest[8..16])?,
    )
}

fn month_of(name: &[u8]) -> Option<u64> {
    MONTHS
        .iter()
        .position(|month| month.as_slice() == name)
        .map(|index| index as u64 + 1)
}

/// Seconds of the day of `08:49:37`.
fn time_of(text: &[u8]) -> Option<u64> {
    if text[2] != b':' || text[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (
        digits(&text[..2])?,
        digits(&text[3..5])?,
        digits(&text[6..])?,
    );
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn digits(text: &[u8]) -> Option<u64> {
    text.iter().try_fold(0, |sum, digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

fn seconds_of(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    if year < 1970 || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_of_civil(year, month, day) * 86_400 + time)
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 0000-03-01 to 1970-01-01. Counting years from March puts the leap day last, so that
/// `(153 m + 2) / 5` days precede month m of every year.
const DAYS_TO_1970: u64 = 719_468;

/// Days since 1970-01-01 of a day in the Gregorian calendar.
fn days_of_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970
}

/// The inverse of [`days_of_civil`]: (year, month, day).
fn civil_of_days(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_1970;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
