//! What an application does once per worker: before it accepts, and after it has drained.
//!
//! It runs on the worker's own thread, where nothing else runs yet or any more, so a future is
//! waited for in place. Knows nothing of sockets or of requests.

use std::error::Error;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use spikard_middleware::{Level, Log};

use crate::app::App;
use crate::error::RunError;
use crate::handler::{Later, Plain};

/// Why a start failed.
pub(crate) type StartError = Box<dyn Error + Send + Sync>;

impl App {
    /// Calls a function once per worker, on its thread, before it accepts connections. Several run
    /// in order. What one fails with ends the server.
    ///
    /// ```
    /// use std::io;
    /// use spikard::{App, TestClient};
    ///
    /// let mut app = App::new();
    /// app.on_startup(|| println!("a worker starts"));
    /// app.on_startup(async || Ok::<(), io::Error>(()));
    /// app.on_shutdown(async || println!("a worker has drained"));
    /// app.get("/", || "Hello!");
    /// assert_eq!(TestClient::new(app)?.get("/").send().text(), "Hello!");
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    pub fn on_startup<M>(&mut self, function: impl Occasion<M>) -> &mut Self {
        self.lifetime
            .startups
            .push(Box::new(move || function.occur()));
        self
    }

    /// Calls a function once per worker, on its thread, after its last request has ended. What one
    /// fails with is logged, and the next runs all the same.
    pub fn on_shutdown<M>(&mut self, function: impl Occasion<M>) -> &mut Self {
        self.lifetime
            .shutdowns
            .push(Box::new(move || function.occur()));
        self
    }
}

/// A function without arguments, plain or `async`, that returns nothing or a `Result`.
pub trait Occasion<M>: Send + Sync + 'static {
    /// Calls it, and waits for its end.
    ///
    /// # Errors
    /// What it fails with.
    fn occur(&self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

/// What a function comes to that has nothing to say but perhaps an error.
pub trait Ending {
    /// The error, if it is one.
    ///
    /// # Errors
    /// Itself.
    fn ended(self) -> Result<(), Box<dyn Error + Send + Sync>>;
}

impl Ending for () {
    fn ended(self) -> Result<(), StartError> {
        Ok(())
    }
}

impl<E: Into<StartError>> Ending for Result<(), E> {
    fn ended(self) -> Result<(), StartError> {
        self.map_err(Into::into)
    }
}

impl<F, R> Occasion<Plain> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Ending,
{
    fn occur(&self) -> Result<(), StartError> {
        self().ended()
    }
}

impl<F, U, R> Occasion<Later> for F
where
    F: Fn() -> U + Send + Sync + 'static,
    U: Future<Output = R>,
    R: Ending,
{
    fn occur(&self) -> Result<(), StartError> {
        wait_for(self()).ended()
    }
}

type Callback = Box<dyn Fn() -> Result<(), StartError> + Send + Sync>;

/// What is to be done, in order.
#[derive(Default)]
pub(crate) struct Lifetime {
    startups: Vec<Callback>,
    shutdowns: Vec<Callback>,
}

/// One worker's life. Dropping it is its end.
pub(crate) struct Life {
    lifetime: Arc<Lifetime>,
    log: Arc<dyn Log>,
}

impl Life {
    /// Starts, or says what a function failed with; then there is no end either.
    pub(crate) fn begin(lifetime: Arc<Lifetime>, log: Arc<dyn Log>) -> Result<Self, RunError> {
        for callback in &lifetime.startups {
            guarded(callback).map_err(RunError::Start)?;
        }
        Ok(Self { lifetime, log })
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        for callback in &self.lifetime.shutdowns {
            if let Err(error) = guarded(callback) {
                let message = format!("a function of on_shutdown failed: {error}");
                self.log.log(Level::Error, &message);
            }
        }
    }
}

/// Calls user code; a panic is an error like any other.
fn guarded(callback: &Callback) -> Result<(), StartError> {
    catch_unwind(AssertUnwindSafe(callback)).unwrap_or_else(|payload| {
        // A payload may panic as it is dropped, so it is not. The panic has been printed.
        std::mem::forget(payload);
        Err("it panicked".into())
    })
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future to its end on this thread.
fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
