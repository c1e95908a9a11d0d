//! Which crate of the workspace may see which: dependencies only point down.
//!
//! `app` compiles a plan and `runtime` executes one, so neither sees the other; a binding sees the
//! ABI's safe face and nothing below. Tools may see everything, and nothing may see a tool.
//! A new arrow is a decision page first and a line here second.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::{Outcome, Report};

/// Crate, and the crates it may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("spikard-contract", &[]),
    ("spikard-proto-http", &[]),
    (
        "spikard-middleware",
        &["spikard-proto-http", "spikard-contract"],
    ),
    (
        "spikard-app",
        &[
            "spikard-middleware",
            "spikard-proto-http",
            "spikard-contract",
        ],
    ),
    (
        "spikard-runtime",
        &[
            "spikard-middleware",
            "spikard-proto-http",
            "spikard-contract",
        ],
    ),
    (
        "spikard-ffi",
        &[
            "spikard-app",
            "spikard-runtime",
            "spikard-middleware",
            "spikard-proto-http",
            "spikard-contract",
        ],
    ),
    ("spikard-host", &["spikard-ffi", "spikard-contract"]),
    ("spikard-python", &["spikard-host", "spikard-contract"]),
    ("spikard-ruby", &["spikard-host"]),
    ("spikard-node", &["spikard-host", "spikard-contract"]),
    // The Rust face needs no ABI; the trait its handlers stand on lives in `middleware`.
    (
        "spikard",
        &[
            "spikard-app",
            "spikard-runtime",
            "spikard-middleware",
            "spikard-proto-http",
            "spikard-contract",
        ],
    ),
    ("spikard-cli", &["spikard-app", "spikard-contract"]),
];

/// Crates that may see anything, and that nothing may see.
const TOOLS: &[&str] = &["xtask", "spikard-bench", "spikard-fuzz-targets"];

/// One dependency between two crates of the workspace.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    from: String,
    to: String,
    /// `normal`, `dev` or `build`.
    kind: String,
}

/// Prints every edge; not content when one is not allowed.
pub(crate) fn run(root: &Path, metadata: Option<&str>) -> Outcome {
    let text = match metadata {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?
        }
        None => cargo_metadata(root)?,
    };
    let metadata = serde_json::from_str(&text)
        .map_err(|error| format!("the output of cargo metadata is not JSON: {error}"))?;
    let (crates, edges) = edges(&metadata);
    if crates.is_empty() {
        return Err("cargo metadata names no crate".to_owned());
    }
    Ok(report(&crates, &edges))
}

fn report(crates: &[String], edges: &[Edge]) -> Report {
    let mut lines = Vec::new();
    let mut refusals: Vec<String> = crates
        .iter()
        .filter(|name| !is_known(name))
        .map(|name| unknown(name))
        .collect();
    for edge in edges {
        let kind = if edge.kind == "normal" {
            ""
        } else {
            edge.kind.as_str()
        };
        lines.push(
            format!("{} -> {} {kind}", edge.from, edge.to)
                .trim_end()
                .to_owned(),
        );
        if !is_allowed(edge) {
            refusals.push(format!(
                "layers: {} may not depend on {}",
                edge.from, edge.to
            ));
        }
    }
    let good = refusals.is_empty();
    lines.append(&mut refusals);
    lines.push(format!(
        "layers: {} crates, {} edges",
        crates.len(),
        edges.len()
    ));
    Report { lines, good }
}

fn is_known(name: &str) -> bool {
    TOOLS.contains(&name) || LAYERS.iter().any(|(layer, _)| *layer == name)
}

fn is_allowed(edge: &Edge) -> bool {
    if TOOLS.contains(&edge.from.as_str()) {
        return !TOOLS.contains(&edge.to.as_str());
    }
    LAYERS
        .iter()
        .any(|(from, to)| *from == edge.from && to.contains(&edge.to.as_str()))
}

fn unknown(name: &str) -> String {
    format!("layers: {name} has no layer; decide one in cli/xtask/src/layers.rs")
}

fn cargo_metadata(root: &Path) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cargo metadata failed: {text}"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The workspace's crates and the edges between them, both sorted.
fn edges(metadata: &Value) -> (Vec<String>, Vec<Edge>) {
    let none = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&none);
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let mut crates: Vec<String> = packages.iter().map(name).collect();
    crates.sort();
    let mut edges = Vec::new();
    for package in packages {
        for dependency in package["dependencies"].as_array().unwrap_or(&none) {
            let to = name(dependency);
            // A crate's tests may depend on the crate itself with other features.
            if crates.contains(&to) && to != name(package) {
                let kind = dependency["kind"].as_str().unwrap_or("normal").to_owned();
                edges.push(Edge {
                    from: name(package),
                    to,
                    kind,
                });
            }
        }
    }
    edges.sort();
    (crates, edges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str) -> Edge {
        Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: "normal".to_owned(),
        }
    }

    #[test]
    fn allows_only_what_points_down() {
        assert!(is_allowed(&edge("spikard-app", "spikard-middleware")));
        assert!(is_allowed(&edge("spikard-python", "spikard-host")));
        assert!(is_allowed(&edge("spikard-bench", "spikard-runtime")));
        for (from, to) in [
            ("spikard-app", "spikard-runtime"),
            ("spikard-runtime", "spikard-app"),
            ("spikard-proto-http", "spikard-contract"),
            ("spikard-middleware", "spikard-app"),
            ("spikard-python", "spikard-ffi"),
            ("spikard-app", "xtask"),
            ("spikard-bench", "xtask"),
        ] {
            assert!(!is_allowed(&edge(from, to)), "{from} -> {to}");
        }
    }

    #[test]
    fn every_allowed_crate_has_a_layer_of_its_own_above_it() {
        for (index, (_, allowed)) in LAYERS.iter().enumerate() {
            for name in *allowed {
                let below = LAYERS[..index].iter().any(|(layer, _)| layer == name);
                assert!(below, "{name} is not declared before it is allowed");
            }
        }
    }
}
