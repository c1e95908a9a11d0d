//! A request head: a copy of its bytes and tables of offsets into them (RFC 9112 §2 - §6).
//!
//! It owns its bytes so that it outlives the connection's buffer, and keeps their memory from one
//! request to the next. Every fact is decided once, in `parse`; accessors only look.
//! Knows nothing of sockets, routes or bodies beyond their declared length.

use crate::error::HeadError;
use crate::fields::{FieldError, check};
use crate::h1::authority::{TargetParts, is_host, split_target};
use crate::h1::framing;
use crate::h1::notable::Notable;
use crate::h1::parse::{Look, RequestLine, look};
use crate::h1::scan::Scan;
use crate::h1::session::Session;
use crate::limits::{FIELD_LIST_BYTES_MAX, FIELDS_MAX, HeadLimits, RETAINED_BYTES_MAX};
use crate::method::Method;
use crate::span::{FieldSpan, Span};

/// The version of a request's start line. Others are refused (RFC 9110 §2.5).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Version {
    /// `HTTP/1.0`.
    Http10 = 0,
    /// `HTTP/1.1`.
    #[default]
    Http11 = 1,
}

/// How the length of a request's body is known (RFC 9112 §6.3).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// Neither `Content-Length` nor `Transfer-Encoding`: no body.
    #[default]
    None,
    /// `Content-Length`, in bytes; at most 2^63 - 1.
    Known(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// What a parse says of the bytes so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// The head is not complete; nothing wrong so far.
    Partial,
    /// The head is complete and took the first `consumed` bytes of the input.
    Complete {
        /// Bytes of the head, an empty line before it included. The body begins here.
        consumed: usize,
    },
}

/// One request head. Before a `parse` that was complete, and after a failed one, it is empty.
#[derive(Clone, Default, Debug)]
pub struct Head {
    bytes: Vec<u8>,
    table: Vec<FieldSpan>,
    line: RequestLine,
    parts: TargetParts,
    host: Span,
    content_type: Option<Span>,
    body_length: BodyLength,
    session: Session,
    scan: Scan,
}

impl Head {
    /// An empty head; allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties it for the next request. Memory is kept up to a bound.
    pub fn clear(&mut self) {
        self.forget();
        self.scan = Scan::default();
        if self.bytes.capacity() > RETAINED_BYTES_MAX {
            self.bytes.shrink_to(RETAINED_BYTES_MAX);
        }
        if self.table.capacity() > FIELDS_MAX {
            self.table.shrink_to(FIELDS_MAX);
        }
    }

    fn forget(&mut self) {
        self.bytes.clear();
        self.table.clear();
        self.line = RequestLine::default();
        self.parts = TargetParts::default();
        self.host = Span::default();
        self.content_type = None;
        self.body_length = BodyLength::None;
        self.session = Session::default();
    }

    /// Reads the head at the start of `input`. After [`Progress::Partial`] call it again with the
    /// same bytes and more behind them (or [`Head::clear`] it first): they are not read twice.
    /// One empty line before the request line is skipped (RFC 9112 §2.2).
    ///
    /// # Errors
    /// The first fault in the order of the bytes, or, once the head is complete, of its meaning.
    /// It does not depend on how the bytes were cut. The connection must close after the reply.
    #[inline]
    pub fn parse(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Progress, HeadError> {
        let origin = if input.starts_with(b"\r\n") { 2 } else { 0 };
        if self.scan.is_fresh()
            && let Look::Complete { line, length } = look(&input[origin..], limits, &mut self.table)
        {
            return self.complete(&input[origin..][..length], line, origin);
        }
        self.parse_slowly(input, origin, limits)
    }

    #[cold]
    fn parse_slowly(
        &mut self,
        input: &[u8],
        origin: usize,
        limits: &HeadLimits,
    ) -> Result<Progress, HeadError> {
        match self.scan.advance(input, limits) {
            Ok(false) => return Ok(Progress::Partial),
            Ok(true) => {}
            Err(error) => {
                self.clear();
                return Err(error);
            }
        }
        match look(&input[origin..], limits, &mut self.table) {
            Look::Complete { line, length } => {
                self.complete(&input[origin..][..length], line, origin)
            }
            Look::Unclear => {
                self.clear();
                Err(HeadError::Unreadable)
            }
        }
    }

    #[inline]
    fn complete(
        &mut self,
        text: &[u8],
        line: RequestLine,
        origin: usize,
    ) -> Result<Progress, HeadError> {
        self.scan = Scan::default();
        self.bytes.clear();
        self.bytes.extend_from_slice(text);
        self.line = line;
        match self.decide() {
            Ok(()) => Ok(Progress::Complete {
                consumed: origin + text.len(),
            }),
            Err(error) => {
                self.forget();
                Err(error)
            }
        }
    }

    /// Decides what the head means. The order is fixed, so the same head always has the same fault.
    #[inline]
    fn decide(&mut self) -> Result<(), HeadError> {
        let RequestLine {
            method,
            target,
            version,
            ..
        } = self.line;
        self.parts = split_target(&self.bytes, target, method)?;
        let notable = Notable::find(&self.bytes, &self.table);
        self.host = self.decide_host(&notable)?;
        if notable.content_type.is_repeated() {
            return Err(HeadError::RepeatedContentType);
        }
        self.content_type = notable
            .content_type
            .first()
            .map(|index| self.table[index].value);
        self.body_length = framing::body_length(&self.bytes, &self.table, &notable, version)?;
        self.session = Session::read(&self.bytes, &self.table, &notable, version)?;
        if self.parts.path.length == 0 {
            // `http://host` and `http://host?query`: the path is `/` (RFC 9112 §3.2.1), and a span
            // needs bytes to point at.
            let end = self.bytes.len();
            self.bytes.push(b'/');
            self.parts.path = Span::between(end, end + 1);
        }
        Ok(())
    }

    #[inline]
    fn decide_host(&self, notable: &Notable) -> Result<Span, HeadError> {
        if notable.host.is_repeated() {
            return Err(HeadError::RepeatedHost);
        }
        let host = notable.host.first().map(|index| self.table[index].value);
        if host.is_none() && self.line.version == Version::Http11 {
            return Err(HeadError::MissingHost);
        }
        let named = [host, self.parts.authority].into_iter().flatten();
        if !named.clone().all(|span| is_host(span.of(&self.bytes))) {
            return Err(HeadError::InvalidHost);
        }
        if let (Some(host), Some(authority)) = (host, self.parts.authority)
            && !host
                .of(&self.bytes)
                .eq_ignore_ascii_case(authority.of(&self.bytes))
        {
            return Err(HeadError::HostMismatch);
        }
        Ok(host.or(self.parts.authority).unwrap_or_default())
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method {
        self.line.method
    }

    /// The method token as sent.
    pub fn method_bytes(&self) -> &[u8] {
        self.line.method_span.of(&self.bytes)
    }

    /// Where the method lies in [`Head::bytes`].
    pub fn method_span(&self) -> Span {
        self.line.method_span
    }

    /// Where the request target lies in [`Head::bytes`].
    pub fn target_span(&self) -> Span {
        self.line.target
    }

    /// The request target as sent.
    pub fn target(&self) -> &[u8] {
        self.line.target.of(&self.bytes)
    }

    /// The path, not decoded: begins with `/`, or is `*` (OPTIONS only).
    #[inline]
    pub fn path(&self) -> &[u8] {
        self.parts.path.of(&self.bytes)
    }

    /// Where the path lies in [`Head::bytes`].
    pub fn path_span(&self) -> Span {
        self.parts.path
    }

    /// The query behind the first `?`, not decoded; `None` without `?`.
    #[inline]
    pub fn query(&self) -> Option<&[u8]> {
        self.parts.query.map(|span| span.of(&self.bytes))
    }

    /// Where the query lies in [`Head::bytes`].
    pub fn query_span(&self) -> Option<Span> {
        self.parts.query
    }

    /// The version of the start line.
    #[inline]
    pub fn version(&self) -> Version {
        self.line.version
    }

    /// The length of the body.
    #[inline]
    pub fn body_length(&self) -> BodyLength {
        self.body_length
    }

    /// Whether the client allows another request on this connection (RFC 9112 §9.3).
    #[inline]
    pub fn keep_alive(&self) -> bool {
        self.session.keep_alive
    }

    /// Whether the client waits for `100 Continue` before it sends a body (RFC 9110 §10.1.1).
    /// False when no body is announced.
    #[inline]
    pub fn expects_continue(&self) -> bool {
        let bodiless = matches!(self.body_length, BodyLength::None | BodyLength::Known(0));
        self.session.expects_continue && !bodiless
    }

    /// The host and port the request is for, valid; empty for HTTP/1.0 without `Host`.
    #[inline]
    pub fn host(&self) -> &[u8] {
        self.host.of(&self.bytes)
    }

    /// Where the host lies in [`Head::bytes`].
    pub fn host_span(&self) -> Span {
        self.host
    }

    /// The value of `Content-Type`.
    #[inline]
    pub fn content_type(&self) -> Option<&[u8]> {
        self.content_type.map(|span| span.of(&self.bytes))
    }

    /// The value of `Upgrade`, if `Connection` has the option `upgrade` (RFC 9110 §7.8). If the
    /// field is repeated, its first value.
    pub fn upgrade(&self) -> Option<&[u8]> {
        self.session.upgrade.map(|span| span.of(&self.bytes))
    }

    /// The value of the first field of this name; letter case does not count.
    #[inline]
    pub fn field(&self, name: &[u8]) -> Option<&[u8]> {
        self.table
            .iter()
            .find(|field| {
                field.name.length as usize == name.len()
                    && field.name.of(&self.bytes).eq_ignore_ascii_case(name)
            })
            .map(|field| field.value.of(&self.bytes))
    }

    /// The values of all fields of this name, in order.
    pub fn field_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.fields()
            .filter(move |field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1)
    }

    /// Leaves out all fields of this name from now on: they no longer say anything true. What was
    /// decided by them stays decided.
    pub fn hide(&mut self, name: &[u8]) {
        let bytes = &self.bytes;
        self.table
            .retain(|field| !field.name.of(bytes).eq_ignore_ascii_case(name));
    }

    /// Replaces all fields of this name by one, at the end. What was decided by them stays
    /// decided, but for the media type, which is the new one.
    ///
    /// # Errors
    /// [`FieldError`] if it is no field, or if the head would grow beyond
    /// [`FIELD_LIST_BYTES_MAX`]. The head is unchanged then.
    pub fn set_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let value = self.checked(name, value)?;
        self.hide(name);
        self.append_field(name, value);
        Ok(())
    }

    /// Adds a field behind those of the same name; else as [`Head::set_field`].
    ///
    /// # Errors
    /// As for [`Head::set_field`].
    pub fn add_field(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let value = self.checked(name, value)?;
        self.append_field(name, value);
        Ok(())
    }

    /// Removes all fields of this name, and the media type with `Content-Type`.
    pub fn remove_field(&mut self, name: &[u8]) {
        self.hide(name);
        if name.eq_ignore_ascii_case(b"content-type") {
            self.content_type = None;
        }
    }

    fn checked<'v>(&self, name: &[u8], value: &'v [u8]) -> Result<&'v [u8], FieldError> {
        let value = check(name, value)?;
        if self.bytes.len() + name.len() + value.len() > FIELD_LIST_BYTES_MAX {
            return Err(FieldError::Full);
        }
        Ok(value)
    }

    fn append_field(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let field = FieldSpan {
            name: Span::between(start, middle),
            value: Span::between(middle, self.bytes.len()),
        };
        if name.eq_ignore_ascii_case(b"content-type") {
            self.content_type = Some(field.value);
        }
        self.table.push(field);
    }

    /// All fields as (name, value), in order.
    #[inline]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.table
            .iter()
            .map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// The buffer all spans point into: the head as received, one `/` behind it when the target had
    /// no path, and fields that were added.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One row per field, in order.
    pub fn table(&self) -> &[FieldSpan] {
        &self.table
    }
}
