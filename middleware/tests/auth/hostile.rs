//! Forged and broken tokens: each is refused by the right check.

use aws_lc_rs::hmac;
use serde_json::json;
use spikard_middleware::auth::{KeySource, TokenFault};

use crate::mint::{base64url, by_key, judge, token, token_of_bytes, usual, verifier};

const CLAIMS: &str = r#"{"exp":32503680000}"#;
const HEADER: &str = r#"{"alg":"HS256"}"#;

fn refusal(token: &str) -> TokenFault {
    judge(&verifier(&json!({})), token).expect_err("it is refused")
}

#[test]
fn the_algorithm_is_not_the_tokens_choice() {
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "hs256",
        "Hs256",
        "HS256 ",
        "HS384",
        "HS512",
        "RS256",
        "ES256",
        "EdDSA",
        "HS256\u{0}",
    ] {
        let header = json!({ "alg": alg }).to_string();
        let signed = token(&header, CLAIMS);
        assert_eq!(refusal(&signed), TokenFault::Signature, "{alg}");
        let (unsigned, _) = signed.rsplit_once('.').unwrap();
        assert_eq!(
            refusal(&format!("{unsigned}.")),
            TokenFault::Signature,
            "{alg}"
        );
    }
    for header in ["{}", r#"{"typ":"JWT"}"#] {
        assert_eq!(refusal(&token(header, CLAIMS)), TokenFault::Signature);
    }
    for header in [r#"{"alg":null}"#, r#"{"alg":["HS256"]}"#, r#"{"alg":1}"#] {
        let refused = refusal(&token(header, CLAIMS));
        assert!(matches!(refused, TokenFault::Malformed(_)), "{refused:?}");
    }
}

/// The classic forgery (CVE-2015-9235, CVE-2022-29217): the public key as a shared secret.
#[test]
fn a_public_key_signs_nothing() {
    let pem = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n\
        6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n\
        -----END PUBLIC KEY-----\n";
    let verifier = by_key("ES256", KeySource::Pem(pem));
    for secret in [pem, pem.trim_end(), &pem.replace('\n', "")] {
        for alg in ["HS256", "ES256"] {
            let header = json!({ "alg": alg }).to_string();
            let forged = token_of_bytes(header.as_bytes(), CLAIMS.as_bytes(), secret.as_bytes());
            assert_eq!(judge(&verifier, &forged), Err(TokenFault::Signature));
        }
    }
}

#[test]
fn critical_extensions_are_refused() {
    for header in [
        r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","b64":false}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":true}"#,
    ] {
        let refused = refusal(&token(header, CLAIMS));
        assert_eq!(
            refused,
            TokenFault::Malformed("the header has critical extensions")
        );
    }
}

#[test]
fn keys_that_a_token_brings_are_not_looked_at() {
    let header = r#"{"alg":"HS256","kid":"../../etc/passwd","jku":"http://127.0.0.1:1/",
        "jwk":{"kty":"oct","k":"AA"},"x5u":"http://127.0.0.1:1/","x5c":["AA"]}"#;
    assert!(judge(&verifier(&json!({})), &token(header, CLAIMS)).is_ok());
    let forged = token_of_bytes(header.as_bytes(), CLAIMS.as_bytes(), &[0]);
    assert_eq!(refusal(&forged), TokenFault::Signature);
}

#[test]
fn repeated_members_are_refused_at_every_level() {
    for header in [
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
        r#"{"alg":"HS256","x":{"a":1,"a":1}}"#,
    ] {
        assert!(
            matches!(refusal(&token(header, CLAIMS)), TokenFault::Malformed(_)),
            "{header}"
        );
    }
    for claims in [
        r#"{"exp":1,"exp":32503680000}"#,
        r#"{"exp":32503680000,"x":[{"a":1,"b":2,"a":3}]}"#,
        r#"{"exp":32503680000,"\u0065xp":32503680000}"#,
    ] {
        assert!(
            matches!(refusal(&token(HEADER, claims)), TokenFault::Malformed(_)),
            "{claims}"
        );
    }
}

#[test]
fn what_is_no_object_is_refused() {
    for text in [
        "",
        " ",
        "null",
        "[]",
        "\"a\"",
        "1",
        "{",
        "{}x",
        "{}{}",
        "{\"a\":}",
        "{'a':1}",
        "{\"a\":1,}",
        "\u{feff}{}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\u{0}\"}",
    ] {
        assert!(
            matches!(refusal(&token(text, CLAIMS)), TokenFault::Malformed(_)),
            "{text}"
        );
        assert!(
            matches!(refusal(&token(HEADER, text)), TokenFault::Malformed(_)),
            "{text}"
        );
    }
    let not_text = token_of_bytes(HEADER.as_bytes(), b"{\"a\":\"\xff\"}", secret());
    assert!(matches!(refusal(&not_text), TokenFault::Malformed(_)));
    let utf16: Vec<u8> = CLAIMS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let other = token_of_bytes(HEADER.as_bytes(), &utf16, secret());
    assert!(matches!(refusal(&other), TokenFault::Malformed(_)));
}

fn secret() -> &'static [u8] {
    crate::mint::SECRET.as_bytes()
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        token(
            HEADER,
            &format!(r#"{{"exp":32503680000,"x":{open}{close}}}"#),
        )
    };
    assert!(judge(&verifier(&json!({})), &nested(16)).is_ok());
    assert!(matches!(refusal(&nested(17)), TokenFault::Malformed(_)));
    assert!(matches!(refusal(&nested(5_000)), TokenFault::Malformed(_)));
}

#[test]
fn the_number_of_parts_is_told() {
    for (text, parts) in [
        ("", 1),
        ("a", 1),
        ("a.b", 2),
        ("a.b.c.d", 4),
        ("....", 5),
        (".", 2),
    ] {
        assert_eq!(refusal(text), TokenFault::Parts(parts), "{text}");
    }
    assert_eq!(refusal(&".".repeat(16_384)), TokenFault::Parts(16_385));
}

#[test]
fn long_tokens_are_refused_unread() {
    let long = |bytes: usize| {
        // Three characters of base64url are two bytes and a bit: lengths of all kinds come out.
        let claims = format!(r#"{{"exp":32503680000,"x":"{}"}}"#, "x".repeat(bytes));
        usual(&serde_json::from_str(&claims).unwrap())
    };
    assert!(judge(&verifier(&json!({})), &long(12_000)).is_ok());
    assert_eq!(
        refusal(&long(12_300)),
        TokenFault::Malformed("it is longer than 16384 bytes")
    );
    let mega = refusal(&"a".repeat(1 << 20));
    assert_eq!(mega, TokenFault::Malformed("it is longer than 16384 bytes"));
}

#[test]
fn base64url_is_read_strictly() {
    let good = token(HEADER, CLAIMS);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    // 43 characters carry 256 bits and two that must be zero: the last one has three others.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    for other in 1..4 {
        let twin = alphabet.as_bytes()[place + other] as char;
        let forged = format!("{signed}.{}{twin}", &signature[..42]);
        assert_eq!(refusal(&forged), TokenFault::Signature);
    }
    for end in ["=", "==", "A", "AAAA", " ", "\n", "\0", "%3D"] {
        assert_eq!(
            refusal(&format!("{good}{end}")),
            TokenFault::Signature,
            "{end:?}"
        );
    }
    for start in [" ", "\0", "Bearer ", "=", "\n"] {
        let refused = refusal(&format!("{start}{good}"));
        assert!(
            matches!(refused, TokenFault::Malformed(_)),
            "{start:?}: {refused:?}"
        );
    }
    // The other alphabet of base64, in the claims.
    let marks = token(HEADER, r#"{"exp":32503680000,"a":"???>>>~~~"}"#);
    let (header, rest) = marks.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    let other = claims.replace('-', "+").replace('_', "/");
    assert_ne!(claims, other);
    let signed = format!("{header}.{other}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret());
    let forged = format!(
        "{signed}.{}",
        base64url(hmac::sign(&key, signed.as_bytes()))
    );
    assert_eq!(
        refusal(&forged),
        TokenFault::Malformed("the claims are not base64url")
    );
    let padded = good.replacen('.', "=.", 1);
    assert!(matches!(refusal(&padded), TokenFault::Malformed(_)));
}
