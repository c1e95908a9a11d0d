//! One request and its reply in the making: everything that stages, hosts and drivers share.
//!
//! The request half is decided once (by the parser and the stages) and read by all; there is no
//! second opinion on path, length or client. An exchange is pooled: `begin` makes it new again.

use std::net::SocketAddr;

use spikard_proto_http::{BodyLength, Head, forwarded::Scheme, sabotage};

use crate::{
    arguments::Arguments,
    errand::Errand,
    host::{Answer, Visit},
    inflate::Inflater,
    plan::{Plan, SegmentId, TableId},
    problem::Problem,
    rate::Standing,
    reply::{BODY_BYTES_KEPT, Reply},
    request_id::RequestId,
    sink::BodySink,
    uploads::Uploads,
};

/// Which half of its table an exchange is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Request rows are running.
    Request,
    /// A reply exists; its rows are to run.
    Reply,
    /// The reply is complete.
    Done,
}

/// One request and its reply.
#[derive(Debug)]
pub struct Exchange {
    /// The request head, decided.
    pub head: Head,
    /// The body, once it was collected.
    pub body: Vec<u8>,
    /// Where in the body its values are: written by the application for its own use, and without
    /// meaning to anybody else. Empty where nobody asked for it.
    pub outline: Vec<[u32; 4]>,
    /// Undoes the coding of the body on its way in; `None` if it has none.
    pub inflater: Option<Box<Inflater>>,
    /// Takes the body in place of `body`; `None` if it is simply collected.
    pub sink: Option<Box<dyn BodySink>>,
    /// The files that came with it.
    pub uploads: Uploads,
    /// What is awaited elsewhere, or was brought from there.
    pub errand: Option<Box<dyn Errand>>,
    /// The claims of the request's token, as JSON, once they were judged; empty without a token.
    pub claims: Vec<u8>,
    /// What the host function receives.
    pub arguments: Arguments,
    /// The reply.
    pub reply: Reply,
    /// Name of the exchange.
    pub request_id: RequestId,
    /// The other end of the connection; `None` in process.
    pub client: Option<SocketAddr>,
    /// How the client came: what trusted proxies say, else as the server is spoken to.
    pub scheme: Scheme,
    /// What is left to the client under the strictest limit that counted this request.
    pub standing: Option<Standing>,
    /// When it began, on [`Local::now_ns`](crate::Local::now_ns); `None` where nobody asks.
    pub began_ns: Option<u64>,
    /// When the host's answer is due, on the driver's clock. `None` without a deadline.
    pub deadline_ms: Option<u64>,
    /// Most body bytes accepted, counted as they arrive. `None` without a limit.
    pub body_bytes_max: Option<u64>,
    /// The segment whose host function answers, once routing has decided.
    pub segment: Option<SegmentId>,
    /// The segment that was called last.
    pub calling: Option<SegmentId>,
    /// Whether it runs on the host's thread pool.
    pub on_pool: bool,
    /// What the host keeps between its calls.
    pub visit: Option<Visit>,
    /// Whether no further hook sees the reply: one failed, or those on errors had their turn.
    pub(crate) hooks_ended: bool,
    /// Whether the host's late answer was to go on.
    pub(crate) goes_on: bool,
    pub(crate) table: TableId,
    pub(crate) row: u32,
    pub(crate) phase: Phase,
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new()
    }
}

impl Exchange {
    /// An exchange that has not begun.
    pub fn new() -> Self {
        Self {
            head: Head::new(),
            body: Vec::new(),
            outline: Vec::new(),
            inflater: None,
            sink: None,
            uploads: Uploads::new(),
            errand: None,
            claims: Vec::new(),
            arguments: Arguments::new(),
            reply: Reply::new(),
            request_id: RequestId::new(),
            client: None,
            scheme: Scheme::Http,
            standing: None,
            began_ns: None,
            deadline_ms: None,
            body_bytes_max: None,
            segment: None,
            calling: None,
            on_pool: false,
            visit: None,
            hooks_ended: false,
            goes_on: false,
            table: TableId::default(),
            row: 0,
            phase: Phase::Done,
        }
    }

    /// Begins with the head that was just parsed into `head`, at the plan's entry table.
    pub fn begin(&mut self, plan: &Plan, client: Option<SocketAddr>) {
        self.release();
        self.claims.clear();
        self.arguments.clear();
        self.reply.clear();
        self.request_id.clear();
        self.client = client;
        self.scheme = Scheme::Http;
        self.standing = None;
        self.began_ns = None;
        self.deadline_ms = None;
        self.body_bytes_max = None;
        self.segment = None;
        self.calling = None;
        self.on_pool = false;
        self.hooks_ended = false;
        self.enter(plan, plan.entry());
    }

    /// Lets go of the request's body and all that was made of it: files, decoders, large memory,
    /// what the host keeps.
    pub fn release(&mut self) {
        self.visit = None;
        self.body.clear();
        self.body.shrink_to(BODY_BYTES_KEPT);
        self.forget_outline();
        self.inflater = None;
        self.sink = None;
        self.errand = None;
        self.reply.file = None;
        self.uploads.clear();
    }

    /// Begins with a message that was refused before it became a request: the problem is the
    /// reply, the connection ends after it, and only reply rows run.
    pub fn begin_refused(&mut self, plan: &Plan, client: Option<SocketAddr>, problem: &Problem) {
        self.head.clear();
        self.begin(plan, client);
        self.enter(plan, plan.refused());
        self.reply.close = true;
        self.fail(problem);
    }

    /// An exchange that answers in this one's place while the host still holds it: the same request
    /// head, name and table, and a reply of its own.
    pub fn stand_in(&self) -> Self {
        Self {
            head: self.head.clone(),
            request_id: self.request_id.clone(),
            client: self.client,
            scheme: self.scheme,
            standing: self.standing,
            began_ns: self.began_ns,
            segment: self.segment,
            calling: self.calling,
            visit: self.visit.clone(),
            hooks_ended: self.hooks_ended,
            reply: Reply {
                close: self.reply.close,
                ..Reply::new()
            },
            table: self.table,
            row: self.row,
            phase: Phase::Reply,
            ..Self::new()
        }
    }

    /// Empties the outline, which can be larger than the body, and gives back what is too large to
    /// keep.
    pub fn forget_outline(&mut self) {
        self.outline.clear();
        self.outline.shrink_to(OUTLINE_ROWS_KEPT);
    }

    /// Makes `problem` the reply; the reply rows are next.
    pub fn fail(&mut self, problem: &Problem) {
        problem.write(&mut self.reply);
        self.phase = Phase::Reply;
    }

    /// The reply was written by a host; the reply rows are next.
    pub fn answered(&mut self) {
        self.phase = Phase::Reply;
    }

    /// Whether the host's last answer was to go on.
    pub fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Takes what the host says: its reply, or that the exchange goes on, and what hooks changed of
    /// the request. A change that cannot be made is a hook that failed.
    pub fn take_answer(&mut self, answer: &mut Answer) {
        self.goes_on = answer.goes_on;
        if !answer.goes_on {
            std::mem::swap(&mut self.reply, &mut answer.reply);
            // A body that was not read ends the connection, whatever a hook replies.
            self.reply.close |= answer.reply.close && !sabotage::is_off("hooks/close");
        }
        self.hooks_ended |= answer.ends_hooks && !sabotage::is_off("hooks/end");
        for edit in answer.edits.drain(..) {
            if let Err(fault) = edit.apply(self) {
                self.goes_on = false;
                self.hooks_ended = true;
                self.reply.clear();
                self.reply.fault = Some(Box::new(fault));
                return;
            }
        }
    }

    /// Which half of the table this exchange is in.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the request declares a body (RFC 9112 §6.3).
    pub fn has_body(&self) -> bool {
        !matches!(
            self.head.body_length(),
            BodyLength::None | BodyLength::Known(0)
        )
    }

    pub(crate) fn enter(&mut self, plan: &Plan, table: TableId) {
        self.table = table;
        self.row = plan.table(table).request.start;
        self.phase = Phase::Request;
    }
}

/// Most rows of an outline that an idle exchange keeps memory for: 16 KiB, as of its body.
const OUTLINE_ROWS_KEPT: usize = BODY_BYTES_KEPT / size_of::<[u32; 4]>();
