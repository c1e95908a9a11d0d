//! Tokens that others signed: those of the RFCs, and those of libraries (`testing_data/tokens`).

use serde::Deserialize;
use serde_json::{Map, Value, json};
use spikard_middleware::auth::{KeySource, TokenFault, Verifier};

use crate::mint::by_key;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    name: String,
    #[serde(rename = "spec")]
    _spec: String,
    algorithm: String,
    key: Option<Value>,
    pem: Option<String>,
    secret: Option<String>,
    token: String,
    at: u64,
    /// Whether the payload is an object of claims; some RFCs sign plain texts.
    claims: bool,
}

fn all() -> Vec<Signed> {
    let text = include_str!("../../../testing_data/tokens/signed.json");
    serde_json::from_str(text).unwrap()
}

fn set(key: &Value) -> Map<String, Value> {
    json!({ "keys": [key] }).as_object().unwrap().clone()
}

impl Signed {
    fn verifier(&self) -> Verifier {
        let keys = self.key.as_ref().map(set);
        let source = match (&keys, &self.pem, &self.secret) {
            (Some(keys), None, None) => KeySource::Set(keys),
            (None, Some(pem), None) => KeySource::Pem(pem),
            (None, None, Some(secret)) => KeySource::Secret(secret),
            _ => panic!("{} has one key", self.name),
        };
        by_key(&self.algorithm, source)
    }
}

#[test]
fn every_token_is_accepted_and_every_algorithm_is_among_them() {
    let all = all();
    for signed in &all {
        let mut claims = Vec::new();
        let judged = (signed.verifier()).verify(signed.token.as_bytes(), signed.at, &mut claims);
        let expected = if signed.claims {
            Ok(())
        } else {
            // Which is judged after the signature.
            Err(TokenFault::Malformed("the claims are not a JSON object"))
        };
        assert_eq!(judged, expected, "{}", signed.name);
        assert_eq!(signed.claims, !claims.is_empty(), "{}", signed.name);
    }
    let mut algorithms: Vec<&str> = all.iter().map(|signed| signed.algorithm.as_str()).collect();
    algorithms.sort_unstable();
    algorithms.dedup();
    assert_eq!(algorithms.len(), 13, "{algorithms:?}");
}

#[test]
fn a_token_with_one_other_character_is_refused() {
    for signed in all() {
        let verifier = signed.verifier();
        let bytes = signed.token.as_bytes();
        // All of the short ones, and some of each long one: some algorithms take their time.
        let step = 1 + bytes.len() / 200;
        for at in (0..bytes.len()).step_by(step) {
            let mut forged = bytes.to_vec();
            forged[at] = match forged[at] {
                b'A' => b'B',
                b'.' => b'-',
                _ => b'A',
            };
            let judged = verifier.verify(&forged, signed.at, &mut Vec::new());
            assert!(
                matches!(
                    judged,
                    Err(TokenFault::Signature
                        | TokenFault::Parts(2)
                        | TokenFault::Malformed("the header is not a JSON object"))
                ),
                "{} at {at}: {judged:?}",
                signed.name
            );
        }
    }
}

#[test]
fn a_token_that_ends_anywhere_is_refused() {
    for signed in all() {
        let verifier = signed.verifier();
        let bytes = signed.token.as_bytes();
        for end in (0..bytes.len()).step_by(1 + bytes.len() / 100) {
            let judged = verifier.verify(&bytes[..end], signed.at, &mut Vec::new());
            assert!(judged.is_err(), "{} up to {end}", signed.name);
        }
    }
}

#[test]
fn no_token_is_accepted_by_a_judge_of_another_algorithm() {
    let all = all();
    for judge in &all {
        let verifier = judge.verifier();
        for other in all
            .iter()
            .filter(|other| other.algorithm != judge.algorithm)
        {
            let judged = verifier.verify(other.token.as_bytes(), other.at, &mut Vec::new());
            assert_eq!(
                judged,
                Err(TokenFault::Signature),
                "{} {}",
                judge.name,
                other.name
            );
        }
    }
}
