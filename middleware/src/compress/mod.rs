//! Bodies of replies compressed: gzip and brotli (RFC 1952, RFC 7932). Whole ones here, and as
//! streams in a file of their own.
//!
//! What takes long is done beside the worker's thread; whether it will is estimated from the length
//! and the level, because a long time on a worker is a delay of everybody else's.
//! Knows nothing of when a reply may be compressed; `stages/compression.rs` decides that.

mod memory;
pub mod stream;

use std::fmt;

use brotli::enc::encode::{
    BrotliEncoderDestroyInstance, BrotliEncoderOperation, BrotliEncoderStateStruct,
};
use libdeflater::{CompressionLvl, Compressor};

use crate::inflate::Coding;
use memory::Memory;

/// How one body is to be compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recoding {
    /// The coding.
    pub coding: Coding,
    /// From 0, the fastest, to 11, the smallest.
    pub quality: u32,
}

impl Recoding {
    /// Whether a body of this length is compressed within [`INLINE_NS_MAX`], as far as can be told.
    #[must_use]
    pub fn is_quick(self, length: usize) -> bool {
        let costs = match self.coding {
            Coding::Gzip => &GZIP_NS_PER_BYTE,
            Coding::Brotli => &BROTLI_NS_PER_BYTE,
        };
        let quality = (self.quality as usize).min(costs.len() - 1);
        costs[quality] * length as u64 <= INLINE_NS_MAX
    }
}

/// Compresses, and keeps what is costly to make from one body to the next.
#[derive(Default)]
pub struct Encoder {
    gzip: Option<(u32, Compressor)>,
    brotli: Memory,
    /// What comes out. Copying it from here costs less than memory of its own for each body, which
    /// the C library would fetch from the kernel and give back again and again.
    room: Vec<u8>,
}

impl Encoder {
    /// The body, compressed; `None` if it would not become smaller.
    #[must_use]
    pub fn encode(&mut self, recoding: Recoding, body: &[u8]) -> Option<&[u8]> {
        if self.room.len() > ROOM_BYTES_KEPT_MAX {
            self.room = Vec::new();
        }
        if self.room.len() < body.len() {
            self.room.resize(body.len(), 0);
        }
        let length = match recoding.coding {
            Coding::Gzip => self.gzip(recoding.quality, body)?,
            Coding::Brotli => self.brotli(recoding.quality, body)?,
        };
        (length < body.len()).then(|| &self.room[..length])
    }

    fn gzip(&mut self, quality: u32, body: &[u8]) -> Option<usize> {
        if self.gzip.as_ref().is_none_or(|(kept, _)| *kept != quality) {
            // 1 to 9 are levels that the library has.
            let level = CompressionLvl::new(quality.clamp(1, 9) as i32).ok()?;
            self.gzip = Some((quality, Compressor::new(level)));
        }
        let (_, compressor) = self.gzip.as_mut()?;
        // What does not fit below the body's own length is not wanted.
        let room = &mut self.room[..body.len()];
        compressor.gzip_compress(body, room).ok()
    }

    fn brotli(&mut self, quality: u32, body: &[u8]) -> Option<usize> {
        let mut state = BrotliEncoderStateStruct::new(std::mem::take(&mut self.brotli));
        state.params.quality = quality.min(QUALITY_MAX) as i32;
        let bits = usize::BITS - body.len().leading_zeros();
        state.params.lgwin = bits.clamp(WINDOW_BITS_MIN, WINDOW_BITS_MAX) as i32;
        state.params.size_hint = body.len();
        let (mut unread, mut read, mut room, mut length) = (body.len(), 0, body.len(), 0);
        let went = state.compress_stream(
            BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
            &mut unread,
            body,
            &mut read,
            &mut room,
            &mut self.room[..body.len()],
            &mut length,
            &mut None,
            &mut |_, _, _, _| (),
        );
        let is_whole = went && state.is_finished();
        BrotliEncoderDestroyInstance(&mut state);
        self.brotli = state.m8;
        is_whole.then_some(length)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

/// Highest level, brotli's.
const QUALITY_MAX: u32 = 11;

/// Smallest window of brotli, as a power of two: below, the encoder takes another way that is
/// twenty times as slow from level 5 on, and no better.
const WINDOW_BITS_MIN: u32 = 18;

/// Largest window, as a power of two: that of a body of 4 MB.
const WINDOW_BITS_MAX: u32 = 22;

/// Most room for output that is kept, in bytes: that of what is compressed on a worker.
const ROOM_BYTES_KEPT_MAX: usize = 256 * 1024;

/// Longest that compressing may hold a worker, in nanoseconds: what a turn may take.
pub const INLINE_NS_MAX: u64 = 1_000_000;

/// Nanoseconds per byte by quality, of 20 KB of JSON on one core of a small machine, as
/// `cargo bench` prints them under `compress/`, rounded up; levels that it leaves out lie between
/// their neighbours.
const GZIP_NS_PER_BYTE: [u64; 12] = [4, 4, 5, 6, 6, 8, 10, 12, 20, 30, 30, 30];
const BROTLI_NS_PER_BYTE: [u64; 12] = [3, 3, 5, 5, 6, 10, 12, 18, 100, 180, 400, 800];

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize) -> Vec<u8> {
        let words =
            (0..).flat_map(|number: u32| format!("{},", number * number % 7919).into_bytes());
        words.take(length).collect()
    }

    #[test]
    fn memory_that_was_used_before_changes_no_byte() {
        let mut used = Encoder::default();
        for quality in 0..=9 {
            for coding in [Coding::Gzip, Coding::Brotli] {
                let recoding = Recoding { coding, quality };
                for length in [70_000, 300, 20_000, 6] {
                    let body = text(length);
                    let mut fresh = Encoder::default();
                    let fresh = fresh.encode(recoding, &body);
                    assert_eq!(fresh.is_some(), length > 6, "{recoding:?} {length}");
                    assert!(
                        used.encode(recoding, &body) == fresh,
                        "{recoding:?} {length}"
                    );
                }
            }
        }
    }
}
