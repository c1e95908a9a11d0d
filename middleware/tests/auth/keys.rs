//! Configurations whose key cannot serve, and sets of keys.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use spikard_contract::config::JwtConfig;
use spikard_middleware::auth::verifier::weakness;
use spikard_middleware::auth::{Key, KeySource, TokenFault, Verifier};

use crate::mint::{algorithm_of, base64url, judge, token_of_bytes};

const CLAIMS: &str = r#"{"exp":32503680000}"#;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn by_set(algorithm: &str, keys: &Value) -> Result<Verifier, String> {
    let config = JwtConfig {
        algorithm: algorithm_of(algorithm),
        ..JwtConfig::default()
    };
    let set = object(&json!({ "keys": keys }));
    Verifier::new(&config, KeySource::Set(&set))
        .map_err(|(place, error)| format!("{place}: {error}"))
}

fn oct(kid: Option<&str>, secret: &str, more: &Value) -> Value {
    let mut key = json!({ "kty": "oct", "k": base64url(secret) });
    if let Some(kid) = kid {
        key["kid"] = kid.into();
    }
    key.as_object_mut().unwrap().extend(object(more));
    key
}

fn signed(kid: Option<&str>, secret: &str) -> String {
    let header = match kid {
        Some(kid) => json!({ "alg": "HS256", "kid": kid }),
        None => json!({ "alg": "HS256" }),
    };
    token_of_bytes(
        header.to_string().as_bytes(),
        CLAIMS.as_bytes(),
        secret.as_bytes(),
    )
}

#[test]
fn the_name_picks_the_key() {
    let keys = json!([
        oct(Some("a"), "alpha", &json!({})),
        oct(Some("b"), "beta", &json!({}))
    ]);
    let verifier = by_set("HS256", &keys).unwrap();
    assert!(judge(&verifier, &signed(Some("a"), "alpha")).is_ok());
    assert!(judge(&verifier, &signed(Some("b"), "beta")).is_ok());
    for (kid, secret) in [
        (Some("a"), "beta"),
        (Some("c"), "alpha"),
        (Some("A"), "alpha"),
        (Some(""), "alpha"),
        (None, "alpha"),
    ] {
        let judged = judge(&verifier, &signed(kid, secret));
        assert_eq!(judged, Err(TokenFault::Signature), "{kid:?} {secret}");
    }
}

#[test]
fn a_set_of_one_key_needs_no_name() {
    for kid in [None, Some("a")] {
        let verifier = by_set("HS256", &json!([oct(kid, "alpha", &json!({}))])).unwrap();
        assert!(judge(&verifier, &signed(None, "alpha")).is_ok());
        assert_eq!(
            judge(&verifier, &signed(None, "beta")),
            Err(TokenFault::Signature)
        );
        let named = judge(&verifier, &signed(Some("b"), "alpha"));
        assert_eq!(named, Err(TokenFault::Signature));
    }
}

#[test]
fn keys_for_other_purposes_are_left_out() {
    let others = [
        json!({ "use": "enc" }),
        json!({ "alg": "HS512" }),
        json!({ "key_ops": ["sign"] }),
        json!({ "key_ops": "verify" }),
        json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" }),
    ];
    for other in others {
        let key = oct(Some("a"), "alpha", &other);
        let refused = by_set("HS256", &json!([key.clone()])).unwrap_err();
        assert!(
            refused.starts_with(": none of the keys can verify HS256"),
            "{refused}"
        );
        let good = oct(
            Some("a"),
            "beta",
            &json!({ "use": "sig", "key_ops": ["sign", "verify"] }),
        );
        let verifier = by_set("HS256", &json!([key, good])).unwrap();
        assert!(judge(&verifier, &signed(Some("a"), "beta")).is_ok());
    }
}

fn refused_set(algorithm: &str, keys: &Value, message: &str) {
    let refused = by_set(algorithm, keys).unwrap_err();
    assert!(refused.starts_with(message), "{refused} is not {message}");
}

#[test]
fn sets_that_cannot_serve_are_refused_with_the_place() {
    let twin = oct(Some("a"), "alpha", &json!({}));
    let twins = json!([twin.clone(), twin.clone()]);
    refused_set("HS256", &twins, "/keys/1: another key has the same 'kid'");
    refused_set("HS256", &json!([1]), "/keys/0: a JWK is an object");
    refused_set(
        "HS256",
        &json!([{ "kty": "oct" }]),
        "/keys/0: 'k' is missing",
    );
    let empty = json!([{ "kty": "oct", "k": "" }]);
    refused_set("HS256", &empty, "/keys/0: the secret is empty");
    refused_set("HS256", &json!([]), ": none of the keys can verify HS256");
    refused_set(
        "HS256",
        &json!(vec![twin; 257]),
        ": a JWK set may have 256 keys",
    );
    refused_set("HS256", &json!({}), ": a JWK set has a list under 'keys'");
}

#[test]
fn weak_rsa_keys_are_refused() {
    let rsa = |bytes: usize, e: &str| {
        let n = base64url(vec![0xff; bytes]);
        json!([{ "kty": "RSA", "n": n, "e": e }])
    };
    refused_set(
        "RS256",
        &rsa(255, "AQAB"),
        "/keys/0: the RSA key has 2040 bits",
    );
    refused_set(
        "RS256",
        &rsa(1025, "AQAB"),
        "/keys/0: the RSA key has 8200 bits",
    );
    for exponent in ["AQ", "Ag", "AQAAAAAB"] {
        let message = "/keys/0: the exponent of the RSA key is not a usual one";
        refused_set("PS256", &rsa(256, exponent), message);
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let point = |x: usize, y: usize| {
        let (x, y) = (base64url(vec![1; x]), base64url(vec![1; y]));
        json!([{ "kty": "EC", "crv": "P-256", "x": x, "y": y }])
    };
    let short = "/keys/0: 'x' has 31 bytes, and the curve has 32";
    refused_set("ES256", &point(31, 32), short);
    refused_set(
        "ES256",
        &point(32, 33),
        "/keys/0: 'y' has 33 bytes, and the curve has 32",
    );
    let off = "/keys/0: a key on P-256 is asked for, and this is no point of its curve";
    refused_set("ES256", &point(32, 32), off);
    refused_set(
        "ES384",
        &point(32, 32),
        ": none of the keys can verify ES384",
    );
    let mut okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" });
    refused_set(
        "EdDSA",
        &json!([okp]),
        "/keys/0: an Ed25519 key is asked for",
    );
    okp["d"] = "AA".into();
    refused_set("EdDSA", &json!([okp]), "/keys/0: a private key");
}

fn block(label: &str, content: &str) -> String {
    format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
}

/// Ed25519 of RFC 8410 §10.1.
const ED25519: &str = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";

#[test]
fn text_around_a_pem_block_does_not_count() {
    let text = block("PUBLIC KEY", ED25519);
    assert!(Key::from_pem(algorithm_of("EdDSA"), &text).is_ok());
    let around = format!("to whom it may concern\n{text}\nregards");
    assert!(Key::from_pem(algorithm_of("EdDSA"), &around).is_ok());
}

#[test]
fn pem_texts_that_cannot_serve_are_refused() {
    let key = block("PUBLIC KEY", ED25519);
    let cases = [
        ("EdDSA", String::new(), "the PEM text has no whole block"),
        (
            "EdDSA",
            "-----BEGIN PUBLIC KEY-----".to_owned(),
            "the PEM text has no whole block",
        ),
        (
            "EdDSA",
            block("PUBLIC KEY", "*"),
            "the PEM block is not base64",
        ),
        (
            "EdDSA",
            block("PUBLIC KEY", ""),
            "the PUBLIC KEY cannot be read",
        ),
        (
            "EdDSA",
            block("PUBLIC KEY", &ED25519[..40]),
            "the PUBLIC KEY cannot be read",
        ),
        (
            "EdDSA",
            block("CERTIFICATE", ED25519),
            "the CERTIFICATE cannot be read",
        ),
        (
            "EdDSA",
            block("RSA PUBLIC KEY", ED25519),
            "EdDSA takes an Ed25519 key, and this is an RS",
        ),
        (
            "EdDSA",
            block("DSA PARAMETERS", ED25519),
            "the PEM block is of 'DSA PARAMETERS'",
        ),
        ("EdDSA", block("PRIVATE KEY", ED25519), "a private key"),
        (
            "EdDSA",
            block("ENCRYPTED PRIVATE KEY", ED25519),
            "a private key",
        ),
        (
            "RS256",
            key.clone(),
            "RS256 takes an RSA key, and this is an Ed25519 key",
        ),
        (
            "ES512",
            key.clone(),
            "ES512 takes a key on P-521, and this is an Ed25519 key",
        ),
        (
            "HS256",
            key,
            "HS256 takes a shared secret, and this is an Ed25519 key",
        ),
    ];
    for (algorithm, text, message) in cases {
        let refused = Key::from_pem(algorithm_of(algorithm), &text);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with(message), "{refused} is not {message}");
    }
}

#[test]
fn der_is_read_without_a_panic_wherever_it_ends_or_errs() {
    let text = include_str!("../../../testing_data/tokens/certificate.pem");
    assert!(Key::from_pem(algorithm_of("RS256"), text).is_ok());
    let content: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(content).unwrap();
    for at in 0..der.len() {
        let mut forged = der.clone();
        forged[at] ^= 0xff;
        for bytes in [&der[..at], &forged] {
            let content = STANDARD.encode(bytes);
            let text = format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----");
            // Only that it ends: what is no part of the key does not count.
            let _ = Key::from_pem(algorithm_of("RS256"), &text);
        }
    }
}

#[test]
fn short_secrets_are_told() {
    let config = |algorithm: &str, bytes: usize| {
        let secret = "x".repeat(bytes);
        JwtConfig::from_value(&json!({ "secret": secret, "algorithm": algorithm })).unwrap()
    };
    assert!(weakness(&config("HS256", 31)).unwrap().contains("31 bytes"));
    assert_eq!(weakness(&config("HS256", 32)), None);
    assert!(weakness(&config("HS384", 47)).is_some());
    assert!(weakness(&config("HS512", 63)).is_some());
    assert_eq!(weakness(&config("HS512", 64)), None);
}
