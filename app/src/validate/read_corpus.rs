//! Every type of a collection reads every text of a collection, and gets what `serde_json` makes.
//!
//! Where the tape gives nothing, `serde_json` must refuse, too: no usual text is read twice. Only
//! whole numbers with a point or an exponent are integers to the tape alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, Visitor};
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::json::lay_out;
use super::scalar::whole;

/// As the engine admits them.
const TEXTS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "7",
    "-7",
    "255",
    "256",
    "-128",
    "-129",
    "65536",
    "2147483648",
    "999999999999999",
    "1000000000000000",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211455",
    "340282366920938463463374607431768211456",
    "-170141183460469231731687303715884105728",
    "0.0",
    "-0.0",
    "12.5",
    "0.1",
    "0.3",
    "1.10",
    "3.14159265358979",
    "3.141592653589793238",
    "0.1234567890123456",
    "123456789012.345",
    "16777217.0",
    "1e0",
    "1E+2",
    "2.5e-3",
    "1e-400",
    "5e-324",
    "1.7976931348623157e308",
    "1e23",
    "8.5899345921e-7",
    r#""""#,
    r#""a""#,
    r#""é""#,
    r#""ab""#,
    r#""One""#,
    r#""\u0041""#,
    r#""\ud83d\ude00""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""tab\there \u00e9 and é""#,
    r#""true""#,
    r#""12""#,
    "[]",
    "[1]",
    "[1,2]",
    "[1,\"a\"]",
    "[1, 2, 3]",
    "[1,2,3,4]",
    "[null,true]",
    "[[1],[2,3],[]]",
    "[\"a\",\"b\\n\"]",
    "[{}]",
    "[1,[2,[3,[4,[5]]]]]",
    "[0.5,1]",
    "{}",
    r#"{"a":1}"#,
    r#"{"a":null}"#,
    r#"{"a":1,"b":2}"#,
    r#"{"b":"x","a":1}"#,
    r#"{"\u0061":1}"#,
    r#"{"a":{"a":{"a":1}}}"#,
    r#"{"1":"a","2":"b"}"#,
    r#"{"-1":"a"}"#,
    r#"{"1.5":"a"}"#,
    r#"{"1e2":"a"}"#,
    r#"{" 1":"a"}"#,
    r#"{"1 ":"a"}"#,
    r#"{"01":"a"}"#,
    r#"{"\u0031":"a"}"#,
    r#"{"-":"a"}"#,
    r#"{"":"a"}"#,
    r#"{"true":"a","false":"b"}"#,
    r#"{"tru\u0065":"a"}"#,
    r#"{"One":null}"#,
    r#"{"One":1}"#,
    r#"{"Two":2}"#,
    r#"{"Two":2,"One":null}"#,
    r#"{"Two":[2]}"#,
    r#"{"Three":[1,"a"]}"#,
    r#"{"Three":[1]}"#,
    r#"{"Three":[1,"a",2]}"#,
    r#"{"Four":{"a":1}}"#,
    r#"{"Four":[1]}"#,
    r#"{"Four":{}}"#,
    r#"{"\u0054wo":2}"#,
    r#"{"t":"One"}"#,
    r#"{"t":"Four","a":1}"#,
    r#"{"a":1,"t":"Four"}"#,
    r#"{"t":"Two","c":2}"#,
    r#"{"c":2,"t":"Two"}"#,
    r#"{"t":"Three","c":[1,"a"]}"#,
    r#"{"t":"Four","c":{"a":1}}"#,
    r#"{"t":"Nine"}"#,
    r#"{"kind-of":"x","number":3}"#,
    r#"{"n":3,"kind-of":"\u0078","maybe":1.5,"x":[1],"y":{}}"#,
    r#"{"kind-of":"x","number":3,"n":4}"#,
    r#"{"kind-of":"x","number":3,"maybe":null,"z":1e2}"#,
    r#"["x",3,null]"#,
    r#"{"text":"abc","cow":"é","bytes":"xyz","skip":[[],{"a":[1e9]}]}"#,
    r#"{"text":"abc","cow":"\n","bytes":"xyz"}"#,
    r#"{"text":"\n","cow":"c","bytes":"xyz"}"#,
    r#"{"text":"abc","cow":"c","bytes":"\n"}"#,
    " { \"a\" : [ 1 , { \"b\" : null } ] , \"c\" : \"d\" } ",
    r#"{"$serde_json::private::Number":"1"}"#,
    r#"{"$serde_json::private::RawValue":"[1]"}"#,
];

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Named {
    #[serde(rename = "kind-of")]
    kind: String,
    #[serde(alias = "n")]
    number: i32,
    maybe: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Flattened {
    a: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Strict {
    a: Option<Value>,
    #[serde(default)]
    b: u64,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Borrowed<'t> {
    text: &'t str,
    #[serde(borrow)]
    cow: Cow<'t, str>,
    bytes: &'t [u8],
}

#[derive(Debug, Deserialize)]
struct Nothing;

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Wrapped(f64);

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Pair(u8, Option<String>);

macro_rules! enums {
    ($($(#[$attribute:meta])* $name:ident;)*) => {$(
        #[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
        $(#[$attribute])*
        enum $name {
            One,
            Two(u8),
            Three(u8, String),
            Four { a: u8 },
        }
    )*};
}

enums! {
    External;
    #[serde(tag = "t", content = "c")]
    Adjacent;
    #[serde(untagged)]
    Untagged;
}

#[derive(Debug, Deserialize)]
#[serde(tag = "t")]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
enum Internal {
    One,
    Two(BTreeMap<String, Value>),
    Four { a: f32 },
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Word {
    A,
    B,
    True,
    #[serde(other)]
    Other,
}

/// Takes the bytes of a string, as types of binary data do.
#[derive(Debug)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl Visitor<'_> for Taker {
            type Value = Bytes;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Taker)
    }
}

/// Reads one item of an array and leaves the rest, which is a mistake.
#[derive(Debug)]
#[expect(dead_code, reason = "compared by what `Debug` shows")]
struct First(Option<Value>);

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taker;
        impl<'de> Visitor<'de> for Taker {
            type Value = First;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, "an array or object")
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut a: A) -> Result<First, A::Error> {
                a.next_element().map(First)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut a: A) -> Result<First, A::Error> {
                a.next_key().map(First)
            }
        }
        deserializer.deserialize_any(Taker)
    }
}

/// Reads a text both ways; the tape must read what `serde_json` does.
fn agree<'t, T: Deserialize<'t> + Debug>(text: &'t str) {
    let laid_out = lay_out(text.as_bytes(), 512).expect("the engine admits it");
    let mut outline = Vec::new();
    laid_out.keep(&mut outline);
    // The rows live as long as the text, as they do in an exchange.
    let outline: &'static [super::tape::Words] = outline.leak();
    let tape = super::tape::Tape::over(text.as_bytes(), outline).expect("it was laid out");
    let (own, other) = (
        tape.read::<T>(),
        serde_json::from_slice::<T>(text.as_bytes()),
    );
    let name = std::any::type_name::<T>();
    match (own, other) {
        (Some(own), Ok(other)) => {
            assert_eq!(format!("{own:?}"), format!("{other:?}"), "{name} of {text}");
        }
        (None, Err(_)) => {}
        (Some(own), Err(_)) if let Some(number) = whole(text.as_bytes()) => {
            let text = number.to_string().leak();
            let other = serde_json::from_str::<T>(text).expect("it is an integer");
            assert_eq!(format!("{own:?}"), format!("{other:?}"), "{name} of {text}");
        }
        (own, other) => panic!("{name} of {text}: {own:?}, and serde_json {other:?}"),
    }
}

macro_rules! all {
    ($($type:ty,)*) => {
        for text in TEXTS {
            $(agree::<$type>(text);)*
        }
    };
}

#[test]
fn scalars_are_what_serde_json_makes_of_them() {
    all!(
        (),
        bool,
        char,
        String,
        &str,
        Cow<'_, str>,
        Box<str>,
        &[u8],
        Bytes,
        Nothing,
        Wrapped,
        i8,
        i16,
        i32,
        i64,
        i128,
        u8,
        u16,
        u32,
        u64,
        u128,
        f32,
        f64,
        Number,
        Value,
        IgnoredAny,
        Option<()>,
        Option<i64>,
        Option<Option<f64>>,
        Option<String>,
        Box<RawValue>,
        &RawValue,
    );
}

#[test]
fn lists_and_maps_are_what_serde_json_makes_of_them() {
    all!(
        Vec<u8>, Vec<f64>, Vec<Value>, Vec<Vec<u8>>, [u8; 2], (u8, String), (u8, u8, u8), Pair,
        First, Vec<First>, Vec<String>, Vec<Option<bool>>, Box<[Box<RawValue>]>,
        BTreeMap<String, Value>, BTreeMap<&str, IgnoredAny>, BTreeMap<Cow<'_, str>, u8>,
        BTreeMap<i8, String>, BTreeMap<u64, String>, BTreeMap<i128, Value>, BTreeMap<bool, char>,
        BTreeMap<char, Value>, BTreeMap<Word, Value>, BTreeMap<External, Value>,
        BTreeMap<Option<String>, Value>, BTreeMap<Box<u16>, String>, BTreeMap<(), u8>,
        Vec<(Value, Value)>, BTreeMap<String, Box<RawValue>>,
    );
}

#[test]
fn structs_and_enums_are_what_serde_json_makes_of_them() {
    all!(
        Named, Flattened, Strict, Borrowed<'_>, External, Adjacent, Untagged, Internal, Word,
        Option<Named>, Vec<External>, BTreeMap<String, Untagged>, Option<Flattened>,
    );
}

#[test]
fn what_is_nested_too_deep_for_serde_json_is_so_for_the_tape() {
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "compared by what `Debug` shows")]
    struct Nest(Vec<Nest>);

    for depth in [1, 126, 127, 128, 129, 500] {
        let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        agree::<Value>(text.clone().leak());
        agree::<Nest>(text.clone().leak());
        agree::<IgnoredAny>(text.clone().leak());
        let text = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        agree::<Value>(text.clone().leak());
        agree::<Untagged>(text.leak());
    }
}
