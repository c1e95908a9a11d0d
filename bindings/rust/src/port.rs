//! The door between the engine and handlers: calls them in place, keeps those that wait.
//!
//! One port per worker, on its thread. A future is polled once when it is called, and again inside
//! a turn whenever its waker was woken, from whatever thread. A panic costs one request a 500.
//! Knows nothing of sockets; the same port serves a worker and an in-process client.

use std::any::Any;
use std::cell::{OnceCell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use spikard_contract::config::ServerConfig;
use spikard_contract::problem::{INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE};
use spikard_contract::route::Placement;
use spikard_contract::status::Purpose;
use spikard_middleware::request_id::RequestId;
use spikard_middleware::{
    Answer, CallId, Exchange, HostPort, Level, Log, Notice, Outcome, Problem, Record, Reply,
    Segment, Subject,
};

use crate::extract::{RouteFacts, States};
use crate::failure::{Accident, Cause, Failure, causes, chain};
use crate::handler::{Endpoint, Started, Suspended, wait_here};
use crate::hooked::{Hooked, Taken, Visit};
use crate::link::{Link, PlaceWaker};
use crate::pool::{Admission, Pool};
use crate::scope::{Functions, NUMBERS};

/// What all workers of one server share.
pub(crate) struct Service {
    pub(crate) routes: Vec<ServedRoute>,
    pub(crate) states: States,
    /// By place: first those of the application, then those of its groups.
    pub(crate) functions: Vec<Functions>,
    pub(crate) log: Arc<dyn Log>,
}

pub(crate) struct ServedRoute {
    pub(crate) facts: RouteFacts,
    pub(crate) endpoint: Box<dyn Endpoint>,
    /// Where the functions around it are.
    pub(crate) place: usize,
}

/// See the module's documentation.
pub(crate) struct Port {
    service: Arc<Service>,
    link: Arc<Link>,
    places: RefCell<Vec<Place>>,
    pool: OnceCell<Pool>,
    threads_max: usize,
    queue_timeout: Duration,
}

/// Where one suspended call is kept: the place with the number of its slot.
struct Place {
    waker: Waker,
    pending: Option<Pending>,
}

struct Pending {
    id: CallId,
    work: Work,
    function: usize,
    request_id: RequestId,
    visit: Option<spikard_middleware::Visit>,
}

/// What is polled until there is an answer.
enum Work {
    /// A handler's future.
    Reply(Pin<Box<dyn Suspended>>),
    /// That of a call in which hooks run.
    Hooked(Hooked),
}

impl Port {
    pub(crate) fn new(service: Arc<Service>, link: Arc<Link>, config: &ServerConfig) -> Self {
        Self {
            service,
            link,
            places: RefCell::default(),
            pool: OnceCell::new(),
            threads_max: config.blocking_threads as usize,
            queue_timeout: config.queue_timeout,
        }
    }

    /// The places of suspended calls are numbered as their slots are: few, and used again.
    fn place(id: CallId) -> usize {
        (id.raw() & 0xffff_ffff) as usize
    }

    fn waker(&self, place: usize) -> Waker {
        let mut places = self.places.borrow_mut();
        while places.len() <= place {
            let waker = PlaceWaker::make(&self.link, places.len());
            places.push(Place {
                waker,
                pending: None,
            });
        }
        places[place].waker.clone()
    }

    fn call_inline(&self, id: CallId, function: usize, x: &mut Exchange) -> Outcome {
        let route = &self.service.routes[function];
        let started = guard(|| route.endpoint.start(x, &route.facts, &self.service.states));
        let result = match started {
            Ok(Started::Replied(result)) => result,
            Ok(Started::Suspended(future)) => match self.begin(id, function, future, x) {
                Poll::Ready(result) => result,
                Poll::Pending => {
                    x.forget_outline();
                    return Outcome::Later;
                }
            },
            Err(failure) => Err(failure),
        };
        self.service.settle(
            function,
            &x.request_id,
            result,
            &mut x.reply,
            Visit::of_any(&x.visit),
        );
        Outcome::Done
    }

    /// Makes a call in which hooks run, here and now, as far as it goes without waiting.
    fn call_hooked(&self, id: CallId, taken: Taken, x: &mut Exchange) -> Outcome {
        let function = taken.function();
        let mut future: Hooked = Box::pin(taken.run());
        let place = Self::place(id);
        let waker = self.waker(place);
        match poll_hooked(&mut future, &waker) {
            Poll::Ready(mut answer) => {
                x.take_answer(&mut answer);
                match x.goes_on() {
                    true => Outcome::Continue,
                    false => Outcome::Done,
                }
            }
            Poll::Pending => {
                self.places.borrow_mut()[place].pending = Some(Pending {
                    id,
                    work: Work::Hooked(future),
                    function,
                    request_id: x.request_id.clone(),
                    visit: None,
                });
                Outcome::Later
            }
        }
    }

    /// What a call of hooks, or of a handler among hooks, takes out of its exchange.
    fn taken(&self, segment: &Segment, x: &mut Exchange) -> Option<Taken> {
        let function = segment.function as usize;
        let route: Arc<str> = match segment.purpose {
            Purpose::Handler if !self.service.around(function).hooks.surround() => return None,
            Purpose::Handler => self.service.routes[function].facts.pattern.clone(),
            _ => (&*segment.route).into(),
        };
        Some(Taken::out_of(
            x,
            &self.service,
            segment.purpose,
            function,
            route,
        ))
    }

    /// Polls a future for the first time, and keeps it if it waits.
    fn begin(
        &self,
        id: CallId,
        function: usize,
        mut future: Pin<Box<dyn Suspended>>,
        x: &mut Exchange,
    ) -> Poll<Result<(), Failure>> {
        let place = Self::place(id);
        let polled = poll(&mut future, &self.waker(place), &mut x.reply);
        let pending = Pending {
            id,
            work: Work::Reply(future),
            function,
            request_id: x.request_id.clone(),
            visit: x.visit.clone(),
        };
        match polled {
            Poll::Pending => self.places.borrow_mut()[place].pending = Some(pending),
            Poll::Ready(_) => self.discard(pending),
        }
        polled
    }

    fn call_on_pool(&self, id: CallId, function: usize, x: &mut Exchange) -> Outcome {
        let route = &self.service.routes[function];
        let visit = x.visit.clone();
        let job = guard(|| route.endpoint.job(x, &route.facts, &self.service.states));
        x.forget_outline();
        let job = match job.and_then(|job| job) {
            Ok(job) => job,
            Err(failure) => {
                self.service.settle(
                    function,
                    &x.request_id,
                    Err(failure),
                    &mut x.reply,
                    Visit::of_any(&visit),
                );
                return Outcome::Done;
            }
        };
        let (link, service) = (self.link.clone(), self.service.clone());
        let request_id = x.request_id.clone();
        let pool = self
            .pool
            .get_or_init(|| Pool::new(self.threads_max, self.queue_timeout));
        pool.submit(Box::new(move |admission| {
            let mut reply = Reply::new();
            match admission {
                Admission::Run => {
                    let result = guard(|| job(&mut reply)).and_then(|result| result);
                    let visit = Visit::of_any(&visit);
                    service.settle(function, &request_id, result, &mut reply, visit);
                }
                Admission::Refused => refuse(&mut reply),
            }
            link.answer(id, reply);
        }));
        Outcome::Later
    }

    /// Makes a call in which hooks run on a thread of the pool.
    fn submit_hooked(&self, id: CallId, taken: Taken) -> Outcome {
        let link = self.link.clone();
        let pool = self
            .pool
            .get_or_init(|| Pool::new(self.threads_max, self.queue_timeout));
        pool.submit(Box::new(move |admission| {
            let answer = match admission {
                Admission::Run => {
                    let mut future: Hooked = Box::pin(taken.run());
                    wait_here(|context| poll_hooked(&mut future, context.waker()))
                }
                Admission::Refused => {
                    let mut answer = Answer::default();
                    refuse(&mut answer.reply);
                    answer
                }
            };
            link.answer(id, answer);
        }));
        Outcome::Later
    }

    /// Polls the future in `place`, if there is one, and answers once it is ready.
    fn go_on(&self, place: usize) {
        let (waker, pending) = {
            let mut places = self.places.borrow_mut();
            let place = &mut places[place];
            (place.waker.clone(), place.pending.take())
        };
        let Some(mut pending) = pending else { return };
        let mut reply = Reply::new();
        let polled = match &mut pending.work {
            Work::Hooked(future) => poll_hooked(future, &waker),
            Work::Reply(future) => poll(future, &waker, &mut reply).map(|result| {
                let (function, request_id) = (pending.function, &pending.request_id);
                let visit = Visit::of_any(&pending.visit);
                self.service
                    .settle(function, request_id, result, &mut reply, visit);
                Answer::from(reply)
            }),
        };
        match polled {
            Poll::Pending => self.places.borrow_mut()[place].pending = Some(pending),
            Poll::Ready(answer) => {
                self.link.answer(pending.id, answer);
                self.discard(pending);
            }
        }
    }

    /// Drops the future of a call that nobody waits for. The answer is owed all the same.
    fn cancel(&self, id: CallId) {
        let pending = {
            let mut places = self.places.borrow_mut();
            let place = places.get_mut(Self::place(id));
            place.and_then(|place| place.pending.take_if(|pending| pending.id == id))
        };
        if let Some(pending) = pending {
            self.discard(pending);
            self.link.answer(id, Reply::new());
        }
    }

    /// Drops a future; a panic in a destructor must not reach the worker.
    fn discard(&self, pending: Pending) {
        let Pending {
            work,
            function,
            request_id,
            ..
        } = pending;
        if let Err(Failure(Cause::Accident(reason))) = guard(|| drop(work)) {
            self.service.say(function, &request_id, &reason, &reason);
        }
    }
}

impl HostPort for Port {
    fn call(
        &self,
        id: CallId,
        segment: &Segment,
        placement: Placement,
        x: &mut Exchange,
    ) -> Outcome {
        let function = segment.function as usize;
        if let Some(taken) = self.taken(segment, x) {
            return match placement {
                Placement::Pool => self.submit_hooked(id, taken),
                Placement::Inline | Placement::Proven => self.call_hooked(id, taken, x),
            };
        }
        match placement {
            Placement::Pool => self.call_on_pool(id, function, x),
            Placement::Inline | Placement::Proven => self.call_inline(id, function, x),
        }
    }

    fn visit(&self) -> Option<spikard_middleware::Visit> {
        Some(Arc::new(Visit::default()))
    }

    fn notify(&self, id: CallId, notice: Notice) {
        match notice {
            Notice::Cancel => self.cancel(id),
            // The client may still read the reply.
            Notice::Disconnect => {}
        }
    }

    fn woken(&self) {
        let mut places = Vec::new();
        self.link.take_woken(&mut places);
        for place in places {
            self.go_on(place);
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        let places = std::mem::take(self.places.get_mut());
        for pending in places.into_iter().filter_map(|place| place.pending) {
            self.discard(pending);
        }
    }
}

impl Service {
    /// The functions around a handler, or those that a number of hooks stands for.
    pub(crate) fn around(&self, function: usize) -> &Functions {
        let place = match self.routes.get(function) {
            Some(route) => route.place,
            None => (function - self.routes.len()) / NUMBERS,
        };
        &self.functions[place]
    }

    /// Makes a failure the reply, and says in the log what the client is not told.
    pub(crate) fn settle(
        &self,
        function: usize,
        request_id: &RequestId,
        result: Result<(), Failure>,
        reply: &mut Reply,
        visit: Option<&Visit>,
    ) {
        let Err(Failure(cause)) = result else { return };
        if let Some(visit) = visit {
            match &cause {
                Cause::Error(error) => visit.keep_error(error.clone()),
                Cause::Accident(reason) => visit.keep_error(Arc::new(Accident(reason.clone()))),
                Cause::Problem(_) => {}
            }
        }
        let cause = self.mapped(function, cause);
        let (reason, trace) = match cause {
            Cause::Accident(reason) => (reason.clone(), reason),
            Cause::Error(error) => (chain(&*error), causes(&*error)),
            Cause::Problem(problem) => return problem.write(reply),
        };
        self.say(function, request_id, &reason, &trace);
        Problem::of(&INTERNAL_SERVER_ERROR).write(reply);
        reply.trace = Some(trace.into());
    }

    /// An error that the application tells clients of becomes that problem. What says so is user
    /// code, so a panic in it is an accident.
    pub(crate) fn mapped(&self, function: usize, cause: Cause) -> Cause {
        let Cause::Error(error) = cause else {
            return cause;
        };
        match guard(|| self.around(function).mappers.problem(&*error)) {
            Ok(Some(problem)) => Cause::Problem(problem),
            Ok(None) => Cause::Error(error),
            Err(Failure(accident)) => accident,
        }
    }

    fn say(&self, function: usize, request_id: &RequestId, reason: &str, trace: &str) {
        let reason = reason.replace(['\n', '\r'], " ");
        let id = String::from_utf8_lossy(request_id.as_bytes());
        let facts = self.routes.get(function).map(|route| &route.facts);
        let message = match facts {
            Some(facts) => format!("{} ({}) failed: {reason} [{id}]", facts.name, facts.pattern),
            None => format!("hooks failed: {reason} [{id}]"),
        };
        self.log.record(&Record {
            level: Level::Error,
            message: &message,
            subject: Subject {
                request_id: Some(&*id).filter(|id| !id.is_empty()),
                route: facts.map(|facts| &*facts.pattern),
                ..Subject::default()
            },
            trace: Some(trace),
        });
    }
}

/// Polls a handler's future; a panic makes it ready with an accident.
fn poll(
    future: &mut Pin<Box<dyn Suspended>>,
    waker: &Waker,
    reply: &mut Reply,
) -> Poll<Result<(), Failure>> {
    let mut context = Context::from_waker(waker);
    guard(|| future.as_mut().poll_reply(&mut context, reply))
        .unwrap_or_else(|failure| Poll::Ready(Err(failure)))
}

/// Polls a call in which hooks run. What may panic in it is guarded inside.
fn poll_hooked(future: &mut Hooked, waker: &Waker) -> Poll<Answer> {
    let mut context = Context::from_waker(waker);
    guard(|| future.as_mut().poll(&mut context)).unwrap_or_else(|_| {
        let mut answer = Answer::default();
        Problem::of(&INTERNAL_SERVER_ERROR).write(&mut answer.reply);
        answer.ends_hooks = true;
        Poll::Ready(answer)
    })
}

/// Runs user code; a panic becomes an accident with its message.
pub(crate) fn guard<T>(run: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = panic_text(&*payload).to_owned();
        // A payload may panic as it is dropped, so it is not.
        std::mem::forget(payload);
        Failure::new(format!("panicked: {text}"))
    })
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "(no text)"
    }
}

/// The 503 of a call that found no thread in time.
fn refuse(reply: &mut Reply) {
    let detail = "No thread became free in time (settings: blocking_threads, queue_timeout)";
    Problem::of(&SERVICE_UNAVAILABLE)
        .with_detail(detail)
        .write(reply);
    // A literal field is valid.
    let pushed = reply.fields.push(b"retry-after", b"1");
    debug_assert!(pushed.is_ok());
}
