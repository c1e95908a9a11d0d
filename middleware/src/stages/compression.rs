//! Whether and how a reply's body is compressed; the session then compresses it.
//!
//! Two rows: one looks at the body before conditions may take it away, one chooses last of all, by
//! what leaves.

use spikard_contract::config::CompressionConfig;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::{AcceptEncoding, sabotage};

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
        let is_small = (reply.body.len() as u64) < self.bytes_min;
        if reply.body.is_empty() || (is_small && !sabotage::is_off("compression/min-size")) {
            return;
        }
        reply.is_compressible = is_compressible(reply);
        if reply.is_compressible && !sabotage::is_off("compression/vary") {
            // Also where it stays as it is: another client would get it otherwise.
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
        if !x.reply.is_compressible || x.reply.body.is_empty() {
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
        x.reply.recoding = best.1.map(|coding| Recoding {
            coding,
            quality: self.config.quality,
        });
    }
}

/// Whether the body may be compressed, and is worth it.
fn is_compressible(reply: &Reply) -> bool {
    let fields = &reply.fields;
    let is_coded = fields.get(b"content-encoding").is_some();
    if is_coded && !sabotage::is_off("compression/coded") {
        return false;
    }
    // A part's range counts bytes as they are (RFC 9110 §14.4).
    if reply.status == 206 || fields.get(b"content-range").is_some() {
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
        .is_some_and(|media| is_text(media) || sabotage::is_off("compression/type"))
}

/// Whether a body of this media type is text of some kind, which is what shrinks.
fn is_text(media: &[u8]) -> bool {
    let Ok(media) = MediaType::parse(media) else {
        return false;
    };
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
