//! Why a request head is refused: one variant per cause, each with the fact a person needs.
//!
//! After any of these the connection closes, because where the next request begins is unknown.
//! The sentences reach the client, so they hold numbers and fixed words, never the client's bytes.
//! Knows nothing of problem documents.

use std::borrow::Cow;
use std::fmt;

/// Why a request head is refused. An `offset` counts bytes from the first byte of the input, a
/// `byte` is the one found there, a `_max` is the limit that was passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(
    missing_docs,
    reason = "the variants' fields are offsets, bytes and limits, said above"
)]
pub enum HeadError {
    /// More than one empty line precedes the request line (RFC 9112 §2.2 allows one).
    EmptyLines,
    /// A CR that no LF follows (RFC 9112 §2.2).
    BareCr { offset: u32 },
    /// An LF that no CR precedes (RFC 9112 §2.2: accepting it is optional, and a known hazard).
    BareLf { offset: u32 },
    /// The method is not a token (RFC 9112 §3.1).
    InvalidMethod { offset: u32, byte: u8 },
    /// The method is longer than any this server implements (RFC 9112 §3).
    MethodTooLong { bytes_max: usize },
    /// The request target is empty, or more than one space precedes it (RFC 9112 §3).
    EmptyTarget,
    /// A byte that no request target may contain (RFC 9112 §3.2).
    InvalidTarget { offset: u32, byte: u8 },
    /// A `%` that two hexadecimal digits do not follow (RFC 3986 §2.1).
    InvalidPercent { offset: u32 },
    /// `%00` in the target: no file name, key or C string can hold it.
    NullInTarget { offset: u32 },
    /// The request line is over its limit (RFC 9110 §15.5.15).
    RequestLineTooLong { bytes_max: usize },
    /// The request line does not end in `HTTP/1.1` or `HTTP/1.0` (RFC 9112 §2.3).
    InvalidVersion { offset: u32 },
    /// A version of HTTP other than 1.0 and 1.1 (RFC 9110 §15.6.6).
    UnsupportedVersion { major: u8, minor: u8 },
    /// A line that begins with whitespace: obsolete line folding (RFC 9112 §5.2).
    ObsoleteFold { offset: u32 },
    /// A field without a name (RFC 9110 §5.1).
    EmptyName { offset: u32 },
    /// Whitespace between a field name and its colon (RFC 9112 §5.1).
    SpaceBeforeColon { offset: u32 },
    /// A field name that is not a token, or a line without a colon (RFC 9110 §5.1).
    InvalidName { offset: u32, byte: u8 },
    /// A control character in a field value (RFC 9110 §5.5).
    InvalidValue { offset: u32, byte: u8 },
    /// The head is over its limit (RFC 6585 §5).
    HeadTooLarge { bytes_max: usize },
    /// More fields than the limit (RFC 6585 §5).
    TooManyFields { fields_max: usize },
    /// The target has none of the forms of RFC 9112 §3.2.
    InvalidTargetForm,
    /// `*` with another method than OPTIONS (RFC 9112 §3.2.4).
    AsteriskWithoutOptions,
    /// CONNECT: this server is no proxy (RFC 9110 §9.3.6).
    ConnectRefused,
    /// An HTTP/1.1 request without `Host` (RFC 9112 §3.2).
    MissingHost,
    /// More than one `Host` (RFC 9112 §3.2).
    RepeatedHost,
    /// `Host`, or the authority of the target, is not `uri-host [ ":" port ]` (RFC 9110 §7.2).
    InvalidHost,
    /// The authority of the target and `Host` differ (RFC 9112 §3.2.2).
    HostMismatch,
    /// More than one `Content-Type` (RFC 9110 §8.3: a singleton).
    RepeatedContentType,
    /// More than one `Content-Length`, or a list of them (RFC 9112 §6.3).
    RepeatedContentLength,
    /// `Content-Length` is not a decimal number up to 2^63 - 1 (RFC 9110 §8.6).
    InvalidContentLength,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.1).
    AmbiguousLength,
    /// `Transfer-Encoding` in an HTTP/1.0 request (RFC 9112 §6.1).
    TransferEncodingOnHttp10,
    /// `Transfer-Encoding` is not a list of codings (RFC 9112 §6.1).
    InvalidTransferEncoding,
    /// `chunked` is not the last coding, so the length is unknowable (RFC 9112 §6.3).
    ChunkedNotLast,
    /// `chunked` is applied more than once (RFC 9112 §6.1).
    ChunkedTwice,
    /// A transfer coding other than `chunked` (RFC 9112 §6.1).
    UnknownTransferCoding,
    /// `Connection` is not a list of tokens (RFC 9110 §7.6.1).
    InvalidConnection,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    UnsupportedExpectation,
    /// The two readers of the head disagree. Not reachable by any known input.
    Unreadable,
}

impl HeadError {
    /// The status that answers it: 400, 414, 417, 431, 501 or 505.
    pub fn status(&self) -> u16 {
        match self {
            Self::RequestLineTooLong { .. } => 414,
            Self::UnsupportedExpectation => 417,
            Self::HeadTooLarge { .. } | Self::TooManyFields { .. } => 431,
            Self::MethodTooLong { .. } | Self::ConnectRefused | Self::UnknownTransferCoding => 501,
            Self::UnsupportedVersion { .. } => 505,
            _ => 400,
        }
    }

    /// A sentence for the client. It contains nothing the client sent but single bytes as numbers.
    pub fn detail(&self) -> Cow<'static, str> {
        match self.fixed_detail() {
            Some(sentence) => Cow::Borrowed(sentence),
            None => Cow::Owned(self.to_string()),
        }
    }

    fn fixed_detail(&self) -> Option<&'static str> {
        Some(match self {
            Self::EmptyLines => "More than one empty line precedes the request line",
            Self::EmptyTarget => "The request target is empty",
            Self::InvalidTargetForm => {
                "The request target is neither a path nor an http or https URI"
            }
            Self::AsteriskWithoutOptions => "The request target '*' is only valid with OPTIONS",
            Self::ConnectRefused => "CONNECT is not implemented: this server is not a proxy",
            Self::MissingHost => "The Host field is missing",
            Self::RepeatedHost => "The Host field appears more than once",
            Self::InvalidHost => "The host is not a valid name or address with an optional port",
            Self::HostMismatch => "The authority of the request target differs from Host",
            Self::RepeatedContentType => "The Content-Type field appears more than once",
            Self::RepeatedContentLength => "Content-Length appears more than once",
            Self::InvalidContentLength => "Content-Length is not a decimal number below 2^63",
            Self::AmbiguousLength => "Content-Length and Transfer-Encoding exclude each other",
            Self::TransferEncodingOnHttp10 => "Transfer-Encoding is not part of HTTP/1.0",
            Self::InvalidTransferEncoding => "Transfer-Encoding is not a list of transfer codings",
            Self::ChunkedNotLast => "The last transfer coding is not 'chunked'",
            Self::ChunkedTwice => "The transfer coding 'chunked' is applied more than once",
            Self::UnknownTransferCoding => "The only transfer coding implemented is 'chunked'",
            Self::InvalidConnection => "Connection is not a list of tokens",
            Self::UnsupportedExpectation => "The only expectation supported is '100-continue'",
            Self::Unreadable => "The request head cannot be read",
            _ => return None,
        })
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(sentence) = self.fixed_detail() {
            return out.write_str(sentence);
        }
        match *self {
            Self::BareCr { offset } => write!(out, "A CR without LF stands at byte {offset}"),
            Self::BareLf { offset } => write!(out, "An LF without CR stands at byte {offset}"),
            Self::InvalidMethod { offset, byte } => {
                write!(out, "The method has the byte 0x{byte:02x} at byte {offset}")
            }
            Self::MethodTooLong { bytes_max } => {
                write!(out, "The method is longer than {bytes_max} bytes")
            }
            Self::InvalidTarget { offset, byte } => {
                write!(
                    out,
                    "The request target has the byte 0x{byte:02x} at byte {offset}"
                )
            }
            Self::InvalidPercent { offset } => {
                write!(out, "The '%' at byte {offset} lacks two hexadecimal digits")
            }
            Self::NullInTarget { offset } => {
                write!(
                    out,
                    "The request target has an encoded NUL at byte {offset}"
                )
            }
            Self::RequestLineTooLong { bytes_max } => {
                write!(out, "The request line is longer than {bytes_max} bytes")
            }
            Self::InvalidVersion { offset } => {
                write!(
                    out,
                    "'HTTP/1.1' and the end of the line were expected at byte {offset}"
                )
            }
            Self::UnsupportedVersion { major, minor } => {
                write!(
                    out,
                    "HTTP/{major}.{minor} is not supported, HTTP/1.0 and HTTP/1.1 are"
                )
            }
            _ => self.write_field_detail(out),
        }
    }
}

impl HeadError {
    fn write_field_detail(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ObsoleteFold { offset } => {
                write!(out, "The line at byte {offset} begins with whitespace")
            }
            Self::EmptyName { offset } => write!(out, "A field without name is at byte {offset}"),
            Self::SpaceBeforeColon { offset } => {
                write!(
                    out,
                    "Whitespace stands before a field's colon at byte {offset}"
                )
            }
            Self::InvalidName { offset, byte } => {
                write!(
                    out,
                    "A field name has the byte 0x{byte:02x} at byte {offset}"
                )
            }
            Self::InvalidValue { offset, byte } => {
                write!(
                    out,
                    "A field value has the byte 0x{byte:02x} at byte {offset}"
                )
            }
            Self::HeadTooLarge { bytes_max } => {
                write!(out, "The request head is longer than {bytes_max} bytes")
            }
            Self::TooManyFields { fields_max } => {
                write!(out, "The request has more than {fields_max} fields")
            }
            // Every other variant was written before this function is reached.
            _ => out.write_str("The request head cannot be read"),
        }
    }
}

impl std::error::Error for HeadError {}
