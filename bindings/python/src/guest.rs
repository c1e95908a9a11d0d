//! The worker's host in Python: receives calls and turns, schedules the next turn.
//!
//! It lives on the event loop's thread. Everything mutable is behind a lock or an atomic, because
//! answers from pool threads may ask for a turn.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use pyo3::{intern, prelude::*};
use spikard_host::{App, Call, Host, Level, Outcome, Port};

use crate::{
    engine::{Engine, Function},
    hooked::Visit,
    pool::Threads,
    pump::{Capture, current},
    setup::log,
    stalls::Stalls,
};

/// See the module's documentation.
pub(crate) struct Guest {
    pub(crate) me: Weak<Self>,
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) app: Arc<App>,
    /// The application that requests are of, as Python has it.
    pub(crate) application: Py<PyAny>,
    pub(crate) event_loop: Option<Py<PyAny>>,
    pub(crate) base: Py<PyAny>,
    pub(crate) capture: Py<Capture>,
    pub(crate) threads: Threads,
    owner: ThreadId,
    port: OnceLock<Port>,
    turns: Mutex<Option<Turns>>,
    /// Whether a scheduled turn stands in the loop's ready queue.
    turn_scheduled: AtomicBool,
    timer: Mutex<Option<(Instant, Py<PyAny>)>>,
    pub(crate) tasks: Mutex<HashMap<u64, Py<PyAny>>>,
    injected: Mutex<HashMap<u64, Py<PyAny>>>,
    /// What is kept of exchanges that are not over, by their numbers.
    pub(crate) visits: Mutex<HashMap<u64, Arc<Visit>>>,
    /// Whether clients are shown how a handler failed.
    pub(crate) shows_traces: bool,
    stalls: Stalls,
}

/// Methods of the Python object that owns the worker. Other threads must not hold one, not even
/// for a moment: whoever lets go of the object last is the one it ends on.
struct Turns {
    /// For readiness and deadlines.
    due: Py<PyAny>,
    /// For the loop's ready queue.
    scheduled: Py<PyAny>,
    /// The same, for other threads to put there.
    from_afar: Py<FromAfar>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Guest {
    pub(crate) fn new(
        py: Python<'_>,
        engine: &Engine,
        event_loop: Option<Py<PyAny>>,
        blocking_threads: usize,
        queue_timeout: f64,
    ) -> PyResult<Arc<Self>> {
        let timeout = Duration::try_from_secs_f64(queue_timeout)
            .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
        let stalls = Stalls::new(py)?;
        let (base, capture) = (current(py)?, Py::new(py, Capture::default())?);
        Ok(Arc::new_cyclic(|me| Self {
            me: me.clone(),
            functions: engine.functions(),
            app: engine.app.clone(),
            application: engine.application.clone_ref(py),
            event_loop,
            base,
            capture,
            threads: Threads::new(blocking_threads, timeout),
            owner: thread::current().id(),
            port: OnceLock::new(),
            turns: Mutex::default(),
            turn_scheduled: AtomicBool::new(false),
            timer: Mutex::default(),
            tasks: Mutex::default(),
            injected: Mutex::default(),
            visits: Mutex::default(),
            shows_traces: engine.is_dev(),
            stalls,
        }))
    }

    /// Completes the guest once its worker exists.
    pub(crate) fn attach(
        &self,
        py: Python<'_>,
        port: Port,
        due: Py<PyAny>,
        scheduled: Py<PyAny>,
    ) -> PyResult<()> {
        let _ = self.port.set(port);
        let guest = self.me.clone();
        *lock(&self.turns) = Some(Turns {
            due,
            scheduled,
            from_afar: Py::new(py, FromAfar { guest })?,
        });
        Ok(())
    }

    /// Keeps whom to give the reply of an injected request.
    pub(crate) fn expect_injected(&self, token: u64, callback: Py<PyAny>) {
        lock(&self.injected).insert(token, callback);
    }

    /// Whether a turn stands in the loop's ready queue.
    pub(crate) fn is_turn_scheduled(&self) -> bool {
        self.turn_scheduled.load(Ordering::Relaxed)
    }

    /// The scheduled turn begins: what was wanted until now is served by it.
    pub(crate) fn scheduled_turn_began(&self) {
        self.turn_scheduled.store(false, Ordering::Relaxed);
    }

    /// The loop, and one of the ways to have it make a turn; `None` without a loop, and once the
    /// guest is closed.
    fn loop_and_turn(
        &self,
        py: Python<'_>,
        choose: impl FnOnce(&Turns) -> &Py<PyAny>,
    ) -> Option<(&Py<PyAny>, Py<PyAny>)> {
        let event_loop = self.event_loop.as_ref()?;
        let turns = lock(&self.turns);
        Some((event_loop, choose(turns.as_ref()?).clone_ref(py)))
    }

    /// Schedules a turn behind the loop's other ready work; not after the guest is closed.
    pub(crate) fn turn_soon(&self, py: Python<'_>) -> PyResult<()> {
        let own = thread::current().id() == self.owner;
        let found = self.loop_and_turn(py, |turns| match own {
            true => &turns.scheduled,
            false => turns.from_afar.as_any(),
        });
        let Some((event_loop, turn)) = found else {
            return Ok(());
        };
        if self.turn_scheduled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let method = if own {
            intern!(py, "call_soon")
        } else {
            intern!(py, "call_soon_threadsafe")
        };
        event_loop.call_method1(py, method, (turn,)).map(|_| ())
    }

    /// Schedules a turn for a deadline, unless one is scheduled before it.
    pub(crate) fn turn_after(&self, py: Python<'_>, after: Duration) -> PyResult<()> {
        let Some((event_loop, turn)) = self.loop_and_turn(py, |turns| &turns.due) else {
            return Ok(());
        };
        let now = Instant::now();
        let due = now + after;
        let mut timer = lock(&self.timer);
        match &*timer {
            // An early turn does no harm: it schedules the next.
            Some((armed, _)) if *armed > now && *armed <= due => return Ok(()),
            Some((armed, handle)) if *armed > now => {
                handle.call_method0(py, intern!(py, "cancel"))?;
            }
            _ => {}
        }
        let delay = after.as_secs_f64();
        let handle = event_loop.call_method1(py, intern!(py, "call_later"), (delay, turn))?;
        *timer = Some((due, handle));
        Ok(())
    }

    /// No turn will follow.
    pub(crate) fn close(&self, py: Python<'_>) {
        self.threads.close();
        // Let go here, on the loop's thread: a pool thread may be the last to hold the guest, and
        // the worker's Python object must not end there.
        let _turns = lock(&self.turns).take();
        if let Some((_, handle)) = lock(&self.timer).take() {
            // A loop that is closed already has dropped the timer with it.
            let _ = handle.call_method0(py, intern!(py, "cancel"));
        }
    }
}

impl Guest {
    /// Whether the task of a call has ended with this exception, and its call is not answered yet.
    pub(crate) fn was_raised(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<bool> {
        // Python code runs below, which must not find the lock taken.
        let tasks: Vec<_> = lock(&self.tasks)
            .values()
            .map(|it| it.clone_ref(py))
            .collect();
        for task in tasks {
            let task = task.bind(py);
            let asked = |name| task.call_method0(name)?.is_truthy();
            if asked("done")? && !asked("cancelled")? && task.call_method0("exception")?.is(error) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Host for Guest {
    fn call(&self, call: Call<'_>) -> Outcome {
        Python::attach(|py| match self.port.get() {
            Some(port) => self.dispatch(py, port, &call),
            None => Outcome::Failed,
        })
    }

    /// The reply is still written (`nc -N` is a legitimate client), so the handler goes on.
    fn disconnected(&self, _: u64) {}

    fn cancelled(&self, id: u64) {
        let Some(task) = lock(&self.tasks).remove(&id) else {
            return;
        };
        Python::attach(|py| {
            if let Err(error) = task.call_method0(py, intern!(py, "cancel")) {
                error.write_unraisable(py, None);
            }
        });
    }

    fn ended(&self, exchange: u64) {
        // Bound first: what it lets go of may run Python code, which must not find the lock taken.
        let visit = lock(&self.visits).remove(&exchange);
        if let Some(visit) = visit {
            Python::attach(|_| drop(visit));
        }
    }

    fn injected(&self, token: u64, reply: &[u8]) {
        let Some(callback) = lock(&self.injected).remove(&token) else {
            return;
        };
        Python::attach(|py| {
            if let Err(error) = callback.call1(py, (reply,)) {
                error.write_unraisable(py, None);
            }
        });
    }

    fn wake(&self) {
        Python::attach(|py| {
            // A loop that is closed wants no turn any more.
            let _ = self.turn_soon(py);
        });
    }

    fn log(&self, level: Level, message: &str) {
        Python::attach(|py| log(py, level, message));
    }

    fn stalled(&self, name: &str, route: &str, for_ms: u32) {
        self.stalls.tell(name, route, for_ms);
    }
}

/// Puts a turn into the loop's ready queue from another thread. It may end on any.
#[pyclass(frozen, module = "spikard._native")]
struct FromAfar {
    guest: Weak<Guest>,
}

#[pymethods]
impl FromAfar {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let Some(guest) = self.guest.upgrade() else {
            return Ok(());
        };
        match guest.loop_and_turn(py, |turns| &turns.scheduled) {
            Some((_, turn)) => turn.call0(py).map(|_| ()),
            None => Ok(()),
        }
    }
}
