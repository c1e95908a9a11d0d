//! Why an application cannot be served here: what shows only when routes, configuration and machine
//! come together. Every fault names its setting and what to change.

use std::fmt;

use crate::validate::schema::SchemaError;

/// Why an application cannot be lowered. Routes are checked when they are added, and the
/// configuration when it is read; here is what only shows on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LowerError {
    /// `spool_directory` is none.
    SpoolDirectory(String),
    /// A key of `jwt_auth` cannot serve.
    Auth {
        /// JSON pointer to it within the configuration.
        pointer: String,
        /// Why.
        message: String,
    },
    /// A route asks for auth that is not configured.
    RouteAuth {
        /// The route's pattern.
        path: String,
        /// The knob that is missing.
        knob: &'static str,
    },
    /// There is no memory for a rate limit: it was configured anew too often in one server's life.
    RateLimitMemory {
        /// Which limit.
        limit: String,
    },
    /// A health endpoint cannot be added.
    Health {
        /// The key of the setting.
        knob: &'static str,
        /// Why.
        reason: String,
    },
    /// A path of `protect` protects nothing.
    Protect {
        /// Its place in the list.
        at: usize,
        /// What is wrong.
        fault: String,
    },
    /// A response schema does not compile, although it did when its route was added.
    ResponseSchema {
        /// The route's pattern.
        path: String,
        /// Why.
        error: SchemaError,
    },
    /// A mount of static files is wrong.
    StaticFiles {
        /// Its place in the list.
        at: usize,
        /// The key of the setting.
        key: &'static str,
        /// What is wrong.
        fault: String,
    },
}

impl fmt::Display for LowerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpoolDirectory(path) => write!(
                out,
                "/spool_directory: '{path}' is no directory; make it, or name another one"
            ),
            Self::Auth { pointer, message } => write!(out, "{pointer}: {message}"),
            Self::RouteAuth { path, knob } => write!(
                out,
                "the route {path} asks for auth, and the configuration has no {knob}"
            ),
            Self::RateLimitMemory { limit } => write!(
                out,
                "there is no room for the rate limit of {limit} beside those of earlier \
                 configurations; stop the server and start it again"
            ),
            Self::Health { knob, reason } => write!(out, "/health/{knob}: {reason}"),
            Self::Protect { at, fault } => write!(out, "/protect/{at}: {fault}"),
            Self::ResponseSchema { path, error } => {
                write!(out, "the response of the route {path}: {error}")
            }
            Self::StaticFiles { at, key, fault } => {
                write!(out, "/static_files/{at}/{key}: {fault}")
            }
        }
    }
}

impl std::error::Error for LowerError {}
