//! Invariants of the whole engine: whatever is sent, there is one reply, and it is never a 500.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use spikard_app::{App, Injector};
use spikard_contract::config::ServerConfig;
use spikard_contract::route::Placement;
use spikard_middleware::log::{Level, Log};
use spikard_middleware::{CallId, Exchange, HostPort, Notice, Outcome, Segment};

/// A message as it comes from a socket.
pub fn fuzz_request(data: &[u8]) {
    ask(data);
}

/// Lines that are a segment of the path, a query, a field's value, cookies and a form: all typed
/// parameters of one route.
pub fn fuzz_parameters(data: &[u8]) {
    let mut lines = data.splitn(5, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (segment, query) = (in_target(line(), b"&=[]+"), in_target(line(), b"&=[]+/"));
    let segment = if segment.is_empty() { "0" } else { &segment };
    let (field, cookies, form) = (in_field(line()), in_field(line()), line());
    let length = form.len();
    let mut request =
        format!("POST /p/{segment}?{query} HTTP/1.1\r\nhost: x\r\nx-ids: ").into_bytes();
    request.extend_from_slice(&field);
    request.extend_from_slice(b"\r\ncookie: ");
    request.extend_from_slice(&cookies);
    request.extend_from_slice(b"\r\ncontent-type: application/x-www-form-urlencoded\r\n");
    request.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
    request.extend_from_slice(form);
    let status = ask(&request);
    let known = [200, 400, 404, 413, 414, 422, 431];
    assert!(
        status.is_some_and(|status| known.contains(&status)),
        "{status:?}"
    );
}

/// Encodes what a target may not have as it is; escapes stay.
fn in_target(bytes: &[u8], kept: &[u8]) -> String {
    let mut target = String::new();
    for byte in bytes {
        match byte {
            b'%' => target.push('%'),
            byte if byte.is_ascii_alphanumeric() || kept.contains(byte) => {
                target.push(char::from(*byte));
            }
            byte => target.push_str(&format!("%{byte:02X}")),
        }
    }
    target
}

fn in_field(bytes: &[u8]) -> Vec<u8> {
    let is_text = |byte: &&u8| !matches!(byte, 0..=8 | 10..=31 | 127);
    bytes.iter().filter(is_text).copied().collect()
}

thread_local! {
    static ENGINE: Injector = engine();
}

/// The status of the reply; `None` if the request is not whole.
fn ask(request: &[u8]) -> Option<u16> {
    ENGINE.with(|engine| {
        let mut injection = engine.begin(request);
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(done) = engine.poll(&mut injection, &Host, &mut context) else {
            panic!("the host answers inline");
        };
        let reply = done.ok()?;
        assert_eq!(engine.in_flight(), 0);
        if reply.is_empty() {
            // Nothing was asked: empty lines before a head are skipped (RFC 9112 §2.2).
            assert!(request.iter().all(|byte| matches!(byte, b'\r' | b'\n')));
            return None;
        }
        assert!(reply.starts_with(b"HTTP/1.1 "), "{}", reply.escape_ascii());
        let status = std::str::from_utf8(&reply[9..12]).ok()?.parse().ok()?;
        assert!(
            status < 500 || matches!(status, 501 | 505),
            "{}",
            reply.escape_ascii()
        );
        Some(status)
    })
}

struct Host;

impl HostPort for Host {
    fn call(&self, _: CallId, _: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        x.reply.start(200, "text/plain");
        Outcome::Done
    }

    fn notify(&self, _: CallId, _: Notice) {}
}

struct Silent;

impl Log for Silent {
    fn log(&self, _: Level, _: &str) {}
}

fn engine() -> Injector {
    let mut app = App::new();
    for route in routes() {
        let document = serde_json::from_value(route).expect("a route document");
        app.add_route(document).expect("the routes compile");
    }
    let config = ServerConfig::from_json("{}").expect("the defaults are sound");
    let plan = app.lower(&config).expect("the routes are a plan");
    Injector::new(plan, &config, [1, 2, 3, 4], Arc::new(Silent))
}

/// An optional parameter.
fn typed(name: &str, source: &str, schema: Value) -> Value {
    json!({ "name": name, "source": source, "schema": schema, "required": false })
}

fn routes() -> [Value; 4] {
    let integers = json!({ "type": "array", "items": { "type": "integer" }, "maxItems": 3 });
    let order = json!({
        "type": "object",
        "properties": {
            "id": { "type": "integer", "minimum": 1 },
            "when": { "type": "string", "format": "date-time" },
            "tags": { "type": "array", "items": { "type": "string" }, "uniqueItems": true },
            "of": { "anyOf": [{ "$ref": "#" }, { "type": "null" }, { "type": "boolean" }] },
        },
        "required": ["id"],
        "additionalProperties": false,
    });
    let parameters = json!([
        typed(
            "id",
            "path",
            json!({ "anyOf": [{ "type": "integer" }, { "format": "uuid" }] })
        ),
        typed("n", "query", json!({ "type": "number", "multipleOf": 0.5 })),
        typed("b", "query", json!({ "type": "boolean" })),
        typed("l", "query", integers.clone()),
        typed("s", "query", json!({ "type": "array", "separator": "," })),
        typed("o", "query", order.clone()),
        typed("e", "query", json!({ "enum": ["a", 1, null] })),
        typed("x_ids", "header", integers.clone()),
        typed(
            "c",
            "cookie",
            json!({ "type": "string", "format": "duration" })
        ),
        typed("k", "cookie", integers),
    ]);
    let route = |path: &str, media: &str, parameters: Value| {
        json!({
            "methods": ["GET", "POST"], "path": path, "handler": 0, "name": "any",
            "parameters": parameters,
            "body": { "media": media, "schema": order, "required": false },
        })
    };
    [
        route("/p/{id}", "form", parameters),
        route("/json", "json", json!([])),
        route("/form", "form", json!([])),
        json!({ "methods": ["PUT"], "path": "/{rest:path}", "handler": 0, "name": "rest" }),
    ]
}
