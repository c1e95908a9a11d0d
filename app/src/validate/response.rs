//! The row that judges replies: whether a JSON reply satisfies its route's response schema.
//!
//! What a client may know of a reply that does not is that it failed; what is wrong with it is said
//! in the log, by place and type of each fault and never by value, which may be a secret.
//! Knows nothing of how a reply was made.

use std::fmt::Write;

use spikard_contract::problem::INTERNAL_SERVER_ERROR;
use spikard_middleware::{Exchange, Level, Local, Problem, Reply, ReplyStage};
use spikard_proto_http::Method;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::sabotage;

use super::fault::{Fault, Faults};
use super::json::{self, JsonFault, JsonFaultKind};
use super::schema::Schema;

/// Most faults of one reply that its log line names.
pub const FAULTS_NAMED_MAX: usize = 10;

/// Most characters of the place of one fault in a log line: keys may be of any length.
pub const PLACE_CHARS_MAX: usize = 120;

/// Deepest nesting of a reply that is judged, in levels: the most that `max_json_depth` allows
/// requests.
pub const DEPTH_MAX: u32 = 512;

/// Judges JSON replies with a status of 2xx.
#[derive(Debug)]
pub struct JudgeResponse {
    /// What they must satisfy.
    pub schema: Schema,
    /// Whether one that does not becomes a 500. Else it is sent as it is.
    pub refuses: bool,
    /// The handler's name, for the log.
    pub handler: Box<str>,
    /// The route's pattern, for the log.
    pub route: Box<str>,
}

impl ReplyStage for JudgeResponse {
    fn run(&self, x: &mut Exchange, local: &mut Local) {
        if !is_judged(x) || sabotage::is_off("response/schema") {
            return;
        }
        let Some(faults) = self.faults(&x.reply.body) else {
            return;
        };
        let (level, outcome) = match self.refuses {
            true => (Level::Error, "500"),
            false => (Level::Warn, "sent as it is"),
        };
        local.note(level, self.line(x, &faults, outcome));
        if self.refuses {
            // Not `fail`: this is a reply row, and those behind it see the new reply.
            Problem::of(&INTERNAL_SERVER_ERROR).write(&mut x.reply);
        }
    }
}

impl JudgeResponse {
    /// What is wrong with a body, in words; `None` if it satisfies the schema.
    fn faults(&self, body: &[u8]) -> Option<String> {
        let laid_out = match json::lay_out(body, DEPTH_MAX) {
            Ok(laid_out) => laid_out,
            Err(fault) => return Some(unsound(&fault)),
        };
        let mut faults = Faults::new();
        self.schema.judge_body(&laid_out.tape(), &mut faults);
        if faults.is_empty() {
            return None;
        }
        faults.sort();
        let (named, rest) = faults
            .rows()
            .split_at(faults.rows().len().min(FAULTS_NAMED_MAX));
        let mut words = String::new();
        for fault in named {
            if !words.is_empty() {
                words.push_str(", ");
            }
            push_place(&mut words, fault);
            words.push(' ');
            words.push_str(fault.kind);
        }
        if !rest.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(words, " and {} more", rest.len());
        }
        if faults.is_truncated() {
            words.push_str(", and there may be more");
        }
        Some(words)
    }

    fn line(&self, x: &Exchange, faults: &str, outcome: &str) -> String {
        let mut line = format!(
            "{} ({}) replied what its response schema does not allow, {outcome}: {faults}",
            self.handler, self.route
        );
        let id = x.request_id.as_bytes();
        if !id.is_empty() {
            let _ = write!(line, " [{}]", String::from_utf8_lossy(id));
        }
        line
    }
}

/// Whether a reply is a whole JSON document as its handler meant it.
fn is_judged(x: &Exchange) -> bool {
    let reply = &x.reply;
    let is_success = match reply.status {
        // No content, or a part of it.
        204..=206 => false,
        status => (200..=299).contains(&status) || sabotage::is_off("response/status"),
    };
    // An answer to HEAD may come without the content that GET has (RFC 9110 §9.3.2).
    let is_bare = reply.body.is_empty() && x.head.method() == Method::Head;
    is_success && is_json(reply) && !is_bare
}

fn is_json(reply: &Reply) -> bool {
    let is_plain = reply.fields.get(b"content-encoding").is_none();
    let media = reply.fields.get(b"content-type").map(MediaType::parse);
    let is_json = matches!(media, Some(Ok(media)) if media.is_json());
    is_plain && (is_json || sabotage::is_off("response/media"))
}

/// `body.items.2.price`, without what would break a line of the log or fill it.
fn push_place(words: &mut String, fault: &Fault) {
    words.push_str(fault.source.name());
    let keys = fault.path.iter().flat_map(|key| {
        let key = key.chars().flat_map(char::escape_debug);
        std::iter::once('.').chain(key)
    });
    let mut keys = keys.peekable();
    words.extend(keys.by_ref().take(PLACE_CHARS_MAX));
    if keys.peek().is_some() {
        words.push('…');
    }
}

/// What is wrong with a body that is no sound JSON text. It names no key: that may be data, too.
fn unsound(fault: &JsonFault) -> String {
    let what = match fault.kind {
        JsonFaultKind::Syntax => "is not JSON",
        JsonFaultKind::NotUtf8 => "is not UTF-8",
        JsonFaultKind::LoneSurrogate => "has half of a surrogate pair",
        JsonFaultKind::TooDeep { .. } => "is nested too deep to be judged",
        JsonFaultKind::NumberTooLarge => "has a number beyond the range of 64-bit floats",
        JsonFaultKind::TooLong => "is too long to be judged",
        JsonFaultKind::DuplicateKey { .. } => "has a key twice",
    };
    format!("the body {what} (at byte {})", fault.position)
}
