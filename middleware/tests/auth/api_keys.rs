//! API keys: which words are keys.

use spikard_contract::knob::Secret;
use spikard_middleware::auth::ApiKeys;

#[test]
fn only_whole_keys_are_keys() {
    let keys = ApiKeys::new(&[
        Secret::from("first"),
        Secret::from("sécond"),
        Secret::from("x"),
    ]);
    for good in ["first", "sécond", "x"] {
        assert!(keys.has(good.as_bytes()), "{good}");
    }
    for bad in [
        "",
        "firs",
        "first ",
        "First",
        "firstx",
        "second",
        "firstsécond",
        "\0",
        "xx",
    ] {
        assert!(!keys.has(bad.as_bytes()), "{bad:?}");
    }
    assert!(!keys.has(&vec![b'x'; 1 << 20]));
    assert!(!keys.has(b"s\xe9cond"));
    assert!(!ApiKeys::new(&[]).has(b""));
}

#[test]
fn keys_are_not_shown() {
    let shown = format!("{:?}", ApiKeys::new(&[Secret::from("hunter2")]));
    assert_eq!(shown, "ApiKeys(1)");
}
