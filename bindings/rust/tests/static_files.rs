//! Static files of a whole server: what fixtures cannot show, as it concerns memory, time, or what
//! happens to a file meanwhile; and what a client that is not ours makes of it.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use spikard::{App, Level, Log, Server, ServerConfig};

/// They measure memory and time, so one runs after the other.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Silent;

impl Log for Silent {
    fn log(&self, _: Level, _: &str) {}
}

fn serve(directory: &Path, engine: &str, mount: &Value) -> Server {
    let mut document = json!({ "directory": directory, "route_prefix": "/" });
    for (key, value) in mount.as_object().into_iter().flatten() {
        document[key] = value.clone();
    }
    let config = json!({ "static_files": [document], "port": 0, "engine": engine });
    let mut app = App::new();
    app.log(Silent);
    let config = ServerConfig::from_value(&config).expect("a valid configuration");
    app.start(config).expect("the engine works here")
}

fn ask(server: &Server, head: &str) -> TcpStream {
    let mut client = TcpStream::connect(server.address()).expect("the server listens");
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a socket option");
    write!(client, "{head}\r\nhost: x\r\n\r\n").expect("the server reads");
    client
}

/// Reads a head, byte by byte so that the body stays.
fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("the whole head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}

fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("a number");
    pages * 4096
}

#[test]
fn two_gigabytes_cost_no_memory_and_end_as_they_should() {
    let _alone = alone();
    const SIZE: u64 = 2 << 30;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse.bin");
    let file = File::create(&path).unwrap();
    file.set_len(SIZE).unwrap();
    file.write_all_at(b"the end", SIZE - 7).unwrap();
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}));
        let mut client = ask(&server, "GET /sparse.bin HTTP/1.1\r\nrange: bytes=-7");
        let reply = head(&mut client);
        assert!(reply.starts_with("HTTP/1.1 206 "), "{reply}");
        assert!(
            reply.contains("content-range: bytes 2147483641-2147483647/2147483648"),
            "{reply}"
        );
        let mut end = [0; 7];
        client.read_exact(&mut end).unwrap();
        assert_eq!(&end, b"the end");
        let mut client = ask(&server, "GET /sparse.bin HTTP/1.1");
        assert!(head(&mut client).contains("content-length: 2147483648"));
        let base = resident_bytes();
        let (mut left, mut peak) = (SIZE, base);
        let mut block = vec![0; 1 << 20];
        let mut last = 0;
        while left > 0 {
            let length = client.read(&mut block).unwrap();
            assert!(length > 0, "the file ends early");
            left -= length as u64;
            last = block[length - 1];
            peak = peak.max(resident_bytes());
        }
        assert_eq!(last, b'd');
        assert!(peak - base < 8 << 20, "{} MiB more", (peak - base) >> 20);
    }
}

#[test]
fn a_fifo_delays_nobody() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    let made = Command::new("mkfifo")
        .arg(folder.path().join("pipe"))
        .status();
    assert!(made.unwrap().success());
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}));
        let began = Instant::now();
        let mut clients: Vec<TcpStream> =
            (0..8).map(|_| ask(&server, "GET /pipe HTTP/1.1")).collect();
        let mut client = ask(&server, "GET /a.txt HTTP/1.1");
        assert!(head(&mut client).starts_with("HTTP/1.1 200 "));
        for client in &mut clients {
            assert!(head(client).starts_with("HTTP/1.1 404 "));
        }
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_slow_reader_of_a_file_delays_nobody() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let file = File::create(folder.path().join("large.bin")).unwrap();
    file.set_len(64 << 20).unwrap();
    fs::write(folder.path().join("a.txt"), "a").unwrap();
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}));
        let slow: Vec<TcpStream> = (0..32)
            .map(|_| ask(&server, "GET /large.bin HTTP/1.1"))
            .collect();
        thread::sleep(Duration::from_millis(50));
        let began = Instant::now();
        for _ in 0..50 {
            let mut client = ask(&server, "GET /a.txt HTTP/1.1");
            assert!(head(&mut client).starts_with("HTTP/1.1 200 "));
        }
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(slow);
    }
}

#[test]
fn files_that_change_are_seen_by_the_next_request() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({}));
        for content in ["one", "two!", "three"] {
            fs::write(&path, content).unwrap();
            let mut client = ask(&server, "GET /a.txt HTTP/1.1\r\nconnection: close");
            let mut reply = String::new();
            client.read_to_string(&mut reply).unwrap();
            assert!(reply.ends_with(content), "{reply}");
        }
    }
}

/// `curl`, where it is installed: it resumes, decodes and revalidates by its own reading.
#[test]
fn curl_resumes_decodes_and_revalidates() {
    let _alone = alone();
    let curl = |arguments: &[&str]| {
        let run = Command::new("curl")
            .args(["-sS", "--max-time", "20"])
            .args(arguments)
            .output();
        run.ok()
            .map(|run| String::from_utf8_lossy(&run.stdout).into_owned())
    };
    if curl(&["--version"]).is_none() {
        eprintln!("SKIPPED: there is no curl");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let content: String = (0..100_000).map(|number| format!("{number}\n")).collect();
    for name in ["n.txt", "n.txt.gz"] {
        fs::write(folder.path().join(name), &content).unwrap();
    }
    let zipped = Command::new("gzip")
        .args(["-kf"])
        .arg(folder.path().join("n.txt"))
        .status();
    let has_gzip = zipped.is_ok_and(|status| status.success());
    let modified = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for entry in fs::read_dir(folder.path()).unwrap() {
        let file = File::options()
            .append(true)
            .open(entry.unwrap().path())
            .unwrap();
        file.set_modified(modified).unwrap();
    }
    for engine in common::engines() {
        let server = serve(folder.path(), engine, &json!({ "precompressed": true }));
        let url = format!("http://{}/n.txt", server.address());
        let local = folder.path().join(format!("local-{}", engine));
        let local = local.to_str().unwrap();
        fs::write(local, &content[..1000]).unwrap();
        curl(&["-C", "-", "-o", local, &url]);
        assert_eq!(fs::read_to_string(local).unwrap(), content, "resumed");
        if has_gzip {
            assert_eq!(curl(&["--compressed", &url]).unwrap(), content, "decoded");
        }
        let code = curl(&["-o", "/dev/null", "-w", "%{http_code}", "-z", local, &url]);
        assert_eq!(code.unwrap(), "304", "revalidated");
        let secret = format!("http://{}/../../../../etc/passwd", server.address());
        let code = curl(&[
            "--path-as-is",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &secret,
        ]);
        assert_eq!(code.unwrap(), "404");
    }
}
