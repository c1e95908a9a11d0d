//! What several tests share: servers on each engine, and a log that can be read.
#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spikard::{App, Level, Log, Server, ServerConfig, TestClient};

/// Longest wait for anything that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Log lines, for a test to look at.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Log for Lines {
    fn log(&self, _: Level, message: &str) {
        self.0.lock().unwrap().push(message.to_owned());
    }
}

impl Lines {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn config(keys: Value) -> ServerConfig {
    ServerConfig::from_value(&keys).unwrap()
}

/// The engines of this machine. Says which are not there, or fails if all are asked for.
pub(crate) fn engines() -> Vec<&'static str> {
    let uring = App::new().start(config(json!({"engine": "io_uring", "port": 0})));
    match uring {
        Ok(_) => vec!["io_uring", "epoll"],
        Err(error) => {
            let all = std::env::var("SPIKARD_REQUIRE").is_ok_and(|value| value == "all");
            assert!(!all, "SPIKARD_REQUIRE=all: {error}");
            println!("skipped on io_uring: {error}");
            vec!["epoll"]
        }
    }
}

/// Runs a test in process and over a socket on every engine.
pub(crate) fn everywhere(make: impl Fn() -> App, test: impl Fn(&TestClient)) {
    test(&TestClient::new(make()).unwrap());
    for engine in engines() {
        test(&TestClient::over_socket(make(), config(json!({"engine": engine}))).unwrap());
    }
}

/// A server on a free port, with further keys.
pub(crate) fn serve(app: App, engine: &str, more: Value) -> Server {
    let mut keys = json!({"engine": engine, "port": 0});
    keys.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    app.start(config(keys)).unwrap()
}

/// A connection that has sent a GET request.
pub(crate) fn begin(server: &Server, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream
}

/// What comes until `end` has come.
pub(crate) fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut block = [0; 4096];
    while !text.contains(end) {
        let length = stream.read(&mut block).unwrap();
        assert!(length > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&block[..length]).unwrap());
    }
    text
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
