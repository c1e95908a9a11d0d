//! Tests at the borders that this crate promises: documents in, plans and reply bytes out.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod auth;
mod files;
mod fixtures;
mod hooks;
mod host;
mod inject;
mod json;
mod plans;
mod random;
mod replies;
mod responses;
mod routes;
mod rows;
mod tree;
