//! The rolling restart: one worker after the other gives its place to a process with new code.
//!
//! The successor is started beside the old process and both accept from the same listener for a
//! moment; only when the successor says that it is ready is the old one told to leave. So the port
//! never closes and nothing is lost, also with one worker. A successor that ends before it was
//! ready ends the restart, and everything goes on as it was: the first one to fail is usually the
//! first one tried. Requests for a restart during a restart become one more, which comes after it.
//! Knows nothing of who asked for it.

use std::time::Instant;

use spikard_middleware::Level;

use super::control::{LEAVE, STOP_NOW};
use super::parent::{Parent, Phase, counted};
use super::reload::RELOAD_PATIENCE;
use super::slot::Handing;

/// A restart that was asked for and is not over.
#[derive(Debug)]
pub(super) struct Restart {
    /// The worker whose turn it is.
    at: usize,
    step: Step,
    began: Instant,
    /// Whether it was asked for once more meanwhile.
    again: bool,
}

/// What the restart of one worker waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing: its successor is to be started.
    Start,
    /// Earlier processes of this worker to leave: there are too many of them.
    Room,
    /// The successor to be ready.
    Ready,
}

impl Restart {
    fn new() -> Self {
        Self {
            at: 0,
            step: Step::Start,
            began: Instant::now(),
            again: false,
        }
    }
}

impl Parent {
    /// Begins a restart, or has one more follow the one that is under way.
    pub(super) fn ask_for_restart(&mut self) {
        if !self.is_up() {
            return;
        }
        if self.phase == Phase::Broken {
            self.start_anew();
            return;
        }
        match &mut self.restart {
            Some(restart) => restart.again = true,
            None => {
                self.restart = Some(Restart::new());
                self.notify.reloading();
                let workers = counted(self.slots.len());
                self.say(Level::Info, format!("restarting {workers} one by one"));
            }
        }
    }

    /// Goes on with a restart as far as it goes without waiting.
    pub(super) fn go_on_restarting(&mut self) {
        // A server that does not stand yet is restarted when it does.
        while self.phase == Phase::Serving
            && let Some(restart) = &self.restart
        {
            let (at, step) = (restart.at, restart.step);
            let goes_on = if at == self.slots.len() {
                self.finish_restart();
                true
            } else if step == Step::Ready {
                self.take_over(at)
            } else {
                self.begin_successor(at, step)
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Starts the successor of a worker. False if that has to wait.
    fn begin_successor(&mut self, at: usize, step: Step) -> bool {
        let leavers = self.slots[at].leavers();
        if leavers >= LEAVERS_MAX {
            if step != Step::Room {
                let sentence = format!(
                    "worker {at} is restarted later: {leavers} earlier processes of it have not \
                     finished yet"
                );
                self.say(Level::Info, sentence);
                self.set_step(Step::Room);
            }
            return false;
        }
        match self.start_successor(at) {
            Ok(_) => {
                self.set_step(Step::Ready);
                true
            }
            Err(error) => {
                self.fail_restart(at, &format!("its successor cannot be started: {error}"));
                true
            }
        }
    }

    /// Has a successor that is ready take its place. False if it is not.
    fn take_over(&mut self, at: usize) -> bool {
        let (farewell, patience) = match &self.reload {
            None => (LEAVE, self.patience()),
            // A browser must not get one more page of the old version from an idle connection.
            Some(_) => (STOP_NOW, RELOAD_PATIENCE.min(self.patience())),
        };
        let slot = &mut self.slots[at];
        match slot.hand_over(farewell, patience) {
            Some(Handing { old, new }) => {
                let sentence = format!("worker {at}: pid {new} takes over from pid {old}");
                self.say(Level::Info, sentence);
            }
            // Its place was empty, or became so: then the successor had it from the beginning.
            None if !slot.has_successor() && slot.accepting().is_some() => {}
            None => return false,
        }
        if let Some(restart) = &mut self.restart {
            restart.at += 1;
            restart.step = Step::Start;
        }
        true
    }

    fn finish_restart(&mut self) {
        let Some(restart) = self.restart.take() else {
            return;
        };
        let (workers, ms) = (
            counted(self.slots.len()),
            restart.began.elapsed().as_millis(),
        );
        let sentence = format!("restarted {workers} in {ms} ms");
        self.notify.ready(&sentence);
        self.say(Level::Info, sentence);
        self.show_no_fault();
        if restart.again {
            self.ask_for_restart();
        }
    }

    /// A successor did not come to be: what serves goes on serving.
    pub(super) fn fail_restart(&mut self, at: usize, reason: &str) {
        let stays = match self.slots[at].accepting() {
            Some(pid) => format!("pid {pid} goes on serving"),
            None => "nobody serves in its place".to_owned(),
        };
        let sentence = format!("worker {at} is not restarted: {reason}; {stays}");
        self.notify.ready(&sentence);
        self.say(Level::Error, sentence);
        // Whoever asked once more may have mended what failed.
        let again = self.restart.take().is_some_and(|restart| restart.again);
        if again {
            self.ask_for_restart();
        }
    }

    fn set_step(&mut self, step: Step) {
        if let Some(restart) = &mut self.restart {
            restart.step = step;
        }
    }
}

/// Most processes of one worker that finish their requests beside the one that serves. Each holds
/// the memory of a whole program, and restarts may come faster than clients leave.
const LEAVERS_MAX: usize = 4;
