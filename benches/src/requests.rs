//! The requests that the workloads read, and routes that take them.
//!
//! Fields are those of a browser, so that their lengths are those of real heads.
//! Knows nothing of the engine but its route documents.

use serde_json::{Value, json};
use spikard_contract::route::RouteDocument;

/// Fields of a request, most usual first.
const FIELDS: [(&str, &str); 12] = [
    ("Host", "api.example.com"),
    ("Accept", "application/json, text/plain, */*"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Connection", "keep-alive"),
    ("Accept-Language", "en-GB,en;q=0.7,de;q=0.3"),
    ("Referer", "https://www.example.com/account/orders?page=2"),
    ("Origin", "https://www.example.com"),
    (
        "Cookie",
        "session=6f1a2c94e07b4d3f; theme=dark; consent=essential",
    ),
    ("Authorization", "Bearer 8d3c1e5f7a9b0246"),
    ("Cache-Control", "no-cache"),
    ("X-Forwarded-For", "203.0.113.42"),
];

/// A GET of `target` with the first `count` fields; at most 12.
pub(crate) fn get(target: &str, count: usize) -> Vec<u8> {
    let mut text = format!("GET {target} HTTP/1.1\r\n");
    for (name, value) in &FIELDS[..count] {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A POST of a JSON body.
pub(crate) fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An order of about 1 KiB: nested objects, numbers, text with escapes.
pub(crate) fn order() -> Vec<u8> {
    let line = |number: usize| {
        json!({
            "sku": format!("SKU-{number:05}"), "quantity": number + 1, "price": 12.5,
            "note": "leave at the \"back\" door"
        })
    };
    let lines: Vec<Value> = (0..10).map(line).collect();
    let order = json!({
        "id": 48_151_623, "customer": { "name": "Ada Lovelace", "email": "ada@example.com" },
        "express": true, "voucher": null, "lines": lines
    });
    order.to_string().into_bytes()
}

/// What an [`order`] must satisfy.
pub(crate) fn order_schema() -> Value {
    json!({
        "type": "object",
        "required": ["id", "customer", "lines"],
        "properties": {
            "id": { "type": "integer", "minimum": 1 },
            "customer": {
                "type": "object",
                "required": ["name", "email"],
                "properties": {
                    "name": { "type": "string", "minLength": 1, "maxLength": 100 },
                    "email": { "type": "string", "maxLength": 200 }
                }
            },
            "express": { "type": "boolean" },
            "voucher": { "type": ["string", "null"] },
            "lines": {
                "type": "array", "minItems": 1, "maxItems": 100,
                "items": {
                    "type": "object",
                    "required": ["sku", "quantity", "price"],
                    "properties": {
                        "sku": { "type": "string", "pattern": "^SKU-" },
                        "quantity": { "type": "integer", "minimum": 1 },
                        "price": { "type": "number", "exclusiveMinimum": 0 }
                    }
                }
            }
        }
    })
}

/// The routes of the exchange workloads, as documents.
pub(crate) fn routes() -> [Value; 3] {
    [
        json!({ "methods": ["GET"], "path": "/hello", "handler": 0, "name": "hello" }),
        json!({
            "methods": ["GET"], "path": "/users/{user_id:int}", "handler": 1, "name": "user"
        }),
        json!({
            "methods": ["POST"], "path": "/orders", "handler": 2, "name": "order",
            "body": { "media": "json", "schema": order_schema() }
        }),
    ]
}

/// The same as types.
pub(crate) fn route_documents() -> impl Iterator<Item = RouteDocument> {
    let read = |value| serde_json::from_value(value).expect("the documents above are valid");
    routes().into_iter().map(read)
}

/// What every handler of the workloads answers.
pub(crate) const REPLY_BODY: &[u8] = b"{\"message\":\"Hello, World!\"}";
