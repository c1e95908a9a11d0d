//! The engine's converted arguments as any serde type.
//!
//! The engine has converted and judged each value; here they only change shape: one value, a tuple
//! in order, or a struct by name. What still does not fit (a `u8` that is sent 300) is reported
//! with the name of the parameter.
//! Knows nothing of requests or routes.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;
use spikard_middleware::{Argument, ArgumentKind, Arguments};

/// A value that does not fit its Rust type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The parameter, where one is to blame.
    pub(crate) name: Option<String>,
    pub(crate) reason: String,
    pub(crate) kind: MisfitKind,
}

/// What is wrong with a value that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MisfitKind {
    /// It is not a value of the type.
    Value,
    /// A field was not sent.
    Missing,
    /// Nothing at all was sent of a type that may be absent as a whole.
    Nothing,
}

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self {
            name: None,
            reason: reason.to_string(),
            kind: MisfitKind::Value,
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            name: Some(field.to_owned()),
            reason: "Field required".to_owned(),
            kind: MisfitKind::Missing,
        }
    }
}

/// One argument, with its descendants.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    arguments: &'a Arguments,
    at: usize,
}

impl<'a> View<'a> {
    fn own(self) -> &'a Argument {
        &self.arguments.table()[self.at]
    }

    fn is(self, kind: ArgumentKind) -> bool {
        self.own().kind == kind as u32
    }

    pub(crate) fn is_absent(self) -> bool {
        self.is(ArgumentKind::Absent)
    }

    fn text(self) -> &'a str {
        // The engine fills the arena with text only.
        std::str::from_utf8(self.arguments.text_of(self.own())).unwrap_or_default()
    }

    /// Where the argument behind this one and its descendants begins.
    fn end(self) -> usize {
        let items = if self.is(ArgumentKind::List) {
            self.own().length
        } else {
            0
        };
        let arguments = self.arguments;
        (0..items).fold(self.at + 1, |at, _| View { arguments, at }.end())
    }

    fn items(self) -> Views<'a> {
        Views {
            next: View {
                arguments: self.arguments,
                at: self.at + 1,
            },
            left: self.own().length as usize,
        }
    }

    /// The value as JSON; an absent one is null.
    pub(crate) fn to_json(self) -> Value {
        // A deserializer of every kind below yields what `Value` takes.
        serde::Deserialize::deserialize(self).unwrap_or(Value::Null)
    }
}

/// Consecutive arguments.
pub(crate) struct Views<'a> {
    next: View<'a>,
    left: usize,
}

impl<'a> Views<'a> {
    /// All arguments of a call.
    pub(crate) fn all(arguments: &'a Arguments) -> Self {
        Self {
            next: View { arguments, at: 0 },
            left: usize::MAX,
        }
    }
}

impl<'a> Iterator for Views<'a> {
    type Item = View<'a>;

    fn next(&mut self) -> Option<View<'a>> {
        if self.left == 0 || self.next.at >= self.next.arguments.table().len() {
            return None;
        }
        self.left -= 1;
        let view = self.next;
        self.next.at = view.end();
        Some(view)
    }
}

impl<'de> de::Deserializer<'de> for View<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.own().kind {
            kind if kind == ArgumentKind::False as u32 => visitor.visit_bool(false),
            kind if kind == ArgumentKind::True as u32 => visitor.visit_bool(true),
            kind if kind == ArgumentKind::Integer as u32 => {
                visitor.visit_i64(self.own().bits as i64)
            }
            kind if kind == ArgumentKind::Float as u32 => {
                visitor.visit_f64(f64::from_bits(self.own().bits))
            }
            kind if kind == ArgumentKind::String as u32 => visitor.visit_str(self.text()),
            kind if kind == ArgumentKind::Json as u32 => {
                // From a reader, because what is read may not borrow from the arguments.
                let text = self.arguments.text_of(self.own());
                let mut document = serde_json::Deserializer::from_reader(text);
                de::Deserializer::deserialize_any(&mut document, visitor).map_err(de::Error::custom)
            }
            kind if kind == ArgumentKind::List as u32 => visitor.visit_seq(Sequence(self.items())),
            _ => visitor.visit_unit(),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.is_absent() || self.is(ArgumentKind::Null) {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let variant: StrDeserializer<'_, Misfit> = self.text().into_deserializer();
        visitor.visit_enum(variant)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct Sequence<I>(I);

impl<'de, 'a, I: Iterator<Item = View<'a>>> de::SeqAccess<'de> for Sequence<I> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        self.0.next().map(|view| seed.deserialize(view)).transpose()
    }
}

/// Some arguments of a call, each with its name, as one value.
struct Named<'a, 'n> {
    items: &'a [(&'n str, View<'a>)],
    /// Whether all of them may be absent together.
    is_optional: bool,
}

/// Reads `items` as a `T`: the only one as itself, several as a tuple or a struct.
pub(crate) fn read<T: DeserializeOwned>(items: &[(&str, View<'_>)]) -> Result<T, Misfit> {
    let is_optional = false;
    T::deserialize(Named { items, is_optional })
}

/// As [`read`]; `None` when nothing of what `T` reads was sent.
pub(crate) fn read_optional<T: DeserializeOwned>(
    items: &[(&str, View<'_>)],
) -> Result<Option<T>, Misfit> {
    let is_optional = true;
    match T::deserialize(Named { items, is_optional }) {
        Err(misfit) if misfit.kind == MisfitKind::Nothing => Ok(None),
        read => read.map(Some),
    }
}

impl Named<'_, '_> {
    /// Stops at a type that may be absent and is.
    fn check_any(&self, fields: Option<&[&str]>) -> Result<(), Misfit> {
        let is_own = |name: &str| fields.is_none_or(|fields| fields.contains(&name));
        let mut own = self.items.iter().filter(|(name, _)| is_own(name));
        if self.is_optional && own.all(|(_, view)| view.is_absent()) {
            return Err(Misfit {
                name: None,
                reason: "Nothing was sent".to_owned(),
                kind: MisfitKind::Nothing,
            });
        }
        Ok(())
    }

    /// The only argument, for types that are neither tuples nor structs.
    fn only(&self) -> Result<View<'_>, Misfit> {
        self.check_any(None)?;
        match self.items {
            [(_, view)] => Ok(*view),
            items => Err(de::Error::custom(format!(
                "the route has {} such parameters, and the handler takes one value",
                items.len()
            ))),
        }
    }

    fn blame(&self, mut misfit: Misfit) -> Misfit {
        if let [(name, _)] = self.items {
            misfit.name.get_or_insert_with(|| (*name).to_owned());
        }
        misfit
    }
}

macro_rules! only {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.only()?.$method(visitor).map_err(|misfit| self.blame(misfit))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Named<'_, '_> {
    type Error = Misfit;

    only! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_option
    }

    /// Types that take anything get an object by name.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.check_any(None)?;
        visitor.visit_map(Members {
            items: self.items,
            fields: None,
            at: 0,
        })
    }

    /// Only its own fields: another argument of the handler may read the others.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.check_any(Some(fields))?;
        visitor.visit_map(Members {
            items: self.items,
            fields: Some(fields),
            at: 0,
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.check_any(None)?;
        match self.items {
            [(_, view)] if view.is(ArgumentKind::List) => view
                .deserialize_any(visitor)
                .map_err(|misfit| self.blame(misfit)),
            items => visitor.visit_seq(Elements { items, at: 0 }),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let read = self.only()?.deserialize_enum(name, variants, visitor);
        read.map_err(|misfit| self.blame(misfit))
    }

    forward_to_deserialize_any! { identifier }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }
}

fn blamed<T>(read: Result<T, Misfit>, name: &str) -> Result<T, Misfit> {
    read.map_err(|mut misfit| {
        misfit.name.get_or_insert_with(|| name.to_owned());
        misfit
    })
}

/// Arguments in order, as elements of a tuple.
struct Elements<'a, 'n> {
    items: &'a [(&'n str, View<'a>)],
    at: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Misfit> {
        let Some((name, view)) = self.items.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        blamed(seed.deserialize(*view), name).map(Some)
    }
}

/// Arguments by name, as members of a struct; absent ones are left out.
struct Members<'a, 'n> {
    items: &'a [(&'n str, View<'a>)],
    /// The names that are asked for, if they are known.
    fields: Option<&'static [&'static str]>,
    at: usize,
}

impl<'de> de::MapAccess<'de> for Members<'_, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        while let Some((name, view)) = self.items.get(self.at) {
            let is_asked_for = self.fields.is_none_or(|fields| fields.contains(name));
            if is_asked_for && !view.is_absent() {
                let key: StrDeserializer<'_, Misfit> = (*name).into_deserializer();
                return seed.deserialize(key).map(Some);
            }
            self.at += 1;
        }
        Ok(None)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        // `next_key_seed` has just found this item.
        let (name, view) = self.items[self.at];
        self.at += 1;
        blamed(seed.deserialize(view), name)
    }
}
