//! The project's fixtures whose handlers only echo, run in process by the engine alone.
//!
//! Language runners run all fixtures, over sockets too; this one fails first, and in Rust.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use spikard_contract::config::ServerConfig;

use crate::host::{Answer, ask, echo_app};

/// Fewer would mean that the folder was not found.
const FIXTURES_MIN: usize = 250;

#[test]
fn echo_fixtures_get_their_replies() {
    let mut failures = Vec::new();
    let mut count = 0;
    for path in fixture_files() {
        let fixture: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        if !is_for_us(&fixture) {
            continue;
        }
        count += 1;
        if let Err(why) = run(&fixture) {
            failures.push(format!("{}: {why}", fixture["name"]));
        }
    }
    assert!(count >= FIXTURES_MIN, "only {count} fixtures found");
    assert!(
        failures.is_empty(),
        "{} failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

fn fixture_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing_data/fixtures");
    let mut files = Vec::new();
    for folder in fs::read_dir(root).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            files.extend(
                fs::read_dir(folder)
                    .unwrap()
                    .map(|file| file.unwrap().path()),
            );
        }
    }
    files.sort();
    files
}

fn is_for_us(fixture: &Value) -> bool {
    let routes = fixture["app"]["routes"].as_array().unwrap();
    let echoes = routes
        .iter()
        .all(|route| route["behavior"]["kind"] == "echo");
    let request = &fixture["request"];
    echoes
        && ["hooks", "groups"].iter().all(|key| fixture["app"].get(key).is_none())
        && fixture.get("transport").is_none()
        && request.is_object()
        && request.get("continue").is_none()
        && fixture.get("files").is_none()
        // Whoever has a decoder judges those.
        && fixture["expect"].get("coding").is_none()
}

fn run(fixture: &Value) -> Result<(), String> {
    let config = fixture.get("config").cloned().unwrap_or(json!({}));
    let config = ServerConfig::from_json(&config.to_string()).map_err(|e| e.to_string())?;
    let mut routes = fixture["app"]["routes"].as_array().unwrap().clone();
    for route in &mut routes {
        let route = route.as_object_mut().unwrap();
        route.remove("behavior");
        route.insert("handler".to_owned(), 0.into());
    }
    let (injector, host) = echo_app(&routes, &config);
    let answer = ask(&injector, &host, &request_bytes(&fixture["request"]));
    compare(&fixture["expect"], &answer)
}

fn content(value: &Value) -> Vec<u8> {
    if let Some(text) = value.as_str() {
        return text.as_bytes().to_vec();
    }
    if let Some(json) = value.get("json") {
        return json.to_string().into_bytes();
    }
    if let Some(base64) = value.get("base64") {
        return decode_base64(base64.as_str().unwrap());
    }
    if let Some(repeat) = value.get("repeat") {
        let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let times = repeat[1].as_u64().unwrap() as usize;
        let middle = repeat[0].as_str().unwrap().repeat(times);
        return [part("before"), &middle, part("after")]
            .concat()
            .into_bytes();
    }
    panic!("unknown content {value}")
}

fn decode_base64(text: &str) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn request_bytes(request: &Value) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\n",
        request["method"].as_str().unwrap(),
        request["target"].as_str().unwrap()
    );
    let mut names = Vec::new();
    for field in request["headers"].as_array().into_iter().flatten() {
        let (name, value) = (field[0].as_str().unwrap(), field[1].as_str().unwrap());
        names.push(name.to_ascii_lowercase());
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has = |name: &str| names.iter().any(|own| own == name);
    if !has("host") {
        head.push_str("host: localhost\r\n");
    }
    let mut bytes = Vec::new();
    if let Some(chunks) = request["body"].get("chunks") {
        assert!(has("transfer-encoding"), "the fixture says so itself");
        for chunk in chunks.as_array().unwrap() {
            let chunk = content(chunk);
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(&chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
    } else if let Some(body) = request.get("body") {
        bytes = content(body);
        if body.get("json").is_some() && !has("content-type") {
            head.push_str("content-type: application/json\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n", bytes.len()));
    }
    [head.as_bytes(), b"\r\n", &bytes].concat()
}

fn compare(expect: &Value, answer: &Answer) -> Result<(), String> {
    if expect["status"] != answer.status {
        let body = String::from_utf8_lossy(&answer.body);
        return Err(format!("status {} {body}", answer.status));
    }
    let mut listed = vec!["x-request-id", "date", "content-length", "connection"];
    for (name, value) in expect["headers"].as_object().into_iter().flatten() {
        listed.push(name);
        if name == "transfer-encoding" {
            // In process a body has a length instead.
            continue;
        }
        let matches = match value {
            Value::Null => answer.field(name).is_none(),
            Value::String(text) => answer.field(name) == Some(text),
            // Patterns are for ids and dates, which only language runners compare.
            _ => true,
        };
        if !matches {
            return Err(format!("{name} is {:?}, not {value}", answer.field(name)));
        }
    }
    if let Some((name, _)) = answer
        .fields
        .iter()
        .find(|(own, _)| !listed.contains(&own.as_str()))
    {
        return Err(format!("unlisted field {name}"));
    }
    compare_body(&expect["body"], answer)
}

fn compare_body(expect: &Value, answer: &Answer) -> Result<(), String> {
    let shown = String::from_utf8_lossy(&answer.body).into_owned();
    let same = match expect {
        Value::Null => true,
        Value::Object(_) if expect.get("empty").is_some() => answer.body.is_empty(),
        Value::Object(_) if expect.get("json").is_some() => {
            let wanted = &expect["json"];
            let problem = answer.field("content-type") == Some("application/problem+json");
            let found: Value = serde_json::from_slice(&answer.body).map_err(|e| e.to_string())?;
            *wanted == found && (!problem || has_same_order(wanted, &found))
        }
        Value::Object(_) if expect.get("text").is_some() => expect["text"] == shown.as_str(),
        other => content(other) == answer.body,
    };
    if same {
        Ok(())
    } else {
        Err(format!("\n    body   {shown}\n    wanted {expect}"))
    }
}

/// Whether equal values also have their keys in one order, at every level.
fn has_same_order(one: &Value, other: &Value) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    one == other
}
