//! The parent: it holds the port, starts one process per worker, and keeps them alive.
//!
//! The process that called `run()` parks here, in Rust, without a ring and without wake-ups while
//! nothing happens, the same for every host language. It binds every listener once and each worker
//! inherits all, so a worker's death loses no connection that is still queued, and no worker can
//! fail on a taken port. Workers re-execute the program, so a new process runs new code.
//! Knows nothing of HTTP, rings, routes or host languages: a worker is a command.

mod control;
mod handover;
mod signals;
mod worker;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spikard_middleware::{Level, Log};

pub use control::{Control, ENGINE_BYTES_MAX, Order};
pub use handover::{InheritError, Inherited, WORKER_VARIABLE, inherited};

use crate::listen::{Bound, bind};
use control::{FORCE, STOP};
use signals::{Readiness, Signals, wait};
use worker::{Death, Launch, Slot};

/// Exit code: every worker finished its requests and left by itself.
pub const EXIT_OK: i32 = 0;
/// Exit code: some worker did not finish in time and was forced, or died while stopping.
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
    /// Address or name to listen on.
    pub host: String,
    /// Port to listen on; 0 takes any free one, which the start-up line then names.
    pub port: u16,
    /// Processes, each with its own listener; at least 1.
    pub workers: usize,
    /// Queue of each listener, in connections.
    pub backlog: u32,
    /// How long a worker may take to finish its requests. It has [`STOP_GRACE`] more to leave.
    pub shutdown_timeout: Duration,
    /// Takes the parent's sentences, on the thread that called [`supervise`].
    pub log: Arc<dyn Log>,
}

impl fmt::Debug for Supervision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervision")
            .field("command", &self.command)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// Runs a server of worker processes until it is stopped; returns the exit code, one of the
/// `EXIT_*` constants, for the caller to exit with.
///
/// Blocks the calling thread. While it runs, SIGINT and SIGTERM stop the server: the first lets
/// workers finish, the second forces them, any further one kills; afterwards both belong to
/// whoever had them before. SIGHUP is not touched: where it kills the parent (a closed terminal
/// without `nohup`), the workers finish and leave, as they do when the parent dies in any way.
///
/// A worker that dies is replaced: at once the first time, then after a rest that grows from
/// 100 ms to 5 s while replacements keep dying within 10 s. One that ends before it was ever ready
/// ends the server instead, with [`EXIT_START_FAILED`]: a program that cannot start must not spin.
/// Every refusal and every death is a sentence in the log.
pub fn supervise(supervision: Supervision) -> i32 {
    let log = Arc::clone(&supervision.log);
    match Parent::new(supervision) {
        Ok(parent) => parent.run(),
        Err(refusal) => {
            log.log(Level::Error, &refusal);
            EXIT_REFUSED
        }
    }
}

struct Parent {
    supervision: Supervision,
    bound: Bound,
    signals: Signals,
    slots: Vec<Slot>,
    phase: Phase,
    /// SIGINT and SIGTERM so far.
    stop_signals: u32,
    exit_code: i32,
}

/// What the parent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Every worker to be ready for the first time.
    Starting,
    /// Nothing: the server stands.
    Serving,
    /// Workers to finish, until then (`None`: for ever); then they are forced.
    Stopping { until: Option<Instant> },
    /// Workers to obey `force`, until then; then they are killed.
    Forcing { until: Option<Instant> },
    /// The kernel to end the processes.
    Killing,
}

impl Parent {
    fn new(supervision: Supervision) -> Result<Self, String> {
        if supervision.command.is_empty() {
            return Err("there is no command to start a worker with".to_owned());
        }
        if supervision.workers == 0 {
            return Err("a server has at least one worker, not 0".to_owned());
        }
        let Supervision {
            host,
            port,
            workers,
            backlog,
            ..
        } = &supervision;
        let bound = bind(host, *port, *workers, *backlog).map_err(|error| error.to_string())?;
        let signals = Signals::take().map_err(|error| format!("cannot take signals: {error}"))?;
        let slots = (0..supervision.workers).map(Slot::new).collect();
        let phase = Phase::Starting;
        Ok(Self {
            supervision,
            bound,
            signals,
            slots,
            phase,
            stop_signals: 0,
            exit_code: EXIT_OK,
        })
    }

    fn run(mut self) -> i32 {
        self.start_all();
        while self.slots.iter().any(Slot::is_alive) || self.is_up() {
            if let Err(error) = self.sleep() {
                // Without a way to wait there is no way to supervise; not to spin comes first.
                self.say(
                    Level::Error,
                    format!("cannot wait for the workers: {error}"),
                );
                return self.abandon();
            }
            self.obey_signals();
            for at in 0..self.slots.len() {
                self.hear(at);
                if let Some(death) = self.slots[at].reap() {
                    self.bury(at, &death);
                }
            }
            self.announce();
            self.start_rested();
            self.pass_deadline();
        }
        if self.exit_code == EXIT_OK {
            self.say(Level::Info, "stopped".to_owned());
        }
        self.exit_code
    }

    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Serving)
    }

    fn start_all(&mut self) {
        for at in 0..self.slots.len() {
            if let Err(error) = self.start(at) {
                let program = self.supervision.command[0].display();
                self.fail(format!("cannot start worker {at} ({program}): {error}"));
                return;
            }
        }
    }

    fn start(&mut self, at: usize) -> io::Result<u32> {
        let (command, listeners) = (&self.supervision.command, &self.bound.listeners);
        self.slots[at].start(Launch { command, listeners })
    }

    /// Sleeps until a signal, a worker's word, or the next deadline. No deadline, no wake-up.
    fn sleep(&self) -> io::Result<()> {
        let mut sources = vec![Readiness::of(&self.signals)];
        sources.extend(
            self.slots
                .iter()
                .filter_map(Slot::listening)
                .map(Readiness::of),
        );
        let rests = self.slots.iter().filter_map(Slot::due);
        let deadline = rests.chain(self.phase.until()).min();
        wait(
            &mut sources,
            deadline.map(|at| at.saturating_duration_since(Instant::now())),
        )
    }

    /// A signal is obeyed before any death is looked at: where a service manager told every
    /// process, a worker that left was stopped with us and wants no successor.
    fn obey_signals(&mut self) {
        let arrived = self.signals.take_arrived();
        let interrupts = (0..arrived.interrupts).map(|_| EXIT_INTERRUPTED);
        let terminations = (0..arrived.terminations).map(|_| EXIT_TERMINATED);
        for code in interrupts.chain(terminations) {
            self.stop_signals = self.stop_signals.saturating_add(1);
            match self.stop_signals {
                1 => self.stop(),
                2 => {
                    self.exit_code = code;
                    self.say(
                        Level::Warn,
                        "forced: requests in hand are cut off".to_owned(),
                    );
                    self.force(SECOND_SIGNAL_GRACE);
                }
                _ => self.kill(),
            }
        }
    }

    fn hear(&mut self, at: usize) {
        for nonsense in self.slots[at].hear() {
            let sentence = format!("worker {at} said what is no news: {nonsense}");
            self.say(Level::Warn, sentence);
        }
    }

    fn bury(&mut self, at: usize, death: &Death) {
        let (pid, cause) = (death.pid, death.cause());
        match self.phase {
            Phase::Starting | Phase::Serving if self.slots[at].engine().is_none() => {
                self.fail(format!(
                    "worker {at} (pid {pid}) {cause} before it was ready"
                ));
            }
            Phase::Starting | Phase::Serving if death.rest.is_zero() => match self.start(at) {
                Ok(heir) => self.say(
                    Level::Warn,
                    format!("worker {at} (pid {pid}) {cause}; started pid {heir} in its place"),
                ),
                Err(error) => {
                    self.say(Level::Warn, format!("worker {at} (pid {pid}) {cause}"));
                    self.put_off(at, &error);
                }
            },
            Phase::Starting | Phase::Serving => {
                self.slots[at].rest(death.rest);
                let rest_ms = death.rest.as_millis();
                self.say(
                    Level::Warn,
                    format!("worker {at} (pid {pid}) {cause}; it starts again in {rest_ms} ms"),
                );
            }
            // Whatever a worker does when it is forced or killed was said when that began.
            Phase::Stopping { .. } if !death.status.success() => {
                self.cut_short();
                self.say(
                    Level::Warn,
                    format!("worker {at} (pid {pid}) {cause} while stopping"),
                );
            }
            Phase::Stopping { .. } | Phase::Forcing { .. } | Phase::Killing => {}
        }
    }

    /// A replacement that could not even be started counts as one that died young.
    fn put_off(&mut self, at: usize, error: &io::Error) {
        let slot = &mut self.slots[at];
        let rest = slot.rest_after(Duration::ZERO);
        slot.rest(rest);
        let rest_ms = rest.as_millis();
        self.say(
            Level::Error,
            format!("cannot start worker {at} ({error}); the next try is in {rest_ms} ms"),
        );
    }

    /// Says where the server listens, once, when every worker has been ready.
    fn announce(&mut self) {
        let mut engines: Vec<&str> = self.slots.iter().filter_map(Slot::engine).collect();
        let (ready, all) = (engines.len(), self.slots.len());
        if self.phase != Phase::Starting || ready < all {
            return;
        }
        engines.sort_unstable();
        engines.dedup();
        let (address, workers) = (self.bound.address, counted(all));
        let engines = engines.join(" and ");
        self.phase = Phase::Serving;
        self.say(
            Level::Info,
            format!("listening on http://{address} ({workers}, {engines})"),
        );
    }

    fn start_rested(&mut self) {
        let now = Instant::now();
        for at in 0..self.slots.len() {
            if self.slots[at].due().is_some_and(|due| due <= now) {
                match self.start(at) {
                    Ok(pid) => {
                        let sentence = format!("started worker {at} again (pid {pid})");
                        self.say(Level::Info, sentence);
                    }
                    Err(error) => self.put_off(at, &error),
                }
            }
        }
    }

    fn pass_deadline(&mut self) {
        if self
            .phase
            .until()
            .is_none_or(|until| until > Instant::now())
        {
            return;
        }
        self.cut_short();
        if matches!(self.phase, Phase::Stopping { .. }) {
            let late = self.slots.iter().filter(|slot| slot.is_alive()).count();
            let workers = counted(late);
            self.say(
                Level::Warn,
                format!("{workers} did not finish in time: forced"),
            );
            self.force(FORCE_GRACE);
        } else {
            self.kill();
        }
    }

    /// The server does not stand and will not.
    fn fail(&mut self, reason: String) {
        self.exit_code = EXIT_START_FAILED;
        self.say(Level::Error, format!("{reason}: the server does not start"));
        self.stop();
    }

    fn stop(&mut self) {
        if !self.is_up() {
            return;
        }
        self.slots.iter_mut().for_each(Slot::cancel);
        self.slots.iter().for_each(|slot| slot.order(STOP));
        let patience = self.supervision.shutdown_timeout.saturating_add(STOP_GRACE);
        self.phase = Phase::Stopping {
            until: Instant::now().checked_add(patience),
        };
        let at_most_s = self.supervision.shutdown_timeout.as_secs_f32();
        self.say(
            Level::Info,
            format!("stopping: requests in hand have {at_most_s} s to finish"),
        );
    }

    fn force(&mut self, grace: Duration) {
        self.slots.iter_mut().for_each(Slot::cancel);
        self.slots.iter().for_each(|slot| slot.order(FORCE));
        self.phase = Phase::Forcing {
            until: Instant::now().checked_add(grace),
        };
    }

    fn kill(&mut self) {
        for slot in self.slots.iter_mut().filter(|slot| slot.is_alive()) {
            slot.kill();
        }
        self.phase = Phase::Killing;
    }

    fn abandon(mut self) -> i32 {
        self.kill();
        EXIT_CUT_SHORT
    }

    /// Notes that requests were lost, unless the exit code tells something worse already.
    fn cut_short(&mut self) {
        if self.exit_code == EXIT_OK {
            self.exit_code = EXIT_CUT_SHORT;
        }
    }

    fn say(&self, level: Level, sentence: String) {
        self.supervision.log.log(level, &sentence);
    }
}

impl Phase {
    fn until(self) -> Option<Instant> {
        match self {
            Self::Stopping { until } | Self::Forcing { until } => until,
            Self::Starting | Self::Serving | Self::Killing => None,
        }
    }
}

/// "1 worker", "4 workers".
fn counted(workers: usize) -> String {
    format!("{workers} worker{}", if workers == 1 { "" } else { "s" })
}

/// What a worker has beyond `shutdown_timeout` to close its connections and unwind its host.
pub const STOP_GRACE: Duration = Duration::from_secs(2);
/// What a worker has to obey `force` before it is killed.
pub const FORCE_GRACE: Duration = Duration::from_secs(2);
/// The same after a second signal: somebody is waiting at a terminal.
const SECOND_SIGNAL_GRACE: Duration = Duration::from_secs(1);
