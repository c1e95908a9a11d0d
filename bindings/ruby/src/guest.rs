//! The worker's host in Ruby: receives calls and has them run, on a fiber in place or by the pool.
//!
//! User code never runs on the fiber of the turn: a yield there would freeze the worker. Whatever
//! leaves a fiber that is no plain exception (a thread that is killed, a `throw` across) is kept
//! until the turn has unwound, and raised there.

use std::{
    io::Write,
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
};

use magnus::{
    Error, Fiber, IntoValue, RArray, RHash, Ruby, Value,
    error::{ErrorType, OpaqueError},
    prelude::*,
    typed_data::Obj,
    value::Opaque,
};
use spikard_host::{Call, Host, Level, Outcome, Port, Purpose};

use crate::{convert::binary, request::Request, usher::Usher};

/// One of the application's functions, as the worker needs it.
pub(crate) struct Function {
    /// The Ruby half's object, which has `run(id, request, made)`.
    pub(crate) callee: Opaque<Value>,
    /// Whether it waits by yielding its fiber.
    pub(crate) is_async: bool,
}

/// Ruby objects that live as long as the worker.
pub(crate) struct Kept {
    pub(crate) functions: Vec<Function>,
    /// The Ruby half's: runs calls on the pool, makes fibers, takes replies.
    pub(crate) dispatcher: Opaque<Value>,
    /// Fibers that wait for a call: blocking ones, and those that may yield.
    pub(crate) idle: Opaque<RArray>,
    pub(crate) idle_async: Opaque<RArray>,
    /// Requests of exchanges that are not over, by their numbers, where hooks need them.
    pub(crate) visits: Opaque<RHash>,
    /// Whether functions that yield are started after the turn: a scheduler that is not ours may
    /// leave the fiber it is called on.
    pub(crate) defers: bool,
}

/// News for the Ruby half: a log line, or a turn that takes too long.
pub(crate) struct Notice {
    pub(crate) level: u32,
    pub(crate) message: String,
    pub(crate) is_stall: bool,
}

/// See the module's documentation.
pub(crate) struct Guest {
    me: Weak<Self>,
    owner: ThreadId,
    port: OnceLock<Port>,
    pub(crate) kept: Kept,
    /// The call that runs in place, and whether it has its answer.
    current: AtomicU64,
    is_answered: AtomicBool,
    /// Whether something waits for the Ruby half, or for another turn.
    wants: AtomicBool,
    notices: Mutex<Vec<Notice>>,
    /// Written where the worker's thread must be woken.
    bell: UnixStream,
    failed: Mutex<Option<OpaqueError>>,
    pub(crate) usher: Arc<Usher>,
}

impl Guest {
    pub(crate) fn new(kept: Kept, bell: UnixStream) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: me.clone(),
            owner: thread::current().id(),
            port: OnceLock::new(),
            kept,
            current: AtomicU64::new(u64::MAX),
            is_answered: AtomicBool::new(false),
            wants: AtomicBool::new(false),
            notices: Mutex::default(),
            bell,
            failed: Mutex::default(),
            usher: Usher::new(),
        })
    }

    /// Completes the guest once its worker exists.
    pub(crate) fn attach(&self, port: Port) {
        let _ = self.port.set(port);
    }

    pub(crate) fn port(&self) -> Option<&Port> {
        self.port.get()
    }

    /// A call has its answer: if it is the one that runs in place, the engine need not wait.
    pub(crate) fn answered(&self, id: u64) {
        if self.current.load(Ordering::Relaxed) == id {
            self.is_answered.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something waits for the Ruby half or a turn; not any more from now on.
    pub(crate) fn take_wants(&self) -> bool {
        self.wants.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut *lock(&self.notices))
    }

    /// What is to be raised now that the turn has unwound.
    pub(crate) fn take_failed(&self) -> Option<OpaqueError> {
        lock(&self.failed).take()
    }

    fn keep_failed(&self, error: Error) {
        lock(&self.failed).get_or_insert_with(|| error.into());
    }

    fn notify(&self, notice: Notice) {
        lock(&self.notices).push(notice);
        self.want();
    }

    /// Has the worker's thread look; from another thread it is woken.
    pub(crate) fn want(&self) {
        self.wants.store(true, Ordering::Release);
        if self.kept.defers || thread::current().id() != self.owner {
            // The bell does not block; a full one has rung already.
            let _ = (&self.bell).write(&[1]);
        }
    }

    fn dispatch(&self, ruby: &Ruby, call: &Call<'_>) -> Result<Outcome, Error> {
        let kept = &self.kept;
        // The engine only knows the numbers that it was given.
        let function = &kept.functions[call.function() as usize];
        let callee = ruby.get_inner(function.callee);
        let request = self.request_of(ruby, call, callee)?;
        let made = match call.purpose() {
            Purpose::OnError => made(ruby, call)?,
            _ => ruby.qnil().as_value(),
        };
        let arguments = (callee, call.id(), request, made);
        let is_deferred = kept.defers && function.is_async;
        if is_deferred || call.is_for_pool() && !function.is_async {
            let dispatcher = ruby.get_inner(kept.dispatcher);
            let name = if is_deferred { "defer" } else { "queue" };
            self.wants.fetch_or(is_deferred, Ordering::AcqRel);
            let is_taken: bool = dispatcher.funcall(name, arguments)?;
            if is_taken && !is_deferred {
                self.usher.began();
            }
            return Ok(if is_taken {
                Outcome::Later
            } else {
                Outcome::Failed
            });
        }
        let idle = ruby.get_inner(match function.is_async {
            true => kept.idle_async,
            false => kept.idle,
        });
        let fiber = match idle.pop::<Option<Fiber>>()? {
            Some(fiber) => fiber,
            None => ruby
                .get_inner(kept.dispatcher)
                .funcall("fiber", (function.is_async,))?,
        };
        self.is_answered.store(false, Ordering::Relaxed);
        self.current.store(call.id(), Ordering::Relaxed);
        let resumed = fiber.resume::<_, Value>(arguments);
        self.current.store(u64::MAX, Ordering::Relaxed);
        let is_answered = self.is_answered.load(Ordering::Relaxed);
        match (resumed, is_answered) {
            (Ok(_), true) => Ok(Outcome::Done),
            // It has yielded; whoever resumes it lets it answer.
            (Ok(_), false) => Ok(Outcome::Later),
            (Err(error), is_answered) => {
                self.keep_failed(error);
                Ok(if is_answered {
                    Outcome::Done
                } else {
                    Outcome::Failed
                })
            }
        }
    }

    /// The call's request, which is the same for all calls of an exchange with hooks.
    fn request_of(
        &self,
        ruby: &Ruby,
        call: &Call<'_>,
        callee: Value,
    ) -> Result<Obj<Request>, Error> {
        let guest = || {
            let gone = || Error::new(ruby.exception_runtime_error(), "the worker has ended");
            self.me.upgrade().ok_or_else(gone)
        };
        let exchange = call.exchange();
        if exchange == 0 {
            return Request::of(ruby, guest()?, call, callee);
        }
        let visits = ruby.get_inner(self.kept.visits);
        if let Some(known) = visits.lookup::<_, Option<Obj<Request>>>(exchange)? {
            known.refresh(ruby, call, callee)?;
            return Ok(known);
        }
        let request = Request::of(ruby, guest()?, call, callee)?;
        visits.aset(exchange, request)?;
        Ok(request)
    }
}

/// A reply that a failure made: status, fields and body.
fn made(ruby: &Ruby, call: &Call<'_>) -> Result<Value, Error> {
    let made = call.made();
    let fields = ruby.ary_new();
    for (name, value) in made.fields() {
        let pair = [name, value].map(|bytes| crate::convert::text(ruby, bytes));
        fields.push(ruby.ary_new_from_values(&pair))?;
    }
    let body = binary(ruby, made.body);
    Ok((made.status, fields, body).into_value_with(ruby))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Host for Guest {
    fn call(&self, call: Call<'_>) -> Outcome {
        let Ok(ruby) = Ruby::get() else {
            return Outcome::Failed;
        };
        self.dispatch(&ruby, &call).unwrap_or_else(|error| {
            match error.error_type() {
                ErrorType::Jump(_) => self.keep_failed(error),
                _ => self.log(Level::Error, &format!("a call could not be made: {error}")),
            }
            Outcome::Failed
        })
    }

    /// The reply is still written (`nc -N` is a legitimate client), so the handler goes on.
    fn disconnected(&self, _: u64) {}

    fn cancelled(&self, id: u64) {
        let Ok(ruby) = Ruby::get() else { return };
        let dispatcher = ruby.get_inner(self.kept.dispatcher);
        self.wants.store(true, Ordering::Release);
        if let Err(error) = dispatcher.funcall::<_, _, Value>("cancel", (id,)) {
            self.keep_failed(error);
        }
    }

    fn ended(&self, exchange: u64) {
        let Ok(ruby) = Ruby::get() else { return };
        // A hash with numbers as keys runs no Ruby code.
        let _ = ruby
            .get_inner(self.kept.visits)
            .delete::<_, Value>(exchange);
    }

    fn injected(&self, token: u64, reply: &[u8]) {
        let Ok(ruby) = Ruby::get() else { return };
        let dispatcher = ruby.get_inner(self.kept.dispatcher);
        let told = dispatcher.funcall::<_, _, Value>("injected", (token, binary(&ruby, reply)));
        if let Err(error) = told {
            self.keep_failed(error);
        }
    }

    fn wake(&self) {
        self.want();
    }

    /// A logger is user code, so it is called after the turn.
    fn log(&self, level: Level, message: &str) {
        self.notify(Notice {
            level: level.number(),
            message: message.to_owned(),
            is_stall: false,
        });
    }

    fn stalled(&self, name: &str, route: &str, for_ms: u32) {
        let who = match name {
            "" => "a turn has taken its worker".to_owned(),
            name => format!("{name} ({route}) has held its worker"),
        };
        self.notify(Notice {
            level: Level::Warn.number(),
            message: format!("{who} for {for_ms} ms; nothing else is served meanwhile"),
            is_stall: true,
        });
    }
}
