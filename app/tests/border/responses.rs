//! Replies that do not satisfy their schema: what the log says of them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use spikard_app::Injector;
use spikard_contract::config::{ResponseValidation, ServerConfig};
use spikard_middleware::log::{Level, Log};

use crate::host::{Host, ask, logged_app};

/// Keeps its lines.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<(Level, String)>>);

impl Log for Lines {
    fn log(&self, level: Level, message: &str) {
        self.0.lock().unwrap().push((level, message.to_owned()));
    }
}

impl Lines {
    pub(crate) fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn app(schema: Value, validation: ResponseValidation) -> (Injector, Host, Arc<Lines>) {
    let log = Arc::new(Lines::default());
    let route = json!({
        "methods": ["POST"], "path": "/items/{id}", "handler": 0, "name": "item",
        "body": { "media": "json" },
        "response_schema": { "properties": { "body": schema } },
    });
    let config = ServerConfig {
        response_validation: Some(validation),
        ..ServerConfig::default()
    };
    let (injector, host) = logged_app(&[route], &config, log.clone());
    (injector, host, log)
}

fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /items/7 HTTP/1.1\r\nhost: x\r\nx-request-id: abc\r\ncontent-length: {length}\r\n\r\n\
         {body}"
    )
    .into_bytes()
}

#[test]
fn the_log_names_route_request_and_faults_but_no_values() {
    let lines = json!({ "items": { "properties": { "price": { "type": "number" } } } });
    let schema = json!({ "properties": { "lines": lines }, "required": ["name"] });
    for (validation, level, status, outcome) in [
        (ResponseValidation::Warn, Level::Warn, 200, "sent as it is"),
        (ResponseValidation::Error, Level::Error, 500, "500"),
    ] {
        let (injector, host, log) = app(schema.clone(), validation);
        let request = post(r#"{"lines": [{}, {"price": "secret"}]}"#);
        assert_eq!(ask(&injector, &host, &request).status, status);
        let line = format!(
            "item (/items/{{id}}) replied what its response schema does not allow, {outcome}: \
             body.body.lines.1.price float_parsing, body.body.name missing [abc]"
        );
        assert_eq!(log.take(), [(level, line)]);
        let request = post(r#"{"lines": [{}, {"price": 1}], "name": 1}"#);
        assert_eq!(ask(&injector, &host, &request).status, 200);
        assert_eq!(log.take(), []);
    }
}

#[test]
fn a_line_is_bounded_and_one_line() {
    let (injector, host, log) = app(
        json!({ "additionalProperties": false }),
        ResponseValidation::Warn,
    );
    let long = "x".repeat(5_000);
    let keys = (0..30).map(|at| format!(r#""{at:02}\n{long}": 1"#));
    let body = format!("{{{}}}", keys.collect::<Vec<_>>().join(","));
    assert_eq!(ask(&injector, &host, &post(&body)).status, 200);
    let lines = log.take();
    let [(_, line)] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert!(line.contains(r"body.body.00\nxxx"), "{line}");
    assert!(
        line.ends_with("… extra_forbidden and 20 more [abc]"),
        "{line}"
    );
    assert!(!line.contains('\n') && line.len() < 2_000, "{line}");
}

#[test]
fn of_a_large_reply_the_first_fault_is_named() {
    let items = json!({ "items": { "type": "integer" } });
    let (injector, host, log) = app(items, ResponseValidation::Error);
    let body = format!("[{}]", vec!["null"; 5_000].join(","));
    assert_eq!(ask(&injector, &host, &post(&body)).status, 500);
    let (_, line) = log.take().remove(0);
    let end = "500: body.body.0 int_parsing, and there may be more [abc]";
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn a_reply_that_is_no_json_says_where_it_ends_to_be() {
    let (injector, mut host, log) = app(json!({}), ResponseValidation::Error);
    host.replace(0, |x| {
        x.reply.start(200, "application/json");
        x.reply.body.extend_from_slice(br#"{"secret": secret}"#);
    });
    assert_eq!(ask(&injector, &host, &post("1")).status, 500);
    let line = "item (/items/{id}) replied what its response schema does not allow, 500: the body \
                is not JSON (at byte 11) [abc]";
    assert_eq!(log.take(), [(Level::Error, line.to_owned())]);
}
