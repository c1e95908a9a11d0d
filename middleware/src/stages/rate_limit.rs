//! Counts requests, refuses those that are too many, and tells clients what is left to them.
//!
//! The fields are those of draft-ietf-httpapi-ratelimit-headers-06 §5: plain numbers, and seconds
//! from now. Whoever is refused has cost a look at one line of memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use spikard_contract::problem::RATE_LIMIT_EXCEEDED;
use spikard_proto_http::sabotage;

use crate::{
    exchange::Exchange,
    flow::Flow,
    local::Local,
    log::Level,
    problem::Problem,
    rate::{Key, Standing, Table, Verdict},
    stage::{ReplyStage, RequestStage},
};

/// Whom a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// Each client, by so many leading bits of an IPv6 address.
    Each {
        /// The bits.
        ipv6_prefix: u32,
    },
    /// All clients as one.
    Everybody,
}

/// One limit.
pub struct RateLimit {
    table: Arc<Table>,
    whom: Whom,
    /// For the log: "the server", or a route.
    name: Box<str>,
    was_crowded: AtomicBool,
}

impl RateLimit {
    /// A limit that counts in `table`.
    pub fn new(table: Arc<Table>, whom: Whom, name: impl Into<Box<str>>) -> Self {
        Self {
            table,
            whom,
            name: name.into(),
            was_crowded: AtomicBool::new(false),
        }
    }

    fn key(&self, x: &Exchange) -> Key {
        match (self.whom, x.client) {
            (Whom::Each { ipv6_prefix }, Some(client)) => Key::of(client.ip(), ipv6_prefix),
            (Whom::Everybody, _) | (_, None) => Key::EVERYBODY,
        }
    }

    #[cold]
    fn tell_crowded(&self, local: &mut Local) {
        if !self.was_crowded.swap(true, Ordering::Relaxed) {
            let line = format!(
                "the rate limit of {} has more clients than room: some share a bucket (setting: \
                 rate_limit.max_clients)",
                self.name
            );
            local.note(Level::Warn, line);
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RateLimit({}, {:?})", self.name, self.table)
    }
}

impl RequestStage for RateLimit {
    fn run(&self, x: &mut Exchange, local: &mut Local) -> Flow {
        let verdict = self.table.take(self.key(x), local.now_ns());
        if verdict.crowded {
            self.tell_crowded(local);
        }
        let standing = Standing {
            limit: self.table.pace().burst(),
            remaining: verdict.remaining,
            reset_s: verdict.reset_s,
        };
        x.standing = Some(match x.standing {
            Some(other) if !sabotage::is_off("rate-limit/stricter") => other.stricter(standing),
            _ => standing,
        });
        if verdict.allowed || sabotage::is_off("rate-limit/count") {
            return Flow::Next;
        }
        // Of a limit that refuses, all is told, whatever another leaves.
        x.standing = Some(standing);
        refuse(x, &verdict);
        Flow::Reply
    }
}

#[cold]
fn refuse(x: &mut Exchange, verdict: &Verdict) {
    x.fail(&Problem::of(&RATE_LIMIT_EXCEEDED));
    if !sabotage::is_off("rate-limit/retry-after") {
        put(x, b"retry-after", verdict.retry_after_s);
    }
}

/// Writes what is left on the replies to requests that were counted.
#[derive(Debug)]
pub struct RateLimitFields;

impl ReplyStage for RateLimitFields {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        let Some(standing) = x.standing else {
            return;
        };
        if sabotage::is_off("rate-limit/fields") {
            return;
        }
        put(x, b"ratelimit-limit", standing.limit);
        put(x, b"ratelimit-remaining", standing.remaining);
        put(x, b"ratelimit-reset", standing.reset_s);
    }
}

fn put(x: &mut Exchange, name: &[u8], number: u64) {
    let mut digits = [0; 20];
    let mut from = digits.len();
    let mut rest = number;
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    // Digits are a valid field value.
    let set = x.reply.fields.set(name, &digits[from..]);
    debug_assert!(set.is_ok());
}
