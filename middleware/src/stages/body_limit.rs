//! Sets the body limit, and refuses a body whose declared length is over it.
//!
//! It runs before the body is asked for, so a refused upload never gets `100 Continue`.

use crate::{
    body::declared_too_large, exchange::Exchange, flow::Flow, local::Local, stage::RequestStage,
};

/// At most this many bytes of body.
#[derive(Debug)]
pub struct BodyLimit {
    /// The limit, in bytes.
    pub bytes_max: u64,
}

impl RequestStage for BodyLimit {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        x.body_bytes_max = Some(self.bytes_max);
        match declared_too_large(x) {
            Some(problem) => {
                x.fail(&problem);
                // What is over the limit is not read, so nothing can follow it.
                x.reply.close = true;
                Flow::Reply
            }
            None => Flow::Next,
        }
    }
}
