//! The typed values a host function receives, as one flat table and one text arena.
//!
//! `app` fills it in the order of the route's parameters; a binding reads it, through the C ABI, as
//! a view. Nothing here is allocated per value: both vectors keep their capacity between requests.

/// What one [`Argument`] holds. Numbers are part of the C ABI: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ArgumentKind {
    /// The request did not carry it and it has no default: the host's own default applies.
    Absent = 0,
    /// JSON `null`.
    Null = 1,
    /// `false`.
    False = 2,
    /// `true`.
    True = 3,
    /// `bits` is an `i64`.
    Integer = 4,
    /// `bits` is an `f64`.
    Float = 5,
    /// UTF-8 text at `start..start + length` of the arena.
    String = 6,
    /// A JSON document, as text in the arena.
    Json = 7,
    /// The next `length` arguments (each with its own descendants) are its items.
    List = 8,
}

/// One value. `#[repr(C)]` because bindings read the table in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Argument {
    /// An [`ArgumentKind`].
    pub kind: u32,
    /// Bytes of text, or items of a list.
    pub length: u32,
    /// Where the text begins in the arena, an `i64`, or the bits of an `f64`.
    pub bits: u64,
}

/// Where a list begins, until its length is known.
#[derive(Debug)]
#[must_use = "a list that is not ended keeps length 0"]
pub struct ListMark(usize);

/// The arguments of one call.
#[derive(Debug, Default)]
pub struct Arguments {
    table: Vec<Argument>,
    text: Vec<u8>,
}

impl Arguments {
    /// An empty list of arguments.
    pub const fn new() -> Self {
        Self {
            table: Vec::new(),
            text: Vec::new(),
        }
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        self.table.clear();
        self.text.clear();
    }

    /// The values in order; a list is followed by its items.
    pub fn table(&self) -> &[Argument] {
        &self.table
    }

    /// The arena that [`ArgumentKind::String`] and [`ArgumentKind::Json`] point into.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The text of a `String` or `Json` argument; empty for other kinds.
    pub fn text_of(&self, argument: &Argument) -> &[u8] {
        if argument.kind != ArgumentKind::String as u32
            && argument.kind != ArgumentKind::Json as u32
        {
            return &[];
        }
        let start = argument.bits as usize;
        &self.text[start..start + argument.length as usize]
    }

    /// Adds a value without content: absent, null, false or true.
    pub fn push_bare(&mut self, kind: ArgumentKind) {
        debug_assert!((kind as u32) < ArgumentKind::Integer as u32);
        self.table.push(Argument {
            kind: kind as u32,
            length: 0,
            bits: 0,
        });
    }

    /// Adds a boolean.
    pub fn push_bool(&mut self, value: bool) {
        self.push_bare(if value {
            ArgumentKind::True
        } else {
            ArgumentKind::False
        });
    }

    /// Adds an integer.
    pub fn push_integer(&mut self, value: i64) {
        let bits = value as u64;
        self.table.push(Argument {
            kind: ArgumentKind::Integer as u32,
            length: 0,
            bits,
        });
    }

    /// Adds a finite number.
    pub fn push_float(&mut self, value: f64) {
        debug_assert!(value.is_finite());
        let bits = value.to_bits();
        self.table.push(Argument {
            kind: ArgumentKind::Float as u32,
            length: 0,
            bits,
        });
    }

    /// Adds text.
    pub fn push_string(&mut self, value: &str) {
        self.push_text(ArgumentKind::String, value);
    }

    /// Adds a JSON document.
    pub fn push_json(&mut self, document: &str) {
        self.push_text(ArgumentKind::Json, document);
    }

    /// Opens a list; what is pushed until [`Arguments::end_list`] becomes its items.
    pub fn begin_list(&mut self) -> ListMark {
        self.table.push(Argument {
            kind: ArgumentKind::List as u32,
            length: 0,
            bits: 0,
        });
        ListMark(self.table.len() - 1)
    }

    /// Closes a list of `items` direct items.
    pub fn end_list(&mut self, mark: ListMark, items: u32) {
        self.table[mark.0].length = items;
    }

    fn push_text(&mut self, kind: ArgumentKind, value: &str) {
        // The body and head limits keep the arena far below 4 GiB.
        debug_assert!(value.len() <= u32::MAX as usize);
        let bits = self.text.len() as u64;
        self.text.extend_from_slice(value.as_bytes());
        self.table.push(Argument {
            kind: kind as u32,
            length: value.len() as u32,
            bits,
        });
    }
}
