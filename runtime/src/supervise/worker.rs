//! One worker as its parent sees it: how it is started, whether it lives, when it may come back.
//!
//! A slot outlives the processes that fill it, so it can tell a worker that died once from one
//! that cannot live. Knows nothing of the other slots, and takes no decision about the server.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::control::{ENGINE_BYTES_MAX, Incoming, Lines, READY};
use super::handover::{Handover, WORKER_VARIABLE};
use super::signals::ignore_terminal;

/// One worker's place in the server.
#[derive(Debug)]
pub(super) struct Slot {
    worker: usize,
    state: State,
    /// The engine of the last process that was ready; `None` until one was.
    engine: Option<String>,
    /// Processes in a row that died soon after their start.
    quick_deaths: u32,
}

#[derive(Debug)]
enum State {
    /// Not started yet, or stopped for good.
    Empty,
    Alive(Process),
    /// Died; the next process may start then.
    Resting {
        until: Instant,
    },
}

#[derive(Debug)]
struct Process {
    child: Child,
    control: Lines,
    hearing: Hearing,
    started: Instant,
}

/// Whether anything can still be read from a process.
#[derive(Debug, PartialEq, Eq)]
enum Hearing {
    Open,
    Ended,
}

/// A process that ended.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) pid: u32,
    pub(super) status: ExitStatus,
    /// How long to wait before the next process, if there is to be one.
    pub(super) rest: Duration,
}

impl Death {
    /// How it ended, as the middle of a sentence.
    pub(super) fn cause(&self) -> String {
        match (self.status.signal(), self.status.code()) {
            (Some(signal), _) => format!("was killed by signal {signal}"),
            (None, code) => format!("exited with code {}", code.unwrap_or_default()),
        }
    }
}

/// What every worker process is started with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch<'a> {
    /// Program and arguments; never empty.
    pub(super) command: &'a [OsString],
    /// One per worker; each process inherits all.
    pub(super) listeners: &'a [TcpListener],
}

impl Slot {
    pub(super) fn new(worker: usize) -> Self {
        Self {
            worker,
            state: State::Empty,
            engine: None,
            quick_deaths: 0,
        }
    }

    /// Starts a process; returns its pid.
    pub(super) fn start(&mut self, launch: Launch<'_>) -> io::Result<u32> {
        debug_assert!(
            !matches!(self.state, State::Alive(_)),
            "one process per slot"
        );
        let process = spawn(self.worker, launch)?;
        let pid = process.child.id();
        self.state = State::Alive(process);
        Ok(pid)
    }

    /// What to watch, while there is something to hear.
    pub(super) fn listening(&self) -> Option<&Lines> {
        match &self.state {
            State::Alive(process) if process.hearing == Hearing::Open => Some(&process.control),
            _ => None,
        }
    }

    /// Takes in what the worker has said since the last call. Returns what was no news, for the
    /// log.
    pub(super) fn hear(&mut self) -> Vec<String> {
        let mut nonsense = Vec::new();
        let State::Alive(process) = &mut self.state else {
            return nonsense;
        };
        while process.hearing == Hearing::Open {
            match process.control.next() {
                Ok(Incoming::Nothing) => break,
                // Its death, if it is one, is told by the kernel. A closed socket is watched no
                // more, or it would wake the parent for ever.
                Ok(Incoming::Closed) => process.hearing = Hearing::Ended,
                Ok(Incoming::Line(line)) => match engine_of(&line) {
                    Some(engine) => self.engine = Some(engine.to_owned()),
                    None => nonsense.push(format!("{line:?}")),
                },
                Err(error) => {
                    nonsense.push(error.to_string());
                    process.hearing = Hearing::Ended;
                }
            }
        }
        nonsense
    }

    /// Sends an order; a worker that cannot take it any more is either dead or will be killed.
    pub(super) fn order(&self, order: &str) {
        if let State::Alive(process) = &self.state {
            let _ = process.control.send(order);
        }
    }

    /// Kills the process, if there is one; its death is still to be reaped.
    pub(super) fn kill(&mut self) {
        if let State::Alive(process) = &mut self.state {
            // Fails only for a process that is dead already.
            let _ = process.child.kill();
        }
    }

    /// Buries the process if it has ended.
    pub(super) fn reap(&mut self) -> Option<Death> {
        let State::Alive(process) = &mut self.state else {
            return None;
        };
        // An error means that somebody else waited for our child: it is dead, cause unknown.
        let status = match process.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status,
            Err(_) => ExitStatus::from_raw(0),
        };
        let (pid, lived) = (process.child.id(), process.started.elapsed());
        // Its last words may say that it had been ready.
        self.hear();
        self.state = State::Empty;
        Some(Death {
            pid,
            status,
            rest: self.rest_after(lived),
        })
    }

    /// Lets the slot rest, after which [`Slot::due`] names it.
    pub(super) fn rest(&mut self, duration: Duration) {
        debug_assert!(!self.is_alive(), "only the dead rest");
        self.state = State::Resting {
            until: Instant::now() + duration,
        };
    }

    /// How long to wait before a process is started again after one that lived for `lived`:
    /// nothing the first time, then longer with every one that dies young.
    pub(super) fn rest_after(&mut self, lived: Duration) -> Duration {
        if lived >= QUICK_DEATH {
            self.quick_deaths = 0;
            return Duration::ZERO;
        }
        let doublings = self.quick_deaths;
        self.quick_deaths = doublings.saturating_add(1);
        match doublings.checked_sub(1) {
            None => Duration::ZERO,
            Some(exponent) => REST_MAX.min(REST_MIN * (1 << exponent.min(16))),
        }
    }

    /// Gives up a planned start.
    pub(super) fn cancel(&mut self) {
        if matches!(self.state, State::Resting { .. }) {
            self.state = State::Empty;
        }
    }

    /// When the next process is to be started, if one is.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            _ => None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.state, State::Alive(_))
    }

    /// The engine of this worker, once a process of it has been ready.
    pub(super) fn engine(&self) -> Option<&str> {
        self.engine.as_deref()
    }
}

/// The engine in a worker's `ready <engine>`, if the line is one.
fn engine_of(line: &str) -> Option<&str> {
    let engine = line.strip_prefix(READY)?.strip_prefix(' ')?;
    let plain = engine.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (1..=ENGINE_BYTES_MAX).contains(&engine.len())).then_some(engine)
}

/// Starts one worker process: the parent's process group, environment and standard streams, and
/// what `Handover` names. Its traceback at a failed start reaches the terminal through stderr.
fn spawn(worker: usize, launch: Launch<'_>) -> io::Result<Process> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let handover = Handover {
        worker,
        workers: launch.listeners.len(),
        parent: std::process::id(),
        control: theirs.as_raw_fd(),
        listeners: launch.listeners.iter().map(AsRawFd::as_raw_fd).collect(),
    };
    let mut inherited = handover.listeners.clone();
    inherited.push(handover.control);
    // `supervise` refuses an empty command.
    let mut command = Command::new(&launch.command[0]);
    command
        .args(&launch.command[1..])
        .env(WORKER_VARIABLE, handover.to_string());
    // SAFETY: between fork and exec the closure only calls `fcntl` and `signal`, on numbers that
    // were made before the fork; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            ignore_terminal();
            inherited
                .iter()
                .try_for_each(|descriptor| keep_over_exec(*descriptor))
        });
    }
    let child = command.spawn()?;
    Ok(Process {
        child,
        control: Lines::new(ours),
        hearing: Hearing::Open,
        started: Instant::now(),
    })
}

/// Clears close-on-exec, in the child only: no other child of the parent inherits it.
fn keep_over_exec(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor; no memory is passed.
    match unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A worker that dies younger than this counts as one that cannot live.
const QUICK_DEATH: Duration = Duration::from_secs(10);
/// Rest before the second start in a row that is due to an early death; it doubles from there.
const REST_MIN: Duration = Duration::from_millis(100);
/// Longest rest: a broken deployment costs one start per worker in this time, and its repair is
/// picked up within it.
const REST_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_longer_after_each_early_death_and_forgives_a_long_life() {
        let mut slot = Slot::new(0);
        let mut rest = |lived_s| slot.rest_after(Duration::from_secs(lived_s)).as_millis();
        let rests: Vec<u128> = (0..9).map(|_| rest(1)).collect();
        assert_eq!(rests, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!((0..100).all(|_| rest(9) == 5000));
        assert_eq!((rest(10), rest(1), rest(1)), (0, 0, 100));
    }

    #[test]
    fn takes_an_engine_from_a_ready_line_only() {
        assert_eq!(engine_of("ready io_uring"), Some("io_uring"));
        let long = format!("ready {}", "x".repeat(ENGINE_BYTES_MAX + 1));
        for line in [
            "ready",
            "ready ",
            "ready a b",
            "readyepoll",
            "ready \u{1b}[2J",
            "stop",
            &long,
        ] {
            assert_eq!(engine_of(line), None, "{line:?}");
        }
    }
}
