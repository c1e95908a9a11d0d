//! A supervised server as real processes: what it says, what it survives, how it ends.
//!
//! Runs `examples/supervised.rs`, which `cargo test` builds; every wait is bounded, every port is
//! one that the kernel chose. Signals are sent with the shell's `kill`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod harness;
mod restart;
mod start;

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use harness::{
    Server, answering, body, example, is_running, open, signal, until, wait_until_gone, workers,
};

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
fn workers_count_together_and_their_successors_go_on() {
    let (mut server, address) = Server::serving(4, 1_000, "serve");
    let pids = workers(address, 4);
    let ask = |times: usize| -> usize {
        let threads = (0..4).map(|_| {
            thread::spawn(move || {
                let asked = (0..times).map(|_| body(open(address, "/limited")));
                asked.filter(|answer| answer == "allowed\n").count()
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|it| it.join().unwrap()).sum()
    };
    assert_eq!(ask(15), 10);
    signal("KILL", *pids.first().unwrap());
    server.line_with("in its place");
    assert_eq!(ask(4), 0);
    signal("HUP", server.pid());
    server.line_with("restart");
    let heirs = until("new workers", || {
        let now: BTreeSet<u32> = (0..64).map(|_| answering(address)).collect();
        (now.len() == 4 && now.is_disjoint(&pids)).then_some(now)
    });
    assert_eq!(heirs.len(), 4);
    assert_eq!(ask(4), 0);
    signal("TERM", server.pid());
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
