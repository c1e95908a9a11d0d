//! Development: who answers while no version of the program has ever started.
//!
//! With `reload` a start that fails is the beginning of a repair, so the port stays open and a page
//! says what is wrong, which asks again until the program is there. It is our own engine, on a
//! thread of the parent, with a plan that knows nothing but this answer; otherwise the parent has
//! neither.
//! Knows nothing of the program, nor of when it is mended.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use spikard_contract::config::ServerConfig;
use spikard_contract::problem::SERVICE_UNAVAILABLE;
use spikard_contract::route::Placement;
use spikard_middleware::plan::Rows;
use spikard_middleware::stages::show_fault::ShowFault;
use spikard_middleware::{
    CallId, Exchange, Flow, HostPort, Local, Log, Notice, Outcome, Plan, PlanBuilder, Problem,
    Rank, RequestStage, Segment,
};

use crate::worker::{Worker, WorkerHandle};

/// A server that says why there is none. Dropping it stops it; its thread ends soon after.
#[derive(Debug)]
pub(super) struct StandIn(WorkerHandle);

impl StandIn {
    /// Begins to answer on these listeners, of which there is at least one.
    ///
    /// # Errors
    /// The kernel's reason, if there is no thread, descriptor or engine left.
    pub(super) fn start(
        config: &ServerConfig,
        listeners: &[&OwnedFd],
        log: Arc<dyn Log>,
    ) -> io::Result<Self> {
        let own: io::Result<Vec<OwnedFd>> = listeners.iter().map(|it| it.try_clone()).collect();
        let config = ServerConfig {
            engine: config.engine,
            shutdown_timeout: PATIENCE,
            ..ServerConfig::default()
        };
        let (told, started) = channel();
        let (listeners, failed) = (own?, told.clone());
        thread::Builder::new()
            .name("spikard-stand-in".to_owned())
            .spawn(move || {
                if let Err(error) = serve(&config, listeners, log, told) {
                    // Whoever started it waits for a word.
                    let _ = failed.send(Err(error));
                }
            })?;
        let handle = started.recv().map_err(io::Error::other)??;
        Ok(Self(handle))
    }

    /// Shows why the program does not start.
    pub(super) fn show(&self, words: &str) {
        self.0.show_fault(Some(words.to_owned()));
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn serve(
    config: &ServerConfig,
    listeners: Vec<OwnedFd>,
    log: Arc<dyn Log>,
    told: Sender<io::Result<WorkerHandle>>,
) -> io::Result<()> {
    let mut listeners = listeners.into_iter();
    let first = listeners.next().ok_or(io::ErrorKind::NotFound)?;
    let mut worker = Worker::new(config, Arc::new(plan()), first, Box::new(Nobody), log)?;
    let handle = worker.handle();
    for (number, listener) in listeners.enumerate() {
        handle.adopt(number + 1, listener);
    }
    // The parent is there: it waits for this.
    let _ = told.send(Ok(handle));
    worker
        .run()
        .map_err(|error| io::Error::other(format!("{error:?}")))
}

/// A page for browsers, and 503 for everybody else.
fn plan() -> Plan {
    let mut builder = PlanBuilder::new();
    let (entry, refused) = (builder.declare("entry"), builder.declare("refused"));
    let mut rows = Rows::new();
    rows.request(Rank::Fault, Arc::new(ShowFault));
    rows.request(Rank::Handler, Arc::new(NotThere));
    builder.fill(entry, rows);
    builder.build(entry, refused)
}

/// The answer to who asks for no page.
#[derive(Debug)]
struct NotThere;

impl RequestStage for NotThere {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let detail = "The program does not start; the log and pages (accept: text/html) say why";
        x.fail(&Problem::of(&SERVICE_UNAVAILABLE).with_detail(detail));
        for (name, value) in [("retry-after", "1"), ("cache-control", "no-store")] {
            // Literals are valid fields.
            let set = x.reply.fields.set(name.as_bytes(), value.as_bytes());
            debug_assert!(set.is_ok());
        }
        Flow::Reply
    }
}

/// The host of a plan that calls none.
struct Nobody;

impl HostPort for Nobody {
    fn call(&self, _: CallId, _: &Segment, _: Placement, _: &mut Exchange) -> Outcome {
        Outcome::Failed
    }

    fn notify(&self, _: CallId, _: Notice) {}
}

/// What its clients have to finish once the program is there.
const PATIENCE: Duration = Duration::from_secs(1);
