//! The request body on its way into an exchange: counted as it arrives, kept or forgotten.
//!
//! The limit is applied to every piece of every body kind, so that no framing slips past it.

use spikard_contract::problem::PAYLOAD_TOO_LARGE;
use spikard_proto_http::{BodyLength, sabotage};

use crate::{exchange::Exchange, flow::Sink, problem::Problem};

/// The problem for a body over `limit` bytes: names the limit, its value and the setting.
pub fn too_large(limit: u64) -> Problem {
    Problem::of(&PAYLOAD_TOO_LARGE).with_detail(format!(
        "The request body is over the limit of {limit} bytes (setting: max_body_size)"
    ))
}

/// The problem of a body whose declared length is already over the exchange's limit.
pub fn declared_too_large(x: &Exchange) -> Option<Problem> {
    if sabotage::is_off("limit/body-declared") {
        return None;
    }
    match (x.head.body_length(), x.body_bytes_max) {
        (BodyLength::Known(declared), Some(limit)) if declared > limit => Some(too_large(limit)),
        _ => None,
    }
}

/// Counts one body and puts its bytes where the sink says.
#[derive(Debug)]
pub struct Collector {
    sink: Sink,
    received: u64,
    /// All bytes are in; what is left is the sink's work.
    pub(crate) is_whole: bool,
    /// The sink refused what it was given. The message itself is sound, so the connection may stay.
    pub(crate) is_refused: bool,
}

impl Collector {
    /// Begins a body.
    pub fn new(sink: Sink) -> Self {
        Self {
            sink,
            received: 0,
            is_whole: false,
            is_refused: false,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// A `413` problem if the body is over the exchange's limit.
    pub fn push(&mut self, x: &mut Exchange, bytes: &[u8]) -> Result<(), Box<Problem>> {
        self.received += bytes.len() as u64;
        let limit = x.body_bytes_max.filter(|limit| self.received > *limit);
        if let Some(limit) = limit
            && !sabotage::is_off("limit/body-received")
        {
            return Err(Box::new(too_large(limit)));
        }
        match (self.sink, &mut x.sink) {
            (Sink::Collect, Some(sink)) => {
                let pushed = sink.push(bytes);
                self.is_refused = pushed.is_err();
                pushed
            }
            (Sink::Collect, None) => {
                x.body.extend_from_slice(bytes);
                Ok(())
            }
            (Sink::Discard, _) => Ok(()),
        }
    }
}
