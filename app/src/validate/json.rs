//! JSON text, judged in one pass over the bytes (RFC 8259): syntax, depth, duplicate keys.
//!
//! The host receives the untouched bytes, so this pass only has to say whether they are sound;
//! it lays them out on the way when a schema wants to see them. It refuses what parsers disagree
//! about: duplicate keys (RFC 8259 §4), lone surrogates (§8.2), bytes that are not UTF-8 (§8.1),
//! and numbers beyond all floats (§6). Of the others every digit is kept.
//! Knows nothing of schemas or requests.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use super::fault::shortened;
use super::scanner::{Kind, Trace, scan};
use super::tape::{LaidOut, Tape, TapeBuilder, Words};

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
    /// A number beyond the range of `f64`: hosts would make infinity of it, or fail.
    NumberTooLarge,
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
            Self::NumberTooLarge => write!(
                out,
                "The JSON body has a number beyond the range of 64-bit floats"
            ),
            Self::TooLong => write!(out, "The JSON body is longer than 4 GiB"),
            Self::DuplicateKey { key } => {
                let key = shortened(key.clone());
                write!(out, "The JSON body has the key '{key}' twice")
            }
        }
    }
}

/// Checks a whole text. `depth_max` bounds nested arrays and objects; a scalar has depth 0.
///
/// # Errors
/// The first [`JsonFault`].
pub fn check(text: &[u8], depth_max: u32) -> Result<(), JsonFault> {
    scan(text, depth_max, KeysAlone::default()).map(|_| ())
}

/// Checks a whole text and lays out its values, for a schema to look at.
///
/// # Errors
/// As for [`check`].
pub fn lay_out(text: &[u8], depth_max: u32) -> Result<LaidOut<'_>, JsonFault> {
    if u32::try_from(text.len()).is_err() {
        let position = u32::MAX as usize;
        return Err(JsonFault {
            position,
            kind: JsonFaultKind::TooLong,
        });
    }
    let (tape, text) = scan(text, depth_max, TapeBuilder::for_text(text))?;
    Ok(tape.finish(text))
}

/// Checks a whole text and builds its value. See [`Tape::to_value`] for numbers.
///
/// # Errors
/// As for [`check`].
pub fn parse(text: &[u8], depth_max: u32) -> Result<Value, JsonFault> {
    lay_out(text, depth_max).map(|laid_out| laid_out.tape().to_value())
}

/// Reads a value from a checked text: from its outline if it has one, and otherwise as
/// `serde_json` does. Either way it is the value that `serde_json` makes of the text, but that an
/// outline takes `1.0` for an integer, as schemas do.
///
/// # Errors
/// What `serde_json` says of a text that does not fit `T`.
pub fn read<'t, T: Deserialize<'t>>(
    text: &'t [u8],
    outline: &'t [Words],
) -> Result<T, serde_json::Error> {
    match Tape::over(text, outline).and_then(|tape| tape.read()) {
        Some(value) => Ok(value),
        None => serde_json::from_slice(text),
    }
}

/// Keeps the keys of open objects, outermost first: what the check alone has to know.
#[derive(Default)]
struct KeysAlone(Vec<(Kind, usize, usize)>);

impl Trace for KeysAlone {
    fn open(&mut self, _: Kind, _: usize) -> usize {
        self.0.len()
    }
    fn close(&mut self, mark: usize, _: u32) {
        self.0.truncate(mark);
    }
    fn scalar(&mut self, _: Kind, _: usize, _: usize) {}
    fn key(&mut self, kind: Kind, start: usize, end: usize) {
        self.0.push((kind, start, end));
    }
    fn keys(&self, mark: usize) -> impl Iterator<Item = (Kind, usize, usize)> {
        self.0[mark..].iter().copied()
    }
}
