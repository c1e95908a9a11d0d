//! Calls in which hooks run: one future per crossing, which becomes an answer.
//!
//! What a handler needs of its exchange is taken out of it first, because the exchange stays with
//! the engine while the hooks wait.

use std::error::Error;
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use spikard_contract::problem::INTERNAL_SERVER_ERROR;
use spikard_contract::status::Purpose;
use spikard_middleware::{Answer, Exchange, Level, Problem, Record, Subject};
use spikard_proto_http::sabotage;

use crate::extract::Call;
use crate::failure::{Cause, Failure, causes, chain};
use crate::handler::Started;
use crate::hooks::{AnyReplyHook, AnyRequestHook, Extensions, Placed, Response};
use crate::port::{Service, guard};
use crate::reply::Reply;
use crate::request::Request;

/// What is kept of one exchange between its calls.
#[derive(Default)]
pub(crate) struct Visit(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    extensions: Extensions,
    error: Option<Arc<dyn Error + Send + Sync>>,
}

impl Visit {
    /// That of an exchange, in an application with hooks.
    pub(crate) fn of(x: &Exchange) -> Option<&Self> {
        Self::of_any(&x.visit)
    }

    /// That of something kept with an exchange.
    pub(crate) fn of_any(visit: &Option<spikard_middleware::Visit>) -> Option<&Self> {
        visit.as_ref()?.downcast_ref()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn extensions(&self) -> Extensions {
        self.lock().extensions.clone()
    }

    fn keep(&self, extensions: &Extensions) {
        self.lock().extensions = extensions.clone();
    }

    pub(crate) fn keep_error(&self, error: Arc<dyn Error + Send + Sync>) {
        self.lock().error = Some(error);
    }

    fn error(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.lock().error.clone()
    }
}

/// A call in which hooks run, on its way to its answer.
pub(crate) type Hooked = Pin<Box<dyn Future<Output = Answer>>>;

/// What a call takes out of its exchange. It can go to another thread.
pub(crate) struct Taken {
    service: Arc<Service>,
    purpose: Purpose,
    function: usize,
    route: Arc<str>,
    x: Box<Exchange>,
}

impl Taken {
    pub(crate) fn out_of(
        x: &mut Exchange,
        service: &Arc<Service>,
        purpose: Purpose,
        function: usize,
        route: Arc<str>,
    ) -> Self {
        let mut own = Exchange::new();
        // Where the engine stops for handlers only, it asks for none.
        x.visit.get_or_insert_with(|| Arc::new(Visit::default()));
        own.head = x.head.clone();
        own.request_id = x.request_id.clone();
        own.client = x.client;
        own.scheme = x.scheme;
        // Not taken: hooks on errors read them behind the handler.
        own.claims = x.claims.clone();
        own.visit = x.visit.clone();
        match purpose {
            Purpose::Handler => {
                own.body = std::mem::take(&mut x.body);
                own.outline = std::mem::take(&mut x.outline);
                own.arguments = std::mem::take(&mut x.arguments);
                own.uploads = std::mem::take(&mut x.uploads);
            }
            Purpose::OnError => {
                own.reply = std::mem::take(&mut x.reply);
                // The engine sees to it, whatever becomes of the reply.
                x.reply.close = own.reply.close;
            }
            Purpose::OnRequest | Purpose::PreValidation => {}
        }
        Self {
            service: service.clone(),
            purpose,
            function,
            route,
            x: Box::new(own),
        }
    }

    /// The number of the handler, or of the hooks.
    pub(crate) fn function(&self) -> usize {
        self.function
    }

    /// Runs the functions.
    pub(crate) async fn run(mut self) -> Answer {
        let mut request = Request::copy(&self.x, &self.route, &self.service.states);
        let mut answer = Answer::default();
        let ran = self.steps(&mut request, &mut answer).await;
        answer.edits = std::mem::take(&mut request.edits);
        if let Some(visit) = Visit::of(&self.x) {
            visit.keep(&request.extensions);
        }
        if let Err(failed) = ran {
            self.service
                .fail_hook(self.function, failed, &request, &mut answer);
        }
        answer
    }

    async fn steps(&mut self, request: &mut Request, answer: &mut Answer) -> Result<(), Failed> {
        let service = self.service.clone();
        let hooks = &service.around(self.function).hooks;
        let asked = match self.purpose {
            Purpose::OnRequest => &hooks.on_request,
            Purpose::PreValidation => &hooks.pre_validation,
            Purpose::Handler if sabotage::is_off("hooks/pre_handler") => &Vec::new(),
            Purpose::Handler => &hooks.pre_handler,
            Purpose::OnError => {
                answer.reply = std::mem::take(&mut self.x.reply);
                return self.show(&hooks.on_error, request, &mut answer.reply).await;
            }
        };
        let is_answered = ask(asked, request, &mut answer.reply).await?;
        if !is_answered && self.purpose != Purpose::Handler {
            answer.goes_on = true;
            return Ok(());
        }
        if !is_answered {
            self.handle(request, &mut answer.reply).await;
        }
        if !answer.reply.is_failure && !sabotage::is_off("hooks/on_response") {
            self.show(&hooks.on_response, request, &mut answer.reply)
                .await?;
        }
        Ok(())
    }

    /// Calls the handler with what the hooks before it have left.
    async fn handle(&mut self, request: &mut Request, reply: &mut Reply) {
        // What cannot be changed is refused by the engine, when it is told of it.
        self.x.take_answer(&mut Answer {
            goes_on: true,
            edits: request.edits.clone(),
            ..Answer::default()
        });
        if let Some(visit) = Visit::of(&self.x) {
            visit.keep(&request.extensions);
        }
        let service = &self.service;
        let route = &service.routes[self.function];
        let call = Call {
            exchange: &self.x,
            route: &route.facts,
            states: &service.states,
        };
        let started = guard(|| route.endpoint.start_with(&call, reply));
        let result = match started {
            Ok(Started::Replied(result)) => result,
            Ok(Started::Suspended(mut future)) => {
                poll_fn(|cx| {
                    guard(|| future.as_mut().poll_reply(cx, reply))
                        .unwrap_or_else(|failure| Poll::Ready(Err(failure)))
                })
                .await
            }
            Err(failure) => Err(failure),
        };
        let visit = Visit::of(&self.x);
        service.settle(self.function, &self.x.request_id, result, reply, visit);
    }

    /// Shows a reply to hooks, in order.
    async fn show(
        &self,
        hooks: &[Placed<dyn AnyReplyHook>],
        request: &Request,
        reply: &mut Reply,
    ) -> Result<(), Failed> {
        if hooks.is_empty() {
            return Ok(());
        }
        let mut response = Response {
            reply: std::mem::take(reply),
            request: request.clone(),
            error: Visit::of(&self.x).and_then(Visit::error),
        };
        for placed in hooks {
            let mut shown = placed.hook.call(&mut response);
            let ran = guarded(&mut shown).await;
            ran.map_err(|failure| Failed(failure, placed.location))?;
        }
        *reply = response.reply;
        Ok(())
    }
}

/// A hook that failed, and where it was registered.
pub(crate) struct Failed(Failure, &'static std::panic::Location<'static>);

/// Shows a request to hooks, in order. True if one has answered.
async fn ask(
    hooks: &[Placed<dyn AnyRequestHook>],
    request: &mut Request,
    reply: &mut Reply,
) -> Result<bool, Failed> {
    for placed in hooks {
        let mut asked = placed.hook.call(request, reply);
        let verdict = guarded(&mut asked).await;
        match verdict.map_err(|failure| Failed(failure, placed.location))? {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(()) => return Ok(true),
        }
    }
    Ok(false)
}

/// Polls a hook; a panic is a failure of it.
async fn guarded<T>(
    hook: &mut Pin<Box<dyn Future<Output = Result<T, Failure>> + '_>>,
) -> Result<T, Failure> {
    poll_fn(|cx| {
        guard(|| hook.as_mut().poll(cx)).unwrap_or_else(|failure| Poll::Ready(Err(failure)))
    })
    .await
}

impl Service {
    /// Answers for a hook that failed: its problem, which hooks on errors see, or a plain 500.
    fn fail_hook(&self, function: usize, failed: Failed, request: &Request, answer: &mut Answer) {
        let Failed(Failure(cause), location) = failed;
        answer.goes_on = false;
        answer.reply.clear();
        let (reason, trace) = match self.mapped(function, cause) {
            Cause::Problem(problem) => return problem.write(&mut answer.reply),
            Cause::Accident(reason) => (reason.clone(), reason),
            Cause::Error(error) => (chain(&*error), causes(&*error)),
        };
        let reason = reason.replace(['\n', '\r'], " ");
        let id = request.request_id();
        let message = format!("the hook at {location} failed: {reason} [{id}]");
        self.log.record(&Record {
            level: Level::Error,
            message: &message,
            subject: Subject {
                request_id: Some(id).filter(|id| !id.is_empty()),
                method: Some(request.method()),
                path: Some(request.path()),
                route: Some(request.route()).filter(|route| !route.is_empty()),
            },
            trace: Some(&trace),
        });
        answer.ends_hooks = true;
        Problem::of(&INTERNAL_SERVER_ERROR).write(&mut answer.reply);
    }
}
