//! Futures on tokio, awaited by handlers: they answer, are aborted, and fail alone.

mod common;
#[path = "../examples/visits.rs"]
mod visits;

use std::future::pending;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use common::{PATIENCE, begin, engines, eventually, everywhere, read_until, serve};
use serde_json::json;
use spikard::{App, TestClient};
use tokio::sync::Barrier;

/// How many bridged futures wait for each other at once.
const TOGETHER: usize = 1000;

/// Sends a word when it is dropped.
struct Dropped(Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        // A test that has ended does not listen.
        let _ = self.0.send(());
    }
}

fn app(dropped: Sender<()>) -> App {
    let mut app = App::new();
    app.log(common::Lines::default());
    let barrier = Arc::new(Barrier::new(TOGETHER));
    app.get("/together", move || {
        let barrier = barrier.clone();
        async move {
            let futures: Vec<_> = (0..TOGETHER / 10)
                .map(|_| {
                    let barrier = barrier.clone();
                    spikard::tokio(async move { barrier.wait().await.is_leader() })
                })
                .collect();
            let mut leaders = 0;
            for future in futures {
                leaders += usize::from(future.await);
            }
            format!("{leaders} leaders")
        }
    });
    app.get("/wait", async || {
        spikard::tokio(async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            std::thread::current().name().unwrap_or_default().to_owned()
        })
        .await
    });
    app.get("/panic", async || {
        let panic = || -> String { panic!("a secret") };
        spikard::tokio(async move { panic() }).await
    });
    app.get("/never", move || {
        let held = Dropped(dropped.clone());
        async move {
            spikard::tokio(async move {
                pending::<()>().await;
                drop(held);
            })
            .await;
        }
    });
    app
}

#[test]
fn a_future_runs_on_tokio_and_wakes_its_handler() {
    everywhere(
        || app(channel().0),
        |client| {
            let reply = client.get("/wait").send();
            assert_eq!(reply.text(), "spikard-tokio");
        },
    );
}

#[test]
fn a_panic_on_tokio_costs_one_request() {
    everywhere(
        || app(channel().0),
        |client| {
            let reply = client.get("/panic").send();
            assert_eq!(reply.status(), 500);
            assert!(!reply.text().contains("secret"), "{}", reply.text());
            assert_eq!(client.get("/wait").send().status(), 200);
        },
    );
}

#[test]
fn a_thousand_futures_wait_at_once() {
    for engine in engines() {
        let server = serve(app(channel().0), engine, json!({"workers": 2}));
        let mut streams: Vec<TcpStream> = (0..10).map(|_| begin(&server, "/together")).collect();
        let leaders: usize = streams
            .iter_mut()
            .map(|stream| {
                let reply = read_until(stream, " leaders");
                let number = reply.trim_end_matches(" leaders").rsplit('\n').next();
                number.and_then(|number| number.parse::<usize>().ok())
            })
            .map(|leaders| leaders.expect("a number"))
            .sum();
        assert_eq!(leaders, 1, "{engine}");
    }
}

#[test]
fn a_handlers_end_aborts_its_future() {
    for engine in engines() {
        let (dropped, word) = channel();
        let server = serve(app(dropped), engine, json!({"request_timeout": 0.05}));
        let mut stream = begin(&server, "/never");
        read_until(&mut stream, "handler-timeout");
        word.recv_timeout(PATIENCE)
            .expect("aborted at the deadline");
        drop(server);

        let (dropped, word) = channel();
        let server = serve(app(dropped), engine, json!({"max_in_flight": 1}));
        let stream = begin(&server, "/never");
        eventually("the only slot is taken", || {
            read_until(&mut begin(&server, "/wait"), "\r\n\r\n").starts_with("HTTP/1.1 503")
        });
        let linger = Some(Duration::ZERO);
        let socket = socket2::SockRef::from(&stream);
        socket.set_linger(linger).expect("a socket option");
        drop(stream);
        word.recv_timeout(PATIENCE).expect("aborted for the client");
    }
}

/// A Redis of this test's own, which ends with it.
struct Redis {
    process: Child,
    address: String,
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn redis() -> Option<Redis> {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port().to_string();
    let started = Command::new("redis-server")
        .args([
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
        ])
        .stdout(Stdio::null())
        .spawn();
    let process = match started {
        Ok(process) => process,
        Err(error) => {
            let all = std::env::var("SPIKARD_REQUIRE").is_ok_and(|value| value == "all");
            assert!(!all, "SPIKARD_REQUIRE=all: redis-server: {error}");
            println!("skipped: redis-server: {error}; apt-get install redis-server");
            return None;
        }
    };
    let address = format!("127.0.0.1:{port}");
    let redis = Redis { process, address };
    eventually("Redis listens", || {
        TcpStream::connect(&redis.address).is_ok()
    });
    Some(redis)
}

#[test]
fn a_real_client_counts_in_a_real_redis() {
    let Some(redis) = redis() else { return };
    let url = format!("redis://{}", redis.address);
    let mut count = 0;
    for engine in engines() {
        let app = visits::app(&url).expect("an address");
        let config = common::config(json!({"engine": engine}));
        let client = TestClient::over_socket(app, config).expect("a server");
        for _ in 0..20 {
            count += 1;
            let reply = client.post("/visits/home").send();
            assert_eq!(reply.json(), json!({"page": "home", "visits": count}));
        }
    }
    let away = visits::app("redis://127.0.0.1:1").expect("an address");
    let client = TestClient::new(away).expect("an application");
    assert_eq!(client.post("/visits/home").send().status(), 503);
}
