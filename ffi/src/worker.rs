//! `spk_worker_*`: one worker, over sockets or in process.

use std::{
    cell::{Cell, OnceCell},
    ffi::c_void,
    ptr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use spikard_app::{InProcess, InProcessHandle};
use spikard_contract::status::{Event, Status, Turn};
use spikard_middleware::rate::Private;
use spikard_middleware::{Answer, CallId, Ledger, PoolRun};

use crate::{
    abi::spk_text,
    app::spk_app,
    boundary::{Checked, Failure, boundary, bytes, object, output, write_out},
    host::{Answers, CallPort, spk_host, spk_port},
};

/// A worker. Made, turned and freed on one thread; `spk_worker_stop` and `spk_worker_port` may come
/// from any.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub struct spk_worker {
    pub(crate) kind: Kind,
    pub(crate) host: spk_host,
    pub(crate) answers: Arc<dyn Answers>,
    pub(crate) thread: ThreadId,
    #[cfg(feature = "server")]
    pub(crate) handle: Option<spikard_runtime::WorkerHandle>,
    turning: Cell<bool>,
    began: Instant,
}

pub(crate) enum Kind {
    #[cfg(feature = "server")]
    Server(Box<std::cell::RefCell<spikard_runtime::Worker>>),
    InProcess(Box<InProcess>),
}

/// What a worker holds at one moment.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub struct spk_stats {
    /// Open connections.
    pub connections: u64,
    /// Calls at the host, orphans included.
    pub in_flight: u64,
    /// Calls at the host whose client has gone.
    pub orphans: u64,
}

/// The payload of `SPK_EVENT_INJECTED`: the whole reply to an injected request, as it would be on
/// the wire. Valid during the event.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_injected {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// Always 0.
    pub reserved: u32,
    /// The bytes: interim replies, head and body.
    pub reply: spk_text,
}

thread_local! {
    /// Whether a worker with sockets turns on this thread.
    static SERVING: Cell<bool> = const { Cell::new(false) };
}

/// Refuses inside a turn of a worker with sockets.
pub(crate) fn check_not_serving() -> Checked {
    if SERVING.get() {
        return Err(reentered());
    }
    Ok(())
}

pub(crate) fn reentered() -> Failure {
    Failure::new(Status::Reentered, "a turn is under way on this thread")
}

/// A turn, or a run, that is under way.
pub(crate) struct Turning<'a>(&'a spk_worker);

impl Drop for Turning<'_> {
    fn drop(&mut self) {
        self.0.turning.set(false);
        if self.0.has_sockets() {
            SERVING.set(false);
        }
    }
}

impl Drop for spk_worker {
    fn drop(&mut self) {
        self.answers.close();
    }
}

/// Answers to a worker in process, until it ends.
struct InProcessAnswers {
    handle: InProcessHandle,
    closed: AtomicBool,
}

impl Answers for InProcessAnswers {
    fn answer(&self, id: CallId, answer: Answer, run: Option<PoolRun>) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        self.handle.answer(id, answer, run);
        true
    }

    fn ledger(&self) -> &Ledger {
        self.handle.ledger()
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn wants_wake(&self) -> bool {
        true
    }
}

impl spk_worker {
    pub(crate) fn new(kind: Kind, host: spk_host, answers: Arc<dyn Answers>) -> Self {
        #[cfg(feature = "server")]
        let handle = match &kind {
            Kind::Server(server) => Some(server.borrow().handle()),
            Kind::InProcess(_) => None,
        };
        Self {
            kind,
            host,
            answers,
            thread: thread::current().id(),
            #[cfg(feature = "server")]
            handle,
            turning: Cell::new(false),
            began: Instant::now(),
        }
    }

    pub(crate) fn check_thread(&self) -> Checked {
        if thread::current().id() == self.thread {
            return Ok(());
        }
        Err(Failure::new(
            Status::WrongThread,
            "the worker belongs to another thread",
        ))
    }

    /// Makes one turn, unless one is under way.
    fn turn(&self) -> Checked<(Turn, u64)> {
        self.check_thread()?;
        let _turning = self.begin_turn()?;
        self.turn_kind()
    }

    /// Marks the worker as turning until the guard is dropped, also by a panic.
    pub(crate) fn begin_turn(&self) -> Checked<Turning<'_>> {
        self.check_idle()?;
        self.turning.set(true);
        if self.has_sockets() {
            SERVING.set(true);
        }
        Ok(Turning(self))
    }

    /// Refuses what cannot be done inside a turn of this worker, or, with sockets, of any other
    /// that has some: a ring cannot be entered, built or dropped inside another one's.
    fn check_idle(&self) -> Checked {
        if self.turning.get() {
            return Err(reentered());
        }
        if self.has_sockets() {
            return check_not_serving();
        }
        Ok(())
    }

    fn has_sockets(&self) -> bool {
        match self.kind {
            #[cfg(feature = "server")]
            Kind::Server(_) => true,
            Kind::InProcess(_) => false,
        }
    }

    fn turn_kind(&self) -> Checked<(Turn, u64)> {
        match &self.kind {
            #[cfg(feature = "server")]
            Kind::Server(worker) => crate::server::turn(&mut worker.borrow_mut()),
            Kind::InProcess(worker) => {
                let now_ms = self.began.elapsed().as_millis() as u64;
                let unix = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default();
                for (token, reply) in worker.turn(now_ms, unix.as_secs()) {
                    self.tell_injected(token, &reply);
                }
                let next_ms = worker.next_deadline_ms();
                let left_ms = next_ms.map_or(SPK_NO_DEADLINE, |due| due.saturating_sub(now_ms));
                Ok((Turn::Idle, left_ms))
            }
        }
    }

    fn tell_injected(&self, token: u64, reply: &[u8]) {
        let payload = spk_injected {
            size: size_of::<spk_injected>() as u32,
            reserved: 0,
            reply: spk_text::of(reply),
        };
        let payload: *const c_void = ptr::from_ref(&payload).cast();
        self.host.send(Event::Injected, token, payload);
    }
}

/// Told as the next deadline when there is none.
pub const SPK_NO_DEADLINE: u64 = u64::MAX;

/// Makes a worker without sockets: requests come by `spk_inject`. For test clients, and for places
/// that have no sockets. The host must take `SPK_EVENT_INJECTED`.
///
/// Any thread; it becomes the worker's, which turns it and frees it with `spk_worker_free`. Does
/// not block. `host` is copied.
///
/// # Safety
/// `app` is a live handle; `host` is valid for reads; `worker` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_new_in_process(
    app: *const spk_app,
    host: *const spk_host,
    worker: *mut *mut spk_worker,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (app, host) = unsafe { (object(app, "app")?, spk_host::read(host)?) };
        output(worker, "worker")?;
        let cell = Rc::new(OnceCell::new());
        let port = Box::new(CallPort::new(host, cell.clone()));
        // Told time is not the machine's: its limits are its own.
        let plan = app.plan(&Private::new())?;
        let made = InProcess::new(plan, &app.config(), seed(), port, Arc::new(host));
        let answers: Arc<dyn Answers> = Arc::new(InProcessAnswers {
            handle: made.handle(),
            closed: AtomicBool::new(false),
        });
        // Set once, here; nothing has turned yet.
        let _ = cell.set(answers.clone());
        let kind = Kind::InProcess(Box::new(made));
        // SAFETY: the caller's contract.
        unsafe { give(worker, spk_worker::new(kind, host, answers)) }
    })
}

/// Random bits from the operating system, by way of the standard library's hash keys: enough to
/// make request ids unique.
fn seed() -> [u64; 4] {
    use std::hash::{BuildHasher, RandomState};

    [0u64, 1, 2, 3].map(|part| RandomState::new().hash_one(part))
}

/// Hands a worker out.
///
/// # Safety
/// `out` is NULL or valid for one write.
pub(crate) unsafe fn give(out: *mut *mut spk_worker, worker: spk_worker) -> Checked {
    output(out, "worker")?;
    // SAFETY: the caller's contract.
    unsafe { write_out(out, "worker", Box::into_raw(Box::new(worker))) }
}

/// Does all that is due: I/O, host calls (as events, inside this function), timers. Waits for
/// nothing.
///
/// `turn` tells what is next: `SPK_TURN_IDLE` (wait for the descriptor), `SPK_TURN_MORE` (turn
/// again soon, behind other ready work), `SPK_TURN_DRAINED` (stopped, all is closed).
/// `next_deadline_ms` tells after how many milliseconds to turn although the descriptor is not
/// readable, or `SPK_NO_DEADLINE`. The worker's thread. Does not block. `SPK_REENTERED` inside a
/// turn.
///
/// # Safety
/// `worker` is a live handle; the outputs are valid for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_turn(
    worker: *const spk_worker,
    turn: *mut u32,
    next_deadline_ms: *mut u64,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        output(turn, "turn")?;
        output(next_deadline_ms, "next_deadline_ms")?;
        let (ended, next_ms) = worker.turn()?;
        // SAFETY: the caller's contract.
        unsafe {
            write_out(turn, "turn", ended.number())?;
            write_out(next_deadline_ms, "next_deadline_ms", next_ms)
        }
    })
}

/// Begins a request in process: `request` is a whole HTTP/1.1 request, and is copied. Its reply
/// comes as `SPK_EVENT_INJECTED` with `token` as the call, in a turn. The worker's thread, also
/// inside a turn. Does not block.
///
/// # Safety
/// `worker` is a live handle; `request` is valid for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_inject(
    worker: *const spk_worker,
    token: u64,
    request: *const u8,
    length: usize,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (worker, request) = unsafe {
            (
                object(worker, "worker")?,
                bytes(request, length, "request")?,
            )
        };
        worker.check_thread()?;
        match &worker.kind {
            Kind::InProcess(worker) => {
                worker.begin(token, request);
                Ok(())
            }
            #[cfg(feature = "server")]
            Kind::Server(_) => Err(Failure::new(
                Status::Unsupported,
                "this worker serves sockets",
            )),
        }
    })
}

/// The port by which calls of this worker are answered. Each call makes a new one, which is freed
/// with `spk_port_free`, before or after the worker. Any thread. Does not block.
///
/// # Safety
/// `worker` is a live handle; `port` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_port(
    worker: *const spk_worker,
    port: *mut *mut spk_port,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        output(port, "port")?;
        let made = spk_port::new(worker.host, worker.answers.clone());
        // SAFETY: the caller's contract.
        unsafe { write_out(port, "port", Box::into_raw(Box::new(made))) }
    })
}

/// What the worker holds now. The worker's thread. Does not block. With sockets, `SPK_REENTERED`
/// inside a turn.
///
/// # Safety
/// `worker` is a live handle; `stats` is valid for one write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_stats(worker: *const spk_worker, stats: *mut spk_stats) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let worker = unsafe { object(worker, "worker")? };
        worker.check_thread()?;
        let held = match &worker.kind {
            #[cfg(feature = "server")]
            Kind::Server(server) => crate::server::stats(server)?,
            Kind::InProcess(worker) => spk_stats {
                in_flight: worker.in_flight() as u64,
                ..spk_stats::default()
            },
        };
        // SAFETY: the caller's contract.
        unsafe { write_out(stats, "stats", held) }
    })
}

/// Frees a worker. Connections still open are closed, calls that are not answered are forgotten.
///
/// The worker's thread, outside its turns (and those of others, if it has sockets): elsewhere it is
/// refused and the worker lives on. NULL is allowed. Does not block.
///
/// # Safety
/// `worker` came from this library, is not freed yet, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_worker_free(worker: *mut spk_worker) -> u32 {
    boundary(|| {
        if worker.is_null() {
            return Ok(());
        }
        {
            // SAFETY: the caller's contract; not NULL.
            let worker = unsafe { &*worker };
            worker.check_thread()?;
            // Tasks end in turns, and cancelled calls are told: to the host it is a turn.
            let _turning = worker.begin_turn()?;
            #[cfg(feature = "server")]
            if let Kind::Server(server) = &worker.kind {
                server.borrow_mut().end();
            }
        }
        // SAFETY: the caller's contract.
        drop(unsafe { Box::from_raw(worker) });
        Ok(())
    })
}
