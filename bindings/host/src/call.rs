//! One call to a host function, as types.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    slice, str,
};

use crate::upload::Upload;
use spikard_ffi::{
    Purpose,
    abi::{
        SPK_ARGUMENT_FALSE, SPK_ARGUMENT_FLOAT, SPK_ARGUMENT_INTEGER, SPK_ARGUMENT_JSON,
        SPK_ARGUMENT_LIST, SPK_ARGUMENT_NULL, SPK_ARGUMENT_STRING, SPK_ARGUMENT_TRUE, spk_argument,
        spk_field, spk_span, spk_text,
    },
    call::{SPK_HTTPS, SPK_POOL, spk_call, spk_cookie_next},
};

/// A call inside its event: everything is borrowed from the engine.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    id: u64,
    view: &'a spk_call,
}

/// A typed value for the host function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument<'a> {
    /// Not in the request, and without a default of the engine's.
    Absent,
    /// JSON `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// Text.
    String(&'a str),
    /// A JSON document.
    Json(&'a str),
    /// That many of the following arguments are items.
    List(u32),
}

impl<'a> Call<'a> {
    pub(crate) fn new(id: u64, view: &'a spk_call) -> Self {
        Self { id, view }
    }

    pub(crate) fn view(&self) -> &'a spk_call {
        self.view
    }

    /// Names the call; its answer goes by this.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The `handler` number of the route document.
    pub fn function(&self) -> u32 {
        self.view.function
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        // The engine only has the numbers of its list.
        Purpose::from_number(self.view.purpose).unwrap_or(Purpose::Handler)
    }

    /// Names the exchange to all calls of it, until [`crate::Host::ended`]; 0 without hooks.
    pub fn exchange(&self) -> u64 {
        self.view.exchange
    }

    /// The reply that hooks on errors are shown.
    pub fn made(&self) -> Made<'a> {
        let made = &self.view.made;
        Made {
            status: made.status,
            field_text: text(&made.field_text),
            // SAFETY: the engine keeps the table until the answer, which `'a` does not outlive.
            fields: unsafe { slice_of(made.fields, made.field_count) },
            body: text(&made.body),
        }
    }

    /// Whether the function is to run on the host's thread pool.
    pub fn is_for_pool(&self) -> bool {
        self.view.placement == SPK_POOL
    }

    /// HTTP minor version: 0 or 1.
    pub fn version_minor(&self) -> u32 {
        self.view.version_minor
    }

    /// The head, as received.
    pub fn head(&self) -> &'a [u8] {
        text(&self.view.head)
    }

    /// The header fields, in order: name as sent, value.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        let head = self.head();
        self.field_table()
            .iter()
            .map(move |field| (span(head, field.name), span(head, field.value)))
    }

    fn field_table(&self) -> &'a [spk_field] {
        // SAFETY: the engine keeps the table until the answer, which `'a` does not outlive.
        unsafe { slice_of(self.view.fields, self.view.field_count) }
    }

    /// The method.
    pub fn method(&self) -> &'a [u8] {
        span(self.head(), self.view.method)
    }

    /// The request target, as sent.
    pub fn target(&self) -> &'a [u8] {
        span(self.head(), self.view.target)
    }

    /// The path, still percent-encoded.
    pub fn path(&self) -> &'a [u8] {
        span(self.head(), self.view.path)
    }

    /// The query, still percent-encoded; empty if absent.
    pub fn query(&self) -> &'a [u8] {
        span(self.head(), self.view.query)
    }

    /// The typed values, in the order of the route's parameters; a list is followed by its items.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'a>> + use<'a> {
        let arena = text(&self.view.argument_text);
        // SAFETY: the engine keeps the table until the answer, which `'a` does not outlive.
        let table = unsafe { slice_of(self.view.arguments, self.view.argument_count) };
        table.iter().map(move |argument| decode(argument, arena))
    }

    /// The body, whole and untouched.
    pub fn body(&self) -> &'a [u8] {
        text(&self.view.body)
    }

    /// The files that came with a form, in order.
    pub fn uploads(&self) -> impl ExactSizeIterator<Item = Upload<'a>> + use<'a> {
        let view = self.view;
        // SAFETY: the engine keeps the table until the answer, which `'a` does not outlive.
        let table = unsafe { slice_of(view.uploads, view.upload_count) };
        table.iter().map(|upload| Upload::new(view, upload))
    }

    /// The claims of the request's token, as JSON; empty without one.
    pub fn claims(&self) -> &'a [u8] {
        text(&self.view.claims)
    }

    /// Whether the request declared a body.
    pub fn has_body(&self) -> bool {
        self.view.has_body != 0
    }

    /// The id of the exchange; empty if ids are off.
    pub fn request_id(&self) -> &'a str {
        // The engine keeps ids to visible ASCII.
        str::from_utf8(text(&self.view.request_id)).unwrap_or_default()
    }

    /// The pattern of the route.
    pub fn route(&self) -> &'a str {
        // Patterns came as UTF-8.
        str::from_utf8(text(&self.view.route)).unwrap_or_default()
    }

    /// The client; `None` in process. Its port is 0 where a proxy tells only the address.
    pub fn client(&self) -> Option<SocketAddr> {
        let address = self.view.client_address;
        let ip = IpAddr::V6(Ipv6Addr::from(address)).to_canonical();
        let port = u16::try_from(self.view.client_port).unwrap_or_default();
        (address != [0; 16]).then(|| SocketAddr::new(ip, port))
    }

    /// `http`, or `https` where a trusted proxy says so.
    pub fn scheme(&self) -> &'static str {
        match self.view.scheme {
            SPK_HTTPS => "https",
            _ => "http",
        }
    }

    /// A copy of everything but the body, which may outlive the answer.
    pub fn to_owned(&self) -> Owned {
        Owned {
            head: self.head().into(),
            fields: self.field_table().into(),
            method: self.view.method,
            target: self.view.target,
            path: self.view.path,
            query: self.view.query,
            request_id: self.request_id().into(),
            client: self.client(),
            scheme: self.scheme(),
            version_minor: self.version_minor(),
        }
    }
}

/// A reply that a failure made.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// HTTP status.
    pub status: u32,
    field_text: &'a [u8],
    fields: &'a [spk_field],
    /// The body, whole.
    pub body: &'a [u8],
}

impl<'a> Made<'a> {
    /// The header fields, in order: name, value.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        let text = self.field_text;
        self.fields
            .iter()
            .map(move |field| (span(text, field.name), span(text, field.value)))
    }
}

/// A request head that outlives its call.
#[derive(Debug)]
pub struct Owned {
    head: Box<[u8]>,
    fields: Box<[spk_field]>,
    method: spk_span,
    target: spk_span,
    path: spk_span,
    query: spk_span,
    /// The id of the exchange; empty if ids are off.
    pub request_id: Box<str>,
    /// The other end of the connection; `None` in process.
    pub client: Option<SocketAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// HTTP minor version: 0 or 1.
    pub version_minor: u32,
}

impl Owned {
    /// The header fields, in order: name as sent, value.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|field| (span(&self.head, field.name), span(&self.head, field.value)))
    }

    /// The method.
    pub fn method(&self) -> &[u8] {
        span(&self.head, self.method)
    }

    /// The request target, as sent.
    pub fn target(&self) -> &[u8] {
        span(&self.head, self.target)
    }

    /// The path, still percent-encoded.
    pub fn path(&self) -> &[u8] {
        span(&self.head, self.path)
    }

    /// The query, still percent-encoded; empty if absent.
    pub fn query(&self) -> &[u8] {
        span(&self.head, self.query)
    }
}

/// The cookies of a `Cookie` header value: name, value.
pub fn cookies(header: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let mut offset = 0;
    let none = spk_text {
        bytes: std::ptr::null(),
        length: 0,
    };
    let (mut name, mut value, mut more) = (none, none, 0);
    loop {
        let (bytes, length) = (header.as_ptr(), header.len());
        // SAFETY: the input is valid for its length, the others for reads and writes.
        let status = unsafe {
            spk_cookie_next(bytes, length, &mut offset, &mut name, &mut value, &mut more)
        };
        if status != 0 || more == 0 {
            return found;
        }
        found.push((text(&name), text(&value)));
    }
}

pub(crate) fn span(head: &[u8], span: spk_span) -> &[u8] {
    &head[span.start as usize..span.start as usize + span.length as usize]
}

pub(crate) fn text<'a>(text: &spk_text) -> &'a [u8] {
    // SAFETY: the engine keeps the bytes until the answer; callers bound `'a` to the call.
    unsafe { slice_of(text.bytes, text.length) }
}

/// # Safety
/// `pointer` is valid for `length` reads during `'a`, or `length` is 0.
unsafe fn slice_of<'a, T>(pointer: *const T, length: usize) -> &'a [T] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's contract.
    unsafe { slice::from_raw_parts(pointer, length) }
}

fn decode<'a>(argument: &spk_argument, arena: &'a [u8]) -> Argument<'a> {
    let text = || {
        let start = argument.bits as usize;
        // The engine writes UTF-8 into the arena.
        str::from_utf8(&arena[start..start + argument.length as usize]).unwrap_or_default()
    };
    match argument.kind {
        SPK_ARGUMENT_NULL => Argument::Null,
        SPK_ARGUMENT_FALSE => Argument::Bool(false),
        SPK_ARGUMENT_TRUE => Argument::Bool(true),
        SPK_ARGUMENT_INTEGER => Argument::Integer(argument.bits as i64),
        SPK_ARGUMENT_FLOAT => Argument::Float(f64::from_bits(argument.bits)),
        SPK_ARGUMENT_STRING => Argument::String(text()),
        SPK_ARGUMENT_JSON => Argument::Json(text()),
        SPK_ARGUMENT_LIST => Argument::List(argument.length),
        _ => Argument::Absent,
    }
}
