//! Reads Rust values from a laid-out JSON text, so that its bytes are gone through once.
//!
//! It makes what `serde_json` makes of the same text, or nothing: whoever gets nothing asks
//! `serde_json`, for the value or for the words of its error. Strings without escapes are borrowed
//! from the text, and what a type does not ask for is stepped over. Numbers of many digits are
//! `serde_json`'s to read, as are values that it hands over in ways of its own (`RawValue`).
//! Knows nothing of schemas or requests.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::de::SliceRead;

use super::read_inside::{EnumOf, Inside, NameOf};
use super::scalar::{small_decimal, small_integer, unescape, whole};
use super::scanner::Kind;
use super::tape::{Row, Tape};

impl<'t> Tape<'t> {
    /// The whole text as a `T`. `None` when it does not fit, or when it only might.
    pub(crate) fn read<T: Deserialize<'t>>(self) -> Option<T> {
        T::deserialize(Spot {
            tape: self,
            at: 0,
            depth_left: DEPTH_MAX,
        })
        .ok()
    }
}

/// The text does not fit the type. Why is not said: `serde_json` is asked for that.
#[derive(Debug)]
pub(super) struct Misfit;

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the text does not fit the type")
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<M: fmt::Display>(_: M) -> Self {
        Self
    }
}

impl From<serde_json::Error> for Misfit {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

/// `serde_json` itself, for what it alone can read.
pub(super) type Exactly<'t> = serde_json::Deserializer<SliceRead<'t>>;

/// One value of a tape.
#[derive(Clone, Copy)]
pub(super) struct Spot<'t> {
    pub(super) tape: Tape<'t>,
    pub(super) at: u32,
    /// How many arrays and objects may open here: `serde_json` gives up beyond that.
    pub(super) depth_left: u8,
}

impl<'t> Spot<'t> {
    #[inline]
    pub(super) fn row(self) -> Row {
        self.tape.row(self.at)
    }

    /// `serde_json` itself, standing before this value.
    fn exactly(self) -> Exactly<'t> {
        Exactly::from_slice(self.tape.bytes_from(self.row()))
    }

    fn number<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.row();
        match row.kind {
            Kind::Integer => match small_integer(self.tape.bytes(row)) {
                Some(number) => visit_integer(number, visitor),
                None => Ok(self.exactly().deserialize_i64(visitor)?),
            },
            Kind::Number => match small_decimal(self.tape.bytes(row)) {
                Some(number) => visitor.visit_f64(number),
                None => Ok(self.exactly().deserialize_f64(visitor)?),
            },
            _ => Err(Misfit),
        }
    }

    /// A number where an integer is asked for: `1.0` is one (JSON Schema 2020-12, validation
    /// §6.1.1), which `serde_json` refuses.
    fn integer<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.row();
        if row.kind == Kind::Number
            && let Some(number) = whole(self.tape.bytes(row))
        {
            return match (u64::try_from(number), i64::try_from(number)) {
                (Ok(number), _) => visitor.visit_u64(number),
                (_, Ok(number)) => visitor.visit_i64(number),
                _ => Err(Misfit),
            };
        }
        self.number(visitor)
    }

    #[inline]
    fn text<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.row();
        match row.kind {
            Kind::Plain => visitor.visit_borrowed_str(self.tape.digits(row)),
            Kind::Escaped => visitor.visit_string(unescape(self.tape.digits(row))),
            _ => Err(Misfit),
        }
    }

    fn items<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let mut inside = Inside::of(self)?;
        let value = visitor.visit_seq(&mut inside)?;
        inside.end()?;
        Ok(value)
    }

    fn members<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let mut inside = Inside::of(self)?;
        let value = visitor.visit_map(&mut inside)?;
        inside.end()?;
        Ok(value)
    }
}

/// As `serde_json` shows integers: signed only where they are negative.
fn visit_integer<'t, V: Visitor<'t>>(number: i64, visitor: V) -> Result<V::Value, Misfit> {
    match u64::try_from(number) {
        Ok(number) => visitor.visit_u64(number),
        Err(_) => visitor.visit_i64(number),
    }
}

macro_rules! forward {
    ($($method:ident => $own:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
            self.$own(visitor)
        }
    )*};
}

macro_rules! leave {
    ($($method:ident of $($kind:ident)|*;)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.row().kind {
                $(Kind::$kind)|* => Ok(self.exactly().$method(visitor)?),
                _ => Err(Misfit),
            }
        }
    )*};
}

impl<'t> Deserializer<'t> for Spot<'t> {
    type Error = Misfit;

    forward! {
        deserialize_i8 => integer;
        deserialize_i16 => integer;
        deserialize_i32 => integer;
        deserialize_i64 => integer;
        deserialize_u8 => integer;
        deserialize_u16 => integer;
        deserialize_u32 => integer;
        deserialize_u64 => integer;
        deserialize_f64 => number;
        deserialize_char => text;
        deserialize_str => text;
        deserialize_string => text;
        deserialize_identifier => text;
        deserialize_map => members_alone;
        deserialize_seq => items_alone;
        deserialize_byte_buf => deserialize_bytes;
    }

    leave! {
        // How it is rounded is a feature of `serde_json`.
        deserialize_f32 of Integer | Number;
        // Of other numbers it would read the whole part.
        deserialize_i128 of Integer;
        deserialize_u128 of Integer;
    }

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.row();
        match row.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::False => visitor.visit_bool(false),
            Kind::True => visitor.visit_bool(true),
            Kind::Integer => match small_integer(self.tape.bytes(row)) {
                Some(number) => visit_integer(number, visitor),
                None => Ok(self.exactly().deserialize_any(visitor)?),
            },
            // With the feature `arbitrary_precision` it hands over the digits themselves.
            Kind::Number => Ok(self.exactly().deserialize_any(visitor)?),
            Kind::Plain | Kind::Escaped => self.text(visitor),
            Kind::Array => self.items(visitor),
            Kind::Object => self.members(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::False => visitor.visit_bool(false),
            Kind::True => visitor.visit_bool(true),
            _ => Err(Misfit),
        }
    }

    fn deserialize_bytes<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let row = self.row();
        match row.kind {
            Kind::Plain => visitor.visit_borrowed_bytes(self.tape.bytes(row)),
            Kind::Escaped => visitor.visit_bytes(unescape(self.tape.digits(row)).as_bytes()),
            Kind::Array => self.items(visitor),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Null => visitor.visit_unit(),
            _ => Err(Misfit),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_unit(visitor)
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if name.starts_with(PRIVATE) {
            return Ok(self.exactly().deserialize_newtype_struct(name, visitor)?);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'t>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        self.items_alone(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.items_alone(visitor)
    }

    #[inline]
    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Object => self.members(visitor),
            Kind::Array => self.items(visitor),
            _ => Err(Misfit),
        }
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Plain | Kind::Escaped => visitor.visit_enum(NameOf(self)),
            Kind::Object => visitor.visit_enum(EnumOf::of(self)?),
            _ => Err(Misfit),
        }
    }

    #[inline]
    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }
}

impl<'t> Spot<'t> {
    fn items_alone<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Array => self.items(visitor),
            _ => Err(Misfit),
        }
    }

    fn members_alone<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.row().kind {
            Kind::Object => self.members(visitor),
            _ => Err(Misfit),
        }
    }
}

/// Names of the types that `serde_json` hands over in ways of its own begin with this.
pub(super) const PRIVATE: &str = "$serde_json::private::";

/// The depth that `serde_json` reads: one below its limit.
const DEPTH_MAX: u8 = 127;
