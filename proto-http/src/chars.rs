//! The character classes of RFC 9110 §5 and RFC 3986, as one table of bits.
//!
//! One load answers any class question, so strictness costs the hot path nothing.
//! Knows nothing of messages.

/// `tchar`: what method and field names are made of (RFC 9110 §5.6.2).
const TOKEN: u8 = 1;
/// Field value bytes: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5).
const VALUE: u8 = 2;
/// Request target bytes: VCHAR without `#` (RFC 9112 §3.2; a fragment is never sent).
const TARGET: u8 = 4;
/// Bytes of a host name: `unreserved` of RFC 3986 §2.3.
const HOST: u8 = 8;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let at = byte as u8;
        let alphanumeric = at.is_ascii_alphanumeric();
        let mut class = 0;
        if alphanumeric || contains(b"!#$%&'*+-.^_`|~", at) {
            class |= TOKEN;
        }
        if at == b'\t' || (at >= b' ' && at != 0x7f) {
            class |= VALUE;
        }
        if at > b' ' && at < 0x7f && at != b'#' {
            class |= TARGET;
        }
        if alphanumeric || contains(b"-._~", at) {
            class |= HOST;
        }
        table[byte] = class;
        byte += 1;
    }
    table
}

const fn contains(set: &[u8], byte: u8) -> bool {
    let mut index = 0;
    while index < set.len() {
        if set[index] == byte {
            return true;
        }
        index += 1;
    }
    false
}

#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TOKEN != 0
}

#[inline]
pub(crate) fn is_value_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & VALUE != 0
}

#[inline]
pub(crate) fn is_target_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & TARGET != 0
}

#[inline]
pub(crate) fn is_host_byte(byte: u8) -> bool {
    CLASSES[byte as usize] & HOST != 0
}

/// Whether `bytes` is a `token`: one or more `tchar` (RFC 9110 §5.6.2).
#[inline]
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `byte` is optional whitespace (`OWS`, RFC 9110 §5.6.3).
#[inline]
pub(crate) fn is_space(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// `bytes` without the optional whitespace around it (RFC 9110 §5.6.3).
#[inline]
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The value of a hexadecimal digit of either case.
#[inline]
pub(crate) fn hex_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The members of a comma-separated list, trimmed; empty members are yielded as empty.
pub(crate) fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim)
}

/// Appends `number` in decimal.
#[inline]
pub(crate) fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    // 2^64 - 1 has 20 digits.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}
