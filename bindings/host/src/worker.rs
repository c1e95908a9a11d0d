//! One worker, owned by the thread that made it.

use std::{
    ptr,
    sync::{Arc, Weak},
    time::Duration,
};

pub use spikard_ffi::Turn;
use spikard_ffi::{
    app::spk_app,
    host::spk_host,
    worker::{
        SPK_NO_DEADLINE, spk_inject, spk_stats, spk_worker, spk_worker_free,
        spk_worker_new_in_process, spk_worker_port, spk_worker_stats, spk_worker_turn,
    },
};

use crate::{
    app::App,
    error::{Error, Status, check},
    event::{Host, table},
    port::Port,
};

/// What a worker holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Open connections.
    pub connections: u64,
    /// Calls at the host, orphans included.
    pub in_flight: u64,
    /// Calls at the host whose client has gone.
    pub orphans: u64,
}

/// A worker and the host it calls.
pub struct Worker<H: Host> {
    raw: *mut spk_worker,
    host: Arc<H>,
}

type Make = unsafe extern "C" fn(*const spk_app, *const spk_host, *mut *mut spk_worker) -> u32;

impl<H: Host> Worker<H> {
    /// A worker without sockets, for [`Worker::inject`].
    ///
    /// # Errors
    /// Why the application cannot be compiled.
    pub fn in_process(app: &App, host: Arc<H>) -> Result<Self, Error> {
        let table = table(&*host);
        let mut raw = ptr::null_mut();
        let make: Make = spk_worker_new_in_process;
        // SAFETY: the handle is live, the table valid, the output valid; `Worker` keeps the host
        // until after the worker is freed.
        check(unsafe { make(app.raw(), &table, &mut raw) })?;
        Ok(Self { raw, host })
    }

    /// A worker that accepts from `listener_fd`, which it owns from now on.
    ///
    /// # Errors
    /// Why the application cannot be compiled, or no engine built.
    #[cfg(feature = "server")]
    pub fn serve(app: &App, host: Arc<H>, listener: std::os::fd::OwnedFd) -> Result<Self, Error> {
        use std::os::fd::IntoRawFd;

        let table = table(&*host);
        let mut raw = ptr::null_mut();
        let fd = listener.into_raw_fd();
        // SAFETY: as in `in_process`; the descriptor is owned and given away.
        check(unsafe { spikard_ffi::server::spk_worker_new(app.raw(), &table, fd, &mut raw) })?;
        Ok(Self { raw, host })
    }

    pub(crate) fn raw(&self) -> *const spk_worker {
        self.raw
    }

    /// The host.
    pub fn host(&self) -> &Arc<H> {
        &self.host
    }

    /// Does all that is due. Returns what is next, and after what time to turn although nothing
    /// happened.
    ///
    /// # Errors
    /// A turn is under way, this is another thread or a forked child, or the engine failed.
    pub fn turn(&self) -> Result<(Turn, Option<Duration>), Error> {
        let (mut turn, mut next_ms) = (0, SPK_NO_DEADLINE);
        // SAFETY: the handle is live; the outputs are valid.
        check(unsafe { spk_worker_turn(self.raw, &mut turn, &mut next_ms) })?;
        let next = (next_ms != SPK_NO_DEADLINE).then(|| Duration::from_millis(next_ms));
        Ok((Turn::from_number(turn).unwrap_or(Turn::Idle), next))
    }

    /// Begins a request in process; its reply comes to [`Host::injected`].
    ///
    /// # Errors
    /// The worker serves sockets, or this is another thread.
    pub fn inject(&self, token: u64, request: &[u8]) -> Result<(), Error> {
        // SAFETY: the handle is live; the bytes are valid for their length.
        check(unsafe { spk_inject(self.raw, token, request.as_ptr(), request.len()) })
    }

    /// Where its calls are answered.
    ///
    /// # Errors
    /// Only a failure inside the engine.
    pub fn port(&self) -> Result<Port, Error> {
        let mut port = ptr::null_mut();
        // SAFETY: the handle is live; the output is valid.
        check(unsafe { spk_worker_port(self.raw, &mut port) })?;
        let host: Weak<H> = Arc::downgrade(&self.host);
        // SAFETY: the port was just made, by a worker that holds this host.
        Ok(unsafe { Port::from_raw(port, host) })
    }

    /// What it holds now.
    ///
    /// # Errors
    /// A turn is under way, or this is another thread.
    pub fn stats(&self) -> Result<Stats, Error> {
        let mut stats = spk_stats::default();
        // SAFETY: the handle is live; the output is valid.
        check(unsafe { spk_worker_stats(self.raw, &mut stats) })?;
        Ok(Stats {
            connections: stats.connections,
            in_flight: stats.in_flight,
            orphans: stats.orphans,
        })
    }
}

impl<H: Host> Drop for Worker<H> {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and nobody uses it during a drop.
        let freed = unsafe { spk_worker_free(self.raw) };
        if freed != Status::Ok.number() {
            // Torn down inside a turn or on another thread: the worker is leaked, and so must the
            // host be that it may still call.
            std::mem::forget(self.host.clone());
        }
    }
}
