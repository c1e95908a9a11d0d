//! Uploads over a socket: files read at will, disks that fail, clients that leave, and others that
//! are served meanwhile.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use common::{Lines, begin, engines, eventually, everywhere, read_until, serve};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use spikard::{App, FileRule, Files, Form, UploadFile};

#[derive(Deserialize, JsonSchema)]
struct Album {
    title: String,
    year: u16,
}

#[test]
fn files_beside_fields_are_read_from_anywhere() {
    for threshold in [0, 1 << 20] {
        let make = || {
            let mut app = App::new();
            app.log(Lines::default());
            app.post("/albums", |Form(album): Form<Album>, files: Files| {
                let cover = files.file("cover").unwrap();
                let mut reader = cover.reader();
                let end = reader.seek(SeekFrom::End(-2)).unwrap();
                let mut tail = String::new();
                reader.read_to_string(&mut tail).unwrap();
                assert!(reader.seek(SeekFrom::Current(-1000)).is_err());
                let songs = files.named("song").map(UploadFile::size).sum::<u64>();
                let Album { title, year } = album;
                format!(
                    "{title} {year} {end} {tail} {songs} {}",
                    cover.content_type()
                )
            })
            .file(FileRule::new("cover").types(["image/*"]))
            .file(FileRule::new("song").multiple());
            app
        };
        let test = |client: &spikard::TestClient| {
            let request = client
                .post("/albums")
                .field("title", "Ö")
                .field("year", "1999")
                .file("cover", "c", "image/x", b"0123456789")
                .file("song", "1", "audio/x", b"la")
                .file("song", "2", "audio/x", b"lala");
            assert_eq!(request.send().text(), "Ö 1999 8 89 6 image/x");
        };
        for engine in engines() {
            let keys = json!({"engine": engine, "port": 0, "spool_threshold": threshold});
            test(&spikard::TestClient::over_socket(make(), common::config(keys)).unwrap());
        }
    }
}

#[test]
fn a_rule_that_makes_no_sense_is_refused_at_start() {
    let mut app = App::new();
    app.post("/", |_: Files| ())
        .file(FileRule::new("f").types(["png"]));
    let error = spikard::TestClient::new(app).err().unwrap().to_string();
    assert!(
        error.contains("the file 'f': 'png' is no media type"),
        "{error}"
    );
}

#[test]
fn any_file_is_taken_without_a_rule() {
    everywhere(
        || {
            let mut app = App::new();
            app.post("/", |files: Files| {
                files
                    .iter()
                    .map(|file| file.name().to_owned())
                    .collect::<Vec<_>>()
                    .join(" ")
            });
            app
        },
        |client| {
            let request = client
                .post("/")
                .file("a", "", "x/y", b"1")
                .file("b", "", "x/y", b"2");
            assert_eq!(request.send().text(), "a b");
        },
    );
}

/// A request whose form begins with a file of this content; `more` bytes of it are still to come.
fn request(content: &str, end: &str, more: usize) -> String {
    let part = "--XX\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n";
    let length = part.len() + content.len() + end.len() + more;
    format!(
        "POST /files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=XX\r\n\
         content-length: {length}\r\n\r\n{part}{content}{end}"
    )
}

fn spools() -> usize {
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten();
    links
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter(|target| target.to_string_lossy().contains("uploads-test-spool"))
        .count()
}

#[test]
fn a_spool_ends_with_its_request_its_client_or_its_disk() {
    let folder = std::env::temp_dir().join(format!("uploads-test-spool-{}", std::process::id()));
    for engine in engines() {
        fs::create_dir_all(&folder).unwrap();
        let kept: Arc<Mutex<Vec<UploadFile>>> = Arc::default();
        let lines = Lines::default();
        let mut app = App::new();
        app.log(lines.clone());
        app.get("/fast", || "fast");
        let shelf = kept.clone();
        app.post("/files", move |files: Files| {
            let count = files.iter().filter(|file| file.is_spooled()).count();
            shelf.lock().unwrap().extend(files.0);
            format!("{count} spooled")
        });
        let keys = json!({
            "spool_threshold": 0, "spool_directory": folder.to_str().unwrap(),
            "max_body_size": null,
        });
        let server = serve(app, engine, keys);
        let content = "x".repeat(1 << 20);

        // A client that leaves within its file, while others are served.
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream
            .write_all(request(&content, "", 1 << 20).as_bytes())
            .unwrap();
        eventually("a spool", || spools() == 1);
        read_until(&mut begin(&server, "/fast"), "fast");
        drop(stream);
        eventually("no spool", || spools() == 0);

        // A handler that keeps its file.
        let request = request(&content, "\r\n--XX--\r\n", 0);
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        read_until(&mut stream, "1 spooled");
        assert_eq!(spools(), 1, "{engine}");
        let file = kept.lock().unwrap().pop().unwrap();
        assert_eq!(file.bytes().unwrap(), content.as_bytes());
        drop(file);
        eventually("no spool", || spools() == 0);
        assert_eq!(
            fs::read_dir(&folder).unwrap().count(),
            0,
            "{engine}: it has no name"
        );

        // A directory that is gone: a 500 and a line, and the next request is served.
        fs::remove_dir_all(&folder).unwrap();
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        read_until(&mut stream, "Internal server error");
        eventually("a line", || {
            lines
                .all()
                .iter()
                .any(|line| line.contains("could not be kept"))
        });
        read_until(&mut begin(&server, "/fast"), "fast");
    }
}
