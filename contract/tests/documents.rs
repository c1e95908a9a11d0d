//! The config documents that every language is tested with: `testing_data/config/*.json`.
//!
//! Each accepted one reads as it says; each refused one is refused with exactly its faults.

use std::collections::HashSet;
use std::path::PathBuf;

use serde_json::Value;
use spikard_contract::config::ServerConfig;

fn documents(name: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../testing_data/config")
        .join(name);
    let text = std::fs::read_to_string(path).expect("the file is part of the repository");
    serde_json::from_str(&text).expect("the file is a list of documents")
}

#[test]
fn accepted_documents_read_as_they_say() {
    for document in documents("accepted.json") {
        let config = ServerConfig::from_value(&document["config"]);
        let read = config
            .unwrap_or_else(|error| panic!("{}: {error}", document["name"]))
            .to_json();
        for (key, value) in document["reads"].as_object().expect("`reads` is an object") {
            assert_eq!(&read[key], value, "{}: {key}", document["name"]);
        }
    }
}

#[test]
fn the_first_document_names_every_default() {
    let first = &documents("accepted.json")[0];
    assert_eq!(first["reads"], ServerConfig::default().to_json());
}

#[test]
fn refused_documents_name_exactly_their_faults() {
    for document in documents("refused.json") {
        let error = ServerConfig::from_value(&document["config"]).expect_err("it is refused");
        let faults: Vec<String> = error.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            serde_json::json!(faults),
            document["faults"],
            "{}",
            document["name"]
        );
    }
}

#[test]
fn every_document_has_a_name_of_its_own_and_a_reason() {
    let mut names = HashSet::new();
    for document in documents("accepted.json")
        .iter()
        .chain(&documents("refused.json"))
    {
        let name = document["name"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        assert!(
            document["why"].as_str().is_some_and(|why| why.len() > 5),
            "{name} has no why"
        );
    }
}
