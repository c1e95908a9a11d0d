//! One turn: all the work that is due now, and no waiting.
//!
//! monoio has no such call: `block_on` parks when nothing is ready. [`Turn`] is a root future that
//! spawns a tiny marker task each round, so that `block_on` finds a task and takes its non-blocking
//! `submit` path instead. A fixed number of rounds would lose wake-ups (completions that arrive
//! with the last submit leave runnable tasks or unsubmitted entries behind), so rounds go on until
//! one passes in which none of our tasks was polled.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use spikard_middleware::Level;

use crate::core::Core;

thread_local! {
    /// Polls of our tasks on this thread: the measure of progress.
    static POLLS: Cell<u64> = const { Cell::new(0) };
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEnd {
    /// Nothing is left to do until the descriptor is readable or the next deadline comes.
    Idle,
    /// The budget is spent: turn again soon, behind other ready work.
    More,
    /// The worker has stopped and every connection is closed.
    Drained,
}

/// The root future of a turn.
pub(crate) struct Turn<'a> {
    core: &'a Rc<Core>,
    began: Instant,
    seen: Option<u64>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(core: &'a Rc<Core>, began: Instant) -> Self {
        Self {
            core,
            began,
            seen: None,
        }
    }
}

impl Future for Turn<'_> {
    type Output = TurnEnd;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TurnEnd> {
        if self.seen.is_none() {
            self.core.begin_turn(self.began);
        }
        let delivered = self.core.deliver_messages();
        let polls = POLLS.get();
        if self.seen == Some(polls) && !delivered {
            return Poll::Ready(self.core.end_turn());
        }
        let spent = self.core.calls_left.get() == 0
            || self.began.elapsed() >= Duration::from_micros(self.core.settings.turn_budget_us);
        if spent && self.seen.is_some() {
            self.core.flush_access();
            return Poll::Ready(TurnEnd::More);
        }
        self.seen = Some(polls);
        let waker = cx.waker().clone();
        // Not `guarded`: the marker must not count as progress.
        monoio::spawn(async move { waker.wake() });
        Poll::Pending
    }
}

pin_project! {
    /// A spawned future whose panics end it and nothing else: monoio catches none, and one that
    /// left a poll would end the worker.
    pub(crate) struct Guarded<F> {
        #[pin]
        future: F,
        core: Rc<Core>,
    }
}

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        POLLS.set(POLLS.get() + 1);
        let this = self.project();
        catch_unwind(AssertUnwindSafe(|| this.future.poll(cx))).unwrap_or_else(|_| {
            this.core
                .log
                .log(Level::Error, "a connection's task panicked and was closed");
            Poll::Ready(())
        })
    }
}

/// Spawns a task of a worker. Only inside a turn.
pub(crate) fn spawn(core: &Rc<Core>, future: impl Future<Output = ()> + 'static) {
    monoio::spawn(Guarded {
        future,
        core: core.clone(),
    });
}
