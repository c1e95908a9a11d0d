//! The C ABI of the engine.
//!
//! Opaque handles; object first, then inputs, then outputs; every pointer checked, every length
//! explicit, nothing NUL-terminated. Every function returns a status number and leaves its outputs
//! untouched on failure; [`spk_last_error`] tells why. Views handed to a host die at its answer.
//! Functions here guard, check, call and convert; they have no behaviour of their own.

pub mod abi;
pub mod app;
mod boundary;
pub mod call;
pub mod cookie;
pub mod field;
pub mod form;
pub mod hook;
pub mod host;
pub mod json;
mod raised;
pub mod reply;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod supervise;
pub mod upload;
pub mod worker;

pub use boundary::{spk_last_error, spk_status_name};
pub use spikard_contract::status::{Event, Outcome, Purpose, Status, Turn};
