//! Tokens and API keys: signatures of others, forgeries, and what configurations refuse.

#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod api_keys;
mod claims;
mod hostile;
mod keys;
mod mint;
mod signed;
mod wycheproof;
