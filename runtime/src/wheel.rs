//! The deadlines of one worker's connections: coarse, lazy, one timer for all.
//!
//! Each connection owns a [`Record`]; arming a deadline is one store. The record stands in the
//! wheel at or before its deadline, and is looked at then: if the deadline has moved on, so does
//! the record. A busy keep-alive connection is thus touched once per timeout, not once per request.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    os::fd::RawFd,
    rc::Rc,
    task::Waker,
};

/// What a connection waits for, and so what its deadline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The first byte of the first request: most likely it is on its way.
    First,
    /// The first byte of a next request.
    Idle,
    /// The rest of a head or a body: 408.
    Request,
    /// The client to take bytes of a reply.
    Write,
    /// The host's answer: 504.
    Host,
    /// The client to stop sending after our last reply.
    Linger,
    /// A plain timer of the worker.
    Timer,
}

impl Waiting {
    /// Whether a request has begun to arrive and its reply is not through.
    pub(crate) fn is_in_hand(self) -> bool {
        matches!(self, Self::Request | Self::Host | Self::Write)
    }
}

/// One connection, as its worker's timer and stop see it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) fd: Cell<RawFd>,
    pub(crate) waiting: Cell<Waiting>,
    /// Whether the deadline passed. The connection takes it.
    pub(crate) expired: Cell<bool>,
    /// Woken when the deadline passes while no socket operation would be completed by it.
    pub(crate) waker: RefCell<Option<Waker>>,
    deadline_ms: Cell<u64>,
    listed_tick: Cell<u64>,
}

impl Record {
    pub(crate) fn new(fd: RawFd) -> Rc<Self> {
        Rc::new(Self {
            fd: Cell::new(fd),
            waiting: Cell::new(Waiting::Timer),
            expired: Cell::new(false),
            waker: RefCell::new(None),
            deadline_ms: Cell::new(NEVER),
            listed_tick: Cell::new(NEVER),
        })
    }

    /// Gives the record to a connection on `fd`. It stays listed where it was: a listing that is
    /// too early costs one look.
    pub(crate) fn reopen(&self, fd: RawFd) {
        self.fd.set(fd);
        self.waiting.set(Waiting::Timer);
        self.expired.set(false);
        self.waker.replace(None);
        self.disarm();
    }

    /// The connection is gone.
    pub(crate) fn close(&self) {
        self.fd.set(-1);
        self.disarm();
    }

    /// No deadline.
    pub(crate) fn disarm(&self) {
        self.deadline_ms.set(NEVER);
    }

    /// Whether the connection still has its socket.
    pub(crate) fn is_open(&self) -> bool {
        self.fd.get() >= 0
    }
}

/// The wheel: records by the tick at which they are looked at.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    ticks: BTreeMap<u64, Vec<Rc<Record>>>,
}

impl Wheel {
    /// Sets what `record` waits for, and until when.
    pub(crate) fn arm(&mut self, record: &Rc<Record>, waiting: Waiting, deadline_ms: u64) {
        record.waiting.set(waiting);
        record.expired.set(false);
        record.deadline_ms.set(deadline_ms);
        let tick = deadline_ms.div_ceil(TICK_MS);
        if tick < record.listed_tick.get() {
            record.listed_tick.set(tick);
            self.ticks.entry(tick).or_default().push(record.clone());
        }
    }

    /// When the next record is to be looked at, in milliseconds on the worker's clock.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.ticks.first_key_value().map(|(tick, _)| tick * TICK_MS)
    }

    /// Takes out the records whose deadline has passed by `now_ms`.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Vec<Rc<Record>> {
        let mut expired = Vec::new();
        while let Some(entry) = self.ticks.first_entry() {
            let tick = *entry.key();
            if tick * TICK_MS > now_ms {
                break;
            }
            for record in entry.remove() {
                // An earlier listing may have taken its place.
                if record.listed_tick.get() != tick {
                    continue;
                }
                record.listed_tick.set(NEVER);
                let deadline_ms = record.deadline_ms.get();
                if !record.is_open() || deadline_ms == NEVER {
                    continue;
                }
                if deadline_ms <= now_ms {
                    record.expired.set(true);
                    expired.push(record);
                } else {
                    let waiting = record.waiting.get();
                    self.arm(&record, waiting, deadline_ms);
                }
            }
        }
        expired
    }
}

/// Granularity of deadlines, in milliseconds: they pass up to this much late, never early.
pub(crate) const TICK_MS: u64 = 32;

/// No deadline.
const NEVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expires_at_the_deadline_and_not_before() {
        let mut wheel = Wheel::default();
        let record = Record::new(1);
        wheel.arm(&record, Waiting::Idle, 1000);
        assert!(wheel.expire(999).is_empty());
        assert_eq!(wheel.expire(1000 + TICK_MS).len(), 1);
        assert!(record.expired.get());
        assert_eq!(wheel.next_ms(), None);
    }

    #[test]
    fn a_deadline_that_moves_on_costs_no_new_listing() {
        let mut wheel = Wheel::default();
        let record = Record::new(1);
        for now in 0..1000 {
            wheel.arm(&record, Waiting::Idle, now + 10_000);
        }
        assert_eq!(wheel.ticks.values().map(Vec::len).sum::<usize>(), 1);
        assert!(wheel.expire(10_500).is_empty());
        assert_eq!(wheel.expire(11_100).len(), 1);
    }

    #[test]
    fn an_earlier_deadline_is_listed_anew() {
        let mut wheel = Wheel::default();
        let record = Record::new(1);
        wheel.arm(&record, Waiting::Idle, 75_000);
        wheel.arm(&record, Waiting::Host, 200);
        assert_eq!(wheel.expire(200 + TICK_MS).len(), 1);
        assert!(wheel.expire(76_000).is_empty(), "the old listing is void");
    }

    #[test]
    fn a_record_taken_over_adds_no_listing_and_keeps_no_deadline() {
        let mut wheel = Wheel::default();
        let record = Record::new(1);
        for connection in 0..1000 {
            record.reopen(connection);
            wheel.arm(
                &record,
                Waiting::Idle,
                10_000 + u64::from(connection as u32),
            );
            record.close();
        }
        assert_eq!(wheel.ticks.values().map(Vec::len).sum::<usize>(), 1);
        record.reopen(7);
        assert!(wheel.expire(60_000).is_empty(), "the old deadline is void");
    }

    #[test]
    fn a_closed_or_disarmed_record_never_expires() {
        let mut wheel = Wheel::default();
        let (closed, disarmed) = (Record::new(1), Record::new(2));
        wheel.arm(&closed, Waiting::Idle, 100);
        wheel.arm(&disarmed, Waiting::Idle, 100);
        closed.fd.set(-1);
        disarmed.disarm();
        assert!(wheel.expire(1000).is_empty());
    }
}
