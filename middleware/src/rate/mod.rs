//! Rate limits: how often a client may come, exact however many workers and processes there are.
//!
//! A limit is the generic cell rate algorithm (GCRA, as in ITU-T I.371): a bucket of `burst` tokens
//! that refills at `per_second`, kept as one number, the time at which it will be full again. The
//! numbers of all clients stand in one [`Table`] of machine words, which several processes may
//! share. This module knows no sockets, no files and no clocks: memory and time are handed to it.

mod atomic;
mod key;
mod memory;
mod pace;
#[cfg(test)]
mod races;
mod table;
mod word;

pub use key::{Key, hash};
pub use memory::{Line, Lines, Memory, Private, SEED_WORDS};
pub use pace::{BURST_MAX, PER_SECOND_MAX, PER_SECOND_MIN, Pace};
pub use table::{LAYOUT, Table, WAYS, lines_for};

/// What a reply tells its client of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests that the limit allows at once.
    pub limit: u64,
    /// Those that are left.
    pub remaining: u64,
    /// Seconds until none is used up.
    pub reset_s: u64,
}

impl Standing {
    /// Of two limits the one that leaves less, and of equals the one that lasts.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let order = |standing: &Self| (standing.remaining, u64::MAX - standing.reset_s);
        std::cmp::min_by_key(self, other, order)
    }
}

/// What a limit says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may go on. It has been counted then, and is not otherwise.
    pub allowed: bool,
    /// Requests that could still be made at once.
    pub remaining: u64,
    /// Seconds until the bucket is full again, rounded up.
    pub reset_s: u64,
    /// Seconds until a next request is allowed, rounded up, and at least 1 after a refusal; 0 if
    /// one is allowed now.
    pub retry_after_s: u64,
    /// Whether the table had no room for the client, so that it shared a bucket with others.
    pub crowded: bool,
}
