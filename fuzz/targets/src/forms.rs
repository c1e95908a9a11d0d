//! Invariants of the readers of forms, url-encoded and multipart.

use spikard_proto_http::MultipartLimits;
use spikard_proto_http::form::{FormError, pairs, read_form};
use spikard_proto_http::multipart::{Event, MultipartError, MultipartParser};
use spikard_proto_http::part::PartHead;

use crate::cuts;

/// Reading is bounded, never grows, and is undone by encoding.
pub fn fuzz_form(data: &[u8]) {
    let all: Vec<_> = pairs(data).collect();
    match read_form(data, 16) {
        Ok(read) => assert_eq!(read, all),
        Err(FormError::TooManyPairs { .. }) => assert!(all.len() > 16),
        Err(FormError::NameTooLong) => assert!(data.len() > 1024),
    }
    let encode =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let written: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let written = written.join("&");
    assert!(pairs(written.as_bytes()).eq(all));
}

type Outcome = Result<Vec<(PartHead, Vec<u8>)>, MultipartError>;

/// However the bytes are cut, the same parts come out, or the same refusal.
pub fn fuzz_multipart(data: &[u8]) {
    let whole = read(&[data]);
    if let Ok(parts) = &whole {
        let bytes: usize = parts.iter().map(|(_, content)| content.len()).sum();
        assert!(bytes <= data.len());
    }
    for cut in cuts(data.len()) {
        let (first, second) = data.split_at(cut);
        assert_eq!(read(&[first, second]), whole, "cut at {cut}");
    }
}

fn read(pieces: &[&[u8]]) -> Outcome {
    let limits = MultipartLimits {
        parts_max: 8,
        part_header_bytes_max: 256,
    };
    let mut parser = MultipartParser::new(b"B", limits);
    let mut parts: Vec<(PartHead, Vec<u8>)> = Vec::new();
    for piece in pieces {
        let mut at = 0;
        loop {
            at += match parser.read(&piece[at..])? {
                Event::Part { head, consumed } => {
                    parts.push((head, Vec::new()));
                    consumed
                }
                Event::Data { bytes, consumed } => {
                    let (_, content) = parts.last_mut().expect("content belongs to a part");
                    content.extend_from_slice(bytes);
                    consumed
                }
                Event::PartEnd { consumed } => consumed,
                Event::More { consumed } => {
                    assert_eq!(at + consumed, piece.len());
                    break;
                }
            }
        }
    }
    parser.finish()?;
    Ok(parts)
}
