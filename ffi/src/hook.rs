//! Hooks across the ABI: which ones there are, the reply they are shown, and their answers.
//!
//! A hook's answer may be "continue", and may change the request's header fields. The changes go
//! with the answer: until then every view of the call stays as it is.

use std::ptr;

use spikard_contract::{hook::HooksDocument, status::Status};
use spikard_middleware::{Answer, Edit, Reply, request_id::RequestId};

use crate::{
    abi::{spk_field, spk_text},
    app::{read_document, spk_app},
    boundary::{Checked, Failure, array, boundary, bytes, object, sized, text},
    host::spk_port,
    raised::write_problem,
    reply::{fail, fail_with, fault_of, fill, pool_run, spk_pool_run, spk_reply_view},
};

/// Hooks ran and gave no reply: the request goes on, or the reply that they were shown stands.
pub const SPK_ANSWER_CONTINUE: u32 = 0;
/// The answer is `reply`.
pub const SPK_ANSWER_REPLY: u32 = 1;
/// The answer is the problem document that `problem` describes; it is a failure's.
pub const SPK_ANSWER_PROBLEM: u32 = 2;
/// A function failed: 500, without a word of why; it is a failure's.
pub const SPK_ANSWER_FAIL: u32 = 3;

/// No further hook sees the reply.
pub const SPK_ANSWER_FINAL: u32 = 1;
/// A failure made the reply: hooks on errors see it.
pub const SPK_ANSWER_FAILURE: u32 = 2;

/// One field in place of all of its name.
pub const SPK_EDIT_SET: u32 = 0;
/// One more field.
pub const SPK_EDIT_ADD: u32 = 1;
/// No field of this name.
pub const SPK_EDIT_REMOVE: u32 = 2;

/// The reply that hooks on errors are shown. What it points to stays as that of its call does.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_made {
    /// HTTP status; 0 if there is no reply to show.
    pub status: u32,
    /// Always 0.
    pub reserved: u32,
    /// The text that the spans of `fields` lie in.
    pub field_text: spk_text,
    /// The header fields, in order: spans of `field_text`.
    pub fields: *const spk_field,
    /// How many fields.
    pub field_count: usize,
    /// The body, whole.
    pub body: spk_text,
}

impl spk_made {
    /// There is no reply to show.
    pub(crate) const NONE: Self = Self {
        status: 0,
        reserved: 0,
        field_text: spk_text::NONE,
        fields: ptr::null(),
        field_count: 0,
        body: spk_text::NONE,
    };

    /// The view of `reply`. It borrows nothing the compiler could see.
    pub(crate) fn of(reply: &Reply) -> Self {
        let table = reply.fields.table();
        Self {
            status: reply.status.into(),
            reserved: 0,
            field_text: spk_text::of(reply.fields.bytes()),
            fields: table.as_ptr().cast(),
            field_count: table.len(),
            body: spk_text::of(&reply.body),
        }
    }
}

/// One change of a request's header fields.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_edit {
    /// An `SPK_EDIT_*` number.
    pub kind: u32,
    /// Always 0.
    pub reserved: u32,
    /// A token (RFC 9110 §5.6.2), in any letter case; not one of framing, and not `host`.
    pub name: spk_text,
    /// The value; without meaning for `SPK_EDIT_REMOVE`.
    pub value: spk_text,
}

/// The answer to a call in which hooks ran.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct spk_answer_view {
    /// Size of this struct, so that it can grow.
    pub size: u32,
    /// An `SPK_ANSWER_*` number: continue, reply, problem or fail.
    pub kind: u32,
    /// `SPK_ANSWER_FINAL`, `SPK_ANSWER_FAILURE`, or both.
    pub flags: u32,
    /// Always 0.
    pub reserved: u32,
    /// For `SPK_ANSWER_REPLY`; its `pool_run` is not read.
    pub reply: *const spk_reply_view,
    /// For `SPK_ANSWER_PROBLEM`: JSON as for `spk_problem`. For `SPK_ANSWER_FAIL`: a trace as for
    /// `spk_fail`, of length 0 for none.
    pub text: spk_text,
    /// What hooks changed of the request, in order. An `x-request-id` that is sane renames it.
    pub edits: *const spk_edit,
    /// How many changes.
    pub edit_count: usize,
    /// What the call took on a thread pool; NULL if it ran inline.
    pub pool_run: *const spk_pool_run,
}

/// Says which hooks an application has, by a JSON document (`contract/src/hook.rs`), which is
/// copied and replaces the last. Workers made before do not have them. A host that has hooks takes
/// `SPK_EVENT_ENDED`. Any thread. Does not block.
///
/// # Safety
/// As `spk_app_configure`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_app_hooks(app: *const spk_app, json: *const u8, length: usize) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (app, json) = unsafe { (object(app, "app")?, text(json, length, "json")?) };
        let document: HooksDocument = read_document(json, "the hooks")?;
        app.set_hooks(document);
        Ok(())
    })
}

/// Answers a call in which hooks ran.
///
/// A change that cannot be made is a hook that failed: 500 in place of the answer, and the log says
/// why. "Continue" in answer to a call for a handler is a 500 as well. Else as `spk_reply`.
///
/// Everything is copied: the caller keeps what it passes. Any thread. Does not block.
///
/// # Safety
/// `port` is a live handle; `answer` and all it points to are valid for reads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_answer(
    port: *const spk_port,
    call: u64,
    answer: *const spk_answer_view,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let (port, view) = unsafe { (object(port, "port")?, sized(answer, "answer")?) };
        // SAFETY: the caller's contract.
        let (run, edits) = unsafe { (pool_run(view.pool_run), edits(view)?) };
        let mut refused = Ok(());
        port.answer(call, run, |answer| {
            answer.edits = edits;
            answer.ends_hooks = view.flags & SPK_ANSWER_FINAL != 0;
            // SAFETY: the caller's contract.
            refused = unsafe { write(view, answer) };
            if refused.is_err() {
                answer.goes_on = false;
                fail(&mut answer.reply);
            } else {
                refused = fault_of(&answer.reply);
            }
        })?;
        refused
    })
}

/// # Safety
/// All that `view` points to is valid for reads.
unsafe fn write(view: &spk_answer_view, answer: &mut Answer) -> Checked {
    match view.kind {
        SPK_ANSWER_CONTINUE => answer.goes_on = true,
        SPK_ANSWER_REPLY => {
            // SAFETY: the caller's contract.
            unsafe { fill(sized(view.reply, "reply")?, &mut answer.reply)? };
            answer.reply.is_failure = view.flags & SPK_ANSWER_FAILURE != 0;
        }
        SPK_ANSWER_PROBLEM => {
            let (json, length) = (view.text.bytes, view.text.length);
            // SAFETY: the caller's contract.
            write_problem(unsafe { text(json, length, "problem")? }, &mut answer.reply)?;
        }
        SPK_ANSWER_FAIL => {
            let (trace, length) = (view.text.bytes, view.text.length);
            // SAFETY: the caller's contract.
            fail_with(unsafe { bytes(trace, length, "trace")? }, &mut answer.reply);
        }
        other => return Err(unknown("answer", other)),
    }
    Ok(())
}

/// # Safety
/// As for [`write`].
unsafe fn edits(view: &spk_answer_view) -> Checked<Vec<Edit>> {
    // SAFETY: the caller's contract.
    let views = unsafe { array(view.edits, view.edit_count, "edits")? };
    let mut edits = Vec::with_capacity(views.len());
    for edit in views {
        // SAFETY: the caller's contract.
        let (name, value) = unsafe {
            (
                bytes(edit.name.bytes, edit.name.length, "a field name")?,
                bytes(edit.value.bytes, edit.value.length, "a field value")?,
            )
        };
        edits.push(match edit.kind {
            SPK_EDIT_SET => Edit::Set(name.into(), value.into()),
            SPK_EDIT_ADD => Edit::Add(name.into(), value.into()),
            SPK_EDIT_REMOVE => Edit::Remove(name.into()),
            other => return Err(unknown("edit", other)),
        });
    }
    Ok(edits)
}

fn unknown(what: &str, kind: u32) -> Failure {
    Failure::new(
        Status::InvalidArgument,
        format!("{kind} is no kind of {what}"),
    )
}

/// Whether a text may name a request: then an `x-request-id` that a hook sets renames it. Fails
/// with `SPK_INVALID_ARGUMENT` otherwise. Any thread. Does not block.
///
/// # Safety
/// `id` is valid for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_check_request_id(id: *const u8, length: usize) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let id = unsafe { bytes(id, length, "id")? };
        if RequestId::new().keep(id) {
            return Ok(());
        }
        let message = "a request id is 1 to 128 visible ASCII characters";
        Err(Failure::new(Status::InvalidArgument, message))
    })
}
