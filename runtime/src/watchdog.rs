//! Says which handler holds a worker when a turn takes too long.
//!
//! A thread beside the worker looks at it now and then while it calls its host, and sleeps for good
//! while it does not: the engine itself does not stall, and an idle server makes no system calls
//! for being watched. The worker pays a few stores a turn and a call.
//! Knows nothing of what a host does about a stall.

use std::{
    io, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use spikard_contract::route::Placement;
use spikard_middleware::{
    CallId, Exchange, HostPort, Level, Log, Notice, Outcome, Plan, Segment, Stall, Visit,
};

use crate::driver::is_forked_child;

/// What the worker's thread and the watching one share.
#[derive(Debug)]
struct Pulse {
    epoch: Instant,
    /// Turns that have begun.
    turns: AtomicU64,
    /// When this turn began, in milliseconds after `epoch` and one; 0 between turns.
    began_ms: AtomicU64,
    /// The host function that runs now, and one; 0 for none.
    function: AtomicU32,
    /// How often the host was called.
    calls: AtomicU64,
    /// The watching thread waits for the next call.
    asleep: AtomicBool,
    ended: AtomicBool,
}

/// Watches one worker until it is dropped.
#[derive(Debug)]
pub(crate) struct Watchdog {
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins to watch.
    ///
    /// # Errors
    /// The kernel's, if it gives no thread.
    pub(crate) fn new(threshold: Duration, plan: Arc<Plan>, log: Arc<dyn Log>) -> io::Result<Self> {
        let pulse = Arc::new(Pulse {
            epoch: Instant::now(),
            turns: AtomicU64::new(0),
            began_ms: AtomicU64::new(0),
            function: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let watched = pulse.clone();
        let thread = thread::Builder::new()
            .name("spikard-watchdog".to_owned())
            .stack_size(STACK_BYTES)
            .spawn(move || watch(&watched, threshold, &plan, &*log))?;
        Ok(Self {
            pulse,
            thread: Some(thread),
        })
    }

    /// Marks the calls that go through `port`.
    pub(crate) fn mark(&self, port: Box<dyn HostPort>) -> Box<dyn HostPort> {
        let pulse = self.pulse.clone();
        let thread = self.thread.as_ref().map(|thread| thread.thread().clone());
        Box::new(Marked {
            port,
            pulse,
            thread,
        })
    }

    pub(crate) fn turn_begins(&self, now: Instant) {
        let pulse = &*self.pulse;
        let began_ms = now.duration_since(pulse.epoch).as_millis() as u64 + 1;
        pulse.began_ms.store(began_ms, Ordering::Relaxed);
        let turns = pulse.turns.load(Ordering::Relaxed);
        pulse.turns.store(turns + 1, Ordering::Relaxed);
    }

    pub(crate) fn turn_ends(&self) {
        self.pulse.began_ms.store(0, Ordering::Relaxed);
    }

    fn unpark(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Watchdog {
    /// Waits for the thread: after a worker's end nothing calls its host any more. A forked child
    /// has no such thread, only the memory of one.
    fn drop(&mut self) {
        if is_forked_child() {
            mem::forget(self.thread.take());
            return;
        }
        self.pulse.ended.store(true, Ordering::SeqCst);
        self.unpark();
        if let Some(thread) = self.thread.take() {
            // It catches no panic of its own, and one would have been told by the runtime.
            let _ = thread.join();
        }
    }
}

fn watch(pulse: &Pulse, threshold: Duration, plan: &Plan, log: &dyn Log) {
    let threshold_ms = threshold.as_millis().max(1) as u64;
    let (mut seen, mut told) = (0, 0);
    while !pulse.ended.load(Ordering::SeqCst) {
        let calls = pulse.calls.load(Ordering::SeqCst);
        let turns = pulse.turns.load(Ordering::Relaxed);
        let began_ms = pulse.began_ms.load(Ordering::Relaxed);
        if began_ms != 0 && told != turns {
            let for_ms = (pulse.epoch.elapsed().as_millis() as u64 + 1).saturating_sub(began_ms);
            if for_ms >= threshold_ms {
                told = turns;
                tell(pulse, plan, log, for_ms);
            }
        }
        if calls != seen || (began_ms != 0 && told != turns) {
            seen = calls;
            thread::park_timeout(threshold);
            continue;
        }
        pulse.asleep.store(true, Ordering::SeqCst);
        if pulse.calls.load(Ordering::SeqCst) == seen && !pulse.ended.load(Ordering::SeqCst) {
            thread::park();
        }
        pulse.asleep.store(false, Ordering::SeqCst);
    }
}

fn tell(pulse: &Pulse, plan: &Plan, log: &dyn Log, for_ms: u64) {
    let function = pulse.function.load(Ordering::Relaxed).checked_sub(1);
    let mut segments = plan.segments().iter();
    let segment = segments.find(|segment| Some(segment.function) == function);
    let handler = segment.map(|segment| (&*segment.name, &*segment.route));
    let stall = Stall { handler, for_ms };
    if !log.stalled(&stall) {
        log.log(Level::Warn, &stall.to_string());
    }
}

/// A host whose calls are marked.
struct Marked {
    port: Box<dyn HostPort>,
    pulse: Arc<Pulse>,
    thread: Option<Thread>,
}

impl Marked {
    fn call_begins(&self) {
        let calls = self.pulse.calls.load(Ordering::Relaxed);
        // In one order with `asleep`: either the watching thread sees this call, or it is woken.
        self.pulse.calls.store(calls + 1, Ordering::SeqCst);
        if self.pulse.asleep.load(Ordering::SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.unpark();
        }
    }
}

impl HostPort for Marked {
    fn call(
        &self,
        id: CallId,
        segment: &Segment,
        placement: Placement,
        x: &mut Exchange,
    ) -> Outcome {
        let function = segment.function.wrapping_add(1);
        self.pulse.function.store(function, Ordering::Relaxed);
        self.call_begins();
        let outcome = self.port.call(id, segment, placement, x);
        self.pulse.function.store(0, Ordering::Relaxed);
        outcome
    }

    fn notify(&self, id: CallId, notice: Notice) {
        self.port.notify(id, notice);
    }

    fn visit(&self) -> Option<Visit> {
        self.port.visit()
    }

    fn woken(&self) {
        self.call_begins();
        self.port.woken();
    }
}

/// Enough to write a line; a host's own code runs here, too.
const STACK_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use spikard_middleware::PlanBuilder;

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Log for Lines {
        fn log(&self, _: Level, message: &str) {
            self.0
                .lock()
                .expect("no test panics here")
                .push(message.to_owned());
        }
    }

    impl Lines {
        fn wait_for(&self, count: usize) -> Vec<String> {
            let began = Instant::now();
            loop {
                let lines = self.0.lock().expect("no test panics here").clone();
                if lines.len() >= count || began.elapsed() > Duration::from_secs(10) {
                    return lines;
                }
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    struct Slow(Arc<Lines>, usize);

    impl HostPort for Slow {
        fn call(&self, _: CallId, _: &Segment, _: Placement, _: &mut Exchange) -> Outcome {
            // As long as it takes to be told of.
            self.0.wait_for(self.1);
            Outcome::Done
        }

        fn notify(&self, _: CallId, _: Notice) {}
    }

    fn plan() -> Plan {
        let mut builder = PlanBuilder::new();
        let entry = builder.declare("entry");
        builder.segment(Segment {
            function: 7,
            purpose: spikard_contract::status::Purpose::Handler,
            route: "/slow/{id}".into(),
            name: "slow".into(),
            placement: Placement::Inline,
        });
        builder.build(entry, entry)
    }

    #[test]
    fn names_the_handler_once_and_the_engine_where_none_runs() {
        let (lines, plan) = (Arc::new(Lines::default()), Arc::new(plan()));
        let threshold = Duration::from_millis(20);
        let watchdog = Watchdog::new(threshold, plan.clone(), lines.clone()).unwrap();
        let port = watchdog.mark(Box::new(Slow(lines.clone(), 1)));
        let (segment, mut x) = (&plan.segments()[0], Exchange::new());
        watchdog.turn_begins(Instant::now());
        port.call(CallId::from_raw(0), segment, Placement::Inline, &mut x);
        thread::sleep(threshold * 3);
        watchdog.turn_ends();
        let told = lines.wait_for(1);
        assert_eq!(told.len(), 1, "{told:?}");
        let begin = "slow (/slow/{id}) has held its worker for ";
        assert!(told[0].starts_with(begin), "{told:?}");
        watchdog.turn_begins(Instant::now());
        port.woken();
        let told = lines.wait_for(2);
        watchdog.turn_ends();
        assert!(told[1].starts_with("a turn has taken "), "{told:?}");
    }

    #[test]
    fn sleeps_while_no_call_is_made_and_wakes_for_the_next() {
        let lines = Arc::new(Lines::default());
        let threshold = Duration::from_millis(20);
        let watchdog = Watchdog::new(threshold, Arc::new(plan()), lines.clone()).unwrap();
        let port = watchdog.mark(Box::new(Slow(lines.clone(), 0)));
        for count in 1..4 {
            let began = Instant::now();
            while !watchdog.pulse.asleep.load(Ordering::SeqCst) {
                assert!(
                    began.elapsed() < Duration::from_secs(10),
                    "it does not sleep"
                );
                thread::sleep(Duration::from_millis(1));
            }
            watchdog.turn_begins(Instant::now());
            port.woken();
            assert_eq!(lines.wait_for(count).len(), count);
            watchdog.turn_ends();
        }
    }
}
