//! Entity tags: the comparisons of RFC 9110 §8.8.3.2, and lists that cannot be read.

use spikard_proto_http::{EntityTag, TagError};

#[test]
fn compares_as_the_table_of_the_standard() {
    let (weak, strong) = (
        EntityTag::weak("1").unwrap(),
        EntityTag::strong("1").unwrap(),
    );
    assert_eq!(
        (weak.to_string(), strong.to_string()),
        ("W/\"1\"".into(), "\"1\"".into())
    );
    let rows: [(&EntityTag, &str, bool, bool); 6] = [
        (&weak, "W/\"1\"", false, true),
        (&weak, "W/\"2\"", false, false),
        (&weak, "\"1\"", false, true),
        (&strong, "W/\"1\"", false, true),
        (&strong, "\"1\"", true, true),
        (&strong, "\"a,b\" , ,W/\"x\",\"1\"", true, true),
    ];
    for (tag, condition, strongly, weakly) in rows {
        assert_eq!(
            tag.is_named_strongly(condition.as_bytes()),
            strongly,
            "{condition}"
        );
        assert_eq!(
            tag.is_named_weakly(condition.as_bytes()),
            weakly,
            "{condition}"
        );
    }
    assert!(weak.is_named_strongly(b" * ") && strong.is_named_weakly(b"*"));
}

#[test]
fn a_faulty_list_names_nothing() {
    let tag = EntityTag::strong("1").unwrap();
    for list in [
        "",
        ",",
        "1",
        "\"1",
        "\"1\" \"1\"",
        "\"1\",x",
        "w/\"1\"",
        "\"1\",*",
        "\"1\"\0",
    ] {
        assert!(!tag.is_named_weakly(list.as_bytes()), "{list:?}");
    }
}

#[test]
fn refuses_tags_that_would_end_early() {
    for opaque in ["a\"b", "a b", "a\r\nb", "\0", "é", "\x7f"] {
        assert_eq!(EntityTag::strong(opaque), Err(TagError), "{opaque:?}");
    }
    assert!(EntityTag::strong("").is_ok());
}

#[test]
fn equal_contents_have_equal_tags() {
    // The published value of XXH3-128 for no bytes, with no seed.
    let empty = EntityTag::of_content(b"", false);
    assert_eq!(empty.to_string(), "\"99aa06d3014798d86001c324468d497f\"");
    let (weak, strong) = (
        EntityTag::of_content(b"a", true),
        EntityTag::of_content(b"a", false),
    );
    assert_eq!(weak.to_string(), format!("W/{strong}"));
    assert_ne!(strong, empty);
    assert!(EntityTag::strong(strong.to_string().trim_matches('"')).is_ok());
}
