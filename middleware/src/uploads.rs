//! The files of one request: a table of where each is, in memory or in one temporary file.
//!
//! `app` fills it while a body arrives; a binding reads it, through the C ABI, as a view. All that
//! is in memory lies in one arena, and all that is not in one file, however many uploads there are:
//! a request costs one descriptor at most.
//! Knows nothing of forms, or of what a route asks of a file.

#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::{fs::File, sync::Arc};

use spikard_proto_http::Span;

/// Where the content of an [`Upload`] is. Numbers are part of the C ABI: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Keeping {
    /// In the arena of [`Uploads::memory`], from `start`.
    Memory = 0,
    /// In [`Uploads::spool`], from `start`.
    Spool = 1,
    /// Nowhere: it is larger than its rule allows, and the request will be refused.
    Dropped = 2,
}

/// One file. `#[repr(C)]` because bindings read the table in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Upload {
    /// The name of its part, in the text.
    pub name: Span,
    /// Its filename as sent, which may be any path.
    pub filename: Span,
    /// Its content type as sent; empty if there is none.
    pub content_type: Span,
    /// The fields of its part, each as `name: value` and a line feed.
    pub headers: Span,
    /// Where it begins in memory or in the spool, in bytes.
    pub start: u64,
    /// Its size in bytes.
    pub size: u64,
    /// A [`Keeping`].
    pub keeping: u32,
    /// Always 0.
    pub reserved: u32,
}

/// The files of one request.
#[derive(Debug, Default)]
pub struct Uploads {
    table: Vec<Upload>,
    detected: Vec<Option<&'static str>>,
    /// The arena of names.
    pub text: Vec<u8>,
    /// The arena of contents.
    pub memory: Vec<u8>,
    /// The file of contents that did not stay in memory.
    pub spool: Option<Arc<File>>,
}

impl Uploads {
    /// No files.
    pub const fn new() -> Self {
        Self {
            table: Vec::new(),
            detected: Vec::new(),
            text: Vec::new(),
            memory: Vec::new(),
            spool: None,
        }
    }

    /// Adds a file; `detected` is the media type that its first bytes look like.
    pub fn push(&mut self, upload: Upload, detected: Option<&'static str>) {
        self.table.push(upload);
        self.detected.push(detected);
    }

    /// Adds text to the arena of names.
    pub fn write(&mut self, text: &str) -> Span {
        // Whoever fills the table bounds it far below 4 GiB.
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text.as_bytes());
        Span {
            start,
            length: text.len() as u32,
        }
    }

    /// The files, in order of arrival.
    pub fn table(&self) -> &[Upload] {
        &self.table
    }

    /// Each file with the media type that its first bytes look like.
    pub fn iter(&self) -> impl Iterator<Item = (&Upload, Option<&'static str>)> {
        self.table.iter().zip(self.detected.iter().copied())
    }

    /// Text of a file.
    pub fn text(&self, span: Span) -> &str {
        // Only `write` fills the arena.
        std::str::from_utf8(span.of(&self.text)).unwrap_or_default()
    }

    /// The content of a file that is in memory.
    pub fn content(&self, upload: &Upload) -> Option<&[u8]> {
        if upload.keeping != Keeping::Memory as u32 {
            return None;
        }
        let start = usize::try_from(upload.start).ok()?;
        self.memory
            .get(start..start + usize::try_from(upload.size).ok()?)
    }

    /// The descriptor of the spool, where there are descriptors.
    pub fn descriptor(&self) -> Option<i32> {
        #[cfg(unix)]
        return self.spool.as_ref().map(|file| file.as_raw_fd());
        #[cfg(not(unix))]
        None
    }

    /// Forgets all files, and closes the spool.
    pub fn clear(&mut self) {
        // Every file has its names there, also one that was left out of the table.
        if !self.text.is_empty() {
            *self = Self::new();
        }
    }
}
