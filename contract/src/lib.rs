//! What all languages agree on: knobs, routes, status numbers, problem types. Declarations only.
//!
//! A fact that two languages must share is written here once and generated into the others.
//! This crate knows nothing of sockets, requests or hosts, and decides nothing.
#![forbid(unsafe_code)]

mod declare;

pub mod config;
pub mod cookie;
pub mod hook;
pub mod knob;
pub mod meta;
pub mod own;
pub mod problem;
pub mod route;
pub mod status;
