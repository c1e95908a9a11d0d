//! The host as the engine sees it: a table of functions, and the port by which it answers.

use std::{
    cell::{Cell, OnceCell, RefCell},
    ffi::c_void,
    ptr,
    rc::Rc,
    sync::Arc,
};

use spikard_contract::{
    route::Placement,
    status::{Event, Outcome as OutcomeNumber, Purpose, Status},
};
use spikard_middleware::{
    Answer, CallId, Claim, Exchange, HostPort, Ledger, Level, Log, Notice, Outcome, PoolRun,
    Segment, Stall, Visit,
};

use crate::{
    abi::{SPK_ABI_VERSION, spk_text},
    boundary::{Checked, Failure, boundary, sized},
    call::spk_call,
};

/// What a host gives the engine. Copied when a worker is made. `userdata` must outlive the worker,
/// and those answers by its ports that began before it was freed: `wake` is called inside them.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct spk_host {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// `SPK_ABI_VERSION` of the header the host was built with.
    pub version: u32,
    /// The event kinds the host takes: bit N is kind N. `SPK_EVENT_CALL` is required.
    pub kinds: u64,
    /// Handed back with every event.
    pub userdata: *mut c_void,
    /// Receives an event, on the thread that turns the worker (`SPK_EVENT_STALLED` on another).
    /// `payload` depends on the kind: a `const spk_call *` for `SPK_EVENT_CALL`, a
    /// `const spk_injected *` for `SPK_EVENT_INJECTED`, a `const spk_stall *` for
    /// `SPK_EVENT_STALLED`, else NULL. Returns an outcome number for `SPK_EVENT_CALL`, which must
    /// be answered exactly once: inside (`SPK_OUTCOME_DONE`) or later, by its id, from any thread
    /// (`SPK_OUTCOME_LATER`). Must not unwind.
    pub event: Option<
        unsafe extern "C" fn(
            userdata: *mut c_void,
            kind: u32,
            call: u64,
            payload: *const c_void,
        ) -> u32,
    >,
    /// Told that a turn is wanted soon, because something was answered outside one. Called on the
    /// thread that answered. May be NULL if the host turns by itself.
    pub wake: Option<unsafe extern "C" fn(userdata: *mut c_void)>,
    /// Receives a log line: a level (1 error, 2 warn, 3 info, 4 debug, 5 a line of the access log)
    /// and UTF-8 text, on any thread. May be NULL.
    pub log: Option<
        unsafe extern "C" fn(userdata: *mut c_void, level: u32, text: *const u8, length: usize),
    >,
}

// SAFETY: the host promises, by giving the table, that `log` and `wake` may be called on any
// thread with `userdata`; `event` is only called on the worker's own.
unsafe impl Send for spk_host {}
// SAFETY: as above; the table itself is never written.
unsafe impl Sync for spk_host {}

impl spk_host {
    /// Copies the host's table, and refuses one that cannot serve.
    ///
    /// # Safety
    /// `host` is NULL or valid for reads of as many bytes as its `size` says.
    pub(crate) unsafe fn read(host: *const Self) -> Checked<Self> {
        // SAFETY: the caller's contract.
        let host = *unsafe { sized(host, "host")? };
        host.check()?;
        Ok(host)
    }

    fn check(&self) -> Checked {
        if self.version != SPK_ABI_VERSION {
            let message = format!("the host is built for version {} of the ABI", self.version);
            return Err(Failure::new(Status::StaleVersion, message));
        }
        if self.event.is_none() {
            return Err(Failure::null("event"));
        }
        if self.kinds & (1 << Event::Call.number()) == 0 {
            return Err(Failure::new(
                Status::Unsupported,
                "the host must take SPK_EVENT_CALL",
            ));
        }
        Ok(())
    }

    /// Sends an event, if the host takes its kind.
    pub(crate) fn send(&self, kind: Event, call: u64, payload: *const c_void) -> Option<u32> {
        let event = self
            .event
            .filter(|_| self.kinds & (1 << kind.number()) != 0)?;
        // SAFETY: the host's contract for `event`; the payload is of the type its kind says.
        Some(unsafe { event(self.userdata, kind.number(), call, payload) })
    }

    pub(crate) fn wake(&self) {
        if let Some(wake) = self.wake {
            // SAFETY: the host's contract for `wake`.
            unsafe { wake(self.userdata) };
        }
    }
}

/// The payload of `SPK_EVENT_STALLED`. It lives during the event.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_stall {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// For how long the turn has lasted, in milliseconds.
    pub for_ms: u32,
    /// Name of the function that holds the worker; of length 0 if none of the host's does.
    pub name: spk_text,
    /// Pattern of its route; of length 0 with `name`.
    pub route: spk_text,
}

impl Log for spk_host {
    fn log(&self, level: Level, message: &str) {
        if let Some(log) = self.log {
            // SAFETY: the host's contract for `log`; the text outlives the call.
            unsafe { log(self.userdata, level as u32, message.as_ptr(), message.len()) };
        }
    }

    fn stalled(&self, stall: &Stall<'_>) -> bool {
        let (name, route) = stall.handler.unwrap_or_default();
        let view = spk_stall {
            size: size_of::<spk_stall>() as u32,
            for_ms: u32::try_from(stall.for_ms).unwrap_or(u32::MAX),
            name: spk_text::of(name.as_bytes()),
            route: spk_text::of(route.as_bytes()),
        };
        let taken = self.send(Event::Stalled, 0, (&raw const view).cast());
        taken.is_some()
    }
}

/// Takes the answers of calls that are not answered inline.
pub(crate) trait Answers: Send + Sync {
    /// Queues an answer whose claim was won. False if the worker has ended.
    fn answer(&self, id: CallId, answer: Answer, run: Option<PoolRun>) -> bool;
    /// Which calls are unanswered.
    fn ledger(&self) -> &Ledger;
    /// The worker ends: takes nothing more.
    fn close(&self) {}
    /// Whether the host must be told that a turn is wanted.
    fn wants_wake(&self) -> bool;
}

/// Where a host answers. Any thread may use it, also after its worker has ended. Freed with
/// `spk_port_free`.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
pub struct spk_port {
    host: spk_host,
    answers: Arc<dyn Answers>,
}

thread_local! {
    /// The call that is being made on this thread.
    static INLINE: Cell<*const Inline> = const { Cell::new(ptr::null()) };
}

/// One inline call: where its answer goes.
struct Inline {
    id: CallId,
    answers: *const (),
    answer: RefCell<Answer>,
    answered: Cell<bool>,
}

impl spk_port {
    pub(crate) fn new(host: spk_host, answers: Arc<dyn Answers>) -> Self {
        Self { host, answers }
    }

    /// Answers a call with what `write` writes.
    pub(crate) fn answer(
        &self,
        call: u64,
        run: Option<PoolRun>,
        write: impl FnOnce(&mut Answer),
    ) -> Checked {
        let id = CallId::from_raw(call);
        match self.answers.ledger().claim(id) {
            Claim::First => {}
            Claim::Already => return Err(Status::AlreadyAnswered.into()),
            Claim::Stale => return Err(Status::StaleCall.into()),
        }
        let inline = INLINE.get();
        if !inline.is_null() {
            // SAFETY: `CallPort::call` sets the pointer to a live value on this thread's stack for
            // as long as host code runs inside it, and clears it before the value ends.
            let inline = unsafe { &*inline };
            if inline.id == id && inline.answers == Arc::as_ptr(&self.answers).cast() {
                write(&mut inline.answer.borrow_mut());
                inline.answered.set(true);
                return Ok(());
            }
        }
        let mut answer = Answer::default();
        write(&mut answer);
        if !self.answers.answer(id, answer, run) {
            return Err(Status::Stopped.into());
        }
        if self.answers.wants_wake() {
            self.host.wake();
        }
        Ok(())
    }
}

/// Frees a port. NULL is allowed. Any thread. Does not block. In a forked child nothing is done.
///
/// # Safety
/// `port` came from this library, is not freed yet, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_port_free(port: *mut spk_port) {
    boundary(|| {
        if !port.is_null() {
            // SAFETY: the caller's contract.
            drop(unsafe { Box::from_raw(port) });
        }
        Ok(())
    });
}

/// The engine's side of a host: makes calls inline.
pub(crate) struct CallPort {
    host: spk_host,
    answers: Rc<OnceCell<Arc<dyn Answers>>>,
    spare: RefCell<Answer>,
    /// The number of the last exchange that got one.
    exchanges: Cell<u64>,
}

/// An exchange that the host knows by a number. Its end is told when this is dropped, which is on
/// the worker's thread, as exchanges never leave it.
pub(crate) struct Kept {
    host: spk_host,
    number: u64,
}

impl Kept {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.host.send(Event::Ended, self.number, ptr::null());
    }
}

impl CallPort {
    /// A port for `host`. `answers` is filled in once the worker exists, before its first turn.
    pub(crate) fn new(host: spk_host, answers: Rc<OnceCell<Arc<dyn Answers>>>) -> Self {
        Self {
            host,
            answers,
            spare: RefCell::default(),
            exchanges: Cell::new(0),
        }
    }
}

impl HostPort for CallPort {
    fn call(
        &self,
        id: CallId,
        segment: &Segment,
        placement: Placement,
        x: &mut Exchange,
    ) -> Outcome {
        let Some(answers) = self.answers.get() else {
            return Outcome::Failed;
        };
        let inline = Inline {
            id,
            answers: Arc::as_ptr(answers).cast(),
            answer: RefCell::new(self.spare.take()),
            answered: Cell::new(false),
        };
        let view = spk_call::of(segment, placement, x);
        let outer = INLINE.replace(&inline);
        let said = self
            .host
            .send(Event::Call, id.raw(), ptr::from_ref(&view).cast());
        INLINE.set(outer);
        let mut answer = inline.answer.into_inner();
        if inline.answered.get() {
            x.take_answer(&mut answer);
            answer.clear();
            self.spare.replace(answer);
            return if x.goes_on() {
                Outcome::Continue
            } else {
                Outcome::Done
            };
        }
        self.spare.replace(answer);
        match said.and_then(OutcomeNumber::from_number) {
            Some(OutcomeNumber::Later) => Outcome::Later,
            Some(OutcomeNumber::Continue) if segment.purpose != Purpose::Handler => {
                answers.ledger().claim(id);
                Outcome::Continue
            }
            // There is nothing behind a handler to go on with: one that says
            // `SPK_OUTCOME_CONTINUE` forgot its answer like any other.
            said => {
                // The call may be answered once more by a confused host: its claim is taken.
                answers.ledger().claim(id);
                let said = said.map_or("an unknown outcome", OutcomeNumber::c_name);
                let message = format!("{} said {said} without an answer: 500", segment.name);
                self.host.log(Level::Error, &message);
                Outcome::Failed
            }
        }
    }

    fn visit(&self) -> Option<Visit> {
        if self.host.kinds & (1 << Event::Ended.number()) == 0 {
            return None;
        }
        let number = self.exchanges.get() + 1;
        self.exchanges.set(number);
        let host = self.host;
        Some(Arc::new(Kept { host, number }))
    }

    fn notify(&self, id: CallId, notice: Notice) {
        let kind = match notice {
            Notice::Disconnect => Event::Disconnect,
            Notice::Cancel => Event::Cancel,
        };
        self.host.send(kind, id.raw(), ptr::null());
    }
}
