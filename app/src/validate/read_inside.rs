//! Reads what is inside arrays and objects of a laid-out text: items, members, names, variants.
//!
//! As `serde_json` does, it wants an array or object read to its end, and reads numbers and
//! booleans from names. Knows nothing of the values themselves; that is `read`.

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};

use super::read::{Exactly, Misfit, PRIVATE, Spot};
use super::scanner::Kind;

/// The inside of an array or object, on the way to its end.
pub(super) struct Inside<'t> {
    /// The item or name that comes next, unless this is the end.
    spot: Spot<'t>,
    end: u32,
    left: u32,
    /// The member whose name was read last.
    member: Option<u32>,
}

impl<'t> Inside<'t> {
    #[inline]
    pub(super) fn of(spot: Spot<'t>) -> Result<Self, Misfit> {
        let row = spot.row();
        Ok(Self {
            spot: Spot {
                at: spot.at + 1,
                depth_left: spot.depth_left.checked_sub(1).ok_or(Misfit)?,
                ..spot
            },
            end: row.next,
            left: row.count(),
            member: None,
        })
    }

    #[inline]
    fn next(&mut self) -> Option<Spot<'t>> {
        let spot = self.spot;
        if spot.at == self.end {
            return None;
        }
        self.spot.at = spot.row().next;
        Some(spot)
    }

    /// The type has read enough: it must have been everything.
    #[inline]
    pub(super) fn end(&self) -> Result<(), Misfit> {
        if self.left == 0 && self.member.is_none() {
            Ok(())
        } else {
            Err(Misfit)
        }
    }
}

impl<'t> SeqAccess<'t> for Inside<'t> {
    type Error = Misfit;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        let Some(item) = self.next() else {
            return Ok(None);
        };
        self.left -= 1;
        seed.deserialize(item).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

impl<'t> MapAccess<'t> for Inside<'t> {
    type Error = Misfit;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'t>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Misfit> {
        if self.member.is_some() {
            return Err(Misfit);
        }
        let Some(name) = self.next() else {
            return Ok(None);
        };
        self.member = self.next().map(|member| member.at);
        self.left -= 1;
        seed.deserialize(Name(name)).map(Some)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, Misfit> {
        let at = self.member.take().ok_or(Misfit)?;
        seed.deserialize(Spot { at, ..self.spot })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// The name of a member.
#[derive(Clone, Copy)]
struct Name<'t>(Spot<'t>);

impl<'t> Name<'t> {
    /// `serde_json` itself before the digits of a name that is a number, and nothing else.
    fn digits(self) -> Result<Exactly<'t>, Misfit> {
        let row = self.0.row();
        let bytes = self.0.tape.bytes(row);
        let is_edge = |byte: Option<&u8>| byte.is_some_and(|byte| b"-0123456789".contains(byte));
        if row.kind != Kind::Plain || !is_edge(bytes.first()) || !is_edge(bytes.last()) {
            return Err(Misfit);
        }
        Ok(Exactly::from_slice(bytes))
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
            let mut digits = self.digits()?;
            let value = digits.$method(visitor)?;
            digits.end()?;
            Ok(value)
        }
    )*};
}

impl<'t> Deserializer<'t> for Name<'t> {
    type Error = Misfit;

    #[inline]
    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.0.deserialize_str(visitor)
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.tape.bytes(self.0.row()) {
            b"true" => visitor.visit_bool(true),
            b"false" => visitor.visit_bool(false),
            _ => Err(Misfit),
        }
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if name.starts_with(PRIVATE) {
            return self.0.deserialize_newtype_struct(name, visitor);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.0.deserialize_bytes(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.0.deserialize_bytes(visitor)
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        char str string unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A variant that is a name alone.
pub(super) struct NameOf<'t>(pub(super) Spot<'t>);

impl<'t> EnumAccess<'t> for NameOf<'t> {
    type Error = Misfit;
    type Variant = Bare;

    fn variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<(S::Value, Bare), Misfit> {
        Ok((seed.deserialize(self.0)?, Bare))
    }
}

/// What follows the name of a variant that is a name alone.
pub(super) struct Bare;

impl<'t> VariantAccess<'t> for Bare {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'t>>(self, _: S) -> Result<S::Value, Misfit> {
        Err(Misfit)
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(Misfit)
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Misfit> {
        Err(Misfit)
    }
}

/// A variant that is an object of one member: its name, and what it holds.
pub(super) struct EnumOf<'t> {
    name: Spot<'t>,
    content: Spot<'t>,
}

impl<'t> EnumOf<'t> {
    pub(super) fn of(spot: Spot<'t>) -> Result<Self, Misfit> {
        let mut inside = Inside::of(spot)?;
        match (inside.left, inside.next(), inside.next()) {
            (1, Some(name), Some(content)) => Ok(Self { name, content }),
            _ => Err(Misfit),
        }
    }
}

impl<'t> EnumAccess<'t> for EnumOf<'t> {
    type Error = Misfit;
    type Variant = Content<'t>;

    fn variant_seed<S: DeserializeSeed<'t>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Content<'t>), Misfit> {
        Ok((seed.deserialize(Name(self.name))?, Content(self.content)))
    }
}

/// What a variant holds.
pub(super) struct Content<'t>(Spot<'t>);

impl<'t> VariantAccess<'t> for Content<'t> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<S::Value, Misfit> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.0.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'t>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
