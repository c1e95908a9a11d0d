//! The engine under a worker: io_uring or epoll, chosen, named, and made watchable by a host.
//!
//! monoio does not expose the descriptor of its ring or poll, which a host's event loop must watch;
//! [`build`] finds it. Facts about monoio 0.2.4 that this file rests on stand where they are used.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    os::fd::{AsRawFd, RawFd},
    sync::{
        Mutex, Once,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
};

use monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};
use spikard_contract::config::Engine;

/// Which kernel interface a worker runs on, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineChoice {
    /// `io_uring` or `epoll`.
    pub name: &'static str,
    /// Why not the other, as a clause; empty when the first choice won.
    pub reason: String,
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.reason.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.reason)
        }
    }
}

/// An executor with its descriptor.
pub(crate) struct Executor {
    runtime: AnyRuntime,
    fd: RawFd,
    choice: EngineChoice,
}

enum AnyRuntime {
    Uring(Runtime<IoUringDriver>),
    Epoll(Runtime<LegacyDriver>),
}

impl Executor {
    /// Builds the executor that `wanted` asks for.
    ///
    /// # Errors
    /// The kernel's refusal of io_uring if `wanted` insists on it, or of epoll.
    pub(crate) fn build(wanted: Engine) -> io::Result<Self> {
        let reason = match wanted {
            Engine::Epoll => "asked for".to_owned(),
            Engine::Auto | Engine::IoUring => match build_uring() {
                Ok((runtime, fd)) => {
                    let choice = EngineChoice {
                        name: "io_uring",
                        reason: String::new(),
                    };
                    return Ok(Self {
                        runtime: AnyRuntime::Uring(runtime),
                        fd,
                        choice,
                    });
                }
                Err(error) if wanted == Engine::Auto && is_refusal(&error) => {
                    format!("io_uring is refused here: {error}")
                }
                Err(error) => return Err(error),
            },
        };
        let (runtime, fd) = with_new_descriptor("anon_inode:[eventpoll]", || {
            RuntimeBuilder::<LegacyDriver>::new().build()
        })?;
        let choice = EngineChoice {
            name: "epoll",
            reason,
        };
        Ok(Self {
            runtime: AnyRuntime::Epoll(runtime),
            fd,
            choice,
        })
    }

    /// The descriptor that is readable when a turn is due.
    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// Which engine won, and why.
    pub(crate) fn choice(&self) -> &EngineChoice {
        &self.choice
    }

    /// Runs `future` on this executor. It must become ready without waiting for I/O.
    pub(crate) fn block_on<F: Future>(&mut self, future: F) -> F::Output {
        match &mut self.runtime {
            AnyRuntime::Uring(runtime) => runtime.block_on(future),
            AnyRuntime::Epoll(runtime) => runtime.block_on(future),
        }
    }
}

/// Flags of the ring, best first. `SINGLE_ISSUER` with `COOP_TASKRUN` measured 10 % less CPU per
/// request than none; kernel 5.15 knows neither and answers EINVAL. `DEFER_TASKRUN` is not among
/// them: under it the ring's descriptor never wakes a sleeping `epoll_wait`.
fn build_uring() -> io::Result<(Runtime<IoUringDriver>, RawFd)> {
    let mut best = io_uring::IoUring::builder();
    best.setup_single_issuer().setup_coop_taskrun();
    let mut coop = io_uring::IoUring::builder();
    coop.setup_coop_taskrun();
    let plain = io_uring::IoUring::builder();
    let mut refusal = io::Error::from_raw_os_error(libc::EINVAL);
    for flags in [best, coop, plain] {
        let built = with_new_descriptor("anon_inode:[io_uring]", || {
            RuntimeBuilder::<IoUringDriver>::new()
                .with_entries(RING_ENTRIES)
                .uring_builder(flags.clone())
                .build()
        });
        match built {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => refusal = error,
            other => return other,
        }
    }
    Err(refusal)
}

/// Whether the kernel or a sandbox says that io_uring is not to be had: ENOSYS (old kernel,
/// gVisor), EPERM and EACCES (seccomp, `io_uring_disabled`), ENOMEM (locked-memory limit before
/// 5.12), EINVAL (no known flag set).
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::ENOMEM | libc::EINVAL)
    )
}

/// Runs `build` and finds the descriptor it opened whose link reads `link`.
///
/// `io_uring_setup` and `epoll_create1` return the lowest free descriptor, so it is predicted and
/// then verified; if another thread opened one in between, the difference of the process's
/// descriptors decides. If that is empty too (another thread closed one whose number was taken
/// over), what was built is dropped and built anew. Builds of this process are serialised by a
/// lock.
fn with_new_descriptor<T>(link: &str, build: impl Fn() -> io::Result<T>) -> io::Result<(T, RawFd)> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _guard = BUILDING
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    for _ in 0..BUILDS_MAX {
        let before = descriptors(link);
        let predicted = fs::File::open("/dev/null")?.as_raw_fd();
        let built = build()?;
        let found = if !before.contains(&predicted) && links_to(predicted, link) {
            Some(predicted)
        } else {
            descriptors(link).difference(&before).copied().next()
        };
        if let Some(fd) = found {
            forbid_in_children(fd);
            unmap_in_children(link);
            return Ok((built, fd));
        }
    }
    Err(io::Error::other(format!(
        "the descriptor of {link} was not found"
    )))
}

fn descriptors(link: &str) -> BTreeSet<RawFd> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return BTreeSet::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| links_to(*fd, link))
        .collect()
}

fn links_to(fd: RawFd, link: &str) -> bool {
    fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|to| to.as_os_str() == link)
}

/// Whether this process is a fork of one that had built an executor. Such a child shares the
/// parent's ring memory and must touch none of it.
pub fn is_forked_child() -> bool {
    FORKED.load(Ordering::Relaxed)
}

static FORKED: AtomicBool = AtomicBool::new(false);
static OWNED: [AtomicI32; OWNED_MAX] = [const { AtomicI32::new(-1) }; OWNED_MAX];

/// Makes a forked child close `fd` and know that it is a child.
pub(crate) fn forbid_in_children(fd: RawFd) {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        // SAFETY: `in_child` only stores to atomics and closes descriptors, both of which are
        // async-signal-safe, as a fork handler of a threaded process must be.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
    for slot in &OWNED {
        let taken = slot.compare_exchange(-1, fd, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_ok() {
            return;
        }
    }
}

/// Keeps the memory of rings out of forked children. A child that inherited the mapping would keep
/// the ring alive after its worker's death, and the pending accept with it: the next client would
/// be connected to nobody.
fn unmap_in_children(link: &str) {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    for line in maps.lines().filter(|line| line.ends_with(link)) {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        let Some((start, end)) = range else { continue };
        let bounds = (
            usize::from_str_radix(start, 16),
            usize::from_str_radix(end, 16),
        );
        let (Ok(start), Ok(end)) = bounds else {
            continue;
        };
        // SAFETY: the range is a mapping of this process, as the kernel just said; the advice only
        // changes what a fork copies. Rings are mapped by this library alone, under its lock.
        unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTFORK) };
    }
}

/// Forgets a descriptor that is about to be closed.
pub(crate) fn allow_in_children(fd: RawFd) {
    for slot in &OWNED {
        if slot
            .compare_exchange(fd, -1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
        {
            return;
        }
    }
}

extern "C" fn in_child() {
    FORKED.store(true, Ordering::Relaxed);
    for slot in &OWNED {
        let fd = slot.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            // SAFETY: the descriptor is this child's copy of one that only our code uses.
            unsafe { libc::close(fd) };
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        allow_in_children(self.fd);
    }
}

/// Waits until `fd` is readable, at most `timeout_ms` (`-1` waits for ever). An interruption by a
/// signal ends the wait early, as task work of the ring may.
pub(crate) fn wait_readable(fd: RawFd, timeout_ms: i32) {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd for the length of the call.
    unsafe { libc::poll(&mut poll, 1, timeout_ms) };
}

/// Entries of the submission queue. A full queue is submitted early, so this is no limit on
/// connections.
const RING_ENTRIES: u32 = 1024;

/// Builds tried before giving up on finding the descriptor, which a race with other threads hides.
const BUILDS_MAX: u32 = 16;

/// Most executors and listeners of one process that a forked child can be kept from.
const OWNED_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_descriptor_of_each_engine() {
        let epoll = Executor::build(Engine::Epoll).unwrap();
        assert!(links_to(epoll.fd(), "anon_inode:[eventpoll]"));
        assert_eq!(epoll.choice().to_string(), "epoll (asked for)");
        let auto = Executor::build(Engine::Auto).unwrap();
        let link = match auto.choice().name {
            "io_uring" => "anon_inode:[io_uring]",
            _ => "anon_inode:[eventpoll]",
        };
        assert!(links_to(auto.fd(), link));
        assert_ne!(epoll.fd(), auto.fd());
    }

    #[test]
    fn falls_back_only_on_a_refusal() {
        for code in [libc::ENOSYS, libc::EPERM, libc::EACCES, libc::ENOMEM] {
            assert!(is_refusal(&io::Error::from_raw_os_error(code)));
        }
        assert!(!is_refusal(&io::Error::from_raw_os_error(libc::EMFILE)));
    }
}
