//! A worker over real sockets, on both engines: what a connection does when things go wrong.

mod ending;
mod files;
mod harness;

use std::{
    io::{Read, Write},
    net::Shutdown,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use harness::{Server, engines, status_of};

/// Runs a test on every engine this machine has.
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* fn $name:ident($server:ident) $body:block)*) => {
        $($(#[$doc])* #[test] fn $name() {
            for engine in engines() {
                let $server = Server::start(engine, r#"{}"#);
                $body
            }
        })*
    };
}

on_both_engines! {
    fn answers_pipelined_requests_in_order(server) {
        let mut client = server.connect();
        let burst = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100);
        client.write_all(&burst).unwrap();
        let mut seen = 0;
        while seen < 100 {
            assert_eq!(harness::read_reply(&mut client), (200, "/a".into()));
            seen += 1;
        }
    }

    fn a_call_is_answered_from_another_thread(server) {
        let mut client = server.connect();
        for _ in 0..50 {
            client.write_all(b"GET /thread HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            assert_eq!(harness::read_reply(&mut client), (200, "/thread".into()));
        }
    }

    fn a_half_closed_client_gets_its_reply(server) {
        let mut client = server.connect();
        client.write_all(b"GET /thread?20 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(status_of(&reply), 200);
        assert_eq!(server.seen.disconnects.load(Ordering::SeqCst), 1);
        assert_eq!(server.seen.cancels.load(Ordering::SeqCst), 0);
    }

    fn a_reset_client_is_cancelled_and_its_late_answer_swallowed(server) {
        let mut client = server.connect();
        client.write_all(b"GET /thread?80 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        thread::sleep(Duration::from_millis(20));
        harness::reset(client);
        server.until(|stats| stats.orphans == 1);
        assert_eq!(server.seen.cancels.load(Ordering::SeqCst), 1);
        server.until(|stats| stats.orphans == 0 && stats.in_flight == 0);
        // The worker lives.
        assert_eq!(server.get("/a"), (200, "/a".into()));
    }

    fn a_host_that_panics_costs_one_reply(server) {
        assert_eq!(server.get("/panic").0, 500);
        assert_eq!(server.get("/a").0, 200);
    }

    fn refuses_and_closes_without_a_reset(server) {
        let mut client = server.connect();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n").unwrap();
        client.write_all(b"Transfer-Encoding: chunked\r\n\r\n").unwrap();
        // More than the server will read: without lingering the reply would be lost to a reset.
        let _ = client.write_all(&[b'x'; 100_000]);
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(status_of(&reply), 400);
    }

    fn collects_a_chunked_body_sent_byte_by_byte(server) {
        let mut client = server.connect();
        client.set_nodelay(true).unwrap();
        client.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
            .unwrap();
        for byte in b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nt: 1\r\n\r\n" {
            client.write_all(&[*byte]).unwrap();
        }
        assert_eq!(harness::read_reply(&mut client), (200, "abcdefg".into()));
    }

    fn a_connection_takes_small_and_large_requests_in_turn(server) {
        let mut clients = [server.connect(), server.connect()];
        // Around what a waiting connection reads at once, and after a large one.
        for length in [0, 2000, 900, 1024, 0, 4000, 4040, 4096, 5000, 70_000, 3, 2000, 0] {
            for client in &mut clients {
                let body = "ab".repeat(length / 2 + 1);
                let body = &body[..length];
                write!(client, "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n")
                    .unwrap();
                write!(client, "\r\n{body}").unwrap();
                assert_eq!(harness::read_reply(client), (200, body.into()));
                client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
                assert_eq!(harness::read_reply(client), (200, "/a".into()));
            }
        }
    }

    fn asks_for_an_expected_body_and_only_then_reads_it(server) {
        let mut client = server.connect();
        client.write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n").unwrap();
        client.write_all(b"expect: 100-continue\r\n\r\n").unwrap();
        let mut interim = [0; 25];
        client.read_exact(&mut interim).unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        client.write_all(b"ok").unwrap();
        assert_eq!(harness::read_reply(&mut client), (200, "ok".into()));
    }

    fn drains_what_is_in_flight_and_closes_what_is_idle(server) {
        let mut idle = server.connect();
        idle.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        assert_eq!(harness::read_reply(&mut idle).0, 200);
        let mut busy = server.connect();
        busy.write_all(b"GET /thread?100 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        server.until(|stats| stats.in_flight == 1);
        server.stop();
        assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0, "the idle connection is closed");
        let mut reply = Vec::new();
        busy.read_to_end(&mut reply).unwrap();
        assert_eq!(status_of(&reply), 200);
        assert!(String::from_utf8_lossy(&reply).contains("connection: close"));
        server.join();
    }

    fn a_stop_during_accepts_loses_no_connection(server) {
        let address = server.address;
        let clients: Vec<_> = (0..8).map(|_| thread::spawn(move || {
            let mut answered = 0;
            loop {
                let Ok(mut client) = std::net::TcpStream::connect(address) else { return answered };
                let sent = client.write_all(b"GET /a HTTP/1.0\r\n\r\n");
                let mut reply = Vec::new();
                if sent.is_err() || client.read_to_end(&mut reply).is_err() || reply.is_empty() {
                    return answered;
                }
                assert_eq!(status_of(&reply), 200);
                answered += 1;
            }
        })).collect();
        thread::sleep(Duration::from_millis(100));
        server.stop();
        server.join();
        assert!(clients.into_iter().all(|client| client.join().unwrap() > 0));
    }

    fn keeps_no_descriptor_of_a_closed_connection(server) {
        server.get("/a");
        let before = harness::open_sockets();
        for _ in 0..100 {
            let mut client = server.connect();
            client.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            harness::read_reply(&mut client);
        }
        server.until(|stats| stats.connections == 0);
        // Other tests of this process open sockets too.
        assert!(harness::open_sockets() < before + 60);
    }
}

#[test]
fn a_slow_head_is_answered_408() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"header_timeout": 0.3}"#);
        let mut client = server.connect();
        let began = Instant::now();
        // One byte at a time does not move a head's deadline.
        while began.elapsed() < Duration::from_millis(200) {
            client.write_all(b"G").unwrap();
            thread::sleep(Duration::from_millis(40));
        }
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(status_of(&reply), 408);
        assert!(String::from_utf8_lossy(&reply).contains("connection: close"));
        assert!(began.elapsed() >= Duration::from_millis(300));
    }
}

#[test]
fn a_body_that_stops_coming_is_answered_408() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"body_timeout": 0.2}"#);
        let mut client = server.connect();
        client
            .write_all(b"POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc")
            .unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(status_of(&reply), 408);
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"idle_timeout": 0.2}"#);
        let mut client = server.connect();
        client
            .write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        assert_eq!(harness::read_reply(&mut client).0, 200);
        let began = Instant::now();
        assert_eq!(client.read(&mut [0; 16]).unwrap(), 0);
        assert!(began.elapsed() >= Duration::from_millis(150));
    }
}

#[test]
fn a_late_host_is_answered_504_and_the_connection_kept() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"request_timeout": 0.1}"#);
        let mut client = server.connect();
        client
            .write_all(b"GET /thread?300 HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        assert_eq!(harness::read_reply(&mut client).0, 504);
        assert_eq!(server.seen.cancels.load(Ordering::SeqCst), 1);
        client
            .write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        assert_eq!(harness::read_reply(&mut client), (200, "/a".into()));
        server.until(|stats| stats.orphans == 0);
    }
}

#[test]
fn a_client_that_reads_nothing_is_dropped() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"write_timeout": 0.3}"#);
        let mut client = server.connect();
        // Replies of 8 MB each that nobody reads: the kernel's buffers fill, then time runs out.
        for _ in 0..4 {
            client
                .write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
        }
        thread::sleep(Duration::from_millis(800));
        let mut replies = Vec::new();
        // The end is a reset where the kernel still held bytes of ours.
        let _ = client.read_to_end(&mut replies);
        assert!(
            !replies.is_empty() && replies.len() < 32 << 20,
            "{} bytes",
            replies.len()
        );
        server.until(|stats| stats.connections == 0);
    }
}

#[test]
fn calls_over_the_limit_are_answered_503() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"max_in_flight": 2}"#);
        let clients: Vec<_> = (0..3)
            .map(|_| {
                let mut client = server.connect();
                client
                    .write_all(b"GET /thread?150 HTTP/1.1\r\nhost: x\r\n\r\n")
                    .unwrap();
                client
            })
            .collect();
        let mut statuses: Vec<u16> = clients
            .into_iter()
            .map(|mut client| harness::read_reply(&mut client).0)
            .collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 503]);
    }
}

#[test]
fn a_turn_ends_when_its_calls_are_spent_and_nothing_stalls() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"turn_calls_max": 1}"#);
        let mut client = server.connect();
        client
            .write_all(&b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50))
            .unwrap();
        for _ in 0..50 {
            assert_eq!(harness::read_reply(&mut client).0, 200);
        }
    }
}

#[test]
fn connections_over_the_limit_wait_in_the_queue() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"max_connections": 1}"#);
        let mut first = server.connect();
        first
            .write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        assert_eq!(harness::read_reply(&mut first).0, 200);
        let mut second = server.connect();
        second
            .write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
            .unwrap();
        second
            .set_read_timeout(Some(Duration::from_millis(150)))
            .unwrap();
        assert!(second.read(&mut [0; 16]).is_err(), "the second waits");
        drop(first);
        second
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        assert_eq!(harness::read_reply(&mut second).0, 200);
    }
}

#[test]
fn a_dropped_worker_gives_back_every_descriptor() {
    for engine in engines() {
        // The first one of each engine may open what the process keeps.
        harness::make_and_drop_worker(engine);
        let before = harness::open_descriptors();
        for _ in 0..32 {
            harness::make_and_drop_worker(engine);
        }
        // Other tests of this process open descriptors too, but far fewer than 4 for each of 32.
        assert!(harness::open_descriptors() < before + 64);
    }
}
