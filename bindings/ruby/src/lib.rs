//! `spikard/native`: the engine as Ruby sees it. Module, classes and functions.
//!
//! It registers functions, pumps turns and converts values; it decides nothing about HTTP. What a
//! Ruby user calls is written in Ruby, on top of this.

#![allow(missing_docs, reason = "the macro below makes a function of its own")]

mod answer;
mod convert;
mod engine;
mod guest;
mod pump;
mod request;
mod server;
mod setup;
mod upload;
mod usher;

use magnus::{Error, Ruby, function, method, prelude::*};

/// Called by Ruby when the library is required.
#[magnus::init(name = "native")]
fn init(ruby: &Ruby) -> Result<(), Error> {
    let spikard = ruby.define_module("Spikard")?;
    let native = spikard.define_module("Native")?;
    setup::define(native)?;

    let engine = native.define_class("Engine", ruby.class_object())?;
    engine.define_singleton_method("new", function!(engine::Engine::new, 0))?;
    engine.define_method("configure", method!(engine::Engine::configure, 1))?;
    engine.define_method("route", method!(engine::Engine::route, 1))?;
    engine.define_method("hooks=", method!(engine::Engine::hooks, 1))?;
    engine.define_method("read_form", method!(engine::Engine::read_form, 2))?;

    request::define(ruby, spikard)?;
    server::define(ruby, native)?;
    Ok(())
}
