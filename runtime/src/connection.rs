//! One connection, from its first byte to its last: the request's path, readable top to bottom.
//!
//! While it is idle it holds its future, one read block and its record, and nothing else; a session
//! with buffers is rented at the first byte of a request and given back with the reply made.
//! It knows no HTTP: `Session` says what is needed, this file waits for it.

use std::{net::Shutdown, net::SocketAddr, rc::Rc, task::Poll};

use monoio::net::TcpStream;
use spikard_contract::config::BODY_PROGRESS_BYTES_MIN;
use spikard_middleware::{CallId, Exchange, Need, Notice, Session, Tail, Work};

use crate::{
    blocks::BLOCK_BYTES,
    core::Core,
    download,
    io::{Stream, shut},
    wheel::{Record, Waiting},
};

/// Serves one accepted socket until either side ends it.
pub(crate) async fn serve(connection: Connection, stream: TcpStream, client: Option<SocketAddr>) {
    let core = &connection.core;
    let mut stream = Stream::new(stream);
    let mut overflowed = false;
    let mut waiting = Waiting::First;
    loop {
        connection.wait(waiting);
        waiting = Waiting::Idle;
        // An armed read has a block, and a wide one must come back.
        let block = if overflowed && !stream.is_armed() {
            core.blocks.borrow_mut().lend_wide()
        } else {
            core.blocks.borrow_mut().lend()
        };
        let (result, block) = stream.read(block).await;
        let length = result.unwrap_or(0);
        if length == 0 {
            core.blocks.borrow_mut().take_back(block);
            return;
        }
        let mut session = core.rent_session(client);
        session.feed(&block[..length]);
        let is_full = length == block.len();
        core.blocks.borrow_mut().take_back(block);
        overflowed = length >= BLOCK_BYTES;
        if is_full {
            // There is more, and it is most likely here: asking for it costs a third of a read on
            // the ring, which would be another round of the worker.
            let mut input = session.lend_input(READ_BYTES);
            stream.read_ready(&mut input);
            session.return_input(input);
        }
        let need = session.advance(&core.station());
        // The common case: all that arrived is answered, and one write carries every reply. The
        // session goes back before the write is awaited, so one serves a whole round.
        let kept = if need == Need::Idle {
            let output = std::mem::replace(&mut session.output, core.rent_output());
            core.return_session(session);
            let (taken, output) = write(&connection, &mut stream, output).await;
            core.return_output(output);
            taken
        } else {
            let kept = Box::pin(converse(&connection, &mut stream, &mut session, need)).await;
            core.return_session(session);
            kept
        };
        if !kept {
            return;
        }
        core.end_if_stopping(&connection.record);
    }
}

/// A connection's entry in its worker, for as long as it lives.
pub(crate) struct Connection {
    pub(crate) core: Rc<Core>,
    record: Rc<Record>,
    index: usize,
}

impl Connection {
    /// Enters an accepted socket, before anything else is accepted: the limit counts it.
    pub(crate) fn open(core: Rc<Core>, stream: &TcpStream) -> Self {
        let (record, index) = core.enter(stream);
        Self {
            core,
            record,
            index,
        }
    }

    /// Says what the connection waits for, and starts that wait's deadline.
    pub(crate) fn wait(&self, waiting: Waiting) {
        let settings = &self.core.settings;
        let after_ms = match waiting {
            Waiting::First => self.core.first_ms(),
            Waiting::Idle => settings.idle_ms,
            Waiting::Write => settings.write_ms,
            Waiting::Linger => LINGER_MS,
            // These carry deadlines of their own: see `wait_until`.
            Waiting::Request | Waiting::Host | Waiting::Timer => return,
        };
        self.wait_until(waiting, Some(self.core.now_ms() + after_ms));
    }

    /// Has work done elsewhere, without a clock. False if the worker is ended by force meanwhile.
    /// Without a thread it is not done, and whoever waits for its result answers for that.
    pub(crate) async fn has_done(&self, work: Work) -> bool {
        let Self { core, record, .. } = self;
        self.wait_until(Waiting::Host, None);
        let Ok(id) = core.crew.begin(work, record, core.mailbox()) else {
            return true;
        };
        let is_done = std::future::poll_fn(|cx| {
            if core.crew.is_done(id) {
                return Poll::Ready(true);
            }
            if core.is_forced() {
                return Poll::Ready(false);
            }
            *record.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        core.crew.strike(id);
        is_done
    }

    fn wait_until(&self, waiting: Waiting, deadline_ms: Option<u64>) {
        match deadline_ms {
            Some(deadline_ms) => self.core.arm(&self.record, waiting, deadline_ms),
            None => {
                self.record.waiting.set(waiting);
                self.record.disarm();
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.core.strike(self.index);
    }
}

/// Writes bytes, and gives their memory back; the client has `write_timeout` to take some. False if
/// it is gone.
pub(crate) async fn write(
    connection: &Connection,
    stream: &mut Stream,
    bytes: Vec<u8>,
) -> (bool, Vec<u8>) {
    connection.wait(Waiting::Write);
    let progressed = || connection.wait(Waiting::Write);
    let (result, bytes) = stream.write_all(bytes, progressed).await;
    (result.is_ok(), bytes)
}

/// Writes what the session has ready. False if the client is gone.
async fn flush(connection: &Connection, stream: &mut Stream, session: &mut Session) -> bool {
    if session.output.is_empty() {
        return true;
    }
    let output = std::mem::take(&mut session.output);
    let (taken, mut output) = write(connection, stream, output).await;
    output.clear();
    session.output = output;
    taken
}

/// Writes a large body. False if the connection is over.
async fn write_tail(connection: &Connection, stream: &mut Stream, tail: Tail) -> bool {
    match tail {
        Tail::Bytes(bytes) => write(connection, stream, bytes).await.0,
        Tail::File(body) => download::send(connection, stream, body).await,
        Tail::Coded(body) => download::send_coded(connection, stream, body).await,
    }
}

/// The uncommon needs, in whatever order they come. False if the connection is over.
async fn converse(
    connection: &Connection,
    stream: &mut Stream,
    session: &mut Session,
    mut need: Need,
) -> bool {
    let core = &connection.core;
    let mut patience = Patience::default();
    loop {
        if !flush(connection, stream, session).await {
            give_up(core, session);
            return false;
        }
        if let Some(tail) = session.tail.take()
            && !write_tail(connection, stream, tail).await
        {
            return false;
        }
        let goes_on = match need {
            Need::Idle => return true,
            Need::Flush => true,
            Need::Turn => {
                core.next_turn().await;
                true
            }
            Need::Head | Need::Body => fill(connection, stream, session, need, &mut patience).await,
            Need::Work => {
                // The client's clock stood still meanwhile.
                patience = Patience::default();
                await_work(connection, session).await
            }
            Need::Host(id) => {
                patience = Patience::default();
                await_host(connection, stream, session, id).await
            }
            Need::Close { linger } => {
                if linger {
                    linger_close(connection, stream).await;
                }
                false
            }
        };
        if !goes_on {
            return false;
        }
        need = session.advance(&core.station());
    }
}

/// How long the client's next bytes may take, and what it has sent since that clock was started.
#[derive(Default)]
struct Patience {
    need: Option<Need>,
    deadline_ms: Option<u64>,
    bytes: usize,
}

impl Patience {
    /// The deadline of the next read. A head has one deadline from its first byte; a body's clock
    /// starts anew with each [`BODY_PROGRESS_BYTES_MIN`] bytes.
    fn deadline_ms(&mut self, core: &Core, need: Need) -> Option<u64> {
        let progressed = need == Need::Body && self.bytes >= BODY_PROGRESS_BYTES_MIN;
        if self.need != Some(need) || progressed {
            let after_ms = match need {
                Need::Body => core.settings.body_ms,
                _ => Some(core.settings.header_ms),
            };
            self.need = Some(need);
            self.bytes = 0;
            self.deadline_ms = after_ms.map(|after_ms| core.now_ms() + after_ms);
        }
        self.deadline_ms
    }
}

/// Reads more of a head or body. At the deadline the session answers 408 instead, and where the
/// client's half ends too soon 400.
async fn fill(
    connection: &Connection,
    stream: &mut Stream,
    session: &mut Session,
    need: Need,
    patience: &mut Patience,
) -> bool {
    // Bytes that came at the very deadline were not enough, and the next wait would forget it.
    if connection.record.expired.take() {
        session.time_out_client(&connection.core.station());
        return true;
    }
    let deadline_ms = patience.deadline_ms(&connection.core, need);
    connection.wait_until(Waiting::Request, deadline_ms);
    let (result, input) = stream.read_more(session.lend_input(READ_BYTES)).await;
    session.return_input(input);
    match result {
        Ok(0) if connection.record.expired.take() => {
            session.time_out_client(&connection.core.station());
            true
        }
        // A forced end is ours, and nobody is to be told.
        Ok(0) => {
            let core = &connection.core;
            !core.is_forced() && session.end_of_input(&core.station())
        }
        Err(_) => false,
        Ok(length) => {
            patience.bytes += length;
            true
        }
    }
}

/// Has the session's work done elsewhere. False if the worker is ended by force meanwhile.
async fn await_work(connection: &Connection, session: &mut Session) -> bool {
    let Some(work) = session.take_work() else {
        return true;
    };
    connection.has_done(work).await
}

/// What ended a wait for the host.
enum HostWait {
    Answer(Box<Exchange>),
    Late,
    HalfClosed,
    Gone,
}

/// Waits for the host's answer, with one read armed to notice a client that leaves.
async fn await_host(
    connection: &Connection,
    stream: &mut Stream,
    session: &mut Session,
    id: CallId,
) -> bool {
    let core = &connection.core;
    connection.wait_until(Waiting::Host, session.deadline_ms(&core.station()));
    stream.arm(|| core.blocks.borrow_mut().lend());
    let mut half_closed = false;
    loop {
        match host_wait(connection, stream, id, half_closed).await {
            HostWait::Answer(x) => {
                session.resume(&core.station(), x);
                return true;
            }
            HostWait::Late => {
                session.time_out_host(&core.station());
                core.port.notify(id, Notice::Cancel);
                return true;
            }
            // `nc -N` closes its half and waits for the reply: the host is told, and goes on.
            HostWait::HalfClosed => {
                half_closed = true;
                core.port.notify(id, Notice::Disconnect);
            }
            HostWait::Gone => {
                give_up(core, session);
                return false;
            }
        }
    }
}

async fn host_wait(
    connection: &Connection,
    stream: &mut Stream,
    id: CallId,
    half_closed: bool,
) -> HostWait {
    let core = &connection.core;
    std::future::poll_fn(|cx| {
        if let Poll::Ready(x) = core.slots.borrow_mut().poll_answer(id, cx) {
            return Poll::Ready(HostWait::Answer(x));
        }
        if connection.record.expired.take() {
            return Poll::Ready(HostWait::Late);
        }
        if core.is_forced() {
            return Poll::Ready(HostWait::Gone);
        }
        match stream.poll_landed(cx) {
            Poll::Ready(Err(())) => return Poll::Ready(HostWait::Gone),
            Poll::Ready(Ok(0)) if !half_closed => return Poll::Ready(HostWait::HalfClosed),
            _ => {}
        }
        *connection.record.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// The client is gone: whoever works for it is told to stop, and its late answer is swallowed.
fn give_up(core: &Core, session: &mut Session) {
    if let Some(id) = session.abandon(&core.station()) {
        core.port.notify(id, Notice::Cancel);
    }
}

/// Ends our half and reads on for a moment, so that the client gets the reply before a reset could
/// discard it (RFC 9112 §9.6).
async fn linger_close(connection: &Connection, stream: &mut Stream) {
    let core = &connection.core;
    shut(connection.record.fd.get(), Shutdown::Write);
    connection.wait(Waiting::Linger);
    let mut drained = 0;
    while drained < LINGER_BYTES_MAX {
        let block = core.blocks.borrow_mut().lend();
        let (result, block) = stream.read(block).await;
        core.blocks.borrow_mut().take_back(block);
        match result {
            Ok(length) if length > 0 => drained += length,
            _ => return,
        }
    }
}

/// Room for one read of an active connection, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// Longest a closing connection is read on, in milliseconds.
const LINGER_MS: u64 = 2000;

/// Most bytes a closing connection is read on.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// Size of the future that `function` returns.
    fn size_of_future<F>(_: impl FnOnce(Connection, TcpStream, Option<SocketAddr>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let bytes = size_of_future(serve);
        assert!(bytes <= 640, "the future of a connection has {bytes} bytes");
    }
}
