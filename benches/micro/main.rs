//! The time of every micro workload: `cargo bench -p spikard-bench -- [FILTER]`.
//!
//! Wall time informs people; `benches/icount.py` is what can fail a build.

use std::time::Duration;

use criterion::Criterion;
use spikard_bench::{CASES, COMPRESS, RIVALS};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in CASES.iter().chain(RIVALS).chain(COMPRESS) {
        criterion.bench_function(case.name, |bencher| {
            let mut operation = (case.make)();
            bencher.iter(&mut operation);
        });
    }
    criterion.final_summary();
}
