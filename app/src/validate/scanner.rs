//! The pass over a JSON text that `json` and `tape` share (RFC 8259).
//!
//! It runs over every body, so it is written for the common text: compact, ASCII, few escapes.
//! Strings are skipped eight bytes at a time, and keys are compared only where a 64-bit sketch of
//! an object's keys says that two may be equal.
//! Knows nothing of values, schemas or requests.

use std::collections::HashSet;

use spikard_proto_http::sabotage;

use super::json::{JsonFault, JsonFaultKind};
use super::tape::is_finite;

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
    /// A string without escapes: the text has it as it is.
    Plain,
    /// A string with escapes.
    Escaped,
    /// A key that had escapes.
    Unescaped,
    Array,
    Object,
}

/// Who is told what a scan finds, in the order of the text.
pub(super) trait Trace {
    /// An array or object opens. Returns what [`Trace::close`] wants back.
    fn open(&mut self, kind: Kind) -> usize;
    /// It closes, with this many items or members.
    fn close(&mut self, mark: usize, count: u32);
    /// A scalar, at `start..end` of the text; a string's quotes are outside of it.
    fn scalar(&mut self, kind: Kind, start: usize, end: usize);
    /// A key: at `start..end` of the text as it is, unless it had to be unescaped.
    fn key(&mut self, unescaped: Option<&str>, start: usize, end: usize);
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
        at: 0,
        depth_left: depth_max,
        depth_max,
        keys: Vec::with_capacity(KEYS_COMPARED_MAX),
        contents: Vec::new(),
        fault: None,
        trace,
    };
    let whole = scanner.value().and_then(|()| {
        scanner.space();
        if scanner.at < bytes.len() {
            Err(scanner.syntax())
        } else {
            Ok(())
        }
    });
    match whole {
        Ok(()) => Ok((scanner.trace, text)),
        // A step that refuses has put its fault there.
        Err(Refused) => Err(scanner.fault.take().unwrap_or(JsonFault {
            position: scanner.at,
            kind: JsonFaultKind::Syntax,
        })),
    }
}

/// The text is refused; [`Scanner::fault`] says why. A step then returns in a register.
struct Refused;

type Step<T = ()> = Result<T, Refused>;

/// A key of an open object.
struct Key {
    /// Its text between the quotes.
    start: usize,
    end: usize,
    /// Where its unescaped content is in [`Scanner::contents`], if it had escapes.
    content: Option<usize>,
}

/// One pass over one text.
struct Scanner<'t, T> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth_left: u32,
    depth_max: u32,
    /// Keys of the open objects, outermost first; each object remembers where its own begin.
    keys: Vec<Key>,
    /// Unescaped content of keys.
    contents: Vec<Box<str>>,
    fault: Option<JsonFault>,
    trace: T,
}

impl<T: Trace> Scanner<'_, T> {
    /// Any value with the whitespace before it. Recursion is bounded by the depth limit.
    fn value(&mut self) -> Step {
        match self.peek_past_space() {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'{' => {
                let mark = self.descend(Kind::Object)?;
                let count = self.members()?;
                self.ascend(mark, count);
                Ok(())
            }
            b'[' => {
                let mark = self.descend(Kind::Array)?;
                let count = self.items()?;
                self.ascend(mark, count);
                Ok(())
            }
            b't' => self.word(b"true", Kind::True),
            b'f' => self.word(b"false", Kind::False),
            b'n' => self.word(b"null", Kind::Null),
            _ => Err(self.syntax()),
        }
    }

    fn descend(&mut self, kind: Kind) -> Step<usize> {
        if sabotage::is_off("json/depth") {
            self.depth_left = self.depth_left.max(1);
        }
        let Some(left) = self.depth_left.checked_sub(1) else {
            let depth_max = self.depth_max;
            return Err(self.refuse(self.at, JsonFaultKind::TooDeep { depth_max }));
        };
        self.depth_left = left;
        self.at += 1;
        Ok(self.trace.open(kind))
    }

    fn ascend(&mut self, mark: usize, count: u32) {
        self.trace.close(mark, count);
        self.depth_left += 1;
    }

    /// The inside of an object, from after its brace through the closing one.
    fn members(&mut self) -> Step<u32> {
        let (first_key, first_content) = (self.keys.len(), self.contents.len());
        if self.peek_past_space() == b'}' {
            self.at += 1;
            return Ok(0);
        }
        let (mut sketch, mut suspicious) = (0_u64, false);
        loop {
            if self.peek_past_space() != b'"' {
                return Err(self.syntax());
            }
            let key = self.key()?;
            let bit = self.sketch(&key);
            suspicious |= sketch & bit != 0;
            sketch |= bit;
            self.keys.push(key);
            if self.peek_past_space() != b':' {
                return Err(self.syntax());
            }
            self.at += 1;
            self.value()?;
            match self.peek_past_space() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(self.syntax()),
            }
        }
        self.at += 1;
        if suspicious {
            self.refuse_duplicates(first_key)?;
        }
        let count = self.keys.len() - first_key;
        self.keys.truncate(first_key);
        self.contents.truncate(first_content);
        // Fewer members than bytes, and a text that is laid out is under 4 GiB.
        Ok(count as u32)
    }

    /// The inside of an array, from after its bracket through the closing one.
    fn items(&mut self) -> Step<u32> {
        if self.peek_past_space() == b']' {
            self.at += 1;
            return Ok(0);
        }
        let mut count: u32 = 0;
        loop {
            self.value()?;
            count = count.wrapping_add(1);
            match self.peek_past_space() {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(self.syntax()),
            }
        }
        self.at += 1;
        Ok(count)
    }

    /// One bit of 64 that equal keys share. A key with escapes may equal any.
    fn sketch(&self, key: &Key) -> u64 {
        if key.content.is_some() {
            return u64::MAX;
        }
        let length = (key.end - key.start) as u64;
        let edge = |at: usize| u64::from(self.bytes[at]);
        if length == 0 {
            return 1;
        }
        let edges =
            edge(key.start) | edge(key.end - 1) << 8 | edge(key.start + length as usize / 2) << 16;
        // Fibonacci hashing: the top bits of the product depend on all of the number.
        let mixed = (edges | length << 24).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        1 << (mixed >> 58)
    }

    fn content(&self, key: &Key) -> &str {
        match key.content {
            Some(at) => &self.contents[at],
            None => &self.text[key.start..key.end],
        }
    }

    #[cold]
    fn refuse_duplicates(&mut self, first_key: usize) -> Step {
        let keys = &self.keys[first_key..];
        let duplicate = if keys.len() <= KEYS_COMPARED_MAX {
            (1..keys.len()).find(|at| {
                let content = self.content(&keys[*at]);
                keys[..*at].iter().any(|key| self.content(key) == content)
            })
        } else {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.iter().position(|key| !seen.insert(self.content(key)))
        };
        let duplicate = duplicate.filter(|_| !sabotage::is_off("json/duplicate-keys"));
        let Some(at) = duplicate else { return Ok(()) };
        let key = self.content(&keys[at]).to_owned();
        // The opening quote.
        let position = keys[at].start - 1;
        Err(self.refuse(position, JsonFaultKind::DuplicateKey { key }))
    }

    /// A string that is a value, from its opening quote through the closing one. Its escapes are
    /// only checked: few schemas look at a string's content.
    fn string(&mut self) -> Step {
        self.at += 1;
        let start = self.at;
        self.plain();
        let mut kind = Kind::Plain;
        while self.peek() != b'"' {
            kind = Kind::Escaped;
            self.escape()?;
            self.plain();
        }
        self.trace.scalar(kind, start, self.at);
        self.at += 1;
        Ok(())
    }

    /// A key, from its opening quote through the closing one.
    fn key(&mut self) -> Step<Key> {
        self.at += 1;
        let start = self.at;
        self.plain();
        let mut content = None;
        if self.peek() != b'"' {
            content = Some(self.unescaped(start)?);
        }
        let end = self.at;
        self.at += 1;
        self.trace.key(content.as_deref(), start, end);
        let content = content.map(|content| {
            self.contents.push(content.into());
            self.contents.len() - 1
        });
        Ok(Key {
            start,
            end,
            content,
        })
    }

    /// The rest of a key that has escapes, through before its closing quote.
    #[cold]
    fn unescaped(&mut self, start: usize) -> Step<String> {
        let mut unescaped = String::new();
        let mut run = start;
        loop {
            unescaped.push_str(&self.text[run..self.at]);
            if self.peek() == b'"' {
                return Ok(unescaped);
            }
            unescaped.push(self.escape()?);
            run = self.at;
            self.plain();
        }
    }

    /// Skips what needs no unescaping: anything but quote, backslash and controls. Stops between
    /// characters, because those three are ASCII.
    fn plain(&mut self) {
        while let Some(eight) = self.bytes[self.at..].first_chunk() {
            let special = specials(u64::from_le_bytes(*eight));
            if special != 0 {
                self.at += special.trailing_zeros() as usize / 8;
                return;
            }
            self.at += 8;
        }
        while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'"' | b'\\' | 0..=0x1f)
        {
            self.at += 1;
        }
    }

    /// One escape sequence from its backslash on.
    fn escape(&mut self) -> Step<char> {
        if self.peek() != b'\\' {
            return Err(self.syntax());
        }
        let start = self.at;
        self.at += 1;
        let plain = match self.peek() {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(start),
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(plain)
    }

    /// A `\u` escape from its `u` on, with the second half of a surrogate pair.
    fn unicode(&mut self, start: usize) -> Step<char> {
        let high = self.four_digits()?;
        let off = sabotage::is_off("json/surrogates").then_some(char::REPLACEMENT_CHARACTER);
        if let Some(single) = char::from_u32(high).or(off) {
            return Ok(single);
        }
        if high >= 0xdc00 || !self.bytes[self.at..].starts_with(b"\\u") {
            return Err(self.refuse(start, JsonFaultKind::LoneSurrogate));
        }
        self.at += 1;
        let low = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.refuse(start, JsonFaultKind::LoneSurrogate));
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            .ok_or_else(|| self.refuse(start, JsonFaultKind::LoneSurrogate))
    }

    /// The four hexadecimal digits after a `u`.
    fn four_digits(&mut self) -> Step<u32> {
        let mut number = 0;
        for _ in 0..4 {
            self.at += 1;
            let Some(digit) = char::from(self.peek()).to_digit(16) else {
                return Err(self.syntax());
            };
            number = number * 16 + digit;
        }
        self.at += 1;
        Ok(number)
    }

    /// `[ minus ] int [ frac ] [ exp ]` (RFC 8259 §6).
    fn number(&mut self) -> Step {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        let mut kind = Kind::Integer;
        if self.eat(b'.') {
            kind = Kind::Number;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            kind = Kind::Number;
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        if !is_finite(&self.text[start..self.at], kind) {
            return Err(self.refuse(start, JsonFaultKind::NumberTooLarge));
        }
        self.trace.scalar(kind, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Step {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.at == start {
            Err(self.syntax())
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Step {
        let start = self.at;
        for byte in word {
            if !self.eat(*byte) {
                return Err(self.syntax());
            }
        }
        self.trace.scalar(kind, start, self.at);
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// The next byte that is no whitespace; the scanner then stands on it.
    #[inline]
    fn peek_past_space(&mut self) -> u8 {
        let byte = self.peek();
        if byte > b' ' {
            return byte;
        }
        self.space();
        self.peek()
    }

    /// The byte here. The end of the text reads as NUL, which the grammar allows nowhere.
    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let here = self.peek() == byte;
        self.at += usize::from(here);
        here
    }

    #[cold]
    fn syntax(&mut self) -> Refused {
        self.refuse(self.at, JsonFaultKind::Syntax)
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
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & TOPS;
    let quote = below(eight ^ (ONES * b'"' as u64), 1);
    let backslash = below(eight ^ (ONES * b'\\' as u64), 1);
    quote | backslash | below(eight, 0x20)
}

/// Objects with at most this many keys are searched for duplicates pair by pair: no allocation,
/// and faster than hashing.
const KEYS_COMPARED_MAX: usize = 16;
