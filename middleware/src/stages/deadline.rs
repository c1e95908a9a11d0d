//! Sets when the host's answer is due. The driver answers 504 when it is late.

use crate::{exchange::Exchange, flow::Flow, local::Local, stage::RequestStage};

/// The handler's time.
#[derive(Debug)]
pub struct Deadline {
    /// Milliseconds from now.
    pub after_ms: u64,
}

impl RequestStage for Deadline {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        x.deadline_ms = Some(local.now_ms + self.after_ms);
        Flow::Next
    }
}
