//! Rate limits, from configuration to tables in a memory that processes may share.
//!
//! A table is found by what it is: which limit, and every knob of it. So a worker that is started
//! again finds the counts as they were, and one with other knobs begins anew.
//! Knows nothing of how requests are counted.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use spikard_contract::config::{RateLimitConfig, ServerConfig};
use spikard_middleware::Rank;
use spikard_middleware::plan::Rows;
use spikard_middleware::rate::{LAYOUT, Memory, Pace, Table, lines_for};
use spikard_middleware::stages::client_address::ClientAddress;
use spikard_middleware::stages::rate_limit::{RateLimit, Whom};

use crate::LowerError;

/// The rows that decide who the client is, and count it.
///
/// # Errors
/// As [`stage`].
pub(crate) fn entry_rows(
    memory: &dyn Memory,
    config: &ServerConfig,
    rows: &mut Rows,
) -> Result<(), LowerError> {
    if config.trusted_hops > 0 || !config.trusted_proxies.is_empty() {
        let stage = ClientAddress {
            proxies: config.trusted_proxies.clone(),
            hops: config.trusted_hops,
            header: config.forwarded_header,
        };
        rows.request(Rank::ClientAddress, Arc::new(stage));
    }
    if let Some(limit) = &config.rate_limit {
        rows.request(Rank::RateLimit, stage(memory, "the server", limit)?);
    }
    Ok(())
}

/// The stage of the limit `name`.
///
/// # Errors
/// [`LowerError::RateLimitMemory`] if the memory has no room for another table.
pub(crate) fn stage(
    memory: &dyn Memory,
    name: &str,
    config: &RateLimitConfig,
) -> Result<Arc<RateLimit>, LowerError> {
    let (whom, clients) = match config.ip_based {
        true => {
            let ipv6_prefix = config.ipv6_prefix;
            (Whom::Each { ipv6_prefix }, config.max_clients as usize)
        }
        false => (Whom::Everybody, 1),
    };
    let full = || LowerError::RateLimitMemory {
        limit: name.to_owned(),
    };
    let lines = memory
        .lines(id(name, config), lines_for(clients))
        .ok_or_else(full)?;
    let pace = Pace::new(config.per_second, config.burst.into());
    let table = Table::new(lines, memory.seed(), pace);
    Ok(Arc::new(RateLimit::new(Arc::new(table), whom, name)))
}

/// The same for the same limit, in every process of one program.
fn id(name: &str, config: &RateLimitConfig) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(LAYOUT);
    hasher.write(name.as_bytes());
    hasher.write_u8(0);
    hasher.write(config.to_json().to_string().as_bytes());
    hasher.finish()
}
