//! The client's half: reply heads read, for test clients and tools (RFC 9112 §4, §6.3).
//!
//! As strict as the server's half, so that a test client notices what a lenient one would forgive.
//! Knows nothing of redirects, cookies or connections.

use std::fmt;

use crate::error::HeadError;
use crate::fields::{FieldError, Fields};
use crate::h1::framing::{check_codings, parse_length};
use crate::head::{BodyLength, Version};
use crate::limits::{ChunkLimits, FIELDS_CEILING, HeadLimits};
use crate::method::Method;

use super::chunked::{BodyDecoder, BodyError, Piece};
use super::encode::status_forbids_body;

/// A reply head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodedReply {
    /// The version of the status line.
    pub version: Version,
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase; may be empty.
    pub reason: Vec<u8>,
    /// All fields, framing fields included.
    pub fields: Fields,
    /// Where the body ends.
    pub framing: ReplyFraming,
    /// Whether the connection stays open behind the reply (RFC 9112 §9.3).
    pub keep_alive: bool,
}

/// How the end of a reply's body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyFraming {
    /// No body: HEAD, 1xx, 204, 304.
    None,
    /// `Content-Length`, in bytes.
    Known(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// The body ends where the connection does.
    UntilClose,
}

/// Decodes a reply head at the start of `bytes`; `None` if it is not complete. Returns how many
/// bytes it took; the body begins there. `request_method` decides whether there is a body.
///
/// # Errors
/// [`ReplyError`]: the server broke a rule of RFC 9112, or a limit of [`HeadLimits`].
pub fn decode_reply(
    bytes: &[u8],
    request_method: Method,
) -> Result<Option<(DecodedReply, usize)>, ReplyError> {
    let limits = HeadLimits::default();
    let Some(end) = find_head_end(bytes, &limits)? else {
        return Ok(None);
    };
    let text = &bytes[..end];
    check_line_ends(text)?;
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_CEILING];
    let mut reply = httparse::Response::new(&mut slots);
    let Ok(httparse::Status::Complete(length)) = reply.parse(text) else {
        return Err(ReplyError::Malformed);
    };
    if length != end {
        return Err(ReplyError::Malformed);
    }
    let mut fields = Fields::new();
    for field in reply.headers.iter() {
        fields
            .push(field.name.as_bytes(), field.value)
            .map_err(ReplyError::Field)?;
    }
    let (version, status, reason) = read_status_line(text)?;
    let framing = decide_framing(&fields, status, version, request_method)?;
    let keep_alive = decide_keep_alive(&fields, version, framing)?;
    let decoded = DecodedReply {
        version,
        status,
        reason,
        fields,
        framing,
        keep_alive,
    };
    Ok(Some((decoded, length)))
}

fn find_head_end(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, ReplyError> {
    let window = &bytes[..bytes.len().min(limits.head_bytes())];
    match memchr::memmem::find(window, b"\r\n\r\n") {
        Some(at) => Ok(Some(at + 4)),
        None if bytes.len() >= limits.head_bytes() => Err(ReplyError::HeadTooLarge),
        None => Ok(None),
    }
}

/// httparse would take a bare LF for the end of a line, and skip empty lines before the reply.
fn check_line_ends(text: &[u8]) -> Result<(), ReplyError> {
    let ends = memchr::memchr_iter(b'\n', text).all(|at| at > 0 && text[at - 1] == b'\r');
    if ends && !text.starts_with(b"\r") {
        Ok(())
    } else {
        Err(ReplyError::Malformed)
    }
}

/// `status-line = HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 §4). The space behind
/// the code is required; httparse does without.
fn read_status_line(text: &[u8]) -> Result<(Version, u16, Vec<u8>), ReplyError> {
    let line = &text[..memchr::memchr(b'\r', text).ok_or(ReplyError::Malformed)?];
    let (version, rest) = match line.split_at_checked(9) {
        Some((b"HTTP/1.1 ", rest)) => (Version::Http11, rest),
        Some((b"HTTP/1.0 ", rest)) => (Version::Http10, rest),
        _ => return Err(ReplyError::Malformed),
    };
    match rest {
        [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9', b' ', reason @ ..] => {
            let status = rest[..3]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            Ok((version, status, reason.to_vec()))
        }
        _ => Err(ReplyError::Malformed),
    }
}

fn decide_framing(
    fields: &Fields,
    status: u16,
    version: Version,
    request_method: Method,
) -> Result<ReplyFraming, ReplyError> {
    let coded = fields.get(b"transfer-encoding").is_some();
    let mut lengths = fields.get_all(b"content-length");
    let declared = match (lengths.next(), lengths.next()) {
        (None, _) => None,
        (Some(value), None) => Some(parse_length(value).map_err(ReplyError::Framing)?),
        (Some(_), Some(_)) => {
            return Err(ReplyError::Framing(HeadError::RepeatedContentLength));
        }
    };
    if coded && declared.is_some() {
        return Err(ReplyError::Framing(HeadError::AmbiguousLength));
    }
    let bare = matches!(status, 100..=199 | 204);
    if bare && (coded || declared.is_some()) {
        return Err(ReplyError::FramingOnBodilessStatus);
    }
    if coded && version == Version::Http10 {
        return Err(ReplyError::Framing(HeadError::TransferEncodingOnHttp10));
    }
    if coded {
        check_codings(fields.get_all(b"transfer-encoding")).map_err(ReplyError::Framing)?;
    }
    Ok(match declared {
        _ if request_method == Method::Head || status_forbids_body(status) => ReplyFraming::None,
        _ if coded => ReplyFraming::Chunked,
        Some(length) => ReplyFraming::Known(length),
        None => ReplyFraming::UntilClose,
    })
}

fn decide_keep_alive(
    fields: &Fields,
    version: Version,
    framing: ReplyFraming,
) -> Result<bool, ReplyError> {
    let options = super::session::read_options(fields.get_all(b"connection"))
        .ok_or(ReplyError::Framing(HeadError::InvalidConnection))?;
    let persistent = version == Version::Http11 || options.keep_alive;
    Ok(persistent && !options.close && framing != ReplyFraming::UntilClose)
}

/// Decodes a whole reply, body included; `None` if more bytes are needed. `is_closed` says that no
/// more will come. Returns head, content, and how many bytes the reply took.
///
/// # Errors
/// [`ReplyError`]; [`ReplyError::Truncated`] if the connection closed before the end.
pub fn decode_whole_reply(
    bytes: &[u8],
    request_method: Method,
    is_closed: bool,
) -> Result<Option<(DecodedReply, Vec<u8>, usize)>, ReplyError> {
    let unfinished = || {
        if is_closed {
            Err(ReplyError::Truncated)
        } else {
            Ok(None)
        }
    };
    let Some((head, mut at)) = decode_reply(bytes, request_method)? else {
        return unfinished();
    };
    let length = match head.framing {
        ReplyFraming::None => BodyLength::None,
        ReplyFraming::Known(length) => BodyLength::Known(length),
        ReplyFraming::Chunked => BodyLength::Chunked,
        ReplyFraming::UntilClose if is_closed => {
            return Ok(Some((head, bytes[at..].to_vec(), bytes.len())));
        }
        ReplyFraming::UntilClose => return Ok(None),
    };
    let mut decoder = BodyDecoder::new(length, ChunkLimits::default());
    let mut content = Vec::new();
    loop {
        match decoder.decode(&bytes[at..]).map_err(ReplyError::Body)? {
            Piece::Data { bytes, consumed } => {
                content.extend_from_slice(bytes);
                at += consumed;
            }
            Piece::More { .. } => return unfinished(),
            Piece::End { consumed } => return Ok(Some((head, content, at + consumed))),
        }
    }
}

/// Which rule a reply breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyError {
    /// The head is not `status-line *( field-line CRLF ) CRLF` (RFC 9112 §4, §5).
    Malformed,
    /// The head is over [`HeadLimits::head_bytes_max`].
    HeadTooLarge,
    /// A field that must not be on the wire.
    Field(FieldError),
    /// The body length is malformed or ambiguous (RFC 9112 §6).
    Framing(HeadError),
    /// A 1xx or 204 declares a body length (RFC 9110 §8.6, RFC 9112 §6.1).
    FramingOnBodilessStatus,
    /// The chunked body is malformed.
    Body(BodyError),
    /// The connection closed before the end of the reply.
    Truncated,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => out.write_str("The reply head is malformed"),
            Self::HeadTooLarge => out.write_str("The reply head is over its limit"),
            Self::Field(error) => error.fmt(out),
            Self::Framing(error) => error.fmt(out),
            Self::FramingOnBodilessStatus => {
                out.write_str("A reply that has no body declares its length")
            }
            Self::Body(error) => error.fmt(out),
            Self::Truncated => out.write_str("The connection closed before the end of the reply"),
        }
    }
}

impl std::error::Error for ReplyError {}
