//! What a log may show of a request target: everything but the values that are secrets.
//!
//! Whoever writes a query into a log writes it through here. Knows nothing of logs.

use std::borrow::Cow;

use spikard_contract::config::ServerConfig;
use spikard_proto_http::form::pairs;

/// Names of query parameters whose values are not shown.
#[derive(Debug, Clone)]
pub struct QueryMask {
    names: Box<[Box<str>]>,
}

/// Query parameters that are secrets by convention, whatever is configured: the token of RFC 6750
/// §2.3, and ours.
const ALWAYS: [&str; 2] = ["access_token", "api_key"];

/// What stands in place of a value.
const MASK: &str = "***";

impl QueryMask {
    /// The mask for a configuration.
    #[must_use]
    pub fn of(_: &ServerConfig) -> Self {
        Self {
            names: ALWAYS.map(Into::into).into(),
        }
    }

    /// A query, without its `?`, as a log may show it: the values of secrets masked, whatever the
    /// letter case or encoding of their names.
    #[must_use]
    pub fn apply<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let is_secret = |piece: &str| {
            pairs(piece.as_bytes()).any(|(name, _)| {
                (self.names.iter()).any(|secret| secret.eq_ignore_ascii_case(name.trim()))
            })
        };
        if !query.split('&').any(is_secret) {
            return Cow::Borrowed(query);
        }
        let shown = query.split('&').map(|piece| match piece.split_once('=') {
            Some((name, _)) if is_secret(piece) => Cow::Owned(format!("{name}={MASK}")),
            _ => Cow::Borrowed(piece),
        });
        Cow::Owned(shown.collect::<Vec<_>>().join("&"))
    }
}
