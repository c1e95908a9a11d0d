//! Small doors into the interpreter: JSON at start-up, and the running loop.

use pyo3::{intern, prelude::*, types::PyString};

use crate::setup::hooks;

/// Runs `body` with no running event loop set, as on a pool thread, so that `asyncio.run` works in
/// a blocking function that was promoted to the loop's own thread.
pub(crate) fn without_running_loop<T>(
    event_loop: &Bound<'_, PyAny>,
    body: impl FnOnce() -> T,
) -> PyResult<T> {
    let py = event_loop.py();
    let set = hooks(py)?.set_running_loop.bind(py);
    set.call1((py.None(),))?;
    let result = body();
    set.call1((event_loop,))?;
    Ok(result)
}

/// Reads a JSON document at start-up.
pub(crate) fn json_loads<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "json"))?
        .call_method1(intern!(py, "loads"), (text,))
}

/// Writes a JSON document at start-up.
pub(crate) fn json_dumps(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = value.py();
    let text = py
        .import(intern!(py, "json"))?
        .call_method1(intern!(py, "dumps"), (value,))?;
    text.cast_into::<PyString>()?.extract()
}
