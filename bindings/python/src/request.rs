//! `Request`: what a handler or hook may look at.
//!
//! Made only for handlers that ask for it, and for hooks. It is a copy, so it may be kept after the
//! answer. Hooks have it before all of it is known: it grows with the calls of its exchange.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString},
};
use spikard_host::{App, Call, Edit, Owned, Purpose, check_json, cookies, read_form};

use crate::{
    engine::Route,
    fields::{Fields, Headers, text},
    setup::{hooks, raise},
    upload::Uploads,
};

/// One request.
#[pyclass(frozen, module = "spikard._native")]
pub(crate) struct Request {
    head: Arc<Owned>,
    application: Py<PyAny>,
    fields: Arc<Fields>,
    state: PyOnceLock<Py<PyDict>>,
    claims: PyOnceLock<Py<PyAny>>,
    form: PyOnceLock<Py<PyAny>>,
    known: Mutex<Known>,
}

/// What is known by now.
struct Known {
    route: Py<PyString>,
    /// `None` until it is read.
    body: Option<Py<PyBytes>>,
    path_params: Py<PyDict>,
    query_params: Py<PyDict>,
    /// What the body is read as a form with; `None` if the engine has read it as one.
    reader: Option<Arc<App>>,
    uploads: Vec<Py<PyAny>>,
    /// The claims of its token, as JSON; empty without one, and before it is judged.
    claims: Box<[u8]>,
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
        let request = Self::begin(py, call, &route.application);
        request.complete(py, call, route, values, uploads)?;
        request.fields.close();
        Ok(request)
    }

    /// A copy of the head of the call's request.
    pub(crate) fn begin(py: Python<'_>, call: &Call<'_>, application: &Py<PyAny>) -> Self {
        let head = Arc::new(call.to_owned());
        Self {
            fields: Arc::new(Fields::new(head.clone())),
            head,
            application: application.clone_ref(py),
            state: PyOnceLock::new(),
            claims: PyOnceLock::new(),
            form: PyOnceLock::new(),
            known: Mutex::new(Known {
                route: PyString::new(py, call.route()).unbind(),
                body: None,
                path_params: PyDict::new(py).unbind(),
                query_params: PyDict::new(py).unbind(),
                reader: None,
                uploads: Vec::new(),
                claims: call.claims().into(),
            }),
        }
    }

    /// Learns whom the token names, once it is judged. A state that a hook has begun gets it, too.
    fn learn_claims(&self, py: Python<'_>, call: &Call<'_>) -> PyResult<()> {
        let is_news = self.lock().claims.is_empty() && !call.claims().is_empty();
        if is_news {
            self.lock().claims = call.claims().into();
            if let Some(state) = self.state.get(py) {
                state
                    .bind(py)
                    .set_item(intern!(py, "claims"), self.claims(py)?)?;
            }
        }
        Ok(())
    }

    /// Learns what a later call of the same exchange says: the route, the body.
    pub(crate) fn refresh(
        &self,
        py: Python<'_>,
        call: &Call<'_>,
        app: &Arc<App>,
        reads_form: bool,
    ) -> PyResult<()> {
        self.fields.refresh(call);
        self.learn_claims(py, call)?;
        let has_body = call.purpose() == Purpose::PreValidation;
        let uploads = has_body.then(|| Uploads::of(py, call)).transpose()?;
        let mut known = self.lock();
        known.route = PyString::new(py, call.route()).unbind();
        if let Some(uploads) = uploads {
            known.body = Some(PyBytes::new(py, call.body()).unbind());
            known.reader = (!reads_form).then(|| app.clone());
            known.uploads = uploads.all();
        }
        Ok(())
    }

    /// Learns what a call for the handler says: all there is.
    pub(crate) fn complete<'py>(
        &self,
        py: Python<'py>,
        call: &Call<'_>,
        route: &Route,
        values: &[Option<Bound<'py, PyAny>>],
        uploads: &Uploads<'py>,
    ) -> PyResult<()> {
        let (path_params, query_params) = (PyDict::new(py), PyDict::new(py));
        for (parameter, value) in route.parameters.iter().zip(values) {
            let Some(value) = value else { continue };
            match parameter.source.as_str() {
                "path" => path_params.set_item(&parameter.name, value)?,
                "query" => query_params.set_item(&parameter.name, value)?,
                _ => {}
            }
        }
        self.fields.refresh(call);
        self.learn_claims(py, call)?;
        let mut known = self.lock();
        known.route = route.pattern.clone_ref(py);
        known.path_params = path_params.unbind();
        known.query_params = query_params.unbind();
        if known.body.is_none() {
            known.body = Some(PyBytes::new(py, call.body()).unbind());
        }
        known.reader = (!route.reads_form).then(|| route.app.clone());
        known.uploads = uploads.all();
        Ok(())
    }

    /// What hooks changed, for the engine.
    pub(crate) fn take_edits(&self) -> Vec<Edit> {
        self.fields.take_edits()
    }

    /// No further change is for the engine.
    pub(crate) fn close(&self) {
        self.fields.close();
    }

    /// The id of the exchange, as hooks have named it.
    pub(crate) fn id(&self) -> Arc<str> {
        self.fields.request_id()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let body = self.lock().body.as_ref().map(|body| body.bind(py).clone());
        body.ok_or_else(|| {
            PyRuntimeError::new_err(
                "the body is not read yet when on_request hooks run; use pre_validation",
            )
        })
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
        let host = self.fields.find("host").unwrap_or_default();
        let host = String::from_utf8_lossy(&host);
        let path = String::from_utf8_lossy(self.head.path());
        let query = String::from_utf8_lossy(self.head.query());
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}://{host}{path}{mark}{query}", self.head.scheme)
    }

    /// `http`, or `https` where a trusted proxy says that the client came so.
    #[getter]
    fn scheme(&self) -> &'static str {
        self.head.scheme
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
    fn route<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        self.lock().route.bind(py).clone()
    }

    /// The id of the exchange; empty if ids are off.
    #[getter]
    fn request_id(&self) -> String {
        self.id().to_string()
    }

    /// The header fields.
    #[getter]
    fn headers(&self) -> Headers {
        Headers(self.fields.clone())
    }

    /// The cookies by name; the first of a name wins.
    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = PyDict::new(py);
        for header in self.fields.all("cookie") {
            for (name, value) in cookies(&header) {
                found.call_method1(intern!(py, "setdefault"), (text(py, name), text(py, value)))?;
            }
        }
        Ok(found)
    }

    /// The converted path parameters by name.
    #[getter]
    fn path_params<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.lock().path_params.bind(py).clone()
    }

    /// The converted query parameters by name.
    #[getter]
    fn query_params<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.lock().query_params.bind(py).clone()
    }

    /// A dict of the application's own, for this request. The claims of its token are in it.
    #[getter]
    fn state<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyDict>> {
        let fresh = || -> PyResult<Py<PyDict>> {
            let state = PyDict::new(py);
            let claims = self.claims(py)?;
            if !claims.is_none() {
                state.set_item(intern!(py, "claims"), claims)?;
            }
            Ok(state.unbind())
        };
        Ok(self.state.get_or_try_init(py, fresh)?.bind(py))
    }

    /// The application.
    #[getter]
    fn app<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.application.bind(py)
    }

    /// What the application's functions share in this worker: its `state`.
    #[getter]
    fn app_state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.app(py).getattr(intern!(py, "state"))
    }

    /// The claims of the token that let the request in: a dict. `None` without a token, and in
    /// hooks before it is judged.
    #[getter]
    fn claims<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let document = self.lock().claims.clone();
        if document.is_empty() {
            return Ok(py.None().into_bound(py));
        }
        let decode = || {
            let document = PyBytes::new(py, &document);
            hooks(py)?.decode.call1(py, (document,))
        };
        Ok(self.claims.get_or_try_init(py, decode)?.bind(py).clone())
    }

    /// The body, whole. Raises `RuntimeError` in hooks before routing: it is not read yet.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.read_body(py)
    }

    /// The body, read as JSON. Raises `HttpProblem` if it is not, as the engine answers where a
    /// route declares its body.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let body = self.read_body(py)?;
        let reader = self.lock().reader.clone();
        let decode = hooks(py)?.decode.bind(py);
        // A form is the engine's own JSON by now.
        if let Some(app) = reader {
            let problem = check_json(&app, body.as_bytes()).map_err(|error| raise(py, error))?;
            if !problem.is_empty() {
                let members = decode.call1((problem,))?.cast_into::<PyDict>()?;
                return Err(refusal(py, &members));
            }
        }
        decode
            .call1((body,))
            .map_err(|error| blame_client(py, error, "Invalid request format"))
    }

    /// The body as UTF-8 text. Raises `HttpProblem` if it is not.
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.read_body(py)?
            .call_method1(intern!(py, "decode"), ("utf-8",))
            .map_err(|error| blame_client(py, error, "The body is not UTF-8"))
    }

    /// The body, read as a form: a dict of its fields, with its files under their names. Raises
    /// `HttpProblem` if it is none.
    fn form<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let read = || -> PyResult<Py<PyAny>> {
            let body = self.read_body(py)?;
            let (reader, uploads) = {
                let known = self.lock();
                let uploads = known.uploads.iter().map(|file| file.clone_ref(py));
                (known.reader.clone(), uploads.collect::<Vec<_>>())
            };
            let document = reader.map(|app| {
                let media = self.fields.find("content-type");
                let read = read_form(&app, media.as_deref(), body.as_bytes());
                read.map_err(|error| raise(py, error))
            });
            let arguments = (document.transpose()?, body, PyList::new(py, uploads)?);
            hooks(py)?.form.call1(py, arguments)
        };
        let form = self.form.get_or_try_init(py, read)?;
        Ok(form.bind(py).clone())
    }

    /// The handler runs: no further change is for the engine.
    fn _close(&self) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let method = String::from_utf8_lossy(self.head.method());
        format!(
            "<Request {method} {}>",
            String::from_utf8_lossy(self.head.path())
        )
    }
}

/// The problem to raise for a `ValueError` that the client's bytes have caused; others stay.
fn blame_client(py: Python<'_>, error: PyErr, detail: &str) -> PyErr {
    if !error.is_instance_of::<PyValueError>(py) {
        return error;
    }
    let members = PyDict::new(py);
    let filled = members
        .set_item(intern!(py, "status"), 400)
        .and_then(|()| members.set_item(intern!(py, "detail"), detail));
    match filled {
        Ok(()) => refusal(py, &members),
        Err(error) => error,
    }
}

/// An `HttpProblem` with these members.
fn refusal(py: Python<'_>, members: &Bound<'_, PyDict>) -> PyErr {
    let made = hooks(py).and_then(|hooks| hooks.problem.bind(py).call((), Some(members)));
    made.map_or_else(|error| error, PyErr::from_value)
}
