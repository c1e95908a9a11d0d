//! `spikard._native`: the engine as Python sees it. Module, classes and free functions.
//!
//! It registers functions, pumps turns and converts values; it decides nothing about HTTP.

mod answer;
mod calls;
mod context;
mod convert;
mod engine;
mod fields;
mod guest;
mod hooked;
mod in_process;
mod pool;
mod pump;
mod request;
mod server;
mod setup;
mod stalls;
mod upload;

use pyo3::prelude::*;

/// The native half of the `spikard` package. Not an API of its own.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<engine::Engine>()?;
    module.add_class::<request::Request>()?;
    module.add_class::<fields::Headers>()?;
    module.add_class::<hooked::Hop>()?;
    module.add_class::<server::Server>()?;
    module.add_class::<server::Inherited>()?;
    module.add_class::<in_process::InProcess>()?;
    module.add_function(wrap_pyfunction!(setup::setup, module)?)?;
    module.add_function(wrap_pyfunction!(setup::set_cookie, module)?)?;
    module.add_function(wrap_pyfunction!(setup::etag, module)?)?;
    module.add_function(wrap_pyfunction!(setup::etag_of, module)?)?;
    module.add_function(wrap_pyfunction!(setup::check_redirect, module)?)?;
    module.add_function(wrap_pyfunction!(server::listen, module)?)?;
    module.add_function(wrap_pyfunction!(server::supervise, module)?)?;
    module.add_function(wrap_pyfunction!(server::inherited, module)?)?;
    Ok(())
}
