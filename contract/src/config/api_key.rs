//! The knobs of API keys: which there are, and where a request carries one.
//!
//! Knows nothing of how keys are compared.

use super::token::field_name;
use crate::config;
use crate::knob::Secret;

config! {
    /// API keys, of which requests must carry one.
    ///
    /// A request without a valid key is answered with 401 and does not reach a handler. A route
    /// may say otherwise with `auth`.
    pub struct ApiKeyConfig checked by disagreements {
        /// The keys, each as good as another. All are compared, in a time that does not tell how
        /// far one is right.
        keys: Vec<Secret> = Vec::new(), in 1..=1_000, unit "keys", is required;
        /// Header field that carries the key.
        header_name: String = "X-API-Key".to_owned(), in 1..=128, unit "characters";
        /// Query parameter that carries the key of a request without that header field. No log
        /// shows its value. `null` takes none from the query, which other servers on the way may
        /// log.
        query_name: Option<String> = Some("api_key".to_owned()), in 1..=128, unit "characters";
    }
}

fn disagreements(api_key: &ApiKeyConfig) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if api_key.keys.iter().any(|key| key.expose().is_empty()) {
        found.push(("keys", "a key has no characters".to_owned()));
    }
    found.extend(field_name("header_name", &api_key.header_name));
    found
}
