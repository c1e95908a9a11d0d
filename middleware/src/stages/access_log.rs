//! One line per request, when it is over.
//!
//! A line is written into the worker's own buffer; the driver hands it on when a turn ends, so that
//! no request waits for a disk. What clients choose (paths, header fields) is escaped: a line is
//! one line, whatever they send.
//! Knows nothing of where lines go.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::Value;
use spikard_contract::config::{AccessLogFormat, ServerConfig};
use spikard_proto_http::Version;
use spikard_proto_http::date::format_rfc3339;

use crate::{
    exchange::Exchange,
    flow::Flow,
    json_line::{JsonLine, is_unsafe},
    local::Local,
    redact::QueryMask,
    stage::{DoneStage, Ending, RequestStage},
};

/// Notes when an exchange began.
#[derive(Debug)]
pub struct Began;

impl RequestStage for Began {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        x.began_ns = Some(local.now_ns());
        Flow::Next
    }
}

/// What all lines of a server have in common.
#[derive(Debug)]
pub struct AccessFormat {
    format: AccessLogFormat,
    headers: Box<[Shown]>,
    mask: QueryMask,
    worker: u32,
}

#[derive(Debug)]
struct Shown {
    name: Box<str>,
    is_sensitive: bool,
}

impl AccessFormat {
    /// The format that a configuration asks for; `None` if it asks for no lines.
    #[must_use]
    pub fn of(config: &ServerConfig) -> Option<Arc<Self>> {
        let log = config.access_log.as_ref()?;
        let shown = |name: &String| Shown {
            name: name.to_ascii_lowercase().into(),
            is_sensitive: is_sensitive(config, name),
        };
        Some(Arc::new(Self {
            format: log.format,
            headers: log.headers.iter().map(shown).collect(),
            mask: QueryMask::of(config),
            worker: std::process::id(),
        }))
    }
}

/// Whether no log may show the value of this field.
fn is_sensitive(config: &ServerConfig, name: &str) -> bool {
    let key = config.api_key_auth.as_ref();
    let key = key.map(|api_key| api_key.header_name.as_str());
    let configured = config.sensitive_headers.iter().map(String::as_str);
    SENSITIVE
        .into_iter()
        .chain(configured)
        .chain(key)
        .any(|secret| secret.eq_ignore_ascii_case(name))
}

/// Header fields that carry credentials whatever is configured.
const SENSITIVE: [&str; 4] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
];

/// What stands in place of a secret.
const MASK: &str = "***";

/// Writes the line of an exchange that is over.
#[derive(Debug)]
pub struct AccessLog {
    /// How.
    pub format: Arc<AccessFormat>,
    /// The route's pattern; `None` where there is no route.
    pub route: Option<Box<str>>,
}

impl DoneStage for AccessLog {
    fn run(&self, x: &Exchange, ending: Ending, local: &mut Local) {
        let facts = Facts::of(x, ending, local, &self.format);
        let mut line = std::mem::take(&mut local.access_lines);
        match self.format.format {
            AccessLogFormat::Json => facts.json(&mut line, self, x),
            AccessLogFormat::Text => facts.text(&mut line, self, x),
        }
        line.push('\n');
        local.access_lines = line;
    }
}

/// What a line tells, as it is told.
struct Facts<'x> {
    unix_ms: u64,
    request_id: Cow<'x, str>,
    client: Option<IpAddr>,
    method: Cow<'x, str>,
    path: Cow<'x, str>,
    query: Option<Cow<'x, str>>,
    protocol: &'static str,
    status: Option<u16>,
    bytes: Option<u64>,
    duration_us: Option<u64>,
}

impl<'x> Facts<'x> {
    fn of(x: &'x Exchange, ending: Ending, local: &Local, format: &AccessFormat) -> Self {
        let (status, bytes) = match ending {
            Ending::Replied { body_bytes } => (Some(x.reply.status), body_bytes),
            Ending::Left => (None, Some(0)),
        };
        let query = x.head.query().map(String::from_utf8_lossy);
        let query = query.map(|query| match format.mask.apply(&query) {
            Cow::Owned(masked) => Cow::Owned(masked),
            Cow::Borrowed(_) => query,
        });
        let took_ns = |began_ns| local.now_ns().saturating_sub(began_ns);
        Self {
            unix_ms: local.unix_ms(),
            request_id: String::from_utf8_lossy(x.request_id.as_bytes()),
            client: x.client.map(|client| client.ip()),
            method: String::from_utf8_lossy(x.head.method_bytes()),
            path: String::from_utf8_lossy(x.head.path()),
            query,
            protocol: match x.head.version() {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
            },
            status,
            bytes,
            duration_us: x.began_ns.map(|began_ns| took_ns(began_ns) / 1000),
        }
    }

    fn json(self, line: &mut String, log: &AccessLog, x: &Exchange) {
        let mut object = JsonLine::begin(line);
        object.time("time", self.unix_ms);
        object.text("request_id", Some(&self.request_id));
        match self.client {
            Some(client) => object.shown("client", client),
            None => object.text("client", None),
        }
        object.text("method", Some(&self.method));
        object.text("path", Some(&self.path));
        object.text("query", self.query.as_deref());
        object.text("protocol", Some(self.protocol));
        object.text("route", log.route.as_deref());
        object.number("status", self.status.map(u64::from));
        object.number("bytes", self.bytes);
        object.number("duration_us", self.duration_us);
        object.number("worker", Some(log.format.worker.into()));
        if !log.format.headers.is_empty() {
            let shown = log.format.headers.iter().map(|shown| {
                let value = value_of(x, shown).map_or(Value::Null, Value::from);
                (shown.name.to_string(), value)
            });
            object.put("headers", Value::Object(shown.collect()));
        }
        object.end();
    }

    fn text(self, line: &mut String, log: &AccessLog, x: &Exchange) {
        let word = |text: &str| quoted(text, false);
        let mut target = self.path.into_owned();
        if let Some(query) = self.query {
            target.push('?');
            target.push_str(&query);
        }
        let client = self.client.map(|client| client.to_string());
        let client = client.as_deref().unwrap_or("-");
        let request = quoted(&format!("{} {target} {}", self.method, self.protocol), true);
        let status = self
            .status
            .map_or_else(|| "left".to_owned(), |status| status.to_string());
        let duration = self.duration_us.map_or_else(
            || "-".to_owned(),
            |us| format!("{}.{:03}ms", us / 1000, us % 1000),
        );
        let _ = write!(
            line,
            "{} {client} {request} {status} {}B {duration} route={} id={}",
            format_rfc3339(self.unix_ms),
            self.bytes
                .map_or_else(|| "-".to_owned(), |bytes| bytes.to_string()),
            word(log.route.as_deref().unwrap_or("-")),
            word(&self.request_id),
        );
        for shown in &log.format.headers {
            let value = value_of(x, shown);
            let value = value.map_or_else(|| "-".to_owned(), |value| quoted(&value, true));
            let _ = write!(line, " {}={value}", shown.name);
        }
    }
}

/// The value of a field as a line may show it; several lines are one list.
fn value_of(x: &Exchange, shown: &Shown) -> Option<String> {
    x.head.field(shown.name.as_bytes())?;
    if shown.is_sensitive {
        return Some(MASK.to_owned());
    }
    let values = x.head.field_all(shown.name.as_bytes());
    let values: Vec<_> = values.map(String::from_utf8_lossy).collect();
    Some(values.join(", "))
}

/// The text with whatever could end a word or a line escaped; quoted where spaces are its own.
fn quoted(text: &str, has_quotes: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    if has_quotes {
        out.push('"');
    }
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            ' ' if !has_quotes => out.push_str("\\u{20}"),
            _ if is_unsafe(character) => {
                out.extend(character.escape_unicode());
            }
            _ => out.push(character),
        }
    }
    if has_quotes {
        out.push('"');
    }
    out
}
