//! Names every exchange, and echoes the name on every reply.

use crate::{
    exchange::Exchange,
    flow::Flow,
    local::Local,
    stage::{ReplyStage, RequestStage},
};

/// The field that carries the name, both ways.
pub const FIELD: &[u8] = b"x-request-id";

/// Keeps the client's id if it is sane, else makes one.
#[derive(Debug)]
pub struct AssignRequestId;

impl RequestStage for AssignRequestId {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let kept = match x.head.field(FIELD) {
            Some(id) => x.request_id.keep(id),
            None => false,
        };
        if !kept {
            x.request_id.generate(local.random());
        }
        Flow::Next
    }
}

/// Writes the id on the reply. A message that was refused before it had one gets a new one.
#[derive(Debug)]
pub struct EchoRequestId;

impl ReplyStage for EchoRequestId {
    fn run(&self, x: &mut Exchange, local: &mut Local) {
        if x.request_id.as_bytes().is_empty() {
            x.request_id.generate(local.random());
        }
        // An id is 1 to 128 visible ASCII characters, so it is a valid field value.
        let set = x.reply.fields.set(FIELD, x.request_id.as_bytes());
        debug_assert!(set.is_ok());
    }
}
