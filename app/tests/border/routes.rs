//! Registering routes: what is completed, and how mistakes are told.

use serde_json::{Value, json};
use spikard_app::App;
use spikard_contract::route::RouteDocument;

fn route(more: Value) -> RouteDocument {
    let mut document = json!({ "methods": ["GET"], "path": "/a", "handler": 0, "name": "f" });
    document
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    serde_json::from_value(document).unwrap()
}

#[test]
fn mistakes_name_the_route_and_the_remedy() {
    let cases = [
        (
            json!({ "methods": [] }),
            "route 'f' ( /a): it has no methods; give it at least one",
        ),
        (
            json!({ "methods": ["get"] }),
            "route 'f' (get /a): 'get' is not a method; methods are upper-case tokens like GET",
        ),
        (
            json!({ "path": "/a/{id:nat}" }),
            "route 'f' (GET /a/{id:nat}): the pattern '/a/{id:nat}' at byte 7: the hint 'nat' does \
             not exist; use one of uuid, int, integer, float, number, bool, boolean, str, string, \
             date, datetime, date-time, time, path",
        ),
        (
            json!({ "path": "/a/{id}", "parameters": [{ "name": "ident", "source": "path" }] }),
            "route 'f' (GET /a/{id}): the path parameter 'ident' is not in the pattern, which has \
             id; rename one of them",
        ),
        (
            json!({ "parameters": [
                { "name": "x_y", "source": "header" },
                { "name": "other", "alias": "X-Y", "source": "header" },
            ] }),
            "route 'f' (GET /a): two parameters read 'x-y' from one source; remove one",
        ),
        (
            json!({ "body": { "media": "bytes", "schema": {} } }),
            "route 'f' (GET /a): a body of media 'bytes' is not read, so it cannot have a schema; \
             use 'json'",
        ),
        (
            json!({ "response_headers": [["x-a", "1"], ["Content-Type", "text/plain"]] }),
            "route 'f' (GET /a): the response header 'Content-Type': It describes one message or \
             its content, which only the reply itself can know",
        ),
        (
            json!({ "response_headers": [["x-a", "1\r\nset-cookie: a=b"]] }),
            "route 'f' (GET /a): the response header 'x-a': The field value has a control \
             character",
        ),
    ];
    for (more, message) in cases {
        let error = App::new().add_route(route(more)).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn schemas_that_do_not_compile_name_their_place() {
    let parameter = json!({ "name": "n", "source": "query", "schema": { "type": "intger" } });
    let pattern = json!({ "properties": { "a": { "pattern": "(" } } });
    for (more, place) in [
        (
            json!({ "parameters": [parameter] }),
            "the parameter 'n': the schema does not compile at /type",
        ),
        (
            json!({ "body": { "media": "json", "schema": pattern } }),
            "the body: the schema does not compile at /properties/a/pattern",
        ),
        (
            json!({ "response_schema": { "type": "objekt" }, "response_validation": "off" }),
            "the response: the schema does not compile at /type",
        ),
        (
            json!({ "body": { "media": "json", "schema": { "$ref": "https://example.com/x" } } }),
            "the body: the schema does not compile",
        ),
    ] {
        let error = App::new().add_route(route(more)).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn a_clash_names_both_routes_and_leaves_the_application_as_it_was() {
    let mut app = App::new();
    app.add_route(route(json!({ "path": "/a/{x}", "name": "first" })))
        .unwrap();
    let second = route(json!({ "path": "/a/{y}", "name": "second", "methods": ["POST", "GET"] }));
    let error = app.add_route(second).unwrap_err();
    assert_eq!(
        error.to_string(),
        "route 'second' (POST, GET /a/{y}): the route 'first' (/a/{x}) already takes GET on this \
         shape; change one of the two"
    );
    assert_eq!(app.documents().len(), 1);
    let third = route(json!({ "path": "/a/{y}", "name": "third", "methods": ["POST"] }));
    app.add_route(third).unwrap();
}

#[test]
fn undeclared_path_parameters_are_added_with_their_hint() {
    let mut app = App::new();
    let query = json!({ "name": "q", "source": "query" });
    app.add_route(route(
        json!({ "path": "/a/{id:int}/{name}", "parameters": [query] }),
    ))
    .unwrap();
    let document = app.documents().next().unwrap();
    let added: Vec<_> = document
        .parameters
        .iter()
        .map(|each| (&*each.name, &each.schema))
        .collect();
    let integer = Some(json!({ "type": "integer" }));
    assert_eq!(added, [("q", &None), ("id", &integer), ("name", &None)]);
}
