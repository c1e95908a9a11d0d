//! A JSON text laid out for looking at: one flat row per value, pointing into the text.
//!
//! A schema reads most values once or never, so nothing is copied or allocated per value: a row has
//! 16 bytes, where a tree of owned values takes several times the text.
//! Knows nothing of syntax (the scanner lays it out), schemas (`tape_node` shows it to them) or
//! Rust types (`read` makes them of it).

use std::borrow::Cow;
use std::cell::Cell;

use serde_json::{Map, Value};

use super::scalar::{number, unescape};
use super::scanner::{Kind, Trace};

/// A row as numbers, which an exchange keeps without knowing what they mean.
pub type Words = [u32; 4];

/// One value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) kind: Kind,
    /// Where its text begins: a string's behind the quote, an array's or object's at the bracket.
    pub(super) start: u32,
    /// Where its text ends; of arrays and objects how many items or members follow.
    pub(super) end: u32,
    /// The row after it and all that is inside it.
    pub(super) next: u32,
}

impl Row {
    #[inline]
    fn of([kind, start, end, next]: Words) -> Self {
        Self {
            kind: Kind::ALL[kind as usize % Kind::ALL.len()],
            start,
            end,
            next,
        }
    }

    /// How many items or members an array or object has.
    pub(super) fn count(self) -> u32 {
        self.end
    }
}

/// A text and its rows, to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Tape<'t> {
    text: &'t str,
    rows: &'t [Words],
}

/// A text that was laid out, with the rows.
#[derive(Debug)]
pub struct LaidOut<'t> {
    text: &'t str,
    rows: Vec<Words>,
}

/// Takes what the scanner finds.
#[derive(Debug, Default)]
pub(super) struct TapeBuilder {
    rows: Vec<Words>,
}

impl TapeBuilder {
    /// With room for the rows of a text of usual density: mostly the last tape's.
    pub(super) fn for_text(text: &[u8]) -> Self {
        let mut rows = SPARE_ROWS.take();
        rows.reserve((text.len() / BYTES_PER_ROW).clamp(ROWS_MIN, ROWS_KEPT_MAX));
        Self { rows }
    }

    pub(super) fn finish(self, text: &str) -> LaidOut<'_> {
        LaidOut {
            text,
            rows: self.rows,
        }
    }

    /// Adds a row. All numbers fit: a text that is laid out is under 4 GiB.
    #[inline(always)]
    fn push(&mut self, kind: Kind, start: usize, end: usize) -> usize {
        let at = self.rows.len();
        self.rows
            .push([kind as u32, start as u32, end as u32, at as u32 + 1]);
        at
    }
}

impl Trace for TapeBuilder {
    fn open(&mut self, kind: Kind, at: usize) -> usize {
        self.push(kind, at, 0)
    }

    fn close(&mut self, mark: usize, count: u32) {
        let next = self.rows.len() as u32;
        let [_, _, own_count, own_next] = &mut self.rows[mark];
        (*own_count, *own_next) = (count, next);
    }

    #[inline(always)]
    fn scalar(&mut self, kind: Kind, start: usize, end: usize) {
        self.push(kind, start, end);
    }

    #[inline(always)]
    fn key(&mut self, kind: Kind, start: usize, end: usize) {
        self.push(kind, start, end);
    }

    fn keys(&self, mark: usize) -> impl Iterator<Item = (Kind, usize, usize)> {
        let end = self.rows.len() as u32;
        let mut children = Children {
            rows: &self.rows,
            at: mark as u32 + 1,
            end,
        };
        std::iter::from_fn(move || {
            let key = Row::of(self.rows[children.next()? as usize]);
            children.next();
            Some((key.kind, key.start as usize, key.end as usize))
        })
    }
}

thread_local! {
    /// The rows of the last tape of this thread, empty: tapes come one after the other.
    static SPARE_ROWS: Cell<Vec<Words>> = const { Cell::new(Vec::new()) };
}

impl Drop for LaidOut<'_> {
    fn drop(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        if rows.capacity() <= ROWS_KEPT_MAX {
            rows.clear();
            SPARE_ROWS.set(rows);
        }
    }
}

impl LaidOut<'_> {
    /// The text with its rows.
    #[must_use]
    pub fn tape(&self) -> Tape<'_> {
        Tape {
            text: self.text,
            rows: &self.rows,
        }
    }

    /// Leaves the rows in `outline`, whose memory the next text is laid out in.
    pub fn keep(mut self, outline: &mut Vec<Words>) {
        std::mem::swap(&mut self.rows, outline);
    }
}

impl<'t> Tape<'t> {
    /// The text that was laid out as `outline`, if it was.
    pub(super) fn over(text: &'t [u8], outline: &'t [Words]) -> Option<Self> {
        if outline.is_empty() {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        Some(Self {
            text,
            rows: outline,
        })
    }

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

    #[inline]
    pub(super) fn row(self, at: u32) -> Row {
        Row::of(self.rows[at as usize])
    }

    /// The text of a number, or of a string as it stands between its quotes.
    #[inline]
    pub(super) fn digits(self, row: Row) -> &'t str {
        &self.text[row.start as usize..row.end as usize]
    }

    /// The same as bytes, which need no look at where characters begin.
    #[inline]
    pub(super) fn bytes(self, row: Row) -> &'t [u8] {
        &self.text.as_bytes()[row.start as usize..row.end as usize]
    }

    /// The text from where a value begins, and on to the end.
    pub(super) fn bytes_from(self, row: Row) -> &'t [u8] {
        let quote = matches!(row.kind, Kind::Plain | Kind::Escaped);
        &self.text.as_bytes()[row.start as usize - usize::from(quote)..]
    }

    /// The content of a string or key, if the row is one.
    pub(super) fn string(self, row: Row) -> Option<Cow<'t, str>> {
        match row.kind {
            Kind::Plain => Some(self.digits(row).into()),
            Kind::Escaped => Some(unescape(self.digits(row)).into()),
            _ => None,
        }
    }

    /// One value with all that is inside it. Recursion is bounded by the scanner's depth limit.
    pub(super) fn value_at(self, at: u32) -> Value {
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
            Kind::Array => self.children(at).map(|item| self.value_at(item)).collect(),
            Kind::Object => {
                let mut members = Map::with_capacity(row.count() as usize);
                let mut children = self.children(at);
                while let (Some(key), Some(member)) = (children.next(), children.next()) {
                    let key = self.string(self.row(key)).unwrap_or_default();
                    members.insert(key.into_owned(), self.value_at(member));
                }
                Value::Object(members)
            }
        }
    }

    /// The rows directly inside an array or object; an object's are key, member, key, member.
    pub(super) fn children(self, at: u32) -> Children<'t> {
        Children {
            rows: self.rows,
            at: at + 1,
            end: self.row(at).next,
        }
    }
}

/// See [`Tape::children`].
#[derive(Debug, Clone)]
pub(super) struct Children<'c> {
    rows: &'c [Words],
    at: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.at == self.end {
            return None;
        }
        let here = self.at;
        let [_, _, _, next] = self.rows[here as usize];
        self.at = next;
        Some(here)
    }
}

/// Bytes of JSON per value and key, in usual documents.
const BYTES_PER_ROW: usize = 8;

/// Fewest rows that memory is taken for, and most: before they are there, and after.
const ROWS_MIN: usize = 64;
const ROWS_KEPT_MAX: usize = 4096;
