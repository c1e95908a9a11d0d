//! The last look at what a host wrote: whether HTTP can carry it, and what of it.
//!
//! Once for every language. What would break the message is a 500, and the log says whose it is and
//! what is wrong, by the header's name and never by its value. A body where none may be is left
//! out, so that the next reply on the connection begins where the client looks for it.
//! Knows nothing of hosts; conditions are judged behind it, in `precondition`.

use std::fmt;

use spikard_proto_http::{FieldError, Fields, Method, sabotage, status_forbids_body};

use crate::{exchange::Exchange, plan::Plan, reply::Reply};

/// Why a reply cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyFault {
    /// Not the status of a final reply, 200 to 599 (RFC 9110 §15).
    Status(u64),
    /// A field that cannot be written (RFC 9110 §5).
    Field {
        /// Its name, as given, cut off at [`NAME_BYTES_SHOWN`].
        name: Box<[u8]>,
        /// What is wrong with it.
        error: FieldError,
    },
    /// A field of framing, which is the engine's (RFC 9112 §6, §9).
    Framing {
        /// Its name.
        name: &'static str,
    },
    /// A `Content-Length` that is not the body's (RFC 9110 §8.6).
    Length,
}

impl ReplyFault {
    /// A field that the list of fields refused.
    pub(crate) fn field(name: &[u8], error: FieldError) -> Self {
        let shown = &name[..name.len().min(NAME_BYTES_SHOWN)];
        Self::Field {
            name: shown.into(),
            error,
        }
    }
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                write!(
                    f,
                    "the status {status} is none of a final reply, 200 to 599"
                )
            }
            Self::Field { name, error } => {
                write!(f, "header \"{}\": {error}", name.escape_ascii())
            }
            Self::Framing { name } => write!(
                f,
                "header \"{name}\": it is about the connection, which is the engine's"
            ),
            Self::Length => f.write_str("header \"content-length\": the body has another length"),
        }
    }
}

/// Why the reply cannot be sent, if it cannot.
#[inline]
pub(crate) fn fault_of(x: &mut Exchange) -> Option<ReplyFault> {
    if let Some(fault) = x.reply.fault.take() {
        return Some(*fault);
    }
    if !x.reply.is_sendable() {
        if !sabotage::is_off("reply/status") {
            return Some(ReplyFault::Status(u64::from(x.reply.status)));
        }
        x.reply.status = 200;
    }
    let fields = &x.reply.fields;
    // Lengths alone rule out nearly every field, and with them nearly every reply.
    let lengths = fields.table().iter().map(|field| field.name.length);
    if !lengths
        .into_iter()
        .any(|length| matches!(length, 10 | 14 | 17))
    {
        return None;
    }
    fields
        .iter()
        .find_map(|(name, value)| framing_fault(name, value, x))
}

/// What is wrong with one field, if it is one of framing.
fn framing_fault(name: &[u8], value: &[u8], x: &Exchange) -> Option<ReplyFault> {
    let owned: &[&'static str] = match name.len() {
        10 => &["connection", "keep-alive"],
        17 => &["transfer-encoding"],
        14 if name.eq_ignore_ascii_case(b"content-length") => {
            return (!is_true_length(value, x) && !sabotage::is_off("reply/length"))
                .then_some(ReplyFault::Length);
        }
        _ => return None,
    };
    let name = owned
        .iter()
        .find(|owned| name.eq_ignore_ascii_case(owned.as_bytes()))?;
    (!sabotage::is_off("reply/framing")).then_some(ReplyFault::Framing { name })
}

/// Whether a `Content-Length` is the body's. A reply without a body may tell that of the body that
/// it stands for: one to HEAD, and a 304 (RFC 9110 §8.6).
fn is_true_length(value: &[u8], x: &Exchange) -> bool {
    let stands_for_body = x.head.method() == Method::Head || x.reply.status == 304;
    match decimal(value) {
        None => false,
        Some(_) if stands_for_body && x.reply.body.is_empty() => true,
        Some(length) => length == x.reply.body.len() as u64,
    }
}

/// The length that a reply to HEAD says GET would have: its handler's word if it wrote no body.
pub(crate) fn length_for_head(reply: &Reply) -> u64 {
    let declared = reply
        .fields
        .get(b"content-length")
        .filter(|_| reply.body.is_empty() && !sabotage::is_off("reply/head-length"))
        .and_then(decimal);
    declared.unwrap_or(reply.body_length())
}

fn decimal(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit);
    // `parse` would take a sign as well.
    std::str::from_utf8(text)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// Leaves out the body of a status that has none (RFC 9110 §15.3.5, §15.3.6, §15.4.5), and the
/// fields that describe it; returns its length. A 205 still says that its length is 0.
#[inline]
pub(crate) fn leave_out_body(reply: &mut Reply) -> Option<usize> {
    let length = reply.body.len();
    if length == 0 || !is_bodiless(reply.status) {
        return None;
    }
    reply.body.clear();
    forget_content(&mut reply.fields);
    Some(length)
}

/// Whether a reply of this status has no body.
#[inline]
pub(crate) fn is_bodiless(status: u16) -> bool {
    match status {
        204 => !sabotage::is_off("reply/body-of-204"),
        205 => !sabotage::is_off("reply/body-of-205"),
        _ => status_forbids_body(status),
    }
}

/// Removes what is said of a body that is not sent: a cache would take it for the body it has
/// (RFC 9110 §15.4.5). What a reply says of the resource, and cookies, stay.
pub(crate) fn forget_content(fields: &mut Fields) {
    if sabotage::is_off("reply/content-fields") {
        return;
    }
    for name in CONTENT_FIELDS {
        fields.remove(name);
    }
}

/// A line for the log about a call's reply: the function, its route if known, the request's id.
pub(crate) fn line(plan: &Plan, x: &Exchange, words: &str) -> String {
    let mut line = match x.calling.map(|segment| plan.segment(segment)) {
        Some(segment) => format!("{segment} replied {words}"),
        None => format!("a handler replied {words}"),
    };
    let id = x.request_id.as_bytes();
    if !id.is_empty() {
        line.push_str(&format!(" [{}]", String::from_utf8_lossy(id)));
    }
    line
}

/// The fields that describe the bytes of a body (RFC 9110 §8, RFC 9530 §2).
const CONTENT_FIELDS: [&[u8]; 6] = [
    b"content-type",
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-range",
    b"content-digest",
];

/// Most bytes of a refused header's name that a log line shows.
pub const NAME_BYTES_SHOWN: usize = 64;
