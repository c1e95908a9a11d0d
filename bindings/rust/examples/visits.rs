//! Counts visits in Redis, whose client lives on tokio. `REDIS` is the address of the server,
//! `redis://127.0.0.1:6379` unless it says otherwise; `PORT` chooses the port.

use std::env;
use std::error::Error;

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Client, RedisError};
use serde_json::{Value, json};
use spikard::{App, Failure, Path, Problem, ServerConfig, State};
use tokio::sync::OnceCell;

/// One connection for all workers, made by the first request that needs it.
struct Store {
    client: Client,
    connection: OnceCell<MultiplexedConnection>,
}

impl Store {
    async fn count(&self, page: &str) -> Result<i64, RedisError> {
        let connect = || self.client.get_multiplexed_async_connection();
        let mut connection = self.connection.get_or_try_init(connect).await?.clone();
        connection.incr(format!("visits:{page}"), 1).await
    }
}

async fn visit(Path(page): Path<String>, store: State<Store>) -> Result<Value, Failure> {
    let visits = spikard::tokio({
        let page = page.clone();
        async move { store.count(&page).await }
    })
    .await?;
    Ok(json!({"page": page, "visits": visits}))
}

/// The application, with the address of its Redis.
pub(crate) fn app(redis: &str) -> Result<App, RedisError> {
    let mut app = App::new();
    app.state(Store {
        client: Client::open(redis)?,
        connection: OnceCell::new(),
    });
    app.map_error(|_: &RedisError| Problem::new(503).detail("The counter is away"));
    app.post("/visits/{page}", visit);
    Ok(app)
}

#[allow(dead_code, reason = "a test takes the application alone")]
fn main() -> Result<(), Box<dyn Error>> {
    let setting = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let port: u16 = setting("PORT", "8000").parse()?;
    let config = ServerConfig::from_value(&json!({"port": port}))?;
    app(&setting("REDIS", "redis://127.0.0.1:6379"))?.run_with(config)?;
    Ok(())
}
