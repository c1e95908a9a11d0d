//! A CORS policy, compiled: which origins, methods and fields it allows (Fetch standard, §3.3).
//!
//! What is compared is bytes: origins and methods with case, names of fields without. Origins are
//! never patterns of text: a wildcard stands for whole labels before a dot, and for nothing else.
//! Knows nothing of routes, and of replies only their fields.

use spikard_contract::config::{CorsConfig, OriginPattern};
use spikard_proto_http::{Head, sabotage};

use crate::{reply::Reply, vary};

/// One policy. Replies only copy what is written here at start.
#[derive(Debug, PartialEq, Eq)]
pub struct CorsPolicy {
    origins: Vec<OriginPattern>,
    any_origin: bool,
    methods: Allowed,
    headers: Allowed,
    /// The fields of ordinary replies; empty for none.
    exposed: String,
    max_age: Option<String>,
    credentials: bool,
    private_network: bool,
}

/// A list of names, as written on replies.
#[derive(Debug, PartialEq, Eq)]
struct Allowed {
    names: Vec<String>,
    any: bool,
    line: String,
}

/// Why a preflight is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The page's origin may not call.
    Origin,
    /// The method is not allowed.
    Method,
    /// A field of the request is not allowed.
    Header,
    /// The page is on a network more public than the server's.
    PrivateNetwork,
}

impl CorsPolicy {
    /// Compiles a policy that was checked.
    pub fn new(config: &CorsConfig) -> Self {
        // An entry that does not parse was refused when the configuration was read; one that slips
        // past allows nobody.
        let origins: Vec<OriginPattern> = (config.allowed_origins.iter())
            .filter_map(|origin| OriginPattern::parse(origin).ok())
            .collect();
        Self {
            any_origin: origins.contains(&OriginPattern::Any),
            origins,
            methods: Allowed::new(&config.allowed_methods),
            headers: Allowed::new(&config.allowed_headers),
            exposed: config.expose_headers.join(", "),
            max_age: config.max_age.map(|seconds| seconds.to_string()),
            credentials: config.allow_credentials,
            private_network: config.allow_private_network,
        }
    }

    /// Whether this preflight may be followed by its request.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn judge(&self, head: &Head) -> Result<(), Refusal> {
        if self.allowed(head).is_none() {
            return Err(Refusal::Origin);
        }
        let method = head.field(REQUEST_METHOD).unwrap_or_default();
        if !self.methods.has_method(method) && !sabotage::is_off("cors/methods") {
            return Err(Refusal::Method);
        }
        let mut asked = 0;
        for line in head.field_all(REQUEST_HEADERS) {
            for name in line.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                asked += usize::from(!name.is_empty());
                let refused = asked > REQUEST_HEADERS_MAX
                    || !(name.is_empty() || self.headers.has_header(name));
                if refused && !sabotage::is_off("cors/headers") {
                    return Err(Refusal::Header);
                }
            }
        }
        let crosses = head.field(REQUEST_PRIVATE_NETWORK) == Some(b"true");
        if crosses && !self.private_network && !sabotage::is_off("cors/private-network") {
            return Err(Refusal::PrivateNetwork);
        }
        Ok(())
    }

    /// Writes what a preflight that was judged is answered with.
    pub fn write_preflight(&self, head: &Head, reply: &mut Reply) {
        self.write_origin(head, reply);
        let mut field = |name: &str, value: &str| {
            if !value.is_empty() {
                set(reply, name, value.as_bytes());
            }
        };
        field("access-control-allow-methods", &self.methods.line);
        field("access-control-allow-headers", &self.headers.line);
        field(
            "access-control-max-age",
            self.max_age.as_deref().unwrap_or_default(),
        );
        if self.private_network && head.field(REQUEST_PRIVATE_NETWORK) == Some(b"true") {
            field("access-control-allow-private-network", "true");
        }
    }

    /// Says that a preflight's answer depends on what it asks for.
    pub fn vary_preflight(&self, reply: &mut Reply) {
        let asked = [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
            "Access-Control-Request-Private-Network",
        ];
        let from = usize::from(self.any_origin);
        vary::add(reply, &asked[from..]);
    }

    /// Writes what an ordinary reply says to the page that asked. A handler that says it by itself
    /// is left alone.
    pub fn write_ordinary(&self, head: &Head, reply: &mut Reply) {
        if !self.any_origin && !sabotage::is_off("cors/vary") {
            vary::add(reply, &["Origin"]);
        }
        // A preflight that came this far is about a route without a policy.
        if is_preflight(head) && !sabotage::is_off("cors/lifted-preflight") {
            return;
        }
        if reply.fields.get(ALLOW_ORIGIN).is_some() && !sabotage::is_off("cors/handler-first") {
            return;
        }
        if self.write_origin(head, reply) && !self.exposed.is_empty() {
            set(
                reply,
                "access-control-expose-headers",
                self.exposed.as_bytes(),
            );
        }
    }

    /// Writes who may read the reply; says whether anybody may.
    fn write_origin(&self, head: &Head, reply: &mut Reply) -> bool {
        // The same for everybody, so that caches may keep it for everybody.
        let origin: &[u8] = match (self.any_origin, self.allowed(head)) {
            (true, _) => b"*",
            (false, Some(origin)) => origin,
            (false, None) => return false,
        };
        set(reply, "access-control-allow-origin", origin);
        if self.credentials && !sabotage::is_off("cors/credentials") {
            set(reply, "access-control-allow-credentials", b"true");
        }
        true
    }

    /// The request's origin, if it may call. Two origins are none.
    fn allowed<'h>(&self, head: &'h Head) -> Option<&'h [u8]> {
        let mut origins = head.field_all(ORIGIN);
        let origin = origins.next()?;
        if origins.next().is_some() && !sabotage::is_off("cors/one-origin") {
            return None;
        }
        let matches = |pattern: &OriginPattern| matches(pattern, origin);
        (self.origins.iter().any(matches) || sabotage::is_off("cors/origins")).then_some(origin)
    }
}

impl Allowed {
    fn new(names: &[String]) -> Self {
        Self {
            names: names.to_vec(),
            any: names.iter().any(|name| name == "*"),
            line: names.join(", "),
        }
    }

    fn has_method(&self, method: &[u8]) -> bool {
        let same = |name: &String| match sabotage::is_off("cors/method-case") {
            true => name.as_bytes().eq_ignore_ascii_case(method),
            false => name.as_bytes() == method,
        };
        !method.is_empty() && (self.any || self.names.iter().any(same))
    }

    /// A wildcard does not stand for `Authorization` (Fetch standard, §2.2.2).
    fn has_header(&self, header: &[u8]) -> bool {
        let same = |name: &str| match sabotage::is_off("cors/header-case") {
            true => name.as_bytes() == header,
            false => name.as_bytes().eq_ignore_ascii_case(header),
        };
        let wild = self.any
            && (!header.eq_ignore_ascii_case(b"authorization")
                || sabotage::is_off("cors/authorization"));
        wild || self.names.iter().any(|name| same(name))
    }
}

/// Whether a preflight is one: only browsers send both fields (Fetch standard, §4.8).
pub fn is_preflight(head: &Head) -> bool {
    head.method_bytes() == b"OPTIONS"
        && head.field(ORIGIN).is_some()
        && head.field(REQUEST_METHOD).is_some()
}

/// The method that a preflight asks for.
pub fn requested_method(head: &Head) -> &[u8] {
    head.field(REQUEST_METHOD).unwrap_or_default()
}

fn matches(pattern: &OriginPattern, origin: &[u8]) -> bool {
    match pattern {
        OriginPattern::Any => true,
        OriginPattern::Exact(whole) if sabotage::is_off("cors/origin-case") => {
            whole.as_bytes().eq_ignore_ascii_case(origin)
        }
        OriginPattern::Exact(whole) => whole.as_bytes() == origin,
        OriginPattern::Subdomains { scheme, suffix } => {
            let Some(at) = origin.windows(3).position(|piece| piece == b"://") else {
                return false;
            };
            let (own, authority) = (&origin[..at], &origin[at + 3..]);
            let fits = match scheme {
                Some(scheme) => scheme.as_bytes() == own,
                None => matches!(own, b"http" | b"https"),
            };
            // Off: the dot before the domain does not count, nor does what stands before it.
            let suffix = match sabotage::is_off("cors/whole-labels") {
                true => &suffix[1..],
                false => suffix,
            };
            let labels = authority.strip_suffix(suffix.as_bytes());
            (fits || sabotage::is_off("cors/scheme")) && labels.is_some_and(is_labels)
        }
    }
}

/// Whether this can stand before a domain: labels, with dots only between them.
fn is_labels(text: &[u8]) -> bool {
    if sabotage::is_off("cors/whole-labels") {
        return true;
    }
    let is_host = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
    };
    text.split(|byte| *byte == b'.')
        .all(|label| !label.is_empty() && label.iter().all(is_host))
}

/// What is set is made of tokens, digits, or an origin that came in a valid field.
fn set(reply: &mut Reply, name: &str, value: &[u8]) {
    let set = reply.fields.set(name.as_bytes(), value);
    debug_assert!(set.is_ok());
}

const ORIGIN: &[u8] = b"origin";
const REQUEST_METHOD: &[u8] = b"access-control-request-method";
const REQUEST_HEADERS: &[u8] = b"access-control-request-headers";
const REQUEST_PRIVATE_NETWORK: &[u8] = b"access-control-request-private-network";
const ALLOW_ORIGIN: &[u8] = b"access-control-allow-origin";

/// Most fields that one preflight may ask for: no page sets that many, and each is compared with
/// every allowed one.
pub const REQUEST_HEADERS_MAX: usize = 128;
