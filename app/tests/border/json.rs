//! The JSON scanner by tables of texts, whole and cut anywhere.

use spikard_app::validate::json::{JsonFaultKind, check, parse};

const DEPTH_MAX: u32 = 4;

#[test]
fn sound_texts_are_accepted_and_built() {
    for text in [
        "null",
        " true ",
        "0",
        "-0",
        "1.5e-3",
        "\"\"",
        "[]",
        "{}",
        "[1,[2,[3,[4]]]]",
        r#"{"a":{"b":[{}]},"é":"\u00e9\ud83d\ude00\\\/\b\f\n\r\t\""}"#,
        "\t{ \"a\" : [ 1 , 2 ] }\r\n",
        "12345678901234567890",
        "-9223372036854775808",
    ] {
        assert_eq!(check(text.as_bytes(), DEPTH_MAX), Ok(()), "{text}");
        let value = parse(text.as_bytes(), DEPTH_MAX).unwrap();
        assert_eq!(
            value,
            serde_json::from_str::<serde_json::Value>(text).unwrap(),
            "{text}"
        );
    }
}

#[test]
fn numbers_are_sound_as_far_as_floats_reach() {
    let digits = |count: usize| "9".repeat(count);
    let fraction = format!("0.{}", digits(10_000));
    for text in [
        "123456789012345678901234567890",
        "1.7976931348623157e308",
        "-1e308",
        "1e-999",
        "1e+00000000000000000000000001",
        &digits(308),
        &fraction,
    ] {
        assert_eq!(check(text.as_bytes(), DEPTH_MAX), Ok(()), "{text}");
        let value = parse(text.as_bytes(), DEPTH_MAX).unwrap();
        assert!(value.as_f64().unwrap().is_finite(), "{text}");
    }
    for text in [
        "1e309",
        "-1e309",
        "1e999999999",
        &digits(309),
        &digits(10_000),
    ] {
        let fault = check(format!("[0,{text}]").as_bytes(), DEPTH_MAX).unwrap_err();
        assert_eq!(
            (fault.position, fault.kind),
            (3, JsonFaultKind::NumberTooLarge),
            "{text}"
        );
    }
}

#[test]
fn faults_have_their_kind_and_position() {
    use JsonFaultKind::{DuplicateKey, LoneSurrogate, NotUtf8, Syntax, TooDeep};
    let cases: &[(&[u8], usize, JsonFaultKind)] = &[
        (b"", 0, Syntax),
        (b"  ", 2, Syntax),
        (b"{\"a\":}", 5, Syntax),
        (b"{\"a\":1,}", 7, Syntax),
        (b"{a:1}", 1, Syntax),
        (b"[1,]", 3, Syntax),
        (b"[1 2]", 3, Syntax),
        (b"[1", 2, Syntax),
        (b"01", 1, Syntax),
        (b"+1", 0, Syntax),
        (b"1.", 2, Syntax),
        (b"1e", 2, Syntax),
        (b".5", 0, Syntax),
        (b"NaN", 0, Syntax),
        (b"trux", 3, Syntax),
        (b"nullx", 4, Syntax),
        (b"{} {}", 3, Syntax),
        (b"\"a\nb\"", 2, Syntax),
        (b"\"\\x\"", 2, Syntax),
        (b"\"\\u12g4\"", 5, Syntax),
        (b"\"open", 5, Syntax),
        (b"\xef\xbb\xbf{}", 0, Syntax),
        (b"\"\xff\"", 1, NotUtf8),
        (b"\"a\\ud800b\"", 2, LoneSurrogate),
        (b"\"\\udc00\"", 1, LoneSurrogate),
        (b"\"\\ud800\\u0041\"", 1, LoneSurrogate),
        (
            b"[[[[[]]]]]",
            4,
            TooDeep {
                depth_max: DEPTH_MAX,
            },
        ),
        (
            b"{\"a\":1,\"a\":2}",
            7,
            DuplicateKey {
                key: "a".to_owned(),
            },
        ),
        (
            b"{\"a\":1,\"\\u0061\":2}",
            7,
            DuplicateKey {
                key: "a".to_owned(),
            },
        ),
        (
            b"[{\"x\":{\"k\":0,\"k\":0}}]",
            13,
            DuplicateKey {
                key: "k".to_owned(),
            },
        ),
    ];
    for (text, position, kind) in cases {
        let shown = String::from_utf8_lossy(text);
        let fault = check(text, DEPTH_MAX).unwrap_err();
        assert_eq!((fault.position, &fault.kind), (*position, kind), "{shown}");
        assert_eq!(parse(text, DEPTH_MAX).unwrap_err(), fault, "{shown}");
    }
}

#[test]
fn a_key_may_repeat_in_another_object() {
    let text = br#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#;
    assert_eq!(check(text, DEPTH_MAX), Ok(()));
}

#[test]
fn duplicates_are_found_in_large_objects() {
    let members: Vec<String> = (0..1000).map(|number| format!("\"k{number}\":0")).collect();
    let sound = format!("{{{}}}", members.join(","));
    assert_eq!(check(sound.as_bytes(), DEPTH_MAX), Ok(()));
    let repeated = format!("{{{},\"k500\":0}}", members.join(","));
    let fault = check(repeated.as_bytes(), DEPTH_MAX).unwrap_err();
    assert_eq!(
        fault.kind,
        JsonFaultKind::DuplicateKey {
            key: "k500".to_owned()
        }
    );
    assert_eq!(fault.position, sound.len());
}

#[test]
fn every_cut_of_a_document_is_malformed_at_its_end() {
    let text = r#"{"a":[1.5e3,true,null],"b":{"c":"x\u00e9\\"}}"#;
    for end in 0..text.len() {
        let fault = check(&text.as_bytes()[..end], DEPTH_MAX).unwrap_err();
        assert_eq!(
            (fault.position, fault.kind),
            (end, JsonFaultKind::Syntax),
            "cut at {end}"
        );
    }
    assert_eq!(check(text.as_bytes(), DEPTH_MAX), Ok(()));
}

#[test]
fn a_key_is_found_twice_wherever_it_stands_and_however_long_it_is() {
    for length in 0..24 {
        let key = "abcdefghijklmnopqrstuvwx"[..length].to_owned();
        for end in ["", " ", "                "] {
            for between in ["", r#","x":{"y":[]}"#] {
                let text = format!(r#"{{"{key}":1{between},"{key}":2}}{end}"#);
                let position = text.rfind(&format!("\"{key}\":2")).unwrap();
                let kind = JsonFaultKind::DuplicateKey { key: key.clone() };
                for fault in [
                    check(text.as_bytes(), DEPTH_MAX).unwrap_err(),
                    parse(text.as_bytes(), DEPTH_MAX).unwrap_err(),
                ] {
                    assert_eq!((fault.position, &fault.kind), (position, &kind), "{text}");
                }
            }
        }
    }
}
