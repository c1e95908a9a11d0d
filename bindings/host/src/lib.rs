//! The safe Rust face of the C ABI.
//!
//! A binding for a host language is written against this crate: no raw pointers, no lengths, no
//! status numbers. What two bindings share (the call's view, the pool's queue) lives here too.
//! It knows no HTTP rule and no host language.

mod answer;
mod app;
mod call;
mod error;
mod event;
mod field;
mod kept;
mod pool;
mod port;
#[cfg(feature = "server")]
mod server;
mod upload;
mod worker;

pub use answer::{Answer, Edit, Verdict, is_request_id};
pub use app::App;
pub use call::{Argument, Call, Made, Owned, cookies};
pub use error::{Error, Status};
pub use event::{Host, Level, Outcome};
pub use field::{check_json, check_redirect, etag, etag_of, read_form, set_cookie};
pub use kept::{CALLS_MAX, Calls, Token};
pub use pool::{Pool, Rejected};
pub use port::{Field, PoolRun, Port, Reply};
#[cfg(feature = "server")]
pub use server::{Inherited, Orders, inherited, listen, supervise};
pub use spikard_ffi::Purpose;
pub use upload::{Content, Spool, Upload};
pub use worker::{Stats, Turn, Worker};
