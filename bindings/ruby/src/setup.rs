//! What the Ruby half hands over once, the errors that users know, and the engine's small helpers.

use std::sync::OnceLock;

use magnus::{
    Error, ExceptionClass, RClass, RModule, RString, Ruby, Value, function, prelude::*,
    value::Opaque,
};
use spikard_host::Status;

use crate::convert::bytes_of;

/// Objects of the Ruby half.
pub(crate) struct Setup {
    /// `Spikard::Response`.
    pub(crate) response: Opaque<RClass>,
    /// Turns what JSON does not know into what it does: `call(value)`.
    pub(crate) plain: Opaque<Value>,
}

static SETUP: OnceLock<Setup> = OnceLock::new();

/// Hands the Ruby half's objects over. Later calls change nothing.
fn setup(ruby: &Ruby, response: RClass, plain: Value) {
    ruby.gc_register_mark_object(response);
    ruby.gc_register_mark_object(plain);
    let _ = SETUP.set(Setup {
        response: response.into(),
        plain: plain.into(),
    });
}

/// What was handed over.
pub(crate) fn handed(ruby: &Ruby) -> Result<&'static Setup, Error> {
    let missing = || {
        Error::new(
            ruby.exception_runtime_error(),
            "spikard/native is not set up",
        )
    };
    SETUP.get().ok_or_else(missing)
}

/// An engine's failure as the exception that Ruby users know.
pub(crate) fn raise(ruby: &Ruby, error: spikard_host::Error) -> Error {
    let name = match error.status {
        Status::ConfigRefused => "ConfigError",
        Status::RouteRefused | Status::InvalidJson => "RouteError",
        Status::AddressInUse => "AddressInUse",
        Status::BindFailed => "BindError",
        Status::InvalidArgument => "ArgumentError",
        _ => "Error",
    };
    let spikard = ruby.class_object().const_get::<_, RModule>("Spikard");
    let class = spikard.and_then(|spikard| spikard.const_get::<_, ExceptionClass>(name));
    let class = class.unwrap_or_else(|_| ruby.exception_runtime_error());
    Error::new(class, error.message)
}

/// Defines the module's own functions.
pub(crate) fn define(native: RModule) -> Result<(), Error> {
    native.define_singleton_method("setup", function!(setup, 2))?;
    native.define_singleton_method("set_cookie", function!(set_cookie, 1))?;
    native.define_singleton_method("etag", function!(etag, 2))?;
    native.define_singleton_method("etag_of", function!(etag_of, 2))?;
    native.define_singleton_method("check_redirect", function!(check_redirect, 2))?;
    native.define_singleton_method("request_id?", function!(is_request_id, 1))?;
    native.define_singleton_method("encode", function!(crate::convert::encode, 1))?;
    native.define_singleton_method("time_run", function!(crate::pump::time_run, 0))?;
    Ok(())
}

/// Writes a cookie document as the value of a `Set-Cookie` field.
fn set_cookie(ruby: &Ruby, json: String) -> Result<String, Error> {
    spikard_host::set_cookie(&json).map_err(|error| misused(ruby, error))
}

/// Writes an `ETag` value from a bare text.
fn etag(ruby: &Ruby, opaque: String, is_weak: bool) -> Result<String, Error> {
    spikard_host::etag(&opaque, is_weak).map_err(|error| misused(ruby, error))
}

/// Writes an `ETag` value that names these bytes.
fn etag_of(ruby: &Ruby, content: RString, is_weak: bool) -> Result<String, Error> {
    let content = bytes_of(content);
    spikard_host::etag_of(&content, is_weak).map_err(|error| misused(ruby, error))
}

/// Raises ArgumentError for a redirect that cannot be sent.
fn check_redirect(ruby: &Ruby, status: u64, location: String) -> Result<(), Error> {
    spikard_host::check_redirect(status, &location).map_err(|error| misused(ruby, error))
}

/// Whether a text may name a request.
fn is_request_id(id: RString) -> bool {
    spikard_host::is_request_id(&bytes_of(id))
}

/// The application's author gave what cannot be sent.
fn misused(ruby: &Ruby, error: spikard_host::Error) -> Error {
    Error::new(ruby.exception_arg_error(), error.message)
}
