//! How one call is made: as a task, on the thread pool or in place; with hooks around it or not.

use std::sync::{Arc, Weak};

use pyo3::{exceptions::PyRuntimeError, intern, prelude::*, types::PyDict};
use spikard_host::{Call, Level, Outcome, Port};

use crate::{
    answer::{Asked, Told, answer, answer_misfit},
    convert::{Unbound, bind},
    engine::{Arguments, Function, Hooks, Route},
    guest::{Guest, lock},
    hooked::{Hop, HopJob, Visit},
    pool::{CallJob, Job},
    pump::{Started, call_inline, fresh, start},
    setup::log,
};

impl Guest {
    pub(crate) fn dispatch(&self, py: Python<'_>, port: &Port, call: &Call<'_>) -> Outcome {
        // The engine only knows the numbers that `Engine` gave it.
        let function = &*self.functions[call.function() as usize];
        let needs_visit = match function {
            Function::Route(route) => route.around.is_some(),
            Function::Hooks(_) => true,
        };
        let visit = match self.visit(py, call, function, needs_visit) {
            Ok(visit) => visit,
            Err(error) => {
                log(
                    py,
                    Level::Error,
                    &format!("a call could not be made: {error}"),
                );
                return Outcome::Failed;
            }
        };
        let asked = Asked {
            id: call.id(),
            port: port.clone(),
            visit: visit.map(|visit| (visit, call.purpose())),
        };
        let work = match function {
            Function::Route(route) => self.handler_work(py, &asked, call, route),
            Function::Hooks(hooks) => self.hook_work(py, &asked, call, hooks),
        };
        match work {
            Ok(work) => self.perform(py, asked, call, work),
            Err(unbound) => {
                answer_misfit(py, &asked, call, unbound, self.shows_traces);
                Outcome::Done
            }
        }
    }

    /// What is kept of the call's exchange, where hooks need it.
    fn visit(
        &self,
        py: Python<'_>,
        call: &Call<'_>,
        function: &Function,
        is_needed: bool,
    ) -> PyResult<Option<Arc<Visit>>> {
        let number = call.exchange();
        if number == 0 && !is_needed {
            return Ok(None);
        }
        let known = lock(&self.visits).get(&number).cloned();
        let visit = match known {
            Some(visit) => visit,
            None => {
                let visit = Arc::new(Visit::begin(py, call, &self.base, &self.application)?);
                if number != 0 {
                    lock(&self.visits).insert(number, visit.clone());
                }
                visit
            }
        };
        if let Function::Hooks(hooks) = function {
            visit
                .request(py)
                .get()
                .refresh(py, call, &self.app, hooks.reads_form)?;
        }
        Ok(Some(visit))
    }

    /// A route's handler, or the hooks around it, with what it is called with.
    fn handler_work<'py>(
        &self,
        py: Python<'py>,
        asked: &Asked,
        call: &Call<'_>,
        route: &Route,
    ) -> Result<Work<'py>, Unbound<'py>> {
        let visit = asked.visit.as_ref().map(|(visit, _)| visit);
        let arguments = bind(py, route, call, visit.map(|visit| visit.request(py)))?;
        let Some(visit) = visit else {
            return Ok(Work {
                function: route.handler.bind(py).clone(),
                is_async: route.is_async,
                arguments,
                context: fresh(py, &self.base)?,
                hop: None,
            });
        };
        let context = visit.context(py, call.purpose())?;
        let Some(around) = &route.around else {
            visit.request(py).get().close();
            return Ok(Work {
                function: route.handler.bind(py).clone(),
                is_async: route.is_async,
                arguments,
                context,
                hop: None,
            });
        };
        let hop = self.hop_of(call, around, &context)?;
        let mut hooked = visit.arguments(py, call, hop.as_ref())?;
        let (values, keywords) = arguments.split(py)?;
        hooked.values.push(values.into_any());
        hooked.values.push(keywords.into_any());
        Ok(Work {
            function: around.run.bind(py).clone(),
            is_async: around.is_async,
            arguments: hooked,
            context,
            hop,
        })
    }

    fn hook_work<'py>(
        &self,
        py: Python<'py>,
        asked: &Asked,
        call: &Call<'_>,
        hooks: &Hooks,
    ) -> Result<Work<'py>, Unbound<'py>> {
        let Some((visit, _)) = &asked.visit else {
            return Err(PyRuntimeError::new_err("hooks without an exchange").into());
        };
        let context = visit.context(py, call.purpose())?;
        let hop = self.hop_of(call, hooks, &context)?;
        Ok(Work {
            function: hooks.run.bind(py).clone(),
            is_async: hooks.is_async,
            arguments: visit.arguments(py, call, hop.as_ref())?,
            context,
            hop,
        })
    }

    /// The way to the pool, for hooks that need one.
    fn hop_of<'py>(
        &self,
        call: &Call<'_>,
        hooks: &Hooks,
        context: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, Hop>>> {
        let event_loop = self.event_loop.as_ref().filter(|_| hooks.is_mixed);
        let hop = event_loop.map(|event_loop| {
            let hop = Hop::new(self.me.clone(), context, event_loop, !call.is_for_pool());
            Bound::new(context.py(), hop)
        });
        hop.transpose()
    }

    /// Calls a function here, now: as a task, on a thread of the pool, or in place.
    fn perform(&self, py: Python<'_>, asked: Asked, call: &Call<'_>, work: Work<'_>) -> Outcome {
        let event_loop = self.event_loop.as_ref();
        let result = match event_loop.filter(|_| work.is_async) {
            None if call.is_for_pool() => return self.submit(py, asked, call, work),
            None => call_inline(event_loop, &work.context, &work.function, &work.arguments),
            Some(event_loop) => {
                let (event_loop, capture) = (event_loop.bind(py), self.capture.bind(py));
                let arguments = &work.arguments;
                match start(
                    event_loop,
                    capture,
                    &work.context,
                    &work.function,
                    arguments,
                ) {
                    Ok(Started::Done(result, context)) => {
                        asked.adopt(&work.context, &context);
                        result
                    }
                    Ok(Started::Waiting(task, context)) => {
                        asked.adopt(&work.context, &context);
                        return self.wait_for(py, asked, call, (task, context), work.hop);
                    }
                    Err(error) => Err(error),
                }
            }
        };
        let run = work.hop.and_then(|hop| hop.get().run());
        answer(py, &asked, result, run, || {
            Told::of(call, self.shows_traces)
        });
        Outcome::Done
    }

    fn submit(&self, py: Python<'_>, asked: Asked, call: &Call<'_>, work: Work<'_>) -> Outcome {
        let Work {
            function,
            arguments,
            context,
            ..
        } = work;
        let job = Job::Call(CallJob {
            asked,
            function: function.unbind(),
            values: arguments.values.into_iter().map(Bound::unbind).collect(),
            names: arguments.names.map(Bound::unbind),
            context: context.unbind(),
            told: Told::of(call, self.shows_traces),
        });
        if self.threads.submit(py, job) {
            Outcome::Later
        } else {
            Outcome::Failed
        }
    }

    /// Takes one function of a call to the pool. False if that is closed.
    pub(crate) fn hop(&self, py: Python<'_>, hop: Py<Hop>, job: HopJob) -> bool {
        self.threads.submit(py, Job::Hop(hop, job))
    }

    fn wait_for(
        &self,
        py: Python<'_>,
        asked: Asked,
        call: &Call<'_>,
        (task, context): (Bound<'_, PyAny>, Bound<'_, PyAny>),
        hop: Option<Bound<'_, Hop>>,
    ) -> Outcome {
        let told = Told::of(call, self.shows_traces);
        if let Some(hop) = &hop {
            hop.get().waits();
        }
        let finished = Finished {
            asked: asked.clone(),
            told: told.clone(),
            guest: self.me.clone(),
            hop: hop.map(Bound::unbind),
        };
        let added = Bound::new(py, finished).and_then(|finished| {
            let keywords = PyDict::new(py);
            keywords.set_item(intern!(py, "context"), context)?;
            task.call_method(
                intern!(py, "add_done_callback"),
                (finished,),
                Some(&keywords),
            )
        });
        match added {
            Ok(_) => {
                lock(&self.tasks).insert(call.id(), task.unbind());
                Outcome::Later
            }
            Err(error) => {
                answer(py, &asked, Err(error), None, || told);
                Outcome::Done
            }
        }
    }
}

/// A function that is to be called, with everything it needs.
struct Work<'py> {
    function: Bound<'py, PyAny>,
    is_async: bool,
    arguments: Arguments<'py>,
    context: Bound<'py, PyAny>,
    hop: Option<Bound<'py, Hop>>,
}

/// Told by a task when it ends: answers its call.
#[pyclass(frozen, module = "spikard._native")]
struct Finished {
    asked: Asked,
    told: Told,
    guest: Weak<Guest>,
    hop: Option<Py<Hop>>,
}

#[pymethods]
impl Finished {
    fn __call__(&self, task: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = task.py();
        if let Some(guest) = self.guest.upgrade() {
            // Bound first: what the map drops is dropped without the lock.
            let _task = lock(&guest.tasks).remove(&self.asked.id);
        }
        let result = task.call_method0(intern!(py, "result"));
        let cancelled = &crate::setup::hooks(py)?.cancelled;
        if let Err(error) = &result
            && error.is_instance(py, cancelled.bind(py))
        {
            // Cancelled because nobody waits any more, or by itself: either way a 500 that is
            // swallowed if nobody waits.
            let _ = self.asked.fail(None, false, None);
            return Ok(());
        }
        let run = self.hop.as_ref().and_then(|hop| hop.get().run());
        answer(py, &self.asked, result, run, || self.told.clone());
        Ok(())
    }
}
