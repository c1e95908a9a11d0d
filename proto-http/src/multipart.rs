//! `multipart/form-data`, read as it arrives (RFC 7578, RFC 2046 §5.1).
//!
//! Bytes go in however they were cut, parts come out as events; nothing is kept but the header of
//! one part, which is bounded while it arrives. What two readers could take differently is refused.
//! Knows nothing of fields, files, or where their bytes go.

use std::fmt;
use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

use crate::limits::{
    BOUNDARY_BYTES_MAX, BOUNDARY_PADDING_BYTES_MAX, MultipartLimits, PART_FIELDS_MAX,
    PREAMBLE_BYTES_MAX,
};
use crate::media::MediaType;
use crate::part::{PartHead, read_part_head};
use crate::sabotage;

/// What came next in a multipart body. `consumed` input bytes are done with.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A part begins.
    Part {
        /// What its header says.
        head: PartHead,
        /// See [`Event`].
        consumed: usize,
    },
    /// Content of the part, never empty.
    Data {
        /// The content.
        bytes: &'a [u8],
        /// See [`Event`].
        consumed: usize,
    },
    /// The part is complete.
    PartEnd {
        /// See [`Event`].
        consumed: usize,
    },
    /// All input is consumed and more is needed, or the body is complete and this was its epilogue.
    More {
        /// See [`Event`].
        consumed: usize,
    },
}

/// A delimiter begins with a line break, and the line before it may have ended already.
const LINE_BREAK_BYTES: usize = 2;

/// Where a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first boundary; that many bytes were skipped.
    Preamble(usize),
    /// Behind a boundary.
    Behind(Behind),
    /// In a part's header.
    Header,
    /// In a part's content.
    Content,
    /// Behind the last boundary.
    Done,
}

/// What stood behind a boundary so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    Dash,
    Padding(usize),
    Return,
}

/// What a search for the next boundary found.
enum Found {
    /// That many bytes of input are content.
    Plain(usize),
    /// These bytes of the delimiter, from earlier input, turned out to be content.
    Held(Range<usize>),
    /// The delimiter ends behind that many bytes of input.
    Delimiter(usize),
    /// All input may belong to a delimiter.
    Partial,
}

/// Reads one multipart body.
#[derive(Debug)]
pub struct MultipartParser {
    state: State,
    /// `CRLF "--" boundary`. A boundary has no CR, so a search starts anew at one only.
    delimiter: Box<[u8]>,
    finder: memmem::Finder<'static>,
    /// How much of the delimiter the input ended with so far.
    matched: usize,
    /// How much of that was no content: the line break that ended a header, or none at all.
    lent: usize,
    header: Vec<u8>,
    /// Where the header's last line begins.
    line: usize,
    parts: usize,
    limits: MultipartLimits,
}

impl MultipartParser {
    /// A parser of bodies with this boundary, see [`boundary`].
    pub fn new(boundary: &[u8], limits: MultipartLimits) -> Self {
        let delimiter: Box<[u8]> = [b"\r\n--", boundary].concat().into();
        Self {
            state: State::Preamble(0),
            finder: memmem::Finder::new(&delimiter).into_owned(),
            delimiter,
            // A body may begin with its first boundary, as if a line had ended before.
            matched: LINE_BREAK_BYTES,
            lent: LINE_BREAK_BYTES,
            header: Vec::new(),
            line: 0,
            parts: 0,
            limits,
        }
    }

    /// Reads on. Call again with the rest of the input until it says [`Event::More`].
    ///
    /// # Errors
    /// [`MultipartError`] when the body is malformed or over a limit; the parser is done then.
    pub fn read<'a>(&'a mut self, input: &'a [u8]) -> Result<Event<'a>, MultipartError> {
        let mut at = 0;
        loop {
            match self.state {
                State::Preamble(_) => match self.skip_preamble(&input[at..])? {
                    Some(consumed) => at += consumed,
                    None => break,
                },
                State::Behind(behind) => {
                    let Some(&byte) = input.get(at) else { break };
                    at += 1;
                    self.read_behind(behind, byte)?;
                }
                State::Header => {
                    let (head, length) = self.read_header(&input[at..])?;
                    at += length;
                    let Some(head) = head else { break };
                    self.state = State::Content;
                    // Content may be empty: then the header's last line break is the delimiter's.
                    self.matched = LINE_BREAK_BYTES;
                    self.lent = LINE_BREAK_BYTES;
                    return Ok(Event::Part { head, consumed: at });
                }
                State::Content => return Ok(self.read_content(input, at)),
                State::Done => break,
            }
        }
        Ok(Event::More {
            consumed: input.len(),
        })
    }

    /// Says that the body has ended.
    ///
    /// # Errors
    /// [`MultipartError::Truncated`] if its last boundary has not come.
    pub fn finish(&self) -> Result<(), MultipartError> {
        if self.state == State::Done || sabotage::is_off("multipart/end") {
            Ok(())
        } else {
            Err(MultipartError::Truncated)
        }
    }

    /// Skips what comes before the first boundary; `None` when all input is skipped.
    fn skip_preamble(&mut self, input: &[u8]) -> Result<Option<usize>, MultipartError> {
        let State::Preamble(skipped) = self.state else {
            return Ok(None);
        };
        let (consumed, skipped) = match self.find(input) {
            Found::Delimiter(consumed) => {
                self.state = State::Behind(Behind::Nothing);
                return Ok(Some(consumed));
            }
            Found::Plain(length) => (Some(length), skipped + length),
            Found::Held(held) => (Some(0), skipped + held.len()),
            Found::Partial => (None, skipped),
        };
        if skipped > PREAMBLE_BYTES_MAX && !sabotage::is_off("multipart/preamble-max") {
            return Err(MultipartError::Preamble);
        }
        self.state = State::Preamble(skipped);
        Ok(consumed)
    }

    /// Finds the delimiter, or what is surely not a part of one.
    fn find(&mut self, input: &[u8]) -> Found {
        if self.matched > 0 {
            let wanted = &self.delimiter[self.matched..];
            let same = wanted.iter().zip(input).take_while(|(a, b)| a == b).count();
            if same == wanted.len() {
                self.matched = 0;
                self.lent = 0;
                return Found::Delimiter(same);
            }
            if same == input.len() {
                self.matched += same;
                return Found::Partial;
            }
            let held = std::mem::take(&mut self.lent)..std::mem::take(&mut self.matched);
            return Found::Held(held);
        }
        match self.finder.find(input) {
            Some(0) => Found::Delimiter(self.delimiter.len()),
            Some(at) => Found::Plain(at),
            None => {
                let tail = input.len().saturating_sub(self.delimiter.len() - 1);
                let start = memrchr(b'\r', &input[tail..]).map(|at| tail + at);
                match start.filter(|start| self.delimiter.starts_with(&input[*start..])) {
                    Some(0) => {
                        self.matched = input.len();
                        Found::Partial
                    }
                    Some(start) => Found::Plain(start),
                    None if input.is_empty() => Found::Partial,
                    None => Found::Plain(input.len()),
                }
            }
        }
    }

    fn read_content<'a>(&'a mut self, input: &'a [u8], at: usize) -> Event<'a> {
        match self.find(&input[at..]) {
            Found::Delimiter(length) => {
                self.state = State::Behind(Behind::Nothing);
                Event::PartEnd {
                    consumed: at + length,
                }
            }
            Found::Plain(length) => Event::Data {
                bytes: &input[at..at + length],
                consumed: at + length,
            },
            Found::Held(held) if held.is_empty() => self.read_content(input, at),
            Found::Held(held) => Event::Data {
                bytes: &self.delimiter[held],
                consumed: at,
            },
            Found::Partial => Event::More {
                consumed: input.len(),
            },
        }
    }

    /// `delimiter = CRLF "--" boundary`, then `"--"` at the end of all parts, else padding and a
    /// line break.
    fn read_behind(&mut self, behind: Behind, byte: u8) -> Result<(), MultipartError> {
        self.state = match (behind, byte) {
            (Behind::Nothing, b'-') => State::Behind(Behind::Dash),
            (Behind::Dash, b'-') => State::Done,
            (Behind::Nothing, b' ' | b'\t') => State::Behind(Behind::Padding(1)),
            (Behind::Padding(length), b' ' | b'\t') if length < BOUNDARY_PADDING_BYTES_MAX => {
                State::Behind(Behind::Padding(length + 1))
            }
            (Behind::Nothing | Behind::Padding(_), b'\r') => State::Behind(Behind::Return),
            (Behind::Return, b'\n') => {
                let is_full = self.parts == self.limits.parts_max;
                if is_full && !sabotage::is_off("multipart/parts-max") {
                    return Err(MultipartError::TooManyParts {
                        parts_max: self.parts,
                    });
                }
                self.parts += 1;
                self.header.clear();
                self.line = 0;
                State::Header
            }
            (_, b'\n') => return Err(MultipartError::LineBreak),
            _ => return Err(MultipartError::Delimiter),
        };
        Ok(())
    }

    /// Collects a header up to its empty line.
    fn read_header(&mut self, input: &[u8]) -> Result<(Option<PartHead>, usize), MultipartError> {
        let mut at = 0;
        while at < input.len() {
            let end = memchr(b'\n', &input[at..]).map_or(input.len(), |end| at + end + 1);
            let bytes_max = self.limits.part_header_bytes_max;
            let is_long = self.header.len() + (end - at) > bytes_max;
            if is_long && !sabotage::is_off("multipart/header-max") {
                return Err(MultipartError::HeaderTooLarge { bytes_max });
            }
            self.header.extend_from_slice(&input[at..end]);
            at = end;
            match &self.header[self.line..] {
                [b'\r', b'\n'] => {
                    let head = read_part_head(&self.header[..self.line])?;
                    return Ok((Some(head), at));
                }
                [.., b'\r', b'\n'] => self.line = self.header.len(),
                [.., b'\n'] => return Err(MultipartError::LineBreak),
                _ => {}
            }
        }
        Ok((None, at))
    }
}

/// The boundary of a `multipart/form-data` media type.
///
/// # Errors
/// [`MultipartError::NoBoundary`], or [`MultipartError::Boundary`] if it is not 1 to 70 of the
/// characters of RFC 2046 §5.1.1.
pub fn boundary(media: &MediaType<'_>) -> Result<Vec<u8>, MultipartError> {
    let boundary = media
        .parameter("boundary")
        .ok_or(MultipartError::NoBoundary)?;
    let is_char = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    let fits = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        || sabotage::is_off("multipart/boundary-max");
    if !fits || !boundary.iter().all(is_char) || boundary.ends_with(b" ") {
        return Err(MultipartError::Boundary);
    }
    Ok(boundary.into_owned())
}

/// Why a multipart body is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MultipartError {
    /// The media type has no boundary.
    NoBoundary,
    /// The boundary is not one of RFC 2046 §5.1.1.
    Boundary,
    /// More than [`PREAMBLE_BYTES_MAX`] bytes before the first boundary.
    Preamble,
    /// A boundary is followed by something else than a line break or the end.
    Delimiter,
    /// A line of a boundary or header ends without CR.
    LineBreak,
    /// More parts than are taken.
    TooManyParts {
        /// How many are.
        parts_max: usize,
    },
    /// A part's header is too long.
    HeaderTooLarge {
        /// How long it may be.
        bytes_max: usize,
    },
    /// A line of a part's header is no field, or there are too many.
    Field,
    /// More than [`PART_FIELDS_MAX`] header fields in one part.
    TooManyFields,
    /// A part has no `Content-Disposition: form-data` with a name, or two.
    Disposition,
    /// A parameter of a disposition occurs twice or is malformed.
    Parameter,
    /// A part uses an encoded parameter, which RFC 7578 §4.2 forbids.
    ExtendedParameter,
    /// A name or filename is not UTF-8, or has a NUL.
    Name,
    /// A part's content is encoded (RFC 7578 §4.7 deprecates it).
    TransferEncoding,
    /// A part's content type is no media type.
    ContentType,
    /// The last boundary is missing.
    Truncated,
}

impl MultipartError {
    /// Whether a limit is exceeded that is configured, rather than the syntax violated.
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::TooManyParts { .. } | Self::HeaderTooLarge { .. }
        )
    }
}

impl fmt::Display for MultipartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoBoundary => "The multipart media type has no boundary",
            Self::Boundary => "The multipart boundary is not 1 to 70 characters of RFC 2046",
            Self::Preamble => "The multipart body does not begin with its boundary",
            Self::Delimiter => "A multipart boundary is not followed by a line break",
            Self::LineBreak => "A line of a multipart header ends without CR",
            Self::TooManyParts { parts_max } => {
                return write!(out, "The form has more than {parts_max} parts");
            }
            Self::HeaderTooLarge { bytes_max } => {
                return write!(
                    out,
                    "The header of a part is over the limit of {bytes_max} bytes"
                );
            }
            Self::TooManyFields => {
                return write!(out, "A part has more than {PART_FIELDS_MAX} header fields");
            }
            Self::Field => "A line of a part's header is not 'name: value'",
            Self::Disposition => "A part has no 'Content-Disposition: form-data' with a name",
            Self::Parameter => "A parameter of a part's disposition is malformed or repeated",
            Self::ExtendedParameter => "A part uses 'filename*', which RFC 7578 does not allow",
            Self::Name => "The name of a part is not UTF-8 without NUL",
            Self::TransferEncoding => "A part has a content transfer encoding",
            Self::ContentType => "The content type of a part is not 'type/subtype'",
            Self::Truncated => "The multipart body ends before its last boundary",
        })
    }
}

impl std::error::Error for MultipartError {}
