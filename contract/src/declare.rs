//! The two macros that declare knobs: `config!` for a struct of them, `choice!` for a closed list.
//!
//! One block per struct is the only place where a knob is written by hand: the struct, its
//! defaults, its checks and its metadata all come from it, and so cannot disagree.
//! Knows nothing of how a document is read (`knob.rs`) or printed (`cargo xtask generate`).

/// Declares a struct of knobs once. For each: docs, name, type, default, and optionally
/// `in least..=greatest`, `unit "what it counts"` and `is required`: a document without a required
/// knob is refused, and the default only helps to build the struct in Rust. A struct may be
/// `checked by` a function of type `fn(&Self) -> Vec<(&'static str, String)>`, which names what
/// does not fit together.
///
/// Yields the struct, `Default`, `Knob` (so that records nest), `Serialize`, `Deserialize` with
/// every check applied, `FIELDS`, `RECORD`, `from_json`, `from_value`, `to_json` and `check`.
#[macro_export]
macro_rules! config {
    ($(#[doc = $record_doc:literal])+ pub struct $name:ident $(checked by $check:path)? {
        $($(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:expr
            $(, in $min:literal ..= $max:literal)? $(, unit $unit:literal)?
            $(, is $required:ident)?;)+
    }) => {
        $(#[doc = $record_doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $name {
            /// Facts about each knob, in the order of declaration.
            pub const FIELDS: &'static [$crate::meta::Field] = &[$($crate::meta::Field {
                name: stringify!($field),
                doc: &[$($doc),+],
                kind: <$type as $crate::knob::Knob>::KIND,
                unit: $crate::config!(@unit $type $(, $unit)?),
                default: || {
                    let default: $type = $default;
                    $crate::knob::Knob::json(&default)
                },
                range: $crate::config!(@range $($min, $max)?),
                nullable: <$type as $crate::knob::Knob>::NULLABLE,
                required: $crate::config!(@required $($required)?),
            }),+];

            /// Facts about the struct.
            pub const RECORD: &'static $crate::meta::Record = &$crate::meta::Record {
                name: stringify!($name),
                doc: &[$($record_doc),+],
                fields: Self::FIELDS,
            };

            /// Reads a document from its text. Absent keys have their defaults.
            ///
            /// # Errors
            /// [`ConfigError`]($crate::knob::ConfigError) with every fault: text that is not
            /// JSON, unknown keys, values of another type, values out of range.
            pub fn from_json(text: &str) -> Result<Self, $crate::knob::ConfigError> {
                $crate::knob::parse_document(text)
            }

            /// Reads a parsed document; otherwise as [`Self::from_json`].
            ///
            /// # Errors
            /// As [`Self::from_json`].
            pub fn from_value(
                value: &serde_json::Value,
            ) -> Result<Self, $crate::knob::ConfigError> {
                $crate::knob::read_document(value)
            }

            /// The document that reads back as this value, every key present.
            pub fn to_json(&self) -> serde_json::Value {
                $crate::knob::Knob::json(self)
            }

            /// Checks a value that was built in Rust rather than read.
            ///
            /// # Errors
            /// As [`Self::from_json`].
            pub fn check(&self) -> Result<(), $crate::knob::ConfigError> {
                Self::from_value(&self.to_json()).map(drop)
            }
        }

        impl $crate::knob::Knob for $name {
            const KIND: $crate::meta::Kind = $crate::meta::Kind::Record(Self::RECORD);

            fn read(
                value: &serde_json::Value,
                place: &$crate::knob::Place<'_>,
                faults: &mut Vec<$crate::knob::Fault>,
            ) -> Option<Self> {
                let record = Self::RECORD;
                let keys = $crate::knob::Keys::open(record, value, place.pointer, faults)?;
                let mut fields = Self::FIELDS.iter();
                $(let $field: Option<$type> = fields
                    .next()
                    .and_then(|field| keys.read(field, || $default, faults));)+
                // All knobs are read before the first fault ends the reading.
                let read = Self { $($field: $field?,)+ };
                $(let read = keys.agree(read, $check, faults)?;)?
                Some(read)
            }

            fn json(&self) -> serde_json::Value {
                let mut object = serde_json::Map::new();
                $(object.insert(
                    stringify!($field).to_owned(),
                    $crate::knob::Knob::json(&self.$field),
                );)+
                serde_json::Value::Object(object)
            }
        }

        $crate::config!(@serde $name);
    };
    (@unit $type:ty) => { <$type as $crate::knob::Knob>::KIND.unit() };
    (@unit $type:ty, $unit:literal) => { Some($unit) };
    (@required) => { false };
    (@required required) => { true };
    (@range) => { None };
    (@range $min:literal, $max:literal) => {
        Some($crate::meta::Range { min: $min as f64, max: $max as f64 })
    };
    (@serde $name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::knob::Knob::json(self).serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(source)?;
                $crate::knob::read_document(&value).map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Declares a knob type that is one of a closed list of strings.
#[macro_export]
macro_rules! choice {
    ($(#[doc = $enum_doc:literal])+ pub enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+
    }) => {
        $(#[doc = $enum_doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $name {
            /// The string in a config document.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::knob::Knob for $name {
            const KIND: $crate::meta::Kind = $crate::meta::Kind::Choice(&[
                $($crate::meta::Choice { name: $text, doc: &[$($doc),+] },)+
            ]);

            fn read(
                value: &serde_json::Value,
                place: &$crate::knob::Place<'_>,
                faults: &mut Vec<$crate::knob::Fault>,
            ) -> Option<Self> {
                let names = [$(($text, Self::$variant)),+];
                $crate::knob::read_choice(&names, value, place, faults)
            }

            fn json(&self) -> serde_json::Value {
                serde_json::Value::from(self.as_str())
            }
        }

        $crate::config!(@serde $name);
    };
}
