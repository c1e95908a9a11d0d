//! What a worker makes of its parent's orders: the same in every host language.

use std::io;

use super::control::Order;
use super::handover::Inherited;
use super::signals::{Readiness, wait};
use crate::worker::WorkerHandle;

impl Inherited {
    /// Reads the next order and has the worker follow it; tells which it was, or `None` while
    /// there is none. After [`Order::ParentGone`] the control descriptor is readable for ever, so
    /// it must not be watched any more.
    ///
    /// Never blocks. Where the worker's own thread calls this, a turn must follow.
    ///
    /// # Errors
    /// As [`Control::try_read_order`](super::Control::try_read_order); and the kernel's reason, if
    /// there is no descriptor left for a sibling's listener.
    pub fn obey(&mut self, worker: &WorkerHandle) -> io::Result<Option<Order>> {
        let Some(order) = self.control.try_read_order()? else {
            return Ok(None);
        };
        // A worker that has ended already needs no order.
        let _ = match order {
            Order::Leave => worker.leave(),
            Order::Stop => worker.stop(),
            // With the parent gone, a next server waits for the port.
            Order::StopNow | Order::ParentGone => worker.stop_now(),
            Order::Force => worker.force(),
            Order::Release(number) => worker.release(number),
            Order::Mended => worker.show_fault(None),
            Order::Broken(length) => match &self.slate {
                Some(slate) => worker.show_fault(Some(slate.read(length)?)),
                None => false,
            },
            Order::Adopt(number) => match self.listeners.get(number) {
                Some(listener) => worker.adopt(number, listener.try_clone()?),
                // A parent of another version: whoever that is, we have nothing of it.
                None => false,
            },
        };
        Ok(Some(order))
    }

    /// Follows orders until the parent is gone, for a thread that does nothing else. A control
    /// socket that fails stops the worker: nobody could any more.
    pub fn obey_until_end(&mut self, worker: &WorkerHandle) {
        loop {
            match self.obey(worker) {
                Ok(Some(Order::ParentGone)) => return,
                Ok(Some(_)) => {}
                Ok(None) => {
                    if wait(&mut [Readiness::of(&self.control)], None).is_err() {
                        worker.stop();
                        return;
                    }
                }
                Err(_) => {
                    worker.stop();
                    return;
                }
            }
        }
    }
}
