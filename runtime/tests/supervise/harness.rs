//! A server of several processes for the tests: its lines, its workers, its signals.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Server {
    pub(crate) fn start(port: u16, workers: usize, stop_ms: u32, manner: &str) -> Self {
        Self::configured(port, workers, stop_ms, manner, "{}")
    }

    /// As `start`, with a document of what else is configured.
    pub(crate) fn configured(
        port: u16,
        workers: usize,
        stop_ms: u32,
        manner: &str,
        config: &str,
    ) -> Self {
        let mut command = Command::new(example());
        command.args([
            port.to_string(),
            workers.to_string(),
            stop_ms.to_string(),
            manner.into(),
            config.into(),
        ]);
        Self::run(command)
    }

    pub(crate) fn run(mut command: Command) -> Self {
        // Its own process group, so that a test can signal all of it as a terminal would. It does
        // not get our standard output: whoever reads that would wait for the last worker.
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            stderr
                .lines()
                .map_while(Result::ok)
                .try_for_each(|l| sender.send(l))
        });
        Self {
            child,
            lines,
            seen: Vec::new(),
        }
    }

    pub(crate) fn serving(workers: usize, stop_ms: u32, manner: &str) -> (Self, SocketAddr) {
        let mut server = Self::start(0, workers, stop_ms, manner);
        let line = server.line_with("listening on http://");
        let (address, rest) = line
            .split_once("http://")
            .unwrap()
            .1
            .split_once(' ')
            .unwrap();
        let plural = if workers == 1 { "" } else { "s" };
        assert_eq!(rest, format!("({workers} worker{plural}, threads)"));
        (server, address.parse().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that contains `text`.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("no line with {text:?} came after {:#?}", self.seen);
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The exit code, and everything that was not read yet.
    pub(crate) fn end(&mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                Instant::now() < deadline,
                "it did not end after {:#?}",
                self.seen
            );
            thread::sleep(Duration::from_millis(5));
        };
        thread::sleep(Duration::from_millis(50));
        (
            status.code(),
            self.lines.try_iter().collect::<Vec<_>>().join("\n"),
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn example() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("examples/supervised");
    assert!(
        path.exists(),
        "build it: cargo build -p spikard-runtime --example supervised"
    );
    path
}

pub(crate) fn signal(name: &str, target: impl std::fmt::Display) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {target}")])
        .status();
    assert!(status.unwrap().success(), "cannot send {name} to {target}");
}

pub(crate) fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // One write: the example takes what comes first for the whole request.
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

pub(crate) fn body(mut stream: TcpStream) -> String {
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a whole reply");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body.to_owned()
}

pub(crate) fn answering(address: SocketAddr) -> u32 {
    body(open(address, "/")).trim().parse().unwrap()
}

/// Process ids of all workers, found by asking until `count` different ones have answered.
pub(crate) fn workers(address: SocketAddr, count: usize) -> BTreeSet<u32> {
    until("every worker to answer", || {
        let pids: BTreeSet<u32> = (0..16 * count).map(|_| answering(address)).collect();
        assert!(pids.len() <= count, "{pids:?}");
        (pids.len() == count).then_some(pids)
    })
}

pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process runs; one that is dead but not reaped does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub(crate) fn wait_until_gone(pids: &BTreeSet<u32>) {
    until("the workers to leave", || {
        (!pids.iter().any(|pid| is_running(*pid))).then_some(())
    });
}
