//! Lowering of what happens to replies: judging them, compressing them, telling of them.
//!
//! Knows nothing of how a request gets its reply.

use std::sync::Arc;

use spikard_contract::config::ResponseValidation;
use spikard_middleware::Rank;
use spikard_middleware::plan::Rows;
use spikard_middleware::stages::access_log::AccessLog;
use spikard_middleware::stages::compression::{Compressible, Compression};
use spikard_proto_http::sabotage;

use crate::app::Route;
use crate::lower::Lowering;
use crate::lower_error::LowerError;
use crate::validate::response::JudgeResponse;
use crate::validate::schema::Schema;

impl Lowering<'_> {
    pub(crate) fn access_row(&self, route: Option<&str>, rows: &mut Rows) {
        if let Some(format) = &self.access {
            let (format, route) = (format.clone(), route.map(Into::into));
            rows.done(Rank::AccessLog, Arc::new(AccessLog { format, route }));
        }
    }

    pub(crate) fn compression_row(&self, rows: &mut Rows) {
        if let Some(config) = &self.config.compression
            && (config.gzip || config.brotli)
        {
            let config = config.clone();
            let bytes_min = config.min_size;
            rows.reply(Rank::Compressible, Arc::new(Compressible { bytes_min }));
            rows.reply(Rank::Compression, Arc::new(Compression { config }));
        }
    }

    /// The row that judges replies, where somebody wants them judged.
    pub(crate) fn response_row(&self, route: &Route, rows: &mut Rows) -> Result<(), LowerError> {
        let document = &route.document;
        let own = document.response_validation;
        let own = own.filter(|_| !sabotage::is_off("response/route"));
        let usual = match self.config.dev {
            true => ResponseValidation::Warn,
            false => ResponseValidation::Off,
        };
        let refuses = match own.or(self.config.response_validation).unwrap_or(usual) {
            ResponseValidation::Off => return Ok(()),
            ResponseValidation::Warn => false,
            ResponseValidation::Error => true,
        };
        if let Some(schema) = &document.response_schema {
            let schema = Schema::compile(schema).map_err(|error| LowerError::ResponseSchema {
                path: document.path.clone(),
                error,
            })?;
            let stage = JudgeResponse {
                schema,
                refuses,
                handler: document.name.as_str().into(),
                route: document.path.as_str().into(),
            };
            rows.reply(Rank::ResponseSchema, Arc::new(stage));
        }
        Ok(())
    }
}
