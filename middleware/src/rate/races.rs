//! Every race that a few thousand dice can find: one thread at a time goes on, from one operation
//! on a shared word to the next, and the dice say which, how long it takes, and who is killed.
//!
//! A seed gives the same race again, so what it finds can be looked at.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::*;

const THREADS: usize = 3;
/// The clock when a race begins.
const BEGIN_NS: u64 = 1_000_000_000;
/// Clients that do not race.
const FILLERS: u64 = 1_000;
/// Nanoseconds that a token takes.
const TOKEN_NS: u64 = 1_000;

/// What the threads of one race share.
struct Course {
    state: Mutex<State>,
    turned: Condvar,
}

struct State {
    dice: u64,
    turn: usize,
    racing: [bool; THREADS],
    clock_ns: u64,
    /// Most by which one operation moves the clock on.
    pace_ns: u64,
}

impl State {
    fn roll(&mut self, sides: u64) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice % sides
    }

    fn pass_on(&mut self) {
        let racing = (0..THREADS).filter(|thread| self.racing[*thread]);
        let racing: Vec<usize> = racing.collect();
        if !racing.is_empty() {
            self.turn = racing[self.roll(racing.len() as u64) as usize];
        }
    }
}

impl Course {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, thread: usize) -> MutexGuard<'_, State> {
        let ready = self
            .turned
            .wait_while(self.lock(), |state| state.turn != thread);
        ready.unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    static RACER: Cell<Option<(&'static Course, usize)>> = const { Cell::new(None) };
}

/// Killed between two operations.
struct Killed;

/// Gives the turn to whom the dice say, and waits for the next one.
pub(super) fn step() {
    let Some((course, thread)) = RACER.get() else {
        return;
    };
    let mut state = course.lock();
    if state.roll(3) == 0 {
        let pace_ns = state.pace_ns;
        state.clock_ns += state.roll(pace_ns);
    }
    if state.roll(150) == 0 {
        drop(state);
        resume_unwind(Box::new(Killed));
    }
    // Mostly straight on: else nobody would ever be far ahead of another.
    if state.roll(3) == 0 {
        state.pass_on();
        course.turned.notify_all();
    }
    drop(state);
    drop(course.wait(thread));
}

/// A request that was allowed: the client, and the clock before and after.
type Allowed = (u64, u64, u64);

/// One thread's part: some requests of any of `keys` clients.
fn part(course: &'static Course, thread: usize, table: &Table, keys: u64) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    drop(course.wait(thread));
    for _ in 0..8 {
        let (key, from_ns) = {
            let mut state = course.lock();
            // Two clients have half of the requests.
            let of = if state.roll(2) == 0 { 2 } else { keys };
            (state.roll(of), state.clock_ns)
        };
        RACER.set(Some((course, thread)));
        let take = AssertUnwindSafe(|| table.take(Key(key.into()), from_ns));
        let verdict = catch_unwind(take);
        RACER.set(None);
        if verdict.is_ok_and(|verdict| verdict.allowed) {
            allowed.push((key, from_ns, course.lock().clock_ns));
        }
    }
    let mut state = course.lock();
    state.racing[thread] = false;
    state.pass_on();
    course.turned.notify_all();
    allowed
}

/// Runs a race and returns what was allowed.
fn race(seed: u64, burst: u64, keys: u64, pace_ns: u64) -> Vec<Allowed> {
    let memory = Private::new();
    let lines = Memory::lines(&memory, 0, lines_for(1)).unwrap();
    let table = Arc::new(Table::new(
        lines,
        [seed, seed],
        Pace::new(1e9 / TOKEN_NS as f64, burst),
    ));
    // The slots of others come free one after the other while the race is on.
    for filler in 0..WAYS as u64 {
        let ahead_ns = filler * pace_ns.min(TOKEN_NS);
        table.take(
            Key((FILLERS + filler).into()),
            BEGIN_NS + ahead_ns - TOKEN_NS,
        );
    }
    let course: &'static Course = Box::leak(Box::new(Course {
        state: Mutex::new(State {
            dice: (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            turn: 0,
            racing: [true; THREADS],
            clock_ns: BEGIN_NS,
            pace_ns,
        }),
        turned: Condvar::new(),
    }));
    thread::scope(|scope| {
        let threads = [0, 1, 2].map(|thread| {
            let table = table.clone();
            scope.spawn(move || part(course, thread, &table, keys))
        });
        let threads = threads.into_iter();
        threads.flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Asserts the promise for each client: of the requests that lie whole within some time, no more
/// than the burst and the time's share.
fn assert_promise(allowed: &[Allowed], burst: u64, race: &str) {
    for (client, begin, _) in allowed {
        for (_, _, end) in allowed.iter().filter(|(_, _, end)| end >= begin) {
            let within = allowed
                .iter()
                .filter(|(key, from, until)| key == client && from >= begin && until <= end);
            let (count, due) = (within.count() as u64, burst + (end - begin) / TOKEN_NS);
            assert!(count <= due, "{race}: client {client} had {count} of {due}");
        }
    }
}

#[test]
fn no_race_gives_a_client_more_than_its_due() {
    let mut requests = 0;
    for seed in 0..RACES {
        let burst = 1 + seed % 3;
        // From hardly any to far more than there are slots.
        let keys = [2, 9, 12, 30][seed as usize / 3 % 4];
        let pace_ns = [20, 200, 700, 3_000][seed as usize / 12 % 4];
        let allowed = race(seed, burst, keys, pace_ns);
        requests += allowed.len() as u64;
        assert_promise(
            &allowed,
            burst,
            &format!("seed {seed}, burst {burst}, {keys} keys"),
        );
    }
    // Who allows nothing keeps any promise.
    assert!(requests > RACES * 5, "{requests}");
}

const RACES: u64 = 2_000;
