//! An application under construction.

use std::ptr;

use spikard_ffi::app::{
    spk_app, spk_app_configure, spk_app_free, spk_app_judge, spk_app_new, spk_app_route,
    spk_app_tables,
};
use spikard_ffi::hook::spk_app_hooks;

use crate::error::{Error, check};
use crate::field::written;

/// An application: configuration and routes.
#[derive(Debug)]
pub struct App(*mut spk_app);

// SAFETY: the ABI lets any thread use an application; it locks inside.
unsafe impl Send for App {}
// SAFETY: as above.
unsafe impl Sync for App {}

impl App {
    /// An application without routes, with the default configuration.
    ///
    /// # Errors
    /// Only a failure inside the engine.
    pub fn new() -> Result<Self, Error> {
        let mut app = ptr::null_mut();
        // SAFETY: the output is valid for a write.
        check(unsafe { spk_app_new(&mut app) })?;
        Ok(Self(app))
    }

    /// Replaces the configuration.
    ///
    /// # Errors
    /// Every fault of the document, by JSON pointer.
    pub fn configure(&self, json: &str) -> Result<(), Error> {
        // SAFETY: the handle is live; the text is valid for its length.
        check(unsafe { spk_app_configure(self.0, json.as_ptr(), json.len()) })
    }

    /// Adds a route.
    ///
    /// # Errors
    /// What is wrong with the document, or which route it contradicts.
    pub fn route(&self, json: &str) -> Result<(), Error> {
        // SAFETY: the handle is live; the text is valid for its length.
        check(unsafe { spk_app_route(self.0, json.as_ptr(), json.len()) })
    }

    /// Says which hooks there are.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn hooks(&self, json: &str) -> Result<(), Error> {
        // SAFETY: the handle is live; the text is valid for its length.
        check(unsafe { spk_app_hooks(self.0, json.as_ptr(), json.len()) })
    }

    /// Judges a body that the host's decoder has refused: the problem to answer with, as
    /// [`crate::Port::problem`] takes it, or `None` if the schema of the route admits the body.
    ///
    /// # Errors
    /// None that a caller could make.
    pub fn judge(&self, function: u32, body: &[u8]) -> Result<Option<String>, Error> {
        // SAFETY: the handle is live, the body is valid for its length, both outputs for a write.
        let judged = written(|document, length| unsafe {
            spk_app_judge(
                self.0,
                function,
                body.as_ptr(),
                body.len(),
                document,
                length,
            )
        })?;
        Ok(Some(judged).filter(|document| !document.is_empty()))
    }

    /// The function table that it compiles to: a line for each table.
    ///
    /// # Errors
    /// What the configuration or its files have wrong.
    pub fn tables(&self) -> Result<String, Error> {
        // SAFETY: the handle is live, both outputs are valid for a write.
        written(|tables, length| unsafe { spk_app_tables(self.0, tables, length) })
    }

    pub(crate) fn raw(&self) -> *const spk_app {
        self.0
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // SAFETY: the handle is live, and nobody uses it during a drop.
        unsafe { spk_app_free(self.0) };
    }
}
