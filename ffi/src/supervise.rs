//! `spk_supervise` and `spk_inherited_*`: the parent process, and what it leaves to its workers.

use std::{
    cell::RefCell,
    ffi::{OsStr, c_void},
    os::{
        fd::{AsRawFd, IntoRawFd},
        unix::ffi::OsStrExt,
    },
    sync::Arc,
};

use spikard_contract::status::Status;
use spikard_middleware::{Level, Log};
use spikard_runtime::supervise::{Inherited, Order, Supervision, inherited, supervise};

use crate::{
    abi::spk_text,
    app::read_config,
    boundary::{Checked, Failure, array, boundary, bytes, object, output, text, write_out},
    worker::spk_worker,
};

/// The order of a worker's parent: none yet.
pub const SPK_ORDER_NONE: u32 = 0;
/// Drain, then exit with 0.
pub const SPK_ORDER_STOP: u32 = 1;
/// Exit at once.
pub const SPK_ORDER_FORCE: u32 = 2;
/// The parent is gone: drain, then exit; stop watching the control descriptor.
pub const SPK_ORDER_PARENT_GONE: u32 = 3;
/// A successor is there: drain, wait for idle clients, then exit with 0.
pub const SPK_ORDER_LEAVE: u32 = 4;
/// Accept for a sibling as well.
pub const SPK_ORDER_ADOPT: u32 = 5;
/// Accept for that sibling no more.
pub const SPK_ORDER_RELEASE: u32 = 6;
/// Show why the latest version of the program does not start.
pub const SPK_ORDER_BROKEN: u32 = 7;
/// The latest version of the program starts again.
pub const SPK_ORDER_MENDED: u32 = 8;

/// What a worker process got from its parent. Used on one thread; freed with `spk_inherited_free`.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub struct spk_inherited {
    inner: RefCell<Inherited>,
}

/// Receives a log line of the parent: level, UTF-8 text. May be NULL.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub type spk_log =
    Option<unsafe extern "C" fn(userdata: *mut c_void, level: u32, text: *const u8, length: usize)>;

struct ParentLog {
    log: spk_log,
    userdata: *mut c_void,
}

// SAFETY: the parent logs only on the thread that called `spk_supervise`.
unsafe impl Send for ParentLog {}
// SAFETY: as above.
unsafe impl Sync for ParentLog {}

impl Log for ParentLog {
    fn log(&self, level: Level, message: &str) {
        if let Some(log) = self.log {
            // SAFETY: the caller of `spk_supervise` vouches for the function and its userdata.
            unsafe { log(self.userdata, level as u32, message.as_ptr(), message.len()) };
        }
    }
}

/// Runs the server as its parent process: listens, starts one process of `command` per worker and
/// replaces those that die, until it is stopped by SIGINT or SIGTERM; SIGHUP restarts the workers
/// one by one, without a gap. `exit_code` is what the
/// process shall exit with: 0 drained, 1 cut short, 2 refused (port taken), 3 a worker did not
/// start, 130 or 143 forced.
///
/// The main thread, while there is no other. Blocks for the life of the server; log lines come on
/// this thread. The caller keeps what it passes.
///
/// # Safety
/// `config` is valid for `config_length` bytes; `command` for `command_length` reads, and each text
/// for its length; `log` is NULL or callable with `userdata`; `exit_code` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_supervise(
    config: *const u8,
    config_length: usize,
    command: *const spk_text,
    command_length: usize,
    log: spk_log,
    userdata: *mut c_void,
    exit_code: *mut i32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let config = unsafe { text(config, config_length, "config")? };
        let config = read_config(config)?;
        // SAFETY: the caller's contract.
        let words = unsafe { array(command, command_length, "command")? };
        if words.is_empty() {
            return Err(Failure::new(Status::InvalidArgument, "command is empty"));
        }
        output(exit_code, "exit_code")?;
        let command = words.iter().map(|word| {
            // SAFETY: the caller's contract.
            let word = unsafe { bytes(word.bytes, word.length, "a word of command")? };
            Checked::Ok(OsStr::from_bytes(word).to_owned())
        });
        let code = supervise(Supervision {
            command: command.collect::<Checked<_>>()?,
            workers: config.workers as usize,
            config,
            log: Arc::new(ParentLog { log, userdata }),
        });
        // SAFETY: the caller's contract.
        unsafe { write_out(exit_code, "exit_code", code) }
    })
}

/// Takes over what the parent left for this process, if it is a worker: `inherited` is NULL if not.
/// Call it first thing, while nothing else uses the environment; it removes its variable.
///
/// The handle is freed with `spk_inherited_free`, and used by one thread at a time. The main
/// thread, while there is no other. Does not block.
///
/// # Safety
/// `inherited` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherit(inherited_out: *mut *mut spk_inherited) -> u32 {
    boundary(|| {
        output(inherited_out, "inherited")?;
        let taken = inherited()
            .map_err(|error| Failure::new(Status::InvalidArgument, error.to_string()))?;
        let handle = taken.map_or(std::ptr::null_mut(), |inner| {
            Box::into_raw(Box::new(spk_inherited {
                inner: RefCell::new(inner),
            }))
        });
        // SAFETY: the caller's contract.
        unsafe { write_out(inherited_out, "inherited", handle) }
    })
}

/// This worker's number from 0, how many there are, and the descriptor of the parent's orders,
/// which is readable when `spk_inherited_obey` has one. The descriptor stays the handle's. One
/// thread at a time. Does not block.
///
/// # Safety
/// `inherited` is a live handle; the outputs are valid for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherited_place(
    inherited: *const spk_inherited,
    worker: *mut u32,
    workers: *mut u32,
    control_fd: *mut i32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let inner = unsafe { object(inherited, "inherited")? }.inner.borrow();
        output(workers, "workers")?;
        output(control_fd, "control_fd")?;
        // SAFETY: the caller's contract.
        unsafe {
            write_out(worker, "worker", inner.worker as u32)?;
            write_out(workers, "workers", inner.workers as u32)?;
            write_out(control_fd, "control_fd", inner.control.as_raw_fd())
        }
    })
}

/// A descriptor of this worker's listener, which is the caller's: give it to `spk_worker_new`. One
/// thread at a time. Does not block.
///
/// # Safety
/// `inherited` is a live handle; `fd` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherited_listener(
    inherited: *const spk_inherited,
    fd: *mut i32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let inner = unsafe { object(inherited, "inherited")? }.inner.borrow();
        output(fd, "fd")?;
        // `inherited` checked that there is one listener per worker.
        let listener = inner.listeners[inner.worker].try_clone();
        let listener =
            listener.map_err(|error| Failure::new(Status::BindFailed, error.to_string()))?;
        // SAFETY: the caller's contract.
        unsafe { write_out(fd, "fd", listener.into_raw_fd()) }
    })
}

/// Tells the parent that this worker accepts connections, and on which engine. One thread at a
/// time. Does not block.
///
/// # Safety
/// `inherited` is a live handle; `engine` is valid for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherited_ready(
    inherited: *const spk_inherited,
    engine: *const u8,
    length: usize,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (inherited, engine) = unsafe {
            (
                object(inherited, "inherited")?,
                text(engine, length, "engine")?,
            )
        };
        let told = inherited.inner.borrow().control.ready(engine);
        told.map_err(|error| Failure::new(Status::Stopped, error.to_string()))
    })
}

/// Reads the parent's next order, an `SPK_ORDER_*` number, and has `worker` follow it. Call it
/// until there is none. Any thread, one at a time. Does not block. If it comes on the worker's own
/// thread, a turn must follow.
///
/// # Safety
/// `inherited` and `worker` are live handles; `order` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherited_obey(
    inherited: *const spk_inherited,
    worker: *const spk_worker,
    order: *mut u32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (inherited, worker) =
            unsafe { (object(inherited, "inherited")?, object(worker, "worker")?) };
        output(order, "order")?;
        let followed = inherited.inner.borrow_mut().obey(worker.sockets()?);
        let number = match followed {
            Ok(None) => SPK_ORDER_NONE,
            Ok(Some(Order::Stop | Order::StopNow)) => SPK_ORDER_STOP,
            Ok(Some(Order::Force)) => SPK_ORDER_FORCE,
            Ok(Some(Order::ParentGone)) => SPK_ORDER_PARENT_GONE,
            Ok(Some(Order::Leave)) => SPK_ORDER_LEAVE,
            Ok(Some(Order::Adopt(_))) => SPK_ORDER_ADOPT,
            Ok(Some(Order::Release(_))) => SPK_ORDER_RELEASE,
            Ok(Some(Order::Broken(_))) => SPK_ORDER_BROKEN,
            Ok(Some(Order::Mended)) => SPK_ORDER_MENDED,
            Err(error) => return Err(Failure::new(Status::Stopped, error.to_string())),
        };
        // SAFETY: the caller's contract.
        unsafe { write_out(order, "order", number) }
    })
}

/// Frees what was inherited. NULL is allowed. The parent can only kill this worker afterwards. One
/// thread at a time. Does not block. In a forked child nothing is done.
///
/// # Safety
/// `inherited` came from `spk_inherit`, is not freed yet, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inherited_free(inherited: *mut spk_inherited) {
    boundary(|| {
        if !inherited.is_null() {
            // SAFETY: the caller's contract.
            drop(unsafe { Box::from_raw(inherited) });
        }
        Ok(())
    });
}
