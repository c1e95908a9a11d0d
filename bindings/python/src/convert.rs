//! Values across the border: the engine's arguments to Python objects, Python results to replies.

use pyo3::{
    exceptions::{PySystemExit, PyTypeError, PyValueError},
    ffi, intern,
    prelude::*,
    types::{PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple},
};
use spikard_host::{Argument, Call, Error, Level, PoolRun, Port, Reply, Status};

use crate::{
    engine::{Arguments, Route, Source},
    request::Request,
    setup::{hooks, log},
};

/// The engine's values for a call, in the order of the route's parameters; `None` is absent.
pub(crate) fn values<'py>(
    py: Python<'py>,
    call: &Call<'_>,
) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
    let mut arguments = call.arguments();
    let mut values = Vec::new();
    while let Some(argument) = arguments.next() {
        values.push(match argument {
            Argument::Absent => None,
            argument => Some(value(py, argument, &mut arguments)?),
        });
    }
    Ok(values)
}

fn value<'py, 'a>(
    py: Python<'py>,
    argument: Argument<'a>,
    following: &mut dyn Iterator<Item = Argument<'a>>,
) -> PyResult<Bound<'py, PyAny>> {
    Ok(match argument {
        Argument::Absent | Argument::Null => py.None().into_bound(py),
        Argument::Bool(value) => value.into_pyobject(py)?.to_owned().into_any(),
        Argument::Integer(value) => value.into_pyobject(py)?.into_any(),
        Argument::Float(value) => value.into_pyobject(py)?.into_any(),
        Argument::String(value) => PyString::new(py, value).into_any(),
        Argument::Json(document) => crate::context::json_loads(py, document)?,
        Argument::List(length) => {
            let list = PyList::empty(py);
            for _ in 0..length {
                let Some(item) = following.next() else { break };
                list.append(value(py, item, following)?)?;
            }
            list.into_any()
        }
    })
}

/// Why a handler's parameters could not be filled.
pub(crate) struct Misfit<'py> {
    /// `path`, `query`, `headers`, `cookie`, then the name; or `body`.
    loc: Vec<String>,
    input: Bound<'py, PyAny>,
    error: PyErr,
}

/// Fills a handler's parameters.
pub(crate) fn bind<'py>(
    py: Python<'py>,
    route: &Route,
    call: &Call<'_>,
) -> Result<Arguments<'py>, Misfit<'py>> {
    let whole = |error| Misfit {
        loc: vec![],
        input: py.None().into_bound(py),
        error,
    };
    let delivered = values(py, call).map_err(whole)?;
    let mut filled = Vec::with_capacity(route.bindings.len());
    let mut names: Vec<Bound<'py, PyString>> = Vec::new();
    let mut by_keyword = false;
    for binding in &route.bindings {
        let value = match binding.source {
            Source::Argument(index) => match delivered.get(index).cloned().flatten() {
                Some(value) => Some(converted(route, index, &binding.converter, value)?),
                None => None,
            },
            // A chunked body may turn out empty: then there is nothing to convert.
            Source::Body if call.body().is_empty() && binding.converter.is_some() => None,
            Source::Body if call.has_body() => Some(body(py, &binding.converter, call)?),
            Source::Body => None,
            Source::Request => {
                let request = Request::new(py, call, route, &delivered).map_err(whole)?;
                Some(Bound::new(py, request).map_err(whole)?.into_any())
            }
        };
        // An absent value leaves the Python default in place, so all behind it go by keyword.
        by_keyword |= binding.keyword_only || value.is_none();
        let Some(value) = value else { continue };
        filled.push(value);
        if by_keyword {
            names.push(binding.name.bind(py).clone());
        }
    }
    let names = (!names.is_empty())
        .then(|| PyTuple::new(py, names))
        .transpose()
        .map_err(whole)?;
    Ok(Arguments {
        values: filled,
        names,
    })
}

fn converted<'py>(
    route: &Route,
    index: usize,
    converter: &Option<Py<PyAny>>,
    value: Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>, Misfit<'py>> {
    let Some(converter) = converter else {
        return Ok(value);
    };
    let py = value.py();
    converter.bind(py).call1((&value,)).map_err(|error| {
        let parameter = &route.parameters[index];
        let loc = match parameter.source.as_str() {
            "header" => vec![
                "headers".to_owned(),
                parameter.name.to_lowercase().replace('_', "-"),
            ],
            source => vec![source.to_owned(), parameter.name.clone()],
        };
        Misfit {
            loc,
            input: value,
            error,
        }
    })
}

fn body<'py>(
    py: Python<'py>,
    converter: &Option<Py<PyAny>>,
    call: &Call<'_>,
) -> Result<Bound<'py, PyAny>, Misfit<'py>> {
    let bytes = PyBytes::new(py, call.body());
    let Some(converter) = converter else {
        return Ok(bytes.into_any());
    };
    converter.bind(py).call1((&bytes,)).map_err(|error| Misfit {
        loc: vec!["body".to_owned()],
        input: py.None().into_bound(py),
        error,
    })
}

/// Answers a call whose parameters could not be filled: 422 with one row where the value is to
/// blame, 500 where anything else is.
pub(crate) fn answer_misfit(py: Python<'_>, port: &Port, call: &Call<'_>, misfit: Misfit<'_>) {
    let answered = match row(py, &misfit) {
        Ok(Some(document)) => port.problem(call.id(), &document, None),
        Ok(None) => {
            report(py, &misfit.error, &Told::of(call));
            port.fail(call.id(), None)
        }
        Err(error) => {
            report(py, &error, &Told::of(call));
            port.fail(call.id(), None)
        }
    };
    complain(py, answered);
}

fn row(py: Python<'_>, misfit: &Misfit<'_>) -> PyResult<Option<String>> {
    // `msgspec.ValidationError` is a `ValueError`.
    let blames_value = misfit.error.is_instance_of::<PyValueError>(py)
        || misfit.error.is_instance_of::<PyTypeError>(py);
    if misfit.loc.is_empty() || !blames_value {
        return Ok(None);
    }
    let row = PyDict::new(py);
    row.set_item("type", "value_error")?;
    row.set_item("loc", &misfit.loc)?;
    row.set_item("msg", misfit.error.value(py).str()?)?;
    row.set_item("input", &misfit.input)?;
    let extensions = PyDict::new(py);
    extensions.set_item("errors", [row])?;
    let problem = PyDict::new(py);
    problem.set_item("status", 422)?;
    problem.set_item("detail", "1 validation error in request")?;
    problem.set_item("extensions", extensions)?;
    crate::context::json_dumps(&problem).map(Some)
}

/// What a log line says about a failed call.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    request_id: String,
    method: String,
    path: String,
    route: String,
}

impl Told {
    pub(crate) fn of(call: &Call<'_>) -> Self {
        Self {
            request_id: call.request_id().to_owned(),
            method: String::from_utf8_lossy(call.method()).into_owned(),
            path: String::from_utf8_lossy(call.path()).into_owned(),
            route: call.route().to_owned(),
        }
    }
}

/// Logs an exception with its trace. The client never sees it.
pub(crate) fn report(py: Python<'_>, error: &PyErr, told: &Told) {
    let logged = hooks(py).and_then(|hooks| {
        let Told {
            request_id,
            method,
            path,
            route,
        } = told;
        hooks.handler_failed.call1(
            py,
            (
                error.clone_ref(py).into_value(py),
                request_id,
                method,
                path,
                route,
            ),
        )
    });
    if let Err(error) = logged {
        error.write_unraisable(py, None);
    }
}

/// Answers a call with what its handler returned or raised.
pub(crate) fn answer(
    py: Python<'_>,
    port: &Port,
    id: u64,
    result: PyResult<Bound<'_, PyAny>>,
    run: Option<PoolRun>,
    told: impl FnOnce() -> Told,
) {
    let answered = match result.and_then(|value| reply(py, port, id, &value, run)) {
        Ok(answered) => answered,
        Err(error) => match problem(py, &error) {
            Ok(Some(document)) => port.problem(id, &document, run),
            // The answer first: in a forked child it ends the process, without a log line.
            Ok(None) if error.is_instance_of::<PySystemExit>(py) => {
                let answered = port.fail(id, run);
                if matches!(&answered, Err(failure) if failure.status == Status::Forked) {
                    leave(py, exit_code(py, &error));
                }
                report(py, &error, &told());
                answered
            }
            Ok(None) => {
                report(py, &error, &told());
                port.fail(id, run)
            }
            Err(second) => {
                report(py, &second, &told());
                port.fail(id, run)
            }
        },
    };
    complain(py, answered);
}

/// A refused reply is the application's fault and is said; one that came too late is nobody's.
fn complain(py: Python<'_>, answered: Result<(), Error>) {
    let Err(error) = answered else { return };
    if error.status == Status::Forked {
        // User code forked and its child came back to us: it is no worker, and must not live as
        // one.
        leave(py, 0);
    }
    if error.status == Status::ReplyRefused {
        let message = format!("a reply was refused and answered with 500: {error}");
        log(py, Level::Error, &message);
    }
}

/// The code of a `SystemExit`: none is 0, and what is no number is 1.
fn exit_code(py: Python<'_>, error: &PyErr) -> i32 {
    match error.value(py).getattr(intern!(py, "code")) {
        Ok(code) if code.is_none() => 0,
        Ok(code) => code.extract().unwrap_or(1),
        Err(_) => 1,
    }
}

/// Ends a forked child as `os._exit` does.
fn leave(py: Python<'_>, code: i32) {
    let left = py
        .import(intern!(py, "os"))
        .and_then(|os| os.call_method1(intern!(py, "_exit"), (code,)));
    if let Err(error) = left {
        error.write_unraisable(py, None);
    }
}

type Answered = Result<(), Error>;

fn reply(
    py: Python<'_>,
    port: &Port,
    id: u64,
    value: &Bound<'_, PyAny>,
    run: Option<PoolRun>,
) -> PyResult<Answered> {
    // SAFETY: `value` is a live object.
    let flags = unsafe { ffi::PyType_GetFlags(ffi::Py_TYPE(value.as_ptr())) };
    let builtin = ffi::Py_TPFLAGS_DICT_SUBCLASS
        | ffi::Py_TPFLAGS_LIST_SUBCLASS
        | ffi::Py_TPFLAGS_TUPLE_SUBCLASS
        | ffi::Py_TPFLAGS_LONG_SUBCLASS;
    if flags & builtin == 0 {
        if let Ok(text) = value.cast::<PyString>() {
            return plain(
                port,
                id,
                b"text/plain; charset=utf-8",
                text.to_str()?.as_bytes(),
                run,
            );
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return plain(port, id, b"application/octet-stream", bytes.as_bytes(), run);
        }
        if value.is_instance(hooks(py)?.response.bind(py))? {
            return response(py, port, id, value, run);
        }
        if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
            let bytes = py
                .get_type::<PyBytes>()
                .call1((value,))?
                .cast_into::<PyBytes>()?;
            return plain(port, id, b"application/octet-stream", bytes.as_bytes(), run);
        }
    }
    let encoded = hooks(py)?
        .encode
        .bind(py)
        .call1((value,))?
        .cast_into::<PyBytes>()?;
    plain(port, id, b"application/json", encoded.as_bytes(), run)
}

fn plain(
    port: &Port,
    id: u64,
    content_type: &[u8],
    body: &[u8],
    run: Option<PoolRun>,
) -> PyResult<Answered> {
    Ok(port.reply(
        id,
        Reply {
            status: 200,
            content_type,
            fields: &[],
            body,
        },
        run,
    ))
}

type Parts<'py> = (
    u32,
    Option<Bound<'py, PyString>>,
    Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>,
    Bound<'py, PyBytes>,
);

fn response(
    py: Python<'_>,
    port: &Port,
    id: u64,
    value: &Bound<'_, PyAny>,
    run: Option<PoolRun>,
) -> PyResult<Answered> {
    let parts: Parts<'_> = value.call_method0(intern!(py, "_parts"))?.extract()?;
    let (status, content_type, headers, body) = parts;
    let mut fields = Vec::with_capacity(headers.len());
    for (name, value) in &headers {
        fields.push((name.to_str()?.as_bytes(), value.to_str()?.as_bytes()));
    }
    let content_type = content_type
        .as_ref()
        .map(|text| text.to_str())
        .transpose()?;
    let reply = Reply {
        status,
        content_type: content_type.unwrap_or_default().as_bytes(),
        fields: &fields,
        body: body.as_bytes(),
    };
    Ok(port.reply(id, reply, run))
}

fn problem(py: Python<'_>, error: &PyErr) -> PyResult<Option<String>> {
    if !error.is_instance(py, hooks(py)?.problem.bind(py).as_any()) {
        return Ok(None);
    }
    error
        .value(py)
        .call_method0(intern!(py, "_document"))?
        .extract()
        .map(Some)
}
