//! The parent's loop: what it wakes for, and what it then does.
//!
//! Knows nothing of how a process is started or heard (`slot`, `process`), nor of how its
//! successor takes over (`restart`) or how the server ends (`stop`).

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use spikard_middleware::Level;

use super::cover::Cover;
use super::notify::Notify;
use super::process::Launch;
use super::reload::Reload;
use super::restart::Restart;
use super::signals::{Readiness, Signals, wait};
use super::slot::{Death, Role, Slot};
use super::{EXIT_INTERRUPTED, EXIT_OK, EXIT_TERMINATED, SECOND_SIGNAL_GRACE, Supervision};
use crate::listen::{Opened, open};
use crate::shared::SharedMemory;

pub(super) struct Parent {
    pub(super) supervision: Supervision,
    pub(super) opened: Opened,
    /// What workers count in, whichever process fills their slots.
    shared: Option<SharedMemory>,
    signals: Signals,
    pub(super) notify: Notify,
    pub(super) slots: Vec<Slot>,
    /// Who accepts for a worker without a process, by its number.
    pub(super) covers: Vec<Option<Cover>>,
    pub(super) restart: Option<Restart>,
    pub(super) reload: Option<Reload>,
    pub(super) phase: Phase,
    /// SIGINT and SIGTERM so far.
    stop_signals: u32,
    pub(super) exit_code: i32,
}

/// What the parent waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Every worker to be ready for the first time.
    Starting,
    /// A change of the program, no version of which has started (with `reload` only).
    Broken,
    /// Nothing: the server stands.
    Serving,
    /// Workers to finish, until then (`None`: for ever); then they are forced.
    Stopping { until: Option<Instant> },
    /// Workers to obey `force`, until then; then they are killed.
    Forcing { until: Option<Instant> },
    /// The kernel to end the processes.
    Killing,
}

impl Parent {
    pub(super) fn new(supervision: Supervision) -> Result<Self, String> {
        if supervision.command.is_empty() {
            return Err("there is no command to start a worker with".to_owned());
        }
        if supervision.workers == 0 {
            return Err("a server has at least one worker, not 0".to_owned());
        }
        let Supervision {
            config, workers, ..
        } = &supervision;
        let opened = open(config, *workers).map_err(|error| error.to_string())?;
        let log = Arc::clone(&supervision.log);
        let reload = Reload::new(config, |sentence| log.log(Level::Warn, &sentence))?;
        let signals = Signals::take().map_err(|error| format!("cannot take signals: {error}"))?;
        let shared = SharedMemory::create()
            .inspect_err(|error| {
                let line = format!("no memory for workers to share, so no rate limits: {error}");
                supervision.log.log(Level::Warn, &line);
            })
            .ok();
        let slots = (0..supervision.workers).map(Slot::new).collect();
        let covers = vec![None; supervision.workers];
        Ok(Self {
            supervision,
            opened,
            shared,
            signals,
            notify: Notify::find(),
            slots,
            covers,
            restart: None,
            reload,
            phase: Phase::Starting,
            stop_signals: 0,
            exit_code: EXIT_OK,
        })
    }

    pub(super) fn run(mut self) -> i32 {
        self.start_all();
        while self.slots.iter().any(Slot::is_alive) || self.is_up() {
            if let Err(error) = self.sleep() {
                // Without a way to wait there is no way to supervise; not to spin comes first.
                self.say(
                    Level::Error,
                    format!("cannot wait for the workers: {error}"),
                );
                return self.abandon();
            }
            self.obey_signals();
            for at in 0..self.slots.len() {
                self.hear(at);
                while let Some(death) = self.slots[at].reap() {
                    self.bury(at, &death);
                }
            }
            self.announce();
            self.start_rested();
            self.see_changes();
            self.go_on_restarting();
            self.cover_all();
            self.pass_deadlines();
        }
        if self.exit_code == EXIT_OK {
            self.say(Level::Info, "stopped".to_owned());
        }
        self.exit_code
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Starting | Phase::Broken | Phase::Serving)
    }

    pub(super) fn start_all(&mut self) {
        for at in 0..self.slots.len() {
            if let Err(error) = self.start(at) {
                let program = self.supervision.command[0].display();
                self.fail(format!("cannot start worker {at} ({program}): {error}"));
                return;
            }
        }
    }

    fn start(&mut self, at: usize) -> io::Result<u32> {
        let (slots, launch) = self.launching();
        slots[at].start(launch)
    }

    pub(super) fn start_successor(&mut self, at: usize) -> io::Result<u32> {
        let (slots, launch) = self.launching();
        slots[at].start_successor(launch)
    }

    /// The places, and what a process for any of them is started with.
    fn launching(&mut self) -> (&mut [Slot], Launch<'_>) {
        let launch = Launch {
            command: &self.supervision.command,
            listeners: &self.opened.listeners,
            further: &self.opened.further,
            slate: self.reload.as_ref().map(|reload| &reload.slate),
            shared: self.shared.as_ref().map(AsRawFd::as_raw_fd),
        };
        (&mut self.slots, launch)
    }

    /// Sleeps until a signal, a worker's word, or the next deadline. No deadline, no wake-up.
    fn sleep(&self) -> io::Result<()> {
        let mut sources = vec![Readiness::of(&self.signals)];
        let workers = self.slots.iter().flat_map(Slot::listening);
        sources.extend(workers.map(Readiness::of_descriptor));
        sources.extend(
            self.reload
                .iter()
                .map(|reload| Readiness::of(&reload.watch)),
        );
        let slots = self.slots.iter().filter_map(Slot::due);
        let change = self.reload.as_ref().and_then(Reload::due);
        let change = change.filter(|_| self.is_up());
        let within = self.supervision.config.start_timeout;
        let starts = within.into_iter().flat_map(|within| {
            self.slots
                .iter()
                .filter_map(move |slot| slot.start_due(within))
        });
        let deadline = slots
            .chain(starts)
            .chain(self.phase.until())
            .chain(change)
            .min();
        wait(
            &mut sources,
            deadline.map(|at| at.saturating_duration_since(Instant::now())),
        )
    }

    /// A signal is obeyed before any death is looked at: where a service manager told every
    /// process, a worker that left was stopped with us and wants no successor.
    fn obey_signals(&mut self) {
        let arrived = self.signals.take_arrived();
        let interrupts = (0..arrived.interrupts).map(|_| EXIT_INTERRUPTED);
        let terminations = (0..arrived.terminations).map(|_| EXIT_TERMINATED);
        for code in interrupts.chain(terminations) {
            self.stop_signals = self.stop_signals.saturating_add(1);
            match self.stop_signals {
                1 => self.stop(),
                2 => {
                    self.exit_code = code;
                    self.say(
                        Level::Warn,
                        "forced: requests in hand are cut off".to_owned(),
                    );
                    self.force(SECOND_SIGNAL_GRACE);
                }
                _ => self.kill(),
            }
        }
        if arrived.hung_up {
            self.stop();
        }
        if arrived.restart {
            self.ask_for_restart();
        }
    }

    fn hear(&mut self, at: usize) {
        for nonsense in self.slots[at].hear() {
            let sentence = format!("worker {at} said what is no news: {nonsense}");
            self.say(Level::Warn, sentence);
        }
    }

    fn bury(&mut self, at: usize, death: &Death) {
        let (pid, cause) = (death.pid, death.end.cause());
        let told = format!("worker {at} (pid {pid}) {cause}");
        if !self.is_up() {
            // It has said so itself, and may have left in time all the same.
            if death.end.cut > 0 {
                self.cut_short();
            }
            // Whatever a worker does when it is forced or killed was said when that began.
            let asked = matches!(self.phase, Phase::Stopping { .. });
            if asked && !death.end.status.success() && death.role != (Role::Leaver { forced: true })
            {
                self.cut_short();
                self.say(Level::Warn, format!("{told} while stopping"));
            }
            return;
        }
        match death.role {
            Role::Holder { .. } if self.slots[at].engine().is_none() => {
                let told = format!("{told} before it was ready");
                let words = format!("{}\n\n{told}", death.end.words);
                if !self.wait_for_a_change(&told, &words) {
                    self.fail(told);
                }
            }
            Role::Holder { rest } => self.replace(at, &told, rest),
            Role::Succeeded { heir } => {
                let sentence = format!("{told}; pid {heir}, its successor, takes its place");
                self.say(Level::Warn, sentence);
            }
            Role::Successor => {
                let reason = format!("its successor (pid {pid}) {cause} before it was ready");
                self.fail_restart(at, &reason);
                self.show_fault(&format!("{}\n\n{reason}", death.end.words));
            }
            Role::Leaver { forced } if forced || death.end.status.success() => {}
            Role::Leaver { .. } => self.say(Level::Warn, format!("{told} while leaving")),
        }
    }

    /// Starts a process in the place of one that died, now or after a rest.
    fn replace(&mut self, at: usize, told: &str, rest: Duration) {
        if rest.is_zero() {
            match self.start(at) {
                Ok(heir) => {
                    let sentence = format!("{told}; started pid {heir} in its place");
                    self.say(Level::Warn, sentence);
                }
                Err(error) => {
                    self.say(Level::Warn, told.to_owned());
                    self.put_off(at, &error);
                }
            }
        } else {
            self.slots[at].rest(rest);
            let rest_ms = rest.as_millis();
            self.say(
                Level::Warn,
                format!("{told}; it starts again in {rest_ms} ms"),
            );
        }
    }

    /// A replacement that could not even be started counts as one that died young.
    fn put_off(&mut self, at: usize, error: &io::Error) {
        let slot = &mut self.slots[at];
        let rest = slot.rest_after(Duration::ZERO);
        slot.rest(rest);
        let rest_ms = rest.as_millis();
        self.say(
            Level::Error,
            format!("cannot start worker {at} ({error}); the next try is in {rest_ms} ms"),
        );
    }

    /// Says where the server listens, once, when every worker has been ready.
    fn announce(&mut self) {
        let mut engines: Vec<&str> = self.slots.iter().filter_map(Slot::engine).collect();
        let (ready, all) = (engines.len(), self.slots.len());
        if self.phase != Phase::Starting || ready < all {
            return;
        }
        engines.sort_unstable();
        engines.dedup();
        let (place, workers) = (self.opened.places(), counted(all));
        let engines = engines.join(" and ");
        self.phase = Phase::Serving;
        let sentence = format!("listening on {place} ({workers}, {engines})");
        self.notify.ready(&sentence);
        self.say(Level::Info, sentence);
        self.dismiss_stand_in();
    }

    fn start_rested(&mut self) {
        let now = Instant::now();
        for at in 0..self.slots.len() {
            if self.slots[at].rested().is_some_and(|due| due <= now) {
                match self.start(at) {
                    Ok(pid) => {
                        let sentence = format!("started worker {at} again (pid {pid})");
                        self.say(Level::Info, sentence);
                    }
                    Err(error) => self.put_off(at, &error),
                }
            }
        }
    }

    pub(super) fn say(&self, level: Level, sentence: String) {
        self.supervision.log.log(level, &sentence);
    }
}

impl Phase {
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Stopping { until } | Self::Forcing { until } => until,
            Self::Starting | Self::Broken | Self::Serving | Self::Killing => None,
        }
    }
}

/// "1 worker", "4 workers".
pub(super) fn counted(workers: usize) -> String {
    format!("{workers} worker{}", if workers == 1 { "" } else { "s" })
}
