//! The micro workloads: one closed piece of the engine each, run again and again.
//!
//! `micro/main.rs` measures their time, `bin/icount.rs` runs them under an instruction counter, so
//! both speak of the same code. A workload checks its own result once, when it is made.
//! Knows nothing of how it is measured.
#![forbid(unsafe_code)]

mod compress;
mod crossing;
mod encode;
mod exchange;
mod limit;
mod parse;
mod requests;
mod rivals;
mod route;
mod validate;

pub use compress::COMPRESS;
pub use rivals::RIVALS;

/// One run of a workload.
pub type Operation = Box<dyn FnMut()>;

/// A workload by name.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// `noun/variant`, as it stands in tables.
    pub name: &'static str,
    /// Makes the workload; what this costs is not measured.
    pub make: fn() -> Operation,
}

/// Every workload, in the order of a request's life.
pub const CASES: &[Case] = &[
    case("parse/1_field", || parse::head(1)),
    case("parse/5_fields", || parse::head(5)),
    case("parse/12_fields", || parse::head(12)),
    case("limit/known_client", limit::known_client),
    case("limit/new_client", limit::new_client),
    case("limit/refused_client", limit::refused_client),
    case("route/static", || route::literal(0)),
    case("route/typed", || route::typed(0)),
    case("route/static_of_100", || route::literal(100)),
    case("route/typed_of_100", || route::typed(100)),
    case("route/static_of_1000", || route::literal(1000)),
    case("route/typed_of_1000", || route::typed(1000)),
    case("validate/scan_1k", validate::scan),
    case("validate/schema_1k", validate::schema),
    case("validate/read_1k", rivals::order),
    case("encode/reply_head", encode::reply_head),
    case("exchange/hello", exchange::hello),
    case("exchange/typed_path", exchange::typed_path),
    case("exchange/json_1k", exchange::json_body),
    case("crossing/hello", crossing::hello),
];

const fn case(name: &'static str, make: fn() -> Operation) -> Case {
    Case { name, make }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_again_and_again() {
        for case in CASES.iter().chain(RIVALS) {
            let mut operation = (case.make)();
            for _ in 0..3 {
                operation();
            }
        }
    }
}
