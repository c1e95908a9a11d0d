//! `Server`: a worker as a guest of an asyncio event loop; and the parent's side of workers.

use std::{
    os::fd::IntoRawFd,
    sync::{Mutex, PoisonError},
};

use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, types::PyDict};
use spikard_host::{Level, Orders, Turn, Worker};

use crate::{
    engine::Engine,
    guest::Guest,
    pump::take_descriptor,
    setup::{log, raise},
};

/// One worker over sockets. The loop watches `fd` and calls `turn`.
#[pyclass(unsendable, module = "spikard._native")]
pub(crate) struct Server {
    worker: Option<Worker<Guest>>,
    /// The descriptor to watch for readability.
    #[pyo3(get)]
    fd: i32,
    /// `io_uring`, or `epoll` with the reason.
    #[pyo3(get)]
    engine_name: String,
    on_drained: Option<Py<PyAny>>,
}

impl Server {
    fn worker(&self) -> PyResult<&Worker<Guest>> {
        self.worker
            .as_ref()
            .ok_or_else(|| PyRuntimeError::new_err("the server is closed"))
    }

    /// One turn, and what follows from how it ended.
    fn make_turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        let py = slf.py();
        let drained = {
            let server = slf.borrow();
            // A turn that was scheduled before the end comes after it.
            let Some(worker) = &server.worker else {
                return Ok(());
            };
            let guest = worker.host();
            let (turn, next) = worker.turn().map_err(|error| raise(py, error))?;
            if turn == Turn::More {
                guest.turn_soon(py)?;
            }
            if let Some(next) = next {
                guest.turn_after(py, next)?;
            }
            turn == Turn::Drained
        };
        if drained {
            let on_drained = slf.borrow_mut().on_drained.take();
            if let Some(on_drained) = on_drained {
                on_drained.call0(py)?;
            }
        }
        Ok(())
    }
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (engine, listener_fd, event_loop, *, blocking_threads, queue_timeout,
        on_drained))]
    fn new(
        py: Python<'_>,
        engine: &Engine,
        listener_fd: i32,
        event_loop: Py<PyAny>,
        blocking_threads: usize,
        queue_timeout: f64,
        on_drained: Py<PyAny>,
    ) -> PyResult<Py<Self>> {
        let listener = take_descriptor(listener_fd);
        let guest = Guest::new(
            py,
            engine,
            Some(event_loop),
            blocking_threads,
            queue_timeout,
        )?;
        let worker = Worker::serve(&engine.app, guest.clone(), listener);
        let worker = worker.map_err(|error| raise(py, error))?;
        let port = worker.port().map_err(|error| raise(py, error))?;
        let fd = worker.fd().map_err(|error| raise(py, error))?;
        let engine_name = worker.engine().map_err(|error| raise(py, error))?;
        let on_drained = Some(on_drained);
        let server = Self {
            worker: Some(worker),
            fd,
            engine_name,
            on_drained,
        };
        let server = Py::new(py, server)?;
        guest.attach(
            py,
            port,
            server.getattr(py, intern!(py, "turn"))?,
            server.getattr(py, intern!(py, "scheduled_turn"))?,
        )?;
        // The first turn submits the accept.
        guest.turn_soon(py)?;
        Ok(server)
    }

    /// Does all that is due: what the loop calls when `fd` is readable, or a deadline has come.
    ///
    /// Where a turn stands in the loop's ready queue already, that one does it. Two ways into one
    /// pass of the loop would be two turns a pass, each of which schedules another.
    fn turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        if let Some(worker) = &slf.borrow().worker
            && worker.host().is_turn_scheduled()
        {
            return Ok(());
        }
        Self::make_turn(slf)
    }

    /// The turn that stood in the loop's ready queue.
    fn scheduled_turn(slf: &Bound<'_, Self>) -> PyResult<()> {
        if let Some(worker) = &slf.borrow().worker {
            worker.host().scheduled_turn_began();
        }
        Self::make_turn(slf)
    }

    /// Drains: accepts no more, finishes what is in flight. With `force` closes everything now.
    #[pyo3(signature = (force = false))]
    fn stop(&self, py: Python<'_>, force: bool) -> PyResult<()> {
        let worker = self.worker()?;
        worker.stop(force).map_err(|error| raise(py, error))?;
        worker.host().turn_soon(py)
    }

    /// Whether a handler or hook has just raised this, and its call is about to be answered.
    fn was_raised_by_a_call(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<bool> {
        match &self.worker {
            Some(worker) => worker.host().was_raised(py, error),
            None => Ok(false),
        }
    }

    /// Open connections, calls in flight, and orphans among them.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.worker()?.stats().map_err(|error| raise(py, error))?;
        let dict = PyDict::new(py);
        dict.set_item("connections", stats.connections)?;
        dict.set_item("in_flight", stats.in_flight)?;
        dict.set_item("orphans", stats.orphans)?;
        Ok(dict)
    }

    /// Ends the worker. The loop must not watch `fd` any more.
    fn close(&mut self, py: Python<'_>) {
        if let Some(worker) = self.worker.take() {
            worker.host().close(py);
        }
    }
}

/// Listens as configured with `count` sockets. Returns their descriptors and the port, 0 for a unix
/// socket.
#[pyfunction]
pub(crate) fn listen(py: Python<'_>, config_json: &str, count: u32) -> PyResult<(Vec<i32>, u16)> {
    let bound = py.detach(|| spikard_host::listen(config_json, count));
    let (listeners, port) = bound.map_err(|error| raise(py, error))?;
    Ok((
        listeners.into_iter().map(IntoRawFd::into_raw_fd).collect(),
        port,
    ))
}

/// Runs the server as its parent, without the interpreter's lock. Returns the exit code.
#[pyfunction]
pub(crate) fn supervise(
    py: Python<'_>,
    command: Vec<std::ffi::OsString>,
    config_json: &str,
) -> PyResult<i32> {
    use std::os::unix::ffi::OsStringExt;

    let command: Vec<Vec<u8>> = command.into_iter().map(OsStringExt::into_vec).collect();
    let say = |level: Level, message: &str| Python::attach(|py| log(py, level, message));
    let ended = py.detach(|| spikard_host::supervise(config_json, &command, &say));
    ended.map_err(|error| raise(py, error))
}

/// What this process got from its parent, if it is a worker.
#[pyclass(module = "spikard._native")]
pub(crate) struct Inherited {
    inner: Mutex<spikard_host::Inherited>,
    /// This worker's number, from 0.
    #[pyo3(get)]
    worker: u32,
    /// How many there are.
    #[pyo3(get)]
    workers: u32,
    /// Readable when there is an order.
    #[pyo3(get)]
    control_fd: i32,
}

#[pymethods]
impl Inherited {
    /// A descriptor of this worker's listener, which is the caller's.
    fn listener_fd(&self, py: Python<'_>) -> PyResult<i32> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = inner.listener().map_err(|error| raise(py, error))?;
        Ok(listener.into_raw_fd())
    }

    /// Tells the parent that this worker accepts connections.
    fn ready(&self, py: Python<'_>, engine_name: &str) -> PyResult<()> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.ready(engine_name).map_err(|error| raise(py, error))
    }

    /// Has the server follow every order that has come. Returns whether more may come: if not, the
    /// loop must watch the control descriptor no more.
    fn obey(&self, py: Python<'_>, server: &Server) -> PyResult<bool> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let worker = server.worker()?;
        let orders = inner.obey(worker).map_err(|error| raise(py, error))?;
        worker.host().turn_soon(py)?;
        Ok(orders == Orders::MayCome)
    }
}

/// Takes over what the parent left, once; `None` if this process is nobody's worker.
#[pyfunction]
pub(crate) fn inherited(py: Python<'_>) -> PyResult<Option<Inherited>> {
    let taken = spikard_host::inherited().map_err(|error| raise(py, error))?;
    Ok(taken.map(|inner| Inherited {
        worker: inner.worker,
        workers: inner.workers,
        control_fd: inner.control_fd,
        inner: Mutex::new(inner),
    }))
}
