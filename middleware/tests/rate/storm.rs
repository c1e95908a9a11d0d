//! Many at once: threads whose clock readings lag, more clients than slots, on very small tables.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use spikard_middleware::rate::{Key, Pace};

use crate::{Allowed, FLOAT_ERROR, Random, excess, shared};

const THREADS: u64 = 4;

/// What a storm is made of.
struct Storm {
    per_second: f64,
    burst: u64,
    /// What the table is made for.
    clients: usize,
    keys: u64,
    /// Most nanoseconds by which one request moves the clock on.
    step_ns: u64,
    requests: u64,
}

impl Storm {
    /// Lets all threads at one table, and asserts the promise for each client. The clock is a
    /// number that all move on; some look at it and then dawdle. Returns how many were allowed.
    fn rage(&self, seed: u64) -> usize {
        let table = shared(Pace::new(self.per_second, self.burst), self.clients);
        let clock = AtomicU64::new(1_000_000_000_000);
        let mut allowed: HashMap<u64, Vec<Allowed>> = HashMap::new();
        thread::scope(|scope| {
            let threads = (0..THREADS).map(|thread| {
                let mut random = Random::new(seed * THREADS + thread);
                let (table, clock) = (&table, &clock);
                scope.spawn(move || {
                    let mut allowed = Vec::new();
                    for _ in 0..self.requests {
                        let step_ns = random.below(self.step_ns);
                        let now_ns = clock.fetch_add(step_ns, Ordering::SeqCst) + step_ns;
                        match random.below(64) {
                            0 => thread::yield_now(),
                            1 => (0..random.below(3_000)).for_each(|_| std::hint::spin_loop()),
                            _ => {}
                        }
                        let key = random.below(self.keys);
                        if table.take(Key(key.into()), now_ns).allowed {
                            let until_ns = clock.load(Ordering::SeqCst);
                            allowed.push((
                                key,
                                Allowed {
                                    from_ns: now_ns,
                                    until_ns,
                                },
                            ));
                        }
                    }
                    allowed
                })
            });
            let threads: Vec<_> = threads.collect();
            for thread in threads {
                for (key, request) in thread.join().expect("no thread panics") {
                    allowed.entry(key).or_default().push(request);
                }
            }
        });
        for (key, requests) in &mut allowed {
            let excess = excess(requests, self.per_second, self.burst);
            assert!(excess <= FLOAT_ERROR, "client {key}: {excess} too many");
        }
        allowed.values().map(Vec::len).sum()
    }
}

#[test]
fn a_few_clients_of_all_threads_get_no_more_than_their_due() {
    for seed in 0..4 {
        let storm = Storm {
            per_second: 1_000.0,
            burst: 3,
            clients: 64,
            keys: 3,
            step_ns: 100_000,
            requests: 4_000,
        };
        assert!(storm.rage(seed) > 1_000);
    }
}

#[test]
fn more_clients_than_slots_get_no_more_than_their_due() {
    // Slots are full, refilled and taken all the time; the set's overflow is in use.
    for seed in 0..12 {
        let storm = Storm {
            per_second: 1_000.0,
            burst: 1 + seed % 3,
            clients: 1,
            keys: 7 + seed,
            step_ns: [100, 20_000, 200_000][seed as usize % 3],
            requests: 4_000,
        };
        // How many is a matter of luck: clients that find no slot share what the set has over.
        assert!(storm.rage(seed) > 0);
    }
}

#[test]
fn clients_that_come_and_go_get_no_more_than_their_due() {
    for seed in 0..4 {
        let storm = Storm {
            per_second: 100_000.0,
            burst: 2,
            clients: 8,
            keys: 400,
            step_ns: 2_000,
            requests: 10_000,
        };
        assert!(storm.rage(seed) > 1_000);
    }
}

#[test]
fn one_instant_of_all_threads_gives_exactly_the_burst() {
    for seed in 0..20 {
        let storm = Storm {
            per_second: 1.0,
            burst: 5_000,
            clients: 100,
            keys: 1,
            step_ns: 1,
            requests: 5_000,
        };
        assert_eq!(storm.rage(seed), 5_000);
    }
}
