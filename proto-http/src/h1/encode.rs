//! Reply heads, written (RFC 9112 §4, §6; RFC 9110 §15).
//!
//! Framing fields belong to the engine: whatever an application sets there is left out, so that a
//! reply can never say two things about its own length. Written without formatting machinery.
//! Knows nothing of bodies but their length.

use crate::chars::push_decimal;
use crate::fields::Fields;
use crate::head::Version;

/// The interim reply that lets a client send its body (RFC 9110 §15.2.1).
pub const CONTINUE_100: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How a reply says where its body ends (RFC 9112 §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyLength {
    /// It has none and says nothing: 1xx, 204, 304.
    None,
    /// `Content-Length`, in bytes. In a reply to HEAD, the length GET would have had.
    Known(u64),
    /// `Transfer-Encoding: chunked`. Not for HTTP/1.0 clients, which cannot read it.
    Chunked,
    /// The connection closes behind it: the only way to stream to HTTP/1.0.
    UntilClose,
}

impl ReplyLength {
    /// How to frame a body of unknown length for a client of this version (RFC 9112 §6.1).
    pub fn unknown_for(version: Version) -> Self {
        match version {
            Version::Http11 => Self::Chunked,
            Version::Http10 => Self::UntilClose,
        }
    }
}

/// Everything the head of a reply is made of.
#[derive(Clone, Copy, Debug)]
pub struct ReplyHead<'a> {
    /// 100 to 999.
    pub status: u16,
    /// The application's fields; those the engine owns are left out when written.
    pub fields: &'a Fields,
    /// How the body ends.
    pub length: ReplyLength,
    /// The current time as [`crate::date::format_date`] writes it. A `date` in `fields` wins.
    pub date: &'a [u8; 29],
    /// Whether the connection stays open behind this reply.
    pub keep_alive: bool,
    /// The version of the request that is answered.
    pub request_version: Version,
}

/// Appends the head of a reply: status line, date, fields, framing, empty line.
///
/// `content-length`, `transfer-encoding`, `connection` and `keep-alive` among the fields are
/// skipped. [`ReplyLength::Chunked`] for an HTTP/1.0 client is written as
/// [`ReplyLength::UntilClose`]; use [`ReplyLength::unknown_for`] to choose the body's encoding too.
#[inline]
pub fn encode_head(out: &mut Vec<u8>, head: &ReplyHead<'_>) {
    push_status_line(out, head.status);
    if head.fields.get(b"date").is_none() {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(head.date);
        out.extend_from_slice(b"\r\n");
    }
    for (name, value) in head.fields.iter() {
        if !is_engine_field(name) {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    push_framing(out, head);
    out.extend_from_slice(b"\r\n");
}

#[inline]
fn push_framing(out: &mut Vec<u8>, head: &ReplyHead<'_>) {
    let is_http10 = head.request_version == Version::Http10;
    let mut keep_alive = head.keep_alive;
    match head.length {
        // RFC 9110 §8.6: a 1xx or 204 must not declare a length.
        ReplyLength::Known(length) if !matches!(head.status, 100..=199 | 204) => {
            out.extend_from_slice(b"content-length: ");
            push_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        ReplyLength::None | ReplyLength::Known(_) => {}
        ReplyLength::Chunked if !is_http10 => {
            out.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        ReplyLength::Chunked | ReplyLength::UntilClose => keep_alive = false,
    }
    // The switch itself, and the advice to switch, name the field they are about (RFC 9110 §7.8).
    let upgrades = matches!(head.status, 101 | 426);
    let connection: &[u8] = match (upgrades, keep_alive, is_http10) {
        (true, true, _) => b"connection: upgrade\r\n",
        (true, false, _) if head.status == 101 => b"connection: upgrade\r\n",
        (true, false, _) => b"connection: upgrade, close\r\n",
        (false, false, _) => b"connection: close\r\n",
        (false, true, true) => b"connection: keep-alive\r\n",
        (false, true, false) => return,
    };
    out.extend_from_slice(connection);
}

#[inline]
fn is_engine_field(name: &[u8]) -> bool {
    let owned: &[&[u8]] = match name.len() {
        10 => &[b"connection", b"keep-alive"],
        14 => &[b"content-length"],
        17 => &[b"transfer-encoding"],
        _ => return false,
    };
    owned.iter().any(|field| name.eq_ignore_ascii_case(field))
}

/// Whether a reply of this status never has a body (RFC 9110 §6.4.1).
#[inline]
pub fn status_forbids_body(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

#[inline]
fn push_status_line(out: &mut Vec<u8>, status: u16) {
    debug_assert!((100..=999).contains(&status), "a status has three digits");
    if let Some(line) = registered_line(status) {
        out.extend_from_slice(line);
        return;
    }
    // Three digits whatever comes: a broken status line would desynchronise the connection.
    let status = if (100..=999).contains(&status) {
        status
    } else {
        500
    };
    out.extend_from_slice(b"HTTP/1.1 ");
    push_decimal(out, u64::from(status));
    out.extend_from_slice(b" \r\n");
}

macro_rules! statuses {
    ($($status:literal $reason:literal)*) => {
        fn registered_line(status: u16) -> Option<&'static [u8]> {
            Some(match status {
                $($status =>
                    concat!("HTTP/1.1 ", stringify!($status), " ", $reason, "\r\n").as_bytes(),)*
                _ => return None,
            })
        }

        /// The registered reason phrase of a status; empty if there is none.
        pub fn reason_phrase(status: u16) -> &'static str {
            match status {
                $($status => $reason,)*
                _ => "",
            }
        }
    };
}

// The IANA registry of HTTP status codes.
statuses! {
    100 "Continue" 101 "Switching Protocols" 102 "Processing" 103 "Early Hints"
    200 "OK" 201 "Created" 202 "Accepted" 203 "Non-Authoritative Information" 204 "No Content"
    205 "Reset Content" 206 "Partial Content" 207 "Multi-Status" 208 "Already Reported"
    226 "IM Used"
    300 "Multiple Choices" 301 "Moved Permanently" 302 "Found" 303 "See Other"
    304 "Not Modified" 305 "Use Proxy" 307 "Temporary Redirect" 308 "Permanent Redirect"
    400 "Bad Request" 401 "Unauthorized" 402 "Payment Required" 403 "Forbidden" 404 "Not Found"
    405 "Method Not Allowed" 406 "Not Acceptable" 407 "Proxy Authentication Required"
    408 "Request Timeout" 409 "Conflict" 410 "Gone" 411 "Length Required"
    412 "Precondition Failed" 413 "Content Too Large" 414 "URI Too Long"
    415 "Unsupported Media Type" 416 "Range Not Satisfiable" 417 "Expectation Failed"
    421 "Misdirected Request" 422 "Unprocessable Content" 423 "Locked" 424 "Failed Dependency"
    425 "Too Early" 426 "Upgrade Required" 428 "Precondition Required" 429 "Too Many Requests"
    431 "Request Header Fields Too Large" 451 "Unavailable For Legal Reasons"
    500 "Internal Server Error" 501 "Not Implemented" 502 "Bad Gateway"
    503 "Service Unavailable" 504 "Gateway Timeout" 505 "HTTP Version Not Supported"
    506 "Variant Also Negotiates" 507 "Insufficient Storage" 508 "Loop Detected"
    510 "Not Extended" 511 "Network Authentication Required"
}
