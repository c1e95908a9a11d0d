//! Tokens judged whole: algorithm, signature, claims, in this order.
//!
//! Nothing of a token is believed before its signature held, and which algorithm and key that is
//! judged with is the configuration's choice. Knows nothing of where a token stands in a request.

use std::fmt;

use serde_json::{Map, Value};
use spikard_contract::config::{JwtAlgorithm, JwtConfig};
use spikard_proto_http::sabotage;

use super::claims::ClaimRules;
use super::fault::TokenFault;
use super::jwk::{NamedKey, read_set};
use super::key::{Key, KeyError, hash_bytes};
use super::token::{Header, SIGNATURE_BUFFER_BYTES, Token};

/// The key material of a configuration, its files read.
#[derive(Clone, Copy)]
pub enum KeySource<'k> {
    /// A shared secret.
    Secret(&'k str),
    /// A public key in PEM.
    Pem(&'k str),
    /// A JWK set.
    Set(&'k Map<String, Value>),
}

impl fmt::Debug for KeySource<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeySource(…)")
    }
}

/// Judges tokens by one configuration.
#[derive(Debug)]
pub struct Verifier {
    algorithm: JwtAlgorithm,
    keys: Keys,
    rules: ClaimRules,
}

#[derive(Debug)]
enum Keys {
    /// One, whatever a token calls it.
    One(Key),
    /// Those of a set.
    Set(Vec<NamedKey>),
}

impl Verifier {
    /// A judge of tokens for a configuration and its key.
    ///
    /// # Errors
    /// A pointer within the key's knob, and what is wrong there.
    pub fn new(config: &JwtConfig, source: KeySource<'_>) -> Result<Self, (String, KeyError)> {
        let algorithm = config.algorithm;
        let whole = |error| (String::new(), error);
        let keys = match source {
            KeySource::Secret(secret) => {
                Keys::One(Key::shared(algorithm, secret.as_bytes()).map_err(whole)?)
            }
            KeySource::Pem(text) => Keys::One(Key::from_pem(algorithm, text).map_err(whole)?),
            KeySource::Set(set) => Keys::Set(read_set(algorithm, set)?),
        };
        let rules = ClaimRules::of(config);
        Ok(Self {
            algorithm,
            keys,
            rules,
        })
    }

    /// Judges a token at `now_s` seconds since 1970, and leaves its claims, as JSON, in `claims`;
    /// nothing if it is refused.
    ///
    /// # Errors
    /// The first [`TokenFault`].
    pub fn verify(&self, token: &[u8], now_s: u64, claims: &mut Vec<u8>) -> Result<(), TokenFault> {
        let judged = self.judge(token, now_s, claims);
        if judged.is_err() {
            claims.clear();
        }
        judged
    }

    fn judge(&self, token: &[u8], now_s: u64, claims: &mut Vec<u8>) -> Result<(), TokenFault> {
        let token = Token::cut(token)?;
        // The claims' place serves the header first.
        let key = self.key(&token.header(claims)?)?;
        let mut buffer = [0; SIGNATURE_BUFFER_BYTES];
        let signature = token.signature(&mut buffer)?;
        if !key.verify(token.signed, signature) && !sabotage::is_off("jwt/signature") {
            return Err(TokenFault::Signature);
        }
        token.claims(claims)?;
        self.rules.judge(claims, now_s)
    }

    /// The key for a token, if its header agrees with the configuration.
    fn key(&self, header: &Header<'_>) -> Result<&Key, TokenFault> {
        // Exactly: names of algorithms are case-sensitive (RFC 7515 §4.1.1).
        let agrees = header.algorithm.as_deref() == Some(self.algorithm.as_str());
        if !agrees && !sabotage::is_off("jwt/algorithm") {
            return Err(TokenFault::Signature);
        }
        let key = match (&self.keys, header.key_id.as_deref()) {
            (Keys::One(key), _) => Some(key),
            (Keys::Set(keys), None) => match keys.as_slice() {
                // Without a name there is nothing to choose by.
                [(_, only)] => Some(only),
                _ => None,
            },
            (Keys::Set(keys), Some(name)) => (keys.iter())
                .find(|(kid, _)| kid.as_deref() == Some(name) || sabotage::is_off("jwt/kid"))
                .map(|(_, key)| key),
        };
        key.ok_or(TokenFault::Signature)
    }
}

/// What the log should say of a configuration that works but is weak.
#[must_use]
pub fn weakness(config: &JwtConfig) -> Option<String> {
    let name = config.algorithm.as_str();
    let bytes = hash_bytes(config.algorithm)?;
    let found = config.secret.as_ref()?.expose().len();
    (found < bytes).then(|| {
        format!(
            "jwt_auth.secret has {found} bytes; {name} asks for {bytes} or more (RFC 7518 §3.2), \
             and a short one can be guessed from a token"
        )
    })
}
