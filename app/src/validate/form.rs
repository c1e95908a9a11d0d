//! Form bodies: from pairs of texts to the object that the route's schema describes.
//!
//! Brackets in names spell lists and objects as in queries, and texts become what the schema asks;
//! what cannot be converted stays text, so that the validator says what is wrong with it.
//! Knows nothing of how the pairs were encoded.

use std::borrow::Cow;

use serde_json::Value;
use spikard_contract::problem::{
    BAD_REQUEST, PAYLOAD_TOO_LARGE, UNSUPPORTED_CHARSET, UNSUPPORTED_MEDIA_TYPE,
};
use spikard_middleware::{Exchange, Flow, Local, Problem, RequestStage};
use spikard_proto_http::Head;
use spikard_proto_http::form::{FormError, read_form};
use spikard_proto_http::media::MediaType;
use spikard_proto_http::multipart::boundary;
use spikard_proto_http::sabotage;

use crate::params::brackets;
use crate::params::coerce::Coercion;
use crate::upload::intake;

/// How the texts of a route's form become values.
#[derive(Debug)]
pub struct FormReading(Option<Coercion>);

impl FormReading {
    /// Reads a schema; without one, every value is text.
    #[must_use]
    pub fn compile(schema: Option<&Value>) -> Self {
        Self(schema.map(Coercion::compile))
    }

    /// The object that a url-encoded body spells.
    ///
    /// # Errors
    /// 413 above `fields_max` fields, 400 for a name that is too long.
    pub fn read(&self, body: &[u8], fields_max: u32) -> Result<Value, Box<Problem>> {
        let pairs = read_form(body, fields_max as usize).map_err(refusal)?;
        Ok(self.object(pairs.into_iter()))
    }

    /// The object that pairs spell.
    pub fn object<'p>(&self, pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>) -> Value {
        let knows = |name: &str| self.0.as_ref().is_some_and(|each| each.names(name));
        let object = brackets::object(pairs, knows);
        match &self.0 {
            Some(coercion) => coercion.apply(&object),
            None => object,
        }
    }
}

fn refusal(error: FormError) -> Box<Problem> {
    Box::new(match error {
        FormError::TooManyPairs { .. } => Problem::of(&PAYLOAD_TOO_LARGE)
            .with_detail(format!("{error} (setting: max_form_fields)")),
        FormError::NameTooLong => Problem::of(&BAD_REQUEST).with_detail(error.to_string()),
    })
}

/// The form that a request says its body is, if it is one.
pub(super) fn kind(head: &Head) -> Option<FormKind> {
    match head.content_type().map(MediaType::parse) {
        Some(Ok(media)) if media.is_form() => Some(FormKind::UrlEncoded),
        Some(Ok(media)) if media.is_multipart_form() => Some(FormKind::Multipart),
        _ => None,
    }
}

/// How a form is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormKind {
    /// The body as it arrived.
    UrlEncoded,
    /// The body is the object that was made of its fields while they arrived.
    Multipart,
}

/// Refuses a body that is no form, before it is asked for.
#[derive(Debug)]
pub struct RequireForm;

impl RequestStage for RequireForm {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let refused = if x.has_body() {
            refuse_as_form(x.head.content_type())
        } else {
            None
        };
        match refused {
            None => Flow::Next,
            Some(problem) => {
                x.fail(&problem);
                Flow::Reply
            }
        }
    }
}

/// The 415 that refuses a body of this type where a form is wanted, if it is to be refused, or the
/// 400 without a boundary. A body without a media type is no form: only JSON is taken on trust.
pub(crate) fn refuse_as_form(content_type: Option<&[u8]>) -> Option<Problem> {
    match content_type.map(MediaType::parse) {
        Some(Ok(media)) if media.is_form() => charset_problem(&media),
        Some(Ok(media)) if media.is_multipart_form() => {
            boundary(&media).err().map(|error| *intake::refusal(error))
        }
        _ if sabotage::is_off("form/media") => None,
        _ => Some(Problem::of(&UNSUPPORTED_MEDIA_TYPE)),
    }
}

/// The 415 of a media type whose charset is not UTF-8. ASCII is a part of it.
pub(crate) fn charset_problem(media: &MediaType<'_>) -> Option<Problem> {
    let charset = media.charset()?;
    let known = [&b"utf-8"[..], b"utf8", b"us-ascii"];
    let is_known = known.iter().any(|name| charset.eq_ignore_ascii_case(name));
    if is_known || sabotage::is_off("form/charset") {
        return None;
    }
    let name = String::from_utf8_lossy(&charset);
    Some(Problem::of(&UNSUPPORTED_CHARSET).with_detail(format!(
        "Unsupported charset '{name}' for forms. Only UTF-8 is supported."
    )))
}
