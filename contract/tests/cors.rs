//! How allowed origins are written, and which CORS settings are refused at start.

use serde_json::{Value, json};
use spikard_contract::config::{CorsConfig, OriginPattern};

#[test]
fn origins_are_read_as_browsers_write_them() {
    let exact = |text: &str| OriginPattern::Exact(text.to_owned());
    let under = |scheme: Option<&str>, suffix: &str| OriginPattern::Subdomains {
        scheme: scheme.map(str::to_owned),
        suffix: suffix.to_owned(),
    };
    for (text, pattern) in [
        ("*", OriginPattern::Any),
        ("null", exact("null")),
        ("https://a.example", exact("https://a.example")),
        ("http://localhost:8080", exact("http://localhost:8080")),
        ("http://[::1]:8080", exact("http://[::1]:8080")),
        (
            "chrome-extension://abcdef",
            exact("chrome-extension://abcdef"),
        ),
        ("*.example.com", under(None, ".example.com")),
        (
            "https://*.example.com",
            under(Some("https"), ".example.com"),
        ),
        ("*.example.com:8443", under(None, ".example.com:8443")),
    ] {
        assert_eq!(OriginPattern::parse(text), Ok(pattern), "{text}");
    }
}

#[test]
fn an_origin_that_nobody_sends_is_refused_with_the_one_that_is_meant() {
    for (text, words) in [
        (
            "example.com",
            "has no scheme; write 'https://example.com' or '*.example.com'",
        ),
        (
            "https://A.example",
            "upper-case letters, which browsers do not send; write 'https://a.example'",
        ),
        (
            "https://a.example/",
            "has a path; write 'https://a.example'",
        ),
        (
            "https://a.example/app?b",
            "has a path; write 'https://a.example'",
        ),
        (
            "https://a.example:443",
            "the scheme's own port, which browsers leave out; write 'https://a.example'",
        ),
        ("http://a.example:80", "the scheme's own port"),
        ("https://a.example:0443", "'0443' is no port"),
        ("https://a.example:65536", "'65536' is no port"),
        (
            "https://bücher.example",
            "write its ASCII form, which begins with xn--",
        ),
        ("https://", "is no origin; write a host name or an address"),
        ("https://a..example", "is no origin"),
        ("https://*", "is no origin"),
        ("https://a.*.example", "is no origin"),
        ("https://*example.com", "is no origin"),
        ("https://user@a.example", "is no origin"),
        ("://a.example", "its scheme is none"),
        ("ftp://*.example.com", "write the whole origin"),
        ("", "is no origin"),
    ] {
        let fault = OriginPattern::parse(text).expect_err(text);
        assert!(fault.contains(words), "{text}: {fault}");
    }
}

fn faults(document: &Value) -> Vec<String> {
    let error = CorsConfig::from_value(document).expect_err("the document is at fault");
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn what_browsers_refuse_is_refused_at_start() {
    let all = json!({
        "allowed_origins": ["*"], "allowed_methods": ["*"], "allowed_headers": ["*"],
        "expose_headers": ["*"], "allow_credentials": true
    });
    let told = faults(&all);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(
        told[0],
        "/allowed_origins: '*' does not go with allow_credentials: browsers refuse it; list what \
         is meant"
    );
    let mut alone = all.clone();
    alone["allow_credentials"] = json!(false);
    assert!(CorsConfig::from_value(&alone).is_ok());
}

#[test]
fn names_that_cannot_be_met_are_refused() {
    assert_eq!(
        faults(&json!({
            "allowed_origins": ["https://a.example"],
            "allowed_methods": ["get", "A B"],
            "allowed_headers": ["x a"],
            "expose_headers": ["é"]
        })),
        [
            "/allowed_methods: 'get' is compared with case; write 'GET'",
            "/allowed_methods: 'A B' is no method",
            "/allowed_headers: 'x a' is no name of a header field",
            "/expose_headers: 'é' is no name of a header field",
        ]
    );
    assert_eq!(
        faults(&json!({})),
        ["/allowed_origins: missing; it has no default"]
    );
}
