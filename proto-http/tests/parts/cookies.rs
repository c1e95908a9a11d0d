//! Pairs of the `Cookie` field.

use spikard_proto_http::cookie::Cookies;
use spikard_proto_http::limits::COOKIE_PAIRS_MAX;

fn pairs(value: &str) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Cookies::new(value.as_bytes())
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

fn expected(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn splits_pairs() {
    assert_eq!(
        pairs("a=1; b=2;c=3"),
        expected(&[("a", "1"), ("b", "2"), ("c", "3")])
    );
    assert_eq!(pairs("a=b=c; d="), expected(&[("a", "b=c"), ("d", "")]));
    assert_eq!(pairs(" a = 1 "), expected(&[("a", "1")]));
    assert_eq!(pairs("a=1; a=2"), expected(&[("a", "1"), ("a", "2")]));
}

#[test]
fn strips_one_pair_of_quotes() {
    let rows = [("a", "b c"), ("d", "\""), ("e", "\"f"), ("g", "\"h\"")];
    assert_eq!(
        pairs("a=\"b c\"; d=\"; e=\"f; g=\"\"h\"\""),
        expected(&rows)
    );
}

#[test]
fn skips_what_is_no_pair() {
    assert_eq!(pairs(""), []);
    assert_eq!(pairs(";; ;"), []);
    assert_eq!(pairs("flag; =value; a=1"), expected(&[("a", "1")]));
}

#[test]
fn reads_a_bounded_number() {
    assert_eq!(
        pairs(&"a=1;".repeat(COOKIE_PAIRS_MAX + 50)).len(),
        COOKIE_PAIRS_MAX
    );
}

#[test]
fn reads_hostile_fields_to_a_bound() {
    let many = "a=1;".repeat(10_000);
    assert_eq!(
        Cookies::new(many.as_bytes()).count(),
        COOKIE_PAIRS_MAX.min(10_000)
    );
    let long = format!("a={}", "x".repeat(65_536));
    assert_eq!(Cookies::new(long.as_bytes()).count(), 1);
    for text in ["=", ";;;;", "\"", "a=\"", "\0=\0", "=\"\"", ";=;=\"=\""] {
        assert!(Cookies::new(text.as_bytes()).count() <= 1, "{text:?}");
    }
}
