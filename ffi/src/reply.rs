//! `spk_reply` and its kin: the one answer of a call.

use spikard_contract::{problem::INTERNAL_SERVER_ERROR, status::Status};
use spikard_middleware::{PoolRun, Problem, Reply};

use crate::{
    abi::spk_text,
    boundary::{Checked, Failure, array, boundary, bytes, object, sized, text},
    host::spk_port,
    raised::write_problem,
};

/// One header field of a reply.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_pair {
    /// A token (RFC 9110 §5.6.2); lower case by convention.
    pub name: spk_text,
    /// Without CR, LF, NUL or other controls (RFC 9110 §5.5).
    pub value: spk_text,
}

/// What a call on a thread pool took. It lets the engine promote functions that never wait.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_pool_run {
    /// Wall time of the function itself, in nanoseconds.
    pub wall_ns: u64,
    /// Context switches of its thread meanwhile, wanted or not (`RUSAGE_THREAD`).
    pub waits: u64,
}

/// A reply. The engine copies what it needs before the function returns.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_reply_view {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// HTTP status, 200 to 599.
    pub status: u32,
    /// Media type of the body; of length 0 for none.
    pub content_type: spk_text,
    /// Further header fields, in order. Framing is the engine's: a reply with `connection`,
    /// `keep-alive` or `transfer-encoding`, or with a `content-length` that is not the body's, is
    /// answered with 500. A reply to HEAD without a body may say the length that GET would have.
    pub fields: *const spk_pair,
    /// How many fields.
    pub field_count: usize,
    /// The body, whole.
    pub body: spk_text,
    /// What the call took on a thread pool; NULL if it ran inline.
    pub pool_run: *const spk_pool_run,
}

/// Answers a call.
///
/// A reply that HTTP cannot carry, or with a pointer in it that is NULL, is answered with 500 in
/// its place, and told: `SPK_REPLY_REFUSED`, `SPK_NULL_POINTER`. So is, without being told, one
/// with a field of framing that is not the engine's own word. The log names what was refused, its
/// route and its request. A body that the status has no place for (204, 205, 304) is left out and
/// logged. With any other failure the call is
/// as it was. A second answer is dropped: `SPK_ALREADY_ANSWERED`, or `SPK_STALE_CALL` once the
/// engine has moved on. After it the views of the call are gone.
///
/// Everything is copied: the caller keeps what it passes. Any thread. Does not block.
///
/// # Safety
/// `port` is a live handle; `reply` and all it points to are valid for reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_reply(
    port: *const spk_port,
    call: u64,
    reply: *const spk_reply_view,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (port, view) = unsafe { (object(port, "port")?, sized(reply, "reply")?) };
        // SAFETY: the caller's contract.
        let run = unsafe { pool_run(view.pool_run) };
        let mut refused = Ok(());
        port.answer(call, run, |answer| {
            let reply = &mut answer.reply;
            // SAFETY: the caller's contract.
            refused = unsafe { fill(view, reply) };
            if refused.is_err() {
                fail(reply);
            } else {
                refused = fault_of(reply);
            }
        })?;
        refused
    })
}

/// Answers a call with a problem document (RFC 9457).
///
/// `json` is an object with `status`, and optionally `title`, `detail`, `type`, `headers` (a list
/// of `[name, value]`) and `extensions` (an object). One that is not is answered with 500 in its
/// place, and told: `SPK_INVALID_JSON`, `SPK_REPLY_REFUSED`. Else as `spk_reply`.
///
/// Everything is copied: the caller keeps what it passes. Any thread. Does not block.
///
/// # Safety
/// `port` is a live handle; `json` is valid for `length` bytes; `pool_run` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_problem(
    port: *const spk_port,
    call: u64,
    json: *const u8,
    length: usize,
    pool_run: *const spk_pool_run,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (port, json) = unsafe { (object(port, "port")?, text(json, length, "json")?) };
        // SAFETY: the caller's contract.
        let run = unsafe { self::pool_run(pool_run) };
        let mut refused = Ok(());
        port.answer(call, run, |answer| {
            let reply = &mut answer.reply;
            refused = write_problem(json, reply);
            if refused.is_err() {
                fail(reply);
            } else {
                refused = fault_of(reply);
            }
        })?;
        refused
    })
}

/// Answers a call whose function failed: 500, without a word of why.
///
/// `trace` is how it failed, in lines for its author, NULL for none: the client is shown it in
/// development mode (setting: `dev`) and never else.
///
/// Else as `spk_reply`. Any thread. Does not block. The caller keeps what it passes.
///
/// # Safety
/// `port` is a live handle; `trace` is valid for `length` bytes; `pool_run` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_fail(
    port: *const spk_port,
    call: u64,
    trace: *const u8,
    length: usize,
    pool_run: *const spk_pool_run,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (port, run) = unsafe { (object(port, "port")?, self::pool_run(pool_run)) };
        // SAFETY: the caller's contract.
        let trace = unsafe { bytes(trace, length, "trace")? };
        port.answer(call, run, |answer| fail_with(trace, &mut answer.reply))
    })
}

/// # Safety
/// `run` is NULL or valid for reads.
pub(crate) unsafe fn pool_run(run: *const spk_pool_run) -> Option<PoolRun> {
    // SAFETY: the caller's contract.
    let run = unsafe { run.as_ref() }?;
    Some(PoolRun {
        wall_ns: run.wall_ns,
        waits: run.waits,
    })
}

/// Fails a reply, with a trace for development if there is one.
pub(crate) fn fail_with(trace: &[u8], reply: &mut Reply) {
    fail(reply);
    if !trace.is_empty() {
        reply.trace = Some(String::from_utf8_lossy(trace).into());
    }
}

pub(crate) fn fail(reply: &mut Reply) {
    Problem::of(&INTERNAL_SERVER_ERROR).write(reply);
}

/// # Safety
/// All that `view` points to is valid for reads.
pub(crate) unsafe fn fill(view: &spk_reply_view, reply: &mut Reply) -> Checked {
    reply.clear();
    reply.set_status(u64::from(view.status));
    // SAFETY: the caller's contract.
    let content_type = unsafe {
        bytes(
            view.content_type.bytes,
            view.content_type.length,
            "content_type",
        )?
    };
    if !content_type.is_empty() {
        reply.push(b"content-type", content_type);
    }
    // SAFETY: the caller's contract.
    for pair in unsafe { array(view.fields, view.field_count, "fields")? } {
        // SAFETY: the caller's contract.
        let (name, value) = unsafe {
            (
                bytes(pair.name.bytes, pair.name.length, "a field name")?,
                bytes(pair.value.bytes, pair.value.length, "a field value")?,
            )
        };
        reply.push(name, value);
    }
    // SAFETY: the caller's contract.
    reply
        .body
        .extend_from_slice(unsafe { bytes(view.body.bytes, view.body.length, "body")? });
    Ok(())
}

/// Tells the host what the engine will say in the log, with a 500, when it takes the reply.
pub(crate) fn fault_of(reply: &Reply) -> Checked {
    match &reply.fault {
        Some(fault) => Err(refuse(fault.to_string())),
        None => Ok(()),
    }
}

fn refuse(message: String) -> Failure {
    Failure::new(Status::ReplyRefused, message)
}
