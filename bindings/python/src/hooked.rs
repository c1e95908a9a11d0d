//! What hooks need of an exchange: one request object and one context for all of its calls, and a
//! way to the thread pool for blocking functions between `async` ones.

use std::sync::{
    Mutex, Weak,
    atomic::{AtomicBool, Ordering},
};

use pyo3::{
    exceptions::PyRuntimeError,
    intern,
    prelude::*,
    types::{PyBytes, PyDict, PyTuple},
};
use spikard_host::{Call, Edit, PoolRun, Purpose};

use crate::{
    context::without_running_loop,
    engine::Arguments,
    fields::text,
    guest::{Guest, lock},
    pump::{enter, fresh},
    request::Request,
    setup::hooks,
};

/// One exchange, from its first call to its end.
pub(crate) struct Visit {
    request: Py<Request>,
    context: Mutex<Py<PyAny>>,
    error: Mutex<Option<Py<PyAny>>>,
}

impl Visit {
    pub(crate) fn begin(
        py: Python<'_>,
        call: &Call<'_>,
        base: &Py<PyAny>,
        application: &Py<PyAny>,
    ) -> PyResult<Self> {
        Ok(Self {
            request: Py::new(py, Request::begin(py, call, application))?,
            context: Mutex::new(fresh(py, base)?.unbind()),
            error: Mutex::default(),
        })
    }

    pub(crate) fn request<'py>(&self, py: Python<'py>) -> &Bound<'py, Request> {
        self.request.bind(py)
    }

    /// The context of the exchange's functions. Those on errors get a copy: a function that was too
    /// late may still be inside it.
    pub(crate) fn context<'py>(
        &self,
        py: Python<'py>,
        purpose: Purpose,
    ) -> PyResult<Bound<'py, PyAny>> {
        let context = lock(&self.context).clone_ref(py);
        match purpose {
            Purpose::OnError => fresh(py, &context),
            _ => Ok(context.into_bound(py)),
        }
    }

    /// A task has made a context of its own (Python 3.10): it is the exchange's from now on.
    pub(crate) fn adopt(&self, context: &Bound<'_, PyAny>) {
        let _old = std::mem::replace(&mut *lock(&self.context), context.clone().unbind());
    }

    pub(crate) fn take_edits(&self) -> Vec<Edit> {
        self.request.get().take_edits()
    }

    pub(crate) fn request_id(&self) -> String {
        self.request.get().id().to_string()
    }

    /// Keeps what was raised, for the hooks on errors.
    pub(crate) fn keep_error(&self, py: Python<'_>, error: &PyErr) {
        let error = error.clone_ref(py).into_value(py).into_any();
        let _old = lock(&self.error).replace(error);
    }

    /// What the hooks of a call are called with.
    pub(crate) fn arguments<'py>(
        &self,
        py: Python<'py>,
        call: &Call<'_>,
        hop: Option<&Bound<'py, Hop>>,
    ) -> PyResult<Arguments<'py>> {
        let hop = hop.into_pyobject(py)?.into_any();
        let mut values = vec![self.request(py).clone().into_any(), hop];
        if call.purpose() == Purpose::OnError {
            self.request.get().close();
            let made = call.made();
            let fields = made
                .fields()
                .map(|(name, value)| (text(py, name), text(py, value)));
            let fields: Vec<_> = fields.collect();
            values.push(made.status.into_pyobject(py)?.into_any());
            values.push(fields.into_pyobject(py)?);
            values.push(PyBytes::new(py, made.body).into_any());
            let error = lock(&self.error).as_ref().map(|error| error.clone_ref(py));
            values.push(error.into_pyobject(py)?);
        }
        Ok(Arguments {
            values,
            names: None,
        })
    }
}

/// Takes blocking functions of one call to the thread pool, or calls them in place where the engine
/// has found them fast: only until the call waits for the first time, as that is all it has timed.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Hop {
    guest: Weak<Guest>,
    context: Py<PyAny>,
    event_loop: Py<PyAny>,
    is_direct: AtomicBool,
    run: Mutex<Option<PoolRun>>,
}

/// A function on its way to the pool and back.
pub(crate) struct HopJob {
    function: Py<PyAny>,
    arguments: Py<PyTuple>,
    keywords: Option<Py<PyDict>>,
    future: Py<PyAny>,
}

impl HopJob {
    /// Calls the function, in the exchange's context.
    pub(crate) fn call(&self, py: Python<'_>, hop: &Hop) -> PyResult<Py<PyAny>> {
        let keywords = self.keywords.as_ref().map(|keywords| keywords.bind(py));
        enter(hop.context.bind(py), || {
            self.function.call(py, self.arguments.bind(py), keywords)
        })
    }

    /// Ends the future, on the loop's thread.
    pub(crate) fn settle(&self, py: Python<'_>, hop: &Hop, result: PyResult<Py<PyAny>>) {
        let (is_result, value) = match result {
            Ok(value) => (true, value),
            Err(error) => (false, error.into_value(py).into_any()),
        };
        let told = hooks(py).and_then(|hooks| {
            let arguments = (&hooks.settle, &self.future, is_result, value);
            hop.event_loop
                .call_method1(py, intern!(py, "call_soon_threadsafe"), arguments)
        });
        // A loop that is closed has nobody who waits.
        drop(told);
    }
}

impl Hop {
    pub(crate) fn new(
        guest: Weak<Guest>,
        context: &Bound<'_, PyAny>,
        event_loop: &Py<PyAny>,
        is_direct: bool,
    ) -> Self {
        let py = context.py();
        Self {
            guest,
            context: context.clone().unbind(),
            event_loop: event_loop.clone_ref(py),
            is_direct: AtomicBool::new(is_direct),
            run: Mutex::default(),
        }
    }

    /// The call waits: what it calls from now on is not timed.
    pub(crate) fn waits(&self) {
        self.is_direct.store(false, Ordering::Relaxed);
    }

    /// What the functions took on the pool, all together.
    pub(crate) fn run(&self) -> Option<PoolRun> {
        *lock(&self.run)
    }

    pub(crate) fn add(&self, run: PoolRun) {
        let mut sum = lock(&self.run);
        let before = sum.map_or((0, 0), |sum| (sum.wall_ns, sum.waits));
        *sum = Some(PoolRun {
            wall_ns: before.0 + run.wall_ns,
            waits: before.1 + run.waits,
        });
    }
}

#[pymethods]
impl Hop {
    /// Calls a function. Returns whether there is a future to await, and it, or the result.
    #[pyo3(signature = (function, arguments, keywords = None))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
        arguments: &Bound<'py, PyTuple>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(bool, Bound<'py, PyAny>)> {
        let (py, hop) = (slf.py(), slf.get());
        let event_loop = hop.event_loop.bind(py);
        if hop.is_direct.load(Ordering::Relaxed) {
            let call = || function.call(arguments, keywords);
            return Ok((false, without_running_loop(event_loop, call)??));
        }
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let job = HopJob {
            function: function.clone().unbind(),
            arguments: arguments.clone().unbind(),
            keywords: keywords.map(|keywords| keywords.clone().unbind()),
            future: future.clone().unbind(),
        };
        // Not at once: the context is entered here until the call has come to its wait, and a
        // thread that is quick would find it so.
        let departure = Departure {
            hop: slf.clone().unbind(),
            job: Mutex::new(Some(job)),
        };
        event_loop.call_method1(intern!(py, "call_soon"), (Bound::new(py, departure)?,))?;
        Ok((true, future))
    }
}

/// Sends a function to the pool once the loop has left the exchange's context.
#[pyclass(frozen, module = "spikard._native")]
struct Departure {
    hop: Py<Hop>,
    job: Mutex<Option<HopJob>>,
}

#[pymethods]
impl Departure {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(job) = lock(&self.job).take() else {
            return Ok(());
        };
        let is_cancelled = job.future.call_method0(py, intern!(py, "done"))?;
        if is_cancelled.is_truthy(py)? {
            return Ok(());
        }
        let future = job.future.clone_ref(py);
        let guest = self.hop.get().guest.upgrade();
        if guest.is_none_or(|guest| !guest.hop(py, self.hop.clone_ref(py), job)) {
            let error = PyRuntimeError::new_err("the worker has ended");
            future.call_method1(py, intern!(py, "set_exception"), (error,))?;
        }
        Ok(())
    }
}
