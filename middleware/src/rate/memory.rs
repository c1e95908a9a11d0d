//! The memory of limits: lines of eight words, which one process has or several share.
//!
//! Zeros are a table without clients, so memory needs no preparation and nobody can find it half
//! prepared. How processes share it is the affair of whoever implements [`Memory`].

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Eight words in one line of a processor's cache.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Line(pub [AtomicU64; 8]);

/// Some lines, all zero when they are new.
pub trait Lines: Send + Sync {
    /// The lines; always the same.
    fn lines(&self) -> &[Line];
}

impl Lines for Box<[Line]> {
    fn lines(&self) -> &[Line] {
        self
    }
}

/// Words of a seed.
pub const SEED_WORDS: usize = 2;

/// Where tables find their lines.
pub trait Memory: Send + Sync {
    /// `count` lines under the name `id`: the same for everybody who shares the memory and asks for
    /// the same. `None` if there is no room.
    fn lines(&self, id: u64, count: usize) -> Option<Arc<dyn Lines>>;

    /// Secret and the same for everybody who shares the memory: where a client's slot is.
    fn seed(&self) -> [u64; SEED_WORDS];
}

/// Memory of one process, or of one in-process client: each table has lines of its own.
#[derive(Debug, Clone, Copy)]
pub struct Private {
    seed: [u64; SEED_WORDS],
}

impl Private {
    /// Memory whose seed comes from the operating system, by way of the standard library.
    pub fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self {
            seed: [(); SEED_WORDS].map(|()| RandomState::new().hash_one(0)),
        }
    }
}

impl Default for Private {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory for Private {
    fn lines(&self, _: u64, count: usize) -> Option<Arc<dyn Lines>> {
        let lines: Box<[Line]> = (0..count).map(|_| Line::default()).collect();
        Some(Arc::new(lines))
    }

    fn seed(&self) -> [u64; SEED_WORDS] {
        self.seed
    }
}
