//! `InProcess`: a worker without sockets, for test clients.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use napi::bindgen_prelude::{BufferSlice, FnArgs, Function};
use napi_derive::napi;
use spikard_host::{Host, Level, Worker};

use crate::{
    calls::Calls,
    engine::{Engine, Failure, failed, lifted},
    guest::Guest,
    pump::{Turned, Work},
};

struct Injected {
    worker: Worker<Guest>,
}

impl Work for Injected {
    fn turn(&self) -> Turned {
        let next = match self.worker.turn() {
            Ok((_, next)) => next,
            Err(error) => {
                let message = format!("a turn failed: {error}");
                self.worker.host().log(Level::Error, &message);
                None
            }
        };
        Turned { more: false, next }
    }

    fn obey(&self) -> bool {
        false
    }
}

/// One worker that takes whole requests as bytes and gives whole replies as bytes.
#[napi]
pub struct InProcess {
    worker: RefCell<Option<Rc<Injected>>>,
    guest: Arc<Guest>,
}

#[napi]
impl InProcess {
    /// A worker on this loop, which keeps the process alive only while it owes a reply.
    #[napi(constructor)]
    pub fn new(engine: &Engine, calls: &Calls) -> Result<Self, Failure> {
        let guest = calls.guest.clone();
        let worker = Worker::in_process(&engine.app, guest.clone()).map_err(failed)?;
        let port = worker.port().map_err(failed)?;
        let worker = Rc::new(Injected { worker });
        let inner = calls.inner().map_err(lifted)?;
        let _ = inner.port.set(port);
        inner.pump.start(worker.clone(), None).map_err(lifted)?;
        let worker = RefCell::new(Some(worker));
        Ok(Self { worker, guest })
    }

    /// Takes a whole HTTP/1.1 request; `callback` gets the bytes of the whole reply.
    #[napi]
    pub fn inject(
        &self,
        request: &[u8],
        callback: Function<'_, FnArgs<(BufferSlice<'static>,)>, ()>,
    ) -> Result<(), Failure> {
        let worker = self.worker.borrow().clone();
        let closed = || Failure::new("SPIKARD_ENGINE".into(), "the client is closed");
        let (worker, inner) = worker.zip(self.guest.inner()).ok_or_else(closed)?;
        let token = inner.expect(callback.create_ref().map_err(lifted)?);
        worker.worker.inject(token, request).map_err(|error| {
            inner.forget(token);
            failed(error)
        })?;
        inner.pump.wake();
        Ok(())
    }

    /// Ends the worker.
    #[napi]
    pub fn close(&self) {
        let worker = self.worker.take();
        if let Some(inner) = self.guest.inner() {
            inner.close();
        }
        drop(worker);
    }
}
