//! The CORS rows: preflights answered without the application, and the fields of ordinary replies.
//!
//! A page of a foreign origin is served like anybody: without the fields its browser keeps the
//! reply from it. Only the preflight is refused, because there the question is the request.

use std::sync::Arc;

use spikard_contract::problem::FORBIDDEN;

use crate::{
    cors::{CorsPolicy, Refusal},
    exchange::Exchange,
    flow::Flow,
    local::Local,
    problem::Problem,
    stage::{ReplyStage, RequestStage},
};

/// Answers a preflight by one policy: 204, or 403.
#[derive(Debug)]
pub struct AnswerPreflight(pub Arc<CorsPolicy>);

impl RequestStage for AnswerPreflight {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let Self(policy) = self;
        match policy.judge(&x.head) {
            Ok(()) => {
                x.reply.clear();
                x.reply.status = 204;
                policy.write_preflight(&x.head, &mut x.reply);
            }
            Err(refusal) => x.fail(&Problem::of(&FORBIDDEN).with_detail(words(refusal))),
        }
        policy.vary_preflight(&mut x.reply);
        Flow::Reply
    }
}

/// Says on every reply which page may read it.
#[derive(Debug)]
pub struct AllowOrigin(pub Arc<CorsPolicy>);

impl ReplyStage for AllowOrigin {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        self.0.write_ordinary(&x.head, &mut x.reply);
    }
}

/// Never the client's own words: a preflight is anybody's.
fn words(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Origin => "This origin may not make cross-origin requests",
        Refusal::Method => "This method is not allowed in cross-origin requests",
        Refusal::Header => "A header field of the request is not allowed in cross-origin requests",
        Refusal::PrivateNetwork => "Pages on public networks may not call this server",
    }
}
