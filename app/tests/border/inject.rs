//! Requests in process: hosts that answer later, deadlines, clients that leave.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::json;
use spikard_app::{Injection, Injector, Truncated};
use spikard_contract::config::ServerConfig;
use spikard_middleware::{Answered, Reply};

use crate::host::{Answer, Host, ask, echo_app, take_apart};

const REQUEST: &[u8] = b"GET /a?n=3 HTTP/1.1\r\nhost: x\r\nx-request-id: abc\r\n\r\n";

fn app() -> (Injector, Host) {
    let route = json!({
        "methods": ["GET"], "path": "/a", "handler": 0, "name": "a",
        "parameters": [{ "name": "n", "source": "query", "schema": { "type": "integer" } }],
    });
    echo_app(&[route], &ServerConfig::default())
}

fn poll(injector: &Injector, host: &Host, injection: &mut Injection) -> Option<Answer> {
    let mut context = Context::from_waker(Waker::noop());
    match injector.poll(injection, host, &mut context) {
        Poll::Ready(reply) => Some(take_apart(&reply.unwrap())),
        Poll::Pending => None,
    }
}

#[test]
fn an_inline_answer_is_the_wire_answer() {
    let (injector, host) = app();
    injector.set_time(0, 784_111_777);
    let answer = ask(&injector, &host, REQUEST);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({ "params": { "n": 3 } }));
    assert_eq!(answer.field("x-request-id"), Some("abc"));
    assert_eq!(answer.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
}

#[test]
fn a_later_answer_is_waited_for() {
    let (injector, host) = app();
    *host.later.borrow_mut() = Some(Vec::new());
    let mut injection = injector.begin(REQUEST);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    let id = host.later.borrow_mut().take().unwrap()[0];
    let mut reply = Reply::new();
    reply.start(201, "text/plain");
    reply.body.extend_from_slice(b"done");
    assert!(matches!(
        injector.answer(id, reply, None),
        Answered::Delivered
    ));
    let answer = poll(&injector, &host, &mut injection).unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (201, &b"done"[..]));
    assert_eq!(answer.field("x-request-id"), Some("abc"));
    assert!(matches!(
        injector.answer(id, Reply::new(), None),
        Answered::Stale
    ));
}

#[test]
fn a_late_answer_is_504_and_then_swallowed() {
    let (injector, host) = app();
    *host.later.borrow_mut() = Some(Vec::new());
    let mut injection = injector.begin(REQUEST);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    injector.set_time(29_999, 0);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    injector.set_time(30_000, 0);
    let answer = poll(&injector, &host, &mut injection).unwrap();
    assert_eq!(answer.status, 504);
    assert_eq!(answer.field("x-request-id"), Some("abc"));
    let id = host.later.borrow_mut().take().unwrap()[0];
    assert!(matches!(
        injector.answer(id, Reply::new(), None),
        Answered::Swallowed(_)
    ));
}

#[test]
fn a_client_that_leaves_orphans_its_call() {
    let (injector, host) = app();
    *host.later.borrow_mut() = Some(Vec::new());
    let mut injection = injector.begin(REQUEST);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    let id = host.later.borrow_mut().take().unwrap()[0];
    assert_eq!(injector.abandon(&mut injection, &host), Some(id));
    assert!(matches!(
        injector.answer(id, Reply::new(), None),
        Answered::Swallowed(_)
    ));
}

#[test]
fn refusals_never_reach_the_host() {
    let (injector, host) = app();
    *host.later.borrow_mut() = Some(Vec::new());
    for (request, status) in [
        ("GET /b HTTP/1.1\r\nhost: x\r\n\r\n", 404),
        ("PUT /a HTTP/1.1\r\nhost: x\r\n\r\n", 405),
        ("GET /a HTTP/1.1\r\nhost: x\r\n\r\n", 422),
        ("GET /%ff HTTP/1.1\r\nhost: x\r\n\r\n", 400),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n", 204),
        ("broken\r\n\r\n", 400),
    ] {
        assert_eq!(
            ask(&injector, &host, request.as_bytes()).status,
            status,
            "{request}"
        );
    }
    assert!(host.later.borrow().as_ref().unwrap().is_empty());
}

#[test]
fn a_query_of_too_many_pairs_is_400() {
    let (injector, host) = app();
    let config = ServerConfig {
        max_request_line: 65_536,
        ..ServerConfig::default()
    };
    let injector = Injector::new(
        {
            drop(injector);
            let mut app = spikard_app::App::new();
            let route = json!({ "methods": ["GET"], "path": "/a", "handler": 0, "name": "a",
                "parameters": [{ "name": "n", "source": "query" }] });
            app.add_route(serde_json::from_value(route).unwrap())
                .unwrap();
            app.lower(&config).unwrap()
        },
        &config,
        [1, 2, 3, 4],
        Arc::new(crate::host::Silent),
    );
    let target = format!("GET /a?{} HTTP/1.1\r\nhost: x\r\n\r\n", "n=1&".repeat(1001));
    let answer = ask(&injector, &host, target.as_bytes());
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["detail"],
        "The query string has more than 1000 pairs"
    );
}

#[test]
fn a_request_that_is_not_whole_is_an_error() {
    let (injector, host) = app();
    let mut injection = injector.begin(&REQUEST[..20]);
    let mut context = Context::from_waker(Waker::noop());
    let polled = injector.poll(&mut injection, &host, &mut context);
    assert_eq!(polled, Poll::Ready(Err(Truncated { reply: Vec::new() })));
}
