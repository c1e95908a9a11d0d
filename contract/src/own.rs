//! What a route says of a setting that the server has as well.
//!
//! Three states, because two would not do: a route that is silent takes the server's value, and one
//! that says `null` lifts it. The server's knob gives the range, so no bound is written twice.
//! Knows nothing of what a setting does.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::config::{CorsConfig, RateLimitConfig, ServerConfig};
use crate::knob::{Fault, Knob, Place};

/// A route's own word on a setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Own<T> {
    /// It has none: the server's value counts.
    #[default]
    Inherit,
    /// The setting is off here, whatever the server says.
    Lift,
    /// This value, whatever the server says.
    Set(T),
}

impl<T> Own<T> {
    /// Whether the route says nothing.
    pub fn is_inherit(&self) -> bool {
        matches!(self, Self::Inherit)
    }

    /// The value that counts, if the server's is `server`.
    pub fn or<'o>(&'o self, server: &'o Option<T>) -> Option<&'o T> {
        match self {
            Self::Inherit => server.as_ref(),
            Self::Lift => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<T> From<Option<T>> for Own<T> {
    fn from(said: Option<T>) -> Self {
        said.map_or(Self::Lift, Self::Set)
    }
}

/// A silent route's key must be left out, which is for the struct around it to say.
impl<T: Knob> Serialize for Own<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inherit | Self::Lift => serializer.serialize_none(),
            Self::Set(value) => value.json().serialize(serializer),
        }
    }
}

/// Reads `max_body_size`.
pub(crate) fn max_body_size<'de, D: Deserializer<'de>>(source: D) -> Result<Own<u64>, D::Error> {
    read("max_body_size", source)
}

/// Reads `request_timeout`.
pub(crate) fn request_timeout<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Own<Duration>, D::Error> {
    read("request_timeout", source)
}

/// Reads `cors`.
pub(crate) fn cors<'de, D: Deserializer<'de>>(source: D) -> Result<Own<CorsConfig>, D::Error> {
    read("cors", source)
}

/// Reads `rate_limit`, which adds to the server's and so cannot lift it.
pub(crate) fn rate_limit<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<RateLimitConfig>, D::Error> {
    read("rate_limit", source).map(|own| match own {
        Own::Set(limit) => Some(limit),
        Own::Inherit | Own::Lift => None,
    })
}

/// Reads a key that stands there as the server's knob of the same name would be read.
fn read<'de, D, T>(name: &str, source: D) -> Result<Own<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Knob,
{
    let value = Value::deserialize(source)?;
    let knob = ServerConfig::FIELDS.iter().find(|field| field.name == name);
    let place = Place {
        pointer: &format!("/{name}"),
        range: knob.and_then(|field| field.range),
    };
    let mut faults = Vec::new();
    match Option::<T>::read(&value, &place, &mut faults) {
        Some(said) if faults.is_empty() => Ok(said.into()),
        _ => {
            let words: Vec<String> = faults.iter().map(Fault::to_string).collect();
            Err(D::Error::custom(words.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::route::RouteDocument;

    fn document(more: &Value) -> Result<RouteDocument, String> {
        let mut route = json!({ "methods": ["GET"], "path": "/", "handler": 0, "name": "f" });
        if let (Some(route), Some(more)) = (route.as_object_mut(), more.as_object()) {
            route.extend(more.clone());
        }
        serde_json::from_value(route).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_that_is_absent_inherits_and_null_lifts() {
        let server = Some(7);
        let said = |more: Value| document(&more).map(|read| read.max_body_size);
        for (more, counts) in [
            (json!({}), Some(&7)),
            (json!({ "max_body_size": null }), None),
            (json!({ "max_body_size": 9 }), Some(&9)),
        ] {
            assert_eq!(said(more).unwrap_or_default().or(&server), counts);
        }
    }

    #[test]
    fn the_servers_range_is_the_routes() {
        let fault = |more: Value| document(&more).expect_err("it is out of range");
        assert_eq!(
            fault(json!({ "request_timeout": 30_000 })),
            "/request_timeout: 30000 is over 3600; durations are in seconds, not milliseconds"
        );
        assert_eq!(
            fault(json!({ "max_body_size": "1k" })),
            "/max_body_size: \"1k\" is not a whole number"
        );
    }

    #[test]
    fn a_document_is_written_as_it_was_read() {
        for more in [
            json!({}),
            json!({ "max_body_size": null, "request_timeout": 0.5 }),
        ] {
            let read = document(&more).expect("it is sound");
            let written = serde_json::to_value(&read).expect("it is JSON");
            assert_eq!(written.get("max_body_size"), more.get("max_body_size"));
            assert_eq!(written.get("request_timeout"), more.get("request_timeout"));
        }
    }
}
