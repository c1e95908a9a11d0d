//! The built-in stages: one file each, the list is the folder.

pub mod access_log;
pub mod auth;
pub mod await_body;
pub mod await_hooks;
pub mod await_host;
pub mod body_limit;
pub mod client_address;
pub mod compression;
pub mod content_coding;
pub mod cors;
pub mod deadline;
pub mod rate_limit;
pub mod request_id;
pub mod route_headers;
pub mod security_headers;
pub mod show_fault;
pub mod show_trace;
