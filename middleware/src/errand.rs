//! What a stage wants done on a thread that may wait, such as opening a file on a slow disk.
//!
//! A stage leaves it in its exchange and awaits it; what the errand brings home decides how the
//! exchange goes on. One that is lost on its way, because it panicked or no thread was to be had,
//! is a 500.
//! Knows nothing of threads: a driver does it as [`Work`].

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, TryLockError},
};

use crate::{exchange::Exchange, flow::Flow, local::Local, sink::Work};

/// Something that may block, and what becomes of it.
pub trait Errand: fmt::Debug + Send {
    /// Does it, beside the worker's thread, and keeps the result.
    fn run(&mut self);

    /// Makes the result part of the exchange, and says what comes next, as the stage would have.
    fn deliver(self: Box<Self>, x: &mut Exchange, local: &mut Local) -> Flow;
}

/// An errand under way, or done and waiting to be taken home.
#[derive(Debug)]
pub(crate) struct Sent {
    errand: Arc<Mutex<Option<Box<dyn Errand>>>>,
}

impl Sent {
    /// Sends an errand out: the work is to be done elsewhere.
    pub(crate) fn out(mut errand: Box<dyn Errand>) -> (Self, Work) {
        let home = Arc::new(Mutex::new(None));
        let sent = Self {
            errand: home.clone(),
        };
        let work = Work::new(move || {
            errand.run();
            *home.lock().unwrap_or_else(PoisonError::into_inner) = Some(errand);
        });
        (sent, work)
    }

    /// The errand, if it was done.
    pub(crate) fn take(self) -> Option<Box<dyn Errand>> {
        match self.errand.try_lock() {
            Ok(mut errand) => errand.take(),
            Err(TryLockError::Poisoned(errand)) => errand.into_inner().take(),
            // Nobody holds the lock for longer than it takes to put something down, and the driver
            // has said that the work is over.
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Count(u32);

    impl Errand for Count {
        fn run(&mut self) {
            assert!(self.0 < 2, "that is too many");
            self.0 += 1;
        }

        fn deliver(self: Box<Self>, x: &mut Exchange, _: &mut Local) -> Flow {
            x.reply.status += self.0 as u16;
            Flow::Reply
        }
    }

    #[test]
    fn an_errand_comes_home_only_when_it_was_done() {
        let mut x = Exchange::new();
        let (sent, work) = Sent::out(Box::new(Count(0)));
        work.run();
        let flow = sent
            .take()
            .unwrap()
            .deliver(&mut x, &mut Local::new([1; 4]));
        assert_eq!((flow, x.reply.status), (Flow::Reply, 201));
        let (sent, work) = Sent::out(Box::new(Count(0)));
        drop(work);
        assert!(sent.take().is_none(), "it was never begun");
        let (sent, work) = Sent::out(Box::new(Count(2)));
        work.run();
        assert!(sent.take().is_none(), "it panicked");
    }
}
