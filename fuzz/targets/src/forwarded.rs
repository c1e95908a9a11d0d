//! Invariants of what proxies say of clients: the entry of the last proxy is always the first.

use spikard_proto_http::forwarded::{forwarded, x_forwarded_for};

/// Reads `data` as a line of `X-Forwarded-For` and of `Forwarded`; then as what a client wrote on
/// the left of a proxy's entry, which must be read as the proxy wrote it, or not at all.
pub fn fuzz_forwarded(data: &[u8]) {
    let commas = data.iter().filter(|byte| **byte == b',').count();
    assert_eq!(x_forwarded_for(data).count(), commas + 1);
    assert!(forwarded(data).count() <= commas + 1);
    let proxy = "192.0.2.7:0".parse().ok();
    let behind = |entry: &str| [data, b", ", entry.as_bytes()].concat();
    assert_eq!(x_forwarded_for(&behind("192.0.2.7")).next(), Some(proxy));
    for entry in ["for=192.0.2.7", "by=x; for=\"192.0.2.7\""] {
        let first = forwarded(&behind(entry)).next();
        assert!(first == Some(proxy) || first == Some(None), "{first:?}");
    }
}
