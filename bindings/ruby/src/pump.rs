//! What crosses between Ruby's threads, its global lock and the engine: one of the two places that
//! use C directly.

use std::{
    cell::Cell,
    ffi::c_void,
    io,
    mem::{self, MaybeUninit},
    ops::Deref,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    time::{Duration, Instant},
};

use spikard_host::{PoolRun, Worker};

use crate::guest::Guest;

/// A worker inside a Ruby object, which any thread may hold.
pub(crate) struct Anywhere(pub(crate) Worker<Guest>);

// SAFETY: the engine checks the thread of every call that is bound to one, and frees nothing on
// another: a worker that is let go elsewhere is leaked, with its host.
unsafe impl Send for Anywhere {}

impl Deref for Anywhere {
    type Target = Worker<Guest>;

    fn deref(&self) -> &Worker<Guest> {
        &self.0
    }
}

/// Takes ownership of a descriptor that the Ruby half hands over: it came from `listen` or from the
/// parent, and is not used there again.
pub(crate) fn take_descriptor(fd: RawFd) -> OwnedFd {
    // SAFETY: the Ruby half calls this once per descriptor that the native side gave it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A descriptor that is readable while one of two is. They must outlive it.
pub(crate) fn either_of(one: RawFd, other: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointer; a descriptor that it returns is ours.
    let both = unsafe {
        let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        OwnedFd::from_raw_fd(fd)
    };
    for fd in [one, other] {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        // SAFETY: both descriptors are open, and the event lives to the end of the call.
        let added =
            unsafe { libc::epoll_ctl(both.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &mut event) };
        if added != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(both)
}

/// Ends a forked child: it is no worker and must not live as one, and the exit handlers are its
/// parent's.
pub(crate) fn leave() -> ! {
    // SAFETY: it does not return.
    unsafe { libc::_exit(0) }
}

/// Runs `body` without the global lock; `None` if the thread has been interrupted, and `body` was
/// not run. Nothing is raised here: what interrupted it is still to come.
pub(crate) fn without_lock<F: FnOnce() -> T, T>(body: F, unblock: Unblock) -> Option<T> {
    let mut run = Run::new(body);
    let unblock = match unblock {
        Unblock::Never => None,
        // SAFETY: the number that Ruby's headers give this function's stead; it is not called.
        Unblock::BySignal => unsafe {
            mem::transmute::<isize, rb_sys::rb_unblock_function_t>(RUBY_UBF_IO)
        },
    };
    // SAFETY: `run` outlives the call, which calls `enter` at most once, on this thread.
    unsafe {
        rb_sys::rb_thread_call_without_gvl2(
            Some(Run::<F, T>::enter),
            ptr::from_mut(&mut run).cast(),
            unblock,
            ptr::null_mut(),
        );
    }
    run.finish()
}

/// How Ruby ends what runs without the lock, when it wants the thread.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unblock {
    /// It waits.
    Never,
    /// By a signal, which ends system calls that wait.
    BySignal,
}

/// `RUBY_UBF_IO` of `ruby/thread.h`.
const RUBY_UBF_IO: isize = -1;

/// Waits without the global lock until a descriptor is readable, or a time has passed. `wanted` is
/// called when the lock is wanted again.
pub(crate) fn rest(fd: RawFd, timeout: Option<Duration>, wanted: impl FnOnce()) {
    let mut watched = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let waited = without_lock(
        || {
            // SAFETY: the descriptors and the time live to the end of the call.
            unsafe { libc::ppoll(&mut watched, 1, timeout, ptr::null()) };
            wanted();
        },
        Unblock::BySignal,
    );
    // An interrupted thread waits later: the caller looks for what interrupted it.
    let _ = waited;
}

/// A worker is turned on this thread from now on.
pub(crate) fn serve_here() {
    SERVES.set(true);
}

/// Gives the global lock to whichever thread wants it, and takes it again.
pub(crate) fn give_way() {
    // SAFETY: the caller has the lock, as every Ruby method; nothing is raised for it.
    unsafe { rb_sys::rb_thread_schedule() };
}

/// Has the thread that holds the global lock give way soon. Any thread, also one that is not
/// Ruby's.
pub(crate) fn have_holder_give_way() {
    unsafe extern "C" fn give(_: *mut c_void) {
        // A worker that has got the lock meanwhile keeps it.
        if !SERVES.get() {
            give_way();
        }
    }
    // SAFETY: the function may be called on any thread; the job takes no data.
    unsafe { rb_sys::rb_postponed_job_register_one(0, Some(give), ptr::null_mut()) };
}

/// Takes the global lock inside of `without_lock`, and runs `body`.
pub(crate) fn with_lock<F: FnOnce() -> T, T>(body: F) -> T {
    let mut run = Run::new(body);
    // SAFETY: as above; the caller is inside of `without_lock`, on a thread of Ruby's.
    unsafe {
        rb_sys::rb_thread_call_with_gvl(Some(Run::<F, T>::enter), ptr::from_mut(&mut run).cast());
    }
    // Ruby calls the function once, whatever interrupts are pending.
    run.finish()
        .unwrap_or_else(|| unreachable!("Ruby did not run what it was given"))
}

/// A closure on its way through a C function. It must not raise: Ruby would jump over our frames.
struct Run<F, T> {
    body: Option<F>,
    result: Option<std::thread::Result<T>>,
}

impl<F: FnOnce() -> T, T> Run<F, T> {
    fn new(body: F) -> Self {
        Self {
            body: Some(body),
            result: None,
        }
    }

    /// # Safety
    /// `data` is a live `Run` that nobody else uses.
    unsafe extern "C" fn enter(data: *mut c_void) -> *mut c_void {
        // SAFETY: the caller's contract.
        let run = unsafe { &mut *data.cast::<Self>() };
        if let Some(body) = run.body.take() {
            run.result = Some(catch_unwind(AssertUnwindSafe(body)));
        }
        ptr::null_mut()
    }

    fn finish(self) -> Option<T> {
        let result = self.result?;
        Some(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

thread_local! {
    /// Whether a worker is turned on this thread.
    static SERVES: Cell<bool> = const { Cell::new(false) };
    /// When the function that runs on this thread of the pool began, and how often its thread had
    /// given up its core by then.
    static RUN: Cell<Option<(Instant, u64)>> = const { Cell::new(None) };
}

/// A function begins on this thread of the pool: its answer says what it took.
pub(crate) fn time_run() {
    RUN.set(Some((Instant::now(), context_switches())));
}

/// What the function that runs on this thread took until now, if it was timed.
pub(crate) fn take_run() -> Option<PoolRun> {
    let (began, switches) = RUN.take()?;
    Some(PoolRun {
        wall_ns: began.elapsed().as_nanos() as u64,
        waits: context_switches() - switches,
    })
}

/// How often this thread has given up its core. Whether it wanted to does not matter: a peer on
/// the same core takes it in the middle of a call and answers before anybody has to wait.
fn context_switches() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the buffer is valid for one `rusage`, and all zeros is a value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    (usage.ru_nvcsw + usage.ru_nivcsw) as u64
}
