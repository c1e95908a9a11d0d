//! JSON text, judged in one pass over the bytes (RFC 8259): syntax, depth, duplicate keys.
//!
//! The host receives the untouched bytes, so this pass only has to say whether they are sound;
//! it builds values on the way when a schema wants to see them. It refuses what parsers disagree
//! about: duplicate keys (RFC 8259 §4), lone surrogates (§8.2), bytes that are not UTF-8 (§8.1).
//! Numbers of any size are sound. Knows nothing of schemas or requests.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde_json::{Map, Number, Value};

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
            Self::DuplicateKey { key } => write!(out, "The JSON body has the key '{key}' twice"),
        }
    }
}

/// Checks a whole text. `depth_max` bounds nested arrays and objects; a scalar has depth 0.
///
/// # Errors
/// The first [`JsonFault`].
pub fn check(text: &[u8], depth_max: u32) -> Result<(), JsonFault> {
    Scanner::<Nothing>::document(text, depth_max)
}

/// Checks a whole text and builds its value.
///
/// Integers beyond 64 bits become the nearest float, and floats beyond `f64` the largest one of
/// their sign: schemas compare numbers as `f64`, and the host reads the exact bytes anyway.
///
/// # Errors
/// As for [`check`].
pub fn parse(text: &[u8], depth_max: u32) -> Result<Value, JsonFault> {
    Scanner::<Value>::document(text, depth_max)
}

/// What a scan leaves behind.
trait Build: Sized {
    type Members;
    type Items;
    fn object() -> Self::Members;
    fn array() -> Self::Items;
    fn member(object: &mut Self::Members, key: &str, value: Self);
    fn item(array: &mut Self::Items, value: Self);
    fn end_object(object: Self::Members) -> Self;
    fn end_array(array: Self::Items) -> Self;
    fn string(text: Cow<'_, str>) -> Self;
    fn number(text: &str, integral: bool) -> Self;
    fn boolean(value: bool) -> Self;
    fn null() -> Self;
}

/// Leaves nothing: the check alone.
type Nothing = ();

impl Build for Nothing {
    type Members = ();
    type Items = ();
    fn object() {}
    fn array() {}
    fn member((): &mut (), _: &str, (): ()) {}
    fn item((): &mut (), (): ()) {}
    fn end_object((): ()) {}
    fn end_array((): ()) {}
    fn string(_: Cow<'_, str>) {}
    fn number(_: &str, _: bool) {}
    fn boolean(_: bool) {}
    fn null() {}
}

impl Build for Value {
    type Members = Map<String, Value>;
    type Items = Vec<Value>;

    fn object() -> Self::Members {
        Map::new()
    }

    fn array() -> Self::Items {
        Vec::new()
    }

    fn member(object: &mut Self::Members, key: &str, value: Self) {
        object.insert(key.to_owned(), value);
    }

    fn item(array: &mut Self::Items, value: Self) {
        array.push(value);
    }

    fn end_object(object: Self::Members) -> Self {
        Self::Object(object)
    }

    fn end_array(array: Self::Items) -> Self {
        Self::Array(array)
    }

    fn string(text: Cow<'_, str>) -> Self {
        Self::String(text.into_owned())
    }

    fn number(text: &str, integral: bool) -> Self {
        if integral && let Ok(number) = text.parse::<u64>() {
            return number.into();
        }
        // Minus zero is not an integer's value; it goes on as a float.
        if integral
            && let Ok(number) = text.parse::<i64>()
            && number != 0
        {
            return number.into();
        }
        // The scanner admits only the JSON grammar, all of which `f64` parses.
        let number = text
            .parse::<f64>()
            .unwrap_or_default()
            .clamp(f64::MIN, f64::MAX);
        Number::from_f64(number).map_or(Self::Null, Self::Number)
    }

    fn boolean(value: bool) -> Self {
        Self::Bool(value)
    }

    fn null() -> Self {
        Self::Null
    }
}

/// One pass over one text.
struct Scanner<'t, B> {
    text: &'t str,
    at: usize,
    depth_left: u32,
    depth_max: u32,
    /// Keys of the open objects, outermost first; each object remembers where its own begin.
    keys: Vec<(Cow<'t, str>, usize)>,
    build: std::marker::PhantomData<B>,
}

impl<'t, B: Build> Scanner<'t, B> {
    fn document(bytes: &'t [u8], depth_max: u32) -> Result<B, JsonFault> {
        let text = std::str::from_utf8(bytes).map_err(|error| JsonFault {
            position: error.valid_up_to(),
            kind: JsonFaultKind::NotUtf8,
        })?;
        let mut scanner = Self {
            text,
            at: 0,
            depth_left: depth_max,
            depth_max,
            keys: Vec::new(),
            build: std::marker::PhantomData,
        };
        let value = scanner.value()?;
        scanner.space();
        if scanner.at < text.len() {
            Err(scanner.syntax())
        } else {
            Ok(value)
        }
    }

    /// Any value with the whitespace before it. Recursion is bounded by the depth limit.
    fn value(&mut self) -> Result<B, JsonFault> {
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(B::string),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true").map(|()| B::boolean(true)),
            Some(b'f') => self.word("false").map(|()| B::boolean(false)),
            Some(b'n') => self.word("null").map(|()| B::null()),
            _ => Err(self.syntax()),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<B, JsonFault>) -> Result<B, JsonFault> {
        let Some(left) = self.depth_left.checked_sub(1) else {
            return Err(self.fault(JsonFaultKind::TooDeep {
                depth_max: self.depth_max,
            }));
        };
        self.depth_left = left;
        self.at += 1;
        let value = read(self)?;
        self.depth_left += 1;
        Ok(value)
    }

    /// The inside of an object, from after its brace through the closing one.
    fn object(&mut self) -> Result<B, JsonFault> {
        let mut object = B::object();
        let first_key = self.keys.len();
        self.space();
        if self.eat(b'}') {
            return Ok(B::end_object(object));
        }
        loop {
            self.space();
            let position = self.at;
            let key = self.string()?;
            self.space();
            self.expect(b':')?;
            // The key waits on the stack while its value is read.
            self.keys.push((key, position));
            let place = self.keys.len() - 1;
            let value = self.value()?;
            B::member(&mut object, &self.keys[place].0, value);
            self.space();
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        self.refuse_duplicates(first_key)?;
        self.keys.truncate(first_key);
        Ok(B::end_object(object))
    }

    /// The inside of an array, from after its bracket through the closing one.
    fn array(&mut self) -> Result<B, JsonFault> {
        let mut array = B::array();
        self.space();
        if self.eat(b']') {
            return Ok(B::end_array(array));
        }
        loop {
            let value = self.value()?;
            B::item(&mut array, value);
            self.space();
            if !self.eat(b',') {
                break;
            }
        }
        self.expect(b']')?;
        Ok(B::end_array(array))
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
        let text = self.text;
        let start = self.at;
        self.plain();
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(&text[start..self.at - 1]));
        }
        let mut unescaped = String::new();
        let mut run = start;
        loop {
            unescaped.push_str(&text[run..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(unescaped));
                }
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
    fn number(&mut self) -> Result<B, JsonFault> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        let mut integral = true;
        if self.eat(b'.') {
            integral = false;
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            integral = false;
            if !self.eat(b'+') {
                self.eat(b'-');
            }
            self.digits()?;
        }
        Ok(B::number(&self.text[start..self.at], integral))
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

    fn word(&mut self, word: &str) -> Result<(), JsonFault> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
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
