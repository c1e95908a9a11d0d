//! Claims as arguments of handlers, and what the log says of a weak secret.

mod common;

use common::{Lines, config};
use serde::Deserialize;
use serde_json::{Value, json};
use spikard::{App, Claims, Problem, Request, Response, RouteAuth, TestClient, TestReply};

/// `{"sub":"ada","exp":32503680000}`, signed with [`SECRET`] by PyJWT.
const ADA: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOiJhZGEiLCJleHAiOjMyNTAzNjgwMDAwfQ.\
    Dy5FZ4CBAHa8XX6Pao1CcPwcQ9Z66XiB0ujCVfghG7A";
/// `{"sub":1,"exp":32503680000}`, likewise.
const NUMBER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.\
    eyJzdWIiOjEsImV4cCI6MzI1MDM2ODAwMDB9.\
    fnRRZ_9m9zvmw8wx41gOngq2gv8vQEURFUD6Ht0DhSE";
const SECRET: &str = "a shared secret that is as long as the longest of the hashes is!";

#[derive(Deserialize)]
struct User {
    sub: String,
}

fn app() -> App {
    let mut app = App::new();
    app.get("/me", |Claims(user): Claims<User>| user.sub);
    app.get("/guest", |user: Option<Claims<User>>| {
        user.map_or_else(|| "nobody".to_owned(), |user| user.0.sub)
    })
    .auth(RouteAuth::Optional);
    app.get("/open", |Claims(user): Claims<User>| user.sub)
        .auth(RouteAuth::Excluded);
    app.get("/request", |request: Request| {
        Value::from(request.claims()).to_string()
    });
    app.log(Lines::default());
    app
}

fn get(client: &TestClient, path: &str, token: Option<&str>) -> TestReply {
    let request = client.get(path);
    match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    }
    .send()
}

#[test]
fn claims_become_a_type() {
    let config = config(json!({ "jwt_auth": { "secret": SECRET } }));
    let client = TestClient::with_config(app(), &config).unwrap();
    assert_eq!(get(&client, "/me", Some(ADA)).text(), "ada");
    assert_eq!(get(&client, "/guest", Some(ADA)).text(), "ada");
    assert_eq!(get(&client, "/guest", None).text(), "nobody");
    let seen = get(&client, "/request", Some(ADA));
    assert_eq!(seen.text(), r#"{"sub":"ada","exp":32503680000}"#);
    for path in ["/me", "/guest"] {
        let misfit = get(&client, path, Some(NUMBER));
        assert_eq!(misfit.status(), 403);
        let detail = "The claims of the JWT are not those that the route asks for";
        assert_eq!(misfit.json()["detail"], detail);
    }
    // The route lets in whom the handler cannot serve: closed, not open.
    let refused = get(&client, "/open", Some(ADA));
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.header("www-authenticate").as_deref(),
        Some("Bearer")
    );
}

#[test]
fn claims_are_there_where_hooks_run() {
    let config = config(json!({ "jwt_auth": { "secret": SECRET } }));
    let sub = |request: &Request| {
        let claims = request.claims().unwrap_or_default();
        claims
            .get("sub")
            .map_or_else(|| "none".to_owned(), Value::to_string)
    };
    let mut app = app();
    app.get("/fails", || Problem::new(418));
    app.on_request(move |request: &mut Request| request.set_header("x-early", &sub(request)));
    app.pre_validation(move |request: &mut Request| request.set_header("x-asked", &sub(request)));
    app.pre_handler(move |request: &mut Request| request.set_header("x-handled", &sub(request)));
    app.on_response(move |reply: &mut Response| {
        let request = reply.request();
        let seen = ["x-early", "x-asked", "x-handled"].map(|name| request.header(name));
        let seen = format!("{seen:?} {}", sub(request));
        reply.set_header("x-seen", &seen);
    });
    app.on_error(move |reply: &mut Response| {
        let seen = sub(reply.request());
        reply.set_header("x-failed", &seen);
    });
    let client = TestClient::with_config(app, &config).unwrap();
    let reply = get(&client, "/me", Some(ADA));
    assert_eq!(reply.text(), "ada");
    // Before routing nobody has judged a token.
    let seen = r#"[Some("none"), Some("\"ada\""), Some("\"ada\"")] "ada""#;
    assert_eq!(reply.header("x-seen").as_deref(), Some(seen));
    let failed = get(&client, "/fails", Some(ADA));
    assert_eq!(failed.status(), 418);
    assert_eq!(failed.header("x-failed").as_deref(), Some(r#""ada""#));
    let refused = get(&client, "/me", None);
    assert_eq!(refused.status(), 401);
    assert_eq!(refused.header("x-failed").as_deref(), Some("none"));
}

#[test]
fn a_weak_secret_is_in_the_log() {
    let lines = Lines::default();
    let mut app = App::new();
    app.log(lines.clone());
    let config = config(json!({ "jwt_auth": { "secret": "hunter2" } }));
    let client = TestClient::with_config(app, &config).unwrap();
    drop(client);
    let lines = lines.all();
    let told: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("jwt_auth.secret"))
        .collect();
    assert_eq!(told.len(), 1, "{lines:?}");
    assert!(!lines.concat().contains("hunter2"));
}
