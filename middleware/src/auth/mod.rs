//! Who may ask: bearer tokens (JWT, RFC 7519) and API keys, judged by what the configuration pins.
//!
//! Everything that reads a token reads bytes of an attacker, so each step is bounded and refuses
//! what two readers might take differently. Which algorithm and which key verify a token is decided
//! by the configuration, at start, and never by the token (RFC 8725 §3.1).
//! Knows nothing of routes or handlers; the rows that use it are in `stages/auth.rs`.

pub mod api_key;
pub mod claims;
mod der;
pub mod fault;
mod jwk;
pub mod key;
mod pem;
mod strict;
pub mod token;
pub mod verifier;

pub use api_key::ApiKeys;
pub use fault::TokenFault;
pub use key::{Key, KeyError};
pub use verifier::{KeySource, Verifier};
