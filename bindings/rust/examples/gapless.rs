//! A server that is restarted without a gap: replace its file, then send SIGHUP to the process that
//! was started first. `PORT`, `WORKERS` and `ENGINE` are as in the quick start.

use std::env;
use std::error::Error;
use std::process;
use std::time::Duration;

use serde_json::json;
use spikard::{App, RateLimitConfig, ServerConfig};

fn pid() -> String {
    process::id().to_string()
}

async fn slow() -> String {
    spikard::sleep(Duration::from_millis(50)).await;
    pid()
}

/// The application.
pub(crate) fn app() -> App {
    let mut app = App::new();
    app.get("/pid", pid);
    app.get("/slow", slow);
    // Counted by all workers together, and kept over restarts.
    app.get("/rare", pid).rate_limit(RateLimitConfig {
        per_second: 1.0,
        burst: 40,
        ..RateLimitConfig::default()
    });
    app
}

#[allow(dead_code, reason = "a test takes the application alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let setting = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let config = ServerConfig::from_value(&json!({
        "port": setting("PORT", "8000").parse::<u16>()?,
        "workers": setting("WORKERS", "1").parse::<u32>()?,
        "engine": setting("ENGINE", "auto"),
    }))?;
    app().run_supervised(config)?;
    Ok(())
}
