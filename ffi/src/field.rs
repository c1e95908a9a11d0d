//! Values of reply fields that the engine writes or checks for a host: entity tags, locations.
//!
//! A host speaks its language's names; what HTTP allows is said in `proto-http`.

use std::cell::RefCell;

use spikard_contract::status::Status;
use spikard_proto_http::{EntityTag, redirect::check_redirect};

use crate::boundary::{Checked, Failure, boundary, bytes, output, text, write_out};

thread_local! {
    static FIELD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Has a field written and lends it to a host until the next one is written on this thread.
///
/// # Safety
/// Both outputs are NULL or valid for one write.
pub(crate) unsafe fn write_field(
    field: *mut *const u8,
    field_length: *mut usize,
    write: impl FnOnce() -> Checked<String>,
) -> u32 {
    boundary(|| {
        output(field, "field")?;
        output(field_length, "field_length")?;
        let written = write()?;
        FIELD.with(|kept| {
            let mut kept = kept.borrow_mut();
            *kept = written;
            // SAFETY: the caller's contract; NULL is refused above.
            unsafe {
                write_out(field, "field", kept.as_ptr())?;
                write_out(field_length, "field_length", kept.len())
            }
        })
    })
}

/// Writes the value of an `ETag` field (RFC 9110 §8.8.3): the text in quotes, and `W/` before it if
/// `weak` is not 0.
///
/// The text is bare: visible ASCII without quotes. Fails with `SPK_INVALID_ARGUMENT` for any other.
///
/// The field is ASCII, not NUL-terminated, owned by the library, and valid until the next field is
/// written on this thread. Any thread. Does not block.
///
/// # Safety
/// `opaque` is valid for `length` bytes; `field` and `field_length` for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_etag(
    opaque: *const u8,
    length: usize,
    weak: u32,
    field: *mut *const u8,
    field_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let opaque = unsafe { text(opaque, length, "opaque")? };
        let tag = match weak {
            0 => EntityTag::strong(opaque),
            _ => EntityTag::weak(opaque),
        };
        tag.map(|tag| tag.to_string())
            .map_err(|error| Failure::new(Status::InvalidArgument, error.to_string()))
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(field, field_length, write) }
}

/// Writes the value of an `ETag` field that names these bytes: equal bytes have equal tags, in
/// every process and on every machine. With `weak` as in `spk_etag`.
///
/// The field is as of `spk_etag`. Any thread. Does not block.
///
/// # Safety
/// `content` is valid for `length` bytes; `field` and `field_length` for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_etag_of(
    content: *const u8,
    length: usize,
    weak: u32,
    field: *mut *const u8,
    field_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let content = unsafe { bytes(content, length, "content")? };
        Ok(EntityTag::of_content(content, weak != 0).to_string())
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(field, field_length, write) }
}

/// Checks a redirect before it is a reply: a status of 301, 302, 303, 307 or 308, and a location of
/// visible ASCII that is not empty. Fails with `SPK_INVALID_ARGUMENT`; `spk_last_error` says why in
/// words for the application's author.
///
/// Any thread. Does not block.
///
/// # Safety
/// `location` is valid for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_check_redirect(
    status: u64,
    location: *const u8,
    length: usize,
) -> u32 {
    boundary(|| {
        // SAFETY: the caller's contract.
        let location = unsafe { bytes(location, length, "location")? };
        check_redirect(status, location)
            .map_err(|error| Failure::new(Status::InvalidArgument, error.to_string()))
    })
}
