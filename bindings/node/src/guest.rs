//! The worker's host in Node: receives calls, keeps them for their request objects, asks for turns.
//!
//! It lives on the loop's thread, and so does all that it reaches.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use napi::{
    Env, Result,
    bindgen_prelude::{BufferSlice, FnArgs, Function, FunctionRef, Unknown},
};
use spikard_host::{Call, Calls, Host, Level, Outcome, Port, Reply, Token};

use crate::{
    convert::{Callee, Confined, Said, keep},
    pump::Pump,
};

/// See the module's documentation.
pub(crate) struct Guest(Confined<Inner>);

/// What JavaScript is told of besides calls.
pub(crate) struct Told {
    /// A log line: level, message.
    pub(crate) log: FunctionRef<FnArgs<(u32, String)>, ()>,
    /// Nobody waits any more for the answer of a call.
    pub(crate) cancelled: FunctionRef<f64, ()>,
    /// An exchange is over.
    pub(crate) ended: FunctionRef<f64, ()>,
}

/// What is reached on the loop's thread alone.
pub(crate) struct Inner {
    pub(crate) calls: Calls,
    pub(crate) pump: Rc<Pump>,
    pub(crate) port: OnceCell<Port>,
    told: Told,
    callees: RefCell<Vec<Callee>>,
    /// Where replies are read into.
    text: RefCell<Vec<u8>>,
    injected: RefCell<HashMap<u64, InjectedRef>>,
    tokens: Cell<u64>,
}

/// Gets the whole reply to an injected request.
pub(crate) type InjectedRef = FunctionRef<FnArgs<(BufferSlice<'static>,)>, ()>;

impl Guest {
    pub(crate) fn new(env: &Env, told: Told) -> Result<Self> {
        Ok(Self(Confined::new(Inner {
            calls: Calls::default(),
            pump: Pump::new(env)?,
            port: OnceCell::new(),
            told,
            callees: RefCell::default(),
            text: RefCell::new(vec![0; TEXT_BYTES]),
            injected: RefCell::default(),
            tokens: Cell::new(0),
        })))
    }

    /// What is reached on the loop's thread; `None` on another.
    pub(crate) fn inner(&self) -> Option<&Inner> {
        self.0.get()
    }
}

impl Inner {
    /// Keeps the functions that the numbers of the engine stand for.
    pub(crate) fn set_functions(
        &self,
        env: &Env,
        functions: &[Function<'_, Unknown<'_>, Unknown<'_>>],
    ) -> Result<()> {
        let callees = functions.iter().map(|function| Callee::of(env, function));
        *self.callees.borrow_mut() = callees.collect::<Result<_>>()?;
        Ok(())
    }

    /// Keeps whom to give the reply of an injected request. Returns the request's number.
    pub(crate) fn expect(&self, callback: InjectedRef) -> u64 {
        let token = self.tokens.get();
        self.tokens.set(token + 1);
        self.injected.borrow_mut().insert(token, callback);
        self.pump.hold();
        token
    }

    /// Forgets one that was refused.
    pub(crate) fn forget(&self, token: u64) {
        if self.injected.borrow_mut().remove(&token).is_some() {
            self.pump.release();
        }
    }

    /// The worker ends: no call can be looked at, and no function is called any more.
    pub(crate) fn close(&self) {
        self.calls.clear();
        self.pump.close();
        // Closed by a handler, they are in use, and end with the guest.
        if let Ok(mut callees) = self.callees.try_borrow_mut() {
            callees.clear();
        }
        for token in self.injected.take().into_keys() {
            self.forget(token);
        }
    }

    /// Calls the function of a call, which answers it inside or later.
    fn dispatch(&self, call: &Call<'_>, port: &Port) -> Outcome {
        self.pump.enter();
        let callees = self.callees.borrow();
        let Some(callee) = callees.get(call.function() as usize) else {
            return Outcome::Failed;
        };
        let Some(token) = keep(&self.calls, call) else {
            return Outcome::Failed;
        };
        let mut text = self.text.take();
        let said = callee.call(token.number(), &mut text);
        let outcome = match said {
            Said::Later => Outcome::Later,
            Said::Done => Outcome::Done,
            Said::Text(length) => self.reply_json(token, &text[..length], port),
            Said::Continue => match self.calls.take(token) {
                Some(_) => Outcome::Continue,
                None => Outcome::Done,
            },
            Said::Failed(message) => {
                self.log(
                    Level::Error,
                    &format!("a call could not be made: {message}"),
                );
                match self.calls.take(token) {
                    Some(_) => Outcome::Failed,
                    None => Outcome::Done,
                }
            }
        };
        if text.len() > TEXT_BYTES_MAX {
            text = vec![0; TEXT_BYTES];
        }
        *self.text.borrow_mut() = text;
        outcome
    }

    fn reply_json(&self, token: Token, body: &[u8], port: &Port) -> Outcome {
        if let Some(id) = self.calls.take(token) {
            let reply = Reply {
                status: 200,
                content_type: b"application/json",
                fields: &[],
                body,
            };
            // The engine says in the log what it refused.
            let _ = port.reply(id, reply, None);
        }
        Outcome::Done
    }

    fn tell(&self, function: &FunctionRef<f64, ()>, number: f64) {
        if self.pump.is_orphan() {
            return;
        }
        self.pump.enter();
        let env = self.pump.env();
        // Where the environment is ending there is nobody to tell.
        let _ = function
            .borrow_back(&env)
            .and_then(|function| function.call(number));
    }

    fn log(&self, level: Level, message: &str) {
        if self.pump.is_orphan() {
            return eprintln!("{message}");
        }
        self.pump.enter();
        let env = self.pump.env();
        let told = self.told.log.borrow_back(&env);
        let line = (level.number(), message.to_owned());
        if told.and_then(|log| log.call(line.into())).is_err() {
            eprintln!("{message}");
        }
    }

    fn give_injected(&self, token: u64, reply: &[u8]) {
        let Some(callback) = self.injected.borrow_mut().remove(&token) else {
            return;
        };
        self.pump.release();
        self.pump.enter();
        let env = self.pump.env();
        let given = BufferSlice::copy_from(&env, reply).and_then(|reply| {
            let callback = callback.borrow_back(&env)?;
            callback.call((reply,).into())
        });
        if let Err(error) = given {
            self.log(
                Level::Error,
                &format!("a reply could not be given: {error}"),
            );
        }
    }
}

impl Host for Guest {
    fn call(&self, call: Call<'_>) -> Outcome {
        match self
            .inner()
            .and_then(|inner| Some((inner, inner.port.get()?)))
        {
            Some((inner, port)) => inner.dispatch(&call, port),
            None => Outcome::Failed,
        }
    }

    /// The reply is still written (`nc -N` is a legitimate client), so the handler goes on.
    fn disconnected(&self, _: u64) {}

    fn cancelled(&self, id: u64) {
        if let Some(inner) = self.inner()
            && let Some(token) = inner.calls.find(id)
        {
            inner.tell(&inner.told.cancelled, token.number());
        }
    }

    fn ended(&self, exchange: u64) {
        if let Some(inner) = self.inner() {
            inner.tell(&inner.told.ended, exchange as f64);
        }
    }

    fn injected(&self, token: u64, reply: &[u8]) {
        if let Some(inner) = self.inner() {
            inner.give_injected(token, reply);
        }
    }

    /// Only this thread answers calls, so only this thread asks for turns.
    fn wake(&self) {
        if let Some(inner) = self.inner() {
            inner.pump.wake();
        }
    }

    fn log(&self, level: Level, message: &str) {
        match self.inner() {
            Some(inner) => inner.log(level, message),
            None => eprintln!("{message}"),
        }
    }

    /// On a thread that cannot reach JavaScript, whose own is busy just now.
    fn stalled(&self, name: &str, route: &str, for_ms: u32) {
        let who = match name {
            "" => "a turn has taken its worker".to_owned(),
            name => format!("{name} ({route}) has held its worker"),
        };
        eprintln!("WARNING {who} for {for_ms} ms; nothing else is served meanwhile");
    }
}

/// Room for a reply's text: nearly all fit.
const TEXT_BYTES: usize = 64 * 1024;
/// Room that is kept for the next; a larger one is given back.
const TEXT_BYTES_MAX: usize = 1024 * 1024;
