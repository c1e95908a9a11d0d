//! Applications: routes, typed parameters, validation, and their lowering to a plan.
//!
//! A binding describes routes as documents; this crate compiles them, once, into the function table
//! that a driver executes. Knows no sockets, threads, clocks or host languages.
#![forbid(unsafe_code)]

pub mod app;
mod auth;
mod cross_origin;
pub mod files;
#[doc(hidden)]
pub mod fuzz;
mod health;
pub mod in_process;
pub mod inject;
mod limits;
pub mod lower;
mod lower_error;
mod lower_replies;
pub mod params;
mod protect;
pub mod route;
pub mod upload;
pub mod validate;

pub use app::{App, RouteError, RouteFault};
pub use in_process::{InProcess, InProcessHandle};
pub use inject::{Injection, Injector, Truncated};
pub use lower_error::LowerError;
