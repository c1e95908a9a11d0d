//! A host in Rust for these tests: it behaves as fixtures say, inline or later.

use std::cell::RefCell;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::{Map, Value, json};
use spikard_app::{App, Injector};
use spikard_contract::config::ServerConfig;
use spikard_contract::route::{BodyMedia, Placement, RouteDocument};
use spikard_middleware::log::{Level, Log};
use spikard_middleware::{
    Argument, ArgumentKind, Arguments, CallId, Exchange, HostPort, Notice, Outcome, Segment,
    Uploads,
};

/// A function of the host: it reads the exchange and writes its reply.
pub(crate) type Function = Box<dyn Fn(&mut Exchange)>;

/// The host: functions by number.
#[derive(Default)]
pub(crate) struct Host {
    functions: Vec<Function>,
    /// Calls to answer "later" with, while this is `Some`.
    pub(crate) later: RefCell<Option<Vec<CallId>>>,
    pub(crate) notices: RefCell<Vec<Notice>>,
}

impl Host {
    pub(crate) fn add(&mut self, function: impl Fn(&mut Exchange) + 'static) -> u32 {
        self.functions.push(Box::new(function));
        self.functions.len() as u32 - 1
    }

    /// Puts another function in the place of one.
    pub(crate) fn replace(&mut self, at: usize, function: impl Fn(&mut Exchange) + 'static) {
        self.functions[at] = Box::new(function);
    }
}

impl HostPort for Host {
    fn call(&self, id: CallId, segment: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        if let Some(calls) = self.later.borrow_mut().as_mut() {
            calls.push(id);
            return Outcome::Later;
        }
        self.functions[segment.function as usize](x);
        Outcome::Done
    }

    fn notify(&self, _: CallId, notice: Notice) {
        self.notices.borrow_mut().push(notice);
    }
}

/// Swallows log lines.
pub(crate) struct Silent;

impl Log for Silent {
    fn log(&self, _: Level, _: &str) {}
}

/// A reply taken apart.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An application whose every route echoes, with the injector that runs it.
pub(crate) fn echo_app(routes: &[Value], config: &ServerConfig) -> (Injector, Host) {
    logged_app(routes, config, Arc::new(Silent))
}

/// As [`echo_app`], with a log.
pub(crate) fn logged_app(
    routes: &[Value],
    config: &ServerConfig,
    log: Arc<dyn Log>,
) -> (Injector, Host) {
    let mut app = App::new();
    let mut host = Host::default();
    for route in routes {
        let mut document: RouteDocument = serde_json::from_value(route.clone()).unwrap();
        document.handler = host.functions.len() as u32;
        let body = document.body.clone();
        app.add_route(document).unwrap();
        let mut document = app.documents().last().unwrap().clone();
        // A handler that asks for files only is not given the fields.
        document.body = body;
        host.add(move |x| {
            let echo = echo(&document, x);
            x.reply.start(200, "application/json");
            x.reply.body.extend_from_slice(echo.as_bytes());
        });
    }
    let plan = app.lower(config).unwrap();
    (Injector::new(plan, config, [1, 2, 3, 4], log), host)
}

/// One request, answered inline.
pub(crate) fn ask(injector: &Injector, host: &Host, request: &[u8]) -> Answer {
    let mut injection = injector.begin(request);
    let mut context = Context::from_waker(Waker::noop());
    match injector.poll(&mut injection, host, &mut context) {
        Poll::Ready(reply) => take_apart(&reply.unwrap()),
        Poll::Pending => panic!("the host answers inline"),
    }
}

/// Decodes a reply that ends with its bytes.
pub(crate) fn take_apart(bytes: &[u8]) -> Answer {
    let head = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let fields = lines
        .filter(|line| !line.is_empty())
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        fields,
        body: bytes[head..].to_vec(),
    }
}

/// What the handler received, as JSON text: the parameters by name, and the body's own bytes.
pub(crate) fn echo(document: &RouteDocument, x: &Exchange) -> String {
    let mut params = Map::new();
    let mut at = 0;
    for parameter in &document.parameters {
        if let Some(value) = value_of(&x.arguments, &mut at) {
            params.insert(parameter.name.clone(), value);
        }
    }
    assert_eq!(at, x.arguments.table().len(), "one argument per parameter");
    let mut text = format!(r#"{{"params":{}"#, Value::from(params));
    if let Some(body) = &document.body
        && !x.body.is_empty()
    {
        text += ",\"body\":";
        text += &match body.media {
            BodyMedia::Json | BodyMedia::Form => String::from_utf8(x.body.clone()).unwrap(),
            BodyMedia::Bytes => json!({ "base64": encode_base64(&x.body) }).to_string(),
        };
    }
    if !x.uploads.table().is_empty() {
        text += ",\"files\":";
        text += &files_of(&x.uploads).to_string();
    }
    text + "}"
}

/// The files of each name, with their content.
fn files_of(uploads: &Uploads) -> Value {
    let mut all = json!({});
    for upload in uploads.table() {
        let mut content = vec![0; upload.size as usize];
        match uploads.content(upload) {
            Some(bytes) => content.copy_from_slice(bytes),
            None => {
                let spool = uploads.spool.as_ref().unwrap();
                spool.read_exact_at(&mut content, upload.start).unwrap();
            }
        }
        let (kind, content) = match String::from_utf8(content) {
            Ok(text) => ("text", text),
            Err(error) => ("base64", encode_base64(error.as_bytes())),
        };
        let name = uploads.text(upload.name);
        if all[name].is_null() {
            all[name] = json!([]);
        }
        all[name].as_array_mut().unwrap().push(json!({
            "filename": uploads.text(upload.filename),
            "content_type": uploads.text(upload.content_type),
            "size": upload.size,
            kind: content,
        }));
    }
    all
}

fn encode_base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let six = (bits >> (18 - 6 * digit) & 63) as usize;
            text.push(if digit > three.len() {
                '='
            } else {
                char::from(DIGITS[six])
            });
        }
    }
    text
}

fn value_of(arguments: &Arguments, at: &mut usize) -> Option<Value> {
    let argument: Argument = arguments.table()[*at];
    *at += 1;
    let text = || String::from_utf8(arguments.text_of(&argument).to_vec()).unwrap();
    Some(match argument.kind {
        kind if kind == ArgumentKind::Absent as u32 => return None,
        kind if kind == ArgumentKind::Null as u32 => Value::Null,
        kind if kind == ArgumentKind::False as u32 => false.into(),
        kind if kind == ArgumentKind::True as u32 => true.into(),
        kind if kind == ArgumentKind::Integer as u32 => (argument.bits as i64).into(),
        kind if kind == ArgumentKind::Float as u32 => f64::from_bits(argument.bits).into(),
        kind if kind == ArgumentKind::String as u32 => text().into(),
        kind if kind == ArgumentKind::Json as u32 => serde_json::from_str(&text()).unwrap(),
        kind if kind == ArgumentKind::List as u32 => (0..argument.length)
            .map(|_| value_of(arguments, at).unwrap())
            .collect(),
        other => panic!("unknown kind {other}"),
    })
}
