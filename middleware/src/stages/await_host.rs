//! Waits for the host function that answers the route.

use crate::{
    exchange::Exchange,
    flow::{Flow, Wait},
    local::Local,
    plan::SegmentId,
    stage::RequestStage,
};

/// Asks the driver to call a segment.
#[derive(Debug)]
pub struct AwaitHost(pub SegmentId);

impl RequestStage for AwaitHost {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        x.segment = Some(self.0);
        Flow::Await(Wait::Host(self.0))
    }
}
