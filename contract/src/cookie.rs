//! The shape of a cookie document: how a binding describes one `Set-Cookie` to the engine.
//!
//! The engine knows which cookies browsers drop (RFC 6265bis) and refuses them; a binding only
//! speaks its language's names.

use serde::{Deserialize, Serialize};

/// One cookie to set, or to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CookieDocument {
    /// A token (RFC 9110 §5.6.2).
    pub name: String,
    /// Visible ASCII without quotes, commas, semicolons and backslashes.
    #[serde(default)]
    pub value: String,
    /// When it ends, in Unix seconds.
    #[serde(default)]
    pub expires: Option<u64>,
    /// How long it lasts, in seconds; wins over `expires`. Zero or less ends it at once.
    #[serde(default)]
    pub max_age: Option<i64>,
    /// The host it is sent to, subdomains included.
    #[serde(default)]
    pub domain: Option<String>,
    /// The path it is sent to, all below included.
    #[serde(default)]
    pub path: Option<String>,
    /// Only over TLS.
    #[serde(default)]
    pub secure: bool,
    /// Out of reach of scripts.
    #[serde(default)]
    pub http_only: bool,
    /// `strict`, `lax` or `none`, in any letter case.
    #[serde(default)]
    pub same_site: Option<String>,
    /// Kept apart per top-level site.
    #[serde(default)]
    pub partitioned: bool,
    /// Ends the cookie of this name, domain and path instead of setting it; `value`, `expires` and
    /// `max_age` say nothing then.
    #[serde(default)]
    pub ends: bool,
}
