//! Waits for the request body, if there is one.

use crate::{
    exchange::Exchange,
    flow::{Flow, Sink, Wait},
    local::Local,
    stage::RequestStage,
};

/// Asks the driver for the body. A request without one goes on at once.
#[derive(Debug)]
pub struct AwaitBody(pub Sink);

impl RequestStage for AwaitBody {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        if x.has_body() {
            Flow::Await(Wait::Body(self.0))
        } else {
            Flow::Next
        }
    }
}
