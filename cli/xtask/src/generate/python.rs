//! Python: the package of generated modules, and the numbers of the ABI as constants.
//!
//! Output is typed, and clean under ruff and `mypy --strict`.

use spikard_contract::status::{GROUPS, Group};

use super::words::{line, notice, wrap};
use super::{CONFIG_SOURCE, STATUS_SOURCE};

/// `_generated/__init__.py`.
pub(super) fn package() -> String {
    format!(
        "# {}\n\"\"\"What the engine's contract says, printed for Python.\"\"\"\n",
        notice(CONFIG_SOURCE)
    )
}

/// `_generated/status.py`.
pub(super) fn status() -> String {
    let mut out = format!(
        "# {}\n\"\"\"The numbers of the engine's C ABI, under their C names.\"\"\"\n\n\
         from __future__ import annotations\n\nfrom typing import Final\n",
        notice(STATUS_SOURCE)
    );
    for group in GROUPS {
        push_group(&mut out, group);
    }
    out
}

fn push_group(out: &mut String, group: &Group) {
    out.push('\n');
    for text in wrap(&line(group.doc), 2) {
        out.push_str(&format!("# {text}\n"));
    }
    for row in group.rows {
        out.push_str(&format!("{}: Final = {}\n", row.name, row.number));
        out.push_str(&docstring(&line(row.doc), 0));
    }
}

/// A string literal that documents what stands above it.
pub(super) fn docstring(text: &str, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let text = text.replace('\\', "\\\\");
    // Three quotes at either end; a closing line of its own once the text needs two.
    match wrap(&text, indent + 6).as_slice() {
        [only] => format!("{margin}\"\"\"{only}\"\"\"\n"),
        _ => {
            let lines = wrap(&text, indent + 3);
            let body = lines.join(&format!("\n{margin}"));
            format!("{margin}\"\"\"{body}\n{margin}\"\"\"\n")
        }
    }
}
