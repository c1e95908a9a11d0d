//! Invariants of message bodies.

use spikard_proto_http::{
    BodyDecoder, BodyError, BodyLength, ChunkLimits, Piece, encode_chunk, encode_last_chunk,
};

use crate::cuts;

/// Limits so tight that mutated inputs reach them.
const TIGHT: ChunkLimits = ChunkLimits {
    line_bytes_max: 16,
    extension_bytes_max: 24,
    trailer_bytes_max: 32,
    trailer_fields_max: 2,
};

/// What a body came to: its content, how many bytes it took, and whether it is complete.
#[derive(PartialEq, Eq, Debug, Default)]
struct Outcome {
    content: Vec<u8>,
    consumed: usize,
    done: bool,
    error: Option<BodyError>,
}

/// Content and end do not depend on how the bytes are cut, and survive being written again.
pub fn fuzz_body(data: &[u8]) {
    for limits in [ChunkLimits::default(), TIGHT] {
        let whole = decode(BodyLength::Chunked, limits, [data].into_iter());
        assert!(whole.consumed <= data.len() && whole.content.len() <= whole.consumed);
        let bytewise = decode(BodyLength::Chunked, limits, data.chunks(1));
        assert_eq!(bytewise, whole);
        let middle = cuts(data.len()).nth(data.first().map_or(0, |byte| *byte as usize % 64));
        let (first, second) = data.split_at(middle.unwrap_or(data.len()));
        assert_eq!(
            decode(BodyLength::Chunked, limits, [first, second].into_iter()),
            whole
        );
        check_rewritten(&whole.content);
    }
    let length = data.len() as u64 / 2;
    let known = decode(BodyLength::Known(length), TIGHT, data.chunks(3));
    assert_eq!(known.content, data[..length as usize]);
    assert!(known.done && known.error.is_none());
}

fn decode<'a>(
    length: BodyLength,
    limits: ChunkLimits,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = BodyDecoder::new(length, limits);
    let mut outcome = Outcome::default();
    for input in pieces {
        let mut at = 0;
        loop {
            match decoder.decode(&input[at..]) {
                Ok(Piece::Data { bytes, consumed }) => {
                    assert!(!bytes.is_empty() && consumed <= input.len() - at);
                    outcome.content.extend_from_slice(bytes);
                    at += consumed;
                }
                Ok(Piece::More { consumed }) => {
                    assert_eq!(at + consumed, input.len());
                    outcome.consumed += input.len();
                    break;
                }
                Ok(Piece::End { consumed }) => {
                    outcome.consumed += at + consumed;
                    outcome.done = true;
                    break;
                }
                Err(error) => {
                    assert!(matches!(error.status(), 400 | 431));
                    // How far the failing call got depends on the cut, and no longer matters.
                    return Outcome {
                        error: Some(error),
                        consumed: 0,
                        content: Vec::new(),
                        done: false,
                    };
                }
            }
        }
    }
    if length == BodyLength::Known(0) || length == BodyLength::None {
        assert!(decoder.is_done());
    }
    assert!(!outcome.done || decoder.is_done());
    outcome.done = decoder.is_done();
    outcome
}

fn check_rewritten(content: &[u8]) {
    let mut written = Vec::new();
    for chunk in content.chunks(19) {
        encode_chunk(&mut written, chunk);
    }
    encode_last_chunk(&mut written);
    let again = decode(
        BodyLength::Chunked,
        ChunkLimits::default(),
        [&written[..]].into_iter(),
    );
    assert_eq!(again.content, content);
    assert_eq!((again.consumed, again.done), (written.len(), true));
}
