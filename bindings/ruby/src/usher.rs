//! Gets the worker's thread the global lock in time, where a blocking function computes.
//!
//! Ruby lets a thread compute for 100 ms before another one gets the lock: that late would every
//! turn be. While functions are on the pool, a thread that is not Ruby's looks whether the worker
//! waits for the lock, and has the thread that holds it give way.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::pump::have_holder_give_way;

/// How long the worker's thread waits for the lock before it is helped, at most twice this.
const PATIENCE: Duration = Duration::from_millis(4);

/// See the module's documentation.
pub(crate) struct Usher {
    began: Instant,
    /// Since when the worker's thread wants the lock, in microseconds from `began`; 0 if it does
    /// not.
    wanted_us: AtomicU64,
    busy: Mutex<Busy>,
    news: Condvar,
    is_running: AtomicBool,
}

#[derive(Default)]
struct Busy {
    functions: usize,
    is_closed: bool,
}

impl Usher {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            wanted_us: AtomicU64::new(0),
            busy: Mutex::default(),
            news: Condvar::new(),
            is_running: AtomicBool::new(false),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Busy> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// The worker's thread wants the lock.
    pub(crate) fn wanted(&self) {
        self.wanted_us
            .store(self.now_us().max(1), Ordering::Relaxed);
    }

    /// The worker's thread has the lock.
    pub(crate) fn has_it(&self) {
        self.wanted_us.store(0, Ordering::Relaxed);
    }

    /// A function goes to the pool.
    pub(crate) fn began(self: &Arc<Self>) {
        let mut busy = self.lock();
        busy.functions += 1;
        let is_first = busy.functions == 1;
        drop(busy);
        if !self.is_running.swap(true, Ordering::Relaxed) {
            let usher = self.clone();
            let thread = thread::Builder::new().name("spikard-usher".to_owned());
            // Without it the worker waits as long as Ruby says.
            let _ = thread.spawn(move || usher.watch());
        } else if is_first {
            self.news.notify_one();
        }
    }

    /// A function of the pool has ended.
    pub(crate) fn ended(&self) {
        let mut busy = self.lock();
        busy.functions = busy.functions.saturating_sub(1);
    }

    /// Ends the thread.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    fn watch(&self) {
        loop {
            let mut busy = self.lock();
            while busy.functions == 0 && !busy.is_closed {
                busy = self.news.wait(busy).unwrap_or_else(PoisonError::into_inner);
            }
            if busy.is_closed {
                return;
            }
            drop(busy);
            thread::sleep(PATIENCE);
            let wanted_us = self.wanted_us.load(Ordering::Relaxed);
            let waited_us = self.now_us().saturating_sub(wanted_us);
            if wanted_us != 0 && waited_us >= PATIENCE.as_micros() as u64 {
                have_holder_give_way();
            }
        }
    }
}
