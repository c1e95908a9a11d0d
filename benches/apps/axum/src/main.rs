//! axum with tower-http's `CompressionLayer`: the list of `../rust/server.rs`, for comparison.
//!
//! One thread, as the servers beside it have one core. `PORT` and `QUALITY` come from the
//! environment; the same quality serves gzip and brotli, as our own setting does.

use std::{error::Error, net::Ipv4Addr};

use axum::{Json, Router, routing::get};
use serde::Serialize;
use tower_http::{CompressionLevel, compression::CompressionLayer};

/// One of many records.
#[derive(Serialize)]
struct Record {
    id: u32,
    name: String,
    email: String,
    score: u32,
}

/// About 20 KB, as a list of records is.
async fn big() -> Json<Vec<Record>> {
    let record = |each: u32| Record {
        id: each,
        name: format!("User {each}"),
        email: format!("user{each}@example.com"),
        score: each * 37 % 101,
    };
    Json((0..280).map(record).collect())
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = setting("PORT", "8000").parse()?;
    let quality: i32 = setting("QUALITY", "6").parse()?;
    let compression = CompressionLayer::new().quality(CompressionLevel::Precise(quality));
    let app = Router::new().route("/big", get(big)).layer(compression);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        axum::serve(listener, app).await
    })?;
    Ok(())
}
