//! A server for the tests: a plan of one segment whose host behaves as the path says.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use spikard_contract::{
    config::{Engine, ServerConfig},
    route::Placement,
    status::Purpose,
};
use spikard_middleware::{
    CallId, Claim, Exchange, HostPort, Level, Log, Notice, Outcome, PlanBuilder, Rank, Reply,
    Segment,
    flow::Sink,
    plan::Rows,
    stages::{await_body::AwaitBody, await_host::AwaitHost, deadline::Deadline},
};
use spikard_runtime::{Stats, TurnEnd, Worker, WorkerHandle, listen};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(10);

/// The engines of this machine. Without io_uring the tests run on epoll alone, and say so.
pub(crate) fn engines() -> Vec<Engine> {
    static URING: OnceLock<bool> = OnceLock::new();
    let works = URING.get_or_init(|| {
        let works = Server::try_start(Engine::IoUring, "{}").is_some();
        let required = std::env::var("SPIKARD_REQUIRE").is_ok_and(|value| value == "all");
        assert!(works || !required, "io_uring is required and refused here");
        if !works {
            eprintln!("SKIPPED: io_uring is refused here; only epoll is tested");
        }
        works
    });
    if *works {
        vec![Engine::IoUring, Engine::Epoll]
    } else {
        vec![Engine::Epoll]
    }
}

/// What the host was told.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) disconnects: AtomicU32,
    pub(crate) cancels: AtomicU32,
}

struct Host {
    seen: Arc<Seen>,
    handle: Arc<OnceLock<WorkerHandle>>,
}

impl HostPort for Host {
    fn call(&self, id: CallId, _: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        let path = String::from_utf8_lossy(x.head.path()).into_owned();
        match path.as_str() {
            "/panic" => panic!("as asked"),
            "/thread" => {
                let wait_ms = x.head.query().map_or(0, |query| {
                    String::from_utf8_lossy(query)
                        .parse()
                        .expect("milliseconds")
                });
                let handle = self
                    .handle
                    .get()
                    .expect("set before the first turn")
                    .clone();
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(wait_ms));
                    let mut reply = Reply::new();
                    reply.start(200, "text/plain");
                    reply.body.extend_from_slice(b"/thread");
                    assert_eq!(handle.ledger().claim(id), Claim::First);
                    handle.answer(id, reply, None);
                });
                return Outcome::Later;
            }
            "/body" => {
                x.reply.start(200, "text/plain");
                let body = x.body.clone();
                x.reply.body.extend_from_slice(&body);
            }
            "/large" => {
                x.reply.start(200, "text/plain");
                x.reply.body.resize(8 << 20, b'x');
            }
            path => {
                x.reply.start(200, "text/plain");
                x.reply.body.extend_from_slice(path.as_bytes());
            }
        }
        Outcome::Done
    }

    fn notify(&self, _: CallId, notice: Notice) {
        let count = match notice {
            Notice::Disconnect => &self.seen.disconnects,
            Notice::Cancel => &self.seen.cancels,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }
}

struct Quiet;

impl Log for Quiet {
    fn log(&self, _: Level, _: &str) {}
}

/// A worker on a thread of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    handle: WorkerHandle,
    stats: Arc<Mutex<Stats>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    pub(crate) fn start(engine: Engine, config: &str) -> Self {
        Self::try_start(engine, config).expect("the engine works here")
    }

    fn try_start(engine: Engine, config: &str) -> Option<Self> {
        let mut config = ServerConfig::from_json(config).expect("a valid configuration");
        config.engine = engine;
        let bound = listen::bind("127.0.0.1", 0, 1, 128).expect("a free port");
        let (address, seen) = (bound.address, Arc::new(Seen::default()));
        let stats = Arc::new(Mutex::new(Stats::default()));
        let (told, started) = mpsc::channel();
        let (host_seen, shared_stats) = (seen.clone(), stats.clone());
        let thread = thread::spawn(move || {
            let handle = Arc::new(OnceLock::new());
            let host = Host {
                seen: host_seen,
                handle: handle.clone(),
            };
            let listener = bound.listeners.into_iter().next().expect("one listener");
            let plan = Arc::new(plan(&config));
            let worker = Worker::new(&config, plan, listener, Box::new(host), Arc::new(Quiet));
            let Ok(mut worker) = worker else { return };
            handle.set(worker.handle()).expect("set once");
            told.send(worker.handle()).expect("the test waits");
            drive(&mut worker, &shared_stats);
        });
        let handle = started.recv().ok()?;
        Some(Self {
            address,
            seen,
            handle,
            stats,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("the server listens");
        client
            .set_read_timeout(Some(PATIENCE))
            .expect("a socket option");
        client
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut client = self.connect();
        write!(client, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").expect("the server reads");
        read_reply(&mut client)
    }

    /// Waits until the worker's books say so.
    pub(crate) fn until(&self, holds: impl Fn(&Stats) -> bool) {
        let began = Instant::now();
        while !holds(&self.stats.lock().expect("no panic while held")) {
            let stats = *self.stats.lock().expect("no panic while held");
            assert!(
                began.elapsed() < PATIENCE,
                "the worker still holds {stats:?}"
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn stop(&self) {
        assert!(self.handle.stop());
    }

    pub(crate) fn stop_now(&self) {
        assert!(self.handle.stop_now());
    }

    pub(crate) fn force(&self) {
        assert!(self.handle.force());
    }

    pub(crate) fn leave(&self) {
        assert!(self.handle.leave());
    }

    /// Has the worker accept from a unix socket as well.
    pub(crate) fn adopt_unix(&self, number: usize, path: &std::path::Path) {
        let listener = std::os::unix::net::UnixListener::bind(path).expect("a free path");
        listener.set_nonblocking(true).expect("a socket option");
        assert!(self.handle.adopt(number, listener));
    }

    /// Has the worker accept from another listener as well; returns that one's address.
    pub(crate) fn adopt(&self, number: usize) -> SocketAddr {
        let bound = listen::bind("127.0.0.1", 0, 1, 128).expect("a free port");
        let listener = bound.listeners.into_iter().next().expect("one listener");
        assert!(self.handle.adopt(number, listener));
        bound.address
    }

    pub(crate) fn release(&self, number: usize) {
        assert!(self.handle.release(number));
    }

    pub(crate) fn join(&self) {
        let thread = self.thread.lock().expect("no panic while held").take();
        thread
            .expect("joined once")
            .join()
            .expect("the worker ended well");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.force();
    }
}

/// Turns as a guest would, with the descriptor watched by `poll(2)` through a short sleep: what a
/// turn leaves undone is seen as a stall.
fn drive(worker: &mut Worker, stats: &Mutex<Stats>) {
    loop {
        let ended = worker.turn().expect("a turn");
        *stats.lock().expect("no panic while held") = worker.stats();
        match ended {
            TurnEnd::Drained => return,
            TurnEnd::More => {}
            TurnEnd::Idle => worker.wait(),
        }
    }
}

fn plan(config: &ServerConfig) -> spikard_middleware::Plan {
    let mut builder = PlanBuilder::new();
    let (entry, refused) = (builder.declare("entry"), builder.declare("refused"));
    let segment = builder.segment(Segment {
        function: 0,
        purpose: Purpose::Handler,
        route: "/".into(),
        name: "host".into(),
        placement: Placement::Inline,
    });
    let mut rows = Rows::new();
    rows.request(Rank::Body, Arc::new(AwaitBody(Sink::Collect)));
    rows.request(Rank::Validate, Arc::new(crate::files::RunErrands));
    if let Some(timeout) = config.request_timeout {
        let after_ms = timeout.as_millis() as u64;
        rows.request(Rank::Deadline, Arc::new(Deadline { after_ms }));
    }
    rows.request(Rank::Handler, Arc::new(AwaitHost(segment)));
    builder.fill(entry, rows);
    builder.build(entry, refused)
}

/// Reads one reply with a `Content-Length`: status and body.
pub(crate) fn read_reply(client: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(
            client.read(&mut byte).expect("a reply"),
            1,
            "the reply ends early"
        );
        head.push(byte[0]);
    }
    let length = BufReader::new(&head[..])
        .lines()
        .filter_map(|line| line.ok()?.strip_prefix("content-length: ")?.parse().ok())
        .next()
        .unwrap_or(0);
    let mut body = vec![0; length];
    client.read_exact(&mut body).expect("the whole body");
    (status_of(&head), String::from_utf8(body).expect("text"))
}

pub(crate) fn status_of(reply: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(&reply[..reply.len().min(12)]).into_owned();
    line.split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// Closes with a reset instead of an end.
pub(crate) fn reset(client: TcpStream) {
    let socket = socket2::Socket::from(client);
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("a socket option");
}

pub(crate) fn open_sockets() -> usize {
    let entries = std::fs::read_dir("/proc/self/fd").expect("procfs");
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Makes a worker, turns it once so that its accept is under way, and drops it.
pub(crate) fn make_and_drop_worker(engine: Engine) {
    let config = ServerConfig {
        engine,
        ..ServerConfig::default()
    };
    let mut bound = listen::bind("127.0.0.1", 0, 1, 16).expect("a free port");
    let host = Host {
        seen: Arc::default(),
        handle: Arc::default(),
    };
    let (plan, listener) = (Arc::new(plan(&config)), bound.listeners.remove(0));
    let worker = Worker::new(&config, plan, listener, Box::new(host), Arc::new(Quiet));
    worker.expect("a worker").turn().expect("a turn");
}

pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}
