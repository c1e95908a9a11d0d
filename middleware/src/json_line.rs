//! One line of a log as one JSON object, whatever is told in it.
//!
//! Clients choose much of what logs tell. A line stays one line, and no terminal obeys it: controls
//! are escaped, and so is what turns text around.
//! Knows nothing of what the keys mean.

use std::fmt::{Display, Write};

use serde_json::Value;
use spikard_proto_http::date::push_rfc3339;

/// An object in the making, at the end of a text.
pub(crate) struct JsonLine<'a>(&'a mut String);

impl<'a> JsonLine<'a> {
    /// Begins an object behind what stands in `text`.
    pub(crate) fn begin(text: &'a mut String) -> Self {
        text.push('{');
        Self(text)
    }

    fn key(&mut self, key: &str) -> &mut String {
        let Self(line) = self;
        line.push_str(if line.ends_with('{') { "\"" } else { ",\"" });
        line.push_str(key);
        line.push_str("\":");
        line
    }

    /// Adds a text, or null. `key` needs no escapes, here and below.
    pub(crate) fn text(&mut self, key: &str, text: Option<&str>) {
        let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        match text {
            // As nearly all are: copied at once.
            Some(text) if text.bytes().all(is_plain) => {
                let line = self.key(key);
                line.push('"');
                line.push_str(text);
                line.push('"');
            }
            other => self.put(key, other),
        }
    }

    /// Adds what needs no escapes when it is shown, as a text.
    pub(crate) fn shown(&mut self, key: &str, value: impl Display) {
        // A `String` takes all that is written.
        let _ = write!(self.key(key), "\"{value}\"");
    }

    /// Adds the time of so many milliseconds since 1970.
    pub(crate) fn time(&mut self, key: &str, unix_ms: u64) {
        let line = self.key(key);
        line.push('"');
        push_rfc3339(line, unix_ms);
        line.push('"');
    }

    /// Adds a number, or null.
    pub(crate) fn number(&mut self, key: &str, number: Option<u64>) {
        let line = self.key(key);
        let _ = match number {
            Some(number) => write!(line, "{number}"),
            None => line.write_str("null"),
        };
    }

    /// Adds a member.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        let line = self.key(key);
        for character in value.into().to_string().chars() {
            if is_unsafe(character) {
                // All of them are below U+FFFF.
                let _ = write!(line, "\\u{:04x}", u32::from(character));
            } else {
                line.push(character);
            }
        }
    }

    /// Ends the object.
    pub(crate) fn end(self) {
        self.0.push('}');
    }
}

/// Whether a terminal would obey the character rather than show it: controls, and what turns text
/// around.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
        || matches!(character, '\u{2066}'..='\u{2069}')
}
