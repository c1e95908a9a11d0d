//! Why a server did not start, or ended otherwise than by being stopped.

use std::fmt;
use std::io;

use spikard_app::{LowerError, RouteError};
use spikard_contract::knob::ConfigError;
use spikard_runtime::TurnError;
use spikard_runtime::listen::ListenError;

/// See the module's documentation. `Display` is a sentence for the person who started the server,
/// and so is `Debug`, because that is what a `main` prints that returns this.
pub enum RunError {
    /// A route cannot be added.
    Route(Box<RouteError>),
    /// A handler takes a `State` that the application was not given.
    MissingState {
        /// Name of the route.
        route: String,
        /// The state's type.
        state: &'static str,
    },
    /// The application cannot be compiled under this configuration.
    Lower(LowerError),
    /// A value of the configuration is out of its range.
    Config(ConfigError),
    /// The address cannot be listened on.
    Listen(ListenError),
    /// The system refused an engine, a thread or a descriptor.
    System(io::Error),
    /// A worker failed inside; the others were stopped.
    Worker(TurnError),
}

impl fmt::Display for RunError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route(error) => error.fmt(out),
            Self::MissingState { route, state } => write!(
                out,
                "route '{route}': its handler takes a State<{state}>, which the application does \
                 not have; give it one with `app.state(...)`"
            ),
            Self::Lower(error) => error.fmt(out),
            Self::Config(error) => write!(out, "the configuration is refused: {error}"),
            Self::Listen(error) => error.fmt(out),
            Self::System(error) => write!(out, "the system refused to start a worker: {error}"),
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
            Self::Route(error) => Some(error),
            Self::Lower(error) => Some(error),
            Self::Config(error) => Some(error),
            Self::Listen(error) => Some(error),
            Self::System(error) => Some(error),
            Self::MissingState { .. } | Self::Worker(_) => None,
        }
    }
}
