//! Hooks: functions around handlers, plain or `async`, and what they receive.
//!
//! `on_request`, `pre_validation` and `pre_handler` get the [`Request`] and may change its headers,
//! leave values for the handler, or answer; `on_response` and `on_error` get the [`Response`].
//! Knows nothing of when the engine calls them.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::ops::{ControlFlow, Deref};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;
use spikard_contract::hook::{HookDocument, HooksDocument};
use spikard_contract::route::Placement;

use crate::app::App;
use crate::extract::{Call, Extract};
use crate::failure::Failure;
use crate::group::Group;
use crate::handler::{Later, Plain};
use crate::hooked::Visit;
use crate::reply::{IntoReply, Reply};
use crate::request::Request;

/// The methods that register hooks which know their route, on whatever has `functions`.
macro_rules! hooks {
    () => {
        hooks! {
            /// Runs a function after routing, with the body read, before anything is validated.
            /// A group's hooks run for all of its routes, behind those around the group.
            pre_validation: RequestHook = request;
            /// Runs a function after validation, before the handler: the place for authorisation.
            pre_handler: RequestHook = request;
            /// Runs a function on every reply of a handler, and of a hook that answered.
            on_response: ReplyHook = reply;
            /// Runs a function on every reply that a failure made: an error of a handler, a refused
            /// value, a deadline, a missing route.
            on_error: ReplyHook = reply;
        }
    };
    ($($(#[$doc:meta])* $name:ident: $kind:ident = $placed:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name<M: 'static>(&mut self, hook: impl $kind<M>) -> &mut Self {
            let hooks = &mut self.functions().hooks;
            hooks.$name.push(Placed::$placed(hook));
            self
        }
    )*};
}

impl App {
    /// Runs a function before routing, on every request. Several run in order.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use spikard::{App, Extension, Problem, Request, Response, TestClient};
    ///
    /// struct User(String);
    ///
    /// let mut app = App::new();
    /// app.pre_handler(async |request: &mut Request| {
    ///     let Some(name) = request.header("authorization").map(str::to_owned) else {
    ///         return ControlFlow::Break(Problem::new(401));
    ///     };
    ///     request.insert(User(name));
    ///     ControlFlow::Continue(())
    /// });
    /// app.on_response(|response: &mut Response| response.set_header("x-frame-options", "DENY"));
    /// app.get("/me", |user: Extension<User>| user.0.0.clone());
    /// let client = TestClient::new(app)?;
    /// assert_eq!(client.get("/me").send().status(), 401);
    /// assert_eq!(client.get("/me").header("authorization", "ann").send().text(), "ann");
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    #[track_caller]
    pub fn on_request<M: 'static>(&mut self, hook: impl RequestHook<M>) -> &mut Self {
        let hooks = &mut self.functions().hooks;
        hooks.on_request.push(Placed::request(hook));
        self
    }

    hooks! {}
}

impl Group<'_> {
    hooks! {}
}

/// The hooks of an application, or of a group.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) on_request: Vec<Placed<dyn AnyRequestHook>>,
    pub(crate) pre_validation: Vec<Placed<dyn AnyRequestHook>>,
    pub(crate) pre_handler: Vec<Placed<dyn AnyRequestHook>>,
    pub(crate) on_response: Vec<Placed<dyn AnyReplyHook>>,
    pub(crate) on_error: Vec<Placed<dyn AnyReplyHook>>,
}

impl Hooks {
    /// What the engine is to stop for; numbers are given from `next` on.
    pub(crate) fn document(&self, next: u32) -> HooksDocument {
        let entry = |is_empty: bool, more: u32| {
            (!is_empty).then_some(HookDocument {
                function: next + more,
                placement: Placement::Inline,
            })
        };
        HooksDocument {
            on_request: entry(self.on_request.is_empty(), 0),
            pre_validation: entry(self.pre_validation.is_empty(), 1),
            on_error: entry(self.on_error.is_empty(), 2),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let asked = [&self.on_request, &self.pre_validation, &self.pre_handler];
        let shown = [&self.on_response, &self.on_error];
        asked.iter().all(|hooks| hooks.is_empty()) && shown.iter().all(|hooks| hooks.is_empty())
    }

    /// These, and behind them those of a group, phase by phase.
    pub(crate) fn joined(&self, inner: &Self) -> Self {
        Self {
            on_request: [&*self.on_request, &inner.on_request].concat(),
            pre_validation: [&*self.pre_validation, &inner.pre_validation].concat(),
            pre_handler: [&*self.pre_handler, &inner.pre_handler].concat(),
            on_response: [&*self.on_response, &inner.on_response].concat(),
            on_error: [&*self.on_error, &inner.on_error].concat(),
        }
    }

    /// Whether handlers are called by hooks.
    pub(crate) fn surround(&self) -> bool {
        !self.pre_handler.is_empty() || !self.on_response.is_empty()
    }
}

/// A hook, and where it was registered.
pub(crate) struct Placed<H: ?Sized> {
    pub(crate) hook: Arc<H>,
    pub(crate) location: &'static Location<'static>,
}

impl<H: ?Sized> Clone for Placed<H> {
    fn clone(&self) -> Self {
        Self {
            hook: self.hook.clone(),
            location: self.location,
        }
    }
}

impl Placed<dyn AnyRequestHook> {
    #[track_caller]
    fn request<M: 'static>(hook: impl RequestHook<M>) -> Self {
        Self {
            hook: Arc::new(Typed(hook, std::marker::PhantomData::<fn(M)>)),
            location: Location::caller(),
        }
    }
}

impl Placed<dyn AnyReplyHook> {
    #[track_caller]
    fn reply<M: 'static>(hook: impl ReplyHook<M>) -> Self {
        Self {
            hook: Arc::new(Typed(hook, std::marker::PhantomData::<fn(M)>)),
            location: Location::caller(),
        }
    }
}

/// A hook without its types.
pub(crate) trait AnyRequestHook: Send + Sync {
    fn call<'a>(&'a self, request: &'a mut Request, reply: &'a mut Reply) -> Asked<'a>;
}

/// A hook on replies without its types.
pub(crate) trait AnyReplyHook: Send + Sync {
    fn call<'a>(&'a self, response: &'a mut Response) -> Shown<'a>;
}

struct Typed<H, M>(H, std::marker::PhantomData<fn(M)>);

impl<M: 'static, H: RequestHook<M>> AnyRequestHook for Typed<H, M> {
    fn call<'a>(&'a self, request: &'a mut Request, reply: &'a mut Reply) -> Asked<'a> {
        self.0.ask(request, reply)
    }
}

impl<M: 'static, H: ReplyHook<M>> AnyReplyHook for Typed<H, M> {
    fn call<'a>(&'a self, response: &'a mut Response) -> Shown<'a> {
        self.0.show(response)
    }
}

/// Whether a request goes on, or the reply is written.
pub type Verdict = Result<ControlFlow<()>, Failure>;
/// A request hook under way.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Verdict> + 'a>>;
/// A reply hook under way.
pub type Shown<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// A function that sees requests. `M` tells the kinds of function apart and is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook on requests",
    note = "it takes `&mut Request` and returns nothing, a `ControlFlow<reply>`, or a `Result` of \
            either; it may be `async`"
)]
pub trait RequestHook<M>: Send + Sync + 'static {
    /// Calls it.
    fn ask<'a>(&'a self, request: &'a mut Request, reply: &'a mut Reply) -> Asked<'a>;
}

/// A function that sees replies. `M` tells the kinds of function apart and is never named.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook on replies",
    note = "it takes `&mut Response` and returns nothing, or a `Result` of it; it may be `async`"
)]
pub trait ReplyHook<M>: Send + Sync + 'static {
    /// Calls it.
    fn show<'a>(&'a self, response: &'a mut Response) -> Shown<'a>;
}

impl<F, R> RequestHook<(Plain, R)> for F
where
    F: Fn(&mut Request) -> R + Send + Sync + 'static,
    R: IntoVerdict + 'static,
{
    fn ask<'a>(&'a self, request: &'a mut Request, reply: &'a mut Reply) -> Asked<'a> {
        Box::pin(async move { self(request).into_verdict(reply) })
    }
}

impl<F, R> RequestHook<(Later, R)> for F
where
    F: AsyncFn(&mut Request) -> R + Send + Sync + 'static,
    R: IntoVerdict + 'static,
{
    fn ask<'a>(&'a self, request: &'a mut Request, reply: &'a mut Reply) -> Asked<'a> {
        Box::pin(async move { self(request).await.into_verdict(reply) })
    }
}

impl<F, R> ReplyHook<(Plain, R)> for F
where
    F: Fn(&mut Response) -> R + Send + Sync + 'static,
    R: IntoShown + 'static,
{
    fn show<'a>(&'a self, response: &'a mut Response) -> Shown<'a> {
        Box::pin(async move { self(response).into_shown() })
    }
}

impl<F, R> ReplyHook<(Later, R)> for F
where
    F: AsyncFn(&mut Response) -> R + Send + Sync + 'static,
    R: IntoShown + 'static,
{
    fn show<'a>(&'a self, response: &'a mut Response) -> Shown<'a> {
        Box::pin(async move { self(response).await.into_shown() })
    }
}

/// What a hook on requests may return.
pub trait IntoVerdict {
    /// Goes on, or writes the reply.
    ///
    /// # Errors
    /// [`Failure`]: a problem is the reply, anything else a 500.
    fn into_verdict(self, reply: &mut Reply) -> Verdict;
}

impl IntoVerdict for () {
    fn into_verdict(self, _: &mut Reply) -> Verdict {
        Ok(ControlFlow::Continue(()))
    }
}

impl<T: IntoReply> IntoVerdict for ControlFlow<T> {
    fn into_verdict(self, reply: &mut Reply) -> Verdict {
        match self {
            Self::Continue(()) => Ok(ControlFlow::Continue(())),
            Self::Break(answer) => answer.into_reply(reply).map(ControlFlow::Break),
        }
    }
}

impl<T: IntoVerdict, E: Into<Failure>> IntoVerdict for Result<T, E> {
    fn into_verdict(self, reply: &mut Reply) -> Verdict {
        self.map_err(Into::into)?.into_verdict(reply)
    }
}

/// What a hook on replies may return.
pub trait IntoShown {
    /// The reply stands as the hook left it.
    ///
    /// # Errors
    /// [`Failure`]: a problem is the reply, anything else a 500.
    fn into_shown(self) -> Result<(), Failure>;
}

impl IntoShown for () {
    fn into_shown(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Failure>> IntoShown for Result<(), E> {
    fn into_shown(self) -> Result<(), Failure> {
        self.map_err(Into::into)
    }
}

/// A reply as hooks see it.
pub struct Response {
    pub(crate) reply: Reply,
    pub(crate) request: Request,
    pub(crate) error: Option<Arc<dyn Error + Send + Sync>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Response({})", self.reply.status)
    }
}

impl Response {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.reply.status
    }

    /// Replaces the status, 200 to 599.
    pub fn set_status(&mut self, status: u16) {
        self.reply.set_status(u64::from(status));
    }

    /// The first header line of this name; `None` also if it is not UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = self.reply.fields.get(name.as_bytes())?;
        std::str::from_utf8(value).ok()
    }

    /// Sets a header to one line. One that HTTP cannot carry makes the reply a 500.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.reply.fields.remove(name.as_bytes());
        self.add_header(name, value);
    }

    /// Adds a header line.
    pub fn add_header(&mut self, name: &str, value: &str) {
        self.reply.push(name.as_bytes(), value.as_bytes());
    }

    /// Removes every header line of this name.
    pub fn remove_header(&mut self, name: &str) {
        self.reply.fields.remove(name.as_bytes());
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.reply.body
    }

    /// Puts another reply in its place, whole.
    ///
    /// # Errors
    /// [`Failure`] if it cannot be sent.
    pub fn replace(&mut self, reply: impl IntoReply) -> Result<(), Failure> {
        reply.into_reply(&mut self.reply)
    }

    /// What it answers.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The handler's error, where one made it.
    #[must_use]
    pub fn error(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    /// The problem document, where it is one.
    #[must_use]
    pub fn problem(&self) -> Option<Value> {
        let is_problem = self.header("content-type") == Some("application/problem+json");
        is_problem.then(|| serde_json::from_slice(&self.reply.body).ok())?
    }
}

/// Values that the functions of one request leave each other, one per type.
#[derive(Clone, Default)]
pub(crate) struct Extensions(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl fmt::Debug for Extensions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} values", self.0.len())
    }
}

impl Extensions {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref()
    }

    fn share<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let value = self.0.get(&TypeId::of::<T>())?.clone();
        value.downcast().ok()
    }
}

/// A value that a hook has left with [`Request::insert`]. Without one the reply is a 500.
#[derive(Debug)]
pub struct Extension<T>(pub Arc<T>);

impl<T> Deref for Extension<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Extract for Extension<T> {
    fn extract(call: &Call<'_>) -> Result<Self, Failure> {
        let left = Visit::of(call.exchange).and_then(|visit| visit.extensions().share());
        left.map(Self).ok_or_else(|| {
            let name = type_name::<T>();
            Failure::new(format!("no hook has left a value of type {name}"))
        })
    }
}
