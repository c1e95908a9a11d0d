//! Arranges that a coded request body is decoded on its way in, or refuses its coding.
//!
//! It runs before the body is asked for. From then on the request shows what the host will receive:
//! the fields that describe the coded bytes are gone.

use crate::{
    exchange::Exchange,
    flow::Flow,
    inflate::{ACCEPTED_CODINGS, Coding, Inflater},
    local::Local,
    stage::RequestStage,
};

/// Decodes `gzip` and `br`; other codings are a 415 (RFC 9110 §8.4, §15.5.16).
#[derive(Debug)]
pub struct ContentCoding;

impl RequestStage for ContentCoding {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        if !x.has_body() {
            return Flow::Next;
        }
        match Coding::of(&x.head) {
            Ok(None) => Flow::Next,
            Ok(Some(coding)) => {
                x.inflater = Some(Box::new(Inflater::new(coding, x.body_bytes_max)));
                x.head.hide(b"content-encoding");
                x.head.hide(b"content-length");
                Flow::Next
            }
            Err(problem) => {
                x.fail(&problem);
                // A literal field is valid.
                let accepted = ACCEPTED_CODINGS.as_bytes();
                let pushed = x.reply.fields.push(b"accept-encoding", accepted);
                debug_assert!(pushed.is_ok());
                Flow::Reply
            }
        }
    }
}
