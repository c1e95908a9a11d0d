//! The quick start: two routes. `PORT` chooses the port, `ENGINE` the engine (`auto`, `io_uring`,
//! `epoll`), `WORKERS` the number of workers.

use std::env;
use std::error::Error;

use serde_json::{Value, json};
use spikard::{App, Path, ServerConfig};

fn hello_world() -> Value {
    json!({"message": "Hello, World!"})
}

fn get_user(Path(user_id): Path<i64>) -> Value {
    json!({"id": user_id, "name": format!("User {user_id}")})
}

/// The application.
pub(crate) fn app() -> App {
    let mut app = App::new();
    app.get("/hello", hello_world);
    app.get("/users/{user_id:int}", get_user);
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
    app().run_with(config)?;
    Ok(())
}
