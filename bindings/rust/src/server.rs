//! A running server: one thread per worker, each with its own ring, listener and port.
//!
//! `run` also watches signals; `start` leaves them to the program. A worker that fails inside ends
//! the server with an error, so that whatever supervises the process can start it again.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use spikard_contract::config::ServerConfig;
use spikard_middleware::{Level, Log, Plan};
use spikard_runtime::listen::{self, Opened, Place};
use spikard_runtime::shared::of_process;
use spikard_runtime::{TurnError, Worker, WorkerHandle};

use crate::app::{App, Built};
use crate::error::RunError;
use crate::lifespan::{Life, Lifetime};
use crate::link::Link;
use crate::port::{Port, Service};

impl App {
    /// Serves on `127.0.0.1:8000` until SIGINT or SIGTERM; the first stops gracefully, the second
    /// at once.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run(self) -> Result<(), RunError> {
        self.run_with(ServerConfig::default())
    }

    /// As [`App::run`], as configured.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn run_with(self, config: ServerConfig) -> Result<(), RunError> {
        let signals = Signals::new([SIGINT, SIGTERM]).map_err(RunError::System)?;
        let mut server = self.start(config)?;
        let watch = Watch::begin(signals, server.workers.clone())?;
        let ended = server.join();
        watch.end();
        ended
    }

    /// Starts serving and returns. The server ends when it is stopped or dropped.
    ///
    /// # Errors
    /// [`RunError`], except a worker's.
    pub fn start(self, config: ServerConfig) -> Result<Server, RunError> {
        let built = self.build()?.configured(&config);
        config.check().map_err(RunError::Config)?;
        let count = config.workers as usize;
        let opened = listen::open(&config, count).map_err(RunError::Listen)?;
        let server = Server::start(&built, config, opened)?;
        Ok(server.announce(&*built.service.log))
    }

    /// The function table that would be served: which stages each route has, in order. A line for
    /// each table: the rows on requests, on replies, and behind them.
    ///
    /// ```
    /// use spikard::{App, ServerConfig};
    ///
    /// let mut app = App::new();
    /// app.get("/hello", || "hello");
    /// let tables = app.tables(&ServerConfig::default())?;
    /// assert!(tables.contains("GET /hello: body_limit deadline handler |"));
    /// # Ok::<(), spikard::RunError>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError`] if the application or the configuration is refused.
    pub fn tables(self, config: &ServerConfig) -> Result<String, RunError> {
        let built = self.build()?;
        config.check().map_err(RunError::Config)?;
        let plan = built.app.lower(config).map_err(RunError::Lower)?;
        Ok(plan.to_string())
    }

    /// As [`App::start`], with one worker, on a socket that already listens. `host`, `port`,
    /// `backlog` and `workers` of the configuration are not used.
    ///
    /// # Errors
    /// [`RunError`], except a worker's.
    pub fn start_on(self, config: ServerConfig, listener: TcpListener) -> Result<Server, RunError> {
        let built = self.build()?.configured(&config);
        config.check().map_err(RunError::Config)?;
        listener.set_nonblocking(true).map_err(RunError::System)?;
        let opened = Opened::of(listener).map_err(RunError::System)?;
        let server = Server::start(&built, config, opened)?;
        Ok(server.announce(&*built.service.log))
    }
}

/// A server that runs beside the calling thread. Dropping it closes every connection.
#[derive(Debug)]
pub struct Server {
    opened: Opened,
    engine: String,
    workers: Vec<WorkerHandle>,
    threads: Vec<JoinHandle<()>>,
    ends: Receiver<Result<(), TurnError>>,
}

/// What a worker says once it stands.
type Ready = Result<(WorkerHandle, String), RunError>;

impl Server {
    /// Where it listens; the port is the real one where port 0 was asked for. On a unix socket it
    /// is `0.0.0.0:0`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        match self.opened.place {
            Place::Address(address) => address,
            Place::Unix(_) | Place::Abstract(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
        }
    }

    /// Which engine its workers run on, and why.
    #[must_use]
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Stops accepting, finishes what is in flight, closes idle connections. Returns at once.
    pub fn stop(&self) {
        for worker in &self.workers {
            // False from a worker that has ended already.
            let _ = worker.stop();
        }
    }

    /// Closes every connection. Returns at once.
    pub fn force(&self) {
        for worker in &self.workers {
            // False from a worker that has ended already.
            let _ = worker.force();
        }
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    /// [`RunError::Worker`] if a worker failed.
    pub fn wait(mut self) -> Result<(), RunError> {
        self.join()
    }

    /// The handles of its workers.
    pub(crate) fn workers(&self) -> Vec<WorkerHandle> {
        self.workers.clone()
    }

    /// Says where it listens, in the application's log.
    fn announce(self, log: &dyn Log) -> Self {
        let (count, place, engine) = (self.workers.len(), self.opened.places(), &self.engine);
        let plural = if count == 1 { "worker" } else { "workers" };
        let message = format!("listening on {place} ({count} {plural}, {engine})");
        log.log(Level::Info, &message);
        self
    }

    pub(crate) fn start(
        built: &Built,
        config: ServerConfig,
        mut opened: Opened,
    ) -> Result<Self, RunError> {
        if config.reload {
            return Err(RunError::Reload);
        }
        let listeners = mem::take(&mut opened.listeners);
        // A supervised worker counts in its parent's memory, any other process in its own.
        let plan = built.app.lower_in(&config, &*of_process());
        let plan = Arc::new(plan.map_err(RunError::Lower)?);
        let (end, ends) = channel();
        let mut server = Self {
            opened,
            engine: String::new(),
            workers: Vec::new(),
            threads: Vec::new(),
            ends,
        };
        let (sender, ready) = channel();
        let mut refused = None;
        for listener in listeners {
            let seat = Seat {
                service: built.service.clone(),
                lifetime: built.lifetime.clone(),
                plan: plan.clone(),
                config: config.clone(),
                listener,
            };
            match seat.take(server.threads.len(), sender.clone(), end.clone()) {
                Ok(thread) => server.threads.push(thread),
                Err(error) => refused = Some(RunError::System(error)),
            }
        }
        // With the last sender the channels end.
        drop((sender, end));
        for said in ready {
            match said {
                Ok((worker, engine)) => {
                    server.workers.push(worker);
                    server.engine = engine;
                }
                Err(error) => refused = Some(error),
            }
        }
        if let Some(error) = refused {
            // Dropping the server ends the workers that stand.
            return Err(error);
        }
        for (number, further) in server.opened.further.iter().enumerate() {
            for worker in &server.workers {
                let listener = further.listener.try_clone().map_err(RunError::System)?;
                // No worker has a number as high as these: nobody releases them.
                worker.adopt(server.workers.len() + number, listener);
            }
        }
        Ok(server)
    }

    pub(crate) fn join(&mut self) -> Result<(), RunError> {
        let mut ended = Ok(());
        // The channel ends with the last worker.
        while let Ok(end) = self.ends.recv() {
            if let Err(error) = end {
                ended = Err(RunError::Worker(error));
                self.force();
            }
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                ended = Err(RunError::Worker(TurnError::Panicked));
            }
        }
        ended
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.force();
        // Nobody is left to hear of an error.
        let _ = self.join();
    }
}

/// What a worker's thread is given.
struct Seat {
    service: Arc<Service>,
    lifetime: Arc<Lifetime>,
    plan: Arc<Plan>,
    config: ServerConfig,
    listener: OwnedFd,
}

impl Seat {
    /// Starts the worker's thread.
    fn take(
        self,
        number: usize,
        ready: Sender<Ready>,
        end: Sender<Result<(), TurnError>>,
    ) -> io::Result<JoinHandle<()>> {
        thread::Builder::new()
            .name(format!("spikard-worker-{number}"))
            .spawn(move || {
                // The server is gone only after this has ended.
                let _ = end.send(self.work(ready));
            })
    }

    fn work(self, ready: Sender<Ready>) -> Result<(), TurnError> {
        let log = self.service.log.clone();
        // The starter waits for every worker's word.
        let life = match Life::begin(self.lifetime, log.clone()) {
            Ok(life) => life,
            Err(error) => {
                let _ = ready.send(Err(error));
                return Ok(());
            }
        };
        let link = Arc::new(Link::default());
        let port = Port::new(self.service, link.clone(), &self.config);
        let made = Worker::new(&self.config, self.plan, self.listener, Box::new(port), log);
        let mut worker = match made {
            Ok(worker) => worker,
            Err(error) => {
                let _ = ready.send(Err(RunError::System(error)));
                return Ok(());
            }
        };
        link.attach(worker.handle());
        let _ = ready.send(Ok((worker.handle(), worker.engine_text().to_owned())));
        drop(ready);
        let ended = worker.run();
        drop(worker);
        drop(life);
        ended
    }
}

/// Turns signals into orders, for as long as the server runs.
pub(crate) struct Watch {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn begin(
        mut signals: Signals,
        workers: Vec<WorkerHandle>,
    ) -> Result<Self, RunError> {
        let handle = signals.handle();
        let thread = thread::Builder::new()
            .name("spikard-signals".into())
            .spawn(move || {
                for (count, _) in signals.forever().enumerate() {
                    for worker in &workers {
                        let _ = if count == 0 {
                            worker.stop()
                        } else {
                            worker.force()
                        };
                    }
                }
            })
            .map_err(RunError::System)?;
        Ok(Self { handle, thread })
    }

    pub(crate) fn end(self) {
        self.handle.close();
        // The thread only passes orders on; there is nothing to report.
        let _ = self.thread.join();
    }
}
