//! The native addon of `@spikard/node`: the engine as JavaScript sees it.
//!
//! It registers functions, pumps turns and converts values; it decides nothing about HTTP.

#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "in a test nothing is registered, so nothing is called"
    )
)]

mod answers;
mod calls;
mod convert;
mod engine;
mod guest;
mod in_process;
mod pump;
mod server;
mod texts;
