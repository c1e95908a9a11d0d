//! A supervised server as real processes: what it says, what it survives, how it ends.
//!
//! Runs `examples/supervised.rs`, which `cargo test` builds; every wait is bounded, every port is
//! one that the kernel chose. Signals are sent with the shell's `kill`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

struct Server {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Server {
    fn start(port: u16, workers: usize, stop_ms: u32, manner: &str) -> Self {
        let mut command = Command::new(example());
        command.args([
            port.to_string(),
            workers.to_string(),
            stop_ms.to_string(),
            manner.into(),
        ]);
        Self::run(command)
    }

    fn run(mut command: Command) -> Self {
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

    fn serving(workers: usize, stop_ms: u32, manner: &str) -> (Self, SocketAddr) {
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

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line that contains `text`.
    fn line_with(&mut self, text: &str) -> String {
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
    fn end(&mut self) -> (Option<i32>, String) {
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

fn example() -> PathBuf {
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

fn signal(name: &str, target: impl std::fmt::Display) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {target}")])
        .status();
    assert!(status.unwrap().success(), "cannot send {name} to {target}");
}

fn open(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // One write: the example takes what comes first for the whole request.
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn body(mut stream: TcpStream) -> String {
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a whole reply");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    body.to_owned()
}

fn answering(address: SocketAddr) -> u32 {
    body(open(address, "/")).trim().parse().unwrap()
}

/// Process ids of all workers, found by asking until `count` different ones have answered.
fn workers(address: SocketAddr, count: usize) -> BTreeSet<u32> {
    until("every worker to answer", || {
        let pids: BTreeSet<u32> = (0..16 * count).map(|_| answering(address)).collect();
        assert!(pids.len() <= count, "{pids:?}");
        (pids.len() == count).then_some(pids)
    })
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
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
fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn wait_until_gone(pids: &BTreeSet<u32>) {
    until("the workers to leave", || {
        (!pids.iter().any(|pid| is_running(*pid))).then_some(())
    });
}

#[test]
fn serves_with_every_worker_and_drains_on_sigterm() {
    let (mut server, address) = Server::serving(2, 5_000, "serve");
    let pids = workers(address, 2);
    assert!(!pids.contains(&server.pid()), "the parent serves nobody");
    let slow = open(address, "/slow");
    thread::sleep(Duration::from_millis(100)); // It is accepted by then.
    signal("TERM", server.pid());
    assert!(pids.contains(&body(slow).trim().parse().unwrap()));
    let (code, rest) = server.end();
    assert_eq!(code, Some(0), "{rest}");
    assert!(
        rest.contains("stopping: ") && rest.ends_with("stopped"),
        "{rest}"
    );
    assert!(!pids.iter().any(|pid| is_running(*pid)));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn workers_leave_a_terminals_signals_to_the_parent() {
    let (mut server, address) = Server::serving(2, 5_000, "serve");
    let pids = workers(address, 2);
    for pid in &pids {
        signal("HUP", pid);
        signal("INT", pid);
    }
    assert_eq!(workers(address, 2), pids);
    let slow = open(address, "/slow");
    thread::sleep(Duration::from_millis(100));
    signal("INT", format!("-{}", server.pid())); // The whole group, as Ctrl-C does.
    assert!(pids.contains(&body(slow).trim().parse().unwrap()));
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn replaces_a_killed_worker_and_loses_no_queued_connection() {
    let (mut server, address) = Server::serving(2, 1_000, "serve");
    let pids = workers(address, 2);
    let victim = *pids.first().unwrap();
    signal("KILL", victim);
    // Some of these wait in the listener of the dead until its successor accepts them.
    let streams: Vec<TcpStream> = (0..32).map(|_| open(address, "/")).collect();
    let line = server.line_with("in its place");
    assert!(
        line.contains(&format!(
            "(pid {victim}) was killed by signal 9; started pid "
        )),
        "{line}"
    );
    for stream in streams {
        assert_ne!(body(stream).trim(), victim.to_string());
    }
    let heirs = workers(address, 2);
    let heir = *heirs.difference(&pids).next().unwrap();
    assert!(line.contains(&format!("started pid {heir} ")), "{line}");

    // The second early death in a row costs a rest, the third a longer one.
    for rest_ms in [100, 200] {
        let young = *workers(address, 2).difference(&pids).next().unwrap();
        signal("KILL", young);
        let line = server.line_with("starts again");
        assert!(
            line.ends_with(&format!("it starts again in {rest_ms} ms")),
            "{line}"
        );
        server.line_with("again (pid ");
    }
    workers(address, 2);
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn keeps_trying_while_the_program_is_away() {
    // A link, not a copy: a program that was just written may be "busy" when it is to be run.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string());
    fs::create_dir(&place).unwrap();
    let (here, away) = (place.join("supervised"), place.join("away"));
    fs::hard_link(example(), &here).unwrap();
    let mut command = Command::new(&here);
    command.args(["0", "1", "1000", "serve"]);
    let mut server = Server::run(command);
    let line = server.line_with("listening on http://127.0.0.1:");
    let port = line
        .split_once("127.0.0.1:")
        .unwrap()
        .1
        .split_once(' ')
        .unwrap()
        .0;
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let victim = answering(address);

    fs::rename(&here, &away).unwrap();
    signal("KILL", victim);
    let line = server.line_with("cannot start worker 0 (No such file");
    assert!(line.ends_with("the next try is in 100 ms"), "{line}");
    server.line_with("the next try is in 200 ms");
    let waiting = open(address, "/");
    fs::rename(&away, &here).unwrap();
    server.line_with("started worker 0 again (pid ");
    assert_ne!(body(waiting).trim(), victim.to_string());
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
    fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_second_signal_forces_and_names_itself_in_the_exit_code() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (mut server, address) = Server::serving(2, 60_000, "deaf");
        let pids = workers(address, 2);
        signal("INT", server.pid());
        server.line_with("stopping: ");
        let asked = Instant::now();
        signal(name, server.pid());
        assert_eq!(server.end().0, Some(code));
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "it waited for the deaf"
        );
        wait_until_gone(&pids);
    }
}

#[test]
fn kills_workers_that_do_not_leave_in_time() {
    let (mut server, address) = Server::serving(2, 0, "deaf");
    let pids = workers(address, 2);
    signal("TERM", server.pid());
    let (code, rest) = server.end();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("2 workers did not finish in time"), "{rest}");
    wait_until_gone(&pids);
}

#[test]
fn forces_a_worker_whose_request_takes_too_long() {
    let (mut server, address) = Server::serving(1, 5_000, "serve");
    let _slow = open(address, "/slow");
    thread::sleep(Duration::from_millis(100));
    signal("INT", server.pid());
    server.line_with("stopping: ");
    let asked = Instant::now();
    signal("INT", server.pid());
    assert_eq!(server.end().0, Some(130));
    // A kill would come after a second, the reply after one and a half.
    assert!(
        asked.elapsed() < Duration::from_millis(900),
        "`force` was not obeyed"
    );
}

#[test]
fn a_second_start_on_the_port_names_the_first() {
    let (first, address) = Server::serving(2, 1_000, "serve");
    let mut second = Server::start(address.port(), 2, 1_000, "serve");
    let (code, said) = second.end();
    assert_eq!(code, Some(2), "{said}");
    let expected = format!(
        "port {} on 127.0.0.1 is in use by supervised (pid {})",
        address.port(),
        first.pid()
    );
    assert!(said.contains(&expected), "{said}");
    assert!(is_running(answering(address)));
}

#[test]
fn a_worker_that_ends_before_it_is_ready_ends_the_server() {
    let mut server = Server::start(0, 3, 1_000, "fail");
    let (code, said) = server.end();
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("this worker was told to fail"),
        "its stderr is lost: {said}"
    );
    assert!(said.contains("exited with code 7 before it was ready: the server does not start"));
    assert!(
        !said.contains("in its place") && !said.contains("listening"),
        "{said}"
    );
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let (code, said) = Server::start(0, 2, 1_000, "missing").end();
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("cannot start worker 0 (/nonexistent/program): No such file"),
        "{said}"
    );
}

#[test]
fn refuses_a_server_without_workers() {
    let (code, said) = Server::start(0, 0, 1_000, "serve").end();
    assert_eq!(
        (code, said.contains("at least one worker")),
        (Some(2), true),
        "{said}"
    );
}

#[test]
fn workers_finish_and_leave_when_the_parent_is_killed() {
    let (server, address) = Server::serving(2, 1_000, "deaf");
    let pids = workers(address, 2);
    let slow = open(address, "/slow");
    thread::sleep(Duration::from_millis(100));
    signal("KILL", server.pid());
    assert!(pids.contains(&body(slow).trim().parse().unwrap()));
    wait_until_gone(&pids);
}

#[test]
fn an_idle_parent_never_wakes_up() {
    let (server, address) = Server::serving(2, 1_000, "serve");
    workers(address, 2);
    // The line that names the port may still be on its way to sleep.
    thread::sleep(Duration::from_millis(200));
    let cost = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
        let switches: Vec<String> = switches.map(|line| line.replace('\t', " ")).collect();
        assert_eq!(switches.len(), 2, "voluntary and other: {switches:?}");
        format!(
            "{} user {} system {}",
            switches.join(" "),
            fields[11],
            fields[12]
        )
    };
    let before = cost();
    answering(address);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(cost(), before);
}

#[test]
fn children_of_a_worker_see_neither_variable_nor_sockets() {
    let (_server, address) = Server::serving(2, 1_000, "serve");
    let seen = body(open(address, "/child"));
    assert!(
        seen.starts_with("variable: unset\n") && seen.contains(" -> "),
        "{seen}"
    );
    assert!(!seen.contains("socket:"), "{seen}");
}

#[test]
fn refuses_a_variable_that_no_parent_wrote() {
    for (value, reason) in [
        ("yes", "which no parent wrote"),
        (
            "worker=0 workers=1 parent=1 control=0 listeners=1",
            "descriptor 0 is the control socket",
        ),
        (
            "worker=0 workers=1 parent=1 control=98 listeners=99",
            "descriptor 98",
        ),
    ] {
        let mut command = Command::new(example());
        command.env("SPIKARD_WORKER", value);
        let (code, said) = Server::run(command).end();
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(reason) && said.contains("unset it"), "{said}");
    }
}
