//! The bridge to tokio: clients that live on a tokio runtime, used from handlers that do not.
//!
//! A worker polls its ring and knows nothing of tokio, whose sockets and timers only work inside a
//! runtime. So such a future runs on a runtime of its own, one per process, and wakes its handler
//! when it is done: reqwest, sqlx or redis work without a second model of handlers.
//! Knows nothing of requests or workers.

use std::cell::RefCell;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::process;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Runs a future on the process's tokio runtime: `spikard::tokio(async move { ... }).await`.
///
/// It starts at once. Dropped before its end, because the client left or the handler's deadline
/// passed, it is aborted at its next wait. A panic in it is one of the handler: a 500 of this
/// request, and a line in the log.
///
/// ```
/// use spikard::{App, TestClient};
/// use std::time::Duration;
///
/// async fn wait() -> String {
///     spikard::tokio(async {
///         tokio::time::sleep(Duration::from_millis(1)).await;
///         "waited on tokio".to_owned()
///     })
///     .await
/// }
///
/// let mut app = App::new();
/// app.get("/wait", wait);
/// assert_eq!(TestClient::new(app)?.get("/wait").send().text(), "waited on tokio");
/// # Ok::<(), spikard::RunError>(())
/// ```
///
/// # Panics
/// When the system refuses the runtime its threads; inside a handler that is a 500.
pub fn tokio<F>(future: F) -> Bridged<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    Bridged(runtime().spawn(future))
}

/// The future of [`tokio`].
#[must_use = "a future that is dropped is aborted"]
pub struct Bridged<T>(JoinHandle<T>);

impl<T> Future for Bridged<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|ended| match ended {
            Ok(value) => value,
            Err(error) => match error.try_into_panic() {
                Ok(payload) => resume_unwind(payload),
                // Nobody else can abort it, and the runtime is never shut down.
                Err(error) => panic!("a future on tokio ended early: {error}"),
            },
        })
    }
}

impl<T> Drop for Bridged<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T> fmt::Debug for Bridged<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bridged").finish_non_exhaustive()
    }
}

/// A runtime, and the process that its threads are in.
struct Shared {
    process: u32,
    runtime: Runtime,
}

static SHARED: Mutex<Option<Shared>> = Mutex::new(None);

thread_local! {
    /// Spares all calls of a thread but the first the lock.
    static KNOWN: RefCell<Option<(u32, Handle)>> = const { RefCell::new(None) };
}

/// The process's runtime, started by the first call. A forked child has none of its parent's
/// threads, so there it is another one.
fn runtime() -> Handle {
    let process = process::id();
    KNOWN.with_borrow_mut(|known| {
        if let Some((own, handle)) = known
            && *own == process
        {
            return handle.clone();
        }
        let handle = shared(process);
        // What a fork left is forgotten: its tasks belong to threads that do not exist here.
        std::mem::forget(known.replace((process, handle.clone())));
        handle
    })
}

fn shared(process: u32) -> Handle {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(own) = &*shared
        && own.process == process
    {
        return own.runtime.handle().clone();
    }
    let runtime = Builder::new_multi_thread()
        .thread_name("spikard-tokio")
        .enable_all()
        .build()
        .unwrap_or_else(|error| panic!("the tokio runtime does not start: {error}"));
    let handle = runtime.handle().clone();
    // Dropping a parent's runtime would wait for threads that do not exist here.
    std::mem::forget(shared.replace(Shared { process, runtime }));
    handle
}
