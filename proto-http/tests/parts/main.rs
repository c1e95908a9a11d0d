//! The parts that no wire vector reaches: field lists, written heads, dates, decoding.

#![expect(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod accept_encodings;
mod conditions;
mod cookies;
mod dates;
mod encoding;
mod etags;
mod field_lists;
mod forms;
mod head_reuse;
mod media_types;
mod redirects;
mod set_cookies;
mod targets;
