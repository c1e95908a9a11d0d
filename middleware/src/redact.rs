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
    pub fn of(config: &ServerConfig) -> Self {
        let own = config.api_key_auth.as_ref();
        let own = own.and_then(|api_key| api_key.query_name.as_deref());
        let names = ALWAYS.into_iter().chain(own);
        Self {
            names: names.map(Into::into).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use spikard_contract::config::ApiKeyConfig;

    #[test]
    fn values_of_secrets_are_masked() {
        let mask = QueryMask::of(&ServerConfig {
            api_key_auth: Some(ApiKeyConfig {
                query_name: Some("pass".to_owned()),
                ..ApiKeyConfig::default()
            }),
            ..ServerConfig::default()
        });
        for (query, shown) in [
            ("api_key=hunter2", "api_key=***"),
            ("a=1&api_key=hunter2&b=%20", "a=1&api_key=***&b=%20"),
            ("api_key=a&api_key=b", "api_key=***&api_key=***"),
            ("api%5Fkey=hunter2", "api%5Fkey=***"),
            ("%61pi_key=hunter2", "%61pi_key=***"),
            ("API_KEY=hunter2", "API_KEY=***"),
            ("+api_key=hunter2", "+api_key=***"),
            ("pass=x&access_token=y", "pass=***&access_token=***"),
            ("api_key=a=b", "api_key=***"),
            ("api_key=", "api_key=***"),
        ] {
            assert_eq!(mask.apply(query), shown);
        }
    }

    #[test]
    fn other_queries_are_shown_as_they_are() {
        let mask = QueryMask::of(&ServerConfig::default());
        for query in [
            "",
            "a=1&b=2",
            "my_api_key=1",
            "api_key",
            "=api_key",
            "a=api_key",
            "%zz=1",
        ] {
            assert_eq!(mask.apply(query), query);
        }
    }
}
