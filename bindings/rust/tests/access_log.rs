//! The access log: one line per request, whoever answers it, and nothing in it that is secret.

#![expect(clippy::unwrap_used, reason = "a test may stop")]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{Lines, PATIENCE, config, engines, serve};
use serde_json::{Value, json};
use spikard::{App, Path, Problem, TestClient};

fn app(lines: &Lines) -> App {
    let mut app = App::new();
    app.log(lines.clone());
    app.get("/users/{id:int}", |Path(id): Path<i64>| json!({"id": id}));
    app.get("/broken", || Err::<(), _>(Problem::new(503)));
    app
}

/// The lines of these requests, in process.
fn told(format: &str, more: Value, requests: impl Fn(&TestClient)) -> Vec<String> {
    let lines = Lines::default();
    let mut log = json!({"format": format, "target": "log"});
    log.as_object_mut()
        .unwrap()
        .extend(more["log"].as_object().cloned().unwrap_or_default());
    let mut keys = json!({"access_log": log, "log_level": "error"});
    keys.as_object_mut()
        .unwrap()
        .extend(more["server"].as_object().cloned().unwrap_or_default());
    let client = TestClient::with_config(app(&lines), &config(keys)).unwrap();
    requests(&client);
    lines.all()
}

#[test]
fn a_line_tells_what_became_of_a_request() {
    let lines = told("json", json!({}), |client| {
        client
            .get("/users/7?page=2")
            .header("x-request-id", "abc")
            .send();
        client.get("/users/x").send();
        client.get("/nowhere").send();
        client.get("/broken").send();
    });
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let facts = |line: &Value| {
        let keys = ["method", "path", "query", "protocol", "route", "status"];
        Value::from_iter(keys.map(|key| line[key].clone()))
    };
    assert_eq!(
        lines.iter().map(facts).collect::<Vec<_>>(),
        [
            json!([
                "GET",
                "/users/7",
                "page=2",
                "HTTP/1.1",
                "/users/{id:int}",
                200
            ]),
            json!(["GET", "/users/x", null, "HTTP/1.1", "/users/{id:int}", 422]),
            json!(["GET", "/nowhere", null, "HTTP/1.1", null, 404]),
            json!(["GET", "/broken", null, "HTTP/1.1", "/broken", 503]),
        ]
    );
    assert_eq!(
        (&lines[0]["request_id"], &lines[0]["bytes"]),
        (&json!("abc"), &json!(8))
    );
    assert_eq!(lines[0]["worker"], std::process::id());
    let time = lines[0]["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
    assert!(lines[0]["duration_us"].is_u64());
    assert_eq!(lines[0].get("headers"), None);
}

#[test]
fn secrets_are_masked() {
    let more = json!({
        "log": {"headers": ["User-Agent", "authorization", "Cookie", "x-token", "x-none"]},
        "server": {"sensitive_headers": ["X-Token"]},
    });
    for format in ["json", "text"] {
        let lines = told(format, more.clone(), |client| {
            client
                .get("/users/7?api_key=hunter2&a=b&access%5Ftoken=hunter2")
                .header("user-agent", "me")
                .header("authorization", "Bearer hunter2")
                .header("cookie", "s=hunter2")
                .header("x-token", "hunter2")
                .send();
        });
        let line = &lines[0];
        assert!(!line.contains("hunter2"), "{line}");
        assert!(
            line.contains("api_key=***&a=b&access%5Ftoken=***"),
            "{line}"
        );
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                line["headers"],
                json!({"user-agent": "me", "authorization": "***", "cookie": "***",
                    "x-token": "***", "x-none": null})
            );
        } else {
            assert!(
                line.contains("user-agent=\"me\" authorization=\"***\""),
                "{line}"
            );
            assert!(line.ends_with("x-none=-"), "{line}");
        }
    }
}

#[test]
fn a_line_is_one_line_whatever_clients_send() {
    let more = json!({"log": {"headers": ["x-a"]}});
    for format in ["json", "text"] {
        let lines = told(format, more.clone(), |client| {
            client
                .get("/nowhere%0a%0d\"\\")
                .header("x-a", "b\" status=\"200 \u{202e}\u{85}")
                .header("x-request-id", "a\"b")
                .send();
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert!(
            line.chars().all(|character| !character.is_control()),
            "{line}"
        );
        if format == "json" {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["headers"]["x-a"], "b\" status=\"200 \u{202e}\u{85}");
        } else {
            assert!(
                line.contains(r#"x-a="b\" status=\"200 \u{202e}\u{85}""#),
                "{line}"
            );
            assert!(line.contains(r#"id=a\"b"#), "{line}");
        }
    }
}

#[test]
fn lines_reach_a_file_from_every_engine() {
    for engine in engines() {
        let path = std::env::temp_dir().join(format!(
            "spikard-access-{}-{engine}.log",
            std::process::id()
        ));
        let lines = Lines::default();
        let target = path.to_str().unwrap();
        let server = serve(
            app(&lines),
            engine,
            json!({"access_log": {"format": "text", "target": target}}),
        );
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = "GET /users/1 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50);
        // The last message is none, and is told of as well.
        let request = request + "NONSENSE\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
        drop(server);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let good = text.lines().filter(|line| {
            line.contains(" 127.0.0.1 \"GET /users/1 HTTP/1.1\" 200 8B ")
                && line.contains(" route=/users/{id:int} id=")
        });
        assert_eq!(good.count(), 50, "{text}");
        let bad = text.lines().filter(|line| line.contains("\" 400 "));
        assert_eq!((bad.count(), text.lines().count()), (1, 51), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_opened_is_named() {
    let keys = json!({"port": 0, "access_log": {"target": "/nowhere/at/all.log"}});
    let error = App::new().start(config(keys)).unwrap_err().to_string();
    assert!(
        error.contains("/access_log/target: cannot open /nowhere/at/all.log"),
        "{error}"
    );
}
