//! Owned field lists: what gets in, in which order, and what is refused.

use spikard_proto_http::limits::{FIELD_LIST_BYTES_MAX, RETAINED_BYTES_MAX};
use spikard_proto_http::{FieldError, Fields};

fn rows(fields: &Fields) -> Vec<(&[u8], &[u8])> {
    fields.iter().collect()
}

#[test]
fn keeps_order_and_finds_without_case() {
    let mut fields = Fields::new();
    fields.push(b"Content-Type", b" text/plain \t").unwrap();
    fields.push(b"set-cookie", b"a=1").unwrap();
    fields.push(b"Set-Cookie", b"b=2").unwrap();
    assert_eq!(fields.get(b"content-type"), Some(&b"text/plain"[..]));
    assert_eq!(
        fields.get_all(b"SET-COOKIE").collect::<Vec<_>>(),
        [b"a=1", b"b=2"]
    );
    assert_eq!(fields.get(b"set-cookies"), None);
    assert_eq!((fields.len(), fields.is_empty()), (3, false));
}

#[test]
fn set_replaces_all_and_keeps_the_first_place() {
    let mut fields = Fields::new();
    for (name, value) in [(b"a", b"1"), (b"b", b"2"), (b"A", b"3"), (b"c", b"4")] {
        fields.push(name, value).unwrap();
    }
    fields.set(b"A", b"5").unwrap();
    fields.set(b"d", b"6").unwrap();
    let expected: [(&[u8], &[u8]); 4] = [(b"A", b"5"), (b"b", b"2"), (b"c", b"4"), (b"d", b"6")];
    assert_eq!(rows(&fields), expected);
}

#[test]
fn remove_says_whether_there_was_one() {
    let mut fields = Fields::new();
    fields.push(b"a", b"1").unwrap();
    fields.push(b"A", b"2").unwrap();
    assert!(fields.remove(b"a"));
    assert!(!fields.remove(b"a"));
    assert!(fields.is_empty());
}

#[test]
fn refuses_what_would_split_a_reply() {
    let mut fields = Fields::new();
    for name in [&b""[..], b"a b", b"a:", b"a\r\n", b"\xc3\xa9", b"(a)"] {
        assert_eq!(fields.push(name, b"1"), Err(FieldError::Name), "{name:?}");
        assert_eq!(fields.set(name, b"1"), Err(FieldError::Name), "{name:?}");
    }
    for value in [
        &b"a\r\nb: c"[..],
        b"\n",
        b"a\rb",
        b"a\0",
        b"\x7f",
        b"\x1b[0m",
    ] {
        assert_eq!(
            fields.push(b"a", value),
            Err(FieldError::Value),
            "{value:?}"
        );
        assert_eq!(fields.set(b"a", value), Err(FieldError::Value), "{value:?}");
    }
    assert!(fields.is_empty());
    fields.push(b"a", b"tab\tinside \xff").unwrap();
    fields.push(b"b", b"").unwrap();
    fields.push(b"c", b" ").unwrap();
    assert_eq!(fields.get(b"c"), Some(&b""[..]));
}

#[test]
fn dead_bytes_do_not_fill_a_list() {
    let mut fields = Fields::new();
    let value = [b'v'; 1000];
    for _ in 0..3 * FIELD_LIST_BYTES_MAX / value.len() {
        fields.set(b"a", &value).unwrap();
    }
    assert_eq!(rows(&fields), [(&b"a"[..], &value[..])]);
    let large = vec![b'v'; FIELD_LIST_BYTES_MAX];
    assert_eq!(fields.set(b"a", &large), Err(FieldError::Full));
    assert_eq!(rows(&fields), [(&b"a"[..], &value[..])]);
}

#[test]
fn clear_empties_a_large_list() {
    let mut fields = Fields::new();
    fields
        .push(b"a", &vec![b'v'; 10 * RETAINED_BYTES_MAX])
        .unwrap();
    fields.clear();
    assert!(fields.is_empty() && fields.bytes().is_empty() && fields.table().is_empty());
}

#[test]
fn equality_looks_at_fields_not_at_dead_bytes() {
    let (mut one, mut other) = (Fields::new(), Fields::new());
    one.push(b"x", b"1").unwrap();
    one.push(b"a", b"1").unwrap();
    one.remove(b"x");
    other.push(b"a", b"1").unwrap();
    assert_eq!(one, other);
    other.set(b"a", b"2").unwrap();
    assert_ne!(one, other);
}
