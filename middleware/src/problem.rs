//! A problem document (RFC 9457) in the making, and its one serialisation.
//!
//! Every error the engine answers, and every problem a handler raises, leaves through here, so a
//! client meets one shape. It never carries an exception's text.

use std::borrow::Cow;

use serde_json::{Map, Value};
use spikard_contract::problem::{PROBLEM_TYPE_PREFIX, ProblemType, by_status};

use spikard_proto_http::sabotage;

use crate::reply::Reply;

/// Media type of a problem document (RFC 9457 §6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// One occurrence of a problem.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    status: u16,
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    extensions: Map<String, Value>,
    /// Extension members as JSON text, behind the others.
    texts: Vec<(Cow<'static, str>, String)>,
}

impl Problem {
    /// An occurrence of one of the engine's own types, with that type's standing detail.
    pub fn of(row: &'static ProblemType) -> Self {
        Self {
            status: row.status,
            kind: Cow::Owned([PROBLEM_TYPE_PREFIX, row.slug].concat()),
            title: Cow::Borrowed(title_of(row)),
            detail: Some(Cow::Borrowed(row.detail)),
            extensions: Map::new(),
            texts: Vec::new(),
        }
    }

    /// A problem that user code raised with a bare status. The type and title are those of the
    /// engine's row for that status, or `about:blank` with the standard phrase (RFC 9457 §4.2.1).
    pub fn raised(status: u16) -> Self {
        let (kind, title) = match by_status(status) {
            Some(row) => (
                Cow::Owned([PROBLEM_TYPE_PREFIX, row.slug].concat()),
                Cow::Borrowed(title_of(row)),
            ),
            None => {
                let phrase = spikard_proto_http::h1::encode::reason_phrase(status);
                (Cow::Borrowed("about:blank"), Cow::Borrowed(phrase))
            }
        };
        Self {
            status,
            kind,
            title,
            detail: None,
            extensions: Map::new(),
            texts: Vec::new(),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Replaces the type URI.
    #[must_use]
    pub fn with_type(mut self, kind: impl Into<Cow<'static, str>>) -> Self {
        self.kind = kind.into();
        self
    }

    /// Replaces the title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.title = title.into();
        self
    }

    /// Replaces the detail: what is wrong this time.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds an extension member. The five standard members cannot be replaced this way.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if !STANDARD_MEMBERS.contains(&name.as_str()) {
            self.extensions.insert(name, value.into());
        }
        self
    }

    /// Adds an extension member as JSON text, for what a value cannot hold: numbers beyond 64 bits.
    /// It stands behind those that are values.
    #[must_use]
    pub fn with_text(mut self, name: impl Into<Cow<'static, str>>, json: String) -> Self {
        let name = name.into();
        if !STANDARD_MEMBERS.contains(&name.as_ref()) {
            self.texts.retain(|(known, _)| *known != name);
            self.texts.push((name, json));
        }
        self
    }

    /// The document: type, title, status, detail, then the extensions in the order added. What was
    /// given as text is as near as a value can be.
    pub fn document(&self) -> Value {
        let mut members = Map::new();
        members.insert("type".into(), Value::from(self.kind.as_ref()));
        members.insert("title".into(), Value::from(self.title.as_ref()));
        members.insert("status".into(), Value::from(self.status));
        if let Some(detail) = &self.detail {
            members.insert("detail".into(), Value::from(detail.as_ref()));
        }
        members.extend(
            self.extensions
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        for (name, json) in &self.texts {
            let value = serde_json::from_str(json).unwrap_or_default();
            members.insert(name.clone().into_owned(), value);
        }
        Value::Object(members)
    }

    /// Writes this problem as the whole reply, replacing what was there. It is a failure's.
    pub fn write(&self, reply: &mut Reply) {
        let close = reply.close;
        reply.start(self.status, PROBLEM_JSON);
        reply.close = close;
        reply.is_failure = true;
        let mut document = self.document();
        if let Some(members) = document.as_object_mut() {
            members.retain(|name, _| self.texts.iter().all(|(text, _)| text != name));
        }
        // A `Value` always serialises into memory.
        let written = serde_json::to_writer(&mut reply.body, &document);
        debug_assert!(written.is_ok());
        for (name, json) in &self.texts {
            // The object has members, so another one is behind a comma.
            reply.body.pop();
            let member = format!(",{}:{json}}}", Value::from(name.as_ref()));
            reply.body.extend_from_slice(member.as_bytes());
        }
    }

    /// The document with which a host would raise this problem (`spk_problem`), digit for digit.
    pub fn to_raised(&self) -> String {
        let values = self.extensions.iter();
        let values = values.map(|(name, value)| (name.as_str(), value.to_string()));
        let texts = self.texts.iter();
        let texts = texts.map(|(name, json)| (name.as_ref(), json.clone()));
        let members: Vec<String> = values
            .chain(texts)
            .map(|(name, json)| format!("{}:{json}", Value::from(name)))
            .collect();
        format!(
            r#"{{"status":{},"type":{},"title":{},"detail":{},"extensions":{{{}}}}}"#,
            self.status,
            Value::from(self.kind.as_ref()),
            Value::from(self.title.as_ref()),
            Value::from(self.detail.as_deref()),
            members.join(",")
        )
    }
}

/// The title of a row; nothing that anyone expects when it is switched off.
fn title_of(row: &'static ProblemType) -> &'static str {
    if sabotage::off_in("problem/") == Some(row.slug) {
        return "switched off";
    }
    row.title
}

const STANDARD_MEMBERS: [&str; 5] = ["type", "title", "status", "detail", "instance"];
