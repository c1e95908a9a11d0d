//! Work that may block, such as writing to a disk, done beside the worker's thread.
//!
//! A few threads per worker, started with the first job and ended with the worker. A connection
//! waits for its job without a clock: one that leaves or is forced to end does not wait, and the
//! job's end then finds nobody. There are never more jobs than connections.
//! Knows nothing of what a job does.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use spikard_middleware::Work;

use crate::{
    mailbox::{Mailbox, Message},
    wheel::Record,
};

/// Names one job of a worker.
pub(crate) type JobId = u64;

/// Threads of one worker. Two, so that one write that hangs does not hold the others.
const THREADS: usize = 2;

/// The jobs of one worker, and who does them.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    jobs: RefCell<Option<Sender<(JobId, Work)>>>,
    waiting: RefCell<HashMap<JobId, Rc<Record>>>,
    next: Cell<JobId>,
}

impl Crew {
    /// Gives a job out, for the connection of `record`.
    ///
    /// # Errors
    /// The kernel's, if there is no thread to be had.
    pub(crate) fn begin(
        &self,
        work: Work,
        record: &Rc<Record>,
        mailbox: &Arc<Mailbox>,
    ) -> io::Result<JobId> {
        let mut jobs = self.jobs.borrow_mut();
        let jobs = match &mut *jobs {
            Some(jobs) => jobs,
            none => none.insert(start(mailbox)?),
        };
        let id = self.next.get();
        self.next.set(id + 1);
        // The threads only end when this sender does.
        jobs.send((id, work))
            .map_err(|_| io::Error::other("the threads have ended"))?;
        self.waiting.borrow_mut().insert(id, record.clone());
        Ok(id)
    }

    /// Whether a job is done.
    pub(crate) fn is_done(&self, id: JobId) -> bool {
        !self.waiting.borrow().contains_key(&id)
    }

    /// Strikes a job, because it is done or because nobody waits any more; whose connection waits
    /// for it, if one still does.
    pub(crate) fn strike(&self, id: JobId) -> Option<Rc<Record>> {
        self.waiting.borrow_mut().remove(&id)
    }
}

fn start(mailbox: &Arc<Mailbox>) -> io::Result<Sender<(JobId, Work)>> {
    let (sender, receiver) = channel();
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let (receiver, mailbox) = (receiver.clone(), mailbox.clone());
        thread::Builder::new()
            .name("spikard-work".to_owned())
            .spawn(move || labour(&receiver, &mailbox))?;
    }
    Ok(sender)
}

fn labour(receiver: &Mutex<Receiver<(JobId, Work)>>, mailbox: &Mailbox) {
    loop {
        // The lock is given back with the job in hand, not when it is done.
        let job = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((id, work)) = job else { return };
        work.run();
        if !mailbox.post(Message::Worked(id)) {
            return;
        }
    }
}
