//! The knobs of rate limits: how often, how much at once, and who counts as one client.
//!
//! Knows nothing of how requests are counted.

use crate::config;

config! {
    /// How often a client may come: a bucket that holds `burst` requests and is refilled at
    /// `per_second`.
    ///
    /// The limit holds for all workers together. A request over it is answered with 429 and
    /// `Retry-After`, and does not reach a handler; replies to the others say what is left in
    /// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.
    pub struct RateLimitConfig {
        /// Requests that each client may make per second in the long run. Fractions are allowed:
        /// 0.1 is one request in ten seconds.
        per_second: f64 = 100.0, in 0.000001..=1_000_000, unit "requests", is required;
        /// Requests that each client may make at once after a pause.
        burst: u32 = 200, in 1..=1_000_000, unit "requests", is required;
        /// Count each client by its address. When false, all clients share one bucket. Clients
        /// without an address, as on a local socket, share one in either case.
        ip_based: bool = true;
        /// Leading bits of an IPv6 address that make a client: whoever has one address of a
        /// network usually has all of them. IPv4 addresses count whole.
        ipv6_prefix: u32 = 64, in 1..=128, unit "bits";
        /// Clients that are counted apart at one time. Each costs 16 bytes, whether it comes or
        /// not. Of more, some share a bucket, and the log says so once.
        max_clients: u32 = 65_536, in 16..=16_777_216, unit "clients";
    }
}
