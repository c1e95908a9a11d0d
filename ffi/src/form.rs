//! `spk_form_read`: a body that no route declared a form, read as one.

use spikard_app::upload::whole::WholeForm;

use crate::{
    app::spk_app,
    boundary::{bytes, object},
    field::write_field,
};

/// Reads a whole body as a form: url-encoded or multipart, as `content_type` says, within the
/// limits of the application's configuration. An empty body is a form without fields.
///
/// The document is a JSON object. Of a form: `fields`, an object, every value of which is text, a
/// list or an object of these; and `files`, a list of objects with `name`, `filename`,
/// `content_type` (or null), `headers` (each as `name: value` and a line feed), and `start` and
/// `size`, which say where in `body` the content is. Of a body that is to be refused: `problem`,
/// the problem document that the engine answers where a route declares a form.
///
/// It is not NUL-terminated, owned by the library, and valid until the next field is written on
/// this thread. Any thread. Does not block.
///
/// # Safety
/// `app` is a live handle; `content_type` and `body` are valid for their lengths, and
/// `content_type` is NULL if there is none; `document` and `document_length` for one write each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn spk_form_read(
    app: *const spk_app,
    content_type: *const u8,
    content_type_length: usize,
    body: *const u8,
    body_length: usize,
    document: *mut *const u8,
    document_length: *mut usize,
) -> u32 {
    let write = || {
        // SAFETY: the caller's contract.
        let (app, media, body) = unsafe {
            (
                object(app, "app")?,
                bytes(content_type, content_type_length, "content_type")?,
                bytes(body, body_length, "body")?,
            )
        };
        let media = (!content_type.is_null()).then_some(media);
        let read = WholeForm::read(media, body, &app.config());
        let document = match read {
            Ok(form) => form.document(),
            Err(problem) => serde_json::json!({ "problem": problem.document() }),
        };
        Ok(document.to_string())
    };
    // SAFETY: the caller's contract.
    unsafe { write_field(document, document_length, write) }
}
