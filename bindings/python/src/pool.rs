//! The threads on which blocking Python functions run.
//!
//! Named and bounded; started one by one as they are needed. Each call is timed, and the kernel is
//! asked whether its thread had to wait: that is what the engine's promotion policy decides by.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use pyo3::{prelude::*, types::PyTuple};
use spikard_host::{Level, Pool, PoolRun, Port};

use crate::{
    convert::{Told, answer},
    engine::Arguments,
    pump::{call_function, context_switches, in_fresh_context},
    setup::log,
};

/// One call that waits for a thread.
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) port: Port,
    pub(crate) handler: Py<PyAny>,
    pub(crate) values: Vec<Py<PyAny>>,
    pub(crate) names: Option<Py<PyTuple>>,
    pub(crate) context: Arc<Py<PyAny>>,
    pub(crate) told: Told,
}

/// The pool of one worker.
pub(crate) struct Threads {
    queue: Arc<Pool<Job>>,
    started: AtomicUsize,
    most: usize,
}

impl Threads {
    /// A pool of at most `most` threads, in which a call waits at most `timeout` for one.
    pub(crate) fn new(most: usize, timeout: Duration) -> Self {
        Self {
            queue: Arc::new(Pool::new(timeout)),
            started: AtomicUsize::new(0),
            most,
        }
    }

    /// Queues a job, and starts a thread if none is idle and there may be one more. False if the
    /// pool is closed.
    pub(crate) fn submit(&self, py: Python<'_>, job: Job) -> bool {
        let Ok(starved) = self.queue.push(job) else {
            return false;
        };
        let started = self.started.load(Ordering::Relaxed);
        if starved && started < self.most {
            self.started.store(started + 1, Ordering::Relaxed);
            if started == 0 {
                self.start(py, "spikard-queue", expire);
            }
            self.start(py, &format!("spikard-pool-{started}"), work);
        }
        true
    }

    fn start(&self, py: Python<'_>, name: &str, body: fn(Python<'_>, &Pool<Job>)) {
        let queue = self.queue.clone();
        let run = move || Python::attach(|py| body(py, &queue));
        if let Err(error) = thread::Builder::new().name(name.to_owned()).spawn(run) {
            log(
                py,
                Level::Error,
                &format!("the thread {name} could not be started: {error}"),
            );
        }
    }

    /// Ends the pool. Calls that still wait for a thread are answered 503.
    pub(crate) fn close(&self) {
        for job in self.queue.close() {
            refuse(&job);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.close();
    }
}

fn work(py: Python<'_>, queue: &Pool<Job>) {
    while let Some(job) = py.detach(|| queue.next()) {
        run(py, job);
    }
}

fn expire(py: Python<'_>, queue: &Pool<Job>) {
    while let Some(job) = py.detach(|| queue.next_expired()) {
        refuse(&job);
    }
}

/// No thread came free in time.
fn refuse(job: &Job) {
    let problem = r#"{"status":503,"detail":"No thread was free in time (setting: queue_timeout)",
        "headers":[["retry-after","1"]]}"#;
    // A call that has its answer by now needs none.
    let _ = job.port.problem(job.id, problem, None);
}

fn run(py: Python<'_>, job: Job) {
    let arguments = Arguments {
        values: job
            .values
            .into_iter()
            .map(|value| value.into_bound(py))
            .collect(),
        names: job.names.map(|names| names.into_bound(py)),
    };
    let handler = job.handler.bind(py);
    let (waits, began) = (context_switches(), Instant::now());
    let result = in_fresh_context(py, &job.context, |_| call_function(handler, &arguments));
    let run = PoolRun {
        wall_ns: began.elapsed().as_nanos() as u64,
        waits: context_switches() - waits,
    };
    answer(py, &job.port, job.id, result, Some(run), || job.told);
}
