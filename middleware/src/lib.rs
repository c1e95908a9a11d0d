//! One exchange and the function table that carries it from head to reply.
//!
//! An application is compiled, once at start, into a [`Plan`]: flat rows of stages, one table per
//! route. [`run::run`] walks a table and stops where something must be waited for; whoever drives
//! it (a socket worker, an in-process test client, a fuzzer) does the waiting. That is why the same
//! plan behaves the same everywhere.
//!
//! This crate knows no routes, no schemas, no host language, no sockets and no executor.
#![forbid(unsafe_code)]

pub mod arguments;
pub mod auth;
pub mod body;
pub mod coded_body;
pub mod compress;
pub mod cookie;
pub mod cors;
pub mod edit;
pub mod errand;
pub mod exchange;
pub mod file_body;
pub mod flow;
pub mod host;
pub mod inflate;
pub mod inspection;
mod json_line;
pub mod local;
pub mod log;
pub mod placement;
pub mod plan;
mod precondition;
pub mod problem;
pub mod rank;
pub mod rate;
pub mod redact;
pub mod reply;
pub mod request_id;
pub mod run;
pub mod session;
pub mod sink;
pub mod slots;
pub mod stage;
pub mod stages;
pub mod stopwatch;
pub mod uploads;
pub mod vary;

pub use arguments::{Argument, ArgumentKind, Arguments};
pub use coded_body::CodedBody;
pub use compress::stream::{Flush, StreamEncoder};
pub use compress::{Encoder, Recoding};
pub use edit::Edit;
pub use errand::Errand;
pub use exchange::Exchange;
pub use file_body::{FileBody, FilePiece};
pub use flow::{Flow, Pause, Wait};
pub use host::{Answer, CallId, HostPort, Notice, Outcome, Visit};
pub use inspection::ReplyFault;
pub use local::Local;
pub use log::{Level, Log, Record, Stall, Subject};
pub use placement::{Placements, PoolRun};
pub use plan::{ErrorHooks, Plan, PlanBuilder, Segment, SegmentId, TableId};
pub use problem::Problem;
pub use rank::Rank;
pub use reply::Reply;
pub use session::{Need, Session, SessionLimits, Station, Tail};
pub use sink::{BodySink, Work};
pub use slots::{Answered, Claim, Ledger, Slots};
pub use stage::{DoneStage, Ending, ReplyStage, RequestStage};
pub use stopwatch::{Stopwatch, ThreadUsage};
pub use uploads::{Keeping, Upload, Uploads};
