//! Tokens made here, and the judges of them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use spikard_contract::config::{JwtAlgorithm, JwtConfig};
use spikard_middleware::auth::{KeySource, TokenFault, Verifier};

pub(crate) const SECRET: &str = "a secret of the tests that is as long as the longest hash is, 64";
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token of any header and claims, signed with HMAC SHA-256.
pub(crate) fn token(header: &str, claims: &str) -> String {
    token_of_bytes(header.as_bytes(), claims.as_bytes(), SECRET.as_bytes())
}

pub(crate) fn token_of_bytes(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = base64url(hmac::sign(&key, signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// A usual token with these claims.
pub(crate) fn usual(claims: &Value) -> String {
    token(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

/// A judge of HS256 tokens, with more knobs.
pub(crate) fn verifier(knobs: &Value) -> Verifier {
    let mut document = serde_json::json!({ "secret": SECRET });
    let object = document.as_object_mut().unwrap();
    object.extend(knobs.as_object().unwrap().clone());
    let config = JwtConfig::from_value(&document).unwrap();
    Verifier::new(&config, KeySource::Secret(SECRET)).unwrap()
}

pub(crate) fn judge(verifier: &Verifier, token: &str) -> Result<String, TokenFault> {
    let mut claims = b"left over".to_vec();
    let judged = verifier.verify(token.as_bytes(), NOW, &mut claims);
    if judged.is_err() {
        assert!(claims.is_empty(), "claims of a refused token stayed");
    }
    judged.map(|()| String::from_utf8(claims).unwrap())
}

/// A judge that only looks at the signature, with the key of `source`.
pub(crate) fn by_key(algorithm: &str, source: KeySource<'_>) -> Verifier {
    let config = JwtConfig {
        algorithm: algorithm_of(algorithm),
        require_exp: false,
        ..JwtConfig::default()
    };
    Verifier::new(&config, source).unwrap()
}

pub(crate) fn algorithm_of(name: &str) -> JwtAlgorithm {
    serde_json::from_value(Value::from(name)).unwrap()
}
