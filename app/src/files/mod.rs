//! Files that are served from a directory: found, described and answered with.
//!
//! A request's path becomes a name once (`name`), the name becomes an open regular file below its
//! root or nothing (`open`), and the file becomes a reply (`answer`). What may wait for a disk is
//! an errand (`stage`).

pub mod answer;
pub mod describe;
pub(crate) mod lower;
pub mod mount;
pub mod name;
pub mod open;
pub mod stage;
