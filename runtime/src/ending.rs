//! How a worker comes to its end: it leaves for a successor, it stops for good, or it is forced.
//!
//! Where it is configured, a stop is announced first: the worker says that it is not ready and ends
//! each connection with its next reply, but accepts and answers until the delay is over.
//!
//! A reply that kept its connection open was a promise, and a client may be sending its next
//! request while we decide to go. So a worker that leaves closes no connection that is idle: the
//! next reply on it says `Connection: close`, and only who asks nothing until `shutdown_timeout` is
//! closed. What has arrived when an idle connection is closed is still answered: only its reading
//! half is shut, which leaves what the kernel holds to be read.

use std::{cell::Cell, net::Shutdown, rc::Rc};

use spikard_middleware::Level;

use crate::{
    core::{Core, wake},
    io::shut,
    supervise::tell_parent_of_cut,
    wheel::{Record, Waiting},
};

/// How far a worker is on its way out. It only ever goes forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// It is not on its way: it serves.
    None,
    /// It serves, and says that it is not ready: it will stop in a while.
    Announced,
    /// A successor accepts in its place; idle clients are waited for.
    Leaving,
    /// Idle connections are closed; what is in flight is finished.
    Stopping,
    /// Every connection is closed.
    Forced,
}

impl Core {
    /// Whether nothing more is accepted.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get() > Ending::Announced
    }

    pub(crate) fn is_forced(&self) -> bool {
        self.ending.get() == Ending::Forced
    }

    /// Accepts no more and waits for every client, idle ones included.
    pub(crate) fn leave(&self) {
        self.drain(Ending::Leaving, self.settings.shutdown_ms);
    }

    /// Says that it is not ready, for as long as is configured, and then stops. Whoever was told
    /// already is not told anew.
    pub(crate) fn stop(&self) {
        let delay_ms = self.settings.drain_delay_ms;
        if delay_ms == 0 || !self.settings.graceful {
            self.stop_now();
        } else if self.ending.get() == Ending::None {
            self.ending.set(Ending::Announced);
            self.local.borrow_mut().set_draining();
            let due_ms = self.now_ms() + delay_ms;
            self.arm(&self.end_timer, Waiting::Timer, due_ms);
        } else if self.ending.get() == Ending::Leaving {
            // Nobody is sent here any more.
            self.stop_now();
        }
    }

    /// Accepts no more, finishes what is in flight, and closes what is idle.
    pub(crate) fn stop_now(&self) {
        if self.settings.graceful {
            self.drain(Ending::Stopping, self.settings.shutdown_ms);
        } else {
            self.force();
        }
    }

    /// The time to serve on, to stop or to leave is over.
    pub(crate) fn out_of_time(&self) {
        match self.ending.get() {
            Ending::Announced => self.stop_now(),
            // A request may have come in the last moment.
            Ending::Leaving => self.drain(Ending::Stopping, FAREWELL_MS),
            Ending::None | Ending::Stopping | Ending::Forced => self.force(),
        }
    }

    /// Closes everything, and says how many requests that cost.
    pub(crate) fn force(&self) {
        let was_forced = self.is_forced();
        self.go_on_to(Ending::Forced);
        let cut = Cell::new(0);
        self.each_record(|record| {
            cut.set(cut.get() + usize::from(record.waiting.get().is_in_hand()));
            shut(record.fd.get(), Shutdown::Both);
            wake(record);
        });
        if cut.get() > 0 && !was_forced {
            self.tell_cut(cut.get());
        }
    }

    fn tell_cut(&self, requests: usize) {
        tell_parent_of_cut(requests);
        let were = if requests == 1 { " was" } else { "s were" };
        let line = format!("{requests} request{were} cut off before the reply was sent");
        self.log.log(Level::Warn, &line);
    }

    fn drain(&self, ending: Ending, within_ms: u64) {
        if self.ending.get() >= ending {
            return;
        }
        self.go_on_to(ending);
        self.arm(&self.end_timer, Waiting::Timer, self.now_ms() + within_ms);
        if ending == Ending::Stopping {
            let first_ms = self.now_ms() + self.first_ms();
            self.each_record(|record| match record.waiting.get() {
                Waiting::Idle => shut(record.fd.get(), Shutdown::Read),
                Waiting::First => self.arm(record, Waiting::First, first_ms),
                _ => {}
            });
        }
    }

    fn go_on_to(&self, ending: Ending) {
        self.ending.set(ending);
        self.local.borrow_mut().set_draining();
        self.gates.shut_all();
        self.wake_waiting_for_room();
    }

    /// How long a connection may be silent before its first request, in milliseconds.
    pub(crate) fn first_ms(&self) -> u64 {
        let idle_ms = self.settings.idle_ms;
        match self.ending.get() {
            Ending::None | Ending::Announced | Ending::Leaving => idle_ms,
            Ending::Stopping | Ending::Forced => idle_ms.min(FIRST_MS),
        }
    }

    /// Ends a connection whose last reply kept it open before the order to stop came.
    pub(crate) fn end_if_stopping(&self, record: &Rc<Record>) {
        if self.ending.get() >= Ending::Stopping {
            shut(record.fd.get(), Shutdown::Read);
        }
    }
}

/// How long a connection that was just accepted may be silent once the worker stops, in
/// milliseconds: the first request usually follows at once, and who only connected ahead of need
/// must not hold the stop up.
const FIRST_MS: u64 = 250;

/// What a worker that leaves gives the requests that came in its last moment, in milliseconds. Its
/// parent waits longer before it forces.
const FAREWELL_MS: u64 = 1_000;
