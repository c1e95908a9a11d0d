//! Times the inline calls of promoted functions, and tells a long call from an unlucky one.
//!
//! On a busy machine the kernel takes the core away in the middle of a short call. Such a call says
//! nothing about its function, so of a long one it is asked what its thread did meanwhile.
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
    mark: Cell<Option<Mark>>,
}

/// Where the clocks stood at one moment.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at_ns: u64,
    usage: ThreadUsage,
}

/// What one inline call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineRun {
    /// Wall time, in nanoseconds.
    pub wall_ns: u64,
    /// What it spent the time on.
    pub spent: Spent,
}

/// What an inline call spent its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// It was not long.
    Short,
    /// It was long because its thread lost the core.
    Preempted,
    /// It was long and used the core.
    Working,
    /// It was long and its thread waited for something.
    Waiting,
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
        let mark = self.mark.get().unwrap_or_else(|| self.mark_now());
        let began_ns = (self.nanos)();
        let result = call();
        let wall_ns = (self.nanos)().saturating_sub(began_ns);
        let spent = if wall_ns <= DEMOTE_NS {
            Spent::Short
        } else {
            judge(&mark, began_ns, &self.mark_now())
        };
        (result, InlineRun { wall_ns, spent })
    }

    fn mark_now(&self) -> Mark {
        let mark = Mark {
            at_ns: (self.nanos)(),
            usage: (self.usage)(),
        };
        self.mark.set(Some(mark));
        mark
    }
}

/// What a long call that began at `began_ns` did, from what its thread used since `mark`.
fn judge(mark: &Mark, began_ns: u64, ended: &Mark) -> Spent {
    // Before the call, the thread cannot have used more CPU than there was time.
    let before_ns = began_ns.saturating_sub(mark.at_ns);
    let used_ns = ended.usage.cpu_ns.saturating_sub(mark.usage.cpu_ns);
    if used_ns.saturating_sub(before_ns) > DEMOTE_NS {
        Spent::Working
    } else if ended.usage.waits > mark.usage.waits {
        Spent::Waiting
    } else {
        Spent::Preempted
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
    fn tells_what_a_long_call_did() {
        assert_eq!(run(DEMOTE_NS + 1, 0, 1).spent, Spent::Waiting);
        assert_eq!(run(DEMOTE_NS + 1, DEMOTE_NS + 1, 0).spent, Spent::Working);
        assert_eq!(run(100 * DEMOTE_NS, 10_000, 0).spent, Spent::Preempted);
    }

    #[test]
    fn work_before_the_call_is_not_its_own() {
        let mark = Mark {
            at_ns: 0,
            usage: ThreadUsage::default(),
        };
        let ended = Mark {
            at_ns: 20 * DEMOTE_NS,
            usage: ThreadUsage {
                cpu_ns: 5 * DEMOTE_NS,
                waits: 0,
            },
        };
        assert_eq!(judge(&mark, 5 * DEMOTE_NS, &ended), Spent::Preempted);
        assert_eq!(judge(&mark, DEMOTE_NS, &ended), Spent::Working);
    }

    #[test]
    fn short_calls_are_not_looked_at() {
        assert_eq!(run(10_000, 10_000, 1).spent, Spent::Short);
    }
}
