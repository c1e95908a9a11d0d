//! `Engine`: an application under construction, and the Python functions behind its routes.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};
use spikard_host::App;

use crate::{context::json_loads, setup::raise};

/// Where one Python parameter gets its value.
pub(crate) enum Source {
    /// The engine's argument of this number.
    Argument(usize),
    /// The request body, through the converter; where there is a decoder that judges it as well as
    /// the engine would, through that.
    Body { judge: Option<Py<PyAny>> },
    /// The request object.
    Request,
    /// The engine's arguments from this number on, as a dict with these names.
    Group {
        first: usize,
        names: Vec<Py<PyString>>,
    },
    /// A form whose class has files among its fields: the body and all files, through the
    /// converter.
    Form,
    /// One field of a form: all of them, as a dict, through the converter.
    Field,
    /// The claims of the token, as JSON, through the converter.
    Claims,
    /// The files under a name.
    File { name: String, as_list: bool },
}

/// What stands in for an absent value.
pub(crate) enum Default {
    /// This object, as Python does.
    Value(Py<PyAny>),
    /// What this returns, anew for every call.
    Factory(Py<PyAny>),
}

/// One Python parameter of a handler.
pub(crate) struct Binding {
    pub(crate) source: Source,
    pub(crate) keyword_only: bool,
    pub(crate) name: Py<PyString>,
    pub(crate) converter: Option<Py<PyAny>>,
    pub(crate) default: Option<Default>,
}

/// One value that the engine delivers: its name, and where it is read.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) source: String,
}

impl Parameter {
    /// Where a fault of it is reported.
    pub(crate) fn loc(&self) -> Vec<String> {
        match self.source.as_str() {
            "header" => vec![
                "headers".to_owned(),
                self.name.to_lowercase().replace('_', "-"),
            ],
            source => vec![source.to_owned(), self.name.clone()],
        }
    }
}

/// A Python function behind a route.
pub(crate) struct Route {
    pub(crate) handler: Py<PyAny>,
    pub(crate) is_async: bool,
    pub(crate) bindings: Vec<Binding>,
    /// Names of the keyword-only parameters, which are the last ones.
    pub(crate) keywords: Option<Py<PyTuple>>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) pattern: Py<PyString>,
    /// The engine's number of it.
    pub(crate) number: u32,
    /// Whether the engine has read the body as a form, so that it is an object of fields by now.
    pub(crate) reads_form: bool,
    /// The application that it is of, and what Python calls it.
    pub(crate) app: Arc<App>,
    pub(crate) application: Py<PyAny>,
    /// The hooks around the handler, which call it.
    pub(crate) around: Option<Hooks>,
}

/// Hooks that are run in one call, as one function.
pub(crate) struct Hooks {
    pub(crate) run: Py<PyAny>,
    pub(crate) is_async: bool,
    /// Whether it is `async` and calls blocking functions.
    pub(crate) is_mixed: bool,
    /// Whether the engine has read the body as a form.
    pub(crate) reads_form: bool,
}

/// What a number of the engine's stands for.
pub(crate) enum Function {
    Route(Route),
    Hooks(Hooks),
}

/// An application: configuration, routes, and the functions behind them.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Engine {
    pub(crate) app: Arc<App>,
    /// What requests call their application, and `None` without one.
    pub(crate) application: Py<PyAny>,
    is_dev: AtomicBool,
    functions: Mutex<Vec<Arc<Function>>>,
}

impl Engine {
    /// Whether the configuration is one of development.
    pub(crate) fn is_dev(&self) -> bool {
        self.is_dev.load(Ordering::Relaxed)
    }

    /// The functions as registered so far.
    pub(crate) fn functions(&self) -> Vec<Arc<Function>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Function>>> {
        self.functions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (application = None))]
    fn new(py: Python<'_>, application: Option<Py<PyAny>>) -> PyResult<Self> {
        let app = App::new().map_err(|error| raise(py, error))?;
        Ok(Self {
            app: Arc::new(app),
            application: application.unwrap_or_else(|| py.None()),
            is_dev: AtomicBool::new(false),
            functions: Mutex::default(),
        })
    }

    /// Replaces the configuration.
    fn configure(&self, py: Python<'_>, json: &str) -> PyResult<()> {
        self.app.configure(json).map_err(|error| raise(py, error))?;
        let is_dev = json_loads(py, json)?
            .cast_into::<PyDict>()?
            .get_item("dev")?;
        let is_dev = is_dev.is_some_and(|value| value.is_truthy().unwrap_or(false));
        self.is_dev.store(is_dev, Ordering::Relaxed);
        Ok(())
    }

    /// The function table of the application as it stands.
    fn tables(&self, py: Python<'_>) -> PyResult<String> {
        self.app.tables().map_err(|error| raise(py, error))
    }

    /// Adds hooks that are run as one function: (function, is async, is mixed). Returns its number.
    fn hook(&self, run: (Py<PyAny>, bool, bool), reads_form: bool) -> usize {
        let mut functions = self.lock();
        functions.push(Arc::new(Function::Hooks(Hooks::new(run, reads_form))));
        functions.len() - 1
    }

    /// Says which hooks there are, by a document with their numbers.
    fn set_hooks(&self, py: Python<'_>, document: &str) -> PyResult<()> {
        self.app.hooks(document).map_err(|error| raise(py, error))
    }

    /// Adds a route and the function behind it, and the hooks around it: (function, is async, is
    /// mixed). Returns the function's number.
    #[pyo3(signature = (document, handler, is_async, binder, around = None))]
    fn route(
        &self,
        py: Python<'_>,
        document: &str,
        handler: Py<PyAny>,
        is_async: bool,
        binder: Vec<Bound<'_, PyTuple>>,
        around: Option<(Py<PyAny>, bool, bool)>,
    ) -> PyResult<usize> {
        let document = json_loads(py, document)?.cast_into::<PyDict>()?;
        let mut functions = self.lock();
        let number = functions.len();
        document.set_item("handler", number)?;
        let json = crate::context::json_dumps(&document)?;
        self.app.route(&json).map_err(|error| raise(py, error))?;
        let pattern = document
            .get_item("path")?
            .map(|path| path.cast_into::<PyString>());
        let pattern = pattern
            .transpose()?
            .unwrap_or_else(|| PyString::new(py, ""));
        let bindings = binder.iter().map(binding).collect::<PyResult<Vec<_>>>()?;
        let keyword_only = bindings.iter().filter(|binding| binding.keyword_only);
        let keywords: Vec<_> = keyword_only.map(|binding| binding.name.bind(py)).collect();
        let keywords = (!keywords.is_empty()).then(|| PyTuple::new(py, keywords));
        let reads_form = reads_form(&document)?;
        functions.push(Arc::new(Function::Route(Route {
            handler,
            is_async,
            bindings,
            keywords: keywords.transpose()?.map(Bound::unbind),
            parameters: parameters(&document)?,
            pattern: pattern.unbind(),
            // Far fewer routes than 2^32 fit in memory.
            number: number as u32,
            reads_form,
            app: self.app.clone(),
            application: self.application.clone_ref(py),
            around: around.map(|around| Hooks::new(around, reads_form)),
        })));
        Ok(number)
    }
}

/// Whether a route document has a body of media `form`, or files, which come with one.
fn reads_form(document: &Bound<'_, PyDict>) -> PyResult<bool> {
    let is_full = |value: &Bound<'_, PyAny>| value.is_truthy();
    let files = document.get_item("files")?;
    if files.as_ref().map(is_full).transpose()?.unwrap_or(false) {
        return Ok(true);
    }
    match document.get_item("body")?.filter(|body| !body.is_none()) {
        Some(body) => body.get_item("media")?.eq("form"),
        None => Ok(false),
    }
}

impl Hooks {
    fn new((run, is_async, is_mixed): (Py<PyAny>, bool, bool), reads_form: bool) -> Self {
        Self {
            run,
            is_async,
            is_mixed,
            reads_form,
        }
    }
}

/// Reads an entry: kind, index, name, converter, and where they differ from none, the default and
/// the names of a group.
fn binding(entry: &Bound<'_, PyTuple>) -> PyResult<Binding> {
    let kind: u32 = entry.get_item(0)?.extract()?;
    let index: usize = entry.get_item(1)?.extract()?;
    let optional = |at: usize| match at < entry.len() {
        true => entry
            .get_item(at)
            .map(|item| Some(item).filter(|item| !item.is_none())),
        false => Ok(None),
    };
    let source = match kind {
        0 | 3 => Source::Argument(index),
        1 | 4 => Source::Body {
            judge: optional(5)?.map(Bound::unbind),
        },
        2 | 5 => Source::Request,
        6 | 7 => Source::Group {
            first: index,
            names: entry.get_item(5)?.extract()?,
        },
        8 | 9 => Source::File {
            name: entry.get_item(5)?.extract()?,
            as_list: index == 1,
        },
        10 | 11 => Source::Form,
        12 | 13 => Source::Claims,
        14 | 15 => Source::Field,
        _ => {
            return Err(PyValueError::new_err(format!(
                "{kind} is no kind of binding"
            )));
        }
    };
    let default = optional(4)?.map(|default| {
        let (is_factory, object) = default.extract::<(bool, Py<PyAny>)>()?;
        PyResult::Ok(match is_factory {
            true => Default::Factory(object),
            false => Default::Value(object),
        })
    });
    Ok(Binding {
        source,
        keyword_only: matches!(kind, 3..=5 | 7 | 9 | 11 | 13 | 15),
        name: entry.get_item(2)?.extract()?,
        converter: optional(3)?.map(Bound::unbind),
        default: default.transpose()?,
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

impl<'py> Arguments<'py> {
    /// As Python writes them: a tuple, and a dict of those by keyword.
    pub(crate) fn split(
        self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
        let keywords = PyDict::new(py);
        let mut values = self.values;
        if let Some(names) = self.names {
            let by_keyword = values.split_off(values.len() - names.len());
            for (name, value) in names.iter().zip(by_keyword) {
                keywords.set_item(name, value)?;
            }
        }
        Ok((PyTuple::new(py, values)?, keywords))
    }
}
