//! The suspended exchanges of one worker: who waits for which answer.
//!
//! A call out to a host is an operation in flight, like one to the kernel. If the client leaves,
//! the slot becomes [`State::Orphaned`] and its memory stays until the host answers, because the
//! host may still be reading it; the late answer is then swallowed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use crate::{
    exchange::Exchange,
    host::{Answer, CallId},
};

/// What a slot waits for.
#[derive(Debug)]
enum State {
    /// Nothing: the slot can be opened.
    Free,
    /// The inline part of the call is under way.
    Calling,
    /// The host's answer; somebody waits for it.
    AtHost(Box<Exchange>, Option<Waker>),
    /// The host's answer, which nobody wants.
    Orphaned(Box<Exchange>),
    /// The answer is in the exchange; the waiter has not taken it yet.
    Answered(Box<Exchange>),
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    state: State,
}

/// What became of an answer.
#[derive(Debug)]
pub enum Answered {
    /// Its waiter was woken.
    Delivered,
    /// Nobody waited; here is the exchange to reuse.
    Swallowed(Box<Exchange>),
    /// No such call is unanswered: it was answered before, or never existed.
    Stale,
}

/// Which calls are unanswered, readable from any thread: it makes "exactly one answer per call" a
/// rule that is checked where the answer is given, before it is queued.
#[derive(Debug)]
pub struct Ledger {
    /// Per slot: its generation, and [`ANSWERED`] once that generation has its answer.
    entries: Box<[AtomicU64]>,
}

/// Whether an answer may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the first one: give it.
    First,
    /// The call has its answer.
    Already,
    /// There is no such call under way.
    Stale,
}

const ANSWERED: u64 = 1 << 63;

/// No generation: an id that was never given out is stale, not answered.
const NEVER_OPENED: u64 = u64::MAX;

impl Ledger {
    fn new(slots: usize) -> Self {
        Self {
            entries: (0..slots).map(|_| AtomicU64::new(NEVER_OPENED)).collect(),
        }
    }

    fn open(&self, id: CallId) {
        self.entries[id.slot()].store(u64::from(id.generation()), Ordering::Release);
    }

    /// Claims the right to answer `id`. Only one claim of a call succeeds, on whatever thread.
    pub fn claim(&self, id: CallId) -> Claim {
        let Some(entry) = self.entries.get(id.slot()) else {
            return Claim::Stale;
        };
        let open = u64::from(id.generation());
        match entry.compare_exchange(open, open | ANSWERED, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Claim::First,
            Err(found) if found == open | ANSWERED => Claim::Already,
            Err(_) => Claim::Stale,
        }
    }
}

/// All slots of one worker.
#[derive(Debug)]
pub struct Slots {
    ledger: Arc<Ledger>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    in_use: usize,
    in_use_max: usize,
    orphans: usize,
    on_pool: usize,
}

impl Slots {
    /// Slots for at most `in_use_max` unanswered calls, orphans included.
    pub fn new(in_use_max: usize) -> Self {
        Self {
            ledger: Arc::new(Ledger::new(in_use_max)),
            slots: Vec::new(),
            free: Vec::new(),
            in_use: 0,
            in_use_max,
            orphans: 0,
            on_pool: 0,
        }
    }

    /// Which calls are unanswered, for other threads.
    pub fn ledger(&self) -> Arc<Ledger> {
        self.ledger.clone()
    }

    /// Calls under way, orphans included.
    pub fn in_use(&self) -> usize {
        self.in_use
    }

    /// Calls under way whose client has gone.
    pub fn orphans(&self) -> usize {
        self.orphans
    }

    /// Calls that run on the host's thread pool, orphans included.
    pub fn on_pool(&self) -> usize {
        self.on_pool
    }

    /// Opens a slot for a call. `None` when the limit is reached.
    pub fn open(&mut self) -> Option<CallId> {
        if self.in_use == self.in_use_max {
            return None;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            // Generations begin at 1, so that an id of all zeros is never valid.
            self.slots.push(Slot {
                generation: 1,
                state: State::Free,
            });
            self.slots.len() as u32 - 1
        });
        let slot = &mut self.slots[index as usize];
        debug_assert!(matches!(slot.state, State::Free));
        slot.state = State::Calling;
        self.in_use += 1;
        let id = CallId::new(index, slot.generation);
        self.ledger.open(id);
        Some(id)
    }

    /// Ends a call that was answered inline.
    pub fn close(&mut self, id: CallId) {
        debug_assert!(matches!(self.slots[id.slot()].state, State::Calling));
        self.release(id);
    }

    /// Keeps the exchange until the host answers.
    pub fn suspend(&mut self, id: CallId, x: Box<Exchange>) {
        let slot = &mut self.slots[id.slot()];
        debug_assert!(matches!(slot.state, State::Calling));
        self.on_pool += usize::from(x.on_pool);
        slot.state = State::AtHost(x, None);
    }

    /// The exchange of a call that the host has not answered.
    pub fn exchange(&self, id: CallId) -> Option<&Exchange> {
        match &self
            .slots
            .get(id.slot())
            .filter(|slot| slot.generation == id.generation())?
            .state
        {
            State::AtHost(x, _) | State::Orphaned(x) => Some(x),
            _ => None,
        }
    }

    /// Takes the host's answer. The reply is swapped into the exchange, so that both keep their
    /// memory.
    pub fn answer(&mut self, id: CallId, answer: &mut Answer) -> Answered {
        let Some(slot) = self.slots.get_mut(id.slot()) else {
            return Answered::Stale;
        };
        if slot.generation != id.generation() {
            return Answered::Stale;
        }
        match std::mem::replace(&mut slot.state, State::Free) {
            State::AtHost(mut x, waker) => {
                self.on_pool -= usize::from(x.on_pool);
                x.take_answer(answer);
                slot.state = State::Answered(x);
                if let Some(waker) = waker {
                    waker.wake();
                }
                Answered::Delivered
            }
            State::Orphaned(x) => {
                self.on_pool -= usize::from(x.on_pool);
                self.orphans -= 1;
                self.release(id);
                Answered::Swallowed(x)
            }
            other => {
                slot.state = other;
                Answered::Stale
            }
        }
    }

    /// Ready with the exchange once its answer is in.
    pub fn poll_answer(&mut self, id: CallId, cx: &mut Context<'_>) -> Poll<Box<Exchange>> {
        let slot = &mut self.slots[id.slot()];
        debug_assert_eq!(slot.generation, id.generation());
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Answered(x) => {
                self.release(id);
                Poll::Ready(x)
            }
            State::AtHost(x, _) => {
                slot.state = State::AtHost(x, Some(cx.waker().clone()));
                Poll::Pending
            }
            other => {
                slot.state = other;
                Poll::Pending
            }
        }
    }

    /// Nobody waits for the answer any more. Returns the exchange if the answer was already in.
    pub fn orphan(&mut self, id: CallId) -> Option<Box<Exchange>> {
        let slot = self.slots.get_mut(id.slot())?;
        if slot.generation != id.generation() {
            return None;
        }
        match std::mem::replace(&mut slot.state, State::Free) {
            State::AtHost(x, _) => {
                slot.state = State::Orphaned(x);
                self.orphans += 1;
                None
            }
            State::Answered(x) => {
                self.release(id);
                Some(x)
            }
            other => {
                slot.state = other;
                None
            }
        }
    }

    fn release(&mut self, id: CallId) {
        let slot = &mut self.slots[id.slot()];
        slot.state = State::Free;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot() as u32);
        self.in_use -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_stale_after_its_answer() {
        let mut slots = Slots::new(1);
        let id = slots.open().unwrap();
        assert!(slots.open().is_none(), "the limit holds");
        slots.suspend(id, Box::new(Exchange::new()));
        let mut answer = Answer::default();
        answer.reply.status = 201;
        assert!(matches!(slots.answer(id, &mut answer), Answered::Delivered));
        assert!(matches!(slots.answer(id, &mut answer), Answered::Stale));
        let Poll::Ready(x) = slots.poll_answer(id, &mut Context::from_waker(Waker::noop())) else {
            panic!("the answer is in")
        };
        assert_eq!(x.reply.status, 201);
        assert_eq!(slots.in_use(), 0);
        let next = slots.open().unwrap();
        assert_ne!(next, id, "the same slot has a new generation");
        let ledger = slots.ledger();
        assert_eq!(ledger.claim(id), Claim::Stale);
        assert_eq!(ledger.claim(next), Claim::First);
        assert_eq!(ledger.claim(next), Claim::Already);
        assert_eq!(ledger.claim(CallId::from_raw(0)), Claim::Stale);
        assert_eq!(ledger.claim(CallId::from_raw(u64::MAX)), Claim::Stale);
    }

    #[test]
    fn an_orphan_holds_its_slot_until_the_late_answer() {
        let mut slots = Slots::new(1);
        let id = slots.open().unwrap();
        slots.suspend(id, Box::new(Exchange::new()));
        assert!(slots.orphan(id).is_none());
        assert_eq!((slots.in_use(), slots.orphans()), (1, 1));
        assert!(slots.open().is_none(), "an orphan counts against the limit");
        let answered = slots.answer(id, &mut Answer::default());
        assert!(matches!(answered, Answered::Swallowed(_)));
        assert_eq!((slots.in_use(), slots.orphans()), (0, 0));
    }
}
