//! One worker: a ring, a listener, and the connections between them.
//!
//! The same loop serves both ways to run. As a guest, a host watches [`Worker::fd`] and calls
//! [`Worker::turn`]; as the owner of its thread, [`Worker::run`] is that host, three lines long.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{Shutdown, SocketAddr, TcpListener},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::UnixStream,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use monoio::{io::AsyncReadRent, net::TcpStream};
use spikard_contract::config::ServerConfig;
use spikard_middleware::{
    Answered, CallId, HostPort, Ledger, Level, Local, Log, Placements, Plan, PoolRun, Reply,
    Session, Slots, Station,
};

use crate::{
    accept::{Gate, accept},
    driver::{
        EngineChoice, Executor, allow_in_children, forbid_in_children, is_forked_child,
        wait_readable,
    },
    io::{BLOCK_BYTES, Block, seed, shut},
    mailbox::{Mailbox, Message},
    settings::Settings,
    turn::{Turn, TurnEnd, spawn},
    wheel::{Record, Waiting, Wheel},
};

/// Why a turn was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnError {
    /// A turn of some worker is under way on this thread.
    Reentered,
    /// The calling thread is not the one that made the worker.
    WrongThread,
    /// This process is a fork of the one that made the worker.
    Forked,
    /// The engine failed inside. The worker must be replaced.
    Panicked,
}

/// What a worker holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Stats {
    /// Open connections.
    pub connections: u64,
    /// Calls at the host, orphans included.
    pub in_flight: u64,
    /// Calls at the host whose client has gone.
    pub orphans: u64,
}

/// Everything the tasks of one worker share.
pub(crate) struct Core {
    pub(crate) plan: Arc<Plan>,
    pub(crate) port: Box<dyn HostPort>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) settings: Settings,
    pub(crate) slots: RefCell<Slots>,
    pub(crate) calls_left: Cell<u32>,
    pub(crate) gate: Gate,
    pub(crate) accepting: Cell<bool>,
    local: RefCell<Local>,
    placements: RefCell<Placements>,
    wheel: RefCell<Wheel>,
    connections: RefCell<Vec<Option<Rc<Record>>>>,
    vacant: RefCell<Vec<usize>>,
    open: Cell<usize>,
    room: RefCell<Option<Waker>>,
    #[allow(clippy::vec_box, reason = "a connection holds a rented session by one pointer")]
    sessions: RefCell<Vec<Box<Session>>>,
    blocks: RefCell<Vec<Block>>,
    parked: RefCell<Vec<Waker>>,
    mailbox: Arc<Mailbox>,
    messages: RefCell<Vec<Message>>,
    epoch: Instant,
    now_ms: Cell<u64>,
    draining: Cell<bool>,
    forced: Cell<bool>,
    stop_timer: Rc<Record>,
}

impl Core {
    /// Milliseconds since the worker was made, as of this turn.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    pub(crate) fn is_forced(&self) -> bool {
        self.forced.get()
    }

    pub(crate) fn arm(&self, record: &Rc<Record>, waiting: Waiting, deadline_ms: u64) {
        self.wheel.borrow_mut().arm(record, waiting, deadline_ms);
    }

    pub(crate) fn station(&self) -> Station<'_> {
        Station {
            plan: &self.plan,
            port: &*self.port,
            local: &self.local,
            slots: &self.slots,
            placements: &self.placements,
            limits: &self.settings.limits,
            calls_left: &self.calls_left,
            draining: self.draining.get(),
            nanos,
            log: &*self.log,
        }
    }

    pub(crate) fn rent_block(&self) -> Block {
        self.blocks
            .borrow_mut()
            .pop()
            .unwrap_or_else(|| Box::new([0; BLOCK_BYTES]))
    }

    pub(crate) fn return_block(&self, block: Block) {
        let mut blocks = self.blocks.borrow_mut();
        if blocks.len() < POOLED_MAX {
            blocks.push(block);
        }
    }

    pub(crate) fn rent_session(&self, client: SocketAddr) -> Box<Session> {
        let mut session = self.sessions.borrow_mut().pop().unwrap_or_default();
        session.open(Some(client));
        session
    }

    pub(crate) fn return_session(&self, session: Box<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        if sessions.len() < POOLED_MAX {
            sessions.push(session);
        }
    }

    /// Enters a connection into the worker's books.
    pub(crate) fn enter(&self, stream: &TcpStream) -> (Rc<Record>, usize) {
        let record = Record::new(stream.as_raw_fd());
        let mut connections = self.connections.borrow_mut();
        let index = self.vacant.borrow_mut().pop().unwrap_or_else(|| {
            connections.push(None);
            connections.len() - 1
        });
        connections[index] = Some(record.clone());
        self.open.set(self.open.get() + 1);
        (record, index)
    }

    /// Strikes a connection from the books.
    pub(crate) fn leave(&self, index: usize) {
        self.connections.borrow_mut()[index] = None;
        self.vacant.borrow_mut().push(index);
        self.open.set(self.open.get() - 1);
        if let Some(waker) = self.room.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.open.get() < self.settings.connections_max
    }

    /// Waits until a connection leaves, or the gate is shut.
    pub(crate) async fn room(&self) {
        std::future::poll_fn(|cx| {
            if self.has_room() || self.draining.get() {
                return Poll::Ready(());
            }
            *self.room.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Waits for the next turn.
    pub(crate) async fn next_turn(&self) {
        let mut parked = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut parked, true) && self.calls_left.get() > 0 {
                return Poll::Ready(());
            }
            self.parked.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    pub(crate) fn begin_turn(&self, now: Instant) {
        let now_ms = now.duration_since(self.epoch).as_millis() as u64;
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.now_ms.set(now_ms);
        self.local.borrow_mut().set_time(now_ms, unix.as_secs());
        self.calls_left.set(self.settings.turn_calls_max);
        // Bound first: an expiry arms records anew.
        let expired = self.wheel.borrow_mut().expire(now_ms);
        for record in expired {
            self.expire(&record);
        }
        for waker in self.parked.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    fn expire(&self, record: &Rc<Record>) {
        match record.waiting.get() {
            Waiting::Idle | Waiting::Write | Waiting::Linger => {
                shut(record.fd.get(), Shutdown::Both);
            }
            Waiting::Request => shut(record.fd.get(), Shutdown::Read),
            Waiting::Host => wake(record),
            Waiting::Timer if Rc::ptr_eq(record, &self.stop_timer) => self.force(),
            Waiting::Timer => wake(record),
        }
    }

    /// Acts on all messages. Returns whether there were any.
    pub(crate) fn deliver_messages(&self) -> bool {
        let mut messages = std::mem::take(&mut *self.messages.borrow_mut());
        self.mailbox.take(&mut messages);
        let any = !messages.is_empty();
        for message in messages.drain(..) {
            match message {
                Message::Answer(id, reply, run) => self.deliver(id, reply, run),
                Message::Woken => self.port.woken(),
                Message::Stop => self.stop(),
                Message::Force => self.force(),
            }
        }
        *self.messages.borrow_mut() = messages;
        any
    }

    fn deliver(&self, id: CallId, mut reply: Reply, run: Option<PoolRun>) {
        let segment = self.slots.borrow().exchange(id).and_then(|x| x.segment);
        if let (Some(segment), Some(run)) = (segment, run)
            && self.placements.borrow_mut().ran_on_pool(segment, run) {
                let segment = self.plan.segment(segment);
                let message = format!(
                    "{} ({}) runs inline from now on",
                    segment.name, segment.route
                );
                self.log.log(Level::Debug, &message);
            }
        // Bound first: dropping an exchange must not happen under the borrow.
        let answered = self.slots.borrow_mut().answer(id, &mut reply);
        if matches!(answered, Answered::Stale) {
            self.log.log(
                Level::Warn,
                "an answer came for a call that has none to give",
            );
        }
    }

    fn stop(&self) {
        if self.draining.replace(true) {
            return;
        }
        self.gate.shut();
        if let Some(waker) = self.room.borrow_mut().take() {
            waker.wake();
        }
        if !self.settings.graceful {
            return self.force();
        }
        let deadline_ms = self.now_ms() + self.settings.shutdown_ms;
        self.arm(&self.stop_timer, Waiting::Timer, deadline_ms);
        for record in self.connections.borrow().iter().flatten() {
            if record.waiting.get() == Waiting::Idle {
                shut(record.fd.get(), Shutdown::Both);
            }
        }
    }

    fn force(&self) {
        self.draining.set(true);
        self.forced.set(true);
        self.gate.shut();
        for record in self.connections.borrow().iter().flatten() {
            shut(record.fd.get(), Shutdown::Both);
            wake(record);
        }
    }

    pub(crate) fn end_turn(&self) -> TurnEnd {
        if self.draining.get() && !self.accepting.get() && self.open.get() == 0 {
            TurnEnd::Drained
        } else {
            TurnEnd::Idle
        }
    }
}

fn wake(record: &Record) {
    if let Some(waker) = record.waker.borrow_mut().take() {
        waker.wake();
    }
}

/// Monotonic nanoseconds.
fn nanos() -> u64 {
    thread_local! {
        static EPOCH: Instant = Instant::now();
    }
    EPOCH.with(|epoch| epoch.elapsed().as_nanos() as u64)
}

/// Reaches a worker from any thread.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    mailbox: Arc<Mailbox>,
    ledger: Arc<Ledger>,
}

impl WorkerHandle {
    /// Answers a call that was [`spikard_middleware::Outcome::Later`]. The caller has claimed it in
    /// [`WorkerHandle::ledger`]. `run` is what it took on a thread pool. False if the worker has
    /// ended.
    pub fn answer(&self, id: CallId, reply: Reply, run: Option<PoolRun>) -> bool {
        self.mailbox.post(Message::Answer(id, reply, run))
    }

    /// Has the worker call [`HostPort::woken`] inside a turn. False if the worker has ended.
    pub fn wake_host(&self) -> bool {
        self.mailbox.post(Message::Woken)
    }

    /// Whether the calling thread is the worker's: then what is posted here waits for a turn.
    pub fn is_own_thread(&self) -> bool {
        self.mailbox.is_own_thread()
    }

    /// Which calls are unanswered.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Stops accepting and drains: what is in flight is finished, idle connections are closed.
    pub fn stop(&self) -> bool {
        self.mailbox.post(Message::Stop)
    }

    /// Closes every connection now.
    pub fn force(&self) -> bool {
        self.mailbox.post(Message::Force)
    }
}

/// One core's server. It lives on the thread that made it.
pub struct Worker {
    executor: Executor,
    core: Rc<Core>,
    thread: thread::ThreadId,
    listener_fd: RawFd,
    engine_text: String,
    broken: bool,
}

thread_local! {
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

impl Worker {
    /// Makes a worker that accepts from `listener` and answers by `plan` and `port`.
    ///
    /// # Errors
    /// The kernel's, if neither engine can be built, or the one the configuration insists on.
    pub fn new(
        config: &ServerConfig,
        plan: Arc<Plan>,
        listener: TcpListener,
        port: Box<dyn HostPort>,
        log: Arc<dyn Log>,
    ) -> io::Result<Self> {
        let mut executor = Executor::build(config.engine)?;
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        let settings = Settings::new(config);
        let core = Rc::new(Core {
            placements: RefCell::new(Placements::new(&plan)),
            plan,
            port,
            log,
            slots: RefCell::new(Slots::new(settings.in_flight_max)),
            calls_left: Cell::new(settings.turn_calls_max),
            gate: Gate::new(),
            accepting: Cell::new(true),
            local: RefCell::new(Local::new(seed()?)),
            wheel: RefCell::default(),
            connections: RefCell::default(),
            vacant: RefCell::default(),
            open: Cell::new(0),
            room: RefCell::default(),
            sessions: RefCell::default(),
            blocks: RefCell::default(),
            parked: RefCell::default(),
            mailbox: Arc::new(Mailbox::new(bell)),
            messages: RefCell::default(),
            epoch: Instant::now(),
            now_ms: Cell::new(0),
            draining: Cell::new(false),
            forced: Cell::new(false),
            stop_timer: Record::new(0),
            settings,
        });
        let listener_fd = listener.as_raw_fd();
        let started = executor.block_on(async {
            let listener = monoio::net::TcpListener::from_std(listener)?;
            let ear = monoio::net::UnixStream::from_std(ear)?;
            spawn(&core, accept(core.clone(), listener));
            spawn(&core, hear(ear));
            io::Result::Ok(())
        });
        started?;
        forbid_in_children(listener_fd);
        Ok(Self {
            engine_text: executor.choice().to_string(),
            executor,
            core,
            thread: thread::current().id(),
            listener_fd,
            broken: false,
        })
    }

    /// The descriptor that becomes readable when a turn is due.
    pub fn fd(&self) -> RawFd {
        self.executor.fd()
    }

    /// Which engine runs this worker, and why.
    pub fn engine(&self) -> &EngineChoice {
        self.executor.choice()
    }

    /// [`Worker::engine`] as a sentence.
    pub fn engine_text(&self) -> &str {
        &self.engine_text
    }

    /// A handle for other threads.
    pub fn handle(&self) -> WorkerHandle {
        let ledger = self.core.slots.borrow().ledger();
        WorkerHandle {
            mailbox: self.core.mailbox.clone(),
            ledger,
        }
    }

    /// What the worker holds now.
    pub fn stats(&self) -> Stats {
        let slots = self.core.slots.borrow();
        Stats {
            connections: self.core.open.get() as u64,
            in_flight: slots.in_use() as u64,
            orphans: slots.orphans() as u64,
        }
    }

    /// Milliseconds until a turn is due although the descriptor is not readable; `None` if never.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let next_ms = self.core.wheel.borrow().next_ms()?;
        let now_ms = self.core.epoch.elapsed().as_millis() as u64;
        Some(next_ms.saturating_sub(now_ms))
    }

    /// Does all that is due, calls host functions in place, and waits for nothing.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn turn(&mut self) -> Result<TurnEnd, TurnError> {
        if is_forked_child() {
            return Err(TurnError::Forked);
        }
        if thread::current().id() != self.thread {
            return Err(TurnError::WrongThread);
        }
        if self.broken {
            return Err(TurnError::Panicked);
        }
        if IN_TURN.replace(true) {
            return Err(TurnError::Reentered);
        }
        let (executor, core) = (&mut self.executor, &self.core);
        let ended = catch_unwind(AssertUnwindSafe(|| {
            executor.block_on(Turn::new(core, Instant::now()))
        }));
        IN_TURN.set(false);
        ended.map_err(|_| {
            self.broken = true;
            TurnError::Panicked
        })
    }

    /// Turns until the worker is drained: for programs that give it a whole thread.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn run(&mut self) -> Result<(), TurnError> {
        loop {
            match self.turn()? {
                TurnEnd::Drained => return Ok(()),
                TurnEnd::More => {}
                TurnEnd::Idle => {
                    let timeout_ms = self.next_deadline_ms();
                    // The wheel reaches at most hours ahead.
                    wait_readable(self.fd(), timeout_ms.map_or(-1, |ms| ms.min(60_000) as i32));
                }
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.core.mailbox.close();
        allow_in_children(self.listener_fd);
    }
}

/// Hears the bell. The turn that its byte causes delivers the messages; this only listens anew.
async fn hear(mut ear: monoio::net::UnixStream) {
    let mut heard = vec![0; 64];
    loop {
        let (result, buffer) = ear.read(heard).await;
        heard = buffer;
        if !matches!(result, Ok(length) if length > 0) {
            return;
        }
    }
}

/// Most blocks and sessions that a worker keeps for reuse, each.
const POOLED_MAX: usize = 1024;
