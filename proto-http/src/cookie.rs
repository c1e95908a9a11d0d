//! The `Cookie` field: pairs of names and values (RFC 6265 §5.4, read as RFC 6265bis §5.8 writes).
//!
//! Browsers send what servers set and servers set anything, so only the separators are judged
//! here. Knows nothing of `Set-Cookie` or of what a value means.

use crate::chars::trim;
use crate::limits::COOKIE_PAIRS_MAX;

/// The pairs of one `Cookie` value as (name, value), in order.
///
/// Members without `=` or without a name are skipped. Quotes around a value are removed. At most
/// [`COOKIE_PAIRS_MAX`] pairs are read.
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Cookies<'a> {
    /// The pairs of a field value.
    pub fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            left: COOKIE_PAIRS_MAX,
        }
    }
}

impl<'a> Iterator for Cookies<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 && !self.rest.is_empty() {
            let end = memchr::memchr(b';', self.rest).unwrap_or(self.rest.len());
            let member = &self.rest[..end];
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            if let Some(pair) = split_pair(member) {
                self.left -= 1;
                return Some(pair);
            }
        }
        None
    }
}

fn split_pair(member: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = memchr::memchr(b'=', member)?;
    let name = trim(&member[..equals]);
    let value = match trim(&member[equals + 1..]) {
        [b'"', inner @ .., b'"'] => inner,
        value => value,
    };
    (!name.is_empty()).then_some((name, value))
}
