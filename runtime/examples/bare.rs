//! The runtime without an application: one segment answers every request with the same JSON.
//! It shows what the engine costs before routing and hosts. `bare PORT [io_uring|epoll]`.

use std::{error::Error, sync::Arc};

use spikard_contract::{
    config::{Engine, ServerConfig},
    route::Placement,
    status::Purpose,
};
use spikard_middleware::{
    CallId, Exchange, HostPort, Level, Log, Notice, Outcome, PlanBuilder, Rank, Segment,
    plan::Rows,
    stages::{
        await_host::AwaitHost,
        request_id::{AssignRequestId, EchoRequestId},
    },
};
use spikard_runtime::{Worker, listen};

struct Hello;

impl HostPort for Hello {
    fn call(&self, _: CallId, _: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        x.reply.start(200, "application/json");
        x.reply
            .body
            .extend_from_slice(b"{\"message\":\"Hello, World!\"}");
        Outcome::Done
    }

    fn notify(&self, _: CallId, _: Notice) {}
}

struct Stderr;

impl Log for Stderr {
    fn log(&self, _: Level, message: &str) {
        eprintln!("{message}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().unwrap_or("8080".into()).parse()?;
    let engine = match arguments.next().as_deref() {
        Some("epoll") => Engine::Epoll,
        Some("io_uring") => Engine::IoUring,
        _ => Engine::Auto,
    };
    let mut builder = PlanBuilder::new();
    let (entry, refused) = (builder.declare("entry"), builder.declare("refused"));
    let hello = builder.segment(Segment {
        function: 0,
        purpose: Purpose::Handler,
        route: "/".into(),
        name: "hello".into(),
        placement: Placement::Inline,
    });
    let mut replies = Rows::new();
    replies.reply(Rank::RequestIdEcho, Arc::new(EchoRequestId));
    let mut rows = replies.clone();
    rows.request(Rank::RequestId, Arc::new(AssignRequestId));
    rows.request(Rank::Handler, Arc::new(AwaitHost(hello)));
    builder.fill(entry, rows);
    builder.fill(refused, replies);
    let plan = Arc::new(builder.build(entry, refused));

    let config = ServerConfig {
        engine,
        ..ServerConfig::default()
    };
    let listener = listen::bind("127.0.0.1", port, 1, 1024)?
        .listeners
        .remove(0);
    let mut worker = Worker::new(&config, plan, listener, Box::new(Hello), Arc::new(Stderr))?;
    eprintln!("http://127.0.0.1:{port} on {}", worker.engine());
    worker.run().map_err(|error| format!("{error:?}"))?;
    Ok(())
}
