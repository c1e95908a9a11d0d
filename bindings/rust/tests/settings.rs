//! What routes say of settings that the server has as well, over sockets and in process.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Lines, begin, engines, eventually, read_until, serve};
use serde_json::json;
use spikard::{
    AccessLogConfig, ApiKeyConfig, App, CompressionConfig, CorsConfig, HealthConfig, HstsConfig,
    JwtConfig, RateLimitConfig, SecurityHeadersConfig, ServerConfig, StaticFilesConfig, TestClient,
    sleep,
};

/// Counts values that were dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn late(count: &Arc<AtomicUsize>) -> App {
    let mut app = App::new();
    app.log(Lines::default());
    let count = count.clone();
    app.get("/late", move || {
        let held = Dropped(count.clone());
        async move {
            sleep(Duration::from_secs(60)).await;
            drop(held);
        }
    })
    .request_timeout(Some(Duration::from_millis(50)));
    app.get("/in-time", async || {
        sleep(Duration::from_millis(100)).await;
        "done"
    })
    .request_timeout(None);
    app
}

#[test]
fn a_future_is_dropped_at_the_deadline_of_its_route() {
    for engine in engines() {
        let count = Arc::default();
        let server = serve(late(&count), engine, json!({}));
        read_until(&mut begin(&server, "/late"), "handler-timeout");
        eventually("the future is dropped", || {
            count.load(Ordering::SeqCst) == 1
        });
        read_until(&mut begin(&server, "/in-time"), "done");
    }
}

#[test]
fn the_deadline_of_a_route_holds_in_process() {
    let count = Arc::default();
    let client = TestClient::new(late(&count)).expect("the application is sound");
    assert_eq!(client.get("/late").send().status(), 504);
    assert_eq!(client.get("/in-time").send().text(), "done");
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn builder_methods_say_what_the_document_says() {
    let mut app = App::new();
    app.post("/", || "ok")
        .max_body_size(Some(2))
        .response_headers(&[("x-a", "1"), ("x-a", "2")]);
    let client = TestClient::new(app).expect("the application is sound");
    let reply = client.post("/").body("12").send();
    assert_eq!(reply.status(), 200);
    let values = reply.headers().iter().filter(|(name, _)| name == "x-a");
    assert_eq!(
        values.map(|(_, value)| &**value).collect::<Vec<_>>(),
        [b"1", b"2"]
    );
    assert_eq!(client.post("/").body("123").send().status(), 413);
}

#[test]
fn every_record_of_the_configuration_has_a_name_here() {
    let config = ServerConfig {
        access_log: Some(AccessLogConfig::default()),
        api_key_auth: Some(ApiKeyConfig {
            keys: vec!["key-one".into()],
            ..ApiKeyConfig::default()
        }),
        compression: Some(CompressionConfig::default()),
        cors: Some(CorsConfig {
            allowed_origins: vec!["https://app.example".to_owned()],
            ..CorsConfig::default()
        }),
        health: Some(HealthConfig::default()),
        jwt_auth: Some(JwtConfig {
            secret: Some("a secret that is as long as its hash".into()),
            ..JwtConfig::default()
        }),
        rate_limit: Some(RateLimitConfig::default()),
        security_headers: Some(SecurityHeadersConfig {
            hsts: Some(HstsConfig::default()),
            ..SecurityHeadersConfig::default()
        }),
        static_files: vec![StaticFilesConfig {
            directory: "public".to_owned(),
            ..StaticFilesConfig::default()
        }],
        ..ServerConfig::default()
    };
    config.check().expect("each record is sound");
}
