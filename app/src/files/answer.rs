//! The reply that a fetched file makes: its fields, and which bytes of it.
//!
//! Conditions are judged behind it, for every reply alike; ranges are judged here, after a look at
//! the conditions, which come first (RFC 9110 §13.2.2).
//! Knows nothing of how a file is found.

use std::ops::Range;
use std::sync::Arc;

use spikard_contract::problem::{NOT_FOUND, RANGE_NOT_SATISFIABLE};
use spikard_middleware::{Exchange, FileBody, Local, Problem, Reply, vary};
use spikard_proto_http::range::{Ranges, ranges_of};
use spikard_proto_http::{Validators, Verdict, sabotage};

use super::describe::media_type;
use super::mount::{Fetched, FetchedFile, Mount};

/// Answers that there is nothing.
pub fn nothing(mount: &Mount, x: &mut Exchange) {
    x.fail(&Problem::of(&NOT_FOUND).with_detail("There is no such file"));
    if mount.has_fallback {
        vary(&mut x.reply, "Accept");
    }
}

/// Answers with what was fetched.
pub fn write(mount: &Mount, fetched: Fetched, x: &mut Exchange, local: &mut Local) {
    match fetched {
        Fetched::Nothing => nothing(mount, x),
        Fetched::FolderWithoutSlash => redirect(mount, x),
        Fetched::File(file) => {
            x.reply.clear();
            describe(mount, &file, &mut x.reply);
            send(*file, x, local);
        }
    }
}

/// Sends the client to the same address with a slash, so that relative links start there.
fn redirect(mount: &Mount, x: &mut Exchange) {
    let mut location = x.head.path().to_vec();
    location.push(b'/');
    if let Some(query) = x.head.query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    let location = String::from_utf8_lossy(&location);
    if x.reply.redirect(308, &location).is_err() {
        nothing(mount, x);
    }
}

/// Writes the fields that describe the file. Values are literals, checked when the configuration
/// was read, or made of visible ASCII.
fn describe(mount: &Mount, file: &FetchedFile, reply: &mut Reply) {
    reply.push(b"content-type", media_type(&file.name).as_bytes());
    if !sabotage::is_off("static/nosniff") {
        reply.push(b"x-content-type-options", b"nosniff");
    }
    if let Some(coding) = file.coding {
        reply.push(b"content-encoding", coding.name.as_bytes());
    }
    match &mount.cache_control {
        _ if file.is_fallback => reply.push(b"cache-control", b"no-cache"),
        Some(value) => reply.push(b"cache-control", value.as_bytes()),
        None => {}
    }
    reply.push(b"etag", file.state.etag.as_bytes());
    if let Some(date) = &file.state.last_modified {
        reply.push(b"last-modified", date);
    }
    reply.push(b"accept-ranges", b"bytes");
    if file.is_fallback {
        vary(reply, "Accept");
    }
    if mount.precompressed {
        vary(reply, "Accept-Encoding");
    }
}

/// Says what else the reply depends on.
fn vary(reply: &mut Reply, name: &str) {
    if !sabotage::is_off("static/vary") {
        vary::add(reply, &[name]);
    }
}

/// Puts the bytes that are asked for into the reply.
fn send(file: FetchedFile, x: &mut Exchange, local: &mut Local) {
    let length = file.open.length;
    let fields = &x.reply.fields;
    let is_new = Validators::of(fields)
        .is_none_or(|validators| validators.judge(&x.head) == Verdict::Proceed);
    let ranges = match is_new {
        true => ranges_of(
            &x.head,
            length,
            fields.get(b"etag"),
            fields.get(b"last-modified"),
        ),
        // It becomes a 304 or a 412.
        false => Ranges::Whole,
    };
    match ranges {
        Ranges::Whole => put(file, 0..length, &mut x.reply),
        Ranges::Unsatisfiable => {
            x.fail(&Problem::of(&RANGE_NOT_SATISFIABLE));
            x.reply
                .push(b"content-range", format!("bytes */{length}").as_bytes());
        }
        Ranges::Parts(parts) => {
            x.reply.status = 206;
            match &parts[..] {
                [part] => {
                    let place = content_range(part, length);
                    x.reply.push(b"content-range", place.as_bytes());
                    put(file, part.clone(), &mut x.reply);
                }
                _ => put_parts(file, &parts, local.random(), &mut x.reply),
            }
        }
    }
}

/// One stretch of the file, from memory if it is there.
fn put(file: FetchedFile, stretch: Range<u64>, reply: &mut Reply) {
    match file.content {
        Some(mut content) => {
            // What is in memory is small.
            content.truncate(stretch.end as usize);
            content.drain(..stretch.start as usize);
            reply.body = content;
        }
        None => {
            let body = FileBody::new(Arc::new(file.open.file));
            reply.file = Some(Box::new(body.stretch(stretch)));
        }
    }
}

/// Several stretches, each with a head that says which it is (RFC 9110 §14.6).
fn put_parts(file: FetchedFile, parts: &[Range<u64>], random: [u64; 2], reply: &mut Reply) {
    let boundary = format!("{:016x}{:016x}", random[0], random[1]);
    let media = reply.fields.get(b"content-type").unwrap_or_default();
    let media = String::from_utf8_lossy(media).into_owned();
    let mut body = FileBody::new(Arc::new(file.open.file));
    for (number, part) in parts.iter().enumerate() {
        let before = if number == 0 { "" } else { "\r\n" };
        let place = content_range(part, file.open.length);
        let head = format!(
            "{before}--{boundary}\r\ncontent-type: {media}\r\ncontent-range: {place}\r\n\r\n"
        );
        body = body.bytes(head.into_bytes()).stretch(part.clone());
    }
    body = body.bytes(format!("\r\n--{boundary}--\r\n").into_bytes());
    let media = format!("multipart/byteranges; boundary={boundary}");
    // It takes the place of the file's own.
    reply.push(b"content-type", media.as_bytes());
    reply.file = Some(Box::new(body));
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}
