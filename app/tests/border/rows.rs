//! The rows that failed keywords become, beyond what the fixtures fix: each as JSON.

use serde_json::{Value, json};
use spikard_app::validate::fault::Faults;
use spikard_app::validate::json::lay_out;
use spikard_app::validate::schema::Schema;

fn rows(schema: &Value, body: &Value) -> Value {
    let mut faults = Faults::new();
    judge(schema, body, &mut faults);
    faults.into_problem().document()["errors"].clone()
}

fn judge(schema: &Value, body: &Value, faults: &mut Faults) {
    let text = body.to_string();
    let laid_out = lay_out(text.as_bytes(), 32).unwrap();
    Schema::compile(schema)
        .unwrap()
        .judge_body(&laid_out.tape(), faults);
}

/// `[type, loc, msg, ctx]` of each row.
fn brief(schema: Value, body: Value) -> Value {
    let rows = rows(&schema, &body);
    let row = |row: &Value| json!([row["type"], row["loc"], row["msg"], row["ctx"]]);
    rows.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn closed_objects_name_every_extra_key() {
    let message = "Extra inputs are not permitted";
    for schema in [
        json!({ "additionalProperties": false }),
        json!({ "properties": {}, "additionalProperties": false }),
        json!({ "unevaluatedProperties": false }),
    ] {
        assert_eq!(
            brief(schema.clone(), json!({ "b": 1, "a/b": 2 })),
            json!([
                ["extra_forbidden", ["body", "a/b"], message, null],
                ["extra_forbidden", ["body", "b"], message, null],
            ]),
            "{schema}"
        );
    }
}

#[test]
fn a_condition_is_one_row_where_it_stands() {
    let schema = json!({
        "properties": { "then": {
            "if": { "properties": { "country": { "const": "DE" } } },
            "then": { "required": ["vat"], "properties": { "zip": { "minLength": 5 } } },
            "else": false,
        } },
    });
    assert_eq!(
        brief(
            schema.clone(),
            json!({ "then": { "country": "DE", "zip": "1" } })
        ),
        json!([[
            "conditional",
            ["body", "then"],
            "Input should satisfy the 'then' part of its condition, which it does not at 'vat', \
             'zip'",
            { "branch": "then", "keys": ["vat", "zip"] },
        ]])
    );
    assert_eq!(
        brief(schema, json!({ "then": { "country": "FR" } })),
        json!([[
            "conditional",
            ["body", "then"],
            "Input should satisfy the 'else' part of its condition",
            { "branch": "else", "keys": [] },
        ]])
    );
}

#[test]
fn an_optional_value_is_told_by_its_real_branch() {
    let schema = json!({ "properties": { "n": { "$ref": "#/$defs/n" } }, "$defs": { "n": {
        "anyOf": [{ "type": "object", "required": ["id"] }, { "type": "null" }],
    } } });
    assert_eq!(
        brief(schema.clone(), json!({ "n": {} })),
        json!([["missing", ["body", "n", "id"], "Field required", null]])
    );
    assert_eq!(
        brief(schema, json!({ "n": 1 })),
        json!([[
            "dict_type",
            ["body", "n"],
            "Input should be a valid dictionary",
            null
        ]])
    );
}

#[test]
fn dependent_fields_name_what_makes_them_needed() {
    for keyword in ["dependentRequired", "dependencies"] {
        let schema = json!({ keyword: { "card": ["cvc"], "iban": ["bic"] } });
        assert_eq!(
            brief(schema, json!({ "card": 1 })),
            json!([[
                "dependent_required",
                ["body", "cvc"],
                "Field 'cvc' is required when 'card' is present",
                { "property": "card", "required": "cvc" },
            ]]),
            "{keyword}"
        );
    }
}

#[test]
fn names_of_properties_are_judged_like_values() {
    assert_eq!(
        brief(
            json!({ "propertyNames": { "maxLength": 1 } }),
            json!({ "ab": 1 })
        ),
        json!([[
            "string_too_long",
            ["body", "ab"],
            "String should have at most 1 character",
            { "max_length": 1 },
        ]])
    );
}

#[test]
fn numbers_in_sentences_are_written_as_in_the_schema() {
    let row = |schema: Value| rows(&schema, &json!(2.5))[0]["msg"].clone();
    assert_eq!(
        row(json!({ "minimum": 5.0 })),
        "Input should be greater than or equal to 5.0"
    );
    assert_eq!(
        row(json!({ "multipleOf": 2 })),
        "Input should be a multiple of 2"
    );
    assert_eq!(
        row(json!({ "multipleOf": 2.0 })),
        "Input should be a multiple of 2.0"
    );
    assert_eq!(
        row(json!({ "multipleOf": 0.75 })),
        "Input should be a multiple of 0.75"
    );
}

#[test]
fn unknown_formats_and_older_spellings_are_understood() {
    let schema =
        json!({ "$ref": "#/definitions/d", "definitions": { "d": { "format": "x-mine" } } });
    assert!(Schema::compile(&schema).is_ok());
    let mut faults = Faults::new();
    judge(&schema, &json!("anything"), &mut faults);
    assert!(faults.is_empty());
}

#[test]
fn a_hostile_pattern_input_ends() {
    let schema = json!({ "type": "string", "pattern": "^(?=(a+)+$)(a|b|ab)*c$" });
    let text = "a".repeat(40);
    let found = rows(&schema, &json!(text));
    assert_eq!(found[0]["type"], "string_pattern_mismatch");
}

#[test]
fn of_a_large_document_the_first_fault_is_named() {
    let schema = json!({ "items": { "type": "string" } });
    let problem = |length: usize| {
        let mut faults = Faults::new();
        let body: Value = (0..length).collect();
        judge(&schema, &body, &mut faults);
        faults.into_problem().document()
    };
    let small = problem(500);
    assert_eq!(small["errors"].as_array().unwrap().len(), 500);
    assert_eq!(small.get("truncated"), None);
    let large = problem(100_000);
    assert_eq!(large["errors"].as_array().unwrap().len(), 1);
    assert_eq!(large["errors"][0]["loc"], json!(["body", "0"]));
    assert_eq!(large["truncated"], true);
}

#[test]
fn a_deep_tree_of_tagged_nodes_is_judged_once() {
    let node = |tag: &str| {
        json!({
            "type": "object",
            "properties": {
                "below": { "type": "array", "items": { "$ref": "#/$defs/node" } },
                "tag": { "const": tag },
            },
        })
    };
    let branches: Vec<Value> = ["and", "or", "not"].into_iter().map(node).collect();
    let tree = (0..15).fold(json!(1), |tree, _| json!({ "below": [tree], "tag": "or" }));
    for keyword in ["anyOf", "oneOf"] {
        let mut schema =
            json!({ "$ref": "#/$defs/node", "$defs": { "node": { keyword: branches } } });
        // Three ways at each of 15 levels are 14 million: they would not end.
        assert_eq!(
            rows(&schema, &tree)[0]["ctx"],
            json!({ "schemas": 3, "matched": 0 })
        );
        // Its branches must stay as they are, and so nothing more can be said.
        schema["$defs"]["node"]["unevaluatedProperties"] = false.into();
        assert_eq!(rows(&schema, &tree)[0]["type"], "value_error");
    }
}

#[test]
fn items_that_differ_in_brackets_only_are_compared_once_each() {
    // To the validator's hash they are all alike.
    let item = |number: u32| {
        let bits = (0..16).map(|bit| if number >> bit & 1 == 0 { "[]" } else { "[[]]" });
        format!("[{}]", bits.collect::<Vec<_>>().join(","))
    };
    let items: Vec<String> = (0..6_000).map(item).collect();
    let schema = Schema::compile(&json!({ "uniqueItems": true })).unwrap();
    let judged = |text: String| {
        let mut faults = Faults::new();
        schema.judge_body(&lay_out(text.as_bytes(), 32).unwrap().tape(), &mut faults);
        faults
    };
    assert!(judged(format!("[{}]", items.join(","))).is_empty());
    let twice = judged(format!("[{},{}]", items.join(","), items[7]));
    assert_eq!(twice.rows()[0].context["duplicate_index"], 6_000);
}

#[test]
fn a_long_name_is_not_repeated_by_every_fault_below_it() {
    let long = "é".repeat(1_000_000);
    let schema = json!({ "additionalProperties": {
        "items": { "type": "integer" }, "additionalProperties": false,
    } });
    let lists: Value = (0..1_000).map(|_| "x").collect();
    let object: Value = (0..1_000)
        .map(|at| (at.to_string(), at.into()))
        .collect::<serde_json::Map<_, _>>()
        .into();
    for (value, count) in [(lists, 1), (object, 1_000)] {
        let mut faults = Faults::new();
        judge(&schema, &json!({ &long: value }), &mut faults);
        assert_eq!(faults.rows().len(), count);
        let document = faults.into_problem().document();
        assert_eq!(document["truncated"], true);
        let name = document["errors"][0]["loc"][1].as_str().unwrap();
        assert_eq!((name.len(), name.ends_with("é…")), (1024 + "…".len(), true));
        assert!(document.to_string().len() < 1_500_000);
    }
}

#[test]
fn properties_may_be_called_like_keywords() {
    assert_eq!(
        brief(
            json!({ "properties": { "items": false, "additionalProperties": false } }),
            json!({ "items": [1], "additionalProperties": { "a": 1 } })
        ),
        json!([
            [
                "extra_forbidden",
                ["body", "additionalProperties"],
                "Extra inputs are not permitted",
                null
            ],
            [
                "extra_forbidden",
                ["body", "items"],
                "Extra inputs are not permitted",
                null
            ],
        ])
    );
}

#[test]
fn errors_of_names_do_not_copy_the_object_each() {
    let names = (0..4_000).map(|at| (format!("key-{at}"), at.into()));
    let object: Value = names.collect::<serde_json::Map<_, _>>().into();
    let found = rows(&json!({ "propertyNames": { "maxLength": 2 } }), &object);
    assert_eq!(found.as_array().unwrap().len(), 1_000);
    assert_eq!(found[0]["input"], "key-0");
}
