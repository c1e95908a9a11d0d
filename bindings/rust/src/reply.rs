//! What a handler may return, and what becomes of it on the wire.
//!
//! | value | status | content type | body |
//! | --- | --- | --- | --- |
//! | [`Json`], `serde_json::Value` | 200 | `application/json` | compact JSON |
//! | `()` | 200 | `application/json` | `null` |
//! | `&'static str`, `String` | 200 | `text/plain; charset=utf-8` | the text |
//! | `Vec<u8>`, `&'static [u8]`, [`Body`] | 200 | `application/octet-stream` | the bytes |
//! | `(status, T)` | as given | that of `T` | that of `T` |
//! | [`HandlerResponse`] | as given | as given | as given |
//! | [`Problem`] | its own | `application/problem+json` | the document |
//! | `Result<T, E>` | | | that of `T` or `E`; an `E` that is no problem is a 500 |
//!
//! Knows nothing of requests or of how replies are sent.

use serde::Serialize;
use serde_json::Value;
use spikard_proto_http::redirect::{REDIRECT_STATUS, check_redirect};
use spikard_proto_http::{CookieError, EntityTag, RedirectError, SetCookie};

use crate::extract::{Body, Json};
use crate::failure::Failure;
use crate::problem::Problem;

/// The reply in the making: status, fields, body.
pub use spikard_middleware::Reply;

/// A value that a handler may return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a reply",
    label = "not a reply",
    note = "replies are `Json<T>` with a `T: serde::Serialize`, texts, bytes, `()`, `Problem`, \
            `HandlerResponse`, `(status, reply)` with a `u16`, and a `Result` of a reply whose \
            error is a `Problem` or any `std::error::Error`"
)]
pub trait IntoReply {
    /// Makes this value the reply, replacing what was there.
    ///
    /// # Errors
    /// [`Failure`] when it cannot be sent: the reply is a 500 then, and the log has the reason.
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure>;
}

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

fn write_json(value: &impl Serialize, reply: &mut Reply) -> Result<(), Failure> {
    reply.start(200, JSON);
    serde_json::to_writer(&mut reply.body, value).map_err(Failure::from)
}

fn write_bytes(bytes: &[u8], media: &'static str, reply: &mut Reply) {
    reply.start(200, media);
    reply.body.extend_from_slice(bytes);
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        write_json(&self.0, reply)
    }
}

impl IntoReply for Value {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        write_json(&self, reply)
    }
}

impl IntoReply for () {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        write_bytes(b"null", JSON, reply);
        Ok(())
    }
}

impl IntoReply for &'static str {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        write_bytes(self.as_bytes(), TEXT, reply);
        Ok(())
    }
}

impl IntoReply for String {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        reply.start(200, TEXT);
        reply.body = self.into_bytes();
        Ok(())
    }
}

impl IntoReply for Vec<u8> {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        reply.start(200, BYTES);
        reply.body = self;
        Ok(())
    }
}

impl IntoReply for &'static [u8] {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        write_bytes(self, BYTES, reply);
        Ok(())
    }
}

impl IntoReply for Body {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        self.0.into_reply(reply)
    }
}

impl<T: IntoReply> IntoReply for (u16, T) {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        self.1.into_reply(reply)?;
        reply.status = self.0;
        // `(204, ())`: nothing is JSON's null where a body may be, and no body where none may be.
        if matches!(self.0, 204 | 205 | 304) && reply.body == b"null" {
            reply.body.clear();
            reply.fields.remove(b"content-type");
        }
        Ok(())
    }
}

impl IntoReply for Problem {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        self.write(reply);
        Ok(())
    }
}

impl<T: IntoReply, E: Into<Failure>> IntoReply for Result<T, E> {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        match self {
            Ok(value) => value.into_reply(reply),
            Err(error) => Err(error.into()),
        }
    }
}

/// A reply with its own status and headers.
///
/// ```
/// use spikard::HandlerResponse;
/// let response = HandlerResponse::json(&[1, 2]).with_status(201).with_header("location", "/1");
/// ```
#[derive(Debug)]
pub struct HandlerResponse {
    status: u16,
    headers: Vec<(String, String)>,
    content: Option<Content>,
}

#[derive(Debug)]
struct Content {
    media: &'static str,
    bytes: Result<Vec<u8>, serde_json::Error>,
}

impl HandlerResponse {
    /// No body and no content type.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content: None,
        }
    }

    /// A JSON body. A value that does not serialise makes the reply a 500.
    #[must_use]
    pub fn json(value: &(impl Serialize + ?Sized)) -> Self {
        Self::with_content(JSON, serde_json::to_vec(value))
    }

    /// A text, as UTF-8.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::with_content(TEXT, Ok(text.into().into_bytes()))
    }

    /// Bytes as they are.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self::with_content(BYTES, Ok(bytes.into()))
    }

    /// Replaces the status, 200 to 599.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header line. A `content-type` replaces the content's own; other names may repeat.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends the client to another location, with the method and body it came with (307).
    ///
    /// # Errors
    /// [`RedirectError`] if the location is empty or not visible ASCII.
    pub fn redirect(location: impl Into<String>) -> Result<Self, RedirectError> {
        Self::redirect_with(REDIRECT_STATUS, location)
    }

    /// Sends the client to another location with 301, 302, 303, 307 or 308. After a form, 303 makes
    /// browsers ask for the location with GET.
    ///
    /// # Errors
    /// [`RedirectError`] if that is no status of a redirect, or as for [`Self::redirect`].
    pub fn redirect_with(status: u16, location: impl Into<String>) -> Result<Self, RedirectError> {
        let location = location.into();
        check_redirect(u64::from(status), location.as_bytes())?;
        Ok(Self::empty(status).with_header("location", location))
    }

    /// Names this state of the content. A GET that names it too is answered 304, without the body;
    /// how a write is to heed it is the handler's affair.
    #[must_use]
    pub fn with_etag(mut self, tag: &EntityTag) -> Self {
        self.headers
            .retain(|(name, _)| !name.eq_ignore_ascii_case("etag"));
        self.with_header("etag", tag.to_string())
    }

    /// As [`Self::with_etag`], with a tag of the content's bytes, weak or strong.
    #[must_use]
    pub fn with_content_etag(self, is_weak: bool) -> Self {
        let bytes = match &self.content {
            None => &[][..],
            Some(content) => content.bytes.as_deref().unwrap_or_default(),
        };
        let tag = EntityTag::of_content(bytes, is_weak);
        self.with_etag(&tag)
    }

    /// Adds a cookie; several may be set.
    ///
    /// # Errors
    /// [`CookieError`] for a cookie that a browser would drop.
    pub fn with_cookie(self, cookie: &SetCookie) -> Result<Self, CookieError> {
        Ok(self.with_header("set-cookie", cookie.to_field()?))
    }

    /// Ends the cookie of this name that was set without a domain and for the path `/`. For
    /// others, give [`SetCookie::ending`] their domain and path.
    ///
    /// # Errors
    /// [`CookieError::Name`] if that is no cookie's name.
    pub fn without_cookie(self, name: &str) -> Result<Self, CookieError> {
        self.with_cookie(&SetCookie::ending(name))
    }

    fn with_content(media: &'static str, bytes: Result<Vec<u8>, serde_json::Error>) -> Self {
        Self {
            content: Some(Content { media, bytes }),
            ..Self::empty(200)
        }
    }
}

impl IntoReply for HandlerResponse {
    fn into_reply(self, reply: &mut Reply) -> Result<(), Failure> {
        reply.clear();
        if let Some(content) = self.content {
            reply.start(self.status, content.media);
            reply.body = content.bytes?;
        }
        reply.status = self.status;
        push_headers(&self.headers, reply);
        Ok(())
    }
}

/// Adds header lines to a reply that has its content type.
pub(crate) fn push_headers(headers: &[(String, String)], reply: &mut Reply) {
    for (name, value) in headers {
        reply.push(name.as_bytes(), value.as_bytes());
    }
}
