//! Judging what a request carries: JSON syntax, schemas, formats, and the rows that name faults;
//! and, by the same means, what a handler replies.
//!
//! One answer lists every fault of a request, whatever its source; `fault` owns that list.
//! Knows nothing of routing or hosts.

mod bounded;
mod cripple;
mod exact;
pub mod fault;
pub mod form;
pub mod format;
pub mod json;
pub mod media;
mod proof;
mod proof_compile;
mod proof_rules;
mod read;
#[cfg(test)]
mod read_corpus;
mod read_inside;
pub mod response;
pub mod rows;
mod rows_nested;
mod scalar;
mod scanner;
pub mod schema;
pub(crate) mod sentences;
pub mod stage;
pub mod tape;
mod tape_node;
