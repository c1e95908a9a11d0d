//! The handler row of a mount's table: fetches the file, beside the worker's thread if need be.
//!
//! Knows nothing of what the reply says of the file.

use std::io;
use std::sync::Arc;

use spikard_contract::problem::INTERNAL_SERVER_ERROR;
use spikard_middleware::flow::Wait;
use spikard_middleware::{Errand, Exchange, Flow, Level, Local, Problem, RequestStage};

use super::answer;
use super::mount::{Fetched, Mount, Wanted};
use super::open::Patience;

/// Answers with a file of a mount.
#[derive(Debug)]
pub struct ServeFile(pub Arc<Mount>);

impl RequestStage for ServeFile {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let Some(wanted) = self.0.wanted(&x.head) else {
            answer::nothing(&self.0, x);
            return Flow::Reply;
        };
        if let Ok(Some(fetched)) = self.0.fetch(&wanted, Patience::None) {
            answer::write(&self.0, fetched, x, local);
            return Flow::Reply;
        }
        x.errand = Some(Box::new(Fetch {
            mount: self.0.clone(),
            wanted,
            fetched: Ok(None),
        }));
        Flow::Await(Wait::Errand)
    }
}

/// A file being fetched by whoever may wait.
#[derive(Debug)]
struct Fetch {
    mount: Arc<Mount>,
    wanted: Wanted,
    fetched: io::Result<Option<Fetched>>,
}

impl Errand for Fetch {
    fn run(&mut self) {
        self.fetched = self.mount.fetch(&self.wanted, Patience::Any);
    }

    fn deliver(self: Box<Self>, x: &mut Exchange, local: &mut Local) -> Flow {
        match self.fetched {
            Ok(Some(fetched)) => answer::write(&self.mount, fetched, x, local),
            // With any patience there is an answer.
            Ok(None) => answer::nothing(&self.mount, x),
            Err(error) => {
                let id = String::from_utf8_lossy(x.request_id.as_bytes());
                let prefix = &self.mount.prefix;
                let line = format!("a file below {prefix} could not be read: {error}: 500 [{id}]");
                local.note(Level::Error, line);
                x.fail(&Problem::of(&INTERNAL_SERVER_ERROR));
            }
        }
        Flow::Reply
    }
}
