//! `Request` and `Headers`: what a handler may look at.
//!
//! Made only for handlers that ask for it. It is a copy, so it may be kept after the answer; header
//! values become Python strings when they are asked for.

use std::sync::Arc;

use pyo3::{
    exceptions::PyKeyError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};
use spikard_host::{App, Call, Owned, cookies, read_form};

use crate::{
    engine::Route,
    setup::{hooks, raise},
    upload::Uploads,
};

/// One request.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Request {
    head: Arc<Owned>,
    body: Py<PyBytes>,
    route: Py<PyString>,
    path_params: Py<PyDict>,
    query_params: Py<PyDict>,
    state: PyOnceLock<Py<PyDict>>,
    /// What the body is read as a form with; `None` if the engine has read it as one.
    reader: Option<Arc<App>>,
    uploads: Vec<Py<PyAny>>,
    form: PyOnceLock<Py<PyAny>>,
}

impl Request {
    /// A copy of the call's request, with the converted values of `route` by name.
    pub(crate) fn new<'py>(
        py: Python<'py>,
        call: &Call<'_>,
        route: &Route,
        values: &[Option<Bound<'py, PyAny>>],
        uploads: &Uploads<'py>,
    ) -> PyResult<Self> {
        let (path_params, query_params) = (PyDict::new(py), PyDict::new(py));
        for (parameter, value) in route.parameters.iter().zip(values) {
            let Some(value) = value else { continue };
            match parameter.source.as_str() {
                "path" => path_params.set_item(&parameter.name, value)?,
                "query" => query_params.set_item(&parameter.name, value)?,
                _ => {}
            }
        }
        Ok(Self {
            head: Arc::new(call.to_owned()),
            body: PyBytes::new(py, call.body()).unbind(),
            route: route.pattern.clone_ref(py),
            path_params: path_params.unbind(),
            query_params: query_params.unbind(),
            state: PyOnceLock::new(),
            reader: (!route.reads_form).then(|| route.app.clone()),
            uploads: uploads.all(),
            form: PyOnceLock::new(),
        })
    }
}

/// Header bytes as text: UTF-8 where they are, else Latin-1, which loses nothing (RFC 9110 §5.5).
fn text<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match std::str::from_utf8(bytes) {
        Ok(text) => PyString::new(py, text),
        Err(_) => {
            let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
            PyString::new(py, &text)
        }
    }
}

#[pymethods]
impl Request {
    /// The method, in upper case.
    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        text(py, self.head.method())
    }

    /// The path, as sent.
    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        text(py, self.head.path())
    }

    /// The query without its `?`, as sent; empty if there is none.
    #[getter]
    fn query_string<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        text(py, self.head.query())
    }

    /// Scheme, host and target.
    #[getter]
    fn url(&self) -> String {
        let host = self
            .find(b"host")
            .map(String::from_utf8_lossy)
            .unwrap_or_default();
        let path = String::from_utf8_lossy(self.head.path());
        let query = String::from_utf8_lossy(self.head.query());
        let mark = if query.is_empty() { "" } else { "?" };
        format!("http://{host}{path}{mark}{query}")
    }

    /// `http`.
    #[getter]
    fn scheme(&self) -> &'static str {
        "http"
    }

    /// `1.0` or `1.1`.
    #[getter]
    fn http_version(&self) -> &'static str {
        if self.head.version_minor == 0 {
            "1.0"
        } else {
            "1.1"
        }
    }

    /// Address and port of the other end of the connection; `None` in process.
    #[getter]
    fn client(&self) -> Option<(String, u16)> {
        self.head
            .client
            .map(|client| (client.ip().to_string(), client.port()))
    }

    /// The pattern of the route.
    #[getter]
    fn route<'py>(&self, py: Python<'py>) -> &Bound<'py, PyString> {
        self.route.bind(py)
    }

    /// The id of the exchange; empty if ids are off.
    #[getter]
    fn request_id(&self) -> &str {
        &self.head.request_id
    }

    /// The header fields.
    #[getter]
    fn headers(&self) -> Headers {
        Headers {
            head: self.head.clone(),
        }
    }

    /// The cookies by name; the first of a name wins.
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for (_, header) in self.head.fields().filter(|(name, _)| is(name, b"cookie")) {
            for (name, value) in cookies(header) {
                found.call_method1(intern!(py, "setdefault"), (text(py, name), text(py, value)))?;
            }
        }
        Ok(found)
    }

    /// The converted path parameters by name.
    #[getter]
    fn path_params<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.path_params.bind(py)
    }

    /// The converted query parameters by name.
    #[getter]
    fn query_params<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.query_params.bind(py)
    }

    /// A dict of the application's own, for this request.
    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.state
            .get_or_init(py, || PyDict::new(py).unbind())
            .bind(py)
    }

    /// The body, whole.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> &Bound<'py, PyBytes> {
        self.body.bind(py)
    }

    /// The body, read as JSON. Raises `ValueError` if it is not.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        hooks(py)?.decode.bind(py).call1((&self.body,))
    }

    /// The body as UTF-8 text. Raises `UnicodeDecodeError` if it is not.
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.body
            .bind(py)
            .call_method1(intern!(py, "decode"), ("utf-8",))
    }

    /// The body, read as a form: a dict of its fields, with its files under their names. Raises
    /// `HttpProblem` if it is none.
    fn form<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let read = || -> PyResult<Py<PyAny>> {
            let body = self.body.bind(py).as_bytes();
            let document = self.reader.as_ref().map(|app| {
                let media = self.find(b"content-type");
                read_form(app, media, body).map_err(|error| raise(py, error))
            });
            let uploads = PyList::new(py, self.uploads.iter().map(|file| file.bind(py)))?;
            let arguments = (document.transpose()?, &self.body, uploads);
            hooks(py)?.form.call1(py, arguments)
        };
        let form = self.form.get_or_try_init(py, read)?;
        Ok(form.bind(py).clone())
    }

    fn __repr__(&self) -> String {
        let method = String::from_utf8_lossy(self.head.method());
        format!(
            "<Request {method} {}>",
            String::from_utf8_lossy(self.head.path())
        )
    }
}

impl Request {
    fn find(&self, wanted: &[u8]) -> Option<&[u8]> {
        self.head
            .fields()
            .find(|(name, _)| is(name, wanted))
            .map(|(_, value)| value)
    }
}

fn is(name: &[u8], wanted: &[u8]) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

/// The header fields of a request. Names ignore case.
#[pyclass(frozen, mapping, module = "spikard._native")]
pub(crate) struct Headers {
    head: Arc<Owned>,
}

impl Headers {
    fn values<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let fields = self.head.fields();
        fields
            .filter(move |(name, _)| is(name, wanted.as_bytes()))
            .map(|(_, value)| value)
    }

    fn names<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for (name, _) in self.head.fields() {
            let name = name.to_ascii_lowercase();
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
        seen.iter().map(|name| text(py, name)).collect()
    }
}

#[pymethods]
impl Headers {
    fn __getitem__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyString>> {
        let first = self.values(name).next();
        first
            .map(|value| text(py, value))
            .ok_or_else(|| PyKeyError::new_err(name.to_owned()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.extract::<&str>()
            .is_ok_and(|name| self.values(name).next().is_some())
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        self.names(py).len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.names(py))?.try_iter()?.into_any())
    }

    /// The first value of a name, or `default`.
    #[pyo3(signature = (name, default = None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        default: Option<Bound<'py, PyAny>>,
    ) -> Option<Bound<'py, PyAny>> {
        self.values(name)
            .next()
            .map(|value| text(py, value).into_any())
            .or(default)
    }

    /// Every value of a name, in order.
    fn getlist<'py>(&self, py: Python<'py>, name: &str) -> Vec<Bound<'py, PyString>> {
        self.values(name).map(|value| text(py, value)).collect()
    }

    /// The names, in lower case, each once.
    fn keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        self.names(py)
    }

    /// Every field as (lower-case name, value), in order, repeated names included.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let pair = |(name, value): (&[u8], &[u8])| {
            PyTuple::new(py, [text(py, &name.to_ascii_lowercase()), text(py, value)])
        };
        self.head.fields().map(pair).collect()
    }

    /// The first value of each name, in the order of `keys`.
    #[pyo3(name = "values")]
    fn first_values<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyString>> {
        let names = self.names(py);
        let first = |name: &Bound<'py, PyString>| {
            let name = name.to_str().unwrap_or_default();
            self.values(name).next().map(|value| text(py, value))
        };
        names.iter().filter_map(first).collect()
    }

    fn __repr__(&self) -> String {
        format!("<Headers of {} fields>", self.head.fields().len())
    }
}
