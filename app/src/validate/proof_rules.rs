//! What the nodes of a proof ask of numbers, lengths and members.
//!
//! Each errs on the side of "not proven".

use super::proof::{NodeId, Places};
use super::scalar::small_decimal;

/// Bounds of a number; those that are not given are infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) minimum: f64,
    pub(super) maximum: f64,
    pub(super) above: f64,
    pub(super) below: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self {
            minimum: f64::NEG_INFINITY,
            maximum: f64::INFINITY,
            above: f64::NEG_INFINITY,
            below: f64::INFINITY,
        }
    }
}

impl Range {
    /// Numbers are compared as floats. Near a bound whose distance floats cannot tell, and beyond
    /// the integers that they hold exactly, nothing is proven.
    pub(super) fn admits(&self, digits: &str) -> bool {
        let small = small_decimal(digits.as_bytes());
        let Some(number) = small.or_else(|| digits.parse().ok()) else {
            return false;
        };
        number.abs() < EXACT_MAX
            && number >= self.minimum
            && number <= self.maximum
            && number > self.above
            && number < self.below
    }
}

/// Bounds of a length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    pub(super) minimum: u64,
    pub(super) maximum: u64,
}

impl Length {
    pub(super) fn admits(&self, length: u64) -> bool {
        self.minimum <= length && length <= self.maximum
    }

    /// Whether a string of these bytes, escapes and all, certainly has an admitted length: a
    /// character takes one byte to four, or with an escape up to twelve.
    #[inline]
    pub(super) fn admits_bytes(&self, bytes: &[u8], is_escaped: bool) -> bool {
        let fewest = bytes.len().div_ceil(if is_escaped { 12 } else { 4 }) as u64;
        bytes.len() as u64 <= self.maximum && fewest >= self.minimum
    }

    /// Counted in characters. A character has one to four bytes, so most texts need no counting.
    pub(super) fn admits_text(&self, text: &str) -> bool {
        let bytes = text.len() as u64;
        let fewest = bytes.div_ceil(4);
        if bytes <= self.maximum && fewest >= self.minimum {
            return true;
        }
        self.admits(text.chars().count() as u64)
    }
}

/// What an object's members must be.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) properties: Box<[Property]>,
    /// How many of them are required.
    pub(super) required: usize,
    /// Every other member; `None` admits all.
    pub(super) additional: Option<NodeId>,
    /// How many members there are.
    pub(super) count: Option<Length>,
    /// Where each name is, if there are more than a few.
    pub(super) places: Option<Places>,
}

/// One named member.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: Box<str>,
    pub(super) node: NodeId,
    pub(super) required: bool,
}

impl Members {
    /// The property of this name. Members mostly come in the order of the schema: then it is the
    /// one at `expected`.
    #[inline]
    pub(super) fn find(&self, name: &[u8], expected: usize) -> Option<usize> {
        if self
            .properties
            .get(expected)
            .is_some_and(|property| is_same(property.name.as_bytes(), name))
        {
            return Some(expected);
        }
        self.search(name)
    }

    fn search(&self, name: &[u8]) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self
                .properties
                .iter()
                .position(|property| is_same(property.name.as_bytes(), name)),
        }
    }
}

/// Whether two names are equal. Most are of up to 16 bytes: their ends, which may overlap, are
/// compared as numbers, without a call.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    fn ends<const N: usize>(name: &[u8]) -> Option<(&[u8; N], &[u8; N])> {
        Some((name.first_chunk()?, name.last_chunk()?))
    }
    if one.len() != other.len() {
        return false;
    }
    match one.len() {
        // Of three bytes the ends of two overlap in the middle one.
        2..4 => ends::<2>(one) == ends::<2>(other),
        4..8 => ends::<4>(one) == ends::<4>(other),
        8..=16 => ends::<8>(one) == ends::<8>(other),
        _ => one == other,
    }
}

/// Integers below this are floats without loss: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_what_lies_within_and_nothing_that_floats_cannot_tell() {
        let range = Range {
            minimum: 1.0,
            below: 10.0,
            ..Range::default()
        };
        for digits in ["1", "9", "9.99", "1e0", "001"] {
            assert!(range.admits(digits), "{digits}");
        }
        for digits in ["0", "10", "-1", "1e400", "x", "0.9"] {
            assert!(!range.admits(digits), "{digits}");
        }
        let wide = Range {
            minimum: 0.0,
            ..Range::default()
        };
        assert!(wide.admits("9007199254740991"));
        assert!(!wide.admits("9007199254740993"));
    }

    #[test]
    fn names_are_equal_by_all_their_bytes() {
        let short = ["", "a", "b", "ab", "ax", "xb", "abc", "abx", "axc", "xbc"];
        let names = ["abcd", "abce", "xbcd", "abcdefg", "abcxefg"];
        let long = ["abcdefgh", "abcdefgx", "abcdefghijk", "abcdefghijklmnop"];
        let longer = [
            "abcdefgh\0ijklmno",
            "abcdefghijklmnopq",
            "abcdefghixklmnopq",
        ];
        let all = short.iter().chain(&names).chain(&long).chain(&longer);
        for (at, one) in all.clone().enumerate() {
            for (other_at, other) in all.clone().enumerate() {
                assert_eq!(is_same(one.as_bytes(), other.as_bytes()), at == other_at);
            }
        }
    }

    #[test]
    fn counts_characters_where_bytes_do_not_decide() {
        let length = Length {
            minimum: 2,
            maximum: 3,
        };
        for text in ["ab", "abc", "éé", "ééé", "😀😀😀"] {
            assert!(length.admits_text(text), "{text}");
        }
        for text in ["", "a", "é", "😀", "abcd", "éééé"] {
            assert!(!length.admits_text(text), "{text}");
        }
    }
}
