//! Whether and how a reply's body is compressed; the session then compresses it.
//!
//! Two rows: one looks at the body before conditions may take it away, one chooses last of all, by
//! what leaves.

use spikard_contract::config::CompressionConfig;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::{AcceptEncoding, Fields, sabotage};

use crate::{
    compress::Recoding, exchange::Exchange, inflate::Coding, local::Local, reply::Reply,
    stage::ReplyStage, vary,
};

/// Judges whether a reply's body may be compressed, and is worth it.
#[derive(Debug)]
pub struct Compressible {
    /// Smallest body that is, in bytes.
    pub bytes_min: u64,
}

impl ReplyStage for Compressible {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        let reply = &mut x.reply;
        let length = whole_length(reply);
        let is_small = length < self.bytes_min;
        if length == 0 || (is_small && !sabotage::is_off("compression/min-size")) {
            return;
        }
        let is_worth_it = is_worth_it(reply);
        // A part's range counts bytes as they are (RFC 9110 §14.4).
        reply.is_compressible = is_worth_it && !is_part(reply);
        let is_silent = !reply.is_compressible && sabotage::is_off("compression/part-vary");
        if is_worth_it && !is_silent && !sabotage::is_off("compression/vary") {
            // Also where it stays as it is: another client would get it otherwise. A part says what
            // the whole would have said (RFC 9110 §15.3.7).
            vary::add(reply, &["Accept-Encoding"]);
        }
    }
}

/// Chooses a coding by the client's weights (RFC 9110 §12.5.3).
#[derive(Debug)]
pub struct Compression {
    /// What is offered.
    pub config: CompressionConfig,
}

impl ReplyStage for Compression {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        let is_known = x.reply.status == 304 && !sabotage::is_off("compression/known-tag");
        if !x.reply.is_compressible || (x.reply.body_length() == 0 && !is_known) {
            return;
        }
        let accepted = AcceptEncoding::of(&x.head);
        let offers = [
            (self.config.brotli, Coding::Brotli),
            (self.config.gzip, Coding::Gzip),
        ];
        let mut best = (accepted.weight(b"identity"), None);
        for (is_offered, coding) in offers {
            let weight = if is_offered {
                accepted.weight(coding.name())
            } else {
                0
            };
            // As gladly as it is, it is better compressed; of two codings the first counts.
            let wins = match best.1 {
                None => weight > 0 && weight >= best.0,
                Some(_) => weight > best.0,
            };
            if wins {
                best = (weight, Some(coding));
            }
        }
        let recoding = best.1.map(|coding| Recoding {
            coding,
            quality: self.config.quality,
        });
        if recoding.is_some() && is_known {
            // The tag that its 200 would have (RFC 9110 §15.4.5).
            weaken_tag(&mut x.reply.fields);
        }
        x.reply.recoding = recoding.filter(|_| !is_known);
    }
}

/// A strong tag names bytes, and these are others (RFC 9110 §8.8.3.3); a weak one still names the
/// content, so the client's conditions work on.
pub(crate) fn weaken_tag(fields: &mut Fields) {
    let Some(tag) = fields.get(b"etag") else {
        return;
    };
    if tag.starts_with(b"W/") || sabotage::is_off("compression/etag") {
        return;
    }
    let weak = [b"W/", tag].concat();
    // It was a valid value, and still is.
    let set = fields.set(b"etag", &weak);
    debug_assert!(set.is_ok());
}

/// Whether the body is some of what it is about (RFC 9110 §14).
fn is_part(reply: &Reply) -> bool {
    reply.status == 206 || reply.fields.get(b"content-range").is_some()
}

/// Bytes of the body; of a part, of the whole, if it says so.
fn whole_length(reply: &Reply) -> u64 {
    let whole = || {
        let range = reply.fields.get(b"content-range")?;
        let slash = range.iter().rposition(|&byte| byte == b'/')?;
        std::str::from_utf8(&range[slash + 1..]).ok()?.parse().ok()
    };
    match reply.body_length() {
        0 => 0,
        length => whole().unwrap_or(length),
    }
}

/// Whether the body may be compressed, as far as its fields say, and would be worth it.
fn is_worth_it(reply: &Reply) -> bool {
    let fields = &reply.fields;
    let is_coded = fields.get(b"content-encoding").is_some();
    if is_coded && !sabotage::is_off("compression/coded") {
        return false;
    }
    let forbids = |line: &[u8]| {
        line.split(|&byte| byte == b',')
            .any(|member| member.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
    };
    if fields.get_all(b"cache-control").any(forbids)
        && !sabotage::is_off("compression/no-transform")
    {
        return false;
    }
    fields
        .get(b"content-type")
        .is_some_and(|media| is_text(media, reply) || sabotage::is_off("compression/type"))
}

/// Whether a body of this media type is text of some kind, which is what shrinks; of parts, whether
/// they may be of one.
fn is_text(media: &[u8], reply: &Reply) -> bool {
    let Ok(media) = MediaType::parse(media) else {
        return false;
    };
    if media.is("multipart", "byteranges") {
        return is_part(reply);
    }
    let subtype = media.subtype();
    let ends = |suffix: &str| {
        let start = subtype.len().checked_sub(suffix.len());
        start.is_some_and(|start| {
            subtype.as_bytes()[start..].eq_ignore_ascii_case(suffix.as_bytes())
        })
    };
    if ends("+json") || ends("+xml") || ends("+text") {
        return true;
    }
    let among = |list: &[&str]| list.iter().any(|name| subtype.eq_ignore_ascii_case(name));
    let kind = media.kind();
    if kind.eq_ignore_ascii_case("application") {
        return among(&TEXT_APPLICATIONS);
    }
    if kind.eq_ignore_ascii_case("font") {
        // Not woff and woff2, which are compressed.
        return among(&["ttf", "otf", "collection"]);
    }
    kind.eq_ignore_ascii_case("text") || (kind.eq_ignore_ascii_case("image") && among(&["bmp"]))
}

/// Subtypes of `application` that shrink.
const TEXT_APPLICATIONS: [&str; 14] = [
    "json",
    "xml",
    "javascript",
    "ecmascript",
    "x-javascript",
    "graphql",
    "sql",
    "toml",
    "yaml",
    "x-yaml",
    "x-ndjson",
    "wasm",
    "rtf",
    "x-www-form-urlencoded",
];
