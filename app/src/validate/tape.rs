//! A JSON text laid out for looking at: one flat row per value, pointing into the text.
//!
//! A schema reads most values once or never, so nothing is copied or allocated per value: a row has
//! 16 bytes, where a tree of owned values takes several times the text.
//! Knows nothing of syntax (the scanner lays it out) or schemas (`tape_node` shows it to them).

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Number, Value};
use spikard_proto_http::sabotage;

use super::scanner::{Kind, Trace};

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// Where its text begins; of [`Kind::Unescaped`] the place of its content; of arrays and
    /// objects how many items or members follow.
    pub(super) start: u32,
    /// Where its text ends.
    pub(super) end: u32,
    /// The row after it and all that is inside it.
    pub(super) next: u32,
}

/// A text that was laid out.
#[derive(Debug)]
pub struct Tape<'t> {
    text: &'t str,
    rows: Vec<Row>,
    unescaped: Vec<Box<str>>,
}

/// Takes what the scanner finds.
#[derive(Debug, Default)]
pub(super) struct TapeBuilder {
    rows: Vec<Row>,
    unescaped: Vec<Box<str>>,
}

impl TapeBuilder {
    /// With room for the rows of a text of usual density: mostly the last tape's.
    pub(super) fn for_text(text: &[u8]) -> Self {
        let mut rows = SPARE_ROWS.take();
        rows.reserve((text.len() / BYTES_PER_ROW).clamp(ROWS_MIN, ROWS_KEPT_MAX));
        Self {
            rows,
            unescaped: Vec::new(),
        }
    }

    pub(super) fn finish(self, text: &str) -> Tape<'_> {
        Tape {
            text,
            rows: self.rows,
            unescaped: self.unescaped,
        }
    }

    /// Adds a row. All numbers fit: a text that is laid out is under 4 GiB.
    fn push(&mut self, kind: Kind, start: usize, end: usize) -> usize {
        let next = self.rows.len() as u32 + 1;
        self.rows.push(Row {
            kind,
            start: start as u32,
            end: end as u32,
            next,
        });
        self.rows.len() - 1
    }
}

impl Trace for TapeBuilder {
    fn open(&mut self, kind: Kind) -> usize {
        self.push(kind, 0, 0)
    }

    fn close(&mut self, mark: usize, count: u32) {
        self.rows[mark].start = count;
        self.rows[mark].next = self.rows.len() as u32;
    }

    fn scalar(&mut self, kind: Kind, start: usize, end: usize) {
        self.push(kind, start, end);
    }

    fn key(&mut self, unescaped: Option<&str>, start: usize, end: usize) {
        match unescaped {
            None => self.push(Kind::Plain, start, end),
            Some(content) => {
                self.unescaped.push(content.into());
                self.push(Kind::Unescaped, self.unescaped.len() - 1, 0)
            }
        };
    }
}

thread_local! {
    /// The rows of the last tape of this thread, empty: tapes come one after the other.
    static SPARE_ROWS: Cell<Vec<Row>> = const { Cell::new(Vec::new()) };
}

impl Drop for Tape<'_> {
    fn drop(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        if rows.capacity() <= ROWS_KEPT_MAX {
            rows.clear();
            SPARE_ROWS.set(rows);
        }
    }
}

impl Tape<'_> {
    /// How many values it has, keys included.
    #[must_use]
    pub fn values(&self) -> usize {
        self.rows.len()
    }

    /// The whole text as one owned value.
    ///
    /// Integers beyond 64 bits become the nearest float: the host reads the exact bytes anyway.
    #[must_use]
    pub fn to_value(&self) -> Value {
        self.value_at(0)
    }

    pub(super) fn row(&self, at: u32) -> Row {
        self.rows[at as usize]
    }

    /// The text of a number, or of a string as it stands between its quotes.
    pub(super) fn digits(&self, row: Row) -> &str {
        &self.text[row.start as usize..row.end as usize]
    }

    /// The content of a string, if the row is one.
    pub(super) fn string(&self, row: Row) -> Option<Cow<'_, str>> {
        match row.kind {
            Kind::Plain => Some(self.digits(row).into()),
            Kind::Escaped => Some(unescape(self.digits(row)).into()),
            _ => None,
        }
    }

    /// The content of a key.
    pub(super) fn key(&self, row: Row) -> &str {
        match row.kind {
            Kind::Unescaped => &self.unescaped[row.start as usize],
            _ => self.digits(row),
        }
    }

    /// One value with all that is inside it. Recursion is bounded by the scanner's depth limit.
    pub(super) fn value_at(&self, at: u32) -> Value {
        let row = self.row(at);
        match row.kind {
            Kind::Null => Value::Null,
            Kind::False => Value::Bool(false),
            Kind::True => Value::Bool(true),
            Kind::Integer | Kind::Number => {
                Value::Number(number(self.digits(row), row.kind == Kind::Integer))
            }
            Kind::Plain | Kind::Escaped => {
                Value::String(self.string(row).unwrap_or_default().into_owned())
            }
            Kind::Unescaped => self.key(row).into(),
            Kind::Array => self.children(at).map(|item| self.value_at(item)).collect(),
            Kind::Object => {
                let mut members = Map::with_capacity(row.start as usize);
                let mut children = self.children(at);
                while let (Some(key), Some(member)) = (children.next(), children.next()) {
                    let key = self.key(self.row(key));
                    members.insert(key.to_owned(), self.value_at(member));
                }
                Value::Object(members)
            }
        }
    }

    /// The rows directly inside an array or object; an object's are key, member, key, member.
    pub(super) fn children(&self, at: u32) -> Children<'_> {
        Children {
            rows: &self.rows,
            at: at + 1,
            end: self.row(at).next,
        }
    }
}

/// See [`Tape::children`].
#[derive(Debug, Clone)]
pub(super) struct Children<'c> {
    rows: &'c [Row],
    at: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.at == self.end {
            return None;
        }
        let here = self.at;
        self.at = self.rows[here as usize].next;
        Some(here)
    }
}

/// What a string's text means. The scanner has checked its escapes, so none is left out.
#[cold]
fn unescape(text: &str) -> String {
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

/// Whether a number is one that `f64` can come near to. What has no exponent and fewer digits
/// than its largest number needs no parsing.
#[inline]
pub(super) fn is_finite(digits: &str, kind: Kind) -> bool {
    let is_exponent = |byte: u8| byte | 0x20 == b'e';
    let is_plain = kind == Kind::Integer || !digits.bytes().any(is_exponent);
    sabotage::is_off("json/number-range")
        || (is_plain && digits.len() <= f64::MAX_10_EXP as usize)
        || float(digits).is_finite()
}

/// Bytes of JSON per value and key, in usual documents.
const BYTES_PER_ROW: usize = 8;

/// Fewest rows that memory is taken for, and most: before they are there, and after.
const ROWS_MIN: usize = 64;
const ROWS_KEPT_MAX: usize = 4096;
