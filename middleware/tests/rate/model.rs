//! One reader at a time: the table answers as the plainest bucket would, to the last number.

use std::collections::HashMap;

use spikard_middleware::rate::{Key, Pace, Verdict};

use crate::{Allowed, FLOAT_ERROR, Random, excess, table};

/// A request that took no time.
fn at(now_ns: u64) -> Allowed {
    Allowed {
        from_ns: now_ns,
        until_ns: now_ns,
    }
}

/// A bucket in exact nanoseconds: how long until it is full, and when that was so.
#[derive(Default, Clone, Copy)]
struct Bucket {
    full_at_ns: u128,
}

impl Bucket {
    fn take(&mut self, now_ns: u128, token_ns: u128, burst: u128) -> Verdict {
        let begin = self.full_at_ns.max(now_ns);
        let allowed = begin + token_ns <= now_ns + burst * token_ns;
        if allowed {
            self.full_at_ns = begin + token_ns;
        }
        let full_in = self.full_at_ns.saturating_sub(now_ns);
        let room = burst * token_ns - full_in.min(burst * token_ns);
        let wait = (full_in + token_ns).saturating_sub(burst * token_ns);
        let seconds = |ns: u128| ns.div_ceil(1_000_000_000) as u64;
        Verdict {
            allowed,
            remaining: (room / token_ns) as u64,
            reset_s: seconds(full_in),
            retry_after_s: seconds(wait).max(u64::from(!allowed)),
            crowded: false,
        }
    }
}

#[test]
fn answers_as_an_exact_bucket_where_a_unit_is_a_nanosecond() {
    let mut random = Random::new(7);
    for (per_second, burst) in [(1_000_000.0, 1), (1_000.0, 5), (500.0, 200), (2_000.0, 40)] {
        let table = table(Pace::new(per_second, burst), 1_000);
        let token_ns = (1e9 / per_second) as u128;
        let mut model: HashMap<u128, Bucket> = HashMap::new();
        // Half a minute of a machine that has run for a month, with pauses.
        let mut now_ns = 30 * 86_400_000_000_000;
        for _ in 0..20_000 {
            now_ns += random.below(token_ns as u64);
            if random.below(500) == 0 {
                now_ns += 3 * burst * token_ns as u64;
            }
            let key = u128::from(random.below(40));
            let exact = model.entry(key).or_default();
            let exact = exact.take(now_ns.into(), token_ns, burst.into());
            assert_eq!(
                table.take(Key(key), now_ns),
                exact,
                "{per_second} {burst} {now_ns}"
            );
        }
    }
}

#[test]
fn keeps_the_promise_at_any_rate_and_gives_nearly_all_of_it() {
    for (per_second, burst) in [
        (0.001, 3),
        (0.37, 2),
        (7.0, 20),
        (333.3, 10),
        (99_999.0, 1_000),
    ] {
        let table = table(Pace::new(per_second, burst), 10);
        let token_ns = 1e9 / per_second;
        let mut random = Random::new(3);
        let (mut now_ns, mut allowed) = (5_000_000_000_000, Vec::new());
        let begin_ns = now_ns;
        for _ in 0..30_000 {
            now_ns += random.below((token_ns / 3.0) as u64 + 1);
            if table.take(Key(1), now_ns).allowed {
                allowed.push(at(now_ns));
            }
        }
        let due = (now_ns - begin_ns) as f64 / token_ns + burst as f64;
        assert!(
            allowed.len() as f64 >= due * (1.0 - 2e-4) - 1.0,
            "{per_second}: {due}"
        );
        let excess = excess(&mut allowed, per_second, burst);
        assert!(excess <= FLOAT_ERROR, "{per_second}: {excess}");
    }
}

#[test]
fn a_burst_at_one_instant_is_exactly_the_burst() {
    for (per_second, burst) in [(0.000_001, 1_000_000), (0.001, 3), (100.0, 200), (1e6, 7)] {
        let table = table(Pace::new(per_second, burst), 10);
        let mut verdicts = (0..).map(|_| table.take(Key(9), 77_000_000_000_000));
        let refused = verdicts.position(|verdict| !verdict.allowed);
        assert_eq!(refused, Some(burst as usize), "{per_second}");
    }
}

#[test]
fn a_client_who_waits_as_told_is_served() {
    let table = table(Pace::new(0.25, 2), 10);
    let mut now_ns = 1_000_000_000;
    for _ in 0..50 {
        let verdict = table.take(Key(4), now_ns);
        if !verdict.allowed {
            assert!((1..=4).contains(&verdict.retry_after_s) && verdict.remaining == 0);
            // Two millionths of a token are the price of whole units.
            now_ns += verdict.retry_after_s * 1_000_000_000 + 20_000;
            assert!(table.take(Key(4), now_ns).allowed);
        }
    }
}

#[test]
fn a_full_set_shares_an_overflow_and_is_never_lax() {
    // One set: seven slots.
    let (per_second, burst) = (10.0, 2);
    let table = table(Pace::new(per_second, burst), 1);
    let mut random = Random::new(11);
    let mut now_ns = 9_000_000_000;
    let mut allowed: HashMap<u128, Vec<Allowed>> = HashMap::new();
    let (mut crowded, mut late) = (0, 0);
    for _ in 0..50_000 {
        now_ns += random.below(4_000_000);
        let key = u128::from(random.below(40));
        let verdict = table.take(Key(key), now_ns);
        if verdict.allowed {
            allowed.entry(key).or_default().push(at(now_ns));
            crowded += u64::from(verdict.crowded);
            late += u64::from(allowed[&key].len() > 100);
        }
    }
    assert!(crowded >= 1_000 && late > 100, "{crowded} {late}");
    assert_eq!(table.crowded(), crowded);
    for (key, requests) in &mut allowed {
        let excess = excess(requests, per_second, burst);
        assert!(excess <= FLOAT_ERROR, "{key}: {excess}");
    }
}

#[test]
fn slots_of_long_ago_are_not_taken_for_live_ones() {
    // At a token a microsecond, times go round in under five hours.
    let table = table(Pace::new(1e6, 1_000_000), 1_000);
    let hour_ns = 3_600_000_000_000;
    for quarter in 4..400 {
        let now_ns = quarter * hour_ns / 4;
        for key in 0..30 {
            let verdict = table.take(Key(key + u128::from(quarter) * 7), now_ns);
            assert_eq!((verdict.remaining, verdict.crowded), (999_999, false));
        }
    }
}
