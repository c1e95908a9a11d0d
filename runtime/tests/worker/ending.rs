//! How a worker goes: what it owes to clients that it told nothing yet, and to a sibling's.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use crate::harness::{self, Server, engines, status_of};

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n";

fn asked(server: &Server) -> TcpStream {
    let mut client = server.connect();
    client.write_all(REQUEST).expect("the server reads");
    assert_eq!(harness::read_reply(&mut client).0, 200);
    client
}

fn all_of(client: &mut TcpStream) -> String {
    let mut reply = Vec::new();
    client.read_to_end(&mut reply).expect("no reset");
    String::from_utf8(reply).expect("text")
}

#[test]
fn a_leaving_worker_announces_the_end_of_each_connection() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"shutdown_timeout": 20}"#);
        let (mut idle, mut fresh) = (asked(&server), server.connect());
        let mut busy = server.connect();
        let slow = b"GET /thread?100 HTTP/1.1\r\nhost: x\r\n\r\n";
        busy.write_all(slow).unwrap();
        server.until(|stats| stats.in_flight == 1 && stats.connections == 3);
        server.leave();
        // Long after the order, the next request on it is answered, and so is the very first.
        assert!(all_of(&mut busy).contains("connection: close"));
        thread::sleep(Duration::from_millis(100));
        for client in [&mut idle, &mut fresh] {
            client.write_all(REQUEST).unwrap();
            let reply = all_of(client);
            assert_eq!(status_of(reply.as_bytes()), 200);
            assert!(reply.contains("connection: close"), "{reply}");
        }
        drop((idle, fresh, busy));
        server.join();
    }
}

#[test]
fn a_leaving_worker_closes_who_stays_silent_until_its_time_is_over() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"shutdown_timeout": 0.3}"#);
        let mut idle = asked(&server);
        let began = Instant::now();
        server.leave();
        assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
        let waited = began.elapsed();
        assert!(waited >= Duration::from_millis(290), "{waited:?}");
        server.join();
        assert!(began.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_leaving_worker_that_is_told_to_stop_closes_what_is_idle() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"shutdown_timeout": 60}"#);
        let mut idle = asked(&server);
        server.leave();
        server.stop();
        assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
        server.join();
    }
}

#[test]
fn pipelined_requests_behind_the_last_reply_do_not_cost_it() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"shutdown_timeout": 5}"#);
        let mut client = asked(&server);
        server.leave();
        thread::sleep(Duration::from_millis(50)); // It has heard the order by then.
        client.write_all(&REQUEST.repeat(50)).unwrap();
        client.write_all(&REQUEST.repeat(50)).unwrap();
        let reply = all_of(&mut client);
        assert_eq!(reply.matches("HTTP/1.1 200").count(), 1);
        assert!(reply.contains("connection: close"), "{reply}");
        drop(client);
        server.join();
    }
}

#[test]
fn what_had_arrived_at_a_stop_is_answered() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"turn_calls_max": 1}"#);
        let mut clients: Vec<_> = (0..32).map(|_| asked(&server)).collect();
        for client in &mut clients {
            client.write_all(REQUEST).unwrap();
        }
        server.stop();
        for client in &mut clients {
            assert_eq!(status_of(all_of(client).as_bytes()), 200);
        }
        drop(clients);
        server.join();
    }
}

#[test]
fn a_connection_that_was_just_accepted_may_still_ask_after_a_stop() {
    for engine in engines() {
        let server = Server::start(engine, "{}");
        let (mut early, mut silent) = (server.connect(), server.connect());
        server.until(|stats| stats.connections == 2);
        server.stop();
        thread::sleep(Duration::from_millis(50));
        early.write_all(REQUEST).unwrap();
        assert!(all_of(&mut early).contains("connection: close"));
        drop(early);
        let began = Instant::now();
        assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
        server.join();
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "it waits for the silent"
        );
    }
}

#[test]
fn an_announced_stop_serves_on_and_ends_each_connection_with_its_next_reply() {
    for engine in engines() {
        let server = Server::start(engine, r#"{"drain_delay": 0.5, "shutdown_timeout": 5}"#);
        let mut idle = asked(&server);
        let began = Instant::now();
        server.stop();
        server.stop(); // Told twice, as by a service manager and by a parent: not sooner.
        thread::sleep(Duration::from_millis(100)); // It has heard the order by then.
        idle.write_all(REQUEST).unwrap();
        assert!(all_of(&mut idle).contains("connection: close"));
        let mut fresh = server.connect();
        fresh.write_all(REQUEST).unwrap();
        let reply = all_of(&mut fresh);
        assert_eq!(status_of(reply.as_bytes()), 200);
        assert!(reply.contains("connection: close"), "{reply}");
        drop((idle, fresh));
        server.join();
        let took = began.elapsed();
        assert!(took >= Duration::from_millis(490), "{took:?}");
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(TcpStream::connect(server.address).is_err());
    }
}

#[test]
fn an_announced_stop_can_be_hurried_and_forced() {
    for engine in engines() {
        let config = r#"{"drain_delay": 60, "shutdown_timeout": 60}"#;
        let server = Server::start(engine, config);
        server.stop();
        server.stop_now();
        server.join();

        let server = Server::start(engine, config);
        let mut idle = asked(&server);
        server.stop();
        thread::sleep(Duration::from_millis(50));
        server.force();
        assert_eq!(idle.read(&mut [0; 16]).unwrap_or(0), 0);
        server.join();

        // One that leaves has no traffic to turn away.
        let server = Server::start(engine, config);
        let mut idle = asked(&server);
        server.leave();
        server.stop();
        assert_eq!(idle.read(&mut [0; 16]).unwrap(), 0);
        server.join();
    }
}

#[test]
fn a_stop_that_is_not_graceful_is_not_announced() {
    for engine in engines() {
        let config = r#"{"drain_delay": 60, "graceful_shutdown": false}"#;
        let server = Server::start(engine, config);
        server.stop();
        server.join();
    }
}

#[test]
fn adopts_a_siblings_listener_until_it_is_released() {
    for engine in engines() {
        let server = Server::start(engine, "{}");
        let address = server.adopt(1);
        let other = server.adopt(2);
        for address in [address, server.address, other] {
            let mut client = TcpStream::connect(address).unwrap();
            client.write_all(REQUEST).unwrap();
            assert_eq!(harness::read_reply(&mut client).0, 200);
        }
        server.release(1);
        // With its last descriptor the listener ends: this one had no other holder.
        let began = Instant::now();
        while TcpStream::connect(address).is_ok() {
            assert!(began.elapsed() < Duration::from_secs(5), "it still accepts");
            thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(server.get("/a").0, 200);
        server.stop();
        server.join();
        assert!(TcpStream::connect(other).is_err());
    }
}

#[test]
fn serves_a_unix_socket_as_any_other() {
    for engine in engines() {
        let server = Server::start(engine, "{}");
        let name = format!("spikard-{}-{engine:?}", std::process::id());
        let path = std::env::temp_dir().join(name);
        server.adopt_unix(1, &path);
        let asked: Vec<_> = (0..3)
            .map(|_| {
                let mut client = UnixStream::connect(&path).unwrap();
                client
                    .set_read_timeout(Some(Duration::from_secs(10)))
                    .unwrap();
                client.write_all(&REQUEST.repeat(2)).unwrap();
                client
                    .write_all(b"GET /thread?20 HTTP/1.1\r\nhost: x\r\n\r\n")
                    .unwrap();
                client
            })
            .collect();
        for mut client in asked {
            client.shutdown(std::net::Shutdown::Write).unwrap();
            let mut reply = String::new();
            client.read_to_string(&mut reply).unwrap();
            assert_eq!(reply.matches("HTTP/1.1 200").count(), 3, "{reply}");
        }
        server.until(|stats| stats.connections == 0);
        server.stop();
        server.join();
        std::fs::remove_file(&path).unwrap();
    }
}
