//! Waits for hooks that may change the request, or answer it.

use crate::{
    exchange::Exchange,
    flow::{Flow, Wait},
    local::Local,
    plan::SegmentId,
    stage::RequestStage,
};

/// Asks the driver to call the hooks of a segment.
#[derive(Debug)]
pub struct AwaitHooks {
    /// The hooks.
    pub segment: SegmentId,
    /// How long they may take, in milliseconds. `None` without a limit.
    pub timeout_ms: Option<u64>,
}

impl RequestStage for AwaitHooks {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        x.deadline_ms = self.timeout_ms.map(|timeout_ms| local.now_ms + timeout_ms);
        Flow::Await(Wait::Host(self.segment))
    }
}
