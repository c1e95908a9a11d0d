//! How the server comes to its end, and what is done about those who take too long.
//!
//! First it is said (`drain_delay`), then workers finish, then they are forced, then they are
//! killed; each step has its time, and a second signal skips what is left of one.
//! Knows nothing of who asked for it.

use std::time::{Duration, Instant};

use spikard_middleware::Level;

use super::control::{FORCE, STOP, STOP_NOW};
use super::parent::{Parent, Phase, counted};
use super::slot::Slot;
use super::{EXIT_CUT_SHORT, EXIT_OK, EXIT_START_FAILED, FORCE_GRACE, STOP_GRACE};

impl Parent {
    pub(super) fn pass_deadlines(&mut self) {
        for at in 0..self.slots.len() {
            for pid in self.slots[at].hurry_leavers(FORCE_GRACE) {
                let sentence = format!("worker {at} (pid {pid}) did not leave in time: forced");
                self.say(Level::Warn, sentence);
            }
        }
        self.kill_late_starts();
        let due = self.phase.until();
        if due.is_none_or(|until| until > Instant::now()) {
            return;
        }
        self.cut_short();
        if matches!(self.phase, Phase::Stopping { .. }) {
            let late = self.slots.iter().filter(|slot| slot.is_alive()).count();
            let workers = counted(late);
            self.say(
                Level::Warn,
                format!("{workers} did not finish in time: forced"),
            );
            self.force(FORCE_GRACE);
        } else {
            self.kill();
        }
    }

    /// Kills who takes too long to start; what follows, follows from its death.
    fn kill_late_starts(&mut self) {
        let Some(within) = self.supervision.config.start_timeout else {
            return;
        };
        let within_s = within.as_secs_f32();
        for at in 0..self.slots.len() {
            for pid in self.slots[at].kill_late_starts(within) {
                let sentence = format!(
                    "worker {at} (pid {pid}) was not ready within {within_s} s (start_timeout): \
                     killed"
                );
                self.say(Level::Error, sentence);
            }
        }
    }

    /// The server does not stand and will not.
    pub(super) fn fail(&mut self, reason: String) {
        self.exit_code = EXIT_START_FAILED;
        self.say(Level::Error, format!("{reason}: the server does not start"));
        self.stop_after(Duration::ZERO);
    }

    pub(super) fn stop(&mut self) {
        let config = &self.supervision.config;
        let delay = match (config.graceful_shutdown, self.phase) {
            (true, Phase::Serving) => config.drain_delay,
            // Nobody has been sent here yet.
            _ => Duration::ZERO,
        };
        self.stop_after(delay);
    }

    fn stop_after(&mut self, delay: Duration) {
        if !self.is_up() {
            return;
        }
        self.notify.stopping();
        self.dismiss_stand_in();
        self.restart = None;
        for slot in &mut self.slots {
            slot.cancel();
            // It has no clients yet, and would hear the order only when it is ready.
            slot.drop_successor();
            slot.order_all(if delay.is_zero() { STOP_NOW } else { STOP });
        }
        self.phase = Phase::Stopping {
            until: Instant::now().checked_add(self.patience().saturating_add(delay)),
        };
        let config = &self.supervision.config;
        let then = if config.graceful_shutdown {
            let at_most_s = config.shutdown_timeout.as_secs_f32();
            format!("requests in hand have {at_most_s} s to finish")
        } else {
            "requests in hand are cut off (graceful_shutdown is false)".to_owned()
        };
        let first = match delay.as_secs_f32() {
            0.0 => String::new(),
            delay_s => format!("not ready any more, serving for {delay_s} s (drain_delay); then "),
        };
        self.say(Level::Info, format!("stopping: {first}{then}"));
    }

    /// How long a worker may take to go when it is asked to.
    pub(super) fn patience(&self) -> Duration {
        self.supervision
            .config
            .shutdown_timeout
            .saturating_add(STOP_GRACE)
    }

    pub(super) fn force(&mut self, grace: Duration) {
        self.restart = None;
        for slot in &mut self.slots {
            slot.cancel();
            slot.order_all(FORCE);
        }
        self.phase = Phase::Forcing {
            until: Instant::now().checked_add(grace),
        };
    }

    pub(super) fn kill(&mut self) {
        self.slots.iter_mut().for_each(Slot::kill);
        self.phase = Phase::Killing;
    }

    pub(super) fn abandon(mut self) -> i32 {
        self.kill();
        EXIT_CUT_SHORT
    }

    /// Notes that requests were lost, unless the exit code tells something worse already.
    pub(super) fn cut_short(&mut self) {
        if self.exit_code == EXIT_OK {
            self.exit_code = EXIT_CUT_SHORT;
        }
    }
}
