//! Uploaded files as Ruby values.
//!
//! What is in memory becomes a string; the temporary file's descriptor is duplicated once for all
//! files of a call, so that they outlive it.

use std::os::fd::IntoRawFd;

use magnus::{Error, IntoValue, RArray, Ruby};
use spikard_host::{Call, Content};

use crate::convert::binary;

/// The files of a call: name, filename, content type, headers, size, then the content and 0, or a
/// descriptor and the offset of the first byte. `None` without files.
pub(crate) fn uploads(ruby: &Ruby, call: &Call<'_>) -> Result<Option<RArray>, Error> {
    let all = call.uploads();
    if all.len() == 0 {
        return Ok(None);
    }
    let files = ruby.ary_new_capa(all.len());
    let mut spool = None;
    for upload in all {
        let (content, start) = match upload.content {
            Content::Memory(bytes) => (binary(ruby, bytes).into_value_with(ruby), 0),
            Content::Spool { file, start } => {
                let descriptor = match spool {
                    Some(known) => known,
                    None => {
                        let failed = |error: std::io::Error| {
                            Error::new(ruby.exception_io_error(), error.to_string())
                        };
                        file.duplicate().map_err(failed)?.into_raw_fd()
                    }
                };
                spool = Some(descriptor);
                (descriptor.into_value_with(ruby), start)
            }
        };
        let (name, filename) = (upload.name, upload.filename);
        let (media, headers) = (upload.content_type, upload.headers);
        let file = (name, filename, media, headers, upload.size, content, start);
        files.push(file.into_value_with(ruby))?;
    }
    Ok(Some(files))
}
