//! Ranges of bytes that a request asks for (RFC 9110 §14), and whether it still may (§13.1.5).
//!
//! A range that cannot be read is ignored and the whole is sent, as if nobody had asked; so is a
//! set that costs more to send than the whole. Knows nothing of files or of bodies.

use std::ops::Range;

use crate::chars::trim;
use crate::date::parse_date;
use crate::etag::Tag;
use crate::head::Head;
use crate::method::Method;
use crate::sabotage;

/// What the ranges of a request come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ranges {
    /// Nothing is asked for that can be had: the whole is sent, with a 200.
    Whole,
    /// These, in the order in which they were asked for; at least one, and none is empty.
    Parts(Vec<Range<u64>>),
    /// None of them lies in the content: 416.
    Unsatisfiable,
}

/// The ranges of a request for content of this length. `etag` and `last_modified` are those of the
/// reply: a range of another state of the content is not what the client has the rest of.
///
/// Only GET has ranges (RFC 9110 §14.2). Several lines are ignored: none is more right than the
/// others.
pub fn ranges_of(
    head: &Head,
    length: u64,
    etag: Option<&[u8]>,
    last_modified: Option<&[u8]>,
) -> Ranges {
    if head.method() != Method::Get && !sabotage::is_off("range/methods") {
        return Ranges::Whole;
    }
    let mut lines = head.field_all(b"range");
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return Ranges::Whole;
    };
    if !is_same_state(head, etag, last_modified) {
        return Ranges::Whole;
    }
    read_ranges(line, length)
}

/// Whether `If-Range` is absent or names the state of the content. Only a strong tag says that the
/// bytes are the same, and a date says it only beside one: whoever makes the tag weak does not know
/// whether the content changed twice within the second (RFC 9110 §8.8.2.2, §13.1.5).
fn is_same_state(head: &Head, etag: Option<&[u8]>, last_modified: Option<&[u8]>) -> bool {
    if sabotage::is_off("range/if-range") {
        return true;
    }
    let mut lines = head.field_all(b"if-range");
    let condition = match (lines.next(), lines.next()) {
        (None, _) => return true,
        (Some(line), None) => line,
        _ => return false,
    };
    let Some(own) = etag.and_then(Tag::read) else {
        return false;
    };
    if !own.is_strong() && !sabotage::is_off("range/strong") {
        return false;
    }
    match Tag::read(condition) {
        Some(tag) => tag.is_same_strongly(own),
        None => match (parse_date(condition), last_modified.and_then(parse_date)) {
            // An exact match: a later date names no state that the content had.
            (Some(asked), Some(modified)) => asked == modified,
            _ => false,
        },
    }
}

/// Reads a `Range` value for content of this length.
///
/// `bytes=` and a list of `first-[last]` and `-suffix`. A unit other than `bytes` is ignored, and
/// so is the whole value if one member is malformed, if there are more than [`RANGES_MAX`], or if
/// together they are longer than the content, as ranges that overlap may be (RFC 9110 §14.2).
pub fn read_ranges(value: &[u8], length: u64) -> Ranges {
    let Some((unit, set)) = value.split_at_checked(6) else {
        return Ranges::Whole;
    };
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return Ranges::Whole;
    }
    let mut parts = Vec::new();
    let (mut members, mut sum) = (0_usize, 0_u64);
    for member in set.split(|byte| *byte == b',').map(trim) {
        if member.is_empty() {
            continue;
        }
        members += 1;
        if members > RANGES_MAX && !sabotage::is_off("range/most") {
            return Ranges::Whole;
        }
        match read_range(member, length) {
            Member::Malformed => return Ranges::Whole,
            Member::Outside => {}
            Member::Inside(part) => {
                sum = sum.saturating_add(part.end - part.start);
                parts.push(part);
            }
        }
    }
    let is_more_than_all = sum > length && !sabotage::is_off("range/overlap");
    match (members, parts.is_empty()) {
        (0, _) => Ranges::Whole,
        // A suffix of nothing is all that there is, and no `Content-Range` can say so.
        (_, true) if length == 0 && has_suffix(set) => Ranges::Whole,
        (_, true) if sabotage::is_off("range/unsatisfiable") => Ranges::Whole,
        (_, true) => Ranges::Unsatisfiable,
        (_, false) if is_more_than_all => Ranges::Whole,
        (_, false) => Ranges::Parts(parts),
    }
}

enum Member {
    Malformed,
    Outside,
    Inside(Range<u64>),
}

fn read_range(member: &[u8], length: u64) -> Member {
    let Some(dash) = memchr::memchr(b'-', member) else {
        return Member::Malformed;
    };
    let (first, last) = (&member[..dash], &member[dash + 1..]);
    if first.is_empty() {
        if sabotage::is_off("range/suffix") {
            return Member::Malformed;
        }
        return match decimal(last) {
            None => Member::Malformed,
            Some(suffix) if suffix == 0 || length == 0 => Member::Outside,
            Some(suffix) => Member::Inside(length.saturating_sub(suffix)..length),
        };
    }
    let Some(first) = decimal(first) else {
        return Member::Malformed;
    };
    let last = if last.is_empty() {
        u64::MAX
    } else {
        match decimal(last) {
            Some(last) if last >= first => last,
            _ => return Member::Malformed,
        }
    };
    if first >= length {
        return Member::Outside;
    }
    Member::Inside(first..last.saturating_add(1).min(length))
}

/// Whether a member asks for the last bytes, however few there are.
fn has_suffix(set: &[u8]) -> bool {
    let mut members = set.split(|byte| *byte == b',').map(trim);
    members.any(|member| {
        let suffix = member.strip_prefix(b"-").and_then(decimal);
        suffix.is_some_and(|suffix| suffix > 0)
    })
}

/// A number of any length: what is beyond 64 bits lies beyond every content.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    }))
}

/// Most ranges of one request that are served. Players and download managers ask for a few; each
/// one costs a part of its own, and a set of thousands is an attack (RFC 9110 §14.2).
pub const RANGES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(ends: &[(u64, u64)]) -> Ranges {
        Ranges::Parts(ends.iter().map(|(start, end)| *start..*end).collect())
    }

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let cases: &[(&str, u64, Ranges)] = &[
            ("bytes=0-0", 10, parts(&[(0, 1)])),
            ("bytes=0-9", 10, parts(&[(0, 10)])),
            ("bytes=2-", 10, parts(&[(2, 10)])),
            ("bytes=-3", 10, parts(&[(7, 10)])),
            ("bytes=-30", 10, parts(&[(0, 10)])),
            ("bytes=8-99", 10, parts(&[(8, 10)])),
            ("BYTES=1-1", 10, parts(&[(1, 2)])),
            ("bytes= 1-1 ,\t5-6 ,, ", 10, parts(&[(1, 2), (5, 7)])),
            ("bytes=8-8,0-1", 10, parts(&[(8, 9), (0, 2)])),
            ("bytes=3-3,50-60", 10, parts(&[(3, 4)])),
            ("bytes=0-99999999999999999999999999", 10, parts(&[(0, 10)])),
            ("bytes=10-", 10, Ranges::Unsatisfiable),
            (
                "bytes=99999999999999999999999999-",
                10,
                Ranges::Unsatisfiable,
            ),
            ("bytes=-0", 10, Ranges::Unsatisfiable),
            ("bytes=0-", 0, Ranges::Unsatisfiable),
            ("bytes=-5", 0, Ranges::Whole),
            ("bytes=0-5,4-9", 10, Ranges::Whole),
            ("bytes=", 10, Ranges::Whole),
            ("bytes=,", 10, Ranges::Whole),
            ("bytes=5-4", 10, Ranges::Whole),
            ("bytes=0-1,x", 10, Ranges::Whole),
            ("bytes=+1-2", 10, Ranges::Whole),
            ("bytes=1 -2", 10, Ranges::Whole),
            ("bytes=--2", 10, Ranges::Whole),
            ("bytes=1-2-3", 10, Ranges::Whole),
            ("bytes 0-1", 10, Ranges::Whole),
            ("items=0-1", 10, Ranges::Whole),
            ("", 10, Ranges::Whole),
        ];
        for (value, length, wanted) in cases {
            let got = read_ranges(value.as_bytes(), *length);
            assert_eq!(got, *wanted, "{value} of {length}");
        }
    }

    #[test]
    fn too_many_ranges_are_the_whole() {
        let list = |count: usize| {
            let members: Vec<String> = (0..count).map(|at| format!("{0}-{0}", at * 2)).collect();
            format!("bytes={}", members.join(","))
        };
        let most = read_ranges(list(RANGES_MAX).as_bytes(), 1000);
        assert!(matches!(most, Ranges::Parts(parts) if parts.len() == RANGES_MAX));
        let more = read_ranges(list(RANGES_MAX + 1).as_bytes(), 1000);
        assert_eq!(more, Ranges::Whole);
    }
}
