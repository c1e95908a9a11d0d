//! `Accept-Encoding`: weights, wildcards, what is left out.

use spikard_proto_http::{AcceptEncoding, Head, HeadLimits, Progress};

/// The weights of br, gzip and identity under these lines.
fn weights(lines: &[&str]) -> [u16; 3] {
    let mut text = "GET / HTTP/1.1\r\nHost: a\r\n".to_owned();
    for line in lines {
        text.push_str(&format!("Accept-Encoding:{line}\r\n"));
    }
    text.push_str("\r\n");
    let mut head = Head::new();
    let parsed = head.parse(text.as_bytes(), &HeadLimits::default());
    assert!(matches!(parsed, Ok(Progress::Complete { .. })), "{lines:?}");
    let accepted = AcceptEncoding::of(&head);
    [b"br" as &[u8], b"gzip", b"identity"].map(|coding| accepted.weight(coding))
}

#[test]
fn reads_weights() {
    for (lines, expected) in [
        (&[] as &[&str], [0, 0, 1000]),
        (&[""], [0, 0, 1]),
        (&["gzip"], [0, 1000, 1]),
        (&[" gzip , br"], [1000, 1000, 1]),
        (&["GZIP;q=0.5,Br ; Q=0.25"], [250, 500, 1]),
        (&["x-gzip;q=0.1"], [0, 100, 1]),
        (&["gzip", "br;q=0.001"], [1, 1000, 1]),
        (&["*"], [1000, 1000, 1000]),
        (&["gzip;q=0, *;q=0.3"], [300, 0, 300]),
        (&["identity;q=0"], [0, 0, 0]),
        (&["*;q=0"], [0, 0, 0]),
        (&["identity, gzip;q=0.5"], [0, 500, 1000]),
        (&["gzip;q=1.000, br;q=0.999"], [999, 1000, 1]),
    ] {
        assert_eq!(weights(lines), expected, "{lines:?}");
    }
}

#[test]
fn leaves_out_what_cannot_be_read() {
    for line in [
        "gzip;q=",
        "gzip;q=2",
        "gzip;q=1.001",
        "gzip;q=0.1234",
        "gzip;q=.5",
        "gzip;q=0,5",
        "gzip;level=1",
        "gzip;q=0.5;x",
        "gz ip",
        "gzip;q=-1",
        ";q=1",
        "gzip;q=0x1",
        "gzip q=1",
    ] {
        let [br, gzip, identity] = weights(&[line]);
        assert!(br == 0 && identity == 1, "{line}");
        // `q=0,5` is a list of two members, the first of which refuses.
        assert_eq!(gzip, 0, "{line}");
    }
}

#[test]
fn reads_no_more_than_a_bound() {
    let long = "a,".repeat(40) + "gzip";
    assert_eq!(weights(&[&long])[1], 0);
}
