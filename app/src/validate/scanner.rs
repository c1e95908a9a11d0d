//! The pass over a JSON text that `json` and `tape` share (RFC 8259).
//!
//! It runs over every body, so it is written for the common text: compact, ASCII, few escapes.
//! Strings are skipped eight bytes at a time, keys are compared only where a 64-bit sketch of an
//! object's keys says that two may be equal, and where it stands goes from step to step in a
//! register. Knows nothing of values, schemas or requests.

use std::borrow::Cow;
use std::collections::HashSet;

use spikard_proto_http::sabotage;

use super::json::{JsonFault, JsonFaultKind};
use super::scalar::{is_finite, unescape};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    False,
    True,
    /// Digits alone.
    Integer,
    /// With a fraction or an exponent.
    Number,
    /// A string or key without escapes: the text has it as it is.
    Plain,
    /// A string or key with escapes.
    Escaped,
    Array,
    Object,
}

impl Kind {
    /// All of them by their number; the rest fills up a power of two, so that any number will do.
    pub(super) const ALL: [Self; 16] = {
        let mut all = [Self::Null; 16];
        let known = [
            Self::Null,
            Self::False,
            Self::True,
            Self::Integer,
            Self::Number,
            Self::Plain,
            Self::Escaped,
            Self::Array,
            Self::Object,
        ];
        let mut at = 0;
        while at < known.len() {
            all[known[at] as usize] = known[at];
            at += 1;
        }
        all
    };
}

/// Who is told what a scan finds, in the order of the text.
pub(super) trait Trace {
    /// An array or object opens. Returns what [`Trace::close`] wants back.
    fn open(&mut self, kind: Kind, at: usize) -> usize;
    /// It closes, with this many items or members.
    fn close(&mut self, mark: usize, count: u32);
    /// A scalar, at `start..end` of the text; a string's quotes are outside of it.
    fn scalar(&mut self, kind: Kind, start: usize, end: usize);
    /// A key, likewise.
    fn key(&mut self, kind: Kind, start: usize, end: usize);
    /// The keys that the innermost open object has so far. It was opened at `mark`.
    fn keys(&self, mark: usize) -> impl Iterator<Item = (Kind, usize, usize)>;
}

/// Scans a whole text, and returns it as UTF-8 beside the trace.
///
/// # Errors
/// The first [`JsonFault`].
pub(super) fn scan<T: Trace>(
    bytes: &[u8],
    depth_max: u32,
    trace: T,
) -> Result<(T, &str), JsonFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonFault {
        position: error.valid_up_to(),
        kind: JsonFaultKind::NotUtf8,
    })?;
    let mut scanner = Scanner {
        text,
        bytes,
        depth_left: depth_max,
        depth_max,
        fault: None,
        trace,
    };
    let whole = scanner.value(0).and_then(|at| {
        let (at, _) = scanner.past_space(at);
        if at < bytes.len() {
            Err(scanner.syntax(at))
        } else {
            Ok(())
        }
    });
    match whole {
        Ok(()) => Ok((scanner.trace, text)),
        // A step that refuses has put its fault there.
        Err(Refused) => Err(scanner.fault.take().unwrap_or(JsonFault {
            position: 0,
            kind: JsonFaultKind::Syntax,
        })),
    }
}

/// The text is refused; [`Scanner::fault`] says why. A step then returns in two registers.
struct Refused;

/// Each step takes where it begins and returns where it ended.
type Step<T = usize> = Result<T, Refused>;

/// One pass over one text.
struct Scanner<'t, T> {
    text: &'t str,
    bytes: &'t [u8],
    depth_left: u32,
    depth_max: u32,
    fault: Option<JsonFault>,
    trace: T,
}

impl<T: Trace> Scanner<'_, T> {
    /// Any value with the whitespace before it. Part of what calls it, so that only arrays and
    /// objects are calls; their recursion is bounded by the depth limit.
    #[inline(always)]
    fn value(&mut self, at: usize) -> Step {
        let (at, byte) = self.past_space(at);
        match byte {
            b'"' => self.string(at),
            b'-' | b'0'..=b'9' => self.number(at),
            b'{' => self.object(at),
            b'[' => self.array(at),
            b't' => self.word(at, b"true", Kind::True),
            b'f' => self.word(at, b"false", Kind::False),
            b'n' => self.word(at, b"null", Kind::Null),
            _ => Err(self.syntax(at)),
        }
    }

    fn descend(&mut self, kind: Kind, at: usize) -> Step {
        if sabotage::is_off("json/depth") {
            self.depth_left = self.depth_left.max(1);
        }
        let Some(left) = self.depth_left.checked_sub(1) else {
            let depth_max = self.depth_max;
            return Err(self.refuse(at, JsonFaultKind::TooDeep { depth_max }));
        };
        self.depth_left = left;
        Ok(self.trace.open(kind, at))
    }

    fn ascend(&mut self, mark: usize, count: u32) {
        self.trace.close(mark, count);
        self.depth_left += 1;
    }

    /// An object from its brace through the closing one.
    fn object(&mut self, at: usize) -> Step {
        let mark = self.descend(Kind::Object, at)?;
        let (mut at, byte) = self.past_space(at + 1);
        if byte == b'}' {
            self.ascend(mark, 0);
            return Ok(at + 1);
        }
        let (mut sketch, mut suspicious, mut count) = (0_u64, false, 0_u32);
        loop {
            let (quote, byte) = self.past_space(at);
            if byte != b'"' {
                return Err(self.syntax(quote));
            }
            let key = quote + 1;
            let mut end = self.plain(key);
            if self.peek(end) == b'"' {
                self.trace.key(Kind::Plain, key, end);
            } else {
                end = self.escaped(end)?;
                self.trace.key(Kind::Escaped, key, end);
                suspicious = true;
            }
            let bit = self.sketch(key, end);
            suspicious |= sketch & bit != 0;
            sketch |= bit;
            let (colon, byte) = self.past_space(end + 1);
            if byte != b':' {
                return Err(self.syntax(colon));
            }
            let after = self.value(colon + 1)?;
            // Fewer members than bytes, and a text that is laid out is under 4 GiB.
            count = count.wrapping_add(1);
            let (after, byte) = self.past_space(after);
            at = after + 1;
            match byte {
                b',' => {}
                b'}' => break,
                _ => return Err(self.syntax(after)),
            }
        }
        if suspicious {
            self.refuse_duplicates(mark)?;
        }
        self.ascend(mark, count);
        Ok(at)
    }

    /// An array from its bracket through the closing one.
    fn array(&mut self, at: usize) -> Step {
        let mark = self.descend(Kind::Array, at)?;
        let (mut at, byte) = self.past_space(at + 1);
        if byte == b']' {
            self.ascend(mark, 0);
            return Ok(at + 1);
        }
        let mut count: u32 = 0;
        loop {
            let after = self.value(at)?;
            count = count.wrapping_add(1);
            let (after, byte) = self.past_space(after);
            at = after + 1;
            match byte {
                b',' => {}
                b']' => break,
                _ => return Err(self.syntax(after)),
            }
        }
        self.ascend(mark, count);
        Ok(at)
    }

    /// One bit of 64 that equal keys share, unless they have escapes.
    #[inline]
    fn sketch(&self, start: usize, end: usize) -> u64 {
        let length = end - start;
        let first = match self.bytes.get(start..).and_then(<[u8]>::first_chunk) {
            Some(eight) if length < 8 => u64::from_le_bytes(*eight) & ((1 << (length * 8)) - 1),
            Some(eight) => u64::from_le_bytes(*eight),
            None => self.last(start, end),
        };
        // Fibonacci hashing: the top bits of the product depend on all of the number.
        1 << ((first ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58)
    }

    /// The same of a key so near to the end that no eight bytes are left.
    #[cold]
    fn last(&self, start: usize, end: usize) -> u64 {
        let bytes = self.bytes[start..end].iter().rev();
        bytes.fold(0, |first, byte| first << 8 | u64::from(*byte))
    }

    #[cold]
    fn refuse_duplicates(&mut self, mark: usize) -> Step<()> {
        let text = self.text;
        let content = |(kind, start, end): (Kind, usize, usize)| match kind {
            Kind::Escaped => Cow::Owned(unescape(&text[start..end])),
            _ => Cow::Borrowed(&text[start..end]),
        };
        let mut few: [&str; KEYS_COMPARED_MAX] = [""; KEYS_COMPARED_MAX];
        let mut duplicate = None;
        for (at, key) in self.trace.keys(mark).enumerate() {
            let (kind, start, end) = key;
            if at == few.len() || kind == Kind::Escaped {
                let mut seen = HashSet::new();
                let mut keys = self.trace.keys(mark);
                duplicate = keys.find(|key| !seen.insert(content(*key)));
                break;
            }
            let own = &text[start..end];
            if few[..at].contains(&own) {
                duplicate = Some(key);
                break;
            }
            few[at] = own;
        }
        let duplicate = duplicate.filter(|_| !sabotage::is_off("json/duplicate-keys"));
        let Some(key) = duplicate else { return Ok(()) };
        // The opening quote.
        let position = key.1 - 1;
        let key = content(key).into_owned();
        Err(self.refuse(position, JsonFaultKind::DuplicateKey { key }))
    }

    /// A string that is a value, from its opening quote through the closing one. Its escapes are
    /// only checked: few schemas look at a string's content.
    #[inline]
    fn string(&mut self, at: usize) -> Step {
        let start = at + 1;
        let mut end = self.plain(start);
        if self.peek(end) == b'"' {
            self.trace.scalar(Kind::Plain, start, end);
        } else {
            end = self.escaped(end)?;
            self.trace.scalar(Kind::Escaped, start, end);
        }
        Ok(end + 1)
    }

    /// The rest of a string, from its first escape to its closing quote.
    fn escaped(&mut self, mut at: usize) -> Step {
        while self.peek(at) != b'"' {
            at = self.escape(at)?;
            at = self.plain(at);
        }
        Ok(at)
    }

    /// Skips what needs no unescaping: anything but quote, backslash and controls. Stops between
    /// characters, because those three are ASCII.
    #[inline]
    fn plain(&self, mut at: usize) -> usize {
        let bytes = self.bytes;
        while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let special = specials(u64::from_le_bytes(*eight));
            if special != 0 {
                return at + special.trailing_zeros() as usize / 8;
            }
            at += 8;
        }
        while at < bytes.len() && !matches!(bytes[at], b'"' | b'\\' | 0..=0x1f) {
            at += 1;
        }
        at
    }

    /// One escape sequence from its backslash on.
    fn escape(&mut self, at: usize) -> Step {
        if self.peek(at) != b'\\' {
            return Err(self.syntax(at));
        }
        match self.peek(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => self.unicode(at),
            _ => Err(self.syntax(at + 1)),
        }
    }

    /// A `\u` escape, with the second half of a surrogate pair.
    fn unicode(&mut self, start: usize) -> Step {
        let (at, high) = self.four_digits(start + 2)?;
        if !(0xd800..0xe000).contains(&high) || sabotage::is_off("json/surrogates") {
            return Ok(at);
        }
        if high >= 0xdc00 || !self.bytes[at..].starts_with(b"\\u") {
            return Err(self.refuse(start, JsonFaultKind::LoneSurrogate));
        }
        let (at, low) = self.four_digits(at + 2)?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.refuse(start, JsonFaultKind::LoneSurrogate));
        }
        Ok(at)
    }

    /// The four hexadecimal digits after a `u`.
    fn four_digits(&mut self, at: usize) -> Step<(usize, u32)> {
        let mut number = 0;
        for at in at..at + 4 {
            let Some(digit) = char::from(self.peek(at)).to_digit(16) else {
                return Err(self.syntax(at));
            };
            number = number * 16 + digit;
        }
        Ok((at + 4, number))
    }

    /// `[ minus ] int [ frac ] [ exp ]` (RFC 8259 §6).
    #[inline]
    fn number(&mut self, start: usize) -> Step {
        let mut at = start + usize::from(self.peek(start) == b'-');
        at = if self.peek(at) == b'0' {
            at + 1
        } else {
            self.digits(at)?
        };
        let (mut kind, mut may_overflow) = (Kind::Integer, false);
        if self.peek(at) == b'.' {
            kind = Kind::Number;
            at = self.digits(at + 1)?;
        }
        if matches!(self.peek(at), b'e' | b'E') {
            (kind, may_overflow) = (Kind::Number, true);
            at += 1;
            at += usize::from(matches!(self.peek(at), b'+' | b'-'));
            at = self.digits(at)?;
        }
        // Without an exponent it takes as many digits as the largest float has.
        may_overflow |= at - start > f64::MAX_10_EXP as usize;
        if may_overflow && !is_finite(&self.text[start..at]) {
            return Err(self.refuse(start, JsonFaultKind::NumberTooLarge));
        }
        self.trace.scalar(kind, start, at);
        Ok(at)
    }

    #[inline]
    fn digits(&mut self, start: usize) -> Step {
        let mut at = start;
        while self.peek(at).is_ascii_digit() {
            at += 1;
        }
        if at == start {
            Err(self.syntax(at))
        } else {
            Ok(at)
        }
    }

    fn word(&mut self, start: usize, word: &[u8], kind: Kind) -> Step {
        for (at, byte) in (start..).zip(word) {
            if self.peek(at) != *byte {
                return Err(self.syntax(at));
            }
        }
        let end = start + word.len();
        self.trace.scalar(kind, start, end);
        Ok(end)
    }

    /// The next byte that is no whitespace, and where it is.
    #[inline]
    fn past_space(&self, at: usize) -> (usize, u8) {
        let byte = self.peek(at);
        if byte > b' ' {
            return (at, byte);
        }
        self.space(at)
    }

    fn space(&self, mut at: usize) -> (usize, u8) {
        while matches!(self.peek(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        (at, self.peek(at))
    }

    /// The byte there. The end of the text reads as NUL, which the grammar allows nowhere.
    #[inline]
    fn peek(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    #[cold]
    fn syntax(&mut self, at: usize) -> Refused {
        self.refuse(at, JsonFaultKind::Syntax)
    }

    #[cold]
    fn refuse(&mut self, position: usize, kind: JsonFaultKind) -> Refused {
        self.fault = Some(JsonFault { position, kind });
        Refused
    }
}

/// The top bit of each byte that is a quote, a backslash or a control. Only the lowest such bit is
/// exact: a borrow may mark bytes above it.
#[inline]
fn specials(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound);
    let quote = below(eight ^ (ONES * b'"' as u64), 1);
    let backslash = below(eight ^ (ONES * b'\\' as u64), 1);
    // Bytes of 0x80 and more are none of them, and neither `^` touches a top bit.
    (quote | backslash | below(eight, 0x20)) & !eight & TOPS
}

/// Objects with at most this many keys are searched for duplicates pair by pair: no allocation,
/// and faster than hashing.
const KEYS_COMPARED_MAX: usize = 16;
