//! The door to host code: how a driver calls a function that is not part of the engine.
//!
//! The call is made inline, on the thread that owns the exchange. A host that cannot answer at once
//! says [`Outcome::Later`] and answers by [`CallId`], which is never an address and never reused
//! while anybody may still hold it.

use std::{any::Any, sync::Arc};

use spikard_contract::route::Placement;

use crate::{edit::Edit, exchange::Exchange, plan::Segment, reply::Reply};

/// Names one call to the host: slot in the low half, generation in the high half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(u64);

impl CallId {
    /// Reads an id that crossed a border.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The id as it crosses a border.
    pub fn raw(self) -> u64 {
        self.0
    }

    pub(crate) fn new(slot: u32, generation: u32) -> Self {
        Self(u64::from(generation) << 32 | u64::from(slot))
    }

    pub(crate) fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The reply is written into the exchange.
    Done,
    /// The answer will come by its [`CallId`]; the exchange must stay where it is until then.
    Later,
    /// Hooks ran and gave no reply: go on, with the request as they left it.
    Continue,
    /// The host broke its contract (no answer, an unsendable reply): a 500.
    Failed,
}

/// What a host says in answer to a call.
#[derive(Debug, Default)]
pub struct Answer {
    /// The reply; without meaning if the answer is to go on.
    pub reply: Reply,
    /// Hooks ran and gave no reply: the request goes on, or the reply that they were shown stands.
    pub goes_on: bool,
    /// What hooks changed of the request, in order.
    pub edits: Vec<Edit>,
    /// A hook failed: the reply is final, and no further hook sees it.
    pub ends_hooks: bool,
}

impl Answer {
    /// Back to an empty reply; memory is kept.
    pub fn clear(&mut self) {
        self.reply.clear();
        self.goes_on = false;
        self.edits.clear();
        self.ends_hooks = false;
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            ..Self::default()
        }
    }
}

/// What a host keeps of one exchange between its calls. It is dropped when the exchange ends, and
/// that is how the host learns of it.
pub type Visit = Arc<dyn Any + Send + Sync>;

/// What a host is told about a call it has not answered yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// The client closed its sending half. It may still read the reply.
    Disconnect,
    /// Nobody waits for the answer any more (client gone, deadline passed, shutdown): stop if
    /// possible. The answer must still be given, and is swallowed.
    Cancel,
}

/// A host, as drivers see it.
pub trait HostPort {
    /// Calls the function of `segment`. `placement` is where to run it now: `Inline` or `Pool`,
    /// never `Proven` (the driver has decided).
    fn call(
        &self,
        id: CallId,
        segment: &Segment,
        placement: Placement,
        x: &mut Exchange,
    ) -> Outcome;

    /// Tells the host something about an unanswered call.
    fn notify(&self, id: CallId, notice: Notice);

    /// Begins an exchange in which there are hooks to call: what the host wants kept with it, in
    /// [`Exchange::visit`].
    fn visit(&self) -> Option<Visit> {
        None
    }

    /// The host asked for its share of a turn, from whatever thread: something it waits for has
    /// happened. Called inside a turn; nothing of the worker is borrowed.
    fn woken(&self) {}
}
