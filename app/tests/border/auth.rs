//! Auth lowered: which rows ask for what, and which configurations are refused at start.

use serde_json::{Value, json};
use spikard_app::App;
use spikard_contract::config::ServerConfig;

fn lower(config: &Value, auth: &Value) -> Result<String, String> {
    let mut app = App::new();
    let mut route = json!({ "methods": ["POST"], "path": "/r", "handler": 0, "name": "r" });
    if !auth.is_null() {
        route["auth"] = auth.clone();
    }
    app.add_route(serde_json::from_value(route).unwrap())
        .unwrap();
    let config = ServerConfig::from_value(config).unwrap();
    let plan = app.lower(&config).map_err(|error| error.to_string())?;
    let plan = plan.to_string();
    let row = plan.lines().find(|line| line.starts_with("POST /r"));
    let (_, stages) = row.unwrap().split_once(": ").unwrap();
    let (request, _) = stages.split_once(" body_limit").unwrap_or(("", ""));
    // What stands before the limit of the body, which is the first row of a route without auth.
    Ok(if stages.starts_with("body_limit") {
        String::new()
    } else {
        request.to_owned()
    })
}

fn both() -> Value {
    json!({ "jwt_auth": { "secret": "s" }, "api_key_auth": { "keys": ["k"] } })
}

#[test]
fn rows_stand_for_what_is_asked_before_the_body() {
    for (auth, rows) in [
        (json!(null), "jwt api_key"),
        (json!("required"), "jwt api_key"),
        (json!("optional"), "jwt api_key"),
        (json!("excluded"), ""),
        // One row that knows both.
        (json!("any"), "jwt"),
        (json!("jwt"), "jwt"),
        (json!("api_key"), "api_key"),
    ] {
        assert_eq!(lower(&both(), &auth), Ok(rows.to_owned()), "{auth}");
    }
    let key = json!({ "api_key_auth": { "keys": ["k"] } });
    assert_eq!(lower(&key, &json!("any")), Ok("api_key".to_owned()));
    assert_eq!(lower(&json!({}), &json!(null)), Ok(String::new()));
    for auth in ["optional", "excluded"] {
        assert_eq!(lower(&json!({}), &json!(auth)), Ok(String::new()));
    }
}

#[test]
fn a_route_is_never_served_without_the_auth_it_asks_for() {
    let refused = |config: &Value, auth: &str| lower(config, &json!(auth)).unwrap_err();
    let words = "the route /r asks for auth, and the configuration has no";
    for auth in ["required", "any"] {
        let either = format!("{words} jwt_auth or api_key_auth");
        assert_eq!(refused(&json!({}), auth), either);
    }
    let key = json!({ "api_key_auth": { "keys": ["k"] } });
    assert_eq!(refused(&key, "jwt"), format!("{words} jwt_auth"));
    let token = json!({ "jwt_auth": { "secret": "s" } });
    assert_eq!(refused(&token, "api_key"), format!("{words} api_key_auth"));
}

#[test]
fn keys_are_read_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let pem = include_str!("../../../testing_data/tokens/certificate.pem");
    std::fs::write(path("key.pem"), pem).unwrap();
    std::fs::write(path("set.json"), r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#).unwrap();
    std::fs::write(path("long.json"), " ".repeat((1 << 20) + 1)).unwrap();
    std::fs::write(path("no.json"), "[1]").unwrap();
    let by = |knob: &str, algorithm: &str, given: String| {
        let jwt = json!({ knob: given, "algorithm": algorithm });
        lower(&json!({ "jwt_auth": jwt }), &json!(null))
    };
    assert_eq!(
        by("public_key", "RS256", path("key.pem")),
        Ok("jwt".to_owned())
    );
    assert_eq!(by("jwks", "HS256", path("set.json")), Ok("jwt".to_owned()));
    for (knob, algorithm, name, words) in [
        (
            "public_key",
            "RS256",
            "none.pem",
            "cannot be read: No such file",
        ),
        (
            "public_key",
            "ES256",
            "key.pem",
            "/jwt_auth/public_key: ES256 takes a key on P-256",
        ),
        (
            "public_key",
            "RS256",
            "set.json",
            "/jwt_auth/public_key: the PEM text has no whole",
        ),
        (
            "jwks",
            "HS256",
            "long.json",
            "cannot be read: it is longer than 1 MiB",
        ),
        (
            "jwks",
            "HS256",
            "no.json",
            "/jwt_auth/jwks: it is no JSON object; see line 1",
        ),
        (
            "jwks",
            "HS512",
            "key.pem",
            "/jwt_auth/jwks: it is no JSON object",
        ),
        (
            "jwks",
            "RS256",
            "set.json",
            "/jwt_auth/jwks: none of the keys can verify RS256",
        ),
        ("jwks", "HS256", ".", "cannot be read"),
    ] {
        let refused = by(knob, algorithm, path(name)).unwrap_err();
        assert!(refused.contains(words), "{refused} has not {words}");
    }
}

#[test]
fn weak_secrets_are_told_once() {
    let config = ServerConfig::from_value(&json!({ "jwt_auth": { "secret": "xyzzy" } })).unwrap();
    let plan = App::new().lower(&config).unwrap();
    let warnings = plan.take_warnings();
    assert!(
        warnings[0].contains("has 5 bytes; HS256 asks for 32"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains("xyzzy"));
    assert!(plan.take_warnings().is_empty());
}

#[test]
fn a_word_of_protect_that_protects_nothing_is_refused() {
    let refused = |config: &Value| lower(config, &json!(null)).unwrap_err();
    assert_eq!(
        refused(&json!({ "health": {}, "protect": ["/livez"] })),
        "/protect/0: there is no jwt_auth and no api_key_auth to ask for"
    );
    let mut config = both();
    config["health"] = json!({});
    config["protect"] = json!(["/readyz", "/static"]);
    assert_eq!(
        refused(&config),
        "/protect/1: '/static' is no path of static files or of a health endpoint, or above one"
    );
}
