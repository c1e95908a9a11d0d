//! Invariants of conditional requests: entity tags, dates, and what they come to together.

use spikard_proto_http::{EntityTag, Fields, Head, HeadLimits, Progress, Validators, Verdict};

/// Whatever a condition or a validator says, verdicts agree with each other.
pub fn fuzz_condition(data: &[u8]) {
    for tag in [EntityTag::strong("1"), EntityTag::weak("1")]
        .into_iter()
        .flatten()
    {
        assert!(!tag.is_named_strongly(data) || tag.is_named_weakly(data));
    }
    let own = EntityTag::strong(String::from_utf8_lossy(data));
    if let Ok(own) = &own {
        assert!(own.is_named_strongly(own.to_string().as_bytes()));
    }
    let mut replies = [(); 3].map(|()| Fields::new());
    for (reply, (name, value)) in replies.iter_mut().zip([
        ("etag", data),
        ("etag", b"\"1\""),
        ("last-modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
    ]) {
        if reply.push(name.as_bytes(), value).is_err() {
            return;
        }
    }
    for name in NAMES {
        let verdict = |method: &str, reply| {
            let head = head_of(method, name, data)?;
            Some(Validators::of(reply)?.judge(&head))
        };
        for reply in &replies {
            let verdict_of_get = verdict("GET", reply);
            assert_eq!(verdict_of_get, verdict("HEAD", reply));
            assert!(matches!(
                verdict("PUT", reply),
                None | Some(Verdict::Proceed)
            ));
            let is_of_get = name == "if-none-match" || name == "if-modified-since";
            match verdict_of_get {
                Some(Verdict::Failed) => assert!(!is_of_get),
                Some(Verdict::NotModified) => assert!(is_of_get),
                None | Some(Verdict::Proceed) => {}
            }
        }
    }
}

fn head_of(method: &str, name: &str, value: &[u8]) -> Option<Head> {
    let mut text = format!("{method} / HTTP/1.1\r\nhost: a\r\n{name}: ").into_bytes();
    text.extend_from_slice(value);
    text.extend_from_slice(b"\r\n\r\n");
    let mut head = Head::new();
    let progress = head.parse(&text, &HeadLimits::default()).ok()?;
    // A value may hold an empty line, and then more than one head was sent.
    matches!(progress, Progress::Complete { consumed } if consumed == text.len()).then_some(head)
}

const NAMES: [&str; 4] = [
    "if-match",
    "if-unmodified-since",
    "if-none-match",
    "if-modified-since",
];
