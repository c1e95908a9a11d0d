//! Values across the border: the engine's arguments to Python objects, Python results to replies.

use pyo3::{
    exceptions::PySystemExit,
    ffi, intern,
    prelude::*,
    types::{PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple},
};
use spikard_host::{Argument, Call, Error, PoolRun, Port, Reply, Status};

use crate::{
    engine::{Arguments, Binding, Default, Route, Source},
    request::Request,
    setup::hooks,
    upload::Uploads,
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
        Argument::Json(document) => hooks(py)?.decode.bind(py).call1((document,))?,
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

/// A value that a converter refused.
pub(crate) struct Misfit<'py> {
    /// `path`, `query`, `headers`, `cookie`, then the name; or `body`.
    loc: Vec<String>,
    /// What was to be converted: a value, or the body's bytes.
    input: Bound<'py, PyAny>,
    error: PyErr,
}

/// Why a handler's parameters could not be filled.
pub(crate) enum Unbound<'py> {
    /// Values that do not fit, all of them.
    Misfits(Vec<Misfit<'py>>),
    /// The interpreter failed.
    Failed(PyErr),
}

impl From<PyErr> for Unbound<'_> {
    fn from(error: PyErr) -> Self {
        Self::Failed(error)
    }
}

/// Fills a handler's parameters.
pub(crate) fn bind<'py>(
    py: Python<'py>,
    route: &Route,
    call: &Call<'_>,
) -> Result<Arguments<'py>, Unbound<'py>> {
    let delivered = values(py, call)?;
    let uploads = Uploads::of(py, call)?;
    let mut filled = Vec::with_capacity(route.bindings.len());
    let mut misfits = Vec::new();
    // Names passed by keyword, once an absent value without default has left a gap.
    let mut names: Option<Vec<Bound<'py, PyString>>> = None;
    for binding in &route.bindings {
        let value = match sent(py, route, binding, call, (&delivered, &uploads))? {
            Sent::Value(value) => Some(value),
            Sent::Misfit(misfit) => {
                misfits.push(misfit);
                continue;
            }
            Sent::Nothing => match &binding.default {
                Some(Default::Value(value)) => Some(value.bind(py).clone()),
                Some(Default::Factory(make)) => Some(make.bind(py).call0()?),
                None => None,
            },
        };
        match (value, &mut names) {
            (Some(value), None) => filled.push(value),
            (Some(value), Some(names)) => {
                filled.push(value);
                names.push(binding.name.bind(py).clone());
            }
            // Those behind the gap go by keyword, and so do keyword-only ones before it.
            (None, names @ None) => {
                let before = &route.bindings[..filled.len()];
                let keyword_only = before.iter().filter(|binding| binding.keyword_only);
                let found = keyword_only.map(|binding| binding.name.bind(py).clone());
                *names = Some(found.collect());
            }
            (None, Some(_)) => {}
        }
    }
    if !misfits.is_empty() {
        return Err(Unbound::Misfits(misfits));
    }
    let names = match names {
        None => route.keywords.as_ref().map(|names| names.bind(py).clone()),
        Some(names) if names.is_empty() => None,
        Some(names) => Some(PyTuple::new(py, names)?),
    };
    Ok(Arguments {
        values: filled,
        names,
    })
}

/// What a request holds for one parameter.
enum Sent<'py> {
    Value(Bound<'py, PyAny>),
    Nothing,
    Misfit(Misfit<'py>),
}

fn sent<'py>(
    py: Python<'py>,
    route: &Route,
    binding: &Binding,
    call: &Call<'_>,
    (delivered, uploads): (&[Option<Bound<'py, PyAny>>], &Uploads<'py>),
) -> PyResult<Sent<'py>> {
    Ok(match &binding.source {
        Source::Argument(index) => match delivered.get(*index).and_then(Option::as_ref) {
            Some(value) => converted(binding, value.clone(), || route.parameters[*index].loc()),
            None => Sent::Nothing,
        },
        // A chunked body may turn out empty: then there is nothing to convert.
        Source::Body if call.body().is_empty() && binding.converter.is_some() => Sent::Nothing,
        Source::Body if call.has_body() => {
            let bytes = PyBytes::new(py, call.body()).into_any();
            converted(binding, bytes, || vec!["body".to_owned()])
        }
        Source::Body => Sent::Nothing,
        Source::Form if call.body().is_empty() => Sent::Nothing,
        Source::Form => {
            let body = PyBytes::new(py, call.body()).into_any();
            let given = (body.clone(), PyList::new(py, uploads.all())?);
            match &binding.converter {
                Some(converter) => match converter.bind(py).call1(given) {
                    Ok(form) => Sent::Value(form),
                    Err(error) => Sent::Misfit(Misfit {
                        loc: vec!["body".to_owned()],
                        input: body,
                        error,
                    }),
                },
                None => Sent::Value(body),
            }
        }
        Source::Request => {
            let request = Request::new(py, call, route, delivered, uploads)?;
            Sent::Value(Bound::new(py, request)?.into_any())
        }
        Source::File { name, as_list } => match uploads.named(py, name, *as_list)? {
            Some(file) => converted(binding, file, || vec!["files".to_owned(), name.clone()]),
            None => Sent::Nothing,
        },
        Source::Group { first, names } => {
            let group = PyDict::new(py);
            for (name, value) in names.iter().zip(&delivered[*first..]) {
                if let Some(value) = value {
                    group.set_item(name, value)?;
                }
            }
            let place = || route.parameters[*first].loc().into_iter().take(1).collect();
            converted(binding, group.into_any(), place)
        }
    })
}

fn converted<'py>(
    binding: &Binding,
    value: Bound<'py, PyAny>,
    loc: impl FnOnce() -> Vec<String>,
) -> Sent<'py> {
    let Some(converter) = &binding.converter else {
        return Sent::Value(value);
    };
    match converter.bind(value.py()).call1((&value,)) {
        Ok(converted) => Sent::Value(converted),
        Err(error) => Sent::Misfit(Misfit {
            loc: loc(),
            input: value,
            error,
        }),
    }
}

/// Answers a call whose parameters could not be filled: 422 with a row for each value that is to
/// blame, the problem that a converter raised, or 500.
pub(crate) fn answer_misfit(
    py: Python<'_>,
    port: &Port,
    call: &Call<'_>,
    unbound: Unbound<'_>,
    shows_trace: bool,
) {
    let explained = match unbound {
        Unbound::Failed(error) => Err(error),
        Unbound::Misfits(misfits) => explain(py, misfits),
    };
    let answered = match explained {
        Ok(document) => port.problem(call.id(), &document, None),
        Err(error) => match problem(py, &error) {
            Ok(Some(document)) => port.problem(call.id(), &document, None),
            Ok(None) | Err(_) => fail(
                py,
                port,
                call.id(),
                &error,
                &Told::of(call, shows_trace),
                None,
            ),
        },
    };
    complain(py, answered);
}

/// The problem that lists what is wrong with some values; the first error that blames no value.
fn explain(py: Python<'_>, misfits: Vec<Misfit<'_>>) -> PyResult<String> {
    let misfits: Vec<_> = misfits
        .into_iter()
        .map(|misfit| (misfit.loc, misfit.input, misfit.error.into_value(py)))
        .collect();
    hooks(py)?.explain.call1(py, (misfits,))?.extract(py)
}

/// What is said about a failed call, in the log and to the client.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    request_id: String,
    method: String,
    path: String,
    route: String,
    shows_trace: bool,
}

impl Told {
    pub(crate) fn of(call: &Call<'_>, shows_trace: bool) -> Self {
        Self {
            request_id: call.request_id().to_owned(),
            method: String::from_utf8_lossy(call.method()).into_owned(),
            path: String::from_utf8_lossy(call.path()).into_owned(),
            route: call.route().to_owned(),
            shows_trace,
        }
    }
}

/// Answers a call that failed with a 500. The trace goes to the log, and to the client only in
/// development mode.
fn fail(
    py: Python<'_>,
    port: &Port,
    id: u64,
    error: &PyErr,
    told: &Told,
    run: Option<PoolRun>,
) -> Answered {
    report(py, error, told);
    // Without a trace, if it cannot be written: the log has said why.
    let trace = told.shows_trace.then(|| trace_of(py, error).ok()).flatten();
    port.fail(id, trace.as_deref(), run)
}

/// An exception's traceback, as Python prints it.
fn trace_of(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let lines = py
        .import(intern!(py, "traceback"))?
        .call_method1(intern!(py, "format_exception"), (error.value(py),))?;
    let lines: Vec<String> = lines.extract()?;
    Ok(lines.concat())
}

/// Logs an exception with its trace.
fn report(py: Python<'_>, error: &PyErr, told: &Told) {
    let logged = hooks(py).and_then(|hooks| {
        let Told {
            request_id,
            method,
            path,
            route,
            ..
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
                let answered = port.fail(id, None, run);
                if matches!(&answered, Err(failure) if failure.status == Status::Forked) {
                    leave(py, exit_code(py, &error));
                }
                report(py, &error, &told());
                answered
            }
            Ok(None) => fail(py, port, id, &error, &told(), run),
            Err(second) => fail(py, port, id, &second, &told(), run),
        },
    };
    complain(py, answered);
}

/// The engine says in the log what it refused; an answer that came too late is nobody's fault.
fn complain(py: Python<'_>, answered: Result<(), Error>) {
    let Err(error) = answered else { return };
    if error.status == Status::Forked {
        // User code forked and its child came back to us: it is no worker, and must not live as
        // one.
        leave(py, 0);
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
