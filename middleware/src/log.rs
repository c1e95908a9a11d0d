//! Where the engine says what happened. It never holds a client's secret or a whole message.

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
}

/// Receives the engine's log lines. Called on any thread, must not block for long.
pub trait Log: Send + Sync {
    /// Takes one line, a sentence without a line break.
    fn log(&self, level: Level, message: &str);
}
