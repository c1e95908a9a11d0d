//! Replies that HTTP cannot carry: what becomes of them, and what the log says. The lines are those
//! of the other languages, word for word.
#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod common;

use spikard::{
    App, EntityTag, HandlerResponse, Json, Path, Problem, RedirectError, Reply, TagError,
    TestClient,
};

use crate::common::Lines;

fn client(lines: &Lines) -> TestClient {
    let mut app = App::new();
    app.log(lines.clone());
    app.get("/header", async || {
        HandlerResponse::text("x").with_header("x-a", "secret\r\nset-cookie: a=1")
    });
    app.get("/framing", async || {
        HandlerResponse::text("x").with_header("connection", "close")
    });
    app.get("/status", async || (42, "x"));
    app.get("/problem", async || {
        Err::<(), _>(Problem::new(400).header("x a", "secret"))
    });
    app.get("/body", async || (204, "secret"));
    app.get("/nothing", async || (204, ()));
    TestClient::new(app).unwrap()
}

#[test]
fn the_log_says_whose_reply_it_was_and_what_is_wrong() {
    let lines = Lines::default();
    let client = client(&lines);
    for (path, status, words) in ROWS {
        let request = client.get(path).header("x-request-id", "abc");
        let reply = request.send();
        assert_eq!(reply.status(), *status, "{path}");
        let line = lines.all().pop().unwrap_or_default();
        assert!(line.ends_with(words), "{path}: {line}");
        assert!(!line.contains("secret") && line.contains(path), "{line}");
    }
    assert_eq!(lines.all().len(), ROWS.len());
}

#[test]
fn nothing_is_no_body_where_none_may_be() {
    let lines = Lines::default();
    let reply = client(&lines).get("/nothing").send();
    assert_eq!((reply.status(), reply.bytes()), (204, &b""[..]));
    assert_eq!(reply.header("content-type"), None);
    assert!(lines.all().is_empty(), "{:?}", lines.all());
}

#[test]
fn what_is_no_redirect_is_refused_at_the_call() {
    let byte = |position| Some(RedirectError::Byte { position });
    for (location, error) in [
        ("/a", None),
        ("", Some(RedirectError::Empty)),
        ("/a\r\nb", byte(2)),
        ("/é", byte(1)),
        (" /a", byte(0)),
    ] {
        assert_eq!(
            HandlerResponse::redirect(location).err(),
            error,
            "{location}"
        );
        let mut reply = Reply::new();
        reply.status = 201;
        assert_eq!(reply.redirect(303, location).err(), error);
        assert_eq!(reply.status, if error.is_some() { 201 } else { 303 });
    }
    let refused = HandlerResponse::redirect_with(200, "/a").unwrap_err();
    assert_eq!(refused, RedirectError::Status(200));
    assert_eq!(
        refused.to_string(),
        "a redirect has the status 301, 302, 303, 307 or 308, not 200"
    );
}

#[test]
fn a_tag_is_given_bare_and_stands_once() {
    assert_eq!(EntityTag::strong("\"v1\"").unwrap_err(), TagError);
    let mut app = App::new();
    app.get("/items/{id}", async |Path(id): Path<u32>| {
        let tag = EntityTag::strong(format!("item-{id}"))?;
        let response = HandlerResponse::json(&id).with_content_etag(false);
        Ok::<_, TagError>(response.with_etag(&tag))
    });
    app.put("/items/{id}", async |Path(id): Path<u32>| Json(id));
    let client = TestClient::new(app).unwrap();
    let named = |method: &str, name: &str, tag: &str| {
        let request = client.request(method, "/items/7").header(name, tag);
        request.send().status()
    };
    assert_eq!(named("GET", "if-none-match", "\"item-7\""), 304);
    assert_eq!(named("GET", "if-none-match", "\"item-8\""), 200);
    assert_eq!(named("GET", "if-match", "\"item-8\""), 412);
    assert_eq!(named("PUT", "if-match", "\"item-8\""), 200);
}

const ROWS: &[(&str, u16, &str)] = &[
    (
        "/header",
        500,
        "(/header) replied what cannot be sent, 500: header \"x-a\": The field value has a control \
         character [abc]",
    ),
    (
        "/framing",
        500,
        "(/framing) replied what cannot be sent, 500: header \"connection\": it is about the \
         connection, which is the engine's [abc]",
    ),
    (
        "/status",
        500,
        "(/status) replied what cannot be sent, 500: the status 42 is none of a final reply, 200 \
         to 599 [abc]",
    ),
    (
        "/problem",
        500,
        "(/problem) replied what cannot be sent, 500: header \"x a\": The field name is not a \
         token [abc]",
    ),
    (
        "/body",
        204,
        "(/body) replied 204 with a body of 6 bytes, which is not sent [abc]",
    ),
];
