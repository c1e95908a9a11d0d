//! The server under attack: a process of its own, so that its memory can be read from outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::{App, Cookie, FileRule, Files, Form, Header, Json, Path, Query, ServerConfig};

/// Names the engine in the environment of the process that serves.
pub(crate) const ENGINE: &str = "SPIKARD_HOSTILE_ENGINE";

/// The test that serves, when the environment names an engine.
pub(crate) const SERVING: &str = "serves_for_the_others";

#[derive(Serialize, Deserialize, JsonSchema)]
struct Search {
    #[schemars(length(max = 100))]
    term: Option<String>,
    number: Option<i64>,
    #[schemars(length(max = 10))]
    tags: Option<Vec<String>>,
    filter: Option<BTreeMap<String, Value>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Token {
    x_token: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Session {
    #[schemars(length(max = 32))]
    session: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Order {
    id: i64,
    #[schemars(length(max = 100))]
    lines: Vec<Line>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    count: u16,
}

/// A tree whose schema leads back to itself on three ways.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Tree {
    And { below: Vec<Tree> },
    Or { below: Vec<Tree> },
    Not { below: Vec<Tree> },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Set {
    #[schemars(extend("uniqueItems" = true))]
    items: Vec<Value>,
}

/// Serves until the process is killed.
pub(crate) fn serve(engine: &str) {
    let mut app = App::new();
    app.get("/users/{id:int}", |Path(id): Path<i64>| id.to_string());
    app.get("/search", |Query(search): Query<Search>| Json(search));
    app.get("/token", |Header(token): Header<Token>| Json(token));
    app.get("/session", |Cookie(session): Cookie<Session>| Json(session));
    app.post("/any", |Json(any): Json<Value>| match any {
        Value::Object(members) => members.len().to_string(),
        _ => "no object".to_owned(),
    });
    app.post("/orders", |Json(order): Json<Order>| Json(order));
    app.post("/maps", |Json(map): Json<BTreeMap<String, Vec<i64>>>| {
        map.len().to_string()
    });
    app.post("/trees", |Json(tree): Json<Tree>| Json(tree));
    app.post("/sets", |Json(set): Json<Set>| set.items.len().to_string());
    app.post("/form", |Form(search): Form<Search>| Json(search));
    let small = FileRule::new("small").optional().max_size(1 << 20);
    app.post("/files", |files: Files| files.len().to_string())
        .file(FileRule::new("f").optional().multiple())
        .file(small);
    let config = json!({
        "engine": engine, "port": 0, "header_timeout": 0.6, "body_timeout": 0.6,
        "enable_request_id": false,
    });
    let config = ServerConfig::from_value(&config).expect("a configuration");
    app.run_with(config).expect("a server");
}

/// A process that serves.
pub(crate) struct Attacked {
    process: Child,
    pub(crate) address: String,
}

impl Attacked {
    /// Starts this very program, to serve instead of testing.
    pub(crate) fn start(engine: &str) -> Self {
        let program = std::env::current_exe().expect("a path");
        let mut process = Command::new(program)
            .args([SERVING, "--exact", "--nocapture"])
            .env(ENGINE, engine)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let lines = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut lines = lines.lines().map_while(Result::ok);
        let found = lines.find_map(|line| {
            let (_, rest) = line.split_once("listening on http://")?;
            Some(rest.split(' ').next()?.to_owned())
        });
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("server: {line}")));
        let address = found.expect("an address");
        Self { process, address }
    }

    /// What the process holds now, and the most it held since [`Attacked::forget_peak`], in bytes.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let path = format!("/proc/{}/status", self.process.id());
        let status = fs::read_to_string(path).expect("the process lives");
        let line = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.and_then(|line| line.split_whitespace().nth(1));
            kib.and_then(|kib| kib.parse::<u64>().ok())
                .expect("a number")
                * 1024
        };
        (line("VmRSS:"), line("VmHWM:"))
    }

    /// Begins a new peak where the process stands now.
    pub(crate) fn forget_peak(&self) {
        let path = format!("/proc/{}/clear_refs", self.process.id());
        fs::write(path, "5").expect("the process is ours");
    }
}

impl Drop for Attacked {
    fn drop(&mut self) {
        // It may have ended already, which the test has noticed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
