//! The conditions of a request, judged by what its reply says of itself (RFC 9110 §13).
//!
//! A reply names the state of its content by `ETag`, `Last-Modified` or both; a request may ask for
//! it only if that is new, or only if it is not. Without either in the reply nothing is judged.
//! Knows nothing of what becomes of a reply, nor of how a handler judges a write.

use crate::date::parse_date;
use crate::etag::{Comparison, Naming, Tag, naming};
use crate::fields::Fields;
use crate::head::Head;
use crate::method::Method;
use crate::sabotage;

/// What a request's conditions come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All are met, or there are none: the reply goes out as it is.
    Proceed,
    /// The client has this content already: 304.
    NotModified,
    /// The client wants another state of the content than this: 412.
    Failed,
}

/// What a reply says of the state of its content (RFC 9110 §8.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validators<'r> {
    etag: Option<&'r [u8]>,
    last_modified: Option<&'r [u8]>,
}

impl<'r> Validators<'r> {
    /// Those among the fields of a reply; `None` if there are none, as is usual.
    #[inline]
    pub fn of(fields: &'r Fields) -> Option<Self> {
        let lengths = fields.table().iter().map(|field| field.name.length);
        // Looking at lengths alone is all that a reply without validators pays.
        if !lengths.into_iter().any(|length| matches!(length, 4 | 13)) {
            return None;
        }
        let found = Self {
            etag: fields.get(b"etag"),
            last_modified: fields.get(b"last-modified"),
        };
        (found.etag.is_some() || found.last_modified.is_some()).then_some(found)
    }

    /// Judges the conditions of a GET or HEAD in the order of RFC 9110 §13.2.2. Other methods are
    /// not judged: what they do is done by the time there is a reply.
    ///
    /// A date that is none, or that stands twice, is ignored, and so is a list of tags that cannot
    /// be read; the date beside such a list is ignored all the same, as it yields to the list.
    pub fn judge(&self, head: &Head) -> Verdict {
        let is_judged = matches!(head.method(), Method::Get | Method::Head);
        if !is_judged && !sabotage::is_off("condition/methods") {
            return Verdict::Proceed;
        }
        if self.is_other(head) {
            return Verdict::Failed;
        }
        if self.is_known(head) {
            return Verdict::NotModified;
        }
        Verdict::Proceed
    }

    /// Steps 1 and 2: whether `If-Match`, or else `If-Unmodified-Since`, is not met.
    fn is_other(&self, head: &Head) -> bool {
        if !sabotage::is_off("condition/if-match")
            && let Some(naming) = self.named(head, b"if-match", Comparison::Strong)
        {
            return match naming {
                Naming::Named => false,
                Naming::Unnamed => true,
                Naming::Unreadable => sabotage::is_off("condition/unreadable"),
            };
        }
        if sabotage::is_off("condition/if-unmodified-since") {
            return false;
        }
        match (self.modified(), asked_date(head, b"if-unmodified-since")) {
            (Some(modified), Some(asked)) => modified > asked,
            _ => false,
        }
    }

    /// Steps 3 and 4: whether `If-None-Match`, or else `If-Modified-Since`, is not met.
    fn is_known(&self, head: &Head) -> bool {
        if !sabotage::is_off("condition/if-none-match")
            && let Some(naming) = self.named(head, b"if-none-match", Comparison::Weak)
        {
            let is_named = naming == Naming::Named;
            if is_named || !sabotage::is_off("condition/tags-win") {
                return is_named;
            }
        }
        if sabotage::is_off("condition/if-modified-since") {
            return false;
        }
        match (self.modified(), asked_date(head, b"if-modified-since")) {
            (Some(modified), Some(asked)) => modified <= asked,
            _ => false,
        }
    }

    /// What the lines of this name say of the tag; `None` if there is no such line.
    fn named(&self, head: &Head, name: &[u8], comparison: Comparison) -> Option<Naming> {
        head.field(name)?;
        let lines_max = match sabotage::is_off("condition/lines") {
            true => 1,
            false => usize::MAX,
        };
        let comparison = match comparison {
            Comparison::Strong if sabotage::is_off("condition/strong") => Comparison::Weak,
            Comparison::Weak if sabotage::is_off("condition/weak") => Comparison::Strong,
            comparison => comparison,
        };
        // A tag that is none names nothing.
        let tag = self.etag.and_then(Tag::read);
        let lines = head.field_all(name).take(lines_max);
        Some(naming(lines, tag, comparison))
    }

    fn modified(&self) -> Option<u64> {
        self.last_modified.and_then(parse_date)
    }
}

/// The date of the one line of this name. Of several lines none counts (RFC 9110 §13.1.3).
fn asked_date(head: &Head, name: &[u8]) -> Option<u64> {
    let mut lines = head.field_all(name);
    let first = lines.next()?;
    match lines.next() {
        Some(_) if !sabotage::is_off("condition/one-date") => None,
        _ => parse_date(first),
    }
}
