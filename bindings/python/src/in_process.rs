//! `InProcess`: a worker without sockets, for test clients.

use std::{cell::Cell, time::Duration};

use pyo3::{exceptions::PyRuntimeError, intern, prelude::*};
use spikard_host::Worker;

use crate::{engine::Engine, guest::Guest, setup::raise};

/// One worker that takes whole requests as bytes and gives whole replies as bytes.
#[pyclass(unsendable, module = "spikard._native")]
pub(crate) struct InProcess {
    worker: Option<Worker<Guest>>,
    tokens: Cell<u64>,
}

impl InProcess {
    fn worker(&self) -> PyResult<&Worker<Guest>> {
        self.worker
            .as_ref()
            .ok_or_else(|| PyRuntimeError::new_err("the worker is closed"))
    }
}

#[pymethods]
impl InProcess {
    #[new]
    #[pyo3(signature = (engine, event_loop, *, blocking_threads, queue_timeout))]
    fn new(
        py: Python<'_>,
        engine: &Engine,
        event_loop: Option<Py<PyAny>>,
        blocking_threads: usize,
        queue_timeout: f64,
    ) -> PyResult<Py<Self>> {
        let guest = Guest::new(py, engine, event_loop, blocking_threads, queue_timeout)?;
        let worker = Worker::in_process(&engine.app, guest.clone());
        let worker = worker.map_err(|error| raise(py, error))?;
        let port = worker.port().map_err(|error| raise(py, error))?;
        let in_process = Py::new(
            py,
            Self {
                worker: Some(worker),
                tokens: Cell::new(0),
            },
        )?;
        let turn = in_process.getattr(py, intern!(py, "turn"))?;
        guest.attach(py, port, turn.clone_ref(py), turn)?;
        Ok(in_process)
    }

    /// Takes a whole HTTP/1.1 request; `callback` gets the bytes of the whole reply.
    fn inject(&self, py: Python<'_>, request: &[u8], callback: Py<PyAny>) -> PyResult<()> {
        let worker = self.worker()?;
        let token = self.tokens.get();
        self.tokens.set(token + 1);
        worker.host().expect_injected(token, callback);
        worker
            .inject(token, request)
            .map_err(|error| raise(py, error))?;
        worker.host().turn_soon(py)
    }

    /// Does all that is due. Returns the seconds until the next deadline, if there is one; the loop
    /// is told of it too.
    fn turn(slf: &Bound<'_, Self>) -> PyResult<Option<f64>> {
        let py = slf.py();
        let in_process = slf.borrow();
        let Some(worker) = &in_process.worker else {
            return Ok(None);
        };
        let guest = worker.host();
        guest.scheduled_turn_began();
        let (_, next) = worker.turn().map_err(|error| raise(py, error))?;
        if let Some(next) = next {
            guest.turn_after(py, next)?;
        }
        Ok(next.as_ref().map(Duration::as_secs_f64))
    }

    /// Ends the worker.
    fn close(&mut self, py: Python<'_>) {
        if let Some(worker) = self.worker.take() {
            worker.host().close(py);
        }
    }
}
