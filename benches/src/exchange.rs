//! Whole exchanges, request bytes to reply bytes, without a socket and without a host language.
//!
//! What a socket worker adds is the kernel's work; what a host adds is in `crossing`.

use std::hint::black_box;
use std::sync::Arc;

use spikard_app::{App, InProcess};
use spikard_contract::config::ServerConfig;
use spikard_contract::route::Placement;
use spikard_middleware::{CallId, Exchange, HostPort, Level, Log, Notice, Outcome, Segment};

use crate::{Operation, requests};

/// GET of a path without parameters.
pub(crate) fn hello() -> Operation {
    run(requests::get("/hello", 5))
}

/// GET of a path with an integer in it.
pub(crate) fn typed_path() -> Operation {
    run(requests::get("/users/12345", 5))
}

/// POST of 1 KiB of JSON to a route with a schema.
pub(crate) fn json_body() -> Operation {
    run(requests::post("/orders", &requests::order()))
}

fn run(request: Vec<u8>) -> Operation {
    let worker = worker();
    let exchange = move || {
        worker.begin(7, black_box(&request));
        worker.turn(1_000, 1_750_000_000)
    };
    let replies = exchange();
    assert!(replies.len() == 1 && replies[0].1.starts_with(b"HTTP/1.1 200 "));
    Box::new(move || {
        black_box(exchange());
    })
}

fn worker() -> InProcess {
    let mut app = App::new();
    for document in requests::route_documents() {
        app.add_route(document).expect("the routes are valid");
    }
    let config = ServerConfig::default();
    let plan = app.lower(&config).expect("lowering cannot fail");
    InProcess::new(
        plan,
        &config,
        [1, 2, 3, 4],
        Box::new(Canned),
        Arc::new(Silent),
    )
}

/// A host that answers every call with the same bytes.
struct Canned;

impl HostPort for Canned {
    fn call(&self, _: CallId, _: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        x.reply.start(200, "application/json");
        x.reply.body.extend_from_slice(requests::REPLY_BODY);
        Outcome::Done
    }

    fn notify(&self, _: CallId, _: Notice) {}
}

struct Silent;

impl Log for Silent {
    fn log(&self, _: Level, _: &str) {}
}
