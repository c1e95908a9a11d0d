//! The parent's signals as numbers to read, and the one place where it sleeps.
//!
//! Why handlers and not `signalfd`: that needs the signals blocked in *every* thread, and a host
//! (Node, a Python program with threads) has threads that we did not start and cannot reach.
//! The handler counts and wakes; the loop reads the counts. SIGHUP has two senders: somebody who
//! wants new code, and a terminal that closes. The second has gone from this process when it comes.
//! Knows nothing of workers; it never decides what a signal means.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

/// What arrived since the last look.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arrived {
    /// How often SIGINT came.
    pub(super) interrupts: u32,
    /// How often SIGTERM came.
    pub(super) terminations: u32,
    /// Whether SIGHUP came, from somebody who sent it.
    pub(super) restart: bool,
    /// Whether SIGHUP came because the terminal is gone.
    pub(super) hung_up: bool,
}

/// Ownership of SIGINT, SIGTERM, SIGHUP and SIGCHLD; dropping it gives them back to who had them.
#[derive(Debug)]
pub(super) struct Signals {
    wake: RawFd,
    before: Vec<(libc::c_int, libc::sigaction)>,
    /// Whether there is a terminal that can close, and nobody asked to outlive it (`nohup`).
    ends_with_terminal: bool,
}

impl Signals {
    /// Takes the four signals over for this process.
    ///
    /// # Errors
    /// `AlreadyExists` if another thread of this process has them; else the kernel's reason.
    pub(super) fn take() -> io::Result<Self> {
        let me = pid();
        if OWNER.swap(me, Ordering::SeqCst) == me {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "this process supervises a server already",
            ));
        }
        let wake = event_descriptor().inspect_err(|_| OWNER.store(0, Ordering::SeqCst))?;
        WAKE.store(wake.as_raw_fd(), Ordering::SeqCst);
        // Left open for good when the signals are given back: a handler that another thread has
        // just entered may still write to it, and must not write into its successor.
        let mut signals = Self {
            wake: wake.into_raw_fd(),
            before: Vec::new(),
            ends_with_terminal: false,
        };
        signals.take_arrived();
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD, libc::SIGHUP] {
            let before = install(number)?;
            if number == libc::SIGHUP {
                signals.ends_with_terminal = before.sa_sigaction != libc::SIG_IGN && has_terminal();
            }
            signals.before.push((number, before));
        }
        Ok(signals)
    }

    /// Counts since the last call. A child's death only wakes: who died is asked per child, for
    /// the host may have children of its own.
    pub(super) fn take_arrived(&mut self) -> Arrived {
        let mut count = 0_u64;
        // SAFETY: reads at most 8 bytes into a local of 8 bytes. Whether there was a count does not
        // matter: the descriptor is non-blocking and the counters below are the truth.
        unsafe {
            libc::read(
                self.wake,
                ptr::from_mut(&mut count).cast(),
                size_of::<u64>(),
            )
        };
        let hangups = HANGUPS.swap(0, Ordering::SeqCst);
        let hung_up = hangups > 0 && self.ends_with_terminal && !has_terminal();
        Arrived {
            interrupts: INTERRUPTS.swap(0, Ordering::SeqCst),
            terminations: TERMINATIONS.swap(0, Ordering::SeqCst),
            restart: hangups > 0 && !hung_up,
            hung_up,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (number, action) in &self.before {
            // SAFETY: `action` is what the kernel gave us for this very signal.
            unsafe { libc::sigaction(*number, action, ptr::null_mut()) };
        }
        OWNER.store(0, Ordering::SeqCst);
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `wake` was opened by `take` and is never closed.
        unsafe { BorrowedFd::borrow_raw(self.wake) }
    }
}

/// A descriptor to wait for, and after [`wait`] whether it may be read (or has ended).
#[repr(transparent)]
pub(super) struct Readiness<'fd> {
    poll: libc::pollfd,
    descriptor: std::marker::PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Readiness<'fd> {
    pub(super) fn of(source: &'fd impl AsFd) -> Self {
        Self::of_descriptor(source.as_fd())
    }

    pub(super) fn of_descriptor(source: BorrowedFd<'fd>) -> Self {
        let fd = source.as_raw_fd();
        let poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        Self {
            poll,
            descriptor: std::marker::PhantomData,
        }
    }
}

/// Sleeps until one of `sources` is readable or has ended, until a signal, or for `timeout`
/// (`None`: for ever). Returning too early is allowed.
///
/// # Errors
/// The kernel's reason; it has none that a retry would cure.
pub(super) fn wait(sources: &mut [Readiness<'_>], timeout: Option<Duration>) -> io::Result<()> {
    // Rounded up, or the last millisecond before a deadline would be spent spinning.
    let timeout_ms = timeout.map_or(-1, |timeout| {
        i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
    });
    let count = sources.len() as libc::nfds_t;
    // SAFETY: `Readiness` is a transparent `pollfd`, and the slice holds `count` of them.
    let outcome = unsafe { libc::poll(sources.as_mut_ptr().cast(), count, timeout_ms) };
    match outcome {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
        _ => Ok(()),
    }
}

/// Whether this process has a controlling terminal. One that was closed is nobody's any more before
/// its SIGHUP arrives.
fn has_terminal() -> bool {
    std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOCTTY)
        .open("/dev/tty")
        .is_ok()
}

/// Ignores the signals that a terminal sends to the whole process group. Async-signal-safe.
pub(super) fn ignore_terminal() {
    for number in [libc::SIGINT, libc::SIGHUP] {
        // SAFETY: SIG_IGN runs no code of ours, and both numbers exist.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
}

fn install(number: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: all-zero is a valid `sigaction`: an empty mask, no flags, the default action.
    let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = on_signal;
    action.sa_sigaction = handler as libc::sighandler_t;
    // A host's interrupted system calls go on. A stopped child is no dead child.
    action.sa_flags = libc::SA_RESTART | libc::SA_NOCLDSTOP;
    // SAFETY: both point to locals, and `on_signal` does only what a handler may do.
    match unsafe { libc::sigaction(number, &action, &mut before) } {
        0 => Ok(before),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Counts and wakes. Runs in any thread, at any point: atomics, `getpid` and `write` only.
extern "C" fn on_signal(number: libc::c_int) {
    // A child has this handler, and our wake descriptor, from fork to exec.
    if pid() != OWNER.load(Ordering::SeqCst) {
        return;
    }
    match number {
        libc::SIGINT => INTERRUPTS.fetch_add(1, Ordering::SeqCst),
        libc::SIGTERM => TERMINATIONS.fetch_add(1, Ordering::SeqCst),
        libc::SIGHUP => HANGUPS.fetch_add(1, Ordering::SeqCst),
        _ => 0,
    };
    let one = 1_u64;
    // SAFETY: `write` may be called here and gets 8 bytes of a local; the interrupted code's errno
    // is put back, and the thread that runs this owns it.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        libc::write(
            WAKE.load(Ordering::SeqCst),
            ptr::from_ref(&one).cast(),
            size_of::<u64>(),
        );
        *errno = saved;
    }
}

fn event_descriptor() -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed; a descriptor that is returned belongs to nobody else.
    unsafe {
        match libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            descriptor => Ok(OwnedFd::from_raw_fd(descriptor)),
        }
    }
}

fn pid() -> libc::pid_t {
    // SAFETY: takes nothing, cannot fail, and may be called in a handler.
    unsafe { libc::getpid() }
}

/// The process that handles the signals, 0 if none: a forked child is not it.
static OWNER: AtomicI32 = AtomicI32::new(0);
static WAKE: AtomicI32 = AtomicI32::new(-1);
static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static TERMINATIONS: AtomicU32 = AtomicU32::new(0);
static HANGUPS: AtomicU32 = AtomicU32::new(0);

#[cfg(test)]
mod tests {
    use super::*;

    fn action_of(number: libc::c_int) -> libc::sighandler_t {
        // SAFETY: reads the present action into a zeroed local.
        unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            libc::sigaction(number, ptr::null(), &mut action);
            action.sa_sigaction
        }
    }

    /// One test, because the signals are the process's: its neighbours would disturb it.
    #[test]
    fn counts_what_arrives_and_gives_the_signals_back() {
        let before = action_of(libc::SIGTERM);
        let mut signals = Signals::take().unwrap();
        assert_eq!(
            Signals::take().unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(signals.take_arrived(), Arrived::default());
        for number in [libc::SIGINT, libc::SIGTERM, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: all signals are handled by `on_signal` now.
            unsafe { libc::raise(number) };
        }
        wait(&mut [Readiness::of(&signals)], None).unwrap();
        assert_eq!(
            signals.take_arrived(),
            Arrived {
                interrupts: 1,
                terminations: 2,
                restart: true,
                hung_up: false,
            }
        );
        assert_eq!(signals.take_arrived(), Arrived::default());
        // Children of other tests may end meanwhile, which is a cause.
        let pause = Duration::from_millis(20);
        let slept = (0..50).any(|_| {
            signals.take_arrived();
            let started = std::time::Instant::now();
            wait(&mut [Readiness::of(&signals)], Some(pause)).unwrap();
            started.elapsed() >= pause
        });
        assert!(slept, "woken without a cause");
        drop(signals);
        assert_eq!(action_of(libc::SIGTERM), before);
        drop(Signals::take().unwrap());
    }
}
