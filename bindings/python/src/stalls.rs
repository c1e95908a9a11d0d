//! Says where Python stands when a handler holds its worker for too long.
//!
//! The engine notices a stall on a thread that must not wait, and looking at Python's frames means
//! waiting for the interpreter's lock; so the news goes through a channel to a thread that may.

use std::{
    sync::{
        OnceLock,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use pyo3::{prelude::*, types::PyDict};

use crate::setup::hooks;

/// A turn that takes too long.
struct Stall {
    name: String,
    route: String,
    for_ms: u32,
}

/// Takes the news of stalls. Its thread begins with the first and ends with it.
pub(crate) struct Stalls {
    /// Python's number of the worker's thread.
    owner: u64,
    listener: OnceLock<Option<Sender<Stall>>>,
}

impl Stalls {
    /// For a worker on the calling thread.
    pub(crate) fn new(py: Python<'_>) -> PyResult<Self> {
        let threading = py.import("threading")?;
        Ok(Self {
            owner: threading.call_method0("get_ident")?.extract()?,
            listener: OnceLock::new(),
        })
    }

    /// Passes a stall on. Does not wait.
    pub(crate) fn tell(&self, name: &str, route: &str, for_ms: u32) {
        let listener = self.listener.get_or_init(|| {
            let (owner, (sender, receiver)) = (self.owner, channel());
            let thread = thread::Builder::new().name("spikard-stalls".to_owned());
            let listening = thread.spawn(move || listen(owner, &receiver));
            listening.is_ok().then_some(sender)
        });
        if let Some(listener) = listener {
            // Without a listener there is nobody to tell.
            let _ = listener.send(Stall {
                name: name.to_owned(),
                route: route.to_owned(),
                for_ms,
            });
        }
    }
}

fn listen(owner: u64, stalls: &Receiver<Stall>) {
    while let Ok(stall) = stalls.recv() {
        let told = Python::try_attach(|py| {
            report(py, owner, &stall).map_err(|error| {
                error.write_unraisable(py, None);
            })
        });
        if told.is_none() {
            // The interpreter is ending.
            return;
        }
    }
}

fn report(py: Python<'_>, owner: u64, stall: &Stall) -> PyResult<()> {
    let frames = py
        .import("sys")?
        .call_method0("_current_frames")?
        .cast_into::<PyDict>()?;
    let frame = frames.get_item(owner)?;
    hooks(py)?
        .stalled
        .call1(py, (&stall.name, &stall.route, stall.for_ms, frame))?;
    Ok(())
}
