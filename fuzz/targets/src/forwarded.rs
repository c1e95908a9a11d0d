//! Invariants of what proxies say of clients: the entry of the last proxy is always the first.

use std::net::SocketAddr;

use spikard_proto_http::forwarded::{Scheme, forwarded, x_forwarded_for, x_forwarded_proto};

/// Reads `data` as a line of `X-Forwarded-For` and of `Forwarded`; then as what a client wrote on
/// the left of a proxy's entry, which must be read as the proxy wrote it, or not at all.
pub fn fuzz_forwarded(data: &[u8]) {
    let commas = data.iter().filter(|byte| **byte == b',').count();
    assert_eq!(x_forwarded_for(data).count(), commas + 1);
    assert_eq!(x_forwarded_proto(data).count(), commas + 1);
    assert!(forwarded(data).count() <= commas + 1);
    let proxy: SocketAddr = ([192, 0, 2, 7], 0).into();
    let behind = |entry: &str| [data, b", ", entry.as_bytes()].concat();
    let entry = x_forwarded_for(&behind("192.0.2.7")).next();
    assert_eq!(entry.and_then(|entry| entry.address), Some(proxy));
    let scheme = x_forwarded_proto(&behind("http")).next();
    assert_eq!(scheme, Some(Some(Scheme::Http)));
    for entry in ["for=192.0.2.7;proto=http", "by=x; for=\"192.0.2.7\""] {
        let first = forwarded(&behind(entry)).next();
        let told = first.expect("a line has an entry");
        assert!(told.address.is_none_or(|it| it == proxy), "{told:?}");
        assert_ne!(told.scheme, Some(Scheme::Https));
    }
}
