//! One worker process as its parent sees it: how it is started, what it says, how it ends.
//!
//! Knows nothing of slots, of other processes, and of what its death means for the server.

use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::control::{ADOPT, CUT, ENGINE_BYTES_MAX, Incoming, Lines, READY};
use super::fault::{Ear, Slate};
use super::handover::{Handover, ReloadHandover, WORKER_VARIABLE};
use super::notify::NOTIFY_VARIABLE;
use super::signals::ignore_terminal;
use crate::listen::{ACTIVATION_VARIABLES, Further};

/// A process that was started and is not buried yet.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    control: Lines,
    hearing: Hearing,
    started: Instant,
    /// What it said moves its bytes, once it accepts connections.
    engine: Option<String>,
    /// Requests that it said it cut off.
    cut: usize,
    /// Hears its standard error until it is ready, where the parent reloads.
    ear: Option<Ear>,
    is_killed: bool,
    /// Numbers of the listeners that it accepts from beside its own.
    further: Range<usize>,
}

/// Whether anything can still be read from a process.
#[derive(Debug, PartialEq, Eq)]
enum Hearing {
    Open,
    Ended,
}

/// What every worker process is started with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Launch<'a> {
    /// Program and arguments; never empty.
    pub(super) command: &'a [OsString],
    /// One per worker; each process inherits all.
    pub(super) listeners: &'a [OwnedFd],
    /// What every process accepts from as well.
    pub(super) further: &'a [Further],
    /// Of a parent that reloads.
    pub(super) slate: Option<&'a Slate>,
    /// What all of them share, if there is any.
    pub(super) shared: Option<RawFd>,
}

/// How a process ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) status: ExitStatus,
    /// How long, if it was ever ready.
    pub(super) lived: Duration,
    /// How many requests it cut off.
    pub(super) cut: usize,
    /// Its last words, where they were heard.
    pub(super) words: String,
}

impl End {
    /// How it ended, as the middle of a sentence.
    pub(super) fn cause(&self) -> String {
        match (self.status.signal(), self.status.code()) {
            (Some(signal), _) => format!("was killed by signal {signal}"),
            (None, code) => format!("exited with code {}", code.unwrap_or_default()),
        }
    }
}

impl Process {
    /// Starts one worker process: the parent's process group, environment and standard streams,
    /// and what `Handover` names. Its traceback at a failed start reaches the terminal through
    /// stderr.
    pub(super) fn start(worker: usize, launch: Launch<'_>) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        // Held until the process is started: the number stands in its environment.
        let voice = launch
            .slate
            .map(|_| io::stderr().as_fd().try_clone_to_owned());
        let voice = voice.transpose()?;
        let reload = launch.slate.zip(voice.as_ref());
        let handover = Handover {
            worker,
            workers: launch.listeners.len(),
            parent: std::process::id(),
            control: theirs.as_raw_fd(),
            listeners: {
                let own = launch.listeners.iter().map(AsRawFd::as_raw_fd);
                let further = launch.further.iter().map(|it| it.listener.as_raw_fd());
                own.chain(further).collect()
            },
            shared: launch.shared,
            reload: reload.map(|(slate, voice)| ReloadHandover {
                slate: slate.as_fd().as_raw_fd(),
                voice: voice.as_raw_fd(),
            }),
        };
        let further = handover.workers..handover.listeners.len();
        let inherited = handover.descriptors();
        // `supervise` refuses an empty command.
        let mut command = Command::new(&launch.command[0]);
        command
            .args(&launch.command[1..])
            .env(WORKER_VARIABLE, handover.to_string());
        for variable in ACTIVATION_VARIABLES.into_iter().chain([NOTIFY_VARIABLE]) {
            command.env_remove(variable);
        }
        let mut ear = None;
        if reload.is_some() {
            let (ours, theirs) = Ear::new()?;
            command.stderr(theirs);
            ear = Some(ours);
        }
        // SAFETY: between fork and exec the closure only calls `fcntl` and `signal`, on numbers
        // that were made before the fork; it neither allocates nor locks.
        unsafe {
            command.pre_exec(move || {
                ignore_terminal();
                inherited
                    .iter()
                    .try_for_each(|descriptor| keep_over_exec(*descriptor))
            });
        }
        let child = command.spawn()?;
        Ok(Self {
            child,
            control: Lines::new(ours),
            hearing: Hearing::Open,
            started: Instant::now(),
            engine: None,
            cut: 0,
            ear,
            is_killed: false,
            further,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What moves its bytes; `None` until it accepts connections.
    pub(super) fn engine(&self) -> Option<&str> {
        self.engine.as_deref()
    }

    /// When its start has taken too long, if it is not over.
    pub(super) fn start_ends(&self, within: Duration) -> Option<Instant> {
        let starts = self.engine.is_none() && !self.is_killed;
        starts.then(|| self.started.checked_add(within)).flatten()
    }

    /// What to watch, while there is something to hear.
    pub(super) fn listening(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let control = (self.hearing == Hearing::Open).then_some(self.control.as_fd());
        control
            .into_iter()
            .chain(self.ear.as_ref().and_then(Ear::listening))
    }

    /// Takes in what it has said since the last call. What was no news goes to `nonsense`.
    pub(super) fn hear(&mut self, nonsense: &mut Vec<String>) {
        if let Some(ear) = &mut self.ear {
            ear.listen();
        }
        while self.hearing == Hearing::Open {
            match self.control.next() {
                Ok(Incoming::Nothing) => break,
                // Its death, if it is one, is told by the kernel. A closed socket is watched no
                // more, or it would wake the parent for ever.
                Ok(Incoming::Closed) => self.hearing = Hearing::Ended,
                Ok(Incoming::Line(line)) => {
                    if !self.understand(&line) {
                        nonsense.push(format!("{line:?}"));
                    }
                }
                Err(error) => {
                    nonsense.push(error.to_string());
                    self.hearing = Hearing::Ended;
                }
            }
        }
    }

    /// Takes in one line; false if it is no news.
    fn understand(&mut self, line: &str) -> bool {
        if let Some(engine) = engine_of(line) {
            self.engine = Some(engine.to_owned());
            for number in self.further.clone() {
                self.order(&format!("{ADOPT} {number}"));
            }
            return true;
        }
        let cut = line
            .strip_prefix(CUT)
            .and_then(|rest| rest.strip_prefix(' '));
        let Some(cut) = cut.and_then(|number| number.parse::<usize>().ok()) else {
            return false;
        };
        self.cut = self.cut.saturating_add(cut);
        true
    }

    /// Sends an order; a worker that cannot take it any more is either dead or will be killed.
    pub(super) fn order(&self, order: &str) {
        let _ = self.control.send(order);
    }

    /// Kills it; its death is still to be reaped.
    pub(super) fn kill(&mut self) {
        self.is_killed = true;
        // Fails only for a process that is dead already.
        let _ = self.child.kill();
    }

    /// How it ended, if it has.
    pub(super) fn reap(&mut self) -> Option<End> {
        // An error means that somebody else waited for our child: it is dead, cause unknown.
        let status = match self.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => status,
            Err(_) => ExitStatus::from_raw(0),
        };
        // Its last words may say that it had been ready; nonsense does not matter any more.
        self.hear(&mut Vec::new());
        Some(End {
            status,
            // A start is no life.
            lived: match self.engine {
                Some(_) => self.started.elapsed(),
                None => Duration::ZERO,
            },
            cut: self.cut,
            words: self.ear.as_ref().map(Ear::words).unwrap_or_default(),
        })
    }
}

/// The engine in a worker's `ready <engine>`, if the line is one.
fn engine_of(line: &str) -> Option<&str> {
    let engine = line.strip_prefix(READY)?.strip_prefix(' ')?;
    let plain = engine.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && (1..=ENGINE_BYTES_MAX).contains(&engine.len())).then_some(engine)
}

/// Clears close-on-exec, in the child only: no other child of the parent inherits it.
fn keep_over_exec(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: sets a flag of a descriptor; no memory is passed.
    match unsafe { libc::fcntl(descriptor, libc::F_SETFD, 0) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
