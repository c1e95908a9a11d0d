//! Whether a request's media type is one that a JSON route reads.
//!
//! A missing media type counts as JSON, but not from a browser: a form or script of another site
//! can send a body without one, with the user's cookies (the CSRF class of attacks).
//! Knows nothing of what is in the body.

use spikard_contract::problem::{UNSUPPORTED_CHARSET, UNSUPPORTED_MEDIA_TYPE};
use spikard_middleware::Problem;
use spikard_proto_http::Head;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::sabotage;

/// The 415 that refuses the body of a request to a JSON route, if it is to be refused.
#[must_use]
pub fn refuse_as_json(head: &Head) -> Option<Problem> {
    let Some(value) = head.content_type() else {
        let from_browser = !sabotage::is_off("media/missing-from-browser");
        let from_browser =
            from_browser && (head.field(b"origin").is_some() || head.field(b"cookie").is_some());
        return from_browser.then(|| Problem::of(&UNSUPPORTED_MEDIA_TYPE));
    };
    // As nearly every client writes it.
    if value == b"application/json" {
        return None;
    }
    let media = match MediaType::parse(value) {
        Ok(media) if is_json(&media) => media,
        Ok(media) if sabotage::is_off("media/type") => media,
        _ => return Some(Problem::of(&UNSUPPORTED_MEDIA_TYPE)),
    };
    let charset = media.charset()?;
    if sabotage::is_off("media/charset") {
        return None;
    }
    if charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8") {
        return None;
    }
    let name = String::from_utf8_lossy(&charset);
    Some(Problem::of(&UNSUPPORTED_CHARSET).with_detail(format!(
        "Unsupported charset '{name}' for JSON. Only UTF-8 is supported."
    )))
}

fn is_json(media: &MediaType<'_>) -> bool {
    let suffix = media.is_json() && !media.is("application", "json");
    media.is_json() && !(suffix && sabotage::is_off("media/suffix"))
}
