//! Workers on a thread-per-core executor: listeners, connections, timers, wake-ups, stops.
//!
//! A worker executes a plan over sockets. It can own its thread ([`Worker::run`]) or be a guest in
//! a host's event loop ([`Worker::fd`] and [`Worker::turn`]): the host watches one descriptor and
//! calls `turn` when it is readable; `turn` does all the I/O that is due and calls host functions
//! in place.
//!
//! This crate knows no routes, no schemas and no C.

mod accept;
mod access;
mod blocks;
mod connection;
mod core;
mod download;
mod driver;
mod ending;
mod io;
pub mod listen;
mod mailbox;
mod settings;
pub mod shared;
pub mod supervise;
mod turn;
mod watchdog;
mod wheel;
mod work;
mod worker;

pub use driver::{EngineChoice, is_forked_child};
pub use turn::TurnEnd;
pub use worker::{Stats, TurnError, Worker, WorkerHandle};
