//! A whole exchange through the C ABI, as a host language makes it.
//!
//! The host answers inline and does nothing else, so the difference to `exchange/hello` is what
//! the border costs: the view, the call back, the answer by id.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use spikard_host::{App, Call, Host, Level, Outcome, Port, Reply, Worker};

use crate::{Operation, requests};

/// GET of a path without parameters.
pub(crate) fn hello() -> Operation {
    let app = App::new().expect("an application needs nothing");
    for document in requests::routes() {
        app.route(&document.to_string())
            .expect("the routes are valid");
    }
    let host = Arc::new(Inline::default());
    let worker = Worker::in_process(&app, host.clone()).expect("the application compiles");
    let port = worker.port().expect("a worker has a port");
    assert!(host.port.set(port).is_ok(), "it is set once");
    let request = requests::get("/hello", 5);
    let exchange = move || {
        worker
            .inject(7, black_box(&request))
            .expect("the worker is in process");
        worker.turn().expect("no turn is under way");
    };
    exchange();
    assert_eq!(
        host.replies.load(Ordering::Relaxed),
        1,
        "the reply comes within the turn"
    );
    Box::new(exchange)
}

/// A host that answers every call at once.
#[derive(Default)]
struct Inline {
    port: OnceLock<Port>,
    replies: AtomicU64,
}

impl Host for Inline {
    fn call(&self, call: Call<'_>) -> Outcome {
        let reply = Reply {
            status: 200,
            content_type: b"application/json",
            fields: &[],
            body: requests::REPLY_BODY,
        };
        let answered = self
            .port
            .get()
            .map(|port| port.reply(call.id(), reply, None));
        if matches!(answered, Some(Ok(()))) {
            Outcome::Done
        } else {
            Outcome::Failed
        }
    }

    fn disconnected(&self, _: u64) {}

    fn cancelled(&self, _: u64) {}

    fn injected(&self, _: u64, reply: &[u8]) {
        let is_good = reply.starts_with(b"HTTP/1.1 200 ");
        self.replies
            .fetch_add(u64::from(is_good), Ordering::Relaxed);
    }

    fn wake(&self) {}

    fn log(&self, _: Level, _: &str) {}

    fn stalled(&self, _: &str, _: &str, _: u32) {}
}
