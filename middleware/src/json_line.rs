//! One line of a log as one JSON object, whatever is told in it.
//!
//! Clients choose much of what logs tell. A line stays one line, and no terminal obeys it: controls
//! are escaped, and so is what turns text around.
//! Knows nothing of what the keys mean.

use std::fmt::Write;

use serde_json::Value;

/// An object in the making, at the end of a text.
pub(crate) struct JsonLine<'a>(&'a mut String);

impl<'a> JsonLine<'a> {
    /// Begins an object behind what stands in `text`.
    pub(crate) fn begin(text: &'a mut String) -> Self {
        text.push('{');
        Self(text)
    }

    /// Adds a member. `key` needs no escapes.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        let Self(line) = self;
        let comma = if line.ends_with('{') { "" } else { "," };
        // A `String` takes all that is written.
        let _ = write!(line, "{comma}\"{key}\":");
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
