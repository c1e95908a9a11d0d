//! `Accept-Encoding`: which content codings a client takes, and how gladly (RFC 9110 §12.5.3).
//!
//! Read without allocation, member by member. A member that cannot be read is left out: a coding
//! that nobody asked for in so many words is never used. Knows nothing of how anything is coded.

use crate::chars::{is_token, trim};
use crate::head::Head;
use crate::limits::ACCEPTED_CODINGS_MAX;
use crate::sabotage;

/// Weight of a member without one, in thousandths (RFC 9110 §12.4.2).
const FULL: u16 = 1000;

/// What a request says of content codings.
#[derive(Debug, Clone, Copy)]
pub struct AcceptEncoding<'h> {
    head: &'h Head,
    is_sent: bool,
}

impl<'h> AcceptEncoding<'h> {
    /// What this request says. Several lines are one list.
    #[must_use]
    pub fn of(head: &'h Head) -> Self {
        let is_sent = head.field(b"accept-encoding").is_some();
        Self { head, is_sent }
    }

    /// How gladly the client takes this coding, in thousandths; 0 if not at all. A client that
    /// says nothing takes only what is not coded: it may be too simple to know of codings.
    #[must_use]
    pub fn weight(&self, coding: &[u8]) -> u16 {
        if !self.is_sent {
            return if is_identity(coding) { FULL } else { 0 };
        }
        let mut any = None;
        for (name, weight) in self.members() {
            if is_same(name, coding) {
                return weight;
            }
            if name == b"*" && !sabotage::is_off("accept-encoding/any") {
                any.get_or_insert(weight);
            }
        }
        // What is not coded is taken unless it is refused, but least gladly.
        any.unwrap_or(u16::from(is_identity(coding)))
    }

    fn members(&self) -> impl Iterator<Item = (&'h [u8], u16)> {
        self.head
            .field_all(b"accept-encoding")
            .flat_map(|line| line.split(|&byte| byte == b','))
            .take(ACCEPTED_CODINGS_MAX)
            .filter_map(member)
    }
}

fn is_identity(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"identity")
}

/// `x-gzip` is another name of `gzip` (RFC 9110 §8.4.1.3).
fn is_same(name: &[u8], coding: &[u8]) -> bool {
    name.eq_ignore_ascii_case(coding)
        || (name.eq_ignore_ascii_case(b"x-gzip") && coding.eq_ignore_ascii_case(b"gzip"))
}

/// `codings [ OWS ";" OWS "q=" qvalue ]`
fn member(text: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = text.splitn(2, |&byte| byte == b';').map(trim);
    let name = parts.next().filter(|name| is_token(name))?;
    let weight = match parts.next() {
        None => FULL,
        Some(_) if sabotage::is_off("accept-encoding/weight") => FULL,
        Some(parameter) => match parameter {
            [b'q' | b'Q', b'=', weight @ ..] => thousandths(weight)?,
            _ => return None,
        },
    };
    Some((name, weight))
}

/// `( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )`
pub(crate) fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, digits) = match text {
        [whole] => (whole, &[] as &[u8]),
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut value = match whole {
        b'0' => 0,
        b'1' => FULL,
        _ => return None,
    };
    for (digit, unit) in digits.iter().zip([100, 10, 1]) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value += u16::from(digit - b'0') * unit;
    }
    (value <= FULL).then_some(value)
}
