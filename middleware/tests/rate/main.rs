//! The limit's table against an exact model, and under threads that lag, crowd and race.
//!
//! What is asserted is the promise: of the requests of one client that are counted within some
//! time, no more than the burst and the rate's share of that time are allowed.

mod model;
mod storm;

use std::sync::Arc;

use spikard_middleware::rate::{Memory, Pace, Private, Table, lines_for};

/// A table of its own memory.
fn table(pace: Pace, clients: usize) -> Table {
    let memory = Private::new();
    let lines = memory
        .lines(0, lines_for(clients))
        .expect("there is memory");
    Table::new(lines, memory.seed(), pace)
}

/// Numbers that look random and come again (xorshift64, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A request that was allowed: the clock before and after. It was counted at some time between.
#[derive(Clone, Copy)]
struct Allowed {
    from_ns: u64,
    until_ns: u64,
}

/// Most requests over what the promise allows, over all spans of time that hold them whole.
fn excess(requests: &mut [Allowed], per_second: f64, burst: u64) -> f64 {
    requests.sort_unstable_by_key(|request| std::cmp::Reverse(request.from_ns));
    // The ends of all that begin no sooner than the request at hand.
    let mut ends: Vec<u64> = Vec::with_capacity(requests.len());
    let mut worst = f64::NEG_INFINITY;
    for request in requests {
        let at = ends.partition_point(|end| *end < request.until_ns);
        ends.insert(at, request.until_ns);
        for (index, end) in ends.iter().enumerate().skip(at) {
            let due = (end - request.from_ns) as f64 * per_second / 1e9 + burst as f64;
            worst = worst.max((index + 1) as f64 - due);
        }
    }
    worst
}

/// What sums of floats may be off by.
const FLOAT_ERROR: f64 = 1e-3;

/// Shares a table among threads.
fn shared(pace: Pace, clients: usize) -> Arc<Table> {
    Arc::new(table(pace, clients))
}
