//! What claims are asked for, and at which second they turn.

use serde_json::{Value, json};
use spikard_middleware::auth::TokenFault;

use crate::mint::{NOW, judge, token, usual, verifier};

const HEADER: &str = r#"{"alg":"HS256"}"#;

fn fault(knobs: &Value, claims: &Value) -> Option<TokenFault> {
    judge(&verifier(knobs), &usual(claims)).err()
}

#[test]
fn times_turn_on_their_second() {
    let cases = [
        // exp, nbf, leeway; an expiry is over on its own second (RFC 7519 §4.1.4).
        (json!(NOW), json!(0), 0.0, Some(TokenFault::Expired)),
        (json!(NOW + 1), json!(0), 0.0, None),
        (json!(NOW as f64 + 0.5), json!(0), 0.0, None),
        (json!(NOW - 9), json!(0), 10.0, None),
        (json!(NOW - 10), json!(0), 10.0, Some(TokenFault::Expired)),
        (json!(NOW as f64 - 9.5), json!(0), 10.0, None),
        (json!(NOW + 1), json!(NOW), 0.0, None),
        (
            json!(NOW + 1),
            json!(NOW + 1),
            0.0,
            Some(TokenFault::NotYetValid),
        ),
        (
            json!(NOW + 1),
            json!(NOW as f64 + 0.5),
            0.0,
            Some(TokenFault::NotYetValid),
        ),
        (json!(NOW + 1), json!(NOW + 10), 10.0, None),
        (
            json!(NOW + 1),
            json!(NOW + 11),
            10.0,
            Some(TokenFault::NotYetValid),
        ),
        (json!(1e300), json!(-1e300), 0.0, None),
        (json!(u64::MAX), json!(i64::MIN), 0.0, None),
        (json!(-1), json!(0), 0.0, Some(TokenFault::Expired)),
        (json!(0), json!(0), 3600.0, Some(TokenFault::Expired)),
        (
            json!(NOW + 1),
            json!(1e300),
            3600.0,
            Some(TokenFault::NotYetValid),
        ),
    ];
    for (exp, nbf, leeway, expected) in cases {
        let claims = json!({ "exp": exp, "nbf": nbf, "iat": 1.5 });
        assert_eq!(
            fault(&json!({ "leeway": leeway }), &claims),
            expected,
            "{claims}"
        );
    }
}

#[test]
fn times_that_are_no_numbers_are_malformed() {
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!("1900000000"),
            json!(true),
            json!(null),
            json!([1]),
            json!({}),
        ] {
            let mut claims = json!({ "exp": NOW + 1 });
            claims[name] = value;
            assert!(
                matches!(fault(&json!({}), &claims), Some(TokenFault::Malformed(_))),
                "{claims}"
            );
        }
    }
    // No number of JSON, and one beyond all floats.
    for exp in ["0x7fffffff", "1e400", "NaN", "Infinity", "01", "+1", "1."] {
        let token = token(HEADER, &format!(r#"{{"exp":{exp}}}"#));
        let judged = judge(&verifier(&json!({})), &token);
        assert!(
            matches!(judged, Err(TokenFault::Malformed(_))),
            "{exp}: {judged:?}"
        );
    }
}

#[test]
fn an_audience_of_ours_is_enough() {
    let knobs = json!({ "audience": ["api", "web"], "require_exp": false });
    for good in [
        json!("api"),
        json!("web"),
        json!(["other", "web"]),
        json!(["api", "api"]),
    ] {
        assert_eq!(fault(&knobs, &json!({ "aud": good })), None);
    }
    let bad = [
        json!("API"),
        json!(""),
        json!([]),
        json!(["other"]),
        json!([["api"]]),
        json!(null),
        json!(["api", 1]),
        json!({ "api": 1 }),
        json!("api,web"),
        json!("ap"),
        json!("api "),
    ];
    for bad in bad {
        assert_eq!(
            fault(&knobs, &json!({ "aud": bad })),
            Some(TokenFault::Audience),
            "{bad}"
        );
    }
    assert_eq!(fault(&knobs, &json!({})), Some(TokenFault::Audience));
    assert_eq!(
        fault(&json!({ "require_exp": false }), &json!({ "aud": 5 })),
        None
    );
    let one = json!({ "audience": "api", "require_exp": false });
    assert_eq!(fault(&one, &json!({ "aud": "api" })), None);
}

#[test]
fn the_issuer_is_compared_exactly() {
    let knobs = json!({ "issuer": "https://a.example", "require_exp": false });
    assert_eq!(fault(&knobs, &json!({ "iss": "https://a.example" })), None);
    let refused = Some(TokenFault::Issuer("https://a.example".to_owned()));
    for bad in [
        json!("https://a.example/"),
        json!(null),
        json!(["https://a.example"]),
    ] {
        assert_eq!(fault(&knobs, &json!({ "iss": bad })), refused, "{bad}");
    }
    assert_eq!(fault(&knobs, &json!({})), refused);
}

#[test]
fn missing_claims_are_named_together() {
    let missing = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Some(TokenFault::MissingClaims(names))
    };
    let knobs = json!({ "required_claims": ["role", "tenant"] });
    let exp = NOW + 1;
    let whole = json!({ "exp": exp, "role": null, "tenant": 1 });
    assert_eq!(fault(&knobs, &whole), None);
    assert_eq!(
        fault(&knobs, &json!({ "exp": exp, "role": "x" })),
        missing(&["tenant"])
    );
    assert_eq!(
        fault(&knobs, &json!({ "exp": exp })),
        missing(&["role", "tenant"])
    );
    assert_eq!(
        fault(&knobs, &json!({ "role": 1 })),
        missing(&["exp", "tenant"])
    );
    assert_eq!(fault(&json!({}), &json!({})), missing(&["exp"]));
    assert_eq!(fault(&json!({ "require_exp": false }), &json!({})), None);
    // One that is there and over is judged all the same.
    let lax = json!({ "require_exp": false });
    assert_eq!(fault(&lax, &json!({ "exp": 1 })), Some(TokenFault::Expired));
    // Names within other claims do not count.
    let nested = json!({ "exp": exp, "a": { "role": 1, "tenant": 1 } });
    assert_eq!(fault(&knobs, &nested), missing(&["role", "tenant"]));
}

#[test]
fn claims_are_handed_over_byte_by_byte() {
    let text = format!(
        "{{ \"exp\" : {exp}, \"n\": 1.10, \"u\": \"\\u00e4ä\" }}",
        exp = NOW + 1
    );
    assert_eq!(
        judge(&verifier(&json!({})), &token(HEADER, &text)),
        Ok(text)
    );
}
