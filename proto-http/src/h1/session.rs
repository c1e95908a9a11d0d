//! What a request says about its connection: persistence, upgrade, 100-continue (RFC 9112 §9).
//!
//! Decided with the head, so that nobody later reads `Connection` in another way.
//! Knows nothing of whether the server wants to keep the connection.

use crate::chars::{is_token, list_members};
use crate::error::HeadError;
use crate::h1::notable::Notable;
use crate::head::Version;
use crate::span::{FieldSpan, Span};

/// The session facts of one request.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Session {
    /// The client allows another request on this connection.
    pub(crate) keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
    /// The value of `Upgrade`, if `Connection` names it.
    pub(crate) upgrade: Option<Span>,
}

impl Session {
    /// Reads `Connection`, `Upgrade` and `Expect`.
    ///
    /// # Errors
    /// [`HeadError::InvalidConnection`], [`HeadError::UnsupportedExpectation`].
    #[inline]
    pub(crate) fn read(
        bytes: &[u8],
        table: &[FieldSpan],
        notable: &Notable,
        version: Version,
    ) -> Result<Self, HeadError> {
        let is_http11 = version == Version::Http11;
        let mut session = Self {
            keep_alive: is_http11,
            ..Self::default()
        };
        if !notable.connection.is_absent() {
            let options = read_options(values_of(bytes, table, b"connection"))
                .ok_or(HeadError::InvalidConnection)?;
            // `close` wins over `keep-alive` (RFC 9112 §9.3).
            session.keep_alive = !options.close && (is_http11 || options.keep_alive);
            // An Upgrade in an HTTP/1.0 request is to be ignored (RFC 9110 §7.8).
            if options.upgrade && is_http11 {
                session.upgrade = notable.upgrade.first().map(|index| table[index].value);
            }
        }
        // An HTTP/1.0 client's expectation is to be ignored (RFC 9110 §10.1.1).
        if is_http11 && !notable.expect.is_absent() {
            let understood = values_of(bytes, table, b"expect")
                .all(|value| value.eq_ignore_ascii_case(b"100-continue"));
            if !understood {
                return Err(HeadError::UnsupportedExpectation);
            }
            session.expects_continue = true;
        }
        Ok(session)
    }
}

fn values_of<'b>(
    bytes: &'b [u8],
    table: &'b [FieldSpan],
    name: &'static [u8],
) -> impl Iterator<Item = &'b [u8]> {
    table
        .iter()
        .filter(move |field| field.name.of(bytes).eq_ignore_ascii_case(name))
        .map(|field| field.value.of(bytes))
}

/// The connection options the engine knows (RFC 9110 §7.6.1).
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Reads `Connection = #connection-option`; `None` if a member is no token. Empty members are
/// allowed, as RFC 9110 §5.6.1.2 asks of recipients.
pub(crate) fn read_options<'b>(values: impl Iterator<Item = &'b [u8]>) -> Option<Options> {
    let mut options = Options::default();
    for option in values
        .flat_map(list_members)
        .filter(|option| !option.is_empty())
    {
        if !is_token(option) {
            return None;
        }
        options.close |= option.eq_ignore_ascii_case(b"close");
        options.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        options.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
    }
    Some(options)
}
