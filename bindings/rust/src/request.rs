//! A request as a handler sees it: owned, so that it may outlive the exchange.
//!
//! The values are those that the engine decided by; nothing is parsed a second time.

use std::net::SocketAddr;
use std::sync::Arc;

use spikard_middleware::request_id::RequestId;
use spikard_middleware::{Edit, Exchange};
use spikard_proto_http::{Head, forwarded::Scheme};

use crate::extract::{State, States};
use crate::hooked::Visit;
use crate::hooks::Extensions;

/// The head of a request, copied. Taking it costs a handler the copy, so take it only where it is
/// needed.
#[derive(Debug, Clone)]
pub struct Request {
    head: Head,
    request_id: String,
    client: Option<SocketAddr>,
    scheme: Scheme,
    route: Arc<str>,
    pub(crate) extensions: Extensions,
    /// What hooks changed, for the engine.
    pub(crate) edits: Vec<Edit>,
    claims: Box<[u8]>,
    states: States,
}

impl Request {
    pub(crate) fn copy(x: &Exchange, route: &Arc<str>, states: &States) -> Self {
        Self {
            head: x.head.clone(),
            request_id: String::from_utf8_lossy(x.request_id.as_bytes()).into_owned(),
            client: x.client,
            scheme: x.scheme,
            route: route.clone(),
            extensions: Visit::of(x).map(Visit::extensions).unwrap_or_default(),
            edits: Vec::new(),
            claims: x.claims.as_slice().into(),
            states: states.clone(),
        }
    }

    /// The method, a token such as `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        text(self.head.method_bytes()).unwrap_or_default()
    }

    /// The path as sent, percent-encoded, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        text(self.head.path()).unwrap_or_default()
    }

    /// The query as sent, without `?`; empty if there is none.
    #[must_use]
    pub fn query_string(&self) -> &str {
        self.head.query().and_then(text).unwrap_or_default()
    }

    /// `http`, or `https` where a trusted proxy says that the client came so.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme.as_str()
    }

    /// Scheme, host and target, as the client has them.
    #[must_use]
    pub fn url(&self) -> String {
        let (scheme, host) = (self.scheme(), self.header("host").unwrap_or_default());
        let (path, query) = (self.path(), self.query_string());
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{scheme}://{host}{path}{mark}{query}")
    }

    /// The pattern of the route that took the request, as registered.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The id of the request, as in the log and in `x-request-id`; empty if ids are switched off.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The other end of the connection, or whom trusted proxies forward for; `None` in process.
    #[must_use]
    pub fn client(&self) -> Option<SocketAddr> {
        self.client
    }

    /// The claims of the token that let the request in; `None` without a token. A handler that
    /// takes [`Claims`](crate::Claims) has them as a type of its own.
    #[must_use]
    pub fn claims(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        // The engine has judged them: they are an object, or empty.
        serde_json::from_slice(&self.claims).ok()
    }

    /// The first header line of this name, whatever its letter case. `None` if there is none, or
    /// if it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.field(name.as_bytes()).and_then(text)
    }

    /// Every header line of this name, in order.
    pub fn header_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.head.field_all(name.as_bytes())
    }

    /// Sets a header to one line. In a hook before the handler this is what the engine and the
    /// handler read from then on; `x-request-id` renames the request. A header of framing, or one
    /// that HTTP cannot carry, is a hook that failed.
    pub fn set_header(&mut self, name: &str, value: &str) {
        // What is refused here is refused by the engine as well, which answers for it.
        let _ = self.head.set_field(name.as_bytes(), value.as_bytes());
        if name.eq_ignore_ascii_case("x-request-id")
            && !self.request_id.is_empty()
            && RequestId::new().keep(value.trim().as_bytes())
        {
            self.request_id = value.trim().to_owned();
        }
        let (name, value) = (name.as_bytes().into(), value.as_bytes().into());
        self.edits.push(Edit::Set(name, value));
    }

    /// Adds a header line; else as [`Request::set_header`].
    pub fn add_header(&mut self, name: &str, value: &str) {
        let _ = self.head.add_field(name.as_bytes(), value.as_bytes());
        let (name, value) = (name.as_bytes().into(), value.as_bytes().into());
        self.edits.push(Edit::Add(name, value));
    }

    /// Removes every header line of this name; else as [`Request::set_header`].
    pub fn remove_header(&mut self, name: &str) {
        self.head.remove_field(name.as_bytes());
        self.edits.push(Edit::Remove(name.as_bytes().into()));
    }

    /// Leaves a value for later hooks and for the handler, which takes it as
    /// [`crate::Extension`]; one per type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.extensions.insert(value);
    }

    /// A value that a hook has left.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    /// A value that the application shares, given to it with [`crate::App::state`]; what a handler
    /// takes as [`State`], for hooks and for code that has only the request.
    #[must_use]
    pub fn app_state<S: Send + Sync + 'static>(&self) -> Option<State<S>> {
        self.states.get()
    }

    /// Every header line, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.head.fields()
    }
}

/// Methods and targets are visible ASCII on the wire; field values may be anything.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
