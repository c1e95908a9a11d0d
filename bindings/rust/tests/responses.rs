//! Replies judged by the types that routes promise.

mod common;

use common::{Lines, everywhere};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use spikard::{
    App, HandlerResponse, Json, Path, Problem, ResponseValidation, ServerConfig, TestClient,
};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct User {
    #[serde(rename(serialize = "id", deserialize = "number"))]
    number: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    nick_name: Option<String>,
    friends: Vec<User>,
    last_seen: Option<u64>,
    role: Role,
    #[serde(flatten)]
    more: More,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind")]
enum Role {
    Guest,
    Member { since: u16 },
}

#[derive(Debug, Serialize, JsonSchema)]
struct More {
    #[serde(default)]
    score: f64,
}

fn user(number: u8, friends: Vec<User>) -> User {
    User {
        number,
        nick_name: None,
        friends,
        last_seen: None,
        role: match number {
            0 => Role::Guest,
            _ => Role::Member { since: 2024 },
        },
        more: More { score: 0.5 },
    }
}

fn strict() -> ServerConfig {
    ServerConfig {
        response_validation: Some(ResponseValidation::Error),
        ..ServerConfig::default()
    }
}

#[test]
fn what_serde_writes_for_a_type_is_what_it_promises() {
    let app = || {
        let mut app = App::new();
        app.get("/users/{id:int}", |Path(id): Path<u8>| {
            Json(user(id, vec![user(1, vec![])]))
        })
        .returns::<User>()
        .response_validation(ResponseValidation::Error);
        app
    };
    everywhere(app, |client| {
        for id in [0, 7] {
            let reply = client.get(&format!("/users/{id}")).send();
            assert_eq!((reply.status(), &reply.json()["id"]), (200, &json!(id)));
        }
    });
}

#[test]
fn what_a_type_does_not_promise_is_a_500() {
    let sound = serde_json::to_value(user(1, vec![])).unwrap();
    let with = |key: &str, value: Value| {
        let mut broken = sound.clone();
        broken[key] = value;
        broken
    };
    let mut short = sound.clone();
    short.as_object_mut().unwrap().remove("friends");
    for (value, status) in [
        (sound.clone(), 200),
        (with("nickName", json!("Ada")), 200),
        (short, 500),
        (with("id", json!(256)), 500),
        (with("nickName", json!(5)), 500),
        (with("friends", json!([{}])), 500),
        (with("role", json!({"kind": "Member"})), 500),
        (with("score", json!("high")), 500),
    ] {
        let mut app = App::new();
        let reply = value.clone();
        app.get("/user", move || reply.clone())
            .returns::<User>()
            .response_validation(ResponseValidation::Error);
        let client = TestClient::new(app).unwrap();
        assert_eq!(client.get("/user").send().status(), status, "{value}");
    }
}

#[test]
fn only_successes_are_judged_and_a_route_may_say_otherwise() {
    let mut app = App::new();
    let schema = json!({"type": "array"});
    app.get("/problem", || Problem::new(404))
        .response_schema(schema.clone());
    app.get("/created", || (201, json!({})))
        .response_schema(schema.clone());
    app.get("/off", || json!({}))
        .response_schema(schema.clone())
        .response_validation(ResponseValidation::Off);
    app.get("/any", || json!({})).returns::<Value>();
    app.get("/text", || "{}").response_schema(schema.clone());
    app.get("/cookie", || {
        HandlerResponse::json(&json!({})).with_header("set-cookie", "a=1")
    })
    .response_schema(schema);
    let client = TestClient::with_config(app, &strict()).unwrap();
    for (path, status) in [
        ("/problem", 404),
        ("/created", 500),
        ("/off", 200),
        ("/any", 200),
        ("/text", 200),
        ("/cookie", 500),
    ] {
        let reply = client.get(path).send();
        assert_eq!(reply.status(), status, "{path}");
        assert_eq!(reply.header("set-cookie"), None, "{path}");
    }
}

#[test]
fn the_log_names_the_field_and_the_client_learns_nothing() {
    let lines = Lines::default();
    let mut app = App::new();
    app.log(lines.clone());
    app.get("/user", || json!({"token": "hunter2"}))
        .response_schema(json!({"properties": {"token": {"maxLength": 3}}}))
        .name("user");
    let client = TestClient::with_config(app, &strict()).unwrap();
    let reply = client.get("/user").header("x-request-id", "abc").send();
    assert_eq!(reply.json()["detail"], "Internal server error");
    let line = "user (/user) replied what its response schema does not allow, 500: body.token \
                string_too_long [abc]";
    assert_eq!(lines.all(), [line]);
}

#[test]
fn a_schema_that_does_not_compile_is_found_at_start() {
    let mut app = App::new();
    let line = line!() + 1;
    app.get("/a", || json!(1))
        .response_schema(json!({"type": "intger"}));
    let error = TestClient::new(app)
        .err()
        .expect("it is refused")
        .to_string();
    assert!(
        error.starts_with(&format!("{}:{line}:", file!())),
        "{error}"
    );
    assert!(
        error.contains("the response: the schema does not compile at /type"),
        "{error}"
    );
}
