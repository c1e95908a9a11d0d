//! The fast reading of a request line and its fields, over httparse (RFC 9112 §3, §5).
//!
//! httparse is lenient where attackers live (bare LF, leading empty lines, bytes of a target), so
//! what it accepts is checked here; whatever is suspect goes to `scan`, which names the cause.
//! Knows nothing of what fields mean.

use std::mem::MaybeUninit;

use memchr::memchr_iter;

use crate::chars::{hex_value, is_target_byte};
use crate::head::Version;
use crate::limits::{FIELDS_CEILING, HeadLimits, METHOD_BYTES_MAX};
use crate::method::Method;
use crate::span::{FieldSpan, Span};

/// The request line: `method SP request-target SP HTTP-version` (RFC 9112 §3).
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct RequestLine {
    pub(crate) method: Method,
    pub(crate) method_span: Span,
    pub(crate) target: Span,
    pub(crate) version: Version,
}

/// What one look at the bytes says.
pub(crate) enum Look {
    /// Complete and within the rules; `length` bytes from the request line on.
    Complete { line: RequestLine, length: usize },
    /// Not complete, wrong, or over a limit: `scan` tells which.
    Unclear,
}

/// Looks at `text`, which begins at the request line, and fills `fields` if all is well.
#[inline]
pub(crate) fn look(text: &[u8], limits: &HeadLimits, fields: &mut Vec<FieldSpan>) -> Look {
    let text = &text[..text.len().min(limits.head_bytes())];
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_CEILING];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(text, &mut slots[..limits.fields()]);
    let Ok(httparse::Status::Complete(length)) = parsed else {
        return Look::Unclear;
    };
    let (Some(method), Some(target), Some(version)) =
        (request.method, request.path, request.version)
    else {
        return Look::Unclear;
    };
    let line = RequestLine {
        method: Method::from_token(method.as_bytes()),
        method_span: Span::locate(method.as_bytes(), text),
        target: Span::locate(target.as_bytes(), text),
        version: if version == 0 {
            Version::Http10
        } else {
            Version::Http11
        },
    };
    if !line_is_strict(text, &line, limits) || !target_is_strict(target.as_bytes()) {
        return Look::Unclear;
    }
    fields.clear();
    fields.extend(request.headers.iter().map(|field| FieldSpan {
        name: Span::locate(field.name.as_bytes(), text),
        value: Span::locate(field.value, text),
    }));
    if every_line_ends_in_crlf(text, length, fields) {
        Look::Complete { line, length }
    } else {
        Look::Unclear
    }
}

/// The line begins at once (httparse skips empty lines) and keeps its bounds.
#[inline]
fn line_is_strict(text: &[u8], line: &RequestLine, limits: &HeadLimits) -> bool {
    // Behind the target: a space and the eight bytes of the version.
    let line_end = line.target.end() as usize + 9;
    line.method_span.start == 0
        && line.method_span.length as usize <= METHOD_BYTES_MAX
        && line_end <= limits.request_line_bytes_max
        && text[line_end] == b'\r'
}

/// Only VCHAR without `#`, and `%` only before two digits that do not spell NUL.
#[inline]
fn target_is_strict(target: &[u8]) -> bool {
    if !target
        .iter()
        .fold(true, |valid, &byte| valid & is_target_byte(byte))
    {
        return false;
    }
    memchr_iter(b'%', target).all(|at| match target.get(at + 1..at + 3) {
        Some(&[high, low]) => {
            hex_value(high).is_some() && hex_value(low).is_some() && (high, low) != (b'0', b'0')
        }
        _ => false,
    })
}

/// httparse ends a line at CRLF or at a bare LF. A CR elsewhere it refuses itself, so it is enough
/// to look at the byte before each LF: two before the next line begins.
#[inline]
fn every_line_ends_in_crlf(text: &[u8], length: usize, fields: &[FieldSpan]) -> bool {
    let starts_behind_crlf = |field: &FieldSpan| {
        let start = field.name.start as usize;
        start >= 2 && text[start - 2] == b'\r'
    };
    fields.iter().all(starts_behind_crlf) && length >= 4 && text[length - 4..length] == *b"\r\n\r\n"
}
