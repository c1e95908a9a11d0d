//! Rolling restarts and deaths under load: nobody is refused, nobody is cut off, nobody waits long.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::harness::{
    Server, answering, body, example, is_running, open, signal, until, wait_until_gone, workers,
};

/// Clients that open a connection per request until they are ended.
struct Load {
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(usize, Duration)>>,
}

impl Load {
    fn on(address: SocketAddr) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let clients = (0..4).map(|_| {
            let ended = ended.clone();
            thread::spawn(move || {
                let (mut asked, mut slowest) = (0, Duration::ZERO);
                while !ended.load(Ordering::SeqCst) {
                    let began = Instant::now();
                    answering(address);
                    slowest = slowest.max(began.elapsed());
                    asked += 1;
                }
                (asked, slowest)
            })
        });
        Self {
            clients: clients.collect(),
            ended,
        }
    }

    /// How often the clients asked, and the longest that one waited. None was ever let down.
    fn end(self) -> (usize, Duration) {
        self.ended.store(true, Ordering::SeqCst);
        let outcomes = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap());
        outcomes.fold((0, Duration::ZERO), |(asked, slowest), (more, slow)| {
            (asked + more, slowest.max(slow))
        })
    }
}

/// Waits until only so many processes answer, none of which is known; an old one may take a moment
/// to hear that it is.
fn only_new(address: SocketAddr, count: usize, known: &BTreeSet<u32>) -> BTreeSet<u32> {
    until("only new workers to answer", || {
        let pids: BTreeSet<u32> = (0..16 * count).map(|_| answering(address)).collect();
        (pids.len() == count && known.is_disjoint(&pids)).then_some(pids)
    })
}

#[test]
fn restarts_every_worker_without_a_gap() {
    for count in [1, 2] {
        let (mut server, address) = Server::serving(count, 5_000, "lazy 100");
        let mut seen = workers(address, count);
        let load = Load::on(address);
        for _ in 0..4 {
            signal("HUP", server.pid());
            for _ in 0..count {
                server.line_with(" takes over from pid ");
            }
            server.line_with("restarted ");
            seen.extend(only_new(address, count, &seen));
        }
        let (asked, _) = load.end();
        assert!(asked > 100, "only {asked} requests in four restarts");
        let here = workers(address, count);
        assert!(here.is_subset(&seen), "{here:?} {seen:?}");
        wait_until_gone(&seen.difference(&here).copied().collect());
        signal("TERM", server.pid());
        assert_eq!(server.end().0, Some(0));
    }
}

#[test]
fn what_is_in_flight_outlives_its_workers_place() {
    let (mut server, address) = Server::serving(1, 5_000, "serve");
    let old = answering(address);
    let slow = open(address, "/slow");
    thread::sleep(Duration::from_millis(100)); // It is accepted by then.
    signal("HUP", server.pid());
    server.line_with(" takes over from pid ");
    only_new(address, 1, &BTreeSet::from([old]));
    assert!(is_running(old));
    assert_eq!(body(slow).trim(), old.to_string());
    wait_until_gone(&BTreeSet::from([old]));
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn requests_during_a_restart_become_one_more() {
    let (mut server, address) = Server::serving(1, 5_000, "lazy 300");
    answering(address);
    for _ in 0..5 {
        signal("HUP", server.pid());
        thread::sleep(Duration::from_millis(10));
    }
    server.line_with("restarted 1 worker");
    server.line_with("restarted 1 worker");
    thread::sleep(Duration::from_millis(500));
    signal("TERM", server.pid());
    let (code, rest) = server.end();
    assert_eq!(code, Some(0));
    assert!(!rest.contains("takes over"), "{rest}");
}

#[test]
fn a_request_that_comes_too_early_is_kept_until_the_server_stands() {
    let mut server = Server::start(0, 2, 5_000, "lazy 300");
    thread::sleep(Duration::from_millis(100));
    signal("HUP", server.pid());
    server.line_with("listening on ");
    server.line_with("restarted 2 workers");
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
}

/// A program that can be replaced while it runs, and the server that it starts.
fn replaceable(
    name: &str,
    manner: &str,
    workers: usize,
) -> (Server, SocketAddr, std::path::PathBuf) {
    let place =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let here = place.join("supervised");
    fs::hard_link(example(), &here).unwrap();
    let mut command = Command::new(&here);
    command.args(["0", &workers.to_string(), "5000", manner]);
    let mut server = Server::run(command);
    let line = server.line_with("listening on http://");
    let address = line
        .split_once("http://")
        .unwrap()
        .1
        .split_once(' ')
        .unwrap()
        .0;
    (server, address.parse().unwrap(), place)
}

#[test]
fn a_successor_that_fails_leaves_the_old_worker_serving() {
    let (mut server, address, place) = replaceable("broken", "serve", 2);
    let here = place.join("supervised");
    let pids = workers(address, 2);
    let load = Load::on(address);

    fs::remove_file(&here).unwrap();
    std::os::unix::fs::symlink("/bin/false", &here).unwrap();
    signal("HUP", server.pid());
    let line = server.line_with("is not restarted");
    assert!(
        line.contains("exited with code 1 before it was ready; pid "),
        "{line}"
    );
    assert!(line.ends_with(" goes on serving"), "{line}");

    fs::remove_file(&here).unwrap();
    signal("HUP", server.pid());
    let line = server.line_with("is not restarted");
    assert!(line.contains("cannot be started: No such file"), "{line}");
    assert_eq!(workers(address, 2), pids);

    fs::hard_link(example(), &here).unwrap();
    signal("HUP", server.pid());
    server.line_with("restarted 2 workers");
    only_new(address, 2, &pids);
    load.end();
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
    fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_worker_that_dies_beside_its_successor_is_succeeded() {
    let (mut server, address) = Server::serving(1, 5_000, "lazy 400");
    let old = answering(address);
    signal("HUP", server.pid());
    server.line_with("restarting 1 worker");
    thread::sleep(Duration::from_millis(100));
    signal("KILL", old);
    let line = server.line_with("its successor, takes its place");
    assert!(
        line.contains(&format!("(pid {old}) was killed by signal 9; pid ")),
        "{line}"
    );
    server.line_with("restarted 1 worker");
    only_new(address, 1, &BTreeSet::from([old]));
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn a_stop_during_a_restart_waits_for_no_successor() {
    let (mut server, address) = Server::serving(2, 5_000, "lazy 3000");
    workers(address, 2);
    signal("HUP", server.pid());
    server.line_with("restarting 2 workers");
    let asked = Instant::now();
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn a_worker_that_does_not_leave_is_forced_and_killed_and_counts_for_nothing() {
    let (mut server, address) = Server::serving(1, 0, "deaf");
    let old = answering(address);
    signal("HUP", server.pid());
    server.line_with("takes over");
    server.line_with("did not leave in time: forced");
    wait_until_gone(&BTreeSet::from([old]));
    assert_ne!(answering(address), old);
}

#[test]
fn a_sibling_accepts_for_the_dead_until_they_are_replaced() {
    let (mut server, address) = Server::serving(2, 5_000, "lazy 1500");
    let pids = workers(address, 2);
    let victim = *pids.first().unwrap();
    let sibling = *pids.last().unwrap();
    signal("KILL", victim);
    server.line_with(&format!("worker pid {sibling} accepts for worker "));
    // Half of these are queued for the dead, whose replacement is not there for a second and more.
    let began = Instant::now();
    for _ in 0..40 {
        assert_eq!(answering(address), sibling);
    }
    assert!(
        began.elapsed() < Duration::from_millis(1_200),
        "{:?}",
        began.elapsed()
    );
    // Afterwards each has its own again.
    let both = until("the replacement to accept", || {
        let pids: BTreeSet<u32> = (0..32).map(|_| answering(address)).collect();
        (pids.len() == 2).then_some(pids)
    });
    assert!(both.contains(&sibling) && !both.contains(&victim));
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn nobody_waits_long_while_a_worker_dies_again_and_again() {
    let (server, address) = Server::serving(2, 5_000, "lazy 300");
    let steady = *workers(address, 2).first().unwrap();
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut reply = String::new();
        // What the dead had accepted is lost; that is what a death costs.
        if stream.read_to_string(&mut reply).is_ok() && !reply.is_empty() {
            slowest = slowest.max(asked.elapsed());
            let pid: u32 = reply
                .split_once("\r\n\r\n")
                .unwrap()
                .1
                .trim()
                .parse()
                .unwrap();
            if pid != steady {
                signal("KILL", pid);
            }
        }
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert!(is_running(server.pid()));
}
