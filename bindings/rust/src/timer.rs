//! Waiting for a moment: one thread for all waits of the process, started by the first.
//!
//! A handler that sleeps costs a place in a tree, not a thread.
//! Knows nothing of requests or workers; it only wakes wakers.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// When to wake, and a number that tells equal moments apart.
type Key = (Instant, u64);

/// Waits without holding a thread: `sleep(Duration::from_millis(100)).await`.
#[must_use = "a future does nothing until it is awaited"]
pub fn sleep(duration: Duration) -> Sleep {
    // A moment that the clock cannot name is as good as never.
    let now = Instant::now();
    let due = now.checked_add(duration).unwrap_or(now + NEVER);
    Sleep { due, alarm: None }
}

/// The future of [`sleep`].
#[derive(Debug)]
pub struct Sleep {
    due: Instant,
    alarm: Option<Alarm>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.due {
            return Poll::Ready(());
        }
        self.alarm = Some(Alarm::set(self.due, cx.waker().clone()));
        Poll::Pending
    }
}

/// A waker that will be woken at its moment, unless this is dropped before.
#[derive(Debug)]
pub(crate) struct Alarm(Key);

impl Alarm {
    pub(crate) fn set(due: Instant, waker: Waker) -> Self {
        let clock = clock();
        let mut alarms = clock.lock();
        alarms.count += 1;
        let key = (due, alarms.count);
        let is_next = alarms.waiting.keys().next().is_none_or(|next| key < *next);
        alarms.waiting.insert(key, waker);
        drop(alarms);
        if is_next {
            clock.changed.notify_one();
        }
        Self(key)
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // Bound first: a waker's own drop must not run under the lock.
        let waker = clock().lock().waiting.remove(&self.0);
        drop(waker);
    }
}

#[derive(Default)]
struct Alarms {
    waiting: BTreeMap<Key, Waker>,
    count: u64,
}

#[derive(Default)]
struct Clock {
    alarms: Mutex<Alarms>,
    changed: Condvar,
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, Alarms> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) -> ! {
        let mut alarms = self.lock();
        loop {
            let now = Instant::now();
            let next = alarms.waiting.keys().next().copied();
            alarms = match next {
                Some(key) if key.0 <= now => {
                    let waker = alarms.waiting.remove(&key);
                    drop(alarms);
                    waker.into_iter().for_each(Waker::wake);
                    self.lock()
                }
                Some((due, _)) => {
                    let waited = self.changed.wait_timeout(alarms, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(alarms)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    static THREAD: OnceLock<bool> = OnceLock::new();
    let clock = CLOCK.get_or_init(Clock::default);
    THREAD.get_or_init(|| {
        let builder = thread::Builder::new().name("spikard-timer".into());
        builder
            .spawn(|| CLOCK.get_or_init(Clock::default).run())
            .is_ok()
    });
    clock
}

/// Thirty years.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::{Sender, channel};
    use std::task::Wake;

    struct Bell(Sender<u32>, u32);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(self.1);
        }
    }

    #[test]
    fn wakes_in_order_of_the_moments_and_never_after_a_drop() {
        let (sender, woken) = channel();
        let begin = Instant::now();
        let alarm = |after_ms: u64, number| {
            let waker = Waker::from(Arc::new(Bell(sender.clone(), number)));
            Alarm::set(begin + Duration::from_millis(after_ms), waker)
        };
        let _kept = [alarm(60, 3), alarm(20, 1), alarm(40, 2)];
        drop(alarm(30, 9));
        let order: Vec<u32> = woken.iter().take(3).collect();
        assert_eq!(order, [1, 2, 3]);
        assert!(begin.elapsed() >= Duration::from_millis(60));
    }
}
