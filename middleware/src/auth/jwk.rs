//! JWK sets (RFC 7517): the keys of a set that can serve one algorithm, by the name of each.
//!
//! Sets of identity providers hold keys for several purposes. What is marked for another one is
//! left out; what should serve and cannot is refused, with the place. Read once, at start.
//! Knows nothing of tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use spikard_contract::config::JwtAlgorithm;

use super::der::KeyKind;
use super::key::{Key, KeyError, kind_of};

/// A key and the `kid` that tokens name it by.
pub(super) type NamedKey = (Option<String>, Key);

/// What is wrong, and where in the set: a JSON pointer, empty for the whole.
pub(super) type SetError = (String, KeyError);

/// Most keys of one set.
const KEYS_MAX: usize = 256;

/// The keys of a set that serve `algorithm`, at least one.
pub(super) fn read_set(
    algorithm: JwtAlgorithm,
    set: &Map<String, Value>,
) -> Result<Vec<NamedKey>, SetError> {
    let whole = |message: &str| (String::new(), KeyError::new(message));
    let Some(Value::Array(entries)) = set.get("keys") else {
        return Err(whole("a JWK set has a list under 'keys'"));
    };
    if entries.len() > KEYS_MAX {
        return Err(whole("a JWK set may have 256 keys"));
    }
    let mut keys: Vec<NamedKey> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let place = |error| (format!("/keys/{index}"), error);
        let Some(entry) = entry.as_object() else {
            return Err(place(KeyError::new("a JWK is an object")));
        };
        if !serves(algorithm, entry) {
            continue;
        }
        let kid = text(entry, "kid").map(str::to_owned);
        if kid.is_some() && keys.iter().any(|(other, _)| *other == kid) {
            return Err(place(KeyError::new("another key has the same 'kid'")));
        }
        keys.push((kid, read_key(algorithm, entry).map_err(place)?));
    }
    if keys.is_empty() {
        let name = algorithm.as_str();
        let message = format!("none of the keys can verify {name}: 'kty', 'crv', 'use' or 'alg'");
        return Err((String::new(), KeyError::new(message)));
    }
    Ok(keys)
}

/// Whether a key is of the algorithm's kind and not meant for something else (RFC 7517 §4).
fn serves(algorithm: JwtAlgorithm, entry: &Map<String, Value>) -> bool {
    let may = |name: &str, wanted: &str| entry.get(name).is_none_or(|value| value == wanted);
    let verifies = match entry.get("key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    let (kty, crv) = match kind_of(algorithm) {
        KeyKind::Rsa => ("RSA", None),
        KeyKind::P256 => ("EC", Some("P-256")),
        KeyKind::P384 => ("EC", Some("P-384")),
        KeyKind::P521 => ("EC", Some("P-521")),
        KeyKind::Ed25519 => ("OKP", Some("Ed25519")),
        KeyKind::Other => ("oct", None),
    };
    may("use", "sig")
        && may("alg", algorithm.as_str())
        && verifies
        && text(entry, "kty") == Some(kty)
        && (crv.is_none() || text(entry, "crv") == crv)
}

fn read_key(algorithm: JwtAlgorithm, entry: &Map<String, Value>) -> Result<Key, KeyError> {
    let kind = kind_of(algorithm);
    if kind != KeyKind::Other && entry.contains_key("d") {
        return Err(KeyError::new(
            "a private key; the server needs the public one, and should not have the other",
        ));
    }
    match kind {
        KeyKind::Other => Key::shared(algorithm, &number(entry, "k")?),
        KeyKind::Rsa => {
            let (modulus, exponent) = (number(entry, "n")?, number(entry, "e")?);
            Key::rsa(algorithm, without_zeros(&modulus), without_zeros(&exponent))
        }
        KeyKind::Ed25519 => Key::point(algorithm, &number(entry, "x")?),
        KeyKind::P256 => Key::point(algorithm, &point(entry, 32)?),
        KeyKind::P384 => Key::point(algorithm, &point(entry, 48)?),
        KeyKind::P521 => Key::point(algorithm, &point(entry, 66)?),
    }
}

/// An uncompressed point (SEC 1 §2.3.3) of two coordinates, each as long as the curve's field
/// (RFC 7518 §6.2.1.2).
fn point(entry: &Map<String, Value>, bytes: usize) -> Result<Vec<u8>, KeyError> {
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = number(entry, name)?;
        if coordinate.len() != bytes {
            let found = coordinate.len();
            let message = format!("'{name}' has {found} bytes, and the curve has {bytes}");
            return Err(KeyError::new(message));
        }
        point.extend_from_slice(&coordinate);
    }
    Ok(point)
}

fn number(entry: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let decoded = text(entry, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    decoded.ok_or_else(|| KeyError::new(format!("'{name}' is missing, or not base64url")))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0);
    &number[start.unwrap_or(number.len())..]
}

fn text<'e>(entry: &'e Map<String, Value>, name: &str) -> Option<&'e str> {
    entry.get(name).and_then(Value::as_str)
}
