//! Everything the tasks of one worker share: its books, its pools, its clock, its orders.
//!
//! It lives on the worker's thread. What happens at a turn's beginning and end is here; what a
//! connection does in between is in `connection`.

use std::{
    cell::{Cell, RefCell},
    io,
    net::{Shutdown, SocketAddr},
    os::{fd::AsRawFd, unix::net::UnixStream},
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use monoio::net::TcpStream;
use spikard_contract::config::ServerConfig;
use spikard_middleware::log::configured;
use spikard_middleware::{
    Answer, Answered, CallId, HostPort, Level, Local, Log, Placements, Plan, PoolRun, Session,
    Slots, Station, Stopwatch,
};

use crate::{
    accept::{Gates, adopt},
    access::AccessLines,
    blocks::Blocks,
    ending::Ending,
    io::{machine_nanos, seed, shut, thread_usage},
    mailbox::{Mailbox, Message},
    settings::Settings,
    turn::TurnEnd,
    watchdog::Watchdog,
    wheel::{Record, Waiting, Wheel},
    work::Crew,
};

/// Everything the tasks of one worker share.
pub(crate) struct Core {
    pub(crate) plan: Arc<Plan>,
    pub(crate) port: Box<dyn HostPort>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) settings: Settings,
    pub(crate) slots: RefCell<Slots>,
    pub(crate) calls_left: Cell<u32>,
    pub(crate) gates: Gates,
    pub(crate) crew: Crew,
    pub(crate) local: RefCell<Local>,
    placements: RefCell<Placements>,
    wheel: RefCell<Wheel>,
    connections: RefCell<Vec<Option<Rc<Record>>>>,
    vacant: RefCell<Vec<usize>>,
    retired: RefCell<Vec<Rc<Record>>>,
    open: Cell<usize>,
    room: RefCell<Vec<Waker>>,
    #[allow(
        clippy::vec_box,
        reason = "a connection holds a rented session by one pointer"
    )]
    sessions: RefCell<Vec<Box<Session>>>,
    outputs: RefCell<Vec<Vec<u8>>>,
    pub(crate) blocks: RefCell<Blocks>,
    parked: RefCell<Vec<Waker>>,
    mailbox: Arc<Mailbox>,
    messages: RefCell<Vec<Message>>,
    epoch: Instant,
    now_ms: Cell<u64>,
    pub(crate) ending: Cell<Ending>,
    pub(crate) end_timer: Rc<Record>,
    stopwatch: Stopwatch,
    pub(crate) access: Option<AccessLines>,
}

impl Core {
    /// The state of a worker that has not begun.
    ///
    /// # Errors
    /// The kernel's, if it has no random bits to give.
    pub(crate) fn new(
        config: &ServerConfig,
        plan: Arc<Plan>,
        port: Box<dyn HostPort>,
        log: Arc<dyn Log>,
        bell: UnixStream,
    ) -> io::Result<Self> {
        let settings = Settings::new(config);
        let log = configured(log, config);
        let access = config.access_log.as_ref();
        let access = access.map(|config| AccessLines::open(config, &log));
        let watch = |threshold| Watchdog::new(threshold, plan.clone(), log.clone());
        let watchdog = settings.stall_threshold.map(watch).transpose()?;
        let port = match &watchdog {
            Some(watchdog) => watchdog.mark(port),
            None => port,
        };
        Ok(Self {
            placements: RefCell::new(Placements::new(&plan)),
            plan,
            port,
            log,
            watchdog,
            slots: RefCell::new(Slots::new(settings.in_flight_max)),
            calls_left: Cell::new(settings.turn_calls_max),
            gates: Gates::default(),
            crew: Crew::default(),
            local: RefCell::new(Local::new(seed()?).with_clock(machine_nanos)),
            wheel: RefCell::default(),
            connections: RefCell::default(),
            vacant: RefCell::default(),
            retired: RefCell::default(),
            open: Cell::new(0),
            room: RefCell::default(),
            sessions: RefCell::default(),
            outputs: RefCell::default(),
            blocks: RefCell::default(),
            parked: RefCell::default(),
            mailbox: Arc::new(Mailbox::new(bell)),
            messages: RefCell::default(),
            epoch: Instant::now(),
            now_ms: Cell::new(0),
            ending: Cell::new(Ending::None),
            end_timer: Record::new(0),
            stopwatch: Stopwatch::new(machine_nanos, thread_usage),
            access: access.transpose()?,
            settings,
        })
    }

    /// Milliseconds since the worker was made, as of this turn.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Time since the worker was made, as of now.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        self.epoch.elapsed().as_millis() as u64
    }

    /// When a turn is due although nothing happened, on the worker's clock.
    pub(crate) fn next_deadline_ms(&self) -> Option<u64> {
        self.wheel.borrow().next_ms()
    }

    /// Open connections.
    pub(crate) fn open(&self) -> usize {
        self.open.get()
    }

    /// Where messages to this worker are left.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Sets what a connection waits for, and until when. A far deadline is rounded up, so that
    /// many idle connections share few wake-ups.
    pub(crate) fn arm(&self, record: &Rc<Record>, waiting: Waiting, deadline_ms: u64) {
        let deadline_ms = if deadline_ms.saturating_sub(self.now_ms()) >= FAR_MS {
            deadline_ms.next_multiple_of(FAR_TICK_MS)
        } else {
            deadline_ms
        };
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
            stopwatch: &self.stopwatch,
            log: &*self.log,
        }
    }

    pub(crate) fn rent_session(&self, client: Option<SocketAddr>) -> Box<Session> {
        let mut session = self.sessions.borrow_mut().pop().unwrap_or_default();
        session.open(client);
        session
    }

    pub(crate) fn return_session(&self, mut session: Box<Session>) {
        session.close();
        let mut sessions = self.sessions.borrow_mut();
        if sessions.len() < SESSIONS_POOLED_MAX {
            sessions.push(session);
        }
    }

    pub(crate) fn rent_output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn return_output(&self, mut output: Vec<u8>) {
        let mut outputs = self.outputs.borrow_mut();
        if outputs.len() < OUTPUTS_POOLED_MAX && output.capacity() <= OUTPUT_BYTES_KEPT {
            output.clear();
            outputs.push(output);
        }
    }

    /// Enters a connection into the worker's books.
    pub(crate) fn enter(&self, stream: &TcpStream) -> (Rc<Record>, usize) {
        let retired = self.retired.borrow_mut().pop();
        let record = retired.unwrap_or_else(|| Record::new(-1));
        record.reopen(stream.as_raw_fd());
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
    pub(crate) fn strike(&self, index: usize) {
        if let Some(record) = self.connections.borrow_mut()[index].take() {
            record.close();
            let mut retired = self.retired.borrow_mut();
            if retired.len() < RECORDS_RETIRED_MAX {
                retired.push(record);
            }
        }
        self.vacant.borrow_mut().push(index);
        self.open.set(self.open.get() - 1);
        self.wake_waiting_for_room();
    }

    pub(crate) fn wake_waiting_for_room(&self) {
        for waker in self.room.borrow_mut().drain(..) {
            waker.wake();
        }
    }

    /// Shows every connection's record, for as long as the books are open.
    pub(crate) fn each_record(&self, see: impl Fn(&Rc<Record>)) {
        self.connections.borrow().iter().flatten().for_each(see);
    }

    pub(crate) fn has_room(&self) -> bool {
        self.open.get() < self.settings.connections_max
    }

    /// Waits until a connection leaves, or `is_over`.
    pub(crate) async fn room(&self, is_over: impl Fn() -> bool) {
        std::future::poll_fn(|cx| {
            if self.has_room() || is_over() {
                return Poll::Ready(());
            }
            self.room.borrow_mut().push(cx.waker().clone());
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
        let mut local = self.local.borrow_mut();
        local.set_time(now_ms, unix.as_millis() as u64);
        drop(local);
        self.calls_left.set(self.settings.turn_calls_max);
        self.stopwatch.begin_turn();
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
            Waiting::First | Waiting::Idle | Waiting::Write | Waiting::Linger => {
                shut(record.fd.get(), Shutdown::Both);
            }
            Waiting::Request => shut(record.fd.get(), Shutdown::Read),
            Waiting::Host => wake(record),
            Waiting::Timer if Rc::ptr_eq(record, &self.end_timer) => self.out_of_time(),
            Waiting::Timer => wake(record),
        }
    }

    /// Acts on all messages. Returns whether there were any.
    pub(crate) fn deliver_messages(self: &Rc<Self>) -> bool {
        let mut messages = std::mem::take(&mut *self.messages.borrow_mut());
        self.mailbox.take(&mut messages);
        let any = !messages.is_empty();
        for message in messages.drain(..) {
            match message {
                Message::Answer(id, answer, run) => self.deliver(id, answer, run),
                Message::Woken => self.port.woken(),
                Message::Worked(id) => {
                    if let Some(record) = self.crew.strike(id) {
                        wake(&record);
                    }
                }
                Message::Adopt(number, listener) => adopt(self, number, listener),
                Message::Release(number) => {
                    self.gates.shut_adopted(number);
                    self.wake_waiting_for_room();
                }
                Message::Fault(words) => {
                    self.local.borrow_mut().set_fault(words.map(Into::into));
                }
                Message::Leave => self.leave(),
                Message::Stop => self.stop(),
                Message::StopNow => self.stop_now(),
                Message::Force => self.force(),
            }
        }
        *self.messages.borrow_mut() = messages;
        any
    }

    fn deliver(&self, id: CallId, mut answer: Answer, run: Option<PoolRun>) {
        let segment = self.slots.borrow().exchange(id).and_then(|x| x.calling);
        if let (Some(segment), Some(run)) = (segment, run)
            && self.placements.borrow_mut().ran_on_pool(segment, run)
        {
            let segment = self.plan.segment(segment);
            let message = format!("{segment} runs inline from now on");
            self.log.log(Level::Debug, &message);
        }
        // Bound first: dropping an exchange must not happen under the borrow.
        let answered = self.slots.borrow_mut().answer(id, &mut answer);
        if matches!(answered, Answered::Stale) {
            self.log.log(
                Level::Warn,
                "an answer came for a call that has none to give",
            );
        }
    }

    pub(crate) fn end_turn(&self) -> TurnEnd {
        self.flush_access();
        if self.is_ending() && self.gates.is_empty() && self.open.get() == 0 {
            TurnEnd::Drained
        } else if self.parked.borrow().is_empty() {
            TurnEnd::Idle
        } else {
            TurnEnd::More
        }
    }
}

pub(crate) fn wake(record: &Record) {
    if let Some(waker) = record.waker.borrow_mut().take() {
        waker.wake();
    }
}

/// Most sessions that a worker keeps for reuse. Each may hold tens of KiB of buffers, and those of
/// one turn are enough: a burst must not leave its memory behind.
const SESSIONS_POOLED_MAX: usize = 64;

/// Most output buffers that a worker keeps for reuse, and the largest that is kept, in bytes.
const OUTPUTS_POOLED_MAX: usize = 1024;
const OUTPUT_BYTES_KEPT: usize = 2048;

/// A deadline at least this far ahead passes up to [`FAR_TICK_MS`] late, in milliseconds.
const FAR_MS: u64 = 4096;
const FAR_TICK_MS: u64 = 1024;

/// Most records of closed connections kept for the next ones. The wheel may still list them, so a
/// new connection that takes one over adds nothing to it: short connections leave no trail.
const RECORDS_RETIRED_MAX: usize = 4096;
