//! Starts that fail or take too long, for the first time and later, and what a stop says first.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{
    Server, answering, example, is_running, open, signal, until, wait_until_gone, workers,
};

/// A directory of a test's own.
fn place(name: &str) -> PathBuf {
    let place = format!("{}-{name}", std::process::id());
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(place);
    fs::create_dir_all(&place).unwrap();
    place
}

/// The address in a line that names one.
fn address_in(line: &str) -> SocketAddr {
    let rest = line.split_once("http://").unwrap().1;
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// A reply's head and body.
fn ask(address: SocketAddr, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET / HTTP/1.0\r\nHost: test\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").expect("a whole reply");
    (head.to_owned(), body.to_owned())
}

#[test]
fn with_reload_a_first_start_that_fails_is_shown_until_it_is_mended() {
    for count in [1, 3] {
        let place = place(&format!("needs-{count}"));
        let file = place.join("here.py");
        let config = format!(r#"{{"reload": true, "reload_dirs": [{place:?}]}}"#);
        let manner = format!("needs {}", file.display());
        let mut server = Server::configured(0, count, 1_000, &manner, &config);
        let line = server.line_with("says why until a change mends it");
        assert!(
            line.contains("exited with code 7 before it was ready; "),
            "{line}"
        );
        let address = address_in(&line);
        // Whichever queue the kernel chooses.
        for _ in 0..8 * count {
            let (head, body) = ask(address, "text/html");
            assert!(head.starts_with("HTTP/1.1 500 "), "{head}");
            assert!(body.contains("this worker was told to fail"), "{body}");
        }
        let (head, body) = ask(address, "application/json");
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert!(head.contains("retry-after: 1"), "{head}");
        assert!(!body.contains("told to fail"), "{body}");

        // A change that mends nothing, and one that is asked for.
        fs::write(place.join("other.py"), "1").unwrap();
        server.line_with("says why until a change mends it");
        signal("HUP", server.pid());
        server.line_with("says why until a change mends it");

        fs::write(&file, "1").unwrap();
        server.line_with("listening on http://");
        until("the stand-in to leave", || {
            let all = (0..8 * count).all(|_| ask(address, "text/html").0.contains(" 200 OK"));
            all.then_some(())
        });
        workers(address, count);
        signal("TERM", server.pid());
        assert_eq!(server.end().0, Some(0));
        assert!(TcpStream::connect(address).is_err());
        fs::remove_dir_all(&place).unwrap();
    }
}

#[test]
fn a_server_that_waits_for_a_change_can_be_stopped() {
    let place = place("stopped");
    let config = format!(r#"{{"reload": true, "reload_dirs": [{place:?}]}}"#);
    let mut server = Server::configured(0, 1, 1_000, "fail", &config);
    let address = address_in(&server.line_with("says why until a change mends it"));
    signal("INT", server.pid());
    assert_eq!(server.end().0, Some(0));
    assert!(TcpStream::connect(address).is_err());
    fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_first_start_that_takes_too_long_ends_the_server() {
    let config = r#"{"start_timeout": 0.3}"#;
    let began = Instant::now();
    let mut server = Server::configured(0, 2, 1_000, "lazy 60000", config);
    let line = server.line_with("was not ready within 0.3 s (start_timeout): killed");
    assert!(line.starts_with("Error: worker "), "{line}");
    let (code, rest) = server.end();
    assert_eq!(code, Some(3), "{rest}");
    assert!(
        rest.contains("before it was ready: the server does not start"),
        "{rest}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_successor_that_hangs_is_killed_and_the_old_worker_goes_on() {
    let place = place("hangs");
    let here = place.join("supervised");
    fs::hard_link(example(), &here).unwrap();
    let mut command = Command::new(&here);
    command.args(["0", "1", "5000", "serve", r#"{"start_timeout": 0.5}"#]);
    let mut server = Server::run(command);
    let address = address_in(&server.line_with("listening on http://"));
    let old = answering(address);

    fs::remove_file(&here).unwrap();
    fs::write(&here, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o755)).unwrap();
    signal("HUP", server.pid());
    let line = server.line_with("was not ready within 0.5 s (start_timeout): killed");
    let hung = line
        .split_once("(pid ")
        .unwrap()
        .1
        .split(')')
        .next()
        .unwrap();
    wait_until_gone(&BTreeSet::from([hung.parse().unwrap()]));
    let line = server.line_with("worker 0 is not restarted");
    assert!(
        line.ends_with(&format!("; pid {old} goes on serving")),
        "{line}"
    );
    assert_eq!(answering(address), old);

    // The next restart is not held up by it.
    fs::remove_file(&here).unwrap();
    fs::hard_link(example(), &here).unwrap();
    signal("HUP", server.pid());
    server.line_with("restarted 1 worker");
    until("the successor", || {
        (answering(address) != old).then_some(())
    });
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
    fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_replacement_that_hangs_is_killed_and_tried_again() {
    let place = place("again");
    let here = place.join("supervised");
    fs::hard_link(example(), &here).unwrap();
    let mut command = Command::new(&here);
    command.args(["0", "1", "5000", "serve", r#"{"start_timeout": 0.5}"#]);
    let mut server = Server::run(command);
    let address = address_in(&server.line_with("listening on http://"));
    let old = answering(address);
    fs::remove_file(&here).unwrap();
    fs::write(&here, "#!/bin/sh\nexec sleep 60\n").unwrap();
    fs::set_permissions(&here, fs::Permissions::from_mode(0o755)).unwrap();
    signal("KILL", old);
    server.line_with("(start_timeout): killed");
    server.line_with("it starts again in 100 ms");
    fs::remove_file(&here).unwrap();
    fs::hard_link(example(), &here).unwrap();
    assert_ne!(answering(address), old);
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(0));
    fs::remove_dir_all(&place).unwrap();
}

#[test]
fn a_stop_is_announced_for_as_long_as_configured() {
    let config = r#"{"drain_delay": 30}"#;
    let mut server = Server::configured(0, 1, 1_000, "serve", config);
    server.line_with("listening on http://");
    signal("TERM", server.pid());
    let line = server.line_with("stopping: ");
    let said = "not ready any more, serving for 30 s (drain_delay); then requests in hand";
    assert!(line.contains(said), "{line}");
    // This program's workers know no delay and leave at once.
    assert_eq!(server.end().0, Some(0));

    let mut server = Server::configured(0, 1, 0, "deaf", config);
    let address = address_in(&server.line_with("listening on http://"));
    let worker = answering(address);
    signal("TERM", server.pid());
    server.line_with("stopping: ");
    // Without the delay it would be forced after two seconds.
    thread::sleep(Duration::from_millis(2_500));
    assert!(is_running(worker));
    drop(open(address, "/"));
    signal("TERM", server.pid());
    assert_eq!(server.end().0, Some(143));
}
