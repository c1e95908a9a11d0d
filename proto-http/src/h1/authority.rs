//! Forms of the request target and the host they name (RFC 9112 §3.2, RFC 9110 §7.2).
//!
//! The host is decided once: two ways to read it are how caches are poisoned and virtual hosts
//! confused. Knows nothing of which hosts exist.

use std::net::Ipv6Addr;

use crate::chars::is_host_byte;
use crate::error::HeadError;
use crate::limits::HOST_BYTES_MAX;
use crate::method::Method;
use crate::span::Span;

/// The parts of a request target.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct TargetParts {
    /// Only the absolute form has one.
    pub(crate) authority: Option<Span>,
    /// Empty only if an absolute form has no path.
    pub(crate) path: Span,
    pub(crate) query: Option<Span>,
}

/// Splits a request target by its form:
/// `origin-form / absolute-form / asterisk-form` (RFC 9112 §3.2).
pub(crate) fn split_target(
    bytes: &[u8],
    target: Span,
    method: Method,
) -> Result<TargetParts, HeadError> {
    if method == Method::Connect {
        return Err(HeadError::ConnectRefused);
    }
    let text = target.of(bytes);
    match text {
        [b'/', ..] => Ok(split_path(bytes, target, None)),
        b"*" if method == Method::Options => Ok(split_path(bytes, target, None)),
        b"*" => Err(HeadError::AsteriskWithoutOptions),
        _ => {
            let scheme_length = [b"http://".as_slice(), b"https://"]
                .into_iter()
                .find(|scheme| {
                    text.get(..scheme.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                })
                .ok_or(HeadError::InvalidTargetForm)?
                .len();
            let rest = &text[scheme_length..];
            let length = rest
                .iter()
                .position(|byte| matches!(byte, b'/' | b'?'))
                .unwrap_or(rest.len());
            let start = target.start as usize + scheme_length;
            let authority = Span::between(start, start + length);
            let path_and_query = Span::between(start + length, target.end() as usize);
            Ok(split_path(bytes, path_and_query, Some(authority)))
        }
    }
}

fn split_path(bytes: &[u8], whole: Span, authority: Option<Span>) -> TargetParts {
    let start = whole.start as usize;
    match memchr::memchr(b'?', whole.of(bytes)) {
        None => TargetParts {
            authority,
            path: whole,
            query: None,
        },
        Some(at) => TargetParts {
            authority,
            path: Span::between(start, start + at),
            query: Some(Span::between(start + at + 1, whole.end() as usize)),
        },
    }
}

/// Whether `value` is `uri-host [ ":" port ]` and names something.
///
/// Narrower than RFC 3986 §3.2.2: a name is made of letters, digits and `-._~`. Percent-encoding
/// and `sub-delims`, quotes and commas among them, occur in no DNS name and in many attacks.
/// An empty host cannot be part of an http URI (RFC 9110 §4.2.1).
#[inline]
pub(crate) fn is_host(value: &[u8]) -> bool {
    if value.len() > HOST_BYTES_MAX {
        return false;
    }
    if let [b'[', rest @ ..] = value {
        return is_bracketed_host(rest);
    }
    let name_length = value
        .iter()
        .position(|&byte| !is_host_byte(byte))
        .unwrap_or(value.len());
    name_length > 0 && is_port_suffix(&value[name_length..])
}

/// `IPv6address "]" [ ":" port ]`; `IPvFuture` and zones are refused.
fn is_bracketed_host(rest: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b']', rest) else {
        return false;
    };
    let is_address =
        std::str::from_utf8(&rest[..end]).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    is_address && is_port_suffix(&rest[end + 1..])
}

/// Nothing, or `":" port` with `port = *DIGIT` (RFC 3986 §3.2.3) up to 65535.
fn is_port_suffix(suffix: &[u8]) -> bool {
    match suffix {
        [] => true,
        [b':', digits @ ..] => {
            digits.len() <= 5
                && digits.iter().all(u8::is_ascii_digit)
                && digits
                    .iter()
                    .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
                    <= 65_535
        }
        _ => false,
    }
}
