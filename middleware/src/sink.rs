//! Where the bytes of a body go when a route wants more of them than one buffer.
//!
//! A stage puts a sink into the exchange before the body is asked for; the session pushes what
//! arrives. A sink never blocks: what may (a disk) it hands out as [`Work`], which a driver does on
//! a thread that may wait, and no more bytes are read until it is done.
//! Knows nothing of what the bytes mean.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{exchange::Exchange, problem::Problem};

/// Something that may block. It keeps its result where its sink will look.
pub struct Work(Box<dyn FnOnce() + Send>);

impl Work {
    /// Work that `job` does.
    pub fn new(job: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(job))
    }

    /// Does it. A panic is a job that was not done.
    pub fn run(self) {
        // Its sink finds no result and says so.
        let _ = catch_unwind(AssertUnwindSafe(self.0));
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Work")
    }
}

/// Takes one request body as it arrives.
pub trait BodySink: fmt::Debug + Send {
    /// Takes the next bytes, all of them.
    ///
    /// # Errors
    /// The problem that answers the request; the rest of the body is not read.
    fn push(&mut self, bytes: &[u8]) -> Result<(), Box<Problem>>;

    /// Hears that the body is whole.
    ///
    /// # Errors
    /// As [`BodySink::push`], for a body that ends too soon.
    fn finish(&mut self) -> Result<(), Box<Problem>>;

    /// What must be done before more is pushed or the body is delivered. Asked again after that,
    /// until there is nothing.
    ///
    /// # Errors
    /// Why the last work failed: the server's fault, not the client's.
    fn work(&mut self) -> io::Result<Option<Work>>;

    /// Gives what became of the body to its exchange. There is no work left.
    fn deliver(self: Box<Self>, x: &mut Exchange);
}
