//! The Rust application under load: the routes of `apps/python/server.py`, one by one.
//!
//! `PORT` and `ENGINE` (`auto`, `io_uring`, `epoll`) come from the environment; there is one
//! worker, because the scripts compare what one core does.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spikard::{App, Body, Json, Path, ServerConfig, sleep};

fn hello() -> Value {
    json!({ "message": "Hello, World!" })
}

async fn hello_async() -> Value {
    hello()
}

fn user(Path(user_id): Path<i64>) -> Value {
    json!({ "id": user_id, "name": format!("User {user_id}") })
}

/// Waits as a call to another service would, without holding a thread.
async fn wait(Path(milliseconds): Path<u64>) -> Value {
    sleep(Duration::from_millis(milliseconds.min(WAIT_MS_MAX))).await;
    json!({ "waited": milliseconds })
}

/// Waits as a driver that blocks would: it holds a thread of the pool.
fn block(Path(milliseconds): Path<u64>) -> Value {
    thread::sleep(Duration::from_millis(milliseconds.min(WAIT_MS_MAX)));
    json!({ "waited": milliseconds })
}

fn item(Json(item): Json<Value>) -> Value {
    json!({ "item": item })
}

fn length(Body(body): Body) -> Value {
    json!({ "bytes": body.len() })
}

/// Longest wait that a client can ask for.
const WAIT_MS_MAX: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut app = App::new();
    app.get("/hello", hello_async);
    app.get("/sync", hello);
    app.get("/users/{user_id:int}", user);
    app.get("/wait/{milliseconds:int}", wait);
    app.get("/block/{milliseconds:int}", block).blocking();
    app.post("/items", item).body_schema(json!({
        "type": "object",
        "required": ["name", "price"],
        "properties": { "name": { "type": "string" }, "price": { "type": "number" } }
    }));
    app.post("/length", length);
    let setting = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    app.run_with(ServerConfig::from_value(&json!({
        "port": setting("PORT", "8000").parse::<u16>()?,
        "engine": setting("ENGINE", "auto"),
    }))?)?;
    Ok(())
}
