//! Answers to calls in which hooks ran.

use std::ptr;

use spikard_ffi::{
    abi::spk_text,
    hook::{
        SPK_ANSWER_CONTINUE, SPK_ANSWER_FAIL, SPK_ANSWER_FAILURE, SPK_ANSWER_FINAL,
        SPK_ANSWER_PROBLEM, SPK_ANSWER_REPLY, SPK_EDIT_ADD, SPK_EDIT_REMOVE, SPK_EDIT_SET,
        spk_answer, spk_answer_view, spk_check_request_id, spk_edit,
    },
};

use crate::{
    error::{Error, check},
    port::{PoolRun, Port, Reply, view},
};

/// One change of a request's header fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// One field in place of all of this name.
    Set(Box<[u8]>, Box<[u8]>),
    /// One more field.
    Add(Box<[u8]>, Box<[u8]>),
    /// No field of this name.
    Remove(Box<[u8]>),
}

impl Edit {
    fn raw(&self) -> spk_edit {
        let (kind, name, value): (u32, &[u8], &[u8]) = match self {
            Self::Set(name, value) => (SPK_EDIT_SET, name, value),
            Self::Add(name, value) => (SPK_EDIT_ADD, name, value),
            Self::Remove(name) => (SPK_EDIT_REMOVE, name, b""),
        };
        spk_edit {
            kind,
            reserved: 0,
            name: view(name),
            value: view(value),
        }
    }
}

/// What hooks came to.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<'a> {
    /// No reply: the request goes on, or the reply that they were shown stands.
    Continue,
    /// This reply.
    Reply(Reply<'a>),
    /// The problem document that this JSON describes; hooks on errors see it.
    Problem(&'a str),
    /// A function failed: 500; hooks on errors see it. A trace is for development, or empty.
    Fail(&'a str),
}

/// An answer.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What the client gets.
    pub verdict: Verdict<'a>,
    /// Whether a failure made the reply.
    pub is_failure: bool,
    /// Whether no further hook sees it.
    pub is_final: bool,
    /// What hooks changed of the request, in order.
    pub edits: &'a [Edit],
    /// What the call took on a thread pool.
    pub run: Option<PoolRun>,
}

impl Port {
    /// Answers a call in which hooks ran.
    ///
    /// # Errors
    /// As [`Port::reply`].
    pub fn answer(&self, id: u64, answer: Answer<'_>) -> Result<(), Error> {
        let (port, _host) = self.open()?;
        let run = answer.run.map(PoolRun::raw);
        let run = run.as_ref().map_or(ptr::null(), ptr::from_ref);
        let edits: Vec<spk_edit> = answer.edits.iter().map(Edit::raw).collect();
        let (mut pairs, mut text) = (Vec::new(), view(b""));
        let (kind, reply) = match answer.verdict {
            Verdict::Continue => (SPK_ANSWER_CONTINUE, None),
            Verdict::Reply(reply) => {
                pairs = reply.pairs();
                (SPK_ANSWER_REPLY, Some(reply.raw(&pairs, run)))
            }
            Verdict::Problem(json) => {
                text = view(json.as_bytes());
                (SPK_ANSWER_PROBLEM, None)
            }
            Verdict::Fail(trace) => {
                text = view(trace.as_bytes());
                (SPK_ANSWER_FAIL, None)
            }
        };
        let flag = |is_set: bool, flag: u32| if is_set { flag } else { 0 };
        let answer = spk_answer_view {
            size: size_of::<spk_answer_view>() as u32,
            kind,
            flags: flag(answer.is_final, SPK_ANSWER_FINAL)
                | flag(answer.is_failure, SPK_ANSWER_FAILURE),
            reserved: 0,
            reply: reply.as_ref().map_or(ptr::null(), ptr::from_ref),
            text,
            edits: edits.as_ptr(),
            edit_count: edits.len(),
            pool_run: run,
        };
        // SAFETY: the handle is live; everything the view points to lives to the end of the call.
        let answered = check(unsafe { spk_answer(port, id, &answer) });
        drop(pairs);
        answered
    }
}

/// Whether a text may name a request: then an `x-request-id` that a hook sets renames it.
pub fn is_request_id(id: &[u8]) -> bool {
    let spk_text { bytes, length } = view(id);
    // SAFETY: the text is valid for its length.
    check(unsafe { spk_check_request_id(bytes, length) }).is_ok()
}
