//! The parent: it holds the port, starts one process per worker, and keeps them alive.
//!
//! The process that called `run()` parks here, in Rust, without a ring and without wake-ups while
//! nothing happens, the same for every host language. It binds every listener once and each worker
//! inherits all, so a worker's death loses no connection that is still queued, and no worker can
//! fail on a taken port. Workers re-execute the program, so a new process runs new code.
//! Knows nothing of HTTP, rings, routes or host languages: a worker is a command.

mod control;
mod cover;
mod fault;
mod handover;
mod notify;
mod obey;
mod parent;
mod process;
mod reload;
mod restart;
mod signals;
mod slot;
mod stand_in;
mod stop;
mod watch;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use spikard_contract::config::ServerConfig;
use spikard_middleware::log::configured;
use spikard_middleware::{Level, Log};

pub(crate) use control::tell_parent_of_cut;
pub use control::{Control, ENGINE_BYTES_MAX, Order};
pub use handover::{InheritError, Inherited, WORKER_VARIABLE, inherited};

use parent::Parent;

/// Exit code: every worker finished its requests and left by itself.
pub const EXIT_OK: i32 = 0;
/// Exit code: some worker cut off requests, or did not leave in time, or died while stopping.
pub const EXIT_CUT_SHORT: i32 = 1;
/// Exit code: nothing was started, because the configuration or the port was refused.
pub const EXIT_REFUSED: i32 = 2;
/// Exit code: a worker ended before it was ready, so the server never stood.
pub const EXIT_START_FAILED: i32 = 3;
/// Exit code: a second SIGINT forced the stop (128 + the signal's number, as shells count).
pub const EXIT_INTERRUPTED: i32 = 130;
/// Exit code: a second SIGTERM forced the stop.
pub const EXIT_TERMINATED: i32 = 143;

/// What to supervise.
#[derive(Clone)]
pub struct Supervision {
    /// Program and arguments of a worker; it must call [`inherited`] first thing.
    pub command: Vec<OsString>,
    /// Where to listen, and how long a worker may take to finish its requests: it has
    /// [`STOP_GRACE`] more to leave.
    pub config: ServerConfig,
    /// Processes, each with its own listener; at least 1.
    pub workers: usize,
    /// Takes the parent's sentences, on the thread that called [`supervise`].
    pub log: Arc<dyn Log>,
}

impl fmt::Debug for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("command", &self.command)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// Runs a server of worker processes until it is stopped; returns the exit code, one of the
/// `EXIT_*` constants, for the caller to exit with.
///
/// Blocks the calling thread. While it runs, SIGINT and SIGTERM stop the server: the first lets
/// workers finish, the second forces them, any further one kills; afterwards both belong to
/// whoever had them before. SIGHUP restarts the workers one after the other: each goes on serving
/// until a new process of it is ready, so no connection is refused and no request is lost; if the
/// new one ends before that, the old one stays. Where SIGHUP says that the terminal was closed (and
/// `nohup` did not ask to outlive it), the server stops instead. When the parent dies in any way,
/// the workers finish and leave.
///
/// A worker that dies is replaced: at once the first time, then after a rest that grows from
/// 100 ms to 5 s while replacements keep dying within 10 s. Meanwhile another worker accepts the
/// connections that were queued for it. One that ends before it was ever ready, or is not ready
/// within `start_timeout`, ends the server instead, with [`EXIT_START_FAILED`]: a program that
/// cannot start must not spin. With `reload` a page says why until a change of the source mends it.
/// Every refusal and every death is a sentence in the log.
pub fn supervise(mut supervision: Supervision) -> i32 {
    let log = configured(supervision.log, &supervision.config);
    supervision.log = Arc::clone(&log);
    match Parent::new(supervision) {
        Ok(parent) => parent.run(),
        Err(refusal) => {
            log.log(Level::Error, &refusal);
            EXIT_REFUSED
        }
    }
}

/// What a worker has beyond `shutdown_timeout` to close its connections and unwind its host.
pub const STOP_GRACE: Duration = Duration::from_secs(2);
/// What a worker has to obey `force` before it is killed.
pub const FORCE_GRACE: Duration = Duration::from_secs(2);
/// The same after a second signal: somebody is waiting at a terminal.
const SECOND_SIGNAL_GRACE: Duration = Duration::from_secs(1);
