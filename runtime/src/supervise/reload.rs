//! Reload in development: a changed source file restarts the workers, at once and without a gap.
//!
//! It is a rolling restart with three differences. A change meanwhile does not wait for the restart
//! that is under way: the successor has old code already, so another takes its place. The old
//! process closes its idle connections, or a browser would get one more page of the old version.
//! And a version that does not start is shown by the one before it; where there is none, by a
//! stand-in in the parent itself.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use spikard_contract::config::ServerConfig;
use spikard_middleware::Level;

use super::control::{BROKEN, MENDED};
use super::fault::Slate;
use super::parent::{Parent, Phase};
use super::slot::Slot;
use super::stand_in::StandIn;
use super::watch::Watch;

/// What a parent that reloads has beside one that does not.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) watch: Watch,
    pub(super) slate: Slate,
    /// When the present change is over: editors write several files, and some write twice.
    due: Option<Instant>,
    /// Whether the workers show a fault.
    is_broken: bool,
    /// Serves while no version of the program has ever started.
    stand_in: Option<StandIn>,
}

impl Reload {
    /// Begins to watch, if that is configured. What cannot be watched is told to `log`.
    pub(super) fn new(
        config: &ServerConfig,
        mut log: impl FnMut(String),
    ) -> Result<Option<Self>, String> {
        if !config.reload {
            return Ok(None);
        }
        let mut roots: Vec<PathBuf> = config.reload_dirs.iter().map(PathBuf::from).collect();
        if roots.is_empty() {
            roots.push(".".into());
        }
        let absolute = |root: PathBuf| std::path::absolute(&root).unwrap_or(root);
        let roots: Vec<PathBuf> = roots.into_iter().map(absolute).collect();
        let watch = Watch::new(&roots, |path, error| {
            log(format!(
                "changes in {} are not seen: {error}",
                path.display()
            ));
        });
        let watch = watch.map_err(|error| format!("cannot watch for changes: {error}"))?;
        let slate = Slate::new().map_err(|error| format!("cannot reload: {error}"))?;
        Ok(Some(Self {
            watch,
            slate,
            due: None,
            is_broken: false,
            stand_in: None,
        }))
    }

    /// When a change is to be acted on.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Parent {
    /// Takes note of changed files, and restarts when nothing changed for a moment.
    pub(super) fn see_changes(&mut self) {
        let Some(reload) = &mut self.reload else {
            return;
        };
        let now = Instant::now();
        let mut seen = None;
        if let Some(path) = reload.watch.take_change() {
            seen = reload.due.is_none().then_some(path);
            reload.due = Some(now + QUIET);
        }
        let is_due = reload.due.is_some_and(|due| due <= now);
        if is_due {
            reload.due = None;
        }
        if let Some(path) = seen {
            self.say(Level::Info, format!("{} changed", path.display()));
        }
        if is_due && matches!(self.phase, Phase::Starting | Phase::Broken) {
            self.start_anew();
        } else if is_due && self.phase == Phase::Serving {
            self.restart = None;
            for slot in &mut self.slots {
                slot.drop_successor();
            }
            self.ask_for_restart();
        }
    }

    /// Tries once more to start for the first time.
    pub(super) fn start_anew(&mut self) {
        self.slots.iter_mut().for_each(Slot::dismiss);
        self.phase = Phase::Starting;
        self.start_all();
    }

    /// The first version of the program does not start: a stand-in says why until a change mends
    /// it.
    /// False if there is none.
    pub(super) fn wait_for_a_change(&mut self, told: &str, words: &str) -> bool {
        let Some(reload) = &mut self.reload else {
            return false;
        };
        if reload.stand_in.is_none() {
            let own = self.opened.listeners.iter();
            let own = own.take(if self.opened.is_shared { 1 } else { usize::MAX });
            let further = self.opened.further.iter().map(|it| &it.listener);
            let listeners: Vec<&OwnedFd> = own.chain(further).collect();
            let log = self.supervision.log.clone();
            let started = StandIn::start(&self.supervision.config, &listeners, log);
            match started {
                Ok(stand_in) => reload.stand_in = Some(stand_in),
                Err(error) => {
                    self.say(Level::Error, format!("nobody can stand in: {error}"));
                    return false;
                }
            }
        }
        if let Some(stand_in) = &reload.stand_in {
            stand_in.show(words);
        }
        self.slots.iter_mut().for_each(Slot::dismiss);
        self.phase = Phase::Broken;
        let place = self.opened.places();
        let sentence = format!("{told}; {place} says why until a change mends it");
        self.say(Level::Error, sentence);
        true
    }

    /// Somebody else serves, or nobody is to.
    pub(super) fn dismiss_stand_in(&mut self) {
        if let Some(reload) = &mut self.reload {
            reload.stand_in = None;
        }
    }

    /// Has every worker show why the program does not start.
    pub(super) fn show_fault(&mut self, words: &str) {
        let Some(reload) = &mut self.reload else {
            return;
        };
        let written = reload.slate.write(words);
        if let Ok(length) = written {
            reload.is_broken = true;
            self.tell_all(&format!("{BROKEN} {length}"));
        }
    }

    /// The program starts again.
    pub(super) fn show_no_fault(&mut self) {
        let Some(reload) = &mut self.reload else {
            return;
        };
        if std::mem::take(&mut reload.is_broken) {
            self.tell_all(MENDED);
        }
    }

    fn tell_all(&self, order: &str) {
        for slot in &self.slots {
            slot.order(order);
        }
    }
}

/// How long nothing may change before the workers are restarted.
const QUIET: Duration = Duration::from_millis(50);

/// What a process of an older version has to finish its requests in development.
pub(super) const RELOAD_PATIENCE: Duration = Duration::from_secs(2);
