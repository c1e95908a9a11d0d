//! The view of one uploaded file, and where its content is.

use crate::abi::spk_span;

/// The content is at `start` of the call's `upload_bytes`.
pub const SPK_UPLOAD_MEMORY: u32 = 0;
/// The content is at offset `start` of the file `upload_descriptor`.
pub const SPK_UPLOAD_SPOOL: u32 = 1;
/// The content was not kept. No call sees this: such a request is refused.
pub const SPK_UPLOAD_DROPPED: u32 = 2;

/// One file of a multipart form (RFC 7578). The spans are of the call's `upload_text`.
#[allow(non_camel_case_types, reason = "the name is the one in the C header")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct spk_upload {
    /// The name of its part.
    pub name: spk_span,
    /// Its filename as sent, which may be any path: never open it.
    pub filename: spk_span,
    /// Its content type as sent. Of length 0 if there is none.
    pub content_type: spk_span,
    /// The header fields of its part, each as `name: value` and a line feed, names in lower case.
    pub headers: spk_span,
    /// Where its content begins, in bytes.
    pub start: u64,
    /// How many bytes it has.
    pub size: u64,
    /// An `SPK_UPLOAD_*` number: what `start` is an offset in.
    pub keeping: u32,
    /// Always 0.
    pub reserved: u32,
}

// The engine's table is handed out in place, so the layouts must be the same.
const _: () = {
    use std::mem::{align_of, offset_of};

    use spikard_middleware::{Keeping, Upload};

    assert!(SPK_UPLOAD_MEMORY == Keeping::Memory as u32);
    assert!(SPK_UPLOAD_SPOOL == Keeping::Spool as u32);
    assert!(SPK_UPLOAD_DROPPED == Keeping::Dropped as u32);
    assert!(size_of::<spk_upload>() == size_of::<Upload>());
    assert!(align_of::<spk_upload>() == align_of::<Upload>());
    assert!(offset_of!(spk_upload, filename) == offset_of!(Upload, filename));
    assert!(offset_of!(spk_upload, content_type) == offset_of!(Upload, content_type));
    assert!(offset_of!(spk_upload, headers) == offset_of!(Upload, headers));
    assert!(offset_of!(spk_upload, start) == offset_of!(Upload, start));
    assert!(offset_of!(spk_upload, size) == offset_of!(Upload, size));
    assert!(offset_of!(spk_upload, keeping) == offset_of!(Upload, keeping));
};
