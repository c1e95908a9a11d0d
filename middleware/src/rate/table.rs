//! The table of all clients of one limit: who may come now, decided by single-word exchanges.
//!
//! Any number of threads and processes use one table at once, and any of them can be killed at any
//! instruction. There is no lock and nothing that is written in two steps that belong together.
//!
//! **Sets.** A client's hash names a set: one line, seven slots and the set's overflow. A client is
//! counted in the slot that has its name. The name has 19 bits of the hash, so two clients of one
//! set share a slot, which is strict for both, once in 75,000 pairs.
//!
//! **The rule of counting.** A request is counted in every slot of its name that it has not been
//! counted in, and looks again after each; it goes on only when a look shows no other. A slot is
//! taken in two steps: it is claimed, empty, by exchanging a refilled word for an opening one; and
//! opened, by whoever counts in it first, from the overflow's time, which is read *after* the claim
//! was seen. Without a slot, and with none to claim, the request is counted in the overflow, and
//! looks again as well. The overflow is kept like a slot, but for the whole set.
//!
//! **Never lax.** All exchanges have one order (`SeqCst`). For each client consider the slot that
//! was claimed first of those that stand.
//! - A request that is counted elsewhere, in a slot claimed later or in the overflow, looks again
//!   afterwards. If the first slot was claimed by then, it is counted there, too. If not, whoever
//!   opens that slot reads the overflow after the request was counted in it, and begins from it.
//! - A slot is claimed by another only when its time has come, and the claim is an exchange of the
//!   very word that was seen: a request that was counted meanwhile makes it fail. Then all requests
//!   counted in it have been given back by time, and so have those of slots claimed later, which
//!   were counted in it too.
//! - A reader whose clock reading is old might judge by a time at which they had not. So before a
//!   claim the *horizon* is raised to the time that is thrown away, and nobody judges by a reading
//!   before the horizon: it is read after the words, and a request that is behind moves to it,
//!   adding what it was behind to what it is counted as.
//! - So the first slot holds all requests that time has not given back, and allows one where
//!   `time + period <= now + window`: of those counted within `t`, `burst + t / period` at most.
//!
//! **Killed anywhere.** A claim that was not opened is opened by the next of its name, or claimed
//! by another if nothing else is free; nothing was counted in it. A request counted and not
//! answered is one that the client has not had: strict. A horizon raised and not used names a past
//! time.
//!
//! **Words that come again.** A count only raises a time, and an opening word holds a nonce of its
//! process and claim, so an exchange never succeeds on a word of an earlier life, but where that
//! says the same. Times go round in 2^44 units, days at least where a token takes milliseconds. An
//! eighth of that after the last raise of the horizon, whoever comes raises it and clears what is
//! refilled. A slot that nobody clears for six eighths, because nobody came at all, may look live
//! for a while: strict.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Verdict;
use super::atomic::{add, exchange, load, raise};
use super::key::{Key, hash};
use super::memory::{Line, Lines, SEED_WORDS};
use super::pace::Pace;
use super::word::{CYCLE, Word};

/// One limit and all its clients.
pub struct Table {
    lines: Arc<dyn Lines>,
    seed: [u64; SEED_WORDS],
    pace: Pace,
    /// Of this process, among those that share the table.
    process: u64,
    claims: AtomicU64,
}

impl Table {
    /// A table in `lines`, of which there are [`lines_for`] some number of clients. All who share
    /// them give the same seed and pace.
    ///
    /// # Panics
    /// If there are fewer than [`lines_for`] one client.
    pub fn new(lines: Arc<dyn Lines>, seed: [u64; SEED_WORDS], pace: Pace) -> Self {
        assert!(lines.lines().len() >= lines_for(1), "a table has a set");
        let process = add(&lines.lines()[BOOKS].0[PROCESSES], 1);
        Self {
            lines,
            seed,
            pace,
            process,
            claims: AtomicU64::new(0),
        }
    }

    /// The rate and burst.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Requests that were counted in an overflow, by all who share the table.
    pub fn crowded(&self) -> u64 {
        load(&self.lines.lines()[BOOKS].0[CROWDED])
    }

    /// Judges a request of `key`, and counts it if it is allowed. `now_ns` is a reading of the
    /// monotonic clock that all who share the table have, made for this request. The limit holds
    /// over the times at which requests are counted: each between its reading and its verdict.
    pub fn take(&self, key: Key, now_ns: u64) -> Verdict {
        let hash = hash(self.seed, key);
        let sets = &self.lines.lines()[SETS_FROM..];
        let take = Take {
            table: self,
            // `new` saw that there is one. The low bits: the name has the high ones.
            set: &sets[(hash as u32 as usize) % sets.len()],
            name: Word::name_of(hash),
            now: self.arrive(self.pace.units(now_ns)),
            counted: [false; WAYS + 1],
            full_at: 0,
        };
        take.run()
    }

    fn horizon(&self) -> &AtomicU64 {
        &self.lines.lines()[HORIZON].0[0]
    }

    /// The time to judge by, given a reading. Once in an eighth of a cycle it raises the horizon.
    fn arrive(&self, now: u64) -> u64 {
        let horizon = load(self.horizon());
        if now.saturating_sub(horizon) < CYCLE / 8 {
            return now.max(horizon);
        }
        let raised = exchange(self.horizon(), horizon, now);
        // A table that was never used has nothing to clear.
        if raised.is_ok() && horizon > 0 {
            self.clear(now);
        }
        now.max(load(self.horizon()))
    }

    /// Clears all slots that are refilled, before the hand comes round to them.
    #[cold]
    fn clear(&self, now: u64) {
        let sets = &self.lines.lines()[SETS_FROM..];
        for slot in sets.iter().flat_map(|set| &set.0[..WAYS]) {
            let word = Word(load(slot));
            if word.0 != 0 && word.is_refilled(now) {
                // Whoever was faster has a use for it.
                let _ = exchange(slot, word.0, 0);
            }
        }
    }

    fn nonce(&self) -> u64 {
        let claim = add(&self.claims, 1);
        (self.process << CLAIM_BITS) | (claim % (1 << CLAIM_BITS))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Table")
            .field("pace", &self.pace)
            .field("sets", &(self.lines.lines().len() - SETS_FROM))
            .finish_non_exhaustive()
    }
}

/// One request on its way through the rule of counting.
struct Take<'t> {
    table: &'t Table,
    set: &'t Line,
    name: u64,
    /// In units; never before the horizon that was last read.
    now: u64,
    /// By slot; the last is the overflow.
    counted: [bool; WAYS + 1],
    /// When the fullest of the buckets that it was counted in is full again.
    full_at: u64,
}

/// What a look at a set shows.
enum Look {
    /// A slot of this name that has not counted this request.
    Mine(usize, Word),
    /// None of those, but one that may be claimed.
    Free(usize, Word),
    /// Nothing of use.
    Full,
    /// Time has gone on: look again.
    Late,
}

impl Take<'_> {
    fn run(mut self) -> Verdict {
        let mut claims_left = CLAIMS_MAX;
        loop {
            let counted = self.counted.contains(&true);
            let judged = match self.look() {
                Look::Late => continue,
                Look::Mine(way, word) => self.count_slot(way, word),
                Look::Free(..) | Look::Full if counted => return self.allowed(),
                Look::Free(way, word) if claims_left > 0 => {
                    claims_left -= 1;
                    self.claim(way, word);
                    continue;
                }
                Look::Free(..) | Look::Full => self.count_overflow(),
            };
            if let Err(full_at) = judged {
                return self.refused(full_at);
            }
        }
    }

    /// One look at all slots, and then at the horizon.
    fn look(&mut self) -> Look {
        let words = std::array::from_fn(|way| Word(load(&self.set.0[way])));
        let horizon = load(self.table.horizon());
        if horizon > self.now {
            self.move_to(horizon);
            return Look::Late;
        }
        let words: [Word; WAYS] = words;
        let mine = |way: &usize| words[*way].name() == self.name && !self.counted[*way];
        if let Some(way) = (0..WAYS).find(mine) {
            return Look::Mine(way, words[way]);
        }
        // An opening slot is somebody's who will be back at once, or was killed.
        let free = (0..WAYS).find(|way| words[*way].is_refilled(self.now));
        let free = free.or_else(|| (0..WAYS).find(|way| words[*way].is_opening()));
        free.map_or(Look::Full, |way| Look::Free(way, words[way]))
    }

    /// Takes a slot for this name, with nothing counted in it.
    fn claim(&self, way: usize, word: Word) {
        if word.0 != 0 && !word.is_opening() {
            raise(self.table.horizon(), word.time(self.now));
        }
        let opening = Word::opening(self.name, self.table.nonce());
        // Where it fails, the next look shows who was faster.
        let _ = exchange(&self.set.0[way], word.0, opening.0);
    }

    /// Counts in a slot, which is opened by it if it was not. The error is when its bucket would
    /// have been full.
    fn count_slot(&mut self, way: usize, word: Word) -> Result<(), u64> {
        let full_at = if word.is_opening() {
            load(&self.set.0[OVERFLOW])
        } else {
            word.time(self.now)
        };
        let next = self.judge(full_at)?;
        let counted = Word::full_at(self.name, next);
        let slot = &self.set.0[way];
        if exchange(slot, word.0, counted.0).is_ok() {
            self.note(way, next);
        }
        Ok(())
    }

    /// Counts in the overflow of the set.
    fn count_overflow(&mut self) -> Result<(), u64> {
        let overflow = &self.set.0[OVERFLOW];
        let mut full_at = load(overflow);
        loop {
            let next = self.judge(full_at)?;
            match exchange(overflow, full_at, next) {
                Ok(_) => break self.note(OVERFLOW, next),
                Err(other) => full_at = other,
            }
        }
        add(&self.table.lines.lines()[BOOKS].0[CROWDED], 1);
        Ok(())
    }

    /// The time of a bucket with one request more.
    fn judge(&self, full_at: u64) -> Result<u64, u64> {
        let pace = &self.table.pace;
        let next = full_at.max(self.now) + pace.period();
        if next <= self.now + pace.window() {
            Ok(next)
        } else {
            Err(full_at)
        }
    }

    fn note(&mut self, place: usize, full_at: u64) {
        self.counted[place] = true;
        self.full_at = self.full_at.max(full_at);
    }

    /// Time has come to the horizon. What was counted was counted too early by the difference.
    #[cold]
    fn move_to(&mut self, horizon: u64) {
        let late = horizon - self.now;
        for way in (0..WAYS).filter(|way| self.counted[*way]) {
            let slot = &self.set.0[way];
            let mut word = Word(load(slot));
            // Another's by now: then the horizon has its time.
            while word.name() == self.name && !word.is_opening() {
                let next = Word::full_at(self.name, word.time(self.now) + late);
                match exchange(slot, word.0, next.0) {
                    Ok(_) => break,
                    Err(other) => word = Word(other),
                }
            }
        }
        if self.counted[OVERFLOW] {
            add(&self.set.0[OVERFLOW], late);
        }
        self.full_at += late;
        self.now = horizon;
    }

    fn allowed(&self) -> Verdict {
        let pace = &self.table.pace;
        let room = (self.now + pace.window()).saturating_sub(self.full_at);
        let remaining = room / pace.period();
        let wait = (self.full_at + pace.period()).saturating_sub(self.now + pace.window());
        Verdict {
            allowed: true,
            remaining,
            reset_s: pace.seconds(self.full_at.saturating_sub(self.now)),
            retry_after_s: pace.seconds(wait),
            crowded: self.counted[OVERFLOW],
        }
    }

    fn refused(&self, full_at: u64) -> Verdict {
        let pace = &self.table.pace;
        let wait = full_at.max(self.now) + pace.period() - self.now - pace.window();
        Verdict {
            allowed: false,
            remaining: 0,
            reset_s: pace.seconds(full_at.saturating_sub(self.now)),
            retry_after_s: pace.seconds(wait).max(1),
            crowded: self.counted[OVERFLOW],
        }
    }
}

/// Lines that a table for `clients` at once should have. It takes more, but then sets fill up: at
/// that number one in twenty clients meets a set that is full.
pub fn lines_for(clients: usize) -> usize {
    SETS_FROM + clients.div_ceil(CLIENTS_PER_SET).max(1)
}

/// Number of the form of a table. Who shares memory with an earlier program tells them apart by it.
pub const LAYOUT: u64 = 1;

/// Slots of a set.
pub const WAYS: usize = 7;
const CLIENTS_PER_SET: usize = 4;
/// The word behind them.
const OVERFLOW: usize = WAYS;

/// Line of the horizon: read by each request, written rarely.
const HORIZON: usize = 0;
/// Line of the counters.
const BOOKS: usize = 1;
const SETS_FROM: usize = 2;
/// Words of [`BOOKS`].
const CROWDED: usize = 0;
const PROCESSES: usize = 1;

/// Claims of one process that have different nonces; the rest of 44 bits tells processes apart.
const CLAIM_BITS: u32 = 24;
/// Claims that one request tries before it makes do with the overflow: others may claim what it
/// claims for ever.
const CLAIMS_MAX: u32 = 16;
