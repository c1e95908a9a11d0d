//! One worker's place in the server: who serves there, who follows, and who is on the way out.
//!
//! A slot outlives the processes that fill it, so it can tell a worker that died once from one
//! that cannot live. Knows nothing of the other slots, and takes no decision about the server.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use super::control::FORCE;
use super::process::{End, Launch, Process};

/// One worker's place in the server.
#[derive(Debug)]
pub(super) struct Slot {
    worker: usize,
    state: State,
    /// Started beside the process that serves, to take its place once it is ready.
    successor: Option<Process>,
    /// Gave their place to a successor, and finish what they have.
    leaving: Vec<Leaver>,
    /// The engine of the last process that was ready; `None` until one was.
    engine: Option<String>,
    /// Processes in a row that died soon after their start.
    quick_deaths: u32,
}

#[derive(Debug)]
enum State {
    /// Not started yet, or stopped for good.
    Empty,
    Alive(Process),
    /// Died; the next process may start then.
    Resting {
        until: Instant,
    },
}

/// A process on its way out.
#[derive(Debug)]
struct Leaver {
    process: Process,
    /// When it is told more firmly.
    until: Option<Instant>,
    forced: bool,
}

/// A process that ended.
#[derive(Debug)]
pub(super) struct Death {
    pub(super) pid: u32,
    pub(super) end: End,
    pub(super) role: Role,
}

/// What a process that ended had been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It had the place, or was to be the first to have it.
    Holder {
        /// How long to wait before the next process, if there is to be one.
        rest: Duration,
    },
    /// It had the place, and its successor has it now, ready or not.
    Succeeded { heir: u32 },
    /// It was to have the place, and was not ready yet.
    Successor,
    /// It had given the place away, or never got it; `forced` if it was told to go at once.
    Leaver { forced: bool },
}

/// A place given to a successor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Handing {
    pub(super) old: u32,
    pub(super) new: u32,
}

impl Slot {
    pub(super) fn new(worker: usize) -> Self {
        Self {
            worker,
            state: State::Empty,
            successor: None,
            leaving: Vec::new(),
            engine: None,
            quick_deaths: 0,
        }
    }

    /// Starts the process that has this place; returns its pid.
    pub(super) fn start(&mut self, launch: Launch<'_>) -> io::Result<u32> {
        debug_assert!(
            !matches!(self.state, State::Alive(_)),
            "one process has the place"
        );
        let process = Process::start(self.worker, launch)?;
        let pid = process.pid();
        self.state = State::Alive(process);
        Ok(pid)
    }

    /// Starts the process that shall have this place next, beside the one that has it; where
    /// nobody does, it has the place at once. Returns its pid.
    pub(super) fn start_successor(&mut self, launch: Launch<'_>) -> io::Result<u32> {
        debug_assert!(self.successor.is_none(), "one successor at a time");
        if !matches!(self.state, State::Alive(_)) {
            return self.start(launch);
        }
        let process = Process::start(self.worker, launch)?;
        let pid = process.pid();
        self.successor = Some(process);
        Ok(pid)
    }

    /// Gives the place to the successor if that is ready. The one that had it gets a `farewell`,
    /// the order to leave or to stop, and is forced when `patience` is over.
    pub(super) fn hand_over(&mut self, farewell: &str, patience: Duration) -> Option<Handing> {
        let successor = self.successor.take_if(|next| next.engine().is_some())?;
        let new = successor.pid();
        let State::Alive(process) = std::mem::replace(&mut self.state, State::Alive(successor))
        else {
            return None;
        };
        process.order(farewell);
        let old = process.pid();
        self.leaving.push(Leaver {
            process,
            until: Instant::now().checked_add(patience),
            forced: false,
        });
        Some(Handing { old, new })
    }

    /// Kills the successor, if there is one, and returns its pid; its death is nobody's news.
    pub(super) fn drop_successor(&mut self) -> Option<u32> {
        let mut process = self.successor.take()?;
        process.kill();
        let pid = process.pid();
        self.leaving.push(Leaver {
            process,
            until: None,
            forced: true,
        });
        Some(pid)
    }

    /// Kills the process that was to have the place first; its death is nobody's news.
    pub(super) fn dismiss(&mut self) {
        self.engine = None;
        if let State::Alive(mut process) = std::mem::replace(&mut self.state, State::Empty) {
            process.kill();
            self.leaving.push(Leaver {
                process,
                until: None,
                forced: true,
            });
        }
    }

    /// Kills who has not become ready `within` a time, and returns their pids; their deaths are
    /// still to be reaped.
    pub(super) fn kill_late_starts(&mut self, within: Duration) -> Vec<u32> {
        let now = Instant::now();
        let late =
            |process: &&mut Process| process.start_ends(within).is_some_and(|end| end <= now);
        let kill = |process: &mut Process| {
            process.kill();
            process.pid()
        };
        self.processes_mut().filter(late).map(kill).collect()
    }

    /// When the first start that is under way has taken too long.
    pub(super) fn start_due(&self, within: Duration) -> Option<Instant> {
        self.processes()
            .filter_map(|process| process.start_ends(within))
            .min()
    }

    /// Forces who leaves too slowly, and kills who is not to be forced. Returns their pids.
    pub(super) fn hurry_leavers(&mut self, grace: Duration) -> Vec<u32> {
        let now = Instant::now();
        let late = |leaver: &&mut Leaver| leaver.until.is_some_and(|until| until <= now);
        let mut hurried = Vec::new();
        for leaver in self.leaving.iter_mut().filter(late) {
            if std::mem::replace(&mut leaver.forced, true) {
                leaver.process.kill();
                leaver.until = None;
            } else {
                leaver.process.order(FORCE);
                leaver.until = now.checked_add(grace);
                hurried.push(leaver.process.pid());
            }
        }
        hurried
    }

    /// What to watch, while there is something to hear.
    pub(super) fn listening(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.processes().flat_map(Process::listening)
    }

    /// Takes in what the processes have said since the last call. Returns what was no news, for
    /// the log.
    pub(super) fn hear(&mut self) -> Vec<String> {
        let mut nonsense = Vec::new();
        for process in self.processes_mut() {
            process.hear(&mut nonsense);
        }
        self.note_engine();
        nonsense
    }

    fn note_engine(&mut self) {
        if let State::Alive(process) = &self.state
            && process.engine().is_some()
            && process.engine() != self.engine.as_deref()
        {
            self.engine = process.engine().map(str::to_owned);
        }
    }

    /// Sends an order to every process.
    pub(super) fn order_all(&self, order: &str) {
        self.processes().for_each(|process| process.order(order));
    }

    /// Sends an order to the process that accepts for this place; false if none does.
    pub(super) fn order(&self, order: &str) -> bool {
        match &self.state {
            State::Alive(process) if process.engine().is_some() => {
                process.order(order);
                true
            }
            _ => false,
        }
    }

    /// Kills every process; their deaths are still to be reaped.
    pub(super) fn kill(&mut self) {
        self.processes_mut().for_each(Process::kill);
    }

    /// Buries one process that has ended, if there is one: call it until it returns `None`.
    pub(super) fn reap(&mut self) -> Option<Death> {
        for at in 0..self.leaving.len() {
            if let Some(end) = self.leaving[at].process.reap() {
                let Leaver {
                    process, forced, ..
                } = self.leaving.swap_remove(at);
                let (pid, role) = (process.pid(), Role::Leaver { forced });
                return Some(Death { pid, end, role });
            }
        }
        if let Some(process) = &mut self.successor
            && let Some(end) = process.reap()
        {
            let (pid, role) = (process.pid(), Role::Successor);
            self.successor = None;
            return Some(Death { pid, end, role });
        }
        let State::Alive(process) = &mut self.state else {
            return None;
        };
        let (pid, end) = (process.pid(), process.reap()?);
        self.note_engine();
        let role = match self.successor.take() {
            Some(heir) => {
                let role = Role::Succeeded { heir: heir.pid() };
                self.state = State::Alive(heir);
                self.note_engine();
                role
            }
            None => {
                self.state = State::Empty;
                let rest = self.rest_after(end.lived);
                Role::Holder { rest }
            }
        };
        Some(Death { pid, end, role })
    }

    /// Lets the slot rest, after which [`Slot::rested`] names it.
    pub(super) fn rest(&mut self, duration: Duration) {
        debug_assert!(!matches!(self.state, State::Alive(_)), "only the dead rest");
        self.state = State::Resting {
            until: Instant::now() + duration,
        };
    }

    /// How long to wait before a process is started again after one that lived for `lived`:
    /// nothing the first time, then longer with every one that dies young.
    pub(super) fn rest_after(&mut self, lived: Duration) -> Duration {
        if lived >= QUICK_DEATH {
            self.quick_deaths = 0;
            return Duration::ZERO;
        }
        let doublings = self.quick_deaths;
        self.quick_deaths = doublings.saturating_add(1);
        match doublings.checked_sub(1) {
            None => Duration::ZERO,
            Some(exponent) => REST_MAX.min(REST_MIN * (1 << exponent.min(16))),
        }
    }

    /// Gives up a planned start.
    pub(super) fn cancel(&mut self) {
        if matches!(self.state, State::Resting { .. }) {
            self.state = State::Empty;
        }
    }

    /// When the slot has rested, if it rests.
    pub(super) fn rested(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            _ => None,
        }
    }

    /// When something is due here next.
    pub(super) fn due(&self) -> Option<Instant> {
        let leavers = self.leaving.iter().filter_map(|leaver| leaver.until);
        leavers.chain(self.rested()).min()
    }

    /// Whether any process of this slot runs.
    pub(super) fn is_alive(&self) -> bool {
        self.processes().next().is_some()
    }

    /// The pid of the process that accepts for this place, if one does.
    pub(super) fn accepting(&self) -> Option<u32> {
        match &self.state {
            State::Alive(process) if process.engine().is_some() => Some(process.pid()),
            _ => None,
        }
    }

    /// Whether a successor is on its way.
    pub(super) fn has_successor(&self) -> bool {
        self.successor.is_some()
    }

    /// How many processes are on their way out.
    pub(super) fn leavers(&self) -> usize {
        self.leaving.len()
    }

    /// The engine of this worker, once a process of it has been ready.
    pub(super) fn engine(&self) -> Option<&str> {
        self.engine.as_deref()
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        let holder = match &self.state {
            State::Alive(process) => Some(process),
            State::Empty | State::Resting { .. } => None,
        };
        let leaving = self.leaving.iter().map(|leaver| &leaver.process);
        holder.into_iter().chain(&self.successor).chain(leaving)
    }

    fn processes_mut(&mut self) -> impl Iterator<Item = &mut Process> {
        let holder = match &mut self.state {
            State::Alive(process) => Some(process),
            State::Empty | State::Resting { .. } => None,
        };
        let leaving = self.leaving.iter_mut().map(|leaver| &mut leaver.process);
        holder.into_iter().chain(&mut self.successor).chain(leaving)
    }
}

/// A worker that dies younger than this counts as one that cannot live.
const QUICK_DEATH: Duration = Duration::from_secs(10);
/// Rest before the second start in a row that is due to an early death; it doubles from there.
const REST_MIN: Duration = Duration::from_millis(100);
/// Longest rest: a broken deployment costs one start per worker in this time, and its repair is
/// picked up within it.
const REST_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_longer_after_each_early_death_and_forgives_a_long_life() {
        let mut slot = Slot::new(0);
        let mut rest = |lived_s| slot.rest_after(Duration::from_secs(lived_s)).as_millis();
        let rests: Vec<u128> = (0..9).map(|_| rest(1)).collect();
        assert_eq!(rests, [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert!((0..100).all(|_| rest(9) == 5000));
        assert_eq!((rest(10), rest(1), rest(1)), (0, 0, 100));
    }
}
