//! HTTP/1.x on the wire (RFC 9112): reading heads and bodies, writing replies.
//!
//! Each file decides one thing, once; `head.rs` asks them in a fixed order.
//! Knows nothing of what a request means to an application.

pub mod chunked;
pub mod encode;
pub mod reply;

pub(crate) mod authority;
pub(crate) mod framing;
pub(crate) mod notable;
pub(crate) mod parse;
pub(crate) mod scan;
pub(crate) mod session;
