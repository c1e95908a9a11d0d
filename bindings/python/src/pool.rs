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

use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};
use spikard_host::{Level, Pool, PoolRun};

use crate::{
    answer::{Asked, Told, answer},
    engine::Arguments,
    hooked::{Hop, HopJob},
    pump::{call_function, context_switches, enter},
    setup::{hooks, log},
};

/// What waits for a thread.
pub(crate) enum Job {
    /// A whole call.
    Call(CallJob),
    /// One function of a call that goes on elsewhere.
    Hop(Py<Hop>, HopJob),
}

/// A call to be made and answered.
pub(crate) struct CallJob {
    pub(crate) asked: Asked,
    pub(crate) function: Py<PyAny>,
    pub(crate) values: Vec<Py<PyAny>>,
    pub(crate) names: Option<Py<PyTuple>>,
    pub(crate) context: Py<PyAny>,
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
            Python::attach(|py| refuse(py, &job));
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
        refuse(py, &job);
    }
}

/// No thread came free in time.
fn refuse(py: Python<'_>, job: &Job) {
    match job {
        Job::Call(job) => {
            let problem =
                format!(r#"{{"status":503,"detail":"{REFUSAL}","headers":[["retry-after","1"]]}}"#);
            // A call that has its answer by now needs none.
            let _ = job.asked.problem(&problem, None);
        }
        Job::Hop(hop, job) => job.settle(py, hop.get(), Err(refusal(py))),
    }
}

/// The same, to be raised.
fn refusal(py: Python<'_>) -> PyErr {
    let raised = hooks(py).and_then(|hooks| {
        let keywords = PyDict::new(py);
        keywords.set_item("detail", REFUSAL)?;
        keywords.set_item("headers", [("retry-after", "1")])?;
        hooks.problem.bind(py).call((503,), Some(&keywords))
    });
    raised.map_or_else(|error| error, PyErr::from_value)
}

const REFUSAL: &str = "No thread was free in time (setting: queue_timeout)";

fn run(py: Python<'_>, job: Job) {
    let (waits, began) = (context_switches(), Instant::now());
    let took = || PoolRun {
        wall_ns: began.elapsed().as_nanos() as u64,
        waits: context_switches() - waits,
    };
    let job = match job {
        Job::Call(job) => job,
        Job::Hop(hop, job) => {
            let result = job.call(py, hop.get());
            hop.get().add(took());
            return job.settle(py, hop.get(), result);
        }
    };
    let arguments = Arguments {
        values: job
            .values
            .into_iter()
            .map(|value| value.into_bound(py))
            .collect(),
        names: job.names.map(|names| names.into_bound(py)),
    };
    let function = job.function.bind(py);
    let result = enter(job.context.bind(py), || call_function(function, &arguments));
    let run = Some(took());
    answer(py, &job.asked, result, run, || job.told);
}
