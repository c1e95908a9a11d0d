//! One request through a plan without a socket: for test clients, WebAssembly and fuzzers.
//!
//! It drives the same session as a socket worker does, from request bytes to reply bytes, so an
//! answer here is the answer on the wire. A host may answer inline or later.
//! Knows no sockets, threads or clocks: time is told by the caller.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use spikard_contract::config::ServerConfig;
use spikard_middleware::log::{Level, Log, configured};
use spikard_middleware::{
    Answer, Answered, CallId, HostPort, Ledger, Local, Need, Notice, Placements, Plan, PoolRun,
    Session, SessionLimits, Slots, Station, Stopwatch, Tail, ThreadUsage, Work,
};

/// A worker without I/O: runs any number of [`Injection`]s through one plan.
pub struct Injector {
    plan: Plan,
    limits: SessionLimits,
    local: RefCell<Local>,
    slots: RefCell<Slots>,
    placements: RefCell<Placements>,
    calls_left: Cell<u32>,
    stopwatch: Stopwatch,
    log: Arc<dyn Log>,
}

/// One request on its way.
#[derive(Debug)]
pub struct Injection {
    session: Session,
    reply: Vec<u8>,
}

/// The request bytes ended inside the head or the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truncated {
    /// What was answered so far, such as `100 Continue`.
    pub reply: Vec<u8>,
}

impl fmt::Display for Truncated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the request ends before its head or body is complete")
    }
}

impl std::error::Error for Truncated {}

impl Injector {
    /// A worker for `plan` under the limits of `config`. `seed` makes the random ids; tests may
    /// fix it.
    #[must_use]
    pub fn new(plan: Plan, config: &ServerConfig, seed: [u64; 4], log: Arc<dyn Log>) -> Self {
        let log = configured(log, config);
        for line in plan.take_warnings() {
            log.log(Level::Warn, &line);
        }
        Self {
            placements: RefCell::new(Placements::new(&plan)),
            plan,
            limits: SessionLimits::of(config),
            local: RefCell::new(Local::new(seed)),
            slots: RefCell::new(Slots::new(config.max_in_flight as usize)),
            calls_left: Cell::new(0),
            // In process nothing is timed: the caller tells the time.
            stopwatch: Stopwatch::new(|| 0, ThreadUsage::default),
            log,
        }
    }

    /// The plan it runs.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Tells the time: monotonic milliseconds, and seconds since 1970.
    pub fn set_time(&self, now_ms: u64, unix_s: u64) {
        self.local.borrow_mut().set_time(now_ms, unix_s * 1000);
    }

    /// Begins a request, given whole: an HTTP/1.1 head and its body as on the wire.
    #[must_use]
    pub fn begin(&self, request: &[u8]) -> Injection {
        let mut session = Session::collecting();
        session.open(None);
        session.feed(request);
        Injection {
            session,
            reply: Vec::new(),
        }
    }

    /// Goes on until the reply is complete. Pending while the host has not answered; the waker is
    /// woken by [`Injector::answer`]. Poll again, too, when the time of a deadline has been told.
    ///
    /// # Errors
    /// [`Truncated`] when the request is not whole.
    pub fn poll(
        &self,
        injection: &mut Injection,
        port: &dyn HostPort,
        context: &mut Context<'_>,
    ) -> Poll<Result<Vec<u8>, Truncated>> {
        let station = self.station(port);
        loop {
            let need = injection.session.advance(&station);
            self.tell_access();
            if !injection.take_output(&*self.log) {
                return Poll::Ready(Ok(std::mem::take(&mut injection.reply)));
            }
            match need {
                Need::Flush => {}
                // Nobody else waits for this thread.
                Need::Work => drop(injection.session.take_work().map(Work::run)),
                Need::Turn => self.calls_left.set(CALLS_PER_TURN),
                Need::Idle | Need::Close { .. } => {
                    return Poll::Ready(Ok(std::mem::take(&mut injection.reply)));
                }
                Need::Head | Need::Body => {
                    let reply = std::mem::take(&mut injection.reply);
                    return Poll::Ready(Err(Truncated { reply }));
                }
                Need::Host(id) => {
                    if !self.host_answered(injection, &station, id, context) {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// Lines of the access log go to the log: in process there is nobody to write them elsewhere.
    fn tell_access(&self) {
        let lines = std::mem::take(&mut self.local.borrow_mut().access_lines);
        lines
            .lines()
            .for_each(|line| self.log.log(Level::Access, line));
    }

    /// Gives the host's answer to a call that it took as "later", and what its run on a pool took.
    pub fn answer(&self, id: CallId, answer: impl Into<Answer>, run: Option<PoolRun>) -> Answered {
        let segment = self.slots.borrow().exchange(id).and_then(|x| x.calling);
        if let (Some(segment), Some(run)) = (segment, run) {
            self.placements.borrow_mut().ran_on_pool(segment, run);
        }
        self.slots.borrow_mut().answer(id, &mut answer.into())
    }

    /// Which calls are unanswered, for other threads.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        self.slots.borrow().ledger()
    }

    /// Calls under way, orphans included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.slots.borrow().in_use()
    }

    /// When the call that `injection` waits for is due, if it waits for one that is.
    pub fn deadline_ms(&self, injection: &Injection, port: &dyn HostPort) -> Option<u64> {
        injection.session.deadline_ms(&self.station(port))
    }

    /// Gives up a request as a client that leaves does. Returns the call to cancel, if the host
    /// has one; its answer is swallowed.
    pub fn abandon(&self, injection: &mut Injection, port: &dyn HostPort) -> Option<CallId> {
        injection.session.abandon(&self.station(port))
    }

    /// Takes the host's answer, or answers for it when its deadline has passed.
    fn host_answered(
        &self,
        injection: &mut Injection,
        station: &Station<'_>,
        id: CallId,
        context: &mut Context<'_>,
    ) -> bool {
        // Bound before the match: a borrow in its scrutinee would last through the session's work.
        let answer = self.slots.borrow_mut().poll_answer(id, context);
        if let Poll::Ready(exchange) = answer {
            injection.session.resume(station, exchange);
            return true;
        }
        let now_ms = self.local.borrow().now_ms;
        let late = injection
            .session
            .deadline_ms(station)
            .is_some_and(|due| due <= now_ms);
        if late {
            injection.session.time_out_host(station);
            station.port.notify(id, Notice::Cancel);
        }
        late
    }

    fn station<'s>(&'s self, port: &'s dyn HostPort) -> Station<'s> {
        Station {
            plan: &self.plan,
            port,
            local: &self.local,
            slots: &self.slots,
            placements: &self.placements,
            limits: &self.limits,
            calls_left: &self.calls_left,
            stopwatch: &self.stopwatch,
            log: &*self.log,
        }
    }
}

impl Injection {
    /// False if the reply ends before its time, as a connection would.
    fn take_output(&mut self, log: &dyn Log) -> bool {
        self.reply.append(&mut self.session.output);
        match self.session.tail.take() {
            None => {}
            Some(Tail::Bytes(bytes)) => self.reply.extend_from_slice(&bytes),
            Some(Tail::File(mut file)) => {
                if let Err(error) = file.read_rest(&mut self.reply) {
                    let line = format!("a file could not be read on: {error}");
                    log.log(Level::Warn, &line);
                    return false;
                }
            }
            // A session that collects has none.
            Some(Tail::Coded(_)) => return false,
        }
        true
    }
}

/// Host calls before the session asks for a next turn; in process there is always a next turn.
const CALLS_PER_TURN: u32 = 256;
