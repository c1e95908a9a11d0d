//! The error half of a handler: a problem for the client, or an accident for the log.
//!
//! Any `std::error::Error` turns into a [`Failure`] with `?`. Its text is logged under the id of
//! the request and never sent: the client gets a plain 500, or what `App::map_error` says.

use std::any::TypeId;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

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
    /// The same, unless the application says what a client is told of such an error.
    Error(Arc<dyn Error + Send + Sync>),
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

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Cause::Error(Arc::new(error)))
    }
}

/// An error's text, and those of its sources.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = sources(error).map(ToString::to_string).collect();
    texts.join(": ")
}

/// An error's text, and a line for each of its sources.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = sources(error).map(ToString::to_string).collect();
    texts.join("\ncaused by: ")
}

/// An error, then its sources.
fn sources<'e>(
    error: &'e (dyn Error + 'static),
) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        (*error).source()
    })
}

type Mapper = Arc<dyn Fn(&(dyn Error + 'static)) -> Option<Problem> + Send + Sync>;

/// What clients are told of an application's own errors, by the type of the error.
#[derive(Default, Clone)]
pub(crate) struct Mappers(HashMap<TypeId, Mapper>);

impl Mappers {
    pub(crate) fn insert<E: Error + 'static>(
        &mut self,
        map: impl Fn(&E) -> Problem + Send + Sync + 'static,
    ) {
        let mapper: Mapper = Arc::new(move |error| error.downcast_ref::<E>().map(&map));
        self.0.insert(TypeId::of::<E>(), mapper);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and those of a group in their place.
    pub(crate) fn joined(&self, inner: &Self) -> Self {
        let mut all = self.clone();
        let inner = inner.0.iter().map(|(id, map)| (*id, map.clone()));
        all.0.extend(inner);
        all
    }

    /// The problem of the first error in the chain that is mapped.
    pub(crate) fn problem(&self, error: &(dyn Error + 'static)) -> Option<Problem> {
        if self.0.is_empty() {
            return None;
        }
        sources(error).find_map(|error| self.0.values().find_map(|map| map(error)))
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Problem(problem) => problem.fmt(out),
            Cause::Accident(reason) => write!(out, "Failure({reason:?})"),
            Cause::Error(error) => write!(out, "Failure({:?})", chain(&**error)),
        }
    }
}

/// A reason without an error behind it, as one.
#[derive(Debug)]
pub(crate) struct Accident(pub(crate) String);

impl fmt::Display for Accident {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl Error for Accident {}
