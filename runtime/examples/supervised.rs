//! A server of several processes in one small program: the parent starts this file again per
//! worker, and each worker answers every request with its process id.
//!
//! ```text
//! cargo run --example supervised -- 8080 4
//! ```
//!
//! Why: it shows what a binding has to do, and `tests/supervise.rs` runs it as real processes. The
//! further arguments (stop time in ms, manner) exist for those tests. It speaks just enough HTTP
//! for `curl` and knows nothing of the engine: a real worker waits in a ring, this one in threads.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use std::{env, thread};

use spikard_contract::config::ServerConfig;
use spikard_middleware::rate::{Key, Pace, Table, lines_for};
use spikard_middleware::{Level, Log};
use spikard_runtime::shared::{now_ns, of_process};
use spikard_runtime::supervise::{Control, Inherited, Order, Supervision, inherited, supervise};

/// Requests that are read or answered now.
static IN_HAND: AtomicUsize = AtomicUsize::new(0);

/// Counts one request for as long as it lives, also when its thread panics.
struct InHand;

impl InHand {
    fn new() -> Self {
        IN_HAND.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        IN_HAND.fetch_sub(1, Ordering::SeqCst);
    }
}

fn main() {
    // First of all, before any thread exists.
    match inherited() {
        Ok(Some(inherited)) => work(inherited),
        Ok(None) => process::exit(supervise(supervision())),
        Err(error) => {
            eprintln!("{error}");
            process::exit(2);
        }
    }
}

fn argument(position: usize, default: &str) -> String {
    env::args()
        .nth(position)
        .unwrap_or_else(|| default.to_owned())
}

fn number(position: usize, default: &str) -> usize {
    let text = argument(position, default);
    text.parse()
        .unwrap_or_else(|_| panic!("{text} is not a number"))
}

fn manner() -> String {
    argument(4, "serve")
}

fn supervision() -> Supervision {
    let program = match manner().as_str() {
        "missing" => "/nonexistent/program".into(),
        _ => env::current_exe().expect("this program has a path"),
    };
    let arguments = env::args_os().skip(1);
    Supervision {
        command: [program.into_os_string()]
            .into_iter()
            .chain(arguments)
            .collect(),
        config: ServerConfig {
            // The fifth is a document with whatever else is configured.
            port: u16::try_from(number(1, "8080")).expect("a port"),
            backlog: 128,
            shutdown_timeout: Duration::from_millis(number(3, "5000") as u64),
            ..ServerConfig::from_json(&argument(5, "{}")).expect("a valid configuration")
        },
        workers: number(2, "2"),
        log: Arc::new(Terminal),
    }
}

struct Terminal;

impl Log for Terminal {
    fn log(&self, level: Level, message: &str) {
        eprintln!("{level:?}: {message}");
    }
}

fn work(inherited: Inherited) {
    let is_away = |path: &str| !std::path::Path::new(path).exists();
    if manner() == "fail" || manner().strip_prefix("needs ").is_some_and(is_away) {
        eprintln!("this worker was told to fail");
        process::exit(7);
    }
    // `lazy` is how long it takes to start, in milliseconds.
    if let Some(ms) = manner().strip_prefix("lazy ") {
        thread::sleep(Duration::from_millis(ms.parse().expect("milliseconds")));
    }
    let Inherited {
        worker,
        listeners,
        control,
        ..
    } = inherited;
    let listeners: Vec<_> = listeners.into_iter().map(TcpListener::from).collect();
    // All are kept open for as long as the process lives, as a real worker does.
    let listeners = Listeners {
        accepting: listeners.iter().map(|_| AtomicBool::new(false)).collect(),
        listeners,
    };
    let listeners = Arc::new(listeners);
    listeners.accept(worker);
    if let Err(error) = control.ready("threads") {
        eprintln!("the parent is gone already: {error}");
    }
    obey(control, &listeners);
}

fn obey(mut control: Control, listeners: &Arc<Listeners>) {
    let deaf = manner() == "deaf";
    loop {
        match control.wait_order() {
            Ok(Order::Adopt(number)) => {
                eprintln!("worker pid {} accepts for worker {number}", process::id());
                listeners.accept(number);
            }
            Ok(Order::Release(number)) => listeners.stop(number),
            // It has no pages to show anything on.
            Ok(Order::Broken(_) | Order::Mended) => {}
            Ok(Order::Leave | Order::Stop | Order::StopNow | Order::Force) if deaf => {}
            Ok(Order::Leave | Order::Stop | Order::StopNow) => {
                let listeners = listeners.clone();
                drop(thread::spawn(move || leave_when_idle(&listeners)));
            }
            Ok(Order::Force) => process::exit(1),
            Ok(Order::ParentGone) => leave_when_idle(listeners),
            Err(error) => {
                eprintln!("no more orders can be read: {error}");
                leave_when_idle(listeners);
            }
        }
    }
}

fn leave_when_idle(listeners: &Listeners) {
    (0..listeners.listeners.len()).for_each(|number| listeners.stop(number));
    while IN_HAND.load(Ordering::SeqCst) > 0 {
        thread::sleep(Duration::from_millis(5));
    }
    process::exit(0);
}

/// The listeners of all workers, and which of them this one accepts from.
struct Listeners {
    listeners: Vec<TcpListener>,
    accepting: Vec<AtomicBool>,
}

impl Listeners {
    fn accept(self: &Arc<Self>, number: usize) {
        if !self.accepting[number].swap(true, Ordering::SeqCst) {
            let listeners = self.clone();
            // The loop counts as one, so that no request falls between it and the next.
            let accepting = InHand::new();
            thread::spawn(move || {
                let _accepting = accepting;
                while listeners.accepting[number].load(Ordering::SeqCst) {
                    accept(&listeners.listeners[number]);
                }
            });
        }
    }

    fn stop(&self, number: usize) {
        self.accepting[number].store(false, Ordering::SeqCst);
    }
}

fn accept(listener: &TcpListener) {
    match listener.accept() {
        Ok((stream, _)) => {
            let in_hand = InHand::new();
            thread::spawn(move || {
                let _in_hand = in_hand;
                // A client that leaves early is its own loss.
                let _ = answer(stream);
            });
        }
        // The listener is non-blocking, in every process that shares it. An event loop would wait
        // for it; an example may nap.
        Err(_) => thread::sleep(Duration::from_millis(5)),
    }
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    let body = match &request[..length] {
        line if line.starts_with(b"GET /slow ") => {
            thread::sleep(Duration::from_millis(1500));
            format!("{}\n", process::id())
        }
        line if line.starts_with(b"GET /child ") => of_child()?,
        line if line.starts_with(b"GET /limited ") => limited(),
        _ => format!("{}\n", process::id()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Whether this request is among the ten that all workers allow together.
fn limited() -> String {
    static TABLE: OnceLock<Table> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let memory = of_process();
        let lines = memory.lines(1, lines_for(100));
        let pace = Pace::new(0.001, 10);
        Table::new(lines.expect("the parent has memory"), memory.seed(), pace)
    });
    let verdict = table.take(Key::EVERYBODY, now_ns());
    format!(
        "{}\n",
        if verdict.allowed {
            "allowed"
        } else {
            "refused"
        }
    )
}

/// What a child of this worker finds in its environment and among its descriptors.
fn of_child() -> io::Result<String> {
    let script = r#"echo "variable: ${SPIKARD_WORKER-unset}"; ls -l /proc/self/fd"#;
    let output = Command::new("sh").args(["-c", script]).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
