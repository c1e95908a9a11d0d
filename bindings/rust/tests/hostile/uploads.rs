//! Attacks on multipart forms and their files.

use std::time::Duration;

use crate::attack::Answer::{Nothing, Status};
use crate::attack::{Answer, Attack, Step};
use crate::attacks::{BAD, INVALID, LATE, TOO_LARGE, attack, head_of};

const MEDIA: &str = "multipart/form-data; boundary=XX";
const FILE: &str = "--XX\r\ncontent-disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n";
const END: &str = "\r\n--XX--\r\n";

/// A request with this body, whatever its answer.
fn body(text: &str) -> Vec<u8> {
    let mut bytes = head_of("/files", MEDIA, text.len());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A form with one file of nine megabytes.
pub(crate) fn large_file() -> Attack {
    let content = "0123456789abcde\n".repeat(9 << 16);
    let bytes = body(&format!("{FILE}{content}{END}"));
    attack("a file of 9 MB", bytes, Status(200))
}

pub(crate) fn uploads() -> Vec<Attack> {
    [sizes(), heads(), ends()].into_iter().flatten().collect()
}

fn plain(name: &'static str, text: String, answer: Answer) -> Attack {
    attack(name, body(&text), answer)
}

/// Names a text field.
const FIELD: &str = "content-disposition: form-data; name=\"a\"";

fn sizes() -> Vec<Attack> {
    vec![
        large_file(),
        plain(
            "a file of almost its boundary, again and again",
            format!("{FILE}{}{END}", "\r\n--X".repeat(1 << 20)),
            Status(200),
        ),
        plain(
            "a file of line breaks",
            format!("{FILE}{}{END}", "\r\n".repeat(1 << 22)),
            Status(200),
        ),
        plain(
            "a file over its rule, small",
            format!("{}y{END}", FILE.replace("\"f\"", "\"small\"")),
            Status(200),
        ),
        plain(
            "a file far over its rule",
            format!(
                "{}{}{END}",
                FILE.replace("\"f\"", "\"small\""),
                "y".repeat(9 << 20)
            ),
            INVALID,
        ),
        plain(
            "10,000 files",
            format!("{FILE}y\r\n").repeat(10_000) + END,
            TOO_LARGE,
        ),
        plain(
            "900 files without content",
            format!("{FILE}\r\n").repeat(900) + &END[2..],
            INVALID,
        ),
        plain(
            "a text field of 9 MB",
            format!("--XX\r\n{FIELD}\r\n\r\n{}{END}", "x".repeat(9 << 20)),
            TOO_LARGE,
        ),
        plain("text before the first part", "x".repeat(9 << 20), BAD),
    ]
}

fn heads() -> Vec<Attack> {
    let part = |name, head: &str| plain(name, format!("--XX\r\n{head}\r\n\r\nx{END}"), BAD);
    let media = |name, media: &str| {
        let mut bytes = head_of("/files", media, 4);
        bytes.extend_from_slice(b"none");
        attack(name, bytes, BAD)
    };
    vec![
        part(
            "a part name of 1 MB",
            &format!("{FIELD}{}", "b".repeat(1 << 20)),
        ),
        part("a part of 10,000 fields", &"x: y\r\n".repeat(10_000)),
        part("a part without a name", "content-type: text/plain"),
        part("a part with two names", &format!("{FIELD}; name=\"b\"")),
        part(
            "a part with two dispositions",
            &format!("{FIELD}\r\n{FIELD}"),
        ),
        part(
            "a part with an encoded filename",
            &format!("{FIELD}; filename*=UTF-8''x"),
        ),
        part("a NUL in a filename", &format!("{FIELD}; filename=\"x\0\"")),
        media("no boundary", "multipart/form-data"),
        media("an empty boundary", "multipart/form-data; boundary=\"\""),
        media(
            "a boundary of control characters",
            "multipart/form-data; boundary=\"a\u{7f}\"",
        ),
    ]
}

fn ends() -> Vec<Attack> {
    let half = || {
        let text = format!("{FILE}{}", "x".repeat(3 << 20));
        let mut bytes = head_of("/files", MEDIA, text.len() + 1000);
        bytes.extend_from_slice(text.as_bytes());
        bytes
    };
    vec![
        plain("a form that ends within a file", format!("{FILE}x"), BAD),
        plain(
            "a form that ends within a part's header",
            FILE[..30].to_owned(),
            BAD,
        ),
        plain(
            "a form without its first boundary",
            "--XY--\r\n".to_owned(),
            BAD,
        ),
        Attack {
            name: "a file that stops arriving",
            steps: vec![Step::Send(half())],
            answer: LATE,
        },
        Attack {
            name: "a client that leaves within a file",
            steps: vec![Step::Send(half()), Step::Reset],
            answer: Nothing,
        },
        Attack {
            name: "a file, one byte at a time",
            steps: vec![
                Step::Send(half()),
                Step::Drip(vec![b'x'; 1000], Duration::from_millis(5)),
            ],
            answer: LATE,
        },
    ]
}
