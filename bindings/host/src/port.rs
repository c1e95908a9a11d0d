//! Where a host answers.

use std::{
    any::Any,
    fmt, ptr,
    sync::{Arc, Weak},
};

use spikard_ffi::{
    abi::spk_text,
    host::{spk_port, spk_port_free},
    reply::{spk_fail, spk_pair, spk_pool_run, spk_problem, spk_reply, spk_reply_view},
};

use crate::error::{Error, Status, check};

/// One header field.
pub type Field<'a> = (&'a [u8], &'a [u8]);

/// What a call took on a thread pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolRun {
    /// Wall time of the function itself, in nanoseconds.
    pub wall_ns: u64,
    /// Voluntary context switches of its thread meanwhile.
    pub waits: u64,
}

impl PoolRun {
    pub(crate) fn raw(self) -> spk_pool_run {
        spk_pool_run {
            wall_ns: self.wall_ns,
            waits: self.waits,
        }
    }
}

/// A reply.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// HTTP status, 200 to 599.
    pub status: u32,
    /// Media type; empty for none.
    pub content_type: &'a [u8],
    /// Further fields.
    pub fields: &'a [Field<'a>],
    /// The body.
    pub body: &'a [u8],
}

impl Reply<'_> {
    pub(crate) fn pairs(&self) -> Vec<spk_pair> {
        let pair = |(name, value): &Field<'_>| spk_pair {
            name: view(name),
            value: view(value),
        };
        self.fields.iter().map(pair).collect()
    }

    /// The view that crosses; it points into `pairs`.
    pub(crate) fn raw(&self, pairs: &[spk_pair], run: *const spk_pool_run) -> spk_reply_view {
        spk_reply_view {
            size: size_of::<spk_reply_view>() as u32,
            status: self.status,
            content_type: view(self.content_type),
            fields: pairs.as_ptr(),
            field_count: pairs.len(),
            body: view(self.body),
            pool_run: run,
        }
    }
}

/// Answers the calls of one worker, from any thread, also after the worker has ended.
#[derive(Debug, Clone)]
pub struct Port(Arc<Handle>);

struct Handle {
    raw: *mut spk_port,
    /// An answer may call `Host::wake`, so the host must live until the answer is given. Weak, as a
    /// host may own ports.
    host: Weak<dyn Any + Send + Sync>,
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:p}", self.raw)
    }
}

// SAFETY: the ABI lets any thread use a port.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and the last reference to it is going.
        unsafe { spk_port_free(self.raw) };
    }
}

impl Port {
    /// # Safety
    /// `raw` is a live port, given away, of a worker that calls `host` and holds it to its end.
    pub(crate) unsafe fn from_raw(raw: *mut spk_port, host: Weak<dyn Any + Send + Sync>) -> Self {
        Self(Arc::new(Handle { raw, host }))
    }

    /// The handle, and the host kept alive. A host that is gone had its worker freed before.
    pub(crate) fn open(&self) -> Result<(*const spk_port, Arc<dyn Any + Send + Sync>), Error> {
        let host = self.0.host.upgrade().ok_or_else(|| Error {
            status: Status::Stopped,
            message: "the worker has ended".into(),
        })?;
        Ok((self.0.raw, host))
    }

    /// Answers a call.
    ///
    /// # Errors
    /// The reply is not one HTTP can carry (the client gets a 500), the call has its answer, or
    /// the worker has ended.
    pub fn reply(&self, id: u64, reply: Reply<'_>, run: Option<PoolRun>) -> Result<(), Error> {
        let (port, _host) = self.open()?;
        let fields = reply.pairs();
        let run = run.map(PoolRun::raw);
        let run = run.as_ref().map_or(ptr::null(), ptr::from_ref);
        let reply = reply.raw(&fields, run);
        // SAFETY: the handle is live; everything the view points to lives to the end of the call.
        check(unsafe { spk_reply(port, id, &reply) })
    }

    /// Answers a call with a problem document: `status`, and optionally `title`, `detail`, `type`,
    /// `headers`, `extensions`.
    ///
    /// # Errors
    /// As [`Port::reply`].
    pub fn problem(&self, id: u64, json: &str, run: Option<PoolRun>) -> Result<(), Error> {
        let (port, _host) = self.open()?;
        let run = run.map(PoolRun::raw);
        let run = run.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: the handle is live; the inputs live to the end of the call.
        check(unsafe { spk_problem(port, id, json.as_ptr(), json.len(), run) })
    }

    /// Answers a call whose function failed: 500, and in development mode the trace.
    ///
    /// # Errors
    /// The call has its answer, or the worker has ended.
    pub fn fail(&self, id: u64, trace: Option<&str>, run: Option<PoolRun>) -> Result<(), Error> {
        let (port, _host) = self.open()?;
        let run = run.map(PoolRun::raw);
        let run = run.as_ref().map_or(ptr::null(), ptr::from_ref);
        let trace = trace.unwrap_or_default();
        // SAFETY: the handle is live; the inputs live to the end of the call.
        check(unsafe { spk_fail(port, id, trace.as_ptr(), trace.len(), run) })
    }
}

pub(crate) fn view(bytes: &[u8]) -> spk_text {
    spk_text {
        bytes: bytes.as_ptr(),
        length: bytes.len(),
    }
}
