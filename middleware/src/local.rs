//! What one worker keeps between exchanges and hands to every stage: time, and randomness.
//!
//! Time is told: the driver sets it once per turn, so stages stay pure. Only who counts in shorter
//! spans, across processes, asks a clock that the driver lent.

use std::sync::{Arc, Mutex};

use spikard_proto_http::date::format_date;

use crate::{coded_body::Seats, compress::Encoder, log::Level};

/// Per-worker state. Not shared, not synchronised.
#[derive(Debug)]
pub struct Local {
    /// Milliseconds on a monotonic clock of the driver's choice, as of this turn.
    pub now_ms: u64,
    clock: Option<fn() -> u64>,
    unix_s: u64,
    date: [u8; 29],
    random: [u64; 4],
    notes: Vec<(Level, String)>,
    draining: bool,
    /// Lines of the access log that nobody has taken yet.
    pub access_lines: String,
    unix_ms: u64,
    /// Compresses the bodies that are compressed on this thread.
    pub encoder: Encoder,
    /// What the next body is compressed with that is compressed elsewhere, unless another one is
    /// at it: one is kept, and more are made as they are needed.
    pub(crate) spare_encoder: Arc<Mutex<Option<Encoder>>>,
    /// What compressing files as they are sent takes, of what it may.
    pub(crate) seats: Seats,
    fault: Option<Box<str>>,
}

impl Local {
    /// A state whose random ids are seeded with `seed`, which must come from the operating system.
    pub fn new(seed: [u64; 4]) -> Self {
        // The all-zero state is the generator's one fixed point.
        let random = if seed == [0; 4] { [1, 2, 3, 4] } else { seed };
        Self {
            now_ms: 0,
            clock: None,
            unix_s: 0,
            date: format_date(0),
            random,
            notes: Vec::new(),
            draining: false,
            access_lines: String::new(),
            unix_ms: 0,
            encoder: Encoder::default(),
            spare_encoder: Arc::default(),
            seats: Seats::default(),
            fault: None,
        }
    }

    /// The same, with a clock for those few who must know more than the turn does: nanoseconds of
    /// the machine's monotonic clock, which all its processes share.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> u64) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Monotonic nanoseconds, as of now; where there is no clock, as of this turn.
    pub fn now_ns(&self) -> u64 {
        match self.clock {
            Some(clock) => clock(),
            None => self.now_ms * 1_000_000,
        }
    }

    /// Tells the time: monotonic milliseconds, and milliseconds since 1970.
    pub fn set_time(&mut self, now_ms: u64, unix_ms: u64) {
        self.now_ms = now_ms;
        self.unix_ms = unix_ms;
        let unix_s = unix_ms / 1000;
        if unix_s != self.unix_s {
            self.unix_s = unix_s;
            self.date = format_date(unix_s);
        }
    }

    /// Says that the worker is on its way out, which it does not come back from.
    pub fn set_draining(&mut self) {
        self.draining = true;
    }

    /// Whether the worker is on its way out: it accepts no more or will not soon, and every reply
    /// is the last of its connection. Who asks for readiness is to be told no.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Says why the latest version of the program does not start, or that it does.
    pub fn set_fault(&mut self, words: Option<Box<str>>) {
        self.fault = words;
    }

    /// Why the latest version of the program does not start, where one does not.
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Milliseconds since 1970, as of this turn.
    pub fn unix_ms(&self) -> u64 {
        self.unix_ms
    }

    /// Seconds since 1970.
    pub fn unix_s(&self) -> u64 {
        self.unix_s
    }

    /// The `Date` of replies made now (RFC 9110 §6.6.1), formatted once per second.
    pub fn date(&self) -> &[u8; 29] {
        &self.date
    }

    /// 128 random bits (xoshiro256++): unique, not secret. Never use them as a credential.
    pub fn random(&mut self) -> [u64; 2] {
        [self.step(), self.step()]
    }

    /// Notes a line for the log. Stages have no log: it may be host code, which must not run while
    /// they do, so the driver takes the lines afterwards.
    pub fn note(&mut self, level: Level, line: String) {
        self.notes.push((level, line));
    }

    /// The lines noted since the last call.
    pub fn take_notes(&mut self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.notes)
    }

    fn step(&mut self) -> u64 {
        let s = &mut self.random;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_published_generator() {
        // First outputs of xoshiro256++ from the state 1, 2, 3, 4.
        let mut local = Local::new([1, 2, 3, 4]);
        assert_eq!(local.random(), [41943041, 58720359]);
    }

    #[test]
    fn an_all_zero_seed_still_moves() {
        let mut local = Local::new([0; 4]);
        assert_ne!(local.random(), local.random());
    }
}
