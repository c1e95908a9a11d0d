//! Work that may block, such as writing to a disk, done beside the worker's thread.
//!
//! A few threads per worker, started as jobs wait for one and ended with the worker. A connection
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
        atomic::{AtomicUsize, Ordering},
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

/// Most threads of one worker: a disk that hangs holds one thread per job, and the other disks are
/// to go on.
const THREADS_MAX: usize = 8;

/// Where jobs are handed out.
#[derive(Debug)]
struct Desk {
    jobs: Sender<(JobId, Work)>,
    taken: Arc<Mutex<Receiver<(JobId, Work)>>>,
    /// Jobs handed out and not done.
    open: Arc<AtomicUsize>,
    threads: usize,
}

/// The jobs of one worker, and who does them.
#[derive(Debug, Default)]
pub(crate) struct Crew {
    jobs: RefCell<Option<Desk>>,
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
        let mut desk = self.jobs.borrow_mut();
        let desk = desk.get_or_insert_with(Desk::new);
        desk.staff(mailbox)?;
        let id = self.next.get();
        self.next.set(id + 1);
        desk.open.fetch_add(1, Ordering::Relaxed);
        // The threads only end when this sender does.
        desk.jobs
            .send((id, work))
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

impl Desk {
    fn new() -> Self {
        let (jobs, taken) = channel();
        Self {
            jobs,
            taken: Arc::new(Mutex::new(taken)),
            open: Arc::default(),
            threads: 0,
        }
    }

    /// Starts a thread if all are at work and there may be one more.
    fn staff(&mut self, mailbox: &Arc<Mailbox>) -> io::Result<()> {
        if self.open.load(Ordering::Relaxed) < self.threads || self.threads == THREADS_MAX {
            return Ok(());
        }
        let (taken, mailbox, open) = (self.taken.clone(), mailbox.clone(), self.open.clone());
        let started = thread::Builder::new()
            .name("spikard-work".to_owned())
            .spawn(move || labour(&taken, &mailbox, &open));
        match started {
            Ok(_) => self.threads += 1,
            // Those that there are will come to it.
            Err(_) if self.threads > 0 => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn labour(receiver: &Mutex<Receiver<(JobId, Work)>>, mailbox: &Mailbox, open: &AtomicUsize) {
    loop {
        // The lock is given back with the job in hand, not when it is done.
        let job = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((id, work)) = job else { return };
        work.run();
        open.fetch_sub(1, Ordering::Relaxed);
        if !mailbox.post(Message::Worked(id)) {
            return;
        }
    }
}
