//! A problem that a handler answers with (RFC 9457).
//!
//! `type` and `title` come from the engine's own table where it has the status, so that a 404 of a
//! handler and one of the router look alike.
//! Knows nothing of requests.

use serde_json::Value;
use spikard_middleware::Reply;

use crate::reply::push_headers;

/// A problem document in the making.
///
/// ```
/// use spikard::Problem;
/// fn find(id: i64) -> Result<String, Problem> {
///     Err(Problem::new(404).detail(format!("There is no user {id}")).with("id", id))
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Parts>);

/// Boxed, so that a `Result<T, Problem>` is hardly larger than its `T`.
#[derive(Debug, Clone, PartialEq)]
struct Parts {
    inner: spikard_middleware::Problem,
    headers: Vec<(String, String)>,
}

impl Problem {
    /// A problem of this status, 400 to 599.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self::from(spikard_middleware::Problem::raised(status))
    }

    /// What is wrong this time. The client reads it.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        self.edit(|inner| inner.with_detail(detail.into()))
    }

    /// What is wrong in general, the same for every occurrence.
    #[must_use]
    pub fn title(self, title: impl Into<String>) -> Self {
        self.edit(|inner| inner.with_title(title.into()))
    }

    /// The URI that names this kind of problem.
    #[must_use]
    pub fn type_uri(self, uri: impl Into<String>) -> Self {
        self.edit(|inner| inner.with_type(uri.into()))
    }

    /// Adds a header line to the reply.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Adds an extension member. The five standard members cannot be replaced this way.
    #[must_use]
    pub fn with(self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.edit(|inner| inner.with(name, value))
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.inner.status()
    }

    fn edit(
        mut self,
        edit: impl FnOnce(spikard_middleware::Problem) -> spikard_middleware::Problem,
    ) -> Self {
        self.0.inner = edit(self.0.inner);
        self
    }

    pub(crate) fn write(&self, reply: &mut Reply) {
        self.0.inner.write(reply);
        push_headers(&self.0.headers, reply);
    }
}

impl From<spikard_middleware::Problem> for Problem {
    fn from(inner: spikard_middleware::Problem) -> Self {
        Self(Box::new(Parts {
            inner,
            headers: Vec::new(),
        }))
    }
}
