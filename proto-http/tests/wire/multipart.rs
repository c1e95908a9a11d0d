//! Feeds every multipart body of `testing_data/wire` in every way and compares all parts.
//!
//! The runner has no opinion: what is right stands in the vectors.

use crate::guard::GuardedPages;
use crate::vectors::{MULTIPART_FILE, Vector, load, text};
use serde_json::Value;
use spikard_proto_http::MultipartLimits;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::multipart::{Event, MultipartError, MultipartParser, boundary};
use spikard_proto_http::part::PartHead;

type Part = (PartHead, Vec<u8>);

fn parser(vector: &Vector) -> MultipartParser {
    let mut limits = MultipartLimits::default();
    for (key, value) in vector.data["limits"].as_object().into_iter().flatten() {
        assert_eq!(key, "parts_max");
        limits.parts_max = value.as_u64().unwrap() as usize;
    }
    MultipartParser::new(&text(&vector.data["boundary"]), limits)
}

/// Feeds the pieces one after another; returns the parts.
fn feed<'a>(
    parser: &mut MultipartParser,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<Part>, MultipartError> {
    let mut parts: Vec<Part> = Vec::new();
    let mut ended = 0;
    for piece in pieces {
        let mut at = 0;
        loop {
            match parser.read(&piece[at..])? {
                Event::Part { head, consumed } => {
                    assert_eq!(ended, parts.len());
                    parts.push((head, Vec::new()));
                    at += consumed;
                }
                Event::Data { bytes, consumed } => {
                    assert!(!bytes.is_empty() && ended + 1 == parts.len());
                    parts.last_mut().unwrap().1.extend_from_slice(bytes);
                    at += consumed;
                }
                Event::PartEnd { consumed } => {
                    ended += 1;
                    at += consumed;
                }
                Event::More { consumed } => {
                    assert_eq!(at + consumed, piece.len());
                    break;
                }
            }
        }
    }
    parser.finish()?;
    assert_eq!(ended, parts.len());
    Ok(parts)
}

fn check<'a>(vector: &Vector, pieces: impl Iterator<Item = &'a [u8]>) {
    let label = &vector.label;
    let outcome = feed(&mut parser(vector), pieces);
    if let Some(expected) = vector.data.get("refuse") {
        let cause = format!("{:?}", outcome.expect_err(label));
        assert_eq!(
            cause.split(' ').next(),
            expected["cause"].as_str(),
            "{label}"
        );
        return;
    }
    let parts = outcome.expect(label);
    let expected = vector.data["complete"]["parts"].as_array().unwrap();
    assert_eq!(parts.len(), expected.len(), "{label}: parts");
    for ((head, content), expected) in parts.iter().zip(expected) {
        let own = |key: &str| expected.get(key).map(text);
        assert_eq!(Some(head.name.clone().into_bytes()), own("name"), "{label}");
        let filename = head.filename.clone().map(String::into_bytes);
        assert_eq!(filename, own("filename"), "{label}");
        let content_type = head.content_type.clone().map(String::into_bytes);
        assert_eq!(content_type, own("content_type"), "{label}");
        assert_eq!(Some(content.clone()), own("content"), "{label}: content");
    }
}

#[test]
fn bodies_whole_and_byte_by_byte() {
    for vector in load(MULTIPART_FILE) {
        check(&vector, std::iter::once(&vector.bytes[..]));
        check(&vector, vector.bytes.chunks(1));
        let bytes = vector.bytes.chunks(1);
        check(&vector, bytes.flat_map(|byte| [byte, &[][..]]));
    }
}

#[test]
fn bodies_cut_in_two() {
    for vector in load(MULTIPART_FILE) {
        for cut in 0..vector.bytes.len().min(4096) {
            let (first, second) = vector.bytes.split_at(cut);
            check(&vector, [first, second].into_iter());
        }
    }
}

#[test]
fn bodies_between_guard_pages() {
    let mut pages = GuardedPages::new(16_384);
    for vector in load(MULTIPART_FILE) {
        check(
            &vector,
            std::iter::once(pages.flush_with_end(&vector.bytes)),
        );
        check(
            &vector,
            std::iter::once(pages.flush_with_start(&vector.bytes)),
        );
    }
}

#[test]
fn boundaries_are_those_of_the_standard() {
    let read = |value: &Value| {
        let value = value.as_str().unwrap();
        boundary(&MediaType::parse(value.as_bytes()).unwrap())
    };
    let long = |length: usize| format!("multipart/form-data; boundary={}", "b".repeat(length));
    let good = Value::from("multipart/form-data; boundary=\"a b:c\"");
    assert_eq!(read(&good), Ok(b"a b:c".to_vec()));
    assert!(read(&long(70).into()).is_ok());
    for bad in [
        "boundary=\"\"",
        "boundary=\"a \"",
        "boundary=\"a{b\"",
        "boundary=\"\u{e9}\"",
    ] {
        let value = format!("multipart/form-data; {bad}");
        assert_eq!(read(&value.into()), Err(MultipartError::Boundary), "{bad}");
    }
    assert_eq!(read(&long(71).into()), Err(MultipartError::Boundary));
    let none = Value::from("multipart/form-data");
    assert_eq!(read(&none), Err(MultipartError::NoBoundary));
}
