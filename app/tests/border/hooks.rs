//! Hooks as the engine sees them: when the host is entered, with what, and what its answers do.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};
use spikard_app::{App, Injection, Injector};
use spikard_contract::config::ServerConfig;
use spikard_contract::route::Placement;
use spikard_contract::status::Purpose;
use spikard_middleware::{
    Answer, Answered, CallId, Edit, Exchange, HostPort, Log, Notice, Outcome, Segment, Visit,
};

use crate::host::{Silent, take_apart};
use crate::responses::Lines;

/// What a host does in one kind of call.
type Act = Box<dyn Fn(&mut Exchange) -> Outcome>;

/// A host that notes what it is called for.
#[derive(Default)]
struct Hooked {
    called: RefCell<Vec<(Purpose, String, u16)>>,
    acts: RefCell<Vec<(Purpose, Act)>>,
    later: RefCell<Option<Vec<CallId>>>,
    cancels: Cell<usize>,
    visits: Arc<AtomicUsize>,
    begun: Cell<usize>,
}

/// Counts the exchanges that have one.
struct Guest(Arc<AtomicUsize>);

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl HostPort for Hooked {
    fn call(&self, id: CallId, segment: &Segment, _: Placement, x: &mut Exchange) -> Outcome {
        let shown = (segment.purpose, segment.route.to_string(), x.reply.status);
        self.called.borrow_mut().push(shown);
        if let Some(calls) = self.later.borrow_mut().as_mut() {
            calls.push(id);
            return Outcome::Later;
        }
        for (purpose, act) in self.acts.borrow().iter() {
            if *purpose == segment.purpose {
                return act(x);
            }
        }
        if segment.purpose == Purpose::Handler {
            x.reply.start(200, "text/plain");
            x.reply.body.extend_from_slice(x.request_id.as_bytes());
            return Outcome::Done;
        }
        Outcome::Continue
    }

    fn notify(&self, _: CallId, _: Notice) {
        self.cancels.set(self.cancels.get() + 1);
    }

    fn visit(&self) -> Option<Visit> {
        self.visits.fetch_add(1, Ordering::Relaxed);
        self.begun.set(self.begun.get() + 1);
        Some(Arc::new(Guest(self.visits.clone())))
    }
}

impl Hooked {
    fn on(self, purpose: Purpose, act: impl Fn(&mut Exchange) -> Outcome + 'static) -> Self {
        self.acts.borrow_mut().push((purpose, Box::new(act)));
        self
    }

    fn purposes(&self) -> Vec<Purpose> {
        self.called
            .borrow()
            .iter()
            .map(|(purpose, ..)| *purpose)
            .collect()
    }
}

fn injector(hooks: Value) -> Injector {
    injector_with(hooks, Arc::new(Silent))
}

fn injector_with(hooks: Value, log: Arc<dyn Log>) -> Injector {
    let mut app = App::new();
    let route = json!({ "methods": ["GET", "POST"], "path": "/a/{id:int}", "handler": 0,
        "name": "a", "parameters": [{ "name": "x_n", "source": "header",
            "schema": { "type": "integer" }, "required": false }] });
    app.add_route(serde_json::from_value(route).unwrap())
        .unwrap();
    app.set_hooks(serde_json::from_value(hooks).unwrap());
    let plan = app.lower(&ServerConfig::default()).unwrap();
    Injector::new(plan, &ServerConfig::default(), [1, 2, 3, 4], log)
}

#[test]
fn a_reply_of_a_hook_that_cannot_be_sent_is_told_by_phase_and_route() {
    let hook = json!({ "function": 1, "placement": "inline" });
    for (phase, purpose, told) in [
        ("on_request", Purpose::OnRequest, "on_request hooks"),
        (
            "pre_validation",
            Purpose::PreValidation,
            "pre_validation hooks (/a/{id:int})",
        ),
    ] {
        let log = Arc::new(Lines::default());
        let injector = injector_with(json!({ phase: hook }), log.clone());
        let host = Hooked::default().on(purpose, |x| {
            x.reply.start(42, "text/plain");
            Outcome::Done
        });
        assert_eq!(ask(&injector, &host, "/a/1").status, 500);
        let (_, line) = &log.take()[0];
        let begin = format!("{told} replied what cannot be sent, 500: the status 42");
        assert!(line.starts_with(&begin), "{line}");
    }
}

fn all() -> Injector {
    let hook = json!({ "function": 1, "placement": "inline" });
    injector(json!({ "on_request": hook, "pre_validation": hook, "on_error": hook }))
}

fn poll(injector: &Injector, host: &Hooked, injection: &mut Injection) -> Option<Vec<u8>> {
    let mut context = Context::from_waker(Waker::noop());
    match injector.poll(injection, host, &mut context) {
        Poll::Ready(reply) => Some(reply.unwrap()),
        Poll::Pending => None,
    }
}

fn ask(injector: &Injector, host: &Hooked, target: &str) -> crate::host::Answer {
    let request = format!("GET {target} HTTP/1.1\r\nhost: x\r\nx-n: 1\r\n\r\n");
    let mut injection = injector.begin(request.as_bytes());
    take_apart(&poll(injector, host, &mut injection).unwrap())
}

fn edit(x: &mut Exchange, name: &str, value: &str) -> Outcome {
    x.take_answer(&mut Answer {
        goes_on: true,
        edits: vec![Edit::Set(name.as_bytes().into(), value.as_bytes().into())],
        ..Answer::default()
    });
    if x.goes_on() {
        Outcome::Continue
    } else {
        Outcome::Done
    }
}

#[test]
fn a_success_enters_the_host_for_each_crossing_and_no_more() {
    use Purpose::{Handler, OnRequest, PreValidation};

    let (injector, host) = (all(), Hooked::default());
    assert_eq!(ask(&injector, &host, "/a/1").status, 200);
    assert_eq!(host.purposes(), [OnRequest, PreValidation, Handler]);
    let routes: Vec<String> = host
        .called
        .borrow()
        .iter()
        .map(|call| call.1.clone())
        .collect();
    assert_eq!(routes, ["", "/a/{id:int}", "/a/{id:int}"]);
    assert_eq!(
        host.visits.load(Ordering::Relaxed),
        0,
        "nothing is kept of what has ended"
    );
    let plan = injector.plan().to_string();
    let mut tables = plan.lines();
    assert!(
        tables
            .next()
            .unwrap()
            .contains(" on_request route | on_error "),
        "{plan}"
    );
    assert!(
        tables
            .next()
            .unwrap()
            .contains(" body pre_validation validate "),
        "{plan}"
    );
    assert!(tables.all(|table| table.starts_with("refused:") != table.contains("| on_error")));
}

#[test]
fn rejects_enter_the_host_only_where_a_hook_asks_for_them() {
    let without = injector(json!({}));
    assert!(!without.plan().has_hooks());
    let host = Hooked::default();
    assert_eq!(ask(&without, &host, "/none").status, 404);
    assert_eq!(host.purposes(), []);
    let hook = json!({ "function": 1 });
    let (with, host) = (injector(json!({ "on_error": hook })), Hooked::default());
    assert_eq!(ask(&with, &host, "/none").status, 404);
    assert_eq!(ask(&with, &host, "/a/x").status, 422);
    let shown = |route: &str, status| (Purpose::OnError, route.to_owned(), status);
    assert_eq!(
        *host.called.borrow(),
        [shown("", 404), shown("/a/{id:int}", 422)]
    );
}

#[test]
fn hooks_change_what_validation_reads_and_rename_the_exchange() {
    let (injector, host) = (all(), Hooked::default());
    let host = host.on(Purpose::OnRequest, |x| edit(x, "x-request-id", "renamed"));
    let answer = ask(&injector, &host, "/a/1");
    assert_eq!((answer.status, &*answer.body), (200, &b"renamed"[..]));
    assert_eq!(answer.field("x-request-id"), Some("renamed"));
    let host = Hooked::default().on(Purpose::PreValidation, |x| edit(x, "X-N", "none"));
    assert_eq!(ask(&injector, &host, "/a/1").status, 422);
    let host = Hooked::default().on(Purpose::PreValidation, |x| edit(x, "host", "y"));
    assert_eq!(ask(&injector, &host, "/a/1").status, 500);
    let told = host.purposes();
    assert_eq!(
        told.last(),
        Some(&Purpose::PreValidation),
        "no hook sees a hook's failure"
    );
}

#[test]
fn an_error_hook_may_keep_change_or_replace_the_reply_and_runs_once() {
    let (injector, host) = (all(), Hooked::default());
    assert_eq!(ask(&injector, &host, "/none").status, 404);
    let host = Hooked::default().on(Purpose::OnError, |x| {
        x.reply.start(418, "text/plain");
        Outcome::Done
    });
    assert_eq!(ask(&injector, &host, "/none").status, 418);
    let host = Hooked::default().on(Purpose::OnError, |_| Outcome::Failed);
    assert_eq!(ask(&injector, &host, "/none").status, 500);
    assert_eq!(host.purposes(), [Purpose::OnRequest, Purpose::OnError]);
    let host = Hooked::default().on(Purpose::Handler, |_| Outcome::Failed);
    assert_eq!(ask(&injector, &host, "/a/1").status, 500);
    assert_eq!(host.purposes().last(), Some(&Purpose::OnError));
    assert_eq!(host.called.borrow().last().unwrap().2, 500);
}

#[test]
fn a_replaced_reply_still_ends_the_connection() {
    let (injector, host) = (all(), Hooked::default());
    let host = host.on(Purpose::OnError, |x| {
        let mut answer = Answer::default();
        answer.reply.start(200, "text/plain");
        x.take_answer(&mut answer);
        Outcome::Done
    });
    let request = b"POST /a/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n";
    let reply = take_apart(&poll(&injector, &host, &mut injector.begin(request)).unwrap());
    assert_eq!(
        (reply.status, reply.field("connection")),
        (200, Some("close"))
    );
}

#[test]
fn a_hook_may_answer_later_and_a_late_one_is_504() {
    let (injector, host) = (all(), Hooked::default());
    *host.later.borrow_mut() = Some(Vec::new());
    let mut injection = injector.begin(b"GET /a/1 HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(poll(&injector, &host, &mut injection), None);
    let id = host.later.borrow_mut().as_mut().unwrap().pop().unwrap();
    let on = || Answer {
        goes_on: true,
        ..Answer::default()
    };
    assert!(matches!(
        injector.answer(id, on(), None),
        Answered::Delivered
    ));
    // Next are the hooks before validation, which are late; those on errors are told, and are late.
    assert_eq!(poll(&injector, &host, &mut injection), None);
    injector.set_time(30_000, 0);
    assert_eq!(poll(&injector, &host, &mut injection), None);
    assert_eq!(
        host.called.borrow().last().unwrap(),
        &(Purpose::OnError, "/a/{id:int}".into(), 504)
    );
    injector.set_time(60_000, 0);
    let reply = take_apart(&poll(&injector, &host, &mut injection).unwrap());
    assert_eq!((reply.status, host.cancels.get()), (504, 2));
    drop(injection);
    assert_eq!(
        host.visits.load(Ordering::Relaxed),
        1,
        "the host may still use it"
    );
    for id in host.later.borrow_mut().take().unwrap() {
        assert!(matches!(
            injector.answer(id, on(), None),
            Answered::Swallowed(_)
        ));
    }
    assert_eq!(
        (host.visits.load(Ordering::Relaxed), injector.in_flight()),
        (0, 0)
    );
}

#[test]
fn nothing_is_kept_of_a_client_that_leaves_between_hooks() {
    let (injector, host) = (all(), Hooked::default());
    let mut injection = injector.begin(b"GET /a/1 HTTP/1.1\r\nhost: x\r\n\r\n");
    *host.later.borrow_mut() = Some(Vec::new());
    assert_eq!(poll(&injector, &host, &mut injection), None);
    let id = host.later.borrow_mut().as_mut().unwrap().pop().unwrap();
    assert_eq!(injector.abandon(&mut injection, &host), Some(id));
    drop(injection);
    let answered = injector.answer(id, Answer::default(), None);
    assert!(matches!(answered, Answered::Swallowed(_)));
    drop(answered);
    assert_eq!(
        (host.visits.load(Ordering::Relaxed), injector.in_flight()),
        (0, 0)
    );
}

#[test]
fn a_handler_has_nothing_to_go_on_with() {
    let (injector, host) = (all(), Hooked::default());
    let host = host.on(Purpose::Handler, |_| Outcome::Continue);
    assert_eq!(ask(&injector, &host, "/a/1").status, 500);
}

#[test]
fn a_full_house_is_503_and_a_reply_without_room_for_hooks_stands() {
    let config = ServerConfig {
        max_in_flight: 1,
        ..ServerConfig::default()
    };
    let mut app = App::new();
    app.set_hooks(serde_json::from_value(json!({ "on_error": { "function": 1 } })).unwrap());
    let plan = app.lower(&config).unwrap();
    let injector = Injector::new(plan, &config, [1, 2, 3, 4], Arc::new(Silent));
    let host = Hooked::default();
    *host.later.borrow_mut() = Some(Vec::new());
    let mut first = injector.begin(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n");
    assert_eq!(poll(&injector, &host, &mut first), None);
    let mut second = injector.begin(b"GET /b HTTP/1.1\r\nhost: x\r\n\r\n");
    let reply = take_apart(&poll(&injector, &host, &mut second).unwrap());
    assert_eq!((reply.status, host.called.borrow().len()), (404, 1));
}

/// `cargo test -p spikard-app --test border crossings -- --nocapture` prints the table.
#[test]
fn crossings_per_request_are_as_few_as_there_are_waits() {
    let hook = json!({ "function": 1, "placement": "inline" });
    // Hooks around the handler run in its crossing: to the engine there are none.
    let rows = [
        ("no hooks", json!({}), "/a/1", 1),
        ("pre_handler, on_response", json!({}), "/a/1", 1),
        ("on_request", json!({ "on_request": hook }), "/a/1", 2),
        (
            "all five",
            json!({ "on_request": hook, "pre_validation": hook, "on_error": hook }),
            "/a/1",
            3,
        ),
        ("no hooks, 404", json!({}), "/none", 0),
        ("on_error, 404", json!({ "on_error": hook }), "/none", 1),
        ("on_error, 200", json!({ "on_error": hook }), "/a/1", 1),
        (
            "all five, 422",
            json!({ "on_request": hook, "pre_validation": hook, "on_error": hook }),
            "/a/x",
            3,
        ),
    ];
    for (name, hooks, target, crossings) in rows {
        let has_hooks = hooks != json!({});
        let (injector, host) = (injector(hooks), Hooked::default());
        ask(&injector, &host, target);
        let counted = host.called.borrow().len();
        println!("CROSSINGS {counted} {name}");
        assert_eq!(counted, crossings, "{name}");
        assert_eq!(injector.plan().has_hooks(), has_hooks, "{name}");
    }
}
