//! What handlers may take and return, in process and over sockets.

mod common;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use common::everywhere;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::{
    App, Body, Cookie, Failure, HandlerResponse, Header, Json, Path, Problem, Query, Request,
    RunError, State, TestClient, schema,
};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Item {
    name: String,
    count: u8,
}

#[derive(Deserialize, JsonSchema)]
struct Page {
    limit: i64,
    tags: Option<Vec<String>>,
    sort: Option<Sort>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Name,
    Age,
}

#[derive(Deserialize, JsonSchema)]
struct Credentials {
    x_token: String,
}

fn list(Query(page): Query<Page>) -> Value {
    let sort = page.sort.map(|sort| format!("{sort:?}"));
    json!({"limit": page.limit, "tags": page.tags, "sort": sort})
}

async fn two(Path((id, name)): Path<(i64, String)>, request: Request) -> Value {
    json!([
        id,
        name,
        request.method(),
        request.path(),
        request.query_string(),
        request.route()
    ])
}

fn create(Json(item): Json<Item>) -> (u16, Json<Item>) {
    (201, Json(item))
}

fn count(counter: State<AtomicU64>) -> String {
    counter.fetch_add(1, Ordering::Relaxed).to_string()
}

fn six(
    Path(id): Path<u32>,
    Query(page): Query<Page>,
    Header(credentials): Header<Credentials>,
    Cookie(session): Cookie<String>,
    Json(item): Json<Value>,
    counter: State<AtomicU64>,
) -> Value {
    let counter = counter.load(Ordering::Relaxed);
    json!([id, page.limit, credentials.x_token, session, item, counter])
}

fn app() -> App {
    let mut app = App::new();
    app.state(AtomicU64::new(7));
    app.get("/one/{id:int}", |Path(id): Path<i64>| id.to_string());
    app.get("/small/{id:int}", |Path(id): Path<u8>| id.to_string());
    app.get("/two/{id:int}/{name}", two);
    app.get("/list", list)
        .query("limit", schema::integer().minimum(1).default(10))
        .query("tags", schema::list(schema::string()).optional())
        .query("sort", schema::string().one_of(["name", "age"]).optional());
    app.post("/items", create);
    app.put("/maybe", |item: Option<Json<Value>>| {
        Json(item.map(|item| item.0))
    });
    app.post("/bytes", |body: Body| body);
    app.get("/count", count);
    app.post("/six/{id:int}", six)
        .query("limit", schema::integer())
        .header("x_token", schema::string().min_length(2))
        .cookie("session", schema::string());
    app.patch("/patch", || ());
    app.delete("/gone", || HandlerResponse::empty(204));
    app.options("/own", || "own options");
    app.get("/response", || {
        HandlerResponse::json(&[1])
            .with_status(202)
            .with_header("x-a", "1")
            .with_header("x-a", "2")
    });
    app.get("/typed", || {
        HandlerResponse::text("a,b").with_header("Content-Type", "text/csv")
    });
    app.get("/split", || {
        HandlerResponse::text("").with_header("x-a", "1\r\nx-b: 2")
    });
    app.get("/problem", || -> Result<(), Problem> {
        Err(Problem::new(409)
            .detail("Twice")
            .with("id", 1)
            .header("x-a", "1"))
    });
    app.get("/failure", || -> Result<(), Failure> {
        Err(io::Error::other("a secret"))?
    });
    app.get("/later", async || -> Result<String, io::Error> {
        Err(io::Error::other("a secret"))
    });
    app
}

#[test]
fn arguments_arrive_converted() {
    everywhere(app, |client| {
        assert_eq!(client.get("/one/-5").send().text(), "-5");
        let reply = client.get("/two/7/b%20c?x=%41").send();
        let expected = json!([
            7,
            "b c",
            "GET",
            "/two/7/b%20c",
            "x=%41",
            "/two/{id:int}/{name}"
        ]);
        assert_eq!(reply.json(), expected);
        let reply = client.get("/list").send();
        assert_eq!(
            reply.json(),
            json!({"limit": 10, "tags": null, "sort": null})
        );
        let reply = client.get("/list?tags=a&limit=3&tags=b&sort=age").send();
        assert_eq!(
            reply.json(),
            json!({"limit": 3, "tags": ["a", "b"], "sort": "Age"})
        );
    });
}

#[test]
fn six_arguments_of_every_source_arrive() {
    everywhere(app, |client| {
        let request = client.post("/six/1?limit=2").header("X-Token", "abc");
        let reply = request
            .header("cookie", "session=s")
            .json(&json!({"a": 1}))
            .send();
        assert_eq!(reply.json(), json!([1, 2, "abc", "s", {"a": 1}, 7]));
    });
}

#[test]
fn the_engine_refuses_before_the_handler() {
    everywhere(app, |client| {
        let reply = client.get("/list?limit=0").send();
        assert_eq!(
            (reply.status(), &reply.json()["errors"][0]["type"]),
            (422, &json!("greater_than_equal"))
        );
        let reply = client.post("/items").json(&json!({"name": "x"})).send();
        assert_eq!(
            (reply.status(), &reply.json()["errors"][0]["type"]),
            (422, &json!("missing"))
        );
        assert_eq!(client.post("/items").body("{").send().status(), 400);
        assert_eq!(
            client
                .post("/items")
                .header("content-type", "text/plain")
                .body("{}")
                .send()
                .status(),
            415
        );
    });
}

#[test]
fn what_does_not_fit_the_handlers_type_is_a_422() {
    everywhere(app, |client| {
        let reply = client
            .post("/items")
            .json(&json!({"name": "x", "count": 300}))
            .send();
        assert_eq!(reply.status(), 422);
        let row = &reply.json()["errors"][0];
        assert_eq!(
            (&row["type"], &row["loc"]),
            (&json!("less_than_equal"), &json!(["body", "count"]))
        );
        let reply = client.get("/small/300").send();
        assert_eq!(reply.status(), 422);
        assert_eq!(reply.json()["errors"][0]["loc"], json!(["path", "id"]));
    });
}

#[test]
fn results_become_replies() {
    everywhere(app, |client| {
        let reply = client
            .post("/items")
            .json(&json!({"name": "x", "count": 3}))
            .send();
        assert_eq!(
            (reply.status(), reply.text()),
            (201, r#"{"name":"x","count":3}"#.into())
        );
        assert_eq!(client.put("/maybe").send().text(), "null");
        assert_eq!(client.put("/maybe").json(&[1]).send().text(), "[1]");
        let reply = client.post("/bytes").body([0, 255]).send();
        assert_eq!(reply.bytes(), [0, 255]);
        assert_eq!(
            reply.header("content-type").unwrap(),
            "application/octet-stream"
        );
        assert_eq!(client.patch("/patch").send().text(), "null");
        let reply = client.delete("/gone").send();
        assert_eq!((reply.status(), reply.header("content-type")), (204, None));
        assert_eq!(client.options("/own").send().text(), "own options");
        let reply = client.get("/response").send();
        let twice = reply
            .headers()
            .iter()
            .filter(|(name, _)| name == "x-a")
            .count();
        assert_eq!((reply.status(), twice), (202, 2));
        let reply = client.get("/typed").send();
        assert_eq!(reply.header("content-type").unwrap(), "text/csv");
        assert_eq!(client.head("/response").send().bytes(), b"");
    });
}

#[test]
fn failures_keep_their_secrets() {
    everywhere(app, |client| {
        let reply = client.get("/problem").send();
        assert_eq!(
            (reply.status(), reply.header("x-a").unwrap()),
            (409, "1".into())
        );
        assert_eq!(reply.json()["detail"], "Twice");
        for target in ["/failure", "/later", "/split"] {
            let reply = client.get(target).send();
            assert_eq!(reply.status(), 500, "{target}");
            assert_eq!(
                reply.json()["type"],
                "https://spikard.dev/errors/internal-server-error"
            );
            assert!(!reply.text().contains("secret") && reply.header("x-a").is_none());
        }
    });
}

#[test]
fn state_is_shared_by_all_calls() {
    everywhere(app, |client| {
        assert_eq!(client.get("/count").send().text(), "7");
        assert_eq!(client.get("/count").send().text(), "8");
    });
}

#[test]
fn a_missing_state_is_found_at_start() {
    let mut app = App::new();
    app.get("/count", count);
    let error = TestClient::new(app).err().unwrap();
    assert!(matches!(error, RunError::Registration(_)));
    let sentence = error.to_string();
    assert!(
        sentence.contains("'count'") && sentence.contains("AtomicU64"),
        "{sentence}"
    );
}

#[test]
fn a_bad_route_is_found_at_start() {
    let mut app = App::new();
    app.get("/a", || "1");
    app.get("/a", || "2").name("second");
    let sentence = TestClient::new(app).err().unwrap().to_string();
    assert!(
        sentence.contains("second") && sentence.contains("GET"),
        "{sentence}"
    );
}
