//! An owned list of header fields, for replies: one buffer of bytes and a table of spans.
//!
//! It is cleared and reused for every reply of a connection, so setting a few fields costs a few
//! copies and no allocation. What gets in can be written to the wire as it is (RFC 9110 §5).
//! Knows nothing of which fields the engine owns.

use std::fmt;

use crate::chars::{is_space, is_token, is_value_byte, trim};
use crate::limits::{FIELD_LIST_BYTES_MAX, FIELDS_MAX, RETAINED_BYTES_MAX};
use crate::span::{FieldSpan, Span};

/// Header fields in the order in which they were added. Names compare without case.
#[derive(Clone, Default, Debug)]
pub struct Fields {
    bytes: Vec<u8>,
    table: Vec<FieldSpan>,
}

impl Fields {
    /// An empty list; allocates nothing.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            table: Vec::new(),
        }
    }

    /// Removes all fields and keeps the memory, up to a bound, for the next reply.
    #[inline]
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.table.clear();
        if self.bytes.capacity() > RETAINED_BYTES_MAX {
            self.bytes.shrink_to(RETAINED_BYTES_MAX);
        }
        if self.table.capacity() > FIELDS_MAX {
            self.table.shrink_to(FIELDS_MAX);
        }
    }

    /// Appends a field; fields of the same name stay. The value loses its surrounding whitespace.
    ///
    /// # Errors
    /// [`FieldError::Name`] if the name is not a token, [`FieldError::Value`] if the value has a
    /// control character other than HTAB (RFC 9110 §5.5, §5.6.2), [`FieldError::Full`] if the list
    /// would exceed [`FIELD_LIST_BYTES_MAX`]. The list is unchanged then.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let value = check(name, value)?;
        self.make_room(name.len() + value.len())?;
        self.append(name, value);
        Ok(())
    }

    /// Replaces all fields of this name by one; it takes the place of the first of them.
    ///
    /// # Errors
    /// As for [`Fields::push`].
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let value = check(name, value)?;
        self.make_room(name.len() + value.len())?;
        let place = self.position(name);
        if let Some(place) = place {
            self.remove(name);
            self.append(name, value);
            self.table[place..].rotate_right(1);
        } else {
            self.append(name, value);
        }
        Ok(())
    }

    /// Removes all fields of this name; says whether there was one. The bytes stay as dead bytes
    /// until the list is cleared or full.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        let before = self.table.len();
        let bytes = &self.bytes;
        self.table
            .retain(|field| !field.name.of(bytes).eq_ignore_ascii_case(name));
        self.table.len() != before
    }

    /// The value of the first field of this name.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.position(name)
            .map(|place| self.table[place].value.of(&self.bytes))
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter(move |field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1)
    }

    /// All fields as (name, value), in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.table
            .iter()
            .map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// Number of fields.
    #[inline]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no field.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The buffer that [`Fields::table`] points into. May contain dead bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One row per field, in order.
    pub fn table(&self) -> &[FieldSpan] {
        &self.table
    }

    #[inline]
    fn position(&self, name: &[u8]) -> Option<usize> {
        self.table.iter().position(|field| {
            field.name.length as usize == name.len()
                && field.name.of(&self.bytes).eq_ignore_ascii_case(name)
        })
    }

    #[inline]
    fn append(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.table.push(FieldSpan {
            name: Span::between(start, middle),
            value: Span::between(middle, self.bytes.len()),
        });
    }

    #[inline]
    fn make_room(&mut self, length: usize) -> Result<(), FieldError> {
        if self.bytes.len() + length > FIELD_LIST_BYTES_MAX {
            self.compact();
            if self.bytes.len() + length > FIELD_LIST_BYTES_MAX {
                return Err(FieldError::Full);
            }
        }
        Ok(())
    }

    /// Drops the dead bytes that `set` and `remove` left.
    #[cold]
    fn compact(&mut self) {
        let mut live = Self::new();
        for (name, value) in self.iter() {
            live.append(name, value);
        }
        *self = live;
    }
}

/// Two lists are equal if they have the same fields in the same order, letter case of names
/// included.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

/// The trimmed value, if name and value may go on the wire.
#[inline]
pub(crate) fn check<'v>(name: &[u8], value: &'v [u8]) -> Result<&'v [u8], FieldError> {
    if !is_token(name) {
        return Err(FieldError::Name);
    }
    let trimmed = match value {
        [first, .., last] if !is_space(*first) && !is_space(*last) => value,
        _ => trim(value),
    };
    if !trimmed
        .iter()
        .fold(true, |valid, &byte| valid & is_value_byte(byte))
    {
        return Err(FieldError::Value);
    }
    Ok(trimmed)
}

/// Why a field cannot be added to a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldError {
    /// The name is empty or not a token (RFC 9110 §5.6.2).
    Name,
    /// The value has a control character, such as CR, LF or NUL (RFC 9110 §5.5).
    Value,
    /// The list would exceed [`FIELD_LIST_BYTES_MAX`].
    Full,
}

impl fmt::Display for FieldError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Name => "The field name is not a token",
            Self::Value => "The field value has a control character",
            Self::Full => "The field list is over 1 MiB",
        })
    }
}

impl std::error::Error for FieldError {}
