//! The match tree: by examples, and against a matcher that tries every pattern.

use spikard_app::route::pattern::{Pattern, Segment};
use spikard_app::route::tree::{Builder, Found, InsertError, Tree};
use spikard_proto_http::target::decode_segment;

use crate::random::Random;

fn tree(routes: &[(&str, &str)]) -> Tree {
    let mut builder = Builder::default();
    for (index, (method, pattern)) in routes.iter().enumerate() {
        let pattern = Pattern::parse(pattern).unwrap();
        builder
            .insert(&[(*method).to_owned()], &pattern, index as u32)
            .unwrap();
    }
    builder.finish()
}

fn find(tree: &Tree, method: &str, path: &str) -> Found {
    tree.find(method.as_bytes(), path.as_bytes())
}

#[test]
fn the_most_specific_row_wins_whatever_the_order() {
    let mut routes = vec![
        ("GET", "/items/{rest:path}"),
        ("GET", "/items/{id}"),
        ("GET", "/items/{id:int}"),
        ("GET", "/items/{id:uuid}"),
        ("GET", "/items/special"),
    ];
    let paths = [
        ("/items/a/b", "/items/{rest:path}"),
        ("/items/", "/items/{rest:path}"),
        ("/items/abc", "/items/{id}"),
        ("/items/42", "/items/{id:int}"),
        (
            "/items/123e4567-e89b-12d3-a456-426614174000",
            "/items/{id:uuid}",
        ),
        ("/items/special", "/items/special"),
        ("/items/sp%65cial", "/items/special"),
    ];
    for _ in 0..routes.len() {
        routes.rotate_left(1);
        let tree = tree(&routes);
        for (path, pattern) in paths {
            let Found::Route(route) = find(&tree, "GET", path) else {
                panic!("{path}")
            };
            assert_eq!(routes[route as usize].1, pattern, "{path}");
        }
    }
}

#[test]
fn a_dead_end_is_backed_out_of() {
    let tree = tree(&[
        ("GET", "/a/{x}/c"),
        ("GET", "/a/b/d"),
        ("GET", "/a/{n:int}/e"),
        ("GET", "/{rest:path}"),
    ]);
    assert_eq!(find(&tree, "GET", "/a/b/c"), Found::Route(0));
    assert_eq!(find(&tree, "GET", "/a/b/d"), Found::Route(1));
    assert_eq!(find(&tree, "GET", "/a/1/c"), Found::Route(0));
    assert_eq!(find(&tree, "GET", "/a/1/e"), Found::Route(2));
    assert_eq!(find(&tree, "GET", "/a/b/x"), Found::Route(3));
    assert_eq!(find(&tree, "GET", "/"), Found::Route(3));
}

#[test]
fn a_failed_hint_is_a_mismatch_only_when_nothing_else_fits() {
    let typed = tree(&[
        ("GET", "/a/{n:int}"),
        ("GET", "/b/{n:int}"),
        ("GET", "/b/{s}"),
    ]);
    assert_eq!(find(&typed, "GET", "/a/x"), Found::Mismatch(0));
    assert_eq!(find(&typed, "HEAD", "/a/x"), Found::Mismatch(0));
    assert_eq!(find(&typed, "GET", "/b/x"), Found::Route(2));
    assert_eq!(find(&typed, "GET", "/a/x/y"), Found::NotFound);
    assert_eq!(find(&typed, "GET", "/a/"), Found::NotFound);
}

#[test]
fn methods_of_one_path_may_lie_on_several_rows() {
    let tree = tree(&[
        ("GET", "/u/me"),
        ("POST", "/u/{id}"),
        ("DELETE", "/u/{id:int}"),
    ]);
    assert_eq!(find(&tree, "POST", "/u/me"), Found::Route(1));
    assert_eq!(find(&tree, "HEAD", "/u/me"), Found::Route(0));
    let Found::MethodNotAllowed(set) = find(&tree, "PUT", "/u/me") else {
        panic!()
    };
    assert_eq!(tree.allow_line(set), "GET, HEAD, POST, OPTIONS");
    let Found::Options(set) = find(&tree, "OPTIONS", "/u/7") else {
        panic!()
    };
    assert_eq!(tree.allow_line(set), "POST, DELETE, OPTIONS");
    assert!(matches!(
        find(&tree, "get", "/u/me"),
        Found::MethodNotAllowed(_)
    ));
}

#[test]
fn options_is_automatic_unless_a_route_takes_it() {
    let tree = tree(&[("GET", "/a"), ("OPTIONS", "/b"), ("POST", "/b")]);
    let Found::Options(set) = find(&tree, "OPTIONS", "*") else {
        panic!()
    };
    assert_eq!(tree.allow_line(set), "GET, HEAD, POST, OPTIONS");
    assert!(matches!(find(&tree, "OPTIONS", "/a"), Found::Options(_)));
    assert_eq!(find(&tree, "OPTIONS", "/b"), Found::Route(1));
    assert_eq!(find(&tree, "OPTIONS", "/c"), Found::NotFound);
    assert_eq!(find(&tree, "GET", "*"), Found::NotFound);
}

#[test]
fn paths_are_split_before_they_are_decoded() {
    let tree = tree(&[("GET", "/f/{name}"), ("GET", "/f/a%2Fb"), ("GET", "/café")]);
    assert_eq!(find(&tree, "GET", "/f/x%2Fy"), Found::Route(0));
    assert_eq!(find(&tree, "GET", "/f/a%2fb"), Found::Route(1));
    assert_eq!(find(&tree, "GET", "/f/a/b"), Found::NotFound);
    assert_eq!(find(&tree, "GET", "/caf%C3%A9"), Found::Route(2));
    assert_eq!(find(&tree, "GET", "/f/%ff"), Found::BadPath);
    assert_eq!(tree.find(b"GET", b"/f/\xff"), Found::BadPath);
    assert_eq!(find(&tree, "GET", "/F/x"), Found::NotFound);
    assert_eq!(find(&tree, "GET", "/f/x/"), Found::NotFound);
    assert_eq!(find(&tree, "GET", "/f//x"), Found::NotFound);
}

#[test]
fn routes_of_one_shape_and_method_clash() {
    let mut builder = Builder::default();
    let mut insert = |methods: &[&str], pattern: &str, route| {
        let methods: Vec<String> = methods.iter().map(|method| (*method).to_owned()).collect();
        builder.insert(&methods, &Pattern::parse(pattern).unwrap(), route)
    };
    assert_eq!(insert(&["GET"], "/a/{x}", 0), Ok(()));
    assert_eq!(insert(&["POST"], "/a/{y}", 1), Ok(()));
    assert_eq!(insert(&["GET"], "/a/{x:int}", 2), Ok(()));
    let clash = InsertError::Clash {
        method: 1,
        other: 1,
    };
    assert_eq!(insert(&["PUT", "POST"], "/a/:z", 3), Err(clash));
    let tree = builder.finish();
    assert!(
        matches!(find(&tree, "PUT", "/a/x"), Found::MethodNotAllowed(_)),
        "nothing was added"
    );
}

/// How one segment of a pattern takes a segment of a path; smaller is more specific.
fn rank(segment: &Segment, text: &str) -> Option<(u8, bool)> {
    match segment {
        Segment::Literal(own) => (own == text).then_some((0, true)),
        Segment::Capture { .. } if text.is_empty() => None,
        Segment::Capture {
            hint: Some(hint), ..
        } => Some((1 + *hint as u8, hint.accepts(text))),
        Segment::Capture { hint: None, .. } => Some((100, true)),
        Segment::Rest { .. } => Some((200, true)),
    }
}

/// The ranks of all segments, and whether all hints hold. `None` when the shape does not fit.
fn fit(pattern: &Pattern, texts: &[String]) -> Option<(Vec<u8>, bool)> {
    let segments = pattern.segments();
    let rest = matches!(segments.last(), Some(Segment::Rest { .. }));
    if texts.len() < segments.len() || (!rest && texts.len() != segments.len()) {
        return None;
    }
    let ranks: Option<Vec<_>> = segments
        .iter()
        .zip(texts)
        .map(|(segment, text)| rank(segment, text))
        .collect();
    let ranks = ranks?;
    let holds = ranks.iter().all(|(_, holds)| *holds);
    Some((ranks.into_iter().map(|(rank, _)| rank).collect(), holds))
}

/// What a matcher says that tries every pattern; of a mismatch it names none.
fn naive(routes: &[(&str, Pattern)], method: &str, path: &str) -> Found {
    let texts: Vec<String> = path[1..]
        .split('/')
        .map(|raw| decode_segment(raw.as_bytes()).unwrap().into())
        .collect();
    let mut best: Option<(Vec<u8>, u32)> = None;
    let (mut exists, mut mismatch) = (false, false);
    for (index, (own, pattern)) in routes.iter().enumerate() {
        let Some((ranks, holds)) = fit(pattern, &texts) else {
            continue;
        };
        exists = true;
        let takes = *own == method || (method == "HEAD" && *own == "GET");
        mismatch |= takes && !holds;
        if takes && holds && best.as_ref().is_none_or(|(known, _)| ranks < *known) {
            best = Some((ranks, index as u32));
        }
    }
    match (best, mismatch, exists) {
        (Some((_, route)), _, _) => Found::Route(route),
        (None, true, _) => Found::Mismatch(0),
        (None, false, true) => Found::MethodNotAllowed(Default::default()),
        (None, false, false) => Found::NotFound,
    }
}

#[test]
fn the_tree_agrees_with_a_matcher_that_tries_every_pattern() {
    let pieces = [
        "a",
        "b",
        "1",
        "%41",
        "{x}",
        "{x:int}",
        "{x:bool}",
        "{x:number}",
        "{x:date}",
        "{x:path}",
        "",
    ];
    let texts = [
        "a",
        "b",
        "1",
        "42",
        "A",
        "true",
        "2024-02-29",
        "1.5",
        "x%2Fy",
        "",
    ];
    let mut random = Random::new(3);
    for _ in 0..3_000 {
        let mut builder = Builder::default();
        let mut routes = Vec::new();
        for _ in 0..random.below(12) {
            let mut text = String::new();
            for number in 0..1 + random.below(3) {
                let piece = random.pick(&pieces).replace('x', &format!("p{number}"));
                text.push_str(&format!("/{piece}"));
            }
            let Ok(pattern) = Pattern::parse(&text) else {
                continue;
            };
            let method = random.pick(&["GET", "POST"]);
            let route = routes.len() as u32;
            if builder
                .insert(&[method.to_owned()], &pattern, route)
                .is_ok()
            {
                routes.push((method, pattern));
            }
        }
        let tree = builder.finish();
        for _ in 0..20 {
            let count = 1 + random.below(4);
            let path: String = (0..count)
                .map(|_| format!("/{}", random.pick(&texts)))
                .collect();
            let method = random.pick(&["GET", "POST", "HEAD"]);
            let same = match (find(&tree, method, &path), naive(&routes, method, &path)) {
                (Found::Mismatch(_), Found::Mismatch(_))
                | (Found::MethodNotAllowed(_), Found::MethodNotAllowed(_)) => true,
                (found, expected) => found == expected,
            };
            assert!(same, "{method} {path} in {routes:?}");
        }
    }
}

#[test]
fn a_mount_takes_what_no_pattern_has_the_shape_of() {
    let mut builder = Builder::default();
    let routes = [
        ("GET", "/static/version"),
        ("POST", "/static/upload"),
        ("GET", "/static/{id:int}/x"),
        ("GET", "/{rest:path}"),
    ];
    for (index, (method, pattern)) in routes.iter().enumerate() {
        let pattern = Pattern::parse(pattern).unwrap();
        let methods = [(*method).to_owned()];
        builder.insert(&methods, &pattern, index as u32).unwrap();
    }
    builder.mount("/static", 10).unwrap();
    builder.mount("/static/deep", 11).unwrap();
    let tree = builder.finish();
    let routes = [
        ("/static", 10),
        ("/static/", 10),
        ("/static/a/b", 10),
        ("/static/%ff/b", 10),
        ("/st%61tic/b", 10),
        ("/static/a%2fb", 10),
        ("/static/deep", 11),
        ("/static/deep/%ff", 11),
        ("/static/deepest", 10),
        ("/static/version", 0),
        ("/static/version/y", 10),
        // A route's 405 and 422 are not a mount's, but a catch-all above may have the path.
        ("/static/upload", 3),
        ("/static/7/x", 2),
        ("/other", 3),
    ];
    for (path, route) in routes {
        for method in ["GET", "HEAD"] {
            assert_eq!(find(&tree, method, path), Found::Route(route), "{path}");
        }
    }
    let allowed = |method, path| match find(&tree, method, path) {
        Found::MethodNotAllowed(set) | Found::Options(set) => tree.allow_line(set).into_owned(),
        other => panic!("{method} {path}: {other:?}"),
    };
    assert_eq!(allowed("PUT", "/static/%ff"), "GET, HEAD, OPTIONS");
    assert_eq!(allowed("OPTIONS", "/static/a"), "GET, HEAD, OPTIONS");
    assert_eq!(find(&tree, "GET", "/other/%ff"), Found::BadPath);
}
