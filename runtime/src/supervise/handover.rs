//! What a worker inherits: its place, the listeners and the control socket, in one variable.
//!
//! The parent writes `SPIKARD_WORKER` into a worker's environment only; the worker reads it once,
//! takes it out before user code can pass it on, and hides the descriptors from its own children.
//! Unknown keys are passed over: after a restart with new code, parent and worker may differ.
//! Knows nothing of how processes start or what they serve.

use std::env;
use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use socket2::SockRef;

use super::control::Control;
use super::fault::Slate;
use super::signals::ignore_terminal;
use crate::driver::forbid_in_children;
use crate::shared::{self, SharedMemory};

/// Name of the one variable that makes a process a worker.
pub const WORKER_VARIABLE: &str = "SPIKARD_WORKER";

/// What a worker got from its parent.
#[derive(Debug)]
pub struct Inherited {
    /// This worker's number, from 0.
    pub worker: usize,
    /// How many workers the server has.
    pub workers: usize,
    /// The parent's process id, for log lines.
    pub parent: u32,
    /// One listener per worker, TCP or unix, non-blocking, and behind them those that every worker
    /// is told to accept from as well. A worker accepts from its own, `listeners[worker]`, unless
    /// it is told otherwise. The blocking mode belongs to the open
    /// socket, which all processes share: nobody may change it.
    pub listeners: Vec<OwnedFd>,
    /// Orders from the parent, and this worker's word that it is ready.
    pub control: Control,
    /// Where the parent writes why a new version of the program does not start.
    pub(super) slate: Option<Slate>,
}

/// Why the variable could not be used. `Display` is a sentence for the person at the terminal.
#[derive(Debug)]
pub enum InheritError {
    /// It does not say what a parent writes there.
    Malformed {
        /// What it says.
        value: String,
    },
    /// It names a descriptor that is not what it should be.
    Descriptor {
        /// The descriptor's number.
        descriptor: RawFd,
        /// What it should be.
        purpose: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

/// Takes over what the parent left for this process; `None` if it is nobody's worker.
///
/// Removes the variable, sets close-on-exec on every descriptor, and ignores SIGINT and SIGHUP
/// once more, because Node and Ruby reset them at their start: the terminal sends both to the
/// whole process group, but only the parent counts them, so a binding must not enable them again.
/// SIGTERM is left alone: a service manager may send it to every process at once, so a binding
/// should answer it as [`Order::Stop`](super::Order::Stop).
///
/// Call it once, first thing, while the process has one thread or none that uses the C
/// environment: removing a variable races with another thread's `getenv` (a second call is
/// harmless and returns `None`). A host that keeps its own copy of the environment, such as
/// Python's `os.environ`, must delete [`WORKER_VARIABLE`] there as well.
///
/// # Errors
/// [`InheritError`], if the variable is left over from another process or was made up. No
/// descriptor is touched then.
pub fn inherited() -> Result<Option<Inherited>, InheritError> {
    let Some(value) = env::var_os(WORKER_VARIABLE) else {
        return Ok(None);
    };
    // SAFETY: the documentation above asks for a process without threads that use the environment
    // yet; a host's own threads at this point (V8's, libuv's) do not read it.
    unsafe { env::remove_var(WORKER_VARIABLE) };
    let value = value.to_string_lossy();
    let Some(handover) = Handover::parse(&value) else {
        return Err(InheritError::Malformed {
            value: value.into_owned(),
        });
    };
    handover.check()?;
    shared::set_of_process(handover.shared()?);
    handover.hide()?;
    ignore_terminal();
    Ok(Some(handover.open()))
}

/// The variable's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handover {
    pub(super) worker: usize,
    pub(super) workers: usize,
    pub(super) parent: u32,
    pub(super) control: RawFd,
    pub(super) listeners: Vec<RawFd>,
    /// The memory that all workers share, if the parent has one.
    pub(super) shared: Option<RawFd>,
    /// What a parent that reloads leaves as well.
    pub(super) reload: Option<ReloadHandover>,
}

/// Descriptors of a worker whose parent reloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReloadHandover {
    pub(super) slate: RawFd,
    /// The standard error from its readiness on.
    pub(super) voice: RawFd,
}

impl Handover {
    /// Reads the form that `Display` writes. `None` unless every key is there, the worker is one
    /// of `workers`, each worker has a listener, and no descriptor is named twice.
    fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let mut pairs = text
                .split_ascii_whitespace()
                .filter_map(|pair| pair.split_once('='));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        let listeners = value("listeners")?.split(',').map(|fd| fd.parse().ok());
        let handover = Self {
            worker: value("worker")?.parse().ok()?,
            workers: value("workers")?.parse().ok()?,
            parent: value("parent")?.parse().ok()?,
            control: value("control")?.parse().ok()?,
            listeners: listeners.collect::<Option<_>>()?,
            shared: match value("shared") {
                None => None,
                Some(descriptor) => Some(descriptor.parse().ok()?),
            },
            reload: match (value("slate"), value("voice")) {
                (Some(slate), Some(voice)) => Some(ReloadHandover {
                    slate: slate.parse().ok()?,
                    voice: voice.parse().ok()?,
                }),
                _ => None,
            },
        };
        let mut descriptors = handover.descriptors();
        descriptors.sort_unstable();
        let distinct = descriptors.windows(2).all(|pair| pair[0] < pair[1]);
        let sound = distinct
            && descriptors[0] >= 0
            && handover.worker < handover.workers
            && handover.listeners.len() >= handover.workers;
        sound.then_some(handover)
    }

    /// Every descriptor that is named.
    pub(super) fn descriptors(&self) -> Vec<RawFd> {
        let reload = self.reload.iter().flat_map(|it| [it.slate, it.voice]);
        let others = self
            .listeners
            .iter()
            .copied()
            .chain(reload)
            .chain(self.shared);
        others.chain([self.control]).collect()
    }

    /// Refuses descriptors that are not open, not sockets, or not of the right kind.
    fn check(&self) -> Result<(), InheritError> {
        ask(self.control, CONTROL, |socket| match socket.domain()? {
            socket2::Domain::UNIX => Ok(()),
            _ => Err(io::Error::other("it is no local socket")),
        })?;
        for descriptor in &self.listeners {
            ask(*descriptor, LISTENER, |socket| {
                match socket.is_listener()? {
                    true => Ok(()),
                    false => Err(io::Error::other("it is a socket that does not listen")),
                }
            })?;
        }
        Ok(())
    }

    /// Takes over the memory that all workers share.
    fn shared(&self) -> Result<Option<SharedMemory>, InheritError> {
        let Some(descriptor) = self.shared else {
            return Ok(None);
        };
        let refused = |source| InheritError::Descriptor {
            descriptor,
            purpose: SHARED,
            source,
        };
        // SAFETY: sets a flag of a descriptor, or answers EBADF.
        if unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
            return Err(refused(io::Error::last_os_error()));
        }
        // SAFETY: it is open, named once (`parse`), and the parent opened it for this process.
        let owned = unsafe { OwnedFd::from_raw_fd(descriptor) };
        SharedMemory::open(owned).map(Some).map_err(refused)
    }

    /// Sets on every checked descriptor what it must have in this process.
    fn hide(&self) -> Result<(), InheritError> {
        let controls = [(self.control, CONTROL)].into_iter();
        let listeners = self
            .listeners
            .iter()
            .map(|descriptor| (*descriptor, LISTENER));
        for (descriptor, purpose) in controls.chain(listeners) {
            ask(descriptor, purpose, |socket| {
                socket.set_cloexec(true)?;
                socket.set_nonblocking(true)
            })?;
            // A child that user code forks must not keep the port when the server is gone.
            forbid_in_children(descriptor);
        }
        for descriptor in self.reload.iter().flat_map(|it| [it.slate, it.voice]) {
            // SAFETY: sets a flag of a descriptor; no memory is passed.
            if unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
                let source = io::Error::last_os_error();
                return Err(InheritError::Descriptor {
                    descriptor,
                    purpose: RELOAD,
                    source,
                });
            }
        }
        Ok(())
    }

    /// Makes the checked descriptors ours.
    fn open(self) -> Inherited {
        // SAFETY: the descriptor is an open local socket (`check`), named once (`parse`), and the
        // parent opened it for this process, whose own code has not run yet: nobody else owns it.
        let control = unsafe { UnixStream::from_raw_fd(self.control) };
        // SAFETY: the same for each of these, which are open (`check`, `hide`).
        let owned = |descriptor: RawFd| unsafe { OwnedFd::from_raw_fd(descriptor) };
        Inherited {
            worker: self.worker,
            workers: self.workers,
            parent: self.parent,
            listeners: self.listeners.iter().copied().map(owned).collect(),
            control: Control::new(control, self.reload.map(|it| owned(it.voice))),
            slate: self.reload.map(|it| Slate::inherited(owned(it.slate))),
        }
    }
}

/// Puts `question` to a descriptor that may be anything, or nothing.
fn ask(
    descriptor: RawFd,
    purpose: &'static str,
    question: impl Fn(&SockRef<'_>) -> io::Result<()>,
) -> Result<(), InheritError> {
    // SAFETY: borrowed for questions only; if it is not open, each of them answers EBADF.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = SockRef::from(&borrowed);
    // `getsockname` first: it says ENOTSOCK where the number belongs to a file or a pipe.
    let outcome = socket.local_addr().and_then(|_| question(&socket));
    outcome.map_err(|source| InheritError::Descriptor {
        descriptor,
        purpose,
        source,
    })
}

impl fmt::Display for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            worker,
            workers,
            parent,
            control,
            listeners,
            reload,
            shared,
        } = self;
        write!(
            f,
            "worker={worker} workers={workers} parent={parent} control={control} listeners="
        )?;
        for (at, listener) in listeners.iter().enumerate() {
            write!(f, "{}{listener}", if at == 0 { "" } else { "," })?;
        }
        if let Some(descriptor) = shared {
            write!(f, " shared={descriptor}")?;
        }
        match reload {
            Some(ReloadHandover { slate, voice }) => write!(f, " slate={slate} voice={voice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { value } => {
                write!(
                    f,
                    "{WORKER_VARIABLE} is \"{value}\", which no parent wrote: unset it"
                )
            }
            Self::Descriptor {
                descriptor,
                purpose,
                source,
            } => write!(
                f,
                "{WORKER_VARIABLE} says that descriptor {descriptor} is {purpose}, but it is not \
                 ({source}): unset it if it is left over from another process",
            ),
        }
    }
}

impl std::error::Error for InheritError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed { .. } => None,
            Self::Descriptor { source, .. } => Some(source),
        }
    }
}

/// What the descriptors should be, as error sentences name it.
const CONTROL: &str = "the control socket";
const LISTENER: &str = "a listener";
const RELOAD: &str = "the parent's for a reload";
const SHARED: &str = "the workers' shared memory";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;

    #[test]
    fn reads_back_what_it_writes_and_passes_over_new_keys() {
        let handover = Handover {
            worker: 1,
            workers: 3,
            parent: 42,
            control: 9,
            listeners: vec![5, 6, 7],
            reload: None,
            shared: Some(8),
        };
        let text = handover.to_string();
        assert_eq!(
            text,
            "worker=1 workers=3 parent=42 control=9 listeners=5,6,7 shared=8"
        );
        assert_eq!(Handover::parse(&text), Some(handover.clone()));
        assert_eq!(
            Handover::parse(&format!("counters=11 {text}")),
            Some(handover.clone())
        );
        let (slate, voice) = (11, 12);
        let reload = Some(ReloadHandover { slate, voice });
        let reloading = Handover { reload, ..handover };
        assert_eq!(Handover::parse(&reloading.to_string()), Some(reloading));
    }

    #[test]
    fn refuses_what_no_parent_writes() {
        for text in [
            "",
            "1",
            "worker=0 workers=1 parent=42 control=9",
            "worker=0 workers=1 parent=42 control=9 listeners=",
            "worker=1 workers=1 parent=42 control=9 listeners=5",
            "worker=0 workers=2 parent=42 control=9 listeners=5",
            "worker=0 workers=2 parent=42 control=9 listeners=5,5",
            "worker=1 workers=1 parent=42 control=9 listeners=5,6",
            "worker=0 workers=1 parent=42 control=5 listeners=5",
            "worker=0 workers=1 parent=42 control=-1 listeners=5",
            "worker=0 workers=1 parent=-2 control=9 listeners=5",
            "worker=0 workers=1 parent=42 control=9 listeners=5x",
            "worker=0 workers=1 parent=42 control=9 listeners=5 shared=x",
            "worker=0 workers=1 parent=42 control=9 listeners=5 shared=5",
        ] {
            assert_eq!(Handover::parse(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_descriptors_that_are_not_what_they_should_be() {
        let (control, _other) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let verdict = |control: &dyn AsRawFd, listener: RawFd| {
            let control = control.as_raw_fd();
            Handover {
                worker: 0,
                workers: 1,
                parent: 1,
                control,
                listeners: vec![listener],
                reload: None,
                shared: None,
            }
            .check()
            .map_err(|error| error.to_string())
        };
        assert_eq!(verdict(&control, listener.as_raw_fd()), Ok(()));
        for (outcome, culprit, reason) in [
            (
                verdict(&file, listener.as_raw_fd()),
                file.as_raw_fd(),
                "socket",
            ),
            (
                verdict(&client, listener.as_raw_fd()),
                client.as_raw_fd(),
                "no local socket",
            ),
            (
                verdict(&control, client.as_raw_fd()),
                client.as_raw_fd(),
                "does not listen",
            ),
            (
                verdict(&control, file.as_raw_fd()),
                file.as_raw_fd(),
                "socket",
            ),
            (verdict(&control, 999_999), 999_999, "descriptor"),
        ] {
            let sentence = outcome.unwrap_err();
            assert!(
                sentence.contains(&format!("descriptor {culprit} ")),
                "{sentence}"
            );
            assert!(
                sentence.contains(reason) && sentence.contains("unset it"),
                "{sentence}"
            );
        }
    }
}
