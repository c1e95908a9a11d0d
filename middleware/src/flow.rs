//! What a stage asks for next, and what the interpreter asks of its driver.

use crate::plan::{SegmentId, TableId};

/// What a request stage asks for next. A stage never waits; only the driver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on with the next row.
    Next,
    /// Go on with the first row of another table.
    Goto(TableId),
    /// The exchange's reply is written; go on with the reply rows.
    Reply,
    /// Something must happen first; then go on with the next row.
    Await(Wait),
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The whole request body, handled as the sink says.
    Body(Sink),
    /// The host functions of a segment. Their answer is the reply, unless hooks say "continue".
    Host(SegmentId),
    /// The errand that the stage left in [`crate::Exchange::errand`]; what it brings says how to
    /// go on.
    Errand,
}

/// What happens to the bytes of a request body. Both count against the exchange's body limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Read and forgotten, so that the connection can be kept.
    Discard,
    /// Pushed into [`crate::Exchange::sink`]; without one, kept whole in
    /// [`crate::Exchange::body`].
    Collect,
}

/// Where [`crate::run::run`] stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Do this, then run again.
    Wait(Wait),
    /// The reply is complete.
    Done,
}
