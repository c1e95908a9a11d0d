//! What the text of a scalar means: a string's content, a number's value.
//!
//! Everything here gets text that the scanner has admitted, so nothing is refused.
//! Knows nothing of where the text lies.

use serde_json::Number;
use spikard_proto_http::sabotage;

/// What a string's text means. The scanner has checked its escapes, so none is left out.
#[cold]
pub(super) fn unescape(text: &str) -> String {
    let mut content = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        content.push_str(&rest[..at]);
        let (character, length) = escape(&rest.as_bytes()[at..]);
        content.push(character);
        rest = &rest[at + length..];
    }
    content + rest
}

/// The character of a checked escape, and how many bytes it takes.
fn escape(text: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..at + 4).unwrap_or_default();
        let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or_default();
        digits
            .iter()
            .fold(0, |number, byte| number * 16 + digit(byte))
    };
    match text[1] {
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'u' => match char::from_u32(unit(2)) {
            Some(character) => (character, 6),
            None => {
                let code = 0x10000 + ((unit(2) - 0xd800) << 10) + (unit(8) - 0xdc00);
                (char::from_u32(code).unwrap_or_default(), 12)
            }
        },
        other => (char::from(other), 2),
    }
}

/// The number that digits spell, as near as 64 bits allow.
pub(super) fn number(digits: &str, integral: bool) -> Number {
    if integral && let Ok(number) = digits.parse::<u64>() {
        return number.into();
    }
    // Minus zero is not an integer's value; it goes on as a float.
    if integral
        && let Ok(number) = digits.parse::<i64>()
        && number != 0
    {
        return number.into();
    }
    // Always finite, so always a number.
    Number::from_f64(float(digits)).unwrap_or_else(|| 0.into())
}

/// The float nearest to what digits spell; the scanner admits only what `f64` parses, and holds.
pub(super) fn float(digits: &str) -> f64 {
    digits.parse().unwrap_or_default()
}

/// Whether a number is one that `f64` can come near to.
#[cold]
pub(super) fn is_finite(digits: &str) -> bool {
    sabotage::is_off("json/number-range") || float(digits).is_finite()
}

/// A whole number of few digits, which most are. Not minus zero, which is none.
#[inline]
pub(super) fn small_integer(digits: &[u8]) -> Option<i64> {
    let (is_negative, digits) = unsigned(digits);
    if digits.len() > SMALL_DIGITS_MAX {
        return None;
    }
    let mut number = 0;
    for byte in digits {
        number = number * 10 + i64::from(digit(*byte)?);
    }
    match (is_negative, number) {
        (false, number) => Some(number),
        (true, 0) => None,
        (true, number) => Some(-number),
    }
}

/// A number of few digits and no exponent, exactly: its digits and the power of ten are both
/// floats without loss, so their quotient is rounded once, as a parser's would be.
#[inline]
pub(super) fn small_decimal(digits: &[u8]) -> Option<f64> {
    let (is_negative, digits) = unsigned(digits);
    if digits.len() > SMALL_DIGITS_MAX {
        return None;
    }
    let (mut number, mut point) = (0_u64, digits.len());
    for (at, byte) in digits.iter().enumerate() {
        if *byte == b'.' && point == digits.len() {
            point = at + 1;
        } else {
            number = number * 10 + u64::from(digit(*byte)?);
        }
    }
    let value = number as f64 / POWERS[digits.len() - point];
    Some(if is_negative { -value } else { value })
}

/// The whole number that a number with a point or an exponent spells, if it is one and of no more
/// digits than 64 bits have.
#[cold]
pub(super) fn whole(digits: &[u8]) -> Option<i128> {
    let (is_negative, digits) = unsigned(digits);
    let end = digits.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = digits.split_at(end.unwrap_or(digits.len()));
    let exponent = match exponent {
        [] => 0,
        [_, rest @ ..] => std::str::from_utf8(rest).ok()?.parse::<i64>().ok()?,
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (before, behind) = mantissa.split_at(point.unwrap_or(mantissa.len()));
    let behind = behind.get(1..).unwrap_or_default();
    let places = i64::try_from(before.len()).ok()?.checked_add(exponent)?;
    let mut number = 0_i128;
    let mut place = 0;
    for byte in before.iter().chain(behind) {
        let value = i128::from(digit(*byte)?);
        if place < places {
            number = number.checked_mul(10)?.checked_add(value)?;
        } else if value != 0 {
            return None;
        }
        place += 1;
    }
    while place < places && number != 0 {
        number = number.checked_mul(10)?;
        place += 1;
    }
    Some(if is_negative { -number } else { number })
}

fn unsigned(digits: &[u8]) -> (bool, &[u8]) {
    match digits {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, digits),
    }
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then_some(byte & 15)
}

/// So many digits are below 2^53, whatever they are.
const SMALL_DIGITS_MAX: usize = 15;

/// Powers of ten, by their exponent.
const POWERS: [f64; SMALL_DIGITS_MAX + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_numbers_are_what_a_parser_makes_of_them() {
        for digits in ["0", "7", "-1", "123456789012345", "-999999999999999"] {
            assert_eq!(small_integer(digits.as_bytes()), digits.parse().ok());
            assert_eq!(small_decimal(digits.as_bytes()), digits.parse().ok());
        }
        for digits in ["0.0", "12.5", "-0.1", "3.1415926535897", "0.3", "100.00"] {
            assert_eq!(small_decimal(digits.as_bytes()), digits.parse().ok());
        }
        let zero = small_decimal(b"-0.0").map(f64::to_bits);
        assert_eq!(zero, Some((-0.0_f64).to_bits()));
    }

    #[test]
    fn whole_numbers_may_have_points_and_exponents() {
        for (digits, number) in [
            ("1.0", Some(1)),
            ("-0.0", Some(0)),
            ("-12.50e1", Some(-125)),
            ("12.50e2", Some(1250)),
            ("9007199254740993.0", Some(9_007_199_254_740_993)),
            ("120e-1", Some(12)),
            ("0e999999", Some(0)),
            ("0.001E+3", Some(1)),
            ("1.5", None),
            ("121e-1", None),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ("1e-1", None),
        ] {
            assert_eq!(whole(digits.as_bytes()), number, "{digits}");
        }
    }

    #[test]
    fn other_numbers_are_left_to_a_parser() {
        for digits in ["-0", "1234567890123456", "1e2", "1.5", ""] {
            let whole = small_integer(digits.as_bytes());
            assert_eq!(whole, (digits.is_empty()).then_some(0), "{digits}");
        }
        for digits in ["1e2", "1.5e-3", "0.1234567890123456"] {
            assert_eq!(small_decimal(digits.as_bytes()), None, "{digits}");
        }
    }
}
