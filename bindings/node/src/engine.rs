//! `Engine`: an application under construction.
//!
//! JavaScript keeps the functions; here are the documents that stand for them.

use std::sync::Arc;

use napi_derive::napi;
use spikard_host::{App, Status};

/// A failure as JavaScript gets it: an `Error` whose `code` says of what kind.
pub(crate) type Failure = napi::Error<String>;

/// An engine's failure.
pub(crate) fn failed(error: spikard_host::Error) -> Failure {
    let code = match error.status {
        Status::ConfigRefused => "SPIKARD_CONFIG",
        Status::RouteRefused | Status::InvalidJson => "SPIKARD_ROUTE",
        Status::AddressInUse => "EADDRINUSE",
        _ => "SPIKARD_ENGINE",
    };
    Failure::new(code.to_owned(), error.message)
}

/// A failure of Node's.
pub(crate) fn lifted(error: napi::Error) -> Failure {
    Failure::new("SPIKARD_ENGINE".to_owned(), error.reason.clone())
}

/// An application: configuration, routes and hooks, as documents.
#[napi]
pub struct Engine {
    pub(crate) app: Arc<App>,
}

#[napi]
impl Engine {
    /// An application without routes.
    #[napi(constructor)]
    pub fn new() -> Result<Self, Failure> {
        let app = Arc::new(App::new().map_err(failed)?);
        Ok(Self { app })
    }

    /// Replaces the configuration.
    #[napi]
    pub fn configure(&self, document: String) -> Result<(), Failure> {
        self.app.configure(&document).map_err(failed)
    }

    /// Adds a route.
    #[napi]
    pub fn route(&self, document: String) -> Result<(), Failure> {
        self.app.route(&document).map_err(failed)
    }

    /// Says which hooks there are.
    #[napi]
    pub fn hooks(&self, document: String) -> Result<(), Failure> {
        self.app.hooks(&document).map_err(failed)
    }

    /// Reads a whole body as a form: the document of `spk_form_read`.
    #[napi]
    pub fn read_form(&self, media: Option<String>, body: &[u8]) -> Result<String, Failure> {
        let media = media.as_deref().map(str::as_bytes);
        spikard_host::read_form(&self.app, media, body).map_err(failed)
    }
}
