//! `Engine`: an application under construction, and the Python functions behind its routes.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};
use spikard_host::App;

use crate::{context::json_loads, setup::raise};

/// Where one Python parameter gets its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The engine's argument of this number.
    Argument(usize),
    /// The request body, through the converter.
    Body,
    /// The request object.
    Request,
}

/// One Python parameter of a handler.
pub(crate) struct Binding {
    pub(crate) source: Source,
    pub(crate) keyword_only: bool,
    pub(crate) name: Py<PyString>,
    pub(crate) converter: Option<Py<PyAny>>,
}

/// One value that the engine delivers: its name, and where it is read.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) source: String,
}

/// A Python function behind a route.
pub(crate) struct Route {
    pub(crate) handler: Py<PyAny>,
    pub(crate) is_async: bool,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) pattern: Py<PyString>,
}

/// An application: configuration, routes, and the functions behind them.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Engine {
    pub(crate) app: App,
    routes: Mutex<Vec<Arc<Route>>>,
}

impl Engine {
    /// The functions as registered so far.
    pub(crate) fn routes(&self) -> Vec<Arc<Route>> {
        self.routes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

type BinderEntry = (u32, usize, Py<PyString>, Option<Py<PyAny>>);

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Self> {
        let app = App::new().map_err(|error| raise(py, error))?;
        Ok(Self {
            app,
            routes: Mutex::default(),
        })
    }

    /// Replaces the configuration.
    fn configure(&self, py: Python<'_>, json: &str) -> PyResult<()> {
        self.app.configure(json).map_err(|error| raise(py, error))
    }

    /// Adds a route and the function behind it. Returns the function's number.
    fn route(
        &self,
        py: Python<'_>,
        document: &str,
        handler: Py<PyAny>,
        is_async: bool,
        binder: Vec<BinderEntry>,
    ) -> PyResult<usize> {
        let document = json_loads(py, document)?.cast_into::<PyDict>()?;
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        let number = routes.len();
        document.set_item("handler", number)?;
        let json = crate::context::json_dumps(&document)?;
        self.app.route(&json).map_err(|error| raise(py, error))?;
        let pattern = document
            .get_item("path")?
            .map(|path| path.cast_into::<PyString>());
        let pattern = pattern
            .transpose()?
            .unwrap_or_else(|| PyString::new(py, ""));
        routes.push(Arc::new(Route {
            handler,
            is_async,
            bindings: binder.into_iter().map(binding).collect::<PyResult<_>>()?,
            parameters: parameters(&document)?,
            pattern: pattern.unbind(),
        }));
        Ok(number)
    }
}

fn binding((kind, index, name, converter): BinderEntry) -> PyResult<Binding> {
    let (source, keyword_only) = match kind {
        0 => (Source::Argument(index), false),
        1 => (Source::Body, false),
        2 => (Source::Request, false),
        3 => (Source::Argument(index), true),
        4 => (Source::Body, true),
        5 => (Source::Request, true),
        _ => {
            return Err(PyValueError::new_err(format!(
                "{kind} is no kind of binding"
            )));
        }
    };
    Ok(Binding {
        source,
        keyword_only,
        name,
        converter,
    })
}

fn parameters(document: &Bound<'_, PyDict>) -> PyResult<Vec<Parameter>> {
    let Some(list) = document.get_item("parameters")? else {
        return Ok(Vec::new());
    };
    let parse = |item: PyResult<Bound<'_, PyAny>>| {
        let item = item?;
        let alias = item
            .cast::<PyDict>()?
            .get_item("alias")?
            .filter(|alias| !alias.is_none());
        let name = alias.map_or_else(|| item.get_item("name"), Ok)?;
        Ok(Parameter {
            name: name.extract()?,
            source: item.get_item("source")?.extract()?,
        })
    };
    list.try_iter()?.map(parse).collect()
}

/// Positional arguments of a call, and the names of those passed by keyword behind them.
pub(crate) struct Arguments<'py> {
    pub(crate) values: Vec<Bound<'py, PyAny>>,
    pub(crate) names: Option<Bound<'py, PyTuple>>,
}
