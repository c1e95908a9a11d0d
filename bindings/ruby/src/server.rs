//! `Worker`: a worker as a guest of a Ruby loop; and the parent's side of workers.

use std::{
    cell::{Cell, RefCell},
    io::Read,
    os::{
        fd::{AsRawFd, IntoRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
    time::Duration,
};

use magnus::{
    DataTypeFunctions, Error, IntoValue, RArray, RHash, RModule, RString, Ruby, TypedData, Value,
    function, gc, method, prelude::*,
};
use spikard_host::{Level, Orders, Turn};

use crate::{
    convert::bytes_of,
    engine::Engine,
    guest::{Function, Guest, Kept},
    pump::{
        Anywhere, Unblock, either_of, give_way, rest, serve_here, take_descriptor, with_lock,
        without_lock,
    },
    setup::raise,
};

/// One worker, over sockets or in process. A loop watches its descriptors and calls `turn`.
#[derive(TypedData)]
#[magnus(class = "Spikard::Native::Worker", mark)]
pub(crate) struct Worker {
    guest: Arc<Guest>,
    worker: RefCell<Option<Anywhere>>,
    bell: UnixStream,
    has_sockets: bool,
    both: RefCell<Option<OwnedFd>>,
    /// What `rest` waits for.
    watched: Cell<i32>,
}

impl DataTypeFunctions for Worker {
    fn mark(&self, marker: &gc::Marker) {
        let kept = &self.guest.kept;
        marker.mark(kept.dispatcher);
        marker.mark(kept.idle);
        marker.mark(kept.idle_async);
        marker.mark(kept.visits);
        for function in &kept.functions {
            marker.mark(function.callee);
        }
    }
}

impl Worker {
    /// A worker of an engine's application, with the functions behind its numbers: each an object
    /// with `run` and `async?`. Without a listener it takes requests by `inject`.
    fn new(
        ruby: &Ruby,
        engine: &Engine,
        functions: RArray,
        dispatcher: Value,
        defers: bool,
        listener: Option<i32>,
    ) -> Result<Self, Error> {
        let failed =
            |error: std::io::Error| Error::new(ruby.exception_io_error(), error.to_string());
        let (bell, end) = UnixStream::pair().map_err(failed)?;
        bell.set_nonblocking(true).map_err(failed)?;
        end.set_nonblocking(true).map_err(failed)?;
        let mut list = Vec::with_capacity(functions.len());
        for callee in functions {
            list.push(Function {
                callee: callee.into(),
                is_async: callee.funcall("async?", ())?,
            });
        }
        serve_here();
        let kept = Kept {
            functions: list,
            dispatcher: dispatcher.into(),
            idle: ruby.ary_new().into(),
            idle_async: ruby.ary_new().into(),
            visits: ruby.hash_new().into(),
            defers,
        };
        let guest = Guest::new(kept, end);
        let worker = match listener {
            Some(fd) => {
                spikard_host::Worker::serve(&engine.app, guest.clone(), take_descriptor(fd))
            }
            None => spikard_host::Worker::in_process(&engine.app, guest.clone()),
        };
        let worker = worker.map_err(|error| raise(ruby, error))?;
        guest.attach(worker.port().map_err(|error| raise(ruby, error))?);
        Ok(Self {
            guest,
            worker: RefCell::new(Some(Anywhere(worker))),
            bell,
            has_sockets: listener.is_some(),
            both: RefCell::default(),
            watched: Cell::new(-1),
        })
    }

    /// The fibers that wait for a call, which put themselves there: those that may yield, or not.
    fn idle(ruby: &Ruby, rb_self: &Self, is_async: bool) -> RArray {
        let kept = &rb_self.guest.kept;
        ruby.get_inner(if is_async { kept.idle_async } else { kept.idle })
    }

    fn with<T>(
        &self,
        ruby: &Ruby,
        body: impl FnOnce(&Anywhere) -> Result<T, spikard_host::Error>,
    ) -> Result<T, Error> {
        let worker = self.worker.borrow();
        let Some(worker) = &*worker else {
            return Err(Error::new(
                ruby.exception_runtime_error(),
                "the worker is closed",
            ));
        };
        body(worker).map_err(|error| raise(ruby, error))
    }

    /// The descriptor to watch for readability: the sockets', if there are any, and with
    /// `and_bell` also that of the bell.
    fn watch(ruby: &Ruby, rb_self: &Self, and_bell: bool) -> Result<i32, Error> {
        let descriptor = Self::descriptor(ruby, rb_self, and_bell)?;
        rb_self.watched.set(descriptor);
        Ok(descriptor)
    }

    fn descriptor(ruby: &Ruby, rb_self: &Self, and_bell: bool) -> Result<i32, Error> {
        let bell = rb_self.bell.as_raw_fd();
        if !rb_self.has_sockets {
            return Ok(bell);
        }
        let sockets = rb_self.with(ruby, |worker| worker.fd())?;
        if !and_bell {
            return Ok(sockets);
        }
        let failed =
            |error: std::io::Error| Error::new(ruby.exception_io_error(), error.to_string());
        let both = either_of(sockets, bell).map_err(failed)?;
        let descriptor = both.as_raw_fd();
        *rb_self.both.borrow_mut() = Some(both);
        Ok(descriptor)
    }

    /// The descriptor that is readable when another thread wants the loop's attention.
    fn bell_fd(&self) -> i32 {
        self.bell.as_raw_fd()
    }

    /// `io_uring`, or `epoll` with the reason.
    fn engine_name(ruby: &Ruby, rb_self: &Self) -> Result<String, Error> {
        rb_self.with(ruby, |worker| worker.engine())
    }

    /// Does all that is due. Returns the seconds until the next turn is due although nothing
    /// happened, nil if there is no such moment; 0 if more is to be done at once; `true` if the
    /// Ruby half has something to do first; `:drained` at the end.
    fn turn(ruby: &Ruby, rb_self: &Self) -> Result<Value, Error> {
        let (turn, next) = rb_self.with(ruby, |worker| worker.turn())?;
        if let Some(failed) = rb_self.guest.take_failed() {
            return Err(magnus::error::IntoError::into_error(failed, ruby));
        }
        Ok(match turn {
            _ if rb_self.guest.take_wants() => true.into_value_with(ruby),
            Turn::More => 0.into_value_with(ruby),
            Turn::Drained => ruby.to_symbol("drained").as_value(),
            Turn::Idle => match next {
                Some(next) => next.as_secs_f64().into_value_with(ruby),
                None => ruby.qnil().as_value(),
            },
        })
    }

    /// Waits until the sockets' descriptor is readable, or so many seconds have passed. A thread
    /// that has a Fiber scheduler waits by Ruby's own means instead.
    fn rest(ruby: &Ruby, rb_self: &Self, timeout: Option<f64>) -> Result<(), Error> {
        let timeout = timeout.and_then(|timeout| Duration::try_from_secs_f64(timeout).ok());
        let usher = &rb_self.guest.usher;
        let fd = rb_self.watched.get();
        rest(fd, timeout, || usher.wanted());
        usher.has_it();
        ruby.thread_check_ints()
    }

    /// Gives other threads the global lock, for a moment.
    fn give_way(&self) {
        self.guest.usher.wanted();
        give_way();
        self.guest.usher.has_it();
    }

    /// A function of the pool has ended.
    fn left(&self) {
        self.guest.usher.ended();
    }

    /// Empties the bell, and returns the news: level, message, whether it is a stall.
    fn notices(ruby: &Ruby, rb_self: &Self) -> Result<RArray, Error> {
        let mut heard = [0; 64];
        while matches!((&rb_self.bell).read(&mut heard), Ok(count) if count == heard.len()) {}
        let news = ruby.ary_new();
        for notice in rb_self.guest.take_notices() {
            let notice = (notice.level, notice.message, notice.is_stall);
            news.push(notice.into_value_with(ruby))?;
        }
        Ok(news)
    }

    /// Has the loop look: what was posted to it waits. Any thread.
    fn nudge(&self) {
        self.guest.want();
    }

    /// Begins a request in process; the dispatcher's `injected` gets the reply.
    fn inject(ruby: &Ruby, rb_self: &Self, token: u64, request: RString) -> Result<(), Error> {
        let request = bytes_of(request);
        rb_self.with(ruby, |worker| worker.inject(token, &request))
    }

    /// Drains: accepts no more, finishes what is in flight. With `force` closes everything now.
    fn stop(ruby: &Ruby, rb_self: &Self, force: bool) -> Result<(), Error> {
        rb_self.with(ruby, |worker| worker.stop(force))
    }

    /// Open connections, calls in flight, and orphans among them.
    fn stats(ruby: &Ruby, rb_self: &Self) -> Result<RHash, Error> {
        let stats = rb_self.with(ruby, |worker| worker.stats())?;
        let hash = ruby.hash_new();
        hash.aset(ruby.to_symbol("connections"), stats.connections)?;
        hash.aset(ruby.to_symbol("in_flight"), stats.in_flight)?;
        hash.aset(ruby.to_symbol("orphans"), stats.orphans)?;
        Ok(hash)
    }

    /// Ends the worker, on the thread that made it. Nobody may watch its descriptors any more.
    fn close(&self) {
        self.guest.usher.close();
        drop(self.worker.borrow_mut().take());
    }
}

/// Listens as configured with `count` sockets. Returns their descriptors and the port, 0 for a unix
/// socket.
fn listen(ruby: &Ruby, config_json: String, count: u32) -> Result<(RArray, u16), Error> {
    let bound = loop {
        let listen = || spikard_host::listen(&config_json, count);
        match without_lock(listen, Unblock::Never) {
            Some(bound) => break bound,
            None => ruby.thread_check_ints()?,
        }
    };
    let (listeners, port) = bound.map_err(|error| raise(ruby, error))?;
    let fds = ruby.ary_from_iter(listeners.into_iter().map(IntoRawFd::into_raw_fd));
    Ok((fds, port))
}

/// Runs the server as its parent, without the global lock. Returns the exit code. `log` takes a
/// level and a message.
fn supervise(ruby: &Ruby, command: RArray, config_json: String, log: Value) -> Result<i32, Error> {
    let mut words = Vec::with_capacity(command.len());
    for word in command {
        words.push(bytes_of(RString::try_convert(word)?));
    }
    let log = magnus::value::Opaque::from(log);
    let say = |level: Level, message: &str| {
        with_lock(|| {
            if let Ok(ruby) = Ruby::get() {
                let arguments = (level.number(), message);
                // A failure to log has nowhere to go.
                let _ = ruby
                    .get_inner(log)
                    .funcall::<_, _, Value>("call", arguments);
            }
        });
    };
    let ended = loop {
        let supervise = || spikard_host::supervise(&config_json, &words, &say);
        match without_lock(supervise, Unblock::Never) {
            Some(ended) => break ended,
            None => ruby.thread_check_ints()?,
        }
    };
    ended.map_err(|error| raise(ruby, error))
}

/// What this process got from its parent, if it is a worker.
#[magnus::wrap(class = "Spikard::Native::Inherited")]
pub(crate) struct Inherited(RefCell<spikard_host::Inherited>);

impl Inherited {
    /// This worker's number, from 0.
    fn worker(&self) -> u32 {
        self.0.borrow().worker
    }

    /// Readable when there is an order.
    fn control_fd(&self) -> i32 {
        self.0.borrow().control_fd
    }

    /// A descriptor of this worker's listener, which is the caller's.
    fn listener_fd(ruby: &Ruby, rb_self: &Self) -> Result<i32, Error> {
        let listener = rb_self.0.borrow().listener();
        let listener = listener.map_err(|error| raise(ruby, error))?;
        Ok(listener.into_raw_fd())
    }

    /// Tells the parent that this worker accepts connections.
    fn ready(ruby: &Ruby, rb_self: &Self, engine_name: String) -> Result<(), Error> {
        let told = rb_self.0.borrow().ready(&engine_name);
        told.map_err(|error| raise(ruby, error))
    }

    /// Has the worker follow every order that has come. Returns whether more may come.
    fn obey(ruby: &Ruby, rb_self: &Self, worker: &Worker) -> Result<bool, Error> {
        let mut inherited = rb_self.0.borrow_mut();
        let orders = worker.with(ruby, |worker| inherited.obey(worker))?;
        Ok(orders == Orders::MayCome)
    }
}

/// Takes over what the parent left, once; nil if this process is nobody's worker.
fn inherited(ruby: &Ruby) -> Result<Option<Inherited>, Error> {
    let taken = spikard_host::inherited().map_err(|error| raise(ruby, error))?;
    Ok(taken.map(|inherited| Inherited(RefCell::new(inherited))))
}

/// Defines the classes and functions.
pub(crate) fn define(ruby: &Ruby, native: RModule) -> Result<(), Error> {
    let class = native.define_class("Worker", ruby.class_object())?;
    class.define_singleton_method("new", function!(Worker::new, 5))?;
    class.define_method("idle", method!(Worker::idle, 1))?;
    class.define_method("watch", method!(Worker::watch, 1))?;
    class.define_method("bell_fd", method!(Worker::bell_fd, 0))?;
    class.define_method("engine_name", method!(Worker::engine_name, 0))?;
    class.define_method("turn", method!(Worker::turn, 0))?;
    class.define_method("notices", method!(Worker::notices, 0))?;
    class.define_method("rest", method!(Worker::rest, 1))?;
    class.define_method("give_way", method!(Worker::give_way, 0))?;
    class.define_method("left", method!(Worker::left, 0))?;
    class.define_method("nudge", method!(Worker::nudge, 0))?;
    class.define_method("inject", method!(Worker::inject, 2))?;
    class.define_method("stop", method!(Worker::stop, 1))?;
    class.define_method("stats", method!(Worker::stats, 0))?;
    class.define_method("close", method!(Worker::close, 0))?;

    let class = native.define_class("Inherited", ruby.class_object())?;
    class.define_method("worker", method!(Inherited::worker, 0))?;
    class.define_method("control_fd", method!(Inherited::control_fd, 0))?;
    class.define_method("listener_fd", method!(Inherited::listener_fd, 0))?;
    class.define_method("ready", method!(Inherited::ready, 1))?;
    class.define_method("obey", method!(Inherited::obey, 1))?;

    native.define_singleton_method("listen", function!(listen, 2))?;
    native.define_singleton_method("supervise", function!(supervise, 3))?;
    native.define_singleton_method("inherited", function!(inherited, 0))?;
    Ok(())
}
