//! The queue of a host's thread pool: bounded waiting, no lost job.
//!
//! The threads are the host's (a binding starts them its own way and calls [`Pool::next`]); which
//! function goes to the pool is the engine's decision. A job that waits longer than the queue
//! timeout is handed back to be answered 503.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Why a job was handed back.
#[derive(Debug)]
pub struct Rejected<J>(pub J);

#[derive(Debug)]
struct Queue<J> {
    jobs: VecDeque<(Instant, J)>,
    idle: usize,
    closed: bool,
}

/// A queue of jobs.
#[derive(Debug)]
pub struct Pool<J> {
    queue: Mutex<Queue<J>>,
    ready: Condvar,
    oldest: Condvar,
    timeout: Duration,
}

impl<J> Pool<J> {
    /// A queue in which a job waits at most `timeout`.
    pub fn new(timeout: Duration) -> Self {
        let queue = Queue {
            jobs: VecDeque::new(),
            idle: 0,
            closed: false,
        };
        Self {
            queue: Mutex::new(queue),
            ready: Condvar::new(),
            oldest: Condvar::new(),
            timeout,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job. Returns whether no thread was idle, so that the host may start one more.
    ///
    /// # Errors
    /// The job, if the pool is closed.
    pub fn push(&self, job: J) -> Result<bool, Rejected<J>> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(Rejected(job));
        }
        queue.jobs.push_back((Instant::now(), job));
        let starved = queue.jobs.len() > queue.idle;
        if queue.jobs.len() == 1 {
            self.oldest.notify_one();
        }
        drop(queue);
        self.ready.notify_one();
        Ok(starved)
    }

    /// Waits for a job; `None` once the pool is closed and empty. Called by the pool's threads.
    pub fn next(&self) -> Option<J> {
        let mut queue = self.lock();
        loop {
            if let Some((_, job)) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue.idle += 1;
            queue = self
                .ready
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }

    /// Waits for a job that has waited too long and takes it back; `None` once the pool is closed.
    /// Called by one watching thread, which sleeps as long as nothing is queued.
    pub fn next_expired(&self) -> Option<J> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            let Some((since, _)) = queue.jobs.front() else {
                queue = self
                    .oldest
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let waited = since.elapsed();
            if waited >= self.timeout {
                return queue.jobs.pop_front().map(|(_, job)| job);
            }
            let left = self.timeout - waited;
            let waited = self.oldest.wait_timeout(queue, left);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the pool: waiting threads return, queued jobs are handed back.
    pub fn close(&self) -> Vec<J> {
        let mut queue = self.lock();
        queue.closed = true;
        let jobs = queue.jobs.drain(..).map(|(_, job)| job).collect();
        drop(queue);
        self.ready.notify_all();
        self.oldest.notify_all();
        jobs
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn hands_jobs_out_in_order_and_ends_when_closed() {
        let pool = Pool::new(Duration::from_secs(1));
        assert!(pool.push(1).unwrap(), "no thread is idle yet");
        pool.push(2).unwrap();
        assert_eq!((pool.next(), pool.next()), (Some(1), Some(2)));
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.next());
            thread::sleep(Duration::from_millis(20));
            assert!(pool.close().is_empty());
            assert_eq!(waiting.join().unwrap(), None);
        });
        assert!(pool.push(3).is_err());
    }

    #[test]
    fn hands_back_a_job_that_waited_too_long() {
        let pool = Pool::new(Duration::from_millis(30));
        thread::scope(|scope| {
            let watching = scope.spawn(|| pool.next_expired());
            let began = Instant::now();
            pool.push("late").unwrap();
            assert_eq!(watching.join().unwrap(), Some("late"));
            assert!(began.elapsed() >= Duration::from_millis(30));
        });
    }
}
