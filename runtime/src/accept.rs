//! Accepting connections, and stopping to.
//!
//! An accept future is never dropped: one that completed after the drop would leave a client
//! connected to nobody. To stop, the operation is cancelled and its result awaited; a connection it
//! still brings is served.

use std::{cell::RefCell, io, rc::Rc, task::Poll};

use monoio::{
    io::{CancelHandle, Canceller},
    net::TcpListener,
};
use spikard_middleware::Level;

use crate::{
    connection::{Connection, serve},
    core::Core,
    io::close_on_exec,
    turn::spawn,
    wheel::{Record, Waiting},
};

/// The switch that stops a worker's accept loop.
pub(crate) struct Gate {
    canceller: RefCell<Option<Canceller>>,
    handle: CancelHandle,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let canceller = Canceller::new();
        let handle = canceller.handle();
        Self {
            canceller: RefCell::new(Some(canceller)),
            handle,
        }
    }

    /// Cancels the accept that is under way. Only inside a turn.
    pub(crate) fn shut(&self) {
        if let Some(canceller) = self.canceller.borrow_mut().take() {
            let _ = canceller.cancel();
        }
    }

    fn is_shut(&self) -> bool {
        self.canceller.borrow().is_none()
    }
}

/// Accepts until the gate is shut.
pub(crate) async fn accept(core: Rc<Core>, listener: TcpListener) {
    let timer = Record::new(0);
    let mut starved = false;
    while !core.gate.is_shut() {
        if !core.has_room() {
            core.room().await;
            continue;
        }
        match listener.cancelable_accept(core.gate.handle.clone()).await {
            Ok((stream, client)) => {
                starved = false;
                close_on_exec(&stream);
                let connection = Connection::open(core.clone(), &stream);
                spawn(&core, serve(connection, stream, client));
            }
            Err(error) if is_starved(&error) => {
                if !std::mem::replace(&mut starved, true) {
                    let message = format!("no descriptors left to accept with: {error}");
                    core.log.log(Level::Error, &message);
                }
                sleep(&core, &timer, STARVED_PAUSE_MS).await;
            }
            // A connection that was reset in the queue, or the cancellation.
            Err(_) => {}
        }
    }
    core.accepting.set(false);
}

fn is_starved(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// Waits on the worker's wheel.
async fn sleep(core: &Core, timer: &Rc<Record>, after_ms: u64) {
    core.arm(timer, Waiting::Timer, core.now_ms() + after_ms);
    std::future::poll_fn(|cx| {
        if timer.expired.take() || core.gate.is_shut() {
            return Poll::Ready(());
        }
        *timer.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

/// Pause of a worker that is out of descriptors, in milliseconds.
const STARVED_PAUSE_MS: u64 = 100;
