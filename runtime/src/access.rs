//! Lines of the access log, carried from a worker to where they are kept.
//!
//! A worker leaves a turn's lines here and goes on; a thread of its own writes them. A disk that is
//! too slow loses lines, which are counted and told, rather than hold requests or take all memory.
//! Knows nothing of what a line says.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
};

use spikard_contract::config::AccessLogConfig;
use spikard_middleware::{Level, Log};

use crate::core::Core;

/// Where one worker's lines go.
pub(crate) enum AccessLines {
    /// To the host's own logging, line by line.
    Host(Arc<dyn Log>),
    /// To a thread that writes.
    Writer(Writer),
}

impl AccessLines {
    /// Opens what the configuration names.
    ///
    /// # Errors
    /// The kernel's, with the path, if a file cannot be opened or there is no thread to be had.
    pub(crate) fn open(config: &AccessLogConfig, log: &Arc<dyn Log>) -> io::Result<Self> {
        let out: Box<dyn Write + Send> = match config.target.as_str() {
            "log" => return Ok(Self::Host(log.clone())),
            "stdout" => Box::new(io::stdout()),
            "stderr" => Box::new(io::stderr()),
            path => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let name = |error: io::Error| {
                    let kind = error.kind();
                    io::Error::new(
                        kind,
                        format!("/access_log/target: cannot open {path}: {error}"),
                    )
                };
                Box::new(file.map_err(name)?)
            }
        };
        Writer::start(out, log.clone()).map(Self::Writer)
    }

    /// Takes whole lines, each with its end.
    pub(crate) fn take(&self, lines: String) {
        match self {
            Self::Host(log) => lines.lines().for_each(|line| log.log(Level::Access, line)),
            Self::Writer(writer) => writer.take(lines),
        }
    }
}

impl Core {
    /// Hands on the lines that this turn wrote.
    pub(crate) fn flush_access(&self) {
        let Some(access) = &self.access else { return };
        // Bound first: the log may be host code.
        let lines = std::mem::take(&mut self.local.borrow_mut().access_lines);
        if !lines.is_empty() {
            access.take(lines);
        }
    }
}

/// A thread that writes lines until its sender is gone, and all that were left by then.
pub(crate) struct Writer {
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(out: Box<dyn Write + Send>, log: Arc<dyn Log>) -> io::Result<Self> {
        let (lines, receiver) = sync_channel(TURNS_WAITING_MAX);
        let lost = Arc::new(AtomicUsize::new(0));
        let counted = lost.clone();
        let thread = thread::Builder::new()
            .name("spikard-access".to_owned())
            .spawn(move || write(out, &receiver, &counted, &*log))?;
        Ok(Self {
            lines: Some(lines),
            lost,
            thread: Some(thread),
        })
    }

    fn take(&self, lines: String) {
        let Some(sender) = &self.lines else { return };
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) =
            sender.try_send(lines)
        {
            let count = lines.lines().count();
            self.lost.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(thread) = self.thread.take() {
            // Its panic is no reason for another.
            let _ = thread.join();
        }
    }
}

fn write(
    mut out: Box<dyn Write + Send>,
    lines: &Receiver<String>,
    lost: &AtomicUsize,
    log: &dyn Log,
) {
    while let Ok(text) = lines.recv() {
        // One write per turn: workers that share a file do not tear each other's lines.
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if written.is_err() {
            lost.fetch_add(text.lines().count(), Ordering::Relaxed);
        }
        let missing = lost.swap(0, Ordering::Relaxed);
        if missing > 0 {
            let why = match &written {
                Ok(()) => "they came faster than they could be written".to_owned(),
                Err(error) => error.to_string(),
            };
            log.log(
                Level::Warn,
                &format!("{missing} lines of the access log are lost: {why}"),
            );
        }
    }
}

/// Most turns whose lines wait to be written. A turn has at most a few hundred lines.
const TURNS_WAITING_MAX: usize = 1024;
