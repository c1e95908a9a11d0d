//! Between the threads that finish work and the one that may answer: wake-ups and answers.
//!
//! A handler's waker can be woken anywhere. It leaves the number of its place here and asks the
//! worker for a turn; the port polls the future inside it. Without a worker, in process, whoever
//! drives the exchange waits here.
//! Knows nothing of futures or handlers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use spikard_middleware::{Answer, CallId, Claim};
use spikard_runtime::WorkerHandle;

/// The way from any thread to one worker, or to one in-process driver.
#[derive(Default)]
pub(crate) struct Link {
    worker: OnceLock<WorkerHandle>,
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Default)]
struct Inbox {
    woken: Vec<Arc<PlaceWaker>>,
    /// Used in process only; a worker has a mailbox of its own.
    answers: Vec<(CallId, Answer)>,
}

/// Wakes the future in one place of a port. It lives as long as the place, so a late wake-up may
/// reach a later future there, which only polls it once more.
pub(crate) struct PlaceWaker {
    link: Arc<Link>,
    place: usize,
    is_queued: AtomicBool,
}

impl PlaceWaker {
    pub(crate) fn make(link: &Arc<Link>, place: usize) -> Waker {
        Waker::from(Arc::new(Self {
            link: link.clone(),
            place,
            is_queued: AtomicBool::new(false),
        }))
    }
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            let link = self.link.clone();
            link.queue(self);
        }
    }
}

impl Link {
    /// Says which worker it leads to. Before its first turn.
    pub(crate) fn attach(&self, worker: WorkerHandle) {
        // One worker is made per link, and attached once.
        let _ = self.worker.set(worker);
    }

    fn queue(&self, waker: Arc<PlaceWaker>) {
        let mut inbox = self.lock();
        let is_first = inbox.woken.is_empty();
        inbox.woken.push(waker);
        drop(inbox);
        match self.worker.get() {
            // A worker that has ended has no futures left to poll.
            Some(worker) if is_first => drop(worker.wake_host()),
            Some(_) => {}
            None => self.changed.notify_one(),
        }
    }

    /// The places that were woken. A wake-up after this is a new one.
    pub(crate) fn take_woken(&self, places: &mut Vec<usize>) {
        let woken = std::mem::take(&mut self.lock().woken);
        places.extend(woken.iter().map(|waker| {
            waker.is_queued.store(false, Ordering::Release);
            waker.place
        }));
    }

    /// Gives the one answer of a call.
    pub(crate) fn answer(&self, id: CallId, answer: impl Into<Answer>) {
        let Some(worker) = self.worker.get() else {
            self.lock().answers.push((id, answer.into()));
            self.changed.notify_one();
            return;
        };
        if worker.ledger().claim(id) == Claim::First {
            // A worker that has ended has nobody to answer.
            let _ = worker.answer(id, answer, None);
        }
    }

    /// Takes the answers given so far. In process only.
    pub(crate) fn take_answers(&self) -> Vec<(CallId, Answer)> {
        std::mem::take(&mut self.lock().answers)
    }

    /// Waits until something has come, but not longer than `most`. In process only.
    pub(crate) fn wait(&self, most: Duration) {
        let is_empty = |inbox: &mut Inbox| inbox.woken.is_empty() && inbox.answers.is_empty();
        // A poisoned lock is taken all the same: both lists are whole after every push.
        drop(self.changed.wait_timeout_while(self.lock(), most, is_empty));
    }

    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
