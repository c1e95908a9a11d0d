//! Development mode: the 500 of a failed handler carries its trace.
//!
//! As a page for browsers, and as the member `trace` of the problem document for everybody else. In
//! production there is no such row, and no trace on the wire.

use spikard_contract::problem::INTERNAL_SERVER_ERROR;
use spikard_proto_http::{Head, accept::weight};

use crate::{exchange::Exchange, local::Local, problem::Problem, stage::ReplyStage};

/// See the module's documentation.
#[derive(Debug)]
pub struct ShowTrace;

impl ReplyStage for ShowTrace {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        let Some(trace) = x.reply.trace.take() else {
            return;
        };
        if prefers_html(&x.head) {
            x.reply.start(INTERNAL_SERVER_ERROR.status, HTML);
            page(INTERNAL_SERVER_ERROR.title, None, &trace, &mut x.reply.body);
        } else {
            Problem::of(&INTERNAL_SERVER_ERROR)
                .with("trace", &*trace)
                .write(&mut x.reply);
        }
    }
}

/// Whether the client wants a page rather than a problem document: browsers do.
pub(super) fn prefers_html(head: &Head) -> bool {
    let of = |kind, subtype| weight(head.field_all(b"accept"), kind, subtype);
    of("text", "html") > of("application", "problem+json").max(of("application", "json"))
}

/// A page without anything that a browser would have to load or run; with `refresh_s` it asks again
/// after so many seconds.
pub(super) fn page(title: &str, refresh_s: Option<u32>, words: &str, body: &mut Vec<u8>) {
    let refresh = refresh_s.map_or_else(String::new, |seconds| {
        format!("<meta http-equiv=\"refresh\" content=\"{seconds}\">\n")
    });
    let head = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n{refresh}\
         <title>{title}</title>\n<h1>{title}</h1>\n<pre>"
    );
    body.extend_from_slice(head.as_bytes());
    for byte in words.bytes() {
        match byte {
            b'&' => body.extend_from_slice(b"&amp;"),
            b'<' => body.extend_from_slice(b"&lt;"),
            b'>' => body.extend_from_slice(b"&gt;"),
            byte => body.push(byte),
        }
    }
    body.extend_from_slice(b"</pre>\n</html>\n");
}

pub(super) const HTML: &str = "text/html; charset=utf-8";
