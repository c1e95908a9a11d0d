//! One worker: a ring, a listener, and the connections between them.
//!
//! The same loop serves both ways to run. As a guest, a host watches [`Worker::fd`] and calls
//! [`Worker::turn`]; as the owner of its thread, [`Worker::run`] is that host, three lines long.

use std::{
    cell::Cell,
    io,
    os::{
        fd::{OwnedFd, RawFd},
        unix::net::UnixStream,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    thread,
    time::Instant,
};

use monoio::io::AsyncReadRent;
use spikard_contract::config::ServerConfig;
use spikard_middleware::log::configured;
use spikard_middleware::{Answer, CallId, HostPort, Ledger, Level, Log, Plan, PoolRun};

use crate::{
    accept,
    core::Core,
    driver::{EngineChoice, Executor, is_forked_child, wait_readable},
    mailbox::{Mailbox, Message},
    turn::{Turn, TurnEnd, spawn},
};

/// Why a turn was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnError {
    /// A turn of some worker is under way on this thread.
    Reentered,
    /// The calling thread is not the one that made the worker.
    WrongThread,
    /// This process is a fork of the one that made the worker.
    Forked,
    /// The engine failed inside. The worker must be replaced.
    Panicked,
}

/// What a worker holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Stats {
    /// Open connections.
    pub connections: u64,
    /// Calls at the host, orphans included.
    pub in_flight: u64,
    /// Calls at the host whose client has gone.
    pub orphans: u64,
}

/// Reaches a worker from any thread.
#[derive(Debug, Clone)]
pub struct WorkerHandle {
    mailbox: Arc<Mailbox>,
    ledger: Arc<Ledger>,
}

impl WorkerHandle {
    /// Answers a call that was [`spikard_middleware::Outcome::Later`]. The caller has claimed it in
    /// [`WorkerHandle::ledger`]. `run` is what it took on a thread pool. False if the worker has
    /// ended.
    pub fn answer(&self, id: CallId, answer: impl Into<Answer>, run: Option<PoolRun>) -> bool {
        self.mailbox.post(Message::Answer(id, answer.into(), run))
    }

    /// Has the worker call [`HostPort::woken`] inside a turn. False if the worker has ended.
    pub fn wake_host(&self) -> bool {
        self.mailbox.post(Message::Woken)
    }

    /// Whether the calling thread is the worker's: then what is posted here waits for a turn.
    pub fn is_own_thread(&self) -> bool {
        self.mailbox.is_own_thread()
    }

    /// Which calls are unanswered.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Accepts from a sibling's listener as well, until [`WorkerHandle::release`] of its number. A
    /// worker that is on its way out does not.
    pub fn adopt(&self, number: usize, listener: impl Into<OwnedFd>) -> bool {
        self.mailbox.post(Message::Adopt(number, listener.into()))
    }

    /// Accepts from that sibling's listener no more.
    pub fn release(&self, number: usize) -> bool {
        self.mailbox.post(Message::Release(number))
    }

    /// Says why the latest version of the program does not start, or that it does. A plan without a
    /// row for it shows nothing.
    pub fn show_fault(&self, words: Option<String>) -> bool {
        self.mailbox.post(Message::Fault(words))
    }

    /// Stops accepting, for a successor does, and waits until `shutdown_timeout` for every client:
    /// an idle connection is kept until its next reply, which says `Connection: close`.
    pub fn leave(&self) -> bool {
        self.mailbox.post(Message::Leave)
    }

    /// Stops accepting and drains: what is in flight is finished, idle connections are closed. With
    /// a `drain_delay` it serves on for that long, and says meanwhile that it is not ready.
    pub fn stop(&self) -> bool {
        self.mailbox.post(Message::Stop)
    }

    /// As [`WorkerHandle::stop`], without the delay.
    pub fn stop_now(&self) -> bool {
        self.mailbox.post(Message::StopNow)
    }

    /// Closes every connection now.
    pub fn force(&self) -> bool {
        self.mailbox.post(Message::Force)
    }
}

/// One core's server. It lives on the thread that made it.
pub struct Worker {
    executor: Executor,
    core: Rc<Core>,
    thread: thread::ThreadId,
    engine_text: String,
    broken: bool,
}

thread_local! {
    static IN_TURN: Cell<bool> = const { Cell::new(false) };
}

impl Worker {
    /// Makes a worker that accepts from `listener`, a TCP or unix socket, and answers by `plan` and
    /// `port`.
    ///
    /// # Errors
    /// The kernel's, if neither engine can be built, or the one the configuration insists on.
    pub fn new(
        config: &ServerConfig,
        plan: Arc<Plan>,
        listener: impl Into<OwnedFd>,
        port: Box<dyn HostPort>,
        log: Arc<dyn Log>,
    ) -> io::Result<Self> {
        let log = configured(log, config);
        for line in plan.take_warnings() {
            log.log(Level::Warn, &line);
        }
        let listener = listener.into();
        let mut executor = Executor::build(config.engine)?;
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        let core = Rc::new(Core::new(config, plan, port, log, bell)?);
        let started = executor.block_on(async {
            let ear = monoio::net::UnixStream::from_std(ear)?;
            accept::open(&core, listener)?;
            spawn(&core, hear(ear));
            io::Result::Ok(())
        });
        started?;
        Ok(Self {
            engine_text: executor.choice().to_string(),
            executor,
            core,
            thread: thread::current().id(),
            broken: false,
        })
    }

    /// The descriptor that becomes readable when a turn is due.
    pub fn fd(&self) -> RawFd {
        self.executor.fd()
    }

    /// Which engine runs this worker, and why.
    pub fn engine(&self) -> &EngineChoice {
        self.executor.choice()
    }

    /// [`Worker::engine`] as a sentence.
    pub fn engine_text(&self) -> &str {
        &self.engine_text
    }

    /// A handle for other threads.
    pub fn handle(&self) -> WorkerHandle {
        let ledger = self.core.slots.borrow().ledger();
        WorkerHandle {
            mailbox: self.core.mailbox().clone(),
            ledger,
        }
    }

    /// What the worker holds now.
    pub fn stats(&self) -> Stats {
        let slots = self.core.slots.borrow();
        Stats {
            connections: self.core.open() as u64,
            in_flight: slots.in_use() as u64,
            orphans: slots.orphans() as u64,
        }
    }

    /// Milliseconds until a turn is due although the descriptor is not readable; `None` if never.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let next_ms = self.core.next_deadline_ms()?;
        Some(next_ms.saturating_sub(self.core.elapsed_ms()))
    }

    /// Does all that is due, calls host functions in place, and waits for nothing.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn turn(&mut self) -> Result<TurnEnd, TurnError> {
        if is_forked_child() {
            return Err(TurnError::Forked);
        }
        if thread::current().id() != self.thread {
            return Err(TurnError::WrongThread);
        }
        if self.broken {
            return Err(TurnError::Panicked);
        }
        if IN_TURN.replace(true) {
            return Err(TurnError::Reentered);
        }
        let (executor, core, now) = (&mut self.executor, &self.core, Instant::now());
        if let Some(watchdog) = &core.watchdog {
            watchdog.turn_begins(now);
        }
        let ended = catch_unwind(AssertUnwindSafe(|| executor.block_on(Turn::new(core, now))));
        IN_TURN.set(false);
        if let Some(watchdog) = &core.watchdog {
            watchdog.turn_ends();
        }
        ended.map_err(|_| {
            self.broken = true;
            TurnError::Panicked
        })
    }

    /// Closes every connection and ends every task, then takes no more messages. Dropping does it,
    /// too; hosts that must not be called while they drop call it before.
    ///
    /// monoio drops no task that waits for I/O: task and driver hold each other, and with them the
    /// listener, the ring and all memory. So each is brought to its end.
    pub fn end(&mut self) {
        let mailbox = self.core.mailbox().clone();
        mailbox.post(Message::Force);
        mailbox.close();
        mailbox.hang_up();
        let began = Instant::now();
        // Each task holds the core.
        while Rc::strong_count(&self.core) > 1 {
            let late = began.elapsed().as_millis() as u64 > END_MS_MAX;
            if late || self.turn().is_err() {
                return;
            }
            if Rc::strong_count(&self.core) > 1 {
                wait_readable(self.fd(), 1);
            }
        }
    }

    /// Turns until the worker is drained: for programs that give it a whole thread.
    ///
    /// # Errors
    /// See [`TurnError`].
    pub fn run(&mut self) -> Result<(), TurnError> {
        loop {
            match self.turn()? {
                TurnEnd::Drained => return Ok(()),
                TurnEnd::More => {}
                TurnEnd::Idle => self.wait(),
            }
        }
    }

    /// Sleeps until a turn is due.
    pub fn wait(&self) {
        let timeout_ms = self.next_deadline_ms();
        // Longer sleeps are cut into minutes, which fit.
        wait_readable(self.fd(), timeout_ms.map_or(-1, |ms| ms.min(60_000) as i32));
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.end();
    }
}

/// Longest time the tasks of an ending worker may take to see that it ends, in milliseconds. They
/// wait for nothing but completions that are on their way.
const END_MS_MAX: u64 = 1_000;

/// Hears the bell. The turn that its byte causes delivers the messages; this only listens anew.
async fn hear(mut ear: monoio::net::UnixStream) {
    let mut heard = vec![0; 64];
    loop {
        let (result, buffer) = ear.read(heard).await;
        heard = buffer;
        if !matches!(result, Ok(length) if length > 0) {
            return;
        }
    }
}
