//! Ruby results to replies: what a handler or its hooks gave, as an answer to a call.
//!
//! In a forked child, which user code let come back to us, an answer ends the process.

use magnus::{Error, RArray, RString, Ruby, TryConvert, Value, prelude::*};
use spikard_host::{Answer, Edit, Field, PoolRun, Reply, Status, Verdict};

use crate::{
    convert::{bytes_of, is_binary, is_utf8, with_bytes, write},
    pump::{leave, take_run},
    request::Request,
    setup::handed,
};

type Answered = Result<(), spikard_host::Error>;

/// What is sent with every value, without a copy where it is a string.
enum Body {
    Ruby(RString),
    Json(Vec<u8>),
}

/// A value as the parts of a reply.
struct Parts {
    status: u32,
    content_type: Option<RString>,
    /// Known media types need no string.
    media: &'static [u8],
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Body,
}

impl Parts {
    fn plain(media: &'static [u8], body: Body) -> Self {
        Self {
            status: 200,
            content_type: None,
            media,
            fields: Vec::new(),
            body,
        }
    }

    /// What a handler's result is as a reply.
    fn of(ruby: &Ruby, value: Value) -> Result<Self, Error> {
        if let Some(string) = RString::from_value(value) {
            if is_binary(ruby, string) {
                return Ok(Self::plain(b"application/octet-stream", Body::Ruby(string)));
            }
            let string = match is_utf8(string) {
                true => string,
                false => string.funcall("encode", ("UTF-8",))?,
            };
            return Ok(Self::plain(
                b"text/plain; charset=utf-8",
                Body::Ruby(string),
            ));
        }
        if value.is_kind_of(ruby.get_inner(handed(ruby)?.response)) {
            return Self::of_response(value);
        }
        let mut json = Vec::with_capacity(128);
        write(ruby, value, &mut json, 0)?;
        Ok(Self::plain(b"application/json", Body::Json(json)))
    }

    fn of_response(value: Value) -> Result<Self, Error> {
        let (status, content_type, pairs, body): (u32, Option<RString>, RArray, RString) =
            value.funcall("parts", ())?;
        let mut fields = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let (name, value) = <(RString, RString)>::try_convert(pair)?;
            fields.push((bytes_of(name), bytes_of(value)));
        }
        Ok(Self {
            status,
            content_type,
            media: b"",
            fields,
            body: Body::Ruby(body),
        })
    }

    fn send(&self, send: impl FnOnce(Reply<'_>) -> Answered) -> Answered {
        let fields: Vec<Field<'_>> = self
            .fields
            .iter()
            .map(|(name, value)| (&**name, &**value))
            .collect();
        let content_type = self.content_type.map(bytes_of);
        let with = |body: &[u8]| {
            send(Reply {
                status: self.status,
                content_type: content_type.as_deref().unwrap_or(self.media),
                fields: &fields,
                body,
            })
        };
        match &self.body {
            Body::Ruby(string) => with_bytes(*string, with),
            Body::Json(json) => with(json),
        }
    }
}

impl Request {
    /// Answers a call with a value: text, bytes, a `Response`, or else JSON.
    pub(crate) fn reply(ruby: &Ruby, rb_self: &Self, id: u64, value: Value) -> Result<(), Error> {
        let run = take_run();
        let parts = Parts::of(ruby, value)?;
        let answered = match rb_self.guest.port() {
            Some(port) => parts.send(|reply| port.reply(id, reply, run)),
            None => Ok(()),
        };
        rb_self.told(id, &answered);
        Ok(())
    }

    /// Answers a call with the problem document that this JSON describes.
    pub(crate) fn problem(rb_self: &Self, id: u64, json: String) {
        let run = take_run();
        let port = rb_self.guest.port();
        let answered = port.map_or(Ok(()), |port| port.problem(id, &json, run));
        rb_self.told(id, &answered);
    }

    /// Answers a call whose function failed: 500, and in development mode the trace.
    pub(crate) fn fail(rb_self: &Self, id: u64, trace: Option<String>) {
        let run = take_run();
        let port = rb_self.guest.port();
        let answered = port.map_or(Ok(()), |port| port.fail(id, trace.as_deref(), run));
        rb_self.told(id, &answered);
    }

    /// Answers a call in which hooks ran: kind, what it is of, whether a failure made the reply,
    /// whether no hook sees it, and what hooks changed of the request.
    #[allow(
        clippy::too_many_arguments,
        reason = "one call of the Ruby half, which has no struct"
    )]
    pub(crate) fn answer(
        ruby: &Ruby,
        rb_self: &Self,
        id: u64,
        kind: u32,
        value: Value,
        is_failure: bool,
        is_final: bool,
        edits: Option<RArray>,
    ) -> Result<(), Error> {
        let (run, edits) = (take_run(), edits_of(edits)?);
        let Some(port) = rb_self.guest.port() else {
            return Ok(());
        };
        let send = |verdict: Verdict<'_>, run: Option<PoolRun>| {
            let edits = &edits;
            port.answer(
                id,
                Answer {
                    verdict,
                    is_failure,
                    is_final,
                    edits,
                    run,
                },
            )
        };
        let answered = match kind {
            CONTINUE => send(Verdict::Continue, run),
            REPLY => Parts::of(ruby, value)?.send(|reply| send(Verdict::Reply(reply), run)),
            PROBLEM => send(Verdict::Problem(&String::try_convert(value)?), run),
            _ => {
                let trace = Option::<String>::try_convert(value)?;
                send(Verdict::Fail(trace.as_deref().unwrap_or_default()), run)
            }
        };
        rb_self.told(id, &answered);
        Ok(())
    }

    /// The engine says in the log what it refused; an answer that came too late is nobody's fault.
    fn told(&self, id: u64, answered: &Answered) {
        if matches!(answered, Err(error) if error.status == Status::Forked) {
            leave();
        }
        self.guest.answered(id);
    }
}

/// Kinds of answers, as the Ruby half numbers them.
const CONTINUE: u32 = 0;
const REPLY: u32 = 1;
const PROBLEM: u32 = 2;

/// Reads the changes: kind, name, value.
fn edits_of(edits: Option<RArray>) -> Result<Vec<Edit>, Error> {
    let mut list = Vec::new();
    for edit in edits.into_iter().flatten() {
        let (kind, name, value): (u32, RString, RString) = TryConvert::try_convert(edit)?;
        let (name, value) = (bytes_of(name).into(), bytes_of(value).into());
        list.push(match kind {
            0 => Edit::Set(name, value),
            1 => Edit::Add(name, value),
            _ => Edit::Remove(name),
        });
    }
    Ok(list)
}
