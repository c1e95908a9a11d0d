//! Files below a root: the same decisions whoever resolves the names, and no work before a request.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::json;
use spikard_app::files::open::{Found, Patience, Resolver, Root};
use spikard_app::{App, LowerError};
use spikard_contract::config::ServerConfig;

use crate::host::{ask, echo_app};

/// A folder with one of everything, and a secret beside it.
fn zoo() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("root").join(name);
    fs::create_dir_all(at("sub/deeper")).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    for name in ["a", "sub/b", "sub/deeper/c", "odd\\name"] {
        fs::write(at(name), name).unwrap();
    }
    fs::write(
        at("").join(std::ffi::OsStr::from_bytes(b"\xff\xfe")),
        "bytes",
    )
    .unwrap();
    let links = [
        ("to-a", "a"),
        ("to-sub", "sub"),
        ("to-self", "."),
        ("sub/to-a", "../a"),
        ("sub/deeper/to-a", "../../sub/../a"),
        ("chain", "sub/deeper/to-a"),
        ("out", "../secret"),
        ("up", ".."),
        ("sub/out", "../../secret"),
        ("sub/back-in", "../../root/a"),
        ("absolute", "/etc/passwd"),
        ("loop", "loop"),
        ("dangling", "nothing"),
        ("to-pipe", "pipe"),
        ("process", "/proc/self/root/etc/passwd"),
    ];
    for (name, target) in links {
        symlink(target, at(name)).unwrap();
    }
    symlink(at("a"), at("absolute-inside")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(at("pipe"))
            .status()
            .unwrap()
            .success()
    );
    drop(UnixListener::bind(at("socket")).unwrap());
    folder
}

/// What a name is, in one word.
fn verdict(root: &Root, name: &[u8]) -> String {
    match root.find(name, Patience::Any).unwrap() {
        Found::File(open) => {
            let content = std::io::read_to_string(open.file).unwrap();
            assert_eq!(content.len() as u64, open.length);
            content
        }
        Found::Folder => "folder".to_owned(),
        Found::Nothing => "nothing".to_owned(),
        Found::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn names_lead_to_regular_files_inside_and_nowhere_else() {
    let folder = zoo();
    let long = "n".repeat(300);
    let cases: &[(&[u8], &str)] = &[
        (b"a", "a"),
        (b"sub/b", "sub/b"),
        (b"sub/deeper/c", "sub/deeper/c"),
        (b"odd\\name", "odd\\name"),
        (b"\xff\xfe", "bytes"),
        (b"sub", "folder"),
        (b"", "folder"),
        (b"a/b", "nothing"),
        (b"sub/nothing", "nothing"),
        (b"nothing/b", "nothing"),
        (b"pipe", "nothing"),
        (b"socket", "nothing"),
        (long.as_bytes(), "nothing"),
        (b"..", "nothing"),
        (b"../secret", "nothing"),
        (b"sub/../../secret", "nothing"),
    ];
    let followed: &[(&[u8], &str)] = &[
        (b"to-a", "a"),
        (b"to-sub/b", "sub/b"),
        (b"to-self/to-self/a", "a"),
        (b"to-self", "folder"),
        (b"sub/to-a", "a"),
        (b"sub/deeper/to-a", "a"),
        (b"chain", "a"),
    ];
    let refused: &[&[u8]] = &[
        b"out",
        b"up/secret",
        b"up",
        b"sub/out",
        b"sub/back-in",
        b"absolute",
        b"absolute-inside",
        b"loop",
        b"dangling",
        b"to-pipe",
        b"process",
    ];
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        for follows_links in [true, false] {
            let path = folder.path().join("root");
            let root = Root {
                path,
                follows_links,
                resolver,
            };
            let check = |name: &[u8], wanted: &str| {
                let name_text = name.escape_ascii();
                assert_eq!(verdict(&root, name), wanted, "{name_text} by {resolver:?}");
            };
            for (name, wanted) in cases {
                check(name, wanted);
            }
            for (name, wanted) in followed {
                check(name, if follows_links { wanted } else { "nothing" });
            }
            for name in refused {
                check(name, "nothing");
            }
        }
    }
}

#[test]
fn a_root_that_goes_or_comes_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("current");
    for resolver in [Resolver::Kernel, Resolver::Walk] {
        let root = Root {
            path: path.clone(),
            follows_links: true,
            resolver,
        };
        assert_eq!(verdict(&root, b"a"), "nothing");
        fs::create_dir(folder.path().join("one")).unwrap();
        fs::write(folder.path().join("one/a"), "one").unwrap();
        symlink("one", &path).unwrap();
        assert_eq!(verdict(&root, b"a"), "one");
        fs::remove_file(&path).unwrap();
        fs::remove_dir_all(folder.path().join("one")).unwrap();
    }
}

#[test]
fn what_may_not_be_read_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    fs::write(&path, "a").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        eprintln!("this user may read everything: nothing to see");
        return;
    }
    let root = Root {
        path: folder.path().to_owned(),
        follows_links: true,
        resolver: Resolver::Kernel,
    };
    assert_eq!(verdict(&root, b"a"), "nothing");
}

fn config(mounts: serde_json::Value) -> ServerConfig {
    ServerConfig::from_value(&json!({ "static_files": mounts })).unwrap()
}

fn mount(directory: &Path, prefix: &str) -> serde_json::Value {
    json!({ "directory": directory, "route_prefix": prefix })
}

#[test]
fn a_mount_that_cannot_be_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let good = mount(folder.path(), "/a");
    let missing = folder.path().join("missing");
    let refusal = |mounts| {
        let lowered: Result<_, LowerError> = App::new().lower(&config(mounts));
        lowered.unwrap_err().to_string()
    };
    assert_eq!(
        refusal(json!([good, mount(&missing, "/b")])),
        format!(
            "/static_files/1/directory: '{}' is no directory; make it, or name another one",
            missing.display()
        )
    );
    assert_eq!(
        refusal(json!([good, mount(folder.path(), "/a/")])),
        "/static_files/1/route_prefix: another mount has the prefix '/a' already"
    );
}

#[test]
fn a_large_folder_does_not_slow_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..100_000 {
        fs::write(folder.path().join(format!("{number}.txt")), b"").unwrap();
    }
    fs::write(folder.path().join("last.txt"), "last").unwrap();
    let config = config(json!([mount(folder.path(), "/")]));
    let began = Instant::now();
    let (injector, host) = echo_app(&[], &config);
    let answer = ask(
        &injector,
        &host,
        b"GET /last.txt HTTP/1.1\r\nhost: x\r\n\r\n",
    );
    let took = began.elapsed();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"last"[..]));
    // Listing it would take tens of milliseconds, and stat of each a hundred.
    assert!(took.as_millis() < 20, "{took:?}");
}

#[test]
fn a_preflight_for_a_file_is_answered_as_the_server_says() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({
        "static_files": [mount(folder.path(), "/static")],
        "cors": { "allowed_origins": ["https://a.example"] }
    });
    let route = json!({
        "methods": ["GET"], "path": "/own", "name": "own", "handler": 0,
        "cors": { "allowed_origins": ["https://b.example"] }
    });
    let (injector, host) = echo_app(&[route], &ServerConfig::from_value(&config).unwrap());
    let request = b"OPTIONS /static/a HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\n\
        access-control-request-method: GET\r\n\r\n";
    let answer = ask(&injector, &host, request);
    let allowed = answer.field("access-control-allow-origin");
    assert_eq!((answer.status, allowed), (204, Some("https://a.example")));
}
