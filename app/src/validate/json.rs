//! JSON text, judged in one pass over the bytes (RFC 8259): syntax, depth, duplicate keys.
//!
//! The host receives the untouched bytes, so this pass only has to say whether they are sound;
//! it lays them out on the way when a schema wants to see them. It refuses what parsers disagree
//! about: duplicate keys (RFC 8259 §4), lone surrogates (§8.2), bytes that are not UTF-8 (§8.1).
//! Numbers of any size are sound. Knows nothing of schemas or requests.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde_json::Value;

use super::tape::{Kind, Tape, TapeBuilder};

/// Objects with at most this many keys are searched for duplicates pair by pair: no allocation,
/// and faster than hashing.
const KEYS_COMPARED_MAX: usize = 16;

/// What is wrong with a JSON text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFault {
    /// Byte offset of the first byte that does not fit.
    pub position: usize,
    /// What is wrong there.
    pub kind: JsonFaultKind,
}

/// The ways in which a JSON text can be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonFaultKind {
    /// A byte that the grammar does not allow here, or the end of the text.
    Syntax,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A `\u` escape of half a surrogate pair.
    LoneSurrogate,
    /// Arrays and objects nested deeper than the limit.
    TooDeep {
        /// The limit.
        depth_max: u32,
    },
    /// A text that is laid out has at most 4 GiB.
    TooLong,
    /// A key that the same object already has.
    DuplicateKey {
        /// The key, unescaped.
        key: String,
    },
}

impl fmt::Display for JsonFaultKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax => write!(out, "Invalid request format"),
            Self::NotUtf8 => write!(out, "The JSON body is not UTF-8"),
            Self::LoneSurrogate => write!(out, "The JSON body has half of a surrogate pair"),
            Self::TooDeep { depth_max } => write!(
                out,
                "The JSON body is nested deeper than {depth_max} levels (setting: max_json_depth)"
            ),
            Self::TooLong => write!(out, "The JSON body is longer than 4 GiB"),
            Self::DuplicateKey { key } => write!(out, "The JSON body has the key '{key}' twice"),
        }
    }
}

/// Checks a whole text. `depth_max` bounds nested arrays and objects; a scalar has depth 0.
///
/// # Errors
/// The first [`JsonFault`].
pub fn check(text: &[u8], depth_max: u32) -> Result<(), JsonFault> {
    scan(text, depth_max, Unnoticed).map(|_| ())
}

/// Checks a whole text and lays out its values, for a schema to look at.
///
/// # Errors
/// As for [`check`].
pub fn lay_out(text: &[u8], depth_max: u32) -> Result<Tape<'_>, JsonFault> {
    if u32::try_from(text.len()).is_err() {
        let position = u32::MAX as usize;
        return Err(JsonFault {
            position,
            kind: JsonFaultKind::TooLong,
        });
    }
    let (tape, text) = scan(text, depth_max, TapeBuilder::default())?;
    Ok(tape.finish(text))
}

/// Checks a whole text and builds its value. See [`Tape::to_value`] for numbers.
///
/// # Errors
/// As for [`check`].
pub fn parse(text: &[u8], depth_max: u32) -> Result<Value, JsonFault> {
    lay_out(text, depth_max).map(|tape| tape.to_value())
}

fn scan<T: Trace>(bytes: &[u8], depth_max: u32, trace: T) -> Result<(T, &str), JsonFault> {
    let text = std::str::from_utf8(bytes).map_err(|error| JsonFault {
        position: error.valid_up_to(),
        kind: JsonFaultKind::NotUtf8,
    })?;
    let mut scanner = Scanner {
        text,
        at: 0,
        depth_left: depth_max,
        depth_max,
        keys: Vec::new(),
        trace,
    };
    scanner.value()?;
    scanner.space();
    if scanner.at < text.len() {
        Err(scanner.syntax())
    } else {
        Ok((scanner.trace, text))
    }
}

/// Who is told what a scan finds, in the order of the text.
pub(super) trait Trace {
    /// An array or object opens. Returns what [`Trace::close`] wants back.
    fn open(&mut self, kind: Kind) -> usize;
    /// It closes, with this many items or members.
    fn close(&mut self, mark: usize, count: u32);
    /// A scalar that is not a string, at `start..end` of the text.
    fn scalar(&mut self, kind: Kind, start: usize, end: usize);
    /// A string or key: at `start..end` of the text as it is, unless it had to be unescaped.
    fn string(&mut self, unescaped: Option<&str>, start: usize, end: usize);
}

/// Tells nobody: the check alone.
struct Unnoticed;

impl Trace for Unnoticed {
    fn open(&mut self, _: Kind) -> usize {
        0
    }
    fn close(&mut self, _: usize, _: u32) {}
    fn scalar(&mut self, _: Kind, _: usize, _: usize) {}
    fn string(&mut self, _: Option<&str>, _: usize, _: usize) {}
}

/// One pass over one text.
struct Scanner<'t, T> {
    text: &'t str,
    at: usize,
    depth_left: u32,
    depth_max: u32,
    /// Keys of the open objects, outermost first; each object remembers where its own begin.
    keys: Vec<(Cow<'t, str>, usize)>,
    trace: T,
}

impl<'t, T: Trace> Scanner<'t, T> {
    /// Any value with the whitespace before it. Recursion is bounded by the depth limit.
    fn value(&mut self) -> Result<(), JsonFault> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Kind::Object, Self::members),
            Some(b'[') => self.nested(Kind::Array, Self::items),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(b'n') => self.word("null", Kind::Null),
            _ => Err(self.syntax()),
        }
    }

    fn nested(
        &mut self,
        kind: Kind,
        inside: fn(&mut Self) -> Result<u32, JsonFault>,
    ) -> Result<(), JsonFault> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(self.fault(JsonFaultKind::TooDeep {
                depth_max: self.depth_max,
            }));
        };
        self.depth_left = left;
        self.at += 1;
        let mark = self.trace.open(kind);
        let count = inside(self)?;
        self.trace.close(mark, count);
        self.depth_left += 1;
        Ok(())
    }

    /// The inside of an object, from after its brace through the closing one.
    fn members(&mut self) -> Result<u32, JsonFault> {
        let first_key = self.keys.len();
        self.space();
        if self.eat(b'}') {
            return Ok(0);
        }
        loop {
            self.space();
            let position = self.at;
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            self.keys.push((key, position));
            self.value()?;
            self.space();
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        self.refuse_duplicates(first_key)?;
        let count = self.keys.len() - first_key;
        self.keys.truncate(first_key);
        // Fewer members than bytes, and a text that is laid out is under 4 GiB.
        Ok(count as u32)
    }

    /// The inside of an array, from after its bracket through the closing one.
    fn items(&mut self) -> Result<u32, JsonFault> {
        self.space();
        if self.eat(b']') {
            return Ok(0);
        }
        let mut count: u32 = 0;
        loop {
            self.value()?;
            count = count.wrapping_add(1);
            self.space();
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b']')?;
        Ok(count)
    }

    fn refuse_duplicates(&self, first_key: usize) -> Result<(), JsonFault> {
        let keys = &self.keys[first_key..];
        let duplicate = if keys.len() <= KEYS_COMPARED_MAX {
            (1..keys.len()).find(|at| keys[..*at].iter().any(|(key, _)| *key == keys[*at].0))
        } else {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.iter().position(|(key, _)| !seen.insert(key))
        };
        match duplicate {
            None => Ok(()),
            Some(at) => Err(JsonFault {
                position: keys[at].1,
                kind: JsonFaultKind::DuplicateKey {
                    key: keys[at].0.as_ref().to_owned(),
                },
            }),
        }
    }

    /// A string with its quotes, unescaped; borrowed when it has no escape.
    fn string(&mut self) -> Result<Cow<'t, str>, JsonFault> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain();
        let content = if self.peek() == Some(b'"') {
            Cow::Borrowed(&self.text[start..self.at])
        } else {
            Cow::Owned(self.unescaped(start)?)
        };
        let unescaped = match &content {
            Cow::Borrowed(_) => None,
            Cow::Owned(text) => Some(text.as_str()),
        };
        self.trace.string(unescaped, start, self.at);
        self.at += 1;
        Ok(content)
    }

    /// The rest of a string that has escapes, through before its closing quote.
    fn unescaped(&mut self, start: usize) -> Result<String, JsonFault> {
        let mut unescaped = String::new();
        let mut run = start;
        loop {
            unescaped.push_str(&self.text[run..self.at]);
            match self.peek() {
                Some(b'"') => return Ok(unescaped),
                Some(b'\\') => unescaped.push(self.escape()?),
                _ => return Err(self.syntax()),
            }
            run = self.at;
            self.plain();
        }
    }

    /// Skips what needs no unescaping: anything but quote, backslash and controls. Stops between
    /// characters, because those three are ASCII.
    fn plain(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        self.at += length.unwrap_or(rest.len());
    }

    /// One escape sequence from its backslash on.
    fn escape(&mut self) -> Result<char, JsonFault> {
        let start = self.at;
        self.at += 1;
        let plain = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(self.syntax()),
        };
        self.at += 1;
        Ok(plain)
    }

    /// A `\u` escape from its `u` on, with the second half of a surrogate pair.
    fn unicode(&mut self, start: usize) -> Result<char, JsonFault> {
        let lone = JsonFault {
            position: start,
            kind: JsonFaultKind::LoneSurrogate,
        };
        let high = self.four_digits()?;
        if let Some(single) = char::from_u32(high) {
            return Ok(single);
        }
        if high >= 0xdc00 || !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Err(lone);
        }
        self.at += 1;
        let low = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)
    }

    /// The four hexadecimal digits after a `u`.
    fn four_digits(&mut self) -> Result<u32, JsonFault> {
        let mut number = 0;
        for _ in 0..4 {
            self.at += 1;
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            number = number * 16 + digit.ok_or_else(|| self.syntax())?;
        }
        self.at += 1;
        Ok(number)
    }

    /// `[ minus ] int [ frac ] [ exp ]` (RFC 8259 §6).
    fn number(&mut self) -> Result<(), JsonFault> {
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
        if self.eat(b'e') || self.eat(b'E') {
            kind = Kind::Number;
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        self.trace.scalar(kind, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let rest = &self.text.as_bytes()[self.at..];
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += length;
        if length == 0 {
            Err(self.syntax())
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<(), JsonFault> {
        let start = self.at;
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        self.trace.scalar(kind, start, self.at);
        Ok(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonFault> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.syntax())
        }
    }

    fn syntax(&self) -> JsonFault {
        self.fault(JsonFaultKind::Syntax)
    }

    fn fault(&self, kind: JsonFaultKind) -> JsonFault {
        JsonFault {
            position: self.at,
            kind,
        }
    }
}
