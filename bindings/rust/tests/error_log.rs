//! The log of what fails: as words or as JSON, under the request's id, and without its secrets.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod common;

use std::error::Error;
use std::fmt;

use common::{Lines, config, engines};
use serde_json::{Value, json};
use spikard::{App, Request, TestClient};

/// An error with a source.
#[derive(Debug)]
struct Outer(fmt::Error);

impl fmt::Display for Outer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the query failed")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn app(lines: &Lines) -> App {
    let mut app = App::new();
    app.log(lines.clone());
    app.get("/fails/{id}", || Err::<(), _>(Outer(fmt::Error)));
    app.get("/panics", || -> &'static str { panic!("at the\ndisco") });
    app.get("/late", async || {
        spikard::sleep(std::time::Duration::from_secs(5)).await;
        "late"
    });
    app.get("/hooked", || "here");
    app.on_request(|request: &mut Request| match request.path() {
        "/hooked" => Err(Outer(fmt::Error)),
        _ => Ok(()),
    });
    app
}

/// Asks for what fails, with secrets wherever a request may carry one.
fn ask(client: &TestClient) {
    for path in ["/fails/7", "/panics", "/late", "/hooked"] {
        let reply = client
            .get(&format!("{path}?api_key=sesame&token=sesame"))
            .header("authorization", "Bearer sesame")
            .header("cookie", "session=sesame")
            .header("x-api-key", "sesame")
            .header("x-request-id", "abc")
            .send();
        assert!(reply.status() >= 500, "{path}");
    }
}

/// The lines in process, and over a socket on every engine.
fn told(keys: Value) -> Vec<Vec<String>> {
    let lines = Lines::default();
    ask(&TestClient::with_config(app(&lines), &config(keys.clone())).unwrap());
    let mut all = vec![lines.all()];
    for engine in engines() {
        let (lines, mut keys) = (Lines::default(), keys.clone());
        keys["engine"] = json!(engine);
        ask(&TestClient::over_socket(app(&lines), config(keys)).unwrap());
        all.push(lines.all());
    }
    all
}

#[test]
fn with_json_each_failure_is_one_object_with_its_cause() {
    for lines in told(json!({"log_format": "json", "log_level": "warn", "request_timeout": 0.2})) {
        let lines: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
            .collect();
        let keys = ["level", "request_id", "route", "traceback"];
        let facts = |line: &Value| Value::from_iter(keys.map(|key| line[key].clone()));
        let cause = "the query failed\ncaused by: an error occurred when formatting an argument";
        assert_eq!(
            lines.iter().map(facts).collect::<Vec<_>>(),
            [
                json!(["error", "abc", "/fails/{id}", cause]),
                json!(["error", "abc", "/panics", "panicked: at the\ndisco"]),
                json!(["warn", "abc", "/late", null]),
                json!(["error", "abc", null, cause]),
            ]
        );
        assert_eq!(
            (&lines[2]["method"], &lines[2]["path"]),
            (&json!("GET"), &json!("/late"))
        );
        assert_eq!(lines[3]["path"], "/hooked");
        for line in &lines {
            assert_eq!(line.as_object().unwrap().len(), 9, "{line}");
            assert_eq!(line["worker"], std::process::id());
            assert!(
                line["message"].as_str().unwrap().contains("[abc]"),
                "{line}"
            );
            assert!(!line.to_string().contains("sesame"), "{line}");
        }
    }
}

#[test]
fn as_text_each_failure_is_one_line_and_no_secret_is_in_it() {
    for lines in told(json!({"log_level": "warn", "request_timeout": 0.2})) {
        assert_eq!(lines.len(), 4, "{lines:?}");
        let cause = "the query failed: an error occurred when formatting an argument";
        assert!(lines[0].ends_with(&format!("(/fails/{{id}}) failed: {cause} [abc]")));
        assert!(lines[1].ends_with("(/panics) failed: panicked: at the disco [abc]"));
        for line in lines {
            assert!(!line.contains("sesame") && !line.contains('\n'), "{line}");
        }
    }
}

#[test]
fn the_level_counts_in_both_formats() {
    for format in ["json", "text"] {
        let keys = json!({"log_format": format, "log_level": "error", "request_timeout": 0.2});
        for lines in told(keys) {
            assert_eq!(lines.len(), 3, "{lines:?}");
        }
    }
}
