//! Typed parameters: what a handler receives besides the body.
//!
//! Schemas are read once at start into converters; a request's texts then become values directly,
//! in the order in which the host wants them. Knows nothing of routing or hosts.

pub mod brackets;
pub mod coerce;
pub mod convert;
pub mod extract;
mod reading;
pub mod shape;
