//! What a config document may say, and how each mistake is named.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use spikard_contract::config::{Engine, ServerConfig};
use spikard_contract::meta::{Kind, Record};
use spikard_contract::{choice, config};

fn refusal(document: &Value) -> String {
    ServerConfig::from_value(document)
        .expect_err("the document is at fault")
        .to_string()
}

#[test]
fn an_empty_document_is_the_default() {
    let config = ServerConfig::from_json("{}").unwrap();
    assert_eq!(config, ServerConfig::default());
    assert_eq!(config.max_body_size, Some(10_485_760));
    assert_eq!(config.request_timeout, Some(Duration::from_secs(30)));
    assert_eq!(config.engine, Engine::Auto);
}

#[test]
fn every_value_reads_back_as_written() {
    let config = ServerConfig {
        host: "::1".to_owned(),
        port: 0,
        engine: Engine::Epoll,
        max_body_size: None,
        request_timeout: None,
        idle_timeout: Duration::from_millis(1500),
        ..ServerConfig::default()
    };
    let document = config.to_json();
    assert_eq!(document["idle_timeout"], json!(1.5));
    assert_eq!(document["header_timeout"], json!(10));
    assert_eq!(document["max_body_size"], Value::Null);
    assert_eq!(ServerConfig::from_value(&document).unwrap(), config);
    assert_eq!(serde_json::to_value(&config).unwrap(), document);
    assert_eq!(
        serde_json::from_value::<ServerConfig>(document).unwrap(),
        config
    );
}

#[test]
fn says_that_durations_are_seconds() {
    assert_eq!(
        refusal(&json!({"request_timeout": 30000})),
        "/request_timeout: 30000 is over 3600; durations are in seconds, not milliseconds"
    );
    assert_eq!(
        refusal(&json!({"idle_timeout": 0})),
        "/idle_timeout: 0 is under 0.001; durations are in seconds"
    );
    assert_eq!(
        refusal(&json!({"idle_timeout": "75s"})),
        "/idle_timeout: \"75s\" is not a number of seconds"
    );
}

#[test]
fn names_every_fault_of_a_document_at_once() {
    let document = json!({
        "workers": 0, "port": 65536, "backlog": 1.5, "engine": "kqueue", "dev": 1,
        "host": "", "max_json_depth": null, "idle_timout": 3, "colour": "blue", "a/b~c": 1,
    });
    let text = refusal(&document);
    let expected = [
        "/a~1b~0c: unknown key; ServerConfig has no such knob",
        "/colour: unknown key; ServerConfig has no such knob",
        "/idle_timout: unknown key; did you mean \"idle_timeout\"?",
        "/host: a length of 0 characters is under 1",
        "/port: 65536 is over 65535",
        "/workers: 0 is under 1",
        "/backlog: 1.5 is not a whole number",
        "/engine: \"kqueue\" is not one of \"auto\", \"io_uring\", \"epoll\"",
        "/max_json_depth: null is not a whole number",
        "/dev: 1 is not true or false",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn refuses_what_is_not_an_object_or_not_json() {
    assert_eq!(
        refusal(&json!([1])),
        "an array is not an object of ServerConfig keys"
    );
    let error = ServerConfig::from_json("{").unwrap_err().to_string();
    assert!(
        error.starts_with("the configuration is not JSON: EOF"),
        "{error}"
    );
    let error = serde_json::from_str::<ServerConfig>(r#"{"port": -1}"#).unwrap_err();
    assert!(
        error.to_string().starts_with("/port: -1 is under 0"),
        "{error}"
    );
}

#[test]
fn checks_a_value_built_in_rust() {
    assert!(ServerConfig::default().check().is_ok());
    let error = ServerConfig {
        workers: 2000,
        ..ServerConfig::default()
    }
    .check()
    .unwrap_err();
    assert_eq!(error.to_string(), "/workers: 2000 is over 1024");
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    assert_eq!(
        ServerConfig::from_json(r#"{"workers": 4.0}"#)
            .unwrap()
            .workers,
        4
    );
    let huge = refusal(&json!({"max_body_size": u64::MAX}));
    assert_eq!(
        huge,
        "/max_body_size: 18446744073709551615 is over 1099511627776"
    );
}

choice! {
    /// How loud.
    pub enum Level {
        /// Hardly.
        Low = "low",
        /// Very.
        High = "high",
    }
}

config! {
    /// A record within a record.
    pub struct Inner {
        /// A level.
        level: Level = Level::Low;
        /// A count.
        count: u32 = 3, in 1..=9, unit "things";
    }
}

config! {
    /// A record with records in it.
    pub struct Outer {
        /// Present always.
        inner: Inner = Inner::default();
        /// Present when asked for.
        extra: Option<Inner> = None;
    }
}

#[test]
fn records_nest_and_pointers_follow() {
    let outer = Outer::from_json(r#"{"extra": {"level": "high"}}"#).unwrap();
    assert_eq!(
        outer.extra,
        Some(Inner {
            level: Level::High,
            count: 3
        })
    );
    assert_eq!(outer.inner, Inner::default());
    let faults = Outer::from_json(r#"{"inner": {"count": 10}, "extra": {"levle": "x"}}"#);
    assert_eq!(
        faults.unwrap_err().to_string(),
        "/inner/count: 10 is over 9\n/extra/levle: unknown key; did you mean \"level\"?"
    );
    assert!(Outer::FIELDS[1].nullable && !Outer::FIELDS[0].nullable);
    assert!(matches!(
        Outer::FIELDS[1].kind,
        Kind::Record(Record { name: "Inner", .. })
    ));
}

#[test]
fn every_knob_has_doc_unit_range_and_a_default_within_it() {
    check(ServerConfig::RECORD);
}

fn check(record: &Record) {
    let mut names = HashSet::new();
    for field in record.fields {
        let name = field.name;
        if let Some(inner) = field.kind.record() {
            check(inner);
        }
        assert!(names.insert(name), "{name} stands twice");
        assert!(field.doc[0].len() > 10, "{name} has no doc");
        let default = (field.default)();
        match field.kind {
            Kind::Integer | Kind::Number | Kind::Duration => {
                assert!(field.unit.is_some(), "{name} has no unit");
                let range = field.range.expect("a number has a range");
                assert!(range.min >= 0.0 && range.min < range.max, "{name}");
                assert!(range.max < 9_007_199_254_740_992.0, "{name} is over 2^53");
                assert!(
                    default
                        .as_f64()
                        .is_none_or(|n| n >= range.min && n <= range.max)
                );
            }
            _ => {}
        }
        if let (Kind::Duration, Some(range)) = (field.kind, field.range) {
            assert!(
                range.max <= 3600.0,
                "{name} would take milliseconds for seconds"
            );
        }
        assert!(!default.is_null() || field.nullable, "{name}");
    }
}

#[test]
fn both_ends_of_every_range_are_accepted() {
    for field in ServerConfig::FIELDS {
        let (Some(range), Kind::Integer | Kind::Duration) = (field.range, field.kind) else {
            continue;
        };
        for bound in [range.min, range.max] {
            let document = json!({ field.name: bound });
            let config = ServerConfig::from_value(&document).expect("an end is within the range");
            let read = config.to_json()[field.name].as_f64().unwrap();
            assert!(
                (read - bound).abs() < 1e-9,
                "{}: {bound} became {read}",
                field.name
            );
        }
    }
}
