//! A problem document as a host raises it, read into the reply that it makes.
//!
//! Members that are the application's own stay as they are written, so numbers keep every digit.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, value::RawValue};
use spikard_contract::status::Status;
use spikard_middleware::{Problem, Reply};

use crate::boundary::{Checked, Failure};

/// A problem as a host describes it. What is of another type than it should be is not there.
#[derive(serde::Deserialize)]
struct Raised<'a> {
    #[serde(default)]
    status: Value,
    #[serde(default, rename = "type")]
    kind: Value,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    detail: Value,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
    #[serde(default)]
    headers: Value,
}

/// The members of an object, in their order, each as it is written: numbers keep their digits.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collects;

        impl<'de> Visitor<'de> for Collects {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collects)
    }
}

pub(crate) fn write_problem(json: &str, reply: &mut Reply) -> Checked {
    let raised: Raised<'_> = serde_json::from_str(json)
        .map_err(|error| Failure::new(Status::InvalidJson, format!("the problem: {error}")))?;
    // What is no number is no status either.
    let status = raised.status.as_u64().unwrap_or(0);
    let mut problem = Problem::raised(u16::try_from(status).unwrap_or(0));
    if let Value::String(kind) = raised.kind {
        problem = problem.with_type(kind);
    }
    if let Value::String(title) = raised.title {
        problem = problem.with_title(title);
    }
    if let Value::String(detail) = raised.detail {
        problem = problem.with_detail(detail);
    }
    let members = raised.extensions.map(RawValue::get);
    let members = members.and_then(|object| serde_json::from_str::<Members<'_>>(object).ok());
    for (name, member) in members.into_iter().flat_map(|members| members.0) {
        problem = problem.with_text(name.into_owned(), member.get().to_owned());
    }
    problem.write(reply);
    reply.set_status(status);
    for pair in raised.headers.as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (
            pair.get(0).and_then(Value::as_str),
            pair.get(1).and_then(Value::as_str),
        ) else {
            let message = "a header of the problem is not a pair of strings".to_owned();
            return Err(Failure::new(Status::ReplyRefused, message));
        };
        reply.push(name.as_bytes(), value.as_bytes());
    }
    Ok(())
}
