//! Entity tags and the conditions that name them (RFC 9110 §8.8.3, §13.1).
//!
//! A wrong "not modified" shows a user yesterday's page; a wrong "precondition met" loses an edit.
//! So a condition that cannot be read is never met. Knows nothing of dates or of methods; what they
//! come to together is said in `condition`.

use std::fmt;

use crate::sabotage;

/// An entity tag that is valid on the wire.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntityTag {
    opaque: String,
    is_weak: bool,
}

impl EntityTag {
    /// A tag that changes with every byte of the content. It is given bare; it is quoted when it is
    /// written.
    ///
    /// # Errors
    /// [`TagError`] if `opaque` has a quote, a space or a control character, or is not ASCII.
    pub fn strong(opaque: impl Into<String>) -> Result<Self, TagError> {
        let opaque = opaque.into();
        if !opaque.bytes().all(is_tag_byte) && !sabotage::is_off("etag/syntax") {
            return Err(TagError);
        }
        Ok(Self {
            opaque,
            is_weak: false,
        })
    }

    /// A tag that changes with the meaning of the content.
    ///
    /// # Errors
    /// As for [`EntityTag::strong`].
    pub fn weak(opaque: impl Into<String>) -> Result<Self, TagError> {
        Self::strong(opaque).map(|tag| Self {
            is_weak: true,
            ..tag
        })
    }

    /// The tag of these bytes: 128 bits of them, the same in every process and on every machine.
    /// It tells changes apart, not forgeries.
    pub fn of_content(content: &[u8], is_weak: bool) -> Self {
        let content = if sabotage::is_off("etag/content") {
            b""
        } else {
            content
        };
        Self {
            opaque: format!("{:032x}", xxhash_rust::xxh3::xxh3_128(content)),
            is_weak,
        }
    }

    /// Whether an `If-None-Match` value names this tag, by weak comparison: then GET is a 304.
    pub fn is_named_weakly(&self, condition: &[u8]) -> bool {
        self.is_named(condition, Comparison::Weak)
    }

    /// Whether an `If-Match` value names this tag, by strong comparison: if not, it is a 412.
    pub fn is_named_strongly(&self, condition: &[u8]) -> bool {
        self.is_named(condition, Comparison::Strong)
    }

    fn is_named(&self, condition: &[u8], comparison: Comparison) -> bool {
        let tag = Tag {
            opaque: self.opaque.as_bytes(),
            is_weak: self.is_weak,
        };
        naming(std::iter::once(condition), Some(tag), comparison) == Naming::Named
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_weak = self.is_weak && !sabotage::is_off("etag/weak");
        let prefix = if is_weak { "W/" } else { "" };
        write!(f, "{prefix}\"{}\"", self.opaque)
    }
}

/// An entity tag would not be one on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TagError;

impl fmt::Display for TagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag is given bare: visible ASCII without quotes and spaces")
    }
}

impl std::error::Error for TagError {}

/// A tag as it stands in a field: borrowed, and with any byte that others may put there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag<'t> {
    opaque: &'t [u8],
    is_weak: bool,
}

impl<'t> Tag<'t> {
    /// Reads the one tag of an `ETag` value.
    pub(crate) fn read(value: &'t [u8]) -> Option<Self> {
        let (tag, rest) = Self::split(value)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag at the start of a text, and what is behind it.
    fn split(text: &'t [u8]) -> Option<(Self, &'t [u8])> {
        let (is_weak, quoted) = match text.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let (opaque, rest) = inner.split_at(memchr::memchr(b'"', inner)?);
        opaque
            .iter()
            .all(|byte| is_tag_byte(*byte) || *byte >= 0x80)
            .then_some((Self { opaque, is_weak }, &rest[1..]))
    }

    /// Whether it changes with every byte of the content.
    pub(crate) fn is_strong(self) -> bool {
        !self.is_weak
    }

    /// RFC 9110 §8.8.3.2: weak comparison looks at the opaque part alone.
    fn is_same_weakly(self, other: Self) -> bool {
        self.opaque == other.opaque
    }

    /// RFC 9110 §8.8.3.2: strong comparison wants both to be strong, too.
    pub(crate) fn is_same_strongly(self, other: Self) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }
}

/// How two tags are compared (RFC 9110 §8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    /// The same meaning.
    Weak,
    /// The same bytes.
    Strong,
}

/// What a condition says of a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Naming {
    /// `*`, or a list with the tag.
    Named,
    /// A list without it.
    Unnamed,
    /// Neither `*` nor a list of tags. A list without any member is none.
    Unreadable,
}

/// What the lines of one `If-Match` or `If-None-Match` say of a tag; several are one list
/// (RFC 9110 §5.3). Without a tag only `*` names the content.
pub(crate) fn naming<'l>(
    lines: impl Iterator<Item = &'l [u8]>,
    tag: Option<Tag<'_>>,
    comparison: Comparison,
) -> Naming {
    let is_same = |other| {
        tag.is_some_and(|tag| match comparison {
            Comparison::Weak => tag.is_same_weakly(other),
            Comparison::Strong => tag.is_same_strongly(other),
        })
    };
    let (mut members, mut stars, mut found) = (0_usize, 0_usize, false);
    for line in lines {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            stars += 1;
            continue;
        }
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix(b",") {
                rest = behind.trim_ascii_start();
                continue;
            }
            let Some((member, behind)) = Tag::split(rest) else {
                return Naming::Unreadable;
            };
            members += 1;
            found |= is_same(member);
            rest = behind.trim_ascii_start();
            if !rest.is_empty() && rest[0] != b',' {
                return Naming::Unreadable;
            }
        }
    }
    match (stars, members, found) {
        (1, 0, _) | (0, _, true) => Naming::Named,
        (0, 1.., false) => Naming::Unnamed,
        _ => Naming::Unreadable,
    }
}

/// RFC 9110 §8.8.3: `etagc`, without the bytes above ASCII.
fn is_tag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e)
}
