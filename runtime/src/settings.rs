//! The configuration as a worker uses it: integers in the units of its clock.

use std::time::Duration;

use spikard_contract::config::{ServerConfig, millis};
use spikard_middleware::SessionLimits;

/// What a worker reads on the request path.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) limits: SessionLimits,
    pub(crate) connections_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) idle_ms: u64,
    pub(crate) header_ms: u64,
    pub(crate) body_ms: Option<u64>,
    pub(crate) write_ms: u64,
    pub(crate) drain_delay_ms: u64,
    pub(crate) shutdown_ms: u64,
    pub(crate) graceful: bool,
    pub(crate) turn_budget_us: u64,
    pub(crate) turn_calls_max: u32,
    pub(crate) stall_threshold: Option<Duration>,
}

impl Settings {
    pub(crate) fn new(config: &ServerConfig) -> Self {
        Self {
            limits: SessionLimits::of(config),
            connections_max: config.max_connections as usize,
            in_flight_max: config.max_in_flight as usize,
            idle_ms: millis(config.idle_timeout),
            header_ms: millis(config.header_timeout),
            body_ms: config.body_timeout.map(millis),
            write_ms: millis(config.write_timeout),
            drain_delay_ms: millis(config.drain_delay),
            shutdown_ms: millis(config.shutdown_timeout),
            graceful: config.graceful_shutdown,
            turn_budget_us: u64::from(config.turn_budget_us),
            turn_calls_max: config.turn_calls_max,
            stall_threshold: config.stall_threshold,
        }
    }
}
