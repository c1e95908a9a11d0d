//! A form read from a body that is at hand, for a host that asks where no route declares one.
//!
//! The same rules as of declared forms, and the same refusals; without a schema every field is
//! text. Files stay where they are: the host is told where in the body each one lies.
//! Knows nothing of routes, and copies no file.

use std::ops::Range;

use serde_json::{Value, json};
use spikard_contract::config::ServerConfig;
use spikard_middleware::Problem;
use spikard_proto_http::MultipartLimits;
use spikard_proto_http::form::Pair;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::multipart::{Event, MultipartParser, boundary};
use spikard_proto_http::part::PartHead;

use super::intake::{Held, header_lines, refusal, text};
use crate::validate::form::{FormReading, refuse_as_form};

/// A form, read whole.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeForm {
    /// The object that its texts spell.
    pub fields: Value,
    /// Its files, in order of arrival.
    pub files: Vec<FilePart>,
}

/// One file of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePart {
    /// The name of its part.
    pub name: String,
    /// Its filename as sent, which may be any path.
    pub filename: String,
    /// Its content type as sent, if there is one.
    pub content_type: Option<String>,
    /// The fields of its part, each as `name: value` and a line feed.
    pub headers: String,
    /// Where in the body its content is, in bytes.
    pub content: Range<usize>,
}

impl WholeForm {
    /// Reads a body of this media type. An empty body is a form without fields.
    ///
    /// # Errors
    /// The problem that a route of forms answers: 400, 413 or 415.
    pub fn read(
        content_type: Option<&[u8]>,
        body: &[u8],
        config: &ServerConfig,
    ) -> Result<Self, Box<Problem>> {
        let reading = FormReading::compile(None);
        if body.is_empty() {
            return Ok(Self {
                fields: reading.object(std::iter::empty()),
                files: Vec::new(),
            });
        }
        if let Some(problem) = refuse_as_form(content_type) {
            return Err(Box::new(problem));
        }
        match content_type.map(MediaType::parse) {
            Some(Ok(media)) if media.is_multipart_form() => {
                let boundary = boundary(&media).map_err(refusal)?;
                let (texts, files) = read_parts(&boundary, body, config)?;
                Ok(Self {
                    fields: reading.object(texts.into_iter()),
                    files,
                })
            }
            _ => Ok(Self {
                fields: reading.read(body, config.max_form_fields)?,
                files: Vec::new(),
            }),
        }
    }

    /// The form as a document: `fields`, and `files` with `start` and `size` in the body.
    #[must_use]
    pub fn document(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({
                "name": file.name,
                "filename": file.filename,
                "content_type": file.content_type,
                "headers": file.headers,
                "start": file.content.start,
                "size": file.content.len(),
            })
        });
        json!({ "fields": self.fields, "files": files.collect::<Vec<_>>() })
    }
}

type Parts = (Vec<Pair<'static>>, Vec<FilePart>);

fn read_parts(boundary: &[u8], body: &[u8], config: &ServerConfig) -> Result<Parts, Box<Problem>> {
    let limits = MultipartLimits {
        parts_max: config.max_form_fields as usize,
        ..MultipartLimits::default()
    };
    let mut parser = MultipartParser::new(boundary, limits);
    let mut held = Held::new(config.max_form_memory);
    let (mut texts, mut files) = (Vec::new(), Vec::new());
    let mut current: Option<(PartHead, Range<usize>)> = None;
    let mut at = 0;
    loop {
        at += match parser.read(&body[at..]).map_err(refusal)? {
            Event::Part { head, consumed } => {
                held.count_header(&head)?;
                current = Some((head, at + consumed..at + consumed));
                consumed
            }
            // A body that is given whole has no content outside of it: pieces follow each other.
            Event::Data { bytes, consumed } => {
                if let Some((head, content)) = &mut current {
                    content.end += bytes.len();
                    debug_assert_eq!(content.end, at + consumed);
                    if head.filename.is_none() {
                        held.count(bytes.len())?;
                    }
                }
                consumed
            }
            Event::PartEnd { consumed } => {
                match current.take() {
                    Some((head, content)) if head.filename.is_none() => {
                        texts.push(text(head, body[content].to_vec())?);
                    }
                    Some((head, content)) => files.extend(file(head, content)),
                    None => {}
                }
                consumed
            }
            Event::More { .. } => break,
        };
    }
    parser.finish().map_err(refusal)?;
    Ok((texts, files))
}

/// The file of a part; none for what a browser sends for an input in which nothing was chosen.
fn file(head: PartHead, content: Range<usize>) -> Option<FilePart> {
    let headers = header_lines(&head);
    let filename = head.filename?;
    if filename.is_empty() && content.is_empty() {
        return None;
    }
    Some(FilePart {
        name: head.name,
        filename,
        content_type: head.content_type,
        headers,
        content,
    })
}
