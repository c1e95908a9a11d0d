//! Adds the fields by which browsers protect a site's visitors, to every reply.
//!
//! A handler that sets one itself knows better what its page needs, and is left alone.

use spikard_contract::config::SecurityHeadersConfig;
use spikard_proto_http::{FieldError, Fields, sabotage};

use crate::{exchange::Exchange, local::Local, stage::ReplyStage};

/// The fields, written once at start.
#[derive(Debug)]
pub struct SecurityHeaders {
    fields: Fields,
}

impl SecurityHeaders {
    /// The fields of a configuration that was checked.
    pub fn new(config: &SecurityHeadersConfig) -> Self {
        let mut fields = Fields::new();
        for (name, value) in config.fields() {
            let pushed = fields.push(name.as_bytes(), value.as_bytes());
            debug_assert!(pushed.is_ok(), "values were checked when they were read");
        }
        Self { fields }
    }
}

impl ReplyStage for SecurityHeaders {
    fn run(&self, x: &mut Exchange, _: &mut Local) {
        for (name, value) in self.fields.iter() {
            let is_set = x.reply.fields.get(name).is_some();
            if is_set && !sabotage::is_off("security-headers/handler-first") {
                continue;
            }
            // A list of fields that is full keeps what the handler wrote.
            let pushed = x.reply.fields.push(name, value);
            debug_assert!(matches!(pushed, Ok(()) | Err(FieldError::Full)));
        }
    }
}
