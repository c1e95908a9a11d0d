//! `spk_json_check`: a body that no route declared JSON, judged as one that is.

use spikard_app::validate::stage::unsound_json;

use crate::{
    app::spk_app,
    boundary::{bytes, object},
    field::write_field,
};

/// Judges a whole body as JSON text, as the engine does before a call where a route declares its
/// body: syntax, UTF-8, duplicate keys, and nesting within the configuration's `max_json_depth`.
///
/// The document is that of the 400 which the engine answers there, or empty if the text is sound.
///
/// It is not NUL-terminated, owned by the library, and valid until the next field is written on
/// this thread. Any thread. Does not block.
///
/// # Safety
/// `app` is a live handle; `body` is valid for `length` bytes; `document` and `document_length` for
/// one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_json_check(
    app: *const spk_app,
    body: *const u8,
    length: usize,
    document: *mut *const u8,
    document_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let (app, body) = unsafe { (object(app, "app")?, bytes(body, length, "body")?) };
        let problem = unsound_json(body, app.config().max_json_depth);
        Ok(problem.map_or_else(String::new, |problem| problem.document().to_string()))
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(document, document_length, write) }
}
