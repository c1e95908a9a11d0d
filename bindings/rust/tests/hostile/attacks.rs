//! The attacks, by what they are aimed at: the head, parameters, the order of events. Those by what
//! is in a body are in `bodies`.

use std::time::Duration;

use crate::attack::Answer::{Nothing, Problem, Status};
use crate::attack::{Answer, Attack, Step};
use crate::bodies::{self, colliding, nested};
use crate::uploads::uploads;

/// Every attack, in order.
pub(crate) fn all() -> Vec<Attack> {
    [
        heads(),
        queries(),
        digits(),
        fields(),
        bodies::all(),
        orders_of_events(),
        chunks(),
        uploads(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) const BAD: Answer = Problem(400, "bad-request");
pub(crate) const INVALID: Answer = Problem(422, "validation-error");
pub(crate) const LATE: Answer = Problem(408, "request-timeout");
pub(crate) const TOO_LARGE: Answer = Problem(413, "payload-too-large");
const HEAD_TOO_LARGE: Answer = Problem(431, "request-header-fields-too-large");
const TARGET_TOO_LONG: Answer = Problem(414, "uri-too-long");

pub(crate) fn attack(name: &'static str, bytes: impl Into<Vec<u8>>, answer: Answer) -> Attack {
    let steps = vec![Step::Send(bytes.into())];
    Attack {
        name,
        steps,
        answer,
    }
}

fn get(name: &'static str, target: &str, answer: Answer) -> Attack {
    attack(
        name,
        format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n"),
        answer,
    )
}

fn field(name: &'static str, target: &str, line: &str, answer: Answer) -> Attack {
    let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n{line}\r\n\r\n");
    attack(name, head, answer)
}

pub(crate) fn head_of(target: &str, media: &str, length: usize) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\ncontent-type: {media}\r\n\
         content-length: {length}\r\n\r\n"
    );
    head.into_bytes()
}

pub(crate) fn post(
    name: &'static str,
    target: &str,
    body: impl AsRef<[u8]>,
    answer: Answer,
) -> Attack {
    let mut bytes = head_of(target, "application/json", body.as_ref().len());
    bytes.extend_from_slice(body.as_ref());
    attack(name, bytes, answer)
}

fn heads() -> Vec<Attack> {
    let half = b"GET /users/7 HTTP/1.1\r\nhost: x".to_vec();
    let fields: String = (0..10_000).map(|at| format!("x-{at}: 1\r\n")).collect();
    let long = "a".repeat(1 << 20);
    vec![
        Attack {
            name: "a truncated head",
            steps: vec![Step::Send(half), Step::HalfClose],
            answer: BAD,
        },
        get("a target of 1 MB", &format!("/{long}"), TARGET_TOO_LONG),
        field(
            "a field of 1 MB",
            "/users/7",
            &format!("x-a: {long}"),
            HEAD_TOO_LARGE,
        ),
        field(
            "a field name of 1 MB",
            "/users/7",
            &format!("{long}: 1"),
            HEAD_TOO_LARGE,
        ),
        field(
            "10,000 fields",
            "/users/7",
            fields.trim_end(),
            HEAD_TOO_LARGE,
        ),
        field("a NUL in a field", "/users/7", "x-a: a\0b", BAD),
        field("a NUL in a name", "/users/7", "x\0a: b", BAD),
        attack(
            "a NUL in the target",
            "GET /a\0 HTTP/1.1\r\nhost: x\r\n\r\n",
            BAD,
        ),
        field(
            "lengths that differ",
            "/users/7",
            "content-length: 1\r\ncontent-length: 2",
            BAD,
        ),
        field(
            "a length of 10,000 digits",
            "/users/7",
            &content_length(10_000),
            BAD,
        ),
        attack("bytes of no protocol", vec![0xff; 100_000], BAD),
    ]
}

fn content_length(digits: usize) -> String {
    format!("content-length: {}", "9".repeat(digits))
}

fn queries() -> Vec<Attack> {
    let many: String = (0..10_000).map(|at| format!("a{at}=1&")).collect();
    let deep = format!("/search?filter{}=1", "[a]".repeat(2_000));
    let keys: String = (0..400).map(|at| format!("filter[k{at}]=1&")).collect();
    vec![
        get(
            "10,000 parameters",
            &format!("/search?{many}"),
            TARGET_TOO_LONG,
        ),
        get(
            "4,000 parameters that fit",
            &format!("/search?{}", "a&".repeat(4_000)),
            BAD,
        ),
        // Beyond a few brackets a name is a plain key, which nobody asked for here.
        get("brackets 2,000 deep", &deep, Status(200)),
        get(
            "400 keys of an object",
            &format!("/search?{keys}"),
            Status(200),
        ),
        get(
            "250 colliding keys of an object",
            &format!("/search?{}", nested(&colliding(8)[..250])),
            Status(200),
        ),
        // An index is an order, not an address.
        get("a large index", "/search?tags[999999999]=x", Status(200)),
        get(
            "a list spelled as an object",
            &format!("/search?{}", keys.replace("filter", "tags")),
            INVALID,
        ),
        get(
            "a list of 900",
            &format!("/search?{}", "tags=a&".repeat(900)),
            INVALID,
        ),
        get("a NUL in a number", "/search?number=1%00", BAD),
        // A query is decoded as browsers do it: what is not UTF-8 becomes U+FFFD.
        get(
            "a lone surrogate in a query",
            "/search?term=%ED%A0%80",
            Status(200),
        ),
        get("latin-1 in a query", "/search?term=%E9", Status(200)),
        get("latin-1 in a path", "/users/%E9", BAD),
        get("half an escape", "/search?term=%4", BAD),
    ]
}

fn digits() -> Vec<Attack> {
    let digits = "9".repeat(7_000);
    vec![
        get(
            "an index of 7,000 digits",
            &format!("/search?tags[{digits}]=x"),
            Status(200),
        ),
        get(
            "a name of 7,000",
            &format!("/search?{digits}=x"),
            Status(200),
        ),
        get(
            "a number of 7,000 digits",
            &format!("/search?number={digits}"),
            INVALID,
        ),
        get(
            "a text of 7,000",
            &format!("/search?term={digits}"),
            INVALID,
        ),
        get(
            "a path of 7,000 digits",
            &format!("/users/{digits}"),
            INVALID,
        ),
    ]
}

fn fields() -> Vec<Attack> {
    let cookies: String = (0..10_000).map(|at| format!("c{at}=1; ")).collect();
    let fitting = "cookie: ".to_owned() + &"session=a; ".repeat(5_000);
    let digits = "9".repeat(10_000);
    vec![
        field(
            "10,000 cookies",
            "/session",
            &format!("cookie: {cookies}"),
            HEAD_TOO_LARGE,
        ),
        // Cookies beyond the most that browsers keep are not read.
        field(
            "5,000 cookies that fit",
            "/session",
            fitting.trim_end_matches("; "),
            Status(200),
        ),
        field(
            "a cookie of 10,000",
            "/session",
            &format!("cookie: session={digits}"),
            INVALID,
        ),
        field("no cookie", "/session", "cookie: ;;;===;;;", INVALID),
        field(
            "a header of 10,000 digits",
            "/token",
            &format!("x-token: {digits}"),
            INVALID,
        ),
        attack(
            "latin-1 in a header",
            &b"GET /token HTTP/1.1\r\nhost: x\r\nx-token: \xe9\r\n\r\n"[..],
            INVALID,
        ),
    ]
}

fn several(name: &'static str, steps: Vec<Step>, answer: Answer) -> Attack {
    Attack {
        name,
        steps,
        answer,
    }
}

fn orders_of_events() -> Vec<Attack> {
    let pause = Duration::from_millis(100);
    let body = || head_of("/any", "application/json", 1_000);
    let large = || head_of("/any", "application/json", 20_000_000);
    let expecting = |length: usize| {
        format!(
            "POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nexpect: 100-continue\r\n\r\n"
        )
        .into_bytes()
    };
    let slow_head = b"GET /users/7 HTTP/1.1\r\nhost: x\r\nx-slow: yes\r\n\r\n".to_vec();
    vec![
        several(
            "a head byte by byte",
            vec![Step::Drip(slow_head, pause)],
            LATE,
        ),
        several(
            "a body byte by byte",
            vec![Step::Send(body()), Step::Drip(vec![b' '; 1_000], pause)],
            LATE,
        ),
        several(
            "a body that ends early",
            vec![
                Step::Send(body()),
                Step::Send(b"{".to_vec()),
                Step::HalfClose,
            ],
            Problem(400, "content-length-mismatch"),
        ),
        several(
            "a reset amid a body",
            vec![Step::Send(body()), Step::Send(vec![b' '; 500]), Step::Reset],
            Nothing,
        ),
        several(
            "a continue that is not used",
            vec![Step::Send(expecting(1_000))],
            LATE,
        ),
        several(
            "a continue for 20 MB",
            vec![Step::Send(expecting(20_000_000))],
            TOO_LARGE,
        ),
        several(
            "20 MB",
            vec![Step::Send(large()), Step::Send(vec![b' '; 20_000_000])],
            TOO_LARGE,
        ),
    ]
}

fn chunks() -> Vec<Attack> {
    let chunked = b"POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        transfer-encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    vec![
        several(
            "chunks that end early",
            vec![Step::Send(chunked.to_vec()), Step::HalfClose],
            BAD,
        ),
        several(
            "20 MB in chunks",
            vec![Step::Send(chunked.to_vec()), Step::Send(chunk.repeat(310))],
            TOO_LARGE,
        ),
        several(
            "a chunk size of 10,000 digits",
            vec![Step::Send(
                [chunked.as_slice(), &[b'f'; 10_000], b"\r\n"].concat(),
            )],
            BAD,
        ),
    ]
}
