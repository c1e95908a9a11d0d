//! Shows a laid-out JSON text to the schema validator, without building values.
//!
//! Only judging goes through here; a refused document is built as values once, for its rows.

use std::borrow::Cow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, JsonNumber, Node, NodeIdentity, Object};
use serde_json::{Number, Value};

use super::rows_nested::duplicate_index;
use super::scalar::{float, number};
use super::scanner::Kind;
use super::tape::{Children, Tape};

/// The representation of JSON that [`Tape`] is.
#[derive(Debug)]
pub(super) struct Taped;

/// One value of a tape, or a name that the validator judges as a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum TapeNode<'a> {
    At(&'a Tape<'a>, u32),
    Name(&'a str),
}

/// An array or object of a tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside<'a> {
    tape: &'a Tape<'a>,
    at: u32,
}

/// A number of a tape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits<'a> {
    digits: &'a str,
    integral: bool,
}

impl<'a> TapeNode<'a> {
    /// The whole text.
    pub(super) fn root(tape: &'a Tape<'a>) -> Self {
        Self::At(tape, 0)
    }

    fn kind(self) -> Kind {
        match self {
            Self::At(tape, at) => tape.row(at).kind,
            Self::Name(_) => Kind::Plain,
        }
    }

    fn inside(self, kind: Kind) -> Option<Inside<'a>> {
        match self {
            Self::At(tape, at) if tape.row(at).kind == kind => Some(Inside { tape, at }),
            _ => None,
        }
    }
}

impl Json for Taped {
    type Node<'a> = TapeNode<'a>;
    type PreparedKey = Box<str>;
    type StringBuffer = ();

    const ACYCLIC: bool = true;
    /// A lookup walks the members, so one walk over them pays when it saves as many lookups.
    const KEYS_PER_LOOKUP: usize = 1;

    fn prepare_key(key: &str) -> Box<str> {
        key.into()
    }

    fn with_string_node<T>((): &mut (), string: &str, judge: impl FnOnce(TapeNode<'_>) -> T) -> T {
        judge(TapeNode::Name(string))
    }
}

impl<'a> Node<'a, Taped> for TapeNode<'a> {
    type Object = Inside<'a>;
    type Array = Inside<'a>;
    type Number = Digits<'a>;

    fn as_object(&self) -> Option<Inside<'a>> {
        self.inside(Kind::Object)
    }

    fn as_array(&self) -> Option<Inside<'a>> {
        self.inside(Kind::Array)
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        match *self {
            Self::At(tape, at) => tape.string(tape.row(at)),
            Self::Name(name) => Some(Cow::Borrowed(name)),
        }
    }

    fn as_number(&self) -> Option<Digits<'a>> {
        let Self::At(tape, at) = *self else {
            return None;
        };
        let row = tape.row(at);
        let integral = row.kind == Kind::Integer;
        (integral || row.kind == Kind::Number).then(|| Digits {
            digits: tape.digits(row),
            integral,
        })
    }

    fn as_boolean(&self) -> Option<bool> {
        match self.kind() {
            Kind::True => Some(true),
            Kind::False => Some(false),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    fn json_type(&self) -> JsonType {
        match self.kind() {
            Kind::Null => JsonType::Null,
            Kind::False | Kind::True => JsonType::Boolean,
            Kind::Integer | Kind::Number => JsonType::Number,
            Kind::Plain | Kind::Escaped => JsonType::String,
            Kind::Array => JsonType::Array,
            Kind::Object => JsonType::Object,
        }
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(match *self {
            Self::At(tape, at) => tape.value_at(at),
            Self::Name(name) => name.into(),
        })
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(match *self {
            Self::At(tape, at) => {
                NodeIdentity::tagged(std::ptr::from_ref(tape).cast::<u8>() as usize, at)
            }
            Self::Name(name) => NodeIdentity::new(name.as_ptr() as usize),
        })
    }
}

impl<'a> Object<'a, Taped> for Inside<'a> {
    type Node = TapeNode<'a>;
    type MemberName = Cow<'a, str>;
    type MembersIter = Members<'a>;

    fn len(&self) -> usize {
        self.tape.row(self.at).count() as usize
    }

    fn get(&self, key: &Box<str>) -> Option<TapeNode<'a>> {
        self.members()
            .find(|(name, _)| **name == **key)
            .map(|(_, member)| member)
    }

    fn members(&self) -> Members<'a> {
        Members {
            tape: self.tape,
            children: self.tape.children(self.at),
        }
    }
}

/// Names and members of an object, in the order of the text.
#[derive(Debug)]
pub(super) struct Members<'a> {
    tape: &'a Tape<'a>,
    children: Children<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, TapeNode<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.tape.string(self.tape.row(self.children.next()?))?;
        Some((name, TapeNode::At(self.tape, self.children.next()?)))
    }
}

impl<'a> Array<'a, Taped> for Inside<'a> {
    type Node = TapeNode<'a>;
    type ElementsIter = Elements<'a>;

    fn len(&self) -> usize {
        self.tape.row(self.at).count() as usize
    }

    fn elements(&self) -> Elements<'a> {
        Elements {
            tape: self.tape,
            children: self.tape.children(self.at),
        }
    }

    fn is_unique(&self) -> bool {
        duplicate_index(self.elements().map(|item| item.to_value())).is_none()
    }
}

/// Items of an array.
#[derive(Debug)]
pub(super) struct Elements<'a> {
    tape: &'a Tape<'a>,
    children: Children<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = TapeNode<'a>;

    fn next(&mut self) -> Option<TapeNode<'a>> {
        self.children.next().map(|at| TapeNode::At(self.tape, at))
    }
}

/// Numbers compare as the nearest `f64` unless they are integers of 64 bits.
impl JsonNumber for Digits<'_> {
    fn as_u64(&self) -> Option<u64> {
        if self.integral {
            self.digits.parse().ok()
        } else {
            None
        }
    }

    fn as_i64(&self) -> Option<i64> {
        if self.integral {
            self.digits.parse().ok()
        } else {
            None
        }
    }

    fn as_f64(&self) -> Option<f64> {
        Some(float(self.digits))
    }

    fn as_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.digits)
    }

    fn to_number(&self) -> Cow<'_, Number> {
        Cow::Owned(number(self.digits, self.integral))
    }

    fn is_integer(&self) -> bool {
        self.integral || float(self.digits).fract() == 0.0
    }
}
