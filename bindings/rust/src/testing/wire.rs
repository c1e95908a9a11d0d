//! A reply as a test reads it: decoded strictly from the bytes of the wire.

use std::borrow::Cow;
use std::io;

use serde_json::Value;
use spikard_proto_http::{
    BodyDecoder, BodyLength, ChunkLimits, Method, Piece, ReplyFraming, decode_reply,
};

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestReply {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl TestReply {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Every header line in order, names in lower case. In process there are none of framing:
    /// `content-length`, `connection`, `date`.
    #[must_use]
    pub fn headers(&self) -> &[(String, Vec<u8>)] {
        &self.headers
    }

    /// The first header line of this name, whatever its letter case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut lines = self.headers.iter();
        let found = lines.find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// The body's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        let read = serde_json::from_slice(&self.body);
        read.unwrap_or_else(|error| panic!("the body is no JSON ({error}): {}", self.text()))
    }

    pub(super) fn without_framing(mut self) -> Self {
        let framing = ["content-length", "transfer-encoding", "connection", "date"];
        self.headers
            .retain(|(name, _)| !framing.contains(&name.as_str()));
        self
    }
}

/// Decodes the reply at the start of `bytes`, past interim ones. `None` if it is not complete.
pub(super) fn decode(bytes: &[u8], method: &str, is_end: bool) -> io::Result<Option<TestReply>> {
    let method = if method == "HEAD" {
        Method::Head
    } else {
        Method::Get
    };
    let mut rest = bytes;
    loop {
        let Some((head, length)) = decode_reply(rest, method).map_err(io::Error::other)? else {
            return Ok(None);
        };
        rest = &rest[length..];
        if head.status < 200 {
            continue;
        }
        let body = match head.framing {
            ReplyFraming::None => Some(Vec::new()),
            ReplyFraming::Known(length) => decode_body(rest, BodyLength::Known(length))?,
            ReplyFraming::Chunked => decode_body(rest, BodyLength::Chunked)?,
            ReplyFraming::UntilClose => is_end.then(|| rest.to_vec()),
        };
        let lower = |name: &[u8]| String::from_utf8_lossy(name).to_lowercase();
        let fields = head.fields.iter();
        return Ok(body.map(|body| TestReply {
            status: head.status,
            headers: fields
                .map(|(name, value)| (lower(name), value.to_vec()))
                .collect(),
            body,
        }));
    }
}

fn decode_body(mut rest: &[u8], length: BodyLength) -> io::Result<Option<Vec<u8>>> {
    let mut decoder = BodyDecoder::new(length, ChunkLimits::default());
    let mut body = Vec::new();
    loop {
        match decoder.decode(rest).map_err(io::Error::other)? {
            Piece::Data { bytes, consumed } => {
                body.extend_from_slice(bytes);
                rest = &rest[consumed..];
            }
            Piece::More { .. } => return Ok(None),
            Piece::End { .. } => return Ok(Some(body)),
        }
    }
}
