//! Hooks in Rust: plain and `async`, in place and on the pool, and what they may do.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Lines, PATIENCE, engines, everywhere, serve};
use serde_json::{Value, json};
use spikard::{App, Extension, HandlerResponse, Problem, Request, Response, TestClient, sleep};

/// The names of hooks that saw a request.
#[derive(Clone, Default)]
struct Seen(Vec<&'static str>);

fn saw(request: &mut Request, name: &'static str) {
    let mut seen = request.get::<Seen>().cloned().unwrap_or_default();
    seen.0.push(name);
    request.insert(seen);
}

fn all_phases() -> App {
    let mut app = App::new();
    app.on_request(|request: &mut Request| saw(request, "on_request"));
    app.on_request(async |request: &mut Request| {
        sleep(Duration::from_millis(1)).await;
        saw(request, "on_request, async");
    });
    app.pre_validation(async |request: &mut Request| saw(request, "pre_validation"));
    app.pre_handler(async |request: &mut Request| {
        saw(request, "pre_handler");
        sleep(Duration::from_millis(1)).await;
    });
    app.on_response(async |response: &mut Response| {
        let seen = response
            .request()
            .get::<Seen>()
            .unwrap()
            .0
            .len()
            .to_string();
        response.set_header("x-seen", &seen);
    });
    app.get("/plain", |seen: Extension<Seen>| json!(seen.0.0));
    app.get("/later", async |seen: Extension<Seen>| {
        sleep(Duration::from_millis(1)).await;
        json!(seen.0.0)
    });
    app.get("/pool", |seen: Extension<Seen>| json!(seen.0.0))
        .blocking();
    app
}

#[test]
fn the_hooks_of_all_phases_run_in_order_and_share_what_they_leave() {
    everywhere(all_phases, |client| {
        for path in ["/plain", "/later", "/pool"] {
            let reply = client.get(path).send();
            let names = [
                "on_request",
                "on_request, async",
                "pre_validation",
                "pre_handler",
            ];
            assert_eq!(reply.json(), json!(names), "{path}");
            assert_eq!(reply.header("x-seen").as_deref(), Some("4"), "{path}");
        }
    });
}

#[test]
fn a_hook_may_answer_in_every_form() {
    let mut app = App::new();
    app.pre_handler(|request: &mut Request| match request.path() {
        "/problem" => Err(Problem::new(403).detail("no")),
        "/reply" => Ok(ControlFlow::Break((202, "early"))),
        _ => Ok(ControlFlow::Continue(())),
    });
    for path in ["/problem", "/reply", "/on"] {
        app.get(path, || "late");
    }
    let client = TestClient::new(app).unwrap();
    assert_eq!(client.get("/problem").send().json()["detail"], "no");
    let reply = client.get("/reply").send();
    assert_eq!((reply.status(), reply.text()), (202, "early".into()));
    assert_eq!(client.get("/on").send().text(), "late");
}

#[test]
fn a_value_that_no_hook_has_left_is_a_500() {
    let lines = Lines::default();
    let mut app = App::new();
    app.log(lines.clone());
    app.get("/", |seen: Extension<Seen>| json!(seen.0.0));
    assert_eq!(TestClient::new(app).unwrap().get("/").send().status(), 500);
    assert!(
        lines.all()[0].contains("no hook has left a value of type"),
        "{:?}",
        lines.all()
    );
}

#[test]
fn an_error_hook_sees_the_error_and_may_replace_the_reply() {
    let mut app = App::new();
    app.on_error(async |response: &mut Response| {
        let error = response.error().map(ToString::to_string);
        let title = response.problem().map(|problem| problem["title"].clone());
        let path = response.request().path().to_owned();
        let shown = json!({"error": error, "title": title, "path": path});
        response.replace(HandlerResponse::json(&shown).with_status(response.status()))
    });
    app.get("/fails", || Err::<(), _>(std::io::Error::other("no disk")));
    app.get("/panics", || -> () { panic!("no luck") });
    app.get("/late", async || sleep(Duration::from_secs(60)).await)
        .request_timeout(Some(Duration::from_millis(20)));
    app.log(Lines::default());
    let client = TestClient::new(app).unwrap();
    let shown = |path: &str| -> Value {
        let reply = client.get(path).send();
        json!([reply.status(), reply.json()["error"], reply.json()["title"]])
    };
    assert_eq!(
        shown("/fails"),
        json!([500, "no disk", "Internal Server Error"])
    );
    assert_eq!(
        shown("/panics"),
        json!([500, "panicked: no luck", "Internal Server Error"])
    );
    assert_eq!(shown("/late"), json!([504, null, "Gateway Timeout"]));
    assert_eq!(shown("/none"), json!([404, null, "Resource Not Found"]));
}

#[test]
fn a_hook_that_fails_is_a_500_that_no_hook_sees() {
    let lines = Lines::default();
    let mut app = App::new();
    app.log(lines.clone());
    app.on_request(|request: &mut Request| match request.path() {
        "/panics" => panic!("a hook"),
        "/fails" => Err(std::io::Error::other("secret")),
        _ => Ok(()),
    });
    app.on_response(|response: &mut Response| match response.request().path() {
        "/reply" => Err(std::io::Error::other("secret")),
        _ => Ok(()),
    });
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    app.on_error(move |_: &mut Response| _ = count.fetch_add(1, Ordering::Relaxed));
    app.get("/reply", || "fine");
    let client = TestClient::new(app).unwrap();
    for path in ["/panics", "/fails", "/reply"] {
        let reply = client.get(path).send();
        assert_eq!(reply.status(), 500, "{path}");
        assert!(!reply.text().contains("secret"));
        let line = lines.all().pop().unwrap();
        assert!(
            line.contains("the hook at") && line.contains("hooks.rs"),
            "{line}"
        );
    }
    assert_eq!(told.load(Ordering::Relaxed), 0);
    assert_eq!(client.get("/none").send().status(), 404);
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

#[test]
fn nothing_is_kept_of_clients_that_leave_between_hooks() {
    struct Watched(Arc<AtomicUsize>);
    impl Drop for Watched {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    for engine in engines() {
        let alive = Arc::new(AtomicUsize::new(0));
        let counter = alive.clone();
        let mut app = App::new();
        app.on_request(async move |request: &mut Request| {
            counter.fetch_add(1, Ordering::SeqCst);
            request.insert(Watched(counter.clone()));
            sleep(Duration::from_millis(if request.path() == "/a" {
                5
            } else {
                60_000
            }))
            .await;
        });
        app.get("/a", || "fine");
        let server = serve(app, engine, json!({}));
        let began = std::time::Instant::now();
        for _ in 0..3 {
            let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
            std::io::Write::write_all(&mut stream, b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            while alive.load(Ordering::SeqCst) == 0 && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Bytes that are not read make a close a reset.
            std::io::Write::write_all(&mut stream, b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            drop(stream);
        }
        server.force();
        server.wait().unwrap();
        assert_eq!(alive.load(Ordering::SeqCst), 0, "{engine}");
    }
}

#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("lost")
    }
}

impl std::error::Error for Lost {}

fn with_groups() -> App {
    let mut app = App::new();
    app.pre_handler(|request: &mut Request| saw(request, "app"));
    app.map_error(|_: &Lost| Problem::new(404));
    app.get("/", |seen: Extension<Seen>| json!(seen.0.0));
    app.get("/lost", || Err::<(), _>(Lost));
    app.group("/a", |a| {
        a.get("", |seen: Extension<Seen>| json!(seen.0.0));
        a.pre_handler(async |request: &mut Request| saw(request, "a"));
        a.on_error(|response: &mut Response| response.set_header("x-failed", "a"));
        a.get("/{n:int}", || ());
        a.group("/plain", |plain| {
            plain.get("", |seen: Extension<Seen>| json!(seen.0.0));
        });
        a.group("/b", |b| {
            b.map_error(|_: &Lost| Problem::new(410));
            b.pre_handler(|request: &mut Request| saw(request, "b"));
            b.on_error(|response: &mut Response| response.set_header("x-inner", "b"));
            b.get("", |seen: Extension<Seen>| json!(seen.0.0))
                .blocking();
            b.get("/lost", || Err::<(), _>(Lost));
        });
        a.get("/lost", || Err::<(), _>(Lost));
    });
    app
}

#[test]
fn hooks_of_a_group_run_for_its_routes_behind_those_around_it() {
    everywhere(with_groups, |client| {
        let seen = |path: &str| client.get(path).send().json();
        assert_eq!(seen("/"), json!(["app"]));
        assert_eq!(seen("/a"), json!(["app", "a"]));
        assert_eq!(seen("/a/plain"), json!(["app", "a"]));
        assert_eq!(seen("/a/b"), json!(["app", "a", "b"]));
        for (path, status, failed, inner) in [
            ("/lost", 404, None, None),
            ("/a/lost", 404, Some("a"), None),
            ("/a/x", 422, Some("a"), None),
            ("/a/b/lost", 410, Some("a"), Some("b")),
            ("/none", 404, None, None),
        ] {
            let reply = client.get(path).send();
            let header = |name| reply.header(name);
            assert_eq!(reply.status(), status, "{path}");
            assert_eq!(header("x-failed").as_deref(), failed, "{path}");
            assert_eq!(header("x-inner").as_deref(), inner, "{path}");
        }
    });
}
