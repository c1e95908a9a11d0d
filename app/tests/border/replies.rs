//! Replies that HTTP cannot carry, and bodies where none may be: what is sent and what is logged.

use std::sync::Arc;

use serde_json::json;
use spikard_contract::config::ServerConfig;
use spikard_middleware::log::Level;
use spikard_middleware::{Exchange, Reply};

use crate::host::{Answer, ask, logged_app};
use crate::responses::Lines;

/// The reply to a request whose handler writes this one, and the lines logged.
fn replied(method: &str, write: impl Fn(&mut Reply) + 'static) -> (Answer, Vec<(Level, String)>) {
    let log = Arc::new(Lines::default());
    let route = json!({ "methods": ["GET"], "path": "/items/{id}", "handler": 0, "name": "item" });
    let (injector, mut host) = logged_app(&[route], &ServerConfig::default(), log.clone());
    host.replace(0, move |x: &mut Exchange| {
        x.reply.clear();
        write(&mut x.reply);
    });
    let request = format!("{method} /items/7 HTTP/1.1\r\nhost: x\r\nx-request-id: abc\r\n\r\n");
    (ask(&injector, &host, request.as_bytes()), log.take())
}

#[test]
fn the_log_names_route_header_and_request_but_no_value() {
    let long: &str = &"n ".repeat(500);
    type Write = fn(&mut Reply);
    let cut = format!("header \"{}\": The field name is not a token", &long[..64]);
    let rows: [(Write, &str); 12] = [
        (
            |reply| reply.push(b"x-a", b"secret\r\nset-cookie: a=1"),
            "header \"x-a\": The field value has a control character",
        ),
        (
            |reply| reply.push(b"x-a", b"secret\0"),
            "header \"x-a\": The field value has a control character",
        ),
        (
            |reply| reply.push(b"x-a\r\nx-b", b"secret"),
            "header \"x-a\\r\\nx-b\": The field name is not a token",
        ),
        (
            |reply| reply.push("n ".repeat(500).as_bytes(), b"secret"),
            &cut,
        ),
        (
            |reply| reply.push(b"x-a", "secret".repeat(200_000).as_bytes()),
            "header \"x-a\": The field list is over 1 MiB",
        ),
        (
            |reply| reply.push(b"Connection", b"secret"),
            "header \"connection\": it is about the connection, which is the engine's",
        ),
        (
            |reply| reply.push(b"keep-alive", b"timeout=5"),
            "header \"keep-alive\": it is about the connection, which is the engine's",
        ),
        (
            |reply| reply.push(b"transfer-encoding", b"chunked"),
            "header \"transfer-encoding\": it is about the connection, which is the engine's",
        ),
        (
            |reply| reply.push(b"content-length", b"7"),
            "header \"content-length\": the body has another length",
        ),
        (
            |reply| reply.push(b"content-length", b"+0"),
            "header \"content-length\": the body has another length",
        ),
        (
            |reply| reply.status = 199,
            "the status 199 is none of a final reply, 200 to 599",
        ),
        (
            |reply| reply.set_status(65_736),
            "the status 65736 is none of a final reply, 200 to 599",
        ),
    ];
    for (write, fault) in rows {
        let (answer, lines) = replied("GET", write);
        assert_eq!(answer.status, 500, "{fault}");
        assert_eq!(answer.field("x-request-id"), Some("abc"));
        assert_eq!(answer.json()["detail"], "Internal server error");
        let line = format!("item (/items/{{id}}) replied what cannot be sent, 500: {fault} [abc]");
        assert_eq!(lines, [(Level::Error, line)]);
    }
}

#[test]
fn the_first_fault_is_told() {
    let (_, lines) = replied("GET", |reply| {
        reply.push(b"x-a", b"\0");
        reply.set_status(1000);
        reply.push(b"x b", b"");
    });
    assert!(lines[0].1.contains("\"x-a\""), "{lines:?}");
}

#[test]
fn a_fault_ends_with_its_reply() {
    let mut reply = Reply::new();
    reply.push(b"x a", b"");
    assert!(reply.fault.is_some());
    reply.start(200, "text/plain");
    assert!(reply.fault.is_none());
}

#[test]
fn a_true_length_is_sent_once() {
    let (answer, lines) = replied("GET", |reply| {
        reply.body.extend_from_slice(b"seven");
        reply.push(b"Content-Length", b"5");
    });
    assert_eq!((answer.status, lines.len()), (200, 0));
    assert_eq!(answer.body, b"seven");
}

#[test]
fn a_body_where_none_may_be_is_left_out_and_logged() {
    for status in [204, 205, 304] {
        let (answer, lines) = replied("GET", move |reply| {
            reply.start(status, "text/plain");
            reply.push(b"etag", b"\"1\"");
            reply.body.extend_from_slice(b"secret");
        });
        assert_eq!((answer.status, &*answer.body), (status, &b""[..]));
        assert_eq!(answer.field("content-type"), None);
        assert_eq!(answer.field("etag"), Some("\"1\""));
        let line = format!(
            "item (/items/{{id}}) replied {status} with a body of 6 bytes, which is not sent [abc]"
        );
        assert_eq!(lines, [(Level::Warn, line)]);
        let (answer, lines) = replied("GET", move |reply| reply.status = status);
        assert_eq!((answer.status, lines.len()), (status, 0));
    }
}

#[test]
fn a_reply_to_head_may_tell_the_length_of_get() {
    for method in ["GET", "HEAD"] {
        let (answer, lines) = replied(method, |reply| reply.push(b"content-length", b"12345"));
        let is_head = method == "HEAD";
        assert_eq!(answer.status, if is_head { 200 } else { 500 });
        assert_eq!(lines.is_empty(), is_head);
    }
}
