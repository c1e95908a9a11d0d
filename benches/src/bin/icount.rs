//! Runs one workload N times, for an instruction counter: `icount CASE N`, or `icount --list`.
//!
//! `benches/icount.py` runs it twice with different N and takes the difference, so that what it
//! costs to start does not count.
#![forbid(unsafe_code)]

use std::error::Error;

use spikard_bench::CASES;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [list] if list == "--list" => {
            for case in CASES {
                println!("{}", case.name);
            }
            Ok(())
        }
        [name, count] => {
            let case = CASES.iter().find(|case| case.name == name);
            let case = case.ok_or_else(|| format!("no case is called {name}; see --list"))?;
            let count: u64 = count.parse()?;
            let mut operation = (case.make)();
            for _ in 0..count {
                operation();
            }
            Ok(())
        }
        _ => Err("usage: icount CASE N | icount --list".into()),
    }
}
