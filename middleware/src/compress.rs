//! Bodies of replies compressed, whole: gzip and brotli (RFC 1952, RFC 7932).
//!
//! What takes long is done beside the worker's thread; whether it will is estimated from the length
//! and the level, because a long time on a worker is a delay of everybody else's.
//! Knows nothing of when a reply may be compressed; `stages/compression.rs` decides that.

use std::fmt;
use std::io::Write;

use brotli::enc::BrotliEncoderParams;
use libdeflater::{CompressionLvl, Compressor};

use crate::inflate::Coding;

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
}

impl Encoder {
    /// The body, compressed; `None` if it would not become smaller.
    #[must_use]
    pub fn encode(&mut self, recoding: Recoding, body: &[u8]) -> Option<Vec<u8>> {
        let coded = match recoding.coding {
            Coding::Gzip => self.gzip(recoding.quality, body)?,
            Coding::Brotli => brotli(recoding.quality, body)?,
        };
        (coded.len() < body.len()).then_some(coded)
    }

    fn gzip(&mut self, quality: u32, body: &[u8]) -> Option<Vec<u8>> {
        if self.gzip.as_ref().is_none_or(|(kept, _)| *kept != quality) {
            // 1 to 9 are levels that the library has.
            let level = CompressionLvl::new(quality.clamp(1, 9) as i32).ok()?;
            self.gzip = Some((quality, Compressor::new(level)));
        }
        let (_, compressor) = self.gzip.as_mut()?;
        // What does not fit below the body's own length is not wanted.
        let mut coded = vec![0; body.len()];
        let length = compressor.gzip_compress(body, &mut coded).ok()?;
        coded.truncate(length);
        Some(coded)
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encoder")
    }
}

fn brotli(quality: u32, body: &[u8]) -> Option<Vec<u8>> {
    let params = BrotliEncoderParams {
        // 0 to 11.
        quality: quality.min(11) as i32,
        // No smaller than this: below, the encoder takes another way that is twenty times as slow
        // from level 5 on, and no better.
        lgwin: (usize::BITS - body.len().leading_zeros()).clamp(WINDOW_BITS_MIN, 22) as i32,
        size_hint: body.len(),
        ..BrotliEncoderParams::default()
    };
    let coded = Vec::with_capacity(body.len() / 2);
    let mut writer = brotli::CompressorWriter::with_params(coded, BUFFER_BYTES, &params);
    writer.write_all(body).ok()?;
    Some(writer.into_inner())
}

/// Smallest window of brotli, as a power of two.
const WINDOW_BITS_MIN: u32 = 18;

/// Room between brotli and its output, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// Longest that compressing may hold a worker, in nanoseconds: what a turn may take.
pub const INLINE_NS_MAX: u64 = 1_000_000;

/// Nanoseconds per byte by quality, of 20 KB of JSON on one core of a small machine, as
/// `cargo bench` prints them under `compress/`, rounded up; levels that it leaves out lie between
/// their neighbours.
const GZIP_NS_PER_BYTE: [u64; 12] = [4, 4, 5, 6, 6, 8, 10, 12, 20, 30, 30, 30];
const BROTLI_NS_PER_BYTE: [u64; 12] = [3, 3, 5, 5, 6, 10, 12, 18, 100, 180, 400, 800];
