//! Listeners on real ports: taken, shared, refused, explained.

use super::*;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::thread;
use std::time::Duration;

fn accept(listener: &TcpListener) -> Option<TcpStream> {
    (0..100).find_map(|_| {
        thread::sleep(Duration::from_millis(1));
        listener.accept().ok().map(|(stream, _)| stream)
    })
}

fn assert_taken_by_us(error: &ListenError) {
    let ListenError::AddressInUse {
        owner: Some(owner),
        address,
    } = error
    else {
        panic!("not a taken port: {error:?}");
    };
    assert_eq!(owner.pid, std::process::id());
    let sentence = error.to_string();
    assert!(
        sentence.contains(&format!("port {}", address.port())),
        "{sentence}"
    );
    assert!(
        sentence.contains(&format!("(pid {})", owner.pid)),
        "{sentence}"
    );
    assert!(
        sentence.contains(&owner.name) && !owner.name.is_empty(),
        "{sentence}"
    );
}

#[test]
fn refuses_a_port_that_an_ordinary_server_holds() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    assert_taken_by_us(&bind("127.0.0.1", port, 2, 16).unwrap_err());
    assert_taken_by_us(&bind("0.0.0.0", port, 2, 16).unwrap_err());
}

#[test]
fn refuses_a_port_that_our_own_shared_listeners_hold() {
    let first = bind("127.0.0.1", 0, 3, 16).unwrap();
    let port = first.address.port();
    assert_taken_by_us(&bind("127.0.0.1", port, 1, 16).unwrap_err());
    assert_taken_by_us(&bind("127.0.0.1", port, 3, 16).unwrap_err());
    assert_taken_by_us(&bind("localhost", port, 3, 16).unwrap_err());
}

#[test]
fn refuses_a_port_that_another_reuseport_server_holds() {
    let address = "127.0.0.1:0".parse().unwrap();
    let other = listen(address, Joining::Shared, 16).unwrap();
    let port = other.local_addr().unwrap().port();
    assert_taken_by_us(&bind("127.0.0.1", port, 2, 16).unwrap_err());
}

#[test]
fn frees_the_port_when_dropped_even_with_connections_in_time_wait() {
    let bound = bind("127.0.0.1", 0, 2, 16).unwrap();
    let address = bound.address;
    let mut client = TcpStream::connect(address).unwrap();
    let server = bound.listeners.iter().find_map(accept).unwrap();
    drop(server); // The side that closes first keeps TIME_WAIT.
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    drop(client);
    drop(bound);
    assert_eq!(
        bind("127.0.0.1", address.port(), 2, 16).unwrap().address,
        address
    );
}

#[test]
fn spreads_connections_over_all_listeners_first_one_included() {
    let bound = bind("127.0.0.1", 0, 2, 256).unwrap();
    let clients: Vec<_> = (0..64)
        .map(|_| TcpStream::connect(bound.address).unwrap())
        .collect();
    for listener in &bound.listeners {
        assert_eq!(listener.local_addr().unwrap(), bound.address);
        assert!(
            accept(listener).is_some(),
            "a listener got none of 64 connections"
        );
    }
    drop(clients);
}

#[test]
fn sets_what_listeners_and_accepted_sockets_need() {
    let bound = bind("127.0.0.1", 0, 2, 16).unwrap();
    for listener in &bound.listeners {
        let socket = socket2::SockRef::from(listener);
        assert!(socket.nonblocking().unwrap() && socket.is_listener().unwrap());
        assert!(socket.reuse_port().unwrap());
    }
    let mut client = TcpStream::connect(bound.address).unwrap();
    client.write_all(b"x").unwrap();
    let server = bound.listeners.iter().find_map(accept).unwrap();
    assert!(server.nodelay().unwrap());
}

#[test]
fn one_listener_alone_can_never_be_joined() {
    let bound = bind("127.0.0.1", 0, 1, 16).unwrap();
    let joined = listen(bound.address, Joining::Shared, 16);
    assert_eq!(joined.unwrap_err().kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn takes_addresses_of_both_families_and_names() {
    assert_eq!(
        bind("localhost", 0, 1, 16).unwrap().address.ip(),
        Ipv4Addr::LOCALHOST
    );
    if TcpListener::bind("[::1]:0").is_err() {
        return; // This machine has no IPv6 to test with.
    }
    for host in ["::1", "[::1]"] {
        assert_eq!(
            bind(host, 0, 2, 16).unwrap().address.ip(),
            Ipv6Addr::LOCALHOST
        );
    }
    let all = bind("::", 0, 1, 16).unwrap();
    let error = bind("::1", all.address.port(), 2, 16).unwrap_err();
    assert_taken_by_us(&error);
}

#[test]
fn says_in_a_sentence_what_cannot_be() {
    let error = bind("192.0.2.1", 0, 1, 16).unwrap_err();
    assert!(
        matches!(error, ListenError::AddressNotAvailable { .. }),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("no address 192.0.2.1"),
        "{error}"
    );

    let error = bind("no such host", 0, 1, 16).unwrap_err();
    assert!(matches!(error, ListenError::Resolve { .. }), "{error:?}");
    assert!(error.to_string().contains("\"no such host\""), "{error}");

    let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
    let low = explain("127.0.0.1:80".parse().unwrap(), denied()).to_string();
    assert!(
        low.contains("port 80") && low.contains("below 1024"),
        "{low}"
    );
    let high = explain("127.0.0.1:8080".parse().unwrap(), denied()).to_string();
    assert!(high.contains("policy") && !high.contains("1024"), "{high}");
}
