//! The error half of a handler: a problem for the client, or an accident for the log.
//!
//! Any `std::error::Error` turns into a [`Failure`] with `?`. Its text is logged under the id of
//! the request and never sent: the client gets a plain 500.

use std::error::Error;
use std::fmt;

use crate::problem::Problem;

/// Why a handler did not succeed.
///
/// ```
/// use spikard::{Failure, Problem};
/// fn read(name: &str) -> Result<String, Failure> {
///     if name.contains('/') {
///         return Err(Problem::new(400).detail("A name has no slashes").into());
///     }
///     Ok(std::fs::read_to_string(name)?)
/// }
/// ```
pub struct Failure(pub(crate) Cause);

pub(crate) enum Cause {
    /// The reply is this document.
    Problem(Problem),
    /// The reply is a 500; this is for the log.
    Accident(String),
}

impl Failure {
    /// A 500 whose reason goes to the log.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Cause::Accident(reason.into()))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(Cause::Problem(problem))
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason.push_str(": ");
            reason.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::new(reason)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Problem(problem) => problem.fmt(out),
            Cause::Accident(reason) => write!(out, "Failure({reason:?})"),
        }
    }
}
