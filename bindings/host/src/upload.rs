//! One uploaded file inside a call, as types.

use std::{
    io,
    marker::PhantomData,
    os::fd::{BorrowedFd, OwnedFd},
};

use spikard_ffi::{
    call::spk_call,
    upload::{SPK_UPLOAD_SPOOL, spk_upload},
};

use crate::call::{span, text};

/// One file of a form: everything is borrowed from the engine.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The name of its part.
    pub name: &'a str,
    /// Its filename as sent, which may be any path.
    pub filename: &'a str,
    /// Its content type as sent; empty if there is none.
    pub content_type: &'a str,
    /// The header fields of its part, each as `name: value` and a line feed.
    pub headers: &'a str,
    /// How many bytes it has.
    pub size: u64,
    /// Where they are.
    pub content: Content<'a>,
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    /// Here.
    Memory(&'a [u8]),
    /// In an open file, which is closed with the answer.
    Spool {
        /// The file, which all spooled uploads of a call share.
        file: Spool<'a>,
        /// Offset of the first byte.
        start: u64,
    },
}

/// The open file of a call's uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spool<'a> {
    descriptor: i32,
    call: PhantomData<&'a spk_call>,
}

impl Spool<'_> {
    /// A descriptor of one's own, which outlives the call.
    ///
    /// # Errors
    /// The kernel's, if there are no more descriptors.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        // SAFETY: the engine keeps the file open until the answer, which the call does not outlive.
        let borrowed = unsafe { BorrowedFd::borrow_raw(self.descriptor) };
        borrowed.try_clone_to_owned()
    }
}

impl<'a> Upload<'a> {
    pub(crate) fn new(call: &'a spk_call, upload: &spk_upload) -> Self {
        let arena = text(&call.upload_text);
        // The engine writes UTF-8 into the arena.
        let part = |of| std::str::from_utf8(span(arena, of)).unwrap_or_default();
        Self {
            name: part(upload.name),
            filename: part(upload.filename),
            content_type: part(upload.content_type),
            headers: part(upload.headers),
            size: upload.size,
            content: match upload.keeping {
                SPK_UPLOAD_SPOOL => Content::Spool {
                    file: Spool {
                        descriptor: call.upload_descriptor,
                        call: PhantomData,
                    },
                    start: upload.start,
                },
                _ => {
                    let (start, size) = (upload.start as usize, upload.size as usize);
                    Content::Memory(&text(&call.upload_bytes)[start..start + size])
                }
            },
        }
    }
}
