//! Entity tags and the conditions that name them (RFC 9110 §8.8.3, §13.1).
//!
//! A wrong "not modified" shows a user yesterday's page; a wrong "precondition met" loses an edit.
//! So a condition that cannot be read is never met. Knows nothing of dates or of methods.

use std::fmt;

/// An entity tag that is valid on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityTag {
    opaque: String,
    is_weak: bool,
}

impl EntityTag {
    /// A tag that changes with every byte of the content; `None` if `opaque` has a quote, a space
    /// or a control character, or is not ASCII.
    pub fn strong(opaque: impl Into<String>) -> Option<Self> {
        let opaque = opaque.into();
        opaque.bytes().all(is_tag_byte).then_some(Self {
            opaque,
            is_weak: false,
        })
    }

    /// A tag that changes with the meaning of the content.
    pub fn weak(opaque: impl Into<String>) -> Option<Self> {
        Self::strong(opaque).map(|tag| Self {
            is_weak: true,
            ..tag
        })
    }

    /// Whether an `If-None-Match` value names this tag, by weak comparison: then GET is a 304.
    pub fn is_named_weakly(&self, condition: &[u8]) -> bool {
        names(condition, |opaque, _| opaque == self.opaque.as_bytes())
    }

    /// Whether an `If-Match` value names this tag, by strong comparison: if not, it is a 412.
    pub fn is_named_strongly(&self, condition: &[u8]) -> bool {
        names(condition, |opaque, is_weak| {
            !is_weak && !self.is_weak && opaque == self.opaque.as_bytes()
        })
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.is_weak { "W/" } else { "" };
        write!(f, "{prefix}\"{}\"", self.opaque)
    }
}

/// Whether one member of the list is as asked. A list with a fault in it names nothing.
fn names(condition: &[u8], is_asked: impl Fn(&[u8], bool) -> bool) -> bool {
    let mut rest = condition.trim_ascii();
    if rest == b"*" {
        return true;
    }
    let mut found = false;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix(b",") {
            rest = behind.trim_ascii_start();
            continue;
        }
        let (is_weak, quoted) = match rest.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let Some(inner) = quoted.strip_prefix(b"\"") else {
            return false;
        };
        let Some(end) = memchr::memchr(b'"', inner) else {
            return false;
        };
        found |= is_asked(&inner[..end], is_weak);
        rest = inner[end + 1..].trim_ascii_start();
        if !rest.is_empty() && rest[0] != b',' {
            return false;
        }
    }
    found
}

/// RFC 9110 §8.8.3: `etagc`, without the bytes above ASCII.
fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e)
}
