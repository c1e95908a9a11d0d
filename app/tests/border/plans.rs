//! Lowering: which rows a table has, as the plan prints itself.

use serde_json::json;
use spikard_app::App;
use spikard_contract::config::{RateLimitConfig, ResponseValidation, ServerConfig};

fn plan(config: &ServerConfig) -> String {
    let mut app = App::new();
    for route in [
        json!({ "methods": ["GET"], "path": "/bare", "handler": 0, "name": "bare" }),
        json!({ "methods": ["GET"], "path": "/i/{id:int}", "handler": 1, "name": "item" }),
        json!({ "methods": ["POST"], "path": "/none", "handler": 2, "name": "none" }),
        json!({ "methods": ["POST"], "path": "/json", "handler": 3, "name": "json",
            "body": { "media": "json" } }),
        json!({ "methods": ["PUT"], "path": "/raw", "handler": 4, "name": "raw",
            "body": { "media": "bytes", "required": false } }),
        json!({ "methods": ["POST"], "path": "/files", "handler": 5, "name": "files",
            "files": [{ "name": "f" }] }),
    ] {
        app.add_route(serde_json::from_value(route).unwrap())
            .unwrap();
    }
    app.lower(config).unwrap().to_string()
}

#[test]
fn a_table_has_rows_only_for_what_it_does() {
    assert_eq!(
        plan(&ServerConfig::default()),
        "entry: request_id route | compressible request_id_echo compression\n\
         GET /bare: body_limit deadline handler | compressible request_id_echo compression\n\
         GET /i/{id:int}: body_limit validate deadline handler \
         | compressible request_id_echo compression\n\
         POST /none: body_limit body deadline handler | compressible request_id_echo compression\n\
         POST /json: body_limit media_type content_coding body validate deadline handler \
         | compressible request_id_echo compression\n\
         PUT /raw: body_limit content_coding body deadline handler \
         | compressible request_id_echo compression\n\
         POST /files: body_limit media_type content_coding sink body validate deadline handler \
         | compressible request_id_echo compression\n\
         404: handler | compressible request_id_echo compression\n\
         405: handler | compressible request_id_echo compression\n\
         options: handler | compressible request_id_echo compression\n\
         400: handler | compressible request_id_echo compression\n\
         refused: | compressible request_id_echo compression\n"
    );
}

#[test]
fn what_is_off_has_no_row() {
    let config = ServerConfig {
        enable_request_id: false,
        max_body_size: None,
        request_timeout: None,
        compression: None,
        ..ServerConfig::default()
    };
    let plan = plan(&config);
    assert!(
        plan.starts_with("entry: route |\nGET /bare: handler |\n"),
        "{plan}"
    );
}

#[test]
fn a_route_says_what_is_on_for_itself() {
    let mut app = App::new();
    for route in [
        json!({ "methods": ["GET"], "path": "/off", "handler": 0, "name": "off",
            "max_body_size": null, "request_timeout": null }),
        json!({ "methods": ["GET"], "path": "/on", "handler": 1, "name": "on",
            "max_body_size": 1, "request_timeout": 1, "response_headers": [["x-a", "b"]] }),
    ] {
        app.add_route(serde_json::from_value(route).unwrap())
            .unwrap();
    }
    let plan = app.lower(&ServerConfig::default()).unwrap().to_string();
    assert!(
        plan.contains(
            "GET /off: handler | compressible request_id_echo compression\n\
             GET /on: body_limit deadline handler \
             | compressible route_headers request_id_echo compression\n"
        ),
        "{plan}"
    );
}

#[test]
fn routes_that_say_the_same_of_cors_share_a_table() {
    let own = json!({ "allowed_origins": ["https://b.example"] });
    let mut app = App::new();
    for (path, more) in [
        ("/silent", json!({})),
        ("/own", json!({ "cors": own })),
        ("/same", json!({ "cors": own })),
        ("/off", json!({ "cors": null })),
    ] {
        let mut route = json!({ "methods": ["GET"], "path": path, "handler": 0, "name": "f" });
        let more = more.as_object().unwrap().clone();
        route.as_object_mut().unwrap().extend(more);
        app.add_route(serde_json::from_value(route).unwrap())
            .unwrap();
    }
    let cors = json!({ "allowed_origins": ["https://a.example"] });
    let config = json!({ "cors": cors, "compression": null });
    let config = ServerConfig::from_value(&config).unwrap();
    let plan = app.lower(&config).unwrap().to_string();
    let named = |name: &str| -> Vec<&str> {
        plan.lines()
            .filter(|line| line.starts_with(name))
            .map(|line| line.split_once(':').unwrap().1)
            .collect()
    };
    let answer = " handler | request_id_echo";
    assert_eq!(
        named("entry"),
        [" request_id preflight route | cors request_id_echo"]
    );
    assert_eq!(named("preflight"), [answer, answer]);
    let handler = " body_limit deadline handler |";
    let allowing = format!("{handler} cors request_id_echo");
    for name in ["GET /silent", "GET /own", "GET /same"] {
        assert_eq!(named(name), [&*allowing], "{name}");
    }
    assert_eq!(named("GET /off"), [format!("{handler} request_id_echo")]);
    assert_eq!(named("404"), [" handler | cors request_id_echo"]);
}

#[test]
fn limits_are_counted_before_anything_that_costs_more() {
    let mut app = App::new();
    for (path, more) in [
        ("/plain", json!({})),
        (
            "/dear",
            json!({ "rate_limit": { "per_second": 1, "burst": 1 } }),
        ),
    ] {
        let mut route = json!({ "methods": ["GET"], "path": path, "handler": 0, "name": "f" });
        let more = more.as_object().unwrap().clone();
        route.as_object_mut().unwrap().extend(more);
        app.add_route(serde_json::from_value(route).unwrap())
            .unwrap();
    }
    let mut config = ServerConfig {
        compression: None,
        ..ServerConfig::default()
    };
    let plan = app.lower(&config).unwrap().to_string();
    let dear = "GET /dear: route_rate_limit body_limit deadline handler \
                | rate_limit_fields request_id_echo\n";
    assert!(plan.contains(dear), "{plan}");
    assert!(!plan.contains("/plain: route_rate_limit") && !plan.contains(" rate_limit "));
    config.rate_limit = Some(RateLimitConfig::default());
    let plan = app.lower(&config).unwrap().to_string();
    assert!(plan.contains(dear), "{plan}");
    let entry = "entry: request_id rate_limit route | rate_limit_fields request_id_echo\n";
    assert!(plan.starts_with(entry), "{plan}");
    assert!(plan.ends_with("refused: | rate_limit_fields request_id_echo\n"));
}

#[test]
fn health_stands_behind_the_routes_and_clashes_by_name() {
    let mut app = App::new();
    let route = json!({ "methods": ["GET"], "path": "/a", "handler": 0, "name": "a" });
    app.add_route(serde_json::from_value(route).unwrap())
        .unwrap();
    let config = ServerConfig::from_value(&json!({ "health": {}, "compression": null })).unwrap();
    let plan = app.lower(&config).unwrap().to_string();
    assert!(
        plan.starts_with("entry: request_id health route |"),
        "{plan}"
    );
    assert!(
        plan.contains(
            "GET /a: body_limit deadline handler | request_id_echo\n\
             live: handler | request_id_echo\n\
             ready: handler | request_id_echo\n"
        ),
        "{plan}"
    );
    let taken = ServerConfig::from_value(&json!({ "health": { "live_path": "/a" } })).unwrap();
    assert_eq!(
        app.lower(&taken).unwrap_err().to_string(),
        "/health/live_path: the route 'a' takes GET on /a already; change one of the two"
    );
}

#[test]
fn replies_are_judged_where_there_is_a_schema_and_somebody_asks() {
    let tables = |config: &ServerConfig| {
        let mut app = App::new();
        for (path, more) in [
            ("/none", json!({})),
            ("/typed", json!({ "response_schema": {} })),
            (
                "/off",
                json!({ "response_schema": {}, "response_validation": "off" }),
            ),
            (
                "/warn",
                json!({ "response_schema": {}, "response_validation": "warn" }),
            ),
        ] {
            let mut route = json!({ "methods": ["GET"], "path": path, "handler": 0, "name": "f" });
            let more = more.as_object().unwrap().clone();
            route.as_object_mut().unwrap().extend(more);
            app.add_route(serde_json::from_value(route).unwrap())
                .unwrap();
        }
        let plan = app.lower(config).unwrap().to_string();
        let judged = plan.lines().filter(|line| line.contains("response_schema"));
        let judged = judged.map(|line| line.split_once(':').unwrap().0.to_owned());
        judged.collect::<Vec<_>>()
    };
    assert_eq!(tables(&ServerConfig::default()), ["GET /warn"]);
    let strict = ServerConfig {
        response_validation: Some(ResponseValidation::Error),
        ..ServerConfig::default()
    };
    assert_eq!(tables(&strict), ["GET /typed", "GET /warn"]);
    let mut dev = ServerConfig {
        dev: true,
        ..ServerConfig::default()
    };
    assert_eq!(tables(&dev), ["GET /typed", "GET /warn"]);
    dev.response_validation = Some(ResponseValidation::Off);
    assert_eq!(tables(&dev), ["GET /warn"]);
}

#[test]
fn traces_are_shown_in_development_only() {
    let mut app = App::new();
    let route = json!({ "methods": ["GET"], "path": "/", "handler": 0, "name": "f" });
    app.add_route(serde_json::from_value(route).unwrap())
        .unwrap();
    for dev in [false, true] {
        let config = ServerConfig {
            dev,
            ..ServerConfig::default()
        };
        let plan = app.lower(&config).unwrap().to_string();
        assert_eq!(plan.contains(" trace"), dev, "{plan}");
    }
}

#[test]
fn a_spool_directory_that_is_none_is_refused_at_start() {
    let config = ServerConfig {
        spool_directory: Some("/nonexistent/spool".to_owned()),
        ..ServerConfig::default()
    };
    let refused = App::new().lower(&config).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "/spool_directory: '/nonexistent/spool' is no directory; make it, or name another one"
    );
}

#[test]
fn an_access_log_adds_a_clock_and_a_row_behind_each_reply() {
    let config = json!({ "access_log": {}, "compression": null });
    let plan = plan(&ServerConfig::from_value(&config).unwrap());
    assert!(
        plan.starts_with("entry: began request_id route | request_id_echo | access_log\n"),
        "{plan}"
    );
    assert!(
        plan.lines().all(|line| line.ends_with(" | access_log")),
        "{plan}"
    );
}
