//! Handlers that wait: sleeps, wake-ups from everywhere, clients that leave, panics, the pool.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io::Write;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::{Lines, begin, engines, eventually, everywhere, read_until, serve};
use serde_json::json;
use spikard::{App, Path, Request, sleep};

const MOMENT: Duration = Duration::from_millis(50);

#[test]
fn a_sleeping_handler_holds_nobody_up() {
    for engine in engines() {
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/slow", async || {
            sleep(MOMENT * 4).await;
            "slow"
        });
        app.get("/fast", || "fast");
        let server = serve(app, engine, json!({}));
        let begun = Instant::now();
        let mut slow: Vec<_> = (0..50).map(|_| begin(&server, "/slow")).collect();
        read_until(&mut begin(&server, "/fast"), "fast");
        assert!(begun.elapsed() < MOMENT * 4, "{engine}");
        for stream in &mut slow {
            read_until(stream, "slow");
        }
        assert!(begun.elapsed() >= MOMENT * 4, "{engine}");
    }
}

#[test]
fn a_future_need_not_be_send() {
    everywhere(
        || {
            let mut app = App::new();
            app.get("/{name}", async |Path(name): Path<String>| {
                let shared = Rc::new(RefCell::new(name));
                sleep(Duration::from_millis(2)).await;
                shared.borrow_mut().push('!');
                Rc::try_unwrap(shared).unwrap().into_inner()
            });
            app
        },
        |client| assert_eq!(client.get("/a").send().text(), "a!"),
    );
}

/// A value that is given once, by whoever, to a future that waits for it.
#[derive(Clone, Default)]
struct Gift(Arc<Mutex<(bool, Option<Waker>)>>);

impl Gift {
    fn give(&self) {
        let waker = {
            let mut inner = self.0.lock().unwrap();
            inner.0 = true;
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn is_awaited(&self) -> bool {
        self.0.lock().unwrap().1.is_some()
    }

    async fn taken(&self) {
        poll_fn(|cx| {
            let mut inner = self.0.lock().unwrap();
            if std::mem::take(&mut inner.0) {
                return Poll::Ready(());
            }
            inner.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn a_foreign_thread_wakes() {
    everywhere(
        || {
            let mut app = App::new();
            app.get("/", async || {
                let gift = Gift::default();
                let giver = gift.clone();
                thread::spawn(move || {
                    eventually("the future waits", || giver.is_awaited());
                    giver.give();
                });
                gift.taken().await;
                "woken"
            });
            app
        },
        |client| {
            for _ in 0..50 {
                assert_eq!(client.get("/").send().text(), "woken");
            }
        },
    );
}

#[test]
fn another_handler_on_the_same_ring_wakes() {
    for engine in engines() {
        let gift = Gift::default();
        let (taker, giver) = (gift.clone(), gift.clone());
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/take", move || {
            let gift = taker.clone();
            async move {
                gift.taken().await;
                "taken"
            }
        });
        app.get("/give", move || giver.give());
        let server = serve(app, engine, json!({}));
        for _ in 0..50 {
            let mut taker = begin(&server, "/take");
            eventually("the future waits", || gift.is_awaited());
            read_until(&mut begin(&server, "/give"), "null");
            read_until(&mut taker, "taken");
        }
    }
}

#[test]
fn a_future_wakes_itself_while_it_is_polled() {
    everywhere(
        || {
            let mut app = App::new();
            app.get("/", async || {
                let mut left = 1000;
                poll_fn(|cx| {
                    if left == 0 {
                        return Poll::Ready(());
                    }
                    left -= 1;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
                "yielded"
            });
            app
        },
        |client| assert_eq!(client.get("/").send().text(), "yielded"),
    );
}

#[test]
fn a_busy_future_does_not_starve_the_worker() {
    for engine in engines() {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = is_over.clone();
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/spin", move || {
            let seen = seen.clone();
            poll_fn(move |cx| {
                if seen.load(Ordering::Relaxed) {
                    return Poll::Ready("over");
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        });
        app.get("/fast", || "fast");
        let server = serve(app, engine, json!({}));
        let mut spinning = begin(&server, "/spin");
        read_until(&mut begin(&server, "/fast"), "fast");
        is_over.store(true, Ordering::Relaxed);
        read_until(&mut spinning, "over");
    }
}

#[test]
fn late_wakes_hurt_nobody() {
    for engine in engines() {
        let kept: Arc<Mutex<Vec<Waker>>> = Arc::default();
        let keeper = kept.clone();
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/", move || {
            let keeper = keeper.clone();
            let mut is_first = true;
            poll_fn(move |cx| {
                keeper.lock().unwrap().push(cx.waker().clone());
                if !std::mem::take(&mut is_first) {
                    return Poll::Ready("done");
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        });
        let server = serve(app, engine, json!({}));
        for _ in 0..3 {
            read_until(&mut begin(&server, "/"), "done");
            kept.lock().unwrap().iter().for_each(Waker::wake_by_ref);
        }
        drop(server);
        kept.lock().unwrap().drain(..).for_each(Waker::wake);
    }
}

/// Counts values that were dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn never(count: &Arc<AtomicUsize>) -> App {
    let mut app = App::new();
    app.log(Lines::default());
    let count = count.clone();
    app.get("/never", move || {
        let held = Dropped(count.clone());
        async move {
            pending::<()>().await;
            drop(held);
        }
    });
    app.get("/fast", || "fast");
    app
}

#[test]
fn the_future_of_a_client_that_left_is_dropped() {
    for engine in engines() {
        let count = Arc::default();
        let server = serve(never(&count), engine, json!({"max_in_flight": 1}));
        let stream = begin(&server, "/never");
        eventually("the only slot is taken", || {
            read_until(&mut begin(&server, "/fast"), "\r\n\r\n").starts_with("HTTP/1.1 503")
        });
        // Unread bytes and a close make a reset, which nobody can mistake for a half-close.
        socket_reset(stream);
        eventually("the future is dropped", || {
            count.load(Ordering::SeqCst) == 1
        });
        eventually("its slot is free", || {
            read_until(&mut begin(&server, "/fast"), "\r\n\r\n").starts_with("HTTP/1.1 200")
        });
    }
}

fn socket_reset(stream: std::net::TcpStream) {
    socket2::SockRef::from(&stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(stream);
}

#[test]
fn a_half_closed_client_still_gets_its_reply() {
    for engine in engines() {
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/", async || {
            sleep(MOMENT).await;
            "late"
        });
        let server = serve(app, engine, json!({}));
        let mut stream = begin(&server, "/");
        stream.shutdown(Shutdown::Write).unwrap();
        read_until(&mut stream, "late");
    }
}

#[test]
fn a_late_handler_is_answered_for_and_dropped() {
    for engine in engines() {
        let count = Arc::default();
        let server = serve(never(&count), engine, json!({"request_timeout": 0.05}));
        let mut stream = begin(&server, "/never");
        read_until(&mut stream, "handler-timeout");
        eventually("the future is dropped", || {
            count.load(Ordering::SeqCst) == 1
        });
        write!(stream, "GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        read_until(&mut stream, "fast");
    }
}

#[test]
fn a_forced_end_drops_what_waits() {
    for engine in engines() {
        let count = Arc::default();
        let server = serve(never(&count), engine, json!({}));
        let idle = Arc::strong_count(&count);
        let streams: Vec<_> = (0..3).map(|_| begin(&server, "/never")).collect();
        eventually("three futures wait", || {
            Arc::strong_count(&count) == idle + 3
        });
        server.force();
        server.wait().unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 3, "{engine}");
        drop(streams);
    }
}

#[test]
fn a_graceful_end_finishes_what_is_in_flight() {
    for engine in engines() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/", move || {
            counter.fetch_add(1, Ordering::SeqCst);
            async {
                sleep(MOMENT * 2).await;
                "finished"
            }
        });
        let server = serve(app, engine, json!({"workers": 2}));
        let mut streams: Vec<_> = (0..8).map(|_| begin(&server, "/")).collect();
        eventually("all have begun", || begun.load(Ordering::SeqCst) == 8);
        server.stop();
        for stream in &mut streams {
            let reply = read_until(stream, "finished");
            assert!(reply.contains("connection: close\r\n"), "{reply}");
        }
        server.wait().unwrap();
    }
}

#[test]
fn a_panic_costs_one_request() {
    for engine in engines() {
        let lines = Lines::default();
        let mut app = App::new();
        app.log(lines.clone());
        app.get("/now", || -> &'static str { panic!("at once") })
            .name("now");
        app.get("/first", async || -> &'static str { panic!("at first") })
            .name("first");
        app.get("/later", async || -> &'static str {
            sleep(Duration::from_millis(1)).await;
            panic!("later\non")
        })
        .name("later");
        app.get("/pool", || -> &'static str { panic!("on {}", "the pool") })
            .name("pool")
            .blocking();
        app.get("/fast", || "fast");
        let server = serve(app, engine, json!({}));
        for (target, text) in [
            ("/now", "panicked: at once"),
            ("/first", "panicked: at first"),
            ("/later", "panicked: later on"),
            ("/pool", "panicked: on the pool"),
        ] {
            let mut stream = begin(&server, target);
            let reply = read_until(&mut stream, "\"Internal server error\"}");
            assert!(
                reply.starts_with("HTTP/1.1 500") && !reply.contains("panicked"),
                "{reply}"
            );
            let id = reply
                .split("x-request-id: ")
                .nth(1)
                .unwrap()
                .split('\r')
                .next()
                .unwrap();
            let has_line = |line: &String| line.contains(text) && line.contains(id);
            assert!(lines.all().iter().any(has_line), "{:?}", lines.all());
            write!(stream, "GET /fast HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            read_until(&mut stream, "fast");
        }
    }
}

#[test]
fn blocking_handlers_run_beside_the_ring() {
    for engine in engines() {
        let mut app = App::new();
        app.log(Lines::default());
        fn name() -> String {
            thread::current().name().unwrap_or_default().to_owned()
        }
        app.get("/ring", name);
        app.get("/pool", |_: Request| {
            thread::sleep(MOMENT);
            name()
        })
        .blocking();
        app.get("/both", async || {
            sleep(Duration::from_millis(1)).await;
            name()
        })
        .blocking();
        let server = serve(
            app,
            engine,
            json!({"blocking_threads": 2, "queue_timeout": 0.2}),
        );
        read_until(&mut begin(&server, "/ring"), "spikard-worker-0");
        read_until(&mut begin(&server, "/both"), "spikard-pool");
        let begun = Instant::now();
        let mut streams: Vec<_> = (0..4).map(|_| begin(&server, "/pool")).collect();
        read_until(&mut begin(&server, "/ring"), "spikard-worker-0");
        for stream in &mut streams {
            read_until(stream, "spikard-pool");
        }
        assert!(
            begun.elapsed() >= MOMENT * 2,
            "{engine}: two threads, four sleeps"
        );
    }
}

#[test]
fn a_full_pool_answers_503_in_time() {
    for engine in engines() {
        let mut app = App::new();
        app.log(Lines::default());
        let is_taken = Arc::new(AtomicBool::new(false));
        let (open, gate) = channel::<()>();
        let (taken, gate) = (is_taken.clone(), Mutex::new(gate));
        app.get("/", move || {
            taken.store(true, Ordering::SeqCst);
            gate.lock().unwrap().recv().unwrap();
        })
        .blocking();
        let server = serve(
            app,
            engine,
            json!({"blocking_threads": 1, "queue_timeout": 0.05}),
        );
        let mut first = begin(&server, "/");
        eventually("the only thread is taken", || {
            is_taken.load(Ordering::SeqCst)
        });
        let begun = Instant::now();
        let reply = read_until(&mut begin(&server, "/"), "}");
        assert!(reply.starts_with("HTTP/1.1 503"), "{reply}");
        assert!(reply.contains("retry-after: 1"), "{reply}");
        assert!(
            begun.elapsed() >= MOMENT,
            "it was given the time of the queue"
        );
        open.send(()).unwrap();
        read_until(&mut first, "null");
    }
}

#[test]
fn an_application_can_serve_a_socket_it_is_given() {
    for engine in engines() {
        let mut app = App::new();
        app.log(Lines::default());
        app.get("/", |request: Request| {
            request.client().unwrap().ip().to_string()
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = app
            .start_on(common::config(json!({"engine": engine})), listener)
            .unwrap();
        read_until(&mut begin(&server, "/"), "\r\n\r\n127.0.0.1");
    }
}
