//! Bracket notation: `a[]=x`, `a[0]=x` and `a[b][c]=x` as lists and objects of texts.
//!
//! Depth is bounded, an index is an order and not an address, and a name that is not well formed is
//! a plain key. `a.b` is always a plain key. Knows nothing of types.

use std::borrow::Cow;

use serde_json::{Map, Value};
use spikard_proto_http::sabotage;

/// Most brackets in one name. Filters of real APIs have two.
pub const BRACKETS_MAX: usize = 8;

/// Splits `root[key][key]`. `None` when it is a plain key: no brackets, unbalanced ones, text
/// behind them, an empty root, or more than [`BRACKETS_MAX`].
#[must_use]
pub fn split_name(name: &str) -> Option<(&str, Vec<String>)> {
    let open = name.find('[').filter(|open| *open > 0)?;
    if sabotage::is_off("convert/brackets") {
        return None;
    }
    let mut keys = Vec::new();
    let mut rest = &name[open..];
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix('[')?.split_once(']')?;
        let is_deep = keys.len() == BRACKETS_MAX && !sabotage::is_off("convert/bracket-depth");
        if key.contains('[') || is_deep {
            return None;
        }
        keys.push(key.to_owned());
        rest = after;
    }
    Some((&name[..open], keys))
}

/// The texts of a flat list: those with an index in the order of their indexes, then the others
/// as sent.
///
/// # Errors
/// The tree that the branches spell, if it is no flat list.
pub fn flat(mut branches: Vec<(Vec<String>, String)>) -> Result<Vec<String>, Value> {
    let is_index = |key: &String| key.bytes().all(|byte| byte.is_ascii_digit());
    let is_flat = |keys: &[String]| keys.len() < 2 && keys.iter().all(is_index);
    if branches.iter().all(|(keys, _)| is_flat(keys)) || sabotage::is_off("convert/flat") {
        let index = |keys: &[String]| keys.first().and_then(|key| key.parse::<u64>().ok());
        branches.sort_by_key(|(keys, _)| index(keys).unwrap_or(u64::MAX));
        return Ok(branches.into_iter().map(|(_, text)| text).collect());
    }
    let tree = tree(branches);
    let texts = tree
        .as_array()
        .map(|items| items.iter().map(|item| item.as_str().map(str::to_owned)));
    let texts: Option<Vec<String>> = texts.and_then(Iterator::collect);
    texts.ok_or(tree)
}

/// Builds the tree that the branches spell. Objects whose keys are all indexes are lists, without
/// holes. Of a text and a structure under one name the later counts.
#[must_use]
pub fn tree(branches: Vec<(Vec<String>, String)>) -> Value {
    let mut root = Value::Null;
    for (keys, text) in branches {
        grow(&mut root, &keys, text);
    }
    compact(root)
}

/// The object that the pairs of a form spell. A name that `is_plain` is never split.
pub fn object<'p>(
    pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    is_plain: impl Fn(&str) -> bool,
) -> Value {
    let mut members = Map::new();
    for (name, text) in pairs {
        let split = if is_plain(&name) {
            None
        } else {
            split_name(&name)
        };
        let (root, keys) = match &split {
            Some((root, keys)) => (*root, keys.as_slice()),
            None => (name.as_ref(), &[][..]),
        };
        let member = members.entry(root).or_insert(Value::Null);
        grow(member, keys, text.into_owned());
    }
    let members = members.into_iter();
    Value::Object(
        members
            .map(|(key, member)| (key, compact(member)))
            .collect(),
    )
}

/// Adds one branch. Depth is that of `keys`, so it is bounded.
fn grow(node: &mut Value, keys: &[String], text: String) {
    let Some((key, deeper)) = keys.split_first() else {
        return match node {
            // A repeated name is a list.
            Value::Array(items) => items.push(text.into()),
            Value::String(first) => {
                *node = Value::Array(vec![std::mem::take(first).into(), text.into()]);
            }
            _ => *node = text.into(),
        };
    };
    if key.is_empty() {
        if !node.is_array() {
            *node = Value::Array(Vec::new());
        }
        if let Value::Array(items) = node {
            let mut item = Value::Null;
            grow(&mut item, deeper, text);
            items.push(item);
        }
        return;
    }
    if !node.is_object() {
        *node = Value::Object(Map::new());
    }
    if let Value::Object(members) = node {
        grow(
            members.entry(key.as_str()).or_insert(Value::Null),
            deeper,
            text,
        );
    }
}

/// Turns objects of indexes into lists.
fn compact(node: Value) -> Value {
    match node {
        Value::Array(items) => items.into_iter().map(compact).collect(),
        Value::Object(members) => {
            let index = |key: &str| key.parse::<u64>().ok();
            let named = members.keys().any(|key| index(key).is_none());
            if named || sabotage::is_off("convert/indexes") {
                let members = members
                    .into_iter()
                    .map(|(key, member)| (key, compact(member)));
                return Value::Object(members.collect());
            }
            let mut items: Vec<_> = members.into_iter().collect();
            items.sort_by_key(|(key, _)| index(key));
            items.into_iter().map(|(_, item)| compact(item)).collect()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_split_at_balanced_brackets_only() {
        let keys = |name: &str| split_name(name).map(|(root, keys)| (root.to_owned(), keys));
        let split = |root: &str, own: &[&str]| {
            Some((
                root.to_owned(),
                own.iter().map(|key| (*key).to_owned()).collect(),
            ))
        };
        assert_eq!(keys("a[]"), split("a", &[""]));
        assert_eq!(keys("a[b][0]"), split("a", &["b", "0"]));
        assert_eq!(keys("a.b[c]"), split("a.b", &["c"]));
        for plain in ["a", "a.b", "[a]", "a[b", "a[b]c", "a]", "a[b][", "a[[b]]"] {
            assert_eq!(keys(plain), None, "{plain}");
        }
        assert!(keys(&format!("a{}", "[b]".repeat(BRACKETS_MAX))).is_some());
        assert!(keys(&format!("a{}", "[b]".repeat(BRACKETS_MAX + 1))).is_none());
    }

    #[test]
    fn forms_are_objects_whatever_their_names() {
        let cases = [
            ("a=1&b=2", json!({ "a": "1", "b": "2" })),
            ("0=a&1=b", json!({ "0": "a", "1": "b" })),
            ("=a", json!({ "": "a" })),
            ("a=1&a=2", json!({ "a": ["1", "2"] })),
            ("a[]=1", json!({ "a": ["1"] })),
            ("a[x]=1&a[y][]=2", json!({ "a": { "x": "1", "y": ["2"] } })),
            ("odd[x]=1", json!({ "odd[x]": "1" })),
            ("a.b=1", json!({ "a.b": "1" })),
        ];
        for (form, expected) in cases {
            let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            let pairs = pairs.map(|(name, text)| (name.into(), text.into()));
            assert_eq!(object(pairs, |name| name == "odd[x]"), expected, "{form}");
        }
    }

    #[test]
    fn branches_grow_into_trees() {
        let cases = [
            ("a[b]=1&a[c]=2", json!({ "b": "1", "c": "2" })),
            ("a[]=1&a[]=2", json!(["1", "2"])),
            ("a[9]=2&a[0]=1", json!(["1", "2"])),
            ("a[b][]=1&a[b][]=2", json!({ "b": ["1", "2"] })),
            ("a[b]=1&a[b]=2", json!({ "b": ["1", "2"] })),
            ("a[0][n]=x&a[1][n]=y", json!([{ "n": "x" }, { "n": "y" }])),
            ("a[b]=1&a[b][c]=2", json!({ "b": { "c": "2" } })),
        ];
        for (query, expected) in cases {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let branches = pairs.map(|(name, text)| {
                (
                    split_name(name).map(|(_, keys)| keys).unwrap_or_default(),
                    text.to_owned(),
                )
            });
            assert_eq!(tree(branches.collect()), expected, "{query}");
        }
    }
}
