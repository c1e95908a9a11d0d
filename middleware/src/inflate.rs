//! Content codings of request bodies, undone as bytes arrive (RFC 9110 §8.4).
//!
//! A few kilobytes may unfold to gigabytes, so output is counted while it is made: what is over the
//! body limit is refused before it is stored. A body that ends early, is corrupt, or has bytes
//! behind its end is refused whole.
//! `deflate` is left out: its senders disagree on what it means (RFC 9110 §8.4.1.2).
//! Knows nothing of routes or of what a body means.

use std::fmt;
use std::io::{self, Write};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::write::MultiGzDecoder;
use spikard_contract::problem::{BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE};
use spikard_proto_http::Head;
use spikard_proto_http::sabotage;

use crate::{body::too_large, problem::Problem};

/// What a 415 says of the codings that are read.
pub const ACCEPTED_CODINGS: &str = "gzip, br";

/// A coding that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip`, also called `x-gzip` (RFC 9110 §8.4.1.3).
    Gzip,
    /// `br` (RFC 7932).
    Brotli,
}

impl Coding {
    /// Its name in header fields.
    pub fn name(self) -> &'static [u8] {
        match self {
            Self::Gzip => b"gzip",
            Self::Brotli => b"br",
        }
    }

    /// The coding of a request's body; `None` if it is sent as it is.
    ///
    /// # Errors
    /// A `415` problem for a coding that is not known, and for more than one: a chain only serves
    /// to multiply how far a body unfolds.
    pub fn of(head: &Head) -> Result<Option<Self>, Box<Problem>> {
        let mut found = None;
        for line in head.field_all(b"content-encoding") {
            for member in line.split(|byte| *byte == b',') {
                let coding = match member.trim_ascii() {
                    b"" => continue,
                    name if name.eq_ignore_ascii_case(b"identity") => continue,
                    name if name.eq_ignore_ascii_case(Self::Gzip.name()) => Self::Gzip,
                    name if name.eq_ignore_ascii_case(b"x-gzip") => Self::Gzip,
                    name if name.eq_ignore_ascii_case(Self::Brotli.name()) => Self::Brotli,
                    _ if sabotage::is_off("inflate/known") => continue,
                    _ => return Err(unsupported("Unsupported content coding")),
                };
                if found.replace(coding).is_some() && !sabotage::is_off("inflate/one") {
                    return Err(unsupported("More than one content coding"));
                }
            }
        }
        Ok(found)
    }
}

fn unsupported(what: &str) -> Box<Problem> {
    let detail = format!("{what}. Accepted are: {ACCEPTED_CODINGS}");
    Box::new(Problem::of(&UNSUPPORTED_MEDIA_TYPE).with_detail(detail))
}

/// One body under way from its coded bytes to what it is.
#[derive(Debug)]
pub struct Inflater {
    decoder: Decoder,
    wire_bytes: u64,
    bytes_max: Option<u64>,
}

impl Inflater {
    /// Begins a body of at most `bytes_max` bytes, coded and decoded.
    pub fn new(coding: Coding, bytes_max: Option<u64>) -> Self {
        let out = Bounded {
            bytes: Vec::new(),
            room: bytes_max.unwrap_or(u64::MAX),
            over: false,
        };
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(out))),
            Coding::Brotli => Decoder::Brotli(Box::new(Brotli::new(out))),
        };
        Self {
            decoder,
            wire_bytes: 0,
            bytes_max,
        }
    }

    /// Takes the next coded bytes and gives what they unfold to, in pieces, to `sink`.
    ///
    /// # Errors
    /// A `413` problem if either count is over the limit, a `400` problem if the coding is broken,
    /// and what the sink refuses.
    pub fn push(
        &mut self,
        coded: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), Box<Problem>>,
    ) -> Result<(), Box<Problem>> {
        self.wire_bytes += coded.len() as u64;
        if let Some(limit) = self.bytes_max.filter(|limit| self.wire_bytes > *limit) {
            return Err(Box::new(too_large(limit)));
        }
        // In slices, so that what waits for the sink stays small without a limit too.
        for slice in coded.chunks(SLICE_BYTES) {
            let written = self.decoder.write(slice);
            self.judge(&written)?;
            self.drain(&mut sink)?;
        }
        Ok(())
    }

    /// Ends the body. One without a single byte is empty, whatever its coding.
    ///
    /// # Errors
    /// A `400` problem if the coded bytes are not whole, else as [`Inflater::push`].
    pub fn finish(
        &mut self,
        mut sink: impl FnMut(&[u8]) -> Result<(), Box<Problem>>,
    ) -> Result<(), Box<Problem>> {
        if self.wire_bytes == 0 {
            return Ok(());
        }
        let ended = self.decoder.finish();
        if !sabotage::is_off("inflate/end") {
            self.judge(&ended)?;
        }
        self.drain(&mut sink)
    }

    fn judge(&mut self, done: &io::Result<()>) -> Result<(), Box<Problem>> {
        match (done, self.bytes_max) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(limit)) if self.decoder.out().over => Err(Box::new(too_large(limit))),
            (Err(_), _) => Err(Box::new(Problem::of(&BAD_REQUEST).with_detail(
                "The request body is not whole or not valid in its Content-Encoding",
            ))),
        }
    }

    fn drain(
        &mut self,
        sink: &mut impl FnMut(&[u8]) -> Result<(), Box<Problem>>,
    ) -> Result<(), Box<Problem>> {
        let out = self.decoder.out();
        if out.bytes.is_empty() {
            return Ok(());
        }
        let given = sink(&out.bytes);
        out.bytes.clear();
        given
    }
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Bounded>>),
    Brotli(Box<Brotli>),
}

impl Decoder {
    fn write(&mut self, coded: &[u8]) -> io::Result<()> {
        match self {
            // Its buffer is emptied by the next write or by the end.
            Self::Gzip(gzip) => gzip.write_all(coded),
            Self::Brotli(brotli) => brotli.write(coded),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.try_finish(),
            Self::Brotli(brotli) if brotli.ended => Ok(()),
            Self::Brotli(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn out(&mut self) -> &mut Bounded {
        match self {
            Self::Gzip(gzip) => gzip.get_mut(),
            Self::Brotli(brotli) => &mut brotli.out,
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "Gzip",
            Self::Brotli(_) => "Brotli",
        })
    }
}

/// Windows of the standard only: at most 16 MiB, never the gigabyte of "large windows".
struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: bool,
    out: Bounded,
}

impl Brotli {
    fn new(out: Bounded) -> Self {
        let alloc = StandardAlloc::default;
        Self {
            state: BrotliState::new_strict(alloc(), alloc(), alloc()),
            ended: false,
            out,
        }
    }

    fn write(&mut self, coded: &[u8]) -> io::Result<()> {
        let (mut left, mut at, mut total) = (coded.len(), 0, 0);
        let mut piece = [0; SLICE_BYTES];
        while left > 0 || !self.ended {
            if self.ended && sabotage::is_off("inflate/behind") {
                return Ok(());
            }
            if self.ended {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let (mut room, mut filled) = (piece.len(), 0);
            let result = BrotliDecompressStream(
                &mut left,
                &mut at,
                coded,
                &mut room,
                &mut filled,
                &mut piece,
                &mut total,
                &mut self.state,
            );
            self.out.write_all(&piece[..filled])?;
            match result {
                BrotliResult::ResultSuccess => self.ended = true,
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
        Ok(())
    }
}

/// Takes bytes while there is room for them.
struct Bounded {
    bytes: Vec<u8>,
    room: u64,
    over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(room) = self.room.checked_sub(bytes.len() as u64) else {
            self.over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        self.room = room;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Coded bytes decoded at a time: unfolded a thousandfold, they are four megabytes.
const SLICE_BYTES: usize = 4096;
