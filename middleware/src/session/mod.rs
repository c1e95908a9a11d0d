//! One connection's requests as a state machine without I/O.
//!
//! Bytes go in with [`Session::feed`], replies come out in [`Session::output`], and
//! [`Session::advance`] says what it needs to go on. A socket worker and an in-process client drive
//! the same machine, so they cannot disagree. It knows no sockets and no clock.

mod answer;
mod intake;
mod recode;

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
};

use spikard_contract::config::ServerConfig;
use spikard_contract::problem::{
    BAD_REQUEST, CONTENT_LENGTH_MISMATCH, HANDLER_TIMEOUT, REQUEST_TIMEOUT,
};
use spikard_proto_http::{BodyDecoder, BodyLength, ChunkLimits, HeadLimits, Version};

use crate::{
    body::Collector,
    coded_body::CodedBody,
    errand::Sent,
    exchange::Exchange,
    file_body::FileBody,
    host::{CallId, HostPort},
    local::Local,
    log::{Level, Log, Record, Subject},
    placement::Placements,
    plan::{Plan, SegmentId},
    problem::Problem,
    sink::Work,
    slots::Slots,
    stage::Ending,
    stopwatch::Stopwatch,
};

/// Bounds of what a session buffers and parses.
#[derive(Debug, Clone, Default)]
pub struct SessionLimits {
    /// Bounds of a request head.
    pub head: HeadLimits,
    /// Bounds of chunked framing.
    pub chunk: ChunkLimits,
}

impl SessionLimits {
    /// The bounds that a configuration sets, the same for sockets and in process.
    pub fn of(config: &ServerConfig) -> Self {
        let head = HeadLimits {
            request_line_bytes_max: config.max_request_line as usize,
            head_bytes_max: config.max_header_size as usize,
            fields_max: config.max_headers as usize,
        };
        Self {
            head,
            chunk: ChunkLimits::default(),
        }
    }
}

/// What a session works with: the plan and its worker's state. Nothing stays borrowed while host
/// code runs, because host code may call back into the worker.
pub struct Station<'a> {
    /// What to run.
    pub plan: &'a Plan,
    /// Who answers.
    pub port: &'a dyn HostPort,
    /// Time and randomness.
    pub local: &'a RefCell<Local>,
    /// Suspended exchanges.
    pub slots: &'a RefCell<Slots>,
    /// Where blocking functions run.
    pub placements: &'a RefCell<Placements>,
    /// Parser bounds.
    pub limits: &'a SessionLimits,
    /// Host calls left in this turn.
    pub calls_left: &'a Cell<u32>,
    /// Times promoted calls.
    pub stopwatch: &'a Stopwatch,
    /// Where failures are said.
    pub log: &'a dyn Log,
}

impl Station<'_> {
    /// Logs what happened to a request.
    pub(crate) fn say(&self, x: &Exchange, level: Level, message: &str) {
        let request_id = String::from_utf8_lossy(x.request_id.as_bytes());
        let method = String::from_utf8_lossy(x.head.method_bytes());
        let path = String::from_utf8_lossy(x.head.path());
        let segment = x.calling.map(|segment| self.plan.segment(segment));
        let route = segment.map_or("", |segment| &segment.route);
        let known = |text| Some(text).filter(|text: &&str| !text.is_empty());
        self.log.record(&Record {
            level,
            message,
            subject: Subject {
                request_id: known(&request_id),
                method: known(&method),
                path: known(&path),
                route: known(route),
            },
            trace: None,
        });
    }
}

/// What a session needs next. Whatever it is, `output` (then `tail`) is to be written first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The first byte of a next request. Nothing is buffered: the session can be given back.
    Idle,
    /// More bytes of a request head.
    Head,
    /// More bytes of a request body.
    Body,
    /// That [`Session::take_work`] is done, on a thread that may wait.
    Work,
    /// The host's answer to this call; then [`Session::resume`].
    Host(CallId),
    /// Only that the output is written.
    Flush,
    /// A later turn: this one has made its share of host calls.
    Turn,
    /// The end of the connection. With `linger`, unread input is to be drained for a moment
    /// first, or the client may lose the reply to a reset (RFC 9112 §9.6).
    Close {
        /// Whether the client may still be sending.
        linger: bool,
    },
}

#[derive(Debug)]
enum State {
    /// Between requests, or inside a head.
    Head,
    /// A plan is running.
    Running,
    /// The plan waits for the body.
    Body(Collector),
    /// The plan waits for an errand.
    Errand(Option<Sent>),
    /// The plan waits for a turn with budget to make this call.
    Calling(SegmentId),
    /// The exchange is in the slots.
    AtHost(CallId),
    /// The reply is complete but for its body, which is being compressed.
    Recoding(recode::Recode),
    /// The reply is written; the rest of the request body is read and forgotten.
    Draining { drained: u64 },
    /// Nothing more will be read.
    Ended { linger: bool },
}

/// A large body, moved rather than copied.
#[derive(Debug)]
pub enum Tail {
    /// Bytes in memory.
    Bytes(Vec<u8>),
    /// Stretches of a file, to be read one after the other.
    File(Box<FileBody>),
    /// A file that is compressed as it is sent, framed already.
    Coded(Box<CodedBody>),
}

/// What a reply must know of its request once the exchange is elsewhere.
#[derive(Debug, Clone, Copy)]
struct Turnaround {
    version: Version,
    keep_alive: bool,
    is_head: bool,
}

/// One connection's requests. See the module's documentation.
#[derive(Debug)]
pub struct Session {
    exchange: Option<Box<Exchange>>,
    input: Vec<u8>,
    start: usize,
    /// Bytes to write.
    pub output: Vec<u8>,
    /// A large body to write after `output`.
    pub tail: Option<Tail>,
    state: State,
    decoder: BodyDecoder,
    continue_owed: bool,
    turnaround: Turnaround,
    client: Option<SocketAddr>,
    work: Option<Work>,
    /// Whether replies are wanted whole, by somebody who waits for them.
    collects: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Session {
    /// A session between requests.
    pub fn new() -> Self {
        Self {
            exchange: Some(Box::new(Exchange::new())),
            input: Vec::new(),
            start: 0,
            output: Vec::new(),
            tail: None,
            state: State::Head,
            decoder: BodyDecoder::new(BodyLength::None, ChunkLimits::default()),
            continue_owed: false,
            turnaround: Turnaround {
                version: Version::Http11,
                keep_alive: true,
                is_head: false,
            },
            client: None,
            work: None,
            collects: false,
        }
    }

    /// A session whose replies are wanted whole: none is framed as a stream. Making one may block.
    pub fn collecting() -> Self {
        Self {
            collects: true,
            ..Self::new()
        }
    }

    /// Makes a pooled session ready for a connection.
    pub fn open(&mut self, client: Option<SocketAddr>) {
        self.input.clear();
        self.input.shrink_to(BUFFER_BYTES_KEPT);
        self.start = 0;
        self.output.clear();
        self.output.shrink_to(BUFFER_BYTES_KEPT);
        self.tail = None;
        self.state = State::Head;
        self.client = client;
        // A head that was cut off by the last connection's end must not be resumed by the next.
        self.exchange.get_or_insert_default().head.clear();
    }

    /// Gives up a connection, wherever its request is: what waits for the next one holds nothing of
    /// it but a little memory.
    pub fn close(&mut self) {
        self.work = None;
        self.tail = None;
        self.state = State::Ended { linger: false };
        if let Some(x) = &mut self.exchange {
            x.release();
        }
    }

    /// Takes bytes from the client.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.compact();
        self.input.extend_from_slice(bytes);
    }

    /// Lends the input buffer to be read into, with room for about `room` bytes in all, and for a
    /// quarter of that behind what it holds. Bytes must be appended, and the buffer returned with
    /// [`Session::return_input`].
    pub fn lend_input(&mut self, room: usize) -> Vec<u8> {
        self.compact();
        // Not `room` more: a pooled session would outgrow what it may keep with every request.
        self.input
            .reserve(room.saturating_sub(self.input.len()).max(room / 4));
        std::mem::take(&mut self.input)
    }

    /// Takes back what [`Session::lend_input`] lent.
    pub fn return_input(&mut self, input: Vec<u8>) {
        debug_assert!(self.input.is_empty());
        self.input = input;
    }

    /// Whether a request has begun and its reply is still owed.
    pub fn is_mid_request(&self) -> bool {
        !matches!(self.state, State::Head | State::Ended { .. }) || self.start < self.input.len()
    }

    /// The deadline of the call that is at the host, on the driver's clock.
    pub fn deadline_ms(&self, station: &Station<'_>) -> Option<u64> {
        let State::AtHost(id) = self.state else {
            return None;
        };
        station.slots.borrow().exchange(id)?.deadline_ms
    }

    /// Goes on as far as it can without waiting.
    pub fn advance(&mut self, station: &Station<'_>) -> Need {
        loop {
            if self.output.len() >= OUTPUT_BYTES_MAX || self.tail.is_some() {
                return Need::Flush;
            }
            let need = match &mut self.state {
                State::Head => self.read_head(station),
                State::Running => self.run_plan(station),
                State::Body(_) => self.read_body(station),
                State::Errand(sent) => {
                    let sent = sent.take();
                    self.fetch(station, sent)
                }
                State::Calling(segment) => {
                    let segment = *segment;
                    self.call(station, segment)
                }
                State::AtHost(id) => Some(Need::Host(*id)),
                State::Recoding(_) => self.recoded(station),
                State::Draining { .. } => self.drain_body(),
                State::Ended { linger } => Some(Need::Close { linger: *linger }),
            };
            if let Some(need) = need {
                return need;
            }
        }
    }

    /// What [`Need::Work`] asks for. Done or not, go on with [`Session::advance`] afterwards.
    pub fn take_work(&mut self) -> Option<Work> {
        self.work.take()
    }

    /// Continues with the host's answer.
    pub fn resume(&mut self, station: &Station<'_>, exchange: Box<Exchange>) {
        debug_assert!(matches!(self.state, State::AtHost(_)));
        let goes_on = exchange.goes_on;
        self.exchange = Some(exchange);
        if goes_on {
            self.go_on(station);
        } else {
            self.accept_answer(station);
        }
    }

    /// Answers 504 in the host's place. The call stays in the slots as an orphan.
    pub fn time_out_host(&mut self, station: &Station<'_>) {
        let State::AtHost(id) = self.state else {
            return;
        };
        let mut slots = station.slots.borrow_mut();
        let Some(x) = slots.exchange(id) else { return };
        let mut stand_in = x.stand_in();
        stand_in.fail(&Problem::of(&HANDLER_TIMEOUT));
        if let Some(segment) = stand_in.calling {
            let segment = station.plan.segment(segment);
            let id = String::from_utf8_lossy(stand_in.request_id.as_bytes());
            let message = format!(
                "{} ({}) did not answer in time: 504 [{id}]",
                segment.name, segment.route
            );
            station.say(&stand_in, Level::Warn, &message);
        }
        slots.orphan(id);
        self.exchange = Some(Box::new(stand_in));
        self.state = State::Running;
    }

    /// Answers 408: the rest of a head or body did not arrive in time (RFC 9110 §15.5.9).
    pub fn time_out_client(&mut self, station: &Station<'_>) {
        let problem = Problem::of(&REQUEST_TIMEOUT);
        match self.state {
            State::Head => self.refuse(station, &problem),
            // The reply is out already.
            State::Draining { .. } => self.state = State::Ended { linger: false },
            _ => self.fail_and_close(&problem),
        }
    }

    /// Answers 400: the client has sent all that it will, and a head or body is not whole. It may
    /// still read (RFC 9112 §8). False when there is nothing to answer.
    pub fn end_of_input(&mut self, station: &Station<'_>) -> bool {
        match self.state {
            State::Head if self.start < self.input.len() => {
                let problem = Problem::of(&BAD_REQUEST);
                self.refuse(
                    station,
                    &problem.with_detail("The request ended within its head"),
                );
            }
            State::Body(_) => {
                let problem = match self.decoder.remaining_declared() {
                    Some(missing) => Problem::of(&CONTENT_LENGTH_MISMATCH).with_detail(format!(
                        "The body ended {missing} bytes before its Content-Length"
                    )),
                    None => Problem::of(&BAD_REQUEST)
                        .with_detail("The body ended before its last chunk"),
                };
                self.fail_and_close(&problem);
            }
            _ => return false,
        }
        true
    }

    /// Gives up the call at the host, because the client is gone.
    pub fn abandon(&mut self, station: &Station<'_>) -> Option<CallId> {
        let State::AtHost(id) = self.state else {
            return None;
        };
        self.state = State::Ended { linger: false };
        if let Some(x) = station.slots.borrow_mut().exchange(id) {
            answer::end(station, x, Ending::Left);
        }
        if let Some(x) = station.slots.borrow_mut().orphan(id) {
            self.exchange = Some(x);
            return None;
        }
        Some(id)
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.input.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Most buffer memory one pooled session keeps, in bytes.
pub const BUFFER_BYTES_KEPT: usize = 16 * 1024;

/// Output is written out at this size at the latest, in bytes: a client that pipelines without
/// reading cannot make us buffer more.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// Bodies up to this size are copied behind their head so that one write carries both, in bytes.
pub const GATHER_BYTES_MAX: usize = 32 * 1024;

/// Unread body up to this size is read and forgotten to keep the connection, in bytes. Above it,
/// a new connection is cheaper than the bytes.
pub const DRAIN_BYTES_MAX: u64 = 64 * 1024;
