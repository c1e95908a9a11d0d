//! Calls of Python functions: inline, as a task of the event loop, or on the pool.

use std::{
    mem::MaybeUninit,
    os::fd::{FromRawFd, OwnedFd, RawFd},
};

use pyo3::{ffi, intern, prelude::*};

use crate::{context::without_running_loop, engine::Arguments, setup::hooks};

/// Calls a Python function.
pub(crate) fn call_function<'py>(
    function: &Bound<'py, PyAny>,
    arguments: &Arguments<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let names = arguments.names.as_ref();
    let by_keyword = names.map_or(0, |names| names.as_any().len().unwrap_or(0));
    let pointers: Vec<*mut ffi::PyObject> = arguments.values.iter().map(Bound::as_ptr).collect();
    // SAFETY: all pointers are live borrowed references for the length of the call; the last
    // `by_keyword` of them belong to `names`; the result is a new reference or an error.
    unsafe {
        let result = ffi::PyObject_Vectorcall(
            function.as_ptr(),
            pointers.as_ptr(),
            pointers.len() - by_keyword,
            names.map_or(std::ptr::null_mut(), |names| names.as_ptr()),
        );
        Bound::from_owned_ptr_or_err(py, result)
    }
}

/// Calls a blocking function on the loop's own thread, as if it ran on the pool.
pub(crate) fn call_inline<'py>(
    event_loop: Option<&Py<PyAny>>,
    context: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    arguments: &Arguments<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    enter(context, || match event_loop {
        Some(event_loop) => {
            without_running_loop(event_loop.bind(py), || call_function(function, arguments))?
        }
        None => call_function(function, arguments),
    })
}

/// A coroutine that was started.
pub(crate) enum Started<'py> {
    /// It never had to wait; and the context it ran in.
    Done(PyResult<Bound<'py, PyAny>>, Bound<'py, PyAny>),
    /// Its task, and the context it runs in.
    Waiting(Bound<'py, PyAny>, Bound<'py, PyAny>),
}

/// Calls an `async def` function and runs its task up to the first wait, at once and in place.
pub(crate) fn start<'py>(
    event_loop: &Bound<'py, PyAny>,
    capture: &Bound<'py, Capture>,
    context: &Bound<'py, PyAny>,
    function: &Bound<'py, PyAny>,
    arguments: &Arguments<'py>,
) -> PyResult<Started<'py>> {
    let py = function.py();
    let eager = hooks(py)?.eager;
    let name = name_of(function)?;
    let (coroutine_or_task, context) = enter(context, || {
        let coroutine = call_function(function, arguments)?;
        if eager {
            // An eager task enters its context itself.
            return Ok((coroutine, context.clone()));
        }
        stepped_task(event_loop, capture, (&coroutine, name.clone()), context)
    })?;
    let task = if eager {
        eager_task(event_loop, (&coroutine_or_task, name), &context)?
    } else {
        coroutine_or_task
    };
    if task.call_method0(intern!(py, "done"))?.is_truthy()? {
        let result = task.call_method0(intern!(py, "result"));
        return Ok(Started::Done(result, context));
    }
    Ok(Started::Waiting(task, context))
}

/// What the task of a function is called: as the function is. It tells more than the number that
/// asyncio would count, and making that one's text would be a fiftieth of a small request.
fn name_of<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    let name = function.getattr_opt(intern!(py, "__qualname__"))?;
    Ok(name.unwrap_or_else(|| py.None().into_bound(py)))
}

fn eager_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    (coroutine, name): (&Bound<'py, PyAny>, Bound<'py, PyAny>),
    context: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = event_loop.py();
    let hooks = hooks(py)?;
    let yes = true.into_pyobject(py)?.to_owned().into_any();
    let arguments = Arguments {
        values: vec![
            coroutine.clone(),
            event_loop.clone(),
            name,
            context.clone(),
            yes,
        ],
        names: Some(hooks.task_keywords.bind(py).clone()),
    };
    call_function(hooks.task.bind(py), &arguments)
}

/// Before 3.12 a task schedules its first step with `loop.call_soon`. For the moment of its making
/// that method is shadowed by one that keeps the step, which is then run here, exactly as the loop
/// would run it. A task is made of nothing else, so nothing else is caught. Returns the task, and
/// the context it runs in.
fn stepped_task<'py>(
    event_loop: &Bound<'py, PyAny>,
    capture: &Bound<'py, Capture>,
    (coroutine, name): (&Bound<'py, PyAny>, Bound<'py, PyAny>),
    context: &Bound<'py, PyAny>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let py = event_loop.py();
    let hooks = hooks(py)?;
    let mut values = vec![coroutine.clone(), event_loop.clone(), name];
    if hooks.contextual {
        values.push(context.clone());
    }
    let arguments = Arguments {
        values,
        names: Some(hooks.task_keywords.bind(py).clone()),
    };
    event_loop.setattr(intern!(py, "call_soon"), capture)?;
    let made = call_function(hooks.task.bind(py), &arguments);
    event_loop.delattr(intern!(py, "call_soon"))?;
    let task = made?;
    let step = capture.borrow_mut().step.take();
    if let Some((step, step_context)) = step {
        // The context is entered already where the task took ours; 3.10 makes its own copy.
        let other = step_context.filter(|other| !other.is(context));
        let other = other.map(|other| other.into_bound(py));
        let stepped = match &other {
            Some(other) => enter(other, || step.call0(py)),
            None => step.call0(py),
        };
        if let Err(error) = stepped {
            // `SystemExit` ends the task and is raised as well. It is told once.
            if task.call_method0(intern!(py, "done"))?.is_truthy()? {
                task.call_method0(intern!(py, "exception"))?;
            }
            return Err(error);
        }
        if let Some(other) = other {
            return Ok((task, other));
        }
    }
    Ok((task, context.clone()))
}

/// Stands in for `loop.call_soon` while a task is made.
#[pyclass(module = "spikard._native")]
#[derive(Default)]
pub(crate) struct Capture {
    step: Option<(Py<PyAny>, Option<Py<PyAny>>)>,
}

#[pymethods]
impl Capture {
    #[pyo3(signature = (callback, *, context = None))]
    fn __call__(&mut self, callback: Py<PyAny>, context: Option<Py<PyAny>>) {
        self.step = Some((callback, context));
    }
}

/// A fresh copy of a context, so that nothing a request sets is seen by another.
pub(crate) fn fresh<'py>(py: Python<'py>, base: &Py<PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: `base` is a context, as its maker checked; the result is a new reference or an error.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_Copy(base.as_ptr())) }
}

/// Runs `body` inside `context`.
pub(crate) fn enter<T>(
    context: &Bound<'_, PyAny>,
    body: impl FnOnce() -> PyResult<T>,
) -> PyResult<T> {
    let py = context.py();
    // SAFETY: `context` is a context object; it is left below on every path.
    if unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let result = body();
    // SAFETY: it was entered above, by this thread.
    if unsafe { ffi::PyContext_Exit(context.as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    result
}

/// A copy of the calling code's context.
pub(crate) fn current(py: Python<'_>) -> PyResult<Py<PyAny>> {
    // SAFETY: the result is a new reference or an error.
    let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }?;
    Ok(context.unbind())
}

/// How often this thread has given up its core. Whether it wanted to does not matter: a peer on
/// the same core takes it in the middle of a call and answers before anybody has to wait.
pub(crate) fn context_switches() -> u64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the buffer is valid for one `rusage`, and all zeros is a value of it.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr());
        usage.assume_init()
    };
    (usage.ru_nvcsw + usage.ru_nivcsw) as u64
}

/// Takes ownership of a descriptor that the Python half hands over: it came from `listen` or from
/// the parent, and is not used there again.
pub(crate) fn take_descriptor(fd: RawFd) -> OwnedFd {
    // SAFETY: the package calls this once per descriptor that the native side gave it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
