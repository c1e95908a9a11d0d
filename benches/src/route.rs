//! Finding the route of a path.

use std::hint::black_box;

use spikard_app::route::pattern::Pattern;
use spikard_app::route::tree::{Builder, Found, Tree};

use crate::Operation;

/// A path without parameters, among `others` further routes.
pub(crate) fn literal(others: u32) -> Operation {
    find("/hello", "/hello", others)
}

/// A path with a typed parameter, among `others` further routes.
pub(crate) fn typed(others: u32) -> Operation {
    find("/users/{user_id:int}", "/users/12345", others)
}

fn find(pattern: &str, path: &'static str, others: u32) -> Operation {
    let tree = tree(pattern, others);
    assert_eq!(tree.find(b"GET", path.as_bytes()), Found::Route(others));
    Box::new(move || {
        black_box(tree.find(black_box(b"GET"), black_box(path.as_bytes())));
    })
}

/// A tree of `others` routes, half of them with a parameter, and then of `pattern`.
fn tree(pattern: &str, others: u32) -> Tree {
    let mut builder = Builder::default();
    let mut insert = |text: &str, index: u32| {
        let pattern = Pattern::parse(text).expect("the patterns here are valid");
        let methods = ["GET".to_owned()];
        builder
            .insert(&methods, &pattern, index)
            .expect("they have different shapes");
    };
    for index in 0..others {
        let kind = index / 2;
        if index % 2 == 0 {
            insert(&format!("/api/v1/resource{kind}/items"), index);
        } else {
            insert(&format!("/api/v1/resource{kind}/items/{{id:int}}"), index);
        }
    }
    insert(pattern, others);
    builder.finish()
}
