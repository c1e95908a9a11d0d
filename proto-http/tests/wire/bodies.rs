//! Feeds every body and reply of `testing_data/wire` in every way and compares all facts.
//!
//! The runner has no opinion: what is right stands in the vectors.

use crate::guard::GuardedPages;
use crate::vectors::{BODY_FILE, REPLY_FILE, Vector, field_rows, load, text};
use serde_json::{Value, json};
use spikard_proto_http::h1::reply::decode_whole_reply;
use spikard_proto_http::{
    BodyDecoder, BodyError, BodyLength, ChunkLimits, DecodedReply, Method, Piece, ReplyError,
    ReplyFraming, Version,
};

fn decoder(vector: &Vector) -> BodyDecoder {
    let length = match &vector.data["length"] {
        Value::Number(length) => BodyLength::Known(length.as_u64().unwrap()),
        length if length == "none" => BodyLength::None,
        length => {
            assert_eq!(length, "chunked");
            BodyLength::Chunked
        }
    };
    let mut limits = ChunkLimits::default();
    for (key, value) in vector.data["limits"].as_object().into_iter().flatten() {
        assert_eq!(key, "extension_bytes_max");
        limits.extension_bytes_max = value.as_u64().unwrap() as usize;
    }
    BodyDecoder::new(length, limits)
}

/// Feeds one piece of input until the decoder wants more; returns what it consumed.
fn feed(
    decoder: &mut BodyDecoder,
    input: &[u8],
    content: &mut Vec<u8>,
) -> Result<usize, BodyError> {
    let mut at = 0;
    loop {
        match decoder.decode(&input[at..])? {
            Piece::Data { bytes, consumed } => {
                assert!(!bytes.is_empty() && consumed >= bytes.len());
                content.extend_from_slice(bytes);
                at += consumed;
            }
            Piece::More { consumed } => {
                assert_eq!(
                    at + consumed,
                    input.len(),
                    "More means that all was consumed"
                );
                return Ok(input.len());
            }
            Piece::End { consumed } => {
                assert!(decoder.is_done());
                return Ok(at + consumed);
            }
        }
    }
}

/// Feeds the pieces one after another and compares the outcome with the verdict.
fn check_body<'a>(vector: &Vector, pieces: impl Iterator<Item = &'a [u8]>) {
    let label = &vector.label;
    let (mut decoder, mut content, mut consumed) = (decoder(vector), Vec::new(), 0);
    let mut outcome = Ok(());
    for piece in pieces {
        match feed(&mut decoder, piece, &mut content) {
            Ok(length) => consumed += length,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    if let Some(expected) = vector.data.get("refuse") {
        let error = outcome.expect_err(label);
        let cause = format!("{error:?}");
        assert_eq!(
            cause.split(' ').next(),
            expected["cause"].as_str(),
            "{label}"
        );
        assert_eq!(error.status(), expected["status"], "{label}");
        return;
    }
    assert_eq!(outcome, Ok(()), "{label}");
    let (expected, done) = match vector.data.get("complete") {
        Some(expected) => (expected, true),
        None => (&vector.data["partial"], false),
    };
    assert_eq!(content, text(&expected["content"]), "{label}: content");
    assert_eq!(decoder.is_done(), done, "{label}: done");
    let rest = expected.get("rest").map_or(Vec::new(), text);
    assert_eq!(vector.bytes[consumed..], rest, "{label}: rest");
}

#[test]
fn bodies_whole_and_byte_by_byte() {
    for vector in load(BODY_FILE) {
        check_body(&vector, std::iter::once(&vector.bytes[..]));
        check_body(&vector, vector.bytes.chunks(1));
        check_body(
            &vector,
            vector.bytes.chunks(1).flat_map(|byte| [byte, &[][..]]),
        );
    }
}

#[test]
fn bodies_cut_in_two() {
    for vector in load(BODY_FILE) {
        for cut in 0..vector.bytes.len().min(4096) {
            let (first, second) = vector.bytes.split_at(cut);
            check_body(&vector, [first, second].into_iter());
        }
    }
}

#[test]
fn bodies_between_guard_pages() {
    let mut pages = GuardedPages::new(16_384);
    for vector in load(BODY_FILE) {
        check_body(
            &vector,
            std::iter::once(pages.flush_with_end(&vector.bytes)),
        );
        check_body(
            &vector,
            std::iter::once(pages.flush_with_start(&vector.bytes)),
        );
    }
}

#[test]
fn remaining_counts_down() {
    let mut decoder = BodyDecoder::new(BodyLength::Known(5), ChunkLimits::default());
    assert_eq!(decoder.remaining_declared(), Some(5));
    assert_eq!(
        decoder.decode(b"hel"),
        Ok(Piece::Data {
            bytes: b"hel",
            consumed: 3
        })
    );
    assert_eq!(decoder.remaining_declared(), Some(2));
    assert_eq!(
        decoder.decode(b"lo, more"),
        Ok(Piece::Data {
            bytes: b"lo",
            consumed: 2
        })
    );
    assert!(decoder.is_done());
    assert_eq!(decoder.remaining_declared(), Some(0));
    let chunked = BodyDecoder::new(BodyLength::Chunked, ChunkLimits::default());
    assert_eq!(chunked.remaining_declared(), None);
}

type Outcome = Result<Option<(DecodedReply, Vec<u8>, usize)>, ReplyError>;

fn decode(vector: &Vector, input: &[u8], closed: bool) -> Outcome {
    let method = Method::from_token(vector.data["request_method"].as_str().unwrap().as_bytes());
    decode_whole_reply(input, method, closed)
}

fn judge_reply(vector: &Vector, outcome: Outcome) {
    let label = &vector.label;
    if let Some(expected) = vector.data.get("refuse") {
        let error = outcome.expect_err(label);
        assert_eq!(json!(format!("{error:?}")), expected["cause"], "{label}");
    } else if let Some(expected) = vector.data.get("complete") {
        let (head, content, consumed) = outcome.expect(label).expect(label);
        let version = if head.version == Version::Http10 {
            "1.0"
        } else {
            "1.1"
        };
        assert_eq!(expected["version"], version, "{label}");
        assert_eq!(expected["status"], head.status, "{label}");
        assert_eq!(text(&expected["reason"]), head.reason, "{label}");
        let fields: Vec<_> = head
            .fields
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        assert_eq!(field_rows(&expected["fields"]), fields, "{label}");
        let framing = match head.framing {
            ReplyFraming::None => json!("none"),
            ReplyFraming::Known(length) => json!(length),
            ReplyFraming::Chunked => json!("chunked"),
            ReplyFraming::UntilClose => json!("until_close"),
        };
        assert_eq!(expected["framing"], framing, "{label}");
        assert_eq!(expected["keep_alive"], head.keep_alive, "{label}");
        assert_eq!(text(&expected["content"]), content, "{label}");
        assert_eq!(text(&expected["rest"]), vector.bytes[consumed..], "{label}");
    } else {
        assert_eq!(outcome, Ok(None), "{label}");
    }
}

#[test]
fn replies_whole_byte_by_byte_and_between_guard_pages() {
    let mut pages = GuardedPages::new(16_384);
    for vector in load(REPLY_FILE) {
        let closed = vector.data["closed"].as_bool().unwrap();
        judge_reply(&vector, decode(&vector, &vector.bytes, closed));
        judge_reply(
            &vector,
            decode(&vector, pages.flush_with_end(&vector.bytes), closed),
        );
        judge_reply(
            &vector,
            decode(&vector, pages.flush_with_start(&vector.bytes), closed),
        );
        let early = (0..vector.bytes.len())
            .map(|length| decode(&vector, &vector.bytes[..length], false))
            .find(|outcome| *outcome != Ok(None));
        if let Some(outcome) = early {
            judge_reply(&vector, outcome);
        }
    }
}
