//! HTTP/1.1 messages: bytes to tables and back (RFC 9110, RFC 9112).
//!
//! Everything here is a function of the bytes it is given. Ambiguous messages are refused, never
//! repaired: a server that guesses is one half of a request smuggling attack.
//! Knows nothing of sockets, clocks, threads, routes or hosts.
#![forbid(unsafe_code)]

pub mod accept;
pub mod accept_encoding;
pub mod condition;
pub mod cookie;
pub mod date;
pub mod error;
pub mod etag;
pub mod fields;
pub mod form;
pub mod forwarded;
pub mod h1;
pub mod head;
pub mod limits;
pub mod media;
pub mod method;
pub mod multipart;
pub mod part;
pub mod range;
pub mod redirect;
#[doc(hidden)]
pub mod sabotage;
pub mod set_cookie;
pub mod span;
pub mod target;

mod chars;

pub use accept_encoding::AcceptEncoding;
pub use condition::{Validators, Verdict};
pub use error::HeadError;
pub use etag::{EntityTag, TagError};
pub use fields::{FieldError, Fields};
pub use h1::chunked::{BodyDecoder, BodyError, Piece, encode_chunk, encode_last_chunk};
pub use h1::encode::{CONTINUE_100, ReplyHead, ReplyLength, encode_head, status_forbids_body};
pub use h1::reply::{DecodedReply, ReplyError, ReplyFraming, decode_reply};
pub use head::{BodyLength, Head, Progress, Version};
pub use limits::{ChunkLimits, HeadLimits, MultipartLimits};
pub use method::Method;
pub use redirect::RedirectError;
pub use set_cookie::{CookieError, SameSite, SetCookie};
pub use span::{FieldSpan, Span};
