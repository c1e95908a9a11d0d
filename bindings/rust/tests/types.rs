//! Rust types as parameters and bodies: their schemas judge, with the rows of every language.

mod common;

use common::everywhere;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::{
    App, Body, Cookie, Failure, Header, Json, Path, Problem, Query, TestClient, Unchecked, schema,
};

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    /// By name.
    Name,
    Age,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Page {
    /// How many at most.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "ten")]
    limit: u32,
    sort: Option<Sort>,
    #[serde(default)]
    tags: Vec<String>,
}

fn ten() -> u32 {
    10
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Filter {
    #[serde(rename = "min-age")]
    age: i64,
    #[schemars(regex(pattern = "^[a-z]+$"))]
    word: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Client {
    #[schemars(length(min = 4))]
    x_token: String,
    x_trace: Option<u8>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Session {
    session: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Place {
    shop: String,
    number: u16,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    #[schemars(length(min = 1, max = 8))]
    sku: String,
    #[schemars(range(min = 1))]
    count: u16,
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Order {
    #[serde(rename = "orderId")]
    id: i64,
    #[schemars(length(min = 1))]
    lines: Vec<Line>,
    #[serde(default)]
    express: bool,
    sort: Option<Sort>,
}

/// Refers to itself.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Tree {
    name: String,
    #[serde(default)]
    children: Vec<Tree>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Shape {
    Circle { radius: f64 },
    Square { side: u8 },
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Listing {
    term: String,
    #[serde(flatten)]
    page: Page,
}

fn app() -> App {
    let mut app = App::new();
    app.post("/trees", |Json(tree): Json<Tree>| Json(tree));
    app.post("/shapes", |Json(shape): Json<Vec<Shape>>| Json(shape));
    app.get("/listing", |Query(listing): Query<Listing>| Json(listing));
    app.get("/page", |Query(page): Query<Page>| Json(page));
    app.get("/two", |page: Query<Page>, filter: Query<Filter>| {
        Json((page.0, filter.0))
    });
    app.get("/maybe", |filter: Option<Query<Filter>>| {
        Json(filter.map(|filter| filter.0))
    });
    app.get(
        "/head",
        |client: Header<Client>, session: Option<Cookie<Session>>| {
            Json((client.0, session.map(|session| session.0)))
        },
    );
    app.get("/places/{shop}/{number}", |place: Path<Place>| {
        Json(place.0)
    });
    app.get("/pairs/{shop}/{number}", |pair: Path<(String, u16)>| {
        Json(pair.0)
    });
    app.get("/text/{number:int}", |Path(text): Path<String>| text);
    app.get("/one", |one: Option<Query<Sort>>| {
        Json(one.map(|one| one.0))
    })
    .query("sort", schema::of::<Sort>());
    app.post("/orders", |Json(order): Json<Order>| Json(order));
    app.post("/maybe", |order: Option<Json<Order>>| {
        Json(order.map(|order| order.0.id))
    });
    app.post("/unchecked", |order: Json<Unchecked<Order>>| {
        Json(order.0.0.id)
    });
    app
}

/// Type and place of every row of a 422.
fn rows(reply: &spikard::TestReply) -> Value {
    assert_eq!(reply.status(), 422, "{}", reply.text());
    let errors = reply.json()["errors"].take();
    let rows = errors.as_array().expect("rows").iter();
    rows.map(|row| json!([row["type"], row["loc"]])).collect()
}

#[test]
fn fields_of_a_struct_are_parameters() {
    everywhere(app, |client| {
        let reply = client.get("/page").send();
        let expected = json!({"limit": 10, "sort": null, "tags": []});
        assert_eq!(reply.json(), expected);
        let reply = client.get("/page?limit=3&sort=age&tags=a&tags=b").send();
        let expected = json!({"limit": 3, "sort": "age", "tags": ["a", "b"]});
        assert_eq!(reply.json(), expected);
        let reply = client.get("/page?limit=101&sort=size").send();
        let expected = json!([
            ["less_than_equal", ["query", "limit"]],
            ["enum", ["query", "sort"]]
        ]);
        assert_eq!(rows(&reply), expected);
        let row = &reply.json()["errors"][0];
        assert_eq!(row["msg"], "Input should be less than or equal to 100");
        assert_eq!(row["ctx"], json!({"le": 100}));
        let reply = client.get("/page?limit=x").send();
        assert_eq!(rows(&reply), json!([["int_parsing", ["query", "limit"]]]));
    });
}

#[test]
fn several_arguments_share_a_source() {
    everywhere(app, |client| {
        let reply = client.get("/two?limit=1&min-age=2&word=abc").send();
        let expected = json!([
            {"limit": 1, "sort": null, "tags": []},
            {"min-age": 2, "word": "abc"}
        ]);
        assert_eq!(reply.json(), expected);
        let reply = client.get("/two?limit=0&word=A1").send();
        let expected = json!([
            ["greater_than_equal", ["query", "limit"]],
            ["missing", ["query", "min-age"]],
            ["string_pattern_mismatch", ["query", "word"]]
        ]);
        assert_eq!(rows(&reply), expected);
    });
}

#[test]
fn an_argument_may_be_absent_as_a_whole() {
    everywhere(app, |client| {
        assert_eq!(client.get("/maybe").send().json(), Value::Null);
        let reply = client.get("/maybe?min-age=1").send();
        assert_eq!(reply.json(), json!({"min-age": 1, "word": null}));
        let reply = client.get("/maybe?word=a").send();
        assert_eq!(rows(&reply), json!([["missing", ["query", "min-age"]]]));
        assert_eq!(reply.json()["errors"][0]["msg"], "Field required");
        assert_eq!(client.get("/one").send().json(), Value::Null);
        assert_eq!(client.get("/one?sort=age").send().json(), "age");
        let reply = client.get("/one?sort=size").send();
        assert_eq!(rows(&reply), json!([["enum", ["query", "sort"]]]));
        assert_eq!(client.post("/maybe").send().json(), Value::Null);
    });
}

#[test]
fn headers_and_cookies_are_fields_too() {
    everywhere(app, |client| {
        let request = client.get("/head").header("X-Token", "abcd");
        let reply = request.header("cookie", "session=s").send();
        let expected = json!([{"x_token": "abcd", "x_trace": null}, {"session": "s"}]);
        assert_eq!(reply.json(), expected);
        let request = client.get("/head").header("x-token", "abc");
        let reply = request.header("x-trace", "256").send();
        let expected = json!([
            ["string_too_short", ["headers", "x-token"]],
            ["less_than_equal", ["headers", "x-trace"]]
        ]);
        assert_eq!(rows(&reply), expected);
    });
}

#[test]
fn paths_are_structs_tuples_and_single_values() {
    everywhere(app, |client| {
        let reply = client.get("/places/a/7").send();
        assert_eq!(reply.json(), json!({"shop": "a", "number": 7}));
        assert_eq!(client.get("/pairs/a/7").send().json(), json!(["a", 7]));
        assert_eq!(client.get("/text/007").send().text(), "007");
        for target in ["/places/a/-1", "/pairs/a/-1"] {
            let reply = client.get(target).send();
            let expected = json!([["greater_than_equal", ["path", "number"]]]);
            assert_eq!(rows(&reply), expected);
        }
    });
}

#[test]
fn bodies_are_judged_by_their_types() {
    everywhere(app, |client| {
        let line = json!({"sku": "a", "count": 1, "note": null});
        let order = json!({"orderId": 1, "lines": [line], "express": true, "sort": "name"});
        let reply = client.post("/orders").json(&order).send();
        assert_eq!(reply.json(), order);
        let short = json!({"orderId": 1, "lines": [{"sku": "a", "count": 1}]});
        let reply = client.post("/orders").json(&short).send();
        assert_eq!(reply.json()["express"], false);
        let bad = json!({
            "lines": [{"sku": "123456789", "count": 0, "extra": 1}, {"note": 5}],
            "sort": "size"
        });
        let reply = client.post("/orders").json(&bad).send();
        let expected = json!([
            ["greater_than_equal", ["body", "lines", "0", "count"]],
            ["extra_forbidden", ["body", "lines", "0", "extra"]],
            ["string_too_long", ["body", "lines", "0", "sku"]],
            ["missing", ["body", "lines", "1", "count"]],
            ["string_type", ["body", "lines", "1", "note"]],
            ["missing", ["body", "lines", "1", "sku"]],
            ["missing", ["body", "orderId"]],
            ["enum", ["body", "sort"]]
        ]);
        assert_eq!(rows(&reply), expected);
        let reply = client.post("/unchecked").json(&bad).send();
        assert_eq!(rows(&reply), json!([["value_error", ["body"]]]));
    });
}

#[test]
fn types_refer_to_themselves_choose_and_are_flattened() {
    everywhere(app, |client| {
        let tree = json!({"name": "a", "children": [{"name": "b", "children": []}]});
        let reply = client.post("/trees").json(&tree).send();
        assert_eq!(reply.json(), tree);
        let bad = json!({"name": "a", "children": [{"children": [{"name": 1}]}]});
        let reply = client.post("/trees").json(&bad).send();
        let expected = json!([
            [
                "string_type",
                ["body", "children", "0", "children", "0", "name"]
            ],
            ["missing", ["body", "children", "0", "name"]]
        ]);
        assert_eq!(rows(&reply), expected);

        let shapes = json!([{"kind": "circle", "radius": 1.5}, {"kind": "square", "side": 2}]);
        let reply = client.post("/shapes").json(&shapes).send();
        assert_eq!(reply.json(), shapes);
        let reply = client.post("/shapes").json(&[json!({"kind": "x"})]).send();
        assert_eq!(rows(&reply), json!([["one_of", ["body", "0"]]]));

        let reply = client.get("/listing?term=a&tags=b").send();
        let expected = json!({"term": "a", "limit": 10, "sort": null, "tags": ["b"]});
        assert_eq!(reply.json(), expected);
        let reply = client.get("/listing?limit=0").send();
        let expected = json!([
            ["greater_than_equal", ["query", "limit"]],
            ["missing", ["query", "term"]]
        ]);
        assert_eq!(rows(&reply), expected);
    });
}

/// What is wrong with an application.
fn refusal(register: impl Fn(&mut App)) -> String {
    let mut app = App::new();
    register(&mut app);
    TestClient::new(app).err().expect("a refusal").to_string()
}

#[test]
fn mistakes_name_their_line_and_what_to_do() {
    let line = line!() + 2;
    let sentence = refusal(|app| {
        app.get("/{id}", |Path(place): Path<Place>| Json(place));
    });
    let place = format!("types.rs:{line}:");
    assert!(sentence.contains(&place), "{sentence}");
    assert!(sentence.contains("'shop'"), "{sentence}");

    let sentence = refusal(|app| {
        app.get("/{a}/{b}", |Path(id): Path<i64>| id.to_string());
    });
    assert!(sentence.contains("has a, b"), "{sentence}");
    assert!(sentence.contains("tuple"), "{sentence}");

    let sentence = refusal(|app| {
        app.get("/a", |Cookie(session): Cookie<String>| session);
    });
    assert!(sentence.contains("`.cookie(name, schema)`"), "{sentence}");

    let sentence = refusal(|app| {
        app.post("/a", |_: Json<Order>, body: Body| body);
    });
    assert!(sentence.contains("body more than once"), "{sentence}");

    let line = line!() + 2;
    let sentence = refusal(|app| {
        app.get("/a", || "first").name("first");
        app.get("/a", || "second").name("second");
    });
    let other = format!("types.rs:{line}:");
    assert!(sentence.contains(&other), "{sentence}");
    assert!(
        sentence.contains(&format!("types.rs:{}:", line + 1)),
        "{sentence}"
    );
}

#[derive(Debug)]
struct NoSuchUser(i64);

impl std::fmt::Display for NoSuchUser {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "there is no user {}", self.0)
    }
}

impl std::error::Error for NoSuchUser {}

#[derive(Debug)]
struct Outer(NoSuchUser);

impl std::fmt::Display for Outer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("outside")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

struct Full;

impl From<Full> for Problem {
    fn from(_: Full) -> Self {
        Self::new(409).detail("The room is full")
    }
}

#[test]
fn own_errors_become_the_problems_that_they_are_mapped_to() {
    let make = || {
        let mut app = App::new();
        app.map_error(|error: &NoSuchUser| Problem::new(404).detail(error.to_string()));
        app.map_error(|_: &std::fmt::Error| panic!("while mapping"));
        app.get("/user", || Err::<(), _>(NoSuchUser(5)));
        app.get("/wrapped", || -> Result<(), Failure> {
            Err(Outer(NoSuchUser(6)))?
        });
        app.get("/full", || -> Result<(), Problem> { Err(Full)? });
        app.get("/panic", || Err::<(), _>(std::fmt::Error));
        app.get("/other", || Err::<(), _>(std::io::Error::other("a secret")));
        app
    };
    everywhere(make, |client| {
        let reply = client.get("/user").send();
        assert_eq!(
            (reply.status(), reply.json()["detail"].take()),
            (404, "there is no user 5".into())
        );
        assert_eq!(client.get("/wrapped").send().status(), 404);
        assert_eq!(client.get("/full").send().status(), 409);
        assert_eq!(client.get("/panic").send().status(), 500);
        assert_eq!(client.get("/other").send().status(), 500);
    });
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Amounts {
    count: u8,
    offset: Option<i64>,
    more: Vec<u64>,
    ratio: f64,
}

#[test]
fn whole_numbers_are_integers_however_they_are_written() {
    let app = || {
        let mut app = App::new();
        app.post("/amounts", |Json(amounts): Json<Amounts>| Json(amounts));
        app
    };
    everywhere(app, |client| {
        let post = |body: &str| client.post("/amounts").body(body.as_bytes());
        let sent = r#"{"count":1.0,"offset":-2e2,"more":[9007199254740993.0,0.0],"ratio":2.0}"#;
        let reply = post(sent).header("content-type", "application/json").send();
        let wanted = r#"{"count":1,"offset":-200,"more":[9007199254740993,0],"ratio":2.0}"#;
        assert_eq!((reply.status(), &*reply.text()), (200, wanted));
        for (body, place) in [
            (
                r#"{"count":1.5,"more":[],"ratio":1}"#,
                json!(["body", "count"]),
            ),
            (
                r#"{"count":256.0,"more":[],"ratio":1}"#,
                json!(["body", "count"]),
            ),
            (
                r#"{"count":1,"more":[1.0,-1.0],"ratio":1}"#,
                json!(["body", "more", "1"]),
            ),
        ] {
            let reply = post(body).header("content-type", "application/json").send();
            assert_eq!(reply.status(), 422);
            assert_eq!(reply.json()["errors"][0]["loc"], place, "{body}");
        }
    });
}
