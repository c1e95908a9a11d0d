//! A worker without sockets: many injected requests at once, answered from any thread.
//!
//! Test clients and places without sockets stand on it. It is to an [`Injector`] what a socket
//! worker is to its connections: it keeps those under way, and a queue for late answers.
//! Knows no clocks: time is told at each turn.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use spikard_contract::config::ServerConfig;
use spikard_middleware::log::Log;
use spikard_middleware::{Answer, CallId, HostPort, Ledger, Plan, PoolRun};

use crate::inject::{Injection, Injector};

/// A worker without sockets. See the module's documentation.
pub struct InProcess {
    injector: Injector,
    port: Box<dyn HostPort>,
    under_way: RefCell<Vec<(u64, Injection)>>,
    answers: Arc<Queue>,
}

/// Answers calls of an [`InProcess`], from any thread.
#[derive(Debug, Clone)]
pub struct InProcessHandle {
    answers: Arc<Queue>,
    ledger: Arc<Ledger>,
}

/// One late answer.
type Late = (CallId, Answer, Option<PoolRun>);

#[derive(Debug, Default)]
struct Queue(Mutex<Vec<Late>>);

impl InProcess {
    /// A worker that runs requests through `plan`, under the limits of `config`. `seed` makes the
    /// random ids.
    #[must_use]
    pub fn new(
        plan: Plan,
        config: &ServerConfig,
        seed: [u64; 4],
        port: Box<dyn HostPort>,
        log: Arc<dyn Log>,
    ) -> Self {
        Self {
            injector: Injector::new(plan, config, seed, log),
            port,
            under_way: RefCell::default(),
            answers: Arc::default(),
        }
    }

    /// A handle for answers.
    #[must_use]
    pub fn handle(&self) -> InProcessHandle {
        InProcessHandle {
            answers: self.answers.clone(),
            ledger: self.injector.ledger(),
        }
    }

    /// Takes a whole request; the next turn begins it.
    pub fn begin(&self, token: u64, request: &[u8]) {
        let injection = self.injector.begin(request);
        self.under_way.borrow_mut().push((token, injection));
    }

    /// Goes on with all requests as far as possible at this time: monotonic milliseconds, and
    /// seconds since 1970. Returns the replies that are complete, by token. A request that was not
    /// whole ends with what was answered so far.
    pub fn turn(&self, now_ms: u64, unix_s: u64) -> Vec<(u64, Vec<u8>)> {
        self.injector.set_time(now_ms, unix_s);
        let mut done = Vec::new();
        loop {
            let answered = self.deliver();
            // Taken out: host code that runs inside may begin another request.
            let mut under_way = self.under_way.take();
            let began = under_way.len();
            under_way.retain_mut(|(token, injection)| {
                let mut context = Context::from_waker(Waker::noop());
                match self.injector.poll(injection, &*self.port, &mut context) {
                    Poll::Pending => true,
                    Poll::Ready(reply) => {
                        done.push((*token, reply.unwrap_or_else(|truncated| truncated.reply)));
                        false
                    }
                }
            });
            let ended = under_way.len() < began;
            let mut fresh = self.under_way.borrow_mut();
            let idle = fresh.is_empty() && !ended && !answered;
            under_way.append(&mut fresh);
            *fresh = under_way;
            if idle {
                return done;
            }
        }
    }

    /// The earliest deadline of a call at the host, on the clock of [`InProcess::turn`].
    #[must_use]
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let under_way = self.under_way.borrow();
        let deadlines = under_way
            .iter()
            .filter_map(|(_, injection)| self.injector.deadline_ms(injection, &*self.port));
        deadlines.min()
    }

    /// Calls at the host, orphans included.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.injector.in_flight()
    }

    /// Acts on all late answers. Returns whether there were any.
    fn deliver(&self) -> bool {
        let answers = std::mem::take(&mut *self.answers.lock());
        let any = !answers.is_empty();
        for (id, answer, run) in answers {
            self.injector.answer(id, answer, run);
        }
        any
    }
}

impl InProcessHandle {
    /// Queues an answer whose claim was won in [`InProcessHandle::ledger`]; the next turn delivers
    /// it.
    pub fn answer(&self, id: CallId, answer: impl Into<Answer>, run: Option<PoolRun>) {
        self.answers.lock().push((id, answer.into(), run));
    }

    /// Which calls are unanswered.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Queue {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Late>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
