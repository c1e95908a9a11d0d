//! Invariants of tokens and of the keys that judge them.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use spikard_contract::config::{JwtAlgorithm, JwtConfig};
use spikard_middleware::auth::{Key, KeySource, TokenFault, Verifier};

const SECRET: &str = "a secret that fuzzing knows";
const NOW_S: u64 = 1_800_000_000;

static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let config = JwtConfig::default();
    Verifier::new(&config, KeySource::Secret(SECRET)).expect("a secret is a key")
});

/// Reads `data` as a token, as the parts of one that is signed well, and as keys.
pub fn fuzz_jwt(data: &[u8]) {
    let mut claims = Vec::new();
    let judged = VERIFIER.verify(data, NOW_S, &mut claims);
    assert_eq!(judged.is_ok(), !claims.is_empty());
    claims_of_a_sound_token(data);
    header_of_a_sound_token(data);
    keys(data);
}

/// Whatever is signed, what is let in is an object whose time has not passed.
fn claims_of_a_sound_token(data: &[u8]) {
    let mut claims = Vec::new();
    let token = signed(br#"{"alg":"HS256"}"#, data);
    match VERIFIER.verify(token.as_bytes(), NOW_S, &mut claims) {
        Ok(()) => {
            assert_eq!(claims, data);
            let read: Map<String, Value> =
                serde_json::from_slice(data).expect("what was let in is an object");
            let exp = read["exp"].as_f64().expect("its expiry is a number");
            assert!(exp > NOW_S as f64);
        }
        Err(fault) => assert_ne!(fault, TokenFault::Signature, "the signature is sound"),
    }
}

/// Whatever the header says, one that is let in names the algorithm, and nothing critical.
fn header_of_a_sound_token(data: &[u8]) {
    let token = signed(data, br#"{"exp":32503680000}"#);
    let judged = VERIFIER.verify(token.as_bytes(), NOW_S, &mut Vec::new());
    if judged.is_ok() {
        let read: Map<String, Value> =
            serde_json::from_slice(data).expect("what was let in is an object");
        assert_eq!(read["alg"], "HS256");
        assert!(!read.contains_key("crit") && !read.contains_key("b64"));
    }
}

/// Keys are read to their end or refused, however they are broken.
fn keys(data: &[u8]) {
    let algorithms = [
        JwtAlgorithm::Rs256,
        JwtAlgorithm::Es512,
        JwtAlgorithm::EdDsa,
    ];
    let text = String::from_utf8_lossy(data);
    for algorithm in algorithms {
        drop(Key::from_pem(algorithm, &text));
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE"] {
            let content = STANDARD.encode(data);
            let block = format!("-----BEGIN {label}-----{content}-----END {label}-----");
            drop(Key::from_pem(algorithm, &block));
        }
        if let Ok(Value::Object(set)) = serde_json::from_slice(data) {
            let config = JwtConfig {
                algorithm,
                ..JwtConfig::default()
            };
            drop(Verifier::new(&config, KeySource::Set(&set)));
        }
    }
}

fn signed(header: &[u8], claims: &[u8]) -> String {
    let parts = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = parts.join(".");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
