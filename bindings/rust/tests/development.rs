//! Development mode: who fails is told why, and nobody is in production.

mod common;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use common::{config, engines};
use serde_json::{Value, json};
use spikard::{App, Failure, Problem, TestClient};

/// An error with a source.
#[derive(Debug)]
struct Outer(fmt::Error);

impl fmt::Display for Outer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the <query> failed")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

const TRACE: &str = "the <query> failed\ncaused by: an error occurred when formatting an argument";

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn app() -> App {
    let mut app = App::new();
    app.get("/plain", || Err::<(), _>(Outer(fmt::Error)));
    app.get("/pool", || Err::<(), _>(Outer(fmt::Error)))
        .blocking();
    app.get("/waits", async || {
        spikard::sleep(Duration::from_millis(1)).await;
        Err::<(), _>(Outer(fmt::Error))
    });
    app.get("/panics", || -> &'static str { panic!("at the disco") });
    app.get("/problem", || {
        Err::<(), Failure>(Problem::new(404).detail("none").into())
    });
    app
}

fn clients(keys: &Value) -> Vec<TestClient> {
    let over_socket = |engine| {
        let mut keys = keys.clone();
        keys["engine"] = json!(engine);
        TestClient::over_socket(app(), config(keys)).expect("the app starts")
    };
    let mut clients: Vec<TestClient> = engines().into_iter().map(over_socket).collect();
    clients.push(TestClient::with_config(app(), &config(keys.clone())).expect("the app starts"));
    clients
}

fn plain() -> Value {
    json!({
        "type": "https://spikard.dev/errors/internal-server-error",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "Internal server error",
    })
}

#[test]
fn the_500_of_an_error_carries_its_chain() {
    for client in clients(&json!({ "dev": true })) {
        for path in ["/plain", "/pool", "/waits"] {
            let reply = client.get(path).header("accept", "*/*").send();
            let mut wanted = plain();
            wanted["trace"] = json!(TRACE);
            assert_eq!((reply.status(), reply.json()), (500, wanted), "{path}");
        }
        let reply = client.get("/panics").send();
        assert_eq!(reply.json()["trace"], "panicked: at the disco");
    }
}

#[test]
fn browsers_get_a_page_with_the_chain() {
    for client in clients(&json!({ "dev": true })) {
        let reply = client.get("/plain").header("accept", BROWSER).send();
        let media = reply.header("content-type").unwrap();
        assert_eq!((reply.status(), &*media), (500, "text/html; charset=utf-8"));
        let text = reply.text();
        assert!(
            text.contains("the &lt;query&gt; failed\ncaused by"),
            "{text}"
        );
        assert!(reply.header("x-request-id").is_some());
        let json = "text/html;q=0.5, application/json";
        let reply = client.get("/plain").header("accept", json).send();
        assert_eq!(reply.json()["trace"], TRACE);
    }
}

#[test]
fn problems_have_no_trace() {
    for client in clients(&json!({ "dev": true })) {
        for path in ["/problem", "/none"] {
            let reply = client.get(path).header("accept", BROWSER).send();
            assert_eq!(reply.status(), 404);
            assert!(reply.json().get("trace").is_none());
        }
    }
}

#[test]
fn nothing_is_told_in_production() {
    for client in clients(&json!({})) {
        for path in ["/plain", "/pool", "/waits", "/panics"] {
            for accept in [BROWSER, "application/json"] {
                let reply = client.get(path).header("accept", accept).send();
                assert_eq!(reply.json(), plain(), "{path}");
            }
        }
    }
}
