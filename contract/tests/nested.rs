//! Records within records, lists of them, secrets, and knobs that must be there.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use spikard_contract::config;
use spikard_contract::knob::Secret;

config! {
    /// A door.
    pub struct DoorConfig checked by fits {
        /// Opens it.
        keys: Vec<Secret> = Vec::new(), in 1..=3, is required;
        /// How wide, in metres.
        width: f64 = 0.9, in 0.5..=4;
        /// Whether it is double.
        double: bool = false;
    }
}

config! {
    /// A house.
    pub struct HouseConfig {
        /// Its doors.
        doors: Vec<DoorConfig> = Vec::new(), in 0..=2;
        /// The one to the garden.
        garden: Option<DoorConfig> = None;
        /// What its rooms are called.
        rooms: BTreeMap<String, String> = BTreeMap::new();
    }
}

fn fits(door: &DoorConfig) -> Vec<(&'static str, String)> {
    if door.double && door.width < 1.0 {
        return vec![("width", "a double door is at least 1 metre wide".to_owned())];
    }
    Vec::new()
}

fn faults(document: &Value) -> Vec<String> {
    let error = HouseConfig::from_value(document).expect_err("the document is at fault");
    error.faults.iter().map(ToString::to_string).collect()
}

#[test]
fn nested_documents_read_back_as_written() {
    let document = json!({
        "doors": [{ "keys": ["a", "b"], "width": 1.25, "double": true }],
        "garden": { "keys": ["c"], "width": 2, "double": false },
        "rooms": { "hall": "Hall" }
    });
    let house = HouseConfig::from_value(&document).expect("the document is sound");
    assert_eq!(house.doors[0].keys[1].expose(), "b");
    assert_eq!(house.garden.as_ref().map(|door| door.width), Some(2.0));
    assert_eq!(house.to_json(), document);
}

#[test]
fn every_fault_is_told_with_its_place() {
    assert_eq!(
        faults(&json!({
            "doors": [{}, { "keys": [], "wdth": 1 }],
            "garden": { "keys": ["a"], "double": true },
            "rooms": { "a/b": 3 }
        })),
        [
            "/doors/0/keys: missing; it has no default",
            "/doors/1/wdth: unknown key; did you mean \"width\"?",
            "/doors/1/keys: a list of 0 entries is under 1",
            "/garden/width: a double door is at least 1 metre wide",
            "/rooms/a~1b: 3 is not a string",
        ]
    );
    assert_eq!(
        faults(&json!({ "doors": [{ "keys": ["a"] }, { "keys": ["a"] }, { "keys": ["a"] }] })),
        ["/doors: a list of 3 entries is over 2"]
    );
    assert_eq!(
        faults(&json!({ "doors": "front" })),
        ["/doors: \"front\" is not a list"]
    );
}

#[test]
fn secrets_are_not_shown() {
    let door = DoorConfig {
        keys: vec![Secret::from("hunter2")],
        ..DoorConfig::default()
    };
    assert!(!format!("{door:?}").contains("hunter2"));
    for keys in [json!(["ok", 12_345]), json!("hunter2"), json!(12_345)] {
        let said = faults(&json!({ "garden": { "keys": keys } })).join(" ");
        assert!(
            !said.contains("hunter2") && !said.contains("12345"),
            "{said}"
        );
    }
}

#[test]
fn a_struct_built_in_rust_is_checked_too() {
    let error = DoorConfig::default().check().expect_err("it has no key");
    assert_eq!(error.to_string(), "/keys: a list of 0 entries is under 1");
}
