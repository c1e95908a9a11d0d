//! Why a server did not start, or ended otherwise than by being stopped.

use std::fmt;
use std::io;

use spikard_app::LowerError;
use spikard_contract::knob::ConfigError;
use spikard_runtime::TurnError;
use spikard_runtime::listen::ListenError;

use crate::registration::RegistrationError;

/// See the module's documentation. `Display` is a sentence for the person who started the server,
/// and so is `Debug`, because that is what a `main` prints that returns this.
pub enum RunError {
    /// A route cannot be served as it was registered.
    Registration(Box<RegistrationError>),
    /// The application cannot be compiled under this configuration.
    Lower(LowerError),
    /// A value of the configuration is out of its range.
    Config(ConfigError),
    /// `reload` starts the program again, and a compiled one has to be built first.
    Reload,
    /// The address cannot be listened on.
    Listen(ListenError),
    /// The system refused an engine, a thread or a descriptor.
    System(io::Error),
    /// A function of `on_startup` failed; no worker accepts anything.
    Start(Box<dyn std::error::Error + Send + Sync>),
    /// A worker failed inside; the others were stopped.
    Worker(TurnError),
}

impl fmt::Display for RunError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registration(error) => error.fmt(out),
            Self::Lower(error) => error.fmt(out),
            Self::Config(error) => write!(out, "the configuration is refused: {error}"),
            Self::Reload => write!(
                out,
                "the configuration is refused: /reload: a compiled program is not reloaded; let \
                 a tool that builds it start it again"
            ),
            Self::Listen(error) => error.fmt(out),
            Self::System(error) => write!(out, "the system refused to start a worker: {error}"),
            Self::Start(error) => write!(out, "a function of on_startup failed: {error}"),
            Self::Worker(error) => write!(out, "a worker failed ({error:?}); the server ended"),
        }
    }
}

impl fmt::Debug for RunError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Registration(error) => Some(error),
            Self::Lower(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Listen(error) => Some(error),
            Self::System(error) => Some(error),
            Self::Start(error) => Some(&**error),
            Self::Worker(_) | Self::Reload => None,
        }
    }
}
