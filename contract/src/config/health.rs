//! The knobs of the health endpoints.
//!
//! Knows nothing of what they answer.

use crate::config;

config! {
    /// Two paths for whatever watches the server: whether it lives, and whether it should get
    /// traffic. The engine answers them by itself, without authentication.
    pub struct HealthConfig checked by are_paths {
        /// Answers 200 as long as the worker runs.
        live_path: String = "/livez".to_owned(), in 1..=1_024, unit "characters";
        /// Answers 200, and 503 with `Retry-After` once the server is being stopped.
        ready_path: String = "/readyz".to_owned(), in 1..=1_024, unit "characters";
    }
}

/// Whole paths as clients send them: no patterns, nothing to decode.
fn are_paths(config: &HealthConfig) -> Vec<(&'static str, String)> {
    let is_path = |path: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        path.starts_with('/') && path.bytes().all(plain)
    };
    let mut faults: Vec<(&'static str, String)> = [
        ("live_path", &config.live_path),
        ("ready_path", &config.ready_path),
    ]
    .into_iter()
    .filter(|(_, path)| !is_path(path))
    .map(|(knob, path)| {
        let message = format!("'{path}' is no path such as /{knob}: letters, digits and /-._~");
        (
            knob,
            message
                .replace("/live_path", "/livez")
                .replace("/ready_path", "/readyz"),
        )
    })
    .collect();
    if config.live_path == config.ready_path {
        faults.push(("ready_path", "it is the live_path as well".to_owned()));
    }
    faults
}
