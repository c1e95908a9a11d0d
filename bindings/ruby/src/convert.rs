//! Values between the engine and Ruby: typed arguments, texts, and JSON.
//!
//! Results of handlers are written here rather than by Ruby's json library: it is several times as
//! fast, and structs come out as objects.

use magnus::{
    Error, Float, Integer, IntoValue, RArray, RHash, RString, Ruby, Symbol, Value,
    encoding::EncodingCapable,
    prelude::*,
    r_hash::ForEach,
    value::{Fixnum, Qfalse, Qtrue},
};
use spikard_host::{Argument, Call};

use crate::setup::handed;

/// What stands for a value that is absent: no value of the engine's is a symbol.
pub(crate) const ABSENT: &str = "absent";

/// Deepest nesting of a value that is written as JSON.
const DEPTH_MAX: u32 = 100;

/// The engine's values for a call, in the order of the route's parameters; `None` without any.
pub(crate) fn values(ruby: &Ruby, call: &Call<'_>) -> Result<Option<RArray>, Error> {
    let mut arguments = call.arguments();
    let mut values = None;
    while let Some(argument) = arguments.next() {
        let values = values.get_or_insert_with(|| ruby.ary_new());
        values.push(value(ruby, argument, &mut arguments)?)?;
    }
    Ok(values)
}

fn value<'a>(
    ruby: &Ruby,
    argument: Argument<'a>,
    following: &mut dyn Iterator<Item = Argument<'a>>,
) -> Result<Value, Error> {
    Ok(match argument {
        Argument::Absent => ruby.to_symbol(ABSENT).as_value(),
        Argument::Null => ruby.qnil().as_value(),
        Argument::Bool(value) => value.into_value_with(ruby),
        Argument::Integer(value) => value.into_value_with(ruby),
        Argument::Float(value) => value.into_value_with(ruby),
        Argument::String(value) => ruby.str_new(value).as_value(),
        Argument::Json(document) => {
            let json: Value = ruby.class_object().const_get("JSON")?;
            json.funcall("parse", (document,))?
        }
        Argument::List(length) => {
            let list = ruby.ary_new_capa(length as usize);
            for _ in 0..length {
                let Some(item) = following.next() else { break };
                list.push(value(ruby, item, following)?)?;
            }
            list.as_value()
        }
    })
}

/// Header bytes as text: UTF-8 where they are, else Latin-1, which loses nothing (RFC 9110 §5.5).
pub(crate) fn text(ruby: &Ruby, bytes: &[u8]) -> RString {
    match std::str::from_utf8(bytes) {
        Ok(text) => ruby.str_new(text),
        Err(_) => {
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            ruby.str_new(&text)
        }
    }
}

/// Bytes as they are, without an encoding.
pub(crate) fn binary(ruby: &Ruby, bytes: &[u8]) -> RString {
    ruby.str_from_slice(bytes)
}

/// A copy of a string's bytes.
pub(crate) fn bytes_of(string: RString) -> Vec<u8> {
    // SAFETY: the bytes are copied before any Ruby code can run.
    unsafe { string.as_slice() }.to_vec()
}

/// Gives `body` the bytes of a string, which no Ruby code changes meanwhile: it must not call any.
pub(crate) fn with_bytes<T>(string: RString, body: impl FnOnce(&[u8]) -> T) -> T {
    // SAFETY: the caller's contract; the string is on this stack, so it is not collected.
    let result = body(unsafe { string.as_slice() });
    std::hint::black_box(string);
    result
}

/// Writes a value as JSON text.
pub(crate) fn encode(ruby: &Ruby, value: Value) -> Result<RString, Error> {
    let mut json = Vec::new();
    write(ruby, value, &mut json, 0)?;
    // Everything that is written is UTF-8.
    Ok(ruby.str_new(&String::from_utf8_lossy(&json)))
}

/// Writes a value as JSON behind what `out` holds. Raises what Ruby code raises that it calls, and
/// an ArgumentError for what JSON cannot say.
pub(crate) fn write(ruby: &Ruby, value: Value, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
    if depth > DEPTH_MAX {
        return Err(refused(ruby, format!("nested more than {DEPTH_MAX} deep")));
    }
    if let Some(hash) = RHash::from_value(value) {
        return write_hash(ruby, hash, out, depth);
    }
    if let Some(string) = RString::from_value(value) {
        return write_string(ruby, string, out);
    }
    if let Some(number) = Fixnum::from_value(value) {
        out.extend_from_slice(number.to_i64().to_string().as_bytes());
    } else if value.is_nil() {
        out.extend_from_slice(b"null");
    } else if Qtrue::from_value(value).is_some() {
        out.extend_from_slice(b"true");
    } else if Qfalse::from_value(value).is_some() {
        out.extend_from_slice(b"false");
    } else if let Some(symbol) = Symbol::from_value(value) {
        write_string(ruby, symbol.funcall("name", ())?, out)?;
    } else if let Some(array) = RArray::from_value(value) {
        out.push(b'[');
        // By index: Ruby code that a value calls may change the array.
        let mut index = 0;
        while index < array.len() {
            if index > 0 {
                out.push(b',');
            }
            write(ruby, array.entry(index as isize)?, out, depth + 1)?;
            index += 1;
        }
        out.push(b']');
    } else if let Some(number) = Float::from_value(value) {
        write_float(ruby, number.to_f64(), out)?;
    } else if let Some(number) = Integer::from_value(value) {
        let digits: String = number.funcall("to_s", ())?;
        out.extend_from_slice(digits.as_bytes());
    } else {
        let plain = ruby.get_inner(handed(ruby)?.plain);
        let plain: Value = plain.funcall("call", (value,))?;
        write(ruby, plain, out, depth + 1)?;
    }
    Ok(())
}

fn write_hash(ruby: &Ruby, hash: RHash, out: &mut Vec<u8>, depth: u32) -> Result<(), Error> {
    out.push(b'{');
    let mut is_first = true;
    hash.foreach(|key: Value, value: Value| {
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        let name = match (RString::from_value(key), Symbol::from_value(key)) {
            (Some(name), _) => name,
            (_, Some(symbol)) => symbol.funcall::<_, _, RString>("name", ())?,
            _ => key.funcall::<_, _, RString>("to_s", ())?,
        };
        write_string(ruby, name, out)?;
        out.push(b':');
        write(ruby, value, out, depth + 1)?;
        Ok(ForEach::Continue)
    })?;
    out.push(b'}');
    Ok(())
}

fn write_string(ruby: &Ruby, string: RString, out: &mut Vec<u8>) -> Result<(), Error> {
    let string = match is_utf8(string) {
        true => string,
        false => string.funcall("encode", ("UTF-8",))?,
    };
    with_bytes(string, |bytes| match std::str::from_utf8(bytes) {
        Ok(text) => {
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(&mut *out, text);
            Ok(())
        }
        Err(_) => Err(()),
    })
    .map_err(|()| refused(ruby, "a string is not valid UTF-8".into()))
}

/// Whether a string's bytes are meant as UTF-8, or ASCII.
pub(crate) fn is_utf8(string: RString) -> bool {
    string.is_utf8_compatible_encoding()
}

/// Whether a string is bytes without an encoding.
pub(crate) fn is_binary(ruby: &Ruby, string: RString) -> bool {
    string.enc_get() == ruby.ascii8bit_encindex()
}

fn write_float(ruby: &Ruby, number: f64, out: &mut Vec<u8>) -> Result<(), Error> {
    if !number.is_finite() {
        return Err(refused(ruby, format!("JSON has no number {number}")));
    }
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, &number);
    Ok(())
}

fn refused(ruby: &Ruby, why: String) -> Error {
    Error::new(ruby.exception_arg_error(), why)
}
