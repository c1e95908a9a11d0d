//! `Engine`: an application under construction. Documents go in as JSON; what runs for them stays
//! in Ruby.

use std::sync::Arc;

use magnus::{Error, RString, Ruby};
use spikard_host::App;

use crate::{convert::bytes_of, setup::raise};

/// An application: configuration and routes.
#[magnus::wrap(class = "Spikard::Native::Engine", free_immediately)]
pub(crate) struct Engine {
    pub(crate) app: Arc<App>,
}

impl Engine {
    pub(crate) fn new(ruby: &Ruby) -> Result<Self, Error> {
        let app = App::new().map_err(|error| raise(ruby, error))?;
        Ok(Self { app: Arc::new(app) })
    }

    /// Replaces the configuration.
    pub(crate) fn configure(ruby: &Ruby, rb_self: &Self, json: String) -> Result<(), Error> {
        let configured = rb_self.app.configure(&json);
        configured.map_err(|error| raise(ruby, error))
    }

    /// Adds a route by its document.
    pub(crate) fn route(ruby: &Ruby, rb_self: &Self, json: String) -> Result<(), Error> {
        rb_self.app.route(&json).map_err(|error| raise(ruby, error))
    }

    /// Says which hooks there are.
    pub(crate) fn hooks(ruby: &Ruby, rb_self: &Self, json: String) -> Result<(), Error> {
        rb_self.app.hooks(&json).map_err(|error| raise(ruby, error))
    }

    /// Reads a whole body as a form: a document of its fields and files, as JSON.
    pub(crate) fn read_form(
        ruby: &Ruby,
        rb_self: &Self,
        media: Option<String>,
        body: RString,
    ) -> Result<String, Error> {
        let body = bytes_of(body);
        let media = media.as_deref().map(str::as_bytes);
        let read = spikard_host::read_form(&rb_self.app, media, &body);
        read.map_err(|error| raise(ruby, error))
    }
}
