//! Large files that are compressed as they are sent: what fixtures cannot show, as it concerns
//! memory, other clients, old ones, what happens to the file meanwhile, and decoders of others.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spikard::{App, Level, Log, Server, ServerConfig};

/// Keeps what is worth a warning.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl Log for Kept {
    fn log(&self, level: Level, line: &str) {
        if level == Level::Warn {
            self.0.lock().expect("no panic").push(line.to_owned());
        }
    }
}

fn serve(directory: &Path, engine: &str, compression: &Value, log: &Kept) -> Server {
    let config = json!({
        "static_files": [{ "directory": directory, "route_prefix": "/" }],
        "compression": compression, "port": 0, "engine": engine,
    });
    let mut app = App::new();
    app.log(log.clone());
    let config = ServerConfig::from_value(&config).expect("a valid configuration");
    app.start(config).expect("the engine works here")
}

fn ask(server: &Server, head: &str) -> TcpStream {
    let mut client = TcpStream::connect(server.address()).expect("the server listens");
    let patience = Some(Duration::from_secs(30));
    client.set_read_timeout(patience).expect("a socket option");
    write!(client, "{head}\r\nhost: x\r\n\r\n").expect("the server reads");
    client
}

/// Digits, which shrink to a half and no further.
fn digits(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    let step = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'0' + (state >> 24) as u8 % 10
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// Held by each test, and alone by the one that looks at the memory of them all.
static MEMORY: RwLock<()> = RwLock::new(());

fn together() -> RwLockReadGuard<'static, ()> {
    MEMORY.read().unwrap_or_else(PoisonError::into_inner)
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.map_or(0, |pages: u64| pages * 4096)
}

#[test]
fn a_client_that_takes_its_time_costs_no_memory() {
    let _alone = MEMORY.write().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let mut file = File::create(folder.path().join("large.txt")).unwrap();
    file.write_all(&digits(64 << 20)).unwrap();
    file.set_len(1 << 30).unwrap();
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}), &Kept::default());
        let mut client = ask(&server, "GET /large.txt HTTP/1.1\r\naccept-encoding: gzip");
        let mut block = vec![0; 64 * 1024];
        client.read_exact(&mut block).unwrap();
        let before = resident_bytes();
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(50));
            client.read_exact(&mut block).unwrap();
        }
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 8 << 20, "{engine}: {grown} bytes more");
    }
}

#[test]
fn nobody_else_waits_for_the_encoder() {
    let _together = together();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large.txt"), digits(2 << 20)).unwrap();
    fs::write(folder.path().join("small.txt"), "small").unwrap();
    for engine in common::engines() {
        let server = serve(
            folder.path(),
            engine,
            &json!({ "quality": 11 }),
            &Kept::default(),
        );
        let _busy = ask(&server, "GET /large.txt HTTP/1.1\r\naccept-encoding: br");
        std::thread::sleep(Duration::from_millis(100));
        let slowest = (0..20).map(|_| {
            let began = Instant::now();
            let mut client = ask(&server, "GET /small.txt HTTP/1.0");
            let mut reply = String::new();
            client.read_to_string(&mut reply).unwrap();
            assert!(reply.ends_with("small"), "{reply}");
            began.elapsed()
        });
        // A step of this takes a second in a build for tests; a machine that is busy takes some.
        let slowest = slowest.max().unwrap();
        assert!(
            slowest < Duration::from_millis(400),
            "{engine}: {slowest:?}"
        );
    }
}

#[test]
fn a_file_that_becomes_shorter_ends_without_a_last_chunk() {
    let _together = together();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.txt");
    for engine in common::engines() {
        fs::write(&path, digits(32 << 20)).unwrap();
        let log = Kept::default();
        let server = serve(folder.path(), engine, &json!({}), &log);
        let mut client = ask(&server, "GET /large.txt HTTP/1.1\r\naccept-encoding: gzip");
        let mut reply = vec![0; 100_000];
        client.read_exact(&mut reply).unwrap();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1000)
            .unwrap();
        // A reset would be an end as well.
        let _ = client.read_to_end(&mut reply);
        assert!(
            !reply.ends_with(b"\r\n0\r\n\r\n"),
            "{engine}: it ends as if it were whole"
        );
        common::eventually("the log says so", || {
            let lines = log.0.lock().expect("no panic");
            lines
                .iter()
                .any(|line| line.contains("could not be read on"))
        });
    }
}

#[test]
fn a_client_without_chunks_gets_the_file_as_it_is() {
    let _together = together();
    let folder = tempfile::tempdir().unwrap();
    let content = digits(300_000);
    fs::write(folder.path().join("large.txt"), &content).unwrap();
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}), &Kept::default());
        let mut client = ask(&server, "GET /large.txt HTTP/1.0\r\naccept-encoding: gzip");
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert!(reply.ends_with(&content));
        let head = String::from_utf8_lossy(&reply[..reply.len() - content.len()]);
        assert!(head.contains("content-length: 300000\r\n"), "{head}");
        assert!(head.contains("vary: Accept-Encoding\r\n"), "{head}");
        assert!(!head.contains("content-encoding"), "{head}");
    }
}

#[test]
fn decoders_of_others_read_it() {
    let _together = together();
    let folder = tempfile::tempdir().unwrap();
    let content = digits(1 << 20);
    fs::write(folder.path().join("large.txt"), &content).unwrap();
    let python = "import sys, urllib.request, zlib\n\
        request = urllib.request.Request(sys.argv[1], headers={'Accept-Encoding': 'gzip'})\n\
        reply = urllib.request.urlopen(request)\n\
        assert reply.headers['Content-Encoding'] == 'gzip', reply.headers\n\
        decoder = zlib.decompressobj(31)\n\
        sys.stdout.buffer.write(decoder.decompress(reply.read()) + decoder.flush())\n\
        assert decoder.eof and not decoder.unused_data";
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}), &Kept::default());
        let url = format!("http://{}/large.txt", server.address());
        let curl = ["-s", "--fail", "--compressed", url.as_str()];
        for (program, arguments) in [("curl", &curl[..]), ("python3", &["-c", python, &url])] {
            let output = Command::new(program).args(arguments).output();
            let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
            assert!(output.status.success(), "{program}: {output:?}");
            assert!(
                output.stdout == content,
                "{program} on {engine}: the content differs"
            );
        }
    }
}
