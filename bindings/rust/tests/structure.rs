//! Groups of routes, and what an application does at the start and the end of a worker.

#![expect(clippy::unwrap_used, reason = "tests may stop")]

mod common;

use std::cell::RefCell;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Lines, config, engines, everywhere};
use serde_json::json;
use spikard::{
    App, Body, Path, RegistrationFault, Request, Response, RunError, State, TestClient, sleep,
};

fn grouped() -> App {
    let mut app = App::new();
    app.get("/", || "root");
    app.group("/users", |users| {
        users.get("", || "everybody");
        users.each(|route| {
            route
                .max_body_size(Some(4))
                .response_headers(&[("x-group", "users")]);
        });
        users.post("/", |Body(body): Body| body.len().to_string());
        users.group("/{user_id:int}/posts", |posts| {
            posts.each(|route| {
                route.request_timeout(Some(Duration::from_millis(50)));
            });
            posts
                .put("/{post_id:int}", |Path(ids): Path<(i64, i64)>| {
                    format!("{} {}", ids.0, ids.1)
                })
                .response_headers(&[]);
            posts.get("/slow", async |Path(_): Path<i64>| {
                sleep(Duration::from_secs(5)).await;
                "late"
            });
        });
        users.delete("/last", || "gone");
    });
    app
}

#[test]
fn routes_of_a_group_have_its_prefix_and_settings() {
    everywhere(grouped, |client| {
        assert_eq!(client.get("/").send().text(), "root");
        let reply = client.get("/users").send();
        assert_eq!(
            (&*reply.text(), reply.header("x-group").as_deref()),
            ("everybody", None)
        );
        assert_eq!(client.post("/users/").body("12345").send().status(), 413);
        let reply = client.post("/users/").body("1234").send();
        assert_eq!(
            (&*reply.text(), reply.header("x-group").as_deref()),
            ("4", Some("users"))
        );
        let reply = client.put("/users/7/posts/8").send();
        assert_eq!(
            (&*reply.text(), reply.header("x-group").as_deref()),
            ("7 8", None)
        );
        assert_eq!(client.get("/users/7/posts/slow").send().status(), 504);
        let reply = client.delete("/users/last").send();
        assert_eq!(
            (&*reply.text(), reply.header("x-group").as_deref()),
            ("gone", Some("users"))
        );
        assert_eq!(client.get("/posts/slow").send().status(), 404);
    });
}

fn refusal(prefix: &str, inner: &str, path: &str) -> String {
    let mut app = App::new();
    app.group(prefix, |group| {
        group.group(inner, |group| {
            group.get(path, || "never");
        });
    });
    match TestClient::new(app).map(drop) {
        Err(RunError::Registration(error)) => {
            assert!(
                matches!(error.fault, RegistrationFault::Group { .. }),
                "{error}"
            );
            error.to_string()
        }
        other => panic!("{prefix:?} {inner:?} {path:?}: {other:?}"),
    }
}

#[test]
fn prefixes_that_no_path_can_have_are_refused_with_the_place_of_the_route() {
    let cases = [
        ("users", "", "/a", "must begin with '/'"),
        ("/users/", "", "/a", "must not end with '/'"),
        ("/", "", "/a", "must not end with '/'"),
        ("/a//b", "", "/a", "an empty segment"),
        ("/users", "posts", "/a", "must begin with '/'"),
        ("/users", "/posts", "a", "begins with '/', or is empty"),
        ("/users", "", "//a", "an empty segment"),
    ];
    for (prefix, inner, path, words) in cases {
        let sentence = refusal(prefix, inner, path);
        assert!(sentence.contains(words), "{sentence}");
        assert!(sentence.contains("tests/structure.rs:"), "{sentence}");
    }
}

type Events = Arc<Mutex<Vec<String>>>;

thread_local! {
    static STARTED: RefCell<u32> = const { RefCell::new(0) };
}

fn note(events: &Events, what: &str) {
    let name = thread::current().name().unwrap_or_default().to_owned();
    let who = if name.starts_with("spikard-worker") {
        "worker"
    } else {
        "test"
    };
    events.lock().unwrap().push(format!("{what} on {who}"));
}

fn living(events: &Events) -> App {
    let mut app = App::new();
    let noting = |what: &'static str| {
        let events = events.clone();
        move || note(&events, what)
    };
    app.on_startup(noting("first"));
    app.on_startup(async || {
        STARTED.with_borrow_mut(|count| *count += 1);
        Ok::<(), io::Error>(())
    });
    let waiting = events.clone();
    app.on_startup(move || {
        let events = waiting.clone();
        async move {
            pause().await;
            note(&events, "second");
        }
    });
    app.on_shutdown(noting("third"));
    let failing = noting("fourth");
    app.on_shutdown(move || {
        failing();
        Err::<(), _>("fourth failed")
    });
    app.on_shutdown(|| -> () { panic!("fifth panics") });
    app.on_shutdown(noting("sixth"));
    app.get("/", || STARTED.with_borrow(|count| *count).to_string());
    app
}

/// Waits until another thread wakes it.
async fn pause() {
    let mut began = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut began, true) {
            return std::task::Poll::Ready(());
        }
        let waker = context.waker().clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            waker.wake();
        });
        std::task::Poll::Pending
    })
    .await;
}

fn expected(who: &str) -> Vec<String> {
    let order = ["first", "second", "third", "fourth", "sixth"];
    order.map(|what| format!("{what} on {who}")).to_vec()
}

#[test]
fn they_run_around_the_requests_on_the_worker_s_thread() {
    for engine in engines() {
        let (events, lines) = (Events::default(), Lines::default());
        let mut app = living(&events);
        app.log(lines.clone());
        let keys = config(json!({"engine": engine, "port": 0}));
        let client = TestClient::over_socket(app, keys).unwrap();
        assert_eq!(events.lock().unwrap().len(), 2);
        assert_eq!(client.get("/").send().text(), "1");
        drop(client);
        assert_eq!(*events.lock().unwrap(), expected("worker"));
        let failures = lines.all().join("\n");
        assert!(failures.contains("fourth failed"), "{failures}");
        assert!(failures.contains("it panicked"), "{failures}");
    }
}

#[test]
fn every_worker_runs_them_once() {
    let events = Events::default();
    let keys = config(json!({"engine": "epoll", "port": 0, "workers": 3}));
    let mut app = living(&events);
    app.log(Lines::default());
    let server = app.start(keys).unwrap();
    assert_eq!(events.lock().unwrap().len(), 6);
    server.stop();
    server.wait().unwrap();
    assert_eq!(events.lock().unwrap().len(), 15);
}

#[test]
fn the_client_in_process_runs_them_too() {
    let events = Events::default();
    let mut app = living(&events);
    app.log(Lines::default());
    let client = TestClient::new(app).unwrap();
    assert_eq!(client.get("/").send().text(), "1");
    drop(client);
    assert_eq!(*events.lock().unwrap(), expected("test"));
}

#[test]
fn a_failed_start_is_an_error_and_has_no_end() {
    for fails_by_panic in [false, true] {
        let make = |events: &Events| {
            let mut app = App::new();
            let late = events.clone();
            app.on_startup(move || {
                assert!(!fails_by_panic, "no database");
                Err::<(), _>(io::Error::other("no database"))
            });
            app.on_shutdown(move || note(&late, "never"));
            app
        };
        let events = Events::default();
        let words = if fails_by_panic {
            "it panicked"
        } else {
            "no database"
        };
        let error = TestClient::new(make(&events)).map(drop).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        let keys = config(json!({"engine": "epoll", "port": 0, "workers": 2}));
        let error = make(&events).start(keys).map(drop).unwrap_err();
        assert!(matches!(error, RunError::Start(_)), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(events.lock().unwrap().is_empty());
    }
}

struct Pool(u32);

#[test]
fn state_is_reached_by_handlers_and_hooks_and_whatever_has_the_request() {
    fn app() -> App {
        let mut app = App::new();
        app.state(Pool(7));
        app.pre_handler(|request: &mut Request| {
            let pool = request.app_state::<Pool>().unwrap();
            request.set_header("x-pool", &pool.0.to_string());
        });
        app.on_response(|response: &mut Response| {
            let pool = response.request().app_state::<Pool>().unwrap();
            response.set_header("x-pool", &pool.0.to_string());
        });
        app.get("/", |pool: State<Pool>, request: Request| {
            let hidden = request.app_state::<String>().is_none();
            let header = request.header("x-pool").unwrap_or_default();
            format!("{} {header} {hidden}", pool.0)
        });
        app
    }
    everywhere(app, |client| {
        let reply = client.get("/").send();
        let header = reply.header("x-pool");
        assert_eq!((&*reply.text(), header.as_deref()), ("7 7 true", Some("7")));
    });
}
