//! Where the engine says what happened. It never holds a client's secret or a whole message.

use std::{fmt, sync::Arc};

use spikard_contract::config::LogLevel;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Something failed and somebody should look.
    Error = 1,
    /// Something is off, and was handled.
    Warn = 2,
    /// Life events: started, stopped.
    Info = 3,
    /// Details for a developer.
    Debug = 4,
    /// A line of the access log, whatever the level of the log.
    Access = 5,
}

impl Level {
    /// The least that a configuration lets through.
    #[must_use]
    pub fn of(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }
}

/// A turn of a worker that takes too long.
#[derive(Debug, Clone, Copy)]
pub struct Stall<'a> {
    /// The handler that holds the worker: its name and its route's pattern. `None` if the turn is
    /// in the engine itself.
    pub handler: Option<(&'a str, &'a str)>,
    /// For how long the turn has lasted, in milliseconds.
    pub for_ms: u64,
}

impl fmt::Display for Stall<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handler {
            Some((name, route)) => write!(
                out,
                "{name} ({route}) has held its worker for {} ms; nothing else is served meanwhile",
                self.for_ms
            ),
            None => write!(out, "a turn has taken {} ms", self.for_ms),
        }
    }
}

/// Receives the engine's log lines. Called on any thread, must not block for long.
pub trait Log: Send + Sync {
    /// Takes one line, a sentence without a line break.
    fn log(&self, level: Level, message: &str);

    /// Takes the news that a worker is stalled. A host that can tell more, such as where its code
    /// stands, says it here; it must not wait for the worker's thread, which may wait for this.
    fn stalled(&self, stall: &Stall<'_>) {
        self.log(Level::Warn, &stall.to_string());
    }
}

/// The log without what a configuration does not want to hear.
pub fn leveled(log: Arc<dyn Log>, level: LogLevel) -> Arc<dyn Log> {
    let most = Level::of(level);
    Arc::new(Leveled { log, most })
}

struct Leveled {
    log: Arc<dyn Log>,
    most: Level,
}

impl Log for Leveled {
    fn log(&self, level: Level, message: &str) {
        if level <= self.most || level == Level::Access {
            self.log.log(level, message);
        }
    }

    fn stalled(&self, stall: &Stall<'_>) {
        if Level::Warn <= self.most {
            self.log.stalled(stall);
        }
    }
}
