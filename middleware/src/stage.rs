//! The three kinds of row in a function table.

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

/// A row that runs when the exchange is over: the reply is on its way, or its client has left. It
/// looks and counts, and cannot change anything.
pub trait DoneStage: Send + Sync {
    /// Looks at what became of it.
    fn run(&self, x: &Exchange, ending: Ending, local: &mut Local);
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its reply was handed over to be written.
    Replied {
        /// Bytes of the reply's body, as they go on the wire; `None` if that is known only when
        /// it has been sent, as of a file that is compressed meanwhile.
        body_bytes: Option<u64>,
    },
    /// Its client left before there was a reply.
    Left,
}
