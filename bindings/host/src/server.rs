//! What needs sockets and processes: listening, stopping, the parent and its workers.

use std::{
    ffi::c_void,
    fmt,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    ptr, slice, str,
};

use spikard_ffi::{
    abi::spk_text,
    server::{
        spk_listen_configured, spk_worker_engine, spk_worker_fd, spk_worker_run, spk_worker_stop,
    },
    supervise::{
        SPK_ORDER_NONE, SPK_ORDER_PARENT_GONE, spk_inherit, spk_inherited, spk_inherited_free,
        spk_inherited_listener, spk_inherited_obey, spk_inherited_place, spk_inherited_ready,
        spk_supervise,
    },
};

use crate::{
    error::{Error, check},
    event::{Host, Level},
    worker::Worker,
};

impl<H: Host> Worker<H> {
    /// The descriptor that is readable when a turn is due.
    ///
    /// # Errors
    /// The worker has no sockets, or this is another thread.
    pub fn fd(&self) -> Result<RawFd, Error> {
        let mut fd = -1;
        // SAFETY: the handle is live; the output is valid.
        check(unsafe { spk_worker_fd(self.raw(), &mut fd) })?;
        Ok(fd)
    }

    /// Which engine runs it, and why.
    ///
    /// # Errors
    /// The worker has no sockets, or this is another thread.
    pub fn engine(&self) -> Result<String, Error> {
        let mut engine = spk_text {
            bytes: ptr::null(),
            length: 0,
        };
        // SAFETY: the handle is live; the output is valid.
        check(unsafe { spk_worker_engine(self.raw(), &mut engine) })?;
        // SAFETY: the text lives as long as the worker, and is copied at once.
        let bytes = unsafe { slice::from_raw_parts(engine.bytes, engine.length) };
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// Orders it to drain, or with `force` to close everything at once. A turn must follow.
    ///
    /// # Errors
    /// The worker has no sockets, or has ended.
    pub fn stop(&self, force: bool) -> Result<(), Error> {
        // SAFETY: the handle is live.
        check(unsafe { spk_worker_stop(self.raw(), force.into()) })
    }

    /// Turns until it is drained, for programs that give it this thread.
    ///
    /// # Errors
    /// As [`Worker::turn`].
    pub fn run(&self) -> Result<(), Error> {
        // SAFETY: the handle is live.
        check(unsafe { spk_worker_run(self.raw()) })
    }
}

/// Listens as configured with `count` sockets. Returns them and the port, 0 for a unix socket.
///
/// # Errors
/// The address is taken (and by whom, if visible), or cannot be listened on.
pub fn listen(config_json: &str, count: u32) -> Result<(Vec<OwnedFd>, u16), Error> {
    let mut fds = vec![-1; count as usize];
    let mut bound = 0;
    let (config, length, out) = (config_json.as_ptr(), config_json.len(), fds.as_mut_ptr());
    // SAFETY: the input is valid for its length, the outputs for `count` writes and one.
    check(unsafe { spk_listen_configured(config, length, count, out, &mut bound) })?;
    // SAFETY: each descriptor is open and was given to us.
    let owned = fds
        .into_iter()
        .map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    // A port that was bound fits.
    Ok((owned.collect(), bound as u16))
}

/// Runs the server as its parent process; blocks for its life. Returns the code to exit with.
///
/// # Errors
/// The configuration or the command is refused.
pub fn supervise(
    config_json: &str,
    command: &[Vec<u8>],
    log: &dyn Fn(Level, &str),
) -> Result<i32, Error> {
    let words: Vec<spk_text> = command
        .iter()
        .map(|word| spk_text {
            bytes: word.as_ptr(),
            length: word.len(),
        })
        .collect();
    let mut code = 0;
    let mut log = log;
    let userdata: *mut c_void = ptr::from_mut(&mut log).cast();
    // SAFETY: the inputs are valid for their lengths and outlive the call, as does `log`.
    check(unsafe {
        spk_supervise(
            config_json.as_ptr(),
            config_json.len(),
            words.as_ptr(),
            words.len(),
            Some(parent_log),
            userdata,
            &mut code,
        )
    })?;
    Ok(code)
}

/// # Safety
/// `userdata` is the `&dyn Fn` that `supervise` holds; the text is valid for its length.
unsafe extern "C" fn parent_log(userdata: *mut c_void, level: u32, text: *const u8, length: usize) {
    // SAFETY: the caller's contract.
    let (log, message) = unsafe {
        (
            &*userdata.cast::<&dyn Fn(Level, &str)>(),
            slice::from_raw_parts(text, length),
        )
    };
    log(
        Level::from_number(level),
        str::from_utf8(message).unwrap_or_default(),
    );
}

/// Whether a worker's parent may order more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orders {
    /// It may: go on watching the control descriptor.
    MayCome,
    /// It is gone, and the worker drains: watch the control descriptor no more.
    Ended,
}

/// What a worker process got from its parent.
pub struct Inherited {
    raw: *mut spk_inherited,
    /// This worker's number, from 0.
    pub worker: u32,
    /// How many there are.
    pub workers: u32,
    /// Readable when there is an order.
    pub control_fd: RawFd,
}

// SAFETY: the handle has no ties to a thread; it is used by one at a time (`&mut` or `!Sync`).
unsafe impl Send for Inherited {}

impl fmt::Debug for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inherited(worker {} of {})", self.worker, self.workers)
    }
}

/// Takes over what the parent left, if this process is a worker. Call it first thing.
///
/// # Errors
/// The variable is left over from another process or made up.
pub fn inherited() -> Result<Option<Inherited>, Error> {
    let mut raw = ptr::null_mut();
    // SAFETY: the output is valid.
    check(unsafe { spk_inherit(&mut raw) })?;
    if raw.is_null() {
        return Ok(None);
    }
    let mut inherited = Inherited {
        raw,
        worker: 0,
        workers: 0,
        control_fd: -1,
    };
    let Inherited {
        worker,
        workers,
        control_fd,
        ..
    } = &mut inherited;
    // SAFETY: the handle is live; the outputs are valid.
    check(unsafe { spk_inherited_place(raw, worker, workers, control_fd) })?;
    Ok(Some(inherited))
}

impl Inherited {
    /// This worker's listener.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn listener(&self) -> Result<OwnedFd, Error> {
        let mut fd = -1;
        // SAFETY: the handle is live; the output is valid.
        check(unsafe { spk_inherited_listener(self.raw, &mut fd) })?;
        // SAFETY: the descriptor is open and was given to us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }

    /// Tells the parent that this worker accepts connections.
    ///
    /// # Errors
    /// The parent is gone.
    pub fn ready(&self, engine: &str) -> Result<(), Error> {
        // SAFETY: the handle is live; the text is valid for its length.
        check(unsafe { spk_inherited_ready(self.raw, engine.as_ptr(), engine.len()) })
    }

    /// Has the worker follow every order that has come. A turn must follow.
    ///
    /// # Errors
    /// The control socket failed, or no descriptor is left for a sibling's listener.
    pub fn obey<H: Host>(&mut self, worker: &Worker<H>) -> Result<Orders, Error> {
        loop {
            let mut order = SPK_ORDER_NONE;
            // SAFETY: the handles are live; the output is valid.
            check(unsafe { spk_inherited_obey(self.raw, worker.raw(), &mut order) })?;
            match order {
                SPK_ORDER_NONE => return Ok(Orders::MayCome),
                SPK_ORDER_PARENT_GONE => return Ok(Orders::Ended),
                _ => {}
            }
        }
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and nobody uses it during a drop.
        unsafe { spk_inherited_free(self.raw) };
    }
}
