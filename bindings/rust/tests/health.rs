//! Readiness over a socket: a server that is being stopped says so to whoever still asks.

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{PATIENCE, engines, read_until, serve};
use serde_json::json;
use spikard::App;

#[test]
fn a_stop_that_is_announced_shows_at_the_probe_while_all_is_served() {
    for engine in engines() {
        let keys = json!({ "health": {}, "drain_delay": 1, "shutdown_timeout": 5 });
        let mut app = App::new();
        app.get("/", || "here");
        let server = serve(app, engine, keys);
        let address = server.address();
        let ask = |path: &str, end: &str| {
            let mut stream = TcpStream::connect(address).expect("it listens");
            let limit = stream.set_read_timeout(Some(PATIENCE));
            limit.expect("a socket has a timeout");
            write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("it reads");
            read_until(&mut stream, end)
        };
        assert!(ask("/readyz", "}").starts_with("HTTP/1.1 200"));
        let asked = Instant::now();
        server.stop();
        sleep(Duration::from_millis(100));
        assert!(ask("/readyz", "}").starts_with("HTTP/1.1 503"));
        assert!(ask("/livez", "}").starts_with("HTTP/1.1 200"));
        let reply = ask("/", "here");
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        assert!(reply.contains("connection: close\r\n"), "{reply}");
        server.wait().expect("it ends well");
        assert!(asked.elapsed() >= Duration::from_millis(990));
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_server_that_is_being_stopped_is_not_ready() {
    for engine in engines() {
        let server = serve(App::new(), engine, json!({ "health": {} }));
        let ask = |path: &str| {
            let mut stream = TcpStream::connect(server.address()).expect("it listens");
            let limit = stream.set_read_timeout(Some(PATIENCE));
            limit.expect("a socket has a timeout");
            let begun = write!(stream, "GET {path} HTTP/1.1\r\nhost: ");
            begun.expect("it reads");
            stream
        };
        let finish = |mut stream: TcpStream| {
            write!(stream, "localhost\r\n\r\n").expect("it reads");
            read_until(&mut stream, "}")
        };
        assert!(finish(ask("/readyz")).starts_with("HTTP/1.1 200"));
        // Requests that have begun are finished, and learn what there is to know.
        let (ready, live) = (ask("/readyz"), ask("/livez"));
        sleep(Duration::from_millis(100));
        server.stop();
        sleep(Duration::from_millis(100));
        let told = finish(ready);
        assert!(told.starts_with("HTTP/1.1 503"), "{told}");
        assert!(told.contains("retry-after: 1\r\n"), "{told}");
        assert!(told.contains("connection: close\r\n"), "{told}");
        assert!(finish(live).starts_with("HTTP/1.1 200"));
    }
}
