//! The quick start as a process: what it says, what it serves, how signals end it.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{PATIENCE, engines, eventually, read_until};

fn start(engine: &str) -> (Child, String) {
    // Beside this test's own binary, where cargo has built the examples.
    let deps = std::env::current_exe().unwrap();
    let folder = deps
        .parent()
        .and_then(|deps| deps.parent())
        .map(PathBuf::from)
        .unwrap();
    let mut child = Command::new(folder.join("examples/quickstart"))
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
    use std::io::Write;
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    stream
}

#[test]
fn the_quick_start_serves_and_ends_with_a_signal() {
    for (engine, name) in engines().into_iter().zip(["TERM", "INT"]) {
        let (mut child, line) = start(engine);
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
