//! The wire vectors of `testing_data/wire` against the parsers, fed in every way.
#![expect(clippy::unwrap_used, reason = "the runner stops at malformed vectors")]

mod bodies;
mod guard;
mod heads;
mod multipart;
mod vectors;
