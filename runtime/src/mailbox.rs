//! Messages to a worker from anywhere: answers of the host, orders to stop.
//!
//! A monoio waker may be used only inside a turn, on the ring's thread. So everything that happens
//! outside is a message in this queue; the next turn takes all of them and wakes by slot. The wake
//! descriptor is one end of a socket pair, which works on both engines (a monoio file does not wait
//! for readiness on epoll).

use std::{
    io::Write,
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use spikard_middleware::{Answer, CallId, PoolRun};

use crate::work::JobId;

/// One thing that happened outside a turn.
#[derive(Debug)]
pub(crate) enum Message {
    /// The host's answer to a call, and what its run on a pool took.
    Answer(CallId, Answer, Option<PoolRun>),
    /// The host wants to go on inside a turn.
    Woken,
    /// A job is done.
    Worked(JobId),
    /// Accept from a sibling's listener as well, until that number is released.
    Adopt(usize, OwnedFd),
    /// Accept from that sibling's listener no more.
    Release(usize),
    /// Why the latest version of the program does not start, or that it does.
    Fault(Option<String>),
    /// A successor is there: accept no more, and wait for every client.
    Leave,
    /// Drain after the configured delay: accept no more, finish what is in flight.
    Stop,
    /// The same at once.
    StopNow,
    /// Close everything now.
    Force,
}

/// The queue and the door bell of one worker.
#[derive(Debug)]
pub(crate) struct Mailbox {
    queue: Mutex<Vec<Message>>,
    /// Whether the bell was rung and not yet heard: a busy worker costs no system call.
    rung: AtomicBool,
    bell: UnixStream,
    owner: ThreadId,
    closed: AtomicBool,
}

impl Mailbox {
    /// A mailbox of this thread's worker, whose turns hear the other end of `bell`.
    pub(crate) fn new(bell: UnixStream) -> Self {
        Self {
            queue: Mutex::new(Vec::new()),
            rung: AtomicBool::new(false),
            bell,
            owner: thread::current().id(),
            closed: AtomicBool::new(false),
        }
    }

    /// Leaves a message. From another thread the worker is woken; on its own thread the host wants
    /// a turn anyway. Returns false if the worker has ended and nobody will read it.
    pub(crate) fn post(&self, message: Message) -> bool {
        if self.closed.load(Ordering::Acquire) {
            return false;
        }
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message);
        if !self.is_own_thread() && !self.rung.swap(true, Ordering::AcqRel) {
            // The descriptor is non-blocking; a full pipe means that a wake-up is already there.
            let _ = (&self.bell).write(&[1]);
        }
        true
    }

    /// Whether the calling thread is the worker's.
    pub(crate) fn is_own_thread(&self) -> bool {
        thread::current().id() == self.owner
    }

    /// Takes all messages into `into`. The bell is answered first: a message left after this point
    /// rings anew.
    pub(crate) fn take(&self, into: &mut Vec<Message>) {
        self.rung.store(false, Ordering::Release);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *queue, into);
    }

    /// The worker's listening task reads the end of the bell, and ends.
    pub(crate) fn hang_up(&self) {
        // It fails only where the other end is closed already.
        let _ = self.bell.shutdown(Shutdown::Both);
    }

    /// No message will be read any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
