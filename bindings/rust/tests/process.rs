//! Examples as processes: what they say, what they serve, how signals end or restart them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{PATIENCE, engines, eventually, read_until};

fn start(example: &str, engine: &str) -> (Child, String) {
    // Beside this test's own binary, where cargo has built the examples.
    let deps = std::env::current_exe().unwrap();
    let folder = deps
        .parent()
        .and_then(|deps| deps.parent())
        .map(PathBuf::from)
        .unwrap();
    let mut child = Command::new(folder.join("examples").join(example))
        .envs([("PORT", "0"), ("WORKERS", "2"), ("ENGINE", engine)])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line)
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.unwrap().success());
}

fn get(address: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    stream
}

#[test]
fn the_quick_start_serves_and_ends_with_a_signal() {
    for (engine, name) in engines().into_iter().zip(["TERM", "INT"]) {
        let (mut child, line) = start("quickstart", engine);
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
        assert!(
            line.contains("(2 workers, ") && line.contains(engine),
            "{line}"
        );
        let address = line
            .trim_start_matches("listening on http://")
            .split(' ')
            .next()
            .unwrap();
        read_until(
            &mut get(address, "/hello"),
            r#"{"message":"Hello, World!"}"#,
        );
        read_until(&mut get(address, "/users/7"), r#"{"id":7,"name":"User 7"}"#);
        let mut idle = get(address, "/users/x");
        read_until(&mut idle, "422");
        signal(&child, name);
        let mut ended = None;
        eventually("the process ends", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success());
    }
}

fn ask(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

/// What `/pid` answers: the process that did.
fn pid(address: &str) -> u32 {
    let reply = ask(address, "/pid");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    reply.rsplit("\r\n").next().unwrap().parse().unwrap()
}

#[test]
fn supervised_processes_are_restarted_without_a_gap() {
    for engine in engines() {
        let (mut child, line) = start("gapless", engine);
        assert!(
            line.contains("(2 workers, ") && line.contains(engine),
            "{line}"
        );
        let address = line
            .split("http://")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            let before = seen.clone();
            // Every one of these is answered, whoever leaves meanwhile.
            eventually("both new workers answer", || {
                seen.insert(pid(address));
                seen.difference(&before).count() == 2
            });
            signal(&child, "HUP");
        }
        assert!(!seen.contains(&child.id()), "the parent serves nobody");
        signal(&child, "TERM");
        let mut ended = None;
        eventually("the process ends", || {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        assert!(ended.unwrap().success());
    }
}

#[test]
fn supervised_processes_count_together_and_on_over_a_restart() {
    let (mut child, line) = start("gapless", "auto");
    let address = line
        .split("http://")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let old = pid(address);
    let begun = std::time::Instant::now();
    let mut accepted = 0;
    let mut ask_often = || {
        let replies = (0..60).map(|_| ask(address, "/rare"));
        accepted += replies
            .filter(|reply| reply.contains(" 200 OK\r\n"))
            .count();
    };
    ask_often();
    signal(&child, "HUP");
    eventually("new workers answer", || {
        (0..16).all(|_| pid(address) != old)
    });
    ask_often();
    let seconds = begun.elapsed().as_secs_f64();
    assert!(
        accepted as f64 <= 40.0 + seconds + 1.0,
        "{accepted} in {seconds} s"
    );
    assert!(accepted >= 40, "{accepted}");
    signal(&child, "TERM");
    eventually("the process ends", || child.try_wait().unwrap().is_some());
}
