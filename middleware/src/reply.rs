//! The reply in the making: status, fields, body. Written by stages and hosts, sent by the driver.
//!
//! It has no opinion on framing: `Content-Length`, `Connection` and `Date` belong to the encoder.

use spikard_proto_http::redirect::check_redirect;
use spikard_proto_http::{Fields, RedirectError, sabotage};

use crate::{
    coded_body::CodedBody, compress::Recoding, file_body::FileBody, inspection::ReplyFault,
};

/// One reply. Its memory is kept from request to request.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status, 200..=599 once it is sent.
    pub status: u16,
    /// Header fields other than those of framing.
    pub fields: Fields,
    /// The body, whole; empty if it lies in a file.
    pub body: Vec<u8>,
    /// The body, if it lies in a file.
    pub file: Option<Box<FileBody>>,
    /// The body, if it lies in a file and is compressed as it is sent.
    pub(crate) coded: Option<Box<CodedBody>>,
    /// Whether the connection must end after this reply, whatever the client asked for.
    pub close: bool,
    /// Whether a failure made it: then it is shown to the hooks on errors, if there are any.
    pub is_failure: bool,
    /// Whether its body may be compressed, and is worth it.
    pub is_compressible: bool,
    /// How its body is compressed before it is sent, if a stage chose so.
    pub recoding: Option<Recoding>,
    /// Why it cannot be sent, if something that was to be written could not: it becomes a 500 with
    /// a line in the log. The first reason stays.
    pub fault: Option<Box<ReplyFault>>,
    /// How what failed did so, for its author: no client sees it but in development mode.
    pub trace: Option<Box<str>>,
}

impl Default for Reply {
    fn default() -> Self {
        Self::new()
    }
}

impl Reply {
    /// An empty `200`.
    pub fn new() -> Self {
        Self {
            status: 200,
            fields: Fields::new(),
            body: Vec::new(),
            file: None,
            coded: None,
            close: false,
            is_failure: false,
            is_compressible: false,
            recoding: None,
            fault: None,
            trace: None,
        }
    }

    /// Back to an empty `200`. Memory beyond [`BODY_BYTES_KEPT`] is given back.
    pub fn clear(&mut self) {
        self.status = 200;
        self.fields.clear();
        self.clear_body();
        self.body.shrink_to(BODY_BYTES_KEPT);
        self.close = false;
        self.is_failure = false;
        self.is_compressible = false;
        self.recoding = None;
        self.fault = None;
        self.trace = None;
    }

    /// Forgets the body, wherever it lies.
    pub fn clear_body(&mut self) {
        self.body.clear();
        self.file = None;
        self.coded = None;
    }

    /// Bytes of the body, wherever it lies.
    pub fn body_length(&self) -> u64 {
        match &self.file {
            Some(file) => file.length(),
            None => self.body.len() as u64,
        }
    }

    /// Starts anew with a status and a media type.
    pub fn start(&mut self, status: u16, content_type: &'static str) {
        self.clear();
        self.status = status;
        // A literal media type is a valid field value.
        let pushed = self.fields.push(b"content-type", content_type.as_bytes());
        debug_assert!(pushed.is_ok());
    }

    /// Sets any status; one that no final reply has is a fault.
    pub fn set_status(&mut self, status: u64) {
        match u16::try_from(status) {
            Ok(status) if is_final(status) => self.status = status,
            _ => self.note(ReplyFault::Status(status)),
        }
    }

    /// Appends a field; one that HTTP cannot carry is a fault. One that is no list replaces what
    /// was set before: of two a client may take either (RFC 9110 §5.3).
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let written = if stands_once(name) {
            self.fields.set(name, value)
        } else {
            self.fields.push(name, value)
        };
        if let Err(error) = written
            && !sabotage::is_off("reply/field")
        {
            self.note(ReplyFault::field(name, error));
        }
    }

    #[cold]
    fn note(&mut self, fault: ReplyFault) {
        self.fault.get_or_insert_with(|| Box::new(fault));
    }

    /// Starts anew with a redirect and no body.
    ///
    /// # Errors
    /// [`RedirectError`] if the status does not redirect, or the location is not visible ASCII. The
    /// reply is as it was.
    pub fn redirect(&mut self, status: u16, location: &str) -> Result<(), RedirectError> {
        check_redirect(u64::from(status), location.as_bytes())?;
        self.clear();
        self.status = status;
        self.push(b"location", location.as_bytes());
        Ok(())
    }

    /// Whether a host may send this: a final status that exists on the wire (RFC 9110 §15).
    pub fn is_sendable(&self) -> bool {
        is_final(self.status)
    }
}

/// Whether a reply has at most one field of this name, because its value is no list. That of
/// `content-length` is compared with the body, each time that it is given.
fn stands_once(name: &[u8]) -> bool {
    let names: &[&[u8]] = match name.len() {
        3 => &[b"age"],
        4 => &[b"date", b"etag"],
        6 => &[b"server"],
        7 => &[b"expires"],
        8 => &[b"location"],
        11 => &[b"retry-after"],
        12 if sabotage::is_off("reply/one-content-type") => return false,
        12 => return name.eq_ignore_ascii_case(b"content-type"),
        13 => &[b"content-range", b"last-modified"],
        16 => &[b"content-location"],
        _ => return false,
    };
    names.iter().any(|once| name.eq_ignore_ascii_case(once)) && !sabotage::is_off("reply/one-line")
}

fn is_final(status: u16) -> bool {
    (200..=599).contains(&status)
}

/// Most body memory one idle reply keeps, in bytes: the usual JSON reply fits, a download does not
/// stay behind.
pub const BODY_BYTES_KEPT: usize = 16 * 1024;
