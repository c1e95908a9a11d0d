//! The attacks by what is in a body: JSON, forms of both kinds, and keys chosen to collide.

use crate::attack::Answer::{Problem, Status};
use crate::attack::Attack;
use crate::attacks::{BAD, INVALID, TOO_LARGE, attack, head_of, post};

/// Every one of them, in order.
pub(crate) fn all() -> Vec<Attack> {
    [documents(), floods(), forms(), parts()]
        .into_iter()
        .flatten()
        .collect()
}

fn documents() -> Vec<Attack> {
    let million = 1_000_000;
    let charset = |name, charset: &str, answer| {
        let mut bytes = head_of("/any", &format!("application/json; charset={charset}"), 2);
        bytes.extend_from_slice(b"{}");
        attack(name, bytes, answer)
    };
    let digits = "9".repeat(10_000);
    vec![
        post("no body", "/orders", "", INVALID),
        post("a truncated document", "/any", r#"{"a": [1, 2"#, BAD),
        post("a million brackets", "/any", "[".repeat(million), BAD),
        post("a million objects", "/any", r#"{"a":"#.repeat(million), BAD),
        post(
            "a million closed lists",
            "/any",
            "[".repeat(million) + &"]".repeat(million),
            BAD,
        ),
        charset("UTF-16", "utf-16", Problem(415, "unsupported-charset")),
        charset("latin-1", "iso-8859-1", Problem(415, "unsupported-charset")),
        post("bytes that are not UTF-8", "/any", b"\"\xff\"", BAD),
        post("an encoded surrogate", "/any", b"\"\xed\xa0\x80\"", BAD),
        post("a lone surrogate", "/any", r#""\ud800""#, BAD),
        post("a byte-order mark", "/any", b"\xef\xbb\xbf{}", BAD),
        post("NULs", "/any", vec![0; 100_000], BAD),
        post("a NUL in a text", "/any", b"\"a\0b\"", BAD),
        // Beyond all floats there is no number that hosts agree on.
        post("10,000 digits", "/any", &digits, BAD),
        post(
            "10,000 digits to a type",
            "/orders",
            format!(r#"{{"id":{digits},"lines":[]}}"#),
            BAD,
        ),
        post("nine million digits", "/any", "9".repeat(9 * million), BAD),
        post(
            "a fraction of a million digits",
            "/any",
            format!("0.{}", "9".repeat(million)),
            Status(200),
        ),
        post("a huge exponent", "/any", "1e999999999", BAD),
        post(
            "an exponent of 10,000 digits",
            "/any",
            format!("1e-{digits}"),
            Status(200),
        ),
        post(
            "308 digits to a type",
            "/orders",
            format!(r#"{{"id":{},"lines":[]}}"#, &digits[..308]),
            INVALID,
        ),
        post(
            "a text of 9 MB",
            "/orders",
            format!("\"{}\"", "a".repeat(9_000_000)),
            INVALID,
        ),
        post("9 MB of spaces", "/any", " ".repeat(9_000_000), BAD),
    ]
}

/// Keys that are many, equal in length, and equal to hash functions that add and multiply.
pub(crate) fn colliding(bits: u32) -> Vec<String> {
    let pair = |bit: u32, key: u32| if key >> bit & 1 == 0 { "Aa" } else { "BB" };
    (0..1 << bits)
        .map(|key| (0..bits).map(|bit| pair(bit, key)).collect())
        .collect()
}

/// The keys as those of one object, spelled in brackets.
pub(crate) fn nested(keys: &[String]) -> String {
    let pairs: Vec<String> = keys.iter().map(|key| format!("filter[{key}]=1")).collect();
    pairs.join("&")
}

/// Lists that differ in their brackets only.
fn bracketed(count: u32) -> Vec<String> {
    let item = |number: u32| {
        let bits = (0..16).map(|bit| if number >> bit & 1 == 0 { "[]" } else { "[[]]" });
        format!("[{}]", bits.collect::<Vec<_>>().join(","))
    };
    (0..count).map(item).collect()
}

/// A tree of which each node may be one of three, with a leaf that is none.
fn tree(depth: usize) -> String {
    (0..depth).fold("1".to_owned(), |tree, _| {
        format!(r#"{{"kind":"or","below":[{tree}]}}"#)
    })
}

fn object(keys: impl IntoIterator<Item = String>) -> String {
    let members: Vec<String> = keys.into_iter().map(|key| format!("\"{key}\":1")).collect();
    format!("{{{}}}", members.join(","))
}

fn floods() -> Vec<Attack> {
    let distinct = object((0..100_000).map(|at| format!("key-{at}")));
    let colliding = object(colliding(15));
    let twice = r#"{"a":1,"#.to_owned() + &r#""a":1,"#.repeat(100_000) + r#""b":1}"#;
    let again = distinct.replace("key-99999", "key-99998");
    let escaped = colliding.replace("Aa", "\\u0041a");
    let long = "k".repeat(9_000_000);
    let long_twice = object([&long[..4_000_000]; 2].map(str::to_owned));
    let lines = r#"{"sku":1,"count":-1},"#.repeat(100_000);
    let lines = format!(r#"{{"id":1,"lines":[{}]}}"#, lines.trim_end_matches(','));
    vec![
        post("100,000 keys", "/any", &distinct, Status(200)),
        post(
            "100,000 keys nobody asked for",
            "/orders",
            &distinct,
            INVALID,
        ),
        post("32,768 colliding keys", "/any", &colliding, Status(200)),
        post(
            "32,768 colliding keys to a type",
            "/orders",
            &colliding,
            INVALID,
        ),
        post("one key 100,000 times", "/any", twice, BAD),
        post("a key of 4 MB twice", "/any", long_twice, BAD),
        post(
            "1,000 faults under a name of 9 MB",
            "/maps",
            format!(r#"{{"{long}":[{}0]}}"#, r#""x","#.repeat(1_000)),
            INVALID,
        ),
        post("the last of 100,000 keys again", "/any", again, BAD),
        post("32,768 escaped keys", "/any", escaped, Status(200)),
        post(
            "1,000 keys that are partly numbers",
            "/orders",
            object((0..1_000).flat_map(|at| ["", "a"].map(|end| format!("{at}{end}")))),
            INVALID,
        ),
        post("a tree of tagged nodes", "/trees", tree(15), INVALID),
        post(
            "20,000 items that differ in brackets",
            "/sets",
            format!(r#"{{"items":[{}]}}"#, bracketed(20_000).join(",")),
            Status(200),
        ),
        post("200,000 faults", "/orders", lines, INVALID),
    ]
}

fn forms() -> Vec<Attack> {
    let form = |name, body: String, answer| {
        let mut bytes = head_of("/form", "application/x-www-form-urlencoded", body.len());
        bytes.extend_from_slice(body.as_bytes());
        attack(name, bytes, answer)
    };
    let many: String = (0..10_000).map(|at| format!("a{at}=1&")).collect();
    let digits = "9".repeat(10_000);
    vec![
        form("a form of 10,000 fields", many, TOO_LARGE),
        form(
            "a form of a million separators",
            "&".repeat(1_000_000),
            Status(200),
        ),
        form(
            "a number of 10,000 digits in a form",
            format!("number={digits}"),
            INVALID,
        ),
        form(
            "a field of 9 MB",
            format!("term={}", "a".repeat(9_000_000)),
            INVALID,
        ),
        form("a name of 9 MB", "a".repeat(9_000_000), BAD),
        form(
            "900 colliding keys in a form",
            nested(&colliding(10)[..900]),
            Status(200),
        ),
        form(
            "32,768 colliding keys in a form",
            nested(&colliding(15)),
            TOO_LARGE,
        ),
        form(
            "a large index in a form",
            "tags[999999999]=x".to_owned(),
            Status(200),
        ),
        form(
            "brackets 200 deep in a form",
            format!("filter{}=1", "[a]".repeat(200)),
            Status(200),
        ),
        form(
            "brackets 2,000 deep in a form",
            format!("filter{}=1", "[a]".repeat(2_000)),
            BAD,
        ),
        form(
            "a lone surrogate in a form",
            "term=%ED%A0%80".to_owned(),
            Status(200),
        ),
        form("a list of 900 in a form", "tags=a&".repeat(900), INVALID),
        // As in a query; and a percent sign that encodes nothing stands for itself.
        form("latin-1 in a form", "term=%E9".to_owned(), Status(200)),
        form("a NUL in a form", "number=1%00".to_owned(), INVALID),
        form(
            "half an escape in a form",
            "term=%4".to_owned(),
            Status(200),
        ),
    ]
}

fn parts() -> Vec<Attack> {
    let parts = |name, body: String, answer| {
        let mut bytes = head_of("/form", "multipart/form-data; boundary=B", body.len());
        bytes.extend_from_slice(body.as_bytes());
        attack(name, bytes, answer)
    };
    let part = |name: &str, content: &str| {
        format!("--B\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let closed = |parts: String| parts + "--B--\r\n";
    let many: String = (0..10_000).map(|at| part(&format!("a{at}"), "1")).collect();
    let long = "a".repeat(1 << 20);
    let boundary = format!("multipart/form-data; boundary={}", &long[..4_000]);
    vec![
        parts("10,000 parts", closed(many), TOO_LARGE),
        parts("a part's name of 1 MB", closed(part(&long, "1")), BAD),
        parts(
            "a part's field of 1 MB",
            closed(format!("--B\r\nx-a: {long}\r\n\r\n1\r\n")),
            BAD,
        ),
        parts(
            "a part of 10,000 fields",
            closed(format!("--B\r\n{}\r\n1\r\n", "a: b\r\n".repeat(10_000))),
            BAD,
        ),
        parts(
            "a part of 9 MB",
            closed(part("term", &long.repeat(9))),
            TOO_LARGE,
        ),
        parts("a part without an end", part("term", "1"), BAD),
        parts("9 MB before the first part", long.repeat(9), BAD),
        parts(
            "half a million half boundaries",
            closed(part("term", &"\r\n--".repeat(500_000))),
            INVALID,
        ),
        parts(
            "a surrogate in a part",
            closed(part("number", "\u{fffd}")),
            INVALID,
        ),
        attack(
            "bytes that are not UTF-8 in a part",
            {
                let content = closed(part("term", "?"));
                let mut bytes = head_of("/form", "multipart/form-data; boundary=B", content.len());
                bytes.extend(
                    content
                        .bytes()
                        .map(|byte| if byte == b'?' { 0xff } else { byte }),
                );
                bytes
            },
            BAD,
        ),
        attack("a boundary of 4,000", head_of("/form", &boundary, 4), BAD),
    ]
}
