//! A failed call of the ABI: its number and its sentence.

use std::{fmt, ptr, slice};

pub use spikard_ffi::Status;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The status number, by name.
    pub status: Status,
    /// A sentence for a person.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Turns a status number into a result, with the sentence of the failure.
pub(crate) fn check(number: u32) -> Result<(), Error> {
    match Status::from_number(number) {
        Some(Status::Ok) => Ok(()),
        status => Err(Error {
            // A number this build does not know cannot come from the library it is linked with.
            status: status.unwrap_or(Status::Panicked),
            message: last_error(),
        }),
    }
}

fn last_error() -> String {
    let (mut text, mut length) = (ptr::null(), 0);
    // SAFETY: both outputs are valid for a write.
    let told = unsafe { spikard_ffi::spk_last_error(&mut text, &mut length) };
    if told != Status::Ok.number() || text.is_null() {
        return String::new();
    }
    // SAFETY: the text is valid until the next failing call on this thread, and copied before.
    let bytes = unsafe { slice::from_raw_parts(text, length) };
    String::from_utf8_lossy(bytes).into_owned()
}
