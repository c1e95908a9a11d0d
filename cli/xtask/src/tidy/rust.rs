//! Rules on Rust: short functions, and `unsafe` only where the design allows it.
//!
//! Knows nothing of types; it counts braces and words.

use super::Fault;
use crate::rust_text::{code_only, functions, line_of, words};
use crate::tree::File;

/// Checks one Rust file.
pub(super) fn check(file: &File, faults: &mut Vec<Fault>) {
    let code = code_only(&file.text);
    if !file.is_generated() {
        for function in functions(&code) {
            let lines = function.last_line - function.first_line + 1;
            if lines > FUNCTION_LINES_MAX {
                let name = &function.name;
                let message = format!("{name}: {lines} lines are over {FUNCTION_LINES_MAX}");
                faults.push(Fault::new(
                    "function-length",
                    file,
                    function.first_line,
                    message,
                ));
            }
        }
    }
    if !may_be_unsafe(&file.path) {
        for offset in words(&code, "unsafe") {
            let line = line_of(&code, offset);
            faults.push(Fault::new(
                "unsafe",
                file,
                line,
                "only a few named files may say unsafe",
            ));
        }
    }
    if is_safe_crate_root(&file.path) && !code.contains("#![forbid(unsafe_code)]") {
        let message = "a crate without unsafe says #![forbid(unsafe_code)]";
        faults.push(Fault::new("forbid-unsafe", file, 1, message));
    }
}

/// The files in which memory is handed over: to C, to the kernel, to a host, to a guard page.
fn may_be_unsafe(path: &str) -> bool {
    if path.starts_with("ffi/") || path.starts_with("bindings/host/") {
        return true;
    }
    if path.starts_with("proto-http/tests/") {
        return path.ends_with("/guard.rs");
    }
    if let Some(rest) = path.strip_prefix("runtime/src/") {
        let module = rest.split(['.', '/']).next().unwrap_or_default();
        return ["io", "driver", "supervise", "shared"].contains(&module);
    }
    path.starts_with("bindings/")
        && ["/src/pump.rs", "/src/convert.rs"]
            .iter()
            .any(|end| path.ends_with(end))
}

/// The root of a crate that has no file in which unsafe is allowed.
fn is_safe_crate_root(path: &str) -> bool {
    let safe = [
        "contract/",
        "proto-http/",
        "middleware/",
        "app/",
        "cli/",
        "bindings/rust/",
    ];
    let root = path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs");
    root && safe.iter().any(|crate_path| path.starts_with(crate_path))
}

/// Longest function, in lines from its name to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;
