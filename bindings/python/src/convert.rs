//! The engine's arguments to Python objects, and those to a handler's parameters.

use std::cell::OnceCell;

use pyo3::{
    ffi,
    prelude::*,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};
use spikard_host::{Argument, Call};

use crate::{
    engine::{Arguments, Binding, Default, Route, Source},
    request::Request,
    setup::{hooks, raise},
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
    pub(crate) loc: Vec<String>,
    /// What was to be converted: a value, or the body's bytes.
    pub(crate) input: Bound<'py, PyAny>,
    pub(crate) error: PyErr,
}

/// Why a handler's parameters could not be filled.
pub(crate) enum Unbound<'py> {
    /// Values that do not fit, all of them.
    Misfits(Vec<Misfit<'py>>),
    /// The engine has judged: the problem to answer with.
    Refused(String),
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
    request: Option<&Bound<'py, Request>>,
) -> Result<Arguments<'py>, Unbound<'py>> {
    let delivered = values(py, call)?;
    let uploads = Uploads::of(py, call)?;
    if let Some(request) = request {
        request
            .get()
            .complete(py, call, route, &delivered, &uploads)?;
    }
    let mut filled = Vec::with_capacity(route.bindings.len());
    let mut misfits = Vec::new();
    // Names passed by keyword, once an absent value without default has left a gap.
    let mut names: Option<Vec<Bound<'py, PyString>>> = None;
    let given = Delivered {
        values: &delivered,
        uploads: &uploads,
        request,
        fields: OnceCell::new(),
    };
    for binding in &route.bindings {
        let value = match sent(py, route, binding, call, &given)? {
            Sent::Value(value) => Some(value),
            Sent::Refused(problem) => return Err(Unbound::Refused(problem)),
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
    /// The problem to answer with.
    Refused(String),
}

/// What all parameters of one call are filled from.
struct Delivered<'a, 'py> {
    values: &'a [Option<Bound<'py, PyAny>>],
    uploads: &'a Uploads<'py>,
    /// Where hooks have one.
    request: Option<&'a Bound<'py, Request>>,
    /// The fields of a form that is taken field by field, read once for all of them.
    fields: OnceCell<Bound<'py, PyAny>>,
}

impl<'py> Delivered<'_, 'py> {
    fn fields(&self, py: Python<'py>, call: &Call<'_>) -> PyResult<&Bound<'py, PyAny>> {
        if let Some(fields) = self.fields.get() {
            return Ok(fields);
        }
        let body = PyBytes::new(py, call.body());
        let fields = hooks(py)?.decode.bind(py).call1((body,))?;
        Ok(self.fields.get_or_init(|| fields))
    }
}

fn sent<'py>(
    py: Python<'py>,
    route: &Route,
    binding: &Binding,
    call: &Call<'_>,
    given: &Delivered<'_, 'py>,
) -> PyResult<Sent<'py>> {
    let &Delivered {
        values: delivered,
        uploads,
        request,
        ..
    } = given;
    Ok(match &binding.source {
        Source::Argument(index) => match delivered.get(*index).and_then(Option::as_ref) {
            Some(value) => converted(binding, value.clone(), || route.parameters[*index].loc()),
            None => Sent::Nothing,
        },
        // A chunked body may turn out empty: then there is nothing to convert.
        Source::Body { .. } if call.body().is_empty() && binding.converter.is_some() => {
            Sent::Nothing
        }
        Source::Body { judge } if call.has_body() => {
            body(py, route, binding, judge.as_ref(), call)?
        }
        Source::Body { .. } => Sent::Nothing,
        Source::Form if call.body().is_empty() => Sent::Nothing,
        Source::Form => form(py, binding, call, uploads)?,
        Source::Field if call.body().is_empty() => Sent::Nothing,
        Source::Field => {
            let fields = given.fields(py, call)?.clone();
            converted(binding, fields, || vec!["body".to_owned()])
        }
        // Without a token the default counts; without one of those the converter refuses.
        Source::Claims if call.claims().is_empty() && binding.default.is_some() => Sent::Nothing,
        Source::Claims => {
            let claims = PyBytes::new(py, call.claims()).into_any();
            match &binding.converter {
                // It raises the problem that is the answer: there is no row for claims.
                Some(converter) => Sent::Value(converter.bind(py).call1((claims,))?),
                None => Sent::Value(claims),
            }
        }
        Source::Request => Sent::Value(match request {
            Some(request) => request.clone().into_any(),
            None => {
                let request = Request::new(py, call, route, delivered, uploads)?;
                Bound::new(py, request)?.into_any()
            }
        }),
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

/// A form whose class has files among its fields.
fn form<'py>(
    py: Python<'py>,
    binding: &Binding,
    call: &Call<'_>,
    uploads: &Uploads<'py>,
) -> PyResult<Sent<'py>> {
    let body = PyBytes::new(py, call.body()).into_any();
    let Some(converter) = &binding.converter else {
        return Ok(Sent::Value(body));
    };
    let files = PyList::new(py, uploads.all())?;
    Ok(match converter.bind(py).call1((&body, files)) {
        Ok(form) => Sent::Value(form),
        Err(error) => Sent::Misfit(Misfit {
            loc: vec!["body".to_owned()],
            input: body,
            error,
        }),
    })
}

/// A body, through the decoder that judges it where there is one.
fn body<'py>(
    py: Python<'py>,
    route: &Route,
    binding: &Binding,
    judge: Option<&Py<PyAny>>,
    call: &Call<'_>,
) -> PyResult<Sent<'py>> {
    let bytes = PyBytes::new(py, call.body()).into_any();
    if let Some(judge) = judge {
        if let Ok(value) = judge.bind(py).call1((&bytes,)) {
            return Ok(Sent::Value(value));
        }
        if let Some(problem) = judged(py, route, call)? {
            return Ok(Sent::Refused(problem));
        }
    }
    Ok(converted(binding, bytes, || vec!["body".to_owned()]))
}

/// The problem of a body that its decoder has refused, in the engine's words; `None` if the schema
/// admits it.
fn judged(py: Python<'_>, route: &Route, call: &Call<'_>) -> PyResult<Option<String>> {
    let judged = route.app.judge(route.number, call.body());
    judged.map_err(|error| raise(py, error))
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

/// Whether a value is a dict, list, tuple or integer, by one look: it can only be meant as JSON.
pub(crate) fn is_plain_json(value: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `value` is a live object.
    let flags = unsafe { ffi::PyType_GetFlags(ffi::Py_TYPE(value.as_ptr())) };
    let plain = ffi::Py_TPFLAGS_DICT_SUBCLASS
        | ffi::Py_TPFLAGS_LIST_SUBCLASS
        | ffi::Py_TPFLAGS_TUPLE_SUBCLASS
        | ffi::Py_TPFLAGS_LONG_SUBCLASS;
    flags & plain != 0
}
