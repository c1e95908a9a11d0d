//! Times the inline calls of promoted functions, and tells a long call from an unlucky one.
//!
//! On a busy machine the kernel takes the core away in the middle of a short call. Such a call says
//! nothing about its function, so a long one is only blamed if its thread waited or burnt the time.
//! This file knows no clock: the driver lends its own.

use std::cell::Cell;

use crate::placement::DEMOTE_NS;

/// What a thread has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ThreadUsage {
    /// CPU time, in nanoseconds.
    pub cpu_ns: u64,
    /// Voluntary context switches.
    pub waits: u64,
}

/// The clocks of the thread that turns, and where they stood early in this turn.
#[derive(Debug)]
pub struct Stopwatch {
    nanos: fn() -> u64,
    usage: fn() -> ThreadUsage,
    mark: Cell<Option<ThreadUsage>>,
}

/// What one inline call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineRun {
    /// Wall time, in nanoseconds.
    pub wall_ns: u64,
    /// Whether it was long although nobody took its core away.
    pub to_blame: bool,
}

impl Stopwatch {
    /// A stopwatch with these clocks: monotonic nanoseconds, and the calling thread's usage.
    pub fn new(nanos: fn() -> u64, usage: fn() -> ThreadUsage) -> Self {
        Self {
            nanos,
            usage,
            mark: Cell::new(None),
        }
    }

    /// A turn begins. The usage is read when the first call of it is timed, so turns without timed
    /// calls cost no system call.
    pub fn begin_turn(&self) {
        self.mark.set(None);
    }

    /// Runs `call` and tells what it took.
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> (T, InlineRun) {
        let mark = self.mark.get().unwrap_or_else(|| {
            let usage = (self.usage)();
            self.mark.set(Some(usage));
            usage
        });
        let began = (self.nanos)();
        let result = call();
        let wall_ns = (self.nanos)().saturating_sub(began);
        let to_blame = wall_ns > DEMOTE_NS && {
            let usage = (self.usage)();
            self.mark.set(Some(usage));
            usage.waits > mark.waits || usage.cpu_ns - mark.cpu_ns > DEMOTE_NS
        };
        (result, InlineRun { wall_ns, to_blame })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
        static USAGE: Cell<ThreadUsage> = const { Cell::new(ThreadUsage { cpu_ns: 0, waits: 0 }) };
    }

    fn run(wall_ns: u64, cpu_ns: u64, waits: u64) -> InlineRun {
        let stopwatch = Stopwatch::new(|| NOW.get(), || USAGE.get());
        let call = || {
            NOW.set(NOW.get() + wall_ns);
            let usage = USAGE.get();
            USAGE.set(ThreadUsage {
                cpu_ns: usage.cpu_ns + cpu_ns,
                waits: usage.waits + waits,
            });
        };
        stopwatch.time(call).1
    }

    #[test]
    fn blames_a_long_call_that_waited_or_worked() {
        assert!(run(DEMOTE_NS + 1, 0, 1).to_blame);
        assert!(run(DEMOTE_NS + 1, DEMOTE_NS + 1, 0).to_blame);
    }

    #[test]
    fn forgives_a_call_that_lost_its_core() {
        assert!(!run(100 * DEMOTE_NS, 10_000, 0).to_blame);
        assert!(
            !run(10_000, 10_000, 1).to_blame,
            "short calls are never looked at"
        );
    }
}
