//! Where a server listens: unix sockets and their files, and descriptors that were given.

#![expect(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::PathBuf;

use spikard_contract::config::ServerConfig;
use spikard_runtime::listen::{ListenError, Opened, Place, open};

/// A path of this test's own, with nothing there.
fn path(name: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("spikard-{}-{name}", std::process::id()));
    let _ = fs::remove_file(&place);
    place
}

fn on(path: &std::path::Path) -> ServerConfig {
    ServerConfig {
        uds: Some(path.to_str().unwrap().to_owned()),
        ..ServerConfig::default()
    }
}

fn given(descriptor: i32) -> ServerConfig {
    ServerConfig {
        fd: Some(descriptor as u32),
        ..ServerConfig::default()
    }
}

fn refusal(config: &ServerConfig) -> ListenError {
    open(config, 1).expect_err("it cannot be served")
}

fn accepts(opened: &Opened) -> bool {
    let listener = UnixListener::from(opened.listeners[0].try_clone().unwrap());
    listener.accept().is_ok()
}

#[test]
fn a_unix_socket_is_one_queue_and_its_file_goes_with_it() {
    let path = path("one");
    let opened = open(&on(&path), 3).unwrap();
    assert_eq!(opened.place, Place::Unix(path.clone()));
    assert_eq!(opened.place.to_string(), format!("unix:{}", path.display()));
    assert!(opened.is_shared && opened.listeners.len() == 3);
    let _client = UnixStream::connect(&path).unwrap();
    assert!(accepts(&opened));
    assert!(!accepts(&opened), "it must not block");
    drop(opened);
    assert!(!path.exists());
}

#[test]
fn a_file_that_was_left_behind_is_taken_over_and_one_in_use_is_not() {
    let path = path("stale");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "it is stale");
    let opened = open(&on(&path), 1).unwrap();
    let error = refusal(&on(&path));
    assert!(matches!(error, ListenError::UnixInUse { .. }), "{error:?}");
    assert!(error.to_string().contains("is in use by another program"));
    assert!(accepts(&opened), "the probe was a connection");
    let _client = UnixStream::connect(&path).unwrap();
    assert!(accepts(&opened), "the first server still has its file");
}

#[test]
fn the_file_of_a_successor_is_left_alone() {
    let path = path("moved");
    let first = open(&on(&path), 1).unwrap();
    fs::remove_file(&path).unwrap();
    let second = open(&on(&path), 1).unwrap();
    drop(first);
    assert!(path.exists());
    drop(second.keep_file());
    assert!(path.exists());
    fs::remove_file(&path).unwrap();
}

#[test]
fn what_is_no_socket_is_never_removed() {
    let path = path("file");
    fs::write(&path, "a letter").unwrap();
    let error = refusal(&on(&path));
    assert!(
        error
            .to_string()
            .ends_with("exists and is no socket: remove it, or choose another path")
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "a letter");
    fs::remove_file(&path).unwrap();
    let nowhere = on(std::path::Path::new("/nonexistent/socket"));
    assert!(
        refusal(&nowhere)
            .to_string()
            .contains("unix socket /nonexistent/socket: ")
    );
}

#[test]
fn permissions_are_as_configured() {
    for bits in [0o600, 0o660, 0o777] {
        let path = path(&format!("mode-{bits:o}"));
        let config = ServerConfig {
            uds_permissions: Some(bits),
            ..on(&path)
        };
        let _opened = open(&config, 1).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, bits);
    }
}

#[test]
fn a_given_descriptor_is_served_if_it_listens() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let opened = open(&given(tcp.as_raw_fd()), 2).unwrap();
    assert_eq!(opened.place, Place::Address(address));
    assert!(opened.is_shared && opened.listeners.len() == 2);
    for listener in &opened.listeners {
        let socket = socket2::SockRef::from(listener);
        assert!(socket.nonblocking().unwrap());
        assert!(socket.is_listener().unwrap());
    }

    let path = path("given");
    let unix = UnixListener::bind(&path).unwrap();
    let opened = open(&given(unix.as_raw_fd()), 1).unwrap();
    assert_eq!(opened.place, Place::Unix(path.clone()));
    drop(opened);
    assert!(path.exists(), "who made it removes it");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_descriptor_that_does_not_listen_is_refused() {
    let client = UnixStream::pair().unwrap().0;
    let file = fs::File::open("/dev/null").unwrap();
    for (descriptor, reason) in [
        (client.as_raw_fd(), "it is a socket that does not listen"),
        (file.as_raw_fd(), "socket"),
        (1_000_000, "descriptor"),
    ] {
        let sentence = refusal(&given(descriptor)).to_string();
        assert!(sentence.starts_with(&format!("descriptor {descriptor} cannot be served: ")));
        assert!(sentence.contains(reason), "{sentence}");
    }
}

#[test]
fn a_name_without_a_file_is_one_queue_and_free_when_it_is_over() {
    let name = format!("@spikard-{}-name", std::process::id());
    let opened = open(&on(std::path::Path::new(&name)), 2).unwrap();
    assert_eq!(opened.place, Place::Abstract(name.as_bytes()[1..].to_vec()));
    assert_eq!(opened.places(), format!("unix:{name}"));
    assert!(opened.is_shared && opened.listeners.len() == 2 && opened.further.is_empty());
    let address = SocketAddr::from_abstract_name(&name[1..]).unwrap();
    let _client = UnixStream::connect_addr(&address).unwrap();
    assert!(accepts(&opened));
    let error = refusal(&on(std::path::Path::new(&name)));
    assert!(
        error
            .to_string()
            .starts_with(&format!("the unix socket {name} is in use"))
    );

    // Given by another, it is served as well, and named alike.
    let listener = opened.listeners[0].as_raw_fd();
    let again = open(&given(listener), 1).unwrap();
    assert_eq!(again.place, opened.place);
    drop((opened, again));
    drop(open(&on(std::path::Path::new(&name)), 1).unwrap());
    let error = refusal(&on(std::path::Path::new("@")));
    assert!(
        error.to_string().contains("a name follows the @"),
        "{error}"
    );
}

#[test]
fn a_server_listens_in_one_place() {
    let config = ServerConfig {
        fd: Some(3),
        ..on(&path("two"))
    };
    assert!(matches!(refusal(&config), ListenError::TwoPlaces));
}
