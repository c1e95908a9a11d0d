//! `Server`: a worker over sockets on Node's loop; and the parent's side of workers.

use std::{cell::RefCell, os::fd::IntoRawFd, rc::Rc, sync::Arc};

use napi::bindgen_prelude::{Either, FnArgs, Function, FunctionRef};
use napi_derive::napi;
use spikard_host::{Host, Level, Orders, Turn, Worker};

use crate::{
    calls::Calls,
    convert::{pass_streams_on, take_descriptor},
    engine::{Engine, Failure, failed, lifted},
    guest::{Guest, Inner},
    pump::{Turned, Work},
};

/// A worker and what hangs on it, pumped.
struct Served {
    // Freed first: it may still call the guest.
    worker: Worker<Guest>,
    inherited: RefCell<Option<spikard_host::Inherited>>,
    on_drained: RefCell<Option<FunctionRef<(), ()>>>,
}

impl Served {
    fn inner(&self) -> Option<&Inner> {
        self.worker.host().inner()
    }

    fn drained(&self) {
        let on_drained = self.on_drained.borrow_mut().take();
        if let (Some(inner), Some(on_drained)) = (self.inner(), on_drained) {
            inner.pump.enter();
            let env = inner.pump.env();
            let _ = on_drained
                .borrow_back(&env)
                .and_then(|function| function.call(()));
        }
    }
}

impl Work for Served {
    fn turn(&self) -> Turned {
        match self.worker.turn() {
            Ok((turn, next)) => {
                if turn == Turn::Drained {
                    self.drained();
                }
                Turned {
                    more: turn == Turn::More,
                    next,
                }
            }
            Err(error) => {
                let message = format!("a turn failed: {error}");
                self.worker.host().log(Level::Error, &message);
                self.drained();
                Turned {
                    more: false,
                    next: None,
                }
            }
        }
    }

    fn obey(&self) -> bool {
        let mut inherited = self.inherited.borrow_mut();
        let Some(inherited) = inherited.as_mut() else {
            return false;
        };
        match inherited.obey(&self.worker) {
            Ok(orders) => orders == Orders::MayCome,
            Err(error) => {
                self.worker.host().log(Level::Error, &error.message);
                false
            }
        }
    }
}

/// One worker over sockets.
#[napi]
pub struct Server {
    served: RefCell<Option<Rc<Served>>>,
    guest: Arc<Guest>,
    /// `io_uring`, or `epoll` with the reason.
    #[napi(readonly)]
    pub engine_name: String,
}

#[napi]
impl Server {
    /// Begins to serve on a listening socket, which is the server's from now on. `on_drained` is
    /// called when it was stopped and everything is over; then it is to be closed.
    #[napi(constructor)]
    pub fn new(
        engine: &Engine,
        calls: &Calls,
        listener_fd: i32,
        on_drained: Function<'_, (), ()>,
    ) -> Result<Self, Failure> {
        let listener = take_descriptor(listener_fd);
        let guest = calls.guest.clone();
        let worker = Worker::serve(&engine.app, guest.clone(), listener).map_err(failed)?;
        let (port, fd) = (worker.port().map_err(failed)?, worker.fd().map_err(failed)?);
        let engine_name = worker.engine().map_err(failed)?;
        let served = Rc::new(Served {
            worker,
            inherited: RefCell::default(),
            on_drained: RefCell::new(Some(on_drained.create_ref().map_err(lifted)?)),
        });
        let inner = calls.inner().map_err(lifted)?;
        let _ = inner.port.set(port);
        inner.pump.start(served.clone(), Some(fd)).map_err(lifted)?;
        Ok(Self {
            served: RefCell::new(Some(served)),
            guest,
            engine_name,
        })
    }

    fn served(&self) -> Result<Rc<Served>, Failure> {
        let served = self.served.borrow().clone();
        served.ok_or_else(|| Failure::new("SPIKARD_ENGINE".into(), "the server is closed"))
    }

    /// Drains: accepts no more, finishes what is in flight. With `force` closes everything now.
    #[napi]
    pub fn stop(&self, force: bool) -> Result<(), Failure> {
        let served = self.served()?;
        served.worker.stop(force).map_err(failed)?;
        if let Some(inner) = served.inner() {
            inner.pump.wake();
        }
        Ok(())
    }

    /// Does from now on what the parent orders, and tells it that this worker accepts.
    #[napi]
    pub fn follow(&self, inherited: &Inherited) -> Result<(), Failure> {
        let served = self.served()?;
        let taken = inherited.inner.borrow_mut().take();
        let Some(taken) = taken else {
            return Err(Failure::new(
                "SPIKARD_ENGINE".into(),
                "the parent is followed",
            ));
        };
        let name = self.engine_name.split(' ').next().unwrap_or_default();
        taken.ready(name).map_err(failed)?;
        let fd = taken.control_fd;
        *served.inherited.borrow_mut() = Some(taken);
        match served.inner() {
            Some(inner) => inner.pump.follow(fd).map_err(lifted),
            None => Ok(()),
        }
    }

    /// Connections, calls in flight, and of those the ones nobody waits for.
    #[napi]
    pub fn stats(&self) -> Result<Vec<f64>, Failure> {
        let stats = self.served()?.worker.stats().map_err(failed)?;
        let numbers = [stats.connections, stats.in_flight, stats.orphans];
        Ok(numbers.map(|number| number as f64).to_vec())
    }

    /// Ends the worker.
    #[napi]
    pub fn close(&self) {
        let served = self.served.take();
        if let Some(inner) = self.guest.inner() {
            inner.close();
        }
        drop(served);
    }
}

/// Listens as configured with `count` sockets. Returns their descriptors and, last, the port: 0 for
/// a unix socket.
#[napi]
pub(crate) fn listen(config: String, count: u32) -> Result<Vec<i32>, Failure> {
    let (listeners, port) = spikard_host::listen(&config, count).map_err(failed)?;
    let fds = listeners.into_iter().map(IntoRawFd::into_raw_fd);
    Ok(fds.chain([i32::from(port)]).collect())
}

/// Runs the server as its parent, and blocks for its life. Returns the exit code.
#[napi]
pub(crate) fn supervise(
    command: Vec<String>,
    config: String,
    log: Function<'_, FnArgs<(u32, String)>, ()>,
) -> Result<i32, Failure> {
    let command: Vec<Vec<u8>> = command.into_iter().map(String::into_bytes).collect();
    let say = |level: Level, message: &str| {
        // A line that nobody takes is no reason to end a server.
        let _ = log.call((level.number(), message.to_owned()).into());
    };
    pass_streams_on();
    spikard_host::supervise(&config, &command, &say).map_err(failed)
}

/// What this process got from its parent, if it is a worker.
#[napi]
pub struct Inherited {
    inner: RefCell<Option<spikard_host::Inherited>>,
    /// This worker's number, from 0.
    #[napi(readonly)]
    pub worker: u32,
    /// Readable when there is an order.
    #[napi(readonly)]
    pub control_fd: i32,
}

#[napi]
impl Inherited {
    /// A descriptor of this worker's listener, which is the caller's.
    #[napi]
    pub fn listener_fd(&self) -> Result<i32, Failure> {
        let inner = self.inner.borrow();
        let gone = || Failure::new("SPIKARD_ENGINE".into(), "the parent is followed");
        let listener = inner
            .as_ref()
            .ok_or_else(gone)?
            .listener()
            .map_err(failed)?;
        Ok(listener.into_raw_fd())
    }
}

/// Takes over what the parent left, once; null if this process is nobody's worker.
#[napi]
pub(crate) fn inherited() -> Result<Either<Inherited, ()>, Failure> {
    let taken = spikard_host::inherited().map_err(failed)?;
    Ok(match taken {
        Some(inner) => Either::A(Inherited {
            worker: inner.worker,
            control_fd: inner.control_fd,
            inner: RefCell::new(Some(inner)),
        }),
        None => Either::B(()),
    })
}
