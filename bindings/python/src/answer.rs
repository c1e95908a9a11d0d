//! Python results to replies: what a handler or its hooks returned or raised, as an answer.

use std::sync::Arc;

use pyo3::{
    exceptions::PySystemExit,
    intern,
    prelude::*,
    types::{PyByteArray, PyBytes, PyMemoryView, PyString},
};
use spikard_host::{Answer, Call, Error, PoolRun, Port, Purpose, Reply, Status, Verdict};

use crate::{
    convert::{Misfit, Unbound, is_plain_json},
    hooked::Visit,
    setup::hooks,
};

/// A call that is owed an answer.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) id: u64,
    pub(crate) port: Port,
    /// What is kept of the exchange, in an application with hooks, and what the call is for.
    pub(crate) visit: Option<(Arc<Visit>, Purpose)>,
}

type Answered = Result<(), Error>;

impl Asked {
    /// Whether hooks were asked, which may give no reply.
    fn may_go_on(&self) -> bool {
        let purpose = self
            .visit
            .as_ref()
            .map_or(Purpose::Handler, |visit| visit.1);
        purpose != Purpose::Handler
    }

    fn hooked(
        &self,
        visit: &Visit,
        verdict: Verdict<'_>,
        is_final: bool,
        run: Option<PoolRun>,
    ) -> Answered {
        let answer = Answer {
            verdict,
            is_failure: false,
            is_final,
            edits: &visit.take_edits(),
            run,
        };
        self.port.answer(self.id, answer)
    }

    fn go_on(&self, run: Option<PoolRun>) -> Answered {
        match &self.visit {
            Some((visit, _)) => self.hooked(visit, Verdict::Continue, false, run),
            None => self.port.fail(self.id, None, run),
        }
    }

    /// With `is_failure`, hooks on errors see it.
    fn reply(&self, reply: Reply<'_>, is_failure: bool, run: Option<PoolRun>) -> Answered {
        let Some((visit, _)) = &self.visit else {
            return self.port.reply(self.id, reply, run);
        };
        let answer = Answer {
            verdict: Verdict::Reply(reply),
            is_failure,
            is_final: false,
            edits: &visit.take_edits(),
            run,
        };
        self.port.answer(self.id, answer)
    }

    /// Keeps the context that a task has made of the exchange's, if it has.
    pub(crate) fn adopt(&self, given: &Bound<'_, PyAny>, made: &Bound<'_, PyAny>) {
        if let Some((visit, purpose)) = &self.visit
            && *purpose != Purpose::OnError
            && !given.is(made)
        {
            visit.adopt(made);
        }
    }

    pub(crate) fn problem(&self, document: &str, run: Option<PoolRun>) -> Answered {
        match &self.visit {
            Some((visit, _)) => self.hooked(visit, Verdict::Problem(document), false, run),
            None => self.port.problem(self.id, document, run),
        }
    }

    /// Answers 500; with `is_final`, no hook sees it.
    pub(crate) fn fail(
        &self,
        trace: Option<&str>,
        is_final: bool,
        run: Option<PoolRun>,
    ) -> Answered {
        match &self.visit {
            Some((visit, _)) => {
                let verdict = Verdict::Fail(trace.unwrap_or_default());
                self.hooked(visit, verdict, is_final, run)
            }
            None => self.port.fail(self.id, trace, run),
        }
    }
}

/// Answers a call whose parameters could not be filled: 422 with a row for each value that is to
/// blame, the problem that a converter raised, or 500.
pub(crate) fn answer_misfit(
    py: Python<'_>,
    asked: &Asked,
    call: &Call<'_>,
    unbound: Unbound<'_>,
    shows_trace: bool,
) {
    let explained = match unbound {
        Unbound::Failed(error) => Err(error),
        Unbound::Misfits(misfits) => explain(py, misfits),
        Unbound::Refused(problem) => Ok(problem),
    };
    match explained {
        Ok(document) => complain(py, asked.problem(&document, None)),
        Err(error) => refuse(py, asked, &error, None, || Told::of(call, shows_trace)),
    }
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
    asked: &Asked,
    error: &PyErr,
    mut told: Told,
    run: Option<PoolRun>,
) -> Answered {
    if let Some((visit, _)) = &asked.visit {
        told.request_id = visit.request_id();
    }
    let failed = failed_hook(py, error);
    let cause = match &failed {
        Some((name, cause)) => {
            // Before routing there is no route to name.
            told.route = match told.route.as_str() {
                "" => name.clone(),
                route => format!("{name} of {route}"),
            };
            cause
        }
        None => error,
    };
    report(py, cause, &told);
    // Without a trace, if it cannot be written: the log has said why.
    let trace = told.shows_trace.then(|| trace_of(py, cause).ok()).flatten();
    asked.fail(trace.as_deref(), failed.is_some(), run)
}

/// The hook that failed and what it raised, if it was one.
fn failed_hook(py: Python<'_>, error: &PyErr) -> Option<(String, PyErr)> {
    let failed = &hooks(py).ok()?.hook_failed;
    if !error.is_instance(py, failed.bind(py).as_any()) {
        return None;
    }
    let name = error.value(py).getattr(intern!(py, "hook")).ok()?;
    Some((name.extract().ok()?, error.cause(py)?))
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

/// Answers a call with what its functions returned or raised.
pub(crate) fn answer(
    py: Python<'_>,
    asked: &Asked,
    result: PyResult<Bound<'_, PyAny>>,
    run: Option<PoolRun>,
    told: impl FnOnce() -> Told,
) {
    let answered = match result {
        Ok(value) if value.is_none() && asked.may_go_on() => Ok(asked.go_on(run)),
        Ok(value) => reply(py, &value, |reply| asked.reply(reply, false, run)),
        Err(error) => Err(error),
    };
    match answered {
        Ok(answered) => complain(py, answered),
        Err(error) => refuse(py, asked, &error, run, told),
    }
}

/// Answers a call with what was raised: its problem, or a 500.
fn refuse(
    py: Python<'_>,
    asked: &Asked,
    error: &PyErr,
    run: Option<PoolRun>,
    told: impl FnOnce() -> Told,
) {
    let rescued = rescued(py, error);
    if let Some((visit, _)) = &asked.visit {
        visit.keep_error(py, rescued.as_ref().map_or(error, |(cause, _)| cause));
    }
    if let Some((_, value)) = rescued {
        let answered = reply_of_failure(py, asked, &value, run);
        let answered = answered.unwrap_or_else(|second| fail(py, asked, &second, told(), run));
        return complain(py, answered);
    }
    let answered = match problem(py, error) {
        Ok(Some(document)) => asked.problem(&document, run),
        // The answer first: in a forked child it ends the process, without a log line.
        Ok(None) if error.is_instance_of::<PySystemExit>(py) => {
            let answered = asked.fail(None, false, run);
            if matches!(&answered, Err(failure) if failure.status == Status::Forked) {
                leave(py, exit_code(py, error));
            }
            report(py, error, &told());
            answered
        }
        Ok(None) => fail(py, asked, error, told(), run),
        Err(second) => fail(py, asked, &second, told(), run),
    };
    complain(py, answered);
}

/// What was raised and what the application's exception handler made of it, if it has one.
fn rescued<'py>(py: Python<'py>, error: &PyErr) -> Option<(PyErr, Bound<'py, PyAny>)> {
    let class = hooks(py).ok()?.rescued.bind(py);
    if !error.is_instance(py, class.as_any()) {
        return None;
    }
    let value = error.value(py).getattr(intern!(py, "reply")).ok()?;
    Some((error.cause(py)?, value))
}

/// Answers with what an exception handler returned: a problem, or any value.
fn reply_of_failure(
    py: Python<'_>,
    asked: &Asked,
    value: &Bound<'_, PyAny>,
    run: Option<PoolRun>,
) -> PyResult<Answered> {
    if value.is_instance(hooks(py)?.problem.bind(py))? {
        let document = problem(py, &PyErr::from_value(value.clone()))?;
        return Ok(asked.problem(&document.unwrap_or_default(), run));
    }
    reply(py, value, |reply| asked.reply(reply, true, run))
}

/// The engine says in the log what it refused; an answer that came too late is nobody's fault.
fn complain(py: Python<'_>, answered: Answered) {
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

/// Sends a value as a reply.
fn reply(
    py: Python<'_>,
    value: &Bound<'_, PyAny>,
    send: impl FnOnce(Reply<'_>) -> Answered,
) -> PyResult<Answered> {
    if !is_plain_json(value) {
        if let Ok(text) = value.cast::<PyString>() {
            let media = b"text/plain; charset=utf-8";
            return Ok(send(plain(media, text.to_str()?.as_bytes())));
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(send(plain(b"application/octet-stream", bytes.as_bytes())));
        }
        if value.is_instance(hooks(py)?.response.bind(py))? {
            return response(py, value, send);
        }
        if value.is_instance_of::<PyByteArray>() || value.is_instance_of::<PyMemoryView>() {
            let bytes = py
                .get_type::<PyBytes>()
                .call1((value,))?
                .cast_into::<PyBytes>()?;
            return Ok(send(plain(b"application/octet-stream", bytes.as_bytes())));
        }
    }
    let encoded = hooks(py)?
        .encode
        .bind(py)
        .call1((value,))?
        .cast_into::<PyBytes>()?;
    Ok(send(plain(b"application/json", encoded.as_bytes())))
}

fn plain<'a>(content_type: &'a [u8], body: &'a [u8]) -> Reply<'a> {
    Reply {
        status: 200,
        content_type,
        fields: &[],
        body,
    }
}

type Parts<'py> = (
    u32,
    Option<Bound<'py, PyString>>,
    Vec<(Bound<'py, PyString>, Bound<'py, PyString>)>,
    Bound<'py, PyBytes>,
);

fn response(
    py: Python<'_>,
    value: &Bound<'_, PyAny>,
    send: impl FnOnce(Reply<'_>) -> Answered,
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
    Ok(send(Reply {
        status,
        content_type: content_type.unwrap_or_default().as_bytes(),
        fields: &fields,
        body: body.as_bytes(),
    }))
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
