//! A server of processes: a parent that listens, and one process of this program per worker.
//!
//! Why: threads cannot be restarted. Here SIGHUP replaces the workers one by one by processes of
//! whatever the program's file is by then, without a refused connection, and a worker that dies
//! takes nobody with it.

use std::env;
use std::process;
use std::thread;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;
use spikard_contract::config::ServerConfig;
use spikard_runtime::listen::Opened;
use spikard_runtime::supervise::{EXIT_OK, Inherited, Supervision, inherited, supervise};

use crate::app::App;
use crate::error::RunError;
use crate::server::{Server, Watch};

impl App {
    /// As [`App::run_with`], with a process in place of each thread. SIGHUP restarts them one by
    /// one; a worker that dies is replaced.
    ///
    /// Each worker is this program, started again with the same arguments: what stands above this
    /// call runs once per process. Call it while the program has one thread, because it looks at
    /// the environment and takes from it what a parent left there.
    ///
    /// Returns when the server was stopped and every request was finished. Otherwise it ends the
    /// process, with the code that says why; `docs/guide/lifecycle.md` lists them.
    ///
    /// # Errors
    /// [`RunError`], where this process cannot begin.
    pub fn run_supervised(self, config: ServerConfig) -> Result<(), RunError> {
        let left = inherited().map_err(|error| RunError::System(std::io::Error::other(error)))?;
        let built = self.build()?.configured(&config);
        config.check().map_err(RunError::Config)?;
        if config.reload {
            return Err(RunError::Reload);
        }
        let Some(left) = left else {
            // What every worker would refuse is refused before any is started.
            built.app.lower(&config).map_err(RunError::Lower)?;
            let program = env::current_exe().map_err(RunError::System)?;
            let code = supervise(Supervision {
                command: [program.into_os_string()]
                    .into_iter()
                    .chain(env::args_os().skip(1))
                    .collect(),
                workers: config.workers as usize,
                config,
                log: built.service.log.clone(),
            });
            return match code {
                EXIT_OK => Ok(()),
                code => process::exit(code),
            };
        };
        // A service manager may send it to every process at once; only the parent counts.
        let signals = Signals::new([SIGTERM]).map_err(RunError::System)?;
        let listener = left.listeners[left.worker].try_clone();
        let opened = listener.and_then(Opened::of).map_err(RunError::System)?;
        let mut server = Server::start(&built, config, opened)?;
        let watch = Watch::begin(signals, server.workers())?;
        let obeying = follow(left, &server)?;
        let ended = server.join();
        watch.end();
        // It waits for orders that nobody gives any more; the process ends, and it with it.
        drop(obeying);
        ended
    }
}

/// Says that the worker is ready, and follows the parent's orders on a thread of their own.
fn follow(mut left: Inherited, server: &Server) -> Result<thread::JoinHandle<()>, RunError> {
    let engine = server.engine().split(' ').next().unwrap_or_default();
    // A parent that is gone says so by its first order.
    let _ = left.control.ready(engine);
    let workers = server.workers();
    thread::Builder::new()
        .name("spikard-orders".into())
        .spawn(move || {
            for worker in &workers {
                left.obey_until_end(worker);
            }
        })
        .map_err(RunError::System)
}
