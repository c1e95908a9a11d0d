//! A body compressed as it comes, piece by piece: gzip and brotli (RFC 1952, RFC 7932).
//!
//! What comes out of a piece may be nothing, because both codings look back and wait for more; a
//! flush brings out all that went in, at some bytes' cost, for those who wait at the other end.
//! Knows nothing of where the pieces come from and go to.

use std::fmt;
use std::io::{self, Write};

use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderStateStruct};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::memory::Memory;
use super::{QUALITY_MAX, Recoding, WINDOW_BITS_MIN};
use crate::inflate::Coding;

/// Whether what went in is to come out at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// When the coding gains most from it.
    Later,
    /// With this piece: its reader waits for it.
    Now,
}

/// Compresses one body, piece by piece. See the module's documentation.
pub struct StreamEncoder(Inner);

enum Inner {
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<BrotliEncoderStateStruct<Memory>>),
}

impl StreamEncoder {
    /// An encoder at the beginning of a body.
    #[must_use]
    pub fn new(recoding: Recoding) -> Self {
        Self(match recoding.coding {
            Coding::Gzip => {
                let level = Compression::new(recoding.quality.clamp(1, 9));
                Inner::Gzip(GzEncoder::new(Vec::new(), level))
            }
            Coding::Brotli => {
                let mut state = Box::new(BrotliEncoderStateStruct::new(Memory::default()));
                state.params.quality = recoding.quality.min(QUALITY_MAX) as i32;
                state.params.lgwin = WINDOW_BITS_MIN as i32;
                state.params.lgblock = BLOCK_BITS;
                Inner::Brotli(state)
            }
        })
    }

    /// Takes a piece, and appends what comes of it and of what was held back: at most about what
    /// went in, and no more than [`HELD_BYTES_MAX`] of that from before this piece.
    ///
    /// # Errors
    /// If the encoder is at odds with itself: the body cannot go on.
    pub fn push(&mut self, piece: &[u8], flush: Flush, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            Inner::Gzip(gzip) => {
                gzip.write_all(piece)?;
                if flush == Flush::Now {
                    gzip.flush()?;
                }
                out.append(gzip.get_mut());
                Ok(())
            }
            Inner::Brotli(state) => {
                let operation = match flush {
                    Flush::Later => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
                    Flush::Now => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
                };
                run(state, operation, piece, out)
            }
        }
    }

    /// Ends the body, and appends the rest of it.
    ///
    /// # Errors
    /// As [`StreamEncoder::push`].
    pub fn finish(self, out: &mut Vec<u8>) -> io::Result<()> {
        match self.0 {
            Inner::Gzip(gzip) => {
                out.append(&mut gzip.finish()?);
                Ok(())
            }
            Inner::Brotli(mut state) => {
                let operation = BrotliEncoderOperation::BROTLI_OPERATION_FINISH;
                run(&mut state, operation, &[], out)
            }
        }
    }
}

impl fmt::Debug for StreamEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamEncoder")
    }
}

impl Recoding {
    /// Memory that a [`StreamEncoder`] works in, in bytes, rounded up.
    #[must_use]
    pub fn stream_bytes(self) -> u64 {
        match self.coding {
            Coding::Gzip => GZIP_STREAM_BYTES,
            Coding::Brotli => {
                let quality = self.quality.min(QUALITY_MAX) as usize;
                BROTLI_STREAM_MIB[quality] << 20
            }
        }
    }
}

fn run(
    state: &mut BrotliEncoderStateStruct<Memory>,
    operation: BrotliEncoderOperation,
    piece: &[u8],
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let mut unread = piece.len();
    let mut read = 0;
    loop {
        let mut length = out.len();
        out.resize(length + ROOM_BYTES, 0);
        let mut room = ROOM_BYTES;
        let went = state.compress_stream(
            operation,
            &mut unread,
            piece,
            &mut read,
            &mut room,
            out,
            &mut length,
            &mut None,
            &mut |_, _, _, _| (),
        );
        out.truncate(length);
        if !went {
            return Err(io::Error::other("brotli is at odds with itself"));
        }
        if unread == 0 && !state.has_more_output() {
            return Ok(());
        }
    }
}

/// Most bytes of input that an encoder holds back, of which the next piece may bring out all:
/// brotli's longest run of blocks in this window.
pub const HELD_BYTES_MAX: usize = 512 * 1024;

/// Blocks of brotli, as a power of two: what it compresses at once, and so how long a step takes.
const BLOCK_BITS: i32 = 16;

/// Room that output grows by, in bytes.
const ROOM_BYTES: usize = 16 * 1024;

/// Window, chains and output of deflate.
const GZIP_STREAM_BYTES: u64 = 512 * 1024;

/// By level of brotli, in MiB: what a process of its own grew by in the middle of a text of 4 MB.
const BROTLI_STREAM_MIB: [u64; 12] = [1, 1, 2, 2, 7, 6, 7, 13, 21, 37, 10, 12];

#[cfg(test)]
mod tests {
    use std::io::Read;

    use brotli_decompressor::Decompressor;
    use flate2::read::GzDecoder;

    use super::*;

    fn decoded(coding: Coding, coded: &[u8]) -> io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        match coding {
            Coding::Gzip => GzDecoder::new(coded).read_to_end(&mut whole)?,
            Coding::Brotli => Decompressor::new(coded, 4096).read_to_end(&mut whole)?,
        };
        Ok(whole)
    }

    /// As far as a client can read that has only this much, so far.
    fn readable(coding: Coding, coded: &[u8]) -> Vec<u8> {
        let mut whole = Vec::new();
        let mut reader: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(GzDecoder::new(coded)),
            Coding::Brotli => Box::new(Decompressor::new(coded, 4096)),
        };
        let mut byte = [0];
        while matches!(reader.read(&mut byte), Ok(1)) {
            whole.push(byte[0]);
        }
        whole
    }

    fn recodings() -> impl Iterator<Item = Recoding> {
        let of = |coding| (0..=11).map(move |quality| Recoding { coding, quality });
        of(Coding::Gzip).chain(of(Coding::Brotli))
    }

    fn coded(recoding: Recoding, body: &[u8], piece: usize, flush: Flush) -> Vec<u8> {
        let mut encoder = StreamEncoder::new(recoding);
        let mut out = Vec::new();
        for piece in body.chunks(piece) {
            encoder.push(piece, flush, &mut out).unwrap();
        }
        encoder.finish(&mut out).unwrap();
        out
    }

    fn text(length: usize) -> Vec<u8> {
        let words = (0..).flat_map(|number: u32| format!("{},", number * 7 % 991).into_bytes());
        words.take(length).collect()
    }

    /// What does not shrink: a generator's bytes.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let step = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(step).take(length).collect()
    }

    #[test]
    fn comes_back_whole_however_it_was_cut() {
        for recoding in recodings() {
            for body in [text(5000), noise(3000), Vec::new(), vec![b'x']] {
                for (piece, flush) in [(5000, Flush::Later), (1, Flush::Later), (700, Flush::Now)] {
                    let coded = coded(recoding, &body, piece, flush);
                    let back = decoded(recoding.coding, &coded).unwrap();
                    assert!(back == body, "{recoding:?} {} in {piece}", body.len());
                }
            }
        }
    }

    #[test]
    fn a_flush_brings_out_all_that_went_in() {
        for recoding in recodings() {
            let mut encoder = StreamEncoder::new(recoding);
            let (mut sent, mut out) = (Vec::new(), Vec::new());
            for event in ["data: one\n\n", "data: two\n\n", "", "data: three\n\n"] {
                sent.extend_from_slice(event.as_bytes());
                encoder
                    .push(event.as_bytes(), Flush::Now, &mut out)
                    .unwrap();
                assert!(
                    readable(recoding.coding, &out) == sent,
                    "{recoding:?} {event:?}"
                );
            }
        }
    }

    #[test]
    fn a_step_brings_no_more_than_went_in_and_was_held_back() {
        let body = noise(900_000);
        for recoding in recodings().filter(|recoding| [1, 4, 6].contains(&recoding.quality)) {
            let mut encoder = StreamEncoder::new(recoding);
            for piece in body.chunks(64 * 1024) {
                let mut out = Vec::new();
                encoder.push(piece, Flush::Later, &mut out).unwrap();
                let most = piece.len() + HELD_BYTES_MAX;
                assert!(out.len() <= most + most / 100, "{recoding:?} {}", out.len());
            }
        }
    }

    #[test]
    fn quality_is_applied() {
        let body = text(200_000);
        let size = |coding, quality| {
            let recoding = Recoding { coding, quality };
            coded(recoding, &body, 64 * 1024, Flush::Later).len()
        };
        for coding in [Coding::Gzip, Coding::Brotli] {
            assert!(size(coding, 9) < size(coding, 1), "{coding:?}");
        }
        assert_eq!(size(Coding::Gzip, 0), size(Coding::Gzip, 1));
        assert_eq!(size(Coding::Gzip, 11), size(Coding::Gzip, 9));
    }
}
