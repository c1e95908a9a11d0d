//! Threads for handlers that block: bounded, started when needed, ended with the worker.
//!
//! Work that finds no thread waits, but not for ever: after the queue's timeout it is refused, so
//! that a pool full of stuck calls answers at once.
//! Knows nothing of requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::timer::Alarm;

/// What became of a piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It has a thread: run it here.
    Run,
    /// There was none in time. Must not block.
    Refused,
}

/// A piece of work; called exactly once.
pub(crate) type Work = Box<dyn FnOnce(Admission) + Send>;

/// See the module's documentation.
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    threads_max: usize,
    queue_timeout: Duration,
}

#[derive(Default)]
struct State {
    /// By number, so that the oldest is first.
    waiting: BTreeMap<u64, Waiting>,
    count: u64,
    threads: usize,
    idle: usize,
    is_closed: bool,
}

struct Waiting {
    work: Work,
    /// Refuses the work at its time; none while a thread is on its way to it.
    _alarm: Option<Alarm>,
}

impl Pool {
    pub(crate) fn new(threads_max: usize, queue_timeout: Duration) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            threads_max,
            queue_timeout,
        }))
    }

    /// Has `work` run on a thread, or refused on some thread, maybe this one.
    pub(crate) fn submit(&self, work: Work) {
        let shared = &self.0;
        let mut state = shared.lock();
        let has_idle = state.idle > state.waiting.len();
        let has_thread =
            has_idle || (state.threads < shared.threads_max && shared.grow(&mut state));
        if !has_thread && shared.queue_timeout.is_zero() {
            drop(state);
            return work(Admission::Refused);
        }
        state.count += 1;
        let number = state.count;
        let alarm = (!has_thread).then(|| {
            let expiry = Expiry(Arc::downgrade(shared), number);
            let due = Instant::now() + shared.queue_timeout;
            Alarm::set(due, Waker::from(Arc::new(expiry)))
        });
        let waiting = Waiting {
            work,
            _alarm: alarm,
        };
        state.waiting.insert(number, waiting);
        drop(state);
        shared.changed.notify_one();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.lock();
            state.is_closed = true;
            std::mem::take(&mut state.waiting)
        };
        self.0.changed.notify_all();
        waiting
            .into_values()
            .for_each(|each| (each.work)(Admission::Refused));
    }
}

impl Shared {
    /// Starts one more thread. False if the system refuses it.
    fn grow(self: &Arc<Self>, state: &mut State) -> bool {
        let shared = self.clone();
        let builder = thread::Builder::new().name("spikard-pool".into());
        let started = builder.spawn(move || shared.work()).is_ok();
        state.threads += usize::from(started);
        started
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.is_closed {
            if let Some((_, waiting)) = state.waiting.pop_first() {
                drop(state);
                (waiting.work)(Admission::Run);
                state = self.lock();
                continue;
            }
            state.idle += 1;
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Refuses one piece of work if it still waits when this is woken.
struct Expiry(Weak<Shared>, u64);

impl Wake for Expiry {
    fn wake(self: Arc<Self>) {
        let Some(shared) = self.0.upgrade() else {
            return;
        };
        let late = shared.lock().waiting.remove(&self.1);
        if let Some(late) = late {
            (late.work)(Admission::Refused);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn submit(pool: &Pool, work: impl FnOnce(Admission) + Send + 'static) {
        pool.submit(Box::new(work));
    }

    #[test]
    fn refuses_what_waits_too_long_and_runs_the_rest_in_order() {
        let pool = Pool::new(1, Duration::from_millis(50));
        let (open, gate) = channel::<()>();
        let (sender, outcomes) = channel();
        submit(&pool, move |_| gate.recv().unwrap());
        let late = sender.clone();
        submit(&pool, move |admission| late.send(admission).unwrap());
        assert_eq!(outcomes.recv().unwrap(), Admission::Refused);
        open.send(()).unwrap();
        submit(&pool, move |admission| sender.send(admission).unwrap());
        assert_eq!(outcomes.recv().unwrap(), Admission::Run);
    }

    #[test]
    fn refuses_at_once_without_a_queue() {
        let pool = Pool::new(1, Duration::ZERO);
        let (open, gate) = channel::<()>();
        submit(&pool, move |_| gate.recv().unwrap());
        let (sender, outcomes) = channel();
        submit(&pool, move |admission| sender.send(admission).unwrap());
        assert_eq!(outcomes.try_recv().unwrap(), Admission::Refused);
        open.send(()).unwrap();
    }

    #[test]
    fn starts_no_more_threads_than_allowed_and_reuses_them() {
        let pool = Pool::new(2, Duration::from_secs(10));
        let (sender, names) = channel();
        for _ in 0..20 {
            let sender = sender.clone();
            submit(&pool, move |_| sender.send(thread::current().id()).unwrap());
        }
        drop(sender);
        let ids: std::collections::HashSet<_> = names.iter().collect();
        assert!((1..=2).contains(&ids.len()));
    }
}
