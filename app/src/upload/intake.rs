//! A multipart form on its way in: texts to fields, files to memory or the spool.
//!
//! Every bound holds while bytes arrive: parts, headers, text, and the size of each file, of which
//! no more is kept than its rule allows. Files that no rule names are read and forgotten.
//! Knows nothing of how the rules are judged; `rules` does that when all parts are known.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::Arc;

use spikard_contract::problem::{BAD_REQUEST, PAYLOAD_TOO_LARGE};
use spikard_middleware::{
    BodySink, Exchange, Flow, Keeping, Local, Problem, RequestStage, Upload, Uploads, Work,
};
use spikard_proto_http::MultipartLimits;
use spikard_proto_http::form::Pair;
use spikard_proto_http::media::MediaType;
use spikard_proto_http::multipart::{Event, MultipartError, MultipartParser, boundary};
use spikard_proto_http::part::PartHead;
use spikard_proto_http::sabotage;

use super::magic;
use super::rules::FileRules;
use super::spool::Spool;
use crate::validate::form::{FormReading, charset_problem};

/// What bounds a multipart form.
#[derive(Debug, Clone)]
pub struct IntakeLimits {
    /// Most parts.
    pub parts_max: usize,
    /// Most bytes of texts and headers.
    pub form_bytes_max: u64,
    /// Most bytes of files in memory.
    pub memory_bytes_max: usize,
    /// Where the spool is made; `None` for the system's directory.
    pub directory: Option<Arc<Path>>,
}

/// What a route makes of a form.
#[derive(Debug)]
pub struct FormRules {
    /// How its texts become values.
    pub reading: FormReading,
    /// The files it takes.
    pub files: FileRules,
}

/// Arranges that a multipart body is read as it arrives. Its media type was judged before.
#[derive(Debug)]
pub struct OpenForm {
    /// See [`FormRules`].
    pub rules: Arc<FormRules>,
    /// See [`IntakeLimits`].
    pub limits: IntakeLimits,
}

impl RequestStage for OpenForm {
    fn run(&self, x: &mut Exchange, _: &mut Local) -> Flow {
        let media = x.head.content_type().map(MediaType::parse);
        if let Some(Ok(media)) = media
            && media.is_multipart_form()
            && x.has_body()
            && let Ok(boundary) = boundary(&media)
        {
            let intake = FormIntake::new(&boundary, self.rules.clone(), &self.limits);
            x.sink = Some(Box::new(intake));
        }
        Flow::Next
    }
}

/// One form on its way in.
#[derive(Debug)]
pub struct FormIntake {
    parser: MultipartParser,
    parts: Parts,
}

/// What is made of its parts.
#[derive(Debug)]
struct Parts {
    rules: Arc<FormRules>,
    texts: Vec<Pair<'static>>,
    uploads: Uploads,
    spool: Spool,
    current: Current,
    held: Held,
    memory_bytes_max: usize,
}

/// Counts what is held of a form besides its files.
#[derive(Debug)]
pub(super) struct Held {
    bytes: u64,
    bytes_max: u64,
}

/// The part under way.
#[derive(Debug)]
enum Current {
    /// None, or one that is forgotten.
    Nothing,
    /// A field.
    Text(PartHead, Vec<u8>),
    /// A file.
    File(Receiving),
}

/// A file under way.
#[derive(Debug)]
struct Receiving {
    upload: Upload,
    size_max: u64,
    /// Its first bytes, if they are to be looked at.
    head: Option<Vec<u8>>,
}

impl FormIntake {
    /// Begins a form whose parts this boundary divides.
    #[must_use]
    pub fn new(boundary: &[u8], rules: Arc<FormRules>, limits: &IntakeLimits) -> Self {
        let bounds = MultipartLimits {
            parts_max: limits.parts_max,
            ..MultipartLimits::default()
        };
        Self {
            parser: MultipartParser::new(boundary, bounds),
            parts: Parts {
                rules,
                texts: Vec::new(),
                uploads: Uploads::new(),
                spool: Spool::new(limits.directory.clone()),
                current: Current::Nothing,
                held: Held::new(limits.form_bytes_max),
                memory_bytes_max: limits.memory_bytes_max,
            },
        }
    }
}

impl BodySink for FormIntake {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Box<Problem>> {
        let mut at = 0;
        loop {
            at += match self.parser.read(&bytes[at..]).map_err(refusal)? {
                Event::Part { head, consumed } => {
                    self.parts.begin(head)?;
                    consumed
                }
                Event::Data { bytes, consumed } => {
                    self.parts.push(bytes)?;
                    consumed
                }
                Event::PartEnd { consumed } => {
                    self.parts.end()?;
                    consumed
                }
                Event::More { .. } => return Ok(()),
            }
        }
    }

    fn finish(&mut self) -> Result<(), Box<Problem>> {
        self.parts.spool.end();
        self.parser.finish().map_err(refusal)
    }

    fn work(&mut self) -> io::Result<Option<Work>> {
        self.parts.spool.work()
    }

    fn deliver(self: Box<Self>, x: &mut Exchange) {
        let parts = self.parts;
        let fields = parts.rules.reading.object(parts.texts.into_iter());
        // Hosts read the fields as one JSON object, like any other body.
        x.body = fields.to_string().into_bytes();
        x.uploads = parts.uploads;
        x.uploads.spool = parts.spool.into_file();
    }
}

impl Parts {
    fn begin(&mut self, head: PartHead) -> Result<(), Box<Problem>> {
        self.held.count_header(&head)?;
        let Some(filename) = &head.filename else {
            self.current = Current::Text(head, Vec::new());
            return Ok(());
        };
        let Some(rule) = self.rules.files.of(&head.name) else {
            self.current = Current::Nothing;
            return Ok(());
        };
        let size_max = match rule.max_size {
            Some(most) if !sabotage::is_off("file/max-size") => most,
            _ => u64::MAX,
        };
        let keeps_head = rule.check_magic;
        let content_type = head.content_type.as_deref().unwrap_or_default();
        self.current = Current::File(Receiving {
            upload: Upload {
                name: self.uploads.write(&head.name),
                filename: self.uploads.write(filename),
                content_type: self.uploads.write(content_type),
                headers: self.uploads.write(&header_lines(&head)),
                start: self.uploads.memory.len() as u64,
                size: 0,
                keeping: Keeping::Memory as u32,
                reserved: 0,
            },
            size_max,
            head: keeps_head.then(Vec::new),
        });
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Box<Problem>> {
        match &mut self.current {
            Current::Nothing => Ok(()),
            Current::Text(_, text) => {
                text.extend_from_slice(bytes);
                self.held.count(bytes.len())
            }
            Current::File(file) => {
                let memory = &mut self.uploads.memory;
                file.push(bytes, memory, self.memory_bytes_max, &mut self.spool);
                Ok(())
            }
        }
    }

    fn end(&mut self) -> Result<(), Box<Problem>> {
        match std::mem::replace(&mut self.current, Current::Nothing) {
            Current::Nothing => {}
            Current::Text(head, content) => self.texts.push(text(head, content)?),
            // What a browser sends for an input in which nothing was chosen.
            Current::File(file) if file.upload.filename.length == 0 && file.upload.size == 0 => {}
            Current::File(file) => {
                let detected = file.head.as_deref().and_then(magic::detect);
                self.uploads.push(file.upload, detected);
            }
        }
        Ok(())
    }
}

impl Held {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            bytes: 0,
            bytes_max,
        }
    }

    /// Counts the header of a part.
    pub(super) fn count_header(&mut self, head: &PartHead) -> Result<(), Box<Problem>> {
        let fields = head.fields.iter();
        let bytes = fields.map(|(name, value)| name.len() + value.len());
        self.count(bytes.sum())
    }

    pub(super) fn count(&mut self, bytes: usize) -> Result<(), Box<Problem>> {
        self.bytes += bytes as u64;
        if self.bytes <= self.bytes_max || sabotage::is_off("form/memory-max") {
            return Ok(());
        }
        let most = self.bytes_max;
        let detail = format!(
            "The fields of the form are over the limit of {most} bytes (setting: max_form_memory)"
        );
        Err(Box::new(
            Problem::of(&PAYLOAD_TOO_LARGE).with_detail(detail),
        ))
    }
}

impl Receiving {
    fn push(&mut self, bytes: &[u8], memory: &mut Vec<u8>, memory_max: usize, spool: &mut Spool) {
        let upload = &mut self.upload;
        upload.size += bytes.len() as u64;
        if let Some(head) = &mut self.head {
            let room = magic::HEAD_BYTES.saturating_sub(head.len());
            head.extend_from_slice(&bytes[..room.min(bytes.len())]);
        }
        let is_in_memory = upload.keeping == Keeping::Memory as u32;
        if upload.size > self.size_max {
            if is_in_memory {
                memory.truncate(upload.start as usize);
            }
            upload.keeping = Keeping::Dropped as u32;
        } else if is_in_memory && memory.len() + bytes.len() <= memory_max {
            memory.extend_from_slice(bytes);
        } else {
            if is_in_memory {
                let start = std::mem::replace(&mut upload.start, spool.length());
                upload.keeping = Keeping::Spool as u32;
                spool.take(memory, start as usize);
            }
            spool.push(bytes);
        }
    }
}

/// The fields of a part, each as `name: value` and a line feed.
pub(super) fn header_lines(head: &PartHead) -> String {
    let lines = head.fields.iter();
    lines
        .map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}

/// A complete text part.
pub(super) fn text(head: PartHead, content: Vec<u8>) -> Result<Pair<'static>, Box<Problem>> {
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
pub(crate) fn refusal(error: MultipartError) -> Box<Problem> {
    Box::new(match error {
        MultipartError::TooManyParts { .. } => Problem::of(&PAYLOAD_TOO_LARGE)
            .with_detail(format!("{error} (setting: max_form_fields)")),
        _ => Problem::of(&BAD_REQUEST).with_detail(error.to_string()),
    })
}
