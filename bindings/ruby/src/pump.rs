//! What crosses between Ruby's threads, its global lock and the engine: one of the two places that
//! use C directly.

use std::{
    cell::Cell,
    ffi::c_void,
    io,
    mem::MaybeUninit,
    ops::Deref,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    time::Instant,
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

/// Runs `body` without the global lock. It cannot be interrupted.
pub(crate) fn without_lock<F: FnOnce() -> T, T>(body: F) -> T {
    let mut run = Run::new(body);
    // SAFETY: `run` outlives the call, which calls `enter` once, on this thread.
    unsafe {
        rb_sys::rb_thread_call_without_gvl(
            Some(Run::<F, T>::enter),
            ptr::from_mut(&mut run).cast(),
            None,
            ptr::null_mut(),
        );
    }
    run.finish()
}

/// Takes the global lock inside of `without_lock`, and runs `body`.
pub(crate) fn with_lock<F: FnOnce() -> T, T>(body: F) -> T {
    let mut run = Run::new(body);
    // SAFETY: as above; the caller is inside of `without_lock`, on a thread of Ruby's.
    unsafe {
        rb_sys::rb_thread_call_with_gvl(Some(Run::<F, T>::enter), ptr::from_mut(&mut run).cast());
    }
    run.finish()
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

    fn finish(self) -> T {
        match self.result {
            Some(Ok(value)) => value,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            // Ruby calls the function once, whatever interrupts are pending.
            None => panic!("Ruby did not run what it was given"),
        }
    }
}

thread_local! {
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
