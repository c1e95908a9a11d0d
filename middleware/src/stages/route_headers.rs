//! Adds the header fields that a route declares to its replies.
//!
//! What the handler set stands. Refusals and failures stay as they are: a route that declares how
//! long its content may be cached does not say so of an error.

use std::fmt;

use spikard_proto_http::{FieldError, Fields, sabotage};

use crate::{exchange::Exchange, local::Local, stage::ReplyStage};

/// The fields, checked.
#[derive(Debug)]
pub struct RouteHeaders {
    fields: Fields,
}

/// Why fields cannot be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderFault {
    /// HTTP cannot carry it.
    Field(FieldError),
    /// It describes one message or its body, which only the reply itself can know.
    Reserved,
}

impl RouteHeaders {
    /// Checks the fields, in order.
    ///
    /// # Errors
    /// The place of the first that cannot be declared, and why.
    pub fn new(declared: &[(String, String)]) -> Result<Self, (usize, HeaderFault)> {
        let mut fields = Fields::new();
        for (at, (name, value)) in declared.iter().enumerate() {
            if RESERVED
                .iter()
                .any(|reserved| name.eq_ignore_ascii_case(reserved))
            {
                return Err((at, HeaderFault::Reserved));
            }
            fields
                .push(name.as_bytes(), value.as_bytes())
                .map_err(|error| (at, HeaderFault::Field(error)))?;
        }
        Ok(Self { fields })
    }
}

impl ReplyStage for RouteHeaders {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        if x.reply.status >= 400 && !sabotage::is_off("route-headers/success") {
            return;
        }
        // Fields behind this many are ours, and several of a name are all wanted.
        let own = x.reply.fields.len();
        for (name, value) in self.fields.iter() {
            let written =
                (x.reply.fields.iter().take(own)).any(|(each, _)| each.eq_ignore_ascii_case(name));
            if written && !sabotage::is_off("route-headers/handler-first") {
                continue;
            }
            // Checked when it was declared; a full list keeps what the handler wrote.
            let pushed = x.reply.fields.push(name, value);
            debug_assert!(matches!(pushed, Ok(()) | Err(FieldError::Full)));
        }
    }
}

impl fmt::Display for HeaderFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(out),
            Self::Reserved => out.write_str(
                "It describes one message or its content, which only the reply itself can know",
            ),
        }
    }
}

/// Fields of framing, which are the engine's, and those that describe the content of one reply.
const RESERVED: [&str; 11] = [
    "connection",
    "keep-alive",
    "transfer-encoding",
    "content-length",
    "content-type",
    "content-encoding",
    "content-range",
    "content-digest",
    "date",
    "etag",
    "last-modified",
];
