//! Conditional requests: what a request's conditions make of its reply (RFC 9110 §13.2).
//!
//! Once for every reply that names the state of its content, whoever wrote it, before the reply
//! rows that add to it run: they may still add to a 304 or a 412, and need not encode a body that
//! is not sent.
//! What the conditions mean is said in `proto-http`; a reply that names no state costs one look.

use spikard_contract::problem::PRECONDITION_FAILED;
use spikard_proto_http::{Validators, Verdict, sabotage};

use crate::{exchange::Exchange, inspection::forget_content, problem::Problem};

/// Makes the reply a 304 or a 412 if the request's conditions say so. Only a success has content
/// that they could be about (RFC 9110 §13.2.1).
#[inline]
pub(crate) fn apply(x: &mut Exchange) {
    if !(200..300).contains(&x.reply.status) && !sabotage::is_off("condition/success") {
        return;
    }
    let Some(validators) = Validators::of(&x.reply.fields) else {
        return;
    };
    match validators.judge(&x.head) {
        Verdict::Proceed => {}
        Verdict::NotModified => {
            x.reply.status = 304;
            x.reply.clear_body();
            forget_content(&mut x.reply.fields);
        }
        Verdict::Failed => x.fail(&Problem::of(&PRECONDITION_FAILED)),
    }
}
