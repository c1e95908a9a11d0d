//! JSON objects of tokens, read strictly and in one pass: member by member, bounded in depth.
//!
//! Parsers disagree about a key that stands twice, and a token that two parsers read differently is
//! two tokens (RFC 7519 §4, RFC 8259 §4): such an object is refused at every level.
//! Knows nothing of what a member means.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::de::SliceRead;
use spikard_proto_http::sabotage;

/// A value, as far as a token is judged by it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Member<'t> {
    /// A string.
    Text(Cow<'t, str>),
    /// A number.
    Number(f64),
    /// An array of strings.
    Texts(Vec<Cow<'t, str>>),
    /// Anything else.
    Other,
}

/// Why a text is not an object that all readers read alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotStrict;

/// Deepest nesting in a token: arrays and objects within its object, in levels. Claims are flat
/// with a list or an address here and there.
pub(super) const DEPTH_MAX: u32 = 16;

/// Reads an object whole and hands over its members in order.
///
/// # Errors
/// [`NotStrict`] for what is no JSON object, nested too deep, or has a key twice.
pub(super) fn read_object<'t>(
    text: &'t [u8],
    member: impl FnMut(Cow<'t, str>, Member<'t>),
) -> Result<(), NotStrict> {
    let mut source = Deserializer::new(SliceRead::new(text));
    let object = Object {
        depth_left: DEPTH_MAX,
        member,
    };
    object.deserialize(&mut source).map_err(|_| NotStrict)?;
    source.end().map_err(|_| NotStrict)
}

/// An object whose members go to a function.
struct Object<F> {
    depth_left: u32,
    member: F,
}

impl<'t, F: FnMut(Cow<'t, str>, Member<'t>)> DeserializeSeed<'t> for Object<F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_map(self)
    }
}

impl<'t, F: FnMut(Cow<'t, str>, Member<'t>)> Visitor<'t> for Object<F> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut keys: Vec<Cow<'t, str>> = Vec::new();
        let value = || Value {
            depth_left: self.depth_left,
        };
        while let Some(key) = map.next_key_seed(Text)? {
            keys.push(key.clone());
            let value = map.next_value_seed(value())?;
            (self.member)(key, value);
        }
        keys.sort_unstable();
        let repeats = keys.windows(2).any(|pair| pair[0] == pair[1]);
        if repeats && !sabotage::is_off("jwt/duplicate-keys") {
            return Err(A::Error::custom("a key stands twice"));
        }
        Ok(())
    }
}

/// Any value.
struct Value {
    depth_left: u32,
}

impl Value {
    fn within<E: Error>(&self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left }),
            None => Err(E::custom("nested too deep")),
        }
    }
}

impl<'t> DeserializeSeed<'t> for Value {
    type Value = Member<'t>;

    fn deserialize<D: serde::Deserializer<'t>>(self, source: D) -> Result<Member<'t>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Value {
    type Value = Member<'t>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member<'t>, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member<'t>, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member<'t>, E> {
        Ok(Member::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member<'t>, E> {
        Ok(Member::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Member<'t>, E> {
        Ok(Member::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member<'t>, E> {
        Ok(Member::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Member<'t>, E> {
        Ok(Member::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut items: A) -> Result<Member<'t>, A::Error> {
        let mut texts = Some(Vec::new());
        while let Some(item) = items.next_element_seed(self.within()?)? {
            match item {
                Member::Text(text) => {
                    texts.iter_mut().for_each(|texts| texts.push(text.clone()));
                }
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Member::Other, Member::Texts))
    }

    fn visit_map<A: MapAccess<'t>>(self, map: A) -> Result<Member<'t>, A::Error> {
        let Self { depth_left } = self.within()?;
        let object = Object {
            depth_left,
            member: |_, _| (),
        };
        object.visit_map(map).map(|()| Member::Other)
    }
}

/// A string, borrowed where it has no escapes.
struct Text;

impl<'t> DeserializeSeed<'t> for Text {
    type Value = Cow<'t, str>;

    fn deserialize<D: serde::Deserializer<'t>>(self, source: D) -> Result<Cow<'t, str>, D::Error> {
        source.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Text {
    type Value = Cow<'t, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}
