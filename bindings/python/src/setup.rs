//! The Python objects that the native side needs: handed over once, by the package.

use pyo3::{
    exceptions::PyRuntimeError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyString, PyTuple, PyType},
};
use spikard_host::{Error, Level, Status};

/// Classes and functions of the Python half.
pub(crate) struct Hooks {
    /// `spikard.Response`.
    pub(crate) response: Py<PyType>,
    /// `spikard.UploadFile`.
    pub(crate) upload_file: Py<PyType>,
    /// Owns the descriptor of a temporary file.
    pub(crate) spool: Py<PyType>,
    /// `spikard.HttpProblem`.
    pub(crate) problem: Py<PyType>,
    /// Any value to JSON bytes.
    pub(crate) encode: Py<PyAny>,
    /// JSON text or bytes to plain values.
    pub(crate) decode: Py<PyAny>,
    /// A body as a form: its document if the engine did not read it as one before, the body, and
    /// the files that came with it.
    pub(crate) form: Py<PyAny>,
    /// What converters refused, as a problem document; raises what blames no value.
    pub(crate) explain: Py<PyAny>,
    /// What a hook raised: its name, and the error as its cause.
    pub(crate) hook_failed: Py<PyType>,
    /// What an exception handler made of an exception: the reply, and the exception as its cause.
    pub(crate) rescued: Py<PyType>,
    /// Ends a future, unless somebody has cancelled it.
    pub(crate) settle: Py<PyAny>,
    /// Logs what a handler raised.
    pub(crate) handler_failed: Py<PyAny>,
    /// Logs a stall: name, route, milliseconds, the frame the worker's thread is at.
    pub(crate) stalled: Py<PyAny>,
    /// Takes a log line: level, message.
    pub(crate) log: Py<PyAny>,
    config_error: Py<PyType>,
    route_error: Py<PyType>,
    address_in_use: Py<PyType>,
    /// `asyncio.Task`.
    pub(crate) task: Py<PyAny>,
    /// `asyncio.CancelledError`.
    pub(crate) cancelled: Py<PyType>,
    /// `asyncio._set_running_loop`.
    pub(crate) set_running_loop: Py<PyAny>,
    /// Names of what a task is made with beside its coroutine.
    pub(crate) task_keywords: Py<PyTuple>,
    /// Whether tasks can be started eagerly (3.12), else by hand.
    pub(crate) eager: bool,
    /// Whether a task takes a context (3.11).
    pub(crate) contextual: bool,
}

static HOOKS: PyOnceLock<Hooks> = PyOnceLock::new();

/// Hands the Python half's classes and functions over. Later calls change nothing.
#[pyfunction]
#[pyo3(signature = (*, response_type, upload_file, spool, problem_type, hook_failed, rescued,
    settle, encode, decode, form, explain, handler_failed, stalled, log, config_error, route_error,
    address_in_use))]
#[allow(clippy::too_many_arguments, reason = "keywords of one call, made once")]
pub(crate) fn setup(
    py: Python<'_>,
    response_type: Py<PyType>,
    upload_file: Py<PyType>,
    spool: Py<PyType>,
    problem_type: Py<PyType>,
    hook_failed: Py<PyType>,
    rescued: Py<PyType>,
    settle: Py<PyAny>,
    encode: Py<PyAny>,
    decode: Py<PyAny>,
    form: Py<PyAny>,
    explain: Py<PyAny>,
    handler_failed: Py<PyAny>,
    stalled: Py<PyAny>,
    log: Py<PyAny>,
    config_error: Py<PyType>,
    route_error: Py<PyType>,
    address_in_use: Py<PyType>,
) -> PyResult<()> {
    let asyncio = py.import(intern!(py, "asyncio"))?;
    let version = py.version_info();
    let (contextual, eager) = (version >= (3, 11), version >= (3, 12));
    let keywords: &[&str] = match (contextual, eager) {
        (_, true) => &["loop", "name", "context", "eager_start"],
        (true, _) => &["loop", "name", "context"],
        _ => &["loop", "name"],
    };
    let keywords = keywords.iter().map(|name| PyString::intern(py, name));
    let hooks = Hooks {
        task_keywords: PyTuple::new(py, keywords.collect::<Vec<_>>())?.unbind(),
        response: response_type,
        upload_file,
        spool,
        problem: problem_type,
        hook_failed,
        rescued,
        settle,
        encode,
        decode,
        form,
        explain,
        handler_failed,
        stalled,
        log,
        config_error,
        route_error,
        address_in_use,
        task: asyncio.getattr("Task")?.unbind(),
        cancelled: asyncio
            .getattr("CancelledError")?
            .cast_into::<PyType>()?
            .unbind(),
        set_running_loop: asyncio.getattr("_set_running_loop")?.unbind(),
        eager,
        contextual,
    };
    // A second import of the package may call again; the first hooks stay.
    let _ = HOOKS.set(py, hooks);
    Ok(())
}

/// The hooks, once they are set.
pub(crate) fn hooks(py: Python<'_>) -> PyResult<&'static Hooks> {
    HOOKS
        .get(py)
        .ok_or_else(|| PyRuntimeError::new_err("spikard._native is not set up"))
}

/// An engine's failure as the exception Python users know.
pub(crate) fn raise(py: Python<'_>, error: Error) -> PyErr {
    let Ok(hooks) = hooks(py) else {
        return PyRuntimeError::new_err(error.message);
    };
    let class = match error.status {
        Status::ConfigRefused => &hooks.config_error,
        Status::RouteRefused | Status::InvalidJson => &hooks.route_error,
        Status::AddressInUse => {
            let class = hooks.address_in_use.bind(py).clone();
            return PyErr::from_type(class, (libc::EADDRINUSE, error.message));
        }
        Status::BindFailed => return pyo3::exceptions::PyOSError::new_err(error.message),
        _ => return PyRuntimeError::new_err(error.message),
    };
    PyErr::from_type(class.bind(py).clone(), error.message)
}

/// Logs a line through the Python half. A failure to log has nowhere to go.
pub(crate) fn log(py: Python<'_>, level: Level, message: &str) {
    if let Ok(hooks) = hooks(py)
        && let Err(error) = hooks.log.call1(py, (level.number(), message))
    {
        error.write_unraisable(py, None);
    }
}

/// Writes a cookie document as the value of a `Set-Cookie` field. Raises ValueError for a cookie
/// that browsers would drop.
#[pyfunction]
pub(crate) fn set_cookie(json: &str) -> PyResult<String> {
    spikard_host::set_cookie(json).map_err(misused)
}

/// Writes an `ETag` value from a bare text. Raises ValueError for a text that is no tag.
#[pyfunction]
pub(crate) fn etag(opaque: &str, is_weak: bool) -> PyResult<String> {
    spikard_host::etag(opaque, is_weak).map_err(misused)
}

/// Writes an `ETag` value that names these bytes.
#[pyfunction]
pub(crate) fn etag_of(content: &[u8], is_weak: bool) -> PyResult<String> {
    spikard_host::etag_of(content, is_weak).map_err(misused)
}

/// Raises ValueError for a redirect that cannot be sent.
#[pyfunction]
pub(crate) fn check_redirect(status: u64, location: &str) -> PyResult<()> {
    spikard_host::check_redirect(status, location).map_err(misused)
}

/// The application's author gave what cannot be sent.
fn misused(error: Error) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(error.message)
}
