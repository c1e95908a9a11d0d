//! The host's functions, called by the engine.

use std::{
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    slice, str,
};

use spikard_ffi::{
    Event, Outcome as Number, abi::SPK_ABI_VERSION, call::spk_call, host::spk_host,
    host::spk_stall, worker::spk_injected,
};

use crate::call::Call;

/// What a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered inside.
    Done,
    /// It will be answered by its id.
    Later,
    /// Hooks ran, gave no reply and changed nothing.
    Continue,
    /// It will not be answered: the engine answers 500.
    Failed,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed and somebody should look.
    Error,
    /// Something is off, and was handled.
    Warn,
    /// Life events.
    Info,
    /// Details for a developer.
    Debug,
    /// A line of the access log.
    Access,
}

impl Level {
    /// As the ABI and the host languages' halves know it.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Error => 1,
            Self::Warn => 2,
            Self::Info => 3,
            Self::Debug => 4,
            Self::Access => 5,
        }
    }

    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Error,
            2 => Self::Warn,
            3 => Self::Info,
            5 => Self::Access,
            _ => Self::Debug,
        }
    }
}

/// What a binding implements. All but `log`, `wake` and `stalled` are called on the worker's
/// thread, inside a turn; those on any thread, which is why a host is `Sync`.
pub trait Host: Send + Sync + 'static {
    /// Calls a function.
    fn call(&self, call: Call<'_>) -> Outcome;
    /// The client of an unanswered call closed its sending half.
    fn disconnected(&self, id: u64);
    /// Nobody waits for the answer of this call any more; it must be given all the same.
    fn cancelled(&self, id: u64);
    /// An exchange has ended: no call of this number follows.
    fn ended(&self, _exchange: u64) {}
    /// The whole reply to an injected request.
    fn injected(&self, token: u64, reply: &[u8]);
    /// Something was answered outside a turn: make one soon.
    fn wake(&self);
    /// Takes a log line.
    fn log(&self, level: Level, message: &str);
    /// A turn has lasted `for_ms`; `name` and `route` are the function's that holds it, empty if
    /// none does. On a thread of its own, which the worker's end waits for: it must not wait.
    fn stalled(&self, name: &str, route: &str, for_ms: u32);
}

/// The table of `host`, which must outlive every worker it is given to.
pub(crate) fn table<H: Host>(host: &H) -> spk_host {
    let kinds = [
        Event::Call,
        Event::Disconnect,
        Event::Cancel,
        Event::Injected,
        Event::Stalled,
        Event::Ended,
    ];
    spk_host {
        size: size_of::<spk_host>() as u32,
        version: SPK_ABI_VERSION,
        kinds: kinds.iter().fold(0, |bits, kind| bits | 1 << kind.number()),
        userdata: std::ptr::from_ref(host).cast_mut().cast(),
        event: Some(event::<H>),
        wake: Some(wake::<H>),
        log: Some(log::<H>),
    }
}

/// # Safety
/// `userdata` is the live host that the table was made of; `payload` is what `kind` says.
unsafe extern "C" fn event<H: Host>(
    userdata: *mut c_void,
    kind: u32,
    call: u64,
    payload: *const c_void,
) -> u32 {
    // A host callback may not unwind into the engine.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's contract.
        let host = unsafe { &*userdata.cast::<H>() };
        match Event::from_number(kind) {
            Some(Event::Call) => {
                // SAFETY: the caller's contract; the view lives until the answer.
                let view = unsafe { &*payload.cast::<spk_call>() };
                return host.call(Call::new(call, view));
            }
            Some(Event::Disconnect) => host.disconnected(call),
            Some(Event::Cancel) => host.cancelled(call),
            Some(Event::Ended) => host.ended(call),
            Some(Event::Injected) => {
                // SAFETY: the caller's contract; the view lives during the event.
                let injected = unsafe { &*payload.cast::<spk_injected>() };
                // SAFETY: as above.
                let reply =
                    unsafe { slice::from_raw_parts(injected.reply.bytes, injected.reply.length) };
                host.injected(call, reply);
            }
            Some(Event::Stalled) => {
                // SAFETY: the caller's contract; the view lives during the event.
                let stall = unsafe { &*payload.cast::<spk_stall>() };
                // SAFETY: as above; an empty text points at no byte but is not NULL.
                let [name, route] = [stall.name, stall.route].map(|text| unsafe {
                    let bytes = slice::from_raw_parts(text.bytes, text.length);
                    str::from_utf8(bytes).unwrap_or_default()
                });
                host.stalled(name, route, stall.for_ms);
            }
            _ => {}
        }
        Outcome::Done
    }));
    let number = match outcome {
        Ok(Outcome::Done) => Number::Done,
        Ok(Outcome::Later) => Number::Later,
        Ok(Outcome::Continue) => Number::Continue,
        Ok(Outcome::Failed) | Err(_) => Number::Failed,
    };
    number.number()
}

/// # Safety
/// `userdata` is the live host that the table was made of.
unsafe extern "C" fn wake<H: Host>(userdata: *mut c_void) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's contract.
        unsafe { &*userdata.cast::<H>() }.wake();
    }));
}

/// # Safety
/// `userdata` is the live host that the table was made of; the text is valid for its length.
unsafe extern "C" fn log<H: Host>(
    userdata: *mut c_void,
    level: u32,
    text: *const u8,
    length: usize,
) {
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let level = Level::from_number(level);
        // SAFETY: the caller's contract; the engine's lines are UTF-8 and not empty.
        let message = unsafe { slice::from_raw_parts(text, length) };
        // SAFETY: the caller's contract.
        unsafe { &*userdata.cast::<H>() }.log(level, str::from_utf8(message).unwrap_or_default());
    }));
}
