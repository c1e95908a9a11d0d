//! Multipart forms and their files: read as they arrive, kept within bounds, judged by rules.
//!
//! Text parts become the form's fields; file parts become uploads, in memory up to a threshold and
//! in one temporary file beyond it. Knows nothing of routes or hosts.

pub mod intake;
pub mod magic;
pub mod rules;
pub mod spool;
pub mod whole;
