//! The shape of a route document: how a binding describes one route to the engine.
//!
//! A binding reads its host's idiom (decorators, options, blocks) and writes this document; the
//! engine compiles it once at start. It crosses the ABI as JSON, so a new key never moves a struct.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::config::{CorsConfig, RateLimitConfig, ResponseValidation, RouteAuth};
use crate::hook::RouteHooksDocument;
use crate::own::{self, Own};

/// One route: which requests it takes, what it reads from them, and who answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteDocument {
    /// Upper-case method tokens, at least one (RFC 9110 §9.1).
    pub methods: Vec<String>,
    /// Pattern such as `/items/{id:int}` or `/items/:id`.
    pub path: String,
    /// The host's own number for the function that answers; handed back with every call.
    pub handler: u32,
    /// Name for logs and documents, usually the function's.
    pub name: String,
    /// What is read outside the body, in the order in which the host receives it.
    #[serde(default)]
    pub parameters: Vec<ParameterDocument>,
    /// The request body, if the route takes one.
    #[serde(default)]
    pub body: Option<BodyDocument>,
    /// JSON Schema 2020-12 that a JSON reply with a status of 2xx must satisfy.
    #[serde(default)]
    pub response_schema: Option<Value>,
    /// What becomes of a reply that does not; absent, what the configuration says.
    #[serde(default)]
    pub response_validation: Option<ResponseValidation>,
    /// Whether its replies are compressed where the configuration says so. Off where a reply holds
    /// both a secret and what an attacker may choose: their lengths tell the secret (BREACH).
    #[serde(default = "yes")]
    pub compression: bool,
    /// The files it takes from a multipart form; its body is then one of media `form`.
    #[serde(default)]
    pub files: Vec<FileDocument>,
    /// Most bytes of its bodies, in place of the server's.
    #[serde(
        default,
        deserialize_with = "own::max_body_size",
        skip_serializing_if = "Own::is_inherit"
    )]
    pub max_body_size: Own<u64>,
    /// Its handler's time, in place of the server's.
    #[serde(
        default,
        deserialize_with = "own::request_timeout",
        skip_serializing_if = "Own::is_inherit"
    )]
    pub request_timeout: Own<Duration>,
    /// Which pages of other origins may call it, in place of what the server says.
    #[serde(
        default,
        deserialize_with = "own::cors",
        skip_serializing_if = "Own::is_inherit"
    )]
    pub cors: Own<CorsConfig>,
    /// How often a client may ask for it, besides the server's limit, which counts it as well.
    #[serde(default, deserialize_with = "own::rate_limit")]
    pub rate_limit: Option<RateLimitConfig>,
    /// Header fields of its replies with a status below 400, unless the handler sets them: name
    /// and value, in order.
    #[serde(default)]
    pub response_headers: Vec<(String, String)>,
    /// What it asks of its clients; absent, all that the server has configured.
    #[serde(default)]
    pub auth: Option<RouteAuth>,
    /// Where the host runs the function.
    #[serde(default)]
    pub placement: Placement,
    /// Hooks in place of the application's.
    #[serde(default)]
    pub hooks: RouteHooksDocument,
}

impl RouteDocument {
    /// A route that reads nothing and has no rules of its own.
    pub fn new(methods: Vec<String>, path: String, name: String) -> Self {
        Self {
            methods,
            path,
            handler: 0,
            name,
            parameters: Vec::new(),
            body: None,
            response_schema: None,
            response_validation: None,
            compression: true,
            files: Vec::new(),
            max_body_size: Own::Inherit,
            request_timeout: Own::Inherit,
            cors: Own::Inherit,
            rate_limit: None,
            response_headers: Vec::new(),
            auth: None,
            placement: Placement::default(),
            hooks: RouteHooksDocument::default(),
        }
    }
}

/// One value read from the path, the query, a header or a cookie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterDocument {
    /// Name in the host's function, and on the wire unless `alias` is given.
    pub name: String,
    /// Where it is read from.
    pub source: ParameterSource,
    /// Name on the wire, if it differs.
    #[serde(default)]
    pub alias: Option<String>,
    /// JSON Schema 2020-12 of the value; an absent schema delivers the string as sent.
    #[serde(default)]
    pub schema: Option<Value>,
    /// Whether its absence is a fault. A default makes this moot.
    #[serde(default = "yes")]
    pub required: bool,
    /// Delivered when the value is absent and not required; `null` is a value. `None` delivers
    /// "absent", so that the host's own default applies.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub default: Option<Value>,
}

/// Where a parameter is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParameterSource {
    /// A segment of the path.
    Path,
    /// The query string.
    Query,
    /// A header field; `_` in the name stands for `-`.
    Header,
    /// A cookie.
    Cookie,
}

/// What the engine does with a request body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyDocument {
    /// How its bytes are read.
    pub media: BodyMedia,
    /// JSON Schema 2020-12 the decoded body must satisfy.
    #[serde(default)]
    pub schema: Option<Value>,
    /// Whether an empty body is a fault.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether the host's decoder refuses whatever the schema does, so that judging by the schema
    /// first would be done twice. The engine then checks the syntax of a JSON body only, while
    /// nothing else is wrong with the request, and judges it when the host asks because its decoder
    /// has refused.
    #[serde(default)]
    pub host_judges: bool,
}

/// How the bytes of a body are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyMedia {
    /// `application/json` and `*/*+json`.
    Json,
    /// `application/x-www-form-urlencoded`, or the text parts of `multipart/form-data`; the host
    /// receives the fields as one JSON object, the texts converted as the schema asks.
    Form,
    /// Any media type; the bytes reach the host unread.
    Bytes,
}

/// The rule of the files under one name of a multipart form (RFC 7578). A part with a filename is a
/// file; files under names without a rule are read and forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileDocument {
    /// The part's name; [`ANY_FILE`] is the rule of all names without one of their own.
    pub name: String,
    /// Whether its absence is a fault.
    #[serde(default = "yes")]
    pub required: bool,
    /// Whether more than one may be sent under the name; if not, a second one is a fault.
    #[serde(default)]
    pub multiple: bool,
    /// Most bytes of each.
    #[serde(default)]
    pub max_size: Option<u64>,
    /// Media types it may say it is, such as `image/png` or `image/*`; none allows any.
    #[serde(default)]
    pub types: Vec<String>,
    /// Whether its first bytes must fit the media type it says it is.
    #[serde(default)]
    pub check_magic: bool,
    /// Whether it may have no bytes.
    #[serde(default)]
    pub allow_empty: bool,
}

/// The name of the [`FileDocument`] that stands for all names without one.
pub const ANY_FILE: &str = "*";

/// Where the host runs a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// On the ring's thread: the function never blocks (coroutines, native code).
    #[default]
    Inline,
    /// On the host's thread pool, always.
    Pool,
    /// On the pool until it is proven fast, then inline (see `runtime/src/placement.rs`).
    Proven,
}

/// A key that stands there has a value, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn yes() -> bool {
    true
}
