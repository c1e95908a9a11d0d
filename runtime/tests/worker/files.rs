//! Replies that lie in files, and what is done beside the worker's thread, over real sockets.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use spikard_contract::config::Engine;
use spikard_middleware::{Errand, Exchange, FileBody, Flow, Local, RequestStage, flow::Wait};

use crate::harness::{self, Server, engines};

/// Answers what its path asks for with an errand, and lets everything else pass.
pub(crate) struct RunErrands;

impl RequestStage for RunErrands {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let query = String::from_utf8_lossy(x.head.query().unwrap_or_default()).into_owned();
        let kind = match x.head.path() {
            b"/file" => Kind::File(query.into()),
            b"/slow" => Kind::Slow,
            b"/fails" => Kind::Fails,
            b"/nothing" => return Flow::Await(Wait::Errand),
            _ => return Flow::Next,
        };
        x.errand = Some(Box::new(Run { kind, opened: None }));
        Flow::Await(Wait::Errand)
    }
}

#[derive(Debug)]
struct Run {
    kind: Kind,
    opened: Option<File>,
}

#[derive(Debug)]
enum Kind {
    File(PathBuf),
    Slow,
    Fails,
}

impl Errand for Run {
    fn run(&mut self) {
        match &self.kind {
            Kind::File(path) => self.opened = Some(File::open(path).expect("a file")),
            Kind::Slow => thread::sleep(Duration::from_secs(2)),
            Kind::Fails => panic!("as asked"),
        }
    }

    fn deliver(self: Box<Self>, x: &mut Exchange, _: &mut Local) -> Flow {
        x.reply.start(200, "text/plain");
        if let Some(file) = self.opened {
            let length = file.metadata().expect("its facts").len();
            x.reply.file = Some(Box::new(FileBody::new(Arc::new(file)).stretch(0..length)));
        }
        Flow::Reply
    }
}

/// A file that ends with its test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("spikard-{}-{name}", std::process::id()));
        fs::write(&path, content).expect("a scratch file");
        Self(path)
    }

    fn request(&self) -> Vec<u8> {
        request(&format!("/file?{}", self.0.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn request(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes()
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + (at % 23) as u8).collect()
}

/// Whether this process has the file open.
fn is_open(path: &Path) -> bool {
    let entries = fs::read_dir("/proc/self/fd").expect("procfs");
    let mut links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.any(|link| link.starts_with(path))
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn start(engine: Engine) -> Server {
    Server::start(engine, "{}")
}

#[test]
fn a_file_is_sent_whole_and_the_connection_goes_on() {
    let content = content(3 * 1024 * 1024 + 7);
    let scratch = Scratch::new("whole", &content);
    for engine in engines() {
        let server = start(engine);
        let mut client = server.connect();
        // Pipelined: bytes, a file, another file, bytes.
        let burst = [
            request("/a"),
            scratch.request(),
            scratch.request(),
            request("/b"),
        ];
        client.write_all(&burst.concat()).unwrap();
        assert_eq!(harness::read_reply(&mut client), (200, "/a".into()));
        for _ in 0..2 {
            let (status, body) = harness::read_reply(&mut client);
            assert_eq!(status, 200);
            assert!(body.as_bytes() == content, "the content differs");
        }
        assert_eq!(harness::read_reply(&mut client), (200, "/b".into()));
        assert!(!is_open(&scratch.0));
    }
}

#[test]
fn an_errand_delays_only_its_own_request() {
    for engine in engines() {
        let server = start(engine);
        let mut slow: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for slow in &mut slow {
            slow.write_all(&request("/slow")).unwrap();
        }
        thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(server.get("/a").0, 200);
        }
        // Another errand finds a thread, too.
        assert_eq!(server.get("/fails").0, 500);
        assert!(
            began.elapsed() < Duration::from_millis(1500),
            "others wait for it"
        );
        for slow in &mut slow {
            assert_eq!(harness::read_reply(slow).0, 200);
        }
    }
}

#[test]
fn an_errand_that_is_lost_is_a_500() {
    for engine in engines() {
        let server = start(engine);
        let mut client = server.connect();
        for path in ["/fails", "/nothing"] {
            client.write_all(&request(path)).unwrap();
            assert_eq!(harness::read_reply(&mut client).0, 500, "{path}");
        }
        client.write_all(&request("/a")).unwrap();
        assert_eq!(harness::read_reply(&mut client).0, 200);
    }
}

#[test]
fn a_file_that_has_become_shorter_ends_the_connection() {
    for engine in engines() {
        let scratch = Scratch::new("shorter", &content(32 * 1024 * 1024));
        let server = start(engine);
        let mut client = server.connect();
        client.write_all(&scratch.request()).unwrap();
        client.read_exact(&mut [0; 1024]).unwrap();
        let file = File::options().write(true).open(&scratch.0).unwrap();
        file.set_len(1024).unwrap();
        drop(file);
        let mut rest = Vec::new();
        let _ = client.read_to_end(&mut rest);
        assert!(rest.len() < 32 * 1024 * 1024, "more was sent than there is");
        until("the file stays open", || !is_open(&scratch.0));
        assert_eq!(server.get("/a").0, 200);
    }
}

#[test]
fn a_file_that_is_replaced_is_sent_as_it_was() {
    let content = content(16 * 1024 * 1024);
    for engine in engines() {
        let scratch = Scratch::new("replaced", &content);
        let server = start(engine);
        let mut client = server.connect();
        client.write_all(&scratch.request()).unwrap();
        let mut reply = vec![0; 1024];
        client.read_exact(&mut reply).unwrap();
        let successor = Scratch::new("successor", b"new");
        fs::rename(&successor.0, &scratch.0).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        client.read_to_end(&mut reply).unwrap();
        assert!(reply.ends_with(&content), "the reply is not the old file's");
        let mut client = server.connect();
        client.write_all(&scratch.request()).unwrap();
        assert_eq!(harness::read_reply(&mut client), (200, "new".into()));
    }
}

#[test]
fn a_client_that_leaves_or_stalls_gives_the_descriptor_back() {
    let scratch = Scratch::new("left", &content(32 * 1024 * 1024));
    for engine in engines() {
        let server = Server::start(engine, r#"{"write_timeout": 0.3}"#);
        let mut leaver = server.connect();
        leaver.write_all(&scratch.request()).unwrap();
        leaver.read_exact(&mut [0; 1024]).unwrap();
        assert!(is_open(&scratch.0), "the rest of it is still to be sent");
        harness::reset(leaver);
        until("the file stays open", || !is_open(&scratch.0));
        let mut sleeper = server.connect();
        sleeper.write_all(&scratch.request()).unwrap();
        sleeper.read_exact(&mut [0; 1024]).unwrap();
        until("a stalled client holds the file", || !is_open(&scratch.0));
        server.until(|stats| stats.connections == 0);
    }
}

/// How a worker is told to go.
type Farewell = fn(&Server);

const FAREWELLS: [Farewell; 2] = [Server::stop, Server::leave];

#[test]
fn a_file_that_is_being_sent_is_finished_before_the_worker_goes() {
    let content = content(32 * 1024 * 1024);
    let scratch = Scratch::new("finished", &content);
    for (engine, farewell) in engines()
        .into_iter()
        .flat_map(|engine| FAREWELLS.map(|farewell| (engine, farewell)))
    {
        let server = Server::start(engine, r#"{"shutdown_timeout": 20}"#);
        let mut client = server.connect();
        client.write_all(&scratch.request()).unwrap();
        let mut reply = vec![0; 1024];
        client.read_exact(&mut reply).unwrap();
        farewell(&server);
        thread::sleep(Duration::from_millis(200)); // It has heard the order by then.
        assert!(is_open(&scratch.0), "the rest of it is still to be sent");
        let length = reply.len() + content.len();
        while reply.len() < length && !reply.ends_with(&content) {
            let mut block = vec![0; 1024 * 1024];
            let count = client.read(&mut block).unwrap();
            assert!(count > 0, "cut off after {} bytes", reply.len());
            reply.extend_from_slice(&block[..count]);
        }
        assert!(reply.ends_with(&content), "the content differs");
        drop(client);
        server.join();
    }
}

#[test]
fn a_file_that_is_not_taken_in_time_is_cut_off() {
    let scratch = Scratch::new("cut", &content(32 * 1024 * 1024));
    for (engine, farewell) in engines()
        .into_iter()
        .flat_map(|engine| FAREWELLS.map(|farewell| (engine, farewell)))
    {
        let server = Server::start(engine, r#"{"shutdown_timeout": 0.3}"#);
        let mut client = server.connect();
        client.write_all(&scratch.request()).unwrap();
        let mut reply = vec![0; 1024];
        client.read_exact(&mut reply).unwrap();
        let began = Instant::now();
        farewell(&server);
        server.join();
        // Who leaves has a second more for what came in its last moment.
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(290), "{took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        let _ = client.read_to_end(&mut reply);
        assert!(reply.len() < 32 * 1024 * 1024, "it was sent whole");
        assert!(!is_open(&scratch.0));
    }
}
