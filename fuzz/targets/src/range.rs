//! Invariants of ranges: what is served lies in the content and is not more than it.

use spikard_proto_http::range::{RANGES_MAX, Ranges, ranges_of, read_ranges};
use spikard_proto_http::{Head, HeadLimits, Progress};

/// Whatever is asked for, parts are few, not empty, inside, and together no longer than the whole.
pub fn fuzz_range(data: &[u8]) {
    for length in [0, 1, 10, 1000, u64::MAX] {
        let Ranges::Parts(parts) = read_ranges(data, length) else {
            continue;
        };
        assert!((1..=RANGES_MAX).contains(&parts.len()));
        assert!(
            parts
                .iter()
                .all(|part| part.start < part.end && part.end <= length)
        );
        let sizes = parts.iter().map(|part| part.end - part.start);
        assert!(sizes.map(u128::from).sum::<u128>() <= u128::from(length));
    }
    for (method, name) in [("GET", "range"), ("HEAD", "range"), ("GET", "if-range")] {
        let Some(head) = head_of(method, name, data) else {
            return;
        };
        let weak = ranges_of(&head, 10, Some(b"W/\"1\""), None);
        if method == "HEAD" {
            assert_eq!(weak, Ranges::Whole);
        }
        if name == "if-range" {
            assert_eq!(weak, Ranges::Whole, "a weak tag is no state of the bytes");
        }
    }
}

fn head_of(method: &str, name: &str, value: &[u8]) -> Option<Head> {
    let mut text = format!("{method} / HTTP/1.1\r\nhost: a\r\n").into_bytes();
    if name == "if-range" {
        text.extend_from_slice(b"range: bytes=0-0\r\n");
    }
    text.extend_from_slice(format!("{name}: ").as_bytes());
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n\r\n");
    let mut head = Head::new();
    let progress = head.parse(&text, &HeadLimits::default()).ok()?;
    // A value may hold an empty line, and then more than one head was sent.
    matches!(progress, Progress::Complete { consumed } if consumed == text.len()).then_some(head)
}
