//! From a request's method and path to the route that takes it.
//!
//! Everything is compiled at start: a request only walks a tree and looks up finished answers.
//! Knows nothing of bodies, schemas beyond a segment's hint, or hosts.

pub mod methods;
pub mod pattern;
pub mod pattern_error;
pub mod preflight;
pub mod stage;
pub mod tree;
