//! Changes that request hooks make to a request's header fields, and how they take effect.
//!
//! A hook works on the host's copy; the changes cross with its answer and are made here, so that
//! routing, validation and the handler read one record. Fields of framing are the engine's: by them
//! the message was read already, and a second opinion on its length is what smuggling is made of.

use spikard_proto_http::{FieldError, sabotage};

use crate::{exchange::Exchange, inspection::ReplyFault, stages::request_id};

/// One change of a request's header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// One field in place of all of this name.
    Set(Box<[u8]>, Box<[u8]>),
    /// One more field.
    Add(Box<[u8]>, Box<[u8]>),
    /// None of this name.
    Remove(Box<[u8]>),
}

impl Edit {
    fn name(&self) -> &[u8] {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }

    /// Makes the change. A new `x-request-id` that is sane renames the exchange, if it has a name.
    ///
    /// # Errors
    /// The field is one of framing, or HTTP cannot carry it. The request is unchanged then.
    pub(crate) fn apply(&self, x: &mut Exchange) -> Result<(), ReplyFault> {
        let name = self.name();
        let of_framing = FRAMING
            .iter()
            .find(|own| name.eq_ignore_ascii_case(own.as_bytes()));
        if let Some(name) = of_framing
            && !sabotage::is_off("hooks/framing")
        {
            return Err(ReplyFault::Framing { name });
        }
        let made: Result<(), FieldError> = match self {
            _ if sabotage::is_off("hooks/edits") => Ok(()),
            Self::Set(name, value) => x.head.set_field(name, value),
            Self::Add(name, value) => x.head.add_field(name, value),
            Self::Remove(name) => {
                x.head.remove_field(name);
                Ok(())
            }
        };
        made.map_err(|error| ReplyFault::field(name, error))?;
        if let Self::Set(name, value) = self
            && name.eq_ignore_ascii_case(request_id::FIELD)
            && !x.request_id.as_bytes().is_empty()
            && !sabotage::is_off("hooks/rename")
        {
            x.request_id.keep(value.trim_ascii());
        }
        Ok(())
    }
}

/// The fields by which a message was framed, or that are about its connection (RFC 9112 §6, §9;
/// RFC 9110 §7.6.1, §10.1.1).
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[cfg(test)]
mod tests {
    use super::*;
    use spikard_proto_http::{HeadLimits, Progress};

    fn exchange(head: &[u8]) -> Exchange {
        let mut x = Exchange::new();
        let parsed = x.head.parse(head, &HeadLimits::default());
        assert!(matches!(parsed, Ok(Progress::Complete { .. })));
        x
    }

    fn set(name: &str, value: &str) -> Edit {
        Edit::Set(name.as_bytes().into(), value.as_bytes().into())
    }

    #[test]
    fn changes_are_what_the_request_says_from_then_on() {
        let mut x = exchange(b"GET / HTTP/1.1\r\nhost: a\r\nx-a: 1\r\nX-A: 2\r\nx-b: 3\r\n\r\n");
        set("x-a", "4").apply(&mut x).unwrap();
        Edit::Add((*b"X-a").into(), (*b" 5 ").into())
            .apply(&mut x)
            .unwrap();
        Edit::Remove((*b"X-B").into()).apply(&mut x).unwrap();
        set("content-type", "application/json")
            .apply(&mut x)
            .unwrap();
        let all: Vec<&[u8]> = x.head.field_all(b"x-a").collect();
        assert_eq!(all, [&b"4"[..], b"5"]);
        assert_eq!(x.head.field(b"x-b"), None);
        assert_eq!(x.head.content_type(), Some(&b"application/json"[..]));
        Edit::Remove((*b"content-type").into())
            .apply(&mut x)
            .unwrap();
        assert_eq!(x.head.content_type(), None);
    }

    #[test]
    fn framing_and_what_is_no_field_are_refused() {
        let mut x = exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        for name in ["Content-Length", "transfer-encoding", "HOST", "connection"] {
            assert!(set(name, "1").apply(&mut x).is_err(), "{name}");
            assert!(
                Edit::Remove(name.as_bytes().into()).apply(&mut x).is_err(),
                "{name}"
            );
        }
        assert!(set("x a", "1").apply(&mut x).is_err());
        assert!(set("x-a", "1\r\nx-b: 2").apply(&mut x).is_err());
        assert!(set("x-a", &"1".repeat(2 << 20)).apply(&mut x).is_err());
        assert_eq!(x.head.fields().len(), 1);
    }

    #[test]
    fn a_sane_id_renames_an_exchange_that_has_one() {
        let mut x = exchange(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        set("X-Request-Id", "new").apply(&mut x).unwrap();
        assert_eq!(x.request_id.as_bytes(), b"");
        x.request_id.keep(b"old");
        set("X-Request-Id", "not sane").apply(&mut x).unwrap();
        assert_eq!(x.request_id.as_bytes(), b"old");
        set("X-Request-Id", "new").apply(&mut x).unwrap();
        assert_eq!(x.request_id.as_bytes(), b"new");
    }
}
