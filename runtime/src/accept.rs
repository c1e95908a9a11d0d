//! Accepting connections, and stopping to.
//!
//! An accept future is never dropped: one that completed after the drop would leave a client
//! connected to nobody. To stop, the operation is cancelled and its result awaited; a connection it
//! still brings is served. A worker accepts from its own listener, and for a while from those of
//! siblings that died: each has a loop and a gate.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, OwnedFd, RawFd},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use monoio::{
    io::{CancelHandle, Canceller},
    net::{TcpListener, TcpStream, UnixListener},
    utils::is_legacy,
};
use spikard_middleware::Level;

use crate::{
    connection::{Connection, serve},
    core::Core,
    driver::{allow_in_children, forbid_in_children},
    io::{close_on_exec, descriptor, of_unix},
    turn::spawn,
    wheel::{Record, Waiting},
};

/// The switch that stops one accept loop.
struct Gate {
    /// Whose listener it is, if not the worker's own.
    adopted: Option<usize>,
    canceller: RefCell<Option<Canceller>>,
    handle: CancelHandle,
}

impl Gate {
    fn new(adopted: Option<usize>) -> Rc<Self> {
        let canceller = Canceller::new();
        let handle = canceller.handle();
        Rc::new(Self {
            adopted,
            canceller: RefCell::new(Some(canceller)),
            handle,
        })
    }

    /// Cancels the accept that is under way. Only inside a turn.
    fn shut(&self) {
        if let Some(canceller) = self.canceller.borrow_mut().take() {
            let _ = canceller.cancel();
        }
    }

    fn is_shut(&self) -> bool {
        self.canceller.borrow().is_none()
    }
}

/// The gates of all accept loops that have not ended.
#[derive(Default)]
pub(crate) struct Gates(RefCell<Vec<Rc<Gate>>>);

impl Gates {
    /// Shuts every gate. Only inside a turn.
    pub(crate) fn shut_all(&self) {
        self.0.borrow().iter().for_each(|gate| gate.shut());
    }

    /// Shuts the gate of a sibling's listener. Only inside a turn.
    pub(crate) fn shut_adopted(&self, number: usize) {
        let gates = self.0.borrow();
        let adopted = gates.iter().filter(|gate| gate.adopted == Some(number));
        adopted.for_each(|gate| gate.shut());
    }

    /// Whether every accept loop has ended.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }
}

/// Begins to accept from the worker's own listener. Only inside the executor.
///
/// # Errors
/// The executor's, if it cannot watch the listener.
pub(crate) fn open(core: &Rc<Core>, listener: OwnedFd) -> io::Result<()> {
    begin(core, listener, None)
}

/// Begins to accept from a sibling's listener. Only inside a turn. A worker that is on its way out
/// does not: nobody else may be there, but its clients would have to be waited for, too.
pub(crate) fn adopt(core: &Rc<Core>, number: usize, listener: OwnedFd) {
    if core.is_ending() {
        return;
    }
    if let Err(error) = begin(core, listener, Some(number)) {
        let message = format!("cannot accept for worker {number}: {error}");
        core.log.log(Level::Error, &message);
    }
}

fn begin(core: &Rc<Core>, listener: OwnedFd, adopted: Option<usize>) -> io::Result<()> {
    let own = Own::new(listener.as_raw_fd());
    let listener = Listener::watch(listener)?;
    let gate = Gate::new(adopted);
    core.gates.0.borrow_mut().push(gate.clone());
    spawn(core, accept(core.clone(), listener, gate, own));
    Ok(())
}

/// A listening socket of either kind.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Has the executor watch a socket. Only inside it.
    fn watch(socket: OwnedFd) -> io::Result<Self> {
        let domain = socket2::SockRef::from(&socket.as_fd()).domain()?;
        Ok(match domain {
            socket2::Domain::UNIX => Self::Unix(UnixListener::from_std(socket.into())?),
            _ => Self::Tcp(TcpListener::from_std(socket.into())?),
        })
    }

    /// A connection that is waiting now, or nothing; takes a few milliseconds at most.
    ///
    /// The kernel wakes one of those who wait at a listener (io_uring's accept is exclusive). If
    /// that is one who is just being cancelled, the connection stays in the queue and nobody else
    /// hears of it, so whoever cancels looks once more. The socket blocks, and its flags are shared
    /// with the processes that go on accepting: only a timeout ends a look at an empty queue.
    fn waiting(&self) -> Option<(TcpStream, Option<SocketAddr>)> {
        let lent = match self {
            Self::Tcp(listener) => descriptor(listener),
            Self::Unix(listener) => descriptor(listener),
        };
        let socket = socket2::SockRef::from(&lent);
        let usual = socket.read_timeout().ok()?;
        socket.set_read_timeout(Some(LOOK)).ok()?;
        let found = socket.accept();
        // Accepted sockets inherit it.
        let _ = socket.set_read_timeout(usual);
        let (stream, client) = found.ok()?;
        let _ = stream.set_read_timeout(usual);
        // An accepted socket blocks, which only a ring may be given: epoll reads by plain calls.
        stream.set_nonblocking(is_legacy()).ok()?;
        let stream = TcpStream::from_std(OwnedFd::from(stream).into()).ok()?;
        Some((stream, client.as_socket()))
    }

    /// The next connection. A client of a unix socket has no address.
    async fn accept(&self, cancel: CancelHandle) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, client) = listener.cancelable_accept(cancel).await?;
                Ok((stream, Some(client)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.cancelable_accept(cancel).await?;
                Ok((of_unix(stream)?, None))
            }
        }
    }
}

/// A listener that is kept from forked children.
struct Own(RawFd);

impl Own {
    fn new(fd: RawFd) -> Self {
        forbid_in_children(fd);
        Self(fd)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        allow_in_children(self.0);
    }
}

/// Accepts until the gate is shut.
async fn accept(core: Rc<Core>, listener: Listener, gate: Rc<Gate>, own: Own) {
    let timer = Record::new(0);
    let mut starved = false;
    while !gate.is_shut() {
        if !core.has_room() {
            core.room(|| gate.is_shut()).await;
            continue;
        }
        match listener.accept(gate.handle.clone()).await {
            Ok((stream, client)) => {
                starved = false;
                close_on_exec(&stream);
                let connection = Connection::open(core.clone(), &stream);
                spawn(&core, serve(connection, stream, client));
            }
            Err(error) if is_starved(&error) => {
                if !std::mem::replace(&mut starved, true) {
                    let message = format!("no descriptors left to accept with: {error}");
                    core.log.log(Level::Error, &message);
                }
                sleep(&core, &gate, &timer, STARVED_PAUSE_MS).await;
            }
            // A connection that was reset in the queue, or the cancellation.
            Err(_) => {}
        }
    }
    #[cfg(test)]
    tests::meanwhile();
    for _ in 0..LEFT_OVER_MAX {
        let Some((stream, client)) = listener.waiting() else {
            break;
        };
        close_on_exec(&stream);
        let connection = Connection::open(core.clone(), &stream);
        spawn(&core, serve(connection, stream, client));
    }
    // Forgotten before it is closed: its number may be somebody else's then.
    drop(own);
    core.gates
        .0
        .borrow_mut()
        .retain(|other| !Rc::ptr_eq(other, &gate));
}

fn is_starved(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// Waits on the worker's wheel.
async fn sleep(core: &Core, gate: &Gate, timer: &Rc<Record>, after_ms: u64) {
    core.arm(timer, Waiting::Timer, core.now_ms() + after_ms);
    std::future::poll_fn(|cx| {
        if timer.expired.take() || gate.is_shut() {
            return Poll::Ready(());
        }
        *timer.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

/// Longest look for a connection that nobody was woken for.
const LOOK: Duration = Duration::from_millis(1);

/// Most connections that are taken after the last: whoever else accepts is woken by the next one.
const LEFT_OVER_MAX: usize = 8;

/// Pause of a worker that is out of descriptors, in milliseconds.
const STARVED_PAUSE_MS: u64 = 100;

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        io::{Read, Write},
        net::TcpStream,
        sync::{Arc, Mutex},
        time::Duration,
    };

    use spikard_contract::config::{Engine, ServerConfig};
    use spikard_contract::route::Placement;
    use spikard_middleware::plan::Rows;
    use spikard_middleware::{
        CallId, Exchange, Flow, HostPort, Level, Local, Log, Notice, Outcome, PlanBuilder, Rank,
        RequestStage, Segment,
    };

    use crate::{listen, worker::Worker};

    thread_local! {
        /// What a test does between the cancellation of an accept and the look that follows.
        static MEANWHILE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    }

    pub(super) fn meanwhile() {
        if let Some(act) = MEANWHILE.take() {
            act();
        }
    }

    struct Nobody;

    impl HostPort for Nobody {
        fn call(&self, _: CallId, _: &Segment, _: Placement, _: &mut Exchange) -> Outcome {
            Outcome::Failed
        }

        fn notify(&self, _: CallId, _: Notice) {}
    }

    impl Log for Nobody {
        fn log(&self, _: Level, _: &str) {}
    }

    #[derive(Debug)]
    struct Hello;

    impl RequestStage for Hello {
        fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
            x.reply.start(200, "text/plain");
            Flow::Reply
        }
    }

    /// A worker whose accept is under way, if this machine has the engine.
    fn worker(engine: Engine) -> Option<(Worker, std::net::SocketAddr)> {
        let config = ServerConfig {
            engine,
            shutdown_timeout: Duration::from_secs(5),
            ..ServerConfig::default()
        };
        let mut builder = PlanBuilder::new();
        let entry = builder.declare("entry");
        let mut rows = Rows::new();
        rows.request(Rank::Handler, Arc::new(Hello));
        builder.fill(entry, rows);
        let plan = Arc::new(builder.build(entry, entry));
        let mut bound = listen::bind("127.0.0.1", 0, 1, 16).unwrap();
        let listener = bound.listeners.remove(0);
        let worker = Worker::new(&config, plan, listener, Box::new(Nobody), Arc::new(Nobody));
        let mut worker = worker.ok()?;
        worker.turn().unwrap();
        Some((worker, bound.address))
    }

    #[test]
    fn a_connection_that_comes_as_the_accept_is_cancelled_is_served() {
        for engine in [Engine::IoUring, Engine::Epoll] {
            let Some((mut worker, address)) = worker(engine) else {
                assert_ne!(engine, Engine::Epoll, "it is everywhere");
                eprintln!("SKIPPED: io_uring is refused here");
                continue;
            };
            let client = Arc::new(Mutex::new(None));
            let connected = client.clone();
            MEANWHILE.set(Some(Box::new(move || {
                let mut client = TcpStream::connect(address).unwrap();
                client
                    .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                    .unwrap();
                *connected.lock().unwrap() = Some(client);
            })));
            worker.handle().leave();
            worker.run().unwrap();
            let mut client = client
                .lock()
                .unwrap()
                .take()
                .expect("the accept was cancelled");
            client
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let mut reply = String::new();
            client.read_to_string(&mut reply).expect("no reset");
            assert!(reply.starts_with("HTTP/1.1 200 "), "{reply}");
            assert!(reply.contains("connection: close"), "{reply}");
        }
    }
}
