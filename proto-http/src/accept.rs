//! `Accept`: how much a client wants a media type (RFC 9110 §12.5.1).
//!
//! Knows nothing of what a server could send; it weighs one type at a time.

use crate::accept_encoding::thousandths;
use crate::media::MediaType;

/// The weight of a type that is as good as any, in thousandths.
pub const WEIGHT_MAX: u16 = 1_000;

/// How much a client that sent these `Accept` lines wants a media type, in thousandths: 0 means not
/// at all. Without a line anything is as good as anything; what cannot be read says nothing. Of the
/// ranges that match, the most specific counts.
pub fn weight<'a>(lines: impl Iterator<Item = &'a [u8]>, kind: &str, subtype: &str) -> u16 {
    let mut best: Option<(u8, u16)> = None;
    let mut is_absent = true;
    for line in lines {
        is_absent = false;
        for range in line.split(|byte| *byte == b',') {
            let Ok(media) = MediaType::parse(range.trim_ascii()) else {
                continue;
            };
            let Some(precision) = precision(&media, kind, subtype) else {
                continue;
            };
            if best.is_none_or(|(known, _)| precision > known) {
                best = quality(&media).map(|weight| (precision, weight)).or(best);
            }
        }
    }
    match best {
        Some((_, weight)) => weight,
        None if is_absent => WEIGHT_MAX,
        None => 0,
    }
}

/// How specific a range is that matches the type.
fn precision(range: &MediaType<'_>, kind: &str, subtype: &str) -> Option<u8> {
    match (range.kind(), range.subtype()) {
        ("*", "*") => Some(0),
        (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
        _ if range.is(kind, subtype) => Some(2),
        _ => None,
    }
}

/// `weight = OWS ";" OWS "q=" qvalue` (RFC 9110 §12.4.2).
fn quality(range: &MediaType<'_>) -> Option<u16> {
    match range.parameter("q") {
        Some(text) => thousandths(&text),
        None => Some(WEIGHT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(lines: &[&str]) -> u16 {
        weight(lines.iter().map(|line| line.as_bytes()), "text", "html")
    }

    #[test]
    fn takes_anything_without_a_line() {
        assert_eq!(html(&[]), WEIGHT_MAX);
    }

    #[test]
    fn weighs_by_the_most_specific_range_in_any_order() {
        assert_eq!(html(&["*/*;q=0.1, TEXT/HTML;q=0.5, text/*;q=0.9"]), 500);
        assert_eq!(html(&["*/*;q=0.1", "text/*;q=0.9"]), 900);
        assert_eq!(html(&["application/json, */*;q=0.25"]), 250);
        assert_eq!(html(&["text/html;q=0, */*"]), 0);
    }

    #[test]
    fn what_is_not_named_is_not_wanted() {
        assert_eq!(html(&["application/json"]), 0);
        assert_eq!(html(&[""]), 0);
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        assert_eq!(html(&["text/html;q=, *, /, text/html;;q=0.3"]), 300);
        assert_eq!(html(&["text/html;q=7, text/*;q=0.2"]), 200);
        assert_eq!(html(&["text/html;q=NaN"]), 0);
    }
}
