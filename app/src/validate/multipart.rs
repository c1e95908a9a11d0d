//! The text fields of a multipart form (RFC 7578), read from a whole body.
//!
//! Files are not for a route of forms: their parts are read and forgotten.
//! Knows nothing of what the fields mean.

use std::borrow::Cow;

use spikard_contract::problem::{BAD_REQUEST, PAYLOAD_TOO_LARGE};
use spikard_middleware::Problem;
use spikard_proto_http::MultipartLimits;
use spikard_proto_http::form::Pair;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::multipart::{Event, MultipartError, MultipartParser, boundary};
use spikard_proto_http::part::PartHead;

use super::form::charset_problem;

/// The text fields of a body of this media type, in order; at most `fields_max` parts.
///
/// # Errors
/// 400 if the body is malformed or a text is not UTF-8, 413 above `fields_max` parts, 415 for a
/// text in another charset.
pub fn read_texts<'b>(
    media: &MediaType<'_>,
    body: &[u8],
    fields_max: u32,
) -> Result<Vec<Pair<'b>>, Box<Problem>> {
    let limits = MultipartLimits {
        parts_max: fields_max as usize,
        ..MultipartLimits::default()
    };
    let boundary = boundary(media).map_err(refusal)?;
    let mut parser = MultipartParser::new(&boundary, limits);
    let mut texts = Vec::new();
    let (mut part, mut at) = (None, 0);
    loop {
        at += match parser.read(&body[at..]).map_err(refusal)? {
            Event::Part { head, consumed } => {
                let is_text = head.filename.is_none();
                part = is_text.then_some((head, Vec::new()));
                consumed
            }
            Event::Data { bytes, consumed } => {
                if let Some((_, content)) = &mut part {
                    content.extend_from_slice(bytes);
                }
                consumed
            }
            Event::PartEnd { consumed } => {
                if let Some((head, content)) = part.take() {
                    texts.push(text(head, content)?);
                }
                consumed
            }
            Event::More { .. } => break,
        }
    }
    parser.finish().map_err(refusal)?;
    Ok(texts)
}

/// A complete text part.
fn text<'t>(head: PartHead, content: Vec<u8>) -> Result<Pair<'t>, Box<Problem>> {
    let media = head.content_type.as_deref().map(str::as_bytes);
    if let Some(Ok(media)) = media.map(MediaType::parse)
        && let Some(problem) = charset_problem(&media)
    {
        return Err(Box::new(problem));
    }
    match String::from_utf8(content) {
        Ok(content) => Ok((Cow::Owned(head.name), Cow::Owned(content))),
        Err(_) => Err(Box::new(
            Problem::of(&BAD_REQUEST)
                .with_detail(format!("The form field '{}' is not UTF-8", head.name)),
        )),
    }
}

/// The answer to a body that cannot be read.
pub(super) fn refusal(error: MultipartError) -> Box<Problem> {
    Box::new(match error {
        MultipartError::TooManyParts { .. } => Problem::of(&PAYLOAD_TOO_LARGE)
            .with_detail(format!("{error} (setting: max_form_fields)")),
        _ => Problem::of(&BAD_REQUEST).with_detail(error.to_string()),
    })
}
