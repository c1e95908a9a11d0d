//! Message bodies: where they end, and what is content (RFC 9112 §6.2, §7.1).
//!
//! The chunk grammar is obeyed to the letter, because two readers of a lenient one disagree on
//! where the next request begins. Content is never copied: pieces point into the caller's buffer.
//! Knows nothing of body limits, which callers count, or of what the content is.

use std::fmt;

use crate::chars::{hex_value, is_space, is_token_byte, is_value_byte};
use crate::head::BodyLength;
use crate::limits::ChunkLimits;

/// Greatest size of one chunk: what a double holds exactly, because host languages count in those.
pub const CHUNK_SIZE_MAX: u64 = (1 << 53) - 1;

/// What the decoder found at the start of its input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// Content. `consumed` counts it and the framing before it; call again with what is behind.
    Data {
        /// Never empty.
        bytes: &'a [u8],
        /// Bytes of the input that are done with.
        consumed: usize,
    },
    /// All input was framing or empty: more is needed.
    More {
        /// Always the length of the input.
        consumed: usize,
    },
    /// The body is complete; the next request begins behind `consumed`.
    End {
        /// Bytes of the input that are done with.
        consumed: usize,
    },
}

/// Reads one body from pieces of any size.
#[derive(Clone, Debug)]
pub struct BodyDecoder {
    state: State,
    limits: ChunkLimits,
    is_chunked: bool,
    /// Bytes of the current chunk-size line, later of the trailer section.
    line_bytes: usize,
    extension_bytes: usize,
    trailer_fields: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Content of a body of known length.
    Known {
        remaining: u64,
    },
    /// Hexadecimal digits of a chunk size.
    Size {
        size: u64,
        digits: u8,
    },
    /// Whitespace that only a `;` may follow.
    SpaceBeforeSemicolon {
        size: u64,
    },
    /// Whitespace before an extension name.
    ExtensionStart {
        size: u64,
    },
    ExtensionName {
        size: u64,
    },
    /// Whitespace behind an extension name: `=` or `;` must follow.
    ExtensionNameEnd {
        size: u64,
    },
    ExtensionValueStart {
        size: u64,
    },
    ExtensionToken {
        size: u64,
    },
    ExtensionQuoted {
        size: u64,
    },
    ExtensionEscape {
        size: u64,
    },
    /// Behind the closing quote.
    ExtensionQuotedEnd {
        size: u64,
    },
    /// The LF of a chunk-size line.
    SizeLf {
        size: u64,
    },
    /// Content of a chunk.
    Chunk {
        remaining: u64,
    },
    ChunkCr,
    ChunkLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl BodyDecoder {
    /// A decoder for a body of this length.
    pub fn new(length: BodyLength, limits: ChunkLimits) -> Self {
        let state = match length {
            BodyLength::None | BodyLength::Known(0) => State::Done,
            BodyLength::Known(remaining) => State::Known { remaining },
            BodyLength::Chunked => State::Size { size: 0, digits: 0 },
        };
        Self {
            state,
            limits,
            is_chunked: length == BodyLength::Chunked,
            line_bytes: 0,
            extension_bytes: 0,
            trailer_fields: 0,
        }
    }

    /// Whether the whole body has been read.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Bytes of content still to come, if the message declared its length; `None` if chunked.
    pub fn remaining_declared(&self) -> Option<u64> {
        match self.state {
            _ if self.is_chunked => None,
            State::Known { remaining } => Some(remaining),
            _ => Some(0),
        }
    }

    /// Reads on. `input` begins behind what earlier calls consumed.
    /// Trailer fields are checked and dropped: merging them into the head would let a body set
    /// fields that were already decided on (RFC 9110 §6.5.1).
    ///
    /// # Errors
    /// [`BodyError`]; where the next request begins is then unknown, so the connection must close.
    #[inline]
    pub fn decode<'a>(&mut self, input: &'a [u8]) -> Result<Piece<'a>, BodyError> {
        let mut at = 0;
        loop {
            match &mut self.state {
                State::Done => return Ok(Piece::End { consumed: at }),
                State::Known { remaining } | State::Chunk { remaining } => {
                    let available = (input.len() - at) as u64;
                    if available == 0 {
                        return Ok(Piece::More { consumed: at });
                    }
                    let length = available.min(*remaining);
                    *remaining -= length;
                    if *remaining == 0 {
                        self.state = if self.is_chunked {
                            State::ChunkCr
                        } else {
                            State::Done
                        };
                    }
                    // `length` is at most the length of a slice.
                    let consumed = at + length as usize;
                    return Ok(Piece::Data {
                        bytes: &input[at..consumed],
                        consumed,
                    });
                }
                _ => {
                    let Some(&byte) = input.get(at) else {
                        return Ok(Piece::More { consumed: at });
                    };
                    self.state = self.step(byte)?;
                    at += 1;
                }
            }
        }
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        match self.state {
            State::Size { size, digits } => self.step_size(size, digits, byte),
            State::SizeLf { size } => {
                expect_lf(byte)?;
                self.line_bytes = 0;
                Ok(if size == 0 {
                    State::TrailerStart
                } else {
                    State::Chunk { remaining: size }
                })
            }
            State::ChunkCr if byte == b'\r' => Ok(State::ChunkLf),
            State::ChunkCr => Err(BodyError::MissingChunkEnd),
            State::ChunkLf if byte == b'\n' => Ok(State::Size { size: 0, digits: 0 }),
            State::ChunkLf => Err(BodyError::MissingChunkEnd),
            State::TrailerStart
            | State::TrailerName
            | State::TrailerValue
            | State::TrailerLf
            | State::EndLf => self.step_trailer(byte),
            // `decode` handles these two itself; a finished body has no next byte.
            State::Known { .. } | State::Chunk { .. } | State::Done => Ok(self.state),
            _ => self.step_extension(byte),
        }
    }

    /// `chunk-size = 1*HEXDIG`
    fn step_size(&mut self, size: u64, digits: u8, byte: u8) -> Result<State, BodyError> {
        self.count_line_byte(byte)?;
        match hex_value(byte) {
            Some(digit) => {
                let grown = (size << 4) | u64::from(digit);
                // Sixteen digits fill 64 bits, so the shift lost nothing.
                if digits == 16 || grown > CHUNK_SIZE_MAX {
                    return Err(BodyError::ChunkTooLarge);
                }
                Ok(State::Size {
                    size: grown,
                    digits: digits + 1,
                })
            }
            None if digits == 0 => Err(BodyError::InvalidChunkSize { byte }),
            None => match byte {
                b'\r' => Ok(State::SizeLf { size }),
                b';' => self.begin_extension(size),
                _ if is_space(byte) => Ok(State::SpaceBeforeSemicolon { size }),
                _ => Err(BodyError::InvalidChunkSize { byte }),
            },
        }
    }

    fn begin_extension(&mut self, size: u64) -> Result<State, BodyError> {
        self.count_extension_byte()?;
        Ok(State::ExtensionStart { size })
    }

    /// `chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
    fn step_extension(&mut self, byte: u8) -> Result<State, BodyError> {
        self.count_line_byte(byte)?;
        self.count_extension_byte()?;
        let next = match self.state {
            State::SpaceBeforeSemicolon { size } => match byte {
                b';' => Some(State::ExtensionStart { size }),
                _ => is_space(byte).then_some(self.state),
            },
            State::ExtensionStart { size } => match byte {
                _ if is_space(byte) => Some(self.state),
                _ => is_token_byte(byte).then_some(State::ExtensionName { size }),
            },
            State::ExtensionName { size } => match byte {
                b'=' => Some(State::ExtensionValueStart { size }),
                _ if is_space(byte) => Some(State::ExtensionNameEnd { size }),
                _ if is_token_byte(byte) => Some(self.state),
                _ => extension_end(size, byte),
            },
            State::ExtensionNameEnd { size } => match byte {
                b'=' => Some(State::ExtensionValueStart { size }),
                b';' => Some(State::ExtensionStart { size }),
                _ => is_space(byte).then_some(self.state),
            },
            _ => self.step_extension_value(byte),
        };
        next.ok_or(BodyError::InvalidExtension { byte })
    }

    /// `chunk-ext-val = token / quoted-string`
    fn step_extension_value(&self, byte: u8) -> Option<State> {
        match self.state {
            State::ExtensionValueStart { size } => match byte {
                b'"' => Some(State::ExtensionQuoted { size }),
                _ if is_space(byte) => Some(self.state),
                _ => is_token_byte(byte).then_some(State::ExtensionToken { size }),
            },
            State::ExtensionToken { size } => match byte {
                _ if is_token_byte(byte) => Some(self.state),
                _ if is_space(byte) => Some(State::SpaceBeforeSemicolon { size }),
                _ => extension_end(size, byte),
            },
            State::ExtensionQuoted { size } => match byte {
                b'"' => Some(State::ExtensionQuotedEnd { size }),
                b'\\' => Some(State::ExtensionEscape { size }),
                _ => is_value_byte(byte).then_some(self.state),
            },
            State::ExtensionEscape { size } => {
                is_value_byte(byte).then_some(State::ExtensionQuoted { size })
            }
            State::ExtensionQuotedEnd { size } => match byte {
                _ if is_space(byte) => Some(State::SpaceBeforeSemicolon { size }),
                _ => extension_end(size, byte),
            },
            _ => None,
        }
    }

    /// `trailer-section = *( field-line CRLF )` and the CRLF that ends the body.
    fn step_trailer(&mut self, byte: u8) -> Result<State, BodyError> {
        if self.line_bytes >= self.limits.trailer_bytes_max {
            let bytes_max = self.limits.trailer_bytes_max;
            return Err(BodyError::TrailerTooLarge { bytes_max });
        }
        self.line_bytes += 1;
        match self.state {
            State::TrailerStart if byte == b'\r' => Ok(State::EndLf),
            State::TrailerStart if is_token_byte(byte) => {
                if self.trailer_fields >= self.limits.trailer_fields_max {
                    let fields_max = self.limits.trailer_fields_max;
                    return Err(BodyError::TooManyTrailers { fields_max });
                }
                self.trailer_fields += 1;
                Ok(State::TrailerName)
            }
            State::TrailerName if byte == b':' => Ok(State::TrailerValue),
            State::TrailerName if is_token_byte(byte) => Ok(State::TrailerName),
            State::TrailerValue if byte == b'\r' => Ok(State::TrailerLf),
            State::TrailerValue if is_value_byte(byte) => Ok(State::TrailerValue),
            State::TrailerLf => expect_lf(byte).map(|()| State::TrailerStart),
            State::EndLf => expect_lf(byte).map(|()| State::Done),
            _ => Err(BodyError::InvalidTrailer { byte }),
        }
    }

    fn count_line_byte(&mut self, byte: u8) -> Result<(), BodyError> {
        if self.line_bytes >= self.limits.line_bytes_max && byte != b'\r' {
            let bytes_max = self.limits.line_bytes_max;
            return Err(BodyError::LineTooLong { bytes_max });
        }
        self.line_bytes += 1;
        Ok(())
    }

    fn count_extension_byte(&mut self) -> Result<(), BodyError> {
        if self.extension_bytes >= self.limits.extension_bytes_max {
            let bytes_max = self.limits.extension_bytes_max;
            return Err(BodyError::ExtensionsTooLong { bytes_max });
        }
        self.extension_bytes += 1;
        Ok(())
    }
}

fn extension_end(size: u64, byte: u8) -> Option<State> {
    match byte {
        b';' => Some(State::ExtensionStart { size }),
        b'\r' => Some(State::SizeLf { size }),
        _ => None,
    }
}

fn expect_lf(byte: u8) -> Result<(), BodyError> {
    if byte == b'\n' {
        Ok(())
    } else {
        Err(BodyError::BareCr)
    }
}

/// Why a body cannot be read. A `byte` is the one found, a `_max` the limit that was passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    missing_docs,
    reason = "the variants' fields are bytes and limits, said above"
)]
pub enum BodyError {
    /// A chunk size that is no hexadecimal number, or is not followed by CRLF or `;`.
    InvalidChunkSize { byte: u8 },
    /// A chunk size above [`CHUNK_SIZE_MAX`] or of more than 16 digits.
    ChunkTooLarge,
    /// A chunk extension that does not follow its grammar (RFC 9112 §7.1.1).
    InvalidExtension { byte: u8 },
    /// A chunk-size line over its limit.
    LineTooLong { bytes_max: usize },
    /// Chunk extensions over their limit for the whole body.
    ExtensionsTooLong { bytes_max: usize },
    /// The content of a chunk is not followed by CRLF: it is longer than its size said.
    MissingChunkEnd,
    /// A CR that no LF follows.
    BareCr,
    /// A trailer field that does not follow its grammar (RFC 9112 §7.1.2).
    InvalidTrailer { byte: u8 },
    /// A trailer section over its limit.
    TrailerTooLarge { bytes_max: usize },
    /// More trailer fields than the limit.
    TooManyTrailers { fields_max: usize },
}

impl BodyError {
    /// The status that answers it: 431 for the limits of trailers, otherwise 400.
    pub fn status(&self) -> u16 {
        match self {
            Self::TrailerTooLarge { .. } | Self::TooManyTrailers { .. } => 431,
            _ => 400,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidChunkSize { byte } => {
                write!(out, "A chunk size has the byte 0x{byte:02x}")
            }
            Self::ChunkTooLarge => out.write_str("A chunk size is over 2^53 - 1"),
            Self::InvalidExtension { byte } => {
                write!(out, "A chunk extension has the byte 0x{byte:02x}")
            }
            Self::LineTooLong { bytes_max } => {
                write!(out, "A chunk-size line is longer than {bytes_max} bytes")
            }
            Self::ExtensionsTooLong { bytes_max } => {
                write!(
                    out,
                    "The chunk extensions are longer than {bytes_max} bytes"
                )
            }
            Self::MissingChunkEnd => out.write_str("A chunk does not end where its size said"),
            Self::BareCr => out.write_str("A CR without LF stands in the framing of the body"),
            Self::InvalidTrailer { byte } => {
                write!(out, "A trailer field has the byte 0x{byte:02x}")
            }
            Self::TrailerTooLarge { bytes_max } => {
                write!(out, "The trailer section is longer than {bytes_max} bytes")
            }
            Self::TooManyTrailers { fields_max } => {
                write!(out, "The body has more than {fields_max} trailer fields")
            }
        }
    }
}

impl std::error::Error for BodyError {}

/// Appends `bytes` as one chunk. Nothing is written for no bytes: an empty chunk ends the body.
pub fn encode_chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    // 64 bits have 16 hexadecimal digits.
    let mut digits = [0; 16];
    let mut at = digits.len();
    let mut size = bytes.len();
    while size > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[size & 15];
        size >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk and an empty trailer section: the end of a chunked body.
pub fn encode_last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}
