//! The Rust application under load: the routes of `apps/python/server.py`, one by one.
//!
//! `PORT` and `ENGINE` (`auto`, `io_uring`, `epoll`) come from the environment, the directory of
//! `/files` from `FILES`, and further settings from `CONFIG`, as JSON; there is one worker, because
//! the scripts compare what one core does.
#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::{App, Body, FileRule, Files, Json, Path, Query, ServerConfig, Unchecked, sleep};

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

/// Five typed query parameters.
#[derive(Deserialize)]
struct Search {
    term: String,
    limit: i64,
    offset: i64,
    price: f64,
    in_stock: bool,
}

fn search(Query(Unchecked(search)): Query<Unchecked<Search>>) -> Value {
    json!({
        "term": search.term, "limit": search.limit, "offset": search.offset,
        "price": search.price, "in_stock": search.in_stock
    })
}

/// One of many records.
#[derive(Serialize)]
struct Record {
    id: u32,
    name: String,
    email: String,
    score: u32,
}

/// About 20 KB, as a list of records is.
fn big() -> Json<Vec<Record>> {
    let record = |each: u32| Record {
        id: each,
        name: format!("User {each}"),
        email: format!("user{each}@example.com"),
        score: each * 37 % 101,
    };
    Json((0..280).map(record).collect())
}

/// A body of about 1 KiB.
#[derive(Deserialize)]
struct Order {
    id: i64,
    lines: Vec<Line>,
}

/// One line of an order.
#[derive(Deserialize)]
struct Line {
    sku: String,
}

fn order(Json(Unchecked(order)): Json<Unchecked<Order>>) -> Value {
    json!({ "id": order.id, "lines": order.lines.len(), "first": order.lines[0].sku })
}

/// What an order must satisfy, as `apps/python/models.py` has it.
fn order_schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "customer", "express", "lines"],
        "properties": {
            "id": { "type": "integer" },
            "customer": {
                "type": "object",
                "required": ["name", "email"],
                "properties": { "name": { "type": "string" }, "email": { "type": "string" } }
            },
            "express": { "type": "boolean" },
            "voucher": { "type": ["string", "null"] },
            "lines": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["sku", "quantity", "price"],
                    "properties": {
                        "sku": { "type": "string", "minLength": 1, "maxLength": 20 },
                        "quantity": { "type": "integer", "minimum": 1 },
                        "price": { "type": "number", "exclusiveMinimum": 0 },
                        "note": { "type": ["string", "null"] }
                    }
                }
            }
        }
    })
}

fn length(Body(body): Body) -> Value {
    json!({ "bytes": body.len() })
}

/// Takes one file and reads it in pieces.
fn upload(files: Files) -> Result<Value, io::Error> {
    let mut size = 0;
    let file = files.file("file").ok_or(io::ErrorKind::NotFound)?;
    let (mut reader, mut piece) = (file.reader(), vec![0; 65_536]);
    while let length @ 1.. = reader.read(&mut piece)? {
        size += length;
    }
    Ok(json!({ "name": file.filename(), "bytes": size }))
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
    app.get("/search", search)
        .query("term", json!({ "type": "string" }))
        .query("limit", json!({ "type": "integer" }))
        .query("offset", json!({ "type": "integer" }))
        .query("price", json!({ "type": "number" }))
        .query("in_stock", json!({ "type": "boolean" }));
    app.get("/big", big);
    app.post("/orders", order).body_schema(order_schema());
    app.post("/length", length);
    // It reads a disk, but one that was written a moment ago.
    app.post("/upload", upload).file(FileRule::new("file"));
    let setting = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let mut config = json!({
        "port": setting("PORT", "8000").parse::<u16>()?,
        "engine": setting("ENGINE", "auto"),
        "static_files": match env::var("FILES") {
            Ok(directory) => json!([{ "directory": directory, "route_prefix": "/files" }]),
            Err(_) => json!([]),
        },
    });
    let more: Value = serde_json::from_str(&setting("CONFIG", "{}"))?;
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    app.run_with(ServerConfig::from_value(&config)?)?;
    Ok(())
}
