//! The two kinds of row in a function table.

use crate::{exchange::Exchange, flow::Flow, local::Local};

/// A row that runs before the reply exists.
pub trait RequestStage: Send + Sync {
    /// Does its work at once and says what comes next.
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow;
}

/// A row that runs on a finished reply, the engine's errors included. It cannot fail, by type.
pub trait ReplyStage: Send + Sync {
    /// Edits the reply in place.
    fn run(&self, x: &mut Exchange, local: &mut Local);
}
