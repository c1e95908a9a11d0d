//! The parts of `spk_worker_*` that need sockets.

use std::{
    cell::{OnceCell, RefCell},
    os::fd::{FromRawFd, IntoRawFd, OwnedFd},
    rc::Rc,
    slice,
    sync::Arc,
};

use spikard_contract::status::{Status, Turn};
use spikard_middleware::{Answer, CallId, Ledger, PoolRun};
use spikard_runtime::shared::of_process;
use spikard_runtime::{TurnEnd, TurnError, Worker, WorkerHandle, listen};

use crate::{
    abi::spk_text,
    app::{read_config, spk_app},
    boundary::{Checked, Failure, boundary, object, output, text, write_out},
    host::{Answers, CallPort, spk_host},
    worker::{Kind, SPK_NO_DEADLINE, check_not_serving, give, reentered, spk_stats, spk_worker},
};

impl Answers for WorkerHandle {
    fn answer(&self, id: CallId, answer: Answer, run: Option<PoolRun>) -> bool {
        WorkerHandle::answer(self, id, answer, run)
    }

    fn ledger(&self) -> &Ledger {
        WorkerHandle::ledger(self)
    }

    /// From another thread the worker's descriptor becomes readable; its own thread must turn.
    fn wants_wake(&self) -> bool {
        self.is_own_thread()
    }
}

pub(crate) fn turn(worker: &mut Worker) -> Checked<(Turn, u64)> {
    let ended = match worker.turn() {
        Ok(TurnEnd::Idle) => Turn::Idle,
        Ok(TurnEnd::More) => Turn::More,
        Ok(TurnEnd::Drained) => Turn::Drained,
        Err(error) => return Err(turn_failure(error)),
    };
    Ok((ended, worker.next_deadline_ms().unwrap_or(SPK_NO_DEADLINE)))
}

fn turn_failure(error: TurnError) -> Failure {
    match error {
        TurnError::Reentered => Status::Reentered.into(),
        TurnError::WrongThread => Status::WrongThread.into(),
        TurnError::Forked => Status::Forked.into(),
        TurnError::Panicked => Failure::new(
            Status::Panicked,
            "the engine panicked; the worker must be replaced",
        ),
    }
}

pub(crate) fn stats(server: &RefCell<Worker>) -> Checked<spk_stats> {
    let Ok(worker) = server.try_borrow() else {
        return Err(reentered());
    };
    let stats = worker.stats();
    Ok(spk_stats {
        connections: stats.connections,
        in_flight: stats.in_flight,
        orphans: stats.orphans,
    })
}

/// Listens on `host:port` with `count` sockets that share the address, one per worker.
///
/// First the address is probed, so that a taken port is `SPK_ADDRESS_IN_USE` and not a silent share
/// of its connections. `port` 0 takes any free one; `bound_port` tells which. The descriptors are
/// the caller's to close, or to give to `spk_worker_new`. Any thread. Blocks while it resolves a
/// name.
///
/// # Safety
/// `host` is valid for `host_length` bytes, `fds` for `count` writes, `bound_port` for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_listen(
    host: *const u8,
    host_length: usize,
    port: u32,
    count: u32,
    backlog: u32,
    fds: *mut i32,
    bound_port: *mut u32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let host = unsafe { text(host, host_length, "host")? };
        output(fds, "fds")?;
        output(bound_port, "bound_port")?;
        if count == 0 {
            return Err(Failure::new(Status::InvalidArgument, "count is 0"));
        }
        let port = u16::try_from(port)
            .map_err(|_| Failure::new(Status::InvalidArgument, format!("{port} is no port")))?;
        let bound = listen::bind(host, port, count as usize, backlog).map_err(refused)?;
        // SAFETY: the caller's contract; not NULL, and `bind` made `count` listeners.
        let fds = unsafe { slice::from_raw_parts_mut(fds, count as usize) };
        for (fd, listener) in fds.iter_mut().zip(bound.listeners) {
            *fd = listener.into_raw_fd();
        }
        // SAFETY: the caller's contract.
        unsafe { write_out(bound_port, "bound_port", bound.address.port().into()) }
    })
}

/// Listens as configured with `count` sockets, one per worker: on `fd` or `uds` where one of them
/// is set, else on what systemd passed, else on `host` and `port`.
///
/// `bound_port` is 0 for a unix socket, whose file stays when the server ends; the next one removes
/// it. The descriptors are the caller's, as with `spk_listen`. Any thread. Blocks while it resolves
/// a name.
///
/// # Safety
/// `config` is valid for `config_length` bytes, `fds` for `count` writes, `bound_port` for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_listen_configured(
    config: *const u8,
    config_length: usize,
    count: u32,
    fds: *mut i32,
    bound_port: *mut u32,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let config = read_config(unsafe { text(config, config_length, "config")? })?;
        output(fds, "fds")?;
        output(bound_port, "bound_port")?;
        if count == 0 {
            return Err(Failure::new(Status::InvalidArgument, "count is 0"));
        }
        let opened = listen::open(&config, count as usize);
        let opened = opened
            .and_then(listen::Opened::alone)
            .map_err(refused)?
            .keep_file();
        // SAFETY: the caller's contract; not NULL, and `open` made `count` listeners.
        let fds = unsafe { slice::from_raw_parts_mut(fds, count as usize) };
        let port = opened.place.port().unwrap_or(0);
        for (fd, listener) in fds.iter_mut().zip(opened.listeners) {
            *fd = listener.into_raw_fd();
        }
        // SAFETY: the caller's contract.
        unsafe { write_out(bound_port, "bound_port", port.into()) }
    })
}

fn refused(error: listen::ListenError) -> Failure {
    let status = match error {
        listen::ListenError::AddressInUse { .. } | listen::ListenError::UnixInUse { .. } => {
            Status::AddressInUse
        }
        _ => Status::BindFailed,
    };
    Failure::new(status, error.to_string())
}

/// Makes a worker that accepts from `listener_fd`, which it owns from now on, also on failure
/// (except in a forked child, where nothing is done).
///
/// Any thread; it becomes the worker's, which turns it and frees it with `spk_worker_free`. Does
/// not block. `SPK_REENTERED` inside a turn of another worker with sockets. `host` is copied.
///
/// # Safety
/// `app` is a live handle; `host` is valid for reads; `listener_fd` is a listening socket that
/// nothing else uses; `worker` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_new(
    app: *const spk_app,
    host: *const spk_host,
    listener_fd: i32,
    worker: *mut *mut spk_worker,
) -> u32 {
    boundary(|| {
        if listener_fd < 0 {
            return Err(Failure::new(
                Status::InvalidArgument,
                "listener_fd is negative",
            ));
        }
        // SAFETY: the caller's contract: an open descriptor that is ours from now on.
        let listener = unsafe { OwnedFd::from_raw_fd(listener_fd) };
        check_not_serving()?;
        // SAFETY: the caller's contract.
        let (app, host) = unsafe { (object(app, "app")?, spk_host::read(host)?) };
        output(worker, "worker")?;
        let cell = Rc::new(OnceCell::new());
        let port = Box::new(CallPort::new(host, cell.clone()));
        let made = Worker::new(
            &app.config(),
            Arc::new(app.plan(&*of_process())?),
            listener,
            port,
            Arc::new(host),
        );
        let made =
            made.map_err(|error| Failure::new(Status::EngineUnavailable, error.to_string()))?;
        let answers: Arc<dyn Answers> = Arc::new(made.handle());
        // Set once, here; nothing has turned yet.
        let _ = cell.set(answers.clone());
        let kind = Kind::Server(Box::new(RefCell::new(made)));
        // SAFETY: the caller's contract.
        unsafe { give(worker, spk_worker::new(kind, host, answers)) }
    })
}

/// The descriptor that becomes readable when a turn is due. It stays the worker's: watch it, do not
/// read or close it. The worker's thread, outside turns. Does not block.
///
/// # Safety
/// `worker` is a live handle; `fd` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_fd(worker: *const spk_worker, fd: *mut i32) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        worker.check_thread()?;
        let number = with_server(worker, |server| server.fd())?;
        // SAFETY: the caller's contract.
        unsafe { write_out(fd, "fd", number) }
    })
}

/// Which engine runs the worker, and why: `io_uring`, or `epoll (io_uring is refused here: ...)`.
/// The text is valid as long as the worker. The worker's thread, outside turns. Does not block.
///
/// # Safety
/// `worker` is a live handle; `engine` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_engine(
    worker: *const spk_worker,
    engine: *mut spk_text,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        worker.check_thread()?;
        let text = with_server(worker, |server| {
            spk_text::of(server.engine_text().as_bytes())
        })?;
        // SAFETY: the caller's contract.
        unsafe { write_out(engine, "engine", text) }
    })
}

/// Turns until the worker is drained, and sleeps in between: for programs that give it a thread.
/// The worker's thread, outside turns. Blocks until `spk_worker_stop` comes, from another thread or
/// from inside an event.
///
/// # Safety
/// `worker` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_run(worker: *const spk_worker) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        worker.check_thread()?;
        match &worker.kind {
            Kind::Server(server) => {
                let _turning = worker.begin_turn()?;
                server.borrow_mut().run().map_err(turn_failure)
            }
            Kind::InProcess(_) => Err(no_sockets()),
        }
    })
}

/// Orders a worker to drain: accept no more, finish what is in flight, close what is idle. With
/// `force` it closes everything at once. Any thread, while the worker lives; not a signal handler.
/// Does not block. If it comes on the worker's own thread, a turn must follow; else the descriptor
/// sees to that.
///
/// # Safety
/// `worker` is a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_stop(worker: *const spk_worker, force: u32) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        let handle = worker.sockets()?;
        let posted = if force == 0 {
            handle.stop()
        } else {
            handle.force()
        };
        if posted {
            Ok(())
        } else {
            Err(Status::Stopped.into())
        }
    })
}

fn with_server<T>(worker: &spk_worker, read: impl FnOnce(&Worker) -> T) -> Checked<T> {
    match &worker.kind {
        Kind::Server(server) => match server.try_borrow() {
            Ok(server) => Ok(read(&server)),
            Err(_) => Err(reentered()),
        },
        Kind::InProcess(_) => Err(no_sockets()),
    }
}

impl spk_worker {
    /// The handle of a worker with sockets.
    pub(crate) fn sockets(&self) -> Checked<&WorkerHandle> {
        self.handle.as_ref().ok_or_else(no_sockets)
    }
}

fn no_sockets() -> Failure {
    Failure::new(Status::Unsupported, "this worker has no sockets")
}
